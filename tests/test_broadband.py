"""Broadband motion as a problem of the house: its streams, its networks for spectra, modes and reports."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import blindTest
import hpo.command
from baseML import BaseMLClass, create_model
from evaluation.blind import blind_traces
from evaluation.scores import score
from hpo.problem import network_config
from hpo.tree import ResultsTree
from networks.rows import NetworkConfig
from networks.size import estimate
from problems.broadband.known import baseline_of, known_of, rows_beside
from problems.broadband.metrics import METRICS
from problems.broadband.parts import LONG_PERIODS, make_part
from problems.broadband.spectral_networks import PSA, SPECTRUM_UNIT, series, summary
from problems.broadband.streams import Spectra
from run_BroadbandML import PROBLEM, SPACE
from support.startup import load_keras

keras = load_keras()

TOY = ("--num-datasets", "40", "--num-epochs", "2")
METHODS = ("mean spectrum", "ridge, spectrum and energy")
UNITS = {"standard_units": True, "learning_rate": 1e-2}
DENSE = NetworkConfig("DNN", PSA, 1, 4, **UNITS)
CONVOLUTIONAL = NetworkConfig("CNN", PSA, 1, num_filt=4, krnl_size=3, num_dil=2, **UNITS)
RAW = {"transform_type": "NA", "dt": 0.01}


def small(problem=PROBLEM):
    """The problem with tiny networks, two classical methods and short tests."""
    return replace(
        problem,
        quick_space={
            "arch_type": CategoricalDistribution(["DNN"]),
            "num_layers": IntDistribution(1, 1),
            "DNN num_dnn": IntDistribution(3, 6),
            "standard_units": CategoricalDistribution([True]),
            "Learning Rate": FloatDistribution(1e-3, 1e-2, log=True),
        },
        final_configs={"Dense": DENSE},
        n_blind=20,
        baselines={name.capitalize(): baseline_of(name) for name in METHODS},
        known=lambda seed, protocol: known_of(seed, METHODS, 60),
    )


def run(output, *options):
    """Run the script in this process with tiny networks; returns its exit status."""
    return hpo.command.main(small(), "toy", [*TOY, "--output", str(output), *options])


@pytest.fixture(scope="module")
def part():
    return make_part(0, "blind", 9)


def as_layers_have_it(records):
    return records.transpose(0, 2, 1)


# --- Data


def test_the_blind_records_are_those_of_the_parts(part):
    x, y = blind_traces(PROBLEM, 9, seed=0)
    np.testing.assert_array_equal(x, as_layers_have_it(part.x))
    np.testing.assert_allclose(y, part.target, rtol=1e-6)


@pytest.mark.parametrize("options", [{"n_samples": 2048}, {"dt": 0.005}, {"variety": "field"}])
def test_records_of_another_kind_are_refused(options):
    with pytest.raises(ValueError, match="2048|0.005|variety"):
        Spectra(**options)


def test_the_metrics_are_those_of_a_plain_calculation():
    y = np.zeros((4, 9))
    predicted = np.full((4, 9), -0.3)
    predicted[:, 4:] = 0.1
    found = score(METRICS, y, predicted)
    assert found["rms"].value == pytest.approx(np.sqrt((4 * 0.09 + 5 * 0.01) / 9))
    assert found["rms_to_0.2s"].value == pytest.approx(0.3)
    assert found["bias"].value == pytest.approx((-4 * 0.3 + 5 * 0.1) / 9)


# --- Networks


def test_a_network_gets_what_the_classical_methods_get(part):
    x, level = as_layers_have_it(part.x), np.log10(np.abs(part.x).max(axis=(1, 2)))
    found = keras.ops.convert_to_numpy(summary(x))[:, 0]
    assert found.shape == (9, 213)
    np.testing.assert_allclose(found[:, 0], level, atol=1e-5)
    spectrum = found[:, 1 : 1 + len(LONG_PERIODS)] * SPECTRUM_UNIT + level[:, None]
    np.testing.assert_allclose(spectrum, part.spectrum, atol=0.01)
    energy = found[:, 21:].reshape(9, 64, 3).transpose(0, 2, 1).reshape(9, 192)
    np.testing.assert_allclose(2 * energy - 3 + 2 * level[:, None], part.energy, atol=1e-3)
    assert keras.ops.convert_to_numpy(series(x)).shape == (9, 256, 7)


@pytest.mark.parametrize("config", [DENSE, CONVOLUTIONAL], ids=lambda config: config.arch_type)
def test_a_saved_network_answers_as_before_whatever_the_size_of_a_batch(config, part, tmp_path):
    network = create_model(config, 4096, 3, transform=RAW)
    assert network.get_model().count_params() == estimate(config, 4096, 3).parameters
    x = as_layers_have_it(make_part(1, "blind", 20).x)
    one_by_one = np.concatenate([network.predict_result(x[i : i + 1]) for i in range(20)])
    assert one_by_one.shape == (20, 9)
    loaded = BaseMLClass.load_model(network.save_model(tmp_path / "network.keras"))
    for of_batch in (20, 9):  # batches of nine records, as there are nine periods, were a trap
        np.testing.assert_allclose(loaded.predict_result(x[:of_batch]), one_by_one[:of_batch], atol=1e-4)


def test_the_networks_of_the_search_can_all_be_built():
    ends = [{name: pick(kind) for name, kind in SPACE.items()} for pick in (_lowest, _highest)]
    for end in ends:
        for arch_type in SPACE["arch_type"].choices:
            config = network_config(PROBLEM, end | {"arch_type": arch_type})
            assert create_model(config, 4096, 3).get_model().output_shape == (None, 9, 1)


def _lowest(kind):
    return kind.choices[0] if isinstance(kind, CategoricalDistribution) else kind.low


def _highest(kind):
    return kind.choices[-1] if isinstance(kind, CategoricalDistribution) else kind.high


# --- Modes


def test_a_final_training_stands_beside_the_classical_methods(tmp_path, capsys):
    assert run(tmp_path, "--mode", "final_model", "--repeats", "1") == 0
    said = capsys.readouterr().out
    assert "The rms error of log10 PSA at 9 short periods on 20 test records" in said
    assert "Ridge, spectrum and energy" in said and "DNN of Dense" in said
    tree = ResultsTree(tmp_path, "Broadband")
    rows = list(csv.DictReader((tree.repeatability / "broadband_scores.csv").open()))
    assert [row["Method"] for row in rows] == [*METHODS, "DNN of Dense, the run script"]
    (network,) = tree.final_model("Dense").glob("*.keras")
    found, test = rows_beside(small(), {"again": BaseMLClass.load_model(network)}, 20, 0)
    assert f"{found[-1].rms.value:.6f}" == f"{float(rows[-1]['rms of log10 PSA']):.6f}"
    assert len(test.y) == 20


def test_a_study_of_spectra(tmp_path, capsys):
    assert run(tmp_path, "--n-trials", "2", "--study-name", "toy") == 0
    assert "validation loss" in capsys.readouterr().out
    assert len(list(csv.DictReader(ResultsTree(tmp_path, "Broadband").summary.open()))) == 2


def test_the_command_of_blind_tests_knows_the_problem(capsys, monkeypatch):
    monkeypatch.setattr(blindTest, "known_problems", lambda: {"broadband": small()})
    blindTest.main(["--problem", "broadband", "--traces", "20"])
    assert "Ridge, spectrum and energy" in capsys.readouterr().out
