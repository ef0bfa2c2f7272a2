"""The seven networks, their training with the paper's callbacks, and the files that a training leaves.

A network is a list of `Layer` rows: Keras builds the network from them, and `estimate` counts without building it.
The letters L, U, D, F, K, P and H in the docstrings stand for the study's num_layers, num_dnn, num_dil, num_filt,
krnl_size, pool_val and num_lstm.
"""

import csv
import json
import os
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partialmethod
from pathlib import Path

import numpy as np

from dataPreProcessing import (
    RMSE,
    TRANSFORMS,
    CustomDataGen,
    Loss,
    channel_names,
    restore_traces,
    transform_traces,
)
from networks.backends import choose_compilation, computing_in, gradients_forgotten, make_deterministic
from networks.backends import device_name
from networks.callbacks import CLR_CB, OPTIMIZERS, SCHEDULES, Dwell_CB, log_columns
from networks.callbacks import Backup, BestModel, FirstEpoch, LossHistory, StopWhenAsked
from networks.convolution import quick
from networks.feeding import build_losses, fit_input, in_loops, loop_on_device
from networks.files import BACKUP, UNREADABLE, check_model_file, keep_best, loss_history_path, shape_of, short_reason
from networks.layers import ACTIVATION, LAYER_KINDS, Layer
from networks.prediction import LONGEST_MARGIN, LONGEST_PASS, SAMPLES_PER_BATCH, SAMPLES_PER_BLOCK
from networks.prediction import Findings, TracesWarning, TrainedOn, as_rows, background_rows, check_scale
from networks.prediction import converted, in_windows, restored
from networks.rows import NETWORKS, NetworkConfig, make_config
from networks.tables import RunResult, SUMMARY_COLUMNS, append_results_to_file, init_results_file, labelled, summary_row
from networks.size import Size, count_parameters, estimate, with_outputs
from plots.learning import PlotLearning
from plots.networks import plot_network
from support.checks import check_choice, check_path, check_whole, unmasked
from support.files import mend_table, replace_file, replacing, whole_lines
from support.startup import PRECISIONS, load_keras
from support.words import number_of
from traces.checks import SHORTEST_TRACE, check_block, check_time
from traces.live import Live, examine

keras = load_keras()

RAW = {"transform_type": "NA"}  # traces as they are
PREDICTION_BATCH = 8  # traces
NETWORK_DT = 0.001  # s, the interval of networks whose description has none
LENGTHS_KEPT = 2
PRETRAINED = Path(__file__).parent / "pretrained"


def _checked_transform(transform: object) -> dict[str, object]:
    """Keyword arguments of `transform_traces`; its level can be checked with traces only. Raises ValueError."""
    if not isinstance(transform, Mapping) or "transform_type" not in transform or {*map(type, transform)} != {str}:
        raise ValueError(f"transform must be {RAW} or the like, as transform_traces takes it, not {transform!r}")
    channel_names(n_samples=SHORTEST_TRACE, **{name: transform[name] for name in transform if name != "level"})
    return dict(transform)


class BaseMLClass:
    """A network that can be built, trained, saved, loaded and asked for predictions.

    Parameters: ``config``, the hyperparameters; ``n_samples`` and ``n_channels`` of a trace; ``n_outputs``, channels of
    the output; ``transform``, the arguments with which `transform_traces` makes the channels of a raw trace (by
    default, the trace is the only channel); ``precision``, one of PRECISIONS; ``loss``, what the network is trained
    for. Raises ValueError for a parameter that is invalid.

    Any trace length works: the input is padded to a multiple of `NetworkConfig.length_factor`, and an output of the
    padded length is cropped back.
    """

    def __init__(
        self,
        config: NetworkConfig | None = None,
        n_samples: int = 4096,
        n_channels: int = 1,
        n_outputs: int = 1,
        transform: Mapping[str, object] | None = None,
        precision: str = "float32",
        loss: Loss = RMSE,
    ) -> None:
        self.config = NetworkConfig() if config is None else config
        if not isinstance(self.config, NetworkConfig):
            raise ValueError(f"config must be a NetworkConfig, not {config!r}")
        self.n_samples = check_whole("n_samples", n_samples, 1)
        self.n_channels = check_whole("n_channels", n_channels, 1)
        self.n_outputs = check_whole("n_outputs", n_outputs, 1)
        self.transform = _checked_transform(RAW if transform is None else transform)
        check_choice("precision", precision, PRECISIONS)
        self.precision = precision
        self.loss = loss
        self.provenance: dict = {}  # settings and versions that are written beside a saved model
        self.trained_on: TrainedOn | None = None  # what it got and gave in its training, once it was trained
        self.model: keras.Model | None = None
        self.best_model_path: Path | None = None
        self._of_length: dict[int, keras.Model] = {}  # the same network for traces of another length

    def build(self, **network: str) -> keras.Model:
        """Build ``model`` and compile it with a new optimizer.

        ``network`` may name another arch_type and net_type, which the configuration has from then on.
        """
        self.config = replace(self.config, **network)
        self.model = self.connect(self.n_samples)
        self._of_length.clear()
        self._compile_anew()
        return self.model

    def connect(self, n_samples: int) -> keras.Model:
        """A new model of this configuration for traces of ``n_samples``, with new weights, that is not compiled."""
        inputs = keras.Input((n_samples, self.n_channels))
        x, in_data_units = self.config.units.convert(self.config, inputs)
        with computing_in(self.precision):
            outputs = self._connected(x, with_outputs(self.config.layers, self.n_outputs))
        if self.precision != "float32":
            # The loss is calculated in float32 whatever the layers calculate in.
            outputs = keras.layers.Activation("linear", dtype="float32")(outputs)
        return keras.Model(inputs, in_data_units(outputs), name=self.config.label)

    # The paper's networks; networks/rows.py has their layers.
    seq_dnn_ml = partialmethod(build, arch_type="DNN", net_type="SEQ")
    seq_cnn_ml = partialmethod(build, arch_type="CNN", net_type="SEQ")
    seq_cnn_variant_ml = partialmethod(build, arch_type="CNN_VAR", net_type="SEQ")
    seq_cnn_lstm_ml = partialmethod(build, arch_type="CNN_LSTM", net_type="SEQ")
    seq_tcn_ml = partialmethod(build, arch_type="TCN", net_type="SEQ")
    seq_cnn_ae = partialmethod(build, arch_type="CNN", net_type="AE")
    seq_tcn_ae = partialmethod(build, arch_type="TCN", net_type="AE")

    def _compile_anew(self) -> None:
        optimizer = OPTIMIZERS[self.config.optimizer](self.config)
        optimizer.build(self.get_model().trainable_variables)  # else TensorFlow traces the train step twice
        self._compile(optimizer)

    def _compile(self, optimizer: keras.optimizers.Optimizer, one_by_one: bool = False) -> None:
        loss = self.loss.of_trace if one_by_one else self.loss.of_batch
        values = {self.loss.name: loss, **self.loss.others}
        metrics = [keras.metrics.MeanMetricWrapper(value, name=name) for name, value in values.items()]
        self.get_model().compile(optimizer=optimizer, loss=loss, metrics=metrics)

    def _connected(self, x: keras.KerasTensor, layers: Sequence[Layer]) -> keras.KerasTensor:
        n_samples = x.shape[1]
        padding = -n_samples % self.config.length_factor
        if padding:
            x = keras.layers.ZeroPadding1D((0, padding))(x)
        for layer in layers:
            x = LAYER_KINDS[layer.kind].build(layer, x.shape[1])(x)
        has_padding = padding and x.shape[1] == n_samples + padding
        return keras.layers.Cropping1D((0, padding))(x) if has_padding else x

    def compile_for(self, n_steps: int, batch_size: int = 1, validation_batch: int | None = None) -> bool:
        """Compile the model for ``n_steps`` training steps, as `choose_compilation` says.

        The loss is that of each trace when ``batch_size`` or ``validation_batch`` is 1, so that validation can take
        several traces at once; else it is that of each batch. Returns whether it is that of each trace. `fit_model`
        calls this method itself; it is public for those who call Keras' own `fit`.
        """
        model = self.get_model()
        one_by_one = 1 in (batch_size, validation_batch)
        self._compile(model.optimizer, one_by_one)
        build_losses(model)
        chosen = choose_compilation(self.config, n_steps, self.n_samples, batch_size)
        model.steps_per_execution = chosen.steps_per_execution
        if chosen.jit_compile is not None:
            model.jit_compile = chosen.jit_validation
            model.make_test_function()  # here, as Keras would have one choice for training and validation
            model.jit_compile = chosen.jit_compile
        if in_loops():
            loop_on_device(model)
        return one_by_one

    def fit_model(
        self,
        training: CustomDataGen,
        validation: CustomDataGen,
        num_epochs: int,
        folder: str | Path,
        run_name: str,
        *,
        plot_learning: bool = False,
        tensorboard: bool = False,
        resumable: bool = True,
        on_resume: Callable[[str], object] = lambda words: None,
        rate: Callable[[int], float] | None = None,
        extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, list[float]]:
        """Train with the paper's callbacks; returns Keras' history, which has one value per epoch.

        The loss is that of each trace when one of the streams gives them one by one, else that of each batch. The
        best model goes to ``folder/<run_name>.keras``, the loss history to `loss_history_path`. An interrupted
        training of this ``run_name`` goes on after the last epoch of its `Backup` as if it had not been interrupted;
        ``on_resume`` is then called with words that say so, and the history is that of all epochs. A training that is
        not ``resumable`` makes no backups, writes its model at the end only, and leaves the network with the weights
        of its best epoch. ``rate`` is the learning rate of each epoch (from 0), in place of the network's schedule.
        """
        num_epochs = check_whole("num_epochs", num_epochs, 1)
        model = self.get_model()
        self.trained_on = TrainedOn.of(training)
        training, validation = self.feeds(training), self.feeds(validation)
        folder = Path(folder)
        log_path = loss_history_path(folder, run_name)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self.best_model_path = folder / f"{run_name}.keras"
        before, after = SCHEDULES[self.config.schedule](self.config.learning_rate, num_epochs)
        if rate is not None:
            before, after = [keras.callbacks.LearningRateScheduler(rate)], []
        callbacks = [
            StopWhenAsked(),
            keras.callbacks.EarlyStopping("val_loss", patience=100, mode="min"),
            BestModel(self.best_model_path, at_end=not resumable),
            *([keras.callbacks.TensorBoard(folder / "tensorboard" / run_name)] if tensorboard else []),
            *before,
            LossHistory(log_path, self._columns),
            *([PlotLearning(folder / f"{run_name}_learning.png")] if plot_learning else []),
            *after,
            *extra_callbacks,
        ]
        backup = Backup(folder / f"{run_name}{BACKUP}", callbacks)
        past = self._resume(backup, log_path)
        finished = len(past["val_loss"])
        if finished:
            on_resume(f"goes on after epoch {finished} of {num_epochs}")
        # The backup comes last: what it keeps is then what the next epoch starts from.
        callbacks = [FirstEpoch(finished, training, validation), *callbacks, *([backup] if resumable else [])]
        one_by_one = self.compile_for(num_epochs * len(training), training.batch_size, validation.batch_size)
        history = model.fit(
            fit_input(training),
            validation_data=fit_input(validation, any_size=one_by_one),
            epochs=num_epochs,
            initial_epoch=finished,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        self._compile(model.optimizer)  # predictions are of few traces
        whole = {name: past[name] + history.history.get(name, []) for name in self._columns}
        self.provenance["validation_loss"] = float(np.nanmin([*whole["val_loss"], np.inf]))
        self._write_config(self.best_model_path)
        return whole

    def feeds(self, stream: CustomDataGen) -> CustomDataGen:
        """What a training takes from a stream; a subclass may want more than its x and y."""
        return stream

    @property
    def _columns(self) -> dict[str, str]:
        """The columns of its loss histories, by Keras' names."""
        return log_columns(self.loss.name, *self.loss.others)

    def _resume(self, backup: Backup, log_path: Path) -> dict[str, list[float]]:
        """Go back to the last state of an interrupted training; returns the history up to there.

        Without a state, or if the history or the best model does not belong to it, the training begins anew.
        """
        mend_table(log_path)
        lines = whole_lines(log_path)
        whole = zipfile.is_zipfile(self.best_model_path)
        finished = backup.restore(self.get_model(), most_epochs=len(lines) - 1) if whole else 0
        if not finished:
            shutil.rmtree(backup.backup_dir, ignore_errors=True)
            log_path.unlink(missing_ok=True)
            return {name: [] for name in self._columns}
        lines = lines[: finished + 1]  # the header and one line per epoch; later epochs are trained again
        replace_file(log_path, b"".join(lines))
        rows = list(csv.DictReader(line.decode() for line in lines))
        return {name: [float(row[column]) for row in rows] for name, column in self._columns.items()}

    def get_model(self) -> keras.Model:
        """The Keras model; ValueError when none was built or loaded yet."""
        if self.model is None:
            raise ValueError("there is no network yet: call create_model, load_model or one of the seq_ methods first")
        return self.model

    def save_model(self, path: str | Path) -> Path:
        """Save as ``path`` (.keras), which takes its name only when it is complete, and the configuration beside it."""
        path = Path(path)
        if path.suffix != ".keras":
            raise ValueError(f"a model is saved as .keras, not as {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            self.get_model().save(unfinished)
        self._write_config(path)
        return path

    @classmethod
    @gradients_forgotten()
    def load_model(cls, path: str | Path, loss: Loss = RMSE) -> "BaseMLClass":
        """The network in a .keras file, with its configuration if a description (.json) stands beside it.

        ``loss`` is what the network is trained for from then on. No code comes out of a file, whoever made it. Raises
        ValueError when the file is missing, is not a network on traces, or asks for anything but the layers and
        functions of Keras and of this project.
        """
        path = check_path("a model", path)
        if not os.path.isfile(path):  # Path's own raises for a name that is too long
            raise ValueError(f"there is no model file {str(path)!r}")
        config, provenance, transform, precision, trained_on = cls._read_config(path)
        check_model_file(path)
        try:
            # Where keras-tcn is imported, too, its layer has the name of the own one, and does not store the precision.
            with computing_in(precision):
                model = keras.models.load_model(path, safe_mode=True)
        except UNREADABLE as error:
            raise ValueError(f"{str(path)!r} is not a Keras model that can be loaded: {short_reason(error)}") from error
        for layer in model.layers:
            quick(layer)
        network = _class_of(config, cls)(config, *shape_of(model, path), transform, precision, loss)
        network.model = model
        network.provenance = provenance
        network.trained_on = trained_on
        if not model.compiled:  # as a published file is
            network._compile_anew()
        network.best_model_path = path
        return network

    @staticmethod
    def _read_config(model_path: Path) -> tuple[NetworkConfig | None, dict, dict, str, TrainedOn | None]:
        """Configuration, provenance, transform, precision and training data beside a model; the defaults without them.

        Older descriptions do not have the training data.
        """
        path = model_path.with_suffix(".json")
        if not path.is_file():
            return None, {}, RAW, "float32", None
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            config, provenance = make_config(**stored["network"]), dict(stored["run"])
            transform = _checked_transform(stored.get("transform", RAW))
            precision = stored.get("precision", PRECISIONS[0])
            check_choice("precision", precision, PRECISIONS)
            trained_on = TrainedOn.stored(stored["trained_on"]) if stored.get("trained_on") else None
            return config, provenance, transform, precision, trained_on
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} does not describe a network: {short_reason(error)}") from error

    def _write_config(self, model_path: Path) -> None:
        data = {"transform": self.transform, "precision": self.precision}
        data["trained_on"] = self.trained_on and asdict(self.trained_on)
        stored = {"network": asdict(self.config), **data, "run": self.provenance}
        replace_file(model_path.with_suffix(".json"), json.dumps(stored, indent=2) + "\n")

    def blocks(self) -> list[tuple[str, str, str, int]]:
        """The name, main settings, output shape and number of parameters of each layer."""
        return [
            (type(layer).__name__, _details(layer), str(layer.output.shape[1:]), layer.count_params())
            for layer in self.get_model().layers
        ]

    def plot_model(self, save_path: str | Path | None = None):
        """Block diagram of the network, a Matplotlib figure."""
        title = self.get_model().name.rstrip("_")
        return plot_network(self.blocks(), title=title, save_path=save_path)

    @classmethod
    def from_pretrained(cls, name: str) -> "BaseMLClass":
        """A network that comes with the project, "denoising" or "inversion". Raises ValueError for another name."""
        check_choice("pretrained network", name, sorted(path.stem for path in PRETRAINED.glob("*.keras")))
        return cls.load_model(PRETRAINED / f"{name}.keras")

    def predict(
        self, traces: np.ndarray, dt: float, scale: float = 1.0, background: np.ndarray | None = None
    ) -> np.ndarray:
        """What the network makes of traces (.., n_samples) of any shape and length, sampled at ``dt`` (s).

        A denoised trace is of the input's shape, interval, level and scale. Its samples that are muted, and whole
        traces that are dead or hold a NaN, stay as they are. Any other answer is in the data's unit, such as ft/s, of
        the input's shape or of that of the network's output; there, traces are multiplied by ``scale`` first, and dead
        ones become NaN. Masked samples are left out, and stay masked. A network that was trained with a background
        needs it: the velocity below 3 Hz in ft/s at the samples of the traces, of their shape or one log for all. A
        TracesWarning says what is outside of what the network was trained on. Raises ValueError for traces that are not
        real numbers, for an invalid ``dt``, and for a background that is missing, not needed, or not above 0.
        """
        rows, masked, shape = as_rows(traces)
        trained, findings = self.training_data(), Findings()
        logs = background_rows(background, shape, trained)
        n_rows = max(1, SAMPLES_PER_BLOCK // rows.shape[1])
        made = np.empty(0)
        for first in range(0, len(rows), n_rows):
            block = slice(first, first + n_rows)
            live = examine(rows[block], None if masked is None else masked[block])
            log = None if logs is None else logs[block]
            answer = self.answer(rows[block], live, dt, scale, log)
            findings.add(live)
            findings.add_background(log, live, trained)
            findings.add_answers(answer, trained)
            if first == 0:  # now the shape is known
                made = np.empty((len(rows), *answer.shape[1:]), answer.dtype)
            made[block] = answer
        for sentence in findings.warnings(trained, scale):
            warnings.warn(sentence, TracesWarning, stacklevel=2)
        is_sampled = made.shape == rows.shape
        made = made.reshape(shape[:-1] + made.shape[1:])
        return np.ma.array(made, mask=masked.reshape(shape)) if masked is not None and is_sampled else made

    def answer(
        self, rows: np.ndarray, live: Live, dt: float, scale: float = 1.0, background: np.ndarray | None = None
    ) -> np.ndarray:
        """`predict` for floats (n_traces, n_samples) whose live samples were found before, without its warnings."""
        (dt, _), scale = check_time(dt, 0.0), check_scale(scale)
        trained = self.training_data()
        background = background_rows(background, rows.shape, trained, live)
        margin = min(estimate(self.config, LONGEST_PASS).receptive_field, LONGEST_MARGIN)

        def outputs(traces: np.ndarray) -> np.ndarray:
            # A transform of fewer samples may have fewer channels.
            missing = 0 if self.transform["transform_type"] == "NA" else max(self.n_samples - traces.shape[1], 0)
            longer = np.pad(traces, ((0, 0), (0, missing)), "reflect") if missing else traces
            made = in_windows(longer, margin, self.predict_result)
            if trained.answers_traces and self.n_outputs > 1:  # an autoencoder of transformed traces
                made = restore_traces(made, self.transform["transform_type"], self.dt)
            return made[:, : traces.shape[1]] if made.shape == longer.shape[:2] else made

        if not trained.answers_traces:
            return converted(rows, live, dt, self.dt, scale, outputs, background)
        return restored(rows, live, dt, self.dt, margin, trained.median_deviation, outputs)

    @property
    def dt(self) -> float:
        """The sampling interval of the network's traces, in s."""
        return self.transform.get("dt", NETWORK_DT)

    def training_data(self) -> TrainedOn:
        """What the network was trained on. Raises ValueError when neither it nor its description says that."""
        self.trained_on = self.trained_on or TrainedOn.of_older(self)
        if self.trained_on is None:
            raise ValueError("the network does not say what it was trained on: there is no description beside it")
        return self.trained_on

    def predict_result(self, x: np.ndarray) -> np.ndarray:
        """Outputs in the data's unit for raw traces (.., n_samples), or for their channels, as the network gets them.

        Channels are (n_traces, n_samples, n_channels). The sampling interval, level and scale of the traces must be
        those of the network's training; `predict` has no such conditions. Traces may have any length. The outputs are
        (.., n_out), where n_out is n_samples, unless the network's layers give another one. A network with several
        output channels gives (.., n_out, n_outputs). Raises ValueError for something else than finite real numbers.
        """
        model = self.get_model()
        x = unmasked("traces", x)
        if x.ndim < 3 or x.shape[-1] != self.n_channels:
            rows, _, shape = as_rows(x)
            options = dict(self.transform)
            if "level" in TRANSFORMS[options["transform_type"]].options:
                # Traces of other lengths have other levels by default.
                options.setdefault("level", self.n_channels - 1)
            x = transform_traces(check_block("traces", rows).astype(np.float32), **options)
        else:
            shape = x.shape[:-1]
            check_block("channels", x.reshape(len(x), -1))
        if x.shape[1] != self.n_samples:
            model = self._model_of_length(x.shape[1])
        outputs = _predict(model, x.astype(np.float32, copy=False))
        outputs = outputs[..., 0] if self.n_outputs == 1 else outputs
        if self.trained_on or self.provenance.get("scaling_flag"):
            outputs = self.training_data().in_data_units(outputs)
        return outputs.reshape(shape[:-1] + outputs.shape[1:])

    def _model_of_length(self, n_samples: int) -> keras.Model:
        """The network's model for traces of another length, with the weights that it has now."""
        weights = self.get_model().get_weights()
        if n_samples not in self._of_length:
            model = self.connect(n_samples)
            if [weight.shape for weight in model.get_weights()] != [weight.shape for weight in weights]:
                raise ValueError(
                    f"this network takes traces of {self.n_samples} samples only, not {n_samples}: no description "
                    "(.json) stands beside it, which other lengths need"
                )
            while len(self._of_length) >= LENGTHS_KEPT:
                self._of_length.pop(next(iter(self._of_length)))
            self._of_length[n_samples] = model
        self._of_length[n_samples].set_weights(weights)
        return self._of_length[n_samples]

    def predict_best_result(self, x: np.ndarray) -> np.ndarray:
        """`predict_result` with the weights of the epoch with the lowest validation loss."""
        if self.best_model_path is None or not self.best_model_path.is_file():
            raise ValueError("there is no best model yet: call fit_model first")
        return type(self).load_model(self.best_model_path).predict_result(x)


WORDS = {  # for a layer's settings, by Keras' names
    "units": "units",
    "filters": "filters",
    "nb_filters": "filters",
    "kernel_size": "kernel",
    "strides": "stride",
    "dilation_rate": "dilation",
    "dilations": "dilations",
    "rate": "rate",
    "pool_size": "factor",
    "size": "factor",
    "activation": "activation",
}


def _details(layer: keras.layers.Layer) -> str:
    """A layer's main settings in a few words."""
    config = layer.get_config()
    words = {}
    for key, word in WORDS.items():
        value = config.get(key)
        value = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
        if value not in (None, "linear") and not (word in ("stride", "dilation") and value == 1):
            words.setdefault(word, ACTIVATION if value == "silu" else value)  # Keras' other name for it
    return ", ".join(f"{word} {value}" for word, value in words.items())


@gradients_forgotten()
def _predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The outputs for channels (n_traces, n_samples, n_channels) of the model's length, in batches of equal size."""
    n_samples, n_channels = model.input_shape[1:]
    if x.shape[2] != n_channels:
        raise ValueError(f"traces must have {number_of(n_channels, 'channel')} for this network, not {x.shape[2]}")
    if len(x) <= PREDICTION_BATCH:  # a compiled step would take longer than so few traces
        return keras.ops.convert_to_numpy(model(x, training=False))
    n_rows = max(1, SAMPLES_PER_BATCH // n_samples)
    if keras.backend.backend() == "tensorflow" and device_name() == "cpu":
        model.jit_compile = False  # there, compiling with XLA gains nothing for a prediction
    parts = []
    for first in range(0, len(x), n_rows):
        batch = x[first : first + n_rows]
        missing = np.zeros((n_rows - len(batch), *x.shape[1:]), x.dtype)  # another size would be compiled again
        parts.append(model.predict_on_batch(np.concatenate([batch, missing]) if len(missing) else batch)[: len(batch)])
    return np.concatenate(parts)


def _class_of(config: NetworkConfig | None, usual: type[BaseMLClass] = BaseMLClass) -> type[BaseMLClass]:
    """The class of a network with these hyperparameters."""
    own = config.network.own if isinstance(config, NetworkConfig) else None
    return own.network if own else usual


def create_model(
    config: NetworkConfig,
    n_samples: int = 4096,
    n_channels: int = 1,
    n_outputs: int = 1,
    transform: Mapping[str, object] | None = None,
    precision: str = "float32",
    loss: Loss = RMSE,
) -> BaseMLClass:
    """The network that ``config`` names, built and compiled; the other parameters are those of `BaseMLClass`."""
    if config is None:
        raise ValueError("config must be a NetworkConfig, not None")
    network = _class_of(config)(config, n_samples, n_channels, n_outputs, transform, precision, loss)
    network.build()
    return network


class DivergedError(RuntimeError):
    """No epoch of a training gave a finite validation loss."""


OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow's and PyTorch's names
OUT_OF_MEMORY_ON_JAX = "RESOURCE_EXHAUSTED"  # how the message of an error begins that has no name of its own


def failure_reason(error: Exception) -> str | None:
    """Why a training failed if the network itself is the reason: it diverged, or wanted more memory than there is.

    None for any other error.
    """
    if isinstance(error, DivergedError):
        return str(error)
    named = type(error).__name__ in OUT_OF_MEMORY or str(error).startswith(OUT_OF_MEMORY_ON_JAX)
    if isinstance(error, MemoryError) or named:
        return f"out of memory ({type(error).__name__})"
    return None


@gradients_forgotten()
def run_model(
    config: NetworkConfig,
    training: CustomDataGen,
    validation: CustomDataGen,
    num_epochs: int,
    folder: str | Path,
    run_name: str,
    seed: int,
    provenance: Mapping[str, object] | None = None,
    precision: str = "float32",
    loss: Loss = RMSE,
    **fit_options,
) -> tuple[BaseMLClass, RunResult]:
    """Build and train one network from a clean Keras session; ``fit_options`` go to `BaseMLClass.fit_model`.

    ``seed`` decides the first weights and the dropout; the data have their own. ``provenance`` is written
    beside the model; ``precision`` and ``loss`` are as for `BaseMLClass`. Raises DivergedError.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    shape = (training.n_samples, training.n_channels, training.n_outputs)
    network = create_model(config, *shape, training.transform, precision, loss)
    network.provenance = dict(provenance or {}, seed=seed)
    return network, train_network(network, training, validation, num_epochs, folder, run_name, **fit_options)


@gradients_forgotten()
def train_network(
    network: BaseMLClass,
    training: CustomDataGen,
    validation: CustomDataGen,
    num_epochs: int,
    folder: str | Path,
    run_name: str,
    **fit_options,
) -> RunResult:
    """Train a network that was built or loaded before; its provenance names the "seed".

    ``fit_options`` go to `BaseMLClass.fit_model`. Raises DivergedError.
    """
    started = time.perf_counter()
    history = network.fit_model(training, validation, num_epochs, folder, run_name, **fit_options)
    losses = np.array(history["val_loss"])
    if not np.isfinite(losses).any():
        label = network.config.label
        raise DivergedError(f"the validation loss of {label} was never a number, in {number_of(losses.size, 'epoch')}")
    best = int(np.nanargmin(losses))
    return RunResult(
        run_name=run_name,
        n_parameters=network.get_model().count_params(),
        epochs=losses.size,
        best_epoch=best + 1,
        training_loss=float(history["loss"][best]),
        validation_loss=float(losses[best]),
        validation_plain=float(history[f"val_{network.loss.name}"][best]) * validation.unit_per_output,
        seconds=time.perf_counter() - started,
        seed=network.provenance["seed"],
    )
