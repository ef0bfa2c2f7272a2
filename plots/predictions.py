"""Pictures of what a network makes of a trace (Figs 6a, 10a), or of many traces."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from plots.checks import check_arrays, named
from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, axis_label
from plots.style import draw_trace, legend_above, marker_size, picture, rmse_text, set_symmetric

SAME_SCALE = 1.1  # factor between two axes, below which they are drawn alike


@picture
def plot_refl_compare(
    time: ArrayLike,
    actual: ArrayLike,
    predicted: ArrayLike | Mapping[str, ArrayLike],
    *,
    labels: tuple[str, str] = ("Actual", "Predicted"),
    quantity: str = "Amplitude",
    unit: str = "",
) -> Figure:
    """Actual trace and predictions over two-way time, and under them their differences (Figs 6a, 10a).

    ``time`` (n_samples,) is in s, ``actual`` and ``predicted`` (n_samples,) in ``unit``; several predictions come
    under their names. ``labels`` names the actual trace and a single prediction, ``quantity`` what the traces are.
    The limits of the upper Axes are symmetric where ``actual`` crosses zero, those of the lower one always; the
    lower legend holds each RMSE, sqrt(mean((predicted - actual)^2)).

    >>> figure = plot_refl_compare([0.0, 0.001, 0.002], [0.0, 1.0, -1.0], [0.5, 1.5, -0.5])
    >>> figure.axes[1].get_legend().get_texts()[0].get_text()
    'Predicted − Actual: RMSE 0.5'
    """
    predictions = predicted if isinstance(predicted, Mapping) else {labels[1]: predicted}
    check_arrays({"time": time, "actual": actual} | named("prediction", predictions))
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(PAGE_WIDTH, 4.8), layout="constrained")
    draw_comparison(axes, time, actual, predictions, labels[0], quantity, unit)
    return fig


@picture
def plot_ae_predict_raw(
    time: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    y_predicted: ArrayLike,
    *,
    input_name: str = "Noisy trace",
    quantity: str = "Amplitude",
    unit: str = "",
) -> Figure:
    """A network's input, its target with the prediction, and their difference (blind traces, Figs 6, 10).

    All arrays are (n_samples,): ``time`` in s, the input ``x``, an amplitude without unit, and target and prediction
    in ``unit``, which are amplitudes (denoising) or velocities in ft/s (inversion) as ``quantity`` says. The lower
    two of the three Axes are as in `plot_refl_compare`.

    >>> len(plot_ae_predict_raw([0.0, 0.001], [0.0, 1.0], [8e3, 9e3], [8.1e3, 9e3], unit="ft/s").axes)
    3
    """
    check_arrays({"time": time, "x": x, "y": y, "y_predicted": y_predicted})
    fig, axes = plt.subplots(3, 1, sharex=True, figsize=(PAGE_WIDTH, 6.6), layout="constrained")
    draw_trace(axes[0], time, x, input_name)
    axes[0].set_ylabel("Amplitude")
    legend_above(axes[0])
    draw_comparison(axes[1:], time, y, {"Predicted": y_predicted}, "Actual", quantity, unit)
    return fig


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
    """Actual and predictions in the first of some Axes, their differences with each RMSE in the others.

    The ``axes`` share the time axis. Either there are two, with all differences in the second, or one more than there
    are predictions, so that no difference hides another one. ``colours`` gives those of predictions, by name, that are
    not to be those of PREDICTION_COLOURS in turn. Predictions with smaller errors lie on top, where larger errors
    cannot hide them. The label of a lower axis says how much larger it shows amplitudes than the upper one. The other
    arguments are as for `plot_refl_compare`.

    >>> _, axes = plt.subplots(2, 1, sharex=True)
    >>> draw_comparison(axes, [0.0, 0.001], [8e3, 9e3], {"Optuna": [8.1e3, 9e3]}, "Actual", "Velocity", "ft/s")
    >>> axes[1].get_ylabel()
    'Difference (ft/s),\\nenlarged 5.2 times'
    """
    above, *below = axes
    differences = {name: np.asarray(values, dtype=float) - actual for name, values in predictions.items()}
    colours = _prediction_colours(predictions, colours)
    above.plot(time, actual, color=COLOURS["black"], linewidth=1.0, label=actual_name)
    # Legends name the predictions in their order, whatever lies on top.
    worst_first = sorted(differences, key=lambda name: -np.mean(differences[name] ** 2))
    for ax, (name, difference) in zip(cycle(below), differences.items(), strict=False):
        line = {"color": colours[name], "linewidth": 0.7, "zorder": 2.1 + 0.01 * worst_first.index(name)}
        above.plot(time, predictions[name], label=name, **line)
        ax.plot(time, difference, label=f"{name} − {actual_name}: {rmse_text(difference, unit)}", **line)
    if np.min(actual) < 0 < np.max(actual):
        set_symmetric(above.set_ylim, actual, *predictions.values())
    above.set_ylabel(axis_label(quantity, unit))
    is_zero = not any(difference.any() for difference in differences.values())
    for ax in below:
        set_symmetric(ax.set_ylim, *differences.values())
        enlarged = 1.0 if is_zero else _inches_per_unit(ax) / _inches_per_unit(above)
        ax.set_ylabel(axis_label("Difference", unit) + _scale_text(enlarged))
        ax.margins(x=0)
        ax.axhline(0.0, color="0.6", linewidth=0.4, zorder=0)
    below[-1].set_xlabel("Two-way time (s)")
    for ax in axes:
        legend_above(ax)


def _inches_per_unit(ax: Axes) -> float:
    return ax.get_position().height / float(np.ptp(ax.get_ylim()))


def _scale_text(enlarged: float) -> str:
    """How much larger an axis shows its values than another one, for its label; empty where they are alike."""
    if 1 / SAME_SCALE < enlarged < SAME_SCALE:
        return ""
    factor = max(enlarged, 1 / enlarged)
    return f",\n{'enlarged' if enlarged > 1 else 'reduced'} {factor:.{0 if factor >= 10 else 1}f} times"


def draw_actual_predicted(
    axes: Axes,
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    actual_name: str,
    quantity: str,
    unit: str,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Predicted against actual values of many traces in one Axes, with the 1:1 line, on which they would be equal.

    It serves predictions that are one value or a few values per trace: ``actual`` and each prediction have one shape,
    such as (n_traces, n_values), in ``unit``. The legend holds each RMSE over all values; ``colours`` is as for
    `draw_comparison`. Raises ValueError if there is no prediction, or arrays are empty or differ in shape.

    >>> _, ax = plt.subplots()
    >>> draw_actual_predicted(ax, [[40.0], [80.0]], {"Optuna": [[43.0], [77.0]]}, "Actual", "Thickness", "ft")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1:1 line', 'Optuna: RMSE 3 ft']
    """
    check_arrays({"actual": actual} | named("prediction", predictions), ndim=None)
    actual = np.ravel(np.asarray(actual, dtype=float))
    colours, size = _prediction_colours(predictions, colours), marker_size(actual.size)
    axes.axline((actual[0], actual[0]), slope=1.0, color=COLOURS["black"], linewidth=0.6, label="1:1 line")
    for name, values in predictions.items():
        values = np.ravel(np.asarray(values, dtype=float))
        look = {"color": colours[name], "alpha": 0.6, "linewidths": 0, "rasterized": True}
        axes.scatter(actual, values, size, label=f"{name}: {rmse_text(values - actual, unit)}", **look)
    limits = [extreme([*axes.get_xlim(), *axes.get_ylim()]) for extreme in (min, max)]
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set(xlabel=f"{actual_name}: {axis_label(quantity, unit)}", ylabel=f"Predicted: {axis_label(quantity, unit)}")
    axes.grid(alpha=0.3)
    # Few predictions are so wrong that they stand in this corner.
    axes.legend(loc="upper left", markerscale=float(6 / np.sqrt(size)), handlelength=1, framealpha=0.6)


def _prediction_colours(names: Iterable[str], colours: Mapping[str, str] | None) -> dict[str, str]:
    return dict(zip(names, cycle(PREDICTION_COLOURS), strict=False)) | dict(colours or {})
