"""The paper's figures and tables, from any results tree: that of your own runs, or the published archive's.

python resultsPlotting.py                                       Figs 2-13 and Tables 1-4 of Results, into Figs
python resultsPlotting.py --problem inversion --figures 7,8     two figures
python resultsPlotting.py --format pdf --html                   for print, and a report to explore in a browser
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import fill

import dataPlotting  # first: it keeps TensorFlow's start-up messages off the screen
import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from optuna.distributions import CategoricalDistribution, IntDistribution

import blindTest
import resultsData
import resultsReport
from baseML import NetworkConfig, create_model
from blindTest import Row
from dataGeneration import DataGenerationClass, show_figures
from dataPlotting import COLOURS, COLUMN_WIDTH, PAGE_WIDTH, PREDICTION_COLOURS, axis_label
from hpoFixed import APPROACHES
from hpoSettings import Parser, Problem, ResultsTree, UserError, check_output, study_name_option
from hpoStorage import check_url
from resultFiles import replace_file, replacing
from resultsData import BlindTrace, FinalNetwork, MissingError, RatedNetwork, StudyResults, readable
from run_DenoisingML_HPO_Paper import PROBLEM as DENOISING
from run_InversionML_HPO_Paper import PROBLEM as INVERSION

PROBLEMS = {problem.name: problem for problem in (DENOISING, INVERSION)}
FORMATS = ("png", "pdf", "svg")
GRID_LIMITS = {"denoising": (0.0, 0.30), "inversion": (0.0, 15_000.0)}  # of the losses in Figs 3 and 7
REPEATABILITY_LIMITS = {"denoising": (0.0, 0.15), "inversion": (1500.0, 4000.0)}  # in Figs 5 and 9
SMALLEST_SHARE = 0.1  # of the paper's limits; results that fill less are drawn to limits of their own
NETWORK_LINES = {  # of network types in Figs 3 and 7
    "DNN": {"color": COLOURS["black"], "linestyle": "--", "marker": "s"},
    "CNN": {"color": COLOURS["orange"], "linestyle": "--", "marker": "o"},
    "CNN_VAR": {"color": COLOURS["green"], "marker": "D"},
    "CNN_LSTM": {"color": COLOURS["purple"], "marker": "^"},
    "TCN": {"color": COLOURS["blue"], "linewidth": 2.2, "marker": "v"},
}
SWEEPS = {  # panels (b) to (f): parameter, base of a logarithmic axis
    "num_layers": None,
    "num_dnn": 2,
    "Learning Rate": 10,
    "num_filt": 2,
    "krnl_size": 2,
}
OWN_SWEEPS = {  # panel (g): parameters that are particular to a problem
    "denoising": ("pool_val",),
    "inversion": ("num_dil", "num_lstm"),
}
REPEATS = {  # other runs of one configuration
    **{"linestyle": "", "marker": "o", "markersize": 3},
    **{"markerfacecolor": "white", "markeredgecolor": "0.3"},
}
APPROACH_COLOURS = dict(zip(APPROACHES, PREDICTION_COLOURS, strict=False))  # as in the pictures of predictions
LEFT_OUT_MARKS = {"skipped": "^", "pruned": "x", "failed": "P"}
STUDY_PANELS = {
    "a": "Optimisation history",
    "b": "Parallel coordinates, the best trials darkest",
    "c": "Slices, later trials brighter",
    "d": "Importance for the score (fANOVA)",
}
LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.4}
LINES_A_COLUMN, LINES_A_PAGE = 58, 118  # characters of a caption
SLICES_A_ROW = 5
LINE_NAME_HEIGHT = 0.04  # of an axis
EARTH_SEED, CROSSPLOT_TRACES = 0, 20


# --- Figs 3 and 7: the grid


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_grid_search(
    grid: pd.DataFrame, problem: Problem, unit: str, types: pd.DataFrame | None = None, n_samples: int = 4096
) -> Figure:
    """Figs 3 and 7: (a) loss by network type, (b) to (g) by one parameter after another, (h) box plot, (i) network.

    ``grid`` is as `resultsData.read_grid` gives it; ``types`` has the columns arch_type and loss (default: the
    grid's own); ``unit`` is that of the losses, ``n_samples`` the length of the traces. Lines pass through the base run
    that belongs to their sweep; small open symbols are the other runs of the base configuration: how much one and the
    same training scatters.
    """
    best = _best_network(grid, problem)
    blocks = create_model(best, n_samples).blocks()
    heights = (6.9, 0.4 + dataPlotting.flow_height(len(blocks)))  # inch; the lower one with its title
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.2), layout="constrained")
    upper, lower = fig.subfigures(2, 1, height_ratios=heights)
    axes = upper.subplots(3, 3).ravel()
    limits, note = _limits(grid["loss"], GRID_LIMITS[problem.name], unit == problem.unit)
    _draw_base_runs(axes[0], grid)
    for ax, (name, base) in zip(axes[1:6], SWEEPS.items(), strict=True):
        _draw_sweep(ax, grid, (name,), base)
    _draw_sweep(axes[6], grid, OWN_SWEEPS[problem.name], 2)
    _draw_types(axes[7], grid[["arch_type", "loss"]] if types is None else types)
    for ax in axes[:8]:
        ax.set_ylim(limits)
        ax.grid(alpha=0.3)
    for ax in axes[0:8:3]:
        ax.set_ylabel(axis_label("Validation loss", unit))
    _network_legend(axes[8], grid)
    _letter(axes[:8])
    network = lower.subplots()
    dataPlotting.draw_network_flow(network, blocks)
    network.set_title(f"(i) The network with the lowest loss, {best.arch_type}", loc="left")
    _caption(fig, ["One training a point; small open symbols: other runs of the base configuration.", note])
    return fig


def _draw_base_runs(ax: Axes, grid: pd.DataFrame) -> None:
    base, repeats = resultsData.base_runs(grid), resultsData.repeated_base_runs(grid)
    kinds = list(base["arch_type"])
    ax.bar(_wrapped(kinds), base["loss"], color=[_line(kind)["color"] for kind in kinds], alpha=0.8)
    others = repeats.drop(index=base.index)
    here = others["arch_type"].isin(kinds)
    ax.plot([kinds.index(kind) for kind in others.loc[here, "arch_type"]], others.loc[here, "loss"], **REPEATS)
    _network_ticks(ax, kinds, "Network type")


def _draw_sweep(ax: Axes, grid: pd.DataFrame, names: Sequence[str], log_base: int | None) -> None:
    """Loss against the values of one parameter, or of several that different networks have, a line a network."""
    values = set()
    for name in names:
        for arch_type, runs in resultsData.sweep(grid, name).groupby("arch_type", sort=False):
            if len(names) == 1 or arch_type in _own_network(name, grid):
                ax.plot(runs[name], runs["loss"], markersize=4, label=arch_type, **_line(arch_type))
                values |= set(runs[name])
    ax.set_xlabel(_sweep_label(names))
    if not values:
        ax.text(0.5, 0.5, "not varied", ha="center", va="center", transform=ax.transAxes, color="0.4")
        ax.set_xticks([])
    elif log_base:
        ax.set_xscale("log", base=log_base)
        _plain_ticks(ax, sorted(values)) if log_base == 2 else ax.xaxis.set_major_locator(LogLocator(numticks=5))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _own_network(name: str, grid: pd.DataFrame) -> set[str]:
    """The network types for which a panel of several parameters shows this one."""
    return {"num_dil": {"TCN"}, "num_lstm": {"CNN_LSTM"}}.get(name, set(grid["arch_type"]))


def _sweep_label(names: Sequence[str]) -> str:
    if len(names) == 1:
        return _heading(names[0])
    return "Dilation (TCN),\nLSTM units (CNN_LSTM)"


def _plain_ticks(ax: Axes, values: Sequence[float]) -> None:
    """The values as they are, instead of powers; those that have no room beside a smaller one are left out."""
    room = (values[-1] / values[0]) ** (1 / 5)  # factor
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
    ax.set_xticks(range(len(kinds)), _wrapped(kinds))
    ax.set_xlabel(label)


def _wrapped(kinds: Iterable[str]) -> list[str]:
    return [str(kind).replace("_", "\n") for kind in kinds]


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
    """The network of the run with the lowest loss."""
    best = grid.loc[grid["loss"].idxmin()]
    fields = {name: best[name] for name in resultsData.PARAMETERS if name != "Learning Rate" and best[name] != 0}
    return NetworkConfig(net_type=problem.net_type, learning_rate=best["Learning Rate"], **fields)


# --- Figs 4 and 8: the study


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_study(results: StudyResults) -> Figure:
    """Figs 4 and 8: (a) optimisation history, (b) parallel coordinates, (c) slices, (d) importance for the score.

    Raises MissingError when no trial was trained.
    """
    if not results.trained.trials:
        raise MissingError(f"study: {results.name} has no trained trial ({results.left_out()})")
    n_rows = -(-len(results.parameters) // SLICES_A_ROW)
    heights = (2.1, 2.5, 0.3 + 1.45 * n_rows, 0.7 + 0.17 * len(results.best_parameters))
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.5), layout="constrained")
    panels = fig.subfigures(4, 1, height_ratios=heights)
    _draw_history(panels[0].subplots(), results)
    _draw_parallel(panels[1].subplots(), results)
    _draw_slices(panels[2], results, n_rows)
    _draw_importance(panels[3].subplots(), results, "score")
    for panel, letter in zip(panels, "abcd", strict=True):
        panel.suptitle(f"({letter}) {STUDY_PANELS[letter]}", x=0.01, ha="left", fontsize=9)
    _caption(fig, [_study_caption(results)])
    return fig


def _study_caption(results: StudyResults) -> str:
    left_out = results.left_out()
    said = f"; left out: {left_out}" if left_out else "; none left out"
    trained = _trained(results)
    alike = trained.dropna(subset=results.best_parameters)
    only = f" (b) and (d): the {len(alike)} with the parameters of the best one." if len(alike) < len(trained) else ""
    return f"{results.name}: {len(trained)} trained trials{said}.{only}"


def _trained(results: StudyResults) -> pd.DataFrame:
    return results.trials[results.trials["kind"] == "trained"]


def _score_label(results: StudyResults) -> str:
    return axis_label("Validation loss", results.unit)


def _are_wide(values: Iterable[float]) -> bool:
    """Whether values span more than a decade, and are better seen on a logarithmic axis."""
    values = np.asarray(values, dtype=float)
    return values.min() > 0 and values.max() > 10 * values.min()


def _log_if_wide(set_scale: Callable[[str], None], values: Iterable[float]) -> None:
    if _are_wide(values):
        set_scale("log")


def _few_log_ticks(ax: Axes, values: pd.Series) -> None:
    """A logarithmic axis with three round numbers at most, which is what a narrow panel has room for."""
    ax.set_xscale("log")
    decades = np.arange(np.floor(np.log10(values.min())), np.ceil(np.log10(values.max())) + 1)
    low, high = ax.get_xlim()
    for digits in ((1, 2, 5), range(1, 10)):
        numbers = [digit * 10.0**decade for decade in decades for digit in digits]
        inside = [number for number in numbers if low <= number <= high]
        if len(inside) > 1:
            break
    ticks = sorted({inside[0], inside[len(inside) // 2], inside[-1]}) if inside else []
    ax.set_xticks(ticks, [f"{tick:,.9g}" for tick in ticks], fontsize=7)
    ax.xaxis.set_minor_locator(NullLocator())


def _draw_history(ax: Axes, results: StudyResults) -> None:
    trained = _trained(results).sort_values("number")
    ax.plot(trained["number"], trained["score"], "o", markersize=3, color=COLOURS["sky blue"], label="trained trial")
    ax.step(
        trained["number"], trained["score"].cummin(), where="post", color=COLOURS["vermillion"], label="best so far"
    )
    for kind, marker in LEFT_OUT_MARKS.items():
        numbers = results.trials.loc[results.trials["kind"] == kind, "number"]
        if len(numbers):
            look = {"linestyle": "", "marker": marker, "markersize": 3, "color": "0.4", "clip_on": False}
            ax.plot(numbers, np.full(len(numbers), 1.04), transform=ax.get_xaxis_transform(), label=kind, **look)
    _log_if_wide(ax.set_yscale, trained["score"])
    ax.set(xlabel="Trial", ylabel=_score_label(results))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


@dataclass(frozen=True)
class _Scale:
    """Where the values of a parameter stand between 0 and 1."""

    positions: np.ndarray
    ticks: Sequence[float]
    labels: Sequence[str]


def _scale(values: pd.Series, distribution: optuna.distributions.BaseDistribution | None) -> _Scale:
    if isinstance(distribution, CategoricalDistribution):
        choices = list(distribution.choices)
        places = np.linspace(0, 1, len(choices)) if len(choices) > 1 else np.array([0.5])
        return _Scale(places[[choices.index(value) for value in values]], places, [str(choice) for choice in choices])
    ends = (values.min(), values.max()) if distribution is None else (distribution.low, distribution.high)
    is_log = _are_wide(values) if distribution is None else distribution.log
    numbers, (low, high) = (np.log(values), np.log(ends)) if is_log else (values, ends)
    if low == high:
        return _Scale(np.full(len(values), 0.5), (0.5,), (_tick(ends[0]),))
    return _Scale(np.asarray((numbers - low) / (high - low), float), (0.0, 1.0), tuple(map(_tick, ends)))


def _tick(value: float) -> str:
    return resultsData.short_number(float(value))


def _distributions(results: StudyResults) -> dict[str, optuna.distributions.BaseDistribution]:
    return {name: kind for trial in results.trained.trials for name, kind in trial.distributions.items()}


def _draw_parallel(ax: Axes, results: StudyResults) -> None:
    known = _distributions(results)
    names = results.best_parameters
    trained = _trained(results).dropna(subset=["score", *names]).sort_values("score", ascending=False)
    scales = [_scale(trained["score"], None), *(_scale(trained[name], known[name]) for name in names)]
    points = np.column_stack([scale.positions for scale in scales])  # (n_trials, n_axes)
    lines = np.stack([np.broadcast_to(np.arange(points.shape[1]), points.shape), points], axis=-1)
    ranks = np.linspace(1.0, 0.0, len(points)) if len(points) > 1 else [0.0]  # the best last, on top
    ax.add_collection(LineCollection(lines, colors=plt.get_cmap("cividis")(ranks), linewidths=0.8, alpha=0.7))
    for place, scale in enumerate(scales):
        ax.axvline(place, color="0.3", linewidth=0.8)
        for tick, label in zip(scale.ticks, scale.labels, strict=True):
            ax.annotate(
                label, (place, tick), (2, 0), textcoords="offset points", fontsize=6, va="center", bbox=LABEL_BOX
            )
    labels = ["loss", *(fill(readable(name), 10) for name in names)]
    ax.set(xlim=(-0.1, len(scales) - 0.6), ylim=(-0.06, 1.06), yticks=[])
    ax.set_xticks(range(len(scales)), labels)
    for side in ax.spines.values():
        side.set_visible(False)


def _draw_slices(panel: SubFigure, results: StudyResults, n_rows: int) -> None:
    trained, known = _trained(results), _distributions(results)
    axes = panel.subplots(n_rows, SLICES_A_ROW, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(results.parameters) :]:
        ax.remove()
    for ax, name in zip(axes.ravel(), results.parameters, strict=False):
        drawn = trained.dropna(subset=[name])
        values = drawn[name]
        if isinstance(known[name], CategoricalDistribution):
            choices = list(known[name].choices)
            values = values.map(choices.index)
            ax.set_xticks(range(len(choices)), _wrapped(choices), fontsize=6)
            ax.set_xlim(-0.5, len(choices) - 0.5)
        elif values.nunique() == 1:
            ax.set_xticks([values.iloc[0]], [_tick(values.iloc[0])])
        elif not known[name].log:
            ax.xaxis.set_major_locator(MaxNLocator(3, integer=isinstance(known[name], IntDistribution)))
        ax.scatter(values, drawn["score"], 6, c=drawn["number"], cmap="cividis", linewidths=0)
        if getattr(known[name], "log", False) and values.nunique() > 1:
            _few_log_ticks(ax, values)
        ax.set_xlabel(_heading(name))
        ax.grid(alpha=0.3)
    _log_if_wide(axes[0, 0].set_yscale, trained["score"])
    for row in axes:
        row[0].set_ylabel(fill(_score_label(results), 16))


def _draw_importance(ax: Axes, results: StudyResults, target: str) -> None:
    """Bars, or one sentence where there are too few trials."""
    try:
        found = resultsData.importances(results, target)[::-1]
    except MissingError as error:
        ax.axis("off")
        ax.text(0.0, 0.5, fill(str(error), 110), va="center", transform=ax.transAxes)
        return
    bars = ax.barh([_heading(name) for name in found.index], found, color=COLOURS["blue"])
    ax.bar_label(bars, [f"{value:.2f}" for value in found], padding=2, fontsize=7)
    ax.set(xlabel=f"Importance for the {target}", xlim=(0.0, 1.15 * found.max()))


# --- Figs 5 and 9: repeated trainings


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_repeatability(runs: pd.DataFrame, problem: Problem, unit: str) -> Figure:
    """Figs 5 and 9: box plots of the validation loss of repeated trainings, Grid Search beside Optuna.

    ``runs`` has the columns approach and loss.
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
    limits, note = _limits(runs["loss"], REPEATABILITY_LIMITS[problem.name], unit == problem.unit)
    ax.set_ylim(limits)
    ax.set_ylabel(axis_label("Validation loss", unit))
    ax.grid(axis="y", alpha=0.3)
    medians = ", ".join(f"{name} {_tick(values.median())}" for name, values in zip(approaches, losses, strict=True))
    _caption(fig, [f"Medians: {medians}.", note], LINES_A_COLUMN)
    return fig


# --- Figs 6 and 10: the final networks


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_final_networks(problem: Problem, networks: Sequence[FinalNetwork], blind: BlindTrace | None) -> Figure:
    """Figs 6 and 10: (a) a blind trace, its predictions and their differences, (b) validation losses by epoch."""
    histories = {final.approach: final for final in networks if final.history is not None}
    heights = [4.2] * (blind is not None) + [2.4] * bool(histories)
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.3), layout="constrained")
    panels = list(np.ravel(fig.subfigures(len(heights), 1, height_ratios=heights)))
    if blind is not None:
        axes = panels[0].subplots(2, 1, sharex=True)
        dataPlotting.draw_comparison(
            *(axes, blind.time, blind.actual, blind.predictions, "Actual", problem.quantity, problem.unit),
            colours=dict.fromkeys(blind.predictions, COLOURS["green"]) | APPROACH_COLOURS,
        )
        panels[0].suptitle("(a) A trace that no training saw", x=0.01, ha="left", fontsize=9)
    if histories:
        _draw_losses(panels[-1].subplots(), problem, histories)
        panels[-1].suptitle("(b) Validation loss of the final models", x=0.01, ha="left", fontsize=9)
    return fig


def _draw_losses(ax: Axes, problem: Problem, histories: Mapping[str, FinalNetwork]) -> None:
    losses = []
    for approach, final in histories.items():
        epochs = final.history["epoch"] + 1
        ax.plot(
            epochs, final.history["val_loss"], ".-", linewidth=1.0, label=approach, color=APPROACH_COLOURS[approach]
        )
        losses.extend(final.history["val_loss"])
    _log_if_wide(ax.set_yscale, [loss for loss in losses if np.isfinite(loss)])
    units = {resultsData.loss_unit(problem, final.provenance) for final in histories.values()}
    ax.set(xlabel="Epoch", ylabel=axis_label("Validation loss", units.pop() if len(units) == 1 else ""))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)


# --- Fig 11: what takes the time


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_duration_importance(studies: Sequence[StudyResults]) -> Figure:
    """Fig 11: importance of the parameters for the duration of a trial, (a) denoising, (b) inversion."""
    heights = [0.8 + 0.19 * len(results.parameters) for results in studies]
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.4 * len(studies)), layout="constrained")
    panels = np.ravel(fig.subfigures(len(studies), 1, height_ratios=heights))
    for panel, letter, results in zip(panels, "ab", studies, strict=False):
        panel.suptitle(f"({letter}) {results.problem.name.capitalize()}", x=0.01, ha="left", fontsize=9)
        _draw_importance(panel.subplots(), results, "duration")
    _caption(fig, [_study_caption(results) for results in studies])
    return fig


# --- Figs 12 and 13: accuracy and cost


@plt.rc_context(dataPlotting.PICTURE_STYLE)
def plot_accuracy_and_cost(problem: Problem, networks: Sequence[RatedNetwork], methods: Sequence[Row]) -> Figure:
    """Figs 12 and 13: networks on blind traces, over their parameters (a) and over the cost of their training (b).

    Horizontal lines are classical methods; bars are 95 % intervals over traces. Not in the paper.
    """
    name = blindTest.PROBLEMS[problem.name].headline
    column = blindTest.PROBLEMS[problem.name].columns[name]
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
            style = ":" if row.kind == "ceiling" else "-"
            ax.axhline(getattr(row.scores, name).value, color="0.6", linewidth=0.8, linestyle=style, zorder=0)
        _few_log_ticks(ax, pd.Series(amounts))
        ax.set_xlabel(label)
        ax.grid(alpha=0.3, axis="x")
    axes[0].set_ylabel(axis_label(f"Blind {column.heading}", column.unit))
    _name_lines(axes[1], {row.name: getattr(row.scores, name).value for row in methods})
    said = f"{resultsData.BASELINE_TRACES} blind traces; lines: classical methods, dotted if they know the answer"
    handles = axes[0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=2, frameon=False, title=said, title_fontsize=8)
    _letter(axes)
    return fig


def _name_lines(ax: Axes, values: Mapping[str, float]) -> None:
    """Names on the right of horizontal lines, moved apart where lines are close."""
    bottom, top = ax.get_ylim()
    heights = {name: (value - bottom) / (top - bottom) for name, value in values.items()}
    lowest = -1.0
    for name in sorted(heights, key=heights.get):
        lowest = max(heights[name], lowest + LINE_NAME_HEIGHT)
        ax.annotate(name, (1.02, lowest), xycoords="axes fraction", fontsize=6, va="center", annotation_clip=False)


# --- What figures share


def _heading(name: str) -> str:
    """A parameter's readable name as an axis label."""
    return readable(name)[0].upper() + readable(name)[1:]


def _limits(values: pd.Series, paper: tuple[float, float], paper_unit: bool) -> tuple[tuple[float, float], str]:
    """The paper's limits where they suit the values, else their own, and what is to be said about it."""
    low, high = values.min(), values.max()
    if (
        paper_unit
        and paper[0] <= low
        and high <= paper[1]
        and high - paper[0] >= SMALLEST_SHARE * (paper[1] - paper[0])
    ):
        return paper, ""
    bottom = 0.0 if paper[0] == 0.0 and low >= 0 else low - 0.08 * (high - low or abs(high) or 1.0)
    top = high + 0.08 * (high - bottom or 1.0)
    return (bottom, top), f"Limits suit the data; the paper's are {paper[0]:g} to {paper[1]:g}."


def _letter(axes: Iterable[Axes]) -> None:
    for letter, ax in zip("abcdefgh", axes, strict=False):
        ax.set_title(f"({letter})", loc="left")


def _caption(fig: Figure, sentences: Iterable[str], width: int = LINES_A_PAGE) -> None:
    text = " ".join(sentence for sentence in sentences if sentence)
    fig.supxlabel(fill(text, width), fontsize=7, x=0.01, ha="left")


# --- From a tree to files


@dataclass
class Results:
    """One problem's part of a results tree; every part is read when it is asked for, and raises MissingError."""

    problem: Problem
    tree: ResultsTree
    storage_url: str | None = None
    study_name: str | None = None

    @cached_property
    def grid(self) -> pd.DataFrame:
        """The grid search, `resultsData.read_grid`."""
        return resultsData.read_grid(self.tree)

    @cached_property
    def types(self) -> pd.DataFrame:
        """The type table, `resultsData.read_types`."""
        return resultsData.read_types(self.tree)

    @cached_property
    def repeatability(self) -> pd.DataFrame:
        """The repeated trainings, `resultsData.read_repeatability`."""
        return resultsData.read_repeatability(self.tree)

    @cached_property
    def study(self) -> StudyResults:
        """The study, `resultsData.read_study`."""
        return resultsData.read_study(self.problem, self.tree, self.storage_url, self.study_name)

    @cached_property
    def networks(self) -> list[FinalNetwork]:
        """The final networks, `resultsData.read_final_networks`."""
        return resultsData.read_final_networks(self.tree)

    def unit(self, folder: Path) -> str:
        """Unit of the losses in the tables of a folder."""
        return resultsData.loss_unit(self.problem, resultsData.read_settings(folder))

    def or_none(self, part: str, notes: list[str]) -> object:
        """A part by its name; None where it is missing, which then stands among the notes."""
        try:
            return getattr(self, part)
        except MissingError as error:
            notes.append(str(error))
            return None


def _earth_model(sources: Sequence[Results], notes: list[str]) -> Figure:
    data_set = DataGenerationClass(n_traces=CROSSPLOT_TRACES, add_gaps=False, seed=EARTH_SEED)
    data_set.generate_dataset()
    return data_set.plot_earth_model()


def _grid_search(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    settings = resultsData.read_settings(results.tree.grid)
    return plot_grid_search(
        results.grid,
        results.problem,
        results.unit(results.tree.grid),
        results.or_none("types", notes),
        settings.get("n_samples", 4096),
    )


def _study(sources: Sequence[Results], notes: list[str]) -> Figure:
    return plot_study(sources[0].study)


def _repeatability(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    return plot_repeatability(results.repeatability, results.problem, results.unit(results.tree.repeatability))


def _final_networks(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    networks, blind = results.networks, None
    try:
        blind = resultsData.predict_blind_trace(results.problem, networks)
    except MissingError as error:
        notes.append(str(error))
    found = {final.approach for final in networks}
    notes += [final.lacks for final in networks if final.lacks]
    notes += [f"network of {approach}: there is none" for approach in APPROACHES if approach not in found]
    if blind is None and all(final.history is None for final in networks):
        raise MissingError("; ".join(notes))
    return plot_final_networks(results.problem, networks, blind)


def _duration_importance(sources: Sequence[Results], notes: list[str]) -> Figure:
    studies = [study for results in sources if (study := results.or_none("study", notes)) is not None]
    studies = [study for study in studies if study.trained.trials]
    if not studies:
        raise MissingError("; ".join(notes) or "study: no trial was trained")
    return plot_duration_importance(studies)


def _accuracy_and_cost(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    networks, methods = resultsData.rate_networks(results.problem, results.tree, notes)
    return plot_accuracy_and_cost(results.problem, networks, methods)


def _ranges(results: Results, notes: list[str]) -> pd.DataFrame:
    study, grid = (results.or_none(part, notes) for part in ("study", "grid"))
    return resultsData.table_of_ranges(results.problem, study, grid)


def _best(results: Results, notes: list[str]) -> pd.DataFrame:
    study, grid = (results.or_none(part, notes) for part in ("study", "grid"))
    return resultsData.table_of_best(results.problem, study, grid)


BOTH = tuple(PROBLEMS)
FIGURES = {  # number: problems that it shows, maker
    2: (BOTH, _earth_model),
    3: (("denoising",), _grid_search),
    4: (("denoising",), _study),
    5: (("denoising",), _repeatability),
    6: (("denoising",), _final_networks),
    7: (("inversion",), _grid_search),
    8: (("inversion",), _study),
    9: (("inversion",), _repeatability),
    10: (("inversion",), _final_networks),
    11: (BOTH, _duration_importance),
    12: (("denoising",), _accuracy_and_cost),
    13: (("inversion",), _accuracy_and_cost),
}
TABLES = {  # number: problem, title, maker
    1: ("denoising", "Search ranges and base values, denoising", _ranges),
    2: ("inversion", "Search ranges and base values, inversion", _ranges),
    3: ("denoising", "Best hyperparameters, denoising", _best),
    4: ("inversion", "Best hyperparameters, inversion", _best),
}


@dataclass
class Output:
    """Where pictures and tables go, and what was made or not."""

    folder: Path
    formats: Sequence[str]
    tables: dict[str, pd.DataFrame]
    missing: list[str]

    def figure(self, number: int, sources: Sequence[Results]) -> None:
        """Make one figure, save it in every format, and say so; or say why not."""
        notes: list[str] = []
        try:
            fig = FIGURES[number][1](sources, notes)
        except MissingError as error:
            self._lacks(f"Fig {number}", str(error))
            return
        paths = [self.folder / f"Fig{number}.{ending}" for ending in self.formats]
        for path in paths:
            with replacing(path) as unfinished:
                fig.savefig(unfinished, dpi=300)
        print(f"Fig {number:<6d} {', '.join(map(str, paths))}")
        self._note(f"Fig {number}", notes)

    def table(self, number: int, results: Results) -> None:
        """Make one table, as CSV and as Markdown, and say so; or say why not."""
        title, maker = TABLES[number][1:]
        notes: list[str] = []
        try:
            table = maker(results, notes)
        except MissingError as error:
            self._lacks(f"Table {number}", str(error))
            return
        path = self.folder / f"Table{number}.csv"
        replace_file(path, table.to_csv(index=False, lineterminator="\n"))
        text = f"**Table {number}.** {title}\n\n{table.to_markdown(index=False)}\n"
        replace_file(path.with_suffix(".md"), text)
        self.tables[f"Table {number}. {title}"] = table
        print(f"Table {number:<4d} {path}, {path.with_suffix('.md')}")
        self._note(f"Table {number}", notes)

    def _lacks(self, what: str, why: str) -> None:
        self.missing.append(f"{what} was not made: {why}")
        print(f"{what:<10s} not made: {why}")

    def _note(self, what: str, notes: Iterable[str]) -> None:
        for note in notes:
            self.missing.append(f"{what} is without a part: {note}")
            print(f"{'':<10s} without {note}")


def _numbers(valid: Iterable[int]) -> Callable[[str], list[int]]:
    """Converter of an option that lists numbers of figures or tables."""

    def convert(text: str) -> list[int]:
        words = text.replace(" ", "").split(",")
        odd = [word for word in words if word not in map(str, valid)]
        if odd:
            raise argparse.ArgumentTypeError(f"{odd[0]!r} is not one of {', '.join(map(str, valid))}")
        return sorted({int(word) for word in words})

    return convert


def _formats(text: str) -> list[str]:
    words = text.replace(" ", "").lower().split(",")
    odd = [word for word in words if word not in FORMATS]
    if odd:
        raise argparse.ArgumentTypeError(f"{odd[0]!r} is not one of {', '.join(FORMATS)}")
    return list(dict.fromkeys(words))


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; an option that is unknown or outside its range ends the script."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--results", type=Path, default=Path("Results"), metavar="DIR", help="root of the results (default Results)")
    add("--problem", choices=(*PROBLEMS, "both"), default="both", help="whose figures and tables (default both)")
    add("--figures", type=_numbers(FIGURES), metavar="N,N", help="only these figures, and no tables but --tables")
    add("--tables", type=_numbers(TABLES), metavar="N,N", help="only these tables, and no figures but --figures")
    add("--format", type=_formats, default=["png"], metavar="F,F", help=f"of {', '.join(FORMATS)} (default png)")
    add("--output", type=Path, default=Path("Figs"), metavar="DIR", help="folder of the pictures (default Figs)")
    add("--html", action="store_true", help="also a report to explore in a browser, report.html; works offline")
    add("--study-name", type=study_name_option, metavar="NAME", help="the study (default: the newest of each problem)")
    add("--storage", metavar="URL", help="any Optuna storage (default: the SQLite files in the results)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the figures and tables; returns the exit status: 0, or 2 for the user's mistakes."""
    options = parse_options(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        if options.storage is None and not options.results.is_dir():
            raise UserError(
                f"--results {str(options.results)!r} is not a folder; the one with Denoising and Inversion is needed"
            )
        if options.storage is not None:
            check_url(options.storage)
        check_output(options.output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    _make(options)
    show_figures()
    return 0


def _make(options: argparse.Namespace) -> None:
    names = BOTH if options.problem == "both" else (options.problem,)
    sources = {
        name: Results(
            PROBLEMS[name], ResultsTree(options.results, PROBLEMS[name].folder), options.storage, options.study_name
        )
        for name in names
    }
    everything = options.figures is None and options.tables is None
    output = Output(options.output, options.format, {}, [])
    for number in options.figures or (FIGURES if everything else ()):
        shown = [sources[name] for name in FIGURES[number][0] if name in sources]
        if shown:
            output.figure(number, shown)
    for number in options.tables or (TABLES if everything else ()):
        if TABLES[number][0] in sources:
            output.table(number, sources[TABLES[number][0]])
    if options.html:
        _report(options.output / "report.html", sources.values(), output)


def _report(path: Path, sources: Iterable[Results], output: Output) -> None:
    notes: list[str] = []
    studies = [study for results in sources if (study := results.or_none("study", notes)) is not None]
    resultsReport.write_report(path, studies, output.tables, [*output.missing, *notes])
    print(f"Report     {path}")


if __name__ == "__main__":
    sys.exit(main())
