"""Measure whether training waits for its traces, by epochs that generate them and epochs with the same in memory.

    python -m benchmarks.bench_stream

The network is the small CNN autoencoder of the published denoising grid (L1 U2 F64 K8 P2), 4096 samples, batch 1. All
kinds of epoch are measured in turns in one run, with the same weights' shapes: traces as the paper describes them, as
the published scripts made them, and the former held in memory.
"""

import argparse
import statistics
import time

import numpy as np

from baseML import NetworkConfig, create_model
from dataPreProcessing import GENERATIONS, CustomDataGen
from networks.feeding import fit_input
from support.startup import load_keras
from support.words import number_of

keras = load_keras()


class InMemory(CustomDataGen):
    """The first epoch of a stream of the same options, which is made once and served in every epoch."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._kept = [super(InMemory, self).__getitem__(index) for index in range(len(self))]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._kept[index]


def main() -> None:
    """Print the time of all kinds of epoch and their ratios."""
    parser = argparse.ArgumentParser(description="Measure the cost of making traces while a network trains on them.")
    parser.add_argument("--repeats", type=int, default=31, help="turns (default 31)")
    parser.add_argument("--traces", type=int, default=250, help="traces per epoch (default 250)")
    options = parser.parse_args()
    config = NetworkConfig("CNN", "AE", num_layers=1, num_dnn=2, num_filt=64, krnl_size=8, pool_val=2)
    model = create_model(config).get_model()
    epochs = {name: fit_input(CustomDataGen(n=options.traces, generation=name)) for name in GENERATIONS}
    epochs["in memory"] = fit_input(InMemory(n=options.traces))
    seconds = {name: [] for name in epochs}
    for turn in range(options.repeats + 1):
        for name in sorted(epochs, reverse=bool(turn % 2)):  # none always comes first
            started = time.perf_counter()
            model.fit(epochs[name], epochs=1, shuffle=False, verbose=0)
            if turn:  # the first turn compiles
                seconds[name].append(time.perf_counter() - started)
    for name, values in seconds.items():
        step = statistics.median(values) / options.traces * 1e3
        print(f"{name:12s}{step:8.2f} ms per step (median of {number_of(options.repeats, 'epoch')})")
    for name in GENERATIONS:
        ratios = [a / b for a, b in zip(seconds[name], seconds["in memory"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{name} to in memory {middle:8.3f} (median of the turns' ratios; quartiles {low:.3f} and {high:.3f})")


if __name__ == "__main__":
    main()
