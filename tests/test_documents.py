"""The commands and the Python of README.md and docs/ run, in the order of the text, in one tree, at toy size.

What stands here are small sizes, files of the names that the pages use, and why a few commands are left out.
"""

import contextlib
import os
import re
import runpy
import shlex
import shutil
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import forked
import numpy as np
import pytest
import toys

from dataFiles import write_traces
from hpo.command import main

ROOT = Path(__file__).parents[1]
FIRST, *OTHERS = ("README.md", "docs/STUDIES.md", "docs/OWN_DATA.md", "docs/RESULTS.md", "docs/FILES.md")
LEFT_OUT = {  # part of a command, or of Python: why it is not run here
    "-m venv": "it installs",
    "-m pytest": "it is what runs this",
    "-m benchmarks": "it measures for minutes",
    "-m docs": "it draws a picture of these pages",
    "--only": "its networks are not those of the toys, and take long",
    "--preset paper": "it is for a GPU",
    "/Published": "it needs the network of a command that is for a GPU",
    "--results Paper": "it needs that network, too",
    "postgresql": "it needs a server of that name",
    "....db": "it needs a file that Optuna 3.1 wrote",
    "archive": "it needs the published archive",
    "poststack_model": "it needs the Marmousi model",
    "smooth_velocity": "it is a line of a longer text",
}
SEARCH = r"python run_\w+\.py"  # whose last line is the command of what to do next
TINY = {"RES num_layers": 1, "RES num_filt": 16, "RES num_dil": 8}  # where extended searches begin
N_TRACES, N_SAMPLES, DT = 60, 100, 0.004
LIVE_SAMPLES = 500  # of traces of the variety of field data, some of which are dead where they are short


def steps(page):
    """What a page has a reader do: commands, and Python, in their order; what is repeated is done once."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```|(?<!`)`(python [^`]+)`(?!`)", text, re.S | re.M)
    parts = []
    for language, block, inline in found:
        if language == "python":
            parts.append(block)
        elif not language:
            lines = block.splitlines() or [" ".join(inline.split())]
            commands = [part.strip() for line in lines for part in line.partition("  #")[0].split(" && ")]
            parts += [one for one in commands if re.match(r"python (\w+\.py\b|-m )|cp ", one)]
    return [part for part in dict.fromkeys(parts) if not any(words in part for words in LEFT_OUT)]


def small(words):
    """The words of a command, with options that make it small; of options that are given twice, the last ones count."""
    script, is_extended = words[0], "extended" in words
    if script == "blindTest.py":
        has_a_length = "--section" in words or any(word.startswith("Results") for word in words)
        return [*words, "--traces", "4", *(() if has_a_length else ("--samples", "500"))]
    if script == "modelCard.py":  # In a test of few traces, the interval may leave out what a card of many has.
        return [*words, "--traces", "4" if "--output" in words else "20"]
    if script == "dataGeneration.py":
        return [*words, "--samples", "300"]
    mode = words[words.index("--mode") + 1] if "--mode" in words else "optuna"
    if not script.startswith("run_") or mode == "optuna_resume":
        return words
    number = {"optuna": ("--n-trials", "1" if is_extended else "2"), "final_model": ("--repeats", "1")}.get(mode, ())
    length = () if mode == "model_update" else ("--samples", str(LIVE_SAMPLES if is_extended else N_SAMPLES))
    return [*words, "--num-epochs", "1", "--num-datasets", "4", *number, *length]


def run(command):
    """Run a command in this process and folder; its exit status."""
    if command.startswith("cp "):
        *sources, target = shlex.split(command)[1:]
        return 0 if [shutil.copy(source, target) for source in sources] else 1
    command, _, printed = command.partition(" > ")
    sys.argv = small([_file_of(word) for word in shlex.split(command)[1:]])
    with open(printed or "printed.txt", "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        try:
            runpy.run_path(str(ROOT / sys.argv[0]), run_name="__main__")
        except SystemExit as ended:
            return ended.code or 0
    return 0


def _file_of(word):
    """A word of a command; of one that leaves a part out, "....keras", the oldest file that it can stand for."""
    return str(min(Path().glob(word.replace("....", "*")), key=os.path.getmtime)) if "...." in word else word


def make_files():
    """Files of the names that the pages give to those of a reader."""
    rng = np.random.default_rng(0)
    spikes = rng.standard_normal((N_TRACES, N_SAMPLES)) * (rng.random((N_TRACES, N_SAMPLES)) < 0.1)
    clean = np.array([np.convolve(row, np.hanning(9), "same") for row in spikes])
    noisy = clean + 0.2 * rng.standard_normal(clean.shape)
    velocity = np.tile(np.linspace(6000, 12000, N_SAMPLES), (N_TRACES, 1))
    files = {"LINE": noisy, "line": noisy, "noisy": noisy, "clean": clean, "velocity": velocity}
    for name, traces in {**files, "velocities": velocity / 3.28}.items():
        write_traces(f"{name}.sgy", traces, DT)
    Path("my_wavelet.txt").write_text("# dt = 0.002\n0\n0.2\n1\n0.2\n0\n")
    shutil.copytree(ROOT / "pretrained", "pretrained", ignore=shutil.ignore_patterns("*_update*"))


def do(page, folder):
    """Do what a page says in a folder."""
    os.chdir(folder)
    if page == FIRST:
        make_files()
    faults, names = [], {}

    def with_tiny_networks(problem, *arguments):
        base = problem.extended_base | {name: value for name, value in TINY.items() if name in problem.extended_base}
        return main(replace(toys.toy(problem), extended_base=base), *arguments)

    with toys.hastily(), patch("hpo.command.main", with_tiny_networks):
        done = [] if page == FIRST else steps(FIRST)
        for step in (step for step in steps(page) if step not in done or "optuna_resume" in step):
            try:
                fault = exec(step, names) if "\n" in step else run(step)
            except Exception:
                fault = traceback.format_exc()
            if page == FIRST and re.fullmatch(SEARCH, step) and not fault:
                label, step = Path("printed.txt").read_text(encoding="utf-8").splitlines()[-1].split(maxsplit=1)
                fault = run(step) if label == "Next" else f"{label!r} is the last line"
            if fault:
                printed = Path("printed.txt").read_text(encoding="utf-8")[-500:]
                faults.append(f"{page}: {step}: {fault}, after it had printed: {printed}")
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The folder in which README.md was done, and whether that ended well."""
    folder = tmp_path_factory.mktemp("tree")
    return folder, forked.in_a_fork(do, FIRST, folder)


def test_what_the_readme_says_runs_in_its_order_in_one_tree(tree):
    assert tree[1] == 0


@pytest.mark.parametrize("page", OTHERS)
def test_what_a_page_says_runs_after_it_in_the_same_tree(tree, page):
    assert len(steps(page)) > 2
    assert forked.in_a_fork(do, page, tree[0]) == 0
