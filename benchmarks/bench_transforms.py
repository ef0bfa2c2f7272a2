"""What a transform of a block of traces costs, beside calling PyWavelets trace by trace.

    python -m benchmarks.bench_transforms

Both are measured in turns in one run, so that their ratios hold on a machine that others use too; absolute times do not
carry over. Levels and scales are the defaults. Memory is the most that is held at a time, beside the traces.
"""

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pywt

from dataGeneration import generate_block, stream_generator
from dataPreProcessing import LEVEL_WAVELET, channel_names, cwt_frequencies, restore_traces, transform_traces
from support.words import number_of

DT = 0.001  # s
MORLET = "cmor1.5-1.0"


def components(traces: np.ndarray, transform: str, mode: str) -> np.ndarray:
    """Components of every trace by `pywt.mra`; its "swt" takes a trace to repeat itself past its ends."""
    level = len(channel_names(transform.upper(), traces.shape[1], DT)) - 1
    parts = [pywt.mra(trace, LEVEL_WAVELET, level, transform=transform, mode=mode) for trace in traces]
    return np.stack([np.stack(part, axis=-1) for part in parts])


def coefficients(traces: np.ndarray) -> np.ndarray:
    """Real and imaginary parts of every trace by `pywt.cwt`."""
    scales = pywt.frequency2scale(MORLET, cwt_frequencies(DT) * DT)
    parts = [pywt.cwt(trace, scales, MORLET, DT, method="fft")[0].T for trace in traces]
    return np.stack([np.concatenate([part.real, part.imag], axis=-1) for part in parts])


THEIRS = {
    "DWT": lambda traces: components(traces, "dwt", "symmetric"),
    "SWT": lambda traces: components(traces, "swt", "periodization"),
    "CWT": coefficients,
}


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def megabytes(run: Callable[[], object]) -> float:
    """The most memory that a call holds."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Print one row per transform."""
    parser = argparse.ArgumentParser(description="Cost of the transforms of a block of traces.")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--traces", type=int, default=250, help="traces in the block (default 250)")
    parser.add_argument("--samples", type=int, default=4096, help="a multiple of 128 (default 4096)")
    options = parser.parse_args()
    rng = stream_generator(0, "blind")
    traces = generate_block(rng, options.traces, ("CONV_REFL_NOISY",), n_samples=options.samples)["CONV_REFL_NOISY"]
    print(
        f"{number_of(options.traces, 'trace')} of {options.samples} samples, "
        f"median of {number_of(options.repeats, 'turn')}"
    )
    titles = ("ms per trace", "PyWavelets", "ratio", "way back", "MB held", "PyWavelets", "of channels")
    print("    ", *(f"{title:>11s}" for title in titles))
    for kind, theirs in THEIRS.items():
        channels = transform_traces(traces, kind, DT)
        ways = {
            "ours": lambda kind=kind: transform_traces(traces, kind, DT),
            "theirs": lambda theirs=theirs: theirs(traces),
            "back": lambda kind=kind, channels=channels: restore_traces(channels, kind, DT),
        }
        turns = [{name: seconds(way) for name, way in ways.items()} for _ in range(options.repeats)]
        cost = {name: statistics.median(turn[name] for turn in turns) / options.traces * 1e3 for name in ways}
        ratio = statistics.median(turn["theirs"] / turn["ours"] for turn in turns)
        print(
            f"{kind:5s}{cost['ours']:11.3f} {cost['theirs']:11.3f} {ratio:11.1f} {cost['back']:11.3f}"
            f" {megabytes(ways['ours']):11.0f} {megabytes(ways['theirs']):11.0f} {channels.nbytes / 1e6:11.0f}"
        )


if __name__ == "__main__":
    main()
