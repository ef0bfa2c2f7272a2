"""A straightforward port of the paper's training: its traces and its networks, for `benchmarks.bench_training`."""

import keras
import numpy as np

from dataPreProcessing import root_mean_squared_error
from networks.layers import LAYER_KINDS
from networks.rows import NetworkConfig
from tests import reference_generation as plain

N_SAMPLES = 4096


class PlainTraces(keras.utils.PyDataset):
    """Batches of one trace, each of which the plain reference generator makes when it is used."""

    def __init__(self, gen_type: str, n: int) -> None:
        super().__init__()
        self.gen_type, self.n = gen_type, n
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        make = plain.reference_pair if self.gen_type == "DeNoise" else clean_and_velocity
        return tuple(np.array(values, np.float32)[None, :, None] for values in make(self.rng, N_SAMPLES))


def clean_and_velocity(rng: np.random.Generator, n_samples: int) -> tuple[list[float], list[float]]:
    """Return (trace, velocity) of one earth model of the plain reference."""
    logs = plain.reference_logs(rng, plain.reference_layers(rng), n_samples, 0.001)
    wavelet = plain.reference_wavelet(rng, ("ricker", "klauder", "ormsby")[rng.integers(3)], 0.001)
    return plain.reference_clean(logs["reflectivity"], wavelet), logs["velocity"]


def port(config: NetworkConfig) -> keras.Model:
    """Return the network with TimeDistributed(Dense) behind every TCN, compiled with Keras' defaults.

    It takes traces of any length: for a known length, Keras would copy the Dense layer for every sample.
    """
    inputs = x = keras.Input((None, 1))
    for row in config.layers:
        layer = LAYER_KINDS[row.kind].build(row, N_SAMPLES)
        x = (keras.layers.TimeDistributed(layer) if row.per_sample else layer)(x)
    model = keras.Model(inputs, x)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate, amsgrad=True),
        loss=root_mean_squared_error,
        metrics=[keras.metrics.MeanMetricWrapper(root_mean_squared_error, name="rmse")],
    )
    return model
