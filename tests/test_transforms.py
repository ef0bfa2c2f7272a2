"""The wavelet transforms of traces: known answers, PyWavelets' own functions, the way back, the stream, real fits."""

import tracemalloc

import keras
import numpy as np
import pytest
import pywt
from scipy import signal

from dataGeneration import SHORTEST_TRACE, TRACES_PER_BLOCK, WAVELETS, generate_block, stream_generator
from dataPreProcessing import (
    LEVEL_WAVELETS,
    PAIRS,
    SIGNAL_BAND,
    TRANSFORM_TYPES,
    CustomDataGen,
    channel_names,
    cwt_coefficients,
    cwt_frequencies,
    restore_traces,
    root_mean_squared_error,
    transform_traces,
)
from networks.feeding import fit_input

LEVELS = ("DWT", "SWT")
WAVELET_TYPES = ("CWT", *LEVELS)
MORLET = "cmor1.5-1.0"
EXACT = {np.float32: 1e-5, np.float64: 1e-12}  # of the largest amplitude


def noise(n_traces, n_samples, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n_traces, n_samples)).astype(dtype)


def clean_traces(n_samples=4096, dt=0.001, n_traces=50):
    rng = stream_generator(0, "blind")
    return generate_block(rng, n_traces, ("CONV_REFL_CLEAN",), n_samples=n_samples, dt=dt)["CONV_REFL_CLEAN"]


def largest(values):
    return np.abs(values).max()


# --- Components


@pytest.mark.parametrize("transform_type", LEVELS)
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("n_samples", [SHORTEST_TRACE, 7, 29, 30, 31, 97, 1000, 1021, 1024])
def test_components_sum_to_a_trace_of_any_length(transform_type, dtype, n_samples):
    traces = noise(4, n_samples, dtype)
    channels = transform_traces(traces, transform_type)
    assert channels.shape == (*traces.shape, len(channel_names(transform_type, n_samples)))
    assert channels.dtype == dtype
    for back in (channels.sum(axis=-1), restore_traces(channels, transform_type)):
        assert largest(back - traces) < EXACT[dtype] * largest(traces)


@pytest.mark.parametrize("transform_type", LEVELS)
def test_components_sum_to_the_trace_with_every_wavelet(transform_type):
    traces = noise(2, 300, np.float32)
    for wavelet in LEVEL_WAVELETS:
        components = transform_traces(traces, transform_type, wavelet=wavelet)
        assert largest(components.sum(axis=-1) - traces) < 1e-5 * largest(traces), wavelet


@pytest.mark.parametrize(("wavelet", "level"), [("sym8", 7), ("haar", 3), ("db5", 5), ("bior2.4", 4), ("rbio3.5", 2)])
@pytest.mark.filterwarnings("ignore:norm=True, but the wavelet is not orthogonal:UserWarning")
def test_swt_is_that_of_pywavelets_of_the_trace_and_its_mirror_image(wavelet, level):
    traces = noise(3, 2048)
    both = np.concatenate([traces, traces[:, ::-1]], axis=1)
    expected = np.stack(pywt.mra(both, wavelet, level, axis=1, transform="swt"), axis=-1)[:, :2048]
    assert transform_traces(traces, "SWT", wavelet=wavelet, level=level) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("wavelet", "level", "n_samples"), [("sym8", 7, 4096), ("db2", 3, 101), ("bior2.4", 4, 500)])
def test_dwt_is_that_of_pywavelets_trace_by_trace(wavelet, level, n_samples):
    traces = noise(3, n_samples)
    channels = transform_traces(traces, "DWT", wavelet=wavelet, level=level)
    for trace, own in zip(traces, channels, strict=True):
        coefficients = pywt.wavedec(trace, wavelet, level=level)
        for number in range(level + 1):
            alone = [values * (place == number) for place, values in enumerate(coefficients)]
            assert own[:, number] == pytest.approx(pywt.waverec(alone, wavelet)[:n_samples], abs=1e-10)


@pytest.mark.parametrize("transform_type", LEVELS)
@pytest.mark.parametrize("frequency", [3, 6, 11, 22, 45, 90, 180, 350])
def test_a_sine_is_in_the_level_whose_band_it_is_in(transform_type, frequency):
    sine = np.sin(2 * np.pi * frequency * np.arange(4096) * 0.001)[None]
    energy = (transform_traces(sine, transform_type)[0] ** 2).sum(axis=0)
    low, high = channel_names(transform_type, 4096)[energy.argmax()].split()[1].split("-")
    assert float(low) < frequency < float(high)


# --- CWT


@pytest.mark.parametrize("frequency", [3, 10, 30, 60, 100])
def test_the_cwt_of_a_sine_has_its_amplitude_at_its_frequency_and_its_phase_everywhere(frequency):
    time = np.arange(4000) * 0.001
    magnitude = np.abs(cwt_coefficients(0.7 * np.sin(2 * np.pi * frequency * time)[None], n_scales=60)[0])
    frequencies = cwt_frequencies(n_scales=60)
    at = magnitude[2000].argmax()
    assert abs(at - np.abs(np.log(frequencies / frequency)).argmin()) <= 1
    assert magnitude[1000:3000, at] == pytest.approx(0.7, abs=0.01)
    phase = np.angle(cwt_coefficients(np.cos(2 * np.pi * frequency * time)[None], n_scales=60)[0, 1000:3000, at])
    expected = 2 * np.pi * frequency * time[1000:3000]
    assert np.abs(np.angle(np.exp(1j * (phase - expected)))).max() < 0.01


def test_cwt_agrees_with_pywavelets_within_what_its_sampling_of_the_wavelet_leaves():
    finer = 16  # PyWavelets takes its wavelet from a table: of more densely sampled traces it takes more values
    quiet = clean_traces(2048, n_traces=4) * signal.windows.tukey(2048, 0.5)  # it has silence past the ends
    dense = signal.resample(quiet.astype(float), 2048 * finer, axis=1)
    frequencies = cwt_frequencies()[4:]  # the wavelets of lower ones are as long as the trace
    scales = pywt.frequency2scale(MORLET, frequencies * 0.001 / finer, precision=16)
    theirs, _ = pywt.cwt(dense, scales, MORLET, method="fft", precision=16)
    theirs = np.moveaxis(theirs, 0, -1)[:, ::finer] * 2 / np.sqrt(scales)  # amplitude, not energy, is kept
    ours = cwt_coefficients(quiet)[..., 4:]
    middle = slice(512, 1536)
    error, size = (np.sqrt((np.abs(values[:, middle]) ** 2).mean(axis=(0, 1))) for values in (ours - theirs, ours))
    assert (error < 0.025 * size).all()


def test_cwt_channels_are_the_real_and_the_imaginary_parts():
    traces = noise(2, 100, np.float32)
    channels, coefficients = transform_traces(traces, "CWT", n_scales=5), cwt_coefficients(traces, n_scales=5)
    assert channels.shape == (2, 100, 10) and coefficients.shape == (2, 100, 5)
    assert (channels.dtype, coefficients.dtype) == (np.float32, np.complex64)
    assert np.array_equal(channels, np.concatenate([coefficients.real, coefficients.imag], axis=-1))


@pytest.mark.parametrize(
    ("n_samples", "dt", "mean", "worst"),
    [(4096, 0.001, 0.004, 0.02), (1024, 0.001, 0.008, 0.06), (1024, 0.004, 0.004, 0.02), (512, 0.008, 0.004, 0.02)],
)
def test_clean_traces_come_back_from_the_cwt_within_the_stated_error(n_samples, dt, mean, worst):
    traces = clean_traces(n_samples, dt)
    back = restore_traces(transform_traces(traces, "CWT", dt), "CWT", dt)
    assert back.dtype == np.float32
    error = np.sqrt(((back - traces) ** 2).mean(axis=1) / (traces**2).mean(axis=1))
    assert error.mean() < mean and error.max() < worst


@pytest.mark.parametrize("n_scales", [18, 40])
@pytest.mark.parametrize(
    ("band", "limit"), [((2, 120), 1e-4), ((1.25, 165), 0.01), ((0, 0.5), None), ((210, 500), None)]
)
def test_a_frequency_comes_back_from_the_cwt_within_its_stated_error(band, limit, n_scales):
    places = np.unique(np.linspace(*(2 * 4096 * 0.001 * frequency for frequency in band), 40).astype(int)[:-1] + 1)
    waves = np.cos(np.pi * places[:, None] * (np.arange(4096) + 0.5) / 4096)
    back = restore_traces(transform_traces(waves, "CWT", n_scales=n_scales), "CWT")
    assert largest(back - waves) < limit if limit else largest(back) < 0.05


def test_the_cwt_covers_the_frequencies_of_the_wavelets_below_the_nyquist_frequency():
    corners = [corner for row in WAVELETS.values() for limits in row.bands for corner in limits]
    assert (min(corners), max(corners)) == SIGNAL_BAND
    for dt, highest in ((0.001, 120), (0.002, 120), (0.004, 120), (0.008, 62.5), (0.1, 5)):
        frequencies = cwt_frequencies(dt, 11)
        assert frequencies[[0, -1]] == pytest.approx([2, highest])
        assert np.diff(np.log(frequencies)) == pytest.approx(np.log(highest / 2) / 10)


# --- All of them


@pytest.mark.parametrize("transform_type", WAVELET_TYPES)
@pytest.mark.parametrize("time", [0, 30, 500, 730, 1020])
def test_a_spike_stays_at_its_time(transform_type, time):
    spike = np.zeros((1, 1021))
    spike[0, time] = 1
    channels = transform_traces(spike, transform_type)[0]
    loudest = np.abs(cwt_coefficients(spike)[0] if transform_type == "CWT" else channels).max(axis=1)
    assert abs(loudest.argmax() - time) <= 1
    back = restore_traces(channels[None], transform_type)[0]
    assert back.argmax() == time


@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
def test_transforms_are_linear_and_treat_traces_one_by_one(transform_type):
    a, b = noise(2, 8 * 300).reshape(2, 8, 300)
    channels = transform_traces(a, transform_type)
    both = transform_traces(2 * a - 3 * b, transform_type)
    assert both == pytest.approx(2 * channels - 3 * transform_traces(b, transform_type), abs=1e-11)
    one_by_one = np.concatenate([transform_traces(trace[None], transform_type) for trace in a])
    assert one_by_one == pytest.approx(channels, abs=1e-12)


def test_a_block_of_many_passes_is_that_of_its_traces():
    traces = noise(50, 2000, np.float32)
    expected = np.concatenate([cwt_coefficients(part) for part in np.array_split(traces, 7)])
    assert largest(cwt_coefficients(traces) - expected) < 1e-5


@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
def test_the_traces_themselves_stay_as_they_are(transform_type):
    traces = noise(2, 200, np.float32)
    before = traces.copy()
    channels = transform_traces(traces, transform_type)
    kept = channels.copy()
    restore_traces(channels, transform_type)
    assert np.array_equal(traces, before) and np.array_equal(channels, kept)


@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
@pytest.mark.parametrize("dt", [0.0001, 0.002, 0.008, 0.1])
@pytest.mark.parametrize("n_samples", [SHORTEST_TRACE, 64])
def test_every_time_step_and_the_shortest_traces_work(transform_type, dt, n_samples):
    traces = noise(2, n_samples, np.float32)
    channels = transform_traces(traces, transform_type, dt)
    back = restore_traces(channels, transform_type, dt)
    assert channels.shape == (2, n_samples, len(channel_names(transform_type, n_samples, dt)))
    assert back.shape == traces.shape and np.isfinite(back).all() and largest(back) < 3 * largest(traces)


def test_channels_are_named_by_their_band():
    assert channel_names("DWT", 4096) == (
        *("A7: 0-4 Hz", "D7: 4-8 Hz", "D6: 8-16 Hz", "D5: 16-31 Hz"),
        *("D4: 31-62 Hz", "D3: 62-125 Hz", "D2: 125-250 Hz", "D1: 250-500 Hz"),
    )
    assert channel_names("SWT", 16384, level=10)[0] == "A10: 0-0.5 Hz"
    assert channel_names("SWT", 512, 0.008) == channel_names("DWT", 512, 0.008)
    assert [len(channel_names("SWT", 512, dt)) for dt in (0.001, 0.002, 0.004, 0.008)] == [6, 6, 6, 5]
    assert channel_names("SWT", 29) == ("A0: 0-500 Hz",)
    assert channel_names("CWT", 4096, n_scales=2) == ("Re 2 Hz", "Re 120 Hz", "Im 2 Hz", "Im 120 Hz")
    assert channel_names("NA", 4096) == ("trace",)


@pytest.mark.parametrize(
    ("transform_type", "options", "message"),
    [
        ("FFT", {}, "transform_type 'FFT' is unknown; valid: NA, CWT, DWT, SWT"),
        ("NA", {"level": 2}, "option of NA 'level' is unknown; valid: none"),
        ("CWT", {"level": 2}, "option of CWT 'level' is unknown; valid: n_scales"),
        ("CWT", {"n_scales": 1}, "n_scales must be a whole number of at least 2, not 1"),
        ("CWT", {"dt": 1.0}, "dt must be a time"),
        ("DWT", {"n_scales": 8}, "option of DWT 'n_scales' is unknown; valid: wavelet, level"),
        ("DWT", {"level": 3}, "level must be at most 2 for 100 samples and sym8, not 3"),
        ("SWT", {"level": 3}, "level must be at most 2 for 100 samples and sym8, not 3"),
        ("SWT", {"level": -1}, "level must be a whole number of at least 0, not -1"),
        ("SWT", {"wavelet": "dmey"}, "wavelet 'dmey' is unknown; valid: .*sym8"),
    ],
)
def test_an_option_outside_its_range_is_named(transform_type, options, message):
    with pytest.raises(ValueError, match=message):
        transform_traces(noise(1, 100), transform_type, **options)
    with pytest.raises(ValueError, match=message):
        channel_names(transform_type, 100, **options)
    dt = {"dt": options["dt"]} if "dt" in options else {}
    other = {name: value for name, value in options.items() if name != "dt"}
    with pytest.raises(ValueError, match=message):
        CustomDataGen(n_samples=100, transform_type=transform_type, transform_options=other, **dt)


@pytest.mark.parametrize("wrong", [np.zeros(5), np.zeros((2, 0)), np.full((1, 9), np.nan), np.array([["a"]])])
def test_what_is_no_block_of_traces_is_refused(wrong):
    for transform_type in TRANSFORM_TYPES:
        with pytest.raises(ValueError, match="traces must be"):
            transform_traces(wrong, transform_type)


def test_what_are_no_channels_is_refused():
    for wrong in (np.zeros((2, 9)), np.zeros((2, 9, 0)), np.zeros((2, 9, 2), int)):
        with pytest.raises(ValueError, match="channels must be floats"):
            restore_traces(wrong, "SWT")
    with pytest.raises(ValueError, match="as many real as imaginary parts, not 3"):
        restore_traces(np.zeros((2, 9, 3)), "CWT")


# --- The stream


@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
@pytest.mark.parametrize("gen_type", PAIRS)
@pytest.mark.parametrize("scaling_flag", [False, True])
def test_the_stream_gives_transformed_traces(transform_type, gen_type, scaling_flag):
    options = {"gen_type": gen_type, "batch_size": 4, "n": 60, "n_samples": 64, "scaling_flag": scaling_flag}
    raw, stream = CustomDataGen(**options), CustomDataGen(**options, transform_type=transform_type)
    assert stream.n_channels == len(stream.channel_names) == len(channel_names(transform_type, 64))
    for index in (0, TRACES_PER_BLOCK // 4, 14):  # that in the middle has traces of two blocks
        (x, y), (raw_x, raw_y) = stream[index], raw[index]
        assert x.shape == (4, 64, stream.n_channels) and x.dtype == y.dtype == np.float32
        assert x == pytest.approx(transform_traces(raw_x[..., 0], transform_type), abs=1e-5)
        assert np.array_equal(y, x if gen_type == "AE" else raw_y)


@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
def test_transformed_traces_do_not_depend_on_the_batch_size(transform_type):
    def epoch(batch_size):
        stream = CustomDataGen(batch_size, 70, n_samples=50, transform_type=transform_type)
        return np.concatenate([stream[index][0] for index in range(len(stream))])

    assert np.array_equal(epoch(1), epoch(33))


def test_an_epoch_of_transformed_traces_takes_no_more_than_five_blocks():
    stream = CustomDataGen(n=5 * TRACES_PER_BLOCK, transform_type="CWT")
    block_size = TRACES_PER_BLOCK * stream[0][0].nbytes
    tracemalloc.start()
    for index in range(0, len(stream), TRACES_PER_BLOCK):
        stream[index]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * block_size


def test_options_of_a_transform_reach_the_stream():
    stream = CustomDataGen(n_samples=64, dt=0.004, transform_type="CWT", transform_options={"n_scales": 3})
    assert stream.n_channels == 6
    assert stream.channel_names == ("Re 2 Hz", "Re 15.5 Hz", "Re 120 Hz", "Im 2 Hz", "Im 15.5 Hz", "Im 120 Hz")
    assert stream[0][0].shape == (1, 64, 6)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("transform_type", TRANSFORM_TYPES)
@pytest.mark.parametrize("gen_type", ["DeNoise", "AE"])
def test_a_network_learns_from_every_transform(transform_type, gen_type):
    options = {"gen_type": gen_type, "n_samples": 64, "transform_type": transform_type, "scaling_flag": True}
    training = CustomDataGen(8, 32, **options)
    validation = CustomDataGen(8, 8, **options, stream="validation", validation="fixed")
    keras.utils.set_random_seed(0)
    outputs = training.n_channels if gen_type == "AE" else 1
    model = keras.Sequential([keras.Input((64, training.n_channels)), keras.layers.Conv1D(outputs, 3, padding="same")])
    model.compile(keras.optimizers.Adam(0.01), root_mean_squared_error)
    read, checked = fit_input(training), fit_input(validation)
    losses = model.fit(read, validation_data=checked, epochs=3, shuffle=False, verbose=0).history["val_loss"]
    assert losses[-1] < losses[0]
