"""Streams of low-passed records and the short-period spectra of what they were, for training, validation and tests.

    (seed, stream, epoch, block) -> records -> x: their low-pass (n, 4096, 3) in cm/s^2
                                            -> y: log10 PSA at SHORT_PERIODS (n, 9)

The records of epoch 0 are those of `parts.make_part`.
"""

import numpy as np

from dataPreProcessing import CustomDataGen, TraceProtocol
from problems.broadband.bands import low_pass
from problems.broadband.parts import SHORT_PERIODS, log_psa
from problems.broadband.source import DT, N_SAMPLES, make_records

PROTOCOL = TraceProtocol(n_samples=N_SAMPLES, dt=DT)


class Spectra(CustomDataGen):
    """Low-passed records x (n, 4096, 3) and log10 PSA y (n, 9), both of cm/s^2.

    Options are those of `CustomDataGen`. Raises ValueError for another number of samples or another interval.
    """

    def __init__(self, *arguments: object, n_samples: int = N_SAMPLES, dt: float = DT, **options: object) -> None:
        super().__init__(*arguments, gen_type=None, n_samples=n_samples, dt=dt, **options)
        if (self.n_samples, self.dt) != (N_SAMPLES, DT):
            raise ValueError(f"a record has {N_SAMPLES} samples at {DT} s, not {self.n_samples} at {self.dt:g} s")

    def whole(self) -> "Records":
        """Return the stream of the same records that has the whole ones in the place of their spectra."""
        names = ("batch_size", "n", "seed", "stream", "validation", "starting_age")
        return Records(**{name: getattr(self, name) for name in names})

    def make_block(self, rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """Make low-passed records, and the spectra of the whole ones."""
        records, _ = make_records(rng, n_traces)
        return low_pass(records).transpose(0, 2, 1), log_psa(records, SHORT_PERIODS)


class Records(Spectra):
    """Low-passed records x and the whole ones y, (n, 4096, 3) each, in cm/s^2."""

    def make_block(self, rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """Make records and their low-pass."""
        records, _ = make_records(rng, n_traces)
        return tuple(each.transpose(0, 2, 1) for each in (low_pass(records), records))


class RepeatedSpectra(Spectra):
    """The same records in every epoch, as the published training had them."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **{**options, "generation": "described", "validation": "fixed"})
