"""How alike two records are in time and frequency: the goodness of fit of Kristekova and others (2006, 2009).

    record, reference -> Morlet wavelet transforms W, R at log-spaced frequencies -> misfits of envelope and of phase
    misfits -> scores EG and PG from 0 to 10: 8 and more excellent, 6 to 8 good, 4 to 6 fair, below 4 poor

Records are in any unit, the same for both, and the reference is the second argument. The envelope scores low where the
energy lies at other times or frequencies. The phase scores low where the oscillations do, which above F_C nobody can
predict.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.fft import fft, ifft, next_fast_len

from problems.broadband.response import arias_times, check_records
from problems.broadband.source import DT
from support.checks import check_number, check_whole

LOWEST, HIGHEST = 0.1, 30.0  # Hz
N_FREQUENCIES = 100
FEW_FREQUENCIES = 40  # for many records, as the mean of their scores is that of 100 frequencies
W0 = 6.0  # of the Morlet wavelet: a wavelet of the frequency f has a spectrum of the width f / W0
PERFECT = 10.0  # the score without misfit
SAMPLES_PER_PERIOD = 4  # of a transform; its spectrum is below 1e-5 of its largest value from 1.8 f on
ALIGNED_AT = 0.05  # share of the Arias intensity


class Misfits(NamedTuple):
    """Misfits (..., n_components), 0 where a record is the reference."""

    envelope: np.ndarray
    phase: np.ndarray  # at most 1


class Goodness(NamedTuple):
    """Scores (...,) of records, means over their components: 10 for the reference itself."""

    envelope: np.ndarray  # EG
    phase: np.ndarray  # PG


def goodness(
    records: np.ndarray,
    reference: np.ndarray,
    dt: float = DT,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    n_frequencies: int = N_FREQUENCIES,
) -> Goodness:
    """Return the scores EG = 10 exp(-envelope misfit) and PG = 10 (1 - phase misfit) of records.

    A score of k = 1 and A = 10, of Kristekova and others (2009). The arguments are those of `misfits`, and the scores
    are (n,), or (n, n_members) for several records of each reference.

    >>> record = np.random.default_rng(0).standard_normal((1, 3, 1000))
    >>> scores = goodness(0.5 * record, record, lowest=1.0, n_frequencies=20)
    >>> scores.envelope.round(1).tolist(), scores.phase.round(1).tolist()
    ([6.1], [10.0])
    """
    found = misfits(records, reference, dt, lowest, highest, n_frequencies)
    return Goodness(PERFECT * np.exp(-found.envelope).mean(axis=-1), PERFECT * (1 - found.phase).mean(axis=-1))


def misfits(
    records: np.ndarray,
    reference: np.ndarray,
    dt: float = DT,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    n_frequencies: int = N_FREQUENCIES,
) -> Misfits:
    """Return the misfits of records to a reference (n, n_components, n_samples) by the same kind of records.

    Records are (n, n_components, n_samples), or (n, n_members, n_components, n_samples) for several ones of each
    reference. With sums over times and frequencies, and the largest of the reference's components in the denominator,
    the envelope misfit is sqrt(sum (|W| - |R|)^2 / max sum |R|^2), and the phase misfit is
    sqrt(sum (|R| arg(W / R) / pi)^2 / max sum |R|^2). Raises ValueError for records that are not finite, a reference
    without motion, shapes that do not fit, and frequencies that are not lowest <= highest <= the Nyquist frequency.

    >>> record = np.random.default_rng(0).standard_normal((1, 3, 1000))
    >>> float(misfits(1.1 * record, record, lowest=1.0, n_frequencies=20).envelope.max().round(3))
    0.1
    """
    records, reference = check_records("records", records), check_records("the reference", reference)
    if reference.ndim != 3 or records.ndim not in (3, 4) or (len(records), *records.shape[-2:]) != reference.shape:
        raise ValueError(
            "a reference (n, n_components, n_samples) is needed for records (n, n_components, n_samples) or (n, "
            f"n_members, n_components, n_samples), but their shapes are {reference.shape} and {records.shape}"
        )
    check_number("dt", dt, 1e-6, 10.0, "a time step of {:g} to {:g} s")
    check_number("highest", highest, 1e-6, 0.5 / dt, "a frequency of {:g} to {:g} Hz")
    check_number("lowest", lowest, 1e-6, highest, "a frequency of {:g} to {:g} Hz")
    frequencies = np.geomspace(lowest, highest, check_whole("n_frequencies", n_frequencies, 1))
    found = [_of_row(*rows, dt, frequencies) for rows in zip(records, reference, strict=True)]
    return Misfits(*map(np.stack, zip(*found, strict=True)))


def _of_row(records: np.ndarray, reference: np.ndarray, dt: float, frequencies: np.ndarray) -> Misfits:
    """Return both misfits of records (..., n_components, n_samples) to one reference (n_components, n_samples)."""
    envelope = phase = energy = 0.0
    transforms = (_transforms(each, dt, frequencies) for each in (records, reference))
    for (w, step), (r, _) in zip(*transforms, strict=True):
        size = np.abs(r)
        envelope += step * np.sum((np.abs(w) - size) ** 2, axis=-1)
        phase += step * np.sum((size * np.angle(w * r.conj())) ** 2, axis=-1) / np.pi**2
        energy += step * np.sum(size**2, axis=-1)
    largest = np.max(energy, axis=-1, keepdims=True)
    if not largest.all():
        raise ValueError("the reference must have motion, but one record of it is 0 throughout")
    return Misfits(np.sqrt(envelope / largest), np.sqrt(phase / largest))


def _transforms(records: np.ndarray, dt: float, frequencies: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the wavelet transform (..., n_times) at each frequency, and of how many samples its time step is.

    A wavelet of the frequency f reaches no further than to 1.8 f, so that the inverse Fourier transform of the lowest
    part of the spectrum gives its transform at longer steps: SAMPLES_PER_PERIOD is enough for all sums over time.
    """
    n_samples = records.shape[-1]
    steps = 2 ** np.floor(np.log2(np.maximum(1 / (SAMPLES_PER_PERIOD * frequencies * dt), 1))).astype(int)
    n_padded = steps.max() * next_fast_len(-(-2 * n_samples // int(steps.max())))
    spectrum = fft(records.astype(np.float64), int(n_padded))
    grid = np.arange(n_padded) / (n_padded * dt)  # Hz
    grid[n_padded // 2 + 1 :] = -np.inf  # negative frequencies, which the wavelet has not
    for f, step in zip(frequencies, steps, strict=True):
        scale, n = W0 / (2 * np.pi * f), n_padded // step  # s
        wavelet = np.sqrt(2 * np.pi * scale) * np.pi**-0.25 * np.exp(-0.5 * W0**2 * (grid[:n] / f - 1) ** 2)
        yield ifft(spectrum[..., :n] * (wavelet / step))[..., : -(-n_samples // step)], int(step)


def align(
    records: np.ndarray, reference: np.ndarray, dt: float = DT, share: float = ALIGNED_AT
) -> tuple[np.ndarray, np.ndarray]:
    """Shift records in time so that a share of the Arias intensity is reached when it is in the reference.

    Both are (..., n_components, n_samples) of one shape. All components of a record move together, by whole samples,
    and 0 follows where nothing is known. Returns the records in their dtype, and the shifts (...,) in s, which are
    positive where a record was too early.

    >>> pulse = np.zeros((1, 3, 100))
    >>> pulse[..., 40:60] = 1.0
    >>> shifted, shifts = align(np.roll(pulse, 7, axis=-1), pulse)
    >>> shifts.round(2).tolist(), bool((shifted == pulse).all())
    ([-0.07], True)
    """
    records, reference = check_records("records", records), check_records("the reference", reference)
    if records.shape != reference.shape or records.ndim < 2:
        raise ValueError(
            f"records and reference must be of one shape (..., n_components, n_samples), not {records.shape} and "
            f"{reference.shape}"
        )
    of_records, of_reference = (
        arias_times(np.linalg.norm(each, axis=-2), dt, (share,))[..., 0] for each in (records, reference)
    )
    shifts = np.rint((of_reference - of_records) / dt).astype(int)
    n_samples = records.shape[-1]
    source = np.arange(n_samples) - shifts[..., None, None]  # where each sample comes from
    inside = (source >= 0) & (source < n_samples)
    shifted = np.take_along_axis(records, np.clip(source, 0, n_samples - 1), axis=-1)
    return np.where(inside, shifted, 0).astype(records.dtype), shifts * dt
