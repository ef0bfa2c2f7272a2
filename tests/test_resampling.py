"""Traces at another sampling interval, and which samples are alive."""

import numpy as np
import pytest

from traces.live import MUTED, live_samples
from traces.resampling import interval_ratio, resample

INTERVALS = [(0.004, 0.001), (0.002, 0.001), (0.004, 0.0015), (1 / 300, 0.001), (0.0037, 0.001), (0.001, 0.00099)]


@pytest.mark.parametrize("n_samples", [3, 4, 75, 1500, 1501])
@pytest.mark.parametrize("dt, new_dt", INTERVALS)
def test_a_finer_interval_and_back_gives_the_same_samples(n_samples, dt, new_dt):
    traces = np.random.default_rng(0).standard_normal((2, n_samples))
    fine = resample(traces, dt, new_dt)
    assert (fine.shape[1] - 1) * new_dt >= (n_samples - 1) * dt * (1 - 1e-6)
    np.testing.assert_allclose(resample(fine, new_dt, dt)[:, :n_samples], traces, atol=1e-12)
    single = resample(traces.astype(np.float32), dt, new_dt)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, fine, atol=2e-5)


@pytest.mark.parametrize("dt, new_dt", [*INTERVALS, (0.001, 0.004), (0.001, 0.002), (0.0005, 0.001)])
def test_a_cosine_below_both_nyquist_frequencies_stays_what_it_is(dt, new_dt):
    """A cosine with a whole number of half periods is its own mirror image at both ends, so that the answer is exact.

    It is exact to rounding where no mirror image has to be added at the end.
    """
    n_samples = 1201
    duration = (n_samples - 1) * dt
    frequency = 20 / duration
    traces = np.cos(2 * np.pi * frequency * np.arange(n_samples) * dt)[None]
    new = resample(traces, dt, new_dt)
    inside = np.arange(new.shape[1]) * new_dt <= duration
    want = np.cos(2 * np.pi * frequency * np.arange(new.shape[1]) * new_dt)
    is_exact = 1200 % interval_ratio(dt, new_dt).denominator == 0
    np.testing.assert_allclose(new[0, inside], want[inside], atol=1e-9 if is_exact else 1e-3)


def test_a_coarser_interval_takes_away_what_lies_above_its_nyquist_frequency():
    t = np.arange(2001) * 0.001
    low, high = np.cos(2 * np.pi * 20 * t), np.cos(2 * np.pi * 200 * t)
    np.testing.assert_allclose(resample((low + high)[None], 0.001, 0.004)[0], low[::4], atol=1e-9)


def test_one_interval_gives_the_traces_themselves_and_bad_ones_are_refused():
    traces = np.ones((1, 9))
    assert resample(traces, 0.002, 0.002) is traces
    for dt, new_dt in ((0.0, 0.001), (0.001, np.nan), (4.0, 0.001)):
        with pytest.raises(ValueError, match="dt must be a time"):
            resample(traces, dt, new_dt)


def test_live_samples_are_those_outside_of_long_rows_of_one_value():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n_samples = int(rng.integers(2, 120))
        trace = rng.integers(0, 3, n_samples).astype(float)
        first = int(rng.integers(n_samples))
        trace[first : first + int(rng.integers(1, 60))] = rng.integers(3)
        rows = np.split(np.arange(n_samples), np.flatnonzero(np.diff(trace)) + 1)
        want = np.concatenate([np.full(len(row), len(row) < min(MUTED, n_samples)) for row in rows])
        assert (live_samples(trace[None])[0] == want).all()


def test_samples_that_are_no_numbers_are_not_alive():
    traces = np.random.default_rng(2).standard_normal((2, 50))
    traces[0, 3], traces[1] = np.inf, np.nan
    assert live_samples(traces).sum(axis=1).tolist() == [49, 0]
