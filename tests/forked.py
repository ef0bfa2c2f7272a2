"""Toy runs in forks of a process that has imported everything already, SIGKILLs at chosen calls, and what is left."""

import contextlib
import csv
import gc
import importlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, wraps
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO
from unittest.mock import patch

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from support.startup import load_keras  # noqa: E402

load_keras()  # This comes first, as TensorFlow would otherwise greet every worker in its log.

import alembic.command  # noqa: E402, F401 - a storage would import it
import numpy as np  # noqa: E402
import optuna  # noqa: E402
import sqlalchemy.dialects.sqlite  # noqa: E402, F401 - a storage would import it
from optuna.artifacts import get_all_artifact_meta  # noqa: E402
from postgresql import SECONDS  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402
from toys import DENOISING, LISTED, TOY, eagerly, hastily, on_one_thread, pid_of, toy  # noqa: E402

with contextlib.suppress(ImportError):  # Windows has none.
    from multiprocessing import forkserver

import hpo.command  # noqa: E402
import hpo.workers  # noqa: E402
from baseML import BaseMLClass  # noqa: E402
from hpo.problem import Problem  # noqa: E402
from hpo.tree import ResultsTree  # noqa: E402
from hpo.urls import sqlite_url  # noqa: E402

SEARCHED = toy(DENOISING)
STUDY, N_TRIALS = "toy", 2
IN_A_COPY = """
import os, sys
os.chdir(os.path.dirname(__file__))
sys.path.insert(0, os.getcwd())
own = {name.removesuffix(".py") for name in os.listdir()}
for name in [name for name in sys.modules if name.partition(".")[0] in own]:
    del sys.modules[name]
import resultsPlotting
assert resultsPlotting.__file__ == os.path.abspath("resultsPlotting.py"), resultsPlotting.__file__
"""  # what a script of `run_script` begins with that stands in a copy of the project, and takes its modules from there
COMMANDS = {  # of the modes; each of them is also what goes on with it
    "optuna": ("--study-name", STUDY, "--n-trials", str(N_TRIALS)),
    "unnamed": ("--n-trials", str(N_TRIALS)),  # mode optuna, with a name of its own
    "optuna_resume": ("--mode", "optuna_resume", "--n-trials", str(N_TRIALS)),
    "manual": ("--mode", "manual"),
    "final_model": ("--mode", "final_model", "--repeats", "1"),
    "model_update": ("--mode", "model_update", "--num-epochs", "3"),
}
PLACES = {  # where a run can be killed: the functions that are called there
    "data generation": ("dataPreProcessing:CustomDataGen.__getitem__",),
    "training": ("baseML:Dwell_CB.on_epoch_end", "baseML:BestModel.on_epoch_end"),
    "checkpoint": ("zipfile:ZipFile.writestr", "h5py:Group.create_dataset"),
    "rename, copy": ("pathlib:Path.replace", "shutil:copyfile"),
    "CSV write": ("os:fsync", "keras.callbacks:CSVLogger.on_epoch_end"),
    "database write": ("sqlalchemy.orm:Session.commit", "sqlalchemy.orm:Session.flush"),
}


# --- Kills


@dataclass(frozen=True)
class Kill:
    """SIGKILL at the ``nth`` call of a function, ``when``: before or after it does its work.

    The first of a run's processes that comes there is killed, and leaves the file ``mark``; without a mark, each of
    them is killed.
    """

    target: str  # module:name.name
    nth: int
    when: str
    mark: str | None = None

    def aim(self) -> None:
        """Have this process killed."""
        listen_to_calls(self.target, self._strike)

    def aim_at_workers(self) -> None:
        """Have one of the processes killed that this process starts."""
        os.environ["TOY_KILL"] = json.dumps(asdict(self))

    def _strike(self, n_calls: int, when: str) -> None:
        if n_calls < self.nth or when != self.when:
            return
        try:
            if self.mark:
                Path(self.mark).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def draw_kill(rng: np.random.Generator, place: str, calls: Mapping[str, int], mark: Path) -> Kill:
    """A kill at one of the calls that a whole run makes at a place; the kill leaves the file ``mark``."""
    target = str(rng.choice([target for target in PLACES[place] if calls.get(target)]))
    nth, when = rng.integers(1, calls[target], endpoint=True), rng.choice(("before", "after"))
    return Kill(target, int(nth), str(when), str(mark))


def listen_to_calls(target: str, listener: Callable[[int, str], None]) -> None:
    """Have a listener called before and after each call of a function, with the number of the call."""
    module, _, names = target.partition(":")
    *owners, name = names.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    function, n_calls = getattr(owner, name), 0

    @wraps(function)
    def heard(*arguments: object, **options: object) -> object:
        nonlocal n_calls
        n_calls += 1
        number = n_calls
        listener(number, "before")
        result = function(*arguments, **options)
        listener(number, "after")
        return result

    setattr(owner, name, heard)


def count_calls(path: Path) -> Callable[[], object]:
    """Have the calls at PLACES counted; the function that is returned writes the numbers to a file."""
    counts = Counter()
    for target in (target for targets in PLACES.values() for target in targets):
        listen_to_calls(target, lambda number, when, target=target: counts.update({target: when == "before"}))
    return lambda: path.write_text(json.dumps(counts))


def in_a_fork(function: Callable, *arguments: object, **options: object) -> int:
    """Call a function in a process of its own; returns that one's exit status, minus the signal that killed it."""
    process = forks().Process(target=_call, args=(function, arguments, options))
    process.start()
    process.join(SECONDS)
    return process.exitcode


def _call(function: Callable, arguments: Sequence[object], options: Mapping[str, object]) -> None:
    gc.freeze()  # Nothing that is imported is garbage.
    function(*arguments, **options)


# --- Runs


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    status: int  # minus the number of the signal that killed it
    printed: str
    errors: str


def serve() -> None:
    """Have a copy of this process, which has imported all tests but calculated nothing yet, make the forks from now on.

    A server that multiprocessing starts would import all of it again. This has to be called before TensorFlow has
    threads of its own, which no fork has.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    listener, (alive, other_end) = socket.socket(socket.AF_UNIX), os.pipe()
    listener.bind(connection.arbitrary_address("AF_UNIX"))
    listener.listen()
    pid = os.fork()
    if not pid:
        os.close(other_end)
        # Those of pytest would not write to what `_print_to` changes.
        sys.stdout, sys.stderr = (os.fdopen(fd, "w", 1, "utf-8", closefd=False) for fd in (1, 2))
        try:
            importlib.import_module("warmed")
            forkserver.main(listener.detach(), alive, preload=[])  # until nobody holds the other end any more
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(alive)
    of_tests = forkserver._forkserver
    of_tests._forkserver_address, of_tests._forkserver_alive_fd = listener.getsockname(), other_end
    of_tests.ensure_running = lambda: None
    listener.close()


def forks() -> multiprocessing.context.BaseContext:
    """Makes processes that begin with all of this imported, or import it where there are no forks, as on Windows."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forkserver._forkserver.ensure_running = lambda: None  # In a fork, too: its forks have the server that made it.
    return multiprocessing.get_context("forkserver")


class Run:
    """A run that is under way, below ``folder``; what it prints goes to files named ``printed``.

    ``prepare`` is called in the run's process before the run starts; it may return a function, which is called when
    the run has ended. Every process of a run that is ``held`` waits in the second epoch of its first training until
    `release` is called, so that the run cannot be over before a test has done something to it.
    """

    def __init__(
        self,
        mode: str,
        folder: Path,
        *options: str,
        prepare: Callable[[], object] | None = None,
        printed: Path | None = None,
        held: bool = False,
    ) -> None:
        printed = printed or folder / "printed"
        printed.parent.mkdir(parents=True, exist_ok=True)
        self._released = printed.with_suffix(".released") if held else None
        self._printed = [printed.with_suffix(suffix) for suffix in (".out", ".err")]
        for path in self._printed:
            path.touch()
        command = [*TOY, "--output", str(folder / "Results"), *COMMANDS[mode], *options]
        if mode == "model_update" and "--model" not in options:
            command += ["--model", str(saved_network(folder))]
        self.process = forks().Process(target=_run, args=(mode, command, *self._printed, prepare, self._released))
        self.process.start()

    def release(self) -> None:
        """Let it go on, if it is held."""
        if self._released:
            self._released.touch()

    def end(self, timeout: float = 120) -> Ended:
        """Wait for its end."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise TimeoutError(f"the run has not ended after {timeout} s: {self.texts()}")
        return Ended(self.process.exitcode, *self.texts())

    def texts(self) -> list[str]:
        """What it has printed, and its errors."""
        return [path.read_text(encoding="utf-8") for path in self._printed]


def _run(
    mode: str,
    command: Sequence[str],
    printed: Path,
    errors: Path,
    prepare: Callable[[], object] | None,
    released: Path | None,
) -> None:
    if released:
        os.environ["TOY_HELD"] = str(released)
    _print_to(printed, errors)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # The tests may run under nohup.
    finish = prepare and prepare()
    with patch("hpo.workers.subprocess", SimpleNamespace(**vars(subprocess) | {"Popen": Worker})):
        status = _main(_problem(mode), command)
    if finish:
        finish()
    sys.stdout.flush()
    sys.exit(status)


def _print_to(printed: Path, errors: Path) -> None:
    for descriptor, path in ((1, printed), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)


def run_script(script: str | Path, *arguments: str | Path, folder: Path) -> Ended:
    """``python script arguments`` in a fork, which need not load Keras; what it prints goes to files in ``folder``."""
    texts = [folder / name for name in ("script.out", "script.err")]
    status = in_a_fork(_run_script, [str(script), *map(str, arguments)], *texts)
    return Ended(status, *(path.read_text(encoding="utf-8") for path in texts))


def _run_script(command: Sequence[str], printed: Path, errors: Path) -> None:
    _print_to(printed, errors)
    sys.argv = list(command)
    with eagerly():
        runpy.run_path(command[0], run_name="__main__")


def _main(problem: Problem, command: Sequence[str]) -> int:
    """A run in this fork, whose sums are those of its workers."""
    sys.argv = [__file__, *command]
    on_one_thread()
    if released := os.environ.get("TOY_HELD"):
        listen_to_calls("baseML:Dwell_CB.on_epoch_end", partial(_wait_for, Path(released)))
    gc.freeze()  # Nothing that is imported is garbage.
    with hastily():
        return hpo.command.main(problem, "toy", command)


def _wait_for(released: Path, n_calls: int, when: str) -> None:
    deadline = time.monotonic() + SECONDS
    while (n_calls, when) == (2, "before") and not released.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


class Worker:
    """A fork in the place of the `subprocess.Popen` of a run's worker, so that the worker need not load Keras."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], stderr: TextIO, **_: object) -> None:
        ends, self.stdin = forks().Pipe(duplex=False)
        self._process = forks().Process(target=_work, args=(command[2:], os.getcwd(), dict(env), ends, stderr.name))
        self._process.start()
        ends.close()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit status, once it has ended."""
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit status, as soon as it ends."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("worker", timeout)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL it."""
        self._process.kill()


def _work(command: Sequence[str], folder: str, environment: Mapping[str, str], stdin: Connection, log: str) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    sys.stdin = os.fdopen(stdin.fileno(), closefd=False)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if kill := os.environ.get("TOY_KILL"):
        Kill(**json.loads(kill)).aim()
    sys.exit(_main(SEARCHED, command))


def saved_network(folder: Path) -> Path:
    """The network of a study, which its update stands beside."""
    networks = (folder / "Results").glob("*/Final_Model/Optuna/*.keras")
    return next(path for path in networks if not path.stem.endswith("_update"))


def _problem(mode: str) -> Problem:
    return LISTED if mode in ("manual", "final_model") else SEARCHED


def start(begun: Path, mode: str, folder: Path) -> Path:
    """The folder, with what the mode starts from: ``begun`` is a tree with the first trial of a study."""
    if mode in ("optuna_resume", "model_update"):
        shutil.copytree(begun, folder)
    return folder


def with_small_networks() -> None:
    """Let the presets of the paper's search have the networks of the quick one, in the run that this prepares."""
    global SEARCHED, LISTED
    SEARCHED, LISTED = (replace(problem, search_space=problem.quick_space) for problem in (SEARCHED, LISTED))


def go_on(mode: str, folder: Path, *options: str, **of_run: object) -> Ended:
    """Run until the end."""
    ended = Run(mode, folder, *options, **of_run).end()
    assert ended.status == 0, ended.errors
    return ended


def whole_run(mode: str, folder: Path) -> tuple[dict[str, object], dict[str, int]]:
    """What an undisturbed run leaves (`left`), and how often it calls the functions at PLACES."""
    calls = folder / "calls.json"
    ended = Run(mode, folder, prepare=partial(count_calls, calls)).end()
    assert ended.status == 0, ended.errors
    return left(folder), json.loads(calls.read_text())


def wait_until(happened: Callable[[], object], run: Run, pause: float = 0.4) -> None:
    """Wait for something in a run that is under way, and look for it every ``pause`` s."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert run.process.is_alive() and time.monotonic() < deadline, run.texts()
        time.sleep(pause)


def works_on(folder: Path) -> set[int]:
    """The processes that have worked on the study of a run."""
    study = load_study(folder)
    return {pid_of(trial) for trial in study.trials if "worker" in trial.user_attrs} if study else set()


def set_constant(target: str, value: object) -> None:
    """Set a module's constant, module:NAME, in this process."""
    module, _, name = target.partition(":")
    setattr(importlib.import_module(module), name, value)


# --- What a run leaves


def load_study(folder: Path, name: str = STUDY) -> optuna.Study | None:
    """The study of a run; None before it has one."""
    path = ResultsTree(folder / "Results", "Denoising").database(name)
    try:
        return optuna.load_study(study_name=name, storage=sqlite_url(path)) if path.is_file() else None
    except (KeyError, SQLAlchemyError, optuna.exceptions.StorageInternalError):  # It is just being made.
        return None


def rows_of(path: Path) -> list[list[str]]:
    """The rows of a table without their durations; the first is the header."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return [[cell for cell, name in zip(row, rows[0], strict=False) if name != "ms/trace"] for row in rows]


def finished(folder: Path) -> Counter:
    """What is finished in a tree: the trials that have a result, and the rows of its tables."""
    study = load_study(folder)
    known = [("trial", trial.number, trial.value) for trial in study.trials if trial.value is not None] if study else []
    tables = [path for path in folder.glob("Results/*/**/*_summary.csv") if path.parent.name != "loss_history_all"]
    return Counter([*known, *((path.name, *row) for path in tables for row in rows_of(path)[1:])])


def left(folder: Path) -> dict[str, object]:
    """All that a run leaves, except dates, random names and durations: the same for runs of the same seed."""
    visible = [
        path
        for path in sorted((folder / "Results").rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    tables = [
        (_lasting(path.name), sorted([_lasting(cell) for cell in row] for row in rows_of(path)))
        for path in visible
        if path.suffix == ".csv"
    ]
    networks = [BaseMLClass.load_model(path) for path in visible if path.suffix == ".keras"]
    return {
        "files": sorted(_lasting(str(path.relative_to(folder))) for path in visible),
        "tables": sorted(tables),
        "networks": sorted(network.provenance["validation_loss"] for network in networks),
        "trials": [
            _trial_left(folder, study, trial) for study in [load_study(folder)] if study for trial in study.trials
        ],
    }


def faults(before: Counter, folder: Path, expected: Mapping[str, object], in_turns: bool = True) -> dict[str, object]:
    """What is wrong with a tree that was gone on with: ``before`` was `finished` there, `left` has to be ``expected``.

    With ``in_turns`` false the trials ran side by side: which of them was the best at a time is left to chance.
    """
    found, after = left(folder), finished(folder)
    compared = expected if in_turns else ("tables", "networks")
    surplus = [one for what in compared for one in found[what] if one not in expected[what]]
    missing = [one for what in compared for one in expected[what] if one not in found[what]]
    wrong = {
        "lost": before - after,
        "stuck": [trial for trial in found["trials"] if trial[1] != "COMPLETE"],
        "twice": after - Counter(set(after)) + Counter(found["trials"][len(expected["trials"]) :]),
        "different": surplus or missing or [what for what in compared if found[what] != expected[what]],
    }
    return {kind: what for kind, what in wrong.items() if what}


def _lasting(name: str) -> str:
    dates, random = r"\d{8}_[0-9a-f]{6}(?![0-9a-f])", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    return re.sub(rf"{dates}|{random}|(?<=_)[0-9a-f]{{8}}(?=[_.])", "#", name)


def _trial_left(folder: Path, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> tuple:
    artifacts = get_all_artifact_meta(trial, storage=study._storage)
    places = folder / "Results" / "Denoising" / "Search" / "Optuna" / "artifacts"
    sizes = [(places / meta.artifact_id).stat().st_size > 0 for meta in artifacts]
    return trial.number, trial.state.name, trial.value, trial.params, trial.intermediate_values, sizes
