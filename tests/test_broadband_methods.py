"""Broadband motion: parts without shared earthquakes, methods, scores with known answers, records, and the tables."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from dataGeneration import TRACES_PER_BLOCK
from problems.broadband.comparison import (
    best_of,
    leaks,
    pairs_in_words,
    qualities,
    rows_of,
    table,
    table_of_leaks,
    table_of_periods,
    table_of_ways,
)
from problems.broadband.parts import (
    INPUTS,
    LONG_PERIODS,
    SHORT_PERIODS,
    energy_in_time,
    log_psa,
    make_part,
    make_parts,
)
from problems.broadband.scores import bias, coverage, paired_difference, rms
from problems.broadband.spectral import CHEAP, INFORMED, METHODS, Learned, source_estimator
from problems.broadband.waveforms import INFORMED_WAYS, WAYS, Given, match_spectrum, quality

ROOT = Path(__file__).parents[1]


@cache
def parts():
    return make_parts(1, (400, 100, 100))


@cache
def rows():
    """The cheap and the informed methods, by name."""
    return {row.name: row for row in rows_of(parts(), (*CHEAP, *INFORMED))}


# --- Parts


def test_no_earthquake_is_in_two_parts_and_blocks_differ():
    magnitudes = np.concatenate([part.sources.magnitude for part in parts()])
    assert len(np.unique(magnitudes)) == 600 > TRACES_PER_BLOCK
    first_samples = np.concatenate([part.y[:, 0, 500] for part in parts()])
    assert len(np.unique(first_samples)) == 600


def test_a_part_does_not_depend_on_its_size():
    few = make_part(1, "training", 20)
    for first, second in zip(few, parts().training.take(slice(0, 20)), strict=True):
        assert np.allclose(np.asarray(first), np.asarray(second), rtol=1e-4, atol=1e-4)


def test_the_periods_are_the_published_ones():
    assert len(SHORT_PERIODS) == 9 and len(LONG_PERIODS) == 20 and LONG_PERIODS[-1] == 5.0
    assert SHORT_PERIODS.max() < LONG_PERIODS.min()


def test_the_inputs_of_a_method_follow_from_x_alone():
    part = parts().test.take(slice(0, 10))
    other = part._replace(y=part.y * 0, target=part.target * 0, own_spectrum=part.own_spectrum * 0)
    for name in ("spectrum of x", "spectrum of x and its energy in time"):
        assert np.array_equal(INPUTS[name](part), INPUTS[name](other))
    assert np.array_equal(part.spectrum, log_psa(part.x, LONG_PERIODS))
    assert np.array_equal(part.energy, energy_in_time(part.x))


def test_amplitudes_scale_all_that_is_logarithmic():
    part = parts().test.take(slice(0, 5))
    assert np.allclose(log_psa(10 * part.y, SHORT_PERIODS), part.target + 1)
    assert np.allclose(energy_in_time(10 * part.x), part.energy + 2, atol=1e-5)


@pytest.mark.parametrize(("stream", "n", "words"), [("blind", 0, "n must be"), ("test", 1, "stream 'test'")])
def test_an_invalid_part_is_named(stream, n, words):
    with pytest.raises(ValueError, match=words):
        make_part(0, stream, n)


# --- Scores


def test_the_interval_of_the_rms_has_the_width_that_chi_squared_gives():
    errors = 0.2 * np.random.default_rng(0).standard_normal((2000, 1))
    found = rms(errors)
    assert np.isclose(found.value, 0.2, rtol=0.05)
    assert np.isclose(found.high - found.low, 2 * 1.96 * 0.2 / np.sqrt(2 * 2000), rtol=0.1)


def test_the_interval_of_the_bias_has_the_width_of_the_standard_error():
    errors = 0.1 + 0.2 * np.random.default_rng(0).standard_normal((2000, 1))
    found = bias(errors)
    assert found.low < 0.1 < found.high
    assert np.isclose(found.high - found.low, 2 * 1.96 * 0.2 / np.sqrt(2000), rtol=0.1)


def test_a_paired_difference_is_narrower_than_both_intervals():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((300, 9))
    second = 1.1 * first + 0.01 * rng.standard_normal((300, 9))
    found = paired_difference(second, first)
    assert 0.09 < found.low < found.value < found.high < 0.11
    assert paired_difference(first, second).value == -found.value
    with pytest.raises(ValueError, match="the same records"):
        paired_difference(first, second[1:])


# --- Methods


def test_methods_are_as_good_as_what_they_know():
    error = {name: row.rms.value for name, row in rows().items()}
    assert error["mean spectrum"] > 0.6
    assert error["mean spectrum"] > error["its shape scaled at 0.75 s"] > error["ridge, spectrum of x"]
    assert error["ridge, spectrum of x"] > error["ridge, spectrum and energy"] < 0.3
    # What x has lost near 1 Hz is worth as much as what it shows of the time: the published input is that of y.
    assert error["ridge, spectrum of y"] < error["ridge, spectrum of x"] - 0.02
    assert error["ridge, spectrum of x, true M and R"] < error["ridge, spectrum of x"]
    # So is what a low-pass has left above 1 Hz, as x has no noise.
    assert error["ridge, x restored to 1.78 Hz"] < error["ridge, spectrum and energy"] - 0.01


def test_the_bands_have_about_their_share():
    for name, row in rows().items():
        assert 0.5 < row.coverage < 0.85, name
        assert (row.prediction.low <= row.prediction.median).mean() > 0.9


@pytest.mark.parametrize("name", [name for name in METHODS if name != "published network, 467 records"])
def test_every_method_predicts_spectra_that_repeat(name):
    training, validation, test = (part.take(slice(0, 40)) for part in parts())
    found, again = (METHODS[name]().fit(training, validation).predict(test).median for _ in range(2))
    assert found.shape == (40, 9) and np.array_equal(found, again)
    assert np.sqrt(np.mean((found - test.target) ** 2)) < 1.2


def test_a_method_may_learn_from_fewer_records():
    training, validation, test = parts()
    found = Learned([DummyRegressor()], "spectrum of x", n=7).fit(training, validation).predict(test)
    assert np.allclose(found.median, training.target[:7].mean(axis=0))


def test_validation_chooses_and_the_test_plays_no_role():
    training, validation, _ = parts()
    method = METHODS["ridge, spectrum and energy"]().fit(training, validation)
    errors = [
        np.mean((each.predict(method.features(validation)) - validation.target) ** 2) for each in method.candidates
    ]
    assert method.chosen is method.candidates[int(np.argmin(errors))]
    found = method.predict(validation)
    assert np.isclose(coverage(validation.target, found.low, found.high), 0.68, atol=0.02)


def test_the_magnitude_and_the_distance_show_in_x():
    training, validation, test = parts()
    magnitude, distance = source_estimator().fit(training, validation).predict(test).median.T
    assert np.std(magnitude - test.sources.magnitude) < 0.4
    assert np.std(distance - np.log10(test.sources.distance)) < 0.2


# --- Records


@cache
def made():
    names = [name for name in WAYS if "published" not in name and "extra trees" not in name]
    few = parts()._replace(test=parts().test.take(slice(0, 40)))
    return qualities(few, list(rows().values()), 1, names)


def test_the_true_records_are_perfect():
    part = parts().test.take(slice(0, 10))
    found = quality(part.y, part)
    assert np.all(found.errors == 0) and np.all(found.duration_ratio == 1) and found.low_pass_error.max() < 1e-6
    np.testing.assert_allclose(found.envelope, 10)


def test_matched_records_have_their_spectrum_and_keep_x():
    part, other = parts().test.take(slice(0, 20)), parts().validation.take(slice(0, 20))
    found = quality(match_spectrum(part.x, other.y, part.target), part)
    assert np.sqrt(np.mean(found.errors[:, 1:] ** 2)) < 0.05 and np.median(found.low_pass_error) < 0.02
    with pytest.raises(ValueError, match=r"the target must be \(20, 9\)"):
        match_spectrum(part.x, other.y, part.target[:, 1:])


def test_records_are_as_near_as_what_they_are_made_of():
    error = {name: np.sqrt(np.mean(each.errors**2)) for name, each in made().items()}
    truth, phases = (error[name] for name in INFORMED_WAYS[:2])
    assert truth < phases < error["stochastic, M and R from x"] < error["x alone"]
    assert phases < 0.2 and error["nearest training record"] < 0.6 and error["x alone"] > 1.0
    assert made()["x alone"].errors.mean() < -1
    assert 0.8 < np.median(made()[INFORMED_WAYS[1]].duration_ratio) < 1.25
    assert made()["nearest training record"].low_pass_error.max() < 0.1


def test_errors_of_the_spectrum_cost_the_envelope_and_drawn_ones_cost_more():
    few, rng = parts()._replace(test=parts().test.take(slice(0, 40))), np.random.default_rng(0)
    predicted = few.test.target + rng.normal(0, 0.2, (40, 1))
    given = Given(few, {"extra trees, spectrum and energy": predicted}, np.empty(0), rng)
    scores = [quality(WAYS[name](given), few.test).envelope.mean() for name in INFORMED_WAYS[1:]]
    assert 7 > scores[0] > scores[1] + 0.3 > scores[2] + 0.6


# --- Words


def test_the_tables_say_what_was_measured():
    found = list(rows().values())
    words = table(found)
    best = best_of(found)
    assert best.name == "ridge, spectrum and energy" and f"{best.rms.value:.3f}" in words
    assert "100 test records" in words and "(ridge, spectrum of y)" in words
    by_period = table_of_periods(best, parts().test).splitlines()
    at_peak = np.sqrt(np.mean(best.errors[:, 0] ** 2))
    assert f"{at_peak:.3f}" in by_period[-9]
    pairs = pairs_in_words(found, best.name).splitlines()
    assert len(pairs) == len(found) - 1 and "is better than mean spectrum" in pairs[0]
    assert all(name in table_of_ways(made()) for name in made())
    of_leaks = leaks(parts())
    assert of_leaks["zero phase, order 8 twice"].gain < 1.0 and "published" in table_of_leaks(of_leaks)


def test_names_that_are_unknown_are_named():
    with pytest.raises(ValueError, match="methods 'best' is unknown"):
        rows_of(parts(), ["best"])
    with pytest.raises(ValueError, match="ways 'best' is unknown"):
        qualities(parts(), [], 1, ["best"])


def test_neither_keras_nor_matplotlib_is_loaded():
    code = (
        "import sys, problems.broadband.comparison\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'optuna', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
