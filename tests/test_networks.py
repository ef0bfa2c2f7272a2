"""The networks against a second implementation in NumPy, written from the paper and not from baseML's rows."""

import math
import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from forked import in_a_fork
from toys import NETWORKS_OF_TRACES

from baseML import NETWORKS, BaseMLClass, NetworkConfig, count_parameters, create_model, estimate
from networks.layers import LAYER_KINDS, Layer, LayerKind
from networks.rows import STANDARD_UNITS, Network

TCN_DENSE_ACTIVATION = "swish"  # of the Dense layers behind a TCN: "swish" or None (linear)

BATCH, SAMPLES = 2, 37
ROOT = Path(__file__).parents[1]
SMALL = {"num_layers": 2, "num_dnn": 6, "num_dil": 5, "num_filt": 8, "krnl_size": 3, "num_lstm": 5}


def small_config(arch_type, net_type, **changes):
    pool_val = 2 if NETWORKS[arch_type, net_type].pools else 1
    return NetworkConfig(arch_type, net_type, **{"pool_val": pool_val, **SMALL, **changes})


# --- The oracle: layers, in float64


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def swish(x):
    return x * sigmoid(x)


def penalty(array):
    return 1e-5 * np.abs(array).sum() + 1e-4 * np.square(array).sum()


def dense(x, kernel, bias):
    return x @ kernel + bias


def conv1d_same(x, kernel, bias, stride=1, dilation=1):
    """Output i sees the inputs i * stride + j * dilation - left; an odd padding has one zero more on the right."""
    n_out = -(-x.shape[1] // stride)
    padding = max((n_out - 1) * stride + (len(kernel) - 1) * dilation + 1 - x.shape[1], 0)
    left = padding // 2
    x = np.pad(x, ((0, 0), (left, padding - left), (0, 0)))
    reach = (n_out - 1) * stride + 1
    return bias + sum(x[:, j * dilation :][:, :reach:stride] @ tap for j, tap in enumerate(kernel))


def conv1d_transpose_same(x, kernel, bias, stride):
    """Every input adds its kernel, (size, output, input) in Keras, to an output that is stride times as long."""
    n_out, size = x.shape[1] * stride, len(kernel)
    left = max(size - stride, 0) // 2
    full = np.zeros((len(x), n_out + size + stride, kernel.shape[1]))
    for j, tap in enumerate(kernel):
        full[:, j : j + n_out : stride] += x @ tap.T
    return bias + full[:, left : left + n_out]


def lstm(x, kernel, recurrent_kernel, bias):
    """All hidden states; Keras orders the gates input, forget, cell, output."""
    hidden = cell = np.zeros((len(x), len(recurrent_kernel)))
    states = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ kernel + hidden @ recurrent_kernel + bias
        i, f, c, o = np.split(gates, 4, axis=1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(cell)
        states.append(hidden)
    return np.stack(states, axis=1)


def layer_norm(x, scale, offset):
    centred = x - x.mean(axis=2, keepdims=True)
    return scale * centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-3) + offset


def max_pool(x, factor):
    return x.reshape(len(x), x.shape[1] // factor, factor, x.shape[2]).max(axis=2)


def upsample(x, factor):
    return np.repeat(x, factor, axis=1)


def pad_end(x, factor):
    return np.pad(x, ((0, 0), (0, -x.shape[1] % factor), (0, 0)))


# --- The oracle: layers that take their weights, of the shapes that the paper gives, from an iterator


def take(weights, *shape):
    array = np.asarray(next(weights), np.float64)
    assert array.shape == shape
    return array


def take_dense(weights, x, units):
    return dense(x, take(weights, x.shape[2], units), take(weights, units))


def take_conv(weights, x, filters, size, stride=1, dilation=1):
    return conv1d_same(x, take(weights, size, x.shape[2], filters), take(weights, filters), stride, dilation)


def take_deconv(weights, x, filters, size, stride):
    return conv1d_transpose_same(x, take(weights, size, filters, x.shape[2]), take(weights, filters), stride)


def tcn(weights, x, filters, size, dilations):
    """Residual blocks; keras-tcn has an activation behind each of its two convolutions and one more behind both."""
    skips = 0
    for dilation in dilations:
        skip = swish(take_conv(weights, x, filters, size, dilation=dilation))
        skip = swish(swish(take_conv(weights, skip, filters, size, dilation=dilation)))
        matched = x if x.shape[2] == filters else take_conv(weights, x, filters, 1)
        skips = skips + skip
        x = swish(matched + skip)
    return skips


def take_penalised_dense(weights, x, units, divisor, activation="swish"):
    """The output of a Dense layer and its penalty, the activity's divided by ``divisor``."""
    kernel, bias = take(weights, x.shape[2], units), take(weights, units)
    x = dense(x, kernel, bias)
    x = swish(x) if activation == "swish" else x
    return x, penalty(kernel) + penalty(bias) + penalty(x) / divisor


def tcn_and_dense(weights, x, c, i, filters):
    """A TCN with kernel K 2^i and its Dense layer, whose activity penalty is a mean over batch and samples."""
    dilations = [d for d in (1, 2, 4, 8, 16, 32, 64, 128) if d <= c.num_dil]
    x = tcn(weights, x, filters, c.krnl_size * 2**i, dilations)
    return take_penalised_dense(weights, x, c.num_dnn * (i + 1), len(x) * x.shape[1], TCN_DENSE_ACTIVATION)


# --- The oracle: networks, each (config, weights, x) -> (prediction, penalties)


def dnn(c, weights, x):
    for _ in range(c.num_layers):
        x = swish(take_dense(weights, x, c.num_dnn))
    return swish(take_dense(weights, x, 1)), 0


def cnn(c, weights, x):
    for _ in range(c.num_layers):
        x = swish(take_conv(weights, x, c.num_filt, c.krnl_size))
    return take_conv(weights, x, 1, c.krnl_size), 0


def cnn_var(c, weights, x):
    total = 0
    for i in range(c.num_layers):
        x = take_conv(weights, x, max(2, c.num_filt // 2**i), c.krnl_size * 2**i, dilation=c.num_dil)
        x, penalties = take_penalised_dense(weights, swish(x), max(1, c.num_dnn // 2**i), len(x))
        total += penalties if i >= 1 else 0
    return take_dense(weights, take_conv(weights, x, 1, c.krnl_size, dilation=c.num_dil), 1), total


def cnn_lstm(c, weights, x):
    total = 0
    for i in range(2 * c.num_layers):
        filters, size = max(2, c.num_filt // 2**i), c.krnl_size * 2**i
        kernel, bias = take(weights, size, x.shape[2], filters), take(weights, filters)
        x = swish(conv1d_same(x, kernel, bias, dilation=c.num_dil))
        total += penalty(kernel) + penalty(bias) + penalty(x) / len(x)
        if i in (1, 3, 5, 7):
            units = c.num_lstm * (i + 1)
            kernel, recurrent_kernel = take(weights, x.shape[2], 4 * units), take(weights, units, 4 * units)
            bias = take(weights, 4 * units)
            x = lstm(x, kernel, recurrent_kernel, bias)
            total += penalty(kernel) + penalty(bias) + penalty(x) / len(x)
            x, penalties = take_penalised_dense(weights, x, c.num_dnn * (i + 1), len(x))
            total += penalties
    return take_dense(weights, take_conv(weights, x, 1, c.krnl_size), 1), total


def tcn_seq(c, weights, x):
    total = 0
    for i in range(c.num_layers):
        x, penalties = tcn_and_dense(weights, x, c, i, max(2, c.num_filt // 2**i))
        total += penalties
    return take_dense(weights, x, 1), total


def cnn_ae(c, weights, x):
    n_samples = x.shape[1]
    x = pad_end(x, c.pool_val**c.num_layers)
    for i in range(c.num_layers):
        x = swish(take_conv(weights, x, c.num_filt, c.krnl_size + i**2, c.pool_val))
    for i in range(c.num_layers):
        x = swish(take_deconv(weights, x, c.num_filt, c.krnl_size + i**2, c.pool_val))
    x = swish(take_conv(weights, x, c.num_dnn, c.krnl_size + (2 * c.num_layers) ** 2))
    return take_dense(weights, x, 1)[:, :n_samples], 0


def tcn_ae(c, weights, x):
    n_samples, total = x.shape[1], 0
    x = pad_end(x, c.pool_val**c.num_layers)
    for i in range(c.num_layers):
        filters = max(1, c.num_filt // 2**i)
        x, penalties = tcn_and_dense(weights, x, c, i, filters)
        x, total = max_pool(x, c.pool_val), total + penalties
    for i in range(c.num_layers):
        x, penalties = tcn_and_dense(weights, x, c, i, filters)
        x, total = upsample(x, c.pool_val), total + penalties
    return take_dense(weights, x, 1)[:, :n_samples], total


def residual(c, weights, x):
    n_samples = x.shape[1]
    x = np.pad(x, ((0, 0), (0, -n_samples % c.pool_val), (0, 0)))
    x = take_conv(weights, x, c.num_filt, c.krnl_size, stride=c.pool_val)
    for dilation in c.num_layers * [d for d in (1, 2, 4, 8, 16, 32, 64, 128) if d <= c.num_dil]:
        inner = layer_norm(x, take(weights, c.num_filt), take(weights, c.num_filt)) if c.norm == "layer" else x
        inner = swish(take_conv(weights, inner, c.num_filt, c.krnl_size, dilation=dilation))
        x = x + take_dense(weights, inner, c.num_filt)
    unfolded = take_dense(weights, x, c.pool_val).reshape(len(x), -1, 1)
    return unfolded[:, :n_samples], 0


def in_standard_units(network):
    """The oracle with traces of unit deviation; velocities, and traces and sums for them, have units of their own."""

    def standardised(c, weights, x):
        if c.net_type == "AE":
            deviation = x.std(axis=(1, 2), keepdims=True)
            prediction, penalties = network(c, weights, x / deviation)
            return prediction * deviation, penalties
        prediction, penalties = network(c, weights, np.concatenate([x / 0.055, np.cumsum(x, axis=1) / 0.5], 2))
        return 12_000 + 4500 * prediction, penalties

    return standardised


ORACLES = {
    ("DNN", "SEQ"): dnn,
    ("CNN", "SEQ"): cnn,
    ("CNN_VAR", "SEQ"): cnn_var,
    ("CNN_LSTM", "SEQ"): cnn_lstm,
    ("TCN", "SEQ"): tcn_seq,
    ("CNN", "AE"): cnn_ae,
    ("TCN", "AE"): tcn_ae,
    ("RES", "SEQ"): residual,
    ("RES", "AE"): residual,
}
EACH = {key: small_config(*key) for key in ORACLES}
EVERY_NETWORK = pytest.mark.parametrize("network", ORACLES, ids="_".join)


def predict_by_hand(config, weights, x):
    weights = iter(weights)
    oracle = ORACLES[config.arch_type, config.net_type]
    oracle = in_standard_units(oracle) if config.standard_units else oracle
    prediction, penalties = oracle(config, weights, np.asarray(x, np.float64))
    assert next(weights, None) is None  # every weight was used
    return prediction, penalties


def fixed_model(config, n_samples=SAMPLES):
    """A network of BaseMLClass with weights that do not depend on Keras' own generators."""
    network = create_model(config, n_samples)
    generator = np.random.default_rng(20)
    model = network.get_model()
    model.set_weights([generator.normal(0, 0.4, array.shape) for array in model.get_weights()])
    return network


# --- Predictions and losses

CASES = {
    **{"_".join(key): config for key, config in EACH.items()},
    "CNN_SEQ_even_kernel": small_config("CNN", "SEQ", krnl_size=4),
    "CNN_VAR_SEQ_even_kernel": small_config("CNN_VAR", "SEQ", krnl_size=4),
    "CNN_VAR_SEQ_narrow": small_config("CNN_VAR", "SEQ", num_filt=2, num_dnn=1),
    "CNN_LSTM_SEQ_even_kernel": small_config("CNN_LSTM", "SEQ", krnl_size=2, num_dil=2),
    "TCN_SEQ_as_many_units_as_filters": small_config("TCN", "SEQ", num_dnn=4),
    "CNN_AE_even_kernel": small_config("CNN", "AE", krnl_size=4),
    "CNN_AE_stride_4": small_config("CNN", "AE", pool_val=4, krnl_size=7),
    "CNN_AE_kernel_below_stride": small_config("CNN", "AE", pool_val=4, krnl_size=2),
    "RES_SEQ_in_units": small_config("RES", "SEQ", norm="layer", standard_units=True),
    "RES_AE_in_units": small_config("RES", "AE", krnl_size=4, standard_units=True),
    "RES_SEQ_stride_4": small_config("RES", "SEQ", pool_val=4),
    "RES_AE_without_stride": small_config("RES", "AE", pool_val=1),
    "CNN_VAR_SEQ_in_units": small_config("CNN_VAR", "SEQ", standard_units=True),
    "TCN_AE_in_units": small_config("TCN", "AE", standard_units=True),
    "CNN_VAR_SEQ_without_penalties": small_config("CNN_VAR", "SEQ", penalties=False),
    "TCN_AE_pool_4": small_config("TCN", "AE", pool_val=4, krnl_size=2, num_filt=1),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request):
    """A network with fixed weights, an input and a target for it, and what the oracle makes of them."""
    config, generator = request.param, np.random.default_rng(21)
    model = fixed_model(config).get_model()
    x = generator.normal(0, 1, (BATCH, SAMPLES, 1)).astype(np.float32)
    prediction, penalties = predict_by_hand(config, model.get_weights(), x)
    penalties *= config.penalties
    noise = generator.normal(0, 0.1 * np.abs(prediction).max(), x.shape)  # little, so that the penalties weigh
    y = (prediction + noise).astype(np.float32)
    rmse = math.sqrt(np.mean((prediction - y) ** 2))
    return model, x, y, prediction, rmse, penalties


def test_prediction_equals_the_oracle(case):
    model, x, _, prediction, _, _ = case
    tolerance = 1e-5 * np.abs(prediction).max()
    np.testing.assert_allclose(model.predict(x, verbose=0), prediction, rtol=1e-4, atol=tolerance)


@pytest.mark.usefixtures("hasty")
def test_loss_is_rmse_plus_penalties_and_rmse_is_plain(case):
    model, x, y, _, rmse, penalties = case
    found = model.evaluate(x, y, batch_size=BATCH, verbose=0, return_dict=True)
    assert found == pytest.approx({"loss": rmse + penalties, "rmse": rmse}, rel=1e-4)


@EVERY_NETWORK
def test_only_the_four_penalised_networks_have_penalties(network):
    penalised = network in {("CNN_VAR", "SEQ"), ("CNN_LSTM", "SEQ"), ("TCN", "SEQ"), ("TCN", "AE")}
    model = fixed_model(EACH[network]).get_model()
    model(np.ones((BATCH, SAMPLES, 1), np.float32))
    assert (sum(model.losses) > 0) == penalised


def test_every_network_has_an_oracle():
    assert set(NETWORKS_OF_TRACES) == set(ORACLES)


# --- Parameter counts

RESIDUAL_COUNT = (1 * 3 * 8 + 8) + 2 * 3 * ((8 * 3 * 8 + 8) + (8 * 8 + 8)) + (8 * 2 + 2)
COUNTS = {  # inputs x kernel x outputs + outputs, layer by layer, for L 2, U 6, D 5, F 8, K 3, P 2, H 5
    **{("RES", net_type): RESIDUAL_COUNT for net_type in ("SEQ", "AE")},
    ("DNN", "SEQ"): (1 * 6 + 6) + (6 * 6 + 6) + (6 * 1 + 1),
    ("CNN", "SEQ"): (1 * 3 * 8 + 8) + (8 * 3 * 8 + 8) + (8 * 3 * 1 + 1),
    ("CNN_VAR", "SEQ"): (1 * 3 * 8 + 8) + (8 * 6 + 6) + (6 * 6 * 4 + 4) + (4 * 3 + 3) + (3 * 3 * 1 + 1) + (1 * 1 + 1),
    ("CNN_LSTM", "SEQ"): sum(
        [
            (1 * 3 * 8 + 8) + (8 * 6 * 4 + 4) + 4 * (4 * 10 + 10 * 10 + 10) + (10 * 12 + 12),
            (12 * 12 * 2 + 2) + (2 * 24 * 2 + 2) + 4 * (2 * 20 + 20 * 20 + 20) + (20 * 24 + 24),
            (24 * 3 * 1 + 1) + (1 * 1 + 1),
        ]
    ),
    # a TCN: the first block's two convolutions and its matching 1 x 1, then dilations 2 and 4
    ("TCN", "SEQ"): sum(
        [
            (1 * 3 * 8 + 8) + (8 * 3 * 8 + 8) + (1 * 8 + 8) + 2 * 2 * (8 * 3 * 8 + 8) + (8 * 6 + 6),
            (6 * 6 * 4 + 4) + (4 * 6 * 4 + 4) + (6 * 4 + 4) + 2 * 2 * (4 * 6 * 4 + 4) + (4 * 12 + 12),
            12 * 1 + 1,
        ]
    ),
    ("CNN", "AE"): sum(
        [
            (1 * 3 * 8 + 8) + (8 * 4 * 8 + 8) + (8 * 3 * 8 + 8) + (8 * 4 * 8 + 8),
            (8 * 19 * 6 + 6) + (6 * 1 + 1),
        ]
    ),
    ("TCN", "AE"): sum(
        [
            (1 * 3 * 8 + 8) + (8 * 3 * 8 + 8) + (1 * 8 + 8) + 2 * 2 * (8 * 3 * 8 + 8) + (8 * 6 + 6),
            (6 * 6 * 4 + 4) + (4 * 6 * 4 + 4) + (6 * 4 + 4) + 2 * 2 * (4 * 6 * 4 + 4) + (4 * 12 + 12),
            (12 * 3 * 4 + 4) + (4 * 3 * 4 + 4) + (12 * 4 + 4) + 2 * 2 * (4 * 3 * 4 + 4) + (4 * 6 + 6),
            (6 * 6 * 4 + 4) + (4 * 6 * 4 + 4) + (6 * 4 + 4) + 2 * 2 * (4 * 6 * 4 + 4) + (4 * 12 + 12),
            12 * 1 + 1,
        ]
    ),
}
BEST_FOUND = {
    "denoising_grid": NetworkConfig("CNN", "AE", 1, num_dnn=2, num_filt=64, krnl_size=8, pool_val=2),
    "denoising_optuna": NetworkConfig("CNN", "AE", 2, num_dnn=1792, num_filt=64, krnl_size=12, pool_val=2),
    "inversion_grid": NetworkConfig("TCN", "SEQ", 1, num_dnn=3072, num_dil=16, num_filt=128, krnl_size=64),
    "inversion_optuna": NetworkConfig("TCN", "SEQ", 1, num_dnn=3824, num_dil=108, num_filt=46, krnl_size=14),
}
BEST_FOUND_COUNTS = {
    "denoising_grid": (1 * 8 * 64 + 64) + (64 * 8 * 64 + 64) + (64 * 12 * 2 + 2) + (2 + 1),
    "denoising_optuna": sum(
        [
            (1 * 12 * 64 + 64) + (64 * 13 * 64 + 64) + (64 * 12 * 64 + 64) + (64 * 13 * 64 + 64),
            (64 * 28 * 1792 + 1792) + (1792 + 1),
        ]
    ),
    # dilations 1 to 16 are five blocks, 1 to 64 are seven
    "inversion_grid": (1 * 64 * 128 + 128) + 9 * (128 * 64 * 128 + 128) + 2 * 128 + (128 * 3072 + 3072) + (3072 + 1),
    "inversion_optuna": (1 * 14 * 46 + 46) + 13 * (46 * 14 * 46 + 46) + 2 * 46 + (46 * 3824 + 3824) + (3824 + 1),
}


@EVERY_NETWORK
def test_parameters_are_as_many_as_counted_by_hand(network):
    config = EACH[network]
    assert count_parameters(config) == COUNTS[network]
    assert create_model(config, SAMPLES).get_model().count_params() == COUNTS[network]


@pytest.mark.parametrize("name", BEST_FOUND)
def test_best_found_networks_have_the_parameters_counted_by_hand(name):
    config = BEST_FOUND[name]
    assert count_parameters(config) == BEST_FOUND_COUNTS[name]
    assert create_model(config, 64).get_model().count_params() == BEST_FOUND_COUNTS[name]


@EVERY_NETWORK
def test_count_without_building_equals_the_built_count(network):
    generator = np.random.default_rng(22)
    for _ in range(5):
        config = NetworkConfig(
            *network,
            num_layers=int(generator.integers(1, 4)),
            num_dnn=int(generator.integers(1, 13)),
            num_dil=int(generator.integers(1, 8)),
            num_filt=int(generator.integers(1, 13)),
            krnl_size=int(generator.integers(1, 6)),
            pool_val=int(generator.choice([2, 4, 8])) if NETWORKS[network].pools else 1,
            norm=str(generator.choice(["none", "layer"])),
            standard_units=bool(generator.integers(2)),
            num_lstm=int(generator.integers(1, 5)),
        )
        n_samples = int(generator.integers(16, 65))
        assert create_model(config, n_samples).get_model().count_params() == count_parameters(config), config


# --- Layers

CHANNELS = 4
ROWS = {  # for kinds of layers that need other fields than a width and a kernel
    "dropout": [Layer("dropout")],
    "conv": [Layer("conv", 5, 3, stride=2), Layer("conv", 5, 4, dilation=3)],
    "deconv": [Layer("deconv", 5, 3, stride=2), Layer("deconv", 5, 2, stride=3)],
    "unfold": [Layer("unfold", 5, stride=3)],
    "tcn": [Layer("tcn", 5, 3, dilation=5), Layer("tcn", CHANNELS, 2, dilation=1)],
    "residual": [Layer("residual", CHANNELS, 3, dilation=2, norm=norm) for norm in ("none", "layer")],
    "pool": [Layer("pool", stride=3)],
    "upsample": [Layer("upsample", stride=3)],
    "mean": [Layer("mean")],
}


# A further problem adds kinds of its own, once it is imported.
OWN_KINDS = [name for name, kind in LAYER_KINDS.items() if kind.build.__module__ == "networks.layers"]


@pytest.mark.parametrize("kind", OWN_KINDS)
def test_a_row_says_what_keras_builds(kind):
    for row in ROWS.get(kind, [Layer(kind, 5, 3)]):
        for n_samples in (12, 13):
            own, inputs = LAYER_KINDS[kind], keras.Input((n_samples, CHANNELS))
            model = keras.Model(inputs, own.build(row, n_samples)(inputs))
            assert model.output_shape == (None, own.length(row, n_samples), own.channels(row, CHANNELS)), row
            assert model.count_params() == own.parameters(row, CHANNELS), row


# --- A further network


def bidirectional(layer, n_samples):
    return keras.layers.Bidirectional(keras.layers.LSTM(layer.width, return_sequences=True))


def arrival_layers(c):
    """A number between 0 and 1 for each trace."""
    return [
        Layer("conv", c.num_filt, c.krnl_size, c.pool_val),
        Layer("bidirectional", c.num_lstm),
        Layer("dense", 1, activation="sigmoid"),
        Layer("mean"),
    ]


@pytest.fixture
def arrivals(monkeypatch):
    """The configuration of a network of a type, and with a kind of layer, that only this test has."""
    kind = LayerKind(
        bidirectional,
        lambda layer, channels: 2 * 4 * (channels + layer.width + 1) * layer.width,
        channels=lambda layer, channels: 2 * layer.width,
    )
    monkeypatch.setitem(LAYER_KINDS, "bidirectional", kind)
    own = Network(arrival_layers, has_lstm=True, has_dense=False, pools=True)
    monkeypatch.setitem(NETWORKS, ("BILSTM", "ARRIVAL"), own)
    return NetworkConfig("BILSTM", "ARRIVAL", num_filt=3, krnl_size=4, pool_val=2, num_lstm=5)


def test_a_further_network_is_one_row(arrivals, tmp_path):
    assert arrivals.label == "BILSTM_ARRIVAL_LYR1_DNN0_DIL0_FIL3_KRNL4_POL2_LSTM5_"
    network = fixed_model(arrivals)
    assert network.get_model().output_shape == (None, 1, 1)
    by_hand = (4 * 1 * 3 + 3) + 2 * 4 * (3 + 5 + 1) * 5 + (2 * 5 + 1)
    assert estimate(arrivals).parameters == network.get_model().count_params() == by_hand
    x = np.random.default_rng(25).normal(0, 1, (3, SAMPLES))
    predicted = network.predict_result(x)
    assert predicted.shape == (3, 1) and np.all((0 < predicted) & (predicted < 1))
    loaded = BaseMLClass.load_model(network.save_model(tmp_path / "network.keras"))
    assert loaded.config == arrivals and np.allclose(loaded.predict_result(x), predicted)
    assert create_model(arrivals, SAMPLES, n_outputs=2).predict_result(x).shape == (3, 1, 2)


def test_a_type_of_networks_has_standard_units_where_it_has_a_row_of_them(arrivals, monkeypatch):
    with pytest.raises(
        ValueError, match="standard_units must be False for BILSTM ARRIVAL.*SEQ, AE(, PSA)? have such units"
    ):
        replace(arrivals, standard_units=True)
    monkeypatch.setitem(STANDARD_UNITS, "ARRIVAL", STANDARD_UNITS["SEQ"])
    config = replace(arrivals, standard_units=True)
    predicted = fixed_model(config).predict_result(np.ones((1, SAMPLES)))
    assert 12_000 < predicted[0, 0] < 16_500
    assert estimate(config).parameters == create_model(config, SAMPLES).get_model().count_params()


# --- Any trace length


@pytest.mark.parametrize("n_samples", [16, 37, 101])
@EVERY_NETWORK
def test_output_is_as_long_as_the_input(network, n_samples):
    config = replace(EACH[network], pool_val=4 if NETWORKS[network].pools else 1)
    model = create_model(config, n_samples).get_model()
    assert model.output_shape == (None, n_samples, 1)
    assert tuple(model(np.ones((1, n_samples, 1), np.float32)).shape) == (1, n_samples, 1)


# --- Penalties: the activity's part of a loss


def activity_penalty(config, n_samples, penalised_weights):
    """What a constant input adds to the penalties of the weights themselves."""
    model = fixed_model(config, n_samples).get_model()
    model(np.full((BATCH, n_samples, 1), 9, np.float32))
    return float(sum(model.losses)) - sum(penalty(array) for array in model.get_weights()[penalised_weights])


def test_activity_penalty_behind_a_tcn_does_not_grow_with_samples():
    config = small_config("TCN", "SEQ", num_layers=1, krnl_size=1)  # kernel 1: no effects of the trace's ends
    dense_behind = slice(-4, -2)  # the last four arrays: its kernel and bias, those of Dense 1
    short, long = (activity_penalty(config, n, dense_behind) for n in (37, 74))
    assert short > 1e-4
    assert long == pytest.approx(short, rel=1e-2)


def test_activity_penalty_of_cnn_var_is_a_sum_over_samples():
    second_dense = slice(6, 8)  # behind two arrays each of convolution, dense, convolution
    short, long = (activity_penalty(small_config("CNN_VAR", "SEQ", krnl_size=1), n, second_dense) for n in (37, 74))
    assert short > 1e-4
    assert long == pytest.approx(2 * short, rel=0.1)  # the kernel of 2 ends the trace a little differently


@pytest.mark.usefixtures("hasty")
def test_penalties_do_not_depend_on_the_batch_size():
    model = fixed_model(EACH["CNN_LSTM", "SEQ"]).get_model()
    penalties = []
    for n_traces in (1, 4):
        x = np.ones((n_traces, SAMPLES, 1), np.float32)
        found = model.evaluate(x, x, batch_size=n_traces, verbose=0, return_dict=True)
        penalties.append(found["loss"] - found["rmse"])
    assert penalties[1] == pytest.approx(penalties[0], rel=1e-4)


# --- Configurations


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"arch_type": "GRU"}, "GRU SEQ"),
        ({"net_type": "GAN"}, "CNN GAN"),
        ({"arch_type": "DNN", "net_type": "AE"}, "DNN AE"),
        ({"num_layers": 0}, "num_layers .* not 0"),
        ({"num_dnn": -3}, "num_dnn .* not -3"),
        ({"num_filt": 2.5}, "num_filt .* not 2.5"),
        ({"pool_val": 2}, "pool_val .* not 2"),
        ({"arch_type": "RES", "pool_val": 0}, "pool_val .* not 0"),
        ({"norm": "batch"}, "norm .*'batch'"),
        ({"optimizer": "sgd"}, "optimizer .*'sgd'"),
        ({"schedule": "step"}, "schedule .*'step'"),
        ({"standard_units": "yes"}, "standard_units .*'yes'"),
        ({"penalties": 2}, "penalties .*2"),
        ({"weight_decay": -1e-3}, "weight_decay .* not -0.001"),
        ({"weight_decay": math.nan}, "weight_decay .* not nan"),
        ({"learning_rate": 0}, "learning_rate .* not 0"),
        ({"learning_rate": math.nan}, "learning_rate .* not nan"),
        ({"learning_rate": math.inf}, "learning_rate .* not inf"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        NetworkConfig(**values)


LABELS = {
    ("DNN", "SEQ"): "DNN_SEQ_LYR2_DNN6_DIL0_FIL8_KRNL3_POL1_LSTM0_",
    ("CNN", "SEQ"): "CNN_SEQ_LYR2_DNN6_DIL0_FIL8_KRNL3_POL1_LSTM0_",
    ("CNN_VAR", "SEQ"): "CNN_VAR_SEQ_LYR2_DNN6_DIL5_FIL8_KRNL3_POL1_LSTM0_",
    ("CNN_LSTM", "SEQ"): "CNN_LSTM_SEQ_LYR2_DNN6_DIL5_FIL8_KRNL3_POL1_LSTM5_",
    ("TCN", "SEQ"): "TCN_SEQ_LYR2_DNN6_DIL5_FIL8_KRNL3_POL1_LSTM0_",
    ("CNN", "AE"): "CNN_AE_LYR2_DNN6_DIL0_FIL8_KRNL3_POL2_LSTM0_",
    ("TCN", "AE"): "TCN_AE_LYR2_DNN6_DIL5_FIL8_KRNL3_POL2_LSTM0_",
    ("RES", "SEQ"): "RES_SEQ_LYR2_DNN0_DIL5_FIL8_KRNL3_POL2_LSTM0_",
    ("RES", "AE"): "RES_AE_LYR2_DNN0_DIL5_FIL8_KRNL3_POL2_LSTM0_",
}


def test_the_dropout_of_the_dnn_drops_nothing():
    model = create_model(small_config("DNN", "SEQ"), SAMPLES).get_model()
    x = np.random.default_rng(0).standard_normal((2, SAMPLES, 1), np.float32)
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == SMALL["num_layers"]
    assert np.array_equal(*(keras.ops.convert_to_numpy(model(x, training=training)) for training in (True, False)))


SIZES = {"LYR": "num_layers", "DNN": "num_dnn", "DIL": "num_dil", "FIL": "num_filt", "KRNL": "krnl_size"}
SIZES |= {"POL": "pool_val", "LSTM": "num_lstm"}


@pytest.mark.parametrize(
    "label",
    [  # of trials of the published study
        "CNN_SEQ_LYR1_DNN3016_DIL127_FIL60_KRNL21_POL1_LSTM34_",
        "DNN_SEQ_LYR1_DNN1476_DIL14_FIL28_KRNL21_POL1_LSTM48_",
        "TCN_SEQ_LYR1_DNN619_DIL39_FIL10_KRNL9_POL1_LSTM54_",
    ],
)
def test_a_label_can_have_all_that_was_drawn(label):
    sizes = dict(re.findall(r"(LYR|DNN|DIL|FIL|KRNL|POL|LSTM)(\d+)", label.partition("_SEQ_")[2]))
    config = NetworkConfig(label.partition("_SEQ_")[0], "SEQ", **{SIZES[word]: int(n) for word, n in sizes.items()})
    assert config.label_with(["num_dnn", "num_dil", "num_lstm"]) == label
    assert config.label != label and config.label_with() == config.label


@EVERY_NETWORK
def test_label_is_the_paper_s(network):
    assert EACH[network].label == LABELS[network]


METHODS = {
    "seq_dnn_ml": ("DNN", "SEQ"),
    "seq_cnn_ml": ("CNN", "SEQ"),
    "seq_cnn_variant_ml": ("CNN_VAR", "SEQ"),
    "seq_cnn_lstm_ml": ("CNN_LSTM", "SEQ"),
    "seq_tcn_ml": ("TCN", "SEQ"),
    "seq_cnn_ae": ("CNN", "AE"),
    "seq_tcn_ae": ("TCN", "AE"),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_the_paper_builds_its_network_whatever_the_configuration_was(method):
    network = BaseMLClass(small_config("RES", "SEQ", pool_val=1), SAMPLES)
    model = getattr(network, method)()
    own = small_config(*METHODS[method], pool_val=1)
    assert network.config == own and model.name == own.label
    assert model is network.get_model() and model.count_params() == count_parameters(own)


# --- Files


def predict_in_new_process(folder):
    """With the network and the traces of a folder."""
    network = BaseMLClass.load_model(folder / "network.keras")
    np.save(folder / "result.npy", network.predict_result(np.load(folder / "x.npy")))


@pytest.mark.parametrize("network", [("TCN", "AE"), ("CNN", "SEQ")], ids="_".join)
def test_a_saved_network_predicts_the_same_in_a_new_process(network, tmp_path):
    trained, folder = fixed_model(EACH[network]), tmp_path / "new folder"
    x = np.random.default_rng(23).normal(0, 1, (BATCH, SAMPLES)).astype(np.float32)
    trained.save_model(folder / "network.keras")
    np.save(folder / "x.npy", x)
    assert in_a_fork(predict_in_new_process, folder) == 0
    expected = trained.predict_result(x)
    found = np.load(folder / "result.npy")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.fixture
def saved(tmp_path):
    network = fixed_model(replace(EACH["CNN", "AE"], learning_rate=3e-4))
    network.provenance = {"seed": 7}
    return network.save_model(tmp_path / "network.keras")


def test_a_loaded_network_has_its_configuration_back(saved):
    loaded = BaseMLClass.load_model(saved)
    assert loaded.config == replace(EACH["CNN", "AE"], learning_rate=3e-4)
    assert (loaded.n_samples, loaded.n_channels) == (SAMPLES, 1)
    assert loaded.provenance == {"seed": 7}


def test_saving_leaves_the_model_and_its_configuration_only(saved):
    assert sorted(path.name for path in saved.parent.iterdir()) == ["network.json", "network.keras"]


def test_a_missing_model_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.keras"):
        BaseMLClass.load_model(tmp_path / "nowhere.keras")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("not a model", encoding="utf-8")
    with pytest.raises(ValueError, match="text.keras"):
        BaseMLClass.load_model(path)


def test_a_model_is_saved_as_keras_only(tmp_path):
    with pytest.raises(ValueError, match="network.h5"):
        fixed_model(EACH["DNN", "SEQ"]).save_model(tmp_path / "network.h5")


@pytest.mark.parametrize("shape", [(2, 37, 2), (2,), (0, 37)], ids=str)
def test_traces_of_another_shape_are_refused_by_their_shape(shape):
    with pytest.raises(
        ValueError, match=re.escape(f"(.., n_samples), with at least 3 samples per trace, not float64 of shape {shape}")
    ):
        fixed_model(EACH["DNN", "SEQ"]).predict_result(np.ones(shape))


def test_a_network_that_was_not_built_says_so():
    with pytest.raises(ValueError, match="create_model"):
        BaseMLClass(EACH["DNN", "SEQ"], SAMPLES).predict_result(np.ones((1, SAMPLES)))


# --- Precision and size


@pytest.mark.parametrize("key", [("CNN", "AE"), ("TCN", "SEQ")], ids=" ".join)
def test_a_network_of_mixed_precision_keeps_it_when_it_is_stored(tmp_path, key):
    config = NetworkConfig(*key, num_dnn=4, num_dil=2, num_filt=4, krnl_size=3, pool_val=2 if key[1] == "AE" else 1)
    network = create_model(config, 33, precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert {weights.dtype for weights in network.model.trainable_variables} == {"float32"}
    assert network.model.output.dtype == "float32"
    x = np.random.default_rng(0).normal(size=(3, 33)).astype(np.float32)
    exact = create_model(config, 33)
    exact.model.set_weights(network.model.get_weights())
    rounded = network.predict_result(x)
    assert 0 < np.abs(rounded - exact.predict_result(x)).max() < 0.05 * np.abs(rounded).max()
    loaded = BaseMLClass.load_model(network.save_model(tmp_path / "network.keras"))
    assert loaded.precision == "mixed_bfloat16"
    assert np.array_equal(loaded.predict_result(x), rounded)
    with pytest.raises(ValueError, match="precision"):
        create_model(config, 33, precision="float8")


@pytest.mark.parametrize("key", NETWORKS_OF_TRACES, ids=" ".join)
def test_an_estimate_counts_what_is_built_and_grows_with_the_data(key):
    pool = {"pool_val": 2} if NETWORKS[key].pools else {}
    config = NetworkConfig(*key, 2, 6, 4, num_filt=5, krnl_size=4, num_lstm=3, **pool)
    size, twice, batch = (estimate(config, *given) for given in ((64, 3, 2, 2), (128, 3, 2, 2), (64, 3, 2, 4)))
    assert size.parameters == create_model(config, 64, 3, 2).get_model().count_params()
    assert twice.operations == batch.operations == 2 * size.operations
    assert twice.memory == batch.memory > size.memory


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("network", [key for key in EACH if key != ("CNN_LSTM", "SEQ")], ids="_".join)
def test_the_receptive_field_holds_the_inputs_that_change_an_output(network):
    n_samples, middle = 256, 128
    config = replace(EACH[network], num_dil=2)
    x = np.random.default_rng(24).normal(0, 1, (1, n_samples, 1)).astype(np.float32)
    changed = np.repeat(x, n_samples, axis=0)
    changed[range(n_samples), range(n_samples)] += 1  # one sample of each trace
    model = fixed_model(config, n_samples).get_model()
    before, after = (model.predict(traces, verbose=0)[:, middle, 0] for traces in (x, changed))
    (seen,) = np.nonzero(np.abs(after - before) > 1e-6 * np.abs(before))
    field = estimate(config, n_samples).receptive_field
    assert field / 2 <= 1 + np.ptp(seen) <= field < n_samples


def test_an_lstm_sees_the_whole_trace():
    assert estimate(EACH["CNN_LSTM", "SEQ"], 77).receptive_field == 77
