"""Broadband motion: oscillators, durations and intensities with known answers, and the bands below and above 1 Hz."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from dataGeneration import stream_generator
from problems.broadband.bands import F_C, gain, join, leak, low_pass, published_low_pass, split
from problems.broadband.response import arias_intensity, horizontal_psa, psa, significant_duration
from problems.broadband.source import DT, make_records

PERIODS = np.array([0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0])


@pytest.fixture(scope="module")
def motion():
    """40 records, (40, 3, 4096)."""
    return make_records(stream_generator(0, "training"), 40).acceleration


# --- Response


def test_a_harmonic_load_is_amplified_as_the_textbook_says():
    time, damping = np.arange(20_000) * DT, 0.05
    for period, of_load in ((1.0, 1.0), (1.0, 0.5), (0.5, 2.0), (0.1, 0.4)):
        load = np.sin(2 * np.pi * time / of_load) * np.minimum(time / 50, 1)  # slowly switched on
        r = period / of_load
        expected = 1 / np.hypot(1 - r**2, 2 * damping * r)
        assert np.isclose(psa(load, DT, [period])[0], expected, rtol=0.01)


def test_an_impulse_leaves_a_decaying_oscillation():
    pulse = np.zeros(2000)
    pulse[10] = 1.0  # a velocity of dt
    for period in (1.0, 2.0, 4.0):
        w, z = 2 * np.pi / period, 0.05
        largest = np.exp(-z / np.sqrt(1 - z**2) * np.arccos(z))  # of w u / velocity
        assert np.isclose(psa(pulse, DT, [period])[0], w * DT * largest, rtol=2e-3)


def test_limits_of_short_and_of_no_periods(motion):
    found = psa(motion[:5], DT, [0.0, 0.01])
    assert np.array_equal(found[..., 0], np.abs(motion[:5]).max(axis=-1))
    # A stiff oscillator moves with the ground, whose peaks lie between samples.
    ratio = found[..., 1] / found[..., 0]
    assert 0.99 < ratio.min() < ratio.max() < 1.25


def test_the_responses_are_those_of_eqsig(motion):
    sdof = pytest.importorskip("eqsig.sdof", reason="pip install -r requirements-tests.txt brings eqsig")
    for record in motion[:3, 0].astype(np.float64):
        _, _, expected = sdof.pseudo_response_spectra(record, DT, PERIODS[2:], 0.05)
        assert np.allclose(psa(record, DT, PERIODS[2:]), expected, rtol=1e-6)
        finer = np.fft.irfft(np.fft.rfft(record), 4 * len(record)) * 4
        _, _, expected = sdof.pseudo_response_spectra(finer, DT / 4, PERIODS[:2], 0.05)
        assert np.allclose(psa(record, DT, PERIODS[:2]), expected, rtol=0.01)


def test_records_do_not_depend_on_each_other_and_the_response_is_linear(motion):
    of_all = psa(motion, DT, PERIODS)
    assert of_all.shape == (40, 3, len(PERIODS))
    assert np.allclose(psa(-2.0 * motion[7, 1], DT, PERIODS), 2 * of_all[7, 1])
    assert np.allclose(horizontal_psa(motion, DT, PERIODS), np.sqrt(of_all[:, 0] * of_all[:, 1]))


def test_duration_and_intensity_of_a_box():
    box = np.zeros((2, 4000))
    box[0, 1000:3000] = 100.0  # cm/s^2 during 20 s
    assert np.allclose(arias_intensity(box, DT), [np.pi / (2 * 980.665) * 100**2 * 20, 0])
    assert np.allclose(significant_duration(box, DT), [18.0, 0.0], atol=0.011)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.0, np.nan], DT, [1.0]), "acceleration must be finite"),
        (([0.0, 1.0], 0.0, [1.0]), "dt must be a time step"),
        (([0.0, 1.0], DT, [-1.0]), "periods must be finite numbers of at least 0 s"),
        (([0.0, 1.0], DT, [1.0], 1.0), "damping must be a share"),
    ],
)
def test_an_invalid_argument_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        psa(*arguments)


# --- Bands


def test_the_low_pass_is_a_butterworth_filter_forwards_and_backwards(motion):
    y, middle = motion[:10].astype(np.float64), slice(500, -500)  # The ends are continued in different ways.
    expected = sosfiltfilt(butter(8, F_C, fs=1 / DT, output="sos"), y, padlen=4000)
    largest = np.abs(expected).max(axis=-1, keepdims=True)
    assert np.allclose((low_pass(y) / largest)[..., middle], (expected / largest)[..., middle], atol=1e-3)
    assert gain(F_C) == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_low_and_high_add_up_to_the_record(motion, dtype):
    y = motion.astype(dtype)
    low, high = split(y)
    assert low.dtype == high.dtype == dtype
    assert np.abs(low + high - y).max() <= 1e-6 * np.abs(y).max()


def test_the_low_pass_of_a_joined_record_is_x(motion):
    y, other = motion[:-1], motion[1:]
    x = low_pass(y)
    # Another earthquake of the same level, as a generator gives it that knows x.
    other = other * np.sqrt(np.mean(x**2, axis=(1, 2)) / np.mean(low_pass(other) ** 2, axis=(1, 2)))[:, None, None]

    def wrong(joined):
        return np.abs(low_pass(joined) - x).max(axis=(1, 2)) / np.abs(x).max(axis=(1, 2))

    assert wrong(join(x, other, least_gain=1e-4)).max() < 1e-3
    assert wrong(join(x, other)).max() < 0.04 and np.median(wrong(join(x, other))) < 0.01
    assert np.median(wrong(x + split(other)[1])) > 0.1  # what adding the high-pass to x would give
    assert np.allclose(join(x, y), y, atol=1e-5 * np.abs(y).max())


def test_only_the_published_low_pass_lets_a_learnt_filter_bring_back_what_it_removed(motion):
    traces = motion.reshape(-1, motion.shape[-1])
    assert 0 <= leak(traces[:75], traces[75:]).gain < 1.0
    assert leak(traces[:75], traces[75:], published_low_pass).gain > 5.0


def test_real_records_leak_as_little():
    file = Path(__file__).parents[2] / "shared" / "data" / "real_3c_4096.npz"
    if not file.exists():
        pytest.skip(f"there is no {file.name} beside the project")
    records = np.load(file)["acc"].transpose(0, 2, 1)  # (27, 3, 4096)
    order = np.random.default_rng(0).permutation(len(records))
    train, test = (records[rows].reshape(-1, 4096) for rows in (order[:18], order[18:]))
    assert 0 <= leak(train, test).gain < 1.0
    assert leak(train, test, published_low_pass).gain > 5.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: low_pass(x * np.nan), "records must be finite"),
        (lambda x: join(x, np.full_like(x, np.inf)), "generated must be finite"),
        (lambda x: join(x, x[:1]), r"must be of one shape, not \(2, 3, 4096\) and \(1, 3, 4096\)"),
        (lambda x: join(x, x, least_gain=0.0), "least_gain must be a gain of 1e-06 to 1"),
    ],
)
def test_records_that_cannot_be_filtered_are_named(motion, call, words):
    with pytest.raises(ValueError, match=words):
        call(motion[:2])
