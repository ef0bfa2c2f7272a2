"""Wavelet transforms from the command line to a loaded network: studies, repeated trainings, updates, autoencoders."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from toys import DENOISING, INVERSION, NETWORKS_OF_TRACES, TOY, load, run_here, toy

import baseML
import blindTest
import hpo.command
import hpo.problem
from baseML import BaseMLClass, NetworkConfig, count_parameters
from blindTest import TraceProtocol
from dataPreProcessing import TRANSFORM_TYPES, CustomDataGen, channel_names, transform_traces
from evaluation.blind import blind_traces

pytestmark = pytest.mark.usefixtures("hasty")
SMALL = {"num_layers": 1, "num_dnn": 2, "num_dil": 2, "num_filt": 2, "krnl_size": 3, "num_lstm": 2}


def only(paths):
    (path,) = paths
    return path


@pytest.mark.parametrize("problem", [DENOISING, INVERSION], ids=lambda problem: problem.name)
def test_a_study_searches_the_transform(tmp_path, problem, capsys):
    small = toy(problem)
    assert run_here(small, tmp_path, "--search-transform", "--n-trials", "4", "--seed", "1") == 0
    study = load(tmp_path, problem)
    transforms = [trial.params["transform"] for trial in study.trials]
    assert len(set(transforms)) > 2 and set(transforms) <= set(TRANSFORM_TYPES)
    for trial, transform in zip(study.trials, transforms, strict=True):
        assert f"_LSTM0_{transform}_2" in trial.user_attrs["run_name"]
        config = hpo.problem.network_config(problem, trial.params)
        n_channels = len(channel_names(transform, 48))
        assert trial.user_attrs["n_parameters"] == count_parameters(config, n_channels)
    with (tmp_path / problem.folder / "Search" / "Optuna" / "search_summary.csv").open() as file:
        names = [row["Model Name"] for row in csv.DictReader(file)]
    assert [name.endswith(f"_{transform}_") for name, transform in zip(names, transforms, strict=True)] == [
        transform != "NA" for transform in transforms
    ]
    model = only((tmp_path / problem.folder / "Final_Model" / "Optuna").glob("*.keras"))
    network, best = BaseMLClass.load_model(model), study.best_trial.params["transform"]
    assert network.transform["transform_type"] == network.provenance["transform"] == best
    traces = np.random.default_rng(0).normal(size=(3, 48)).astype(np.float32)
    channels = transform_traces(traces, **network.transform)
    assert np.array_equal(network.predict_result(traces), network.predict_result(channels))
    capsys.readouterr()
    blindTest.main(["--model", str(model), "--traces", "4", "--csv", str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"{problem.name.capitalize()}, 4 blind traces of seed 0, 48 samples at 1 ms" in printed
    name = model.stem.split("_NA_")[0] if best == "NA" else f"{model.stem.split(f'_{best}_')[0]}_{best}"
    assert f"{name} beats" in printed or f"{name} does not beat" in printed
    with (tmp_path / f"blind_test_{problem.name}.csv").open() as file:
        tested = {row["Method"]: row for row in csv.DictReader(file)}
    unit = "RMSE (ft/s)" if problem is INVERSION else "RMSE"
    x, y = blind_traces(problem, 4, protocol=TraceProtocol.of(network))
    predicted = network.predict_result(x)
    assert float(tested[name][unit]) == pytest.approx(np.sqrt(np.mean((predicted - y) ** 2, axis=1)).mean())
    with pytest.raises(SystemExit):
        other = "denoising" if problem is INVERSION else "inversion"
        blindTest.main(["--model", str(model), "--traces", "4", "--problem", other])
    assert "one problem is needed" in capsys.readouterr().err
    resumed = ["--mode", "optuna_resume", "--n-trials", "5"]
    assert run_here(small, tmp_path, *resumed) == 0 and "transform" in load(tmp_path, problem).trials[4].params
    repeats = ["--mode", "final_model", "--from-study", study.study_name, "--repeats", "1"]
    assert run_here(small, tmp_path, *repeats) == 0
    with (tmp_path / problem.folder / "Repeatability" / "repeatability_summary.csv").open() as file:
        assert [row["Model Name"].endswith(f"_{best}_") for row in csv.DictReader(file)] == [best != "NA"]


@pytest.mark.parametrize("transform", ["CWT", "DWT", "SWT"])
def test_one_transform_for_all_modes(tmp_path, transform, capsys):
    config = NetworkConfig("CNN", "AE", **{name: SMALL[name] for name in ("num_layers", "num_dnn", "num_filt")})
    small = dataclasses.replace(toy(DENOISING), final_configs={"Optuna": config})
    options = ("--transform", transform)
    assert run_here(small, tmp_path, *options, "--n-trials", "1") == 0
    assert f"48 samples at 1 ms, as {transform}, batches" in capsys.readouterr().out
    assert run_here(small, tmp_path, *options, "--mode", "final_model", "--repeats", "1") == 0
    model = only((tmp_path / "Denoising" / "Final_Model" / "Optuna").glob(f"*_KRNL32_*_{transform}_*.keras"))
    assert json.loads(model.with_suffix(".json").read_text())["transform"] == {"transform_type": transform, "dt": 0.001}
    assert run_here(small, tmp_path, "--mode", "model_update", "--model", str(model)) == 0
    updated = BaseMLClass.load_model(model.with_name(f"{model.stem}_update.keras"))
    assert updated.transform["transform_type"] == transform and updated.provenance["transform"] == transform
    assert run_here(small, tmp_path, "--mode", "final_model", "--repeats", "1") == 0
    assert f"was started with transform '{transform}', not 'NA', and stays as it is" in capsys.readouterr().out
    assert list((tmp_path / "Denoising" / "Final_Model" / "Optuna_quick").glob("*_NA_*.keras"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--transform", "FFT"], "invalid choice: 'FFT'"),
        (["--transform", "CWT", "--search-transform"], "--transform CWT and --search-transform rule each other out"),
        (["--search-transform", "--preset", "paper"], "--search-transform is not part of the published search"),
        (["--search-transform", "--mode", "manual"], "--search-transform has no meaning in mode manual"),
        (
            ["--transform", "CWT", "--mode", "final_model", "--from-study", "a"],
            "--transform CWT has no meaning with --from-study",
        ),
        (["--transform", "CWT", "--mode", "model_update", "--model", "a"], "--transform has no meaning in mode"),
    ],
)
def test_contradictions_are_refused(tmp_path, capsys, options, sentence):
    try:
        status = hpo.command.main(DENOISING, "toy", [*TOY, "--output", str(tmp_path / "out"), *options])
    except SystemExit as end:
        status = end.code
    assert status == 2 and sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_study_keeps_its_transform(tmp_path, capsys):
    small = toy(DENOISING)
    assert run_here(small, tmp_path, "--transform", "DWT", "--n-trials", "1", "--study-name", "kept") == 0
    assert run_here(small, tmp_path, "--transform", "SWT", "--n-trials", "2", "--study-name", "kept") == 2
    assert "was started with transform 'DWT', not 'SWT'" in capsys.readouterr().err
    assert run_here(small, tmp_path, "--mode", "optuna_resume", "--n-trials", "2") == 0
    assert "_DWT_" in load(tmp_path, DENOISING).trials[1].user_attrs["run_name"]


@pytest.mark.parametrize("key", NETWORKS_OF_TRACES, ids=" ".join)
def test_every_network_takes_and_gives_channels(key):
    config = NetworkConfig(*key, **SMALL)
    network = baseML.create_model(config, 30, n_channels=4, n_outputs=3)
    assert network.get_model().output_shape == (None, 30, 3)
    assert network.get_model().count_params() == count_parameters(config, 4, 3)
    assert network.predict_result(np.ones((2, 30, 4))).shape == (2, 30, 3)


@pytest.mark.parametrize("transform", ["CWT", "SWT"])
def test_an_autoencoder_is_trained_in_the_transforms_domain(tmp_path, transform):
    training, validation = (
        CustomDataGen(2, 4, "AE", transform, stream=stream, n_samples=64) for stream in ("training", "validation")
    )
    config = NetworkConfig("CNN", "SEQ", **SMALL)
    network, _ = baseML.run_model(config, training, validation, 2, tmp_path, "autoencoder", seed=0)
    x, y = validation[0]
    assert network.predict_result(x).shape == y.shape == x.shape and x.shape[2] > 1
    loaded = BaseMLClass.load_model(tmp_path / "autoencoder.keras")
    assert loaded.n_outputs == x.shape[2] and np.array_equal(loaded.predict_best_result(x), loaded.predict_result(x))
