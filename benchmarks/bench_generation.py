"""What a trace costs: by the plain reference, by our generator, and at least, for its random numbers and one FFT pair.

    python -m benchmarks.bench_generation

All rows are measured in turns in one run, so that their ratios hold on a machine that others use too; absolute times
do not carry over. A "pair" is what a denoising epoch needs: a noisy and a clean trace of one random wavelet.
"""

import argparse
import functools
import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import fft

import dataGeneration as dg
from tests.reference_generation import reference_pair
from traces.published import PublishedRows

PAIR = ("CONV_REFL_NOISY", "CONV_REFL_CLEAN")


def reference(n_traces: int, n_samples: int) -> None:
    """The plain reference, trace by trace."""
    rng = np.random.default_rng(0)
    for _ in range(n_traces):
        reference_pair(rng, n_samples, 0.001)


def block_sizes(n_traces: int) -> list[int]:
    """Return the traces of each block, as CustomDataGen asks for them."""
    return [min(dg.TRACES_PER_BLOCK, n_traces - first) for first in range(0, n_traces, dg.TRACES_PER_BLOCK)]


def ours(n_traces: int, n_samples: int, names: tuple[str, ...] = PAIR, threads: int = 1) -> None:
    """The generator, in the blocks that CustomDataGen asks for."""
    sizes = block_sizes(n_traces)

    def block(number: int) -> None:
        dg.generate_block(dg.stream_generator(0, "training", 0, number), sizes[number], names, n_samples=n_samples)

    if threads == 1:
        for number in range(len(sizes)):
            block(number)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, range(len(sizes))))


class Published:
    """The traces of the published scripts, epoch by epoch, in rows that live as long as this object."""

    def __init__(self, n_traces: int, n_samples: int) -> None:
        self.n_samples, self.age = n_samples, 0
        self.sizes = block_sizes(n_traces)
        self.rows = [
            PublishedRows(functools.partial(self._generator, number), size, n_samples, 0.001)
            for number, size in enumerate(self.sizes)
        ]

    @staticmethod
    def _generator(block: int, age: int) -> np.random.Generator:
        return dg.stream_generator(0, "training", age, block)

    def __call__(self) -> None:
        for block, (rows, size) in enumerate(zip(self.rows, self.sizes, strict=True)):
            rng = self._generator(block, self.age)
            dg.generate_block(rng, size, PAIR, n_samples=self.n_samples, logs=rows.at(self.age))
        self.age += 1


def floor(n_traces: int, n_samples: int) -> None:
    """A pair's random numbers (three uniform, one normal per sample) and one FFT there and back, in the same blocks."""
    rng = np.random.Generator(np.random.SFC64(0))
    n_fft = fft.next_fast_len(n_samples + dg.wavelet_time(0.001).size - 1, real=True)
    for first in range(0, n_traces, dg.TRACES_PER_BLOCK):
        shape = (min(dg.TRACES_PER_BLOCK, n_traces - first), n_samples)
        for _ in range(3):
            rng.random(shape, np.float32)
        fft.irfft(fft.rfft(rng.standard_normal(shape, np.float32), n_fft), n_fft)


def microseconds(rows: Mapping[str, tuple[Callable[[], None], int]], repeats: int) -> dict[str, float]:
    """Median time per trace of each row, measured in turns; a row is a function and the number of traces it makes."""
    times = {name: [] for name in rows}
    for turn in range(repeats + 1):
        for name, (run, n_traces) in rows.items():
            started = time.perf_counter()
            run()
            if turn:  # the first turn warms up
                times[name].append((time.perf_counter() - started) / n_traces * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description="Cost of a synthetic trace beside a plain reference and the floor.")
    parser.add_argument("--repeats", type=int, default=15, help="turns of every row (default 15)")
    repeats = parser.parse_args().repeats
    cores = os.cpu_count()

    print(f"Microseconds per trace of 4096 samples, median of {repeats} turns, {cores} cores")
    rows = {
        "floor": (lambda: floor(250, 4096), 250),
        "ours, one pair": (lambda: ours(250, 4096), 250),
        "ours, one pair as published": (Published(250, 4096), 250),
        "ours, everything": (lambda: ours(250, 4096, dg.BLOCK_NAMES), 250),
        f"ours, one pair, {cores} threads": (lambda: ours(250, 4096, threads=cores), 250),
        "reference, one pair": (lambda: reference(4, 4096), 4),
    }
    cost = microseconds(rows, repeats)
    pair = cost["ours, one pair"]
    print(f"{'':28s}{'us per trace':>13s}{'x floor':>10s}{'x our pair':>12s}")
    for name, value in cost.items():
        print(f"{name:28s}{value:13.0f}{value / cost['floor']:10.2f}{value / pair:12.2f}")

    print("\nWith the length of a trace: nanoseconds per sample of one pair")
    lengths = (1024, 2048, 4096, 8192, 16384)
    cost = microseconds({n: (lambda n=n: ours(250, n), 250) for n in lengths}, repeats)
    for n, value in cost.items():
        print(f"{n:10d} samples{value / n * 1e3:10.1f}{value / n / (cost[1024] / 1024):10.2f} x")

    print("\nWith the number of traces: microseconds per trace of one pair")
    numbers = (10, 25, 100, 1000, 10_000)
    cost = microseconds({n: (lambda n=n: ours(n, 4096), n) for n in numbers}, max(repeats // 5, 3))
    for n, value in cost.items():
        print(f"{n:10d} traces {value:10.0f}{value / cost[25]:10.2f} x")


if __name__ == "__main__":
    main()
