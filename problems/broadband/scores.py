"""How good predicted spectra and records are: errors with bootstrap intervals over records, and paired differences.

An error is that of log10 PSA, (n, n_periods), predicted minus true: 0.3 is a factor of 2.
"""

from collections.abc import Sequence

import numpy as np

from support.bootstrap import Interval, interval, weights_of


def rms(errors: np.ndarray, seed: int = 0) -> Interval:
    """Return the root mean square of errors (n, n_periods), over records and periods.

    >>> rms(np.full((8, 2), -0.5))
    Interval(value=0.5, low=0.5, high=0.5)
    """
    return interval(np.sqrt(weights_of(len(errors), seed) @ np.mean(errors**2, axis=1)))


def bias(errors: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of errors (n, n_periods), over records and periods.

    >>> bias(np.full((8, 2), -0.5))
    Interval(value=-0.5, low=-0.5, high=-0.5)
    """
    return mean(errors, seed)


def mean(values: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of values (n, ...), over records and all else; the interval is that over records.

    >>> mean(np.array([True, True, False, True])).value
    0.75
    """
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    return interval(weights_of(len(values), seed) @ values.mean(axis=1))


def quantiles(values: np.ndarray, shares: Sequence[float], seed: int = 0) -> tuple[Interval, ...]:
    """Return quantiles of all values (n, n_members), each with its interval over records.

    >>> [each.value for each in quantiles(np.arange(10.0).reshape(5, 2), (0.5, 0.95))]
    [4.5, 9.0]
    """
    n, n_members = values.shape
    order = np.argsort(values, axis=None)
    in_order, record = values.ravel()[order], order // n_members
    found = []
    for weights in weights_of(n, seed) / n_members:
        weight = weights[record]
        found.append(np.interp(shares, np.cumsum(weight) - weight / 2, in_order))
    return tuple(map(interval, np.transpose(found)))


def paired_difference(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Interval:
    """Return rms(first) - rms(second) of two methods on the same records. Raises ValueError for unequal shapes.

    >>> paired_difference(np.full((8, 2), 0.5), np.full((8, 2), 0.25))
    Interval(value=0.25, low=0.25, high=0.25)
    """
    if first.shape != second.shape:
        raise ValueError(f"two methods are compared on the same records, not on {first.shape} and {second.shape}")
    weights = weights_of(len(first), seed)
    of_first, of_second = (np.sqrt(weights @ np.mean(errors**2, axis=1)) for errors in (first, second))
    return interval(of_first - of_second)


def coverage(target: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of target values that lie from low to high, all of one shape.

    >>> coverage(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4), np.full(4, 2.0))
    0.5
    """
    return float(np.mean((low <= target) & (target <= high)))
