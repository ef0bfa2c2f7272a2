"""Classical ways from x to a whole record, all joined with x, and how near their spectra and durations are.

    x, training records, predicted spectra -> motion above F_C -> join -> record (n, 3, n_samples)

The phases above F_C are random in the data, so that no record is compared with the true one sample by sample.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from problems.broadband.bands import F_C, join, low_pass
from problems.broadband.goodness import FEW_FREQUENCIES, goodness
from problems.broadband.parts import INPUTS, SHORT_PERIODS, Part, Parts, log_psa
from problems.broadband.response import significant_duration
from problems.broadband.source import DISTANCES, DT, MAGNITUDES, draw_sources, ground_motion
from problems.broadband.spectral import BOTH, source_estimator

N_ITERATIONS = 6  # of the matching
RECORDS_AT_ONCE = 100
RECORDS_SCORED = 100  # by their envelopes, as this score takes long


class Given(NamedTuple):
    """What the ways make records of; of the test part they read what x shows, unless they are informed."""

    parts: Parts
    predictions: Mapping[str, np.ndarray]  # of spectral methods by name: log10 PSA of the test part (n, 9)
    stochastic: np.ndarray  # of `stochastic_motion`, (n, 3, n_samples)
    rng: np.random.Generator  # which shares no draws with any part


class Quality(NamedTuple):
    """How near records are to the true ones."""

    errors: np.ndarray  # of log10 PSA at SHORT_PERIODS, predicted minus true, (n, 9)
    duration_ratio: np.ndarray  # 5-95 % durations of the horizontals, mean of the two over that of the true ones, (n,)
    low_pass_error: np.ndarray  # largest difference of the low-pass from x, over the largest |x|, (n,)
    envelope: np.ndarray  # the score EG of the first RECORDS_SCORED records


def stochastic_motion(parts: Parts, rng: np.random.Generator) -> np.ndarray:
    """Return stochastic records (n, 3, n_samples) of the magnitudes and distances that x of the test part shows.

    Both are estimated by ridge regression; stress drops, kappas and sites, which are unknown, are drawn.
    """
    estimated = source_estimator().fit(parts.training, parts.validation).predict(parts.test).median
    of_sources, of_motion = rng.spawn(2)
    sources = draw_sources(of_sources, len(estimated))._replace(
        magnitude=np.clip(estimated[:, 0], *MAGNITUDES), distance=np.clip(10 ** estimated[:, 1], *DISTANCES)
    )
    return ground_motion(of_motion, sources)


def match_spectrum(
    x: np.ndarray, generated: np.ndarray, target: np.ndarray, n_iterations: int = N_ITERATIONS
) -> np.ndarray:
    """Return joined records whose horizontal PSA is near a target, log10 (n, 9) at SHORT_PERIODS, as in ANN2BB.

    The Fourier amplitudes of ``generated`` (n, 3, n_samples) at f = 1/T are multiplied by the ratio of the target to
    the PSA of the joined record, interpolated in log f, and the phases are kept. All components have the same factors,
    and the peak follows from the other periods. Raises ValueError for a target of another shape.

    >>> from problems.broadband.parts import make_part
    >>> part = make_part(0, "training", 3)
    >>> matched = match_spectrum(part.x, part.y[[1, 2, 0]], part.target)
    >>> bool(abs(log_psa(matched, SHORT_PERIODS) - part.target)[:, 1:].mean() < 0.05)
    True
    """
    if target.shape != (len(x), len(SHORT_PERIODS)):
        raise ValueError(f"the target must be {(len(x), len(SHORT_PERIODS))}, not of shape {target.shape}")
    n_samples, periods = x.shape[-1], SHORT_PERIODS[:0:-1]  # s, from the longest to the shortest
    frequency = np.maximum(rfftfreq(n_samples, DT), DT)
    found = np.empty_like(generated)
    for first in range(0, len(x), RECORDS_AT_ONCE):
        rows = slice(first, first + RECORDS_AT_ONCE)
        spectrum, joined = rfft(generated[rows].astype(np.float64)), join(x[rows], generated[rows])
        for _ in range(n_iterations):
            ratio = target[rows, :0:-1] - log_psa(joined, periods)
            factors = np.stack([10 ** np.interp(np.log(frequency), np.log(1 / periods), row) for row in ratio])
            spectrum *= np.where(frequency < F_C, 1.0, factors)[:, None]
            joined = join(x[rows], irfft(spectrum, n_samples).astype(generated.dtype))
        found[rows] = joined
    return found


def _nearest(given: Given) -> np.ndarray:
    """Return the training records whose input is nearest, scaled so that their x is as large, and joined."""
    training, _, test = given.parts
    scaler = StandardScaler().fit(INPUTS[BOTH](training))
    of_training, of_test = (scaler.transform(INPUTS[BOTH](part)) for part in (training, test))
    rows = NearestNeighbors(n_neighbors=1).fit(of_training).kneighbors(of_test, return_distance=False)[:, 0]
    level = np.sqrt([np.mean(a**2) / np.mean(b**2) for a, b in zip(test.x, training.x[rows], strict=True)])
    return join(test.x, training.y[rows] * level[:, None, None].astype(np.float32))


def _matched(given: Given, method: str) -> np.ndarray:
    return match_spectrum(given.parts.test.x, given.stochastic, given.predictions[method])


def _other_phases(given: Given) -> np.ndarray:
    """Return records of the true sources, paths and sites; their envelopes are as the true ones."""
    return join(given.parts.test.x, ground_motion(given.rng, given.parts.test.sources))


def _enveloped(given: Given, with_errors: bool) -> np.ndarray:
    """Return the same with the spectrum that extra trees predict, or with one whose errors are as large and drawn."""
    test, predicted = given.parts.test, given.predictions["extra trees, spectrum and energy"]
    target = predicted + given.rng.permutation(test.target - predicted) if with_errors else predicted
    return match_spectrum(test.x, _other_phases(given), target)


WAYS: Mapping[str, Callable[[Given], np.ndarray]] = {
    "x alone": lambda given: given.parts.test.x,
    "nearest training record": _nearest,
    "stochastic, M and R from x": lambda given: join(given.parts.test.x, given.stochastic),
    "the same, matched to the published network": lambda given: _matched(given, "published network"),
    "the same, matched to extra trees": lambda given: _matched(given, "extra trees, spectrum and energy"),
    "the same, matched to the true spectrum": lambda given: match_spectrum(
        given.parts.test.x, given.stochastic, given.parts.test.target
    ),
    "other phases of the true source, path and site": _other_phases,
    "the same, matched to extra trees, too": lambda given: _enveloped(given, with_errors=False),
    "the same, matched to extra trees with errors drawn": lambda given: _enveloped(given, with_errors=True),
}
INFORMED_WAYS = (
    "the same, matched to the true spectrum",
    "other phases of the true source, path and site",
    "the same, matched to extra trees, too",
    "the same, matched to extra trees with errors drawn",
)


def horizontal_duration(records: np.ndarray) -> np.ndarray:
    """Return the 5-95 % duration in s, the mean of the two horizontals' (...,), of records (..., 3, n_samples)."""
    return significant_duration(records[..., :2, :], DT).mean(axis=-1)


def low_pass_error(records: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the largest difference of the low-pass of records (..., 3, n_samples) from x, over the largest |x|."""
    return np.abs(low_pass(records) - x).max(axis=(-2, -1)) / np.abs(x).max(axis=(-2, -1))


def quality(records: np.ndarray, part: Part) -> Quality:
    """Compare records (n, 3, n_samples) with the true ones of a part."""
    duration_ratio = horizontal_duration(records) / horizontal_duration(part.y)
    errors, wrong = log_psa(records, SHORT_PERIODS) - part.target, low_pass_error(records, part.x)
    scores = goodness(records[:RECORDS_SCORED], part.y[:RECORDS_SCORED], n_frequencies=FEW_FREQUENCIES)
    return Quality(errors, duration_ratio, wrong, scores.envelope)
