"""The generators and the critics of the three bands, as rows of layers.

Records are (batch, n_samples, 3) and latents (batch, latent_length, channels). Every generator takes noise of the shape
of its input as well; its own input and the noise are its first layer's channels. A critic gives one logit per latent
step: of a record with its latents, or of a pair. All weights start from a seed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from problems.broadband.alice_design import Design
from support.startup import load_keras

keras = load_keras()

N_COMPONENTS = 3
N_SAMPLES = 4096
FORGETTING = 0.9  # of batch norm: the part of the running statistics that a step keeps
GENERATORS = ("F_y", "G_y", "F_x", "G_x", "G_z", "F_z")
CODERS = {"bb": ("F_y", "G_y"), "fl": ("F_x", "G_x")}  # encoder and decoder of a band


class Row(NamedTuple):
    """A convolution and what follows it: batch norm, the unit, dropout."""

    channels: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0  # zeros before and behind
    dilation: int = 1
    norm: bool = False
    slope: float = 1.0  # of the leaky unit for negative values; 1 is no unit, and 0 the rectifier
    dropout: float = 0.0
    bias: bool = False
    transposed: bool = False  # with a kernel of 4 and a stride of 2, which doubles the length
    tanh: bool = False


def network(
    name: str, rows: Sequence[Row], shape: tuple[int, int], seed: Sequence[int], noise: bool = False
) -> keras.Model:
    """Return a network on (batch, *shape) with the outputs of all rows, or, with ``noise``, of the last one alone.

    With ``noise`` it takes two arrays of this shape: the input and the noise.
    """
    rng = np.random.default_rng(seed)
    inputs = [keras.Input(shape, name=part) for part in ("values", "noise")[: 1 + noise]]
    x = keras.layers.Concatenate()(inputs) if noise else inputs[0]
    outputs = []
    for number, row in enumerate(rows):
        x = _apply(row, x, rng, str(number))
        outputs.append(x)
    return keras.Model(inputs if noise else inputs[0], outputs[-1] if noise else outputs, name=name)


def _apply(row: Row, x: keras.KerasTensor, rng: np.random.Generator, number: str) -> keras.KerasTensor:
    """Return what a row makes of x. Its layers have names of their own, as a backup knows variables by these."""
    kernels = keras.initializers.GlorotUniform(int(rng.integers(2**31)))
    options = {"strides": row.stride, "use_bias": row.bias, "kernel_initializer": kernels, "name": f"conv_{number}"}
    if row.dilation > 1:
        options["dilation_rate"] = row.dilation
    if row.transposed:
        x = keras.layers.Conv1DTranspose(row.channels, row.kernel, padding="same", **options)(x)
    else:
        x = keras.layers.ZeroPadding1D(row.padding)(x) if row.padding else x
        x = keras.layers.Conv1D(row.channels, row.kernel, **options)(x)
    if row.norm:
        gains = keras.initializers.RandomNormal(1.0, 0.02, int(rng.integers(2**31)))
        options = {"momentum": FORGETTING, "epsilon": 1e-5, "gamma_initializer": gains}
        x = keras.layers.BatchNormalization(**options, name=f"norm_{number}")(x)
    if row.slope < 1:
        x = keras.layers.LeakyReLU(row.slope)(x)
    if row.dropout:
        x = keras.layers.Dropout(row.dropout, seed=int(rng.integers(2**31)), name=f"dropout_{number}")(x)
    return keras.layers.Activation("tanh")(x) if row.tanh else x


def n_halvings(design: Design, n_samples: int) -> int:
    """Return how often the encoders halve the length. Raises ValueError unless that gives the latent length."""
    halvings = (n_samples // design.latent_length).bit_length() - 1
    if halvings < 2 or design.latent_length << halvings != n_samples:
        raise ValueError(
            f"latent_length must be n_samples = {n_samples} divided by 4, 8, 16 or another power of two, "
            f"not {design.latent_length}"
        )
    return halvings


def _widths(base: int, n: int) -> list[int]:
    """Return widths that double from layer to layer, up to 8 times the first one."""
    return [base * min(2**k, 8) for k in range(n)]


# --- Generators


def make_generators(design: Design, n_samples: int = N_SAMPLES, seed: int = 0) -> dict[str, keras.Model]:
    """Return the six networks of GENERATORS, by name.

    >>> from problems.broadband.alice_design import PUBLISHED
    >>> {name: made.count_params() for name, made in make_generators(PUBLISHED).items()}["G_x"]
    190720
    """
    record = (n_samples, N_COMPONENTS)
    latents = {band: (design.latent_length, design.channels(band)) for band in CODERS}
    hidden = _widths(design.base_channels, n_halvings(design, n_samples) - 1)
    base, z_prime, z = design.base_channels, design.broadband_channels, design.filtered_channels
    made = {}
    for band, (encoder, decoder) in CODERS.items():
        made[encoder] = (_encoder(hidden, design.channels(band), design.slope), record)
        made[decoder] = (_decoder(hidden, design.tanh), latents[band])
    # The published F_z is of transposed convolutions. With a stride of 1, they are convolutions of the reversed kernel.
    dilations = [2 ** (number + 1) for number in range(design.map_layers)]
    context = [Row(4 * base, 3, padding=k, dilation=k, norm=True, slope=0.0) for k in dilations]
    made["G_z"] = ([*_map([base, 2 * base], z_prime)[:-1], *context, Row(z_prime, 3, padding=1)], latents["fl"])
    made["F_z"] = (_map([8 * base, 4 * base], z), latents["bb"])
    return {name: network(name, *made[name], seed=[seed, number], noise=True) for number, name in enumerate(GENERATORS)}


def _encoder(hidden: Sequence[int], channels: int, slope: float) -> list[Row]:
    # Without padding, each layer loses a step; the last one pads so much that the length is a power of two again.
    rows = [Row(width, 4, 2, norm=True, slope=slope) for width in hidden]
    return [*rows, Row(channels, 4, 2, padding=2)]


def _decoder(hidden: Sequence[int], tanh: bool) -> list[Row]:
    rows = [Row(width, 4, 2, norm=True, slope=0.0, transposed=True) for width in reversed(hidden)]
    return [*rows, Row(N_COMPONENTS, 4, 2, transposed=True, tanh=tanh)]


def _map(hidden: Sequence[int], channels: int) -> list[Row]:
    return [*(Row(width, 3, padding=1, norm=True, slope=0.0) for width in hidden), Row(channels, 3, padding=1)]


# --- Critics


def make_critics(design: Design, band: str, n_samples: int = N_SAMPLES, seed: int = 0) -> dict[str, keras.Model]:
    """Return the critics that the rules of a band ask for, by name.

    "D_x", "D_z" and "D_xz" make up the joint critic, and "x", "z", "y", "z'" judge pairs. Each has the outputs of all
    its layers, of which the last one is its answer.
    """
    record, steps, base = (n_samples, 2 * N_COMPONENTS), design.latent_length, design.base_channels
    if band == "hb":
        of_records = [
            Row(width, 3, 2, padding=1, slope=design.slope, dropout=design.critic_dropout) for width in (base, 2 * base)
        ]
        made = dict.fromkeys(("y", "x"), ([*of_records, Row(1, 3, 2, padding=1)], record))
        for name, width in {"z'": 2 * design.broadband_channels, "z": 2 * design.filtered_channels}.items():
            rows = [Row(width, slope=design.slope, bias=True)] * 2
            made[name] = ([*rows, Row(1, bias=True)], (steps, width))
    else:
        made = _joint(design, band, n_samples)
        if design.rules(band).pairs:
            width = 2 * design.channels(band)
            made["x"] = (made["D_x"][0], record)
            made["z"] = (made["D_z"][0][-2:], (steps, width))
    of_band = 1 + ("bb", "fl", "hb").index(band)
    return {
        name: network(f"{band}_{name.replace(chr(39), '_prime')}", *rows, seed=[seed, of_band, number])
        for number, (name, rows) in enumerate(made.items())
    }


def _joint(design: Design, band: str, n_samples: int) -> dict[str, tuple[list[Row], tuple[int, int]]]:
    """Return the rows and the input's shape of the three parts of a joint critic."""
    options = {"slope": design.slope, "dropout": design.critic_dropout}
    of_record = [
        Row(width, 4, 2, padding=1, norm=design.critic_norm and number > 0, **options)
        for number, width in enumerate(_widths(design.critic_channels, n_halvings(design, n_samples)))
    ]
    of_record.append(Row(design.critic_features, 3, padding=1, norm=design.critic_norm, **options))
    width, layers = (design.critic_features, 2) if band == "bb" else (2 * design.channels(band), 3)
    joined = design.critic_features + width
    behind = Row(joined, slope=design.joint_slope, dropout=design.critic_dropout, bias=True)
    return {
        "D_x": (of_record, (n_samples, N_COMPONENTS)),
        "D_z": ([Row(width, **options)] * layers, (design.latent_length, design.channels(band))),
        "D_xz": ([behind, behind, Row(1, bias=True)], (design.latent_length, joined)),
    }
