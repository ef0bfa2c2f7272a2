"""What feeds a training: batches in series, and steps in a loop on the device, which no machine without a GPU takes."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import QUICK_TO_COMPILE

from dataPreProcessing import CustomDataGen
from networks.backends import tidy_cache
from networks.feeding import Series
from support.startup import CACHE

BATCH_SIZES = (1, 4)
NEEDS_JAX = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="no JAX here: pip install jax brings it")


def stream(n):
    return CustomDataGen(n=n, n_samples=32)


@pytest.mark.parametrize(
    ("n", "size", "shapes"),
    [(120, 1, [(120, 1)]), (120, 7, [(17, 7), (1, 1)]), (5, 8, [(1, 5)]), (6, 3, [(2, 3)])],
)
def test_a_series_has_all_batches_of_an_epoch_in_order(n, size, shapes):
    series, expected = Series(stream(n=n), size), stream(n=n)
    for _ in range(2):
        series.on_epoch_begin()
        expected.on_epoch_begin()
        items = [series[index] for index in range(len(series))]
        assert [x.shape for x, _ in items] == [(*shape, 32, 1) for shape in shapes]
        for part, whole in enumerate(zip(*(expected[index] for index in range(n)), strict=True)):
            found = np.concatenate([item[part].reshape(-1, 32, 1) for item in items])
            np.testing.assert_array_equal(found, np.concatenate(whole))


def test_an_item_of_a_series_takes_no_more_memory_than_it_may(monkeypatch):
    monkeypatch.setattr("networks.feeding.ITEM_BYTES", 10 * 2 * 32 * 4)  # ten pairs of traces
    series = Series(stream(n=25), 2)
    assert [x.shape[:2] for x, _ in (series[index] for index in range(len(series)))] == [(5, 2), (5, 2), (2, 2), (1, 1)]


def test_a_stream_makes_as_many_traces_ahead_as_an_item_takes():
    made = []

    class Watched(CustomDataGen):
        def make_block(self, rng, n_traces):
            made.append(n_traces)
            return super().make_block(rng, n_traces)

    series = Series(Watched(n=120, n_samples=32), 1)
    series.on_epoch_begin()
    series[0]
    series.stream._background.shutdown(wait=True)
    assert made == 2 * [50, 50, 20]  # the epoch that was taken, and the next one


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    """What `in_loops` does on JAX, in a process of its own: a folder, and what it printed."""
    folder = tmp_path_factory.mktemp("loops")
    environment = os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": QUICK_TO_COMPILE, CACHE: str(folder / "cache")}
    script = [sys.executable, Path(__file__).with_name("in_loops.py"), folder, *map(str, BATCH_SIZES)]
    ended = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder, json.loads(ended.stdout.splitlines()[-1])


@NEEDS_JAX
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_steps_in_a_loop_are_the_same_steps(on_jax, batch_size):
    histories = []
    for name in ("plain", "loops"):
        with next((on_jax[0] / f"{name} {batch_size}").rglob("*.csv")).open(newline="") as file:
            histories.append([[float(row[column]) for column in ("loss", "val_loss")] for row in csv.DictReader(file)])
    assert np.shape(histories) == (2, 3, 2) and len(np.unique(histories[0])) == 6
    np.testing.assert_allclose(*histories, rtol=1e-5)


@NEEDS_JAX
def test_a_loop_ends_when_it_is_asked_to(on_jax):
    assert on_jax[1] == {"interrupted": True, "epochs before": 1}


@NEEDS_JAX
def test_jax_keeps_what_it_has_compiled(on_jax):
    assert list((on_jax[0] / "cache").glob("*-cache"))


@NEEDS_JAX
def test_the_oldest_of_what_is_kept_makes_room(monkeypatch, tmp_path):
    jax = pytest.importorskip("jax")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    try:
        for age, name in enumerate("abcd"):
            path = tmp_path / f"{name}-cache"
            path.write_bytes(bytes(10))
            os.utime(path, (1000 - age, 1000 - age))
        (tmp_path / "other").write_bytes(bytes(100))
        tidy_cache(most_bytes=25)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a-cache", "b-cache", "other"]
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
