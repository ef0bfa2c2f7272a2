"""What several test files need: a PostgreSQL server and a browser, or the reason why there is none."""

import functools
import gc
import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import postgresql
import pytest
from filelock import FileLock
from postgresql import SECONDS, free_port  # noqa: F401 - for the tests
from selenium import webdriver

from support.startup import CACHE, prepare_environment

# --doctest-modules would import these programs of the tests, and look for examples in them.
collect_ignore = [path.name for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]
# Several processes share the cores, and threads that wait for work take them away from each other.
os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
prepare_environment()  # A test may load Keras before the project does.
# What JAX compiles for a test is small, and runs a few times.
QUICK_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
)
if os.environ.get("KERAS_BACKEND") == "jax":  # On TensorFlow, tests have XLA compile as users do.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK_TO_COMPILE}"
# The files that take long, those that take longest first.
LONG = [
    f"test_{name}"
    for name in (
        "documents",
        "faults",
        "study",
        "faults_storage",
        "resultsPlotting",
        "modes",
        "networks",
        "backends",
        "workers",
        "extended",
        "applyModel",
    )
]


def pytest_configure(config):
    """No test writes into the user's cache; all of them share what JAX has compiled for one."""
    if not hasattr(config, "workerinput"):
        os.environ[CACHE] = tempfile.mkdtemp(prefix="compiled")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[CACHE], ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Files of long tests first, so that no process of the tests is left alone with one at the end."""
    ranks = {stem: rank for rank, stem in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONG)))


def pytest_collection():
    """A fifth of the time of importing all tests would go into looking for garbage."""
    gc.disable()


def pytest_collection_finish(session):
    """Every training has Keras look for garbage in all that there is, and what is imported by now is none."""
    gc.enable()
    gc.collect()
    gc.freeze()
    if "forked" in sys.modules:  # Some test needs it.
        capture = session.config.pluginmanager.getplugin("capturemanager")
        capture.resume_global_capture()  # What forks print is what their tests print.
        sys.modules["forked"].serve()
        capture.suspend_global_capture()


def first_on_path(*names):
    return next((found for found in map(shutil.which, names) if found), None)


# --- Comparisons


def assert_close(found, expected, rtol=1e-6, atol=0.0):
    """Large arrays are close, as `pytest.approx` has it, which takes seconds: of one shape, and without any NaN."""
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol, atol, equal_nan=False)


# --- PostgreSQL


@pytest.fixture(scope="session")
def postgresql_url():
    """URL of an empty database on a PostgreSQL server of its own, which ends with the tests."""
    if not postgresql.programs():
        pytest.skip(postgresql.MISSING)
    with postgresql.serving() as url:
        yield url


# --- Toy runs


@pytest.fixture
def hasty():
    """Have the runs of a test take little time (`toys.hastily`)."""
    import toys  # which loads all of Keras

    with toys.hastily():
        yield


@pytest.fixture
def few_forests():
    """Have the importances of a test take little time (`toys.with_few_forests`)."""
    import toys

    with toys.with_few_forests():
        yield


# --- Toy runs in forks


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Maker of a folder that the first process of the tests fills that needs it; all of them read it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder_of(name, fill):
        folder, complete = base / f"shared_{name}", base / f"shared_{name}.complete"
        with FileLock(folder.with_suffix(".lock")):
            if not complete.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                complete.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def begun(made_once):
    """A tree with the first trial of a toy study, and its network."""
    import forked  # which loads all of Keras

    return made_once("begun", lambda folder: forked.go_on("optuna", folder, "--n-trials", "1"))


@pytest.fixture(scope="session")
def whole(made_once, begun):
    """Of a mode: what a toy run leaves that nothing befalls, and how often it calls what."""
    import forked

    @functools.cache
    def of(mode):
        def fill(folder):
            found = forked.whole_run(mode, forked.start(begun, mode, folder / "whole"))
            (folder / "found").write_bytes(pickle.dumps(found))

        return pickle.loads((made_once(mode, fill) / "found").read_bytes())

    return of


# --- A browser


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, driven by selenium."""
    program = first_on_path("chromium", "chromium-browser", "google-chrome", "chrome")
    driver = first_on_path("chromedriver", "chromium.chromedriver")
    if not program or not driver:
        missing = "chromium" if not program else "chromedriver"
        pytest.skip(f"no {missing} here: apt-get install chromium chromium-driver (or the like) brings it")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1800"):
        options.add_argument(argument)
    with tempfile.TemporaryDirectory(prefix="browser_", ignore_cleanup_errors=True) as folder:  # Chromium leaves files
        service = webdriver.ChromeService(executable_path=driver, env=os.environ | {"TMPDIR": folder})
        chromium = webdriver.Chrome(options, service)
        try:
            chromium.set_page_load_timeout(SECONDS)
            yield chromium
        finally:
            chromium.quit()
