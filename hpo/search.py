"""The search: one Optuna study, whose trials are run by one process or several, on one machine or several.

objective: hyperparameters -> NetworkConfig -> training -> lowest validation loss
"""

import contextlib
import gc
import time
from collections.abc import Collection, Mapping

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

import baseML
from baseML import RunResult
from hpo.dashboard import upload_picture
from hpo.notes import write_trial_note
from hpo.report import Progress, print_plan, print_result
from hpo.problem import suggest
from hpo.run import Run, check_table, data_stream, train, training_size, why_too_large
from hpo.samplers import PRUNERS, make_sampler
from hpo.settings import DEFAULTS, derived_seed
from hpo.space import contains
from hpo.study import open_study
from hpo.trials import TrialQueue, attributes_of, finished_trials, result_of, run_name_of, trained_trials
from hpo.workers import POLL, supervise
from networks.files import BACKUP, keep_best, loss_history_path, new_run_name, remove_run_files
from support.errors import StoppedError, machine_fault
from support.files import line_of, mend_table, note, replace_rows, start_table
from support.startup import load_keras
from support.stopping import stop_was_asked
from support.words import number_of

keras = load_keras()

OWN_COLUMNS = ("Study", "Trial", "Seed", "Learning Rate")  # of the table of results, behind the published ones
COLUMNS = (*baseML.SUMMARY_COLUMNS, *OWN_COLUMNS)


class Reporter(keras.callbacks.Callback):
    """Reports the validation loss of every epoch to Optuna, and stops the training if the pruner decides so."""

    def __init__(self, trial: Trial, progress: Progress) -> None:
        super().__init__()
        self.trial = trial
        self.progress = progress
        self.pruned = False
        self._reported = set(trial.storage.get_trial(trial._trial_id).intermediate_values)
        progress.show({trial.number: len(self._reported)})

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch not in self._reported:  # an earlier process may have trained this epoch, and ended after its report
            self.trial.report(logs["val_loss"], epoch)
        self.progress.show({self.trial.number: epoch + 1})
        if epoch + 1 < self.params["epochs"] and self.trial.should_prune():
            self.pruned = True
            self.model.stop_training = True


def objective(run: Run, trial: Trial, queue: TrialQueue, progress: Progress) -> tuple[TrialState, float | None]:
    """Train the network that a trial stands for; returns the trial's state and its score.

    The score is the lowest validation loss. If a network cannot be trained, the trial's attributes say why. A training
    of the paper's search, which may take hours, goes on after its last backup if this machine has it.
    """
    parameters = suggest(trial, run.search_space)
    run, config = run.with_parameters(parameters), run.network_config(parameters)
    size = training_size(run, config)
    trial.set_user_attr("n_parameters", size.parameters)
    trial.set_user_attr("receptive_field", size.receptive_field)
    paper = run.settings.is_paper_search
    if not paper and not trial.constraints:
        limit = run.problem.parameter_limit(config.arch_type)
        trial.set_constraint("parameters above the limit", size.parameters - limit)
    if reason := why_too_large(run, config, size):
        trial.set_user_attr("skipped", reason)
        return (TrialState.COMPLETE, run.problem.skipped_score) if paper else (TrialState.PRUNED, None)
    seed = derived_seed(run.settings.seed, trial.number, 1)
    folder, run_name = run.tree.search, run_name_of(trial)
    if not (paper and run_name and (folder / f"{run_name}{BACKUP}").is_dir()):
        run_name = new_run_name(config, run.settings.transform, _in_label(run, parameters))
    for name, value in {"seed": seed, "run_name": run_name}.items():
        trial.set_user_attr(name, value)
    reporter = Reporter(trial, progress)
    goes_on = paper
    try:
        options = {"on_resume": lambda words: progress.say(f"trial {trial.number:3d}  {words}")}
        options |= {"resumable": paper, "extra_callbacks": [reporter]}
        network, result = train(run, config, folder, run_name, seed, run.study_name, **options)
        goes_on = False
        for name, value in attributes_of(result, run.problem.loss).items():
            trial.set_user_attr(name, value)
        if reporter.pruned:
            return TrialState.PRUNED, None
        _keep_if_best(run, trial, queue, network, result)
        return TrialState.COMPLETE, result.validation_loss
    except Exception as error:
        if stop_was_asked():
            raise KeyboardInterrupt from error
        if isinstance(error, StoppedError) or machine_fault(error, run.tree.output):
            raise  # the trial is not at fault, and is to be trained again
        goes_on = False
        reason = baseML.failure_reason(error)
        trial.set_user_attr("failed", reason or f"error: {error}")
        if reason is None:
            queue.tell(trial, TrialState.FAIL, None)
            raise
        return TrialState.FAIL, None
    finally:
        if not goes_on:
            remove_run_files(folder, run_name)


def _in_label(run: Run, parameters: Mapping[str, object]) -> Collection[str]:
    """Parameters that a trial's label has whether or not its network uses them: in the published studies, all."""
    return parameters if run.settings.generation == "published" else ()


def _keep_if_best(run: Run, trial: Trial, queue: TrialQueue, network: baseML.BaseMLClass, result: RunResult) -> None:
    """Keep the network if it is the best in this tree; the trial gets its picture if it is the best of the study."""
    destination = run.tree.final_model("Optuna")
    with queue.mutex():
        kept = keep_best(run.tree.search, destination, result.run_name)
        trained = trained_trials(trial.study)
        if kept and (not trained or result.validation_loss < trained[0].value):
            network.get_model().load_weights(destination / f"{result.run_name}.keras")  # those of the best epoch
            upload_picture(run, trial, network, destination / f"{result.run_name}.png")
            write_trial_note(run, trial, result)


# --- The search


def work(run: Run, study: optuna.Study, storage: optuna.storages.BaseStorage, progress: Progress) -> None:
    """Run the study's trials until none is left, not even one that another process may leave behind."""
    waiting_was_said = False
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
                if not waiting_was_said:
                    waiting_was_said = True
                    progress.say(
                        f"waiting for {number_of(len(running), 'trial')} of other processes, which Ctrl-C does no harm"
                    )
                time.sleep(POLL)
            else:
                break
        with queue.mutex():
            _complete_summary(run, study)


def _run_trial(run: Run, claimed: FrozenTrial, queue: TrialQueue, progress: Progress) -> None:
    """Train one claimed trial and record its result; a trial that is interrupted goes back into the queue."""
    study = optuna.load_study(
        study_name=run.study_name,
        storage=queue.storage,
        sampler=make_sampler(run.settings, claimed.number),
        pruner=PRUNERS[run.settings.pruner](run.settings),
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
    path = run.tree.summary
    start_table(path, COLUMNS, baseML.SUMMARY_COLUMNS)
    present = set(path.read_text(encoding="utf-8").splitlines())
    for trial in sorted(trained_trials(study), key=lambda trial: trial.number):
        row = _summary_row(run, trial)
        if row is not None and line_of(row).strip() not in present:
            baseML.append_results_to_file(path, row)


def _summary_row(run: Run, trial: FrozenTrial) -> list[object] | None:
    """The row of a trained trial, or None if other software trained it: a storage may be anybody's."""
    result = result_of(trial, run.problem.loss)
    if result is None:
        return None
    try:
        config, own = run.network_config(trial.params), run.with_parameters(trial.params)
        data_stream(own, "training", 1, own.settings.seed)  # raises for an invalid transform
    except (ValueError, TypeError) as error:
        note(f"trial {trial.number} is of no network of these scripts, and has no row: {error}")
        return None
    published = baseML.summary_row(config, result, own.settings.transform, _in_label(run, trial.params))
    return [*published, run.study_name, trial.number, run.settings.seed, config.learning_rate]


def _mend_tables(run: Run, study: optuna.Study) -> None:
    """Remove cut-off lines from the table of results, which is completed later, and from finished loss histories.

    Rows that an earlier version wrote about this study get the cells that they lack.
    """
    start_table(run.tree.summary, COLUMNS, baseML.SUMMARY_COLUMNS)
    rows = filter(None, (_summary_row(run, trial) for trial in trained_trials(study)))
    n_published, n_own = len(baseML.SUMMARY_COLUMNS), len(OWN_COLUMNS)
    replace_rows(run.tree.summary, [([*row[:n_published], *[""] * n_own], row) for row in rows])
    for run_name in filter(None, map(run_name_of, finished_trials(study))):
        mend_table(loss_history_path(run.tree.search, run_name))


def run_search(run: Run) -> None:
    """Modes optuna and optuna_resume: search, and then test the best network."""
    make_sampler(run.settings, 0)
    check_table(run.tree.summary, COLUMNS, baseML.SUMMARY_COLUMNS)
    run, study = open_study(run)
    storage = study._storage
    if run.is_worker:
        with contextlib.closing(Progress(run, study)) as progress:
            work(run, study, storage, progress)
        return
    *_, best = run.problem.final_configs.values()
    base = {"arch_type": best.arch_type, **run.problem.base_of(run.settings.preset)}
    if "transform" in run.search_space:
        base["transform"] = DEFAULTS["transform"]
    # Where the command line has another range than the preset, a value of the base outside of it is drawn instead.
    usual, asked = run.problem.space(run.settings.preset), run.search_space
    changed = [name for name in base if name in asked and asked[name] != usual.get(name)]
    base = {name: value for name, value in base.items() if name not in changed or contains(asked[name], value)}
    with TrialQueue(study, storage, run.tree.search) as queue:
        queue.plan(run.settings.n_trials, base if run.settings.enqueue_base else None)
        with queue.mutex():
            _mend_tables(run, study)
    print_plan(run, study)
    with contextlib.closing(Progress(run, study)) as progress:
        if run.n_workers == 1:
            work(run, study, storage, progress)
        else:
            supervise(run, study, progress)
    print_result(run, study)
