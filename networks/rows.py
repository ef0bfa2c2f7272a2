"""The networks as rows of layers."""

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from networks.callbacks import OPTIMIZERS, SCHEDULES
from networks.layers import NORMALISATIONS, Layer, tcn_dilations
from support.checks import check_choice, check_flag, check_whole

MOST_LAYERS, LARGEST_SIZE = 100, 1_000_000  # of a network; far above what any memory holds


@dataclass(frozen=True)
class NetworkConfig:
    """Hyperparameters of one network and its training, named as in the study; the defaults are the paper's.

    Raises ValueError for an unknown network or a value outside its range.
    """

    arch_type: str = "CNN"  # DNN, CNN, CNN_VAR, CNN_LSTM, TCN, and RES, which is not the paper's
    net_type: str = "SEQ"  # SEQ: velocity inversion; AE: autoencoder, denoising
    num_layers: int = 1  # L, depth
    num_dnn: int = 1024  # U, dense units
    num_dil: int = 32  # D, largest dilation
    num_filt: int = 64  # F, filters
    krnl_size: int = 32  # K, samples
    pool_val: int = 1  # P, pooling factor of the autoencoders, stride of the residual networks
    num_lstm: int = 10  # H, LSTM units
    learning_rate: float = 1e-4
    norm: str = "none"  # of NORMALISATIONS; of residual blocks
    standard_units: bool = False  # traces go in, and what is predicted comes out, with a deviation of about 1
    penalties: bool = True  # R, in the loss
    optimizer: str = "adam"  # of OPTIMIZERS
    weight_decay: float = 0.0  # of adamw
    schedule: str = "paper"  # of the learning rate, of SCHEDULES

    def __post_init__(self) -> None:
        check_choice("network", f"{self.arch_type} {self.net_type}", [" ".join(key) for key in NETWORKS])
        for name in ("num_layers", "num_dnn", "num_dil", "num_filt", "krnl_size", "pool_val", "num_lstm"):
            most = MOST_LAYERS if name == "num_layers" else LARGEST_SIZE
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1, most))
        if self.pool_val != 1 and not self.network.pools:
            raise ValueError(
                f"pool_val must be 1 for {self.arch_type} {self.net_type}, which does not pool, not {self.pool_val}"
            )
        for name, valid in {"norm": NORMALISATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}.items():
            check_choice(name, getattr(self, name), valid)
        for name in ("standard_units", "penalties"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))
        for name, valid in {"learning_rate": "above 0", "weight_decay": "of at least 0"}.items():
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf or (value == 0 and valid == "above 0"):
                raise ValueError(f"{name} must be a number {valid}, not {value!r}")
            object.__setattr__(self, name, float(value))

    @property
    def label(self) -> str:
        """Model label of the paper; dilation, LSTM and dense units are 0 where the network has none."""
        network = self.network
        dilation, lstm = self.num_dil * network.has_dilation, self.num_lstm * network.has_lstm
        dense = self.num_dnn * network.is_paper_s
        return (
            f"{self.arch_type}_{self.net_type}_LYR{self.num_layers}_DNN{dense}_DIL{dilation}_FIL{self.num_filt}"
            f"_KRNL{self.krnl_size}_POL{self.pool_val}_LSTM{lstm}_"
        )

    @property
    def network(self) -> "Network":
        """What is particular to its architecture."""
        return NETWORKS[self.arch_type, self.net_type]

    @property
    def layers(self) -> list[Layer]:
        """The network as rows, without the padding of its input."""
        return self.rows_of(self.network.layers)

    def rows_of(self, layers: Callable[["NetworkConfig"], list[Layer]]) -> list[Layer]:
        """The rows of a network with these hyperparameters."""
        return [row._replace(penalised=row.penalised and self.penalties) for row in layers(self)]

    @property
    def adds_running_sum(self) -> bool:
        """Whether the network also gets its input's running sum: velocity is nearer to that than to the trace."""
        return self.standard_units and self.net_type == "SEQ"

    @property
    def length_factor(self) -> int:
        """The number of samples is padded to a multiple of this: what pooling or striding must divide."""
        return math.prod(row.stride for row in self.layers if row.kind in ("conv", "pool"))


def _dnn_layers(c: NetworkConfig) -> list[Layer]:
    """L x [Dense U, Dropout], Dense 1 (swish)."""
    return [*[Layer("dense", c.num_dnn), Layer("dropout")] * c.num_layers, Layer("dense", 1)]


def _cnn_layers(c: NetworkConfig) -> list[Layer]:
    """L x Conv1D(F, K, stride P), Conv1D(1, K, linear)."""
    convolution = Layer("conv", c.num_filt, c.krnl_size, c.pool_val)
    return [*[convolution] * c.num_layers, Layer("conv", 1, c.krnl_size, activation=None)]


def _cnn_variant_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: Conv1D(max(2, F // 2^i), K 2^i, stride P, dilation D), Dense(U / 2^i; R if i > 0); Conv1D(1), Dense 1."""
    layers = []
    for i in range(c.num_layers):
        layers += [
            Layer("conv", max(2, c.num_filt // 2**i), c.krnl_size * 2**i, c.pool_val, c.num_dil),
            Layer("dense", max(1, c.num_dnn // 2**i), penalised=i > 0),
        ]
    last = Layer("conv", 1, c.krnl_size, dilation=c.num_dil, activation=None)
    return [*layers, last, Layer("dense", 1, activation=None)]


def _cnn_lstm_layers(c: NetworkConfig) -> list[Layer]:
    """i < 2L: Conv1D(max(2, F // 2^i), K 2^i, dilation D, R), for odd i LSTM(H (i+1), R), Dense(U (i+1), R)."""
    layers = []
    for i in range(2 * c.num_layers):
        width = max(2, c.num_filt // 2**i)
        layers.append(Layer("conv", width, c.krnl_size * 2**i, dilation=c.num_dil, penalised=True))
        if i % 2:
            layers += [
                # Keras' own activation: the published run times need its fast path, which swish would rule out
                Layer("lstm", c.num_lstm * (i + 1), penalised=True, activation="tanh"),
                Layer("dense", c.num_dnn * (i + 1), penalised=True),
            ]
    return [*layers, Layer("conv", 1, c.krnl_size, activation=None), Layer("dense", 1, activation=None)]


def _tcn_dense(c: NetworkConfig, filters: int, i: int) -> list[Layer]:
    """TCN(filters, K 2^i, dilations 1, 2, 4 .. <= D), Dense(U (i+1), R)."""
    return [
        Layer("tcn", filters, c.krnl_size * 2**i, dilation=c.num_dil),
        Layer("dense", c.num_dnn * (i + 1), penalised=True, per_sample=True),
    ]


def _tcn_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: TCN(max(2, F // 2^i), K 2^i), Dense(U (i+1), R); Dense 1."""
    stages = [_tcn_dense(c, max(2, c.num_filt // 2**i), i) for i in range(c.num_layers)]
    return [*sum(stages, []), Layer("dense", 1, activation=None)]


def _cnn_ae_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: Conv1D(F, K + i^2, stride P); i < L: Conv1DTranspose, the same; Conv1D(U, K + (2L)^2), Dense 1."""
    down, up = (
        [Layer(kind, c.num_filt, c.krnl_size + i**2, c.pool_val) for i in range(c.num_layers)]
        for kind in ("conv", "deconv")
    )
    wide = Layer("conv", c.num_dnn, c.krnl_size + (2 * c.num_layers) ** 2)
    return [*down, *up, wide, Layer("dense", 1, activation=None)]


def _tcn_ae_layers(c: NetworkConfig) -> list[Layer]:
    """i < L: [TCN(max(1, F // 2^i), K 2^i), Dense(U (i+1), R), MaxPool P]; i < L: [TCN(last F), Dense, UpSample P]."""
    filters = [max(1, c.num_filt // 2**i) for i in range(c.num_layers)]
    pool, upsample = Layer("pool", stride=c.pool_val), Layer("upsample", stride=c.pool_val)
    encoder = [[*_tcn_dense(c, filters[i], i), pool] for i in range(c.num_layers)]
    decoder = [[*_tcn_dense(c, filters[-1], i), upsample] for i in range(c.num_layers)]
    return [*sum(encoder + decoder, []), Layer("dense", 1, activation=None)]


def _residual_layers(c: NetworkConfig) -> list[Layer]:
    """Conv1D(F, K, stride P); L x residual blocks (F, K) of dilation 1, 2, 4 .. <= D; Dense 1 for each of P samples."""
    block = Layer("residual", c.num_filt, c.krnl_size, norm=c.norm)
    blocks = [block._replace(dilation=dilation) for dilation in tcn_dilations(c.num_dil)]
    entry = Layer("conv", c.num_filt, c.krnl_size, c.pool_val, activation=None)
    return [entry, *blocks * c.num_layers, Layer("unfold", 1, stride=c.pool_val, activation=None)]


class Network(NamedTuple):
    """What is particular to one of the networks: the paper's seven, and the residual ones."""

    method: str  # of BaseMLClass
    layers: Callable[[NetworkConfig], list[Layer]]
    has_dilation: bool = False
    has_lstm: bool = False
    pools: bool = False
    is_paper_s: bool = True


NETWORKS = {
    ("DNN", "SEQ"): Network("seq_dnn_ml", _dnn_layers),
    ("CNN", "SEQ"): Network("seq_cnn_ml", _cnn_layers),
    ("CNN_VAR", "SEQ"): Network("seq_cnn_variant_ml", _cnn_variant_layers, has_dilation=True),
    ("CNN_LSTM", "SEQ"): Network("seq_cnn_lstm_ml", _cnn_lstm_layers, has_dilation=True, has_lstm=True),
    ("TCN", "SEQ"): Network("seq_tcn_ml", _tcn_layers, has_dilation=True),
    ("CNN", "AE"): Network("seq_cnn_ae", _cnn_ae_layers, pools=True),
    ("TCN", "AE"): Network("seq_tcn_ae", _tcn_ae_layers, has_dilation=True, pools=True),
    ("RES", "SEQ"): Network("seq_residual_ml", _residual_layers, has_dilation=True, pools=True, is_paper_s=False),
    ("RES", "AE"): Network("seq_residual_ae", _residual_layers, has_dilation=True, pools=True, is_paper_s=False),
}
