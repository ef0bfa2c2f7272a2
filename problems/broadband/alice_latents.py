"""Records with the latents that are drawn once for each, in one array.

A stream of pairs has two arrays per batch, so that latents of their own would need another kind of stream.
"""

from typing import Any

import numpy as np

from problems.broadband.alice_design import Design
from problems.broadband.alice_networks import N_COMPONENTS
from support.startup import load_keras

keras = load_keras()
ops = keras.ops

Tensor = Any  # of the backend
BANDS_OF_PAIR = ("fl", "bb")  # of x and of y


def with_latents(x: np.ndarray, y: np.ndarray, design: Design, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return filtered and broadband records (n, n_samples, 3) with the latents that are drawn once for each.

    Both are float32; the numbers of the latents z and z' stand in further channels. They depend on the seed and on the
    number of the record alone.

    >>> from problems.broadband.alice_design import REDUCED
    >>> x, y = with_latents(np.zeros((2, 4096, 3)), np.zeros((2, 4096, 3)), REDUCED, seed=1)
    >>> x.shape, y.shape  # 128 steps x 8 channels, 128 x 32
    ((2, 4096, 4), (2, 4096, 4))
    """
    return tuple(
        _with_latents(records, design.latent_length * design.channels(band), np.random.default_rng([seed, stream]))
        for stream, (band, records) in enumerate(zip(BANDS_OF_PAIR, (x, y), strict=True))
    )


def _with_latents(records: np.ndarray, n_numbers: int, rng: np.random.Generator) -> np.ndarray:
    n, n_samples, _ = records.shape
    n_channels = -(-n_numbers // n_samples)
    drawn = rng.standard_normal((n, n_samples, n_channels), dtype=np.float32)
    return np.concatenate([records, drawn], axis=2, dtype=np.float32)


def split_latents(pair: tuple[Tensor, Tensor], design: Design) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the records and their latents in what `with_latents` made: x and z of fl, y and z' of bb."""
    parts = {}
    for band, packed in zip(BANDS_OF_PAIR, keras.utils.unpack_x_y_sample_weight(pair), strict=False):
        length, channels = design.latent_length, design.channels(band)
        numbers = ops.reshape(packed[..., N_COMPONENTS:], (ops.shape(packed)[0], -1))
        latents = ops.reshape(numbers[:, : length * channels], (-1, length, channels))
        parts[band] = packed[..., :N_COMPONENTS], latents
    return parts
