"""What no move of code may change: documented names and their modules, options, every draw of every seed.

python tests/test_unchanged.py      prints the file unchanged.json anew, for a change that is meant

Floating-point functions of different processors differ in their last digit, so an array is held by its sum with
drawn weights, which changes as soon as one sample does, rather than by the hash of its bytes.
"""

import contextlib
import importlib
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
STORED = Path(__file__).with_name("unchanged.json")
DOCUMENTED = {
    "baseML": (
        "BaseMLClass CLR_CB Dwell_CB NetworkConfig RunResult append_results_to_file count_parameters create_model "
        "estimate init_results_file keep_best run_model summary_row train_network SUMMARY_COLUMNS"
    ),
    "dataGeneration": (
        "DataGenerationClass Gap Layers Lithology DATA_NAMES DENSITY_HETEROGENEITY LITHOLOGIES LITHOLOGY_NAMES PAIRS "
        "SAVED_KINDS SEQUENCES STREAMS TRACE_FAMILIES VELOCITY_HETEROGENEITY WAVELETS WAVELET_NAMES convolve "
        "data_average data_gaps data_noise draw_gap draw_layers draw_wavelets generate_block heterogeneous_log klauder "
        "log_in_time main ormsby reflectivity ricker samples_per_layer save_data stream_generator wavelet_convolution "
        "wavelet_time"
    ),
    "dataPlotting": (
        "PlotLearning COLOURS LITHOLOGY_STYLES axis_label draw_actual_predicted draw_comparison draw_network_flow "
        "font_sizes_defaults max_axis_value plot_ae_mra_predict plot_ae_predict_raw plot_cwt_magn plot_cwt_magn_phase "
        "plot_cwt_magn_predict plot_cwt_real_imag plot_earth_model_and_traces plot_model plot_mra plot_network "
        "plot_refl plot_refl_compare plot_xplot"
    ),
    "dataPreProcessing": (
        "CustomDataGen channel_names complex_coefficients cwt_coefficients cwt_frequencies "
        "log_root_mean_squared_error normalize_data restore_traces root_mean_squared_error "
        "trace_root_mean_squared_error transform_traces"
    ),
    "resultsPlotting": (
        "main plot_accuracy_and_cost plot_duration_importance plot_final_networks plot_grid_search plot_repeatability "
        "plot_study"
    ),
    "run_DenoisingML_HPO_Paper": "PROBLEM main",
    "run_InversionML_HPO_Paper": "PROBLEM main",
}
METHODS = {
    "BaseMLClass": (
        "blocks fit_model get_model load_model plot_model predict_best_result predict_result save_model seq_cnn_ae "
        "seq_cnn_lstm_ml seq_cnn_ml seq_cnn_variant_ml seq_dnn_ml seq_tcn_ae seq_tcn_ml"
    ),
    "DataGenerationClass": (
        "create_data data_names generate_dataset plot_earth_model plot_generated_data retrieve_input_output "
        "retrieve_mult_input_output run_data_generation save_generated_data velocity_density_logs_creation"
    ),
}
COMMANDS = (
    "run_DenoisingML_HPO_Paper.py",
    "run_InversionML_HPO_Paper.py",
    "blindTest.py",
    "modelCard.py",
    "resultsPlotting.py",
    "dataGeneration.py",
)
STREAMS = {  # options of CustomDataGen
    "denoising": {"gen_type": "DeNoise"},
    "denoising, second epoch": {"gen_type": "DeNoise", "epoch": 1},
    "denoising, validation": {"gen_type": "DeNoise", "stream": "validation", "validation": "fixed"},
    "denoising, range of noise": {"gen_type": "DeNoise", "snr_db": (-5.0, 15.0), "stream": "blind"},
    "denoising, DWT": {"gen_type": "DeNoise", "transform_type": "DWT"},
    "denoising, CWT": {"gen_type": "DeNoise", "transform_type": "CWT"},
    "inversion": {"gen_type": "ML_VEL"},
    "inversion, scaled": {"gen_type": "ML_VEL", "scaling_flag": True, "dt": 0.002},
    "inversion, gaps": {"gen_type": "ML_VEL", "noisy_data": True, "seed": 5},
    "denoising, field": {"gen_type": "DeNoise", "variety": "field"},
    "inversion, field": {"gen_type": "ML_VEL", "variety": "field", "background": True},
    "autoencoder": {"gen_type": "AE"},
    "autoencoder, noisy, SWT": {"gen_type": "AE", "noisy_data": True, "transform_type": "SWT"},
}
DATA_SETS = {  # options of DataGenerationClass
    "defaults": {"n_traces": 3},
    "variable": {"n_traces": 3, "variable_dt": True, "variable_data_length": True, "t0": 0.1},
    "drawn densities": {"n_traces": 2, "density_empirical": False, "add_noise": False, "run_number": 7},
    "without wavelets": {"n_traces": 2, "convolve_with_wavelets": False},
}
STUDIES = [  # script, options
    ("run_DenoisingML_HPO_Paper", ["--preset", "paper"]),
    ("run_InversionML_HPO_Paper", ["--preset", "paper", "--seed", "3"]),
    ("run_InversionML_HPO_Paper", ["--search-transform"]),
    ("run_DenoisingML_HPO_Paper", ["--sampler", "random", "--log-lr"]),
    ("run_InversionML_HPO_Paper", ["--preset", "extended"]),
    ("run_DenoisingML_HPO_Paper", ["--preset", "extended", "--sampler", "qmc"]),
]
N_TRIALS = 14  # the first ten of a TPE sampler are drawn at random


def fingerprint(*arrays):
    """Six digits of the sums of arrays with weights that are always the same."""
    sums = []
    for array in arrays:
        values = np.asarray(array, np.float64).ravel()
        weights = np.random.Generator(np.random.PCG64(values.size)).standard_normal(values.size)
        sums.append(float(f"{values @ weights:.6g}"))
    return sums


def stream_of(options):
    from dataPreProcessing import CustomDataGen

    options = dict(options)
    epoch = options.pop("epoch", 0)
    stream = CustomDataGen(batch_size=20, n=60, n_samples=300, **options)
    stream.begin_at(epoch + 1)
    return fingerprint(*(part for index in range(len(stream)) for part in stream[index]))


def data_set_of(options):
    from dataGeneration import DataGenerationClass

    made = DataGenerationClass(constant_data_length=257, seed=11, **options)
    blocks = made.generate_dataset()
    return {name: fingerprint(*(block[name] for block in blocks)) for name in sorted(blocks[0])}


def study_of(script, options):
    """The parameters of the first trials of a study whose scores are made up."""
    options_of_runs, asked, space, samplers = (importlib.import_module(name) for name in PARTS)
    problem = importlib.import_module(script).PROBLEM
    run = asked.run_from_options(problem, options_of_runs.parse_options("", options))
    study = optuna.create_study()
    found = []
    for number in range(N_TRIALS):
        study.sampler = samplers.make_sampler(run.settings, number)
        trial = study.ask()
        found.append(space.suggest(trial, run.search_space))
        study.tell(trial, trial.params["Learning Rate"] * 1000 + trial.params.get("num_filt", 0) / 100)
    return found


PARTS = ("hpo.options", "hpo.asked", "hpo.problem", "hpo.samplers")


def options_of(command):
    """The options that a command's help text lists, with their choices."""
    script, text = importlib.import_module(command.removesuffix(".py")), io.StringIO()
    arguments = [script.PROBLEM, script.__doc__] if hasattr(script, "PROBLEM") else []
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit, match="^0$"):
        script.main(*arguments, ["--help"])
    listed = text.getvalue().partition("options:")[2]
    return [" ".join(found) for found in re.findall(r"^  (?:-h, )?(--[\w-]+)(?: (\{[^}]*\}))?", listed, re.M)]


def now():
    """Everything that is held, as it is now."""
    return {
        "streams": {name: stream_of(options) for name, options in STREAMS.items()},
        "data sets": {name: data_set_of(options) for name, options in DATA_SETS.items()},
        "studies": {" ".join([script, *options]): study_of(script, options) for script, options in STUDIES},
        "options": {command: options_of(command) for command in COMMANDS},
    }


def stored(part, name):
    return json.loads(STORED.read_text(encoding="utf-8"))[part][name]


@pytest.mark.parametrize("module", DOCUMENTED)
def test_documented_names_are_in_their_modules(module):
    found = importlib.import_module(module)
    assert [name for name in DOCUMENTED[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("name", METHODS)
def test_documented_methods_are_there(name):
    owner = {"BaseMLClass": "baseML", "DataGenerationClass": "dataGeneration"}[name]
    found = getattr(importlib.import_module(owner), name)
    assert [method for method in METHODS[name].split() if not hasattr(found, method)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_options_that_it_had(monkeypatch, command):
    # A further problem adds transforms of its own, once it is imported.
    own = importlib.import_module("traces.transforms").TRANSFORM_TYPES
    monkeypatch.setitem(importlib.import_module("hpo.options").TABLES, "transform", own)
    assert options_of(command) == stored("options", command)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_draws_what_it_drew(name):
    assert stream_of(STREAMS[name]) == pytest.approx(stored("streams", name), rel=1e-4)


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_draws_what_it_drew(name):
    found, held = data_set_of(DATA_SETS[name]), stored("data sets", name)
    assert found.keys() == held.keys()
    assert [sums for part in found.values() for sums in part] == pytest.approx(sum(held.values(), []), rel=1e-4)


@pytest.mark.parametrize(("script", "options"), STUDIES, ids=lambda value: str(value))
def test_a_study_draws_what_it_drew(script, options):
    found = study_of(script, options)
    for trial, held in zip(found, stored("studies", " ".join([script, *options])), strict=True):
        assert list(trial) == list(held)
        for parameter, value in trial.items():
            assert value == (pytest.approx(held[parameter], rel=1e-9) if isinstance(value, float) else held[parameter])


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):  # what runs say
        found = now()
    print(json.dumps(found, indent=1))
