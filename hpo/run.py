"""One run: what was asked for, its streams, and one training."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

import baseML
from baseML import BaseMLClass, RunResult
from dataPreProcessing import VELOCITY_SCALE, CustomDataGen
from hpo.budget import Budget
from hpo.problem import SEARCHED_SETTINGS, Problem, network_config
from hpo.settings import DEFAULTS, FROM_FILES, OF_PAIRS, OF_PRESET, OF_TRACES, PRESETS, RunOptions, RunSettings
from hpo.tree import ResultsTree
from hpo.urls import public_url
from networks.backends import memory_limit, versions
from networks.rows import NetworkConfig
from networks.size import Size, estimate
from problems.own_pairs import Pairs
from support.checks import check_choice
from support.command_line import check_output, command_line
from support.errors import UserError
from support.files import is_header
from support.stopping import check_stop
from support.words import number_of


@dataclass(kw_only=True)
class Run(RunOptions):
    """One call of a run script: what was asked for."""

    problem: Problem
    mode: str
    settings: RunSettings
    search_space: Mapping[str, BaseDistribution]
    given: frozenset[str]  # fields of the settings that the command line names
    arguments: Sequence[str] = ()  # the command line
    own_pairs: Pairs | None = None  # the files of settings.traces, which are open then
    set_name: str = ""  # of the set of listed trainings that the run belongs to

    @property
    def tree(self) -> ResultsTree:
        """Where the results of the run stand."""
        return ResultsTree(self.output, self.problem.folder, self.set_name)

    @property
    def loss_unit(self) -> str:
        """Unit of the loss: that of the data, or the range of velocities that a network with scaled data has as 1."""
        (_, highest), _ = VELOCITY_SCALE
        return f"x {highest:,.0f} {self.problem.unit}" if self.settings.scaling_flag else self.problem.unit

    @property
    def metric_name(self) -> str:
        return f"validation loss ({self.loss_unit})" if self.loss_unit else "validation loss"

    def network_config(self, parameters: Mapping[str, object]) -> NetworkConfig:
        """The network that the parameters of a trial stand for, for the traces of the run."""
        return replace(network_config(self.problem, parameters), background=self.settings.background)

    def with_parameters(self, parameters: Mapping[str, object]) -> "Run":
        """The run with the settings that a trial has among its parameters."""
        searched = {name: parameters[name] for name in SEARCHED_SETTINGS if name in parameters}
        return replace(self, settings=replace(self.settings, **searched)) if searched else self

    def with_preset_of(self, stored: Mapping[str, object]) -> "Run":
        """The run with the preset of a study or network, where the command line has no other one.

        Raises ValueError for an unknown preset: a study or a file may come from anybody.
        """
        preset = stored.get("preset", self.settings.preset)
        if "preset" in self.given:
            return self
        check_choice("preset", preset, PRESETS)
        given = {name: getattr(self.settings, name) for name in self.given if name in DEFAULTS}
        if self.own_pairs:
            given["variety"] = self.settings.variety
        problem = self.problem.in_preset(preset)
        settings = settings_of(problem, preset, self.mode, given)
        return replace(self, problem=problem, settings=settings, search_space=problem.space(preset))

    def with_traces_of(self, stored: Mapping[str, object]) -> "Run":
        """The run with the traces of a study or network, where the command line asks for no others.

        These are length, interval and noise, earth and wavelet, or own pairs. With another preset than that of the
        study or network, length and noise are those of the preset.
        """
        names = {*OF_TRACES, *OF_PAIRS, *(["n_samples"] if stored.get("pairs") else [])}
        if not self.given.isdisjoint(FROM_FILES):
            names = {*OF_TRACES}
        if stored.get("preset") == self.settings.preset:
            names |= OF_PRESET & stored.keys()
        if "traces" in self.given:
            names = {"dt"}
        # What is described without a setting is of the time before it came, when all were as it is by default.
        kept = {name: stored.get(name, DEFAULTS[name]) for name in names if name not in self.given}
        return replace(self, settings=replace(self.settings, **kept))

    def may_begin(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether the study's budget has room for one more trial."""
        s = self.settings
        return s.budget is None or Budget.of(s.budget).allows(trials, s.num_epochs)

    @property
    def url(self) -> str:
        """URL of the storage of the study."""
        return self.tree.storage_url(self.study_name) if self.storage_url is None else self.storage_url

    @property
    def score_in_words(self) -> str:
        """What the loss is that a search makes small, and how it differs from the plain value beside it."""
        plain = self.problem.loss.name.upper()
        scaled = f", counted in {self.loss_unit.removeprefix('x ')}" if self.settings.scaling_flag else ""
        of = f"{plain} of validation {self.problem.item}s{scaled}"
        return f"the loss: {of}, plus the network's penalties; {plain} is without these"

    def loss_text(self, loss: float) -> str:
        return f"{short_number(loss)} {self.loss_unit}".rstrip()

    def plain_text(self, value: float) -> str:
        """The plain value of the loss, without penalties, with its name and unit: "RMSE 1077 ft/s"."""
        return f"{self.problem.loss.name.upper()} {short_number(value)} {self.problem.unit}".rstrip()


def settings_of(problem: Problem, preset: str, mode: str, given: Mapping[str, object]) -> RunSettings:
    """The settings of a preset for a mode, with those that the command line gives in their place."""
    final = {**PRESETS[preset].final, **problem.final_settings.get(preset, {})} if mode == "final_model" else {}
    return RunSettings(**{**problem.preset_settings(preset), "preset": preset, **final, **given})


def short_number(value: object) -> str:
    """A value for display: four digits of a small number, all of a large one before its point."""
    if not isinstance(value, (float, np.floating)):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def check_places(run: Run) -> None:
    """UserError unless the run can write to the folders of its results, or make them; nothing is made."""
    tree = run.tree
    finals = [tree.final_model(approach) for approach in ("Grid Search", "Optuna")]
    for place in [run.model.parent] if run.model else [tree.search, tree.grid, tree.repeatability, *finals]:
        check_output(tree.output, place)


def check_table(path: Path, columns: Sequence[str] = baseML.SUMMARY_COLUMNS, older: Sequence[str] = ()) -> None:
    """UserError for a table of results that is there, but that no row can be added to; nothing is made.

    ``older`` are the columns of tables of earlier versions, as `support.files.start_table` has them.
    """
    if not path.exists():
        return
    try:
        header = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:1])
    except (ValueError, OSError) as error:
        raise UserError(
            f"the table {str(path)!r} cannot be read ({error}); move it, or give another --output"
        ) from error
    if not (is_header(header, columns) or (older and is_header(header, older))):
        raise UserError(
            f"the table {str(path)!r} has the columns {header.strip()[:200]!r}, not {','.join(columns)!r}; move it, "
            "or give another --output"
        )


# --- One training


def training_size(run: Run, config: NetworkConfig) -> Size:
    """What a training of the run takes, before the network is built."""
    stream = data_stream(run, "training", 1, run.settings.seed)
    return estimate(config, stream.n_samples, stream.n_channels, stream.n_outputs, run.settings.batch_size)


def why_too_large(run: Run, config: NetworkConfig, size: Size) -> str | None:
    """Why a network is not to be trained: above its parameter limit, or more than the memory holds; None if it is.

    A process that wants more memory than there is would be killed, at some point, without a word.
    """
    limit = run.problem.parameter_limit(config.arch_type)
    if size.parameters > limit:
        return f"{size.parameters:,} parameters are more than {limit:,}"
    memory = memory_limit()
    if size.memory > memory:
        return f"{size.memory / 1e9:.1f} GB are more than the {memory / 1e9:.1f} GB of memory"
    return None


def data_stream(
    run: Run,
    stream: str,
    n: int,
    seed: int,
    starting_age: int = 0,
    batch_size: int | None = None,
    transform: str | None = None,
) -> CustomDataGen:
    """Pairs of the run's problem, of one of the streams; fixed validation traces are those of the run's own seed.

    ``batch_size`` and ``transform`` are the run's where they are not given. Blind traces always have fresh models, as
    the paper describes them, so that networks of all presets can be compared.
    """
    s = run.settings
    fixed = stream == "validation" and s.validation == "fixed"
    of_stream = 1 if s.one_by_one and stream == "validation" else s.batch_size
    return run.problem.stream(
        batch_size=batch_size or of_stream,
        n=n,
        transform_type=transform or s.transform,
        scaling_flag=s.scaling_flag,
        seed=s.seed if fixed else seed,
        stream=stream,
        validation="fixed" if fixed else "streaming",
        generation="described" if stream == "blind" else s.generation,
        starting_age=0 if fixed else starting_age,
        **run.settings.protocol.options,
    )


def data_protocol(run: Run) -> str:
    """What a training sees, in words."""
    s = run.settings
    transform = "" if s.transform == "NA" else f", as {s.transform}"
    return (
        f"{number_of(s.num_epochs, 'epoch')} of {s.num_datasets} training and "
        f"{number_of(s.n_validation, f'{s.validation} validation {run.problem.item}')} of "
        f"{run.problem.size_in_words(s.n_samples, s.dt)}{transform}, batches of {s.batch_size}"
    )


def origin_of(run: Run, owner: str) -> dict[str, object]:
    """What a network of the run came of, as its description keeps it; ``owner`` is as for `train`."""
    return {"problem": run.problem.name, "owner": owner, **asdict(run.settings), "versions": versions()}


def train(
    run: Run,
    config: NetworkConfig,
    folder: Path,
    run_name: str,
    seed: int,
    owner: str,
    traces: tuple[int, int] | None = None,
    **fit_options,
) -> tuple[BaseMLClass, RunResult]:
    """One training of the run's settings: its network and its result.

    ``seed`` decides the first weights, and the traces too unless ``traces`` has the seed and the starting age of their
    streams. ``owner`` is what the network is the best of (`baseML.keep_best`); ``fit_options`` go to
    `baseML.BaseMLClass.fit_model`. Files that it leaves in ``folder`` are for the caller to keep or remove. Raises what
    `baseML.run_model` does.
    """
    s = run.settings
    stream_seed, starting_age = traces or (seed, 0)
    training = data_stream(run, "training", s.num_datasets, stream_seed, starting_age)
    validation = data_stream(run, "validation", s.n_validation, stream_seed, starting_age)
    origin = {**origin_of(run, owner), "stream_seed": stream_seed, "starting_age": starting_age}
    if run.from_study:
        origin["from_study"] = run.from_study
    options = {"provenance": origin, "precision": s.precision, "loss": run.problem.loss, **fit_options}
    trained = baseML.run_model(config, training, validation, s.num_epochs, folder, run_name, seed, **options)
    check_stop()  # A library may have swallowed the interrupt, and gone on without what it was doing then.
    return trained


def resume_command(run: Run) -> str:
    """What to type to go on: the same command, with the study's name, without passwords."""
    words = [sys.argv[0], *map(public_url, run.arguments)]
    if run.study_name is not None and run.study_name not in words:
        words += ["--study-name", run.study_name]
    return command_line(["python", *words])
