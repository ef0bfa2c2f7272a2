"""Errors that the code is not to blame for: mistakes of the user, and faults of the machine."""

import errno
import re
from pathlib import Path


class UserError(Exception):
    """A mistake that the user can mend; the message names the value and what is valid."""


class StoppedError(Exception):
    """A run cannot go on now, though nothing is wrong with what was asked for; the message says why."""


# What is wrong with a machine, by the name of an error, or by the words that libraries use in errors of their own.
FAULTS = {
    "ENOSPC|No space left on device|database or disk is full": "the disk of {} is full; free some space there",
    "EDQUOT|Disk quota exceeded": "this user's quota on the disk of {} is used up; free some space there",
    "EROFS|Read-only file system|readonly database": "the disk of {} has become read-only; have it made writable",
    "EIO|Input/output error|disk I/O error": "the disk of {} cannot be read or written; check it",
    "database is locked": "another process keeps the study's database in {} locked; wait for it, or end it",
}


def machine_fault(error: BaseException | None, folder: Path) -> str | None:
    """What is wrong with the machine, and what to do, when an error comes from it; None for any other error.

    ``folder``, where the results are, is named when the error names no file.
    """
    while error is not None:
        name = errno.errorcode.get(getattr(error, "errno", None), "")
        place = getattr(error, "filename", None) or folder
        for signs, sentence in FAULTS.items():
            if re.search(rf"\b({signs})\b", f"{name} {error}"):
                return sentence.format(repr(str(place)))
        error = error.__cause__ or error.__context__
    return None
