"""Metrics of predictions, each with a bootstrap interval over traces.

    true and predicted traces -> statistics of each trace -> means over resampled traces -> value and interval

Arrays are (n_traces, n_values) in the data's unit: one value per sample, or fewer where a prediction is not a trace.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from evaluation.baselines import ratio, same_shape
from support.bootstrap import Interval, interval, weights_of
from traces.checks import SNR_LIMITS


class Metric(NamedTuple):
    """How good predictions are, as a number.

    ``statistics(y, predicted, x)`` gives one or more arrays (n_traces,); ``combine`` makes the metric from the mean of
    each of them over traces, so that it can be resampled. Most metrics are the mean of one statistic.
    """

    name: str  # in cards and in `score`
    heading: str
    unit: str  # empty for a number without unit
    decimals: int  # that tables show
    statistics: Callable[[np.ndarray, np.ndarray, np.ndarray | None], Sequence[np.ndarray]]
    combine: Callable[..., np.ndarray] = lambda mean: mean
    higher_is_better: bool = True
    # Instead of `combine`, from the weights of the traces (n_samples, n_traces), which add up to 1 in each sample of
    # them, and the statistics: for a metric that does not follow from means, such as a rank or a median.
    of_weights: Callable[..., np.ndarray] | None = None

    @property
    def title(self) -> str:
        """The heading of its column, with the unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading

    def of_traces(
        self, y: np.ndarray, predicted: np.ndarray, x: np.ndarray | None, scored: np.ndarray | None = None
    ) -> Sequence[np.ndarray]:
        """Its statistics over all samples, or over those that are ``scored``, bool (n_traces, n_samples).

        With ``scored``, each trace is by itself: `R2` is about the mean of each trace then.
        """
        if scored is None:
            return self.statistics(y, predicted, x)
        parts = [
            self.statistics(*(part if part is None else part[i : i + 1, samples] for part in (y, predicted, x)))
            for i, samples in enumerate(scored)
        ]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]


def trace_rmse(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root mean squared error of each trace, (n_traces,) in the data's unit. Raises ValueError for unequal shapes."""
    y, predicted = same_shape(y=y, predicted=predicted)
    return np.sqrt(np.mean((predicted - y) ** 2, axis=1))


def snr_db(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """10 log10(sum y^2 / sum (predicted - y)^2) of each trace, (n_traces,), within SNR_LIMITS; 0 where both are 0."""
    smallest = np.finfo(np.float64).tiny
    of_signal, of_error = (np.log10(np.maximum(np.sum(part**2, axis=1), smallest)) for part in (y, predicted - y))
    return np.clip(10 * (of_signal - of_error), *SNR_LIMITS)


def _gain_db(y: np.ndarray, predicted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How much higher the SNR of the prediction is than that of the input, (n_traces,)."""
    return snr_db(y, predicted) - snr_db(*same_shape(y=y, x=x))


def _trace_correlation(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pearson's r of each trace, (n_traces,); 0 for a trace that is constant, or whose prediction is."""
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (y, predicted))
    # The mean of a constant is rounded, its range is not.
    varies = (np.ptp(y, axis=1) > 0) & (np.ptp(predicted, axis=1) > 0)
    return np.where(varies, ratio(np.vecdot(a, b), np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)), 0.0)


def _squares(y: np.ndarray, predicted: np.ndarray, x: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """What `_r2` is made of: means over the samples of each trace, with y about the one mean of all traces."""
    centred = y - y.mean() if np.ptp(y) > 0 else np.zeros_like(y)
    return tuple(np.mean(part, axis=1) for part in ((predicted - y) ** 2, centred, centred**2))


def _r2(sse: np.ndarray, y: np.ndarray, y_squared: np.ndarray) -> np.ndarray:
    """1 - SSE / SST from means over samples; for y without variance 1 when it is predicted exactly, else 0."""
    sst = y_squared - y**2
    varies = sst > 1e-12 * y_squared
    return np.where(varies, 1 - ratio(sse, np.where(varies, sst, 0.0)), np.where(sse > 0, 0.0, 1.0))


AMPLITUDE_RMSE = Metric(
    "rmse", "RMSE", "", 5, lambda y, predicted, x: [trace_rmse(y, predicted)], higher_is_better=False
)
VELOCITY_RMSE = AMPLITUDE_RMSE._replace(unit="ft/s", decimals=0)
SNR = Metric("snr_db", "SNR", "dB", 2, lambda y, predicted, x: [snr_db(y, predicted)])
SNR_GAIN = Metric("gain_db", "Gain", "dB", 2, lambda y, predicted, x: [_gain_db(y, predicted, x)])
# No measure of quality: a method that is wrong everywhere may have none.
VELOCITY_BIAS = Metric(
    "bias",
    "Bias",
    "ft/s",
    0,
    lambda y, predicted, x: [np.mean(predicted - y, axis=1)],
    higher_is_better=False,
)
CORRELATION = Metric("correlation", "Correlation", "", 3, lambda y, predicted, x: [_trace_correlation(y, predicted)])
R2 = Metric("r2", "R2", "", 3, _squares, _r2)  # pooled over all samples of all traces


def resampled(metric: Metric, statistics: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """The metric of all traces, then of each bootstrap sample, (1 + RESAMPLES,).

    Equal seeds resample equal traces, so that differences between methods are paired. Raises ValueError for the seed.
    """
    weights = weights_of(len(statistics[0]), seed)
    if metric.of_weights:
        return metric.of_weights(weights, *statistics)
    return metric.combine(*(weights @ part for part in statistics))


def score(
    metrics: Sequence[Metric],
    y: np.ndarray,
    predicted: np.ndarray,
    x: np.ndarray | None = None,
    seed: int = 0,
    scored: np.ndarray | None = None,
) -> dict[str, Interval]:
    """Metrics by name, each with its 95 % bootstrap interval over traces.

    ``y`` is true, ``x`` the input that `SNR_GAIN` is counted from. ``seed`` is that of the bootstrap, and ``scored``
    that of `Metric.of_traces`. Raises ValueError for arrays that are not (n_traces, n_values), for unequal shapes, and
    for the seed.
    """
    y, predicted = same_shape(y=y, predicted=predicted)
    return {
        metric.name: interval(resampled(metric, metric.of_traces(y, predicted, x, scored), seed)) for metric in metrics
    }
