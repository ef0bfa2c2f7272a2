"""Wavelets with random frequencies, and their convolution with reflectivity.

A further wavelet is one function such as `ricker` and one row of WAVELETS.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy import fft

from support.checks import Seed, check_choice, check_names, check_seed
from traces.checks import check_block, check_time

WAVELET_DURATION = 0.512  # s


def wavelet_time(dt: float) -> np.ndarray:
    """Times (s) of a wavelet's samples from its peak on: 0, dt .. WAVELET_DURATION / 2. The other half mirrors it.

    >>> wavelet_time(0.064).round(3).tolist()
    [0.0, 0.064, 0.128, 0.192, 0.256]
    """
    return np.arange(int(WAVELET_DURATION / (2 * dt) + 1e-9) + 1) * dt


def ricker(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """(1 - 2 a) exp(-a) with a = (pi f t)^2: (n_traces, n_times) from times t (s) and f (n_traces, 1) in Hz.

    >>> ricker(np.array([0.0, 0.01]), np.array([[10.0], [30.0]])).round(3).tolist()
    [[1.0, 0.727], [1.0, -0.319]]
    """
    a = (np.pi * frequency * t) ** 2
    return (1 - 2 * a) * np.exp(-a)


def klauder(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Autocorrelation of a linear sweep with a Blackman taper, peak 1: (n_traces, n_times) from (n_traces, 2) in Hz.

    The sweep reaches the first frequency at -WAVELET_DURATION / 2 and the second at +WAVELET_DURATION / 2.

    >>> klauder(wavelet_time(0.004), np.array([[5.0, 100.0]]))[0, :3].round(3).tolist()
    [1.0, 0.172, -0.289]
    """
    f1, f2 = frequency[:, :1], frequency[:, 1:]
    time = np.concatenate([-t[:0:-1], t])
    sweep = np.cos(2 * np.pi * ((f1 + f2) / 2 + (f2 - f1) / (2 * WAVELET_DURATION) * time) * time)
    # What wraps round at this length reaches only lags that are not kept.
    n_fft = fft.next_fast_len(time.size + t.size - 1, real=True)
    correlation = fft.irfft(np.abs(fft.rfft(sweep, n_fft)) ** 2, n_fft)[:, : t.size]  # lags from 0 on
    return correlation / correlation[:, :1] * np.blackman(time.size)[t.size - 1 :]


def ormsby(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Trapezoid spectrum with the four corners ``frequency`` (n_traces, 4) in Hz, peak 1: (n_traces, n_times).

    The four terms pi f^2 sinc(f t)^2 / (difference of two corners), as cosines: sin^2 x = (1 - cos 2x) / 2.

    >>> ormsby(wavelet_time(0.004), np.array([[5.0, 15.0, 70.0, 100.0]]))[0, :3].round(3).tolist()
    [1.0, 0.306, -0.344]
    """
    f1, f2, f3, f4 = frequency.T[..., None]
    after = t[1:]  # t[0] = 0 is the peak
    c1, c2, c3, c4 = (np.cos(2 * np.pi * f * after) for f in (f1, f2, f3, f4))
    peak = np.pi * (f4 + f3 - f2 - f1)
    w = ((c3 - c4) / (f4 - f3) - (c1 - c2) / (f2 - f1)) / (2 * np.pi * after**2)
    return np.concatenate([np.ones_like(peak), w / peak], axis=1)


class Wavelet(NamedTuple):
    """One row of WAVELETS: a wavelet that is symmetric about its peak of 1."""

    name: str
    bands: tuple[tuple[float, float], ...]  # Hz, the limits of each of its frequencies
    # From times (n_times,) in s from the peak on, and frequencies (n_traces, n_bands) in Hz: (n_traces, n_times).
    formula: Callable[[np.ndarray, np.ndarray], np.ndarray]


WAVELETS = {  # by the code that stands in file names
    "RW": Wavelet("ricker", ((10, 50),), ricker),
    "KW": Wavelet("klauder", ((2, 8), (80, 120)), klauder),
    "OW": Wavelet("ormsby", ((2, 8), (10, 20), (60, 80), (90, 120)), ormsby),
}
WAVELET_NAMES = tuple(row.name for row in WAVELETS.values())
# A random wavelet is one of the paper's three. Further ones draw from generators of their own, so that no row that is
# added changes what a seed gives.
PUBLISHED_WAVELETS = ("RW", "KW", "OW")
FURTHER_WAVELETS = tuple(code for code in WAVELETS if code not in PUBLISHED_WAVELETS)
# The names of a wavelet's traces: without noise, with noise, and with noise and a gap. "random" draws one of the
# published wavelets for each trace.
TRACE_FAMILIES = {
    "random": ("CONV_REFL_CLEAN", "CONV_REFL_NOISY", "CONV_REFL_GAPS"),
    **{code: (f"REFL_{code}", f"REFL_{code}_NOISE", f"REFL_{code}_GAPS") for code in WAVELETS},
}


def of_wavelet(name: str, wavelet: str) -> str:
    """The name of the data that has one wavelet, a key of TRACE_FAMILIES, where the data ``name`` has random ones.

    Data without a wavelet keep their name. Raises ValueError for another key.

    >>> of_wavelet("CONV_REFL_NOISY", "OW"), of_wavelet("VEL", "OW")
    ('REFL_OW_NOISE', 'VEL')
    """
    check_choice("wavelet", wavelet, TRACE_FAMILIES)
    return dict(zip(TRACE_FAMILIES["random"], TRACE_FAMILIES[wavelet], strict=True)).get(name, name)


def trace_heading(name: str) -> str:
    """What a figure calls the traces of a name; another name is kept.

    >>> trace_heading("CONV_REFL_NOISY"), trace_heading("REFL_OW")
    ('Noisy trace', 'Clean trace, Ormsby wavelet')
    """
    kinds = ("Clean trace", "Noisy trace", "Noisy trace with a gap")
    headings = {"REFL": "Reflectivity"}
    for code, names in TRACE_FAMILIES.items():
        suffix = f", {WAVELETS[code].name.capitalize()} wavelet" if code in WAVELETS else ""
        headings |= {name: f"{kind}{suffix}" for name, kind in zip(names, kinds, strict=True)}
    return headings.get(name, name)


def draw_wavelets(
    rng: np.random.Generator, n_traces: int, dt: float, families: Iterable[str], stretch: np.ndarray | float = 1.0
) -> dict[str, np.ndarray]:
    """Wavelets with random frequencies for keys of TRACE_FAMILIES: key -> (n_traces, n_times), float32.

    "random" draws one of the published wavelets for each trace. A trace's frequencies do not depend on which keys are
    asked for; they are multiplied by ``stretch``, (n_traces, 1) or one number. Raises ValueError for another key;
    ``dt`` is in s.

    >>> {key: drawn.shape for key, drawn in draw_wavelets(np.random.default_rng(0), 2, 0.004, ["random", "KW"]).items()}
    {'random': (2, 129), 'KW': (2, 129)}
    """
    families = check_names("wavelet", families, TRACE_FAMILIES)

    def frequencies_of(code: str, rng: np.random.Generator) -> np.ndarray:
        return stretch * np.stack([rng.uniform(*limits, n_traces) for limits in WAVELETS[code].bands], axis=1)

    frequencies = {code: frequencies_of(code, rng) for code in PUBLISHED_WAVELETS}
    picked = rng.integers(len(PUBLISHED_WAVELETS), size=n_traces)
    if not set(FURTHER_WAVELETS).isdisjoint(families):
        own_rngs = rng.spawn(len(FURTHER_WAVELETS))
        frequencies |= {code: frequencies_of(code, own) for code, own in zip(FURTHER_WAVELETS, own_rngs, strict=True)}
    t = wavelet_time(dt)
    half = t.size - 1
    drawn = {family: np.empty((n_traces, 2 * half + 1), np.float32) for family in families}
    for number, (code, frequency) in enumerate(frequencies.items()):
        for family, rows in ((code, slice(None)), ("random", picked == number)):
            if family in drawn:
                drawn[family][rows, half:] = WAVELETS[code].formula(t, frequency[rows])
    for wavelets in drawn.values():
        wavelets[:, :half] = wavelets[:, :half:-1]
    return drawn


def convolve(traces: np.ndarray, wavelets: np.ndarray) -> np.ndarray:
    """Each row of traces (n_traces, n_samples) convolved with its row of wavelets (n_traces, n_times), centred on them.

    The result has the shape of the traces. ``n_times`` is odd: the wavelet's peak lies on the sample.

    >>> convolve(np.array([[0.0, 0.0, 1.0, 0.0]]), np.array([[0.5, 1.0, 0.25]])).round(6).tolist()
    [[0.0, 0.5, 1.0, 0.25]]
    """
    n_samples, n_times = traces.shape[-1], wavelets.shape[-1]
    # What wraps round at this length stays outside the part that is kept.
    n_fft = fft.next_fast_len(max(n_samples + n_times // 2, n_times), real=True)
    spectrum = fft.rfft(traces, n_fft)
    spectrum *= fft.rfft(wavelets, n_fft)
    full = fft.irfft(spectrum, n_fft, overwrite_x=True)
    return full[..., n_times // 2 : n_times // 2 + n_samples]


def wavelet_convolution(
    traces: np.ndarray, dt: float = 0.001, wavelet: str = "ricker", seed: Seed = None
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (n_traces, n_samples) convolved with wavelets of random frequency, one of WAVELET_NAMES.

    Returns the traces (n_traces, n_samples) and the wavelets (n_traces, n_times). Raises ValueError for an unknown
    wavelet, a ``dt`` (s) outside DT_LIMITS, or traces that are not a block of finite numbers.

    >>> [part.shape for part in wavelet_convolution(np.eye(2, 600), wavelet="ormsby", seed=0)]
    [(2, 600), (2, 513)]
    """
    code = list(WAVELETS)[WAVELET_NAMES.index(check_choice("wavelet", wavelet, WAVELET_NAMES))]
    dt, _ = check_time(dt, 0.0)
    traces = check_block("traces", traces)
    wavelets = draw_wavelets(check_seed(seed), len(traces), dt, (code,))[code]
    return convolve(traces, wavelets), wavelets
