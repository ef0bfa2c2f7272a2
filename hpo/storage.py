"""Where a study is kept: opened, refused where it cannot serve, old ones read from an upgraded copy.

    URL -> is it SQLite? on a network file system? of an older Optuna? -> (URL that was opened, storage)

A study file of an older Optuna is a record of what was published: it is only ever read. A database server that is
away, once the study is open, is waited for.
"""

import functools
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, _CachedStorage
from optuna.trial import TrialState
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from tqdm import tqdm

from hpo.file_systems import network_file_system
from hpo.old_studies import _is_old, _keep_upgraded, _make_upgraded
from hpo.urls import SQLITE_TIMEOUT, VALID, _first_line, _literal, _sqlite_file, check_url, public_url, sqlite_url
from support.errors import StoppedError, UserError
from support.stopping import stop_was_asked, uninterrupted

PAUSES = (0.2, 0.5, 1.0, 2.0)  # s, while another process makes the tables
FOR_NOW = re.compile(r"already exists|too many (clients|connections)|connection slots", re.IGNORECASE)
PATIENCE = 600.0  # s that a server may be away: for a restart, an update
RETRY = 1.0  # s between two requests to a server that is away
PACKAGES = {  # what pip calls the drivers, where it is another name
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "mysqlconnector": "mysql-connector-python",
    "mariadbconnector": "mariadb",
}
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
    def locked_on_server(self, study_id: int) -> Iterator[None]:
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
def locked_on_server(storage: BaseStorage, study_id: int) -> Iterator[None]:
    """No other machine is in here for this study meanwhile; the processes of one machine have a lock of their own."""
    if isinstance(storage, PatientStorage):
        with storage.alone(study_id):
            yield
    else:
        yield


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
