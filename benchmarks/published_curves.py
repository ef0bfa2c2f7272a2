"""Train published configurations again, and put the losses by epoch beside the published ones.

    python -m benchmarks.published_curves ../shared/paper/published/Inversion/Search/Optuna/loss_history_all/TCN*.csv
    python -m benchmarks.published_curves .../TCN_SEQ_LYR1_..._log.csv --generation described --output Described
    python -m benchmarks.published_curves --final denoising --epochs 100 --ages 0 500 1000 2000 3000 4000 --seeds 1

The configurations are those of the loss histories, or the grid's best of a problem. Every training has the paper's
250 and 75 traces of 4096 samples, in batches of 1. A published loss is inside where it lies between the lowest and the
highest of the seeds, widened by their distance on either side. Trainings that were stopped go on, and finished ones are
only read, so that several processes can share --output with --seed-from.
"""

import argparse
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import baseML
from dataPreProcessing import GENERATIONS
from hpo.problem import Problem, known_problems
from hpo.results.grid import read_history
from hpo.results.histories import History, history_of
from hpo.settings import DEFAULTS, VALIDATION_SHARE
from hpo.tree import ResultsTree
from networks.files import BACKUP, loss_history_path
from networks.rows import NetworkConfig

EPOCHS_SHOWN = (1, 5, 10, 20, 30)
N_TRAINING = DEFAULTS["num_datasets"]
N_VALIDATION = round(VALIDATION_SHARE * N_TRAINING)


@dataclass(frozen=True)
class Job:
    """One configuration at one age, trained with several seeds."""

    problem: Problem
    config: NetworkConfig
    age: int
    published: History | None


def trained(job: Job, seed: int, options: argparse.Namespace) -> np.ndarray:
    """Return the validation losses by epoch, (n_epochs,), of a training that is run unless it has ended before."""
    folder = ResultsTree(options.output, job.problem.folder).search
    run_name = f"{job.config.label}NA_{options.generation}_age{job.age}_seed{seed}"
    path = loss_history_path(folder, run_name)
    known = read_history(path)
    if known is None or len(known) < options.epochs or (folder / f"{run_name}{BACKUP}").exists():
        stream = functools.partial(
            job.problem.stream,
            seed=seed,
            generation=options.generation,
            starting_age=job.age,
            n_samples=options.samples,
        )
        streams = stream(n=N_TRAINING, stream="training"), stream(n=N_VALIDATION, stream="validation")
        baseML.run_model(job.config, *streams, options.epochs, folder, run_name, seed, {"problem": job.problem.name})
        known = read_history(path)
    return known["val_loss"].to_numpy()


def describe(job: Job, losses: Sequence[np.ndarray]) -> list[str]:
    """Return the lines of a table in Markdown: published losses and those of the seeds, by epoch."""
    lowest = [values.min() for values in losses]
    rate = job.config.learning_rate
    lines = [
        f"**{job.config.label}** rate {rate:.3g}, starting age {job.age}; lowest: "
        + ", ".join(f"{value:.5g}" for value in lowest),
        f"median over epochs: {', '.join(f'{np.median(values):.4g}' for values in losses)}",
    ]
    if job.published is None:
        return lines
    published = job.published.losses["val_loss"].to_numpy()
    lines += [
        f"published, lowest: {published.min():.5g}",
        "| epoch | published | seeds | inside |",
        "|---|---|---|---|",
    ]
    for epoch in (epoch for epoch in EPOCHS_SHOWN if epoch <= min(len(published), *map(len, losses))):
        found = [values[epoch - 1] for values in losses]
        low, high = min(found), max(found)
        inside = low - (high - low) <= published[epoch - 1] <= high + (high - low)
        seeds = ", ".join(f"{value:.5g}" for value in sorted(found))
        lines.append(f"| {epoch} | {published[epoch - 1]:.5g} | {seeds} | {'yes' if inside else 'no'} |")
    return lines


def main() -> None:
    """Train what is lacking, and print a table for each configuration and age."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("histories", type=Path, nargs="*", help="published loss histories")
    parser.add_argument("--final", choices=known_problems(), help="instead: the grid's best configuration of a problem")
    parser.add_argument("--approach", default="Grid Search", help="with --final: Grid Search or Optuna")
    parser.add_argument("--generation", choices=GENERATIONS, default="published")
    parser.add_argument("--ages", type=int, nargs="+", default=[0], help="starting ages of the streams, in epochs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed-from", type=int, default=0, help="first seed")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--output", type=Path, default=Path("Curves"), help="results tree of the histories")
    options = parser.parse_args()
    known = known_problems()
    if options.final:
        problem = known[options.final]
        jobs = [Job(problem, problem.final_configs[options.approach], age, None) for age in options.ages]
    else:
        found = [history_of(path) for path in options.histories]
        if None in found:
            parser.error(f"{options.histories[found.index(None)]} is not a loss history of a network on raw traces")
        of_type = {problem.net_type: problem for problem in known.values()}
        jobs = [Job(of_type[one.config.net_type], one.config, age, one) for one in found for age in options.ages]
    for job in jobs:
        seeds = range(options.seed_from, options.seed_from + options.seeds)
        print("\n".join(describe(job, [trained(job, seed, options) for seed in seeds])), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
