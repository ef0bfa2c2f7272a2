"""Reads the tables of a results tree, the grid search and the repeated trainings, and finds the best of a grid."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hpo.names import PARAMETERS
from hpo.problem import Problem
from hpo.sets import SETTINGS
from hpo.tree import ResultsTree
from networks.files import LOSS_HISTORY_FOLDER

# The study's names for the columns of the published tables; dilation and LSTM units stand in the label of the model.
COLUMNS = {
    "Type": "arch_type",
    "LYR": "num_layers",
    "DNN": "num_dnn",
    "FIL": "num_filt",
    "KRNL": "krnl_size",
    "POL": "pool_val",
    "Learning Rate": "Learning Rate",
    "Validation Loss": "loss",
}
LABEL = re.compile(r"_DIL(?P<num_dil>\d+)_.*_LSTM(?P<num_lstm>\d+)_")
# Within this share of the lowest loss the smaller network is taken, as in the paper's Table 4.
TIE = 0.01


class MissingError(Exception):
    """A part of the results is not there or cannot be used; the message says which one, and why.

    ``mode`` is the mode of the run scripts that makes the part, where there is one.
    """

    def __init__(self, message: str, mode: str = "") -> None:
        super().__init__(message)
        self.mode = mode


def _read_table(path: Path, what: str, mode: str, numbers: Sequence[str], words: Sequence[str]) -> pd.DataFrame:
    """Read a table with at least these columns; rows without a finite loss are left out, as their trainings failed."""
    table = _read_csv(path, what, mode)
    lacking = [name for name in (*words, *numbers) if name not in table]
    if lacking:
        raise MissingError(f"{what}: {path} lacks the column {' and the column '.join(map(repr, lacking))}")
    for name in numbers:
        found = pd.to_numeric(table[name], errors="coerce")
        odd = table.loc[found.isna() & table[name].notna(), name]
        if len(odd):
            raise MissingError(f"{what}: {path} has {odd.iloc[0]!r} in the column {name!r}, which is not a number")
        table[name] = found
    table = _with_losses(table, numbers[-1], path, what)
    empty = [name for name in (*words, *numbers) if table[name].isna().any()]
    if empty:
        raise MissingError(f"{what}: {path} has an empty cell in the column {empty[0]!r}")
    return table


def _read_csv(path: Path, what: str, mode: str, **options: object) -> pd.DataFrame:
    if not path.is_file():
        raise MissingError(f"{what}: there is no {path}", mode)
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
    """Return the settings that a folder's tables were made with; empty where none are stored, as in the archive."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def loss_unit(problem: Problem, settings: Mapping[str, object]) -> str:
    """Return the unit of losses with these settings: that of the data, unless the network saw them scaled."""
    return "scaled" if settings.get("scaling_flag") else problem.unit


def traces_sentence(problem: Problem, *settings: Mapping[str, object]) -> str:
    """Return a sentence on how the traces of results with these settings were made, for captions."""
    lines = [problem.traces_line(one, "") for one in settings]
    return f"Traces: {'; '.join(dict.fromkeys(lines))}." if any(lines) else ""


def read_grid(tree: ResultsTree) -> pd.DataFrame:
    """Read the grid search: one row per training, with its hyperparameters, its ``loss`` and its ``sweep``.

    ``sweep`` names the parameter that the row varies; it is "base" for the base configuration of a network type, which
    most rows have, and "other" where more than one parameter departs from the base. Every sweep has a base run of its
    own, which no column marks: it is the one that stands among, before or behind the other values of the sweep. A
    learning rate that the run's own loss history contradicts is taken from that history.
    """
    path, what = tree.grid / "search_summary.csv", "grid search"
    numbers = [name for name in COLUMNS if name != "Type"]
    table = _read_table(path, what, "manual", numbers, ("Model Name", "Type"))
    if "Num" in table:
        table = table.sort_values("Num", kind="stable")
    labels = table["Model Name"].astype(str)
    odd = labels[_sizes_in_labels(table).isna().any(axis=1)]
    if len(odd):
        raise MissingError(f"{what}: {path} has {odd.iloc[0]!r} for a model's name")
    grid = _with_parameters(table)
    grid["Learning Rate"] = _rates_by_history(tree.grid, labels, grid)
    grid = grid.reset_index(drop=True)
    grid["sweep"] = _sweeps(grid)
    return grid


def _sizes_in_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Return the sizes that only the labels of the models have: num_dil and num_lstm."""
    return table["Model Name"].astype(str).str.extract(LABEL)


def _with_parameters(table: pd.DataFrame) -> pd.DataFrame:
    """Return the PARAMETERS and the ``loss`` of the rows of a published table."""
    found = table[list(COLUMNS)].rename(columns=COLUMNS)
    found[["num_dil", "num_lstm"]] = _sizes_in_labels(table).astype(int)
    found = found.astype({name: int for name in PARAMETERS if name not in ("arch_type", "Learning Rate")})
    return found[[*PARAMETERS, "loss"]]


def _rates_by_history(folder: Path, labels: pd.Series, grid: pd.DataFrame) -> pd.Series:
    """Return each row's learning rate, from the loss history with its label and its lowest loss if there is one."""
    rates = grid["Learning Rate"].copy()
    for path in sorted((folder / LOSS_HISTORY_FOLDER).glob("*_log.csv")):
        history = read_history(path)
        if history is None or "lr" not in history:
            continue
        lowest = history["val_loss"].min()
        own = [path.name.startswith(label) for label in labels] & np.isclose(grid["loss"], lowest, rtol=1e-6)
        rates[own] = history["lr"].iloc[0]
    return rates


def read_history(path: Path) -> pd.DataFrame | None:
    """Read a loss history; return None for any other file."""
    try:
        history = pd.read_csv(path)
    except (ValueError, OSError):
        return None
    return history if {"epoch", "val_loss"} <= set(history) and len(history) else None


def base_values(grid: pd.DataFrame) -> pd.DataFrame:
    """Return the base values, one row per network type: each parameter's most frequent value, the first of several."""
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
    """Return the base run of one sweep, whose values stand in increasing order; None when it has none of its own."""
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
    # The first run of a network type stands for the type itself, not for a sweep.
    return None if place == 0 else order[place]


def sweep(grid: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the runs of one parameter's sweep, by network type and value; types with one value are left out.

    A sweep without a base run of its own gets the first base run of the network type.
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
    """Return the base run of every network type, which is its first."""
    return grid[grid["sweep"] == "base"].drop_duplicates("arch_type")


def repeated_base_runs(grid: pd.DataFrame) -> pd.DataFrame:
    """Return all runs of the base configuration of every network type, also those of sweeps."""
    base = base_values(grid)
    names = list(base.columns)
    return grid[[(row[names] == base.loc[row["arch_type"]]).all() for _, row in grid.iterrows()]]


def best_of_grid(grid: pd.DataFrame) -> dict[str, object]:
    """Return the best configuration: the network type with the lowest base run, with the best value of each sweep.

    Among values whose losses are within TIE of the lowest, the smallest one is taken.
    """
    base = base_runs(grid)
    if base.empty:
        raise MissingError("best of the grid: the grid has no run of a base configuration")
    arch_type = base.loc[base["loss"].idxmin(), "arch_type"]
    # A row of different types would make floats of all numbers.
    best = {"arch_type": arch_type, **{name: own[arch_type] for name, own in base_values(grid).items()}}
    for name in best:
        runs = sweep(grid, name) if name != "arch_type" else grid.iloc[:0]
        runs = runs[runs["arch_type"] == arch_type]
        if len(runs):
            best[name] = runs.loc[runs["loss"] <= (1 + TIE) * runs["loss"].min(), name].min()
    # A network type without dilation or LSTM units has 0 there.
    return {name: value for name, value in best.items() if value != 0}


def read_types(tree: ResultsTree) -> pd.DataFrame:
    """Read the type table: ``arch_type`` and ``loss``, one row per training of the grid."""
    path, what = tree.grid / "type_val_csv.csv", "type table"
    types = _read_csv(path, what, "manual", header=None)
    if types.shape[1] != 2:
        raise MissingError(f"{what}: {path} has {types.shape[1]} columns, but needs two: type and validation loss")
    types.columns = ["arch_type", "loss"]
    types["loss"] = pd.to_numeric(types["loss"], errors="coerce")
    return _with_losses(types, "loss", path, what)


def read_repeatability(tree: ResultsTree) -> pd.DataFrame:
    """Read the repeated trainings: ``approach`` ("Grid Search" or "Optuna") and ``loss``, one row per training.

    Where the table describes the networks as that of the grid does, the PARAMETERS stand beside these.
    """
    path = tree.repeatability / "repeatability_summary.csv"
    table = _read_table(path, "repeated trainings", "final_model", ["Validation Loss"], ["Approach"])
    runs = table[["Approach", "Validation Loss"]].set_axis(["approach", "loss"], axis=1)
    if {*COLUMNS, "Model Name"} <= set(table) and _sizes_in_labels(table).notna().all(axis=None):
        with contextlib.suppress(ValueError, TypeError):  # Other columns than the loss may hold anything.
            return runs.join(_with_parameters(table)[list(PARAMETERS)])
    return runs
