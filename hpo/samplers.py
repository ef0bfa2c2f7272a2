"""Samplers and pruners, a row of a table each."""

import importlib.util
import warnings
from collections.abc import Callable
from typing import NamedTuple

import optuna

from hpo.settings import RunSettings, derived_seed
from support.errors import UserError


class Sampler(NamedTuple):
    """How a sampler is made from the settings and the seed of a trial, and the library that it needs beside Optuna."""

    make: Callable[[RunSettings, int], optuna.samplers.BaseSampler]
    library: str | None = None


def _tpe(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """The paper's search draws every parameter on its own (the default of Optuna 3.1), others draw them together."""
    together, in_groups = not settings.is_paper_search, settings.preset == "extended"  # groups: parameters of a choice
    return optuna.samplers.TPESampler(seed=seed, multivariate=together, group=in_groups, constant_liar=True)


def _qmc(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """One sequence for the whole study: its points are not scrambled anew for every trial."""
    categories = optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.QMCSampler(
        seed=settings.seed, scramble=True, independent_sampler=categories, warn_independent_sampling=False
    )


SAMPLERS = {
    "tpe": Sampler(_tpe),
    "random": Sampler(lambda settings, seed: optuna.samplers.RandomSampler(seed=seed)),
    "gp": Sampler(lambda settings, seed: optuna.samplers.GPSampler(seed=seed), "torch"),
    "qmc": Sampler(_qmc),
    "cmaes": Sampler(
        lambda settings, seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False), "cmaes"
    ),
}
PRUNERS: dict[str, Callable[[RunSettings], optuna.pruners.BasePruner]] = {
    "none": lambda settings: optuna.pruners.NopPruner(),
    "median": lambda settings: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=settings.num_epochs // 6),
    "hyperband": lambda settings: optuna.pruners.HyperbandPruner(
        min_resource=max(1, settings.num_epochs // 9), max_resource=settings.num_epochs, reduction_factor=3
    ),
}


def make_sampler(settings: RunSettings, number: int) -> optuna.samplers.BaseSampler:
    """The sampler for one trial, seeded by the trial's number.

    A storage does not keep the state of a sampler. With a seed for each trial, a study that was stopped goes on as if
    it had not been, and no two processes draw the same. Raises UserError when the sampler's library is not installed.
    """
    make, library = SAMPLERS[settings.sampler]
    if library and importlib.util.find_spec(library) is None:
        raise UserError(f"--sampler {settings.sampler} needs {library}: pip install {library}")
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return make(settings, derived_seed(settings.seed, number, 0))
