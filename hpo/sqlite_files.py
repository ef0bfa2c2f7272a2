"""SQLite files of studies, of whatever Optuna, read without any change to them."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from hpo.urls import SQLITE_TIMEOUT, VALID
from support.errors import UserError


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file, read without any change to it; a write that was cut off is undone in a temporary copy."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        connection = opened.enter_context(closing(_connect_read_only(path)))
        try:
            connection.execute("SELECT name FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            for file in (path, Path(f"{path}-journal")):
                shutil.copyfile(file, Path(folder) / file.name)
            connection = opened.enter_context(closing(sqlite3.connect(Path(folder) / path.name)))
        yield connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    with path.open("rb") as file:
        uses_log = file.read(20)[18:] == b"\2\2"
    # Without its log nobody has such a file open, but a reader that is allowed to would leave an empty log beside it.
    unused = uses_log and not Path(f"{path}-wal").exists()
    options = "mode=ro&immutable=1" if unused else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True, timeout=SQLITE_TIMEOUT)


def study_names(path: Path) -> list[str]:
    """The names of the studies in a file, the newest last; empty without a file, or before its tables are made.

    Raises UserError when the file cannot be read.
    """
    if not path.is_file():
        return []
    try:
        with reading(path) as database:
            # Identifiers grow from study to study, but dates depend on the clocks of the machines.
            return [name for (name,) in database.execute("SELECT study_name FROM studies ORDER BY study_id")]
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise UserError(f"storage {str(path)!r} cannot be read ({error}); {VALID}") from error
