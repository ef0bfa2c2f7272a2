"""What differs from trace to trace beyond the paper's traces, so that a network cannot rely on it.

The paper's traces all have the same kind of heterogeneity, of wavelet and of noise, and no gain: a network that was
trained on them may read its answer from what only this generator does. `Variety` draws these things for every trace.
Traces and logs are (n_traces, n_samples) float32; what is drawn per trace is (n_traces, 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from support.checks import check_choice
from traces.wavelets import convolve

SMALLEST_FREQUENCY = 0.1  # Hz
LOWEST = 2.0  # Hz, below which coloured noise grows no further
CUT_ORDER = 4  # of the Butterworth filters of a wavelet
HARMONICS = (1.0, 0.5, 0.25)  # amplitudes of the first ones of a hum
HUM_RMS = (sum(amplitude**2 for amplitude in HARMONICS) / 2) ** 0.5
PASSED = 0.8  # share of the Nyquist frequency of a recording that its anti-alias filter passes whole
SMALLEST = np.finfo(np.float32).tiny


class Draw(NamedTuple):
    """How a quantity is drawn for every trace: a share of them lie between two limits, the others have the usual value.

    >>> Draw(1.0, 0.5, 0.0, 2.0).of(np.random.default_rng(0), 4).round(2).tolist()
    [[1.0], [1.83], [1.21], [1.46]]
    """

    usual: float
    share: float = 0.0
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False  # whether the logarithm is uniform between the limits, not the quantity itself

    def of(self, rng: np.random.Generator, n_traces: int) -> np.ndarray:
        """Values for some traces, (n_traces, 1)."""
        is_drawn, place = rng.random((2, n_traces, 1))
        if self.logarithmic:
            drawn = self.low * (self.high / self.low) ** place if self.share else place
        else:
            drawn = self.low + (self.high - self.low) * place
        return np.where(is_drawn < self.share, drawn, self.usual)


@dataclass(frozen=True)
class Variety:
    """What is drawn for every trace; by default every trace is one of the paper's.

    >>> Variety().is_of_paper, VARIETIES["field"]["DeNoise"].is_of_paper
    (True, False)
    """

    heterogeneity: Draw = Draw(1.0)  # times the earth's, of velocity and density
    correlation: Draw = Draw(0.0)  # s, over which the heterogeneity is alike
    stretch: Draw = Draw(1.0)  # times the frequencies of the wavelet
    phase: Draw = Draw(0.0)  # degrees, by which all frequencies of the wavelet are turned
    recorded: Draw = Draw(0.0)  # s, the interval of a recording that has no more than its Nyquist frequency; 0: dt
    snr_db: Draw | None = None  # the level of the noise below; None: the noise is the paper's
    bursts: Draw = Draw(0.0)  # 1: white noise has the weight of the paper's, drawn for every sample; 0: it is Gaussian
    colour: Draw = Draw(0.0)  # the noise's power falls as frequency to minus this number
    low: Draw = Draw(0.0)  # share of the noise's power that is below ``low_top``
    hum: Draw = Draw(0.0)  # share of the noise's power that is a hum with its harmonics
    hum_frequency: Draw = Draw(50.0)  # Hz
    scale: Draw = Draw(1.0)  # times an inversion's trace
    decades: Draw = Draw(0.0)  # powers of ten by which amplitudes, with their noise, decay along the trace
    agc: Draw = Draw(0.0)  # s, the window of an automatic gain control; 0: none
    level: Draw = Draw(0.0)  # deviations of the trace, added to it
    top: Draw = Draw(0.0)  # share of the trace that is muted at its top
    gap: Draw = Draw(0.0)  # share of the trace that is muted further down
    gap_place: Draw = Draw(0.0)  # where it begins, as a share of the places where it fits
    low_top: Draw = Draw(30.0)  # Hz
    low_cut: Draw = Draw(0.0)  # Hz, the corner of a filter of the wavelet without phase; 0: none
    high_cut: Draw = Draw(0.0)  # Hz, the same
    echo: Draw = Draw(0.0)  # how much of the wavelet comes again, and again: a reverberation
    echo_time: Draw = Draw(0.05)  # s, between two of them
    relief: Draw = Draw(0.0)  # deviation of the logarithm of amplitudes, which differ along the trace, without noise
    relief_time: Draw = Draw(0.5)  # s, over which they differ
    dense: Draw = Draw(0.0)  # RMS of Gaussian reflectivity in every sample, over that of the model's
    fade: Draw = Draw(0.0)  # Hz, above which a trace has nothing left at its end; 0: all stays

    def draw(self, rng: np.random.Generator, n_traces: int) -> dict[str, np.ndarray]:
        """Values of each quantity for some traces, (n_traces, 1); each has a generator of its own."""
        rows = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.is_of_paper:  # Nothing is drawn, so that no generators are made.
            return {name: np.full((n_traces, 1), row.usual) for name, row in rows.items() if row is not None}
        rngs = zip(rows.items(), rng.spawn(len(rows)), strict=True)
        return {name: row.of(own, n_traces) for (name, row), own in rngs if row is not None}

    @property
    def is_of_paper(self) -> bool:
        """Whether every trace is one of the paper's."""
        return self == PAPER_VARIETY

    @property
    def has_noise(self) -> bool:
        """Whether noise is drawn here, instead of the paper's."""
        return self.snr_db is not None


PAPER_VARIETY = Variety()
_OF_BOTH = {
    # White heterogeneity tells the velocity, and logs do not have it.
    "heterogeneity": Draw(0.0, 0.8, 0.0, 2.0),
    "correlation": Draw(0.0, 0.7, 0.001, 0.02, logarithmic=True),
    "stretch": Draw(1.0, 0.6, 0.5, 1.5, logarithmic=True),
    "recorded": Draw(0.0, 0.6, 0.001, 0.004, logarithmic=True),
    "hum_frequency": Draw(50.0, 1.0, 15.0, 65.0),
    "top": Draw(0.0, 0.3, 0.0, 0.3),
    "gap": Draw(0.0, 0.15, 0.0, 0.2),
    "gap_place": Draw(0.0, 1.0, 0.0, 1.0),
}
_FIELD_TRACES = Variety(
    **_OF_BOTH,
    phase=Draw(0.0, 0.7, -180.0, 180.0),
    snr_db=Draw(100.0, 0.95, -5.0, 30.0),
    bursts=Draw(0.0, 0.3, 1.0, 1.0),
    # More of these, and a network takes low frequencies of the signal for noise.
    colour=Draw(0.0, 0.15, 0.0, 1.0),
    low=Draw(0.0, 0.06, 0.1, 0.8),
    low_top=Draw(30.0, 1.0, 3.0, 15.0),
    hum=Draw(0.0, 0.06, 0.1, 0.8),
    decades=Draw(0.0, 0.5, 0.0, 1.0),
    agc=Draw(0.0, 0.3, 0.2, 1.0),
    level=Draw(0.0, 0.2, -2.0, 2.0),
    # Sections have narrower bands than the paper's wavelets, ring, and differ in strength along a trace.
    low_cut=Draw(0.0, 0.4, 2.0, 15.0, logarithmic=True),
    high_cut=Draw(0.0, 0.5, 20.0, 90.0, logarithmic=True),
    echo=Draw(0.0, 0.4, -0.6, 0.6),
    echo_time=Draw(0.05, 1.0, 0.008, 0.12, logarithmic=True),
    relief=Draw(0.0, 0.5, 0.0, 1.2),
    relief_time=Draw(0.5, 1.0, 0.1, 0.8, logarithmic=True),
    # A network that knows few reflections only takes what is between them for noise.
    dense=Draw(0.0, 0.6, 0.3, 6.0, logarithmic=True),
    fade=Draw(0.0, 0.4, 15.0, 80.0, logarithmic=True),
)
_FIELD_VELOCITIES = Variety(
    **_OF_BOTH,
    phase=Draw(0.0, 0.7, -30.0, 30.0),
    snr_db=Draw(100.0, 0.7, 5.0, 40.0),
    bursts=Draw(0.0, 0.5, 1.0, 1.0),
    colour=Draw(0.0, 0.4, 0.0, 2.0),
    low=Draw(0.0, 0.2, 0.1, 1.0),
    hum=Draw(0.0, 0.15, 0.1, 1.0),
    scale=Draw(1.0, 0.7, 0.8, 1.25, logarithmic=True),
    level=Draw(0.0, 0.2, -0.1, 0.1),
)
VARIETIES: dict[str, Mapping[str, Variety]] = {  # by name, and by the gen_type of `dataPreProcessing.CustomDataGen`
    "paper": dict.fromkeys(("DeNoise", "ML_VEL", "AE"), PAPER_VARIETY),
    "field": {"DeNoise": _FIELD_TRACES, "ML_VEL": _FIELD_VELOCITIES, "AE": _FIELD_TRACES},
}


# --- Heterogeneity and wavelets


def correlated(white: np.ndarray, time: np.ndarray, dt: float) -> np.ndarray:
    """White noise as noise that is alike over ``time`` (n_traces, 1) in s, as exp(-lag / time), of equal power.

    >>> white = np.random.default_rng(0).standard_normal((2, 1000))
    >>> correlated(white, np.array([[0.0], [0.01]]), 0.001).std(axis=1).round(1).tolist()
    [1.0, 1.0]
    """
    rows = np.flatnonzero(time[:, 0] > 0)
    frequency = fft.rfftfreq(white.shape[1], dt).astype(white.dtype)
    gain = 1 / np.sqrt(1 + np.square(frequency * (2 * np.pi * time[rows]).astype(white.dtype)))
    gain /= _rms(gain)
    made = white.copy()
    made[rows] = fft.irfft(fft.rfft(white[rows]) * gain, white.shape[1])
    return made


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.vecdot(values, values) / values.shape[1])[:, None]


def _passed(frequency: np.ndarray, interval: np.ndarray) -> np.ndarray:
    """What the anti-alias filter of a recording at ``interval`` (n_traces, 1) in s lets through; all for 0."""
    share = np.clip((frequency * (2 * interval).astype(frequency.dtype) - PASSED) / (1 - PASSED), 0, 1)
    return 1 - share**2 * (3 - 2 * share)


def _butterworth(ratio: np.ndarray) -> np.ndarray:
    """The response of a low-pass for frequencies over its corner, or of a high-pass for its corner over them."""
    return 1 / np.sqrt(1 + ratio ** (2 * CUT_ORDER))


def varied_wavelets(wavelets: np.ndarray, drawn: Mapping[str, np.ndarray], dt: float) -> np.ndarray:
    """Wavelets (n_traces, n_times) with the phase, band, reverberation and recording of their traces."""
    n_times = wavelets.shape[1]
    n_fft = fft.next_fast_len(2 * n_times, real=True)
    frequency = fft.rfftfreq(n_fft, dt).astype(np.float32)
    low_cut, high_cut, echo, echo_time = (
        drawn[name].astype(np.float32) for name in ("low_cut", "high_cut", "echo", "echo_time")
    )
    low = _butterworth(low_cut / np.maximum(frequency, SMALLEST_FREQUENCY))
    high = _butterworth(np.divide(frequency, high_cut, out=np.zeros_like(low), where=high_cut > 0))
    band = low * high * _passed(frequency, drawn["recorded"])
    turned = np.exp(-1j * np.deg2rad(drawn["phase"])).astype(np.complex64)
    response = turned * band / (1 - echo * np.exp(-2j * np.pi * frequency * echo_time).astype(np.complex64))
    return fft.irfft(fft.rfft(wavelets, n_fft) * response, n_fft)[:, :n_times]


def varied_traces(
    rng: np.random.Generator,
    reflectivity: np.ndarray,
    wavelets: np.ndarray,
    drawn: Mapping[str, np.ndarray],
    dt: float,
) -> np.ndarray:
    """Reflectivity convolved with wavelets (n_traces, n_times), with what the traces have in between and along them."""
    n_samples = reflectivity.shape[1]
    rows = np.flatnonzero(drawn["dense"])
    if rows.size:
        reflectivity = reflectivity.copy()
        dense = drawn["dense"][rows].astype(np.float32)
        own = _rms(reflectivity[rows])
        reflectivity[rows] += dense * own * rng.standard_normal((rows.size, n_samples), np.float32)
        reflectivity[rows] /= np.sqrt(1 + dense**2)
    traces = convolve(reflectivity, wavelets)
    rows, place = np.flatnonzero(drawn["fade"]), np.linspace(0, 1, n_samples, dtype=np.float32)
    if rows.size:
        passed = _butterworth(fft.rfftfreq(n_samples, dt) / drawn["fade"][rows])
        left = fft.irfft(fft.rfft(traces[rows]) * passed, n_samples)
        traces[rows] += (place * (left - traces[rows])).astype(np.float32)
    for row in np.flatnonzero(drawn["relief"]):
        step = drawn["relief_time"][row, 0] / dt
        knots = np.arange(int(n_samples / step) + 2) * step
        strength = np.interp(np.arange(n_samples), knots, rng.standard_normal(knots.size))
        traces[row] *= np.exp(drawn["relief"][row, 0] * strength).astype(np.float32)
    return traces


# --- Noise


def varied_noise(rng: np.random.Generator, clean: np.ndarray, drawn: Mapping[str, np.ndarray], dt: float) -> np.ndarray:
    """Traces with the noise that was drawn for them, at their levels: (n_traces, n_samples) float32."""
    n_traces, n_samples = clean.shape
    noise = rng.standard_normal(clean.shape, np.float32)
    weight = rng.random(clean.shape, np.float32)
    phases = 2 * np.pi * rng.random((n_traces, len(HARMONICS), 1), np.float32)
    bursts = drawn["bursts"][:, 0] > 0
    noise[bursts] *= weight[bursts]
    rows = np.flatnonzero(np.any([drawn[name] > 0 for name in ("colour", "low", "recorded")], axis=0))
    frequency = fft.rfftfreq(n_samples, dt).astype(np.float32)
    colour, low, hum = (drawn[name].astype(np.float32) for name in ("colour", "low", "hum"))
    power = np.exp(-colour[rows] * np.log(np.maximum(frequency, LOWEST)))
    power *= (1 - low[rows]) / power.mean(axis=1, keepdims=True)
    is_low = frequency < drawn["low_top"][rows]
    power += np.where(is_low, low[rows] / is_low.mean(axis=1, keepdims=True, dtype=np.float32), 0)
    gain = np.sqrt(power, out=power)
    gain *= _passed(frequency, drawn["recorded"][rows])
    noise[rows] = fft.irfft(fft.rfft(noise[rows]) * gain, n_samples)
    level = _rms(clean) * 10 ** (-drawn["snr_db"] / 20).astype(np.float32)
    noise *= level * np.sqrt(1 - hum) / np.maximum(_rms(noise), SMALLEST)
    rows = np.flatnonzero(hum > 0)
    angle = (2 * np.pi * drawn["hum_frequency"][rows] * dt).astype(np.float32) * np.arange(n_samples, dtype=np.float32)
    for number, amplitude in enumerate(HARMONICS, 1):
        strength = (level * np.sqrt(hum))[rows] * (amplitude / HUM_RMS)
        noise[rows] += strength * np.sin(number * angle + phases[rows, number - 1])
    noise += clean
    return noise


# --- Gain, level and mutes


def decay_gain(decades: np.ndarray | float, n_samples: int) -> np.ndarray:
    """The factor of each sample of a trace whose amplitudes decay by this many powers of ten from end to end.

    >>> decay_gain(2.0, 3).tolist()
    [1.0, 0.1, 0.01]
    """
    return 10.0 ** (-decades * np.linspace(0, 1, n_samples))


def disturb(clean: np.ndarray, noisy: np.ndarray | None, drawn: Mapping[str, np.ndarray], dt: float) -> None:
    """Give traces, in place, the gain, scale, level and mutes that were drawn for them.

    Traces with noise get the same as those without, which are what they have under their noise.
    """
    n_samples = clean.shape[1]
    traces = [part for part in (clean, noisy) if part is not None]
    rows = np.flatnonzero(drawn["decades"])
    if rows.size:
        gain = decay_gain(drawn["decades"][rows], n_samples).astype(np.float32)
        for part in traces:
            part[rows] *= gain
    for row in np.flatnonzero(drawn["agc"]):
        gain = _agc_gain(traces[-1][row], round(drawn["agc"][row, 0] / dt))
        for part in traces:
            part[row] *= gain
    level = drawn["level"].astype(np.float32) * np.std(traces[0], axis=1, keepdims=True)
    top, gap = (np.rint(drawn[name] * n_samples) for name in ("top", "gap"))
    gap_top = np.rint((n_samples - gap) * drawn["gap_place"])
    rows = np.flatnonzero((top > 0) | (gap > 0))
    place = np.arange(n_samples)
    muted = (place < top[rows]) | ((place >= gap_top[rows]) & (place < (gap_top + gap)[rows]))
    for part in traces:
        part *= drawn["scale"].astype(np.float32)
        part += level
        part[rows] = np.where(muted, 0, part[rows])


def _agc_gain(trace: np.ndarray, window: int) -> np.ndarray:
    """What brings the running RMS of a trace, over ``window`` samples, to that of the whole trace; (n_samples,)."""
    power = np.square(trace, dtype=np.float64)
    running = ndimage.uniform_filter1d(power, max(1, min(window, power.size)))
    return np.sqrt(power.mean() / np.maximum(running, 1e-12 * power.mean() + SMALLEST)).astype(np.float32)


# --- Backgrounds

BACKGROUND_TOP = 3.0  # Hz, the highest frequency of a background
BACKGROUND_SCALE = 0.05  # largest error of its scale
BACKGROUND_TIE = 0.02  # s, the largest error of its time


def background_of(rng: np.random.Generator, logs: np.ndarray, dt: float) -> np.ndarray:
    """Low-frequency backgrounds of logs (n_traces, n_samples), as they are known before an inversion: same shape.

    Of each log what is below BACKGROUND_TOP is kept, with an error of its scale and of its time. The logs are mirrored
    at their ends.
    """
    n_traces, n_samples = logs.shape
    scale = 1 + BACKGROUND_SCALE * rng.uniform(-1, 1, (n_traces, 1))
    shift = np.rint(BACKGROUND_TIE * rng.uniform(-1, 1, (n_traces, 1)) / dt).astype(int)
    frequency = np.arange(n_samples) / (2 * n_samples * dt)
    kept = 1 / (1 + (frequency / BACKGROUND_TOP) ** 8)
    smooth = fft.idct(fft.dct(logs, axis=1) * kept.astype(logs.dtype), axis=1)
    place = np.clip(np.arange(n_samples) + shift, 0, n_samples - 1)
    return (scale * np.take_along_axis(smooth, place, axis=1)).astype(np.float32)


def variety_of(name: str | Variety, gen_type: str) -> Variety:
    """The variety of this name, a key of VARIETIES, for a kind of pairs; a `Variety` is what it is for all of them.

    Raises ValueError for another name.

    >>> variety_of("paper", "DeNoise") == variety_of(Variety(), "DeNoise")
    True
    """
    if isinstance(name, Variety):
        return name
    return VARIETIES[check_choice("variety", name, VARIETIES)].get(gen_type, PAPER_VARIETY)
