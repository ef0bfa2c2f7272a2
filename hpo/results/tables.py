"""Makes Tables 1 to 4, the search ranges and the best hyperparameters, in readable names and numbers."""

from collections.abc import Mapping

import pandas as pd
from optuna.distributions import BaseDistribution, json_to_distribution

from hpo.names import PARAMETERS, readable
from hpo.problem import Problem
from hpo.results.grid import MissingError, base_values, best_of_grid, sweep
from hpo.results.studies import StudyResults
from hpo.run import short_number
from hpo.space import in_words
from networks.rows import NETWORKS


def search_space(problem: Problem, results: StudyResults | None) -> Mapping[str, BaseDistribution]:
    """Return what a study searches, from its attributes or its trials; without a study, what its problem searches."""
    if results is None:
        return problem.search_space
    stored = results.study.user_attrs.get("search_space")
    if stored:
        return {name: json_to_distribution(text) for name, text in stored.items()}
    return {name: kind for trial in results.study.trials for name, kind in trial.distributions.items()}


def table_of_ranges(problem: Problem, results: StudyResults | None, grid: pd.DataFrame | None) -> pd.DataFrame:
    """Make Tables 1 and 2: for every parameter the range of the search, the base value and the values of the grid."""
    base = dict(problem.base)
    if grid is not None:
        # Dilation and LSTM units are 0 in networks without them, so the largest value is that of the others.
        base |= base_values(grid).max().to_dict()
    rows = [
        {
            "Parameter": readable(name),
            "Search range": in_words(kind),
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
    """Make Tables 3 and 4: the best hyperparameters of the grid and of the study, or of the one that is there."""
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
    """Return the parameters that the network type uses."""
    network = NETWORKS.get((values.get("arch_type"), problem.net_type))
    unused = {"num_dil": network and not network.has_dilation, "num_lstm": network and not network.has_lstm}
    return {name: value for name, value in values.items() if not unused.get(name)}
