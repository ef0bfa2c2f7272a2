"""The band that a simulation has and the one that it lacks, and a test of whether a filter hides what it removes.

    record y -> low-pass of zero phase at F_C -> x: what a simulation would give
    x, any record -> join -> a record whose low-pass is x

Records are (..., n_samples), in any unit. The gain of the filter is that of a Butterworth filter of order 8 that runs
forwards and backwards. A causal filter of low order, such as that of the published code, removes nothing for good: its
gain falls so slowly that a linear filter brings back what it took.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.fft import dct, idct
from scipy.linalg import toeplitz
from scipy.signal import butter, correlate, lfilter, oaconvolve

from problems.broadband.response import check_records
from problems.broadband.source import DT
from support.checks import check_number

F_C = 1.0  # Hz
ORDER = 8
JOIN_GAIN = 0.01  # of the low-pass, down to which the joined record has what x says
HALF_LENGTH = 64  # samples of the learnt filter before and after the one that it predicts
RIDGE = 1e-7  # of the learnt filter, relative to the mean energy of x


def gain(frequency: np.ndarray, cutoff: float = F_C) -> np.ndarray:
    """Return the gain 1 / (1 + (f / cutoff)^16) at frequencies in Hz.

    >>> gain(np.array([0.0, 1.0, 2.0])).round(5).tolist()
    [1.0, 0.5, 2e-05]
    """
    return 1 / (1 + (np.asarray(frequency, dtype=np.float64) / cutoff) ** (2 * ORDER))


def low_pass(records: np.ndarray, cutoff: float = F_C, dt: float = DT) -> np.ndarray:
    """Return what a simulation to ``cutoff`` in Hz would have of records, in their dtype, without any delay.

    The record is continued by its mirror image at both ends, so that neither end changes the other one. float32 records
    also lose, in the rounding, what the gain has made smaller than 1e-7 of the largest sample. Raises ValueError for
    records that are not finite.

    >>> time = np.arange(4096) * 0.01
    >>> slow, fast = np.cos(2 * np.pi * 0.25 * time), np.cos(2 * np.pi * 4 * time)
    >>> float(abs(low_pass(slow + fast) - slow)[500:-500].max().round(3))
    0.0
    """
    return _filtered(check_records("records", records), lambda h: h, cutoff, dt)


def split(records: np.ndarray, cutoff: float = F_C, dt: float = DT) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies below and above ``cutoff``, which add up to the records."""
    low = low_pass(records, cutoff, dt)
    return low, records - low


def join(
    x: np.ndarray, generated: np.ndarray, least_gain: float = JOIN_GAIN, cutoff: float = F_C, dt: float = DT
) -> np.ndarray:
    """Return records that have the low-pass x and, above, the motion of ``generated``; all are (..., n_samples).

    Adding the high-pass of ``generated`` to x would not do: with the gain h, the low-pass of the sum differs from x by
    h (1 - h) of what the two differ by, a quarter at the cutoff. So the difference x - low_pass(generated) is divided
    by the gain, h / (h^2 + least_gain^2), before it is added. With a least gain of 0.01, x decides to 1.33 cutoff and
    the low-pass differs from x by about 0.6% of its peak; with 1e-4 these are 1.78 cutoff and 0.01%.
    x has to come from `low_pass`, as its motion above the cutoff is taken for what that filter has left. Raises
    ValueError for a gain out of its range, for records that are not finite, and where x and they differ in shape.

    >>> own, other = np.random.default_rng(0).standard_normal((2, 4096)).cumsum(axis=1)
    >>> x = low_pass(own)
    >>> bool(abs(low_pass(join(x, other)) - x).max() < 0.01 * abs(x).max())
    True
    """
    check_number("least_gain", least_gain, 1e-6, 1.0, "a gain of {:g} to {:g}")
    x, generated = check_records("x", x), check_records("generated", generated)
    if x.shape != generated.shape:
        raise ValueError(f"x and generated must be of one shape, not {x.shape} and {generated.shape}")
    difference = x.astype(np.float64) - low_pass(generated.astype(np.float64), cutoff, dt)
    return (generated + restored(difference, least_gain, cutoff, dt)).astype(generated.dtype)


def restored(x: np.ndarray, least_gain: float = JOIN_GAIN, cutoff: float = F_C, dt: float = DT) -> np.ndarray:
    """Return low-passed records x divided by their gain h, as h / (h^2 + least_gain^2), in their dtype.

    What the low-pass has left of motion above the cutoff comes back as large as it was, to 1.33 cutoff with a least
    gain of 0.01 and to 1.78 cutoff with 1e-4. Raises ValueError for records that are not finite.

    >>> time = np.arange(4096) * 0.01
    >>> record = np.cos(2 * np.pi * 1.1 * time)
    >>> x = low_pass(record)
    >>> [float(abs(each)[500:-500].max().round(2)) for each in (x, restored(x, least_gain=1e-4) - record)]
    [0.18, 0.0]
    """
    return _filtered(check_records("x", x), lambda h: h / (h**2 + least_gain**2), cutoff, dt)


def _filtered(records: np.ndarray, of_gain: Callable[[np.ndarray], np.ndarray], cutoff: float, dt: float) -> np.ndarray:
    """Return records times a function of the gain, in a cosine transform, which continues them by mirror images."""
    n = records.shape[-1]
    h = gain(np.arange(n) / (2 * n * dt), cutoff)
    return idct(dct(records.astype(np.float64)) * of_gain(h)).astype(records.dtype)


def published_low_pass(records: np.ndarray, cutoff: float = F_C, dt: float = DT) -> np.ndarray:
    """Return records after the causal Butterworth filter of order 2 of the published code, in float32."""
    b, a = (values.astype(np.float32) for values in butter(2, cutoff, fs=1 / dt))
    return lfilter(b, a, records.astype(np.float32))


# --- The leak test


class Leak(NamedTuple):
    """Signal-to-noise ratios in dB, medians over traces, of two ways of taking x for y."""

    identity: float  # x itself
    learnt: float  # a linear filter of x that was learnt on other records

    @property
    def gain(self) -> float:
        """How much of y the linear filter brings back, in dB."""
        return self.learnt - self.identity


def learn_filter(x: np.ndarray, y: np.ndarray, half_length: int = HALF_LENGTH, ridge: float = RIDGE) -> np.ndarray:
    """Return the filter (2 half_length + 1,) of x that is nearest to y, both (n, n_samples), by ridge regression.

    The prediction of a sample has as many samples of x after it as before it. Every trace counts the same.

    >>> y = np.random.default_rng(0).standard_normal((4, 500))
    >>> taps = learn_filter(np.roll(y, 1, axis=1), y, half_length=2)
    >>> abs(taps).round(1).tolist()  # the sample after
    [0.0, 1.0, 0.0, 0.0, 0.0]
    """
    scale = np.sqrt(np.mean(x.astype(np.float64) ** 2, axis=1, keepdims=True))
    x, y = x / scale, y / scale
    middle = x.shape[1] - 1
    of_x = sum(correlate(row, row, method="fft") for row in x)[middle : middle + 2 * half_length + 1]
    of_both = sum(correlate(b, a, method="fft") for a, b in zip(x, y, strict=True))
    matrix = toeplitz(of_x) + ridge * of_x[0] * np.eye(len(of_x))
    return np.linalg.solve(matrix, of_both[middle - half_length : middle + half_length + 1])


def leak(train: np.ndarray, test: np.ndarray, make_x: Callable[[np.ndarray], np.ndarray] = low_pass) -> Leak:
    """Return how well a learnt filter brings back test traces (n, n_samples) that ``make_x`` has filtered.

    The filter is learnt on the training traces.
    """
    taps = learn_filter(make_x(train), train)
    x = make_x(test)
    found = oaconvolve(x.astype(np.float64), taps[None], mode="same", axes=1)
    return Leak(*(float(np.median(_ratio(test, prediction))) for prediction in (x, found)))


def _ratio(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return the signal-to-noise ratio (n,) in dB of a prediction of y."""
    y = y.astype(np.float64)
    return 10 * np.log10(np.sum(y**2, axis=1) / np.sum((y - prediction) ** 2, axis=1))
