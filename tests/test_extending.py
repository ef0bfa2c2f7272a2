"""What docs/EXTENDING.md says is done in a copy of the project: the files and lines of its blocks, and no more."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "EXTENDING.md").read_text(encoding="utf-8")
COPIED = ("support", "traces", "plots", "networks", "evaluation", "hpo", "problems")
TOY = ["--samples", "48", "--num-datasets", "4", "--num-epochs", "1"]
A_STUDY = f"""
import run_DenoisingML_HPO_Paper as script
assert script.main(script.PROBLEM, "", {[*TOY, "--n-trials", "2", "--seed", "8"]}) == 0
"""
ALL_MODES = f"""
import blindTest, modelCard, resultsPlotting
import run_RickerML_HPO as script
from pathlib import Path
toy, folder = {TOY}, Path("Results/Ricker")
def run(*options):
    assert script.main(script.PROBLEM, "", [*toy, *options]) == 0, options
run("--n-trials", "2")
run("--mode", "optuna_resume", "--n-trials", "3")
run("--mode", "manual")
run("--mode", "final_model", "--repeats", "1")
network = next(folder.glob("Final_Model/Optuna/*.keras"))
run("--mode", "model_update", "--model", str(network))
blindTest.main(["--problem", "ricker", "--traces", "8", "--samples", "48"])
blindTest.main(["--model", str(network), "--traces", "8"])
assert modelCard.main([str(network), "--output", "card.keras", "--traces", "8"]) == 0
assert resultsPlotting.main(["--problem", "ricker", "--html"]) == 0
made = {{path.name for path in Path("Figs").iterdir()}}
figures = {{f"Fig_ricker_{{what}}.png" for what in ("grid", "study", "repeatability", "networks", "accuracy")}}
assert figures | {{"Table_ricker_ranges.csv", "Table_ricker_best.csv", "report.html"}} <= made, made
history = next(folder.glob("Search/Optuna/loss_history_all/*.csv")).read_text().splitlines()[0]
assert history == "epoch,loss,lr,bce,val_loss,val_bce" or set(history.split(",")) >= {{"bce", "val_bce"}}, history
"""
SECTIONS = {  # title: files that may change, Python that runs before its own commands
    "A network": ({"networks/rows.py", "run_InversionML_HPO_Paper.py"}, ""),
    "A wavelet": ({"traces/wavelets.py"}, ""),
    "A sampler or a pruner": ({"hpo/samplers.py"}, ""),
    "A figure": ({"resultsPlotting.py"}, A_STUDY),
    "A further problem": ({"problems/ricker.py", "run_RickerML_HPO.py"}, ALL_MODES),
}


@pytest.fixture
def scratch(tmp_path):
    """A copy of what runs, without tests and documents."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.py"):
        shutil.copy(path, tmp_path)
    return tmp_path


def blocks_of(title):
    """(what the mark above a block says, the block) of one section."""
    text = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DOCUMENT, re.S | re.M)[1]
    return re.findall(r"<!-- (.*?) -->\n```\w*\n(.*?)```", text, re.S)


def paste(folder, mark, block):
    """Do with a block what its mark says; returns the file."""
    name, verb = re.fullmatch(r"file: (\S+), (.*)", mark).groups()
    path = folder / name
    if verb == "new file":
        assert not path.exists()
        path.write_text(block)
        return name
    lines = path.read_text().splitlines(keepends=True)
    if verb.startswith("instead of: "):
        (place,) = [i for i, line in enumerate(lines) if line.strip() == verb.removeprefix("instead of: ")]
        lines[place] = block
    else:
        where, table = verb.split(" ", 1)
        first = next(i for i, line in enumerate(lines) if re.match(rf"{re.escape(table)}\b", line))
        end = next(i for i in range(first, len(lines)) if lines[i].startswith(("}", ")"))) if where == "into" else first
        lines.insert(end, block if where == "into" else block + "\n\n")
    path.write_text("".join(lines))
    return name


def python(folder, *arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("title", SECTIONS)
def test_an_extension_takes_what_the_document_says_and_nothing_else(title, scratch):
    allowed, before = SECTIONS[title]
    blocks = blocks_of(title)
    touched = {paste(scratch, mark, block) for mark, block in blocks if mark.startswith("file: ")}
    assert touched == allowed
    if before:
        python(scratch, "-c", before)
    for mark, block in blocks:
        if mark == "try":
            python(scratch, "-c", block)
        elif mark == "run" and title != "A further problem":  # its command is one of ALL_MODES
            python(scratch, *block.split()[1:])


def test_the_document_has_no_other_section_with_code():
    assert set(re.findall(r"^## (.*)$", DOCUMENT, re.M)) == set(SECTIONS)
