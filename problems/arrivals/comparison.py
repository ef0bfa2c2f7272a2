"""All methods on the same sequences: fitted, scored, in a table of plain words, and compared in pairs.

sequences of a seed -> fitted methods with their thresholds -> rows -> table, sentences
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dataGeneration import stream_generator
from problems.arrivals.baselines import BASELINES, Method
from problems.arrivals.generator import KINDS, SECOND_STATIONS, STATIONS, Difficulty, Sequences, make_sequences
from problems.arrivals.scores import Scores, best_threshold, mcnemar, paired_difference, scores_of
from support.bootstrap import CONFIDENCE
from support.checks import check_names
from support.text import explained_table, text_table

N_TRAINING, N_VALIDATION, N_TEST = 20_000, 4_000, 6_000
RARE_SHARE = 0.1  # of earthquakes among the sequences that a network sees in operation
BALANCED_BLOCK, RARE_BLOCK, CONDITIONS_BLOCK = 0, 1, 2  # of the blind stream
SIGNIFICANT = 0.05
CONDITIONS: Mapping[str, tuple[Difficulty, np.ndarray]] = {
    # name: what sequences are like that methods have not been fitted to, but for the first ones
    "as fitted": (Difficulty(), STATIONS),
    "picking error 0.05 s": (Difficulty(picking_error=0.05), STATIONS),
    "picking error 0.3 s": (Difficulty(picking_error=0.3), STATIONS),
    "picking error 0.5 s": (Difficulty(picking_error=0.5), STATIONS),
    "no false picks": (Difficulty(false_pick_share=0.0), STATIONS),
    "a false pick in every event": (Difficulty(false_pick_share=1.0), STATIONS),
    "all events in the swarm": (Difficulty(swarm_share=1.0), STATIONS),
    "no event in the swarm": (Difficulty(swarm_share=0.0), STATIONS),
    "six other stations": (Difficulty(), SECOND_STATIONS),
}


class Parts(NamedTuple):
    """Sequences of one seed, none of which is in two parts."""

    training: Sequences
    validation: Sequences
    test: Sequences
    rare: Sequences  # a second test, with one earthquake in ten sequences


class Fitted(NamedTuple):
    """A method that was fitted, the threshold that validation chose for it, and what the fit cost."""

    name: str
    method: Method
    threshold: float
    cpu_seconds: float


class Row(NamedTuple):
    """A method on the test."""

    name: str
    probability: np.ndarray  # of an earthquake, for each sequence of the test
    right: np.ndarray  # bool, whether each is called right at the threshold
    scores: Scores
    accuracy_at_half: float  # with a threshold of 0.5
    precision_when_rare: float  # at a recall of 90 %, on the rare part
    cpu_seconds: float  # of the fit


def make_parts(seed: int, sizes: tuple[int, int, int] = (N_TRAINING, N_VALIDATION, N_TEST)) -> Parts:
    """Draw the sequences of a seed: training, validation and test of these sizes, and a rare part as large as the test.

    Each part has a stream or block of its own, and all have the same stations. Raises ValueError as `make_sequences`.

    >>> [len(part.labels) for part in make_parts(0, sizes=(20, 10, 10))]
    [20, 10, 10, 10]
    """
    n_training, n_validation, n_test = sizes
    blind = (stream_generator(seed, "blind", block=block) for block in (BALANCED_BLOCK, RARE_BLOCK))
    return Parts(
        training=make_sequences(stream_generator(seed, "training"), n_training),
        validation=make_sequences(stream_generator(seed, "validation"), n_validation),
        test=make_sequences(next(blind), n_test),
        rare=make_sequences(next(blind), n_test, earthquake_share=RARE_SHARE),
    )


def fit_baselines(parts: Parts, names: Iterable[str] = tuple(BASELINES)) -> list[Fitted]:
    """Fit baselines, all of them unless ``names`` says which. Raises ValueError for a name that is not in BASELINES."""
    fitted = []
    for name in check_names("baselines", names, BASELINES):
        begin = time.process_time()
        method = BASELINES[name]().fit(parts.training, parts.validation)
        seconds = time.process_time() - begin
        threshold = best_threshold(parts.validation.labels, method.score(parts.validation.times))
        fitted.append(Fitted(name, method, threshold, seconds))
    return fitted


def rows_of(fitted: Iterable[Fitted], parts: Parts) -> list[Row]:
    """Score fitted methods, baselines or others, on the test and on its rare part."""
    test, rare = parts.test, parts.rare
    rows = []
    for name, method, threshold, seconds in fitted:
        probability = np.asarray(method.score(test.times), dtype=np.float64)
        rows.append(
            Row(
                name=name,
                probability=probability,
                right=(probability > threshold) == test.labels,
                scores=scores_of(test.labels, probability, test.kinds, threshold),
                accuracy_at_half=float(np.mean((probability > 0.5) == test.labels)),
                precision_when_rare=scores_of(rare.labels, method.score(rare.times), rare.kinds).precision_at_90,
                cpu_seconds=seconds,
            )
        )
    return rows


# --- In words

QUALITY: Mapping[str, Callable[[Row], str]] = {  # heading: what the column shows of a row
    "Accuracy": lambda row: "{:.3f} ({:.3f}-{:.3f})".format(*row.scores.accuracy),
    "at 0.5": lambda row: f"{row.accuracy_at_half:.3f}",
    "Precision": lambda row: f"{row.scores.precision:.3f}",
    "Recall": lambda row: f"{row.scores.recall:.3f}",
    "F1": lambda row: f"{row.scores.f1:.3f}",
    "ROC AUC": lambda row: f"{row.scores.auc:.3f}",
    "Log loss": lambda row: f"{row.scores.log_loss:.3f}",
    "Brier": lambda row: f"{row.scores.brier:.4f}",
    "Calib. error": lambda row: f"{row.scores.calibration_error:.3f}",
    "Precision, rare": lambda row: f"{row.precision_when_rare:.3f}",
    "CPU s": lambda row: "-" if np.isnan(row.cpu_seconds) else f"{row.cpu_seconds:.1f}",
}
OF_KINDS = {kind: lambda row, kind=kind: f"{row.scores.by_kind.get(kind, np.nan):.2f}" for kind in KINDS}


def _lines(rows: Sequence[Row], columns: Mapping[str, Callable[[Row], str]]) -> list[list[str]]:
    return [[row.name, *(show(row) for show in columns.values())] for row in rows]


def table(rows: Sequence[Row]) -> str:
    """Return two tables of all methods, their quality and their right calls by kind, below sentences that explain them.

    The rows are those of one test.
    """
    explanation = (
        f"There are {rows[0].scores.n:,} test sequences, half of them earthquakes. A method calls an earthquake where "
        "its probability is above a threshold, which was chosen on validation; the column 'at 0.5' has the accuracy "
        f"with a threshold of 0.5. Accuracies have Wilson's {CONFIDENCE}% interval. 'Precision, rare' is the share "
        f"of right calls where {RARE_SHARE:.0%} of the sequences are earthquakes and 90% of these are found. 'CPU s' "
        "is what the fit took."
    )
    by_kind = "The share of the sequences of each kind that are called right:"
    quality = explained_table(explanation, ["Method", *QUALITY], _lines(rows, QUALITY))
    return "\n\n".join([quality, by_kind, text_table(["Method", *OF_KINDS], _lines(rows, OF_KINDS))])


def table_of_conditions(fitted: Sequence[Fitted], seed: int, n: int = N_TEST) -> str:
    """Return the accuracy of fitted baselines, at their thresholds, on ``n`` new sequences under each of CONDITIONS.

    The sequences differ in what the condition changes, and in nothing else. A sentence above the table explains it.
    """
    explanation = (
        f"The accuracy on {n:,} new sequences under conditions to which no method was fitted, but for the first; the "
        "thresholds are those of before. The location test is given the other stations, and so is any method whose "
        "input has coordinates."
    )
    lines = []
    for name, (difficulty, stations) in CONDITIONS.items():
        made = make_sequences(stream_generator(seed, "blind", block=CONDITIONS_BLOCK), n, difficulty, stations=stations)
        right = ((one.method.score(made.times, stations) > one.threshold) == made.labels for one in fitted)
        lines.append([name, *(f"{calls.mean():.3f}" for calls in right)])
    headings = ["Accuracy", *(one.name.replace(", ", ",\n") for one in fitted)]
    return explained_table(explanation, headings, lines)


def in_pair(first: Row, second: Row, seed: int = 0) -> str:
    """Say in a sentence which of two methods is better on the same test, and whether chance explains it."""
    better, worse = sorted((first, second), key=lambda row: row.right.sum(), reverse=True)
    difference = paired_difference(better.right, worse.right, seed)
    chance = mcnemar(better.right, worse.right)
    verdict = (
        f"{better.name} is better than {worse.name}"
        if chance.p < SIGNIFICANT
        else f"The test finds no significant difference between {better.name} and {worse.name}"
    )
    return (
        f"{verdict}: the accuracies differ by {difference.value:.4f} ({difference.low:.4f} to {difference.high:.4f}); "
        f"{chance.first_only} sequences are called right by the first alone, {chance.second_only} by the second alone "
        f"(McNemar's p = {chance.p:.2g})."
    )


def pairs_in_words(rows: Sequence[Row], name: str, seed: int = 0) -> str:
    """Compare one method of the rows with every other one, a sentence for each."""
    (chosen,) = [row for row in rows if row.name == name]
    return "\n".join(in_pair(chosen, row, seed) for row in rows if row is not chosen)
