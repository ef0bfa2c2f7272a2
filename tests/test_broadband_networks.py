"""The generators and critics of the broadband problem: sizes, what makes them linear, and valid designs."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from problems.broadband.alice_design import BANDS, PUBLISHED, REDUCED, Design
from problems.broadband.alice_latents import split_latents, with_latents
from problems.broadband.alice_model import Alice
from problems.broadband.alice_networks import GENERATORS, make_critics, make_generators, n_halvings

N_SAMPLES = 32
NARROW = {"base_channels": 2, "broadband_channels": 3, "filtered_channels": 2, "latent_length": 8}
NARROW |= {"critic_channels": 2, "critic_features": 4}
TINY = replace(REDUCED, **NARROW)
TINY_PUBLISHED = replace(PUBLISHED, **NARROW)
# Inputs, output, trainable weights of the published networks: ALICE of Gatti and Clouteau (2020).
PUBLISHED_SIZES = {
    "F_y": ((4096, 3), (128, 32), 206_528),
    "G_y": ((128, 32), (4096, 3), 238_912),
    "F_x": ((4096, 3), (128, 8), 181_952),
    "G_x": ((128, 8), (4096, 3), 189_760),
    "G_z": ((128, 8), (128, 32), 14_016),
    "F_z": ((128, 32), (128, 8), 151_296),
    "bb D_x": ((4096, 3), (128, 512), 2_527_744),
    "bb D_z": ((128, 32), (128, 512), 278_528),
    "bb D_xz": ((128, 1024), (128, 1), 2_100_225),
    "fl D_x": ((4096, 3), (128, 512), 2_527_744),
    "fl D_z": ((128, 8), (128, 16), 640),
    "fl D_xz": ((128, 528), (128, 1), 559_153),
    "fl x": ((4096, 6), (128, 512), 2_528_512),
    "fl z": ((128, 16), (128, 16), 512),
    "hb y": ((4096, 6), (512, 1), 6_912),
    "hb x": ((4096, 6), (512, 1), 6_912),
    "hb z'": ((128, 64), (128, 1), 8_385),
    "hb z": ((128, 16), (128, 1), 561),
}


@pytest.fixture(scope="module")
def published():
    critics = {f"{band} {name}": made for band in BANDS for name, made in make_critics(PUBLISHED, band).items()}
    return make_generators(PUBLISHED) | critics


def n_trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def mixed(function, a, b):
    """What is 0 for every affine function of one or two tensors."""
    return sum(sign * np.asarray(function(one, two)) for sign, one, two in zip((1, -1, -1, 1), a, b, strict=True))


# --- Sizes


def test_all_published_networks_are_known(published):
    assert set(published) == set(PUBLISHED_SIZES)


@pytest.mark.parametrize("name", PUBLISHED_SIZES)
def test_a_published_network_has_its_size(published, name):
    network, (takes, gives, n_weights) = published[name], PUBLISHED_SIZES[name]
    shapes = network.input_shape if name in GENERATORS else [network.input_shape]
    assert [shape[1:] for shape in shapes] == [takes] * (2 if name in GENERATORS else 1)  # the noise is as its input
    assert (network.output_shape if name in GENERATORS else network.output_shape[-1])[1:] == gives
    assert n_trainable(network) == n_weights


def test_the_steps_within_the_published_encoder(published):
    convolutions = [layer for layer in published["F_y"].layers if isinstance(layer, keras.layers.Conv1D)]
    assert [layer.output.shape[1] for layer in convolutions] == [2047, 1022, 510, 254, 128]


def test_the_reduced_networks_have_the_weights_of_the_prototype():
    generators, critics = make_generators(REDUCED), make_critics(REDUCED, "bb")
    assert [generators[name].count_params() for name in ("F_y", "G_y")] == [60_736, 76_928]
    assert sum(critic.count_params() for critic in critics.values()) == 174_273


@pytest.mark.parametrize("latent_length", [64, 256])
def test_other_latent_lengths(latent_length):
    made = make_generators(replace(REDUCED, latent_length=latent_length, base_channels=2))
    assert made["F_y"].output_shape == (None, latent_length, 32)
    assert made["G_y"].output_shape == (None, 4096, 3)
    critics = make_critics(replace(REDUCED, latent_length=latent_length, critic_channels=2), "bb")
    assert critics["D_x"].output_shape[-1][1] == latent_length


def test_the_first_weights_are_as_published(published):
    kernel = next(v for v in published["G_y"].trainable_variables if v.shape == (4, 256, 64))
    limit = np.sqrt(6 / (4 * (256 + 64)))
    values = np.asarray(kernel)
    assert 0.99 * limit < np.abs(values).max() <= limit
    assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    gains = np.concatenate([np.asarray(v) for v in published["bb D_x"].trainable_variables if v.name == "gamma"])
    assert gains.mean() == pytest.approx(1, abs=0.003)
    assert gains.std() == pytest.approx(0.02, rel=0.1)


def test_the_weights_are_those_of_the_seed():
    one, same, other = (make_generators(TINY, N_SAMPLES, seed)["F_y"].get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


# --- What a slope of 1 does


@pytest.mark.parametrize(("design", "is_affine"), [(TINY_PUBLISHED, True), (TINY, False)])
def test_encoders_with_a_slope_of_1_are_affine(design, is_affine):
    encoder = make_generators(design, N_SAMPLES)["F_y"]
    a, b, noise = (drawn(2, N_SAMPLES, 3, seed=seed) for seed in range(3))
    found = mixed(lambda y, n: encoder([y, n], training=False), [a + b, a, b, 0 * a], [noise] * 4)
    assert (np.abs(found).max() < 1e-5) == is_affine


@pytest.mark.parametrize("band", ["bb", "fl"])
@pytest.mark.parametrize(
    ("change", "sees"),
    [({"slope": 1.0, "joint_slope": 1.0}, False), ({"joint_slope": 1.0}, False), ({}, True)],
    ids=["published", "linear behind the joint", "ours"],
)
def test_a_joint_critic_that_is_linear_does_not_see_which_latents_belong_to_a_record(band, change, sees):
    model = Alice(replace(TINY, **change), [band], N_SAMPLES)
    (x, other_x), (z, other_z) = (
        [keras.ops.convert_to_tensor(drawn(2, *shape, seed=seed)) for seed in seeds]
        for shape, seeds in (((N_SAMPLES, 3), (0, 1)), ((8, model.design.channels(band)), (2, 3)))
    )

    def logit(x, z):
        return model.answers(band, "joint", (x, z))[-1]

    found = mixed(logit, [x, other_x, x, other_x], [z, z, other_z, other_z])
    assert np.abs(np.asarray(logit(x, z))).max() > 1e-2
    assert (np.abs(found).max() > 1e-4) == sees


# --- Use


def test_what_the_model_makes_of_records():
    model = Alice(TINY, ["bb"], N_SAMPLES)
    x = drawn(2, N_SAMPLES, 3)
    for function in (model, model.reconstruct, model.translate_back):
        made = np.asarray(function(x))
        assert made.shape == (2, N_SAMPLES, 3)
        assert np.abs(made - np.asarray(function(x))).max() > 1e-4  # other noise
    assert np.asarray(model.prior(5)).shape == (5, N_SAMPLES, 3)
    noise = [drawn(2, *shape, seed=9) for shape in ((N_SAMPLES, 3), (8, 2), (8, 3))]
    of_networks = x
    for name, part in zip(("F_x", "G_z", "G_y"), noise, strict=True):
        of_networks = np.asarray(model.generators[name]([keras.ops.convert_to_tensor(v) for v in (of_networks, part)]))
    np.testing.assert_allclose(np.asarray(model(x, noise)), of_networks, atol=1e-6)


def test_two_models_of_a_seed_draw_the_same_noise():
    x = drawn(2, N_SAMPLES, 3)
    one, same = (Alice(TINY, ["bb"], N_SAMPLES, seed=4).predict(x, verbose=0) for _ in range(2))
    assert np.array_equal(one, same)


def test_latents_are_drawn_once_for_each_record():
    x, y = drawn(5, N_SAMPLES, 3), drawn(5, N_SAMPLES, 3, seed=1)
    packed = with_latents(x, y, TINY, seed=3)
    assert all(np.array_equal(a[..., :3], b) for a, b in zip(packed, (x, y), strict=True))
    fewer = with_latents(x[:2], y[:2], TINY, seed=3)
    assert all(np.array_equal(a[:2], b) for a, b in zip(packed, fewer, strict=True))
    others = with_latents(x, y, TINY, seed=4)
    assert not any(np.array_equal(a, b) for a, b in zip(packed, others, strict=True))


def test_latents_that_do_not_fit_into_one_channel():
    design = replace(TINY, broadband_channels=20)  # 8 x 20 numbers, 32 samples
    _, y = with_latents(drawn(2, N_SAMPLES, 3), drawn(2, N_SAMPLES, 3), design, seed=3)
    assert y.shape == (2, N_SAMPLES, 3 + 5)
    _, latents = split_latents((y, y), design)["bb"]
    assert np.array_equal(np.asarray(latents).ravel(), y[..., 3:].reshape(2, -1)[:, :160].ravel())


# --- Designs


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slope": 1.5}, "slope must be a number of 0 to 1, not 1.5"),
        ({"base_channels": 0}, "base_channels must be a whole number of at least 1, not 0"),
        ({"loss": "hinge"}, "loss 'hinge' is unknown; valid: published, softplus, wasserstein"),
        ({"tanh": 2}, "tanh must be True or False"),
        ({"loss": "wasserstein"}, "critic_norm must be False with the loss 'wasserstein'"),
    ],
)
def test_an_invalid_design_is_rejected(change, words):
    with pytest.raises(ValueError, match=words):
        Design(**change)


def test_an_invalid_latent_length_is_rejected():
    with pytest.raises(ValueError, match="latent_length must be n_samples = 4096 divided by 4, .*, not 100"):
        n_halvings(replace(PUBLISHED, latent_length=100), 4096)


def test_an_invalid_band_is_rejected():
    with pytest.raises(ValueError, match="bands 'sp' is unknown; valid: bb, fl, hb"):
        Alice(TINY, ["sp"], N_SAMPLES)


@pytest.mark.parametrize(("map_layers", "knows"), [(0, False), (3, True)])
def test_the_map_to_whole_records_knows_of_the_whole_record_where_it_has_further_layers(map_layers, knows):
    design = replace(TINY, latent_length=32, map_layers=map_layers)
    to_whole = make_generators(design, 128)["G_z"]
    z, noise = np.zeros((1, 32, 2), np.float32), np.zeros((1, 32, 2), np.float32)
    other = z.copy()
    other[0, 0] = 5.0
    found = [keras.ops.convert_to_numpy(to_whole([values, noise])) for values in (z, other)]
    changed = np.abs(found[0] - found[1]).max(axis=2)[0] > 0
    assert changed[:2].all() and changed[8:].any() == knows
    assert found[0].shape == (1, 32, 3)


@pytest.mark.parametrize("n", [-1, 11, 1.5])
def test_a_number_of_further_layers_that_is_none_is_refused(n):
    with pytest.raises(ValueError, match="map_layers"):
        replace(TINY, map_layers=n)
