"""The seven networks, their training with the paper's callbacks, and the files that a training leaves.

A network is a list of `Layer` rows: the same rows are built by Keras and counted without being built. L, U, D, F, K,
P, H in the docstrings are the study's num_layers, num_dnn, num_dil, num_filt, krnl_size, pool_val, num_lstm.
"""

import contextlib
import csv
import json
import math
import numbers
import os
import re
import shutil
import textwrap
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import dataPlotting  # before Keras: it keeps TensorFlow's start-up messages off the screen
import keras
import numpy as np

import resultFiles
from dataGeneration import SHORTEST_TRACE, check_choice, check_flag, check_path, check_whole
from dataPreProcessing import (
    CustomDataGen,
    channel_names,
    fit_input,
    root_mean_squared_error,
    trace_root_mean_squared_error,
    transform_traces,
)
from resultFiles import replace_file, replacing

ACTIVATION = "swish"
PRECISIONS = ("float32", "mixed_bfloat16")  # of a network's arithmetic; parameters and losses are always float32
MOST_LAYERS, LARGEST_SIZE = 100, 1_000_000  # of a network; far above what any memory holds
VELOCITY_UNITS = (12_000.0, 4500.0)  # ft/s, about the mean and the deviation of all velocities
TRACE_UNIT, SUM_UNIT = 0.055, 0.5  # about the deviation of clean traces, and of their running sums
L1, L2 = 1e-5, 1e-4  # R: penalties on kernel, bias and activity
DROPOUT_RATE = 0.1
LOSS_HISTORY_FOLDER = "loss_history_all"
# what is beside a network; the last one goes last, for `keep_best` finds the others by it
RUN_FILES = (".keras", ".png", "_log.csv", "_learning.png", "_backup", ".json")
RUN_NAME = re.compile(
    r"\w+_LYR\d+_DNN\d+_DIL\d+_FIL\d+_KRNL\d+_POL\d+_LSTM\d+_[A-Z]+_\d{8}_\d{6}_[0-9a-f]{8}", re.ASCII
)
RAW = {"transform_type": "NA"}  # traces as they are
UPDATE = "_update"  # ending of the name of a network that was trained on
XLA_COSTS = {"dropout", "deconv"}  # kinds of layers
XLA_STEPS = {"lstm": 1, "tcn": 500}  # of a training, from which on compiling a network with such layers pays
XLA_STEPS_OF_OTHERS = 1000
STEPS_A_CALL = 25  # of TensorFlow, for small networks
LARGE_STEP = 6e9  # operations: some 50 ms on a core or two
VALIDATION_BATCH = 5  # traces at once, where one by one is meant
PREDICTION_BATCH = 8  # traces
PARAMETER_COPIES, GRADIENT_COPIES = 9, 4  # of `estimate`
VALIDATION_COPIES = 3.5
NETWORK_BYTES = 30e6
BACKUP_SHARE = 0.05  # of the time of a training, spent on its backups at most
LIBRARIES_OF_MODELS = ("keras", "tcn")  # whose classes a model file may name
RUN_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")  # Keras' that do
LONGEST_REASON = 200  # characters of a library's message
LOG_COLUMNS = {
    "loss": "loss",
    "learning_rate": "lr",
    "rmse": "rmse",
    "val_loss": "val_loss",
    "val_rmse": "val_rmse",
}


# --- Networks as rows


class Layer(NamedTuple):
    """One layer of a network; every layer of a kind uses the fields that it has a use for."""

    kind: str  # a key of LAYER_KINDS
    width: int = 0  # units, filters
    kernel: int = 1
    stride: int = 1  # of a convolution; factor of a pooling or upsampling layer
    dilation: int = 1  # of a convolution; largest of a TCN
    penalised: bool = False  # R on kernel, bias and activity
    per_sample: bool = False  # activity penalty averaged over samples, as for the Dense layers behind a TCN
    activation: str | None = ACTIVATION
    norm: str = "none"  # of NORMALISATIONS; of a residual block


@dataclass(frozen=True)
class NetworkConfig:
    """Hyperparameters of one network and its training, named as in the study; the defaults are the paper's.

    Raises ValueError for an unknown network or a value outside its range.
    """

    arch_type: str = "CNN"  # DNN, CNN, CNN_VAR, CNN_LSTM, TCN, and RES, which is not the paper's
    net_type: str = "SEQ"  # SEQ: velocity inversion; AE: autoencoder, denoising
    num_layers: int = 1  # L, depth
    num_dnn: int = 1024  # U, dense units
    num_dil: int = 32  # D, largest dilation
    num_filt: int = 64  # F, filters
    krnl_size: int = 32  # K, samples
    pool_val: int = 1  # P, pooling factor of the autoencoders, stride of the residual networks
    num_lstm: int = 10  # H, LSTM units
    learning_rate: float = 1e-4
    norm: str = "none"  # of NORMALISATIONS; of residual blocks
    standard_units: bool = False  # traces go in, and what is predicted comes out, with a deviation of about 1
    penalties: bool = True  # R, in the loss
    optimizer: str = "adam"  # of OPTIMIZERS
    weight_decay: float = 0.0  # of adamw
    schedule: str = "paper"  # of the learning rate, of SCHEDULES

    def __post_init__(self) -> None:
        check_choice("network", f"{self.arch_type} {self.net_type}", [" ".join(key) for key in NETWORKS])
        for name in ("num_layers", "num_dnn", "num_dil", "num_filt", "krnl_size", "pool_val", "num_lstm"):
            most = MOST_LAYERS if name == "num_layers" else LARGEST_SIZE
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1, most))
        if self.pool_val != 1 and not self.network.pools:
            raise ValueError(
                f"pool_val must be 1 for {self.arch_type} {self.net_type}, which does not pool, not {self.pool_val}"
            )
        for name, valid in {"norm": NORMALISATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}.items():
            check_choice(name, getattr(self, name), valid)
        for name in ("standard_units", "penalties"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))
        for name, valid in {"learning_rate": "above 0", "weight_decay": "of at least 0"}.items():
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf or (value == 0 and valid == "above 0"):
                raise ValueError(f"{name} must be a number {valid}, not {value!r}")
            object.__setattr__(self, name, float(value))

    @property
    def label(self) -> str:
        """Model label of the paper; dilation, LSTM and dense units are 0 where the network has none."""
        network = self.network
        dilation, lstm = self.num_dil * network.has_dilation, self.num_lstm * network.has_lstm
        dense = self.num_dnn * network.is_paper_s
        return (
            f"{self.arch_type}_{self.net_type}_LYR{self.num_layers}_DNN{dense}_DIL{dilation}_FIL{self.num_filt}"
            f"_KRNL{self.krnl_size}_POL{self.pool_val}_LSTM{lstm}_"
        )

    @property
    def network(self) -> "Network":
        """What is particular to its architecture."""
        return NETWORKS[self.arch_type, self.net_type]

    @property
    def layers(self) -> list[Layer]:
        """The network as rows, without the padding of its input."""
        return self.rows_of(self.network.layers)

    def rows_of(self, layers: Callable[["NetworkConfig"], list[Layer]]) -> list[Layer]:
        """The rows of a network with these hyperparameters."""
        return [row._replace(penalised=row.penalised and self.penalties) for row in layers(self)]

    @property
    def adds_running_sum(self) -> bool:
        """Whether the network also gets its input's running sum: velocity is nearer to that than to the trace."""
        return self.standard_units and self.net_type == "SEQ"

    @property
    def length_factor(self) -> int:
        """The number of samples is padded to a multiple of this: what pooling or striding must divide."""
        return math.prod(row.stride for row in self.layers if row.kind in ("conv", "pool"))


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
                # Keras' own activation: the published run times need its fast path, which swish would rule out
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


class Network(NamedTuple):
    """What is particular to one of the networks: the paper's seven, and the residual ones."""

    method: str  # of BaseMLClass
    layers: Callable[[NetworkConfig], list[Layer]]
    has_dilation: bool = False
    has_lstm: bool = False
    pools: bool = False
    is_paper_s: bool = True


NETWORKS = {
    ("DNN", "SEQ"): Network("seq_dnn_ml", _dnn_layers),
    ("CNN", "SEQ"): Network("seq_cnn_ml", _cnn_layers),
    ("CNN_VAR", "SEQ"): Network("seq_cnn_variant_ml", _cnn_variant_layers, has_dilation=True),
    ("CNN_LSTM", "SEQ"): Network("seq_cnn_lstm_ml", _cnn_lstm_layers, has_dilation=True, has_lstm=True),
    ("TCN", "SEQ"): Network("seq_tcn_ml", _tcn_layers, has_dilation=True),
    ("CNN", "AE"): Network("seq_cnn_ae", _cnn_ae_layers, pools=True),
    ("TCN", "AE"): Network("seq_tcn_ae", _tcn_ae_layers, has_dilation=True, pools=True),
    ("RES", "SEQ"): Network("seq_residual_ml", _residual_layers, has_dilation=True, pools=True, is_paper_s=False),
    ("RES", "AE"): Network("seq_residual_ae", _residual_layers, has_dilation=True, pools=True, is_paper_s=False),
}


# --- Layers: how each kind is built, and how many parameters it has


def tcn_dilations(largest: int) -> list[int]:
    """1, 2, 4 .. up to ``largest``."""
    return [2**i for i in range(largest.bit_length())]


@keras.saving.register_keras_serializable(package="seismic")
class ActivityL1L2(keras.regularizers.L1L2):
    """A penalty in float32 on activities of any precision: Keras adds no others to those on weights."""

    def __call__(self, x):
        return super().__call__(keras.ops.cast(x, "float32"))


def _penalties(layer: Layer, n_samples: int) -> dict:
    """R for one layer. Keras divides an activity penalty by the batch only; ``per_sample`` divides by samples too."""
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
    return kind(layer.width, layer.kernel, strides=layer.stride, dilation_rate=layer.dilation, **options)


def _tcn_class() -> type[keras.layers.Layer]:
    """keras-tcn's layer, registered with Keras from then on; it loads TensorFlow whatever the backend, so no sooner."""
    with dataPlotting.silent_stderr():
        from tcn import TCN
    return TCN


def _tcn(layer: Layer, n_samples: int) -> keras.layers.Layer:
    return _tcn_class()(
        nb_filters=layer.width,
        kernel_size=layer.kernel,
        dilations=tcn_dilations(layer.dilation),
        padding="same",
        use_skip_connections=True,
        return_sequences=True,
        activation=layer.activation,
    )


NORMALISATIONS = {"none": keras.layers.Identity, "layer": keras.layers.LayerNormalization}


def _residual(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """What a block adds to its input: normalisation, dilated Conv1D, 1 x 1 convolution."""
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
    """Dense layer of which every sample becomes ``stride`` samples."""
    unfolded = keras.layers.Reshape((n_samples * layer.stride, layer.width))
    dense = _dense(layer._replace(width=layer.stride * layer.width), n_samples)
    return lambda x: unfolded(dense(x))


def _lstm(layer: Layer, n_samples: int) -> keras.layers.Layer:
    return keras.layers.LSTM(layer.width, layer.activation, return_sequences=True, **_penalties(layer, n_samples))


def _convolution_parameters(layer: Layer, channels: int) -> int:
    return (channels * layer.kernel + 1) * layer.width


def _tcn_parameters(layer: Layer, channels: int) -> int:
    """Residual blocks of two convolutions; the first has a 1 x 1 convolution too where it changes the channels."""
    inner = (layer.width * layer.kernel + 1) * layer.width
    n_blocks = len(tcn_dilations(layer.dilation))
    matching = (channels + 1) * layer.width if channels != layer.width else 0
    return _convolution_parameters(layer, channels) + (2 * n_blocks - 1) * inner + matching


def _with_outputs(layers: Sequence[Layer], n_outputs: int) -> list[Layer]:
    """The rows of a network that gives so many channels; as published, they give one."""
    return [*layers[:-1], layers[-1]._replace(width=n_outputs)]


class LayerKind(NamedTuple):
    """How a kind of layer is built from (row, samples), and what it takes."""

    build: Callable[[Layer, int], Callable[[keras.KerasTensor], keras.KerasTensor]]
    parameters: Callable[[Layer, int], int] = lambda layer, channels: 0  # of (row, input channels)
    length: Callable[[Layer, int], int] = lambda layer, length: length  # samples that come out of so many
    arrays: Callable[[Layer], int] = lambda layer: 2  # as large as the output, kept until its gradient is there
    compiling: Callable[[Layer], float] = lambda layer: 0.0  # bytes that XLA takes
    reach: Callable[[Layer], float] = lambda layer: 0  # further input samples that an output depends on


LAYER_KINDS = {
    "dense": LayerKind(_dense, lambda layer, channels: (channels + 1) * layer.width),
    "dropout": LayerKind(lambda layer, n_samples: keras.layers.Dropout(DROPOUT_RATE)),
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
        compiling=lambda layer: 270e6,  # for all of a residual network, of which it is the end
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
}


class Size(NamedTuple):
    """What a network takes."""

    parameters: int  # trainable ones
    operations: float  # of a training step: multiplications and additions
    memory: float  # bytes of a training at its peak, on top of what the process has before
    receptive_field: int  # samples of its input that one of its output depends on, at most


def estimate(
    config: NetworkConfig, n_samples: int = 4096, n_channels: int = 1, n_outputs: int = 1, batch_size: int = 1
) -> Size:
    """What a network takes, from its hyperparameters alone: parameters exactly, memory within a quarter.

    A step does 6 operations for every parameter and sample that it works on. In memory are the parameters, their
    gradients, Adam's three moments, the best weights twice and copies that an update makes; what layers keep for their
    gradients, and for the largest the gradients of its output; or, if it is more, the largest output of a validation
    batch and copies of it. Above that is what compiling takes. Measured on a CPU, for ten networks from 45 to 1 900
    MB (`benchmarks/bench_size.py`): 0.83 to 1.16 times the growth of the process.
    """
    length = n_samples + -n_samples % config.length_factor
    channels = n_channels * (1 + config.adds_running_sum)
    parameters, operations, kept, largest, compiling, reach = 0, 0.0, 0, 0, 0.0, 0.0
    for layer in _with_outputs(config.layers, n_outputs):
        kind = LAYER_KINDS[layer.kind]
        length_out, width = kind.length(layer, length), layer.width or channels
        count = kind.parameters(layer, channels)
        parameters += count
        operations += 6.0 * count * min(length, length_out) * batch_size
        kept += kind.arrays(layer) * length_out * width
        largest = max(largest, length_out * width)
        compiling += kind.compiling(layer)
        reach += kind.reach(layer) * (n_samples / length)
        length, channels = length_out, width
    activities = batch_size * (kept + GRADIENT_COPIES * largest)
    checked = (VALIDATION_BATCH if batch_size == 1 else batch_size) * VALIDATION_COPIES * largest
    floats = PARAMETER_COPIES * parameters + max(activities, checked)
    seen = int(min(1 + reach, n_samples))
    return Size(parameters, operations, 4.0 * floats + compiling + NETWORK_BYTES, seen)


def count_parameters(config: NetworkConfig, n_channels: int = 1, n_outputs: int = 1) -> int:
    """Trainable parameters of a network, from its hyperparameters alone."""
    return estimate(config, n_channels=n_channels, n_outputs=n_outputs).parameters


class Compilation(NamedTuple):
    """How TensorFlow is to run the steps of a training."""

    jit_compile: bool | None  # with XLA; None is Keras' choice
    steps_per_execution: int  # steps from one return to Python to the next
    jit_validation: bool | None = None  # the steps of validation


def choose_compilation(config: NetworkConfig, n_steps: int, n_samples: int = 4096, batch_size: int = 1) -> Compilation:
    """How to run ``n_steps`` training steps on batches of traces of ``n_samples``; the losses are the same within 1e-4.

    XLA, measured on two CPU cores at batch 1 and 4096 samples: a step of the best inversion networks takes 0.5 and 0.8
    of the time without, of a CNN_LSTM 0.13, of a CNN 0.2 and of a CNN_VAR 0.5 (both with the grid's base values); but
    of a DNN, whose dropout it draws slowly, 30 times as long, and of the CNN autoencoders, with their transposed
    convolutions, 1.0 to 2.2 times. Compiling takes 1 to 2 s more than without, which a short training of small layers
    does not win back; for a TCN 3 to 8 s more, which 150 to 500 steps do. On a GPU, the choice is Keras' own.
    Validation steps, of several traces, are faster without, by 2 to 25 %, and sooner compiled; not those of an LSTM.

    A return to Python costs 1 ms, a fifth of a step of the smallest autoencoder, and is saved for small networks. Large
    ones return after every step, or else Ctrl-C would have to wait.
    """
    if keras.backend.backend() != "tensorflow":
        return Compilation(None, 1)
    kinds = {layer.kind for layer in config.layers}
    on_cpu = all(device.startswith("cpu") for device in keras.distribution.list_devices())
    enough = min([XLA_STEPS_OF_OTHERS, *(XLA_STEPS[kind] for kind in kinds & XLA_STEPS.keys())])
    xla = not kinds & XLA_COSTS and n_steps >= enough
    large = "lstm" in kinds or estimate(config, n_samples, batch_size=batch_size).operations > LARGE_STEP
    in_steps = 1 if large else STEPS_A_CALL
    return Compilation(xla, in_steps, xla and "lstm" in kinds) if on_cpu else Compilation(None, in_steps)


# --- Callbacks


class Dwell_CB(keras.callbacks.Callback):
    """Go back to the best weights, at a lower rate, when the validation loss has grown too much.

    A validation loss above ``loss_factor`` times the lowest so far (or one that is not a number) restores the best
    weights and multiplies the learning rate by ``lr_factor``; one at or below the lowest becomes the best.
    """

    def __init__(self, lr_factor: float = 0.5, loss_factor: float = 1.5) -> None:
        super().__init__()
        self.lr_factor = lr_factor
        self.loss_factor = loss_factor

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.lowest_loss = math.inf
        self.best_weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = logs["val_loss"]
        if loss <= self.lowest_loss:
            self.lowest_loss = loss
            self.best_weights = self.model.get_weights()
        elif not loss <= self.loss_factor * self.lowest_loss:
            self.model.set_weights(self.best_weights)
            _set_learning_rate(self.model, self.lr_factor * _learning_rate(self.model))


class CLR_CB(keras.callbacks.Callback):
    """Raise a learning rate that has become too small: below ``criteria_factor`` times the reference rate it is
    multiplied by ``lr_factor`` and becomes the new reference. The first reference is the rate at the start."""

    def __init__(self, lr_factor: float = 5.0, criteria_factor: float = 0.10) -> None:
        super().__init__()
        self.lr_factor = lr_factor
        self.criteria_factor = criteria_factor

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.reference_rate = _learning_rate(self.model)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = _learning_rate(self.model)
        if rate < self.criteria_factor * self.reference_rate:
            self.reference_rate = rate * self.lr_factor
            _set_learning_rate(self.model, self.reference_rate)


def _learning_rate(model: keras.Model) -> float:
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def _set_learning_rate(model: keras.Model, rate: float) -> None:
    model.optimizer.learning_rate = rate


class _FirstEpoch(keras.callbacks.Callback):
    """Has streams begin with an epoch, though Keras takes a batch before, to build with, on some backends."""

    def __init__(self, epoch: int, *streams: CustomDataGen) -> None:
        super().__init__()
        self.epoch = epoch
        self.streams = streams

    def on_train_begin(self, logs: dict | None = None) -> None:
        for stream in self.streams:
            stream.begin_at(self.epoch)


_Callbacks = list[keras.callbacks.Callback]


def _paper_schedule(rate: float, num_epochs: int) -> tuple[_Callbacks, _Callbacks]:
    plateaus = ((0.95, 10, 5), (0.80, 25, 10), (0.50, 50, 10))  # factor, patience, cooldown
    reductions = [
        keras.callbacks.ReduceLROnPlateau("val_loss", factor, patience, mode="min", cooldown=cooldown)
        for factor, patience, cooldown in plateaus
    ]
    return reductions, [Dwell_CB(), CLR_CB()]


def _cosine_schedule(rate: float, num_epochs: int) -> tuple[_Callbacks, _Callbacks]:
    """A tenth of the rate in the first epoch, then along a cosine from the rate to nearly nothing in the last."""

    def of_epoch(epoch: int) -> float:
        return 0.1 * rate if epoch == 0 else rate * 0.5 * (1.0 + math.cos(math.pi * epoch / num_epochs))

    return [keras.callbacks.LearningRateScheduler(of_epoch)], []


LONGEST_GRADIENT = 1.0  # of a loss in ft/s all are longer: every step then weighs the same, whatever its trace's loss
SCHEDULES = {  # of (learning rate, epochs): callbacks before and after the one of the loss history
    "paper": _paper_schedule,
    "constant": lambda rate, num_epochs: ([], []),
    "cosine": _cosine_schedule,
}
OPTIMIZERS = {
    "adam": lambda config: keras.optimizers.Adam(config.learning_rate, amsgrad=True),  # the paper's
    "adamw": lambda config: keras.optimizers.AdamW(
        config.learning_rate, config.weight_decay, clipnorm=LONGEST_GRADIENT
    ),
}


class LossHistory(keras.callbacks.CSVLogger):
    """A row an epoch with the published column names (epoch, loss, lr, val_loss), and the plain RMSE beside them."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_end(epoch, {column: logs[name] for name, column in LOG_COLUMNS.items() if name in logs})

    def on_train_end(self, logs: dict | None = None) -> None:
        os.fsync(self.csv_file.fileno())
        super().on_train_end(logs)


class BestModel(keras.callbacks.Callback):
    """Saves the model of the lowest validation loss so far; Keras' ModelCheckpoint writes over the former one.

    Parameters: ``path`` (.keras); ``lowest``, the lowest loss of epochs that were trained before; ``at_end``, to hold
    the best weights and write them, with which the model then stays, when the training ends: at every improvement,
    writing takes up to a third of a short epoch.
    """

    def __init__(self, path: Path, lowest: float = math.inf, at_end: bool = False) -> None:
        super().__init__()
        self.path = path
        self.lowest = lowest
        self.at_end = at_end
        self._best: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs["val_loss"] < self.lowest:
            self.lowest = logs["val_loss"]
            if self.at_end:
                self._best = self.model.get_weights()
            else:
                self._save()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._best is not None:
            self.model.set_weights(self._best)
            self._save()

    def _save(self) -> None:
        with replacing(self.path) as unfinished:
            self.model.save(unfinished)


class Backup(keras.callbacks.BackupAndRestore):
    """Keras' backup of an unfinished training, weights and optimizer, in a form that is never torn.

    A file takes its name, the number of the finished epochs, when it is complete. `restore` is called before the fit,
    so that all that depends on this number can be made for it. The first epoch is kept, and a later one as soon as all
    the writing takes no more than BACKUP_SHARE of the time. Parameter: ``backup_dir``, for this training alone.
    """

    @property
    def finished(self) -> int:
        """Finished epochs of the last state, 0 where there is none."""
        return max((int(path.name.split(".")[0]) for path in self._states()), default=0)

    def restore(self, model: keras.Model) -> bool:
        """Load the last state into ``model``; returns whether it could be."""
        try:
            model.load_weights(self._state(self.finished))
        except (OSError, ValueError, KeyError):  # a damaged disk
            return False
        return True

    def on_train_begin(self, logs: dict | None = None) -> None:
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        self._due = -math.inf

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        started = time.perf_counter()
        if started < self._due:
            return
        former = self._states()
        with replacing(self._state(epoch + 1)) as unfinished:
            self.model.save_weights(unfinished)
        for path in former:
            path.unlink()
        now = time.perf_counter()
        self._due = now + (now - started) * (1 / BACKUP_SHARE - 1)

    def _state(self, finished: int) -> Path:
        return Path(self.backup_dir, f"{finished}.weights.h5")

    def _states(self) -> list[Path]:
        return list(Path(self.backup_dir).glob("[0-9]*.weights.h5"))


# --- Training


@contextlib.contextmanager
def _gradients_forgotten() -> Iterator[None]:
    """On TensorFlow, take out of its registry what a training puts there: the gradient of every swish in its graphs.

    TensorFlow never does, and each of them keeps alive the graphs and the data of its training, some 5 MB of a small
    network.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import ops

    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})  # not public: it may go
    known = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - known:
            if name.startswith("CustomGradient-"):  # others come with modules that are imported meanwhile
                del registry[name]


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """Layers that are made meanwhile calculate in one of PRECISIONS."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _checked_config(config: object) -> NetworkConfig:
    if not isinstance(config, NetworkConfig):
        raise ValueError(f"config must be a NetworkConfig, not {config!r}")
    return config


def _checked_transform(transform: object) -> dict[str, object]:
    """Keyword arguments of `transform_traces`. ValueError when they are none; the level depends on the traces."""
    if not isinstance(transform, Mapping) or "transform_type" not in transform or {*map(type, transform)} != {str}:
        raise ValueError(f"transform must be {RAW} or the like, as transform_traces takes it, not {transform!r}")
    channel_names(n_samples=SHORTEST_TRACE, **{name: transform[name] for name in transform if name != "level"})
    return dict(transform)


class BaseMLClass:
    """One of the seven networks: built, trained, saved, loaded, asked for predictions.

    Parameters: ``config``, the hyperparameters; ``n_samples`` and ``n_channels`` of a trace; ``n_outputs``, channels of
    the output; ``transform``, what `transform_traces` makes channels of a raw trace with (default: none). Any trace
    length works: the input is padded to what pooling divides, and the output cropped back; ``precision``, one of
    PRECISIONS. Raises ValueError for any of them that is none. Each of the methods seq_... builds ``model``, compiled
    with a fresh Adam (amsgrad) and the paper's loss.
    """

    def __init__(
        self,
        config: NetworkConfig | None = None,
        n_samples: int = 4096,
        n_channels: int = 1,
        n_outputs: int = 1,
        transform: Mapping[str, object] | None = None,
        precision: str = "float32",
    ) -> None:
        check_choice("precision", precision, PRECISIONS)
        self.precision = precision
        self.config = NetworkConfig() if config is None else _checked_config(config)
        self.n_samples = check_whole("n_samples", n_samples, 1)
        self.n_channels = check_whole("n_channels", n_channels, 1)
        self.n_outputs = check_whole("n_outputs", n_outputs, 1)
        self.transform = _checked_transform(RAW if transform is None else transform)
        self.provenance: dict = {}  # settings and versions that are written beside a saved model
        self.model: keras.Model | None = None
        self.best_model_path: Path | None = None

    def seq_dnn_ml(self) -> keras.Model:
        """DNN: L x [Dense U, Dropout], Dense 1 (swish)."""
        return self._build(_dnn_layers)

    def seq_cnn_ml(self) -> keras.Model:
        """CNN: L x Conv1D(F, K), Conv1D(1, K, linear)."""
        return self._build(_cnn_layers)

    def seq_cnn_variant_ml(self) -> keras.Model:
        """CNN_VAR: L x [dilated Conv1D, Dense] with growing kernels; Conv1D(1, K, linear), Dense 1."""
        return self._build(_cnn_variant_layers)

    def seq_cnn_lstm_ml(self) -> keras.Model:
        """CNN_LSTM: L x [2 dilated Conv1D, LSTM, Dense]; Conv1D(1, K, linear), Dense 1."""
        return self._build(_cnn_lstm_layers)

    def seq_tcn_ml(self) -> keras.Model:
        """TCN: L x [TCN, Dense]; Dense 1."""
        return self._build(_tcn_layers)

    def seq_cnn_ae(self) -> keras.Model:
        """CNN autoencoder: L strided Conv1D, L strided Conv1DTranspose; Conv1D(U), Dense 1."""
        return self._build(_cnn_ae_layers)

    def seq_tcn_ae(self) -> keras.Model:
        """TCN autoencoder: L x [TCN, Dense, MaxPool P], L x [TCN, Dense, UpSample P]; Dense 1."""
        return self._build(_tcn_ae_layers)

    def seq_residual_ml(self) -> keras.Model:
        """RES: Conv1D(F, K), L x residual dilated blocks, Dense 1; not the paper's."""
        return self._build(_residual_layers)

    def seq_residual_ae(self) -> keras.Model:
        """RES for denoising: the same, without pooling."""
        return self._build(_residual_layers)

    def _build(self, layers: Callable[[NetworkConfig], list[Layer]]) -> keras.Model:
        inputs = keras.Input((self.n_samples, self.n_channels))
        x, in_units = _in_standard_units(self.config, inputs) if self.config.standard_units else (inputs, None)
        with _precision(self.precision):
            outputs = self._connected(x, _with_outputs(self.config.rows_of(layers), self.n_outputs))
        if self.precision != "float32":
            outputs = keras.layers.Activation("linear", dtype="float32")(outputs)  # what the loss is calculated from
        outputs = in_units(outputs) if in_units else outputs
        model = self.model = keras.Model(inputs, outputs, name=self.config.label)
        optimizer = OPTIMIZERS[self.config.optimizer](self.config)
        optimizer.build(model.trainable_variables)  # else TensorFlow traces the train step twice
        self._compile(optimizer)
        return model

    def _compile(self, optimizer: keras.optimizers.Optimizer, loss: Callable = root_mean_squared_error) -> None:
        metrics = [keras.metrics.MeanMetricWrapper(loss, name="rmse")]
        self.get_model().compile(optimizer=optimizer, loss=loss, metrics=metrics)

    def _connected(self, x: keras.KerasTensor, layers: Sequence[Layer]) -> keras.KerasTensor:
        padding = -self.n_samples % self.config.length_factor
        if padding:
            x = keras.layers.ZeroPadding1D((0, padding))(x)
        for layer in layers:
            x = LAYER_KINDS[layer.kind].build(layer, x.shape[1])(x)
        return keras.layers.Cropping1D((0, padding))(x) if padding else x

    def choose_compilation(self, n_steps: int, batch_size: int = 1, validation_batch: int | None = None) -> bool:
        """Have ``n_steps`` training steps run as the function of this name chooses; steps compiled before are dropped.

        The loss is the paper's for batches of ``batch_size`` and, where it differs, ``validation_batch``: with 1 among
        them each trace's own, so that validation can take several at once. Returns whether it is. `fit_model` does so
        by itself; here for who calls Keras' own `fit`.
        """
        model = self.get_model()
        one_by_one = 1 in (batch_size, validation_batch)
        self._compile(model.optimizer, trace_root_mean_squared_error if one_by_one else root_mean_squared_error)
        chosen = choose_compilation(self.config, n_steps, self.n_samples, batch_size)
        model.steps_per_execution = chosen.steps_per_execution
        if chosen.jit_compile is not None:
            model.jit_compile = chosen.jit_validation
            model.make_test_function()  # Keras would have one choice for both
            model.jit_compile = chosen.jit_compile
        return one_by_one

    def fit_model(
        self,
        training: CustomDataGen,
        validation: CustomDataGen,
        num_epochs: int,
        folder: str | Path,
        run_name: str,
        *,
        plot_learning: bool = False,
        tensorboard: bool = False,
        resumable: bool = True,
        extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, list[float]]:
        """Train with the paper's callbacks; returns Keras' history, a value an epoch.

        The loss is the paper's, of each trace when one of the streams gives them one by one, else of each batch. The
        best model goes to ``folder/<run_name>.keras``, the loss history to `loss_history_path`. An interrupted
        training of this ``run_name`` goes on after the last epoch of its `Backup`, with the traces that it would have
        had; the history is that of all epochs. One that is not ``resumable`` writes its model at the end only, and the
        network is then that one.
        """
        num_epochs = check_whole("num_epochs", num_epochs, 1)
        model = self.get_model()
        folder = Path(folder)
        log_path = loss_history_path(folder, run_name)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self.best_model_path = folder / f"{run_name}.keras"
        backup = Backup(folder / f"{run_name}_backup")
        past = self._resume(backup, log_path)
        finished = len(past["val_loss"])
        lowest = float(np.nanmin([*past["val_loss"], np.inf]))
        before, after = SCHEDULES[self.config.schedule](self.config.learning_rate, num_epochs)
        callbacks = [
            _FirstEpoch(finished, training, validation),
            keras.callbacks.EarlyStopping("val_loss", patience=100, mode="min"),
            BestModel(self.best_model_path, lowest, at_end=not resumable),
            *([keras.callbacks.TensorBoard(folder / "tensorboard" / run_name)] if tensorboard else []),
            *before,
            LossHistory(log_path, append=True),
            *([dataPlotting.PlotLearning(folder / f"{run_name}_learning.png")] if plot_learning else []),
            *after,
            *([backup] if resumable else []),  # after them: what it keeps is then what the next epoch starts from
            *extra_callbacks,
        ]
        one_by_one = self.choose_compilation(num_epochs * len(training), training.batch_size, validation.batch_size)
        history = model.fit(
            fit_input(training),
            validation_data=fit_input(validation, VALIDATION_BATCH if one_by_one else None),
            epochs=num_epochs,
            initial_epoch=finished,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        self._compile(model.optimizer)  # predictions are of few traces
        whole = {name: past[name] + history.history.get(name, []) for name in LOG_COLUMNS}
        self.provenance["validation_loss"] = float(np.nanmin([*whole["val_loss"], np.inf]))
        self._write_config(self.best_model_path)
        return whole

    def _resume(self, backup: Backup, log_path: Path) -> dict[str, list[float]]:
        """Go back to the last state of an interrupted training; returns the history up to there.

        Without a state, or where the history or the best model does not go with it, everything is begun anew.
        """
        resultFiles.mend_table(log_path)
        lines = resultFiles.whole_lines(log_path)
        finished = backup.finished
        fits = 0 < finished < len(lines) and zipfile.is_zipfile(self.best_model_path)
        if not fits or not self._restored(backup):
            shutil.rmtree(backup.backup_dir, ignore_errors=True)
            log_path.unlink(missing_ok=True)
            return {name: [] for name in LOG_COLUMNS}
        lines = lines[: finished + 1]  # the header and a line an epoch; one after the last state is trained again
        replace_file(log_path, b"".join(lines))
        rows = list(csv.DictReader(line.decode() for line in lines))
        return {name: [float(row[column]) for row in rows] for name, column in LOG_COLUMNS.items()}

    def _restored(self, backup: Backup) -> bool:
        """Load the last state; returns whether it could be: a damaged one leaves weights and optimizer as they were."""
        variables = [*self.model.variables, *self.model.optimizer.variables]
        before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
        if backup.restore(self.model):
            return True
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return False

    def get_model(self) -> keras.Model:
        """The Keras model; ValueError when none was built or loaded yet."""
        if self.model is None:
            raise ValueError("there is no network yet: call one of the seq_ methods, create_model or load_model first")
        return self.model

    def save_model(self, path: str | Path) -> Path:
        """Save as ``path`` (.keras), which takes its name only when it is complete, and the configuration beside it."""
        path = Path(path)
        if path.suffix != ".keras":
            raise ValueError(f"a model is saved as .keras, not as {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            self.get_model().save(unfinished)
        self._write_config(path)
        return path

    @classmethod
    @_gradients_forgotten()
    def load_model(cls, path: str | Path) -> "BaseMLClass":
        """The network in a .keras file, with its configuration where that stands beside it (.json).

        No code comes out of a file, whoever made it. Raises ValueError when the file is not there, is not a network on
        traces, or asks for anything but the layers of Keras and of keras-tcn.
        """
        path = check_path("a model", path)
        if not os.path.isfile(path):  # Path's own raises for a name that is too long
            raise ValueError(f"there is no model file {str(path)!r}")
        config, provenance, transform, precision = cls._read_config(path)
        _check_model_file(path)
        if config is None or config.arch_type == "TCN":
            _tcn_class()
        try:
            with _precision(precision):  # which keras-tcn does not store
                model = keras.models.load_model(path, safe_mode=True)
        except UNREADABLE as error:
            raise ValueError(f"{str(path)!r} is not a Keras model that can be loaded: {_reason(error)}") from error
        network = cls(config, *_shape_of(model, path), transform, precision)
        network.model = model
        network.provenance = provenance
        network.best_model_path = path
        return network

    @staticmethod
    def _read_config(model_path: Path) -> tuple[NetworkConfig | None, dict, dict, str]:
        """Configuration, provenance, transform and precision beside a model; nothing where there is no such file."""
        path = model_path.with_suffix(".json")
        if not path.is_file():
            return None, {}, RAW, "float32"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            config, provenance = NetworkConfig(**stored["network"]), dict(stored["run"])
            transform = _checked_transform(stored.get("transform", RAW))
            precision = stored.get("precision", PRECISIONS[0])
            check_choice("precision", precision, PRECISIONS)
            return config, provenance, transform, precision
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} does not describe a network: {_reason(error)}") from error

    def _write_config(self, model_path: Path) -> None:
        data = {"transform": self.transform, "precision": self.precision}
        stored = {"network": asdict(self.config), **data, "run": self.provenance}
        replace_file(model_path.with_suffix(".json"), json.dumps(stored, indent=2) + "\n")

    def blocks(self) -> list[tuple[str, str, str, int]]:
        """Of each layer the name, main settings, output shape and number of parameters."""
        return [
            (type(layer).__name__, _details(layer), str(layer.output.shape[1:]), layer.count_params())
            for layer in self.get_model().layers
        ]

    def plot_model(self, save_path: str | Path | None = None):
        """Block diagram of the network, a Matplotlib figure."""
        title = self.get_model().name.rstrip("_")
        return dataPlotting.plot_network(self.blocks(), title=title, save_path=save_path)

    def predict_result(self, x: np.ndarray) -> np.ndarray:
        """Outputs (n_traces, n_samples) for raw traces (n_traces, n_samples), or their channels (.., n_channels).

        Those of an autoencoder of several channels are (n_traces, n_samples, n_outputs). Raises ValueError when length
        or channels are not the network's.
        """
        model, x = self.get_model(), np.asarray(x, np.float32)
        if x.ndim == 2 and x.shape[1] == self.n_samples:
            x = transform_traces(x, **self.transform)
        outputs = _predict(model, x)
        return outputs[..., 0] if self.n_outputs == 1 else outputs

    def predict_best_result(self, x: np.ndarray) -> np.ndarray:
        """`predict_result` with the weights of the epoch of lowest validation loss."""
        if self.best_model_path is None or not self.best_model_path.is_file():
            raise ValueError("there is no best model yet: call fit_model first")
        return type(self).load_model(self.best_model_path).predict_result(x)


UNREADABLE = (  # what the libraries raise for a file that is damaged, or is something else
    *(ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def _check_model_file(path: Path) -> None:
    """ValueError unless a file is a .keras archive of known classes alone; no part of it is loaded to find out."""
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{str(path)!r} is not a Keras model that can be loaded: only whole .keras archives are, no pickles or HDF5"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [json.loads(archive.read("config.json"))]
    except UNREADABLE as error:
        raise ValueError(f"{str(path)!r} is not a Keras model that can be loaded: {_reason(error)}") from error
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and "class_name" in part:
            _check_class(path, part.get("module"), part["class_name"])
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _check_class(path: Path, module: object, name: object) -> None:
    known = module in (None, "builtins") or str(module).split(".")[0] in LIBRARIES_OF_MODELS
    known = known or (module, name) == (__name__, ActivityL1L2.__name__)
    if not known or name in RUN_CODE:
        found = name if module is None else f"{module}.{name}"
        raise ValueError(
            f"{str(path)!r} is not loaded: it asks for {found!r}, which could run code; only layers of Keras that run "
            "none, and the TCN, are valid"
        )


def _shape_of(model: object, path: Path) -> tuple[int, int, int]:
    """Samples, channels and outputs of a loaded model. ValueError when it is no network on traces."""
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not all(isinstance(shape, tuple) and list(map(type, shape[1:])) == [int, int] for shape in shapes):
        raise ValueError(
            f"{str(path)!r} is no network on traces: it goes from {shapes[0]} to {shapes[1]}, "
            "and (batch, n_samples, channels) is valid for both"
        )
    return *shapes[0][1:], shapes[1][2]


def _reason(error: Exception) -> str:
    """A library's message in a few words; Keras' fill pages."""
    return textwrap.shorten(str(error), LONGEST_REASON, placeholder=" ...") or type(error).__name__


def _in_standard_units(
    config: NetworkConfig, x: keras.KerasTensor
) -> tuple[keras.KerasTensor, Callable[[keras.KerasTensor], keras.KerasTensor]]:
    """Traces in units of their deviation, and what brings the network's output back to the data's unit.

    For denoising it is each trace's own deviation: noise and signal grow together. For velocities, which are in the
    amplitudes, it is the same for all traces.
    """
    if config.adds_running_sum:
        mean, spread = VELOCITY_UNITS
        channels = [x / TRACE_UNIT, keras.ops.cumsum(x, axis=1) / SUM_UNIT]
        return keras.ops.concatenate(channels, axis=-1), lambda outputs: outputs * spread + mean
    deviation = keras.ops.std(x, axis=(1, 2), keepdims=True) + keras.config.epsilon()
    return x / deviation, lambda outputs: outputs * deviation


def _details(layer: keras.layers.Layer) -> str:
    """A layer's main settings in a few words."""
    names = {
        **{"units": "units", "filters": "filters", "nb_filters": "filters", "kernel_size": "kernel"},
        **{"strides": "stride", "dilation_rate": "dilation", "dilations": "dilations", "rate": "rate"},
        **{"pool_size": "factor", "size": "factor", "activation": "activation"},
    }
    config = layer.get_config()
    words = {}
    for key, word in names.items():
        value = config.get(key)
        value = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
        if value not in (None, "linear") and not (word in ("stride", "dilation") and value == 1):
            words.setdefault(word, ACTIVATION if value == "silu" else value)  # Keras' other name for it
    return ", ".join(f"{word} {value}" for word, value in words.items())


@_gradients_forgotten()
def _predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    n_samples, n_channels = model.input_shape[1:]
    if x.ndim != 3 or x.shape[1:] != (n_samples, n_channels):
        raise ValueError(f"traces must be (n_traces, {n_samples}, {n_channels}) for this network, not {x.shape}")
    if len(x) <= PREDICTION_BATCH:  # Keras would compile, which takes longer than they do
        return keras.ops.convert_to_numpy(model(x, training=False))
    return model.predict(x, batch_size=PREDICTION_BATCH, verbose=0)


def make_deterministic() -> None:
    """From now on, have a GPU repeat a training to the last bit, which takes longer; a CPU does so by itself.

    To be called before the first network is built.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, PyTorch refuses
        torch.use_deterministic_algorithms(True)
    else:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()


def create_model(
    config: NetworkConfig,
    n_samples: int = 4096,
    n_channels: int = 1,
    n_outputs: int = 1,
    transform: Mapping[str, object] | None = None,
    precision: str = "float32",
) -> BaseMLClass:
    """The network that ``config`` names, built and compiled; the rest is as for `BaseMLClass`."""
    network = BaseMLClass(_checked_config(config), n_samples, n_channels, n_outputs, transform, precision)
    getattr(network, NETWORKS[config.arch_type, config.net_type].method)()
    return network


@dataclass(frozen=True)
class RunResult:
    """What a training gave. Losses include the penalties; ``validation_rmse`` is plain, in the data's own unit."""

    run_name: str  # model label and date, unique
    n_parameters: int
    epochs: int
    best_epoch: int  # from 1
    training_loss: float  # in the best epoch
    validation_loss: float  # the lowest
    validation_rmse: float  # in the best epoch
    seconds: float
    seed: int


class DivergedError(RuntimeError):
    """No epoch of a training gave a finite validation loss."""


OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow's and PyTorch's names


def failure_reason(error: Exception) -> str | None:
    """Why a training failed, when the reason is the network's own: diverged, out of memory; None for any other."""
    if isinstance(error, DivergedError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ in OUT_OF_MEMORY:
        return f"out of memory ({type(error).__name__})"
    return None


def new_run_name(config: NetworkConfig, transform_type: str = "NA") -> str:
    """Name of a training's files: model label, transform, date, and what makes it unique."""
    return f"{config.label}{transform_type}_{datetime.now():%Y%m%d_%H%M%S}_{uuid.uuid4().hex[:8]}"


def loss_history_path(folder: str | Path, run_name: str) -> Path:
    """The table of a training's losses."""
    return Path(folder, LOSS_HISTORY_FOLDER, f"{run_name}_log.csv")


def remove_run_files(folder: str | Path, run_name: str) -> None:
    """Remove what a training left in ``folder``, except its loss history in the folder of these."""
    names = [run_name + ending for ending in RUN_FILES]
    resultFiles.remove_unfinished(folder, names)
    for path in (Path(folder, name) for name in names):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def keep_best(folder: str | Path, destination: str | Path, run_name: str) -> bool:
    """Move a training's network, its configuration and a copy of its loss history to ``destination`` if it is the best.

    It is compared with the networks there that have the same "owner" in their provenance (a study, a mode); those that
    are worse are removed. What else is there stays, copies of a network under another name too; a description that is
    none is told. Returns whether it was the best.
    """
    destination = Path(destination)
    destination.mkdir(parents=True, exist_ok=True)
    new = _provenance(Path(folder, f"{run_name}.json"))
    others = {path.stem: _provenance(path) for path in destination.glob("*.json") if path.stem != run_name}
    rivals = {
        name: run["validation_loss"]
        for name, run in others.items()
        if run is not None and run["owner"] == new["owner"] and RUN_NAME.fullmatch(name)
    }
    whole = [name for name in rivals if (destination / f"{name}.keras").is_file()]  # the others were cut off
    if any(rivals[name] < new["validation_loss"] for name in whole):
        return False
    log_path = loss_history_path(folder, run_name)
    Path(folder, f"{run_name}.json").replace(destination / f"{run_name}.json")
    with replacing(destination / log_path.name) as unfinished:
        shutil.copyfile(log_path, unfinished)
    Path(folder, f"{run_name}.keras").replace(destination / f"{run_name}.keras")  # last: with it, all is there
    for name in rivals:
        remove_run_files(destination, name)
    return True


def _provenance(path: Path) -> dict | None:
    """Where a described network comes from, with its "owner" and "validation_loss"; None for what is no description."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))["run"]
        return {**run, "owner": run["owner"], "validation_loss": float(run["validation_loss"])}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        resultFiles.note(
            f"{str(path)!r} describes no network that was trained here ({_reason(error)}); it stays as it is"
        )
        return None


@_gradients_forgotten()
def run_model(
    config: NetworkConfig,
    training: CustomDataGen,
    validation: CustomDataGen,
    num_epochs: int,
    folder: str | Path,
    run_name: str,
    seed: int,
    provenance: Mapping[str, object] | None = None,
    precision: str = "float32",
    **fit_options,
) -> tuple[BaseMLClass, RunResult]:
    """Build and train one network from a clean Keras session; ``fit_options`` go to `BaseMLClass.fit_model`.

    ``seed`` decides the first weights and the dropout; the data have their own. ``provenance`` is written
    beside the model; ``precision`` is one of PRECISIONS. Raises DivergedError.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    shape = (training.n_samples, training.n_channels, training.n_outputs)
    network = create_model(config, *shape, training.transform, precision)
    network.provenance = dict(provenance or {}, seed=seed)
    return network, train_network(network, training, validation, num_epochs, folder, run_name, **fit_options)


@_gradients_forgotten()
def train_network(
    network: BaseMLClass,
    training: CustomDataGen,
    validation: CustomDataGen,
    num_epochs: int,
    folder: str | Path,
    run_name: str,
    **fit_options,
) -> RunResult:
    """Train a network that is there, built or loaded; its provenance names the "seed".

    ``fit_options`` go to `BaseMLClass.fit_model`. Raises DivergedError.
    """
    started = time.perf_counter()
    history = network.fit_model(training, validation, num_epochs, folder, run_name, **fit_options)
    losses = np.array(history["val_loss"])
    if not np.isfinite(losses).any():
        label = network.config.label
        raise DivergedError(f"the validation loss of {label} is not a number in any of {losses.size} epochs")
    best = int(np.nanargmin(losses))
    return RunResult(
        run_name=run_name,
        n_parameters=network.get_model().count_params(),
        epochs=losses.size,
        best_epoch=best + 1,
        training_loss=float(history["loss"][best]),
        validation_loss=float(losses[best]),
        validation_rmse=float(history["val_rmse"][best]) * validation.unit_per_output,
        seconds=time.perf_counter() - started,
        seed=network.provenance["seed"],
    )


# --- Result tables

SUMMARY_COLUMNS = (
    *("Model Name", "Type", "LYR", "DNN", "DIL", "FIL", "KRNL", "POL"),
    *("Epochs", "Min Epoch Loss", "Training Loss", "Validation Loss"),
)


def init_results_file(path: str | Path, columns: Sequence[str] = SUMMARY_COLUMNS) -> Path:
    """Start a table of results with its header row, unless it is there already; then rows that were cut off go.

    Raises ValueError when a table with other columns is there.
    """
    path = Path(path)
    resultFiles.start_table(path, columns)
    return path


def append_results_to_file(path: str | Path, values: Sequence[object]) -> None:
    """Add one row to a table of results; it is on the disk when the call returns."""
    resultFiles.add_row(Path(path), values)


def labelled(config: NetworkConfig, transform_type: str) -> str:
    """A network's name in the tables: the model label, and the transform if there is one."""
    return config.label if transform_type == "NA" else f"{config.label}{transform_type}_"


def summary_row(config: NetworkConfig, result: RunResult, transform_type: str = "NA") -> list[object]:
    """One training as a row under SUMMARY_COLUMNS."""
    return [
        *(
            labelled(config, transform_type),
            config.arch_type,
            config.num_layers,
            config.num_dnn,
            config.num_dil,
            config.num_filt,
        ),
        *(config.krnl_size, config.pool_val, result.epochs, result.best_epoch),
        *(result.training_loss, result.validation_loss),
    ]
