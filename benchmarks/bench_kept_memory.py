"""What it saves that a process keeps the memory that it has freed: the CPU time and page faults of a short training.

    python -m benchmarks.bench_kept_memory

This needs Linux with glibc. The training is that of the convolutional network for response spectra on a few records; it
runs in a process of its own with `support.startup.keep_memory`, and in one without it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from unittest import mock

from support import startup
from support.text import text_table

MODES = ("given back", "kept")
N_RECORDS, N_VALIDATION = 640, 64


def figures() -> list[str]:
    """Train after a first training, and return CPU times, page faults and the largest memory in words."""
    import baseML
    from problems.broadband.streams import Spectra
    from run_BroadbandML import PROBLEM

    training = Spectra(32, N_RECORDS, seed=1, stream="training")
    validation = Spectra(32, N_VALIDATION, seed=1, stream="validation", validation="fixed")
    config = PROBLEM.final_configs["Convolutional"]
    with tempfile.TemporaryDirectory() as folder:
        baseML.run_model(config, training, validation, 1, folder, "first", seed=1, resumable=False)
        before = resource.getrusage(resource.RUSAGE_SELF)
        baseML.run_model(config, training, validation, 2, folder, "second", seed=1, resumable=False)
    after = resource.getrusage(resource.RUSAGE_SELF)
    times = [getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime")]
    faults = (after.ru_minflt - before.ru_minflt) / 1e6
    return [*(f"{seconds:.1f} s" for seconds in times), f"{faults:.2f} million", f"{after.ru_maxrss / 1e3:.0f} MB"]


def main() -> None:
    """Print the figures of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=MODES, help="one of them alone, in this process")
    mode = parser.parse_args().mode
    if mode is None:
        rows = []
        for name in MODES:
            command = [sys.executable, "-m", "benchmarks.bench_kept_memory", "--mode", name]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            rows.append([name, *found.split(";")])
        print(text_table(["Memory", "CPU", "in the system", "Page faults", "Largest"], rows))
        return
    with mock.patch.dict(startup.MALLOC, clear=mode == "given back"):
        print(*figures(), sep=";")


if __name__ == "__main__":
    main()
