"""Checks of arguments: each returns the value in one type, or raises a ValueError that names it and what is valid."""

import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from support.words import number_of

Seed = int | np.random.Generator | None
Kind = TypeVar("Kind")


def check_choice(what: str, value: object, valid: Iterable[str]) -> str:
    """``value``; ValueError that lists the valid names when it is not one of them."""
    valid = tuple(valid)
    if not isinstance(value, str) or value not in valid:
        raise ValueError(f"{what} {value!r} is unknown; valid: {', '.join(valid)}")
    return value


def check_kind(what: str, value: Kind, kind: type[Kind], valid: str) -> Kind:
    """``value``; ValueError unless it is of this kind. ``valid`` says in the message what is valid."""
    if not isinstance(value, kind):
        raise ValueError(f"{what} must be {valid}, not {value!r}")
    return value


def check_whole(what: str, value: object, lowest: int, highest: int | None = None) -> int:
    """``value`` as an int; ValueError unless it is a whole number of at least ``lowest`` and at most ``highest``."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"{what} must be a whole number of at least {lowest}, not {value!r}")
    if highest is not None and value > highest:
        raise ValueError(f"{what} must be a whole number of at most {highest}, not {value!r}")
    return int(value)


def check_number(what: str, value: object, lowest: float, highest: float, valid: str) -> float:
    """``value`` as a float; ValueError unless it is a real number of at least ``lowest`` and at most ``highest``.

    ``valid`` says in the message what is valid, with the limits in its braces: "a time of {:g} to {:g} s".
    """
    value = value.item() if isinstance(value, np.number) else value  # A float32 cannot be compared with every limit.
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ValueError(f"{what} must be {valid.format(lowest, highest)}, not {value!r}")
    return float(value)


def check_names(what: str, names: object, valid: Iterable[str]) -> tuple[str, ...]:
    """``names`` as a tuple; ValueError unless they are valid names in a list or another iterable."""
    valid = tuple(valid)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"{what} must be a list of names, not {names!r}; valid: {', '.join(valid)}")
    return tuple(check_choice(what, name, valid) for name in names)


def check_seed(seed: Seed) -> np.random.Generator:
    """The generator of a seed; ValueError unless it is one already, None or a whole number of at least 0."""
    if seed is not None and not isinstance(seed, np.random.Generator):
        seed = check_whole("seed", seed, 0)
    return np.random.default_rng(seed)


def check_path(what: str, path: object) -> Path:
    """``path`` as a Path; ValueError for something else, or for a text that no path can have."""
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fspath(path):
        raise ValueError(f"{what} must be the path of a file or folder, not {path!r}")
    return Path(path)


def unmasked(what: str, values: object) -> np.ndarray:
    """``values`` as an array. Raises ValueError where samples are masked, as what lies under a mask is not data."""
    if np.ma.is_masked(values):
        rows = np.atleast_1d(np.ma.getmaskarray(values))
        masked = number_of(np.count_nonzero(rows), "sample is", "samples are")
        trace = int(rows.reshape(-1, rows.shape[-1]).any(axis=1).argmax())
        raise ValueError(
            f"{what} must not be masked, but {masked}, the first in trace {trace} (from 0); fill "
            "them first (numpy.ma.filled), or leave these traces out"
        )
    return np.asarray(values)


def check_flag(what: str, value: object) -> bool:
    """``value`` as a bool; ValueError when it is not True, False, 0 or 1."""
    if not isinstance(value, (bool, int, np.bool_, np.integer)) or value not in (0, 1):
        raise ValueError(f"{what} must be True or False (or 1 or 0), not {value!r}")
    return bool(value)
