"""How results reach the disk: files that are whole or not there at all, and tables that any process may add rows to.

a file:  written in a folder beside -> brought to the disk -> takes its name
a row:   lock -> lines that were cut off are taken out -> row added -> brought to the disk
"""

import contextlib
import csv
import functools
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

UNFINISHED = ".unfinished-"  # begins the names of folders that hold a file until it is whole
LEFTOVER_AGE = 3600.0  # s, longer than the writing of any file takes
LARGEST_TEXT = 1_000_000  # bytes of a text that a user wrote
LONGEST_QUOTE = 200  # characters of a line in a note


@functools.lru_cache(maxsize=100)
def note(sentence: str) -> None:
    """Print a remark that stops nothing; the same one is printed once in a process."""
    print(f"note: {sentence}", flush=True)


# --- Whole files


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, of the same name in a folder beside; the file there becomes ``path`` at the block's end.

    Whoever looks at ``path`` sees the former file or the whole new one, also after a power cut. After an error in the
    block the former file stays. Raises OSError.
    """
    path = Path(path)
    _remove_leftovers(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=UNFINISHED, ignore_cleanup_errors=True) as folder:
        unfinished = Path(folder, path.name)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)


def replace_file(path: str | Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8 with its line ends as they are, that is never seen half written."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


@functools.lru_cache(maxsize=100)
def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing in a folder; once in a process, as folders may be large."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFTOVER_AGE:
                shutil.rmtree(path)


def remove_unfinished(folder: str | Path, names: Sequence[str]) -> None:
    """Remove unfinished files of these names, whose process is known to be dead."""
    for path in Path(folder).glob(f"{UNFINISHED}*/*"):
        if path.name in names:
            shutil.rmtree(path.parent, ignore_errors=True)


# --- Text

T = TypeVar("T")


def parsed_text(what: str, path: Path, parse: Callable[[str], T]) -> T:
    """What ``parse`` makes of a text file in UTF-8 that a user wrote; ``what`` is the first word of a message.

    Raises ValueError, one sentence with the file's name, for a file that cannot be read, and where ``parse`` does.
    """
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise ValueError(f"it has more than {LARGEST_TEXT} bytes")
        return parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} {str(path)!r} is not a text in UTF-8: {error.reason}") from error
    except RecursionError as error:
        raise ValueError(f"{what} {str(path)!r} is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{what} {str(path)!r}: {error}") from error


# --- Tables


def start_table(path: Path, columns: Sequence[str], older: Sequence[str] = ()) -> None:
    """Make a table with these columns, or mend the one that is there.

    ``older`` are the first of the columns, which are all that an older table has; it gets the others, with empty cells
    in its rows. Raises ValueError when the table has other columns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        header = b"".join(_lines(path)[:1])
        if older and header.endswith(b"\n") and _cells(header) == list(older):
            mend_table(path)
            empty = b"," * (len(columns) - len(older)) + b"\n"
            rows = [line.rstrip(b"\r\n") + empty for line in _lines(path)[1:] if line.strip()]
            replace_file(path, b"".join([line_of(columns).encode(), *rows]))
            return
        if not is_header(header.decode(errors="replace"), columns):
            raise ValueError(f"{path} has other columns than expected: {_cells(header)} instead of {list(columns)}")
        mend_table(path)
        if not _lines(path):
            _add(path, columns)


def is_header(line: str, columns: Sequence[str]) -> bool:
    """Whether the first line of a table has these columns, or is the part of them that a killed process wrote."""
    return next(csv.reader([line]), []) == list(columns) or line_of(columns).startswith(line)


def add_row(path: Path, values: Sequence[object]) -> None:
    """Add a row to a table; lines that were cut off are taken out first, and the row is on the disk at the return.

    Any number of processes may do so at the same time. A row that cannot be written whole leaves nothing behind.
    Raises OSError.
    """
    with _lock(path):
        if not b"".join(_lines(path)[-1:]).endswith(b"\n"):
            mend_table(path)
        _add(path, values)


def replace_rows(path: Path, rows: Iterable[tuple[Sequence[object], Sequence[object]]]) -> None:
    """Put rows in the place of others, given as pairs (former, new), each of them in the first place that is found.

    A pair whose new row the table has already, or whose former row it lacks, changes nothing.
    """
    with _lock(path):
        lines = _lines(path)
        for former, new in rows:
            before, after = (line_of(row).encode() for row in (former, new))
            if before in lines and after not in lines:
                lines[lines.index(before)] = after
        if lines != _lines(path):
            replace_file(path, b"".join(lines))


def mend_table(path: Path) -> None:
    """Take out of a table the lines that were cut off as they were written, and say so; nobody may add to it now.

    Such a line has no line end, or another number of cells than the header.
    """
    lines, whole = _lines(path), whole_lines(path)
    if len(lines) > len(whole):
        cut = [line.decode(errors="replace").strip()[:LONGEST_QUOTE] for line in lines if line not in whole]
        replace_file(path, b"".join(whole))
        note(f"taken out of {str(path)!r}, as it was cut off when it was written: {', '.join(map(repr, cut))}")


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a table without those that were cut off, the header first; empty where there is no table."""
    lines = _lines(path)
    return [line for line in lines if line.endswith(b"\n") and len(_cells(line)) in (0, len(_cells(lines[0])))]


def line_of(values: Sequence[object]) -> str:
    """The line of a table that a row becomes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock"))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode(errors="replace")]), [])


def _add(path: Path, values: Sequence[object]) -> None:
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(line_of(values).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        if path.exists():
            os.truncate(path, before)
        raise
