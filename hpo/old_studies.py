"""Study files of an older Optuna: recognised, and read from upgraded copies."""

import functools
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import RDBStorage

from hpo.urls import SQLITE_TIMEOUT, VALID, _literal, sqlite_url
from support.errors import UserError
from support.files import replacing

FIRST_ALEMBIC_SCHEMA = 12  # version_info.schema_version of all files that have an alembic_version


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
