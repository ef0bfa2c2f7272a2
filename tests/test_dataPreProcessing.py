"""The stream of traces to the networks, through real calls and real fits."""

import tracemalloc

import keras
import numpy as np
import pytest
from conftest import assert_close

from dataGeneration import TRACES_PER_BLOCK, generate_block, stream_generator
from dataPreProcessing import (
    PAIRS,
    RMSE,
    CustomDataGen,
    log_root_mean_squared_error,
    normalize_data,
    root_mean_squared_error,
    trace_root_mean_squared_error,
)
from networks.callbacks import FirstEpoch
from networks.feeding import fit_input


def stream(**options):
    return CustomDataGen(**{"batch_size": 2, "n": 7, "n_samples": 32} | options)


def epoch_of(generator):
    """All of an epoch: x and y, (n, n_samples, 1)."""
    return tuple(np.concatenate(part) for part in zip(*(generator[i] for i in range(len(generator))), strict=True))


@pytest.mark.parametrize("gen_type", PAIRS)
@pytest.mark.parametrize("noisy_data", [False, True])
def test_a_pair_is_what_its_type_says(gen_type, noisy_data):
    x, y = epoch_of(stream(gen_type=gen_type, noisy_data=noisy_data, seed=3))
    names = PAIRS[gen_type][noisy_data]
    made = generate_block(stream_generator(3, "training"), 7, names, n_samples=32)
    assert np.array_equal(x[..., 0], made[names[0]]) and np.array_equal(y[..., 0], made[names[1]])


def test_batches_are_float32_with_a_channel_and_the_last_may_be_smaller():
    generator = stream()
    assert len(generator) == 4
    assert [generator[i][0].shape for i in range(4)] == [(2, 32, 1)] * 3 + [(1, 32, 1)]
    assert generator[0][0].dtype == generator[0][1].dtype == np.float32


def test_batches_do_not_overlap():
    x, _ = epoch_of(stream(n=120))
    assert len(np.unique(x[:, :, 0], axis=0)) == 120


@pytest.mark.parametrize("batch_size", [1, 3, 50, 51, 120, 200])
def test_traces_do_not_depend_on_the_batch_size_or_the_order_of_asking(batch_size):
    reference, _ = epoch_of(stream(n=120))
    generator = stream(n=120, batch_size=batch_size)
    backwards = [generator[i][0] for i in reversed(range(len(generator)))]
    assert np.array_equal(np.concatenate(backwards[::-1]), reference)


def test_epochs_streams_and_seeds_share_no_trace():
    generators = [stream(), stream(stream="validation"), stream(stream="blind"), stream(seed=1)]
    traces = [epoch_of(generator)[0] for generator in generators]
    generators[0].on_epoch_begin()
    assert np.array_equal(epoch_of(generators[0])[0], traces[0])  # the first pass is epoch 0
    generators[0].on_epoch_begin()
    traces.append(epoch_of(generators[0])[0])
    everything = np.concatenate(traces)[..., 0]
    assert len(np.unique(everything, axis=0)) == 5 * 7


def test_a_fixed_validation_set_is_epoch_0_in_every_epoch():
    fixed, streaming = stream(validation="fixed"), stream()
    for _ in range(3):
        fixed.on_epoch_begin()
        assert np.array_equal(epoch_of(fixed)[0], epoch_of(streaming)[0])


def test_the_noise_level_reaches_the_traces():
    x, y = epoch_of(stream(n=50, n_samples=1000, snr_db=(20, 20)))
    ratio = np.sqrt((y**2).mean(axis=1) / ((x - y) ** 2).mean(axis=1))
    assert 20 * np.log10(ratio).mean() == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(("n", "n_samples"), [(250, 4096), (10_000, 1024)])
def test_an_epoch_of_any_size_takes_less_than_40_mb(n, n_samples):
    generator = CustomDataGen(batch_size=1, n=n, n_samples=n_samples)
    generator[0]
    tracemalloc.start()
    for index in range(0, len(generator), TRACES_PER_BLOCK):
        generator[index]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


class Recorder(CustomDataGen):
    """Notes which batch of which epoch Keras asks for."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = []

    def __getitem__(self, index):
        self.asked.append((self.epoch, index))
        return super().__getitem__(index)


@pytest.mark.parametrize("read", [fit_input, lambda generator: generator], ids=["as training does", "as it is"])
def test_a_fit_serves_every_batch_of_every_epoch_once_to_training_and_to_validation(read):
    options = {"batch_size": 2, "n": 7, "n_samples": 32}
    training, validation = Recorder(**options), Recorder(**options, stream="validation")
    model = keras.Sequential([keras.Input((32, 1)), keras.layers.Dense(1)])
    model.compile("sgd", root_mean_squared_error)
    begin = FirstEpoch(0, training, validation)  # JAX takes a batch before, of an epoch that begins with it
    model.fit(read(training), validation_data=read(validation), epochs=3, callbacks=[begin], shuffle=False, verbose=0)
    for generator in (training, validation):
        assert set(generator.asked) == {(epoch, index) for epoch in range(3) for index in range(4)}
        repeated = generator.asked.copy()
        for batch in set(generator.asked):
            repeated.remove(batch)
        assert set(repeated) <= {(0, 0), (0, 1)}  # asked for once more to learn their shapes


class Gathers(CustomDataGen):
    """Two traces of one earth, and the mean and the deviation of its velocity in three windows."""

    scales = (((-1.0, 1.0), (-1.0, 1.0)), ((0.0, 30_000.0), (0.0, 1.0)))

    def __init__(self, shift, **options):
        super().__init__(gen_type="gathers", **options)
        self.shift = shift

    def make_block(self, rng, n_traces):
        made = generate_block(rng, n_traces, ("REFL_RW", "VEL"), n_samples=self.n_samples)
        x = np.stack([made["REFL_RW"], np.roll(made["REFL_RW"], self.shift, axis=1)], axis=-1)
        windows = made["VEL"].reshape(n_traces, 3, -1)
        return x, np.stack([windows.mean(axis=-1), windows.std(axis=-1)], axis=-1)


def test_a_stream_of_another_problem_overrides_one_method():
    options = {"batch_size": 4, "n": 60, "n_samples": 48, "scaling_flag": True}
    training, validation = Gathers(2, **options), Gathers(2, **options, stream="validation")
    assert (training.n_channels, training.n_outputs) == (2, 2)
    x, y = epoch_of(training)
    assert x.shape == (60, 48, 2) and y.shape == (60, 3, 2) and x.dtype == y.dtype == np.float32
    made = generate_block(stream_generator(0, "training"), 50, ("REFL_RW", "VEL"), n_samples=48)
    assert x[:50, 2:, 1] == pytest.approx(made["REFL_RW"][:, :-2], abs=1e-6)
    assert training.in_data_units(y)[:50, 0, 0] == pytest.approx(made["VEL"][:, :16].mean(axis=1), rel=1e-5)
    layers = [keras.Input((48, training.n_channels)), keras.layers.Conv1D(training.n_outputs, 16, 16)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.01), RMSE.of_batch)
    losses = model.fit(fit_input(training), validation_data=fit_input(validation), epochs=3, shuffle=False, verbose=0)
    assert losses.history["val_loss"][-1] < losses.history["val_loss"][0]
    assert model.predict(x, verbose=0).shape == y.shape


def test_only_traces_without_channels_are_transformed():
    with pytest.raises(ValueError, match=r"transform_type must be 'NA' for x of shape \(7, 48, 2\), not 'DWT'"):
        Gathers(2, n=7, n_samples=48, transform_type="DWT")[0]


def test_a_stream_of_one_wavelet_has_its_traces_and_the_same_earth():
    x, y = epoch_of(stream(gen_type="ML_VEL", noisy_data=True, wavelet="KW"))
    made = generate_block(stream_generator(0, "training"), 7, ("REFL_KW_GAPS", "VEL_GAPS"), n_samples=32)
    assert np.array_equal(x[..., 0], made["REFL_KW_GAPS"]) and np.array_equal(y[..., 0], made["VEL_GAPS"])


def test_the_papers_loss_has_a_value_per_batch_and_per_trace():
    y, predicted = np.zeros((2, 3, 1), np.float32), np.array([[[1.0]] * 3, [[7.0]] * 3], np.float32)
    assert RMSE.name == "rmse" and float(RMSE.of_batch(y, predicted)) == 5
    assert keras.ops.convert_to_numpy(RMSE.of_trace(y, predicted)).tolist() == [1, 7]


def test_scaling_takes_velocities_to_the_unit_interval_and_back():
    plain, scaled = stream(gen_type="ML_VEL"), stream(gen_type="ML_VEL", scaling_flag=1)
    (x, y), (x_scaled, y_scaled) = epoch_of(plain), epoch_of(scaled)
    assert_close(x_scaled, x, rtol=0, atol=1e-6)
    assert_close(y_scaled, y / 30_000)
    assert_close(scaled.in_data_units(y_scaled), y, rtol=1e-5)
    assert (plain.unit_per_output, scaled.unit_per_output) == (1, 30_000)


def test_normalize_data_takes_one_range_to_the_other():
    assert normalize_data(np.array([-1.0, 0.0, 1.0]), (-1, 1), (0, 10)).tolist() == [0, 5, 10]
    for wrong in ((1, 1), (2, 1), (0, np.nan), (0, 1, 2)):
        with pytest.raises(ValueError, match="lowest < highest"):
            normalize_data(np.zeros(2), wrong)


def test_the_loss_is_the_rmse_of_the_whole_batch():
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(size=(2, 3, 5, 1)).astype(np.float32)
    rmse = np.sqrt(np.mean((y - predicted) ** 2))
    assert float(root_mean_squared_error(y, predicted)) == pytest.approx(rmse, rel=1e-6)
    assert float(log_root_mean_squared_error(y, predicted)) == pytest.approx(np.log(rmse), abs=1e-5)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("gen_type", "Denoise"),
        ("transform_type", "FFT"),
        ("stream", "test"),
        ("batch_size", 0),
        ("n", -1),
        ("n_samples", 2),
        ("dt", 0),
        ("seed", -1),
        ("snr_db", "loud"),
        ("validation", "frozen"),
        ("wavelet", "XX"),
        ("scaling_flag", "on"),
        ("noisy_data", 3),
    ],
)
def test_an_option_outside_its_range_is_named(option, value):
    with pytest.raises(ValueError, match=f"{option}.*{value!r}"):
        stream(**{option: value})


def test_a_batch_that_is_not_there_raises_index_error():
    with pytest.raises(IndexError, match="batch 4"):
        stream()[4]


@pytest.mark.parametrize("loss", [root_mean_squared_error, trace_root_mean_squared_error, log_root_mean_squared_error])
def test_an_answer_without_an_error_does_not_end_a_training(loss):
    """As of a trace that is zero everywhere, which a short trace of one layer is."""
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    zeros = np.zeros((2, 4, 1), np.float32)
    assert model.fit(zeros, zeros, verbose=0).history["loss"][0] <= 0
    assert np.isnan(loss(zeros, zeros * np.nan)).all()  # A network that diverges is not one without an error.
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
