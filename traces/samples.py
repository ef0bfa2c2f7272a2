"""Samples as files store them: what a format is called, what it can hold, and how its bytes become values.

segyio converts IBM floats too, but it takes unnormalised ones for other values and cuts bits off instead of rounding.
"""

from dataclasses import dataclass, field, replace

import numpy as np

_KINDS = {"f": "IEEE floats", "i": "integers", "u": "unsigned integers"}
FLOAT32_BITS = 24  # of an integer that a float32 holds without rounding


@dataclass(frozen=True)
class SampleFormat:
    """One format of samples, and the range of values that it can hold.

    >>> SampleFormat.of("i1").words
    'integers of 8 bits'
    """

    words: str  # for display
    stored: np.dtype  # of one sample in the file
    read: np.dtype  # of the values that are read
    lowest: float
    highest: float
    finite: bool  # The format has neither NaN nor infinity.

    @classmethod
    def of(cls, stored: np.dtype | str) -> "SampleFormat":
        """The format of a NumPy type of integers or floats."""
        stored = np.dtype(stored)
        if stored.kind != "f":
            return cls.integers(stored, 8 * stored.itemsize, stored.kind)
        words, highest = f"{_KINDS['f']} of {8 * stored.itemsize} bits", np.finfo(stored).max
        return cls(words, stored, stored.newbyteorder("="), -highest, highest, finite=False)

    @classmethod
    def integers(cls, stored: np.dtype, bits: int, kind: str) -> "SampleFormat":
        """Integers of so many bits of the kind "i" or "u"."""
        limits = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind == "i" else (0, 2**bits - 1)
        read = np.dtype("f4" if bits <= FLOAT32_BITS else "f8")
        return cls(f"{_KINDS[kind]} of {bits} bits", stored, read, *limits, finite=True)

    def decoded(self, stored: np.ndarray, order: str = "=") -> np.ndarray:
        """Values (n_traces, n_samples) of stored samples; ``order``, ">" or "<", is that of integers of 24 bits."""
        if self is IBM:
            return from_ibm(stored)
        if self.stored is THREE_BYTES:
            wide = np.zeros((*stored.shape[:-1], 4), np.uint8)
            wide[..., _filled_bytes(order)] = stored
            stored = wide.view(self._wide(order))[..., 0] >> 8
        return stored.astype(self.read)

    def encoded(self, values: np.ndarray, order: str = "=") -> np.ndarray:
        """Values (n_traces, n_samples) as they are stored, integers rounded to the nearest.

        Raises ValueError that names the largest value that the format cannot hold, and the format's range.

        >>> SampleFormat.of("i1").encoded(np.array([1.4, -2.6]))
        array([ 1, -3], dtype=int8)
        """
        values = self._fitted(values)
        if self is IBM:
            return to_ibm(values)
        if self.stored is THREE_BYTES:
            wide = np.left_shift(values.astype(np.int64), 8).astype(self._wide(order))
            return wide[..., None].view(np.uint8)[..., _filled_bytes(order)]
        return values.astype(self.stored)

    def _fitted(self, values: np.ndarray) -> np.ndarray:
        whole = isinstance(self.highest, int)
        fitted = np.rint(values, dtype=np.float64) if whole else values
        # The highest integer of 64 bits is no float64, but the one after it is.
        outside = (fitted < self.lowest) | (fitted >= self.highest + 1 if whole else fitted > self.highest)
        finite = np.isfinite(values)
        outside = outside | ~finite if self.finite else outside & finite
        if outside.any():
            refused = values[outside]
            largest = refused[np.argmax(np.abs(refused))]  # It is a NaN where there is one.
            limits = f"{self.lowest} to {self.highest}" if whole else f"{self.lowest:.6g} to {self.highest:.6g}"
            raise ValueError(f"a sample of {largest:g} cannot be written as {self.words}, which hold {limits}")
        return fitted

    def _wide(self, order: str) -> np.dtype:
        return np.dtype(f"{order}{'i' if self.lowest else 'u'}4")


def _filled_bytes(order: str) -> slice:
    """The higher three of the four bytes that 24 bits are put into, so that a shift brings the sign with it."""
    return slice(0, 3) if order == ">" else slice(1, 4)


THREE_BYTES = np.dtype((np.uint8, (3,)))  # which are an axis of their own
IBM = replace(SampleFormat.of("f4"), words="IBM floats of 32 bits", stored=np.dtype("u4"), finite=True)
SEGY_FORMATS = {  # by the code in the binary header; 4, fixed point with gain, is obsolete
    1: IBM,
    2: SampleFormat.of("i4"),
    3: SampleFormat.of("i2"),
    5: SampleFormat.of("f4"),
    6: SampleFormat.of("f8"),
    7: SampleFormat.integers(THREE_BYTES, 24, "i"),
    8: SampleFormat.of("i1"),
    9: SampleFormat.of("i8"),
    10: SampleFormat.of("u4"),
    11: SampleFormat.of("u2"),
    12: SampleFormat.of("u8"),
    15: SampleFormat.integers(THREE_BYTES, 24, "u"),
    16: SampleFormat.of("u1"),
}


def from_ibm(words: np.ndarray) -> np.ndarray:
    """Values, float32, of IBM floats given as integers of 32 bits: (-1)^sign 16^(exponent - 64) fraction / 2^24.

    A value beyond the range of float32 becomes infinite, or 0.

    >>> from_ibm(np.array([0x42640000, 0xC276A000], np.uint32))
    array([ 100.   , -118.625], dtype=float32)
    """
    scale = np.ldexp(1.0, 4 * (np.arange(128) - 64) - 24)
    scale = np.concatenate([scale, -scale])  # by the first byte, whose first bit is the sign
    words = words.astype(np.uint32)
    with np.errstate(over="ignore", under="ignore"):
        return ((words & 0xFFFFFF) * scale[words >> 24]).astype(np.float32)


def to_ibm(values: np.ndarray) -> np.ndarray:
    """The nearest IBM floats, as integers of 32 bits, of finite values within the range of float32.

    An IBM float keeps 21 to 24 bits of a value. Values below the normal range of float32 (1e-38) become 0.

    >>> [hex(word) for word in to_ibm(np.array([100, -118.625]))]
    ['0x42640000', '0xc276a000']
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    sign, biased = bits & 0x80000000, (bits >> 23) & 0xFF
    fraction = (bits & 0x7FFFFF) | 0x800000  # The value is fraction / 2^24 2^(biased - 126).
    exponent = (biased + 133) >> 2  # of 16, plus 64: the smallest that is not below (biased - 126) / 4 + 64
    shift = 4 * exponent - biased - 130  # bits that the fraction loses, 0 to 3
    fraction = (fraction + ((np.uint32(1) << shift) >> 1)) >> shift
    return np.where(biased == 0, sign, sign | (exponent << 24) | fraction)


def replace_samples(stored: np.ndarray, traces: np.ndarray, sample_format: SampleFormat, order: str = "=") -> None:
    """Replace stored samples, in place, by ``traces`` (n_traces, n_samples); equal ones keep their bytes.

    NaN is equal to NaN here. Raises ValueError for a new sample that the format cannot hold.
    """
    former = sample_format.decoded(stored, order)
    changed = (former != traces) & ~(np.isnan(former) & np.isnan(traces))
    new = sample_format.encoded(np.where(changed, traces, traces.dtype.type(0)), order)
    np.copyto(stored, new, where=changed.reshape(changed.shape + (1,) * (stored.ndim - changed.ndim)))


@dataclass
class Facts:
    """What a file says about its traces, beside their samples."""

    notes: list[str] = field(default_factory=list)  # sentences about what is odd in the file
    intervals: dict[str, list[float]] = field(default_factory=dict)  # s, by the place, the most trusted first
    starts: tuple[float, float] = (0.0, 0.0)  # ms, the earliest and the latest first sample
    domain: str = "time"  # or "depth"
    evidence: str = ""  # how the domain is known: a clause
    depth_unit: str = "m or ft"
