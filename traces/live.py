"""Which samples of a trace are alive: neither missing nor muted, so that statistics are of the signal."""

import numpy as np
from scipy import ndimage

MUTED = 16  # samples of one value, in a row: clipping makes shorter rows, a mute longer ones


def live_samples(traces: np.ndarray) -> np.ndarray:
    """Whether each sample is alive, bool (n_traces, n_samples): finite, and not one of MUTED equal ones in a row.

    A trace without any live sample is dead: it is one constant, or nowhere a number.

    >>> trace = np.concatenate([np.zeros(20), [0.5, -0.5], np.full(20, 0.3), [np.nan]])
    >>> np.flatnonzero(live_samples(trace[None])).tolist()
    [20, 21]
    """
    traces = np.asarray(traces)
    is_equal = np.zeros(traces.shape, np.uint8)  # to the sample before
    np.equal(traces[:, 1:], traces[:, :-1], out=is_equal[:, 1:], casting="unsafe")
    row = max(min(MUTED, traces.shape[1]) - 1, 1)
    ends = ndimage.minimum_filter1d(is_equal, row, axis=1, origin=(row - 1) // 2, mode="constant")
    ends_before = ndimage.maximum_filter1d(ends, row + 1, axis=1, origin=-((row + 1) // 2), mode="constant")
    return np.isfinite(traces) & ~ends_before.astype(bool)
