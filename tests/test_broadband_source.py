"""Broadband motion: the stochastic point source against its formulas and its own parameters."""

import numpy as np
import pytest
from scipy.fft import rfft, rfftfreq

from dataGeneration import stream_generator
from problems.broadband import source
from problems.broadband.source import (
    DISTANCES,
    DT,
    MAGNITUDES,
    N_PADDED,
    N_SAMPLES,
    P_TIME,
    P_WAVE,
    ROCK,
    S_MINUS_P,
    Sources,
    amplitude_spectrum,
    draw_sources,
    ground_motion,
    make_records,
    spreading,
    window,
)

VALUES = {"magnitude": 5.0, "distance": 20.0, "stress_drop": 60.0, "kappa": 0.035, "q0": 200.0, "q_exponent": 0.45}
SITE = {"site_frequency": 4.0, "site_gain": 1.0, "duration_factor": 1.0}


def sources_of(n=1, **changed):
    """n equal sources without a resonance of the site, with some values changed."""
    return Sources(**{name: np.full(n, value) for name, value in (VALUES | SITE | changed).items()})


def rng_of(seed=0):
    return stream_generator(seed, "training")


def test_a_seed_gives_its_records_again_and_another_seed_gives_others():
    first, again, other = (make_records(rng_of(seed), 3) for seed in (1, 1, 2))
    assert np.array_equal(first.acceleration, again.acceleration)
    assert not np.isclose(first.acceleration, other.acceleration).all(axis=2).any()
    assert first.acceleration.shape == (3, 3, N_SAMPLES) and first.acceleration.dtype == np.float32


def test_the_first_records_do_not_depend_on_how_many_follow(monkeypatch):
    few = make_records(rng_of(), 2)
    monkeypatch.setattr(source, "RECORDS_AT_ONCE", 3)
    many = make_records(rng_of(), 5)
    assert np.allclose(many.acceleration[:2], few.acceleration, rtol=1e-5, atol=1e-5 * few.acceleration.max())
    assert all(np.array_equal(a[:2], b) for a, b in zip(many.sources, few.sources, strict=True))


def test_the_draws_have_their_ranges_and_medians():
    drawn = draw_sources(rng_of(), 4000)
    for values, (low, high) in ((drawn.magnitude, MAGNITUDES), (np.log(drawn.distance), np.log(DISTANCES))):
        assert low <= values.min() < values.max() <= high and np.isclose(values.mean(), (low + high) / 2, rtol=0.02)
    medians = ((drawn.stress_drop, 60, 0.6), (drawn.kappa, 0.035, 0.35), (drawn.site_gain, 1.8, 0.35))
    for values, median, sigma in medians:
        assert np.isclose(np.median(values), median, rtol=0.04) and np.isclose(np.log(values).std(), sigma, rtol=0.05)
    independent = np.corrcoef(np.stack(drawn)) - np.eye(len(drawn))
    assert abs(independent).max() < 0.06


def test_the_constant_is_that_of_boore():
    # 0.55 x 0.7071 x 2 / (4 pi rho beta^3 x 1 km) x 1e-20 is 5.16e-24 for 2.8 g/cm^3 and 3.5 km/s.
    assert np.isclose(source.SCALE, 5.156e-24, rtol=1e-3)
    assert np.isclose(source.corner_frequency(sources_of())[0], 4.906e6 * 3.5 * (60 / 10**23.55) ** (1 / 3))


def test_the_spectrum_has_its_slopes_and_decays():
    plain = sources_of(q0=1e9, kappa=0.0, magnitude=6.0)
    f = np.array([0.01, 0.02, 20.0, 40.0])
    rock = np.exp(np.interp(np.log(f), *np.log(ROCK).T))
    low_cut = (f / 0.08) ** 4 / np.sqrt(1 + (f / 0.08) ** 8)
    of_source = amplitude_spectrum(plain, f)[0] / rock / low_cut
    assert np.isclose(of_source[1] / of_source[0], 4.0, rtol=0.02)  # omega squared below the corner
    assert np.isclose(of_source[3] / of_source[2], 1.0, rtol=0.001)  # flat above it
    with_kappa = amplitude_spectrum(plain._replace(kappa=np.array([0.04])), f)[0] / rock / low_cut
    assert np.allclose(np.log(with_kappa / of_source), -np.pi * 0.04 * f)
    with_q = amplitude_spectrum(plain._replace(q0=np.array([200.0])), f)[0] / rock / low_cut
    assert np.allclose(np.log(with_q / of_source), -np.pi * 20.0 / (200 * 3.5) * f**0.55, rtol=1e-4)
    resonant = amplitude_spectrum(sources_of(site_gain=3.0), np.array([4.0, 40.0]))
    assert np.allclose(resonant / amplitude_spectrum(sources_of(), np.array([4.0, 40.0])), [3.0, 1.0], atol=0.01)


def test_the_spreading_is_continuous():
    assert np.allclose(spreading(np.array([69.999, 130.001])), 1 / 70, rtol=1e-4)
    assert np.isclose(spreading(np.array([20.0])), 2 * spreading(np.array([40.0])))


def test_the_window_has_its_peak_and_its_end():
    time = np.arange(0, 40, 0.01)
    found = window(time, np.array(20.0))
    assert np.isclose(time[found.argmax()], 4.0, atol=0.011) and found.max() <= 1
    assert np.isclose(found[2000], 0.05)


def test_records_have_the_amplitude_spectrum_of_their_source(monkeypatch):
    monkeypatch.setattr(source, "N_SAMPLES", N_PADDED)  # nothing is lost
    monkeypatch.setattr(source, "P_WAVE", P_WAVE._replace(level=np.zeros(3)))
    sources = sources_of(200)
    spectrum = np.abs(rfft(ground_motion(rng_of(), sources).astype(np.float64))) * DT
    f = rfftfreq(N_PADDED, DT)
    rms = np.sqrt(np.mean(spectrum**2, axis=0))  # (3, n_frequencies)
    expected = amplitude_spectrum(sources_of(), f)[0]
    for low, high in ((0.3, 0.6), (1, 2), (4, 8), (15, 25)):
        band = (f > low) & (f < high)
        found = np.sqrt(np.mean(rms[:, band] ** 2, axis=1) / np.mean(expected[band] ** 2))
        assert np.allclose(found, [1.0, 1.0, 0.6], rtol=0.05)


def test_the_waves_arrive_at_their_times_with_their_levels():
    # A large stress drop makes the pulses short.
    motion = ground_motion(rng_of(), sources_of(50, distance=80.0, stress_drop=1e4))
    rms = np.sqrt(np.mean(motion.astype(np.float64) ** 2, axis=0))  # (3, N_SAMPLES)
    p, s = (round(time / DT) for time in (P_TIME, P_TIME + 80.0 / S_MINUS_P))
    before, of_p, of_s = (rms[:, begin : begin + 100].mean(axis=1) for begin in (p - 150, p + 30, s + 60))
    assert (before < 0.1 * of_p).all() and (of_p[:2] < 0.5 * of_s[:2]).all()
    assert of_p[2] > 1.5 * of_p[:2].max() and of_s[2] < 0.75 * of_s[:2].min()


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_an_invalid_number_of_records_is_named(n):
    with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
        make_records(rng_of(), n)
