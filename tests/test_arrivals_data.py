"""Phase arrivals: the published files, the physics, the generator, and what networks are given."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataGeneration import stream_generator
from problems.arrivals import published
from problems.arrivals.comparison import make_parts
from problems.arrivals.generator import (
    BACKGROUND,
    FALSE_PICKS,
    KINDS,
    SECOND_STATIONS,
    SPAN,
    STATION_TERMS,
    STATIONS,
    SWARM_CENTRE,
    SWARM_DEVIATION,
    WRONG_SPEEDS,
    Difficulty,
    make_sequences,
    travel_time,
)
from problems.arrivals.inputs import DISTANCE_SCALE, INPUTS, TIME_SCALE, make_input

ROOT = Path(__file__).parents[1]
EXACT = Difficulty(picking_error=0.0, false_pick_share=0.0)
FILES = {
    "train": (8239, "ae659b6d9c68449ce6dbf84a74ad21654d422e2735e6a66e91f7d9cbfda98065"),
    "test": (4139, "8f74c1ee814af29592d985fd2f0877eb0b25870663816bf7193f2f91f049574a"),
}


def made(n=4000, difficulty=EXACT, seed=0, **options):
    return make_sequences(stream_generator(seed, "training"), n, difficulty, **options)


def of_kind(sequences, kind):
    return sequences.take(sequences.kinds == KINDS.index(kind))


def arrivals(sequences, stations=STATIONS):
    """Exact arrival times of the events (n, 6), with the station terms."""
    offset = sequences.hypocentres[:, None, :2] - stations
    distance = np.hypot(offset[..., 0], offset[..., 1])
    return sequences.origins[:, None] + travel_time(distance, sequences.hypocentres[:, 2:]) + STATION_TERMS


def agree(times, others):
    """How many picks of each sequence are alike."""
    return np.isclose(times, others, atol=1e-9).sum(axis=1)


# --- The published exercise


@pytest.mark.parametrize("part", FILES)
def test_a_published_file_is_the_same_to_the_last_byte(part):
    content = published.published_text(part).encode()
    assert (len(content), hashlib.sha256(content).hexdigest()) == FILES[part]


@pytest.mark.parametrize(("part", "n_earthquakes"), [("train", 103), ("test", 45)])
def test_the_arrays_are_those_of_the_file(part, n_earthquakes):
    rows = np.loadtxt(published.published_text(part).splitlines())
    found = published.published_sequences(part)
    assert np.array_equal(found.times, rows[:, :6]) and np.array_equal(found.labels, rows[:, 6])
    assert found.labels.sum() == n_earthquakes == np.isfinite(found.origins).sum()


def test_what_a_result_on_the_published_files_is_worth():
    facts = published.published_facts(np.random.default_rng(1))
    assert facts[:4] == (200, 128, 100, 63)
    assert (facts.test_seen, facts.test_seen_earthquakes, facts.test_unseen_distinct) == (34, 0, 43)
    assert (facts.validation_rows, facts.validation_seen) == (40, 24)
    assert not np.isclose(*map(published.published_stations, FILES)).any()
    assert facts.rule_on_fresh > 0.999 and facts.rule_on_test == 0.55  # all its rows are called false
    words = published.in_words(facts)
    assert all(number in words for number in ("128 of 200", "63 of 100", "24 of the 40", "34 of the 100", "55%"))


def test_the_rule_separates_fresh_sequences_of_the_training_stations():
    fresh = published.fresh_sequences(np.random.default_rng(0), 1001)
    assert len(fresh.labels) == 1001 and abs(fresh.labels.sum() - 500.5) == 0.5
    away = published.distance_to(published.mean_move_out(published.published_sequences("train")), fresh.times)
    assert away[fresh.labels == 1].max() < 1.7 < published.RULE_THRESHOLD < away[fresh.labels == 0].min()


# --- Physics


def test_without_a_gradient_the_ray_is_straight():
    distance, depth = np.array([0.0, 3.0, 40.0]), 4.0
    straight = np.hypot(distance, depth) / 5.0
    assert np.array_equal(travel_time(distance, depth, gradient=0.0), straight)
    for gradient in (1e-4, 1e-9, -1e-9):
        assert np.allclose(travel_time(distance, depth, gradient=gradient), straight, rtol=10 * abs(gradient))


def test_the_travel_time_is_that_of_the_textbook():
    distance, z, v0, g = np.array([5.0, 30.0]), 8.0, 5.0, 0.06
    textbook = np.arccosh(1 + g**2 * (distance**2 + z**2) / (2 * v0 * (v0 + g * z))) / g
    assert np.allclose(travel_time(distance, z), textbook, rtol=1e-12)
    assert np.isclose(travel_time(0.0, z), np.log(1 + g * z / v0) / g)  # vertically: the integral of dz / v


def test_the_way_back_takes_as_long():
    distance, z = np.array([0.0, 12.0, 35.0]), 9.0
    below = 5.0 + 0.06 * z
    assert np.allclose(travel_time(distance, z), travel_time(distance, z, v0=below, gradient=-0.06), rtol=1e-12)


def test_travel_times_grow_with_distance_and_solve_the_eikonal_equation():
    distance, depth, h = np.linspace(1.0, 90.0, 200), 8.0, 1e-4
    assert (np.diff(travel_time(distance, depth)) > 0).all()
    across = (travel_time(distance + h, depth) - travel_time(distance - h, depth)) / (2 * h)
    down = (travel_time(distance, depth + h) - travel_time(distance, depth - h)) / (2 * h)
    assert np.allclose(np.hypot(across, down), 1 / (5.0 + 0.06 * depth), rtol=1e-6)


# --- The generator


def test_a_set_has_its_share_of_every_kind():
    assert np.bincount(made(4000).kinds).tolist() == [2000, 500, 500, 500, 500]
    assert np.bincount(made(4000, earthquake_share=0.1).kinds).tolist() == [400, 900, 900, 900, 900]
    assert sum(made(1, seed=seed).labels[0] for seed in range(400)) == pytest.approx(200, abs=40)
    sequences = made(400)
    assert np.array_equal(sequences.labels, sequences.kinds == 0)
    assert 0 < np.diff(sequences.kinds).astype(bool).mean() < 0.9  # in a random order


def test_the_same_seed_gives_the_same_sequences_and_another_seed_others():
    first, again, other = made(50), made(50), made(50, seed=1)
    assert all(np.array_equal(one, same, equal_nan=True) for one, same in zip(first, again, strict=True))
    assert not np.isin(other.times, first.times).any()


@pytest.mark.parametrize("stations", [STATIONS, SECOND_STATIONS], ids=["first", "second"])
def test_without_errors_the_picks_are_origin_time_travel_time_and_station_term(stations):
    earthquakes = of_kind(made(stations=stations), "earthquake")
    assert np.allclose(earthquakes.times, arrivals(earthquakes, stations), rtol=0, atol=1e-9)


def test_one_pick_of_some_events_is_false():
    earthquakes = of_kind(made(difficulty=Difficulty(picking_error=0.0)), "earthquake")
    right = agree(earthquakes.times, arrivals(earthquakes))
    assert right.min() == 5 and np.mean(right == 5) == pytest.approx(0.25, abs=0.03)
    is_false = ~np.isclose(earthquakes.times, arrivals(earthquakes), atol=1e-9)
    late = (earthquakes.times - earthquakes.origins[:, None])[is_false]
    assert FALSE_PICKS[0] <= late.min() < FALSE_PICKS[0] + 1 and FALSE_PICKS[1] - 1 < late.max() <= FALSE_PICKS[1]
    assert np.bincount(is_false.argmax(axis=1)[right == 5]).min() > 50  # at any station


def test_picks_have_the_picking_error():
    earthquakes = of_kind(made(difficulty=Difficulty(0.3, 0.0)), "earthquake")
    error = earthquakes.times - arrivals(earthquakes)
    assert np.abs(error.mean(axis=0)).max() < 0.03 and np.allclose(error.std(axis=0), 0.3, atol=0.02)
    assert np.abs(np.corrcoef(error.T) - np.eye(6)).max() < 0.1


def test_hypocentres_are_those_of_the_swarm_or_of_the_background():
    swarm = made(difficulty=Difficulty(swarm_share=1.0)).hypocentres
    assert np.allclose(np.nanmean(swarm, axis=0), SWARM_CENTRE, atol=0.2)
    assert np.allclose(np.nanstd(swarm, axis=0), SWARM_DEVIATION, rtol=0.05)
    background = made(difficulty=Difficulty(swarm_share=0.0)).hypocentres
    low, high = np.nanmin(background, axis=0), np.nanmax(background, axis=0)
    assert np.allclose(low, BACKGROUND[0], atol=0.5) and np.allclose(high, BACKGROUND[1], atol=0.5)
    both = made().hypocentres
    near = np.all(np.abs(both - SWARM_CENTRE) < 4 * SWARM_DEVIATION, axis=1)[np.isfinite(both[:, 0])]
    assert near.mean() == pytest.approx(0.81, abs=0.03)  # some of the background lies there, too


def test_random_picks_fill_the_span():
    late = (found := of_kind(made(), "random")).times - found.origins[:, None]
    assert 0 <= late.min() < 0.1 and SPAN - 0.1 < late.max() <= SPAN
    assert np.isnan(found.hypocentres).all()


def test_mixed_events_have_two_to_four_picks_of_another_event():
    mixed = of_kind(made(), "mixed events")
    assert set(agree(mixed.times, arrivals(mixed))) == {2, 3, 4}


def test_permuted_picks_are_those_of_an_event_at_other_stations():
    permuted = of_kind(made(20_000), "permuted")
    assert np.allclose(np.sort(permuted.times), np.sort(arrivals(permuted)), atol=1e-9)
    assert agree(permuted.times, arrivals(permuted)).max() == 4  # never in their own order


def test_plane_waves_have_straight_fronts_and_a_wrong_speed():
    waves = of_kind(made(), "plane wave")
    design = np.column_stack([STATIONS, np.ones(6)])
    solution, misfit, *_ = np.linalg.lstsq(design, (waves.times - STATION_TERMS).T)
    assert misfit.max() < 1e-18
    speed = 1 / np.hypot(*solution[:2])
    slow, fast = ((low - 1e-9 <= speed) & (speed <= high + 1e-9) for low, high in WRONG_SPEEDS)
    assert (slow ^ fast).all() and slow.mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"picking_error": 0.5}, {"earthquake", "mixed events", "permuted", "plane wave"}),
        ({"false_pick_share": 0.9}, {"earthquake", "mixed events", "permuted"}),
        ({"swarm_share": 0.2}, {"earthquake", "mixed events", "permuted"}),
    ],
    ids=["picking error", "false picks", "swarm"],
)
def test_a_knob_changes_what_depends_on_it_alone(change, kinds):
    usual, other = made(500, Difficulty()), made(500, Difficulty(**change))
    assert np.array_equal(usual.kinds, other.kinds) and np.array_equal(usual.origins, other.origins)
    is_changed = (usual.times != other.times).any(axis=1)
    assert {KINDS[kind] for kind in usual.kinds[is_changed]} == kinds
    same = np.array_equal(usual.hypocentres, other.hypocentres, equal_nan=True)
    assert same == ("swarm_share" not in change)


def test_a_higher_share_of_false_picks_keeps_those_of_a_lower_one():
    few, many = (made(1000, Difficulty(false_pick_share=share)).times for share in (0.2, 0.6))
    none = made(1000, Difficulty(false_pick_share=0.0)).times
    assert np.array_equal(few[few != none], many[few != none])


def test_no_sequence_is_in_two_parts():
    parts = [part.times for part in make_parts(0, sizes=(5000, 2000, 2000))]
    rows = np.concatenate(parts).round(2)
    assert len(np.unique(rows, axis=0)) == len(rows) == 11_000
    epochs = [make_sequences(stream_generator(0, "training", epoch), 2000).times for epoch in (0, 1)]
    assert len(np.unique(np.concatenate(epochs).round(2), axis=0)) == 4000


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: made(0), "n must be a whole number of at least 1, not 0"),
        (lambda: made(earthquake_share=1.5), "earthquake_share must be a share of 0 to 1, not 1.5"),
        (lambda: made(stations=STATIONS[:5]), r"stations must be .*, not of shape \(5, 2\)"),
        (lambda: Difficulty(picking_error=-1.0), "picking_error must be a time of 0 to 10 s, not -1.0"),
        (lambda: Difficulty(swarm_share=2), "swarm_share must be a share of 0 to 1, not 2"),
        (lambda: published.published_text("blind"), "part 'blind' is unknown; valid: train, test"),
        (lambda: make_input("centered", np.ones((1, 6))), "input 'centered' is unknown; valid: raw, centred"),
        (lambda: make_input("raw", np.ones(6)), r"times must be \(n, 6\) in s, .* not of shape \(6,\)"),
        (lambda: make_input("raw", [[1.0] * 6, [np.nan] * 6]), r"sequence 1 \(from 0\)"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


# --- Inputs


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_float32_with_the_time_as_its_first_channel(name):
    times = made(20).times
    found = make_input(name, times)
    assert found.dtype == np.float32 and found.shape[:2] == (20, 6)
    centred = times - times.mean(axis=1, keepdims=True)
    first = {"raw": times, "centred": centred / TIME_SCALE}.get(name.partition(" ")[0], np.sort(centred) / TIME_SCALE)
    assert np.allclose(found[..., 0], first, atol=1e-5)


def test_stations_go_with_their_times():
    times = np.array([[3.0, 1.0, 2.0, 6.0, 5.0, 4.0]])
    plain, ordered = (make_input(name, times)[0] for name in ("centred with stations", "sorted with stations"))
    assert np.allclose(plain[:, 1:] * DISTANCE_SCALE, STATIONS, atol=1e-4)
    assert np.array_equal(ordered, plain[[1, 2, 0, 5, 4, 3]])
    other = make_input("centred with stations", times, SECOND_STATIONS)[0]
    assert np.allclose(other[:, 1:] * DISTANCE_SCALE, SECOND_STATIONS, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in INPUTS if name != "raw"])
def test_the_origin_time_is_not_in_a_centred_input(name):
    times = made(200).times
    assert np.abs(make_input(name, times + 1000.0) - make_input(name, times)).max() < 1e-5


def test_the_modules_of_data_and_classical_methods_load_neither_keras_nor_matplotlib():
    modules = ["baselines", "comparison", "generator", "inputs", "location", "published", "scores", "transforms"]
    code = (
        f"import sys\nfrom problems.arrivals import {', '.join(modules)}\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch', 'matplotlib', 'optuna'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
