"""Published networks: small, in half precision, with a card that is true; those of the repository on two backends."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from test_networks import small_config
from toys import DENOISING, run_here

import modelCard
from baseML import BaseMLClass, create_model
from evaluation.blind import blind_traces
from traces.variants import VARIANTS
from evaluation.scores import score

ROOT = Path(__file__).parents[1]
PRETRAINED = sorted((ROOT / "pretrained").glob("*.keras"))
N_SAMPLES = 48
TRACES = "100"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network that says what it is for, saved."""
    keras.utils.set_random_seed(3)
    network = create_model(small_config("RES", "AE", num_filt=24, standard_units=True), N_SAMPLES)
    network.provenance = {"problem": "denoising", "snr_db": None}
    return network.save_model(tmp_path_factory.mktemp("networks") / "network.keras")


@pytest.fixture(scope="module")
def published(saved):
    """The path of the same network, published with a card of 20 traces."""
    path = saved.parent / "out" / "small.keras"
    assert modelCard.main([str(saved), "--output", str(path), "--traces", "20"]) == 0
    return path


@pytest.fixture
def copy(published, tmp_path):
    """The path of a copy of it."""
    for path in (published, published.with_suffix(".json")):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / published.name


def test_a_published_network_is_the_same_but_for_rounding_and_half_as_large(saved, published):
    before, after = (BaseMLClass.load_model(path) for path in (saved, published))
    for weight, rounded in zip(*(network.get_model().get_weights() for network in (before, after)), strict=True):
        assert rounded.dtype == np.float32 and np.array_equal(rounded, weight.astype(np.float16))
    x, _ = blind_traces(DENOISING, 3, protocol=modelCard.TraceProtocol(N_SAMPLES))
    expected = before.predict_result(x)
    assert 0 < np.abs(after.predict_result(x) - expected).max() < 1e-2 * np.abs(expected).max()
    optimizer = after.get_model().optimizer
    assert after.config == dataclasses.replace(before.config, penalties=False)
    assert type(optimizer) is type(before.get_model().optimizer)
    assert published.stat().st_size < 0.5 * saved.stat().st_size


def test_a_card_has_the_metrics_of_its_traces(published):
    card = json.loads(published.with_suffix(".json").read_text(encoding="utf-8"))
    network = BaseMLClass.load_model(published)
    assert card["parameters"] == network.get_model().count_params() and card["network"]["arch_type"] == "RES"
    metrics = card["blind_test"]["metrics"]
    assert {by: list(kinds) for by, kinds in metrics.items() if by != "all"} == {
        by: list(VARIANTS[by]) for by in DENOISING.variants
    }
    x, y = blind_traces(DENOISING, 20, protocol=modelCard.TraceProtocol(N_SAMPLES))
    expected = score(DENOISING.columns, y, network.predict_result(x), x)
    for name, interval in metrics["all"]["all"].items():
        assert interval == pytest.approx(expected[name], rel=1e-5)


def test_a_card_begins_with_what_the_network_is_valid_for(published, capsys):
    first, sentences = next(iter(json.loads(published.with_suffix(".json").read_text(encoding="utf-8")).items()))
    assert first == "valid_for" and [line.partition(":")[0] for line in sentences] == list(DENOISING.variants)
    assert all(words in sentences[4] for words in ("never better; not for", "10^4 (", "Wiener"))
    modelCard.main([str(published), "--traces", "20"])
    assert capsys.readouterr().out.startswith(f"By {sentences[0]}\n")


def test_a_card_that_is_not_true_is_told(copy, capsys):
    assert modelCard.main([str(copy), "--traces", "20"]) == 0
    verdict = "agrees: every number of it lies within the 95 % intervals of 20 blind traces here."
    assert capsys.readouterr().out.splitlines()[-1] == f"{copy.with_suffix('.json')} {verdict}"
    path = copy.with_suffix(".json")
    card = json.loads(path.read_text(encoding="utf-8"))
    card["blind_test"]["metrics"]["all"]["all"]["snr_db"][0] += 30
    path.write_text(json.dumps(card), encoding="utf-8")
    assert modelCard.main([str(copy), "--traces", "20"]) == 1
    *lines, verdict = capsys.readouterr().out.splitlines()
    assert [line.endswith(": not so") for line in lines].count(True) == 1
    assert "does not agree: 1 number of it lies outside" in verdict and verdict.endswith("(SNR (dB)).")


def test_a_card_that_is_older_than_a_metric_is_checked_without_it(copy, capsys):
    path = copy.with_suffix(".json")
    card = json.loads(path.read_text(encoding="utf-8"))
    metrics = card["blind_test"]["metrics"]["all"]["all"]
    del metrics["gain_db"]
    path.write_text(json.dumps(card), encoding="utf-8")
    assert modelCard.main([str(copy), "--traces", "20"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("By ")]
    assert len(lines) - 1 == len(metrics) == len(DENOISING.columns) - 1  # The last line is the verdict.
    metrics.clear()
    path.write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(SystemExit):
        modelCard.main([str(copy), "--traces", "20"])
    assert "none of the metrics" in capsys.readouterr().err


@pytest.mark.parametrize("card", [{}, {"blind_test": 3}, {"blind_test": {"metrics": {"all": {"all": {"rmse": 1}}}}}])
def test_what_is_no_card_is_refused(copy, capsys, card):
    path = copy.with_suffix(".json")
    told = json.loads(path.read_text(encoding="utf-8"))
    del told["blind_test"]
    path.write_text(json.dumps({**told, **card}), encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        modelCard.main([str(copy)])
    assert end.value.code == 2 and "is not the card of a network" in capsys.readouterr().err


def test_what_cannot_be_published_is_refused(saved, tmp_path):
    network = BaseMLClass.load_model(saved)
    model = network.get_model()
    model.set_weights([1e5 * np.ones_like(weight) for weight in model.get_weights()])
    with pytest.raises(ValueError, match="half precision holds no weights above 65504"):
        modelCard.publish(network, tmp_path / "new.keras")
    network.provenance = {}
    with pytest.raises(ValueError, match="does not say what it was trained for"):
        modelCard.publish(network, tmp_path / "new.keras")
    assert not (tmp_path / "new.keras").exists()


@pytest.mark.parametrize(
    ("name", "sentence"), [("small.keras", "is the network itself"), ("small.h5", "saved as .keras, not as 'small.h5'")]
)
def test_a_network_is_not_written_over_itself_or_as_another_kind_of_file(copy, capsys, name, sentence):
    before = {path.name: path.read_bytes() for path in copy.parent.iterdir()}
    with pytest.raises(SystemExit) as end:
        modelCard.main([str(copy), "--output", str(copy.parent / "." / name)])
    assert end.value.code == 2 and sentence in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in copy.parent.iterdir()} == before


@pytest.mark.usefixtures("hasty")
def test_a_published_network_is_trained_on(copy):
    mode = ("--mode", "model_update", "--model", str(copy))
    assert run_here(DENOISING, copy.parent, *mode) == 0
    assert copy.with_name("small_update.keras").is_file()


@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.stem)
def test_the_networks_of_the_repository_do_what_their_cards_say(path):
    assert path.stat().st_size <= 1e6
    assert modelCard.main([str(path), "--traces", TRACES]) == 0
