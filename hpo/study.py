"""Makes or finds a study, stores the settings of its first run, and checks later runs against them."""

import warnings
from collections.abc import Mapping
from dataclasses import MISSING, asdict, replace

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution

from dataPreProcessing import GENERATIONS, VALIDATIONS
from hpo.budget import Budget
from hpo.notes import write_note
from hpo.pairs import with_pairs
from hpo.problem import SEARCHED_SETTINGS, Problem
from hpo.run import Run, data_stream
from hpo.samplers import PRUNERS, SAMPLERS
from hpo.settings import DEFAULTS, MOST_EPOCHS, MOST_TRIALS, PATHS, PRESETS, difference
from hpo.space import space_difference
from hpo.storage import open_storage
from hpo.tree import check_study_name
from hpo.trials import alone, trained_trials
from networks.backends import versions
from networks.rows import NetworkConfig
from support.checks import check_choice, check_flag, check_whole
from support.errors import UserError
from support.files import replace_file

_WHERE = "--output DIR is for a study of another tree, --storage URL for one of another storage"
FREE_TO_CHANGE = ("n_trials", "budget", *PATHS)  # settings that a run which resumes a study may change


def open_study(run: Run) -> tuple[Run, optuna.Study]:
    """Make or find the study of a run; return the run with that study's settings, and the study.

    Raises UserError for a study that is to be resumed but does not exist, or has another problem or other settings.
    """
    run = _find_study(run)
    # The name may come from any storage, and becomes a part of paths.
    check_study_name(run.study_name)
    other = run.tree.elsewhere(run.study_name)
    if other:
        raise UserError(
            f"study {run.study_name!r} is of another problem (it is in {other.parent}); "
            f"a study of {run.problem.name} is needed"
        )
    resumed = run.mode != "optuna"
    if resumed and run.storage_url is None and not run.tree.database(run.study_name).is_file():
        raise UserError(
            f"there is no study {run.study_name!r} in {str(run.tree.search)!r}; {_WHERE}, and --mode optuna starts one"
        )
    if run.storage_url is None:
        run.tree.search.mkdir(parents=True, exist_ok=True)
    url, storage = open_storage(run.url, run.tree.upgraded)
    if url != run.url:
        run = replace(run, storage_url=url)
    known = optuna.get_all_study_names(storage)
    if resumed and run.study_name not in known:
        names = ", ".join(known) or "none"
        raise UserError(f"there is no study {run.study_name!r} in the storage; there are: {names}; {_WHERE}")
    study = optuna.create_study(storage=storage, study_name=run.study_name, direction="minimize", load_if_exists=True)
    if "problem" not in study.user_attrs:
        _describe(run, study)
    run = _with_stored_settings(run, study.user_attrs)
    if not run.is_worker:
        for name in ("n_trials", *(PATHS if run.own_pairs else ())):
            study.set_user_attr(name, getattr(run.settings, name))
        if run.storage_url is None:
            replace_file(run.tree.last_study, run.study_name)
    return run, study


def _describe(run: Run, study: optuna.Study) -> None:
    """Store the settings of the run in a study that has none yet, once, even if several runs start it together.

    Raises UserError for a study that is to be resumed but never began, and for a study of other software that the run
    cannot resume.
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
        settings = {**stored_settings(run), "versions": versions()}
        # The problem is stored last, so that a study which has it has all settings.
        for name in sorted(settings, key=lambda name: name == "problem"):
            study.set_user_attr(name, settings[name])


def _find_study(run: Run) -> Run:
    """Return the run with the name of its study, the newest of the problem when no name is given."""
    if run.study_name is not None:
        return run
    if run.storage_url is None:
        name = run.tree.newest_study()
    else:
        url, storage = open_storage(run.storage_url, run.tree.upgraded)
        run = replace(run, storage_url=url)
        found = [study for study in optuna.get_all_study_summaries(storage) if is_of(run.problem, study)]
        # Identifiers grow from study to study, but dates depend on the clocks of the machines.
        newest = max(found, key=lambda study: study._study_id, default=None)
        name = newest.study_name if newest else None
    if name is None:
        raise UserError(f"there is no study of {run.problem.name} to resume; --mode optuna starts one")
    return replace(run, study_name=name)


def is_of(problem: Problem, study: optuna.study.StudySummary) -> bool:
    """Whether a study is of the problem, which studies of the published scripts say in their names only."""
    if "problem" in study.user_attrs:
        return study.user_attrs["problem"] == problem.name
    return study.study_name.startswith(problem.study_prefix)


def stored_settings(run: Run) -> dict[str, object]:
    """Return the configuration as a study stores it."""
    space = {name: distribution_to_json(kind) for name, kind in run.search_space.items()}
    return {"problem": run.problem.name, **asdict(run.settings), "search_space": space}


def _with_stored_settings(run: Run, stored: Mapping[str, object]) -> Run:
    """Return the run with the settings that its study was started with.

    Raises UserError when the command line has other settings.
    """
    if "problem" not in stored and run.study_name.startswith(run.problem.study_prefix):  # by the published scripts
        if "preset" not in run.given:
            presets = "--preset paper, published or quick"
            raise UserError(f"study {run.study_name!r} does not say how it was run; add {presets}")
        return run
    if stored.get("problem") != run.problem.name:
        found = stored.get("problem", "unknown")
        raise UserError(
            f"study {run.study_name!r} is of another problem ({found}); a study of {run.problem.name} is needed"
        )
    asked = stored_settings(run)
    strict = run.mode == "optuna" and not run.is_worker
    # Other pairs bring another interval and another length, which would not say what is different.
    for name, value in sorted(asked.items(), key=lambda setting: setting[0] != "pairs"):
        compared = name not in FREE_TO_CHANGE and (strict or name in run.given)
        found = stored.get(name, DEFAULTS.get(name, value))
        if compared and found != value:
            different = space_difference(found, value) if name == "search_space" else difference(name, found, value)
            raise UserError(
                f"study {run.study_name!r} was started with {different}; "
                "resume it with the options that it was started with"
            )
    # An older study lacks the settings that came later, and has what is their default now.
    names = [name for name, default in DEFAULTS.items() if name in stored or default != MISSING]
    kept = {name: stored.get(name, DEFAULTS[name]) for name in names}
    kept |= {name: asked[name] for name in FREE_TO_CHANGE if name in run.given}
    try:
        space = {name: json_to_distribution(text) for name, text in stored["search_space"].items()}
        settings = replace(run.settings, **kept)
        problem = run.problem.in_preset(settings.preset)
        run = with_pairs(replace(run, problem=problem, settings=settings, search_space=space))
        _check_ranges(run)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            f"study {run.study_name!r} has settings that no run of these scripts could have given it ({error}); "
            "give another --study-name"
        ) from error
    return run


def _check_ranges(run: Run) -> None:
    """Raise ValueError for settings outside their ranges; a storage may come from anybody, unlike the command line."""
    s = run.settings
    for name, valid in {"preset": PRESETS, "sampler": SAMPLERS, "pruner": PRUNERS, "generation": GENERATIONS}.items():
        check_choice(name, getattr(s, name), valid)
    for name, most in {"n_trials": MOST_TRIALS, "num_epochs": MOST_EPOCHS}.items():
        check_whole(name, getattr(s, name), 1, most)
    for name in ("enqueue_base", "one_by_one"):
        check_flag(name, getattr(s, name))
    if s.budget is not None:
        Budget.of(s.budget)
    check_choice("validation", s.validation, VALIDATIONS)
    parameters = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask(dict(run.search_space)).params
    run.network_config(parameters)
    data_stream(run.with_parameters(parameters), "training", s.num_datasets, s.seed)  # refuses the rest


def _open_source(run: Run) -> tuple[Run, optuna.Study]:
    """The study ``run.from_study`` and the run with its settings; nothing is changed in it."""
    return open_study(replace(run, mode="optuna_resume", study_name=run.from_study, given=frozenset(), is_worker=True))


def with_traces_of_source(run: Run) -> Run:
    """Return the run with the preset and the traces of the study ``run.from_study``, if there is one.

    They are those of `Run.with_preset_of` and `Run.with_traces_of`. Raises UserError when the run cannot have such
    traces.
    """
    if run.from_study is None:
        return run
    stored = asdict(_open_source(run)[0].settings)
    run = with_pairs(run.with_preset_of(stored).with_traces_of(stored))
    check_traces(run, f"study {run.from_study!r}")
    return run


def check_traces(run: Run, source: str) -> None:
    """UserError when a run cannot have the traces that it took from ``source``."""
    try:
        data_stream(run, "training", 1, run.settings.seed)
    except ValueError as error:
        raise UserError(f"the traces of {source} cannot be made: {error}") from error


def best_configuration(run: Run) -> tuple[NetworkConfig, dict[str, object]]:
    """Return the network of the best trial of the study ``run.from_study``, with its transform and other settings.

    Raises UserError when the study has no such network.
    """
    found, study = _open_source(run)
    trained = trained_trials(study)
    if not trained:
        raise UserError(f"study {run.from_study!r} has no trained trial yet")
    best = trained[0].params
    try:
        searched = {name: best[name] for name in SEARCHED_SETTINGS if name in best}
        return found.network_config(best), {"transform": found.settings.transform, **searched}
    except (ValueError, TypeError) as error:
        raise UserError(
            f"the best trial of study {run.from_study!r} has a network that these scripts cannot build: {error}"
        ) from error
