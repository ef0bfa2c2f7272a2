"""What varies in the adversarial networks: their widths, their losses, and how the two players learn.

The networks are those of Gatti and Clouteau (2020) for three bands. Band bb has the encoder F_y and the decoder G_y of
broadband records y and their latents z'; fl has F_x and G_x of filtered records x and their latents z; hb has the maps
G_z from z to z' and F_z back. PUBLISHED has the numbers of their code, REDUCED those of a network that a CPU can train.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from support.checks import check_choice, check_flag, check_number, check_whole

BANDS = ("bb", "fl", "hb")
LOSSES = ("published", "softplus", "wasserstein")
POSITIVE = {  # whole numbers of at least 1
    "base_channels",
    "critic_channels",
    "critic_features",
    "broadband_channels",
    "filtered_channels",
    "latent_length",
    "critic_steps",
}
FLAGS = {"tanh", "critic_norm", "settled_fakes", "drawn_latents"}
SHARES = {"slope", "joint_slope", "critic_dropout", "beta_1", "beta_2"}  # numbers of 0 to 1


class Player(NamedTuple):
    """How the critics or the generators of a band learn."""

    optimizer: str  # "adam" or "rmsprop"
    rate: float
    weight_decay: float = 0.0  # times the weights is added to their gradients
    clip: float = 0.0  # largest size of a weight after a step; 0 sets no limit


class Rules(NamedTuple):
    """What a band is trained for; a game is a key of `alice_losses.GAMES`."""

    joint: str | None  # game of the critic of a record together with its latents
    pairs: str | None  # game of the critics of pairs: (a, a) against (a, its reconstruction)
    weights: Mapping[str, float]  # of the losses of the generators, by name
    z_error: str  # "absolute" or "squared"
    critic: Player
    generator: Player


@dataclass(frozen=True)
class Design:
    """All settings of the networks and of their training; the defaults are the published ones."""

    base_channels: int = 32  # of the first layer of the encoders
    broadband_channels: int = 32  # of z'
    filtered_channels: int = 8  # of z
    map_layers: int = 0  # further ones of G_z, with dilations 2, 4, 8 .., so that a step knows of the whole record
    latent_length: int = 128  # steps of z' and z: n_samples / 2^k
    tanh: bool = True  # whether records are generated through tanh, within -1 and 1
    slope: float = 1.0  # of the leaky units for negative values; 1 makes encoders and critics affine
    joint_slope: float = 1.0  # the same behind the place where the joint critic joins record and latents
    critic_channels: int = 64  # of the first layer of a critic of records
    critic_features: int = 512  # that a critic of records finds at each latent step
    critic_dropout: float = 0.25
    critic_norm: bool = True  # whether critics of records have batch norm
    settled_fakes: bool = True  # whether generators are in inference mode while critics learn
    # Whether hb compares latents with the drawn ones and its way back starts with F_y(x). Else it compares them with
    # what the encoders find in the same record, and starts with F_y(y).
    drawn_latents: bool = True
    loss: str = "published"  # one of LOSSES
    lambda_x: float = 10.0  # weight of the reconstruction of records
    lambda_z: float = 100.0  # weight of the reconstruction of latents
    adversarial: float = 1.0  # weight of what the critics say
    envelope: float = 0.0  # weight of energies in time and frequency, of reconstructions and of records from x
    penalty: float = 10.0  # weight of the gradient penalty, which belongs to the loss "wasserstein"
    critic_steps: int = 5  # for each step of the generators
    critic_rate: float = 1e-4
    generator_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.9999

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in POSITIVE:
                check_whole(name, value, 1)
            elif name in FLAGS:
                check_flag(name, value)
            elif name == "map_layers":
                check_whole(name, value, 0, 10)
            elif name == "loss":
                check_choice(name, value, LOSSES)
            elif name in SHARES:
                check_number(name, value, 0.0, 1.0, "a number of {:g} to {:g}")
            else:
                check_number(name, value, 0.0, 1e6, "a number of {:g} to {:g}")
        if self.loss == "wasserstein" and self.critic_norm:
            raise ValueError(
                "critic_norm must be False with the loss 'wasserstein': its gradient penalty is of one record, and "
                "batch norm mixes the records of a batch"
            )

    def channels(self, band: str) -> int:
        """Return the channels of the latents of bb or fl."""
        return self.broadband_channels if band == "bb" else self.filtered_channels

    def rules(self, band: str) -> Rules:
        """Return what a band is trained for.

        >>> REDUCED.rules("bb").weights
        {'adversarial': 0.02, 'x cycle': 1.0, 'z cycle': 0.1}
        """
        return (_published if self.loss == "published" else _own)(self, band)


def _published(design: Design, band: str) -> Rules:
    """Return the rules of the published code; its weights of fl and hb are the same in every design."""
    adam = Player("adam", design.generator_rate)
    clipped = Player("rmsprop", design.critic_rate, clip=0.01)
    weights = {"adversarial": design.adversarial, "x cycle": design.lambda_x, "z cycle": design.lambda_z}
    of_fl = {"features": 0.105, "adversarial": 0.045, "x cycle": 0.81, "x pair": 0.09, "z cycle": 0.105}
    of_hb = {"adversarial": 1.0, "x cycle": 1.0, "y cycle": 0.1}
    return {
        "bb": Rules("logarithm", None, weights, "absolute", Player("adam", design.critic_rate), adam),
        "fl": Rules(
            "logarithm", "softplus", of_fl | {"z pair": 0.045}, "squared", clipped, adam._replace(weight_decay=1e-5)
        ),
        "hb": Rules(None, "wasserstein", of_hb, "absolute", clipped, Player("rmsprop", design.generator_rate)),
    }[band]


def _own(design: Design, band: str) -> Rules:
    """Return rules with one loss and one kind of optimizer for all bands; fl has the losses of bb."""
    weights = {"adversarial": design.adversarial, "x cycle": design.lambda_x}
    weights |= {"envelope": design.envelope} if design.envelope and band != "fl" else {}
    players = Player("adam", design.critic_rate), Player("adam", design.generator_rate)
    if band == "hb":
        return Rules(None, design.loss, weights | {"y cycle": 0.1 * design.lambda_x}, "absolute", *players)
    return Rules(design.loss, None, weights | {"z cycle": design.lambda_z}, "absolute", *players)


PUBLISHED = Design()
# Records of unit rms exceed 1, which tanh cannot; with slope 1, the joint critic could not see which latents belong to
# which record; a weight of 1 of the critics lets them win; the rest makes it fast enough for a CPU.
REDUCED = Design(
    base_channels=16,
    critic_channels=16,
    critic_features=64,
    tanh=False,
    slope=0.2,
    joint_slope=0.2,
    settled_fakes=False,
    drawn_latents=False,
    loss="softplus",
    lambda_x=1.0,
    lambda_z=0.1,
    adversarial=0.02,
    critic_steps=1,
    generator_rate=2e-3,
    beta_2=0.99,
)
