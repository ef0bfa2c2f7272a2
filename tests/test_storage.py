import logging
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path, PureWindowsPath

import forked
import optuna
import pytest

import hpo.file_systems
import hpo.storage
import hpo.urls
from hpo.file_systems import network_file_system
from hpo.results.studies import study_results
from hpo.storage import open_storage, open_to_read
from hpo.urls import public_url
from run_DenoisingML_HPO_Paper import PROBLEM
from support.errors import UserError

HEAD, KNOWN = "v3.2.0.a", "v3.0.0.d"  # schemas of Optuna 5 and 3.1
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "afs")
LOCAL = ("ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "9p", "virtiofs", "vboxsf", "autofs")
EXAMPLES = ("sqlite:///", "postgresql+psycopg://")
MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
server:/export /data nfs4 rw 0 0
/dev/sdb1 /data/local\040disk xfs rw 0 0
//pc/share /data/local\040disk/my\134share cifs rw 0 0
me@host:/ /remote fuse.sshfs rw 0 0
C:\134 /windows 9p rw 0 0
/etc/auto.home /homes autofs rw 0 0
server:/homes /homes nfs rw 0 0
drive /content/drive fuse.drive rw 0 0
/dev/sdc1 /usb fuseblk rw 0 0
short line
"""
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="paths as on Linux")


def sqlite_url(path):
    return f"sqlite:///{path.as_posix()}"


def objective(trial):
    x = trial.suggest_float("Learning Rate", 1e-6, 1e-3, log=True)
    n = trial.suggest_int("num_dnn", 2, 4096)
    trial.suggest_float("step", 0, 1, step=0.25)
    trial.suggest_categorical("net", ["TCN", "LSTM", None])
    for epoch in range(3):
        trial.report(n / (epoch + 1), epoch)
    trial.set_user_attr("epochs", 3)
    if trial.number == 1:
        raise optuna.TrialPruned
    return x * n


def write_study(path, name="published", n_trials=3):
    storage = optuna.storages.RDBStorage(sqlite_url(path))
    study = optuna.create_study(storage=storage, study_name=name, sampler=optuna.samplers.RandomSampler(seed=0))
    study.set_user_attr("paper", [1, 2])
    study.optimize(objective, n_trials=n_trials)
    close(storage)
    return study.trials


def close(storage):
    storage.remove_session()
    getattr(storage, "_backend", storage).engine.dispose()


def execute(path, *statements):
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def set_revision(path, revision):
    execute(path, f"UPDATE alembic_version SET version_num = '{revision}'")


def make_old(path):
    """Give a study file the schema of Optuna 3.1."""
    execute(path, "DROP INDEX ix_trials_study_id")
    set_revision(path, KNOWN)


@pytest.fixture
def old(tmp_path):
    """A study file with the schema of Optuna 3.1."""
    path = tmp_path / "archive" / "old.db"
    path.parent.mkdir()
    write_study(path)
    make_old(path)
    return path


def trials_in(storage):
    return optuna.load_study(study_name="published", storage=storage).trials


def refusal(url, copies):
    """The sentence that a URL is refused with."""
    with pytest.raises(UserError) as caught:
        open_storage(url, copies)
    message = str(caught.value)
    assert "\n" not in message
    return message


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


# --- Passwords


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:secret@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
        ("postgresql://me:se@cr:et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:secret@[::1]:5432/db", "postgresql://me:***@[::1]:5432/db"),
        ("postgresql://me:sec/ret?x@host/db", "postgresql://me:***@host/db"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("postgresql://me:secret", "postgresql://me:***"),
        ("postgresql://me:sec/ret", "postgresql://me:***"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("mysql://host/db?sslPassword=secret", "mysql://host/db?sslPassword=***"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://[::1]/db", "postgresql://[::1]/db"),
        ("sqlite:///C:/a@b/x.db", "sqlite:///C:/a@b/x.db"),
        ("sqlite:////a/x.db", "sqlite:////a/x.db"),
        ("nonsense", "nonsense"),
    ],
)
def test_public_url_shows_all_but_the_password(url, shown):
    assert public_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:sec%2Fret@127.0.0.1:1/x",
        "postgresql+psycopg://me:p@sec/ret@127.0.0.1:1/x",
        "postgresql+psycopg://127.0.0.1:1/x?user=me&password=sec/ret",
        "postgresql+nodriver://me:sec/ret@127.0.0.1:1/x",
        "postgresql://me:sec/ret",
        "postgresql://me:sec/ret@host:port/x",
        "redis://me:sec/ret@host/0",
        "sec/ret://me:sec/ret@host",
        "mysql+pymysql://me:sec/ret@127.0.0.1:1/x",
    ],
)
def test_no_refusal_shows_a_password(url, tmp_path):
    message = refusal(url, tmp_path)
    if not url.startswith("sec"):
        assert "ret" not in message
    assert "me:sec" not in message
    assert "password=sec" not in message
    assert all(example in message for example in EXAMPLES)


def test_a_password_in_the_message_of_the_library_is_hidden(tmp_path, monkeypatch):
    def fail(url, options):
        raise ValueError(f"no way to {url}: 's3 cr/et' is wrong")

    monkeypatch.setattr(hpo.storage, "RDBStorage", fail)
    message = refusal("postgresql://me:s3+cr%2Fet@host/db", tmp_path)
    assert "cr%2Fet" not in message
    assert "cr/et" not in message
    assert "no way to" in message


def test_the_error_of_the_library_is_no_part_of_a_traceback(tmp_path):
    with pytest.raises(UserError) as caught:
        open_storage("postgresql+psycopg://me:secret@127.0.0.1:1/x", tmp_path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- What is refused


@pytest.mark.parametrize("url", ["nonsense", "", "oracle+no://host/db", "sqlite://two.db", "sqlite+no:///x.db"])
def test_what_is_no_storage_is_refused(url, tmp_path):
    message = refusal(url, tmp_path)
    assert repr(url) in message
    assert all(example in message for example in EXAMPLES)


def test_a_password_with_an_at_sign_is_explained(tmp_path):
    assert "%40" in refusal("postgresql://me:p@ss@host/db", tmp_path)


@pytest.mark.parametrize(
    ("driver", "module", "package"),
    [
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("mysql", "MySQLdb", "mysqlclient"),
        ("mysql+pymysql", "pymysql", "pymysql"),
        ("postgresql+psycopg", "psycopg", "psycopg[binary]"),
    ],
)
def test_a_missing_driver_is_named_as_pip_calls_it(driver, module, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # importing it raises ImportError
    message = refusal(f"{driver}://me:secret@host/db", tmp_path)
    assert f"pip install '{package}'" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:name?mode=memory&uri=true",
    ],
)
def test_sqlite_in_memory_is_refused(url, tmp_path):
    message = refusal(url, tmp_path)
    assert "in memory" in message
    assert all(example in message for example in EXAMPLES)


def test_sqlite_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hpo.storage, "network_file_system", lambda path: "nfs4")
    message = refusal(sqlite_url(tmp_path / "x.db"), tmp_path)
    assert "(nfs4)" in message
    assert "local disk" in message
    assert all(example in message for example in EXAMPLES)
    assert left_in(tmp_path) == []


def test_a_copy_is_not_made_on_a_network_file_system(old, tmp_path, monkeypatch):
    copies = tmp_path / "copies"
    monkeypatch.setattr(
        hpo.storage, "network_file_system", lambda path: "nfs4" if path.is_relative_to(copies) else None
    )
    assert "copies" in refusal(sqlite_url(old), copies)
    assert left_in(copies) == []


def test_a_missing_folder_is_named(tmp_path):
    message = refusal(sqlite_url(tmp_path / "no" / "x.db"), tmp_path)
    assert repr(str(tmp_path / "no")) in message
    assert all(example in message for example in EXAMPLES)
    assert not (tmp_path / "no").exists()


def test_a_folder_is_no_storage(tmp_path):
    assert "it is a folder" in refusal(sqlite_url(tmp_path), tmp_path)


def test_a_file_of_something_else_is_refused_and_kept(tmp_path):
    text = tmp_path / "x.db"
    text.write_text("not a database, and long enough to have the header of one, had it been one. " * 20)
    before = text.read_bytes()
    assert "not a SQLite file" in refusal(sqlite_url(text), tmp_path)
    assert text.read_bytes() == before


@pytest.mark.parametrize("table", ["wells (name TEXT)", "studies (title TEXT)", "alembic_version (version_num TEXT)"])
def test_a_database_of_something_else_is_refused_and_kept(tmp_path, table):
    path = tmp_path / "wells.db"
    execute(path, f"CREATE TABLE {table}")
    before = path.read_bytes()
    assert "not of Optuna studies" in refusal(sqlite_url(path), tmp_path)
    assert path.read_bytes() == before


def test_a_study_of_a_newer_optuna_is_refused_and_kept(tmp_path):
    path = tmp_path / "new.db"
    write_study(path)
    set_revision(path, "v9.0.0.a")
    before = path.read_bytes()
    message = refusal(sqlite_url(path), tmp_path / "copies")
    assert "newer Optuna" in message
    assert "pip install -U optuna" in message
    assert path.read_bytes() == before
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    ("revision", "says"),
    [(KNOWN, "'optuna storage upgrade --storage postgresql://me:***@host/db'"), ("v9.0.0.a", "pip install -U optuna")],
)
def test_a_study_of_another_optuna_on_a_server_is_refused(old, tmp_path, monkeypatch, revision, says):
    set_revision(old, revision)
    storage = optuna.storages.RDBStorage
    monkeypatch.setattr(hpo.storage, "RDBStorage", lambda url, options: storage(sqlite_url(old)))
    message = refusal("postgresql://me:secret@host/db", tmp_path)
    assert says in message
    assert "secret" not in message


# --- What is opened


def test_a_new_file_becomes_a_storage(tmp_path, capsys):
    url = sqlite_url(tmp_path / "new.db")
    opened, storage = open_storage(url, tmp_path / "copies")
    assert opened == url
    assert storage._backend.get_current_version() == HEAD
    assert storage._backend.engine_kwargs == {"connect_args": {"timeout": hpo.urls.SQLITE_TIMEOUT}}
    assert not (tmp_path / "copies").exists()
    assert capsys.readouterr().out == ""


def test_a_study_of_this_optuna_is_opened_where_it_is(tmp_path):
    path = tmp_path / "mine.db"
    trials = write_study(path)
    opened, storage = open_storage(sqlite_url(path), tmp_path / "copies")
    assert opened == sqlite_url(path)
    assert trials_in(storage) == trials


@posix_only
@pytest.mark.parametrize("name", ["with space.db", "{braces}.db", "half {.db", "100%25.db", "é#@&.db"])
def test_unusual_file_names(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    url = hpo.urls.sqlite_url(folder / name)
    opened, storage = open_storage(url, tmp_path)
    assert (folder / name).is_file()
    study = optuna.create_study(storage=storage, study_name="published")
    study.optimize(objective, n_trials=1)
    close(storage)
    set_revision(folder / name, KNOWN)
    execute(folder / name, "DROP INDEX ix_trials_study_id")
    opened, storage = open_storage(url, tmp_path / "copies {}")
    assert (tmp_path / "copies {}" / name).is_file()
    assert trials_in(storage) == study.trials
    assert open_storage(opened, tmp_path / "other")[0] == opened


def _open_new(url, barrier, results):
    barrier.wait()
    try:
        results.put(open_storage(url, Path("nowhere"))[0])
    except UserError as error:
        results.put(str(error))


def test_processes_that_make_a_storage_together_all_get_it(tmp_path):
    context = forked.forks()
    url, barrier, results = sqlite_url(tmp_path / "new.db"), context.Barrier(2), context.Queue()
    processes = [context.Process(target=_open_new, args=(url, barrier, results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=120) for _ in processes] == [url] * 2
    for process in processes:
        process.join()


def test_making_of_the_tables_by_another_process_is_waited_for(tmp_path, monkeypatch):
    tries = []

    def connect(url, options):
        tries.append(url)
        if len(tries) < 3:
            raise sqlalchemy_error("relation already exists")
        return optuna.storages.InMemoryStorage()

    def sqlalchemy_error(text):
        return hpo.storage.sqlalchemy.exc.ProgrammingError("CREATE TABLE", {}, Exception(text))

    monkeypatch.setattr(hpo.storage, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(hpo.storage, "RDBStorage", connect)
    open_storage("postgresql://host/db", tmp_path)
    assert len(tries) == 3


# --- Studies of an older Optuna


def test_an_old_study_is_read_from_an_upgraded_copy(old, tmp_path, capfd):
    before, state = old.read_bytes(), old.stat()
    with pytest.raises(RuntimeError, match="no longer compatible"):
        optuna.storages.RDBStorage(sqlite_url(old))
    copies = tmp_path / "results" / "copies"
    opened, storage = open_storage(sqlite_url(old), copies)
    copy = copies / "old.db"
    assert opened == sqlite_url(copy)
    assert storage._backend.get_current_version() == HEAD
    study = optuna.load_study(study_name="published", storage=storage)
    assert study.user_attrs == {"paper": [1, 2]}
    expected = write_study(tmp_path / "again.db")
    for trial, other in zip(study.trials, expected, strict=True):
        assert (trial.state, trial.value, trial.params) == (other.state, other.value, other.params)
        assert trial.distributions == other.distributions
        assert trial.intermediate_values == other.intermediate_values
        assert trial.user_attrs == other.user_attrs
    output = capfd.readouterr()
    assert len(output.out.splitlines()) == 1
    assert str(old) in output.out
    assert str(copy) in output.out
    assert "alembic" not in output.err
    study.optimize(objective, n_trials=1)
    assert old.read_bytes() == before
    assert old.stat().st_mtime_ns == state.st_mtime_ns
    assert left_in(old.parent) == ["old.db"]
    assert left_in(copies) == ["old.db"]


def test_the_upgrade_leaves_logging_as_it_is(old, tmp_path):
    root, other = logging.getLogger(), logging.getLogger("hpo.test")
    handlers, level = list(root.handlers), root.level
    for handler in handlers:
        root.removeHandler(handler)  # of pytest; without any, Optuna's upgrade sets up the logging
    try:
        open_storage(sqlite_url(old), tmp_path / "copies")
        assert root.handlers == []
    finally:
        for handler in handlers:
            root.addHandler(handler)
    assert root.level == level
    assert not other.disabled


def test_failed_trials_with_values_and_trials_without_an_end_are_read_for_figures(old, tmp_path):
    """Published studies have both, and Study.add_trial refuses them."""
    execute(
        old,
        "UPDATE trials SET state = 'FAIL' WHERE number = 0",
        "UPDATE trials SET datetime_complete = NULL WHERE number = 2",
    )
    with open_to_read(sqlite_url(old), tmp_path) as storage:
        results = study_results(PROBLEM, "published", trials_in(storage), {})
    assert list(results.trials["kind"]) == ["failed with a value", "pruned", "trained"]
    assert [trial.value for trial in results.trained.trials] == [results.trials["score"][2]]


def test_a_second_opening_goes_on_with_the_copy(old, tmp_path):
    copies = tmp_path / "copies"
    opened, storage = open_storage(sqlite_url(old), copies)
    optuna.load_study(study_name="published", storage=storage).optimize(objective, n_trials=1)
    again, storage = open_storage(sqlite_url(old), copies)
    assert again == opened
    assert len(trials_in(storage)) == 4
    assert open_storage(opened, copies)[0] == opened


def test_a_copy_of_another_study_is_not_taken_for_this_one(old, tmp_path):
    copies = tmp_path / "copies"
    open_storage(sqlite_url(old), copies)
    other = tmp_path / "other" / "old.db"
    other.parent.mkdir()
    write_study(other, name="another")
    set_revision(other, KNOWN)
    message = refusal(sqlite_url(other), copies)
    assert str(other) in message
    assert str(copies / "old.db") in message


def test_an_old_study_in_the_folder_of_the_copies_stays_as_it_is(old):
    before = old.read_bytes()
    opened, storage = open_storage(sqlite_url(old), old.parent)
    assert opened == sqlite_url(old.parent / "upgraded" / "old.db")
    assert len(trials_in(storage)) == 3
    assert old.read_bytes() == before


def test_a_failed_upgrade_leaves_no_copy(old, tmp_path, monkeypatch):
    def fail(storage):
        raise OSError("No space left on device")

    monkeypatch.setattr(optuna.storages.RDBStorage, "upgrade", fail)
    assert "No space left" in refusal(sqlite_url(old), tmp_path / "copies")
    assert left_in(tmp_path / "copies") == []


def test_an_old_study_by_a_file_uri(old, tmp_path):
    opened, _ = open_storage(f"sqlite:///file:{old.as_posix()}?mode=ro&uri=true", tmp_path / "copies")
    assert opened == sqlite_url(tmp_path / "copies" / "old.db")


def cut_off_write(path):
    """Leave a study file as a killed writer does: half of its last write in the file, what it replaced beside it."""
    work = path.with_name("work.db")
    shutil.copy(path, work)
    with closing(sqlite3.connect(work)) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE trials SET state = 'FAIL'")
        database.execute("CREATE TABLE junk (x)")
        database.executemany("INSERT INTO junk VALUES (?)", [("y" * 3000,)] * 50)
        shutil.copy(work, path)
        shutil.copy(f"{work}-journal", f"{path}-journal")
    work.unlink()


@posix_only
def test_a_write_that_was_cut_off_is_undone_in_the_copy_alone(old, tmp_path):
    cut_off_write(old)
    journal = old.with_name("old.db-journal")
    before = old.read_bytes(), journal.read_bytes()
    _, storage = open_storage(sqlite_url(old), tmp_path / "copies")
    assert [trial.state.name for trial in trials_in(storage)] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert (old.read_bytes(), journal.read_bytes()) == before


@posix_only
def test_a_write_that_was_cut_off_in_a_study_of_this_optuna_is_undone(tmp_path):
    path = tmp_path / "mine.db"
    trials = write_study(path)
    cut_off_write(path)
    opened, storage = open_storage(sqlite_url(path), tmp_path)
    assert opened == sqlite_url(path)
    assert trials_in(storage) == trials


def test_an_old_study_with_a_write_ahead_log_stays_as_it_is(old, tmp_path):
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
    before = old.read_bytes()
    _, storage = open_storage(sqlite_url(old), tmp_path / "copies")
    assert len(trials_in(storage)) == 3
    assert old.read_bytes() == before
    assert left_in(old.parent) == ["old.db"]


def test_a_study_from_before_alembic_stays_as_it_is(old, tmp_path, monkeypatch):
    execute(old, "DROP TABLE alembic_version", "UPDATE version_info SET schema_version = 11")
    before = old.read_bytes()
    monkeypatch.setattr(optuna.storages.RDBStorage, "upgrade", lambda storage: None)
    assert "optuna storage upgrade" in refusal(sqlite_url(old), tmp_path / "copies")
    assert old.read_bytes() == before


# --- Network file systems


@posix_only
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/x.db", "nfs4"),
        ("/data", "nfs4"),
        ("/database/x.db", None),
        ("/data/local disk/x.db", None),
        ("/data/local disk/my\\share/x.db", "cifs"),
        ("/remote/folder/that/is/not/there/x.db", "fuse.sshfs"),
        ("/windows/x.db", None),
        ("/homes/me/x.db", "nfs"),
        ("/content/drive/MyDrive/x.db", "fuse.drive"),
        ("/usb/x.db", None),
        ("/elsewhere/../data/x.db", "nfs4"),
    ],
)
def test_the_longest_mount_point_tells_the_file_system(path, kind):
    assert network_file_system(Path(path), MOUNTS) == kind


@posix_only
@pytest.mark.parametrize("kind", NETWORK)
def test_network_file_systems(kind):
    assert network_file_system(Path("/data/x.db"), f"a / ext4 rw 0 0\nb /data {kind} rw 0 0\n") == kind


@posix_only
@pytest.mark.parametrize("kind", LOCAL)
def test_local_file_systems(kind):
    assert network_file_system(Path("/data/x.db"), f"a / ext4 rw 0 0\nb /data {kind} rw 0 0\n") is None


@posix_only
def test_a_link_into_a_network_file_system_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    mounts = f"a / ext4 rw 0 0\nb {(tmp_path / 'real').resolve()} nfs rw 0 0\n"
    assert network_file_system(tmp_path / "link" / "x.db", mounts) == "nfs"


def test_no_table_of_mounts_is_no_network(tmp_path):
    assert network_file_system(tmp_path, "") is None


def test_the_folder_of_the_tests_is_local(tmp_path):
    assert network_file_system(tmp_path / "x.db") is None


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        (r"\\server\share\x.db", True),
        (r"\\?\UNC\server\share\x.db", True),
        (r"\\wsl.localhost\Ubuntu\home", True),
        (r"C:\x.db", False),
        (r"\\?\C:\x.db", False),
        (r"x.db", False),
    ],
)
def test_windows_shares(path, shared):
    assert hpo.file_systems.is_windows_share(PureWindowsPath(path)) is shared
