"""What classical methods know of the sequences of a seed, and how networks stand beside them in a report.

    seed -> training and validation sequences of its streams -> fitted methods, each with its threshold
    networks and methods -> blind sequences, and rare earthquakes among others -> tables, paired tests

Methods are fitted once for each seed, and remember what they said of many sequences, as tables and figures ask again.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from baseML import BaseMLClass
from dataGeneration import TRACES_PER_BLOCK, stream_generator
from dataPreProcessing import TraceProtocol
from evaluation.baselines import Baseline
from evaluation.blind import Networks
from evaluation.task import Task
from problems.arrivals.baselines import BASELINES, Method
from problems.arrivals.comparison import N_TRAINING, N_VALIDATION, RARE_SHARE, Fitted, Parts, Row
from problems.arrivals.comparison import fit_baselines, in_pair, rows_of, table, table_of_conditions
from problems.arrivals.generator import KINDS, STATIONS, Sequences, make_sequences
from problems.arrivals.inputs import make_input
from problems.arrivals.scores import best_threshold
from problems.arrivals.transforms import WAYS
from support.files import line_of, replace_file

BLIND_EPOCH, RARE_EPOCH = 0, 1  # of the blind stream; tables have its first
FEWEST_REMEMBERED = 500  # sequences
ALWAYS_COMPARED = "location grid search"
N_OF_CONDITION = 2000  # sequences under each condition
FEWEST_TESTED = 40  # sequences, of which a rare part has 4 earthquakes
Draw = Callable[[np.random.Generator, int], Sequences]


def sequences_of(draw: Draw, stream: str, n: int, seed: int, epoch: int = 0) -> Sequences:
    """Return the first n sequences of an epoch of a stream, as `problems.arrivals.streams` serves them."""
    blocks = [
        draw(stream_generator(seed, stream, epoch, block), min(TRACES_PER_BLOCK, n - first))
        for block, first in enumerate(range(0, n, TRACES_PER_BLOCK))
    ]
    return Sequences(*(np.concatenate(part) for part in zip(*blocks, strict=True)))


def _rare(rng: np.random.Generator, n: int) -> Sequences:
    return make_sequences(rng, n, earthquake_share=RARE_SHARE)


class Remembering:
    """A fitted method that keeps what it said of many sequences."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self._said: dict[bytes, np.ndarray] = {}

    def score(self, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
        """Return the probability (n,) of an earthquake for times (n, 6) in s at stations (6, 2) in km."""
        times = np.asarray(times, np.float32)  # as streams have them
        key = hashlib.sha256(times.tobytes() + stations.tobytes()).digest()
        if key not in self._said:
            found = self.method.score(times, stations)
            if len(times) < FEWEST_REMEMBERED:
                return found
            self._said[key] = found
        return self._said[key]


class NetworkMethod:
    """A trained network as one of the methods of `problems.arrivals.comparison`."""

    def __init__(self, network: BaseMLClass) -> None:
        self.network = network

    def score(self, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
        """Return the probability (n,) float64 of an earthquake for times (n, 6) in s at stations (6, 2) in km."""
        x, way = np.asarray(times, np.float32), WAYS.get(self.network.transform["transform_type"])
        x = x if way is None else make_input(way, x, stations)
        return self.network.predict_result(x)[:, 0].astype(np.float64)


class Known:
    """The sequences of a seed that methods know, and ``fitted``: the methods of these names, by name."""

    def __init__(
        self, seed: int, names: Iterable[str], n_training: int = N_TRAINING, n_validation: int = N_VALIDATION
    ) -> None:
        self.seed = seed
        self.training = sequences_of(make_sequences, "training", n_training, seed)
        self.validation = sequences_of(make_sequences, "validation", n_validation, seed)
        found = fit_baselines(Parts(self.training, self.validation, self.validation, self.validation), names)
        self.fitted = {one.name: one._replace(method=Remembering(one.method)) for one in found}

    def __getitem__(self, name: str) -> Method:
        """Return a fitted method."""
        return self.fitted[name].method

    def parts(self, n_test: int) -> Parts:
        """Return what is known, and ``n_test`` sequences of either test."""
        test = sequences_of(make_sequences, "blind", n_test, self.seed, BLIND_EPOCH)
        rare = sequences_of(_rare, "blind", n_test, self.seed, RARE_EPOCH)
        return Parts(self.training, self.validation, test, rare)

    def fitted_network(self, name: str, network: BaseMLClass) -> Fitted:
        """Return a network with the threshold that the same validation chooses for it; its training is not counted."""
        method = Remembering(NetworkMethod(network))
        threshold = best_threshold(self.validation.labels, method.score(self.validation.times))
        return Fitted(name, method, threshold, float("nan"))


@functools.lru_cache(maxsize=2)
def known_of(seed: int, names: tuple[str, ...] = tuple(BASELINES), n_training: int = N_TRAINING) -> Known:
    """Return what the methods of these names know of the sequences of a seed."""
    return Known(seed, names, n_training, min(n_training, N_VALIDATION))


def known(seed: int, protocol: TraceProtocol) -> Known:
    """Return the same for all methods, as a `Task` asks for it."""
    return known_of(seed)


def baseline_of(name: str) -> Baseline:
    """Return a method as a row of the tables of all problems; what is known gives the fitted one by its name."""
    return Baseline(lambda x, known: known[name].score(x)[:, None])


def title_of(name: str) -> str:
    """Return how tables name a method."""
    return name[0].upper() + name[1:]


ARRIVAL_BASELINES = {title_of(name): baseline_of(name) for name in BASELINES}


# --- Report


def fitted_beside(task: Task, networks: Networks, seed: int, protocol: TraceProtocol) -> dict[str, Fitted]:
    """Return the classical methods of a task and networks by name, with the thresholds of a seed."""
    found: Known = task.known(seed, protocol)
    return found.fitted | {name: found.fitted_network(name, network) for name, network in networks.items()}


def rows_beside(task: Task, networks: Networks, n_test: int, seed: int, protocol: TraceProtocol) -> list[Row]:
    """Return the rows of the classical methods of a task and of networks on the blind sequences of a seed."""
    fitted = fitted_beside(task, networks, seed, protocol)
    return rows_of(fitted.values(), task.known(seed, protocol).parts(n_test))


def appendix(
    task: Task,
    networks: Networks,
    n_test: int,
    seed: int,
    protocol: TraceProtocol,
    folder: Path | None = None,
) -> str:
    """Return tables with the thresholds of validation, by kind and condition, and paired tests; ``folder`` gets CSV.

    Each network is compared with the other networks, the location test and the classical method that is best here.
    """
    if n_test < FEWEST_TESTED:
        return f"Tables by kind and with thresholds need {FEWEST_TESTED} sequences or more."
    fitted = fitted_beside(task, networks, seed, protocol)
    rows = rows_of(fitted.values(), task.known(seed, protocol).parts(n_test))
    classical = [row for row in rows if row.name not in networks]
    best = max(classical, key=lambda row: row.scores.accuracy.value, default=None)
    chosen = [row for row in rows if row.name in networks]
    sentences = []
    for place, row in enumerate(chosen):
        others = [*chosen[place + 1 :], *(one for one in classical if one is best or one.name == ALWAYS_COMPARED)]
        sentences += [in_pair(row, other, seed) for other in others]
    compared = [fitted[name] for name in (*networks, ALWAYS_COMPARED) if name in fitted]
    conditions = table_of_conditions(compared, seed, min(n_test, N_OF_CONDITION))
    text = "\n".join(["", table(rows), "", *sentences, "", conditions])
    if folder is None:
        return text
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "arrivals_scores.csv"
    replace_file(path, "".join(map(line_of, _csv_rows(rows))))
    return f"{text}\nBy threshold  {path}"


def _csv_rows(rows: Sequence[Row]) -> list[list[object]]:
    """Return the rows for a CSV file, headings first: all scores with all digits."""
    kinds = [f"right: {kind}" for kind in KINDS]
    headings = ["Method", "Threshold", "Accuracy", "low", "high", "at 0.5", "Precision", "Recall", "F1"]
    headings += ["AUC", "Average precision", "Log loss", "Brier", "Calibration error", "Precision, rare", *kinds]
    lines: list[list[object]] = [headings]
    for row in rows:
        s = row.scores
        found = [s.threshold, *s.accuracy, row.accuracy_at_half, s.precision, s.recall, s.f1, s.auc]
        found += [s.average_precision, s.log_loss, s.brier, s.calibration_error, row.precision_when_rare]
        lines.append([row.name, *found, *(s.by_kind.get(kind, "") for kind in KINDS)])
    return lines
