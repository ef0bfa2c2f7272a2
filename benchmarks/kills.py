"""Kill runs of every mode at random moments, resume them, and look for anything lost, stuck or counted twice.

    python -m benchmarks.kills                          60 kills, seed 0
    python -m benchmarks.kills --kills 200 --seed 1

Toy runs, in processes of their own, are killed (SIGKILL) at a random call of the functions that make data, train, and
write checkpoints, tables and the database. Then they are resumed until their end, and their results are compared with
those of a run with the same seed that was never killed. This needs POSIX. The exit status is 1 when anything was lost,
stuck, counted twice or different.
"""

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import forked  # noqa: E402
from forked import PLACES, Run  # noqa: E402

KINDS = ("lost", "stuck", "twice", "different")
# Mode and number of processes; runs of several processes take seconds to start.
RUNS = (*((mode, 1) for mode in forked.COMMANDS if mode != "unnamed"), ("optuna", 2))


def main() -> int:
    """Kill and resume runs, compare their results, and print the table. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="number of kills (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default 0)")
    options = parser.parse_args()
    table = {}
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        kill_all(options.kills, np.random.default_rng(options.seed), Path(folder), table)
    report(table)
    return any(kinds[kind] for kinds in table.values() for kind in KINDS)


def kill_all(n_kills: int, rng: np.random.Generator, folder: Path, table: dict[tuple, Counter]) -> None:
    """Fill the table with the kills of each mode and place, and with what was wrong after them."""
    forked.go_on("optuna", folder / "begun", "--n-trials", "1")
    whole = {
        mode: forked.whole_run(mode, forked.start(folder / "begun", mode, folder / f"whole {mode}"))
        for mode in dict(RUNS)
    }
    rounds = itertools.cycle(itertools.product(PLACES, RUNS))
    while sum(counts["kills"] for counts in table.values()) < n_kills:
        place, (mode, n_workers) = next(rounds)
        if not any(whole[mode][1].get(target) for target in PLACES[place]):
            continue  # the listed trainings have no database
        tree = forked.start(folder / "begun", mode, folder / f"run {rng.integers(2**62):x}")
        wrong = kill_once(mode, place, n_workers, tree, whole[mode], rng)
        name = f"{mode}, {n_workers} processes" if n_workers > 1 else mode
        table.setdefault((name, place), Counter()).update(["missed"] if wrong is None else ["kills", *wrong])
        print(f"{name}, {place}: {'not hit' if wrong is None else wrong or 'nothing is wrong'}", flush=True)


def kill_once(
    mode: str, place: str, n_workers: int, tree: Path, whole: tuple, rng: np.random.Generator
) -> dict[str, object] | None:
    """Kill a run at a place and resume it; return what is wrong then (`forked.faults`), or None if it was not hit."""
    expected, calls = whole
    mark = tree.with_name(f"{tree.name} mark")
    # Each of several processes makes only some of the calls.
    each = {target: max(1, n // n_workers**2) for target, n in calls.items()}
    kill = forked.draw_kill(rng, place, each, mark)
    options = ("--workers", str(n_workers)) if n_workers > 1 else ()
    Run(mode, tree, *options, prepare=kill.aim if n_workers == 1 else kill.aim_at_workers).end()
    before = forked.finished(tree)
    try:
        forked.go_on(mode, tree, *options)
    except (AssertionError, TimeoutError) as error:
        return {"stuck": error}
    return forked.faults(before, tree, expected, in_turns=n_workers == 1) if mark.exists() else None


def report(table: dict[tuple, Counter]) -> None:
    """Print the table by mode and place, with the sums."""
    print(f"{'run':26s}{'killed at':18s}{'kills':>8s}" + "".join(f"{kind:>12s}" for kind in KINDS))
    total = sum(table.values(), Counter())
    for (run, place), counts in [*sorted(table.items()), (("all", ""), total)]:
        print(f"{run:26s}{place:18s}{counts['kills']:8d}" + "".join(f"{counts[kind]:12d}" for kind in KINDS))


if __name__ == "__main__":
    sys.exit(main())
