"""How much each parameter matters for the score or the duration of a study's trials, and how reliable that is.

trained trials -> `importances_of` -> mean and spread of every parameter's share of the variance, and two sentences
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from hpo.trials import in_memory
from support.words import number_of

FEWEST, FEWEST_RELIABLE = 10, 30  # trials without which there are no importances, or no reliable ones
FORESTS = 5  # random forests, which differ in their seeds


def seconds_of(trial: FrozenTrial) -> float:
    """Return how long a trial took; of a trial that was cut off and trained again, only the training that counts."""
    if "seconds" in trial.user_attrs:
        return float(trial.user_attrs["seconds"])
    return trial.duration.total_seconds() if trial.duration else np.nan


TARGETS = {"score": lambda trial: trial.value, "duration": seconds_of}  # what importances can be for


@dataclass(frozen=True)
class Importances:
    """The importance of each parameter for a target, a key of TARGETS.

    ``shares`` has one row per parameter, the largest mean first, with the ``mean`` and the ``spread`` (standard
    deviation) over FORESTS random forests of the share of the variance that the parameter explains by itself.
    """

    target: str
    shares: pd.DataFrame
    n_trials: int

    @property
    def method(self) -> str:
        """Say how the importances were found, and from how many trials."""
        return f"fANOVA of {self.n_trials} trials, mean and standard deviation of {FORESTS} random forests"

    @property
    def caution(self) -> str:
        """Say that the importances are not reliable, if there are too few trials; the text is empty otherwise."""
        if self.n_trials >= FEWEST_RELIABLE:
            return ""
        return f"Not reliable: an importance needs at least {FEWEST_RELIABLE} trials."


def varied_parameters(trials: Sequence[FrozenTrial]) -> list[str]:
    """Return the parameters that have more than one value in the trials."""
    values: dict[str, set] = {}
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def importances_of(trained: Sequence[FrozenTrial], target: str = "score") -> Importances:
    """Return the fANOVA importances of trained trials, the same whenever they are computed.

    A choice may bring parameters that other trials lack. Only the trials that have the parameters of the best one are
    compared, and only the parameters that vary among these have an importance. Raises ValueError when fewer than
    FEWEST trials are left, when their targets are all alike, or when no parameter varies.
    """
    value_of = TARGETS[target]
    best = min(trained, key=lambda trial: trial.value, default=None)
    names = {name for name in varied_parameters(trained) if name in best.params}
    usable = [trial for trial in trained if np.isfinite(value_of(trial)) and trial.params.keys() >= names]
    usable.sort(key=lambda trial: trial.number)  # A forest depends on the order of the trials.
    if len(usable) < FEWEST:
        alike = "" if len(usable) == len(trained) else " with the parameters of the best one"
        found = number_of(len(usable), f"trained trial{alike} is", f"trained trials{alike} are")
        raise ValueError(f"{found} too few; at least {FEWEST} are needed")
    if np.ptp([value_of(trial) for trial in usable]) == 0:
        raise ValueError("all trained trials are alike")
    varied = [name for name in varied_parameters(usable) if name in names]
    if not varied:
        raise ValueError("no parameter varies")
    study = in_memory("importances", usable)
    found = [
        get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed), params=varied, target=value_of)
        for seed in range(FORESTS)
    ]
    table = pd.DataFrame(found, dtype=float)
    shares = pd.DataFrame({"mean": table.mean(), "spread": table.std()}).sort_values("mean", ascending=False)
    return Importances(target, shares, len(usable))
