"""The start of Keras: backends that are missing or misspelt, GPUs that are not used, and what is to be installed."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from networks import backends
from support.startup import BACKENDS

ROOT = Path(__file__).parents[1]
MISSING = [name for name in BACKENDS if importlib.util.find_spec(name) is None]
COMMANDS = ("run_DenoisingML_HPO_Paper.py", "blindTest.py", "resultsPlotting.py")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("backend", ["tensorfow", *MISSING])
def test_a_backend_that_is_not_there_is_answered_in_one_sentence(command, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    ended = subprocess.run([sys.executable, command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith(f"error: KERAS_BACKEND is {backend!r}")


def test_without_tensorflow_keras_runs_on_what_is_installed():
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'tensorflow' else find(name, *rest)\n"
        "from support.startup import check_backend, load_keras\n"
        "check_backend()\n"
        "print(load_keras().backend.backend(), 'tensorflow' in sys.modules)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["jax", "False"]


def test_a_gpu_that_is_not_used_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(backends, "NVIDIA_GPUS", tmp_path / "gpus")
    monkeypatch.setattr(backends, "device_name", lambda: "cpu")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "GPU that" not in backends.hardware()
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    assert backends.hardware().endswith("does not use; README.md says what to install")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # The user wants none.
    assert "GPU that" not in backends.hardware()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(backends, "device_name", lambda: "gpu")
    assert "GPU that" not in backends.hardware()


def test_the_requirements_of_jax_are_those_of_tensorflow_without_it():
    tables = {}
    for name in ("requirements.txt", "requirements-jax.txt"):
        lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
        tables[name] = {re.match(r"[\w-]+", line)[0]: line for line in lines if line}
    jax = tables["requirements-jax.txt"].pop("jax")
    assert re.match(r"jax\[cuda\d+\]>=", jax)
    rest = {name: line for name, line in tables["requirements.txt"].items() if not name.startswith("tensor")}
    assert tables["requirements-jax.txt"] == rest


FAULTS = """
import resource
from concurrent.futures import ThreadPoolExecutor

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        [bytearray({megabytes} * 1_000_000) for _ in range(96 // {megabytes})]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

as_before = faults()
{kept_by}
{calls}
print(as_before, {calls})
"""
IN_THREADS = {"first": "faults()", "another": "ThreadPoolExecutor(1).submit(faults).result()"}
KEPT_BY = {
    "start": "from support.startup import keep_memory\nkeep_memory()",
    "training": """
from dataPreProcessing import CustomDataGen
from networks.feeding import fit_input
next(iter(fit_input(CustomDataGen(n=1, n_samples=100))))
""",
}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's memory is kept")
@pytest.mark.parametrize("kept_by", KEPT_BY)
@pytest.mark.parametrize(("thread", "megabytes"), [("first", 3), ("another", 96)])
def test_memory_that_was_freed_is_used_again_without_the_system(kept_by, thread, megabytes):
    code = FAULTS.format(kept_by=KEPT_BY[kept_by], calls=IN_THREADS[thread], megabytes=megabytes)
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    as_before, kept = map(int, found.stdout.split())
    assert kept < 100 < as_before
