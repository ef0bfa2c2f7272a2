"""Layers: how each kind is built, how many parameters it has, and how far it sees."""

import math
from collections.abc import Callable
from typing import NamedTuple

from networks.convolution import quick
from networks.tcn import TCN
from support.startup import load_keras

keras = load_keras()

ACTIVATION = "swish"
L1, L2 = 1e-5, 1e-4  # factors of the penalties R on kernel, bias and activity
DROPOUT_RATE = 0.0  # of all published trainings: their DNN has dropout layers that drop nothing


class Layer(NamedTuple):
    """One layer of a network, as a row. Each kind of layer reads the fields that have a meaning for it."""

    kind: str  # a key of LAYER_KINDS
    width: int = 0  # units of a Dense or LSTM layer, filters of a convolution; 0 for layers that keep the channels
    kernel: int = 1  # samples
    stride: int = 1  # of a convolution; factor of a pooling or upsampling layer
    dilation: int = 1  # of a convolution; the largest one of a TCN
    penalised: bool = False  # whether the loss has the penalties R on kernel, bias and activity
    per_sample: bool = False  # whether the activity's penalty is a mean over samples, as behind a TCN
    activation: str | None = ACTIVATION
    norm: str = "none"  # a key of NORMALISATIONS; of a residual block
    rate: float = DROPOUT_RATE  # the share that a dropout layer drops


# --- How each kind is built, and how many parameters it has


def tcn_dilations(largest: int) -> list[int]:
    """The powers of two from 1 up to ``largest``, which need not be one."""
    return [2**i for i in range(largest.bit_length())]


@keras.saving.register_keras_serializable(package="seismic")
class ActivityL1L2(keras.regularizers.L1L2):
    """A penalty in float32 on activities of any precision: Keras can add no other to the penalties on weights."""

    def __call__(self, x):
        return super().__call__(keras.ops.cast(x, "float32"))


def _penalties(layer: Layer, n_samples: int) -> dict:
    """Keras' options for R. Keras divides an activity's penalty by the batch; ``per_sample`` divides by samples too."""
    if not layer.penalised:
        return {}
    divisor = n_samples if layer.per_sample else 1
    exact = keras.config.dtype_policy().compute_dtype == "float32"
    activity = keras.regularizers.L1L2 if exact else ActivityL1L2
    return {
        "kernel_regularizer": keras.regularizers.L1L2(L1, L2),
        "bias_regularizer": keras.regularizers.L1L2(L1, L2),
        "activity_regularizer": activity(L1 / divisor, L2 / divisor),
    }


def _convolution(layer: Layer, n_samples: int) -> keras.layers.Layer:
    kind = keras.layers.Conv1D if layer.kind == "conv" else keras.layers.Conv1DTranspose
    options = {"padding": "same", "activation": layer.activation, **_penalties(layer, n_samples)}
    return quick(kind(layer.width, layer.kernel, strides=layer.stride, dilation_rate=layer.dilation, **options))


def _tcn(layer: Layer, n_samples: int) -> keras.layers.Layer:
    return TCN(layer.width, layer.kernel, tcn_dilations(layer.dilation), layer.activation)


NORMALISATIONS = {"none": keras.layers.Identity, "layer": keras.layers.LayerNormalization}


def _residual(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """A block that adds to its input: normalisation, dilated Conv1D, 1 x 1 convolution."""
    normalised, mixed = NORMALISATIONS[layer.norm](), keras.layers.Dense(layer.width)
    convolved = _convolution(layer._replace(kind="conv"), n_samples)
    return lambda x: keras.layers.add([x, mixed(convolved(normalised(x)))])


def _convolution_reach(layer: Layer) -> int:
    return (layer.kernel - 1) * layer.dilation


def _residual_parameters(layer: Layer, channels: int) -> int:
    mixture, normalisation = (layer.width + 1) * layer.width, 2 * channels * (layer.norm == "layer")
    return _convolution_parameters(layer, channels) + mixture + normalisation


def _dense(layer: Layer, n_samples: int) -> keras.layers.Layer:
    return keras.layers.Dense(layer.width, layer.activation, **_penalties(layer, n_samples))


def _unfold(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """A Dense layer that makes ``stride`` samples of each sample."""
    unfolded = keras.layers.Reshape((n_samples * layer.stride, layer.width))
    dense = _dense(layer._replace(width=layer.stride * layer.width), n_samples)
    return lambda x: unfolded(dense(x))


def _lstm(layer: Layer, n_samples: int) -> keras.layers.Layer:
    return keras.layers.LSTM(layer.width, layer.activation, return_sequences=True, **_penalties(layer, n_samples))


def _convolution_parameters(layer: Layer, channels: int) -> int:
    return (channels * layer.kernel + 1) * layer.width


def _tcn_parameters(layer: Layer, channels: int) -> int:
    """Each residual block has two convolutions; the first has a 1 x 1 convolution too if it changes the channels."""
    inner = (layer.width * layer.kernel + 1) * layer.width
    n_blocks = len(tcn_dilations(layer.dilation))
    matching = (channels + 1) * layer.width if channels != layer.width else 0
    return _convolution_parameters(layer, channels) + (2 * n_blocks - 1) * inner + matching


class LayerKind(NamedTuple):
    """How a kind of layer is built, and what it does to a trace; each function's first argument is the layer's row."""

    build: Callable[[Layer, int], Callable[[keras.KerasTensor], keras.KerasTensor]]  # for a number of input samples
    parameters: Callable[[Layer, int], int] = lambda layer, channels: 0  # trainable ones, for a number of channels
    length: Callable[[Layer, int], int] = lambda layer, length: length  # output samples for a number of input samples
    channels: Callable[[Layer, int], int] = lambda layer, channels: layer.width or channels  # output channels, likewise
    arrays: Callable[[Layer], int] = lambda layer: 2  # as large as the output, kept until the gradient is calculated
    compiling: Callable[[Layer], float] = lambda layer: 0.0  # bytes that compiling with XLA takes
    reach: Callable[[Layer], float] = lambda layer: 0  # further input samples that an output sample depends on


LAYER_KINDS = {
    "dense": LayerKind(_dense, lambda layer, channels: (channels + 1) * layer.width),
    "dropout": LayerKind(lambda layer, n_samples: keras.layers.Dropout(layer.rate)),
    "conv": LayerKind(
        _convolution,
        _convolution_parameters,
        length=lambda layer, length: -(-length // layer.stride),
        reach=_convolution_reach,
    ),
    "deconv": LayerKind(
        _convolution,
        _convolution_parameters,
        length=lambda layer, length: length * layer.stride,
        reach=lambda layer: -(-(layer.kernel - 1) // layer.stride),
    ),
    "unfold": LayerKind(
        _unfold,
        lambda layer, channels: (channels + 1) * layer.width * layer.stride,
        length=lambda layer, length: length * layer.stride,
        compiling=lambda layer: 270e6,  # of the whole residual network that it ends
    ),
    "lstm": LayerKind(
        _lstm,
        lambda layer, channels: 4 * (channels + layer.width + 1) * layer.width,
        arrays=lambda layer: 16,
        compiling=lambda layer: 400e6,
        reach=lambda layer: math.inf,
    ),
    "tcn": LayerKind(
        _tcn,
        _tcn_parameters,
        arrays=lambda layer: 8 * len(tcn_dilations(layer.dilation)),
        compiling=lambda layer: 60e6 * len(tcn_dilations(layer.dilation)),
        reach=lambda layer: 2 * (layer.kernel - 1) * sum(tcn_dilations(layer.dilation)),
    ),
    "residual": LayerKind(
        _residual,
        _residual_parameters,
        arrays=lambda layer: 5 + 2 * (layer.norm == "layer"),
        compiling=lambda layer: 13e6 * (layer.norm == "layer"),
        reach=_convolution_reach,
    ),
    "pool": LayerKind(
        lambda layer, n_samples: keras.layers.MaxPooling1D(layer.stride),
        length=lambda layer, length: length // layer.stride,
        reach=lambda layer: layer.stride - 1,
    ),
    "upsample": LayerKind(
        lambda layer, n_samples: keras.layers.UpSampling1D(layer.stride),
        length=lambda layer, length: length * layer.stride,
    ),
    "mean": LayerKind(
        lambda layer, n_samples: keras.layers.GlobalAveragePooling1D(keepdims=True),
        length=lambda layer, length: 1,
        reach=lambda layer: math.inf,
    ),
}
