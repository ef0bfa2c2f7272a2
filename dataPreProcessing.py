"""Traces on the way to a network: pairs made on the fly, scaling, wavelet transforms, and the losses.

    generate_block -> CustomDataGen: scaling -> transform -> x, y as (batch, samples, channels), float32 -> network

Nothing is stored: every epoch draws fresh traces from (seed, stream, epoch, block), so that a run repeats exactly
whatever its batch size.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from dataGeneration import PAIRS, STREAMS, TRACES_PER_BLOCK, generate_block, stream_generator
from support.checks import check_choice, check_flag, check_whole, unmasked
from support.startup import load_keras
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, NoiseLevel, check_block, check_snr, check_time
from traces.earth import PAPER_EARTH, Earth, check_earth
from traces.noise import check_level
from traces.own_wavelet import OwnWavelet, check_own_wavelet
from traces.protocol import BLOCK_OPTIONS, GENERATIONS, VALIDATIONS, TraceProtocol
from traces.published import PublishedRows
from traces.transforms import LEVEL_WAVELET, LEVEL_WAVELETS, SIGNAL_BAND, TRANSFORM_TYPES, TRANSFORMS, transform_of
from traces.transforms import channel_names, complex_coefficients, cwt_coefficients, cwt_frequencies
from traces.transforms import restore_traces, transform_traces
from traces.variety import Variety, background_of, variety_of
from traces.wavelets import of_wavelet

keras = load_keras()
ops = keras.ops

Range = tuple[float, float]
OLDEST = 100_000  # starting age in epochs, twenty times that of the published trainings
TRACE_SCALE = ((-1.0, 1.0), (-1.0, 1.0))  # range of the data, range that they are scaled to
VELOCITY_SCALE = ((0.0, 30_000.0), (0.0, 1.0))  # ft/s
SCALES = {"VEL": VELOCITY_SCALE, "VEL_GAPS": VELOCITY_SCALE}  # All other data have TRACE_SCALE.
UNITS = dict.fromkeys(SCALES, "ft/s")  # Trace amplitudes have no unit.
BLOCKS_KEPT = 4  # the one in use, the next one, and those that Keras' look at the first two batches would make twice


def normalize_data(data: np.ndarray, data_range: Range, new_range: Range = (0.0, 1.0)) -> np.ndarray:
    """Min-max scaling: the line that takes ``data_range`` to ``new_range``, for arrays of any shape.

    Raises ValueError for data that are not numbers, and unless each range is two finite numbers, the first below the
    second.

    >>> normalize_data(np.array([0.0, 15_000.0, 30_000.0]), (0.0, 30_000.0)).tolist()
    [0.0, 0.5, 1.0]
    """
    data = unmasked("data", data)
    if not np.issubdtype(data.dtype, np.number):
        raise ValueError(f"data must be numbers, not {data.dtype} of shape {data.shape}")
    for what, limits in (("data_range", data_range), ("new_range", new_range)):
        try:
            low, high = (float(limit) for limit in limits)
        except (TypeError, ValueError):
            low, high = math.nan, math.nan
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"{what} must be (lowest, highest) with lowest < highest, not {limits!r}")
    (low, high), (new_low, new_high) = data_range, new_range
    return (data - low) * ((new_high - new_low) / (high - low)) + new_low


class CustomDataGen(keras.utils.PyDataset):
    """Batches (x, y) of fresh synthetic traces for `keras.Model.fit`: (batch, n_samples, channels) float32.

    ``batch_size``, ``n``: traces per batch and per epoch; the last batch may be smaller
    ``gen_type``: "DeNoise" (noisy -> clean), "ML_VEL" (trace -> velocity) or "AE" (trace -> itself)
    ``transform_type``, ``transform_options``: those of `transform_traces`, such as "CWT" and {"n_scales": 24}; x is
        transformed after scaling, and y only where it is x. Three to four blocks are held in memory, 30 MB each for
        the CWT of 4096 samples
    ``noisy_data``: ML_VEL goes from noisy traces with a gap to velocity with a gap; AE is of noisy traces
    ``scaling_flag``: traces are scaled from [-1, 1] to [-1, 1] and velocities from [0, 30 000] ft/s to [0, 1]
    ``seed``, ``stream``: which draws; the "training", "validation" and "blind" streams of a seed share none
    ``n_samples``, ``dt``, ``snr_db``: samples per trace, time step in s, and noise level as in `data_noise`
    ``validation``: "streaming" for fresh traces in every epoch, or "fixed" for those of epoch 0 in every epoch
    ``wavelet``: a key of TRACE_FAMILIES: "random", or the code of the one wavelet that all traces have
    ``earth``, ``own_wavelet``: what models, noise and gaps are drawn from, and a wavelet in the place of "random" ones
    ``generation``: "described" for fresh logs of velocity and density in every epoch, as the paper describes them, or
        "published" for the rows of the published scripts, one per trace, which every epoch uses again (`PublishedRows`)
    ``variety``: what else differs from trace to trace, a key of `traces.variety.VARIETIES` or a `Variety`; where it has
        noise of its own, ML_VEL goes from noisy traces
    ``background``: the x of ML_VEL has a second channel, the velocity at low frequencies (`background_of`)
    ``starting_age``: epochs that count as served before the first one; no two ages of a stream share draws

    `epoch` is the number of the epoch that is being served, from 0; every `fit` or `evaluate` pass begins the next.
    While one block of traces is being used, the next one is made in the background. Raises ValueError for an option
    outside its range, IndexError for a batch that does not exist.

    A subclass for another problem overrides `make_block`, and passes its options on by ``super().__init__``. Its x may
    have channels, and its y any number of samples and channels; `n_channels` and `n_outputs` follow from its first
    block. If its data are to be scaled, it sets the class attribute ``scales``, those of x and of y.

    >>> stream = CustomDataGen(batch_size=2, n=5, gen_type="ML_VEL", n_samples=100, wavelet="RW")
    >>> [stream[index][0].shape for index in range(len(stream))]
    [(2, 100, 1), (2, 100, 1), (1, 100, 1)]
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
        snr_db: NoiseLevel = None,
        validation: str = "streaming",
        transform_options: Mapping[str, object] | None = None,
        wavelet: str = "random",
        generation: str = "described",
        starting_age: int = 0,
        earth: Earth = PAPER_EARTH,
        own_wavelet: OwnWavelet | None = None,
        variety: str | Variety = "paper",
        background: bool = False,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        earth, own_wavelet = check_earth(earth), check_own_wavelet(own_wavelet)
        if type(self).make_block is CustomDataGen.make_block:
            check_choice("gen_type", gen_type, PAIRS)
            check_choice("generation", generation, GENERATIONS)
        else:
            check_choice("generation of another problem's traces", generation, ["described"])
            if earth != PAPER_EARTH or own_wavelet is not None or variety != "paper":
                raise ValueError("the traces of another problem have an earth, wavelets and a variety of their own")
        self.variety = variety_of(variety, gen_type)
        self.background = check_flag("background", background)
        if self.background and (gen_type != "ML_VEL" or transform_type != "NA"):
            raise ValueError("a background belongs to ML_VEL with transform_type 'NA', where x is a trace")
        if generation == "published" and not self.variety.is_of_paper:
            raise ValueError("the published scripts made traces of the paper's variety")
        if generation == "published" and earth != PAPER_EARTH:
            raise ValueError(f"the published scripts made traces of the paper's earth, not of {earth.words}")
        self.batch_size = check_whole("batch_size", batch_size, 1, MOST_TRACES)
        self.n = check_whole("n", n, 1, MOST_TRACES)
        self.gen_type, self.transform_type, self.wavelet = gen_type, transform_type, wavelet
        self.noisy_data = check_flag("noisy_data", noisy_data)
        self.scaling_flag = check_flag("scaling_flag", scaling_flag)
        self.seed = check_whole("seed", seed, 0)
        self.stream = check_choice("stream", stream, STREAMS)
        self.n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
        self.dt, _ = check_time(dt, 0.0)
        self.snr_db = check_snr(snr_db)
        check_level(self.snr_db, earth.noise_range)
        self.validation = check_choice("validation", validation, VALIDATIONS)
        transform_of(transform_type, transform_options)
        self.transform_options = dict(transform_options or {})
        self.channel_names = channel_names(transform_type, self.n_samples, self.dt, **self.transform_options)
        names = PAIRS.get(gen_type, (("x", "y"), ("x", "y")))[self.noisy_data]
        self.x_name, self.y_name = (of_wavelet(name, wavelet) for name in names)
        if self.variety.has_noise and names == PAIRS["ML_VEL"][False]:
            self.x_name = of_wavelet("CONV_REFL_NOISY", wavelet)
        self.generation, self.earth, self.own_wavelet = generation, earth, own_wavelet
        self.starting_age = check_whole("starting_age", starting_age, 0, OLDEST)
        self._rows: dict[int, PublishedRows] = {}  # by block; only the background thread uses them
        self._epochs_begun = 0
        self._blocks_ahead = 1
        self._blocks: OrderedDict[tuple[int, int], Future] = OrderedDict()
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(max_workers=1)

    def __len__(self) -> int:
        return math.ceil(self.n / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} does not exist: an epoch has {len(self)}")
        first = index * self.batch_size
        end = min(first + self.batch_size, self.n)
        epoch, parts = self.epoch, []
        for block in range(first // TRACES_PER_BLOCK, (end - 1) // TRACES_PER_BLOCK + 1):
            start = block * TRACES_PER_BLOCK
            rows = slice(max(first - start, 0), end - start)
            parts.append([values[rows] for values in self._block(epoch, block)])
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def look_ahead(self, n_traces: int) -> None:
        """Make as many traces ahead of their use as are taken at a time; without this, it is one block of them."""
        self._blocks_ahead = math.ceil(n_traces / TRACES_PER_BLOCK)

    @property
    def n_channels(self) -> int:
        """Channels of x, for which a network is built."""
        return self._block(0, 0)[0].shape[-1]

    @property
    def n_outputs(self) -> int:
        """Channels of y, which a network has to give."""
        return self._block(0, 0)[1].shape[-1]

    @property
    def transform(self) -> dict[str, object]:
        """The arguments of `transform_traces` with which raw traces become the x of this stream."""
        return {"transform_type": self.transform_type, "dt": self.dt, **self.transform_options}

    @property
    def epoch(self) -> int:
        """Number of the epoch that is being served, from 0."""
        return max(self._epochs_begun - 1, 0) if self.validation == "streaming" else 0

    def on_epoch_begin(self) -> None:
        """Go on to fresh traces. Keras calls this once per pass, but `on_epoch_end` more than once."""
        self._epochs_begun += 1

    def begin_at(self, epoch: int) -> None:
        """Let the next pass serve this epoch, such as the one where an interrupted training stopped."""
        self._epochs_begun = epoch

    def in_data_units(self, y: np.ndarray) -> np.ndarray:
        """Outputs of a network, or of this generator, in the data's own unit (ft/s, or trace amplitude)."""
        data_range, new_range = self.scales[1]
        return normalize_data(y, new_range, data_range) if self.scaling_flag else y

    @property
    def unit_per_output(self) -> float:
        """Data units per unit of the network's output: the factor from an RMSE of scaled data to the data's unit."""
        (low, high), (new_low, new_high) = self.scales[1]
        return (high - low) / (new_high - new_low) if self.scaling_flag else 1.0

    @property
    def scales(self) -> tuple[tuple[Range, Range], ...]:
        """The scales of x and of y: the range of the data, and the range that they are scaled to."""
        return tuple(SCALES.get(name, TRACE_SCALE) for name in (self.x_name, self.y_name))

    @property
    def answers_traces(self) -> bool:
        """Whether y is a trace as x is, with a level and a scale of the same kind; a subclass may say so of its own."""
        return type(self).make_block is CustomDataGen.make_block and self.y_name not in UNITS

    @property
    def unit(self) -> str:
        """The unit of y; empty for a number without unit."""
        return UNITS.get(self.y_name, "")

    def make_block(self, rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """x and y of a block of traces, in the data's units: (n_traces, n_samples), or (n_traces, n_samples, channels).

        Every draw comes from ``rng``. y may have another number of samples than x. Where y is to be the transformed x,
        as in an autoencoder, it is the same object as x.
        """
        return self._pair(rng, n_traces, None)

    def _pair(
        self, rng: np.random.Generator, n_traces: int, logs: Mapping[str, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        kind = {name: getattr(self, name) for name in BLOCK_OPTIONS}
        data = generate_block(rng, n_traces, (self.x_name, self.y_name), logs=logs, **kind)
        x = data[self.x_name]
        if self.background:
            (background_rng,) = rng.spawn(1)
            x = np.stack([x, background_of(background_rng, data[self.y_name], self.dt)], axis=-1)
        return x, data[self.y_name]

    def _make(self, age: int, block: int, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """A block of traces in the epoch of this age, as `make_block` gives it."""

        def generator_of(age: int) -> np.random.Generator:
            return stream_generator(self.seed, self.stream, age, block)

        if self.generation == "described":
            return self.make_block(generator_of(age), n_traces)
        if block not in self._rows:
            self._rows[block] = PublishedRows(generator_of, n_traces, self.n_samples, self.dt)
        return self._pair(generator_of(age), n_traces, self._rows[block].at(age))

    def _block(self, epoch: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        """x and y of the TRACES_PER_BLOCK traces, or fewer, from block * TRACES_PER_BLOCK on."""
        wanted, n_blocks = [(epoch, block)], math.ceil(self.n / TRACES_PER_BLOCK)
        for following in range(block + 1, block + 1 + self._blocks_ahead):
            epochs_on = following // n_blocks if self.validation == "streaming" else 0
            wanted.append((epoch + epochs_on, following % n_blocks))
        with self._lock:
            for key in wanted:
                if key not in self._blocks:
                    self._blocks[key] = self._background.submit(self._generate, *key)
                self._blocks.move_to_end(key)
            most = max(BLOCKS_KEPT, self.batch_size // TRACES_PER_BLOCK + 3, self._blocks_ahead + 1)
            while len(self._blocks) > most:
                self._blocks.popitem(last=False)
            found = self._blocks[epoch, block]
        return found.result()

    def _generate(self, epoch: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        n_traces = min(TRACES_PER_BLOCK, self.n - block * TRACES_PER_BLOCK)
        x, y = made = self._make(self.starting_age + epoch, block, n_traces)
        if self.scaling_flag:
            x, y = (normalize_data(values, *scale) for values, scale in zip(made, self.scales, strict=True))
        x, y = (np.asarray(values, np.float32) for values in (x, y))
        if x.ndim == 2:
            # Transforming a whole block ahead of its use costs up to four times less than one trace at a time.
            x = TRANSFORMS[self.transform_type].forward(x, self.dt, **self.transform_options)
        elif self.transform_type != "NA":
            raise ValueError(f"transform_type must be 'NA' for x of shape {x.shape}, not {self.transform_type!r}")
        if made[0] is made[1]:
            return x, x
        return x, y[..., None] if y.ndim == 2 else y


def _root(mean_square):
    """The square root, also where it is zero: there its gradient is zero, and not NaN, which would end a training."""
    is_zero = mean_square == 0
    return ops.where(is_zero, 0.0, ops.sqrt(ops.where(is_zero, 1.0, mean_square)))


@keras.saving.register_keras_serializable(package="seismic")
def root_mean_squared_error(y_true, y_pred):
    """Square root of the mean squared difference over the whole batch: the paper's loss, a scalar tensor.

    >>> float(root_mean_squared_error(np.zeros((2, 4, 1)), np.full((2, 4, 1), 3.0)))
    3.0
    """
    return _root(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype))))


@keras.saving.register_keras_serializable(package="seismic")
def trace_root_mean_squared_error(y_true, y_pred):
    """`root_mean_squared_error` of each trace, (n_traces,), whose mean does not depend on the size of the batches.

    >>> [float(rmse) for rmse in trace_root_mean_squared_error(np.zeros((2, 1, 1)), np.array([[[3.0]], [[1.0]]]))]
    [3.0, 1.0]
    """
    return _root(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype)), axis=(1, 2)))


@keras.saving.register_keras_serializable(package="seismic")
def log_root_mean_squared_error(y_true, y_pred):
    """Natural logarithm of `root_mean_squared_error`: it weighs relative, not absolute, improvements.

    >>> round(float(log_root_mean_squared_error(np.zeros((2, 4, 1)), np.full((2, 4, 1), np.e))), 5)
    1.0
    """
    return ops.log(root_mean_squared_error(y_true, y_pred) + keras.config.epsilon())


class Loss(NamedTuple):
    """A loss, in the two forms that training needs, and the name of its plain value, without penalties."""

    name: str  # Loss histories, tables and study attributes call the plain value so.
    # It takes y_true and y_pred (batch, samples, channels) and gives the scalar that training makes small.
    of_batch: Callable
    # It gives one value per trace, (batch,), where the mean over a set must not depend on the size of its batches.
    of_trace: Callable
    others: Mapping[str, Callable] = MappingProxyType({})  # further values per trace for the loss histories, by name


RMSE = Loss("rmse", root_mean_squared_error, trace_root_mean_squared_error)
