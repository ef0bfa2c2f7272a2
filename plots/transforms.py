"""Pictures of wavelet transforms and of multiresolution analyses."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from plots.predictions import _rms, _rmse_text
from plots.style import (
    COLOURS,
    PAGE_WIDTH,
    PICTURE_STYLE,
    PREDICTION_COLOURS,
    _check_order,
    _check_values,
    _draw_trace,
    _finish,
    _legend_above,
    _set_symmetric,
    _stacked_axes,
    _stacked_size,
    max_axis_value,
)


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
