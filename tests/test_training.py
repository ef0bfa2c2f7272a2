"""Training with the paper's callbacks, each forced to act in a real fit, and the files that it leaves."""

import csv
import dataclasses
import itertools
import math
import os
import signal
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from forked import in_a_fork
from toys import eagerly

import baseML
import networks.backends
import networks.callbacks
import networks.feeding
import networks.files
import networks.layers
from baseML import CLR_CB, NETWORKS, Dwell_CB, NetworkConfig
from dataPreProcessing import GENERATIONS, CustomDataGen, Loss
from networks.feeding import fit_input
from networks.layers import Layer
from networks.rows import Network

ROOT = Path(__file__).parents[1]
ARCHIVE = ROOT.parent / "shared" / "paper" / "published" / "Inversion" / "Search"
PUBLISHED = ARCHIVE / "GridSearch"
pytestmark = pytest.mark.usefixtures("hasty")
TINY = NetworkConfig("CNN", "AE", num_layers=1, num_dnn=2, num_filt=2, krnl_size=3, pool_val=2, learning_rate=1e-2)


def streams(**options):
    options = {"batch_size": 2, "n": 4, "n_samples": 33} | options
    return CustomDataGen(**options), CustomDataGen(**options, stream="validation")


def train(folder, config=TINY, num_epochs=3, seed=0, **options):
    return baseML.run_model(
        config, *streams(), num_epochs, folder, networks.files.new_run_name(config), seed, **options
    )


class AtEpoch(keras.callbacks.Callback):
    """Does something to the model when an epoch begins."""

    def __init__(self, **actions):
        super().__init__()
        self.actions = actions

    def on_epoch_begin(self, epoch, logs=None):
        self.actions.get(f"epoch_{epoch}", lambda model: None)(self.model)


def fit_with(callbacks, num_epochs=3, rate=1e-9):
    """A fit whose weights stay where they are but for the callbacks."""
    network = baseML.create_model(dataclasses.replace(TINY, learning_rate=rate), 33)
    training, validation = streams()
    network.model.fit(
        training, validation_data=validation, epochs=num_epochs, callbacks=callbacks, shuffle=False, verbose=0
    )
    return network.model


def spoil(model):
    model.set_weights([weights + 10 for weights in model.get_weights()])


def test_dwell_restores_the_best_weights_and_halves_the_rate_when_the_loss_jumps():
    dwell = Dwell_CB(loss_factor=20.0)  # fresh traces every epoch: the loss of so few varies
    model = fit_with([AtEpoch(epoch_2=spoil), dwell])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5e-9)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), dwell.best_weights, strict=True))
    assert max(np.abs(weights).max() for weights in model.get_weights()) < 5


def test_dwell_restores_after_a_loss_that_is_not_a_number():
    model = fit_with([AtEpoch(epoch_1=lambda m: m.set_weights([w * np.nan for w in m.get_weights()])), Dwell_CB()], 2)
    assert np.isfinite(np.concatenate([weights.ravel() for weights in model.get_weights()])).all()


def test_the_callbacks_act_where_the_paper_says():
    assert (Dwell_CB().lr_factor, Dwell_CB().loss_factor) == (0.5, 1.5)
    assert (CLR_CB().lr_factor, CLR_CB().criteria_factor) == (5.0, 0.1)


def test_dwell_leaves_small_rises_alone():
    model = fit_with([Dwell_CB(loss_factor=1000.0)])
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-9)


def test_clr_raises_a_rate_below_a_tenth_and_makes_it_the_reference():
    def shrink(model):
        model.optimizer.learning_rate = 0.05e-9

    callback = CLR_CB()
    model = fit_with([AtEpoch(epoch_1=shrink), callback])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.25e-9)
    assert callback.reference_rate == pytest.approx(0.25e-9)


def test_clr_leaves_a_rate_of_a_tenth_alone():
    def shrink(model):
        model.optimizer.learning_rate = 0.11e-9

    assert float(fit_with([AtEpoch(epoch_1=shrink), CLR_CB()]).optimizer.learning_rate) == pytest.approx(0.11e-9)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published archive is not here")
def test_the_published_losses_give_the_published_learning_rates_to_the_last_digit():
    model = baseML.create_model(TINY, 33).model
    paths = sorted(ARCHIVE.glob(f"*/{networks.files.LOSS_HISTORY_FOLDER}/*_log.csv"))
    for path in paths:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        model.optimizer.learning_rate = float(rows[0]["lr"])
        before, after = networks.callbacks.SCHEDULES["paper"](float(rows[0]["lr"]), len(rows))
        for callback in (*before, *after):
            callback.set_model(model)
            callback.on_train_begin()
        for epoch, row in enumerate(rows):
            logs = {"val_loss": float(row["val_loss"])}
            for callback in (*before, *after):
                callback.on_epoch_end(epoch, logs)
            assert np.float32(logs["learning_rate"]) == np.float32(row["lr"]), (path.name, epoch)
    assert len(paths) >= 24


def test_a_training_leaves_its_best_model_configuration_and_loss_history(tmp_path):
    network, result = train(tmp_path, provenance={"study": "s"})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"{result.run_name}.keras", f"{result.run_name}.json", networks.files.LOSS_HISTORY_FOLDER]
    )
    loaded = baseML.BaseMLClass.load_model(tmp_path / f"{result.run_name}.keras")
    assert loaded.config == TINY
    assert loaded.provenance == {"study": "s", "seed": 0, "validation_loss": result.validation_loss}
    x = streams()[0][0][0]
    assert loaded.predict_result(x) == pytest.approx(network.predict_best_result(x))


def test_the_loss_history_has_the_published_columns_and_a_row_an_epoch(tmp_path):
    _, result = train(tmp_path)
    with baseML.loss_history_path(tmp_path, result.run_name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"epoch", "loss", "lr", "val_loss"} <= set(rows[0])
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[result.best_epoch - 1]["val_loss"]) == pytest.approx(result.validation_loss)
    assert float(rows[result.best_epoch - 1]["val_rmse"]) == pytest.approx(result.validation_plain)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published archive is not here")
def test_our_tables_read_like_the_published_ones():
    with (PUBLISHED / "search_summary.csv").open(newline="", encoding="utf-8-sig") as file:
        published = next(csv.reader(file))
    assert [name for name in published if name not in ("Num", "Learning Rate")] == list(baseML.SUMMARY_COLUMNS)
    histories = list((PUBLISHED / networks.files.LOSS_HISTORY_FOLDER).glob("*_log.csv"))
    columns = {tuple(path.read_text(encoding="utf-8-sig").splitlines()[0].split(",")) for path in histories}
    assert all(set(found) <= {"epoch", *baseML.log_columns("rmse").values()} for found in columns) and columns


@pytest.mark.parametrize("resumable", [True, False])
def test_the_result_is_that_of_the_lowest_validation_loss(tmp_path, resumable):
    """The best model, evaluated on the validation traces of its epoch, gives the reported losses."""
    worse = AtEpoch(epoch_2=lambda model: model.set_weights([1.2 * weights for weights in model.get_weights()]))
    network, result = train(tmp_path, resumable=resumable, extra_callbacks=[worse])
    assert result.best_epoch < 3
    _, validation = streams()
    for _ in range(result.best_epoch):
        validation.on_epoch_begin()
    x, y = (np.concatenate(part) for part in zip(*(validation[i] for i in range(len(validation))), strict=True))
    predicted = network.predict_best_result(x)
    per_batch = np.sqrt(((predicted - y[..., 0]) ** 2).reshape(2, -1).mean(axis=1))
    assert per_batch.mean() == pytest.approx(result.validation_plain, rel=1e-4)


def test_the_same_seed_repeats_a_training_and_another_does_not(tmp_path):
    losses = [train(tmp_path, seed=seed)[1].validation_loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


SMALL = {
    "CNN AE": TINY,
    "CNN": NetworkConfig("CNN", "SEQ", num_layers=2, num_filt=4, krnl_size=5, learning_rate=1e-3),
    "TCN": NetworkConfig("TCN", "SEQ", 1, 8, 2, num_filt=4, krnl_size=3, learning_rate=1e-3),
}


@pytest.mark.parametrize(("name", "batch_size"), [("CNN AE", 1), ("CNN", 2), ("TCN", 1)])
def test_the_losses_are_the_same_without_what_makes_training_fast(tmp_path, monkeypatch, name, batch_size):
    data = {"batch_size": batch_size, "n": 75, "n_samples": 65}  # in two or three calls, the last one smaller

    def losses(folder, **options):
        network, _ = baseML.run_model(SMALL[name], *streams(**data), 3, tmp_path / folder, "run", seed=0, **options)
        assert network.model.steps_per_execution == 1  # as it was
        with baseML.loss_history_path(tmp_path / folder, "run").open(newline="") as file:
            return np.array([[float(row[column]) for column in ("loss", "val_loss")] for row in csv.DictReader(file)])

    monkeypatch.setattr(networks.backends, "XLA_STEPS_OF_OTHERS", 0)
    with eagerly(False):
        fast = losses("fast", resumable=False)
        monkeypatch.setattr(baseML, "choose_compilation", lambda *arguments: networks.backends.Compilation(None, 1))
        monkeypatch.setattr(networks.feeding, "VALIDATION_BATCH", 1)
        slow = losses("slow")
    assert fast.shape == (3, 2) and fast == pytest.approx(slow, rel=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_validation_of_several_traces_at_once_gives_the_mean_over_traces(name):
    network = baseML.create_model(SMALL[name], 65)
    network.compile_for(1)
    traces = streams(batch_size=1, n=12, n_samples=65, validation="fixed")[1]
    one_by_one, together = (
        network.model.evaluate(fit_input(traces, any_size), return_dict=True, verbose=0) for any_size in (False, True)
    )
    per_trace = [
        np.sqrt(np.mean((network.predict_result(x) - y[..., 0]) ** 2)) for x, y in map(traces.__getitem__, range(12))
    ]
    assert one_by_one["rmse"] == pytest.approx(np.mean(per_trace), rel=1e-6)
    assert together == pytest.approx(one_by_one, rel=1e-6)


class Strong(CustomDataGen):
    """Whether a trace has a strong arrival, 1 or 0, in place of y."""

    def __getitem__(self, index):
        x, _ = super().__getitem__(index)
        return x, (x.max(axis=1, keepdims=True) > 0.2).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_network_is_trained_for_the_loss_of_its_problem(tmp_path, monkeypatch, batch_size):
    def layers(c):
        return [Layer("conv", c.num_filt, c.krnl_size), Layer("dense", 1, activation="sigmoid"), Layer("mean")]

    monkeypatch.setitem(NETWORKS, ("CNN", "STRONG"), Network(layers))
    loss = Loss("entropy", keras.losses.binary_crossentropy, keras.losses.binary_crossentropy)
    config = NetworkConfig("CNN", "STRONG", num_filt=4, krnl_size=5, learning_rate=1e-2)
    options = {"batch_size": batch_size, "n": 8, "n_samples": 65, "validation": "fixed"}
    training, validation = Strong(**options), Strong(**options, stream="validation")
    network, result = baseML.run_model(config, training, validation, 3, tmp_path, "run", 0, loss=loss)
    with baseML.loss_history_path(tmp_path, "run").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"epoch", "loss", "lr", "entropy", "val_loss", "val_entropy"}
    assert float(rows[result.best_epoch - 1]["val_entropy"]) == pytest.approx(result.validation_plain)
    assert len({row["loss"] for row in rows}) == 3
    x, y = (np.concatenate(part) for part in zip(*map(validation.__getitem__, range(len(validation))), strict=True))
    p, strong = network.predict_best_result(x)[:, 0], y[:, 0, 0] == 1
    assert 0 < strong.sum() < len(strong)
    by_hand = -np.mean(np.log(np.where(strong, p, 1 - p)))
    loaded = baseML.BaseMLClass.load_model(tmp_path / "run.keras", loss)
    found = loaded.get_model().evaluate(x, y, verbose=0, return_dict=True)
    assert [result.validation_plain, found["loss"], found["entropy"]] == pytest.approx(3 * [by_hand], rel=1e-4)
    assert baseML.train_network(loaded, training, validation, 1, tmp_path, "more").validation_plain < 2 * by_hand


@pytest.mark.parametrize("name", ["CNN AE", "TCN"])
def test_mixed_precision_trains_to_nearly_the_same_losses(tmp_path, name):
    def result(precision):
        _, found = baseML.run_model(SMALL[name], *streams(), 2, tmp_path, precision, seed=0, precision=precision)
        assert baseML.BaseMLClass.load_model(tmp_path / f"{precision}.keras").precision == precision
        return found.validation_loss

    assert 0 < abs(result("mixed_bfloat16") / result("float32") - 1) < 0.05


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends have no choice")
def test_how_steps_are_compiled_follows_the_network_and_the_training(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    base = {"num_dnn": 64, "num_filt": 16, "krnl_size": 8}
    for network, few_steps, many_steps in (
        (("DNN", "SEQ"), False, True),
        (("CNN", "SEQ"), False, True),
        (("CNN_VAR", "SEQ"), False, True),
        (("CNN_LSTM", "SEQ"), True, True),
        (("TCN", "SEQ"), True, True),
        (("CNN", "AE"), False, False),
        (("TCN", "AE"), True, True),
    ):
        config = NetworkConfig(*network, **base)
        chosen = [baseML.choose_compilation(config, n_steps, 256) for n_steps in (500, 7500)]
        assert [choice.jit_compile for choice in chosen] == [few_steps, many_steps], network
        assert {choice.steps_per_execution for choice in chosen} == {1 if "LSTM" in network[0] else 25}, network
    large = NetworkConfig("CNN", "AE", 2, 1792, num_filt=64, krnl_size=12, pool_val=2)
    assert baseML.choose_compilation(large, 7500).steps_per_execution == 1
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "gpu:0"])
    assert baseML.choose_compilation(large, 7500).jit_compile is None


# --- Backups


FACTORS = (0.95, 0.8, 0.6, 0.5, 5.0)  # of the learning rate: three plateaus, Dwell_CB, CLR_CB
HASTY = {"num_layers": 1, "num_dnn": 4, "learning_rate": 0.1, "schedule": "hasty"}  # a DNN


def hasty_schedule(rate, num_epochs):
    """The paper's schedule with so little patience that all of it acts within a few epochs."""
    plateaus = zip(FACTORS, (1, 2, 2), (1, 0, 2), strict=False)
    reductions = [
        keras.callbacks.ReduceLROnPlateau("val_loss", factor, patience, mode="min", cooldown=cooldown)
        for factor, patience, cooldown in plateaus
    ]
    return reductions, [Dwell_CB(), CLR_CB(criteria_factor=0.4)]


class Interrupt(keras.callbacks.Callback):
    """Writes down the finished epochs, and calls ``interrupt`` when one of them ends or the next one begins."""

    def __init__(self, path, interrupt, ends=None, begins=None):
        super().__init__()
        self.path, self.interrupt, self.ends, self.begins = path, interrupt, ends, begins

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.begins:
            self.interrupt()

    def on_epoch_end(self, epoch, logs=None):
        with self.path.open("a") as file:
            file.write(f"{epoch}\n")
        if epoch == self.ends:
            self.interrupt()


def train_hastily(generation, folder, interrupt=None, **when):
    """Train for 12 epochs, of which every one is backed up; returns the losses and rates, and all weights."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.callbacks.SCHEDULES, "hasty", hasty_schedule)
        patch.setattr(networks.callbacks, "BACKUP_SHARE", 1.0)
        patch.setattr(networks.layers, "DROPOUT_RATE", 0.1)  # so that there is a random state to be restored
        callbacks = [Interrupt(folder / "epochs", interrupt, **when)]
        config = NetworkConfig("DNN", **HASTY)
        with eagerly():
            traces = streams(generation=generation)
            network, result = baseML.run_model(config, *traces, 12, folder, "run", 1, extra_callbacks=callbacks)
        saved = baseML.BaseMLClass.load_model(folder / "run.keras")
    weights = [*network.model.get_weights(), *saved.model.get_weights()]
    return dataclasses.replace(result, seconds=0.0), baseML.loss_history_path(folder, "run").read_text(), weights


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.fixture(scope="module", params=GENERATIONS)
def undisturbed(request, tmp_path_factory):
    """How velocities are made, and what a training gives that nothing interrupted, and whose schedule acted."""
    found = train_hastily(request.param, tmp_path_factory.mktemp("undisturbed"))
    assert schedule_acted(found[1])
    return request.param, *found


def schedule_acted(history):
    """Whether every factor is in the steps from one learning rate to the next."""
    rates = [float(row["lr"]) for row in csv.DictReader(history.splitlines())]
    steps = [after / before for before, after in itertools.pairwise(rates)]
    subsets = [chosen for n in range(1, 6) for chosen in itertools.combinations(FACTORS, n)]
    acted = [chosen for chosen in subsets if any(math.isclose(math.prod(chosen), step, rel_tol=1e-5) for step in steps)]
    return {factor for chosen in acted for factor in chosen} == set(FACTORS)


def check_resumed(folder, undisturbed):
    generation, *expected = undisturbed
    *found, weights = train_hastily(generation, folder)
    assert found == expected[:2]
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected[2], strict=True))
    assert (folder / "epochs").read_text().split() == list(map(str, [*range(11), *range(10, 12)]))
    assert not (folder / "run_backup").exists()


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(tmp_path, undisturbed):
    for when in ({"begins": 4}, {"ends": 10}):
        with pytest.raises(KeyboardInterrupt):
            train_hastily(undisturbed[0], tmp_path / "interrupted", raise_interrupt, **when)
    check_resumed(tmp_path / "interrupted", undisturbed)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_training_that_is_killed_twice_goes_on_as_if_nothing_had_happened(tmp_path, undisturbed):
    for when in ({"begins": 4}, {"ends": 10}):
        assert in_a_fork(train_hastily, undisturbed[0], tmp_path / "killed", kill, **when) == -signal.SIGKILL
    check_resumed(tmp_path / "killed", undisturbed)


def test_a_backup_keeps_all_that_callbacks_remember(tmp_path):
    model = baseML.create_model(TINY, 33).model
    model.stop_training = False  # as Keras has it in a fit
    kinds = networks.callbacks.MEMORY

    def callbacks():
        before, after = networks.callbacks.SCHEDULES["paper"](1e-3, 3)
        found = [keras.callbacks.EarlyStopping("val_loss"), baseML.BestModel(tmp_path / "best.keras"), *before, *after]
        for callback in found:
            callback.set_model(model)
            callback.on_train_begin()
        assert {type(callback) for callback in found} == set(kinds)
        return found

    kept, fresh = callbacks(), callbacks()
    places = [(number, name) for number, callback in enumerate(kept) for name in kinds[type(callback)]]
    for value, (number, name) in enumerate(places, 1):
        setattr(kept[number], name, [value * w for w in model.get_weights()] if name == "best_weights" else value)
    for callbacks, act in ((kept, lambda b: b.on_epoch_end(4)), (fresh, lambda b: b.restore(model, 5))):
        backup = baseML.Backup(tmp_path / "backup", callbacks)
        backup.set_model(model)
        backup.on_train_begin()
        act(backup)
    backup.on_train_begin()
    for number, name in places:
        found, expected = (keras.tree.flatten(getattr(side[number], name)) for side in (fresh, kept))
        assert all(map(np.array_equal, found, expected)) and len(found) == len(expected), name


def test_the_epoch_in_which_a_training_is_stopped_is_not_backed_up(tmp_path, monkeypatch):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    monkeypatch.setattr(networks.callbacks, "BACKUP_SHARE", 1.0)
    with pytest.raises(KeyboardInterrupt):
        baseML.run_model(TINY, *streams(), 9, tmp_path, "run", 0, extra_callbacks=[Stop()])
    with np.load(tmp_path / "run_backup" / "state.npz") as state:
        assert state["finished"] == 2


def test_backups_take_a_small_part_of_the_time(tmp_path, monkeypatch):
    clock = iter(np.cumsum([0, 1, 5, 20, 1]).tolist())  # s: begins, ends, too early, late enough, ends
    monkeypatch.setattr(networks.callbacks, "time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    network = baseML.create_model(TINY, 33)
    network.model.stop_training = False  # as Keras has it in a fit
    backup = baseML.Backup(tmp_path / "backup")
    backup.set_model(network.model)
    backup.on_train_begin()
    kept = []
    for epoch in range(3):
        backup.on_epoch_end(epoch)
        with np.load(*(tmp_path / "backup").iterdir()) as state:
            kept.append(int(state["finished"]))
    assert kept == [1, 1, 3]


# --- Failures, options and tables


def test_a_training_that_never_gives_a_number_says_so(tmp_path):
    with pytest.raises(baseML.DivergedError, match="was never a number, in 2 epochs"):
        train(tmp_path, dataclasses.replace(TINY, learning_rate=1e30), 2)


def test_plot_learning_and_tensorboard_are_options(tmp_path):
    pytest.importorskip("tensorboard")
    _, result = train(tmp_path, plot_learning=True, tensorboard=True)
    assert (tmp_path / f"{result.run_name}_learning.png").is_file()
    assert list((tmp_path / "tensorboard" / result.run_name).rglob("*tfevents*"))


def test_the_network_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("plots.style.DPI", 300)  # as a user has it
    network, result = train(tmp_path, num_epochs=1)
    network.plot_model(tmp_path / "network.png")
    assert (tmp_path / "network.png").stat().st_size > 10_000


def test_run_names_are_unique():
    assert len({networks.files.new_run_name(TINY) for _ in range(50)}) == 50


def test_a_results_table_is_started_once_and_rows_are_added(tmp_path):
    path = tmp_path / "folder" / "summary.csv"
    for _ in range(2):
        baseML.init_results_file(path, ["a", "b"])
        baseML.append_results_to_file(path, [1, "x, y"])
    assert path.read_bytes() == b'a,b\n1,"x, y"\n1,"x, y"\n'
    with pytest.raises(ValueError, match="other columns"):
        baseML.init_results_file(path, ["a", "c"])


def test_asking_before_there_is_a_network_says_what_to_do():
    with pytest.raises(ValueError, match="create_model"):
        baseML.BaseMLClass().predict_result(np.zeros((1, 33)))
    with pytest.raises(ValueError, match="fit_model"):
        baseML.BaseMLClass().predict_best_result(np.zeros((1, 33)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow keeps what a training traced")
def test_a_training_leaves_nothing_behind_in_the_process(tmp_path):
    from tensorflow.python.framework import ops

    before = set(ops.gradient_registry.list())
    with eagerly(False):
        network, _ = train(tmp_path)
        network.predict_result(np.zeros((1, network.n_samples)))
    assert set(ops.gradient_registry.list()) == before
