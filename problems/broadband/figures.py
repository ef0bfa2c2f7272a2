"""Figures of broadband motion: predicted spectra, ensembles of records, how well they fit, and what trainings lost.

Each takes the problem and its final networks by name (`evaluation.blind.Networks`), and their loss histories by name.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from evaluation.blind import Networks
from evaluation.task import Task
from plots.broadband import plot_ensemble, plot_goodness, plot_losses, plot_spectra
from problems.broadband.ensemble_network import EnsembleNetwork
from problems.broadband.goodness import goodness
from problems.broadband.known import Known, NetworkMethod, ways_beside
from problems.broadband.parts import SHORT_PERIODS, make_part
from problems.broadband.source import DT

SEED = 0
N_SHOWN = 4  # records of the figure of spectra
N_FITTED = 40  # records whose fit is shown
N_MEMBERS = 6
CLASSICAL = "extra trees, spectrum and energy"  # beside the network, where it was fitted
Histories = Mapping[str, Mapping[str, np.ndarray]]


def _maker(networks: Networks) -> tuple[str, EnsembleNetwork]:
    found = [(name, network) for name, network in networks.items() if isinstance(network, EnsembleNetwork)]
    if not found:
        raise ValueError("there is no adversarial network among the final ones, so no ensemble")
    return found[0]


def spectra(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return true and predicted response spectra of some blind records, with the bands of their errors."""
    known: Known = task.known(SEED, task.usual_protocol)
    test = make_part(SEED, "blind", N_SHOWN)
    name, network = next(iter(networks.items()))
    methods = {name: NetworkMethod(network, known.validation)}
    methods |= {CLASSICAL: known[CLASSICAL]} if CLASSICAL in known.fitted else {}
    found = {name: tuple(method.predict(test)) for name, method in methods.items()}
    return plot_spectra(SHORT_PERIODS, test.target, found)


def records(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return a blind record and members of its ensemble."""
    name, network = _maker(networks)
    part = make_part(SEED, "blind", 1)
    return plot_ensemble(DT, part.x[0], network.records(part.x, N_MEMBERS, SEED)[0], part.y[0], name=name)


def fit(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return the scores of envelopes and phases of one member for each record, beside those of other ways."""
    name, network = _maker(networks)
    part = make_part(SEED, "blind", min(N_FITTED, task.n_blind))
    made = {name: network.records(part.x, 1, SEED)}
    made |= ways_beside(task.known(SEED, task.usual_protocol), part, SEED)
    scores = {name: goodness(each[:, 0], part.y) for name, each in made.items()}
    return plot_goodness({name: (each.envelope, each.phase) for name, each in scores.items()})


def losses(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return the losses of every band by epoch."""
    if not histories:
        raise ValueError("there is no loss history beside a final network")
    return plot_losses(histories)


FIGURES = {"spectra": spectra, "records": records, "fit": fit, "training": losses}  # by what they show
