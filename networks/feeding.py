"""What feeds a training: pairs on their way into Keras' `fit`, and on JAX the loop of many steps in one call."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from dataPreProcessing import CustomDataGen
from networks.backends import device_name
from networks.size import VALIDATION_BATCH
from support.startup import keep_memory, load_keras
from support.stopping import stop_was_asked

keras = load_keras()

BATCHES_AHEAD = 4  # are ready for the network while it works on one
TRACES_AT_ONCE = 25  # go from Python to TensorFlow
ITEM_BYTES = 2.0**27  # the most that one item of a `Series` takes on the device, where two are held at a time
LOOP_BATCH = 25  # traces, at most, in a batch of any size on a GPU
LOOP_SECONDS = 0.5  # of steps in one call, after which a request to stop is heard
GROWTH = 8  # the most by which the next call has more steps than the last one


def in_loops() -> bool:
    """Whether the steps of a training run in a loop on the device: on JAX, except on a CPU.

    There, XLA works on the convolutions inside a loop with one core and without its fast library: a step in a loop
    takes up to nine times as long (docs/PERFORMANCE.md).
    """
    return keras.backend.backend() == "jax" and device_name() != "cpu"


def fit_input(stream: CustomDataGen, any_size: bool = False):
    """The input of `keras.Model.fit` and `evaluate` for the batches of a stream, in the form that suits the backend.

    On TensorFlow it is a dataset, on JAX with `in_loops` a `Series`, elsewhere the stream itself. Where the batches may
    have ``any_size``, a dataset has VALIDATION_BATCH traces in a batch. A Series has at most LOOP_BATCH, and as many as
    leave no smaller last batch, which would have to be compiled, too.

    >>> len(fit_input(CustomDataGen(batch_size=2, n=5, n_samples=100)))
    3
    """
    if keras.backend.backend() == "tensorflow":
        return _dataset(stream, VALIDATION_BATCH if any_size else stream.batch_size)
    if not in_loops():
        return stream
    even = (size for size in range(1, LOOP_BATCH + 1) if stream.n % size == 0)
    return Series(stream, max(even) if any_size else stream.batch_size)


def _traces(stream: CustomDataGen, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the traces from ``first`` up to ``end``, in whichever batches of the stream they are."""
    size = stream.batch_size
    batches = [stream[index] for index in range(first // size, math.ceil(end / size))]
    rows = slice(first % size, first % size + end - first)
    return tuple(np.concatenate(part)[rows] for part in zip(*batches, strict=True))


def _dataset(stream: CustomDataGen, batch_size: int):
    """The batches of a stream as a dataset of TensorFlow.

    Keras would make it with autotuning, whose thread keeps the end of an epoch waiting, at random, for its next look at
    the clock, at 0.63, 1.27, 2.55 s .. from the start. It would also take each batch from Python to TensorFlow alone,
    which costs 0.3 ms.
    """
    import tensorflow as tf

    at_once = max(1, TRACES_AT_ONCE // stream.batch_size) * stream.batch_size

    def one_pass() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        # TensorFlow changes this setting before the first pass of a process.
        keep_memory()
        stream.on_epoch_begin()
        for first in range(0, stream.n, at_once):
            yield _traces(stream, first, min(first + at_once, stream.n))

    options = tf.data.Options()
    options.autotune.enabled = False
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in stream[0])
    dataset = tf.data.Dataset.from_generator(one_pass, output_signature=signature).rebatch(batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(math.ceil(stream.n / batch_size)))
    return dataset.with_options(options).prefetch(BATCHES_AHEAD)


class Series(keras.utils.PyDataset):
    """The batches of a stream for a `DeviceLoop`, many in one item: x and y of (steps, batch, samples, channels).

    An item has a whole epoch, unless it would take more than ITEM_BYTES; a last batch that is smaller has an item of
    its own. While the device works on one item, the stream makes the traces of the next one.
    """

    def __init__(self, stream: CustomDataGen, batch_size: int) -> None:
        super().__init__()
        self.stream = stream
        of_trace = sum(part[0].nbytes for part in stream[0])
        in_batches = stream.n - stream.n % batch_size
        in_item = max(1, int(ITEM_BYTES / (of_trace * batch_size))) * batch_size
        starts = [*range(0, in_batches, in_item), in_batches]
        self._parts = [(first, end, batch_size) for first, end in zip(starts, starts[1:], strict=False)]
        if in_batches < stream.n:
            self._parts.append((in_batches, stream.n, stream.n - in_batches))
        stream.look_ahead(max(end - first for first, end, _ in self._parts))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        first, end, size = self._parts[index]
        x, y = _traces(self.stream, first, end)
        return x.reshape(-1, size, *x.shape[1:]), y.reshape(-1, size, *y.shape[1:])

    def on_epoch_begin(self) -> None:
        """Let the stream go on to fresh traces."""
        self.stream.on_epoch_begin()


class DeviceLoop:
    """The train or test function of a Keras model on JAX that takes the steps of a `Series`' item on the device.

    ``step`` is the model's train_step or test_step. A call of the device has as many steps as take LOOP_SECONDS, which
    is measured. After a request to stop, the rest of an item is left out: the callback `StopWhenAsked` then ends the
    training.
    """

    def __init__(self, model: keras.Model, step: Callable) -> None:
        import jax

        def steps(state: tuple, data: tuple, first: int, end: int) -> tuple[dict, tuple]:
            def one_more(index: int, state: tuple) -> tuple:
                batch = tuple(jax.lax.dynamic_index_in_dim(values, index, keepdims=False) for values in data)
                # Layers know the penalties of a step by their addresses, which Keras does not always forget before the
                # next step is traced. At the same address, another layer's penalty would be left out.
                model._clear_losses()
                return step(state, batch)[1]

            state = jax.lax.fori_loop(first, end, one_more, state)
            scope = keras.StatelessScope(state_mapping=zip(model.metrics_variables, state[-1], strict=True))
            with scope:
                return model.get_metrics_result(), state

        self._steps = jax.jit(steps, donate_argnums=0)
        self._ready = jax.block_until_ready
        self._at_once = 0  # 0 until something was measured

    def __call__(self, state: tuple, iterator: Iterator) -> tuple[dict, tuple]:
        data = next(iterator)
        first, n_steps = 0, len(data[0])
        while first < n_steps:
            end = min(first + max(self._at_once, 1), n_steps)
            started = time.perf_counter()
            logs, state = self._ready(self._steps(state, data[:2], first, end))
            self._measure(end - first, time.perf_counter() - started)
            first = end
            if stop_was_asked():
                break
        return logs, state

    def _measure(self, n_steps: int, seconds: float) -> None:
        if self._at_once:
            self._at_once = max(1, min(GROWTH * self._at_once, int(LOOP_SECONDS * n_steps / seconds)))
        else:
            self._at_once = 1  # the first call compiles


def loop_on_device(model: keras.Model) -> None:
    """Have `fit` and `evaluate` of a model, after `build_losses`, work on a `Series`, in a `DeviceLoop`."""
    model.train_function = DeviceLoop(model, model.train_step)
    model.test_function = DeviceLoop(model, model.test_step)


def build_losses(model: keras.Model) -> None:
    """Give the loss and the metrics of a model that was just compiled their variables.

    Keras would find their shapes by a symbolic step, which takes 0.35 s for a TCN on TensorFlow, on what it takes for a
    batch, which an item of a `Series` is not.
    """
    zeros = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_loss(y=zeros, y_pred=zeros)
    model.compute_metrics(None, zeros, zeros)
