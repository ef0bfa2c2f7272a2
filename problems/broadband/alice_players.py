"""The optimizers of several players as one Keras optimizer, whose variables Keras saves and restores together."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from problems.broadband.alice_design import Player
from support.startup import load_keras

keras = load_keras()

Tensor = Any  # of the backend


class Players(keras.optimizers.Optimizer):
    """Optimizers of players that do not share any variable.

    ``learning_rate`` is a factor of the rates of all players, so that callbacks can change them together.
    """

    def __init__(self, players: Mapping[str, Player], beta_1: float, beta_2: float, learning_rate: float = 1.0) -> None:
        super().__init__(learning_rate=learning_rate, name="players")
        # Keras would save optimizers that it finds in an attribute, although the variables below have them, too.
        self._players = MappingProxyType(dict(players))
        self._optimizers = MappingProxyType(
            {name: self._optimizer(player, beta_1, beta_2) for name, player in players.items()}
        )
        self._of_player: Mapping[str, Sequence[keras.Variable]] = MappingProxyType({})

    def _optimizer(self, player: Player, beta_1: float, beta_2: float) -> keras.optimizers.Optimizer:
        """Return PyTorch's Adam or RMSprop, whose small constants are not Keras'."""

        def rate() -> Tensor:
            return self.learning_rate * player.rate

        if player.optimizer == "adam":
            return keras.optimizers.Adam(rate, beta_1, beta_2, epsilon=1e-8)
        return keras.optimizers.RMSprop(rate, rho=0.99, epsilon=1e-16)  # Keras adds it inside of the root.

    def build_for(self, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
        """Give each player its variables."""
        self._of_player = MappingProxyType({name: tuple(own) for name, own in variables.items()})
        for name, own in variables.items():
            self._optimizers[name].build(list(own))
            for variable in self._optimizers[name].variables:
                self._track_variable(variable)
        self.build([variable for own in variables.values() for variable in own])

    def variables_of(self, player: str) -> Sequence[keras.Variable]:
        """Return the variables that a player changes."""
        return self._of_player[player]

    def step(self, player: str, gradients: Sequence[Tensor]) -> None:
        """Change the variables of a player by the gradients of its loss."""
        own, settings = self._of_player[player], self._players[player]
        if settings.weight_decay:
            gradients = [gradient + settings.weight_decay * v for gradient, v in zip(gradients, own, strict=True)]
        self._optimizers[player].apply(gradients, own)
        if settings.clip:
            for variable in own:
                variable.assign(keras.ops.clip(variable, -settings.clip, settings.clip))
        self.iterations.assign_add(1)
