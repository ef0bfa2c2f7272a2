"""Search for a network that tells the short-period motion of an earthquake from a simulation to 1 Hz, on records made
on the fly.

python run_BroadbandML.py                        12 trials of networks for response spectra, some minutes
python run_BroadbandML.py --mode final_model     a dense and a convolutional network beside classical methods
"""

import sys

from hpo.options import parse_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__)

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpo.command import main
from hpo.problem import Problem
from networks.rows import NetworkConfig
from problems.broadband.known import SPECTRAL_BASELINES, appendix, known
from problems.broadband.metrics import METRICS
from problems.broadband.spectral_networks import PSA
from problems.broadband.streams import PROTOCOL, Spectra

SPACE = {
    "arch_type": CategoricalDistribution(["DNN", "CNN"]),
    "num_layers": IntDistribution(1, 3),
    "DNN num_dnn": IntDistribution(32, 256, log=True),
    "CNN num_filt": IntDistribution(16, 48, log=True),
    "CNN krnl_size": IntDistribution(3, 7, step=2),
    "CNN num_dil": IntDistribution(8, 64, log=True),
    "dropout": FloatDistribution(0.0, 0.3, step=0.1),
    "standard_units": CategoricalDistribution([True]),
    "optimizer": CategoricalDistribution(["adamw"]),
    "adamw weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
    "Learning Rate": FloatDistribution(3e-4, 1e-2, log=True),
    "schedule": CategoricalDistribution(["cosine"]),
    "batch_size": CategoricalDistribution([16, 32, 64]),
}
OF_ALL = {"standard_units": True, "optimizer": "adamw", "schedule": "cosine"}
BASE = {
    **OF_ALL,
    "num_layers": 2,
    "DNN num_dnn": 128,
    "CNN num_filt": 32,
    "CNN krnl_size": 5,
    "CNN num_dil": 32,
    "Learning Rate": 2e-3,
    "batch_size": 32,
}
FRESH = {"num_datasets": 2000, "validation": "fixed", "validation_share": 0.25, "batch_size": 32}
PROBLEM = Problem(
    name="broadband",
    folder="Broadband",
    study_prefix="BB_Study",
    quantity="log10 PSA",
    unit="",
    item="record",
    size="{n_samples} samples at {ms:g} ms",
    protocol=PROTOCOL,
    stream=Spectra,
    net_type=PSA,
    metrics=METRICS,
    baselines=SPECTRAL_BASELINES,
    known=known,
    appendix=appendix,
    n_blind=500,
    transforms=("NA",),
    settings={
        "quick": {**FRESH, "num_epochs": 6},
        "extended": {**FRESH, "n_trials": 28, "num_epochs": 12, "one_by_one": False},
    },
    final_settings={"quick": {"n_trials": 3, "num_epochs": 30}, "extended": {"n_trials": 3, "num_epochs": 60}},
    search_space=SPACE,
    quick_space=SPACE,
    extended_space=SPACE,
    extended_base={"arch_type": "DNN", **BASE},
    base=BASE,
    quick_base={},
    grid={
        "num_layers": (1, 2, 3),
        "DNN num_dnn": (32, 64, 128, 256),
        "CNN num_filt": (16, 24, 32, 48),
        "CNN krnl_size": (3, 5, 7),
        "CNN num_dil": (8, 16, 32, 64),
        "Learning Rate": (3e-4, 1e-3, 3e-3, 1e-2),
    },
    grid_owners={name: name.partition(" ")[0] for name in SPACE if name.startswith(("DNN", "CNN"))},
    final_configs={
        "Convolutional": NetworkConfig(
            "CNN", PSA, 1, num_filt=32, krnl_size=5, num_dil=32, learning_rate=2e-3, weight_decay=0.01, **OF_ALL
        ),
        "Dense": NetworkConfig("DNN", PSA, 2, 128, dropout=0.1, learning_rate=2e-3, weight_decay=0.01, **OF_ALL),
    },
    skipped_score=1.0,
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
