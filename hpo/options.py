"""The command line of the run scripts, and what it asks for."""

import argparse
import os
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from optuna.distributions import CategoricalDistribution, FloatDistribution

from dataPreProcessing import TRANSFORM_TYPES, VALIDATIONS
from hpo.budget import Budget
from hpo.problem import Problem
from hpo.run import Run
from hpo.settings import (
    FINAL_SETTINGS,
    MODES,
    MOST_EPOCHS,
    MOST_TRACES,
    MOST_TRIALS,
    MOST_WORKERS,
    PRESETS,
    PRUNERS,
    SAMPLERS,
    RunSettings,
)
from hpo.tree import ResultsTree, check_study_name
from hpo.urls import public_url
from networks.backends import PRECISIONS
from support.command_line import LARGEST_SEED, OneSentenceParser, whole_number
from support.errors import UserError
from traces.checks import LONGEST_TRACE, SHORTEST_TRACE, check_snr

WORKER_STORAGE = "HPO_WORKER_STORAGE"  # in the environment, which other users cannot read, as they can a command line


class Parser(OneSentenceParser):
    """A command line whose mistakes are answered without the password that may stand in them."""

    def error(self, message: str) -> NoReturn:
        super().error(public_url(message))


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
    add("--precision", choices=PRECISIONS, help="of the networks' arithmetic (default float32) [new]")
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


def budget_option(text: str) -> str:
    """Converter of --budget."""
    try:
        Budget.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def noise_level(problem: Problem, levels: Sequence[float] | None) -> list[float] | None:
    """--snr-db as (lowest, highest). UserError when it is neither one number nor two, or nothing is noisy."""
    if levels is not None and not problem.always_noisy:
        raise UserError(f"--snr-db {levels} has no meaning for {problem.name}, whose traces have no noise")
    try:
        snr_db = check_snr(levels[0] if levels and len(levels) == 1 else levels)
    except ValueError as error:
        raise UserError(str(error)) from error
    return snr_db and list(snr_db)
