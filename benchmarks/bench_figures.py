"""Measure how long resultsPlotting takes for the figures of two studies of 300 trials, with and without the report.

python -m benchmarks.bench_figures
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import create_trial

from hpo.problem import known_problems
from hpo.tree import ResultsTree

N_TRIALS = 300
SCRIPT = Path(__file__).parents[1] / "resultsPlotting.py"


def write_study(root: Path, problem) -> None:
    """Write a study whose trials have random parameters, scores and durations."""
    rng = np.random.default_rng(0)
    draws = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    tree, space = ResultsTree(root, problem.folder), dict(problem.search_space)
    tree.search.mkdir(parents=True)
    name = f"{problem.study_prefix}_made_up"
    trials = [
        create_trial(
            params=draws.ask(space).params,
            distributions=space,
            value=float(rng.lognormal()),
            user_attrs={"n_parameters": 1, "seconds": float(rng.lognormal(5.0))},
        )
        for _ in range(N_TRIALS)
    ]
    optuna.create_study(study_name=name, storage=tree.storage_url(name)).add_trials(trials)


def main() -> None:
    """Write the studies, draw them with and without the report, and print the seconds of each."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for problem in known_problems().values():
            write_study(Path(folder), problem)
        for name, options in {"png": [], "png, pdf and report": ["--format", "png,pdf", "--html"]}.items():
            started = time.perf_counter()
            command = [sys.executable, SCRIPT, "--results", folder, "--output", Path(folder, "Figs"), *options]
            subprocess.run(command, check=True, capture_output=True)
            print(f"{name:22s} {time.perf_counter() - started:6.1f} s for two studies of {N_TRIALS} trials")


if __name__ == "__main__":
    main()
