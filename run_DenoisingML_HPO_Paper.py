"""Search for a network that takes the noise off seismic traces, with Optuna, on traces that are made on the fly.

python run_DenoisingML_HPO_Paper.py                   12 trials, a few minutes on a laptop CPU
python run_DenoisingML_HPO_Paper.py --preset paper    as published: 260 trials of 30 epochs, for a GPU
"""

import functools
import sys

from hpo.options import parse_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__)

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from baseML import NetworkConfig
from dataPreProcessing import CustomDataGen
from evaluation.baselines import DENOISING_BASELINES
from evaluation.scores import AMPLITUDE_RMSE, CORRELATION, SNR, SNR_GAIN
from hpo.command import main
from hpo.problem import EXTENDED_BASE, EXTENDED_SPACE, PAPER_BASE, PAPER_SPACE, Problem
from problems.own_pairs import OwnTraces
from traces.variants import VARIANTS

PROBLEM = Problem(
    name="denoising",
    folder="Denoising",
    study_prefix="DEN_Study",
    quantity="Amplitude",
    unit="",
    stream=functools.partial(CustomDataGen, gen_type="DeNoise"),
    net_type="AE",
    own_stream=OwnTraces,
    metrics=(SNR, AMPLITUDE_RMSE, SNR_GAIN, CORRELATION),
    baselines=DENOISING_BASELINES,
    variants=tuple(VARIANTS),
    always_noisy=True,
    paper_trials=260,
    search_space={
        "arch_type": CategoricalDistribution(["CNN", "TCN"]),
        **PAPER_SPACE,
        "pool_val": CategoricalDistribution([2, 4, 8]),
    },
    quick_space={
        "arch_type": CategoricalDistribution(["CNN", "TCN"]),
        # Every further layer doubles the kernels of a TCN.
        "num_layers": IntDistribution(1, 2),
        # The penalties of many units outweigh an RMSE of 0.02.
        "num_dnn": IntDistribution(2, 64, log=True),
        "num_filt": IntDistribution(8, 32),
        "krnl_size": IntDistribution(4, 16),
        "num_dil": IntDistribution(2, 8),
        # Few steps need a large rate.
        "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),
        "pool_val": CategoricalDistribution([2, 4]),
    },
    # Steps are small: fewer of them would take less time than it takes to compile them.
    settings={"quick": {"n_samples": 2048, "num_epochs": 9}},
    extended_space={
        "arch_type": CategoricalDistribution(["CNN", "TCN", "RES"]),
        **EXTENDED_SPACE,
        "unit_window": CategoricalDistribution([0, 512]),
    },
    extended_base={
        **EXTENDED_BASE,
        "RES num_filt": 48,
        "RES num_dil": 16,
        "RES pool_val": 4,
        "unit_window": 512,
        "RES norm": "none",
        "adamw weight_decay": 1e-4,
    },
    base={**PAPER_BASE, "pool_val": 2},
    final_configs={  # Table 3
        "Grid Search": NetworkConfig("CNN", "AE", 1, 2, num_filt=64, krnl_size=8, pool_val=2, learning_rate=1e-4),
        "Optuna": NetworkConfig("CNN", "AE", 2, 1792, num_filt=64, krnl_size=12, pool_val=2, learning_rate=7e-4),
    },
    skipped_score=1.0,
    own_sweeps=("pool_val",),
    figures={"grid": 3, "study": 4, "repeatability": 5, "networks": 6, "accuracy": 12},
    tables={"ranges": 1, "best": 3},
    figure_limits={"grid": (0.0, 0.30), "repeatability": (0.0, 0.15)},
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
