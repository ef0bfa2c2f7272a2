"""Where a study is kept: a storage is opened, or refused where it cannot serve.

    URL -> is it SQLite? on a network file system? of an older Optuna? -> (URL that was opened, storage)

A study file of an older Optuna is a record of what was published: it is only ever read, from an upgraded copy. Once a
study is open, a database server that goes away is waited for.
"""

import functools
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy
from optuna.exceptions import OptunaError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, _CachedStorage
from optuna.trial import TrialState
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from tqdm import tqdm

from hpo.file_systems import network_file_system
from hpo.old_studies import is_old, keep_upgraded, make_upgraded
from hpo.urls import SQLITE_TIMEOUT, VALID, first_line, literal_url, sqlite_file, check_url, public_url, sqlite_url
from support.errors import StoppedError, UserError
from support.stopping import stop_was_asked

PAUSES = (0.2, 0.5, 1.0, 2.0)  # s, while another process makes the tables
FOR_NOW = re.compile(r"already exists|too many (clients|connections)|connection slots", re.IGNORECASE)
LONGEST_ABSENCE = 600.0  # s that a server may be away: for a restart, an update
RETRY = 1.0  # s between two requests to a server that is away
PACKAGES = {  # names of drivers as pip knows them, where they differ
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "mysqlconnector": "mysql-connector-python",
    "mariadbconnector": "mariadb",
}
UNREACHABLE = (SQLAlchemyError, OptunaError, sqlite3.Error, ImportError, ValueError, RuntimeError, LookupError, OSError)


# --- Opening


def open_storage(url: str, copies: Path) -> tuple[str, BaseStorage]:
    """Open the storage behind an Optuna URL; a SQLite study of an older Optuna is opened as an upgraded copy.

    The copy is ``copies`` / its file name, made at the first call and used as it is from then on; one printed line
    names both paths. The old file is only read. Returns the URL that was opened, and the storage. Raises UserError,
    which never shows a password, when the storage cannot be reached or cannot serve: SQLite in memory or on a network
    file system, a database of something else or of a newer Optuna, an old study on a server.
    """
    parsed = check_url(url)
    on_server = parsed.get_backend_name() != "sqlite"
    try:
        if not on_server and not parsed.host:  # With a host it lacks a slash, and SQLAlchemy says so.
            url = _usable_sqlite(url, parsed, copies)
        options = {"pool_pre_ping": True} if on_server else {"connect_args": {"timeout": SQLITE_TIMEOUT}}
        backend = _connected(literal_url(url), options)
        return url, _CachedStorage(PatientBackend(backend) if on_server else backend)
    except UNREACHABLE as error:
        raise UserError(_refusal(url, parsed, error)) from None  # The error that it came from may show the password.


@contextmanager
def open_to_read(url: str, folder: Path) -> Iterator[BaseStorage]:
    """A storage for reading alone: a SQLite file, of whatever Optuna, as an upgraded copy in ``folder``.

    Raises UserError as `open_storage` does, and when there is no such file.
    """
    parsed = check_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.host:
        yield open_storage(url, folder)[1]
        return
    path = sqlite_file(parsed)
    if path is None or not path.is_file():
        raise UserError(
            f"storage {public_url(url)!r} cannot be read: there is no file {str(path or ':memory:')!r}; {VALID}"
        )
    try:
        is_old(path)  # It raises an error for a file that cannot serve.
        make_upgraded(path, folder / path.name)
        storage = RDBStorage(literal_url(sqlite_url(folder / path.name)))
    except UNREACHABLE as error:
        raise UserError(_refusal(url, parsed, error)) from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()  # Windows removes no file that is open.


def _connected(url: str, options: Mapping[str, object]) -> RDBStorage:
    """A storage, also when another process makes its tables at the same moment, or has the server's last connection."""
    for pause in PAUSES:
        try:
            return RDBStorage(url, options)
        except DBAPIError as error:
            if not isinstance(error, IntegrityError) and not FOR_NOW.search(str(error)):
                raise
            time.sleep(pause)
    return RDBStorage(url, options)


# --- A server that is away


class PatientBackend:
    """A database server behind Optuna's cache: a request that finds the server away is repeated until it is back.

    Raises StoppedError when the server has been away for LONGEST_ABSENCE. The server may have done what it could not
    acknowledge, so a repeated request must not count twice. Setting a value never does. A result that the trial has
    already is this process' own (`set_trial_state_values`). A trial that is RUNNING already was claimed by whichever
    process its attributes name, and the answer is False. A trial that was made (`create_new_trial`) may be made once
    more; it then waits, beyond the trials that were asked for.
    """

    def __init__(self, backend: RDBStorage) -> None:
        self._backend = backend
        self._given_up = False

    def __getattr__(self, name: str) -> object:
        found = getattr(self._backend, name)
        return functools.partial(self._insist, found) if callable(found) else found

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        try:
            return self._insist(self._backend.set_trial_state_values, trial_id, state, values)
        except UpdateFinishedTrialError:
            trial = self.get_trial(trial_id)
            if (trial.state, trial.values) != (state, list(values) if values is not None else None):
                raise
            return True

    def _insist(self, request: Callable, *arguments: object, **options: object) -> object:
        """The answer to a request."""
        since = None
        while True:
            try:
                answer = request(*arguments, **options)
            except (StorageInternalError, SQLAlchemyError) as error:
                if not self._is_waited_for(error):
                    raise
                name = f"storage {public_url(self._backend.url)!r}"
                if since is None:
                    since = time.monotonic()
                    reason = first_line(getattr(_of_database(error), "orig", error), self._backend.url)
                    tqdm.write(f"{name} is away ({reason}); it is waited for, {LONGEST_ABSENCE:.0f} s at most")
                if time.monotonic() - since > LONGEST_ABSENCE:
                    self._given_up = True
                    raise StoppedError(f"{name} is still away after {LONGEST_ABSENCE:.0f} s") from None
                time.sleep(RETRY)
            else:
                if since is not None:
                    tqdm.write(f"{name} is back")
                return answer

    def lock_study(self, study_id: int) -> Connection:
        """A connection that holds the study's row of a table whose rows Optuna does not lock."""
        return self._insist(self._lock_study, study_id)

    def _lock_study(self, study_id: int) -> Connection:
        rows = sqlalchemy.table("study_directions", sqlalchemy.column("study_id"))
        connection = self._backend.engine.connect()
        try:
            connection.execute(sqlalchemy.select(rows).where(rows.c.study_id == study_id).with_for_update())
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_waited_for(self, error: Exception) -> bool:
        """Whether the server is away and the main thread is asking: the heartbeat asks again by itself."""
        away = isinstance(_of_database(error), (OperationalError, InterfaceError))
        in_main = threading.current_thread() is threading.main_thread()
        return away and in_main and not self._given_up and not stop_was_asked()


def _of_database(error: Exception) -> BaseException:
    """The error of the database behind one of Optuna's."""
    found = error.__cause__ or error
    # Optuna asks again when a query of trials fails, on the same connection, which may be lost by then.
    return (found.__context__ or found) if isinstance(found, PendingRollbackError) else found


@contextmanager
def locked_on_server(storage: BaseStorage, study_id: int) -> Iterator[None]:
    """Keep the processes of other machines out of this block for a study; one machine's processes share a lock file."""
    backend = getattr(storage, "_backend", None)
    if not isinstance(backend, PatientBackend):
        yield
        return
    connection = backend.lock_study(study_id)
    try:
        yield
    finally:
        try:
            connection.rollback()
        except SQLAlchemyError:  # The server went away, and the lock with it.
            connection.invalidate()
        connection.close()


# --- What is refused


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
    return f"storage {name} cannot be reached ({type(error).__name__}: {first_line(error, url)}); {VALID}"


def _usable_sqlite(url: str, parsed: URL, copies: Path) -> str:
    """The URL to open for a SQLite URL: itself, or that of an upgraded copy. Raises UserError where none can serve."""
    path = sqlite_file(parsed)
    if path is None:
        raise UserError(
            f"storage {public_url(url)!r} is in memory: the study would be lost at the end, and other processes "
            f"cannot see it; {VALID}"
        )
    _check_place(path)
    if not path.exists() or not is_old(path):
        return url
    copy = copies / path.name
    if copy.resolve() == path.resolve():
        copy = copies / "upgraded" / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    _check_place(copy)
    keep_upgraded(path, copy)
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
