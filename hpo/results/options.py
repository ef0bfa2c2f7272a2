"""The command line of resultsPlotting.py, which is read before Keras is loaded."""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from hpo.options import Parser
from hpo.settings import study_name_option
from support.command_line import converter

DEFAULT_RESULTS = Path("Results")
FORMATS = ("png", "pdf", "svg")


def _words(text: str) -> list[str]:
    """Words with commas between them."""
    return text.replace(" ", "").lower().split(",")


def chosen(words: Sequence[str], valid: Collection[str]) -> list[str]:
    """Return some of the valid words in the order of all. Raises ValueError for one that is not among them."""
    odd = [word for word in words if word not in valid]
    if odd:
        raise ValueError(f"{odd[0]!r} is not one of {', '.join(valid)}")
    return [word for word in valid if word in words]


def results_options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; an option that is unknown or outside its range ends the script.

    Which problems, figures and tables there are is known from the run scripts, which need Keras: they are not checked.
    """
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR", help="root of the results (default Results)")
    text = "whose figures and tables: denoising, inversion or another problem that has a run script (default both: all)"
    add("--problem", default="both", metavar="NAME", help=text)
    add("--figures", type=_words, metavar="N,N", help="make only these figures, and no tables but those of --tables")
    add("--tables", type=_words, metavar="N,N", help="make only these tables, and no figures but those of --figures")
    text = "draw the results beside those of this tree, and only what is asked"
    add("--compare", type=Path, metavar="DIR", help=text)
    formats = f"any of {', '.join(FORMATS)} (default png)"
    is_format = converter(lambda text: chosen(_words(text), FORMATS))
    add("--format", type=is_format, default=["png"], metavar="F,F", help=formats)
    add("--output", type=Path, default=Path("Figs"), metavar="DIR", help="folder of the pictures (default Figs)")
    limits = "the paper's limits of losses in the figures of the grid and of repeated trainings, as far as it has them"
    add("--paper-limits", action="store_true", help=limits)
    add("--html", action="store_true", help="also write report.html, to explore in a browser, even offline")
    add("--study-name", type=study_name_option, metavar="NAME", help="the study (default: the newest of each problem)")
    add("--storage", metavar="URL", help="any Optuna storage (default: the SQLite files in the results)")
    text = "grid and final trainings in the folders that end with _NAME (default: those of the study, or the first)"
    add("--trainings", default="", metavar="NAME", help=text)
    return parser.parse_args(arguments)
