"""Make the paper's figures and tables from any results tree, that of your own runs or of the published archive.

python resultsPlotting.py                                       Figs 2-13 and Tables 1-4 of Results, into Figs
python resultsPlotting.py --problem inversion --figures 7,8     two figures
python resultsPlotting.py --format pdf --html                   for print, and a report to explore in a browser
python resultsPlotting.py --compare ../archive                  your results beside the published archive's
"""

import argparse
import io
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from hpo.results.options import DEFAULT_RESULTS, chosen, results_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    results_options(__doc__)

import pandas as pd
from matplotlib.figure import Figure

from dataGeneration import DataGenerationClass, show_figures
from hpo.pairs import tested_on
from hpo.problem import Problem, known_problems, run_scripts
from hpo.quiet import quiet_optuna
from hpo.results.accuracy import plot_accuracy_and_cost
from hpo.results.beside import plot_beside
from hpo.results.figures import plot_final_networks, plot_grid_search, plot_repeatability
from hpo.results.grid import MissingError, loss_unit, read_grid, read_repeatability, read_settings, read_types
from hpo.results.grid import traces_sentence
from hpo.results.histories import read_histories
from hpo.results.html import write_report
from hpo.results.networks import FinalNetwork, final_label, predict_blind_traces, rate_networks, read_final_networks
from hpo.results.studies import StudyResults, importances, read_study
from hpo.results.study_figures import plot_duration_importance, plot_study
from hpo.results.tables import Parts, table_of_best, table_of_ranges
from hpo.tree import ResultsTree
from hpo.urls import check_url
from support.command_line import check_output, command_line
from support.errors import UserError
from support.files import replace_file, replacing

EARTH_SEED, CROSSPLOT_TRACES = 0, 20
SCREEN_DPI = 130  # of a picture in the report


@dataclass
class Results:
    """One problem's results; each part is read when it is first used, and raises MissingError where it is missing."""

    problem: Problem
    tree: ResultsTree
    storage_url: str | None = None
    study_name: str | None = None
    paper_limits: bool = False
    script: str = "run_*.py"  # the run script of the problem

    grid = cached_property(lambda self: read_grid(self.tree))
    types = cached_property(lambda self: read_types(self.tree))
    repeatability = cached_property(lambda self: read_repeatability(self.final_tree))
    histories = cached_property(lambda self: read_histories(self.tree))
    networks = cached_property(lambda self: read_final_networks(self.final_tree, self.problem.approaches))
    study = cached_property(lambda self: read_study(self.problem, self.tree, self.storage_url, self.study_name))

    @cached_property
    def final_tree(self) -> ResultsTree:
        """The tree with the final trainings of the study, or else with those of its own set."""
        own = replace(self.tree, set_name=self.study_name or self.tree.newest_study() or "")
        return own if own.repeatability.is_dir() and not self.tree.set_name else self.tree

    def other_sets(self) -> list[str]:
        """Return a note on the sets of the tree that are not shown; the list is empty when there are none."""
        shown = {self.tree.set_name, self.final_tree.set_name}
        names = [name for name in self.tree.set_names if name not in shown]
        return [f"the sets {', '.join(names)}, which --trainings NAME shows"] if names else []

    def unit(self, folder: Path) -> str:
        """Return the unit of the losses in the tables of a folder."""
        return loss_unit(self.problem, read_settings(folder))

    def limits(self, what: str, unit: str) -> tuple[float, float] | None:
        """Return the paper's limits of losses in a figure, if they were asked for and are in the unit of the losses."""
        asked = self.paper_limits and unit == self.problem.unit
        return self.problem.figure_limits.get(what) if asked else None

    def or_none(self, part: str, notes: list[str]) -> object:
        """Return a part by its name; where it is missing, return None and add the reason to the notes."""
        try:
            return getattr(self, part)
        except MissingError as error:
            notes.append(self.explained(error))
            return None

    def explained(self, error: MissingError) -> str:
        """Return why a part is missing, and the command that makes it."""
        if not error.mode:
            return str(error)
        output = [] if self.tree.output == DEFAULT_RESULTS else ["--output", str(self.tree.output)]
        return f"{error}; {command_line(['python', self.script, '--mode', error.mode, *output])} makes it"


def _earth_model(sources: Sequence[Results], notes: list[str]) -> Figure:
    data_set = DataGenerationClass(n_traces=CROSSPLOT_TRACES, add_gaps=False, seed=EARTH_SEED)
    data_set.generate_dataset()
    return data_set.plot_earth_model()


def _grid_search(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    settings, unit = read_settings(results.tree.grid), results.unit(results.tree.grid)
    return plot_grid_search(
        results.grid,
        results.problem,
        unit,
        results.or_none("types", notes),
        settings.get("n_samples", 4096),
        traces_sentence(results.problem, settings),
        results.limits("grid", unit),
    )


def _repeatability(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    folder, problem = results.final_tree.repeatability, results.problem
    settings, unit = read_settings(folder), results.unit(folder)
    source = problem.source(settings["from_study"]) if "from_study" in settings else ""
    words = (traces_sentence(problem, settings), source)
    notes += results.other_sets()
    return plot_repeatability(results.repeatability, problem, unit, *words, results.limits("repeatability", unit))


def _final_networks(sources: Sequence[Results], notes: list[str]) -> Figure:
    (results,) = sources
    networks, blind = results.networks, None
    notes += results.other_sets()
    try:
        blind = predict_blind_traces(results.problem, networks)
    except MissingError as error:
        notes.append(str(error))
    found = {final.approach for final in networks}
    notes += [final.lacks for final in networks if final.lacks]
    lacking = [approach for approach in results.problem.final_configs if approach not in found]
    notes += [results.explained(MissingError(f"network of {one}: there is none", "final_model")) for one in lacking]
    if blind is None and all(final.history is None for final in networks):
        raise MissingError("; ".join(notes))
    return plot_final_networks(results.problem, networks, blind)


def _beside(sources: Sequence[Results], notes: list[str]) -> Figure:
    ours, other = sources
    return plot_beside(ours, other, ours.unit(ours.tree.grid), notes)


def _duration_importance(sources: Sequence[Results], notes: list[str]) -> Figure:
    studies = []
    for results in sources:
        try:
            importances(results.study, "duration")
            studies.append(results.study)
        except MissingError as error:
            notes.append(f"{results.problem.name}: {results.explained(error)}")
    if not studies:
        raise MissingError("; ".join(notes))
    return plot_duration_importance(studies)


SHARED_FIGURES = {"2": _earth_model, "11": _duration_importance}  # figures of all problems together, by number
FIGURES = {  # figures of each problem, by what they show
    "grid": _grid_search,
    "study": lambda sources, notes: plot_study(sources[0].study),
    "repeatability": _repeatability,
    "networks": _final_networks,
    "accuracy": lambda sources, notes: plot_accuracy_and_cost(
        sources[0].problem, *rate_networks(sources[0].problem, sources[0].tree, notes)
    ),
}
TABLES = {  # tables of each problem: title, maker
    "ranges": ("Search ranges and base values", table_of_ranges),
    "best": ("Best hyperparameters", table_of_best),
}


class Item(NamedTuple):
    """A figure or table to be made."""

    problems: Sequence[str]  # the problems that it shows
    maker: Callable
    title: str = ""
    in_report: bool = False  # a figure that the report shows, too


def _own_figure(what: str) -> Callable[[Sequence[Results], list[str]], Figure]:
    """Return the maker of a figure that a problem has of its own, from its final networks."""

    def make(sources: Sequence[Results], notes: list[str]) -> Figure:
        (results,) = sources
        found = {final_label(results.problem, final): final for final in results.networks}
        networks = {name: final.network for name, final in found.items() if final.network is not None}
        histories = {name: final.history for name, final in found.items() if final.history is not None}
        if not networks:
            raise MissingError(f"{what}: no final network could be loaded")
        try:
            problem, _ = tested_on(results.problem, networks.values())
            if what not in problem.own_figures:
                raise MissingError(f"{what}: the final networks are of data that have no such figure")
            return problem.own_figures[what](problem, networks, histories)
        except (ValueError, UserError) as error:
            raise MissingError(f"{what}: {error}") from error

    return make


def figures_of(problems: Mapping[str, Problem]) -> dict[str, Item]:
    """Return all figures, by the paper's number or else by problem and content, as in "arrivals_study"."""
    own = {
        str(problem.figures.get(what, f"{name}_{what}")): Item([name], maker)
        for name, problem in problems.items()
        for what, maker in FIGURES.items()
    }
    own |= {
        f"{name}_{what}": Item([name], _own_figure(what), f"{name.capitalize()}: {what}", in_report=True)
        for name, problem in problems.items()
        for what in problem.own_figures
    }
    return _in_order(own | {number: Item(list(problems), maker) for number, maker in SHARED_FIGURES.items()})


def tables_of(problems: Mapping[str, Problem]) -> dict[str, Item]:
    """Return all tables, named as `figures_of` names figures."""
    return _in_order(
        {
            str(problem.tables.get(what, f"{name}_{what}")): Item([name], maker, f"{title}, {name}")
            for name, problem in problems.items()
            for what, (title, maker) in TABLES.items()
        }
    )


def _in_order(items: Mapping[str, Item]) -> dict[str, Item]:
    """Return the items with the paper's numbers first."""
    return dict(sorted(items.items(), key=lambda item: item[0].zfill(3) if item[0].isdigit() else "~"))


@dataclass
class Output:
    """The folder of pictures and tables, with those that a report shows and the reasons for what is missing."""

    folder: Path
    formats: Sequence[str]
    tables: dict[str, pd.DataFrame]
    missing: list[str]
    pictures: dict[str, bytes] = field(default_factory=dict)  # PNGs by their captions

    def make(self, kind: str, label: str, item: Item, sources: Sequence[Results]) -> None:
        """Make a figure ("Fig") or a table ("Table"), save it and print its paths, or print why it was not made."""
        notes: list[str] = []
        what, path = f"{kind} {label}", self.folder / (f"{kind}{label}" if label.isdigit() else f"{kind}_{label}")
        try:
            paths = (self._figure if kind == "Fig" else self._table)(what, path, item, sources, notes)
        except MissingError as error:
            reason = sources[0].explained(error)
            self.missing.append(f"{what} was not made: {reason}")
            print(f"{what:<10s} not made: {reason}")
            return
        print(f"{what:<10s} {', '.join(map(str, paths))}")
        for note in notes:
            self.missing.append(f"{what} is without a part: {note}")
            print(f"{'':<10s} without {note}")

    def _figure(self, what: str, path: Path, item: Item, sources: Sequence[Results], notes: list[str]) -> list[Path]:
        """Save a figure in every format."""
        fig = item.maker(sources, notes)
        paths = [path.with_suffix(f".{ending}") for ending in self.formats]
        for path in paths:
            with replacing(path) as unfinished:
                fig.savefig(unfinished, dpi=300)
        if item.in_report:
            content = io.BytesIO()
            fig.savefig(content, format="png", dpi=SCREEN_DPI)
            self.pictures[item.title] = content.getvalue()
        return paths

    def _table(self, what: str, path: Path, item: Item, sources: Sequence[Results], notes: list[str]) -> list[Path]:
        """Save a table as CSV and as Markdown."""
        (results,) = sources
        study, grid = results.or_none("study", notes), results.or_none("grid", notes)
        table, note = item.maker(results.problem, Parts(study, grid, results.or_none("repeatability", [])))
        settings = [study.study.user_attrs] if study is not None else []
        settings += [read_settings(results.tree.grid)] if grid is not None else []
        below = [note, traces_sentence(results.problem, *settings) if settings else ""]
        sentences = "".join(f"\n{sentence}\n" for sentence in below if sentence)
        text = f"**{what}.** {item.title}\n\n{table.to_markdown(index=False)}\n{sentences}"
        self.tables[f"{what}. {item.title}"] = table
        contents = {
            path.with_suffix(".csv"): table.to_csv(index=False, lineterminator="\n"),
            path.with_suffix(".md"): text,
        }
        for file, content in contents.items():
            replace_file(file, content)
        return list(contents)


def _chosen(option: str, words: Sequence[str], valid: Collection[str]) -> list[str]:
    """Return some of the valid words, as `chosen` does; UserError with the option's name for another one."""
    try:
        return chosen(words, valid)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the figures and tables. Return the exit status: 0, or 2 for the user's mistakes."""
    options = results_options(__doc__, arguments)
    problems = known_problems()
    try:
        _chosen("--problem", [options.problem], [*problems, "both"])
        options.figures = options.figures and _chosen("--figures", options.figures, figures_of(problems))
        options.tables = options.tables and _chosen("--tables", options.tables, tables_of(problems))
        if options.storage is None and not options.results.is_dir():
            raise UserError(
                f"--results {str(options.results)!r} is not a folder; give the one with Denoising and Inversion"
            )
        if options.compare is not None and not options.compare.is_dir():
            raise UserError(
                f"--compare {str(options.compare)!r} is not a folder; give one with Denoising or Inversion in it"
            )
        trees = [ResultsTree(options.results, problem.folder) for problem in problems.values()]
        known = sorted({name for tree in trees for name in tree.set_names})
        if options.trainings and options.trainings not in known:
            valid = f"the sets are {', '.join(known)}" if known else "there is only the first one, without a name"
            raise UserError(f"there is no set {options.trainings!r} in {str(options.results)!r}; {valid}")
        if options.storage is not None:
            check_url(options.storage)
        check_output(options.output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    with quiet_optuna():
        _make(options)
    show_figures()
    return 0


def _make(options: argparse.Namespace) -> None:
    problems = known_problems()
    scripts = {problem.name: script for script, problem in run_scripts().items()}
    named = options.problem != "both" or options.figures or options.tables or options.storage
    # A further problem is shown where it has results.
    there = [name for name, one in problems.items() if one.paper_trials or (options.results / one.folder).is_dir()]
    names = [options.problem] if options.problem != "both" else problems if named else there
    sources = {
        name: Results(
            problems[name],
            ResultsTree(options.results, problems[name].folder, options.trainings),
            options.storage,
            options.study_name,
            options.paper_limits,
            scripts[name],
        )
        for name in names
    }
    figures, tables = figures_of(problems), tables_of(problems)
    everything = options.figures is None and options.tables is None and options.compare is None
    output = Output(options.output, options.format, {}, [])
    for kind, items, asked in (("Fig", figures, options.figures), ("Table", tables, options.tables)):
        for label in asked or (items if everything else ()):
            shown = [sources[name] for name in items[label].problems if name in sources]
            if shown:
                output.make(kind, label, items[label], shown)
    for name, results in sources.items() if options.compare else ():
        other = Results(problems[name], ResultsTree(options.compare, problems[name].folder))
        output.make("Fig", f"{name}_beside", Item([name], _beside), [results, other])
    if options.html:
        notes: list[str] = []
        studies = [study for results in sources.values() if (study := results.or_none("study", notes)) is not None]
        path = options.output / "report.html"
        write_report(path, studies, output.tables, [*output.missing, *notes], output.pictures)
        print(f"Report     {path}")


if __name__ == "__main__":
    sys.exit(main())
