"""What the run script of broadband motion does with trained networks: ensembles of records, and their comparison.

--action generate    x of blind or own records -> ensembles -> an .npz file and a picture of each record
--action compare     ensembles of networks beside those of other ways, with the metrics of `ensembles`
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from baseML import BaseMLClass
from evaluation.task import Task
from plots.broadband import plot_ensemble, plot_goodness
from plots.style import save
from problems.broadband.goodness import goodness
from problems.broadband.known import N_COMPARED, N_LIKELIEST, N_MEMBERS, ensembles_beside
from problems.broadband.parts import Part, make_part, part_of
from problems.broadband.records import read_records
from problems.broadband.source import DT
from support.errors import UserError
from support.files import replacing
from support.words import number_of

N_GENERATED = 4  # blind records
FEWEST_SCORED = 100  # own records; fewer are shown without a score
MEMBERS_SHOWN = 6


def trained_networks(run: object) -> dict[str, Path]:
    """Return the files of adversarial networks in a run's tree, by approach: that of a study before the final ones.

    Raises UserError where there is none.
    """
    found = {
        approach: path
        for approach in run.problem.approaches
        for path in sorted(run.tree.final_model(approach).glob("ALICE_*.keras"))[-1:]
    }
    if found:
        return found
    raise UserError(
        f"there is no adversarial network in {run.tree.root / 'Final_Model'}; this command trains one: "
        "python run_BroadbandML.py --action train --mode final_model"
    )


def records_asked_for(path: Path | None, unit: str | None, n: int, seed: int) -> tuple[Part, str]:
    """Return blind records of a seed, or own ones, and a sentence on what they are. Raises UserError for own ones."""
    if path is None:
        return make_part(seed, "blind", n), f"{number_of(n, 'blind record')} of seed {seed}."
    try:
        own, report = read_records(path, unit=unit)
    except ValueError as error:
        raise UserError(str(error)) from error
    return part_of(own.y), report.describe()


# --- Work


def generate(task: Task, path: Path | None, unit: str | None, run: object) -> None:
    """Write ensembles of blind or own records, and a picture of each of the first ones, below the root of results.

    They are those of the first network, and have spectra that are drawn ("members") or the likeliest one ("likeliest").
    """
    network_path = next(iter(trained_networks(run).values()))
    part, words = records_asked_for(path, unit, N_GENERATED, run.settings.seed)
    print(words)
    folder = run.tree.root / "Ensembles"
    folder.mkdir(parents=True, exist_ok=True)
    network = BaseMLClass.load_model(network_path)
    members = network.records(part.x, N_MEMBERS, run.settings.seed)
    likeliest = network.records(part.x, N_LIKELIEST, run.settings.seed, drawn=False)
    target = folder / "ensembles.npz"
    with replacing(target) as unfinished:
        arrays = {"x": part.x, "y": part.y, "members": members, "likeliest": likeliest}
        np.savez_compressed(unfinished, **arrays, dt=DT, unit="cm/s^2")
    for number in range(min(N_GENERATED, len(members))):
        picture = folder / f"record_{number}.png"
        shown = members[number, :MEMBERS_SHOWN]
        save(plot_ensemble(DT, part.x[number], shown, part.y[number], name=f"Record {number}"), picture)
        print(f"Picture       {picture}")
    print(f"Network       {network_path}")
    print(f"Ensembles     {target}")


def compare(task: Task, path: Path | None, unit: str | None, run: object) -> None:
    """Print the metrics of ensembles beside those of other ways, and draw the scores of envelopes and phases."""
    trained = trained_networks(run)
    part, words = records_asked_for(path, unit, N_COMPARED, run.settings.seed)
    print(words)
    if path is not None and len(part.y) < FEWEST_SCORED:
        print(f"{number_of(len(part.y), 'record')} are too few for scores, which need {FEWEST_SCORED} or more.")
        return
    makers = {approach: BaseMLClass.load_model(each) for approach, each in trained.items()}
    made, table = ensembles_beside(task, makers, part, run.settings.seed)
    print(table)
    scores = {name: goodness(records[:, 0], part.y) for name, records in made.items()}
    folder = run.tree.root / "Ensembles"
    folder.mkdir(parents=True, exist_ok=True)
    save(plot_goodness({name: (each.envelope, each.phase) for name, each in scores.items()}), folder / "goodness.png")
    for each in trained.values():
        print(f"Network       {each}")
    print(f"Picture       {folder / 'goodness.png'}")


def work_of(task: Task, options: argparse.Namespace) -> Callable[[object], None] | None:
    """Return what --action asks for instead of a training, from a run. Raises UserError for options that conflict."""
    given = {"--records": options.records, "--unit": options.unit}
    if options.action in (None, "train"):
        flags = " and ".join(flag for flag, value in given.items() if value)
        if flags:
            raise UserError(f"{flags} has no meaning without --action generate or compare")
        return None
    if options.band:
        raise UserError(f"--band has no meaning with --action {options.action}, which trains nothing")
    if options.unit and not options.records:
        raise UserError(f"--unit {options.unit} has no meaning without --records PATH")
    return partial({"generate": generate, "compare": compare}[options.action], task, *given.values())
