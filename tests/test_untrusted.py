"""Files, names and storages of somebody else: nothing of them runs, nothing outside of the tree is touched."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import keras
import pytest

from baseML import BaseMLClass, NetworkConfig, create_model

# --- Models from elsewhere


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.write_text, (self.marker, "it ran")


def refusal(path, marker):
    """The sentence that a model is refused with, before anything of it has run."""
    with pytest.raises(ValueError) as caught:
        BaseMLClass.load_model(path)
    assert not marker.exists()
    message = str(caught.value)
    assert repr(str(path)) in message and "\n" not in message and len(message) < 500
    return message


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "it ran"


@pytest.fixture
def harmless(tmp_path):
    """A network of our own, without the file that describes it."""
    path = create_model(NetworkConfig("CNN", "AE", 1, 2, 2, 2, 2, 2), 8).save_model(tmp_path / "network.keras")
    path.with_suffix(".json").unlink()
    return path


def lambda_model(marker):
    """A model whose Lambda layer makes the marker whenever it is called."""
    inputs = keras.Input((8, 1))
    text = str(marker)
    layer = keras.layers.Lambda(lambda x: (open(text, "w").close(), x)[1])
    model = keras.Model(inputs, layer(inputs))
    marker.unlink()
    return model


def with_config(path, change):
    """Change the configuration inside a .keras file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_lambda_layer_is_refused(tmp_path, marker):
    path = tmp_path / "lambda.keras"
    lambda_model(marker).save(path)
    assert "keras.layers.Lambda" in refusal(path, marker)
    keras.models.load_model(path, safe_mode=False)
    assert marker.exists()  # so the file is as bad as the test says


@pytest.mark.parametrize("name", ["model.h5", "renamed.keras", "model.pickle"])
def test_other_kinds_of_files_are_refused_whatever_their_name(tmp_path, marker, name):
    path = tmp_path / name
    if name == "model.pickle":
        path.write_bytes(pickle.dumps(Evil(marker)))
    else:
        lambda_model(marker).save(tmp_path / "model.h5")
        if path.suffix == ".keras":
            shutil.copyfile(tmp_path / "model.h5", path)
    assert "only whole .keras archives" in refusal(path, marker)


def test_a_pickle_that_is_called_keras_is_refused(tmp_path, marker):
    path = tmp_path / "network.keras"
    path.write_bytes(pickle.dumps(Evil(marker)))
    assert "only whole .keras archives" in refusal(path, marker)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("evil_module", "Layer"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins.evil_module", "eval"),
        ("keras.utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        (None, "__lambda__"),
        (["keras"], "Dense"),
    ],
    ids=str,
)
def test_a_class_from_elsewhere_is_refused_and_not_imported(harmless, marker, monkeypatch, module, name):
    (harmless.parent / "evil_module.py").write_text(f"open({str(marker)!r}, 'w')\n\n\nclass Layer:\n    pass\n")
    monkeypatch.syspath_prepend(harmless.parent)
    asked = {"module": module, "class_name": name, "registered_name": name, "config": {"args": ["touch", str(marker)]}}
    with_config(harmless, lambda config: config["config"]["layers"][1].update(asked))
    assert name in refusal(harmless, marker)


def test_an_activation_from_elsewhere_is_refused(harmless, marker):
    asked = {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"}
    with_config(harmless, lambda config: config["config"]["layers"][1]["config"].update(activation=asked))
    assert "os" in refusal(harmless, marker)


def _without_configuration(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")


def _with_text(path, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", text)


DAMAGED = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "no configuration": _without_configuration,
    "no JSON": lambda path: _with_text(path, "{"),
    "a list": lambda path: _with_text(path, "[]"),
    "nested without an end": lambda path: _with_text(path, "[" * 100_000),
    "no weights": lambda path: _with_text(path, zipfile.ZipFile(path).read("config.json")),
    "not a model": lambda path: with_config(path, lambda config: config.update(config["config"]["layers"][1])),
    "layers that are none": lambda path: with_config(path, lambda config: config["config"].update(layers=3)),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_archive_is_one_sentence(harmless, marker, how):
    DAMAGED[how](harmless)
    refusal(harmless, marker)


@pytest.mark.parametrize("shapes", ["flat", "two inputs", "any length"])
def test_a_model_that_is_no_network_on_traces_is_refused(tmp_path, marker, shapes):
    inputs = keras.Input({"flat": (8,)}.get(shapes, (8 if shapes == "two inputs" else None, 1)))
    outputs = keras.layers.Dense(1)(inputs)
    other = keras.Input((8, 1))
    pair = (([inputs, other], keras.layers.Add()([outputs, other])),)
    model = keras.Model(*pair[0]) if shapes == "two inputs" else keras.Model(inputs, outputs)
    model.save(tmp_path / "other.keras")
    assert "(batch, n_samples, channels) is valid" in refusal(tmp_path / "other.keras", marker)


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{}", "{", "\xff", "[" * 100_000),
        *('{"network": [], "run": {}}', '{"network": {"arch_type": []}, "run": {}}', '{"network": {}, "run": 3}'),
        *('{"network": {"num_dnn": 1e400}, "run": {}}', '{"network": {"weights": 1}, "run": {}}'),
        '{"network": {}, "run": {}, "transform": 3}',
        '{"network": {}, "run": {}, "transform": {"transform_type": "os.system"}}',
        '{"network": {}, "run": {}, "transform": {"transform_type": "CWT", "wavelet": "sym8"}}',
    ],
    ids=lambda text: text[:60],
)
def test_a_description_that_is_none_is_one_sentence(harmless, text):
    harmless.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="network.json' does not describe a network") as caught:
        BaseMLClass.load_model(harmless)
    assert "\n" not in str(caught.value)
