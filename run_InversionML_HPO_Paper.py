"""Search for a network that turns a seismic trace into velocity, with Optuna, on traces that are made on the fly.

python run_InversionML_HPO_Paper.py                   12 trials, a few minutes on a laptop CPU
python run_InversionML_HPO_Paper.py --preset paper    as published: 300 trials of 30 epochs, for a GPU
"""

import functools
import sys

from hpo.options import parse_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__)

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from baseML import NetworkConfig
from dataPreProcessing import CustomDataGen
from evaluation.baselines import INVERSION_BASELINES, fit_inversion_reference
from evaluation.scores import CORRELATION, R2, VELOCITY_BIAS, VELOCITY_RMSE
from hpo.command import main
from hpo.problem import EXTENDED_BASE, EXTENDED_SPACE, PAPER_BASE, PAPER_SPACE, Problem
from problems.own_pairs import OwnVelocities

PROBLEM = Problem(
    name="inversion",
    folder="Inversion",
    study_prefix="INV_Study",
    quantity="Velocity",
    unit="ft/s",
    stream=functools.partial(CustomDataGen, gen_type="ML_VEL"),
    net_type="SEQ",
    own_stream=OwnVelocities,
    metrics=(VELOCITY_RMSE, R2, CORRELATION, VELOCITY_BIAS),
    baselines=INVERSION_BASELINES,
    known=fit_inversion_reference,
    variants=("heterogeneity", "wavelet", "noise", "interval"),
    paper_trials=300,
    search_space={
        "arch_type": CategoricalDistribution(["DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN"]),
        **PAPER_SPACE,
        "num_lstm": IntDistribution(2, 64),
    },
    quick_space={
        # On a CPU, an LSTM takes one step for every sample; and a DNN sees one sample only.
        "arch_type": CategoricalDistribution(["CNN", "CNN_VAR", "TCN"]),
        "num_layers": IntDistribution(1, 2),
        "num_dnn": IntDistribution(16, 128, log=True),
        "num_filt": IntDistribution(8, 32),
        "krnl_size": IntDistribution(8, 32),
        "num_dil": IntDistribution(4, 32),
        # Few steps need a large rate.
        "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),
    },
    # Velocities of 12 000 ft/s are hundreds of steps away from the first weights.
    settings={"quick": {"scaling_flag": True}},
    extended_space={
        "arch_type": CategoricalDistribution(["DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN", "RES"]),
        **EXTENDED_SPACE,
        "unit_window": CategoricalDistribution([0, 1024]),
    },
    extended_base={
        **EXTENDED_BASE,
        "RES num_filt": 48,
        "RES num_dil": 128,
        "RES pool_val": 4,
        "unit_window": 1024,
        "RES norm": "none",
        "adamw weight_decay": 1e-2,
    },
    base={**PAPER_BASE, "pool_val": 1},
    final_configs={  # Table 4
        "Grid Search": NetworkConfig("TCN", "SEQ", 1, 3072, 16, num_filt=128, krnl_size=64, learning_rate=1e-3),
        "Optuna": NetworkConfig("TCN", "SEQ", 1, 3824, 108, num_filt=46, krnl_size=14, learning_rate=8e-4),
    },
    parameter_limits={"CNN_LSTM": 5_000_000},
    skipped_score=100_000.0,
    own_sweeps=("num_dil", "num_lstm"),
    figures={"grid": 7, "study": 8, "repeatability": 9, "networks": 10, "accuracy": 13},
    tables={"ranges": 2, "best": 4},
    figure_limits={"grid": (0.0, 15_000.0), "repeatability": (1500.0, 4000.0)},
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
