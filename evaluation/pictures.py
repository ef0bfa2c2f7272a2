"""A picture of what networks and the best classical method make of a blind trace."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dataPreProcessing import TraceProtocol
from evaluation.blind import Networks, blind_traces
from evaluation.comparison import Row, best_baseline
from evaluation.task import Task
from plots.predictions import draw_comparison
from plots.style import COLOURS, PAGE_WIDTH, draw_trace, legend_above, picture
from support.words import number_of

WINDOW = 0.4  # s of a trace of amplitudes: a page shows no more than some hundred samples


@picture
def plot_median_trace(
    task: Task, networks: Networks, rows: Sequence[Row], seed: int, protocol: TraceProtocol
) -> Figure:
    """The blind trace whose error, that of the first network, is the median: input, answers, and their differences.

    ``rows`` are those of a `blind_test` of the networks with this seed and protocol. The answers are those of all
    networks and of the classical method that is best in the rows. Of amplitudes, the WINDOW of median energy is shown.
    Raises ValueError for a task whose answers are not traces.
    """
    errors = next(row for row in rows if row.kind == "network").statistics[0]
    place = int(np.argsort(errors)[len(errors) // 2])
    x, y = (part[place : place + 1] for part in blind_traces(task, len(errors), seed, protocol))
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"the answers of {task.name} are not traces, so there is no picture of one")
    best = best_baseline(task, rows).name
    answers = {best: task.baselines[best].estimate(x, task.known(seed, protocol))}
    answers |= {
        name if len(networks) > 1 else "Network": network.predict_result(x) for name, network in networks.items()
    }
    shown = _window(y[0], round(WINDOW / protocol.dt))
    time = np.arange(y.shape[1])[shown] * protocol.dt
    figure, axes = plt.subplots(3, 1, sharex=True, figsize=(PAGE_WIDTH, 6.6), layout="constrained")
    draw_trace(axes[0], time, x[0, shown] if x.ndim == 2 else x[0, shown, 0], "Input")
    axes[0].set_ylabel("Amplitude")
    legend_above(axes[0])
    colours = {best: COLOURS["orange"]}
    windows = {name: answer[0, shown] for name, answer in answers.items()}
    draw_comparison(axes[1:], time, y[0, shown], windows, "Truth", task.quantity, task.unit, colours)
    title = f"{task.name.capitalize()}: the blind trace whose error is the median of {number_of(len(errors), 'trace')}"
    figure.suptitle(title + (f",\n{WINDOW:g} s of it, of median energy" if len(time) < y.shape[1] else ""))
    return figure


def _window(trace: np.ndarray, n_samples: int) -> slice:
    """The part of a trace whose energy is the median where it crosses zero, as amplitudes do; else all of it."""
    if not trace.min() < 0 < trace.max() or n_samples >= len(trace):
        return slice(None)
    energy = np.convolve(trace.astype(np.float64) ** 2, np.ones(n_samples), "valid")
    first = int(np.argsort(energy)[len(energy) // 2])
    return slice(first, first + n_samples)
