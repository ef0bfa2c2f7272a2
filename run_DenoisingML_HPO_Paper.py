"""Search for a network that takes the noise off seismic traces, with Optuna, on traces that are made on the fly.

python run_DenoisingML_HPO_Paper.py                   12 trials, a few minutes on a laptop CPU
python run_DenoisingML_HPO_Paper.py --preset paper    as published: 260 trials of 30 epochs, for a GPU
"""

import sys

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from baseML import NetworkConfig
from hpo.command import main
from hpo.problem import PAPER_SPACE, Problem

PROBLEM = Problem(
    name="denoising",
    folder="Denoising",
    study_prefix="DEN_Study",
    gen_type="DeNoise",
    net_type="AE",
    quantity="Amplitude",
    unit="",
    paper_trials=260,
    search_space={
        "arch_type": CategoricalDistribution(["CNN", "TCN"]),
        **PAPER_SPACE,
        "pool_val": CategoricalDistribution([2, 4, 8]),
    },
    quick_space={
        "arch_type": CategoricalDistribution(["CNN", "TCN"]),
        "num_layers": IntDistribution(1, 2),  # every layer more doubles the kernels of a TCN
        "num_dnn": IntDistribution(2, 64, log=True),  # penalties of many units outweigh an RMSE of 0.02
        "num_filt": IntDistribution(8, 32),
        "krnl_size": IntDistribution(4, 16),
        "num_dil": IntDistribution(2, 8),
        "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),  # few steps need large ones
        "pool_val": CategoricalDistribution([2, 4]),
    },
    quick_settings={"n_samples": 2048, "num_epochs": 9},  # small steps: fewer would take less time than compiling them
    extended_base={
        **{"RES num_filt": 48, "RES num_dil": 16, "RES pool_val": 2, "RES norm": "none"},
        "adamw weight_decay": 1e-4,
    },
    base_pool=2,
    final_configs={  # Table 3
        "Grid Search": NetworkConfig("CNN", "AE", 1, 2, num_filt=64, krnl_size=8, pool_val=2, learning_rate=1e-4),
        "Optuna": NetworkConfig("CNN", "AE", 2, 1792, num_filt=64, krnl_size=12, pool_val=2, learning_rate=7e-4),
    },
    parameter_limits={"CNN": 20_000_000, "TCN": 20_000_000, "RES": 20_000_000},
    skipped_score=1.0,
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
