"""Figures of arrivals: the network of stations and its sequences, and how good the final networks are.

Each takes the problem and its final networks by name (`evaluation.blind.Networks`), and their loss histories by name.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dataGeneration import stream_generator
from evaluation.blind import Networks
from evaluation.task import Task
from plots.arrivals import plot_histories, plot_map, plot_mistakes, plot_move_out, plot_quality, plot_robustness
from problems.arrivals.comparison import Row
from problems.arrivals.generator import KINDS, STATIONS, SWARM_CENTRE, SWARM_DEVIATION, Difficulty, Sequences
from problems.arrivals.generator import make_sequences, travel_time
from problems.arrivals.known import ALWAYS_COMPARED, Known, fitted_beside, rows_beside, sequences_of
from problems.arrivals.scores import losses, reliability, wilson

SEED = 0
N_SHOWN = 600  # sequences of the map
N_OF_KIND, N_MISTAKES = 5, 12  # sequences of a panel, and panels
PICKING_ERRORS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)  # s
ROBUSTNESS_EPOCH = 2  # of the blind stream, whose first two have the tests
N_ROBUST = 2000  # sequences at each picking error
IN_SWARM = 3.5  # deviations from the centre of the swarm
Histories = Mapping[str, Mapping[str, np.ndarray]]


def _distances() -> np.ndarray:
    """Return the distances (6,) in km of the stations from the swarm."""
    return np.hypot(*(STATIONS - SWARM_CENTRE[:2]).T)


def _move_out() -> tuple[np.ndarray, np.ndarray]:
    """Return distances in km, and the arrivals in s of an event in the swarm after that at the nearest station."""
    distance = np.linspace(_distances().min(), _distances().max(), 50)
    times = travel_time(distance, SWARM_CENTRE[2])
    return distance, times - times[0]


def map_of_network(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return the map of the stations, the swarm and the background."""
    made = sequences_of(make_sequences, "blind", N_SHOWN, SEED)
    events = made.hypocentres[made.labels == 1]
    in_swarm = (np.abs(events - SWARM_CENTRE) < IN_SWARM * SWARM_DEVIATION).all(axis=1)
    return plot_map(STATIONS, events, in_swarm)


def move_outs(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return times against distance of some sequences of each kind."""
    made = sequences_of(make_sequences, "blind", N_SHOWN, SEED)
    times_of = {kind: made.times[made.kinds == number][:N_OF_KIND] for number, kind in enumerate(KINDS)}
    return plot_move_out(_distances(), times_of, _move_out())


def histories(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return loss and accuracy by epoch."""
    if not histories:
        raise ValueError("there is no loss history beside a final network")
    return plot_histories(histories)


def quality(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return confusion matrix, ROC, precision and recall, and reliability, beside the best classical methods."""
    rows, test = _rows(task, networks)
    shown = {row.name: row for row in rows if row.name in networks}
    classical = sorted((row for row in rows if row.name not in networks), key=lambda row: -row.scores.accuracy.value)
    shown |= {row.name: row for row in classical[:2]}
    shown |= {row.name: row for row in classical if row.name == ALWAYS_COMPARED}
    curves = {name: reliability(test.labels, row.probability) for name, row in shown.items()}
    first = next(iter(shown.values()))
    return plot_quality(
        test.labels,
        {name: row.probability for name, row in shown.items()},
        np.where(first.right, test.labels, 1 - test.labels),
        {name: (curve.probability, curve.share, curve.error) for name, curve in curves.items()},
        f"{first.name}, threshold {first.scores.threshold:.2f}",
    )


def robustness(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return accuracy against the picking error, for networks and the location test, with their usual thresholds."""
    fitted = fitted_beside(task, networks, SEED, task.usual_protocol)
    methods = [fitted[name] for name in (*networks, ALWAYS_COMPARED) if name in fitted]
    n = min(N_ROBUST, task.n_blind)
    found: dict[str, list[tuple[float, float, float]]] = {one.name: [] for one in methods}
    for error in PICKING_ERRORS:
        rng = stream_generator(SEED, "blind", ROBUSTNESS_EPOCH)  # The sequences differ in their picking errors alone.
        made = make_sequences(rng, n, Difficulty(picking_error=error))
        for one in methods:
            right = (one.method.score(made.times) > one.threshold) == made.labels
            found[one.name].append(tuple(wilson(int(right.sum()), n)))
    return plot_robustness(PICKING_ERRORS, found)


def mistakes(task: Task, networks: Networks, histories: Histories) -> Figure:
    """Return the sequences that the first network is most sure of and wrong about: earthquakes, and then others."""
    rows, test = _rows(task, networks)
    row = next(row for row in rows if row.name in networks)
    wrong = np.flatnonzero(~row.right)
    if not len(wrong):
        raise ValueError(f"{row.name} calls every sequence right")
    wrong = wrong[np.argsort(-losses(test.labels, row.probability)[wrong])]
    surest = np.concatenate([wrong[test.labels[wrong] == label][: N_MISTAKES // 2] for label in (1, 0)])
    words = [f"{KINDS[test.kinds[i]]}, p = {row.probability[i]:.3f}" for i in surest]
    return plot_mistakes(_distances(), test.times[surest], words, _move_out())


def _rows(task: Task, networks: Networks) -> tuple[list[Row], Sequences]:
    """Return the rows of the report on the blind sequences of SEED, and these."""
    known: Known = task.known(SEED, task.usual_protocol)
    rows = rows_beside(task, networks, task.n_blind, SEED, task.usual_protocol)
    return rows, known.parts(task.n_blind).test


FIGURES = {  # by what they show
    "map": map_of_network,
    "moveout": move_outs,
    "training": histories,
    "quality": quality,
    "robustness": robustness,
    "mistakes": mistakes,
}
