"""What the command line of a run script asks for, as a `Run`; what makes no sense together is refused."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields

from optuna.distributions import CategoricalDistribution, FloatDistribution

from hpo.options import MODES, OPTIONS
from hpo.pairs import on_pairs, opened
from hpo.problem import Problem
from hpo.run import Run, data_stream, settings_of
from hpo.settings import DEFAULTS, FROM_FILES, OF_TRACES, PRESETS, SEARCH, RunOptions
from hpo.space import check_networks, narrowed
from hpo.tree import new_study_name
from hpo.urls import public_url
from hpo.workers import WORKER_STORAGE, usual_workers
from problems.own_pairs import Pairs
from support.errors import UserError
from support.files import note
from traces.checks import check_snr


def _check(problem: Problem, options: argparse.Namespace) -> None:
    """UserError for an option that the mode has no use for, for one that it lacks, and for options that conflict."""
    for flag, field in OPTIONS.items():
        value, listed = getattr(options, field.name), field.metadata["modes"]
        valid = [name for name, mode in MODES.items() if name in listed or (mode.is_search and SEARCH in listed)]
        asked = value is not None and (field.name in DEFAULTS or value != field.default)
        if asked and valid and options.mode not in valid:
            named = flag if value is True else public_url(f"{flag} {value}")
            raise UserError(f"{flag} has no meaning in mode {options.mode}; {named} is for {' and '.join(valid)}")
    o, transform, extended = options, f"--transform {options.transform}", options.preset == "extended"
    others = ", ".join(name for name in PRESETS if name != "extended")
    fixed = [name for name in ("n_samples", "dt", "snr_db", "noisy_data") if getattr(o, name) is not None]
    flags = " and ".join(flag for flag, field in OPTIONS.items() if field.name in fixed)
    mistakes = {
        "mode model_update needs --model FILE, a saved network (.keras)": o.mode == "model_update" and not o.model,
        f"{transform} has no meaning with --from-study, which has its own": o.from_study and o.transform,
        f"{transform} and --search-transform rule each other out": o.search_transform and o.transform,
        f"--search-transform is not part of the published search; leave --preset {o.preset} out": (
            o.search_transform and o.preset and PRESETS[o.preset].is_paper_search
        ),
        f"--preset extended has no search space for {problem.name}; {others} are valid": (
            extended and not problem.extended_space
        ),
        f"--preset {o.preset} has no meaning for {problem.name}, which the paper does not have": (
            o.preset in ("paper", "published") and not (problem.paper_trials or o.preset in problem.in_presets)
        ),
        f"{transform} has no meaning for {problem.name}; {', '.join(problem.transforms)} are valid": (
            o.transform and o.transform not in problem.transforms
        ),
        "--preset published has the traces of the published scripts; --dt, --earth, --wavelet, --variety and "
        "--background need another preset": (
            o.preset == "published" and any(getattr(o, name) is not None for name in OF_TRACES)
        ),
        "--preset published has the traces of the published scripts; --traces needs another preset": (
            o.preset == "published" and o.traces
        ),
        f"--traces has no meaning for {problem.name}, whose pairs cannot come from files": (
            o.traces and not problem.own_stream
        ),
        "--targets has no meaning without --traces FILE, the traces that they belong to": o.targets and not o.traces,
        "--earth and --wavelet have no meaning with --traces, as they are for traces that are made": (
            o.traces and (o.earth or o.wavelet)
        ),
        f"--snr-db {o.snr_db} has no meaning with --targets, as the traces have their noise": o.snr_db and o.targets,
        f"--background has no meaning for {problem.name}": o.background and problem.name != "inversion",
        "--background is for --preset extended, whose networks work in standard units": (
            o.background and o.preset != "extended" and o.mode == "optuna"
        ),
        "--variety and --background have no meaning with --traces, as they are for traces that are made": (
            o.traces and (o.variety or o.background)
        ),
        f"--earth, --wavelet and --variety have no meaning for {problem.name}, whose traces are made in another way": (
            (o.earth or o.wavelet or o.variety) and not problem.paper_trials
        ),
        f"{flags} has no meaning for {problem.name}, whose {problem.item}s are always alike": (
            fixed and problem.protocol
        ),
        f"--preset extended has no grid; mode manual is for presets {others}": extended and o.mode == "manual",
        "--preset extended has no published networks; mode final_model needs --from-study NAME with it": (
            extended and o.mode == "final_model" and not o.from_study
        ),
        f"--snr-db {o.snr_db} has no meaning for {problem.name} without --noisy-data, as its traces have no noise": (
            o.snr_db and not problem.always_noisy and not o.noisy_data
        ),
        f"--noisy-data has no meaning for {problem.name}, whose traces always have noise": (
            o.noisy_data and problem.always_noisy
        ),
        "--noisy-data has no meaning with --traces, whose noise is what it is": o.noisy_data and o.traces,
    }
    for sentence, is_made in mistakes.items():
        if is_made:
            raise UserError(sentence)


def _opened_pairs(problem: Problem, preset: str, asked: dict[str, object]) -> Pairs:
    """The pairs that are asked for; ``asked`` gets their content, and what follows from it for a new study."""
    pairs = opened(problem, asked["traces"], asked.get("targets"), asked.get("dt"))
    asked["pairs"] = pairs.content
    if asked["mode"] == "optuna":
        asked.setdefault("dt", pairs.dt)
        usual = problem.preset_settings(preset).get("n_samples", DEFAULTS["n_samples"])
        asked.setdefault("n_samples", min(usual, pairs.samples_at(asked["dt"])))
    elif asked["mode"] == "model_update" and not pairs.says_interval:
        asked.pop("dt")  # It was the interval of the files, and that of the network stays.
    return pairs


def run_from_options(problem: Problem, options: argparse.Namespace, arguments: Sequence[str] = ()) -> Run:
    """The run that the options ask for; ``arguments`` are the command line with them. Nothing is created yet."""
    _check(problem, options)
    asked = {name: value for name, value in vars(options).items() if value is not None}
    if options.snr_db:
        try:
            asked["snr_db"] = list(check_snr(options.snr_db[0] if len(options.snr_db) == 1 else options.snr_db))
        except ValueError as error:
            raise UserError(str(error)) from error
    for name, read in FROM_FILES.items():
        if name in asked:
            try:
                # The process that started a worker has stored what the file held then.
                asked[name] = None if options.is_worker else read(asked[name], options.dt)
            except ValueError as error:
                raise UserError(str(error)) from error
    preset = options.preset or "quick"
    problem = problem.in_preset(preset)
    if problem.asked:
        problem = problem.asked(problem, options)
    # A worker knows what the pairs have to be from its study, and opens the files then.
    pairs = _opened_pairs(problem, preset, asked) if options.traces and not options.is_worker else None
    if options.repeats:
        asked["n_trials"] = options.repeats
    if MODES[options.mode].is_search:
        asked.setdefault("n_workers", usual_workers())
    if options.mode == "optuna":
        asked.setdefault("study_name", new_study_name(problem.study_prefix, PRESETS[preset].is_paper_search))
    if options.is_worker and WORKER_STORAGE in os.environ:
        asked["storage_url"] = os.environ[WORKER_STORAGE]
    given = {name: asked[name] for name in DEFAULTS if asked.get(name) is not None}
    space = problem.space(preset)
    if options.log_lr:
        rate = space["Learning Rate"]
        if rate.log and not options.is_worker:
            note(f"--log-lr changes nothing: preset {preset} draws learning rates on a log scale anyway.")
        space["Learning Rate"] = FloatDistribution(rate.low, rate.high, log=True)
    if options.search_transform:
        space["transform"] = CategoricalDistribution(problem.transforms)
    space = narrowed(space, options.only or (), options.ranges or ())
    has_own_space = options.log_lr or options.search_transform or options.only or options.ranges
    run = Run(
        problem=problem,
        mode=options.mode,
        settings=settings_of(problem, preset, options.mode, given),
        search_space=space,
        given=frozenset(given) | ({"search_space"} if has_own_space else set()),
        arguments=arguments,
        **{field.name: asked[field.name] for field in fields(RunOptions) if field.name in asked},
    )
    if options.only or options.ranges:
        check_networks(run)
    if pairs:
        run = on_pairs(run, pairs)
    if not run.given.isdisjoint((*OF_TRACES, "num_datasets")):
        try:
            data_stream(run, "training", run.settings.num_datasets, run.settings.seed)
        except ValueError as error:
            raise UserError(str(error)) from error
    return run
