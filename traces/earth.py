"""Random earth models: lithologies, layers in depth with compaction, and their logs in two-way time.

Units are those of `dataGeneration`: depth ft, velocity ft/s, density g/cm3, two-way time s.

The constants are the paper's, and are read only. Another earth is an `Earth`, which data sets and streams take:
``DataGenerationClass(earth=Earth(stopping_depth=(5000, 9000)))``.
"""

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from support.checks import check_choice, check_kind, check_number, check_whole
from support.modules import FixedModule
from traces.noise import NOISE_RANGE

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
    low_factor: float  # of v_low, where compaction ends
    high_divisor: float  # of v_high, at the surface

    def velocities(self) -> tuple[float, float]:
        """The lowest and the highest velocity that can be drawn at any depth, in km/s."""
        bounds = self.v_low, self.v_low * self.low_factor, self.v_high / self.high_divisor, self.v_high
        return min(bounds), max(bounds)

    def densities(self) -> tuple[float, float]:
        """The lowest and the highest density of its `velocities`, in g/cm3."""
        low, high = self.velocities()
        turn = [-self.b / (2 * self.a)] if self.a else []  # the velocity where the polynomial turns
        found = [(self.a * v + self.b) * v + self.c for v in (low, high, *(v for v in turn if low < v < high))]
        return min(found), max(found)


LITHOLOGIES = (  # A lithology's code is its place in this table.
    Lithology("shale", -0.0261, 0.373, 1.458, 1.50, 5.0, 1.5, 2.0),
    Lithology("sandstone", -0.0115, 0.261, 1.515, 1.50, 6.0, 1.5, 2.0),
    Lithology("limestone", -0.0296, 0.461, 0.963, 3.50, 6.4, 1.5, 1.8),
    Lithology("dolomite", -0.0235, 0.390, 1.242, 4.50, 7.1, 1.5, 1.8),
    Lithology("anhydrite", -0.0203, 0.321, 1.732, 4.60, 7.4, 1.5, 1.5),
    Lithology("halite", -0.0455, 0.5892, 0.4358, 4.37, 4.8, 1.0, 1.0),
)
LITHOLOGY_NAMES = tuple(row.name for row in LITHOLOGIES)
_MIXES = {  # kind of sequence: its probability, and the probability of each lithology in it
    "clastic": (0.65, {"shale": 0.50, "sandstone": 0.50}),
    "carbonate": (0.30, {"shale": 0.30, "limestone": 0.30, "dolomite": 0.30, "anhydrite": 0.10}),
    "salt": (0.05, {"shale": 0.40, "anhydrite": 0.40, "halite": 0.20}),
}
SEQUENCES = MappingProxyType({kind: (share, MappingProxyType(mix)) for kind, (share, mix) in _MIXES.items()})


# --- The description of an earth

MOST_LITHOLOGIES = 100  # and kinds of sequences
MOST_LAYERS = 5000  # of a model, which bounds the time and the memory that it takes
LONGEST_NAME = 40  # characters
VELOCITIES = (100.0, 50_000.0)  # ft/s, heterogeneity included
DENSITIES = (0.1, 10.0)  # g/cm3, heterogeneity included
LITHOLOGY_LIMITS = {  # of a lithology's numbers, and how a message names them
    **dict.fromkeys("abc", (-100.0, 100.0, "a number")),
    **dict.fromkeys(("v_low", "v_high"), (0.1, 15.0, "a velocity in km/s")),
    **dict.fromkeys(("low_factor", "high_divisor"), (0.1, 10.0, "a factor")),
}
RANGE_LIMITS = {  # of the fields of an `Earth` that are (lowest, highest), and how a message names them
    "sequences_per_model": (1, 10_000, "whole numbers"),
    "layers_per_sequence": (2, 1000, "whole numbers"),  # The first layer of a model is dropped.
    "layer_thickness": (0.01, 1e6, "thicknesses in ft"),
    "stopping_depth": (0.01, 1e6, "depths in ft"),
    "noise_range": (0.0, 100.0, "weights of the noise"),
    "gap_share": (0.0, 0.9, "shares of a trace"),
}
NUMBER_LIMITS = {  # of the fields of an `Earth` that are one number
    "compaction_depth": (0.01, 1e6, "a depth in ft"),
    "velocity_heterogeneity": (0.0, 50_000.0, "a velocity in ft/s"),
    "density_heterogeneity": (0.0, 10.0, "a density in g/cm3"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Earth:
    """What earth models, noise and gaps are drawn from; the defaults are the paper's.

    Ranges are (lowest, highest), from which every model, layer, sample or trace draws. Earths are equal when all their
    numbers are. Raises ValueError for numbers from which no models can be drawn.

    >>> thin = Earth(layer_thickness=(5, 20), sequences={"sand": (1.0, {"sandstone": 1.0})})
    >>> thin.words
    "an earth that differs from the paper's in sequences and layer_thickness"
    >>> thin == Earth.from_dict(thin.as_dict()), thin == Earth()
    (True, False)
    """

    lithologies: Sequence[Lithology] = LITHOLOGIES
    # Kind of sequence: its probability, and the probability of each lithology in it.
    sequences: Mapping[str, tuple[float, Mapping[str, float]]] = field(default_factory=lambda: SEQUENCES)
    sequences_per_model: tuple[int, int] = SEQUENCES_PER_MODEL  # at most; a model ends where it is deep enough
    layers_per_sequence: tuple[int, int] = LAYERS_PER_SEQUENCE
    layer_thickness: tuple[float, float] = LAYER_THICKNESS  # ft
    stopping_depth: tuple[float, float] = STOPPING_DEPTH  # ft, below which no further sequence begins
    compaction_depth: float = COMPACTION_DEPTH  # ft, where compaction ends
    velocity_heterogeneity: float = VELOCITY_HETEROGENEITY  # ft/s, the largest deviation of a sample from its layer
    density_heterogeneity: float = DENSITY_HETEROGENEITY  # g/cm3, the same of density
    noise_range: tuple[float, float] = NOISE_RANGE  # of the weight u in `traces.noise.data_noise`
    gap_share: tuple[float, float] | None = None  # of a trace's samples; None: as in the paper, anything up to all

    def __post_init__(self) -> None:
        rows = _checked_lithologies(self.lithologies)
        checked: dict[str, object] = {"lithologies": rows, "sequences": _checked_sequences(self.sequences, rows)}
        for name, limits in RANGE_LIMITS.items():
            if name != "gap_share" or self.gap_share is not None:
                checked[name] = _checked_range(name, getattr(self, name), *limits)
        for name, (low, high, what) in NUMBER_LIMITS.items():
            checked[name] = check_number(name, getattr(self, name), low, high, what + " of {:g} to {:g}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_together()

    def _check_together(self) -> None:
        """ValueError for numbers that are valid one by one, but not together."""
        for row in self.lithologies:
            for quantity, found, (low, high), unit in (
                ("velocity", [v * FT_PER_KM for v in row.velocities()], VELOCITIES, "ft/s"),
                ("density", row.densities(), DENSITIES, "g/cm3"),
            ):
                spread = getattr(self, f"{quantity}_heterogeneity")
                lowest, highest = found[0] - spread, found[1] + spread
                if not (low <= lowest and highest <= high):
                    raise ValueError(
                        f"the {quantity} of lithology {row.name!r} must stay within {low:g} to {high:g} {unit}, not "
                        f"{lowest:.4g} to {highest:.4g}, with {quantity}_heterogeneity of {spread:g} {unit}"
                    )
        most = int(np.ceil(self.stopping_depth[1] / (self.layers_per_sequence[0] * self.layer_thickness[0])))
        most = min(most, self.sequences_per_model[1]) * self.layers_per_sequence[1]
        if most > MOST_LAYERS:
            raise ValueError(
                f"a model must have at most {MOST_LAYERS} layers, and could have {most}; make layer_thickness larger, "
                "or sequences_per_model, layers_per_sequence or stopping_depth smaller"
            )

    @classmethod
    def from_dict(cls, described: object) -> "Earth":
        """The earth of a description such as `as_dict` gives; what it lacks is the paper's. Raises ValueError."""
        described = _mapping("an earth", described, [one.name for one in fields(cls)])
        if "lithologies" in described:
            rows = _mapping("lithologies", described["lithologies"])
            described["lithologies"] = [
                (name, *_complete(f"lithology {name!r}", row, LITHOLOGY_LIMITS).values()) for name, row in rows.items()
            ]
        if "sequences" in described:
            kinds = _mapping("sequences", described["sequences"])
            described["sequences"] = {
                name: tuple(_complete(f"sequence {name!r}", kind, ("probability", "mix")).values())
                for name, kind in kinds.items()
            }
        return cls(**described)

    def as_dict(self) -> dict[str, object]:
        """All its numbers, as JSON can hold them."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
        found["lithologies"] = {row.name: dict(zip(LITHOLOGY_LIMITS, row[1:], strict=True)) for row in self.lithologies}
        found["sequences"] = {
            name: {"probability": share, "mix": dict(mix)} for name, (share, mix) in self.sequences.items()
        }
        return found

    @property
    def lithology_names(self) -> tuple[str, ...]:
        """The name of each code of a lithology."""
        return tuple(row.name for row in self.lithologies)

    @property
    def words(self) -> str:
        """What it is, in words: the paper's, or in what it differs from that."""
        if self == PAPER_EARTH:
            return "the paper's earth"
        paper = PAPER_EARTH.as_dict()
        # The order of lithologies and sequences decides what is drawn.
        *others, last = [name for name, found in self.as_dict().items() if json.dumps(found) != json.dumps(paper[name])]
        listed = f"{', '.join(others)} and {last}" if others else last
        return f"an earth that differs from the paper's in {listed}"

    @functools.cached_property
    def _key(self) -> str:
        return json.dumps(self.as_dict())

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Earth) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<{self.words}>"

    @functools.cached_property
    def lithology_rows(self) -> np.ndarray:
        """The numbers of the lithology table, (n_lithologies, 7)."""
        return np.array([row[1:] for row in self.lithologies])

    @functools.cached_property
    def sequence_limits(self) -> np.ndarray:
        """Limits between the kinds of sequences, for `_draw_classes`."""
        return _cumulative([probability for probability, _ in self.sequences.values()])

    @functools.cached_property
    def lithology_limits(self) -> np.ndarray:
        """Limits between the lithologies of each kind of sequence, for `_draw_classes`."""
        return _cumulative(
            [[mix.get(name, 0.0) for name in self.lithology_names] for _, mix in self.sequences.values()]
        )


def check_earth(earth: object) -> Earth:
    """``earth``; ValueError unless it is an `Earth`.

    >>> check_earth(PAPER_EARTH)
    <the paper's earth>
    """
    return check_kind("earth", earth, Earth, "an Earth, such as traces.earth_files.read_earth gives of a file")


def _mapping(what: str, found: object, valid: Sequence[str] | None = None) -> dict[str, object]:
    """A copy of a mapping; ValueError for something else, or for a key that is not valid."""
    if not isinstance(found, Mapping):
        raise ValueError(f"{what} must be a table, not {found!r}")
    for name in found if valid is not None else ():
        check_choice(f"{what}: the key", name, valid)
    return dict(found)


def _complete(what: str, found: object, names: Sequence[str]) -> dict[str, object]:
    """A mapping that has exactly these names, in their order; ValueError for another one."""
    found = _mapping(what, found, list(names))
    for name in names:
        if name not in found:
            raise ValueError(f"{what} lacks {name}; it needs {', '.join(names)}")
    return {name: found[name] for name in names}


def _checked_range(name: str, found: object, lowest: float, highest: float, what: str) -> tuple[float, float]:
    valid = f"{name} must be (lowest, highest), {what} of {lowest:g} to {highest:g}, not {found!r}"
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ValueError(valid)
    try:
        if isinstance(lowest, int):
            low, high = (check_whole(name, value, lowest, highest) for value in found)
        else:
            low, high = (check_number(name, value, lowest, highest, "") for value in found)
    except ValueError:
        raise ValueError(valid) from None
    if low > high:
        raise ValueError(valid)
    return low, high


def _checked_names(what: str, names: Sequence[object]) -> None:
    if not 1 <= len(names) <= MOST_LITHOLOGIES:
        raise ValueError(f"1 to {MOST_LITHOLOGIES} {what} are needed, not {len(names)}")
    for name in names:
        is_text = isinstance(name, str) and name.isprintable() and name == name.strip()
        if not is_text or not 1 <= len(name) <= LONGEST_NAME:
            raise ValueError(
                f"the name of one of the {what} must be a text of 1 to {LONGEST_NAME} letters, not {name!r}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"the {what} must have different names, not {', '.join(names)}")


def _checked_lithologies(found: object) -> tuple[Lithology, ...]:
    try:
        rows = [Lithology(*row) for row in found]
    except TypeError:
        raise ValueError(f"lithologies must be rows of {', '.join(Lithology._fields)}, not {found!r}") from None
    _checked_names("lithologies", [row.name for row in rows])
    checked = []
    for row in rows:
        numbers = [
            check_number(f"{key} of lithology {row.name!r}", number, low, high, what + " of {:g} to {:g}")
            for number, (key, (low, high, what)) in zip(row[1:], LITHOLOGY_LIMITS.items(), strict=True)
        ]
        checked.append(Lithology(row.name, *numbers))
        if checked[-1].v_low > checked[-1].v_high:
            raise ValueError(
                f"v_low of lithology {row.name!r} must be at most its v_high, {row.v_high}, not {row.v_low}"
            )
    return tuple(checked)


def _checked_sequences(found: object, rows: Sequence[Lithology]) -> dict[str, tuple[float, dict[str, float]]]:
    kinds = _mapping("sequences", found)
    _checked_names("sequences", list(kinds))
    checked, valid = {}, [row.name for row in rows]
    for name, kind in kinds.items():
        if not isinstance(kind, (tuple, list)) or len(kind) != 2:
            raise ValueError(f"sequence {name!r} must be (probability, mix), not {kind!r}")
        mix = _mapping(f"the mix of sequence {name!r}", kind[1])
        for lithology in mix:
            check_choice(f"sequence {name!r}: the lithology", lithology, valid)
        # The lithologies of a mix have no order of their own.
        shares = _checked_shares(f"the mix of sequence {name!r}", {one: mix[one] for one in valid if one in mix})
        checked[name] = kind[0], shares
    shares = _checked_shares("sequences", {name: kind[0] for name, kind in checked.items()})
    return {name: (shares[name], mix) for name, (_, mix) in checked.items()}


def _checked_shares(what: str, found: Mapping[str, object]) -> dict[str, float]:
    """Probabilities as floats; ValueError unless they sum to 1."""
    valid = "a probability of {:g} to {:g}"
    shares = {name: check_number(f"{what}: {name!r}", share, 0.0, 1.0, valid) for name, share in found.items()}
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"the probabilities of {what} must sum to 1, not to {sum(shares.values()):.7g}")
    return shares


PAPER_EARTH = Earth()
WAY = "give earth=Earth({}) to DataGenerationClass or CustomDataGen, or --earth FILE to a command"
FIXED = {"PAPER_EARTH": WAY.format(".."), **{one.name.upper(): WAY.format(f"{one.name}=..") for one in fields(Earth)}}
sys.modules[__name__].__class__ = FixedModule


# --- Earth models in depth


class Layers(NamedTuple):
    """Layered models in depth: arrays (n_traces, most layers), where layers of no thickness fill the shorter models."""

    lithology: np.ndarray  # code, int
    thickness: np.ndarray  # ft
    base_depth: np.ndarray  # ft
    velocity: np.ndarray  # ft/s
    density: np.ndarray  # g/cm3
    n_layers: np.ndarray  # (n_traces,)


def _cumulative(probabilities: Sequence[float]) -> np.ndarray:
    """Inner limits of the classes on [0, 1), rounded so that a class of probability 0 is never drawn."""
    summed = np.cumsum(probabilities, axis=-1)
    return (summed / summed[..., -1:]).round(12)[..., :-1]


def _draw_classes(rng: np.random.Generator, shape: tuple[int, ...], limits: np.ndarray) -> np.ndarray:
    """Class numbers of the given shape; ``limits`` (..., n_classes - 1) as made by `_cumulative`."""
    return (rng.random(shape)[..., None] >= limits).sum(axis=-1)


def _draw_sequences(rng: np.random.Generator, n_traces: int, earth: Earth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidate layers of each model, (n_traces, candidates): whether it is in the model, thickness (ft), lithology."""
    n_sequences = rng.integers(*earth.sequences_per_model, (n_traces, 1), endpoint=True)
    depth = np.zeros((n_traces, 1))
    growing = np.ones((n_traces, 1), bool)
    shape = (n_traces, SEQUENCES_PER_DRAW)
    number = np.arange(1, SEQUENCES_PER_DRAW + 1)
    draws = []
    while growing.any():
        kind = _draw_classes(rng, shape, earth.sequence_limits)
        n_layers = rng.integers(*earth.layers_per_sequence, shape, endpoint=True)
        present = np.arange(earth.layers_per_sequence[1]) < n_layers[..., None]  # (n_traces, sequences, layers)
        thickness = np.where(present, rng.uniform(*earth.layer_thickness, present.shape), 0.0)
        lithology = _draw_classes(rng, present.shape, earth.lithology_limits[kind][:, :, None])
        reached = depth + thickness.sum(axis=-1).cumsum(axis=1)
        stops = (reached >= rng.uniform(*earth.stopping_depth, shape)) | (number >= n_sequences)
        kept = growing & (stops.cumsum(axis=1) - stops == 0)  # up to the first sequence that stops, and that one
        draws.append([part.reshape(n_traces, -1) for part in (present & kept[..., None], thickness, lithology)])
        growing = growing & ~stops.any(axis=1, keepdims=True)
        depth = reached[:, -1:]
        number = number + SEQUENCES_PER_DRAW
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*draws, strict=True))


def draw_layers(
    rng: np.random.Generator, n_traces: int, density_empirical: bool = True, earth: Earth = PAPER_EARTH
) -> Layers:
    """Random layered models of an earth, with compaction.

    The very first layer drawn is dropped; depth counts from the top of the next one. Velocity is uniform between
    bounds that narrow with the depth of the layer's base. Density follows from velocity; with
    ``density_empirical=False`` it is drawn from U(0, 0.1) + U(1.9, 3.1) g/cm3.

    >>> draw_layers(np.random.default_rng(0), n_traces=3).n_layers.tolist()
    [33, 22, 37]
    """
    present, thickness, lithology = _draw_sequences(rng, n_traces, earth)
    present[:, 0] = False
    n_layers = present.sum(axis=1)
    place = np.arange(n_layers.max()) < n_layers[:, None]

    def packed(values: np.ndarray) -> np.ndarray:
        padded = np.zeros(place.shape, values.dtype)
        padded[place] = values[present]
        return padded

    thickness, lithology = packed(thickness), packed(lithology)
    base_depth = thickness.cumsum(axis=1)
    a, b, c, v_low, v_high, low_factor, high_divisor = earth.lithology_rows[lithology].transpose(2, 0, 1)
    compaction = np.minimum(base_depth / earth.compaction_depth, 1.0)
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
