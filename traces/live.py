"""Which samples of a trace are alive, neither missing nor muted, and statistics of those samples alone."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from support.checks import unmasked

MUTED = 16  # samples of one value, in a row: clipping makes shorter rows, a mute longer ones


def live_samples(traces: np.ndarray) -> np.ndarray:
    """Whether each sample is alive, bool (n_traces, n_samples): finite, and not one of MUTED equal ones in a row.

    A trace of fewer samples that all have one value has no live sample either.

    >>> trace = np.concatenate([np.zeros(20), [0.5, -0.5], np.full(20, 0.3), [np.nan]])
    >>> np.flatnonzero(live_samples(trace[None])).tolist()
    [20, 21]
    """
    traces = unmasked("traces", traces)
    is_equal = np.zeros(traces.shape, np.uint8)  # to the sample before
    np.equal(traces[:, 1:], traces[:, :-1], out=is_equal[:, 1:], casting="unsafe")
    row = max(min(MUTED, traces.shape[1]) - 1, 1)
    is_last = ndimage.minimum_filter1d(is_equal, row, axis=1, origin=(row - 1) // 2, mode="constant")
    is_muted = ndimage.maximum_filter1d(is_last, row + 1, axis=1, origin=-((row + 1) // 2), mode="constant")
    return np.isfinite(traces) & ~is_muted.astype(bool)


class Live(NamedTuple):
    """The live samples of some traces, and their statistics."""

    samples: np.ndarray  # whether a sample is alive, bool (n_traces, n_samples)
    is_dead: np.ndarray  # whether a trace is dead, bool (n_traces,)
    level: np.ndarray  # mean of a trace's live samples, float64 (n_traces,); 0 for a dead trace
    deviation: np.ndarray  # their standard deviation, float64 (n_traces,); 0 for a dead trace

    @property
    def muted(self) -> np.ndarray:
        """The share of samples that are not alive, (n_traces,)."""
        return 1 - self.samples.mean(axis=1)


def examine(traces: np.ndarray, missing: np.ndarray | None = None) -> Live:
    """Find the live samples and the dead traces of floats (n_traces, n_samples).

    A trace is dead when it is one constant, or when a sample of it is not a finite number. ``missing``, bool of the
    same shape, marks samples that are not to be looked at. Amplitudes of any size are valid.

    >>> traces = np.zeros((3, 40))
    >>> traces[0, 30:], traces[1, 5] = np.arange(10.0), np.inf
    >>> found = examine(traces)
    >>> found.is_dead.tolist(), found.level.tolist(), found.muted.tolist()
    ([False, True, True], [5.0, 0.0, 0.0], [0.775, 1.0, 1.0])
    """
    samples = live_samples(traces)
    finite = np.isfinite(traces)
    if missing is not None:
        samples, finite = samples & ~missing, finite | missing
    samples &= finite.all(axis=1, keepdims=True)
    # Amplitudes are divided by the largest one, so that no square is too large or too small for a number.
    peak = np.max(np.abs(traces), axis=1, initial=0.0, where=samples, keepdims=True).astype(np.float64)
    shares = np.divide(traces, peak, out=np.zeros(traces.shape), where=samples & (peak > 0))
    n_live = np.maximum(samples.sum(axis=1, keepdims=True), 1)
    level = shares.sum(axis=1, keepdims=True) / n_live
    squares = np.where(samples, shares - level, 0.0) ** 2
    deviation = np.sqrt(squares.sum(axis=1, keepdims=True) / n_live)
    is_dead = deviation[:, 0] <= 0
    samples &= ~is_dead[:, None]
    return Live(samples, is_dead, *(np.where(is_dead, 0.0, (part * peak)[:, 0]) for part in (level, deviation)))
