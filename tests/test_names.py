"""The names of parameters and presets: explained in one table each, which the help text, the note and the docs have."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from toys import DENOISING, INVERSION

import hpo.options
from hpo.names import GLOSSARY, LETTERS, PARAMETERS, glossary_lines, glossary_text, own_name, readable
from hpo.settings import DEFAULTS, PRESETS, RunSettings
from hpo.space import in_words
from networks.rows import NetworkConfig

STUDIES = Path(__file__).parents[1] / "docs" / "STUDIES.md"
PROBLEMS = (DENOISING, INVERSION)


def table_below(heading):
    """The lines of the first table below a heading of docs/STUDIES.md."""
    text = STUDIES.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    return re.search(r"(^\|.*\n)+", text, re.MULTILINE)[0].splitlines()


# --- Parameters


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_parameter_that_is_searched_or_varied_is_explained(problem, preset):
    named = {*problem.space(preset), *problem.base_of(preset), *problem.grid, "transform"}
    assert {own_name(name)[1] for name in named} <= set(GLOSSARY)
    assert all(readable(name) != name for name in named - {"transform", "schedule"})


def test_the_letters_and_columns_are_those_of_the_labels():
    label = NetworkConfig("TCN", "SEQ", 1, 2, 3, 4, 5, 1, 7).label
    columns = {GLOSSARY[name].column: name for name in LETTERS.values()}
    found = {columns[column]: int(number) for column, number in re.findall(r"_([A-Z]+)(\d+)", label)}
    expected = dict.fromkeys(LETTERS.values()) | {"num_layers": 1, "num_dnn": 2, "num_dil": 3, "num_filt": 4}
    assert found == expected | {"krnl_size": 5, "pool_val": 1, "num_lstm": 0}
    assert set(LETTERS.values()) | {"arch_type", "Learning Rate"} == set(PARAMETERS)


def test_a_table_of_some_parameters_explains_these_alone():
    lines = list(glossary_lines(["RES num_filt", "Learning Rate", "depth"]))
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["`num_filt`", "`Learning Rate`"]


def test_the_docs_have_the_glossary():
    assert table_below("## What the parameters mean") == list(glossary_lines())


def test_the_help_text_has_the_glossary(capsys):
    with pytest.raises(SystemExit):
        hpo.options.parse_options("", ["--help"])
    assert capsys.readouterr().out.endswith(f"\n{glossary_text()}\n")
    assert max(map(len, glossary_text().splitlines())) <= 100


# --- Presets


def in_both(values):
    """What both problems have, or what the denoising and the inversion have."""
    texts = ["on" if value is True else "off" if value is False else str(value or "none") for value in values]
    return texts[0] if texts[0] == texts[1] else " / ".join(texts)


def table_of_presets():
    """The settings that presets set, with their options, and the trainings of mode final_model."""
    settings = {
        (preset, problem.name): DEFAULTS | problem.preset_settings(preset) for preset in PRESETS for problem in PROBLEMS
    }
    flags = {field.name: flag for flag, field in hpo.options.OPTIONS.items()}
    rows = {}
    for name in (field.name for field in fields(RunSettings) if field.name != "preset"):
        rows[f"`{flags.get(name, name)}`"] = [
            in_both([settings[preset, problem.name][name] for problem in PROBLEMS]) for preset in PRESETS
        ]
    for flag, name in {"--repeats": "n_trials", "--num-epochs": "num_epochs"}.items():
        rows[f"`{flag}` in mode `final_model`"] = [
            in_both([(settings[preset, problem.name] | PRESETS[preset].final)[name] for problem in PROBLEMS])
            for preset in PRESETS
        ]
    changed = {what: cells for what, cells in rows.items() if len(set(cells)) > 1}
    return [f"| {what} | {' | '.join(cells)} |" for what, cells in changed.items()]


def table_of_ranges():
    """What the presets search: the two of the paper have the same ranges."""
    presets = ("quick", "paper", "extended")
    spaces = {(preset, problem.name): problem.space(preset) for preset in presets for problem in PROBLEMS}
    names = dict.fromkeys(name for space in spaces.values() for name in space)
    return [
        f"| `{name}` | "
        + " | ".join(in_both([range_of(spaces[p, problem.name], name) for problem in PROBLEMS]) for p in presets)
        + " |"
        for name in names
    ]


def range_of(space, name):
    return in_words(space[name]) if name in space else "not searched"


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("### What a preset sets", table_of_presets), ("### What a preset searches", table_of_ranges)],
)
def test_the_docs_have_what_each_preset_sets(heading, expected):
    assert table_below(heading)[2:] == expected(), "\n".join(expected())
