"""Prints what a study is going to do and how long that may take, one line per trial, and the result."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

import baseML
from dataPreProcessing import GENERATIONS
from evaluation.blind import blind_test
from evaluation.comparison import report, write_csv
from hpo.budget import trained_epochs, trained_minutes
from hpo.dashboard import BLIND_TRACES, dashboard_command, draw_blind_trace
from hpo.notes import write_results
from hpo.problem import meaningful
from hpo.run import Run, data_protocol, short_number, training_size, why_too_large
from hpo.trials import finished_trials, result_of, run_name_of, trained_trials, trial_kind
from networks.backends import hardware
from networks.files import LOSS_HISTORY_FOLDER
from support.command_line import command_line
from support.startup import load_keras
from support.stopping import check_stop
from support.words import number_of

keras = load_keras()

LONG_STUDY = 24 * 3600.0  # s
STEP_OVERHEAD = 5e-3  # s per training step, whatever the network's size
EFFICIENCY = 0.3  # of a training, relative to one product of large matrices
NETWORKS_DRAWN = 100  # to estimate a study's duration from


def describe_trial(run: Run, trial: FrozenTrial) -> str:
    """Return one line on a finished trial."""
    reason = _reason(trial)
    if reason:
        return f"trial {trial.number:3d}  {reason}"
    result = result_of(trial, run.problem.loss)
    parameters = ", ".join(f"{name} {short_number(value)}" for name, value in _shown(run, trial).items())
    if result is None:  # the trial was run by other software
        return f"trial {trial.number:3d}  loss {run.loss_text(trial.value)}  {parameters}"
    loss, plain = run.loss_text(trial.value), run.plain_text(result.validation_plain)
    effort = f"epoch {result.best_epoch} of {result.epochs}, {result.seconds:.0f} s"
    return f"trial {trial.number:3d}  loss {loss}, {plain}  ({effort})  {parameters}"


def _shown(run: Run, trial: FrozenTrial) -> dict[str, object]:
    """Return the parameters of a trial that have a meaning for its network."""
    return meaningful(run.problem, trial.params)


def _reason(trial: FrozenTrial) -> str | None:
    """Return why a trial has no fully trained network: skipped, failed or pruned; None when it has one."""
    kind = trial_kind(trial)
    if kind == "pruned":
        return f"pruned after {number_of(trained_epochs(trial), 'epoch')}"
    return f"{kind}: {trial.user_attrs[kind]}" if kind in ("skipped", "failed") else None


class Progress:
    """A progress bar over the trials of a study, with one line for each trial that finishes."""

    def __init__(self, run: Run, study: optuna.Study) -> None:
        self.run = run
        self.study = study
        self._reported = {trial.number for trial in finished_trials(study)}
        bar = {"total": run.settings.n_trials, "initial": len(self._reported), "disable": run.is_worker}
        self.bar = tqdm(unit="trial", dynamic_ncols=True, **bar)

    def close(self) -> None:
        self.bar.close()

    def say(self, sentence: str) -> None:
        if not self.run.is_worker:
            self.bar.write(sentence)

    def show(self, epochs: Mapping[int, int]) -> None:
        """Show how many epochs each running trial, by its number, has done; before the first, its network is built."""
        total = self.run.settings.num_epochs
        words = {number: f"epoch {done}/{total}" if done else "begins" for number, done in epochs.items()}
        self.bar.set_postfix_str(", ".join(f"trial {number}: {how_far}" for number, how_far in words.items()))

    def update(self) -> None:
        """Print one line for every trial that has finished since the last call."""
        if self.run.is_worker:
            return
        for trial in finished_trials(self.study):
            if trial.number not in self._reported:
                self._reported.add(trial.number)
                self.say(describe_trial(self.run, trial))
                self.bar.update()
        if self.run.n_workers > 1:
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            self.show({trial.number: trained_epochs(trial) for trial in running})
        best = trained_trials(self.study)[:1]
        self.bar.set_description(f"best {self.run.loss_text(best[0].value)}" if best else "no result yet")


def print_plan(run: Run, study: optuna.Study) -> None:
    """Print what is about to happen, whether it may take days, and how to watch it."""
    s, problem = run.settings, run.problem
    done = len(finished_trials(study))
    already = f", {done} of them done already" if done else ""
    workers = f", {run.n_workers} processes" if run.n_workers > 1 else ""
    budget = f", until {s.budget} of training are used up" if s.budget else ""
    traces = problem.traces_line(asdict(s), "\nTraces     ")
    print(
        f"Problem    {problem.name}, preset {s.preset}, seed {s.seed}, sampler {s.sampler}, pruner {s.pruner}\n"
        f"Trials     {s.n_trials}{budget}{already}; each {data_protocol(run)}{traces}\n"
        f"Score      {run.score_in_words}\n"
        f"Runs on    {hardware()}{workers}\n"
        f"Study      {run.study_name}\n"
        f"Results    {run.tree.root}\n"
        f"Watch it   {dashboard_command(run)}\n",
        flush=True,
    )
    seconds = estimated_seconds(run, study)
    if seconds > LONG_STUDY:
        print(
            f"warning: on this machine the study may take about {number_of(round(seconds / LONG_STUDY), 'day')}. "
            "Ctrl-C stops it at any time and loses nothing. It is shorter with fewer --n-trials or --num-epochs, "
            "--pruner median, --preset quick, a GPU, or --workers on this and other machines (see README).\n",
            flush=True,
        )


def estimated_seconds(run: Run, study: optuna.Study) -> float:
    """Estimate how long the remaining trials will take, from those already done or else from the networks' sizes."""
    finished = finished_trials(study)
    left = max(run.settings.n_trials - len(finished), 0)
    known = [result.seconds for trial in finished if (result := result_of(trial, run.problem.loss)) is not None]
    return left / run.n_workers * (float(np.mean(known)) if known else _estimated_trial_seconds(run))


def _estimated_trial_seconds(run: Run) -> float:
    """Estimate the mean over networks drawn from the search space; networks that are too large take no time."""
    s, rng = run.settings, np.random.default_rng(0)
    sampler = optuna.samplers.RandomSampler(seed=int(rng.integers(2**31)))
    draws = optuna.create_study(sampler=sampler)
    operations = []
    for _ in range(NETWORKS_DRAWN):
        parameters = draws.ask(dict(run.search_space)).params
        config = run.network_config(parameters)
        size = training_size(run.with_parameters(parameters), config)
        operations.append(0.0 if why_too_large(run, config, size) else size.operations)
    steps = s.num_epochs * s.num_datasets / s.batch_size
    return steps * (STEP_OVERHEAD + float(np.mean(operations)) / (EFFICIENCY * _operations_per_second()))


def _operations_per_second() -> float:
    """Measure what this device reaches on a product of two matrices."""
    n, repeats = 1024, 5
    matrix = keras.ops.ones((n, n))
    keras.ops.convert_to_numpy(keras.ops.matmul(matrix, matrix))
    started = time.perf_counter()
    for _ in range(repeats):
        keras.ops.convert_to_numpy(keras.ops.matmul(matrix, matrix)[0, 0])
    return 2 * n**3 * repeats / (time.perf_counter() - started)


def print_blind_test(run: Run, networks: Mapping[str, baseML.BaseMLClass], path: Path) -> None:
    """Compare networks (by name) and classical methods on blind traces; print the table, and store it as CSV."""
    s, problem = run.settings, run.problem
    words = f" ({GENERATIONS['described']})" if s.generation != "described" else ""
    n_traces, meaning = problem.n_blind or BLIND_TRACES, ""
    if run.own_pairs:
        n_traces, words = min(n_traces, run.own_pairs.n_blind), f" of {run.own_pairs.traces.path.name}"
        meaning = f"\n{run.own_pairs.meaning}"
    print(f"\nOn {number_of(n_traces, f'blind {problem.item}')}{words}, with 95 % intervals:", flush=True)
    rows = blind_test(problem, networks, n_traces, s.seed, s.protocol)
    write_csv(path, problem, rows)
    print(f"{report(problem, rows, networks, s.seed)}{meaning}\nBlind test    {path}", flush=True)
    if problem.appendix:
        print(problem.appendix(problem, networks, n_traces, s.seed, s.protocol, path.parent))


def best_model_path(run: Run, trial: FrozenTrial) -> Path:
    """Return the path of the network of a study's best trial, which is there if it was trained into this tree."""
    return run.tree.final_model("Optuna") / f"{run_name_of(trial)}.keras"


def print_result(run: Run, study: optuna.Study) -> None:
    """Print the best trial, how good it is on fresh traces, which trials were left out, and where all results are.

    Raises KeyboardInterrupt between two of these if the process was asked to stop.
    """
    check_stop()
    trained = trained_trials(study)
    others = [trial for trial in finished_trials(study) if _reason(trial)]
    print(f"\n{number_of(len(trained), 'trial')} trained, {len(others)} skipped, failed or pruned")
    for trial in others:
        print(f"  {describe_trial(run, trial)}")
    _print_pruned(run, others)
    print(f"Training took {_effort(run, study)}")
    if not trained:
        print("No trial was trained, so there is no best network.")
        return
    best = trained[0]
    value = best.user_attrs.get(f"validation_{run.problem.loss.name}")
    plain = f", plain validation {run.plain_text(value)}" if value is not None else ""
    print(f"Best trial {best.number}: validation loss {run.loss_text(best.value)}{plain}")
    for name, value in _shown(run, best).items():
        print(f"  {name:14s} {short_number(value)}")
    path = best_model_path(run, best)
    if run_name_of(best) is None:
        print("Its network is not known here: mode final_model with --from-study trains it anew.")
    elif path.is_file():
        print_networks(run, {f"trial {best.number}": path}, run.tree.blind_test(study.study_name))
    else:
        print(f"The best network is not at {path}: was it trained on another machine, or with another --output?")
    write_results(run, study)
    print(
        f"All trials    {run.tree.summary}\n"
        f"Loss curves   {run.tree.search / LOSS_HISTORY_FOLDER}\n"
        f"Dashboard     {dashboard_command(run)}{_next_step(run)}"
    )


def _next_step(run: Run) -> str:
    """Return a line with the command that shows a network which beats the filters; empty where there is none of it.

    After a search of minutes, that is the pretrained network of the problem.
    """
    network = baseML.PRETRAINED / f"{run.problem.name}_paper.keras"
    if run.settings.preset != "quick" or not network.is_file():
        return ""
    shown = network.relative_to(Path.cwd()) if network.is_relative_to(Path.cwd()) else network
    words = [str(Path(sys.argv[0]).with_name("blindTest.py")), "--model", str(shown), "--traces", "50"]
    return f"\nNext          {command_line(['python', *words, '--picture', str(run.tree.root / 'pretrained.png')])}"


def print_networks(run: Run, paths: Mapping[str, Path], table: Path) -> None:
    """Print how good saved networks are on fresh traces, or why one cannot be tested; draw their pictures.

    ``paths`` are by what a network is of, such as "trial 11"; ``table`` gets the blind test. Raises KeyboardInterrupt
    between two networks if the process was asked to stop.
    """
    networks, lines = {}, []
    for owner, path in paths.items():
        try:
            network = baseML.BaseMLClass.load_model(path)
        except ValueError as error:
            print(f"The best network cannot be tested: {error}")
            continue
        picture = path.with_suffix(".png")
        if not picture.is_file():
            draw_blind_trace(run, network, picture, owner)
        check_stop()
        networks[f"{network.config.arch_type} of {owner}"] = network
        lines.append(f"Picture       {picture}\nBest network  {path}")
    if networks:
        print_blind_test(run, networks, table)
        print("\n".join(lines))


def _effort(run: Run, study: optuna.Study) -> str:
    """Return the epochs and the time of all trials, beside those of the published search and of the budget."""
    trials = study.get_trials(deepcopy=False)
    epochs, minutes = (sum(map(count, trials)) for count in (trained_epochs, trained_minutes))
    published = f" ({run.problem.paper_epochs:,} in the published search)" if run.problem.paper_trials else ""
    budget = f"; its budget is {run.settings.budget}" if run.settings.budget else ""
    return f"{number_of(epochs, 'epoch', form=',')}{published} and {minutes:.1f} min{budget}"


def _print_pruned(run: Run, trials: list[FrozenTrial]) -> None:
    """Print how many epochs the pruner saved."""
    pruned = [
        trained_epochs(trial) for trial in trials if trial.state == TrialState.PRUNED and trial.intermediate_values
    ]
    if pruned:
        total = run.settings.num_epochs * len(pruned)
        of_all = f"{number_of(total, 'epoch')} of {number_of(len(pruned), 'pruned trial')}"
        print(f"Pruning saved {total - sum(pruned)} of the {of_all}")
