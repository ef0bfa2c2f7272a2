"""What is particular to one problem, and the search spaces that problems share.

A run script of the root holds one `Problem`, which is passed down as an object; `known_problems` finds all of them.
"""

import argparse
import contextlib
import functools
import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from dataPreProcessing import GENERATIONS, RMSE, TRANSFORM_TYPES, Loss
from evaluation.task import Task
from hpo.settings import DEFAULTS, PRESETS
from hpo.tree import APPROACHES
from networks.rows import NETWORKS, NetworkConfig, make_config
from problems.own_pairs import OwnPairs, in_words
from support.checks import check_choice
from traces.protocol import earth_of, how_made, wavelet_of

ROOT = Path(__file__).parents[1]  # where the run scripts are
PARAMETER_LIMIT = 20_000_000  # larger networks are not trained, unless the problem has another limit for their type

SEARCHED_SETTINGS = ("transform", "batch_size")  # settings that a study may search beside the hyperparameters
PAPER_SPACE = {  # what both problems of the paper search alike; names as in the published studies
    "num_layers": IntDistribution(1, 4),
    "num_dnn": IntDistribution(2, 4096),
    "num_filt": IntDistribution(2, 128),
    "krnl_size": IntDistribution(2, 64),
    "num_dil": IntDistribution(2, 128),
    "Learning Rate": FloatDistribution(1e-6, 1e-3),
}
RESIDUAL = "RES"  # the type of the residual networks
# Parameters that have a meaning whatever the network.
OF_EVERY_NETWORK = (
    "arch_type",
    "Learning Rate",
    "schedule",
    "optimizer",
    "standard_units",
    "unit_window",
    *SEARCHED_SETTINGS,
)
EXTENDED_SPACE = {  # beyond the paper's networks; "RES num_filt" is drawn where RES was chosen
    "RES num_layers": IntDistribution(1, 3),
    "RES num_filt": IntDistribution(16, 64, step=8),
    "RES krnl_size": IntDistribution(3, 9, step=2),
    "RES num_dil": IntDistribution(8, 256, log=True),
    "RES pool_val": CategoricalDistribution([1, 2, 4]),
    "RES norm": CategoricalDistribution(["none", "layer"]),
    "standard_units": CategoricalDistribution([True]),
    "Learning Rate": FloatDistribution(1e-4, 1e-2, log=True),
    "schedule": CategoricalDistribution(["paper", "constant", "cosine"]),
    "optimizer": CategoricalDistribution(["adam", "adamw"]),
    "adamw weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
    "batch_size": CategoricalDistribution([1, 2, 4]),
}
EXTENDED_BASE = {  # where an extended search begins
    "arch_type": RESIDUAL,
    "RES num_layers": 2,
    "RES krnl_size": 7,
    "standard_units": True,
    "optimizer": "adamw",
    "Learning Rate": 2e-3,
    "schedule": "cosine",
    "batch_size": 1,
}
PAPER_BASE = {  # of the grid: what a parameter is while another one varies
    "num_layers": 1,
    "num_dnn": 1024,
    "num_filt": 64,
    "krnl_size": 32,
    "num_dil": 32,
    "num_lstm": 10,
    "Learning Rate": 1e-4,
}
QUICK_BASE = {"num_dnn": 32, "num_filt": 16, "krnl_size": 8, "num_dil": 8, "Learning Rate": 1e-3}
PAPER_GRID = {  # in the order of the published runs
    "num_layers": (1, 2, 3, 4),
    "num_dnn": (2, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096),
    "num_filt": (2, 4, 8, 16, 32, 64, 128),
    "krnl_size": (2, 4, 8, 16, 32, 64),
    "pool_val": (2, 4, 8),
    "num_dil": (2, 4, 8, 16, 32, 64, 128),
    "num_lstm": (5, 10, 25, 50),
    "Learning Rate": (1e-6, 1e-5, 1e-4, 1e-3),
}


@dataclass(frozen=True, kw_only=True)
class Problem(Task):
    """A task, and what is particular to the search for its networks."""

    folder: str  # of its results, below the root of all results
    study_prefix: str  # of the names of its studies
    net_type: str  # of NetworkConfig
    loss: Loss = RMSE
    paper_trials: int = 0  # trials of the published study, if there is one
    search_space: Mapping[str, BaseDistribution]  # of the paper's search
    quick_space: Mapping[str, BaseDistribution]  # of the quick preset
    # Overrides of the settings of a preset, by preset.
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    final_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # and in mode final_model on top
    # Fields of the problem that differ in a preset, such as its data; in quick, where all runs begin, none do.
    in_presets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    transforms: Collection[str] = TRANSFORM_TYPES  # of its traces, that a network may get
    extended_space: Mapping[str, BaseDistribution] = field(default_factory=dict)  # beside quick_space; empty: no preset
    extended_base: Mapping[str, object] = field(default_factory=dict)  # where the extended search begins
    base: Mapping[str, object] = field(default_factory=lambda: PAPER_BASE)  # of the grid
    quick_base: Mapping[str, object] = field(default_factory=lambda: QUICK_BASE)  # overrides of base
    grid: Mapping[str, Collection[object]] = field(default_factory=lambda: PAPER_GRID)
    # Parameters that the grid varies for one network type only.
    grid_owners: Mapping[str, str] = field(default_factory=lambda: {"num_dil": "TCN", "num_lstm": "CNN_LSTM"})
    final_configs: Mapping[str, NetworkConfig]  # the best published networks, by the approach that found them
    own_stream: type[OwnPairs] | None = None  # of pairs from files; None: there are none
    parameter_limits: Mapping[str, int] = field(default_factory=dict)  # by network type, where not PARAMETER_LIMIT
    skipped_score: float  # of a network above its limit, in the paper's search
    # Options of its run script that others have not, by flag, as `hpo.options.parse_options` takes them; and what they
    # make of the problem and of the work of a run, from (problem, all options).
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    asked: Callable[["Problem", argparse.Namespace], "Problem"] | None = None
    work: Callable[..., None] | None = None  # of a run, in the place of that of its mode
    further_approaches: Collection[str] = ()  # names of final networks that its own options ask for
    own_sweeps: Collection[str] = ()  # parameters that share the last panel of the figure of the grid
    figures: Mapping[str, int] = field(default_factory=dict)  # numbers of the paper's figures, by what they show
    tables: Mapping[str, int] = field(default_factory=dict)
    figure_limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of losses, by what is shown
    # Further figures, by what they show, from (problem, final networks by name, their loss histories by name).
    own_figures: Mapping[str, Callable[..., Figure]] = field(default_factory=dict)

    def space(self, preset: str) -> dict[str, BaseDistribution]:
        """What a preset searches: the extended one its own networks, and the paper's in the sizes of the quick one."""
        if preset == "extended":
            return {**self.quick_space, **self.extended_space}
        return dict(self.quick_space if preset == "quick" else self.search_space)

    def base_of(self, preset: str) -> dict[str, object]:
        """The base configuration of a preset; that of the grid is without the network type, which varies."""
        if preset == "extended":
            return dict(self.extended_base)
        base = {**self.base, **(self.quick_base if preset == "quick" else {})}
        return {name: value for name, value in base.items() if name in self.search_space}

    def preset_settings(self, preset: str) -> dict[str, object]:
        """What a preset sets."""
        found = {"n_trials": self.paper_trials or 100, **PRESETS[preset].settings}
        if preset == "extended" and self.paper_trials:
            found["budget"] = f"{self.paper_epochs // 10}epochs"
        if not self.paper_trials:  # Its traces are made in another way.
            found["variety"] = "paper"
        if self.protocol:
            found |= {"n_samples": self.protocol.n_samples, "dt": self.protocol.dt}
        return found | dict(self.settings.get(preset, {}))

    def in_preset(self, preset: object) -> "Problem":
        """The problem as it is in a preset, by the name that a study or a network has for it."""
        return replace(self, **self.in_presets.get(preset, {}))

    @property
    def approaches(self) -> tuple[str, ...]:
        """Names of what finds its final networks: a grid, a study, or the run script, which has names of its own."""
        own = (*self.final_configs, *self.further_approaches)
        return *APPROACHES, *(name for name in dict.fromkeys(own) if name not in APPROACHES)

    def parameter_limit(self, arch_type: str) -> int:
        """The most parameters of a network of this type that is trained."""
        return self.parameter_limits.get(arch_type, PARAMETER_LIMIT)

    def traces_line(self, settings: Mapping[str, object], heading: str) -> str:
        """A line on how traces with these settings were made; empty for a problem that the paper does not have."""
        if not self.paper_trials:
            return ""
        if settings.get("traces") is not None:
            return f"{heading}{in_words(settings['traces'], settings.get('targets'))}"
        # Settings of the first versions lack the way, which is not known where there are no settings at all.
        generation = settings.get("generation", "described" if settings else None)
        words = "not recorded with the results"
        with contextlib.suppress(ValueError):  # Files of results may come from anybody.
            check_choice("generation", generation, GENERATIONS)
            own = earth_of(settings.get("earth")), wavelet_of(settings.get("wavelet"))
            words = how_made(generation, *own, settings.get("variety", "paper"))
        return f"{heading}{words}"

    def source(self, study_name: str | None) -> str:
        """Whose configurations the final trainings are of, in words: of a study, or else of the problem itself."""
        if study_name:
            return f"study {study_name}"
        return f"the paper's Table {self.tables['best']}" if "best" in self.tables else "the run script"

    @property
    def paper_epochs(self) -> int:
        """Training epochs of the published search."""
        return self.paper_trials * DEFAULTS["num_epochs"]


@functools.cache
def run_scripts(folder: Path = ROOT) -> dict[str, Problem]:
    """The problems of all run scripts (run_*.py) of a folder on the path of Python, by the names of these files.

    Those of the paper are the first.
    """
    modules = {path.name: importlib.import_module(path.stem) for path in sorted(folder.glob("run_*.py"))}
    found = {name: module.PROBLEM for name, module in modules.items() if hasattr(module, "PROBLEM")}
    return dict(sorted(found.items(), key=lambda item: not item[1].paper_trials))


def known_problems(folder: Path = ROOT) -> dict[str, Problem]:
    """The problems of `run_scripts` by name."""
    return {problem.name: problem for problem in run_scripts(folder).values()}


def applies(name: str, chosen: Mapping[str, object], names: Collection[str]) -> bool:
    """Whether a parameter has a meaning beside those that were chosen; ``names`` are those of all parameters.

    "RES num_filt" has one where RES was chosen, and takes the place of "num_filt" there. A network with parameters of
    its own has none of the shared ones that it does not use. All others are drawn for every network, as published.
    """
    if name in OF_EVERY_NETWORK:
        return True
    choice, _, _ = name.rpartition(" ")
    if choice:
        return choice in chosen.values()
    arch_type = chosen.get("arch_type")
    own = [other for other in names if other.startswith(f"{arch_type} ")]
    uses = any(network.uses(name) for (other, _), network in NETWORKS.items() if other == arch_type)
    return f"{arch_type} {name}" not in own and (uses or not own)


def suggest(trial: Trial, space: Mapping[str, BaseDistribution]) -> dict[str, object]:
    """One value for each parameter of the search space that has a meaning beside those drawn before.

    A trial that was cut off while it drew keeps the values that it has. These are drawn once more all the same, so that
    the sampler draws the others in the state that it would have had.
    """
    before = trial.storage.get_trial(trial._trial_id)
    kept = set(before.params)
    if kept:
        kept -= {*before.system_attrs.get("fixed_params", {}), *trial.relative_params}
    draw = {
        CategoricalDistribution: lambda name, kind: trial.suggest_categorical(name, kind.choices),
        IntDistribution: lambda name, kind: trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log),
        FloatDistribution: lambda name, kind: trial.suggest_float(
            name, kind.low, kind.high, step=kind.step, log=kind.log
        ),
    }
    parameters = {}
    for name, kind in space.items():
        if not applies(name, parameters, space):
            continue
        if name in kept and not kind.single():  # Optuna draws nothing for a single value
            trial.study.sampler.sample_independent(trial.study, before, name, kind)
        parameters[name] = draw[type(kind)](name, kind)
    return parameters


def meaningful(problem: Problem, parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a trial that have a meaning for its network: the largest dilation of a CNN has none.

    It is for display. Published studies draw every parameter for every network, and store what they draw.
    """
    found = {name: value for name, value in parameters.items() if applies(name, parameters, parameters)}
    try:
        config = network_config(problem, parameters)
    except (ValueError, TypeError):  # A study of other software may have networks that are not known here.
        return found
    return {name: value for name, value in found.items() if config.depends_on(name.rpartition(" ")[2])}


def network_config(problem: Problem, parameters: Mapping[str, object]) -> NetworkConfig:
    """The network that the parameters of a trial stand for; those without a meaning for it are left out."""
    of_network = {
        "learning_rate" if name == "Learning Rate" else name.rpartition(" ")[2]: value
        for name, value in parameters.items()
        if name not in SEARCHED_SETTINGS and applies(name, parameters, parameters)
    }
    return make_config(net_type=problem.net_type, **of_network)
