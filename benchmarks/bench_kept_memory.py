"""What it saves that a process keeps the memory that it has freed: the CPU time and page faults of short trainings.

    python -m benchmarks.bench_kept_memory

This needs Linux with glibc. The trainings are those of the convolutional network for response spectra on a few records,
and of the TCN of the paper's Table 4 on a few traces. Each runs in a process of its own with
`support.startup.keep_memory`, and in one without it.
"""

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time

import baseML
import run_BroadbandML
import run_InversionML_HPO_Paper
from benchmarks.bench_training import compiled_for_the_paper, streams
from problems.broadband.streams import Spectra
from support.startup import load_keras
from support.text import text_table

keras = load_keras()

# What a process does first: Keras is loaded with `keep_memory`.
MEMORY = {"given back": "from support.startup import MALLOC; MALLOC.clear(); ", "kept": ""}
N_RECORDS, N_VALIDATION = 640, 64
N_TRACES = 10
EPOCHS = 4


def spectra() -> tuple:
    """Return the network for spectra, and records for its training and validation."""
    training = Spectra(32, N_RECORDS, seed=1, stream="training")
    validation = Spectra(32, N_VALIDATION, seed=1, stream="validation", validation="fixed")
    return run_BroadbandML.PROBLEM.final_configs["Convolutional"], training, validation


def inversion() -> tuple:
    """Return the TCN, and traces for its training and validation."""
    config = run_InversionML_HPO_Paper.PROBLEM.final_configs["Optuna"]
    return config, *streams(config, N_TRACES)


TRAININGS = {"spectra": spectra, "inversion": inversion}


class Watch(keras.callbacks.Callback):
    """What the process has used until the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.used: list[tuple[float, resource.struct_rusage]] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.used.append((time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)))


def figures(name: str) -> list[str]:
    """Train, and return times, page faults and the largest memory of the epochs behind the first one, in words."""
    config, training, validation = TRAININGS[name]()
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder, compiled_for_the_paper():
        options = {"resumable": False, "extra_callbacks": [watch]}
        baseML.run_model(config, training, validation, EPOCHS, folder, "run", seed=1, **options)
    (started, before), (ended, after) = watch.used[0], watch.used[-1]
    times = [ended - started, *(getattr(after, each) - getattr(before, each) for each in ("ru_utime", "ru_stime"))]
    faults = (after.ru_minflt - before.ru_minflt) / 1e6
    words = [f"{seconds:.1f} s" for seconds in times]
    return [*words, f"{faults:.2f} million", f"{after.ru_maxrss / 1e3:.0f} MB"]


def main() -> None:
    """Print the figures of each training in both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, default=list(TRAININGS), help="which ones (all)")
    rows = []
    for name, (memory, first) in itertools.product(parser.parse_args().trainings, MEMORY.items()):
        code = f"{first}from benchmarks import bench_kept_memory as bench; print(*bench.figures({name!r}), sep=';')"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        rows.append([f"{name}, memory {memory}", *found.splitlines()[-1].split(";")])
    print(text_table(["Training", "Time", "CPU", "in the system", "Page faults", "Largest"], rows))


if __name__ == "__main__":
    main()
