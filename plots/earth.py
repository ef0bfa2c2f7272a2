"""Pictures of layered models and of traces (Fig 2)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from plots.checks import check_arrays, check_lithologies, check_order, named
from plots.style import COLOURS, COLUMN_WIDTH, PAGE_WIDTH, LithologyStyle
from plots.style import draw_trace, marker_size, picture, set_symmetric, stacked_axes

LOGS = {  # label and colour of each log track
    "velocity": ("Velocity\n(ft/s)", "blue"),
    "density": ("Density\n(g/cm³)", "vermillion"),
    "impedance": ("Impedance\n(ft/s g/cm³)", "black"),
}
MOST_TICKS = {"velocity": 2, "density": 4, "impedance": 2}  # intervals, for numbers as long as theirs


@picture
def plot_model(
    base_depth: ArrayLike,
    lithology: ArrayLike,
    velocity: ArrayLike,
    density: ArrayLike,
    impedance: ArrayLike,
    lithology_names: Sequence[str],
) -> Figure:
    """Log tracks of one layered model side by side over depth: lithology, velocity, density, impedance (Fig 2a).

    ``base_depth`` (n_layers,) is the depth of each layer's base in ft and increases; the first layer begins at 0 ft.
    ``lithology`` (n_layers,) holds positions in ``lithology_names``, each of which has a look of its own.
    Velocity, density and impedance (n_layers,) are in ft/s, g/cm3 and ft/s g/cm3.

    >>> model = [90.0, 250.0], [0, 1], [9e3, 14.5e3], [2.3, 2.1], [20.7e3, 30.5e3], ["shale", "halite"]
    >>> len(plot_model(*model).axes)
    4
    """
    logs = {"velocity": velocity, "density": density, "impedance": impedance}
    edges, names = _check_model(base_depth, lithology, logs, lithology_names)
    fig = plt.figure(figsize=(PAGE_WIDTH, 7.0), layout="constrained")
    _draw_model(fig, edges, lithology, logs, names)
    fig.legend(loc="outside lower center", ncols=6, handlelength=3, handleheight=2)
    return fig


@picture
def plot_xplot(velocity: ArrayLike, density: ArrayLike, lithology: ArrayLike, lithology_names: Sequence[str]) -> Figure:
    """Crossplot of density versus velocity, coloured by lithology, in one Axes (Fig 2b).

    The arrays have any one shape: ft/s, g/cm3 and positions in ``lithology_names``, as for `plot_model`.

    >>> plot_xplot([9e3, 14.5e3], [2.3, 2.1], [0, 1], ["shale", "halite"]).axes[0].get_xlabel()
    'Velocity (ft/s)'
    """
    check_arrays({"velocity": velocity, "density": density, "lithology": lithology}, ndim=None)
    names = check_lithologies(lithology, lithology_names)
    fig = plt.figure(figsize=(COLUMN_WIDTH, 3.6), layout="constrained")
    _draw_xplot(fig, velocity, density, lithology, names)
    return fig


@picture
def plot_refl(time: ArrayLike, traces: Mapping[str, ArrayLike]) -> Figure:
    """Wiggle tracks side by side, two-way time downwards, positive lobes filled (Fig 2c).

    ``time`` (n_samples,) is in s and increases. ``traces`` holds the amplitudes (n_samples,), without unit, of each
    trace under the name that heads its track. Each trace has an Axes with symmetric limits of its own.

    >>> len(plot_refl([0.0, 0.001, 0.002], {"Clean": [0.0, 0.5, -1.0], "Noisy": [0.1, 0.4, -1.2]}).axes)
    2
    """
    check_arrays({"time": time} | named("trace", traces))
    time = np.asarray(time, dtype=float)
    size = (np.clip(1.8 * len(traces), COLUMN_WIDTH, PAGE_WIDTH), 7.0)  # inch
    fig, axes = plt.subplots(1, len(traces), sharey=True, squeeze=False, figsize=size, layout="constrained")
    for ax, (name, trace) in zip(axes[0], traces.items(), strict=True):
        trace = np.asarray(trace, dtype=float)
        ax.axvline(0.0, color="0.6", linewidth=0.4)
        ax.plot(trace, time, color=COLOURS["black"], linewidth=0.5)
        ax.fill_betweenx(time, 0.0, trace, where=trace > 0, interpolate=True, color=COLOURS["black"], linewidth=0)
        set_symmetric(ax.set_xlim, trace)
        ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
        ax.set(title=name, xlabel="Amplitude")
    axes[0, 0].margins(y=0)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("Two-way time (s)")
    return fig


@picture
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
) -> Figure:
    """One layered model and its traces on a page: (a) log tracks, (b) crossplot, (c) traces over time (Fig 2).

    The arrays of the model are as for `plot_model`, ``time`` and ``traces`` as for `plot_refl`; the traces stand one
    under the other in their order. The points of the crossplot, of this model or of many, are as for `plot_xplot`.
    The Figure has a SubFigure for each panel.

    >>> model = [90.0], [0], [9e3], [2.3], [20.7e3], ["shale"]
    >>> points = {"cross_velocity": [9e3], "cross_density": [2.3], "cross_lithology": [0]}
    >>> len(plot_earth_model_and_traces(*model, [0.0, 0.001], {"Clean": [0.5, -1.0]}, **points).axes)
    6
    """
    logs = {"velocity": velocity, "density": density, "impedance": impedance}
    points = {"cross_velocity": cross_velocity, "cross_density": cross_density, "cross_lithology": cross_lithology}
    edges, names = _check_model(base_depth, lithology, logs, lithology_names)
    check_arrays(points, ndim=None)
    cross_names = check_lithologies(cross_lithology, lithology_names)
    check_arrays({"time": time} | named("trace", traces))
    fig = plt.figure(figsize=(PAGE_WIDTH, 8.2), layout="constrained")
    above, panel_c = fig.subfigures(2, 1, height_ratios=(1.5, 1))
    panel_a, panel_b = above.subfigures(1, 2, width_ratios=(1.7, 1))
    _draw_model(panel_a, edges, lithology, logs, names)
    panel_a.legend(loc="outside lower center", ncols=3, handlelength=3, handleheight=1.6)
    _draw_xplot(panel_b, *points.values(), cross_names)
    for ax, (name, trace) in zip(stacked_axes(panel_c, time, list(traces)), traces.items(), strict=True):
        draw_trace(ax, time, trace, name)
    for letter, panel in zip("abc", (panel_a, panel_b, panel_c), strict=True):
        panel.suptitle(f"({letter})", x=0.01, ha="left", weight="bold")
    return fig


def _check_model(
    base_depth: ArrayLike, lithology: ArrayLike, logs: Mapping[str, ArrayLike], lithology_names: Sequence[str]
) -> tuple[np.ndarray, dict[int, tuple[str, LithologyStyle]]]:
    """Depths in ft of the surface and of each layer's base (n_layers + 1,); name and look of each code that occurs."""
    check_arrays({"base_depth": base_depth, "lithology": lithology} | logs)
    edges = np.concatenate([[0.0], base_depth])
    check_order("base_depth, with 0 ft before it,", edges)
    return edges, check_lithologies(lithology, lithology_names)


def _draw_model(
    fig: FigureBase,
    edges: np.ndarray,
    lithology: ArrayLike,
    logs: Mapping[str, ArrayLike],
    names: Mapping[int, tuple[str, LithologyStyle]],
) -> None:
    """Lithology column and the logs by name, side by side over one depth axis."""
    axes = fig.subplots(1, 1 + len(logs), sharey=True, width_ratios=(0.6, *[1] * len(logs)))
    for code, (name, style) in names.items():
        here = np.asarray(lithology) == code
        look = {"color": style.colour, "hatch": style.hatch, "edgecolor": "0.25", "linewidth": 0.3}
        axes[0].barh(edges[:-1][here], 1.0, np.diff(edges)[here], align="edge", label=name, **look)
    axes[0].set(xlim=(0.0, 1.0), xticks=[], xlabel="Lithology", ylim=(edges[-1], 0.0), ylabel="Depth (ft)")
    for ax, (name, values) in zip(axes[1:], logs.items(), strict=True):
        label, colour = LOGS[name]
        ax.stairs(values, edges, orientation="horizontal", baseline=None, color=COLOURS[colour], linewidth=1.0)
        ax.set_xlabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(MOST_TICKS[name]))
        ax.grid(alpha=0.3)


def _draw_xplot(
    fig: FigureBase,
    velocity: ArrayLike,
    density: ArrayLike,
    lithology: ArrayLike,
    names: Mapping[int, tuple[str, LithologyStyle]],
) -> None:
    """Crossplot with its legend."""
    velocity, density, lithology = (np.ravel(array) for array in (velocity, density, lithology))
    size = marker_size(velocity.size)
    ax = fig.subplots()
    for code, (name, style) in names.items():
        here = lithology == code
        look = {"color": style.colour, "marker": style.marker, "edgecolors": "0.25", "linewidths": 0.012 * size}
        # Pixels inside a PDF: hundreds of thousands of vector markers would make it unreadably slow.
        ax.scatter(velocity[here], density[here], size, label=name, rasterized=True, **look)
    ax.set(xlabel="Velocity (ft/s)", ylabel="Density (g/cm³)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(alpha=0.3)
    spacing = {"handlelength": 1, "handletextpad": 0.4, "columnspacing": 1}
    fig.legend(loc="outside lower center", ncols=3, markerscale=float(6 / np.sqrt(size)), **spacing)
