"""Ensembles of whole records from one low-passed record, by the adversarial networks and a network for spectra.

    x -> F_x -> G_z -> G_y -> motion of unit rms ------------> matched to the spectrum and joined with x -> a record
    x -> network for spectra -> log10 PSA, its errors drawn -->

Every member has noise of its own and a spectrum of its own, so that the members differ as much as x leaves open. What
the model answers is log10 PSA of their median, which can stand beside what the networks for spectra answer.
Records are (batch, n_samples, 3) in cm/s^2.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from baseML import BaseMLClass
from networks.rows import NetworkConfig
from problems.broadband.alice_design import BANDS, REDUCED, Design, Player
from problems.broadband.alice_model import TO_BROADBAND, Alice
from problems.broadband.alice_networks import N_COMPONENTS, N_SAMPLES
from problems.broadband.operators import LEAST, log_psa, low_passed, matched
from problems.broadband.parts import SHORT_PERIODS
from problems.broadband.spectral_networks import PSA
from support.startup import load_keras

keras = load_keras()
ops = keras.ops

Tensor = Any  # of the backend
SPECTRA = "spectra"  # the player that learns them
N_PERIODS = len(SHORT_PERIODS)
N_MEMBERS = 8  # of an answer and of a validation
N_MATCHINGS = 3
FIRST_VARIANCE = 0.05  # of log10 PSA, before there is any error
FORGETTING = 0.99  # of the covariance of errors, per step
CALIBRATION_WEIGHT = 0.1  # of the spread in the loss of validation
ANSWER_SEED = 1  # of the noise of an answer, so that it is the same whenever it is asked for
OF_SPECTRA = NetworkConfig("DNN", PSA, 2, 128, standard_units=True)


@keras.saving.register_keras_serializable(package="seismic")
class EnsembleLoss(keras.metrics.Metric):
    """The loss of an epoch: in training a mean, in validation what a study makes small.

    That is the rms error of the ensembles' median log10 PSA, and 0.1 of how far the ratio of the error of their mean to
    their spread is from 1.
    """

    def __init__(self, name: str = "loss") -> None:
        super().__init__(name=name)
        names = ("total", "n_batches", "of_median", "of_mean", "variance", "n_values")
        self.sums = {part: self.add_weight((), "zeros", name=part) for part in names}

    def update_state(self, value: Tensor) -> None:
        """Take the loss of a batch of a training."""
        self.sums["total"].assign_add(value)
        self.sums["n_batches"].assign_add(1.0)

    def add(self, spectra: Tensor, target: Tensor) -> None:
        """Take log10 PSA of ensembles (batch, n_members, n_periods) and of the true records (batch, n_periods)."""
        n_members = spectra.shape[1]
        mean = ops.mean(spectra, axis=1)
        squares = {
            "of_median": ops.square(ops.median(spectra, axis=1) - target),
            "of_mean": ops.square(mean - target),
            # The mean of n members has an error of its own, which makes the expected square larger by 1 / n.
            "variance": ops.sum(ops.square(spectra - mean[:, None]), axis=1)
            * (n_members + 1)
            / n_members
            / max(n_members - 1, 1),
        }
        for part, values in squares.items():
            self.sums[part].assign_add(ops.sum(values))
        self.sums["n_values"].assign_add(ops.cast(ops.size(target), "float32"))

    def rms(self) -> Tensor:
        """Return the rms error of the medians."""
        return ops.sqrt(self.sums["of_median"] / ops.maximum(self.sums["n_values"], 1.0))

    def result(self) -> Tensor:
        calibration = ops.sqrt(self.sums["of_mean"] / ops.maximum(self.sums["variance"], LEAST))
        of_ensembles = self.rms() + CALIBRATION_WEIGHT * ops.abs(calibration - 1)
        of_training = self.sums["total"] / ops.maximum(self.sums["n_batches"], 1.0)
        return ops.where(self.sums["n_values"] > 0, of_ensembles, of_training)


@keras.saving.register_keras_serializable(package="seismic")
class EnsembleModel(Alice):
    """The adversarial networks with a network for spectra, from x to ensembles of records; `fit` takes (x, y).

    Its logs are those of `Alice` and "rmse", that of log10 PSA. Every band's records are divided by their rms, or by
    their largest sample where ``design.tanh`` has the records within -1 and 1.
    """

    def __init__(
        self,
        design: Design = REDUCED,
        bands: Sequence[str] = BANDS,
        n_samples: int = N_SAMPLES,
        seed: int = 0,
        name: str = "ensemble",
    ) -> None:
        super().__init__(design, bands, n_samples, seed, name)
        self.spectra = BaseMLClass(OF_SPECTRA, n_samples, N_COMPONENTS).connect(n_samples)
        self.covariance = self.add_weight(
            (N_PERIODS, N_PERIODS),
            lambda shape, dtype: ops.cast(FIRST_VARIANCE * np.eye(N_PERIODS), dtype),
            trainable=False,
            name="covariance",
        )
        self.means |= {"loss": EnsembleLoss(), "rmse": keras.metrics.Mean("rmse")}

    # Keras has these shapes for models of layers alone.
    @property
    def input_shape(self) -> tuple[None, int, int]:
        return None, self.n_samples, N_COMPONENTS

    @property
    def output_shape(self) -> tuple[None, int, int]:
        return None, N_PERIODS, 1

    # --- Use

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return log10 PSA of the median of ensembles, (batch, 9, 1)."""
        return ops.median(self._spectra_of(self.records(x, N_MEMBERS, ANSWER_SEED)), axis=1)[..., None]

    def records(self, x: Tensor, n_members: int, seed: int, drawn: bool = True) -> Tensor:
        """Return ``n_members`` broadband records for each x, (batch, n_members, n_samples, 3) in cm/s^2.

        The spectrum of each is drawn, or, without ``drawn``, the likeliest one.
        """
        many = ops.repeat(ops.convert_to_tensor(x), n_members, axis=0)
        n = ops.shape(many)[0]
        shapes = [(n, *self.generators[name].inputs[0].shape[1:]) for name in TO_BROADBAND]
        noise = [keras.random.normal(shape, seed=seed + number) for number, shape in enumerate(shapes)]
        generated = self.through(TO_BROADBAND, self._in_units(many), noise)
        target = ops.repeat(self.spectra(x)[..., 0], n_members, axis=0)
        if drawn:
            standard = keras.random.normal((n, N_PERIODS), seed=seed + len(noise))
            factor = ops.cholesky(self.covariance + LEAST * np.eye(N_PERIODS, dtype="float32"))
            target = target + ops.matmul(standard, ops.transpose(factor))
        level = ops.mean(target - log_psa(generated, SHORT_PERIODS), axis=1)
        generated = generated * ops.power(10.0, level)[:, None, None]
        return ops.reshape(matched(many, generated, target, N_MATCHINGS), (-1, n_members, *x.shape[1:]))

    def _spectra_of(self, members: Tensor) -> Tensor:
        """Return log10 PSA (batch, n_members, 9) of ensembles."""
        flat = ops.reshape(members, (-1, *members.shape[2:]))
        return ops.reshape(log_psa(flat, SHORT_PERIODS), (-1, members.shape[1], N_PERIODS))

    def reconstruct(self, y: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        return super().reconstruct(self._in_units(y), noise) * self._unit(y)

    def translate_back(self, y: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        return super().translate_back(self._in_units(y), noise) * self._unit(low_passed(y))

    # --- Training

    def _unit(self, records: Tensor) -> Tensor:
        if self.design.tanh:
            return ops.maximum(ops.max(ops.abs(records), axis=(1, 2), keepdims=True), LEAST)
        return ops.sqrt(ops.maximum(ops.mean(ops.square(records), axis=(1, 2), keepdims=True), LEAST))

    def _in_units(self, records: Tensor) -> Tensor:
        return records / self._unit(records)

    def _parts(self, data: tuple) -> dict[str, tuple[Tensor, Tensor]]:
        """Return scaled records with latents that are drawn for this step: a stream has each record once."""
        parts = {}
        for band, records in zip(("fl", "bb"), keras.utils.unpack_x_y_sample_weight(data), strict=False):
            shape = (ops.shape(records)[0], self.design.latent_length, self.design.channels(band))
            parts[band] = self._in_units(records), keras.random.normal(shape, seed=self.noise)
        return parts

    def _players(self) -> dict[str, tuple[Player, Sequence]]:
        return super()._players() | {SPECTRA: (Player("adam", 1.0), self.spectra.trainable_variables)}

    def _train(self, data: tuple) -> dict:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        target = log_psa(y, SHORT_PERIODS)

        def losses() -> dict[str, Tensor]:
            errors = self.spectra(x, training=True)[..., 0] - target
            return {SPECTRA: ops.mean(ops.square(errors)), "errors": errors}

        found = self._step(SPECTRA, losses, {SPECTRA: 1.0})
        self.means["rmse"].update_state(ops.sqrt(found[SPECTRA]))
        n = ops.cast(ops.shape(x)[0], "float32")
        of_batch = ops.matmul(ops.transpose(found["errors"]), found["errors"]) / n
        self.covariance.assign(FORGETTING * self.covariance + (1 - FORGETTING) * of_batch)
        return super()._train(data)

    def _test(self, data: tuple) -> dict:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        loss = self.means["loss"]
        loss.add(self._spectra_of(self.records(x, N_MEMBERS, ANSWER_SEED)), log_psa(y, SHORT_PERIODS))
        return {"loss": loss.result(), "rmse": loss.rms()}
