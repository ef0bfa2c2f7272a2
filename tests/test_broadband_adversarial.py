"""The adversarial training of the broadband problem: losses by hand, who changes what, and trainings that go on."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from test_broadband_networks import N_SAMPLES, TINY, TINY_PUBLISHED, drawn

from networks.callbacks import Backup
from problems.broadband.alice_design import BANDS
from problems.broadband.alice_latents import with_latents
from problems.broadband.alice_losses import GAMES, accuracy, envelope_error, feature_matching, gradient_penalty
from problems.broadband.alice_model import LEARNING, Alice
from problems.broadband.alice_networks import CODERS

WASSERSTEIN = replace(TINY, loss="wasserstein", critic_norm=False)
RAISED, LOWERED = np.array([[0.5, -1.0], [2.0, 0.0]], np.float32), np.array([[1.5, 0.2], [-0.3, -2.0]], np.float32)


def sigmoid(a):
    return 1 / (1 + np.exp(-a.astype(np.float64)))


def value(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def data_of(design, n=4):
    return with_latents(drawn(n, N_SAMPLES, 3, seed=5), drawn(n, N_SAMPLES, 3, seed=6), design, seed=7)


def model_of(design, bands, run_eagerly=True, **options):
    model = Alice(design, bands, N_SAMPLES, seed=3)
    model.compile(run_eagerly=run_eagerly, **options)
    return model


def values_of(networks):
    return [np.array(variable) for network in networks for variable in network.variables]


def same(ones, others):
    return [bool(np.array_equal(a, b)) for a, b in zip(ones, others, strict=True)]


@pytest.fixture
def silent(monkeypatch):
    """All noise is 0."""
    monkeypatch.setattr(keras.random, "normal", lambda shape, seed: keras.ops.zeros(shape))


# --- Losses by hand

G, F = sigmoid(RAISED), sigmoid(LOWERED)
BY_HAND = {  # loss of the critic, and of the generators from logits that it raises and lowers
    "logarithm": (-np.mean(np.log(G) + np.log(1 - F)), np.mean(G), -np.mean(F)),
    "softplus": (-np.mean(np.log(G)) - np.mean(np.log(1 - F)), -np.mean(np.log(1 - G)), -np.mean(np.log(F))),
    "wasserstein": (np.mean(LOWERED) - np.mean(RAISED), np.mean(RAISED), -np.mean(LOWERED)),
}


@pytest.mark.parametrize("name", GAMES)
def test_the_losses_of_a_game(name):
    game = GAMES[name]
    found = game.of_critic(RAISED, LOWERED), game.raised(RAISED), game.lowered(LOWERED)
    assert [value(loss) for loss in found] == pytest.approx(BY_HAND[name], abs=1e-6)


def test_the_published_logarithm_of_0_and_its_gradient_are_finite_in_a_compiled_step():
    """A critic that is quite sure and quite wrong learns from it: the published constant is not rounded off."""
    assert value(GAMES["logarithm"].of_critic(np.array([-200.0]), np.array([200.0]))) == pytest.approx(
        -2 * np.log(1e-15), rel=1e-3
    )
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(60.0))
    model = keras.Sequential([keras.Input((1,)), layer])
    game = GAMES["logarithm"]
    model.compile("sgd", loss=lambda y, logits: game.of_critic(-logits, logits), jit_compile=False)
    model.fit(np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32), verbose=0)
    assert np.isfinite(keras.ops.convert_to_numpy(layer.kernel)).all()


def test_the_accuracy_of_a_critic():
    assert value(accuracy(keras.ops.array(RAISED), keras.ops.array(LOWERED))) == pytest.approx((2 / 4 + 2 / 4) / 2)


def test_feature_matching_adds_up_layers():
    ones, others = [RAISED, LOWERED], [LOWERED, 2 * LOWERED]
    expected = np.mean((RAISED - LOWERED) ** 2) + np.mean(LOWERED**2)
    assert value(feature_matching(ones, others)) == pytest.approx(expected, rel=1e-6)


def test_envelopes_compare_energy_and_no_phase():
    record = drawn(2, 256, 3, seed=8)
    assert value(envelope_error(record, record)) == 0
    assert value(envelope_error(record, -record)) == pytest.approx(0, abs=1e-6)
    shorter = record[:, :128]
    assert value(envelope_error(shorter, 10 * shorter)) == pytest.approx(2, abs=0.05)  # a hundred times the energy
    time = np.arange(64)
    wave = np.cos(2 * np.pi * 4 * time / 64)[None, :, None].astype(np.float32)  # in one octave, with the power 1 / 2
    silent = [0, 0, np.log10((0.5 + 1e-4) / 1e-4), 0, 0]
    assert value(envelope_error(wave, np.zeros_like(wave))) == pytest.approx(np.mean(silent), abs=1e-3)


def test_the_loss_of_envelopes_belongs_to_the_bands_of_whole_records():
    design = replace(TINY, envelope=0.5)
    assert [design.rules(band).weights.get("envelope") for band in BANDS] == [0.5, None, 0.5]


def test_the_gradient_penalty_of_a_linear_and_of_a_square_critic():
    weights = keras.ops.array([[3.0], [0.0], [4.0]])
    sides = [[keras.ops.array(drawn(2, 4, 3, seed=seed))] for seed in (0, 1)]
    share = keras.ops.array([[[0.25]], [[1.0]]])
    # The mean over four steps has the gradient (3, 0, 4) / 4 at each of them: its length is 5 / 4 * 2.
    found = gradient_penalty(lambda side: keras.ops.matmul(side[0], weights), sides, share)
    assert value(found) == pytest.approx((2.5 - 1) ** 2, rel=1e-5)
    one, other = (np.array(side[0]) for side in sides)
    between = np.asarray(share) * one + (1 - np.asarray(share)) * other
    lengths = np.sqrt(np.sum((2 * between / 4) ** 2, axis=(1, 2)))
    found = gradient_penalty(lambda side: keras.ops.sum(side[0] ** 2, axis=2, keepdims=True), sides, share)
    assert value(found) == pytest.approx(np.mean((lengths - 1) ** 2), rel=1e-5)


# --- The losses of a band by hand


class ByHand:
    """The networks of a model in inference mode, without noise, from arrays to arrays."""

    def __init__(self, model, band):
        self.model, self.band = model, band

    def through(self, names, values):
        for name in names:
            values = keras.ops.convert_to_tensor(values)
            values = self.model.generators[name]([values, keras.ops.zeros_like(values)], training=False)
        return np.array(values)

    def critic(self, name, *parts):
        layers = self.model.critics[self.band][name](keras.ops.array(np.concatenate(parts, axis=-1)), training=False)
        return [np.array(layer) for layer in layers]

    def joint(self, record, latents):
        of_record, of_latents = self.critic("D_x", record), self.critic("D_z", latents)
        return self.critic("D_xz", of_record[-1], of_latents[-1])[-1], [*of_record, *of_latents]


def coders_by_hand(design, band, hand, record, latents):
    encoder, decoder = CODERS[band]
    found, made = hand.through([encoder], record), hand.through([decoder], latents)
    restored, found_again = hand.through([decoder], found), hand.through([encoder], made)
    (f, of_f), (g, of_g) = hand.joint(record, found), hand.joint(made, latents)
    f, g = sigmoid(f), sigmoid(g)
    losses = {"critic": -np.mean(np.log(g)) - np.mean(np.log(1 - f)), "x cycle": np.mean(np.abs(record - restored))}
    if design.loss == "softplus":
        losses["adversarial"] = -np.mean(np.log(1 - g)) - np.mean(np.log(f))
        return losses | {"z cycle": np.mean(np.abs(latents - found_again))}
    losses["adversarial"] = np.mean(g) - np.mean(f)
    if band == "bb":
        return losses | {"z cycle": np.mean(np.abs(latents - found_again))}
    losses["z cycle"] = np.mean((latents - found_again) ** 2)
    losses["features"] = sum(np.mean((one - other) ** 2) for one, other in zip(of_f, of_g, strict=True))
    for name, one, other in (("x", record, restored), ("z", latents, found_again)):
        real, fake = (sigmoid(hand.critic(name, one, second)[-1]) for second in (one, other))
        losses["critic"] -= np.mean(np.log(real)) + np.mean(np.log(1 - fake))
        losses[f"{name} pair"] = -np.mean(np.log(fake))
    return losses


def hybrid_by_hand(design, band, hand, x, z, y, z_prime):
    of_x, of_y = hand.through(["F_x"], x), hand.through(["F_y"], y)
    there, back = hand.through(["G_z"], of_x), hand.through(["F_z"], of_y)
    published = design.loss == "published"
    pairs = {"y": (y, hand.through(["G_y"], there)), "x": (x, hand.through(["G_x"], back))}
    pairs |= {"z'": (z_prime if published else of_y, there), "z": (z if published else of_x, back)}
    logits = {
        name: [hand.critic(name, one, second)[-1] for second in (one, other)] for name, (one, other) in pairs.items()
    }
    cycles = {
        "x cycle": np.mean(np.abs(x - hand.through(["F_y", "F_z", "G_x"], x if published else y))),
        "y cycle": np.mean(np.abs(y - hand.through(["F_y", "F_z", "G_z", "G_y"], y))),
    }
    if published:
        critic = sum(np.mean(fake) - np.mean(real) for real, fake in logits.values())
        return cycles | {"critic": critic, "adversarial": -sum(np.mean(fake) for _, fake in logits.values())}
    critic = -sum(np.mean(np.log(sigmoid(real))) + np.mean(np.log(1 - sigmoid(fake))) for real, fake in logits.values())
    return cycles | {
        "critic": critic,
        "adversarial": -sum(np.mean(np.log(sigmoid(fake))) for _, fake in logits.values()),
    }


WEIGHTS = {  # of the generators' losses
    ("published", "bb"): {"adversarial": 1, "x cycle": 10, "z cycle": 100},
    ("published", "fl"): {
        "features": 0.105,
        "adversarial": 0.045,
        "x cycle": 0.81,
        "x pair": 0.09,
        "z cycle": 0.105,
        "z pair": 0.045,
    },
    ("published", "hb"): {"adversarial": 1, "x cycle": 1, "y cycle": 0.1},
    ("softplus", "bb"): {"adversarial": 0.02, "x cycle": 1, "z cycle": 0.1},
    ("softplus", "fl"): {"adversarial": 0.02, "x cycle": 1, "z cycle": 0.1},
    ("softplus", "hb"): {"adversarial": 0.02, "x cycle": 1, "y cycle": 0.1},
}


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("design", [TINY_PUBLISHED, TINY], ids=["published", "softplus"])
def test_the_losses_of_a_band(silent, design, band):
    model = model_of(design, [band])
    for name, network in (model.generators | model.critics[band]).items():  # Batch norm has something to do.
        for variable in network.non_trainable_variables:
            if "moving" in variable.name:
                variable.assign(1 + 0.3 * np.abs(drawn(*variable.shape, seed=len(name))))
    data = x, y = data_of(design)
    parts = {"fl": (x[..., :3], latents(x, design, "fl")), "bb": (y[..., :3], latents(y, design, "bb"))}
    hand = ByHand(model, band)
    if band == "hb":
        expected = hybrid_by_hand(design, band, hand, *parts["fl"], *parts["bb"])
    else:
        expected = coders_by_hand(design, band, hand, *parts[band])
    found = model.test_on_batch(*data, return_dict=True)
    found.pop(f"{band} accuracy")
    weights = WEIGHTS[design.loss, band]
    assert dict(design.rules(band).weights) == weights
    assert found.pop("loss") == pytest.approx(
        sum(weight * expected[name] for name, weight in weights.items() if "cycle" in name), rel=1e-4
    )
    assert found == pytest.approx({f"{band} {name}": loss for name, loss in expected.items()}, rel=1e-4, abs=1e-6)


def latents(packed, design, band):
    shape = design.latent_length, design.channels(band)
    return packed[..., 3:].reshape(len(packed), -1)[:, : np.prod(shape)].reshape(-1, *shape)


def test_the_logs_of_an_epoch_are_the_means_of_its_batches(silent):
    model = model_of(TINY, ["bb"])
    x, y = data_of(TINY)
    whole = model.evaluate(x, y, batch_size=2, verbose=0, return_dict=True)
    model.reset_metrics()
    first = model.test_on_batch(x[:2], y[:2], return_dict=True)
    model.reset_metrics()
    second = model.test_on_batch(x[2:], y[2:], return_dict=True)
    assert whole == pytest.approx({name: (first[name] + second[name]) / 2 for name in first}, rel=1e-5)


# --- Who changes what


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("design", [TINY_PUBLISHED, TINY, WASSERSTEIN], ids=["published", "softplus", "wasserstein"])
def test_each_player_changes_its_own_weights_alone(monkeypatch, design, band):
    model = model_of(design, [band])
    step, steps = model.optimizer.step, []

    def watched(player, gradients):
        before = [np.array(variable) for variable in model.trainable_variables]
        step(player, gradients)
        changed = same(before, model.trainable_variables)
        steps.append((player, {id(v) for v, kept in zip(model.trainable_variables, changed, strict=True) if not kept}))
        if player.endswith("critic"):
            largest.append(max(np.abs(np.array(v)).max() for v in model.optimizer.variables_of(player)))

    largest = []
    monkeypatch.setattr(model.optimizer, "step", watched)
    model.train_on_batch(*data_of(design))
    n_critic_steps = 5 if design.loss == "published" else 1
    assert [player for player, _ in steps] == [*[f"{band} critic"] * n_critic_steps, f"{band} generator"]
    of_player = {
        f"{band} critic": model.critics[band].values(),
        f"{band} generator": [model.generators[name] for name in LEARNING[band]],
    }
    for player, networks in of_player.items():
        changed = set().union(*(of_step for name, of_step in steps if name == player))
        own = [{id(variable) for variable in network.trainable_variables} for network in networks]
        assert changed <= set().union(*own)
        assert all(changed & of_network for of_network in own)
    clipped = design.loss == "published" and band != "bb"
    assert (np.max(largest) <= 0.01) == clipped


@pytest.mark.parametrize("design", [TINY_PUBLISHED, TINY], ids=["published", "softplus"])
def test_the_hybrid_band_leaves_the_others_as_they_are(design):
    model = model_of(replace(design, critic_steps=1), ["hb"])
    frozen = [model.generators[name] for name in ("F_y", "G_y", "F_x", "G_x")]
    trained = [model.generators[name] for name in ("G_z", "F_z")]
    before, others = values_of(frozen), values_of(trained)
    model.fit(*data_of(design, 2), verbose=0)
    assert all(same(before, values_of(frozen)))  # weights and the statistics of batch norm
    assert not any(same(others, values_of(trained)))


def test_critics_learn_with_settled_generators_where_published():
    for settled in (True, False):
        model = model_of(replace(TINY, settled_fakes=settled), ["bb"])
        generators = [model.generators[name] for name in CODERS["bb"]]
        before = values_of(generators)
        model._critic_losses("bb", data_of(TINY), training=True)
        assert all(same(before, values_of(generators))) == settled


def test_weight_decay_pulls_at_the_generators_of_fl():
    model = model_of(TINY_PUBLISHED, ["fl"])
    own = model.optimizer.variables_of("fl generator")
    before = [np.array(variable) for variable in own]
    model.optimizer.step("fl generator", [keras.ops.zeros(variable.shape) for variable in own])
    for old, new in zip(before, own, strict=True):
        assert np.array_equal(np.sign(np.array(new) - old), -np.sign(old))


def test_the_rate_is_a_factor_of_all_players():
    model = model_of(TINY, ["bb"])
    model.optimizer.learning_rate = 0.0
    before = [np.array(variable) for variable in model.trainable_variables]
    model.train_on_batch(*data_of(TINY))
    assert all(same(before, model.trainable_variables))


def test_all_bands_are_trained_in_turn_on_each_batch():
    model = model_of(TINY, BANDS)
    before = values_of(model.generators.values())
    x, y = data_of(TINY, 2)
    history = model.fit(x, y, verbose=0, validation_data=(x, y)).history
    losses = {"bb": "z cycle", "fl": "z cycle", "hb": "y cycle"}
    names = ["loss"]
    for band, last in losses.items():
        names += [f"{band} {name}" for name in ("critic", "accuracy", "adversarial", "x cycle", last)]
    assert set(history) == {*names, *(f"val_{name}" for name in names)}
    assert np.isfinite(list(history.values())).all()
    assert not any(same(before, values_of(model.generators.values())))


def test_compiled_steps_do_the_same_and_reconstruction_learns():
    design = replace(TINY, base_channels=8, generator_rate=1e-2, critic_dropout=0.0)
    time = np.arange(N_SAMPLES)[:, None] / 20
    records = np.sqrt(2) * np.sin(2 * np.pi * (time + np.linspace(0, 1, 8)[:, None, None] + np.zeros(3)))
    x, y = with_latents(records, records, design, seed=1)
    first = model_of(design, ["bb"]).train_on_batch(x, y, return_dict=True)
    compiled = model_of(design, ["bb"], run_eagerly=False)
    history = compiled.fit(x, y, batch_size=8, epochs=30, shuffle=False, verbose=0).history
    assert {name: losses[0] for name, losses in history.items()} == pytest.approx(first, rel=1e-3, abs=1e-3)
    assert history["bb x cycle"][-1] < 0.6 * history["bb x cycle"][0]


def test_a_backend_without_a_training_is_named(monkeypatch):
    model = model_of(TINY, ["bb"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="can be used, but not trained, with torch; KERAS_BACKEND must be tensorflow"):
        model._train(data_of(TINY))


# --- Trainings that end and go on


def test_another_band_goes_on_with_the_weights():
    first = model_of(TINY, ["bb"])
    first.train_on_batch(*data_of(TINY))
    second = first.for_bands(["bb", "hb"])
    assert all(same(values_of(first.generators.values()), values_of(second.generators.values())))
    for name, critic in first.critics["bb"].items():
        ones, others = critic.get_weights(), second.critics["bb"][name].get_weights()
        assert all(same(ones, others))
    assert not {id(variable) for variable in first.variables} & {id(variable) for variable in second.variables}


def test_a_saved_model_is_loaded_with_its_optimizers(tmp_path):
    model = model_of(TINY, ["bb"])
    model.train_on_batch(*data_of(TINY))
    model.save(tmp_path / "alice.keras")
    loaded = keras.saving.load_model(tmp_path / "alice.keras")
    assert (loaded.design, loaded.bands, loaded.n_samples, loaded.seed) == (TINY, ("bb",), N_SAMPLES, 3)
    assert all(same(model.trainable_variables, loaded.trainable_variables))
    assert len(model.optimizer.variables) == len(loaded.optimizer.variables)
    assert all(same(model.optimizer.variables, loaded.optimizer.variables))
    assert loaded.optimizer.iterations == 2
    x = drawn(2, N_SAMPLES, 3)
    noise = [drawn(2, *shape) for shape in ((N_SAMPLES, 3), (8, 2), (8, 3))]
    assert np.array_equal(np.array(model(x, noise)), np.array(loaded(x, noise)))


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path):
    data, options = data_of(TINY, 2), {"shuffle": False, "verbose": 0}
    whole = model_of(TINY, ["bb"])
    expected = whole.fit(*data, epochs=4, callbacks=[Keep(tmp_path, 2)], **options).history
    again = model_of(TINY, ["bb"])
    again.train_on_batch(*data)  # The backup replaces whatever it did before.
    finished = Backup(tmp_path).restore(again, most_epochs=4)
    assert finished == 2
    found = again.fit(*data, epochs=4, initial_epoch=finished, **options).history
    assert found == {name: losses[2:] for name, losses in expected.items()}
    assert all(same(whole.variables, again.variables))
    assert all(same(whole.optimizer.variables, again.optimizer.variables))


class Keep(keras.callbacks.Callback):
    """Has a `Backup` keep the state after some epochs, and leave it there when the training ends."""

    def __init__(self, folder, epochs):
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            backup = Backup(self.folder)
            backup.set_model(self.model)
            backup.on_train_begin()
            backup.on_epoch_end(epoch)
