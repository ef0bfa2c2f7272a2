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
from typing import NamedTuple

import numpy as np
import pywt
from scipy import fft

from dataGeneration import PAIRS, SAMPLES_PER_PASS, STREAMS, TRACES_PER_BLOCK, generate_block, stream_generator
from support.checks import check_choice, check_flag, check_whole
from support.startup import load_keras
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, check_block, check_snr, check_time

keras = load_keras()
ops = keras.ops
ops = keras.ops

VALIDATIONS = ("streaming", "fixed")
TRACE_SCALE = ((-1.0, 1.0), (-1.0, 1.0))  # range of the data, range that it is scaled to
VELOCITY_SCALE = ((0.0, 30_000.0), (0.0, 1.0))  # ft/s
BLOCKS_KEPT = 4  # the one in use, the next, and those that Keras' look at the first two batches would make twice
BATCHES_AHEAD = 4  # ready for the network while it works on one
TRACES_AT_ONCE = 25  # that go from Python to TensorFlow
SIGNAL_BAND = (2.0, 120.0)  # Hz, from the lowest to the highest corner frequency of the wavelets
LEVEL_WAVELETS = tuple(name for name in pywt.wavelist(kind="discrete") if name != "dmey")  # which is not exact
LEVEL_WAVELET = "sym8"  # nearly symmetric, and its 16 taps part the octaves well
MOST_SCALES = 1000  # 160 an octave
N_SCALES = 18  # three an octave: the squared responses add up to the same within 3 %, from 3 to 80 Hz
MORLET_BANDWIDTH = 1.5  # B of PyWavelets' cmorB-1.0: a scale responds over 0.43 of its frequency, at half height
CWT_DAMPING = 1e-4  # of the inverse, where squared responses add up to 1.3: noise of channels grows 50-fold at most


def normalize_data(
    data: np.ndarray, data_range: tuple[float, float], new_range: tuple[float, float] = (0.0, 1.0)
) -> np.ndarray:
    """Min-max scaling: the line that takes ``data_range`` to ``new_range``, for arrays of any shape.

    Raises ValueError for data that are no numbers, and unless both ranges are two finite numbers, the first below the
    second.
    """
    data = np.asarray(data)
    if not np.issubdtype(data.dtype, np.number):
        raise ValueError(f"data must be numbers, not {data.dtype} of shape {data.shape}")
    for what, limits in (("data_range", data_range), ("new_range", new_range)):
        if not _are_limits(limits):
            raise ValueError(f"{what} must be (lowest, highest) with lowest < highest, not {limits!r}")
    (low, high), (new_low, new_high) = data_range, new_range
    return (data - low) * ((new_high - new_low) / (high - low)) + new_low


def _are_limits(limits: object) -> bool:
    """Whether it is a pair of finite numbers, the first below the second."""
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        return False
    return -math.inf < low < high < math.inf


# --- Transforms: traces (n_traces, n_samples) to channels (n_traces, n_samples, n_channels), and back
#
# Every trace is continued by its mirror image at both ends, edge sample repeated. With that, a filter without phase is
# a product in the domain of the cosine transform, of any length; the same filter with its phase turned by 90 degrees
# comes back from there by the sine transform.
def _cosine_part(spectra: np.ndarray) -> np.ndarray:
    """Back to time along axis 1."""
    return fft.idct(spectra, axis=1)


def _sine_part(spectra: np.ndarray) -> np.ndarray:
    """Back to time along axis 1, every cosine as the sine that follows it by 90 degrees."""
    shifted = np.zeros_like(spectra)
    shifted[:, :-1] = spectra[:, 1:]
    return fft.idst(shifted, axis=1, overwrite_x=True)


def _filter_bank(
    traces: np.ndarray, responses: np.ndarray, parts: Sequence[Callable[[np.ndarray], np.ndarray]]
) -> np.ndarray:
    """All bands of the first of ``parts``, then those of the next, as channels; ``responses`` (n_samples, n_bands).

    A few traces at a time: what lies between is then small, and stays in the processor's cache.
    """
    responses = responses.astype(traces.dtype)
    n_bands = responses.shape[1]
    channels = np.empty((*traces.shape, n_bands * len(parts)), traces.dtype)
    n_rows = max(1, SAMPLES_PER_PASS // responses.size)
    for first in range(0, len(traces), n_rows):
        rows = slice(first, first + n_rows)
        spectra = fft.dct(traces[rows], axis=1)[..., None] * responses
        for number, part in enumerate(parts):
            channels[rows, :, number * n_bands : (number + 1) * n_bands] = part(spectra)
    return channels


def _level(n_samples: int, dt: float, wavelet: str, level: int | None) -> int:
    """``level`` when the trace is long enough for it; for None the default that `transform_traces` describes."""
    check_choice("wavelet", wavelet, LEVEL_WAVELETS)
    deepest = pywt.dwt_max_level(n_samples, pywt.Wavelet(wavelet))
    if level is None:
        return min(math.ceil(math.log2(1 / (4 * SIGNAL_BAND[0] * dt))), deepest)
    if check_whole("level", level, 0) > deepest:
        raise ValueError(f"level must be at most {deepest} for {n_samples} samples and {wavelet}, not {level}")
    return level


def _dwt(traces: np.ndarray, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> np.ndarray:
    level = _level(traces.shape[1], dt, wavelet, level)
    return np.stack(pywt.mra(traces, wavelet, level, axis=1, transform="dwt", mode="symmetric"), axis=-1)


def _swt(traces: np.ndarray, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> np.ndarray:
    """What `pywt.mra` gives, without its many passes: there and back, a level is one filter without phase."""
    n_samples = traces.shape[1]
    bank = pywt.Wavelet(wavelet)
    taps = np.convolve(bank.dec_lo, bank.rec_lo)[bank.dec_len - 1 :] / 2  # one side
    low_pass = fft.dct(taps, type=1, n=n_samples + 1)
    approximation, details = np.ones(n_samples), []
    for step in range(_level(n_samples, dt, wavelet, level)):
        place = (np.arange(n_samples) << step) % (2 * n_samples)
        kept = low_pass[np.minimum(place, 2 * n_samples - place)]
        details.append(approximation * (1 - kept))
        approximation = approximation * kept
    return _filter_bank(traces, np.stack([approximation, *reversed(details)], axis=-1), (_cosine_part,))


def _level_names(n_samples: int, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> tuple[str, ...]:
    level = _level(n_samples, dt, wavelet, level)
    edges = [0.0, *(0.5 / dt / 2**step for step in range(level, -1, -1))]
    words = [f"{edge:.0f}" if edge >= 1 else f"{edge:.1g}" for edge in edges]
    letters = [f"A{level}", *(f"D{step}" for step in range(level, 0, -1))]
    return tuple(f"{letter}: {low}-{high} Hz" for letter, low, high in zip(letters, words, words[1:], strict=False))


def _cwt_responses(n_samples: int, dt: float, n_scales: int) -> np.ndarray:
    """Response of every scale at the frequencies of a cosine transform, 1 at its own: (n_samples, n_scales)."""
    frequency = np.arange(n_samples)[:, None] / (2 * n_samples * dt)
    return np.exp(-MORLET_BANDWIDTH * (np.pi * (frequency / cwt_frequencies(dt, n_scales) - 1)) ** 2)


def _cwt(traces: np.ndarray, dt: float, n_scales: int = N_SCALES) -> np.ndarray:
    return _filter_bank(traces, _cwt_responses(traces.shape[1], dt, n_scales), (_cosine_part, _sine_part))


def _inverse_cwt(channels: np.ndarray, dt: float) -> np.ndarray:
    """The traces whose transform is nearest to the channels, damped where no scale responds."""
    n_samples, n_scales = channels.shape[1], _scales_in(channels)
    responses = _cwt_responses(n_samples, dt, n_scales)
    weights = responses / (2 * (responses**2).sum(axis=1, keepdims=True) + 2 * CWT_DAMPING)
    weights = weights.astype(channels.dtype)
    spectra = np.einsum("tfs,fs->tf", fft.dct(channels[..., :n_scales], axis=1), weights)
    sines = fft.dst(channels[..., n_scales:], axis=1)[:, :-1]
    spectra[:, 1:] += np.einsum("tfs,fs->tf", sines, weights[1:])
    return fft.idct(spectra, axis=1, overwrite_x=True)


def _scales_in(channels: np.ndarray) -> int:
    """Scales of a CWT given as real and imaginary channels (.., 2 x n_scales)."""
    n_scales, odd = divmod(channels.shape[-1], 2)
    if odd:
        raise ValueError(f"channels of a CWT are as many real as imaginary parts, not {channels.shape[-1]}")
    return n_scales


def _cwt_names(n_samples: int, dt: float, n_scales: int = N_SCALES) -> tuple[str, ...]:
    frequencies = cwt_frequencies(dt, n_scales)
    return tuple(f"{part} {frequency:.3g} Hz" for part in ("Re", "Im") for frequency in frequencies)


class Transform(NamedTuple):
    """A domain that traces can be given to a network in."""

    forward: Callable[..., np.ndarray]  # (traces, dt, **options) -> channels
    inverse: Callable[[np.ndarray, float], np.ndarray]  # (channels, dt) -> traces
    channel_names: Callable[..., tuple[str, ...]]  # (n_samples, dt, **options)
    options: tuple[str, ...] = ()


def _sum_of_channels(channels: np.ndarray, dt: float) -> np.ndarray:
    return channels.sum(axis=-1)


TRANSFORMS = {
    "NA": Transform(lambda traces, dt: traces[..., None], _sum_of_channels, lambda n_samples, dt: ("trace",)),
    "CWT": Transform(_cwt, _inverse_cwt, _cwt_names, ("n_scales",)),
    "DWT": Transform(_dwt, _sum_of_channels, _level_names, ("wavelet", "level")),
    "SWT": Transform(_swt, _sum_of_channels, _level_names, ("wavelet", "level")),
}
TRANSFORM_TYPES = tuple(TRANSFORMS)


def _transform(transform_type: str, options: Mapping[str, object] | None = None) -> Transform:
    """A row of TRANSFORMS; ValueError for one that is not there, or for options that it has not."""
    check_choice("transform_type", transform_type, TRANSFORMS)
    if not isinstance(options or {}, Mapping):
        raise ValueError(f"options of {transform_type} must be a mapping such as {{'level': 3}}, not {options!r}")
    transform = TRANSFORMS[transform_type]
    for name in options or {}:
        check_choice(f"option of {transform_type}", name, transform.options or ("none",))
    return transform


def transform_traces(traces: np.ndarray, transform_type: str, dt: float = 0.001, **options: object) -> np.ndarray:
    """Traces (n_traces, n_samples) as channels (n_traces, n_samples, n_channels), from low to high frequencies.

    Channels have the unit of the traces, and their dtype, float32 or float64. ``dt`` is in s. Any length will do;
    a trace is taken to go on beyond its ends as its mirror image. Of the types, and their ``options``:

    "NA" : the trace itself, one channel
    "CWT" : continuous transform with the complex Morlet wavelet cmor1.5-1.0 of PyWavelets, at `cwt_frequencies`: the
        real parts of all scales, then the imaginary parts. A sine A sin(2 pi f t) has the magnitude A at the scale
        of its frequency. ``n_scales``: 18 by default, three an octave, the fewest that miss nothing in between
    "DWT", "SWT" : multiresolution analysis by the decimated or the stationary wavelet transform: level + 1 components
        that sum to the trace, the approximation first, and the finest detail last. ``wavelet``: one of LEVEL_WAVELETS,
        by default sym8, nearly symmetric with a good parting of the octaves. ``level``: by default the first whose
        approximation ends below 4 Hz, so that it has the lowest octave of the signal, 2 to 4 Hz, and every other
        octave up to 120 Hz is a detail of its own (level 7 at 1 ms); less where the trace is too short for it. The
        deepest is `pywt.dwt_max_level`: with sym8 and fewer than 30 samples level 0, the trace itself

    Raises ValueError for traces that are not a block of finite numbers, an unknown type, option or wavelet, a level
    that is too deep, n_scales that is not a whole number of at least 2, or a dt outside `dataGeneration.DT_LIMITS`.
    """
    transform = _transform(transform_type, options)
    return transform.forward(check_block("traces", traces), check_time(dt, 0.0)[0], **options)


def restore_traces(channels: np.ndarray, transform_type: str, dt: float = 0.001) -> np.ndarray:
    """Traces (n_traces, n_samples) from what `transform_traces` gives, whatever its options were; dtype is kept.

    "NA", "DWT" and "SWT" are exact: within 1e-5 of the largest amplitude in float32. "CWT" gives the trace whose
    transform is nearest to the channels. With the default number of scales or more, what it had from 2 to 120 Hz is
    within 1e-4 of its amplitude, from 1.25 to 165 Hz within 0.01; nothing is left of what is below 0.5 Hz, the mean
    included, or above 210 Hz. Clean traces of the generator, of 4096 samples at 1 ms, come back with a relative RMS
    error of 0.003 on average and 0.02 at worst (1024 samples: 0.006 and 0.05); noise loses what is outside the band.
    Raises ValueError for channels that are not (n_traces, n_samples, n_channels), or an odd number of them for "CWT".
    """
    transform = _transform(transform_type)
    dt, _ = check_time(dt, 0.0)
    channels = np.asarray(channels)
    if channels.ndim != 3 or channels.size == 0 or not np.issubdtype(channels.dtype, np.floating):
        found = f"{channels.dtype} of shape {channels.shape}"
        raise ValueError(f"channels must be floats (n_traces, n_samples, n_channels), not {found}")
    return transform.inverse(channels, dt)


def channel_names(transform_type: str, n_samples: int, dt: float = 0.001, **options: object) -> tuple[str, ...]:
    """What each channel of `transform_traces` is: "A7: 0-4 Hz" .. "D1: 250-500 Hz", "Re 2 Hz" .. "Im 120 Hz", "trace".

    ``n_samples`` and ``dt`` (s) are those of the traces. Raises ValueError as `transform_traces` does.
    """
    transform = _transform(transform_type, options)
    n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
    return transform.channel_names(n_samples, check_time(dt, 0.0)[0], **options)


def cwt_frequencies(dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """Centre frequencies (Hz) of the CWT: 2 to 120 Hz, or to the Nyquist frequency if it is lower, evenly in log f."""
    dt, _ = check_time(dt, 0.0)
    low, high = SIGNAL_BAND
    return np.geomspace(low, min(high, 0.5 / dt), check_whole("n_scales", n_scales, 2, MOST_SCALES))


def cwt_coefficients(traces: np.ndarray, dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """The CWT of `transform_traces` as complex numbers (n_traces, n_samples, n_scales), complex64 for float32.

    `numpy.abs` of it is the amplitude at each time and frequency, in the traces' unit; `numpy.angle` the phase, in rad.
    """
    return complex_coefficients(transform_traces(traces, "CWT", dt, n_scales=n_scales))


def complex_coefficients(channels: np.ndarray) -> np.ndarray:
    """Channels of a CWT (.., 2 x n_scales), such as a network's outputs, as complex numbers (.., n_scales).

    Raises ValueError for an odd number of channels, or what are no numbers.
    """
    channels = np.asarray(channels)
    if channels.ndim == 0 or not np.issubdtype(channels.dtype, np.number):
        raise ValueError(f"channels must be numbers (.., channels), not {channels.dtype} of shape {channels.shape}")
    n_scales = _scales_in(channels)
    coefficients = np.empty((*channels.shape[:-1], n_scales), np.result_type(channels.dtype, np.complex64))
    coefficients.real, coefficients.imag = channels[..., :n_scales], channels[..., n_scales:]
    return coefficients


class CustomDataGen(keras.utils.PyDataset):
    """Batches (x, y) of fresh synthetic traces for `keras.Model.fit`: (batch, n_samples, channels) float32.

    Parameters:

    batch_size, n : traces a batch, traces an epoch; the last batch may be smaller
    gen_type : "DeNoise" (noisy -> clean), "ML_VEL" (trace -> velocity) or "AE" (trace -> itself)
    transform_type : "NA", the raw trace; "CWT", "DWT" or "SWT", what `transform_traces` makes of it, in `n_channels`.
        Only x is transformed, after scaling, and y has one channel; but of an AE, y is x. Three to four blocks are
        held in memory: for the CWT of 4096 samples, 30 MB each
    noisy_data : ML_VEL from noisy traces with a gap, to velocity with a gap; AE of noisy traces
    scaling_flag : scale traces from [-1, 1] to [-1, 1] and velocities from [0, 30 000] ft/s to [0, 1]
    seed, stream : which draws; "training", "validation" and "blind" streams of a seed never share any
    n_samples, dt : samples a trace, time step in s
    snr_db : noise level, as in `dataGeneration.data_noise`; None is the paper's
    validation : "streaming", fresh traces every epoch, or "fixed", those of epoch 0 in every epoch
    transform_options : options of the transform, such as {"n_scales": 24}; none are its defaults

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
        transform_options: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        check_choice("gen_type", gen_type, PAIRS)
        check_choice("stream", stream, STREAMS)
        self.batch_size = check_whole("batch_size", batch_size, 1, MOST_TRACES)
        self.n = check_whole("n", n, 1, MOST_TRACES)
        self.gen_type = gen_type
        self.transform_type = transform_type
        self.noisy_data = check_flag("noisy_data", noisy_data)
        self.scaling_flag = check_flag("scaling_flag", scaling_flag)
        self.seed = check_whole("seed", seed, 0)
        self.stream = stream
        self.n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
        self.dt, _ = check_time(dt, 0.0)
        self.snr_db = check_snr(snr_db)
        check_choice("validation", validation, VALIDATIONS)
        self.validation = validation
        _transform(transform_type, transform_options)
        self.transform_options = dict(transform_options or {})
        self.channel_names = channel_names(transform_type, self.n_samples, self.dt, **self.transform_options)
        self.x_name, self.y_name = PAIRS[gen_type][self.noisy_data]
        self._epochs_begun = 0
        self._blocks: OrderedDict[tuple[int, int], Future] = OrderedDict()
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(max_workers=1)

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
            parts.append([values[rows] for values in self._block(epoch, block)])
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    @property
    def n_channels(self) -> int:
        """Channels of x: what a network is to be built for."""
        return len(self.channel_names)

    @property
    def n_outputs(self) -> int:
        """Channels of y: what a network is to give."""
        return self.n_channels if self.x_name == self.y_name else 1

    @property
    def transform(self) -> dict[str, object]:
        """What `transform_traces` is to be told, to give raw traces to a network that was trained with these."""
        return {"transform_type": self.transform_type, "dt": self.dt, **self.transform_options}

    @property
    def epoch(self) -> int:
        """Number of the epoch that is being served, from 0."""
        return max(self._epochs_begun - 1, 0) if self.validation == "streaming" else 0

    def on_epoch_begin(self) -> None:
        """Go on to fresh traces. Keras calls this once a pass, but `on_epoch_end` more than once."""
        self._epochs_begun += 1

    def begin_at(self, epoch: int) -> None:
        """Let the next pass be that of an epoch, such as the one where an interrupted training stopped."""
        self._epochs_begun = epoch

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
        """Traces block * TRACES_PER_BLOCK and on of an epoch, TRACES_PER_BLOCK or fewer: x and y."""
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
        x, y = (data[name].astype(np.float32, copy=False) for name in names)
        # The block at once, ahead of its use: alone, a trace takes up to four times as long to transform.
        channels = TRANSFORMS[self.transform_type].forward(x, self.dt, **self.transform_options)
        return channels, channels if self.y_name == self.x_name else y[..., None]


def fit_input(batches: keras.utils.PyDataset, batch_size: int | None = None):
    """What `keras.Model.fit` and `evaluate` are to read: the batches themselves, or, on TensorFlow, a dataset of them.

    The dataset has those batches, or their ``n`` traces in batches of ``batch_size``. Keras would make it with
    autotuning, whose thread at random keeps the end of an epoch waiting for its next look at the clock: at 0.63, 1.27,
    2.55 s .. from the start, doubling each time. And each batch would go from Python to TensorFlow alone, 0.3 ms more.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    first, n_batches = batches[0], len(batches)
    at_once = max(1, TRACES_AT_ONCE // len(first[0]))

    def one_pass() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        batches.on_epoch_begin()
        for begin in range(0, n_batches, at_once):
            parts = [batches[index] for index in range(begin, min(begin + at_once, n_batches))]
            yield tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    options = tf.data.Options()
    options.autotune.enabled = False
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in first)
    dataset = tf.data.Dataset.from_generator(one_pass, output_signature=signature)
    dataset = dataset.rebatch(batch_size or len(first[0]))
    cardinality = math.ceil(batches.n / batch_size) if batch_size else n_batches
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    return dataset.with_options(options).prefetch(BATCHES_AHEAD)


@keras.saving.register_keras_serializable(package="seismic")
def root_mean_squared_error(y_true, y_pred):
    """Square root of the mean squared difference over the whole batch: the paper's loss, a scalar tensor."""
    return ops.sqrt(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype))))


@keras.saving.register_keras_serializable(package="seismic")
def trace_root_mean_squared_error(y_true, y_pred):
    """`root_mean_squared_error` of each trace, (n_traces,): their mean is the same however many come in a batch."""
    return ops.sqrt(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype)), axis=(1, 2)))


@keras.saving.register_keras_serializable(package="seismic")
def log_root_mean_squared_error(y_true, y_pred):
    """Natural logarithm of `root_mean_squared_error`: weighs relative, not absolute, improvements."""
    return ops.log(root_mean_squared_error(y_true, y_pred) + keras.config.epsilon())


class Loss(NamedTuple):
    """What a network is trained for: a function of (y_true, y_pred), and its name in loss histories."""

    name: str  # of the loss's plain value, without the networks' penalties
    of_batch: Callable  # of a whole batch
    of_trace: Callable  # of each trace, so that the mean does not depend on the batches


RMSE = Loss("rmse", root_mean_squared_error, trace_root_mean_squared_error)
