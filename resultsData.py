"""What a results tree holds, as data frames: the grid, repeated trainings, studies, final networks.

    tree of PAPER's layout, ours or the published archive's -> tables, trials, importances, predictions of a blind trace

Reading and computing only; `resultsPlotting` draws. Hyperparameters have the names that they have in the studies.
A part that is missing, or cannot be used, raises MissingError with one sentence; nothing in the tree is changed.
"""

import contextlib
import functools
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import baseML  # first: it keeps TensorFlow's start-up messages off the screen
import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, json_to_distribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

import blindTest
from baseML import BaseMLClass
from blindTest import Interval, Row, TraceProtocol, best_baseline, compare
from hpoFixed import APPROACHES
from hpoSearch import is_of
from hpoSettings import PAPER_BASE, Problem, ResultsTree, UserError, public_url
from hpoStorage import open_to_read

PARAMETERS = {  # of a network: readable names
    "arch_type": "network type",
    "num_layers": "layers",
    "num_dnn": "dense units",
    "num_dil": "largest dilation",
    "num_filt": "filters",
    "krnl_size": "kernel size",
    "pool_val": "pooling",
    "num_lstm": "LSTM units",
    "Learning Rate": "learning rate",
}
OTHER_NAMES = {  # of what else a study may search
    **{"norm": "normalisation", "standard_units": "standard units", "optimizer": "optimiser"},
    **{"weight_decay": "weight decay", "batch_size": "batch size", "loss": "lowest validation loss"},
}
COLUMNS = {  # of the published tables: the study's names; dilation and LSTM units come from the model's label
    **{"Type": "arch_type", "LYR": "num_layers", "DNN": "num_dnn", "FIL": "num_filt", "KRNL": "krnl_size"},
    **{"POL": "pool_val", "Learning Rate": "Learning Rate", "Validation Loss": "loss"},
}
LABEL = re.compile(r"_DIL(?P<num_dil>\d+)_.*_LSTM(?P<num_lstm>\d+)_")
TIE = 0.01  # share of the lowest loss; within it the smaller network is taken, as in the paper's Table 4
FEWEST_FOR_IMPORTANCE = 3  # trained trials
KINDS = {  # of trials, in the words of a caption
    "trained": "trained",
    "skipped": "skipped as too large",
    "pruned": "pruned",
    "failed": "failed",
    "running": "running",
    "waiting": "waiting",
}


BASELINE_TRACES = 50
OWNERS = {"manual": "search", "final_model": "trained again", "model_update": "trained on"}  # of networks, for the eye
UNFINISHED = {TrialState.RUNNING: "running", TrialState.WAITING: "waiting"}


class MissingError(Exception):
    """A part of the results that is not there or cannot be used; the message says which, and why."""


# --- Tables


def _read_table(path: Path, what: str, numbers: Sequence[str], words: Sequence[str] = ()) -> pd.DataFrame:
    """A table with at least these columns; rows without a finite loss, of failed trainings, are left out."""
    table = _read_csv(path, what)
    lacking = [name for name in (*words, *numbers) if name not in table]
    if lacking:
        raise MissingError(f"{what}: {path} lacks the column {' and the column '.join(map(repr, lacking))}")
    for name in numbers:
        found = pd.to_numeric(table[name], errors="coerce")
        odd = table.loc[found.isna() & table[name].notna(), name]
        if len(odd):
            raise MissingError(f"{what}: {path} has {odd.iloc[0]!r} in the column {name!r}, which is no number")
        table[name] = found
    table = _with_losses(table, numbers[-1], path, what)
    empty = [name for name in (*words, *numbers) if table[name].isna().any()]
    if empty:
        raise MissingError(f"{what}: {path} has an empty cell in the column {empty[0]!r}")
    return table


def _read_csv(path: Path, what: str, **options: object) -> pd.DataFrame:
    if not path.is_file():
        raise MissingError(f"{what}: there is no {path}")
    try:
        return pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True, **options)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise MissingError(f"{what}: {path} cannot be read ({str(error).splitlines()[0]})") from error


def _with_losses(table: pd.DataFrame, column: str, path: Path, what: str) -> pd.DataFrame:
    table = table[np.isfinite(table[column])].reset_index(drop=True)
    if table.empty:
        raise MissingError(f"{what}: {path} has no training with a result")
    return table


def read_settings(folder: Path) -> dict[str, object]:
    """The settings that the tables of a folder were made with; empty where they are not kept, as in the archive."""
    try:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def loss_unit(problem: Problem, settings: Mapping[str, object]) -> str:
    """Unit of the losses of trainings with these settings: that of the data, unless the network saw them scaled."""
    return "scaled" if settings.get("scaling_flag") else problem.unit


def read_grid(tree: ResultsTree) -> pd.DataFrame:
    """The grid search: a row a training, with its hyperparameters, its ``loss`` and its ``sweep``.

    ``sweep`` is the parameter whose values the row is one of, "base" for the base configuration of a network, and
    "other" where more than one parameter departs from the base. The base is what most rows have. Every sweep has a
    run of the base configuration of its own, which no column tells: it is the one that stands among, before or behind
    the sweep's other values. A learning rate that the run's own loss history contradicts is taken from there.
    """
    path, what = tree.grid / "search_summary.csv", "grid search"
    numbers = [name for name in COLUMNS if name != "Type"]
    table = _read_table(path, what, numbers, ("Model Name", "Type"))
    if "Num" in table:
        table = table.sort_values("Num", kind="stable")
    grid = table[list(COLUMNS)].rename(columns=COLUMNS)
    labels = table["Model Name"].astype(str)
    found = labels.str.extract(LABEL)
    if found.isna().any(axis=None):
        raise MissingError(f"{what}: {path} has {labels[found.isna().any(axis=1)].iloc[0]!r} for a model's name")
    grid[["num_dil", "num_lstm"]] = found.astype(int)
    grid["Learning Rate"] = _rates_by_history(tree.grid, labels, grid)
    grid = grid.astype({name: int for name in PARAMETERS if name not in ("arch_type", "Learning Rate")})
    grid = grid[[*PARAMETERS, "loss"]].reset_index(drop=True)
    grid["sweep"] = _sweeps(grid)
    return grid


def _rates_by_history(folder: Path, labels: pd.Series, grid: pd.DataFrame) -> pd.Series:
    """The learning rate of each row, from the loss history that has its label and its lowest loss, if there is one."""
    rates = grid["Learning Rate"].copy()
    for path in sorted((folder / baseML.LOSS_HISTORY_FOLDER).glob("*_log.csv")):
        history = _history(path)
        if history is None or "lr" not in history:
            continue
        lowest = history["val_loss"].min()
        own = [path.name.startswith(label) for label in labels] & np.isclose(grid["loss"], lowest, rtol=1e-6)
        rates[own] = history["lr"].iloc[0]
    return rates


def _history(path: Path) -> pd.DataFrame | None:
    """A loss history; None for a file that is none."""
    try:
        history = pd.read_csv(path)
    except (ValueError, OSError):
        return None
    return history if {"epoch", "val_loss"} <= set(history) and len(history) else None


def base_values(grid: pd.DataFrame) -> pd.DataFrame:
    """Base value of every parameter, a row a network type: what most runs of that type have, of equals the first."""
    names = [name for name in PARAMETERS if name != "arch_type"]
    return grid.groupby("arch_type", sort=False)[names].agg(lambda values: values.value_counts(sort=False).idxmax())


def _sweeps(grid: pd.DataFrame) -> pd.Series:
    base, sweeps = base_values(grid), pd.Series("base", index=grid.index)
    names = list(base.columns)
    for arch_type, rows in grid.groupby("arch_type", sort=False):
        departs = rows[names].ne(base.loc[arch_type])  # (n_rows, n_parameters)
        sweeps[rows.index[departs.sum(axis=1) > 1]] = "other"
        single = rows.index[departs.sum(axis=1) == 1]
        sweeps[single] = departs.loc[single].idxmax(axis=1)
        for name in names:
            own = _own_base_run(rows.index, sweeps, rows[name], name)
            if own is not None:
                sweeps[own] = name
    return sweeps


def _own_base_run(order: pd.Index, sweeps: pd.Series, values: pd.Series, name: str) -> int | None:
    """The base run of one sweep, whose values stand in increasing order; None when it has none of its own."""
    where = [place for place, row in enumerate(order) if sweeps[row] == name]
    if not where:
        return None
    base = values[sweeps[order] == "base"]
    if base.empty:
        return None
    smaller = [place for place in where if values[order[place]] < base.iloc[0]]
    place = smaller[-1] + 1 if smaller else where[0] - 1
    if not 0 <= place < len(order) or sweeps[order[place]] != "base":
        return None
    is_first_run = place == 0  # of this network type: it stands for the network type itself
    return None if is_first_run else order[place]


def sweep(grid: pd.DataFrame, name: str) -> pd.DataFrame:
    """The runs of one parameter's sweep, by network type and value; types with one value are left out.

    A sweep without a base run of its own has the network type's first one.
    """
    parts = []
    for arch_type, rows in grid.groupby("arch_type", sort=False):
        part = rows[rows["sweep"] == name]
        base = base_runs(grid).loc[lambda runs, kind=arch_type: runs["arch_type"] == kind]
        if len(part) and not set(base[name]) & set(part[name]):
            part = pd.concat([part, base])
        if part[name].nunique() > 1:
            parts.append(part.sort_values(name, kind="stable"))
    return pd.concat(parts) if parts else grid.iloc[:0]


def base_runs(grid: pd.DataFrame) -> pd.DataFrame:
    """The base run of every network type: its first."""
    return grid[grid["sweep"] == "base"].drop_duplicates("arch_type")


def repeated_base_runs(grid: pd.DataFrame) -> pd.DataFrame:
    """All runs of the base configuration of every network type, those of sweeps too."""
    base = base_values(grid)
    names = list(base.columns)
    return grid[[(row[names] == base.loc[row["arch_type"]]).all() for _, row in grid.iterrows()]]


def best_of_grid(grid: pd.DataFrame) -> dict[str, object]:
    """The grid's best configuration: the network type with the lowest base run, and the best value of each sweep.

    Of values whose losses are within TIE of the lowest, the smallest one is taken.
    """
    base = base_runs(grid)
    if base.empty:
        raise MissingError("best of the grid: it has no run of a base configuration")
    arch_type = base.loc[base["loss"].idxmin(), "arch_type"]
    best = {"arch_type": arch_type, **base_values(grid).loc[arch_type].to_dict()}
    for name in best:
        runs = sweep(grid, name) if name != "arch_type" else grid.iloc[:0]
        runs = runs[runs["arch_type"] == arch_type]
        if len(runs):
            best[name] = runs.loc[runs["loss"] <= (1 + TIE) * runs["loss"].min(), name].min()
    return {name: value for name, value in best.items() if value != 0}  # no dilation, no LSTM


def read_types(tree: ResultsTree) -> pd.DataFrame:
    """The type table: ``arch_type`` and ``loss``, a row a training of the grid."""
    path, what = tree.grid / "type_val_csv.csv", "type table"
    types = _read_csv(path, what, header=None)
    if types.shape[1] != 2:
        raise MissingError(f"{what}: {path} has {types.shape[1]} columns; type and validation loss are needed")
    types.columns = ["arch_type", "loss"]
    types["loss"] = pd.to_numeric(types["loss"], errors="coerce")
    return _with_losses(types, "loss", path, what)


def read_repeatability(tree: ResultsTree) -> pd.DataFrame:
    """The repeated trainings: ``approach`` ("Grid Search" or "Optuna") and ``loss``, a row a training."""
    path = tree.repeatability / "repeatability_summary.csv"
    table = _read_table(path, "repeated trainings", ["Validation Loss"], ["Approach"])
    return table[["Approach", "Validation Loss"]].set_axis(["approach", "loss"], axis=1)


# --- Studies


@dataclass(frozen=True, eq=False)
class StudyResults:
    """A study as it is plotted.

    ``trials``: a row a trial: number, kind (a key of KINDS), score, seconds, and the parameters. ``study``: the
    same trials in memory. ``trained``: only those that count as results.
    """

    name: str
    problem: Problem
    study: optuna.Study
    trained: optuna.Study
    trials: pd.DataFrame
    unit: str  # of the score

    @property
    def parameters(self) -> list[str]:
        """Parameters that the trained trials vary; all that they have when they vary none."""
        known = {name for trial in self.trained.trials for name in trial.params}
        found = [name for name in self.trials.columns if name in known]
        values = self.trials[self.trials["kind"] == "trained"]
        return [name for name in found if values[name].nunique() > 1] or found

    @property
    def best_parameters(self) -> list[str]:
        """Those of `parameters` that the best trial has: a choice may bring parameters that other trials lack."""
        return [name for name in self.parameters if name in self.trained.best_trial.params]

    def left_out(self) -> str:
        """What is not among the trained trials, in words; empty when there is nothing."""
        counts = self.trials["kind"].value_counts()
        return ", ".join(
            f"{counts[kind]} {words}" for kind, words in KINDS.items() if kind in counts and kind != "trained"
        )


def read_study(
    problem: Problem, tree: ResultsTree, storage_url: str | None = None, study_name: str | None = None
) -> StudyResults:
    """One study of a problem: the named one, else the newest, of a storage or of the tree's SQLite files."""
    url = _study_file(problem, tree, study_name) if storage_url is None else storage_url
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            with open_to_read(url, Path(folder)) as storage:
                study = _chosen_study(problem, storage, study_name, url)
                trials, attributes = study.get_trials(), study.user_attrs
        except UserError as error:
            raise MissingError(f"study: {error}") from error
    return study_results(problem, study.study_name, trials, attributes)


def _study_file(problem: Problem, tree: ResultsTree, study_name: str | None) -> str:
    name = study_name or tree.newest_study()
    if name is None or not tree.database(name).is_file():
        what = f"{name}.db" if name else "study (*.db)"
        raise MissingError(f"study: there is no {what} in {tree.search}")
    return tree.storage_url(name)


def _chosen_study(
    problem: Problem, storage: optuna.storages.BaseStorage, study_name: str | None, url: str
) -> optuna.Study:
    summaries = optuna.get_all_study_summaries(storage)
    found = [summary for summary in summaries if is_of(problem, summary) and study_name in (None, summary.study_name)]
    if not found:
        wanted = repr(study_name) if study_name else f"of {problem.name}"
        names = ", ".join(summary.study_name for summary in summaries) or "none"
        raise MissingError(f"study: there is no study {wanted} in {public_url(url)}; there are: {names}")
    newest = max(found, key=lambda summary: summary._study_id)  # dates change with the clock
    return optuna.load_study(study_name=newest.study_name, storage=storage)


def study_results(
    problem: Problem, name: str, trials: Sequence[FrozenTrial], attributes: Mapping[str, object]
) -> StudyResults:
    """The results of a study from its trials and its user attributes."""
    if not trials:
        raise MissingError(f"study: {name} has no trial yet")
    kinds = [trial_kind(trial, problem.skipped_score) for trial in trials]
    rows = [
        {**trial.params, "number": trial.number, "kind": kind, "score": _score(trial), "seconds": _seconds(trial)}
        for trial, kind in zip(trials, kinds, strict=True)
    ]
    table = pd.DataFrame(rows)
    order = ["number", "kind", "score", "seconds", *PARAMETERS]
    columns = sorted(table.columns, key=lambda column: order.index(column) if column in order else len(order))
    trained = [trial for trial, kind in zip(trials, kinds, strict=True) if kind == "trained"]
    return StudyResults(
        name=name,
        problem=problem,
        study=_in_memory(name, trials, attributes),
        trained=_in_memory(name, trained, attributes),
        trials=table[columns],
        unit=loss_unit(problem, attributes),
    )


def trial_kind(trial: FrozenTrial, skipped_score: float) -> str:
    """The kind of a trial, a key of KINDS.

    A study of the published scripts tells a network that was too large by its score alone.
    """
    if trial.state in UNFINISHED:
        return UNFINISHED[trial.state]
    for kind in ("skipped", "failed"):
        if kind in trial.user_attrs:
            return kind
    if trial.state != TrialState.COMPLETE:
        return "pruned" if trial.state == TrialState.PRUNED else "failed"
    if not np.isfinite(trial.value):
        return "failed"
    told = "n_parameters" in trial.user_attrs
    return "skipped" if trial.value == skipped_score and not told else "trained"


def _score(trial: FrozenTrial) -> float:
    return trial.value if trial.state == TrialState.COMPLETE else np.nan


def _seconds(trial: FrozenTrial) -> float:
    """How long a trial took; of a trial that was cut off and trained again, the training that counts."""
    if "seconds" in trial.user_attrs:
        return float(trial.user_attrs["seconds"])
    return trial.duration.total_seconds() if trial.duration else np.nan


def _in_memory(name: str, trials: Iterable[FrozenTrial], attributes: Mapping[str, object]) -> optuna.Study:
    study = optuna.create_study(study_name=name, direction="minimize")
    study.add_trials([trial for trial in trials if trial.state not in UNFINISHED])
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    return study


TARGETS = {"score": lambda trial: trial.value, "duration": _seconds}  # what importances are for


@functools.cache
def importances(results: StudyResults, target: str = "score") -> pd.Series:
    """fANOVA importance of each parameter for the score or for the duration (a key of TARGETS), the largest first.

    Over trained trials alone, those with the parameters of the best; seeded. Raises MissingError when they are too few,
    or all alike.
    """
    names = results.best_parameters if results.trained.trials else []
    usable = [
        trial
        for trial in results.trained.trials
        if np.isfinite(TARGETS[target](trial)) and trial.params.keys() >= set(names)
    ]
    if len(usable) < FEWEST_FOR_IMPORTANCE:
        raise MissingError(
            f"importance for the {target}: {results.name} has {len(usable)} trained trials; "
            f"at least {FEWEST_FOR_IMPORTANCE} are needed"
        )
    if np.ptp([TARGETS[target](trial) for trial in usable]) == 0:
        raise MissingError(f"importance for the {target}: all trained trials of {results.name} are alike")
    found = get_param_importances(
        _in_memory(results.name, usable, {}),
        evaluator=FanovaImportanceEvaluator(seed=0),
        params=names,
        target=TARGETS[target],
    )
    return pd.Series(found, dtype=float).sort_values(ascending=False)


# --- Final networks


@dataclass(frozen=True)
class FinalNetwork:
    """The best network of an approach."""

    approach: str
    network: BaseMLClass | None  # None when there is none that can be loaded
    provenance: Mapping[str, object]  # settings that it was trained with, empty where they are not known
    history: pd.DataFrame | None  # epoch (from 0), val_loss
    lacks: str = ""  # a sentence on what is missing


def read_final_networks(tree: ResultsTree) -> list[FinalNetwork]:
    """The final networks of both approaches, those that are there; of repeated trainings rather than of searches."""
    found = [network for approach in APPROACHES if (network := _final_network(tree, approach))]
    if not found:
        folders = " or ".join(str(tree.final_model(approach)) for approach in APPROACHES)
        raise MissingError(f"final networks: there is none in {folders}")
    return found


def _final_network(tree: ResultsTree, approach: str) -> FinalNetwork | None:
    folder = tree.final_model(approach)
    described = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, OSError):
            told = json.loads(path.read_text(encoding="utf-8"))["run"]
            if "updated_from" not in told:
                described.append((told.get("owner") != "final_model", float(told["validation_loss"]), path.stem, told))
    if described:
        *_, stem, told = min(described, key=lambda known: known[:2])
        history = _history(folder / f"{stem}_log.csv")
        try:
            return FinalNetwork(approach, BaseMLClass.load_model(folder / f"{stem}.keras"), told, history)
        except ValueError as error:
            return FinalNetwork(approach, None, told, history, f"network of {approach}: {error}")
    histories = (_history(path) for path in sorted(folder.glob("*_log.csv")))
    history = next((history for history in histories if history is not None), None)
    lacks = f"network of {approach}: there is none in {folder} that can be loaded (.keras, with its .json)"
    return None if history is None else FinalNetwork(approach, None, {}, history, lacks)


@dataclass(frozen=True)
class BlindTrace:
    """One trace that no training saw, and what networks and the best classical method make of it; all (n_samples,)."""

    time: np.ndarray  # s, two-way
    actual: np.ndarray  # in the unit of the problem
    predictions: dict[str, np.ndarray]


def predict_blind_trace(problem: Problem, networks: Sequence[FinalNetwork]) -> BlindTrace:
    """The first trace of the blind stream, and the prediction of every network that was loaded.

    Beside them is that of the classical method that is best on the first BASELINE_TRACES blind traces. Raises
    MissingError when there is no network, or when they were trained on traces that cannot be compared.
    """
    loaded = {final.approach: final.network for final in networks if final.network is not None}
    if not loaded:
        raise MissingError("blind trace: no final network could be loaded")
    protocol, *others = {TraceProtocol.of(network) for network in loaded.values()}
    if others:
        raise MissingError("blind trace: the final networks were trained on traces of different lengths or noise")
    x, y = blindTest.blind_traces(problem.name, BASELINE_TRACES, protocol=protocol)
    predictions = {
        approach: blindTest.predict_in_data_units(problem.name, network, x[:1])[0]
        for approach, network in loaded.items()
    }
    reference = blindTest.known_beforehand(problem.name, 0, protocol)
    best = best_baseline(compare(problem.name, x, y, {}, protocol.dt, reference=reference)).name
    estimate = blindTest.PROBLEMS[problem.name].baselines[best].estimate
    predictions[best] = estimate(x[:1], reference or protocol.dt)[0]
    return BlindTrace(np.arange(x.shape[1]) * protocol.dt, y[0], predictions)


@dataclass(frozen=True)
class RatedNetwork:
    """A network on blind traces, and what it takes."""

    name: str
    arch_type: str
    score: Interval  # the headline metric of the problem
    parameters: int
    operations: float  # multiplications and additions of its whole training, validation left out


def rate_networks(problem: Problem, tree: ResultsTree, notes: list[str]) -> tuple[list[RatedNetwork], list[Row]]:
    """All networks of the tree that were trained on alike traces, and the classical methods, on blind traces.

    ``notes`` gets a sentence on each network that is left out. Raises MissingError when none is left.
    """
    loaded = {}
    for path in sorted(tree.root.glob("Final_Model/*/*.keras")):
        try:
            network = BaseMLClass.load_model(path)
            loaded[path] = network, TraceProtocol.of(network), _training_operations(network, path)
        except (ValueError, LookupError, TypeError) as error:
            notes.append(f"network {path.name}: {error}")
    if not loaded:
        raise MissingError(f"networks: there is none in {tree.root / 'Final_Model'} that can be loaded")
    protocol = Counter(protocol for _, protocol, _ in loaded.values()).most_common(1)[0][0]
    alike = {}
    for path, (network, own, _) in loaded.items():
        if own == protocol:
            alike[path] = network
        else:
            notes.append(f"network {path.name}: it was trained on other traces than most")
    rows = blindTest.blind_test(
        problem.name, {str(path): network for path, network in alike.items()}, BASELINE_TRACES, 0, protocol
    )
    headline = blindTest.PROBLEMS[problem.name].headline
    scores = {row.name: getattr(row.scores, headline) for row in rows if row.kind == "network"}
    networks = [
        RatedNetwork(
            name=f"{network.config.arch_type}, {path.parent.name}, {_origin(network)}",
            arch_type=network.config.arch_type,
            score=scores[str(path)],
            parameters=network.get_model().count_params(),
            operations=loaded[path][2],
        )
        for path, network in alike.items()
    ]
    return networks, [row for row in rows if row.kind != "network"]


def _origin(network: BaseMLClass) -> str:
    """What trained a network, for the eye."""
    return OWNERS.get(network.provenance.get("owner"), "search")


def _training_operations(network: BaseMLClass, path: Path) -> float:
    """Of the training that is described beside a network. Raises LookupError or TypeError where it is not."""
    told, history = network.provenance, _history(path.with_name(f"{path.stem}_log.csv"))
    epochs = told["num_epochs"] if history is None else len(history)
    shape = (network.n_samples, network.n_channels, network.n_outputs)
    step = baseML.estimate(network.config, *shape, batch_size=told["batch_size"]).operations
    return step * epochs * told["num_datasets"] / told["batch_size"]


# --- Tables 1 to 4


def search_space(problem: Problem, results: StudyResults | None) -> Mapping[str, BaseDistribution]:
    """What a study searches: as it keeps it, as its trials have it, or the paper's."""
    if results is None:
        return problem.search_space
    stored = results.study.user_attrs.get("search_space")
    if stored:
        return {name: json_to_distribution(text) for name, text in stored.items()}
    return {name: kind for trial in results.study.trials for name, kind in trial.distributions.items()}


def table_of_ranges(problem: Problem, results: StudyResults | None, grid: pd.DataFrame | None) -> pd.DataFrame:
    """Tables 1 and 2: of every parameter the range of the search, and the base value and values of the grid."""
    base = PAPER_BASE | {"pool_val": problem.base_pool}
    if grid is not None:
        base |= base_values(grid).max().to_dict()  # of dilation and LSTM units, that of the networks that have any
    rows = [
        {
            "Parameter": readable(name),
            "Search range": describe_range(kind),
            "Base value": short_number(base[name]) if name in base else "-",
            "Grid values": _grid_values(grid, name),
        }
        for name, kind in search_space(problem, results).items()
    ]
    return pd.DataFrame(rows)


def _grid_values(grid: pd.DataFrame | None, name: str) -> str:
    if grid is None or name not in grid:
        return "-"
    values = grid[name].drop_duplicates() if name == "arch_type" else sorted(sweep(grid, name)[name].unique())
    return ", ".join(map(short_number, values)) or "-"


def table_of_best(problem: Problem, results: StudyResults | None, grid: pd.DataFrame | None) -> pd.DataFrame:
    """Tables 3 and 4: the best hyperparameters of the grid and of the study, those that are there."""
    columns = {}
    if grid is not None:
        columns["Grid Search"] = best_of_grid(grid) | {"loss": grid["loss"].min()}
    if results is not None and results.trained.trials:
        best = results.trained.best_trial
        columns["Optuna"] = best.params | {"loss": best.value}
    if not columns:
        raise MissingError("best hyperparameters: there is neither a grid search nor a study with a trained trial")
    networks = {approach: _used_parameters(problem, values) for approach, values in columns.items()}
    present = dict.fromkeys(name for values in networks.values() for name in values)
    names = [name for name in PARAMETERS if name in present]
    names += [name for name in present if name not in (*names, "loss")] + ["loss"]
    rows = [
        {"Parameter": readable(name), **{key: short_number(values.get(name, "-")) for key, values in networks.items()}}
        for name in names
    ]
    return pd.DataFrame(rows)


def _used_parameters(problem: Problem, values: Mapping[str, object]) -> dict[str, object]:
    """The parameters that the network type has a use for."""
    network = baseML.NETWORKS.get((values.get("arch_type"), problem.net_type))
    unused = {"num_dil": network and not network.has_dilation, "num_lstm": network and not network.has_lstm}
    return {name: value for name, value in values.items() if not unused.get(name)}


def readable(name: str) -> str:
    """A parameter's name for the eye; behind the choice that it belongs to, if it does."""
    known = PARAMETERS | OTHER_NAMES
    choice, _, own = name.rpartition(" ") if name not in known else ("", "", name)
    return f"{choice} {known.get(own, own)}".strip()


def describe_range(kind: BaseDistribution) -> str:
    """A search range in words."""
    if isinstance(kind, CategoricalDistribution):
        return ", ".join(map(short_number, kind.choices))
    scale = " (log)" if kind.log else ""
    return f"{short_number(kind.low)} to {short_number(kind.high)}{scale}"


def short_number(value: object) -> str:
    """A value for the eye: five digits at most."""
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 10_000 or float(value).is_integer() else f"{value:.4g}"
