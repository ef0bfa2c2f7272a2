"""Runs on own pairs: their files are opened, known again by their content, and given to the run's problem."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from baseML import BaseMLClass
from hpo.problem import Problem
from hpo.run import Run
from hpo.settings import OF_PAIRS
from problems.own_pairs import Pairs, open_pairs, task_of
from support.errors import UserError
from support.files import note


def opened(problem: Problem, traces: str, targets: str | None, dt: float | None) -> Pairs:
    """The pairs of a problem in these files; ``dt`` in s is that of files without an interval. Raises UserError."""
    try:
        return open_pairs(problem.own_stream, traces, targets, dt)
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error


def on_pairs(run: Run, pairs: Pairs) -> Run:
    """The run with these pairs in the place of made traces."""
    if not run.is_worker:
        for sentence in pairs.notes:
            note(sentence)
    problem = task_of(run.problem, run.problem.own_stream, pairs)
    # A variety is of traces that are made.
    return replace(run, own_pairs=pairs, problem=problem, settings=replace(run.settings, variety="paper"))


def with_pairs(run: Run) -> Run:
    """The run on the pairs that its settings name, if they name any.

    Raises UserError when the files are missing or have another content than the settings, and ValueError for settings
    that no run could have stored.
    """
    s = run.settings
    if s.traces is None or (run.own_pairs and run.own_pairs.content == s.pairs):
        return run
    return on_pairs(run, _described(run.problem, asdict(s)))


def tested_on(problem: Problem, networks: Iterable[BaseMLClass]) -> tuple[Problem, Pairs | None]:
    """The problem on the pairs that networks were trained on, and these; None for networks of made traces.

    A problem that differs in the preset of the networks is the one that it is there. Raises ValueError for networks of
    different pairs, or of presets with different data, and UserError as `with_pairs` does.
    """
    networks = list(networks)
    presets = {str(network.provenance.get("preset")) for network in networks}
    if len(presets) > 1 and not presets.isdisjoint(problem.in_presets):
        raise ValueError(f"the networks are of presets with different data: {', '.join(sorted(presets))}")
    if len(presets) == 1:
        problem = problem.in_preset(*presets)
    described = {content_of(network): network.provenance for network in networks}
    if len(described) > 1:
        raise ValueError("the networks were trained on traces of different files, or not all of them on files")
    if not any(described):
        return problem, None
    pairs = _described(problem, *described.values())
    return task_of(problem, problem.own_stream, pairs), pairs


def content_of(network: BaseMLClass) -> str:
    """What a network's pairs hold, as a text that other pairs do not have; empty for a network of made traces."""
    described = network.provenance
    return json.dumps(described.get("pairs")) if described.get("traces") is not None else ""


def _described(problem: Problem, settings: Mapping[str, object]) -> Pairs:
    """The pairs that stored settings name, as they were."""
    traces, targets, content = (settings.get(name) for name in OF_PAIRS)
    if problem.own_stream is None or not isinstance(content, Mapping):
        raise ValueError(f"traces {traces!r} without their content, or for a problem that takes none")
    found = opened(problem, traces, targets, content.get("dt"))
    if found.content != content:
        files = " and ".join(repr(path) for path in (traces, targets) if path)
        raise UserError(
            f"the content of {files} has changed since the traces were first used; bring the former files back, or "
            "start anew with another name"
        )
    return found
