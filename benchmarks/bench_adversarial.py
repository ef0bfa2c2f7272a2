"""Adversarial networks of the published and of the reduced width, trained equally long: how they make records again.

    python -m benchmarks.bench_adversarial --minutes 5      five minutes of training for each, meant for a GPU

An encoder and a decoder of broadband records (band bb) learn with a slope of 0.2 and the settings of the reduced
networks, so that only their width differs. The minutes begin with the second step, as the first one is compiled. What
is printed is measured on blind records: how far the reconstruction is from the record, and the error of its spectrum.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluation.scores import snr_db
from networks.backends import hardware
from problems.broadband.alice_design import PUBLISHED, REDUCED, Design
from problems.broadband.ensemble_model import EnsembleModel
from problems.broadband.parts import SHORT_PERIODS, log_psa, make_part
from problems.broadband.scores import bias, rms
from problems.broadband.streams import Records
from support.command_line import LARGEST_SEED, OneSentenceParser, whole_number
from support.startup import load_keras
from support.text import explained_table

keras = load_keras()

WIDTHS = ("base_channels", "critic_channels", "critic_features")
DESIGNS: Mapping[str, Design] = {
    "published width": replace(REDUCED, **{name: getattr(PUBLISHED, name) for name in WIDTHS}),
    "reduced width": REDUCED,
}
BATCH, N_BLIND = 10, 100  # records
STEPS = 10**6  # of an epoch that the clock ends


class Clock(keras.callbacks.Callback):
    """End a training some seconds after its first step, and count its steps."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.n_steps, self._end = seconds, 0, 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Begin to count after the first step, and stop the training at the end."""
        self.n_steps += 1
        self._end = self._end or time.perf_counter() + self.seconds
        if time.perf_counter() >= self._end:
            self.model.stop_training = True


def trained(design: Design, seconds: float, seed: int) -> tuple[EnsembleModel, int]:
    """Return networks of band bb that were trained for so long, and the number of their steps."""
    model = EnsembleModel(design, ("bb",), seed=seed)
    model.compile()
    clock = Clock(seconds)
    model.fit(Records(BATCH, BATCH * STEPS, seed=seed), callbacks=[clock], verbose=0)
    return model, clock.n_steps


def row(name: str, model: EnsembleModel, n_steps: int, y: np.ndarray) -> list[str]:
    """Return how networks make records y (n, 3, n_samples) again, in words."""
    records = y.transpose(0, 2, 1)
    made = np.concatenate([keras.ops.convert_to_numpy(model.reconstruct(each[None])) for each in records])
    errors = log_psa(made.transpose(0, 2, 1), SHORT_PERIODS) - log_psa(y, SHORT_PERIODS)
    of_records = snr_db(*(each.reshape(len(y), -1) for each in (records, made)))
    low, middle, high = np.percentile(of_records, (16, 50, 84))
    of_psa = "{:+.3f} ({:+.3f} to {:+.3f})".format(*bias(errors)), "{:.3f} ({:.3f}-{:.3f})".format(*rms(errors))
    n_weights = model.generators["F_y"].count_params() + model.generators["G_y"].count_params()
    return [name, f"{n_weights:,}", f"{n_steps:,}", f"{middle:.1f} ({low:.1f} to {high:.1f})", *of_psa]


def main() -> None:
    """Train both, and print the table."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training for each width (default: 5)")
    parser.add_argument("--seed", type=whole_number(0, LARGEST_SEED), default=1, help="of all draws (default: 1)")
    parser.add_argument("--width", choices=DESIGNS, action="append", help="one of them alone")
    options = parser.parse_args()
    print(hardware(), flush=True)
    y, rows = make_part(options.seed, "blind", N_BLIND).y, []
    for name in options.width or DESIGNS:
        model, n_steps = trained(DESIGNS[name], 60 * options.minutes, options.seed)
        rows.append(row(name, model, n_steps, y))
        print(*rows[-1], sep="; ", flush=True)
    explanation = (
        f"Networks of band bb, trained for {options.minutes:g} minutes each in batches of {BATCH} new records. The SNR "
        f"is that of the reconstruction of {N_BLIND} blind records in dB, its median and the 16th and 84th "
        "percentiles. Bias and rms are those of log10 PSA at nine periods, with 95% bootstrap intervals."
    )
    headings = ["Networks", "Weights of F_y, G_y", "Steps", "SNR", "PSA bias", "PSA rms"]
    print("\n" + explained_table(explanation, headings, rows))


if __name__ == "__main__":
    main()
