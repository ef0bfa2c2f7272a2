"""The networks that tell an earthquake from other sequences of arrival times, as rows, and what they are trained for.

Each gives one probability per sequence. F, U and H are num_filt, num_dnn and num_lstm, L is num_layers and K is
krnl_size; dropout stands behind every group of layers. The recurrent networks read the stations in both directions.
"""

from collections.abc import Callable

from dataPreProcessing import Loss
from networks.callbacks import OPTIMIZERS
from networks.layers import LAYER_KINDS, Layer, LayerKind
from networks.rows import NETWORKS, Network, NetworkConfig
from problems.arrivals.generator import STATIONS
from support.startup import load_keras

keras = load_keras()

EVENT = "EVENT"  # the type of these networks
N_STATIONS = len(STATIONS)
LONGEST_UNROLLED = 16  # samples: a loop over more of them costs less than a graph without a loop
HEADS = 4  # of the attention, where the width can be divided by them
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
GATES = {"lstm": 4, "gru": 3}
BIASES = {"lstm": 1, "gru": 2}  # of each gate


# --- Kinds of layers


def _recurrent(cell: str, whole: bool) -> LayerKind:
    """A recurrent layer in both directions, with an output for every sample, or the last of each direction alone."""

    def build(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
        unroll = n_samples <= LONGEST_UNROLLED
        one_way = CELLS[cell](layer.width, layer.activation, return_sequences=whole, unroll=unroll)
        both = keras.layers.Bidirectional(one_way)
        return both if whole else lambda x: keras.layers.Reshape((1, 2 * layer.width))(both(x))

    def parameters(layer: Layer, channels: int) -> int:
        return 2 * GATES[cell] * (channels + layer.width + BIASES[cell]) * layer.width

    return LayerKind(
        build,
        parameters,
        length=lambda layer, length: length if whole else 1,
        channels=lambda layer, channels: 2 * layer.width,
        arrays=lambda layer: 16,
        compiling=lambda layer: 50e6,
        reach=lambda layer: float("inf"),
    )


def _fold(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """One sample of ``stride`` samples, whose channels it has one after the other."""
    return lambda x: keras.layers.Reshape((n_samples // layer.stride, layer.stride * x.shape[-1]))(x)


def _own_dense(layer: Layer, n_samples: int) -> keras.layers.Layer:
    """A Dense layer of its own for each of ``kernel`` samples."""
    shape = (layer.kernel, layer.width)
    return keras.layers.EinsumDense("abc,bcd->abd", shape, activation=layer.activation, bias_axes="bd")


def _attention(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """A block of attention between samples, and of two Dense layers, that add to their normalised input."""
    heads = HEADS if layer.width % HEADS == 0 else 1

    def build(x: keras.KerasTensor) -> keras.KerasTensor:
        normalised = keras.layers.LayerNormalization()(x)
        attended = keras.layers.MultiHeadAttention(heads, layer.width // heads)(normalised, normalised)
        x = keras.layers.add([x, attended])
        inner = keras.layers.Dense(2 * layer.width, layer.activation)(keras.layers.LayerNormalization()(x))
        return keras.layers.add([x, keras.layers.Dense(layer.width)(inner)])

    return build


def _attention_parameters(layer: Layer, channels: int) -> int:
    projections, normalisations = 4 * (channels + 1) * layer.width, 4 * channels
    return projections + normalisations + (channels + 1) * 2 * layer.width + (2 * layer.width + 1) * layer.width


def _weighted_mean(layer: Layer, n_samples: int) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """The mean over samples, with weights that add up to 1 and follow from what is in each of them."""

    def build(x: keras.KerasTensor) -> keras.KerasTensor:
        weights = keras.layers.Softmax(axis=1)(keras.layers.Dense(1)(x))
        return keras.layers.Dot(axes=1)([weights, x])

    return build


def _probability(layer: Layer, n_samples: int) -> keras.layers.Layer:
    """A Dense layer with a sigmoid, always in float32: fewer digits cannot tell a probability near 1 from 1."""
    return keras.layers.Dense(layer.width, "sigmoid", dtype="float32")


def _dense_parameters(layer: Layer, channels: int) -> int:
    return (channels + 1) * layer.width


LAYER_KINDS |= {
    **{f"bi{cell}": _recurrent(cell, whole=True) for cell in CELLS},
    **{f"bi{cell}_end": _recurrent(cell, whole=False) for cell in CELLS},
    "fold": LayerKind(
        _fold,
        length=lambda layer, length: length // layer.stride,
        channels=lambda layer, channels: channels * layer.stride,
        reach=lambda layer: layer.stride - 1,
    ),
    "own_dense": LayerKind(_own_dense, lambda layer, channels: layer.kernel * _dense_parameters(layer, channels)),
    "attention": LayerKind(
        _attention, _attention_parameters, arrays=lambda layer: 20, reach=lambda layer: float("inf")
    ),
    "weighted_mean": LayerKind(
        _weighted_mean,
        lambda layer, channels: channels + 1,
        length=lambda layer, length: 1,
        reach=lambda layer: float("inf"),
    ),
    "probability": LayerKind(_probability, _dense_parameters),
}


# --- Networks

_FOLD = Layer("fold", stride=N_STATIONS)
_ANSWER = Layer("probability", 1)


def _dropout(c: NetworkConfig) -> list[Layer]:
    return [Layer("dropout", rate=c.dropout)] if c.dropout else []


def _recurrent_layers(cell: str) -> Callable[[NetworkConfig], list[Layer]]:
    def layers(c: NetworkConfig) -> list[Layer]:
        """L x [both directions of H units, dropout], the last of them with one output per sequence; Dense 1."""
        row = Layer(f"bi{cell}", c.num_lstm, activation=c.activation or "tanh")
        before = [row, *_dropout(c)] * (c.num_layers - 1)
        return [*before, row._replace(kind=f"bi{cell}_end"), *_dropout(c), _ANSWER]

    return layers


def _dense_layers(c: NetworkConfig) -> list[Layer]:
    """L x [Dense U of all stations together, dropout], Dense 1."""
    dense = Layer("dense", c.num_dnn, activation=c.activation or "relu")
    return [_FOLD, *[dense, *_dropout(c)] * c.num_layers, _ANSWER]


def _convolution_layers(c: NetworkConfig) -> list[Layer]:
    """L x [Conv1D(F, K) along the stations, dropout], all stations together, Dense 1."""
    convolution = Layer("conv", c.num_filt, c.krnl_size, activation=c.activation or "relu")
    return [*[convolution, *_dropout(c)] * c.num_layers, _FOLD, _ANSWER]


def _attention_layers(c: NetworkConfig) -> list[Layer]:
    """Dense U of each station, L x [attention between stations, dropout], their weighted mean, Dense 1."""
    activation = c.activation or "relu"
    entry = Layer("own_dense", c.num_dnn, kernel=N_STATIONS, activation=activation)
    block = Layer("attention", c.num_dnn, activation=activation)
    return [entry, *[block, *_dropout(c)] * c.num_layers, Layer("weighted_mean"), _ANSWER]


NETWORKS |= {
    ("LSTM", EVENT): Network(_recurrent_layers("lstm"), has_lstm=True, has_dense=False),
    ("GRU", EVENT): Network(_recurrent_layers("gru"), has_lstm=True, has_dense=False),
    ("CNN", EVENT): Network(_convolution_layers, has_dense=False),
    ("DNN", EVENT): Network(_dense_layers),
    ("ATT", EVENT): Network(_attention_layers),
}

# The paper's Adam never forgets its largest gradient (AMSGrad); the exercise has Keras' own.
OPTIMIZERS["adam_keras"] = lambda config: keras.optimizers.Adam(config.learning_rate)


# --- Loss


@keras.saving.register_keras_serializable(package="seismic")
def sequence_cross_entropy(y_true, y_pred):
    """-log of the probability of the true answer of each sequence, (batch,); probabilities are kept 1e-7 from 0 and 1.

    Both arguments are (batch, 1, 1): labels 0 or 1, and probabilities.
    """
    return keras.ops.mean(keras.ops.binary_crossentropy(keras.ops.cast(y_true, y_pred.dtype), y_pred), axis=(1, 2))


@keras.saving.register_keras_serializable(package="seismic")
def batch_cross_entropy(y_true, y_pred):
    """The mean of `sequence_cross_entropy` over a batch, a scalar."""
    return keras.ops.mean(sequence_cross_entropy(y_true, y_pred))


CROSS_ENTROPY = Loss("bce", batch_cross_entropy, sequence_cross_entropy, {"accuracy": keras.metrics.binary_accuracy})
