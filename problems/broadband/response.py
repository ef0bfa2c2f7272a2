"""What engineers take from a record: the response of oscillators, its peak, its duration and its intensity.

Acceleration is (..., n_samples); the units of length are the caller's own, except in the Arias intensity. Periods and
times are in s. All records are worked on together.
"""

from collections.abc import Sequence

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import cont2discrete, lfilter

from support.checks import check_number

DAMPING = 0.05  # of the critical one
SAMPLES_PER_PERIOD = 20  # a record of fewer is interpolated, as the largest response would lie between two samples
GRAVITY = 980.665  # cm/s^2
RECORDS_AT_ONCE = 64


def psa(acceleration: np.ndarray, dt: float, periods: np.ndarray, damping: float = DAMPING) -> np.ndarray:
    """Return the pseudo-spectral acceleration (..., n_periods) of ``acceleration`` (..., n_samples), in its unit.

    It is w^2 max|u| of an oscillator u'' + 2 damping w u' + w^2 u = -a at rest, with w = 2 pi / T; at T = 0 it is the
    peak max|a|. The recursion is exact where the acceleration is linear between samples (Nigam and Jennings, 1969).
    For periods of fewer than SAMPLES_PER_PERIOD samples the record is interpolated by its Fourier series first, so that
    it should begin and end near 0. Raises ValueError for records that are not finite, for a negative period, or for a
    time step or damping out of its range.

    >>> pulse = np.zeros(4000)
    >>> pulse[10] = 1.0  # cm/s^2 during 0.01 s: a step of the velocity
    >>> psa(pulse, 0.01, np.array([0.0, 1.0])).round(4).tolist()
    [1.0, 0.0582]
    """
    a, periods = _checked(acceleration, dt), np.atleast_1d(np.asarray(periods, dtype=np.float64))
    check_number("damping", damping, 0.0, 0.99, "a share of the critical damping of {:g} to {:g}")
    if not (np.isfinite(periods) & (periods >= 0)).all():
        raise ValueError(f"periods must be finite numbers of at least 0 s, not {periods.tolist()}")
    factors = [
        1 if period == 0 else max(1, int(np.ceil(SAMPLES_PER_PERIOD * dt / period - 1e-9))) for period in periods
    ]
    flat = a.reshape(-1, a.shape[-1])
    found = np.empty((len(flat), len(periods)))
    for first in range(0, len(flat), RECORDS_AT_ONCE):
        part = flat[first : first + RECORDS_AT_ONCE].astype(np.float64)
        finer = {factor: _interpolated(part, factor) for factor in set(factors)}
        for column, (period, factor) in enumerate(zip(periods, factors, strict=True)):
            response = part if period == 0 else _response(finer[factor], dt / factor, period, damping)
            found[first : first + RECORDS_AT_ONCE, column] = np.abs(response).max(axis=1)
    return found.reshape(*a.shape[:-1], len(periods))


def _response(acceleration: np.ndarray, dt: float, period: float, damping: float) -> np.ndarray:
    """Return -w^2 u of an oscillator, of the shape of the acceleration."""
    w = 2 * np.pi / period
    (numerator,), denominator, _ = cont2discrete(([w**2], [1.0, 2 * damping * w, w**2]), dt, method="foh")
    return lfilter(numerator, denominator, acceleration)


def _interpolated(acceleration: np.ndarray, factor: int) -> np.ndarray:
    """Return records with ``factor`` times as many samples."""
    n = acceleration.shape[-1]
    return acceleration if factor == 1 else irfft(rfft(acceleration), n * factor) * factor


def horizontal_psa(acceleration: np.ndarray, dt: float, periods: np.ndarray) -> np.ndarray:
    """Return the geometric mean of the two horizontal components' PSA (n, n_periods), from records (n, 3, n_samples).

    >>> records = np.stack([np.full(10, 4.0), np.full(10, 1.0), np.zeros(10)])[None]
    >>> horizontal_psa(records, 0.01, np.array([0.0])).tolist()
    [[2.0]]
    """
    return np.sqrt(psa(np.asarray(acceleration)[:, :2], dt, periods).prod(axis=1))


def arias_intensity(acceleration: np.ndarray, dt: float) -> np.ndarray:
    """Return pi / (2 g) times the integral of a^2, (...,) in cm/s, for an acceleration (..., n_samples) in cm/s^2.

    >>> float(arias_intensity(np.full(100, 980.665), 0.01).round(1))
    1540.4
    """
    a = _checked(acceleration, dt)
    return np.pi / (2 * GRAVITY) * np.sum(a.astype(np.float64) ** 2, axis=-1) * dt


def arias_times(acceleration: np.ndarray, dt: float, shares: Sequence[float]) -> np.ndarray:
    """Return when the Arias intensity reaches shares of its end value, (..., n_shares) in s after the first sample.

    In a record without motion that is at the first sample.

    >>> arias_times(np.ones(1000), 0.01, (0.05, 0.95)).round(2).tolist()
    [0.49, 9.49]
    """
    energy = np.cumsum(_checked(acceleration, dt).astype(np.float64) ** 2, axis=-1)
    return np.stack([(energy >= share * energy[..., -1:]).argmax(axis=-1) * dt for share in shares], axis=-1)


def significant_duration(acceleration: np.ndarray, dt: float, begin: float = 0.05, end: float = 0.95) -> np.ndarray:
    """Return the time in s, (...,), in which the Arias intensity grows from one share of its end value to another.

    A record without motion has a duration of 0.

    >>> float(significant_duration(np.ones(1000), 0.01).round(2))
    9.0
    """
    return np.diff(arias_times(acceleration, dt, (begin, end)))[..., 0]


def band_amplitudes(acceleration: np.ndarray, dt: float, bands: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the rms Fourier amplitude in bands of frequency, (..., n_bands), of (..., n_components, n_samples).

    It is that of all components, in their unit times s, as in the effective amplitude spectrum, which no rotation of
    the components changes. A band (low, high) in Hz has what is low <= f < high. Raises ValueError for a band without
    a frequency of the record.

    >>> pulse = np.zeros((2, 1000))
    >>> pulse[:, 0] = 100.0  # during 0.01 s
    >>> band_amplitudes(pulse, 0.01, ((0.1, 1.0), (1.0, 30.0))).round(3).tolist()
    [1.0, 1.0]
    """
    a = _checked(acceleration, dt)
    power = np.mean(np.abs(rfft(a.astype(np.float64))) ** 2, axis=-2) * dt**2
    frequency = rfftfreq(a.shape[-1], dt)
    inside = np.stack([(low <= frequency) & (frequency < high) for low, high in bands])  # (n_bands, n_frequencies)
    if not inside.any(axis=1).all():
        raise ValueError(
            f"each band must have a frequency of records of {a.shape[-1] * dt:g} s, but one of {bands} has none"
        )
    return np.sqrt(power @ (inside / inside.sum(axis=1, keepdims=True)).T)


def _checked(acceleration: np.ndarray, dt: float) -> np.ndarray:
    check_number("dt", dt, 1e-6, 10.0, "a time step of {:g} to {:g} s")
    return check_records("acceleration", acceleration)


def check_records(what: str, records: np.ndarray) -> np.ndarray:
    """Return records as an array. Raises ValueError unless they are (..., n_samples) finite numbers."""
    records = np.asarray(records)
    if records.ndim == 0 or records.shape[-1] == 0 or not np.isfinite(records).all():
        raise ValueError(f"{what} must be finite numbers, (..., n_samples), but these of {records.shape} are not")
    return records
