"""What the dashboard shows of a study: its note, and pictures of predictions."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import optuna
import optuna_dashboard
from matplotlib import pyplot
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.trial import Trial

import baseML
from dataGeneration import TRACES_PER_BLOCK
from hpo.run import Run, data_protocol, data_stream, resume_command
from hpo.urls import public_url
from hpo.problem import Problem
from plots.predictions import draw_actual_predicted, plot_ae_predict_raw
from plots.style import save
from evaluation.scores import SNR_GAIN, score
from traces.wavelets import trace_heading
from support.command_line import command_line

BLIND_TRACES = 200


# --- The dashboard


def dashboard_command(run: Run) -> str:
    """What to type to see the study in a browser."""
    return command_line(["optuna-dashboard", public_url(run.url), "--artifact-dir", str(run.tree.artifacts)])


def write_note(run: Run, study: optuna.Study) -> None:
    """The study's note in the dashboard: what it is, and how it was started."""
    s, problem = run.settings, run.problem
    unit, loss = f" in {problem.unit}" if problem.unit else "", problem.loss.name
    optuna_dashboard.save_note(
        study,
        f"# {problem.name.capitalize()}\n\n"
        f"Score: the lowest {run.metric_name} of a training. `validation_{loss}` is the plain {loss.upper()}{unit}, "
        "without the networks' penalties.\n\n"
        f"- preset {s.preset}, seed {s.seed}, sampler {s.sampler}, pruner {s.pruner}\n"
        f"- a trial: {data_protocol(run)}{problem.traces_line(asdict(s), '; ')}\n"
        f"- command: `{resume_command(run)}`\n\n"
        "A trial that became the best has a picture among its artifacts: its prediction of one fixed blind trace.\n",
    )


def upload_picture(run: Run, trial: Trial, network: baseML.BaseMLClass, path: Path) -> None:
    """Add the picture of a network's prediction to its trial, and leave it at ``path``.

    A trial that was cut off after it had a picture, or half of one, and trained again, has this one in its place.
    """
    picture = draw_blind_trace(run, network, path, f"trial {trial.number}")
    run.tree.artifacts.mkdir(exist_ok=True)
    store = FileSystemArtifactStore(run.tree.artifacts)
    known = get_all_artifact_meta(trial)
    if not known:
        upload_artifact(artifact_store=store, file_path=str(picture), study_or_trial=trial)
        return
    with picture.open("rb") as file:
        store.write(known[0].artifact_id, file)


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
    blind = data_stream(run, "blind", BLIND_TRACES, run.settings.seed, batch_size=TRACES_PER_BLOCK, transform="NA")
    x, y = blind[0]
    problem, actual = run.problem, blind.in_data_units(y[..., 0])
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
        draw_actual_predicted(ax, actual, {"Predicted": predicted}, "Actual", problem.quantity, problem.unit)
        ax.set_title(title.format("traces", _metrics_text(problem, actual, predicted)))
        save(figure, path)
    pyplot.close(figure)
    return path
