"""The networks on each Keras backend that is installed: alike on all, from the same file and the same traces."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import QUICK_TO_COMPILE
from other_backend import DRAWN, N_SAMPLES, PRETRAINED, main
from test_networks import small_config
from toys import NETWORKS_OF_TRACES, eagerly

from baseML import create_model

OTHERS = [name for name in ("tensorflow", "jax", "torch") if name != keras.backend.backend()]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The networks, in a folder, with what they did on the backend of this process."""
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(5)
    for network in NETWORKS_OF_TRACES:
        own = {"norm": "layer", "standard_units": True} if network[0] == "RES" else {}
        config = small_config(*network, num_layers=1, num_dil=2, learning_rate=1e-3, **own)
        create_model(config, N_SAMPLES).save_model(folder / f"{'_'.join(network)}.keras")
    with eagerly():
        main(folder)
    return folder


@pytest.fixture(scope="module", params=OTHERS)
def backend(request, here):
    """Another backend, on which the networks were tried too."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"no {request.param} here: pip install {request.param} brings it")
    script = Path(__file__).with_name("other_backend.py")
    environment = os.environ | {"KERAS_BACKEND": request.param, "XLA_FLAGS": QUICK_TO_COMPILE}
    subprocess.run([sys.executable, script, here], env=environment, check=True, timeout=300)
    return request.param


@pytest.mark.parametrize("network", NETWORKS_OF_TRACES, ids="_".join)
def test_a_network_is_the_same_on_another_backend(here, backend, network):
    found, expected = (np.load(here / f"{'_'.join(network)}_{name}.npz") for name in (backend, keras.backend.backend()))
    assert np.ptp(expected["stored"]) > 0
    np.testing.assert_allclose(found["stored"], expected["stored"], atol=1e-5 * np.abs(expected["stored"]).max())
    assert found["anew"].shape == found["stored"].shape and np.isfinite(found["anew"]).all()
    np.testing.assert_allclose(found["asked"], expected["asked"], atol=1e-3 * np.abs(expected["asked"]).max())
    assert len(set(found["losses"])) == 3
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-3)
    assert not np.allclose(found["trained"], found["stored"], rtol=1e-3)
    np.testing.assert_allclose(found["loaded"], found["trained"], atol=1e-5 * np.abs(found["trained"]).max())


def test_learning_curves_are_drawn_on_another_backend(here, backend):
    assert (here / backend / f"{DRAWN}_learning.png").read_bytes().startswith(b"\x89PNG")


def test_the_published_networks_do_what_their_cards_say_on_another_backend(here, backend):
    found = json.loads((here / f"cards_{backend}.json").read_text())
    assert found == dict.fromkeys((path.stem for path in PRETRAINED.glob("*.keras")), 0)
