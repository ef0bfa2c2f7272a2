"""Phase arrivals: location, the classical methods, their scores with known answers, and the table."""

import re
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from dataGeneration import stream_generator
from problems.arrivals.baselines import BASELINES, CHEAP, LocationTest
from problems.arrivals.comparison import (
    CONDITIONS,
    Fitted,
    Parts,
    fit_baselines,
    in_pair,
    make_parts,
    pairs_in_words,
    rows_of,
    table,
    table_of_conditions,
)
from problems.arrivals.generator import KINDS, SECOND_STATIONS, STATIONS, Difficulty, make_sequences, travel_time
from problems.arrivals.location import MISFITS, grid_nodes, grid_search, locate
from problems.arrivals.scores import (
    best_threshold,
    losses,
    mcnemar,
    paired_difference,
    precision_at_recall,
    reliability,
    scores_of,
    wilson,
)

EXACT = Difficulty(picking_error=0.0, false_pick_share=0.0)
LABELS = np.array([1, 1, 1, 0, 0, 0])
NO_KINDS = np.zeros(6, dtype=int)


@cache
def parts():
    return make_parts(1, sizes=(4000, 1000, 2000))


@cache
def rows():
    """The cheap methods, the boosting and the location on 2,000 sequences, by name."""
    names = (*CHEAP, "gradient boosting, centred times", "location grid search")
    return {row.name: row for row in rows_of(fit_baselines(parts(), names), parts())}


def permuted(sequences, seed):
    order = np.random.default_rng(seed).permutation(len(sequences.labels))
    return sequences._replace(labels=sequences.labels[order], kinds=sequences.kinds[order])


# --- Location


def slowly(times, misfit):
    """The smallest misfit and its node, as its definition says it, in float64."""
    nodes = grid_nodes()
    offset = nodes[:, None, :2] - STATIONS
    residuals = times - travel_time(np.hypot(offset[..., 0], offset[..., 1]), nodes[:, 2:])
    residuals -= np.median(residuals, axis=1, keepdims=True)
    absolute = np.sort(np.abs(residuals), axis=1)
    values = {
        "all six residuals": absolute.mean(axis=1),
        "best five residuals": absolute[:, :5].mean(axis=1),
        "best four residuals": absolute[:, :4].mean(axis=1),
        "heavy-tailed likelihood": np.log1p((residuals / 0.2) ** 2).mean(axis=1),
    }[misfit]
    return values.min(), values.argmin()


def test_the_grid_search_finds_what_the_definition_of_each_misfit_gives():
    sequences = make_sequences(stream_generator(0, "training"), 6)
    found = grid_search(sequences.times + 1e4, MISFITS)  # The origin time costs no digits.
    for misfit, (smallest, nodes) in found.items():
        slow = [slowly(times, misfit) for times in sequences.times]
        assert np.allclose(smallest, [value for value, _ in slow], atol=2e-5)
        assert np.mean(nodes == [node for _, node in slow]) > 0.9  # two nodes may fit equally well


def test_an_event_at_a_node_is_found_there_in_spite_of_one_false_pick():
    nodes = np.random.default_rng(0).integers(len(grid_nodes()), size=20)
    x, y, depth = grid_nodes()[nodes].T[..., None]
    times = 7.0 + travel_time(np.hypot(x - STATIONS[:, 0], y - STATIONS[:, 1]), depth)
    times[np.arange(20), nodes % 6] += 4.0
    ((smallest, found),) = grid_search(times).values()
    assert smallest.max() < 1e-5 and np.array_equal(found, nodes)


@pytest.mark.parametrize("stations", [STATIONS, SECOND_STATIONS], ids=["first", "second"])
def test_without_errors_the_refined_search_fits_every_earthquake(stations):
    earthquakes = make_sequences(stream_generator(0, "blind"), 200, EXACT, 1.0, stations)
    found = locate(earthquakes.times, stations)
    assert found.misfits.max() < 0.05
    # The search does not know the station terms, and a network without a station above the swarm finds no depth.
    epicentral = np.linalg.norm(found.hypocentres[:, :2] - earthquakes.hypocentres[:, :2], axis=1)
    assert np.median(epicentral) < 2.0  # km
    ((on_grid, _),) = grid_search(earthquakes.times, stations=stations).values()
    assert (found.misfits <= on_grid + 1e-5).all()


def test_what_is_not_an_earthquake_fits_badly():
    sequences = make_sequences(stream_generator(0, "blind"), 400, EXACT)
    ((misfit, _),) = grid_search(sequences.times).values()
    of_kinds = [np.median(misfit[sequences.kinds == kind]) for kind in range(len(KINDS))]
    assert of_kinds[0] < 0.1 and min(of_kinds[1:]) > 0.2


def test_an_unknown_misfit_is_named():
    with pytest.raises(ValueError, match="misfit 'best three' is unknown; valid: all six residuals"):
        grid_search(np.ones((1, 6)), ["best three"])


# --- Methods


@pytest.mark.parametrize("name", BASELINES)
def test_every_method_gives_probabilities_that_repeat(name):
    training, validation, test, _ = (part.take(slice(0, 300)) for part in parts())
    found, again = (BASELINES[name]().fit(training, validation).score(test.times) for _ in range(2))
    assert found.shape == (300,) and found.dtype == np.float64
    assert 0 <= found.min() < found.max() <= 1 and np.array_equal(found, again)
    assert np.mean((found > 0.5) == test.labels) > 0.55  # 300 sequences are few


def test_methods_are_as_good_as_their_kind():
    accuracy = {name: row.scores.accuracy.value for name, row in rows().items()}
    for name in CHEAP[:2]:
        assert 0.73 <= accuracy[name] <= 0.79
    assert 0.80 <= accuracy[CHEAP[2]] <= 0.85
    assert 0.91 <= accuracy["gradient boosting, centred times"] <= 0.95
    assert 0.95 <= accuracy["location grid search"] <= 0.97
    assert rows()["location grid search"].scores.by_kind["plane wave"] > 0.99


def test_the_location_takes_the_misfit_that_is_best_on_validation():
    assert LocationTest().fit(parts().training, parts().validation.take(slice(0, 500))).misfit == "best five residuals"


def test_with_permuted_labels_every_method_is_as_good_as_a_coin():
    mixed = Parts(*(permuted(part, seed) for seed, part in enumerate(parts())))
    for row in rows_of(fit_baselines(mixed, rows()), mixed):
        assert abs(row.accuracy_at_half - 0.5) <= 0.02 and abs(row.scores.auc - 0.5) <= 0.03


def test_the_origin_time_changes_no_probability():
    training, validation, test, _ = (part.take(slice(0, 300)) for part in parts())
    for name in (
        "logistic of all products, centred times",
        "dense network 64-64, centred times",
        *list(BASELINES)[-1:],
    ):
        method = BASELINES[name]().fit(training, validation)
        assert np.abs(method.score(test.times + 20.0) - method.score(test.times)).max() < 1e-4


# --- Scores


def test_a_perfect_method_has_perfect_scores():
    found = scores_of(LABELS, LABELS.astype(float), np.array([0, 0, 0, 1, 2, 4]))
    assert found.accuracy.value == found.precision == found.recall == found.f1 == found.auc == 1
    assert found.average_precision == found.precision_at_90 == 1
    assert found.brier == found.calibration_error == 0 and found.log_loss < 1e-6
    assert found.by_kind == {"earthquake": 1.0, "random": 1.0, "mixed events": 1.0, "plane wave": 1.0}


def test_a_coin_has_the_scores_of_a_coin():
    found = scores_of(LABELS, np.full(6, 0.5), NO_KINDS)
    assert found.auc == found.average_precision == 0.5
    assert found.log_loss == pytest.approx(np.log(2)) and found.brier == 0.25 and found.calibration_error == 0
    assert (found.precision, found.recall) == (0.0, 0.0)  # nothing is above the threshold


def test_scores_that_were_counted_by_hand():
    found = scores_of(LABELS, np.array([0.9, 0.8, 0.3, 0.6, 0.2, 0.1]), NO_KINDS)
    assert found.precision == found.recall == found.f1 == found.accuracy.value == pytest.approx(2 / 3)
    assert found.auc == pytest.approx(8 / 9)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.49 + 0.36 + 0.04 + 0.01) / 6)
    assert precision_at_recall(LABELS, np.array([0.9, 0.8, 0.3, 0.6, 0.2, 0.1]), 1.0) == pytest.approx(3 / 4)


def test_wilson_s_interval_is_that_of_the_formula():
    n, p, z = 6000, 0.96, 1.959964
    middle, half = (p + z**2 / 2 / n) / (1 + z**2 / n), z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2)
    assert np.allclose(wilson(5760, n), (p, middle - half, middle + half), atol=1e-6)
    assert wilson(0, 10).low == 0 and wilson(10, 10).high == 1


def test_a_calibrated_method_is_reliable_and_a_bold_one_is_not():
    rng = np.random.default_rng(0)
    probability = rng.random(50_000)
    labels = (rng.random(50_000) < probability).astype(int)
    curve = reliability(labels, probability)
    assert np.allclose(curve.share, np.arange(0.05, 1, 0.1), atol=0.02) and curve.counts.sum() == 50_000
    bold = reliability(labels, (probability > 0.5).astype(float))
    assert curve.error < 0.01 and bold.error == pytest.approx(0.25, abs=0.01)
    assert np.isnan(bold.share[1:9]).all() and (bold.counts[1:9] == 0).all()


@pytest.mark.parametrize(
    ("probability", "threshold"),
    [
        ([0.9, 0.8, 0.7, 0.3, 0.2, 0.1], 0.5),
        ([0.4, 0.3, 0.25, 0.15, 0.1, 0.0], 0.2),
        ([1.0, 1.0, 0.75, 0.5, 0.5, 0.25], 0.625),
        ([0.5] * 6, 1.0),  # all or nothing, equally good; both edges are equally near to 0.5
    ],
)
def test_the_threshold_is_in_the_middle_of_the_gap(probability, threshold):
    found = best_threshold(LABELS, np.array(probability))
    assert found == pytest.approx(threshold) or (len(set(probability)) == 1 and found in (0.0, 1.0))


def test_no_other_threshold_is_better_on_validation():
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=300)
    probability = np.clip(np.round(rng.normal(0.3 + 0.3 * labels, 0.25), 2), 0, 1)
    accuracy = {t: np.mean((probability > t) == labels) for t in np.linspace(0, 1, 1001)}
    assert np.mean((probability > best_threshold(labels, probability)) == labels) == max(accuracy.values())


def test_mcnemar_s_test_is_exact():
    counts = [30, 4, 50, 16]  # right in the first alone, in the second alone, in both, in none
    first, second = np.repeat([True, False, True, False], counts), np.repeat([False, True, True, False], counts)
    assert mcnemar(first, second) == (30, 4, pytest.approx(2 * binom.cdf(4, 34, 0.5)))
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_a_paired_difference_has_the_interval_of_its_standard_error():
    rng = np.random.default_rng(0)
    second = rng.normal(size=2000)
    first = second + 0.1 + 0.5 * rng.normal(size=2000)
    found = paired_difference(first, second)
    half = 1.96 * np.std(first - second) / np.sqrt(2000)
    assert found.value == pytest.approx(np.mean(first - second))
    assert np.allclose(found[1:], (found.value - half, found.value + half), atol=0.15 * half)
    assert paired_difference(first, second) == found != paired_difference(first, second, seed=1)
    assert paired_difference(second, first).value == -found.value


def test_a_loss_is_finite_where_a_method_is_wrong_and_certain():
    assert losses(np.array([1, 0]), np.array([0.0, 1.0])).tolist() == pytest.approx([16.118, 16.118], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((LABELS, np.full(5, 0.5), NO_KINDS), r"labels \(6,\) and probabilities \(5,\) must be \(n,\) both"),
        ((np.ones(6), np.full(6, 0.5), NO_KINDS), "and both must occur"),
        ((LABELS, np.full(6, 1.5), NO_KINDS), "probabilities must be numbers from 0 to 1"),
        ((LABELS, np.full(6, np.nan), NO_KINDS), "probabilities must be numbers from 0 to 1"),
        ((LABELS, np.full(6, 0.5), NO_KINDS[:5]), "there are 6 labels and 5 kinds"),
        ((LABELS, np.full(6, 0.5), NO_KINDS, -1), "threshold must be a probability of 0 to 1, not -1"),
    ],
)
def test_what_cannot_be_scored_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        scores_of(*arguments)


def test_methods_are_compared_on_the_same_sequences_alone():
    for compare in (mcnemar, paired_difference):
        with pytest.raises(ValueError, match=r"on the same sequences, not on \(3,\) and \(4,\)"):
            compare(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


# --- The table


def test_the_table_has_every_method_with_its_numbers():
    text, found = table(list(rows().values())), rows()["location grid search"].scores
    line = re.search(r"^location grid search .*$", text, re.M)[0]
    assert "{:.3f} ({:.3f}-{:.3f})".format(*found.accuracy) in line and f"{found.auc:.3f}" in line
    by_kind = re.findall(r"^location grid search .*$", text, re.M)[1].split()[-5:]
    assert by_kind == [f"{found.by_kind[kind]:.2f}" for kind in KINDS]
    assert all(len(re.findall(f"^{re.escape(name)} ", text, re.M)) == 2 for name in rows())
    assert "There are 2,000 test sequences" in text


def test_the_better_of_two_methods_comes_first_and_chance_is_said_to_be_chance():
    location, logistic, other = (rows()[name] for name in ("location grid search", *CHEAP[:2]))
    sentence = in_pair(logistic, location)
    assert sentence == in_pair(location, logistic)
    assert sentence.startswith("location grid search is better than logistic, raw times: the accuracies differ by 0.")
    assert in_pair(logistic, other).startswith("The test finds no significant difference between ")
    assert len(pairs_in_words(list(rows().values()), "location grid search").splitlines()) == len(rows()) - 1


def test_earthquakes_are_harder_to_call_where_they_are_rare():
    for row in rows().values():
        assert row.precision_when_rare < row.scores.precision_at_90


def test_another_method_stands_in_the_same_table():
    class Constant:
        def score(self, times):
            return np.linspace(0.2, 0.4, len(times))

    (row,) = rows_of([Fitted("mine", Constant(), 0.3, 1.5)], parts())
    assert row.accuracy_at_half == 0.5 and row.scores.threshold == 0.3 and "mine" in table([row])


def test_under_other_conditions_the_location_goes_on_and_a_fitted_curve_does_not():
    fitted = fit_baselines(parts(), (CHEAP[2], "location grid search"))
    lines = table_of_conditions(fitted, seed=1, n=500).splitlines()[-len(CONDITIONS) :]
    curve, location = zip(*(map(float, line.split()[-2:]) for line in lines), strict=True)
    assert all(line.startswith(name) for line, name in zip(lines, CONDITIONS, strict=True))
    of = dict(zip(CONDITIONS, range(len(CONDITIONS)), strict=True))
    assert location[of["six other stations"]] > 0.9 and abs(curve[of["six other stations"]] - 0.5) < 0.1
    assert curve[of["no event in the swarm"]] < curve[of["as fitted"]] < curve[of["all events in the swarm"]]
    errors = [location[of[f"picking error {error} s"]] for error in (0.05, 0.3, 0.5)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.9


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="baselines 'forest' is unknown; valid: logistic, raw times"):
        fit_baselines(parts(), ["forest"])
