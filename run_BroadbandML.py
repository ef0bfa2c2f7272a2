"""Search for a network that tells the short-period motion of an earthquake from a simulation to 1 Hz, on records made
on the fly.

python run_BroadbandML.py                        12 trials of networks for response spectra, some minutes
python run_BroadbandML.py --mode final_model     a dense and a convolutional network beside classical methods
python run_BroadbandML.py --preset extended      a study of adversarial networks, which make whole records
python run_BroadbandML.py --action train --mode final_model    these networks, trained once, beside other ways
python run_BroadbandML.py --action generate      ensembles of records with them, also of --records of your own
"""

import sys

from hpo.options import parse_options
from problems.broadband.alice_design import BANDS
from problems.broadband.options import OPTIONS

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__, own=OPTIONS)

import argparse
from dataclasses import replace

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpo.command import main
from hpo.problem import Problem
from networks.rows import NetworkConfig
from problems.broadband.actions import work_of
from problems.broadband.ensemble_network import ALICE, EnsembleConfig
from problems.broadband.figures import FIGURES
from problems.broadband.known import SPECTRAL_BASELINES, appendix, known
from problems.broadband.metrics import METRICS
from problems.broadband.spectral_networks import PSA
from problems.broadband.streams import PROTOCOL, RepeatedSpectra, Spectra

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
ADVERSARIAL_SPACE = {
    "arch_type": CategoricalDistribution([ALICE]),
    "bands": CategoricalDistribution(["+".join(BANDS)]),
    "num_filt": IntDistribution(8, 64, log=True),
    "latent_channels": IntDistribution(8, 64, log=True),
    "latent_length": CategoricalDistribution([64, 128, 256]),
    "map_layers": IntDistribution(0, 6),
    "slope": FloatDistribution(0.0, 0.3),
    "lambda_x": FloatDistribution(1.0, 100.0, log=True),
    "lambda_z": FloatDistribution(0.01, 10.0, log=True),
    "adversarial": FloatDistribution(0.01, 1.0, log=True),
    "envelope": FloatDistribution(0.1, 10.0, log=True),
    "critic_steps": IntDistribution(1, 5),
    "Learning Rate": FloatDistribution(1e-4, 3e-3, log=True),
    "critic_rate": FloatDistribution(1e-4, 3e-3, log=True),
    "beta_2": FloatDistribution(0.9, 0.999),
    "game": CategoricalDistribution(["softplus", "wasserstein"]),
}
# An extended search begins with the published values at reduced width.
ADVERSARIAL_BASE = {
    "num_filt": 16,
    "latent_channels": 32,
    "latent_length": 128,
    "map_layers": 0,
    "slope": 0.2,
    "lambda_x": 10.0,
    "lambda_z": 10.0,
    "adversarial": 1.0,
    "envelope": 0.1,
    "critic_steps": 5,
    "Learning Rate": 1e-4,
    "critic_rate": 1e-4,
    "beta_2": 0.999,
    "game": "softplus",
}
ADVERSARIAL = EnsembleConfig(ALICE, PSA, map_layers=5, envelope=1.0, schedule="cosine")
FEW = {"num_datasets": 400, "validation": "fixed", "validation_share": 0.15, "batch_size": 8, "one_by_one": False}
FRESH = {"num_datasets": 2000, "validation": "fixed", "validation_share": 0.25, "batch_size": 32}


def asked(problem: Problem, options: argparse.Namespace) -> Problem:
    """The problem as --band and --action ask for it: that of the adversarial networks, or other work."""
    work = work_of(problem, options)
    if work or not (options.band or options.action):
        return replace(problem, work=work)
    bands = "+".join(band for band in BANDS if band in (options.band or BANDS))
    space = ADVERSARIAL_SPACE | {"bands": CategoricalDistribution([bands])}
    return replace(
        problem,
        quick_space=space,
        extended_space=space,
        final_configs={name: replace(config, bands=bands) for name, config in ADVERSARIAL_CONFIGS.items()},
        settings={**problem.settings, "quick": {**FEW, "n_trials": 6, "num_epochs": 5}},
        final_settings={"quick": {"n_trials": 1, "num_epochs": 30}},
    )


PUBLISHED = {  # a search space of one point, which takes a GPU
    "arch_type": CategoricalDistribution([ALICE]),
    "game": CategoricalDistribution(["published"]),
    "Learning Rate": FloatDistribution(1e-4, 1e-4),
}
ADVERSARIAL_CONFIGS = {  # and what is left without the critics
    "Adversarial": ADVERSARIAL,
    "Without critics": replace(ADVERSARIAL, adversarial=0.0),
}
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
    own_figures=FIGURES,
    n_blind=500,
    transforms=("NA",),
    settings={
        "quick": {**FRESH, "num_epochs": 6},
        "extended": {**FEW, "n_trials": 30, "num_epochs": 10},
        "published": {
            "n_trials": 1,
            "num_epochs": 3000,
            "num_datasets": 80,
            "validation_share": 0.125,
            "batch_size": 10,
        },
    },
    final_settings={
        "quick": {"n_trials": 3, "num_epochs": 30, "num_datasets": 2000},
        "published": {"n_trials": 1, "num_epochs": 3000},
    },
    in_presets={
        "extended": {"quick_space": {}},
        "published": {
            "stream": RepeatedSpectra,
            "search_space": PUBLISHED,
            "base": {"Learning Rate": 1e-4},
            "grid": {},
            "final_configs": {"Published": EnsembleConfig(ALICE, PSA, game="published", learning_rate=1e-4)},
        },
    },
    search_space=SPACE,
    quick_space=SPACE,
    extended_space=ADVERSARIAL_SPACE,
    extended_base={"arch_type": ALICE, **ADVERSARIAL_BASE},
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
        "Dense": NetworkConfig("DNN", PSA, 2, 256, dropout=0.1, learning_rate=2e-3, weight_decay=0.01, **OF_ALL),
    },
    skipped_score=1.0,
    options=OPTIONS,
    asked=asked,
    further_approaches=tuple(ADVERSARIAL_CONFIGS),
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
