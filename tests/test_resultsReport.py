"""The report as its reader sees it: Chromium opens the file with its network switched off."""

import os
import re
import warnings
from datetime import datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import optuna
import pandas as pd
import pytest
from conftest import SECONDS
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from selenium.webdriver.support.wait import WebDriverWait
from toys import DENOISING, INVERSION, with_few_forests

import hpo.results.html
import hpo.names
from hpo.results.studies import KINDS, study_results

N_TRIALS = 300
BEGAN = datetime(2026, 1, 5, 8)
STATES = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL, "running": TrialState.RUNNING}
STATES |= {"failed with a value": TrialState.FAIL}
STATES |= {"waiting": TrialState.WAITING}
ATTRIBUTES = {"skipped": {"skipped": "20,000,001 parameters"}, "failed": {"failed": "error: out of memory"}}
PANELS = [panel.key for panel in hpo.results.html.PANELS]
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"&amp;"
TABLES = {
    "Table 1. Ranges": pd.DataFrame({"Parameter": ["layers", "filters"], "Search range": ["1 to 4", "8, " * 60]}),
    f"Table 2. {HOSTILE}": pd.DataFrame({HOSTILE: [HOSTILE], "loss": [1234.5678]}, index=["best"]),
}

# What Plotly drew in every figure: points, lines, bars, and the picture of a contour.
MARKS = ".scatterlayer path, .barlayer path, .contourlayer path, .heatmaplayer image"
DRAWN = f"""
return Object.fromEntries([...document.querySelectorAll('.js-plotly-plot')].map(figure =>
    [figure.id, figure.querySelector('.main-svg') ? figure.querySelectorAll('{MARKS}').length : 0]))
"""


# --- Studies


def make_trial(problem, number, kind, rng, space=None):
    """A trial with random parameters, which took a minute."""
    space = space or problem.search_space
    params = {} if kind == "waiting" else {name: draw(distribution, rng) for name, distribution in space.items()}
    state = STATES.get(kind, TrialState.COMPLETE)
    value = problem.skipped_score if kind == "skipped" else rng.lognormal(7, 0.9)
    trial = create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: space[name] for name in params},
        user_attrs=ATTRIBUTES.get(kind, {"n_parameters": 1000, "seconds": float(rng.uniform(20, 60))}),
    )
    if kind == "failed with a value":
        trial.values = [value]
    trial.number = number
    if kind != "waiting":
        trial.datetime_start = BEGAN + timedelta(minutes=number)
        trial.datetime_complete = trial.datetime_start + timedelta(minutes=1) if state.is_finished() else None
    return trial


def draw(distribution, rng):
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[rng.integers(len(distribution.choices))]
    if isinstance(distribution, IntDistribution):
        return int(rng.integers(distribution.low, distribution.high + 1))
    return float(rng.uniform(distribution.low, distribution.high))


def make_study(problem, name, kinds, space=None, attributes=None):
    rng = np.random.default_rng(0)
    trials = [make_trial(problem, number, kind, rng, space) for number, kind in enumerate(kinds)]
    return study_results(problem, name, trials, attributes or {})


def all_kinds():
    """Kinds of N_TRIALS trials, those that are not finished last."""
    others = ["skipped", *["trained"] * 5, "failed with a value", "pruned", "trained", "failed"]
    return [*(others * N_TRIALS)[: N_TRIALS - 2], "running", "waiting"]


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Two studies with N_TRIALS trials each, and the report on them."""
    studies = [make_study(problem, f"study_{problem.name}", all_kinds()) for problem in (DENOISING, INVERSION)]
    path = tmp_path_factory.mktemp("report") / "report of a test.html"
    with with_few_forests():
        hpo.results.html.write_report(path, studies, TABLES, ["Fig 3 was not made: there is no grid."])
    return studies, path


def written(tmp_path, *studies, tables=None, missing=()):
    path = tmp_path / "report.html"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        hpo.results.html.write_report(path, studies, tables or {}, missing)
    assert [str(warning.message) for warning in told] == []
    return path


# --- The browser


@pytest.fixture(scope="module")
def offline(browser):
    """The browser without a network."""
    conditions = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **conditions})
    yield browser
    anything = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **anything})
    browser.get("about:blank")


def show(browser, path):
    """Open a report; returns how many marks every figure has, once all have some."""
    if browser.current_url != path.as_uri():
        browser.get_log("browser")  # what other pages left
        browser.get(path.as_uri())
    n_figures = len(re.findall(r"Plotly\.newPlot\(", path.read_text(encoding="utf-8").split("</head>")[1]))

    def marks(page):
        drawn = page.execute_script(DRAWN)
        return [drawn] if len(drawn) == n_figures and all(drawn.values()) else []

    [drawn] = WebDriverWait(browser, SECONDS, 0.2).until(marks, "a figure of the report stays empty")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []
    return drawn


def text_of(browser):
    return browser.execute_script("return document.body.innerText")


def data_of(browser, figure):
    """Traces of a figure with what the tests look at."""
    script = "return document.getElementById(arguments[0]).data.map(({name, mode, x, y}) => ({name, mode, x, y}))"
    return browser.execute_script(script, figure)


class References(HTMLParser):
    """Everything that a page refers to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


# --- The file


def test_the_report_is_one_small_file_that_refers_to_nothing_outside(big):
    _, path = big
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_size < 8e6
    page = References()
    page.feed(path.read_text(encoding="utf-8"))
    assert len(page.found) > 2 * len(PANELS) and [link for link in page.found if not link.startswith("#")] == []


def test_every_link_of_the_contents_leads_somewhere(big, offline):
    _, path = big
    show(offline, path)
    links = "[...document.querySelectorAll('nav a')].map(link => link.getAttribute('href'))"
    targets = "document.getElementById(link.slice(1))"
    assert offline.execute_script(f"return {links}.filter(link => !{targets})") == []


def test_an_old_report_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("the old one")

    def interrupted(*names):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(OSError, match="no space"):
        hpo.results.html.write_report(path, [], {})
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "the old one"


def test_logging_is_as_before(tmp_path):
    before = optuna.logging.get_verbosity()
    written(tmp_path, make_study(DENOISING, "one", ["trained"]))
    assert optuna.logging.get_verbosity() == before


# --- Panels


def test_every_panel_of_both_problems_is_drawn(big, offline, tmp_path):
    studies, path = big
    drawn = show(offline, path)
    offline.save_screenshot(str(tmp_path / "report.png"))
    for number, results in enumerate(studies, 1):
        for key in PANELS:
            figures = [name for name in drawn if name.startswith(f"study-{number}-{key}-")]
            assert len(figures) == (len(results.parameters) if key == "slices" else 1), key
    assert "Not drawn" not in text_of(offline)


def test_the_panels_show_the_trials_of_the_study(big, offline):
    studies, path = big
    show(offline, path)
    for number, results in enumerate(studies, 1):
        trained = results.trials[results.trials["kind"] == "trained"]
        points, best, _ = data_of(offline, f"study-{number}-history-1")
        assert points["x"] == list(trained["number"]) and points["y"] == pytest.approx(list(trained["score"]))
        assert best["name"] == "best so far" and best["y"][-1] == pytest.approx(trained["score"].min())
        assert len(data_of(offline, f"study-{number}-parallel-1")) == len(trained) + 1
        timeline = data_of(offline, f"study-{number}-timeline-1")
        assert [bars["name"] for bars in timeline] == [KINDS[kind] for kind in hpo.results.html.KIND_COLOURS]


def test_axes_have_readable_names_and_the_unit_of_the_score(big, offline):
    studies, path = big
    show(offline, path)
    title = "document.querySelector(`#study-${arguments[0]}-${arguments[1]}-1 .${arguments[2]}title`).textContent"
    for number, label in ((1, "validation loss"), (2, "validation loss (ft/s)")):
        for key, axis in (("history", "y"), ("slices", "y"), ("distribution", "x")):
            assert offline.execute_script(f"return {title}", number, key, axis) == label
        assert offline.execute_script(f"return {title}", number, "slices", "x") == "network type"
    bars = "return [...document.querySelectorAll('#study-2-score-1  .ytick text')].map(tick => tick.textContent).sort()"
    labels = {hpo.names.readable(name) for name in studies[1].parameters}
    assert offline.execute_script(bars) == sorted(labels)


@pytest.mark.parametrize(("spread", "kind"), [(5.0, "linear"), (50.0, "log")])
def test_scores_that_span_more_than_a_decade_have_a_logarithmic_axis(spread, kind):
    results = make_study(INVERSION, "spread", ["trained"] * 5)
    results.trials["score"] = np.linspace(100, 100 * spread, 5)
    axis = hpo.results.html._Shown(results).score_axis
    assert axis.get("type", "linear") == kind
    assert axis.get("ticktext", ["100", "200", "500", "1000", "2000", "5000"])[:3] == ["100", "200", "500"]


def test_the_head_of_a_study_counts_its_trials(big, offline):
    studies, path = big
    show(offline, path)
    text = text_of(offline)
    for results in studies:
        trained = results.trials[results.trials["kind"] == "trained"]
        best = trained.loc[trained["score"].idxmin()]
        for fact in (f"{N_TRIALS}, {len(trained)} of them trained", results.left_out(), f"of trial {best['number']}"):
            assert fact in text


# --- Studies with little in them


@pytest.mark.parametrize(
    ("kinds", "drawn"),
    [
        (["trained"], {"history", "timeline"}),
        (["failed", "failed"], {"timeline"}),
        (["running", "waiting"], set()),
        (["skipped", "trained", "pruned"], {"history", "timeline"}),
        (["trained", "trained"], {"history", "parallel", "slices", "distribution", "timeline"}),
        (["trained"] * 9, set(PANELS) - {"score", "duration", "contour"}),
        (["trained"] * 10, set(PANELS)),
    ],
)
def test_a_panel_that_cannot_be_drawn_becomes_a_sentence(kinds, drawn, tmp_path):
    page = written(tmp_path, make_study(INVERSION, "small", kinds)).read_text(encoding="utf-8").split("</head>")[1]
    parts = {key: page.split(f'id="study-1-{key}"')[1].split("<h3")[0] for key in PANELS}
    assert {key for key, part in parts.items() if "Plotly.newPlot" in part} == drawn
    for key in set(PANELS) - drawn:
        (sentence,) = re.findall(r'<p class="lacking">(.*?)</p>', parts[key])
        assert re.fullmatch(r"Not drawn: .*\w\.", sentence)
    assert "Traceback" not in page


@pytest.mark.parametrize("n_varied", [0, 1])
def test_parameters_with_one_value_are_not_shown(n_varied, tmp_path):
    space = {"num_layers": IntDistribution(1, 1 + 3 * n_varied), "num_dnn": IntDistribution(16, 16)}
    path = written(tmp_path, make_study(DENOISING, "narrow", ["trained"] * 10, space))
    page = path.read_text(encoding="utf-8").split("</head>")[1]
    reasons = re.findall("needs at least . parameters that vary", page)
    assert len(reasons) == (1 if n_varied else 5)
    assert "dense units" not in page


def test_parameters_that_only_some_trials_have_are_shown(offline, tmp_path):
    rng, space = np.random.default_rng(0), dict(DENOISING.search_space)
    shorter = {name: kind for name, kind in space.items() if name != "num_dil"}
    trials = [make_trial(DENOISING, i, "trained", rng, (space, shorter)[i % 2]) for i in range(8)]
    drawn = show(offline, written(tmp_path, study_results(DENOISING, "some", trials, {})))
    assert len([name for name in drawn if "slices" in name]) == len(space)


def test_a_report_without_studies_has_its_tables_and_what_is_missing(offline, tmp_path):
    show(offline, written(tmp_path, tables=TABLES, missing=["Fig 3 was not made: there is no grid."]))
    text = text_of(offline)
    assert "Table 1. Ranges" in text and "8, " * 59 in text and "1235" in text and "best" in text
    assert "Fig 3 was not made: there is no grid." in text


# --- Text that others wrote


def test_text_of_others_is_nothing_but_text(offline, tmp_path):
    space = {
        "arch_type": CategoricalDistribution(["CNN", HOSTILE]),
        HOSTILE: FloatDistribution(0.1, 1.0),
        '<a href="https://example.com">layers</a>': IntDistribution(1, 4),
    }
    results = make_study(INVERSION, HOSTILE, ["trained"] * 8, space)
    show(offline, written(tmp_path, results, tables=TABLES, missing=[HOSTILE]))
    assert offline.execute_script("return window.hacked ?? null") is None
    made = "return document.querySelectorAll('body img, body a:not([href^=\"#\"]):not(.modebar-btn)').length"
    assert offline.execute_script(made) == 0
    assert text_of(offline).count(HOSTILE) >= 6  # contents and head of the study, table, missing
    ticks = "return [...document.querySelectorAll('#study-1-slices-1 .xtick text')].map(tick => tick.textContent)"
    assert sorted(offline.execute_script(ticks)) == sorted(["CNN", HOSTILE])
    titles = "return [...document.querySelectorAll('[id^=study-1-slices] .xtitle')].map(title => title.textContent)"
    assert sorted(offline.execute_script(titles)) == sorted({"network type", *space} - {"arch_type"})
