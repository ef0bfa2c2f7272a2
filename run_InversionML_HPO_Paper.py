"""Search for a network that turns a seismic trace into velocity, with Optuna, on traces that are made on the fly.

python run_InversionML_HPO_Paper.py                   12 trials, a few minutes on a laptop CPU
python run_InversionML_HPO_Paper.py --preset paper    as published: 300 trials of 30 epochs, for a GPU
"""

import sys

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from baseML import NetworkConfig
from hpo.command import main
from hpo.problem import PAPER_SPACE, Problem

PROBLEM = Problem(
    name="inversion",
    folder="Inversion",
    study_prefix="INV_Study",
    gen_type="ML_VEL",
    net_type="SEQ",
    quantity="Velocity",
    unit="ft/s",
    paper_trials=300,
    search_space={
        "arch_type": CategoricalDistribution(["DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN"]),
        **PAPER_SPACE,
        "num_lstm": IntDistribution(2, 64),
    },
    quick_space={
        # an LSTM takes a CPU a step for every sample, and a DNN sees one sample only
        "arch_type": CategoricalDistribution(["CNN", "CNN_VAR", "TCN"]),
        "num_layers": IntDistribution(1, 2),
        "num_dnn": IntDistribution(16, 128, log=True),
        "num_filt": IntDistribution(8, 32),
        "krnl_size": IntDistribution(8, 32),
        "num_dil": IntDistribution(4, 32),
        "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),  # few steps need large ones
    },
    quick_settings={
        "scaling_flag": True
    },  # velocities of 12 000 ft/s are hundreds of steps away from the first weights
    extended_base={
        **{"RES num_filt": 48, "RES num_dil": 128, "RES pool_val": 4, "RES norm": "none"},
        "adamw weight_decay": 1e-2,
    },
    base_pool=1,
    final_configs={  # Table 4
        "Grid Search": NetworkConfig("TCN", "SEQ", 1, 3072, 16, num_filt=128, krnl_size=64, learning_rate=1e-3),
        "Optuna": NetworkConfig("TCN", "SEQ", 1, 3824, 108, num_filt=46, krnl_size=14, learning_rate=8e-4),
    },
    parameter_limits={
        "DNN": 20_000_000,
        "CNN": 20_000_000,
        "CNN_VAR": 20_000_000,
        "CNN_LSTM": 5_000_000,
        "TCN": 20_000_000,
        "RES": 20_000_000,
    },
    skipped_score=100_000.0,
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
