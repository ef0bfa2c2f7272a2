"""Runs on own pairs: their files are opened, known again by their content, and given to the run's problem."""

from collections.abc import Mapping
from dataclasses import replace

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
    return replace(run, own_pairs=pairs, problem=task_of(run.problem, run.problem.own_stream, pairs))


def with_pairs(run: Run) -> Run:
    """The run on the pairs that its settings name, if they name any.

    Raises UserError when the files are missing or have another content than the settings, and ValueError for settings
    that no run could have stored.
    """
    traces, targets, content = (getattr(run.settings, name) for name in OF_PAIRS)
    if traces is None or (run.own_pairs and run.own_pairs.content == content):
        return run
    if run.problem.own_stream is None or not isinstance(content, Mapping):
        raise ValueError(f"traces {traces!r} without their content, or for a problem that takes none")
    found = opened(run.problem, traces, targets, content.get("dt"))
    if found.content != content:
        files = " and ".join(repr(path) for path in (traces, targets) if path)
        raise UserError(
            f"the content of {files} has changed since the traces were first used; bring the former files back, or "
            "start anew with another name"
        )
    return on_pairs(run, found)
