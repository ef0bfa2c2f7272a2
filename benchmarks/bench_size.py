"""Measure the memory of a training, and compare it with what `baseML.estimate` finds from the hyperparameters.

    python -m benchmarks.bench_size

This needs Linux and a CPU. For every network, in a process of its own, it measures how far a training of two short
epochs raises the peak of the resident memory above that of the process after the training of a tiny network.
"""

import argparse
import math
import multiprocessing
import re
import tempfile
from pathlib import Path

import baseML
from baseML import NetworkConfig
from benchmarks.bench_training import CONFIGS, N_SAMPLES, compiled_for_the_paper, streams
from hpo.settings import VALIDATION_SHARE
from networks.size import VALIDATION_BATCH

TINY = NetworkConfig("CNN", "AE", 1, 2, num_filt=2, krnl_size=3, pool_val=2)
SMALL = {
    "CNN_VAR": NetworkConfig("CNN_VAR", "SEQ"),
    "small TCN": NetworkConfig("TCN", "SEQ", 1, 64, 16, num_filt=16, krnl_size=16),
    "TCN autoencoder": NetworkConfig("TCN", "AE", 1, 256, 16, num_filt=32, krnl_size=16, pool_val=2),
    "residual": NetworkConfig("RES", "AE", 2, num_dil=16, num_filt=64, krnl_size=7, standard_units=True),
    "residual, normalised": NetworkConfig(
        "RES", "SEQ", 2, num_dil=128, num_filt=64, krnl_size=7, norm="layer", standard_units=True
    ),
}


def megabytes(what: str) -> float:
    """Return the resident memory of this process ("VmRSS") or its peak ("VmHWM")."""
    return int(re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3


def train(config: NetworkConfig) -> None:
    """Train for two epochs, with as many steps as fill a validation batch."""
    n_steps = math.ceil(VALIDATION_BATCH / VALIDATION_SHARE)
    with tempfile.TemporaryDirectory() as folder, compiled_for_the_paper():
        baseML.create_model(config, N_SAMPLES).fit_model(*streams(config, n_steps), 2, folder, "run")


def growth(config: NetworkConfig) -> float:
    """Measure the MB that a training takes at its peak."""
    train(TINY)
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    train(config)
    return megabytes("VmHWM") - before


def main() -> None:
    """Print the measured and the estimated memory of each network, and their ratio."""
    networks = CONFIGS | SMALL
    parser = argparse.ArgumentParser(description="Compare the memory of trainings with the estimate.")
    parser.add_argument("--configs", nargs="+", choices=networks, default=list(networks), help="which networks (all)")
    for name in parser.parse_args().configs:
        with multiprocessing.get_context("spawn").Pool(1) as process:
            measured = process.apply(growth, (networks[name],))
        estimated = baseML.estimate(networks[name], N_SAMPLES).memory / 1e6
        print(f"{name:22s}{measured:7.0f} MB, estimate{estimated:7.0f} MB, {estimated / measured:5.2f}", flush=True)


if __name__ == "__main__":
    main()
