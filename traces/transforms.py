"""Traces in another domain: wavelet transforms to channels of a network, and back.

traces (n_traces, n_samples) -> channels (n_traces, n_samples, n_channels) -> traces
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pywt
from scipy import fft

from support.checks import check_choice, check_whole, unmasked
from traces.checks import LONGEST_TRACE, SAMPLES_PER_PASS, SHORTEST_TRACE, check_block, check_time

SIGNAL_BAND = (2.0, 120.0)  # Hz, from the lowest to the highest corner frequency of the wavelets
# The discrete Meyer wavelet does not give its traces back exactly.
LEVEL_WAVELETS = tuple(name for name in pywt.wavelist(kind="discrete") if name != "dmey")
LEVEL_WAVELET = "sym8"  # is nearly symmetric, and its 16 taps separate the octaves well
MOST_SCALES = 1000  # 160 per octave
N_SCALES = 18  # three per octave: from 3 to 80 Hz the sum of the squared responses varies by 3 %
MORLET_BANDWIDTH = 1.5  # B of PyWavelets' cmorB-1.0: a scale responds over 0.43 of its frequency, at half height
# The inverse is damped, where the sum of the squared responses is 1.3: noise of channels grows 50-fold at most.
CWT_DAMPING = 1e-4


# Every trace is continued by its mirror image at both ends, edge sample repeated. With that, a filter without phase is
# a product in the domain of the cosine transform, of any length; the same filter with its phase turned by 90 degrees
# comes back from there by the sine transform.
def _cosine_part(spectra: np.ndarray) -> np.ndarray:
    """Back to time along axis 1."""
    return fft.idct(spectra, axis=1)


def _sine_part(spectra: np.ndarray) -> np.ndarray:
    """Back to time along axis 1, every cosine as the sine that follows it by 90 degrees."""
    shifted = np.zeros_like(spectra)
    shifted[:, :-1] = spectra[:, 1:]
    return fft.idst(shifted, axis=1, overwrite_x=True)


def _filter_bank(traces: np.ndarray, responses: np.ndarray, parts: Sequence[Callable]) -> np.ndarray:
    """All bands of the first of ``parts``, then those of the next, as channels; ``responses`` (n_samples, n_bands).

    It works on a few traces at a time, because their spectra then stay in the processor's cache.
    """
    responses = responses.astype(traces.dtype)
    n_bands = responses.shape[1]
    channels = np.empty((*traces.shape, n_bands * len(parts)), traces.dtype)
    n_rows = max(1, SAMPLES_PER_PASS // responses.size)
    for first in range(0, len(traces), n_rows):
        rows = slice(first, first + n_rows)
        spectra = fft.dct(traces[rows], axis=1)[..., None] * responses
        for number, part in enumerate(parts):
            channels[rows, :, number * n_bands : (number + 1) * n_bands] = part(spectra)
    return channels


def _level(n_samples: int, dt: float, wavelet: str, level: int | None) -> int:
    """``level``, or for None the default of `transform_traces`; ValueError when the trace is too short for it."""
    check_choice("wavelet", wavelet, LEVEL_WAVELETS)
    deepest = pywt.dwt_max_level(n_samples, pywt.Wavelet(wavelet))
    if level is None:
        return min(math.ceil(math.log2(1 / (4 * SIGNAL_BAND[0] * dt))), deepest)
    if check_whole("level", level, 0) > deepest:
        raise ValueError(f"level must be at most {deepest} for {n_samples} samples and {wavelet}, not {level}")
    return level


def _dwt(traces: np.ndarray, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> np.ndarray:
    level = _level(traces.shape[1], dt, wavelet, level)
    return np.stack(pywt.mra(traces, wavelet, level, axis=1, transform="dwt", mode="symmetric"), axis=-1)


def _swt(traces: np.ndarray, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> np.ndarray:
    """The components of `pywt.mra` in one pass: a level, there and back, is one filter without phase."""
    n_samples = traces.shape[1]
    bank = pywt.Wavelet(wavelet)
    taps = np.convolve(bank.dec_lo, bank.rec_lo)[bank.dec_len - 1 :] / 2  # one side
    low_pass = fft.dct(taps, type=1, n=n_samples + 1)
    approximation, details = np.ones(n_samples), []
    for step in range(_level(n_samples, dt, wavelet, level)):
        place = (np.arange(n_samples) << step) % (2 * n_samples)
        kept = low_pass[np.minimum(place, 2 * n_samples - place)]
        details.append(approximation * (1 - kept))
        approximation = approximation * kept
    return _filter_bank(traces, np.stack([approximation, *reversed(details)], axis=-1), (_cosine_part,))


def _level_names(n_samples: int, dt: float, wavelet: str = LEVEL_WAVELET, level: int | None = None) -> tuple[str, ...]:
    level = _level(n_samples, dt, wavelet, level)
    edges = [0.0, *(0.5 / dt / 2**step for step in range(level, -1, -1))]
    words = [f"{edge:.0f}" if edge >= 1 else f"{edge:.1g}" for edge in edges]
    letters = [f"A{level}", *(f"D{step}" for step in range(level, 0, -1))]
    return tuple(f"{letter}: {low}-{high} Hz" for letter, low, high in zip(letters, words, words[1:], strict=False))


def _cwt_responses(n_samples: int, dt: float, n_scales: int) -> np.ndarray:
    """Response of every scale at the frequencies of a cosine transform, 1 at its own: (n_samples, n_scales)."""
    frequency = np.arange(n_samples)[:, None] / (2 * n_samples * dt)
    return np.exp(-MORLET_BANDWIDTH * (np.pi * (frequency / cwt_frequencies(dt, n_scales) - 1)) ** 2)


def _cwt(traces: np.ndarray, dt: float, n_scales: int = N_SCALES) -> np.ndarray:
    return _filter_bank(traces, _cwt_responses(traces.shape[1], dt, n_scales), (_cosine_part, _sine_part))


def _inverse_cwt(channels: np.ndarray, dt: float) -> np.ndarray:
    """The traces whose transform is nearest to the channels, damped where no scale responds."""
    n_samples, n_scales = channels.shape[1], _scales_in(channels)
    responses = _cwt_responses(n_samples, dt, n_scales)
    weights = responses / (2 * (responses**2).sum(axis=1, keepdims=True) + 2 * CWT_DAMPING)
    weights = weights.astype(channels.dtype)
    spectra = np.einsum("tfs,fs->tf", fft.dct(channels[..., :n_scales], axis=1), weights)
    sines = fft.dst(channels[..., n_scales:], axis=1)[:, :-1]
    spectra[:, 1:] += np.einsum("tfs,fs->tf", sines, weights[1:])
    return fft.idct(spectra, axis=1, overwrite_x=True)


def _scales_in(channels: np.ndarray) -> int:
    """Scales of a CWT given as real and imaginary channels (.., 2 x n_scales)."""
    n_scales, odd = divmod(channels.shape[-1], 2)
    if odd:
        raise ValueError(f"channels of a CWT are as many real as imaginary parts, not {channels.shape[-1]}")
    return n_scales


def _cwt_names(n_samples: int, dt: float, n_scales: int = N_SCALES) -> tuple[str, ...]:
    frequencies = cwt_frequencies(dt, n_scales)
    return tuple(f"{part} {frequency:.3g} Hz" for part in ("Re", "Im") for frequency in frequencies)


class Transform(NamedTuple):
    """One row of TRANSFORMS: a domain in which a network can get its traces."""

    forward: Callable[..., np.ndarray]  # (traces, dt, **options) -> channels
    inverse: Callable[[np.ndarray, float], np.ndarray]  # (channels, dt) -> traces
    channel_names: Callable[..., tuple[str, ...]]  # (n_samples, dt, **options) -> a name for each channel
    options: tuple[str, ...] = ()


def _sum_of_channels(channels: np.ndarray, dt: float) -> np.ndarray:
    return channels.sum(axis=-1)


TRANSFORMS = {
    "NA": Transform(lambda traces, dt: traces[..., None], _sum_of_channels, lambda n_samples, dt: ("trace",)),
    "CWT": Transform(_cwt, _inverse_cwt, _cwt_names, ("n_scales",)),
    "DWT": Transform(_dwt, _sum_of_channels, _level_names, ("wavelet", "level")),
    "SWT": Transform(_swt, _sum_of_channels, _level_names, ("wavelet", "level")),
}
TRANSFORM_TYPES = tuple(TRANSFORMS)


def transform_of(transform_type: str, options: Mapping[str, object] | None = None) -> Transform:
    """A row of TRANSFORMS; ValueError for an unknown row, or for options that it does not have."""
    transform = TRANSFORMS[check_choice("transform_type", transform_type, TRANSFORMS)]
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise ValueError(f"options of {transform_type} must be a mapping such as {{'level': 3}}, not {options!r}")
    for name in options:
        check_choice(f"option of {transform_type}", name, transform.options or ("none",))
    return transform


def transform_traces(traces: np.ndarray, transform_type: str, dt: float = 0.001, **options: object) -> np.ndarray:
    """Traces (n_traces, n_samples) as channels (n_traces, n_samples, n_channels), from low to high frequencies.

    Channels have the unit of the traces, and their dtype, float32 or float64. ``dt`` is in s. The traces may have any
    length; each is continued beyond its ends by its mirror image. The types and their ``options`` are:

    "NA": the trace itself, one channel
    "CWT": the continuous transform with PyWavelets' complex Morlet wavelet cmor1.5-1.0, at `cwt_frequencies`: the real
        parts of all scales, then the imaginary parts. A sine A sin(2 pi f t) has the magnitude A at the scale of its
        frequency. ``n_scales`` is 18 by default, three per octave, the fewest that leave no frequency out
    "DWT", "SWT": multiresolution analysis by the decimated or the stationary wavelet transform: level + 1 components
        whose sum is the trace, the approximation first and the finest detail last. ``wavelet`` is one of
        LEVEL_WAVELETS, by default sym8. ``level`` is by default the first whose approximation ends below 4 Hz, so that
        it has the lowest octave of the signal, 2 to 4 Hz, and every other octave up to 120 Hz is a detail of its own
        (level 7 at 1 ms). Short traces have fewer levels, those of `pywt.dwt_max_level`; below 30 samples sym8 has none

    Raises ValueError for traces that are not a block of finite numbers, an unknown type, option or wavelet, a level
    that is too deep, n_scales that is not a whole number of at least 2, or a dt outside `traces.checks.DT_LIMITS`.

    >>> traces = np.sin(np.arange(1000.0))[None]
    >>> {kind: transform_traces(traces, kind).shape for kind in TRANSFORM_TYPES}
    {'NA': (1, 1000, 1), 'CWT': (1, 1000, 36), 'DWT': (1, 1000, 7), 'SWT': (1, 1000, 7)}
    """
    transform = transform_of(transform_type, options)
    return transform.forward(check_block("traces", traces), check_time(dt, 0.0)[0], **options)


def restore_traces(channels: np.ndarray, transform_type: str, dt: float = 0.001) -> np.ndarray:
    """Traces (n_traces, n_samples) from the channels of `transform_traces`, whatever its options were; dtype is kept.

    "NA", "DWT" and "SWT" are exact: within 1e-5 of the largest amplitude in float32. "CWT" gives the trace whose
    transform is nearest to the channels. With the default number of scales or more, amplitudes from 2 to 120 Hz come
    back within 1e-4, and those from 1.25 to 165 Hz within 0.01. Nothing comes back from below 0.5 Hz, the mean
    included, or from above 210 Hz. Clean traces of the generator, of 4096 samples at 1 ms, come back with a relative
    RMS error of 0.003 on average and 0.02 at most (1024 samples: 0.006 and 0.05); noise loses what is outside the band.
    Raises ValueError for channels that are not (n_traces, n_samples, n_channels), or an odd number of them for "CWT".

    >>> traces = np.sin(np.arange(1000.0))[None]
    >>> bool(np.allclose(restore_traces(transform_traces(traces, "SWT"), "SWT"), traces))
    True
    """
    transform = transform_of(transform_type)
    dt, _ = check_time(dt, 0.0)
    channels = unmasked("channels", channels)
    if channels.ndim != 3 or channels.size == 0 or not np.issubdtype(channels.dtype, np.floating):
        found = f"{channels.dtype} of shape {channels.shape}"
        raise ValueError(f"channels must be floats (n_traces, n_samples, n_channels), not {found}")
    return transform.inverse(channels, dt)


def channel_names(transform_type: str, n_samples: int, dt: float = 0.001, **options: object) -> tuple[str, ...]:
    """The name of each channel of `transform_traces`; ``n_samples`` and ``dt`` (s) are those of the traces.

    Raises ValueError as `transform_traces` does.

    >>> channel_names("DWT", 4096, level=2), channel_names("CWT", 4096, n_scales=2)
    (('A2: 0-125 Hz', 'D2: 125-250 Hz', 'D1: 250-500 Hz'), ('Re 2 Hz', 'Re 120 Hz', 'Im 2 Hz', 'Im 120 Hz'))
    """
    transform = transform_of(transform_type, options)
    n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
    return transform.channel_names(n_samples, check_time(dt, 0.0)[0], **options)


def cwt_frequencies(dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """Centre frequencies (Hz) of the CWT: 2 to 120 Hz, or to the Nyquist frequency if it is lower, evenly in log f.

    >>> cwt_frequencies(n_scales=4).round(1).tolist()
    [2.0, 7.8, 30.7, 120.0]
    """
    dt, _ = check_time(dt, 0.0)
    low, high = SIGNAL_BAND
    return np.geomspace(low, min(high, 0.5 / dt), check_whole("n_scales", n_scales, 2, MOST_SCALES))


def cwt_coefficients(traces: np.ndarray, dt: float = 0.001, n_scales: int = N_SCALES) -> np.ndarray:
    """The CWT of `transform_traces` as complex numbers (n_traces, n_samples, n_scales), complex64 for float32.

    `numpy.abs` of it is the amplitude at each time and frequency, in the traces' unit; `numpy.angle` the phase, in rad.

    >>> sine = np.sin(2 * np.pi * 30.65 * np.arange(1000) * 0.001)[None]
    >>> abs(cwt_coefficients(sine, n_scales=4))[0, 500].round(1).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    return complex_coefficients(transform_traces(traces, "CWT", dt, n_scales=n_scales))


def complex_coefficients(channels: np.ndarray) -> np.ndarray:
    """Channels of a CWT (.., 2 x n_scales), such as a network's outputs, as complex numbers (.., n_scales).

    Raises ValueError for an odd number of channels, and for channels that are not numbers.

    >>> complex_coefficients([1.0, 2.0, 3.0, 4.0]).tolist()
    [(1+3j), (2+4j)]
    """
    channels = unmasked("channels", channels)
    if channels.ndim == 0 or not np.issubdtype(channels.dtype, np.number):
        raise ValueError(f"channels must be numbers (.., channels), not {channels.dtype} of shape {channels.shape}")
    n_scales = _scales_in(channels)
    coefficients = np.empty((*channels.shape[:-1], n_scales), np.result_type(channels.dtype, np.complex64))
    coefficients.real, coefficients.imag = channels[..., :n_scales], channels[..., n_scales:]
    return coefficients
