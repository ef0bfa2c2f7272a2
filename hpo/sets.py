"""One folder of results holds trainings of one kind of settings; a tree holds several such sets side by side.

The first set of a tree has the published folders. One with other settings, or of another study, has folders of its own,
with its name behind theirs: the study's, or else the preset's.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from hpo.run import Run
from hpo.settings import DEFAULTS, PATHS, difference
from hpo.study import stored_settings
from support.errors import UserError
from support.files import replace_file

SETTINGS = "settings.json"
UNCOMPARED = {"n_trials", "search_space", *PATHS}  # settings that do not decide what a training gives
# Settings that say enough when they differ: what else differs then mostly comes from them.
TELLING = ("from_study", "preset")


def _described(run: Run) -> dict[str, object]:
    """What is stored with the results of a run; without a study, the configurations are those of the run script."""
    return {"from_study": run.from_study, **stored_settings(run)}


def differences(folder: Path, run: Run, otherwise: str) -> str:
    """What the results in a folder were started with that a run has not; empty for none, also where there are none.

    Raises UserError where this cannot be known; ``otherwise`` says what the user can do then.
    """
    if not (folder / SETTINGS).is_file():
        return ""
    asked = _described(run)
    try:
        stored = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        # Older results do not say whose configurations they are of.
        found = {**DEFAULTS, "from_study": run.from_study, **stored}
    except (ValueError, TypeError) as error:
        path = str(folder / SETTINGS)
        raise UserError(f"{path!r} does not hold the settings of a run ({error}); {otherwise}") from error
    different = [name for name in asked if name not in UNCOMPARED and found.get(name) != asked[name]]
    different = [name for name in different if name in TELLING] or different
    return ", ".join(_difference(run, name, found.get(name), asked[name]) for name in different)


def _difference(run: Run, name: str, found: object, asked: object) -> str:
    """How a message says that a setting differs."""
    if name == "from_study":
        return f"the configurations of {run.problem.source(found)}, not of {run.problem.source(asked)}"
    return difference(name, found, asked)


@contextlib.contextmanager
def claimed(folder: Path, run: Run, otherwise: str = "give another --output") -> Iterator[None]:
    """Keep ``folder`` for this process alone.

    Raises UserError if its results have other settings, or if another process works in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"another process is working in {str(folder)!r}; wait for it, or stop it") from None
    try:
        if different := differences(folder, run, otherwise):
            raise UserError(
                f"{str(folder)!r} was started with {different}; "
                f"go on with the options that it started with, or {otherwise}"
            )
        replace_file(folder / SETTINGS, json.dumps(_described(run), indent=2) + "\n")
        yield
    finally:
        lock.release()


def set_names(run: Run) -> Iterator[str]:
    """The names that the set of a run may have, the preferred one first; empty for the published folders."""
    name = run.from_study or run.settings.preset
    yield from ("", name)
    yield from (f"{name}_{number}" for number in itertools.count(2))
