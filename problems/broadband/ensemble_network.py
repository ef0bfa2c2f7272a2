"""The adversarial networks as a type of network that a study searches, that is trained, saved and asked as all others.

Their hyperparameters are those of `NetworkConfig` and of `EnsembleConfig`; importing this module adds the type.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np

from baseML import BaseMLClass
from dataPreProcessing import CustomDataGen
from networks.callbacks import log_columns
from networks.feeding import in_loops, loop_on_device
from networks.files import OWN_CLASSES
from networks.rows import NETWORKS, Network, NetworkConfig, OwnKind
from networks.size import NETWORK_BYTES, PARAMETER_COPIES, Size
from problems.broadband.alice_design import BANDS, PUBLISHED, REDUCED, Design
from problems.broadband.alice_networks import make_critics, make_generators
from problems.broadband.ensemble_model import N_MEMBERS, EnsembleModel
from problems.broadband.spectral_networks import PSA
from problems.broadband.streams import PROTOCOL, Spectra
from support.checks import check_names
from support.startup import load_keras

keras = load_keras()

ALICE = "ALICE"  # the type of network
KERNEL, STRIDE = 4, 2  # of the convolutions of coders
ARRAYS = 400  # of a record's samples for each channel or member, that a step keeps, measured at 16 channels


@dataclass(frozen=True)
class EnsembleConfig(NetworkConfig):
    """Hyperparameters of the adversarial networks; num_filt is the number of channels of the first layer of encoders.

    ``learning_rate`` is that of the generators. With the loss "published" all other settings of the networks and of
    their training are the published ones, whatever they are here. Raises ValueError as `NetworkConfig` and `Design`.
    """

    num_filt: int = REDUCED.base_channels
    learning_rate: float = REDUCED.generator_rate
    schedule: str = "constant"
    bands: str = "+".join(BANDS)  # those that are trained
    latent_channels: int = REDUCED.broadband_channels
    latent_length: int = REDUCED.latent_length
    map_layers: int = REDUCED.map_layers
    slope: float = REDUCED.slope
    lambda_x: float = REDUCED.lambda_x
    lambda_z: float = REDUCED.lambda_z
    adversarial: float = REDUCED.adversarial
    envelope: float = REDUCED.envelope
    critic_steps: int = REDUCED.critic_steps
    critic_rate: float = REDUCED.critic_rate
    beta_2: float = REDUCED.beta_2
    game: str = REDUCED.loss

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names("bands", self.bands.split("+"), BANDS)
        object.__setattr__(self, "design", self._design())

    def _design(self) -> Design:
        # The rate of the optimizer, which schedules change, is that of the generators; the critics' one follows it.
        rates = {"generator_rate": 1.0, "critic_rate": self.critic_rate / self.learning_rate}
        if self.game == "published":
            return replace(PUBLISHED, generator_rate=1.0, critic_rate=1.0)
        return replace(
            REDUCED,
            base_channels=self.num_filt,
            critic_channels=self.num_filt,
            critic_features=4 * self.num_filt,
            broadband_channels=self.latent_channels,
            latent_length=self.latent_length,
            map_layers=self.map_layers,
            slope=self.slope,
            joint_slope=self.slope,
            critic_norm=self.game != "wasserstein",
            loss=self.game,
            lambda_x=self.lambda_x,
            lambda_z=self.lambda_z,
            adversarial=self.adversarial,
            envelope=self.envelope,
            critic_steps=self.critic_steps,
            beta_2=self.beta_2,
            **rates,
        )

    def label_with(self, drawn: object = ()) -> str:
        """The label, with the layers and the kernels of the encoders."""
        halvings = (PROTOCOL.n_samples // self.design.latent_length).bit_length() - 1
        sizes = f"LYR{halvings}_DNN0_DIL0_FIL{self.design.base_channels}_KRNL{KERNEL}_POL{STRIDE}_LSTM0_"
        return f"{self.arch_type}_{self.net_type}_{sizes}"


class EnsembleNetwork(BaseMLClass):
    """Adversarial networks, which are trained with whole records, and answer with the spectra of an ensemble."""

    def connect(self, n_samples: int) -> keras.Model:
        """A new model of this configuration; its first weights and its noise follow Keras' seed."""
        seed = int(keras.ops.convert_to_numpy(keras.random.randint((), 0, 2**31 - 1)))
        return EnsembleModel(self.config.design, self.config.bands.split("+"), n_samples, seed)

    def _compile_anew(self) -> None:
        model = self.get_model()
        model.compile()
        model.optimizer.learning_rate = self.config.learning_rate

    def _compile(self, optimizer: keras.optimizers.Optimizer, one_by_one: bool = False) -> None:
        """The model has its loss and its metrics in it, and keeps its optimizer."""

    def compile_for(self, n_steps: int, batch_size: int = 1, validation_batch: int | None = None) -> bool:
        """Compile the steps as the backend does it; the loss of validation is that of all records together."""
        if in_loops():
            loop_on_device(self.get_model())
        return False

    def feeds(self, stream: CustomDataGen) -> CustomDataGen:
        """The whole records of a stream of spectra."""
        return stream.whole() if isinstance(stream, Spectra) else stream

    @property
    def _columns(self) -> dict[str, str]:
        names = [name for name in self.get_model().means if name not in ("loss", "rmse")]
        return log_columns("rmse") | {name: name for name in names}

    def blocks(self) -> list[tuple[str, str, str, int]]:
        """The name, the part that it has, the output shape and the number of parameters of each network."""
        model = self.get_model()
        rows = [(name, "generator", part, part.output_shape) for name, part in model.generators.items()]
        for band, critics in model.critics.items():
            rows += [(name, f"critic of {band}", part, part.output_shape[-1]) for name, part in critics.items()]
        return [(name, role, str(shape[1:]), part.count_params()) for name, role, part, shape in rows]

    def records(self, x: np.ndarray, n_members: int, seed: int = 0, drawn: bool = True) -> np.ndarray:
        """Ensembles (n, n_members, 3, n_samples) of low-passed records x (n, 3, n_samples), all in cm/s^2.

        The low-pass of each is x. Its spectrum is drawn for each member, or, without ``drawn``, the likeliest one for
        all. Equal seeds give equal ensembles for equal numbers of records.
        """
        model, made = self.get_model(), []
        for number, one in enumerate(np.asarray(x, np.float32)):
            own_seed = int(np.random.default_rng([seed, number]).integers(2**30))
            made.append(keras.ops.convert_to_numpy(model.records(one.T[None], n_members, own_seed, drawn)))
        return np.concatenate(made).transpose(0, 1, 3, 2)


@functools.lru_cache
def _parameters(config: EnsembleConfig, n_samples: int) -> int:
    networks = list(make_generators(config.design, n_samples).values())
    for band in config.bands.split("+"):
        networks += make_critics(config.design, band, n_samples).values()
    return sum(network.count_params() for network in networks)


def _size(config: EnsembleConfig, n_samples: int, batch_size: int) -> Size:
    """What a training needs; its memory is a rough estimate."""
    parameters = _parameters(config, n_samples)
    kept = ARRAYS * config.design.base_channels * n_samples // 2 * batch_size
    floats = PARAMETER_COPIES * parameters + kept + N_MEMBERS * ARRAYS * n_samples * batch_size
    return Size(
        parameters, 6.0 * parameters * config.design.latent_length * batch_size, 4.0 * floats + NETWORK_BYTES, n_samples
    )


OWN_CLASSES.add((EnsembleModel.__module__, EnsembleModel.__name__))
NETWORKS[ALICE, PSA] = Network(lambda config: [], own=OwnKind(EnsembleConfig, EnsembleNetwork, _size))
