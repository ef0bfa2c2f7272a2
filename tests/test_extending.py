"""What docs/EXTENDING.md says is done in a copy of the project: the files and lines of its blocks, and no more."""

import re
import shutil
from pathlib import Path

import forked
import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "EXTENDING.md").read_text(encoding="utf-8")
COPIED = ("support", "traces", "plots", "networks", "evaluation", "hpo", "problems")
TOY = ["--samples", "48", "--num-datasets", "4", "--num-epochs", "1"]
QUICKLY = """
import hpo.report, plots.style, resultsPlotting, runpy
hpo.report.BLIND_TRACES = hpo.report.NETWORKS_DRAWN = 4
hpo.report._operations_per_second = lambda: 1e9
plots.style.DPI = 30
"""
ALL_MODES = f"""
import blindTest, modelCard, resultsPlotting
import run_RickerML_HPO as script
from dataclasses import replace
from pathlib import Path
toy, folder = {TOY}, Path("Results/Ricker")
problem = replace(script.PROBLEM, grid={{"num_layers": (1, 2), "num_filt": (4, 8)}})
def run(*options):
    assert script.main(problem, "", [*toy, *options]) == 0, options
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
    "A figure": ({"resultsPlotting.py"}, ""),  # of the study that the command of the section before has made
    "A further problem": ({"problems/ricker.py", "run_RickerML_HPO.py"}, ALL_MODES),
}


def copy(folder):
    """A copy of what runs, without tests and documents."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.py"):
        shutil.copy(path, folder)
    return folder


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


def paste_all(folder, title):
    """Paste the blocks of a section; returns the files that they change."""
    return {paste(folder, mark, block) for mark, block in blocks_of(title) if mark.startswith("file: ")}


@pytest.mark.parametrize("title", SECTIONS)
def test_an_extension_takes_the_files_that_the_document_names(title, tmp_path):
    allowed, _ = SECTIONS[title]
    folder = copy(tmp_path / "copy")
    assert paste_all(folder, title) == allowed
    for path in folder.rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), path.name, "exec")


def test_the_extensions_work(tmp_path):
    """All of them in one copy and one fork, whose own modules are those of the copy."""
    folder, code = copy(tmp_path / "copy"), [forked.IN_A_COPY, QUICKLY]
    for title, (_, before) in SECTIONS.items():
        paste_all(folder, title)
        code.append(before)
        for mark, block in blocks_of(title):
            if mark == "try":
                code.append(block)
            elif mark == "run" and title != "A further problem":  # its command is one of ALL_MODES
                _, script, *arguments = block.split()
                code.append(
                    f"sys.argv = {[script, *arguments]}\ntry:\n    runpy.run_path({script!r}, run_name='__main__')"
                )
                code.append("except SystemExit as ended:\n    assert not ended.code, (sys.argv, ended.code)")
    script = folder / "extended_by_the_test.py"
    script.write_text("\n".join(code), encoding="utf-8")
    done = forked.run_script(script, folder=tmp_path)
    assert done.status == 0, done.printed[-2000:] + done.errors[-4000:]


def test_the_document_has_no_other_section_with_code():
    assert set(re.findall(r"^## (.*)$", DOCUMENT, re.M)) == set(SECTIONS)
