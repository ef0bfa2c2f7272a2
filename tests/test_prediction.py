"""Networks on traces as users have them: any shape, length, interval, level and scale, with masks and dead traces."""

import dataclasses
import json
import shutil
import warnings
import zipfile

import numpy as np
import pytest
from toys import DENOISING, INVERSION, ROOT, eagerly

import baseML
import networks.prediction
from baseML import BaseMLClass, NetworkConfig, create_model
from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.blind import blind_traces
from networks.prediction import TracesWarning, TrainedOn, restored
from traces.live import examine

N_TRACES = 12
GAP = slice(1000, 1100)


@pytest.fixture(scope="module", autouse=True)
def without_graphs():
    """A graph for each length of traces would take longer than the predictions."""
    with eagerly():
        yield


@pytest.fixture(scope="module")
def denoiser():
    return BaseMLClass.from_pretrained("denoising_paper")


@pytest.fixture(scope="module")
def inverter():
    return BaseMLClass.from_pretrained("inversion_paper")


@pytest.fixture(scope="module")
def noisy_and_clean():
    return blind_traces(DENOISING, N_TRACES)


@pytest.fixture(scope="module")
def plain(denoiser, noisy_and_clean):
    """SNR of the network as it was trained: no level, the generator's scale, its length and interval."""
    noisy, clean = noisy_and_clean
    found = snr(clean, denoiser.predict_result(noisy))
    assert found > 16
    return found


def snr(clean, predicted):
    """Mean signal-to-noise ratio in dB."""
    clean, error = clean.astype(np.float64), predicted.astype(np.float64) - clean
    return np.mean(10 * np.log10(np.sum(clean**2, axis=-1) / np.sum(error**2, axis=-1)))


def warned(network, *arguments, **options):
    """What `predict` gives, and its warnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, on JAX
        predicted = network.predict(*arguments, **options)
    assert all(issubclass(warning.category, TracesWarning) for warning in found)
    return predicted, [str(warning.message) for warning in found]


# --- Denoising


@pytest.mark.parametrize("offset", [0, 0.25, 0.5, 1, -5, 1000])
def test_a_level_is_taken_out_and_put_back(denoiser, noisy_and_clean, plain, offset):
    noisy, clean = (part.astype(np.float64) for part in noisy_and_clean)
    level = offset * noisy.std(axis=1, keepdims=True)
    assert snr(clean, denoiser.predict(noisy + level, dt=0.001) - level) == pytest.approx(plain, abs=0.2)


@pytest.mark.parametrize("amplitude", [1e-300, 1e-30, 1e-9, 1e-7, 1e4, 1e19, 1e30, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_answer_does_not_depend_on_the_scale(denoiser, noisy_and_clean, plain, amplitude, dtype):
    if amplitude * 1e-9 < np.finfo(dtype).tiny or amplitude > np.finfo(dtype).max:
        pytest.skip("no number of this type has such an amplitude")
    noisy, clean = noisy_and_clean
    predicted = denoiser.predict((noisy * dtype(amplitude)).astype(dtype), dt=0.001)
    assert predicted.dtype == dtype
    assert snr(clean, predicted / dtype(amplitude)) == pytest.approx(plain, abs=0.2)


def test_every_trace_has_a_level_and_a_scale_of_its_own(denoiser, noisy_and_clean):
    noisy, _ = noisy_and_clean
    scale = 10.0 ** np.linspace(-9, 10, N_TRACES)[:, None]
    expected = denoiser.predict(noisy, dt=0.001)
    predicted = denoiser.predict(noisy * scale + 3 * scale, dt=0.001) / scale - 3
    np.testing.assert_allclose(predicted, expected, atol=1e-3 * expected.std())


def test_integers_are_valid(denoiser, noisy_and_clean, plain):
    noisy, clean = noisy_and_clean
    assert snr(clean, denoiser.predict(np.rint(noisy * 1e5).astype(np.int32), dt=0.001) / 1e5) > plain - 0.2


@pytest.mark.parametrize("shape", [(4096,), (6, 4096), (2, 3, 4096), (3, 2, 1, 4096)], ids=str)
def test_arrays_of_any_shape_are_valid(denoiser, noisy_and_clean, shape):
    noisy = noisy_and_clean[0][: max(1, int(np.prod(shape[:-1])))].reshape(shape)
    expected = denoiser.predict(noisy.reshape(-1, 4096), dt=0.001).reshape(shape)
    np.testing.assert_allclose(denoiser.predict(noisy, dt=0.001), expected, atol=1e-6)
    assert denoiser.predict_result(noisy).shape == shape


@pytest.mark.parametrize("n_samples", [30, 1501, 4097])
def test_traces_of_any_length_are_valid(denoiser, inverter, n_samples):
    protocol = TraceProtocol(n_samples=n_samples)
    noisy, clean = blind_traces(DENOISING, 10, protocol=protocol)
    predicted = denoiser.predict(noisy, dt=0.001)
    assert predicted.shape == noisy.shape
    if n_samples > 1000:
        assert snr(clean, predicted) > snr(clean, denoiser.predict_result(noisy)) - 0.2
    trace, velocity = blind_traces(INVERSION, 10, protocol=protocol)
    predicted, _ = warned(inverter, trace, dt=0.001)
    assert predicted.shape == velocity.shape and np.isfinite(predicted).all()


def test_long_traces_pass_in_windows_that_are_not_seen(denoiser, noisy_and_clean, monkeypatch):
    noisy, _ = noisy_and_clean
    whole = denoiser.predict(noisy[:4], dt=0.001)
    monkeypatch.setattr(networks.prediction, "LONGEST_PASS", 2048)
    windows = denoiser.predict(noisy[:4], dt=0.001)
    # A network in units of the trace's own deviation has another one in every window.
    assert np.std(windows - whole) < 0.05 * whole.std()


@pytest.mark.parametrize("dt", [0.0005, 0.002, 0.004])
def test_traces_of_another_interval_are_resampled_for_the_network(denoiser, dt):
    noisy, clean = blind_traces(DENOISING, N_TRACES, protocol=TraceProtocol(n_samples=1500, dt=dt))
    predicted = denoiser.predict(noisy, dt=dt)
    assert predicted.shape == noisy.shape
    assert snr(clean, predicted) > snr(clean, denoiser.predict_result(noisy)) + (0 if dt < 0.001 else 3)


@pytest.mark.parametrize("dt", [0.0001, 0.001, 0.002, 1 / 300, 0.004, 0.008, 0.1])
@pytest.mark.parametrize("n_samples", [3, 76, 1501])
def test_a_network_that_changes_nothing_gives_the_traces_back(dt, n_samples):
    """What lies above the network's Nyquist frequency cannot come back, so these traces have nothing there."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((6, n_samples))
    traces = 1e5 + 100 * coarse.repeat(20, axis=1)[:, :n_samples] if dt < 0.001 else 1e5 + 100 * coarse
    traces[1], traces[2, : n_samples // 2], traces[3, 1] = 7.0, -3.0, np.nan
    same = restored(traces, examine(traces), dt, 0.001, 40, 0.06, lambda rows: rows)
    if dt >= 0.001:
        np.testing.assert_allclose(same, traces, rtol=1e-6, atol=0.05)
    dead = [1, 3]
    assert np.array_equal(same[dead], traces[dead], equal_nan=True)


def test_muted_samples_stay_and_do_no_harm_to_the_others(denoiser, noisy_and_clean):
    noisy, clean = noisy_and_clean
    muted = noisy.copy()
    muted[:, :1500], muted[:, 3900:] = 0, 0
    live = slice(1500, 3900)
    predicted = denoiser.predict(muted, dt=0.001)
    assert not predicted[:, :1500].any() and not predicted[:, 3900:].any()
    alone = denoiser.predict(noisy[:, live], dt=0.001)
    assert snr(clean[:, live], predicted[:, live]) == pytest.approx(snr(clean[:, live], alone), abs=0.1)
    raised = denoiser.predict(muted + 5, dt=0.001)  # also where the level was added to the mute
    np.testing.assert_allclose(raised - 5, predicted, atol=1e-4)


def test_masked_samples_are_left_out_and_stay_masked(denoiser, noisy_and_clean, plain):
    noisy, clean = noisy_and_clean
    masked = np.ma.array(noisy, copy=True)
    masked[:, GAP] = np.ma.masked
    masked.data[:, GAP] = 1e20  # a fill value
    predicted = denoiser.predict(masked, dt=0.001)
    assert np.array_equal(predicted.mask, masked.mask)
    elsewhere = ~masked.mask[0]
    assert snr(clean[:, elsewhere], predicted.data[:, elsewhere]) == pytest.approx(plain, abs=0.3)
    nothing_masked = denoiser.predict(np.ma.array(noisy), dt=0.001)
    np.testing.assert_array_equal(nothing_masked, denoiser.predict(noisy, dt=0.001))


@pytest.mark.parametrize("shape", [(12, 4096), (3, 4, 4096)], ids=str)
def test_dead_traces_and_those_with_a_nan_stay_and_are_counted(denoiser, noisy_and_clean, shape):
    noisy = noisy_and_clean[0][:12].copy()
    expected = denoiser.predict(noisy, dt=0.001)
    noisy[2], noisy[5, 17], noisy[7], noisy[9, 0] = 0.0, np.nan, 3.5, np.inf
    predicted, sentences = warned(denoiser, noisy.reshape(shape), dt=0.001)
    predicted = predicted.reshape(12, -1)
    dead = [2, 5, 7, 9]
    assert np.array_equal(predicted[dead], noisy[dead], equal_nan=True)
    np.testing.assert_allclose(np.delete(predicted, dead, axis=0), np.delete(expected, dead, axis=0), atol=1e-5)
    (sentence,) = sentences
    assert "4 of 12 traces are dead" in sentence and "(counted from 0: 2, 5, 7, 9)" in sentence
    assert warned(denoiser, noisy[[2]], dt=0.001)[0].tolist() == noisy[[2]].tolist()


@pytest.mark.parametrize(
    "traces",
    [np.ones((2, 100), complex), [["a", "b", "c"]], 1.0, [], np.ones((2, 2)), [None, None, None], np.ones(9, bool)],
    ids=["complex", "text", "number", "empty", "short", "objects", "flags"],
)
@pytest.mark.parametrize("method", ["predict", "predict_result"])
def test_what_is_no_trace_is_refused(denoiser, traces, method):
    with pytest.raises(ValueError, match=r"traces must be real numbers \(\.\., n_samples\)"):
        getattr(denoiser, method)(traces, *([0.001] if method == "predict" else []))


@pytest.mark.parametrize("dt", [0, -0.001, None, "1 ms", np.nan, 4.0, True])
def test_an_interval_that_is_none_is_refused(denoiser, dt):
    with pytest.raises(ValueError, match="dt must be a time of 0.0001 to 0.1 s, not"):
        denoiser.predict(np.random.default_rng(0).standard_normal(50), dt=dt)


def test_predict_result_names_the_trace_that_it_cannot_use(denoiser, noisy_and_clean):
    noisy = noisy_and_clean[0][:6].copy()
    noisy[4, 2] = np.nan
    for traces in (noisy, noisy.reshape(2, 3, -1)):
        with pytest.raises(ValueError, match="1 sample is not, the first in trace 4"):
            denoiser.predict_result(traces)
    with pytest.raises(ValueError, match="1 sample is not, the first in trace 4"):
        denoiser.predict_result(noisy[..., None])
    with pytest.raises(ValueError, match="must not be masked, but 1 sample is, the first in trace 4"):
        denoiser.predict_result(np.ma.masked_invalid(noisy))


# --- Inversion


@pytest.fixture(scope="module")
def trace_and_velocity():
    return blind_traces(INVERSION, N_TRACES)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda x: 0.5 * x, "a deviation of"),
        (lambda x: 2 * x, "a deviation of"),
        (lambda x: 10 * x, "a deviation of"),
        (lambda x: 1e-9 * x, "a deviation of"),
        (lambda x: x + 0.005, "a mean of"),
        (lambda x: np.where(np.arange(x.shape[1]) < 1200, 0, x), "29 % of the samples are muted"),
    ],
    ids=["half", "double", "ten", "tiny", "level", "mute"],
)
def test_an_inversion_says_what_it_was_not_trained_for(inverter, trace_and_velocity, change, words):
    trace, _ = trace_and_velocity
    assert warned(inverter, trace, dt=0.001)[1] == []
    sentences = warned(inverter, change(trace), dt=0.001)[1]
    assert any(words in sentence for sentence in sentences), sentences


def test_a_scale_and_a_level_are_mended(inverter, trace_and_velocity):
    trace, velocity = trace_and_velocity

    def rmse(predicted):
        return np.sqrt(np.mean((predicted - velocity) ** 2))

    expected = rmse(warned(inverter, trace, dt=0.001)[0])
    assert expected == pytest.approx(rmse(inverter.predict_result(trace)), rel=0.05)  # Its own traces have no level.
    for traces, scale in ((trace / 2, 2), (-trace, -1), (trace * 1e6, 1e-6), (trace + 0.005, 1)):
        predicted, _ = warned(inverter, traces.astype(np.float64), dt=0.001, scale=scale)
        assert rmse(predicted) == pytest.approx(expected, rel=0.01)
    for scale in (0, np.nan, np.inf, "2", True):
        with pytest.raises(ValueError, match="scale must be a number other than 0, not"):
            inverter.predict(trace, dt=0.001, scale=scale)


def test_dead_traces_have_no_velocity(inverter, trace_and_velocity):
    trace = trace_and_velocity[0][:6].copy()
    expected = inverter.predict(trace, dt=0.001)
    trace[1], trace[4, 9] = 0, np.nan
    for shape in (trace.shape, (2, 3, -1)):
        predicted, sentences = warned(inverter, trace.reshape(shape), dt=0.001)
        predicted = predicted.reshape(trace.shape)
        assert np.isnan(predicted[[1, 4]]).all()
        np.testing.assert_allclose(predicted[[0, 2, 3, 5]], expected[[0, 2, 3, 5]], rtol=1e-4)
        assert "have no answer (NaN)" in sentences[0]
    assert np.isnan(warned(inverter, np.zeros(4096), dt=0.001)[0]).all()


def test_velocity_has_the_interval_of_the_traces(inverter, trace_and_velocity):
    trace, _ = trace_and_velocity
    smooth = trace[:, :4095]
    fine = warned(inverter, smooth, dt=0.001)[0]
    coarse = networks.prediction.resample(smooth, 0.001, 0.002)
    predicted, _ = warned(inverter, coarse, dt=0.002)
    assert predicted.shape == coarse.shape
    assert predicted.min() > 0.9 * fine.min() and predicted.max() < 1.1 * fine.max()  # interpolation overshoots nothing


# --- Inversion with a background


TINY = NetworkConfig("CNN", "SEQ", 1, 4, num_filt=4, krnl_size=3)


@pytest.fixture
def backed():
    """A network with new weights, as if it had been trained with a background."""
    network = create_model(TINY, 64, n_channels=2)
    network.trained_on = TrainedOn.of(CustomDataGen(gen_type="ML_VEL", n=20, n_samples=500, background=True))
    return network


@pytest.fixture
def echo(backed):
    """The same with a network that answers with its background."""
    backed.predict_result = lambda x: x[..., 1]
    return backed


def ramps(n_traces, n_samples, dt):
    """Random traces, and backgrounds whose values between two samples are on the line between them."""
    time, slope = np.arange(n_samples) * dt, np.linspace(500, 2000, n_traces)[:, None]
    return np.random.default_rng(0).normal(0, 0.05, (n_traces, n_samples)), 9000 + slope * time


@pytest.mark.parametrize("dt", [0.0005, 0.001, 0.002, 0.003])
@pytest.mark.parametrize("n_samples", [5, 76, 1501])
def test_a_background_goes_with_its_traces(echo, monkeypatch, n_samples, dt):
    traces, background = ramps(4, n_samples, dt)
    expected = background.copy()
    traces[1], background[1, 2], expected[1] = 0, np.nan, np.nan  # A dead trace needs no background.
    whole, _ = warned(echo, traces, dt=dt, background=background)
    monkeypatch.setattr(networks.prediction, "LONGEST_PASS", 300)
    windows, _ = warned(echo, traces, dt=dt, background=background)
    n_beyond = 1 if dt < 0.001 else 0  # The network's last sample may lie before the traces' last one.
    for predicted in (whole, windows):
        np.testing.assert_allclose(predicted[:, : n_samples - n_beyond], expected[:, : n_samples - n_beyond], rtol=1e-6)


def test_a_network_gets_the_background_as_its_second_channel(backed):
    traces, background = ramps(6, 90, 0.001)
    expected = backed.predict_result(np.stack([traces - traces.mean(axis=1, keepdims=True), background], axis=-1))
    predicted, _ = warned(backed, traces.reshape(2, 3, 90), dt=0.001, background=background.reshape(2, 3, 90))
    np.testing.assert_allclose(predicted.reshape(6, 90), expected, rtol=1e-4)
    assert np.abs(backed.predict_result(np.stack([traces, background + 500], axis=-1)) - expected).max() > 1


@pytest.mark.parametrize("shape", [(90,), (3, 90), (2, 1, 90), (1, 1, 90), ()], ids=str)
def test_one_log_may_be_for_several_traces(echo, shape):
    traces, _ = ramps(6, 90, 0.001)
    log = np.linspace(9000, 9500, int(np.prod(shape))).reshape(shape)
    predicted, _ = warned(echo, traces.reshape(2, 3, 90), dt=0.001, background=log)
    np.testing.assert_allclose(predicted, np.broadcast_to(log, (2, 3, 90)), rtol=1e-6)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (np.nan, "must be velocities above 0 ft/s, but that of a live trace holds nan"),
        (np.inf, "holds inf"),
        (0, "holds 0"),
        (-4921.0, "holds -4921"),
        (np.ones(91), r"must be velocities in ft/s for traces of shape \(6, 90\), or one log of 90 .* shape \(91,\)"),
        (np.ones((1, 6, 90)), "not float64 of shape"),
        (np.full((6, 90), "9000"), "must be velocities in ft/s"),
        (np.ma.masked_greater(np.arange(90.0) + 9000, 9088), "must not be masked, but 1 sample is"),
        (None, "was trained with a background, so that it needs one"),
    ],
    ids=["nan", "inf", "zero", "negative", "length", "axes", "text", "mask", "none"],
)
def test_what_is_no_background_is_refused(backed, wrong, words):
    traces, background = ramps(6, 90, 0.001)
    if np.isscalar(wrong):
        background[4, 80] = wrong
        wrong = background
    with pytest.raises(ValueError, match=words):
        backed.predict(traces, dt=0.001, background=wrong)


def test_a_network_without_a_background_takes_none(inverter, denoiser):
    traces, background = ramps(2, 90, 0.001)
    for network in (inverter, denoiser):
        with pytest.raises(ValueError, match="was trained without a background, so that it takes none"):
            network.predict(traces, dt=0.001, background=background)


def test_a_background_in_another_unit_is_warned_of(echo):
    traces, background = ramps(6, 90, 0.001)
    low, high = echo.training_data().background
    assert 4000 < low < 9000 < high < 25_000
    _, sentences = warned(echo, traces, dt=0.001, background=background)
    assert not any("background" in sentence for sentence in sentences)
    _, sentences = warned(echo, traces, dt=0.001, background=0.3048 * background)
    assert any("100 % of the background is outside of" in sentence for sentence in sentences)


def test_a_network_with_a_background_knows_what_its_traces_were_like(tmp_path):
    stream = CustomDataGen(4, 8, "ML_VEL", n_samples=64, background=True)
    baseML.run_model(TINY, stream, stream, 1, tmp_path, "backed", 0, provenance={"problem": "inversion"})
    trained = BaseMLClass.load_model(tmp_path / "backed.keras").training_data()
    plain = TrainedOn.of(CustomDataGen(4, 8, "ML_VEL", n_samples=64))
    assert trained.background is not None and plain.background is None
    assert dataclasses.replace(trained, background=None) == plain
    path = tmp_path / "backed.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    del description["trained_on"]["background"]  # as descriptions were before networks had a background
    path.write_text(json.dumps(description), encoding="utf-8")
    assert BaseMLClass.load_model(tmp_path / "backed.keras").training_data() == plain


# --- What a network knows of its training


def test_outputs_of_a_network_of_scaled_data_are_in_the_datas_unit(tmp_path):
    stream = CustomDataGen(4, 8, "ML_VEL", scaling_flag=True, n_samples=64)
    provenance = {"problem": "inversion", "scaling_flag": True}
    network, result = baseML.run_model(TINY, stream, stream, 1, tmp_path, "tiny", 0, provenance=provenance)
    x = np.random.default_rng(0).normal(0, 0.05, (3, 64)).astype(np.float32)
    expected = stream.in_data_units(np.asarray(network.model(x[..., None]))[..., 0])
    path = tmp_path / "tiny.keras"
    older = tmp_path / "older.keras"  # A description of an older network does not say what its data were.
    shutil.copyfile(path, older)
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert description.pop("trained_on")["unit"] == "ft/s"
    older.with_suffix(".json").write_text(json.dumps(description), encoding="utf-8")
    for which in (network, BaseMLClass.load_model(path), BaseMLClass.load_model(older)):
        np.testing.assert_allclose(which.predict_result(x), expected, rtol=1e-5)
        np.testing.assert_allclose(which.predict_best_result(x), expected, rtol=1e-5)
    assert np.abs(expected).max() > 100


def test_a_network_knows_what_its_traces_were_like(inverter):
    trained = inverter.training_data()
    stream = CustomDataGen(50, 100, "ML_VEL")
    assert trained.unit == "ft/s" and not trained.answers_traces
    deviation = np.concatenate([stream[index][0].std(axis=1)[:, 0] for index in range(2)])
    assert trained.deviation[2] == pytest.approx(np.median(deviation), rel=0.1)
    assert TrainedOn.stored(json.loads(json.dumps(dataclasses.asdict(trained)))) == trained


def test_a_network_without_a_description_does_not_guess(tmp_path):
    path = create_model(TINY, 64).save_model(tmp_path / "network.keras")
    path.with_suffix(".json").unlink()
    network = BaseMLClass.load_model(path)
    with pytest.raises(ValueError, match="does not say what it was trained on"):
        network.predict(np.random.default_rng(0).standard_normal(64), dt=0.001)
    with pytest.raises(ValueError, match="takes traces of 64 samples only, not 65"):
        network.predict_result(np.ones(65))


def test_a_network_that_was_trained_on_answers_at_every_length_with_its_new_weights():
    network = create_model(TINY, 64)
    x = np.random.default_rng(0).standard_normal((2, 90))
    before = network.predict_result(x)
    network.model.set_weights([2 * weights for weights in network.model.get_weights()])
    assert np.abs(network.predict_result(x) - before).max() > 1e-3


def test_a_network_of_wavelet_transforms_takes_any_length_and_interval(tmp_path):
    stream = CustomDataGen(4, 8, "DeNoise", "DWT", n_samples=256)
    config = NetworkConfig("CNN", "AE", 1, 4, num_filt=4, krnl_size=3, pool_val=2)
    network, _ = baseML.run_model(config, stream, stream, 1, tmp_path, "dwt", 0, provenance={"problem": "denoising"})
    for n_samples in (40, 256, 999):
        x = np.random.default_rng(0).standard_normal((9, n_samples))
        assert network.predict(x, dt=0.002).shape == x.shape


def test_an_autoencoder_of_transformed_traces_gives_traces(tmp_path):
    stream = CustomDataGen(4, 8, "AE", "SWT", n_samples=256)
    config = NetworkConfig("CNN", "AE", 1, 4, num_filt=4, krnl_size=3, pool_val=2)
    network, _ = baseML.run_model(config, stream, stream, 1, tmp_path, "swt", 0, provenance={"problem": "denoising"})
    x = np.random.default_rng(0).standard_normal((9, 300))
    assert network.n_outputs > 1 and network.predict(x, dt=0.001).shape == x.shape


@pytest.mark.parametrize("name", ["denoise", "", None, "../secret"])
def test_another_pretrained_network_is_refused(name):
    with pytest.raises(ValueError, match="pretrained network .* is unknown; valid: .*denoising_paper"):
        BaseMLClass.from_pretrained(name)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "pretrained").glob("*.keras")))
def test_a_published_file_needs_nothing_of_this_project(name):
    """Keras loads a file without this project when all its classes are of Keras and it has no compile section."""
    with zipfile.ZipFile(ROOT / "pretrained" / f"{name}.keras") as archive:
        parts = [json.loads(archive.read("config.json"))]
    assert "compile_config" not in parts[0]
    modules = set()
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and "class_name" in part:
            modules.add(part.get("module", "keras"))
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    assert {str(module).split(".")[0] for module in modules} <= {"keras", "builtins", "None"}
