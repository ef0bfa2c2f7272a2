"""What the classical methods give where the answer is known, and whether the scores count what they say."""

import csv
import importlib.util
import itertools

import numpy as np
import pytest
import pywt
from scipy import signal

import blindTest as bt
import dataGeneration as dg
import evaluation.baselines as cb
import evaluation.scores
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_test, blind_tests, blind_traces
from traces.variants import NOISE_LEVELS
from evaluation.comparison import Row, best_baseline, compare, csv_rows, missing_packages, text_table, verdict
from evaluation.scores import AMPLITUDE_RMSE, CORRELATION, R2, SNR, SNR_GAIN, trace_rmse
from run_DenoisingML_HPO_Paper import PROBLEM as DENOISING
from run_InversionML_HPO_Paper import PROBLEM as INVERSION
from traces.checks import SNR_LIMITS

pytestmark = pytest.mark.filterwarnings("error")

needs_pylops = pytest.mark.skipif(
    importlib.util.find_spec("pylops") is None, reason="PyLops is not installed: pip install pylops"
)
DENOISERS = [name for name, row in cb.DENOISING_BASELINES.items() if not row.knows_answer]
FILTERS = [name for name in DENOISERS if name not in ("Noisy input", "Local Wiener")]
NO_PYLOPS = [name for name, row in cb.INVERSION_BASELINES.items() if not row.package and not row.background]
INVERSIONS = [  # a method, and whether its x has a background
    pytest.param(name, background, marks=needs_pylops if row.package else (), id=f"{name}, {words}")
    for name, row in cb.INVERSION_BASELINES.items()
    for background, words in ((False, "without background"), (True, "with background"))
    if row.background in (None, background)
]
WITH_BACKGROUND = [param.values[0] for param in INVERSIONS if param.values[1]]


def rng(seed=0):
    return np.random.default_rng(seed)


def pair(n_traces=20, n_samples=1024, dt=0.001, seed=1):
    """Noisy and clean traces of the generator."""
    names = dg.PAIRS["DeNoise"][False]
    data = cb.stream_traces(seed, "training", n_traces, names, n_samples=n_samples, dt=dt)
    return tuple(data[name].astype(np.float64) for name in names)


def denoise(name, noisy, dt=0.001):
    return cb.DENOISING_BASELINES[name].estimate(noisy, dt)


def reference_for(n_samples, dt=0.001):
    return cb.fit_inversion_reference(0, TraceProtocol(n_samples, dt), 20)


def with_background(traces, velocity, dt=0.001, seed=3):
    """An x of traces and backgrounds: velocity below 3 Hz, with errors of 5 % and 20 ms at most."""
    smooth = cb._butterworth(velocity.astype(float), dt, 3.0, "lowpass")
    time, draw = np.arange(velocity.shape[1]) * dt, rng(seed)
    shifted = [np.interp(time - draw.uniform(-0.02, 0.02), time, row) for row in smooth]
    return np.stack([traces, shifted * (1 + draw.uniform(-0.05, 0.05, (len(smooth), 1)))], axis=-1)


def x_for(background, n_traces, n_samples, dt=0.001):
    """An x of the generator, with a background where one is needed, and a reference of the same kind."""
    data = cb.stream_traces(1, "training", n_traces, ("CONV_REFL_CLEAN", "VEL"), n_samples=n_samples, dt=dt)
    x, velocity = data["CONV_REFL_CLEAN"].astype(float), data["VEL"]
    if not background:
        return x, reference_for(n_samples, dt)
    x = with_background(x, velocity, dt)
    return x, cb.reference_of(x, velocity, dt, 0.79)


def score(y, predicted, x=None, seed=0):
    metrics = [AMPLITUDE_RMSE, CORRELATION, R2, SNR, *([SNR_GAIN] if x is not None else [])]
    return evaluation.scores.score(metrics, y, predicted, x, seed)


def snr(y, predicted):
    return 10 * np.log10(np.sum(y**2, axis=1) / np.sum((predicted - y) ** 2, axis=1)).mean()


def ricker_traces(n_traces=4, n_samples=2048, frequency=25.0, dt=0.001):
    """Spikes seen through one wavelet, in the middle of the traces."""
    spikes = np.zeros((n_traces, n_samples))
    spikes[:, 300:-300] = rng().standard_normal((n_traces, n_samples - 600)) * (
        rng(1).random((n_traces, n_samples - 600)) < 0.03
    )
    t = np.arange(-128, 129) * dt
    return dg.convolve(spikes, np.tile(dg.ricker(t, np.array([[frequency]])), (n_traces, 1)))


# --- Denoising


@pytest.mark.parametrize("name", FILTERS)
def test_a_clean_trace_passes(name):
    clean = ricker_traces()
    assert snr(clean, denoise(name, clean)) > 20


@pytest.mark.parametrize("name", ["DWT BayesShrink", "SWT BayesShrink", "Spectral Wiener"])
def test_without_noise_the_trace_stays_as_it_is(name):
    clean = ricker_traces()
    assert snr(clean, denoise(name, clean)) > 60


def test_the_noisy_input_is_what_it_was():
    noisy, _ = pair(2, 50)
    np.testing.assert_array_equal(denoise("Noisy input", noisy), noisy)


@pytest.mark.parametrize(
    ("name", "least"),
    [("Local Wiener", 4), ("Band-pass", 5.5), ("DWT BayesShrink", 6), ("SWT BayesShrink", 7), ("Spectral Wiener", 8)],
)
def test_white_noise_on_a_band_limited_signal_is_lowered_by_some_db(name, least):
    clean = ricker_traces(16)
    noisy = clean + rng(2).standard_normal(clean.shape) * clean.std(axis=1, keepdims=True) * 0.577
    assert snr(clean, denoise(name, noisy)) - snr(clean, noisy) > least


def test_on_the_papers_noise_the_methods_rank_as_they_were_measured():
    noisy, clean = pair(40, 4096)
    gains = {name: snr(clean, denoise(name, noisy)) - snr(clean, noisy) for name in DENOISERS}
    oracle = snr(clean, cb.oracle_wiener(noisy, 0.001, clean)) - snr(clean, noisy)
    assert gains["Noisy input"] == 0
    assert 4.4 < gains["Local Wiener"] < gains["DWT BayesShrink"] < gains["SWT BayesShrink"] < gains["Spectral Wiener"]
    assert gains["DWT BayesShrink"] > 5.6
    assert gains["Band-pass"] > 6.2
    assert 7.5 < gains["Spectral Wiener"] < oracle < 9.3


@pytest.mark.parametrize("dt", [0.001, 0.002, 0.004, 0.008])
def test_the_oracle_is_at_least_as_good_as_the_spectral_wiener_filter(dt):
    noisy, clean = pair(40, 512, dt)
    assert snr(clean, cb.oracle_wiener(noisy, dt, clean)) > snr(clean, cb.spectral_wiener(noisy, dt))


@pytest.mark.parametrize("name", DENOISERS)
def test_a_block_is_denoised_as_its_traces_are_one_by_one(name):
    noisy, _ = pair(3, 301)
    one_by_one = np.concatenate([denoise(name, trace[None]) for trace in noisy])
    np.testing.assert_allclose(denoise(name, noisy), one_by_one, rtol=1e-10, atol=1e-14)


def test_the_local_wiener_filter_is_scipys():
    noisy = pair(2, 200)[0]
    expected = np.stack([signal.wiener(trace, cb.LOCAL_WINDOW) for trace in noisy])
    np.testing.assert_allclose(cb.local_wiener(noisy, 0.001), expected, atol=1e-12)


def test_the_noise_is_the_same_at_every_level_of_the_stationary_transform():
    noise = rng().standard_normal((4, 4096))
    details = pywt.swt(noise, cb.WAVELET_BASIS, 6, axis=1, trim_approx=True, norm=False)[1:]
    np.testing.assert_allclose([d.std() for d in details], 1, atol=0.1)


@pytest.mark.parametrize("name", DENOISERS)
def test_louder_traces_give_louder_estimates(name):
    noisy = pair(3, 300)[0]
    np.testing.assert_allclose(denoise(name, 1000 * noisy), 1000 * denoise(name, noisy), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dt", [0.002, 0.004])  # at 8 ms the paper's wavelets leave no band to the noise alone
@pytest.mark.parametrize("name", FILTERS)
def test_longer_time_steps_still_gain(name, dt):
    noisy, clean = pair(30, 512, dt)
    assert snr(clean, denoise(name, noisy, dt)) > snr(clean, noisy)


# --- Inversion


@pytest.fixture(scope="module")
def inversion():
    """Traces, their velocity, and a reference of other traces."""
    trace, velocity = dg.PAIRS["ML_VEL"][False]
    data = cb.stream_traces(5, "validation", 16, (trace, velocity), n_samples=2048)
    return data[trace], data[velocity], cb.fit_inversion_reference(5, TraceProtocol(2048), 300)


def test_what_was_learnt_is_of_the_training_stream_and_repeats():
    reference = cb.fit_inversion_reference(3, TraceProtocol(100), 60)
    V = cb.stream_traces(3, "training", 60, ["VEL"], n_samples=100)["VEL"]  # noqa: N806
    np.testing.assert_allclose(reference.velocity_trend, V.mean(axis=0), rtol=1e-6)
    assert reference.mean_velocity == pytest.approx(V.mean(), rel=1e-6)
    again = cb.fit_inversion_reference(3, TraceProtocol(100), 60)
    np.testing.assert_array_equal(reference.velocity_trend, again.velocity_trend)
    assert reference.band_limited_slope == again.band_limited_slope
    assert cb.fit_inversion_reference(4, TraceProtocol(100), 60).mean_velocity != reference.mean_velocity


@pytest.mark.filterwarnings("default")  # of the libraries that come with Keras
def test_the_streams_traces_are_those_of_the_generator_for_networks():
    from dataPreProcessing import CustomDataGen

    batches = CustomDataGen(70, 70, "ML_VEL", seed=2, stream="blind", n_samples=64)
    data = cb.stream_traces(2, "blind", 70, dg.PAIRS["ML_VEL"][False], n_samples=64)
    for expected, name in zip(batches[0], dg.PAIRS["ML_VEL"][False], strict=True):
        np.testing.assert_array_equal(data[name], expected[..., 0])


def test_mean_and_trend_are_the_references(inversion):
    traces, _, reference = inversion
    assert np.all(cb.mean_velocity(traces, reference) == reference.mean_velocity)
    assert np.all(cb.mean_trend(traces, reference) == reference.velocity_trend)


def test_more_knowledge_gives_a_lower_error(inversion):
    traces, velocity, reference = inversion
    rmse = [trace_rmse(velocity, cb.INVERSION_BASELINES[name].estimate(traces, reference)) for name in NO_PYLOPS]
    mean, trend, band_limited = np.mean(rmse, axis=1)
    assert mean > trend > band_limited


@needs_pylops
def test_the_total_variation_beats_the_band_limited_inversion(inversion):
    traces, velocity, reference = (part[:6] if isinstance(part, np.ndarray) else part for part in inversion)
    blocky, band_limited = (
        cb.blocky_velocity(traces, reference),
        cb.band_limited_velocity(traces, reference),
    )
    assert trace_rmse(velocity, blocky).mean() < 0.9 * trace_rmse(velocity, band_limited).mean()


@needs_pylops
def test_the_total_variation_finds_a_step_of_the_impedance():
    n_samples, step = 1024, 0.3
    ln_impedance = np.where((np.arange(n_samples) > 400) & (np.arange(n_samples) < 600), step, 0.0)
    r = np.diff(ln_impedance, append=0.0)[None] / 2
    trace = dg.convolve(r, dg.ricker(np.arange(-128, 129) * 0.001, np.array([[25.0]])))
    reference = cb.InversionReference(0.001, 0.0, np.zeros(n_samples), impedance_slope=1.0, band_limited_slope=1.0)
    m = cb.blocky_velocity(trace, reference)[0]
    assert m[450:550].mean() - m[200:350].mean() == pytest.approx(step, rel=0.3)
    assert np.corrcoef(m, ln_impedance)[0, 1] > 0.9


def test_the_wavelets_spectrum_is_found_in_white_reflectivity():
    t = np.arange(-128, 129) * 0.001
    wavelet = dg.ricker(t, np.array([[30.0]]))
    traces = dg.convolve(rng().standard_normal((200, 4096)), np.tile(wavelet, (200, 1)))
    w, n_segment = cb.wavelet_spectrum(traces, 0.001)
    peak = np.fft.rfftfreq(n_segment, 0.001)[np.argmax(w.mean(axis=0))]
    assert peak == pytest.approx(30, abs=4)
    true = np.abs(np.fft.rfft(wavelet[0], n_segment * 8))[::8]
    np.testing.assert_allclose(w.mean(axis=0), true[: w.shape[1]], atol=0.15 * true.max())


@pytest.mark.parametrize("name, background", INVERSIONS)
def test_a_block_is_inverted_as_its_traces_are_one_by_one(name, background):
    x, reference = x_for(background, 3, 301)
    invert = cb.INVERSION_BASELINES[name].estimate
    one_by_one = np.concatenate([invert(trace[None], reference) for trace in x])
    np.testing.assert_allclose(invert(x, reference), one_by_one, rtol=1e-6)


def test_noise_and_gaps_are_inverted_too():
    names = dg.PAIRS["ML_VEL"][True]
    assert names == ("CONV_REFL_GAPS", "VEL_GAPS")
    data = cb.stream_traces(1, "validation", 20, names, n_samples=1024)
    reference = cb.fit_inversion_reference(1, TraceProtocol(1024, noisy_data=True), 100)
    x, y = (data[name] for name in names)
    rmse = [trace_rmse(y, cb.INVERSION_BASELINES[name].estimate(x, reference)).mean() for name in NO_PYLOPS]
    assert rmse[2] < rmse[0]


def test_without_pylops_one_sentence_says_what_to_type(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    traces, reference = pair(2, 100)[1], reference_for(100)
    with pytest.raises(ModuleNotFoundError, match="needs PyLops, which is not installed: pip install pylops"):
        cb.blocky_velocity(traces, reference)
    rows = compare(INVERSION, traces, traces, {}, reference)
    assert [row.name for row in rows] == NO_PYLOPS
    assert missing_packages(INVERSION, rows) == [
        "Blocky total variation is left out, as pylops is not installed: pip install pylops"
    ]
    assert missing_packages(DENOISING, []) == []
    x, reference = x_for(True, 2, 100)
    rows = compare(INVERSION, x, x[..., 1], {}, reference)
    assert [row.name for row in rows] == ["Background alone", "Band-limited"]
    assert [sentence.split(" is ")[0] for sentence in missing_packages(INVERSION, rows)] == [
        name for name in WITH_BACKGROUND if cb.INVERSION_BASELINES[name].package
    ]


# --- Inversion with a background


@pytest.fixture(scope="module")
def backed():
    """An x with backgrounds, its velocity, and a reference of other traces."""
    names = ("CONV_REFL_CLEAN", "VEL")
    training, data = (
        cb.stream_traces(5, stream, n_traces, names, n_samples=2048)
        for stream, n_traces in (("training", 40), ("validation", 8))
    )
    reference = cb.reference_of(
        with_background(*(training[name] for name in names), seed=4), training["VEL"], 0.001, 0.79
    )
    return with_background(*(data[name] for name in names)), data["VEL"], reference


@needs_pylops
def test_with_a_background_each_method_is_as_good_as_it_was_measured(backed):
    x, velocity, reference = backed
    rows = compare(INVERSION, x, velocity, {}, reference)
    assert [row.name for row in rows] == WITH_BACKGROUND
    alone, band_limited, least_squares, blocky, spikes = (row.scores["rmse"].value for row in rows)
    assert alone > 1.3 * max(band_limited, least_squares)
    assert 0.8 * min(band_limited, least_squares) > blocky > spikes
    assert best_baseline(INVERSION, rows).name == "Sparse spikes"


@pytest.mark.parametrize("name, background", [param for param in INVERSIONS if param.values[1]][1:])
def test_below_its_band_the_background_stays_as_it_is(backed, name, background):
    x, _, reference = backed
    change = cb.INVERSION_BASELINES[name].estimate(x, reference) - x[..., 1]
    power = np.abs(np.fft.rfft(change * np.hanning(x.shape[1]), axis=1)).mean(axis=0)
    frequency = np.fft.rfftfreq(x.shape[1], 0.001)
    assert power[frequency < 1.5].max() < 0.05 * power[(frequency > 4) & (frequency < 20)].max()


@needs_pylops
def test_sparse_spikes_find_each_interface_of_a_blocky_earth():
    n_samples, places, steps = 1024, np.array([200, 330, 500, 610, 850]), np.array([0.3, -0.2, 0.25, -0.3, 0.2])
    r = np.zeros((1, n_samples))
    r[0, places] = steps / 2
    trace = dg.convolve(r, dg.ricker(np.arange(-128, 129) * 0.001, np.array([[25.0]])))
    found = np.diff(cb.spiky_impedance(trace, 0.001)[0])
    near = [found[place - 4 : place + 5].sum() for place in places]
    np.testing.assert_allclose(near, steps, rtol=0.3)
    assert np.abs(np.delete(found, np.add.outer(places, np.arange(-8, 9)).ravel())).max() < 0.02
    assert np.count_nonzero(found) < 100


def test_a_level_of_the_traces_changes_nothing_with_a_background(backed):
    x, _, reference = backed
    raised = x + [0.02, 0]
    expected = cb.band_limited_velocity(x, reference)
    np.testing.assert_allclose(cb.band_limited_velocity(raised, reference), expected, rtol=1e-6)


def test_the_reference_of_a_protocol_with_a_background_is_of_its_own_traces():
    reference = cb.fit_inversion_reference(0, TraceProtocol(1024, background=True), 60)
    # About Gardner's exponent, ln(v) = 0.8 ln(AI) + a constant.
    assert 0.7 < reference.impedance_slope < 0.9
    assert 0.7 < reference.band_limited_slope < 1.2
    x, velocity = blind_traces(INVERSION, 10, protocol=TraceProtocol(1024, background=True))
    errors = [
        trace_rmse(velocity, method(x, reference)).mean() for method in (cb.background_alone, cb.band_limited_velocity)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_a_background_that_is_no_velocity_is_refused(backed):
    x, _, reference = (part[:2] if isinstance(part, np.ndarray) else part for part in backed)
    wrong = x.copy()
    wrong[1, 9, 1] = -3
    with pytest.raises(ValueError, match="backgrounds must be velocities above 0 ft/s, and the lowest is -3"):
        cb.band_limited_velocity(wrong, reference)
    wrong[1, 9, 1] = np.nan
    with pytest.raises(ValueError, match="backgrounds must be finite, but 1 sample is not, the first in trace 1"):
        cb.background_alone(wrong, reference)
    with pytest.raises(
        ValueError, match="without a background need a reference of such traces, not of traces with one"
    ):
        cb.band_limited_velocity(x[..., 0], reference)
    with pytest.raises(
        ValueError, match="with a background need a reference of such traces, not of traces without one"
    ):
        cb.band_limited_velocity(x, reference_for(2048))
    with pytest.raises(ValueError, match=r"must have a background, .* not the shape \(2, 2048\)"):
        cb.background_alone(x[..., 0], reference)


# --- Short, odd and empty traces


@pytest.mark.parametrize("n_samples", [3, 4, 5, 7, 11, 16, 31, 48, 97, 211, 1021])
@pytest.mark.parametrize("dt", [0.001, 0.008])
def test_every_length_works(n_samples, dt):
    noisy, clean = pair(2, n_samples, dt)
    reference = reference_for(n_samples, dt)
    predictions = {
        **{name: denoise(name, noisy, dt) for name in DENOISERS},
        "Best linear filter": cb.oracle_wiener(noisy, dt, clean),
        **{name: cb.INVERSION_BASELINES[name].estimate(clean, reference) for name in NO_PYLOPS},
    }
    for name, predicted in predictions.items():
        assert predicted.shape == noisy.shape, name
        assert np.isfinite(predicted).all(), name


@pytest.mark.parametrize(("n_samples", "dt"), [(3, 0.001), (5, 0.008), (48, 0.001), (97, 0.004), (64, 0.1)])
@pytest.mark.parametrize("name, background", INVERSIONS)
def test_every_length_and_interval_is_inverted(name, background, n_samples, dt):
    x, reference = x_for(background, 2, n_samples, dt)
    predicted = cb.INVERSION_BASELINES[name].estimate(x, reference)
    assert predicted.shape == (2, n_samples)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("n_samples", [3, 48, 200])
@pytest.mark.parametrize("name", DENOISERS)
def test_zero_and_constant_traces_stay_finite(name, n_samples):
    flat = np.stack([np.zeros(n_samples), np.full(n_samples, 0.1)])
    predicted = denoise(name, flat)
    assert np.all(predicted[0] == 0)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("dt", [0.0001, 0.1])
@pytest.mark.parametrize("name", DENOISERS)
def test_the_shortest_and_longest_time_steps_work(name, dt):
    noisy, _ = pair(2, 100, dt)
    assert np.isfinite(denoise(name, noisy, dt)).all()


@pytest.mark.parametrize("name, background", INVERSIONS)
def test_a_trace_without_signal_gives_no_more_than_what_is_known_before(name, background):
    x, reference = x_for(background, 2, 48)
    estimate = cb.INVERSION_BASELINES[name].estimate
    expected = x[..., 1] if background else reference.velocity_trend
    (x[..., 0] if background else x)[:] = 0
    expected = reference.mean_velocity if name == "Mean velocity" else expected
    np.testing.assert_allclose(estimate(x, reference), np.broadcast_to(expected, (2, 48)))
    (x[..., 0] if background else x)[:] = 0.1
    assert np.isfinite(estimate(x, reference)).all()


def test_an_oracle_of_silence_is_silent():
    assert np.all(cb.oracle_wiener(np.zeros((2, 10)), 0.001, np.zeros((2, 10))) == 0)


# --- Metrics


def test_metrics_are_those_counted_by_hand():
    y = np.array([[1.0, 2.0, 3.0], [0.0, 2.0, 4.0]])
    p = np.array([[2.0, 2.0, 2.0], [0.0, 1.0, 5.0]])
    x = np.array([[1.0, 2.0, 4.0], [0.0, 2.0, 6.0]])
    scores = score(y, p, x)
    assert scores["rmse"].value == pytest.approx(np.sqrt(2 / 3))
    assert scores["snr_db"].value == pytest.approx((10 * np.log10(14 / 2) + 10 * np.log10(20 / 2)) / 2)
    before = (10 * np.log10(14 / 1) + 10 * np.log10(20 / 4)) / 2
    assert scores["gain_db"].value == pytest.approx(scores["snr_db"].value - before)
    r = 10 / np.sqrt(8 * 14)  # of the second trace; the first prediction is constant
    assert scores["correlation"].value == pytest.approx((0 + r) / 2)
    assert scores["r2"].value == pytest.approx(1 - 4 / 10)  # SST of 0, 1, 2, 2, 3, 4 about 2


def test_the_rmse_is_the_mean_over_traces_not_over_samples():
    y = np.zeros((2, 4))
    predicted = np.array([[1.0] * 4, [3.0] * 4])
    np.testing.assert_array_equal(trace_rmse(y, predicted), [1, 3])
    assert score(y, predicted)["rmse"].value == 2


def test_a_constant_mean_has_r2_0_and_correlation_0():
    y = 12_000.1 + rng().standard_normal((30, 50))
    scores = score(y, np.full_like(y, y.mean()))
    assert scores["r2"].value == pytest.approx(0, abs=1e-9)
    assert scores["correlation"] == (0, 0, 0)


def test_perfect_and_empty_predictions_have_finite_scores():
    y = rng().standard_normal((5, 20))
    perfect = score(y, y, y)
    assert (perfect["rmse"].value, perfect["r2"].value, perfect["snr_db"].value) == (0, 1, SNR_LIMITS[1])
    assert perfect["correlation"].value == pytest.approx(1)
    assert score(np.zeros((2, 5)), np.zeros((2, 5)))["snr_db"].value == 0
    for truth, guess in itertools.product((np.zeros((3, 8)), np.full((3, 8), 0.1), y[:3, :8]), repeat=2):
        scores = score(truth, guess, guess)
        for interval in (scores["rmse"], scores["correlation"], scores["r2"], scores["snr_db"], scores["gain_db"]):
            assert np.isfinite(interval).all()
    assert score(np.full((3, 8), 0.1), np.full((3, 8), 0.2))["r2"] == (0, 0, 0)


def test_one_trace_has_an_interval_of_no_width():
    y = rng().standard_normal((1, 20))
    value, low, high = score(y, 0.5 * y)["rmse"]
    assert low == pytest.approx(value) == pytest.approx(high)


def test_intervals_repeat_with_the_seed_and_change_with_it():
    y = rng().standard_normal((40, 20))
    predicted = y + rng(1).standard_normal((40, 20))
    assert score(y, predicted, seed=3) == score(y, predicted, seed=3)
    assert score(y, predicted, seed=3)["rmse"] != score(y, predicted, seed=4)["rmse"]
    assert score(y, predicted, seed=3)["rmse"].value == score(y, predicted, seed=4)["rmse"].value


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    y = np.zeros((60, 4))
    errors = rng(5).exponential(size=(200, 60))  # RMSE of each trace, of mean 1
    covered = []
    for error in errors:
        _, low, high = score(y, error[:, None] * np.ones((1, 4)))["rmse"]
        covered.append(low <= 1 <= high)
    assert 0.88 < np.mean(covered) < 0.985


def test_the_interval_is_as_wide_as_the_standard_error_says():
    y = np.zeros((400, 3))
    error = rng(6).standard_normal(400) + 10
    _, low, high = score(y, np.stack([error] * 3, axis=1))["rmse"]
    assert high - low == pytest.approx(2 * 1.96 * error.std() / 20, rel=0.1)


# --- The comparison


def test_a_comparison_has_every_method_once_and_the_networks_last():
    noisy, clean = pair(6, 200)
    rows = compare(DENOISING, noisy, clean, {"ours": clean * 0.99}, 0.001)
    assert [row.name for row in rows] == [*cb.DENOISING_BASELINES, "ours"]
    assert [row.kind for row in rows] == ["baseline"] * len(DENOISERS) + ["knows the answer", "network"]
    assert rows[0].scores["gain_db"] == (0, 0, 0)
    expected = np.sqrt(np.mean((noisy - clean) ** 2, axis=1)).mean()  # as a blind test counts it
    assert rows[0].scores["rmse"].value == pytest.approx(expected)
    assert rows[-1].milliseconds is None
    assert all(row.milliseconds >= 0 for row in rows[:-1])


def test_the_best_baseline_does_not_know_the_answer():
    noisy, clean = pair(20, 512)
    rows = compare(DENOISING, noisy, clean, {"ours": clean}, 0.001)
    best = best_baseline(DENOISING, rows)
    assert best.kind == "baseline"
    assert best.scores["rmse"].value == min(row.scores["rmse"].value for row in rows if row.kind == "baseline")
    assert min(rows, key=lambda row: row.scores["rmse"].value).kind == "network"
    with pytest.raises(ValueError, match="no baseline among the rows"):
        best_baseline(DENOISING, rows[-1:])


def row(name, kind, errors):
    y = np.zeros((len(errors), 3))
    predicted = np.asarray(errors, float)[:, None] * np.ones((1, 3))
    return Row(name, kind, score(y, predicted), [trace_rmse(y, predicted)])


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (-500, ["ours beats the best baseline, theirs: RMSE", "ft/s, lower by 500", "more than chance gives"]),
        (500, ["ours does not beat the best baseline", "higher by 500", "more than chance gives"]),
        (0, ["ours does not beat", "higher by 0 (95 % interval 0 to 0), no more than chance may give"]),
    ],
)
def test_the_verdict_is_of_paired_differences(shift, words):
    errors = 3000 + 900 * rng().standard_normal(50)  # the traces differ by far more than the methods do
    rows = [
        row("theirs", "baseline", errors),
        row("ours", "network", errors + shift),
        row("known", "knows the answer", [1] * 50),
    ]
    sentence = verdict(INVERSION, rows, "ours")
    assert all(part in sentence for part in words), sentence
    assert sentence.count(".") == 1


def test_a_difference_as_large_as_its_scatter_may_be_chance():
    errors = 3000 + rng().standard_normal((2, 50))
    sentence = verdict(INVERSION, [row("a", "baseline", errors[0]), row("b", "network", errors[1])], "b")
    assert "no more than chance may give" in sentence


def test_the_text_table_is_aligned_and_names_the_units():
    noisy, clean = pair(4, 64)
    *lines, about = text_table(DENOISING, compare(DENOISING, noisy, clean, {"ours": clean}, 0.001)).splitlines()
    assert about.startswith("The best linear filter knows the spectrum") and "network is not linear" in about
    assert "SNR (dB)" in lines[0] and "ms/trace" in lines[0]
    end = lines[0].index("SNR (dB)") + len("SNR (dB)")
    assert all(line[end - 1] in ")]" for line in lines)
    assert len(lines) == 2 + len(cb.DENOISING_BASELINES)


def test_the_csv_rows_hold_all_numbers(tmp_path):
    noisy, clean = pair(4, 64)
    rows = compare(DENOISING, noisy, clean, {"ours": clean}, 0.001)
    headings, *lines = csv_rows(DENOISING, rows)
    assert headings[:5] == ["Method", "Kind", "RMSE", "RMSE low", "RMSE high"]
    assert {"SNR (dB)", "Gain (dB) low", "ms/trace"} <= set(headings)
    assert [line[2] for line in lines] == [row.scores["rmse"].value for row in rows]
    assert {len(line) for line in lines} == {len(headings)}


def test_the_command_prints_both_tables_and_writes_them(tmp_path, capsys):
    bt.main(["--traces", "4", "--samples", "48", "--csv", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Spectral Wiener" in printed and "RMSE (ft/s)" in printed
    assert printed.count("The best classical method is ") == 2
    for problem in ("denoising", "inversion"):
        with (tmp_path / f"blind_test_{problem}.csv").open(newline="") as file:
            assert len(list(csv.reader(file))) > len(NO_PYLOPS)


def test_a_test_of_each_wavelet_has_the_same_earth_and_that_wavelet_alone():
    tests = blind_tests(INVERSION, {}, 3, "wavelet", 5, TraceProtocol(256))
    assert list(tests) == ["ricker", "klauder", "ormsby"]
    _, velocity = blind_traces(INVERSION, 3, 5, TraceProtocol(256))
    for (name, rows), code in zip(tests.items(), ("RW", "KW", "OW"), strict=True):
        protocol = TraceProtocol(256, wavelet=code)
        x, y = blind_traces(INVERSION, 3, 5, protocol)
        assert np.array_equal(y, velocity)
        assert np.array_equal(x, cb.stream_traces(5, "blind", 3, [f"REFL_{code}"], n_samples=256)[f"REFL_{code}"])
        again = blind_test(INVERSION, {}, 3, 5, protocol)
        assert [row.scores for row in rows] == [row.scores for row in again], name


def test_a_test_of_each_noise_level_has_that_level(tmp_path, capsys):
    tests = blind_tests(DENOISING, {}, 6, "noise", 0, TraceProtocol(2048))
    levels = [rows[0].scores["snr_db"].value for rows in tests.values()]
    assert levels == pytest.approx([*NOISE_LEVELS, 100.0], abs=0.3) and list(tests)[-1] == "no noise"
    bt.main(["--traces", "3", "--samples", "64", "--problem", "denoising", "--by", "noise", "--csv", str(tmp_path)])
    header, *lines, about = capsys.readouterr().out.strip().splitlines()[1:]
    assert header.split("  ")[0] == "SNR (dB)" and all(name in header for name in tests)
    assert about.startswith("The best linear filter knows")
    assert [line.split("  ")[0] for line in lines] == [row.name for row in tests["0 dB"]]
    assert {path.name for path in tmp_path.iterdir()} == {
        f"blind_test_denoising_{name.replace(' ', '_')}.csv" for name in tests
    }


def test_the_command_says_what_is_wrong_in_one_sentence(capsys):
    with pytest.raises(SystemExit):
        bt.main(["--samples", "2"])
    assert "--samples: '2' is not a whole number of at least 3" in capsys.readouterr().err


# --- What is not valid


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize(
    ("noisy", "message"),
    [
        (np.zeros(100), r"noisy must be numbers \(n_traces, n_samples\), not float64 of shape \(100,\)"),
        (np.zeros((2, 100, 1)), r"of shape \(2, 100, 1\)"),
        (np.zeros((0, 100)), r"of shape \(0, 100\)"),
        (np.zeros((2, 2)), "noisy must have at least 3 samples per trace, not 2"),
        (np.full((2, 10), np.nan), "noisy must be finite, but 20 samples are not"),
    ],
)
def test_what_is_no_block_is_refused(name, noisy, message):
    with pytest.raises(ValueError, match=message):
        denoise(name, noisy)


def test_what_does_not_belong_together_is_refused():
    block, reference = np.zeros((2, 10)), reference_for(10)
    wrong = [
        (lambda: cb.oracle_wiener(block, 0.001, block[:1]), "one shape"),
        (lambda: score(block, block[:, :9]), r"one shape .* y \(2, 10\), predicted \(2, 9\)"),
        (lambda: cb.spectral_wiener(block, 0), "dt must be a time of 0.0001 to 0.1 s, not 0"),
        (
            lambda: cb.mean_trend(np.zeros((2, 11)), reference),
            "reference is of traces of 10 samples, not 11",
        ),
        (
            lambda: compare(DENOISING, block, block, {"Band-pass": block}, 0.001),
            "must not have the name of a baseline: Band-pass",
        ),
        (lambda: verdict(INVERSION, [row("theirs", "baseline", [1])], "ours"), "network 'ours' is unknown"),
        (lambda: score(block, block, seed=-1), "seed must be a whole number of at least 0, not -1"),
        (
            lambda: cb.fit_inversion_reference(0, n_traces=0),
            "n_traces must be a whole number of at least 1, not 0",
        ),
        (
            lambda: cb.fit_inversion_reference(0, TraceProtocol(10, noisy_data="yes"), 5),
            "noisy_data must be True or False",
        ),
    ]
    for call, message in wrong:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("name", [name for name, row in cb.DENOISING_BASELINES.items() if not row.knows_answer])
@pytest.mark.parametrize("first, end", [(0, 2600), (1000, 3900), (1900, 4096)])
def test_a_mute_changes_nothing_elsewhere(name, first, end):
    """Statistics of a trace are those of its live samples; a filter sees the edge of the mute, so it is left out."""
    data = cb.stream_traces(3, "validation", 8, ["CONV_REFL_CLEAN", "CONV_REFL_NOISY"])
    clean, noisy = data["CONV_REFL_CLEAN"].astype(float), data["CONV_REFL_NOISY"].astype(float)
    muted = noisy.copy()
    muted[:, first:end] = 0
    live = np.ones(4096, bool)
    live[max(first - 100, 0) : end + 100] = False
    estimate = cb.DENOISING_BASELINES[name].estimate

    def error(made):
        return np.sum((made - clean)[:, live] ** 2) / np.sum(clean[:, live] ** 2)

    assert error(estimate(muted, 0.001)) < 1.25 * error(estimate(noisy, 0.001))
