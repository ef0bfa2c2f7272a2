"""What a study says about itself in the dashboard: a note that grows with it, a table, and a card of importances.

note:  what the study is, how its pages are read, what its parameters mean | what came out, written anew by every run
"""

import contextlib
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import optuna
import optuna_dashboard
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, Trial

from baseML import RunResult
from evaluation.scores import Metric
from hpo.dashboard import upload
from hpo.importance import Importances, importances_of
from hpo.names import glossary_lines, readable
from hpo.problem import meaningful
from hpo.run import Run, data_protocol, resume_command, short_number
from hpo.trials import alone, scored_as_too_large, trained_trials
from support.stopping import check_stop

RULE = "---"  # ends a section that later runs write anew; what a reader adds behind it stays
CARD = "fanova-importance"  # id of the card of importances
# Trained trials: from the first number on, a line says what is computed, as fANOVA takes seconds then; beyond the
# second one it would take minutes.
MANY, TOO_MANY = 100, 1000


# --- What a study is


def write_note(run: Run, study: optuna.Study) -> None:
    """Write the study's note: what it is, how it was started, how its pages are read, and what its parameters mean."""
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
        "## How the pages are read\n\n"
        "- *Intermediate values* are the learning curves: the validation loss of every epoch. The first epochs have "
        "losses far above all others, so that the curves look flat until you switch *Log y scale* on, at the top of "
        "the page.\n"
        "- *Hyperparameter Importance* is the dashboard's own: PED-ANOVA, of the trials as they are now. The card "
        "*Importance for the score, fANOVA* has the paper's method; a run writes it when it ends. The two methods ask "
        "different questions, so their numbers differ.\n"
        "- A trial that became the best has a note, and a picture among its artifacts: its prediction of one fixed "
        "blind trace.\n\n"
        "## What the parameters mean\n\n" + "\n".join(glossary_lines(run.search_space)) + "\n",
    )


# --- What came out


def write_results(run: Run, study: optuna.Study) -> None:
    """Write to the study what came out so far: the best trial, its blind test, and how much each parameter matters.

    All of it stands in the note, in the place of what an earlier run wrote. The blind test is a table among the study's
    artifacts, too, and the importances are a card of the study's page. Raises KeyboardInterrupt if the process was
    asked to stop.
    """
    trained = [t for t in trained_trials(study) if not scored_as_too_large(t, run.problem.skipped_score)]
    if not trained:
        return
    sections, table = {"Best trial": _best_trial(run, trained[0])}, run.tree.blind_test(study.study_name)
    if table.is_file():
        with contextlib.suppress(KeyError, ValueError):  # A table of an earlier version may have other columns.
            sections["Blind test"] = _blind_test(run, table)
    mark = f"Trained trials: {len(trained)}."
    if mark not in optuna_dashboard.get_note(study):
        check_stop()
        sections["Importance of the parameters"] = f"{mark} {_importances(study, trained)}"
    with alone(study, run.tree.search):
        if table.is_file():
            upload(run, study, table, table.name)
        note = optuna_dashboard.get_note(study)
        for heading, text in sections.items():
            note = with_section(note, heading, text)
        optuna_dashboard.save_note(study, note)


def with_section(note: str, heading: str, text: str) -> str:
    """Return a note with a section that ends with RULE, in the place of the one of this heading, or else at its end.

    >>> print(with_section("# Denoising\\n", "Best trial", "It is trial 3."))
    # Denoising
    <BLANKLINE>
    ## Best trial
    <BLANKLINE>
    It is trial 3.
    <BLANKLINE>
    ---
    <BLANKLINE>
    """
    section = f"## {heading}\n\n{text.strip()}\n\n{RULE}\n"
    former = re.compile(rf"^## {re.escape(heading)}\n(?:(?!^## ).)*?^{RULE}$\n?", re.MULTILINE | re.DOTALL)
    if former.search(note):
        return former.sub(lambda _: section, note, count=1)
    return f"{note.rstrip()}\n\n{section}"


def write_trial_note(run: Run, trial: Trial, result: RunResult) -> None:
    """Write to a trial that became the best what its network is, by the readable names of its parameters."""
    loss, plain = run.loss_text(result.validation_loss), run.plain_text(result.validation_plain)
    heading = f"The best trial so far when it ended: validation loss {loss}, {plain}."
    optuna_dashboard.save_note(trial, f"{heading}\n\n{_parameters(run, trial.params)}\n")


def _parameters(run: Run, parameters: Mapping[str, object]) -> str:
    """Return the parameters that have a meaning for their network as a table, by their readable names."""
    rows = [
        (f"{readable(name)} (`{name}`)", short_number(value))
        for name, value in meaningful(run.problem, parameters).items()
    ]
    return _markdown(["parameter", "value"], rows)


def _best_trial(run: Run, best: FrozenTrial) -> str:
    """Return the score of the best trial and its parameters."""
    return f"Trial {best.number}, validation loss {run.loss_text(best.value)}.\n\n{_parameters(run, best.params)}"


def _blind_test(run: Run, path: Path) -> str:
    """Return a table of a blind test with its intervals; ``path`` has it with all digits."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = run.problem.columns
    lines = [(row["Method"], row["Kind"], *(_with_interval(row, metric) for metric in columns)) for row in rows]
    headings = ["method", "kind", *(metric.title for metric in columns)]
    return (
        "The network beside classical methods on blind traces, with 95 % intervals. The artifact "
        f"`{path.name}` has all digits.\n\n{_markdown(headings, lines)}"
    )


def _with_interval(row: Mapping[str, str], metric: Metric) -> str:
    numbers = (float(row[f"{metric.title}{end}"]) for end in ("", " low", " high"))
    value, low, high = (f"{number:z.{metric.decimals}f}" for number in numbers)
    return f"{value} [{low}, {high}]"


def _importances(study: optuna.Study, trained: Sequence[FrozenTrial]) -> str:
    """Return the importances of the parameters as a table, or why there are none; the study's page gets their card."""
    if len(trained) > TOO_MANY:
        return "Their fANOVA takes minutes, and is left to `python resultsPlotting.py`."
    if len(trained) >= MANY:
        print(f"fANOVA of {len(trained)} trials is computed for the dashboard; this takes a while", flush=True)
    try:
        found = importances_of(trained)
    except ValueError as error:
        return f"There are no importances: {error}."
    optuna_dashboard.save_plotly_graph_object(study, importance_figure(found), graph_object_id=CARD)
    rows = [
        (f"{readable(name)} (`{name}`)", f"{share['mean']:.3f} ± {share['spread']:.3f}")
        for name, share in found.shares.iterrows()
    ]
    sentences = f"{found.method}. {found.caution}".strip()
    return f"{sentences}\n\n{_markdown(['parameter', 'share of the variance of the score'], rows)}"


def importance_figure(found: Importances) -> go.Figure:
    """Draw the importances as a card: one bar per parameter, the largest above, with its spread."""
    shares = found.shares
    figure = go.Figure(
        go.Bar(
            x=shares["mean"].to_list(),
            y=[f"{readable(name)} ({name})" for name in shares.index],
            error_x={"type": "data", "array": shares["spread"].to_list(), "thickness": 1},
            orientation="h",
        )
    )
    lines = [f"<b>Importance for the {found.target}, fANOVA</b>", found.method, found.caution]
    title = {"text": "<br>".join(filter(None, lines)), "font": {"size": 14}}
    figure.update_layout(title=title, template="plotly_white", margin={"t": 120})
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return figure.update_xaxes(title_text=f"share of the variance of the {found.target}", rangemode="tozero")


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
