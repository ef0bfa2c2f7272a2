"""Draws Figs 4, 8 and 11: studies, and which parameters the duration of a trial depends on."""

from collections.abc import Sequence
from dataclasses import dataclass
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

from hpo.names import readable
from hpo.results.axes import are_wide, caption, few_log_ticks, heading, log_if_wide, tick_label, wrapped
from hpo.results.grid import MissingError, traces_sentence
from hpo.results.studies import StudyResults, importances
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE, axis_label

LEFT_OUT_MARKS = {"skipped": "^", "pruned": "x", "failed": "P", "failed with a value": "*"}
STUDY_PANELS = {
    "a": "Optimisation history",
    "b": "Parallel coordinates, the best trials darkest",
    "c": "Slices, later trials brighter",
    "d": "Importance for the score",
}
CAUTION_LOOK = {"ha": "right", "va": "center", "color": COLOURS["vermillion"], "weight": "bold"}
LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.4}
SLICES_A_ROW = 5


@plt.rc_context(PICTURE_STYLE)
def plot_study(results: StudyResults) -> Figure:
    """Draw Figs 4 and 8: (a) optimisation history, (b) parallel coordinates, (c) slices, (d) importance for the score.

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
    caption(fig, [_study_caption(results)])
    return fig


def _study_caption(results: StudyResults) -> str:
    left_out = results.left_out()
    others = f"left out: {left_out}" if left_out else "none left out"
    trained = results.rows
    alike = trained.dropna(subset=results.best_parameters)
    only = f" (b) and (d) show {len(alike)} with the parameters of the best one." if len(alike) < len(trained) else ""
    traces = traces_sentence(results.problem, results.study.user_attrs)
    return f"{results.name}: {len(trained)} trained trials; {others}.{only} {traces}"


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
    labels = ["loss", *(fill(readable(name), 10) for name in names)]
    ax.set(xlim=(-0.1, len(scales) - 0.6), ylim=(-0.06, 1.06), yticks=[])
    ax.set_xticks(range(len(scales)), labels)
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
            ax.set_xticks(range(len(choices)), wrapped(choices), fontsize=6)
            ax.set_xlim(-0.5, len(choices) - 0.5)
        elif values.nunique() == 1:
            ax.set_xticks([values.iloc[0]], [tick_label(values.iloc[0])])
        elif not known[name].log:
            ax.xaxis.set_major_locator(MaxNLocator(3, integer=isinstance(known[name], IntDistribution)))
        ax.scatter(values, drawn["score"], 6, c=drawn["number"], cmap="cividis", linewidths=0)
        if getattr(known[name], "log", False) and values.nunique() > 1:
            few_log_ticks(ax, values)
        ax.set_xlabel(heading(name))
        ax.grid(alpha=0.3)
    log_if_wide(axes[0, 0].set_yscale, trained["score"])
    for row in axes:
        row[0].set_ylabel(fill(_score_label(results), 16))


def _draw_importance(ax: Axes, results: StudyResults, target: str) -> None:
    """Draw bars with their spread, the method and a caution, or a sentence where there are too few trials."""
    try:
        found = importances(results, target)
    except MissingError as error:
        ax.axis("off")
        ax.text(0.0, 0.5, fill(str(error), 110), va="center", transform=ax.transAxes)
        return
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
    ax.set(xlabel=f"Importance for the {target}", xlim=(0.0, 1.15 * (shares["mean"] + shares["spread"]).max()))
    ax.set_title(f"Method: {found.method}.", loc="left", fontsize=7)
    if found.caution:
        ax.text(0.98, 0.5, fill(found.caution, 34), transform=ax.transAxes, **CAUTION_LOOK)


@plt.rc_context(PICTURE_STYLE)
def plot_duration_importance(studies: Sequence[StudyResults]) -> Figure:
    """Draw Fig 11: importance of the parameters for the duration of a trial, (a) denoising, (b) inversion."""
    heights = [0.8 + 0.19 * len(results.parameters) for results in studies]
    fig = plt.figure(figsize=(PAGE_WIDTH, sum(heights) + 0.4 * len(studies)), layout="constrained")
    panels = np.ravel(fig.subfigures(len(studies), 1, height_ratios=heights))
    for panel, letter, results in zip(panels, "ab", studies, strict=False):
        panel.suptitle(f"({letter}) {results.problem.name.capitalize()}", x=0.01, ha="left", fontsize=9)
        _draw_importance(panel.subplots(), results, "duration")
    caption(fig, [_study_caption(results) for results in studies])
    return fig
