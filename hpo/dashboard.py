"""What the dashboard shows beside its own pages: the artifacts of studies and trials, and pictures of predictions."""

import json
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import optuna
from matplotlib import pyplot
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import Trial

import baseML
from dataGeneration import TRACES_PER_BLOCK
from evaluation.scores import SNR_GAIN, score
from hpo.problem import Problem
from hpo.run import Run, data_stream
from hpo.urls import public_url
from plots.predictions import plot_ae_predict_raw
from plots.style import save
from support.command_line import command_line
from traces.wavelets import trace_heading

BLIND_TRACES = 200
ARTIFACTS = "artifacts:"  # begins the names of the attributes that describe them


# --- The dashboard


def dashboard_command(run: Run) -> str:
    """What to type to see the study in a browser."""
    return command_line(["optuna-dashboard", public_url(run.url), "--artifact-dir", str(run.tree.artifacts)])


def upload_picture(run: Run, trial: Trial, network: baseML.BaseMLClass, path: Path) -> None:
    """Add the picture of a network's prediction to its trial, and leave it at ``path``."""
    upload(run, trial, draw_blind_trace(run, network, path, f"trial {trial.number}"), "*.png")


def upload(run: Run, owner: optuna.Study | Trial, path: Path, former: str) -> None:
    """Add a file to the artifacts of a study or a trial, in the place of the one whose name is like ``former``.

    A trial that was cut off after it had a picture, or half of one, and is trained again, then has one picture.
    """
    run.tree.artifacts.mkdir(exist_ok=True)
    store = FileSystemArtifactStore(run.tree.artifacts)
    known = _artifact_of(owner, former)
    if known is None:
        upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=owner)
        return
    with path.open("rb") as file:
        store.write(known, file)


def _artifact_of(owner: optuna.Study | Trial, pattern: str) -> str | None:
    """The identifier of an artifact by its name; one that was deleted in the dashboard has left an empty attribute."""
    if isinstance(owner, Trial):
        attributes = owner.storage.get_trial_system_attrs(owner._trial_id)
    else:
        attributes = owner._storage.get_study_system_attrs(owner._study_id)
    described = [json.loads(text) for key, text in attributes.items() if key.startswith(ARTIFACTS)]
    found = [one["artifact_id"] for one in described if one and fnmatch(one["filename"], pattern)]
    return found[0] if found else None


# --- The result


def _metrics_text(problem: Problem, y: np.ndarray, predicted: np.ndarray, x: np.ndarray | None = None) -> str:
    """Return the metrics of a prediction in words, those that compare it with its input only if there is one."""
    values = score([metric for metric in problem.metrics if x is not None or metric != SNR_GAIN], y, predicted, x)
    found = {metric: values[metric.name].value for metric in problem.metrics if metric.name in values}
    return ", ".join(
        f"{metric.heading} {value:z.{metric.decimals}f} {metric.unit}".rstrip() for metric, value in found.items()
    )


def draw_blind_trace(run: Run, network: baseML.BaseMLClass, path: Path, name: str = "") -> Path:
    """Picture of what a network predicts of one blind trace, always the same, or of all where it predicts no trace.

    ``name`` is what the network is called in the title; by default that is its type.
    """
    problem = run.problem
    n_traces, shown = problem.n_blind or BLIND_TRACES, problem.n_blind or TRACES_PER_BLOCK
    blind = data_stream(run, "blind", n_traces, run.settings.seed, batch_size=shown, transform="NA")
    x, y = blind[0]
    actual = blind.in_data_units(y[..., 0])
    title = f"{problem.name.capitalize()}, {name or network.config.arch_type}: {{}} that the network never saw\n{{}}"
    if actual.shape[1] == x.shape[1]:
        x, actual = x[:1], actual[:1]
        predicted = network.predict_result(x if x.shape[-1] > 1 else x[..., 0])
        figure = plot_ae_predict_raw(
            np.arange(x.shape[1]) * blind.dt,
            x[0, :, 0],
            actual[0],
            predicted[0],
            input_name=trace_heading(blind.x_name),
            quantity=problem.quantity,
            unit=problem.unit,
            title=title.format("a trace", _metrics_text(problem, actual, predicted, x[..., 0])),
            save_path=path,
        )
    else:
        predicted = network.predict_result(x if x.shape[-1] > 1 else x[..., 0])
        figure, ax = pyplot.subplots(layout="constrained")
        problem.draw_answers(ax, actual, {"Predicted": predicted}, "Actual", problem.quantity, problem.unit)
        ax.set_title(title.format(f"{problem.item}s", _metrics_text(problem, actual, predicted)))
        save(figure, path)
    pyplot.close(figure)
    return path
