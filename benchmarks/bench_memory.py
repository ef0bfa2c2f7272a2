"""Measure whether memory grows from trial to trial: the resident memory of one process in a study of tiny networks.

    python -m benchmarks.bench_memory

This needs Linux. The networks are as small as possible, so that only what a trial leaves behind is seen.
"""

import argparse
import dataclasses
import os
import tempfile
from pathlib import Path

from optuna.distributions import IntDistribution

import hpo.command
import hpo.report
from run_InversionML_HPO_Paper import PROBLEM

TINY = {name: IntDistribution(2, 4) for name in ("num_dnn", "num_filt", "krnl_size", "num_dil")}


def resident_megabytes() -> float:
    """Return the memory that this process uses."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print the memory after every tenth trial, and its growth from the tenth to the last."""
    parser = argparse.ArgumentParser(description="Measure the resident memory during a study.")
    parser.add_argument("--trials", type=int, default=60, help="trials (default 60)")
    n_trials = parser.parse_args().trials
    space = {**PROBLEM.quick_space, **TINY, "num_layers": IntDistribution(1, 1)}
    megabytes = []
    describe = hpo.report.describe_trial

    def measured(run, trial) -> str:
        megabytes.append(resident_megabytes())
        return describe(run, trial)

    hpo.report.describe_trial = measured
    with tempfile.TemporaryDirectory() as folder:
        toy = ["--samples", "48", "--num-datasets", "4", "--num-epochs", "2", "--n-trials", str(n_trials)]
        hpo.command.main(dataclasses.replace(PROBLEM, quick_space=space), "", [*toy, "--output", folder])
    for number in range(9, n_trials, 10):
        print(f"after trial {number + 1:3d}  {megabytes[number]:7.0f} MB")
    print(f"growth from trial 10 to {n_trials}: {megabytes[n_trials - 1] / megabytes[9]:.3f}")


if __name__ == "__main__":
    main()
