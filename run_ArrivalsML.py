"""Search for a network that tells earthquakes from other sequences of arrival times, on sequences made on the fly.

python run_ArrivalsML.py                         12 trials, about ten minutes on a laptop CPU
python run_ArrivalsML.py --mode final_model      a recurrent and a dense network beside classical methods
python run_ArrivalsML.py --preset extended       28 trials of all networks and inputs, half an hour
python run_ArrivalsML.py --preset published      the published exercise, its files, and what its result is worth
"""

import sys

from hpo.options import parse_options
from problems.arrivals.transforms import TRANSFORMS_OF_TIMES  # They are choices of --transform from here on.

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__)

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpo.command import main
from hpo.problem import Problem
from networks.rows import NetworkConfig
from plots.arrivals import draw_roc
from problems.arrivals import published_report
from problems.arrivals.figures import FIGURES
from problems.arrivals.known import ARRIVAL_BASELINES, appendix, known
from problems.arrivals.metrics import METRICS
from problems.arrivals.networks import CROSS_ENTROPY, EVENT
from problems.arrivals.published_report import PUBLISHED_BASELINES
from problems.arrivals.streams import PROTOCOL, Arrivals, PublishedArrivals

SPACE = {
    "arch_type": CategoricalDistribution(["LSTM", "GRU", "CNN", "DNN", "ATT"]),
    "num_layers": IntDistribution(1, 3),
    **{f"{recurrent} num_lstm": IntDistribution(16, 96, log=True) for recurrent in ("LSTM", "GRU")},
    "CNN num_filt": IntDistribution(16, 96, log=True),
    "CNN krnl_size": IntDistribution(2, 5),
    **{f"{dense} num_dnn": IntDistribution(16, 96, log=True) for dense in ("DNN", "ATT")},
    "activation": CategoricalDistribution(["tanh", "relu"]),
    "dropout": FloatDistribution(0.0, 0.3, step=0.1),
    "Learning Rate": FloatDistribution(3e-4, 1e-2, log=True),
    "schedule": CategoricalDistribution(["cosine"]),
    "batch_size": CategoricalDistribution([64, 128, 256, 512]),
    "transform": CategoricalDistribution(list(TRANSFORMS_OF_TIMES)),
}
PUBLISHED_NETWORK = {
    "arch_type": "LSTM",
    "num_layers": 3,
    "LSTM num_lstm": 40,
    "activation": "relu",
    "dropout": 0.2,
    "Learning Rate": 1e-3,
}
PUBLISHED_TRAINING = {"schedule": "constant", "optimizer": "adam_keras"}
PUBLISHED_POINT = {  # a search space of one point
    **{name: CategoricalDistribution([value]) for name, value in (PUBLISHED_NETWORK | PUBLISHED_TRAINING).items()},
    "Learning Rate": FloatDistribution(1e-3, 1e-3),
}
PUBLISHED = NetworkConfig(
    "LSTM", EVENT, 3, num_lstm=40, activation="relu", dropout=0.2, learning_rate=1e-3, **PUBLISHED_TRAINING
)
# An extended search begins with the published network, trained as all others of the search are.
BASE = {**PUBLISHED_NETWORK, "schedule": "cosine", "batch_size": 128, "transform": "NA"}
FRESH = {"num_datasets": 20_000, "validation": "fixed", "transform": "CENTRED", "batch_size": 256}
GRID_BASE = {  # what a parameter of the grid is while another one varies
    **{name: 40 for name in SPACE if " num_" in name},
    "num_layers": 2,
    "CNN krnl_size": 3,
    "Learning Rate": 3e-3,
    "schedule": "cosine",
}
PROBLEM = Problem(
    name="arrivals",
    folder="Arrivals",
    study_prefix="ARR_Study",
    quantity="Probability of an earthquake",
    unit="",
    item="sequence",
    size="{n_samples} times",
    protocol=PROTOCOL,
    stream=Arrivals,
    net_type=EVENT,
    loss=CROSS_ENTROPY,
    metrics=METRICS,
    baselines=ARRIVAL_BASELINES,
    known=known,
    appendix=appendix,
    draw_answers=draw_roc,
    own_figures=FIGURES,
    n_blind=10_000,
    transforms=TRANSFORMS_OF_TIMES,
    settings={
        "quick": {**FRESH, "num_epochs": 8},
        "extended": {**FRESH, "n_trials": 28, "num_epochs": 20, "one_by_one": False},
        "published": {"n_trials": 1, "num_epochs": 100, "num_datasets": 160, "validation_share": 0.25, "batch_size": 5},
    },
    final_settings={
        "quick": {"n_trials": 3, "num_epochs": 40},
        "extended": {"n_trials": 5, "num_epochs": 40},
        "published": {"n_trials": 3, "num_epochs": 100},
    },
    in_presets={
        "published": {
            "stream": PublishedArrivals,
            "search_space": PUBLISHED_POINT,
            "base": PUBLISHED_NETWORK | PUBLISHED_TRAINING,
            "grid": {},
            "final_configs": {"Published": PUBLISHED},
            "n_blind": 1000,
            "baselines": PUBLISHED_BASELINES,
            "known": published_report.known,
            "appendix": published_report.report,
            "own_figures": {},
        }
    },
    search_space=SPACE,
    quick_space=SPACE,
    extended_space=SPACE,
    extended_base=BASE,
    base=GRID_BASE,
    quick_base={},
    grid={
        "num_layers": (1, 2, 3),
        **{f"{recurrent} num_lstm": (16, 24, 48, 96) for recurrent in ("LSTM", "GRU")},
        "CNN num_filt": (16, 24, 48, 96),
        "CNN krnl_size": (2, 3, 4, 5),
        **{f"{dense} num_dnn": (16, 24, 48, 96) for dense in ("DNN", "ATT")},
        "Learning Rate": (3e-4, 1e-3, 3e-3, 1e-2),
    },
    grid_owners={name: name.partition(" ")[0] for name in SPACE if " num_" in name or " krnl_" in name},
    own_sweeps=("num_lstm",),
    final_configs={
        "Recurrent": NetworkConfig("LSTM", EVENT, 3, num_lstm=48, learning_rate=4e-3, schedule="cosine"),
        "Dense": NetworkConfig("DNN", EVENT, 3, 128, learning_rate=4e-3, schedule="cosine"),
    },
    skipped_score=1.0,
)

if __name__ == "__main__":
    sys.exit(main(PROBLEM, __doc__))
