"""What a study says about itself in the dashboard: its note, the table of its blind test, the card of importances."""

import json
import shlex

import optuna
import optuna_dashboard
import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.trial import create_trial
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from test_dashboard import once, serving
from toys import DENOISING, INVERSION, TOY, load, run_here, toy

import hpo.asked
import hpo.notes
import hpo.options
from hpo.dashboard import dashboard_command
from hpo.importance import importances_of
from hpo.notes import CARD, with_section, write_results
from hpo.study import open_study
from hpo.tree import ResultsTree


def made_up(tmp_path, n_trials, problem=DENOISING):
    """A run and its new study, whose scores depend on the kernel size above all."""
    options = ["--output", str(tmp_path), "--study-name", "s", *TOY]
    run = hpo.asked.run_from_options(problem, hpo.options.parse_options("", options))
    run, study = open_study(run)
    add_trials(run, study, n_trials)
    return run, study


def add_trials(run, study, n_trials):
    draws = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=len(study.trials)))
    for _ in range(n_trials):
        params = draws.ask(dict(run.search_space)).params
        value = params["krnl_size"] + 0.01 * params["num_filt"]
        distributions = dict(run.search_space)
        study.add_trial(
            create_trial(params=params, distributions=distributions, value=value, intermediate_values={0: 1.0})
        )


def card_of(study):
    return get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id)).get(CARD)


def section(note, heading):
    return note.partition(f"## {heading}\n")[2].partition("\n---\n")[0]


# --- Sections


def test_a_section_takes_the_place_of_its_former_self_alone():
    note = with_section(with_section("# Study\n", "One", "first"), "Two", "second\n\n- a\n- b")
    note = note.replace("# Study\n", "# Study\n\nMy words.\n") + "\nMore of *my* words.\n"
    changed = with_section(note, "One", r"other \1 words")
    assert changed == note.replace("first", r"other \1 words")
    assert with_section(changed, "One", "first") == note
    without_rule = note.replace("second\n\n- a\n- b\n\n---\n", "second\n")
    assert with_section(without_rule, "Two", "new") == f"{without_rule.rstrip()}\n\n## Two\n\nnew\n\n---\n"
    without_rule = note.replace("first\n\n---\n", "first\n")
    assert with_section(without_rule, "One", "new") == f"{without_rule.rstrip()}\n\n## One\n\nnew\n\n---\n"


# --- The note


def test_a_new_study_says_how_its_pages_are_read_and_what_its_parameters_mean(tmp_path):
    _, study = made_up(tmp_path, 0)
    note = optuna_dashboard.get_note(study)
    assert "preset quick, seed 0, sampler tpe" in note and "Log y scale" in note and "PED-ANOVA" in note
    assert "| `krnl_size` | KRNL, K | kernel size |" in note and "num_lstm" not in note
    _, study = made_up(tmp_path / "other", 0, INVERSION)
    assert "in ft/s" in optuna_dashboard.get_note(study)


@pytest.mark.parametrize(
    ("n_trials", "words", "has_card"),
    [
        (9, "Trained trials: 9. There are no importances: 9 trained trials are too few; at least 10", False),
        (10, "Trained trials: 10. fANOVA of 10 trials, mean and standard deviation of 5 random forests. Not", True),
        (30, "Trained trials: 30. fANOVA of 30 trials, mean and standard deviation of 5 random forests.\n", True),
    ],
)
def test_importances_name_their_method_and_their_trials_or_why_there_are_none(tmp_path, n_trials, words, has_card):
    run, study = made_up(tmp_path, n_trials)
    write_results(run, study)
    text = section(optuna_dashboard.get_note(study), "Importance of the parameters")
    assert words in text and ("Not reliable" in text) == (10 <= n_trials < 30)
    assert (card_of(study) is not None) == has_card
    if has_card:
        figure, found = json.loads(card_of(study)), importances_of(study.trials)
        (bars,) = figure["data"]
        assert bars["y"][0] == "kernel size (krnl_size)" and bars["x"] == pytest.approx(found.shares["mean"])
        assert bars["error_x"]["array"] == pytest.approx(found.shares["spread"])
        title = figure["layout"]["title"]["text"]
        assert "Importance for the score, fANOVA" in title and f"fANOVA of {n_trials} trials" in title
        assert ("Not reliable" in title) == (n_trials < 30)
        assert text.count(" ± ") == len(found.shares)


@pytest.mark.usefixtures("few_forests")
def test_importances_are_computed_again_only_for_more_trials(tmp_path, monkeypatch):
    run, study = made_up(tmp_path, 12)
    counted = []
    monkeypatch.setattr(
        hpo.notes, "importances_of", lambda trained: counted.append(len(trained)) or importances_of(trained)
    )
    for n_more in (0, 0, 3):
        add_trials(run, study, n_more)
        write_results(run, study)
    assert counted == [12, 15]
    note = optuna_dashboard.get_note(study)
    assert "fANOVA of 15 trials" in note and note.count("## Importance of the parameters") == 1
    assert "fANOVA of 15 trials" in card_of(study)


def test_so_many_trials_that_importances_would_take_minutes_have_none(tmp_path, monkeypatch):
    monkeypatch.setattr(hpo.notes, "TOO_MANY", 11)
    run, study = made_up(tmp_path, 12)
    write_results(run, study)
    assert "is left to `python resultsPlotting.py`" in optuna_dashboard.get_note(study) and card_of(study) is None


@pytest.mark.usefixtures("few_forests")
def test_a_published_study_without_attributes_leaves_its_skipped_networks_out(tmp_path):
    run, study = made_up(tmp_path, 12)
    params = study.trials[0].params
    study.add_trial(create_trial(params=params, distributions=dict(run.search_space), value=run.problem.skipped_score))
    write_results(run, study)
    assert "Trained trials: 12." in optuna_dashboard.get_note(study)


def test_a_study_without_a_result_has_its_first_note(tmp_path):
    run, study = made_up(tmp_path, 0)
    before = optuna_dashboard.get_note(study)
    write_results(run, study)
    assert optuna_dashboard.get_note(study) == before


# --- The blind test, and the best trial


def test_a_run_leaves_its_blind_test_and_its_best_trial_in_the_note_and_among_the_artifacts(tmp_path, hasty):
    tree = ResultsTree(tmp_path, "Denoising")
    store = FileSystemArtifactStore(tree.artifacts)
    for n_trials in ("1", "2"):
        assert run_here(toy(DENOISING), tmp_path, "--n-trials", n_trials, "--study-name", "s") == 0
        study = load(tmp_path, DENOISING)
        note = optuna_dashboard.get_note(study)
        best, table = study.best_trial, section(note, "Blind test")
        assert f"Trial {best.number}, validation loss" in section(note, "Best trial")
        assert f"| dense units (`num_dnn`) | {best.params['num_dnn']} |" in section(note, "Best trial")
        assert "num_dil" not in section(note, "Best trial")  # which a CNN does not have
        assert f"| CNN of trial {best.number} | network |" in table and "| Spectral Wiener | baseline |" in table
        assert "RMSE" in table and "SNR (dB)" in table and table.count("[") > 20
        (artifact,) = get_all_artifact_meta(study)
        assert artifact.filename == "s_blind_test.csv"
        with store.open_reader(artifact.artifact_id) as file:
            assert file.read() == tree.blind_test("s").read_bytes()
    attributes = study._storage.get_study_system_attrs(study._study_id)
    notes = [str(text) for name, text in attributes.items() if name.startswith(f"dashboard:{best._trial_id}:note_str")]
    assert "The best trial so far when it ended" in notes[0] and "kernel size (`krnl_size`)" in notes[0]


def test_what_a_user_uploaded_stays_and_what_was_deleted_comes_back(tmp_path):
    run, study = made_up(tmp_path, 1)
    blind = run.tree.blind_test("s")
    blind.write_text("Method,Kind\nmine,network\n")  # as an earlier version would have it, of other columns
    run.tree.artifacts.mkdir()
    store = FileSystemArtifactStore(run.tree.artifacts)
    own = tmp_path / "wells.csv"
    own.write_text("my wells")
    mine = upload_artifact(artifact_store=store, file_path=str(own), study_or_trial=study)
    write_results(run, study)
    (written,) = (one.artifact_id for one in get_all_artifact_meta(study) if one.artifact_id != mine)
    study._storage.set_study_system_attr(study._study_id, f"artifacts:{written}", json.dumps(None))  # as deleted there
    write_results(run, study)
    attributes = study._storage.get_study_system_attrs(study._study_id)
    left = [json.loads(text) for name, text in attributes.items() if name.startswith("artifacts:")]
    assert sorted(one["filename"] for one in left if one) == ["s_blind_test.csv", "wells.csv"]
    with store.open_reader(mine) as file:
        assert file.read() == b"my wells"
    assert "## Blind test" not in optuna_dashboard.get_note(study)


# --- In a browser


@pytest.mark.usefixtures("few_forests")
def test_the_dashboard_shows_the_card_and_the_table(browser, tmp_path):
    run, study = made_up(tmp_path / "results of a test", 12)
    run.tree.blind_test("s").write_text("Method,Kind\nCNN of trial 3,network\n")
    write_results(run, study)
    with serving(shlex.split(dashboard_command(run)), tmp_path / "log") as url:
        browser.get(f"{url}/dashboard/studies/1")
        text = once(
            browser,
            "const t = document.body.innerText; return t.includes('s_blind_test.csv') && t.includes('fANOVA of') && t",
        )
        browser.save_screenshot(str(tmp_path / "card.png"))
    for words in ("Importance for the score, fANOVA", "fANOVA of 12 trials", "Not reliable", "kernel size (krnl_size)"):
        assert words in text
