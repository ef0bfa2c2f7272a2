"""Metrics of predicted spectra, such as the tables of all problems have them, with bootstrap intervals over records.

True and predicted log10 PSA are (n, 9), for the periods SHORT_PERIODS.
"""

from collections.abc import Sequence

import numpy as np

from evaluation.scores import Metric
from problems.broadband.parts import SHORT_PERIODS

HIGH = SHORT_PERIODS <= 0.2  # s, including the peak


def _squares(y: np.ndarray, predicted: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return [np.mean((predicted - y) ** 2, axis=1)]


def _squares_of_high(y: np.ndarray, predicted: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return _squares(y[:, HIGH], predicted[:, HIGH], x)


def _bias(y: np.ndarray, predicted: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return [np.mean(predicted - y, axis=1)]


RMS = Metric("rms", "rms of log10 PSA", "", 3, _squares, np.sqrt, higher_is_better=False)
RMS_OF_HIGH = RMS._replace(name="rms_to_0.2s", heading="to 0.2 s", statistics=_squares_of_high)
# No measure of quality: a method that is wrong everywhere may have none.
BIAS = Metric("bias", "Bias", "", 3, _bias, higher_is_better=False)
METRICS = (RMS, RMS_OF_HIGH, BIAS)
