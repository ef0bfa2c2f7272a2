"""Limits of traces, and checks of traces, times and noise levels."""

import sys
from collections.abc import Sequence

import numpy as np

from support.checks import check_number, unmasked
from support.words import number_of

NoiseLevel = float | Sequence[float] | None  # dB, or (lowest, highest) dB to draw from; None is the paper's
DT_LIMITS = (0.0001, 0.1)  # s
SNR_LIMITS = (-100.0, 100.0)  # dB
SHORTEST_TRACE = 3  # samples: a reflection coefficient needs a sample on either side
LONGEST_TRACE = 1_000_000  # samples: 250 times the paper's length, and still within a laptop's memory
SAMPLES_PER_PASS = 262_144  # are worked on at a time, which bounds the memory of all intermediate arrays
MOST_TRACES = 10_000_000  # in a set: a larger number is a typing error
ROCK_VELOCITIES = (1000.0, 30_000.0)  # ft/s, from dry sand to more than any rock
WATER_VELOCITY = 4900.0  # ft/s


def check_time(dt: float, t0: float) -> tuple[float, float]:
    """(dt, t0) in s as floats; ValueError for a dt outside DT_LIMITS, or a t0 that is not finite and at least 0.

    >>> check_time(0.002, 0)
    (0.002, 0.0)
    """
    valid = "a time of {:g} to {:g} s"
    return check_number("dt", dt, *DT_LIMITS, valid), check_number("t0", t0, 0.0, sys.float_info.max, valid)


def interval(text: str) -> float:
    """The sampling interval (s) that a text says; ValueError for one outside DT_LIMITS.

    >>> interval("0.002")
    0.002
    """
    try:
        dt = float(text)
    except ValueError:
        raise ValueError(f"dt must be a number of seconds, not {text[:40]!r}") from None
    return check_time(dt, 0.0)[0]


def are_real(values: np.ndarray) -> bool:
    """Whether an array holds integers or floats.

    >>> are_real(np.ones(3)), are_real(np.ones(3, complex))
    (True, False)
    """
    return np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)


def check_block(what: str, values: np.ndarray) -> np.ndarray:
    """``values`` as a float array (n_traces, n_samples) of finite numbers; ValueError when they are something else.

    >>> check_block("traces", [[1, 2, 3]])
    array([[1., 2., 3.]])
    """
    block = unmasked(what, values)
    if block.ndim != 2 or block.size == 0 or not are_real(block):
        raise ValueError(f"{what} must be numbers (n_traces, n_samples), not {block.dtype} of shape {block.shape}")
    finite = np.isfinite(block)
    if not finite.all():
        lost, trace = np.count_nonzero(~finite), int(finite.all(axis=1).argmin())
        lost = number_of(lost, "sample is", "samples are")
        raise ValueError(f"{what} must be finite, but {lost} not, the first in trace {trace} (from 0)")
    return block if block.dtype in (np.float32, np.float64) else block.astype(np.float64)


def check_snr(snr_db: NoiseLevel) -> tuple[float, float] | None:
    """A noise level as its (lowest, highest) dB, or None; ValueError unless it is None, a number or such a pair.

    >>> check_snr(6)
    (6.0, 6.0)
    """
    if snr_db is None:
        return None
    try:
        low, high = (float(level) for level in ((snr_db, snr_db) if np.isscalar(snr_db) else snr_db))
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not SNR_LIMITS[0] <= low <= high <= SNR_LIMITS[1]:
        limits = "{:g} to {:g}".format(*SNR_LIMITS)
        raise ValueError(f"snr_db must be None, a number of dB, or (lowest, highest) dB, of {limits}, not {snr_db!r}")
    return low, high
