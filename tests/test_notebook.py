"""What a notebook relies on: a command leaves its process as it was, and what cannot be changed says so."""

import gc
import random
import signal
import sys
from unittest.mock import patch

import forked
import numpy as np
import optuna
import pytest
import toys

import applyModel
import baseML
import dataGeneration
import resultsPlotting
import support.stopping
import traces.earth
from dataFiles import write_traces
from dataPreProcessing import CustomDataGen
from hpo.command import main

posix_only = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of POSIX are needed")


def state():
    """What of a process a command may change and has to put back."""
    return {
        "signals": {number.name: signal.getsignal(number) for number in support.stopping.STOP_SIGNALS},
        "alarm": signal.getitimer(signal.ITIMER_REAL),
        "asked to stop": support.stopping.stop_was_asked(),
        "Optuna's log": optuna.logging.get_verbosity(),
        "frozen objects": gc.get_freeze_count(),
    }


def random_states():
    """The states of the global generators that Keras seeds."""
    return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


def interrupt_trainings():
    """Have each training of this process interrupted by Ctrl-C."""
    train = baseML.run_model

    def interrupted(*arguments, **options):
        signal.raise_signal(signal.SIGINT)
        return train(*arguments, **options)

    baseML.run_model = interrupted


def leave_as_it_was(command, *arguments, status):
    """Have a command end with a status, in a process that it has to leave as it was."""
    gc.unfreeze()
    before = state()
    with toys.hastily():
        assert command(*arguments) == status
    after = state()
    assert after == before, {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def search(folder, interrupted):
    if interrupted:
        interrupt_trainings()
    arguments, before = (toys.toy(toys.DENOISING), folder, "--n-trials", "1"), random_states()
    leave_as_it_was(toys.run_here, *arguments, status=130 if interrupted else 0)
    assert random_states() == before


def apply_to_a_line(folder, interrupted):
    """Apply a pretrained network to a file, in which the process is asked to stop before the first block."""
    write_traces(folder / "line.npy", np.random.default_rng(0).standard_normal((4, 200)), 0.001)
    predict = applyModel.apply

    def interrupted_apply(*given, **options):
        signal.raise_signal(signal.SIGINT)
        return predict(*given, **options)

    arguments = [str(folder / "line.npy"), "--task", "denoise", "--dt", "0.001", "--output", str(folder / "out.npy")]
    with patch("applyModel.apply", interrupted_apply if interrupted else predict):
        leave_as_it_was(applyModel.main, arguments, status=130 if interrupted else 0)


def draw_a_table(folder, interrupted):
    arguments = ["--results", str(folder), "--output", str(folder / "Figs"), "--tables", "1"]
    leave_as_it_was(resultsPlotting.main, arguments, status=0)


@posix_only
@pytest.mark.parametrize(
    ("command", "interrupted"),
    [(search, False), (search, True), (apply_to_a_line, False), (apply_to_a_line, True), (draw_a_table, False)],
)
def test_a_command_leaves_its_process_as_it_was(tmp_path, command, interrupted):
    assert forked.in_a_fork(command, tmp_path, interrupted) == 0


def run_as_a_script(folder, prompt):
    """A run of the process's own command line that Ctrl-C stops; whether a prompt goes on after it."""
    if prompt:
        sys.ps1 = ">>> "
    interrupt_trainings()
    sys.argv = ["script", *toys.TOY, "--output", str(folder), "--n-trials", "1"]
    before = signal.getsignal(signal.SIGINT)
    with toys.hastily():
        assert main(toys.toy(toys.DENOISING), "toy") == 130
    assert signal.getsignal(signal.SIGINT) == (before if prompt else signal.SIG_IGN)


@posix_only
@pytest.mark.parametrize("prompt", [True, False])
def test_nothing_interrupts_the_end_of_a_script_but_a_prompt_can_be_interrupted_again(tmp_path, prompt):
    assert forked.in_a_fork(run_as_a_script, tmp_path, prompt) == 0


# --- What a notebook may try to change


@pytest.mark.parametrize("module", [dataGeneration, traces.earth])
@pytest.mark.parametrize(
    "name", ["SEQUENCES", "LITHOLOGIES", "STOPPING_DEPTH", "VELOCITY_HETEROGENEITY", "PAPER_EARTH"]
)
def test_a_constant_of_the_earth_that_would_change_nothing_cannot_be_replaced(module, name):
    before = getattr(module, name)
    with pytest.raises(AttributeError, match=f"new {module.__name__}.{name} would change nothing; give earth=Earth"):
        setattr(module, name, ())
    assert getattr(module, name) is before


def test_the_sequences_of_the_paper_are_read_only():
    with pytest.raises(TypeError):
        dataGeneration.SEQUENCES["salt"] = (0.05, {"halite": 1.0})
    with pytest.raises(TypeError):
        dataGeneration.SEQUENCES["salt"][1]["halite"] = 0.4


def test_the_way_that_the_message_names_works():
    earth = dataGeneration.Earth(sequences={"sand": (1.0, {"sandstone": 1.0})})
    block, *_ = dataGeneration.DataGenerationClass(n_traces=2, constant_data_length=200, earth=earth).generate_dataset()
    assert set(block["LITHOLOGY"].ravel().tolist()) == {dataGeneration.LITHOLOGY_NAMES.index("sandstone")}


def test_other_constants_can_be_replaced(monkeypatch):
    monkeypatch.setattr(dataGeneration, "DATA_LENGTHS", (400, 400))
    blocks = dataGeneration.DataGenerationClass(variable_data_length=True, n_traces=2, seed=0).generate_dataset()
    assert [block["VEL"].shape for block in blocks] == [(1, 400), (1, 400)]


@pytest.mark.parametrize("kind", [CustomDataGen, dataGeneration.DataGenerationClass])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"earth": "basin.toml"}, "earth must be an Earth, such as .*, not 'basin.toml'"),
        ({"earth": None}, "earth must be an Earth"),
        ({"own_wavelet": np.ones(5)}, "own_wavelet must be None or an OwnWavelet, which read_wavelet makes of a file"),
        ({"variety": "feild"}, "variety 'feild' is unknown; valid: paper, field"),
        ({"variety": np.ones(2)}, "variety .* is unknown"),
    ],
)
def test_an_option_of_another_kind_is_refused_in_one_sentence(kind, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        kind(**options)


@pytest.mark.parametrize("n_samples", [3, 1000])
def test_every_set_of_traces_with_variable_time_steps_can_be_made(n_samples):
    made = dataGeneration.DataGenerationClass(True, False, n_samples, n_traces=6, seed=1, variety="field")
    assert {len(block["CONV_REFL_NOISY"][0]) for block in made.generate_dataset()} == {n_samples}
