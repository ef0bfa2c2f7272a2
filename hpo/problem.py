"""What is particular to one problem, and the search spaces that problems share."""

from collections.abc import Mapping
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hpo.settings import DEFAULTS, PRESET_SETTINGS
from networks.rows import NetworkConfig

SEARCHED_SETTINGS = ("transform", "batch_size")  # that a study may search, beside the network's hyperparameters
PAPER_SPACE = {  # what both problems search alike; names as in the published studies
    "num_layers": IntDistribution(1, 4),
    "num_dnn": IntDistribution(2, 4096),
    "num_filt": IntDistribution(2, 128),
    "krnl_size": IntDistribution(2, 64),
    "num_dil": IntDistribution(2, 128),
    "Learning Rate": FloatDistribution(1e-6, 1e-3),
}
RESIDUAL = "RES"  # the network that shares none of the paper's parameters, but those of OF_EVERY_NETWORK
OF_EVERY_NETWORK = ("arch_type", "Learning Rate", "schedule", "optimizer", "standard_units", *SEARCHED_SETTINGS)
EXTENDED_SPACE = {  # beyond the paper's networks; "RES .." and "adamw .." are drawn where that was chosen
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
EXTENDED_BASE = {  # where a search begins
    **{"arch_type": RESIDUAL, "RES num_layers": 2, "RES krnl_size": 7, "standard_units": True},
    **{"optimizer": "adamw", "Learning Rate": 2e-3, "schedule": "cosine", "batch_size": 1},
}
PAPER_BASE = {  # of the grid: what a parameter is while another one varies; pool_val is a problem's own
    **{"num_layers": 1, "num_dnn": 1024, "num_filt": 64, "krnl_size": 32, "num_dil": 32, "num_lstm": 10},
    "Learning Rate": 1e-4,
}
QUICK_BASE = {**PAPER_BASE, "num_dnn": 32, "num_filt": 16, "krnl_size": 8, "num_dil": 8, "Learning Rate": 1e-3}
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


@dataclass(frozen=True)
class Problem:
    """What is particular to one problem."""

    name: str
    folder: str  # below the root of the results
    study_prefix: str
    gen_type: str  # of CustomDataGen
    net_type: str  # of NetworkConfig
    quantity: str  # what the network gives
    unit: str  # of it; empty for trace amplitudes
    paper_trials: int
    search_space: Mapping[str, BaseDistribution]  # the paper's
    quick_space: Mapping[str, BaseDistribution]  # what the quick preset searches
    quick_settings: Mapping[str, object]  # overrides of QUICK_SETTINGS
    extended_base: Mapping[str, object]  # what EXTENDED_BASE lacks
    base_pool: int  # pool_val of PAPER_BASE
    final_configs: Mapping[str, NetworkConfig]  # the paper's best, by the approach that found it
    parameter_limits: Mapping[str, int]  # by architecture; larger networks are not trained
    skipped_score: float  # of a network that is too large, in the paper preset

    def space(self, preset: str) -> dict[str, BaseDistribution]:
        """What a preset searches: the extended one residual networks, and the paper's in the sizes of the quick one."""
        if preset != "extended":
            return dict(self.quick_space if preset == "quick" else self.search_space)
        networks = [*self.search_space["arch_type"].choices, RESIDUAL]
        return {**self.quick_space, "arch_type": CategoricalDistribution(networks), **EXTENDED_SPACE}

    def preset_settings(self, preset: str) -> dict[str, object]:
        """What a preset sets."""
        own = {"quick": self.quick_settings, "extended": {"budget": f"{self.paper_epochs // 10}epochs"}}
        return {"n_trials": self.paper_trials, **PRESET_SETTINGS[preset], **own.get(preset, {})}

    @property
    def paper_epochs(self) -> int:
        """Training epochs of the published search."""
        return self.paper_trials * DEFAULTS["num_epochs"]


def applies(name: str, chosen: Mapping[str, object]) -> bool:
    """Whether a parameter has a meaning beside those that were chosen: "RES num_filt" with the choice RES alone.

    With that choice, the parameters of the paper's networks have none.
    """
    if name in OF_EVERY_NETWORK:
        return True
    choice, _, _ = name.rpartition(" ")
    return choice in chosen.values() if choice else chosen.get("arch_type") != RESIDUAL


def network_config(problem: Problem, parameters: Mapping[str, object]) -> NetworkConfig:
    """The network that a trial's parameters stand for; those that have no meaning for it are left out."""
    of_network = {
        "learning_rate" if name == "Learning Rate" else name.rpartition(" ")[2]: value
        for name, value in parameters.items()
        if name not in SEARCHED_SETTINGS and applies(name, parameters)
    }
    return NetworkConfig(net_type=problem.net_type, **of_network)
