"""Bootstrap intervals of what is measured on many traces, sequences or records, and follows from their weights.

weights (1 + RESAMPLES, n) -> values (1 + RESAMPLES,), the one of all first -> value and interval
"""

import functools
from typing import NamedTuple

import numpy as np

from support.checks import check_whole

RESAMPLES = 1000
CONFIDENCE = 95  # %


class Interval(NamedTuple):
    """A value and its interval of CONFIDENCE."""

    value: float
    low: float
    high: float


def weights_of(n: int, seed: int) -> np.ndarray:
    """The weights (1 + RESAMPLES, n) of n items: equal ones first, then those of each bootstrap sample.

    Each row adds up to 1. Equal seeds draw equal items, so that differences between methods are paired. The last
    weights are kept, as all metrics of a table take the same ones. Raises ValueError for the seed.

    >>> weights_of(4, seed=0)[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return _weights(n, check_whole("seed", seed, 0))


@functools.lru_cache(maxsize=1)
def _weights(n: int, seed: int) -> np.ndarray:
    alike = np.full(n, 1 / n)
    drawn = np.random.default_rng(seed).multinomial(n, alike, size=RESAMPLES)
    return np.concatenate([alike[None], drawn / n])


def interval(values: np.ndarray) -> Interval:
    """The first value, and the interval of the others, which are those of the bootstrap samples.

    >>> interval(np.array([0.5, *np.linspace(0, 1, 1001)]))
    Interval(value=0.5, low=0.025, high=0.975)
    """
    tail = (100 - CONFIDENCE) / 2
    return Interval(*(float(value) for value in (values[0], *np.percentile(values[1:], (tail, 100 - tail)))))
