"""Pictures of broadband records: over time, by frequency and by period, and how well envelopes and phases fit.

Records are (n_components, n_samples) in cm/s^2; an ensemble is (n_members, n_components, n_samples).
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, picture

MEMBER_COLOUR = COLOURS["sky blue"]
MANY_COLOURS = [*PREDICTION_COLOURS, COLOURS["sky blue"], "0.5"]
LOWEST_SHOWN = 0.1  # Hz
LEAST_SHOWN = 1e-6  # of the largest amplitude
GRADES = {4: "fair", 6: "good", 8: "excellent"}  # lower ends of scores, after Kristekova and others (2009)


@picture
def plot_ensemble(
    dt: float,
    x: np.ndarray,
    members: np.ndarray,
    truth: np.ndarray | None,
    component: int = 1,
    name: str = "",
) -> Figure:
    """One component of a low-passed record, of members of its ensemble, and of the true record where it is known.

    The panels on the left have x, the truth and the first member over time, and that on the right has the Fourier
    amplitudes of all members. ``dt`` is in s; ``truth`` and ``x`` are (n_components, n_samples).

    >>> x = np.random.default_rng(0).standard_normal((3, 64))
    >>> len(plot_ensemble(0.01, x, x[None], x).axes)
    4
    """
    shown = {"x, below 1 Hz": (x, COLOURS["black"])}
    shown |= {} if truth is None else {"true record": (truth, COLOURS["vermillion"])}
    shown |= {"a member of the ensemble": (members[0], COLOURS["blue"])}
    figure = plt.figure(figsize=(PAGE_WIDTH, 1.4 * len(shown) + 0.8), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = left.subplots(len(shown), 1, sharex=True, sharey=True)
    time = np.arange(x.shape[1]) * dt
    for ax, (label, (record, colour)) in zip(axes, shown.items(), strict=True):
        ax.plot(time, record[component], color=colour, linewidth=0.5)
        ax.set_title(f"{label}, peak {np.abs(record[component]).max():.3g} cm/s²", fontsize="small", loc="left")
        ax.margins(x=0)
    axes[-1].set_xlabel("Time (s)")
    axes[len(shown) // 2].set_ylabel("Acceleration (cm/s²)")
    ax = right.subplots()
    frequency = np.fft.rfftfreq(x.shape[1], dt)
    for number, member in enumerate(members):
        label = f"{len(members)} members" if number == 0 else None
        ax.loglog(frequency, _amplitude(member[component], dt), color=MEMBER_COLOUR, linewidth=0.3, label=label)
    for label, (record, colour) in list(shown.items())[: len(shown) - 1]:
        ax.loglog(frequency, _amplitude(record[component], dt), color=colour, linewidth=0.7, label=label)
    largest = max(_amplitude(record[component], dt).max() for record, _ in shown.values())
    ax.set(xlim=(LOWEST_SHOWN, frequency[-1]), ylim=(LEAST_SHOWN * largest, 2 * largest))
    ax.set(xlabel="Frequency (Hz)", ylabel="Fourier amplitude (cm/s)")
    ax.legend(loc="lower left", fontsize="small", framealpha=0.8)
    figure.suptitle(name)
    return figure


def _amplitude(record: np.ndarray, dt: float) -> np.ndarray:
    return np.abs(np.fft.rfft(record)) * dt


@picture
def plot_spectra(
    periods: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Figure:
    """Response spectra of several records, a panel for each: the true one, and predictions with their bands.

    ``truth`` and each of the median, low and high ends of a prediction are log10 PSA (n_records, n_periods), and
    ``periods`` are in s. The period 0, the peak, stands at the left end.

    >>> spectra = np.zeros((4, 3))
    >>> len(plot_spectra(np.array([0.0, 0.1, 0.5]), spectra, {"Network": (spectra, spectra - 1, spectra + 1)}).axes)
    4
    """
    n_rows = -(-len(truth) // 2)
    figure, axes = plt.subplots(n_rows, 2, sharex=True, figsize=(PAGE_WIDTH, 2.0 * n_rows + 0.6), layout="constrained")
    for row, ax in zip(range(len(truth)), axes.flat, strict=False):
        ax.plot(periods, 10 ** truth[row], color=COLOURS["black"], marker="o", markersize=3, label="true record")
        for colour, (name, (median, low, high)) in zip(cycle(PREDICTION_COLOURS), predictions.items(), strict=False):
            ax.plot(periods, 10 ** median[row], color=colour, linewidth=1, label=name)
            ax.fill_between(periods, 10 ** low[row], 10 ** high[row], color=colour, alpha=0.2, linewidth=0)
        ax.set_yscale("log")
    for ax in axes[-1]:
        ax.set_xlabel("Period (s); 0 is the peak")
    for ax in axes[:, 0]:
        ax.set_ylabel("PSA (cm/s²)")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))
    return figure


@picture
def plot_goodness(scores: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Scores of phases against scores of envelopes, (n,) each from 0 to 10, of several ways, with their margins.

    >>> len(plot_goodness({"x alone": (np.full(3, 4.7), np.full(3, 5.8))}).axes)
    3
    """
    figure, axes = plt.subplots(
        2,
        2,
        figsize=(5.4, 6.3),
        width_ratios=(4, 1),
        height_ratios=(1, 4),
        layout="constrained",
    )
    axes[0, 1].remove()
    above, ax, beside = axes[0, 0], axes[1, 0], axes[1, 1]
    bins = np.linspace(0, 10, 41)
    for colour, (name, (envelope, phase)) in zip(cycle(MANY_COLOURS), scores.items(), strict=False):
        label = f"{name}: {np.mean(envelope):.1f}, {np.mean(phase):.1f}"
        ax.scatter(envelope, phase, 8, color=colour, alpha=0.5, linewidths=0, label=label)
        above.hist(envelope, bins, color=colour, histtype="step")
        beside.hist(phase, bins, color=colour, histtype="step", orientation="horizontal")
    for score, word in GRADES.items():
        ax.axvline(score, color="0.8", linewidth=0.6, zorder=0)
        ax.axhline(score, color="0.8", linewidth=0.6, zorder=0)
        ax.text(score + 0.1, 0.1, f"{word} from here", fontsize="x-small", color="0.4", rotation=90, va="bottom")
    ax.set(xlim=(0, 10), ylim=(0, 10), xlabel="Envelope (EG)", ylabel="Phase (PG)")
    figure.legend(loc="outside lower center", fontsize="small", title="mean EG, PG")
    for margin, shared in ((above, "x"), (beside, "y")):
        margin.sharex(ax) if shared == "x" else margin.sharey(ax)
        margin.tick_params(labelbottom=shared == "y", labelleft=shared == "x")
    above.set_ylabel("Number")
    beside.set_xlabel("Number")
    return figure


@picture
def plot_losses(histories: Mapping[str, Mapping[str, np.ndarray]], bands: Sequence[str] = ("bb", "fl", "hb")) -> Figure:
    """What each band's networks lose from epoch to epoch, and the loss of validation, for trainings by name.

    A history has one array (n_epochs,) for each column of a loss history, such as "bb x cycle".

    >>> columns = {"bb critic": np.ones(3), "bb x cycle": np.ones(3), "val_loss": np.ones(3)}
    >>> len(plot_losses({"a training": columns}).axes)
    2
    """
    shown = [band for band in bands if any(name.startswith(band) for own in histories.values() for name in own)]
    figure, axes = plt.subplots(1, len(shown) + 1, figsize=(PAGE_WIDTH, 3.4), layout="constrained", squeeze=False)
    styles = dict(zip(histories, cycle(("-", "--", ":")), strict=False))
    columns = dict.fromkeys(name for own in histories.values() for name in own if name.partition(" ")[0] in shown)
    losses = list(dict.fromkeys(name.partition(" ")[2] for name in columns))
    colours = dict(zip(losses, cycle(MANY_COLOURS), strict=False))
    for training, own in histories.items():
        for ax, band in zip(axes[0], shown, strict=False):
            for loss in losses:
                if f"{band} {loss}" in own:
                    _draw_history(ax, own[f"{band} {loss}"], styles[training], colours[loss])
        _draw_history(axes[0, -1], own["val_loss"], styles[training], COLOURS["black"])
    for ax, title in zip(axes[0], [*shown, "validation"], strict=True):
        ax.set(title=title, xlabel="Epoch")
    axes[0, 0].set_ylabel("Mean of an epoch")
    lines = [Line2D([], [], color=colour) for colour in colours.values()]
    lines += [Line2D([], [], color=COLOURS["black"], linestyle=style) for style in styles.values()]
    figure.legend(lines, [*losses, *histories], loc="outside lower center", ncols=4, fontsize="small")
    return figure


def _draw_history(ax: Axes, values: np.ndarray, style: str, colour: str) -> None:
    ax.plot(np.arange(1, len(values) + 1), values, style, color=colour, linewidth=0.8)
