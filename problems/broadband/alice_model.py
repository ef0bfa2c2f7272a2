"""Adversarially learned inference with conditional entropy (ALICE) of broadband records, as a Keras model.

    y -> F_y -> z' -> G_y -> y    bb: broadband records
    x -> F_x -> z -> G_x -> x     fl: filtered records
    z -> G_z -> z' -> F_z -> z    hb: from one to the other, so that G_y(G_z(F_x(x))) is a broadband record

Records (batch, n_samples, 3) are scaled to about unit rms before they come here. Every generator also gets
standard-normal noise, in training and in use, so that each call gives another record.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from problems.broadband.alice_design import BANDS, REDUCED, Design, Player
from problems.broadband.alice_latents import split_latents
from problems.broadband.alice_losses import ERRORS, GAMES, absolute, accuracy, envelope_error, feature_matching
from problems.broadband.alice_losses import gradient_penalty
from problems.broadband.alice_networks import CODERS, N_COMPONENTS, N_SAMPLES, make_critics, make_generators
from problems.broadband.alice_players import Players
from support.checks import check_names, check_whole
from support.startup import load_keras

keras = load_keras()
ops = keras.ops

Tensor = Any  # of the backend
Side = Sequence[Tensor]  # what a critic takes
RECONSTRUCTED = ("cycle", "envelope")  # how the names of losses end that compare records or latents
JOINT = "joint"  # the game of D_x, D_z and D_xz; those of pairs have the names of their critics
TO_BROADBAND = ("F_x", "G_z", "G_y")  # from a filtered record to a broadband one
LEARNING = CODERS | {
    "hb": ("G_z", "F_z")
}  # the generators that a band trains; hb leaves those of bb and fl as they are


@keras.saving.register_keras_serializable(package="seismic")
class Alice(keras.Model):
    """The six generators, and the critics of ``bands``, which are trained one after the other on each batch.

    A band's turn is ``design.critic_steps`` steps of its critics and one of its generators, with fresh noise each.
    `fit` takes what `alice_latents.with_latents` makes. Its logs are the losses of each band, such as "bb critic" and
    "bb x cycle", where x stands for the record of the band, and "loss", the weighted reconstructions of all bands: the
    part that falls, as what critics say need not. ``seed`` is that of the weights and of the noise; a loaded model
    begins with its noise again. Raises ValueError for invalid bands and sizes.
    """

    def __init__(
        self,
        design: Design = REDUCED,
        bands: Sequence[str] = BANDS,
        n_samples: int = N_SAMPLES,
        seed: int = 0,
        name: str = "alice",
    ) -> None:
        super().__init__(name=name)
        self.design = design
        self.bands = check_names("bands", bands, BANDS)
        self.n_samples = check_whole("n_samples", n_samples, 1)
        self.seed = check_whole("seed", seed, 0)
        self.generators = make_generators(design, n_samples, seed)
        self.critics = {band: make_critics(design, band, n_samples, seed) for band in self.bands}
        self.noise = keras.random.SeedGenerator(seed)
        self.means = {name: keras.metrics.Mean(name) for name in self._loss_names()}
        self.built = True

    # --- Use

    def through(
        self,
        names: Sequence[str],
        values: Tensor,
        noise: Sequence[Tensor] | None = None,
        training: Collection[str] = (),
    ) -> Tensor:
        """Return what generators make of values, one after the other, with noise that is given for each, or drawn.

        Those that ``training`` names are in training mode.
        """
        values = ops.convert_to_tensor(values)  # Keras takes no arrays beside tensors.
        for number, name in enumerate(names):
            if noise is None:
                drawn = keras.random.normal(ops.shape(values), seed=self.noise)
            else:
                drawn = ops.convert_to_tensor(noise[number])
            values = self.generators[name]([values, drawn], training=name in training)
        return values

    def call(self, x: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Return broadband records from filtered ones, G_y(G_z(F_x(x))); further channels of x do not count."""
        return self.through(TO_BROADBAND, x[..., :N_COMPONENTS], noise)

    def reconstruct(self, y: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Return broadband records from their latents, G_y(F_y(y))."""
        return self.through(("F_y", "G_y"), y[..., :N_COMPONENTS], noise)

    def translate_back(self, y: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Return filtered records from broadband ones, G_x(F_z(F_y(y)))."""
        return self.through(("F_y", "F_z", "G_x"), y[..., :N_COMPONENTS], noise)

    def prior(self, n: int) -> Tensor:
        """Return ``n`` broadband records of latents that are drawn, G_y(z')."""
        shape = (n, self.design.latent_length, self.design.broadband_channels)
        return self.through(("G_y",), keras.random.normal(shape, seed=self.noise))

    def for_bands(self, bands: Sequence[str]) -> "Alice":
        """Return a model for other bands, not compiled, with a copy of the weights of all that both have."""
        other = Alice(self.design, bands, self.n_samples, self.seed, self.name)
        for name, network in self.generators.items():
            other.generators[name].set_weights(network.get_weights())
        for band in set(other.bands) & set(self.bands):
            for name, critic in self.critics[band].items():
                other.critics[band][name].set_weights(critic.get_weights())
        return other

    # --- Games

    def _games(self, band: str, data: tuple, training: Collection[str], with_errors: bool) -> tuple[dict, dict]:
        """Return the raised and the lowered side of each game of a band, and the errors of its reconstructions.

        ``training`` names the generators that are in training mode. Without ``with_errors`` there are no errors.
        """
        play = self._hybrid if band == "hb" else self._of_coders
        return play(band, self._parts(data), training, with_errors)

    def _parts(self, data: tuple) -> dict[str, tuple[Tensor, Tensor]]:
        """Return records and their latents of fl and bb."""
        return split_latents(data, self.design)

    def _of_coders(self, band: str, parts: Mapping, training: Collection[str], with_errors: bool) -> tuple[dict, dict]:
        (record, latents), (encoder, decoder) = parts[band], CODERS[band]
        rules = self.design.rules(band)
        found = self.through((encoder,), record, training=training)
        made = self.through((decoder,), latents, training=training)
        games = {JOINT: ((made, latents), (record, found))}
        if not (with_errors or rules.pairs):
            return games, {}
        restored = self.through((decoder,), found, training=training)
        found_again = self.through((encoder,), made, training=training)
        if rules.pairs:
            games |= {"x": _pairs(record, restored), "z": _pairs(latents, found_again)}
        errors = {
            "x cycle": absolute(record, restored),
            "z cycle": ERRORS[rules.z_error](latents, found_again),
        }
        if "envelope" in rules.weights:
            errors["envelope"] = envelope_error(record, restored)
        return games, errors

    def _hybrid(self, band: str, parts: Mapping, training: Collection[str], with_errors: bool) -> tuple[dict, dict]:
        (x, z), (y, z_prime) = parts["fl"], parts["bb"]
        of_x, of_y = self.through(("F_x",), x), self.through(("F_y",), y)
        there = self.through(("G_z",), of_x, training=training)
        back = self.through(("F_z",), of_y, training=training)
        latents = (z_prime, z) if self.design.drawn_latents else (of_y, of_x)
        made = self.through(("G_y",), there)
        games = {
            "y": _pairs(y, made),
            "x": _pairs(x, self.through(("G_x",), back)),
            "z'": _pairs(latents[0], there),
            "z": _pairs(latents[1], back),
        }
        if not with_errors:
            return games, {}
        start = self.through(("F_y",), x) if self.design.drawn_latents else of_y
        errors = {
            "x cycle": absolute(x, self.through(("F_z", "G_x"), start, training=training)),
            "y cycle": absolute(y, self.through(("G_z", "G_y"), back, training=training)),
        }
        if "envelope" in self.design.rules(band).weights:
            errors["envelope"] = envelope_error(y, made)
        return games, errors

    def answers(self, band: str, game: str, side: Side, training: bool = False) -> Sequence[Tensor]:
        """Return the outputs of all layers of a critic; the last one has its logits."""
        critics = self.critics[band]
        if game != JOINT:
            return critics[game](ops.concatenate(side, axis=-1), training=training)
        of_record, of_latents = (
            critics[name](part, training=training) for name, part in zip(("D_x", "D_z"), side, strict=True)
        )
        joined = ops.concatenate([of_record[-1], of_latents[-1]], axis=-1)
        return [*of_record, *of_latents, critics["D_xz"](joined, training=training)[-1]]

    def _critic_losses(self, band: str, data: tuple, training: bool) -> dict[str, Tensor]:
        """Return the losses of a band's critics; the critics' own loss is the sum of "critic" and "penalty"."""
        rules = self.design.rules(band)
        learning = LEARNING[band] if training and not self.design.settled_fakes else ()
        games, _ = self._games(band, data, learning, with_errors=False)
        found = dict.fromkeys(("critic", "accuracy", "penalty"), 0.0)
        for game, (raised, lowered) in games.items():
            logits = [self.answers(band, game, side, training)[-1] for side in (raised, lowered)]
            kind = rules.joint if game == JOINT else rules.pairs
            found["critic"] += GAMES[kind].of_critic(*logits)
            found["accuracy"] += accuracy(*logits) / len(games)
            if self.design.loss == "wasserstein":
                found["penalty"] += self.design.penalty * self._penalty(band, game, raised, lowered)
        return found

    def _penalty(self, band: str, game: str, raised: Side, lowered: Side) -> Tensor:
        share = keras.random.uniform((ops.shape(raised[0])[0], 1, 1), seed=self.noise)
        return gradient_penalty(lambda side: self.answers(band, game, side)[-1], (raised, lowered), share)

    def _generator_losses(self, band: str, data: tuple, training: bool) -> dict[str, Tensor]:
        """Return the losses of a band's generators, without their weights."""
        rules = self.design.rules(band)
        games, found = self._games(band, data, LEARNING[band] if training else (), with_errors=True)
        of_pairs = {}
        for game, (raised, lowered) in games.items():
            of_lowered = self.answers(band, game, lowered, training)
            if game == JOINT:
                of_raised = self.answers(band, game, raised, training)
                joint = GAMES[rules.joint]
                found["adversarial"] = joint.raised(of_raised[-1]) + joint.lowered(of_lowered[-1])
                if "features" in rules.weights:
                    found["features"] = feature_matching(of_raised[:-1], of_lowered[:-1])
            else:
                of_pairs[f"{game} pair"] = GAMES[rules.pairs].lowered(of_lowered[-1])
        return found | (of_pairs if rules.joint else {"adversarial": sum(of_pairs.values())})

    # --- Training

    def _loss_names(self) -> list[str]:
        of_critic = ["critic", "accuracy", *(["penalty"] if self.design.loss == "wasserstein" else [])]
        return [
            "loss",
            *(f"{band} {name}" for band in self.bands for name in [*of_critic, *self.design.rules(band).weights]),
        ]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means over an epoch of all losses."""
        return list(self.means.values())

    def compile(
        self, run_eagerly: bool = False, steps_per_execution: int = 1, jit_compile: bool | str | None = None
    ) -> None:
        """Give the players new optimizers; the rest is as Keras' models have it.

        By default, XLA compiles the steps on JAX alone: on a CPU, TensorFlow's needs minutes for those of one band.
        """
        if jit_compile is None:
            jit_compile = "auto" if keras.backend.backend() == "jax" else False
        players = self._players()
        optimizer = Players(
            {name: player for name, (player, _) in players.items()}, self.design.beta_1, self.design.beta_2
        )
        optimizer.build_for({name: list(variables) for name, (_, variables) in players.items()})
        super().compile(
            optimizer, run_eagerly=run_eagerly, steps_per_execution=steps_per_execution, jit_compile=jit_compile
        )

    def _players(self) -> dict[str, tuple[Player, Sequence[keras.Variable]]]:
        """Return how each player learns, and what it changes."""
        players = {}
        for band in self.bands:
            rules, generators = self.design.rules(band), [self.generators[name] for name in LEARNING[band]]
            sides = {"critic": (rules.critic, self.critics[band].values()), "generator": (rules.generator, generators)}
            for side, (player, networks) in sides.items():
                variables = [variable for network in networks for variable in network.trainable_variables]
                players[f"{band} {side}"] = player, variables
        return players

    def train_step(self, *arguments: Any) -> dict | tuple[dict, tuple]:
        """Train every band on a batch; on JAX from a state to the next one, as Keras does it there."""
        return self._on_backend(self._train, *arguments)

    def test_step(self, *arguments: Any) -> dict | tuple[dict, tuple]:
        """Find the losses of every band on a batch with all networks in inference mode."""
        return self._on_backend(self._test, *arguments)

    def _train(self, data: tuple) -> dict:
        found = {}
        for band in self.bands:
            weights = self.design.rules(band).weights
            for _ in range(self.design.critic_steps):
                own = self._step(
                    f"{band} critic",
                    lambda band=band: self._critic_losses(band, data, training=True),
                    {"critic": 1.0, "penalty": 1.0},
                )
            found[band] = own | self._step(
                f"{band} generator", lambda band=band: self._generator_losses(band, data, training=True), weights
            )
        return self._log(found)

    def _test(self, data: tuple) -> dict:
        return self._log(
            {
                band: self._critic_losses(band, data, training=False)
                | self._generator_losses(band, data, training=False)
                for band in self.bands
            }
        )

    def _log(self, found: Mapping[str, Mapping[str, Tensor]]) -> dict:
        """Take losses into the means of the epoch, and return these."""
        total = 0.0
        for band, losses in found.items():
            weights = self.design.rules(band).weights
            total += sum(weights[name] * losses[name] for name in losses if name.endswith(RECONSTRUCTED))
            for name, value in losses.items():
                if (mean := f"{band} {name}") in self.means:
                    self.means[mean].update_state(value)
        self.means["loss"].update_state(total)
        return self.get_metrics_result()

    def _step(self, player: str, losses: Callable[[], dict], weights: Mapping[str, float]) -> dict:
        """Change the variables of a player by the gradient of the weighted sum of losses, and return these."""

        def total() -> tuple[Tensor, dict]:
            found = losses()
            return sum(weight * found[name] for name, weight in weights.items()), found

        found, gradients = self._gradients(total, self.optimizer.variables_of(player))
        self.optimizer.step(player, gradients)
        return found

    def _gradients(self, function: Callable[[], tuple[Tensor, dict]], variables: Sequence) -> tuple[dict, list]:
        """Return what a function gives beside a scalar, and the gradients of this scalar in variables."""
        if keras.backend.backend() == "jax":
            return self._gradients_of_jax(function, variables)
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                f"these networks can be used, but not trained, with {keras.backend.backend()}; KERAS_BACKEND must be "
                "tensorflow or jax"
            )
        import tensorflow as tf

        values = [variable.value for variable in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            total, found = function()
        return found, tape.gradient(total, values)

    def _gradients_of_jax(self, function: Callable[[], tuple[Tensor, dict]], variables: Sequence) -> tuple[dict, list]:
        import jax

        moving = self.non_trainable_variables  # statistics of batch norm, states of random numbers
        fixed = [(variable, variable.value) for variable in [*self.trainable_variables, *moving]]

        def stateless(values: list) -> tuple[Tensor, tuple[dict, list]]:
            with keras.StatelessScope([*fixed, *zip(variables, values, strict=True)]) as scope:
                total, found = function()
            return total, (found, [scope.get_current_value(variable) for variable in moving])

        values = [variable.value for variable in variables]
        (_, (found, moved)), gradients = jax.value_and_grad(stateless, has_aux=True)(values)
        for variable, value in zip(moving, moved, strict=True):
            variable.assign(value)
        return found, gradients

    def _on_backend(self, step: Callable[[tuple], dict], *arguments: Any) -> dict | tuple[dict, tuple]:
        if keras.backend.backend() != "jax":
            return step(*arguments)
        state, data = arguments
        groups = [self.trainable_variables, self.non_trainable_variables, self.optimizer.variables]
        groups = [*groups[: len(state) - 1], self.metrics_variables]  # A test has no variables of the optimizer.
        before = [pair for own, values in zip(groups, state, strict=True) for pair in zip(own, values, strict=True)]
        with keras.StatelessScope(before) as scope:
            logs = step(data)
        return logs, tuple([scope.get_current_value(variable) for variable in own] for own in groups)

    # --- Files

    def get_config(self) -> dict:
        return {
            "design": asdict(self.design),
            "bands": list(self.bands),
            "n_samples": self.n_samples,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: object = None) -> "Alice":
        return cls(**config | {"design": Design(**config["design"])})

    def get_compile_config(self) -> dict:
        return (
            {"run_eagerly": self.run_eagerly, "steps_per_execution": self.steps_per_execution} if self.compiled else {}
        )

    def compile_from_config(self, config: dict) -> None:
        self.compile(**config)


def _pairs(one: Tensor, other: Tensor) -> tuple[Side, Side]:
    """Return the two sides of a game of pairs: (one, one) and (one, other)."""
    return (one, one), (one, other)
