"""The TCN layer beside that of keras-tcn: the same first weights and answers, and files that both can read."""

import keras
import numpy as np
import pytest

import networks.tcn
from baseML import BaseMLClass, NetworkConfig, create_model
from networks.layers import tcn_dilations

tcn = pytest.importorskip("tcn", reason="keras-tcn and TensorFlow, which it needs, are not installed")
ALWAYS = {"padding": "same", "return_sequences": True, "activation": "swish"}
TRACES = np.random.default_rng(0).normal(size=(2, 50, 4)).astype("float32")


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Keras knows both layers by this name: the own one, whichever was imported last; returns how to change that."""
    layers = keras.saving.get_custom_objects()
    monkeypatch.setitem(layers, "Custom>TCN", networks.tcn.TCN)
    return lambda layer: monkeypatch.setitem(layers, "Custom>TCN", layer)


def model_of(layer, filters, dilation):
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    inputs = keras.Input(TRACES.shape[1:])
    options = {"nb_filters": filters, "kernel_size": 3, "dilations": tcn_dilations(dilation)}
    # keras-tcn's options for what the own layer always does
    others = ALWAYS if layer is tcn.TCN else {"activation": "swish"}
    return keras.Model(inputs, layer(**options, **others)(inputs))


@pytest.mark.parametrize("filters", [4, 6])
@pytest.mark.parametrize("dilation", [1, 5, 2048])
def test_a_seed_gives_the_weights_and_the_answers_of_keras_tcn(filters, dilation):
    own, reference = (model_of(layer, filters, dilation) for layer in (networks.tcn.TCN, tcn.TCN))
    assert [weight.path for weight in own.weights] == [weight.path for weight in reference.weights]
    for found, expected in zip(own.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(own(TRACES), reference(TRACES), atol=1e-6)
    assert own.layers[1].compute_output_shape((None, 50, 4)) == (None, 50, filters)


@pytest.mark.parametrize(("writer", "reader"), [(tcn.TCN, networks.tcn.TCN), (networks.tcn.TCN, tcn.TCN)])
def test_either_layer_reads_the_files_of_the_other(tmp_path, known, writer, reader):
    written = model_of(writer, 6, 1024)  # eleven blocks: their names in a file are not in the order of numbers
    written.set_weights([weight + 0.01 for weight in written.get_weights()])
    path = tmp_path / "network.keras"
    written.save(path)
    known(reader)
    read = keras.models.load_model(path)
    assert type(read.layers[1]) is reader
    np.testing.assert_allclose(read(TRACES), written(TRACES), atol=1e-6)


@pytest.mark.parametrize("option", [{"use_batch_norm": True}, {"padding": "causal"}, {"nb_stacks": 2}])
def test_another_layer_of_keras_tcn_is_not_read_as_this_one(tmp_path, option):
    inputs = keras.Input(TRACES.shape[1:])
    path = tmp_path / "network.keras"
    keras.Model(inputs, tcn.TCN(6, 3, dilations=[1], **{**ALWAYS, **option})(inputs)).save(path)
    (name,) = option
    with pytest.raises(TypeError, match=f"{name} of a TCN must be"):
        keras.models.load_model(path)
    with pytest.raises(ValueError, match="not a Keras model that can be loaded"):
        BaseMLClass.load_model(path)


def test_the_layers_inside_have_the_precision_of_the_layer():
    layer = networks.tcn.TCN(4, 3, [1, 2], "swish", dtype="mixed_bfloat16")
    assert layer(TRACES).dtype == "bfloat16"
    assert {inner.compute_dtype for inner in layer._flatten_layers()} == {"bfloat16"}
    assert {weight.dtype for weight in layer.weights} == {"float32"}


def test_a_network_is_the_same_where_keras_tcn_was_imported_last(tmp_path, known):
    config = NetworkConfig("TCN", num_dnn=4, num_dil=2, num_filt=4, krnl_size=3)
    network = create_model(config, 50, precision="mixed_bfloat16")
    path = network.save_model(tmp_path / "network.keras")
    known(tcn.TCN)
    loaded = BaseMLClass.load_model(path)
    assert type(loaded.get_model().layers[1]) is tcn.TCN
    np.testing.assert_array_equal(loaded.predict_result(TRACES[..., 0]), network.predict_result(TRACES[..., 0]))
