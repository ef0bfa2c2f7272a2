"""Writes a report to explore in a browser: panels of every study and all tables, in one HTML file that works offline.

    studies (`StudyResults`), tables -> report.html, with plotly.js and everything else inside

Names and values of a study may come from anybody, so all of them are escaped, in the page and in its figures.
"""

import base64
import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np
import optuna
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from matplotlib.ticker import LogLocator, MaxNLocator
from optuna import visualization
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from plotly.colors import sample_colorscale
from plotly.offline import get_plotlyjs

from hpo.importance import FEWEST, Importances
from hpo.names import readable
from hpo.results.axes import are_wide
from hpo.results.grid import MissingError
from hpo.results.studies import KINDS, StudyResults, importances
from hpo.run import short_number
from plots.style import COLOURS
from support.files import replace_file
from support.pages import POLICY, STYLE

HEIGHT, SLICE_HEIGHT, TIMELINE_HEIGHT = 440, 300, 600  # px
BAR_HEIGHT, BARS_MARGIN = 28, 90  # px, for one importance and around all of them
MOST_STEPS = 10  # where every whole number has a tick
SCALE = "Cividis"
KIND_COLOURS = {
    "trained": COLOURS["blue"],
    "skipped": COLOURS["orange"],
    "pruned": COLOURS["purple"],
    "failed": COLOURS["vermillion"],
    "failed with a value": COLOURS["black"],
}
AXIS = {
    "gridcolor": "#e4e4e4",
    "linecolor": "#888",
    "ticks": "outside",
    "zeroline": False,
    "automargin": True,
    "exponentformat": "power",
    "minexponent": 6,
}
LOOK = go.layout.Template(
    layout={
        "colorway": [COLOURS[name] for name in ("sky blue", "vermillion", "green", "orange", "purple", "blue")],
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#222"},
        "plot_bgcolor": "white",
        "margin": {"l": 70, "r": 20, "t": 40, "b": 55},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "modebar": {"remove": ["select", "lasso", "zoomin", "zoomout", "autoscale"]},
        "xaxis": AXIS,
        "yaxis": AXIS,
    }
)
CONFIG = {"responsive": True, "displaylogo": False, "showSendToCloud": False}


def write_report(
    path: Path,
    studies: Sequence[StudyResults],
    tables: Mapping[str, pd.DataFrame],
    missing: Sequence[str] = (),
    pictures: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write the report; a panel that cannot be drawn becomes a sentence that says why.

    The file ``path`` is replaced as a whole, so that nobody sees half a report. ``studies`` are in the order of the
    report. ``tables`` are under their captions; an index other than the numbers of the rows is shown. ``missing`` are
    sentences on what could not be made, for the end of the report; ``pictures`` are PNGs under their captions. Raises
    OSError if the file cannot be written.
    """
    with _quiet():
        sections = [_study_section(number, results) for number, results in enumerate(studies, 1)]
    sections += [_pictures_section(pictures)] * bool(pictures)
    sections += [_tables_section(tables)] * bool(tables) + [_missing_section(missing)] * bool(missing)
    replace_file(path, _page(sections))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings of Optuna and Plotly, and Optuna's log: the report says the same."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _safe(text: object) -> str:
    """Escape markup in a text, for the page and for Plotly's own markup, which has no escaped quotation marks."""
    return escape(str(text), quote=False)


@dataclass(frozen=True)
class _Shown:
    """A study, with the parts that several panels share."""

    results: StudyResults

    @cached_property
    def labels(self) -> dict[str, str]:
        """Readable names of the parameters, except where another parameter is stored under that name."""
        names = self.results.distributions
        return {name: _safe(name if readable(name) in names else readable(name)) for name in names}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Labels of the parameters that the trained trials vary."""
        varied = (name for name in self.results.parameters if self.results.rows[name].nunique() > 1)
        return {name: self.labels[name] for name in varied}

    @property
    def score_label(self) -> str:
        unit = self.results.unit
        return f"validation loss ({unit})" if unit else "validation loss"

    @cached_property
    def is_wide(self) -> bool:
        """Whether the scores span more than a decade, so that a logarithmic axis shows them."""
        return bool(are_wide(self.results.rows["score"]))

    @property
    def score_axis(self) -> dict[str, object]:
        axis = {"title": self.score_label}
        if not self.is_wide:
            return axis
        ticks = _round_numbers(self.results.rows["score"], is_log=True)
        return axis | {"type": "log", "tickvals": ticks, "ticktext": [short_number(tick) for tick in ticks]}

    @property
    def colour_bar(self) -> dict[str, object]:
        """The colour bar of `target`, labelled with scores."""
        ticks = _round_numbers(self.results.rows["score"], self.is_wide)
        return {
            "title": {"text": self.score_label, "side": "right"},
            "thickness": 18,
            "tickvals": np.log10(ticks).tolist() if self.is_wide else ticks,
            "ticktext": [short_number(tick) for tick in ticks],
        }

    @property
    def target(self) -> Callable[[FrozenTrial], float] | None:
        """What colours stand for: the logarithm of the score if the scores are wide, or None for the score itself."""
        return (lambda trial: float(np.log10(trial.value))) if self.is_wide else None

    @cached_property
    def trained(self) -> optuna.Study:
        """A study of the trained trials alone, with the labels of their parameters and with their original numbers."""
        known = dict(zip(self.results.rows["number"], self.results.trained.trials, strict=True))
        study = optuna.create_study(direction="minimize")
        for number in range(max(known) + 1):
            study.add_trial(self._labelled(known[number]) if number in known else _PLACEHOLDER)
        return study

    def _labelled(self, trial: FrozenTrial) -> FrozenTrial:
        return create_trial(
            value=trial.value,
            params={self.labels[name]: _safe_choice(value) for name, value in trial.params.items()},
            distributions={self.labels[name]: _safe_choices(kind) for name, kind in trial.distributions.items()},
        )

    def importances(self, target: str) -> Importances:
        _need_parameters(self, 1)
        return importances(self.results, target)


_PLACEHOLDER = create_trial(state=TrialState.WAITING)  # keeps the number of a trial that is left out


def _safe_choice(value: object) -> object:
    return _safe(value) if isinstance(value, str) else value


def _safe_choices(distribution: BaseDistribution) -> BaseDistribution:
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    return CategoricalDistribution([_safe_choice(choice) for choice in distribution.choices])


# --- Panels


def _history(shown: _Shown) -> list[go.Figure]:
    figure = visualization.plot_optimization_history(shown.trained, target_name=shown.score_label)
    figure.update_traces(name="trained trial", selector={"mode": "markers"})
    figure.update_traces(name="best so far", line_shape="hv", selector={"mode": "lines"})
    figure.update_xaxes(title="trial", dtick=_whole_step(shown.results.trials["number"]))
    return [figure.update_yaxes(shown.score_axis)]


def _parallel(shown: _Shown) -> list[go.Figure]:
    _need_parameters(shown, 1)
    names = [name for name in shown.results.best_parameters if name in shown.parameters]
    rows = shown.results.rows.dropna(subset=names)
    figure = visualization.plot_parallel_coordinate(
        shown.trained, [shown.parameters[name] for name in names], target=shown.target, target_name=shown.score_label
    )
    lines = sorted(figure.select_traces({"mode": "lines"}), key=lambda line: -line.y[0])  # the score, from 0 to 1
    for line, colour in zip(lines, sample_colorscale(SCALE, [line.y[0] for line in lines]), strict=True):
        line.update(line={"color": colour, "width": 1.5}, opacity=0.7)
    figure.data = [*lines, *figure.select_traces({"mode": "markers"})]
    bar = {"colorscale": SCALE, "reversescale": False, "colorbar": shown.colour_bar}
    figure.update_traces(marker=bar, selector={"mode": "markers"})
    _round_axis(figure, 0, rows["score"], shown.is_wide)
    for place, name in enumerate(sorted(names, key=shown.parameters.get), 1):  # Optuna's order
        kind, values = shown.results.distributions[name], rows[name]
        if not isinstance(kind, CategoricalDistribution):
            _round_axis(figure, place, values, kind.log)
    if shown.is_wide:
        _name_scores(lines)
    return [figure.update_annotations(bgcolor="rgba(255, 255, 255, 0.8)", font_color="#222")]


def _round_axis(figure: go.Figure, place: int, values: pd.Series, is_log: bool) -> None:
    """Mark round numbers on one axis of the parallel coordinates."""
    if values.nunique() == 1:
        return
    scale = np.log10 if is_log else np.asarray
    low, high = scale(values.min()), scale(values.max())
    look = next(figure.select_annotations({"x": place})).to_plotly_json()
    figure.layout.annotations = [note for note in figure.layout.annotations if note.x != place] + [
        look | {"y": (scale(tick) - low) / (high - low), "text": short_number(tick)}
        for tick in _round_numbers(values, is_log)
    ]


def _round_numbers(values: pd.Series, is_log: bool) -> list[float]:
    """Return some round numbers within the range of the values."""
    low, high = values.min(), values.max()
    is_whole = bool((values % 1 == 0).all())
    locator = LogLocator(subs=(1.0, 2.0, 5.0)) if is_log else MaxNLocator(5, integer=is_whole, steps=[1, 2, 5, 10])
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]


def _whole_step(values: pd.Series) -> int | None:
    """Return the step between ticks of few whole numbers, where Plotly would show fractions; None for other values."""
    numbers = pd.to_numeric(values.dropna(), errors="coerce").astype(float)
    is_few = (numbers % 1 == 0).all() and numbers.max() - numbers.min() <= MOST_STEPS
    return 1 if is_few else None


def _name_scores(lines: Sequence[go.Scatter]) -> None:
    """Show scores instead of their logarithms where the mouse is."""
    for line in lines:
        (label, logarithm), *others = line.customdata
        line.customdata = [[label, short_number(10 ** float(logarithm))], *others]


def _slices(shown: _Shown) -> list[go.Figure]:
    _need_parameters(shown, 1)
    return [_slice(shown, name) for name in shown.parameters]


def _slice(shown: _Shown, name: str) -> go.Figure:
    figure = visualization.plot_slice(shown.trained, [shown.labels[name]], target_name=shown.score_label)
    figure.update_traces(marker={"colorscale": SCALE, "showscale": False, "size": 5})
    figure.update_xaxes(dtick=_whole_step(shown.results.rows[name]))
    kind = shown.results.distributions[name]
    if isinstance(kind, CategoricalDistribution):
        # Optuna's own labels would be in quotation marks.
        names = [_safe(choice) for choice in kind.choices]
        ticks = {"tickvals": figure.layout.xaxis.categoryarray, "ticktext": names}
        figure.update_xaxes(ticks, range=[-0.5, len(names) - 0.5])
    return figure.update_yaxes(shown.score_axis).update_layout(height=SLICE_HEIGHT)


def _bars(shown: _Shown, target: str) -> list[go.Figure]:
    found = shown.importances(target).shares
    figure = go.Figure(
        go.Bar(
            x=found["mean"].to_list(),
            y=[shown.labels[name] for name in found.index],
            error_x={"type": "data", "array": found["spread"].to_list(), "thickness": 1, "color": "#222"},
            orientation="h",
            marker_color=COLOURS["blue"],
            customdata=found["spread"].to_list(),
            hovertemplate="%{y}: %{x:.3f} ± %{customdata:.3f}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    longest = (found["mean"] + found["spread"]).max()
    figure.update_xaxes(title_text=f"importance for the {target}", range=[0, 1.3 * longest or 1])
    for name, row in found.iterrows():
        text = f"{row['mean']:.2f} ± {row['spread']:.2f}"
        place = {"x": 1, "xref": "x domain", "xanchor": "right", "y": shown.labels[name]}
        figure.add_annotation(text=text, showarrow=False, **place)
    return [figure.update_layout(height=BARS_MARGIN + BAR_HEIGHT * len(found))]


def _distribution(shown: _Shown) -> list[go.Figure]:
    figure = px.ecdf(shown.results.rows, x="score", labels={"score": shown.score_label})
    figure.update_traces(line_color=COLOURS["blue"]).update_xaxes(shown.score_axis)
    return [figure.update_yaxes(title="share of the trained trials")]


def _timeline(shown: _Shown) -> list[go.Figure]:
    rows = shown.results.trials
    rows = rows[~rows["kind"].isin(["running", "waiting"])]
    trials = shown.results.study.trials
    bars = rows[["number", "kind", "score"]].assign(
        start=[trial.datetime_start for trial in trials], end=[trial.datetime_complete for trial in trials]
    )
    bars = bars.dropna(subset=["start", "end"])
    if bars.empty:
        raise MissingError("no trial has both a time at which it began and one at which it ended")
    figure = px.timeline(
        bars.assign(kind=bars["kind"].map(KINDS)),
        x_start="start",
        x_end="end",
        y="number",
        color="kind",
        color_discrete_map={KINDS[kind]: colour for kind, colour in KIND_COLOURS.items()},
        category_orders={"kind": list(KINDS.values())},
        hover_data=["score"],
        labels={"number": "trial", "score": shown.score_label, "start": "began", "end": "ended", "kind": ""},
    )
    # The edge of a bar makes even a very short trial visible.
    for trace in figure.data:
        trace.update(width=0.8, marker_line={"color": trace.marker.color, "width": 2})
    figure.update_yaxes(dtick=_whole_step(bars["number"]))
    return [figure.update_xaxes(title="date and time").update_layout(height=TIMELINE_HEIGHT)]


def _contour(shown: _Shown) -> list[go.Figure]:
    _need_parameters(shown, 2)
    names = sorted(shown.importances("score").shares.index[:2], key=shown.labels.get)  # Optuna's order
    figure = visualization.plot_contour(
        shown.trained, [shown.labels[name] for name in names], target=shown.target, target_name=shown.score_label
    )
    colours = {"colorscale": SCALE, "reversescale": False, "colorbar": shown.colour_bar}
    figure.update_traces(colours, selector={"type": "contour"})
    for update, name in zip((figure.update_xaxes, figure.update_yaxes), names, strict=True):
        update(dtick=_whole_step(shown.results.rows[name]))
    points = {"color": "white", "size": 6, "line": {"color": "black", "width": 1}}
    figure.update_traces(marker=points, selector={"type": "scatter"})
    return [figure]


def _need_parameters(shown: _Shown, fewest: int) -> None:
    _need(fewest, "parameters that vary", len(shown.parameters))


def _need(fewest: int, what: str, found: int) -> None:
    if found < fewest:
        raise MissingError(f"the panel needs at least {fewest} {what}, and the study has {found or 'none'}")


@dataclass(frozen=True)
class _Panel:
    """A panel of every study; ``fewest`` trained trials are needed to draw it, and ``look`` is its CSS class.

    ``target`` is that of the importances that the panel shows, if it shows any.
    """

    key: str
    title: str
    caption: str
    draw: Callable[[_Shown], list[go.Figure]]
    fewest: int = 0
    look: str = "figures"
    target: str | None = None

    def note(self, shown: _Shown) -> str:
        """The caption, and how importances were found."""
        if self.target is None:
            return self.caption
        found = shown.importances(self.target)
        return f"{self.caption} Method: {found.method}. {found.caution}".rstrip()


PANELS = (
    _Panel("history", "Optimisation history", "One point per trained trial; the line is the best so far.", _history, 1),
    _Panel(
        "parallel",
        "Parallel coordinates",
        "One line per trained trial with the parameters of the best one; better trials are darker and further on top.",
        _parallel,
        2,
        look="wide",
    ),
    _Panel("slices", "Slices", "One point per trained trial; the first are dark, the last bright.", _slices, 2),
    _Panel(
        "score",
        "Importance for the score",
        "Share of the score's variance that a parameter explains by itself; the shares add up to 1.",
        lambda shown: _bars(shown, "score"),
        FEWEST,
        target="score",
    ),
    _Panel(
        "duration",
        "Importance for the duration",
        "Share of the duration's variance that a parameter explains by itself; the shares add up to 1.",
        lambda shown: _bars(shown, "duration"),
        FEWEST,
        target="duration",
    ),
    _Panel(
        "distribution",
        "Empirical distribution function",
        "Share of the trained trials that have this score or a better one.",
        _distribution,
        2,
    ),
    _Panel("timeline", "Timeline", "One bar per trial, from its beginning to its end.", _timeline),
    _Panel(
        "contour",
        "Contour",
        "Score over the two parameters that matter most for it; one point per trained trial.",
        _contour,
        FEWEST,
    ),
)


def _panel_html(shown: _Shown, panel: _Panel, anchor: str) -> str:
    heading = f'<h3 id="{anchor}">{panel.title}</h3>'
    try:
        figures = _figures(shown, panel)
    except (MissingError, ValueError, RuntimeError) as error:
        return f'{heading}\n<p class="lacking">Not drawn: {_safe(error)}.</p>'
    parts = "\n".join(_figure_html(figure, f"{anchor}-{number}") for number, figure in enumerate(figures, 1))
    return f'{heading}\n<p class="note">{panel.note(shown)}</p>\n<div class="{panel.look}">{parts}</div>'


def _figures(shown: _Shown, panel: _Panel) -> list[go.Figure]:
    """Return the figures of a panel. Raises MissingError where there is nothing to draw."""
    _need(panel.fewest, "trained trials", len(shown.results.rows))
    figures = [
        figure for figure in panel.draw(shown) if any(trace.x is not None and len(trace.x) for trace in figure.data)
    ]
    if not figures:
        raise MissingError("the trained trials have nothing that can be shown here")
    return figures


def _figure_html(figure: go.Figure, anchor: str) -> str:
    figure.update_layout(title=None, template=LOOK, height=figure.layout.height or HEIGHT)
    return figure.to_html(CONFIG, include_plotlyjs=False, full_html=False, div_id=anchor)


# --- The page


@dataclass(frozen=True)
class _Section:
    """A part of the page; ``contents`` are the titles by anchor that the table of contents lists below the part."""

    anchor: str
    title: str
    body: str
    contents: Mapping[str, str]


def _study_section(number: int, results: StudyResults) -> _Section:
    shown, anchor = _Shown(results), f"study-{number}"
    titles = {f"{anchor}-{panel.key}": panel.title for panel in PANELS}
    panels = [_panel_html(shown, panel, key) for panel, key in zip(PANELS, titles, strict=True)]
    body = "\n".join([_facts_html(shown), *panels])
    return _Section(anchor, _safe(f"{results.problem.name.capitalize()}: {results.name}"), body, titles)


def _facts_html(shown: _Shown) -> str:
    facts = {
        "Study": shown.results.name,
        "Trials": f"{len(shown.results.trials)}, {len(shown.results.rows)} of them trained",
        "Not trained": shown.results.left_out() or "none",
        f"Best {shown.score_label}": _best_score(shown),
    }
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{_safe(fact)}</dd>' for name, fact in facts.items())}</dl>"


def _best_score(shown: _Shown) -> str:
    if shown.results.rows.empty:
        return "none: no trial was trained"
    best = shown.results.rows.loc[shown.results.rows["score"].idxmin()]
    return f"{short_number(best['score'])}, of trial {best['number']}"


def _tables_section(tables: Mapping[str, pd.DataFrame]) -> _Section:
    titles = {f"table-{number}": _safe(title) for number, title in enumerate(tables, 1)}
    parts = [
        f'<div class="wide" id="{anchor}">{_table_html(title, table)}</div>'
        for (anchor, title), table in zip(titles.items(), tables.values(), strict=True)
    ]
    return _Section("tables", "Tables", "\n".join(parts), titles)


def _table_html(caption: str, table: pd.DataFrame) -> str:
    has_names = not isinstance(table.index, pd.RangeIndex)
    with pd.option_context("display.max_colwidth", None):
        text = table.to_html(index=has_names, border=0, na_rep="-", float_format=short_number)
    return text.replace("<thead>", f"<caption>{caption}</caption>\n<thead>", 1)


def _pictures_section(pictures: Mapping[str, bytes]) -> _Section:
    titles = {f"picture-{number}": _safe(title) for number, title in enumerate(pictures, 1)}
    parts = [
        f'<h3 id="{anchor}">{title}</h3>\n<img alt="{escape(title)}" src="data:image/png;base64,{encoded}">'
        for (anchor, title), content in zip(titles.items(), pictures.values(), strict=True)
        for encoded in [base64.b64encode(content).decode()]
    ]
    return _Section("pictures", "Pictures", "\n".join(parts), titles)


def _missing_section(missing: Sequence[str]) -> _Section:
    sentences = "".join(f"<li>{_safe(sentence)}</li>" for sentence in missing)
    return _Section("missing", "What is missing", f"<ul>{sentences}</ul>", {})


def _page(sections: Sequence[_Section]) -> str:
    bodies = "\n".join(
        f'<section>\n<h2 id="{part.anchor}">{part.title}</h2>\n{part.body}\n</section>' for part in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Results of the hyperparameter searches</title>
<style>{STYLE}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<h1>Results of the hyperparameter searches</h1>
<noscript><p class="lacking">The figures need JavaScript, which is switched off here.</p></noscript>
<nav>{"".join(map(_contents_html, sections))}</nav>
{bodies}
</body>
</html>
"""


def _contents_html(section: _Section) -> str:
    items = "".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in section.contents.items())
    return f'<p><a href="#{section.anchor}">{section.title}</a></p>' + (f"<ul>{items}</ul>" if items else "")
