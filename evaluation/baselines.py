"""The classical methods that a network has to beat, for both problems of the paper.

    denoising   noisy traces, time step                             -> clean traces
    inversion   traces, an `InversionReference`                     -> velocity in ft/s
                traces with a background, an `InversionReference`   -> the background + changes above its band

Trace amplitudes have no unit, velocity is in ft/s, time in s and frequency in Hz. Arrays are (n_traces, n_samples), and
estimates are float64. A background is the velocity below 3 Hz, which no trace shows; an inversion takes it as the
second channel of an x (n_traces, n_samples, 2). Every method works on the whole block, but the total variation and the
least squares, which go trace by trace; these two and the sparse spikes need PyLops. `blindTest` measures how good the
methods are.
"""

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pywt
from scipy import fft, ndimage, signal

from dataGeneration import TRACES_PER_BLOCK, generate_block, stream_generator
from dataPreProcessing import CustomDataGen, TraceProtocol
from support.checks import check_whole
from traces.checks import SHORTEST_TRACE, check_block, check_time
from traces.live import examine, live_samples
from traces.spectra import WAVELET_SEGMENT, power_spectrum
from traces.wavelets import convolve

PASS_BAND = (3.0, 120.0)  # Hz; about the band of the paper's wavelets
FILTER_ORDER = 4
HIGHEST_EDGE = 0.9  # share of the Nyquist frequency
LOCAL_WINDOW = 11  # samples
WAVELET_BASIS = "sym8"
WAVELET_LEVEL = 6
MAD_OF_NORMAL = 0.6745  # median of |g| for g ~ Normal(0, 1)
WIENER_SEGMENT = 0.16  # s; the best of 0.06 to 1 s on training traces
REFERENCE_TRACES = 500
DIVISION_DAMPING = 1e-2  # share of the wavelet's largest power; 1e-3 suits clean traces, 3e-2 noisy ones
TV_TIME_STEP = 0.002  # s
TV_DATA_WEIGHT = 0.03  # mu of splitbregman
TV_THRESHOLD = 0.03  # epsRL1 of splitbregman: the smallest step of ln(AI) that is kept
# The iterations are few, because a solution that has converged fits the noise.
TV_ITERATIONS = {"niter_outer": 20, "niter_inner": 3, "iter_lim": 20}
BACKGROUND_EDGE = 3.0  # Hz: what a background has lies below, and what a method finds beside one counts above
LEAST_SQUARES_BEND = 0.03  # deviation of the second difference of ln(AI) that the least squares expect
LEAST_SQUARES_ITERATIONS = 200
SPIKE_DAMPING = 1.0  # eps of FISTA, for a trace of deviation 1 and a wavelet whose largest spectral amplitude is 1
SPIKE_ITERATIONS = 60
SPIKE_TRACES = 100  # that are enough for the slope of the sparse spikes


def float_block(what: str, values: np.ndarray) -> np.ndarray:
    """Return ``values`` as float64 (n_traces, n_samples). Raises ValueError unless they are finite and long enough."""
    block = check_block(what, values)
    if block.shape[1] < SHORTEST_TRACE:
        raise ValueError(f"{what} must have at least {SHORTEST_TRACE} samples per trace, not {block.shape[1]}")
    return block.astype(np.float64)


def same_shape(**blocks: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return blocks of finite numbers as float64. Raises ValueError unless they have one shape."""
    checked = {what: check_block(what, values).astype(np.float64) for what, values in blocks.items()}
    if len({values.shape for values in checked.values()}) > 1:
        shapes = ", ".join(f"{what} {values.shape}" for what, values in checked.items())
        raise ValueError(f"arrays that belong together must have one shape (n_traces, n_samples), not {shapes}")
    return tuple(checked.values())


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, and 0 where there is no signal: where the denominator is not above 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _power_and_noise(traces: np.ndarray, dt: float, seconds: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Return `power_spectrum`'s power, its median in NOISE_BAND (n_traces, 1), and a segment's samples."""
    power, is_noise, n_segment = power_spectrum(traces, dt, seconds)
    return power, np.median(power[:, is_noise], axis=1, keepdims=True), n_segment


def _zero_phase(traces: np.ndarray, gain: np.ndarray, n_segment: int) -> np.ndarray:
    """Filter traces with a real gain (n_traces, n_frequencies) at the frequencies of a segment."""
    return convolve(traces, fft.fftshift(fft.irfft(gain, n_segment), axes=-1))


def _butterworth(traces: np.ndarray, dt: float, edges: float | Sequence[float], kind: str) -> np.ndarray:
    """Apply a Butterworth filter forward and backward, so at zero phase; the traces are mirrored at their ends."""
    edges = np.minimum(edges, HIGHEST_EDGE * 0.5 / dt)
    sos = signal.butter(FILTER_ORDER, edges, kind, fs=1 / dt, output="sos")
    longest_period = round(1 / (np.min(edges) * dt))
    return signal.sosfiltfilt(sos, traces, axis=1, padtype="even", padlen=min(longest_period, traces.shape[1] - 1))


# --- Denoising


def noisy_input(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Return the input itself, (n_traces, n_samples), as doing nothing does. Raises ValueError for an invalid block."""
    return float_block("noisy", noisy)


def band_pass(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Apply a Butterworth filter of zero phase that passes PASS_BAND (`scipy.signal.sosfiltfilt`).

    ``noisy`` is (n_traces, n_samples), ``dt`` is in s; an edge above 0.9 of the Nyquist frequency is lowered to that.
    Raises ValueError for an invalid block, or for a dt outside the generator's limits.
    """
    noisy, (dt, _) = float_block("noisy", noisy), check_time(dt, 0.0)
    return _butterworth(noisy, dt, PASS_BAND, "bandpass")


def local_wiener(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Apply Lim's local Wiener filter along time: m + max(0, v - n) / max(v, n) (x - m), as `scipy.signal.wiener` does.

    m and v are the mean and variance of LOCAL_WINDOW samples around each sample; n is the mean of v over the live
    samples of a trace (SciPy takes the mean over the block). ``noisy`` is (n_traces, n_samples). Raises ValueError for
    an invalid block.
    """
    x = float_block("noisy", noisy)
    m = ndimage.uniform_filter1d(x, LOCAL_WINDOW, axis=1, mode="constant")
    v = np.maximum(ndimage.uniform_filter1d(x**2, LOCAL_WINDOW, axis=1, mode="constant") - m**2, 0)
    n = _live_mean(v, live_samples(x))
    return m + ratio(np.maximum(v - n, 0), np.maximum(v, n)) * (x - m)


def _live_mean(values: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Return the mean of each row over its live samples, (n_traces, 1); over all of them where none is alive."""
    live = live | ~live.any(axis=1, keepdims=True)
    return np.mean(values, axis=1, keepdims=True, where=live)


def _live_median(values: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Return the median of each row over its live samples, (n_traces, 1); over all of them where none is alive."""
    live = live | ~live.any(axis=1, keepdims=True)
    if live.all():
        return np.median(values, axis=1, keepdims=True)
    return np.nanmedian(np.where(live, values, np.nan), axis=1, keepdims=True)


def _bayes_shrink(details: Sequence[np.ndarray], live: np.ndarray) -> list[np.ndarray]:
    """Shrink the detail coefficients d (n_traces, n) of all levels, the finest last, to sign(d) max(0, |d| - t).

    Each level has the threshold t = s^2 / sqrt(max(0, mean(d^2) - s^2)), with the noise s = median|d| / 0.6745 of the
    finest level (Chang, Yu and Vetterli, 2000). White noise has the same s at all levels if the filters have norm 1.
    Mean and median are over coefficients whose place in the trace is ``live`` (n_traces, n_samples).
    """

    def live_at(d: np.ndarray) -> np.ndarray:
        return live[:, ((np.arange(d.shape[1]) + 0.5) * live.shape[1] / d.shape[1]).astype(int)]

    s = _live_median(np.abs(details[-1]), live_at(details[-1])) / MAD_OF_NORMAL

    def shrunk(d: np.ndarray) -> np.ndarray:
        signal_variance = _live_mean(d**2, live_at(d)) - s**2
        kept = np.maximum(np.abs(d) - ratio(s**2, np.sqrt(np.maximum(signal_variance, 0))), 0)
        return np.where((signal_variance > 0) | (s == 0), np.sign(d) * kept, 0.0)

    return [shrunk(d) for d in details]


def _continued(traces: np.ndarray, multiple: int) -> np.ndarray:
    """Mirror traces at their end, until one level of WAVELET_BASIS fits and ``multiple`` divides their length."""
    shortest = max(traces.shape[1], 2 * (pywt.Wavelet(WAVELET_BASIS).dec_len - 1))
    return np.pad(traces, ((0, 0), (0, -(-shortest // multiple) * multiple - traces.shape[1])), "symmetric")


def _level(n_samples: int) -> int:
    return min(WAVELET_LEVEL, max(1, pywt.dwt_max_level(n_samples, WAVELET_BASIS)))


def dwt_bayes_shrink(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Shrink the discrete wavelet transform (PyWavelets) of traces with BayesShrink's soft threshold on each level.

    The wavelet is Symlet 8, with six levels or as many as the length allows. ``noisy`` is (n_traces, n_samples). Raises
    ValueError for an invalid block.
    """
    noisy = float_block("noisy", noisy)
    continued = _continued(noisy, 1)
    approximation, *details = pywt.wavedec(continued, WAVELET_BASIS, level=_level(noisy.shape[1]), axis=1)
    restored = pywt.waverec([approximation, *_bayes_shrink(details, live_samples(continued))], WAVELET_BASIS, axis=1)
    return restored[:, : noisy.shape[1]]


def swt_bayes_shrink(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Do as `dwt_bayes_shrink` with the stationary transform, the mean over all shifts of a trace: no shift is special.

    With norm=False the filters have norm 1, so the noise is the same at every level; norm=True would divide it by
    sqrt(2) from level to level. ``noisy`` is (n_traces, n_samples). Raises ValueError for an invalid block.
    """
    noisy = float_block("noisy", noisy)
    level = _level(noisy.shape[1])
    continued = _continued(noisy, 2**level)
    approximation, *details = pywt.swt(continued, WAVELET_BASIS, level, axis=1, trim_approx=True, norm=False)
    shrunk = _bayes_shrink(details, live_samples(continued))
    restored = pywt.iswt([approximation, *shrunk], WAVELET_BASIS, axis=1, norm=False)
    return restored[:, : noisy.shape[1]]


def spectral_wiener(noisy: np.ndarray, dt: float) -> np.ndarray:
    """Apply a Wiener filter that is found from the noisy trace alone: its gain is max(0, 1 - noise / power).

    power is Welch's spectrum of the trace; noise, which is taken to be white, is its median above 200 Hz (or 0.8 of the
    Nyquist frequency). A signal that fills this band, as the paper's wavelets do at 8 ms, is taken for noise.
    ``noisy`` is (n_traces, n_samples), ``dt`` is in s. Raises ValueError for an invalid block or dt.
    """
    noisy, (dt, _) = float_block("noisy", noisy), check_time(dt, 0.0)
    power, noise, n_segment = _power_and_noise(noisy, dt, WIENER_SEGMENT)
    return _zero_phase(noisy, ratio(np.maximum(power - noise, 0), power), n_segment)


def oracle_wiener(noisy: np.ndarray, dt: float, clean: np.ndarray) -> np.ndarray:
    """Apply the best linear filter: the gain s / (s + n), with the clean trace's power s and the noise's mean power n.

    This Wiener filter knows the amplitude spectrum of the clean trace, but not its phase; no linear filter has a lower
    expected mean squared error. ``noisy`` and ``clean`` are (n_traces, n_samples). Raises ValueError for an invalid
    block, or for two shapes.
    """
    noisy, clean = same_shape(noisy=noisy, clean=clean)
    s = np.abs(fft.rfft(clean)) ** 2
    n = np.sum((noisy - clean) ** 2, axis=1, keepdims=True)
    return fft.irfft(fft.rfft(noisy) * ratio(s, s + n), noisy.shape[1])


# --- Inversion


@dataclass(frozen=True, eq=False)
class InversionReference:
    """What the inversions know of the earth before they see a trace; it comes from training traces only."""

    dt: float  # s
    mean_velocity: float  # ft/s
    velocity_trend: np.ndarray = field(repr=False)  # (n_samples,), ft/s: the mean at each two-way time
    # Change of velocity per unit of ln(AI), in ft/s, or as a share of the background where there is one.
    impedance_slope: float
    band_limited_slope: float  # the same for the ln(AI) that `band_limited_impedance` finds
    spike_slope: float = np.nan  # the same for `spiky_impedance`, which is found where there is a background
    has_background: bool = False


def stream_traces(
    seed: int, stream: str, n_traces: int, names: Iterable[str], **options: object
) -> dict[str, np.ndarray]:
    """Return the first traces of a stream by name, (n_traces, n_samples) float32, as CustomDataGen does in epoch 0.

    The options are those of `dataGeneration.generate_block`, which raises the ValueErrors.
    """
    firsts = range(0, check_whole("n_traces", n_traces, 1), TRACES_PER_BLOCK)
    blocks = [
        generate_block(
            stream_generator(seed, stream, 0, block), min(TRACES_PER_BLOCK, n_traces - first), names, **options
        )
        for block, first in enumerate(firsts)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the b of the least-squares line y = b x."""
    return float(ratio(np.sum(x * y), np.sum(x**2)))


def pairs_of(stream: CustomDataGen) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of an epoch of a stream, float32; an axis of one channel is left out."""
    batches = zip(*(stream[index] for index in range(len(stream))), strict=True)
    x, y = (np.concatenate(parts) for parts in batches)
    return tuple(part[..., 0] if part.shape[-1] == 1 else part for part in (x, y))


def traces_and_background(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the traces and the background of an x, float64 (n_traces, n_samples) each; None without a background.

    x is (n_traces, n_samples), or (n_traces, n_samples, 2) with a background; there, the traces lose their level.
    Raises ValueError for an invalid block, and for a background that is not above 0 everywhere.
    """
    if np.ndim(x) != 3 or np.shape(x)[-1] != 2:
        return float_block("traces", x), None
    traces, background = (float_block(what, x[..., place]) for place, what in enumerate(("traces", "backgrounds")))
    if background.min() <= 0:
        raise ValueError(f"backgrounds must be velocities above 0 ft/s, and the lowest is {background.min():g}")
    live = examine(traces)
    return np.where(live.samples, traces - live.level[:, None], 0.0), background


def fit_inversion_reference(
    seed: int, protocol: TraceProtocol | None = None, n_traces: int = REFERENCE_TRACES
) -> InversionReference:
    """Fit the mean, the trend and the lines ln(AI) -> velocity to the first traces of a seed's training stream.

    ``protocol`` says what these traces are like, such as whether they have a background, and noise and a gap, which the
    velocities then have, too. They have all wavelets, whatever wavelet a test is of. The slope of ln(AI) is always that
    of the true logs. Raises ValueError for an invalid seed, number of traces or protocol.
    """
    traces = replace(protocol or TraceProtocol(), wavelet="random")
    logs = stream_traces(seed, "training", n_traces, ("VEL", "IMP"), **traces.of_blocks("ML_VEL"))
    options = {"seed": seed, "validation": "fixed", **traces.options}
    x, velocity = pairs_of(CustomDataGen(TRACES_PER_BLOCK, n_traces, "ML_VEL", **options))
    _, background = traces_and_background(x)
    ln_impedance = np.log(logs["IMP"], dtype=np.float64)
    start = logs["VEL"].mean(axis=0) if background is None else background
    slope = _slope(_change(ln_impedance - ln_impedance.mean(axis=0), background, traces.dt), logs["VEL"] - start)
    return reference_of(x, velocity, traces.dt, slope)


def reference_of(x: np.ndarray, velocity: np.ndarray, dt: float, impedance_slope: float = np.nan) -> InversionReference:
    """What training traces and their velocities in ft/s, (n_traces, n_samples) each at ``dt`` (s), tell of the earth.

    Traces with a background are (n_traces, n_samples, 2). Without the slope of their true ln(AI), `blocky_velocity` and
    `least_squares_velocity` cannot use it. Raises ValueError for an invalid block.
    """
    traces, background = traces_and_background(x)
    trend = velocity.mean(axis=0, dtype=np.float64)
    missing = velocity - (trend if background is None else background)

    def slope_of(method: Callable, n_traces: int | None = None) -> float:
        rows = slice(n_traces)
        found = method(traces[rows], dt)
        return _slope(_change(found, None if background is None else background[rows], dt), missing[rows])

    has_spikes = background is not None and _is_installed("pylops")
    return InversionReference(
        dt=float(dt),
        mean_velocity=float(trend.mean()),
        velocity_trend=trend,
        impedance_slope=impedance_slope,
        band_limited_slope=slope_of(band_limited_impedance),
        spike_slope=slope_of(spiky_impedance, SPIKE_TRACES) if has_spikes else np.nan,
        has_background=background is not None,
    )


def _trend(traces: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Return the trend of each trace, (n_traces, n_samples) in ft/s. Raises ValueError for traces of another length."""
    shape, known = traces.shape, len(reference.velocity_trend)
    if shape[1] != known:
        raise ValueError(f"the reference is of traces of {known} samples, not {shape[1]}; fit one for these traces")
    return np.tile(reference.velocity_trend, (shape[0], 1))


def _change(ln_impedance: np.ndarray, background: np.ndarray | None, dt: float) -> np.ndarray:
    """Return what is proportional to the change of velocity, (n_traces, n_samples): ln(AI) without a background.

    With a background v0 it is v0 ln(AI) above BACKGROUND_EDGE, because d ln(v) is proportional to d ln(AI). On training
    traces with the true ln(AI), this leaves an RMSE of 574 ft/s, and a slope in ft/s, as there is without a background,
    leaves 637. The exponential in place of its first order is no better for the ln(AI) that the methods find.
    """
    if background is None:
        return ln_impedance
    return _butterworth(background * ln_impedance, dt, BACKGROUND_EDGE, "highpass")


def _velocity(
    x: np.ndarray, reference: InversionReference, slope: float, method: Callable[[np.ndarray, float], np.ndarray]
) -> np.ndarray:
    """Return the background, or the mean trend without one, + slope x the `_change` for the ln(AI) of a method."""
    traces, background = traces_and_background(x)
    if reference.has_background != (background is not None):
        words = ("without", "with") if reference.has_background else ("with", "without")
        raise ValueError("traces {} a background need a reference of such traces, not of traces {} one".format(*words))
    start = _trend(traces, reference) if background is None else background
    return start + slope * _change(method(traces, reference.dt), background, reference.dt)


def mean_velocity(traces: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict one velocity everywhere, the mean of the training traces: (n_traces, n_samples) in ft/s.

    Raises ValueError for an invalid block.
    """
    return np.full_like(float_block("traces", traces), reference.mean_velocity)


def mean_trend(traces: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict the training traces' mean velocity at each two-way time, (n_traces, n_samples) in ft/s.

    Raises ValueError for an invalid block, or for traces of another length than the reference's.
    """
    return _trend(float_block("traces", traces), reference)


def background_alone(x: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict the background, (n_traces, n_samples) in ft/s, as an inversion that adds nothing to it does.

    Raises ValueError for an x without a background, or for an invalid block.
    """
    _, background = traces_and_background(x)
    if background is None:
        raise ValueError(f"x must have a background, (n_traces, n_samples, 2), not the shape {np.shape(x)}")
    return background


def wavelet_spectrum(traces: np.ndarray, dt: float) -> tuple[np.ndarray, int]:
    """Return the spectrum w (n_traces, n_frequencies) of each trace's zero-phase wavelet, and the samples of a wavelet.

    w = sqrt(max(0, power - noise)) belongs to a white reflectivity, and is scaled to a wavelet of peak 1, as the
    generator's are. power and noise are those of `spectral_wiener`. Raises ValueError for an invalid block or dt.
    """
    traces, (dt, _) = float_block("traces", traces), check_time(dt, 0.0)
    power, noise, n_segment = _power_and_noise(traces, dt, WAVELET_SEGMENT)
    w = np.sqrt(np.maximum(power - noise, 0))
    return ratio(w, fft.irfft(w, n_segment)[:, :1]), n_segment


def band_limited_impedance(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return ln of the relative acoustic impedance AI above 3 Hz, (n_traces, n_samples).

    r = trace w / (w^2 + e max(w^2)) is the damped division by the wavelet's spectrum, and ln(AI)[i] = 2 sum of r[j < i]
    (recursive inversion, Lindseth, 1979). ``dt`` is in s. Raises ValueError for an invalid block or dt.
    """
    w, n_segment = wavelet_spectrum(traces, dt)
    gain = ratio(w, w**2 + DIVISION_DAMPING * np.max(w**2, axis=1, keepdims=True))
    r = _zero_phase(float_block("traces", traces), gain, n_segment)
    return _butterworth(2 * (np.cumsum(r, axis=1) - r), dt, PASS_BAND[0], "highpass")


def band_limited_velocity(x: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict mean trend, or background, + slope x `band_limited_impedance`, (n_traces, n_samples) in ft/s.

    Raises ValueError for an invalid block, or, without a background, for traces of another length than the reference's.
    """
    return _velocity(x, reference, reference.band_limited_slope, band_limited_impedance)


def _check_pylops() -> None:
    """Raise ModuleNotFoundError unless PyLops is installed."""
    if not _is_installed("pylops"):
        raise ModuleNotFoundError("this inversion needs PyLops, which is not installed: pip install pylops")


def _wavelets(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return the zero-phase wavelets of `wavelet_spectrum`, tapered: (n_traces, an odd number of samples)."""
    w, n_segment = wavelet_spectrum(traces, dt)
    return fft.fftshift(fft.irfft(w, n_segment), axes=-1) * np.hanning(n_segment + 2)[1:-1]


def blocky_velocity(x: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict mean trend, or background, + slope x `blocky_impedance`, (n_traces, n_samples) in ft/s, with PyLops.

    Raises ValueError as `band_limited_velocity` does; ModuleNotFoundError without PyLops.
    """
    return _velocity(x, reference, reference.impedance_slope, blocky_impedance)


def blocky_impedance(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return ln(AI) with few steps, (n_traces, n_samples).

    m = ln(AI) minimises mu / 2 |trace - g m|^2 + e |d m|_1, where d is the derivative and g = wavelet * d / 2. PyLops
    finds it at 2 ms by split Bregman iterations (Goldstein and Osher, 2009). Its mean is 0, as no trace determines it.
    """
    _check_pylops()
    wavelets = _wavelets(traces, dt)
    step = max(1, round(TV_TIME_STEP / dt))
    coarse = signal.resample_poly(traces, 1, step, axis=1)
    wavelets = wavelets[:, wavelets.shape[1] // 2 % step :: step]  # the centre stays the centre
    m = np.stack([_few_steps(trace, wavelet) for trace, wavelet in zip(coarse, wavelets, strict=True)])
    return np.repeat(m - m.mean(axis=1, keepdims=True), step, axis=1)[:, : traces.shape[1]]


def _few_steps(trace: np.ndarray, wavelet: np.ndarray) -> np.ndarray:
    """Return the m (n_samples,) of `blocky_impedance` for one trace (n_samples,) and its wavelet of odd length."""
    from pylops import FirstDerivative
    from pylops.optimization.sparsity import splitbregman
    from pylops.signalprocessing import Convolve1D

    if not wavelet.any():
        return np.zeros_like(trace)
    d = FirstDerivative(trace.size, kind="forward")
    g = Convolve1D(trace.size, wavelet / 2, offset=wavelet.size // 2) @ d
    return splitbregman(g, trace, [d], mu=TV_DATA_WEIGHT, epsRL1s=[TV_THRESHOLD], **TV_ITERATIONS)[0]


def least_squares_velocity(x: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict background + slope x `least_squares_impedance`, (n_traces, n_samples) in ft/s, with PyLops.

    Raises ValueError for an invalid block; ModuleNotFoundError without PyLops.
    """
    return _velocity(x, reference, reference.impedance_slope, least_squares_impedance)


def least_squares_impedance(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return the ln(AI) of PyLops' `PoststackInversion`, (n_traces, n_samples).

    m = ln(AI) minimises |trace - g m|^2 + e^2 |d^2 m|^2, where d is the derivative and g = wavelet * d / 2. e is the
    noise's deviation over that which d^2 m is expected to have, LEAST_SQUARES_BEND.
    """
    _check_pylops()
    _, noise, _ = _power_and_noise(traces, dt, WAVELET_SEGMENT)
    e = np.sqrt(noise[:, 0] / (2 * dt)) / LEAST_SQUARES_BEND  # White noise has its power evenly up to 1 / (2 dt).
    return np.stack([_smooth(*one) for one in zip(traces, _wavelets(traces, dt), e, strict=True)])


def _smooth(trace: np.ndarray, wavelet: np.ndarray, e: float) -> np.ndarray:
    """Return the m (n_samples,) of `least_squares_impedance` for one trace, its wavelet and its e."""
    from pylops.avo.poststack import PoststackInversion

    if not wavelet.any():
        return np.zeros_like(trace)
    # The background is no first guess m0: only what is found above its band counts, and with it the RMSE was higher.
    return PoststackInversion(trace, wavelet / 2, epsR=e, iter_lim=LEAST_SQUARES_ITERATIONS)[0]


def spiky_velocity(x: np.ndarray, reference: InversionReference) -> np.ndarray:
    """Predict background + slope x `spiky_impedance`, (n_traces, n_samples) in ft/s, with PyLops.

    Raises ValueError for an invalid block; ModuleNotFoundError without PyLops.
    """
    return _velocity(x, reference, reference.spike_slope, spiky_impedance)


def spiky_impedance(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return the ln(AI) of few and strong reflections, (n_traces, n_samples), with PyLops.

    r minimises |trace - wavelet * r|^2 + e |r|_1, and ln(AI)[i] = 2 sum of r[j < i]. PyLops finds r by FISTA (Beck and
    Teboulle, 2009), for many traces at once. In units of the trace's deviation and of the wavelet's largest spectral
    amplitude e is one number, so that noise and weak reflections are left out alike. The slope that is fitted to what
    is found makes up for amplitudes that the damping takes away.
    """
    _check_pylops()
    blocks = np.split(traces, range(TRACES_PER_BLOCK, len(traces), TRACES_PER_BLOCK))
    r = np.concatenate([_spikes(block, dt) for block in blocks])
    return 2 * (np.cumsum(r, axis=1) - r)


def _spikes(traces: np.ndarray, dt: float) -> np.ndarray:
    """Return the r (n_traces, n_samples) of `spiky_impedance`."""
    from pylops import FunctionOperator
    from pylops.optimization.sparsity import fista

    w, n_segment = wavelet_spectrum(traces, dt)
    # The largest amplitude is that of the wavelet's own spectrum, which may lie between the frequencies of w.
    largest = np.abs(fft.rfft(fft.irfft(w, n_segment), 8 * n_segment)).max(axis=1, keepdims=True)
    gain, deviation = ratio(w, largest), examine(traces).deviation[:, None]

    def convolved(r: np.ndarray) -> np.ndarray:
        return _zero_phase(r.reshape(traces.shape), gain, n_segment).ravel()

    # A wavelet of zero phase is symmetric, so that the operator is its own adjoint.
    operator = FunctionOperator(convolved, convolved, traces.size)
    # A negative tolerance stops no block before another one, so that a trace does not depend on its neighbours.
    options = {"niter": SPIKE_ITERATIONS, "eps": SPIKE_DAMPING, "alpha": 1.0, "tol": -1}
    r, *_ = fista(operator, ratio(traces, deviation).ravel(), **options)
    return ratio(r.reshape(traces.shape) * deviation, largest)


class Baseline(NamedTuple):
    """A method, with ``estimate(x, dt)`` for denoising (dt in s) or ``estimate(x, reference)`` for inversion.

    A method that knows the answer takes it as a third argument; it is a bound of some kind, which ``about`` tells,
    not a baseline to beat.
    """

    estimate: Callable[..., np.ndarray]
    knows_answer: bool = False
    package: str | None = None  # an optional package that the method needs
    background: bool | None = None  # whether x must have a background; None: with and without one
    about: str = ""  # a sentence below tables

    @property
    def can_run(self) -> bool:
        """Whether the package that the method needs is installed."""
        return self.package is None or _is_installed(self.package)

    def takes(self, x: np.ndarray) -> bool:
        """Whether the method is for such an x, with a background or without one."""
        return self.background in (None, np.ndim(x) == 3)

    def why_left_out(self, name: str) -> str:
        """A sentence that the method of this name is left out, where its package is missing."""
        return f"{name} is left out, as {self.package} is not installed: pip install {self.package}"


DENOISING_BASELINES = {
    "Noisy input": Baseline(noisy_input),
    "Local Wiener": Baseline(local_wiener),
    "Band-pass": Baseline(band_pass),
    "DWT BayesShrink": Baseline(dwt_bayes_shrink),
    "SWT BayesShrink": Baseline(swt_bayes_shrink),
    "Spectral Wiener": Baseline(spectral_wiener),
    "Best linear filter": Baseline(
        oracle_wiener,
        knows_answer=True,
        about="The best linear filter knows the spectrum of each clean trace. It bounds linear filters only: a network "
        "is not linear, and may do better.",
    ),
}
INVERSION_BASELINES = {
    "Mean velocity": Baseline(mean_velocity, background=False),
    "Mean trend": Baseline(mean_trend, background=False),
    "Background alone": Baseline(background_alone, background=True),
    "Band-limited": Baseline(band_limited_velocity),
    "Least squares": Baseline(least_squares_velocity, package="pylops", background=True),
    "Blocky total variation": Baseline(blocky_velocity, package="pylops"),
    "Sparse spikes": Baseline(spiky_velocity, package="pylops", background=True),
}
