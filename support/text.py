"""Tables of plain text, with the sentences that explain them."""

from collections.abc import Sequence
from textwrap import fill

from tabulate import tabulate

WIDTH = 120  # characters of a line of sentences


def text_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of words, whose first column is aligned on the left and the others on the right.

    >>> print(text_table(["Method", "rms"], [["ridge", "0.5"], ["extra trees", "0.25"]]))
    Method         rms
    -----------  -----
    ridge          0.5
    extra trees   0.25
    """
    return tabulate(lines, headings, disable_numparse=True, colglobalalign="right", colalign=["left"])


def explained_table(explanation: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """The same below an explanation, whose lines are broken at WIDTH."""
    return f"{fill(explanation, WIDTH)}\n\n{text_table(headings, lines)}"
