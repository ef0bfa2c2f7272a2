"""Convolutions with few filters: what the networks calculate for them is what Keras does, in files as well."""

import json
import zipfile
from unittest import mock

import keras
import numpy as np
import pytest
from conftest import assert_close
from test_networks import conv1d_same, small_config

from baseML import BaseMLClass, create_model
from networks import convolution
from networks.convolution import CHANNELS_A_FILTER, convolve, quick
from networks.tcn import TCN

RNG = np.random.default_rng(0)
CHANNELS, SAMPLES = 2 * CHANNELS_A_FILTER, 40
X = RNG.normal(size=(3, SAMPLES, CHANNELS)).astype("float32")


@pytest.fixture
def convolved(monkeypatch):
    """The shapes of the kernels that were convolved by the project, not by Keras."""
    shapes = []

    def watched(x, kernel, dilation):
        shapes.append(tuple(kernel.shape))
        return convolve(x, kernel, dilation)

    monkeypatch.setattr(convolution, "convolve", watched)
    return shapes


@pytest.mark.parametrize("dilation", [1, 2, 7, 60])
@pytest.mark.parametrize(("points", "filters"), [(1, 1), (2, 1), (5, 3), (8, 2), (41, 1)])
def test_a_convolution_is_that_of_the_oracle(points, filters, dilation):
    kernel = RNG.normal(size=(points, CHANNELS, filters)).astype("float32")
    found = keras.ops.convert_to_numpy(convolve(X, kernel, dilation))
    assert_close(found, conv1d_same(X.astype(float), kernel.astype(float), 0, dilation=dilation), 0, 1e-4)


def trained(layer, eagerly):
    """The answer of a layer behind a Dense layer, its losses in three steps, and the weights after them."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(CHANNELS), layer()])
    model.compile("sgd", "mse", run_eagerly=eagerly)
    answer = model.predict(X, verbose=0)
    losses = [model.train_on_batch(X, np.ones_like(answer)) for _ in range(3)]
    return [answer, np.array(losses), *model.get_weights()]


OPTIONS = {
    "narrow": {},
    "two filters": {"filters": 2},
    "dilated": {"dilation_rate": 3},
    "even": {"kernel_size": 4},
    "without bias": {"use_bias": False},
    "relu": {"activation": "relu"},
    "penalised": {"kernel_regularizer": "l2", "activity_regularizer": "l1"},
}
LEFT_TO_KERAS = {
    "many filters": {"filters": 3},
    "valid": {"padding": "valid"},
    "causal": {"padding": "causal"},
    "strided": {"strides": 2},
    "groups": {"filters": 2, "groups": 2},
    "too much to shift": {"kernel_size": 65},
}


@pytest.mark.parametrize("name", OPTIONS | LEFT_TO_KERAS)
def test_a_layer_answers_and_learns_as_that_of_keras(name, convolved):
    options = {"filters": 1, "kernel_size": 5, "padding": "same", "activation": "swish"}
    options |= (OPTIONS | LEFT_TO_KERAS)[name]
    eagerly = name != "narrow"  # Compiling each of them takes most of the time.
    expected = trained(lambda: keras.layers.Conv1D(**options), eagerly)
    assert not convolved
    found = trained(lambda: quick(keras.layers.Conv1D(**options)), eagerly)
    assert bool(convolved) == (name in OPTIONS)
    assert len(found) == len(expected)
    for ours, as_keras in zip(found, expected, strict=True):
        assert_close(ours, as_keras, 1e-5, 1e-5)


def test_a_length_that_is_not_known_is_left_to_keras(convolved):
    inputs = keras.Input((None, CHANNELS))
    layer = quick(keras.layers.Conv1D(1, 5, padding="same"))
    model = keras.Model(inputs, layer(inputs))
    assert not convolved
    assert model.predict(X, verbose=0).shape == (*X.shape[:2], 1)


def test_a_convolution_in_half_of_the_precision_is_near(convolved):
    kernel = RNG.normal(size=(9, CHANNELS, 1)).astype("float32")
    layer = quick(keras.layers.Conv1D(1, 9, padding="same", dtype="mixed_bfloat16"))
    layer.build(X.shape)
    layer.set_weights([kernel, np.zeros(1)])
    found = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(layer(X), "float32")))
    expected = conv1d_same(X.astype(float), kernel.astype(float), 0)
    assert convolved and layer(X).dtype == layer.compute_dtype
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.01 * expected.std()


@pytest.mark.parametrize(
    ("arch_type", "changes", "narrow"),
    [
        ("CNN", {"num_layers": 1, "num_filt": 16}, (3, 16, 1)),
        ("CNN_VAR", {"num_layers": 1, "num_dnn": 32, "num_filt": 2}, (3, 32, 1)),
        ("TCN", {"num_layers": 2, "num_dnn": 80, "num_filt": 8, "num_dil": 1}, (6, 80, 4)),
    ],
)
def test_networks_and_their_files_have_quick_convolutions(arch_type, changes, narrow, convolved, tmp_path, monkeypatch):
    # The layer of keras-tcn takes this name when another test imports it.
    monkeypatch.setitem(keras.saving.get_custom_objects(), "Custom>TCN", TCN)
    network = create_model(small_config(arch_type, "SEQ", **changes), SAMPLES)
    model, traces = network.get_model(), X[..., :1]
    with mock.patch.object(convolution, "CHANNELS_A_FILTER", np.inf):
        expected = model(traces)
    assert not convolved
    path = network.save_model(tmp_path / "network.keras")
    for each in (model, BaseMLClass.load_model(path).get_model()):
        convolved.clear()
        assert_close(each(traces), expected, 1e-5, 1e-5)
        assert narrow in convolved


def test_keras_alone_reads_the_file_of_a_network(convolved, tmp_path):
    network = create_model(small_config("CNN", "SEQ", num_filt=16), SAMPLES)
    path = network.save_model(tmp_path / "network.keras")
    with zipfile.ZipFile(path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    assert {layer["module"] for layer in layers} == {"keras.layers"}
    found = keras.models.load_model(path)(X[..., :1])
    assert not convolved
    assert_close(found, network.get_model()(X[..., :1]), 1e-5, 1e-5)
