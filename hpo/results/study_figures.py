"""Draws Figs 4, 8 and 11: studies, and which parameters the duration of a trial depends on."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution, IntDistribution

from hpo.importance import Importances
from hpo.names import readable
from hpo.results.axes import are_wide, caption, few_log_ticks, heading, log_if_wide, tick_label, wrapped
from hpo.results.grid import MissingError, traces_sentence
from hpo.results.studies import StudyResults, importances
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE, axis_label
from support.words import number_of

LEFT_OUT_MARKS = {"skipped": "^", "pruned": "x", "failed": "P", "failed with a value": "*"}
STUDY_PANELS = {
    "a": "Optimisation history",
    "b": "Parallel coordinates, the best trials darkest",
    "c": "Slices, later trials brighter",
    "d": "Importance for the score",
}
LETTER_WIDTH = 0.62  # of a letter, as a share of its size
LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.4}
SLICES_A_ROW, SLICE_LABEL, SLICE_LETTERS = 5, 6.5, 22  # panels, points of a tick's label, letters below a panel
MOST_LETTERS = 10  # of a line of the name of an axis in the parallel coordinates, where there are few axes


@plt.rc_context(PICTURE_STYLE)
def plot_study(results: StudyResults) -> Figure:
    """Draw Figs 4 and 8: (a) optimisation history, (b) parallel coordinates, (c) slices, (d) importance for the score.

    Raises MissingError when no trial was trained.
    """
    if not results.trained.trials:
        raise MissingError(f"study: {results.name} has no trained trial ({results.left_out()})")
    n_rows = -(-len(results.parameters) // SLICES_A_ROW)
    heights = [2.1, 2.5, 0.3 + 1.45 * n_rows]
    lacking = ""
    try:
        found = importances(results)
        heights.append(_importance_height(found))
    except MissingError as error:
        found, lacking = None, f"(d) is left out: {error}."
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.5), layout="constrained")
    panels = fig.subfigures(len(heights), 1, height_ratios=heights)
    _draw_history(panels[0].subplots(), results)
    _draw_parallel(panels[1].subplots(), results)
    _draw_slices(panels[2], results, n_rows)
    if found is not None:
        _draw_importance(panels[3].subplots(), found)
    for panel, (letter, title) in zip(panels, STUDY_PANELS.items(), strict=False):
        panel.suptitle(f"({letter}) {title}", x=0.01, ha="left", fontsize=9)
    caption(fig, [_study_caption(results), lacking])
    return fig


def _study_caption(results: StudyResults) -> str:
    left_out = results.left_out()
    others = f"left out: {left_out}" if left_out else "none left out"
    trained = results.rows
    alike = trained.dropna(subset=results.best_parameters)
    only = f" (b) shows {len(alike)} with the parameters of the best one." if len(alike) < len(trained) else ""
    traces = traces_sentence(results.problem, results.study.user_attrs)
    return f"{results.name}: {number_of(len(trained), 'trained trial')}; {others}.{only} {traces}"


def _score_label(results: StudyResults) -> str:
    return axis_label("Validation loss", results.unit)


def _draw_history(ax: Axes, results: StudyResults) -> None:
    trained = results.rows.sort_values("number")
    ax.plot(trained["number"], trained["score"], "o", markersize=3, color=COLOURS["sky blue"], label="trained trial")
    ax.step(
        trained["number"], trained["score"].cummin(), where="post", color=COLOURS["vermillion"], label="best so far"
    )
    for kind, marker in LEFT_OUT_MARKS.items():
        numbers = results.trials.loc[results.trials["kind"] == kind, "number"]
        if len(numbers):
            look = {"linestyle": "", "marker": marker, "markersize": 3, "color": "0.4", "clip_on": False}
            ax.plot(numbers, np.full(len(numbers), 1.04), transform=ax.get_xaxis_transform(), label=kind, **look)
    log_if_wide(ax.set_yscale, trained["score"])
    ax.set(xlabel="Trial", ylabel=_score_label(results))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


@dataclass(frozen=True)
class _Scale:
    """The positions of a parameter's values between 0 and 1, with the ticks and their labels."""

    positions: np.ndarray
    ticks: Sequence[float]
    labels: Sequence[str]


def _scale(values: pd.Series, distribution: optuna.distributions.BaseDistribution | None) -> _Scale:
    if isinstance(distribution, CategoricalDistribution):
        choices = list(distribution.choices)
        places = np.linspace(0, 1, len(choices)) if len(choices) > 1 else np.array([0.5])
        return _Scale(places[[choices.index(value) for value in values]], places, [str(choice) for choice in choices])
    ends = (values.min(), values.max()) if distribution is None else (distribution.low, distribution.high)
    is_log = are_wide(values) if distribution is None else distribution.log
    numbers, (low, high) = (np.log(values), np.log(ends)) if is_log else (values, ends)
    if low == high:
        return _Scale(np.full(len(values), 0.5), (0.5,), (tick_label(ends[0]),))
    return _Scale(np.asarray((numbers - low) / (high - low), float), (0.0, 1.0), tuple(map(tick_label, ends)))


def _draw_parallel(ax: Axes, results: StudyResults) -> None:
    known = results.distributions
    names = results.best_parameters
    trained = results.rows.dropna(subset=["score", *names]).sort_values("score", ascending=False)
    scales = [_scale(trained["score"], None), *(_scale(trained[name], known[name]) for name in names)]
    points = np.column_stack([scale.positions for scale in scales])  # (n_trials, n_axes)
    lines = np.stack([np.broadcast_to(np.arange(points.shape[1]), points.shape), points], axis=-1)
    ranks = np.linspace(1.0, 0.0, len(points)) if len(points) > 1 else [0.0]  # the best line is the last, on top
    ax.add_collection(LineCollection(lines, colors=plt.get_cmap("cividis")(ranks), linewidths=0.8, alpha=0.7))
    for place, scale in enumerate(scales):
        ax.axvline(place, color="0.3", linewidth=0.8)
        for tick, label in zip(scale.ticks, scale.labels, strict=True):
            ax.annotate(
                label, (place, tick), (2, 0), textcoords="offset points", fontsize=6, va="center", bbox=LABEL_BOX
            )
    labels = ["loss", *(fill(readable(name), MOST_LETTERS) for name in names)]
    ax.set(xlim=(-0.1, len(scales) - 0.6), ylim=(-0.06, 1.06), yticks=[])
    # The letters of a long name have the room between two axes, however many there are.
    longest = max(len(line) for label in labels for line in label.split("\n"))
    room = 72 * PAGE_WIDTH / len(scales) / (LETTER_WIDTH * longest)  # points
    ax.set_xticks(range(len(scales)), labels, fontsize=min(8.0, room))
    for side in ax.spines.values():
        side.set_visible(False)


def _draw_slices(panel: SubFigure, results: StudyResults, n_rows: int) -> None:
    trained, known = results.rows, results.distributions
    axes = panel.subplots(n_rows, SLICES_A_ROW, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(results.parameters) :]:
        ax.remove()
    for ax, name in zip(axes.ravel(), results.parameters, strict=False):
        drawn = trained.dropna(subset=[name])
        values = drawn[name]
        if isinstance(known[name], CategoricalDistribution):
            choices = list(known[name].choices)
            values = values.map(choices.index)
            _name_choices(ax, choices)
            ax.set_xlim(-0.5, len(choices) - 0.5)
        elif values.nunique() == 1:
            ax.set_xticks([values.iloc[0]], [tick_label(values.iloc[0])])
        elif not known[name].log:
            is_whole = isinstance(known[name], IntDistribution)
            ax.xaxis.set_major_locator(MaxNLocator(3 if is_whole else 2, integer=is_whole))
            ax.xaxis.set_major_formatter(lambda value, place: f"{value:.4g}")
        ax.tick_params(axis="x", labelsize=SLICE_LABEL)
        ax.scatter(values, drawn["score"], 6, c=drawn["number"], cmap="cividis", linewidths=0)
        if getattr(known[name], "log", False) and values.nunique() > 1:
            few_log_ticks(ax, values)
        ax.set_xlabel(fill(heading(name), SLICE_LETTERS), fontsize=8)
        ax.grid(alpha=0.3)
    log_if_wide(axes[0, 0].set_yscale, trained["score"])
    for row in axes:
        row[0].set_ylabel(fill(_score_label(results), 16))


def _name_choices(ax: Axes, choices: Sequence[object]) -> None:
    """Write the names of choices below a slice, upright where they have no room beside each other."""
    names = wrapped(choices)
    letters = [max(map(len, name.split("\n"))) for name in names]
    widest = max((sum(pair) / 2 for pair in pairwise(letters)), default=0)
    fits = widest + 0.7 <= SLICE_LETTERS / len(names)
    ax.set_xticks(range(len(names)), names if fits else map(str, choices), rotation=0 if fits else 90)


def _importance_height(found: Importances) -> float:
    """Return the height in inch of a panel of importances."""
    return 1.0 + 0.18 * max(len(found.shares), 2)


def _draw_importance(ax: Axes, found: Importances) -> None:
    """Draw bars with their spread, the method, and a caution where there are few trials."""
    shares = found.shares[::-1]
    bars = ax.barh(
        [heading(name) for name in shares.index],
        shares["mean"],
        xerr=shares["spread"],
        color=COLOURS["blue" if not found.caution else "sky blue"],
        error_kw={"linewidth": 0.8, "capsize": 2},
    )
    labels = [f"{row['mean']:.2f}" for _, row in shares.iterrows()]
    ax.bar_label(bars, labels, padding=2, fontsize=7)
    ax.set(xlabel=f"Importance for the {found.target}", xlim=(0.0, 1.15 * (shares["mean"] + shares["spread"]).max()))
    lines = [found.caution, f"Method: {found.method}."] if found.caution else [f"Method: {found.method}."]
    ax.set_title("\n".join(lines), loc="left", fontsize=7, color=COLOURS["vermillion" if found.caution else "black"])


@plt.rc_context(PICTURE_STYLE)
def plot_duration_importance(studies: Sequence[StudyResults]) -> Figure:
    """Draw Fig 11: importance of the parameters for the duration of a trial, (a) denoising, (b) inversion.

    Raises MissingError when a study has too few trials.
    """
    found = [importances(results, "duration") for results in studies]
    heights = [0.3 + _importance_height(one) for one in found]
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.3 * len(studies)), layout="constrained")
    panels = np.ravel(fig.subfigures(len(studies), 1, height_ratios=heights))
    for panel, letter, results, one in zip(panels, string.ascii_lowercase, studies, found, strict=False):
        panel.suptitle(f"({letter}) {results.problem.name.capitalize()}", x=0.01, ha="left", fontsize=9)
        _draw_importance(panel.subplots(), one)
    caption(fig, [_study_caption(results) for results in studies])
    return fig
