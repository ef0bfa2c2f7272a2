"""What the pictures share: sizes, colours, fonts, limits, legends, checks of arrays, saving."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

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


def _named(kind: str, arrays: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    """The arrays under names for `_check`; an empty array stands for an empty mapping."""
    return {f"{kind} {name!r}": array for name, array in arrays.items()} or {kind: []}


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
