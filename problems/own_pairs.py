"""Pairs from files, for networks that are trained on own traces.

    files -> pairs that are alive -> blocks of neighbours -> parts: training, validation, blind
          -> level taken out, amplitudes scaled -> the network's interval -> windows of n_samples -> x, y

    denoising   x: traces, y: the clean traces of --targets; or y: the traces, x: the same with fresh noise
    inversion   x: traces, y: the velocities of --targets in ft/s

A trace looks like its neighbour, so that a validation on neighbours of training traces would reward a network that
learns them by heart. Whole blocks of neighbours are therefore for one of the parts, and a few traces between blocks of
different parts are for none. The split depends on the files alone.
"""

import contextlib
import functools
import hashlib
import math
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from dataFiles import TraceFile, open_traces
from dataGeneration import TRACES_PER_BLOCK, stream_generator
from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.baselines import REFERENCE_TRACES, InversionReference, blocky_velocity, reference_of
from evaluation.blind import stream_pairs
from evaluation.task import Task
from networks.prediction import SAMPLES_PER_BLOCK, continued
from support.words import number_of
from traces.checks import ROCK_VELOCITIES, SHORTEST_TRACE, WATER_VELOCITY
from traces.live import Live, examine
from traces.noise import data_noise
from traces.resampling import interpolate, resample
from traces.units import VELOCITY_UNITS

TRAINING, VALIDATION, BLIND = PARTS = ("training", "validation", "blind")
# The blocks of neighbours, of equal numbers of traces: 14 of 20 for training and 3 each for validation and blind test.
BLOCKS = (*(TRAINING, TRAINING, VALIDATION, TRAINING, TRAINING, BLIND, TRAINING) * 2,)
BLOCKS += (TRAINING, TRAINING, VALIDATION, TRAINING, TRAINING, BLIND)
MARGIN = 5  # traces at the edge of a training block that are for no part, where its neighbour is of another part
FEWEST = 2 * len(BLOCKS)  # places along the line: fewer leave blocks of one trace
DEVIATION = 0.055  # of a trace: the median of the generator's clean traces, as pretrained/inversion_paper.json has it
SHUFFLE = 10**9  # numbers of blocks from here on stand for the order of the traces of an epoch


@dataclass(frozen=True, eq=False)
class Pairs:
    """Open files of pairs, and what each of them is for."""

    traces: TraceFile
    targets: TraceFile | None
    dt: float  # s, of both files
    parts: Mapping[str, np.ndarray]  # the numbers of the traces in the files, by part
    scale: float | None  # what all traces are times; None: each trace is scaled to DEVIATION
    digests: Mapping[str, str]  # SHA-256 of the files
    notes: Sequence[str]  # sentences on what is odd in the files, what is left out, and the split
    lock: threading.Lock = field(default_factory=threading.Lock)  # streams read in threads of their own

    @property
    def content(self) -> dict[str, object]:
        """What the pairs are, whatever their files are called: as a study and a network keep it."""
        sizes = {part: len(numbers) for part, numbers in self.parts.items()}
        return {**self.digests, "dt": self.dt, "scale": self.scale, **sizes}

    @property
    def n_blind(self) -> int:
        """The number of blind traces."""
        return len(self.parts[BLIND])

    @property
    def says_interval(self) -> bool:
        """Whether a file gives the sampling interval, so that it did not have to be given."""
        return any(file is not None and file.dt is not None for file in (self.traces, self.targets))

    @property
    def meaning(self) -> str:
        """What the numbers of a blind test on these pairs mean, in a sentence."""
        if self.scale is not None:
            return (
                "The classical methods know the training part of the files; those that need its impedance are left out."
            )
        if self.targets is None:
            return (
                "The blind traces are those of the file with added noise: the numbers say how well this noise is taken "
                "out, and noise that the file has itself counts as signal."
            )
        return "The blind traces are those of the file, and their targets count as the truth."

    def samples_at(self, dt: float) -> int:
        """Samples of a whole trace at another interval in s."""
        return math.floor((self.traces.n_samples - 1) * self.dt / dt * (1 + 1e-9)) + 1

    def read(self, numbers: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Traces and their targets as the files have them, (n_traces, n_samples) each; None without targets."""
        with self.lock:
            x, y = (
                file and np.concatenate([file.read(number, number + 1) for number in map(int, numbers)])
                for file in (self.traces, self.targets)
            )
        return x, y


def in_words(traces: object, targets: object) -> str:
    """What pairs from files are, by the paths of the files; None for targets stands for added noise.

    >>> in_words("line/noisy.sgy", "line/clean.sgy"), in_words("line.npy", None)
    ('own traces noisy.sgy with the targets clean.sgy', 'own traces line.npy with fresh noise in every epoch')
    """
    names = [os.path.basename(str(path)) for path in (traces, targets)]
    added = "fresh noise in every epoch" if targets is None else f"the targets {names[1]}"
    return f"own traces {names[0]} with {added}"


# --- Streams


class OwnPairs(CustomDataGen):
    """Batches of pairs from files: one part of ``pairs`` for each stream, windows of n_samples at dt.

    An epoch goes through its part in a random order, and again in another one if it is longer; the order and all other
    draws depend on (seed, stream, epoch) alone. Other options are those of `CustomDataGen`.
    """

    gen_type: str
    needs_targets: bool

    def __init__(self, *arguments: object, pairs: Pairs, **options: object) -> None:
        super().__init__(*arguments, gen_type=self.gen_type, **options)
        self.pairs = pairs
        self.x_name = "own trace"
        if pairs.samples_at(self.dt) < SHORTEST_TRACE:
            found = f"{pairs.traces.path} have {pairs.samples_at(self.dt)} at {self.dt:g} s"
            raise ValueError(f"traces need {SHORTEST_TRACE} samples or more, and those of {found}")

    @classmethod
    def is_target(cls, y: np.ndarray) -> np.ndarray:
        """Whether each target of a file can be one, bool (n_traces,)."""
        raise NotImplementedError

    @classmethod
    def check_targets(cls, file: TraceFile, low: float, high: float, mean: float) -> list[str]:
        """Sentences about targets of a file whose values go from ``low`` to ``high``. Raises ValueError."""
        return []

    @classmethod
    def scale_of(cls, deviation: np.ndarray) -> float | None:
        """What all traces are times, from the deviation of the training traces (n_traces,)."""
        return None

    def made_of(self, x: np.ndarray, y: np.ndarray | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """x and y (n_traces, n_samples) of this stream, from those of the files at the interval of the files."""
        raise NotImplementedError

    def make_block(self, rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of the stream's part, drawn at random; each trace once, if there are enough."""
        numbers = self.pairs.parts[self.stream]
        return self.made_of(*self.pairs.read(rng.choice(numbers, n_traces, n_traces > len(numbers))), rng)

    def _make(self, age: int, block: int, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        first, size = block * TRACES_PER_BLOCK, len(self.pairs.parts[self.stream])
        laps = range(first // size, (first + n_traces - 1) // size + 1)
        order = np.concatenate([self._order(age, lap) for lap in laps])[first % size :][:n_traces]
        return self.made_of(*self.pairs.read(order), stream_generator(self.seed, self.stream, age, block))

    def _order(self, age: int, lap: int) -> np.ndarray:
        rng = stream_generator(self.seed, self.stream, age, SHUFFLE + lap)
        return rng.permutation(self.pairs.parts[self.stream])


class OwnTraces(OwnPairs):
    """Pairs for denoising: traces and the clean traces of the targets, or fresh noise on traces and the traces.

    The level of each trace is taken out, and x and y are scaled by the factor that gives the whole trace, x with
    targets and y without, a deviation of DEVIATION. Mutes at both ends, and what a trace lacks of n_samples, are its
    mirror image, as `BaseMLClass.predict` fills them. A longer trace gives a window at a random time.
    """

    gen_type, needs_targets = "DeNoise", False
    answers_traces = True

    @classmethod
    def is_target(cls, y: np.ndarray) -> np.ndarray:
        """Whether it is alive."""
        return ~examine(y).is_dead

    def made_of(self, x: np.ndarray, y: np.ndarray | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As `OwnPairs.made_of` says, float32."""
        noise_rng, window_rng = rng.spawn(2)
        live = examine(x)
        noisy = self._whole(x, live, live.level)
        clean = noisy if y is None else self._whole(y, live, examine(y).level)
        if y is None:
            noisy = data_noise(clean, noise_rng, self.snr_db)
        first = window_rng.integers(clean.shape[1] - self.n_samples + 1, size=(len(x), 1))
        window = first + np.arange(self.n_samples)
        return tuple(np.take_along_axis(traces, window, axis=1) for traces in (noisy, clean))

    def _whole(self, rows: np.ndarray, live: Live, level: np.ndarray) -> np.ndarray:
        """Whole traces at the stream's interval, of n_samples or more: (n_traces, any number)."""
        spread, dt = live.deviation[:, None] / DEVIATION, self.pairs.dt
        standard = np.where(live.samples, (rows - level[:, None]) / spread, 0.0).astype(np.float32)
        n_needed = math.ceil((self.n_samples - 1) * self.dt / dt) + 1
        margin = max(n_needed - rows.shape[1], 0)
        longer = continued(standard, live.samples, margin)[:, margin:]
        return resample(longer, dt, self.dt)[:, : max(self.n_samples, self.pairs.samples_at(self.dt))]


class OwnVelocities(OwnPairs):
    """Pairs for inversion: traces, all times one scale, and velocities in ft/s.

    The level of each trace is taken out, and the scale gives the median training trace a deviation of DEVIATION: a
    network reads velocity from amplitudes, so that `BaseMLClass.predict` needs the same scale later. A longer trace
    gives its first n_samples, as velocity depends on two-way time; a shorter one is continued by the mirror image of
    its velocity, where reflections have the other sign.
    """

    gen_type, needs_targets = "ML_VEL", True
    answers_traces = False

    @classmethod
    def is_target(cls, y: np.ndarray) -> np.ndarray:
        """Whether all values are numbers and not all of them are 0."""
        return np.isfinite(y).all(axis=1) & y.any(axis=1)

    @classmethod
    def check_targets(cls, file: TraceFile, low: float, high: float, mean: float) -> list[str]:
        """ValueError for values that are no velocities in ft/s, and a sentence for those that are hardly any."""
        of_km, of_m = VELOCITY_UNITS["km/s"], VELOCITY_UNITS["m/s"]
        if not ROCK_VELOCITIES[0] <= low <= high <= ROCK_VELOCITIES[1]:
            raise ValueError(
                "velocities of {:g} to {:g} ft/s are needed".format(*ROCK_VELOCITIES)
                + f", and {file.path} holds values of {low:g} to {high:g}; km/s times {of_km:g}, and m/s times "
                f"{of_m:g}, are ft/s"
            )
        if mean < WATER_VELOCITY:
            return [
                f"The velocities have a mean of {mean:.0f} ft/s, which is below that of water ({WATER_VELOCITY:g} "
                f"ft/s); if they are m/s, multiply them by {of_m:g} first."
            ]
        return []

    @classmethod
    def scale_of(cls, deviation: np.ndarray) -> float:
        """The scale that gives the median trace a deviation of DEVIATION, to six digits, as users type it."""
        return float(f"{DEVIATION / np.median(deviation):.6g}")

    def made_of(self, x: np.ndarray, y: np.ndarray | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As `OwnPairs.made_of` says, float32."""
        live, n_own = examine(x), self.pairs.samples_at(self.dt)
        scaled = np.where(live.samples, (x - live.level[:, None]) * self.pairs.scale, 0.0).astype(np.float32)
        scaled = resample(scaled, self.pairs.dt, self.dt)
        velocity = interpolate(y.astype(np.float32), self.pairs.dt, self.dt, n_own)
        place = np.arange(self.n_samples)
        lap = np.maximum(place - 1, 0) // (n_own - 1)
        place -= lap * (n_own - 1)
        is_back = lap % 2 == 1
        place = np.where(is_back, n_own - 1 - place, place)
        return scaled[:, place] * np.where(is_back, -1, 1).astype(np.float32), velocity[:, place]


# --- Files


def open_pairs(kind: type[OwnPairs], traces: str, targets: str | None = None, dt: float | None = None) -> Pairs:
    """Open files of traces and of targets, find the pairs that are alive, and split them into PARTS.

    ``dt`` in s is that of files without an interval. Raises ValueError, one sentence, for a file that cannot be opened,
    is in depth, or has no interval, for targets that do not belong to the traces, and for too few pairs.
    """
    if targets is None and kind.needs_targets:
        raise ValueError(f"the traces of {traces} need --targets FILE, with a velocity in ft/s for each sample")
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_in_time(path)) for path in (traces, targets) if path is not None]
        own, of_targets = (files[0], files[1] if targets is not None else None)
        dt = _interval(files, dt)
        if of_targets and (own.n_traces, own.n_samples) != (of_targets.n_traces, of_targets.n_samples):
            sizes = " and ".join(
                f"{file.n_traces} of {number_of(file.n_samples, 'sample')} in {file.path}" for file in files
            )
            raise ValueError(f"each trace needs one target of as many samples, but there are {sizes}")
        alive, deviation, notes = _examined(kind, own, of_targets)
        parts = split(own.shape[:-1], alive)
        scale = kind.scale_of(deviation[parts[TRAINING]])
        digests = {name: _digest(file) for name, file in zip(("traces", "targets"), files, strict=False)}
        notes = [*(note for file in files for note in file.notes), *notes, _words(own, alive, parts)]
        if scale is not None:
            notes.append(f"The traces are multiplied by {scale:g}: give predict, or applyModel.py, this scale later.")
        pairs = Pairs(own, of_targets, dt, parts, scale, digests, notes)
        weakref.finalize(pairs, stack.pop_all().close)
        return pairs


def _in_time(path: str) -> TraceFile:
    file = open_traces(path)
    if file.domain == "depth":
        file.close()
        raise ValueError(f"{path} holds traces in depth, and networks are trained on traces in two-way time")
    return file


def _interval(files: Sequence[TraceFile], given: float | None) -> float:
    """The interval in s that all files have which have one, or else the one that is given."""
    known = [file.dt for file in files if file.dt is not None]
    if not known and given is None:
        raise ValueError(f"{files[0].path} does not say its sampling interval; give it with --dt, in s")
    if known and not math.isclose(known[0], known[-1], rel_tol=1e-6):
        raise ValueError(f"traces and targets need one interval, not {known[0]:g} s and {known[-1]:g} s")
    return known[0] if known else given


def _examined(
    kind: type[OwnPairs], traces: TraceFile, targets: TraceFile | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Which pairs are alive and the deviation of each trace, (n_traces,) each, and sentences about the targets."""
    alive, deviation = np.zeros(traces.n_traces, bool), np.zeros(traces.n_traces)
    low, high, total = math.inf, -math.inf, 0.0
    for first, rows in traces.blocks(max(1, SAMPLES_PER_BLOCK // traces.n_samples)):
        live, block = examine(rows), slice(first, first + len(rows))
        alive[block], deviation[block] = ~live.is_dead, live.deviation
        if targets:
            y = targets.read(first, first + len(rows))
            alive[block] &= kind.is_target(y)
            values = y[alive[block]]
            low, high = min(low, values.min(initial=math.inf)), max(high, values.max(initial=-math.inf))
            total += values.sum(dtype=np.float64)
    if targets and alive.any():
        return alive, deviation, kind.check_targets(targets, low, high, total / (alive.sum() * targets.n_samples))
    return alive, deviation, []


def split(shape: Sequence[int], alive: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers of the traces of each of PARTS, in their order; ``shape`` is that of the traces in the file.

    Neighbours are traces that follow each other: in the file, or in a volume along its longest axis, so that whole
    lines stay together. ``alive``, bool (n_traces,), says which traces can be used. Raises ValueError if these are too
    few.

    >>> {part: numbers.tolist() for part, numbers in split((50,), np.arange(50) > 5).items() if part != TRAINING}
    {'validation': [11, 12, 26, 27, 42, 43], 'blind': [17, 18, 19, 33, 34, 48, 49]}
    """
    numbers = np.flatnonzero(alive)
    axis = int(np.argmax(shape))
    along = np.unravel_index(numbers, shape)[axis] if shape[axis] >= FEWEST else numbers
    places, place = np.unique(along, return_inverse=True)
    if len(places) < FEWEST:
        raise ValueError(
            f"training, validation and blind test need {FEWEST} live traces or more that follow each other, and there "
            f"are {len(places)} among {alive.size}"
        )
    part = np.array(BLOCKS)[np.arange(len(places)) * len(BLOCKS) // len(places)]
    margin = min(MARGIN, max(1, len(places) // len(BLOCKS) // 4))
    is_near = ndimage.maximum_filter1d(part != TRAINING, 2 * margin + 1, mode="constant")
    part = np.where((part == TRAINING) & is_near, "", part)
    return {name: numbers[part[place] == name] for name in PARTS}


def _words(file: TraceFile, alive: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
    training, validation, blind = (len(parts[name]) for name in PARTS)
    n_dead = file.n_traces - int(alive.sum())
    n_between = file.n_traces - n_dead - training - validation - blind
    dead = number_of(n_dead, "is left out, as it or its target is", "are left out, as they or their targets are")
    dead = f", and {dead} dead" if n_dead else ""
    between = number_of(n_between, "between these is", "between these are")
    return (
        f"Of the {file.n_traces} traces in {file.path}, {training} are for training, {validation} for validation and "
        f"{blind} for the blind test; {between} for none{dead}."
    )


def _digest(file: TraceFile) -> str:
    with file.path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


# --- The task


def task_of(task: Task, kind: type[OwnPairs], pairs: Pairs) -> Task:
    """The task on these pairs: their stream, and the classical methods with what they can know of the pairs."""
    on_pairs = replace(task, stream=functools.partial(kind, pairs=pairs), variants=())
    if kind is not OwnVelocities:
        return on_pairs
    # This method needs the impedance of the training traces, which a file of velocities does not give.
    known = {name: method for name, method in task.baselines.items() if method.estimate is not blocky_velocity}
    return replace(on_pairs, baselines=known, known=functools.partial(_reference, on_pairs))


def _reference(task: Task, seed: int, protocol: TraceProtocol) -> InversionReference:
    """What classical methods know, from the first training traces of a seed."""
    n_traces = min(REFERENCE_TRACES, len(task.stream.keywords["pairs"].parts[TRAINING]))
    return reference_of(*stream_pairs(task, TRAINING, n_traces, seed, protocol), protocol.dt)
