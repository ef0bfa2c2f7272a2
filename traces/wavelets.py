"""Ricker, Klauder and Ormsby wavelets with random frequencies, and their convolution with reflectivity."""

from collections.abc import Iterable

import numpy as np
from scipy import fft

from support.checks import check_choice, check_seed
from traces.checks import check_block, check_time

WAVELET_DURATION = 0.512  # s
WAVELETS = {  # code in file names: name, and the limits (Hz) of each of its frequencies
    "RW": ("ricker", ((10, 50),)),
    "KW": ("klauder", ((2, 8), (80, 120))),
    "OW": ("ormsby", ((2, 8), (10, 20), (60, 80), (90, 120))),
}
WAVELET_NAMES = tuple(name for name, _ in WAVELETS.values())
# What a wavelet gives: the clean trace, with noise, with noise and a gap; a random wavelet a trace, or one of the three
TRACE_FAMILIES = {
    "random": ("CONV_REFL_CLEAN", "CONV_REFL_NOISY", "CONV_REFL_GAPS"),
    **{code: (f"REFL_{code}", f"REFL_{code}_NOISE", f"REFL_{code}_GAPS") for code in WAVELETS},
}


# --- Wavelets


def wavelet_time(dt: float) -> np.ndarray:
    """Times (s) of a wavelet's samples from its peak on: 0, dt .. WAVELET_DURATION / 2. The other half mirrors it."""
    return np.arange(int(WAVELET_DURATION / (2 * dt) + 1e-9) + 1) * dt


def ricker(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """(1 - 2 a) exp(-a) with a = (pi f t)^2: (n_traces, n_times) from times t (s) and f (n_traces, 1) in Hz."""
    a = (np.pi * frequency * t) ** 2
    return (1 - 2 * a) * np.exp(-a)


def klauder(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Autocorrelation of a linear sweep with a Blackman taper, peak 1: (n_traces, n_times) from (n_traces, 2) in Hz.

    The sweep reaches the first frequency at -WAVELET_DURATION / 2 and the second at +WAVELET_DURATION / 2.
    """
    f1, f2 = frequency[:, :1], frequency[:, 1:]
    time = np.concatenate([-t[:0:-1], t])
    sweep = np.cos(2 * np.pi * ((f1 + f2) / 2 + (f2 - f1) / (2 * WAVELET_DURATION) * time) * time)
    n_fft = fft.next_fast_len(time.size + t.size - 1, real=True)  # what wraps round meets only lags that are not kept
    correlation = fft.irfft(np.abs(fft.rfft(sweep, n_fft)) ** 2, n_fft)[:, : t.size]  # lags from 0 on
    return correlation / correlation[:, :1] * np.blackman(time.size)[t.size - 1 :]


def ormsby(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Trapezoid spectrum with the four corners ``frequency`` (n_traces, 4) in Hz, peak 1: (n_traces, n_times).

    The four terms pi f^2 sinc(f t)^2 / (difference of two corners), as cosines: sin^2 x = (1 - cos 2x) / 2.
    """
    f1, f2, f3, f4 = frequency.T[..., None]
    after = t[1:]  # t[0] = 0 is the peak
    c1, c2, c3, c4 = (np.cos(2 * np.pi * f * after) for f in (f1, f2, f3, f4))
    peak = np.pi * (f4 + f3 - f2 - f1)
    w = ((c3 - c4) / (f4 - f3) - (c1 - c2) / (f2 - f1)) / (2 * np.pi * after**2)
    return np.concatenate([np.ones_like(peak), w / peak], axis=1)


_WAVELET_FORMULAS = {"ricker": ricker, "klauder": klauder, "ormsby": ormsby}


def draw_wavelets(rng: np.random.Generator, n_traces: int, dt: float, families: Iterable[str]) -> dict[str, np.ndarray]:
    """Wavelets with random frequencies for the asked-for keys of TRACE_FAMILIES: each (n_traces, n_times), float32.

    "random" is one of the three for every trace; a trace's Ricker, Klauder and Ormsby frequencies do not depend on
    what was asked for.
    """
    t = wavelet_time(dt)
    half = t.size - 1
    frequencies = {
        code: np.stack([rng.uniform(*limits, n_traces) for limits in bands], axis=1)
        for code, (_, bands) in WAVELETS.items()
    }
    picked = rng.integers(len(WAVELETS), size=n_traces)
    drawn = {family: np.empty((n_traces, 2 * half + 1), np.float32) for family in families}
    for number, (code, (name, _)) in enumerate(WAVELETS.items()):
        for family, rows in ((code, slice(None)), ("random", picked == number)):
            if family in drawn:
                drawn[family][rows, half:] = _WAVELET_FORMULAS[name](t, frequencies[code][rows])
    for wavelets in drawn.values():
        wavelets[:, :half] = wavelets[:, :half:-1]
    return drawn


def convolve(traces: np.ndarray, wavelets: np.ndarray) -> np.ndarray:
    """Row by row convolution, 'same': (n_traces, n_samples), the wavelets' (n_traces, n_times) centre on the sample."""
    n_samples, n_times = traces.shape[-1], wavelets.shape[-1]
    shortest = max(n_samples + n_times // 2, n_times)  # what wraps round stays outside the part kept
    n_fft = fft.next_fast_len(shortest, real=True)
    spectrum = fft.rfft(traces, n_fft)
    spectrum *= fft.rfft(wavelets, n_fft)
    full = fft.irfft(spectrum, n_fft, overwrite_x=True)
    return full[..., n_times // 2 : n_times // 2 + n_samples]


def wavelet_convolution(
    traces: np.ndarray,
    dt: float = 0.001,
    wavelet: str = "ricker",
    seed: int | np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Convolve reflectivity with wavelets of random frequency.

    Returns the traces (n_traces, n_samples) and the wavelets (n_traces, n_times). ``wavelet`` is one of WAVELET_NAMES.
    Raises ValueError for an unknown wavelet, a time step that is not above 0, or traces that are not a block.
    """
    check_choice("wavelet", wavelet, WAVELET_NAMES)
    dt, _ = check_time(dt, 0.0)
    traces = check_block("traces", traces)
    code = list(WAVELETS)[WAVELET_NAMES.index(wavelet)]
    wavelets = draw_wavelets(check_seed(seed), len(traces), dt, (code,))[code]
    return convolve(traces, wavelets), wavelets
