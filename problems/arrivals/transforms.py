"""The inputs of a network as transforms of the times, which a study can search and a saved network applies itself.

Importing this module adds them to `traces.transforms.TRANSFORMS`, from which the command line takes its choices.
"""

import numpy as np

from problems.arrivals.generator import STATIONS
from problems.arrivals.inputs import make_input
from traces.transforms import TRANSFORMS, Transform

WAYS = {"CENTRED": "centred", "PLACED": "centred with stations", "SORTED": "sorted with stations"}  # of `make_input`
CHANNELS = ("time", "station x", "station y")


def _transform(name: str) -> Transform:
    """Return an input of `make_input` as a transform, which has no inverse."""
    channels = CHANNELS[: make_input(name, np.zeros((1, len(STATIONS)))).shape[-1]]

    def inverse(channels: np.ndarray, dt: float) -> np.ndarray:
        raise ValueError(f"times that are {name} have lost their origin time, which nothing brings back")

    return Transform(lambda times, dt: make_input(name, times), inverse, lambda n_samples, dt: channels)


TRANSFORMS |= {way: _transform(name) for way, name in WAYS.items()}
TRANSFORMS_OF_TIMES = ("NA", *WAYS)
