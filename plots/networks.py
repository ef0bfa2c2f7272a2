"""Block diagrams of networks (Figs 3i, 7i)."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Polyline

from plots.style import COLOURS, PICTURE_STYLE, _finish

FLOW_COLUMNS = 6  # boxes in a row of a network's flow
FLOW_ROW, FLOW_TOTAL = 0.9, 0.25  # inch that such a row takes, and the total below the rows


@plt.rc_context(PICTURE_STYLE)
def plot_network(
    blocks: Sequence[tuple[str, str, str, int]], *, title: str = "", save_path: str | Path | None = None
) -> Figure:
    """Block diagram of a network, from its input at the top to its output (Figs 3i, 7i).

    Parameters
    ----------
    blocks : sequence of (str, str, str, int)
        Of each layer the name, details (may be empty; long ones are wrapped), output shape and number of
        parameters.
    title : str
        Title of the figure.
    save_path : str or Path, optional
        Where to save the figure, whose height grows with the blocks.

    Returns
    -------
    Figure
        With one Axes in inches; the total of the parameters stands below the blocks.

    Raises
    ------
    ValueError
        If there is no block.
    """
    _check_blocks(blocks)
    details = [textwrap.wrap(block[1], width=78) for block in blocks]
    tops, heights = _block_places([len(lines) for lines in details])
    bottom = tops[-1] + heights[-1] + 0.3
    fig, ax = plt.subplots(figsize=(5.2, bottom + (0.5 if title else 0.2)), layout="constrained")
    ax.set(xlim=(0.0, 5.0), ylim=(bottom, -0.05))
    ax.axis("off")
    for block, lines, top, height in zip(blocks, details, tops, heights, strict=True):
        _draw_block(ax, block, lines, top, height)
    arrow = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    for above, below in zip(tops[:-1] + heights[:-1], tops[1:], strict=True):
        ax.annotate("", (2.5, below), (2.5, above), arrowprops=arrow)
    ax.text(2.5, bottom, _total_text(blocks), ha="center", va="bottom")
    return _finish(fig, title, save_path)


def flow_height(n_blocks: int) -> float:
    """Inches that the rows of `draw_network_flow` need in a panel of PAGE_WIDTH, without a title."""
    return FLOW_ROW * -(-n_blocks // FLOW_COLUMNS) + FLOW_TOTAL


def draw_network_flow(
    ax: Axes, blocks: Sequence[tuple[str, str, str, int]], *, n_columns: int = FLOW_COLUMNS, font_size: float = 6.0
) -> None:
    """Block diagram of a network in a panel of a larger figure, from left to right and row by row (Figs 3i, 7i).

    Parameters
    ----------
    ax : Axes
        The panel; its axis lines go. With the defaults, PAGE_WIDTH x `flow_height` hold all texts; more columns need
        a wider panel or a smaller `font_size`.
    blocks : sequence of (str, str, str, int)
        Of each layer the name, details (may be empty; long ones are wrapped), output shape and number of
        parameters, as for `plot_network`.
    n_columns : int
        Most boxes in a row; the rows share the boxes evenly.
    font_size : float
        Size of the text in points.

    Raises
    ------
    ValueError
        If there is no block, or `n_columns` is below 1.
    """
    _check_blocks(blocks)
    if not isinstance(n_columns, int) or n_columns < 1:
        raise ValueError(f"n_columns has to be at least 1, got {n_columns!r}.")
    n_rows = -(-len(blocks) // n_columns)
    n_columns = -(-len(blocks) // n_rows)
    places = [divmod(i, n_columns) for i in range(len(blocks))]  # (row, column)
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    ax.axis("off")
    for block, (row, column) in zip(blocks, places, strict=True):
        _draw_flow_box(ax, block, row, column, font_size)
    for start, end in zip(places[:-1], places[1:], strict=True):
        _draw_flow_arrow(ax, start, end)
    ax.text(n_columns / 2, n_rows, _total_text(blocks), size=font_size, ha="center", va="top")


def _check_blocks(blocks: Sequence[tuple[str, str, str, int]]) -> None:
    needed = "(name, details, output shape, parameters)"
    if not isinstance(blocks, Sequence):
        raise ValueError(f"blocks needs a list of {needed}, got {blocks!r}.")
    if not len(blocks):
        raise ValueError(f"blocks is empty; at least one {needed} is needed.")
    for block in blocks:
        kinds = [type(part) for part in block] if isinstance(block, Sequence) else []
        if kinds[:3] != [str, str, str] or len(kinds) != 4 or not issubclass(kinds[3], (int, np.integer)):
            raise ValueError(f"A block needs to be {needed}, got {block!r}.")


def _block_places(n_lines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Top and height in inches, downwards, of boxes with so many lines of details under their name."""
    heights = 0.22 + 0.14 * np.asarray(n_lines)
    gaps = 0.16 * np.arange(len(n_lines))  # room for an arrow above each box but the first
    return np.cumsum(heights) - heights + gaps, heights


def _draw_block(ax: Axes, block: tuple[str, str, str, int], lines: list[str], top: float, height: float) -> None:
    """One box; lengths in inches."""
    name, _, shape, parameters = block
    look = {"boxstyle": "round,pad=0,rounding_size=0.06"} | _block_look(parameters)
    ax.add_patch(FancyBboxPatch((0.1, top), 4.8, height, **look))
    ax.text(0.2, top + 0.05, name, weight="bold", va="top")
    ax.text(4.8, top + 0.05, f"{shape}   {_count_text(parameters)}", ha="right", va="top")
    ax.text(0.2, top + 0.19, "\n".join(lines), va="top", linespacing=1.2)


def _block_look(parameters: int) -> dict:
    """Blocks with parameters are coloured."""
    colour = COLOURS["sky blue"] if parameters else "0.7"
    return {"facecolor": (colour, 0.3), "edgecolor": "black", "linewidth": 0.8}


def _count_text(parameters: int) -> str:
    return f"{parameters:,} parameters" if parameters else "no parameters"


def _total_text(blocks: Sequence[tuple[str, str, str, int]]) -> str:
    return f"Total parameters: {sum(block[3] for block in blocks):,}"


# A box of the flow diagram within its cell, which is 1 wide and 1 high.
_FLOW_LEFT, _FLOW_RIGHT, _FLOW_TOP, _FLOW_BOTTOM = 0.06, 0.94, 0.02, 0.88


def _draw_flow_box(ax: Axes, block: tuple[str, str, str, int], row: int, column: int, font_size: float) -> None:
    """One box with its texts, whose lines are as many points apart as their size demands."""
    name, details, shape, parameters = block
    left, top, width = column + _FLOW_LEFT, row + _FLOW_TOP, _FLOW_RIGHT - _FLOW_LEFT
    ax.add_patch(Rectangle((left, top), width, _FLOW_BOTTOM - _FLOW_TOP, **_block_look(parameters)))
    points = 72 * width * ax.bbox.width / ax.figure.dpi / np.ptp(ax.get_xlim())
    lines = textwrap.wrap(details, width=max(1, int(points / (0.52 * font_size))))  # a letter's mean width
    texts = {3: (name, "bold"), 3 + 1.3 * font_size: ("\n".join([*lines, shape, _count_text(parameters)]), "normal")}
    for points_below, (text, weight) in texts.items():
        ax.annotate(
            text,
            (left + width / 2, top),
            xytext=(0, -points_below),
            textcoords="offset points",
            size=font_size,
            weight=weight,
            ha="center",
            va="top",
        )


def _draw_flow_arrow(ax: Axes, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Arrow between the boxes at two places (row, column), through the gap between the rows where they differ."""
    (row, column), (end_row, end_column) = start, end
    middle = (_FLOW_TOP + _FLOW_BOTTOM) / 2
    points = [(column + _FLOW_RIGHT, row + middle), (end_column + _FLOW_LEFT, end_row + middle)]
    if row != end_row:
        gap = row + (1 + _FLOW_BOTTOM + _FLOW_TOP) / 2
        x, end_x = column + 0.5, end_column + 0.5
        points = [(x, row + _FLOW_BOTTOM), (x, gap), (end_x, gap), (end_x, end_row + _FLOW_TOP)]
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "facecolor": "black", "fill": True, "linewidth": 0.8}
    ax.add_patch(FancyArrowPatch(path=Polyline(points), **arrow))
