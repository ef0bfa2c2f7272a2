"""The paper's figures and tables, from real toy runs, from the published archive, and from what goes wrong."""

import contextlib
import dataclasses
import json
import math
import re
import shutil
import sqlite3
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import forked
import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from optuna.importance import get_param_importances
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from test_dataPlotting import assert_boxes_hold
from test_storage import make_old
from toys import DENOISING, INVERSION, ROOT, TOY, hastily

import hpo.command
import hpo.importance
import hpo.names
import hpo.results.axes
import hpo.results.grid
import hpo.results.networks
import hpo.results.studies
import hpo.space
import resultsPlotting
from baseML import BaseMLClass, NetworkConfig, estimate
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_traces
from evaluation.comparison import best_baseline, paired_lead
from evaluation.scores import score
from hpo.importance import importances_of
from hpo.results.beside import PANELS, plot_beside
from hpo.results.grid import MissingError
from hpo.results.tables import BEST_RUN, COMBINED, Parts, table_of_best, table_of_ranges
from hpo.tree import ResultsTree
from resultsPlotting import Results

PUBLISHED = ROOT.parent / "shared" / "paper" / "published"
pytestmark = pytest.mark.usefixtures("few_forests")
published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published archive is not here")
PROBLEMS = {problem.name: problem for problem in (DENOISING, INVERSION)}
TREE_SPACE = {
    **{"num_layers": IntDistribution(1, 1), "num_dnn": IntDistribution(32, 48), "num_filt": IntDistribution(16, 16)},
    **{"krnl_size": IntDistribution(4, 8), "num_dil": IntDistribution(8, 8)},
    "Learning Rate": FloatDistribution(1e-3, 2e-3),
}
GRID = {"krnl_size": (4, 8), "pool_val": (2, 4)}  # of a parameter that has one value, a grid repeats its base
OWN_SPACE = {
    "denoising": {"arch_type": CategoricalDistribution(["CNN"]), "pool_val": CategoricalDistribution([2, 4])},
    "inversion": {"arch_type": CategoricalDistribution(["CNN"])},
}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


# --- Trees


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Root of the results of toy runs of all modes of both problems."""
    output = tmp_path_factory.mktemp("tree") / "results"
    for problem in PROBLEMS.values():
        config = NetworkConfig("CNN", problem.net_type, 1, 2, num_filt=2, krnl_size=3, learning_rate=1e-3)
        configs = {"Grid Search": config, "Optuna": dataclasses.replace(config, krnl_size=5)}
        space = {**problem.quick_space, **TREE_SPACE, **OWN_SPACE[problem.name]}
        toy = dataclasses.replace(problem, quick_space=space, grid=GRID, final_configs=configs)
        with hastily():
            for options in (["--n-trials", "3"], ["--mode", "manual"], ["--mode", "final_model", "--repeats", "2"]):
                assert hpo.command.main(toy, "toy", [*TOY, "--output", str(output), *options]) == 0
            (model,) = (output / problem.folder / "Final_Model" / "GridSearch").glob("*_KRNL3_*.keras")
            update = ["--mode", "model_update", "--model", str(model)]
            assert hpo.command.main(toy, "toy", [*TOY, "--output", str(output), *update]) == 0
    return output


@pytest.fixture(scope="module")
def made(tree, tmp_path_factory):
    """What the script wrote for that tree, and what it printed."""
    folder = tmp_path_factory.mktemp("made")
    output = folder / "Figs of a test"
    options = ("--results", tree, "--output", output, "--format", "png,pdf", "--html")
    ended = forked.run_script(ROOT / "resultsPlotting.py", *options, folder=folder)
    assert ended.status == 0 and "Traceback" not in ended.errors, ended.errors
    return output, ended.printed


def source(problem, root):
    return Results(problem, ResultsTree(Path(root), problem.folder))


def make_trials(problem, n, seed=0):
    """Trials of all kinds, 5 hours apart; the score depends on the network type, the duration on the filters."""
    rng, trials = np.random.default_rng(seed), []
    draws = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for number in range(n):
        parameters = draws.ask(dict(problem.search_space)).params
        place = problem.search_space["arch_type"].choices.index(parameters["arch_type"])
        score = 0.001 * problem.skipped_score * (1 + place + 0.1 * rng.random())
        kind = "trained" if number < 8 else ("trained", "trained", "skipped", "pruned", "failed")[number % 5]
        state = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL}.get(kind, TrialState.COMPLETE)
        value = {"trained": score, "skipped": problem.skipped_score}.get(kind)
        attributes = {"n_parameters": 9, "seconds": 10.0 * parameters["num_filt"]}
        attributes |= {kind: "for a reason"} if kind in ("skipped", "failed") else {}
        trial = create_trial(
            params=parameters,
            distributions=dict(problem.search_space),
            value=value,
            state=state,
            user_attrs=attributes,
        )
        trial.datetime_start = datetime(2026, 1, 1) + timedelta(hours=5 * number)
        trial.datetime_complete = trial.datetime_start + timedelta(seconds=100)
        trials.append(trial)
    study = optuna.create_study()
    study.add_trials(trials)
    return study.trials


def write_study(path, problem, trials):
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{problem.study_prefix}_made_up"
    study = optuna.create_study(storage=f"sqlite:///{path.as_posix()}", study_name=name)
    study.add_trials(trials)
    return study


def mixed(problem, n=60):
    return hpo.results.studies.study_results(problem, "mixed", make_trials(problem, n), {})


# --- What is drawn


def all_axes(fig):
    titles = [re.match(r"\((\w+)\)", ax.get_title(loc="left")) for ax in fig.axes]
    return {
        title[1] if title else str(place): ax for place, (title, ax) in enumerate(zip(titles, fig.axes, strict=True))
    }


def lines_of(ax):
    """The curves with a name, as name: {x: y}."""
    named = [line for line in ax.lines if not line.get_label().startswith("_")]
    return {line.get_label(): dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in named}


def texts(fig):
    return [text.get_text().replace("\n", " ") for text in fig.findobj(Text) if text.get_text()]


def assert_tidy(fig):
    """Nothing is clipped by the page, no tick label lies on its neighbour, no text is too small, no panel is empty."""
    fig.draw_without_rendering()
    drawn, page = fig.get_tightbbox(), fig.get_size_inches()
    assert min(drawn.x0, drawn.y0) > -0.03 and drawn.x1 < page[0] + 0.03 and drawn.y1 < page[1] + 0.03, drawn
    assert all(text.get_fontsize() >= 5 for text in fig.findobj(Text) if text.get_text())
    for ax in fig.axes:
        assert ax.has_data() or ax.texts or ax.get_legend(), ax
        for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and ax.axison]
            boxes = [label.get_window_extent() for label in shown if label.get_text() and label.get_visible()]
            ends = sorted(sorted(getattr(box, f"interval{side}")) for box in boxes)
            assert all(first[1] <= second[0] + 1 for first, second in pairwise(ends)), [t.get_text() for t in shown]
    assert_apart(visible_texts(fig))


def visible_texts(fig):
    """All texts but those of block diagrams and of ticks outside of the limits."""
    found = []
    for part in [fig, *fig.subfigs]:
        found += [text for text in (part._suptitle, part._supxlabel, part._supylabel) if text]
        found += [text for legend in part.legends for text in legend.get_texts()]
    for ax in fig.axes:
        # Numbers of networks that are alike may lie on each other; another panel has a line for each.
        found += [text for text in ax.texts if ax.axison and not text.get_text().isdigit()]
        found += [ax.title, ax._left_title, ax._right_title]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            found += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
            found.append(axis.label)
    return [text for text in found if text.get_text() and text.get_visible()]


def assert_apart(found):
    # An annotation's own extent has its arrow in it.
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in found]
    for place, (name, box) in enumerate(boxes):
        for other, its in boxes[place + 1 :]:
            wide = min(box.x1, its.x1) - max(box.x0, its.x0)
            high = min(box.y1, its.y1) - max(box.y0, its.y0)
            assert wide <= 1 or high <= 1, f"{name!r} lies on {other!r}"


# --- The published archive


@published
def test_fig_7_shows_the_published_grid():
    results = source(INVERSION, PUBLISHED)
    fig = resultsPlotting.plot_grid_search(results.grid, INVERSION, "ft/s", results.types)
    panels = all_axes(fig)
    heights = {
        label.get_text(): bar.get_height()
        for label, bar in zip(panels["a"].get_xticklabels(), panels["a"].patches, strict=True)
    }
    expected = {"DNN": 11_700, "CNN": 11_200, "CNN\nVAR": 4300, "CNN\nLSTM": 3400, "TCN": 2200}
    assert heights == {name: pytest.approx(value, rel=0.02) for name, value in expected.items()}
    losses = results.grid["loss"]
    for letter in [*"abcdefh", "g1", "g2"]:
        low, high = panels[letter].get_ylim()
        assert low == 0 and losses.max() < high < 1.1 * losses.max()
    assert panels["a"].get_ylabel() == "Validation loss (ft/s)"
    assert lines_of(panels["d"])["TCN"] == {1e-6: 11198.14746, 1e-5: 6148.960449, 1e-4: 4447.615234, 1e-3: 2083.570557}
    assert lines_of(panels["b"])["DNN"] == {1: 11831.12793, 2: 4209.90332, 3: 4190.02002, 4: 4239.70459}
    assert list(lines_of(panels["c"])["CNN"]) == [2, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096]
    assert panels["c"].get_xscale() == panels["d"].get_xscale() == "log"
    dilations, units = lines_of(panels["g1"]), lines_of(panels["g2"])
    assert set(dilations) == {"TCN"} and dilations["TCN"][16] == 2665.720703
    assert set(units) == {"CNN_LSTM"} and units["CNN_LSTM"][50] == 3885.29541
    labels = [panels[letter].get_xlabel() for letter in ("g1", "g2")]
    assert labels == ["Largest dilation (TCN)", "LSTM units (CNN_LSTM)"]
    styles = {line.get_label(): line for line in panels["b"].lines}
    assert styles["CNN"].get_linestyle() == styles["DNN"].get_linestyle() == "--" != styles["TCN"].get_linestyle()
    assert styles["TCN"].get_linewidth() > 1.4 * styles["CNN_VAR"].get_linewidth()
    assert_tidy(fig)


@published
def test_every_point_of_fig_7_is_a_row_of_the_published_table():
    table = pd.read_csv(PUBLISHED / "Inversion" / "Search" / "GridSearch" / "search_summary.csv")
    losses = {arch_type: set(rows["Validation Loss"]) for arch_type, rows in table.groupby("Type")}
    fig = resultsPlotting.plot_grid_search(source(INVERSION, PUBLISHED).grid, INVERSION, "ft/s")
    panels = all_axes(fig)
    for letter in [*"bcdef", "g1", "g2"]:
        for arch_type, points in lines_of(panels[letter]).items():
            assert set(points.values()) <= losses[arch_type]


@published
def test_the_published_grid_leads_to_the_papers_table_4():
    best = hpo.results.grid.best_of_grid(source(INVERSION, PUBLISHED).grid)
    config = INVERSION.final_configs["Grid Search"]
    expected = {**dataclasses.asdict(config), "Learning Rate": config.learning_rate}
    assert best == {name: expected[name] for name in best} and best["arch_type"] == "TCN"


def column_of(table, heading):
    return dict(zip(table["Parameter"], table[heading], strict=True))


@published
def test_table_4_tells_the_combination_from_the_run_with_the_lowest_loss(tmp_path):
    """The combination of the best values was no run of the grid; it has a loss only where it was trained again."""
    grid = source(INVERSION, PUBLISHED).grid
    table, note = table_of_best(INVERSION, Parts(grid=grid))
    combined, run = (column_of(table, heading) for heading in (COMBINED, BEST_RUN))
    assert [combined[name] for name in ("dense units", "largest dilation", "filters", "kernel size")] == (
        ["3072", "16", "128", "64"]
    )
    assert combined["lowest validation loss"] == "not trained" and combined["the same, final models"] == "-"
    assert [run[name] for name in ("dense units", "largest dilation", "filters", "kernel size")] == (
        ["1024", "32", "64", "32"]
    )
    assert run["lowest validation loss"] == "2084" and "the paper's convention" in note
    assert "pooling" not in combined and "LSTM units" not in combined
    best = hpo.results.grid.best_of_grid(grid)
    repeats = pd.DataFrame([{"approach": "Grid Search", **best, "loss": loss} for loss in (1671.0, 1890.0, 2011.0)])
    other = {**best, "num_filt": 8, "approach": "Grid Search", "loss": 1.0}
    repeats = pd.concat([repeats, pd.DataFrame([other, {**other, **best, "approach": "Optuna"}])])
    table, _ = table_of_best(INVERSION, Parts(grid=grid, repeats=repeats))
    assert column_of(table, COMBINED)["the same, final models"] == "1671 (median 1890 of 3)"
    assert column_of(table, BEST_RUN)["the same, final models"] == "-"


@pytest.mark.parametrize(("preset", "dense"), [("quick", "32"), ("paper", "1024"), (["odd"], "-")])
def test_base_values_without_a_grid_are_those_of_the_preset_and_inside_the_ranges(preset, dense):
    results = mixed(DENOISING, 12)
    space = DENOISING.space("quick" if preset == "quick" else "paper")
    if preset == ["odd"]:  # An attribute of a foreign study, and a range without the base value.
        space = {**space, "num_dnn": IntDistribution(2, 64)}
    stored = {name: optuna.distributions.distribution_to_json(kind) for name, kind in space.items()}
    results.study.set_user_attr("search_space", stored)
    results.study.set_user_attr("preset", preset)
    table, _ = table_of_ranges(DENOISING, Parts(results))
    base = column_of(table, "Base value")
    assert base["dense units"] == dense and base["network type"] == "-"
    for name, kind in space.items():
        value = base[hpo.names.readable(name)]
        assert value == "-" or hpo.space.contains(kind, float(value))


def test_final_trainings_are_read_with_their_networks_where_the_table_has_them(tree, tmp_path):
    repeats = source(DENOISING, tree).repeatability
    assert set(repeats) == {"approach", "loss", *hpo.names.PARAMETERS}
    assert repeats.groupby("approach")["krnl_size"].unique().map(list).to_dict() == {"Grid Search": [3], "Optuna": [5]}
    table = pd.read_csv(ResultsTree(tree, "Denoising").repeatability / "repeatability_summary.csv")
    other = ResultsTree(tmp_path, "Denoising")
    other.repeatability.mkdir(parents=True)
    table.assign(FIL="many").to_csv(other.repeatability / "repeatability_summary.csv", index=False)
    assert list(hpo.results.grid.read_repeatability(other)) == ["approach", "loss"]


@published
def test_the_archive_gives_fig_7_and_says_what_else_it_had_no_data_for(tmp_path, capsys):
    before = sorted(path.stat().st_mtime_ns for path in PUBLISHED.rglob("*"))
    options = ["--results", str(PUBLISHED), "--problem", "inversion", "--output", str(tmp_path)]
    assert resultsPlotting.main(options) == 0
    printed, errors = capsys.readouterr()
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["Fig2.png", "Fig7.png", "Table2.csv", "Table2.md", "Table4.csv", "Table4.md"]
    )
    for what, mode in (
        ("Fig 8      not made: study: there is no study", "optuna"),
        ("Fig 9      not made: repeated trainings: there is no", "final_model"),
    ):
        (line,) = (line for line in printed.splitlines() if line.startswith(what))
        assert line.endswith(f"python run_InversionML_HPO_Paper.py --mode {mode} --output {PUBLISHED} makes it")
    assert "Fig 10     not made: final networks" in printed and "Fig 11     not made" in printed
    assert "Fig 3" not in printed
    assert sorted(path.stat().st_mtime_ns for path in PUBLISHED.rglob("*")) == before


# --- Two trees beside each other


@published
def test_the_archive_stands_beside_itself(tmp_path, capsys):
    options = ["--results", str(PUBLISHED), "--compare", str(PUBLISHED), "--output", str(tmp_path)]
    assert resultsPlotting.main(options) == 0
    printed = capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["Fig_inversion_beside.png"]
    assert "Fig denoising_beside not made: loss curves: there is none in" in printed
    assert "without study: there is no study" in printed and "without repeated trainings" in printed
    notes = []
    results = source(INVERSION, PUBLISHED)
    fig = plot_beside(results, results, "ft/s", notes)
    assert len(notes) == 2
    *curves, runs, boxes = fig.axes
    assert len(curves) == 12 and "L1 U1965 D93 F14 K13, rate 0.000908" in curves[0].get_title().replace("\n", " ")
    ours, other = (line.get_ydata() for line in curves[0].lines)
    assert (ours == other).all() and min(ours) == pytest.approx(1981.83642578125)
    points = [(x, y) for line in runs.lines[:5] for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    assert len(points) == 176 and all(x == y for x, y in points)
    assert_tidy(fig)


@published
def test_values_that_a_network_does_not_use_do_not_keep_configurations_apart():
    histories = {history.path.name[:14]: history for history in source(INVERSION, PUBLISHED).histories}
    label, rate = histories["CNN_SEQ_LYR1_DNN3016_DIL127"[:14]].key
    assert "_DIL0_" in label and label.endswith("_LSTM0_") and float(rate) > 0
    assert len(histories) <= len(source(INVERSION, PUBLISHED).histories) == 24


def test_all_panels_of_two_trees(tree, tmp_path):
    """The other tree has the same runs with losses that are higher by a half, and a study of its own."""
    shutil.copytree(tree, tmp_path / "other")
    other = source(DENOISING, tmp_path / "other")
    for path in (other.tree.grid / "search_summary.csv", other.tree.repeatability / "repeatability_summary.csv"):
        table = pd.read_csv(path)
        table["Validation Loss"] *= 1.5
        table.to_csv(path, index=False)
    ours, notes = source(DENOISING, tree), []
    fig = plot_beside(ours, other, "", notes)
    (too_few,) = notes
    assert too_few.startswith("importance for the score: 3 trained trials are too few")
    titles = [title.get_text()[4:] for panel in fig.subfigs for title in [panel._suptitle]]
    assert titles == [panel.title for panel in PANELS if panel.title != "Importance for the score"]
    by_title = {ax.get_title(): ax for ax in fig.axes}
    (runs,) = (ax for title, ax in by_title.items() if title.endswith("runs of both grids"))
    line = runs.lines[0]
    assert np.allclose(line.get_xdata(), 1.5 * np.asarray(line.get_ydata()))
    ours_line, _, other_line, _ = by_title["Optuna, dotted: medians"].lines
    assert np.allclose(other_line.get_ydata(), 1.5 * ours_line.get_ydata())
    assert sum("fresh models for every trace" in text for text in texts(fig)) == 1
    assert_tidy(fig)


def test_importances_of_two_trees(tmp_path):
    for name, n_trials in (("ours", 40), ("other", 80)):
        path = tmp_path / name / "Denoising" / "Search" / "Optuna" / f"{name}.db"
        write_study(path, DENOISING, make_trials(DENOISING, n_trials))
    fig = plot_beside(source(DENOISING, tmp_path / "ours"), source(DENOISING, tmp_path / "other"), "", [])
    (bars,) = (ax for ax in fig.axes if ax.get_xlabel().startswith("Importance"))
    assert "fANOVA, mean and standard deviation of 5 random forests" in bars.get_xlabel()
    first, second = (text.get_text() for text in bars.get_legend().get_texts())
    assert first.startswith("ours: 20 trials") and "Not reliable" in first
    assert second.startswith("other: ") and "Not reliable" not in second
    assert_tidy(fig)


def test_scaled_losses_do_not_stand_beside_others(tree, tmp_path):
    with pytest.raises(MissingError, match="only one of .* has losses of scaled data"):
        plot_beside(source(INVERSION, tree), source(INVERSION, tmp_path), "ft/s", [])


PUBLISHED_REPEATS = {  # ft/s, of the inversion, in their order
    "Optuna": (
        "1555 1664 1670 1674 1707 1718 1738 1738 1781 1657 1758 1697 1805 1650 1762 1734 1758 1704 1677 1763 1757 1784 "
        "1761 1566 1894"
    ),
    "Grid Search": (
        "1671 1862 3182 11898 2011 3919 1910 1905 1814 1945 1896 2134 1820 1765 1813 1932 1926 1867 1865 1854 1872 "
        "1974 1921 1722 1890"
    ),
}


def test_one_outlier_does_not_flatten_fig_9():
    rows = [(approach, float(loss)) for approach, losses in PUBLISHED_REPEATS.items() for loss in losses.split()]
    runs = pd.DataFrame(rows, columns=["approach", "loss"])
    for limits in (None, INVERSION.figure_limits["repeatability"]):
        fig = resultsPlotting.plot_repeatability(runs, INVERSION, "ft/s", limits=limits)
        (ax,) = fig.axes
        low, high = ax.get_ylim()
        assert (low, high) == limits if limits else (1300 < low < 1555 and 1900 < high < 5000)
    (arrow,) = (line for line in ax.lines if line.get_marker() == "^")
    assert arrow.get_xydata().tolist() == [[1, 4000]]  # the grid's box is the first
    words = " ".join(texts(fig))
    assert "Outside, Grid Search: 11898." in words and "Outside, Optuna" not in words
    assert "Medians: Grid Search 1896, Optuna 1734." in words
    assert_tidy(fig)


def test_repeats_without_outliers_have_no_arrows():
    runs = pd.DataFrame({"approach": ["Optuna"] * 3, "loss": [1.0, 2.0, 30.0]})
    fig = resultsPlotting.plot_repeatability(runs, INVERSION, "ft/s")
    assert fig.axes[0].get_ylim()[1] > 30 and "Outside" not in " ".join(texts(fig))


def test_a_study_with_all_that_the_published_one_has_is_drawn(tmp_path, capsys):
    """Failed trials with values, and a trial without an end, which Study.add_trial refuses."""
    trials = make_trials(INVERSION, 40)
    valued = [trial.number for trial in trials if trial.state == TrialState.FAIL][:3]
    path = tmp_path / "Inversion" / "Search" / "Optuna" / "INV_Study_made_up.db"
    write_study(path, INVERSION, trials)
    with contextlib.closing(sqlite3.connect(path)) as database:
        for number in valued:
            database.execute(
                "INSERT INTO trial_values (trial_id, objective, value, value_type) "
                "SELECT trial_id, 0, 2222.0, 'FINITE' FROM trials WHERE number = ?",
                (number,),
            )
        database.execute("UPDATE trials SET datetime_complete = NULL WHERE number = 5")
        database.commit()
    options = ["--results", str(tmp_path), "--problem", "inversion", "--figures", "8", "--html"]
    assert resultsPlotting.main([*options, "--output", str(tmp_path / "Figs")]) == 0
    assert "Fig 8      " in capsys.readouterr().out
    results = source(INVERSION, tmp_path).study
    counts = results.trials["kind"].value_counts()
    assert counts["failed with a value"] == 3 and counts["failed"] > 0 and counts["skipped"] > 0
    assert not results.rows["score"].eq(2222.0).any()
    fig = resultsPlotting.plot_study(results)
    words = " ".join(texts(fig))
    for sentence in (f"{counts['skipped']} skipped as too large", f"{counts['failed']} failed, 3 failed with a value"):
        assert sentence in words
    assert_tidy(fig)


def test_results_say_which_traces_they_were_made_with(tree):
    study = source(DENOISING, tree).study
    assert "Traces: fresh models for every trace" in " ".join(texts(resultsPlotting.plot_study(study)))
    study.study.set_user_attr("generation", "published")
    assert "Traces: models in rows that are used again" in " ".join(texts(resultsPlotting.plot_study(study)))
    assert hpo.results.grid.traces_sentence(DENOISING, {}) == "Traces: not recorded with the results."
    own_data = dataclasses.replace(DENOISING, paper_trials=0)
    assert hpo.results.grid.traces_sentence(own_data, {"generation": "described"}) == ""
    assert hpo.results.grid.traces_sentence(DENOISING, {"generation": []}) == "Traces: not recorded with the results."


# --- Our own trees


MADE = [number for number in range(2, 14) if number != 11]  # three trials are too few for importances


def test_all_figures_and_tables_are_made_from_runs_of_all_modes(made):
    output, printed = made
    figures = {f"Fig{number}.{ending}" for number in MADE for ending in ("png", "pdf")}
    tables = {f"Table{number}.{ending}" for number in range(1, 5) for ending in ("csv", "md")}
    assert {path.name for path in output.iterdir()} == figures | tables | {"report.html"}
    (missing,) = re.findall("Fig 11     not made: (.*)", printed)
    assert missing.startswith("denoising: importance for the duration: 3 trained trials are too few; at least 10 are")
    assert printed.count("not made") == 1 and "without" not in printed
    for path in output.iterdir():
        assert path.name in printed and path.stat().st_size > 100


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_every_network_of_a_tree_is_rated_on_the_same_blind_traces(made, tree, problem):
    notes = []
    networks, methods = hpo.results.networks.rate_networks(problem, ResultsTree(tree, problem.folder), notes)
    paths = sorted((tree / problem.folder).glob("Final_Model/*/*.keras"))
    assert len(networks) == len(paths) >= 3 and notes == []
    for found, path in zip(networks, paths, strict=True):
        network = BaseMLClass.load_model(path)
        told = network.provenance
        protocol = TraceProtocol.of(network)
        x, y = blind_traces(problem, hpo.results.networks.BASELINE_TRACES, 0, protocol)
        scores = score(problem.metrics, y, network.predict_result(x), x)
        assert found.score.value == pytest.approx(scores[problem.headline.name].value)
        steps = told["num_epochs"] * told["num_datasets"] / told["batch_size"]
        step = estimate(network.config, network.n_samples, batch_size=told["batch_size"]).operations
        assert found.operations == pytest.approx(steps * step)
        assert found.parameters == network.get_model().count_params()
    fig = resultsPlotting.plot_accuracy_and_cost(problem, networks, methods)
    assert_tidy(fig)
    best = best_baseline(problem, methods)
    (compared,) = (ax for ax in fig.axes if best.name in ax.get_title(loc="left").replace("\n", " "))
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in compared.lines if line.get_marker() != "None"]
    for number, network in enumerate(networks, 1):
        lead = paired_lead(problem, network.row, best)
        assert (pytest.approx(lead.value), number) in points
        assert lead.value == pytest.approx(best.scores["rmse"].value - network.row.scores["rmse"].value)
    shown = {text.get_text() for text in fig.findobj(Text)}
    numbered = {f"{number} {network.name}" for number, network in enumerate(networks, 1)}
    assert {row.name for row in methods} | numbered <= shown and len(numbered) == len(networks)


def test_networks_of_several_studies_have_names_of_their_own():
    config = NetworkConfig("CNN", "AE", 1, 2, num_filt=2, krnl_size=3)
    larger = dataclasses.replace(config, num_filt=4)
    long = "DEN_Study_20261127_0625_0abba02e-27a7-4422-9654-1c32cc0c05"
    networks = {
        "Optuna/a": (config, {"owner": f"{long}65"}),
        "Optuna/b": (config, {"owner": f"{long}66"}),
        "Optuna/c": (config, {"owner": "final_model", "from_study": "mine"}),
        "GridSearch/d": (config, {"owner": "manual"}),
        "GridSearch/e": (larger, {"owner": "manual", "generation": "published"}),
        "Published/f": (config, {"owner": "final_model"}),
        "Published/g": (larger, {"owner": "final_model"}),
        "Published/h": (larger, {"owner": "final_model"}),
        "Optuna/i": (config, {}),
    }
    made = {}
    for path, (own, provenance) in networks.items():
        made[Path(path)] = BaseMLClass(own)
        made[Path(path)].provenance = provenance
    assert hpo.results.networks._names(made) == [
        "CNN, study DEN_Study_20261127_…0c0565",
        "CNN, study DEN_Study_20261127_…0c0566",
        "CNN, study mine, final model",
        "CNN, grid search",
        "CNN, grid search, published traces",
        "CNN, Published, final model, L1 U2 F2 K3 P1",
        "CNN, Published, final model, L1 U2 F4 K3 P1, no. 1",
        "CNN, Published, final model, L1 U2 F4 K3 P1, no. 2",
        "CNN, Optuna",
    ]


@pytest.mark.parametrize("values", [(297_364, 570_045), (34_949, 185_762), (5.4, 351.0)])
def test_a_logarithmic_axis_has_two_or_three_ticks(values):
    fig, ax = plt.subplots()
    ax.plot(values, values, "o")
    hpo.results.axes.few_log_ticks(ax, pd.Series(values))
    low, high = ax.get_xlim()
    assert 2 <= len(ax.get_xticks()) <= 3 and all(low <= tick <= high for tick in ax.get_xticks())
    plt.close(fig)


def test_pictures_have_300_dots_an_inch_and_vectors(made):
    output, _ = made
    for number in MADE:
        picture = plt.imread(output / f"Fig{number}.png")
        assert picture.shape[1] in (300 * 3.5, 300 * 7.2)
        start = (output / f"Fig{number}.pdf").read_bytes()
        assert start.startswith(b"%PDF") and b"/Font" in start


def test_the_tables_tell_ranges_and_best_values(made, tree):
    output, _ = made
    for first, problem in enumerate(PROBLEMS.values(), 1):
        ranges = pd.read_csv(output / f"Table{first}.csv").set_index("Parameter")
        assert ranges.loc["dense units"].to_list() == ["32 to 48", "32", "-"]
        best = pd.read_csv(output / f"Table{first + 2}.csv").set_index("Parameter")
        assert "largest dilation" not in best.index  # All networks are CNNs.
        summary = pd.read_csv(tree / problem.folder / "Search" / "Optuna" / "search_summary.csv")
        row = summary.loc[summary["Validation Loss"].idxmin()]
        (trial,) = (name for name in best.columns if name.startswith("Optuna, trial "))
        assert best.loc["network type", trial] == row["Type"] and best.loc["kernel size", trial] == str(row["KRNL"])
        markdown = (output / f"Table{first + 2}.md").read_text()
        assert (
            markdown.startswith(f"**Table {first + 2}.** Best hyperparameters, {problem.name}")
            and "| layers" in markdown
        )


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_figures_of_a_tree_hold_its_values(tree, problem):
    results = source(problem, tree)
    rows = pd.read_csv(results.tree.grid / "search_summary.csv")
    unit = results.unit(results.tree.grid)
    assert unit == ("" if problem is DENOISING else "scaled")
    grid = resultsPlotting.plot_grid_search(results.grid, problem, unit, results.types)
    panels = all_axes(grid)
    letters = [letter for letter in panels if letter in {*"bcdefg", "g1", "g2"}]
    drawn = [y for letter in letters for points in lines_of(panels[letter]).values() for y in points.values()]
    assert set(drawn) <= set(rows["Validation Loss"]) and len(drawn) >= 2
    assert panels["h"].get_xlabel() == "Network type, all runs" and any(
        "Total parameters" in text for text in texts(grid)
    )
    runs = pd.read_csv(results.tree.repeatability / "repeatability_summary.csv")
    repeated = resultsPlotting.plot_repeatability(results.repeatability, problem, unit)
    points = [y for line in repeated.axes[0].lines if line.get_marker() == "o" for y in line.get_ydata()]
    assert sorted(points) == sorted(runs["Validation Loss"])
    blind = hpo.results.networks.predict_blind_traces(problem, results.networks)
    final = resultsPlotting.plot_final_networks(problem, results.networks, blind)
    above, *differences, losses = final.axes
    names = {final.approach: hpo.results.networks.final_label(problem, final) for final in results.networks}
    assert set(lines_of(above)) == {"Actual", *(names.get(name, name) for name in blind.predictions)}
    # Each prediction has a panel of its own for its difference, so that none hides another one.
    for ax, (name, predicted) in zip(differences, blind.predictions.items(), strict=True):
        (label,) = lines_of(ax)
        rmse = np.sqrt(np.mean((predicted[0] - blind.actual[0]) ** 2))
        assert label.startswith(f"{names.get(name, name)} −") and (
            f"RMSE {rmse:.3g}" in label or f"RMSE {rmse:.0f}" in label
        )
        assert ax.get_ylim() == differences[0].get_ylim()
    for approach in ("Grid Search", "Optuna"):
        (log,) = results.tree.final_model(approach).glob("*_DNN2_*_NA_????????_??????_????????_log.csv")
        assert list(lines_of(losses)[names[approach]].values()) == list(pd.read_csv(log)["val_loss"])
    for fig in (grid, repeated, final, resultsPlotting.plot_study(results.study)):
        assert_tidy(fig)


def test_an_approach_without_a_network_is_said_to_be_missing(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "part")
    folder = tmp_path / "part" / "Denoising" / "Final_Model"
    shutil.rmtree(folder / "GridSearch")
    for path in folder.rglob("*_KRNL5_*.keras"):
        path.write_bytes(b"this is no network")
    notes = []
    fig = resultsPlotting.FIGURES["networks"]([source(DENOISING, tmp_path / "part")], notes)
    assert len(fig.axes) == 1 and fig.axes[0].get_xlabel() == "Epoch"
    assert [note.split(":")[0] for note in notes] == ["blind trace", "network of Optuna", "network of Grid Search"]


# --- Studies


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_study_with_trials_of_all_kinds(problem):
    results = mixed(problem)
    counts = results.trials["kind"].value_counts()
    assert counts.to_dict() == {"trained": 28, "skipped": 10, "pruned": 11, "failed": 11}
    fig = resultsPlotting.plot_study(results)
    assert any(
        "28 trained trials; left out: 10 skipped as too large, 11 pruned, 11 failed" in text.replace("\n", " ")
        for text in texts(fig)
    )
    history = fig.axes[0]
    drawn = lines_of(history)
    expected = {k: t.value for k, t in enumerate(make_trials(problem, 60)) if t.value and "skipped" not in t.user_attrs}
    assert drawn["trained trial"] == expected
    best = np.minimum.accumulate(list(drawn["trained trial"].values()))
    assert list(drawn["best so far"].values()) == list(best)
    assert set(drawn) == {"trained trial", "best so far", "skipped", "pruned", "failed"}
    assert problem.skipped_score not in drawn["trained trial"].values()
    assert "Validation loss" + (" (ft/s)" if problem.unit else "") == history.get_ylabel()
    for name in ("Network type", "Dense units", "Learning rate"):
        assert name in texts(fig)
    assert_tidy(fig)


def test_a_study_on_logarithmic_ranges_has_readable_numbers():
    for low, high in ((1e-3, 1e-2), (1.1e-3, 1.9e-3), (1e-6, 1.0)):
        rates = FloatDistribution(low, high, log=True)
        space = {"Learning Rate": rates, "num_dnn": IntDistribution(16, 128, log=True)}
        problem = dataclasses.replace(DENOISING, search_space={**DENOISING.search_space, **space})
        results = mixed(problem, 30)
        fig = resultsPlotting.plot_study(results)
        (slices,) = [ax for ax in fig.axes if ax.get_xlabel() == "Learning rate"]
        assert slices.get_xscale() == "log"
        assert_tidy(fig)


def test_importances_are_those_of_trained_trials_and_repeat_exactly():
    trained = mixed(DENOISING, 100).trained.trials
    score, duration = (importances_of(trained, target) for target in ("score", "duration"))
    assert score.shares.index[0] == "arch_type" and score.shares["mean"].iloc[0] > 0.9
    assert duration.shares.index[0] == "num_filt" and duration.shares["mean"].iloc[0] > 0.8
    assert score.shares.equals(importances_of(trained, "score").shares)
    study = optuna.create_study()
    study.add_trials(trained)
    evaluators = [hpo.importance.FanovaImportanceEvaluator(seed=seed) for seed in range(hpo.importance.FORESTS)]
    single = [get_param_importances(study, evaluator=evaluator)["arch_type"] for evaluator in evaluators]
    assert score.shares["mean"]["arch_type"] == pytest.approx(np.mean(single))
    assert score.shares["spread"]["arch_type"] == pytest.approx(np.std(single, ddof=1)) and np.ptp(single) > 0


@pytest.mark.parametrize(("n_trials", "is_cautious"), [(10, True), (29, True), (30, False)])
def test_importances_say_their_method_and_how_reliable_they_are(n_trials, is_cautious):
    found = importances_of(mixed(DENOISING, 100).trained.trials[:n_trials])
    assert found.method.startswith(f"fANOVA of {n_trials} trials, mean and standard deviation of")
    assert (found.caution == "Not reliable: an importance needs at least 30 trials.") == is_cautious
    assert is_cautious or not found.caution


def test_few_trials_have_no_importances():
    with pytest.raises(ValueError, match="^9 trained trials are too few; at least 10 are needed$"):
        importances_of(mixed(DENOISING).trained.trials[:9])
    with pytest.raises(ValueError, match="^0 trained trials are too few"):
        importances_of([])


def test_importances_of_a_conditional_space_are_those_of_trials_like_the_best():
    """The filters of one network type decide; the type itself does not vary among the trials that have them."""
    types = CategoricalDistribution(["CNN", "RES"])
    filters, rate = IntDistribution(1, 64), FloatDistribution(1e-4, 1e-2)
    rng, trials = np.random.default_rng(0), []
    for number in range(60):
        params = {"arch_type": ("CNN", "RES")[number % 2], "Learning Rate": float(rng.uniform(1e-4, 1e-2))}
        params |= {"RES num_filt": int(rng.integers(1, 65))} if number % 2 else {}
        known = {"arch_type": types, "Learning Rate": rate, "RES num_filt": filters}
        score = 100.0 - params.get("RES num_filt", -900)
        kinds = {name: known[name] for name in params}
        trials.append(create_trial(params=params, distributions=kinds, value=score))
    found = importances_of(trials)
    assert found.n_trials == 30 and set(found.shares.index) == {"RES num_filt", "Learning Rate"}
    assert found.shares["mean"]["RES num_filt"] > 0.95
    with pytest.raises(ValueError, match="^9 trained trials with the parameters of the best one are too few"):
        importances_of(trials[:19])


def test_figures_of_few_trials_say_that_their_importances_are_not_reliable():
    few = hpo.results.studies.study_results(DENOISING, "few", mixed(DENOISING).trained.trials[:12], {})
    for fig in (resultsPlotting.plot_study(few), resultsPlotting.plot_duration_importance([few])):
        words = " ".join(texts(fig))
        assert "Method: fANOVA of 12 trials" in words
        assert "Not reliable: an importance needs at least 30 trials." in words
        assert_tidy(fig)
    many = " ".join(texts(resultsPlotting.plot_study(mixed(DENOISING, 100))))
    assert "fANOVA of" in many and "Not reliable" not in many


def test_a_study_of_optuna_3_1_is_read_and_left_as_it_is(tmp_path):
    path = tmp_path / "Inversion" / "Search" / "Optuna" / "INV_Study_made_up.db"
    trials = [trial for trial in make_trials(INVERSION, 40) if "failed" not in trial.user_attrs]
    for trial in trials:
        trial.user_attrs = {}  # the published scripts set none
    study = write_study(path, INVERSION, trials)
    study.ask()
    study.enqueue_trial({})
    make_old(path)
    before = path.read_bytes()
    results = hpo.results.studies.read_study(INVERSION, ResultsTree(tmp_path, "Inversion"))
    assert results.name == "INV_Study_made_up"
    kinds = results.trials["kind"].value_counts()
    assert kinds["skipped"] == sum(trial.value == 100_000 for trial in trials) > 0
    assert kinds["running"] == kinds["waiting"] == 1
    assert results.trials["seconds"].dropna().eq(100).all()
    fig = resultsPlotting.plot_study(results)
    assert any("1 running, 1 waiting" in text for text in texts(fig))
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_study_is_found_by_storage_and_by_name(tmp_path):
    path = tmp_path / "elsewhere.db"
    write_study(path, INVERSION, make_trials(INVERSION, 3))
    tree = ResultsTree(tmp_path / "nothing", "Inversion")
    url = f"sqlite:///{path.as_posix()}"
    assert len(hpo.results.studies.read_study(INVERSION, tree, url).trials) == 3
    assert len(hpo.results.studies.read_study(INVERSION, tree, url, "INV_Study_made_up").trials) == 3
    for problem, name in ((DENOISING, None), (INVERSION, "another")):
        with pytest.raises(MissingError, match="there is no study .* there are: INV_Study_made_up"):
            hpo.results.studies.read_study(problem, tree, url, name)


def test_a_study_on_a_server(postgresql_url):
    name = "DEN_Study_drawn"
    optuna.create_study(storage=postgresql_url, study_name=name).add_trials(make_trials(DENOISING, 5))
    tree = ResultsTree(Path("nowhere"), "Denoising")
    assert len(hpo.results.studies.read_study(DENOISING, tree, postgresql_url, name).trained.trials) == 5


def test_a_study_of_one_trial_has_its_picture():
    results = hpo.results.studies.study_results(INVERSION, "one", make_trials(INVERSION, 1), {})
    fig = resultsPlotting.plot_study(results)
    assert any("(d) is left out: importance for the score: 1 trained trial is too few" in text for text in texts(fig))
    assert len(fig.subfigs) == 3  # and no empty panel
    assert_tidy(fig)
    with pytest.raises(MissingError, match="importance for the duration: 1 trained trial is too few"):
        resultsPlotting.plot_duration_importance([results])


def test_a_study_without_a_trained_trial_is_one_sentence():
    trials = [trial for trial in make_trials(INVERSION, 30) if trial.state != TrialState.COMPLETE]
    results = hpo.results.studies.study_results(INVERSION, "none", trials, {})
    with pytest.raises(MissingError, match="none has no trained trial .*pruned"):
        resultsPlotting.plot_study(results)


# --- Limits


def grid_with(losses):
    return pd.DataFrame(
        {
            **{name: 1 for name in hpo.names.PARAMETERS},
            "arch_type": "CNN",
            "num_layers": [1, 2],
            "loss": losses,
            "sweep": ["base", "num_layers"],
        }
    )


@pytest.mark.parametrize(
    ("losses", "limits"),
    [([0.02, 0.04], (0.0, 0.045)), ([0.2, 0.4], (0.0, 0.45)), ([0.01, 0.4], (0.005, 0.5)), ([-1.0, 1.0], (-1.5, 1.5))],
)
def test_limits_suit_the_data(losses, limits):
    """Bars begin at zero; losses over more than a decade have a logarithmic axis."""
    fig = resultsPlotting.plot_grid_search(grid_with(losses), DENOISING, "")
    panel = all_axes(fig)["a"]
    low, high = panel.get_ylim()
    assert limits[0] <= low <= min(losses) and max(losses) <= high <= limits[1]
    assert panel.get_yscale() == ("log" if losses[1] > 10 * losses[0] > 0 else "linear")
    assert not any("outside" in text for text in texts(fig))


def test_the_papers_limits_are_an_option(tree, tmp_path):
    fig = resultsPlotting.plot_grid_search(grid_with([0.05, 0.4]), DENOISING, "", limits=(0.0, 0.3))
    assert all_axes(fig)["a"].get_ylim() == (0.0, 0.3)
    assert any("1 of 2 losses lie outside of the limits." in text for text in texts(fig))
    results = dataclasses.replace(source(INVERSION, tree), paper_limits=True)
    assert results.limits("grid", "ft/s") == (0.0, 15_000.0) and results.limits("repeatability", "ft/s") == (1500, 4000)
    assert results.limits("grid", "scaled") is None and source(INVERSION, tree).limits("grid", "ft/s") is None
    output = ["--output", str(tmp_path), "--paper-limits"]
    assert resultsPlotting.main(["--results", str(tree), "--problem", "denoising", "--figures", "3,5", *output]) == 0


# --- Rows by their columns


def grid_of(*rows):
    columns = ("Num", "arch", "num_layers", "num_filt", "loss")
    table = pd.DataFrame(rows, columns=columns)
    names = [f"{arch}_SEQ_LYR1_DNN8_DIL0_FIL8_KRNL8_POL1_LSTM0_" for arch in table["arch"]]
    return pd.DataFrame(
        {
            "Num": table["Num"],
            "Model Name": names,
            "Type": table["arch"],
            "LYR": table["num_layers"],
            **{"DNN": 8, "DIL": 8},
            "FIL": table["num_filt"],
            **{"KRNL": 8, "POL": 1, "Learning Rate": 0.001},
            "Validation Loss": table["loss"],
        }
    )


ROWS = [
    *((1, "DNN", 1, 8, 9.0), (2, "CNN", 1, 8, 8.0), (3, "DNN", 1, 8, 9.1), (4, "CNN", 1, 8, 8.1)),
    *((5, "DNN", 2, 8, 7.0), (6, "CNN", 2, 8, 6.0)),
    *((7, "DNN", 1, 4, 5.0), (8, "CNN", 1, 4, 4.0), (9, "DNN", 1, 8, 9.2), (10, "CNN", 1, 8, 8.2)),
    *((11, "DNN", 1, 16, 3.0), (12, "CNN", 1, 16, 2.0), (13, "CNN", 2, 16, 1.0)),
]


def write_grid(root, table, encoding="utf-8"):
    tree = ResultsTree(Path(root), "Inversion")
    tree.grid.mkdir(parents=True, exist_ok=True)
    table.to_csv(tree.grid / "search_summary.csv", index=False, encoding=encoding)
    return tree


@pytest.mark.parametrize("order", ["as run", "by type", "shuffled"])
def test_rows_are_selected_by_what_departs_from_the_base(tmp_path, order):
    table = grid_of(*ROWS)
    if order == "by type":
        table = table.sort_values(["Type", "Num"])
    if order == "shuffled":
        table = table.sample(frac=1, random_state=0)
    grid = hpo.results.grid.read_grid(write_grid(tmp_path, table))
    filters, layers = hpo.results.grid.sweep(grid, "num_filt"), hpo.results.grid.sweep(grid, "num_layers")
    assert filters[["arch_type", "num_filt", "loss"]].values.tolist() == [
        *(["DNN", 4, 5.0], ["DNN", 8, 9.2], ["DNN", 16, 3.0]),
        *(["CNN", 4, 4.0], ["CNN", 8, 8.2], ["CNN", 16, 2.0]),
    ]
    assert layers["loss"].to_list() == [9.1, 7.0, 8.1, 6.0]
    assert hpo.results.grid.base_runs(grid)["loss"].to_list() == [9.0, 8.0]
    assert hpo.results.grid.repeated_base_runs(grid)["loss"].to_list() == [9.0, 8.0, 9.1, 8.1, 9.2, 8.2]
    assert grid.loc[grid["sweep"] == "other", "loss"].to_list() == [1.0]


def test_a_grid_that_was_cut_short_is_drawn_as_far_as_it_goes(tmp_path):
    for n in range(1, len(ROWS)):
        grid = hpo.results.grid.read_grid(write_grid(tmp_path, grid_of(*ROWS[:n])))
        assert len(grid) == n
        fig = resultsPlotting.plot_grid_search(grid, INVERSION, "ft/s") if n in (1, 2, 6) else None
        if fig:
            assert_tidy(fig)
            assert ("not varied" in texts(fig)) and len(all_axes(fig)["a"].patches) == min(n, 2)


@pytest.mark.parametrize(
    ("problem", "arch_type", "num_layers", "pool_val"),
    [(INVERSION, "TCN", 1, 1), (INVERSION, "CNN_LSTM", 4, 1), (DENOISING, "TCN", 4, 2)],
)
def test_the_boxes_of_the_best_network_hold_their_texts(problem, arch_type, num_layers, pool_val):
    row = {**dict.fromkeys(hpo.results.grid.PARAMETERS, 32), "arch_type": arch_type, "num_layers": num_layers}
    grid = pd.DataFrame([{**row, "pool_val": pool_val, "Learning Rate": 1e-3, "loss": 1.0, "sweep": "base"}])
    fig = resultsPlotting.plot_grid_search(grid, problem, problem.unit)
    assert_tidy(fig)
    flow = all_axes(fig)["i"]
    extents = [text.get_window_extent() for text in flow.texts][:-1]
    boxes = [patch.get_window_extent() for patch in flow.patches if isinstance(patch, Rectangle)]
    assert len(extents) == 2 * len(boxes) >= 8
    assert_boxes_hold(boxes, extents)


def test_failed_trainings_are_left_out(tmp_path):
    table = grid_of(*ROWS)
    table.loc[5, "Validation Loss"] = math.nan
    assert len(hpo.results.grid.read_grid(write_grid(tmp_path, table))) == len(ROWS) - 1


def test_a_byte_order_mark_is_no_trouble(tmp_path):
    assert len(hpo.results.grid.read_grid(write_grid(tmp_path, grid_of(*ROWS), "utf-8-sig"))) == len(ROWS)


# --- What goes wrong


BROKEN = {  # file below the problem's folder: content, what is said
    "a column is missing": (
        "Search/GridSearch/search_summary.csv",
        b"Num,Type\n1,CNN\n",
        "lacks the column 'Model Name'",
    ),
    "a word for a number": (
        "Search/GridSearch/search_summary.csv",
        grid_of(*ROWS)
        .astype({"Validation Loss": object})
        .replace({"Validation Loss": {1.0: "good"}})
        .to_csv()
        .encode(),
        "has 'good' in the column 'Validation Loss'",
    ),
    "another name": (
        "Search/GridSearch/search_summary.csv",
        grid_of(*ROWS).replace({"Model Name": r"_LSTM0_"}, {"Model Name": ""}, regex=True).to_csv().encode(),
        "for a model's name",
    ),
    "an empty cell": (
        "Search/GridSearch/search_summary.csv",
        grid_of(*ROWS).to_csv().replace(",8,8,8,1,", ",8,8,,1,", 1).encode(),
        "has an empty cell in the column 'KRNL'",
    ),
    "no text": ("Search/GridSearch/search_summary.csv", bytes(range(256)), "cannot be read"),
    "only a header": (
        "Search/GridSearch/search_summary.csv",
        grid_of(*ROWS).iloc[:0].to_csv(index=False).encode(),
        "has no training with a result",
    ),
    "an empty table": ("Repeatability/repeatability_summary.csv", b"", "cannot be read"),
    "a column of repeats is missing": (
        "Repeatability/repeatability_summary.csv",
        b"Approach\nOptuna\n",
        "lacks the column",
    ),
    "a corrupt database": ("Search/Optuna/INV_Study.db", b"SQLite format 3\0" + 200 * b"junk", "storage"),
    "no database": ("Search/Optuna/INV_Study.db", b"words", "is not a SQLite file"),
    "networks that are none": ("Final_Model/Optuna/a.keras", b"words", "there is none in"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_one_sentence(tmp_path, capsys, name):
    path, content, sentence = BROKEN[name]
    file = tmp_path / "in" / "Inversion" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    options = ["--results", str(tmp_path / "in"), "--problem", "inversion", "--output", str(tmp_path / "out")]
    assert resultsPlotting.main([*options, "--figures", "7,8,9,10,11", "--tables", "2,4"]) == 0
    printed = capsys.readouterr().out
    assert sentence in printed
    assert all("not made: " in line for line in printed.splitlines() if line.startswith("Fig"))
    assert (tmp_path / "out" / "Table2.csv").is_file() and file.read_bytes() == content


def test_an_empty_tree_gives_what_needs_no_results(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert resultsPlotting.main(["--results", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--html"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("not made: ") == 13
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"Fig2.png"}
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--results", "not there"], "--results 'not there' is not a folder"),
        (["--results", ".", "--compare", "not there"], "--compare 'not there' is not a folder"),
        (["--figures", "1"], "'1' is not one of 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13"),
        (["--figures", "seven"], "'seven' is not one of"),
        (["--tables", "5"], "'5' is not one of 1, 2, 3, 4"),
        (["--format", "gif"], "'gif' is not one of png, pdf, svg"),
        (["--problem", "both of them"], "'both of them' is not one of denoising"),
    ],
)
def test_mistakes_end_with_status_2_and_one_sentence(options, sentence, capsys, tmp_path):
    try:
        status = resultsPlotting.main([*options, "--output", str(tmp_path / "out")])
    except SystemExit as end:
        status = end.code
    errors = capsys.readouterr().err
    assert status == 2 and sentence in errors and not (tmp_path / "out").exists()


def test_settings_say_the_unit(tmp_path):
    folder = tmp_path / "grid"
    folder.mkdir()
    assert hpo.results.grid.loss_unit(INVERSION, hpo.results.grid.read_settings(folder)) == "ft/s"
    (folder / "settings.json").write_text(json.dumps({"scaling_flag": True}))
    assert hpo.results.grid.loss_unit(INVERSION, hpo.results.grid.read_settings(folder)) == "scaled"
    (folder / "settings.json").write_text("not JSON")
    assert hpo.results.grid.loss_unit(INVERSION, hpo.results.grid.read_settings(folder)) == "ft/s"
