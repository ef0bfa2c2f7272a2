"""Goodness of fit: scores with known answers, ObsPy's scores as the reference, and records aligned in time."""

from functools import cache

import numpy as np
import pytest
from scipy.fft import irfft, rfft
from scipy.ndimage import uniform_filter1d

from problems.broadband.bands import F_C, low_pass, published_low_pass
from problems.broadband.goodness import PERFECT, align, goodness, misfits
from problems.broadband.response import arias_times
from problems.broadband.source import DT, N_SAMPLES, make_records

FEW = 25  # frequencies, which are as good as 100 for the mean of several records


@cache
def records():
    return make_records(np.random.default_rng(0), 12).acceleration.astype(np.float64)


def other_phases(y, rng):
    """x with, above it, the envelope in time and then the spectrum of the true motion, and phases of noise."""
    x = low_pass(y)
    high = y - x
    envelope = np.sqrt(uniform_filter1d(high**2, 50))
    spectrum = rfft(envelope * rng.standard_normal(y.shape))
    return x + irfft(np.abs(rfft(high)) * np.exp(1j * np.angle(spectrum)), N_SAMPLES)


# --- Known answers


def test_a_record_fits_itself_perfectly():
    found = goodness(records()[:2], records()[:2], n_frequencies=FEW)
    assert np.allclose(found.envelope, PERFECT, atol=1e-6) and np.allclose(found.phase, PERFECT, atol=1e-6)


def test_half_the_amplitude_loses_envelope_by_energy_and_no_phase():
    y = records()[:1]
    found = misfits(0.5 * y, y, n_frequencies=FEW)
    assert np.isclose(found.envelope.max(), 0.5) and np.allclose(found.phase, 0, atol=1e-6)
    energy = goodness(0.5 * y, y, n_frequencies=FEW).envelope
    assert 10 * np.exp(-0.5) < energy[0] < 7.5  # Components with less energy lose less.


def test_the_opposite_sign_loses_all_phase_and_no_envelope():
    y = np.repeat(records()[:1, :1], 3, axis=1)
    found = goodness(-y, y, n_frequencies=FEW)
    assert np.allclose(found.envelope, PERFECT) and np.allclose(found.phase, 0)


def test_a_quarter_of_a_period_late_is_half_of_the_phase():
    time = np.arange(4000) * DT
    burst = np.exp(-(((time - 20) / 4) ** 2)) * np.sin(2 * np.pi * time)
    late = np.roll(burst, 25)
    found = misfits(late[None, None], burst[None, None], lowest=0.9, highest=1.1, n_frequencies=11)
    assert np.isclose(found.phase[0, 0], 0.5, atol=0.01) and found.envelope[0, 0] < 0.1


def test_the_reference_is_the_second_argument():
    y = records()[:1]
    assert np.isclose(misfits(2 * y, y, n_frequencies=FEW).envelope.max(), 1.0)
    assert np.isclose(misfits(y, 2 * y, n_frequencies=FEW).envelope.max(), 0.5)


def test_a_unit_changes_nothing_and_few_frequencies_are_enough_for_a_mean():
    y, other = records()[:4], records()[4:8]
    many, few = (goodness(other, y, n_frequencies=n) for n in (100, FEW))
    assert np.allclose(few.envelope.mean(), many.envelope.mean(), atol=0.1)
    assert np.allclose(few.phase.mean(), many.phase.mean(), atol=0.1)
    assert np.allclose(few, goodness(other / 981, y / 981, n_frequencies=FEW))


def test_several_members_of_a_reference_are_scored_each():
    y = records()[:2]
    members = np.stack([y, 0.5 * y, -y], axis=1)
    found = goodness(members, y, n_frequencies=FEW)
    assert found.envelope.shape == (2, 3)
    for member, record in enumerate((y, 0.5 * y, -y)):
        alone = goodness(record, y, n_frequencies=FEW)
        assert np.allclose(np.stack(found)[..., member], np.stack(alone))


@pytest.mark.parametrize(
    ("made", "envelope", "phase"),  # means of twelve records
    [
        (lambda y: 0.5 * y, (6.4, 6.8), (9.99, 10.01)),
        (low_pass, (4.2, 5.2), (5.3, 6.3)),
        (published_low_pass, (4.6, 5.8), (3.0, 4.0)),
        (lambda y: other_phases(y, np.random.default_rng(1)), (5.9, 6.6), (5.1, 6.1)),
    ],
    ids=["half", "x", "published x", "other phases"],
)
def test_the_scores_of_reference_cases(made, envelope, phase):
    found = goodness(made(records()), records(), n_frequencies=FEW)
    assert envelope[0] < found.envelope.mean() < envelope[1] and phase[0] < found.phase.mean() < phase[1]


def test_x_has_all_of_the_motion_below_its_cutoff():
    y = records()[:3]
    found = goodness(low_pass(y), y, highest=0.5 * F_C, n_frequencies=10)
    assert found.envelope.min() > 9.9 and found.phase.min() > 9.9


@pytest.mark.parametrize("n_frequencies", [100, 30])
def test_scores_are_those_of_obspy(n_frequencies):
    reference = pytest.importorskip("obspy.signal.tf_misfit", reason="requirements-tests.txt brings obspy")
    y = records()[:2]
    for record in (0.5 * y[0], low_pass(y[0]), published_low_pass(y[0]).astype(np.float64), y[1]):
        found = misfits(record[None], y[:1], n_frequencies=n_frequencies)
        given = {"dt": DT, "fmin": 0.1, "fmax": 30.0, "nf": n_frequencies}
        assert np.allclose(10 * np.exp(-found.envelope[0]), reference.eg(record, y[0], **given), atol=0.002)
        # Where the envelope is near 0 a phase turns over between two of our times, which lie further apart.
        assert np.allclose(10 * (1 - found.phase[0]), reference.pg(record, y[0], **given), atol=0.02)


# --- Alignment


def test_a_late_record_moves_back_and_one_in_time_stays():
    y = records()[:2]
    late = np.zeros_like(y)
    late[..., 150:] = y[..., :-150]
    late[1] = y[1]
    aligned, shifts = align(late, y)
    assert np.allclose(shifts, [-1.5, 0.0])
    assert np.array_equal(aligned[0, :, :-150], y[0, :, :-150]) and not aligned[0, :, -150:].any()
    assert np.array_equal(aligned[1], y[1])


def test_all_components_move_together_and_the_sign_does_not_count():
    y, other = records()[:3], records()[3:6]
    aligned, shifts = align(-other, y)
    reached = [arias_times(np.linalg.norm(each, axis=1), DT, (0.05,)) for each in (other, y)]
    assert np.allclose(shifts, (reached[1] - reached[0])[:, 0])
    assert np.allclose(align(other, y)[0], -aligned)


# --- Refusals


@pytest.mark.parametrize(
    ("shapes", "given", "words"),
    [
        (((2, 3, 64), (3, 3, 64)), {}, "a reference .* is needed"),
        (((3, 64), (3, 64)), {}, "a reference .* is needed"),
        (((1, 3, 64), (1, 3, 64)), {"highest": 60.0}, "highest must be a frequency of 1e-06 to 50 Hz, not 60.0"),
        (((1, 3, 64), (1, 3, 64)), {"lowest": 40.0}, "lowest must be a frequency of 1e-06 to 30 Hz"),
        (((1, 3, 64), (1, 3, 64)), {"n_frequencies": 0}, "n_frequencies"),
    ],
)
def test_an_invalid_comparison_is_refused(shapes, given, words):
    with pytest.raises(ValueError, match=words):
        misfits(*map(np.ones, shapes), **given)


def test_a_reference_without_motion_and_a_record_with_gaps_are_refused():
    y = records()[:1]
    with pytest.raises(ValueError, match="the reference must have motion"):
        goodness(y, 0 * y, n_frequencies=2)
    with pytest.raises(ValueError, match="records must be finite"):
        goodness(np.nan * y, y, n_frequencies=2)
    with pytest.raises(ValueError, match="one shape"):
        align(y[..., 1:], y)
