"""The dashboard as a user sees it: a run's own command starts it, and a browser looks at its pages."""

import contextlib
import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import forked
import optuna
import pytest
from conftest import SECONDS, free_port
from matplotlib.text import Text
from selenium.webdriver.support.wait import WebDriverWait
from toys import DENOISING, INVERSION

import hpo.asked
import hpo.dashboard
import hpo.options
from baseML import NetworkConfig, create_model

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def serving(command, log):
    """URL of a dashboard that was started with this command, and answers."""
    port = free_port()
    program = Path(sys.executable).with_name(command[0])
    with log.open("w") as file:
        server = subprocess.Popen(
            [program, *command[1:], "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + SECONDS
        while answer_of(f"{url}/api/meta") is None:
            assert server.poll() is None and time.monotonic() < end, f"{shlex.join(command)}: {log.read_text()}"
            time.sleep(0.3)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=SECONDS)


def answer_of(url):
    """The JSON behind a URL; None where nobody answers."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def once(browser, script):
    """What JavaScript returns in the page as soon as that is not empty: the pages fill themselves."""
    return WebDriverWait(browser, SECONDS, poll_frequency=0.3).until(
        lambda page: page.execute_script(script), f"the page never gave {script!r}"
    )


@pytest.fixture(scope="module")
def toy(browser, tmp_path_factory):
    """(the dashboard's command as a toy study printed it, that study); not run where nobody could look."""
    output = tmp_path_factory.mktemp("toy") / "results of a test"
    printed = forked.go_on("optuna", output).printed
    line = next(line for line in printed.splitlines() if line.startswith("Dashboard"))
    command = shlex.split(line)[1:]
    assert command[::2] == ["optuna-dashboard", "--artifact-dir"], line
    return command, optuna.load_study(study_name=forked.STUDY, storage=command[1])


@pytest.fixture(scope="module")
def pages(browser, toy, tmp_path_factory):
    """URL of the study in a dashboard, as its list of studies links it."""
    command, study = toy
    with serving(command, tmp_path_factory.mktemp("dashboard") / "log") as url:
        browser.get(url)
        links = "[...document.querySelectorAll('a[href*=\"/dashboard/studies/\"]')]"
        [(link, text)] = once(browser, f"return {links}.map(link => [link.href, link.innerText])")
        assert study.study_name in text and "MINIMIZE" in text
        yield link


def test_the_study_page_shows_the_best_trial(browser, toy, pages, tmp_path):
    _, study = toy
    browser.get(pages)
    value = once(browser, "return document.querySelector('h3')?.innerText")
    browser.save_screenshot(str(tmp_path / "best.png"))
    assert float(value) == study.best_value
    assert f"Best Trial (number={study.best_trial.number})" in once(browser, "return document.body.innerText")


def test_the_study_page_shows_the_learning_curves(browser, toy, pages, tmp_path):
    _, study = toy
    browser.get(pages)
    graph = "const graph = document.getElementById('graph-intermediate-values');"
    lines = "[...(graph?.querySelectorAll('.scatterlayer .trace path.js-line') ?? [])]"
    shapes = once(browser, f"{graph} return {lines}.map(line => line.getAttribute('d'))")
    curves = once(browser, f"{graph} graph.scrollIntoView(); return graph.data.map(curve => [curve.x, curve.y])")
    browser.save_screenshot(str(tmp_path / "learning_curves.png"))
    expected = [trial.intermediate_values for trial in study.trials]
    assert sorted(curves) == sorted([list(steps), list(steps.values())] for steps in expected)
    assert len(shapes) == len(expected) and all(re.fullmatch("M[^L]+(L[^L]+)+", shape) for shape in shapes)


def test_the_note_page_shows_the_note_of_the_study(browser, pages, tmp_path):
    note = answer_of(pages.replace("/dashboard/", "/api/") + "?after=0")["note"]["body"]
    words = re.findall("[A-Za-z]{3,}", re.sub(r"\]\(.*?\)|```.*", "", note))  # not what Markdown keeps off the page
    assert len(words) >= 5
    browser.get(f"{pages}/note")
    shown = once(browser, f"const text = document.body.innerText; return text.includes('{words[-1]}') && text")
    browser.save_screenshot(str(tmp_path / "note.png"))
    assert [word for word in words if word not in shown] == []


def test_the_page_of_the_best_trial_shows_its_picture(browser, toy, pages, tmp_path):
    _, study = toy
    browser.get(f"{pages}/trials?numbers={study.best_trial.number}")
    pictures = "[...document.querySelectorAll('img[src*=\"/artifacts/\"]')]"
    loaded = f"{pictures}.every(picture => picture.complete)"
    widths = once(browser, f"return {loaded} && {pictures}.map(picture => picture.naturalWidth)")
    browser.save_screenshot(str(tmp_path / "picture.png"))
    assert min(widths) > 0


@pytest.mark.parametrize("problem", [DENOISING, INVERSION], ids=lambda problem: problem.name)
def test_the_picture_of_a_trial_says_what_it_shows(problem, tmp_path, monkeypatch):
    """Its title names the trial and the metrics of the trace; no name of code is in it."""
    figures = []
    monkeypatch.setattr(hpo.dashboard.pyplot, "close", figures.append)
    monkeypatch.setattr(hpo.dashboard, "BLIND_TRACES", 2)
    options = hpo.options.parse_options("", ["--samples", "64", "--output", str(tmp_path)])
    run = hpo.asked.run_from_options(problem, options)
    config = NetworkConfig("CNN", problem.net_type, 1, 2, num_filt=2, krnl_size=3, pool_val=1)
    network = create_model(config, 64)
    hpo.dashboard.draw_blind_trace(run, network, tmp_path / "a.png", "trial 7")
    (figure,) = figures
    first, second = figure.get_suptitle().split("\n")
    assert first == f"{problem.name.capitalize()}, trial 7: a trace that the network never saw"
    assert all(metric.heading in second for metric in problem.metrics)
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert not any("_" in text for text in texts)
