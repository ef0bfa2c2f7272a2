"""Files, names and storages of somebody else: nothing of them runs, nothing outside of the tree is touched."""

import ast
import json
import pickle
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import keras
import optuna
import pytest
from conftest import SECONDS, free_port
from forked import Run, run_script
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from toys import DENOISING, ROOT, run_here, toy

import baseML
import hpo.asked
import hpo.command
import hpo.dashboard
import hpo.options
import hpo.report
import hpo.study
import hpo.tree
import hpo.trials
import hpo.workers
import networks.files
import resultsPlotting
import support.command_line
import support.errors
from baseML import BaseMLClass, NetworkConfig, create_model
from hpo.storage import open_storage

# --- Models from elsewhere


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.write_text, (self.marker, "it ran")


def refusal(path, marker):
    """The sentence that a model is refused with, before anything of it has run."""
    with pytest.raises(ValueError) as caught:
        BaseMLClass.load_model(path)
    assert not marker.exists()
    message = str(caught.value)
    assert repr(str(path)) in message and "\n" not in message and len(message) < 500
    return message


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "it ran"


@pytest.fixture
def harmless(tmp_path):
    """A network of our own, without the file that describes it."""
    path = create_model(NetworkConfig("CNN", "AE", 1, 2, 2, 2, 2, 2), 8).save_model(tmp_path / "network.keras")
    path.with_suffix(".json").unlink()
    return path


def lambda_model(marker):
    """A model whose Lambda layer makes the marker whenever it is called."""
    inputs = keras.Input((8, 1))
    text = str(marker)
    layer = keras.layers.Lambda(lambda x: (open(text, "w").close(), x)[1])
    model = keras.Model(inputs, layer(inputs))
    marker.unlink()
    return model


def with_config(path, change):
    """Change the configuration inside a .keras file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_lambda_layer_is_refused(tmp_path, marker):
    path = tmp_path / "lambda.keras"
    lambda_model(marker).save(path)
    assert "keras.layers.Lambda" in refusal(path, marker)
    keras.models.load_model(path, safe_mode=False)
    assert marker.exists()  # so the file is as bad as the test says


@pytest.mark.parametrize("name", ["model.h5", "renamed.keras", "model.pickle"])
def test_other_kinds_of_files_are_refused_whatever_their_name(tmp_path, marker, name):
    path = tmp_path / name
    if name == "model.pickle":
        path.write_bytes(pickle.dumps(Evil(marker)))
    else:
        lambda_model(marker).save(tmp_path / "model.h5")
        if path.suffix == ".keras":
            shutil.copyfile(tmp_path / "model.h5", path)
    assert "only whole .keras archives" in refusal(path, marker)


def test_a_pickle_that_is_called_keras_is_refused(tmp_path, marker):
    path = tmp_path / "network.keras"
    path.write_bytes(pickle.dumps(Evil(marker)))
    assert "only whole .keras archives" in refusal(path, marker)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("evil_module", "Layer"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins.evil_module", "eval"),
        ("keras.utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        (None, "__lambda__"),
        (["keras"], "Dense"),
    ],
    ids=str,
)
def test_a_class_from_elsewhere_is_refused_and_not_imported(harmless, marker, monkeypatch, module, name):
    (harmless.parent / "evil_module.py").write_text(f"open({str(marker)!r}, 'w')\n\n\nclass Layer:\n    pass\n")
    monkeypatch.syspath_prepend(harmless.parent)
    asked = {"module": module, "class_name": name, "registered_name": name, "config": {"args": ["touch", str(marker)]}}
    with_config(harmless, lambda config: config["config"]["layers"][1].update(asked))
    assert name in refusal(harmless, marker)


def test_an_activation_from_elsewhere_is_refused(harmless, marker):
    asked = {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"}
    with_config(harmless, lambda config: config["config"]["layers"][1]["config"].update(activation=asked))
    assert "os" in refusal(harmless, marker)


def _without_configuration(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")


def _with_text(path, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", text)


DAMAGED = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "no configuration": _without_configuration,
    "no JSON": lambda path: _with_text(path, "{"),
    "a list": lambda path: _with_text(path, "[]"),
    "nested without an end": lambda path: _with_text(path, "[" * 100_000),
    "no weights": lambda path: _with_text(path, zipfile.ZipFile(path).read("config.json")),
    "not a model": lambda path: with_config(path, lambda config: config.update(config["config"]["layers"][1])),
    "layers that are none": lambda path: with_config(path, lambda config: config["config"].update(layers=3)),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_archive_is_one_sentence(harmless, marker, how):
    DAMAGED[how](harmless)
    refusal(harmless, marker)


@pytest.mark.parametrize("shapes", ["flat", "two inputs", "any length"])
def test_a_model_that_is_no_network_on_traces_is_refused(tmp_path, marker, shapes):
    inputs = keras.Input({"flat": (8,)}.get(shapes, (8 if shapes == "two inputs" else None, 1)))
    outputs = keras.layers.Dense(1)(inputs)
    other = keras.Input((8, 1))
    pair = (([inputs, other], keras.layers.Add()([outputs, other])),)
    model = keras.Model(*pair[0]) if shapes == "two inputs" else keras.Model(inputs, outputs)
    model.save(tmp_path / "other.keras")
    assert "(batch, n_samples, channels) is valid" in refusal(tmp_path / "other.keras", marker)


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{}", "{", "\xff", "[" * 100_000),
        *('{"network": [], "run": {}}', '{"network": {"arch_type": []}, "run": {}}', '{"network": {}, "run": 3}'),
        *('{"network": {"num_dnn": 1e400}, "run": {}}', '{"network": {"weights": 1}, "run": {}}'),
        '{"network": {}, "run": {}, "transform": 3}',
        '{"network": {}, "run": {}, "transform": {"transform_type": "os.system"}}',
        '{"network": {}, "run": {}, "transform": {"transform_type": "CWT", "wavelet": "sym8"}}',
    ],
    ids=lambda text: text[:60],
)
def test_a_description_that_is_none_is_one_sentence(harmless, text):
    harmless.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="network.json' does not describe a network") as caught:
        BaseMLClass.load_model(harmless)
    assert "\n" not in str(caught.value)


# --- Names of studies

ABSOLUTE = str(Path(tempfile.gettempdir(), "x"))
REFUSED_NAMES = [
    *("../../x", "..", ".", "...", ABSOLUTE, "a/b", "a\\b", "..\\..\\x", "C:x", "C:\\x", "~", "~root", ""),
    *("a\0b", "a\nb", "\x1b[31m", "a" * 201, "é" * 101, "a" * 100_000, "\udcff"),
    *("CON", "con", "NUL.db", "aux.2024", "COM1", "lpt9.x", "PRN"),
    *("trailing.", "trailing ", " leading", ".hidden", "-rf", "--help", "*", "a?", "[ab]"),
    *("'; DROP TABLE studies; --", '" OR 1=1 --', "$(touch x)", "`touch x`", "a;b", "a|b", "a&b", "%s", "{}", "a\tb"),
]
ALLOWED_NAMES = ["DROP_TABLE_studies", "select.1--2", "CONSOLE", "com10", "NULL", "1", "é", "a" * 200, "a..b", "OR-1--"]


@pytest.mark.parametrize("option", ["--study-name", "--from-study"])
@pytest.mark.parametrize("name", REFUSED_NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_that_is_no_file_s_name_everywhere_is_refused(tmp_path, capsys, option, name):
    mode = ["--mode", "final_model"] if option == "--from-study" else []
    with pytest.raises(SystemExit) as stopped:
        run_here(DENOISING, tmp_path / "out", *mode, f"{option}={name}")
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1 and len(error) < 1000
    assert (
        "is not a study name" in error and ascii(name[:20])[1:-1] in error.encode("ascii", "backslashreplace").decode()
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../x", ABSOLUTE, "CON", "a b"])
def test_figures_of_a_study_outside_of_the_tree_are_refused(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as stopped:
        resultsPlotting.main(["--results", str(tmp_path), "--output", str(tmp_path / "out"), f"--study-name={name}"])
    assert stopped.value.code == 2 and "is not a study name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ALLOWED_NAMES, ids=lambda name: name[:20])
def test_a_fragment_of_sql_or_of_a_command_is_only_a_name(tmp_path, name):
    options = hpo.options.parse_options("", [f"--study-name={name}", "--output", str(tmp_path)])
    run = hpo.asked.run_from_options(DENOISING, options)
    run.tree.search.mkdir(parents=True)
    _, storage = open_storage(run.url, run.tree.upgraded)
    study = optuna.create_study(storage=storage, study_name=run.study_name)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert optuna.get_all_study_names(storage) == [name]
    run.tree.blind_test(name).write_text("")
    assert run.tree.newest_study() == name
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {run.tree.search}
    storage.remove_session()
    storage._backend.engine.dispose()


# --- Storages of somebody else

EVIL_NAMES = [
    *(
        "../../outside",
        "../outside",
        "/outside",
        "..",
        ".",
        "*",
        "**",
        "?",
        "[a-z]*",
        "",
        "search_summary",
        "mine",
        "a\0b",
    ),
    *("a" * 5000, 3, None, True, ["*"], {"a": "b"}),
]
OURS = "CNN_AE_LYR1_DNN2_DIL0_FIL2_KRNL2_POL2_LSTM0_NA_20240101_120000_0123abcd"


@pytest.fixture
def tree(tmp_path):
    """A results tree with files of all kinds, and others beside and above it; all that a name could reach."""
    output = tmp_path / "a" / "Results"
    tree = hpo.tree.ResultsTree(output, "Denoising")
    search = tree.search
    for path in (
        *(search / "mine.db", search / "search_summary.csv", search / "outside_log.csv", search / "outside.keras"),
        *(search / "loss_history_all" / "mine_log.csv", search / "loss_history_all" / "x_log.csv"),
        *(search / "artifacts" / "mine.png", tree.final_model("Optuna") / "mine.json"),
        *(tmp_path / "outside", tmp_path / "outside_log.csv", output / "outside.keras", search.parent / "outside"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    (search / ".lock").touch()  # of any run
    return tree


def files_below(folder):
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def left_behind(study, **attributes):
    """A trial that is running, with these attributes; nobody works on it."""
    study.enqueue_trial({}, user_attrs=attributes)
    trial = study.trials[-1]
    study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    return trial


@pytest.mark.parametrize("name", EVIL_NAMES, ids=lambda name: ascii(name)[:20])
def test_taking_a_trial_back_removes_no_file_that_is_not_a_training_s(tree, tmp_path, name):
    study = optuna.create_study()
    before = files_below(tmp_path)
    trial = left_behind(study, run_name=name, worker="gone")
    with hpo.trials.TrialQueue(study, study._storage, tree.search) as queue:
        assert "it is tried again" in queue._take_back(trial)
    assert study.trials[0].state == TrialState.WAITING
    assert files_below(tmp_path) == before


def test_taking_a_trial_back_removes_what_its_training_left(tree):
    study = optuna.create_study()
    trial = left_behind(study, run_name=OURS, worker="gone")
    left = [tree.search / f"{OURS}.keras", tree.search / f"{OURS}.json", baseML.loss_history_path(tree.search, OURS)]
    for path in left:
        path.write_text("{}")
    with hpo.trials.TrialQueue(study, study._storage, tree.search) as queue:
        queue._take_back(trial)
    assert not any(path.exists() for path in left) and (tree.search / "mine.db").exists()


@pytest.mark.parametrize("worker", EVIL_NAMES, ids=lambda name: ascii(name)[:20])
def test_the_name_of_a_process_reaches_no_file_but_locks(tree, tmp_path, worker):
    study = optuna.create_study()
    before = files_below(tmp_path)
    left_behind(study, worker=worker)
    with hpo.trials.TrialQueue(study, study._storage, tree.search) as queue:
        assert queue.recover() == []  # not known to be dead: it has not been silent for long
        assert queue._lock_file(worker).parent == queue.locks
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("name", EVIL_NAMES, ids=lambda name: ascii(name)[:20])
def test_the_best_network_of_a_study_is_not_looked_for_elsewhere(tree, tmp_path, capsys, name):
    options = hpo.options.parse_options("", ["--output", str(tree.output), "--study-name", "mine"])
    run = hpo.asked.run_from_options(DENOISING, options)
    study = optuna.create_study(study_name="mine")
    study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs={"run_name": name}))
    before = files_below(tmp_path)
    hpo.report.print_result(run, study)
    assert "Its network is not known here" in capsys.readouterr().out
    assert hpo.report.best_model_path(run, study.trials[0]).parent == tree.final_model("Optuna")
    assert files_below(tmp_path) == before


def test_the_names_of_our_own_trainings_are_known():
    config = NetworkConfig("CNN_VAR", "SEQ")
    for transform in ("NA", "CWT"):
        trial = optuna.trial.create_trial(
            value=1.0, user_attrs={"run_name": networks.files.new_run_name(config, transform)}
        )
        assert hpo.trials.run_name_of(trial) == trial.user_attrs["run_name"]


@pytest.mark.parametrize("name", ["DEN_Study/../../../evil", "../../evil", "DEN_Study *", "CON"])
def test_a_study_that_a_storage_calls_by_a_path_is_refused(tmp_path, capsys, name):
    url = f"sqlite:///{(tmp_path / 'theirs.db').as_posix()}"
    study = optuna.create_study(study_name=name, storage=url)
    study.set_user_attr("problem", "denoising")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    output = tmp_path / "deep" / "Results"
    resume = ["--mode", "optuna_resume", "--storage", url, "--output", str(output)]
    assert hpo.command.main(DENOISING, "", resume) == 2
    assert f"{name!r} is not a study name" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.db"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("n_samples", "many"), ("n_samples", 10**12), ("n_trials", 10**12), ("num_epochs", None), ("seed", -1)),
        *(
            ("sampler", "os.system"),
            ("pruner", ["none"]),
            ("transform", "../x"),
            ("snr_db", ["a", "b"]),
            ("preset", "x"),
        ),
        *(("search_space", None), ("search_space", {"arch_type": "{"}), ("search_space", {"os": "{}"})),
        ("search_space", {"evil": '{"name": "IntDistribution", "attributes": {"low": 1, "high": 2}}'}),
        *(("enqueue_base", "yes"), ("validation", "x"), ("scaling_flag", "x"), ("batch_size", 0)),
        *(("traces", 5), ("traces", "line.sgy")),
    ],
    ids=str,
)
def test_a_study_with_settings_that_are_none_is_one_sentence(tmp_path, capsys, name, value):
    url = f"sqlite:///{(tmp_path / 'theirs.db').as_posix()}"
    options = hpo.options.parse_options("", [])
    run = hpo.asked.run_from_options(DENOISING, options)
    study = optuna.create_study(study_name="theirs", storage=url)
    for key, known in (hpo.study.stored_settings(run) | {name: value}).items():
        study.set_user_attr(key, known)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    resume = ["--mode", "optuna_resume", "--storage", url, "--output", str(tmp_path / "out")]
    assert hpo.command.main(DENOISING, "", resume) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "study 'theirs' has settings that no run" in error


# --- The dashboard


def test_the_dashboard_is_for_this_machine_only(tmp_path):
    database = tmp_path / "with space; $(touch evil) 'quoted'.db"
    url = f"sqlite:///{database.as_posix()}"
    optuna.create_study(study_name="s", storage=url)
    options = hpo.options.parse_options("", ["--storage", url, "--output", str(tmp_path / "it's; touch evil")])
    run = hpo.asked.run_from_options(DENOISING, options)
    command = shlex.split(hpo.dashboard.dashboard_command(run))
    assert command == ["optuna-dashboard", url, "--artifact-dir", str(run.tree.artifacts)]
    run.tree.artifacts.mkdir(parents=True)
    port = free_port()
    program = Path(sys.executable).with_name(command[0])
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [program, *command[1:], "--port", str(port)], cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        end = time.monotonic() + SECONDS
        while not answers("127.0.0.1", port):
            assert server.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        assert not answers("127.0.0.2", port)  # a server on all addresses would be here too
        assert not any(answers(address, port) for address in own_addresses())
    finally:
        server.terminate()
        server.wait(timeout=SECONDS)
    assert not list(tmp_path.rglob("evil"))


def answers(address, port):
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def own_addresses():
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return set()
    return {address[4][0] for address in found} - {"127.0.0.1"}


# --- Passwords

SECRET = "pa55-of-a-test"


@pytest.mark.parametrize(
    "options",
    [
        ["--storage", f"postgresql+nodriver://me:{SECRET}@127.0.0.1:1/x"],
        [f"--storage=postgresql+psycopg://me:{SECRET}@127.0.0.1:1/x"],
        ["--storage", f"sqlite:///:memory:?password={SECRET}"],
        ["--study-name", f"postgresql://me:{SECRET}@host/x"],
        [f"postgresql://me:{SECRET}@host/x"],
        ["--storag", "sqlite:///x.db", f"--url=postgresql://me:{SECRET}@host/x"],
        ["--mode", f"postgresql://me:{SECRET}@host/x"],
        ["--seed", f"postgresql://me:{SECRET}@host/x"],
        ["--mode", "manual", "--storage", f"postgresql://me:{SECRET}@host/x"],
    ],
    ids=lambda options: options[0].replace(SECRET, "***")[:30],
)
@pytest.mark.parametrize("script", ["run", "figures"])
def test_no_mistake_shows_a_password(tmp_path, capsys, options, script):
    if script == "figures":
        (tmp_path / "in").mkdir()
        options = ["--results", str(tmp_path / "in"), "--figures", "4", *options, "--output", str(tmp_path / "out")]
    try:
        status = run_here(DENOISING, tmp_path / "out", *options) if script == "run" else resultsPlotting.main(options)
    except SystemExit as stopped:
        status = stopped.code
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert status == 2 or "not made" in told.out


def test_a_run_with_a_password_leaves_it_nowhere(postgresql_url, tmp_path):
    url = make_url(postgresql_url).set(password=SECRET).render_as_string(hide_password=False)
    name = "secretive"
    storage = ("--storage", url, "--study-name", name)
    ended = [
        Run("optuna", tmp_path, *storage, "--workers", "2").end(),
        Run("optuna", tmp_path, *storage, "--num-epochs", "9").end(),  # other settings
        Run("optuna_resume", tmp_path, "--storage", url, "--study-name", "none").end(),
    ]
    assert [run.status for run in ended] == [0, 2, 2], ended
    assert "://postgres:***@" in ended[0].printed  # the dashboard's command
    folders = ["--results", tmp_path / "Results", "--output", tmp_path / "figs"]
    figures = ["--html", "--figures", "4", "--storage", url]
    ended.append(run_script(ROOT / "resultsPlotting.py", *folders, *figures, folder=tmp_path))
    assert ended[-1].status == 0, ended
    assert not any(SECRET in run.printed + run.errors for run in ended)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []
    study = optuna.load_study(study_name=name, storage=postgresql_url)
    system_attributes = study._storage.get_study_system_attrs(study._study_id)
    kept = [study.user_attrs, system_attributes, *([trial.user_attrs, trial.system_attrs] for trial in study.trials)]
    assert SECRET not in repr(kept) and "***" in repr(system_attributes)  # the note has the command


def test_the_command_to_go_on_has_no_password(capsys, monkeypatch, tmp_path):
    def stop(run):
        raise support.errors.StoppedError("all processes ended")

    monkeypatch.setitem(hpo.command.WORK, "optuna", stop)
    url = f"postgresql+psycopg://me:{SECRET}@host/x"
    for words in (["--storage", url], [f"--storage={url}"]):
        assert run_here(toy(DENOISING), tmp_path, *words) == 1
        error = capsys.readouterr().err
        assert SECRET not in error and "://me:***@host/x" in error and "with the password for ***" in error


WORDS = ["python", "C:\\My Files\\run.py", "--study-name", "it's", 'a "b"', "$HOME;"]


def test_commands_are_quoted_for_the_shell_of_the_platform():
    assert shlex.split(support.command_line.command_line(WORDS, "linux")) == WORDS
    assert (
        support.command_line.command_line(WORDS, "win32")
        == 'python "C:\\My Files\\run.py" --study-name it\'s "a \\"b\\"" $HOME;'
    )


@pytest.mark.parametrize("form", ["two words", "one word", "short"])
def test_a_worker_gets_the_password_where_nobody_else_sees_it(tmp_path, monkeypatch, form):
    url = f"postgresql+psycopg://me:{SECRET}@host/x"
    words = {"two words": ["--storage", url], "one word": [f"--storage={url}"], "short": ["--stor", url]}[form]
    script = tmp_path / "run.py"
    expressions = f"sys.argv[1:], os.environ[{hpo.workers.WORKER_STORAGE!r}]"
    script.write_text(f"import os, sys\nprint({expressions}, sep='\\n', file=sys.stderr)\n")
    monkeypatch.setattr(sys, "argv", [str(script)])
    options = hpo.options.parse_options("", words)
    run = hpo.asked.run_from_options(DENOISING, options, words)
    worker = hpo.workers._start_worker(run, 0, tmp_path)
    assert worker.wait(SECONDS) == 0
    arguments, inherited = (tmp_path / "0.log").read_text().splitlines()
    assert SECRET not in arguments and "://me:***@host/x" in arguments and inherited == url
    monkeypatch.setenv(hpo.workers.WORKER_STORAGE, url)
    options = hpo.options.parse_options("", ast.literal_eval(arguments))
    assert hpo.asked.run_from_options(DENOISING, options).storage_url == url
    options = hpo.options.parse_options("", ["--storage", "sqlite:///mine.db"])
    assert hpo.asked.run_from_options(DENOISING, options).storage_url == "sqlite:///mine.db"
