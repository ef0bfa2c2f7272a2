"""The low-pass, the joining, the matching and the response spectrum of `bands` and others for networks, in keras.ops.

Records are (batch, n_samples, channels), as layers have them, and finite.
"""

from collections.abc import Callable, Sequence

import numpy as np

from problems.broadband.bands import F_C, JOIN_GAIN, gain
from problems.broadband.parts import SHORT_PERIODS
from problems.broadband.response import DAMPING, SAMPLES_PER_PERIOD
from problems.broadband.source import DT
from support.startup import load_keras

keras = load_keras()

LEAST = 1e-12  # of what a logarithm is taken
BAND_END = 3.125  # Hz, above which a low-passed record has nothing
FINE_DT = 0.04  # s, the interval at which the response to a low-passed record is sampled


def low_passed(x: keras.KerasTensor, cutoff: float = F_C, dt: float = DT) -> keras.KerasTensor:
    """Return what `bands.low_pass` gives."""
    return _filtered(x, lambda h: h, cutoff, dt)


def joined(
    x: keras.KerasTensor,
    generated: keras.KerasTensor,
    least_gain: float = JOIN_GAIN,
    cutoff: float = F_C,
    dt: float = DT,
) -> keras.KerasTensor:
    """Return what `bands.join` gives."""
    difference = x - low_passed(generated, cutoff, dt)
    return generated + _filtered(difference, lambda h: h / (h**2 + least_gain**2), cutoff, dt)


def _filtered(
    x: keras.KerasTensor, of_gain: Callable[[np.ndarray], np.ndarray], cutoff: float, dt: float
) -> keras.KerasTensor:
    """Return x times a function of the gain; both ends are continued by their mirror images."""
    n = x.shape[1]
    real, imaginary = _spectrum(keras.ops.concatenate([x, keras.ops.flip(x, axis=1)], axis=1), 2 * n)
    factor = of_gain(gain(np.arange(n + 1) / (2 * n * dt), cutoff)).astype(np.float32)
    return _record(real * factor, imaginary * factor, 2 * n)[:, :n]


def matched(
    x: keras.KerasTensor, generated: keras.KerasTensor, target: keras.KerasTensor, n_iterations: int
) -> keras.KerasTensor:
    """Return what `waveforms.match_spectrum` gives: joined records whose PSA is near a target, log10 (batch, 9)."""
    n, periods = generated.shape[1], SHORT_PERIODS[:0:-1]
    frequency = np.maximum(np.fft.rfftfreq(n, DT), DT)
    # How much each period counts for each frequency: the ratios are interpolated along the logarithm.
    shares = np.stack([np.interp(np.log(frequency), np.log(1 / periods), row) for row in np.eye(len(periods))])
    shares = np.where(frequency < F_C, 0.0, shares).astype(np.float32)
    real, imaginary = _spectrum(generated, n)
    made = joined(x, generated)
    for _ in range(n_iterations):
        ratio = keras.ops.flip(target, axis=1)[:, :-1] - log_psa(made, periods)
        factor = keras.ops.power(10.0, keras.ops.matmul(ratio, shares))[:, None]
        real, imaginary = real * factor, imaginary * factor
        made = joined(x, _record(real, imaginary, n))
    return made


def log_psa(x: keras.KerasTensor, periods: Sequence[float], dt: float = DT) -> keras.KerasTensor:
    """Return log10 of the horizontals' geometric mean PSA, (batch, n_periods), of the first two of the channels.

    The oscillators are those of `response.psa`, but driven by the Fourier series of the record, so that the values
    differ by less than 0.01. A period has to be short against the record, which is continued by as many zeros.
    """
    n_fft = 2 * x.shape[1]
    spectrum = _spectrum(x[..., :2], n_fft)
    peaks = [_peak(spectrum, x[..., :2], n_fft, float(period), dt) for period in periods]
    return _log_mean(keras.ops.stack(peaks, axis=1))


def log_psa_of_low(x: keras.KerasTensor, periods: Sequence[float], dt: float = DT) -> keras.KerasTensor:
    """Return the same for records without motion above BAND_END and for long periods, at a tenth of the cost."""
    n_fft = 4 * x.shape[1]
    n_kept = round(BAND_END * n_fft * dt)
    spectrum = [part[..., :n_kept] for part in _spectrum(x[..., :2], n_fft)]
    n_fine = round(n_fft * dt / FINE_DT)
    peaks = []
    for period in periods:
        real, imaginary = _oscillated(spectrum, n_fft, float(period), dt)
        gap = ((0, 0), (0, 0), (0, n_fine // 2 + 1 - n_kept))
        response = _record(keras.ops.pad(real, gap), keras.ops.pad(imaginary, gap), n_fine)
        peaks.append(keras.ops.max(keras.ops.abs(response), axis=1) * (n_fine / n_fft))
    return _log_mean(keras.ops.stack(peaks, axis=1))


def _log_mean(peaks: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.mean(keras.ops.log10(keras.ops.maximum(peaks, LEAST)), axis=-1)


def _peak(
    spectrum: Sequence[keras.KerasTensor], x: keras.KerasTensor, n_fft: int, period: float, dt: float
) -> keras.KerasTensor:
    """Return the largest response (batch, channels) of an oscillator, which for the period 0 is the peak of x."""
    if period == 0:
        return keras.ops.max(keras.ops.abs(x), axis=1)
    finer = max(1, int(np.ceil(SAMPLES_PER_PERIOD * dt / period - 1e-9)))
    gap = ((0, 0), (0, 0), (0, (finer - 1) * n_fft // 2))
    real, imaginary = (keras.ops.pad(part, gap) for part in _oscillated(spectrum, n_fft, period, dt))
    return finer * keras.ops.max(keras.ops.abs(_record(real, imaginary, finer * n_fft)), axis=1)


def _oscillated(
    spectrum: Sequence[keras.KerasTensor], n_fft: int, period: float, dt: float
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the spectrum of -w^2 u of an oscillator, whose length is that of the given one."""
    real, imaginary = spectrum
    frequency = np.arange(real.shape[-1]) / (n_fft * dt)
    ratio = frequency * period
    response = 1 / (1 - ratio**2 + 2j * DAMPING * ratio)
    of_real, of_imaginary = response.real.astype(np.float32), response.imag.astype(np.float32)
    return real * of_real - imaginary * of_imaginary, real * of_imaginary + imaginary * of_real


def _spectrum(x: keras.KerasTensor, n_fft: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return real and imaginary parts (batch, channels, n_fft // 2 + 1)."""
    rows = keras.ops.transpose(x, (0, 2, 1))
    return keras.ops.rfft(keras.ops.pad(rows, ((0, 0), (0, 0), (0, n_fft - x.shape[1]))))


def _record(real: keras.KerasTensor, imaginary: keras.KerasTensor, n_fft: int) -> keras.KerasTensor:
    """Return the records (batch, n_fft, channels) of a spectrum."""
    return keras.ops.transpose(keras.ops.irfft((real, imaginary), fft_length=n_fft), (0, 2, 1))
