"""What classical methods know of the records of a seed, and how networks stand beside them in a report.

    seed -> training and validation records of its streams -> fitted methods, each with the band of its errors
    networks and methods -> the blind records of a seed -> tables by period and paired differences

Methods are fitted once for each seed and remembered, as tables and figures ask again.
"""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from baseML import BaseMLClass
from dataGeneration import stream_generator
from dataPreProcessing import TraceProtocol
from evaluation.baselines import Baseline
from evaluation.blind import Networks
from evaluation.task import Task
from problems.broadband.comparison import WAYS_BLOCK, Row, pairs_in_words, row_of, table, table_of_periods
from problems.broadband.ensemble_network import EnsembleNetwork
from problems.broadband.ensembles import measured, table_of_ensembles
from problems.broadband.parts import SHORT_PERIODS, Part, Parts, Seen, make_part, seen_in
from problems.broadband.spectral import BAND, METHODS, Learned, Prediction
from problems.broadband.waveforms import WAYS, Given, match_spectrum, stochastic_motion
from support.files import line_of, replace_file

N_TRAINING, N_VALIDATION = 2000, 500  # records
N_COMPARED = 100  # blind records, of which ensembles are made
N_MEMBERS, N_LIKELIEST = 20, 5  # of the ensembles of networks, with spectra that are drawn and with the likeliest one
N_STOCHASTIC = 5  # of the ensembles of the stochastic method
COMPARED = (  # the methods that are fitted beside networks; `benchmarks/bench_broadband.py` has all of them
    "mean spectrum",
    "ridge, spectrum of x",
    "published network",
    "ridge, spectrum and energy",
    "dense network 64-32, spectrum and energy",
    "extra trees, spectrum and energy",
)


class Known:
    """The records of a seed that methods know, and ``fitted``: the methods of these names, by name."""

    def __init__(self, seed: int, names: Iterable[str], n_training: int, n_validation: int) -> None:
        self.seed = seed
        self.training = make_part(seed, "training", n_training)
        self.validation = make_part(seed, "validation", n_validation)
        self._last: tuple[object, Seen | None] = None, None
        self.fitted = {name: METHODS[name]().fit(self.training, self.validation) for name in names}

    def __getitem__(self, name: str) -> Learned:
        """Return a fitted method."""
        return self.fitted[name]

    def seen(self, x: np.ndarray) -> Seen:
        """Return what x (n, 4096, 3) shows; that of the last one is remembered, as each method asks for it."""
        key = x.shape, hashlib.sha256(np.ascontiguousarray(x)).digest()
        if key != self._last[0]:
            self._last = key, seen_in(x.transpose(0, 2, 1))
        return self._last[1]


@functools.lru_cache(maxsize=2)
def known_of(seed: int, names: tuple[str, ...] = COMPARED, n_training: int = N_TRAINING) -> Known:
    """Return what the methods of these names know of the records of a seed."""
    return Known(seed, names, n_training, min(n_training, N_VALIDATION))


def known(seed: int, protocol: TraceProtocol) -> Known:
    """Return the same for all methods, as a `Task` asks for it."""
    return known_of(seed)


def baseline_of(name: str) -> Baseline:
    """Return a method as a row of the tables of all problems; what is known gives the fitted one by its name."""
    return Baseline(lambda x, known: known[name].predict(known.seen(x)).median)


SPECTRAL_BASELINES = {name[0].upper() + name[1:]: baseline_of(name) for name in COMPARED}


class NetworkMethod:
    """A trained network as one of the methods, with the band of its errors on validation records."""

    def __init__(self, network: BaseMLClass, validation: Part) -> None:
        self.network = network
        self.band = np.percentile(validation.target - self._median(validation), BAND, axis=0)

    def _median(self, part: Part) -> np.ndarray:
        return self.network.predict_result(part.x.transpose(0, 2, 1)).astype(np.float64)

    def predict(self, part: Part) -> Prediction:
        """Return log10 PSA of a part, and the band around it."""
        median = self._median(part)
        return Prediction(median, *(median + end for end in self.band))


# --- Whole records


def ways_beside(known: Known, test: Part, seed: int) -> dict[str, np.ndarray]:
    """Return records of the classical ways, (n, n_members, 3, n_samples): one for each x, or N_STOCHASTIC of them.

    The stochastic ones are matched to the spectra of the published network, as Paolucci and others (2018) do it.
    """
    parts = Parts(known.training, known.validation, test)
    of_motion, of_ways = stream_generator(seed, "blind", block=WAYS_BLOCK).spawn(2)
    predicted = known["published network"].predict(test).median
    given = Given(parts, {}, np.empty(0), of_ways)
    stochastic = [
        match_spectrum(test.x, stochastic_motion(parts, rng), predicted) for rng in of_motion.spawn(N_STOCHASTIC)
    ]
    one_each = {name: WAYS[name](given)[:, None] for name in ("x alone", "nearest training record")}
    return one_each | {"stochastic, matched to the published network": np.stack(stochastic, axis=1)}


def ensembles_beside(
    task: Task, makers: Mapping[str, EnsembleNetwork], test: Part, seed: int
) -> tuple[dict[str, np.ndarray], str]:
    """Return the ensembles of the classical ways and of networks on records of a test, and the table of them.

    Those of each network are there twice: with spectra that are drawn, and with the likeliest one, which is what may
    stand beside a way that makes one record.
    """
    made = ways_beside(task.known(seed, task.usual_protocol), test, seed)
    for name, network in makers.items():
        made[name] = network.records(test.x, N_MEMBERS, seed)
        made[f"{name}, likeliest spectrum"] = network.records(test.x, N_LIKELIEST, seed, drawn=False)
    return made, table_of_ensembles({name: measured(records, test) for name, records in made.items()})


# --- Report


def rows_beside(task: Task, networks: Networks, n_test: int, seed: int) -> tuple[list[Row], Part]:
    """Return the rows of the classical methods and of networks on the blind records of a seed, and these."""
    found: Known = task.known(seed, task.usual_protocol)
    methods = found.fitted | {name: NetworkMethod(network, found.validation) for name, network in networks.items()}
    test = make_part(seed, "blind", n_test)
    return [row_of(name, method, test) for name, method in methods.items()], test


def appendix(
    task: Task,
    networks: Networks,
    n_test: int,
    seed: int,
    protocol: TraceProtocol,
    folder: Path | None = None,
) -> str:
    """Return tables by period with the bands of all methods, and paired differences; ``folder`` gets them as CSV."""
    rows, test = rows_beside(task, networks, n_test, seed)
    of_networks = [row for row in rows if row.name in networks]
    parts = [table(rows), *(table_of_periods(row, test) for row in of_networks)]
    parts += [pairs_in_words(rows, row.name) for row in of_networks]
    if makers := {name: network for name, network in networks.items() if isinstance(network, EnsembleNetwork)}:
        parts.append(ensembles_beside(task, makers, test.take(slice(N_COMPARED)), seed)[1])
    text = "\n".join(f"\n{part}" for part in parts)
    if folder is None:
        return text
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "broadband_scores.csv"
    replace_file(path, "".join(map(line_of, _csv_rows(rows))))
    return f"{text}\nBy period     {path}"


def _csv_rows(rows: Sequence[Row]) -> list[list[object]]:
    """Return the rows for a CSV file, headings first: all scores with all digits."""
    periods = [f"rms at {period:g} s" for period in SHORT_PERIODS]
    lines: list[list[object]] = [["Method", "rms of log10 PSA", "low", "high", *periods, "Bias", "Band"]]
    for row in rows:
        of_periods = np.sqrt(np.mean(row.errors**2, axis=0))
        lines.append([row.name, *row.rms, *of_periods, row.errors.mean(), row.coverage])
    return lines
