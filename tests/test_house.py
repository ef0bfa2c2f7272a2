"""The structure of the project: rooms in layers, imports downwards alone, files of one job, imports that define."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (  # from the lowest to the highest; a module imports from its own room and from those before it
    "support",
    "plots",
    "dataPlotting",
    "traces",
    "dataGeneration",
    "dataFiles",
    "dataPreProcessing",
    "networks",
    "baseML",
    "evaluation",
    "problems",
    "problems.arrivals",
    "problems.broadband",
    "hpo",
    "hpo.results",
    "commands",
)
PAPER_S = {"baseML", "dataGeneration", "dataPlotting", "dataPreProcessing", "resultsPlotting"}
FURTHER_DATA = {"dataFiles"}  # which is a command too
COMMANDS = {"applyModel", "blindTest", "modelCard"}  # at most four beside the paper's files
LONGEST_FILE = 650  # lines
INSTALLED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for room in ("", *(package.replace(".", "/") for package in INSTALLED["packages"]))
    for path in sorted((ROOT / room).glob("*.py"))
    if path.name != "__init__.py"
}


def layer_of(module):
    """The place of a module among LAYERS."""
    for name in (module, module.rpartition(".")[0], module.partition(".")[0]):
        if name in LAYERS:
            return LAYERS.index(name)
    return LAYERS.index("commands")


def imports_of(module):
    """Own modules that a module imports anywhere, also inside of functions."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {name for name in found if name in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_downwards_alone(module):
    above = {name for name in imports_of(module) if layer_of(name) > layer_of(module)}
    assert not above, f"{module} imports {above}"


def test_no_module_imports_itself_by_way_of_others():
    imports = {module: imports_of(module) for module in MODULES}
    while any(not names for names in imports.values()):  # what imports nothing that is left cannot be in a circle
        free = {module for module, names in imports.items() if not names}
        imports = {module: names - free for module, names in imports.items() if module not in free}
    assert not imports, f"circles among {sorted(imports)}"


@pytest.mark.parametrize("module", MODULES)
def test_a_file_has_one_job(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_at_the_root_are_the_papers_files_and_few_commands():
    others = {module for module in MODULES if "." not in module and not module.startswith("run_")}
    assert others == PAPER_S | FURTHER_DATA | COMMANDS


def test_an_installation_brings_every_module_package_and_pretrained_network():
    packages = {path.parent for depth in ("*", "*/*") for path in ROOT.glob(f"{depth}/__init__.py")}
    names = {".".join(path.relative_to(ROOT).parts) for path in packages}
    assert set(INSTALLED["py-modules"]) == {path.stem for path in ROOT.glob("*.py")}
    assert set(INSTALLED["packages"]) == names | {"pretrained"}
    published = {path for path in (ROOT / "pretrained").iterdir() if "_update" not in path.name}
    patterns = INSTALLED["package-data"]["pretrained"]
    assert published <= {path for pattern in patterns for path in (ROOT / "pretrained").glob(pattern)}


def test_importing_the_rooms_of_data_and_pictures_loads_no_keras_and_changes_nothing():
    code = (
        "import os, signal, sys, threading\n"
        "before = dict(os.environ), signal.getsignal(signal.SIGINT)\n"
        "import dataGeneration, dataFiles\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import dataPlotting\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'optuna'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert before == (dict(os.environ), signal.getsignal(signal.SIGINT)) and threading.active_count() == 1\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "XLA_"))}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.parametrize(
    "command",
    [f"{module}.py" for module in MODULES if module.startswith("run_") or module in COMMANDS | {"resultsPlotting"}],
)
def test_help_and_mistakes_do_not_wait_for_keras(command):
    code = (
        "import runpy, sys\n"
        "for option, expected in {'--help': 0, '--no-such-option': 2}.items():\n"
        f"    sys.argv = [{command!r}, option]\n"
        "    status = 'none'\n"
        "    try:\n"
        f"        runpy.run_path({command!r}, run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        status = end.code\n"
        "    slow = {'keras', 'tensorflow', 'pandas', 'matplotlib', 'scipy.signal', 'scipy.stats'} & set(sys.modules)\n"
        "    assert status == expected and not slow, (option, status, slow)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120, capture_output=True)
