"""Traces from and to files: SEG-Y, Seismic Unix (SU), and NumPy's .npy and .npz.

    file -> number of samples, interval, format, time or depth -> blocks of traces -> copy of the file with new samples

A file is read in blocks of traces, so that it may be larger than the memory. What is odd in a file stands in the notes
of its `TraceFile`; a file that cannot be read is refused with one sentence. Results go into a copy of the file, in
which all headers and all samples that were not replaced keep their bytes. The geometry of the traces is not looked at.

    python dataFiles.py FILE                       what the file holds
    python dataFiles.py FILE.npy --dt 0.004        with the sampling interval, which an .npy file does not have
    python dataFiles.py FILE.npz --array NAME      one of several arrays
"""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from support.checks import check_choice, check_path, check_whole, unmasked
from support.command_line import OneSentenceParser
from support.files import replacing
from support.words import number_of
from traces.arrays import ArchivedTraces, ArrayTraces, new_array
from traces.checks import DT_LIMITS, are_real, check_time
from traces.samples import Facts
from traces.segy import MICROSECONDS, SegyTraces, open_segy, open_su, write_segy

KINDS = {".sgy": "SEG-Y", ".segy": "SEG-Y", ".su": "SU", ".npy": "npy", ".npz": "npz"}  # by the suffix in lower case
DOMAINS = ("time", "depth")
MILLISECONDS = 1e3  # in a second


@dataclass(frozen=True, eq=False)
class TraceFile:
    """An open file of traces, as `open_traces` returns it; a context manager that closes the file at its end."""

    path: Path
    kind: str  # one of the values of KINDS
    shape: tuple[int, ...]  # of the array; (n_traces, n_samples) for SEG-Y and SU
    dt: float | None  # s; None where neither the file nor the caller gives a valid one, and for traces in depth
    domain: str  # one of DOMAINS
    sample_format: str  # in words, such as "IBM floats of 32 bits"
    notes: tuple[str, ...]  # sentences about what is odd in the file
    stored: SegyTraces | ArrayTraces  # the traces as they lie in the file

    @property
    def n_traces(self) -> int:
        """The number of traces: the product of all axes but the last one."""
        return math.prod(self.shape[:-1])

    @property
    def n_samples(self) -> int:
        """The number of samples per trace."""
        return self.shape[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its traces cannot be read any more."""
        self.stored.close()

    def read(self, first: int, end: int) -> np.ndarray:
        """The traces from number ``first`` to before ``end``, as they are: (end - first, n_samples).

        float32 for SEG-Y and SU, but float64 where samples have more bits than a float32 holds; the type of the array
        for floats of an .npy or .npz file, and float64 for its integers. Dead traces, mutes and NaN are left as they
        are. Raises ValueError for numbers that are not 0 <= first < end <= n_traces.
        """
        end = check_whole("end", end, 1, self.n_traces)
        return self.stored.read(check_whole("first", first, 0, end - 1), end)

    def blocks(self, n_traces: int) -> Iterator[tuple[int, np.ndarray]]:
        """All traces in order, at most ``n_traces`` at a time: (number of the first one, traces as of `read`)."""
        n_traces = check_whole("n_traces", n_traces, 1)
        for first in range(0, self.n_traces, n_traces):
            yield first, self.read(first, min(first + n_traces, self.n_traces))

    def describe(self) -> str:
        """Sentences for display: kind, traces, samples, interval, length, sample format, then the notes."""
        step = "without a sampling interval"
        if self.domain == "depth":
            step = "in depth"
        elif self.dt is not None:
            step = f"one every {self.dt * MILLISECONDS:g} ms ({(self.n_samples - 1) * self.dt:g} s long)"
        traces, samples = number_of(self.n_traces, "trace"), number_of(self.n_samples, "sample")
        what = f"{self.path.name} ({self.kind}) holds {traces} of {samples}, {step}"
        return " ".join([f"{what}, in {self.sample_format}.", *self.notes])

    @contextlib.contextmanager
    def copying(self, output: str | Path) -> Iterator["TraceWriter"]:
        """Copy the file to ``output``, whose samples can be replaced with `TraceWriter.write` in the block.

        Samples keep the format of this file, integers are rounded to the nearest, and traces that are not written keep
        all their bytes. ``output`` takes its name at the end of the block; after an error there is none. Its suffix is
        of this file's kind. Where it is .npy and this file is of another kind, ``output`` is a new array instead,
        (n_traces, n_samples) float32, in which traces that are not written are NaN.

        Raises ValueError when ``output`` is this file, has another suffix, or cannot be written.
        """
        output = check_path("output", output)
        suffixes = [suffix for suffix, kind in KINDS.items() if kind == self.kind]
        kind = KINDS.get(output.suffix.lower())
        if kind not in (self.kind, "npy"):
            suffixes = " or ".join(dict.fromkeys([*suffixes, ".npy"]))
            raise ValueError(f"the name of the output {output} must end with {suffixes}, as the input is {self.path}")
        if output.is_dir():
            raise ValueError(f"the output {output} is a folder")
        if output.exists() and os.path.samefile(output, self.path):
            raise ValueError(f"the output {output} is the input itself, which is never written over")
        with contextlib.ExitStack() as stack:
            try:
                unfinished = stack.enter_context(replacing(output))
                if kind == self.kind:
                    copy = stack.enter_context(self.stored.copied(unfinished))
                else:
                    copy = new_array(unfinished, self.n_traces, self.n_samples)
                    stack.callback(copy.close)
            except OSError as error:
                raise ValueError(f"the output {output} cannot be written: {error.strerror or error}") from error
            yield TraceWriter(copy, self.n_traces, self.n_samples)


@dataclass(frozen=True, eq=False)
class TraceWriter:
    """Replaces samples in the copy of a file, as `TraceFile.copying` gives it."""

    stored: SegyTraces | ArrayTraces  # the copy's
    n_traces: int
    n_samples: int

    def write(self, first: int, traces: np.ndarray) -> None:
        """Replace the samples of the traces from number ``first`` on by ``traces``, (any number, n_samples).

        Raises ValueError for another shape, and for a value that the sample format of the file cannot hold: one beyond
        its range, NaN and infinity in integers and IBM floats.
        """
        traces = unmasked("traces", traces)
        if traces.ndim != 2 or traces.shape[1] != self.n_samples or not are_real(traces):
            valid = f"numbers (n_traces, {self.n_samples})"
            raise ValueError(f"traces to be written must be {valid}, not {traces.dtype} of shape {traces.shape}")
        first = check_whole("first", first, 0)
        if first + len(traces) > self.n_traces:
            beyond = number_of(len(traces), "trace does not fit", "traces do not fit")
            raise ValueError(f"{beyond} into a file of {self.n_traces} from number {first} on")
        self.stored.write(first, traces)


def open_traces(
    path: str | Path, dt: float | None = None, array: str | None = None, domain: str | None = None
) -> TraceFile:
    """Open a file of traces of one of the KINDS.

    ``dt`` in s and ``domain``, one of DOMAINS, replace what the file says, and a note says so. ``array`` is the name of
    one of several arrays in an .npz file. Raises ValueError, one sentence, for a file that is missing, damaged,
    cut off, of another kind, or without traces.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = write_traces(Path(folder, "line.sgy"), np.ones((3, 200)), 0.004)
    ...     with open_traces(path) as file:
    ...         file.n_traces, file.dt, file.read(0, 2).shape, file.sample_format
    (3, 0.004, (2, 200), 'IEEE floats of 32 bits')
    """
    path = check_path("path", path)
    if dt is not None:
        dt, _ = check_time(dt, 0.0)
    if domain is not None:
        check_choice("domain", domain, DOMAINS)
    if not os.path.isfile(path):
        raise ValueError(f"{path} {'is a folder' if os.path.isdir(path) else 'does not exist'}; a file is needed")
    kind = _kind(path)
    if array is not None and kind != "npz":
        raise ValueError(f"an array can be chosen in an .npz file, and not in {path}")
    openers = {"SEG-Y": open_segy, "SU": open_su, "npy": ArrayTraces, "npz": lambda path: ArchivedTraces(path, array)}
    try:
        stored = openers[kind](path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    dt, domain, notes = _vertical_axis(stored.facts, dt, domain)
    return TraceFile(path, kind, stored.shape, dt, domain, stored.format.words, notes, stored)


def write_traces(path: str | Path, traces: np.ndarray, dt: float) -> Path:
    """Write traces (n_traces, n_samples) with the interval ``dt`` in s as a new file; returns its path.

    The suffix is one of KINDS: .npy holds the array alone; .npz the arrays "traces" and "dt"; .sgy, .segy and .su
    big-endian IEEE floats of 32 bits, with dt in all headers. The file takes its name when it is complete. Raises
    ValueError for other traces, another suffix, or numbers that the kind of file cannot hold.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_traces(Path(folder, "line.npz"), np.zeros((2, 100)), 0.002).name
    'line.npz'
    """
    path = check_path("path", path)
    kind = _kind(path)
    dt, _ = check_time(dt, 0.0)
    traces = unmasked("traces", traces)
    if traces.ndim != 2 or traces.size == 0 or not are_real(traces):
        raise ValueError(f"traces must be numbers (n_traces, n_samples), not {traces.dtype} of shape {traces.shape}")
    with contextlib.ExitStack() as stack:
        try:
            unfinished = stack.enter_context(replacing(path))
        except OSError as error:
            raise ValueError(f"{path} cannot be written: {error.strerror or error}") from error
        if kind == "npy":
            np.save(unfinished, traces)
        elif kind == "npz":
            np.savez(unfinished, traces=traces, dt=dt)
        else:
            write_segy(unfinished, traces, dt, with_file_header=kind == "SEG-Y")
    return path


def _kind(path: Path) -> str:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path} is of none of the known kinds, which end with {', '.join(KINDS)}")
    return kind


def _vertical_axis(facts: Facts, dt: float | None, domain: str | None) -> tuple[float | None, str, tuple[str, ...]]:
    """(dt, domain, notes) of a file, from its facts and from what the caller gives."""
    notes, found = list(facts.notes), facts.domain
    domain = domain or found
    reason = f"because {facts.evidence}" if domain == found else "as given"
    if domain == "depth":
        unit = facts.depth_unit
        notes.append(f"The samples are in depth and not in time, {reason}.")
        steps = [step * MICROSECONDS for steps in facts.intervals.values() for step in steps if step > 0][:1]
        for step in steps:
            meaning = f"{step / 1000:g} {unit} if it counts thousandths"
            notes.append(f"The interval of {step:g} in its headers is a step in depth, which is {meaning}.")
        if dt is not None:
            notes.append(f"The given interval of {_ms([dt])} is not used, as it is a time.")
        dt = None
    else:
        unit = "ms"
        if domain != found:
            notes.append(f"The samples are taken to be in time, {reason}, although {facts.evidence}.")
        dt, interval_notes = _interval(facts.intervals, dt)
        notes += interval_notes
    if any(facts.starts):
        notes.append(f"The first sample is at {_span(facts.starts)} {unit}.")
    return dt, domain, tuple(notes)


def _interval(intervals: Mapping[str, Sequence[float]], given: float | None) -> tuple[float | None, list[str]]:
    """The interval in s that is given, or else that of the first place with one valid interval, and notes about it."""
    low, high = DT_LIMITS
    valid = ((place, each[0]) for place, each in intervals.items() if len(each) == 1 and low <= each[0] <= high)
    place, dt = ("", given) if given is not None else next(valid, ("", None))
    others = {
        other: values
        for other, values in intervals.items()
        if dt is None or not all(math.isclose(value, dt, rel_tol=1e-6) for value in values)
    }
    if not others:
        return dt, []
    elsewhere = " and ".join(f"{_ms(values)} in the {other}" for other, values in others.items())
    if dt is None:
        return None, [f"No interval in the headers is a valid one of {_ms(DT_LIMITS)}: it is {elsewhere}."]
    source = f"from the {place}" if place else "as given"
    return dt, [f"The sampling interval of {_ms([dt])} was taken {source}; it is {elsewhere}."]


def _ms(times: Sequence[float]) -> str:
    return f"{_span([time * MILLISECONDS for time in times])} ms"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what a file of traces holds."""
    parser = OneSentenceParser(description="Say what a file of seismic traces holds.")
    parser.add_argument("path", metavar="FILE", help=f"file of traces, whose name ends with {', '.join(KINDS)}")
    parser.add_argument("--dt", type=float, metavar="S", help="sampling interval in s, in place of the file's")
    parser.add_argument("--array", metavar="NAME", help="which of several arrays in an .npz file")
    parser.add_argument("--domain", choices=DOMAINS, help="what the samples are in, in place of what the file says")
    try:
        with open_traces(**vars(parser.parse_args(arguments))) as file:
            print(file.describe())
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
