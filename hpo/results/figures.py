"""Draws Figs 3, 5, 6, 7, 9 and 10: the grid, repeated trainings and final networks."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from baseML import create_model
from hpo.names import PARAMETERS
from hpo.problem import Problem
from hpo.results.axes import COLUMN_CHARACTERS, caption, heading, letter_axes, set_limits
from hpo.results.axes import log_if_wide, tick_label, without_outliers, wrapped
from hpo.results.grid import base_runs, loss_unit, repeated_base_runs, sweep, traces_sentence
from hpo.results.networks import BlindTraces, FinalNetwork, final_label
from hpo.tree import APPROACHES
from networks.rows import NetworkConfig
from plots.networks import draw_network_flow, flow_height
from plots.predictions import draw_comparison
from plots.style import COLOURS, COLUMN_WIDTH, PAGE_WIDTH, PICTURE_STYLE, PREDICTION_COLOURS, axis_label
from support.words import number_of

NETWORK_LINES = {  # styles of the network types in Figs 3 and 7
    "DNN": {"color": COLOURS["black"], "linestyle": "--", "marker": "s"},
    "CNN": {"color": COLOURS["orange"], "linestyle": "--", "marker": "o"},
    "CNN_VAR": {"color": COLOURS["green"], "marker": "D"},
    "CNN_LSTM": {"color": COLOURS["purple"], "marker": "^"},
    "TCN": {"color": COLOURS["blue"], "linewidth": 2.2, "marker": "v"},
}
SWEEPS = {  # panels (b) to (f): parameter, and base of its axis if it is logarithmic
    "num_layers": None,
    "num_dnn": 2,
    "Learning Rate": 10,
    "num_filt": 2,
    "krnl_size": 2,
}
PANELS_A_ROW = 3
REPEATS = {  # style of the other runs of one configuration
    "linestyle": "",
    "marker": "o",
    "markersize": 3,
    "markerfacecolor": "white",
    "markeredgecolor": "0.3",
}
# As in the pictures of predictions; the third colour is for the classical method beside them.
APPROACH_COLOURS = dict(zip(APPROACHES, PREDICTION_COLOURS, strict=False))
OWN_COLOURS = PREDICTION_COLOURS[len(APPROACHES) + 1 :]


def approach_colours(problem: Problem) -> dict[str, str]:
    """Return the colour of each approach of a problem."""
    own = problem.approaches[len(APPROACHES) :]
    return APPROACH_COLOURS | dict(zip(own, itertools.cycle(OWN_COLOURS), strict=False))


# --- Figs 3 and 7: the grid


@plt.rc_context(PICTURE_STYLE)
def plot_grid_search(
    grid: pd.DataFrame,
    problem: Problem,
    unit: str,
    types: pd.DataFrame | None = None,
    n_samples: int = 4096,
    traces: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw Figs 3 and 7: (a) loss by network type, (b) to (g) by one parameter each, (h) box plot, (i) network.

    Parameters that one network type has alone share (g): there is a panel (g1) and so on for each. ``grid`` is what
    `read_grid` returns, and ``types`` has the columns arch_type and loss (default: the grid's own). ``unit`` is that of
    the losses, ``n_samples`` the length of the traces, ``traces`` a sentence on them for the caption, and ``limits``
    are those of losses (default: what suits the data). Lines pass through the base run of their sweep; small open
    symbols are the other base runs, which show how much repetitions of one training scatter.
    """
    best = _best_network(grid, problem)
    blocks = create_model(best, n_samples).blocks()
    heights = (6.9, 0.4 + flow_height(len(blocks)))  # inch; the second one includes a title
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.2), layout="constrained")
    upper, lower = fig.subfigures(2, 1, height_ratios=heights)
    sweeps = {name: (base, None) for name, base in SWEEPS.items()}
    sweeps |= {name: (2, problem.grid_owners.get(name)) for name in problem.own_sweeps}
    n_panels = len(sweeps) + 2
    n_rows = -(-n_panels // PANELS_A_ROW)
    places = upper.subplots(n_rows, PANELS_A_ROW).ravel()
    axes = places[:n_panels]
    _draw_base_runs(axes[0], grid)
    for ax, (name, (base, owner)) in zip(axes[1:], sweeps.items(), strict=False):
        _draw_sweep(ax, grid, name, base, owner)
    types = grid[["arch_type", "loss"]] if types is None else types
    _draw_types(axes[-1], types)
    losses = pd.concat([grid["loss"], types["loss"]]).drop_duplicates()
    note = set_limits(axes, losses, limits, from_zero=True)
    for ax in axes:
        ax.grid(alpha=0.3)
    for ax in axes[::PANELS_A_ROW]:
        ax.set_ylabel(axis_label("Validation loss", unit))
    for ax in places[n_panels:]:
        ax.axis("off")
    _network_legend(places[n_panels] if n_panels < len(places) else upper, grid)
    own = ["g"] if len(problem.own_sweeps) == 1 else [f"g{number + 1}" for number in range(len(problem.own_sweeps))]
    letter_axes(axes, [*"abcdef", *own, "h"])
    network = lower.subplots()
    draw_network_flow(network, blocks)
    network.set_title(f"(i) The network with the lowest loss, {best.arch_type}", loc="left")
    points = "One point per training; small open symbols are other runs of the base configuration."
    caption(fig, [points, note, traces])
    return fig


def _draw_base_runs(ax: Axes, grid: pd.DataFrame) -> None:
    base, repeats = base_runs(grid), repeated_base_runs(grid)
    kinds = list(base["arch_type"])
    ax.bar(wrapped(kinds), base["loss"], color=[line_of(kind)["color"] for kind in kinds], alpha=0.8)
    others = repeats.drop(index=base.index)
    here = others["arch_type"].isin(kinds)
    ax.plot([kinds.index(kind) for kind in others.loc[here, "arch_type"]], others.loc[here, "loss"], **REPEATS)
    _network_ticks(ax, kinds, "Network type")


def _draw_sweep(ax: Axes, grid: pd.DataFrame, name: str, log_base: int | None, owner: str | None) -> None:
    """Draw loss against a parameter, one line per network; ``owner`` is the parameter's network if only one has it."""
    values = set()
    for arch_type, runs in sweep(grid, name).groupby("arch_type", sort=False):
        if owner in (None, arch_type):
            ax.plot(runs[name], runs["loss"], markersize=4, label=arch_type, **line_of(arch_type))
            values |= set(runs[name])
    ax.set_xlabel(heading(name) + (f" ({owner})" if owner else ""))
    if not values:
        ax.text(0.5, 0.5, "not varied", ha="center", va="center", transform=ax.transAxes, color="0.4")
        ax.set_xticks([])
    elif log_base:
        ax.set_xscale("log", base=log_base)
        _plain_ticks(ax, sorted(values)) if log_base == 2 else ax.xaxis.set_major_locator(LogLocator(numticks=5))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _plain_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Label the values as plain numbers instead of powers, without those that have no room beside a smaller one."""
    room = (values[-1] / values[0]) ** (1 / 5)  # factor between two labels
    shown = [values[0]]
    for value in values[1:]:
        if value >= room * shown[-1]:
            shown.append(value)
    ax.set_xticks(shown, [f"{value:g}" for value in shown])
    ax.xaxis.set_minor_locator(NullLocator())


def _draw_types(ax: Axes, types: pd.DataFrame) -> None:
    kinds = list(dict.fromkeys(sorted(types["arch_type"], key=_type_order)))
    boxes = ax.boxplot(
        [types.loc[types["arch_type"] == kind, "loss"] for kind in kinds],
        positions=range(len(kinds)),
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "black"},
        flierprops={"markersize": 3},
    )
    for box, kind in zip(boxes["boxes"], kinds, strict=True):
        box.set(facecolor=line_of(kind)["color"], alpha=0.6)
    _network_ticks(ax, kinds, "Network type, all runs")


def _network_ticks(ax: Axes, kinds: Sequence[str], label: str) -> None:
    ax.set_xticks(range(len(kinds)), wrapped(kinds))
    ax.set_xlabel(label)


def _type_order(kind: str) -> int:
    known = list(NETWORK_LINES)
    return known.index(kind) if kind in known else len(known)


def line_of(arch_type: str) -> dict[str, object]:
    """Return the look of a network type, the same in all figures; types that are not the paper's share one."""
    return NETWORK_LINES.get(arch_type, {"color": COLOURS["vermillion"], "marker": "*"})


def _network_legend(place: Axes | SubFigure, grid: pd.DataFrame) -> None:
    """Draw the legend of all panels in an empty place, or below the panels of a figure."""
    handles = [
        Line2D([], [], markersize=4, label=kind, **line_of(kind))
        for kind in sorted(grid["arch_type"].unique(), key=_type_order)
    ]
    handles.append(Line2D([], [], label="base run, repeated", **REPEATS))
    where = {"loc": "center"} if isinstance(place, Axes) else {"loc": "outside lower center", "ncols": len(handles)}
    place.legend(handles=handles, title="Network type", frameon=False, handlelength=3, **where)


def _best_network(grid: pd.DataFrame, problem: Problem) -> NetworkConfig:
    """Return the network of the run with the lowest loss."""
    best = grid.loc[grid["loss"].idxmin()]
    fields = {name: best[name] for name in PARAMETERS if name != "Learning Rate" and best[name] != 0}
    return NetworkConfig(net_type=problem.net_type, learning_rate=best["Learning Rate"], **fields)


# --- Figs 5 and 9: repeated trainings


@plt.rc_context(PICTURE_STYLE)
def plot_repeatability(
    runs: pd.DataFrame,
    problem: Problem,
    unit: str,
    traces: str = "",
    source: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw Figs 5 and 9: box plots of the validation loss of repeated trainings, Grid Search beside Optuna.

    ``runs`` has the columns approach and loss; ``traces`` is a sentence on their traces for the caption, ``source``
    says whose configurations they are of, and ``limits`` are those of losses (default: what suits the data).
    """
    fig, ax = plt.subplots(figsize=(COLUMN_WIDTH, 3.4), layout="constrained")
    approaches = sorted(runs["approach"].unique())
    losses = [runs.loc[runs["approach"] == approach, "loss"] for approach in approaches]
    boxes = ax.boxplot(losses, widths=0.5, patch_artist=True, showfliers=False, medianprops={"color": "black"})
    for place, (box, approach, values) in enumerate(zip(boxes["boxes"], approaches, losses, strict=True), 1):
        box.set(facecolor=approach_colours(problem).get(approach, "0.7"), alpha=0.6)
        ax.plot(place + np.linspace(-0.15, 0.15, len(values)), values, **REPEATS)
    ax.set_xticks(
        range(1, len(approaches) + 1),
        [f"{name}\n{number_of(len(values), 'run')}" for name, values in zip(approaches, losses, strict=True)],
    )
    inliers = pd.concat([without_outliers(values) for values in losses])
    set_limits([ax], inliers, limits)
    named = enumerate(zip(approaches, losses, strict=True), 1)
    beyond = [_beyond(ax, place, name, values) for place, (name, values) in named]
    ax.set_ylabel(axis_label("Validation loss", unit))
    ax.grid(axis="y", alpha=0.3)
    medians = [f"{name} {tick_label(values.median())}" for name, values in zip(approaches, losses, strict=True)]
    whose = f"Configurations: those of {source}." if source else ""
    caption(fig, [whose, f"Medians: {', '.join(medians)}.", *beyond, traces], COLUMN_CHARACTERS)
    return fig


def _beyond(ax: Axes, place: int, approach: str, values: pd.Series) -> str:
    """Mark the trainings above or below the limits with arrows at the edge; return a sentence about them, or none."""
    bottom, top = ax.get_ylim()
    outside = values[(values < bottom) | (values > top)]
    for value in outside:
        y, marker = (top, "^") if value > top else (bottom, "v")
        ax.plot(place, y, marker, color="0.3", markersize=5, clip_on=False)
    return f"Outside, {approach}: {', '.join(map(tick_label, outside))}." if len(outside) else ""


# --- Figs 6 and 10: the final networks


@plt.rc_context(PICTURE_STYLE)
def plot_final_networks(problem: Problem, networks: Sequence[FinalNetwork], blind: BlindTraces | None) -> Figure:
    """Draw Figs 6 and 10: (a) the first blind trace, its predictions and their differences, (b) losses by epoch.

    Where predictions are not traces, (a) shows predicted against actual values of all blind traces.
    """
    histories = {final.approach: final for final in networks if final.history is not None}
    n_differences = len(blind.predictions) if blind is not None else 0
    heights = [2.4 + 1.4 * n_differences] * (blind is not None) + [2.4] * bool(histories)
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.3), layout="constrained")
    panels = list(np.ravel(fig.subfigures(len(heights), 1, height_ratios=heights)))
    if blind is not None:
        labels = {final.approach: final_label(problem, final) for final in networks}
        predictions = {labels.get(name, name): predicted for name, predicted in blind.predictions.items()}
        of_approach = approach_colours(problem)
        colours = {labels.get(name, name): of_approach.get(name, COLOURS["green"]) for name in blind.predictions}
        words = ("Actual", problem.quantity, problem.unit, colours)
        if blind.are_traces:
            firsts = {name: predicted[0] for name, predicted in predictions.items()}
            axes = panels[0].subplots(1 + n_differences, 1, sharex=True)
            draw_comparison(axes, blind.time, blind.actual[0], firsts, *words)
        else:
            problem.draw_answers(panels[0].subplots(), blind.actual, predictions, *words)
        shown = "A trace" if blind.are_traces else number_of(len(blind.actual), problem.item)
        panels[0].suptitle(f"(a) {shown} that no training saw", x=0.01, ha="left", fontsize=9)
    if histories:
        _draw_losses(panels[-1].subplots(), problem, histories)
        panels[-1].suptitle("(b) Validation loss of the final models", x=0.01, ha="left", fontsize=9)
    caption(fig, [traces_sentence(problem, *(final.provenance for final in networks))])
    return fig


def _draw_losses(ax: Axes, problem: Problem, histories: Mapping[str, FinalNetwork]) -> None:
    losses = []
    for approach, final in histories.items():
        epochs, look = final.history["epoch"] + 1, {"linewidth": 1.0, "color": approach_colours(problem)[approach]}
        ax.plot(epochs, final.history["val_loss"], ".-", label=final_label(problem, final), **look)
        losses.extend(final.history["val_loss"])
    log_if_wide(ax.set_yscale, [loss for loss in losses if np.isfinite(loss)])
    units = {loss_unit(problem, final.provenance) for final in histories.values()}
    ax.set(xlabel="Epoch", ylabel=axis_label("Validation loss", units.pop() if len(units) == 1 else ""))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
