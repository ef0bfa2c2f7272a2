"""The modes of listed trainings at toy size: the lists, kill and resume, what goes wrong."""

import csv
import dataclasses
import math
import os
import re
import signal
import sys
from pathlib import Path

import forked
import numpy as np
import pytest
from filelock import FileLock
from toys import DENOISING, INVERSION, LISTED, NETWORK, TOY

import baseML
import hpo.asked
import hpo.options
import hpo.plans
import hpo.problem
import hpo.run
import hpo.tree
import hpo.update
import networks.files
import resultsPlotting
import support.errors
from baseML import BaseMLClass
from hpo.results.networks import final_label

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT.parent / "shared" / "paper" / "published" / "Inversion" / "Search" / "GridSearch"
posix_only = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as POSIX has it")
pytestmark = pytest.mark.usefixtures("hasty")
MODES = {
    "manual": hpo.plans.run_manual,
    "final_model": hpo.plans.run_final_model,
    "model_update": hpo.update.run_model_update,
}
TABLES = {
    "manual": "Search/GridSearch/search_summary.csv",
    "final_model": "Repeatability/repeatability_summary.csv",
}


def asked(problem, *options):
    return hpo.asked.run_from_options(problem, hpo.options.parse_options("", options))


def run_mode(mode, output, *options):
    MODES[mode](asked(LISTED, *TOY, "--mode", mode, "--output", str(output), *options))


def kill(mode, folder, *options, when, **of_run):
    """Run a mode in a fork, which is killed as soon as ``when()`` holds."""
    run = forked.Run(mode, folder, *options, **of_run)
    forked.wait_until(when, run, pause=0.01)
    run.process.kill()
    assert run.end().status == -signal.SIGKILL


def read(path):
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def files_below(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


# --- The lists


@pytest.mark.parametrize(("problem", "n_runs"), [(DENOISING, 79), (INVERSION, 176)], ids=["denoising", "inversion"])
def test_the_grid_has_as_many_runs_as_the_papers(problem, n_runs):
    run = asked(problem, "--mode", "manual", "--preset", "paper")
    assert len(hpo.plans.grid_configurations(run)) == n_runs
    seeds = {training.seed for training in hpo.plans.grid_plan(run).trainings}
    assert len(seeds) == n_runs


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published archive is not here")
def test_the_grid_is_the_published_table_row_by_row():
    """Irregular in the table: a run that is missing, one that is no network of ours, and one column of CNN_LSTM."""
    with (PUBLISHED / "search_summary.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["Num"]))
    plan = hpo.plans.grid_plan(asked(INVERSION, "--mode", "manual", "--preset", "paper"))
    assert list(plan.columns) == list(rows[0])
    published = [row for row in rows if row["POL"] == "1"]
    ours = [t.config for t in plan.trainings if (t.config.arch_type, t.config.num_layers) != ("CNN_LSTM", 4)]
    assert len(ours) == len(published) == 175
    assert [row["Model Name"] for row in rows if row["POL"] != "1"] == [
        "DNN_SEQ_LYR1_DNN1024_DIL0_FIL64_KRNL32_POL2_LSTM0_"
    ]
    for config, row in zip(ours, published, strict=True):
        assert config.label == row["Model Name"]
        fields = ("num_layers", "num_dnn", "num_filt", "krnl_size", "pool_val")
        cells = [int(row[name]) for name in ("LYR", "DNN", "FIL", "KRNL", "POL")]
        assert [getattr(config, field) for field in fields] == cells
        assert int(row["DIL"]) == config.num_dil or (row["DIL"] == "0" and "_DIL0_" in config.label)
    rates = [(config.arch_type, config.learning_rate) for config in ours]
    printed = [(row["Type"], float(row["Learning Rate"])) for row in published]
    others = [number for number, (kind, _) in enumerate(rates) if kind != "CNN_LSTM"]
    assert [rates[number] for number in others] == [printed[number] for number in others]
    recurrent = [rate for kind, rate in rates if kind == "CNN_LSTM"]
    shifted = [rate for kind, rate in printed if kind == "CNN_LSTM"]  # up by a row, where the run is missing
    assert recurrent[1:] == shifted[:-1]


def test_the_published_trainings_share_a_pair_of_streams_in_their_order():
    """One pair for the whole grid, and one for all final trainings, of the grid's network and of Optuna's in turns."""
    grid = hpo.plans.grid_plan(asked(INVERSION, "--mode", "manual", "--preset", "published")).trainings
    (seed,) = {training.traces[0] for training in grid}
    assert [training.traces[1] for training in grid] == list(range(0, 5280, 30))
    final = hpo.plans.repeatability_plan(asked(INVERSION, "--mode", "final_model", "--preset", "published")).trainings
    (other_seed,) = {training.traces[0] for training in final}
    assert [(training.approach, training.traces[1]) for training in final] == [
        (approach, 200 * repeat + age)
        for repeat in range(25)
        for approach, age in (("Grid Search", 0), ("Optuna", 100))
    ]
    assert seed != other_seed and len({training.seed for training in (*grid, *final)}) == 176 + 50
    described = hpo.plans.grid_plan(asked(INVERSION, "--mode", "manual", "--preset", "paper")).trainings
    assert {training.traces for training in described} == {None}


def test_the_quick_grid_keeps_to_the_quick_space():
    configs = hpo.plans.grid_configurations(asked(LISTED, "--mode", "manual"))
    assert [(config.num_filt, config.krnl_size) for config in configs] == [(16, 8), (2, 8), (16, 4), (16, 8)]


def test_a_dry_run_lists_the_runs_and_creates_nothing(tmp_path, capsys):
    output = tmp_path / "out"
    for mode, n_runs in (("manual", 4), ("final_model", 6)):
        run_mode(mode, output, "--dry-run")
        printed = capsys.readouterr().out
        assert printed.count("CNN_AE_LYR1") == n_runs and f"{n_runs} trainings, 0 of them done" in printed
    assert not output.exists()


# --- Kill and resume


@posix_only
@pytest.mark.parametrize("preset", ["quick", "published"])
def test_a_killed_grid_runs_what_lacks_a_row(tmp_path, preset):
    """With the preset published, every training goes on with the rows that those before it left."""
    options, small = ("--preset", preset), {"prepare": forked.with_small_networks if preset == "published" else None}
    root, whole = (tmp_path / name / "Results" / LISTED.folder for name in ("killed", "whole"))
    table = root / TABLES["manual"]

    def training_after_the_first_row():
        unfinished = os.walk(table.parent / hpo.plans.RUNNING)  # a walk goes on when a folder disappears
        return len(read(table)) > 0 and any(name.endswith(".keras") for *_, names in unfinished for name in names)

    kill("manual", tmp_path / "killed", *options, when=training_after_the_first_row, **small)
    n_done = len(read(table))
    with table.open("a") as file:
        file.write("9,cut of")
    assert f"{n_done} of them done already" in forked.go_on("manual", tmp_path / "killed", *options, **small).printed
    forked.go_on("manual", tmp_path / "whole", *options, **small)
    rows = read(table)
    assert rows == read(whole / TABLES["manual"])
    assert len({row["Validation Loss"] for row in rows}) == len(rows) == 4
    assert [row["Num"] for row in rows] == list("1234")
    types = (table.parent / "type_val_csv.csv").read_text().splitlines()
    assert types == [f"{row['Type']},{row['Validation Loss']}" for row in rows]
    assert len(list((table.parent / "loss_history_all").iterdir())) == len(rows)
    kinds = {".csv", ".json", ".lock", ""}
    assert {path.suffix for path in table.parent.rglob("[!.]*")} <= kinds and not (table.parent / "unfinished").exists()
    lowest = min(float(row["Validation Loss"]) for row in rows)
    (model,) = hpo.tree.ResultsTree(root.parent, LISTED.folder).final_model("Grid Search").glob("*.keras")
    assert BaseMLClass.load_model(model).provenance["validation_loss"] == lowest
    history = table.parent / "loss_history_all" / f"{model.stem}_log.csv"
    assert history.read_text() == model.with_name(history.name).read_text()
    before = files_below(root)
    dry = forked.go_on("manual", tmp_path / "killed", *options, "--dry-run", **small)
    assert files_below(root) == before and dry.printed.count("  done\n") == len(rows)


@posix_only
def test_a_final_training_that_is_killed_twice_goes_on_after_its_last_backup(tmp_path):
    options = ("--num-epochs", "14")
    trees = [hpo.tree.ResultsTree(tmp_path / name / "Results", LISTED.folder) for name in ("killed", "whole")]
    unfinished = trees[0].repeatability / hpo.plans.RUNNING

    def n_epochs():
        return max((len(read(log)) for log in unfinished.glob("loss_history_all/*_log.csv")), default=0)

    for _ in range(2):
        enough = n_epochs() + 3
        kill("final_model", tmp_path / "killed", *options, when=lambda enough=enough: n_epochs() > enough)
    (name,) = (path.name.removesuffix("_backup") for path in unfinished.glob("*_backup"))
    stale = unfinished / name.replace(name[-8:], "0" * 8)  # of a training that is not to go on
    stale.with_suffix(".keras").touch()
    ended = forked.go_on("final_model", tmp_path / "killed", *options)
    assert re.search(r"Grid Search 1 goes on after epoch \d+ of 14", ended.printed)
    forked.go_on("final_model", tmp_path / "whole", *options)
    rows, expected = (read(tree.output / LISTED.folder / TABLES["final_model"]) for tree in trees)
    assert rows == expected and [row["Epochs"] for row in rows] == ["14", "14"]
    assert not unfinished.exists()
    histories = [sorted(path.read_text() for path in tree.repeatability.rglob("*_log.csv")) for tree in trees]
    assert histories[0] == histories[1] and (trees[0].repeatability / "loss_history_all" / f"{name}_log.csv").is_file()
    networks = [BaseMLClass.load_model(next(tree.final_model("Grid Search").glob("*.keras"))) for tree in trees]
    assert all(map(np.array_equal, *(network.model.get_weights() for network in networks)))


@pytest.fixture
def saved(tmp_path):
    """A network that was trained for one epoch, as a .keras file."""
    run = asked(LISTED, *TOY, "--num-epochs", "1", "--mode", "manual", "--output", str(tmp_path))
    folder = tmp_path / "models"
    hpo.run.train(run, NETWORK, folder, "network", 0, "manual")
    return folder / "network.keras"


@posix_only
def test_a_killed_update_goes_on_and_leaves_the_network_as_it_was(tmp_path, saved):
    options = ("--model", str(saved), "--num-epochs", "20")
    original = saved.read_bytes()
    working = saved.with_name(".network_update")
    log = working / "loss_history_all" / "network_update_log.csv"
    kill("model_update", tmp_path, *options, when=lambda: len(read(log)) > 2)
    n_done = len(read(log))
    with pytest.raises(support.errors.UserError, match="was started with num_epochs 20, not 2; .* remove that folder"):
        run_mode("model_update", tmp_path, "--model", str(saved))
    ended = forked.go_on("model_update", tmp_path, *options)
    rows = read(saved.with_name("network_update_log.csv"))
    assert [int(row["epoch"]) for row in rows] == list(range(20)) and n_done < 20
    updated = BaseMLClass.load_model(saved.with_name("network_update.keras"))
    assert updated.provenance["validation_loss"] == min(float(row["val_loss"]) for row in rows)
    assert updated.provenance["updated_from"] == "network.keras" and updated.config == NETWORK
    assert saved.read_bytes() == original and not working.exists()
    assert "of 20" in ended.printed
    folders = (saved.parent, tmp_path / "Results")  # What the run prints stands beside them.
    before = [files_below(folder) for folder in folders]
    assert "finished already" in forked.go_on("model_update", tmp_path, *options).printed
    assert [files_below(folder) for folder in folders] == before
    networks.files.remove_run_files(saved.parent, "network")
    assert not saved.exists() and updated.best_model_path.is_file()


def test_an_update_takes_from_its_network_what_belongs_to_it(tmp_path, saved):
    """The command names nothing but how long it trains; an option that is given comes before what is stored."""
    update = ("--mode", "model_update", "--model", str(saved), "--num-epochs", "1", "--num-datasets", "4")
    hpo.update.run_model_update(asked(LISTED, *update))
    updated, before = (BaseMLClass.load_model(saved.with_stem(name)) for name in ("network_update", "network"))
    kept = ("preset", "n_samples", "dt", "batch_size", "precision", "snr_db", "variety")
    assert [updated.provenance[name] for name in kept] == [before.provenance[name] for name in kept]
    networks.files.remove_run_files(saved.parent, "network_update")
    hpo.update.run_model_update(asked(LISTED, *update, "--preset", "paper", "--snr-db", "9"))
    run = BaseMLClass.load_model(saved.with_stem("network_update")).provenance
    assert (run["preset"], run["validation"], run["snr_db"], run["n_samples"]) == ("paper", "streaming", [9.0, 9.0], 48)


def test_the_rate_of_an_update_is_what_is_left_of_a_longer_training(tmp_path, saved, capsys):
    """An update of an update counts the traces of all trainings before it."""
    for name, n_before in (("network", 4), ("network_update", 12)):
        run_mode("model_update", tmp_path, "--model", str(saved.with_stem(name)))
        assert f"as the network has seen {n_before} traces before" in capsys.readouterr().out
        done = n_before / 4
        rates = [float(row["lr"]) for row in read(saved.parent / f"{name}_update_log.csv")]
        assert rates == pytest.approx([1e-3 * 2 / (done + 2), 1e-3 * 1 / (done + 2)])
        assert BaseMLClass.load_model(saved.with_stem(f"{name}_update")).provenance["traces_before"] == n_before


@pytest.mark.parametrize("torn_file", ["torn_backup/*", "torn.keras"])
def test_a_torn_backup_or_network_starts_over(tmp_path, torn_file):
    class StopAt(baseML.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    run = asked(LISTED, *TOY, "--mode", "manual", "--output", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        hpo.run.train(run, NETWORK, tmp_path, "torn", 0, "manual", extra_callbacks=[StopAt()])
    (state,) = tmp_path.glob(torn_file)
    state.write_bytes(state.read_bytes()[:1000])
    _, torn = hpo.run.train(run, NETWORK, tmp_path, "torn", 0, "manual")
    _, whole = hpo.run.train(run, NETWORK, tmp_path, "whole", 0, "manual")
    assert (torn.validation_loss, torn.epochs) == (whole.validation_loss, 2)
    assert [row["epoch"] for row in read(baseML.loss_history_path(tmp_path, "torn"))] == ["0", "1"]


# --- What goes wrong


def test_a_training_that_fails_has_a_row_and_does_not_stop_the_grid(tmp_path, capsys, monkeypatch):
    failures = {0: baseML.DivergedError("not a number"), 1: MemoryError()}
    calls = []

    def failing(*arguments, **options):
        calls.append(arguments)
        raise failures.get(len(calls) - 1, MemoryError())

    monkeypatch.setattr(hpo.plans, "train", failing)
    for _ in range(2):
        run_mode("manual", tmp_path)
    rows = read(tmp_path / LISTED.folder / TABLES["manual"])
    assert len(calls) == len(rows) == 4
    assert all(row["Epochs"] == "0" and math.isnan(float(row["Validation Loss"])) for row in rows)
    printed = capsys.readouterr().out
    assert "failed: not a number" in printed and "failed: out of memory (MemoryError)" in printed


def test_a_training_that_diverges_has_a_row_and_the_others_go_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(hpo.problem.QUICK_BASE, "Learning Rate", 1e30)
    run_mode("manual", tmp_path)
    rows = read(tmp_path / LISTED.folder / TABLES["manual"])
    assert [row["Num"] for row in rows] == list("1234") and {row["Validation Loss"] for row in rows} == {"nan"}
    configs = {**LISTED.final_configs, "Optuna": dataclasses.replace(NETWORK, learning_rate=1e30)}
    monkeypatch.setattr(sys.modules[__name__], "LISTED", dataclasses.replace(LISTED, final_configs=configs))
    run_mode("final_model", tmp_path, "--repeats", "1")
    rows = {row["Approach"]: row for row in read(tmp_path / LISTED.folder / TABLES["final_model"])}
    assert rows["Optuna"]["Validation Loss"] == "nan" and math.isfinite(float(rows["Grid Search"]["Validation Loss"]))
    assert capsys.readouterr().out.count("failed: the validation loss of") == 5


def test_an_update_that_diverges_says_so_and_leaves_the_network_as_it_was(tmp_path, saved):
    network = BaseMLClass.load_model(saved)
    network.config = dataclasses.replace(network.config, learning_rate=1e30)
    network.save_model(saved)
    before = saved.read_bytes()
    with pytest.raises(support.errors.StoppedError, match="the update of .* failed: the validation loss of"):
        run_mode("model_update", tmp_path, "--model", str(saved))
    assert saved.read_bytes() == before and not saved.with_name("network_update.keras").exists()


def test_a_tree_holds_a_set_for_each_kind_of_settings(tmp_path, capsys):
    """The set that comes first has the published folders; what is repeated finds its own set again."""
    root = tmp_path / LISTED.folder
    one = ("--repeats", "1")
    for options, name, n_done in (
        (one, "", 0),
        ((*one, "--num-epochs", "3"), "_quick", 0),
        ((*one, "--seed", "1"), "_quick_2", 0),
        ((*one, "--num-epochs", "3"), "_quick", 2),
        (("--repeats", "2"), "", 2),
    ):
        run_mode("final_model", tmp_path, *options)
        printed = capsys.readouterr().out
        assert f"trainings, {n_done} of them done already" in printed
        rows = read(root / f"Repeatability{name}" / "repeatability_summary.csv")
        assert len(rows) == (4 if options == ("--repeats", "2") else 2)
        for approach in ("GridSearch", "Optuna"):
            (network,) = (root / "Final_Model" / f"{approach}{name}").glob("*.keras")
            assert network.with_suffix(".png").is_file()
        assert ("was started with" in printed) == bool(name)
    assert "Repeatability' was started with num_epochs 2, not 3, and stays as it is" not in printed
    assert len(list(root.glob("Repeatability*"))) == 3 == len(list((root / "Final_Model").glob("Optuna*")))


def test_the_final_trainings_say_whose_they_are_and_end_with_a_blind_test(tmp_path, capsys):
    run_mode("final_model", tmp_path, "--repeats", "1")
    printed = capsys.readouterr().out
    assert "Networks the configurations of the paper's Table 3; --from-study NAME" in printed
    assert "Optuna (the paper's Table 3): 1 training," in printed
    (blind,) = tmp_path.rglob("blind_test.csv")
    methods = {row["Method"] for row in read(blind)}
    assert {"CNN of Grid Search, the paper's Table 3", "CNN of Optuna, the paper's Table 3", "Noisy input"} <= methods
    results = resultsPlotting.Results(LISTED, hpo.tree.ResultsTree(tmp_path, LISTED.folder))
    labels = [final_label(LISTED, network) for network in results.networks]
    assert labels == ["Grid Search, the paper's Table 3", "Optuna, the paper's Table 3"]


def test_a_grid_of_other_settings_or_origin_stands_beside_the_one_that_is_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hpo.plans, "grid_configurations", lambda run: [])
    grid = tmp_path / LISTED.folder / "Search" / "GridSearch"
    run_mode("manual", tmp_path)
    before = files_below(tmp_path)
    run_mode("manual", tmp_path, "--num-epochs", "3", "--dry-run")
    assert files_below(tmp_path) == before
    run_mode("manual", tmp_path, "--num-epochs", "3", "--seed", "1")
    printed = capsys.readouterr().out
    assert f"{str(grid)!r} was started with num_epochs 2, not 3, seed 0, not 1, and stays as it is" in printed
    (grid / "settings.json").unlink()
    run_mode("manual", tmp_path)
    assert f"{str(grid)!r} was not made here, and stays as it is" in capsys.readouterr().out
    assert sorted(path.name for path in grid.parent.iterdir()) == [
        f"GridSearch{name}" for name in ("", "_quick", "_quick_2")
    ]


def test_a_second_process_is_refused(tmp_path):
    folder = tmp_path / LISTED.folder / "Repeatability"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(support.errors.UserError, match="another process is working in"):
        run_mode("final_model", tmp_path)


def test_what_cannot_be_updated_is_named(tmp_path, saved):
    broken = tmp_path / "broken.keras"
    broken.write_text("nothing")
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(saved.read_bytes().replace(b"config.json", b"config.jsoN", 1))
    alone = tmp_path / "alone.keras"
    alone.write_bytes(saved.read_bytes())
    for model, options, words in (
        (tmp_path / "none.keras", (), "no model file"),
        (broken, (), "broken.keras' is not a Keras model"),
        (damaged, (), "damaged.keras' is not a Keras model"),
        (alone, (), "alone.json' is missing"),
        (saved, ("--samples", "64"), "was trained for n_samples 48, not 64"),
    ):
        with pytest.raises(support.errors.UserError, match=words):
            run_mode("model_update", tmp_path, "--model", str(model), *options)
    run = asked(INVERSION, *TOY, "--mode", "model_update", "--model", str(saved))
    with pytest.raises(support.errors.UserError, match="is a network for denoising, not for inversion"):
        hpo.update.run_model_update(run)
    assert not list(saved.parent.glob("*_update*"))
