"""Metrics of probabilities, such as the tables of all problems have them, with bootstrap intervals over sequences.

Labels y and probabilities are (n, 1). An answer is "earthquake" where the probability is above 0.5.
"""

from collections.abc import Sequence

import numpy as np

from evaluation.baselines import ratio
from evaluation.scores import Metric

LEAST = 1e-7  # distance of a probability from 0 and 1, as in the loss
WEIGHTS_AT_ONCE = 100  # bootstrap samples, whose arrays are in memory together


def _right(y: np.ndarray, p: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return [((p > 0.5) == (y > 0.5)).mean(axis=1)]


def _log_loss(y: np.ndarray, p: np.ndarray, x: object) -> Sequence[np.ndarray]:
    p = np.clip(p, LEAST, 1 - LEAST)
    return [-np.log(np.where(y > 0.5, p, 1 - p)).mean(axis=1)]


def _brier(y: np.ndarray, p: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return [((p - y) ** 2).mean(axis=1)]


def _confusion(y: np.ndarray, p: np.ndarray, x: object) -> Sequence[np.ndarray]:
    """1 or 0 for each sequence: is it a true positive, a false positive, a false negative?"""
    is_event, says_so = y[:, 0] > 0.5, p[:, 0] > 0.5
    return [part.astype(float) for part in (is_event & says_so, ~is_event & says_so, is_event & ~says_so)]


def _f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    return ratio(2 * tp, 2 * tp + fp + fn)


def _labels_and_scores(y: np.ndarray, p: np.ndarray, x: object) -> Sequence[np.ndarray]:
    return [y[:, 0] > 0.5, p[:, 0]]


def weighted_auc(weights: np.ndarray, is_event: np.ndarray, score: np.ndarray) -> np.ndarray:
    """The area under the ROC curve in each sample of sequences, (n_samples,); ``weights`` are (n_samples, n).

    It is the probability that an earthquake has the higher score of two sequences, where equal scores count half; 0.5
    in a sample with one label alone.

    >>> weighted_auc(np.ones((1, 4)), np.array([True, False, True, False]), np.array([0.9, 0.9, 0.5, 0.1])).tolist()
    [0.625]
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # of sequences with equal scores
    values = []
    for first in range(0, len(weights), WEIGHTS_AT_ONCE):
        part = weights[first : first + WEIGHTS_AT_ONCE, order]
        of_event = np.add.reduceat(part * is_event[order], starts, axis=1)
        of_other = np.add.reduceat(part * ~is_event[order], starts, axis=1)
        below = np.cumsum(of_other, axis=1) - of_other / 2
        pairs = of_event.sum(axis=1) * of_other.sum(axis=1)
        values.append(np.where(pairs > 0, ratio((of_event * below).sum(axis=1), pairs), 0.5))
    return np.concatenate(values)


ACCURACY = Metric("accuracy", "Accuracy", "", 4, _right)
LOG_LOSS = Metric("log_loss", "Log loss", "", 4, _log_loss, higher_is_better=False)
BRIER = Metric("brier", "Brier", "", 4, _brier, higher_is_better=False)
F1 = Metric("f1", "F1", "", 4, _confusion, _f1)
AUC = Metric("auc", "AUC", "", 4, _labels_and_scores, of_weights=weighted_auc)
METRICS = (ACCURACY, LOG_LOSS, BRIER, F1, AUC)
