"""Reads the networks of a results tree, and rates them on blind traces beside classical methods."""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from baseML import BaseMLClass
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_test, blind_traces
from evaluation.comparison import Row, best_baseline, compare
from hpo.names import LETTERS
from hpo.pairs import content_of, tested_on
from hpo.problem import Problem
from hpo.results.grid import MissingError, read_history
from hpo.tree import ResultsTree
from networks.rows import NetworkConfig
from networks.size import estimate
from problems.own_pairs import Pairs
from support.bootstrap import Interval
from support.errors import UserError

BASELINE_TRACES = 50
LONGEST_SOURCE = 40  # characters of a legend
ORIGINS = {"manual": "grid search", "final_model": "{}, final model", "model_update": "{}, trained on"}  # in words
LONGEST_NAME = 26  # letters of a study's name in a figure


@dataclass(frozen=True)
class FinalNetwork:
    """The best network of an approach."""

    approach: str
    network: BaseMLClass | None  # None when it cannot be loaded
    provenance: Mapping[str, object]  # the settings of its training, empty where they are unknown
    history: pd.DataFrame | None  # epoch (from 0), val_loss
    lacks: str = ""  # says what is missing


def final_label(problem: Problem, final: FinalNetwork) -> str:
    """The approach of a final network and whose configuration it has, where that is known, for legends."""
    owner = final.provenance.get("owner")
    if owner in (None, "manual"):
        return final.approach
    source = problem.source(final.provenance.get("from_study") if owner == "final_model" else owner)
    return f"{final.approach}, {source if len(source) <= LONGEST_SOURCE else f'{source[:LONGEST_SOURCE]}..'}"


def read_final_networks(tree: ResultsTree, approaches: Sequence[str]) -> list[FinalNetwork]:
    """Read the final network of each approach that has one; a network that was trained again precedes the search's."""
    found = [network for approach in approaches if (network := _final_network(tree, approach))]
    if not found:
        folders = " or ".join(str(tree.final_model(approach)) for approach in approaches)
        raise MissingError(f"final networks: there is none in {folders}", "final_model")
    return found


def _final_network(tree: ResultsTree, approach: str) -> FinalNetwork | None:
    folder = tree.final_model(approach)
    described = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, OSError):
            training = json.loads(path.read_text(encoding="utf-8"))["run"]
            if "updated_from" not in training:
                rank = training.get("owner") != "final_model", float(training["validation_loss"])
                described.append((rank, path.stem, training))
    if described:
        _, stem, training = min(described, key=lambda network: network[0])
        history = read_history(folder / f"{stem}_log.csv")
        try:
            return FinalNetwork(approach, BaseMLClass.load_model(folder / f"{stem}.keras"), training, history)
        except ValueError as error:
            return FinalNetwork(approach, None, training, history, f"network of {approach}: {error}")
    histories = (read_history(path) for path in sorted(folder.glob("*_log.csv")))
    history = next((history for history in histories if history is not None), None)
    lacks = f"network of {approach}: there is none in {folder} that can be loaded (.keras, with its .json)"
    return None if history is None else FinalNetwork(approach, None, {}, history, lacks)


@dataclass(frozen=True)
class BlindTraces:
    """Traces that no training saw, with the predictions of networks and of the best classical method.

    All arrays but ``time`` are (n_traces, n_values), in the unit of the problem.
    """

    time: np.ndarray  # two-way time of the input in s, (n_samples,)
    actual: np.ndarray
    predictions: dict[str, np.ndarray]

    @property
    def are_traces(self) -> bool:
        """Whether a prediction has a value for every sample of the input."""
        return self.actual.shape[1] == self.time.size


def predict_blind_traces(problem: Problem, networks: Sequence[FinalNetwork]) -> BlindTraces:
    """Predict blind traces: the first one, or the first BASELINE_TRACES where a prediction is not a trace.

    The predictions are those of every network that was loaded, and of the classical method that is best on
    BASELINE_TRACES blind traces. Raises MissingError when there is no network, or when the networks were trained on
    traces that cannot be compared.
    """
    loaded = {final.approach: final.network for final in networks if final.network is not None}
    if not loaded:
        raise MissingError("blind trace: no final network could be loaded")
    protocol, *others = {TraceProtocol.of(network) for network in loaded.values()}
    if others:
        raise MissingError("blind trace: the final networks were trained on different traces")
    try:
        problem, pairs = tested_on(problem, loaded.values())
    except (ValueError, UserError) as error:
        raise MissingError(f"blind trace: {error}") from error
    x, y = blind_traces(problem, n_shown_of(problem, pairs), protocol=protocol)
    known = problem.known(0, protocol)
    best = best_baseline(problem, compare(problem, x, y, {}, known)).name
    n_shown = 1 if y.shape[1] == x.shape[1] else len(x)
    x, y = x[:n_shown], y[:n_shown]
    predictions = {approach: network.predict_result(x) for approach, network in loaded.items()}
    predictions[best] = problem.baselines[best].estimate(x, known)
    return BlindTraces(np.arange(x.shape[1]) * protocol.dt, y, predictions)


@dataclass(frozen=True)
class RatedNetwork:
    """A network, how good it is on blind traces, and what it costs."""

    name: str  # one of its own among the networks of a figure
    arch_type: str
    score: Interval  # the headline metric of the problem
    row: Row  # of the comparison
    parameters: int
    operations: float  # multiplications and additions of its whole training, without validation


def rate_networks(problem: Problem, tree: ResultsTree, notes: list[str]) -> tuple[list[RatedNetwork], list[Row]]:
    """Rate the networks of a tree that were trained on alike traces, and the classical methods, on blind traces.

    ``notes`` receives one sentence for each network that is left out. Raises MissingError when no network is left.
    """
    loaded = {}
    for path in sorted(tree.root.glob("Final_Model/*/*.keras")):
        try:
            network = BaseMLClass.load_model(path)
            traces = TraceProtocol.of(network), content_of(network)
            loaded[path] = network, traces, _training_operations(network, path)
        except (ValueError, LookupError, TypeError) as error:
            notes.append(f"network {path.name}: {error}")
    if not loaded:
        raise MissingError(f"networks: there is none in {tree.root / 'Final_Model'} that can be loaded", "optuna")
    most = Counter(traces for _, traces, _ in loaded.values()).most_common(1)[0][0]
    alike = {}
    for path, (network, own, _) in loaded.items():
        if own == most:
            alike[path] = network
        else:
            notes.append(f"network {path.name}: it was trained on other traces than most")
    named = {str(path): network for path, network in alike.items()}
    try:
        problem, pairs = tested_on(problem, named.values())
    except (ValueError, UserError) as error:
        raise MissingError(f"networks: {error}") from error
    rows = blind_test(problem, named, n_shown_of(problem, pairs), 0, most[0])
    by_path = {row.name: row for row in rows if row.kind == "network"}
    networks = [
        RatedNetwork(
            name=name,
            arch_type=network.config.arch_type,
            score=by_path[str(path)].scores[problem.headline.name],
            row=by_path[str(path)],
            parameters=network.get_model().count_params(),
            operations=loaded[path][2],
        )
        for name, (path, network) in zip(_names(alike), alike.items(), strict=True)
    ]
    return networks, [row for row in rows if row.kind != "network"]


def sizes_of(config: NetworkConfig) -> list[str]:
    """Return the sizes that a network depends on, with the paper's letters: L2, F16, K8."""
    return [f"{letter}{getattr(config, name)}" for letter, name in LETTERS.items() if config.depends_on(name)]


def _names(networks: Mapping[Path, BaseMLClass]) -> list[str]:
    """Return names for networks: the type and where it comes from, with sizes or a number where these are alike."""
    names = [f"{network.config.arch_type}, {_origin(path, network.provenance)}" for path, network in networks.items()]
    for addition in (lambda number, config: " ".join(sizes_of(config)), lambda number, config: f"no. {number}"):
        counts, known = Counter(names), list(names)
        names = [
            name if counts[name] == 1 else f"{name}, {addition(known[: place + 1].count(name), network.config)}"
            for place, (name, network) in enumerate(zip(names, networks.values(), strict=True))
        ]
    return names


def _origin(path: Path, provenance: Mapping[str, object]) -> str:
    """Return where a network comes from: the study or the mode that trained it, and the traces if they are unusual."""
    owner, study = provenance.get("owner"), provenance.get("from_study")
    words = ORIGINS.get(owner, f"study {_shortened(str(owner))}" if owner else "{}")
    found = words.format(f"study {_shortened(str(study))}" if study else path.parent.name)
    return found + (", published traces" if provenance.get("generation") == "published" else "")


def _shortened(name: str) -> str:
    """Return a long name without its middle: the date in front and the letters at the end tell it from others."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 7]}…{name[-6:]}"


def n_shown_of(problem: Problem, pairs: Pairs | None = None) -> int:
    """The number of blind traces of a figure: BASELINE_TRACES or that of the problem, but no trace of a file twice."""
    usual = problem.n_blind or BASELINE_TRACES
    return min(usual, pairs.n_blind) if pairs else usual


def _training_operations(network: BaseMLClass, path: Path) -> float:
    """Count the operations of the training that is described beside a network.

    Raises LookupError or TypeError where no training is described.
    """
    training, history = network.provenance, read_history(path.with_name(f"{path.stem}_log.csv"))
    epochs = training["num_epochs"] if history is None else len(history)
    shape = (network.n_samples, network.n_channels, network.n_outputs)
    step = estimate(network.config, *shape, batch_size=training["batch_size"]).operations
    return step * epochs * training["num_datasets"] / training["batch_size"]
