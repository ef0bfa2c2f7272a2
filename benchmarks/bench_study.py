"""Measure where the time of a quick study goes, in training steps and outside them.

    python -m benchmarks.bench_study --problem denoising --trials 20

The time that the first step of each kind in a trial takes beyond a usual one counts as compilation.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from unittest import mock

import keras

import baseML
import hpo.command
import run_DenoisingML_HPO_Paper as denoising
import run_InversionML_HPO_Paper as inversion

PROBLEMS = {module.PROBLEM.name: module.PROBLEM for module in (denoising, inversion)}


class Shares(keras.callbacks.Callback):
    """Add the time between the events of a fit to ``seconds``."""

    def __init__(self, seconds: dict[str, float]) -> None:
        super().__init__()
        self.seconds = seconds
        self._calls: dict[str, list[float]] = defaultdict(list)  # seconds of the steps, by kind
        self._since = time.perf_counter()

    def _elapsed(self) -> float:
        now = time.perf_counter()
        elapsed, self._since = now - self._since, now
        return elapsed

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.seconds["building"] += self._elapsed()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._calls["train"].append(self._elapsed())

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._calls["validation"].append(self._elapsed())

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds["callbacks and files"] += self._elapsed()

    def on_train_end(self, logs: dict | None = None) -> None:
        self.seconds["callbacks and files"] += self._elapsed()
        for kind, calls in self._calls.items():
            compiling = max(calls[0] - statistics.median(calls), 0.0)
            self.seconds["compilation"] += compiling
            self.seconds[f"{kind} steps"] += sum(calls) - compiling


def study_seconds(problem_name: str, n_trials: int) -> dict[str, float]:
    """Run a quick study and return the seconds of every part; "all" is its wall time."""
    seconds: dict[str, float] = defaultdict(float)
    fit, run = baseML.BaseMLClass.fit_model, baseML.run_model

    def watched_fit(*arguments: object, extra_callbacks: tuple = (), **options: object) -> object:
        return fit(*arguments, extra_callbacks=[*extra_callbacks, Shares(seconds)], **options)

    def timed_run(*arguments: object, **options: object) -> object:
        started = time.perf_counter()
        try:
            return run(*arguments, **options)
        finally:
            seconds["trainings"] += time.perf_counter() - started

    started = time.perf_counter()
    with (
        mock.patch.object(baseML.BaseMLClass, "fit_model", watched_fit),
        mock.patch.object(baseML, "run_model", timed_run),
        tempfile.TemporaryDirectory() as folder,
    ):
        hpo.command.main(PROBLEMS[problem_name], "", ["--n-trials", str(n_trials), "--output", folder])
    seconds["all"] = time.perf_counter() - started
    return seconds


def main() -> None:
    """Print the seconds and the shares of all parts."""
    parser = argparse.ArgumentParser(description="Measure where the time of a quick study goes.")
    parser.add_argument("--problem", choices=PROBLEMS, default="denoising", help="which study (default denoising)")
    parser.add_argument("--trials", type=int, default=20, help="trials (default 20)")
    options = parser.parse_args()
    seconds = study_seconds(options.problem, options.trials)
    whole, trainings = seconds.pop("all"), seconds.pop("trainings")
    seconds["building"] += trainings - sum(seconds.values())
    seconds["Optuna, reports and pictures"] = whole - trainings
    for part, value in seconds.items():
        print(f"{part:30s}{value:8.1f} s {100 * value / whole:6.1f} %")
    print(f"{'all':30s}{whole:8.1f} s")


if __name__ == "__main__":
    main()
