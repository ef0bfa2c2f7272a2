"""Ground acceleration of three components at one station, from a stochastic point source.

    magnitude, stress drop -> source spectrum -> geometrical spreading, Q, kappa -> rock and a resonance of the site
    Gaussian noise x window -> spectrum of unit rms -> x amplitude spectrum -> P and S waves in one record

The method is that of Boore (2003, Pure and Applied Geophysics 160, 635-676). Units: cm/s^2, km, s, Hz and bar.
Components are in the order east, north, up. The phases above and below any frequency are random and independent.
"""

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

from support.checks import check_whole

N_SAMPLES = 4096
DT = 0.01  # s
COMPONENTS = ("east", "north", "up")
MAGNITUDES = (3.5, 6.8)  # uniform
DISTANCES = (10.0, 150.0)  # km, uniform in the logarithm
STRESS_DROP, STRESS_DROP_SIGMA = 60.0, 0.6  # bar, median and standard deviation of ln
KAPPA, KAPPA_SIGMA = 0.035, 0.35  # s
Q0, Q_EXPONENTS = (150.0, 300.0), (0.3, 0.6)  # Q = Q0 f^exponent
SITE_FREQUENCIES = (0.8, 12.0)  # Hz, of the resonance, uniform in the logarithm
SITE_GAIN, SITE_GAIN_SIGMA = 1.8, 0.35
SITE_WIDTH = 0.35  # standard deviation of the resonance along ln f
DURATION_SIGMA = 0.35  # of ln, of the window's duration
BETA = 3.5  # km/s, S velocity at the source
DENSITY = 2.8  # g/cm^3
# Radiation pattern, partition onto two horizontals and free surface; the last factor turns km into cm.
SCALE = 0.55 * 0.7071 * 2.0 / (4 * np.pi * DENSITY * BETA**3) * 1e-20
SPREADING = (70.0, 130.0)  # km, between which the amplitude does not fall
# Amplification of generic rock, of Boore and Joyner (1997): Hz, factor.
ROCK = np.array(
    [
        *((0.01, 1.00), (0.09, 1.10), (0.16, 1.18), (0.51, 1.42), (0.84, 1.58), (1.25, 1.74)),
        *((2.26, 2.06), (3.17, 2.25), (6.05, 2.58), (16.6, 3.13), (61.2, 4.00)),
    ]
)
LOW_CUT = 0.08  # Hz
P_TIME = 2.0  # s, when the P wave arrives
S_MINUS_P = 8.0  # km of distance per second between P and S
WINDOW_PEAK, WINDOW_END = 0.2, 0.05  # where in its duration the window is largest, and how large it is at the end
N_PADDED = 2 * N_SAMPLES  # of the spectra, so that nothing of the end comes back at the beginning
RECORDS_AT_ONCE = 32


class Sources(NamedTuple):
    """What is drawn of each earthquake, its path and its site; each is (n,) float64."""

    magnitude: np.ndarray
    distance: np.ndarray  # km
    stress_drop: np.ndarray  # bar
    kappa: np.ndarray  # s
    q0: np.ndarray  # Q at 1 Hz
    q_exponent: np.ndarray
    site_frequency: np.ndarray  # Hz
    site_gain: np.ndarray
    duration_factor: np.ndarray  # of the window, 1 at its median

    def take(self, rows: np.ndarray | slice) -> "Sources":
        """Return some of the sources, by their numbers, a mask or a slice."""
        return Sources(*(values[rows] for values in self))


class Wave(NamedTuple):
    """How a train of waves differs from the S wave on the horizontal components."""

    level: np.ndarray  # of each of COMPONENTS
    corner: float  # factor of the corner frequency
    kappa: float  # factor
    duration: float  # factor


P_WAVE = Wave(0.2 * np.array([0.5, 0.5, 1.0]), corner=1.5, kappa=0.6, duration=0.6)
S_WAVE = Wave(np.array([1.0, 1.0, 0.6]), corner=1.0, kappa=1.0, duration=1.0)


def draw_sources(rng: np.random.Generator, n: int) -> Sources:
    """Draw ``n`` sources; each quantity has a generator of its own. Raises ValueError for an invalid number.

    >>> drawn = draw_sources(np.random.default_rng(0), 2)
    >>> drawn.magnitude.round(2).tolist(), drawn.distance.round(1).tolist()
    ([6.61, 4.54], [62.6, 19.3])
    """
    n = check_whole("n", n, 1)
    magnitude, distance, stress_drop, kappa, q0, exponent, frequency, gain, duration = rng.spawn(len(Sources._fields))
    return Sources(
        magnitude=magnitude.uniform(*MAGNITUDES, n),
        distance=np.exp(distance.uniform(*np.log(DISTANCES), n)),
        stress_drop=STRESS_DROP * np.exp(STRESS_DROP_SIGMA * stress_drop.standard_normal(n)),
        kappa=KAPPA * np.exp(KAPPA_SIGMA * kappa.standard_normal(n)),
        q0=q0.uniform(*Q0, n),
        q_exponent=exponent.uniform(*Q_EXPONENTS, n),
        site_frequency=np.exp(frequency.uniform(*np.log(SITE_FREQUENCIES), n)),
        site_gain=SITE_GAIN * np.exp(SITE_GAIN_SIGMA * gain.standard_normal(n)),
        duration_factor=np.exp(DURATION_SIGMA * duration.standard_normal(n)),
    )


def moment(magnitude: np.ndarray) -> np.ndarray:
    """Return the seismic moment in dyne cm: 10^(1.5 M + 16.05)."""
    return 10 ** (1.5 * magnitude + 16.05)


def corner_frequency(sources: Sources) -> np.ndarray:
    """Return the corner frequency (n,) in Hz: fc = 4.906e6 beta (stress drop / M0)^(1/3), of Brune's source.

    >>> corner_frequency(draw_sources(np.random.default_rng(0), 2)).round(2).tolist()
    [0.18, 1.4]
    """
    return 4.906e6 * BETA * np.cbrt(sources.stress_drop / moment(sources.magnitude))


def spreading(distance: np.ndarray) -> np.ndarray:
    """Return the geometrical spreading: 1/R to 70 km, constant to 130 km, and as R^-0.5 beyond; R is in km.

    >>> spreading(np.array([10.0, 70.0, 100.0, 520.0])).round(4).tolist()
    [0.1, 0.0143, 0.0143, 0.0071]
    """
    near, far = SPREADING
    return 1 / np.minimum(distance, near) * np.sqrt(far / np.maximum(distance, far))


def amplitude_spectrum(sources: Sources, frequency: np.ndarray, wave: Wave = S_WAVE) -> np.ndarray:
    """Return the Fourier amplitude of acceleration in cm/s, (n, n_frequencies), without the level of the wave.

    A = C M0 (2 pi f)^2 / (1 + (f/fc)^2) x G(R) x exp(-pi f R / (Q beta)) x exp(-pi kappa f) x amplification, where C is
    SCALE. Frequencies are in Hz, and 0 is among the valid ones. A Butterworth gain of order 4 takes out what is below
    LOW_CUT.

    >>> one = draw_sources(np.random.default_rng(0), 1)
    >>> amplitude_spectrum(one, np.array([0.0, 0.1, 1.0, 10.0])).round(2).tolist()
    [[0.0, 2.23, 17.75, 4.97]]
    """
    f = np.asarray(frequency, dtype=np.float64)
    magnitude, distance, _, kappa, q0, exponent, site, gain, _ = (values[:, None] for values in sources)
    fc = wave.corner * corner_frequency(sources)[:, None]
    source = SCALE * moment(magnitude) * (2 * np.pi * f) ** 2 / (1 + (f / fc) ** 2)
    path = spreading(distance) * np.exp(-np.pi * distance / (q0 * BETA) * f ** (1 - exponent))
    above = np.maximum(f, ROCK[0, 0])
    rock = np.exp(np.interp(np.log(above), *np.log(ROCK).T))
    resonance = 1 + (gain - 1) * np.exp(-0.5 * (np.log(above / site) / SITE_WIDTH) ** 2)
    low_cut = (f / LOW_CUT) ** 4 / np.sqrt(1 + (f / LOW_CUT) ** 8)
    return source * path * np.exp(-np.pi * wave.kappa * kappa * f) * rock * resonance * low_cut


def window(time: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """Return the window of Saragoni and Hart (1974) for times after the arrival; it is 0 before and 1 at its peak.

    It is (t e / (0.2 d))^b exp(-b t / (0.2 d)) for a duration d, at the end of which it has fallen to 0.05.

    >>> window(np.array([-1.0, 0.0, 2.0, 10.0]), np.array(10.0)).round(3).tolist()
    [0.0, 0.0, 1.0, 0.05]
    """
    b = -WINDOW_PEAK * np.log(WINDOW_END) / (1 + WINDOW_PEAK * (np.log(WINDOW_PEAK) - 1))
    u = np.maximum(time / (WINDOW_PEAK * duration), 1e-12)
    return np.where(time > 0, np.exp(b * (1 + np.log(u) - u)), 0.0)


def ground_motion(rng: np.random.Generator, sources: Sources) -> np.ndarray:
    """Return the acceleration in cm/s^2 of each source, (n, 3, N_SAMPLES) float32, with phases drawn from ``rng``.

    The window lasts 1/fc + 0.05 s/km R, times what was drawn. What comes after the last sample is lost.

    >>> rng = np.random.default_rng(0)
    >>> motion = ground_motion(rng, draw_sources(rng, 1))
    >>> motion.shape, round(float(abs(motion).max()), 1)
    ((1, 3, 4096), 54.0)
    """
    waves = ((P_WAVE, P_TIME), (S_WAVE, P_TIME + sources.distance / S_MINUS_P))
    rngs = rng.spawn(len(waves))
    motion = np.empty((len(sources.magnitude), len(COMPONENTS), N_SAMPLES), dtype=np.float32)
    for first in range(0, len(motion), RECORDS_AT_ONCE):
        rows = slice(first, first + RECORDS_AT_ONCE)
        part = sources.take(rows)
        spectrum = sum(
            _train(own, part, wave, np.broadcast_to(arrival, len(motion))[rows])
            for own, (wave, arrival) in zip(rngs, waves, strict=True)
        )
        motion[rows] = irfft(spectrum, N_PADDED)[..., :N_SAMPLES] / DT
    return motion


def _train(rng: np.random.Generator, sources: Sources, wave: Wave, arrival: np.ndarray) -> np.ndarray:
    """Return the spectrum of a train of waves, (n, 3, n_frequencies) complex64 in cm/s."""
    time = np.arange(N_PADDED) * DT - arrival[:, None]
    duration = (1 / corner_frequency(sources) + 0.05 * sources.distance) * sources.duration_factor * wave.duration
    envelope = window(time, duration[:, None]).astype(np.float32)
    noise = rng.standard_normal((len(arrival), len(COMPONENTS), N_PADDED), dtype=np.float32)
    spectrum = rfft(noise * envelope[:, None])
    rms = np.sqrt(np.mean(np.abs(spectrum) ** 2, axis=-1, keepdims=True))
    amplitude = amplitude_spectrum(sources, rfftfreq(N_PADDED, DT), wave).astype(np.float32)
    return spectrum * (wave.level.astype(np.float32)[:, None] / rms) * amplitude[:, None]


class Records(NamedTuple):
    """Records of earthquakes, and what they were made of."""

    acceleration: np.ndarray  # cm/s^2, (n, 3, N_SAMPLES) float32
    sources: Sources


def make_records(rng: np.random.Generator, n: int) -> Records:
    """Draw ``n`` sources and their records; no earthquake has two records.

    The first records do not depend on how many there are. Raises ValueError for an invalid number.

    >>> make_records(np.random.default_rng(0), 2).acceleration.shape
    (2, 3, 4096)
    """
    of_sources, of_motion = rng.spawn(2)
    sources = draw_sources(of_sources, n)
    return Records(ground_motion(of_motion, sources), sources)
