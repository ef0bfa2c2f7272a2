"""Draws the results of a tree beside those of another one, such as the published archive, in the same panels."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from hpo.importance import FORESTS, Importances
from hpo.names import PARAMETERS
from hpo.results.axes import are_wide, caption, heading, log_if_wide, wrapped
from hpo.results.figures import NETWORK_LINES
from hpo.results.grid import MissingError, read_settings, traces_sentence
from hpo.results.histories import History
from hpo.results.networks import sizes_of
from hpo.results.studies import StudyResults, importances
from hpo.tree import APPROACHES
from networks.rows import NetworkConfig
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE, axis_label
from support.words import number_of

MOST_CURVES, CURVES_A_ROW = 12, 4  # configurations that are shown, panels in a row
OURS = {"color": COLOURS["blue"], "label": "ours"}
OTHER = {"color": COLOURS["black"], "label": "other"}
LOOKS = (OURS, OTHER)
# Ours are thin and lie on the wide ones of the other tree, so that neither hides the other.
LINES = (OURS | {"linewidth": 0.8, "zorder": 2.2}, OTHER | {"linewidth": 1.8})
Curves = Sequence[tuple[Sequence[History], Sequence[History]]]  # of one configuration each: ours, the other's


class Panel(NamedTuple):
    """One panel of the figure: its heading, what it shows, its height in inch, and what draws it."""

    title: str
    read: Callable[[object, object], object]  # from our `resultsPlotting.Results` and the other's
    height: Callable[[object], float]  # from what was read
    draw: Callable[[SubFigure, object, str], None]  # from the panel, what was read, and the label of losses


def _both(part: str) -> Callable[[object, object], tuple[object, object]]:
    return lambda ours, other: (getattr(ours, part), getattr(other, part))


def same_configurations(ours: Sequence[History], others: Sequence[History]) -> Curves:
    """Return the histories of every configuration that both trees have, the best of the other tree first.

    Raises MissingError when there is no such configuration.
    """
    found: tuple[dict, dict] = (defaultdict(list), defaultdict(list))
    for side, histories in zip(found, (ours, others), strict=True):
        for history in histories:
            side[history.key].append(history)
    shared = [(found[0][key], found[1][key]) for key in found[1] if key in found[0]]
    if not shared:
        raise MissingError(
            f"loss curves: none of the {len(ours)} of ours has a configuration of the {len(others)} others"
        )
    return sorted(shared, key=lambda curves: min(history.losses["val_loss"].min() for history in curves[1]))


def _curve_rows(curves: Curves) -> int:
    return -(-min(len(curves), MOST_CURVES) // CURVES_A_ROW)


def _draw_curves(panel: SubFigure, curves: Curves, label: str) -> None:
    shared = curves[:MOST_CURVES]
    axes = panel.subplots(_curve_rows(curves), CURVES_A_ROW, squeeze=False)
    for ax, (ours, others) in zip(axes.ravel(), shared, strict=False):
        draw_curves(ax, [(others, LINES[1]), (ours, LINES[0])])
    for ax in axes.ravel()[len(shared) :]:
        ax.remove()
    for row in axes:
        row[0].set_ylabel(label, fontsize=7)
    axes[-1, 0].set_xlabel("Epoch")
    axes[0, 0].legend(frameon=False, fontsize=6, reverse=True)


def draw_curves(ax: Axes, groups: Sequence[tuple[Sequence[History], Mapping[str, object]]]) -> None:
    """Draw validation losses of one configuration by epoch, each group of trainings with a look that has its label."""
    for histories, look in groups:
        for number, history in enumerate(histories):
            label = look["label"] if number == 0 else None
            ax.plot(history.losses["epoch"] + 1, history.losses["val_loss"], **look | {"label": label})
    shown = [history for histories, _ in groups for history in histories]
    ax.set_title(_short_name(shown[0].config), fontsize=6.5)
    log_if_wide(ax.set_yscale, pd.concat([history.losses["val_loss"] for history in shown]))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.tick_params(labelsize=6)
    ax.grid(alpha=0.3)


def _short_name(config: NetworkConfig) -> str:
    """Return the type of a network, its sizes and the learning rate, in two lines."""
    used = sizes_of(config)
    return f"{config.arch_type} {' '.join(used[:3])}\n{' '.join(used[3:])}, rate {config.learning_rate:.3g}"


def _numbered(grid: pd.DataFrame) -> pd.DataFrame:
    """Return a grid with the ``place`` of every run among those of its configuration, and short learning rates.

    A rate that comes from a loss history has the digits of float32.
    """
    grid = grid.copy()
    grid["Learning Rate"] = [f"{rate:.3g}" for rate in grid["Learning Rate"]]
    grid["place"] = grid.groupby(list(PARAMETERS), sort=False).cumcount()
    return grid


def _draw_grid(panel: SubFigure, pair: tuple[pd.DataFrame, pd.DataFrame], label: str) -> None:
    """Draw the runs of both grids, in the same order, against each other, and boxes by network type."""
    left, right = panel.subplots(1, 2)
    both = _numbered(pair[0]).merge(_numbered(pair[1]), on=[*PARAMETERS, "place"], suffixes=(" ours", " other"))
    for kind, runs in both.groupby("arch_type", sort=False):
        look = NETWORK_LINES.get(kind, {"color": COLOURS["vermillion"]})
        left.plot(runs["loss other"], runs["loss ours"], "o", color=look["color"], markersize=3, label=kind)
    values = pd.concat([both["loss ours"], both["loss other"]])
    if len(values):
        left.axline((values.min(),) * 2, (values.max() * 1.0001,) * 2, color="0.6", linewidth=0.8, zorder=0)
        if are_wide(values):
            left.loglog()
        left.legend(frameon=False, fontsize=6)
    left.set(xlabel=f"{label}, other", ylabel=f"{label}, ours", title=f"{number_of(len(both), 'run')} of both grids")
    kinds = list(dict.fromkeys(kind for grid in pair for kind in grid["arch_type"]))
    for grid, look, shift in zip(pair, LOOKS, (-0.2, 0.2), strict=True):
        losses = [grid.loc[grid["arch_type"] == kind, "loss"] for kind in kinds]
        places = np.arange(len(kinds)) + shift
        boxes = right.boxplot(losses, positions=places, widths=0.35, patch_artist=True, flierprops={"markersize": 2})
        for box in boxes["boxes"]:
            box.set(facecolor=look["color"], alpha=0.4)
        right.plot([], [], "s", alpha=0.4, **look)
    right.set_xticks(range(len(kinds)), wrapped(kinds))
    log_if_wide(right.set_yscale, pd.concat([grid["loss"] for grid in pair]))
    right.set(ylabel=label, title="all runs")
    right.legend(frameon=False, fontsize=6)


def _draw_study(panel: SubFigure, pair: tuple[StudyResults, StudyResults], label: str) -> None:
    """Draw the scores of both studies by trial with the best so far, and their shares below a score."""
    left, right = panel.subplots(1, 2)
    scores = []
    for results, look in zip(pair, LINES, strict=True):
        rows = results.rows.sort_values("number")
        scores.append(rows["score"])
        left.plot(rows["number"], rows["score"], "o", markersize=2, alpha=0.4, color=look["color"])
        left.step(rows["number"], rows["score"].cummin(), where="post", **look)
        right.step(np.sort(rows["score"]), np.arange(1, len(rows) + 1) / len(rows), where="post", **look)
    log_if_wide(left.set_yscale, pd.concat(scores))
    log_if_wide(right.set_xscale, pd.concat(scores))
    left.set(xlabel="Trial", ylabel=label, title="best so far")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel=label, ylabel="Share of the trials below")
    for ax in (left, right):
        ax.grid(alpha=0.3)
    left.legend(frameon=False, fontsize=6)


def _draw_importances(panel: SubFigure, pair: tuple[Importances, Importances], label: str) -> None:
    ax = panel.subplots()
    names = list(dict.fromkeys(name for found in pair for name in found.shares.index))[::-1]
    for found, look, shift in zip(pair, LOOKS, (0.2, -0.2), strict=True):
        shares = found.shares.reindex(names, fill_value=0.0)
        look = look | {
            "label": "\n".join(filter(None, (f"{look['label']}: {number_of(found.n_trials, 'trial')}", found.caution)))
        }
        bars = {"xerr": shares["spread"], "error_kw": {"linewidth": 0.8, "capsize": 2, "ecolor": "0.4"}, "alpha": 0.8}
        ax.barh(np.arange(len(names)) + shift, shares["mean"], 0.38, **bars, **look)
    ax.set_yticks(range(len(names)), [heading(name) for name in names])
    ax.set_xlabel(f"Importance for the score (fANOVA, mean and standard deviation of {FORESTS} random forests)")
    ax.legend(frameon=False)


def _draw_repeats(panel: SubFigure, pair: tuple[pd.DataFrame, pd.DataFrame], label: str) -> None:
    """Draw the repeated trainings of each approach in their order, with their medians."""
    axes = panel.subplots(1, len(APPROACHES), sharey=True)
    for ax, approach in zip(axes, APPROACHES, strict=True):
        for runs, look in zip(pair, LINES, strict=True):
            losses = runs.loc[runs["approach"] == approach, "loss"].to_numpy()
            if losses.size:
                ax.plot(np.arange(1, losses.size + 1), losses, ".-", **look)
                ax.axhline(np.median(losses), color=look["color"], linewidth=0.8, linestyle=":")
        ax.set(xlabel="Training, in their order", title=f"{approach}, dotted: medians")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
    log_if_wide(axes[0].set_yscale, pd.concat([runs["loss"] for runs in pair]))
    axes[0].set_ylabel(label)
    axes[0].legend(frameon=False, fontsize=6)


PANELS = (
    Panel(
        "Loss curves of the same configurations",
        lambda ours, other: same_configurations(ours.histories, other.histories),
        lambda curves: 0.4 + 1.5 * _curve_rows(curves),
        _draw_curves,
    ),
    Panel("Grid search", _both("grid"), lambda pair: 2.9, _draw_grid),
    Panel("Study", _both("study"), lambda pair: 2.5, _draw_study),
    Panel(
        "Importance for the score",
        lambda ours, other: (importances(ours.study), importances(other.study)),
        lambda pair: 2.4,
        _draw_importances,
    ),
    Panel("Repeated trainings", _both("repeatability"), lambda pair: 2.5, _draw_repeats),
)


@plt.rc_context(PICTURE_STYLE)
def plot_beside(ours: object, other: object, unit: str, notes: list[str]) -> Figure:
    """Draw the results of a problem beside those of another tree, both `resultsPlotting.Results`.

    Each of PANELS is drawn that both have data for; ``notes`` receives one sentence for each other one. ``unit`` is
    that of the losses. Raises MissingError when no panel is left.
    """
    settings = [_settings(results) for results in (ours, other)]
    scaled = [any(one.get("scaling_flag") for one in known) for known in settings]
    if scaled[0] != scaled[1]:
        raise MissingError(f"only one of {ours.tree.root} and {other.tree.root} has losses of scaled data")
    found = {}
    for panel in PANELS:
        try:
            found[panel] = panel.read(ours, other)
        except MissingError as error:
            notes += [str(error)] if str(error) not in notes else []
    if not found:
        raise MissingError("; ".join(notes))
    heights = [panel.height(parts) for panel, parts in found.items()]
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.4), layout="constrained")
    places = np.ravel(fig.subfigures(len(found), 1, height_ratios=heights))
    for letter, place, (panel, parts) in zip("abcde", places, found.items(), strict=False):
        place.suptitle(f"({letter}) {panel.title}", x=0.01, ha="left", fontsize=9)
        panel.draw(place, parts, axis_label("Validation loss", unit))
    sentences = []
    for look, results, known in zip(LOOKS, (ours, other), settings, strict=True):
        sentences += [f"{look['label'].capitalize()}: {results.tree.root}.", traces_sentence(ours.problem, *known)]
    caption(fig, sentences)
    return fig


def _settings(results: object) -> list[Mapping[str, object]]:
    """Return the settings that a tree has of its grid, its repeated trainings and its study; an empty one if none."""
    found = [read_settings(folder) for folder in (results.tree.grid, results.tree.repeatability)]
    with contextlib.suppress(MissingError):
        found.append(results.study.study.user_attrs)
    return [one for one in found if one] or [{}]
