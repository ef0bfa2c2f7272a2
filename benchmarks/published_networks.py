"""Test inversion networks on fresh traces and on traces of rows that have aged, whatever they were trained on.

    python -m benchmarks.published_networks Curves/Inversion/Search/Optuna/TCN*.keras

The RMSE is in ft/s: the mean over traces, and, for aged rows, that of the samples which the last model covers and of
those which are left over from models before it. The traces are blind ones, which no training had.
"""

import argparse
from pathlib import Path

import numpy as np

from baseML import BaseMLClass
from dataGeneration import generate_block, stream_generator
from traces.published import PublishedRows

SEED, DT = 99, 0.001
PAIR = ("CONV_REFL_CLEAN", "VEL")


def blind_pair(age: int | None, n_traces: int, n_samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return traces, velocities and whether samples are covered, (n_traces, n_samples); fresh ones for age None."""

    def generator_of(age: int) -> np.random.Generator:
        return stream_generator(SEED, "blind", age)

    if age is None:
        data, covered = generate_block(generator_of(0), n_traces, PAIR, n_samples=n_samples), n_samples
    else:
        rows = PublishedRows(generator_of, n_traces, n_samples, DT)
        data = generate_block(generator_of(age), n_traces, PAIR, n_samples=n_samples, logs=rows.at(age))
        covered = rows.covered(age)[:, None]
    return *(data[name] for name in PAIR), np.broadcast_to(np.arange(n_samples) < covered, (n_traces, n_samples))


def main() -> None:
    """Print one line for each network and kind of traces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path, nargs="+", help="saved networks (.keras) of the inversion")
    parser.add_argument("--ages", type=int, nargs="+", default=[0, 9, 29, 99])
    parser.add_argument("--traces", type=int, default=100)
    options = parser.parse_args()
    print("| network | traces | RMSE | covered | left over |\n|---|---|---|---|---|")
    for path in options.networks:
        network = BaseMLClass.load_model(path)
        for age in (None, *options.ages):
            x, y, covered = blind_pair(age, options.traces, network.n_samples)
            squares = (network.predict_result(x) - y) ** 2
            whole = np.sqrt(squares.mean(axis=1)).mean()
            parts = [np.sqrt(squares[chosen].mean()) if chosen.any() else np.nan for chosen in (covered, ~covered)]
            name = "fresh" if age is None else f"age {age}"
            print(f"| {path.stem} | {name} | {whole:.0f} | {parts[0]:.0f} | {parts[1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
