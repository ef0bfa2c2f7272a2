"""What the two run scripts share: options, presets, study and storage, and the search itself.

    objective: hyperparameters -> NetworkConfig -> run_model -> lowest validation loss

A run script names its `Problem` and calls `main`. Everything that a run is made of stands in one `RunSettings`;
a preset is a short set of overrides of its defaults, which are the paper's.
"""

import argparse
import os
import platform
import re
import shlex
import signal
import sys
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import baseML  # first: it keeps TensorFlow's start-up messages off the screen
import keras
import numpy as np
import optuna
import sqlalchemy
from matplotlib import pyplot
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from tqdm import tqdm

import dataPlotting
from baseML import NetworkConfig, RunResult
from dataGeneration import SHORTEST_TRACE, OneSentenceParser, check_snr
from dataPreProcessing import VALIDATIONS, CustomDataGen

MODES = ("optuna",)
PRESETS = ("quick", "paper")
VALIDATION_SHARE = 0.3  # validation traces for each training trace: 75 for the paper's 250
BLIND_TRACES = 200
STUDY_NAME = re.compile(r"[\w.-]{1,200}")
SQLITE_TIMEOUT = 60  # s, so that a dashboard that reads the file does not stop the study
LIBRARIES = ("keras", "tensorflow", "jax", "torch", "keras-tcn", "numpy", "scipy", "optuna")
OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow's and PyTorch's names

PAPER_SPACE = {  # what both problems search alike; names as in the published studies
    "num_layers": IntDistribution(1, 4),
    "num_dnn": IntDistribution(2, 4096),
    "num_filt": IntDistribution(2, 128),
    "krnl_size": IntDistribution(2, 64),
    "num_dil": IntDistribution(2, 128),
    "Learning Rate": FloatDistribution(1e-6, 1e-3),
}


class UserError(Exception):
    """Something that the user can mend; the message names the value and what is valid."""


class TrialFailedError(Exception):
    """A trial that cannot be finished, for a reason that does not concern the others."""


@dataclass(frozen=True)
class Problem:
    """What is particular to one problem."""

    name: str
    folder: str  # below the root of the results
    study_prefix: str
    gen_type: str  # of CustomDataGen
    net_type: str  # of NetworkConfig
    quantity: str  # what the network gives
    unit: str  # of it; empty for trace amplitudes
    paper_trials: int
    search_space: Mapping[str, BaseDistribution]  # the paper's
    quick_space: Mapping[str, BaseDistribution]  # what the quick preset searches
    quick_settings: Mapping[str, object]  # overrides of QUICK_SETTINGS
    parameter_limits: Mapping[str, int]  # by architecture; larger networks are not trained
    skipped_score: float  # of a network that is too large
    baseline_name: str
    baseline: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (x, y) -> what a network has to beat


@dataclass(frozen=True)
class RunSettings:
    """All that decides the result of a study; the defaults are the paper's."""

    preset: str
    n_trials: int  # trials in the study, whenever they ran
    num_epochs: int = 30  # of a trial
    num_datasets: int = 250  # training traces an epoch
    n_samples: int = 4096  # of a trace, at 1 ms
    batch_size: int = 1  # traces
    scaling_flag: bool = False  # velocities scaled to [0, 1] for the network
    noisy_data: bool = False  # inversion from noisy traces with a gap
    snr_db: list[float] | None = None  # lowest and highest noise level; None is the paper's, always 4.8 dB
    validation: str = "streaming"  # fresh validation traces every epoch; "fixed": the same for the whole study
    seed: int = 0  # of every draw and the sampler

    @property
    def n_validation(self) -> int:
        """Validation traces an epoch."""
        return max(1, round(VALIDATION_SHARE * self.num_datasets))


QUICK_SETTINGS = {
    "n_trials": 12,  # enough for a search to be seen, few enough for a coffee break
    "num_epochs": 6,
    "num_datasets": 200,
    "n_samples": 1024,  # a quarter of the work of a step
    "batch_size": 4,  # fewer, larger steps: at this length a step is mostly overhead
    "validation": "fixed",  # so few traces, fresh every epoch, would make a low loss a matter of luck
}


@dataclass(frozen=True)
class ResultsTree:
    """Where the results of one problem stand: the layout of the published archive."""

    output: Path
    folder: str

    @property
    def root(self) -> Path:
        return self.output / self.folder

    @property
    def search(self) -> Path:
        return self.root / "Search" / "Optuna"

    @property
    def summary(self) -> Path:
        return self.search / "search_summary.csv"

    @property
    def final_model(self) -> Path:
        return self.root / "Final_Model" / "Optuna"

    def database(self, study_name: str) -> Path:
        return self.search / f"{study_name}.db"

    def storage_url(self, study_name: str) -> str:
        """The default storage of a study."""
        return f"sqlite:///{self.database(study_name).as_posix()}"

    def elsewhere(self, study_name: str) -> Path | None:
        """The database of a study of this name that belongs to another problem."""
        found = self.output.glob(f"*/Search/Optuna/{study_name}.db")
        return next((path for path in found if path != self.database(study_name)), None)


@dataclass
class Run:
    """One call of a run script: what was asked for, and the study that it works on."""

    problem: Problem
    settings: RunSettings
    tree: ResultsTree
    study_name: str
    storage_url: str
    search_space: Mapping[str, BaseDistribution]
    study: optuna.Study | None = None

    @property
    def loss_unit(self) -> str:
        """Unit of the loss: that of the data, unless the network sees them scaled."""
        return "scaled" if self.settings.scaling_flag else self.problem.unit

    @property
    def metric_name(self) -> str:
        return f"validation loss ({self.loss_unit})" if self.loss_unit else "validation loss"

    @property
    def best_model_path(self) -> Path:
        return self.tree.final_model / f"{self.study.user_attrs['best_run']}.keras"

    def loss_text(self, trial: FrozenTrial) -> str:
        return f"{_short(trial.value)} {self.loss_unit}".rstrip()

    def rmse_text(self, rmse: float) -> str:
        return f"{_short(rmse)} {self.problem.unit}".rstrip()


def _short(value: object) -> str:
    """A value for the eye: four digits of a small number, all of a large one before its point."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


# --- Options


def _whole(lowest: int) -> Callable[[str], int]:
    """Converter of an option that is a whole number of at least ``lowest``."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", text.strip()) or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return convert


def _study_name(text: str) -> str:
    if not STUDY_NAME.fullmatch(text) or set(text) == {"."}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a study name: letters, digits, '_', '-' and '.' are valid")
    return text


def parse_options(problem: Problem, description: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of a run script; an option that is unknown or outside its range ends the script."""
    parser = OneSentenceParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--mode", choices=MODES, default="optuna", help="what to run [paper: the mode edited into the script]")
    add(
        "--preset",
        choices=PRESETS,
        default="quick",
        help="quick: minutes on a laptop CPU (default); paper: as published",
    )
    add("--n-trials", type=_whole(1), metavar="N", help="trials of the whole study [paper: n_trials]")
    add("--num-epochs", type=_whole(1), metavar="N", help="epochs a trial [paper: num_epochs]")
    add("--num-datasets", type=_whole(1), metavar="N", help="training traces an epoch [paper: num_datasets]")
    add(
        "--samples",
        type=_whole(SHORTEST_TRACE),
        metavar="N",
        help="samples a trace [paper: constant_data_length]",
    )
    add(
        "--snr-db",
        type=float,
        nargs="+",
        metavar="DB",
        help="noise level in dB, or the lowest and the highest to draw from (default: the paper's, 4.8) [new]",
    )
    add(
        "--validation",
        choices=VALIDATIONS,
        help="fresh validation traces every epoch, or the same for the whole study (default: the preset's) [new]",
    )
    add(
        "--seed",
        type=_whole(0),
        default=0,
        metavar="N",
        help="of every draw and the sampler (default 0) [new]",
    )
    add(
        "--storage",
        metavar="URL",
        help="any Optuna storage (default: a SQLite file in the results) [paper: storage]",
    )
    add(
        "--study-name",
        type=_study_name,
        metavar="NAME",
        help="go on with this study if it exists [paper: study_name]",
    )
    add(
        "--output",
        type=Path,
        default=Path("Results"),
        metavar="DIR",
        help="root of the results (default Results)",
    )
    return parser.parse_args(arguments)


def run_from_options(problem: Problem, options: argparse.Namespace) -> Run:
    """What the options ask for; nothing is created yet."""
    quick = {**QUICK_SETTINGS, **problem.quick_settings} if options.preset == "quick" else {}
    asked = {
        "n_trials": options.n_trials,
        "num_epochs": options.num_epochs,
        "num_datasets": options.num_datasets,
        "n_samples": options.samples,
        "snr_db": noise_level(problem, options.snr_db),
        "validation": options.validation,
    }
    paper = {"n_trials": problem.paper_trials}
    overrides = {**paper, **quick, **{name: value for name, value in asked.items() if value is not None}}
    settings = RunSettings(preset=options.preset, seed=options.seed, **overrides)
    tree = ResultsTree(options.output, problem.folder)
    study_name = options.study_name or f"{problem.study_prefix}_{datetime.now():%Y%m%d_%H%M}_{uuid.uuid4()}"
    storage_url = options.storage or tree.storage_url(study_name)
    space = problem.quick_space if options.preset == "quick" else problem.search_space
    return Run(problem, settings, tree, study_name, storage_url, space)


def noise_level(problem: Problem, levels: Sequence[float] | None) -> list[float] | None:
    """--snr-db as (lowest, highest). UserError when it is neither one number nor two, or nothing is noisy."""
    if levels is not None and problem.gen_type != "DeNoise":
        raise UserError(f"--snr-db {levels} has no meaning for {problem.name}, whose traces have no noise")
    try:
        snr_db = check_snr(levels[0] if levels and len(levels) == 1 else levels)
    except ValueError as error:
        raise UserError(str(error)) from error
    return snr_db and list(snr_db)


def check_output(output: Path) -> None:
    """UserError unless the folder can be written, or made; nothing is made."""
    nearest = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"--output {str(output)!r} cannot be written: {str(nearest)!r} is not a writable folder")


# --- Study and storage


def public_url(url: str) -> str:
    """A storage URL without its password."""
    try:
        return sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """The storage behind an Optuna URL. Raises UserError when it cannot be reached."""
    try:
        if url.startswith("sqlite"):
            return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SQLITE_TIMEOUT}})
        return optuna.storages.get_storage(url)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"storage {public_url(url)!r} cannot be reached ({type(error).__name__}: {reason}); "
            "valid is an Optuna storage URL such as sqlite:///file.db or postgresql+psycopg://user@host/database"
        ) from error


def open_study(run: Run) -> optuna.Study:
    """The study of this run, made or found. Raises UserError when it belongs to another problem or other settings."""
    other = run.tree.elsewhere(run.study_name)
    if other:
        raise UserError(
            f"study {run.study_name!r} is of another problem (it is in {other.parent}); "
            f"a study of {run.problem.name} is needed"
        )
    if run.storage_url == run.tree.storage_url(run.study_name):
        run.tree.search.mkdir(parents=True, exist_ok=True)
    storage = open_storage(run.storage_url)
    known = {summary.study_name: summary.user_attrs for summary in optuna.get_all_study_summaries(storage)}
    asked = _stored_settings(run)
    stored = known.get(run.study_name, asked)
    if stored.get("problem") != run.problem.name:
        found = stored.get("problem", "unknown")
        raise UserError(
            f"study {run.study_name!r} is of another problem ({found}); a study of {run.problem.name} is needed"
        )
    for name, value in asked.items():
        if stored.get(name) != value:
            difference = (
                "another search space" if name == "search_space" else f"{name} {stored.get(name)!r}, not {value!r}"
            )
            raise UserError(
                f"study {run.study_name!r} was started with {difference}; go on with the options that it started with"
            )
    study = optuna.create_study(storage=storage, study_name=run.study_name, direction="minimize", load_if_exists=True)
    if run.study_name not in known:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            study.set_metric_names([run.metric_name])
        for name, value in {**asked, "versions": _versions(), "sampler": "TPE"}.items():
            study.set_user_attr(name, value)
    return study


def _stored_settings(run: Run) -> dict[str, object]:
    """The configuration as the study keeps it: all but the number of trials, which may grow."""
    settings = {name: value for name, value in asdict(run.settings).items() if name != "n_trials"}
    space = {name: optuna.distributions.distribution_to_json(kind) for name, kind in run.search_space.items()}
    return {"problem": run.problem.name, **settings, "search_space": space}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions


def derived_seed(seed: int, *key: int) -> int:
    """A 32-bit seed that belongs to (seed, key) alone."""
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


def make_sampler(seed: int, n_finished: int) -> optuna.samplers.BaseSampler:
    """TPE as the paper used it (Optuna 3.1: every parameter on its own).

    Seeded for one trial, by the number of finished ones: a storage does not keep a sampler's state, and so a study
    that was stopped goes on as if it had not been.
    """
    seed = derived_seed(seed, n_finished, 0)
    return optuna.samplers.TPESampler(seed=seed, multivariate=False, constant_liar=False)


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count: with a value, or failed for a reason of their own; not those that were interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        or (trial.state == TrialState.FAIL and "failed" in trial.user_attrs)
    ]


def trained_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials whose network was trained to the end, the best first."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted((trial for trial in complete if "skipped" not in trial.user_attrs), key=lambda trial: trial.value)


# --- One trial


def suggest(trial: Trial, space: Mapping[str, BaseDistribution]) -> dict[str, object]:
    """One value for each parameter of the search space."""
    draw = {
        CategoricalDistribution: lambda name, kind: trial.suggest_categorical(name, kind.choices),
        IntDistribution: lambda name, kind: trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log),
        FloatDistribution: lambda name, kind: trial.suggest_float(name, kind.low, kind.high, log=kind.log),
    }
    return {name: draw[type(kind)](name, kind) for name, kind in space.items()}


def network_config(problem: Problem, parameters: Mapping[str, object]) -> NetworkConfig:
    """The network that a trial's parameters stand for."""
    fields = {"learning_rate" if name == "Learning Rate" else name: value for name, value in parameters.items()}
    return NetworkConfig(net_type=problem.net_type, **fields)


def data_stream(run: Run, stream: str, n: int, seed: int, batch_size: int | None = None) -> CustomDataGen:
    """Pairs of the run's problem, of one of the streams; fixed validation traces are those of the run's own seed."""
    s = run.settings
    fixed = stream == "validation" and s.validation == "fixed"
    return CustomDataGen(
        batch_size=batch_size or s.batch_size,
        n=n,
        gen_type=run.problem.gen_type,
        noisy_data=s.noisy_data,
        scaling_flag=s.scaling_flag,
        seed=s.seed if fixed else seed,
        stream=stream,
        n_samples=s.n_samples,
        snr_db=s.snr_db,
        validation="fixed" if fixed else "streaming",
    )


def make_objective(run: Run, n_finished: int, bar: tqdm) -> Callable[[Trial], float]:
    """The function that Optuna minimises: the lowest validation loss of a training; seeded as in `make_sampler`."""
    s, problem, tree = run.settings, run.problem, run.tree

    def objective(trial: Trial) -> float:
        config = network_config(problem, suggest(trial, run.search_space))
        n_parameters, limit = baseML.count_parameters(config), problem.parameter_limits[config.arch_type]
        trial.set_user_attr("n_parameters", n_parameters)
        if n_parameters > limit:
            trial.set_user_attr("skipped", f"{n_parameters:,} parameters are more than {limit:,}")
            return problem.skipped_score
        seed = derived_seed(s.seed, n_finished, 1)
        trial.set_user_attr("seed", seed)

        def report(epoch: int, logs: dict) -> None:
            trial.report(logs["val_loss"], epoch)
            bar.set_postfix_str(f"trial {trial.number}: epoch {epoch + 1}/{s.num_epochs}")

        run_name = baseML.new_run_name(config)
        try:
            _, result = baseML.run_model(
                config,
                data_stream(run, "training", s.num_datasets, seed),
                data_stream(run, "validation", s.n_validation, seed),
                s.num_epochs,
                tree.search,
                run_name,
                seed,
                provenance={"study": run.study_name, **asdict(s), "versions": _versions()},
                extra_callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)],
            )
            _record(run, trial, config, result)
        except Exception as error:
            reason = _own_reason(error)
            if reason is None:
                raise
            trial.set_user_attr("failed", reason)
            raise TrialFailedError(reason) from error
        finally:
            baseML.remove_run_files(tree.search, run_name)
        return result.validation_loss

    return objective


def _own_reason(error: Exception) -> str | None:
    """Why a trial failed, when the reason is the trial's own: out of memory, diverged."""
    if isinstance(error, baseML.DivergedError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ in OUT_OF_MEMORY:
        return f"out of memory ({type(error).__name__})"
    return None


def _record(run: Run, trial: Trial, config: NetworkConfig, result: RunResult) -> None:
    """Store a finished training: in the trial, in the summary, and as the best model when it is that."""
    trained = trained_trials(run.study)
    for name, value in asdict(result).items():
        trial.set_user_attr(name, value)
    baseML.append_results_to_file(run.tree.summary, baseML.summary_row(config, result))
    if not trained or result.validation_loss < trained[0].value:
        former = run.study.user_attrs.get("best_run")
        baseML.move_best_model(run.tree.search, run.tree.final_model, result.run_name)
        run.study.set_user_attr("best_run", result.run_name)
        if former:
            baseML.remove_run_files(run.tree.final_model, former)


# --- The search


def run_search(run: Run) -> None:
    """Run the trials that the study still lacks, with a bar over trials and a line for each."""
    study, n_trials = run.study, run.settings.n_trials
    baseML.init_results_file(run.tree.summary)
    with tqdm(total=n_trials, initial=len(finished_trials(study)), unit="trial", dynamic_ncols=True) as bar:
        while (n_finished := len(finished_trials(study))) < n_trials:
            study.sampler = make_sampler(run.settings.seed, n_finished)
            objective = make_objective(run, n_finished, bar)
            study.optimize(objective, n_trials=1, catch=(TrialFailedError,), gc_after_trial=True)
            best = trained_trials(study)[:1]
            bar.set_description(f"best {run.loss_text(best[0])}" if best else "no result yet")
            bar.write(describe_trial(run, study.get_trials(deepcopy=False)[-1]))
            bar.update()


def describe_trial(run: Run, trial: FrozenTrial) -> str:
    """One line on a finished trial."""
    reason = _reason(trial)
    if reason:
        return f"trial {trial.number:3d}  {reason}"
    result = trial.user_attrs
    loss, rmse = run.loss_text(trial), run.rmse_text(result["validation_rmse"])
    effort = f"epoch {result['best_epoch']} of {result['epochs']}, {result['seconds']:.0f} s"
    parameters = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    return f"trial {trial.number:3d}  loss {loss}, RMSE {rmse}  ({effort})  {parameters}"


def _reason(trial: FrozenTrial) -> str | None:
    """Why a trial has no network: skipped, failed; None when it has one."""
    reasons = (f"{what}: {trial.user_attrs[what]}" for what in ("skipped", "failed") if what in trial.user_attrs)
    return next(reasons, None)


def print_plan(run: Run) -> None:
    """What is about to happen, and how to watch it."""
    s, problem = run.settings, run.problem
    done = len(finished_trials(run.study))
    hardware = f"{device_name()} ({os.cpu_count()} CPU cores)"
    already = f", {done} of them done already" if done else ""
    print(
        f"Problem    {problem.name}, preset {s.preset}, seed {s.seed}\n"
        f"Trials     {s.n_trials}{already}; each {s.num_epochs} epochs of {s.num_datasets} training and "
        f"{s.n_validation} {s.validation} validation traces of {s.n_samples} samples, batches of {s.batch_size}\n"
        f"Runs on    Keras {keras.__version__} with {keras.backend.backend()}, {hardware}\n"
        f"Study      {run.study_name}\n"
        f"Results    {run.tree.root}\n"
        f"Watch it   {dashboard_command(run)}\n",
        flush=True,
    )


def device_name() -> str:
    """Kind of the device that networks run on: cpu, gpu, cuda."""
    if keras.backend.backend() == "torch":  # has no list of devices in Keras
        return keras.ops.zeros(1).device.type
    return keras.distribution.list_devices()[0].split(":")[0]


def dashboard_command(run: Run) -> str:
    """What to type to see the study in a browser."""
    return f"optuna-dashboard {shlex.quote(public_url(run.storage_url))}"


def resume_command(run: Run, arguments: Sequence[str]) -> str:
    """What to type to go on with the study: the same command, with the study's name."""
    words = [sys.argv[0], *arguments]
    if run.study_name not in words:
        words += ["--study-name", run.study_name]
    return shlex.join(["python", *words])


# --- The result


@dataclass(frozen=True)
class BlindTest:
    """The best network on traces that no training saw: mean RMSE of a trace, in the data's own unit."""

    rmse: float
    baseline_rmse: float
    picture: Path


def try_best(run: Run) -> BlindTest:
    """Try the best network on fresh traces, and draw the first of them."""
    network = baseML.BaseMLClass.load_model(run.best_model_path)
    blind = data_stream(run, "blind", BLIND_TRACES, run.settings.seed, batch_size=BLIND_TRACES)
    x, y = blind[0]
    predicted = blind.in_data_units(network.predict_result(x))
    x, y = x[..., 0], blind.in_data_units(y[..., 0])

    def rmse(prediction: np.ndarray) -> float:
        return float(np.sqrt(np.mean((prediction - y) ** 2, axis=1)).mean())

    picture = run.best_model_path.with_suffix(".png")
    figure = dataPlotting.plot_ae_predict_raw(
        *(np.arange(x.shape[1]) * blind.dt, x[0], y[0], predicted[0]),
        input_name=f"Input ({blind.x_name})",
        quantity=run.problem.quantity,
        unit=run.problem.unit,
        title=f"{run.problem.name.capitalize()}: a trace that the network never saw",
        save_path=picture,
    )
    pyplot.close(figure)
    return BlindTest(rmse(predicted), rmse(run.problem.baseline(x, y)), picture)


def print_result(run: Run) -> None:
    """The best trial, what it does to fresh traces, what was left out, and where everything is."""
    trained = trained_trials(run.study)
    unfinished = [trial for trial in finished_trials(run.study) if _reason(trial)]
    print(f"\n{len(trained)} trials trained, {len(unfinished)} without a network")
    for trial in unfinished:
        print(f"  {describe_trial(run, trial)}")
    if not trained:
        print("No trial was trained, so there is no best network.")
        return
    best = trained[0]
    plain = run.rmse_text(best.user_attrs["validation_rmse"])
    print(f"Best trial {best.number}: validation loss {run.loss_text(best)}, plain validation RMSE {plain}")
    for name, value in best.params.items():
        print(f"  {name:14s} {_short(value)}")
    if not run.best_model_path.is_file():
        print(f"The best network is not at {run.best_model_path}: was it trained with another --output?")
        return
    blind = try_best(run)
    ratio, baseline_rmse = blind.rmse / blind.baseline_rmse, run.rmse_text(blind.baseline_rmse)
    print(
        f"On {BLIND_TRACES} fresh traces: RMSE {run.rmse_text(blind.rmse)}, "
        f"{ratio:.2f} of {run.problem.baseline_name}'s {baseline_rmse}\n"
        f"Picture       {blind.picture}\n"
        f"Best network  {run.best_model_path}\n"
        f"All trials    {run.tree.summary}\n"
        f"Loss curves   {run.tree.search / baseML.LOSS_HISTORY_FOLDER}\n"
        f"Dashboard     {dashboard_command(run)}"
    )


def run_optuna(run: Run) -> None:
    """Mode optuna: search, then test the best network."""
    run.study = open_study(run)
    print_plan(run)
    run_search(run)
    print_result(run)


def main(problem: Problem, description: str, arguments: Sequence[str] | None = None) -> int:
    """Run a script's command line; returns its exit status: 0, 2 for the user's mistakes, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill keeps as much as Ctrl-C
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        run = run_from_options(problem, parse_options(problem, description, arguments))
        check_output(run.tree.output)
        run_optuna(run)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\nStopped; every finished trial is kept. To go on:\n  {resume_command(run, arguments)}",
            file=sys.stderr,
        )
        return 130
    return 0
