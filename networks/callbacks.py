"""The paper's callbacks, learning-rate schedules and optimisers, loss histories, and backups of trainings."""

import math
import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dataPreProcessing import CustomDataGen
from support.files import replacing
from support.startup import load_keras
from support.stopping import check_stop

keras = load_keras()

BACKUP_SHARE = 0.05  # largest part of a training's time that its backups may take


def log_columns(name: str, *others: str) -> dict[str, str]:
    """The columns of a loss history, by Keras' names, of the loss's plain value and of its other values."""
    further = [column for other in others for column in (other, f"val_{other}")]
    columns = {"loss": "loss", "learning_rate": "lr", name: name, "val_loss": "val_loss", f"val_{name}": f"val_{name}"}
    return columns | {column: column for column in further}


# --- Callbacks


class Dwell_CB(keras.callbacks.Callback):
    """Goes back to the best weights, at a lower rate, when the validation loss has grown too much.

    A validation loss above ``loss_factor`` times the lowest so far, or one that is not a number, restores the best
    weights and multiplies the learning rate by ``lr_factor``. With a loss at or below the lowest so far, the weights
    of this epoch become the best.
    """

    def __init__(self, lr_factor: float = 0.5, loss_factor: float = 1.5) -> None:
        super().__init__()
        self.lr_factor = lr_factor
        self.loss_factor = loss_factor

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.lowest_loss = math.inf
        self.best_weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = logs["val_loss"]
        if loss <= self.lowest_loss:
            self.lowest_loss = loss
            self.best_weights = self.model.get_weights()
        elif not loss <= self.loss_factor * self.lowest_loss:
            self.model.set_weights(self.best_weights)
            self.model.optimizer.learning_rate = self.lr_factor * _learning_rate(self.model)


class CLR_CB(keras.callbacks.Callback):
    """Raises a learning rate that has become too small.

    A rate below ``criteria_factor`` times the reference rate is multiplied by ``lr_factor`` and becomes the new
    reference. The first reference is the rate at the start.
    """

    def __init__(self, lr_factor: float = 5.0, criteria_factor: float = 0.10) -> None:
        super().__init__()
        self.lr_factor = lr_factor
        self.criteria_factor = criteria_factor

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.reference_rate = _learning_rate(self.model)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = _learning_rate(self.model)
        if rate < self.criteria_factor * self.reference_rate:
            self.model.optimizer.learning_rate = self.reference_rate = rate * self.lr_factor


def _learning_rate(model: keras.Model) -> float:
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


class StopWhenAsked(keras.callbacks.Callback):
    """Raise KeyboardInterrupt between two batches, of training or of validation, once the process was asked to stop.

    It does so before a batch: a callback after a batch would make Keras wait for the losses of each step.
    """

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        check_stop()

    on_test_batch_begin = on_train_batch_begin


class FirstEpoch(keras.callbacks.Callback):
    """Makes streams begin with an epoch, although Keras has taken a batch before on some backends, to build with."""

    def __init__(self, epoch: int, *streams: CustomDataGen) -> None:
        super().__init__()
        self.epoch = epoch
        self.streams = streams

    def on_train_begin(self, logs: dict | None = None) -> None:
        for stream in self.streams:
            stream.begin_at(self.epoch)


_Callbacks = list[keras.callbacks.Callback]


def _paper_schedule(rate: float, num_epochs: int) -> tuple[_Callbacks, _Callbacks]:
    plateaus = ((0.95, 10, 5), (0.80, 25, 10), (0.50, 50, 10))  # factor, patience, cooldown
    reductions = [
        keras.callbacks.ReduceLROnPlateau("val_loss", factor, patience, mode="min", cooldown=cooldown)
        for factor, patience, cooldown in plateaus
    ]
    return reductions, [Dwell_CB(), CLR_CB()]


def _cosine_schedule(rate: float, num_epochs: int) -> tuple[_Callbacks, _Callbacks]:
    """The rate is a tenth in the first epoch, and then follows a cosine to nearly zero in the last epoch."""

    def of_epoch(epoch: int) -> float:
        return 0.1 * rate if epoch == 0 else rate * 0.5 * (1.0 + math.cos(math.pi * epoch / num_epochs))

    return [keras.callbacks.LearningRateScheduler(of_epoch)], []


def rate_of_update(first: float, done: float, num_epochs: int) -> Callable[[int], float]:
    """The learning rate in each epoch (from 0) of a training that goes on after ``done`` epochs.

    Both trainings together are one, whose rate falls along a straight line from ``first`` to zero. The more a network
    has learned, the smaller is the rate of a few more epochs: at a large one they would undo what it can.

    >>> [rate_of_update(1.0, 6, 4)(epoch) for epoch in range(4)]
    [0.4, 0.3, 0.2, 0.1]
    """
    return lambda epoch: first * (num_epochs - epoch) / (done + num_epochs)


# All gradients of a loss in ft/s are longer: every step then has the same weight, whatever the loss of its trace is.
LONGEST_GRADIENT = 1.0
SCHEDULES = {  # from (learning rate, epochs) to the callbacks before and after the one of the loss history
    "paper": _paper_schedule,
    # The callback changes nothing, but has the loss history say the rate, which a training that goes on reads there.
    "constant": lambda rate, num_epochs: ([keras.callbacks.LearningRateScheduler(lambda epoch: rate)], []),
    "cosine": _cosine_schedule,
}
OPTIMIZERS = {
    "adam": lambda config: keras.optimizers.Adam(config.learning_rate, amsgrad=True),  # the paper's
    "adamw": lambda config: keras.optimizers.AdamW(
        config.learning_rate, config.weight_decay, clipnorm=LONGEST_GRADIENT
    ),
}


class LossHistory(keras.callbacks.CSVLogger):
    """Writes one row per epoch with the published columns (epoch, loss, lr, val_loss) and the plain values beside them.

    Parameters: ``path`` of the table; ``columns``, those of `log_columns`.
    """

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        super().__init__(path, append=True)
        self.columns = columns

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_end(epoch, {column: logs[name] for name, column in self.columns.items() if name in logs})

    def on_train_end(self, logs: dict | None = None) -> None:
        os.fsync(self.csv_file.fileno())
        super().on_train_end(logs)


class BestModel(keras.callbacks.Callback):
    """Saves the model with the lowest validation loss so far to ``path`` (.keras), in place of the one before.

    With ``at_end`` the best weights are held in memory, and are written and given to the model when the training ends:
    writing the model at every improvement takes up to a third of a short epoch.
    """

    def __init__(self, path: Path, at_end: bool = False) -> None:
        super().__init__()
        self.path = path
        self.lowest = math.inf
        self.at_end = at_end
        self._best: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs["val_loss"] < self.lowest:
            self.lowest = logs["val_loss"]
            if self.at_end:
                self._best = self.model.get_weights()
            else:
                self._save()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._best is not None:
            self.model.set_weights(self._best)
            self._save()

    def _save(self) -> None:
        with replacing(self.path) as unfinished:
            self.model.save(unfinished)


MEMORY = {  # attributes in which the callbacks of a class keep what they need in later epochs
    keras.callbacks.EarlyStopping: ("best", "wait"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    BestModel: ("lowest",),
    Dwell_CB: ("lowest_loss", "best_weights"),
    CLR_CB: ("reference_rate",),
}


class Backup(keras.callbacks.BackupAndRestore):
    """Keeps the state of an unfinished training, so that it can go on as if it had never been interrupted.

    The state is the variables of the model and its optimizer, the random state of the dropout included, and the MEMORY
    of ``callbacks``; its file is never torn. ``backup_dir`` is for this training alone, and is removed when it ends.
    `restore` is called before the fit, because the streams must begin with the epoch that it finds. The first epoch is
    kept, and a later one as soon as all the writing takes no more than BACKUP_SHARE of the time. An epoch in which a
    callback stops the training is never kept, since a training that went on from there would not stop.
    """

    def __init__(self, backup_dir: Path, callbacks: Sequence[keras.callbacks.Callback] = ()) -> None:
        super().__init__(backup_dir)
        self.path = Path(backup_dir, "state.npz")
        self._memory = [(callback, name) for callback in callbacks for name in MEMORY.get(type(callback), ())]
        self._remembered: list[np.ndarray | float] = []

    def restore(self, model: keras.Model, most_epochs: int) -> int:
        """Load the state into ``model`` and, when the training begins, into the callbacks.

        Returns how many epochs were finished. It is 0, and nothing is loaded, without a whole state of this network in
        which at most ``most_epochs`` were.
        """
        variables = _variables(model)
        try:
            with np.load(self.path) as file:
                state = dict(file)
            finished = int(state.pop("finished"))
            fits = all(state[name].shape == tuple(variable.shape) for name, variable in variables.items())
        except (OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile):
            return 0
        if finished > most_epochs or not fits:
            return 0
        for name, variable in variables.items():
            variable.assign(state.pop(name))
        self._remembered = [value if value.ndim else value.item() for value in state.values()]
        return finished

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._due = -math.inf
        if self._remembered:
            values = keras.tree.pack_sequence_as([getattr(*place) for place in self._memory], self._remembered)
            for place, value in zip(self._memory, values, strict=True):
                setattr(*place, value)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        started = time.perf_counter()
        if started < self._due or self.model.stop_training:
            return
        state = {name: keras.ops.convert_to_numpy(variable) for name, variable in _variables(self.model).items()}
        memory = keras.tree.flatten([getattr(*place) for place in self._memory])
        state |= {f"memory {number}": value for number, value in enumerate(memory)}
        with replacing(self.path) as unfinished:
            np.savez(unfinished, finished=epoch + 1, **state)
        now = time.perf_counter()
        self._due = now + (now - started) * (1 / BACKUP_SHARE - 1)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All that a training changes in a model and its optimizer, by names that are the same in every process."""
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{number} {variable.name}": variable for number, variable in enumerate(variables)}
