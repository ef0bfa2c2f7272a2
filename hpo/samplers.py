"""Samplers and pruners, and the drawing of the parameters of a trial."""

import importlib.util
import warnings
from collections.abc import Callable, Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from hpo.problem import applies
from hpo.run import derived_seed
from hpo.settings import RunSettings
from support.errors import UserError

# --- Samplers and pruners


def _tpe(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """The paper's draws every parameter on its own (Optuna 3.1's default), Optuna 5's all of them together."""
    together, in_groups = settings.preset != "paper", settings.preset == "extended"  # parameters of a choice
    return optuna.samplers.TPESampler(seed=seed, multivariate=together, group=in_groups, constant_liar=True)


def _qmc(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """One sequence for the whole study: its points are not scrambled anew for every trial."""
    categories = optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.QMCSampler(
        seed=settings.seed, scramble=True, independent_sampler=categories, warn_independent_sampling=False
    )


SAMPLER_KINDS: dict[str, Callable[[RunSettings, int], optuna.samplers.BaseSampler]] = {
    "tpe": _tpe,
    "random": lambda settings, seed: optuna.samplers.RandomSampler(seed=seed),
    "gp": lambda settings, seed: optuna.samplers.GPSampler(seed=seed),
    "qmc": _qmc,
    "cmaes": lambda settings, seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
}
SAMPLER_LIBRARIES = {"gp": "torch", "cmaes": "cmaes"}  # that Optuna does not bring
PRUNER_KINDS: dict[str, Callable[[RunSettings], optuna.pruners.BasePruner]] = {
    "none": lambda settings: optuna.pruners.NopPruner(),
    "median": lambda settings: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=settings.num_epochs // 6),
    "hyperband": lambda settings: optuna.pruners.HyperbandPruner(
        min_resource=max(1, settings.num_epochs // 9), max_resource=settings.num_epochs, reduction_factor=3
    ),
}


def make_sampler(settings: RunSettings, number: int) -> optuna.samplers.BaseSampler:
    """The sampler for one trial, seeded by its number.

    A storage does not keep a sampler's state: so a study that was stopped goes on as if it had not been, and no two
    processes draw the same. Raises UserError when a library that the sampler needs is not installed.
    """
    library = SAMPLER_LIBRARIES.get(settings.sampler)
    if library and importlib.util.find_spec(library) is None:
        raise UserError(f"--sampler {settings.sampler} needs {library}: pip install {library}")
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return SAMPLER_KINDS[settings.sampler](settings, derived_seed(settings.seed, number, 0))


# --- One trial


def suggest(trial: Trial, space: Mapping[str, BaseDistribution]) -> dict[str, object]:
    """One value for each parameter of the search space that has a meaning beside those drawn before.

    A trial that was cut off while it drew keeps what it has; that is drawn once more all the same, so that the sampler
    comes to the rest in the state that it would have had.
    """
    before = trial.storage.get_trial(trial._trial_id)
    kept = set(before.params)
    if kept:
        kept -= {*before.system_attrs.get("fixed_params", {}), *trial.relative_params}
    draw = {
        CategoricalDistribution: lambda name, kind: trial.suggest_categorical(name, kind.choices),
        IntDistribution: lambda name, kind: trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log),
        FloatDistribution: lambda name, kind: trial.suggest_float(name, kind.low, kind.high, log=kind.log),
    }
    parameters = {}
    for name, kind in space.items():
        if not applies(name, parameters, space):
            continue
        if name in kept and not kind.single():  # of which Optuna draws nothing
            trial.study.sampler.sample_independent(trial.study, before, name, kind)
        parameters[name] = draw[type(kind)](name, kind)
    return parameters
