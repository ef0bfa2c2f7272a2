"""How good probabilities of an earthquake are: measures with intervals, reliability, and paired tests of two methods.

Labels are (n,) with 1 for an earthquake and 0 for anything else, and probabilities (n,) from 0 to 1. A sequence counts
as called an earthquake where its probability is above a threshold, which is chosen on validation and never on the test.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, precision_recall_curve, precision_recall_fscore_support
from sklearn.metrics import roc_auc_score

from problems.arrivals.generator import KINDS
from support.bootstrap import CONFIDENCE, RESAMPLES, Interval, interval
from support.checks import check_number, check_whole

N_BINS = 10  # of the reliability curve
LEAST_PROBABILITY = 1e-7  # of either label, so that no sequence has an infinite loss


class Reliability(NamedTuple):
    """How often sequences of about one probability are earthquakes, one row per bin of equal width."""

    probability: np.ndarray  # mean of the bin's sequences, (N_BINS,); NaN without any
    share: np.ndarray  # of earthquakes among them, (N_BINS,); NaN without any
    counts: np.ndarray  # of sequences, (N_BINS,)

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over sequences of their bin's |share - probability|."""
        return float(np.nansum(self.counts * np.abs(self.share - self.probability)) / self.counts.sum())


class Scores(NamedTuple):
    """What `scores_of` measures. The first two blocks follow from a threshold, the third does not."""

    n: int
    threshold: float

    accuracy: Interval  # Wilson's
    precision: float
    recall: float
    f1: float
    by_kind: dict[str, float]  # share of each kind's sequences that are called right, without the kinds that are absent

    auc: float  # of the ROC
    average_precision: float
    log_loss: float
    brier: float
    calibration_error: float
    precision_at_90: float  # precision at a recall of 90 %


def scores_of(labels: np.ndarray, probability: np.ndarray, kinds: np.ndarray, threshold: float = 0.5) -> Scores:
    """Measure probabilities of an earthquake against labels and kinds (n,), indices into KINDS.

    Raises ValueError for arrays of unequal or another shape, for labels of one class alone, and for probabilities or a
    threshold outside 0 to 1.

    >>> probability = np.array([0.9, 0.6, 0.7, 0.2])
    >>> found = scores_of(np.array([1, 1, 0, 0]), probability, np.array([0, 0, 1, 4]))
    >>> found.accuracy.value, found.recall, found.auc, found.by_kind
    (0.75, 1.0, 0.75, {'earthquake': 1.0, 'random': 0.0, 'plane wave': 1.0})
    """
    labels, probability = _checked(labels, probability)
    kinds = np.asarray(kinds)
    if kinds.shape != labels.shape:
        raise ValueError(f"each sequence has one kind, but there are {labels.size} labels and {kinds.size} kinds")
    called = probability > check_number("threshold", threshold, 0.0, 1.0, "a probability of {:g} to {:g}")
    right = called == labels
    precision, recall, f1, _ = precision_recall_fscore_support(labels, called, average="binary", zero_division=0.0)
    return Scores(
        n=len(labels),
        threshold=float(threshold),
        accuracy=wilson(int(right.sum()), len(right)),
        precision=float(precision),
        recall=float(recall),
        f1=float(f1),
        by_kind={kind: float(right[kinds == i].mean()) for i, kind in enumerate(KINDS) if (kinds == i).any()},
        auc=float(roc_auc_score(labels, probability)),
        average_precision=float(average_precision_score(labels, probability)),
        log_loss=float(losses(labels, probability).mean()),
        brier=float(np.mean((probability - labels) ** 2)),
        calibration_error=reliability(labels, probability).error,
        precision_at_90=precision_at_recall(labels, probability, 0.9),
    )


def _checked(labels: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels int64 and probabilities float64, both (n,)."""
    labels, probability = np.asarray(labels), np.asarray(probability, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != probability.shape:
        raise ValueError(f"labels {labels.shape} and probabilities {probability.shape} must be (n,) both")
    if set(np.unique(labels)) != {0, 1}:
        raise ValueError("labels must be 1 for an earthquake and 0 for anything else, and both must occur")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities must be numbers from 0 to 1")
    return labels.astype(np.int64), probability


def wilson(n_right: int, n: int) -> Interval:
    """Return a share and Wilson's interval of it.

    >>> [round(end, 3) for end in wilson(96, 100)]
    [0.96, 0.902, 0.984]
    """
    limits = binomtest(n_right, n).proportion_ci(CONFIDENCE / 100, method="wilson")
    return Interval(n_right / n, float(limits.low), float(limits.high))


def losses(labels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the log loss of each sequence, (n,): -ln of the probability that its label was given.

    >>> losses(np.array([1, 0]), np.array([0.5, 0.75])).round(3).tolist()
    [0.693, 1.386]
    """
    labels, probability = _checked(labels, probability)
    return -np.log(np.clip(np.where(labels == 1, probability, 1 - probability), LEAST_PROBABILITY, None))


def reliability(labels: np.ndarray, probability: np.ndarray) -> Reliability:
    """Return how often the sequences of N_BINS ranges of probability are earthquakes.

    >>> found = reliability(np.array([1, 0, 1, 1]), np.array([0.0, 0.04, 0.99, 1.0]))
    >>> found.counts[[0, 9]].tolist(), found.share[[0, 9]].tolist(), round(found.error, 3)
    ([2, 2], [0.5, 1.0], 0.242)
    """
    labels, probability = _checked(labels, probability)
    bins = np.minimum((probability * N_BINS).astype(np.int64), N_BINS - 1)
    counts, total, earthquakes = (
        np.bincount(bins, weights, N_BINS) for weights in (None, probability, labels.astype(np.float64))
    )
    full = np.where(counts > 0, counts, np.nan)
    return Reliability(total / full, earthquakes / full, counts)


def precision_at_recall(labels: np.ndarray, probability: np.ndarray, least_recall: float) -> float:
    """Return the highest precision of all thresholds that find at least this share of the earthquakes.

    >>> precision_at_recall(np.array([1, 1, 0, 0]), np.array([0.9, 0.3, 0.4, 0.1]), least_recall=0.5)
    1.0
    """
    precision, recall, _ = precision_recall_curve(*_checked(labels, probability))
    return float(precision[recall >= least_recall].max())


def best_threshold(labels: np.ndarray, probability: np.ndarray) -> float:
    """Return the threshold with the highest accuracy, half-way between two neighbours; of equals, that nearest to 0.5.

    It is to be chosen on validation. Raises ValueError as `scores_of`.

    >>> best_threshold(np.array([0, 0, 1, 1]), np.array([0.125, 0.25, 0.5, 0.875]))
    0.375
    """
    labels, probability = _checked(labels, probability)
    values, place = np.unique(probability, return_inverse=True)
    earthquakes, others = (np.bincount(place, labels == label, len(values)) for label in (1, 0))
    edges = np.concatenate([[0.0], (values[:-1] + values[1:]) / 2, [1.0]])
    # Below an edge nothing is called an earthquake, above it everything is.
    right = np.concatenate([[0], others.cumsum()]) + np.concatenate([[0], earthquakes[::-1].cumsum()])[::-1]
    if values[0] == 0:  # What has a probability of 0 is above no threshold.
        right[0] = right[1]
    best = edges[right == right.max()]
    return float(best[np.abs(best - 0.5).argmin()])


# --- Two methods on the same sequences


class Disagreement(NamedTuple):
    """The sequences that only one of two methods calls right, and how likely so unequal numbers are by chance."""

    first_only: int
    second_only: int
    p: float


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> Disagreement:
    """Return McNemar's exact test of whether two methods are right equally often, from bool (n,) each.

    >>> mcnemar(np.array([True] * 9 + [False]), np.array([False] * 9 + [True]))
    Disagreement(first_only=9, second_only=1, p=0.021484375)
    """
    first_right, second_right = _pair(first_right, second_right)
    first_only = int(np.sum(first_right & ~second_right))
    second_only = int(np.sum(second_right & ~first_right))
    n = first_only + second_only
    return Disagreement(first_only, second_only, float(binomtest(first_only, n).pvalue) if n else 1.0)


def paired_difference(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of first - second and its interval over RESAMPLES bootstrap samples of the sequences.

    ``first`` and ``second`` are one number per sequence, (n,): whether a method is right, for a difference in accuracy,
    or its `losses`. Raises ValueError for unequal shapes, and for an invalid seed.

    >>> paired_difference(np.ones(10), np.zeros(10))
    Interval(value=1.0, low=1.0, high=1.0)
    """
    first, second = _pair(first, second)
    difference = first.astype(np.float64) - second.astype(np.float64)
    rng = np.random.default_rng(check_whole("seed", seed, 0))
    means = [difference[rng.integers(len(first), size=len(first))].mean() for _ in range(RESAMPLES)]
    return interval(np.array([difference.mean(), *means]))


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays. Raises ValueError unless they are of one shape (n,)."""
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"two methods are compared on the same sequences, not on {first.shape} and {second.shape}")
    return first, second
