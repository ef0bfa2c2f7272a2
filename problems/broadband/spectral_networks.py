"""The networks that predict response spectra from a low-passed record, as rows.

    x (4096, 3) -> summary: PSA at LONG_PERIODS, energy in time, level -> dense layers      -> log10 PSA at nine periods
    x (4096, 3) -> series: waveform and its energy every 0.16 s, level -> residual blocks   -> the same

U, F and K are num_dnn, num_filt and krnl_size, L is num_layers and D is num_dil. The layers work on a record without
its level, log10 of its largest sample, which is put back to their answer; they know the level, as large earthquakes
have other spectra than small ones.
"""

from collections.abc import Callable

from networks.layers import LAYER_KINDS, Layer, LayerKind, tcn_dilations
from networks.rows import NETWORKS, STANDARD_UNITS, Network, NetworkConfig, StandardUnits
from problems.broadband.operators import LEAST, log_psa_of_low
from problems.broadband.parts import LEAST_ENERGY, LONG_PERIODS, N_BINS, SHORT_PERIODS
from problems.broadband.source import COMPONENTS
from support.startup import load_keras

keras = load_keras()

PSA = "PSA"  # the type of these networks
N_COMPONENTS = len(COMPONENTS)
STEP = 16  # samples between those of a series; x has nothing above its Nyquist frequency
ENERGY_MIDDLE, ENERGY_SPREAD = -3.0, 2.0  # of log10 energy, relative to the largest sample
WAVE_UNIT, SPECTRUM_UNIT = 0.3, 0.25  # of a waveform and of log10 PSA, relative to the largest sample
WIDTH_BEHIND = 64  # of the dense layer behind a series


def _level(x: keras.KerasTensor) -> keras.KerasTensor:
    """log10 of the largest sample of each record, (batch, 1, 1)."""
    return keras.ops.log10(keras.ops.maximum(keras.ops.max(keras.ops.abs(x), axis=(1, 2), keepdims=True), LEAST))


def _energy(x: keras.KerasTensor, level: keras.KerasTensor) -> keras.KerasTensor:
    """log10 of the energy in N_BINS bins of time relative to the largest sample, (batch, N_BINS, components)."""
    bins = keras.ops.reshape(x / 10.0**level, (-1, N_BINS, x.shape[1] // N_BINS, x.shape[2]))
    energy = keras.ops.mean(keras.ops.square(bins), axis=2)
    least = LEAST_ENERGY * keras.ops.max(energy, axis=(1, 2), keepdims=True)
    return (keras.ops.log10(keras.ops.maximum(energy, least + LEAST)) - ENERGY_MIDDLE) / ENERGY_SPREAD


def summary(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return level, PSA at LONG_PERIODS and energy in time of low-passed records, (batch, 1, 213)."""
    level = _level(x)
    spectrum = (log_psa_of_low(x, LONG_PERIODS)[:, None] - level) / SPECTRUM_UNIT
    energy = keras.ops.reshape(_energy(x, level), (-1, 1, N_BINS * x.shape[2]))
    return keras.ops.concatenate([level, spectrum, energy], axis=2)


def series(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return waveform, energy and level of low-passed records at every STEP samples, (batch, 256, 7)."""
    level = _level(x)
    waveform = x[:, STEP // 2 :: STEP] / 10.0**level / WAVE_UNIT
    energy = keras.ops.repeat(_energy(x, level), waveform.shape[1] // N_BINS, axis=1)
    return keras.ops.concatenate([waveform, energy, keras.ops.ones_like(waveform[..., :1]) * level], axis=2)


N_SUMMARY = 1 + len(LONG_PERIODS) + N_BINS * N_COMPONENTS
LAYER_KINDS |= {
    "summary": LayerKind(
        lambda layer, n_samples: summary,
        length=lambda layer, length: 1,
        channels=lambda layer, channels: N_SUMMARY,
        reach=lambda layer: float("inf"),
    ),
    "series": LayerKind(
        lambda layer, n_samples: series,
        length=lambda layer, length: length // STEP,
        channels=lambda layer, channels: 2 * N_COMPONENTS + 1,
        reach=lambda layer: float("inf"),
    ),
}
STANDARD_UNITS[PSA] = StandardUnits(lambda config, x: (x, _with_level(x)))


def _with_level(x: keras.KerasTensor) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    # The level is repeated for every value, as TensorFlow would take it for the bias of the layer before where a batch
    # has as many records as there are periods, and would add the level of one record to another one.
    return lambda answer: answer + keras.ops.repeat(_level(x), answer.shape[1], axis=1)


_ANSWER = Layer("unfold", 1, stride=len(SHORT_PERIODS), activation=None)


def _dropout(c: NetworkConfig) -> list[Layer]:
    return [Layer("dropout", rate=c.dropout)] if c.dropout else []


def _dense_layers(c: NetworkConfig) -> list[Layer]:
    """The summary, L x [Dense U, dropout], one value for each period."""
    return [Layer("summary"), *[Layer("dense", c.num_dnn), *_dropout(c)] * c.num_layers, _ANSWER]


def _convolution_layers(c: NetworkConfig) -> list[Layer]:
    """The series, Conv1D(F, K), L x residual blocks (F, K) of dilation 1, 2, 4 .. <= D, mean, Dense, the values."""
    block = Layer("residual", c.num_filt, c.krnl_size, norm="layer")
    blocks = [block._replace(dilation=dilation) for dilation in tcn_dilations(c.num_dil)]
    entry = Layer("conv", c.num_filt, c.krnl_size, activation=None)
    behind = [Layer("mean"), *_dropout(c), Layer("dense", WIDTH_BEHIND), _ANSWER]
    return [Layer("series"), entry, *blocks * c.num_layers, *behind]


NETWORKS |= {
    ("DNN", PSA): Network(_dense_layers),
    ("CNN", PSA): Network(_convolution_layers, has_dilation=True, has_dense=False),
}
