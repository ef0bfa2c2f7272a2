"""Location of an earthquake by a search over a grid of hypocentres, and how badly the best of them fits.

    times - travel times from each node -> origin time: their median -> residuals -> their misfit -> the best node
                                                                     -> finer grids around it, where asked for

The search knows the velocity and the stations, and nothing of where earthquakes are. It places six picks, and its
misfit is what a classical test of an association looks at. Times are in s, places in km. Misfits are found in float32,
which is exact to 1e-5 s after each sequence's mean has been taken out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from problems.arrivals.generator import STATIONS, travel_time
from problems.arrivals.inputs import check_times
from support.checks import check_choice

GRID_X = GRID_Y = np.arange(-44.0, 45.0, 2.0)  # km
GRID_DEPTH = np.arange(2.0, 21.0, 3.0)  # km
SEQUENCES_PER_BLOCK = 8  # whose arrays stay in the cache of a core
CAUCHY_SCALE = 0.2  # s
# Six numbers are in order after these comparisons, each of which exchanges two that are not (Knuth, 1973).
SORTING_NETWORK = ((0, 5), (1, 3), (2, 4), (1, 2), (3, 4), (0, 3), (2, 5), (0, 1), (2, 3), (4, 5), (1, 2), (3, 4))
FINER_NODES, FINER_STEPS, FINER_BY = 7, 12, 0.7  # nodes along an axis, how often, times the size of the grid before
FIRST_FINER = np.array([3.0, 3.0, 4.5])  # km, half the size of the first finer grid: one and a half steps of the grid


class Location(NamedTuple):
    """Where each sequence is from, were it an earthquake."""

    hypocentres: np.ndarray  # km, (n, 3): x, y, depth
    origins: np.ndarray  # s, (n,)
    misfits: np.ndarray  # s, (n,): mean of the best five absolute residuals


def _all_six(r: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of all absolute residuals."""
    return ((r[5] - r[0]) + (r[4] - r[1]) + (r[3] - r[2])) / 6


def _best_five(r: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean without the largest, so that one false pick does no harm."""
    return ((r[5] - r[0]) + (r[4] - r[1]) + (r[3] - r[2]) - np.maximum(-r[0], r[5])) / 5


def _best_four(r: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean without the two largest, which are both early, both late, or one of each."""
    largest = np.maximum(np.maximum(-r[0] - r[1], r[5] + r[4]), r[5] - r[0])
    return ((r[5] - r[0]) + (r[4] - r[1]) + (r[3] - r[2]) - largest) / 4


def _heavy_tailed(r: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of -log likelihood where residuals have a Cauchy distribution of CAUCHY_SCALE."""
    product = 1.0
    for one in r:
        product = product * (1 + (one / CAUCHY_SCALE) ** 2)
    return np.log(product) / 6


MISFITS: Mapping[str, Callable[[Sequence[np.ndarray]], np.ndarray]] = {
    # name: the misfit of six arrays of residuals, the earliest first, whose median is 0
    "all six residuals": _all_six,
    "best five residuals": _best_five,
    "best four residuals": _best_four,
    "heavy-tailed likelihood": _heavy_tailed,
}


def grid_nodes() -> np.ndarray:
    """Return the hypocentres of the search, (14175, 3) in km."""
    return np.stack(np.meshgrid(GRID_X, GRID_Y, GRID_DEPTH, indexing="ij"), axis=-1).reshape(-1, 3)


def _travel_times(hypocentres: np.ndarray, stations: np.ndarray) -> np.ndarray:
    """Return travel times (..., 6) from hypocentres (..., 3)."""
    offset = hypocentres[..., None, :2] - stations
    return travel_time(np.hypot(offset[..., 0], offset[..., 1]), hypocentres[..., 2:])


def _residuals(differences: list[np.ndarray]) -> list[np.ndarray]:
    """Return six arrays of differences, which are overwritten, in order and without their median."""
    spare = np.empty_like(differences[0])
    for low, high in SORTING_NETWORK:
        np.minimum(differences[low], differences[high], out=spare)
        np.maximum(differences[low], differences[high], out=differences[high])
        differences[low], spare = spare, differences[low]
    median = (differences[2] + differences[3]) / 2
    return [one - median for one in differences]


def grid_search(
    times: np.ndarray, misfits: Iterable[str] = ("best five residuals",), stations: np.ndarray = STATIONS
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each misfit of MISFITS its smallest value over the nodes, and the node: (n,) float64, (n,) int64.

    ``times`` are (n, 6) in s. Raises ValueError for an unknown misfit, another shape, or times that are not finite.

    >>> times = travel_time(np.hypot(*(STATIONS - (2, 4)).T), 8.0)[None] + 5.0
    >>> (smallest, node), = grid_search(times).values()
    >>> bool(smallest[0] < 1e-5), grid_nodes()[node[0]].tolist()
    (True, [2.0, 4.0, 8.0])
    """
    misfits = [check_choice("misfit", name, MISFITS) for name in misfits]
    times = check_times(times, len(stations))
    expected = _travel_times(grid_nodes(), np.asarray(stations, dtype=np.float64))
    times, expected = ((one - one.mean(axis=1, keepdims=True)).astype(np.float32) for one in (times, expected))
    smallest = {name: np.empty(len(times)) for name in misfits}
    nodes = {name: np.empty(len(times), dtype=np.int64) for name in misfits}
    columns = np.ascontiguousarray(expected.T)  # (6, nodes)
    for first in range(0, len(times), SEQUENCES_PER_BLOCK):
        block = slice(first, first + SEQUENCES_PER_BLOCK)
        residuals = _residuals([one[:, None] - column for one, column in zip(times[block].T, columns, strict=True)])
        for name in misfits:
            values = MISFITS[name](residuals)  # (sequences, nodes)
            nodes[name][block] = values.argmin(axis=1)
            smallest[name][block] = values.min(axis=1)
    return {name: (smallest[name], nodes[name]) for name in misfits}


def locate(times: np.ndarray, stations: np.ndarray = STATIONS) -> Location:
    """Locate sequences (n, 6) in s by their best five residuals, on the grid and then on finer ones around its best.

    The finer grids are cubes of FINER_NODES nodes along each axis, each FINER_BY times the size of the one before, so
    that the last has nodes about 20 m apart; none reaches above the surface. Raises ValueError as `grid_search`.

    >>> times = travel_time(np.hypot(*(STATIONS - (2.7, 3.1)).T), 8.4)[None] + 5.0
    >>> found = locate(times)
    >>> found.hypocentres[:, :2].round(1).tolist(), found.origins.round(1).tolist()
    ([[2.7, 3.1]], [5.0])
    """
    times, stations = check_times(times, len(stations)), np.asarray(stations, dtype=np.float64)
    ((_, node),) = grid_search(times, stations=stations).values()
    parts = [
        _refined(times[rows], grid_nodes()[node[rows]], stations)
        for rows in np.array_split(np.arange(len(times)), -(-len(times) // 64))
    ]
    return Location(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _refined(times: np.ndarray, hypocentres: np.ndarray, stations: np.ndarray) -> Location:
    """Return the location of a block on ever finer grids around hypocentres (n, 3)."""
    axis = np.linspace(-1, 1, FINER_NODES)
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    row = np.arange(len(times))
    for step in range(FINER_STEPS):
        nodes = hypocentres[:, None] + cube * FIRST_FINER * FINER_BY**step  # (n, nodes, 3)
        nodes[..., 2] = np.maximum(nodes[..., 2], 0)
        differences = times[:, None] - _travel_times(nodes, stations)
        misfits = _best_five(_residuals(list(np.moveaxis(differences, 2, 0).copy())))
        best = misfits.argmin(axis=1)
        hypocentres = nodes[row, best]
    return Location(hypocentres, np.median(differences[row, best], axis=1), misfits[row, best])
