"""Measure what the paper's choices cost, by training a network with the extended preset's and with each of the paper's.

    python -m benchmarks.ablations --problem denoising
    python -m benchmarks.ablations --problem inversion --seeds 3 --epochs 10 --json inversion.json

Every row has the same small TCN of a problem, and the same training traces for a seed. After the training, the weights
of the epoch with the lowest validation loss are tested on blind traces. The choice of rates concerns searches: among
some networks with drawn rates, the one with the lowest validation loss is tested. Both the paper and our preset have
batches of 1. A run that was stopped goes on from its --json file.
"""

import argparse
import functools
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

import baseML
from baseML import BaseMLClass, NetworkConfig
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_traces
from evaluation.scores import score
from hpo.problem import PAPER_SPACE, known_problems
from hpo.settings import VALIDATION_SHARE

OURS = {
    "standard_units": True,
    "penalties": False,
    "optimizer": "adamw",
    "weight_decay": 1e-4,
    "learning_rate": 2e-3,
    "schedule": "cosine",
}
NETWORKS = {
    "denoising": NetworkConfig("TCN", "AE", 1, 32, 16, num_filt=16, krnl_size=8, pool_val=2, **OURS),
    "inversion": NetworkConfig("TCN", "SEQ", 1, 32, 128, num_filt=16, krnl_size=8, **OURS),
}
N_DATASETS, BLIND_TRACES = 250, 200
RATES = {"logarithmic": (1e-4, 1e-2), "uniform": (PAPER_SPACE["Learning Rate"].low, PAPER_SPACE["Learning Rate"].high)}


@dataclass(frozen=True)
class Choice:
    """One row of the table: the choices of the paper that a training has instead of OURS."""

    name: str
    network: Mapping[str, object] = field(default_factory=dict)
    batch_size: int = 1
    validation: str = "fixed"
    rates: str | None = None  # the row of RATES that learning rates are drawn from


CHOICES = (
    Choice("ours"),
    Choice("penalties in the loss", {"penalties": True}),
    Choice("traces and targets as they are", {"standard_units": False}),
    Choice("Adam with AMSGrad", {"optimizer": "adam"}),
    Choice("the paper's schedule", {"schedule": "paper"}),
    Choice("fresh validation", validation="streaming"),
    Choice("batches of 4, not 1", batch_size=4),
    Choice("best of drawn rates, logarithmic", rates="logarithmic"),
    Choice("best of drawn rates, uniform", rates="uniform"),
    Choice(
        "all of the paper's",
        {"penalties": True, "standard_units": False, "optimizer": "adam", "schedule": "paper", "learning_rate": 1e-4},
        validation="streaming",
    ),
)


def draw_rates(kind: str, n: int, seed: int) -> np.ndarray:
    """Draw the learning rates of a search, (n,)."""
    rng, (low, high) = np.random.default_rng([seed, n]), RATES[kind]
    return np.exp(rng.uniform(np.log(low), np.log(high), n)) if kind == "logarithmic" else rng.uniform(low, high, n)


def trained(problem: str, choice: Choice, config: NetworkConfig, options: argparse.Namespace, seed: int) -> tuple:
    """Train a network; return its lowest validation loss, and its scores on blind traces."""
    stream = functools.partial(known_problems()[problem].stream, n_samples=options.samples)
    training = stream(choice.batch_size, options.datasets, seed=seed, stream="training")
    n_validation = max(1, round(VALIDATION_SHARE * options.datasets))
    fixed = {"seed": 0, "validation": "fixed"} if choice.validation == "fixed" else {"seed": seed}
    validation = stream(1, n_validation, stream="validation", **fixed)
    with tempfile.TemporaryDirectory() as folder:
        _, result = baseML.run_model(
            config, training, validation, options.epochs, folder, "run", seed, {"problem": problem}, resumable=False
        )
        network = BaseMLClass.load_model(Path(folder, "run.keras"))
    task = known_problems()[problem]
    x, y = blind_traces(task, options.blind, 0, TraceProtocol(options.samples))
    return result.validation_loss, score([task.headline], y, network.predict_result(x), x)


def headline(problem: str, choice: Choice, options: argparse.Namespace, seed: int) -> float:
    """Return the headline metric of one row and seed."""
    config = replace(NETWORKS[problem], **choice.network)
    rates = draw_rates(choice.rates, options.rates, seed) if choice.rates else [config.learning_rate]
    runs = [trained(problem, choice, replace(config, learning_rate=float(rate)), options, seed) for rate in rates]
    _, scores = min(runs, key=lambda run: run[0])
    return scores[known_problems()[problem].headline.name].value


def table(problem: str, found: Mapping[str, list[float]]) -> str:
    """Return the rows in Markdown, with the mean over seeds, the lowest and highest, and the difference from ours."""
    column = known_problems()[problem].headline
    digits = f".{column.decimals}f"
    ours = float(np.mean(found["ours"]))
    lines = [f"| {problem} | {column.title} | lowest, highest | difference |", "|---|---|---|---|"]
    for name, values in found.items():
        mean, ends = np.mean(values), f"{min(values):{digits}}, {max(values):{digits}}"
        lines.append(f"| {name} | {mean:{digits}} | {ends} | {mean - ours:+{digits}} |")
    return "\n".join(lines)


def main() -> None:
    """Train all rows of a problem, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=known_problems(), default="denoising")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--datasets", type=int, default=N_DATASETS, help="training traces per epoch")
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--blind", type=int, default=BLIND_TRACES, help="blind traces")
    parser.add_argument("--rates", type=int, default=4, help="networks with drawn rates")
    parser.add_argument("--json", type=Path, help="file for the values of all seeds")
    options = parser.parse_args()
    found: dict[str, list[float]] = {choice.name: [] for choice in CHOICES}
    if options.json and options.json.is_file():
        found |= json.loads(options.json.read_text(encoding="utf-8"))
    seeds = range(1, options.seeds + 1)
    rows = [(choice, seed) for seed in seeds for choice in CHOICES if len(found[choice.name]) < seed]
    for choice, seed in tqdm(rows, unit="row"):
        found[choice.name].append(headline(options.problem, choice, options, seed))
        if options.json:
            options.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    print(table(options.problem, found))


if __name__ == "__main__":
    main()
