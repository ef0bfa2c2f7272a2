"""What a network needs, from its rows alone: parameters, operations, memory, receptive field."""

from collections.abc import Sequence
from typing import NamedTuple

from networks.layers import LAYER_KINDS, Layer
from networks.rows import NetworkConfig

VALIDATION_BATCH = 5  # traces that are validated at once, where the loss is that of each trace
PARAMETER_COPIES, GRADIENT_COPIES = 9, 4  # of `estimate`
VALIDATION_COPIES = 3.5
NETWORK_BYTES = 30e6


def with_outputs(layers: Sequence[Layer], n_outputs: int) -> list[Layer]:
    """The rows of a network whose output has ``n_outputs`` channels: the last row that has a width gets this one."""
    last = max(number for number, layer in enumerate(layers) if layer.width)
    return [*layers[:last], layers[last]._replace(width=n_outputs), *layers[last + 1 :]]


class Size(NamedTuple):
    """What a network needs."""

    parameters: int  # number of trainable parameters
    operations: float  # multiplications and additions of a training step
    memory: float  # bytes of a training at its peak, on top of what the process has before
    receptive_field: int  # the largest number of input samples that an output sample depends on


def estimate(
    config: NetworkConfig, n_samples: int = 4096, n_channels: int = 1, n_outputs: int = 1, batch_size: int = 1
) -> Size:
    """What a network needs, from its hyperparameters alone: parameters exactly, memory within a quarter.

    A step does 6 operations for every parameter and sample that it works on. The memory holds the parameters, their
    gradients, Adam's three moments, the best weights twice and the copies that an update makes; then what the layers
    keep for their gradients, and the gradients of the largest output, or, if it is more, the largest output of a
    validation batch and copies of it; and what compiling takes. How near it comes
    is measured by `benchmarks/bench_size.py`.
    """
    if own := config.network.own:
        return own.size(config, n_samples, batch_size)
    length = n_samples + -n_samples % config.length_factor
    channels = config.units.channels(config, n_channels)
    parameters, operations, kept, largest, compiling, reach = 0, 0.0, 0, 0, 0.0, 0.0
    for layer in with_outputs(config.layers, n_outputs):
        kind = LAYER_KINDS[layer.kind]
        length_out, channels_out = kind.length(layer, length), kind.channels(layer, channels)
        count = kind.parameters(layer, channels)
        parameters += count
        operations += 6.0 * count * min(length, length_out) * batch_size
        kept += kind.arrays(layer) * length_out * channels_out
        largest = max(largest, length_out * channels_out)
        compiling += kind.compiling(layer)
        reach += kind.reach(layer) * (n_samples / length)
        length, channels = length_out, channels_out
    activities = batch_size * (kept + GRADIENT_COPIES * largest)
    checked = (VALIDATION_BATCH if batch_size == 1 else batch_size) * VALIDATION_COPIES * largest
    floats = PARAMETER_COPIES * parameters + max(activities, checked)
    seen = int(min(1 + reach, n_samples))
    return Size(parameters, operations, 4.0 * floats + compiling + NETWORK_BYTES, seen)


def count_parameters(config: NetworkConfig, n_channels: int = 1, n_outputs: int = 1) -> int:
    """Trainable parameters of a network, from its hyperparameters alone."""
    return estimate(config, n_channels=n_channels, n_outputs=n_outputs).parameters
