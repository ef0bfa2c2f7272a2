"""Networks beside classical methods: rows, verdict, tables."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataGeneration import PAIRS
from evaluation.baselines import (
    DENOISING_BASELINES,
    INVERSION_BASELINES,
    Baseline,
    InversionReference,
    fit_inversion_reference,
    same_shape,
)
from evaluation.scores import CONFIDENCE, Column, Interval, Scores, _interval, _resampling, score, trace_rmse
from support.checks import check_choice, check_flag
from support.files import line_of, replace_file
from traces.checks import check_time


class BaselineProblem(NamedTuple):
    """What is particular to one problem."""

    baselines: Mapping[str, Baseline]
    gen_type: str  # of CustomDataGen
    columns: Mapping[str, Column]  # by field of Scores
    headline: str  # the column that tables of several blind tests show


_CORRELATION = Column("Correlation", "", 3)
PROBLEMS = {
    "denoising": BaselineProblem(
        DENOISING_BASELINES,
        "DeNoise",
        {
            "rmse": Column("RMSE", "", 5),
            "snr_db": Column("SNR", "dB", 2),
            "gain_db": Column("Gain", "dB", 2),
            "correlation": _CORRELATION,
        },
        "snr_db",
    ),
    "inversion": BaselineProblem(
        INVERSION_BASELINES,
        "ML_VEL",
        {"rmse": Column("RMSE", "ft/s", 0), "r2": Column("R2", "", 3), "correlation": _CORRELATION},
        "rmse",
    ),
}


def data_names(problem: str, noisy_data: bool = False) -> tuple[str, str]:
    """Names of x and y, from BLOCK_NAMES. Raises ValueError for the problem or the flag."""
    check_choice("problem", problem, PROBLEMS)
    return PAIRS[PROBLEMS[problem].gen_type][check_flag("noisy_data", noisy_data)]


def missing_packages(problem: str) -> list[str]:
    """One sentence for each baseline that an optional package is missing for. Raises ValueError for the problem."""
    check_choice("problem", problem, PROBLEMS)
    return [
        f"{name} is left out, as {baseline.package} is not installed: pip install {baseline.package}"
        for name, baseline in PROBLEMS[problem].baselines.items()
        if not baseline.can_run
    ]


# --- The comparison


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a comparison."""

    name: str
    kind: str  # "baseline", "ceiling" (it knows the answer) or "network"
    scores: Scores
    trace_rmse: np.ndarray = field(repr=False)  # (n_traces,), in the data's unit
    milliseconds: float | None = None  # a trace; None for what was predicted elsewhere


def compare(
    problem: str,
    x: np.ndarray,
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    dt: float,
    seed: int = 0,
    reference: InversionReference | None = None,
) -> list[Row]:
    """All baselines and ceilings of a problem that can run here, then ``predictions`` (name -> array) of networks.

    ``problem`` from PROBLEMS. Inputs ``x``, true ``y`` and predictions are (n_traces, n_samples) in the data's unit,
    ``dt`` in s, ``seed`` of the bootstrap. ``reference`` of an inversion; None for one that is fitted to the training
    stream of ``seed``. Raises ValueError for the problem, dt, the seed, a reference of another dt, arrays that do not
    belong together, or a network that has a baseline's name.
    """
    check_choice("problem", problem, PROBLEMS)
    (x, y), (dt, _) = same_shape(x=x, y=y), check_time(dt, 0.0)
    baselines = PROBLEMS[problem].baselines
    taken = ", ".join(sorted(baselines.keys() & predictions.keys()))
    if taken:
        raise ValueError(f"a network must not have the name of a baseline: {taken}")
    known = dt
    if problem == "inversion":
        known = reference or fit_inversion_reference(seed, n_samples=x.shape[1], dt=dt)
        if known.dt != dt:
            raise ValueError(f"the reference is of traces at {known.dt:g} s, not {dt:g} s: fit one for these")

    def row(name: str, kind: str, predicted: np.ndarray, milliseconds: float | None = None) -> Row:
        scores = score(y, predicted, x if "gain_db" in PROBLEMS[problem].columns else None, seed)
        return Row(name, kind, scores, trace_rmse(y, predicted), milliseconds)

    rows = []
    for name, baseline in baselines.items():
        if not baseline.can_run:
            continue
        started = time.perf_counter()
        predicted = baseline.estimate(x, known, *((y,) if baseline.knows_answer else ()))
        spent = 1000 * (time.perf_counter() - started) / len(x)
        rows.append(row(name, "ceiling" if baseline.knows_answer else "baseline", predicted, spent))
    return [*rows, *(row(name, "network", predicted) for name, predicted in predictions.items())]


def best_baseline(rows: Iterable[Row]) -> Row:
    """The baseline of lowest RMSE, ceilings left out. Raises ValueError when there is no baseline."""
    baselines = [row for row in rows if row.kind == "baseline"]
    if not baselines:
        raise ValueError("there is no baseline among the rows: compare() gives them")
    return min(baselines, key=lambda row: row.scores.rmse.value)


def verdict(problem: str, rows: Sequence[Row], name: str, seed: int = 0) -> str:
    """One sentence: whether the network ``name`` beats the best baseline, and whether that may be chance.

    The difference of the two RMSE of each trace is resampled (paired bootstrap). Raises ValueError for the problem,
    or a name that is no network's.
    """
    check_choice("problem", problem, PROBLEMS)
    networks = {row.name: row for row in rows if row.kind == "network"}
    check_choice("network", name, networks)
    network, best = networks[name], best_baseline(rows)
    column = PROBLEMS[problem].columns["rmse"]
    less = best.trace_rmse - network.trace_rmse
    value, low, high = _interval(_resampling(len(less), seed) @ less)
    outcome, direction = ("beats", "lower") if value > 0 else ("does not beat", "higher")
    chance = "more than chance gives" if low > 0 or high < 0 else "no more than chance may give"
    signed = (value, low, high) if value > 0 else (-value, -high, -low)
    ours, theirs, difference, low, high = (
        f"{number:z.{column.decimals}f}" for number in (network.scores.rmse.value, best.scores.rmse.value, *signed)
    )
    unit = f" {column.unit}" if column.unit else ""
    return (
        f"{name} {outcome} the best baseline, {best.name}: RMSE {ours} against {theirs}{unit}, {direction} by "
        f"{difference} ({CONFIDENCE} % interval {low} to {high}), {chance}."
    )


def text_table(problem: str, rows: Sequence[Row]) -> str:
    """The rows as aligned columns, a metric with its interval in brackets. Raises ValueError for the problem."""
    check_choice("problem", problem, PROBLEMS)
    columns = PROBLEMS[problem].columns

    lines = [["Method", "Kind", *(column.title for column in columns.values()), "ms/trace"]]
    for row in rows:
        metrics = [_cell(getattr(row.scores, name), column.decimals) for name, column in columns.items()]
        spent = "" if row.milliseconds is None else f"{row.milliseconds:.2f}"
        lines.append([row.name, row.kind, *metrics, spent])
    return _aligned(lines)


def text_table_of_all(problem: str, tests: Mapping[str, Sequence[Row]]) -> str:
    """The headline metric of several blind tests, a column each. Raises ValueError for the problem."""
    check_choice("problem", problem, PROBLEMS)
    name = PROBLEMS[problem].headline
    column = PROBLEMS[problem].columns[name]
    methods = [(row.name, row.kind) for row in next(iter(tests.values()))]
    cells = [[_cell(getattr(row.scores, name), column.decimals) for row in rows] for rows in tests.values()]
    lines = [[*method, *of_method] for method, *of_method in zip(methods, *cells, strict=True)]
    return _aligned([[column.title, "Kind", *tests], *lines])


def _cell(interval: Interval, decimals: int) -> str:
    value, low, high = (f"{number:z.{decimals}f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
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


def csv_rows(problem: str, rows: Sequence[Row]) -> list[list[str | float]]:
    """The rows for `csv.writer`, the first the headings: each metric, its low and its high end, all digits.

    Raises ValueError for the problem.
    """
    check_choice("problem", problem, PROBLEMS)
    columns = PROBLEMS[problem].columns
    headings = [f"{column.title}{end}" for column in columns.values() for end in ("", " low", " high")]
    lines = [["Method", "Kind", *headings, "ms/trace"]]
    for row in rows:
        metrics = [number for name in columns for number in getattr(row.scores, name)]
        lines.append([row.name, row.kind, *metrics, "" if row.milliseconds is None else row.milliseconds])
    return lines


def report(problem: str, rows: Sequence[Row], networks: Iterable[str], seed: int = 0) -> str:
    """The table, what was left out, and a sentence on every network, or on the best classical method without any."""
    sentences = [verdict(problem, rows, name, seed) for name in networks]
    best = f"The best classical method is {best_baseline(rows).name}."
    return "\n".join([text_table(problem, rows), *missing_packages(problem), *(sentences or [best])])


def write_csv(path: Path, problem: str, rows: Sequence[Row]) -> None:
    """Write the rows as `csv_rows` has them. Raises OSError."""
    replace_file(path, "".join(map(line_of, csv_rows(problem, rows))))
