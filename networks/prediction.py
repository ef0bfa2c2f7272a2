"""What networks make of traces as users have them: of any shape, length and interval, with a level, a scale, mutes.

    for networks whose output is a trace:
    traces -> level and scale taken out -> mutes and ends filled with mirror images -> the network's interval
           -> network -> the traces' interval -> scale and level put back

An inversion gets its traces with the scale that they have, because it reads impedance from their amplitudes. What it
was trained on says whether that scale can be right. If it was trained with a background, it gets the velocity at low
frequencies beside each trace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataPreProcessing import CustomDataGen, Range, TraceProtocol, normalize_data
from dataGeneration import stream_generator
from support.checks import check_number, unmasked
from support.words import number_of
from traces.checks import SHORTEST_TRACE, are_real
from traces.live import Live, examine
from traces.resampling import interpolate, resample

EXAMINED = 100  # training traces that the statistics are from
QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)
LEAST_LEVEL = 0.1  # deviations: a mean that is worth a warning, where the training's traces have none at all
MOST_OUTLIERS = 0.1  # share of traces outside of the training's range that is not worth a warning
MOST_STRANGE = 0.01  # share of answers outside of the training's range that is not worth a warning
LONGEST_MARGIN = 1024  # samples of mirror image at an end; a larger receptive field sees zeros beyond them
LONGEST_PASS = 32_768  # samples that a network gets at once; longer traces pass in windows that overlap
SAMPLES_PER_BATCH = 40_000  # that a network gets at once: more do not stay in a processor's cache
SAMPLES_PER_BLOCK = 1_000_000  # of traces that are prepared at a time, which bounds the memory
OLDER_PROBLEMS = {"denoising": "DeNoise", "inversion": "ML_VEL"}  # pairs of networks whose description lacks the data
# From traces to outputs, (n_traces, n_samples) float32 each; traces with a background are (n_traces, n_samples, 2).
Answer = Callable[[np.ndarray], np.ndarray]


class TracesWarning(UserWarning):
    """Traces are not such as the network was trained on, so that its answer is worth less, or nothing."""


# --- What a network was trained on


@dataclass(frozen=True)
class TrainedOn:
    """What a network got and gave in its training, as the description beside it keeps it."""

    answers_traces: bool  # whether y is a trace as x is, with a level and a scale of the same kind
    unit: str  # of y; empty for a number without unit
    scale: tuple[Range, Range] | None  # range of y in its unit, and range of the network's output; None if these agree
    answers: tuple[float, float]  # the lowest and the highest y, in its unit
    # Of the live samples of a trace: its QUANTILES over traces; zeros for an x with other channels than a background.
    deviation: tuple[float, ...]
    level: float  # the largest mean of a trace but 1 %, in deviations, without its sign
    muted: float  # the largest share of a trace that is muted, but 1 %
    background: tuple[float, float] | None = None  # the lowest and the highest velocity of the backgrounds, ft/s

    @classmethod
    def of(cls, stream: CustomDataGen) -> "TrainedOn":
        """What the pairs of a stream are like: statistics of EXAMINED traces, as they are before scaling."""
        x, y = stream.make_block(stream_generator(stream.seed, stream.stream), min(EXAMINED, stream.n))
        found, x = Findings(), np.asarray(x)
        traces, background = (x[..., 0], x[..., 1]) if stream.background else (x, None)
        if traces.ndim == 2:
            found.add(examine(traces))
        return cls(
            answers_traces=stream.answers_traces,
            unit=stream.unit,
            scale=stream.scales[1] if stream.scaling_flag else None,
            answers=(float(np.min(y)), float(np.max(y))),
            deviation=tuple(found.quantiles(found.deviation)),
            level=found.quantiles(np.abs(found.level))[-1],
            muted=found.quantiles(found.muted)[-1],
            background=None if background is None else (float(background.min()), float(background.max())),
        )

    @classmethod
    def of_older(cls, network: object) -> "TrainedOn | None":
        """The same for a `baseML.BaseMLClass` of the paper's problems whose description does not have it; else None."""
        gen_type = OLDER_PROBLEMS.get(network.provenance.get("problem"))
        if gen_type is None:
            return None
        scaling_flag = network.provenance.get("scaling_flag", False)
        return cls.of(CustomDataGen(gen_type=gen_type, scaling_flag=scaling_flag, **TraceProtocol.of(network).options))

    @classmethod
    def stored(cls, part: Mapping[str, object]) -> "TrainedOn":
        """The part of a network's description that has it. Raises ValueError or TypeError for something else."""
        scale = part["scale"] and tuple((float(low), float(high)) for low, high in part["scale"])
        names = ("answers", "deviation", *(["background"] if part.get("background") else []))
        tuples = {name: tuple(map(float, part[name])) for name in names}
        return cls(**{**part, **tuples, "scale": scale})

    @property
    def median_deviation(self) -> float:
        """The deviation of a usual trace of the training."""
        return self.deviation[len(QUANTILES) // 2]

    def in_data_units(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network in the unit of the data, with the dtype that they have."""
        return outputs if self.scale is None else normalize_data(outputs, *reversed(self.scale)).astype(outputs.dtype)


class Findings:
    """Statistics of the traces that a network gets, added up block by block."""

    def __init__(self) -> None:
        self.n_traces = 0
        self.dead: list[int] = []  # numbers of dead traces, from 0
        self.n_answers, self.n_strange = 0, 0  # values that a network gave, and those beyond what it was trained on
        self.n_backgrounds, self.n_foreign = 0, 0  # values of backgrounds, and those beyond the training's
        self.deviation, self.level, self.muted = np.empty((3, 0))  # of the live traces; levels are in deviations

    def add_background(self, background: np.ndarray | None, live: Live, trained: TrainedOn) -> None:
        """Add the background of the next traces, (n_traces, n_samples); None where the network takes none."""
        if background is not None:
            low, high = trained.background
            used = background[~live.is_dead]
            self.n_backgrounds += used.size
            self.n_foreign += np.count_nonzero((used < low) | (used > high))

    def add_answers(self, made: np.ndarray, trained: TrainedOn) -> None:
        """Add what the network made of traces where that is another quantity than theirs."""
        if not trained.answers_traces:
            low, high = trained.answers
            self.n_answers += np.count_nonzero(np.isfinite(made))
            self.n_strange += np.count_nonzero((made < low) | (made > high))

    def add(self, live: Live) -> None:
        """Add the statistics of the next traces."""
        self.dead += (self.n_traces + np.flatnonzero(live.is_dead)).tolist()
        self.n_traces += len(live.is_dead)
        alive = ~live.is_dead
        deviation = live.deviation[alive]
        self.deviation = np.append(self.deviation, deviation)
        self.level = np.append(self.level, live.level[alive] / deviation)
        self.muted = np.append(self.muted, live.muted[alive])

    @staticmethod
    def quantiles(values: np.ndarray) -> list[float]:
        """The QUANTILES of some values over traces, or zeros where there are none."""
        return np.quantile(values, QUANTILES).tolist() if values.size else [0.0] * len(QUANTILES)

    def warnings(self, trained: TrainedOn, scale: float = 1.0) -> list[str]:
        """Sentences on what is outside of the training's range, and what to do; ``scale`` is what traces are times."""
        first = ", ".join(map(str, self.dead[:5])) + (" .." if len(self.dead) > 5 else "")
        kept = "stay as they are" if trained.answers_traces else "have no answer (NaN)"
        of_all = f"of {number_of(self.n_traces, 'trace')}"
        dead = number_of(len(self.dead), f"{of_all} is dead or holds", f"{of_all} are dead or hold")
        sentences = {
            f"{dead} values that are not numbers (counted from 0: {first}); such traces {kept}": bool(self.dead)
        }
        if not trained.answers_traces and self.deviation.size:
            deviation = self.deviation * abs(scale)
            low, usual_low, middle, usual_high, high = trained.deviation
            found, level = np.median(deviation), np.quantile(np.abs(self.level), QUANTILES[-1])
            outliers, strange = np.mean((deviation < low) | (deviation > high)), self.n_strange / max(self.n_answers, 1)
            foreign = self.n_foreign / max(self.n_backgrounds, 1)
            sentences |= {
                f"the traces have a deviation of {found:.3g} (median), and the training's have {middle:.3g} "
                f"({usual_low:.3g} to {usual_high:.3g}): this network reads velocity from amplitudes, so that its "
                "answer is wrong unless a scale makes them alike, and unless a positive amplitude means an increase "
                "of impedance (a negative scale reverses the polarity)": not usual_low <= found <= usual_high,
                f"{100 * outliers:.0f} % of the traces have a deviation outside of the training's, {low:.3g} to "
                f"{high:.3g}; amplitudes that are balanced along the line would be alike": outliers > MOST_OUTLIERS,
                f"the traces have a mean of up to {level:.2g} deviations, and the training's of up to "
                f"{trained.level:.2g}; it is taken out": level > max(2 * trained.level, LEAST_LEVEL),
                f"{100 * self.muted.mean():.0f} % of the samples are muted, and the training's traces have "
                f"{100 * trained.muted:.0f} % at most; velocity there is a guess": np.median(self.muted)
                > trained.muted + 0.05,
                f"{100 * strange:.0f} % of the answers are outside of {trained.answers[0]:.0f} to "
                f"{trained.answers[1]:.0f} {trained.unit}, which is all that the network was trained on: these "
                "traces are not such as it knows": strange > MOST_STRANGE,
            }
            if trained.background:
                lowest, highest = trained.background
                sentences[
                    f"{100 * foreign:.0f} % of the background is outside of {lowest:.0f} to {highest:.0f} ft/s, which "
                    "is all that the network was trained on; a background is in ft/s"
                ] = foreign > MOST_STRANGE
        return [sentence for sentence, is_true in sentences.items() if is_true]


# --- Traces in


def as_rows(traces: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, tuple[int, ...]]:
    """Traces (.., n_samples) as floats (n_traces, n_samples), which of their samples are masked, and their shape.

    Raises ValueError for something else than real numbers, and for traces that are too short.
    """
    array = np.asanyarray(traces)
    if array.ndim == 0 or array.size == 0 or not are_real(array) or array.shape[-1] < SHORTEST_TRACE:
        raise ValueError(
            f"traces must be real numbers (.., n_samples), with at least {SHORTEST_TRACE} samples per trace, not "
            f"{array.dtype} of shape {array.shape}"
        )
    is_masked = np.ma.is_masked(array)
    masked = np.ma.getmaskarray(array).reshape(-1, array.shape[-1]) if is_masked else None
    rows = np.ma.getdata(array).reshape(-1, array.shape[-1])
    rows = rows.astype(np.float64 if rows.dtype.itemsize > 4 or rows.dtype.kind in "iu" else np.float32, copy=False)
    return (rows if masked is None else np.where(masked, 0, rows)), masked, array.shape


def background_rows(
    background: object, shape: Sequence[int], trained: TrainedOn, live: Live | None = None
) -> np.ndarray | None:
    """The background of traces of this shape, (n_traces, n_samples); None where the network takes none.

    Raises ValueError for a background that does not belong to the traces, where the network was trained without one,
    and for None where it was trained with one; also for values that are not above 0, in the traces that are ``live``.
    """
    if trained.background is None:
        if background is not None:
            raise ValueError("the network was trained without a background, so that it takes none")
        return None
    if background is None:
        raise ValueError(
            "the network was trained with a background, so that it needs one: the velocity below 3 Hz, ft/s"
        )
    values = unmasked("background", background)
    # A log for all traces is (n_samples,), and one for each is of the traces' shape; axes of length 1 are repeated.
    fits = all(length in (1, wanted) for length, wanted in zip(values.shape[::-1], shape[::-1], strict=False))
    if not are_real(values) or values.ndim > len(shape) or not fits:
        raise ValueError(
            f"background must be velocities in ft/s for traces of shape {tuple(shape)}, or one log of {shape[-1]} "
            f"samples for all of them, not {values.dtype} of shape {values.shape}"
        )
    rows = np.broadcast_to(values, shape).reshape(-1, shape[-1])
    used = rows[:0] if live is None else rows[~live.is_dead]
    invalid = used[~(np.isfinite(used) & (used > 0))]
    if invalid.size:
        raise ValueError(f"background must be velocities above 0 ft/s, but that of a live trace holds {invalid[0]:g}")
    return rows


def continued(traces: np.ndarray, live: np.ndarray, margin: int) -> np.ndarray:
    """Traces that are longer by ``margin`` samples at both ends: (n_traces, n_samples + 2 margin).

    ``live`` says which samples are alive, bool (n_traces, n_samples). What lies before the first live sample, or behind
    the last, is its mirror image.

    >>> continued(np.array([[0.0, 3.0, 4.0]]), np.array([[False, True, True]]), 1).tolist()
    [[3.0, 4.0, 3.0, 4.0, 3.0]]
    """
    n_samples = live.shape[1]
    first, last = live.argmax(axis=1), n_samples - 1 - live[:, ::-1].argmax(axis=1)
    if (first == first[0]).all() and (last == last[0]).all():
        first, last = first[:1], last[:1]
    length = (last - first)[:, None]
    period = 2 * np.maximum(length, 1)
    place = (np.arange(-margin, n_samples + margin) - first[:, None]) % period
    place = first[:, None] + np.where(place > length, period - place, place)
    return traces[:, place[0]] if len(place) == 1 else np.take_along_axis(traces, place, axis=1)


def restored(
    rows: np.ndarray, live: Live, dt: float, network_dt: float, margin: int, deviation: float, answer: Answer
) -> np.ndarray:
    """What a network whose output is a trace makes of traces, (n_traces, n_samples) with their level and scale.

    ``dt`` and ``network_dt`` are the intervals of the traces and of the network in s, ``margin`` the samples of mirror
    image that the network gets at both ends, and ``deviation`` that of the traces which it gets. Samples and traces
    that are not alive stay as they are.
    """
    made = rows.copy()
    alive = ~live.is_dead
    if not alive.any():
        return made
    samples, level, spread = live.samples[alive], live.level[alive, None], live.deviation[alive, None]
    standard = np.where(samples, (rows[alive] - level) / (spread / deviation), 0.0).astype(np.float32)
    end = int(np.ceil(margin * network_dt / dt))
    longer = continued(standard, samples, end)
    answered = resample(answer(resample(longer, dt, network_dt)), network_dt, dt)[:, end : end + rows.shape[1]]
    back = (answered * (spread / deviation) + level).astype(rows.dtype)
    made[alive] = np.where(samples, back, rows[alive])
    return made


def converted(
    rows: np.ndarray,
    live: Live,
    dt: float,
    network_dt: float,
    scale: float,
    answer: Answer,
    background: np.ndarray | None = None,
) -> np.ndarray:
    """What a network makes of traces when its output is another quantity, (n_traces, n_outputs) float32.

    The traces lose their level and are multiplied by ``scale``. Dead traces become NaN. An output with a value for
    each sample of the network's interval gets one for each sample of the traces', by linear interpolation. With a
    ``background``, (n_traces, n_samples) in ft/s, the network gets (n_traces, n_samples, 2).
    """
    alive = ~live.is_dead
    level = live.level[alive, None]
    scaled = np.where(live.samples[alive], (rows[alive] - level) * scale, 0.0).astype(np.float32)
    log = None if background is None else background[alive].astype(np.float32)
    if not alive.any():
        scaled = np.zeros((1, rows.shape[1]), np.float32)  # for the length of an answer
        log = None if background is None else np.ones_like(scaled)
    given = resample(scaled, dt, network_dt)
    x = given if log is None else np.stack([given, interpolate(log, dt, network_dt, given.shape[1])], axis=-1)
    answered = answer(x)
    if answered.shape[1] == given.shape[1] and given is not scaled:
        answered = interpolate(answered, network_dt, dt, rows.shape[1])
    made = np.full((len(rows), *answered.shape[1:]), np.nan, np.float32)
    made[alive] = answered[: alive.sum()]
    return made


def in_windows(rows: np.ndarray, margin: int, answer: Answer) -> np.ndarray:
    """The outputs for traces that may be longer than LONGEST_PASS samples: in windows that overlap by 2 ``margin``.

    ``rows`` are (n_traces, n_samples), or have channels behind that.
    """
    n_samples = rows.shape[1]
    if n_samples <= LONGEST_PASS:
        return answer(rows)
    made = np.empty(rows.shape[:2], np.float32)
    kept = 0
    while kept < n_samples:
        first = min(max(kept - margin, 0), n_samples - LONGEST_PASS)
        end = first + LONGEST_PASS
        whole = end if end == n_samples else end - margin
        made[:, kept:whole] = answer(rows[:, first:end])[:, kept - first : whole - first]
        kept = whole
    return made


def check_scale(scale: object) -> float:
    """``scale`` as a float. Raises ValueError unless it is a number other than 0."""
    scale = check_number("scale", scale, -np.finfo(np.float64).max, np.finfo(np.float64).max, "a number other than 0")
    if scale == 0:
        raise ValueError("scale must be a number other than 0, not 0")
    return scale
