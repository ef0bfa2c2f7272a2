"""Networks beside classical methods: one row for each, the verdict, and tables."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evaluation.baselines import same_shape
from evaluation.scores import resampled, score
from evaluation.task import Task
from support.bootstrap import CONFIDENCE, Interval, interval
from support.checks import check_choice
from support.files import line_of, replace_file


KNOWING = "knows the answer"  # the kind of a method that does, and is no baseline to beat


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a comparison."""

    name: str
    kind: str  # "baseline", KNOWING or "network"
    scores: Mapping[str, Interval]  # by the name of the metric
    statistics: Sequence[np.ndarray] = field(repr=False)  # of the first column, (n_traces,) each
    milliseconds: float | None = None  # per trace; None for a prediction that was made elsewhere


def compare(
    task: Task,
    x: np.ndarray,
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    known: object,
    seed: int = 0,
    scored: np.ndarray | None = None,
    judged: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> list[Row]:
    """All classical methods of a task that can run here on such an x, then ``predictions`` (name -> array) of networks.

    ``x`` are the inputs, ``y`` and predictions (n_traces, n_values) in the data's unit; ``known`` is what
    ``task.known`` gives, ``seed`` that of the bootstrap. With ``scored``, bool of the shape of ``y``, only these
    samples count. ``judged`` makes of y, and of what is compared with it, what the metrics are of. Raises ValueError
    for the seed, for arrays that do not belong together, and for a network that has the name of a classical method.
    """
    taken = ", ".join(sorted(task.baselines.keys() & predictions.keys()))
    if taken:
        raise ValueError(f"a network must not have the name of a baseline: {taken}")

    def row(name: str, kind: str, predicted: np.ndarray, milliseconds: float | None = None) -> Row:
        checked = [part if judged is None else judged(y, part) for part in same_shape(y=y, predicted=predicted)]
        scores = score(task.columns, *checked, seen, seed, scored)
        return Row(name, kind, scores, task.columns[0].of_traces(*checked, seen, scored), milliseconds)

    seen = x if judged is None else judged(y, x)

    rows = []
    for name, baseline in task.baselines.items():
        if not (baseline.can_run and baseline.takes(x)):
            continue
        started = time.perf_counter()
        predicted = baseline.estimate(x, known, *([y] if baseline.knows_answer else []))
        spent = 1000 * (time.perf_counter() - started) / len(x)
        rows.append(row(name, KNOWING if baseline.knows_answer else "baseline", predicted, spent))
    return [*rows, *(row(name, "network", predicted) for name, predicted in predictions.items())]


def missing_packages(task: Task, rows: Iterable[Row]) -> list[str]:
    """One sentence for each classical method that rows lack because its optional package is missing."""
    judged = [task.baselines[row.name].background for row in rows if row.name in task.baselines]
    has_background = True in judged
    return [
        baseline.why_left_out(name)
        for name, baseline in task.baselines.items()
        if not baseline.can_run and baseline.background in (None, has_background)
    ]


def best_baseline(task: Task, rows: Iterable[Row]) -> Row:
    """The baseline that is best by the first column, not one that knows the answer. Raises ValueError without one."""
    baselines = [row for row in rows if row.kind == "baseline"]
    if not baselines:
        raise ValueError("there is no baseline among the rows: compare() gives them")
    metric = task.columns[0]
    choose = max if metric.higher_is_better else min
    return choose(baselines, key=lambda row: row.scores[metric.name].value)


def lead(task: Task, rows: Sequence[Row], name: str, seed: int = 0) -> tuple[Row, Row, Interval]:
    """The network ``name``, the best baseline, and by how much the network is better by the first column.

    Raises ValueError for a name that is not a network's.
    """
    networks = {row.name: row for row in rows if row.kind == "network"}
    check_choice("network", name, networks)
    best = best_baseline(task, rows)
    return networks[name], best, paired_lead(task, networks[name], best, seed)


def paired_lead(task: Task, ours: Row, theirs: Row, seed: int = 0) -> Interval:
    """By how much one row is better than another one by the first column, resampled on the same traces."""
    metric = task.columns[0]
    a, b = (resampled(metric, row.statistics, seed) for row in (ours, theirs))
    return interval(a - b if metric.higher_is_better else b - a)


def verdict(task: Task, rows: Sequence[Row], name: str, seed: int = 0) -> str:
    """One sentence: whether the network ``name`` beats the best baseline, and whether that may be chance.

    Raises ValueError as `lead` does.
    """
    metric, (ours, best, (value, low, high)) = task.columns[0], lead(task, rows, name, seed)
    beats = value > 0
    chance = "more than chance gives" if low > 0 or high < 0 else "no more than chance may give"
    signed = (value, low, high) if beats else (-value, -high, -low)
    values = (row.scores[metric.name].value for row in (ours, best))
    numbers = [f"{number:z.{metric.decimals}f}" for number in (*values, *signed)]
    unit = f" {metric.unit}" if metric.unit else ""
    return (
        f"{name} {'beats' if beats else 'does not beat'} the best baseline, {best.name}: {metric.heading} {numbers[0]} "
        f"against {numbers[1]}{unit}, {'higher' if beats == metric.higher_is_better else 'lower'} by {numbers[2]} "
        f"({CONFIDENCE} % interval {numbers[3]} to {numbers[4]}), {chance}."
    )


# --- Tables


def text_table(task: Task, rows: Sequence[Row]) -> str:
    """The rows as aligned columns, each metric with its interval in brackets, and what is to be said about methods."""
    lines = [["Method", "Kind", *(metric.title for metric in task.columns), "ms/trace"]]
    for row in rows:
        metrics = [_cell(row.scores[metric.name], metric.decimals) for metric in task.columns]
        spent = "" if row.milliseconds is None else f"{row.milliseconds:.2f}"
        lines.append([row.name, row.kind, *metrics, spent])
    return "\n".join([aligned(lines), *_about(task, rows)])


def _about(task: Task, rows: Iterable[Row]) -> list[str]:
    """The sentences on the methods among the rows."""
    methods = [task.baselines[row.name] for row in rows if row.name in task.baselines]
    return [method.about for method in methods if method.about]


def text_table_of_all(task: Task, tests: Mapping[str, Sequence[Row]]) -> str:
    """The headline of several blind tests, one column for each test, and what is to be said about methods."""
    metric, first = task.headline, next(iter(tests.values()))
    methods = [(row.name, row.kind) for row in first]
    cells = [[_cell(row.scores[metric.name], metric.decimals) for row in rows] for rows in tests.values()]
    lines = [[*method, *of_method] for method, *of_method in zip(methods, *cells, strict=True)]
    return "\n".join([aligned([[metric.title, "Kind", *tests], *lines]), *_about(task, first)])


def _cell(found: Interval, decimals: int) -> str:
    value, low, high = (f"{number:z.{decimals}f}" for number in found)
    return f"{value} [{low}, {high}]"


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns of texts, the first two on the left, the others on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        [
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def csv_rows(task: Task, rows: Sequence[Row]) -> list[list[str | float]]:
    """The rows for `csv.writer`, headings first: each metric with its low and its high end, with all digits."""
    headings = [f"{metric.title}{end}" for metric in task.columns for end in ("", " low", " high")]
    lines = [["Method", "Kind", *headings, "ms/trace"]]
    for row in rows:
        numbers = [number for metric in task.columns for number in row.scores[metric.name]]
        lines.append([row.name, row.kind, *numbers, "" if row.milliseconds is None else row.milliseconds])
    return lines


def write_csv(path: Path, task: Task, rows: Sequence[Row]) -> None:
    """Write the rows as `csv_rows` has them. Raises OSError."""
    replace_file(path, "".join(map(line_of, csv_rows(task, rows))))


def report(task: Task, rows: Sequence[Row], networks: Iterable[str], seed: int = 0) -> str:
    """The table, what was left out, and a sentence on every network, or on the best classical method without any."""
    sentences = [text_table(task, rows), *missing_packages(task, rows)]
    if any(row.kind == "baseline" for row in rows):
        verdicts = [verdict(task, rows, name, seed) for name in networks]
        sentences += verdicts or [f"The best classical method is {best_baseline(task, rows).name}."]
    return "\n".join(sentences)
