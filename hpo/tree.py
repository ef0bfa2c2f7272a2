"""Where the results of one problem stand."""

import re
from dataclasses import dataclass
from pathlib import Path

from hpo.urls import sqlite_url
from support.errors import UserError

APPROACHES = ("Grid Search", "Optuna")  # names as published
STUDY_NAME = re.compile(r"\w([\w.-]*[\w-])?")
DEVICE_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)  # not a file's name
LONGEST_STUDY_NAME = 200  # bytes; a file's name holds 255, and those that are made of a study's are longer


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


def check_study_name(name: str) -> None:
    """UserError for a name that cannot be part of a file's name everywhere; nothing else in a name means anything."""
    valid = STUDY_NAME.fullmatch(name) and not DEVICE_OF_WINDOWS.fullmatch(name)
    if not valid or len(name.encode()) > LONGEST_STUDY_NAME:
        raise UserError(
            f"{name[:LONGEST_STUDY_NAME]!r} is not a study name: letters, digits, '_', '-' and '.' are valid, "
            f"{LONGEST_STUDY_NAME} bytes at most, with no '-' or '.' in front, no '.' at the end, and no device's name"
        )
