"""What runs do when a disk fills up or cannot be written, a database is locked, or a server goes away.

What was finished stays; the run waits where that helps, and otherwise says what is wrong and what to do.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from functools import partial
from pathlib import Path

import forked
import optuna
import postgresql
import pytest
import sqlalchemy
from conftest import SECONDS
from forked import N_TRIALS, Run, finished, go_on, left, set_constant, start, wait_until, works_on
from optuna.trial import TrialState
from test_workers import assert_whole

import hpo.storage
import support.stopping
from hpo.storage import open_storage
from hpo.trials import TrialQueue

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked as POSIX has it")
SEARCH = Path("Results", "Denoising", "Search")
LOCKED = 6.0  # s, longer than SQLite itself would wait

# --- Disks


@pytest.fixture
def mounted(tmp_path):
    """Maker of a small disk at a folder."""
    places = []

    def mount(place):
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"no disk can be mounted here: {error}")
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill_disk(filler, target, nth):
    """Fill the disk of a file as soon as this process calls a function for the ``nth`` time."""

    def fill(number, when):
        if (number, when) == (nth, "before"):
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                for size in (2**16, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(bytes(size))

    forked.listen_to_calls(target, fill)


@pytest.mark.parametrize(
    ("mode", "target", "nth"),
    [
        *((mode, "baseML:Dwell_CB.on_epoch_end", 3) for mode in ("optuna", "manual", "final_model")),
        ("model_update", "baseML:BaseMLClass._write_config", 1),
    ],
)
def test_a_full_disk_ends_a_run_with_a_sentence_and_it_goes_on_when_there_is_space(
    tmp_path, mounted, begun, whole, mode, target, nth
):
    folder = start(begun, mode, tmp_path / "run")
    results = folder / "Results"
    if results.is_dir():
        results.rename(folder / "before")
    mounted(results)
    if mode == "model_update":
        shutil.copytree(folder / "before", results, dirs_exist_ok=True)
    filler = results / "filler"
    ended = Run(mode, folder, prepare=partial(fill_disk, filler, target, nth)).end()
    assert ended.status == 1, ended
    sentence, command = ended.errors.strip().splitlines()[-2:]
    assert sentence.startswith("error: the disk of ") and str(results) in sentence
    assert "is full; free some space there; everything that was finished is kept; to go on:" in sentence
    assert command.startswith("  python ") and "Traceback" not in ended.errors
    filler.unlink()
    done = finished(folder)
    go_on(mode, folder)
    assert forked.faults(done, folder, whole(mode)[0]) == {}


@pytest.mark.parametrize("mode", ["optuna", "optuna_resume", "manual", "final_model", "model_update"])
def test_results_that_cannot_be_written_are_refused_before_anything_is_trained(tmp_path, mounted, begun, mode):
    folder = tmp_path / "run"
    mounted(folder / "Results" / "Denoising")
    shutil.copytree(begun / "Results" / "Denoising", folder / "Results" / "Denoising", dirs_exist_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", folder / "Results" / "Denoising"], check=True)
    ended = Run(mode, folder).end()
    assert ended.status == 2 and ended.printed == ""
    assert "cannot be written" in ended.errors and "is not a writable folder" in ended.errors
    assert ended.errors.count("\n") == 1


# --- A locked SQLite file


@contextlib.contextmanager
def locked(folder):
    """The study's database, locked by another process."""
    other = sqlite3.connect(folder / SEARCH / "Optuna" / "studies.db", isolation_level=None, timeout=SECONDS)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_database_that_is_locked_for_a_while_is_waited_for(tmp_path, whole):
    run = Run("optuna", tmp_path, held=True)
    wait_until(lambda: works_on(tmp_path), run)
    with locked(tmp_path):
        run.release()
        time.sleep(LOCKED)
        assert run.process.is_alive()
    ended = run.end()
    assert ended.status == 0, ended.errors
    assert left(tmp_path) == whole("optuna")[0]


def test_a_database_that_stays_locked_ends_the_run_with_a_sentence(tmp_path, whole):
    run = Run("optuna", tmp_path, prepare=partial(set_constant, "hpo.storage:SQLITE_TIMEOUT", 0.5), held=True)
    wait_until(lambda: works_on(tmp_path), run)
    with locked(tmp_path):
        run.release()
        ended = run.end()
    assert ended.status == 1 and "Traceback" not in ended.errors
    assert "another process keeps the study's database in" in ended.errors and "to go on" in ended.errors
    go_on("optuna_resume", tmp_path)
    assert left(tmp_path) == whole("optuna")[0]


# --- A server


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server that can be stopped."""
    if not postgresql.programs():
        pytest.skip(postgresql.MISSING)
    with postgresql.running("max_connections = 12\nsuperuser_reserved_connections = 0\n") as found:
        yield found


@pytest.fixture
def study_of(server):
    """Reader of a study on the server; None before it is there, or while the server is away."""
    storage = optuna.storages.RDBStorage(server.url, {"poolclass": sqlalchemy.pool.NullPool})  # holds no connection

    def read(name):
        with contextlib.suppress(KeyError, optuna.exceptions.StorageInternalError):
            return optuna.load_study(study_name=name, storage=storage)
        return None

    return read


@contextlib.contextmanager
def away(server):
    """The server, stopped; it is started again whatever happens, as other tests need it."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def trains(study):
    return study is not None and any("run_name" in trial.user_attrs for trial in study.trials)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_server_that_is_restarted_is_waited_for(tmp_path, whole, server, study_of, n_workers):
    name = f"restarted-{n_workers}"
    options = ("--storage", server.url, "--study-name", name, "--workers", str(n_workers))
    run = Run("optuna", tmp_path, *options, held=True)
    wait_until(lambda: trains(study_of(name)), run)
    with away(server):
        run.release()
        wait_until(lambda: "it is waited for, 600 s at most" in run.texts()[0], run)
    ended = run.end()
    assert ended.status == 0, ended
    assert ended.printed.count("is away (") == ended.printed.count("is back") == 1
    study = study_of(name)
    assert_whole(study, N_TRIALS)
    assert [trial.value for trial in study.trials] == [trial[2] for trial in whole("optuna")[0]["trials"]]
    assert {trial.user_attrs["attempt"] for trial in study.trials} == {1}


def test_a_server_that_stays_away_ends_the_run_with_a_sentence(tmp_path, server, study_of):
    options = ("--storage", server.url, "--study-name", "away")
    impatient = partial(set_constant, "hpo.storage:LONGEST_ABSENCE", 1.0)
    run = Run("optuna", tmp_path, *options, prepare=impatient, held=True)
    wait_until(lambda: trains(study_of("away")), run)
    with away(server):
        run.release()
        ended = run.end()
    assert ended.status == 1 and "Traceback" not in ended.errors
    assert "is still away after 1 s; to go on:\n" in ended.errors
    go_on("optuna", tmp_path, *options)
    assert_whole(study_of("away"), N_TRIALS)


def test_a_server_without_a_free_connection_is_waited_for(tmp_path, server, study_of):
    run = Run("optuna", tmp_path, "--storage", server.url, "--study-name", "busy", held=True)
    wait_until(lambda: trains(study_of("busy")), run)
    engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.pool.NullPool)
    with contextlib.ExitStack() as held:
        first = held.enter_context(engine.connect())
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        deadline = time.monotonic() + SECONDS
        while "too many clients" not in run.texts()[0]:
            assert time.monotonic() < deadline and run.process.is_alive(), run.texts()
            first.execute(sqlalchemy.text(f"{others} AND application_name = '' AND state IS NOT NULL AND query != ''"))
            with contextlib.suppress(sqlalchemy.exc.OperationalError):
                while True:
                    held.enter_context(engine.connect())
            run.release()
    ended = run.end()
    assert ended.status == 0, ended
    assert_whole(study_of("busy"), N_TRIALS)


# --- Answers that get lost


@pytest.fixture
def queue(server, tmp_path):
    """A hold on a study on the server, with one trial."""
    storage = open_storage(server.url, tmp_path)[1]
    study = optuna.create_study(study_name=f"queue-{tmp_path.name}", storage=storage)
    with TrialQueue(study, study._storage, tmp_path) as found:
        found.plan(1)
        yield found
    storage.remove_session()
    storage._backend.engine.dispose()  # The server has few connections, which other tests need.


@pytest.fixture
def lost_answers(monkeypatch):
    """Have the server do what the next request asks for, but not answer."""

    def lose(commits=1):
        commit, left_to_lose = sqlalchemy.orm.Session.commit, iter(range(commits))

        def commit_and_break(session):
            commit(session)
            if next(left_to_lose, None) is not None:
                raise sqlalchemy.exc.OperationalError("COMMIT", {}, Exception("server closed the connection"))

        monkeypatch.setattr(sqlalchemy.orm.Session, "commit", commit_and_break)

    return lose


def test_a_claim_whose_answer_is_lost_is_a_claim(queue, lost_answers, monkeypatch):
    set_state = queue.storage.set_trial_state_values
    monkeypatch.setattr(queue.storage, "set_trial_state_values", lambda *given: (lost_answers(), set_state(*given))[1])
    claimed = queue.claim(1)
    assert claimed.user_attrs["worker"] == queue.token and claimed.user_attrs["attempt"] == 1


def test_a_result_whose_answer_is_lost_counts_once(queue, lost_answers, capsys):
    trial = optuna.trial.Trial(queue.study, queue.claim(1)._trial_id)
    lost_answers(commits=3)
    assert queue.tell(trial, optuna.trial.TrialState.COMPLETE, 1.0)
    assert queue.study.best_value == 1.0
    assert "server closed the connection" in capsys.readouterr().out


@pytest.mark.parametrize(
    "request_of",
    [lambda study: study.get_trials(), lambda study: study.set_user_attr("x", 1)],
    ids=["read trials", "set an attribute"],
)
def test_a_connection_that_breaks_at_any_statement_is_made_anew(queue, request_of, monkeypatch, capsys):
    monkeypatch.setattr(hpo.storage, "RETRY", 0.01)
    engine = queue.storage._backend.engine
    others = sqlalchemy.create_engine(engine.url, poolclass=sqlalchemy.pool.NullPool)
    statements, breaking = [], set()

    def count_and_break(connection, cursor, statement, *_):
        statements.append(statement)
        if len(statements) in breaking:
            with others.connect() as other:
                pid = cursor.connection.info.backend_pid
                other.execute(sqlalchemy.text(f"SELECT pg_terminate_backend({pid}, {1000 * SECONDS})"))

    request_of(queue.study)  # The first attribute of a name takes one statement more.
    sqlalchemy.event.listen(engine, "before_cursor_execute", count_and_break)
    request_of(queue.study)
    n_statements = len(statements)
    for number in range(1, n_statements + 1):
        statements.clear()
        breaking = {number}
        request_of(queue.study)
    assert capsys.readouterr().out.count("is away (") == n_statements > 1


def test_a_wait_ends_with_ctrl_c(queue, lost_answers, monkeypatch):
    monkeypatch.setattr(support.stopping._Signals, "asked", True)
    lost_answers()
    with pytest.raises(optuna.exceptions.StorageInternalError):
        queue.study.set_user_attr("x", 1)


# --- Several machines


def plan_study(url, name, folder, barrier):
    study = optuna.create_study(study_name=name, storage=open_storage(url, folder)[1], load_if_exists=True)
    with TrialQueue(study, study._storage, folder) as queue:
        barrier.wait()
        queue.plan(5)


def test_machines_that_plan_one_study_at_once_make_the_trials_once(tmp_path, server, study_of):
    context = forked.forks()
    for attempt in range(3):
        barrier, name = context.Barrier(3), f"planned-{attempt}"
        folders = [tmp_path / f"machine {number}" for number in range(3)]
        machines = [context.Process(target=plan_study, args=(server.url, name, at, barrier)) for at in folders]
        for machine in machines:
            machine.start()
        for machine in machines:
            machine.join(SECONDS)
        assert len(study_of(name).trials) == 5


def test_machines_that_start_one_study_at_once_share_its_trials(tmp_path, whole, server, study_of):
    options = ("--storage", server.url, "--study-name", "shared")
    runs = [Run("optuna", tmp_path / name, *options) for name in ("first", "second")]
    for run in runs:
        ended = run.end()
        assert ended.status == 0, ended.errors
    assert_whole(study_of("shared"), N_TRIALS)
    expected = [trial[2] for trial in whole("optuna")[0]["trials"]]
    assert [trial.value for trial in study_of("shared").trials] == expected


# --- Being asked to stop


def interrupt_a_commit(mark):
    """Have this process asked to stop in the middle of a request; ``mark`` shows that it ended all the same."""

    def ask(n_calls, when):
        if n_calls == 60:
            os.kill(os.getpid(), signal.SIGINT) if when == "before" else mark.touch()

    forked.listen_to_calls("sqlalchemy.orm:Session.commit", ask)


def test_a_request_is_ended_before_the_run_stops(tmp_path):
    mark = tmp_path / "mark"
    ended = Run("optuna", tmp_path, prepare=partial(interrupt_a_commit, mark)).end()
    assert ended.status == 130 and mark.is_file(), ended
    assert {trial.state for trial in forked.load_study(tmp_path).trials} <= {TrialState.COMPLETE, TrialState.WAITING}


def interrupt_a_request_without_end(longest_request, n_requests):
    """Have this process asked to stop ``n_requests`` times while a request waits for an answer that never comes."""
    forked.set_constant("support.stopping:LONGEST_REQUEST", longest_request)

    def ask(n_calls, when):
        if n_calls == 60:
            for _ in range(n_requests):
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10 * SECONDS)

    forked.listen_to_calls("sqlalchemy.orm:Session.commit", ask)


@pytest.mark.parametrize(("longest_request", "n_requests"), [(1.0, 1), (10 * SECONDS, 2)])
def test_a_request_without_an_answer_does_not_keep_a_run_from_stopping(tmp_path, longest_request, n_requests):
    """It ends after LONGEST_REQUEST, and at once at a second Ctrl-C."""
    interrupt = partial(interrupt_a_request_without_end, longest_request, n_requests)
    assert Run("optuna", tmp_path, prepare=interrupt).end().status == 130
