"""The extended preset: parameters that belong to a choice, a budget, residual networks from search to update."""

import csv
import dataclasses
import json
import sys
from datetime import timedelta

import keras
import numpy as np
import optuna
import pytest
import toys
from optuna.distributions import IntDistribution
from optuna.trial import TrialState, create_trial
from toys import DENOISING, INVERSION, LISTED, load, run_here, toy

import hpo.asked
import hpo.options
import hpo.problem
import hpo.report
import hpo.samplers
import resultsPlotting
from baseML import BaseMLClass, NetworkConfig, create_model
from dataPreProcessing import CustomDataGen
from hpo.budget import Budget
from hpo.command import main
from hpo.problem import applies, meaningful, network_config
from hpo.results.networks import final_label
from hpo.settings import RunSettings
from hpo.tree import APPROACHES, ResultsTree

BOTH = pytest.mark.parametrize("problem", [DENOISING, INVERSION], ids=lambda problem: problem.name)
SMALL = {
    "RES num_layers": IntDistribution(1, 1),
    **{f"RES {name}": IntDistribution(2, 3) for name in ("num_filt", "krnl_size", "num_dil")},
}


@pytest.fixture
def small(monkeypatch):
    """Maker of a problem with tiny networks, residual ones too."""
    monkeypatch.setattr(hpo.problem, "EXTENDED_SPACE", {**hpo.problem.EXTENDED_SPACE, **SMALL})
    base = {"RES num_layers": 1, "RES num_filt": 3, "RES krnl_size": 3, "RES num_dil": 2, "batch_size": 4}
    return lambda problem: dataclasses.replace(toy(problem), extended_base={**problem.extended_base, **base})


# --- The search space


@BOTH
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_parameters_are_drawn_where_they_have_a_meaning(problem, sampler):
    space, study = problem.space("extended"), optuna.create_study()
    settings = RunSettings("extended", n_trials=40, sampler=sampler)
    networks = set()
    for number in range(40):
        study.sampler = hpo.samplers.make_sampler(settings, number)
        trial = study.ask()
        drawn = hpo.problem.suggest(trial, space)
        assert set(drawn) == set(trial.params) == {name for name in space if applies(name, drawn, space)}
        residual, decays = drawn["arch_type"] == "RES", drawn["optimizer"] == "adamw"
        assert ("RES num_filt" in drawn, "num_filt" in drawn) == (residual, not residual)
        assert ("adamw weight_decay" in drawn) == decays
        config = network_config(problem, drawn)
        assert config.num_filt == drawn["RES num_filt" if residual else "num_filt"] and config.standard_units
        assert (config.weight_decay > 0) == decays and config.optimizer == drawn["optimizer"]
        networks.add(config.arch_type)
        study.tell(trial, drawn["Learning Rate"])
    assert networks == {*problem.search_space["arch_type"].choices, "RES"}


def test_what_has_no_meaning_for_a_network_is_not_shown():
    drawn = {"num_layers": 1, "num_dnn": 8, "num_filt": 4, "krnl_size": 3, "num_dil": 4, "Learning Rate": 1e-3}
    denoiser = {"arch_type": "CNN", **drawn, "pool_val": 2}
    assert set(meaningful(DENOISING, denoiser)) == set(denoiser) - {"num_dil"}
    assert meaningful(DENOISING, {**denoiser, "arch_type": "TCN"})["num_dil"] == 4
    without = {
        "CNN": {"num_dil", "num_dnn", "num_lstm"},
        "DNN": {"num_dil", "num_filt", "krnl_size", "num_lstm"},
        "CNN_LSTM": set(),
    }
    for arch_type, unused in without.items():
        inversion = {"arch_type": arch_type, **drawn, "num_lstm": 5}
        assert set(inversion) - set(meaningful(INVERSION, inversion)) == unused
    residual = {**hpo.problem.EXTENDED_BASE, **INVERSION.extended_base}
    assert meaningful(INVERSION, residual) == residual
    assert meaningful(INVERSION, {"arch_type": "GRU", "num_dil": 4}) == {"arch_type": "GRU", "num_dil": 4}


def test_the_result_of_a_study_has_no_parameter_without_a_meaning(tmp_path, capsys):
    options = hpo.options.parse_options("", ["--output", str(tmp_path), "--study-name", "mine"])
    run, study = hpo.asked.run_from_options(DENOISING, options), optuna.create_study(study_name="mine")
    study.enqueue_trial({"arch_type": "CNN"})
    study.tell(study.ask(dict(DENOISING.quick_space)), 1.0)
    assert "num_dil" in study.trials[0].params
    hpo.report.print_result(run, study)
    printed = capsys.readouterr().out + hpo.report.describe_trial(run, study.trials[0])
    assert printed.count("num_filt") == 2 and "num_dil" not in printed


@BOTH
def test_the_search_begins_with_a_configuration_of_its_space(problem):
    base = {**hpo.problem.EXTENDED_BASE, **problem.extended_base}
    space = problem.space("extended")
    assert set(base) == {name for name in space if applies(name, base, space)}
    assert all(space[name]._contains(space[name].to_internal_repr(value)) for name, value in base.items())


@BOTH
def test_no_other_preset_has_what_is_not_the_papers(problem):
    for preset in ("quick", "paper"):
        assert set(problem.space(preset)) == set(problem.search_space) or preset == "quick"
        assert "RES" not in problem.space(preset)["arch_type"].choices
        assert not any(" " in name for name in set(problem.space(preset)) - {"Learning Rate"})


# --- The budget


def trial_of(epochs, state=TrialState.COMPLETE):
    value = 1.0 if state == TrialState.COMPLETE else None
    return create_trial(value=value, state=state, intermediate_values=dict.fromkeys(range(epochs), 1.0))


@pytest.mark.parametrize(
    ("text", "trials", "allowed"),
    [
        ("10epochs", [], True),
        ("10 epochs", [trial_of(7)], True),
        ("10epochs", [trial_of(8)], False),
        ("10epochs", [trial_of(4), trial_of(2, TrialState.PRUNED), trial_of(1, TrialState.FAIL)], True),
        ("10epochs", [trial_of(5), trial_of(1, TrialState.RUNNING)], False),  # it may take two more
        ("10epochs", [trial_of(4), trial_of(3, TrialState.RUNNING)], True),
        ("0.5min", [], True),
    ],
)
def test_a_budget_of_epochs_is_never_exceeded(text, trials, allowed):
    assert Budget.of(text).allows(trials, 3) == allowed


def test_a_budget_of_minutes_counts_the_time_of_all_trials():
    trials = [trial_of(1), trial_of(1)]
    for trial in trials:
        trial.datetime_complete = trial.datetime_start + timedelta(seconds=90)
    assert Budget.of("3min").spent(trials) == pytest.approx(3.0)
    assert not Budget.of("3min").allows(trials, 1) and Budget.of("3.1min").allows(trials, 1)


@pytest.mark.parametrize(
    "text", ["", "10", "epochs", "0epochs", "-3min", "nanmin", "1e3epochs", "10 hours", "\u0663min"]
)
def test_what_is_no_budget_is_refused(tmp_path, capsys, text):
    with pytest.raises(SystemExit) as end:
        run_here(DENOISING, tmp_path, f"--budget={text}")
    assert end.value.code == 2 and f"{text!r} is not a budget" in capsys.readouterr().err


@pytest.mark.usefixtures("hasty")
def test_a_budget_ends_a_search_of_several_processes(tmp_path, capsys, monkeypatch):
    """The worker processes are started as a user's are; those of other tests are forks."""
    monkeypatch.setattr(sys, "argv", [toys.__file__])
    monkeypatch.setenv("TOY_PROBLEM", DENOISING.name)
    assert run_here(toy(DENOISING), tmp_path, "--workers", "2", "--n-trials", "9", "--budget", "6epochs") == 0
    trials = load(tmp_path, DENOISING).trials
    assert [trial.state for trial in trials] == 3 * [TrialState.COMPLETE] + 6 * [TrialState.WAITING]
    assert "Training took 6 epochs (7,800 in the published search)" in capsys.readouterr().out


# --- Whole runs


@pytest.mark.usefixtures("hasty")
def test_a_residual_network_from_the_search_to_its_update(small, tmp_path, capsys):
    problem = small(DENOISING)
    preset = ("--preset", "extended")
    assert run_here(problem, tmp_path, *preset, "--study-name", "s", "--budget", "7epochs") == 0
    study = load(tmp_path, problem)
    done = [trial for trial in study.trials if trial.state.is_finished()]
    assert 2 * len(done) >= sum(len(trial.intermediate_values) for trial in done) >= 6
    assert study.trials[0].params == {**hpo.problem.EXTENDED_BASE, **problem.extended_base}
    assert study.trials[0].user_attrs["receptive_field"] > 1
    assert "its budget is 7epochs" in capsys.readouterr().out

    resumed = ("--mode", "optuna_resume", *preset, "--study-name", "s", "--n-trials", str(len(done) + 1))
    assert run_here(problem, tmp_path, *resumed, "--budget", "20epochs") == 0
    assert sum(trial.state.is_finished() for trial in load(tmp_path, problem).trials) == len(done) + 1

    figures = ["--results", str(tmp_path), "--output", str(tmp_path / "Figs"), "--problem", "denoising", "--html"]
    assert resultsPlotting.main([*figures, "--figures", "4", "--tables", "1,3"]) == 0
    assert "| RES filters" in (tmp_path / "Figs" / "Table1.md").read_text(encoding="utf-8")
    assert (tmp_path / "Figs" / "Fig4.png").is_file() and (tmp_path / "Figs" / "report.html").is_file()

    best = study.best_trial
    assert run_here(problem, tmp_path, *preset, "--mode", "final_model", "--from-study", "s") == 0
    with next(tmp_path.rglob("repeatability_summary.csv")).open(newline="") as file:
        (row,) = csv.DictReader(file)
    config = network_config(problem, best.params)
    assert float(row["Learning Rate"]) == config.learning_rate and row["Type"] == config.arch_type
    settings = [path for path in tmp_path.rglob("Final_Model/Optuna/*.json") if '"final_model"' in path.read_text()]
    assert f'"batch_size": {best.params["batch_size"]}' in settings[0].read_text()

    capsys.readouterr()
    network = settings[0].with_suffix(".keras")
    update = ["--mode", "model_update", "--model", str(network), "--output", str(tmp_path)]
    assert main(problem, "", [*update, "--num-epochs", "1", "--num-datasets", "4"]) == 0
    updated = BaseMLClass.load_model(network.with_name(f"{network.stem}_update.keras"))
    kept = ("preset", "n_samples", "batch_size", "variety", "one_by_one")
    before = json.loads(settings[0].read_text())["run"]
    assert [updated.provenance[name] for name in kept] == [before[name] for name in kept]


@pytest.mark.usefixtures("hasty")
def test_one_tree_holds_the_final_trainings_of_a_quick_run_and_of_an_extended_study(small, tmp_path, capsys):
    """Preset and length are those of the study, although the last command does not say so."""
    problem = dataclasses.replace(small(DENOISING), final_configs=LISTED.final_configs)
    few = ["--num-datasets", "4", "--num-epochs", "1", "--output", str(tmp_path)]
    study = ["--preset", "extended", "--variety", "paper", "--study-name", "mine", "--n-trials", "1"]
    assert main(problem, "", [*few, "--samples", "48", "--mode", "final_model", "--repeats", "1"]) == 0
    assert main(problem, "", [*few, "--samples", "64", *study]) == 0
    capsys.readouterr()
    assert main(problem, "", [*few, "--mode", "final_model", "--from-study", "mine"]) == 0
    printed = capsys.readouterr().out
    assert "was started with the configurations of the paper's Table 3, not of study mine, preset 'quick'" in printed
    assert "Networks the configurations of study mine" in printed and "RES of Optuna, study mine" in printed
    tree = ResultsTree(tmp_path, problem.folder)
    settings = json.loads((tree.root / "Repeatability_mine" / "settings.json").read_text(encoding="utf-8"))
    expected = {"preset": "extended", "variety": "paper", "n_samples": 64, "from_study": "mine"}
    assert {name: settings[name] for name in expected} == expected
    for name, expected in ((None, "study mine"), ("other", "the paper's Table 3")):
        results = resultsPlotting.Results(problem, tree, study_name=name)
        assert {final_label(problem, network) for network in results.networks} <= {
            *(f"{approach}, {expected}" for approach in APPROACHES)
        }
    assert results.other_sets() == ["the sets mine, which --trainings NAME shows"]
    assert resultsPlotting.main(["--results", str(tmp_path), "--trainings", "yours"]) == 2
    assert "there is no set 'yours'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--mode", "manual"], "--preset extended has no grid"),
        (["--mode", "final_model"], "mode final_model needs --from-study NAME"),
        (
            ["--mode", "model_update", "--model", "a", "--budget", "3min"],
            "--budget has no meaning in mode model_update",
        ),
    ],
)
def test_what_the_preset_has_not_is_refused(tmp_path, capsys, options, sentence):
    assert run_here(DENOISING, tmp_path / "out", "--preset", "extended", *options) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_the_loss_of_a_trace_does_not_depend_on_the_batch(tmp_path, batch_size):
    config = NetworkConfig("RES", "AE", 1, num_dil=2, num_filt=2, krnl_size=3, standard_units=True, learning_rate=1e-9)
    options = {"n": 4, "gen_type": "DeNoise", "n_samples": 64}

    def streams():
        return CustomDataGen(batch_size, **options), CustomDataGen(1, stream="validation", **options)

    keras.utils.set_random_seed(3)
    network = create_model(config, 64)
    losses = network.fit_model(*streams(), 1, tmp_path, "run", resumable=False)
    for stream, name in zip(streams(), ("rmse", "val_rmse"), strict=True):
        of_traces = [
            np.sqrt(np.mean((network.predict_result(x[None]).ravel() - y.ravel()) ** 2))
            for x_batch, y_batch in (stream[index] for index in range(len(stream)))
            for x, y in zip(x_batch, y_batch, strict=True)
        ]
        assert losses[name] == pytest.approx([np.mean(of_traces)], rel=1e-4)
