"""The stored networks of a folder on the Keras backend of the environment: loaded, asked, trained, saved, loaded again.

KERAS_BACKEND=jax python other_backend.py FOLDER

Each writes <network>_<backend>.npz into the folder: predictions of the stored weights, losses of every epoch after
that, predictions of the best epoch by the network that was saved and loaded. One of them draws its learning curves, and
is asked for traces of another length and interval; another one is built from its configuration, too. Another backend
than TensorFlow has to do without TensorFlow and keras-tcn, as where they are not installed.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
if __name__ == "__main__" and os.environ["KERAS_BACKEND"] != "tensorflow":
    sys.modules |= dict.fromkeys(("tensorflow", "tcn"))

import keras
import numpy as np

import baseML
import modelCard
import run_DenoisingML_HPO_Paper as denoising
import run_InversionML_HPO_Paper as inversion
from dataPreProcessing import CustomDataGen

N_SAMPLES = 32
DRAWN, BUILT = "CNN_AE", "TCN_SEQ"
PRETRAINED = Path(__file__).parents[1] / "pretrained"
STREAMS = {module.PROBLEM.net_type: module.PROBLEM.stream for module in (denoising, inversion)}


def streams(net_type: str) -> tuple[CustomDataGen, CustomDataGen]:
    """Training and validation traces, scaled, so that few steps change something."""
    options = {"n": 2, "scaling_flag": True, "n_samples": N_SAMPLES}
    return STREAMS[net_type](**options), STREAMS[net_type](**options, stream="validation")


def try_network(path: Path, backend: str) -> None:
    """One network through all of it."""
    network = baseML.BaseMLClass.load_model(path)
    training, validation = streams(network.config.net_type)
    traces = np.concatenate([validation[index][0] for index in range(len(validation))])
    stored = network.predict_result(traces)
    folder = path.parent / backend
    is_drawn = path.stem == DRAWN
    options = {"resumable": False, "plot_learning": is_drawn}
    losses = network.fit_model(training, validation, 3, folder, path.stem, **options)["val_loss"]
    # So many traces are answered in compiled batches.
    asked = network.predict(np.tile(traces[..., 0], (6, 1))[:, :25], dt=0.002) if is_drawn else stored
    trained = network.predict_result(traces)
    loaded = baseML.BaseMLClass.load_model(folder / path.name).predict_result(traces)
    anew = baseML.create_model(network.config, N_SAMPLES).predict_result(traces) if path.stem == BUILT else stored
    found = {"stored": stored, "asked": asked, "losses": losses, "trained": trained, "loaded": loaded, "anew": anew}
    np.savez(path.with_name(f"{path.stem}_{backend}.npz"), **found)


def main(folder: Path) -> None:
    """All networks of the folder."""
    for path in sorted(folder.glob("*.keras")):
        try_network(path, keras.backend.backend())


def check_cards(folder: Path) -> None:
    """What modelCard.py ends with for the published networks, in a file."""
    found = {path.stem: modelCard.main([str(path), "--traces", "50"]) for path in PRETRAINED.glob("*.keras")}
    (folder / f"cards_{keras.backend.backend()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    check_cards(Path(sys.argv[1]))
