"""The adversarial networks as networks of the house: ensembles, their loss, files, actions and options."""

import csv
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toys import hastily

import hpo.command
from baseML import BaseMLClass, create_model
from hpo.problem import network_config
from hpo.tree import ResultsTree
from networks.rows import make_config
from networks.size import estimate
from problems.broadband import actions, ensemble_model, known
from problems.broadband.actions import trained_networks
from problems.broadband.alice_model import Alice
from problems.broadband.bands import low_pass
from problems.broadband.ensemble_model import EnsembleLoss
from problems.broadband.ensemble_network import ALICE, EnsembleConfig, EnsembleNetwork
from problems.broadband.known import baseline_of, known_of
from problems.broadband.parts import SHORT_PERIODS, log_psa, make_part
from problems.broadband.spectral_networks import PSA
from problems.broadband.streams import Spectra
from run_BroadbandML import ADVERSARIAL_BASE, ADVERSARIAL_SPACE, PROBLEM
from support.startup import load_keras

keras = load_keras()

TINY = EnsembleConfig(ALICE, PSA, num_filt=2, latent_channels=2, bands="bb")
METHODS = ("mean spectrum", "published network")
FEW, BLIND = 2, 2  # members of an ensemble, and records that get one


def small(problem, options):
    """What the options ask for, with a tiny network, two classical methods and short tests."""
    problem = PROBLEM.asked(problem, options)
    return problem if problem.work else replace(problem, final_configs={"Adversarial": TINY})


TOY = replace(
    PROBLEM,
    asked=small,
    n_blind=BLIND,
    baselines={name.capitalize(): baseline_of(name) for name in METHODS},
    known=lambda seed, protocol: known_of(seed, METHODS, 40),
)


@pytest.fixture(autouse=True, scope="module")
def few_members():
    """Few ensembles of few members, as each takes time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (actions, known):
            patch.setattr(module, "N_MEMBERS", FEW)
            patch.setattr(module, "N_LIKELIEST", 1)
        patch.setattr(known, "N_STOCHASTIC", 1)
        patch.setattr(actions, "N_GENERATED", BLIND)
        patch.setattr(actions, "N_COMPARED", BLIND)
        patch.setattr(ensemble_model, "N_MEMBERS", FEW)
        yield


def run(output, *options):
    """Run the script in this process with tiny networks; returns its exit status."""
    with hastily():
        return hpo.command.main(TOY, "toy", [*options, "--output", str(output)])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A results tree with an adversarial network that was trained for two steps."""
    output = tmp_path_factory.mktemp("ensembles")
    options = ("--band", "bb", "--mode", "final_model", "--num-datasets", "4", "--num-epochs", "2")
    assert run(output, *options) == 0
    return output


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return create_model(TINY, 4096, 3, transform={"transform_type": "NA", "dt": 0.01})


# --- Ensembles


def test_members_have_the_low_pass_that_they_were_made_of_and_differ_above_it(network):
    part = make_part(0, "blind", 2)
    members = network.records(part.x, 3, seed=1)
    assert members.shape == (2, 3, 3, 4096)
    wrong = np.abs(low_pass(members) - part.x[:, None]).max(axis=(2, 3)) / np.abs(part.x).max(axis=(1, 2))[:, None]
    assert wrong.max() < 0.05
    spectra = log_psa(members, SHORT_PERIODS)
    assert (spectra.std(axis=1) > 0.01).all()
    np.testing.assert_array_equal(members, network.records(part.x, 3, seed=1))
    assert np.abs(members - network.records(part.x, 3, seed=2)).max() > 0


@pytest.mark.parametrize("drawn", [True, False])
def test_members_are_matched_to_spectra_that_are_drawn_or_to_the_likeliest_one(network, monkeypatch, drawn):
    part, targets = make_part(0, "blind", 1), []
    monkeypatch.setattr(ensemble_model, "matched", lambda x, made, target, n: targets.append(np.array(target)) or made)
    members = network.records(part.x, 4, seed=1, drawn=drawn)
    likeliest = np.array(network.get_model().spectra(part.x.transpose(0, 2, 1)))[..., 0]
    difference = np.abs(targets[0] - likeliest).max(axis=1)
    assert (difference > 0.01).all() if drawn else (difference < 1e-6).all()
    assert np.abs(np.diff(members, axis=1)).max() > 0  # The noise differs from member to member.


def test_the_way_back_has_the_level_of_low_passed_records(network, monkeypatch):
    part = make_part(0, "blind", 2)
    monkeypatch.setattr(Alice, "translate_back", lambda model, values, noise: keras.ops.ones_like(values))
    found = np.array(network.get_model().translate_back(part.y.transpose(0, 2, 1)))
    rms = np.sqrt(np.mean(part.x**2, axis=(1, 2)))
    np.testing.assert_allclose(found[:, 0, 0], rms, rtol=1e-3)


def test_an_answer_is_the_spectrum_of_the_median_whatever_the_size_of_a_batch(network):
    x = make_part(0, "blind", 3).x.transpose(0, 2, 1)
    answer = network.predict_result(x)
    assert answer.shape == (3, 9) and np.isfinite(answer).all()
    np.testing.assert_array_equal(answer, network.predict_result(x))


def test_the_loss_of_validation_is_that_of_a_plain_calculation():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((40, 9)).astype(np.float32)
    spectra = (target[:, None] + 0.3 * rng.standard_normal((40, 5, 9))).astype(np.float32)
    loss = EnsembleLoss()
    for first in (0, 30):
        loss.add(*(keras.ops.convert_to_tensor(part[first : first + 30]) for part in (spectra, target)))
    rms = np.sqrt(np.mean((np.median(spectra, axis=1) - target) ** 2))
    assert float(loss.rms()) == pytest.approx(rms, rel=1e-4)
    variance = spectra.var(axis=1, ddof=1).mean() * (1 + 1 / 5)
    calibration = np.sqrt(np.mean((spectra.mean(axis=1) - target) ** 2) / variance)
    assert float(loss.result()) == pytest.approx(rms + 0.1 * abs(calibration - 1), rel=1e-4)
    loss.reset_state()
    loss.update_state(2.0)
    loss.update_state(4.0)
    assert float(loss.result()) == 3.0


def test_the_streams_of_spectra_and_of_records_have_the_same_records():
    spectra = Spectra(batch_size=4, n=4, seed=3)
    (x, y), (same, records) = spectra[0], spectra.whole()[0]
    np.testing.assert_array_equal(x, same)
    found = log_psa(records.transpose(0, 2, 1), SHORT_PERIODS)
    np.testing.assert_allclose(found, y[..., 0], atol=1e-5)


# --- Hyperparameters


def test_the_published_settings_are_taken_whole():
    design = EnsembleConfig(ALICE, PSA, game="published", num_filt=7, slope=0.1).design
    assert (design.base_channels, design.slope, design.critic_steps, design.lambda_z) == (32, 1.0, 5, 100.0)


@pytest.mark.parametrize("game", ["softplus", "wasserstein"])
def test_the_search_begins_with_a_network_that_can_be_built(game):
    config = network_config(PROBLEM, ADVERSARIAL_BASE | {"arch_type": ALICE, "game": game, "num_filt": 8})
    assert isinstance(config, EnsembleConfig) and set(ADVERSARIAL_BASE) < set(ADVERSARIAL_SPACE)
    made = create_model(config, 4096, 3)
    assert isinstance(made, EnsembleNetwork)
    counted = sum(network.count_params() for network in made.get_model().generators.values())
    assert estimate(config).parameters > counted


@pytest.mark.parametrize(
    ("options", "words"),
    [({"bands": "bb+xx"}, "xx"), ({"slope": 2.0}, "slope"), ({"latent_length": 100}, "latent_length")],
)
def test_settings_outside_of_their_ranges_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        create_model(make_config(arch_type=ALICE, net_type=PSA, **options), 4096, 3)


# --- The run script


def test_a_final_training_stands_beside_other_ways(tree):
    results = ResultsTree(tree, "Broadband")
    found = trained_networks(SimpleNamespace(problem=PROBLEM, tree=results))
    assert list(found) == ["Adversarial"]
    trained = BaseMLClass.load_model(found["Adversarial"])
    assert trained.config == TINY
    rows = list(csv.DictReader((results.repeatability / "repeatability_summary.csv").open()))
    assert [row["FIL"] for row in rows] == ["2"]
    (history,) = (results.repeatability / "loss_history_all").glob("*.csv")
    columns = history.read_text().splitlines()[0].split(",")
    assert {"loss", "val_loss", "rmse", "val_rmse", "bb critic", "bb x cycle"} <= set(columns)
    loaded = BaseMLClass.load_model(found["Adversarial"])
    x = make_part(0, "blind", 2).x
    np.testing.assert_array_equal(loaded.records(x, 2), trained.records(x, 2))


def test_generating_writes_ensembles_and_pictures(tree, capsys):
    assert run(tree, "--action", "generate") == 0
    folder = ResultsTree(tree, "Broadband").root / "Ensembles"
    with np.load(folder / "ensembles.npz") as file:
        assert file["members"].shape == (BLIND, FEW, 3, 4096) and str(file["unit"]) == "cm/s^2"
        assert file["likeliest"].shape == (BLIND, 1, 3, 4096)
    assert len(list(folder.glob("record_*.png"))) == BLIND
    assert "Ensembles" in capsys.readouterr().out


def test_all_final_networks_are_compared_with_other_ways(tree, tmp_path, capsys):
    shutil.copytree(tree, tmp_path / "two")
    results = ResultsTree(tmp_path / "two", "Broadband")
    shutil.copytree(results.final_model("Adversarial"), results.final_model("Without critics"))
    assert run(tmp_path / "two", "--action", "compare") == 0
    (headings,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Metric")]
    for name in ("nearest training record", "Adversarial", "Without critics", "Without critics, likeliest spectrum"):
        assert name in headings
    assert (results.root / "Ensembles" / "goodness.png").is_file()


def test_own_records_get_ensembles_and_too_few_no_score(tree, tmp_path, capsys):
    motion = np.pad(make_part(5, "blind", 2).y, ((0, 0), (0, 0), (300, 300)))
    np.savez(tmp_path / "own.npz", acceleration=motion, dt=0.01, onset=5.0)
    assert run(tree, "--action", "generate", "--records", str(tmp_path)) == 2
    assert "--unit" in capsys.readouterr().err
    options = ("--records", str(tmp_path), "--unit", "cm/s^2")
    assert run(tree, "--action", "generate", *options) == 0
    assert run(tree, "--action", "compare", *options) == 0
    assert "too few for scores" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--records", "x"], "--records has no meaning without --action"),
        (["--action", "generate", "--band", "bb"], "--band has no meaning with --action generate"),
        (["--action", "compare", "--unit", "g"], "--unit g has no meaning without --records"),
        (["--action", "compare"], "there is no adversarial network"),
    ],
)
def test_options_without_a_meaning_are_refused(options, words, tmp_path, capsys):
    assert run(tmp_path, *options) == 2
    assert words in capsys.readouterr().err
