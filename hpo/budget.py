"""How much training all trials of a study may take together."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState


class Budget(NamedTuple):
    """Training that all trials of a study may take together."""

    amount: float
    unit: str  # of BUDGET_UNITS

    @classmethod
    def of(cls, text: str) -> "Budget":
        """The budget that a user writes as 780epochs or 90min. Raises ValueError for anything else."""
        match = BUDGET.fullmatch(text) if isinstance(text, str) else None
        if match is None or not 0 < float(match["amount"]) < math.inf:
            raise ValueError(
                f"{text!r} is not a budget: a number above 0 of epochs or minutes is valid, as 780epochs or 90min"
            )
        return cls(float(match["amount"]), match["unit"])

    def spent(self, trials: Iterable[FrozenTrial]) -> float:
        """What trials have taken of the budget, up to their last finished epoch."""
        return sum(map(BUDGET_UNITS[self.unit], trials))

    def allows(self, trials: Sequence[FrozenTrial], num_epochs: int) -> bool:
        """Whether one more trial of at most ``num_epochs`` may begin; running trials count with all their epochs."""
        if self.unit == "min":
            return self.spent(trials) < self.amount
        running = (num_epochs - trained_epochs(trial) for trial in trials if trial.state == TrialState.RUNNING)
        return self.spent(trials) + sum(running) + num_epochs <= self.amount


def trained_epochs(trial: FrozenTrial) -> int:
    """Number of epochs for which a trial was trained, also if it failed or was stopped."""
    return len(trial.intermediate_values)


def trained_minutes(trial: FrozenTrial) -> float:
    """Minutes from the start of a trial to its end, or to now if it is running."""
    if trial.datetime_start is None or trial.state == TrialState.WAITING:
        return 0.0
    return ((trial.datetime_complete or datetime.now()) - trial.datetime_start).total_seconds() / 60


BUDGET_UNITS = {"epochs": trained_epochs, "min": trained_minutes}
BUDGET = re.compile(rf"(?P<amount>\d{{1,9}}(\.\d{{1,9}})?) *(?P<unit>{'|'.join(BUDGET_UNITS)})", re.ASCII)
