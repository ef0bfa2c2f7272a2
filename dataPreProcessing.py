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
from support.checks import check_choice, check_flag, check_whole, unmasked
from support.startup import load_keras
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, NoiseLevel, check_block, check_snr, check_time
from traces.earth import PAPER_EARTH, Earth
from traces.noise import check_level
from traces.own_wavelet import OwnWavelet
from traces.protocol import BLOCK_OPTIONS, GENERATIONS, TraceProtocol
from traces.published import PublishedRows
from traces.variety import Variety, background_of, variety_of
from traces.wavelets import of_wavelet

keras = load_keras()
ops = keras.ops

Range = tuple[float, float]
VALIDATIONS = ("streaming", "fixed")
OLDEST = 100_000  # starting age in epochs, twenty times that of the published trainings
TRACE_SCALE = ((-1.0, 1.0), (-1.0, 1.0))  # range of the data, range that they are scaled to
VELOCITY_SCALE = ((0.0, 30_000.0), (0.0, 1.0))  # ft/s
SCALES = {"VEL": VELOCITY_SCALE, "VEL_GAPS": VELOCITY_SCALE}  # All other data have TRACE_SCALE.
UNITS = dict.fromkeys(SCALES, "ft/s")  # Trace amplitudes have no unit.
BLOCKS_KEPT = 4  # the one in use, the next one, and those that Keras' look at the first two batches would make twice
BATCHES_AHEAD = 4  # are ready for the network while it works on one
TRACES_AT_ONCE = 25  # go from Python to TensorFlow
SIGNAL_BAND = (2.0, 120.0)  # Hz, from the lowest to the highest corner frequency of the wavelets
# The discrete Meyer wavelet does not give its traces back exactly.
LEVEL_WAVELETS = tuple(name for name in pywt.wavelist(kind="discrete") if name != "dmey")
LEVEL_WAVELET = "sym8"  # is nearly symmetric, and its 16 taps separate the octaves well
MOST_SCALES = 1000  # 160 per octave
N_SCALES = 18  # three per octave: from 3 to 80 Hz the sum of the squared responses varies by 3 %
MORLET_BANDWIDTH = 1.5  # B of PyWavelets' cmorB-1.0: a scale responds over 0.43 of its frequency, at half height
# The inverse is damped, where the sum of the squared responses is 1.3: noise of channels grows 50-fold at most.
CWT_DAMPING = 1e-4


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


# --- Transforms: traces (n_traces, n_samples) to channels (n_traces, n_samples, n_channels), and back
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


def _filter_bank(traces: np.ndarray, responses: np.ndarray, parts: Sequence[Callable]) -> np.ndarray:
    """All bands of the first of ``parts``, then those of the next, as channels; ``responses`` (n_samples, n_bands).

    It works on a few traces at a time, because their spectra then stay in the processor's cache.
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
    """``level``, or for None the default of `transform_traces`; ValueError when the trace is too short for it."""
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
    """The components of `pywt.mra` in one pass: a level, there and back, is one filter without phase."""
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
    """One row of TRANSFORMS: a domain in which a network can get its traces."""

    forward: Callable[..., np.ndarray]  # (traces, dt, **options) -> channels
    inverse: Callable[[np.ndarray, float], np.ndarray]  # (channels, dt) -> traces
    channel_names: Callable[..., tuple[str, ...]]  # (n_samples, dt, **options) -> a name for each channel
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
    """A row of TRANSFORMS; ValueError for an unknown row, or for options that it does not have."""
    transform = TRANSFORMS[check_choice("transform_type", transform_type, TRANSFORMS)]
    if not isinstance(options or {}, Mapping):
        raise ValueError(f"options of {transform_type} must be a mapping such as {{'level': 3}}, not {options!r}")
    for name in options or {}:
        check_choice(f"option of {transform_type}", name, transform.options or ("none",))
    return transform


def transform_traces(traces: np.ndarray, transform_type: str, dt: float = 0.001, **options: object) -> np.ndarray:
    """Traces (n_traces, n_samples) as channels (n_traces, n_samples, n_channels), from low to high frequencies.

    Channels have the unit of the traces, and their dtype, float32 or float64. ``dt`` is in s. The traces may have any
    length; each is continued beyond its ends by its mirror image. The types and their ``options`` are:

    "NA": the trace itself, one channel
    "CWT": the continuous transform with PyWavelets' complex Morlet wavelet cmor1.5-1.0, at `cwt_frequencies`: the real
        parts of all scales, then the imaginary parts. A sine A sin(2 pi f t) has the magnitude A at the scale of its
        frequency. ``n_scales`` is 18 by default, three per octave, the fewest that leave no frequency out
    "DWT", "SWT": multiresolution analysis by the decimated or the stationary wavelet transform: level + 1 components
        whose sum is the trace, the approximation first and the finest detail last. ``wavelet`` is one of
        LEVEL_WAVELETS, by default sym8. ``level`` is by default the first whose approximation ends below 4 Hz, so that
        it has the lowest octave of the signal, 2 to 4 Hz, and every other octave up to 120 Hz is a detail of its own
        (level 7 at 1 ms). Short traces have fewer levels, those of `pywt.dwt_max_level`; below 30 samples sym8 has none

    Raises ValueError for traces that are not a block of finite numbers, an unknown type, option or wavelet, a level
    that is too deep, n_scales that is not a whole number of at least 2, or a dt outside `traces.checks.DT_LIMITS`.

    >>> traces = np.sin(np.arange(1000.0))[None]
    >>> {kind: transform_traces(traces, kind).shape for kind in TRANSFORM_TYPES}
    {'NA': (1, 1000, 1), 'CWT': (1, 1000, 36), 'DWT': (1, 1000, 7), 'SWT': (1, 1000, 7)}
    """
    transform = _transform(transform_type, options)
    return transform.forward(check_block("traces", traces), check_time(dt, 0.0)[0], **options)


def restore_traces(channels: np.ndarray, transform_type: str, dt: float = 0.001) -> np.ndarray:
    """Traces (n_traces, n_samples) from the channels of `transform_traces`, whatever its options were; dtype is kept.

    "NA", "DWT" and "SWT" are exact: within 1e-5 of the largest amplitude in float32. "CWT" gives the trace whose
    transform is nearest to the channels. With the default number of scales or more, amplitudes from 2 to 120 Hz come
    back within 1e-4, and those from 1.25 to 165 Hz within 0.01. Nothing comes back from below 0.5 Hz, the mean
    included, or from above 210 Hz. Clean traces of the generator, of 4096 samples at 1 ms, come back with a relative
    RMS error of 0.003 on average and 0.02 at most (1024 samples: 0.006 and 0.05); noise loses what is outside the band.
    Raises ValueError for channels that are not (n_traces, n_samples, n_channels), or an odd number of them for "CWT".

    >>> traces = np.sin(np.arange(1000.0))[None]
    >>> bool(np.allclose(restore_traces(transform_traces(traces, "SWT"), "SWT"), traces))
    True
    """
    transform = _transform(transform_type)
    dt, _ = check_time(dt, 0.0)
    channels = unmasked("channels", channels)
    if channels.ndim != 3 or channels.size == 0 or not np.issubdtype(channels.dtype, np.floating):
        found = f"{channels.dtype} of shape {channels.shape}"
        raise ValueError(f"channels must be floats (n_traces, n_samples, n_channels), not {found}")
    return transform.inverse(channels, dt)


def channel_names(transform_type: str, n_samples: int, dt: float = 0.001, **options: object) -> tuple[str, ...]:
    """The name of each channel of `transform_traces`; ``n_samples`` and ``dt`` (s) are those of the traces.

    Raises ValueError as `transform_traces` does.

    >>> channel_names("DWT", 4096, level=2), channel_names("CWT", 4096, n_scales=2)
    (('A2: 0-125 Hz', 'D2: 125-250 Hz', 'D1: 250-500 Hz'), ('Re 2 Hz', 'Re 120 Hz', 'Im 2 Hz', 'Im 120 Hz'))
    """
    transform = _transform(transform_type, options)
    n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
    return transform.channel_names(n_samples, check_time(dt, 0.0)[0], **options)


def cwt_frequencies(dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """Centre frequencies (Hz) of the CWT: 2 to 120 Hz, or to the Nyquist frequency if it is lower, evenly in log f.

    >>> cwt_frequencies(n_scales=4).round(1).tolist()
    [2.0, 7.8, 30.7, 120.0]
    """
    dt, _ = check_time(dt, 0.0)
    low, high = SIGNAL_BAND
    return np.geomspace(low, min(high, 0.5 / dt), check_whole("n_scales", n_scales, 2, MOST_SCALES))


def cwt_coefficients(traces: np.ndarray, dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """The CWT of `transform_traces` as complex numbers (n_traces, n_samples, n_scales), complex64 for float32.

    `numpy.abs` of it is the amplitude at each time and frequency, in the traces' unit; `numpy.angle` the phase, in rad.

    >>> sine = np.sin(2 * np.pi * 30.65 * np.arange(1000) * 0.001)[None]
    >>> abs(cwt_coefficients(sine, n_scales=4))[0, 500].round(1).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    return complex_coefficients(transform_traces(traces, "CWT", dt, n_scales=n_scales))


def complex_coefficients(channels: np.ndarray) -> np.ndarray:
    """Channels of a CWT (.., 2 x n_scales), such as a network's outputs, as complex numbers (.., n_scales).

    Raises ValueError for an odd number of channels, and for channels that are not numbers.

    >>> complex_coefficients([1.0, 2.0, 3.0, 4.0]).tolist()
    [(1+3j), (2+4j)]
    """
    channels = unmasked("channels", channels)
    if channels.ndim == 0 or not np.issubdtype(channels.dtype, np.number):
        raise ValueError(f"channels must be numbers (.., channels), not {channels.dtype} of shape {channels.shape}")
    n_scales = _scales_in(channels)
    coefficients = np.empty((*channels.shape[:-1], n_scales), np.result_type(channels.dtype, np.complex64))
    coefficients.real, coefficients.imag = channels[..., :n_scales], channels[..., n_scales:]
    return coefficients


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
        _transform(transform_type, transform_options)
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
        is_last = (block + 1) * TRACES_PER_BLOCK >= self.n
        following = (epoch + (self.validation == "streaming"), 0) if is_last else (epoch, block + 1)
        with self._lock:
            for key in ((epoch, block), following):
                if key not in self._blocks:
                    self._blocks[key] = self._background.submit(self._generate, *key)
                self._blocks.move_to_end(key)
            while len(self._blocks) > max(BLOCKS_KEPT, self.batch_size // TRACES_PER_BLOCK + 3):
                self._blocks.popitem(last=False)
            wanted = self._blocks[epoch, block]
        return wanted.result()

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


def fit_input(batches: keras.utils.PyDataset, batch_size: int | None = None):
    """The input of `keras.Model.fit` and `evaluate`: the batches themselves, or, on TensorFlow, a dataset of them.

    The dataset has those batches, or their ``n`` traces in batches of ``batch_size``. Keras would make it with
    autotuning, whose thread keeps the end of an epoch waiting, at random, for its next look at the clock, at 0.63,
    1.27, 2.55 s .. from the start. It would also take each batch from Python to TensorFlow alone, which costs 0.3 ms.

    >>> len(fit_input(CustomDataGen(batch_size=2, n=5, n_samples=100)))
    3
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
    dataset = tf.data.Dataset.from_generator(one_pass, output_signature=signature).rebatch(batch_size or len(first[0]))
    cardinality = math.ceil(batches.n / batch_size) if batch_size else n_batches
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    return dataset.with_options(options).prefetch(BATCHES_AHEAD)


@keras.saving.register_keras_serializable(package="seismic")
def root_mean_squared_error(y_true, y_pred):
    """Square root of the mean squared difference over the whole batch: the paper's loss, a scalar tensor.

    >>> float(root_mean_squared_error(np.zeros((2, 4, 1)), np.full((2, 4, 1), 3.0)))
    3.0
    """
    return ops.sqrt(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype))))


@keras.saving.register_keras_serializable(package="seismic")
def trace_root_mean_squared_error(y_true, y_pred):
    """`root_mean_squared_error` of each trace, (n_traces,), whose mean does not depend on the size of the batches.

    >>> [float(rmse) for rmse in trace_root_mean_squared_error(np.zeros((2, 1, 1)), np.array([[[3.0]], [[1.0]]]))]
    [3.0, 1.0]
    """
    return ops.sqrt(ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype)), axis=(1, 2)))


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


RMSE = Loss("rmse", root_mean_squared_error, trace_root_mean_squared_error)
