"""Measure where the time of a training goes: in bare steps, whole epochs, and a straightforward port of the paper.

    python -m benchmarks.bench_training
    KERAS_BACKEND=torch python -m benchmarks.bench_training --configs "denoising Grid Search" --json table.json
    KERAS_BACKEND=jax python -m benchmarks.bench_training --floor

It measures the paper's four best configurations and one CNN_LSTM, 4096 samples, batch 1, in turns in one run:

a : the compiled train step, which gets the same array every time; v is the validation step, likewise
b : an epoch of a search, `BaseMLClass.fit_model`, with fresh traces, validation, callbacks and files, without the first
c : an epoch of the port: TimeDistributed(Dense) behind a TCN, Keras' choice of compilation, one trace at a time from
    the plain reference generator, Keras' own callbacks

All are in ms per training step of the paper's epoch, with 250 training and 75 validation traces: what happens once per
epoch counts as a 250th, however few steps the epochs here have. So b should be compared with a + 0.3 v.

With --floor, on JAX, b stands beside the least that a device can take: the same training steps, on traces that are on
the device, in one `jax.lax.scan`. On a CPU, XLA is slow in such a loop, so that this floor lies above b.
"""

import argparse
import contextlib
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

import baseML
import run_DenoisingML_HPO_Paper as denoising
import run_InversionML_HPO_Paper as inversion
from baseML import NetworkConfig
from benchmarks.bench_stream import InMemory
from dataPreProcessing import CustomDataGen
from hpo.settings import VALIDATION_SHARE
from networks.backends import hardware
from networks.feeding import build_losses, fit_input
from support.startup import load_keras

keras = load_keras()

N_SAMPLES = 4096
PAPER_STEPS = 250  # per epoch
PAPER_TRAINING = 30 * PAPER_STEPS
EPOCHS = 3  # per turn; the first of a fit does not count
EPOCHS_BESIDE_FLOOR = 6  # What a training does once, at its end, is then a small part.
CONFIGS = {
    **{f"denoising {name}": config for name, config in denoising.PROBLEM.final_configs.items()},
    **{f"inversion {name}": config for name, config in inversion.PROBLEM.final_configs.items()},
    "CNN_LSTM": NetworkConfig("CNN_LSTM", "SEQ", 1, 256, 4, num_filt=32, krnl_size=16, num_lstm=16),
}
# Steps per epoch; the other networks, which take seconds per step, have 4.
STEPS = {"denoising Grid Search": 250, "inversion Optuna": 30}
GEN_TYPES = {module.PROBLEM.net_type: module.PROBLEM.stream.keywords["gen_type"] for module in (denoising, inversion)}
FILES = (baseML.BestModel, baseML.Backup, baseML.LossHistory)  # callbacks that write


# --- The bare steps


def bare_step(network: baseML.BaseMLClass, batch: tuple[np.ndarray, np.ndarray], kind: str) -> Callable[[], object]:
    """Return the network's compiled "train" or "test" step on one batch, with as little else as the backend allows."""
    model = network.get_model()
    if keras.backend.backend() != "tensorflow":
        step = model.train_on_batch if kind == "train" else model.test_on_batch
        return lambda: step(*batch)
    import tensorflow as tf

    function = model.make_train_function() if kind == "train" else model.make_test_function()
    function = function or getattr(model, f"{kind}_function")
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: function(iterator)


def ms_a_step(step: Callable[[], object], n_steps: int, steps_a_call: int) -> float:
    """Measure the mean time of a step, over n_steps or somewhat more."""
    calls = -(-n_steps // steps_a_call)
    started = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - started) / (calls * steps_a_call) * 1e3


# --- Whole epochs


class Stopwatch(keras.callbacks.Callback):
    """Measure the seconds of "training", "validation" and "callbacks" in every epoch but the first."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[float]] = defaultdict(list)
        self._epoch = 0
        self._since: tuple[str, float] | None = None

    def _now(self, part: str | None) -> None:
        """End the current part, and begin ``part``."""
        now = time.perf_counter()
        if self._since and self._epoch > 0:
            self.parts[self._since[0]].append(now - self._since[1])
        self._since = part and (part, now)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._now("training")
        self._epoch = epoch

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._now("validation")

    def on_test_end(self, logs: dict | None = None) -> None:
        self._now("callbacks")

    def on_train_end(self, logs: dict | None = None) -> None:
        self._now(None)


@contextlib.contextmanager
def timed(classes: tuple[type, ...], seconds: list[float]) -> Iterator[None]:
    """Append the duration of every on_epoch_end and on_train_end of these callbacks to ``seconds``."""

    def wrapped(method: Callable) -> Callable:
        def call(*arguments: object, **options: object) -> None:
            started = time.perf_counter()
            method(*arguments, **options)
            seconds.append(time.perf_counter() - started)

        return call

    with contextlib.ExitStack() as stack:
        for kind, name in itertools.product(classes, ("on_epoch_end", "on_train_end")):
            stack.enter_context(mock.patch.object(kind, name, wrapped(getattr(kind, name))))
        yield


def of_problem(config: NetworkConfig) -> dict[str, object]:
    """Return the options of `CustomDataGen` for the traces of a configuration's problem."""
    return {"gen_type": GEN_TYPES[config.net_type], "n_samples": N_SAMPLES}


def streams(config: NetworkConfig, n_steps: int) -> tuple[CustomDataGen, CustomDataGen]:
    """Return training and validation traces of a configuration's problem."""
    options, n_validation = of_problem(config), max(1, round(VALIDATION_SHARE * n_steps))
    return CustomDataGen(n=n_steps, **options), CustomDataGen(n=n_validation, stream="validation", **options)


def compiled_for_the_paper() -> contextlib.AbstractContextManager:
    """Compile the steps of `fit_model` as for the paper's whole training, which a few epochs stand for."""
    choose = baseML.choose_compilation
    return mock.patch.object(
        baseML, "choose_compilation", lambda config, n_steps, *size: choose(config, PAPER_TRAINING, *size)
    )


def study_epochs(network: baseML.BaseMLClass, n_steps: int, n_epochs: int = EPOCHS) -> dict[str, float]:
    """Measure an epoch of `fit_model` in ms: "training" and "validation" per step, "callbacks" and "files" in all."""
    training, validation = streams(network.config, n_steps)
    watch, files = Stopwatch(), []
    with tempfile.TemporaryDirectory() as folder, timed(FILES, files), compiled_for_the_paper():
        network.fit_model(training, validation, n_epochs, folder, "run", resumable=False, extra_callbacks=[watch])
    counts = {"training": len(training), "validation": len(validation), "callbacks": 1}
    parts = {part: statistics.median(watch.parts[part]) / n * 1e3 for part, n in counts.items()}
    parts["files"] = sum(files) / n_epochs * 1e3
    return {**parts, "callbacks": max(parts["callbacks"] - parts["files"], 0.0)}


def held_epoch(network: baseML.BaseMLClass, n_steps: int) -> float:
    """Measure the ms per step of an epoch without validation, callbacks or the making of traces."""
    watch = Stopwatch()
    held = fit_input(InMemory(n=n_steps, **of_problem(network.config)))
    network.compile_for(PAPER_TRAINING)
    network.get_model().fit(held, epochs=EPOCHS, callbacks=[watch], shuffle=False, verbose=0)
    return statistics.median(watch.parts["training"]) / n_steps * 1e3


# --- The floor


def floor_of(network: baseML.BaseMLClass, n_steps: int, repeats: int = 3) -> float:
    """Measure the ms per training step in one `jax.lax.scan` over traces on the device, the least of repeats."""
    import jax

    model = network.get_model()
    build_losses(model)
    training = InMemory(batch_size=n_steps, n=n_steps, **of_problem(network.config))
    data = jax.device_put(tuple(values[:, None] for values in training[0]))
    groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    state = tuple([variable.value for variable in group] for group in (*groups, model.metrics_variables))

    def one_more(state: tuple, batch: tuple) -> tuple:
        return model.train_step(state, batch)[1], None

    epoch = jax.jit(lambda state, data: jax.lax.scan(one_more, state, data)[0])
    jax.block_until_ready(epoch(state, data))
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(epoch(state, data))
        found.append((time.perf_counter() - started) / n_steps * 1e3)
    return min(found)


def beside_floor(config: NetworkConfig, n_steps: int) -> dict[str, float]:
    """Measure `fit_model` and its floor, in ms per training step, and the share of its time that waits for traces."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    network = baseML.create_model(config, N_SAMPLES)
    network.compile_for(PAPER_TRAINING)
    floor = floor_of(network, n_steps)
    parts = study_epochs(network, n_steps, EPOCHS_BESIDE_FLOOR)
    waiting = max(parts["training"] - held_epoch(network, n_steps), 0.0)
    fit = whole(parts)
    return {"floor": floor, "fit": fit, "fit/floor": fit / floor, "% waiting": 100 * waiting / fit}


# --- The port


def port_epoch(model: keras.Model, config: NetworkConfig, n_steps: int) -> dict[str, float]:
    """Measure "training", "validation" and "callbacks" of the port, as `study_epochs` does."""
    from benchmarks.plain_port import PlainTraces

    gen_type, watch = GEN_TYPES[config.net_type], Stopwatch()
    n_validation = max(1, round(VALIDATION_SHARE * n_steps))
    with tempfile.TemporaryDirectory() as folder:
        files = [
            keras.callbacks.ModelCheckpoint(Path(folder, "best.keras"), save_best_only=True),
            keras.callbacks.CSVLogger(Path(folder, "log.csv")),
        ]
        model.fit(
            PlainTraces(gen_type, n_steps),
            validation_data=PlainTraces(gen_type, n_validation),
            epochs=2,
            callbacks=[keras.callbacks.EarlyStopping(patience=100), *files, watch],
            verbose=0,
        )
    counts = {"training": n_steps, "validation": n_validation, "callbacks": 1}
    return {part: statistics.median(watch.parts[part]) / n * 1e3 for part, n in counts.items()}


# --- The table


def whole(parts: dict[str, float]) -> float:
    """Return the ms per training step of the paper's epoch."""
    once = parts["callbacks"] + parts.get("files", 0.0)
    return parts["training"] + VALIDATION_SHARE * parts["validation"] + once / PAPER_STEPS


def start_up(config: NetworkConfig, batch: tuple[np.ndarray, np.ndarray]) -> tuple[baseML.BaseMLClass, float]:
    """Return a network whose train and validation steps are compiled, and the seconds that this took."""
    keras.utils.set_random_seed(0)
    started = time.perf_counter()
    network = baseML.create_model(config, N_SAMPLES)
    network.compile_for(PAPER_TRAINING)
    for kind in ("train", "test"):
        bare_step(network, batch, kind)()
    return network, time.perf_counter() - started


def measure(config: NetworkConfig, n_steps: int, n_turns: int, with_port: bool) -> dict[str, float]:
    """Measure one configuration, in ms as medians of the turns; "start-up" is in s."""
    keras.utils.clear_session()
    batch = streams(config, 1)[0][0]
    network, seconds = start_up(config, batch)
    ported = None
    if with_port:  # A machine that only measures the floor need not have what the port is made with.
        from benchmarks.plain_port import port

        ported = port(config)
    steps = {kind: bare_step(network, batch, kind) for kind in ("train", "test")}
    per_call = network.get_model().steps_per_execution
    turns = defaultdict(list)
    for _ in range(n_turns):
        for name, kind in (("a", "train"), ("v", "test")):
            turns[name].append(ms_a_step(steps[kind], n_steps, per_call))
        parts = study_epochs(network, n_steps)
        for name, value in {**parts, "b": whole(parts), "held": held_epoch(network, n_steps)}.items():
            turns[name].append(value)
        if ported is not None:
            turns["c"].append(whole(port_epoch(ported, config, n_steps)))
    found = {name: statistics.median(values) for name, values in turns.items()}
    return {"parameters": network.get_model().count_params(), "start-up": seconds, **found, **shares(found)}


def shares(found: dict[str, float]) -> dict[str, float]:
    """Return the ratios, and the share of every part in b, in percent; the start-up of a trial is not a part of b."""
    ms = {
        "step": found["a"],
        "validation step": VALIDATION_SHARE * found["v"],
        "data": max(found["training"] - found["held"], 0.0),
        "loop": max(found["held"] - found["a"], 0.0) + VALIDATION_SHARE * (found["validation"] - found["v"]),
        "callbacks": found["callbacks"] / PAPER_STEPS,
        "files": found["files"] / PAPER_STEPS,
    }
    ratios = {"b/(a+0.3v)": found["b"] / (found["a"] + VALIDATION_SHARE * found["v"])}
    if "c" in found:
        ratios["c/b"] = found["c"] / found["b"]
    return ratios | {f"% {name}": 100 * value / found["b"] for name, value in ms.items()}


def print_table(table: dict[str, dict[str, float]]) -> None:
    """Print one column per configuration and one row per quantity."""
    names = list(dict.fromkeys(name for column in table.values() for name in column))
    print(" " * 18 + "".join(f"{name:>24s}" for name in table))
    for name in names:
        cells = (f"{column[name]:24,.2f}" if name in column else " " * 24 for column in table.values())
        print(f"{name:18s}" + "".join(cells))


def main() -> None:
    """Measure all configurations, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description="Measure where the time of a training goes.")
    parser.add_argument("--configs", nargs="+", choices=CONFIGS, default=list(CONFIGS), help="which networks (all)")
    parser.add_argument(
        "--steps",
        type=int,
        help="training steps per epoch (default: 250 for the small CNN, 30 for the Optuna TCN, 4 for the others)",
    )
    parser.add_argument("--turns", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--no-port", action="store_true", help="leave out the port, which is slow")
    parser.add_argument("--floor", action="store_true", help="measure fit_model beside its floor, on JAX")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to this file")
    options = parser.parse_args()
    if options.floor and keras.backend.backend() != "jax":
        parser.error("--floor needs JAX: set KERAS_BACKEND=jax")
    print(hardware(), flush=True)
    table = {}
    for name in options.configs:
        n_steps = options.steps or STEPS.get(name, 4)
        if options.floor:
            table[name] = beside_floor(CONFIGS[name], n_steps)
        else:
            table[name] = measure(CONFIGS[name], n_steps, options.turns, not options.no_port)
        print(f"{name} measured", flush=True)
    print_table(table)
    if options.json:
        options.json.write_text(json.dumps({"hardware": hardware(), "table": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
