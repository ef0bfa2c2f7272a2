"""Pictures of data and of predictions: earth models, traces, transforms, networks and the progress of a training.

Every function draws from arrays, returns its Figure and saves it where `save_path` says (300 dpi; the ending
chooses the format). None calls ``show``: the caller shows and closes. Depth runs downwards, and so does the two-way
time of wiggle tracks; limits of amplitudes are symmetric, and a legend names only what is in the picture.
"""

import contextlib
import io
import logging
import os
import sys
import textwrap
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends import backend_registry
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Polyline
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from resultFiles import replacing


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
# A GPU's memory is taken as it is needed, so that several processes can share it.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
logging.getLogger("tensorflow").setLevel(logging.ERROR)
with silent_stderr():
    import keras

COLUMN_WIDTH = 3.5  # inch, one column of a journal
PAGE_WIDTH = 7.2  # inch, both columns
FLOW_COLUMNS = 6  # boxes in a row of a network's flow
FLOW_ROW, FLOW_TOTAL = 0.9, 0.25  # inch that such a row takes, and the total below the rows
LEGEND_LINE, LEGEND_CHARACTER = 0.45, 0.062  # inch of a legend's column: the line and its margins, a character

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
        "figure.labelsize": medium,
        "figure.titlesize": large,
    }


PICTURE_STYLE = font_sizes_defaults() | {"hatch.linewidth": 0.4}


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

    Raises
    ------
    ValueError
        If an array holds anything but real numbers.
    """
    try:
        values = np.concatenate([np.ravel(np.asarray(array, dtype=float)) for array in arrays] or [[]])
    except (TypeError, ValueError) as error:
        raise ValueError(f"Arrays of numbers are needed, got something else: {error}.") from error
    largest = np.max(np.abs(values[np.isfinite(values)]), initial=0.0)
    return float(largest) if largest > 0 else 1.0


def axis_label(quantity: str, unit: str) -> str:
    """An axis label such as "Velocity (ft/s)"; an empty unit is left out."""
    return f"{quantity} ({unit})" if unit else quantity


@plt.rc_context(PICTURE_STYLE)
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
    fig = plt.figure(figsize=(PAGE_WIDTH, 7.0), layout="constrained")
    _draw_model(fig, _layer_edges(base_depth), lithology, logs, lithology_names)
    fig.legend(loc="outside lower center", ncols=6, handlelength=3, handleheight=2)
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
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
    fig = plt.figure(figsize=(COLUMN_WIDTH, 3.6), layout="constrained")
    _draw_xplot(fig, velocity, density, lithology, lithology_names)
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
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


@plt.rc_context(PICTURE_STYLE)
def plot_earth_model_and_traces(
    base_depth: ArrayLike,
    lithology: ArrayLike,
    velocity: ArrayLike,
    density: ArrayLike,
    impedance: ArrayLike,
    lithology_names: Sequence[str],
    time: ArrayLike,
    traces: Mapping[str, ArrayLike],
    *,
    cross_velocity: ArrayLike,
    cross_density: ArrayLike,
    cross_lithology: ArrayLike,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """One layered model and its traces on a page: (a) log tracks, (b) crossplot, (c) traces over time (Fig 2).

    Parameters
    ----------
    base_depth, lithology, velocity, density, impedance : array_like, shape (n_layers,)
        The model in ft, codes, ft/s, g/cm3 and ft/s g/cm3, as for `plot_model`.
    lithology_names : sequence of str
        Names in code order, each a key of `LITHOLOGY_STYLES`.
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing.
    traces : mapping of str to array_like, shape (n_samples,)
        Amplitude (no unit) of each trace under its name; they stand one under the other in this order.
    cross_velocity, cross_density, cross_lithology : array_like, any one shape
        Points of the crossplot in ft/s, g/cm3 and codes, of this model or of many.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With a SubFigure for each panel. Each trace has symmetric limits of its own.

    Raises
    ------
    ValueError
        As for `plot_model`, `plot_xplot` and `plot_refl`.
    """
    logs = {"velocity": velocity, "density": density, "impedance": impedance}
    points = {"cross_velocity": cross_velocity, "cross_density": cross_density, "lithology": cross_lithology}
    _check({"base_depth": base_depth, "lithology": lithology} | logs, lithology_names)
    _check(points, lithology_names, ndim=None)
    _check({"time": time} | _named("trace", traces))
    fig = plt.figure(figsize=(PAGE_WIDTH, 8.2), layout="constrained")
    above, panel_c = fig.subfigures(2, 1, height_ratios=(1.5, 1))
    panel_a, panel_b = above.subfigures(1, 2, width_ratios=(1.7, 1))
    _draw_model(panel_a, _layer_edges(base_depth), lithology, logs, lithology_names)
    panel_a.legend(loc="outside lower center", ncols=3, handlelength=3, handleheight=1.6)
    _draw_xplot(panel_b, *points.values(), lithology_names)
    for ax, (name, trace) in zip(_stacked_axes(panel_c, time, list(traces)), traces.items(), strict=True):
        _draw_trace(ax, time, trace, name)
    for letter, panel in zip("abc", (panel_a, panel_b, panel_c), strict=True):
        panel.suptitle(f"({letter})", x=0.01, ha="left", weight="bold")
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
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
    draw_comparison(axes, time, actual, predictions, labels[0], quantity, unit)
    return _finish(fig, title, save_path)


def draw_comparison(
    axes: Sequence[Axes],
    time: ArrayLike,
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    actual_name: str,
    quantity: str,
    unit: str,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Actual and predictions in the first of two Axes, their differences with each RMSE in the second.

    ``axes``: two, which share the time axis; ``colours``: of predictions, by name, where they are not to be those of
    PREDICTION_COLOURS in turn; the rest is as for `plot_refl_compare`.
    """
    above, below = axes
    differences = _differences(actual, predictions)
    above.plot(time, actual, color=COLOURS["black"], linewidth=1.0, label=actual_name)
    for i, (name, values) in enumerate(predictions.items()):
        colour = (colours or {}).get(name, PREDICTION_COLOURS[i % len(PREDICTION_COLOURS)])
        line = {"color": colour, "linewidth": 0.7}
        difference, rmse = differences[name]
        above.plot(time, values, label=name, **line)
        below.plot(time, difference, label=f"{name} − {actual_name}: {_rmse_text(rmse, unit)}", **line)
    if np.min(actual) < 0 < np.max(actual):
        _set_symmetric(above.set_ylim, actual, *predictions.values())
    _set_symmetric(below.set_ylim, *(difference for difference, _ in differences.values()))
    above.set_ylabel(axis_label(quantity, unit))
    below.set(xlabel="Two-way time (s)", ylabel=axis_label("Difference", unit))
    below.margins(x=0)
    below.axhline(0.0, color="0.6", linewidth=0.4, zorder=0)
    for ax in axes:
        _legend_above(ax)


@plt.rc_context(PICTURE_STYLE)
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
    _draw_trace(axes[0], time, x, input_name)
    axes[0].set_ylabel("Amplitude")
    _legend_above(axes[0])
    draw_comparison(axes[1:], time, y, {"Predicted": y_predicted}, "Actual", quantity, unit)
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_cwt_real_imag(
    time: ArrayLike,
    frequency: ArrayLike,
    coefficients: ArrayLike,
    *,
    trace: ArrayLike | None = None,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Real and imaginary part of a trace's continuous wavelet transform over time and frequency.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    frequency : array_like, shape (n_scales,)
        Frequency of each scale in Hz, above 0, increasing or decreasing; at least two scales.
    coefficients : array_like of complex, shape (n_samples, n_scales)
        Continuous wavelet transform in the unit of the trace, as one of `dataPreProcessing.cwt_coefficients`.
    trace : array_like, shape (n_samples,), optional
        The trace itself (no unit), for a panel above.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With the trace, if given, and the two parts, which share one symmetric colour scale.

    Raises
    ------
    ValueError
        If shapes disagree, `time` or `frequency` is not in order, or a value is NaN or infinite.
    """
    _check_cwt(time, frequency, {"coefficients": coefficients}, trace)
    fig, axes = _cwt_panels(time, trace, 2)
    parts = {"Real part": np.real(coefficients), "Imaginary part": np.imag(coefficients)}
    limit = max_axis_value(*parts.values())
    for ax, (name, values) in zip(axes, parts.items(), strict=True):
        image = _draw_cwt(ax, time, frequency, values, name, cmap="RdBu_r", vmin=-limit, vmax=limit)
    _add_colour_bar(axes, image, "Amplitude")
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_cwt_magn(
    time: ArrayLike,
    frequency: ArrayLike,
    coefficients: ArrayLike,
    *,
    trace: ArrayLike | None = None,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Magnitude of a trace's continuous wavelet transform over time and frequency.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    frequency : array_like, shape (n_scales,)
        Frequency of each scale in Hz, above 0, increasing or decreasing; at least two scales.
    coefficients : array_like of complex, shape (n_samples, n_scales)
        Continuous wavelet transform in the unit of the trace, as one of `dataPreProcessing.cwt_coefficients`.
    trace : array_like, shape (n_samples,), optional
        The trace itself (no unit), for a panel above.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With the trace, if given, and the magnitude, whose colour scale begins at 0.

    Raises
    ------
    ValueError
        If shapes disagree, `time` or `frequency` is not in order, or a value is NaN or infinite.
    """
    _check_cwt(time, frequency, {"coefficients": coefficients}, trace)
    fig, axes = _cwt_panels(time, trace, 1)
    _draw_magnitudes(axes, time, frequency, {"Magnitude": np.abs(coefficients)})
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_cwt_magn_phase(
    time: ArrayLike,
    frequency: ArrayLike,
    coefficients: ArrayLike,
    *,
    trace: ArrayLike | None = None,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Magnitude and phase of a trace's continuous wavelet transform over time and frequency.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    frequency : array_like, shape (n_scales,)
        Frequency of each scale in Hz, above 0, increasing or decreasing; at least two scales.
    coefficients : array_like of complex, shape (n_samples, n_scales)
        Continuous wavelet transform in the unit of the trace, as one of `dataPreProcessing.cwt_coefficients`.
    trace : array_like, shape (n_samples,), optional
        The trace itself (no unit), for a panel above.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With the trace, if given, the magnitude from 0 and the phase from -pi to pi in cyclic colours.

    Raises
    ------
    ValueError
        If shapes disagree, `time` or `frequency` is not in order, or a value is NaN or infinite.
    """
    _check_cwt(time, frequency, {"coefficients": coefficients}, trace)
    fig, axes = _cwt_panels(time, trace, 2)
    _draw_magnitudes(axes[:1], time, frequency, {"Magnitude": np.abs(coefficients)})
    phase = np.angle(coefficients)
    image = _draw_cwt(axes[1], time, frequency, phase, "Phase", cmap="twilight", vmin=-np.pi, vmax=np.pi)
    bar = _add_colour_bar(axes[1:], image, "Phase (rad)")
    bar.set_ticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], labels=["−π", "−π/2", "0", "π/2", "π"])
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_cwt_magn_predict(
    time: ArrayLike,
    frequency: ArrayLike,
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Magnitudes of an actual and of a predicted continuous wavelet transform, and of their difference.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    frequency : array_like, shape (n_scales,)
        Frequency of each scale in Hz, above 0, increasing or decreasing; at least two scales.
    actual, predicted : array_like of complex, shape (n_samples, n_scales)
        The two transforms, in the unit of the trace.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    Figure
        With three panels: |actual| and |predicted| in one colour scale, |predicted - actual| in its own, all from
        0. The last one's title holds the RMSE of the complex coefficients, sqrt(mean(|predicted - actual|^2)).

    Raises
    ------
    ValueError
        If shapes disagree, `time` or `frequency` is not in order, or a value is NaN or infinite.
    """
    _check_cwt(time, frequency, {"actual": actual, "predicted": predicted})
    difference = np.abs(np.asarray(predicted) - np.asarray(actual))
    name = f"|Predicted − Actual|: {_rmse_text(_rms(difference), '')}"
    fig, axes = _cwt_panels(time, None, 3)
    _draw_magnitudes(axes[:2], time, frequency, {"Actual": np.abs(actual), "Predicted": np.abs(predicted)})
    _draw_magnitudes(axes[2:], time, frequency, {name: difference})
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_mra(
    time: ArrayLike,
    trace: ArrayLike,
    components: ArrayLike,
    names: Sequence[str],
    *,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Multiresolution analysis of a trace: the trace, and below it each component in a panel of its own.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    trace : array_like, shape (n_samples,)
        Amplitude, without unit.
    components : array_like, shape (n_samples, n_components)
        What the trace is made of, in its unit.
    names : sequence of str
        Name of each component, such as "D3: 62-125 Hz".
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure, whose height grows with the components.

    Returns
    -------
    Figure
        With 1 + n_components Axes. All have the same symmetric limits, so that amplitudes compare.

    Raises
    ------
    ValueError
        If there is no name, shapes disagree, time does not increase, or a value is NaN or infinite.
    """
    _check_mra(time, names, {"components": components}, trace)
    names = ["Trace", *names]
    fig = plt.figure(figsize=_stacked_size(len(names)), layout="constrained")
    axes = _stacked_axes(fig, time, names, sharey=True)
    for ax, name, values in zip(axes, names, [trace, *np.asarray(components).T], strict=True):
        _draw_trace(ax, time, values, name)
    _set_symmetric(axes[0].set_ylim, trace, components)
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
def plot_ae_mra_predict(
    time: ArrayLike,
    actual: ArrayLike,
    predicted: ArrayLike,
    names: Sequence[str],
    *,
    title: str = "",
    save_path: str | Path | None = None,
) -> Figure:
    """Actual and predicted components of a multiresolution analysis over each other, panel by panel.

    Parameters
    ----------
    time : array_like, shape (n_samples,)
        Two-way time in s, increasing; at least two samples.
    actual, predicted : array_like, shape (n_samples, n_components)
        Amplitudes of the components, without unit.
    names : sequence of str
        Name of each component, such as "D3: 62-125 Hz".
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure, whose height grows with the components.

    Returns
    -------
    Figure
        With n_components Axes. Each has symmetric limits of its own, so that weak components are seen too, and in
        its legend its RMSE, sqrt(mean((predicted - actual)^2)).

    Raises
    ------
    ValueError
        If there is no name, shapes disagree, time does not increase, or a value is NaN or infinite.
    """
    _check_mra(time, names, {"actual": actual, "predicted": predicted})
    fig = plt.figure(figsize=_stacked_size(len(names)), layout="constrained")
    for ax, *pair in zip(_stacked_axes(fig, time, names), np.asarray(actual).T, np.asarray(predicted).T, strict=True):
        rmse = _rmse_text(_rms(np.subtract(*pair)), "")
        ax.plot(time, pair[0], color=COLOURS["black"], linewidth=1.0, label="Actual")
        ax.plot(time, pair[1], color=PREDICTION_COLOURS[0], linewidth=0.7, label=f"Predicted: {rmse}")
        _set_symmetric(ax.set_ylim, *pair)
        _legend_above(ax, "right")
    return _finish(fig, title, save_path)


@plt.rc_context(PICTURE_STYLE)
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
    _check_blocks(blocks)
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
    ax.text(2.5, bottom, _total_text(blocks), ha="center", va="bottom")
    return _finish(fig, title, save_path)


def flow_height(n_blocks: int) -> float:
    """Inches that the rows of `draw_network_flow` need in a panel of PAGE_WIDTH, without a title."""
    return FLOW_ROW * -(-n_blocks // FLOW_COLUMNS) + FLOW_TOTAL


def draw_network_flow(
    ax: Axes, blocks: Sequence[tuple[str, str, str, int]], *, n_columns: int = FLOW_COLUMNS, font_size: float = 6.0
) -> None:
    """Block diagram of a network in a panel of a larger figure, from left to right and row by row (Figs 3i, 7i).

    Parameters
    ----------
    ax : Axes
        The panel; its axis lines go. With the defaults, PAGE_WIDTH x `flow_height` hold all texts; more columns need
        a wider panel or a smaller `font_size`.
    blocks : sequence of (str, str, str, int)
        Of each layer the name, details (may be empty; long ones are wrapped), output shape and number of
        parameters, as for `plot_network`.
    n_columns : int
        Most boxes in a row; the rows share the boxes evenly.
    font_size : float
        Size of the text in points.

    Raises
    ------
    ValueError
        If there is no block, or `n_columns` is below 1.
    """
    _check_blocks(blocks)
    if not isinstance(n_columns, int) or n_columns < 1:
        raise ValueError(f"n_columns has to be at least 1, got {n_columns!r}.")
    n_rows = -(-len(blocks) // n_columns)
    n_columns = -(-len(blocks) // n_rows)
    places = [divmod(i, n_columns) for i in range(len(blocks))]  # (row, column)
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    ax.axis("off")
    for block, (row, column) in zip(blocks, places, strict=True):
        _draw_flow_box(ax, block, row, column, font_size)
    for start, end in zip(places[:-1], places[1:], strict=True):
        _draw_flow_arrow(ax, start, end)
    ax.text(n_columns / 2, n_rows, _total_text(blocks), size=font_size, ha="center", va="top")


_History = Mapping[str, Sequence[float]]
_View = Callable[[_History], None]


class PlotLearning(keras.callbacks.Callback):
    """Draws losses and learning rate after every epoch into one file (Figs 6b, 10b in progress).

    In a notebook the picture stands under the cell too, and with an interactive Matplotlib backend in a window, which
    serves all trainings of the process; each picture takes the place of the last one. A window that was closed stays
    closed for the rest of its training, and no trouble with a display ends a training.

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
        self._view: _View | None = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Forget an earlier fit."""
        self.history = {"epoch": [], "loss": [], "val_loss": [], "learning_rate": []}
        self._view = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add the epoch to the history, refresh the file and show the picture to whoever looks on."""
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
        self._show()

    def _refresh(self, fig: Figure) -> None:
        # Windows refuses while a viewer holds the file open; the next epoch's picture will do.
        with contextlib.suppress(PermissionError):
            _save(fig, self.save_path)

    def _show(self) -> None:
        try:
            self._view = self._view or _live_view()
            self._view(self.history)
        except Exception:  # displays fail in ways of their own, and the file is there
            self._view = _no_view


def _check(arrays: Mapping[str, ArrayLike], lithology_names: Sequence[str] = (), *, ndim: int | None = 1) -> None:
    """Raise ValueError unless the arrays agree in shape, hold something and name known lithologies."""
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    if len(set(shapes.values())) > 1:
        raise ValueError(f"Arrays of one shape are needed, got {found}.")
    shape = next(iter(shapes.values()))
    if 0 in shape or (ndim is not None and len(shape) != ndim):
        raise ValueError(f"Arrays of {ndim or 'any'} dimension with at least one value are needed, got {found}.")
    for name, array in arrays.items():
        _check_numbers(name, array)
    if isinstance(lithology_names, str) or not isinstance(lithology_names, Sequence):
        raise ValueError(f"lithology_names needs a list of names, got {lithology_names!r}.")
    for name in lithology_names:
        if name not in LITHOLOGY_STYLES:
            raise ValueError(f"Unknown lithology {name!r}; known are {', '.join(LITHOLOGY_STYLES)}.")
    valid = dict(enumerate(lithology_names))
    for code in np.unique(arrays.get("lithology", [])).tolist():
        if code not in valid:
            raise ValueError(f"Unknown lithology code {code}; valid are {valid}.")


def _check_numbers(name: str, values: ArrayLike) -> None:
    kind = np.asarray(values).dtype
    if not any(np.issubdtype(kind, valid) for valid in (np.number, np.bool_)):
        raise ValueError(f"{name} needs numbers, got {kind}.")


def _check_values(name: str, values: ArrayLike, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the values have this shape and are finite."""
    if np.shape(values) != shape:
        raise ValueError(f"{name} needs the shape {shape}, got {np.shape(values)}.")
    _check_numbers(name, values)
    n_lost = np.count_nonzero(~np.isfinite(values))
    if n_lost:
        raise ValueError(f"{name} needs finite values, got {n_lost} of {np.size(values)} that are NaN or infinite.")


def _check_order(name: str, values: ArrayLike, *, may_decrease: bool = False) -> None:
    """Raise ValueError unless there are two values or more, and each is larger than the last."""
    _check_values(name, values, (np.size(values),))
    steps = np.diff(values)
    if not len(steps) or not (np.all(steps > 0) or (may_decrease and np.all(steps < 0))):
        order = "increase or decrease" if may_decrease else "increase"
        found = np.array2string(np.asarray(values), threshold=8)
        raise ValueError(f"{name} needs at least two values, which {order} throughout, got {found}.")


def _check_cwt(
    time: ArrayLike, frequency: ArrayLike, coefficients: Mapping[str, ArrayLike], trace: ArrayLike | None = None
) -> None:
    """Raise ValueError unless all arrays are finite and fit the two axes, which are in order."""
    _check_order("time", time)
    _check_order("frequency", frequency, may_decrease=True)
    if np.min(frequency) <= 0:
        raise ValueError(f"frequency needs values above 0 Hz, got {np.min(frequency)}.")
    for name, values in coefficients.items():
        _check_values(name, values, (np.size(time), np.size(frequency)))
    if trace is not None:
        _check_values("trace", trace, np.shape(time))


def _check_mra(
    time: ArrayLike, names: Sequence[str], components: Mapping[str, ArrayLike], trace: ArrayLike | None = None
) -> None:
    """Raise ValueError unless there is a component, time increases, and all arrays are finite and fit."""
    _check_order("time", time)
    if not len(names):
        raise ValueError("names is empty; at least one component is needed.")
    for name, values in components.items():
        _check_values(name, values, (np.size(time), len(names)))
    if trace is not None:
        _check_values("trace", trace, np.shape(time))


def _check_blocks(blocks: Sequence[tuple[str, str, str, int]]) -> None:
    needed = "(name, details, output shape, parameters)"
    if not isinstance(blocks, Sequence):
        raise ValueError(f"blocks needs a list of {needed}, got {blocks!r}.")
    if not len(blocks):
        raise ValueError(f"blocks is empty; at least one {needed} is needed.")
    for block in blocks:
        kinds = [type(part) for part in block] if isinstance(block, Sequence) else []
        if kinds[:3] != [str, str, str] or len(kinds) != 4 or not issubclass(kinds[3], (int, np.integer)):
            raise ValueError(f"A block needs to be {needed}, got {block!r}.")


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


def _differences(actual: ArrayLike, predictions: Mapping[str, ArrayLike]) -> dict[str, tuple[np.ndarray, float]]:
    """Of each prediction, predicted - actual (n_samples,) and its RMSE, both in the unit of the data."""
    differences = {name: np.asarray(values, dtype=float) - actual for name, values in predictions.items()}
    return {name: (values, _rms(values)) for name, values in differences.items()}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _rmse_text(rmse: float, unit: str) -> str:
    number = f"{rmse:.0f}" if rmse >= 100 else f"{rmse:.3g}"
    return f"RMSE {number} {unit}".rstrip()


def _set_symmetric(set_limits, *arrays: ArrayLike) -> None:
    limit = 1.05 * max_axis_value(*arrays)
    set_limits(-limit, limit)


def _legend_above(ax: Axes, side: str = "left") -> None:
    """A legend above the panel, where it hides no sample, with as many columns as its width has room for, up to 3."""
    corner = {"left": (0.0, 1.0), "right": (1.0, 1.0)}[side]
    longest = max(len(label) for label in ax.get_legend_handles_labels()[1])
    width = ax.figure.get_figure(root=True).get_figwidth()  # inch
    ncols = int(np.clip(width // (LEGEND_LINE + LEGEND_CHARACTER * longest), 1, 3))
    ax.legend(loc=f"lower {side}", bbox_to_anchor=corner, ncols=ncols, frameon=False, borderaxespad=0.1)


def _draw_model(
    fig: FigureBase,
    edges: np.ndarray,
    lithology: ArrayLike,
    logs: Mapping[str, ArrayLike],
    lithology_names: Sequence[str],
) -> None:
    """Lithology column and the logs by name, side by side over one depth axis."""
    axes = fig.subplots(1, 4, sharey=True, width_ratios=(0.6, 1, 1, 1))
    _draw_lithology(axes[0], edges, np.asarray(lithology), lithology_names)
    _draw_log(axes[1], edges, logs["velocity"], "Velocity\n(ft/s)", "blue")
    _draw_log(axes[2], edges, logs["density"], "Density\n(g/cm³)", "vermillion")
    _draw_log(axes[3], edges, logs["impedance"], "Impedance\n(ft/s g/cm³)", "black")
    axes[0].set_ylim(edges[-1], 0.0)
    axes[0].set_ylabel("Depth (ft)")


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


def _draw_xplot(
    fig: FigureBase, velocity: ArrayLike, density: ArrayLike, lithology: ArrayLike, lithology_names: Sequence[str]
) -> None:
    """Crossplot with its legend."""
    velocity, density, lithology = (np.ravel(array) for array in (velocity, density, lithology))
    size = np.clip(4000 / velocity.size, 4, 16)  # points squared: many points need small markers
    ax = fig.subplots()
    for code, name in _present(lithology, lithology_names):
        here = lithology == code
        _draw_points(ax, velocity[here], density[here], size, name)
    ax.set(xlabel="Velocity (ft/s)", ylabel="Density (g/cm³)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(alpha=0.3)
    spacing = {"handlelength": 1, "handletextpad": 0.4, "columnspacing": 1}
    fig.legend(loc="outside lower center", ncols=3, markerscale=float(6 / np.sqrt(size)), **spacing)


def _draw_points(ax: Axes, velocity: np.ndarray, density: np.ndarray, size: float, name: str) -> None:
    style = LITHOLOGY_STYLES[name]
    look = {"color": style.colour, "marker": style.marker, "edgecolors": "0.25", "linewidths": 0.012 * size}
    # Pixels inside a PDF: hundreds of thousands of vector markers would make it unreadably slow.
    ax.scatter(velocity, density, size, label=name, rasterized=True, **look)


def _draw_log(ax: Axes, edges: np.ndarray, values: ArrayLike, label: str, colour: str) -> None:
    ax.stairs(values, edges, orientation="horizontal", baseline=None, color=COLOURS[colour], linewidth=1.0)
    ax.set_xlabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(2))
    ax.grid(alpha=0.3)


def _draw_wiggle(ax: Axes, time: np.ndarray, trace: np.ndarray) -> None:
    ax.axvline(0.0, color="0.6", linewidth=0.4)
    ax.plot(trace, time, color=COLOURS["black"], linewidth=0.5)
    ax.fill_betweenx(time, 0.0, trace, where=trace > 0, interpolate=True, color=COLOURS["black"], linewidth=0)
    _set_symmetric(ax.set_xlim, trace)
    ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def _draw_trace(ax: Axes, time: ArrayLike, trace: ArrayLike, name: str) -> None:
    ax.plot(time, trace, color=COLOURS["black"], linewidth=0.6, label=name)
    _set_symmetric(ax.set_ylim, trace)


def _stacked_size(n_axes: int) -> tuple[float, float]:
    """Size in inches of a figure of `_stacked_axes`."""
    return PAGE_WIDTH, 0.6 + 0.9 * n_axes


def _stacked_axes(fig: FigureBase, time: ArrayLike, names: Sequence[str], *, sharey: bool = False) -> np.ndarray:
    """Axes for amplitudes one under the other over one time axis, each headed by its name."""
    axes = fig.subplots(len(names), 1, sharex=True, sharey=sharey, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=True):
        ax.set_title(name, loc="left")
        ax.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axes[-1].set(xlabel="Two-way time (s)", xlim=(np.min(time), np.max(time)))
    fig.supylabel("Amplitude")
    return axes


def _bin_edges(centres: np.ndarray) -> np.ndarray:
    """Edges (n + 1,) half-way between the centres (n,) of bins, and as far outside the first and the last."""
    inner = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])


def _cwt_panels(time: ArrayLike, trace: ArrayLike | None, n_images: int) -> tuple[Figure, np.ndarray]:
    """A figure with the trace on top if there is one, and the Axes below it for so many images."""
    heights = [1.1] * (trace is not None) + [2.0] * n_images  # inch
    fig, axes = plt.subplots(
        *(len(heights), 1),
        sharex=True,
        squeeze=False,
        figsize=(PAGE_WIDTH, sum(heights) + 0.6),
        layout="constrained",
        height_ratios=heights,
    )
    if trace is not None:
        _draw_trace(axes[0, 0], time, trace, "Trace")
        axes[0, 0].set_title("Trace", loc="left")
        axes[0, 0].set_ylabel("Amplitude")
    axes[-1, 0].set(xlabel="Two-way time (s)", xlim=(np.min(time), np.max(time)))
    return fig, axes[-n_images:, 0]


def _draw_cwt(
    ax: Axes, time: ArrayLike, frequency: ArrayLike, values: np.ndarray, name: str, **colours: str | float
) -> QuadMesh:
    """Image of values (n_samples, n_scales) over time and logarithmic frequency, its name above."""
    times = _bin_edges(np.asarray(time, dtype=float))
    frequencies = np.exp(_bin_edges(np.log(np.asarray(frequency, dtype=float))))
    # Pixels inside a PDF, as for the points of a crossplot.
    image = ax.pcolormesh(times, frequencies, values.T, rasterized=True, **colours)
    ax.set_title(name, loc="left")
    low, high = np.min(frequencies), np.max(frequencies)
    ax.set(yscale="log", ylim=(low, high), ylabel="Frequency (Hz)")
    # A narrow band may lie between two of the numbers 1, 2, 5, 10, 20 ...
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 8 * low else MaxNLocator(4, steps=(1, 2, 5, 10)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    return image


def _draw_magnitudes(
    axes: Sequence[Axes], time: ArrayLike, frequency: ArrayLike, magnitudes: Mapping[str, np.ndarray]
) -> None:
    """An image a magnitude and one colour bar for all of them."""
    limit = max_axis_value(*magnitudes.values())
    for ax, (name, values) in zip(axes, magnitudes.items(), strict=True):
        image = _draw_cwt(ax, time, frequency, values, name, cmap="viridis", vmin=0.0, vmax=limit)
    _add_colour_bar(axes, image, "Magnitude")


def _add_colour_bar(axes: np.ndarray, image: QuadMesh, label: str) -> Colorbar:
    """One colour bar beside all the Axes, as wide beside several as beside one."""
    return axes[0].figure.colorbar(image, ax=axes, label=label, aspect=20 * len(axes))


def _block_places(n_lines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Top and height in inches, downwards, of boxes with so many lines of details under their name."""
    heights = 0.22 + 0.14 * np.asarray(n_lines)
    gaps = 0.16 * np.arange(len(n_lines))  # room for an arrow above each box but the first
    return np.cumsum(heights) - heights + gaps, heights


def _draw_block(ax: Axes, block: tuple[str, str, str, int], lines: list[str], top: float, height: float) -> None:
    """One box; lengths in inches."""
    name, _, shape, parameters = block
    look = {"boxstyle": "round,pad=0,rounding_size=0.06"} | _block_look(parameters)
    ax.add_patch(FancyBboxPatch((0.1, top), 4.8, height, **look))
    ax.text(0.2, top + 0.05, name, weight="bold", va="top")
    ax.text(4.8, top + 0.05, f"{shape}   {_count_text(parameters)}", ha="right", va="top")
    ax.text(0.2, top + 0.19, "\n".join(lines), va="top", linespacing=1.2)


def _block_look(parameters: int) -> dict:
    """Blocks with parameters are coloured."""
    colour = COLOURS["sky blue"] if parameters else "0.7"
    return {"facecolor": (colour, 0.3), "edgecolor": "black", "linewidth": 0.8}


def _count_text(parameters: int) -> str:
    return f"{parameters:,} parameters" if parameters else "no parameters"


def _total_text(blocks: Sequence[tuple[str, str, str, int]]) -> str:
    return f"Total parameters: {sum(block[3] for block in blocks):,}"


# A box of the flow diagram within its cell, which is 1 wide and 1 high.
_FLOW_LEFT, _FLOW_RIGHT, _FLOW_TOP, _FLOW_BOTTOM = 0.06, 0.94, 0.02, 0.88


def _draw_flow_box(ax: Axes, block: tuple[str, str, str, int], row: int, column: int, font_size: float) -> None:
    """One box with its texts, whose lines are as many points apart as their size demands."""
    name, details, shape, parameters = block
    left, top, width = column + _FLOW_LEFT, row + _FLOW_TOP, _FLOW_RIGHT - _FLOW_LEFT
    ax.add_patch(Rectangle((left, top), width, _FLOW_BOTTOM - _FLOW_TOP, **_block_look(parameters)))
    points = 72 * width * ax.bbox.width / ax.figure.dpi / np.ptp(ax.get_xlim())
    lines = textwrap.wrap(details, width=max(1, int(points / (0.52 * font_size))))  # a letter's mean width
    texts = {3: (name, "bold"), 3 + 1.3 * font_size: ("\n".join([*lines, shape, _count_text(parameters)]), "normal")}
    for points_below, (text, weight) in texts.items():
        ax.annotate(
            text,
            (left + width / 2, top),
            xytext=(0, -points_below),
            textcoords="offset points",
            size=font_size,
            weight=weight,
            ha="center",
            va="top",
        )


def _draw_flow_arrow(ax: Axes, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Arrow between the boxes at two places (row, column), through the gap between the rows where they differ."""
    (row, column), (end_row, end_column) = start, end
    middle = (_FLOW_TOP + _FLOW_BOTTOM) / 2
    points = [(column + _FLOW_RIGHT, row + middle), (end_column + _FLOW_LEFT, end_row + middle)]
    if row != end_row:
        gap = row + (1 + _FLOW_BOTTOM + _FLOW_TOP) / 2
        x, end_x = column + 0.5, end_column + 0.5
        points = [(x, row + _FLOW_BOTTOM), (x, gap), (end_x, gap), (end_x, end_row + _FLOW_TOP)]
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "facecolor": "black", "fill": True, "linewidth": 0.8}
    ax.add_patch(FancyArrowPatch(path=Polyline(points), **arrow))


def _learning_figure(history: _History) -> Figure:
    """The picture of `PlotLearning`; pyplot does not know it, so that no window opens and none has to be closed."""
    fig = Figure(figsize=(COLUMN_WIDTH, 4.0))
    _draw_learning(fig, history)
    return fig


@plt.rc_context(PICTURE_STYLE)
def _draw_learning(fig: Figure, history: _History) -> None:
    """Loss and learning rate by epoch, from the history of `PlotLearning`, in place of what the figure held."""
    fig.clear()
    fig.set_layout_engine("constrained")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(2, 1))
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


def _live_view() -> _View:
    """What shows a history to whoever looks on: the notebook or the window that can be had here, or nothing."""
    # IPython is no requirement: where a notebook runs, it is loaded, and its shell has a kernel.
    ipython = sys.modules.get("IPython")
    if ipython and hasattr(ipython.get_ipython(), "kernel"):
        return _notebook_view()
    _, window_system = backend_registry.resolve_backend(plt.get_backend())
    if window_system and threading.current_thread() is threading.main_thread():  # windows work in no other thread
        return _window_view()
    return _no_view


def _no_view(history: _History) -> None:
    pass


def _notebook_view() -> _View:
    from IPython.display import Image, display

    name = uuid.uuid4().hex

    def show(history: _History) -> None:
        picture = io.BytesIO()
        _learning_figure(history).savefig(picture, format="png", dpi=100)
        display(Image(picture.getvalue()), display_id=name, update=len(history["epoch"]) > 1)

    return show


def _window_view() -> _View:
    window = plt.figure("Learning")
    with plt.rc_context({"figure.raise_window": False}):  # plt.pause would raise it and take the focus at every epoch
        window.canvas.manager.show()

    def show(history: _History) -> None:
        if plt.fignum_exists("Learning"):
            _draw_learning(window, history)
            window.canvas.draw()
            window.canvas.flush_events()

    return show


def _save(fig: Figure, path: str | Path) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        fig.savefig(unfinished, dpi=300)


def _finish(fig: Figure, title: str, save_path: str | Path | None) -> Figure:
    """Give the finished figure its title, save it if wanted, and return it."""
    if title:
        fig.suptitle(title)
    if save_path is not None:
        _save(fig, save_path)
    return fig
