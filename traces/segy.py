"""SEG-Y and Seismic Unix (SU) files: where their headers and traces lie, and what the headers say.

    SEG-Y:  text header (3200 bytes), binary header (400), extended text headers, then trace header (240), samples ...
    SU:     trace header (240), samples, ...

Numbers of bytes are those of the SEG's standard, revisions 0 to 2.1, in which the first byte has number 1. The library
segyio gives the numbers of the fields and the text header; its own reader refuses files whose binary header gives no
number of samples. Blocks of traces are read as NumPy records.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from segyio import BinField, TraceField
from segyio.tools import create_text_header

from support.words import number_of
from traces.checks import LONGEST_TRACE
from traces.samples import SEGY_FORMATS, Facts, SampleFormat, replace_samples
from traces.vertical import text_domain, text_lines

TEXT_HEADER, BINARY_HEADER, TRACE_HEADER = 3200, 400, 240  # bytes
FILE_HEADERS = TEXT_HEADER + BINARY_HEADER
ORDERS = {">": "big-endian", "<": "little-endian"}
LARGEST_FIELD = 65535  # of a header's field of 16 bits
MICROSECONDS = 1e6  # in a second
TRACES_LOOKED_AT = 100  # evenly spaced in the file; their headers decide about the interval
TRACES_PER_BLOCK = 1000  # of a new file
IEEE = 5  # the code of the format of new files, and the only format of SU files
UNITS = {1: "m", 2: "ft"}  # by the measurement system in the binary header
DEPTH_KINDS = {"SEG-Y": (25,), "SU": (30, 130)}  # trace identification codes of traces in depth
MOST_TEXT = 1000 * TEXT_HEADER  # bytes of extended text headers that are searched for time or depth
TEXT_ENDINGS = ("((SEG: EndText))".encode("cp037"), b"((SEG: EndText))")
NEW_TEXT = {
    1: "Traces written by dataFiles.py",
    2: "Sample format: IEEE floating point, 4 bytes, big-endian",
    3: "Sample interval in microseconds: binary header 17-18, trace header 117-118",
    39: "SEG Y REV1",
    40: "END TEXTUAL HEADER",
}


def _fields(first_byte: int, size: int, fields: Mapping[str, tuple[int, str]]) -> np.dtype:
    """The record of a header of ``size`` bytes, its first byte having this number: name -> (number, type)."""
    offsets = [int(number) - first_byte for number, _ in fields.values()]
    kinds = [kind for _, kind in fields.values()]
    return np.dtype({"names": list(fields), "formats": kinds, "offsets": offsets, "itemsize": size})


BINARY_FIELDS = _fields(
    TEXT_HEADER + 1,
    BINARY_HEADER,
    {
        "interval": (BinField.Interval, "u2"),  # microseconds
        "samples": (BinField.Samples, "u2"),
        "format": (BinField.Format, "u2"),
        "unit": (BinField.MeasurementSystem, "u2"),
        "revision": (BinField.SEGYRevision, "2u1"),
        "same_length": (BinField.TraceFlag, "u2"),
        "text_headers": (BinField.ExtendedHeaders, "i2"),
        # since revision 2
        "long_samples": (BinField.ExtSamples, "u4"),
        "long_interval": (3273, "f8"),  # microseconds
        "trace_headers": (3507, "u4"),  # per trace, beside the first one
        "first_trace": (3521, "u8"),  # bytes before it
        "trailers": (3529, "i4"),  # blocks of 3200 bytes at the end
    },
)
_TRACE_FIELDS = {
    "number": (TraceField.TRACE_SEQUENCE_LINE, "u4"),
    "number_in_file": (TraceField.TRACE_SEQUENCE_FILE, "u4"),
    "kind": (TraceField.TraceIdentificationCode, "u2"),
    "delay": (TraceField.DelayRecordingTime, "i2"),  # ms, before the scalar
    "samples": (TraceField.TRACE_SAMPLE_COUNT, "u2"),
    "interval": (TraceField.TRACE_SAMPLE_INTERVAL, "u2"),  # microseconds
    "scalar": (TraceField.ScalarTraceHeader, "i2"),  # of times: a positive one multiplies, a negative one divides
}
TRACE_FIELDS = _fields(1, TRACE_HEADER, _TRACE_FIELDS)


@dataclass(frozen=True)
class Layout:
    """Where the traces lie in a file, and how their samples are stored."""

    order: str  # of the bytes, one of ORDERS
    format: SampleFormat
    n_samples: int
    n_traces: int
    offset: int = 0  # bytes before the first trace
    further: int = 0  # bytes of further headers of each trace

    @property
    def record(self) -> np.dtype:
        """One trace: the fields of its header, and "trace", its samples as they are stored."""
        start = TRACE_HEADER + self.further
        samples = np.dtype((self.format.stored, (self.n_samples,)))
        fields = _TRACE_FIELDS | {"trace": (start + 1, samples)}
        return _fields(1, start + samples.itemsize, fields).newbyteorder(self.order)


class SegyTraces:
    """The traces of an open SEG-Y or SU file, and what its headers say about them."""

    def __init__(self, path: Path, layout: Layout, mode: str = "rb") -> None:
        self.path, self.layout, self.format = path, layout, layout.format
        self.shape = (layout.n_traces, layout.n_samples)
        self.facts = Facts()
        self._record = layout.record
        self._file = path.open(mode, buffering=0)

    def close(self) -> None:
        self._file.close()

    def read(self, first: int, end: int) -> np.ndarray:
        """The traces from ``first`` to before ``end``: (end - first, n_samples), in the format's type of values."""
        return self.format.decoded(self._records(first, end)["trace"], self.layout.order)

    def write(self, first: int, traces: np.ndarray) -> None:
        """Replace the samples of traces; samples that are the same as before keep their bytes."""
        records = self._records(first, first + len(traces))
        replace_samples(records["trace"], traces, self.format, self.layout.order)
        self._seek(first)
        records.tofile(self._file)

    @contextlib.contextmanager
    def copied(self, path: Path) -> Iterator["SegyTraces"]:
        """The traces of a copy of the file at ``path``, which can be written."""
        shutil.copyfile(self.path, path)
        with contextlib.closing(SegyTraces(path, self.layout, "rb+")) as traces:
            yield traces

    def headers(self) -> np.ndarray:
        """Headers of up to TRACES_LOOKED_AT traces, evenly spaced from the first to the last, as records."""
        n_traces = self.shape[0]
        places = np.linspace(0, n_traces - 1, min(n_traces, TRACES_LOOKED_AT)).astype(int)
        found = np.zeros(len(places), TRACE_FIELDS.newbyteorder(self.layout.order))
        for place, trace in enumerate(places):
            self._seek(int(trace))
            found[place] = np.fromfile(self._file, found.dtype, 1)[0]
        return found

    def _records(self, first: int, end: int) -> np.ndarray:
        self._seek(first)
        records = np.fromfile(self._file, self._record, end - first)
        if len(records) < end - first:
            raise ValueError(f"{self.path} was cut off after it was opened: it ends in trace {first + len(records)}")
        return records

    def _seek(self, trace: int) -> None:
        self._file.seek(self.layout.offset + trace * self._record.itemsize)


# --- Opening


def open_segy(path: Path) -> SegyTraces:
    """Open a SEG-Y file; ValueError, one sentence, when it cannot be read."""
    size = path.stat().st_size
    if size < FILE_HEADERS:
        raise ValueError(f"{path} is not a SEG-Y file: it has {size} bytes, and the headers alone take {FILE_HEADERS}")
    with path.open("rb") as file:
        order, binary = _binary_header(path, file)
        count, interval = int(binary["samples"]), float(binary["interval"])
        if _is_revision_2(binary):
            count = int(binary["long_samples"]) or count
            interval = float(binary["long_interval"]) or interval
        layout = _segy_layout(path, file, order, binary, count)
        file.seek(0)
        text = file.read(TEXT_HEADER)
        file.seek(FILE_HEADERS)
        text += file.read(min(layout.offset - FILE_HEADERS, MOST_TEXT))
    traces = SegyTraces(path, layout)
    facts = traces.facts
    if count != layout.n_samples:
        facts.notes.append(_count_note("binary header", count, layout.n_samples))
    _take_trace_headers(traces, DEPTH_KINDS["SEG-Y"] if _is_revision_2(binary) else ())
    facts.intervals["binary header"] = [interval / MICROSECONDS]
    facts.depth_unit = UNITS.get(int(binary["unit"]), facts.depth_unit)
    domain, line = text_domain(text_lines(text))
    if line and facts.domain == "time":
        facts.domain, facts.evidence = domain, f"the text header has the line {line!r}"
    return traces


def open_su(path: Path) -> SegyTraces:
    """Open a Seismic Unix file; ValueError, one sentence, when it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        firsts = {order: _trace_header(file, 0, order) for order in ORDERS}
    if size < TRACE_HEADER:
        raise ValueError(f"{path} is not an SU file: it has {size} bytes, and one trace header takes {TRACE_HEADER}")
    stored = SEGY_FORMATS[IEEE]

    def likelihood(order: str) -> tuple[bool, int]:
        # Of two orders that both fit, the right one has the smaller numbers.
        fields = [int(firsts[order][name]) for name in ("samples", "interval", "kind", "number")]
        return _fits(size, fields[0], _length(fields[0], stored)), -sum(fields)

    order = max(ORDERS, key=likelihood)
    n_samples = int(firsts[order]["samples"])
    length = _length(n_samples, stored)
    if not _fits(size, n_samples, length):
        raise ValueError(f"{path} {_misfit(size, n_samples, length)}")
    traces = SegyTraces(path, Layout(order, stored, n_samples, size // length))
    _take_trace_headers(traces, DEPTH_KINDS["SU"])
    return traces


def _binary_header(path: Path, file: BinaryIO) -> tuple[str, np.void]:
    """The order of the bytes and the binary header: only one order can give a valid code of the sample format."""
    file.seek(TEXT_HEADER)
    head = file.read(BINARY_HEADER)
    binaries = {order: np.frombuffer(head, BINARY_FIELDS.newbyteorder(order))[0] for order in ORDERS}
    for order, binary in binaries.items():
        if int(binary["format"]) in SEGY_FORMATS:
            return order, binary
    code, valid = int(binaries[">"]["format"]), ", ".join(map(str, SEGY_FORMATS))
    raise ValueError(f"{path} cannot be read as SEG-Y: the code of its sample format is {code}; valid: {valid}")


def _is_revision_2(binary: np.void) -> bool:
    return max(binary["revision"]) == 2  # Writers of little-endian files differ about which byte comes first.


def _segy_layout(path: Path, file: BinaryIO, order: str, binary: np.void, count: int) -> Layout:
    """The layout that fits the file's size, with the binary header's ``count`` of samples or else the first trace's."""
    size, stored = path.stat().st_size, SEGY_FORMATS[int(binary["format"])]
    text_end = FILE_HEADERS + TEXT_HEADER * _n_text_headers(file, int(binary["text_headers"]))
    plans = [(text_end, 0, 0)]  # bytes before the first trace, of further headers of each trace, at the end
    if _is_revision_2(binary):
        further, trailers = int(binary["trace_headers"]), max(0, int(binary["trailers"]))
        first_trace = max(FILE_HEADERS, int(binary["first_trace"]) or text_end)
        plans.insert(0, (first_trace, TRACE_HEADER * further, TEXT_HEADER * trailers))
    if not any(binary["revision"]):
        plans.append((FILE_HEADERS, 0, 0))  # Before revision 1 the field of text headers had no meaning.
    reasons = []
    for offset, further, trailers in plans:
        room = size - offset - trailers
        if room < TRACE_HEADER:
            reasons.append(
                f"holds no trace: it has {number_of(size, 'byte')}, and its headers take {offset + trailers}"
            )
            continue
        for n_samples in (count, int(_trace_header(file, offset, order)["samples"])):
            length = _length(n_samples, stored, further)
            if _fits(room, n_samples, length):
                return Layout(order, stored, n_samples, room // length, offset, further)
            if n_samples:
                reasons.append(_misfit(room, n_samples, length))
    raise ValueError(f"{path} {next(iter(reasons), _misfit(size, 0, 0))}")


def _n_text_headers(file: BinaryIO, stated: int) -> int:
    """The number of extended text headers; with -1 the last of them says that it is the last."""
    if stated >= 0:
        return stated
    file.seek(FILE_HEADERS)
    blocks = enumerate(iter(lambda: file.read(TEXT_HEADER), b""), 1)
    return next((number for number, block in blocks if any(ending in block for ending in TEXT_ENDINGS)), 0)


def _trace_header(file: BinaryIO, offset: int, order: str) -> np.void:
    file.seek(offset)
    header = file.read(TRACE_HEADER).ljust(TRACE_HEADER, b"\0")
    return np.frombuffer(header, TRACE_FIELDS.newbyteorder(order))[0]


def _length(n_samples: int, stored: SampleFormat, further: int = 0) -> int:
    return TRACE_HEADER + further + n_samples * stored.stored.itemsize


def _fits(room: int, n_samples: int, length: int) -> bool:
    return 0 < n_samples <= LONGEST_TRACE and room >= length and room % length == 0


def _misfit(room: int, n_samples: int, length: int) -> str:
    """Why traces of this length do not fill the room of all traces."""
    if n_samples == 0:
        return "cannot be read: none of its headers gives a number of samples per trace"
    if n_samples > LONGEST_TRACE:
        return f"cannot be read: it gives {n_samples} samples per trace, and at most {LONGEST_TRACE} are read"
    whole, rest = divmod(room, length)
    return (
        f"is cut off, or its traces have different lengths: after {number_of(whole, 'whole trace')} of "
        f"{number_of(n_samples, 'sample')} {number_of(rest, 'byte remains', 'bytes remain')}, "
        f"and a trace takes {length}"
    )


def _take_trace_headers(traces: SegyTraces, depth_kinds: Sequence[int]) -> None:
    """Take over what the headers of a number of traces say about the interval, the first sample and the domain."""
    headers, n_samples, facts = traces.headers(), traces.shape[1], traces.facts
    if traces.layout.order == "<":
        facts.notes.append(f"The bytes are {ORDERS['<']}.")
    count = int(headers["samples"][0])
    if count not in (0, n_samples) and n_samples <= LARGEST_FIELD:
        facts.notes.append(_count_note("first trace header", count, n_samples))
    intervals = np.unique(headers["interval"])
    # Dead traces may have empty headers.
    intervals = intervals[intervals > 0] if intervals.any() else intervals
    facts.intervals["trace headers"] = [float(interval) / MICROSECONDS for interval in intervals]
    scalar = headers["scalar"].astype(float)
    scale = np.where(scalar > 0, scalar, 1 / np.where(scalar < 0, -scalar, 1))
    starts = headers["delay"] * scale
    facts.starts = (float(starts.min()), float(starts.max()))
    found = headers["kind"][np.isin(headers["kind"], depth_kinds)]
    if found.size:
        facts.domain, facts.evidence = "depth", f"trace headers have the trace identification code {found[0]}"


def _count_note(place: str, count: int, taken: int) -> str:
    return f"The {place} gives {number_of(count, 'sample')} per trace; {taken} were taken, which fit the file's size."


# --- New files


def write_segy(path: Path, traces: np.ndarray, dt: float, with_file_header: bool = True) -> None:
    """Write traces (n_traces, n_samples) as a new SEG-Y file of revision 1, or without a file header as an SU file.

    Samples are big-endian IEEE floats of 32 bits; ``dt`` in s stands in all headers. Raises ValueError for an interval
    that is not a whole number of microseconds, and for lengths and values that the file cannot hold.
    """
    n_traces, n_samples = traces.shape
    interval = round(dt * MICROSECONDS)
    if interval > LARGEST_FIELD or not np.isclose(interval, dt * MICROSECONDS, rtol=0, atol=1e-3):
        valid = f"a whole number of at most {LARGEST_FIELD} microseconds"
        raise ValueError(f"dt must be {valid} in the headers of this kind of file, not {dt} s")
    if n_samples > LARGEST_FIELD:
        raise ValueError(f"this kind of file can have at most {LARGEST_FIELD} samples per trace, not {n_samples}")
    stored = SEGY_FORMATS[IEEE]
    record = Layout(">", stored, n_samples, n_traces).record
    with path.open("wb") as file:
        if with_file_header:
            binary = np.zeros(1, BINARY_FIELDS.newbyteorder(">"))
            binary["interval"], binary["samples"], binary["format"] = interval, n_samples, IEEE
            binary["revision"], binary["same_length"] = (1, 0), 1
            file.write(create_text_header(NEW_TEXT).encode("cp037"))
            file.write(binary.tobytes())
        for first in range(0, n_traces, TRACES_PER_BLOCK):
            block = traces[first : first + TRACES_PER_BLOCK]
            records = np.zeros(len(block), record)
            records["number"] = records["number_in_file"] = np.arange(first, first + len(block)) + 1
            records["kind"], records["samples"], records["interval"] = 1, n_samples, interval
            records["trace"] = stored.encoded(block)
            file.write(records.tobytes())
