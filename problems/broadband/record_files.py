"""Strong-motion records of three components as they lie in files: .npz, miniSEED and SAC, and STEAD's HDF5.

    folder -> files by kind -> reader of the kind -> stored records, and what was left out with the reason

Nothing is done to the samples here. What a file does not say (unit, interval, onset, event) is empty.

.npz: an array "acceleration" of (n, 3, n_samples), (n, n_samples, 3) or a single record, in the order east, north, up;
"dt" in s; "unit"; and, where known, one for all or for each record, "onset" (P, in s after the first sample), "event",
"station", "name", and "quantity". miniSEED and SAC: a file for each record or for each component; traces of one
instrument that overlap in time are a record. STEAD: the group "data", and the .csv file of the same name where a trace
has no attributes.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from traces.checks import are_real

NPZ, WAVEFORMS, STEAD = "npz", "waveforms", "STEAD"
SUFFIXES = {NPZ: (".npz",), WAVEFORMS: (".mseed", ".miniseed", ".ms", ".sac"), STEAD: (".hdf5", ".h5")}
KINDS = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
ACCELERATION = "acceleration"
STEAD_DT = 0.01  # s
TRIPLES = (("E", "N", "Z"), ("2", "1", "Z"))  # codes of the components; 1 and 2 are horizontal in any direction
JOINED_WITHIN = 60.0  # s; a gap of more begins another record of the same instrument
SAC_QUANTITIES = {6: "displacement", 7: "velocity", 8: ACCELERATION}  # of the header idep
SAC_UNKNOWN = "-12345"


class Stored(NamedTuple):
    """A record as a file has it."""

    name: str  # of the file and the record in it
    samples: np.ndarray  # east, north and up, (3, n_samples); NaN where there is a gap
    dt: float | None = None  # s
    unit: str = ""
    quantity: str = ""
    onset: float | None = None  # of P, in s after the first sample
    event: str = ""
    station: str = ""
    instrument: str = ""  # SEED's code: N is an accelerometer, H and B are seismometers


class LeftOut(NamedTuple):
    """A file or record that cannot be used."""

    name: str
    reason: str  # in a few words, such as "clipped samples"


def stored_records(path: Path, array: str | None = None) -> Iterator[Stored | LeftOut]:
    """Yield the records of a file, or of all files below a folder, in the order of their names.

    ``array`` is the name of the array in .npz files. Raises ValueError where there is no file of a known kind, and
    where ObsPy is needed and missing.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist; a file or folder of records is needed")
    files = [path] if path.is_file() else sorted(each for each in path.rglob("[!.]*") if each.is_file())
    of_kind = {kind: [each for each in files if KINDS.get(each.suffix.lower()) == kind] for kind in SUFFIXES}
    if not any(of_kind.values()):
        raise ValueError(f"{path} holds no records, in a file whose name ends with {', '.join(KINDS)}")
    root = path if path.is_dir() else path.parent
    for file in of_kind[NPZ]:
        yield from _of_npz(file, root, array)
    for folder in dict.fromkeys(file.parent for file in of_kind[WAVEFORMS]):
        yield from _of_waveforms([file for file in of_kind[WAVEFORMS] if file.parent == folder], root)
    for file in of_kind[STEAD]:
        yield from _of_stead(file, root)


def _named(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _finite(time: float | None) -> float | None:
    return time if time is not None and np.isfinite(time) else None


def _event_of(file: Path, root: Path) -> str:
    """Return the name of the folder that a file lies in below the root, which often is that of its earthquake."""
    folder = file.parent.relative_to(root).as_posix()
    return "" if folder == "." else folder


# --- .npz


def _of_npz(file: Path, root: Path, array: str | None) -> Iterator[Stored | LeftOut]:
    name = _named(file, root)
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        samples = _three_components(_chosen(arrays, array))
        fields = {key: _for_each(arrays, key, len(samples)) for key in ("unit", "quantity", "event", "station", "name")}
        dt, onset = (_for_each(arrays, key, len(samples), float) for key in ("dt", "onset"))
    except Exception as error:  # NumPy and zipfile let through whatever a damaged file leads to.
        yield LeftOut(name, f"damaged or of another kind: {str(error) or type(error).__name__}")
        return
    for row, record in enumerate(samples):
        own = {key: values[row] or "" for key, values in fields.items()}
        own["name"] = own["name"] or (f"{name}, record {row}" if len(samples) > 1 else name)
        own["event"] = own["event"] or _event_of(file, root)
        yield Stored(samples=record, dt=dt[row], onset=_finite(onset[row]), **own)


def _chosen(arrays: Mapping[str, np.ndarray], array: str | None) -> np.ndarray:
    """Return the array of records: the one of a name, or "acceleration", or the only one with three axes."""
    deep = [key for key, values in arrays.items() if values.ndim == 3]
    key = array or (ACCELERATION if ACCELERATION in arrays else deep[0] if len(deep) == 1 else None)
    if key not in arrays:
        sought = f"array {key!r}" if key else f"array {ACCELERATION!r}"
        raise ValueError(f"there is no {sought} among {', '.join(arrays) or 'its arrays'}")
    return arrays[key]


def _three_components(values: np.ndarray) -> np.ndarray:
    """Return records (n, 3, n_samples), in whatever order the axes of one record are."""
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or 3 not in values.shape[1:] or not are_real(values):
        raise ValueError(f"records must be numbers (n, 3, n_samples), not {values.dtype} of shape {values.shape}")
    return values if values.shape[1] == 3 else values.swapaxes(1, 2)


def _for_each(arrays: Mapping[str, np.ndarray], key: str, n: int, kind: type = str) -> list:
    """Return n values of an array that has one for all or for each record, or None for each."""
    values = arrays.get(key)
    if values is None:
        return [None] * n
    return np.broadcast_to(values.reshape(-1).astype(kind), n).tolist()


# --- miniSEED and SAC


def _of_waveforms(files: Sequence[Path], root: Path) -> Iterator[Stored | LeftOut]:
    """Yield the records of one folder's files."""
    try:
        import obspy  # An optional package, which takes a second to load.
    except ImportError:
        raise ValueError(f"{files[0]} is read with ObsPy, which is not installed: pip install obspy") from None
    traces = []
    for file in files:
        try:
            traces += [(trace, file) for trace in obspy.read(os.fspath(file))]
        except Exception as error:  # ObsPy's readers let through whatever a damaged file leads to.
            yield LeftOut(_named(file, root), f"damaged or of another kind: {str(error) or type(error).__name__}")
    instruments: dict[str, list] = {}
    for trace, file in traces:
        instruments.setdefault(trace.id[:-1], []).append((trace, file))
    for instrument, own in instruments.items():
        for record in _apart_in_time(own):
            yield _joined(obspy.Stream([trace for trace, _ in record]), instrument, record[0][1], root)


def _apart_in_time(traces: list) -> list[list]:
    """Return groups of (trace, file), within which no time of more than JOINED_WITHIN is without any trace."""
    groups, end = [], None
    for trace, file in sorted(traces, key=lambda each: each[0].stats.starttime):
        if end is None or trace.stats.starttime > end + JOINED_WITHIN:
            groups.append([])
            end = trace.stats.endtime
        groups[-1].append((trace, file))
        end = max(end, trace.stats.endtime)
    return groups


def _joined(stream: Any, instrument: str, file: Path, root: Path) -> Stored | LeftOut:
    """Return the record of traces of one instrument."""
    name = f"{_named(file, root)}, {instrument}"
    codes = {trace.stats.channel[-1:] for trace in stream}
    triple = next((each for each in TRIPLES if codes.issuperset(each)), None)
    if triple is None:
        return LeftOut(name, "not all of two horizontal components and the vertical one")
    if len({trace.stats.sampling_rate for trace in stream}) > 1:
        return LeftOut(name, "components at different sampling rates")
    sac = next((trace for trace in stream if "sac" in trace.stats and trace.stats.channel[-1:] == "Z"), None)
    onset_at, quantity, event = _of_sac(sac) if sac else (None, "", "")
    for trace in stream:
        trace.data = trace.data.astype(np.float64)
    stream.merge(fill_value=np.nan)
    begin, end = max(each.stats.starttime for each in stream), min(each.stats.endtime for each in stream)
    if begin >= end:
        return LeftOut(name, "components that do not overlap in time")
    stream.trim(begin, end)
    of_code = {trace.stats.channel[-1:]: trace.data for trace in stream}
    n_samples = min(len(of_code[code]) for code in triple)
    return Stored(
        name,
        np.stack([of_code[code][:n_samples] for code in triple]),
        dt=stream[0].stats.delta,
        quantity=quantity,
        onset=None if onset_at is None else onset_at - begin,
        event=event or _event_of(file, root),
        station=".".join(instrument.split(".")[:2]),
        instrument=instrument.split(".")[3][1:2],
    )


def _of_sac(trace: Any) -> tuple[Any, str, str]:
    """Return (time of P, quantity, event) of a SAC header; P is at "a", or at a pick whose name begins with P."""
    header = trace.stats.sac
    picks = [f"t{i}" for i in range(10) if str(header.get(f"kt{i}", "")).strip().upper().startswith("P")]
    found = next((header[key] for key in ("a", *picks) if key in header and str(header[key])[:6] != SAC_UNKNOWN), None)
    onset_at = None if found is None else trace.stats.starttime + (float(found) - float(header.get("b", 0.0)))
    event = str(header.get("kevnm", "")).strip()
    quantity = SAC_QUANTITIES.get(header.get("idep"), "")
    return onset_at, quantity, "" if event == SAC_UNKNOWN else event


# --- STEAD


def _of_stead(file: Path, root: Path) -> Iterator[Stored | LeftOut]:
    import h5py  # It comes with Keras, and no other file needs it.

    try:
        opened = h5py.File(file)
    except OSError as error:
        yield LeftOut(_named(file, root), f"damaged or of another kind: {error}")
        return
    with opened:
        group = opened.get("data")
        if not isinstance(group, h5py.Group):
            yield LeftOut(_named(file, root), "no group 'data' of traces")
            return
        table = None
        for name, values in group.items():
            facts = {key: _text(value) for key, value in values.attrs.items()}
            if not facts:
                table = _table_beside(file) if table is None else table
                facts = table.get(name, {})
            full_name = f"{_named(file, root)}, {name}"
            try:
                yield _of_trace(full_name, values[()], facts)
            except (OSError, TypeError) as error:  # of a trace that is damaged, or a group
                yield LeftOut(full_name, f"damaged or of another kind: {error}")


def _of_trace(name: str, values: np.ndarray, facts: Mapping[str, str]) -> Stored | LeftOut:
    """Return the record of one trace of STEAD with its attributes."""
    if facts.get("trace_category", "").startswith("noise"):
        return LeftOut(name, "noise and not an earthquake")
    if values.ndim != 2 or values.shape[1] != 3 or not are_real(values):
        return LeftOut(name, f"of shape {values.shape} and not (n_samples, 3)")
    try:
        onset = float(facts["p_arrival_sample"]) * STEAD_DT
    except (KeyError, ValueError):
        onset = None
    station = [facts[key] for key in ("network_code", "receiver_code") if facts.get(key)]
    return Stored(
        name,
        values.T,
        dt=STEAD_DT,
        unit=facts.get("unit", ""),
        onset=_finite(onset),
        event=facts.get("source_id", ""),
        station=".".join(station),
        instrument=facts.get("receiver_type", "")[1:2],
    )


def _table_beside(file: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the .csv file of the same name, by the name of the trace; none where it is missing."""
    path = file.with_suffix(".csv")
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        return {row["trace_name"]: row for row in csv.DictReader(lines) if row.get("trace_name")}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
