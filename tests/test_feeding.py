"""What feeds a training: batches in series, and steps in a loop on the device, which no machine without a GPU takes."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataPreProcessing import CustomDataGen
from networks.feeding import Series

NEEDS_JAX = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="no JAX here: pip install jax brings it")


def stream(**options):
    return CustomDataGen(**{"n": 120, "n_samples": 32} | options)


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
        for part, whole in enumerate(expected.traces_between(0, n)):
            found = np.concatenate([item[part].reshape(-1, 32, 1) for item in items])
            np.testing.assert_array_equal(found, whole)


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


@NEEDS_JAX
@pytest.mark.parametrize("batch_size", [1, 4])
def test_steps_in_a_loop_are_the_same_steps(tmp_path, batch_size):
    """On JAX, in a process of its own: the losses of three epochs with and without `DeviceLoop`, with dropout."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
    script = Path(__file__).with_name("in_loops.py")
    ended = subprocess.run(
        [sys.executable, script, tmp_path, str(batch_size)], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    histories = []
    for name in ("plain", "loops"):
        with next((tmp_path / name).rglob("*.csv")).open(newline="") as file:
            histories.append([[float(row[column]) for column in ("loss", "val_loss")] for row in csv.DictReader(file)])
    assert np.shape(histories) == (2, 3, 2) and len(np.unique(histories[0])) == 6
    np.testing.assert_allclose(*histories, rtol=1e-5)
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["interrupted"] and found["epochs before"] == 1  # Ctrl-C within an epoch ends it, and nothing else
    assert list((tmp_path / "cache").glob("*-cache"))
