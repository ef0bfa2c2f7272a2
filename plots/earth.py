"""Pictures of layered models and of traces (Fig 2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from plots.style import (
    COLOURS,
    COLUMN_WIDTH,
    LITHOLOGY_STYLES,
    PAGE_WIDTH,
    PICTURE_STYLE,
    _check,
    _draw_trace,
    _finish,
    _named,
    _set_symmetric,
    _stacked_axes,
)


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


def _present(lithology: np.ndarray, lithology_names: Sequence[str]) -> list[tuple[int, str]]:
    """Codes and names of the lithologies that occur."""
    return [(int(code), lithology_names[int(code)]) for code in np.unique(lithology)]


def _layer_edges(base_depth: ArrayLike) -> np.ndarray:
    """Depths in ft of the surface and of each layer's base, (n_layers + 1,)."""
    edges = np.concatenate([[0.0], base_depth])
    if not np.all(np.diff(edges) > 0):
        raise ValueError(f"base_depth has to be positive and to increase layer by layer, got {base_depth}.")
    return edges


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
