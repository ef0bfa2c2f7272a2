"""The options of the run scripts: made from fields, filled into a run, and stored with a study."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from toys import DENOISING, INVERSION

import hpo.asked
import hpo.options
from hpo.settings import SEARCH, RunSettings
from support.errors import UserError
from support.files import note

PAPER = {  # what a study of the paper preset keeps, in this order
    "preset": "paper",
    "n_trials": 260,
    "num_epochs": 30,
    "num_datasets": 250,
    "n_samples": 4096,
    "batch_size": 1,
    "scaling_flag": False,
    "noisy_data": False,
    "transform": "NA",
    "snr_db": None,
    "validation": "streaming",
    "precision": "float32",
    "seed": 0,
    "sampler": "tpe",
    "pruner": "none",
    "enqueue_base": False,
    "one_by_one": False,
    "budget": None,
    "generation": "described",
    "wavelet": None,
    "earth": None,
    "dt": 0.001,
    "variety": "paper",
    "background": False,
    "targets": None,
    "traces": None,
    "pairs": None,
    "validation_share": 0.3,
}


def asked(*options, problem=DENOISING):
    return hpo.asked.run_from_options(problem, hpo.options.parse_options("", options))


def test_the_settings_that_are_stored_keep_their_names_and_their_order():
    assert list(asdict(asked("--preset", "paper").settings).items()) == list(PAPER.items())


def test_options_that_are_not_given_are_those_of_the_preset_and_of_the_run():
    run = asked()
    assert run.given == frozenset() and run.settings.n_samples == 2048 and run.settings.validation == "fixed"
    assert (run.mode, run.n_workers, run.storage_url, run.output) == ("optuna", 1, None, Path("Results"))
    assert not (run.dry_run or run.deterministic or run.is_worker or run.log_lr or run.search_transform)
    assert run.study_name.startswith("DEN_Study_")


def test_options_that_are_given_come_before_those_of_the_preset():
    options = ["--samples", "64", "--snr-db", "3", "--enqueue-base", "--budget", "9epochs", "--seed", "0", "--log-lr"]
    run = asked(*options, "--workers", "2", "--output", "here", "--study-name", "mine")
    s = run.settings
    assert (s.n_samples, s.snr_db, s.enqueue_base, s.budget, s.num_epochs) == (64, [3.0, 3.0], True, "9epochs", 9)
    assert run.given == {"n_samples", "snr_db", "enqueue_base", "budget", "seed", "search_space"}
    assert (run.n_workers, run.study_name, run.tree.root) == (2, "mine", Path("here") / "Denoising")


def test_a_loss_of_scaled_velocities_says_what_it_is_counted_in():
    scaled, plain, amplitudes = asked(problem=INVERSION), asked("--preset", "paper", problem=INVERSION), asked()
    assert scaled.loss_text(0.1372) == "0.1372 x 30,000 ft/s" and "counted in 30,000 ft/s" in scaled.score_in_words
    assert plain.loss_text(1672.0) == "1672 ft/s" and amplitudes.loss_text(0.02) == "0.02"
    assert "RMSE of validation traces, plus the network's penalties" in plain.score_in_words


@pytest.mark.parametrize(("preset", "repeats"), [("quick", 3), ("paper", 25), ("published", 25)])
def test_repeats_are_the_trials_of_final_model(preset, repeats):
    run = asked("--mode", "final_model", "--preset", preset)
    assert run.settings.repeats == run.settings.n_trials == repeats
    run = asked("--mode", "final_model", "--preset", preset, "--repeats", "7")
    assert run.settings.repeats == run.settings.n_trials == 7


def test_an_option_with_its_default_value_is_valid_in_every_mode():
    assert asked("--mode", "manual", "--workers", "1").n_workers == 1


def test_every_option_says_what_it_is_called_in_the_paper_and_belongs_to_modes_that_exist(capsys):
    with pytest.raises(SystemExit):
        hpo.options.parse_options("", ["--help"])
    text = " ".join(capsys.readouterr().out.partition("options:")[2].split())
    for flag, field in hpo.options.OPTIONS.items():
        assert set(field.metadata["modes"]) <= {SEARCH, *hpo.options.MODES}, flag
    assert set(hpo.options.TABLES) <= set(RunSettings.__dataclass_fields__)
    tags = re.findall(r"\[(new|paper: [^]]*)\]", text)
    assert len(tags) == len(hpo.options.OPTIONS)  # --as-worker is not listed, --mode is
    assert "paper: constant_data_length" in tags and "paper: edited into the script" in tags


def test_a_problem_without_an_extended_search_refuses_that_preset():
    problem = replace(DENOISING, extended_space={})
    with pytest.raises(UserError, match="no search space for denoising; quick, paper, published are valid"):
        asked("--preset", "extended", problem=problem)


# --- A search space of one's own


def test_one_network_type_and_one_range_take_the_place_of_the_presets():
    run = asked(
        "--preset", "paper", "--only", "arch_type=TCN", "--set", "num_filt=8..32", "--set", "learning_rate=1e-4"
    )
    space, usual = run.search_space, DENOISING.search_space
    assert space["arch_type"].choices == ("TCN",) and (space["num_filt"].low, space["num_filt"].high) == (8, 32)
    assert space["Learning Rate"].single() and not space["Learning Rate"].log
    same = set(usual) - {"arch_type", "num_filt", "Learning Rate"}
    assert {name: space[name] for name in same} == {name: usual[name] for name in same} and list(space) == list(usual)
    assert "search_space" in run.given and run.settings == asked("--preset", "paper").settings
    assert asked("--set", "pool_val=2,16").search_space["pool_val"].choices == (2, 16)
    extended = asked("--preset", "extended", "--only", "RES num_filt=16..32").search_space["RES num_filt"]
    assert (extended.low, extended.high, extended.step) == (16, 32, 8)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--only", "TCN"], "--only TCN does not name values"),
        (["--only", "arch=TCN"], "'arch' is not searched; arch_type, num_layers"),
        (["--only", "arch_type=GRU"], "'GRU' is not a choice; CNN, TCN are"),
        (["--only", "num_filt=8..64"], "outside of what the preset searches, which is 8 to 32; --set takes any"),
        (["--set", "num_filt=8..many"], "is not a range like that of the preset, 8 to 32"),
        (["--set", "num_filt=32..8"], "is not a range"),
        (["--set", "num_filt=8.5..9"], "is not a range"),
        (["--set", "Learning Rate=0..1"], "is not a range"),
        (["--set", "num_filt=0..8"], "networks that cannot be built: num_filt must be a whole number of at least 1"),
        (["--only", "arch_type=TCN", "--mode", "optuna_resume"], "--only has no meaning in mode optuna_resume"),
        (["--noisy-data"], "--noisy-data has no meaning for denoising, whose traces always have noise"),
    ],
)
def test_a_search_space_that_cannot_be_is_one_sentence(options, sentence):
    with pytest.raises(UserError) as caught:
        asked(*options)
    assert sentence in str(caught.value)


def test_an_inversion_of_noisy_traces_is_one_option():
    run = asked("--noisy-data", "--snr-db", "9", problem=INVERSION)
    assert run.settings.noisy_data and run.settings.protocol.noisy_data and "noisy_data" in run.given
    with pytest.raises(UserError, match="for inversion without --noisy-data"):
        asked("--snr-db", "9", problem=INVERSION)


def test_rates_on_a_log_scale_where_they_are_already_are_a_note(capsys):
    note.cache_clear()  # Another test of this process may have had it printed.
    asked("--log-lr")
    assert "--log-lr changes nothing: preset quick draws" in capsys.readouterr().out
    assert asked("--log-lr", "--preset", "paper").search_space["Learning Rate"].log and not capsys.readouterr().out
