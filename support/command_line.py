"""Parts of every command line: errors in one sentence, whole numbers, quoting, folders that can be written."""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from support.errors import UserError
from support.startup import check_backend

LARGEST_SEED = 2**63 - 1


class OneSentenceParser(argparse.ArgumentParser):
    """A command line that answers a mistake with one sentence, without the usage, and exit status 2."""

    def error(self, message: str) -> NoReturn:
        refuse(message)


class KerasParser(OneSentenceParser):
    """A command line that also answers when the backend of Keras, which the command loads then, is not installed."""

    def parse_args(self, *arguments):
        options = super().parse_args(*arguments)
        try:
            check_backend()
        except UserError as error:
            self.error(str(error))
        return options


def refuse(sentence: object) -> NoReturn:
    """End the script with one sentence about a mistake, and exit status 2."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)


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


def converter(convert: Callable[[str], object]) -> Callable[[str], object]:
    """Converter of an option's text by a function whose ValueError is the sentence that the user gets."""

    def converted(text: str) -> object:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def path_from_here(text: str) -> Path:
    """A path as printed lines show it: relative to the working folder where it lies below that."""
    path = Path(text)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def check_output(output: Path, place: Path | None = None, option: str = "--output") -> None:
    """UserError unless ``output``, or the folder ``place`` in it, can be written or made. Nothing of it stays.

    For an output that does not exist, folders of its names are made in a temporary one, as only that shows what a file
    system refuses.
    """
    place = (place or output).absolute()
    name = f"{option} {str(output)!r}" if place.is_relative_to(output.absolute()) else repr(str(place))
    nearest = place
    try:
        while not nearest.exists():
            nearest = nearest.parent
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise UserError(f"{name} cannot be written: {str(nearest)!r} is not a writable folder")
        if not output.exists():
            with tempfile.TemporaryDirectory(dir=nearest, prefix=".check-", ignore_cleanup_errors=True) as folder:
                Path(folder, place.relative_to(nearest)).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{name} cannot be written: {str(nearest)!r} is not a writable folder ({reason})") from error


def command_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """The words of a command as a line to be typed, quoted for the shell of the platform."""
    return subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)
