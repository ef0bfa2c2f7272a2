"""All methods and ways on the same records: fitted, scored, in tables of plain words, and compared in pairs.

records of a seed -> fitted methods -> rows -> table, sentences        rows, ways -> records -> table
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dataGeneration import stream_generator
from problems.broadband.bands import Leak, leak, low_pass, published_low_pass
from problems.broadband.parts import SHORT_PERIODS, Part, Parts
from problems.broadband.scores import bias, coverage, mean, paired_difference, rms
from problems.broadband.spectral import BAND, INFORMED, METHODS, Method, Prediction
from problems.broadband.waveforms import (
    INFORMED_WAYS,
    RECORDS_SCORED,
    WAYS,
    Given,
    Quality,
    quality,
    stochastic_motion,
)
from support.bootstrap import CONFIDENCE, Interval
from support.checks import check_names
from support.text import explained_table

SIZES = (2000, 500, 500)  # records for training, validation and test
WAYS_BLOCK = 10**6  # of the blind stream, far from the blocks of its records
N_LEAK = 100  # records of training and of test, whose filters are learnt and tested


class Row(NamedTuple):
    """A spectral method on the test."""

    name: str
    prediction: Prediction
    errors: np.ndarray  # of log10 PSA, predicted minus true, (n, 9)
    rms: Interval
    coverage: float  # of the band
    cpu_seconds: float  # of the fit


def rows_of(parts: Parts, names: Iterable[str] = tuple(METHODS)) -> list[Row]:
    """Fit spectral methods, all of them unless ``names`` says which, and score them on the test.

    Raises ValueError for a name that is not in METHODS.
    """
    rows = []
    for name in check_names("methods", names, METHODS):
        begin = time.process_time()
        method = METHODS[name]().fit(parts.training, parts.validation)
        rows.append(row_of(name, method, parts.test, time.process_time() - begin))
    return rows


def row_of(name: str, method: Method, test: Part, cpu_seconds: float = float("nan")) -> Row:
    """Score a fitted method on the test; its fit took ``cpu_seconds``."""
    found = method.predict(test)
    errors = found.median - test.target
    return Row(name, found, errors, rms(errors), coverage(test.target, found.low, found.high), cpu_seconds)


def qualities(parts: Parts, rows: Sequence[Row], seed: int, names: Iterable[str] = tuple(WAYS)) -> dict[str, Quality]:
    """Make records in each of WAYS, or in those of ``names``, and compare them with those of the test.

    A way that matches a spectrum needs the row of its method. Raises ValueError for a name that is not in WAYS.
    """
    names = check_names("ways", names, WAYS)
    of_stochastic, of_ways = stream_generator(seed, "blind", block=WAYS_BLOCK).spawn(2)
    predictions = {row.name: row.prediction.median for row in rows}
    given = Given(parts, predictions, stochastic_motion(parts, of_stochastic), of_ways)
    return {name: quality(WAYS[name](given), parts.test) for name in names}


def leaks(parts: Parts) -> dict[str, Leak]:
    """Return what a filter learnt on training records brings back in the test, with either low-pass."""
    train, test = (part.y[:N_LEAK].reshape(-1, part.y.shape[-1]) for part in (parts.training, parts.test))
    low_passes = {"zero phase, order 8 twice": low_pass, "published, causal, order 2": published_low_pass}
    return {name: leak(train, test, filtered) for name, filtered in low_passes.items()}


# --- In words


def _named(name: str, informed: Iterable[str]) -> str:
    return f"({name})" if name in informed else name


def table(rows: Sequence[Row]) -> str:
    """Return a table of spectral methods below sentences that explain it. The rows are those of one test."""
    explanation = (
        f"The rms error of log10 PSA at {len(SHORT_PERIODS)} short periods on {len(rows[0].errors):,} test records, "
        f"with its {CONFIDENCE}% bootstrap interval over records, and at each period in s, where 0 stands for the "
        f"peak. 'Band' is the share of true values from the predicted {BAND[0]}th to the {BAND[1]}th percentile, which "
        f"should be {(BAND[1] - BAND[0]) / 100:.2f}. 'CPU s' is what the fit took. What is in brackets knows more than "
        "what x shows."
    )
    lines = [
        [
            _named(row.name, INFORMED),
            "{:.3f} ({:.3f}-{:.3f})".format(*row.rms),
            *(f"{value:.2f}" for value in np.sqrt(np.mean(row.errors**2, axis=0))),
            f"{row.coverage:.2f}",
            "" if np.isnan(row.cpu_seconds) else f"{row.cpu_seconds:.1f}",
        ]
        for row in rows
    ]
    headings = ["Method", "rms", *(f"{period:g}" for period in SHORT_PERIODS), "Band", "CPU s"]
    return explained_table(explanation, headings, lines)


def table_of_periods(row: Row, test: Part) -> str:
    """Return the bias, the rms error and the coverage of a method at each period, below a sentence that explains them.

    ``test`` is what the row was made with.
    """
    explanation = (
        f"Errors of log10 PSA of the method '{row.name}' at each period, with their {CONFIDENCE}% bootstrap "
        "intervals over records, and the share of true values in its band."
    )
    lines = []
    for i, period in enumerate(SHORT_PERIODS):
        errors, one = row.errors[:, [i]], slice(i, i + 1)
        inside = coverage(*(each[:, one] for each in (test.target, row.prediction.low, row.prediction.high)))
        numbers = "{:+.3f} ({:+.3f} to {:+.3f})".format(*bias(errors)), "{:.3f} ({:.3f}-{:.3f})".format(*rms(errors))
        lines.append([f"{period:g}", *numbers, f"{inside:.2f}"])
    return explained_table(explanation, ["Period (s)", "Bias", "rms", "Band"], lines)


def best_of(rows: Sequence[Row]) -> Row:
    """Return the row with the least rms error among those that know x alone."""
    return min((row for row in rows if row.name not in INFORMED), key=lambda row: row.rms.value)


def pairs_in_words(rows: Sequence[Row], name: str) -> str:
    """Compare one method of the rows with every other one on the same records, a sentence for each."""
    (chosen,) = [row for row in rows if row.name == name]
    return "\n".join(_in_pair(chosen, row) for row in rows if row is not chosen)


def _in_pair(first: Row, second: Row) -> str:
    """Say in a sentence whether the first method is better, and by how much the second one's error is larger."""
    value, low, high = paired_difference(second.errors, first.errors)
    relation = "cannot be told from"
    if low > 0:
        relation = "is better than"
    elif high < 0:
        relation = "is worse than"
    return (
        f"{first.name} {relation} {_named(second.name, INFORMED)}: the rms error of the latter is "
        f"{abs(value):.4f} {'larger' if value > 0 else 'smaller'} ({low:+.4f} to {high:+.4f})."
    )


def table_of_ways(found: Mapping[str, Quality]) -> str:
    """Return a table of records made in several ways, below sentences that explain it."""
    explanation = (
        "Whole records, one for each of the test. 'Bias' is the mean error of log10 PSA at all short periods, and "
        "'largest' the one of the period where it is largest. The duration is that from 5 to 95% of the Arias "
        "intensity; of its ratio to the true one, the median and the 16th and 84th percentiles are given. 'Low-pass' "
        "is the median of the largest difference of the low-passed record from x, relative to the largest x. 'EG' is "
        f"the goodness of fit of envelopes, of which 10 is perfect, on the first {RECORDS_SCORED:,} records. What is "
        "in brackets knows more than x."
    )
    lines = []
    for name, each in found.items():
        by_period = each.errors.mean(axis=0)
        ratio = np.percentile(each.duration_ratio, (50, 16, 84))
        lines.append(
            [
                _named(name, INFORMED_WAYS),
                "{:.3f} ({:.3f}-{:.3f})".format(*rms(each.errors)),
                f"{by_period.mean():+.2f}",
                f"{by_period[np.abs(by_period).argmax()]:+.2f}",
                "{:.2f} ({:.2f}-{:.2f})".format(*ratio),
                f"{np.median(each.low_pass_error):.1%}",
                "{:.2f} ({:.2f}-{:.2f})".format(*mean(each.envelope)),
            ]
        )
    headings = ["Way", "rms of log10 PSA", "Bias", "largest", "Duration ratio", "Low-pass", "EG"]
    return explained_table(explanation, headings, lines)


def table_of_leaks(found: Mapping[str, Leak]) -> str:
    """Return what a learnt filter brings back of what each low-pass took, below a sentence that explains it."""
    explanation = (
        "The signal-to-noise ratio in dB (median over traces of the test) with which x stands for y, and the one of a "
        "linear filter of x that was learnt on training records. A low-pass hides what it removes where they agree."
    )
    lines = [[name, f"{each.identity:.2f}", f"{each.learnt:.2f}", f"{each.gain:+.2f}"] for name, each in found.items()]
    return explained_table(explanation, ["Low-pass", "x itself", "learnt", "gain"], lines)
