"""Convolutions with few filters as Keras calculates them, and as `networks.convolution` does: times of training steps.

    python -m benchmarks.bench_convolution
    KERAS_BACKEND=jax python -m benchmarks.bench_convolution --networks 3 28

The first table has single convolutions of many channels, which a Dense layer makes: how many times as long a training
step takes by Keras as by `convolve`. With so many filters that the project leaves the convolution to Keras, the number
says what `convolve` would do. The second table has epochs of `fit_model`, for networks of the published inversion study
as `bench_projection` draws and numbers them.
"""

import argparse
import itertools
import math
import time
from unittest import mock

import numpy as np

import baseML
from baseML import NetworkConfig
from benchmarks.bench_projection import random_networks
from benchmarks.bench_training import N_SAMPLES, study_epochs, whole
from networks import convolution
from networks.backends import hardware
from support.startup import load_keras
from support.text import text_table

keras = load_keras()

KERNELS = ((5, 1), (22, 1), (22, 16), (88, 1))  # points and dilation
CHANNELS, FILTERS = (16, 64, 256, 1024), (1, 4, 16)
NETWORKS = {3: 4, 5: 4, 16: 100, 28: 25}  # numbers, and steps of an epoch
STEPS_OF_OTHERS = 4
SECONDS = 0.5  # of steps that are timed
BY_KERAS = math.inf  # channels for each filter that `convolve` needs: more than there are


def step_ms(least: float, xla: bool, channels: int, filters: int, points: int, dilation: int) -> float:
    """Measure a step of a Dense layer and a convolution, in ms, with `convolve` from ``least`` channels a filter."""
    keras.utils.clear_session()
    layer = convolution.quick(keras.layers.Conv1D(filters, points, padding="same", dilation_rate=dilation))
    model = keras.Sequential([keras.Input((N_SAMPLES, 1)), keras.layers.Dense(channels), layer])
    model.compile("sgd", "mse", jit_compile=xla)
    batch = np.ones((1, N_SAMPLES, 1), np.float32), np.ones((1, N_SAMPLES, filters), np.float32)
    with mock.patch.multiple(convolution, CHANNELS_A_FILTER=least, MOST_SHIFTED=math.inf):
        model.train_on_batch(*batch)
        started, n_steps = time.perf_counter(), 0
        while n_steps < 2 or time.perf_counter() - started < SECONDS:
            model.train_on_batch(*batch)
            n_steps += 1
    return (time.perf_counter() - started) / n_steps * 1e3


def fit_ms(least: float, config: NetworkConfig, n_steps: int) -> float:
    """Measure an epoch of `fit_model`, in ms per training step, likewise."""
    keras.utils.clear_session()
    with mock.patch.object(convolution, "CHANNELS_A_FILTER", least):
        return whole(study_epochs(baseML.create_model(config, N_SAMPLES), n_steps))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Time convolutions with few filters.")
    parser.add_argument("--networks", type=int, nargs="*", default=list(NETWORKS), help="numbers of the networks")
    parser.add_argument("--no-table", action="store_true", help="leave out the single convolutions")
    options = parser.parse_args()
    compiled = (False, True) if keras.backend.backend() == "tensorflow" else (True,)
    rows = []
    for kernel, channels in itertools.product(() if options.no_table else KERNELS, CHANNELS):
        row = [f"{kernel[0]} points, dilation {kernel[1]}, {channels} channels"]
        for filters in (number for number in FILTERS if number < channels):
            sizes = channels, filters, *kernel
            times = [[step_ms(least, xla, *sizes) for least in (BY_KERAS, 0)] for xla in compiled]
            row.append(", ".join(f"{by_keras / ours:.1f}" for by_keras, ours in times))
        rows.append(row)
    print(hardware(), "Times by Keras / by convolve, by filters; on TensorFlow without and with XLA:", sep="\n")
    print(text_table(["Convolution", *map(str, FILTERS)], rows))
    drawn, rows = random_networks(max(options.networks, default=-1) + 1), []
    for number in options.networks:
        n_steps = NETWORKS.get(number, STEPS_OF_OTHERS)
        ways = BY_KERAS, convolution.CHANNELS_A_FILTER
        by_keras, ours = (fit_ms(least, drawn[number], n_steps) for least in ways)
        rows.append([f"{number} {drawn[number].label}", f"{by_keras:.0f}", f"{ours:.0f}", f"{by_keras / ours:.2f}"])
    print(text_table(["Network", "Keras, ms", "ours, ms", "ratio"], rows))


if __name__ == "__main__":
    main()
