"""Metrics of predictions, with bootstrap intervals over traces."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evaluation.baselines import ratio, same_shape
from support.checks import check_whole
from traces.checks import SNR_LIMITS

RESAMPLES = 1000
CONFIDENCE = 95  # %


class Column(NamedTuple):
    """A metric in a table: its heading, its unit (empty for none), and the decimals that are shown."""

    heading: str
    unit: str
    decimals: int

    @property
    def title(self) -> str:
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


# --- Metrics


class Interval(NamedTuple):
    """A metric and its bootstrap interval over traces."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """How good predictions are, each with its interval.

    rmse : mean over traces of a trace's root mean squared error, in the data's unit
    correlation : mean over traces of Pearson's r; 0 for a trace that is constant, or whose prediction is
    r2 : 1 - SSE / SST, pooled over all samples of all traces, SST about the one mean of them all
    snr_db : mean over traces of 10 log10(sum y^2 / sum (predicted - y)^2), each kept within SNR_LIMITS
    gain_db : what the input's snr_db rises by; None when no input is given
    """

    rmse: Interval
    correlation: Interval
    r2: Interval
    snr_db: Interval
    gain_db: Interval | None


def trace_rmse(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root mean squared error of each trace, (n_traces,) in the data's unit. Raises ValueError for two shapes."""
    y, predicted = same_shape(y=y, predicted=predicted)
    return np.sqrt(np.mean((predicted - y) ** 2, axis=1))


def _snr_db(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """SNR of each trace in dB, (n_traces,); 0 for a zero trace that is predicted so."""
    smallest = np.finfo(np.float64).tiny
    powers = (np.log10(np.maximum(np.sum(part**2, axis=1), smallest)) for part in (y, predicted - y))
    of_signal, of_error = powers
    return np.clip(10 * (of_signal - of_error), *SNR_LIMITS)


def _trace_correlation(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pearson's r of each trace, (n_traces,)."""
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (y, predicted))
    varies = (np.ptp(y, axis=1) > 0) & (np.ptp(predicted, axis=1) > 0)  # a constant's mean is rounded, its range not
    return np.where(varies, ratio(np.vecdot(a, b), np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)), 0.0)


def _r2(sse: np.ndarray, y: np.ndarray, y_squared: np.ndarray) -> np.ndarray:
    """1 - SSE / SST from means over samples; for y without variance 1 when it is predicted exactly, else 0."""
    sst = y_squared - y**2
    varies = sst > 1e-12 * y_squared
    return np.where(varies, 1 - ratio(sse, np.where(varies, sst, 0.0)), np.where(sse > 0, 0.0, 1.0))


def _resampling(n_traces: int, seed: int) -> np.ndarray:
    """Weights (1 + RESAMPLES, n_traces): all traces alike, then each bootstrap sample. One seed gives all rows one."""
    rng = np.random.default_rng(check_whole("seed", seed, 0))
    alike = np.full(n_traces, 1 / n_traces)
    return np.concatenate([alike[None], rng.multinomial(n_traces, alike, size=RESAMPLES) / n_traces])


def _interval(values: np.ndarray) -> Interval:
    """From the observed value and those of the bootstrap samples, (1 + RESAMPLES,)."""
    tail = (100 - CONFIDENCE) / 2
    return Interval(*(float(value) for value in (values[0], *np.percentile(values[1:], (tail, 100 - tail)))))


def score(y: np.ndarray, predicted: np.ndarray, x: np.ndarray | None = None, seed: int = 0) -> Scores:
    """Metrics with 95 % bootstrap intervals over traces.

    ``y`` true, ``predicted``, and the input ``x`` that gain_db is counted from: (n_traces, n_samples), in the data's
    unit. ``seed`` of the bootstrap. Raises ValueError for what is no block, two shapes, or the seed.
    """
    y, predicted = same_shape(y=y, predicted=predicted)
    centred = y - y.mean() if np.ptp(y) > 0 else np.zeros_like(y)
    weights = _resampling(len(y), seed)

    def resampled(per_trace: np.ndarray) -> np.ndarray:
        return weights @ per_trace

    snr_db = _snr_db(y, predicted)
    sums = (np.mean(part, axis=1) for part in ((predicted - y) ** 2, centred, centred**2))
    return Scores(
        rmse=_interval(resampled(trace_rmse(y, predicted))),
        correlation=_interval(resampled(_trace_correlation(y, predicted))),
        r2=_interval(_r2(*(resampled(part) for part in sums))),
        snr_db=_interval(resampled(snr_db)),
        gain_db=None if x is None else _interval(resampled(snr_db - _snr_db(*same_shape(y=y, x=x)))),
    )
