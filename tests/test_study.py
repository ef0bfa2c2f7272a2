"""The run scripts as their users run them, at toy size: search, result, resume, repeat, what goes wrong."""

import csv
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import threading

import forked
import keras
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState
from test_dashboard import answer_of, serving
from test_storage import make_old
from toys import DENOISING, INVERSION, ROOT, SCRIPTS, TINY_SPACE, TOY, load, run_here, toy

import hpo.asked
import hpo.command
import hpo.options
import hpo.problem
import hpo.run
import hpo.samplers
import hpo.settings
from baseML import SUMMARY_COLUMNS, BaseMLClass, NetworkConfig

FAST_SEED = {"denoising": "8", "inversion": "2"}  # the first two trials are small networks
pytestmark = pytest.mark.usefixtures("hasty")


def values(study):
    return [trial.value for trial in study.trials]


# --- One whole study of each problem, through the script


@pytest.fixture(scope="module", params=[DENOISING, INVERSION], ids=lambda problem: problem.name)
def finished(request, tmp_path_factory):
    """(problem, output folder, what the script printed, its study); one script has a process of its own, as users'."""
    problem, folder = request.param, tmp_path_factory.mktemp(request.param.name)
    output = folder / "results of a test"
    command = [SCRIPTS[problem.name], *TOY, "--output", output, "--n-trials", "2", "--seed", FAST_SEED[problem.name]]
    if problem is DENOISING:
        run = subprocess.run([sys.executable, *command], cwd=ROOT, text=True, capture_output=True, timeout=300)
        ended = forked.Ended(run.returncode, run.stdout, run.stderr)
        shown = re.split(r"[\r\n]+", run.stderr)
        assert [line for line in shown if line.strip() and "trial" not in line] == []  # nothing but its progress
    else:
        ended = forked.run_script(*command, folder=folder)
    assert ended.status == 0, ended.errors
    return problem, output, ended.printed, load(output, problem)


def test_the_run_says_what_it_does_and_what_came_out(finished):
    problem, output, printed, study = finished
    for words in (
        problem.name,
        "preset quick",
        "2; each 2 epochs of 4 training and 1 fixed validation trace of 48 samples",
        keras.backend.backend(),
        study.study_name,
        "optuna-dashboard 'sqlite:///",
        "--artifact-dir",
        "trial   0",
        "trial   1",
        f"Best trial {study.best_trial.number}",
        "plain validation RMSE",
        "On 200 blind traces, with 95 % intervals:",
        "the best baseline, ",
    ):
        assert words in printed, words


def test_the_results_stand_in_the_published_tree(finished):
    problem, output, _, study = finished
    root = output / problem.folder
    assert study.study_name.startswith(problem.study_prefix)
    visible = [path.name for path in (root / "Search" / "Optuna").iterdir() if not path.name.startswith(".")]
    files = ["studies.db", f"{study.study_name}_blind_test.csv", "search_summary.csv"]
    assert sorted(visible) == sorted([*files, "artifacts", "loss_history_all"])
    names = [trial.user_attrs["run_name"] for trial in study.trials]
    histories = {path.name for path in (root / "Search" / "Optuna" / "loss_history_all").iterdir()}
    assert histories == {f"{name}_log.csv" for name in names}
    best = study.best_trial.user_attrs["run_name"]
    final = sorted(path.name for path in (root / "Final_Model" / "Optuna").iterdir())
    assert final == sorted(best + ending for ending in (".keras", ".json", ".png", "_log.csv"))


def test_the_summary_has_a_row_for_every_trial(finished):
    problem, output, _, study = finished
    with (output / problem.folder / "Search" / "Optuna" / "search_summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*SUMMARY_COLUMNS, "Study", "Trial", "Seed", "Learning Rate"]
    assert {row["Study"] for row in rows} == {study.study_name}
    assert {row["Seed"] for row in rows} == {FAST_SEED[problem.name]}
    assert [int(row["Trial"]) for row in rows] == [trial.number for trial in study.trials]
    assert [float(row["Learning Rate"]) for row in rows] == [trial.params["Learning Rate"] for trial in study.trials]
    assert [float(row["Validation Loss"]) for row in rows] == values(study)
    assert [row["Type"] for row in rows] == [trial.params["arch_type"] for trial in study.trials]


def test_every_trial_keeps_what_it_was_made_of(finished):
    problem, _, _, study = finished
    for trial in study.trials:
        attributes = trial.user_attrs
        assert attributes["n_parameters"] > 0 and attributes["seconds"] > 0
        assert attributes["best_epoch"] in (1, 2) and attributes["epochs"] == 2
        assert attributes["validation_rmse"] > 0 and attributes["training_loss"] > 0
        assert trial.value == pytest.approx(min(trial.intermediate_values.values()))
        assert sorted(trial.intermediate_values) == [0, 1]
    assert len({trial.user_attrs["seed"] for trial in study.trials}) == 2


def test_the_study_keeps_the_configuration_and_the_versions(finished):
    problem, _, _, study = finished
    attributes = study.user_attrs
    assert (attributes["problem"], attributes["preset"], attributes["n_samples"]) == (problem.name, "quick", 48)
    assert attributes["versions"]["optuna"] == optuna.__version__
    assert study.metric_names[0].startswith("validation loss")


def test_the_best_network_loads_and_knows_where_it_comes_from(finished):
    problem, output, _, study = finished
    name = study.best_trial.user_attrs["run_name"]
    network = BaseMLClass.load_model(output / problem.folder / "Final_Model" / "Optuna" / f"{name}.keras")
    assert network.provenance["owner"] == study.study_name and network.provenance["num_epochs"] == 2
    assert network.config.arch_type == study.best_trial.params["arch_type"]


def test_the_dashboard_serves_the_study(finished, tmp_path):
    problem, output, printed, study = finished
    command = next(line for line in printed.splitlines() if line.startswith("Watch it")).removeprefix("Watch it")
    with serving(shlex.split(command), tmp_path / "log") as url:
        overview = answer_of(f"{url}/api/studies")["study_summaries"]
        assert [found["study_name"] for found in overview] == [study.study_name]
        details = answer_of(f"{url}/api/studies/{overview[0]['study_id']}?after=0")
    assert details["objective_names"] == study.metric_names
    assert [len(trial["intermediate_values"]) for trial in details["trials"]] == [2, 2]


# --- Repeat and resume


def test_an_inversion_of_noisy_traces_from_the_search_to_the_final_training(tmp_path):
    options = ["--n-trials", "1", "--study-name", "noisy", "--noisy-data", "--snr-db", "9", "--num-epochs", "1"]
    assert run_here(toy(INVERSION), tmp_path, *options) == 0
    assert load(tmp_path, INVERSION).user_attrs["noisy_data"] is True
    final = ["--mode", "final_model", "--from-study", "noisy", "--repeats", "1", "--num-epochs", "1"]
    assert run_here(toy(INVERSION), tmp_path, *final) == 0
    for path in tmp_path.rglob("*.keras"):
        provenance = BaseMLClass.load_model(path).provenance
        assert provenance["noisy_data"] is True and provenance["snr_db"] == [9.0, 9.0]


def test_a_study_keeps_its_own_search_space_and_another_one_is_named(tmp_path, capsys):
    own = ["--enqueue-base", "--study-name", "own", "--only", "num_filt=3", "--set", "krnl_size=5..6"]
    assert run_here(toy(DENOISING), tmp_path, *own, "--n-trials", "1") == 0
    assert run_here(toy(DENOISING), tmp_path, "--mode", "optuna_resume", "--n-trials", "2") == 0
    trials = load(tmp_path, DENOISING).trials
    assert [trial.params["num_filt"] for trial in trials] == [3, 3] and len(trials) == 2
    assert all(trial.params["krnl_size"] in (5, 6) for trial in trials)
    assert run_here(toy(DENOISING), tmp_path, *own, "--n-trials", "2") == 0
    capsys.readouterr()
    assert run_here(toy(DENOISING), tmp_path, *own[:5], "--n-trials", "2") == 2
    assert "started with another search space: krnl_size (5 to 6) and not (2 to 4);" in capsys.readouterr().err


def test_the_same_seed_repeats_a_study_that_was_stopped_or_not_and_another_does_not(tmp_path):
    def study_of(name, n_trials, seed="0"):
        options = ("--study-name", name, "--n-trials", n_trials, "--seed", seed)
        assert run_here(toy(DENOISING), tmp_path / name, *options) == 0
        return load(tmp_path / name, DENOISING)

    whole, other = study_of("whole", "2"), study_of("other", "1", seed="1")
    study_of("stopped", "1")
    stopped = study_of("stopped", "2")
    assert values(whole) == values(stopped) and len(whole.trials) == 2
    assert [trial.params for trial in whole.trials] == [trial.params for trial in stopped.trials]
    assert not set(values(whole)) & set(values(other))


@pytest.mark.skipif(os.name != "posix", reason="processes are forked as POSIX has it")
def test_a_deterministic_study_gives_the_same_on_a_cpu(tmp_path, whole):
    forked.go_on("optuna", tmp_path, "--deterministic")
    assert forked.left(tmp_path) == whole("optuna")[0]


def test_a_finished_study_runs_nothing_and_says_its_result_again(tmp_path, capsys):
    for _ in range(2):
        assert run_here(toy(DENOISING), tmp_path, "--study-name", "s", "--n-trials", "1") == 0
    assert len(load(tmp_path, DENOISING).trials) == 1
    assert "1, 1 of them done already" in capsys.readouterr().out


# --- Trials without a network


def test_a_network_over_the_limit_is_not_built_and_breaks_a_constraint(tmp_path, capsys):
    problem = dataclasses.replace(
        toy(INVERSION), parameter_limits=dict.fromkeys(("DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN"), 1)
    )
    assert run_here(problem, tmp_path, "--n-trials", "2") == 0
    study = load(tmp_path, INVERSION)
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED] * 2
    assert all("parameters are more than 1" in trial.user_attrs["skipped"] for trial in study.trials)
    assert all(min(trial.constraints.values()) > 0 for trial in study.trials)
    printed = capsys.readouterr().out
    assert "0 trials trained, 2 skipped" in printed and "skipped: " in printed


def test_a_network_that_memory_cannot_hold_is_not_built(tmp_path, monkeypatch):
    monkeypatch.setattr(hpo.run, "memory_limit", lambda: 1e6)
    assert run_here(toy(INVERSION), tmp_path, "--n-trials", "1") == 0
    (trial,) = load(tmp_path, INVERSION).trials
    assert trial.state == TrialState.PRUNED and "GB are more than the 0.0 GB of memory" in trial.user_attrs["skipped"]


def test_a_network_over_the_limit_scores_as_the_paper_says_in_its_preset(tmp_path):
    limits = dict.fromkeys(("DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN"), 1)
    problem = dataclasses.replace(INVERSION, parameter_limits=limits)
    assert run_here(problem, tmp_path, "--preset", "paper", "--n-trials", "2") == 0
    assert values(load(tmp_path, INVERSION)) == [100_000.0] * 2


def test_a_published_study_has_labels_with_all_that_was_drawn(tmp_path):
    problem = dataclasses.replace(INVERSION, search_space={**TINY_SPACE, "num_lstm": IntDistribution(7, 9)})
    assert run_here(problem, tmp_path, "--preset", "published", "--n-trials", "1") == 0
    study = load(tmp_path, problem)
    (row,) = csv.DictReader((tmp_path / "Inversion" / "Search" / "Optuna" / "search_summary.csv").open())
    drawn, label = study.trials[0].params, row["Model Name"]
    assert f"_DIL{drawn['num_dil']}_" in label and label.endswith(f"_LSTM{drawn['num_lstm']}_")
    assert study.trials[0].user_attrs["run_name"].startswith(label)
    assert study.user_attrs["generation"] == "published"
    note = study._storage.get_study_system_attrs(study._study_id).values()
    assert "models in rows that are used again" in " ".join(map(str, note))


def test_a_trial_that_diverges_fails_with_its_reason_and_the_study_goes_on(tmp_path, capsys):
    problem = toy(DENOISING, **{"Learning Rate": FloatDistribution(1e30, 1e31)})
    assert run_here(problem, tmp_path, "--n-trials", "2") == 0
    study = load(tmp_path, DENOISING)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2
    assert "failed: the validation loss of" in capsys.readouterr().out


# --- Samplers, pruners, the base configuration


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe"])
def test_samplers_repeat_with_the_seed_and_never_draw_twice_the_same(sampler):
    def draws(seed):
        study = optuna.create_study()
        settings = hpo.settings.RunSettings("quick", n_trials=14, seed=seed, sampler=sampler)
        for number in range(14):
            study.sampler = hpo.samplers.make_sampler(settings, number)
            trial = study.ask()
            study.tell(trial, hpo.problem.suggest(trial, INVERSION.quick_space)["num_filt"])
        return [trial.params for trial in study.trials]

    first = draws(0)
    assert first == draws(0) and first != draws(1)
    assert len({trial["Learning Rate"] for trial in first}) == 14


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize("preset", ["quick", "paper", "extended"])
@pytest.mark.parametrize("number", [0, 12])
def test_a_trial_that_was_cut_off_while_it_drew_ends_with_the_same_parameters(sampler, preset, number):
    space = {"no choice": IntDistribution(1, 1), **DENOISING.space(preset)}
    settings = hpo.settings.RunSettings(preset, n_trials=13, sampler=sampler)

    def last_trial(*parts):
        study = optuna.create_study()
        for earlier in range(number):
            study.sampler = hpo.samplers.make_sampler(settings, earlier)
            trial = study.ask()
            study.tell(trial, hpo.problem.suggest(trial, space)["Learning Rate"])
        study.enqueue_trial({})
        trial_id = study.trials[-1]._trial_id
        for part in parts:
            study.sampler = hpo.samplers.make_sampler(settings, number)
            parameters = hpo.problem.suggest(optuna.trial.Trial(study, trial_id), part)
        return parameters

    some = dict(list(space.items())[:3])
    assert last_trial(some, space) == last_trial(space)


def test_a_sampler_whose_library_is_missing_says_what_to_install(tmp_path, capsys, monkeypatch):
    cmaes = hpo.samplers.SAMPLERS["cmaes"]._replace(library="cmaes_that_is_not_here")
    monkeypatch.setitem(hpo.samplers.SAMPLERS, "cmaes", cmaes)
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--sampler", "cmaes") == 2
    assert "pip install cmaes_that_is_not_here" in capsys.readouterr().err


def test_pruned_trials_keep_their_curves_and_the_epochs_saved_are_said(tmp_path, capsys):
    options = ("--n-trials", "6", "--pruner", "median", "--num-epochs", "3")
    assert run_here(toy(DENOISING), tmp_path, *options) == 0
    study = load(tmp_path, DENOISING)
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert pruned and all(1 <= len(trial.intermediate_values) < 3 for trial in pruned)
    saved = sum(3 - len(trial.intermediate_values) for trial in pruned)
    assert f"Pruning saved {saved} of the {3 * len(pruned)} epochs" in capsys.readouterr().out
    histories = list((tmp_path / "Denoising" / "Search" / "Optuna" / "loss_history_all").iterdir())
    assert len(histories) == 6


def test_the_base_configuration_is_trial_0_on_request(tmp_path):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--enqueue-base") == 0
    parameters = load(tmp_path, DENOISING).trials[0].params
    assert (parameters["arch_type"], parameters["num_dnn"], parameters["Learning Rate"]) == ("CNN", 32, 1e-3)


def test_the_best_network_of_a_study_is_trained_again_in_batches_of_the_run(tmp_path):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "s") == 0  # in batches of 4
    again = ("--mode", "final_model", "--preset", "paper", "--from-study", "s", "--repeats", "1")
    assert run_here(toy(DENOISING), tmp_path, *again) == 0
    told = [json.loads(path.read_text())["run"] for path in tmp_path.glob("Denoising/Final_Model/Optuna/*.json")]
    assert {run["owner"]: run["batch_size"] for run in told} == {"s": 4, "final_model": 1}


def test_learning_rates_are_logarithmic_on_request():
    options = hpo.options.parse_options("", ["--preset", "paper", "--log-lr"])
    assert hpo.asked.run_from_options(DENOISING, options).search_space["Learning Rate"].log


# --- Resume by mode


def test_resume_finds_the_newest_study_with_its_settings(tmp_path, capsys):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "old", "--seed", "7") == 0
    resume = ["--mode", "optuna_resume", "--output", str(tmp_path)]
    assert hpo.command.main(DENOISING, "", [*resume, "--n-trials", "2"]) == 0
    study = load(tmp_path, DENOISING)
    assert study.study_name == "old" and study.user_attrs["n_trials"] == 2 and study.user_attrs["seed"] == 7
    assert len(study.trials) == 2 and all(len(trial.intermediate_values) == 2 for trial in study.trials)
    assert "1 of them done already" in capsys.readouterr().out


def test_a_published_study_is_gone_on_with_from_a_copy(tmp_path, capsys):
    name = "DEN_Study_20230101_1200_0b7c6d2e-0000-4000-8000-000000000000"
    url = f"sqlite:///{tmp_path / 'published.db'}"
    published = optuna.create_study(study_name=name, storage=url)
    published.optimize(
        lambda trial: bool(hpo.problem.suggest(trial, DENOISING.search_space)) + trial.number, n_trials=3
    )
    published.ask()  # as a process leaves it that was killed
    make_old(tmp_path / "published.db")
    before = (tmp_path / "published.db").read_bytes()
    output = tmp_path / "out"
    resume = ["--mode", "optuna_resume", "--storage", url, "--output", str(output)]
    assert hpo.command.main(DENOISING, "", resume) == 2
    assert "add --preset paper" in capsys.readouterr().err
    assert hpo.command.main(DENOISING, "", [*resume, "--preset", "paper", "--n-trials", "3"]) == 0
    printed = capsys.readouterr().out
    assert "3 trials trained" in printed and "Best trial 0" in printed and "upgraded copy" in printed
    assert (tmp_path / "published.db").read_bytes() == before


def test_resume_without_a_study_is_refused(tmp_path, capsys):
    for options in ([], ["--study-name", "none"]):
        assert hpo.command.main(DENOISING, "", ["--mode", "optuna_resume", "--output", str(tmp_path), *options]) == 2
        assert "there is no study" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# --- The paper preset


@pytest.mark.parametrize(("problem", "n_trials"), [(DENOISING, 260), (INVERSION, 300)])
def test_the_paper_preset_is_the_paper(problem, n_trials):
    options = hpo.options.parse_options("", ["--preset", "paper"])
    settings = hpo.asked.run_from_options(problem, options).settings
    assert (settings.n_trials, settings.num_epochs, settings.num_datasets, settings.n_validation) == (
        *(n_trials, 30, 250, 75),
    )
    assert (settings.n_samples, settings.batch_size, settings.scaling_flag) == (4096, 1, False)
    assert (settings.snr_db, settings.validation) == (None, "streaming")
    ranges = {
        name: getattr(kind, "choices", None) or (kind.low, kind.high, kind.log)
        for name, kind in hpo.asked.run_from_options(problem, options).search_space.items()
    }
    own = {
        "denoising": {"arch_type": ("CNN", "TCN"), "pool_val": (2, 4, 8)},
        "inversion": {"arch_type": ("DNN", "CNN", "CNN_VAR", "CNN_LSTM", "TCN"), "num_lstm": (2, 64, False)},
    }
    assert ranges == own[problem.name] | {
        "num_layers": (1, 4, False),
        "num_dnn": (2, 4096, False),
        "num_filt": (2, 128, False),
        "krnl_size": (2, 64, False),
        "num_dil": (2, 128, False),
        "Learning Rate": (1e-6, 1e-3, False),
    }


def test_the_limits_and_scores_of_large_networks_are_the_papers():
    assert DENOISING.skipped_score == 1.0 and INVERSION.skipped_score == 100_000.0
    assert {DENOISING.parameter_limit(name) for name in ("CNN", "TCN", "RES")} == {20_000_000}
    assert INVERSION.parameter_limit("CNN_LSTM") == 5_000_000
    others = ("DNN", "CNN", "CNN_VAR", "TCN", "RES", "a network that has no limit of its own")
    assert {INVERSION.parameter_limit(name) for name in others} == {20_000_000}


@pytest.mark.parametrize("problem", [DENOISING, INVERSION], ids=lambda problem: problem.name)
@pytest.mark.parametrize("space", ["search_space", "quick_space"])
def test_every_draw_from_a_search_space_is_a_network(problem, space):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        parameters = hpo.problem.suggest(study.ask(), getattr(problem, space))
        assert isinstance(hpo.problem.network_config(problem, parameters), NetworkConfig)


# --- What the user gets wrong


BAD_OPTIONS = [
    (["--mode", "grid"], "'grid'", "optuna"),
    (["--preset", "fast"], "'fast'", "quick"),
    (["--n-trials", "0"], "'0'", "at least 1"),
    (["--n-trials", "-3"], "'-3'", "at least 1"),
    (["--num-epochs", "two"], "'two'", "whole number"),
    (["--num-datasets", "1.5"], "'1.5'", "whole number"),
    (["--samples", "2"], "'2'", "at least 3"),
    (["--seed", "-1"], "'-1'", "at least 0"),
    (["--study-name", "../other"], "'../other'", "letters"),
    (["--storage", "nonsense"], "'nonsense'", "sqlite:///"),
    (["--storage", "sqlite:////no/such/folder/x.db"], "no/such/folder", "sqlite:///"),
    (["--storage", "postgresql+nodriver://me:secret@127.0.0.1:1/x"], "nodriver", "sqlite:///"),
    (["--snr-db", "9", "3"], "9.0, 3.0", "lowest, highest"),
    (["--snr-db", "nan"], "nan", "number of dB"),
    (["--validation", "frozen"], "'frozen'", "streaming"),
    (["--n-traces", "5"], "--n-traces", "unrecognized"),
    (["--workers", "0"], "'0'", "at least 1"),
    (["--sampler", "grid"], "'grid'", "tpe"),
    (["--pruner", "asha"], "'asha'", "median"),
    (["--repeats", "3"], "--repeats", "final_model"),
    (["--model", "x.keras"], "--model", "model_update"),
    (["--mode", "manual", "--n-trials", "5"], "--n-trials", "optuna"),
    (["--mode", "manual", "--workers", "2"], "--workers 2", "optuna"),
    (["--mode", "model_update"], "model_update", "--model FILE"),
]


@pytest.mark.parametrize(("options", "named", "valid"), BAD_OPTIONS, ids=lambda value: str(value)[:30])
def test_bad_options_get_one_sentence_and_leave_nothing(tmp_path, capsys, options, named, valid):
    output = tmp_path / "out"
    try:
        status = run_here(DENOISING, output, *options)
    except SystemExit as stopped:
        status = stopped.code
    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith("error: ") and error.count("\n") == 1
    assert named in error and valid in error and "secret" not in error
    assert not output.exists()


def test_a_noise_level_has_no_meaning_for_clean_traces(tmp_path, capsys):
    assert run_here(INVERSION, tmp_path, "--snr-db", "3") == 2
    assert "--snr-db [3.0] has no meaning for inversion" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run_here(DENOISING, tmp_path / "file" / "results") == 2
    assert "not a writable folder" in capsys.readouterr().err


def test_a_study_of_the_other_problem_is_refused(tmp_path, capsys):
    storage = ("--storage", f"sqlite:///{tmp_path / 'shared.db'}", "--study-name", "mine")
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", *storage) == 0
    assert run_here(toy(INVERSION), tmp_path, "--n-trials", "1", *storage) == 2
    assert "study 'mine' is of another problem (denoising)" in capsys.readouterr().err
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "yours") == 0
    assert run_here(toy(INVERSION), tmp_path, "--n-trials", "1", "--study-name", "yours") == 2
    assert "study 'yours' is of another problem" in capsys.readouterr().err
    assert not (tmp_path / INVERSION.folder).exists()


def test_a_study_of_other_settings_is_refused(tmp_path, capsys):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "s") == 0
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "2", "--study-name", "s", "--num-epochs", "5") == 2
    assert "was started with num_epochs 2, not 5" in capsys.readouterr().err


def test_help_names_every_option_and_the_papers_names(tmp_path):
    ended = forked.run_script(SCRIPTS["inversion"], "--help", folder=tmp_path)
    assert ended.status == 0 and ended.errors == ""
    for option in ("--mode", "--preset", "--n-trials", "--samples", "--storage", "constant_data_length"):
        assert option in ended.printed


def test_a_study_runs_in_a_thread_of_a_notebook_or_a_server(tmp_path):
    """Python lets only the main thread handle signals."""
    ended = []
    thread = threading.Thread(target=lambda: ended.append(run_here(toy(DENOISING), tmp_path, "--n-trials", "1")))
    thread.start()
    thread.join()
    assert ended == [0] and load(tmp_path, DENOISING).trials[0].state == TrialState.COMPLETE
