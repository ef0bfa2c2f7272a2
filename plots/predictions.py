"""Pictures of what a network makes of a trace (Figs 6a, 10a)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from plots.style import (
    COLOURS,
    PAGE_WIDTH,
    PICTURE_STYLE,
    PREDICTION_COLOURS,
    _check,
    _draw_trace,
    _finish,
    _legend_above,
    _named,
    _set_symmetric,
    axis_label,
)


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


def _differences(actual: ArrayLike, predictions: Mapping[str, ArrayLike]) -> dict[str, tuple[np.ndarray, float]]:
    """Of each prediction, predicted - actual (n_samples,) and its RMSE, both in the unit of the data."""
    differences = {name: np.asarray(values, dtype=float) - actual for name, values in predictions.items()}
    return {name: (values, _rms(values)) for name, values in differences.items()}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _rmse_text(rmse: float, unit: str) -> str:
    number = f"{rmse:.0f}" if rmse >= 100 else f"{rmse:.3g}"
    return f"RMSE {number} {unit}".rstrip()
