"""One wavelet that is given, in the place of random ones: from a text file, from numbers, or estimated from traces."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import fft

from support.checks import check_kind, check_path, unmasked
from support.files import parsed_text
from traces.checks import SHORTEST_TRACE, are_real, check_block, check_time
from traces.resampling import interval_ratio, resample
from traces.spectra import WAVELET_SEGMENT, power_spectrum

MOST_SAMPLES = 2001  # of a wavelet
DIGITS = 6  # after the point, of samples whose largest absolute value is 1
UNEVEN = 0.01  # share of the sampling interval by which times may be off
# Shares of the largest absolute value: an end above the first is tapered, and one above the second is refused.
LOWEST_END, HIGHEST_END = 0.001, 0.1
TAPERED = 0.1  # share of a wavelet's samples, at each end
HIGHEST_NOISE = 0.5  # share of the largest power that may be noise, where a wavelet is estimated
INTERVAL = re.compile(r"#\s*dt\s*=\s*(\S+)")


@dataclass(frozen=True, repr=False)
class OwnWavelet:
    """A wavelet of any phase, in the place of the random ones; `wavelet_from` makes one from numbers.

    Its samples are an odd number, with time 0 in their middle, and the largest absolute value is 1. Raises ValueError
    for other samples, or for an interval that is invalid.

    >>> OwnWavelet(0.002, (0.0, 1.0, -0.5, 0.25, 0.0)).at(0.002).tolist()
    [0.0, 1.0, -0.5, 0.25, 0.0]
    """

    dt: float  # s
    samples: tuple[float, ...]

    def __post_init__(self) -> None:
        values = np.asarray(self.samples)
        n_samples = values.size
        if values.ndim != 1 or not are_real(values) or not np.isfinite(values).all():
            raise ValueError("the samples of a wavelet must be finite numbers, one after the other")
        if not SHORTEST_TRACE <= n_samples <= MOST_SAMPLES or n_samples % 2 == 0:
            valid = f"an odd number from {SHORTEST_TRACE} to {MOST_SAMPLES}"
            raise ValueError(f"the samples of a wavelet must be {valid}, not {n_samples}")
        if abs(np.abs(values).max() - 1) > 10**-DIGITS:
            raise ValueError(f"the largest absolute value of a wavelet must be 1, not {np.abs(values).max():g}")
        object.__setattr__(self, "dt", check_time(self.dt, 0.0)[0])
        object.__setattr__(self, "samples", tuple(values.astype(float).tolist()))

    def at(self, dt: float) -> np.ndarray:
        """Its samples at another interval, in s: (n_times,) float32, of odd number with time 0 in their middle.

        A coarser interval loses what lies above its Nyquist frequency. Raises ValueError for an invalid interval.
        """
        step = interval_ratio(self.dt, check_time(dt, 0.0)[0]).denominator
        # Zeros at both ends let whole numbers of new intervals reach from time 0 to the ends.
        added = -(len(self.samples) // 2) % step
        return resample(np.pad(self.samples, added)[None], self.dt, dt)[0].astype(np.float32)

    @classmethod
    def from_dict(cls, described: object) -> "OwnWavelet":
        """The wavelet of a description such as `as_dict` gives. Raises ValueError for something else."""
        if not isinstance(described, Mapping) or set(described) != {"dt", "samples"}:
            raise ValueError("a wavelet must be a table with dt and samples")
        if not isinstance(described["samples"], Sequence):
            raise ValueError("the samples of a wavelet must be a list of numbers")
        return cls(described["dt"], tuple(described["samples"]))

    def as_dict(self) -> dict[str, object]:
        """Its interval and its samples, as JSON can hold them."""
        return {"dt": self.dt, "samples": list(self.samples)}

    @property
    def words(self) -> str:
        """What it is, in words."""
        samples = np.abs(self.samples)
        peak = (int(samples.argmax()) - samples.size // 2) * self.dt
        return f"a given wavelet of {samples.size} samples at {1e3 * self.dt:g} ms, largest at {1e3 * peak:.4g} ms"

    def __repr__(self) -> str:
        return f"<{self.words}>"


def check_own_wavelet(own_wavelet: object) -> OwnWavelet | None:
    """``own_wavelet``; ValueError unless it is an `OwnWavelet` or None.

    >>> check_own_wavelet(None)
    """
    valid = "None or an OwnWavelet, which read_wavelet makes of a file and wavelet_from of numbers"
    return None if own_wavelet is None else check_kind("own_wavelet", own_wavelet, OwnWavelet, valid)


def wavelet_from(amplitudes: Sequence[float], dt: float, centre: int | None = None) -> OwnWavelet:
    """The wavelet of some amplitudes (n_samples,) at ``dt`` (s), whose time 0 is at the sample ``centre``.

    Without a ``centre`` it is the sample of the largest absolute value. The amplitudes are scaled to a largest absolute
    value of 1. Ends that are not zero are tapered. Raises ValueError for amplitudes that are no wavelet, among them
    those that are cut off: their first or last one is above a tenth of the largest.

    >>> wavelet_from([0, 1, 4, -2, 0], 0.002).samples
    (0.0, 0.25, 1.0, -0.5, 0.0)
    """
    values = check_block("a wavelet", unmasked("a wavelet", amplitudes)[None])[0].astype(np.float64)
    if not SHORTEST_TRACE <= values.size <= MOST_SAMPLES:
        raise ValueError(f"a wavelet must have {SHORTEST_TRACE} to {MOST_SAMPLES} samples, not {values.size}")
    largest = np.abs(values).max()
    if largest == 0:
        raise ValueError("a wavelet must have samples that are not zero")
    values = values / largest
    ends = np.abs(values[[0, -1]])
    if (ends > HIGHEST_END).any():
        raise ValueError(
            f"a wavelet must fade to zero at both ends, and this one is cut off: it begins with {ends[0]:.2g} and ends "
            f"with {ends[1]:.2g} of its largest amplitude; {HIGHEST_END:g} is valid, and zeros can be added"
        )
    if (ends > LOWEST_END).any():
        ramp = np.sin(np.linspace(0, np.pi / 2, 1 + max(1, round(TAPERED * values.size)), endpoint=False)) ** 2
        values[: ramp.size] *= ramp
        values[-ramp.size :] *= ramp[::-1]
        values /= np.abs(values).max()
    centre = int(np.abs(values).argmax()) if centre is None else centre
    half = max(centre, values.size - 1 - centre)
    centred = np.pad(values, (half - centre, half - (values.size - 1 - centre)))
    return OwnWavelet(dt, tuple(centred.round(DIGITS).tolist()))


def read_wavelet(path: str | Path) -> OwnWavelet:
    """The wavelet of a text file: a time in s and an amplitude in each line, or amplitudes and a line ``# dt = 0.002``.

    Other lines that begin with # are comments. Time 0 is where the times have it; without times, or where they do not
    reach 0, it is at the largest absolute value. Raises ValueError, in one sentence with the file's name, for a file
    that cannot be read or that is no such wavelet.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.txt").write_text("# dt = 0.004\\n0\\n1\\n-0.5\\n0")
    ...     read_wavelet(Path(folder, "mine.txt"))
    <a given wavelet of 5 samples at 4 ms, largest at 0 ms>
    """
    return parsed_text("wavelet", check_path("a wavelet", path), _wavelet_of_text)


def _wavelet_of_text(text: str) -> OwnWavelet:
    lines = [line.partition("#")[0].replace(",", " ").split() for line in text.splitlines()]
    rows = {number: line for number, line in enumerate(lines, 1) if line}
    if not rows:
        raise ValueError("there are no numbers in it")
    n_columns = len(next(iter(rows.values())))
    for number, row in rows.items():
        if len(row) != n_columns or n_columns > 2:
            raise ValueError(f"every line must have one number, or two, not {len(row)} as line {number}")
    numbers = np.array([[_number(number, word) for word in row] for number, row in rows.items()])
    stated = INTERVAL.search(text)
    if n_columns == 2:
        dt, centre = _interval_and_centre(numbers[:, 0])
    elif stated:
        dt, centre = _number(text[: stated.start()].count("\n") + 1, stated[1]), None
    else:
        raise ValueError("one column of amplitudes needs a line '# dt = 0.002', the sampling interval in s")
    return wavelet_from(numbers[:, -1], dt, centre)


def _number(line: int, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"line {line} has {word[:40]!r}, where a number is needed")
    return number


def _interval_and_centre(times: np.ndarray) -> tuple[float, int | None]:
    """The interval of times in s, and the sample of time 0, which is None where the times do not reach it."""
    steps = np.diff(times)
    dt = float(f"{steps.mean():.6g}") if steps.size else 0.0  # without the rounding errors of the times
    if dt <= 0 or np.abs(steps - dt).max() > UNEVEN * dt:
        raise ValueError("its times must increase by one interval throughout")
    if not times[0] - UNEVEN * dt <= 0 <= times[-1] + UNEVEN * dt:
        return dt, None
    centre = int(np.abs(times).argmin())
    if abs(times[centre]) > UNEVEN * dt:
        raise ValueError(
            f"time 0 must be one of its times, which are {times[centre]:g} s and {dt:g} s further, and so on"
        )
    return dt, centre


def estimate_wavelet(traces: np.ndarray, dt: float) -> OwnWavelet:
    """The zero-phase wavelet of a section of traces (n_traces, n_samples) at ``dt`` (s), if reflectivity is white.

    Its amplitude spectrum is signal / sqrt(signal + noise), which is sqrt(signal) where there is no noise, and damped
    where the noise prevails. signal + noise is the mean of Welch's power of all traces, each scaled to one RMS; noise,
    which is taken to be white, is the least power above 200 Hz, or above 0.8 of the Nyquist frequency where that is
    lower. Where the signal fills that band, the wavelet lacks what the signal has at its weakest frequency there.
    Raises ValueError for an invalid block or interval, for traces of zeros, and where that frequency still has half of
    the largest power: nothing tells noise from signal then.

    >>> rng = np.random.default_rng(0)
    >>> smooth = np.hanning(9)
    >>> traces = np.array([np.convolve(rng.standard_normal(500), smooth) for _ in range(50)])
    >>> np.round(estimate_wavelet(traces, 0.002).samples[62:67], 1).tolist()
    [0.5, 0.8, 1.0, 0.8, 0.5]
    """
    traces, (dt, _) = check_block("traces", traces), check_time(dt, 0.0)
    rms = np.sqrt(np.mean(traces**2, axis=1, dtype=np.float64, keepdims=True))
    alive = rms[:, 0] > 0
    if not alive.any():
        raise ValueError("a wavelet cannot be estimated from traces of zeros")
    if traces.shape[1] < 2 * SHORTEST_TRACE:
        raise ValueError(f"a wavelet is estimated from traces of {2 * SHORTEST_TRACE} samples, not {traces.shape[1]}")
    powers, is_noise, n_segment = power_spectrum(traces[alive] / rms[alive], dt, WAVELET_SEGMENT)
    power = powers.mean(axis=0)
    power[0] *= 2  # Welch's density counts every other frequency twice.
    # The mean of three frequencies is not below the noise by chance alone.
    smooth = np.convolve(np.pad(power, 1, "edge"), np.ones(3) / 3, "valid")
    noise = smooth[is_noise].min()
    if noise > HIGHEST_NOISE * power.max():
        raise ValueError(
            f"the wavelet cannot be estimated: up to the Nyquist frequency of {0.5 / dt:g} Hz the power of the traces "
            f"stays above {HIGHEST_NOISE:g} of its largest value, so that their noise cannot be told from signal"
        )
    signal_power = np.maximum(power - noise, 0)
    # Without this damping, what is left of the noise at many frequencies would become a spike at time 0.
    spectrum = signal_power / np.sqrt(power)
    wavelet = fft.fftshift(fft.irfft(spectrum, n_segment)) * np.hanning(n_segment + 2)[1:-1]
    return wavelet_from(wavelet, dt, n_segment // 2)
