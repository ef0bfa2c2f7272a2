"""Sequences of arrival times at a network of six stations, of one earthquake or of something else.

    hypocentre, origin time -> travel times in a velocity that grows with depth -> station terms, picking errors
                            -> a false pick in some events -> sequence (label 1)
    random picks, two events mixed, an event's picks permuted, a plane wave -> sequence (label 0)

Units: km, s and km/s; x is east, y is north, depth is positive down. Arrays of times are (n, 6) float64, in the order
of the stations. Label 1 means that at least five of the six picks belong to one earthquake.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from support.checks import check_number, check_whole

STATIONS = np.array([(-32, -18), (-12, 27), (6, -9), (17, 34), (29, -4), (9, -36)], dtype=np.float64)  # km
SECOND_STATIONS = np.array([(-27, 21), (4, 38), (31, 17), (-7, -5), (-24, -29), (23, -27)], dtype=np.float64)  # km
STATION_TERMS = np.array([0.10, -0.08, 0.05, -0.12, 0.03, 0.08])  # s, what the ground below each station adds
SURFACE_VELOCITY = 5.0  # km/s
VELOCITY_GRADIENT = 0.06  # km/s per km of depth
SWARM_CENTRE = np.array([2.0, 3.0, 8.0])  # km: x, y, depth
SWARM_DEVIATION = np.array([3.0, 3.0, 1.5])  # km
BACKGROUND = np.array([(-40.0, -40.0, 2.0), (40.0, 40.0, 18.0)])  # km, the corners of a box
ORIGIN_TIMES = (0.0, 15.0)  # s
FALSE_PICKS = (-5.0, 15.0)  # s after the origin time
SPAN = 15.0  # s after the origin time, of random picks
SECOND_ORIGIN = (1.0, 8.0)  # s after the first
FROM_SECOND = (2, 4)  # stations, both ends included
WRONG_SPEEDS = np.array([(2.0, 4.5), (9.0, 25.0)])  # km/s, of plane waves; half of them have each range
KINDS = ("earthquake", "random", "mixed events", "permuted", "plane wave")
EARTHQUAKE = KINDS.index("earthquake")


@dataclass(frozen=True)
class Difficulty:
    """What makes earthquakes hard to recognise. Raises ValueError for a number out of its range."""

    picking_error: float = 0.15  # s, standard deviation of each pick about its arrival
    false_pick_share: float = 0.25  # of the events, in which one pick is false
    swarm_share: float = 0.8  # of the events, which are in the swarm; the others are anywhere below the network

    def __post_init__(self) -> None:
        check_number("picking_error", self.picking_error, 0.0, 10.0, "a time of {:g} to {:g} s")
        for share in fields(self)[1:]:
            check_number(share.name, getattr(self, share.name), 0.0, 1.0, "a share of {:g} to {:g}")


class Sequences(NamedTuple):
    """Arrival times and what they are made of, one row per sequence."""

    times: np.ndarray  # s, (n, 6) float64
    labels: np.ndarray  # 1: earthquake, 0: not; (n,) int64
    kinds: np.ndarray  # index into KINDS, (n,) int64
    hypocentres: np.ndarray  # km, x, y and depth of the (first) event, (n, 3) float64; NaN where there is none
    origins: np.ndarray  # s, the origin time of the (first) event, or when random picks begin; (n,) float64

    def take(self, rows: np.ndarray | slice) -> "Sequences":
        """Return some of the sequences, by their numbers, a mask or a slice."""
        return Sequences(*(values[rows] for values in self))


def travel_time(
    distance: np.ndarray, depth: np.ndarray, v0: float = SURFACE_VELOCITY, gradient: float = VELOCITY_GRADIENT
) -> np.ndarray:
    """Return the time in s of the first arrival at the surface, where the velocity at depth z is v0 + gradient z.

    t = arcosh(1 + g^2 (distance^2 + z^2) / (2 v0 (v0 + g z))) / g, the ray being an arc of a circle (Slotnick, 1959).
    Distance along the surface and depth are in km and broadcast against each other; v0 is in km/s, and the gradient g
    in km/s per km. It is written with arsinh, which loses no digits where the gradient is small; a gradient of 0 gives
    the straight ray.

    >>> travel_time(np.array([0.0, 30.0]), 8.0).round(3).tolist()
    [1.528, 5.901]
    """
    length = np.hypot(distance, depth)  # km, of the straight ray
    slowness = 1 / np.sqrt(v0 * (v0 + gradient * np.asarray(depth)))  # s/km, its mean
    if gradient == 0:
        return length * slowness
    return 2 / gradient * np.arcsinh(gradient / 2 * length * slowness)


def make_sequences(
    rng: np.random.Generator,
    n: int,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - it is frozen
    earthquake_share: float = 0.5,
    stations: np.ndarray = STATIONS,
) -> Sequences:
    """Draw ``n`` sequences at ``stations`` (6, 2) in km, in a random order.

    Earthquakes have exactly their share of the sequences, and the four other kinds a quarter each of what is left, up
    to one sequence, so that no score varies with how many of each kind there happen to be. The order, each event, and
    what takes the place of an event have generators of their own, so that no option changes what does not depend on
    it. Raises ValueError for an invalid number or shape.

    >>> made = make_sequences(np.random.default_rng(0), 8)
    >>> made.times.shape, made.labels.sum(), np.bincount(made.kinds).tolist()
    ((8, 6), np.int64(4), [4, 1, 1, 1, 1])
    """
    n = check_whole("n", n, 1)
    check_number("earthquake_share", earthquake_share, 0.0, 1.0, "a share of {:g} to {:g}")
    stations = np.asarray(stations, dtype=np.float64)
    if stations.shape != STATIONS.shape or not np.isfinite(stations).all():
        raise ValueError(f"stations must be {STATIONS.shape} finite numbers in km, not of shape {stations.shape}")
    order, time, *rngs, other, mixture, permutation, wave = rng.spawn(8)
    kinds = _kinds(order, n, earthquake_share)
    origins = time.uniform(*ORIGIN_TIMES, n)
    later = origins + time.uniform(*SECOND_ORIGIN, n)
    (first, hypocentres), (second, _) = (
        _event(own, begin, difficulty, stations) for own, begin in zip(rngs, (origins, later), strict=True)
    )
    times_of = {
        "earthquake": first,
        "random": origins[:, None] + other.uniform(0.0, SPAN, first.shape),
        "mixed events": _mixed(mixture, first, second),
        "permuted": _permuted(permutation, first),
        "plane wave": _plane_wave(wave, origins, difficulty, stations),
    }
    times = np.stack([times_of[kind] for kind in KINDS])[kinds, np.arange(n)]
    has_event = ~np.isin(kinds, [KINDS.index("random"), KINDS.index("plane wave")])
    hypocentres[~has_event] = np.nan
    return Sequences(times, (kinds == EARTHQUAKE).astype(np.int64), kinds, hypocentres, origins)


def _kinds(rng: np.random.Generator, n: int, earthquake_share: float) -> np.ndarray:
    """Return kinds (n,) in a random order, as evenly spaced numbers fall into the shares of the kinds."""
    negative = (1 - earthquake_share) / (len(KINDS) - 1)
    ends = earthquake_share + negative * np.arange(len(KINDS) - 1)
    return rng.permutation(np.searchsorted(ends, (np.arange(n) + rng.random()) / n, side="right"))


def _event(
    rng: np.random.Generator, origins: np.ndarray, difficulty: Difficulty, stations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the picks of one event per origin time (n, 6), one of which may be false, and hypocentres (n, 3)."""
    n, n_stations = len(origins), len(stations)
    swarm, background, error, false = rng.spawn(4)
    is_in_swarm = swarm.random((n, 1)) < difficulty.swarm_share
    hypocentres = np.where(
        is_in_swarm, swarm.normal(SWARM_CENTRE, SWARM_DEVIATION, (n, 3)), background.uniform(*BACKGROUND, (n, 3))
    )
    offset = hypocentres[:, None, :2] - stations
    picks = origins[:, None] + travel_time(np.hypot(offset[..., 0], offset[..., 1]), hypocentres[:, 2:])
    picks += STATION_TERMS + difficulty.picking_error * error.standard_normal((n, n_stations))
    has_false = false.random(n) < difficulty.false_pick_share
    station = np.where(has_false, false.integers(n_stations, size=n), -1)
    is_false = np.arange(n_stations) == station[:, None]
    return np.where(is_false, (origins + false.uniform(*FALSE_PICKS, n))[:, None], picks), hypocentres


def _mixed(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return picks of the first event, at some random stations replaced by those of the second."""
    n_from_second = rng.integers(*FROM_SECOND, size=(len(first), 1), endpoint=True)
    place = rng.random(first.shape).argsort(axis=1)
    return np.where(place < n_from_second, second, first)


def _permuted(rng: np.random.Generator, picks: np.ndarray) -> np.ndarray:
    """Return each row in a random order, but never in its own: at least two stations have the pick of another."""
    order = rng.random(picks.shape).argsort(axis=1)
    is_unchanged = (order == np.arange(picks.shape[1])).all(axis=1)
    order[is_unchanged] = np.roll(order[is_unchanged], 1, axis=1)
    return np.take_along_axis(picks, order, axis=1)


def _plane_wave(
    rng: np.random.Generator, origins: np.ndarray, difficulty: Difficulty, stations: np.ndarray
) -> np.ndarray:
    """Return picks (n, 6) of plane waves that cross the middle of the network in the middle of the SPAN."""
    n = len(origins)
    speed, azimuth, error = rng.spawn(3)
    velocity = speed.uniform(*WRONG_SPEEDS[speed.integers(len(WRONG_SPEEDS), size=n)].T)
    angle = azimuth.uniform(0.0, 2 * np.pi, n)
    slowness = np.stack([np.sin(angle), np.cos(angle)], axis=1) / velocity[:, None]
    delay = slowness @ (stations - stations.mean(axis=0)).T
    noise = difficulty.picking_error * error.standard_normal(delay.shape)
    return origins[:, None] + SPAN / 2 + delay + STATION_TERMS + noise
