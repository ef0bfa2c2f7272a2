"""The operators of networks for records are those of NumPy, and have gradients."""

import numpy as np
import pytest

from problems.broadband.bands import join
from problems.broadband.operators import joined, log_psa, log_psa_of_low, low_passed, matched
from problems.broadband.parts import LONG_PERIODS, SHORT_PERIODS, make_part
from problems.broadband.parts import log_psa as exact_log_psa
from problems.broadband.waveforms import match_spectrum
from support.startup import load_keras

keras = load_keras()


@pytest.fixture(scope="module")
def part():
    return make_part(3, "training", 6)


def as_layers_have_it(records):
    return records.transpose(0, 2, 1)


def as_records(tensor):
    return keras.ops.convert_to_numpy(tensor).transpose(0, 2, 1)


def test_the_low_pass_and_the_joining_are_those_of_numpy(part):
    others = part.y[::-1]
    peak = np.abs(part.x).max(axis=(1, 2), keepdims=True)
    largest = np.abs(others).max(axis=(1, 2), keepdims=True)
    found = as_records(low_passed(as_layers_have_it(part.y)))
    assert (np.abs(found - part.x) / np.abs(part.y).max(axis=(1, 2), keepdims=True)).max() < 1e-5
    found = as_records(joined(as_layers_have_it(part.x), as_layers_have_it(others)))
    # Dividing by a gain of 0.01 enlarges the rounding of float32.
    assert (np.abs(found - join(part.x, others)) / np.maximum(largest, peak)).max() < 2e-3


def test_the_matching_is_that_of_numpy(part):
    others = part.y[::-1]
    found = keras.ops.convert_to_numpy(
        matched(as_layers_have_it(part.x), as_layers_have_it(others), part.target.astype(np.float32), 3)
    )
    exact = match_spectrum(part.x, others, part.target, 3)
    spectra = [exact_log_psa(records, SHORT_PERIODS) for records in (found.transpose(0, 2, 1), exact)]
    np.testing.assert_allclose(*spectra, atol=0.03)
    before = exact_log_psa(join(part.x, others), SHORT_PERIODS)
    assert np.abs(spectra[0] - part.target).mean() < 0.2 * np.abs(before - part.target).mean()


def test_the_spectra_are_those_of_numpy(part):
    short = keras.ops.convert_to_numpy(log_psa(as_layers_have_it(part.y), SHORT_PERIODS))
    assert short.shape == (6, 9)
    np.testing.assert_allclose(short, part.target, atol=0.01)
    long = keras.ops.convert_to_numpy(log_psa_of_low(as_layers_have_it(part.x), LONG_PERIODS))
    np.testing.assert_allclose(long, part.spectrum, atol=0.01)


def test_a_record_of_zeros_has_a_spectrum_that_is_a_number():
    assert np.isfinite(keras.ops.convert_to_numpy(log_psa(np.zeros((1, 64, 3), np.float32), (0.0, 0.1)))).all()


def test_a_record_twice_as_large_has_twice_the_response(part):
    one, two = (log_psa(factor * as_layers_have_it(part.y[:2]), (0.0, 0.05, 0.5)) for factor in (1, 2))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(two - one), np.log10(2), atol=1e-5)
    assert exact_log_psa(part.y[:2], np.array([0.5])).shape == (2, 1)
