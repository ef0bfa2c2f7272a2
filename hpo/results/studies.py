"""Reads the studies of a results tree, sorts their trials into kinds, and rates the importance of parameters."""

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from hpo.importance import Importances, importances_of, seconds_of
from hpo.names import PARAMETERS
from hpo.problem import Problem
from hpo.results.grid import MissingError, loss_unit
from hpo.storage import open_to_read
from hpo.study import is_of
from hpo.tree import ResultsTree
from hpo.trials import in_memory, scored_as_too_large, trial_kind
from hpo.urls import public_url
from support.errors import UserError

KINDS = {  # the kinds of trials, and how captions name them
    "trained": "trained",
    "skipped": "skipped as too large",
    "pruned": "pruned",
    "failed": "failed",
    "failed with a value": "failed with a value",  # as the published scripts left some of theirs
    "running": "running",
    "waiting": "waiting",
}


@dataclass(frozen=True, eq=False)
class StudyResults:
    """A study as the figures show it.

    ``trials`` has one row per trial: number, kind (a key of KINDS), score, seconds, and the parameters. ``study`` holds
    the trials that have ended in memory, and ``trained`` only those that count as results.
    """

    name: str
    problem: Problem
    study: optuna.Study
    trained: optuna.Study
    trials: pd.DataFrame
    unit: str  # unit of the score

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The trained trials, one row each."""
        return self.trials[self.trials["kind"] == "trained"]

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The search range of each parameter of the trained trials."""
        return {name: kind for trial in self.trained.trials for name, kind in trial.distributions.items()}

    @property
    def parameters(self) -> list[str]:
        """The parameters that the trained trials vary, or all of them when they vary none."""
        found = [name for name in self.trials.columns if name in self.distributions]
        return [name for name in found if self.rows[name].nunique() > 1] or found

    @property
    def best_parameters(self) -> list[str]:
        """The `parameters` that the best trial has: a choice may bring parameters that other trials lack."""
        return [name for name in self.parameters if name in self.trained.best_trial.params]

    def left_out(self) -> str:
        """Say which trials were not trained; the text is empty when there are none."""
        counts = self.trials["kind"].value_counts()
        return ", ".join(
            f"{counts[kind]} {words}" for kind, words in KINDS.items() if kind in counts and kind != "trained"
        )


def read_study(
    problem: Problem, tree: ResultsTree, storage_url: str | None = None, study_name: str | None = None
) -> StudyResults:
    """Read one study of a problem, the named one or else the newest, from a storage or the tree's SQLite files."""
    url = storage_url
    if url is None:
        url, study_name = _stored_in(tree, study_name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            with open_to_read(url, Path(folder)) as storage:
                study = _chosen_study(problem, storage, study_name, url)
                trials, attributes = study.get_trials(), study.user_attrs
        except UserError as error:
            raise MissingError(f"study: {error}") from error
    return study_results(problem, study.study_name, trials, attributes)


def _stored_in(tree: ResultsTree, study_name: str | None) -> tuple[str, str | None]:
    """Return the URL of a study of a tree, or of its newest one, and its name; None where a file may have any study."""
    try:
        name = study_name or tree.newest_study()
    except UserError as error:
        raise MissingError(f"study: {error}") from error
    if name is None or not tree.database(name).is_file():
        raise MissingError(f"study: there is no study{f' {name!r}' if name else ''} in {tree.search}", "optuna")
    together = tree.database(name) == tree.studies
    return tree.storage_url(name), name if together else study_name


def _chosen_study(
    problem: Problem, storage: optuna.storages.BaseStorage, study_name: str | None, url: str
) -> optuna.Study:
    summaries = optuna.get_all_study_summaries(storage)
    found = [summary for summary in summaries if is_of(problem, summary) and study_name in (None, summary.study_name)]
    if not found:
        wanted = repr(study_name) if study_name else f"of {problem.name}"
        names = ", ".join(summary.study_name for summary in summaries) or "none"
        raise MissingError(f"study: there is no study {wanted} in {public_url(url)}; there are: {names}", "optuna")
    # Identifiers grow from study to study, but dates depend on the clocks of the machines.
    newest = max(found, key=lambda summary: summary._study_id)
    return optuna.load_study(study_name=newest.study_name, storage=storage)


def study_results(
    problem: Problem, name: str, trials: Sequence[FrozenTrial], attributes: Mapping[str, object]
) -> StudyResults:
    """Return the results of a study from its trials and its user attributes."""
    if not trials:
        raise MissingError(f"study: {name} has no trial yet")
    kinds = [_kind(trial, problem.skipped_score) for trial in trials]
    rows = [
        {
            **trial.params,
            "number": trial.number,
            "kind": kind,
            "score": score,
            "seconds": seconds_of(trial),
        }
        for trial, kind in zip(trials, kinds, strict=True)
        for score in [trial.value if trial.state == TrialState.COMPLETE else np.nan]
    ]
    table = pd.DataFrame(rows)
    order = ["number", "kind", "score", "seconds", *PARAMETERS]
    columns = sorted(table.columns, key=lambda column: order.index(column) if column in order else len(order))
    trained = [trial for trial, kind in zip(trials, kinds, strict=True) if kind == "trained"]
    return StudyResults(
        name=name,
        problem=problem,
        study=in_memory(name, trials, attributes),
        trained=in_memory(name, trained, attributes),
        trials=table[columns],
        unit=loss_unit(problem, attributes),
    )


def _kind(trial: FrozenTrial, skipped_score: float) -> str:
    """Return the kind of a trial, a key of KINDS; a trial whose score is not finite has failed."""
    kind = trial_kind(trial)
    if kind == "failed" and trial.values is not None:
        return "failed with a value"
    if kind != "trained":
        return kind
    if not np.isfinite(trial.value):
        return "failed"
    return "skipped" if scored_as_too_large(trial, skipped_score) else "trained"


@functools.cache
def importances(results: StudyResults, target: str = "score") -> Importances:
    """Return the importance of each parameter for the score or the duration, as `hpo.importance.importances_of` does.

    Raises MissingError when the trained trials are too few, or all alike.
    """
    try:
        return importances_of(results.trained.trials, target)
    except ValueError as error:
        raise MissingError(f"importance for the {target}: {error}") from error
