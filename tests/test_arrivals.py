"""Earthquakes among sequences of arrival times as a problem of the house: its streams, networks, modes and reports."""

import csv
import os
import re
import signal
from dataclasses import replace

import forked
import keras
import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.metrics import roc_auc_score

import blindTest
import hpo.command
import hpo.options
import resultsPlotting
import run_ArrivalsML
from baseML import BaseMLClass, create_model
from evaluation.scores import resampled
from hpo.tree import ResultsTree
from networks.rows import NetworkConfig
from networks.size import estimate
from problems.arrivals import published_report
from problems.arrivals.baselines import CHEAP
from problems.arrivals.generator import make_sequences
from problems.arrivals.known import baseline_of, known_of, sequences_of, title_of
from problems.arrivals.metrics import AUC
from problems.arrivals.networks import CROSS_ENTROPY, EVENT
from problems.arrivals.published import published_sequences
from problems.arrivals.streams import PROTOCOL, Arrivals, PublishedArrivals
from run_ArrivalsML import PROBLEM
from toys import hastily

TOY = ("--num-datasets", "40", "--num-epochs", "2")
METHODS = CHEAP[1:2]
TYPES = sorted(PROBLEM.space("quick")["arch_type"].choices)
SPACE = {
    "arch_type": CategoricalDistribution(["DNN"]),
    "num_layers": IntDistribution(1, 1),
    "DNN num_dnn": IntDistribution(3, 6),
    "dropout": FloatDistribution(0.0, 0.3),
    "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),
    "batch_size": CategoricalDistribution([8, 16]),
    "transform": CategoricalDistribution(["NA", "SORTED"]),
}
POINT = {  # in the place of the published network
    "arch_type": CategoricalDistribution(["DNN"]),
    "num_layers": IntDistribution(1, 1),
    "DNN num_dnn": IntDistribution(3, 3),
    "schedule": CategoricalDistribution(["constant"]),
}
RULE = published_report.MOVE_OUT


def small(problem=PROBLEM):
    """The problem with tiny networks, one classical method and short tests."""
    published = problem.in_presets["published"] | {
        "search_space": POINT,
        "n_blind": 20,
        "baselines": {RULE: published_report.baseline_of(RULE)},
        "known": lambda seed, protocol: published_report.known_of((RULE,)),
    }
    return replace(
        problem,
        quick_space=SPACE,
        base={"num_layers": 1, "DNN num_dnn": 4, "dropout": 0.0, "Learning Rate": 1e-2},
        grid={"DNN num_dnn": (3, 5)},
        final_configs={
            "Recurrent": NetworkConfig("LSTM", EVENT, num_lstm=2, learning_rate=1e-2, schedule="cosine"),
            "Dense": NetworkConfig("DNN", EVENT, num_dnn=4, learning_rate=1e-2),
        },
        n_blind=100,
        baselines={title_of(name): baseline_of(name) for name in METHODS},
        known=lambda seed, protocol: known_of(seed, METHODS, 100),
        in_presets={"published": published},
    )


def run(output, *options, of=TOY):
    """Run the script in this process with tiny networks; returns its exit status."""
    return hpo.command.main(small(), "toy", [*of, "--output", str(output), *options])


def networks_of(output, approach):
    return sorted(ResultsTree(output, "Arrivals").final_model(approach).glob("*.keras"))


# --- Networks


@pytest.mark.parametrize(("arch_type", "n_channels"), list(zip(TYPES, (3, 1, 3, 3, 1), strict=True)))
@pytest.mark.usefixtures("hasty")
def test_a_network_gives_one_probability_and_has_the_parameters_that_its_rows_say(arch_type, n_channels):
    config = NetworkConfig(arch_type, EVENT, 2, 8, num_filt=8, krnl_size=3, num_lstm=8, dropout=0.1)
    network = create_model(config, 6, n_channels, loss=CROSS_ENTROPY)
    assert network.get_model().count_params() == estimate(config, 6, n_channels).parameters
    answers = network.predict_result(np.random.default_rng(0).normal(size=(20, 6, n_channels)))
    assert answers.shape == (20, 1) and ((answers > 0) & (answers < 1)).all()


def test_the_published_network_has_its_number_of_weights():
    assert create_model(run_ArrivalsML.PUBLISHED, 6).get_model().count_params() == 90_961


@pytest.mark.parametrize("arch_type", ["LSTM", "ATT"])
def test_a_saved_network_makes_its_input_of_the_times_itself(arch_type, tmp_path):
    config = NetworkConfig(arch_type, EVENT, num_dnn=4, num_lstm=4)
    network = create_model(config, 6, 3, transform={"transform_type": "SORTED"}, loss=CROSS_ENTROPY)
    times = make_sequences(np.random.default_rng(0), 30).times
    saved = BaseMLClass.load_model(network.save_model(tmp_path / "network.keras"), CROSS_ENTROPY)
    np.testing.assert_allclose(saved.predict_result(times), network.predict_result(times), atol=1e-6)
    np.testing.assert_allclose(saved.predict_result(times + 20), network.predict_result(times), atol=1e-5)
    with pytest.raises(ValueError, match="6"):
        saved.predict_result(times[:, :5])


def test_the_loss_is_that_of_the_definition_and_has_a_number_for_a_sure_mistake():
    y, p = np.array([[[1.0]], [[0.0]]], np.float32), np.array([[[0.8]], [[0.4]]], np.float32)
    each = keras.ops.convert_to_numpy(CROSS_ENTROPY.of_trace(y, p))
    np.testing.assert_allclose(each, [-np.log(0.8), -np.log(0.6)], rtol=1e-5)
    np.testing.assert_allclose(float(CROSS_ENTROPY.of_batch(y, p)), each.mean(), rtol=1e-5)
    assert 15 < float(CROSS_ENTROPY.of_batch(y, 1 - y)) < 17


# --- Streams and metrics


def rows_of(stream):
    x = np.concatenate([stream[index][0] for index in range(len(stream))])
    return {tuple(np.round(row, 2)) for row in x[..., 0].astype(float)}


def test_streams_share_no_sequence_and_have_as_many_earthquakes_as_others():
    streams = {name: Arrivals(32, 1000, stream=name, n_samples=6) for name in ("training", "validation", "blind")}
    rows = {name: rows_of(stream) for name, stream in streams.items()}
    assert len(set.union(*rows.values())) == sum(map(len, rows.values()))
    labels = np.concatenate([streams["training"][index][1] for index in range(len(streams["training"]))])
    assert labels.shape == (1000, 1, 1) and labels.mean() == 0.5
    drawn = sequences_of(make_sequences, "blind", 1000, seed=0)
    assert {tuple(row) for row in drawn.times.astype(np.float32).astype(float).round(2)} == rows["blind"]


def test_an_epoch_of_the_published_rows_has_each_of_them_in_another_order():
    training = PublishedArrivals(5, 160, n_samples=6, generation="published")
    file = published_sequences("train").times.astype(np.float32)
    epochs = []
    for _ in range(2):
        training.on_epoch_begin()
        epochs.append(np.concatenate([training[index][0] for index in range(len(training))])[..., 0])
    assert not np.array_equal(*epochs)
    for epoch in epochs:
        assert sorted(map(tuple, epoch)) == sorted(map(tuple, file[:160]))
    validation = PublishedArrivals(40, 40, n_samples=6, stream="validation", generation="published")
    np.testing.assert_array_equal(validation[0][0][..., 0], file[160:])


def test_the_area_under_the_roc_is_that_of_scikit_learn_also_of_each_bootstrap_sample():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=(200, 1)).astype(float)
    p = np.round(np.clip(0.5 * y + rng.uniform(0, 0.6, y.shape), 0, 1), 1)  # many are equal
    values = resampled(AUC, AUC.of_traces(y, p, None), seed=0)
    assert values[0] == pytest.approx(roc_auc_score(y[:, 0], p[:, 0]))
    weights = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), size=3)
    expected = [roc_auc_score(y[:, 0], p[:, 0], sample_weight=weight) for weight in weights]
    np.testing.assert_allclose(values[1:4], expected)


# --- Runs


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A tree in which every mode of the script has run once."""
    folder = tmp_path_factory.mktemp("arrivals")
    with hastily():
        assert run(folder, "--n-trials", "1", "--study-name", "toy") == 0
        assert run(folder, "--mode", "optuna_resume", "--n-trials", "3") == 0
        assert run(folder, "--mode", "manual") == 0
        assert run(folder, "--mode", "final_model", "--repeats", "1") == 0
        (network,) = networks_of(folder, "Dense")
        assert run(folder, "--mode", "model_update", "--model", str(network)) == 0
    return folder


def test_every_mode_leaves_its_results(tree):
    root = tree / "Arrivals"
    with (root / "Search/Optuna/search_summary.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    with (root / "Search/GridSearch/search_summary.csv").open() as file:
        assert [row["DNN"] for row in csv.DictReader(file)] == ["4", "3", "5"]
    with (root / "Repeatability/repeatability_summary.csv").open() as file:
        assert [row["Approach"] for row in csv.DictReader(file)] == ["Recurrent", "Dense"]
    assert len(networks_of(tree, "Optuna")) == 1 and len(networks_of(tree, "Dense")) == 2  # and its update
    (history,) = (root / "Final_Model/Recurrent").glob("*_log.csv")
    assert {"bce", "accuracy", "val_bce", "val_accuracy"} <= set(history.read_text().splitlines()[0].split(","))


def test_a_test_of_networks_has_classical_methods_thresholds_and_pairs(tree, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(blindTest, "known_problems", lambda: {"arrivals": small()})
    models = [str(networks_of(tree, approach)[0]) for approach in ("Recurrent", "Dense")]
    blindTest.main(
        [*(word for model in models for word in ("--model", model)), "--traces", "200", "--csv", str(tmp_path)]
    )
    printed = capsys.readouterr().out
    assert "200 blind sequences of seed 0, 6 times" in printed and "McNemar's p = " in printed
    with (tmp_path / "arrivals_scores.csv").open() as file:
        rows = {row["Method"]: row for row in csv.DictReader(file)}
    with (tmp_path / "blind_test_arrivals.csv").open() as file:
        table = {row["Method"]: row for row in csv.DictReader(file)}
    assert list(rows) == [*METHODS, *list(table)[1:]]
    for name, row in rows.items():
        in_table = table.get(name) or table[title_of(name)]
        assert float(row["at 0.5"]) == pytest.approx(float(in_table["Accuracy"]))
        assert float(row["AUC"]) == pytest.approx(float(in_table["AUC"]))
        assert 0 < float(row["Threshold"]) < 1


def test_the_figures_and_the_report_show_its_own_pictures(tree, tmp_path, monkeypatch, hasty):
    problem = small()
    monkeypatch.setattr(resultsPlotting, "known_problems", lambda: {"arrivals": problem})
    monkeypatch.setattr(resultsPlotting, "run_scripts", lambda: {"run_ArrivalsML.py": problem})
    options = ["--results", str(tree), "--problem", "arrivals", "--output", str(tmp_path), "--html"]
    own = [f"arrivals_{what}" for what in ("moveout", "quality", "mistakes")]
    assert resultsPlotting.main([*options, "--figures", ",".join(own)]) == 0
    assert {f"Fig_{name}.png" for name in own} <= {path.name for path in tmp_path.iterdir()}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<img alt=") == len(own) and "was not made" not in page
    networks = {"Dense": BaseMLClass.load_model(networks_of(tree, "Dense")[0])}
    history = {"epoch": np.arange(2), "loss": np.ones(2), "val_loss": np.ones(2), "accuracy": np.zeros(2)}
    assert set(problem.own_figures) == {"map", "moveout", "training", "quality", "robustness", "mistakes"}
    for what, n_panels in {"map": 2, "training": 2, "robustness": 1}.items():
        assert len(problem.own_figures[what](problem, networks, {"Dense": history}).axes) == n_panels


def killed(output, *options):
    """Run until the second epoch is kept."""
    forked.set_constant("networks.callbacks:BACKUP_SHARE", 1.0)  # Each epoch is kept, however slow the disk is.
    forked.Kill("networks.callbacks:Backup.on_epoch_end", 2, "after").aim()
    with hastily():
        run(output, *options)


@pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as POSIX has it")
@pytest.mark.parametrize(
    ("options", "approach"),
    [
        (("--preset", "published", "--n-trials", "1", "--study-name", "toy", "--num-epochs", "3"), "Optuna"),
        (("--mode", "final_model", "--repeats", "1", "--num-epochs", "3"), "Recurrent"),
    ],
    ids=["search", "final_model"],
)
def test_a_killed_run_goes_on_as_if_it_had_not_been(options, approach, tmp_path, hasty, capsys):
    assert forked.in_a_fork(killed, tmp_path / "killed", *options) == -signal.SIGKILL
    assert not networks_of(tmp_path / "killed", approach)
    for name in ("killed", "whole"):
        assert run(tmp_path / name, *options, of=("--num-datasets", "40")) == 0
        printed = capsys.readouterr()
        assert ("goes on after epoch 2 of 3" in printed.out + printed.err) == (name == "killed")
    weights = [
        BaseMLClass.load_model(networks_of(tmp_path / name, approach)[0]).get_model().get_weights()
        for name in ("killed", "whole")
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_published_preset_leaves_both_files_and_says_what_its_result_is_worth(tmp_path, hasty, capsys):
    assert run(tmp_path, "--preset", "published", "--num-epochs", "1", "--num-datasets", "40", of=()) == 0
    printed = capsys.readouterr().out
    for fact in ("128 of 200 training rows and 63 of 100 test rows", "34 of the 100 test rows"):
        assert fact in printed
    assert printed.count(", as published") == 2 and "the published test (100), its new rows (43)" in printed
    made = {path.name for path in (tmp_path / "Arrivals/Search/Optuna").iterdir()}
    assert {"published_train.txt", "published_test.txt"} <= made and any(n.endswith("_published.png") for n in made)
    with hastily():
        assert run(tmp_path, "--mode", "optuna_resume", "--n-trials", "2", of=()) == 0
    assert "new rows" in capsys.readouterr().out  # with the data of the preset that the study has


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--samples", "7"], "sequences are always alike"),
        (["--dt", "0.002"], "sequences are always alike"),
        (["--transform", "CWT"], "NA, CENTRED, PLACED, SORTED are valid"),
        (["--preset", "paper"], "which the paper does not have"),
        (["--preset", "published", "--num-datasets", "500"], "160 rows for training, not 500"),
        (["--variety", "field"], "no meaning for arrivals"),
        (["--preset", "extended", "--mode", "manual"], "no grid"),
        (["--only", "arch_type=TCN"], "not a choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_the_script_with_a_sentence(options, words, tmp_path, capsys):
    assert hpo.command.main(PROBLEM, "arrivals", [*options, "--output", str(tmp_path)]) == 2
    assert re.fullmatch(rf"error: .*{words}.*\n", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_test_of_what_the_traces_cannot_be_is_refused(monkeypatch, capsys):
    everything = {"arrivals": small()}
    monkeypatch.setattr(blindTest, "known_problems", lambda: everything)
    with pytest.raises(SystemExit) as ended:
        blindTest.main(["--problem", "arrivals", "--samples", "48"])
    assert ended.value.code == 2 and "--samples has no meaning for arrivals" in capsys.readouterr().err
    blindTest.main(["--problem", "arrivals", "--traces", "4"])
    assert "4 blind sequences" in capsys.readouterr().out
    assert PROBLEM.usual_protocol == PROTOCOL
