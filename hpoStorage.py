"""Where a study is kept: opened, refused where it cannot serve, old ones read from an upgraded copy.

    URL -> is it SQLite? on a network file system? of an older Optuna? -> (URL that was opened, storage)

A study file of an older Optuna is a record of what was published: it is only ever read. A database server that is
away, once the study is open, is waited for.
"""

import functools
import logging
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePath
from typing import TypeVar
from urllib.parse import unquote, unquote_plus, urlsplit
from urllib.request import url2pathname

import optuna
import sqlalchemy
from filelock import FileLock
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, _CachedStorage
from optuna.trial import TrialState
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from tqdm import tqdm

from hpoSettings import PASSWORDS, StoppedError, UserError, public_url, sqlite_url, stop_was_asked, uninterrupted
from resultFiles import replacing

SQLITE_TIMEOUT = 60  # s, so that a dashboard that reads the file does not stop the study
PAUSES = (0.2, 0.5, 1.0, 2.0)  # s, while another process makes the tables
FOR_NOW = re.compile(r"already exists|too many (clients|connections)|connection slots", re.IGNORECASE)
PATIENCE = 600.0  # s that a server may be away: for a restart, an update
RETRY = 1.0  # s between two requests to a server that is away
VALID = "valid is an Optuna storage URL such as sqlite:///file.db or postgresql+psycopg://user@host/database"
PACKAGES = {  # what pip calls the drivers, where it is another name
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "mysqlconnector": "mysql-connector-python",
    "mariadbconnector": "mariadb",
}
# 9p, virtiofs and vboxsf are missing: virtual machines, WSL and containers mount local disks by them.
NETWORK_FILE_SYSTEM = re.compile(
    r"nfs[34]?|cifs|smb[23]|smbfs|ncpfs|afs|lustre|gpfs|beegfs|ceph|glusterfs|orangefs|pvfs2|panfs|wekafs"
    r"|fuse\.(sshfs|ceph|ceph-fuse|glusterfs|s3fs|rclone|gcsfuse|juicefs|curlftpfs|gvfsd-fuse|drive)"
)
UNREACHABLE = (
    sqlalchemy.exc.SQLAlchemyError,
    optuna.exceptions.OptunaError,
    sqlite3.Error,
    ImportError,
    ValueError,
    RuntimeError,
    LookupError,
    OSError,
)
FIRST_ALEMBIC_SCHEMA = 12  # version_info.schema_version of all files that have an alembic_version


# --- URLs


def _first_line(error: object, url: str) -> str:
    """Of what a library says about a URL, without the secrets in it."""
    return _without_secrets((str(error).splitlines() or [""])[0], url)


def _without_secrets(text: str, url: str) -> str:
    raw = {match["secret"] for pattern in PASSWORDS for match in pattern.finditer(url)}
    secrets = raw | {unquote(secret) for secret in raw} | {unquote_plus(secret) for secret in raw}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def check_url(url: str) -> URL:
    """The parts of a storage URL. Raises UserError when it has none; the library's message might show a password."""
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError(f"storage {public_url(url)!r} is not a URL that can be read; {VALID}") from None
    if parsed.password is not None and url.count("@") > 1:
        raise UserError(
            f"storage {public_url(url)!r} has more than one @; inside a name or a password it is written %40; {VALID}"
        )
    return parsed


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    name = url.database or ""
    if name.startswith("file:") and "uri" in url.query:
        name = url2pathname(urlsplit(name).path)
    in_memory = name in ("", ":memory:") or url.query.get("mode") == "memory"
    return None if in_memory else Path(name)


# --- Opening


def open_storage(url: str, copies: Path) -> tuple[str, BaseStorage]:
    """Open the storage behind an Optuna URL; a SQLite study of an older Optuna is opened as an upgraded copy.

    The copy is ``copies`` / its file name, made at the first call and used as it is from then on; one line tells
    both paths. The old file is only read. Returns the URL that was opened, and the storage. Raises UserError, which
    never shows a password, when the storage cannot be reached or cannot serve: SQLite in memory or on a network file
    system, a database of something else or of a newer Optuna, an old study on a server.
    """
    parsed = check_url(url)
    try:
        if parsed.get_backend_name() != "sqlite":
            return url, _opened(lambda: PatientStorage(RDBStorage(_literal(url), {"pool_pre_ping": True})))
        if not parsed.host:  # otherwise it lacks a slash, and SQLAlchemy says so
            url = _usable_sqlite(url, parsed, copies)
        wait = {"connect_args": {"timeout": SQLITE_TIMEOUT}}
        return url, _opened(lambda: WholeStorage(RDBStorage(_literal(url), engine_kwargs=wait)))
    except UNREACHABLE as error:
        raise UserError(_refusal(url, parsed, error)) from None  # the error that it came from may show the password


@contextmanager
def open_to_read(url: str, folder: Path) -> Iterator[BaseStorage]:
    """A storage for reading alone: a SQLite file, of whatever Optuna, as an upgraded copy in ``folder``.

    Raises UserError as `open_storage` does, and when there is no such file.
    """
    parsed = check_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.host:
        yield open_storage(url, folder)[1]
        return
    path = _sqlite_file(parsed)
    if path is None or not path.is_file():
        raise UserError(
            f"storage {public_url(url)!r} cannot be read: there is no file {str(path or ':memory:')!r}; {VALID}"
        )
    try:
        _is_old(path)  # raises when it cannot serve
        _make_upgraded(path, folder / path.name)
        storage = RDBStorage(_literal(sqlite_url(folder / path.name)))
    except UNREACHABLE as error:
        raise UserError(_refusal(url, parsed, error)) from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()  # Windows removes no file that is open


def _opened(connect: Callable[[], BaseStorage]) -> BaseStorage:
    """A storage, also when another process makes its tables at the same moment, or has the server's last connection."""
    for pause in PAUSES:
        try:
            return connect()
        except sqlalchemy.exc.DBAPIError as error:
            if not isinstance(error, sqlalchemy.exc.IntegrityError) and not FOR_NOW.search(str(error)):
                raise
            time.sleep(pause)
    return connect()


# --- Requests


Answer = TypeVar("Answer")


class WholeStorage(_CachedStorage):
    """A study in a database whose requests are not cut off by Ctrl-C.

    One that is cut off outside of the database's driver keeps its transaction, and with it a lock on the database: the
    process could not give back its trial then, nor could any other one.
    """

    def _insisting(self, request: Callable[[], Answer]) -> Answer:
        """The answer to a request."""
        with uninterrupted():
            return request()


def _insistent(name: str) -> Callable[..., object]:
    """The method of that name, as a request."""
    method = getattr(_CachedStorage, name)

    @functools.wraps(method)
    def insist(self: WholeStorage, *arguments: object, **options: object) -> object:
        return self._insisting(lambda: method(self, *arguments, **options))

    return insist


for _method in BaseStorage.__abstractmethods__:
    setattr(WholeStorage, _method, _insistent(_method))


class PatientStorage(WholeStorage):
    """A study on a server: a request that finds the server away is made again until it is back, for PATIENCE.

    The server may have done what it could not acknowledge, so a request that is made again must not count twice. What
    sets a value does not; for the others: a trial that has the state already is told (`set_trial_state_values`), but
    one that is RUNNING was claimed, by whomever, as its attributes say (False); and a trial that was made
    (`create_new_trial`) may be made once more, which then waits, beyond the trials that were asked for.
    """

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._given_up = False

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        try:
            return super().set_trial_state_values(trial_id, state, values)
        except UpdateFinishedTrialError:
            trial = self.get_trial(trial_id)
            if (trial.state, trial.values) != (state, list(values) if values is not None else None):
                raise
            return True

    @contextmanager
    def alone(self, study_id: int) -> Iterator[None]:
        """No other process, on whatever machine, is in here for this study meanwhile."""
        connection = self._insisting(lambda: self._locked(study_id))
        try:
            yield
        finally:
            try:
                connection.rollback()
            except SQLAlchemyError:  # the server went away, and the lock with it
                connection.invalidate()
            connection.close()

    def _locked(self, study_id: int) -> Connection:
        """A connection that holds the study's row of a table whose rows Optuna does not lock."""
        rows = sqlalchemy.table("study_directions", sqlalchemy.column("study_id"))
        connection = self._backend.engine.connect()
        try:
            connection.execute(sqlalchemy.select(rows).where(rows.c.study_id == study_id).with_for_update())
        except BaseException:
            connection.close()
            raise
        return connection

    def _insisting(self, request: Callable[[], Answer]) -> Answer:
        """The answer to a request. Raises StoppedError when the server has been away for PATIENCE."""
        since = None
        while True:
            try:
                answer = super()._insisting(request)
            except (StorageInternalError, SQLAlchemyError) as error:
                if not self._is_waited_for(error):
                    raise
                since = since or self._tell_away(error)
                if time.monotonic() - since > PATIENCE:
                    self._given_up = True
                    raise StoppedError(f"{self._name()} is still away after {PATIENCE:.0f} s") from None
                time.sleep(RETRY)
            else:
                if since:
                    tqdm.write(f"{self._name()} is back")
                return answer

    def _is_waited_for(self, error: Exception) -> bool:
        """Whether the server is away and the main thread is asking: the heartbeat asks again by itself."""
        away = isinstance(error.__cause__ or error, (OperationalError, InterfaceError))
        in_main = threading.current_thread() is threading.main_thread()
        return away and in_main and not self._given_up and not stop_was_asked()

    def _tell_away(self, error: Exception) -> float:
        reason = _first_line(getattr(error.__cause__ or error, "orig", error), self._backend.url)
        tqdm.write(f"{self._name()} is away ({reason}); it is waited for, {PATIENCE:.0f} s at most")
        return time.monotonic()

    def _name(self) -> str:
        return f"storage {public_url(self._backend.url)!r}"


@contextmanager
def alone(storage: BaseStorage, study_id: int) -> Iterator[None]:
    """No other machine is in here for this study meanwhile; the processes of one machine have a lock of their own."""
    if isinstance(storage, PatientStorage):
        with storage.alone(study_id):
            yield
    else:
        yield


# --- What is refused


def _literal(url: str) -> str:
    """The URL for Optuna, which takes braces for a template."""
    return url.replace("{", "{{").replace("}", "}}")


def _refusal(url: str, parsed: URL, error: Exception) -> str:
    """The sentence about a storage that Optuna could not open."""
    name = repr(public_url(url))
    if isinstance(error, RuntimeError) and "storage upgrade" in str(error):
        return (
            f"storage {name} was written by an older Optuna; upgrade it, after a backup, by "
            f"'optuna storage upgrade --storage {public_url(url)}'"
            + (", with the password for ***" if public_url(url) != url else "")
        )
    if isinstance(error, RuntimeError) and "no longer compatible" in str(error):
        return f"storage {name} was written by a newer Optuna than {optuna.__version__}: pip install -U optuna"
    if isinstance(error, ImportError):
        driver = parsed.get_driver_name()
        return f"storage {name} needs a driver: pip install '{PACKAGES.get(driver, driver)}'; {VALID}"
    return f"storage {name} cannot be reached ({type(error).__name__}: {_first_line(error, url)}); {VALID}"


def _usable_sqlite(url: str, parsed: URL, copies: Path) -> str:
    """The URL to open for a SQLite URL: itself, or that of an upgraded copy. Raises UserError where none can serve."""
    path = _sqlite_file(parsed)
    if path is None:
        raise UserError(
            f"storage {public_url(url)!r} is in memory: the study would be lost at the end, and other processes "
            f"cannot see it; {VALID}"
        )
    _check_place(path)
    if not path.exists() or not _is_old(path):
        return url
    copy = copies / path.name
    if copy.resolve() == path.resolve():
        copy = copies / "upgraded" / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    _check_place(copy)
    _keep_upgraded(path, copy)
    print(f"{path} was written by an older Optuna and stays as it is; its upgraded copy is used: {copy}")
    return sqlite_url(copy)


def _check_place(path: Path) -> None:
    """UserError for a place where a SQLite file cannot be kept."""
    if not path.parent.is_dir():
        raise UserError(f"storage {str(path)!r} cannot be reached: there is no folder {str(path.parent)!r}; {VALID}")
    if path.is_dir():
        raise UserError(f"storage {str(path)!r} cannot be reached: it is a folder, not a file; {VALID}")
    kind = network_file_system(path)
    if kind:
        raise UserError(
            f"storage {str(path)!r} is on a network file system ({kind}), where SQLite cannot lock its file and "
            f"studies break; use a folder on a local disk, or a database server; {VALID}"
        )


# --- Network file systems


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Kind of the network file system that a path is on, such as nfs4; None when it is local, or not known.

    ``mounts`` is a table as in /proc/mounts, which is read on Linux. On Windows a share is told by its UNC path.
    """
    resolved = path.resolve()  # also mounts what is mounted at its first use; on Windows, a drive letter -> its share
    if mounts is None and sys.platform == "win32":
        return "a Windows share" if is_windows_share(resolved) else None
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    kind = _mounted_kind(resolved, mounts)
    return kind if NETWORK_FILE_SYSTEM.fullmatch(kind) else None


def is_windows_share(path: PurePath) -> bool:
    r"""Whether a Windows path is a share, \\server\share, rather than a drive or a device."""
    drive = path.drive.upper()
    return drive.startswith("\\\\?\\UNC\\") or (
        drive.startswith("\\\\") and not drive.startswith(("\\\\?\\", "\\\\.\\"))
    )


def _mounted_kind(path: Path, mounts: str) -> str:
    """Kind of the file system with the longest mount point above a path; the last of them hides the others."""
    depth, found = 0, ""
    for line in mounts.split("\n"):
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, found = len(point.parts), fields[2].lower()
    return found


# --- Studies of an older Optuna


@functools.cache
def _revisions() -> tuple[str, frozenset[str]]:
    """The schema of this Optuna, and all that it knows."""
    storage = RDBStorage("sqlite://")
    return storage.get_head_version(), frozenset(storage.get_all_versions())


def _is_old(path: Path) -> bool:
    """Whether a SQLite file has the schema of an older Optuna.

    Raises UserError when it is of a newer one, or no Optuna storage at all.
    """
    try:
        with _reading(path) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            columns = {column[1] for column in database.execute("PRAGMA table_info(studies)")}
            revision = _first_value(database, "alembic_version", "version_num")
            schema = _first_value(database, "version_info", "schema_version")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname != "SQLITE_NOTADB":
            raise
        raise UserError(f"storage {str(path)!r} is not a SQLite file; {VALID}") from error
    if tables and not {"study_id", "study_name"} <= columns:
        raise UserError(f"storage {str(path)!r} is a database, but not of Optuna studies; {VALID}")
    if revision is None:  # another process may just be making the tables
        return schema is not None and schema < FIRST_ALEMBIC_SCHEMA
    head, known = _revisions()
    if revision not in known:
        raise UserError(
            f"storage {str(path)!r} was written by a newer Optuna than {optuna.__version__} (schema {revision}): "
            "pip install -U optuna, or use another file"
        )
    return revision != head


def _first_value(database: sqlite3.Connection, table: str, column: str) -> object:
    """One value of a table; None when there is no row, or no table."""
    if not database.execute(f"PRAGMA table_info({table})").fetchall():
        return None
    return (database.execute(f"SELECT {column} FROM {table}").fetchone() or (None,))[0]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file, read without any change to it; a write that was cut off is undone in a temporary copy."""
    with tempfile.TemporaryDirectory() as folder:
        connection = _connect_read_only(path)
        try:
            connection.execute("SELECT name FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            for file in (path, _beside(path, "-journal")):
                shutil.copyfile(file, Path(folder) / file.name)
            connection = sqlite3.connect(Path(folder) / path.name)
        except BaseException:
            connection.close()
            raise
        with closing(connection):
            yield connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    with path.open("rb") as file:
        uses_log = file.read(20)[18:] == b"\2\2"
    # Without its log nobody has such a file open, but a reader that is allowed to would leave an empty log beside it.
    unused = uses_log and not _beside(path, "-wal").exists()
    options = "mode=ro&immutable=1" if unused else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True, timeout=SQLITE_TIMEOUT)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _keep_upgraded(old: Path, copy: Path) -> None:
    """See that there is an upgraded copy. Raises UserError when there is one, but of another study or another state."""
    with FileLock(_beside(copy, ".lock")):
        if not copy.exists():
            _make_upgraded(old, copy)
        elif not _started_trials(old) <= _started_trials(copy):
            raise UserError(
                f"{str(copy)!r} is not a copy of {str(old)!r} as it is now; rename one of them, and a copy will be made"
            )


def _make_upgraded(old: Path, copy: Path) -> None:
    """Copy a study file and upgrade the copy; it has its name only when it is complete."""
    with replacing(copy) as unfinished:
        with _reading(old) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        storage = RDBStorage(_literal(sqlite_url(unfinished)), skip_compatibility_check=True, skip_table_creation=True)
        with _no_logging_setup():
            storage.upgrade()
        storage.remove_session()
        storage.engine.dispose()  # Windows renames no file that is open


@contextmanager
def _no_logging_setup() -> Iterator[None]:
    """Optuna's upgrade sets up the logging of the whole process, unless it finds a handler."""
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _started_trials(path: Path) -> set[tuple]:
    """What tells the trials of one study file from those of another."""
    with _reading(path) as database:
        return set(
            database.execute(
                "SELECT study_name, trial_id, datetime_start FROM trials JOIN studies USING (study_id) "
                "WHERE datetime_start IS NOT NULL"
            )
        )
