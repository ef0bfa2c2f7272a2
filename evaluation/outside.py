"""Tests on what nobody here generated: real sections with noise that is added, and traces of a given velocity model.

    section    live traces -> the network's interval, level out -> y; white noise of a known level on y -> x
    model      velocity and density in depth -> logs in two-way time -> y: velocity, x: reflectivity * wavelet

Arrays are (n_traces, n_samples) at the network's interval. `outside_test` is the comparison for both kinds of pairs.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataFiles import open_traces
from dataPreProcessing import TraceProtocol
from evaluation.apply import check_in_time, evenly_spread
from evaluation.baselines import traces_and_background
from evaluation.blind import Networks
from evaluation.comparison import Row, compare
from evaluation.options import AXES
from evaluation.task import Task
from networks.prediction import TracesWarning
from support.checks import check_choice, check_number, check_whole
from support.words import number_of
from traces.checks import LONGEST_TRACE, ROCK_VELOCITIES, SHORTEST_TRACE, SNR_LIMITS, WATER_VELOCITY
from traces.earth import (
    DENSITIES,
    VELOCITIES,
    Layers,
    log_in_time,
    reflectivity,
    samples_per_layer,
)
from traces.live import examine
from traces.own_wavelet import OwnWavelet
from traces.resampling import resample
from traces.units import DENSITY_UNITS, VELOCITY_UNITS
from traces.variety import BACKGROUND_SCALE, BACKGROUND_TIE, BACKGROUND_TOP, background_of
from traces.wavelets import convolve, ricker, wavelet_time

FREQUENCY = 30.0  # Hz, of the Ricker wavelet of a model's traces
OWN_NOISE = (
    "The answer is the section as it was, with the noise that it has itself, because nobody knows the section without "
    "it: that noise bounds high figures, and favours a method that keeps it. RMSE is in deviations of a trace."
)


@dataclass(frozen=True, eq=False)
class OutsidePairs:
    """What methods get, and what they are to give."""

    x: np.ndarray
    y: np.ndarray
    dt: float  # s
    words: Sequence[str]  # sentences on where they come from, and on what the figures mean
    scored: np.ndarray | None = None  # the samples that count, bool like y; None: all of them


def outside_test(
    task: Task, networks: Networks, pairs: OutsidePairs, seed: int, protocol: TraceProtocol
) -> tuple[list[Row], list[str]]:
    """Classical methods and networks (by name) on the pairs, rows as of `compare`, and warnings as sentences.

    Networks answer as users call them, by `BaseMLClass.predict`. The classical methods know what ``task.known`` gives
    for traces of ``protocol`` that are of the length and the interval of these, and without noise. ``seed`` is that of
    these traces and of the intervals. Raises ValueError as `compare` does.
    """
    predictions, sentences = {}, []
    traces, background = traces_and_background(pairs.x)
    for name, network in networks.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", TracesWarning)
            predictions[name] = network.predict(traces, pairs.dt, background=background)
        found = [str(warning.message) for warning in caught if issubclass(warning.category, TracesWarning)]
        sentences += [f"Warning: to {name}, {text}." for text in found]
    of_these = {"n_samples": pairs.y.shape[1], "dt": pairs.dt, "noisy_data": False, "variety": "paper"}
    known = task.known(seed, replace(protocol, **of_these))
    return compare(task, pairs.x, pairs.y, predictions, known, seed, pairs.scored), sentences


# --- Real sections


class Section(NamedTuple):
    """Traces of a file, as a test has them for the truth."""

    traces: np.ndarray  # (n_traces, n_samples), each with a level of 0 and a deviation of 1
    samples: np.ndarray  # which of them are alive, bool
    dt: float  # s
    words: str  # on the file, and on what was left out


def read_section(
    path: str | Path, network_dt: float, n_traces: int, dt: float | None = None, array: str | None = None
) -> Section:
    """At most ``n_traces`` traces of a file, evenly spread over it, at the interval ``network_dt`` (s).

    ``dt`` (s) is the interval of the file in place of the one that it says, ``array`` the name of one of several arrays
    in an .npz file. Dead traces and traces with a value that is no number are left out. Each trace loses its level and
    is scaled to a deviation of 1, so that all of them count alike; mutes are zeros, and are not alive. A sample of the
    new interval is alive where its neighbours in the file are. Raises ValueError as `open_traces` does and without a
    live trace, and UserError as `evaluation.apply.check_in_time` does.
    """
    with open_traces(path, dt, array) as file:
        check_in_time(file, network_dt)
        numbers = evenly_spread(file.n_traces, check_whole("n_traces", n_traces, 1))
        traces = np.concatenate([file.read(number, number + 1) for number in map(int, numbers)]).astype(np.float64)
        dt, described = file.dt, file.describe()
    live = examine(traces)
    alive = ~live.is_dead
    if not alive.any():
        raise ValueError(f"every trace that was read of {path} is dead, or holds values that are no numbers")
    samples = live.samples[alive]
    centred = np.where(samples, (traces[alive] - live.level[alive, None]) / live.deviation[alive, None], 0.0)
    last = samples.shape[1] - 1
    place = np.arange(int(last * dt / network_dt * (1 + 1e-9)) + 1) * (network_dt / dt)
    before, after = (np.clip(edge(place.round(6)).astype(int), 0, last) for edge in (np.floor, np.ceil))
    samples = samples[:, before] & samples[:, after]
    shown = np.where(samples, resample(centred, dt, network_dt)[:, : place.size], 0.0)
    words = [described, f"{len(traces)} of its traces were read, evenly spread."]
    if not alive.all():
        n_dead = np.count_nonzero(~alive)
        left_out = number_of(
            n_dead, "of them is left out, as it is dead or holds", "of them are left out, as they are dead or hold"
        )
        words.append(f"{left_out} values that are no numbers.")
    if not samples.all():
        words.append(
            f"{100 * (1 - samples.mean()):.0f} % of the samples are muted; they get no noise and do not count."
        )
    return Section(shown, samples, network_dt, " ".join(words))


def with_noise(section: Section, snr_db: float, seed: int) -> OutsidePairs:
    """Pairs of a section: x has white Gaussian noise of exactly this level (dB) on the live samples of each trace.

    The level is against the power of these samples. A mute stays zero, as it is in a file whatever the noise: networks
    and classical methods know it by its zeros. Noise of one ``seed`` differs between levels by a factor alone. Raises
    ValueError for an invalid level or seed.
    """
    snr_db = check_number("snr_db", snr_db, *SNR_LIMITS, "a level of {:g} to {:g} dB")
    noise = np.random.default_rng(check_whole("seed", seed, 0)).standard_normal(section.traces.shape)
    noise = np.where(section.samples, noise, 0.0)
    power_of_signal, power_of_noise = (np.sum(part**2, axis=1, keepdims=True) for part in (section.traces, noise))
    noise *= np.sqrt(power_of_signal / power_of_noise) * 10 ** (-snr_db / 20)
    return OutsidePairs(section.traces + noise, section.traces, section.dt, (section.words, OWN_NOISE), section.samples)


# --- Velocity models


@dataclass(frozen=True)
class ModelFile:
    """Where a velocity model lies, and how it is to be read."""

    path: Path
    cell_size: float  # ft, along depth
    unit: str | None = None  # a key of VELOCITY_UNITS; None: the only one in which the values are velocities of rocks
    array: str | None = None  # of an .npz file of several arrays
    depth_axis: str = "last"  # of AXES; cells along all other axes are the columns
    density: Path | None = None  # g/cm3 or kg/m3, an array of the same shape; None: Gardner's relation
    density_array: str | None = None


def gardner_density(velocity: np.ndarray) -> np.ndarray:
    """0.31 v^0.25 with v in m/s (Gardner, Gardner and Gregory, 1974): g/cm3 from velocities in ft/s.

    >>> gardner_density(np.array([10_000.0])).round(2).tolist()
    [2.3]
    """
    return 0.31 * (velocity / VELOCITY_UNITS["m/s"]) ** 0.25


def model_pairs(
    model: ModelFile,
    dt: float,
    n_traces: int,
    wavelet: OwnWavelet | None = None,
    background_seed: int | None = None,
) -> OutsidePairs:
    """Pairs of a velocity model: traces without noise, and velocities in ft/s, at two-way times of interval ``dt`` (s).

    At most ``n_traces`` columns are used, evenly spread. A cell is a layer of the two-way time 2 h / v, and a sample
    has the values of the layer that it falls in. All traces end where the shortest column ends, so that no sample has a
    velocity that the model does not have. Reflectivity is convolved with ``wavelet``, or with a Ricker wavelet of
    FREQUENCY. Columns without a reflection are left out. With ``background_seed``, x is (n_traces, n_samples, 2), with
    a background of each velocity log that is drawn from this seed (`traces.variety.background_of`). Raises ValueError
    for files that cannot be read, values that are no velocities or densities, a unit that is not clear, and columns
    that are too short or too long.
    """
    columns, n_columns = _columns(model.path, model.array, model.depth_axis, n_traces)
    low, high = columns.min(), columns.max()
    unit, is_derived = _velocity_unit(model, columns)
    velocity = columns * VELOCITY_UNITS[unit]
    if model.density is None:
        density, of_density = gardner_density(velocity), "Density is 0.31 v^0.25, as Gardner has it"
    else:
        density, n_others = _columns(model.density, model.density_array, model.depth_axis, n_traces)
        if (density.shape, n_others) != (columns.shape, n_columns):
            found = f"{number_of(n_others, 'column')} of {number_of(density.shape[1], 'cell')}"
            found = f"{found}, not {n_columns} of {columns.shape[1]}"
            raise ValueError(f"density and velocity need one shape, but {model.density} has {found}")
        density, its_unit = _density(model.density, density)
        of_density = f"Density is that of {model.density}, in {its_unit}"
    base_time = np.cumsum(2 * model.cell_size / velocity, axis=1)
    n_samples = int(np.ceil(base_time[:, -1].min() / dt))
    if not SHORTEST_TRACE <= n_samples <= LONGEST_TRACE:
        raise ValueError(
            f"the shortest column of {model.path} has {number_of(n_samples, 'sample')} of two-way time; "
            f"{SHORTEST_TRACE} to {LONGEST_TRACE} are valid, so that --cell-size or --velocity-unit may be wrong"
        )
    thickness = np.full(velocity.shape, model.cell_size)
    n_layers = np.full(len(velocity), velocity.shape[1])
    layers = Layers(np.zeros_like(n_layers), thickness, thickness.cumsum(axis=1), velocity, density, n_layers)
    counts = samples_per_layer(layers, n_samples, dt)
    y = log_in_time(velocity, counts)
    spikes = reflectivity(y * log_in_time(density, counts))
    x = convolve(spikes, np.tile(_wavelet(wavelet, dt), (len(spikes), 1)))
    alive = ~examine(x).is_dead
    if not alive.any():
        raise ValueError(f"no column of {model.path} has a reflection")
    words = [
        f"{model.path.name}: {len(columns)} of {number_of(n_columns, 'column')}, evenly spread, each of "
        f"{number_of(columns.shape[1], 'cell')} of "
        f"{model.cell_size:.4g} ft, with velocities of {low:.4g} to {high:.4g} {unit}"
        + (", which is the only unit in which they are those of rocks." if is_derived else ".")
    ]
    if not alive.all():
        n_dead = np.count_nonzero(~alive)
        words.append(
            number_of(n_dead, "of them has no reflection, and is", "of them have no reflection, and are") + " left out."
        )
    used = wavelet.words if wavelet else f"a Ricker wavelet of {FREQUENCY:g} Hz"
    words += [
        f"{of_density}. All traces end with the shortest column, at {n_samples * dt:.3g} s; they have {used} and no "
        "noise.",
        "The classical methods know the generator's earth, and not this one: the mean velocity at each time, and how "
        "velocity follows impedance.",
    ]
    if _varies_most_across(columns):
        words.append("Warning: the mean velocity varies less with depth than across; is --depth-axis right?")
    x, y = x[alive], y[alive]
    if background_seed is not None:
        rng = np.random.default_rng(check_whole("background_seed", background_seed, 0))
        x = np.stack([x, background_of(rng, y, dt)], axis=-1)
        words.append(
            f"The background is the velocity below {BACKGROUND_TOP:g} Hz, with errors of its scale of up to "
            f"{100 * BACKGROUND_SCALE:g} % and of its time of up to {1000 * BACKGROUND_TIE:g} ms."
        )
    return OutsidePairs(x, y, dt, words)


def _columns(path: Path, array: str | None, depth_axis: str, at_most: int) -> tuple[np.ndarray, int]:
    """At most so many columns of a file, evenly spread, (n_columns, n_cells) float64, and how many it has."""
    check_choice("depth axis", depth_axis, AXES)
    with open_traces(path, array=array, domain="depth") as file:
        if depth_axis == "last":
            n_columns = file.n_traces
            places = map(int, evenly_spread(n_columns, at_most))
            columns = np.concatenate([file.read(place, place + 1) for place in places])
        elif file.kind in ("SEG-Y", "SU"):
            raise ValueError(f"depth is always the last axis of a {file.kind} file, such as {path}")
        else:
            whole = file.read(0, file.n_traces).reshape(file.shape)
            every = np.moveaxis(whole, 0, -1).reshape(-1, file.shape[0])
            n_columns = len(every)
            columns = every[evenly_spread(n_columns, at_most)]
    if not np.isfinite(columns).all():
        n_lost = np.count_nonzero(~np.isfinite(columns))
        raise ValueError(
            f"the columns of {path} hold {number_of(n_lost, 'value')} that cannot be a velocity or a density"
        )
    return columns.astype(np.float64), n_columns


def _velocity_unit(model: ModelFile, columns: np.ndarray) -> tuple[str, bool]:
    """The unit of velocities, and whether their magnitudes alone say so."""
    low, high, mean = columns.min(), columns.max(), columns.mean()
    values = f"the velocities of {model.path}, which are {low:.4g} to {high:.4g}"
    if model.unit is not None:
        factor = VELOCITY_UNITS[check_choice("velocity unit", model.unit, VELOCITY_UNITS)]
        if not VELOCITIES[0] <= factor * low <= factor * high <= VELOCITIES[1]:
            valid = " to ".join(f"{limit / factor:.4g}" for limit in VELOCITIES)
            raise ValueError(f"{values}, must be {valid} {model.unit}")
        return model.unit, False
    fitting = [
        unit
        for unit, factor in VELOCITY_UNITS.items()
        if ROCK_VELOCITIES[0] <= factor * low <= factor * high <= ROCK_VELOCITIES[1] and factor * mean >= WATER_VELOCITY
    ]
    if len(fitting) != 1:
        found = f"may be in {' or '.join(fitting)}" if fitting else "are those of rocks in no known unit"
        raise ValueError(f"{values}, {found}; --velocity-unit says which of {', '.join(VELOCITY_UNITS)} it is")
    return fitting[0], True


def _density(path: Path, density: np.ndarray) -> tuple[np.ndarray, str]:
    """Densities in g/cm3, and the unit that they had, which their magnitudes say."""
    for unit, factor in DENSITY_UNITS.items():
        found = density * factor
        if DENSITIES[0] <= found.min() <= found.max() <= DENSITIES[1]:
            return found, unit
    low, high = DENSITIES
    limits = " or ".join(f"{low / factor:g} to {high / factor:g} {unit}" for unit, factor in DENSITY_UNITS.items())
    raise ValueError(
        f"densities of {limits} are needed, and those of {path} are {density.min():g} to {density.max():g}"
    )


def _wavelet(given: OwnWavelet | None, dt: float) -> np.ndarray:
    """The samples of the wavelet at ``dt`` (s), with time 0 in their middle."""
    if given is not None:
        return given.at(dt)
    half = ricker(wavelet_time(dt), np.array([[FREQUENCY]]))[0]
    return np.concatenate([half[:0:-1], half])


def _varies_most_across(columns: np.ndarray) -> bool:
    """Whether the mean velocity varies more from column to column than with depth, where it increases in the earth."""
    return len(columns) > 1 and columns.mean(axis=1).std() > columns.mean(axis=0).std()
