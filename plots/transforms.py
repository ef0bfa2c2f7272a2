"""Pictures of wavelet transforms and of multiresolution analyses."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from plots.checks import check_columns, check_order
from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, max_axis_value
from plots.style import draw_trace, legend_above, picture, rmse_text, set_symmetric, stacked_axes, stacked_size


@picture
def plot_cwt_real_imag(
    time: ArrayLike, frequency: ArrayLike, coefficients: ArrayLike, *, trace: ArrayLike | None = None
) -> Figure:
    """Real and imaginary part of a trace's continuous wavelet transform, which share one symmetric colour scale.

    ``time`` (n_samples,) is in s and increases; ``frequency`` (n_scales,) is that of each scale in Hz, above 0, and
    increases or decreases; both have at least two values. ``coefficients`` (n_samples, n_scales) are complex, in the
    unit of the trace, as one transform of `dataPreProcessing.cwt_coefficients`. A ``trace`` (n_samples,) is drawn in a
    panel above. All values are finite.

    >>> len(plot_cwt_real_imag([0.0, 0.001], [20.0, 40.0], [[1j, 0], [0, 1]]).axes)  # with that of the colour bar
    3
    """
    fig, axes = _cwt_panels(time, frequency, {"coefficients": coefficients}, trace, 2)
    parts = {"Real part": np.real(coefficients), "Imaginary part": np.imag(coefficients)}
    limit = max_axis_value(*parts.values())
    _draw_images(axes, time, frequency, parts, "Amplitude", cmap="RdBu_r", vmin=-limit, vmax=limit)
    return fig


@picture
def plot_cwt_magn(
    time: ArrayLike, frequency: ArrayLike, coefficients: ArrayLike, *, trace: ArrayLike | None = None
) -> Figure:
    """Magnitude of a trace's continuous wavelet transform, in colours from 0; arrays as for `plot_cwt_real_imag`.

    >>> plot_cwt_magn([0.0, 0.001], [20.0, 40.0], [[1j, 0], [0, 1]], trace=[0.5, -1.0]).axes[0].get_ylabel()
    'Amplitude'
    """
    fig, axes = _cwt_panels(time, frequency, {"coefficients": coefficients}, trace, 1)
    _draw_magnitudes(axes, time, frequency, {"Magnitude": np.abs(coefficients)})
    return fig


@picture
def plot_cwt_magn_phase(
    time: ArrayLike, frequency: ArrayLike, coefficients: ArrayLike, *, trace: ArrayLike | None = None
) -> Figure:
    """Magnitude of a trace's continuous wavelet transform from 0, and its phase from -pi to pi in cyclic colours.

    The arrays are as for `plot_cwt_real_imag`.

    >>> plot_cwt_magn_phase([0.0, 0.001], [20.0, 40.0], [[1j, 0], [0, 1]]).axes[-1].get_ylabel()
    'Phase (rad)'
    """
    fig, axes = _cwt_panels(time, frequency, {"coefficients": coefficients}, trace, 2)
    _draw_magnitudes(axes[:1], time, frequency, {"Magnitude": np.abs(coefficients)})
    turn = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi}
    bar = _draw_images(axes[1:], time, frequency, {"Phase": np.angle(coefficients)}, "Phase (rad)", **turn)
    bar.set_ticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], labels=["−π", "−π/2", "0", "π/2", "π"])
    return fig


@picture
def plot_cwt_magn_predict(time: ArrayLike, frequency: ArrayLike, actual: ArrayLike, predicted: ArrayLike) -> Figure:
    """Magnitudes of an actual and of a predicted continuous wavelet transform, and of their difference.

    The arrays are as for `plot_cwt_real_imag`. |actual| and |predicted| share one colour scale, |predicted - actual|
    has its own, and both begin at 0. The last panel's title holds the RMSE of the complex coefficients,
    sqrt(mean(|predicted - actual|^2)).

    >>> figure = plot_cwt_magn_predict([0.0, 0.001], [20.0, 40.0], np.eye(2), 1j + np.eye(2))
    >>> figure.axes[2].get_title(loc="left")
    '|Predicted − Actual|: RMSE 1'
    """
    fig, axes = _cwt_panels(time, frequency, {"actual": actual, "predicted": predicted}, None, 3)
    difference = np.abs(np.asarray(predicted) - np.asarray(actual))
    _draw_magnitudes(axes[:2], time, frequency, {"Actual": np.abs(actual), "Predicted": np.abs(predicted)})
    _draw_magnitudes(axes[2:], time, frequency, {f"|Predicted − Actual|: {rmse_text(difference)}": difference})
    return fig


@picture
def plot_mra(time: ArrayLike, trace: ArrayLike, components: ArrayLike, names: Sequence[str]) -> Figure:
    """A trace, and below it each component of its multiresolution analysis, all with the same symmetric limits.

    ``time`` (n_samples,) is in s and increases; ``trace`` (n_samples,) is an amplitude without unit, as are the
    ``components`` (n_samples, n_components), whose ``names`` are such as "D3: 62-125 Hz". All values are finite.

    >>> len(plot_mra([0.0, 0.001], [0.5, -1.0], [[0.4, 0.1], [-0.6, -0.4]], ["A1", "D1"]).axes)
    3
    """
    check_columns(time, names, {"components": components}, trace)
    names = ["Trace", *names]
    fig = plt.figure(figsize=stacked_size(len(names)), layout="constrained")
    axes = stacked_axes(fig, time, names, sharey=True)
    for ax, name, values in zip(axes, names, [trace, *np.asarray(components).T], strict=True):
        draw_trace(ax, time, values, name)
    set_symmetric(axes[0].set_ylim, trace, components)
    return fig


@picture
def plot_ae_mra_predict(time: ArrayLike, actual: ArrayLike, predicted: ArrayLike, names: Sequence[str]) -> Figure:
    """Actual and predicted components of a multiresolution analysis over each other, panel by panel.

    The arrays are as for `plot_mra`. Each panel has symmetric limits of its own, so that weak components are seen too,
    and its RMSE in its legend, sqrt(mean((predicted - actual)^2)).

    >>> len(plot_ae_mra_predict([0.0, 0.001], [[0.4, 0.1], [-0.6, -0.4]], np.zeros((2, 2)), ["A1", "D1"]).axes)
    2
    """
    check_columns(time, names, {"actual": actual, "predicted": predicted})
    fig = plt.figure(figsize=stacked_size(len(names)), layout="constrained")
    for ax, *pair in zip(stacked_axes(fig, time, names), np.asarray(actual).T, np.asarray(predicted).T, strict=True):
        label = f"Predicted: {rmse_text(np.subtract(*pair))}"
        ax.plot(time, pair[0], color=COLOURS["black"], linewidth=1.0, label="Actual")
        ax.plot(time, pair[1], color=PREDICTION_COLOURS[0], linewidth=0.7, label=label)
        set_symmetric(ax.set_ylim, *pair)
        legend_above(ax, "right")
    return fig


def _cwt_panels(
    time: ArrayLike, frequency: ArrayLike, arrays: Mapping[str, ArrayLike], trace: ArrayLike | None, n_images: int
) -> tuple[Figure, np.ndarray]:
    """A figure for arrays, once checked, with the trace on top if there is one, and the Axes of images below it."""
    check_order("frequency", frequency, may_decrease=True)
    if np.min(frequency) <= 0:
        raise ValueError(f"frequency needs values above 0 Hz, got {np.min(frequency)}.")
    check_columns(time, frequency, arrays, trace)
    heights = [1.1] * (trace is not None) + [2.0] * n_images  # inch
    size = {"figsize": (PAGE_WIDTH, sum(heights) + 0.6), "height_ratios": heights, "layout": "constrained"}
    fig, axes = plt.subplots(len(heights), 1, sharex=True, squeeze=False, **size)
    axes = axes[:, 0]
    if trace is not None:
        draw_trace(axes[0], time, trace, "Trace")
        axes[0].set_title("Trace", loc="left")
        axes[0].set_ylabel("Amplitude")
    axes[-1].set(xlabel="Two-way time (s)", xlim=(np.min(time), np.max(time)))
    return fig, axes[-n_images:]


def _draw_magnitudes(axes: np.ndarray, time: ArrayLike, frequency: ArrayLike, images: Mapping[str, np.ndarray]) -> None:
    limit = max_axis_value(*images.values())
    _draw_images(axes, time, frequency, images, "Magnitude", cmap="viridis", vmin=0.0, vmax=limit)


def _draw_images(
    axes: np.ndarray, time: ArrayLike, frequency: ArrayLike, images: Mapping[str, np.ndarray], label: str, **colours
) -> Colorbar:
    """Images (n_samples, n_scales) over time and logarithmic frequency, each below its name, and their colour bar."""
    times = _bin_edges(np.asarray(time, dtype=float))
    frequencies = np.exp(_bin_edges(np.log(np.asarray(frequency, dtype=float))))
    low, high = np.min(frequencies), np.max(frequencies)
    for ax, (name, values) in zip(axes, images.items(), strict=True):
        # Pixels inside a PDF, as for the points of a crossplot.
        image = ax.pcolormesh(times, frequencies, values.T, rasterized=True, **colours)
        ax.set_title(name, loc="left")
        ax.set(yscale="log", ylim=(low, high), ylabel="Frequency (Hz)")
        # A narrow band may lie between two of the numbers 1, 2, 5, 10, 20 ...
        wide = high > 8 * low
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(4, steps=(1, 2, 5, 10)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    # The bar is as wide beside several Axes as beside one.
    return axes[0].figure.colorbar(image, ax=axes, label=label, aspect=20 * len(axes))


def _bin_edges(centres: np.ndarray) -> np.ndarray:
    """Edges (n + 1,) half-way between the centres (n,) of bins, and as far outside the first and the last."""
    inner = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])
