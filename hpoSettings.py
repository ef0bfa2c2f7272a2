"""What a run is asked to do: problems, presets, command-line options, and where the results stand.

Everything that a run's numbers depend on stands in one `RunSettings`; a preset is a short set of overrides of its
defaults, which are the paper's.
"""

import _thread
import argparse
import contextlib
import errno
import math
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, NoReturn

import baseML  # first: it keeps TensorFlow's start-up messages off the screen
import keras
import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url

from baseML import BaseMLClass, NetworkConfig, RunResult, Size
from dataGeneration import (
    LARGEST_SEED,
    LONGEST_TRACE,
    SHORTEST_TRACE,
    OneSentenceParser,
    check_snr,
    whole_number,
)
from dataPreProcessing import TRANSFORM_TYPES, VALIDATIONS, CustomDataGen, channel_names
from resultFiles import is_header

SEARCHED_SETTINGS = ("transform", "batch_size")  # that a study may search, beside the network's hyperparameters
MODES = {  # names as published
    "optuna": "a search",
    "optuna_resume": "going on with a study, the newest one when no --study-name is given",
    "manual": "the grid, one parameter at a time",
    "final_model": "the best configurations, trained again and again",
    "model_update": "going on with the training of a saved network",
}
PRESETS = ("quick", "paper", "extended")
SAMPLERS = ("tpe", "random", "gp", "qmc", "cmaes")
PRUNERS = ("none", "median", "hyperband")
LONGEST_REQUEST = 10.0  # s that Ctrl-C lets a request to a database have, which a server might never answer
INTERRUPT_INTERVAL = 2.0  # s, more than it takes to clean up after the first interrupt
VALIDATION_SHARE = 0.3  # validation traces for each training trace: 75 for the paper's 250
CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # bytes
STUDY_NAME = re.compile(r"\w([\w.-]*[\w-])?")
DEVICE_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)  # not a file's name
LONGEST_STUDY_NAME = 200  # bytes; a file's name holds 255, and those that are made of a study's are longer
MOST_TRIALS, MOST_EPOCHS, MOST_TRACES, MOST_WORKERS = 100_000, 1_000_000, 10_000_000, 1000
PASSWORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<before>://[^:/@]*:)(?P<secret>.*)(?=@)",  # up to the last @: one in the password may not be encoded
        r"(?P<before>://[^:/@\[]+:)(?P<secret>(?!\d*(?:[/?]|$))[^@]+)(?!.*@)",  # the host was forgotten
        r"(?P<before>[?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)(?P<secret>[^&]*)",
    )
)
WORKER_STORAGE = "HPO_WORKER_STORAGE"  # in the environment, which other users cannot read, as they can a command line
LIBRARIES = ("keras", "tensorflow", "jax", "torch", "keras-tcn", "numpy", "scipy", "optuna")

PAPER_SPACE = {  # what both problems search alike; names as in the published studies
    "num_layers": IntDistribution(1, 4),
    "num_dnn": IntDistribution(2, 4096),
    "num_filt": IntDistribution(2, 128),
    "krnl_size": IntDistribution(2, 64),
    "num_dil": IntDistribution(2, 128),
    "Learning Rate": FloatDistribution(1e-6, 1e-3),
}
RESIDUAL = "RES"  # the network that shares none of the paper's parameters, but those of OF_EVERY_NETWORK
OF_EVERY_NETWORK = ("arch_type", "Learning Rate", "schedule", "optimizer", "standard_units", *SEARCHED_SETTINGS)
EXTENDED_SPACE = {  # beyond the paper's networks; "RES .." and "adamw .." are drawn where that was chosen
    "RES num_layers": IntDistribution(1, 3),
    "RES num_filt": IntDistribution(16, 64, step=8),
    "RES krnl_size": IntDistribution(3, 9, step=2),
    "RES num_dil": IntDistribution(8, 256, log=True),
    "RES pool_val": CategoricalDistribution([1, 2, 4]),
    "RES norm": CategoricalDistribution(["none", "layer"]),
    "standard_units": CategoricalDistribution([True]),
    "Learning Rate": FloatDistribution(1e-4, 1e-2, log=True),
    "schedule": CategoricalDistribution(["paper", "constant", "cosine"]),
    "optimizer": CategoricalDistribution(["adam", "adamw"]),
    "adamw weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
    "batch_size": CategoricalDistribution([1, 2, 4]),
}
EXTENDED_BASE = {  # where a search begins
    **{"arch_type": RESIDUAL, "RES num_layers": 2, "RES krnl_size": 7, "standard_units": True},
    **{"optimizer": "adamw", "Learning Rate": 2e-3, "schedule": "cosine", "batch_size": 1},
}
PAPER_BASE = {  # of the grid: what a parameter is while another one varies; pool_val is a problem's own
    **{"num_layers": 1, "num_dnn": 1024, "num_filt": 64, "krnl_size": 32, "num_dil": 32, "num_lstm": 10},
    "Learning Rate": 1e-4,
}
QUICK_BASE = {**PAPER_BASE, "num_dnn": 32, "num_filt": 16, "krnl_size": 8, "num_dil": 8, "Learning Rate": 1e-3}
PAPER_GRID = {  # in the order of the published runs
    "num_layers": (1, 2, 3, 4),
    "num_dnn": (2, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096),
    "num_filt": (2, 4, 8, 16, 32, 64, 128),
    "krnl_size": (2, 4, 8, 16, 32, 64),
    "pool_val": (2, 4, 8),
    "num_dil": (2, 4, 8, 16, 32, 64, 128),
    "num_lstm": (5, 10, 25, 50),
    "Learning Rate": (1e-6, 1e-5, 1e-4, 1e-3),
}


class UserError(Exception):
    """Something that the user can mend; the message names the value and what is valid."""


class StoppedError(Exception):
    """A run that cannot go on now, though nothing is wrong with what was asked; the message says why."""


FAULTS = {  # of a machine, by an error's name and by what libraries say in errors of their own
    "ENOSPC|No space left on device|database or disk is full": "the disk of {} is full; free some space there",
    "EDQUOT|Disk quota exceeded": "this user's quota on the disk of {} is used up; free some space there",
    "EROFS|Read-only file system|readonly database": "the disk of {} has become read-only; have it made writable",
    "EIO|Input/output error|disk I/O error": "the disk of {} cannot be read or written; check it",
    "database is locked": "another process keeps the study's database in {} locked; wait for it, or end it",
}


def machine_fault(error: BaseException | None, folder: Path) -> str | None:
    """What is wrong with the machine, and what to do, when an error comes from that; None for any other error.

    ``folder``, of the results, is named where the error names no file.
    """
    while error is not None:
        name = errno.errorcode.get(getattr(error, "errno", None), "")
        place = getattr(error, "filename", None) or folder
        for signs, sentence in FAULTS.items():
            if re.search(rf"\b({signs})\b", f"{name} {error}"):
                return sentence.format(repr(str(place)))
        error = error.__cause__ or error.__context__
    return None


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
    extended_base: Mapping[str, object]  # what EXTENDED_BASE lacks
    base_pool: int  # pool_val of PAPER_BASE
    final_configs: Mapping[str, NetworkConfig]  # the paper's best, by the approach that found it
    parameter_limits: Mapping[str, int]  # by architecture; larger networks are not trained
    skipped_score: float  # of a network that is too large, in the paper preset

    def space(self, preset: str) -> dict[str, BaseDistribution]:
        """What a preset searches: the extended one residual networks, and the paper's in the sizes of the quick one."""
        if preset != "extended":
            return dict(self.quick_space if preset == "quick" else self.search_space)
        networks = [*self.search_space["arch_type"].choices, RESIDUAL]
        return {**self.quick_space, "arch_type": CategoricalDistribution(networks), **EXTENDED_SPACE}

    def preset_settings(self, preset: str) -> dict[str, object]:
        """What a preset sets."""
        own = {"quick": self.quick_settings, "extended": {"budget": f"{self.paper_epochs // 10}epochs"}}
        return {"n_trials": self.paper_trials, **PRESET_SETTINGS[preset], **own.get(preset, {})}

    @property
    def paper_epochs(self) -> int:
        """Training epochs of the published search."""
        return self.paper_trials * DEFAULTS["num_epochs"]


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
    transform: str = "NA"  # what the network gets of a trace: itself, or its CWT, DWT or SWT
    snr_db: list[float] | None = None  # lowest and highest noise level; None is the paper's, always 4.8 dB
    validation: str = "streaming"  # fresh validation traces every epoch; "fixed": the same for the whole study
    precision: str = "float32"  # of the networks' arithmetic
    seed: int = 0  # of every draw and the sampler
    sampler: str = "tpe"
    pruner: str = "none"
    enqueue_base: bool = False  # trial 0 is the base configuration: the grid's, in the extended preset its own
    one_by_one: bool = False  # the loss is that of each trace, so that studies of several batch sizes compare them
    budget: str | None = None  # all trials together: "780epochs", "90min"

    @property
    def n_validation(self) -> int:
        """Validation traces an epoch."""
        return max(1, round(VALIDATION_SHARE * self.num_datasets))


DEFAULTS = {field.name: field.default for field in fields(RunSettings)}
QUICK_SETTINGS = {
    "n_trials": 12,  # enough for a search to be seen, few enough for a coffee break
    "num_epochs": 6,
    "num_datasets": 200,
    "n_samples": 1024,  # a quarter of the work of a step
    "batch_size": 4,  # fewer, larger steps: at this length a step is mostly overhead
    "validation": "fixed",  # so few traces, fresh every epoch, would make a low loss a matter of luck
}
EXTENDED_SETTINGS = {
    "n_trials": 100,  # the budget ends the search before
    "num_epochs": 20,
    "validation": "fixed",
    "pruner": "median",
    "enqueue_base": True,
    "one_by_one": True,
}
PRESET_SETTINGS = {"quick": QUICK_SETTINGS, "paper": {}, "extended": EXTENDED_SETTINGS}
FINAL_SETTINGS = {  # of mode final_model: n_trials are the repeats of each configuration
    "quick": {"n_trials": 3},
    "paper": {"n_trials": 25, "num_epochs": 100},
    "extended": {"n_trials": 1, "num_epochs": 100},
}


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, plain where SQLAlchemy reads that back; with a question mark in it, it does not."""
    plain = f"sqlite:///{path.as_posix()}"
    if make_url(plain).database == path.as_posix():
        return plain
    return URL.create("sqlite", database=path.as_posix()).render_as_string()


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
    def grid(self) -> Path:
        return self.root / "Search" / "GridSearch"

    @property
    def repeatability(self) -> Path:
        return self.root / "Repeatability"

    @property
    def summary(self) -> Path:
        return self.search / "search_summary.csv"

    @property
    def artifacts(self) -> Path:
        """Pictures that the dashboard shows."""
        return self.search / "artifacts"

    @property
    def upgraded(self) -> Path:
        """Copies of studies that an older Optuna wrote."""
        return self.search / "upgraded"

    def final_model(self, approach: str) -> Path:
        """Where the best network of an approach is: "Grid Search" or "Optuna"."""
        return self.root / "Final_Model" / approach.replace(" ", "")

    def blind_test(self, study_name: str) -> Path:
        """How the best network of a study compares with classical methods."""
        return self.search / f"{study_name}_blind_test.csv"

    def database(self, study_name: str) -> Path:
        return self.search / f"{study_name}.db"

    def storage_url(self, study_name: str) -> str:
        """The default storage of a study."""
        return sqlite_url(self.database(study_name))

    def elsewhere(self, study_name: str) -> Path | None:
        """The database of a study of this name that belongs to another problem."""
        found = self.output.glob(f"*/Search/Optuna/{study_name}.db")
        return next((path for path in found if path != self.database(study_name)), None)

    @property
    def last_study(self) -> Path:
        """Holds the name of the study that was worked on last; dates of files change with the clock, and in a copy."""
        return self.search / ".last_study"

    def newest_study(self) -> str | None:
        """Name of the study that was worked on last."""
        last = self.last_study.read_text(encoding="utf-8", errors="replace") if self.last_study.is_file() else ""
        databases = {path.stem: path.stat().st_mtime for path in self.search.glob("*.db")}
        return last if last in databases else max(databases, key=databases.get, default=None)


@dataclass
class Run:
    """One call of a run script: what was asked for."""

    problem: Problem
    mode: str
    settings: RunSettings
    tree: ResultsTree
    study_name: str | None  # None: to be found
    storage_url: str | None  # None: the default storage of the study
    search_space: Mapping[str, BaseDistribution]
    given: frozenset[str]  # fields of the settings that the command line names
    n_workers: int = 1
    is_worker: bool = False  # one of several processes that another one started
    from_study: str | None = None
    model: Path | None = None
    dry_run: bool = False
    deterministic: bool = False
    arguments: Sequence[str] = ()  # the command line

    @property
    def loss_unit(self) -> str:
        """Unit of the loss: that of the data, unless the network sees them scaled."""
        return "scaled" if self.settings.scaling_flag else self.problem.unit

    @property
    def metric_name(self) -> str:
        return f"validation loss ({self.loss_unit})" if self.loss_unit else "validation loss"

    @property
    def base(self) -> dict[str, object]:
        """The base configuration: of the grid the parameters of the search space but the architecture, which varies."""
        if self.settings.preset == "extended":
            return {**EXTENDED_BASE, **self.problem.extended_base}
        base = {**(QUICK_BASE if self.settings.preset == "quick" else PAPER_BASE), "pool_val": self.problem.base_pool}
        return {name: value for name, value in base.items() if name in self.problem.search_space}

    @property
    def n_channels(self) -> int:
        """Channels that the network gets of a trace."""
        return len(channel_names(self.settings.transform, self.settings.n_samples))

    def with_parameters(self, parameters: Mapping[str, object]) -> "Run":
        """The run with those settings that are among a trial's parameters."""
        searched = {name: parameters[name] for name in SEARCHED_SETTINGS if name in parameters}
        return replace(self, settings=replace(self.settings, **searched)) if searched else self

    def may_begin(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether the study's budget has room for one more trial."""
        s = self.settings
        return s.budget is None or Budget.of(s.budget).allows(trials, s.num_epochs)

    @property
    def url(self) -> str:
        """URL of the storage of the study."""
        return self.tree.storage_url(self.study_name) if self.storage_url is None else self.storage_url

    def loss_text(self, loss: float) -> str:
        return f"{short(loss)} {self.loss_unit}".rstrip()

    def rmse_text(self, rmse: float) -> str:
        return f"{short(rmse)} {self.problem.unit}".rstrip()


def short(value: object) -> str:
    """A value for the eye: four digits of a small number, all of a large one before its point."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


# --- Options


def public_url(url: str) -> str:
    """A storage URL without its password."""
    for pattern in PASSWORDS:
        url = pattern.sub(r"\g<before>***", url)
    return url


class Parser(OneSentenceParser):
    """A command line whose mistakes are answered without the password that may stand in them."""

    def error(self, message: str) -> NoReturn:
        super().error(public_url(message))


def check_study_name(name: str) -> None:
    """UserError for a name that cannot be part of a file's name everywhere; nothing else in a name means anything."""
    valid = STUDY_NAME.fullmatch(name) and not DEVICE_OF_WINDOWS.fullmatch(name)
    if not valid or len(name.encode()) > LONGEST_STUDY_NAME:
        raise UserError(
            f"{name[:LONGEST_STUDY_NAME]!r} is not a study name: letters, digits, '_', '-' and '.' are valid, "
            f"{LONGEST_STUDY_NAME} bytes at most, with no '-' or '.' in front, no '.' at the end, and no device's name"
        )


def study_name_option(text: str) -> str:
    """Converter of an option that is a study's name."""
    try:
        check_study_name(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def parse_options(problem: Problem, description: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of a run script; an option that is unknown or outside its range ends the script."""
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    modes = "; ".join(f"{name}: {what}" for name, what in MODES.items())
    add("--mode", choices=MODES, default="optuna", help=f"{modes} (default optuna) [paper: edited into the script]")
    add(
        "--preset",
        choices=PRESETS,
        help="quick: minutes on a laptop CPU (default); paper: as published; extended: beyond it, hours on a CPU [new]",
    )
    add(
        "--n-trials",
        type=whole_number(1, MOST_TRIALS),
        metavar="N",
        help="trials of the whole study, whoever runs them [paper: n_trials]",
    )
    add("--num-epochs", type=whole_number(1, MOST_EPOCHS), metavar="N", help="epochs a trial [paper: num_epochs]")
    add(
        "--num-datasets",
        type=whole_number(1, MOST_TRACES),
        metavar="N",
        help="training traces an epoch [paper: num_datasets]",
    )
    add(
        "--samples",
        type=whole_number(SHORTEST_TRACE, LONGEST_TRACE),
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
    add("--transform", choices=TRANSFORM_TYPES, help="wavelet transform that networks get (default NA, none) [new]")
    add("--search-transform", action="store_true", help="the transform is one more parameter of the study [new]")
    add(
        "--validation",
        choices=VALIDATIONS,
        help="fresh validation traces every epoch, or the same for the whole study (default: the preset's) [new]",
    )
    add("--precision", choices=baseML.PRECISIONS, help="of the networks' arithmetic (default float32) [new]")
    add("--deterministic", action="store_true", help="the same bits on every run, on a GPU too; slower there [new]")
    add(
        "--seed",
        type=whole_number(0, LARGEST_SEED),
        metavar="N",
        help="of every draw and the sampler (default 0) [new]",
    )
    add("--sampler", choices=SAMPLERS, help="how parameters are drawn (default tpe, the paper's) [new]")
    add("--pruner", choices=PRUNERS, help="stops trials that fall behind (default none, the paper's) [new]")
    add("--log-lr", action="store_true", help="learning rates drawn on a logarithmic scale [new]")
    add("--enqueue-base", action="store_true", default=None, help="trial 0 is the grid's base configuration [new]")
    add(
        "--budget",
        type=budget_option,
        metavar="N",
        help="training that all trials together may take: 780epochs, 90min (default none; extended: a tenth of the "
        "published epochs) [new]",
    )
    add(
        "--workers",
        type=whole_number(1, MOST_WORKERS),
        default=1,
        metavar="N",
        help="processes on this machine (default 1) [new]",
    )
    add(
        "--storage",
        metavar="URL",
        help="any Optuna storage (default: a SQLite file in the results, which must not be on a network file system: "
        "NFS, SMB, Lustre ..; several machines need postgresql+psycopg://user@host/database) [paper: storage]",
    )
    add(
        "--study-name",
        type=study_name_option,
        metavar="NAME",
        help="go on with this study if it exists [paper: study_name]",
    )
    add(
        "--repeats",
        type=whole_number(1, MOST_TRIALS),
        metavar="N",
        help="final_model: trainings of each configuration [new]",
    )
    add("--from-study", type=study_name_option, metavar="NAME", help="final_model: the best trial of this study [new]")
    add("--model", type=Path, metavar="FILE", help="model_update: the saved network (.keras) [paper: model]")
    add("--dry-run", action="store_true", help="manual, final_model: list the trainings and end [new]")
    add("--output", type=Path, default=Path("Results"), metavar="DIR", help="root of the results (default Results)")
    add("--as-worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


OPTIONS_OF_MODES = {  # options that have no meaning in the other modes
    "repeats": ("final_model",),
    "from_study": ("final_model",),
    "model": ("model_update",),
    "dry_run": ("manual", "final_model"),
    "n_trials": ("optuna", "optuna_resume"),
    "sampler": ("optuna", "optuna_resume"),
    "pruner": ("optuna", "optuna_resume"),
    "enqueue_base": ("optuna", "optuna_resume"),
    "budget": ("optuna", "optuna_resume"),
    "log_lr": ("optuna", "optuna_resume"),
    "transform": ("optuna", "optuna_resume", "manual", "final_model"),
    "search_transform": ("optuna", "optuna_resume"),
    "study_name": ("optuna", "optuna_resume"),
    "storage": ("optuna", "optuna_resume", "final_model"),
}


def _check_mode(options: argparse.Namespace) -> None:
    """UserError for an option that the mode has no use for, or lacks."""
    for name, modes in OPTIONS_OF_MODES.items():
        if getattr(options, name) and options.mode not in modes:
            option = "--" + name.replace("_", "-")
            raise UserError(f"{option} has no meaning in mode {options.mode}; it is for {' and '.join(modes)}")
    if options.workers > 1 and options.mode not in ("optuna", "optuna_resume"):
        raise UserError(f"--workers {options.workers} is for modes optuna and optuna_resume, not for {options.mode}")
    if options.mode == "model_update" and options.model is None:
        raise UserError("mode model_update needs --model FILE, a network saved as .keras")
    if options.from_study and options.transform:
        raise UserError(f"--transform {options.transform} has no meaning with --from-study, which has its own")
    if options.search_transform and options.transform:
        raise UserError(f"--transform {options.transform} and --search-transform rule each other out")
    if options.search_transform and options.preset == "paper":
        raise UserError("--search-transform is not part of the published search; leave --preset paper out")
    if options.preset == "extended" and options.mode == "manual":
        raise UserError("--preset extended has no grid; mode manual is for presets quick and paper")
    if options.preset == "extended" and options.mode == "final_model" and not options.from_study:
        raise UserError("--preset extended has no published networks; mode final_model needs --from-study NAME with it")


def run_from_options(problem: Problem, options: argparse.Namespace, arguments: Sequence[str] = ()) -> Run:
    """What the options ask for; ``arguments`` are the command line that they came from. Nothing is created yet."""
    _check_mode(options)
    preset = options.preset or "quick"
    asked = {
        "preset": options.preset,
        "n_trials": options.repeats or options.n_trials,
        "num_epochs": options.num_epochs,
        "num_datasets": options.num_datasets,
        "n_samples": options.samples,
        "transform": options.transform,
        "snr_db": noise_level(problem, options.snr_db),
        "validation": options.validation,
        "precision": options.precision,
        "seed": options.seed,
        "sampler": options.sampler,
        "pruner": options.pruner,
        "enqueue_base": options.enqueue_base,
        "budget": options.budget,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    final = FINAL_SETTINGS[preset] if options.mode == "final_model" else {}
    settings = RunSettings(**{**problem.preset_settings(preset), "preset": preset, **final, **asked})
    space = problem.space(preset)
    if options.log_lr:
        rate = space["Learning Rate"]
        space["Learning Rate"] = FloatDistribution(rate.low, rate.high, log=True)
    if options.search_transform:
        space["transform"] = CategoricalDistribution(TRANSFORM_TYPES)
    study_name = options.study_name
    if options.mode == "optuna" and study_name is None:
        study_name = f"{problem.study_prefix}_{datetime.now():%Y%m%d_%H%M}_{uuid.uuid4()}"
    return Run(
        problem=problem,
        mode=options.mode,
        settings=settings,
        tree=ResultsTree(options.output, problem.folder),
        study_name=study_name,
        storage_url=os.environ.get(WORKER_STORAGE, options.storage) if options.as_worker else options.storage,
        search_space=space,
        given=frozenset(asked) | ({"search_space"} if options.log_lr or options.search_transform else set()),
        n_workers=options.workers,
        is_worker=options.as_worker,
        from_study=options.from_study,
        model=options.model,
        dry_run=options.dry_run,
        deterministic=options.deterministic,
        arguments=arguments,
    )


class Budget(NamedTuple):
    """Training that all trials of a study may take together."""

    amount: float
    unit: str  # of BUDGET_UNITS

    @classmethod
    def of(cls, text: str) -> "Budget":
        """From what a user writes: 780epochs, 90min. Raises ValueError for anything else."""
        match = BUDGET.fullmatch(text) if isinstance(text, str) else None
        if match is None or not 0 < float(match["amount"]) < math.inf:
            raise ValueError(
                f"{text!r} is not a budget: a number above 0 of epochs or minutes is, as 780epochs or 90min"
            )
        return cls(float(match["amount"]), match["unit"])

    def spent(self, trials: Iterable[FrozenTrial]) -> float:
        """What trials have taken of it, up to their last finished epoch."""
        return sum(map(BUDGET_UNITS[self.unit], trials))

    def allows(self, trials: Sequence[FrozenTrial], num_epochs: int) -> bool:
        """Whether one more trial may begin, of so many epochs at most; of what runs, all epochs count."""
        if self.unit == "min":
            return self.spent(trials) < self.amount
        running = (num_epochs - trained_epochs(trial) for trial in trials if trial.state == TrialState.RUNNING)
        return self.spent(trials) + sum(running) + num_epochs <= self.amount


def trained_epochs(trial: FrozenTrial) -> int:
    """Epochs that a trial was trained for, whatever became of it."""
    return len(trial.intermediate_values)


def trained_minutes(trial: FrozenTrial) -> float:
    """Time since a trial began, until it ended if it has."""
    if trial.datetime_start is None or trial.state == TrialState.WAITING:
        return 0.0
    return ((trial.datetime_complete or datetime.now()) - trial.datetime_start).total_seconds() / 60


BUDGET_UNITS = {"epochs": trained_epochs, "min": trained_minutes}
BUDGET = re.compile(rf"(?P<amount>\d{{1,9}}(\.\d{{1,9}})?) *(?P<unit>{'|'.join(BUDGET_UNITS)})", re.ASCII)


def budget_option(text: str) -> str:
    """Converter of --budget."""
    try:
        Budget.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def noise_level(problem: Problem, levels: Sequence[float] | None) -> list[float] | None:
    """--snr-db as (lowest, highest). UserError when it is neither one number nor two, or nothing is noisy."""
    if levels is not None and problem.gen_type != "DeNoise":
        raise UserError(f"--snr-db {levels} has no meaning for {problem.name}, whose traces have no noise")
    try:
        snr_db = check_snr(levels[0] if levels and len(levels) == 1 else levels)
    except ValueError as error:
        raise UserError(str(error)) from error
    return snr_db and list(snr_db)


def check_places(run: Run) -> None:
    """UserError unless the run can write to the folders of its results, or make them; nothing is made."""
    tree = run.tree
    finals = [tree.final_model(approach) for approach in ("Grid Search", "Optuna")]
    for place in [run.model.parent] if run.model else [tree.search, tree.grid, tree.repeatability, *finals]:
        check_output(tree.output, place)


def check_output(output: Path, place: Path | None = None) -> None:
    """UserError unless a folder, below ``output`` or itself, can be written, or made; nothing is made."""
    place = (place or output).absolute()
    nearest = next(path for path in (place, *place.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        name = f"--output {str(output)!r}" if place.is_relative_to(output.absolute()) else repr(str(place))
        raise UserError(f"{name} cannot be written: {str(nearest)!r} is not a writable folder")


def check_table(path: Path, columns: Sequence[str] = baseML.SUMMARY_COLUMNS) -> None:
    """UserError for a table of results that is there, but that no row can be added to; nothing is made."""
    if not path.exists():
        return
    try:
        header = path.read_text(encoding="utf-8").partition("\n")[0]
    except (ValueError, OSError) as error:
        raise UserError(
            f"the table {str(path)!r} cannot be read ({error}); move it, or give another --output"
        ) from error
    if not is_header(header, columns):
        raise UserError(
            f"the table {str(path)!r} has the columns {header[:200]!r}, not {','.join(columns)!r}; move it, "
            "or give another --output"
        )


# --- Being stopped


# Ctrl-C, a polite kill, a terminal that was closed
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _Signals:
    """Whether the process was asked to stop, and the thread that repeats the request."""

    asked = False
    busy_since: float | None = None  # on the monotonic clock; of what is ended first
    thread: threading.Thread | None = None


def stop_on_signals() -> None:
    """Make a KeyboardInterrupt of STOP_SIGNALS, one that cannot be lost.

    Python drops an exception that arrives while it runs a finalizer; so it is raised again until `ignore_signals`.
    """
    _Signals.asked = False
    for number in STOP_SIGNALS:
        under_nohup = number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
        signal.signal(number, signal.SIG_IGN if under_nohup else _interrupt)
    sys.unraisablehook = _tell_unraisable
    if _Signals.thread is None:
        _Signals.thread = threading.Thread(target=_repeat_interrupt, daemon=True)
        _Signals.thread.start()


def ignore_signals() -> None:
    """Let nothing interrupt what is left to be done."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Have what is in here ended before the process stops, unless it takes longer than LONGEST_REQUEST."""
    if threading.current_thread() is not threading.main_thread() or _Signals.busy_since is not None:
        yield
        return
    _Signals.busy_since = time.monotonic()
    try:
        yield
    finally:
        _Signals.busy_since = None
        if _Signals.asked:
            _interrupt_main()


def stop_with_parent() -> None:
    """Interrupt this process when its standard input ends: the process that started it is gone, or closed it."""
    threading.Thread(target=_await_end_of_input, daemon=True).start()


def _await_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through the file object, whose lock would be held at the exit
        pass
    _Signals.asked = True
    _interrupt_main()


def stop_was_asked() -> bool:
    """Whether an interrupt has come; libraries turn its KeyboardInterrupt into errors of their own."""
    return _Signals.asked


def _interrupt(number: int, frame: object) -> None:
    _Signals.asked = True  # no lock is taken here: a second signal may arrive at any point
    if _Signals.busy_since is None or time.monotonic() - _Signals.busy_since > LONGEST_REQUEST:
        raise KeyboardInterrupt


def _interrupt_main() -> None:
    """A Ctrl-C of our own, which does nothing while signals are ignored."""
    if hasattr(signal, "pthread_kill"):  # ends also what waits outside of Python
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _repeat_interrupt() -> None:
    while True:
        time.sleep(INTERRUPT_INTERVAL)
        if _Signals.asked:
            _interrupt_main()


def _tell_unraisable(lost: "sys.UnraisableHookArgs") -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


# --- One training


def derived_seed(seed: int, *key: int) -> int:
    """A 32-bit seed that belongs to (seed, key) alone."""
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


def applies(name: str, chosen: Mapping[str, object]) -> bool:
    """Whether a parameter has a meaning beside those that were chosen: "RES num_filt" with the choice RES alone.

    With that choice, the parameters of the paper's networks have none.
    """
    if name in OF_EVERY_NETWORK:
        return True
    choice, _, _ = name.rpartition(" ")
    return choice in chosen.values() if choice else chosen.get("arch_type") != RESIDUAL


def network_config(problem: Problem, parameters: Mapping[str, object]) -> NetworkConfig:
    """The network that a trial's parameters stand for; those that have no meaning for it are left out."""
    of_network = {
        "learning_rate" if name == "Learning Rate" else name.rpartition(" ")[2]: value
        for name, value in parameters.items()
        if name not in SEARCHED_SETTINGS and applies(name, parameters)
    }
    return NetworkConfig(net_type=problem.net_type, **of_network)


def training_size(run: Run, config: NetworkConfig) -> Size:
    """What a training of the run takes, before the network is built."""
    s = run.settings
    return baseML.estimate(config, s.n_samples, run.n_channels, batch_size=s.batch_size)


def why_too_large(run: Run, config: NetworkConfig, size: Size) -> str | None:
    """Why a network is not to be trained: above its parameter limit, or more than the memory holds; None if it is.

    A process that wants more memory than there is would be killed, at some point, without a word.
    """
    limit = run.problem.parameter_limits[config.arch_type]
    if size.parameters > limit:
        return f"{size.parameters:,} parameters are more than {limit:,}"
    memory = memory_limit()
    if size.memory > memory:
        return f"{size.memory / 1e9:.1f} GB are more than the {memory / 1e9:.1f} GB of memory"
    return None


def memory_limit() -> float:
    """Bytes that networks may take, at most; infinite for a GPU, whose libraries say by themselves what is too much."""
    if device_name() != "cpu" or not hasattr(os, "sysconf"):
        return math.inf
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CONTAINER_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return float(min(limits))


def data_stream(
    run: Run, stream: str, n: int, seed: int, batch_size: int | None = None, transform: str | None = None
) -> CustomDataGen:
    """Pairs of the run's problem, of one of the streams; fixed validation traces are those of the run's own seed.

    ``batch_size`` and ``transform`` are the run's where they are not given.
    """
    s = run.settings
    fixed = stream == "validation" and s.validation == "fixed"
    of_stream = 1 if s.one_by_one and stream == "validation" else s.batch_size
    return CustomDataGen(
        batch_size=batch_size or of_stream,
        n=n,
        gen_type=run.problem.gen_type,
        transform_type=transform or s.transform,
        noisy_data=s.noisy_data,
        scaling_flag=s.scaling_flag,
        seed=s.seed if fixed else seed,
        stream=stream,
        n_samples=s.n_samples,
        snr_db=s.snr_db,
        validation="fixed" if fixed else "streaming",
    )


def train(
    run: Run,
    config: NetworkConfig,
    folder: Path,
    run_name: str,
    seed: int,
    owner: str,
    **fit_options,
) -> tuple[BaseMLClass, RunResult]:
    """One training of the run's settings: its network and its result.

    ``owner`` is what the network is the best of (`baseML.keep_best`); ``fit_options`` go to
    `baseML.BaseMLClass.fit_model`. Files that it leaves in ``folder`` are for the caller to keep or remove. Raises what
    `baseML.run_model` does.
    """
    s = run.settings
    training = data_stream(run, "training", s.num_datasets, seed)
    validation = data_stream(run, "validation", s.n_validation, seed)
    origin = {"problem": run.problem.name, "owner": owner, **asdict(s), "versions": versions()}
    if run.from_study:
        origin["from_study"] = run.from_study
    options = {"provenance": origin, "precision": s.precision, **fit_options}
    trained = baseML.run_model(config, training, validation, s.num_epochs, folder, run_name, seed, **options)
    if stop_was_asked():  # a library may have swallowed the interrupt, and gone on without what it was doing then
        raise KeyboardInterrupt
    return trained


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name() -> str:
    """Kind of the device that networks run on: cpu, gpu, cuda."""
    if keras.backend.backend() == "torch":  # has no list of devices in Keras
        return keras.ops.zeros(1).device.type
    return keras.distribution.list_devices()[0].split(":")[0]


def hardware() -> str:
    """What runs the networks, in words."""
    return f"Keras {keras.__version__} with {keras.backend.backend()}, {device_name()} ({os.cpu_count()} CPU cores)"


def resume_command(run: Run) -> str:
    """What to type to go on: the same command, with the study's name, without passwords."""
    words = [sys.argv[0], *map(public_url, run.arguments)]
    if run.study_name is not None and run.study_name not in words:
        words += ["--study-name", run.study_name]
    return command_line(["python", *words])


def command_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """A command to be typed, quoted for the shell of the platform."""
    return subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)
