"""What users and callers get wrong: one sentence that names the value and what is valid, never a traceback."""

import json
from pathlib import Path

import keras
import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import pyplot as plt
from toys import DENOISING, INVERSION, ROOT, TOY

import blindTest
import dataGeneration as dg
import dataPlotting
import dataPreProcessing as dp
import evaluation.baselines
import hpo.asked
import hpo.command
import hpo.options
import hpo.study
import hpo.tree
import modelCard
import resultsPlotting
from baseML import SUMMARY_COLUMNS, BaseMLClass, NetworkConfig, create_model, init_results_file
from blindTest import TraceProtocol
from evaluation.blind import blind_traces
from evaluation.comparison import best_baseline
from evaluation.scores import score

NAN, INF = np.nan, np.inf
HUGE = "9" * 30

# --- Command lines


def run(problem):
    def main(arguments):
        return hpo.command.main(problem, "toy", [*TOY, *arguments])

    return main


SCRIPTS = {
    "denoising": run(DENOISING),
    "inversion": run(INVERSION),
    "figures": resultsPlotting.main,
    "blind": blindTest.main,
    "card": modelCard.main,
    "data": dg.main,
}
COMMANDS = [  # script, options ({} is a folder of the test's own), parts of the sentence
    *(
        (script, options, parts)
        for script in ("denoising", "inversion")
        for options, parts in [
            (["--samples", HUGE], (HUGE, "at most 1000000")),
            (["--samples", "1000001"], ("'1000001'", "at most 1000000")),
            (["--n-trials", HUGE], (HUGE, "at most 100000")),
            (["--num-epochs", "1e3"], ("'1e3'", "whole number of at least 1")),
            (["--num-datasets", "0"], ("'0'", "at least 1")),
            (["--num-datasets", "9" * 5000], ("'9999", "at most 10000000")),
            (["--workers", "100000"], ("'100000'", "at most 1000")),
            (["--seed", "1" * 25], ("'1111", "at most 9223372036854775807")),
            (["--seed", "inf"], ("'inf'", "whole number")),
            (["--samples", ""], ("''", "whole number")),
            (["--samples", "--seed"], ("--samples", "expected one argument")),
            (["--mode", ""], ("''", "optuna_resume")),
            (["--preset", "Paper"], ("'Paper'", "quick")),
            (["--validation", "3"], ("'3'", "streaming")),
            (["--mode", "model_update", "--model", "{}/none.keras"], ("there is no model file", "none.keras")),
            (["--mode", "model_update", "--model", "{}"], ("there is no model file",)),
            (["--mode", "model_update", "--model", "x" * 300], ("there is no model file", "xxx")),
            (["--mode", "final_model", "--from-study", "none"], ("there is no study 'none'", "--mode optuna")),
            (["--mode", "final_model", "--repeats", "0"], ("'0'", "at least 1")),
            (["--dry-run"], ("--dry-run", "manual and final_model")),
            (["--workers", "2", "--mode", "manual"], ("--workers has no meaning in mode manual", "and optuna_resume")),
            (["--sampler", "tpe", "--mode", "final_model"], ("--sampler has no meaning in mode final_model",)),
            (["--storage", "", "--mode", "manual"], ("--storage has no meaning in mode manual",)),
            (["--repeats", "2"], ("--repeats has no meaning in mode optuna; --repeats 2 is for final_model",)),
            (["--mode", "model_update"], ("needs --model FILE",)),
            (["--budget", "much"], ("'much'", "780epochs or 90min")),
            (["--study-name", "a b"], ("'a b'", "letters, digits")),
            (["--from-study", ".."], ("'..'", "letters, digits")),
            (["--storage", "sqlite:///{}"], ("it is a folder", "sqlite:///file.db")),
            (["--storage", ""], ("storage ''", "sqlite:///file.db")),
            (["--output", "{}/file/results"], ("file", "not a writable folder")),
            (["extra"], ("unrecognized", "extra")),
        ]
    ),
    ("inversion", ["--snr-db", "3"], ("--snr-db [3.0]", "no noise")),
    ("denoising", ["--snr-db", "1", "2", "3"], ("[1.0, 2.0, 3.0]", "(lowest, highest) dB")),
    ("denoising", ["--snr-db", "loud"], ("'loud'", "--snr-db")),
    ("denoising", ["--snr-db", "inf"], ("inf", "-100 to 100")),
    ("denoising", ["--snr-db", "1000"], ("1000.0", "-100 to 100")),
    ("figures", ["--results", "{}/none"], ("none", "not a folder", "Denoising and Inversion")),
    ("figures", ["--results", "{}/file"], ("file", "not a folder")),
    ("figures", ["--results", "{}", "--figures", ""], ("''", "2, 3, 4")),
    ("figures", ["--results", "{}", "--figures", "2,,3"], ("''", "2, 3, 4")),
    ("figures", ["--results", "{}", "--figures", "-2"], ("--figures",)),
    ("figures", ["--results", "{}", "--tables", "nan"], ("'nan'", "1, 2, 3, 4")),
    ("figures", ["--results", "{}", "--format", "png,exe"], ("'exe'", "png, pdf, svg")),
    ("figures", ["--results", "{}", "--study-name", "a b"], ("'a b'", "letters, digits")),
    ("figures", ["--results", "{}", "--storage", "nonsense"], ("'nonsense'", "sqlite:///file.db")),
    ("figures", ["--results", "{}", "--storage", ""], ("storage ''", "sqlite:///file.db")),
    ("figures", ["--results", "{}", "--problem", "noise"], ("'noise'", "denoising")),
    ("figures", ["--results", "{}", "--output", "{}/file/figs"], ("file", "not a writable folder")),
    ("blind", ["--traces", "0"], ("'0'", "at least 1")),
    ("blind", ["--traces", "many"], ("'many'", "at least 1")),
    ("blind", ["--traces", HUGE], (HUGE, "at most 10000000")),
    ("blind", ["--samples", "2"], ("'2'", "at least 3")),
    ("blind", ["--samples", "4e3"], ("'4e3'", "at least 3")),
    ("blind", ["--seed", "-1"], ("'-1'", "at least 0")),
    ("blind", ["--dt", "0", "--samples", "16"], ("dt", "0.0001 to 0.1 s, not 0.0")),
    ("blind", ["--dt", "nan", "--samples", "16"], ("dt", "not nan")),
    ("blind", ["--dt", "1ms"], ("'1ms'", "--dt")),
    ("blind", ["--problem", "both"], ("'both'", "inversion")),
    ("card", [], ("required", "NETWORK")),
    ("card", ["{}/none.keras"], ("there is no model file", "none.keras")),
    ("card", ["{}/file"], ("file", "only whole .keras archives")),
    ("card", ["{}", "--traces", "0"], ("'0'", "at least 1")),
    ("card", ["{}", "--seed", "-1"], ("'-1'", "at least 0")),
    ("blind", ["--by", "depth"], ("'depth'", "wavelet", "noise")),
    ("blind", ["--by", "noise", "--problem", "inversion"], ("without noise", "--noisy-data")),
    ("blind", ["--model", "{}/none.keras"], ("there is no model file", "none.keras")),
    ("blind", ["--model", "{}/file"], ("file", "only whole .keras archives")),
    ("blind", ["--traces", "2", "--samples", "16", "--problem", "denoising", "--csv", "{}/file/x"], ("file",)),
    ("data", ["--traces", "0"], ("'0'", "at least 1")),
    ("data", ["--traces", "1.5"], ("'1.5'", "at least 1")),
    ("data", ["--samples", "2"], ("'2'", "at least 3")),
    ("data", ["--samples", "1000000000"], ("'1000000000'", "at most 1000000")),
    ("data", ["--run-number", "-1"], ("'-1'", "at least 0")),
    ("data", ["--run-number", HUGE], (HUGE, "at most 999999999")),
    ("data", ["--seed", "x"], ("'x'", "at least 0")),
    ("data", ["--samples", "16", "--output", "{}/file/x"], ("file",)),
    ("data", ["--plot"], ("--plot", "unrecognized")),
]
# Places where no system makes a folder: within a file, with a name that is too long, or that no path can have.
NOWHERE = ["{}/file/x/y", "{}/" + "x" * 300, "a\0b"]
NOWHERE += ["/proc/results"] if Path("/proc/self").exists() else []  # The process file system makes no folders.
COMMANDS += [
    (script, [*options, place + ending], ("cannot be written", "is not a writable folder"))
    for place in NOWHERE
    for script, options, ending in [
        *(("denoising", ["--mode", mode, "--output"], "") for mode in ("optuna", "manual", "final_model")),
        ("inversion", ["--output"], ""),
        ("figures", ["--results", "{}", "--output"], ""),
        ("data", ["--samples", "16", "--output"], ""),
        ("blind", ["--traces", "2", "--samples", "16", "--problem", "denoising", "--csv"], ""),
        ("card", [str(ROOT / "pretrained/denoising_paper.keras"), "--output"], "/network.keras"),
    ]
]


def outcome(main, arguments):
    """The exit status of a script."""
    try:
        return main(arguments)
    except SystemExit as stopped:
        return stopped.code


def check_sentence(capsys, status, parts):
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("error: ") and error.count("\n") == 1 and len(error) < 1000, error
    assert [part for part in parts if part not in error] == [], error


@pytest.mark.parametrize(
    ("script", "options", "parts"),
    COMMANDS,
    ids=[f"{script} {' '.join(words)[-50:]!r}" for script, words, _ in COMMANDS],
)
def test_a_mistake_on_the_command_line_is_one_sentence(tmp_path, capsys, monkeypatch, script, options, parts):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("words")
    options = [word.replace("{}", str(tmp_path)) for word in options]
    check_sentence(capsys, outcome(SCRIPTS[script], options), parts)
    left = {path.name for path in tmp_path.iterdir()} - {"file", "Results"}  # the last one: of a study that is none
    assert not left and not any(path.is_file() for path in tmp_path.glob("Results/**/*"))


HEADER = ",".join(SUMMARY_COLUMNS) + "\n"
TABLES = {  # content of a table that is in the way
    "in another encoding": ((HEADER + "Größe\n").encode("latin-1"), "cannot be read"),
    "of another program": (HEADER.encode("utf-16"), "cannot be read"),
    "of other columns": (b"name;value\n1;2\n", "has the columns 'name;value'"),
    "of bytes": (bytes(range(256)), "cannot be read"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("mode", ["optuna", "manual", "final_model"])
def test_a_table_that_is_in_the_way_is_one_sentence_and_stays(tmp_path, capsys, kind, mode):
    content, sentence = TABLES[kind]
    tree = hpo.tree.ResultsTree(tmp_path, "Denoising")
    path = {
        "optuna": tree.summary,
        "manual": tree.grid / "search_summary.csv",
        "final_model": tree.repeatability / "repeatability_summary.csv",
    }[mode]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    if mode != "optuna":
        (path.parent / "settings.json").write_text("{}")
    status = outcome(SCRIPTS["denoising"], ["--mode", mode, "--output", str(tmp_path)])
    check_sentence(capsys, status, (path.name, sentence, "another --output"))
    assert path.read_bytes() == content


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "\xff"])
def test_settings_that_are_none_are_one_sentence(tmp_path, capsys, text):
    folder = hpo.tree.ResultsTree(tmp_path, "Denoising").grid
    folder.mkdir(parents=True)
    (folder / "settings.json").write_bytes(text.encode("latin-1"))
    status = outcome(SCRIPTS["denoising"], ["--mode", "manual", "--output", str(tmp_path)])
    check_sentence(capsys, status, ("settings.json", "does not hold the settings of a run", "another --output"))


@pytest.mark.parametrize("mode", ["optuna", "optuna_resume", "final_model"])
def test_a_study_of_the_other_problem_is_one_sentence(tmp_path, capsys, mode):
    url = f"sqlite:///{(tmp_path / 'shared.db').as_posix()}"
    options = hpo.options.parse_options("", [])
    study = optuna.create_study(study_name="theirs", storage=url)
    for name, value in hpo.study.stored_settings(hpo.asked.run_from_options(DENOISING, options)).items():
        study.set_user_attr(name, value)
    which = "--from-study" if mode == "final_model" else "--study-name"
    status = outcome(
        SCRIPTS["inversion"], ["--mode", mode, "--storage", url, which, "theirs", "--output", str(tmp_path)]
    )
    check_sentence(capsys, status, ("'theirs'", "of another problem (denoising)", "inversion is needed"))


# --- Networks from the command line


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    saved = create_model(NetworkConfig("CNN", "AE", 1, 2, 2, 2, 2, 2), 16)
    saved.provenance = {"problem": "denoising"}
    return saved.save_model(tmp_path_factory.mktemp("network") / "network.keras")


@pytest.mark.parametrize(
    ("told", "options", "parts"),
    [
        ({}, [], ("do not say what problem", "--problem")),
        ({"problem": "denoising"}, ["--problem", "inversion"], ("denoising", "not inversion")),
        ({"problem": "denoising", "snr_db": "loud"}, [], ("snr_db", "'loud'")),
        ({"problem": "denoising", "noisy_data": "yes"}, [], ("noisy_data", "'yes'")),
        ({"problem": "noise"}, [], ("'noise'", "denoising, inversion")),
    ],
    ids=str,
)
def test_a_network_of_something_else_is_one_sentence(network, capsys, told, options, parts):
    description = network.with_suffix(".json")
    stored = json.loads(description.read_text())
    description.write_text(json.dumps({**stored, "run": told}))
    try:
        check_sentence(capsys, outcome(blindTest.main, ["--traces", "2", "--model", str(network), *options]), parts)
    finally:
        description.write_text(json.dumps(stored))


# --- Public functions

BLOCK = np.ones((2, 16))
TIME = np.arange(8) * 0.001
TRACE = np.sin(TIME)
FREQUENCY = np.array([2.0, 4.0, 8.0])
COEFFICIENTS = np.ones((8, 3), complex)
REFERENCE = evaluation.baselines.InversionReference(0.001, 9000.0, np.full(16, 9000.0), 1.0, 1.0)
NAMES = list(dg.LITHOLOGY_NAMES)
LAYERS = {"base_depth": [9.0, 20.0], "lithology": [0, 1], "lithology_names": NAMES} | {
    log: [1.0, 2.0] for log in ("velocity", "density", "impedance")
}
NO_BLOCKS = [3, None, "x", [], [[]], [["a"]], np.ones(4), np.ones((2, 2, 2)), np.ones((2, 3), complex)]
NO_BLOCKS += [np.full((2, 5), NAN), np.full((2, 5), INF), np.ones((2, 3), bool), np.ones((2, 3), object)]


def data_set(**options):
    return dg.DataGenerationClass(**{"constant_data_length": 16, "seed": 0} | options)


def block(**options):
    return dg.generate_block(np.random.default_rng(0), **{"n_traces": 2, "names": ["VEL"], "n_samples": 16} | options)


def made():
    found = data_set()
    found.generate_dataset()
    return found


def stream(**options):
    return dp.CustomDataGen(**{"n_samples": 16} | options)


def each(function, option, values, *parts):
    return [((lambda value=value: function(**{option: value})), (option, *parts)) for value in values]


def each_block(function, what, blocks=NO_BLOCKS):
    return [((lambda value=value: function(value)), (what, "must")) for value in blocks]


CALLS = [
    *each(data_set, "constant_data_length", [2, -5, "9", 9.0, NAN, None, True, [9]], "at least 3"),
    *each(data_set, "constant_data_length", [10**15], "at most 1000000"),
    *each(data_set, "n_traces", [0, -1, 1e3, "x"], "at least 1"),
    *each(data_set, "n_traces", [10**15], "at most 10000000"),
    *each(data_set, "run_number", [-1, 0.5, None, "a"], "at least 0"),
    *each(data_set, "seed", [-1, 1.5, "x", NAN, [1]], "at least 0"),
    *each(data_set, "t0", [-1, NAN, INF, "0", None, 1j, np.complex128(1), True, [0.0]], "time of 0 to"),
    *each(data_set, "snr_db", [NAN, INF, "loud", (3, 1), (1, 2, 3), [], {}, 1000, 1j, [[1, 2]]], "number of dB"),
    *each(data_set, "add_noise", ["yes", 2, None, NAN, [True], np.array([1, 0])], "True or False"),
    *each(data_set, "path_to_save", [None, 3, b"x", "a\0b"], "path of a file or folder"),
    *((lambda names=names: block(names=names), ("data name", "CONV_REFL_CLEAN")) for names in ("VEL", 3, [3], [["a"]])),
    *((lambda names=names: block(names=names), ("unknown; valid",)) for names in (["X"], ["VEL", 3], ["VEL", None])),
    *each(block, "dt", [0, -1, NAN, INF, "x", None, np.array([0.001]), True], "0.0001 to 0.1 s"),
    *each(block, "n_samples", [2, 10**15, "x"], "whole number"),
    *each(block, "snr_db", ["x", (5, 1)], "number of dB"),
    (lambda: dg.stream_generator(0, "test"), ("stream 'test'", "training, validation, blind")),
    (lambda: dg.stream_generator(0, ["blind"]), ("stream ['blind']", "training")),
    (lambda: dg.stream_generator(0, "blind", -1), ("epoch", "at least 0, not -1")),
    (lambda: dg.stream_generator(0, "blind", 0, 1.5), ("block", "not 1.5")),
    *each_block(dg.data_noise, "clean"),
    (lambda: dg.data_noise(BLOCK, seed="x"), ("seed", "'x'")),
    (lambda: dg.data_noise(BLOCK, seed=-1), ("seed", "-1")),
    *each_block(dg.wavelet_convolution, "must"),
    (lambda: dg.wavelet_convolution(BLOCK, wavelet="boxcar"), ("'boxcar'", "ricker")),
    (lambda: dg.wavelet_convolution(BLOCK, seed="x"), ("seed", "'x'")),
    *(
        (lambda gap=gap, mute=mute: mute(BLOCK, gap), ("gap",))
        for mute in (dg.data_gaps, dg.data_average)
        for gap in [
            *(dg.Gap([5, 5], [2, 9]), dg.Gap([-1, 0], [2, 2]), dg.Gap([0, 0], [99, 9]), dg.Gap([0], [NAN]), 3),
            *(dg.Gap(["a"], ["b"]), dg.Gap([0.5, 1], [2, 2]), None, (0, 5)),
        ]
    ),
    (lambda: dg.data_gaps(np.ones(5), dg.Gap([0], [1])), ("(n_traces, n_samples)", "(5,)")),
    (lambda: dg.data_average([["a", "b"]], dg.Gap([0], [1])), ("must be numbers", "<U1")),
    (lambda: dg.save_data(BLOCK, "x", "../VEL", 0), ("'../VEL'", "valid: TIME")),
    (lambda: dg.save_data(BLOCK, "x", "VEL", -1), ("number", "-1")),
    (lambda: dg.save_data(np.array([{}]), "x", "VEL", 0), ("must be numbers", "object")),
    (lambda: dg.save_data(np.array(["a"]), "x", "VEL", 0, True), ("must be numbers", "<U1")),
    (lambda: made().retrieve_input_output("X", "VEL"), ("'X'", "valid: REFL")),
    (lambda: made().retrieve_input_output(["VEL"], "VEL"), ("['VEL']", "valid: REFL")),
    (lambda: made().retrieve_mult_input_output("VEL", ["VEL"]), ("'VEL'", "list")),
    (lambda: made().retrieve_mult_input_output([], ["VEL"]), ("[]", "list")),
    (lambda: made().retrieve_mult_input_output(3, ["VEL"]), ("3", "list")),
    *(
        (lambda limits=limits: dp.normalize_data(BLOCK, *limits), ("_range must be (lowest, highest)",))
        for limits in [
            *(((0,),), ((1, 0),), ((0, NAN),), ((0, INF),), ("ab",), (None,), (3,), ((0, 1), (1, 1)), ((0, 1, 2),)),
            *((("a", "b"),), ((0, 1), (0, "x")), ({},)),
        ]
    ),
    *((lambda data=data: dp.normalize_data(data, (0, 1)), ("numbers",)) for data in ("x", None, [["a"]], {})),
    *(
        (lambda call=call, kind=kind: call(kind), ("transform_type", "NA, CWT, DWT, SWT"))
        for kind in ("X", None, ["NA"], 3)
        for call in (
            lambda kind: dp.transform_traces(BLOCK, kind),
            lambda kind: dp.restore_traces(BLOCK[..., None], kind),
            lambda kind: dp.channel_names(kind, 16),
            lambda kind: stream(transform_type=kind),
        )
    ),
    (lambda: dp.transform_traces(BLOCK, "CWT", n_scales=10**9), ("n_scales", "at most 1000")),
    (lambda: dp.transform_traces(BLOCK, "DWT", wavelet=["db1"]), ("wavelet ['db1']", "sym8")),
    *each_block(lambda traces: dp.transform_traces(traces, "SWT"), "traces"),
    *((lambda x=x: dp.restore_traces(x, "CWT"), ("channels must",)) for x in (3, None, "x", np.ones((2, 4, 0)))),
    *((lambda x=x: dp.complex_coefficients(x), ("channels must",)) for x in (3.0, None, ["a", "b"], {})),
    (lambda: dp.cwt_frequencies(0.001, "x"), ("n_scales", "'x'")),
    *each(stream, "batch_size", [0, "x", 2.0], "at least 1"),
    *each(stream, "n", [0, None, 10**15], "whole number"),
    *each(stream, "gen_type", ["GAN", None], "DeNoise, ML_VEL, AE"),
    *each(stream, "stream", ["test", 3], "training"),
    *each(stream, "validation", ["always"], "streaming, fixed"),
    *((lambda x=x: stream(transform_options=x), ("NA",)) for x in (3, ["level"], {"level": 1}, {3: 1})),
    *(
        (lambda x=x, method=method: method.estimate(x, 0.001), ("noisy must",))
        for method in evaluation.baselines.DENOISING_BASELINES.values()
        if not method.knows_answer
        for x in NO_BLOCKS[:9]
    ),
    *((lambda dt=dt: evaluation.baselines.band_pass(BLOCK, dt), ("dt must be a time",)) for dt in (0, NAN, "x", None)),
    *each_block(lambda traces: evaluation.baselines.mean_trend(traces, REFERENCE), "traces"),
    *each_block(lambda traces: evaluation.baselines.band_limited_velocity(traces, REFERENCE), "traces"),
    (lambda: evaluation.baselines.fit_inversion_reference("x"), ("seed", "'x'")),
    (lambda: evaluation.baselines.stream_traces(0, "blind", 2, 3), ("data name", "3")),
    (lambda: evaluation.baselines.stream_traces(0, "blind", 2, "VEL"), ("data name", "'VEL'")),
    (lambda: blind_traces(DENOISING, "2"), ("n must", "'2'")),
    (lambda: blind_traces(DENOISING, 2, 0, TraceProtocol(2)), ("n_samples", "2")),
    (lambda: blind_traces(DENOISING, 2, 0, TraceProtocol(16, 0)), ("dt", "0.0001")),
    (lambda: blind_traces(DENOISING, 2, 0, TraceProtocol(16, snr_db="x")), ("snr_db", "'x'")),
    (
        lambda: blind_traces(DENOISING, 2, 0, TraceProtocol(16, wavelet="gabor")),
        ("wavelet 'gabor'", "RW"),
    ),
    (lambda: blindTest.blind_tests(DENOISING, {}, 2, "depth"), ("by 'depth'", "wavelet, noise")),
    (lambda: score(DENOISING.metrics, BLOCK, "x"), ("predicted must be numbers",)),
    (lambda: score(DENOISING.metrics, BLOCK, BLOCK, BLOCK[:1]), ("one shape", "(1, 16)")),
    (lambda: best_baseline(DENOISING, []), ("no baseline", "compare()")),
    (lambda: NetworkConfig(num_dnn="9"), ("num_dnn", "'9'")),
    (lambda: NetworkConfig(krnl_size=True), ("krnl_size", "True")),
    *each(NetworkConfig, "learning_rate", [True, 1j, np.complex64(1), "1e-3", None, 0, -1, NAN, INF], "number above 0"),
    *each(NetworkConfig, "num_dnn", [10**30, 1_000_001], "at most 1000000"),
    (lambda: NetworkConfig(num_layers=101), ("num_layers", "at most 100")),
    *each(BaseMLClass, "transform", [3, [], {}, "CWT", {"level": 2}, {3: "CWT"}], "transform_traces"),
    (lambda: BaseMLClass(transform={"transform_type": "FFT"}), ("'FFT'", "NA, CWT, DWT, SWT")),
    *((lambda config=config: create_model(config), ("NetworkConfig", repr(config))) for config in (None, 3, {})),
    (lambda: BaseMLClass("CNN"), ("NetworkConfig", "'CNN'")),
    (lambda: NetworkConfig(arch_type=None), ("'None SEQ'", "CNN SEQ")),
    (lambda: BaseMLClass(n_samples="x"), ("n_samples", "'x'")),
    *((lambda path=path: BaseMLClass.load_model(path), ("model",)) for path in (None, 3, "", "a\0b", ".", "x" * 300)),
    *(
        (lambda x=x: dataPlotting.max_axis_value(x), ("numbers",))
        for x in ("x", ["a"], {}, [[1, 2], [3]], 1j, object())
    ),
    *(
        (lambda actual=actual: dataPlotting.plot_refl_compare(TIME, actual, TRACE), ("actual",))
        for actual in ("x", ["a"] * 8, TRACE[1:], None, [], np.ones((8, 1)))
    ),
    (lambda: dataPlotting.plot_refl(TIME, {"a": ["x"] * 8}), ("trace 'a'", "numbers")),
    (lambda: dataPlotting.plot_refl(["x"] * 8, {"a": TRACE}), ("time", "numbers")),
    *(
        (lambda change=change: dataPlotting.plot_model(**LAYERS | change), tuple(change)[:1])
        for change in [
            *(
                {"base_depth": [20.0, 10.0]},
                {"base_depth": ["a", "b"]},
                {"base_depth": [NAN, 1]},
                {"velocity": ["a", "b"]},
            ),
            *({"lithology": ["a", "b"]}, {"lithology": [0.5, 1]}, {"lithology": [-1, 0]}, {"density": None}),
            *({"lithology_names": 3}, {"lithology_names": "shale"}),
        ]
    ),
    (lambda: dataPlotting.plot_xplot(["a"], [1.0], [0], NAMES), ("velocity", "numbers")),
    *(
        (lambda arrays=arrays, name=name: getattr(dataPlotting, name)(*arrays), ("needs",))
        for name in ("plot_cwt_magn", "plot_cwt_real_imag", "plot_cwt_magn_phase")
        for arrays in [
            *((TIME, FREQUENCY, "x"), (TIME, "x", COEFFICIENTS), ("x", FREQUENCY, COEFFICIENTS)),
            *((None, FREQUENCY, COEFFICIENTS), (TIME, FREQUENCY, [["a"] * 3] * 8), (TIME, -FREQUENCY, COEFFICIENTS)),
        ]
    ),
    (lambda: dataPlotting.plot_mra(TIME, TRACE, [["a"] * 3] * 8, list("abc")), ("components", "numbers")),
    *(
        (lambda blocks=blocks: dataPlotting.plot_network(blocks), ("lock", "(name, details, output shape, parameters)"))
        for blocks in ([], 3, None, [("a",)], [(1, 2, 3, 4)], [("a", "b", "c", "many")], [3])
    ),
    *(
        (
            lambda n=n: dataPlotting.draw_network_flow(plt.figure().subplots(), [("a", "b", "c", 1)], n_columns=n),
            ("n_columns", "at least 1"),
        )
        for n in (0, 2.5, "x", None)
    ),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_a_wrong_argument_is_one_sentence(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, parts = CALLS[number]
    with pytest.raises(ValueError) as caught:
        call()
    plt.close("all")
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    assert [part for part in parts if part not in message] == [], message
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_results_with_other_columns_is_named(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match=r"table.csv has other columns than expected: \['a', 'b'\]"):
        init_results_file(tmp_path / "table.csv")


# --- Whatever the values are

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
FINITE = st.floats(-1e6, 1e6, width=32)
ANY = st.floats(allow_nan=True, allow_infinity=True)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=70)


@QUICK
@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, min_side=0), elements=FINITE), st.data())
def test_scaling_there_and_back_is_the_same_line(data, draws):
    ranges = st.tuples(FINITE, st.floats(1e-2, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
    there, back = draws.draw(ranges), draws.draw(ranges)
    scaled = dp.normalize_data(data, there, back)
    assert np.shape(scaled) == np.shape(data)
    restored = dp.normalize_data(scaled, back, there)
    largest = max(
        np.abs([*there, *back]).max(), np.abs(np.asarray(scaled)).max(initial=0.0), np.abs(data).max(initial=0)
    )
    slope = (there[1] - there[0]) / (back[1] - back[0])
    np.testing.assert_allclose(restored, data, atol=1e-12 * largest * max(1.0, slope))


@QUICK
@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(-100, 100, width=32)), st.sampled_from(["NA", "DWT", "SWT"]))
def test_components_sum_to_any_trace(traces, kind):
    channels = dp.transform_traces(traces, kind)
    assert channels.shape == (*traces.shape, len(dp.channel_names(kind, traces.shape[1])))
    assert channels.dtype == np.float32 and np.isfinite(channels).all()
    limit = 1e-5 * max(np.abs(traces).max(), 1e-6) * max(1, np.log2(traces.shape[1]))
    np.testing.assert_allclose(dp.restore_traces(channels, kind), traces, atol=limit)


@QUICK
@given(hnp.arrays(np.float64, SHAPES, elements=st.floats(-100, 100)), st.integers(2, 12), st.floats(1e-4, 0.05))
def test_the_cwt_is_linear_and_finite_for_any_trace(traces, n_scales, dt):
    channels = dp.transform_traces(traces, "CWT", dt, n_scales=n_scales)
    assert channels.shape == (*traces.shape, 2 * n_scales) and np.isfinite(channels).all()
    np.testing.assert_allclose(dp.transform_traces(-2 * traces, "CWT", dt, n_scales=n_scales), -2 * channels, atol=1e-9)
    coefficients = dp.complex_coefficients(channels)
    np.testing.assert_array_equal(coefficients.real, channels[..., :n_scales])
    assert np.isfinite(dp.restore_traces(channels, "CWT", dt)).all()


@QUICK
@given(st.lists(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, min_side=0), elements=ANY), max_size=4))
def test_a_limit_of_an_axis_is_above_zero_and_no_value_lies_beyond(arrays):
    limit = dataPlotting.max_axis_value(*arrays)
    assert 0 < limit < INF
    assert all(np.abs(array[np.isfinite(array)]).max(initial=0.0) <= limit for array in arrays)


DRAWN = settings(max_examples=6, deadline=None, derandomize=True)


@DRAWN
@given(st.integers(2, 40), st.integers(1, 4), st.data())
def test_any_finite_traces_can_be_drawn(n_samples, n_traces, draws):
    time = np.arange(n_samples) * 0.001
    traces = draws.draw(hnp.arrays(np.float64, (n_traces, n_samples), elements=FINITE))
    named = {str(number): trace for number, trace in enumerate(traces)}
    for figure, panels in (
        (dataPlotting.plot_refl(time, named), n_traces),
        (dataPlotting.plot_refl_compare(time, traces[0], named), 2),
        (dataPlotting.plot_mra(time, traces[0], traces.T, list(named)), n_traces + 1),
    ):
        figure.canvas.draw()
        assert len(figure.axes) == panels
        plt.close(figure)


@DRAWN
@given(st.integers(2, 30), st.integers(2, 6), st.data())
def test_any_finite_coefficients_can_be_drawn(n_samples, n_scales, draws):
    time, frequency = np.arange(n_samples) * 0.001, np.geomspace(2, 120, n_scales)
    parts = draws.draw(hnp.arrays(np.float64, (2, n_samples, n_scales), elements=FINITE))
    figure = dataPlotting.plot_cwt_magn(time, frequency, parts[0] + 1j * parts[1])
    figure.canvas.draw()
    plt.close(figure)


@QUICK
@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from(["DeNoise", "ML_VEL", "AE"]), st.integers(3, 40))
def test_an_epoch_has_as_many_traces_as_asked_for(n, batch_size, gen_type, n_samples):
    generator = stream(n=n, batch_size=batch_size, gen_type=gen_type, n_samples=n_samples)
    sizes = [len(generator[index][0]) for index in range(len(generator))]
    assert sum(sizes) == n and max(sizes) <= batch_size
    assert all(part.shape[1:] == (n_samples, 1) and np.isfinite(part).all() for part in generator[0])


@QUICK
@given(
    hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.floats(-1e3, 1e3, width=32)
    )
)
def test_the_losses_are_what_they_say(values):
    rmse = float(keras.ops.convert_to_numpy(dp.root_mean_squared_error(values, np.zeros_like(values))))
    assert rmse == pytest.approx(np.sqrt(np.mean(values.astype(np.float64) ** 2)), rel=1e-5, abs=1e-20)
    logarithm = float(keras.ops.convert_to_numpy(dp.log_root_mean_squared_error(values, np.zeros_like(values))))
    assert logarithm == pytest.approx(np.log(rmse + keras.config.epsilon()), rel=1e-4, abs=1e-4)
