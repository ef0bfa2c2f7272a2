"""The data of a seed in parts: records, their low-passed versions, and what methods are given of them.

    (seed, stream, block) -> records y -> x, which a simulation to 1 Hz would give
    y -> log10 PSA at SHORT_PERIODS: what is asked for        x -> log10 PSA at LONG_PERIODS, energy in time: the input

Every record is of an earthquake of its own, and no stream and block is in two parts.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from dataGeneration import TRACES_PER_BLOCK, stream_generator
from problems.broadband.bands import low_pass, restored
from problems.broadband.response import horizontal_psa
from problems.broadband.source import DT, Sources, make_records
from support.checks import check_whole

SHORT_PERIODS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])  # s; the first one is the peak
LONG_PERIODS = np.array([0.75, 0.8, 0.9, *np.arange(1.0, 5.01, 0.25)])  # s
N_BINS = 64  # of time, for the energy
LEAST_ENERGY = 1e-6  # of the largest bin of a record


class Part(NamedTuple):
    """Records and what is made of them, one row per record; spectra are of the horizontals' geometric mean."""

    y: np.ndarray  # cm/s^2, (n, 3, N_SAMPLES) float32
    x: np.ndarray  # the low-pass of y, of the same shape
    sources: Sources | None  # None: unknown
    target: np.ndarray  # log10 PSA of y at SHORT_PERIODS, (n, 9)
    spectrum: np.ndarray  # log10 PSA of x at LONG_PERIODS, (n, 20)
    own_spectrum: np.ndarray  # log10 PSA of y at LONG_PERIODS, which who has x alone does not know
    energy: np.ndarray  # log10 of x^2 in N_BINS bins of time x 3 components, (n, 192)

    def take(self, rows: np.ndarray | slice) -> "Part":
        """Return some of the records, by their numbers, a mask or a slice."""
        sources = self.sources and self.sources.take(rows)
        return Part(*(values[rows] for values in self._replace(sources=self.y)))._replace(sources=sources)


class Seen(NamedTuple):
    """What x shows of records, named as in `Part`."""

    spectrum: np.ndarray
    energy: np.ndarray


class Parts(NamedTuple):
    """Records of one seed, of different earthquakes in each part."""

    training: Part
    validation: Part
    test: Part


def energy_in_time(x: np.ndarray) -> np.ndarray:
    """Return log10 of the mean of x^2 in N_BINS equal bins of time, (n, 3 N_BINS), from records (n, 3, N_SAMPLES).

    What is below LEAST_ENERGY of the largest bin of the record is raised to it.

    >>> step = np.repeat([[[0.0], [0.0], [10.0]]], 4096, axis=2)
    >>> energy_in_time(step)[0, [0, 64, 128]].tolist()
    [-4.0, -4.0, 2.0]
    """
    energy = np.mean(x.astype(np.float64).reshape(*x.shape[:2], N_BINS, -1) ** 2, axis=3).reshape(len(x), -1)
    return np.log10(np.maximum(energy, LEAST_ENERGY * energy.max(axis=1, keepdims=True)))


def log_psa(records: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return log10 of the horizontals' PSA in cm/s^2, (n, n_periods)."""
    return np.log10(horizontal_psa(records, DT, periods))


def seen_in(x: np.ndarray) -> Seen:
    """Return what low-passed records (n, 3, N_SAMPLES) in cm/s^2 show.

    >>> [values.shape for values in seen_in(make_part(0, "training", 2).x)]
    [(2, 20), (2, 192)]
    """
    return Seen(log_psa(x, LONG_PERIODS), energy_in_time(x))


def part_of(y: np.ndarray, sources: Sources | None = None) -> Part:
    """Return records (n, 3, N_SAMPLES) in cm/s^2 with what is made of them; no source is known of real ones."""
    x = low_pass(y)
    seen = seen_in(x)
    return Part(y, x, sources, log_psa(y, SHORT_PERIODS), seen.spectrum, log_psa(y, LONG_PERIODS), seen.energy)


def make_part(seed: int, stream: str, n: int) -> Part:
    """Make ``n`` records of a stream. Raises ValueError as `stream_generator`, and for an invalid number.

    >>> made = make_part(0, "training", 2)
    >>> made.target.shape, made.spectrum.shape, made.energy.shape
    ((2, 9), (2, 20), (2, 192))
    """
    made = []
    for block, first in enumerate(range(0, check_whole("n", n, 1), TRACES_PER_BLOCK)):
        rng = stream_generator(seed, stream, 0, block)
        made.append(part_of(*make_records(rng, min(TRACES_PER_BLOCK, n - first))))
    y, x, sources, *others = zip(*made, strict=True)
    joined = Sources(*map(np.concatenate, zip(*sources, strict=True)))
    return Part(np.concatenate(y), np.concatenate(x), joined, *map(np.concatenate, others))


def make_parts(seed: int, sizes: tuple[int, int, int]) -> Parts:
    """Make the records of a seed: training, validation and test of these sizes.

    >>> [len(part.y) for part in make_parts(0, (3, 2, 1))]
    [3, 2, 1]
    """
    streams = ("training", "validation", "blind")
    return Parts(*(make_part(seed, stream, n) for stream, n in zip(streams, sizes, strict=True)))


def true_source(part: Part) -> np.ndarray:
    """Return the true magnitude and log10 of the distance, (n, 2)."""
    return np.stack([part.sources.magnitude, np.log10(part.sources.distance)], axis=1)


INPUTS: Mapping[str, Callable[[Part], np.ndarray]] = {  # name: features (n, n_features)
    # The first two are in what is `Seen`; no simulation to 1 Hz gives the others.
    "spectrum of x": lambda part: part.spectrum,
    "spectrum of x and its energy in time": lambda part: np.hstack([part.spectrum, part.energy]),
    "spectrum of y": lambda part: part.own_spectrum,
    "spectrum of y and energy of x in time": lambda part: np.hstack([part.own_spectrum, part.energy]),
    "true M and R": true_source,
    "spectrum of x, true M and R": lambda part: np.hstack([part.spectrum, true_source(part)]),
    "x restored to 1.33 Hz": lambda part: np.hstack(seen_in(restored(part.x))),
    "x restored to 1.78 Hz": lambda part: np.hstack(seen_in(restored(part.x, least_gain=1e-4))),
}
