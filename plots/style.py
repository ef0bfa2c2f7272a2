"""What the pictures share: sizes, colours, fonts, limits, legends, axes, and the way to a saved Figure."""

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from support.checks import check_path, unmasked
from support.files import replacing

COLUMN_WIDTH = 3.5  # inch, one column of a journal
PAGE_WIDTH = 7.2  # inch, both columns
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
# Further lithologies take these in turn. As each list has a length of its own, looks are repeated late.
FURTHER_COLOURS = ("#E8C39E", "#9AD9D1", "#D98880", "#B5C689", "#C9C9EE", "#FFB347", "#8C9EB5")
FURTHER_HATCHES = ("//", "oo", "++", "|||", "**")
FURTHER_MARKERS = ("P", "X", "<", "p", "*", "h")


def lithology_styles(names: Sequence[str]) -> dict[str, LithologyStyle]:
    """A look for each of some lithologies: that of LITHOLOGY_STYLES, or one that follows from their order.

    >>> [style.marker for style in lithology_styles(["coal", "shale", "basalt"]).values()]
    ['P', 's', 'X']
    """
    turns = (itertools.cycle(looks) for looks in (FURTHER_COLOURS, FURTHER_HATCHES, FURTHER_MARKERS))
    further = zip(*turns, strict=True)
    return {name: LITHOLOGY_STYLES.get(name) or LithologyStyle(*next(further)) for name in names}


def font_sizes_defaults(small: int = 8, medium: int = 9, large: int = 11) -> dict[str, int]:
    """Font sizes in points that stay legible at a journal's column width, as rcParams for ``plt.rc_context``.

    ``small`` is for tick labels and legends, ``medium`` for axis labels and axis titles, ``large`` for figure titles.

    >>> font_sizes_defaults(small=7)["legend.fontsize"]
    7
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


DPI = 300
PICTURE_STYLE = font_sizes_defaults() | {"hatch.linewidth": 0.4}


def picture(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Give a function that draws a Figure the PICTURE_STYLE and the options ``title`` and ``save_path`` of all."""

    @plt.rc_context(PICTURE_STYLE)
    def drawn(*arrays: object, title: str = "", save_path: str | Path | None = None, **options: object) -> Figure:
        fig = draw(*arrays, **options)
        if title:
            fig.suptitle(title)
        if save_path is not None:
            save(fig, save_path)
        return fig

    # help() shows the signature of `draw` followed by the two options.
    own = inspect.signature(draw)
    shared = [inspect.signature(drawn).parameters[name] for name in ("title", "save_path")]
    functools.update_wrapper(drawn, draw).__signature__ = own.replace(parameters=[*own.parameters.values(), *shared])
    return drawn


def save(fig: Figure, path: str | Path) -> None:
    """Save the figure at DPI as a whole file, in a folder that is made if need be."""
    path = check_path("save_path", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        fig.savefig(unfinished, dpi=DPI)


def _real(array: ArrayLike) -> np.ndarray:
    unmasked("an array", array)
    if np.iscomplexobj(array):
        raise TypeError("complex numbers")
    return np.asarray(array, dtype=float)


def max_axis_value(*arrays: ArrayLike) -> float:
    """Largest absolute finite value over arrays of any shapes and one unit, to serve as a symmetric axis limit.

    It is 1.0 where the arrays are empty, all zero or nowhere finite, so that ``(-value, value)`` is always a valid
    pair of limits. Raises ValueError if an array holds anything but real numbers.

    >>> max_axis_value([0.5, -2.0], [[1.0]])
    2.0
    """
    try:
        values = np.concatenate([np.ravel(_real(array)) for array in arrays] or [[]])
    except (TypeError, ValueError) as error:
        raise ValueError(f"Arrays of numbers are needed, got something else: {error}.") from error
    largest = np.max(np.abs(values[np.isfinite(values)]), initial=0.0)
    return float(largest) if largest > 0 else 1.0


def axis_label(quantity: str, unit: str) -> str:
    """The label of an axis; an empty unit is left out.

    >>> axis_label("Velocity", "ft/s"), axis_label("Amplitude", "")
    ('Velocity (ft/s)', 'Amplitude')
    """
    return f"{quantity} ({unit})" if unit else quantity


def rmse_text(difference: np.ndarray, unit: str = "") -> str:
    """The root mean square of ``difference``, predicted - actual in ``unit``, for a legend or a title."""
    rmse = np.sqrt(np.mean(difference**2))
    number = f"{rmse:.0f}" if rmse >= 100 else f"{rmse:.3g}"
    return f"RMSE {number} {unit}".rstrip()


def marker_size(n_points: int) -> float:
    """Size of a scatter's markers in points squared: many points need small markers."""
    return float(np.clip(4000 / n_points, 4, 16))


def set_symmetric(set_limits: Callable[[float, float], object], *arrays: ArrayLike) -> None:
    """Set an axis' limits, with a margin, to the largest absolute value of the arrays on both sides of zero."""
    limit = 1.05 * max_axis_value(*arrays)
    set_limits(-limit, limit)


def legend_above(ax: Axes, side: str = "left") -> None:
    """A legend above the panel, where it hides no sample, with as many columns as its width has room for, up to 3."""
    corner = {"left": (0.0, 1.0), "right": (1.0, 1.0)}[side]
    longest = max(len(label) for label in ax.get_legend_handles_labels()[1])
    width = ax.figure.get_figure(root=True).get_figwidth()  # inch
    ncols = int(np.clip(width // (LEGEND_LINE + LEGEND_CHARACTER * longest), 1, 3))
    ax.legend(loc=f"lower {side}", bbox_to_anchor=corner, ncols=ncols, frameon=False, borderaxespad=0.1)


def draw_trace(ax: Axes, time: ArrayLike, trace: ArrayLike, name: str) -> None:
    """One trace over time as a black line, with symmetric limits."""
    ax.plot(time, trace, color=COLOURS["black"], linewidth=0.6, label=name)
    set_symmetric(ax.set_ylim, trace)


def stacked_size(n_axes: int) -> tuple[float, float]:
    """Size in inches of a figure of `stacked_axes`."""
    return PAGE_WIDTH, 0.6 + 0.9 * n_axes


def stacked_axes(fig: FigureBase, time: ArrayLike, names: Sequence[str], *, sharey: bool = False) -> np.ndarray:
    """Axes for amplitudes one under the other over one time axis, each headed by its name."""
    axes = fig.subplots(len(names), 1, sharex=True, sharey=sharey, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=True):
        ax.set_title(name, loc="left")
        ax.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axes[-1].set(xlabel="Two-way time (s)", xlim=(np.min(time), np.max(time)))
    fig.supylabel("Amplitude")
    return axes
