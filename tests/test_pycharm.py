"""PyCharm's run configurations (.run/): each names what exists here, with options that it accepts."""

import argparse
import re
import runpy
import shlex
import sys
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".run").glob("*.xml"))
KNOWN_MACROS = {"PROJECT_DIR": str(ROOT), "FilePath": "/selected/file", "FileDir": "/selected"}
ACCEPTED = "accepted"


def configuration(path):
    """The name of a configuration, and its options by name."""
    (found,) = ElementTree.parse(path).getroot().iter("configuration")
    return found.get("name"), {option.get("name"): option.get("value") for option in found.iter("option")}


def filled_in(text):
    """A text with PyCharm's macros replaced; KeyError for a macro that is not known."""
    return re.sub(r"\$(\w+)\$", lambda found: KNOWN_MACROS[found[1]], text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_run_configuration_names_a_script_that_accepts_its_options(path):
    assert "<module" not in path.read_text()  # PyCharm takes the project's own where there is none.
    _, options = configuration(path)
    script, arguments = filled_in(options["SCRIPT_NAME"]), shlex.split(filled_in(options["PARAMETERS"]))
    assert Path(filled_in(options["WORKING_DIRECTORY"])) == ROOT
    if script == "pytest":
        assert f"python -m pytest {' '.join(arguments)}".strip() in (ROOT / "README.md").read_text(encoding="utf-8")
        return
    parse = argparse.ArgumentParser.parse_args

    def ends_when_accepted(parser, *given, **named):
        parse(parser, *given, **named)
        sys.exit(ACCEPTED)

    run = runpy.run_module if options["MODULE_MODE"] == "true" else runpy.run_path
    with (
        patch.object(argparse.ArgumentParser, "parse_args", ends_when_accepted),
        patch.object(sys, "argv", [script, *arguments]),
        pytest.raises(SystemExit) as ended,
    ):
        run(script, run_name="__main__")
    assert ended.value.code == ACCEPTED


def test_every_mode_and_preset_of_a_search_has_a_run_configuration_for_both_problems():
    found = {tuple(configuration(path)[1][name] for name in ("SCRIPT_NAME", "PARAMETERS")) for path in FILES}
    for script in ("run_DenoisingML_HPO_Paper.py", "run_InversionML_HPO_Paper.py"):
        asked = " ".join(parameters for name, parameters in found if name.endswith(script))
        assert {"quick", "paper", "extended", "optuna_resume", "manual", "final_model"} <= set(asked.split())


def test_run_configurations_have_names_of_their_own():
    names = [configuration(path)[0] for path in FILES]
    assert len(set(names)) == len(names)
