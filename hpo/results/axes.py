"""Sets the limits, ticks, letters and captions of the figures of results."""

from collections.abc import Callable, Iterable, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hpo.names import readable
from hpo.run import short_number

MARGIN, LOG_MARGIN = 0.08, 1.2  # beyond the data, as a share of their range, or as a factor on a logarithmic axis
OUTLIER = 5.0  # interquartile ranges, far outside of what repeated trainings scatter by
COLUMN_CHARACTERS, PAGE_CHARACTERS = 58, 118  # in a line of a caption


def wrapped(kinds: Iterable[str]) -> list[str]:
    """Return the names of choices for narrow ticks, with a new line at every underscore."""
    return [str(kind).replace("_", "\n") for kind in kinds]


def are_wide(values: Iterable[float]) -> bool:
    """Whether values span more than a decade, so that a logarithmic axis shows them better."""
    values = np.asarray(values, dtype=float)
    return values.min() > 0 and values.max() > 10 * values.min()


def log_if_wide(set_scale: Callable[[str], None], values: Iterable[float]) -> None:
    """Make an axis logarithmic where its values `are_wide`; ``set_scale`` is the axis' own method."""
    if are_wide(values):
        set_scale("log")


def few_log_ticks(ax: Axes, values: pd.Series) -> None:
    """Make an axis logarithmic, with three round numbers at most, as a narrow panel has no room for more."""
    ax.set_xscale("log")
    decades = np.arange(np.floor(np.log10(values.min())), np.ceil(np.log10(values.max())) + 1)
    low, high = ax.get_xlim()
    for digits in ((1, 2, 5), range(1, 10)):
        numbers = [digit * 10.0**decade for decade in decades for digit in digits]
        inside = [number for number in numbers if low <= number <= high]
        if len(inside) > 1:
            break
    ticks = sorted({inside[0], inside[len(inside) // 2], inside[-1]}) if inside else []
    ax.set_xticks(ticks, [f"{tick:,.9g}" for tick in ticks], fontsize=7)
    ax.xaxis.set_minor_locator(NullLocator())


def tick_label(value: float) -> str:
    """Return a number of any type as a tick shows it."""
    return short_number(float(value))


def heading(name: str) -> str:
    """Return a parameter's readable name as an axis label."""
    return readable(name)[0].upper() + readable(name)[1:]


def without_outliers(values: pd.Series) -> pd.Series:
    """Return the values that lie within OUTLIER interquartile ranges of the quartiles; outliers would flatten them."""
    low, high = values.quantile([0.25, 0.75])
    return values[values.between(low - OUTLIER * (high - low), high + OUTLIER * (high - low))]


def set_limits(
    axes: Sequence[Axes], losses: pd.Series, chosen: tuple[float, float] | None, from_zero: bool = False
) -> str:
    """Set the limits of losses: those that were ``chosen``, or others that suit them.

    The suitable ones begin at zero for bars (``from_zero``), unless losses over more than a decade need a logarithmic
    axis. Return a sentence for the caption where losses lie outside of the limits; it is empty otherwise.
    """
    low, high = losses.min(), losses.max()
    if chosen is None and are_wide(losses):
        for ax in axes:
            ax.set_yscale("log")
        limits = low / LOG_MARGIN, high * LOG_MARGIN
    else:
        bottom = 0.0 if from_zero and low >= 0 else low - MARGIN * (high - low or abs(high) or 1.0)
        limits = chosen or (bottom, high + MARGIN * (high - bottom or 1.0))
    for ax in axes:
        ax.set_ylim(limits)
    n_outside = int((~losses.between(*limits)).sum())
    return f"{n_outside} of {len(losses)} losses lie outside of the limits." if n_outside else ""


def letter_axes(axes: Iterable[Axes], letters: Iterable[str]) -> None:
    """Write (a), (b) and so on above the axes."""
    for letter, ax in zip(letters, axes, strict=True):
        ax.set_title(f"({letter})", loc="left")


def caption(fig: Figure, sentences: Iterable[str], width: int = PAGE_CHARACTERS) -> None:
    """Write sentences below a figure, in lines of ``width`` characters; empty ones are left out."""
    text = " ".join(sentence for sentence in sentences if sentence)
    fig.supxlabel(fill(text, width), fontsize=7, x=0.01, ha="left")
