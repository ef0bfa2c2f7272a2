"""The paper's callbacks, learning-rate schedules and optimisers, loss histories, and backups of trainings."""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dataPreProcessing import CustomDataGen
from support.files import replacing
from support.startup import load_keras
from support.stopping import check_stop

keras = load_keras()

BACKUP_SHARE = 0.05  # of the time of a training, spent on its backups at most


def log_columns(name: str) -> dict[str, str]:
    """The columns of a loss history, by Keras' names; ``name`` is that of the loss's plain value."""
    return {"loss": "loss", "learning_rate": "lr", name: name, "val_loss": "val_loss", f"val_{name}": f"val_{name}"}


# --- Callbacks


class Dwell_CB(keras.callbacks.Callback):
    """Go back to the best weights, at a lower rate, when the validation loss has grown too much.

    A validation loss above ``loss_factor`` times the lowest so far (or one that is not a number) restores the best
    weights and multiplies the learning rate by ``lr_factor``; one at or below the lowest becomes the best.
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
            _set_learning_rate(self.model, self.lr_factor * _learning_rate(self.model))


class CLR_CB(keras.callbacks.Callback):
    """Raise a learning rate that has become too small: below ``criteria_factor`` times the reference rate it is
    multiplied by ``lr_factor`` and becomes the new reference. The first reference is the rate at the start."""

    def __init__(self, lr_factor: float = 5.0, criteria_factor: float = 0.10) -> None:
        super().__init__()
        self.lr_factor = lr_factor
        self.criteria_factor = criteria_factor

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.reference_rate = _learning_rate(self.model)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = _learning_rate(self.model)
        if rate < self.criteria_factor * self.reference_rate:
            self.reference_rate = rate * self.lr_factor
            _set_learning_rate(self.model, self.reference_rate)


def _learning_rate(model: keras.Model) -> float:
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def _set_learning_rate(model: keras.Model, rate: float) -> None:
    model.optimizer.learning_rate = rate


class StopWhenAsked(keras.callbacks.Callback):
    """Raise KeyboardInterrupt between two batches, of training or of validation, once the process was asked to stop.

    It does so before a batch: a callback after a batch would make Keras wait for the losses of each step.
    """

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        check_stop()

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        check_stop()


class _FirstEpoch(keras.callbacks.Callback):
    """Has streams begin with an epoch, though Keras takes a batch before, to build with, on some backends."""

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
    """A tenth of the rate in the first epoch, then along a cosine from the rate to nearly nothing in the last."""

    def of_epoch(epoch: int) -> float:
        return 0.1 * rate if epoch == 0 else rate * 0.5 * (1.0 + math.cos(math.pi * epoch / num_epochs))

    return [keras.callbacks.LearningRateScheduler(of_epoch)], []


LONGEST_GRADIENT = 1.0  # of a loss in ft/s all are longer: every step then weighs the same, whatever its trace's loss
SCHEDULES = {  # of (learning rate, epochs): callbacks before and after the one of the loss history
    "paper": _paper_schedule,
    "constant": lambda rate, num_epochs: ([], []),
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
    """Saves the model of the lowest validation loss so far; Keras' ModelCheckpoint writes over the former one.

    Parameters: ``path`` (.keras); ``lowest``, the lowest loss of epochs that were trained before; ``at_end``, to hold
    the best weights and write them, with which the model then stays, when the training ends: at every improvement,
    writing takes up to a third of a short epoch.
    """

    def __init__(self, path: Path, lowest: float = math.inf, at_end: bool = False) -> None:
        super().__init__()
        self.path = path
        self.lowest = lowest
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


class Backup(keras.callbacks.BackupAndRestore):
    """Keras' backup of an unfinished training, weights and optimizer, in a form that is never torn.

    A file takes its name, the number of the finished epochs, when it is complete. `restore` is called before the fit,
    so that all that depends on this number can be made for it. The first epoch is kept, and a later one as soon as all
    the writing takes no more than BACKUP_SHARE of the time. Parameter: ``backup_dir``, for this training alone.
    """

    @property
    def finished(self) -> int:
        """Finished epochs of the last state, 0 where there is none."""
        return max((int(path.name.split(".")[0]) for path in self._states()), default=0)

    def restore(self, model: keras.Model) -> bool:
        """Load the last state into ``model``; returns whether it could be."""
        try:
            model.load_weights(self._state(self.finished))
        except (OSError, ValueError, KeyError):  # a damaged disk
            return False
        return True

    def on_train_begin(self, logs: dict | None = None) -> None:
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        self._due = -math.inf

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        started = time.perf_counter()
        if started < self._due:
            return
        former = self._states()
        with replacing(self._state(epoch + 1)) as unfinished:
            self.model.save_weights(unfinished)
        for path in former:
            path.unlink()
        now = time.perf_counter()
        self._due = now + (now - started) * (1 / BACKUP_SHARE - 1)

    def _state(self, finished: int) -> Path:
        return Path(self.backup_dir, f"{finished}.weights.h5")

    def _states(self) -> list[Path]:
        return list(Path(self.backup_dir).glob("[0-9]*.weights.h5"))
