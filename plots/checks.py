"""Checks of what is drawn: each raises a ValueError that names the argument, what it holds and what is valid."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from plots.style import LithologyStyle, lithology_styles
from support.checks import unmasked


def check_arrays(arrays: Mapping[str, ArrayLike], ndim: int | None = 1) -> None:
    """Raise ValueError unless the arrays have one shape, hold numbers and are not empty; ``ndim`` None is any."""
    shapes = [np.shape(array) for array in arrays.values()]
    if len(set(shapes)) > 1 or 0 in shapes[0] or ndim not in (None, len(shapes[0])):
        needed = "one shape" if ndim is None else f"one shape, of {ndim} dimension,"
        found = ", ".join(f"{name} {shape}" for name, shape in zip(arrays, shapes, strict=True))
        raise ValueError(f"Arrays of {needed} with at least one value are needed, got {found}.")
    for name, array in arrays.items():
        _check_numbers(name, array)


def named(kind: str, arrays: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    """The arrays under names for `check_arrays`; an empty array stands for an empty mapping."""
    return {f"{kind} {name!r}": array for name, array in arrays.items()} or {kind: []}


def check_lithologies(codes: ArrayLike, names: Sequence[str]) -> dict[int, tuple[str, LithologyStyle]]:
    """Name and look of each code that occurs; ValueError unless there are names and a code is a name's position."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"lithology_names must be a list of names, not {names!r}")
    valid = dict(enumerate(names))
    styles = lithology_styles(names)
    found = np.unique(codes).tolist()
    for code in found:
        if code not in valid:
            raise ValueError(f"Unknown lithology code {code}; valid are {valid}.")
    return {int(code): (valid[code], styles[valid[code]]) for code in found}


def check_columns(
    time: ArrayLike, names: Sequence, arrays: Mapping[str, ArrayLike], trace: ArrayLike | None = None
) -> None:
    """Raise ValueError unless time increases, arrays (n_samples, n_names) and trace (n_samples,) fit and are finite."""
    check_order("time", time)
    if not len(names):
        raise ValueError("names is empty; at least one name is needed.")
    for name, values in arrays.items():
        _check_finite(name, values, (np.size(time), len(names)))
    if trace is not None:
        _check_finite("trace", trace, np.shape(time))


def check_order(name: str, values: ArrayLike, *, may_decrease: bool = False) -> None:
    """Raise ValueError unless there are at least two finite values, and each is larger than the last."""
    _check_finite(name, values, (np.size(values),))
    steps = np.diff(values)
    if not len(steps) or not (np.all(steps > 0) or (may_decrease and np.all(steps < 0))):
        order = "increase or decrease" if may_decrease else "increase"
        found = np.array2string(np.asarray(values), threshold=8)
        raise ValueError(f"{name} needs at least two values, which {order} throughout, got {found}.")


def _check_finite(name: str, values: ArrayLike, shape: tuple[int, ...]) -> None:
    if np.shape(values) != shape:
        raise ValueError(f"{name} needs the shape {shape}, got {np.shape(values)}.")
    _check_numbers(name, values)
    n_lost = np.count_nonzero(~np.isfinite(values))
    if n_lost:
        raise ValueError(f"{name} needs finite values, got {n_lost} of {np.size(values)} that are NaN or infinite.")


def _check_numbers(name: str, values: ArrayLike) -> None:
    kind = unmasked(name, values).dtype
    if not any(np.issubdtype(kind, valid) for valid in (np.number, np.bool_)):
        raise ValueError(f"{name} needs numbers, got {kind}.")
