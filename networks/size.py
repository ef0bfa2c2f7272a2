"""What a network takes, from its rows alone: parameters, operations, memory, receptive field."""

from collections.abc import Sequence
from typing import NamedTuple

from networks.layers import LAYER_KINDS, Layer
from networks.rows import NetworkConfig

VALIDATION_BATCH = 5  # traces at once, where one by one is meant
PARAMETER_COPIES, GRADIENT_COPIES = 9, 4  # of `estimate`
VALIDATION_COPIES = 3.5
NETWORK_BYTES = 30e6


def _with_outputs(layers: Sequence[Layer], n_outputs: int) -> list[Layer]:
    """The rows of a network that gives so many channels; as published, they give one."""
    return [*layers[:-1], layers[-1]._replace(width=n_outputs)]


class Size(NamedTuple):
    """What a network takes."""

    parameters: int  # trainable ones
    operations: float  # of a training step: multiplications and additions
    memory: float  # bytes of a training at its peak, on top of what the process has before
    receptive_field: int  # samples of its input that one of its output depends on, at most


def estimate(
    config: NetworkConfig, n_samples: int = 4096, n_channels: int = 1, n_outputs: int = 1, batch_size: int = 1
) -> Size:
    """What a network takes, from its hyperparameters alone: parameters exactly, memory within a quarter.

    A step does 6 operations for every parameter and sample that it works on. In memory are the parameters, their
    gradients, Adam's three moments, the best weights twice and copies that an update makes; what layers keep for their
    gradients, and for the largest the gradients of its output; or, if it is more, the largest output of a validation
    batch and copies of it. Above that is what compiling takes. Measured on a CPU, for ten networks from 45 to 1 900
    MB (`benchmarks/bench_size.py`): 0.83 to 1.16 times the growth of the process.
    """
    length = n_samples + -n_samples % config.length_factor
    channels = n_channels * (1 + config.adds_running_sum)
    parameters, operations, kept, largest, compiling, reach = 0, 0.0, 0, 0, 0.0, 0.0
    for layer in _with_outputs(config.layers, n_outputs):
        kind = LAYER_KINDS[layer.kind]
        length_out, width = kind.length(layer, length), layer.width or channels
        count = kind.parameters(layer, channels)
        parameters += count
        operations += 6.0 * count * min(length, length_out) * batch_size
        kept += kind.arrays(layer) * length_out * width
        largest = max(largest, length_out * width)
        compiling += kind.compiling(layer)
        reach += kind.reach(layer) * (n_samples / length)
        length, channels = length_out, width
    activities = batch_size * (kept + GRADIENT_COPIES * largest)
    checked = (VALIDATION_BATCH if batch_size == 1 else batch_size) * VALIDATION_COPIES * largest
    floats = PARAMETER_COPIES * parameters + max(activities, checked)
    seen = int(min(1 + reach, n_samples))
    return Size(parameters, operations, 4.0 * floats + compiling + NETWORK_BYTES, seen)


def count_parameters(config: NetworkConfig, n_channels: int = 1, n_outputs: int = 1) -> int:
    """Trainable parameters of a network, from its hyperparameters alone."""
    return estimate(config, n_channels=n_channels, n_outputs=n_outputs).parameters
