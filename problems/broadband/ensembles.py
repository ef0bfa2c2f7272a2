"""How good an ensemble is: several records for each x, their level, spread, spectrum, duration and fit to the truth.

    x -> members (n_members, 3, n_samples) -> log10 PSA -> median and bands of percentiles
    ensembles of all records, true part -> measured -> METRICS, each with an interval over records -> table

Where phases are random, one record cannot be right. An ensemble can: it is calibrated when the true record is like one
of its members. The right value of each metric stands in the table.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from problems.broadband.bands import F_C
from problems.broadband.goodness import FEW_FREQUENCIES, goodness
from problems.broadband.parts import SHORT_PERIODS, Part, log_psa
from problems.broadband.response import arias_intensity, band_amplitudes
from problems.broadband.scores import mean, quantiles, rms
from problems.broadband.source import DT
from problems.broadband.waveforms import horizontal_duration, low_pass_error
from support.bootstrap import CONFIDENCE, Interval, interval, weights_of
from support.checks import check_whole
from support.text import explained_table

PERCENTILES = (50, 16, 84, 5, 95)  # of the bands
FREQUENCY_BANDS = ((0.1, 1.0), (1.0, 3.0), (3.0, 8.0), (8.0, 16.0), (16.0, 30.0))  # Hz
N_SCORED = 5  # members of each record whose goodness of fit is measured, as that takes longer than all else


class Bands(NamedTuple):
    """Percentiles of an ensemble's log10 PSA, each (n, n_periods)."""

    median: np.ndarray
    low: np.ndarray  # 16th
    high: np.ndarray  # 84th
    lowest: np.ndarray  # 5th
    highest: np.ndarray  # 95th


class Measured(NamedTuple):
    """What is measured of the members of n ensembles beside the true records; all logarithms are those to base 10."""

    log_psa: np.ndarray  # at SHORT_PERIODS, (n, n_members, 9)
    target: np.ndarray  # log PSA of the true records, (n, 9)
    amplitude_error: np.ndarray  # of the log Fourier amplitude in FREQUENCY_BANDS, (n, n_members, 5)
    duration_ratio: np.ndarray  # 5-95 % durations of the horizontals over the true ones, (n, n_members)
    arias_ratio: np.ndarray  # of the horizontals' Arias intensity, (n, n_members)
    low_pass_error: np.ndarray  # largest difference of the low-pass from x over the largest |x|, (n, n_members)
    envelope: np.ndarray  # the score EG, (n, up to N_SCORED)
    low_phase: np.ndarray  # the score PG below F_C, of the same shape

    @property
    def n_members(self) -> int:
        """The number of members for each x."""
        return self.log_psa.shape[1]


def measured(
    generated: Iterable[np.ndarray], part: Part, n_scored: int = N_SCORED, n_frequencies: int = FEW_FREQUENCIES
) -> Measured:
    """Compare ensembles with the true records of a part.

    ``generated`` is an array (n, n_members, 3, n_samples) in cm/s^2, or any iterable of n ensembles (n_members, 3,
    n_samples), so that only one of them has to be in memory. Raises ValueError for another number of ensembles or
    members, and for members that are not finite or without motion.

    >>> from problems.broadband.parts import make_part
    >>> part = make_part(0, "blind", 2)
    >>> perfect = measured(np.stack([part.y, part.y], axis=1), part, n_frequencies=4)
    >>> perfect.log_psa.shape, float(perfect.arias_ratio.max()), float(perfect.envelope.min().round(3))
    ((2, 2, 9), 1.0, 10.0)
    """
    check_whole("n_scored", n_scored, 1)
    durations, arias, amplitudes = horizontal_duration(part.y), _arias(part.y), _log_amplitudes(part.y)
    rows = []
    for row, members in enumerate(generated):
        if row == len(part.y):
            raise ValueError(f"there must be one ensemble for each of {len(part.y)} records, and not more")
        members = np.asarray(members)
        shape = (len(rows[0][0]) if rows else len(members), *part.y.shape[1:])
        if members.shape != shape or not len(members):
            raise ValueError(f"each ensemble must be (n_members, 3, n_samples), here {shape}, not {members.shape}")
        if not np.abs(members[:, :2]).max(axis=2).all():
            raise ValueError(f"each member must have motion, but one of ensemble {row} (from 0) is 0 throughout")
        scored, truth = members[None, :n_scored], part.y[[row]]
        rows.append(
            (
                log_psa(members, SHORT_PERIODS),
                _log_amplitudes(members) - amplitudes[row],
                horizontal_duration(members) / durations[row],
                _arias(members) / arias[row],
                low_pass_error(members, part.x[row]),
                goodness(scored, truth, n_frequencies=n_frequencies).envelope[0],
                goodness(scored, truth, highest=F_C, n_frequencies=n_frequencies).phase[0],
            )
        )
    if len(rows) != len(part.y):
        raise ValueError(f"there must be one ensemble for each of {len(part.y)} records, and not {len(rows)}")
    of_psa, *others = map(np.stack, zip(*rows, strict=True))
    return Measured(of_psa, part.target, *others)


def _arias(records: np.ndarray) -> np.ndarray:
    return arias_intensity(records[..., :2, :], DT).sum(axis=-1)


def _log_amplitudes(records: np.ndarray) -> np.ndarray:
    return np.log10(band_amplitudes(records[..., :2, :], DT, FREQUENCY_BANDS))


# --- Metrics


def bands_of(values: np.ndarray) -> Bands:
    """Return the percentiles over the members of values (n, n_members, ...).

    They are taken such that a value like those of the members lies in a band as often as its percentiles say (the
    estimate of Weibull, at p (n_members + 1)). Below 19 members the 5th and the 95th percentile are the least and the
    largest member.

    >>> [float(each[0]) for each in bands_of(np.arange(1.0, 100.0)[None])]
    [50.0, 16.0, 84.0, 5.0, 95.0]
    """
    return Bands(*np.percentile(values, PERCENTILES, axis=1, method="weibull"))


def _median_error(ensemble: Measured) -> np.ndarray:
    return np.median(ensemble.log_psa, axis=1) - ensemble.target


def _narrow_coverage(ensemble: Measured, seed: int) -> Interval:
    bands = bands_of(ensemble.log_psa)
    return mean((bands.low <= ensemble.target) & (ensemble.target <= bands.high), seed)


def _wide_coverage(ensemble: Measured, seed: int) -> Interval:
    bands = bands_of(ensemble.log_psa)
    return mean((bands.lowest <= ensemble.target) & (ensemble.target <= bands.highest), seed)


def spread_calibration(ensemble: Measured, seed: int = 0) -> Interval:
    """Return the rms error of the ensemble's mean log PSA over the one that its spread promises.

    Where the truth is like one of K members with the variance s^2, the error of the members' mean has the variance
    s^2 (1 + 1/K), for any distribution. The variances are added over records and periods. The value is 1 for a
    calibrated ensemble, more where the members are too much alike, and infinite where all of them are equal. It needs
    the mean, as the error of the median depends on the distribution.
    """
    weights, n_members = weights_of(len(ensemble.target), seed), ensemble.n_members
    error = np.mean((ensemble.log_psa.mean(axis=1) - ensemble.target) ** 2, axis=1)
    promised = np.mean(ensemble.log_psa.var(axis=1, ddof=1), axis=1) * (1 + 1 / n_members)
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(np.sqrt((weights @ error) / (weights @ promised)))


def correlation_error(ensemble: Measured, seed: int = 0) -> Interval:
    """Return the members' correlation between periods minus that of the errors, the mean over all pairs of periods.

    The members' is that of their log PSA about the mean of their ensemble, and the errors' is that of the truth about
    the same mean, without its bias. The value is 0 where both agree, and positive where the members vary too much as a
    whole, as if only their level was drawn.
    """
    weights, center = weights_of(len(ensemble.target), seed), ensemble.log_psa.mean(axis=1)
    deviation, error = ensemble.log_psa - center[:, None], ensemble.target - center
    within = np.einsum("nki,nkj->nij", deviation, deviation)
    outer, bias = error[:, :, None] * error[:, None], weights @ error
    of_members = np.tensordot(weights, within, 1)
    of_errors = np.tensordot(weights, outer, 1) - bias[:, :, None] * bias[:, None]
    return interval(_mean_correlation(of_members) - _mean_correlation(of_errors))


def _mean_correlation(covariance: np.ndarray) -> np.ndarray:
    """Return the mean correlation (...,) over the pairs of a covariance (..., n, n)."""
    deviation = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = covariance / (deviation[..., :, None] * deviation[..., None, :])
    return correlation[..., *np.triu_indices(deviation.shape[-1], 1)].mean(axis=-1)


class Metric(NamedTuple):
    """A measure of ensembles."""

    of: Callable[[Measured, int], Interval]  # of an ensemble and the seed of the bootstrap
    right: str  # value, in words
    form: str = "{:.3f}"
    least_members: int = 1


def _of_band(band: int) -> Callable[[Measured, int], Interval]:
    return lambda ensemble, seed: mean(np.median(ensemble.amplitude_error[..., band], axis=1), seed)


def _of_ratio(field: str, share: float) -> Callable[[Measured, int], Interval]:
    return lambda ensemble, seed: quantiles(getattr(ensemble, field), (share,), seed)[0]


RATIOS = {"duration": "duration_ratio", "Arias intensity": "arias_ratio"}
SHARES = {"median": 0.5, "16th percentile": 0.16, "84th percentile": 0.84}
METRICS: Mapping[str, Metric] = {
    "rms error of the median PSA": Metric(lambda each, seed: rms(_median_error(each), seed), "0"),
    "bias of the median PSA": Metric(lambda each, seed: mean(_median_error(each), seed), "0", "{:+.3f}"),
    "truth from 16th to 84th percentile": Metric(_narrow_coverage, "0.68", least_members=2),
    "truth from 5th to 95th percentile": Metric(_wide_coverage, "0.90", least_members=2),
    "spread calibration": Metric(spread_calibration, "1", least_members=2),
    "correlation between periods": Metric(correlation_error, "0", "{:+.3f}", least_members=2),
    **{
        f"Fourier amplitude at {low:g}-{high:g} Hz": Metric(_of_band(band), "0", "{:+.3f}")
        for band, (low, high) in enumerate(FREQUENCY_BANDS)
    },
    **{
        f"ratio of {name}, {words}": Metric(_of_ratio(field, share), "1" if share == 0.5 else "", "{:.2f}")
        for name, field in RATIOS.items()
        for words, share in SHARES.items()
    },
    "low-pass beside x": Metric(_of_ratio("low_pass_error", 0.5), "0", "{:.4f}"),
    "EG, envelope": Metric(lambda each, seed: mean(each.envelope, seed), "5.2-6.5", "{:.2f}"),
    f"PG, phase below {F_C:g} Hz": Metric(lambda each, seed: mean(each.low_phase, seed), "10", "{:.2f}"),
}


def scores_of(ensemble: Measured, seed: int = 0) -> dict[str, Interval]:
    """Return those of METRICS that the number of members allows, by name.

    >>> from problems.broadband.parts import make_part
    >>> part = make_part(0, "blind", 2)
    >>> ensemble = measured(np.stack([part.y / 10, part.y * 10], axis=1), part, n_frequencies=4)
    >>> found = scores_of(ensemble)
    >>> abs(round(found["bias of the median PSA"].value, 3)), found["truth from 16th to 84th percentile"].value
    (0.0, 1.0)
    """
    allowed = {name: each for name, each in METRICS.items() if each.least_members <= ensemble.n_members}
    return {name: metric.of(ensemble, seed) for name, metric in allowed.items()}


def table_of_ensembles(found: Mapping[str, Measured], seed: int = 0) -> str:
    """Return a table of ensembles of the same records, one column for each, below sentences that explain it."""
    first = next(iter(found.values()))
    explanation = (
        f"Ensembles of {len(first.target):,} records, with the {CONFIDENCE}% bootstrap intervals over records. Errors "
        "are those of log10, members minus truth, of PSA at all short periods and of the rms Fourier amplitude of "
        "the horizontals in bands. With K members, fewer than 19, the 5th and 95th percentiles are the outer "
        "members, and (K - 1) / (K + 1) is right between them. 'Spread calibration' is the rms error of the members' "
        "mean over what their spread promises: more than 1 where members are too much alike. 'Correlation between "
        "periods' is the members' minus the errors', the mean over pairs of periods: positive where the members vary "
        "too much as a whole. Ratios are those of each member to the truth; the duration is that from 5 to 95% of "
        "the Arias intensity. 'Low-pass' is the median of the largest difference from x, relative to the largest x. "
        "EG and PG are goodness of fit, of which 10 is perfect; as phases are random above f_C, an EG above about "
        "6.5 is a reason to look for a leak."
    )
    scores = [scores_of(each, seed) for each in found.values()]
    lines = [["members for each record", "", *(f"{each.n_members}" for each in found.values())]]
    for name, metric in METRICS.items():
        cells = [_in_words(metric, each.get(name)) for each in scores]
        lines.append([name, metric.right, *cells])
    return explained_table(explanation, ["Metric", "should be", *found], lines)


def _in_words(metric: Metric, value: Interval | None) -> str:
    return "-" if value is None else f"{metric.form} ({metric.form} to {metric.form})".format(*value)


# --- Latent fields


class LatentStatistics(NamedTuple):
    """How near encoded records are to the standard-normal fields that a decoder was trained with."""

    mean: Interval  # 0
    std: Interval  # 1, about the mean 0 of the fields
    correlation: float  # the largest absolute one between two channels, below 0.1; 0 for a single channel


def latent_statistics(latents: np.ndarray, seed: int = 0) -> LatentStatistics:
    """Return statistics of latents (n, n_steps, n_channels), with intervals over records.

    As the standard deviation is about 0, two channels whose means are far off in opposite directions raise it. Raises
    ValueError for another shape, and for values that are not finite.

    >>> found = latent_statistics(np.random.default_rng(0).standard_normal((50, 128, 8)))
    >>> round(found.mean.value, 2), round(found.std.value, 2), found.correlation < 0.1
    (-0.0, 1.0, True)
    """
    latents = np.asarray(latents, dtype=np.float64)
    if latents.ndim != 3 or 0 in latents.shape or not np.isfinite(latents).all():
        raise ValueError(f"latents must be finite numbers (n, n_steps, n_channels), not of shape {latents.shape}")
    correlation = np.atleast_2d(np.corrcoef(latents.reshape(-1, latents.shape[-1]).T))
    np.fill_diagonal(correlation, 0.0)
    square = mean(latents**2, seed)
    return LatentStatistics(mean(latents, seed), Interval(*np.sqrt(square).tolist()), float(np.abs(correlation).max()))
