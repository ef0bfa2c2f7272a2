"""How good predicted spectra and records are: errors with bootstrap intervals over records, and paired differences.

An error is that of log10 PSA, (n, n_periods), predicted minus true: 0.3 is a factor of 2.
"""

from typing import NamedTuple

import numpy as np

from support.checks import check_whole

CONFIDENCE = 0.95
RESAMPLES = 1000


class Interval(NamedTuple):
    """A value and its bootstrap interval over records."""

    value: float
    low: float
    high: float


def rms(errors: np.ndarray, seed: int = 0) -> Interval:
    """Return the root mean square of errors (n, n_periods), over records and periods.

    >>> rms(np.full((8, 2), -0.5))
    Interval(value=0.5, low=0.5, high=0.5)
    """
    return _interval(np.sqrt(_weights(len(errors), seed) @ np.mean(errors**2, axis=1)))


def bias(errors: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of errors (n, n_periods), over records and periods.

    >>> bias(np.full((8, 2), -0.5))
    Interval(value=-0.5, low=-0.5, high=-0.5)
    """
    return _interval(_weights(len(errors), seed) @ np.mean(errors, axis=1))


def paired_difference(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Interval:
    """Return rms(first) - rms(second) of two methods on the same records. Raises ValueError for unequal shapes.

    >>> paired_difference(np.full((8, 2), 0.5), np.full((8, 2), 0.25))
    Interval(value=0.25, low=0.25, high=0.25)
    """
    if first.shape != second.shape:
        raise ValueError(f"two methods are compared on the same records, not on {first.shape} and {second.shape}")
    weights = _weights(len(first), seed)
    of_first, of_second = (np.sqrt(weights @ np.mean(errors**2, axis=1)) for errors in (first, second))
    return _interval(of_first - of_second)


def coverage(target: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of target values that lie from low to high, all of one shape.

    >>> coverage(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4), np.full(4, 2.0))
    0.5
    """
    return float(np.mean((low <= target) & (target <= high)))


def _weights(n: int, seed: int) -> np.ndarray:
    """Return weights (1 + RESAMPLES, n) of the records: equal ones, then those of each bootstrap sample.

    Equal seeds draw equal records, so that two methods are compared on the same ones.
    """
    alike = np.full(n, 1 / n)
    drawn = np.random.default_rng(check_whole("seed", seed, 0)).multinomial(n, alike, size=RESAMPLES)
    return np.concatenate([alike[None], drawn / n])


def _interval(values: np.ndarray) -> Interval:
    """Return the first value, and the interval of the others."""
    tail = (1 - CONFIDENCE) / 2
    return Interval(*map(float, (values[0], *np.quantile(values[1:], (tail, 1 - tail)))))
