"""Traces at another sampling interval."""

from fractions import Fraction

import numpy as np
from scipy import fft

from traces.checks import check_block, check_time

FINEST_RATIO = 1000  # the largest denominator of a ratio of two intervals: an error of less than 1e-6 of the ratio


def interval_ratio(dt: float, new_dt: float) -> Fraction:
    """The ratio dt / new_dt of two sampling intervals (s) as a fraction of small numbers.

    >>> interval_ratio(0.004, 0.001), interval_ratio(0.001, 0.0015)
    (Fraction(4, 1), Fraction(2, 3))
    """
    return Fraction(dt / new_dt).limit_denominator(FINEST_RATIO)


def resample(traces: np.ndarray, dt: float, new_dt: float) -> np.ndarray:
    """Traces (n_traces, n_samples) at ``dt`` as traces at ``new_dt`` (s), which begin at the same time.

    The trace is taken for a sum of cosines, whose spectrum is cut off or continued with zeros: it is mirrored at its
    first and last sample. A finer interval and back therefore gives the same samples, but for rounding. A coarser one
    loses what lies above its Nyquist frequency. The new traces have all of the old time, and as much of the mirror
    image behind it as the ratio of the intervals needs. Raises ValueError for an invalid block or interval.

    >>> fine = resample([[0.0, 1.0, 0.0]], 0.004, 0.002)
    >>> fine.round(2).tolist(), resample(fine, 0.002, 0.004).round(6).tolist()
    ([[0.0, 0.5, 1.0, 0.5, 0.0]], [[0.0, 1.0, 0.0]])
    """
    traces, (dt, _), (new_dt, _) = check_block("traces", traces), check_time(dt, 0.0), check_time(new_dt, 0.0)
    up, down = interval_ratio(dt, new_dt).as_integer_ratio()
    if up == down:
        return traces
    n_samples = traces.shape[1]
    steps = -(-(n_samples - 1) // down)  # of `down` old intervals each, which are `up` new ones
    old, new = steps * down + 1, steps * up + 1
    spectrum = fft.dct(np.pad(traces, ((0, 0), (0, old - n_samples)), "reflect"), type=1, axis=1)
    kept = min(old, new)
    # The last frequency of a spectrum counts once, and any other one twice.
    spectrum[:, kept - 1] *= 0.5 if new > old else 2.0
    return fft.idct(spectrum[:, :kept], type=1, n=new, axis=1) * traces.dtype.type((new - 1) / (old - 1))


def interpolate(values: np.ndarray, dt: float, new_dt: float, n_samples: int) -> np.ndarray:
    """Logs (n_traces, any number) at ``dt`` as logs (n_traces, n_samples) at ``new_dt`` (s), on straight lines.

    They begin at the same time, and have their last value behind their end. A log has steps, which `resample` would
    surround by ripples.

    >>> interpolate(np.array([[2.0, 4.0]]), 0.004, 0.002, 4).tolist()
    [[2.0, 3.0, 4.0, 4.0]]
    """
    last = values.shape[1] - 1
    place = np.minimum(np.arange(n_samples) * (new_dt / dt), last)
    before = np.minimum(place.astype(int), last - 1)
    share = (place - before).astype(values.dtype)
    return values[:, before] * (1 - share) + values[:, before + 1] * share
