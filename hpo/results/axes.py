"""What the figures of results share: limits, ticks, letters, captions."""

from collections.abc import Callable, Iterable
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hpo.results.tables import readable

SMALLEST_SHARE = 0.1  # of the paper's limits; results that fill less are drawn to limits of their own
LINES_A_COLUMN, LINES_A_PAGE = 58, 118  # characters of a caption


def _wrapped(kinds: Iterable[str]) -> list[str]:
    return [str(kind).replace("_", "\n") for kind in kinds]


def _are_wide(values: Iterable[float]) -> bool:
    """Whether values span more than a decade, and are better seen on a logarithmic axis."""
    values = np.asarray(values, dtype=float)
    return values.min() > 0 and values.max() > 10 * values.min()


def _log_if_wide(set_scale: Callable[[str], None], values: Iterable[float]) -> None:
    if _are_wide(values):
        set_scale("log")


def _few_log_ticks(ax: Axes, values: pd.Series) -> None:
    """A logarithmic axis with three round numbers at most, which is what a narrow panel has room for."""
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


# --- What figures share


def _heading(name: str) -> str:
    """A parameter's readable name as an axis label."""
    return readable(name)[0].upper() + readable(name)[1:]


def _limits(values: pd.Series, paper: tuple[float, float] | None, paper_unit: bool) -> tuple[tuple[float, float], str]:
    """The paper's limits where there are any that suit the values, else their own, and a sentence for the caption."""
    low, high = values.min(), values.max()
    if (
        paper
        and paper_unit
        and paper[0] <= low
        and high <= paper[1]
        and high - paper[0] >= SMALLEST_SHARE * (paper[1] - paper[0])
    ):
        return paper, ""
    from_zero = (paper is None or paper[0] == 0.0) and low >= 0
    bottom = 0.0 if from_zero else low - 0.08 * (high - low or abs(high) or 1.0)
    top = high + 0.08 * (high - bottom or 1.0)
    return (bottom, top), f"Limits suit the data; the paper's are {paper[0]:g} to {paper[1]:g}." if paper else ""


def _letter(axes: Iterable[Axes]) -> None:
    for letter, ax in zip("abcdefgh", axes, strict=False):
        ax.set_title(f"({letter})", loc="left")


def _caption(fig: Figure, sentences: Iterable[str], width: int = LINES_A_PAGE) -> None:
    text = " ".join(sentence for sentence in sentences if sentence)
    fig.supxlabel(fill(text, width), fontsize=7, x=0.01, ha="left")
