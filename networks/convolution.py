"""Convolutions of many channels with few filters, which TensorFlow and JAX calculate slowly."""

from support.startup import load_keras

keras = load_keras()
ops = keras.ops

CHANNELS_A_FILTER = 16  # With fewer, the libraries are as quick (benchmarks/bench_convolution.py).
MOST_SHIFTED = 2  # times as many numbers as the input has: what is shifted must not decide the memory of a training


def convolve(x: keras.KerasTensor, kernel: keras.KerasTensor, dilation: int = 1) -> keras.KerasTensor:
    """Convolve x (batch, samples, channels), zeros beside it, with a kernel (points, channels, filters).

    The answer (batch, samples, filters) is what Conv1D of Keras has with the padding "same", within rounding.

    One product of matrices gives what each sample adds at each point of the kernel. These rows, one for each filter
    and point, are then shifted by the distances of the points, and summed: a row that is read as if all rows before it
    were longer by ``dilation`` lies shifted.

    >>> x, kernel = keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1)), keras.ops.ones((3, 1, 1))
    >>> keras.ops.convert_to_numpy(convolve(x, kernel)[0, :, 0]).tolist()
    [1.0, 3.0, 6.0, 5.0]
    """
    points, channels, filters = kernel.shape
    samples, beside = x.shape[1], (points - 1) * dilation
    by_filter = ops.reshape(ops.transpose(kernel, (1, 2, 0)), (channels, filters * points))
    rows = ops.transpose(ops.matmul(x, by_filter), (0, 2, 1))
    rows = ops.pad(rows, ((0, 0), (0, 0), (beside // 2, beside - beside // 2)))
    joined = ops.reshape(rows, (-1, filters, points * (samples + beside)))
    joined = ops.pad(joined, ((0, 0), (0, 0), (0, points * dilation)))
    shifted = ops.reshape(joined, (-1, filters, points, samples + beside + dilation))[..., :samples]
    return ops.transpose(ops.sum(shifted, axis=2), (0, 2, 1))


def _has_few_filters(x: keras.KerasTensor, kernel: keras.Variable, dilation: int) -> bool:
    points, channels, filters = kernel.shape
    samples = x.shape[1]
    if samples is None or channels < CHANNELS_A_FILTER * filters:
        return False
    return filters * points * (samples + points * dilation) <= MOST_SHIFTED * channels * samples


def quick(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Let a Conv1D of Keras use `convolve` where that is quicker, and return the layer, whatever its kind.

    A layer stays one of Keras, so that Keras alone can read the file of a network.
    """
    if type(layer) is not keras.layers.Conv1D:
        return layer
    if (layer.padding, layer.strides, layer.groups, layer.data_format) != ("same", (1,), 1, "channels_last"):
        return layer
    as_keras = layer.call

    def call(inputs: keras.KerasTensor) -> keras.KerasTensor:
        if not _has_few_filters(inputs, layer.kernel, layer.dilation_rate[0]):
            return as_keras(inputs)
        outputs = convolve(inputs, layer.kernel, layer.dilation_rate[0])
        return layer.activation(ops.add(outputs, layer.bias) if layer.use_bias else outputs)

    layer.call = call
    return layer
