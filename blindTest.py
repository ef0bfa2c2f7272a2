"""How good networks and classical methods are on traces that neither training nor validation ever saw.

    python blindTest.py --traces 500              classical methods, both problems
    python blindTest.py --model NETWORK.keras     beside a network, on traces such as it was trained on
    python blindTest.py --by noise                at one noise level after the other; --by wavelet
    pip install pylops                            for the total-variation inversion

Units: trace amplitudes have none, velocity is in ft/s, time in s. Arrays are (n_traces, n_samples).
"""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baseML import BaseMLClass, labelled
from classicalBaselines import (
    DENOISING_BASELINES,
    INVERSION_BASELINES,
    Baseline,
    InversionReference,
    fit_inversion_reference,
    ratio,
    same_shape,
    stream_traces,
)
from dataGeneration import (
    LARGEST_SEED,
    LONGEST_TRACE,
    MOST_TRACES,
    PAIRS,
    SHORTEST_TRACE,
    SNR_LIMITS,
    TRACE_FAMILIES,
    WAVELETS,
    OneSentenceParser,
    check_choice,
    check_flag,
    check_snr,
    check_time,
    check_whole,
    whole_number,
)
from dataPreProcessing import CustomDataGen
from resultFiles import line_of, replace_file

NOISE_LEVELS = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB
VARIANTS = {  # kinds of traces to be tested one after the other: changes of a TraceProtocol
    "wavelet": {name: {"wavelet": code} for code, (name, _) in WAVELETS.items()},
    "noise": {
        **{f"{level:g} dB": {"snr_db": (level, level)} for level in NOISE_LEVELS},
        "no noise": {"snr_db": (SNR_LIMITS[1], SNR_LIMITS[1])},
    },
}
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


# --- Networks


@dataclass(frozen=True)
class TraceProtocol:
    """What traces are like: samples, time step in s, noise level in dB, and for an inversion noise and a gap."""

    n_samples: int = 4096
    dt: float = 0.001
    noisy_data: bool = False
    snr_db: tuple[float, float] | None = None  # None: the paper's
    wavelet: str = "random"  # of TRACE_FAMILIES

    @classmethod
    def of(cls, network: BaseMLClass) -> "TraceProtocol":
        """The traces that a network was trained on. Raises ValueError when what is told of them makes no sense."""
        told = network.provenance
        return cls(
            network.n_samples,
            check_time(network.transform.get("dt", cls.dt), 0.0)[0],
            check_flag("noisy_data", told.get("noisy_data", False)),
            check_snr(told.get("snr_db")),
        )


def blind_traces(
    problem: str, n_traces: int, seed: int = 0, protocol: TraceProtocol | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first traces of a seed's blind stream: x and y (n_traces, n_samples), y in the data's unit.

    No training and no validation of any seed has them. Raises ValueError for a problem, number or protocol that is not
    valid.
    """
    traces = protocol or TraceProtocol()
    names = [of_wavelet(name, traces.wavelet) for name in data_names(problem, traces.noisy_data)]
    size = {"n_samples": traces.n_samples, "dt": traces.dt, "snr_db": traces.snr_db}
    data = stream_traces(seed, "blind", n_traces, names, **size)
    return data[names[0]], data[names[1]]


def of_wavelet(name: str, wavelet: str) -> str:
    """The data that are to one wavelet what ``name`` is to random ones. Raises ValueError for the wavelet."""
    check_choice("wavelet", wavelet, TRACE_FAMILIES)
    return dict(zip(TRACE_FAMILIES["random"], TRACE_FAMILIES[wavelet], strict=True)).get(name, name)


def known_beforehand(problem: str, seed: int, protocol: TraceProtocol) -> InversionReference | None:
    """What the classical methods of a problem have from training traces: for denoising, nothing."""
    if problem != "inversion":
        return None
    return fit_inversion_reference(
        seed,
        n_samples=protocol.n_samples,
        dt=protocol.dt,
        noisy_data=protocol.noisy_data,
        snr_db=protocol.snr_db,
    )


def predict_in_data_units(problem: str, network: BaseMLClass, x: np.ndarray) -> np.ndarray:
    """What a network makes of raw traces, (n_traces, n_samples) in the data's unit.

    Raises ValueError when their length is not the network's.
    """
    scaled = network.provenance.get("scaling_flag", False)
    units = CustomDataGen(gen_type=PROBLEMS[problem].gen_type, scaling_flag=scaled)
    return units.in_data_units(network.predict_result(x))


def blind_test(
    problem: str,
    networks: Mapping[str, BaseMLClass],
    n_traces: int,
    seed: int = 0,
    protocol: TraceProtocol | None = None,
) -> list[Row]:
    """Classical methods and networks (by name) on the blind traces of a seed; rows as of `compare`.

    ``protocol``: that of the networks. Raises ValueError when one of them takes other traces, and as `blind_traces`.
    """
    traces = protocol or TraceProtocol()
    x, y = blind_traces(problem, n_traces, seed, traces)
    predictions = {name: predict_in_data_units(problem, network, x) for name, network in networks.items()}
    return compare(problem, x, y, predictions, traces.dt, seed, known_beforehand(problem, seed, traces))


def variants_of(problem: str, protocol: TraceProtocol) -> list[str]:
    """Those of VARIANTS that the traces have: all, but no noise levels where there is no noise."""
    is_noisy = problem != "inversion" or protocol.noisy_data
    return [by for by in VARIANTS if by != "noise" or is_noisy]


def blind_tests(
    problem: str,
    networks: Mapping[str, BaseMLClass],
    n_traces: int,
    by: str,
    seed: int = 0,
    protocol: TraceProtocol | None = None,
) -> dict[str, list[Row]]:
    """A `blind_test` of each kind of traces of ``by`` (VARIANTS), on the same earth models.

    Raises ValueError as `blind_test` does, and for what is not in VARIANTS, or noise levels of traces without noise.
    """
    check_choice("by", by, VARIANTS)
    start = protocol or TraceProtocol()
    if by not in variants_of(problem, start):
        raise ValueError("inversion is from traces without noise, which have no noise levels; --noisy-data adds noise")
    return {
        name: blind_test(problem, networks, n_traces, seed, replace(start, **change))
        for name, change in VARIANTS[by].items()
    }


def report(problem: str, rows: Sequence[Row], networks: Iterable[str], seed: int = 0) -> str:
    """The table, what was left out, and a sentence on every network, or on the best classical method without any."""
    sentences = [verdict(problem, rows, name, seed) for name in networks]
    best = f"The best classical method is {best_baseline(rows).name}."
    return "\n".join([text_table(problem, rows), *missing_packages(problem), *(sentences or [best])])


def write_csv(path: Path, problem: str, rows: Sequence[Row]) -> None:
    """Write the rows as `csv_rows` has them. Raises OSError."""
    replace_file(path, "".join(map(line_of, csv_rows(problem, rows))))


# --- The script


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of each problem."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problem", choices=tuple(PROBLEMS), help="one problem (default: that of the networks, else both)")
    add("--model", type=Path, action="append", default=[], metavar="FILE", help="a saved network; may be repeated")
    add("--traces", type=whole_number(1, MOST_TRACES), default=200, metavar="N", help="blind traces (default 200)")
    add(
        "--samples",
        type=whole_number(SHORTEST_TRACE, LONGEST_TRACE),
        metavar="N",
        help="samples a trace (default: the networks', else 4096)",
    )
    add("--dt", type=float, help="time step in s (default: the networks', else 0.001)")
    add("--noisy-data", action="store_true", default=None, help="inversion from noisy traces with a gap")
    add(
        "--seed",
        type=whole_number(0, LARGEST_SEED),
        default=0,
        metavar="N",
        help="of the traces and the intervals (default 0)",
    )
    add("--by", choices=VARIANTS, help="a test of each wavelet, or of each noise level (default: one of all)")
    add("--csv", type=Path, metavar="DIR", help="folder to write a CSV file for each problem to")
    options = parser.parse_args(arguments)
    try:
        networks = _named([(path, BaseMLClass.load_model(path)) for path in options.model])
        for problem in _problems(options.problem, networks):
            protocol = _protocol(options, networks)
            size = f"{protocol.n_samples} samples at {1000 * protocol.dt:g} ms"
            print(f"{problem.capitalize()}, {options.traces} blind traces of seed {options.seed}, {size}", flush=True)
            if options.by:
                tests = blind_tests(problem, networks, options.traces, options.by, options.seed, protocol)
                print(
                    "\n".join([text_table_of_all(problem, tests), *missing_packages(problem)]), end="\n\n", flush=True
                )
            else:
                tests = {"": blind_test(problem, networks, options.traces, options.seed, protocol)}
                print(report(problem, tests[""], networks, options.seed), end="\n\n", flush=True)
            for name, rows in tests.items() if options.csv else ():
                options.csv.mkdir(parents=True, exist_ok=True)
                write_csv(options.csv / f"blind_test_{'_'.join(f'{problem} {name}'.split())}.csv", problem, rows)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _named(networks: Sequence[tuple[Path, BaseMLClass]]) -> dict[str, BaseMLClass]:
    """The networks by their labels, by their files' names where two have the same label."""
    labels = [labelled(network.config, network.transform["transform_type"]).rstrip("_") for _, network in networks]
    return {
        label if labels.count(label) == 1 else path.stem: network
        for label, (path, network) in zip(labels, networks, strict=True)
    }


def _problems(asked: str | None, networks: Mapping[str, BaseMLClass]) -> list[str]:
    """The problems to be tested. ValueError when networks are of another one, or of several."""
    trained_for = {network.provenance.get("problem", asked) for network in networks.values()} - {None}
    if len(trained_for | ({asked} - {None})) > 1:
        found = ", ".join(sorted(trained_for))
        raise ValueError(f"the networks are for {found}{f', not {asked}' if asked else ''}; one problem is needed")
    if networks and not trained_for:
        raise ValueError("the networks do not say what problem they are for; --problem does")
    return [*trained_for] or ([asked] if asked else [*PROBLEMS])


def _protocol(options: argparse.Namespace, networks: Mapping[str, BaseMLClass]) -> TraceProtocol:
    """The traces that the options ask for, else those of the networks. ValueError when these differ."""
    protocols = {name: TraceProtocol.of(network) for name, network in networks.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError("the networks were trained on different traces: " + "; ".join(map(str, protocols.values())))
    asked = {"n_samples": options.samples, "dt": options.dt, "noisy_data": options.noisy_data}
    start = next(iter(protocols.values()), TraceProtocol())
    return replace(start, **{name: value for name, value in asked.items() if value is not None})


if __name__ == "__main__":
    main()
