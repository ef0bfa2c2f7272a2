"""Parts of every command line: errors in one sentence, whole numbers, quoting, folders that can be written."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from support.errors import UserError

LARGEST_SEED = 2**63 - 1


class OneSentenceParser(argparse.ArgumentParser):
    """A command line that answers a mistake with one sentence, without the usage, and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Converter of an option's text to a whole number of at least ``lowest`` and at most ``highest``."""

    def convert(text: str) -> int:
        found = re.fullmatch(r"\s*([+-]?)0*(\d+)\s*", text)
        # Python refuses to convert a text of more than 4300 digits; 40 are already beyond every limit.
        number, shown = int(found[1] + found[2][:40]) if found else lowest - 1, repr(text[:40])
        if number < lowest:
            raise argparse.ArgumentTypeError(f"{shown} is not a whole number of at least {lowest}")
        if number > highest:
            raise argparse.ArgumentTypeError(f"{shown} is too large: a whole number of at most {highest} is valid")
        return number

    return convert


def check_output(output: Path, place: Path | None = None) -> None:
    """UserError unless ``output``, or the folder ``place`` in it, can be written or made. It makes nothing itself."""
    place = (place or output).absolute()
    nearest = next(path for path in (place, *place.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        name = f"--output {str(output)!r}" if place.is_relative_to(output.absolute()) else repr(str(place))
        raise UserError(f"{name} cannot be written: {str(nearest)!r} is not a writable folder")


def command_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """The words of a command as a line to be typed, quoted for the shell of the platform."""
    return subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)
