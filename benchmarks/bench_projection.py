"""Project how long the published inversion study would take on this machine, from random networks of its space.

    python -m benchmarks.bench_projection                            30 networks
    python -m benchmarks.bench_projection --minutes 4                those that are begun within 4 minutes
    python -m benchmarks.bench_projection --skip 8 --minutes 4       others, if the first 8 were measured before

Each network is drawn as a trial of the search draws it. What is measured are the seconds from its first line to the end
of its first epoch, and the training and validation of two more epochs, which are short. A trial of the paper then takes
this start and 30 epochs of 250 training and 75 validation traces, if all run to the end; networks above the limits take
no time, as in the search. The study has 300 trials, so that the projection is 300 times the mean, with an interval of
95 % from drawing the networks again (bootstrap). The published study took 60.8 h on a laptop with an RTX 3060.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna

import baseML
import run_InversionML_HPO_Paper as inversion
from baseML import NetworkConfig
from benchmarks.bench_training import N_SAMPLES, PAPER_STEPS, Stopwatch, compiled_for_the_paper, streams, whole
from hpo.problem import network_config, suggest
from hpo.settings import DEFAULTS, VALIDATION_SHARE
from networks.backends import hardware
from networks.size import estimate
from support.startup import load_keras

keras = load_keras()

PROBLEM = inversion.PROBLEM
PUBLISHED_HOURS = 60.8
RESAMPLES = 1000
EPOCHS = 3


def random_networks(n_networks: int, seed: int = 0) -> list[NetworkConfig]:
    """Return networks that are drawn from the published space."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [network_config(PROBLEM, suggest(study.ask(), PROBLEM.search_space)) for _ in range(n_networks)]


def seconds_of_trial(config: NetworkConfig, n_steps: int) -> dict[str, float]:
    """Measure a short training, and return the seconds to the end of its first epoch and those of a paper's trial."""
    if estimate(config, N_SAMPLES).parameters > PROBLEM.parameter_limit(config.arch_type):
        return {"start": 0.0, "trial": 0.0}
    keras.utils.clear_session()
    watch, started = Stopwatch(), time.perf_counter()
    network = baseML.create_model(config, N_SAMPLES)
    with tempfile.TemporaryDirectory() as folder, compiled_for_the_paper():
        options = {"resumable": False, "extra_callbacks": [watch]}
        network.fit_model(*streams(config, n_steps), EPOCHS, folder, "run", **options)
    seconds = time.perf_counter() - started
    n_validation = max(1, round(VALIDATION_SHARE * n_steps))
    counts = {"training": n_steps, "validation": n_validation, "callbacks": 1}
    parts = {part: float(np.mean(watch.parts[part])) / n * 1e3 for part, n in counts.items()}
    start = seconds - sum(map(sum, watch.parts.values()))
    return {"start": start, "trial": start + DEFAULTS["num_epochs"] * PAPER_STEPS * whole(parts) / 1e3}


def projection(seconds: list[float]) -> tuple[float, float, float]:
    """Return the hours of the published study, and the ends of their interval, from the seconds of random trials."""
    draws = np.random.default_rng(0).choice(seconds, (RESAMPLES, len(seconds))).mean(axis=1)
    hours = PROBLEM.paper_trials / 3600.0
    return hours * float(np.mean(seconds)), *(hours * np.quantile(draws, (0.025, 0.975))).tolist()


def main() -> None:
    """Measure the networks, and print the projection."""
    parser = argparse.ArgumentParser(description="Project how long the published inversion study would take here.")
    parser.add_argument("--networks", type=int, default=30, help="random networks (default 30)")
    parser.add_argument(
        "--skip", type=int, default=0, help="the first ones of these, which are not measured (default 0)"
    )
    parser.add_argument("--steps", type=int, default=25, help="training steps of a measured epoch (default 25)")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no other network begins (default 60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the seconds to this file")
    options = parser.parse_args()
    if not 0 <= options.skip < options.networks:
        parser.error(f"--skip must be 0 to {options.networks - 1} of {options.networks} networks, not {options.skip}")
    print(hardware(), flush=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found, end = [], time.perf_counter() + 60 * options.minutes
    for config in random_networks(options.networks)[options.skip :]:
        if time.perf_counter() > end:
            break
        seconds = seconds_of_trial(config, options.steps)
        found.append({"network": config.label, **seconds})
        print(f"{config.label:40s} start {seconds['start']:5.1f} s, trial {seconds['trial']:7.0f} s", flush=True)
    hours, low, high = projection([row["trial"] for row in found])
    print(
        f"By {len(found)} networks, the published study would take {hours:.1f} h here ({low:.1f} to {high:.1f}); "
        f"it took {PUBLISHED_HOURS} h on a laptop's RTX 3060."
    )
    if options.json:
        table = {"hardware": hardware(), "hours": [hours, low, high], "networks": found}
        options.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
