"""Apply a network to a file of traces (SEG-Y, SU, .npy), and say what is known about how far to trust the answer.

python applyModel.py LINE.sgy --task denoise               noise off, with the network of pretrained/
python applyModel.py LINE.sgy --task invert --unit m/s     velocity, with the network of pretrained/
python applyModel.py LINE.sgy --model NETWORK.keras        a network of your own
python applyModel.py LINE.npy --dt 0.004 --task denoise    a file that does not hold its sampling interval
python applyModel.py LINE.sgy --model NETWORK.keras --background VELOCITY.sgy    a network with a background

The answer is a copy of the file with other samples, LINE_denoised.sgy or LINE_velocity.sgy in this folder; the file
itself stays as it is. Beside it come a picture, and with --html a page with the report.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.options import TASKS, apply_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    apply_options(__doc__)

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import dataPlotting
from baseML import BaseMLClass
from dataFiles import TraceFile, open_traces
from dataPreProcessing import TraceProtocol
from evaluation.apply import Applied, Background, Plan, apply, plan_for, shown_traces
from evaluation.baselines import INVERSION_BASELINES
from evaluation.comparison import aligned
from evaluation.field import INVERSION_RIVALS, RIVAL, field_rows, field_table, field_verdict, mean_spectrum
from evaluation.field import velocity_rows, velocity_table
from hpo.problem import known_problems
from support.command_line import check_output, refuse
from support.errors import UserError
from support.files import replace_file
from support.pages import page
from support.stopping import stop_on_signals
from support.words import number_of
from traces.live import Live, examine

BACKED = "inversion_background"  # the pretrained network for an inversion with a background
TRUST = {  # what no figure of a report shows, by task
    "denoise": "Nobody knows the truth here, so no signal-to-noise ratio is given. Random noise has no correlation "
    "between neighbouring traces; what was removed and has one may be signal.",
    "invert": "Nothing here tests the velocities: the network knows the earth models that it was trained on, and no "
    "others. Compare them with a well or with stacking velocities before you use them.",
}
CHANGES = (
    "Where the network and a classical inversion add the same to the background, the trace says so; where they differ, "
    "nothing here says which of them is right."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply the network, print the report and draw the picture; returns the exit status."""
    options = apply_options(__doc__, arguments)
    try:
        known_problems()  # Their modules may bring networks of their own, which the file may be of.
        with stop_on_signals(), contextlib.ExitStack() as stack:
            file = stack.enter_context(open_traces(options.input, options.dt, options.array, options.domain))
            background = options.background and stack.enter_context(open_traces(options.background))
            _run(options, file, background and Background(background, options.background_unit))
    except (UserError, ValueError, OSError) as error:
        refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print(f"\nStopped; {str(options.input)!r} is as it was, and no output was written", file=sys.stderr)
        return 130
    return 0


def _network(options: argparse.Namespace) -> tuple[str, BaseMLClass]:
    """The task and its network. UserError when the options do not say which, or when the two do not fit."""
    if options.model is None:
        if options.task is None:
            raise UserError("--task denoise or --task invert is needed, or --model FILE with a network of your own")
        return options.task, BaseMLClass.from_pretrained(_pretrained(options.task, options.background))
    network = BaseMLClass.load_model(options.model)
    task = "denoise" if network.training_data().answers_traces else "invert"
    if options.task not in (None, task):
        raise UserError(f"--task {options.task} does not fit the network {str(options.model)!r}, which is to {task}")
    return task, network


def _pretrained(task: str, background: Path | None) -> str:
    """The name of the pretrained network for a task."""
    return BACKED if task == "invert" and background else TASKS[task][0]


def _run(options: argparse.Namespace, file: TraceFile, background: Background | None) -> None:
    task, network = _network(options)
    if task == "denoise" and (options.scale is not None or options.polarity == "reversed" or options.unit != "ft/s"):
        raise UserError("--scale, --polarity and --unit are for an inversion; a denoised trace has its input's scale")
    if background is None and options.background_unit != "ft/s":
        raise UserError("--background-unit is the unit of the velocities in --background FILE")
    output = options.output or Path(f"{file.path.stem}_{TASKS[task][1]}{file.path.suffix}")
    picture = options.picture or output.with_suffix(".png")
    if picture.suffix.lower() != ".png":
        raise UserError(f"--picture {str(picture)!r} must end with .png")
    for path in (output, picture, options.html or picture):
        check_output(path, path.parent)
    print(file.describe())
    plan = plan_for(network, file, options.scale, options.polarity == "reversed", options.unit, background)
    name = options.model or f"pretrained/{_pretrained(task, options.background)}.keras"
    print(" ".join(_intentions(plan, name)), flush=True)
    with tqdm(total=file.n_traces, unit="trace", dynamic_ncols=True) as bar:
        applied = apply(plan, output, bar.update)
    sentences = _outcome(plan, applied)
    print("\n".join([*sentences, f"Output   {output}"]), flush=True)
    figure, more, table = _report(task, plan, options.unit)
    print("\n".join([*more, *([aligned(table)] if table else [])]))
    if figure:
        dataPlotting.save(figure, picture)
        print(f"Picture  {picture}")
        if options.html:
            title = f"{options.input.name}: {TASKS[task][1]}"
            replace_file(options.html, page(title, [file.describe(), *sentences, *more], table, picture))
            print(f"Page     {options.html}")
    print("Next     train a network for this line, as docs/OWN_DATA.md shows, and apply it with --model")


def _intentions(plan: Plan, model: Path | str) -> list[str]:
    """Sentences on what will be done."""
    network, file = plan.network, plan.file
    sentences = [f"The network is {model}."]
    if abs(file.dt / network.dt - 1) > 1e-6:
        back = "and back" if plan.answers_traces else "for it"
        sentences.append(f"Traces are resampled from {1000 * file.dt:g} to {1000 * network.dt:g} ms {back}.")
    if not plan.answers_traces:
        polarity = "an increase" if plan.scale > 0 else "a decrease"
        sentences.append(
            f"Amplitudes are multiplied by {plan.scale:.4g} (--scale), and a positive amplitude in the file is taken "
            f"for {polarity} of impedance (--polarity)."
        )
        if plan.background:
            logs = "one log for all traces" if plan.background.file.n_traces == 1 else "one log for each trace"
            path, unit = plan.background.file.path, plan.background.unit
            sentences.append(f"The background is {path}, {logs}, in {unit} (--background-unit).")
        seconds, longest = file.n_samples * file.dt, network.n_samples * network.dt
        if seconds > 1.01 * longest:
            sentences.append(f"The traces are {seconds:.3g} s long, and those of its training {longest:.3g} s.")
    return sentences


def _outcome(plan: Plan, applied: Applied) -> list[str]:
    """Sentences on what was done, and warnings."""
    n_traces, stored = plan.file.n_traces, plan.file.stored.format
    rate = 1000 * applied.seconds / n_traces
    sentences = [f"{number_of(n_traces, 'trace')} took {applied.seconds:.1f} s, {rate:.1f} ms per trace."]
    if applied.n_clipped:
        limits = f"{stored.lowest:g} to {stored.highest:g}"
        clipped = number_of(applied.n_clipped, "sample was", "samples were")
        sentences.append(f"{clipped} clipped to what the file's format holds, {limits}.")
    if isinstance(stored.highest, int):
        sentences.append("Samples were rounded to whole numbers, as the file's format has no others.")
    trained = plan.network.training_data()
    warnings = applied.findings.warnings(trained, plan.scale)
    if not plan.answers_traces:
        warnings = [text.replace("have no answer (NaN)", "keep their samples in the file") for text in warnings]
    return sentences + [f"Warning: {text}." for text in warnings]


def _report(task: str, plan: Plan, unit: str) -> tuple[Figure | None, list[str], list[list[str]]]:
    """The picture, sentences, and a table, on neighbouring traces from the middle of the file."""
    file = plan.file
    first, end = shown_traces(file)
    traces = file.read(first, end)
    live, background = examine(traces), plan.background_of(first, traces)
    answered = plan.answer(traces, live, background)
    made = plan.in_unit(answered)
    where = [f"The report is on traces {first} to {end - 1}, counted from 0."] if end - first < file.n_traces else []
    time = np.arange(file.n_samples) * file.dt
    if live.is_dead.all():
        return None, [*where, "There is no live trace to report on, and no picture."], []
    if task == "invert":
        quantiles = np.percentile(made[~live.is_dead], (5, 50, 95))
        table = [["Velocity", f"5 % ({unit})", f"median ({unit})", f"95 % ({unit})"]]
        table.append(["of all samples", *(f"{value:.0f}" for value in quantiles)])
        picture = dataPlotting.plot_velocity_section(time, np.nan_to_num(traces), made, unit=unit, title=file.path.name)
        if background is None:
            return picture, [*where, TRUST[task]], table
        alive, rivals = ~live.is_dead, {name: INVERSION_BASELINES[name] for name in INVERSION_RIVALS}
        centred = np.where(live.samples, (traces - live.level[:, None]) * plan.scale, 0.0)[alive]
        protocol = TraceProtocol.of(plan.network)
        rows = velocity_rows(centred, background[alive], file.dt, protocol, "Network", answered[alive])
        missing = [f"{row.why_left_out(name)}." for name, row in rivals.items() if not row.can_run]
        return picture, [*where, TRUST[task], CHANGES, *missing], velocity_table(rows, unit, plan.per_unit)
    rows = field_rows(traces, live, file.dt, "Network", made)
    shown = np.where(live.samples, traces - live.level[:, None], 0.0)
    kept = {row.name: _on_all(row.kept, live) for row in rows if row.name in ("Network", RIVAL)}
    removed = {f"Removed by\n{name}": shown - section for name, section in kept.items()}
    spectra = {"Input": shown, **kept, "Removed by Network": removed["Removed by\nNetwork"]}
    spectra = {name: mean_spectrum(section[~live.is_dead], file.dt) for name, section in spectra.items()}
    picture = dataPlotting.plot_sections(
        time,
        {"Input": shown, "Network": kept["Network"], **removed},
        spectra["Input"][0],
        {name: power for name, (_, power) in spectra.items()},
        title=file.path.name,
    )
    return picture, [*where, field_verdict(rows), TRUST[task]], field_table(rows)


def _on_all(rows: np.ndarray, live: Live) -> np.ndarray:
    """Rows of the live traces, with zeros for the dead ones."""
    whole = np.zeros(live.samples.shape)
    whole[~live.is_dead] = rows
    return whole


if __name__ == "__main__":
    sys.exit(main())
