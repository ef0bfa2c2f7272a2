"""Noise and gaps of traces."""

from typing import NamedTuple

import numpy as np

from support.checks import Seed, check_seed, unmasked
from traces.checks import NoiseLevel, check_block, check_snr

NOISE_RANGE = (0.001, 1.0)  # of the weight u in `data_noise`


class Gap(NamedTuple):
    """The muted samples of each trace, top <= i < bottom: two integer arrays (n_traces,)."""

    top: np.ndarray
    bottom: np.ndarray


def check_level(snr_db: tuple[float, float] | None, noise_range: tuple[float, float]) -> None:
    """ValueError when a noise level is asked for where there is no noise.

    >>> check_level((5.0, 5.0), NOISE_RANGE)
    """
    if snr_db is not None and noise_range[1] == 0:
        raise ValueError(f"snr_db must be None where noise_range is {noise_range}, which is no noise, not {snr_db}")


def data_noise(
    clean: np.ndarray,
    seed: Seed = None,
    snr_db: NoiseLevel = None,
    noise_range: tuple[float, float] = NOISE_RANGE,
) -> np.ndarray:
    """clean + u g, with u ~ U(0.001, 1) and g ~ Normal(mean(clean), std(clean)) drawn for each sample.

    ``clean`` and the result, which is float32, are (n_traces, n_samples); mean and standard deviation are those of
    each trace. The RMS of the noise is 0.577 of the trace's, a signal-to-noise ratio of 4.8 dB. ``noise_range`` are
    other limits of u. With ``snr_db``, the same noise has that level in dB, or one drawn for each trace from (lowest,
    highest) dB. ValueError if it is invalid, or if a level is asked for and ``noise_range`` has no noise.

    >>> data_noise(np.eye(2, 500), seed=0, snr_db=(0, 10)).shape
    (2, 500)
    """
    clean, rng, snr_db = check_block("clean", clean), check_seed(seed), check_snr(snr_db)
    n_samples = clean.shape[1]
    low, high = noise_range
    check_level(snr_db, noise_range)
    mean = clean.sum(axis=1, keepdims=True) / n_samples
    std = np.sqrt(np.maximum(np.vecdot(clean, clean)[:, None] / n_samples - mean**2, 0))
    noise = rng.standard_normal(clean.shape, np.float32)
    noise *= std
    noise += mean
    weight = rng.random(clean.shape, np.float32)
    weight *= high - low
    weight += low
    noise *= weight
    if snr_db is not None:
        level = -10 * np.log10((low**2 + low * high + high**2) / 3)  # dB
        noise *= 10 ** ((level - rng.uniform(*snr_db, (len(clean), 1))) / 20)
    noise += clean
    return noise


def draw_gap(rng: np.random.Generator, n_traces: int, n_samples: int, share: tuple[float, float] | None = None) -> Gap:
    """A gap for every trace, as the published scripts draw it.

    The top is uniform on the samples 0 .. n_samples - 3, and the bottom on those from the top to n_samples - 2. Of 4096
    samples, gaps have 1023 on average. With ``share``, a gap has a share of the samples that is uniform between these
    limits, and is as likely to begin at any sample where it fits.

    >>> gap = draw_gap(np.random.default_rng(0), 3, n_samples=100)
    >>> gap.top.shape, bool((gap.top <= gap.bottom).all())
    ((3,), True)
    """
    if share is not None:
        length = np.rint(rng.uniform(*share, n_traces) * n_samples).astype(np.int64)
        top = rng.integers(0, n_samples - length, endpoint=True)
        return Gap(top, top + length)
    top = rng.integers(n_samples - 2, size=n_traces)
    return Gap(top, rng.integers(top, n_samples - 1))


def _inside(gap: Gap, traces: np.ndarray) -> np.ndarray:
    """Whether each sample is in its gap, bool (n_traces, n_samples); ValueError when a gap does not fit the traces."""
    shape = check_block("traces", traces).shape
    if not isinstance(gap, Gap) or not all(np.issubdtype(np.asarray(edge).dtype, np.integer) for edge in gap):
        raise ValueError(f"a gap must be Gap(top, bottom) of whole numbers, an array (n_traces,) each, not {gap!r}")
    top, bottom = (np.asarray(edge).reshape(-1, 1) for edge in gap)
    if (top > bottom).any():
        wrong = np.flatnonzero(top > bottom)[0]
        found = f"{top.flat[wrong]} and {bottom.flat[wrong]}"
        raise ValueError(f"top mute below bottom mute: every gap needs top <= bottom, not {found}")
    if (top < 0).any() or (bottom > shape[1]).any():
        raise ValueError(f"a gap must lie between sample 0 and sample {shape[1]}, not {top.min()} and {bottom.max()}")
    sample = np.arange(shape[1])
    return (sample >= top) & (sample < bottom)


def data_gaps(traces: np.ndarray, gap: Gap) -> np.ndarray:
    """Traces (n_traces, n_samples) with the samples top <= i < bottom of each set to zero.

    >>> data_gaps([[1, 2, 3, 4]], Gap(np.array([1]), np.array([3]))).tolist()
    [[1, 0, 0, 4]]
    """
    traces = unmasked("traces", traces)
    return np.where(_inside(gap, traces), np.zeros((), traces.dtype), traces)


def data_average(logs: np.ndarray, gap: Gap) -> np.ndarray:
    """Logs (n_traces, n_samples) with the samples top <= i < bottom of each replaced by their mean.

    >>> data_average([[1.0, 2.0, 4.0, 5.0]], Gap(np.array([1]), np.array([3]))).tolist()
    [[1.0, 3.0, 3.0, 5.0]]
    """
    logs = unmasked("logs", logs)
    inside = _inside(gap, logs)
    total = np.where(inside, logs, 0.0).sum(axis=1, keepdims=True, dtype=np.float64)
    mean = total / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    return np.where(inside, mean.astype(logs.dtype), logs)
