"""Checks of arguments: each returns the value in one type, or raises a ValueError that names it and what is valid."""

import operator
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def check_choice(what: str, value: object, valid: Iterable[str]) -> None:
    """Raise a ValueError that lists the valid names when ``value`` is not one of them."""
    valid = tuple(valid)
    if value not in valid:
        raise ValueError(f"{what} {value!r} is unknown; valid: {', '.join(valid)}")


def check_whole(what: str, value: object, lowest: int, highest: int | None = None) -> int:
    """``value`` as an int; ValueError when it is no whole number, below ``lowest`` or above ``highest``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < lowest:
        raise ValueError(f"{what} must be a whole number of at least {lowest}, not {value!r}")
    if highest is not None and number > highest:
        raise ValueError(f"{what} must be a whole number of at most {highest}, not {value!r}")
    return number


def check_names(what: str, names: object, valid: Iterable[str]) -> tuple[str, ...]:
    """``names`` as a tuple; ValueError unless they are a list, or the like, of valid names."""
    valid = tuple(valid)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"{what} must be a list of names, not {names!r}; valid: {', '.join(valid)}")
    names = tuple(names)
    for name in names:
        check_choice(what, name, valid)
    return names


def check_seed(seed: object) -> np.random.Generator:
    """The generator of a seed; ValueError unless it is one already, None or a whole number of at least 0."""
    if seed is not None and not isinstance(seed, np.random.Generator):
        seed = check_whole("seed", seed, 0)
    return np.random.default_rng(seed)


def check_path(what: str, path: object) -> Path:
    """``path`` as a Path; ValueError when it can be none."""
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fspath(path):
        raise ValueError(f"{what} must be the path of a file or folder, not {path!r}")
    return Path(path)


def check_flag(what: str, value: object) -> bool:
    """``value`` as a bool; ValueError when it is not True, False, 0 or 1."""
    if not isinstance(value, (bool, int, np.bool_, np.integer)) or value not in (0, 1):
        raise ValueError(f"{what} must be True or False (or 1 or 0), not {value!r}")
    return bool(value)
