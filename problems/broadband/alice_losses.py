"""The losses of the adversarial networks, as functions of what critics answer and of reconstructions.

A critic answers with logits. It learns to raise those of one side of its game and to lower those of the other one; the
generators want the opposite. The joint critic raises g = D(G(z), z) and lowers f = D(x, F(x)). A critic of pairs raises
(a, a) and lowers (a, the reconstruction of a), and the generators want the latter raised.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from support.startup import load_keras

keras = load_keras()
ops = keras.ops

Tensor = Any  # of the backend
LEAST = 1e-15  # is added to the probabilities in the published logarithms
FRAME = 64  # samples
OCTAVES = (1, 2, 4, 8, 16)  # their first frequencies, in those of a frame
LEAST_ENERGY = 1e-4  # of a cell, below which differences do not count


# --- Games


class Game(NamedTuple):
    """Losses of a mean over records and latent steps, as functions of logits of any shape."""

    of_critic: Callable[[Tensor, Tensor], Tensor]  # of those that it raises and those that it lowers
    raised: Callable[[Tensor], Tensor]  # of the generators, from logits that the critic raises
    lowered: Callable[[Tensor], Tensor]  # of the generators, from logits that the critic lowers


def _logarithm(raised: Tensor, lowered: Tensor) -> Tensor:
    """Return -mean[log g + log(1 - f)] of the probabilities g and f of the two sides."""
    # 1 - f is the probability of the opposite logit. As a difference it would be 0 where f is near 1, and TensorFlow's
    # graphs would add LEAST to the 1 before, where it is lost.
    return -ops.mean(ops.log(ops.sigmoid(raised) + LEAST) + ops.log(ops.sigmoid(-lowered) + LEAST))


def _softplus(raised: Tensor, lowered: Tensor) -> Tensor:
    """Return the sum of two binary cross-entropies, -log g and -log(1 - f), from logits."""
    return ops.mean(ops.softplus(-raised)) + ops.mean(ops.softplus(lowered))


GAMES: Mapping[str, Game] = {
    # The published code for bb and fl: the generators get mean(g - f) of the probabilities.
    "logarithm": Game(
        _logarithm,
        raised=lambda logits: ops.mean(ops.sigmoid(logits)),
        lowered=lambda logits: -ops.mean(ops.sigmoid(logits)),
    ),
    # Li and others (2017): the generators play with exchanged labels, so that a good critic leaves them a gradient.
    "softplus": Game(
        _softplus,
        raised=lambda logits: ops.mean(ops.softplus(logits)),
        lowered=lambda logits: ops.mean(ops.softplus(-logits)),
    ),
    "wasserstein": Game(
        lambda raised, lowered: ops.mean(lowered) - ops.mean(raised),
        raised=ops.mean,
        lowered=lambda logits: -ops.mean(logits),
    ),
}


def accuracy(raised: Tensor, lowered: Tensor) -> Tensor:
    """Return the share of logits whose sign is the one that the critic wants, the mean of its two sides."""
    right = [ops.mean(ops.cast(logits > 0, "float32")) for logits in (raised, -lowered)]
    return (right[0] + right[1]) / 2


# --- Gradient penalty


def gradient_penalty(critic: Callable[[Sequence[Tensor]], Tensor], sides: Sequence[Sequence[Tensor]], share: Tensor):
    """Return mean (|gradient| - 1)^2 of a critic between the two sides of its game, a scalar (Gulrajani, 2017).

    ``critic`` takes a list of inputs (batch, ..) to logits; ``sides`` has two such lists, and ``share`` (batch, 1, 1)
    is how much of the first one is in the inputs at which the penalty is taken. The gradient is that of the mean logit
    of a record, in all inputs together. The critic must not change any variable, and must take each record by itself.
    """
    inputs = [share * one + (1 - share) * other for one, other in zip(*sides, strict=True)]

    def total(inputs: Sequence[Tensor]) -> Tensor:
        logits = critic(inputs)
        return ops.sum(ops.mean(ops.reshape(logits, (ops.shape(logits)[0], -1)), axis=1))

    gradients = input_gradients(total, inputs)
    squares = sum(ops.sum(ops.square(gradient), axis=(1, 2)) for gradient in gradients)
    return ops.mean(ops.square(ops.sqrt(squares + 1e-12) - 1))  # The root has no gradient at 0.


def input_gradients(function: Callable[[Sequence[Tensor]], Tensor], inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the gradients of a scalar function of tensors in each of them, which can be derived again."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(inputs)
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        value = function(inputs)
    return tape.gradient(value, inputs)


# --- Reconstructions


def absolute(a: Tensor, b: Tensor) -> Tensor:
    """Return mean |a - b|."""
    return ops.mean(ops.abs(a - b))


def squared(a: Tensor, b: Tensor) -> Tensor:
    """Return mean (a - b)^2."""
    return ops.mean(ops.square(a - b))


ERRORS = {"absolute": absolute, "squared": squared}


def envelope_error(a: Tensor, b: Tensor) -> Tensor:
    """Return mean |log10 energy of a - log10 energy of b| in cells of time and frequency of every component.

    A cell is FRAME samples long and about an octave wide, so that phases, which no x shows, do not count. Records are
    (batch, n_samples, channels), where n_samples is a multiple of FRAME, and of about unit rms.
    """
    return absolute(*(ops.log10(_cells(records) + LEAST_ENERGY) for records in (a, b)))


def _cells(records: Tensor) -> Tensor:
    """Return the energy (batch, channels, n_frames, n_octaves), in units of the mean square of the samples."""
    n_samples, channels = records.shape[1:]
    frames = ops.reshape(ops.transpose(records, (0, 2, 1)), (-1, channels, n_samples // FRAME, FRAME))
    real, imaginary = ops.rfft(frames)
    power = (ops.square(real) + ops.square(imaginary)) * (2 / FRAME**2)
    ends = [*OCTAVES, FRAME // 2 + 1]
    parts = [ops.sum(power[..., first:end], axis=-1) for first, end in zip(OCTAVES, ends[1:], strict=True)]
    return ops.stack(parts, axis=-1)


def feature_matching(ones: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return the sum over layers of the mean squared differences of their outputs."""
    return sum(squared(one, other) for one, other in zip(ones, others, strict=True))
