"""Makes Tables 1 to 4, the search ranges and the best hyperparameters, in readable names and numbers."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, json_to_distribution

from hpo.names import PARAMETERS, readable
from hpo.problem import Problem, meaningful
from hpo.results.grid import MissingError, base_values, best_of_grid, sweep
from hpo.results.studies import StudyResults
from hpo.run import short_number
from hpo.space import contains, in_words

COMBINED, BEST_RUN = "Grid Search, combined", "Grid Search, best run"
ABOUT_COMBINED = (
    f"{COMBINED!r} is the paper's convention: the network type with the lowest base run, and of each parameter the "
    "value that is best while all others have their base values; it need not have been trained."
)


class Parts(NamedTuple):
    """What the tables of a problem are made of; a part is None where it is missing."""

    study: StudyResults | None = None
    grid: pd.DataFrame | None = None  # what `hpo.results.grid.read_grid` returns
    repeats: pd.DataFrame | None = None  # what `hpo.results.grid.read_repeatability` returns


class Table(NamedTuple):
    """A table, and what is to be said below it."""

    rows: pd.DataFrame
    note: str = ""


# --- Tables 1 and 2


def search_space(problem: Problem, results: StudyResults | None) -> Mapping[str, BaseDistribution]:
    """Return what a study searches, from its attributes or its trials; without a study, what its problem searches."""
    if results is None:
        return problem.search_space
    stored = results.study.user_attrs.get("search_space")
    if stored:
        return {name: json_to_distribution(text) for name, text in stored.items()}
    return {name: kind for trial in results.study.trials for name, kind in trial.distributions.items()}


def table_of_ranges(problem: Problem, parts: Parts) -> Table:
    """Make Tables 1 and 2: for every parameter the range of the search, the base value and the values of the grid.

    Base values are those of the grid; without a grid, those of the study's preset that lie inside the ranges.
    """
    space, grid = search_space(problem, parts.study), parts.grid
    if grid is None:
        preset = parts.study.study.user_attrs.get("preset") if parts.study else "paper"
        base = problem.base_of(preset if isinstance(preset, str) else "paper")
        base = {name: value for name, value in base.items() if name in space and contains(space[name], value)}
    else:
        # Dilation and LSTM units are 0 in networks without them, so the largest value is that of the others.
        base = {name: values.max() for name, values in base_values(grid).items() if values.max() > 0}
    rows = [
        {
            "Parameter": readable(name),
            "Search range": in_words(kind),
            "Base value": short_number(base[name]) if name in base else "-",
            "Grid values": _grid_values(grid, name),
        }
        for name, kind in space.items()
    ]
    return Table(pd.DataFrame(rows))


def _grid_values(grid: pd.DataFrame | None, name: str) -> str:
    if grid is None or name not in grid:
        return "-"
    values = grid[name].drop_duplicates() if name == "arch_type" else sorted(sweep(grid, name)[name].unique())
    return ", ".join(map(short_number, values)) or "-"


# --- Tables 3 and 4


def table_of_best(problem: Problem, parts: Parts) -> Table:
    """Make Tables 3 and 4: the best hyperparameters of the grid and of the study, or of the one that is there.

    The grid has two columns: the paper's combination of the best value of each parameter, which need not be a network
    that was trained, and the run with the lowest loss. Below the loss of each network stand the losses of the trainings
    of the same network that mode final_model left.
    """
    networks: dict[str, tuple[str, dict[str, object], float]] = {}  # heading: approach, parameters, loss
    if parts.grid is not None:
        combined = best_of_grid(parts.grid)
        networks[COMBINED] = "Grid Search", combined, _losses_of(parts.grid, meaningful(problem, combined)).min()
        best = parts.grid.loc[parts.grid["loss"].idxmin()]
        # A network type without dilation or LSTM units has 0 there.
        single = {name: best[name] for name in PARAMETERS if best[name] != 0}
        networks[BEST_RUN] = "Grid Search", single, best["loss"]
    if parts.study is not None and parts.study.trained.trials:
        best = parts.study.trained.best_trial
        number = parts.study.rows.loc[parts.study.rows["score"].idxmin(), "number"]
        networks[f"Optuna, trial {number}"] = "Optuna", best.params, best.value
    if not networks:
        missing = "best hyperparameters: there is neither a grid search nor a study with a trained trial"
        raise MissingError(missing, "optuna")
    shown = {heading: meaningful(problem, parameters) for heading, (_, parameters, _) in networks.items()}
    present = dict.fromkeys(name for values in shown.values() for name in values)
    names = sorted(present, key=lambda name: list(PARAMETERS).index(name) if name in PARAMETERS else len(PARAMETERS))
    rows = [
        {"Parameter": readable(name), **{key: short_number(values.get(name, "-")) for key, values in shown.items()}}
        for name in names
    ]
    losses = {
        heading: "not trained" if np.isnan(loss) else short_number(float(loss))
        for heading, (_, _, loss) in networks.items()
    }
    again = {
        heading: _described(_repeats_of(parts.repeats, approach, shown[heading]))
        for heading, (approach, _, _) in networks.items()
    }
    rows += [{"Parameter": readable("loss"), **losses}, {"Parameter": "the same, final models", **again}]
    notes = [ABOUT_COMBINED] if parts.grid is not None else []
    notes += [f"Optuna: study {parts.study.name}."] if parts.study is not None else []
    return Table(pd.DataFrame(rows), " ".join(notes))


def _losses_of(runs: pd.DataFrame, parameters: Mapping[str, object]) -> pd.Series:
    """Return the losses of the runs that trained a network with these parameters."""
    alike = pd.Series(True, index=runs.index)
    for name, value in parameters.items():
        own = name.rpartition(" ")[2] if name not in PARAMETERS else name
        if own in runs:
            alike &= np.isclose(runs[own], value, rtol=1e-6) if own == "Learning Rate" else runs[own] == value
    return runs.loc[alike, "loss"]


def _repeats_of(repeats: pd.DataFrame | None, approach: str, parameters: Mapping[str, object]) -> pd.Series:
    """Return the losses of an approach's final trainings of a network; tables of others may not say which it was."""
    if repeats is None or "arch_type" not in repeats:
        return pd.Series(dtype=float)
    return _losses_of(repeats[repeats["approach"] == approach], parameters)


def _described(losses: pd.Series) -> str:
    if losses.empty:
        return "-"
    if len(losses) == 1:
        return f"{short_number(losses.iloc[0])} (1 training)"
    return f"{short_number(losses.min())} (median {short_number(losses.median())} of {len(losses)})"
