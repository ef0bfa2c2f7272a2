"""Several processes on one study: every trial once, none lost with a process that is killed."""

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import forked
import keras
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError
from toys import pid_of

import hpo.trials
import hpo.workers
from hpo.storage import open_storage
from hpo.trials import TrialQueue

ROOT = Path(__file__).parents[1]
posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has neither forks nor SIGHUP nor an alarm")


def assert_whole(study, n_trials):
    """Exactly the trials that were asked for, each finished, none with another one's draws."""
    assert [trial.number for trial in study.trials] == list(range(n_trials))
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert len({tuple(trial.params.items()) for trial in study.trials}) == n_trials
    assert len({trial.user_attrs["seed"] for trial in study.trials}) == n_trials


# --- Whole runs


@posix_only
def test_four_workers_on_postgresql_finish_exactly_the_trials_asked_for(tmp_path, postgresql_url):
    options = ("--n-trials", "10", "--workers", "4", "--study-name", "four", "--storage", postgresql_url)
    run, killed = forked.Run("optuna", tmp_path, *options), []
    _, storage = open_storage(postgresql_url, tmp_path)  # once: each further one would hold connections of the server

    def study():
        return optuna.load_study(study_name="four", storage=storage)

    def kill_one_that_trains():
        with contextlib.suppress(KeyError, SQLAlchemyError):  # The study is not made yet, or just being made.
            killed.extend(t for t in study().get_trials(states=(TrialState.RUNNING,)) if "run_name" in t.user_attrs)
        if killed:
            os.kill(pid_of(killed[0]), signal.SIGKILL)
        return killed

    forked.wait_until(kill_one_that_trains, run)
    ended = run.end()
    assert ended.status == 0, ended.errors
    assert_whole(study(), 10)
    again = study().trials[killed[0].number]
    assert again.params == killed[0].params and again.user_attrs["attempt"] == 2
    assert re.search(r"trial \d+: begins, trial \d+: ", ended.errors)  # The bar says what each process is at.
    assert "its process is gone; it is tried again" in ended.printed or "ended with status -9" in ended.printed
    root = tmp_path / "Results" / "Denoising"
    assert len((root / "Search" / "Optuna" / "search_summary.csv").read_text().splitlines()) == 11
    assert len(list((root / "Final_Model" / "Optuna").glob("*.keras"))) == 1


@posix_only
def test_ctrl_c_ends_all_processes_and_gives_their_trials_back(tmp_path):
    run = forked.Run("optuna", tmp_path, "--n-trials", "40", "--workers", "2")
    forked.wait_until(lambda: "\ntrial " in run.texts()[0], run)
    pids = forked.works_on(tmp_path)
    os.kill(run.process.pid, signal.SIGINT)
    ended = run.end(hpo.workers.TIME_TO_END)
    assert ended.status == 130 and "Traceback" not in ended.errors
    assert {trial.state for trial in forked.load_study(tmp_path).trials} == {TrialState.COMPLETE, TrialState.WAITING}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@posix_only
@pytest.mark.parametrize(
    ("names", "interrupts"),
    [
        (["SIGINT"], False),
        (["SIGTERM", "SIGTERM"], False),  # as `timeout` sends it
        (["SIGHUP", "SIGHUP"], False),
        (["SIGINT", "SIGINT"], True),
        (["SIGTERM", "SIGINT"], True),
        (["SIGTERM", "SIGALRM"], True),
    ],
)
def test_a_first_request_to_stop_is_noted_and_a_second_ctrl_c_or_the_alarm_interrupts(names, interrupts):
    lines = (
        "import signal, support.stopping as stopping",
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)",  # The tests may run under nohup.
        "with stopping.stop_on_signals():",
        *(f"    signal.raise_signal(signal.{name})" for name in names),
        "    print(stopping.stop_was_asked())",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True)
    assert (ended.stdout, "KeyboardInterrupt" in ended.stderr) == (("", True) if interrupts else ("True\n", False))


# --- The queue


@pytest.fixture
def queue_of(tmp_path):
    """Maker of further holds on one study."""
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    optuna.create_study(study_name="queue", storage=url)

    def make():
        _, storage = open_storage(url, tmp_path)
        return TrialQueue(optuna.load_study(study_name="queue", storage=storage), storage, tmp_path)

    return make


def work_off(make, results):
    with make() as queue:
        while (trial := queue.claim(40)) is not None:
            results.put(trial.number)
            queue.study.tell(trial.number, 1.0)


def test_no_trial_is_claimed_twice_and_none_too_many(queue_of):
    with queue_of() as queue:
        queue.plan(50)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=work_off, args=(queue_of, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    claimed = sorted(results.get(timeout=60) for _ in range(40))
    for worker in workers:
        worker.join(timeout=30)
    assert claimed == list(range(40)) and results.empty()


def claim_and_die(make):
    make().claim(1)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_trial_is_tried_again_once_and_then_fails(queue_of):
    with queue_of() as queue:
        queue.plan(1)
        for attempt, (state, words) in enumerate(
            [(TrialState.WAITING, "tried again"), (TrialState.FAIL, "ended without a word 2 times")]
        ):
            process = multiprocessing.get_context("fork").Process(target=claim_and_die, args=(queue_of,))
            process.start()
            process.join(timeout=30)
            (sentence,) = queue.recover()
            trial = queue.study.trials[0]
            assert trial.state == state and words in sentence and trial.user_attrs["attempt"] == attempt + 1
        assert queue.recover() == []


def test_a_living_process_keeps_its_trial_and_an_interrupted_one_gives_it_back(queue_of):
    with queue_of() as first, queue_of() as second:
        first.plan(1)
        first.claim(1)
        assert second.recover() == [] and second.claim(1) is None
        first.give_back()
        assert second.claim(1).user_attrs["attempt"] == 1


def test_an_interrupt_while_a_trial_is_claimed_leaves_it_in_the_queue(queue_of, monkeypatch):
    for calls in range(3):
        with pytest.raises(KeyboardInterrupt), queue_of() as queue:
            queue.plan(1)
            set_attribute, left = queue.storage.set_trial_user_attr, iter(range(calls))

            def interrupted(*arguments, set_attribute=set_attribute, left=left):
                if next(left, None) is None:
                    monkeypatch.undo()
                    raise KeyboardInterrupt
                set_attribute(*arguments)

            monkeypatch.setattr(queue.storage, "set_trial_user_attr", interrupted)
            queue.claim(1)
        (trial,) = queue.study.trials
        assert trial.state == TrialState.WAITING and trial.user_attrs.get("attempt", 0) == 0


def test_a_process_elsewhere_is_dead_when_it_is_silent_and_its_late_result_is_dropped(queue_of, monkeypatch):
    with queue_of() as here, queue_of() as elsewhere:
        here.plan(1)
        claimed = elsewhere.claim(1)
        here._lock_file(elsewhere.token).unlink()  # as on a machine that does not see it
        assert here.recover() == []
        monkeypatch.setattr(hpo.trials, "SILENCE", 0.0)
        elsewhere.storage.set_trial_user_attr(claimed._trial_id, "heartbeat", 1)
        assert here.recover() == []  # it has moved
        (sentence,) = here.recover()
        assert "tried again" in sentence
        mine = here.claim(1)
        late = optuna.trial.Trial(elsewhere.study, claimed._trial_id)
        assert not elsewhere.tell(late, TrialState.COMPLETE, 1.0)
        assert here.tell(optuna.trial.Trial(here.study, mine._trial_id), TrialState.COMPLETE, 2.0)
        assert here.study.best_value == 2.0


def test_why_a_process_ended_is_said_by_its_error_alone(tmp_path):
    (tmp_path / "0.log").write_text("warning: slow\nerror: the disk of '/x' is full; to go on:\n  python run.py\n")
    sentence = hpo.workers._why_it_ended(0, 1, tmp_path, replaced=False)
    assert sentence == ("process 0 of this run ended with status 1: error: the disk of '/x' is full; the others go on")


def test_workers_share_the_cpu_and_get_gpus_in_turns(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    environments = [hpo.workers.worker_environment(index, 4, ["0", "2"]) for index in range(4)]
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments] == ["0", "2", "0", "2"]
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {"2"}
    assert {environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] for environment in environments} == {"0.450"}
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in hpo.workers.worker_environment(0, 2, ["0", "2"])
    assert "CUDA_VISIBLE_DEVICES" not in hpo.workers.worker_environment(0, 4, [])


@pytest.mark.parametrize(
    ("backend", "memory", "cores", "expected"),
    [
        ("jax", ["81559"], 16, 4),
        ("jax", ["81559"], 4, 2),
        ("jax", ["12288"], 16, 3),
        ("jax", ["6144"], 16, 1),
        ("jax", ["2048"], 16, 1),
        ("jax", ["81559", "81559"], 64, 8),
        ("jax", ["81559", "12288"], 64, 6),
        ("tensorflow", ["81559"], 16, 1),
    ],
)
def test_a_search_shares_a_gpu_among_as_many_processes_as_fit(monkeypatch, backend, memory, cores, expected):
    printed = {"--list-gpus": [f"GPU {number}: NVIDIA" for number, _ in enumerate(memory)]}
    monkeypatch.setattr(hpo.workers, "_nvidia_smi", lambda option, *rest: printed.get(option, memory))
    monkeypatch.setattr(hpo.workers, "device_name", lambda: "gpu")
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert hpo.workers.usual_workers() == expected


def test_a_search_on_a_cpu_has_one_process(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(hpo.workers, "device_name", lambda: "cpu")
    assert hpo.workers.usual_workers() == 1
