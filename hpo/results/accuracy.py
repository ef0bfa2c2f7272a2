"""Draws Figs 12 and 13: how good networks are on blind traces, what they cost, and which differences are chance."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.isotonic import isotonic_regression

from evaluation.comparison import KNOWING, Row, best_baseline, paired_lead
from hpo.problem import Problem
from hpo.results.axes import caption, few_log_ticks
from hpo.results.figures import line_of
from hpo.results.networks import RatedNetwork, n_shown_of
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE, axis_label

LINE_NAME_HEIGHT = 0.05  # share of an axis
LINE_NAME_PLACE = 1.06  # of the width of an axis
TITLE_LETTERS = 30  # of a line
NETWORK_HEIGHT = 0.26  # inch, in a panel with one line per network


@plt.rc_context(PICTURE_STYLE)
def plot_accuracy_and_cost(problem: Problem, networks: Sequence[RatedNetwork], methods: Sequence[Row]) -> Figure:
    """Draw Figs 12 and 13: networks on blind traces, (a) over their parameters and (b) over the cost of their training.

    Horizontal lines are classical methods; bars are 95 % intervals over traces. As all networks are tested on the same
    traces, these overlap also where a difference is more than chance: (c) shows the paired differences from the best
    classical method, and (d) those from the best network, if there are several. The paper has no such figures.
    """
    heights = 3.5, 1.3 + NETWORK_HEIGHT * len(networks)  # inch
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.4), layout="constrained")
    above, below = fig.subfigures(2, 1, height_ratios=heights)
    _draw_scores(above.subplots(1, 2, sharey=True), problem, networks, methods)
    metric, references = problem.columns[0], {}
    if any(row.kind == "baseline" for row in methods):
        best = best_baseline(problem, methods)
        references[f"{best.name}, the best classical method by {metric.heading}"] = best
    if len(networks) > 1:
        choose = max if metric.higher_is_better else min
        best = choose(networks, key=lambda network: network.row.scores[metric.name].value)
        references[f"network {networks.index(best) + 1}, the best one by {metric.heading}"] = best.row
    axes = below.subplots(1, len(references) or 1, sharey=True, squeeze=False)[0]
    for ax, letter, (name, reference) in zip(axes, "cd", references.items(), strict=False):
        _draw_differences(ax, problem, networks, reference)
        title = f"({letter}) Compared with {name}"
        ax.set_title(fill(title, TITLE_LETTERS, break_on_hyphens=False), loc="left")
    axes[0].set_yticks(
        range(1, len(networks) + 1), [f"{number} {network.name}" for number, network in enumerate(networks, 1)]
    )
    axes[0].set_ylim(len(networks) + 0.6, 0.4)
    knowing = [problem.baselines[row.name].about for row in methods if row.kind == KNOWING]
    sentences = [
        f"{n_shown_of(problem)} blind {problem.item}s; bars are 95 % intervals over {problem.item}s. "
        "Lines are classical methods.",
        *(f"Dotted: {sentence}" for sentence in knowing),
        f"Below are paired differences, on the same {problem.item}s: values below zero are worse, and a bar that does "
        "not reach zero is more than chance gives.",
    ]
    caption(fig, sentences)
    return fig


def _draw_scores(
    axes: Sequence[Axes], problem: Problem, networks: Sequence[RatedNetwork], methods: Sequence[Row]
) -> None:
    """Draw the headline over the parameters and over the cost, with a number for each network, and lines of methods."""
    metric = problem.headline
    operations = [network.operations for network in networks]
    power = 3 * int(np.log10(max(operations)) // 3)
    costs = {
        "Trainable parameters": [network.parameters for network in networks],
        f"Operations of the training (10$^{{{power}}}$)": [number / 10.0**power for number in operations],
    }
    titles = ("(a) Over the size of the network", "(b) Over the cost of the training")
    for ax, title, (label, amounts) in zip(axes, titles, costs.items(), strict=True):
        for number, (network, amount) in enumerate(zip(networks, amounts, strict=True), 1):
            value, low, high = network.score
            colour = line_of(network.arch_type)["color"]
            look = {"fmt": "o", "color": colour, "markerfacecolor": "white", "markersize": 8, "capsize": 2}
            # A network with a higher number lies on the others with its number.
            ax.errorbar(amount, value, [[value - low], [high - value]], **look, zorder=3 + number)
            middle = {"ha": "center", "va": "center_baseline", "fontsize": 5.5, "zorder": 3.1 + number}
            ax.text(amount, value, str(number), **middle)
        for row in methods:
            style = ":" if row.kind == KNOWING else "-"
            ax.axhline(row.scores[metric.name].value, color="0.6", linewidth=0.8, linestyle=style, zorder=0)
        few_log_ticks(ax, pd.Series(amounts))
        ax.set_xlabel(label)
        ax.set_title(title, loc="left")
        ax.grid(alpha=0.3, axis="x")
    axes[0].set_ylabel(axis_label(f"Blind {metric.heading}", metric.unit))
    _name_lines(axes[1], {row.name: row.scores[metric.name].value for row in methods})


def _draw_differences(ax: Axes, problem: Problem, networks: Sequence[RatedNetwork], reference: Row) -> None:
    """Draw by how much each network is better than a reference on the same traces, with intervals."""
    metric = problem.columns[0]
    for number, network in enumerate(networks, 1):
        if network.row is reference:
            ax.plot(0.0, number, color=COLOURS["black"], marker="|", markersize=8)
            continue
        value, low, high = paired_lead(problem, network.row, reference)
        look = {**line_of(network.arch_type), "linestyle": "", "capsize": 2, "markersize": 4}
        ax.errorbar(value, number, xerr=[[value - low], [high - value]], **look)
    ax.axvline(0.0, color=COLOURS["black"], linewidth=0.8, zorder=0)
    ax.set_xlabel(axis_label(f"{metric.heading} better by", metric.unit))
    ax.locator_params(axis="x", nbins=4)
    ax.grid(alpha=0.3, axis="x")


def _name_lines(ax: Axes, values: Mapping[str, float]) -> None:
    """Write names on the right of horizontal lines, moved apart where lines are close, with a leader to each line."""
    bottom, top = ax.get_ylim()
    names = sorted(values, key=values.get)
    heights = np.array([(values[name] - bottom) / (top - bottom) for name in names])
    # The heights nearest to those of the lines that leave room for every name.
    room = LINE_NAME_HEIGHT * np.arange(len(names))
    places = isotonic_regression(heights - room) + room
    leader = {"arrowstyle": "-", "linewidth": 0.5, "color": "0.6", "shrinkA": 0, "shrinkB": 0}
    for name, height, place in zip(names, heights, places, strict=True):
        ax.annotate(
            name,
            (1.0, height),
            (LINE_NAME_PLACE, place),
            xycoords="axes fraction",
            fontsize=6,
            va="center",
            arrowprops={**leader, "relpos": (0, 0.5)},
            annotation_clip=False,
        )
