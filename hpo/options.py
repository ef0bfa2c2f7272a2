"""The command line of the run scripts, which is read before Keras and all that needs it is loaded.

Each option but --mode is a field of `RunSettings` or `RunOptions`, made with `hpo.settings.option`.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from hpo.names import glossary_text
from hpo.samplers import PRUNERS, SAMPLERS
from hpo.settings import RunOptions, RunSettings
from hpo.urls import public_url
from support.command_line import KerasParser
from traces.transforms import TRANSFORMS


class Mode(NamedTuple):
    """What a mode does."""

    what: str
    is_search: bool = False


MODES = {  # names as published
    "optuna": Mode("a search", is_search=True),
    "optuna_resume": Mode("going on with a study, the newest one when no --study-name is given", is_search=True),
    "manual": Mode("the grid, one parameter at a time"),
    "final_model": Mode("the best configurations, trained again and again"),
    "model_update": Mode("going on with the training of a saved network"),
}
NONE: Mapping = MappingProxyType({})
TABLES = {"sampler": SAMPLERS, "pruner": PRUNERS, "transform": TRANSFORMS}  # their names are the choices of an option
FIELDS = [field for field in (*fields(RunSettings), *fields(RunOptions)) if field.metadata]
NAMES = [field.name for field in FIELDS]
# By flag, in the order of the help text: of two fields with the same place, the later one precedes the other.
ORDERED = sorted(reversed(FIELDS), key=lambda field: NAMES.index(field.metadata["before"] or field.name))
OPTIONS = {field.metadata["flag"] or f"--{field.name.replace('_', '-')}": field for field in ORDERED}


class Parser(KerasParser):
    """A command line whose mistakes are answered without the password that may stand in them."""

    def error(self, message: str) -> NoReturn:
        super().error(public_url(message))


def parse_options(
    description: str, arguments: Sequence[str] | None = None, own: Mapping[str, Mapping[str, object]] = NONE
) -> argparse.Namespace:
    """The command line of a run script, by field, with None for an option that is not given.

    ``own`` are further options of a problem, by flag, with the keywords of `argparse.ArgumentParser.add_argument`. An
    option that is unknown or outside its range ends the script.
    """
    epilog, shown = glossary_text(), argparse.RawDescriptionHelpFormatter
    parser = Parser(description=description, epilog=epilog, formatter_class=shown)
    modes = "; ".join(f"{name}: {mode.what}" for name, mode in MODES.items())
    text = f"{modes} (default optuna) [paper: edited into the script]"
    parser.add_argument("--mode", choices=MODES, default="optuna", help=text)
    for flag, field in OPTIONS.items():
        choices = {"choices": TABLES[field.name]} if field.name in TABLES else {}
        parser.add_argument(flag, dest=field.name, default=None, **field.metadata["argument"], **choices)
    for flag, argument in own.items():
        parser.add_argument(flag, default=None, **argument)
    return parser.parse_args(arguments)
