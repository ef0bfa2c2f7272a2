"""Own strong-motion records in the form that all methods take, and why some of them cannot be used.

    files -> acceleration in cm/s^2 -> trend taken out -> every 0.01 s -> 40.96 s from 2 s before P on -> y and its x

A record is used only where it is an acceleration in a known unit, has all three components without gaps, is not
clipped, and is long enough. What a file does not say can be given in the options of `Reading`. P is taken from the
file, or picked on the vertical component.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import butter, detrend, sosfilt

from problems.broadband.bands import low_pass
from problems.broadband.goodness import HIGHEST
from problems.broadband.record_files import ACCELERATION, LeftOut, Stored, stored_records
from problems.broadband.response import GRAVITY
from problems.broadband.source import DT, N_SAMPLES, P_TIME
from support.checks import Seed, check_choice, check_flag, check_number, check_path, check_seed, check_whole
from support.words import number_of
from traces.checks import DT_LIMITS
from traces.resampling import resample

UNITS = {"cm/s^2": 1.0, "m/s^2": 100.0, "g": GRAVITY}  # in cm/s^2
ACCELEROMETERS = "NLG"  # SEED's instrument codes; L and G are old ones
SHORTEST, LONGEST = DT_LIMITS[0], 0.02  # s, sampling intervals of files
LARGEST = 5000.0  # cm/s^2; the largest record of an earthquake so far, Iwate-Miyagi in 2008, has 4,022
TAPER = 0.5  # s, at the beginning, before P
ONSET_SLACK = 0.5  # s, by which P may be earlier or later than P_TIME where a file is too short for more
CLIPPED_SAMPLES = 4  # in a row at the largest or smallest value
# The picker: where the energy of STA seconds first is TRIGGER times the mean of the LTA seconds before.
PICK_BAND = (1.0, 20.0)  # Hz
STA, LTA, TRIGGER = 0.3, 5.0, 10.0
LEAST_LTA = 1.0  # s
PICK_WINDOW = (2.0, 1.0)  # s before and after the trigger, where the onset is sought
NAMES_SHOWN = 3


@dataclass(frozen=True)
class Reading:
    """What the user says about files of records."""

    unit: str | None = None
    """Unit of all samples, one of UNITS; it replaces what the files say."""
    dt: float | None = None
    """Sampling interval in s, of files that have none."""
    onset: float | None = None
    """Time of P in s after the first sample, where no file says it; otherwise it is picked."""
    array: str | None = None
    """Name of the array in .npz files."""
    any_instrument: bool = False
    """Whether instruments that are not accelerometers are read as well, as they were converted to acceleration."""
    most: int | None = None
    """The largest number of records that are read."""

    def __post_init__(self) -> None:
        if self.unit is not None:
            check_choice("unit", self.unit, UNITS)
        if self.dt is not None:
            check_number("dt", self.dt, *DT_LIMITS, "a time step of {:g} to {:g} s")
        if self.onset is not None:
            check_number("onset", self.onset, 0.0, 1e5, "a time of {:g} to {:g} s")
        if self.most is not None:
            check_whole("most", self.most, 1)
        check_flag("any_instrument", self.any_instrument)


class OwnRecords(NamedTuple):
    """Records of real earthquakes, one row for each."""

    y: np.ndarray  # cm/s^2, east, north and up, (n, 3, N_SAMPLES) float32, P at about P_TIME
    x: np.ndarray  # the low-pass of y, of the same shape
    events: np.ndarray  # label of the earthquake, (n,) text; empty where it is unknown
    stations: np.ndarray  # (n,) text
    names: np.ndarray  # file and place in it, (n,) text
    rates: np.ndarray  # of the files, in Hz, (n,)
    picked: np.ndarray  # whether P was picked here, as no file says it, (n,) bool


@dataclass(frozen=True)
class Report:
    """What was read, and what was left out."""

    path: Path
    records: OwnRecords
    notes: tuple[str, ...]  # sentences
    left_out: tuple[LeftOut, ...]

    def describe(self) -> str:
        """Return sentences for display."""
        own = self.records
        events, stations = (len(np.unique(each[each != ""])) for each in (own.events, own.stations))
        read = (
            f"{number_of(len(own.y), 'record was', 'records were')} read from {self.path}, of "
            f"{number_of(events, 'known event')} at {number_of(stations, 'known station')}."
        )
        return " ".join([read, *self.notes, *_in_words(self.left_out)])


def _in_words(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a sentence for each reason."""
    names: dict[str, list[str]] = {}
    for each in left_out:
        names.setdefault(each.reason, []).append(each.name)
    return [
        f"{number_of(len(own), 'record or file was', 'records or files were')} left out ({reason}): "
        f"{'; '.join(own[:NAMES_SHOWN])}{'; and others' if len(own) > NAMES_SHOWN else ''}."
        for reason, own in names.items()
    ]


class _Used(NamedTuple):
    """A record that can be used."""

    stored: Stored
    y: np.ndarray  # (3, N_SAMPLES)
    rate: float  # Hz
    picked: bool


def read_records(path: str | Path, **options: object) -> tuple[OwnRecords, Report]:
    """Read the records of a file, or of all files below a folder; options are the fields of `Reading`.

    The kinds of files are those of `record_files`. Returns the records, and a report of what was left out and why.
    Raises ValueError, one sentence, for a path without records, for samples of an unknown unit or interval, where
    ObsPy is needed and missing, and where no record can be used.

    >>> from tempfile import TemporaryDirectory
    >>> from problems.broadband.source import make_records
    >>> motion = np.pad(make_records(np.random.default_rng(0), 2).acceleration, ((0, 0), (0, 0), (300, 300)))
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "own.npz"), acceleration=motion / 100, dt=0.01, unit="m/s^2", onset=5.0)
    ...     records, report = read_records(folder)
    >>> records.y.shape, records.x.shape, report.describe().split()[:4]
    ((2, 3, 4096), (2, 3, 4096), ['2', 'records', 'were', 'read'])
    """
    path, reading = check_path("path", path), Reading(**options)
    used: list[_Used] = []
    left_out: list[LeftOut] = []
    for stored in stored_records(path, reading.array):
        made = stored if isinstance(stored, LeftOut) else _standard(stored, reading)
        if isinstance(made, LeftOut):
            left_out.append(made)
        else:
            used.append(made)
        if len(used) == reading.most:
            break
    if not used:
        raise ValueError(f"no record in {path} can be used. {' '.join(_in_words(left_out))}")
    y = np.stack([each.y for each in used])
    texts = (np.array([getattr(each.stored, field) for each in used]) for field in ("event", "station", "name"))
    numbers = (np.array([getattr(each, field) for each in used]) for field in ("rate", "picked"))
    records = OwnRecords(y, low_pass(y), *texts, *numbers)
    return records, Report(path, records, tuple(_notes(records, used, reading)), tuple(left_out))


def _notes(records: OwnRecords, used: Sequence[_Used], reading: Reading) -> list[str]:
    files_say = {each.stored.unit for each in used} - {"", reading.unit} if reading.unit else set()
    replaced = f"{reading.unit}, as given, although files say {' and '.join(sorted(files_say))}"
    unknown, picked = np.count_nonzero(records.events == ""), np.count_nonzero(records.picked)
    slow = np.count_nonzero(records.rates < 1.999 * HIGHEST)
    remarks = {
        f"The unit was taken to be {replaced}.": files_say,
        f"The event of {unknown} is unknown.": unknown,
        f"The files of {slow} are sampled too coarsely for motion to {HIGHEST:g} Hz.": slow,
        f"The onset of P was picked in {picked}, as no file says it.": picked,
    }
    return [sentence for sentence, needed in remarks.items() if needed]


def _standard(stored: Stored, reading: Reading) -> _Used | LeftOut:
    """Return a record in the form of `OwnRecords`, or why it cannot be used."""
    unit, dt = reading.unit or stored.unit, stored.dt or reading.dt
    if unit not in UNITS:
        raise ValueError(
            f"{stored.name} is in {'the unit ' + unit if unit else 'an unknown unit'}, but acceleration in "
            f"{', '.join(UNITS)} is needed; take the gain of the instrument out first, or say which of these the "
            "samples are in (unit=..., --unit)"
        )
    if dt is None:
        raise ValueError(f"{stored.name} has no sampling interval; give it in s (dt=..., --dt)")
    samples = np.asarray(stored.samples, dtype=np.float64)
    reason = _unusable(stored, samples, dt, reading)
    if reason:
        return LeftOut(stored.name, reason)
    motion = detrend(samples) * UNITS[unit]
    if np.abs(motion).max() > LARGEST:
        return LeftOut(stored.name, f"a peak above {LARGEST:,.0f} cm/s^2, so that the unit may be wrong")
    known = reading.onset if stored.onset is None else stored.onset
    onset = pick_onset(motion[2], dt) if known is None else known
    if onset is None:
        return LeftOut(stored.name, "no onset of P that stands out")
    motion = resample(motion, dt, DT)
    first = round((onset - P_TIME) / DT)
    fitting = int(np.clip(first, 0, max(motion.shape[1] - N_SAMPLES, 0)))
    if motion.shape[1] < N_SAMPLES or abs(fitting - first) * DT > ONSET_SLACK:
        return LeftOut(stored.name, f"too short: not {P_TIME:g} s before P and {N_SAMPLES * DT - P_TIME:g} s after it")
    y = motion[:, fitting : fitting + N_SAMPLES].astype(np.float32)
    n = round(TAPER / DT)
    y[:, :n] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)).astype(np.float32)
    return _Used(stored, y, 1 / dt, known is None)


def _unusable(stored: Stored, samples: np.ndarray, dt: float, reading: Reading) -> str:
    """Return why the samples of a record cannot be used, or nothing."""
    is_other = stored.instrument not in ("", *ACCELEROMETERS) and not reading.any_instrument
    other = f"instrument {stored.instrument!r} and not an accelerometer; any_instrument=True takes what was converted"
    reasons = {
        f"{stored.quantity} and not acceleration": stored.quantity not in ("", ACCELERATION),
        other: is_other,
        "gaps, or samples that are not finite": not np.isfinite(samples).all(),
        f"a sampling interval of {dt:g} s, not of {SHORTEST:g} to {LONGEST:g} s": not SHORTEST <= dt <= 1.001 * LONGEST,
        "too short: less than a second": samples.shape[1] * dt < 1,
    }
    reason = next((words for words, holds in reasons.items() if holds), "")
    if not reason and (np.ptp(samples, axis=1) == 0).any():
        return "a component without motion"
    return "clipped samples" if not reason and is_clipped(samples) else reason


def is_clipped(samples: np.ndarray) -> bool:
    """Whether a component of (n_components, n_samples) stays at its largest or smallest value for CLIPPED_SAMPLES.

    >>> wave = np.sin(np.arange(100.0))[None]
    >>> is_clipped(wave), is_clipped(np.clip(wave, -1, 0.3))
    (False, False)
    >>> is_clipped(np.clip(10 * np.sin(np.arange(100.0) / 10), -5, 20)[None])
    True
    """
    for extreme in (samples.max(axis=1, keepdims=True), samples.min(axis=1, keepdims=True)):
        at_extreme = np.pad(np.cumsum(samples == extreme, axis=1), ((0, 0), (1, 0)))
        if (at_extreme[:, CLIPPED_SAMPLES:] - at_extreme[:, :-CLIPPED_SAMPLES] == CLIPPED_SAMPLES).any():
            return True
    return False


def pick_onset(vertical: np.ndarray, dt: float) -> float | None:
    """Return the onset of P in s after the first sample of a vertical component (n_samples,), or None without one.

    The energy of STA seconds has to be TRIGGER times that of up to LTA seconds before them. Around the first such time
    the onset is where a split of the trace into two parts, each with a variance of its own, explains it best (the
    criterion of Akaike; Maeda, 1985).

    >>> trace = 0.01 * np.random.default_rng(0).standard_normal(3000)
    >>> pick_onset(trace, 0.01) is None
    True
    >>> trace[1000:] += np.sin(2 * np.pi * 3 * np.arange(2000) * 0.01)
    >>> round(pick_onset(trace, 0.01), 1)
    10.0
    """
    # Causal, so that nothing of the wave comes before its onset.
    band = (PICK_BAND[0], min(PICK_BAND[1], 0.8 * 0.5 / dt))
    trace = sosfilt(butter(2, band, "bandpass", fs=1 / dt, output="sos"), vertical)
    short, long, least = (round(time / dt) for time in (STA, LTA, LEAST_LTA))
    if len(trace) <= least + short:
        return None
    energy = np.pad(np.cumsum(trace**2), (1, 0))
    middle = np.arange(least, len(trace) - short + 1)  # between the long time and the short one
    begin = np.maximum(middle - long, 0)
    before = (energy[middle] - energy[begin]) / (middle - begin)
    after = (energy[middle + short] - energy[middle]) / short
    triggered = after > TRIGGER * np.maximum(before, 1e-12 * np.max(trace**2))
    if not triggered.any():
        return None
    trigger = middle[triggered.argmax()] + short
    first, last = max(trigger - round(PICK_WINDOW[0] / dt), 0), trigger + round(PICK_WINDOW[1] / dt)
    window = trace[first:last]
    n = np.arange(2, len(window) - 2)
    power, total = np.cumsum(window**2), np.sum(window**2)
    floor = 1e-12 * total
    criterion = n * np.log(power[n - 1] / n + floor) + (len(window) - n) * np.log(
        (total - power[n - 1]) / (len(window) - n) + floor
    )
    return float((first + n[criterion.argmin()]) * dt)


def split_by_event(events: np.ndarray, seed: Seed, shares: Sequence[float] = (0.8, 0.1, 0.1)) -> tuple[np.ndarray, ...]:
    """Return the numbers of the records in each part, such that no event is in two parts.

    ``events`` are labels (n,), and ``shares`` those of the events. Raises ValueError where an event is unknown, as its
    other records may be in another part, where there are fewer events than parts, and for shares that do not add up
    to 1.

    >>> parts = split_by_event(np.array(["a", "a", "b", "c", "c", "c"]), seed=0, shares=(0.5, 0.25, 0.25))
    >>> sorted(map(len, parts)), sorted(np.concatenate(parts).tolist())
    ([1, 2, 3], [0, 1, 2, 3, 4, 5])
    """
    events = np.asarray(events)
    if (events == "").any():
        unknown = number_of(np.count_nonzero(events == ""), "record is", "records are")
        raise ValueError(f"a split by event needs the event of each record, but that of {unknown} unknown")
    if not np.isclose(sum(shares), 1) or min(shares) <= 0:
        raise ValueError(f"shares must be positive numbers that add up to 1, not {tuple(shares)}")
    labels, of_record = np.unique(events, return_inverse=True)
    if len(labels) < len(shares):
        raise ValueError(f"{number_of(len(shares), 'part')} need as many events, but there are {len(labels)}")
    order = check_seed(seed).permutation(len(labels))
    # Each part has at least one event.
    first = np.arange(len(shares))
    ends = np.clip(np.rint(np.cumsum(shares) * len(labels)), first + 1, len(labels) - first[::-1])
    part_of = np.empty(len(labels), dtype=int)
    part_of[order] = np.searchsorted(ends, np.arange(len(labels)), side="right")
    return tuple(np.flatnonzero(part_of[of_record] == part) for part in range(len(shares)))
