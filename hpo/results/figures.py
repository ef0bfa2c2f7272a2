"""Draws Figs 3, 5, 6, 7, 9, 10, 12 and 13: the grid, repeated trainings, final networks, accuracy and cost."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from baseML import create_model
from evaluation.comparison import KNOWING, Row
from hpo.names import PARAMETERS
from hpo.problem import Problem
from hpo.results.axes import COLUMN_CHARACTERS, axis_limits, caption, heading, letter_axes
from hpo.results.axes import few_log_ticks, log_if_wide, tick_label, without_outliers, wrapped
from hpo.results.grid import base_runs, loss_unit, repeated_base_runs, sweep, traces_sentence
from hpo.results.networks import BASELINE_TRACES, BlindTraces, FinalNetwork, RatedNetwork, final_label
from hpo.tree import APPROACHES
from networks.rows import NetworkConfig
from plots.networks import draw_network_flow, flow_height
from plots.predictions import draw_actual_predicted, draw_comparison
from plots.style import COLOURS, COLUMN_WIDTH, PAGE_WIDTH, PICTURE_STYLE, PREDICTION_COLOURS, axis_label

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
REPEATS = {  # style of the other runs of one configuration
    "linestyle": "",
    "marker": "o",
    "markersize": 3,
    "markerfacecolor": "white",
    "markeredgecolor": "0.3",
}
APPROACH_COLOURS = dict(zip(APPROACHES, PREDICTION_COLOURS, strict=False))  # as in the pictures of predictions
LINE_NAME_HEIGHT = 0.04  # share of an axis


# --- Figs 3 and 7: the grid


@plt.rc_context(PICTURE_STYLE)
def plot_grid_search(
    grid: pd.DataFrame,
    problem: Problem,
    unit: str,
    types: pd.DataFrame | None = None,
    n_samples: int = 4096,
    traces: str = "",
) -> Figure:
    """Draw Figs 3 and 7: (a) loss by network type, (b) to (g) by one parameter each, (h) box plot, (i) network.

    ``grid`` is what `read_grid` returns, and ``types`` has the columns arch_type and loss (default: the grid's own).
    ``unit`` is the unit of the losses, ``n_samples`` the length of the traces, and ``traces`` a sentence on them for
    the caption. Lines pass through the base run of their
    sweep; small open symbols are the other base runs, which show how much repetitions of one training scatter.
    """
    best = _best_network(grid, problem)
    blocks = create_model(best, n_samples).blocks()
    heights = (6.9, 0.4 + flow_height(len(blocks)))  # inch; the second one includes a title
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.2), layout="constrained")
    upper, lower = fig.subfigures(2, 1, height_ratios=heights)
    axes = upper.subplots(3, 3).ravel()
    limits, note = axis_limits(grid["loss"], problem.figure_limits.get("grid"), unit == problem.unit)
    _draw_base_runs(axes[0], grid)
    for ax, (name, base) in zip(axes[1:6], SWEEPS.items(), strict=True):
        _draw_sweep(ax, grid, {name: None}, base)
    _draw_sweep(axes[6], grid, {name: problem.grid_owners.get(name) for name in problem.own_sweeps}, 2)
    _draw_types(axes[7], grid[["arch_type", "loss"]] if types is None else types)
    for ax in axes[:8]:
        ax.set_ylim(limits)
        ax.grid(alpha=0.3)
    for ax in axes[0:8:3]:
        ax.set_ylabel(axis_label("Validation loss", unit))
    _network_legend(axes[8], grid)
    letter_axes(axes[:8])
    network = lower.subplots()
    draw_network_flow(network, blocks)
    network.set_title(f"(i) The network with the lowest loss, {best.arch_type}", loc="left")
    points = "One point per training; small open symbols are other runs of the base configuration."
    caption(fig, [points, note, traces])
    return fig


def _draw_base_runs(ax: Axes, grid: pd.DataFrame) -> None:
    base, repeats = base_runs(grid), repeated_base_runs(grid)
    kinds = list(base["arch_type"])
    ax.bar(wrapped(kinds), base["loss"], color=[_line(kind)["color"] for kind in kinds], alpha=0.8)
    others = repeats.drop(index=base.index)
    here = others["arch_type"].isin(kinds)
    ax.plot([kinds.index(kind) for kind in others.loc[here, "arch_type"]], others.loc[here, "loss"], **REPEATS)
    _network_ticks(ax, kinds, "Network type")


def _draw_sweep(ax: Axes, grid: pd.DataFrame, owners: Mapping[str, str | None], log_base: int | None) -> None:
    """Draw loss against parameters, one line per network; ``owners`` names a parameter's network if only one has it."""
    values = set()
    for name, owner in owners.items():
        for arch_type, runs in sweep(grid, name).groupby("arch_type", sort=False):
            if owner in (None, arch_type):
                ax.plot(runs[name], runs["loss"], markersize=4, label=arch_type, **_line(arch_type))
                values |= set(runs[name])
    ax.set_xlabel(",\n".join(heading(name) + (f" ({owner})" if owner else "") for name, owner in owners.items()))
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
        box.set(facecolor=_line(kind)["color"], alpha=0.6)
    _network_ticks(ax, kinds, "Network type, all runs")


def _network_ticks(ax: Axes, kinds: Sequence[str], label: str) -> None:
    ax.set_xticks(range(len(kinds)), wrapped(kinds))
    ax.set_xlabel(label)


def _type_order(kind: str) -> int:
    known = list(NETWORK_LINES)
    return known.index(kind) if kind in known else len(known)


def _line(arch_type: str) -> dict[str, object]:
    return NETWORK_LINES.get(arch_type, {"color": COLOURS["vermillion"], "marker": "*"})


def _network_legend(ax: Axes, grid: pd.DataFrame) -> None:
    ax.axis("off")
    for kind in sorted(grid["arch_type"].unique(), key=_type_order):
        ax.plot([], [], markersize=4, label=kind, **_line(kind))
    ax.plot([], [], label="base run, repeated", **REPEATS)
    ax.legend(loc="center", title="Network type", frameon=False, handlelength=3)


def _best_network(grid: pd.DataFrame, problem: Problem) -> NetworkConfig:
    """Return the network of the run with the lowest loss."""
    best = grid.loc[grid["loss"].idxmin()]
    fields = {name: best[name] for name in PARAMETERS if name != "Learning Rate" and best[name] != 0}
    return NetworkConfig(net_type=problem.net_type, learning_rate=best["Learning Rate"], **fields)


# --- Figs 5 and 9: repeated trainings


@plt.rc_context(PICTURE_STYLE)
def plot_repeatability(runs: pd.DataFrame, problem: Problem, unit: str, traces: str = "", source: str = "") -> Figure:
    """Draw Figs 5 and 9: box plots of the validation loss of repeated trainings, Grid Search beside Optuna.

    ``runs`` has the columns approach and loss; ``traces`` is a sentence on their traces for the caption, and ``source``
    says whose configurations they are of.
    """
    fig, ax = plt.subplots(figsize=(COLUMN_WIDTH, 3.4), layout="constrained")
    approaches = sorted(runs["approach"].unique())
    losses = [runs.loc[runs["approach"] == approach, "loss"] for approach in approaches]
    boxes = ax.boxplot(losses, widths=0.5, patch_artist=True, showfliers=False, medianprops={"color": "black"})
    for place, (box, approach, values) in enumerate(zip(boxes["boxes"], approaches, losses, strict=True), 1):
        box.set(facecolor=APPROACH_COLOURS.get(approach, "0.7"), alpha=0.6)
        ax.plot(place + np.linspace(-0.15, 0.15, len(values)), values, **REPEATS)
    ax.set_xticks(
        range(1, len(approaches) + 1),
        [f"{name}\n{len(values)} runs" for name, values in zip(approaches, losses, strict=True)],
    )
    inliers = pd.concat([without_outliers(values) for values in losses])
    limits, note = axis_limits(inliers, problem.figure_limits.get("repeatability"), unit == problem.unit)
    ax.set_ylim(limits)
    named = enumerate(zip(approaches, losses, strict=True), 1)
    beyond = [_beyond(ax, place, name, values) for place, (name, values) in named]
    ax.set_ylabel(axis_label("Validation loss", unit))
    ax.grid(axis="y", alpha=0.3)
    medians = [f"{name} {tick_label(values.median())}" for name, values in zip(approaches, losses, strict=True)]
    whose = f"Configurations: those of {source}." if source else ""
    caption(fig, [whose, f"Medians: {', '.join(medians)}.", *beyond, note, traces], COLUMN_CHARACTERS)
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
    heights = [4.2] * (blind is not None) + [2.4] * bool(histories)
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.3), layout="constrained")
    panels = list(np.ravel(fig.subfigures(len(heights), 1, height_ratios=heights)))
    if blind is not None:
        labels = {final.approach: final_label(problem, final) for final in networks}
        predictions = {labels.get(name, name): predicted for name, predicted in blind.predictions.items()}
        colours = {labels.get(name, name): APPROACH_COLOURS.get(name, COLOURS["green"]) for name in blind.predictions}
        words = ("Actual", problem.quantity, problem.unit, colours)
        if blind.are_traces:
            firsts = {name: predicted[0] for name, predicted in predictions.items()}
            draw_comparison(panels[0].subplots(2, 1, sharex=True), blind.time, blind.actual[0], firsts, *words)
        else:
            draw_actual_predicted(panels[0].subplots(), blind.actual, predictions, *words)
        shown = "A trace" if blind.are_traces else f"{len(blind.actual)} traces"
        panels[0].suptitle(f"(a) {shown} that no training saw", x=0.01, ha="left", fontsize=9)
    if histories:
        _draw_losses(panels[-1].subplots(), problem, histories)
        panels[-1].suptitle("(b) Validation loss of the final models", x=0.01, ha="left", fontsize=9)
    caption(fig, [traces_sentence(problem, *(final.provenance for final in networks))])
    return fig


def _draw_losses(ax: Axes, problem: Problem, histories: Mapping[str, FinalNetwork]) -> None:
    losses = []
    for approach, final in histories.items():
        epochs, look = final.history["epoch"] + 1, {"linewidth": 1.0, "color": APPROACH_COLOURS[approach]}
        ax.plot(epochs, final.history["val_loss"], ".-", label=final_label(problem, final), **look)
        losses.extend(final.history["val_loss"])
    log_if_wide(ax.set_yscale, [loss for loss in losses if np.isfinite(loss)])
    units = {loss_unit(problem, final.provenance) for final in histories.values()}
    ax.set(xlabel="Epoch", ylabel=axis_label("Validation loss", units.pop() if len(units) == 1 else ""))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)


# --- Figs 12 and 13: accuracy and cost


@plt.rc_context(PICTURE_STYLE)
def plot_accuracy_and_cost(problem: Problem, networks: Sequence[RatedNetwork], methods: Sequence[Row]) -> Figure:
    """Draw Figs 12 and 13: networks on blind traces, over their parameters (a) and over the cost of their training (b).

    Horizontal lines are classical methods; bars are 95 % intervals over traces. The paper has no such figures.
    """
    metric = problem.headline
    fig, axes = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.4 + 0.1 * len(networks)), sharey=True, layout="constrained")
    costs = {
        "Trainable parameters": [network.parameters for network in networks],
        "Operations of the training (10$^{12}$)": [network.operations / 1e12 for network in networks],
    }
    fills = ("full", "none", "left", "right")
    for ax, (label, amounts) in zip(axes, costs.items(), strict=True):
        for network, amount, fill_style in zip(networks, amounts, itertools.cycle(fills), strict=False):
            value, low, high = network.score
            look = {**_line(network.arch_type), "linestyle": "", "fillstyle": fill_style, "capsize": 2}
            ax.errorbar(amount, value, [[value - low], [high - value]], label=network.name, **look)
        for row in methods:
            style = ":" if row.kind == KNOWING else "-"
            ax.axhline(row.scores[metric.name].value, color="0.6", linewidth=0.8, linestyle=style, zorder=0)
        few_log_ticks(ax, pd.Series(amounts))
        ax.set_xlabel(label)
        ax.grid(alpha=0.3, axis="x")
    axes[0].set_ylabel(axis_label(f"Blind {metric.heading}", metric.unit))
    _name_lines(axes[1], {row.name: row.scores[metric.name].value for row in methods})
    title = f"{BASELINE_TRACES} blind traces; lines are classical methods, dotted if they know the answer"
    handles = axes[0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=2, frameon=False, title=title, title_fontsize=8)
    letter_axes(axes)
    return fig


def _name_lines(ax: Axes, values: Mapping[str, float]) -> None:
    """Write names on the right of horizontal lines, and move them apart where lines are close."""
    bottom, top = ax.get_ylim()
    heights = {name: (value - bottom) / (top - bottom) for name, value in values.items()}
    lowest = -1.0
    for name in sorted(heights, key=heights.get):
        lowest = max(heights[name], lowest + LINE_NAME_HEIGHT)
        ax.annotate(name, (1.02, lowest), xycoords="axes fraction", fontsize=6, va="center", annotation_clip=False)
