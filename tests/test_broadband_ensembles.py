"""Ensembles of broadband records: metrics with known answers, calibration of true alternatives, tables, refusals."""

from functools import cache

import numpy as np
import pytest

from problems.broadband.bands import join
from problems.broadband.ensembles import (
    FREQUENCY_BANDS,
    METRICS,
    Measured,
    bands_of,
    correlation_error,
    latent_statistics,
    measured,
    scores_of,
    spread_calibration,
    table_of_ensembles,
)
from problems.broadband.parts import SHORT_PERIODS, make_part
from problems.broadband.scores import quantiles
from problems.broadband.source import ground_motion
from problems.broadband.waveforms import quality

N_PERIODS = len(SHORT_PERIODS)
CORRELATION = 0.7


@cache
def part():
    return make_part(1, "blind", 30)


@cache
def alternatives():
    """What the true source, path and site could have given as well: the truth is like a member."""
    rng = np.random.default_rng(0)
    members = [join(part().x, ground_motion(rng, part().sources)) for _ in range(6)]
    return measured(np.stack(members, axis=1), part(), n_scored=1, n_frequencies=15)


def drawn(n=600, n_members=20, draw=lambda rng, shape: rng.standard_normal(shape)):
    """Spectra (n, n_members, 9) and (n, 9), whose deviations have the standard deviation 0.2 and CORRELATION."""
    rng = np.random.default_rng(0)
    of_all, of_each = draw(rng, (n, n_members + 1, 1)), draw(rng, (n, n_members + 1, N_PERIODS))
    deviation = 0.2 * (np.sqrt(CORRELATION) * of_all + np.sqrt(1 - CORRELATION) * of_each)
    values = rng.standard_normal((n, 1, N_PERIODS)) + deviation
    return values[:, 1:], values[:, 0]


def ensemble(log_psa, target):
    """An ensemble with spectra alone."""
    ones = np.ones(log_psa.shape[:2])
    return Measured(log_psa, target, np.zeros((*ones.shape, len(FREQUENCY_BANDS))), ones, ones, 0 * ones, ones, ones)


def contains(interval, value):
    return interval.low <= value <= interval.high


# --- Spread


@pytest.mark.parametrize("n_members", [3, 20])
@pytest.mark.parametrize(
    "draw",
    [lambda rng, shape: rng.standard_normal(shape), lambda rng, shape: rng.exponential(size=shape) - 1],
    ids=["normal", "skewed"],
)
def test_a_calibrated_ensemble_has_the_right_values_for_any_size_and_distribution(n_members, draw):
    made = ensemble(*drawn(n_members=n_members, draw=draw))
    assert contains(spread_calibration(made), 1) and contains(correlation_error(made), 0)
    if n_members == 20:
        found = scores_of(made)
        assert np.isclose(found["truth from 16th to 84th percentile"].value, 0.68, atol=0.03)
        assert np.isclose(found["truth from 5th to 95th percentile"].value, 0.90, atol=0.02)


def test_members_with_half_of_the_spread_are_seen():
    members, target = drawn()
    center = members.mean(axis=1, keepdims=True)
    found = scores_of(ensemble(center + 0.5 * (members - center), target))
    assert contains(found["spread calibration"], 2) and found["spread calibration"].low > 1.8
    assert found["truth from 16th to 84th percentile"].value < 0.45


def test_equal_members_promise_no_error_at_all():
    _, target = drawn()
    assert spread_calibration(ensemble(np.ones((600, 4, N_PERIODS)), target)).value == np.inf


def test_members_of_independent_periods_and_of_one_level_are_seen():
    members, target = drawn()
    rng = np.random.default_rng(1)
    center = members.mean(axis=1, keepdims=True)
    for n_drawn, right in ((N_PERIODS, -CORRELATION), (1, 1 - CORRELATION)):
        deviation = rng.standard_normal((*members.shape[:2], n_drawn))
        made = center + 0.2 * (deviation - deviation.mean(axis=1, keepdims=True))
        assert contains(correlation_error(ensemble(made, target)), right)


def test_a_bias_counts_as_an_error_and_not_as_a_correlation():
    members, target = drawn()
    off = ensemble(members + 0.2, target)
    assert contains(scores_of(off)["bias of the median PSA"], 0.2)
    assert np.isclose(spread_calibration(off).value, np.sqrt(2), rtol=0.05)
    assert np.isclose(correlation_error(off).value, correlation_error(ensemble(members, target)).value)


def test_the_bands_of_few_members_end_at_the_outer_ones():
    values = np.random.default_rng(0).standard_normal((50, 5, 2))
    found = bands_of(values)
    assert np.array_equal(found.lowest, values.min(axis=1)) and np.array_equal(found.highest, values.max(axis=1))
    assert np.array_equal(found.median, np.median(values, axis=1))


# --- Records


def test_other_phases_of_the_true_source_are_a_calibrated_ensemble():
    found = scores_of(alternatives())
    assert contains(found["spread calibration"], 1)
    assert contains(found["truth from 16th to 84th percentile"], 0.68)
    assert contains(found["correlation between periods"], 0)
    assert all(abs(found[f"Fourier amplitude at {a:g}-{b:g} Hz"].value) < 0.05 for a, b in FREQUENCY_BANDS)
    assert np.isclose(found["ratio of duration, median"].value, 1, atol=0.1)
    assert found["low-pass beside x"].value < 0.01
    assert 5.2 < found["EG, envelope"].value < 6.8 and found["PG, phase below 1 Hz"].value > 9.8


def test_twice_the_motion_has_known_answers():
    few = part().take(slice(0, 3))
    twice = measured(2 * few.y[:, None], few, n_frequencies=5)
    found = scores_of(twice)
    assert np.isclose(found["bias of the median PSA"].value, np.log10(2))
    assert np.isclose(found["rms error of the median PSA"].value, np.log10(2))
    assert all(np.isclose(found[f"Fourier amplitude at {a:g}-{b:g} Hz"].value, np.log10(2)) for a, b in FREQUENCY_BANDS)
    assert np.isclose(found["ratio of Arias intensity, median"].value, 4)
    assert np.isclose(found["ratio of duration, 84th percentile"].value, 1)
    assert np.isclose(found["low-pass beside x"].value, 1)
    assert np.isclose(found["PG, phase below 1 Hz"].value, 10)
    assert "spread calibration" not in found  # which one member cannot have


def test_one_member_is_measured_as_a_single_record_and_ensembles_one_by_one_as_all_at_once():
    few = part().take(slice(0, 3))
    members = np.stack([few.y[[1, 2, 0]], few.y[[2, 0, 1]]], axis=1)
    at_once = measured(members, few, n_frequencies=5)
    one_by_one = measured(iter(members), few, n_frequencies=5)
    for first, second in zip(at_once, one_by_one, strict=True):
        assert np.array_equal(first, second)
    single = quality(members[:, 1], few)
    assert np.allclose(at_once.log_psa[:, 1] - few.target, single.errors)
    assert np.allclose(at_once.duration_ratio[:, 1], single.duration_ratio)
    assert np.allclose(at_once.low_pass_error[:, 1], single.low_pass_error, rtol=1e-4)


def test_quantiles_over_members_have_the_interval_of_records():
    values = np.random.default_rng(0).standard_normal((400, 1))
    (alone,) = quantiles(values, (0.5,))
    (equal,) = quantiles(np.repeat(values, 10, axis=1), (0.5,))
    assert np.allclose(alone, equal, atol=0.02)  # Equal members are not ten times as many records.
    assert np.isclose(alone.high - alone.low, 2 * 1.96 * 1.2533 / 20, rtol=0.25)
    assert np.isclose(alone.value, np.median(values), atol=1e-6)


# --- In words


def test_the_table_has_each_metric_with_its_interval_beside_the_right_value():
    one = ensemble(*drawn(n=50, n_members=1))
    words = table_of_ensembles({"alternatives": alternatives(), "one": one})
    for name in METRICS:
        assert name in words
    (line,) = [line for line in words.splitlines() if line.startswith("spread calibration")]
    value = scores_of(alternatives())["spread calibration"]
    assert line.split()[2:] == ["1", f"{value.value:.3f}", f"({value.low:.3f}", "to", f"{value.high:.3f})", "-"]
    assert max(map(len, words.splitlines())) <= 120


# --- Latent fields


def test_latent_fields_of_noise_and_of_one_channel_that_repeats_another():
    rng = np.random.default_rng(0)
    latents = 0.5 + 2 * rng.standard_normal((40, 128, 4))
    found = latent_statistics(latents)
    assert contains(found.mean, 0.5) and contains(found.std, np.sqrt(4.25)) and found.correlation < 0.1
    latents[..., 3] = -latents[..., 0]
    assert np.isclose(latent_statistics(latents).correlation, 1)
    assert latent_statistics(latents[..., :1]).correlation == 0


# --- Refusals


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda y: y[:2, None], "one ensemble for each of 3 records, and not 2"),
        (lambda y: [y[:1], y[:1], y[:1], y[:1]], "one ensemble for each of 3 records, and not more"),
        (lambda y: [y[:1], y[:2], y[:1]], r"must be \(n_members, 3, n_samples\), here \(1, 3, 4096\)"),
        (lambda y: y[:, None, :2], r"not \(1, 2, 4096\)"),
        (lambda y: 0 * y[:, None], "one of ensemble 0"),
        (lambda y: np.nan * y[:, None], "finite"),
    ],
)
def test_invalid_ensembles_are_refused(made, words):
    few = part().take(slice(0, 3))
    with pytest.raises(ValueError, match=words):
        measured(made(few.y), few, n_frequencies=2)


def test_invalid_latents_are_refused():
    for latents in (np.ones((2, 3)), np.full((2, 3, 4), np.nan)):
        with pytest.raises(ValueError, match="latents must be finite numbers"):
            latent_statistics(latents)
