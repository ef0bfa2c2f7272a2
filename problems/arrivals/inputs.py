"""What a network is given: arrival times as (n, 6, channels) float32, in one of the ways of INPUTS.

times -> their mean taken out, / 5 s -> with the coordinates of the stations -> in the order of the arrivals
"""

import numpy as np

from problems.arrivals.generator import STATIONS
from support.checks import check_choice

TIME_SCALE = 5.0  # s
DISTANCE_SCALE = 30.0  # km


def centred(times: np.ndarray) -> np.ndarray:
    """Return times (n, 6) in s without each sequence's mean, divided by TIME_SCALE: the origin time plays no role.

    >>> centred(np.array([[10.0, 10.0, 10.0, 10.0, 10.0, 16.0]])).tolist()
    [[-0.2, -0.2, -0.2, -0.2, -0.2, 1.0]]
    """
    return (times - times.mean(axis=1, keepdims=True)) / TIME_SCALE


def _with_stations(times: np.ndarray, stations: np.ndarray) -> np.ndarray:
    places = np.broadcast_to(stations / DISTANCE_SCALE, (*times.shape, 2))
    return np.concatenate([centred(times)[..., None], places], axis=2)


def _sorted_with_stations(times: np.ndarray, stations: np.ndarray) -> np.ndarray:
    order = times.argsort(axis=1, kind="stable")
    return np.take_along_axis(_with_stations(times, stations), order[..., None], axis=1)


INPUTS = {  # name: what makes it of times (n, 6) and stations (6, 2)
    "raw": lambda times, stations: times[..., None],
    "centred": lambda times, stations: centred(times)[..., None],
    "centred with stations": _with_stations,
    "sorted with stations": _sorted_with_stations,
}


def make_input(name: str, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
    """Return the input ``name`` of INPUTS for times (n, 6) in s at ``stations`` (6, 2) in km: (n, 6, channels) float32.

    The first channel is the time: in s for "raw", and else centred, in units of TIME_SCALE. The stations' x and y, in
    units of DISTANCE_SCALE, are the other two; "sorted" puts the first arrival first. Raises ValueError for another
    name or shape, or for times that are not finite.

    >>> times = np.array([[3.0, 1.0, 2.0, 4.0, 5.0, 6.0]])
    >>> [make_input(name, times).shape for name in INPUTS]
    [(1, 6, 1), (1, 6, 1), (1, 6, 3), (1, 6, 3)]
    """
    make = INPUTS[check_choice("input", name, INPUTS)]
    return make(check_times(times, len(stations)), np.asarray(stations, dtype=np.float64)).astype(np.float32)


def check_times(times: np.ndarray, n_stations: int = len(STATIONS)) -> np.ndarray:
    """Return times as float64 (n, n_stations). Raises ValueError for another shape, or unless all are finite."""
    checked = np.asarray(times, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[1] != n_stations:
        raise ValueError(f"times must be (n, {n_stations}) in s, one column per station, not of shape {checked.shape}")
    if not np.isfinite(checked).all():
        row = int((~np.isfinite(checked)).any(axis=1).argmax())
        raise ValueError(f"times must be finite numbers in s, but sequence {row} (from 0) has one that is not")
    return checked
