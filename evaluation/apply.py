"""A network applied to a whole file of traces, block by block: the answer goes into a copy of the file."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baseML import BaseMLClass
from dataFiles import TraceFile
from networks.prediction import SAMPLES_PER_BLOCK, Findings
from support.errors import UserError
from support.stopping import check_stop
from support.words import number_of
from traces.checks import SHORTEST_TRACE
from traces.live import Live, examine
from traces.resampling import interval_ratio
from traces.units import VELOCITY_UNITS

SCALED_ON = 500  # traces, evenly spaced over the file, that decide about the scale
PICTURED = 500  # neighbouring traces, from the middle of the file, that the report is about
MOST_SAMPLES = 10_000_000  # of a trace at the network's interval, which still fit into a laptop's memory
FASTEST_VELOCITY = 30_000.0  # ft/s, the largest that a network is trained to answer


@dataclass(frozen=True)
class Background:
    """The background velocities of the traces of a file: a log for each of them, or one for all."""

    file: TraceFile
    unit: str = "ft/s"  # of the file, one of VELOCITY_UNITS

    def check(self, traces: TraceFile) -> None:
        """Raise UserError unless the logs belong to these traces."""
        file, path = self.file, str(self.file.path)
        if file.domain == "depth":
            raise UserError(f"the background {path!r} is in depth, and the traces are in two-way time")
        if file.n_samples != traces.n_samples or file.n_traces not in (1, traces.n_traces):
            raise UserError(
                f"the background {path!r} holds {number_of(file.n_traces, 'log')} of "
                f"{number_of(file.n_samples, 'sample')}, and the traces of {str(traces.path)!r} need "
                f"{traces.n_traces}, or one for all, of {number_of(traces.n_samples, 'sample')}"
            )
        if file.dt is not None and not math.isclose(file.dt, traces.dt, rel_tol=1e-6):
            raise UserError(
                f"the background {path!r} has a sampling interval of {file.dt:g} s, and the traces have {traces.dt:g} s"
            )

    def read(self, first: int, end: int) -> np.ndarray:
        """The logs of the traces from number ``first`` to before ``end``, in ft/s: as many, or one for all of them."""
        return self.file.read(*((0, 1) if self.file.n_traces == 1 else (first, end))) * VELOCITY_UNITS[self.unit]


@dataclass(frozen=True)
class Plan:
    """How a network is applied to a file."""

    network: BaseMLClass
    file: TraceFile
    scale: float = 1.0  # that traces are multiplied by, for an answer in another quantity
    per_unit: float = 1.0  # by which that answer is multiplied, to be in the unit asked for
    background: Background | None = None

    @property
    def answers_traces(self) -> bool:
        return self.network.training_data().answers_traces

    def background_of(self, first: int, traces: np.ndarray) -> np.ndarray | None:
        """The backgrounds of traces from number ``first`` on, of their shape, in ft/s; None where there are none."""
        logs = self.background and self.background.read(first, first + len(traces))
        return None if logs is None else np.broadcast_to(logs, traces.shape)

    def answer(self, traces: np.ndarray, live: Live, background: np.ndarray | None) -> np.ndarray:
        """What the network makes of traces (n_traces, n_samples) and their background, in its own unit."""
        return self.network.answer(traces, live, self.file.dt, self.scale, background)

    def in_unit(self, made: np.ndarray) -> np.ndarray:
        """An answer in the unit asked for."""
        return made if self.answers_traces else made * self.per_unit


@dataclass(frozen=True)
class Applied:
    """What came of it."""

    findings: Findings
    seconds: float
    n_clipped: int  # samples beyond what the file's format holds, which became its largest or smallest value


def plan_for(
    network: BaseMLClass,
    file: TraceFile,
    scale: float | None,
    reverse: bool,
    unit: str,
    background: Background | None = None,
) -> Plan:
    """How a network is to be applied; ``unit`` is one of VELOCITY_UNITS, ``reverse`` is for the other polarity.

    ``scale`` None is the scale of the pairs from files that the network was trained on; without such pairs it makes the
    median deviation of the traces that of the training. Raises UserError as `check_in_time` does, for a network whose
    answer is neither a trace nor a velocity, and for a background that is missing, not needed, or does not belong to
    the traces.
    """
    check_in_time(file, network.dt)
    trained = network.training_data()
    if background is None and trained.background is not None:
        raise UserError("the network was trained with a background: --background FILE with velocities is needed")
    if background is not None:
        if trained.background is None:
            raise UserError("--background is for networks that were trained with one, and this network was not")
        background.check(file)
    if trained.answers_traces:
        return Plan(network, file)
    if trained.unit not in VELOCITY_UNITS:
        raise UserError("only networks that answer with a trace or a velocity can be applied to a file")
    if scale is None:
        of_pairs = (network.provenance.get("pairs") or {}).get("scale")
        scale = of_pairs or trained.median_deviation / _median_deviation(file)
    return Plan(network, file, -scale if reverse else scale, 1 / VELOCITY_UNITS[unit], background)


def check_in_time(file: TraceFile, network_dt: float) -> None:
    """UserError for a file in depth, without an interval, or with traces that are too short or too long.

    ``network_dt`` is the interval (s) to which its traces are resampled.
    """
    if file.domain == "depth":
        raise UserError(
            f"{str(file.path)!r} is in depth, and the networks are for traces in two-way time; convert it to time first"
        )
    if file.dt is None:
        raise UserError(f"{str(file.path)!r} has no sampling interval; --dt gives it, in s")
    n_samples = int(file.n_samples * max(1.0, float(interval_ratio(file.dt, network_dt))))
    if file.n_samples < SHORTEST_TRACE or n_samples > MOST_SAMPLES:
        raise UserError(
            f"the traces of {str(file.path)!r} have {number_of(file.n_samples, 'sample')}, {n_samples} at the interval "
            f"of the network; {SHORTEST_TRACE} to {MOST_SAMPLES} are valid"
        )


def evenly_spread(n_traces: int, at_most: int) -> np.ndarray:
    """The numbers of traces that are evenly spread over ``n_traces``, the first and the last one among them.

    >>> evenly_spread(10, 4).tolist(), evenly_spread(2, 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    return np.unique(np.linspace(0, n_traces - 1, min(n_traces, at_most)).astype(int))


def _median_deviation(file: TraceFile) -> float:
    """The median deviation of traces that are evenly spaced over the file; 1 where all of them are dead."""
    places = map(int, evenly_spread(file.n_traces, SCALED_ON))
    found = [float(examine(file.read(place, place + 1)).deviation[0]) for place in places]
    return float(np.median([deviation for deviation in found if deviation > 0] or [1.0]))


def apply(plan: Plan, output: Path, progress: Callable[[int], object] = lambda n_traces: None) -> Applied:
    """Write what the network makes of a file to a copy of it, ``output``, which takes its name when it is complete.

    ``progress`` is called with the number of traces of every block. Dead traces keep their bytes. Raises ValueError for
    an output that cannot be written, KeyboardInterrupt when the process was asked to stop.
    """
    file, started = plan.file, time.perf_counter()
    format_of_output = file.stored.format if output.suffix.lower() == file.path.suffix.lower() else None
    if format_of_output and not plan.answers_traces:
        try:
            format_of_output.encoded(np.full((1, 1), FASTEST_VELOCITY * plan.per_unit))
        except ValueError as error:
            raise UserError(f"{error}; an --output that ends with .npy holds velocities") from error
    finer = max(1.0, float(interval_ratio(file.dt, plan.network.dt)))
    n_rows = max(1, int(SAMPLES_PER_BLOCK / (file.n_samples * finer)))
    findings, n_clipped = Findings(), 0
    with file.copying(output) as copy:
        for first, traces in file.blocks(n_rows):
            check_stop()
            live = examine(traces)
            findings.add(live)
            background = plan.background_of(first, traces)
            findings.add_background(background, live, plan.network.training_data())
            made = plan.answer(traces, live, background)
            findings.add_answers(made, plan.network.training_data())
            made = plan.in_unit(made)
            if format_of_output:
                fitting = np.clip(made, format_of_output.lowest, format_of_output.highest)
                n_clipped += int(np.count_nonzero((fitting != made) & ~live.is_dead[:, None]))
                made = fitting
            for begin, end in _runs(~live.is_dead):
                copy.write(first + begin, made[begin:end])
            progress(len(traces))
    return Applied(findings, time.perf_counter() - started, n_clipped)


def _runs(is_true: np.ndarray) -> list[tuple[int, int]]:
    """First place, and place after the last one, of each row of true values.

    >>> _runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_true, [False]]).astype(int)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def shown_traces(file: TraceFile) -> tuple[int, int]:
    """The first and the end of the neighbouring traces that a report is about, from the middle of the file."""
    n_shown = min(file.n_traces, PICTURED)
    first = (file.n_traces - n_shown) // 2
    return first, first + n_shown
