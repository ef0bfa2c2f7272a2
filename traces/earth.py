"""Random earth models: lithologies, layers in depth with compaction, and their logs in two-way time.

Units are those of `dataGeneration`: depth ft, velocity ft/s, density g/cm3, two-way time s.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FT_PER_KM = 3280.84
SEQUENCES_PER_MODEL = (1, 99)
LAYERS_PER_SEQUENCE = (3, 9)
LAYER_THICKNESS = (10.0, 1000.0)  # ft
STOPPING_DEPTH = (10_000.0, 25_000.0)  # ft
COMPACTION_DEPTH = 10_000.0  # ft, where compaction ends
VELOCITY_HETEROGENEITY = 500.0  # ft/s
DENSITY_HETEROGENEITY = 0.09  # g/cm3
SEQUENCES_PER_DRAW = 12  # Nearly every model has fewer, so that one draw is enough.


class Lithology(NamedTuple):
    """One row of the lithology table: density = a v^2 + b v + c in g/cm3, with v and its limits in km/s."""

    name: str
    a: float
    b: float
    c: float
    v_low: float
    v_high: float
    low_factor: float  # of v_low, at COMPACTION_DEPTH
    high_divisor: float  # of v_high, at the surface


LITHOLOGIES = (  # A lithology's code is its place in this table.
    Lithology("shale", -0.0261, 0.373, 1.458, 1.50, 5.0, 1.5, 2.0),
    Lithology("sandstone", -0.0115, 0.261, 1.515, 1.50, 6.0, 1.5, 2.0),
    Lithology("limestone", -0.0296, 0.461, 0.963, 3.50, 6.4, 1.5, 1.8),
    Lithology("dolomite", -0.0235, 0.390, 1.242, 4.50, 7.1, 1.5, 1.8),
    Lithology("anhydrite", -0.0203, 0.321, 1.732, 4.60, 7.4, 1.5, 1.5),
    Lithology("halite", -0.0455, 0.5892, 0.4358, 4.37, 4.8, 1.0, 1.0),
)
LITHOLOGY_NAMES = tuple(row.name for row in LITHOLOGIES)
SEQUENCES = {  # kind of sequence: its probability, and the probability of each lithology in it
    "clastic": (0.65, {"shale": 0.50, "sandstone": 0.50}),
    "carbonate": (0.30, {"shale": 0.30, "limestone": 0.30, "dolomite": 0.30, "anhydrite": 0.10}),
    "salt": (0.05, {"shale": 0.40, "anhydrite": 0.40, "halite": 0.20}),
}


class Layers(NamedTuple):
    """Layered models in depth: arrays (n_traces, most layers), where layers of no thickness fill the shorter models."""

    lithology: np.ndarray  # code, int
    thickness: np.ndarray  # ft
    base_depth: np.ndarray  # ft
    velocity: np.ndarray  # ft/s
    density: np.ndarray  # g/cm3
    n_layers: np.ndarray  # (n_traces,)


# --- Earth models in depth


def _cumulative(probabilities: Sequence[float]) -> np.ndarray:
    """Inner limits of the classes on [0, 1), rounded so that a class of probability 0 is never drawn."""
    return np.cumsum(probabilities, axis=-1).round(12)[..., :-1]


_LITHOLOGY_ROWS = np.array([row[1:] for row in LITHOLOGIES])
_SEQUENCE_LIMITS = _cumulative([probability for probability, _ in SEQUENCES.values()])
_LITHOLOGY_LIMITS = _cumulative([[mix.get(name, 0.0) for name in LITHOLOGY_NAMES] for _, mix in SEQUENCES.values()])


def _draw_classes(rng: np.random.Generator, shape: tuple[int, ...], limits: np.ndarray) -> np.ndarray:
    """Class numbers of the given shape; ``limits`` (..., n_classes - 1) as made by `_cumulative`."""
    return (rng.random(shape)[..., None] >= limits).sum(axis=-1)


def _draw_sequences(rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidate layers of each model, (n_traces, candidates): whether it is in the model, thickness (ft), lithology."""
    n_sequences = rng.integers(*SEQUENCES_PER_MODEL, (n_traces, 1), endpoint=True)
    depth = np.zeros((n_traces, 1))
    growing = np.ones((n_traces, 1), bool)
    shape = (n_traces, SEQUENCES_PER_DRAW)
    number = np.arange(1, SEQUENCES_PER_DRAW + 1)
    draws = []
    while growing.any():
        kind = _draw_classes(rng, shape, _SEQUENCE_LIMITS)
        n_layers = rng.integers(*LAYERS_PER_SEQUENCE, shape, endpoint=True)
        present = np.arange(LAYERS_PER_SEQUENCE[1]) < n_layers[..., None]  # (n_traces, sequences, layers)
        thickness = np.where(present, rng.uniform(*LAYER_THICKNESS, present.shape), 0.0)
        lithology = _draw_classes(rng, present.shape, _LITHOLOGY_LIMITS[kind][:, :, None])
        reached = depth + thickness.sum(axis=-1).cumsum(axis=1)
        stops = (reached >= rng.uniform(*STOPPING_DEPTH, shape)) | (number >= n_sequences)
        kept = growing & (stops.cumsum(axis=1) - stops == 0)  # up to the first sequence that stops, and that one
        draws.append([part.reshape(n_traces, -1) for part in (present & kept[..., None], thickness, lithology)])
        growing = growing & ~stops.any(axis=1, keepdims=True)
        depth = reached[:, -1:]
        number = number + SEQUENCES_PER_DRAW
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*draws, strict=True))


def draw_layers(rng: np.random.Generator, n_traces: int, density_empirical: bool = True) -> Layers:
    """Random layered models with compaction.

    The very first layer drawn is dropped; depth counts from the top of the next one. Velocity is uniform between
    bounds that narrow with the depth of the layer's base. Density follows from velocity; with
    ``density_empirical=False`` it is drawn from U(0, 0.1) + U(1.9, 3.1) g/cm3.

    >>> draw_layers(np.random.default_rng(0), n_traces=3).n_layers.tolist()
    [33, 22, 37]
    """
    present, thickness, lithology = _draw_sequences(rng, n_traces)
    present[:, 0] = False
    n_layers = present.sum(axis=1)
    place = np.arange(n_layers.max()) < n_layers[:, None]

    def packed(values: np.ndarray) -> np.ndarray:
        padded = np.zeros(place.shape, values.dtype)
        padded[place] = values[present]
        return padded

    thickness, lithology = packed(thickness), packed(lithology)
    base_depth = thickness.cumsum(axis=1)
    a, b, c, v_low, v_high, low_factor, high_divisor = _LITHOLOGY_ROWS[lithology].transpose(2, 0, 1)
    compaction = np.minimum(base_depth / COMPACTION_DEPTH, 1.0)
    low = v_low * (1 + (low_factor - 1) * compaction)
    high = v_high / (high_divisor + (1 - high_divisor) * compaction)
    v = rng.uniform(np.minimum(low, high), np.maximum(low, high))  # km/s; dolomite's bounds cross near the surface
    if density_empirical:
        density = (a * v + b) * v + c
    else:
        density = rng.uniform(0.0, 0.1, v.shape) + rng.uniform(1.9, 3.1, v.shape)
    return Layers(lithology, thickness, base_depth, v * FT_PER_KM, density, n_layers)


# --- Logs in two-way time


def samples_per_layer(layers: Layers, n_samples: int, dt: float, t0: float = 0.0) -> np.ndarray:
    """How many samples t0 + i dt (s) fall in each layer: integers (n_traces, most layers), each row sums to n_samples.

    Two-way time of a layer is 2 thickness / velocity. Samples below the last layer count to it.

    >>> layers = draw_layers(np.random.default_rng(0), n_traces=3)
    >>> samples_per_layer(layers, n_samples=1000, dt=0.001).sum(axis=1).tolist()
    [1000, 1000, 1000]
    """
    base_time = (2 * layers.thickness / layers.velocity).cumsum(axis=1)
    end = np.ceil((base_time - t0) / dt).clip(0, n_samples).astype(np.int64)
    end[np.arange(end.shape[1]) >= layers.n_layers[:, None] - 1] = n_samples
    return np.diff(end, axis=1, prepend=0)


def log_in_time(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Blocky logs (n_traces, n_samples) from layer values and `samples_per_layer`, both (n_traces, most layers).

    >>> log_in_time(np.array([[9000, 12000]]), np.array([[3, 2]])).tolist()
    [[9000, 9000, 9000, 12000, 12000]]
    """
    return np.repeat(values.ravel(), counts.ravel()).reshape(len(values), -1)


def heterogeneous_log(rng: np.random.Generator, values: np.ndarray, counts: np.ndarray, amplitude: float) -> np.ndarray:
    """`log_in_time` plus U(-amplitude, amplitude) in every sample: (n_traces, n_samples) float32.

    >>> heterogeneous_log(np.random.default_rng(0), np.array([[2.0, 2.5]]), np.array([[3, 2]]), 0.1).round(2)
    array([[2.07, 2.03, 2.  , 2.45, 2.46]], dtype=float32)
    """
    log = rng.random((len(values), counts[0].sum()), np.float32)
    log *= 2 * amplitude
    log += log_in_time((values - amplitude).astype(np.float32), counts)
    return log


def reflectivity(impedance: np.ndarray) -> np.ndarray:
    """r[i] = (z[i+1] - z[i]) / (z[i+1] + z[i]) for i = 1 .. N-3, zero at the ends; z the impedance (..., n_samples).

    >>> reflectivity(np.array([2.0, 2.0, 3.0, 3.0, 3.0])).tolist()
    [0.0, 0.2, 0.0, 0.0, 0.0]
    """
    above, below = impedance[..., 1:-2], impedance[..., 2:-1]
    r = np.zeros_like(impedance)
    np.subtract(below, above, out=r[..., 1:-2])
    r[..., 1:-2] /= below + above
    return r
