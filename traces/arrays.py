"""Arrays of traces in NumPy's files, .npy and .npz: the last axis is the trace, all others count the traces."""

import contextlib
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from traces.checks import are_real
from traces.samples import Facts, SampleFormat, replace_samples

HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
INTERVAL = "dt"  # the name of the sampling interval in an .npz file
BYTES_PER_FILL = 2**24
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class ArrayTraces:
    """The traces of an open .npy file, mapped into memory."""

    def __init__(self, path: Path, mode: str = "r", name: str = "") -> None:
        self.path, self.name = path, name or str(path)
        with path.open("rb") as file:
            self.shape, order, stored = _header(file, self.name)
            offset = file.tell()
        if not are_real(np.empty(0, stored)):
            raise ValueError(f"{self.name} does not hold numbers that traces can have, but {_type_words(stored)}")
        if not self.shape or prod(self.shape) == 0 or min(self.shape) < 0:
            raise ValueError(f"{self.name} holds no trace: its shape is {self.shape}")
        missing = offset + prod(self.shape) * stored.itemsize - path.stat().st_size
        if missing > 0:
            raise ValueError(f"{self.name} is cut off: {missing} bytes are missing of an array of shape {self.shape}")
        made = SampleFormat.of(stored)
        self.format = made if stored.kind == "f" else replace(made, read=np.dtype(np.float64))
        values = np.memmap(path, stored, mode, offset, self.shape, order)
        self._values = values if values.ndim > 1 else values[None]  # (..., n_samples)
        self.facts = Facts()
        if values.ndim > 2:
            self.facts.notes.append(f"The last axis of the array, of shape {self.shape}, is taken for the trace.")
        if missing:
            self.facts.notes.append(f"The file has {-missing} more bytes after the array, which are not read.")

    def close(self) -> None:
        if self._values is not None:
            self._values.flush()
        self._values = None  # which unmaps the file

    def read(self, first: int, end: int) -> np.ndarray:
        """The traces from ``first`` to before ``end``: (end - first, n_samples), integers as float64."""
        return self.format.decoded(self._values[self._places(first, end)])

    def write(self, first: int, traces: np.ndarray) -> None:
        """Replace the samples of traces; samples that are the same as before keep their bytes."""
        places = self._places(first, first + len(traces))
        stored = self._values[places]
        replace_samples(stored, traces, self.format)
        self._values[places] = stored

    @contextlib.contextmanager
    def copied(self, path: Path) -> Iterator["ArrayTraces"]:
        """The traces of a copy of the file at ``path``, which can be written."""
        shutil.copyfile(self.path, path)
        with contextlib.closing(ArrayTraces(path, "r+", self.name)) as traces:
            yield traces

    def _places(self, first: int, end: int) -> tuple[np.ndarray, ...]:
        # A reshaped array in Fortran's order would be a copy of all traces.
        return np.unravel_index(np.arange(first, end), self._values.shape[:-1])


class ArchivedTraces(ArrayTraces):
    """The traces of one array of an open .npz file, which lies unpacked in a temporary folder."""

    def __init__(self, path: Path, array: str | None) -> None:
        self.archive = path
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            with _opened_archive(path) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            self.array = _chosen(path, names, array)
            with _opened_archive(path) as archive:
                unpacked = _unpacked(archive, self.array, Path(folder, "array.npy"))
                interval = _interval(_unpacked(archive, INTERVAL, Path(folder, "dt.npy"))) if INTERVAL in names else []
            super().__init__(unpacked, name=f"{path}, array {self.array!r},")
            stack.callback(super().close)
            self._open = stack.pop_all()
        if interval:
            self.facts.intervals[f"array {INTERVAL!r}"] = interval

    def close(self) -> None:
        self._open.close()

    @contextlib.contextmanager
    def copied(self, path: Path) -> Iterator[ArrayTraces]:
        """The traces in a copy of the file at ``path``, which can be written; all other arrays are kept."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            unpacked = Path(folder, "array.npy")
            with super().copied(unpacked) as traces:
                yield traces
            with _opened_archive(self.archive) as archive, zipfile.ZipFile(path, "w") as copy:
                copy.comment = archive.comment
                for member in archive.infolist():
                    is_traces = member.filename == f"{self.array}.npy"
                    with unpacked.open("rb") if is_traces else archive.open(member) as source:
                        _pack(copy, member, source)


def new_array(path: Path, n_traces: int, n_samples: int) -> ArrayTraces:
    """A new .npy file of NaN, float32, (n_traces, n_samples), whose traces can be written."""
    header = {"descr": npy.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": (n_traces, n_samples)}
    step = max(1, BYTES_PER_FILL // (4 * n_samples))
    # The whole file is written first, as a full disk would end the program where memory is mapped to a file with holes.
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, header)
        for first in range(0, n_traces, step):
            np.full((min(step, n_traces - first), n_samples), np.nan, np.float32).tofile(file)
    return ArrayTraces(path, "r+")


def _header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], str, np.dtype]:
    """Shape, order of the axes ("C" or "F") and type of the array in an .npy file, which is left at the first value."""
    try:
        shape, is_fortran, stored = HEADER_READERS[npy.read_magic(file)](file)
    except Exception as error:  # NumPy's readers let through whatever a damaged header leads to.
        raise ValueError(f"{name} is not an .npy file that can be read: its header is missing or damaged") from error
    return shape, "F" if is_fortran else "C", stored


def _type_words(stored: np.dtype) -> str:
    if stored.hasobject:
        return "pickled objects, which are never loaded"
    return "complex numbers" if stored.kind == "c" else f"values of the type {stored}"


@contextlib.contextmanager
def _opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is not an .npz file that can be read, or is damaged: {reason}") from error


def _chosen(path: Path, names: list[str], array: str | None) -> str:
    """The array of traces among those of an archive: the one that the caller names, or the only one beside dt."""
    listed = ", ".join(names)
    if array is not None:
        if array not in names:
            raise ValueError(f"{path} has no array {array!r}; its arrays: {listed}")
        return array
    candidates = [name for name in names if name != INTERVAL]
    if len(candidates) > 1:
        raise ValueError(f"{path} holds several arrays, of which one must be named (array=..., --array): {listed}")
    if not candidates:
        raise ValueError(f"{path} holds no array of traces")
    return candidates[0]


def _unpacked(archive: zipfile.ZipFile, array: str, path: Path) -> Path:
    with archive.open(f"{array}.npy") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def _interval(path: Path) -> list[float]:
    """The one number in an .npy file, or nothing when the file holds something else."""
    try:
        value = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        return []
    return [float(value.item())] if value.size == 1 and are_real(value) else []


def _pack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: BinaryIO) -> None:
    """Add a member to an archive with the date and the compression that it had in another one."""
    info = zipfile.ZipInfo(member.filename, member.date_time)
    for attribute in ("compress_type", "external_attr", "create_system", "comment"):
        setattr(info, attribute, getattr(member, attribute))
    with archive.open(info, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target)
