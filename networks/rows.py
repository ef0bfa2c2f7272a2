"""The networks as rows of layers, and what is particular to each type of network."""

import math
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from networks.callbacks import OPTIMIZERS, SCHEDULES
from networks.layers import LAYER_KINDS, NORMALISATIONS, Layer, tcn_dilations
from support.checks import check_choice, check_flag, check_number, check_whole
from support.startup import load_keras

keras = load_keras()

SIZES = ("num_layers", "num_dnn", "num_dil", "num_filt", "krnl_size", "pool_val", "num_lstm")  # of a `NetworkConfig`
ACTIVATIONS = ("", "tanh", "relu", "swish")
MOST_LAYERS, LARGEST_SIZE = 100, 1_000_000  # of a network; far above what any memory holds
VELOCITY_UNITS = (12_000.0, 4500.0)  # ft/s, about the mean and the deviation of all velocities
TRACE_UNIT, SUM_UNIT = 0.055, 0.5  # about the deviation of clean traces, and of their running sums
LEAST_UNIT = 1e-9  # of a trace whose samples are zero
SPECTRUM_SEGMENT = 160  # samples
NOISE_SHARE = 0.4  # of the Nyquist frequency, above which there is noise only: 200 Hz at 1 ms
LEVEL_SHARE = 0.1  # of the level of a trace is the least unit there


# --- Standard units

Convert = Callable[[keras.KerasTensor], keras.KerasTensor]


class StandardUnits(NamedTuple):
    """How a network works on numbers with a deviation of about 1.

    ``convert`` takes the network's configuration and the input (batch, samples, channels); it returns what the first
    layer gets, and the function that brings the output of the last layer back to the data's unit.
    """

    convert: Callable[["NetworkConfig", keras.KerasTensor], tuple[keras.KerasTensor, Convert]]
    # Channels that the first layer gets, for those of the input.
    channels: Callable[["NetworkConfig", int], int] = lambda config, n_channels: n_channels


def _velocity_units(config: "NetworkConfig", x: keras.KerasTensor) -> tuple[keras.KerasTensor, Convert]:
    """Velocities are in the amplitudes, so that the unit is the same for all traces.

    The network also gets the running sum of its input, which is nearer to velocity than the trace itself; with a window
    it is counted from its own running mean, as the sum of a level and of low-frequency noise goes far. Where it gets a
    background, its answer is what this lacks.
    """
    mean, spread = VELOCITY_UNITS
    background = x[..., 1:] if config.background else None
    x = x[..., :1] if config.background else x
    total = keras.ops.cumsum(x, axis=1)
    if config.unit_window:
        total = total - _running_mean(total, config.unit_window)
    channels = [x / TRACE_UNIT, total / SUM_UNIT]
    if background is not None:
        channels.append((background - mean) / spread)
    start = mean if background is None else background
    return keras.ops.concatenate(channels, axis=-1), lambda outputs: outputs * spread + start


def _running_mean(x: keras.KerasTensor, window: int) -> keras.KerasTensor:
    """The mean of up to ``window`` samples around each sample, as differences of a running sum."""
    n_samples = x.shape[1]
    first = np.maximum(np.arange(n_samples) - window // 2, 0)
    end = np.minimum(np.arange(n_samples) + (window + 1) // 2, n_samples)
    total = keras.ops.pad(keras.ops.cumsum(x, axis=1), ((0, 0), (1, 0), (0, 0)))
    difference = keras.ops.take(total, end, axis=1) - keras.ops.take(total, first, axis=1)
    return difference / (end - first).astype(np.float32)[:, None]


def _trace_units(config: "NetworkConfig", x: keras.KerasTensor) -> tuple[keras.KerasTensor, Convert]:
    """The unit is each trace's own deviation: noise and signal grow together."""
    if config.unit_window:
        return _running_units(x, config.unit_window)
    deviation = keras.ops.std(x, axis=(1, 2), keepdims=True) + keras.config.epsilon()
    return x / deviation, lambda outputs: outputs * deviation


def _running_units(x: keras.KerasTensor, window: int) -> tuple[keras.KerasTensor, Convert]:
    """The unit is the deviation of the ``window`` samples around each sample, whatever the gain along a trace is.

    The level of the trace is taken out, and put back. The network also gets the trace behind a Wiener filter of its own
    spectrum, and its answer is what this lacks: what no linear filter can do.
    """
    ops, n_samples = keras.ops, x.shape[1]
    window = min(window, n_samples)
    n_whole, rest = divmod(n_samples, window)
    framed = ops.concatenate([x[:, : n_whole * window], x[:, -window:]], axis=1) if rest else x
    frames = ops.reshape(framed, (-1, framed.shape[1] // window, window * x.shape[2]))
    variance = ops.var(frames, axis=2, keepdims=True)
    # A level is constant along a trace, so that the parts with small amplitudes tell it best; muted ones do not.
    weight = ops.where(variance > 0, 1 / ops.maximum(variance, LEAST_UNIT**2), 0.0)
    level = ops.sum(weight * ops.mean(frames, axis=2, keepdims=True), axis=1, keepdims=True)
    level = level / ops.maximum(ops.sum(weight, axis=1, keepdims=True), LEAST_UNIT)
    steps = ops.repeat(ops.sqrt(variance), window, axis=1)[:, :n_samples]
    # A running mean of the steps makes straight lines of them.
    deviation = _running_mean(steps, window)
    # Where a trace is muted, its deviation is zero, and what is left of it there is minus the level.
    deviation = ops.maximum(deviation, LEVEL_SHARE * ops.abs(level) + LEAST_UNIT)
    standard = (x - level) / deviation
    filtered = _filtered(standard)
    channels = ops.concatenate([standard, filtered], axis=-1)
    return channels, lambda outputs: (outputs + filtered) * deviation + level


def _filtered(x: keras.KerasTensor) -> keras.KerasTensor:
    """Each channel of x behind the filter max(0, 1 - noise / power) without phase, as `spectral_wiener` has it.

    power is the mean spectrum of segments that overlap by half, and noise its median in the highest frequencies.
    """
    ops, n_samples, n_channels = keras.ops, x.shape[1], x.shape[2]
    rows = ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, n_samples))
    segment = min(SPECTRUM_SEGMENT, n_samples - n_samples % 2)
    half = segment // 2
    taper = np.hanning(segment + 1)[:-1].astype(np.float32)
    starts = (0, half) if n_samples >= segment + half else (0,)
    parts = [rows[:, start : start + (n_samples - start) // segment * segment] for start in starts]
    frames = ops.concatenate([ops.reshape(part, (-1, part.shape[1] // segment, segment)) for part in parts], axis=1)
    real, imaginary = ops.rfft(frames * taper)
    power = ops.mean(ops.square(real) + ops.square(imaginary), axis=1)
    noise = ops.median(power[:, int(NOISE_SHARE * half) :], axis=1, keepdims=True)
    gain = ops.maximum(1 - noise / ops.maximum(power, LEAST_UNIT), 0.0)
    operator = ops.roll(ops.irfft((gain, ops.zeros_like(gain))), half, axis=1) * taper
    n_fft = n_samples + segment
    a, b = (ops.rfft(ops.pad(part, ((0, 0), (0, n_fft - part.shape[1])))) for part in (rows, operator))
    made = ops.irfft((a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]), fft_length=n_fft)
    made = made[:, half : half + n_samples]
    return ops.transpose(ops.reshape(made, (-1, n_channels, n_samples)), (0, 2, 1))


DATA_UNITS = StandardUnits(lambda config, x: (x, lambda outputs: outputs))
STANDARD_UNITS = {  # by type of network, for those types that have such units
    # A trace with a background has its running sum and the background; other channels have a running sum each.
    "SEQ": StandardUnits(
        _velocity_units, channels=lambda config, n_channels: 3 if config.background else 2 * n_channels
    ),
    "AE": StandardUnits(_trace_units, lambda config, n_channels: (2 if config.unit_window else 1) * n_channels),
}


# --- Hyperparameters


@dataclass(frozen=True)
class NetworkConfig:
    """Hyperparameters of one network and its training, named as in the study; the defaults are the paper's.

    Raises ValueError for an unknown network, for a value outside its range, and for one that the network cannot use.
    """

    arch_type: str = "CNN"  # the first word of a key of NETWORKS
    net_type: str = "SEQ"  # the second one; the paper's are SEQ (velocity inversion) and AE (autoencoder, denoising)
    num_layers: int = 1  # L, depth
    num_dnn: int = 1024  # U, dense units
    num_dil: int = 32  # D, largest dilation
    num_filt: int = 64  # F, filters
    krnl_size: int = 32  # K, samples
    pool_val: int = 1  # P, pooling factor of the autoencoders, stride of the residual networks
    num_lstm: int = 10  # H, LSTM units
    learning_rate: float = 1e-4
    norm: str = "none"  # a key of NORMALISATIONS; of residual blocks
    standard_units: bool = False  # whether the layers work in the STANDARD_UNITS of the net_type
    unit_window: int = 0  # samples over which the standard units of a trace are taken; 0: the whole trace
    background: bool = False  # the second channel of the input is a background, in the unit of the output
    penalties: bool = True  # whether the loss has the penalties R
    activation: str = ""  # of the layers of networks that leave it open; empty: the usual one of the network
    dropout: float = 0.0  # the share of the outputs of each layer that a training drops, likewise
    optimizer: str = "adam"  # a key of OPTIMIZERS
    weight_decay: float = 0.0  # of the optimizer adamw
    schedule: str = "paper"  # of the learning rate; a key of SCHEDULES

    def __post_init__(self) -> None:
        check_choice("network", f"{self.arch_type} {self.net_type}", [" ".join(key) for key in NETWORKS])
        for name in SIZES:
            most = MOST_LAYERS if name == "num_layers" else LARGEST_SIZE
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1, most))
        if self.pool_val != 1 and not self.network.pools:
            raise ValueError(
                f"pool_val must be 1 for {self.arch_type} {self.net_type}, which does not pool, not {self.pool_val}"
            )
        for name, valid in {"norm": NORMALISATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}.items():
            check_choice(name, getattr(self, name), valid)
        object.__setattr__(self, "unit_window", check_whole("unit_window", self.unit_window, 0, LARGEST_SIZE))
        for name in ("standard_units", "penalties", "background"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))
        if self.standard_units and self.net_type not in STANDARD_UNITS:
            raise ValueError(
                f"standard_units must be False for {self.arch_type} {self.net_type}, not True: of the types of "
                f"networks, {', '.join(STANDARD_UNITS)} have such units"
            )
        if self.background and not (self.standard_units and self.net_type == "SEQ"):
            raise ValueError("a background needs standard_units and a network of type SEQ")
        check_choice("activation", self.activation, ACTIVATIONS)
        object.__setattr__(self, "dropout", check_number("dropout", self.dropout, 0.0, 0.9, "a share of {:g} to {:g}"))
        positive, least = "a number above 0", "a number of at least 0"
        for name, lowest, valid in (("learning_rate", math.ulp(0.0), positive), ("weight_decay", 0.0, least)):
            value = check_number(name, getattr(self, name), lowest, sys.float_info.max, valid)
            object.__setattr__(self, name, value)

    @property
    def label(self) -> str:
        """Model label of the paper; dilation, LSTM and dense units are 0 where the network has none."""
        return self.label_with()

    def label_with(self, drawn: Collection[str] = ()) -> str:
        """The label with the values of ``drawn`` also where the network does not use them, as in published studies."""
        dense, dilation, lstm = (
            getattr(self, name) * (self.network.uses(name) or name in drawn)
            for name in ("num_dnn", "num_dil", "num_lstm")
        )
        return (
            f"{self.arch_type}_{self.net_type}_LYR{self.num_layers}_DNN{dense}_DIL{dilation}_FIL{self.num_filt}"
            f"_KRNL{self.krnl_size}_POL{self.pool_val}_LSTM{lstm}_"
        )

    @property
    def network(self) -> "Network":
        """What is particular to this network."""
        return NETWORKS[self.arch_type, self.net_type]

    def depends_on(self, name: str) -> bool:
        """Whether another value of one of the SIZES would make other layers; True for what is no size.

        Labels of the paper also have sizes that change no layer: the dense units of a CNN on sequences, for example.

        >>> config = NetworkConfig("CNN", "SEQ", num_layers=1)
        >>> config.depends_on("num_filt"), config.depends_on("num_dnn"), config.depends_on("learning_rate")
        (True, False, True)
        """
        if name not in SIZES:
            return True
        try:
            other = replace(self, **{name: getattr(self, name) // 2 or 2})
        except ValueError:  # A network that does not pool takes no pooling.
            return False
        return other.layers != self.layers

    @property
    def layers(self) -> list[Layer]:
        """The network as rows, without the padding of its input."""
        return [row._replace(penalised=row.penalised and self.penalties) for row in self.network.layers(self)]

    @property
    def units(self) -> StandardUnits:
        """The units that the layers work in."""
        return STANDARD_UNITS[self.net_type] if self.standard_units else DATA_UNITS

    @property
    def length_factor(self) -> int:
        """The number of samples is padded to a multiple of this number, by which pooling and striding divide it."""
        # A layer that shortens a trace makes one sample of `stride` samples.
        shortened = [row for row in self.layers if LAYER_KINDS[row.kind].length(row, row.stride) == 1]
        return math.prod(row.stride for row in shortened)


# --- The networks


def _dnn_layers(c: NetworkConfig) -> list[Layer]:
    """L x [Dense U, Dropout], Dense 1 (swish)."""
    return [*[Layer("dense", c.num_dnn), Layer("dropout")] * c.num_layers, Layer("dense", 1)]


def _cnn_layers(c: NetworkConfig) -> list[Layer]:
    """L x Conv1D(F, K, stride P), Conv1D(1, K, linear)."""
    convolution = Layer("conv", c.num_filt, c.krnl_size, c.pool_val)
    return [*[convolution] * c.num_layers, Layer("conv", 1, c.krnl_size, activation=None)]


def _cnn_variant_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: Conv1D(max(2, F // 2^i), K 2^i, stride P, dilation D), Dense(U / 2^i; R if i > 0); Conv1D(1), Dense 1."""
    layers = []
    for i in range(c.num_layers):
        layers += [
            Layer("conv", max(2, c.num_filt // 2**i), c.krnl_size * 2**i, c.pool_val, c.num_dil),
            Layer("dense", max(1, c.num_dnn // 2**i), penalised=i > 0),
        ]
    last = Layer("conv", 1, c.krnl_size, dilation=c.num_dil, activation=None)
    return [*layers, last, Layer("dense", 1, activation=None)]


def _cnn_lstm_layers(c: NetworkConfig) -> list[Layer]:
    """i < 2L: Conv1D(max(2, F // 2^i), K 2^i, dilation D, R), for odd i LSTM(H (i+1), R), Dense(U (i+1), R)."""
    layers = []
    for i in range(2 * c.num_layers):
        width = max(2, c.num_filt // 2**i)
        layers.append(Layer("conv", width, c.krnl_size * 2**i, dilation=c.num_dil, penalised=True))
        if i % 2:
            layers += [
                # The published run times need Keras' fast LSTM, which there is for this activation alone.
                Layer("lstm", c.num_lstm * (i + 1), penalised=True, activation="tanh"),
                Layer("dense", c.num_dnn * (i + 1), penalised=True),
            ]
    return [*layers, Layer("conv", 1, c.krnl_size, activation=None), Layer("dense", 1, activation=None)]


def _tcn_dense(c: NetworkConfig, filters: int, i: int) -> list[Layer]:
    """TCN(filters, K 2^i, dilations 1, 2, 4 .. <= D), Dense(U (i+1), R)."""
    return [
        Layer("tcn", filters, c.krnl_size * 2**i, dilation=c.num_dil),
        Layer("dense", c.num_dnn * (i + 1), penalised=True, per_sample=True),
    ]


def _tcn_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: TCN(max(2, F // 2^i), K 2^i), Dense(U (i+1), R); Dense 1."""
    stages = [_tcn_dense(c, max(2, c.num_filt // 2**i), i) for i in range(c.num_layers)]
    return [*sum(stages, []), Layer("dense", 1, activation=None)]


def _cnn_ae_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: Conv1D(F, K + i^2, stride P); i < L: Conv1DTranspose, the same; Conv1D(U, K + (2L)^2), Dense 1."""
    down, up = (
        [Layer(kind, c.num_filt, c.krnl_size + i**2, c.pool_val) for i in range(c.num_layers)]
        for kind in ("conv", "deconv")
    )
    wide = Layer("conv", c.num_dnn, c.krnl_size + (2 * c.num_layers) ** 2)
    return [*down, *up, wide, Layer("dense", 1, activation=None)]


def _tcn_ae_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: [TCN(max(1, F // 2^i), K 2^i), Dense(U (i+1), R), MaxPool P]; i < L: [TCN(last F), Dense, UpSample P]."""
    filters = [max(1, c.num_filt // 2**i) for i in range(c.num_layers)]
    pool, upsample = Layer("pool", stride=c.pool_val), Layer("upsample", stride=c.pool_val)
    encoder = [[*_tcn_dense(c, filters[i], i), pool] for i in range(c.num_layers)]
    decoder = [[*_tcn_dense(c, filters[-1], i), upsample] for i in range(c.num_layers)]
    return [*sum(encoder + decoder, []), Layer("dense", 1, activation=None)]


def _residual_layers(c: NetworkConfig) -> list[Layer]:
    """Conv1D(F, K, stride P); L x residual blocks (F, K) of dilation 1, 2, 4 .. <= D; Dense 1 for each of P samples."""
    block = Layer("residual", c.num_filt, c.krnl_size, norm=c.norm)
    blocks = [block._replace(dilation=dilation) for dilation in tcn_dilations(c.num_dil)]
    entry = Layer("conv", c.num_filt, c.krnl_size, c.pool_val, activation=None)
    return [entry, *blocks * c.num_layers, Layer("unfold", 1, stride=c.pool_val, activation=None)]


class OwnKind(NamedTuple):
    """What a type of network has that is more than rows of layers, and is trained in a way of its own."""

    config: type  # of its hyperparameters: a subclass of NetworkConfig
    network: type  # a subclass of `baseML.BaseMLClass`
    size: Callable[["NetworkConfig", int, int], tuple]  # `networks.size.estimate` from (config, samples, batch size)


class Network(NamedTuple):
    """What is particular to one network: its layers, and which hyperparameters they use."""

    layers: Callable[[NetworkConfig], list[Layer]]
    has_dilation: bool = False  # num_dil
    has_lstm: bool = False  # num_lstm
    has_dense: bool = True  # num_dnn, which the labels of all the paper's networks have
    pools: bool = False  # pool_val
    own: OwnKind | None = None

    def uses(self, name: str) -> bool:
        """Whether a hyperparameter has a meaning for the network."""
        flags = {
            "num_dil": self.has_dilation,
            "num_lstm": self.has_lstm,
            "num_dnn": self.has_dense,
            "pool_val": self.pools,
        }
        return flags.get(name, True)


_RESIDUAL = Network(_residual_layers, has_dilation=True, has_dense=False, pools=True)
NETWORKS = {  # by arch_type and net_type: the paper's seven, and the residual ones
    ("DNN", "SEQ"): Network(_dnn_layers),
    ("CNN", "SEQ"): Network(_cnn_layers),
    ("CNN_VAR", "SEQ"): Network(_cnn_variant_layers, has_dilation=True),
    ("CNN_LSTM", "SEQ"): Network(_cnn_lstm_layers, has_dilation=True, has_lstm=True),
    ("TCN", "SEQ"): Network(_tcn_layers, has_dilation=True),
    ("CNN", "AE"): Network(_cnn_ae_layers, pools=True),
    ("TCN", "AE"): Network(_tcn_ae_layers, has_dilation=True, pools=True),
    ("RES", "SEQ"): _RESIDUAL,
    ("RES", "AE"): _RESIDUAL,
}


def make_config(**parameters: object) -> NetworkConfig:
    """The hyperparameters of a network in the class of its type. Raises ValueError as `NetworkConfig`, and TypeError.

    >>> make_config(arch_type="DNN", net_type="SEQ", num_dnn=8) == NetworkConfig("DNN", "SEQ", num_dnn=8)
    True
    """
    network = NETWORKS.get((parameters.get("arch_type"), parameters.get("net_type")))
    return (network.own.config if network and network.own else NetworkConfig)(**parameters)
