"""Runs that are killed, stopped or moved, or that meet another run: what was finished stays, and is there once.

After each of these the run is gone on with, and has to leave what an undisturbed run of the same seed leaves.
"""

import glob
import math
import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import forked
import numpy as np
import pytest
from conftest import SECONDS
from forked import PLACES, Kill, Run, finished, go_on, left, set_constant, start, wait_until, works_on
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

import hpo.workers
import support.stopping
from hpo.sqlite_files import study_names

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as POSIX has it")
SEED = 0
HUGE = 400_000  # filters, with weights of 2 TB
ODD = "Ergebnisse für 地震 100% #1 {x} a?b & 'c'"


# --- SIGKILL


@pytest.mark.parametrize(
    ("mode", "place"),
    [
        *(("optuna", place) for place in PLACES),
        ("optuna_resume", "database write"),
        ("manual", "CSV write"),
        ("manual", "rename, copy"),
        ("final_model", "checkpoint"),
        ("model_update", "rename, copy"),
    ],
)
def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path, begun, whole, mode, place):
    expected, calls = whole(mode)
    folder = start(begun, mode, tmp_path / "killed")
    rng = np.random.default_rng([SEED, *mode.encode(), *place.encode()])
    kill = forked.draw_kill(rng, place, calls, tmp_path / "mark")
    assert Run(mode, folder, prepare=kill.aim).end().status == -signal.SIGKILL, kill
    done = finished(folder)
    go_on(mode, folder)
    assert forked.faults(done, folder, expected) == {}, kill


def test_a_killed_worker_is_replaced_and_works_where_the_run_was_started(tmp_path, whole):
    kill = Kill("sqlalchemy.orm:Session.commit", 20, "after", str(tmp_path / "mark"))
    options = ("--output", f"{ODD}/Results", "--workers", "2")
    ended = Run("optuna", tmp_path / ODD, *options, prepare=partial(start_in, tmp_path, kill)).end()
    assert ended.status == 0 and "ended with status -9; another one takes its place" in ended.printed, ended
    same_but_for_pictures(left(tmp_path / ODD), whole("optuna")[0])


def start_in(folder, kill):
    """Have a run start in a folder, and one of its processes killed."""
    os.chdir(folder)
    kill.aim_at_workers()


def test_when_processes_keep_dying_the_run_says_so_and_how_to_go_on(tmp_path):
    kill = Kill("hpo.trials:TrialQueue.claim", 1, "before")
    ended = Run("optuna", tmp_path, "--workers", "2", prepare=kill.aim_at_workers).end()
    assert ended.status == 1 and "Traceback" not in ended.errors
    assert ended.printed.count("another one takes its place") == 1 + hpo.workers.SPARE_DEATHS
    assert "all processes ended, with 0 of 2 trials done" in ended.errors and "--study-name toy" in ended.errors


def same_but_for_pictures(found, expected):
    """Which trials were the best when they ended depends on the order in which they do."""
    for what in ("tables", "networks"):
        assert found[what] == expected[what]
    assert [trial[:-1] for trial in found["trials"]] == [trial[:-1] for trial in expected["trials"]]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- Being asked to stop


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_a_run_and_says_how_to_go_on(tmp_path, whole, name):
    run = Run("optuna", tmp_path, held=True)
    wait_until(lambda: works_on(tmp_path), run)
    os.kill(run.process.pid, getattr(signal, name))
    run.release()
    ended = run.end()
    assert ended.status == 130 and "Traceback" not in ended.errors
    assert "everything that was finished is kept" in ended.errors and "--study-name toy" in ended.errors
    assert {trial.state for trial in forked.load_study(tmp_path).trials} <= {TrialState.COMPLETE, TrialState.WAITING}
    search = tmp_path / "Results" / "Denoising" / "Search" / "Optuna"
    assert not [path for path in search.iterdir() if path.suffix == ".keras" or path.name.endswith("_backup")]
    go_on("optuna", tmp_path)
    assert left(tmp_path) == whole("optuna")[0]


def swallow_interrupt():
    """Ask this process to stop in a training that goes on all the same, as if a library had caught the interrupt."""

    def ask(number, when):
        if when == "after":
            support.stopping._Signals.asked = True

    forked.listen_to_calls("baseML:run_model", ask)


def test_a_training_in_which_a_stop_was_asked_has_no_result(tmp_path):
    ended = Run("optuna", tmp_path, "--n-trials", "1", prepare=swallow_interrupt).end()
    assert ended.status == 130, ended
    (trial,) = forked.load_study(tmp_path).trials
    assert trial.state == TrialState.WAITING and trial.value is None


def test_nohup_keeps_a_run_going_when_its_terminal_is_closed(tmp_path):
    ignore = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    run = Run("optuna", tmp_path, "--n-trials", "1", prepare=ignore, held=True)
    wait_until(lambda: works_on(tmp_path), run)
    os.kill(run.process.pid, signal.SIGHUP)
    run.release()
    assert run.end().status == 0


@pytest.mark.parametrize("name", ["SIGHUP", "SIGKILL"])
def test_workers_end_with_the_run_that_started_them(tmp_path, name):
    run = Run("optuna", tmp_path, "--n-trials", "30", "--workers", "2")
    wait_until(lambda: len(works_on(tmp_path)) == 2, run)
    os.kill(run.process.pid, getattr(signal, name))
    run.end()
    workers, deadline = works_on(tmp_path), time.monotonic() + SECONDS
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    states = {trial.state for trial in forked.load_study(tmp_path).trials}
    assert {TrialState.WAITING} <= states <= {TrialState.COMPLETE, TrialState.WAITING}


# --- Trainings that go on


def keep_first_epoch():
    """Have small networks, and backups of the first epoch alone: how slow the disk is decides about the later ones."""
    forked.with_small_networks()
    set_constant("networks.callbacks:BACKUP_SHARE", 1e-6)


@pytest.mark.parametrize(("mode", "names"), [("optuna", ("SIGKILL", "SIGINT")), ("final_model", ("SIGINT",))])
def test_an_interrupted_training_goes_on_after_its_last_backup(tmp_path, mode, names):
    options = ("--num-epochs", "4", *(("--preset", "published", "--n-trials", "1") if mode == "optuna" else ()))
    ended = Run(mode, tmp_path / "whole", *options, prepare=keep_first_epoch).end()
    assert ended.status == 0, ended.errors
    for name in names:
        tree = tmp_path / name
        run = Run(mode, tree, *options, prepare=keep_first_epoch, held=True)
        # Unlike Path.rglob, this does not mind folders that vanish while it looks.
        wait_until(lambda tree=tree: glob.glob(f"{tree}/**/*_backup/state.npz", recursive=True), run)
        os.kill(run.process.pid, getattr(signal, name))
        run.release()
        assert run.end().status in (130, -signal.SIGKILL)
        assert len(list(tree.rglob("*_backup/state.npz"))) == 1
        ended = Run(mode, tree, *options, prepare=keep_first_epoch).end()
        assert ended.status == 0 and "goes on after epoch 1 of 4" in ended.printed, ended
        assert left(tree) == left(tmp_path / "whole")
        assert not list(tree.rglob("*_backup"))


# --- Memory


def huge_networks():
    """Have a study draw networks that no machine can hold, and give this process 64 GB at most."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**36, 2**36))
    os.environ.pop("XLA_FLAGS", None)  # What XLA compiles quickly ends the process where memory is missing.
    set_constant("hpo.run:memory_limit", lambda: math.inf)
    problem = forked.toy(forked.DENOISING, num_filt=CategoricalDistribution([2, HUGE]))
    forked.SEARCHED = replace(problem, parameter_limits={"CNN": 10**13})


def test_a_trial_without_memory_fails_with_that_reason_and_the_study_goes_on(tmp_path):
    ended = Run("optuna", tmp_path, "--n-trials", "4", prepare=huge_networks).end()
    assert ended.status == 0, ended
    trials = forked.load_study(tmp_path).trials
    huge = [trial for trial in trials if trial.params["num_filt"] == HUGE]
    assert 0 < len(huge) < len(trials) == 4
    for trial in trials:
        assert trial.state == (TrialState.FAIL if trial in huge else TrialState.COMPLETE), ended
    assert all("out of memory" in trial.user_attrs["failed"] for trial in huge)


# --- The clock


def clock_goes_back(nth):
    """Set the clock of this process back by a year when it ends an epoch for the ``nth`` time."""
    shift = timedelta(days=365)
    real = time.time

    class Past(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - shift

    def go_back(number, when):
        if number == nth and when == "before":
            time.time = lambda: real() - shift.total_seconds()
            for module in ("networks.files", "hpo.tree", "hpo.plans", "optuna.storages._rdb.storage"):
                forked.importlib.import_module(module).datetime = Past

    forked.listen_to_calls("baseML:Dwell_CB.on_epoch_end", go_back)


@pytest.mark.parametrize("mode", ["optuna", "final_model"])
def test_a_clock_that_jumps_back_changes_nothing(tmp_path, whole, mode):
    ended = Run(mode, tmp_path, prepare=partial(clock_goes_back, 3)).end()
    assert ended.status == 0, ended.errors
    assert left(tmp_path) == whole(mode)[0]


def test_the_newest_study_is_the_one_that_was_worked_on_last_whatever_the_clock_says(tmp_path, begun):
    shutil.copytree(begun, tmp_path / "two")
    for name in ("newer", forked.STUDY):
        go_on("optuna", tmp_path / "two", "--study-name", name, "--n-trials", "1")
        os.utime(tmp_path / "two" / "Results" / "Denoising" / "Search" / "Optuna" / "studies.db", (0, 0))
        ended = go_on("optuna_resume", tmp_path / "two", "--n-trials", "1")
        assert f"Study      {name}\n" in ended.printed


# --- Two runs at once


def test_two_runs_of_one_new_study_share_its_trials(tmp_path, whole):
    runs = [Run("optuna", tmp_path, printed=tmp_path / name) for name in ("first", "second")]
    for run in runs:
        ended = run.end()
        assert ended.status == 0, ended.errors
    same_but_for_pictures(left(tmp_path), whole("optuna")[0])


def test_two_runs_without_a_name_have_a_study_each(tmp_path):
    runs = [Run("unnamed", tmp_path, "--seed", seed, printed=tmp_path / seed) for seed in ("0", "1")]
    for run in runs:
        ended = run.end()
        assert ended.status == 0, ended.errors
    search = tmp_path / "Results" / "Denoising" / "Search" / "Optuna"
    assert [path.name for path in search.glob("*.db")] == ["studies.db"]
    studies = study_names(search / "studies.db")
    assert len(studies) == 2
    trials = [trial for name in studies for trial in forked.load_study(tmp_path, name).trials]
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    histories = {path.name for path in (search / "loss_history_all").iterdir()}
    assert histories == {f"{trial.user_attrs['run_name']}_log.csv" for trial in trials}
    assert len(forked.rows_of(search / "search_summary.csv")) == 5
    assert len(left(tmp_path)["networks"]) == 2


def test_a_second_grid_in_one_folder_is_refused_and_the_first_ends_well(tmp_path, whole):
    runs = [Run("manual", tmp_path, printed=tmp_path / name) for name in ("first", "second")]
    ends = sorted((run.end() for run in runs), key=lambda ended: ended.status)
    assert [ended.status for ended in ends] == [0, 2], ends
    assert "another process is working in" in ends[1].errors
    assert left(tmp_path) == whole("manual")[0]


# --- Places


def test_a_tree_that_was_moved_is_gone_on_with_where_it_is(tmp_path, begun, whole):
    shutil.copytree(begun, tmp_path / "here", copy_function=shutil.copyfile)
    shutil.move(tmp_path / "here", tmp_path / "there")
    ended = go_on("optuna_resume", tmp_path / "there")
    assert str(tmp_path / "there") in ended.printed and str(begun) not in ended.printed
    assert left(tmp_path / "there") == whole("optuna_resume")[0]


@pytest.mark.parametrize("mode", ["optuna", "manual"])
def test_an_odd_and_long_path_is_a_path(tmp_path, whole, mode):
    folder = tmp_path / ODD / ("x" * 200)
    go_on(mode, folder)
    assert left(folder) == whole(mode)[0]
