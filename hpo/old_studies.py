"""Study files of an older Optuna: recognised, and read from upgraded copies.

A copy by `optuna.copy_study` would need no upgrade, but reads files of Optuna 3.0 and later only: the tables of older
ones lack columns.
"""

import functools
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import RDBStorage

from hpo.sqlite_files import reading
from hpo.urls import VALID, literal_url, sqlite_url
from support.errors import UserError
from support.files import replacing

FIRST_ALEMBIC_SCHEMA = 12  # version_info.schema_version of all files that have an alembic_version


@functools.cache
def _revisions() -> tuple[str, frozenset[str]]:
    """The schema of this Optuna, and all that it knows."""
    storage = RDBStorage("sqlite://")
    return storage.get_head_version(), frozenset(storage.get_all_versions())


def is_old(path: Path) -> bool:
    """Whether a SQLite file has the schema of an older Optuna.

    Raises UserError when the schema is of a newer Optuna, or when the file is no Optuna storage at all.
    """
    try:
        with reading(path) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            columns = {column[1] for column in database.execute("PRAGMA table_info(studies)")}
            revision = schema = None
            if "alembic_version" in tables:
                (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
            if "version_info" in tables:
                (schema,) = database.execute("SELECT schema_version FROM version_info").fetchone() or (None,)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname != "SQLITE_NOTADB":
            raise
        raise UserError(f"storage {str(path)!r} is not a SQLite file; {VALID}") from error
    if tables and not {"study_id", "study_name"} <= columns:
        raise UserError(f"storage {str(path)!r} is a database, but not of Optuna studies; {VALID}")
    if revision is None:  # Another process may be making the tables at this moment.
        return schema is not None and schema < FIRST_ALEMBIC_SCHEMA
    head, known = _revisions()
    if revision not in known:
        raise UserError(
            f"storage {str(path)!r} was written by a newer Optuna than {optuna.__version__} (schema {revision}): "
            "pip install -U optuna, or use another file"
        )
    return revision != head


def keep_upgraded(old: Path, copy: Path) -> None:
    """Make an upgraded copy unless there is one. Raises UserError for a copy of another study, or of another state."""
    with FileLock(f"{copy}.lock"):
        if not copy.exists():
            make_upgraded(old, copy)
        elif not _started_trials(old) <= _started_trials(copy):
            raise UserError(
                f"{str(copy)!r} is not a copy of {str(old)!r} as it is now; rename one of them, and a copy will be made"
            )


def make_upgraded(old: Path, copy: Path) -> None:
    """Copy a study file and upgrade the copy, which takes its name only when it is complete."""
    with replacing(copy) as unfinished:
        with reading(old) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        storage = RDBStorage(
            literal_url(sqlite_url(unfinished)), skip_compatibility_check=True, skip_table_creation=True
        )
        # Optuna's upgrade sets up the logging of the whole process, unless it finds a handler.
        handler = logging.NullHandler()
        logging.getLogger().addHandler(handler)
        try:
            storage.upgrade()
        finally:
            logging.getLogger().removeHandler(handler)
        storage.remove_session()
        storage.engine.dispose()  # Windows renames no file that is open.


def _started_trials(path: Path) -> set[tuple]:
    """What distinguishes the trials of one study file from those of another."""
    with reading(path) as database:
        return set(
            database.execute(
                "SELECT study_name, trial_id, datetime_start FROM trials JOIN studies USING (study_id) "
                "WHERE datetime_start IS NOT NULL"
            )
        )
