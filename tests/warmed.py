"""What each fork of `forked` would import, compile and look up for the first time, done once before they begin."""

import importlib
import io
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.figure
import optuna
import PIL.PngImagePlugin  # noqa: F401 - a picture would import it

from hpo.old_studies import is_old
from hpo.urls import sqlite_url
from support.startup import load_keras

if load_keras().backend.backend() == "tensorflow":  # A training would import these.
    for name in ("from_generator_op", "rebatch_op", "from_tensors_op", "flat_map_op"):
        importlib.import_module(f"tensorflow.python.data.ops.{name}")

level = optuna.logging.get_verbosity()
optuna.logging.set_verbosity(logging.WARNING)
with TemporaryDirectory() as folder:
    path = Path(folder) / "warm.db"
    storage = optuna.storages.RDBStorage(sqlite_url(path))
    study = optuna.create_study(storage=storage)
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    study.tell(trial, 1.0)
    is_old(path)  # It asks for all schemas of Optuna.
    storage.remove_session()
    storage.engine.dispose()
optuna.logging.set_verbosity(level)

axes = matplotlib.figure.Figure(dpi=30, layout="constrained").subplots()
axes.plot([0, 1], label="line")
axes.set_title("text")
axes.legend()
axes.figure.savefig(io.BytesIO())
