"""The search: one Optuna study, worked off by one process or several, on one machine or several.

objective: hyperparameters -> NetworkConfig -> training -> lowest validation loss
"""

import gc
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import baseML  # first: it keeps TensorFlow's start-up messages off the screen
import keras
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState

import resultFiles
from baseML import NetworkConfig, RunResult
from dataGeneration import check_choice, check_flag, check_whole
from dataPreProcessing import VALIDATIONS
from hpoReport import (
    Progress,
    finished_trials,
    print_plan,
    print_result,
    trained_trials,
    upload_picture,
    write_note,
)
from hpoSettings import (
    DEFAULTS,
    MOST_EPOCHS,
    MOST_TRIALS,
    PRESETS,
    SEARCHED_SETTINGS,
    WORKER_STORAGE,
    Budget,
    Problem,
    Run,
    RunSettings,
    StoppedError,
    UserError,
    applies,
    check_study_name,
    check_table,
    data_stream,
    derived_seed,
    ignore_signals,
    machine_fault,
    network_config,
    public_url,
    stop_was_asked,
    train,
    training_size,
    versions,
    why_too_large,
)
from hpoStorage import open_storage
from hpoTrials import TrialQueue, alone, result_of, run_name_of
from resultFiles import line_of, replace_file

POLL = 1.0  # s between two looks at what other processes do
PATIENCE = 60.0  # s for a process to end after it was asked to
ENDED_BY_ITSELF = (0, 1, 2, 130)  # statuses of a script; others are of a process that was killed, or crashed
SPARE_DEATHS = 2  # beside one of each process
FREE_TO_CHANGE = ("n_trials", "budget")  # of the settings, when a study is gone on with


# --- Study


def open_study(run: Run) -> tuple[Run, optuna.Study]:
    """The study of this run, made or found, and the run as that study's settings make it.

    Raises UserError when it is not there to be gone on with, or belongs to another problem or other settings.
    """
    run = _find_study(run)
    check_study_name(run.study_name)  # it may come from a storage, and becomes a part of paths
    other = run.tree.elsewhere(run.study_name)
    if other:
        raise UserError(
            f"study {run.study_name!r} is of another problem (it is in {other.parent}); "
            f"a study of {run.problem.name} is needed"
        )
    resumed = run.mode != "optuna"
    if resumed and run.storage_url is None and not run.tree.database(run.study_name).is_file():
        raise UserError(f"there is no study {run.study_name!r} in {run.tree.search}; --mode optuna starts one")
    if run.storage_url is None:
        run.tree.search.mkdir(parents=True, exist_ok=True)
    url, storage = open_storage(run.url, run.tree.upgraded)
    if url != run.url:
        run = replace(run, storage_url=url)
    known = optuna.get_all_study_names(storage)
    if resumed and run.study_name not in known:
        raise UserError(f"there is no study {run.study_name!r} in the storage; there are: {', '.join(known) or 'none'}")
    study = optuna.create_study(storage=storage, study_name=run.study_name, direction="minimize", load_if_exists=True)
    if "problem" not in study.user_attrs:
        _describe(run, study)
    run = _with_stored_settings(run, study.user_attrs)
    if not run.is_worker:
        study.set_user_attr("n_trials", run.settings.n_trials)
        if run.storage_url is None:
            replace_file(run.tree.last_study, run.study_name)
    return run, study


def _describe(run: Run, study: optuna.Study) -> None:
    """Give a study that has no settings yet those of the run, once, whoever starts it at the same time.

    Raises UserError for a study that was not begun, when it is to be gone on with, and for one of other software that
    the run cannot go on with.
    """
    run.tree.search.mkdir(parents=True, exist_ok=True)
    with alone(study, run.tree.search):
        if "problem" in study.user_attrs:
            return
        if study.get_trials(deepcopy=False):
            _with_stored_settings(run, study.user_attrs)
        elif run.mode != "optuna":
            raise UserError(f"study {run.study_name!r} was stopped before it began; repeat the command that started it")
        else:
            write_note(run, study)
            with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
                study.set_metric_names([run.metric_name])
        settings = {**_stored_settings(run), "versions": versions()}
        for name in sorted(settings, key=lambda name: name == "problem"):  # last: with it, all are there
            study.set_user_attr(name, settings[name])


def _find_study(run: Run) -> Run:
    """The run with the name of its study: the newest one of the problem when none is given."""
    if run.study_name is not None:
        return run
    if run.storage_url is None:
        name = run.tree.newest_study()
    else:
        url, storage = open_storage(run.storage_url, run.tree.upgraded)
        run = replace(run, storage_url=url)
        found = [study for study in optuna.get_all_study_summaries(storage) if is_of(run.problem, study)]
        newest = max(found, key=lambda study: study._study_id, default=None)  # dates change with the clock
        name = newest.study_name if newest else None
    if name is None:
        raise UserError(f"there is no study of {run.problem.name} to go on with; --mode optuna starts one")
    return replace(run, study_name=name)


def is_of(problem: Problem, study: optuna.study.StudySummary) -> bool:
    """Whether a study is of the problem; those of the published scripts say it in their name only."""
    if "problem" in study.user_attrs:
        return study.user_attrs["problem"] == problem.name
    return study.study_name.startswith(problem.study_prefix)


def _stored_settings(run: Run) -> dict[str, object]:
    """The configuration as the study keeps it."""
    space = {name: distribution_to_json(kind) for name, kind in run.search_space.items()}
    return {"problem": run.problem.name, **asdict(run.settings), "search_space": space}


def _with_stored_settings(run: Run, stored: Mapping[str, object]) -> Run:
    """The run with the settings that its study was started with; UserError when the command line has others."""
    if "problem" not in stored and run.study_name.startswith(run.problem.study_prefix):  # of the published scripts
        if "preset" not in run.given:
            raise UserError(f"study {run.study_name!r} does not say how it was run; add --preset paper, or quick")
        return run
    if stored.get("problem") != run.problem.name:
        found = stored.get("problem", "unknown")
        raise UserError(
            f"study {run.study_name!r} is of another problem ({found}); a study of {run.problem.name} is needed"
        )
    asked = _stored_settings(run)
    strict = run.mode == "optuna" and not run.is_worker
    for name, value in asked.items():
        compared = name not in FREE_TO_CHANGE and (strict or name in run.given)
        found = stored.get(name, DEFAULTS.get(name, value))
        if compared and found != value:
            difference = "another search space" if name == "search_space" else f"{name} {found!r}, not {value!r}"
            raise UserError(
                f"study {run.study_name!r} was started with {difference}; go on with the options that it started with"
            )
    kept = {name: stored[name] for name in asdict(run.settings) if name in stored}
    kept |= {name: asked[name] for name in FREE_TO_CHANGE if name in run.given}
    try:
        space = {name: json_to_distribution(text) for name, text in stored["search_space"].items()}
        run = replace(run, settings=replace(run.settings, **kept), search_space=space)
        _check_settings(run)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            f"study {run.study_name!r} has settings that no run of these scripts could have given it ({error}); "
            "give another --study-name"
        ) from error
    return run


def _check_settings(run: Run) -> None:
    """ValueError for settings outside their ranges; the command line has none, but a storage may be anybody's."""
    s = run.settings
    for name, valid in {"preset": PRESETS, "sampler": SAMPLER_KINDS, "pruner": PRUNER_KINDS}.items():
        check_choice(name, getattr(s, name), valid)
    for name, most in {"n_trials": MOST_TRIALS, "num_epochs": MOST_EPOCHS}.items():
        check_whole(name, getattr(s, name), 1, most)
    for name in ("enqueue_base", "one_by_one"):
        check_flag(name, getattr(s, name))
    if s.budget is not None:
        Budget.of(s.budget)
    check_choice("validation", s.validation, VALIDATIONS)
    data_stream(run, "training", s.num_datasets, s.seed)  # refuses the rest
    parameters = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask(dict(run.search_space)).params
    network_config(run.problem, parameters)
    run.with_parameters(parameters).n_channels  # noqa: B018 - raises for a transform that is none


def best_configuration(run: Run) -> tuple[NetworkConfig, dict[str, object]]:
    """Network of the best trial of the study ``run.from_study``, the study's transform, and what else was searched.

    Raises UserError when there is none.
    """
    found, study = open_study(
        replace(run, mode="optuna_resume", study_name=run.from_study, given=frozenset(), is_worker=True)
    )
    trained = trained_trials(study)
    if not trained:
        raise UserError(f"study {run.from_study!r} has no trained trial yet")
    best = trained[0].params
    try:
        searched = {name: best[name] for name in SEARCHED_SETTINGS if name in best}
        return network_config(run.problem, best), {"transform": found.settings.transform, **searched}
    except (ValueError, TypeError) as error:
        raise UserError(
            f"the best trial of study {run.from_study!r} is of no network of these scripts: {error}"
        ) from error


# --- Samplers and pruners


def _tpe(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """The paper's draws every parameter on its own (Optuna 3.1's default), Optuna 5's all of them together."""
    together, in_groups = settings.preset != "paper", settings.preset == "extended"  # parameters of a choice
    return optuna.samplers.TPESampler(seed=seed, multivariate=together, group=in_groups, constant_liar=True)


def _qmc(settings: RunSettings, seed: int) -> optuna.samplers.BaseSampler:
    """One sequence for the whole study: its points are not scrambled anew for every trial."""
    categories = optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.QMCSampler(
        seed=settings.seed, scramble=True, independent_sampler=categories, warn_independent_sampling=False
    )


SAMPLER_KINDS: dict[str, Callable[[RunSettings, int], optuna.samplers.BaseSampler]] = {
    "tpe": _tpe,
    "random": lambda settings, seed: optuna.samplers.RandomSampler(seed=seed),
    "gp": lambda settings, seed: optuna.samplers.GPSampler(seed=seed),
    "qmc": _qmc,
    "cmaes": lambda settings, seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
}
SAMPLER_LIBRARIES = {"gp": "torch", "cmaes": "cmaes"}  # that Optuna does not bring
PRUNER_KINDS: dict[str, Callable[[RunSettings], optuna.pruners.BasePruner]] = {
    "none": lambda settings: optuna.pruners.NopPruner(),
    "median": lambda settings: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=settings.num_epochs // 6),
    "hyperband": lambda settings: optuna.pruners.HyperbandPruner(
        min_resource=max(1, settings.num_epochs // 9), max_resource=settings.num_epochs, reduction_factor=3
    ),
}


def make_sampler(settings: RunSettings, number: int) -> optuna.samplers.BaseSampler:
    """The sampler for one trial, seeded by its number.

    A storage does not keep a sampler's state: so a study that was stopped goes on as if it had not been, and no two
    processes draw the same. Raises UserError when a library that the sampler needs is not installed.
    """
    library = SAMPLER_LIBRARIES.get(settings.sampler)
    if library and importlib.util.find_spec(library) is None:
        raise UserError(f"--sampler {settings.sampler} needs {library}: pip install {library}")
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return SAMPLER_KINDS[settings.sampler](settings, derived_seed(settings.seed, number, 0))


# --- One trial


def suggest(trial: Trial, space: Mapping[str, BaseDistribution]) -> dict[str, object]:
    """One value for each parameter of the search space that has a meaning beside those drawn before.

    A trial that was cut off while it drew keeps what it has; that is drawn once more all the same, so that the sampler
    comes to the rest in the state that it would have had.
    """
    before = trial.storage.get_trial(trial._trial_id)
    kept = set(before.params)
    if kept:
        kept -= {*before.system_attrs.get("fixed_params", {}), *trial.relative_params}
    draw = {
        CategoricalDistribution: lambda name, kind: trial.suggest_categorical(name, kind.choices),
        IntDistribution: lambda name, kind: trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log),
        FloatDistribution: lambda name, kind: trial.suggest_float(name, kind.low, kind.high, log=kind.log),
    }
    parameters = {}
    for name, kind in space.items():
        if not applies(name, parameters):
            continue
        if name in kept and not kind.single():  # of which Optuna draws nothing
            trial.study.sampler.sample_independent(trial.study, before, name, kind)
        parameters[name] = draw[type(kind)](name, kind)
    return parameters


class Reporter(keras.callbacks.Callback):
    """Tells Optuna the validation loss of every epoch, and stops the training when the pruner says so."""

    def __init__(self, trial: Trial, progress: Progress) -> None:
        super().__init__()
        self.trial = trial
        self.progress = progress
        self.pruned = False
        self._reported = set(trial.storage.get_trial(trial._trial_id).intermediate_values)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch not in self._reported:  # by a process that ended before this one tried again
            self.trial.report(logs["val_loss"], epoch)
        self.progress.epoch(self.trial, epoch)
        if epoch + 1 < self.params["epochs"] and self.trial.should_prune():
            self.pruned = True
            self.model.stop_training = True


def objective(run: Run, trial: Trial, queue: TrialQueue, progress: Progress) -> tuple[TrialState, float | None]:
    """Train the network that a trial stands for; returns the trial's state and its score.

    The score is the lowest validation loss. What a network cannot be trained for is said in the trial's attributes.
    """
    parameters = suggest(trial, run.search_space)
    run, config = run.with_parameters(parameters), network_config(run.problem, parameters)
    size = training_size(run, config)
    trial.set_user_attr("n_parameters", size.parameters)
    trial.set_user_attr("receptive_field", size.receptive_field)
    paper = run.settings.preset == "paper"
    if not paper and not trial.constraints:
        limit = run.problem.parameter_limits[config.arch_type]
        trial.set_constraint("parameters above the limit", size.parameters - limit)
    if reason := why_too_large(run, config, size):
        trial.set_user_attr("skipped", reason)
        return (TrialState.COMPLETE, run.problem.skipped_score) if paper else (TrialState.PRUNED, None)
    seed = derived_seed(run.settings.seed, trial.number, 1)
    run_name = baseML.new_run_name(config, run.settings.transform)
    for name, value in {"seed": seed, "run_name": run_name}.items():
        trial.set_user_attr(name, value)
    reporter = Reporter(trial, progress)
    folder = run.tree.search
    try:
        options = {"resumable": False, "extra_callbacks": [reporter]}  # a trial that was cut off is begun anew
        network, result = train(run, config, folder, run_name, seed, run.study_name, **options)
        for name, value in asdict(result).items():
            trial.set_user_attr(name, value)
        if reporter.pruned:
            return TrialState.PRUNED, None
        _keep_if_best(run, trial, queue, network, result)
        return TrialState.COMPLETE, result.validation_loss
    except Exception as error:
        if stop_was_asked():
            raise KeyboardInterrupt from error
        if isinstance(error, StoppedError) or machine_fault(error, run.tree.output):
            raise  # no fault of the trial, which is to be trained again
        reason = baseML.failure_reason(error)
        trial.set_user_attr("failed", reason or f"error: {error}")
        if reason is None:
            queue.tell(trial, TrialState.FAIL, None)
            raise
        return TrialState.FAIL, None
    finally:
        baseML.remove_run_files(folder, run_name)


def _keep_if_best(run: Run, trial: Trial, queue: TrialQueue, network: baseML.BaseMLClass, result: RunResult) -> None:
    """Keep the network if it is the best of this tree; its picture goes to the trial if it is the study's best."""
    destination = run.tree.final_model("Optuna")
    with queue.mutex():
        kept = baseML.keep_best(run.tree.search, destination, result.run_name)
        trained = trained_trials(trial.study)
        if kept and (not trained or result.validation_loss < trained[0].value):
            upload_picture(run, trial, network, destination / f"{result.run_name}.png")


# --- The search


def work(run: Run, study: optuna.Study, storage: optuna.storages.BaseStorage, progress: Progress) -> None:
    """Work off the study's trials until none is left, not even one that another process may leave behind."""
    told_to_wait = False
    with TrialQueue(study, storage, run.tree.search) as queue:
        while True:
            for sentence in queue.recover():
                progress.say(sentence)
            progress.update()
            claimed = queue.claim(run.settings.n_trials, run.may_begin)
            if claimed is not None:
                _run_trial(run, claimed, queue, progress)
                progress.update()
            elif running := queue.others_running():
                if not told_to_wait:
                    told_to_wait = True
                    progress.say(f"waiting for {len(running)} trials of other processes; Ctrl-C does them no harm")
                time.sleep(POLL)
            else:
                break
        with queue.mutex():
            _complete_summary(run, study)


def _run_trial(run: Run, claimed: FrozenTrial, queue: TrialQueue, progress: Progress) -> None:
    """Train one claimed trial and tell its result; interrupted, it goes back into the queue."""
    study = optuna.load_study(
        study_name=run.study_name,
        storage=queue.storage,
        sampler=make_sampler(run.settings, claimed.number),
        pruner=PRUNER_KINDS[run.settings.pruner](run.settings),
    )
    trial = Trial(study, claimed._trial_id)
    state, score = objective(run, trial, queue, progress)
    if not queue.tell(trial, state, score):
        progress.say(f"trial {claimed.number:3d}  was taken over by another process; this result is dropped")
    with queue.mutex():
        _complete_summary(run, study)
    gc.collect()


def _complete_summary(run: Run, study: optuna.Study) -> None:
    """Add the rows that the table of results lacks: one for each trained trial, whichever process trained it."""
    path = baseML.init_results_file(run.tree.summary)
    present = set(path.read_text(encoding="utf-8").splitlines())
    for trial in sorted(trained_trials(study), key=lambda trial: trial.number):
        row = _summary_row(run, trial)
        if row is not None and line_of(row).strip() not in present:
            baseML.append_results_to_file(path, row)


def _summary_row(run: Run, trial: FrozenTrial) -> list[object] | None:
    """The row of a trained trial; None for one that other software trained: a storage may be anybody's."""
    result = result_of(trial)
    if result is None:
        return None
    try:
        config, own = network_config(run.problem, trial.params), run.with_parameters(trial.params)
        own.n_channels  # noqa: B018 - raises for a transform that is none
    except (ValueError, TypeError) as error:
        resultFiles.note(f"trial {trial.number} is of no network of these scripts, and has no row: {error}")
        return None
    return baseML.summary_row(config, result, own.settings.transform)


def _mend_tables(run: Run, study: optuna.Study) -> None:
    """Take out what a crash cut off of the table of results, which is completed later, and of finished trainings."""
    baseML.init_results_file(run.tree.summary)
    for run_name in filter(None, map(run_name_of, finished_trials(study))):
        resultFiles.mend_table(baseML.loss_history_path(run.tree.search, run_name))


def run_search(run: Run) -> None:
    """Modes optuna and optuna_resume: search, then test the best network."""
    make_sampler(run.settings, 0)
    check_table(run.tree.summary)
    run, study = open_study(run)
    storage = study._storage
    if run.is_worker:
        with Progress(run, study) as progress:
            work(run, study, storage, progress)
        return
    base = {"arch_type": run.problem.final_configs["Optuna"].arch_type, **run.base}
    if "transform" in run.search_space:
        base["transform"] = DEFAULTS["transform"]
    with TrialQueue(study, storage, run.tree.search) as queue:
        queue.plan(run.settings.n_trials, base if run.settings.enqueue_base else None)
        with queue.mutex():
            _mend_tables(run, study)
    print_plan(run, study)
    with Progress(run, study) as progress:
        if run.n_workers == 1:
            work(run, study, storage, progress)
        else:
            supervise(run, study, progress)
    print_result(run, study)


# --- Several processes


def supervise(run: Run, study: optuna.Study, progress: Progress) -> None:
    """Start the run's processes, replace those that die, and wait for them.

    Raises StoppedError when all ended before the study was done.
    """
    logs = run.tree.search / ".workers"
    logs.mkdir(exist_ok=True)
    processes = {index: _start_worker(run, index, logs) for index in range(run.n_workers)}
    deaths = Deaths(run.n_workers, study)
    try:
        while processes:
            time.sleep(POLL)
            progress.update()
            for index, process in list(processes.items()):
                if process.poll() is None:
                    continue
                del processes[index]
                replaced = deaths.allow_another(process.returncode)
                if process.returncode:
                    progress.say(_why_it_ended(index, process.returncode, logs, replaced))
                if replaced:
                    processes[index] = _start_worker(run, index, logs)
    except KeyboardInterrupt:
        ignore_signals()
        raise
    finally:
        _stop_workers(processes.values())
    progress.update()
    done = len(finished_trials(study))
    if done < run.settings.n_trials and run.may_begin(study.get_trials(deepcopy=False)):
        raise StoppedError(f"all processes ended, with {done} of {run.settings.n_trials} trials done")


class Deaths:
    """How often processes died since a trial got its result; too often, and the next ones would die as well."""

    def __init__(self, n_workers: int, study: optuna.Study) -> None:
        self.most = n_workers + SPARE_DEATHS
        self.study = study
        self.n_deaths = self.n_results = 0

    def allow_another(self, status: int) -> bool:
        """Whether a process that ended with this status is to be replaced."""
        if status in ENDED_BY_ITSELF:
            return False
        results = (TrialState.COMPLETE, TrialState.PRUNED)
        n_results = len(self.study.get_trials(deepcopy=False, states=results))
        self.n_deaths = 1 if n_results > self.n_results else self.n_deaths + 1
        self.n_results = n_results
        return self.n_deaths < self.most


def _stop_workers(processes: Collection[subprocess.Popen]) -> None:
    """Have processes give back their trials and end; one that does not is killed."""
    for process in processes:
        process.stdin.close()
    for process in processes:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def _start_worker(run: Run, index: int, logs: Path) -> subprocess.Popen:
    given = map(public_url, run.arguments)  # everybody on the machine sees them
    arguments = [*given, "--study-name", run.study_name, "--workers", "1", "--as-worker"]
    storage = {} if run.storage_url is None else {WORKER_STORAGE: run.storage_url}
    with (logs / f"{index}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, sys.argv[0], *arguments],
            env=os.environ | worker_environment(index, run.n_workers, gpus()) | storage,
            start_new_session=True,  # Ctrl-C reaches them once only, through `supervise`
            stdin=subprocess.PIPE,  # ends with this process, however that ends, and the worker then does
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def worker_environment(index: int, n_workers: int, devices: list[str]) -> dict[str, str]:
    """What one of several processes on a machine may use: its GPU, dealt out in turns, and its share of the CPU."""
    threads = str(max(1, (os.cpu_count() or 1) // n_workers))
    shares = {name: threads for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    return {**shares, **({"CUDA_VISIBLE_DEVICES": devices[index % len(devices)]} if devices else {})}


def gpus() -> list[str]:
    """Numbers of the NVIDIA GPUs that this process may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [device for device in allowed.split(",") if device.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU")]


def _why_it_ended(index: int, status: int, logs: Path, replaced: bool) -> str:
    lines = (logs / f"{index}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    told = [line for line in lines if line.startswith("error: ")] or lines  # after an error's stands the way to go on
    why = f": {told[-1].partition('; to go on:')[0]}" if told else ""
    then = "another one takes its place" if replaced else "the others go on"
    return f"process {index} of this run ended with status {status}{why}; {then}"
