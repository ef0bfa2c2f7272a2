"""Power spectra of traces, and the wavelet that they show where reflectivity is white."""

import numpy as np
import scipy

# Only noise lies above this frequency in Hz, or above this share of the Nyquist frequency where that is lower.
NOISE_BAND = (200.0, 0.8)
WAVELET_SEGMENT = 0.256  # s


def odd_segment(seconds: float, dt: float, n_samples: int) -> int:
    """Return an odd number of samples, so that a zero-phase operator has a centre: ``seconds``, at most the trace.

    >>> odd_segment(0.256, 0.004, 1000), odd_segment(0.256, 0.004, 20)
    (65, 19)
    """
    return 2 * min(max(round(seconds / dt) // 2, 4), (n_samples - 1) // 2) + 1


def power_spectrum(traces: np.ndarray, dt: float, seconds: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Return Welch's power (n_traces, n_frequencies), whether a frequency is in NOISE_BAND, and a segment's samples.

    The mean of a trace is kept: without it, a constant trace would become rounding errors that later are divided.

    >>> power, is_noise, n_segment = power_spectrum(np.eye(2, 300), 0.004, WAVELET_SEGMENT)
    >>> power.shape, int(is_noise.sum()), n_segment
    ((2, 33), 6, 65)
    """
    n_segment = odd_segment(seconds, dt, traces.shape[1])
    f, power = scipy.signal.welch(traces, 1 / dt, nperseg=n_segment, detrend=False)
    # The highest frequency always counts as noise, because a short segment may have no frequency in the band.
    lowest_noise = min(NOISE_BAND[0], NOISE_BAND[1] * 0.5 / dt, f[-1])
    return power, f >= lowest_noise, n_segment
