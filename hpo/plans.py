"""The modes whose trainings are listed beforehand: the grid, and the repeated best configurations.

    plan: list of trainings -> those without a row in the table -> train -> keep the best -> row

A training is done when its row stands in the table. However a process ends, the next one runs the trainings without a
row, and goes on with the one that was interrupted after its last backup.
"""

import contextlib
import csv
import math
import shutil
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

import baseML
from baseML import SUMMARY_COLUMNS, RunResult
from hpo.report import print_networks
from hpo.run import Run, check_table, data_protocol, train
from hpo.sets import SETTINGS, claimed, differences, set_names
from hpo.settings import derived_seed
from hpo.space import contains
from hpo.study import best_configuration, with_traces_of_source
from networks.files import BACKUP, LOSS_HISTORY_FOLDER, RUN_NAME, keep_best, kept_best, loss_history_path
from networks.files import remove_run_files
from networks.rows import NetworkConfig
from support.files import mend_table, replace_file, whole_lines
from support.startup import load_keras
from support.words import number_of

keras = load_keras()

RATED_COLUMNS = (*SUMMARY_COLUMNS[:8], "Learning Rate", *SUMMARY_COLUMNS[8:])
GRID_SEED, REPEATABILITY_SEED, UPDATE_SEED = 2, 3, 4  # first part of the key of a training's seed
FINAL = "final_model"  # owner of the best of the final trainings
RUNNING = "unfinished"  # folder of the training that is under way


# --- Plans


@dataclass(frozen=True)
class Training:
    """One training of a plan."""

    key: tuple[object, ...]  # cells of its row that say what was trained; the first is the row's first
    approach: str
    config: NetworkConfig
    seed: int
    name: str  # for display
    settings: Mapping[str, object]  # the transform, and others of SEARCHED_SETTINGS that differ from the run's
    traces: tuple[int, int] | None = None  # seed and starting age of its streams; None: its own seed, from the start

    @property
    def files(self) -> str:
        """Pattern of the names of its files: they end with its seed, whenever it runs."""
        return f"{self.config.label}{self.settings['transform']}_*_{self.seed:08x}"

    def run_name(self, folder: Path) -> str:
        """Name of its files in ``folder``: that of the backup which it left there, or a new one."""
        begun = [path.name.removesuffix(BACKUP) for path in folder.glob(self.files + BACKUP)]
        return max(begun, default=self.files.replace("*", f"{datetime.now():%Y%m%d_%H%M%S}"))

    def row(self, result: RunResult) -> list[object]:
        """Its row in the table."""
        cells = baseML.summary_row(self.config, result, self.settings["transform"])
        return [self.key[0], *cells[:8], self.config.learning_rate, *cells[8:]]


@dataclass(frozen=True)
class Plan:
    """Trainings, and the table in which each of them has one row."""

    owner: str  # what the networks are the best of (`networks.files.keep_best`)
    table: Path
    columns: Sequence[str]
    key_columns: Sequence[str]
    trainings: Sequence[Training]
    type_table: Path | None = None  # with the columns type and validation loss
    source: str = ""  # whose configurations they are, in words

    @property
    def folder(self) -> Path:
        return self.table.parent

    def rows(self) -> list[dict[str, str]]:
        """The rows that the table has now, by column."""
        return list(csv.DictReader(line.decode() for line in whole_lines(self.table)))

    def missing(self) -> list[Training]:
        """Trainings without a row; of repeats, which share one key, those are the last ones."""
        done = Counter(tuple(row[name] for name in self.key_columns) for row in self.rows())
        missing = []
        for training in self.trainings:
            key = tuple(map(str, training.key))
            done[key] -= 1
            if done[key] < 0:
                missing.append(training)
        return missing


def grid_configurations(run: Run) -> list[NetworkConfig]:
    """The grid in the published order: the base of every architecture, then one parameter at a time, value by value.

    The base values are repeated as runs of their own. Parameters and values that are not in the run's search space, and
    those that only another architecture has, are left out.
    """
    space, base = run.search_space, run.problem.base_of(run.settings.preset)
    architectures = space["arch_type"].choices
    points = [(architecture, {}) for architecture in architectures] + [
        (architecture, {name: value})
        for name, values in run.problem.grid.items()
        if name in space
        for value in values
        if contains(space[name], value)
        for architecture in architectures
        if run.problem.grid_owners.get(name, architecture) == architecture
    ]
    return [run.network_config({**base, "arch_type": name, **change}) for name, change in points]


def _traces(run: Run, kind: int, place: int) -> tuple[int, int] | None:
    """Seed and starting age of the streams of a plan's training, by its place among all.

    The published scripts had one pair of streams, whose rows aged, for all trainings of a mode.
    """
    s = run.settings
    return (derived_seed(s.seed, kind), place * s.num_epochs) if s.generation == "published" else None


def grid_plan(run: Run) -> Plan:
    """The grid as a plan, whose trainings are numbered from 1."""
    s = run.settings
    trainings = [
        Training(
            key=(n,),
            approach="Grid Search",
            config=config,
            seed=derived_seed(s.seed, GRID_SEED, n),
            name=f"run {n}",
            settings={"transform": s.transform},
            traces=_traces(run, GRID_SEED, n - 1),
        )
        for n, config in enumerate(grid_configurations(run), 1)
    ]
    folder = run.tree.grid
    table, types = folder / "search_summary.csv", folder / "type_val_csv.csv"
    return Plan("manual", table, ("Num", *RATED_COLUMNS), ("Num",), trainings, types)


def repeatability_plan(run: Run) -> Plan:
    """The best configurations, ``repeats`` times each: the published ones, or that of the study ``run.from_study``.

    Where all share one pair of streams, the configurations take turns.
    """
    configs, settings = run.problem.final_configs, {"transform": run.settings.transform}
    approaches = run.problem.approaches
    if run.from_study:
        best, settings = best_configuration(run)
        configs = {"Optuna": best}
    trainings = [
        Training(
            key=(approach, baseML.labelled(config, settings["transform"]), config.learning_rate),
            approach=approach,
            config=config,
            seed=derived_seed(run.settings.seed, REPEATABILITY_SEED, approaches.index(approach), which, repeat),
            name=f"{approach} {repeat}",
            settings=settings,
            traces=_traces(run, REPEATABILITY_SEED, (repeat - 1) * len(configs) + turn),
        )
        for turn, (approach, config) in enumerate(configs.items())
        for which in [zlib.crc32(f"{config.label} {config.learning_rate}".encode())]
        for repeat in range(1, run.settings.repeats + 1)
    ]
    trainings.sort(key=lambda training: training.traces or ())
    table = run.tree.repeatability / "repeatability_summary.csv"
    key_columns = ("Approach", "Model Name", "Learning Rate")
    source = run.problem.source(run.from_study)
    return Plan(FINAL, table, ("Approach", *RATED_COLUMNS), key_columns, trainings, source=source)


# --- Running a plan


def run_manual(run: Run) -> None:
    """Mode manual: the paper's grid. UserError if its folder is in use or was started with other settings."""
    _work(run, grid_plan)


def run_final_model(run: Run) -> None:
    """Mode final_model: the best configurations, trained repeatedly, and then tested. UserError as for `run_manual`."""
    run = _work(with_traces_of_source(run), repeatability_plan)
    if run.dry_run:
        return
    best = {approach: kept_best(run.tree.final_model(approach), FINAL) for approach in run.problem.approaches}
    source = run.problem.source(run.from_study)
    paths = {f"{approach}, {source}": path for approach, path in best.items() if path}
    print_networks(run, paths, run.tree.final_blind_test)


def _in_own_set(run: Run, plan_of: Callable[[Run], Plan]) -> tuple[Run, Plan]:
    """The run and its plan in the first set of the tree whose results are of the same kind, or that has none yet.

    Raises UserError for a table that no row can be added to, and as `differences`.
    """
    why_not_first = ""
    for name in set_names(run):
        own = replace(run, set_name=name)
        plan = plan_of(own)
        check_table(plan.table, plan.columns)
        if plan.table.is_file() and not (plan.folder / SETTINGS).is_file():
            why_not = "was not made here"
        else:
            different = differences(plan.folder, own, "give another --output")
            why_not = different and f"was started with {different}"
        if not why_not:
            break
        why_not_first = why_not_first or f"{str(plan.folder)!r} {why_not}"
    if why_not_first:
        print(f"{why_not_first}, and stays as it is; these trainings are in {str(plan.folder)!r}")
    return own, plan


def _work(run: Run, plan_of: Callable[[Run], Plan]) -> Run:
    """Run the trainings that the plan of a run still lacks, or list all of them; returns the run in its set."""
    run, plan = _in_own_set(run, plan_of)
    if run.dry_run:
        _list(plan)
        return run
    with claimed(plan.folder, run):
        _clean(plan)
        missing = plan.missing()
        n_all, n_done = len(plan.trainings), len(plan.trainings) - len(missing)
        traces = run.problem.traces_line(asdict(run.settings), "\nTraces   ")
        print(f"{number_of(n_all, 'training')}, {n_done} of them done already; each {data_protocol(run)}{traces}")
        if plan.source:
            print(_whose(plan))
        print(f"Results  {plan.folder}", flush=True)
        with tqdm(total=n_all, initial=n_done, unit="run", dynamic_ncols=True) as bar:
            for training in missing:
                bar.write(_run_training(run, plan, training, bar))
                bar.update()
        shutil.rmtree(plan.folder / RUNNING, ignore_errors=True)
    _print_result(run, plan)
    return run


def _list(plan: Plan) -> None:
    """Print the plan: number, approach, label and rate of each training, and which of them are done."""
    missing = {training.seed for training in plan.missing()}
    for number, training in enumerate(plan.trainings, 1):
        done = "" if training.seed in missing else "  done"
        print(f"{number:4d}  {training.approach:11s}  {training.config.label}  {training.config.learning_rate:g}{done}")
    print(f"{number_of(len(plan.trainings), 'training')}, {len(plan.trainings) - len(missing)} of them done already")
    if plan.source:
        print(_whose(plan))


def _whose(plan: Plan) -> str:
    """A line on whose configurations are trained, and on how those of another study are."""
    return f"Networks the configurations of {plan.source}; --from-study NAME trains the best one of your study NAME"


def _clean(plan: Plan) -> None:
    """Make the tables whole, and remove what a killed process left and no missing training can go on with."""
    baseML.init_results_file(plan.table, plan.columns)
    _write_types(plan)
    missing, running = plan.missing(), plan.folder / RUNNING
    left = {match[0] for path in running.rglob("*") if (match := RUN_NAME.match(path.name))}
    for run_name in left - {training.run_name(running) for training in missing}:
        remove_run_files(running, run_name)
        loss_history_path(running, run_name).unlink(missing_ok=True)
    histories = plan.folder / LOSS_HISTORY_FOLDER
    for training in missing:
        for path in histories.glob(f"{training.files}_log.csv"):
            path.unlink()
    for path in histories.glob("*_log.csv"):
        mend_table(path)


def _write_types(plan: Plan) -> None:
    """Write the table of types and validation losses, which has no header, from the plan's table."""
    if plan.type_table:
        replace_file(plan.type_table, "".join(f"{row['Type']},{row['Validation Loss']}\n" for row in plan.rows()))


def _run_training(run: Run, plan: Plan, training: Training, bar: tqdm) -> str:
    """Run one training up to its row; returns a line about it. One that fails for its own reason has a row too."""
    folder = plan.folder / RUNNING
    run_name = training.run_name(folder)
    result, line = _trained(run, plan, training, run_name, bar)
    history = loss_history_path(plan.folder, run_name)
    history.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # a training that fails may have none
        loss_history_path(folder, run_name).replace(history)
    baseML.append_results_to_file(plan.table, training.row(result))
    _write_types(plan)
    remove_run_files(folder, run_name)
    return f"{training.name:14s} {training.config.label} {training.config.learning_rate:g}  {line}"


def _trained(run: Run, plan: Plan, training: Training, run_name: str, bar: tqdm) -> tuple[RunResult, str]:
    """The result of a training, without losses if it failed for its own reason, and the end of the line about it."""
    s, folder = run.settings, plan.folder / RUNNING
    progress = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: bar.set_postfix_str(f"{training.name}: epoch {epoch + 1}/{s.num_epochs}")
    )
    options = {"extra_callbacks": [progress], "on_resume": lambda words: bar.write(f"{training.name} {words}")}
    try:
        own = run.with_parameters(training.settings)
        _, result = train(own, training.config, folder, run_name, training.seed, plan.owner, training.traces, **options)
    except Exception as error:
        reason = baseML.failure_reason(error)
        if reason is None:
            raise
        return RunResult(run_name, 0, 0, 0, math.nan, math.nan, math.nan, 0.0, training.seed), f"failed: {reason}"
    keep_best(folder, run.tree.final_model(training.approach), run_name)
    return result, result_text(run, result)


def result_text(run: Run, result: RunResult) -> str:
    """Return the losses of a training, and how long it took, for display."""
    loss, plain = run.loss_text(result.validation_loss), run.plain_text(result.validation_plain)
    return f"loss {loss}, {plain}  (epoch {result.best_epoch} of {result.epochs}, {result.seconds:.0f} s)"


def _print_result(run: Run, plan: Plan) -> None:
    """Print the lowest loss of each approach, the number of failures, and where the results are."""
    losses = defaultdict(list)
    for row in plan.rows():
        losses[row.get("Approach", "Grid Search")].append(float(row["Validation Loss"]))
    for approach, values in losses.items():
        finite = [value for value in values if math.isfinite(value)]
        best = f"lowest validation loss {run.loss_text(min(finite))}" if finite else "no result"
        failed = f", {len(values) - len(finite)} failed" if len(finite) < len(values) else ""
        whose = f" ({plan.source})" if plan.source else ""
        print(
            f"{approach}{whose}: {number_of(len(values), 'training')}, {best}{failed}; "
            f"network in {run.tree.final_model(approach)}"
        )
    print(f"All trainings {plan.table}\nLoss curves   {plan.folder / LOSS_HISTORY_FOLDER}")
