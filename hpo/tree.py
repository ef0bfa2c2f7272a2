"""Where the results of one problem stand."""

import contextlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hpo.sqlite_files import study_names
from hpo.urls import sqlite_url
from support.errors import UserError

APPROACHES = ("Grid Search", "Optuna")  # names as published
STUDY_NAME = re.compile(r"\w([\w.-]*[\w-])?")
DEVICE_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)  # not valid as a file name
LONGEST_STUDY_NAME = 200  # bytes; a file name holds 255, and the names of a study's files are longer than its own


def _below(place: str) -> property:
    """Path below the folder of the problem."""
    return property(lambda tree: tree.root / place)


def _below_of_set(place: str) -> property:
    """Path below the folder of the problem, with the name of the tree's set behind it."""
    return property(lambda tree: tree.root / f"{place}{tree._of_set}")


@dataclass(frozen=True)
class ResultsTree:
    """Where the results of one problem stand: the layout of the published archive.

    The archive has one grid and one set of final trainings. A tree may have more of them, each with its ``set_name``
    behind the name of the folders.

    All studies of a problem are in one SQLite file, which lets the dashboard compare them. A study that has a file of
    its own name, as the published ones and those of earlier versions, stays there.
    """

    output: Path
    folder: str
    set_name: str = ""  # empty: the set whose folders have the published names

    search = _below("Search/Optuna")
    grid = _below_of_set("Search/GridSearch")
    repeatability = _below_of_set("Repeatability")
    studies = _below("Search/Optuna/studies.db")
    summary = _below("Search/Optuna/search_summary.csv")
    artifacts = _below("Search/Optuna/artifacts")  # pictures that the dashboard shows
    upgraded = _below("Search/Optuna/upgraded")  # copies of studies that an older Optuna wrote
    # It holds the name of the study that was worked on last: dates of files change with the clock, and in a copy.
    last_study = _below("Search/Optuna/.last_study")

    @property
    def root(self) -> Path:
        return self.output / self.folder

    @property
    def set_names(self) -> list[str]:
        """The names of all sets of the tree but the first one."""
        folders = [*self.root.glob("Repeatability_*"), *self.root.glob("Search/GridSearch_*")]
        return sorted({folder.name.partition("_")[2] for folder in folders})

    @property
    def final_blind_test(self) -> Path:
        """Table that compares the final networks with classical methods."""
        return self.repeatability / "blind_test.csv"

    @property
    def _of_set(self) -> str:
        return self.set_name and f"_{self.set_name}"

    def final_model(self, approach: str) -> Path:
        """Folder of the best network of an approach, "Grid Search" or "Optuna"."""
        return self.root / "Final_Model" / f"{approach.replace(' ', '')}{self._of_set}"

    def blind_test(self, study_name: str) -> Path:
        """Table that compares the best network of a study with classical methods."""
        return self.search / f"{study_name}_blind_test.csv"

    def database(self, study_name: str) -> Path:
        """The SQLite file of a study: the one of its own, or else the one of all studies."""
        own = self.search / f"{study_name}.db"
        return own if own.is_file() else self.studies

    def storage_url(self, study_name: str) -> str:
        """The default storage of a study."""
        return sqlite_url(self.database(study_name))

    def elsewhere(self, study_name: str) -> Path | None:
        """The database of a study of this name that belongs to another problem."""
        for search in sorted(self.output.glob("*/Search/Optuna")):
            other = ResultsTree(self.output, search.relative_to(self.output).parts[0])
            path = other.database(study_name)
            with contextlib.suppress(UserError):  # What cannot be read there does not concern this problem.
                if search != self.search and (path != other.studies or study_name in study_names(path)):
                    return path
        return None

    def newest_study(self) -> str | None:
        """Name of the study that was worked on last. Raises UserError when the file of all studies cannot be read."""
        last = self.last_study.read_text(encoding="utf-8", errors="replace") if self.last_study.is_file() else ""
        together = study_names(self.studies)
        dates = {path.stem: path.stat().st_mtime for path in self.search.glob("*.db") if path != self.studies}
        if last in dates or last in together:
            return last
        if together:
            dates[together[-1]] = self.studies.stat().st_mtime
        return max(dates, key=dates.get, default=None)


def new_study_name(prefix: str, as_published: bool) -> str:
    """Return a name that no study has: the prefix, the date and six characters, or the longer name as published."""
    now, unique = datetime.now(), uuid.uuid4()
    return f"{prefix}_{now:%Y%m%d_%H%M}_{unique}" if as_published else f"{prefix}_{now:%Y%m%d}_{unique.hex[:6]}"


def check_study_name(name: str) -> None:
    """UserError for a name that cannot be part of a file name on every system; nothing else in a name has a meaning."""
    valid = STUDY_NAME.fullmatch(name) and not DEVICE_OF_WINDOWS.fullmatch(name)
    if not valid or len(name.encode()) > LONGEST_STUDY_NAME:
        raise UserError(
            f"{name[:LONGEST_STUDY_NAME]!r} is not a study name: letters, digits, '_', '-' and '.' are valid, "
            f"{LONGEST_STUDY_NAME} bytes at most, with no '-' or '.' in front, no '.' at the end, and no device's name"
        )
