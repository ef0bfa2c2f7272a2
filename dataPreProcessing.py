"""Traces on the way to a network: pairs made on the fly, scaling, and the losses.

    generate_block -> CustomDataGen: x, y as (batch, samples, 1), float32 -> network

Nothing is stored: every epoch draws fresh traces from (seed, stream, epoch, block), so that a run repeats exactly
whatever its batch size.
"""

import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from dataGeneration import (
    SHORTEST_TRACE,
    STREAMS,
    TRACES_PER_BLOCK,
    check_choice,
    check_flag,
    check_snr,
    check_time,
    check_whole,
    generate_block,
    keep_freed_memory,
    stream_generator,
)

PAIRS = {  # gen_type: names of (x, y) for clean and for noisy data
    "DeNoise": (("CONV_REFL_NOISY", "CONV_REFL_CLEAN"), ("CONV_REFL_NOISY", "CONV_REFL_CLEAN")),
    "ML_VEL": (("CONV_REFL_CLEAN", "VEL"), ("CONV_REFL_GAPS", "VEL_GAPS")),
    "AE": (("CONV_REFL_CLEAN", "CONV_REFL_CLEAN"), ("CONV_REFL_NOISY", "CONV_REFL_NOISY")),
}
TRANSFORM_TYPES = ("NA",)
VALIDATIONS = ("streaming", "fixed")
TRACE_SCALE = ((-1.0, 1.0), (-1.0, 1.0))  # range of the data, range that it is scaled to
VELOCITY_SCALE = ((0.0, 30_000.0), (0.0, 1.0))  # ft/s
BLOCKS_KEPT = 4  # the one in use, the next, and those that Keras' look at the first two batches would make twice
BATCHES_AHEAD = 4  # ready for the network while it works on one


def normalize_data(
    data: np.ndarray, data_range: tuple[float, float], new_range: tuple[float, float] = (0.0, 1.0)
) -> np.ndarray:
    """Min-max scaling: the line that takes ``data_range`` to ``new_range``, for arrays of any shape.

    Raises ValueError unless both ranges are two finite numbers, the first below the second.
    """
    for what, limits in (("data_range", data_range), ("new_range", new_range)):
        if len(limits) != 2 or not np.isfinite(limits).all() or limits[0] >= limits[1]:
            raise ValueError(f"{what} must be (lowest, highest) with lowest < highest, not {limits!r}")
    (low, high), (new_low, new_high) = data_range, new_range
    return (data - low) * ((new_high - new_low) / (high - low)) + new_low


def _yield_to_training() -> None:
    """Let this thread run when the network leaves a core idle. Only Linux gives a thread a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


class CustomDataGen(keras.utils.PyDataset):
    """Batches (x, y) of fresh synthetic traces for `keras.Model.fit`, each (batch, n_samples, 1) float32.

    Parameters:

    batch_size, n : traces a batch, traces an epoch; the last batch may be smaller
    gen_type : "DeNoise" (noisy -> clean), "ML_VEL" (trace -> velocity) or "AE" (trace -> itself)
    transform_type : "NA", the raw trace
    noisy_data : ML_VEL from noisy traces with a gap, to velocity with a gap; AE of noisy traces
    scaling_flag : scale traces from [-1, 1] to [-1, 1] and velocities from [0, 30 000] ft/s to [0, 1]
    seed, stream : which draws; "training", "validation" and "blind" streams of a seed never share any
    n_samples, dt : samples a trace, time step in s
    snr_db : noise level, as in `dataGeneration.data_noise`; None is the paper's
    validation : "streaming", fresh traces every epoch, or "fixed", those of epoch 0 in every epoch

    `epoch` is the number of the epoch that is being served, from 0; every `fit` or `evaluate` pass begins the next.
    While a block of traces is being used, the next one is made in the background.
    Raises ValueError for an option outside its range, IndexError for a batch that is not there.
    """

    def __init__(
        self,
        batch_size: int = 1,
        n: int = 250,
        gen_type: str = "DeNoise",
        transform_type: str = "NA",
        noisy_data: bool = False,
        scaling_flag: bool = False,
        seed: int = 0,
        *,
        stream: str = "training",
        n_samples: int = 4096,
        dt: float = 0.001,
        snr_db: float | Sequence[float] | None = None,
        validation: str = "streaming",
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        check_choice("gen_type", gen_type, PAIRS)
        check_choice("transform_type", transform_type, TRANSFORM_TYPES)
        check_choice("stream", stream, STREAMS)
        self.batch_size = check_whole("batch_size", batch_size, 1)
        self.n = check_whole("n", n, 1)
        self.gen_type = gen_type
        self.transform_type = transform_type
        self.noisy_data = check_flag("noisy_data", noisy_data)
        self.scaling_flag = check_flag("scaling_flag", scaling_flag)
        self.seed = check_whole("seed", seed, 0)
        self.stream = stream
        self.n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE)
        self.dt, _ = check_time(dt, 0.0)
        self.snr_db = check_snr(snr_db)
        check_choice("validation", validation, VALIDATIONS)
        self.validation = validation
        self.x_name, self.y_name = PAIRS[gen_type][self.noisy_data]
        self._epochs_begun = 0
        self._blocks: OrderedDict[tuple[int, int], Future] = OrderedDict()
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(max_workers=1, initializer=_yield_to_training)

    def __len__(self) -> int:
        return math.ceil(self.n / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} is not there: an epoch has {len(self)}")
        first = index * self.batch_size
        end = min(first + self.batch_size, self.n)
        epoch, parts = self.epoch, []
        for block in range(first // TRACES_PER_BLOCK, (end - 1) // TRACES_PER_BLOCK + 1):
            start = block * TRACES_PER_BLOCK
            rows = slice(max(first - start, 0), end - start)
            parts.append([values[rows, :, None] for values in self._block(epoch, block)])
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    @property
    def epoch(self) -> int:
        """Number of the epoch that is being served, from 0."""
        return max(self._epochs_begun - 1, 0) if self.validation == "streaming" else 0

    def on_epoch_begin(self) -> None:
        """Go on to fresh traces. Keras calls this once a pass, but `on_epoch_end` more than once."""
        self._epochs_begun += 1
        keep_freed_memory()  # TensorFlow has set it otherwise since, for every generator that it reads from

    def in_data_units(self, y: np.ndarray) -> np.ndarray:
        """Outputs of a network, or of this generator, in the data's own unit (ft/s, or trace amplitude)."""
        data_range, new_range = self._scale(self.y_name)
        return normalize_data(y, new_range, data_range) if self.scaling_flag else y

    @property
    def unit_per_output(self) -> float:
        """Data units for each unit of the network's output: what an RMSE of scaled data is to be multiplied by."""
        (low, high), (new_low, new_high) = self._scale(self.y_name)
        return (high - low) / (new_high - new_low) if self.scaling_flag else 1.0

    @staticmethod
    def _scale(name: str) -> tuple[tuple[float, float], tuple[float, float]]:
        return VELOCITY_SCALE if name.startswith("VEL") else TRACE_SCALE

    def _block(self, epoch: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Traces block * TRACES_PER_BLOCK and on of an epoch: x and y, (TRACES_PER_BLOCK or fewer, n_samples)."""
        with self._lock:
            wanted = self._begin(epoch, block)
            if (block + 1) * TRACES_PER_BLOCK < self.n:
                self._begin(epoch, block + 1)
            else:
                self._begin(epoch + (self.validation == "streaming"), 0)
            while len(self._blocks) > max(BLOCKS_KEPT, self.batch_size // TRACES_PER_BLOCK + 3):
                self._blocks.popitem(last=False)
        return wanted.result()

    def _begin(self, epoch: int, block: int) -> Future:
        """The block as a promise: made already, being made, or begun now."""
        if (epoch, block) not in self._blocks:
            self._blocks[epoch, block] = self._background.submit(self._generate, epoch, block)
        self._blocks.move_to_end((epoch, block))
        return self._blocks[epoch, block]

    def _generate(self, epoch: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        rng = stream_generator(self.seed, self.stream, epoch, block)
        names = (self.x_name, self.y_name)
        geometry = {"n_samples": self.n_samples, "dt": self.dt}
        n_traces = min(TRACES_PER_BLOCK, self.n - block * TRACES_PER_BLOCK)
        data = generate_block(rng, n_traces, names, snr_db=self.snr_db, **geometry)
        if self.scaling_flag:
            data = {name: normalize_data(values, *self._scale(name)) for name, values in data.items()}
        return tuple(data[name].astype(np.float32, copy=False) for name in names)


def fit_input(batches: keras.utils.PyDataset):
    """What `keras.Model.fit` and `evaluate` are to read: the batches themselves, or, on TensorFlow, a dataset of them.

    Keras would make that dataset with TensorFlow's autotuning, whose thread at random keeps the end of an epoch waiting
    for its next look at the clock: at 0.63, 1.27, 2.55 s .. from the start, doubling each time.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    def one_pass() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        batches.on_epoch_begin()
        yield from (batches[index] for index in range(len(batches)))

    options = tf.data.Options()
    options.autotune.enabled = False
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batches[0])
    dataset = tf.data.Dataset.from_generator(one_pass, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return dataset.with_options(options).prefetch(BATCHES_AHEAD)


@keras.saving.register_keras_serializable(package="seismic")
def root_mean_squared_error(y_true, y_pred):
    """Square root of the mean squared difference over the whole batch: the paper's loss, a scalar tensor."""
    return ops.sqrt(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype))))


@keras.saving.register_keras_serializable(package="seismic")
def log_root_mean_squared_error(y_true, y_pred):
    """Natural logarithm of `root_mean_squared_error`: weighs relative, not absolute, improvements."""
    return ops.log(root_mean_squared_error(y_true, y_pred) + keras.config.epsilon())
