"""Pictures of data and of predictions: earth models, traces, networks and the progress of a training.

Every function draws from arrays, returns its Figure and saves it where `save_path` says (300 dpi; the ending
chooses the format). None calls ``show``: the caller shows and closes. Depth and two-way time run downwards,
limits of amplitudes are symmetric, and a legend names only what is in the picture.
"""

import contextlib
import logging
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Keep what compiled libraries write to the standard error stream off the screen; exceptions still pass."""
    sys.stderr.flush()
    screen = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)


# TensorFlow would greet every run with its build flags, some of them before it reads its log level. Errors still
# arrive as exceptions. Here, because no module below this one loads Keras.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)
with silent_stderr():
    import keras

COLUMN_WIDTH = 3.5  # inch, one column of a journal
PAGE_WIDTH = 7.2  # inch, both columns

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
PREDICTION_COLOURS = [COLOURS[name] for name in ("vermillion", "blue", "green", "purple", "orange")]


class LithologyStyle(NamedTuple):
    """Fill colour and hatch in a lithology column, and the marker in a crossplot."""

    colour: str
    hatch: str
    marker: str


# The hatches of Matplotlib nearest to the usual symbols: "-|" makes bricks, "-/" slanted bricks.
LITHOLOGY_STYLES = {
    "shale": LithologyStyle("#A6A6A6", "---", "s"),
    "sandstone": LithologyStyle("#FFE45C", "...", "o"),
    "limestone": LithologyStyle("#6FB1E8", "---|", "D"),
    "dolomite": LithologyStyle("#B79BE0", "---//", ">"),
    "anhydrite": LithologyStyle("#F7A8C4", "\\\\\\\\", "v"),
    "halite": LithologyStyle("#8FD08A", "xx", "^"),
}


def font_sizes_defaults(small: int = 8, medium: int = 9, large: int = 11) -> dict[str, int]:
    """Font sizes that stay legible at a journal's column width.

    Parameters
    ----------
    small, medium, large : int
        Size in points of tick labels and legends, of axis labels and axis titles, and of figure titles.

    Returns
    -------
    dict
        Matplotlib's rcParams, for ``plt.rc_context``; nothing global is changed.
    """
    return {
        "font.size": small,
        "xtick.labelsize": small,
        "ytick.labelsize": small,
        "legend.fontsize": small,
        "axes.labelsize": medium,
        "axes.titlesize": medium,
        "figure.titlesize": large,
    }


_PICTURE_STYLE = font_sizes_defaults() | {"hatch.linewidth": 0.4}


def max_axis_value(*arrays: ArrayLike) -> float:
    """Largest absolute finite value over all arrays, to serve as a symmetric axis limit.

    Parameters
    ----------
    *arrays : array_like
        Values of any shape, all in one unit.

    Returns
    -------
    float
        The value in the unit of the arrays; 1.0 where they are empty, all zero or nowhere finite, so that
        ``(-value, value)`` is always a valid pair of limits.
    """
    values = np.concatenate([np.ravel(np.asarray(array, dtype=float)) for array in arrays] or [[]])
    largest = np.max(np.abs(values[np.isfinite(values)]), initial=0.0)
    return float(largest) if largest > 0 else 1.0


@plt.rc_context(_PICTURE_STYLE)
def plot_model(
    base_depth: ArrayLike,
    lithology: ArrayLike,
    velocity: ArrayLike,
    density: ArrayLike,
    impedance: ArrayLike,
    lithology_names: Sequence[str],
    *,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Log tracks in depth of one layered model: lithology, velocity, density, impedance (Fig 2a).

    Parameters
    ----------
    base_depth : array_like, shape (n_layers,)
        Depth of each layer's base in ft, increasing; the first layer begins at 0 ft.
    lithology : array_like of int, shape (n_layers,)
        Lithology codes, positions in `lithology_names`.
    velocity, density, impedance : array_like, shape (n_layers,)
        In ft/s, g/cm3 and ft/s g/cm3.
    lithology_names : sequence of str
        Names in code order, each a key of `LITHOLOGY_STYLES`.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With four Axes that share the depth axis.

    Raises
    ------
    ValueError
        If arrays are empty or differ in shape, depths do not increase, or a lithology is unknown.
    """
    logs = {"velocity": velocity, "density": density, "impedance": impedance}
    _check({"base_depth": base_depth, "lithology": lithology} | logs, lithology_names)
    edges = _layer_edges(base_depth)
    fig, axes = plt.subplots(
        1, 4, sharey=True, figsize=(PAGE_WIDTH, 7.0), layout="constrained", width_ratios=(0.6, 1, 1, 1)
    )
    _draw_lithology(axes[0], edges, np.asarray(lithology), lithology_names)
    _draw_log(axes[1], edges, velocity, "Velocity (ft/s)", "blue")
    _draw_log(axes[2], edges, density, "Density (g/cm³)", "vermillion")
    _draw_log(axes[3], edges, impedance, "Impedance (ft/s g/cm³)", "black")
    axes[0].set_ylim(edges[-1], 0.0)
    axes[0].set_ylabel("Depth (ft)")
    fig.legend(loc="outside lower center", ncols=6, handlelength=3, handleheight=2)
    return _finish(fig, title, save_path)


@plt.rc_context(_PICTURE_STYLE)
def plot_xplot(
    velocity: ArrayLike,
    density: ArrayLike,
    lithology: ArrayLike,
    lithology_names: Sequence[str],
    *,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Crossplot of density versus velocity, coloured by lithology (Fig 2b).

    Parameters
    ----------
    velocity, density : array_like, any one shape
        In ft/s and g/cm3; flattened.
    lithology : array_like of int, the same shape
        Lithology codes, positions in `lithology_names`.
    lithology_names : sequence of str
        Names in code order, each a key of `LITHOLOGY_STYLES`.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With one Axes.

    Raises
    ------
    ValueError
        If arrays are empty or differ in shape, or a lithology is unknown.
    """
    _check({"velocity": velocity, "density": density, "lithology": lithology}, lithology_names, ndim=None)
    velocity, density, lithology = (np.ravel(array) for array in (velocity, density, lithology))
    size = np.clip(4000 / velocity.size, 4, 16)  # points squared: many points need small markers
    fig, ax = plt.subplots(figsize=(COLUMN_WIDTH, 3.6), layout="constrained")
    for code, name in _present(lithology, lithology_names):
        here = lithology == code
        _draw_points(ax, velocity[here], density[here], size, name)
    ax.set(xlabel="Velocity (ft/s)", ylabel="Density (g/cm³)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(alpha=0.3)
    fig.legend(loc="outside lower center", ncols=3, markerscale=float(6 / np.sqrt(size)))
    return _finish(fig, title, save_path)


@plt.rc_context(_PICTURE_STYLE)
def plot_refl(
    time: ArrayLike, traces: Mapping[str, ArrayLike], *, title: str = "", save_path: str | Path | None = None
) -> Figure:
    """Wiggle tracks side by side, two-way time downwards, positive lobes filled (Fig 2c).

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing.
    traces : mapping of str to array_like, shape (n_samples,)
        Amplitude (no unit) of each trace under the name that heads its track.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With one Axes a trace; each has symmetric limits of its own.

    Raises
    ------
    ValueError
        If there is no trace, or arrays are empty or differ in length.
    """
    _check({"time": time} | _named("trace", traces))
    time = np.asarray(time, dtype=float)
    size = (np.clip(1.8 * len(traces), COLUMN_WIDTH, PAGE_WIDTH), 7.0)  # inch
    fig, axes = plt.subplots(1, len(traces), sharey=True, squeeze=False, figsize=size, layout="constrained")
    for ax, (name, trace) in zip(axes[0], traces.items(), strict=True):
        _draw_wiggle(ax, time, np.asarray(trace, dtype=float))
        ax.set(title=name, xlabel="Amplitude")
    axes[0, 0].margins(y=0)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("Two-way time (s)")
    return _finish(fig, title, save_path)


@plt.rc_context(_PICTURE_STYLE)
def plot_refl_compare(
    time: ArrayLike,
    actual: ArrayLike,
    predicted: ArrayLike | Mapping[str, ArrayLike],
    *,
    labels: tuple[str, str] = ("Actual", "Predicted"),
    quantity: str = "Amplitude",
    unit: str = "",
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Actual trace and predictions over two-way time, and under them their differences (Figs 6a, 10a).

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s.
    actual : array_like, shape (n_samples,)
        The true trace, in `unit`.
    predicted : array_like, shape (n_samples,), or mapping of str to such arrays
        One prediction, or several under their names, in `unit`.
    labels : tuple of str
        Names of the actual trace and of a single prediction.
    quantity, unit : str
        What the traces are and their unit; an empty unit is left out.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With two Axes. The upper limits are symmetric where `actual` crosses zero, the lower ones always; the
        lower legend holds each RMSE, sqrt(mean((predicted - actual)^2)).

    Raises
    ------
    ValueError
        If there is no prediction, or arrays are empty or differ in length.
    """
    predictions = predicted if isinstance(predicted, Mapping) else {labels[1]: predicted}
    _check({"time": time, "actual": actual} | _named("prediction", predictions))
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(PAGE_WIDTH, 4.8), layout="constrained")
    _draw_comparison(axes, time, actual, predictions, labels[0], quantity, unit)
    return _finish(fig, title, save_path)


@plt.rc_context(_PICTURE_STYLE)
def plot_ae_predict_raw(
    time: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    y_predicted: ArrayLike,
    *,
    input_name: str = "Noisy trace",
    quantity: str = "Amplitude",
    unit: str = "",
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """A network's input, its target with the prediction, and their difference (blind traces, Figs 6, 10).

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s.
    x : array_like, shape (n_samples,)
        The input trace, an amplitude without unit.
    y, y_predicted : array_like, shape (n_samples,)
        Target and prediction in `unit`: amplitudes (denoising) or velocities in ft/s (inversion).
    input_name : str
        Name of the input trace.
    quantity, unit : str
        What target and prediction are and their unit; an empty unit is left out.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With three Axes; limits and RMSE as in `plot_refl_compare`.

    Raises
    ------
    ValueError
        If arrays are empty or differ in length.
    """
    _check({"time": time, "x": x, "y": y, "y_predicted": y_predicted})
    fig, axes = plt.subplots(3, 1, sharex=True, figsize=(PAGE_WIDTH, 6.6), layout="constrained")
    axes[0].plot(time, x, color=COLOURS["black"], linewidth=0.6, label=input_name)
    axes[0].set_ylabel("Amplitude")
    _set_symmetric(axes[0].set_ylim, x)
    _legend_above(axes[0])
    _draw_comparison(axes[1:], time, y, {"Predicted": y_predicted}, "Actual", quantity, unit)
    return _finish(fig, title, save_path)


@plt.rc_context(_PICTURE_STYLE)
def plot_network(
    blocks: Sequence[tuple[str, str, str, int]], *, title: str = "", save_path: str | Path | None = None
) -> Figure:
    """Block diagram of a network, from its input at the top to its output (Figs 3i, 7i).

    Parameters
    ----------
    blocks : sequence of (str, str, str, int)
        Of each layer the name, details (may be empty; long ones are wrapped), output shape and number of
        parameters.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure, whose height grows with the blocks.

    Returns
    -------
    Figure
        With one Axes in inches; the total of the parameters stands below the blocks.

    Raises
    ------
    ValueError
        If there is no block.
    """
    if not len(blocks):
        raise ValueError("blocks is empty; at least one (name, details, output shape, parameters) is needed.")
    details = [textwrap.wrap(block[1], width=78) for block in blocks]
    tops, heights = _block_places([len(lines) for lines in details])
    bottom = tops[-1] + heights[-1] + 0.3
    fig, ax = plt.subplots(figsize=(5.2, bottom + (0.5 if title else 0.2)), layout="constrained")
    ax.set(xlim=(0.0, 5.0), ylim=(bottom, -0.05))
    ax.axis("off")
    for block, lines, top, height in zip(blocks, details, tops, heights, strict=True):
        _draw_block(ax, block, lines, top, height)
    arrow = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    for above, below in zip(tops[:-1] + heights[:-1], tops[1:], strict=True):
        ax.annotate("", (2.5, below), (2.5, above), arrowprops=arrow)
    ax.text(2.5, bottom, f"Total parameters: {sum(block[3] for block in blocks):,}", ha="center", va="bottom")
    return _finish(fig, title, save_path)


class PlotLearning(keras.callbacks.Callback):
    """Draws losses and learning rate after every epoch into one file (Figs 6b, 10b in progress).

    Parameters
    ----------
    save_path : str or Path
        The file. It is replaced as a whole, so that whoever looks at it never sees half a picture.

    Attributes
    ----------
    history : dict of str to list of float
        Epoch (from 1), loss, val_loss (NaN where an epoch had no validation) and learning_rate of the fit
        under way or last done.
    """

    def __init__(self, save_path: str | Path) -> None:
        super().__init__()
        self.save_path = Path(save_path)
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Forget an earlier fit."""
        self.history = {"epoch": [], "loss": [], "val_loss": [], "learning_rate": []}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add the epoch to the history and refresh the file."""
        logs = logs or {}
        learning_rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        row = {
            "epoch": epoch + 1,
            "loss": logs.get("loss", np.nan),
            "val_loss": logs.get("val_loss", np.nan),
            "learning_rate": learning_rate,
        }
        for name, value in row.items():
            self.history[name].append(float(value))
        self._refresh(_learning_figure(self.history))

    def _refresh(self, fig: Figure) -> None:
        path = self.save_path
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        try:
            _save(fig, unfinished)
            # Windows refuses while a viewer holds the file open; the next epoch's picture will do.
            with contextlib.suppress(PermissionError):
                os.replace(unfinished, path)
        finally:
            plt.close(fig)
            unfinished.unlink(missing_ok=True)


def _check(arrays: Mapping[str, ArrayLike], lithology_names: Sequence[str] = (), *, ndim: int | None = 1) -> None:
    """Raise ValueError unless the arrays agree in shape, hold something and name known lithologies."""
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    if len(set(shapes.values())) > 1:
        raise ValueError(f"Arrays of one shape are needed, got {found}.")
    shape = next(iter(shapes.values()))
    if 0 in shape or (ndim is not None and len(shape) != ndim):
        raise ValueError(f"Arrays of {ndim or 'any'} dimension with at least one value are needed, got {found}.")
    for name in lithology_names:
        if name not in LITHOLOGY_STYLES:
            raise ValueError(f"Unknown lithology {name!r}; known are {', '.join(LITHOLOGY_STYLES)}.")
    valid = dict(enumerate(lithology_names))
    for code in np.unique(arrays.get("lithology", [])).tolist():
        if code not in valid:
            raise ValueError(f"Unknown lithology code {code}; valid are {valid}.")


def _named(kind: str, arrays: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    """The arrays under names for `_check`; an empty array stands for an empty mapping."""
    return {f"{kind} {name!r}": array for name, array in arrays.items()} or {kind: []}


def _present(lithology: np.ndarray, lithology_names: Sequence[str]) -> list[tuple[int, str]]:
    """Codes and names of the lithologies that occur."""
    return [(int(code), lithology_names[int(code)]) for code in np.unique(lithology)]


def _layer_edges(base_depth: ArrayLike) -> np.ndarray:
    """Depths in ft of the surface and of each layer's base, (n_layers + 1,)."""
    edges = np.concatenate([[0.0], base_depth])
    if not np.all(np.diff(edges) > 0):
        raise ValueError(f"base_depth has to be positive and to increase layer by layer, got {base_depth}.")
    return edges


def _axis_label(quantity: str, unit: str) -> str:
    return f"{quantity} ({unit})" if unit else quantity


def _differences(actual: ArrayLike, predictions: Mapping[str, ArrayLike]) -> dict[str, tuple[np.ndarray, float]]:
    """Of each prediction, predicted - actual (n_samples,) and its RMSE, both in the unit of the data."""
    differences = {name: np.asarray(values, dtype=float) - actual for name, values in predictions.items()}
    return {name: (values, float(np.sqrt(np.mean(values**2)))) for name, values in differences.items()}


def _rmse_text(rmse: float, unit: str) -> str:
    number = f"{rmse:.0f}" if rmse >= 100 else f"{rmse:.3g}"
    return f"RMSE {number} {unit}".rstrip()


def _set_symmetric(set_limits, *arrays: ArrayLike) -> None:
    limit = 1.05 * max_axis_value(*arrays)
    set_limits(-limit, limit)


def _legend_above(ax: Axes) -> None:
    """A legend above the panel, where it hides no sample."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, borderaxespad=0.1)


def _draw_lithology(ax: Axes, edges: np.ndarray, lithology: np.ndarray, lithology_names: Sequence[str]) -> None:
    thickness = np.diff(edges)  # (n_layers,) ft
    for code, name in _present(lithology, lithology_names):
        style, here = LITHOLOGY_STYLES[name], lithology == code
        ax.barh(
            edges[:-1][here],
            1.0,
            thickness[here],
            align="edge",
            color=style.colour,
            hatch=style.hatch,
            edgecolor="0.25",
            linewidth=0.3,
            label=name,
        )
    ax.set(xlim=(0.0, 1.0), xticks=[], xlabel="Lithology")


def _draw_points(ax: Axes, velocity: np.ndarray, density: np.ndarray, size: float, name: str) -> None:
    style = LITHOLOGY_STYLES[name]
    look = {"color": style.colour, "marker": style.marker, "edgecolors": "0.25", "linewidths": 0.012 * size}
    # Pixels inside a PDF: hundreds of thousands of vector markers would make it unreadably slow.
    ax.scatter(velocity, density, size, label=name, rasterized=True, **look)


def _draw_log(ax: Axes, edges: np.ndarray, values: ArrayLike, label: str, colour: str) -> None:
    ax.stairs(values, edges, orientation="horizontal", baseline=None, color=COLOURS[colour], linewidth=1.0)
    ax.set_xlabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.grid(alpha=0.3)


def _draw_wiggle(ax: Axes, time: np.ndarray, trace: np.ndarray) -> None:
    ax.axvline(0.0, color="0.6", linewidth=0.4)
    ax.plot(trace, time, color=COLOURS["black"], linewidth=0.5)
    ax.fill_betweenx(time, 0.0, trace, where=trace > 0, interpolate=True, color=COLOURS["black"], linewidth=0)
    _set_symmetric(ax.set_xlim, trace)
    ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def _draw_comparison(
    axes: Sequence[Axes],
    time: ArrayLike,
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    actual_name: str,
    quantity: str,
    unit: str,
) -> None:
    """Actual and predictions in the first of two Axes, their differences in the second."""
    above, below = axes
    differences = _differences(actual, predictions)
    above.plot(time, actual, color=COLOURS["black"], linewidth=1.0, label=actual_name)
    for i, (name, values) in enumerate(predictions.items()):
        line = {"color": PREDICTION_COLOURS[i % len(PREDICTION_COLOURS)], "linewidth": 0.7}
        difference, rmse = differences[name]
        above.plot(time, values, label=name, **line)
        below.plot(time, difference, label=f"{name} − {actual_name}: {_rmse_text(rmse, unit)}", **line)
    if np.min(actual) < 0 < np.max(actual):
        _set_symmetric(above.set_ylim, actual, *predictions.values())
    _set_symmetric(below.set_ylim, *(difference for difference, _ in differences.values()))
    above.set_ylabel(_axis_label(quantity, unit))
    below.set(xlabel="Two-way time (s)", ylabel=_axis_label("Difference", unit))
    below.margins(x=0)
    below.axhline(0.0, color="0.6", linewidth=0.4, zorder=0)
    for ax in axes:
        _legend_above(ax)


def _block_places(n_lines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Top and height in inches, downwards, of boxes with so many lines of details under their name."""
    heights = 0.22 + 0.14 * np.asarray(n_lines)
    gaps = 0.16 * np.arange(len(n_lines))  # room for an arrow above each box but the first
    return np.cumsum(heights) - heights + gaps, heights


def _draw_block(ax: Axes, block: tuple[str, str, str, int], lines: list[str], top: float, height: float) -> None:
    """One box, coloured if its layer has parameters; lengths in inches."""
    name, _, shape, parameters = block
    colour = COLOURS["sky blue"] if parameters else "0.7"
    ax.add_patch(
        FancyBboxPatch(
            (0.1, top),
            4.8,
            height,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=(colour, 0.3),
            edgecolor="black",
            linewidth=0.8,
        )
    )
    ax.text(0.2, top + 0.05, name, weight="bold", va="top")
    count = f"{parameters:,} parameters" if parameters else "no parameters"
    ax.text(4.8, top + 0.05, f"{shape}   {count}", ha="right", va="top")
    ax.text(0.2, top + 0.19, "\n".join(lines), va="top", linespacing=1.2)


@plt.rc_context(_PICTURE_STYLE)
def _learning_figure(history: Mapping[str, Sequence[float]]) -> Figure:
    """Loss and learning rate by epoch, from the history of `PlotLearning`."""
    fig, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(COLUMN_WIDTH, 4.0), layout="constrained", height_ratios=(2, 1)
    )
    epoch, losses = np.asarray(history["epoch"]), []
    for name, colour in (("loss", "blue"), ("val_loss", "vermillion")):
        values = np.asarray(history[name])
        finite = np.isfinite(values)  # epochs without validation are bridged
        if finite.any():
            above.plot(epoch[finite], values[finite], ".-", color=COLOURS[colour], linewidth=1.0, label=name)
            losses.extend(values[finite])
    if losses:
        above.set_yscale("log" if min(losses) > 0 else "linear")
        _legend_above(above)
    below.plot(epoch, history["learning_rate"], ".-", color=COLOURS["black"], linewidth=1.0)
    above.set_ylabel("Loss")
    below.set(xlabel="Epoch", ylabel="Learning rate")
    below.set_xlim(epoch[0] - 0.5, epoch[-1] + 0.5)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for ax in (above, below):
        ax.grid(alpha=0.3)
    return fig


def _save(fig: Figure, path: str | Path) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=300)


def _finish(fig: Figure, title: str, save_path: str | Path | None) -> Figure:
    """Give the finished figure its title, save it if wanted, and return it."""
    if title:
        fig.suptitle(title)
    if save_path is not None:
        _save(fig, save_path)
    return fig
