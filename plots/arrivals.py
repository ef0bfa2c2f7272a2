"""Pictures of arrival times and of probabilities: where, when, how often right, and how far to be trusted.

Labels are (n,), 1 for an earthquake and 0 for anything else; probabilities of an earthquake are (n,); times are in s,
places in km.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, picture

CLASSES = ("no earthquake", "earthquake")
LEAST_SHOWN = 1e-4  # of an axis of probabilities that are small
LATEST_SHOWN = 16.0  # s after the first pick; slow plane waves go on


def _colours(names: Sequence[str], colours: Mapping[str, str] | None = None) -> dict[str, str]:
    return dict(zip(names, cycle([*PREDICTION_COLOURS, COLOURS["sky blue"], "0.5"]), strict=False)) | dict(
        colours or {}
    )


# --- Quality


def roc_curve(labels: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates (n_points,) of all thresholds, from (0, 0) to (1, 1).

    >>> [part.tolist() for part in roc_curve([1, 0, 1, 0], [0.9, 0.8, 0.8, 0.1])]
    [[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    labels, probability = np.asarray(labels, dtype=float).ravel(), np.asarray(probability, dtype=float).ravel()
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)  # of equal probabilities
    true = np.append(0.0, np.cumsum(labels[order])[ends])
    false = np.append(0.0, np.cumsum(1 - labels[order])[ends])
    return false / max(false[-1], 1), true / max(true[-1], 1)


def draw_roc(
    axes: Axes,
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    actual_name: str = "Actual",
    quantity: str = "",
    unit: str = "",
    colours: Mapping[str, str] | None = None,
) -> None:
    """ROC curves of several probabilities (n,) or (n, 1) of the same labels, with the area under each of them.

    The rate of false alarms has a logarithmic axis, as only small ones are of use. The arguments are those of
    `plots.predictions.draw_actual_predicted`, in whose place it stands for answers that are probabilities.

    >>> _, ax = plt.subplots()
    >>> draw_roc(ax, [1, 0], {"Network": [0.9, 0.1]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Network: AUC 1.0000']
    """
    for name, colour in _colours(list(predictions), colours).items():
        if name not in predictions:
            continue
        false, true = roc_curve(actual, predictions[name])
        area = float(np.trapezoid(true, false))
        axes.plot(np.maximum(false, LEAST_SHOWN), true, color=colour, linewidth=1.2, label=f"{name}: AUC {area:.4f}")
    axes.set(xscale="log", xlim=(LEAST_SHOWN, 1), ylim=(0, 1.01))
    axes.set(xlabel="Share of others that are called earthquakes", ylabel="Share of earthquakes that are found")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", framealpha=0.8)


def draw_precision_recall(ax: Axes, labels: np.ndarray, predictions: Mapping[str, np.ndarray]) -> None:
    """Precision against recall for several probabilities of the same labels."""
    n_events = labels.sum()
    for name, colour in _colours(list(predictions)).items():
        order = np.argsort(-predictions[name], kind="stable")
        found = np.cumsum(labels[order])
        ax.plot(found / n_events, found / np.arange(1, len(order) + 1), color=colour, linewidth=1.2, label=name)
    ax.set(xlabel="Recall: share of earthquakes that are found", ylabel="Precision: share of calls that are right")
    ax.set(xlim=(0.5, 1.005), ylim=(max(0.0, n_events / len(labels) - 0.05), 1.01))
    ax.grid(alpha=0.3)


def draw_reliability(ax: Axes, curves: Mapping[str, tuple[np.ndarray, np.ndarray, float]]) -> None:
    """Share of earthquakes against probability, by name: mean probabilities, shares and the calibration error."""
    ax.plot([0, 1], [0, 1], color=COLOURS["black"], linewidth=0.6)
    for (name, (probability, share, error)), colour in zip(
        curves.items(), _colours(list(curves)).values(), strict=True
    ):
        ax.plot(probability, share, ".-", color=colour, linewidth=1.0, label=f"{name}: error {error:.3f}")
    ax.set(xlabel="Probability of an earthquake", ylabel="Share of earthquakes", xlim=(0, 1), ylim=(0, 1))
    ax.grid(alpha=0.3)


def draw_confusion(ax: Axes, labels: np.ndarray, called: np.ndarray) -> None:
    """Counts of sequences: rows are the truth, columns are what they were called."""
    counts = np.array([[np.sum((labels == truth) & (called == call)) for call in (0, 1)] for truth in (0, 1)])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for truth in (0, 1):
        for call in (0, 1):
            colour = "white" if shares[truth, call] > 0.5 else "black"
            text = f"{counts[truth, call]:,}\n{shares[truth, call]:.1%}"
            ax.text(call, truth, text, ha="center", va="center", color=colour)
    ax.set_xticks((0, 1), CLASSES)
    ax.set_yticks((0, 1), CLASSES, rotation=90, va="center")
    ax.set(xlabel="Called", ylabel="Truth")


@picture
def plot_quality(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    called: np.ndarray,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, float]],
    name: str,
) -> Figure:
    """(a) Confusion matrix of one method, (b) ROC, (c) precision and recall and (d) reliability of all of them.

    ``called`` is what the method ``name`` calls the sequences, ``curves`` are those of `draw_reliability`, of the same
    names in the same order as ``predictions``.
    """
    fig, axes = plt.subplots(2, 2, figsize=(PAGE_WIDTH, 7.2), layout="constrained")
    draw_confusion(axes[0, 0], labels, called)
    draw_roc(axes[0, 1], labels, predictions)
    draw_precision_recall(axes[1, 0], labels, predictions)
    draw_reliability(axes[1, 1], curves)
    titles = (f"(a) {name}", "(b) ROC", "(c) Precision and recall", "(d) Reliability")
    for ax, title in zip(axes.ravel(), titles, strict=True):
        ax.set_title(title, loc="left")
    # The names are too long for a panel.
    handles, labels = axes[0, 1].get_legend_handles_labels()
    axes[0, 1].get_legend().remove()
    errors = [f"{label}, calibration error {curves[name][2]:.3f}" for name, label in zip(curves, labels, strict=True)]
    fig.legend(handles, errors, loc="outside lower left", frameon=False)
    return fig


# --- Training


def draw_history(axes: Sequence[Axes], histories: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Loss on a logarithmic axis, and accuracy where there is one, by epoch: dashed for training, full for validation.

    A history has the columns epoch (from 0), loss, val_loss, and maybe accuracy and val_accuracy.
    """
    for ax, column, label in zip(axes, ("loss", "accuracy"), ("Loss", "Accuracy"), strict=False):
        for (name, history), colour in zip(histories.items(), _colours(list(histories)).values(), strict=True):
            for part, style in (("", "--"), ("val_", "-")):
                if part + column in history:
                    words = name if part else None
                    ax.plot(history["epoch"] + 1, history[part + column], style, color=colour, label=words, linewidth=1)
        ax.set(xlabel="Epoch", ylabel=label)
        ax.set_title("dashed: training", loc="left", fontsize=7)
        ax.grid(alpha=0.3)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend()
    axes[0].set_yscale("log")


@picture
def plot_histories(histories: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Loss and accuracy by epoch, as `draw_history` has them."""
    n_panels = 1 + any("accuracy" in history for history in histories.values())
    fig, axes = plt.subplots(1, n_panels, figsize=(PAGE_WIDTH * n_panels / 2, 2.9), layout="constrained", squeeze=False)
    draw_history(axes[0], histories)
    return fig


@picture
def plot_published(history: Mapping[str, np.ndarray], labels: np.ndarray, probability: np.ndarray) -> Figure:
    """The figure of the exercise: loss, accuracy, and the confusion matrix of the published test."""
    fig, axes = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 2.8), layout="constrained")
    draw_history(axes[:2], {"network": history} if history else {})
    draw_confusion(axes[2], labels, probability > 0.5)
    axes[2].set_title("Published test", loc="left")
    return fig


# --- Sequences


@picture
def plot_map(stations: np.ndarray, hypocentres: np.ndarray, in_swarm: np.ndarray) -> Figure:
    """Stations (6, 2) and hypocentres (n, 3) in map view and from the south; ``in_swarm`` is bool (n,)."""
    fig, (above, side) = plt.subplots(2, 1, figsize=(4.6, 6.2), height_ratios=(3, 1), sharex=True, layout="constrained")
    kinds = {"background": (~in_swarm, COLOURS["sky blue"]), "swarm": (in_swarm, COLOURS["vermillion"])}
    for name, (rows, colour) in kinds.items():
        look = {"color": colour, "linewidths": 0, "alpha": 0.6, "label": name}
        above.scatter(hypocentres[rows, 0], hypocentres[rows, 1], 5, **look)
        side.scatter(hypocentres[rows, 0], hypocentres[rows, 2], 5, **look)
    above.plot(*stations.T, "^", color=COLOURS["black"], markersize=8, label="station")
    side.plot(stations[:, 0], np.zeros(len(stations)), "^", color=COLOURS["black"], markersize=8, clip_on=False)
    for number, (x, y) in enumerate(stations, 1):
        above.annotate(str(number), (x, y), (6, 4), textcoords="offset points")
    above.set(ylabel="North (km)", aspect="equal")
    side.set(xlabel="East (km)", ylabel="Depth (km)")
    side.set_ylim(side.get_ylim()[1], 0)
    above.legend(loc="lower left", framealpha=0.8)
    return fig


@picture
def plot_move_out(
    distance: np.ndarray, times_of: Mapping[str, np.ndarray], curve: tuple[np.ndarray, np.ndarray]
) -> Figure:
    """Times after each sequence's first against the distance (6,) of the stations from the swarm, a panel per kind.

    ``times_of`` has a few sequences (n, 6) of each kind; ``curve`` is the move-out of an event in the swarm: distances
    in km and times in s after the arrival at the nearest station.
    """
    fig, axes = plt.subplots(1, len(times_of), figsize=(PAGE_WIDTH, 2.6), sharey=True, layout="constrained")
    order = np.argsort(distance)
    for ax, (kind, times) in zip(axes, times_of.items(), strict=True):
        ax.plot(*curve, color="0.7", linewidth=3, zorder=0)
        for row, colour in zip(times, cycle(PREDICTION_COLOURS), strict=False):
            ax.plot(distance[order], (row - row.min())[order], ".-", color=colour, linewidth=0.7, markersize=4)
        ax.set_title(kind, loc="left")
        ax.set_xlabel("Distance (km)")
        ax.grid(alpha=0.3)
    axes[0].set(ylabel="Time after the first pick (s)", ylim=(-0.5, LATEST_SHOWN))
    return fig


@picture
def plot_robustness(errors: Sequence[float], accuracy_of: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Accuracy, with its interval, against the standard deviation of the picking errors in s, for several methods."""
    fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    for (name, found), colour in zip(accuracy_of.items(), _colours(list(accuracy_of)).values(), strict=True):
        value, low, high = np.array(found).T
        ax.errorbar(errors, value, [value - low, high - value], fmt=".-", color=colour, capsize=2, label=name)
    ax.set(xlabel="Standard deviation of the picking errors (s)", ylabel="Accuracy")
    ax.grid(alpha=0.3)
    ax.legend()
    return fig


@picture
def plot_mistakes(
    distance: np.ndarray, times: np.ndarray, words: Sequence[str], curve: tuple[np.ndarray, np.ndarray]
) -> Figure:
    """Sequences (n, 6) that were called wrong, a panel each, headed by words, as `plot_move_out` draws them."""
    n_columns = 4
    n_rows = -(-len(times) // n_columns)
    fig, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(PAGE_WIDTH, 1.9 * n_rows + 0.3),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    order = np.argsort(distance)
    for ax, row, heading in zip(axes.ravel(), times, words, strict=False):
        ax.plot(*curve, color="0.7", linewidth=3, zorder=0)
        ax.plot(distance[order], (row - row.min())[order], ".-", color=COLOURS["vermillion"], linewidth=0.8)
        ax.set_title(heading, loc="left", fontsize=7)
        ax.grid(alpha=0.3)
    for ax in axes.ravel()[len(times) :]:
        ax.axis("off")
    fig.supxlabel("Distance from the swarm (km)")
    fig.supylabel("Time after the first pick (s)")
    return fig
