"""Mode model_update: the training of a saved network goes on."""

import shutil
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

import baseML
from baseML import BaseMLClass, RunResult
from hpo.pairs import with_pairs
from hpo.plans import UPDATE_SEED, result_text
from hpo.run import Run, data_protocol, data_stream, origin_of
from hpo.sets import claimed
from hpo.settings import DEFAULTS, derived_seed
from networks.callbacks import rate_of_update
from networks.feeding import fit_input
from networks.files import UPDATE, loss_history_path
from problems.own_pairs import in_words
from support.checks import check_whole
from support.errors import StoppedError, UserError
from support.startup import load_keras

keras = load_keras()

# What belongs to a network and cannot change; the options that name it, which are needed for nothing else.
FIXED = {"n_samples": "--samples", "dt": "--dt", "precision": "--precision"}
KEPT = ("scaling_flag", "noisy_data", "snr_db", "batch_size")  # settings of its training that it goes on with


# --- Update of a network


def run_model_update(run: Run) -> None:
    """Mode model_update: train a saved network on; the result is ``<name>_update.keras`` beside it.

    The file of the network itself stays as it is. An interrupted update goes on after its last backup. Raises UserError
    for a file that is not a network of the same data; StoppedError if the training fails for its own reason.
    """
    name = run.model.stem + UPDATE
    # The update of an update has another name, and so another seed.
    seed = derived_seed(run.settings.seed, UPDATE_SEED, zlib.crc32(name.encode()))
    keras.utils.set_random_seed(seed)  # before the dropout is loaded, which draws its random state then
    run, network = _load_for_update(run)
    run = run.with_parameters({"transform": network.transform["transform_type"]})
    destination, working = run.model.with_name(f"{name}.keras"), run.model.with_name(f".{name}")
    if destination.is_file():
        print(f"{destination} is finished already; to train that network on, give it as --model")
        return
    with claimed(working, run, otherwise="remove that folder"):
        before, result = _update(run, network, working, name, seed)
        for path in (loss_history_path(working, name), working / f"{name}.json", working / f"{name}.keras"):
            path.replace(run.model.with_name(path.name))  # the network is moved last: it says that all is there
    shutil.rmtree(working, ignore_errors=True)
    print(
        f"Before           loss {run.loss_text(before['loss'])}, {run.plain_text(before[run.problem.loss.name])}\n"
        f"After            {result_text(run, result)}{_no_better(before, result)}\n"
        f"Updated network  {destination}\n"
        f"Loss curve       {destination.with_name(f'{name}_log.csv')}"
    )


def _no_better(before: Mapping[str, float], result: RunResult) -> str:
    """What is to be said of an update whose best epoch is no better than the network was."""
    return "" if result.validation_loss < before["loss"] else ": no epoch is better than the network was"


def _load_for_update(run: Run) -> tuple[Run, BaseMLClass]:
    """The network that is to be updated, and the run with all that belongs to it.

    Preset, traces, noise and batches are those of its training, where the command line asks for no others: a network
    can go on with another earth or another wavelet, which fits it to them. Raises UserError if the file is no network
    of the run's problem, or has another length, interval or precision than the command line.
    """
    try:
        network = BaseMLClass.load_model(run.model, run.problem.loss)
    except ValueError as error:
        raise UserError(str(error)) from error
    description = run.model.with_suffix(".json")
    if not description.is_file():
        raise UserError(f"{str(description)!r} is missing, which describes the network {str(run.model)!r}")
    of = network.provenance.get("problem", run.problem.name)
    if of != run.problem.name:
        raise UserError(f"{str(run.model)!r} is a network for {of}, not for {run.problem.name}; give that one's script")
    fixed = {"n_samples": network.n_samples, "dt": network.dt, "precision": network.precision}
    for name, flag in FIXED.items():
        asked = getattr(run.settings, name)
        if name in run.given and asked != fixed[name]:
            raise UserError(
                f"{str(run.model)!r} was trained for {name} {fixed[name]!r}, not {asked!r}; leave {flag} out, or give "
                "another --model"
            )
    stored = {**network.provenance, **fixed}
    try:
        run = with_pairs(run.with_preset_of(stored).with_traces_of(stored))
        kept = {name: stored[name] for name in KEPT if name in stored and name not in run.given}
        run = replace(run, settings=replace(run.settings, **kept, **fixed))
        data_stream(run, "training", 1, run.settings.seed)
    except (ValueError, TypeError) as error:
        raise UserError(f"the traces of {str(run.model)!r} cannot be made: {error}") from error
    return run, network


def _traces_seen(described: Mapping[str, object]) -> int:
    """How many traces a network has been trained on, with those of all trainings before an update, by its description.

    Raises UserError for numbers that no training has.
    """
    counts = [described.get(name, DEFAULTS[name]) for name in ("num_epochs", "num_datasets")]
    try:
        epochs, traces = (check_whole("a number of epochs or traces", count, 1) for count in counts)
        return epochs * traces + check_whole("traces_before", described.get("traces_before", 0), 0)
    except ValueError as error:
        raise UserError(f"the description of the network has no number of traces: {error}") from error


def _update(run: Run, network: BaseMLClass, folder: Path, name: str, seed: int) -> tuple[dict[str, float], RunResult]:
    """Train on in ``folder``; returns the losses of the network as it was, and the result."""
    s = run.settings
    training = data_stream(run, "training", s.num_datasets, seed)
    # The epoch that was kept of the earlier training may be the best one on its fixed traces alone: these are others.
    of_update = replace(run, settings=replace(s, seed=seed))
    validation, first_look = (data_stream(of_update, "validation", s.n_validation, seed) for _ in range(2))
    network.compile_for(len(training), training.batch_size, validation.batch_size)
    before = network.get_model().evaluate(fit_input(first_look), return_dict=True, verbose=0)
    before[run.problem.loss.name] *= validation.unit_per_output
    done = _traces_seen(network.provenance)
    rate = rate_of_update(network.config.learning_rate, done / s.num_datasets, s.num_epochs)
    origin = {"updated_from": run.model.name, "seed": seed, "traces_before": done}
    network.provenance = {**origin_of(run, "model_update"), **origin}
    traces = f", on {in_words(s.traces, s.targets)}" if run.own_pairs else ""
    print(
        f"Training {run.model} on: {data_protocol(run)}{traces}\n"
        f"Learning rate    {rate(0):.2g} at first, falling to zero, as the network has seen {done:,} traces before",
        flush=True,
    )
    with tqdm(total=s.num_epochs, unit="epoch", dynamic_ncols=True) as bar:
        progress = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update(epoch + 1 - bar.n))
        options = {"extra_callbacks": [progress], "on_resume": lambda words: bar.write(f"The update {words}")}
        options |= {"rate": rate}
        try:
            return before, baseML.train_network(network, training, validation, s.num_epochs, folder, name, **options)
        except Exception as error:
            reason = baseML.failure_reason(error)
            if reason is None:
                raise
            raise StoppedError(f"the update of {str(run.model)!r} failed: {reason}") from error
