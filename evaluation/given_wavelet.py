"""The wavelet that a user gives: as a text file, or as traces that show it."""

from pathlib import Path

import numpy as np

from dataFiles import KINDS, open_traces
from support.checks import check_path
from traces.live import examine
from traces.own_wavelet import OwnWavelet, estimate_wavelet, read_wavelet

TRACES_PER_BLOCK, MOST_BLOCKS = 50, 20  # that a wavelet is estimated from, evenly over the file


def given_wavelet(path: str | Path, dt: float | None = None) -> OwnWavelet:
    """The wavelet of a text file, as `read_wavelet` reads it, or the one that `estimate_wavelet` finds in traces.

    A file of traces has one of the suffixes in `dataFiles.KINDS`. At most TRACES_PER_BLOCK x MOST_BLOCKS of its traces
    are used, without their level and without what is muted or missing. ``dt`` is the interval (s) of traces whose file
    has none. Raises ValueError, in one sentence with the file's name, for a file that gives no wavelet.
    """
    path = check_path("a wavelet", path)
    if path.suffix.lower() not in KINDS:
        return read_wavelet(path)
    try:
        with open_traces(path) as file:
            dt = dt if file.dt is None else file.dt
            if file.domain == "depth" or dt is None:
                lacks = "are in depth" if file.domain == "depth" else "have no sampling interval, which --dt can give"
                raise ValueError(f"its traces {lacks}, so that they show no wavelet in time")
            firsts = range(0, file.n_traces, TRACES_PER_BLOCK)
            firsts = firsts[:: -(-len(firsts) // MOST_BLOCKS)]
            blocks = [file.read(first, min(first + TRACES_PER_BLOCK, file.n_traces)) for first in firsts]
        traces = np.concatenate(blocks)
        live = examine(traces, np.isnan(traces))
        return estimate_wavelet(np.where(live.samples, traces - live.level[:, None], 0.0), dt)
    except ValueError as error:
        raise ValueError(f"wavelet {str(path)!r}: {error}") from error
