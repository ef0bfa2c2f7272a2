"""Block diagrams of networks (Figs 3i, 7i).

A block is (name, details, output shape, parameters) of a layer: three texts and the number of its parameters. Details
may be empty, and long ones are wrapped. Blocks with parameters are coloured; their total stands below the diagram.
"""

import math
import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path as Polyline

from plots.style import COLOURS, PAGE_WIDTH, picture
from support.checks import check_whole

FLOW_COLUMNS = 6  # boxes in a row, in a panel of a larger figure
FLOW_ROW, FLOW_TOTAL = 0.9, 0.25  # inch that such a row takes, and the total below the rows
# In a picture of its own: boxes in a row, inch that a row takes and each line of details adds, letters of such a line.
NETWORK_COLUMNS, NETWORK_ROW, NETWORK_LINE, NETWORK_LETTERS = 4, 0.5, 0.14, 22
# Edges of a box in its cell, which is 1 wide and 1 high.
LEFT, RIGHT, TOP, BOTTOM = 0.06, 0.94, 0.02, 0.88

_Blocks = Sequence[tuple[str, str, str, int]]


@picture
def plot_network(blocks: _Blocks) -> Figure:
    """The block diagram of `draw_network_flow` as a picture of its own, whose height grows with the blocks.

    >>> figure = plot_network([("Input", "", "(8, 1)", 0), ("Conv1D", "filters 4, kernel 3", "(8, 4)", 16)])
    >>> figure.axes[0].texts[-1].get_text()
    'Total parameters: 16'
    """
    _check_blocks(blocks)
    n_rows = math.ceil(len(blocks) / NETWORK_COLUMNS)
    n_lines = math.ceil(max(len(details) for _, details, _, _ in blocks) / NETWORK_LETTERS)
    height = n_rows * (NETWORK_ROW + NETWORK_LINE * n_lines) + FLOW_TOTAL + 0.3  # inch; the last is for a title
    fig, ax = plt.subplots(figsize=(PAGE_WIDTH, height), layout="constrained")
    draw_network_flow(ax, blocks, n_columns=NETWORK_COLUMNS, font_size=7.0)
    return fig


def flow_height(n_blocks: int) -> float:
    """Inches that the rows of `draw_network_flow` need in a panel of PAGE_WIDTH, without a title.

    >>> flow_height(7)
    2.05
    """
    return FLOW_ROW * math.ceil(n_blocks / FLOW_COLUMNS) + FLOW_TOTAL


def draw_network_flow(ax: Axes, blocks: _Blocks, *, n_columns: int = FLOW_COLUMNS, font_size: float = 6.0) -> None:
    """Block diagram of a network in a panel of a larger figure, from left to right and row by row (Figs 3i, 7i).

    The axis lines of ``ax`` go. With the defaults, PAGE_WIDTH x `flow_height` hold all texts; more columns need a
    wider panel or a smaller ``font_size``, in points. A row has ``n_columns`` boxes at most, and the rows share the
    boxes evenly. Raises ValueError if there is no block, or ``n_columns`` is below 1.

    >>> _, ax = plt.subplots(figsize=(PAGE_WIDTH, flow_height(2)))
    >>> draw_network_flow(ax, [("Input", "", "(8, 1)", 0), ("Conv1D", "filters 4, kernel 3", "(8, 4)", 16)])
    >>> len(ax.patches)  # two boxes and an arrow
    3
    """
    _check_blocks(blocks)
    n_rows = math.ceil(len(blocks) / check_whole("n_columns", n_columns, 1))
    n_columns = math.ceil(len(blocks) / n_rows)
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    ax.axis("off")
    for i, block in enumerate(blocks):
        _draw_box(ax, block, divmod(i, n_columns), font_size)
        if i:
            _draw_arrow(ax, divmod(i - 1, n_columns), divmod(i, n_columns))
    total = f"Total parameters: {sum(block[3] for block in blocks):,}"
    ax.text(n_columns / 2, n_rows, total, size=font_size, ha="center", va="top")


def _check_blocks(blocks: _Blocks) -> None:
    needed = "(name, details, output shape, parameters)"
    if not isinstance(blocks, Sequence) or not len(blocks):
        raise ValueError(f"blocks needs a list of at least one {needed}, got {blocks!r}.")
    for block in blocks:
        kinds = [type(part) for part in block] if isinstance(block, Sequence) else []
        if kinds[:3] != [str, str, str] or len(kinds) != 4 or not issubclass(kinds[3], (int, np.integer)):
            raise ValueError(f"A block needs to be {needed}, got {block!r}.")


def _draw_box(ax: Axes, block: tuple[str, str, str, int], place: tuple[int, int], font_size: float) -> None:
    """One box at (row, column) with its texts, whose lines are as many points apart as their size demands."""
    name, details, shape, parameters = block
    row, column = place
    colour = COLOURS["sky blue"] if parameters else "0.7"
    look = {"facecolor": (colour, 0.3), "edgecolor": "black", "linewidth": 0.8}
    ax.add_patch(Rectangle((column + LEFT, row + TOP), RIGHT - LEFT, BOTTOM - TOP, **look))
    points = 72 * (RIGHT - LEFT) * ax.bbox.width / ax.figure.dpi / np.ptp(ax.get_xlim())
    lines = textwrap.wrap(details, width=max(1, int(points / (0.52 * font_size))))  # a letter's mean width
    count = f"{parameters:,} parameters" if parameters else "no parameters"
    below = "\n".join([*lines, shape, count])
    place = {"xy": (column + 0.5, row + TOP), "textcoords": "offset points", "ha": "center", "va": "top"}
    ax.annotate(name, xytext=(0, -3), size=font_size, weight="bold", **place)
    ax.annotate(below, xytext=(0, -3 - 1.3 * font_size), size=font_size, **place)


def _draw_arrow(ax: Axes, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Arrow between the boxes at two places (row, column), through the gap between the rows where they differ."""
    (row, column), (end_row, end_column) = start, end
    middle = (TOP + BOTTOM) / 2
    points = [(column + RIGHT, row + middle), (end_column + LEFT, end_row + middle)]
    if row != end_row:
        gap = row + (1 + BOTTOM + TOP) / 2
        x, end_x = column + 0.5, end_column + 0.5
        points = [(x, row + BOTTOM), (x, gap), (end_x, gap), (end_x, end_row + TOP)]
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "facecolor": "black", "fill": True, "linewidth": 0.8}
    ax.add_patch(FancyArrowPatch(path=Polyline(points), **arrow))
