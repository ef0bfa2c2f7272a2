"""Where studies are kept: together in one file of a problem, or in files of their own, and which one is the newest."""

import os
import re
from pathlib import Path

import forked
import optuna
import pytest
from optuna.trial import TrialState
from test_storage import make_old, write_study
from toys import DENOISING, INVERSION, load, run_here, toy

import hpo.asked
import hpo.options
from hpo.results.grid import MissingError
from hpo.results.studies import read_study
from hpo.sqlite_files import study_names
from hpo.storage import open_storage
from hpo.tree import ResultsTree
from hpo.trials import TrialQueue
from support.errors import UserError

N_EPOCHS = 5


@pytest.fixture
def tree(tmp_path):
    tree = ResultsTree(tmp_path, "Denoising")
    tree.search.mkdir(parents=True)
    return tree


# --- Names


@pytest.mark.parametrize("problem", [DENOISING, INVERSION], ids=lambda problem: problem.name)
@pytest.mark.parametrize(
    ("preset", "form"),
    [
        ("quick", r"_\d{8}_[0-9a-f]{6}"),
        ("extended", r"_\d{8}_[0-9a-f]{6}"),
        ("paper", r"_\d{8}_\d{4}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("published", r"_\d{8}_\d{4}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ],
)
def test_new_studies_have_short_names_of_their_own_and_those_of_the_paper_the_published_form(problem, preset, form):
    options = hpo.options.parse_options("", ["--preset", preset])
    names = {hpo.asked.run_from_options(problem, options).study_name for _ in range(20)}
    assert len(names) == 20 and all(re.fullmatch(problem.study_prefix + form, name) for name in names)


# --- Files


def test_a_study_is_in_the_file_of_all_studies_unless_it_has_its_own(tree):
    write_study(tree.search / "old.db", "old")
    assert tree.database("old") == tree.search / "old.db"
    assert tree.database("new") == tree.studies == tree.search / "studies.db"


def test_the_names_of_a_file_are_read_whatever_its_schema_and_state(tree):
    assert study_names(tree.studies) == []
    tree.studies.touch()
    assert study_names(tree.studies) == []  # as another process makes it at this moment
    for name in ("b", "a"):
        write_study(tree.studies, name, n_trials=0)
    make_old(tree.studies)
    before = tree.studies.read_bytes()
    assert study_names(tree.studies) == ["b", "a"] and tree.studies.read_bytes() == before
    tree.studies.write_bytes(b"words, and more of them than the header of a database has, so that they are read" * 9)
    with pytest.raises(UserError, match="studies.db' cannot be read"):
        study_names(tree.studies)


def test_the_newest_study_is_the_last_one_worked_on_or_else_the_latest_file_or_study(tree):
    assert tree.newest_study() is None
    for name in ("b", "a"):
        write_study(tree.studies, name, n_trials=0)
    assert tree.newest_study() == "a"
    write_study(tree.search / "own.db", "own", n_trials=0)
    os.utime(tree.studies, (0, 0))
    assert tree.newest_study() == "own"
    for name in ("b", "own", "a"):
        tree.last_study.write_text(name)
        assert tree.newest_study() == name
    tree.last_study.write_text("one that was deleted")
    assert tree.newest_study() == "own"


def test_a_study_of_another_problem_is_found_in_either_kind_of_file_and_a_broken_file_stops_nothing(tree):
    other, third = (ResultsTree(tree.output, folder) for folder in ("Inversion", "Broken"))
    for folder in (other, third):
        folder.search.mkdir(parents=True)
    third.studies.write_text("words " * 1000)
    write_study(other.studies, "together", n_trials=0)
    write_study(other.search / "own.db", "own", n_trials=0)
    write_study(tree.studies, "mine", n_trials=0)
    assert tree.elsewhere("together") == other.studies and tree.elsewhere("own") == other.search / "own.db"
    assert tree.elsewhere("mine") is None and other.elsewhere("mine") == tree.studies


def test_figures_read_the_named_or_the_newest_study_of_either_kind_of_file(tree):
    names = [f"DEN_Study_{name}" for name in ("first", "second", "own")]
    for name, path in zip(names, (tree.studies, tree.studies, tree.search / f"{names[2]}.db"), strict=True):
        write_study(path, name)
    for name in names:
        assert read_study(DENOISING, tree, study_name=name).name == name
        tree.last_study.write_text(name)
        assert read_study(DENOISING, tree).name == name
    with pytest.raises(MissingError, match="there is no study 'none' .* DEN_Study_first, DEN_Study_second"):
        read_study(DENOISING, tree, study_name="none")


# --- Runs


def test_a_study_with_a_file_of_its_own_goes_on_there_beside_new_ones(tmp_path, capsys, hasty):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "old") == 0
    tree = ResultsTree(tmp_path, "Denoising")
    tree.studies.rename(tree.search / "old.db")  # as earlier versions left it
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "new") == 0
    assert study_names(tree.studies) == ["new"]
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "2", "--study-name", "old") == 0
    resume = ("--mode", "optuna_resume", "--n-trials", "3")
    assert run_here(toy(DENOISING), tmp_path, *resume) == 0
    for name, n_trials in {"old": 3, "new": 1}.items():
        study = load(tmp_path, DENOISING, name)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * n_trials
    assert study_names(tree.studies) == ["new"] and study_names(tree.search / "old.db") == ["old"]
    assert "old.db --artifact-dir" in capsys.readouterr().out


def work_off(folder, name):
    """One process works on a study in a file of several: it claims trials, reports their epochs and records results."""
    _, storage = open_storage(f"sqlite:///{folder / 'studies.db'}", folder)
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    with TrialQueue(study, storage, folder) as queue:
        queue.plan(6)
        while (claimed := queue.claim(6)) is not None:
            trial = optuna.trial.Trial(study, claimed._trial_id)
            for epoch in range(N_EPOCHS):
                trial.report(float(trial.number), epoch)
                trial.set_user_attr(f"of {name}", epoch)
            assert queue.tell(trial, TrialState.COMPLETE, float(trial.number))


def test_several_studies_run_at_once_in_one_file(tmp_path):
    names = ["one", "two", "three"]
    processes = [forked.forks().Process(target=work_off, args=(tmp_path, name)) for name in names * 2]
    for process in processes:
        process.start()
    for process in processes:
        process.join(forked.SECONDS)
        assert process.exitcode == 0
    assert sorted(study_names(tmp_path / "studies.db")) == sorted(names)
    for name in names:
        trials = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / 'studies.db'}").trials
        assert [(trial.number, trial.value, trial.state) for trial in trials] == [
            (number, float(number), TrialState.COMPLETE) for number in range(6)
        ]
        assert all(list(trial.intermediate_values) == list(range(N_EPOCHS)) for trial in trials)
        assert all([key for key in trial.user_attrs if key.startswith("of ")] == [f"of {name}"] for trial in trials)
    assert list((tmp_path / ".workers").glob("*.lock")) == []


def test_paths_are_named_from_the_working_folder_where_they_lie_below_it(tmp_path, capsys, monkeypatch, hasty):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for output, shown in ((tmp_path / "here" / "results", "results"), (tmp_path / "there", str(tmp_path / "there"))):
        assert run_here(toy(DENOISING), output, "--n-trials", "1") == 0
        printed = capsys.readouterr().out
        paths = [line.split()[-1] for line in printed.splitlines() if line.startswith(("Results", "All trials", "Pic"))]
        assert len(paths) == 3 and all(Path(path).is_relative_to(shown) for path in paths), printed
        assert f" sqlite:///{shown}/Denoising/Search/Optuna/studies.db " in printed
