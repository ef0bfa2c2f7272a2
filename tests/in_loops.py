"""Trainings with their steps one by one, then in a loop on the device, and one that is interrupted: for test_feeding.

KERAS_BACKEND=jax python in_loops.py FOLDER BATCH_SIZE ..
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))
if __name__ == "__main__":
    sys.modules["tensorflow"] = None  # Keras would load it with JAX, too.

import baseML
import networks.feeding
from baseML import NetworkConfig
from dataPreProcessing import CustomDataGen
from support import stopping
from support.startup import load_keras

keras = load_keras()
CONFIG = NetworkConfig("CNN", "SEQ", 1, 8, 2, num_filt=4, krnl_size=4, learning_rate=1e-2)
N_SAMPLES = 32


class AskToStop(keras.callbacks.Callback):
    """Ask the process to stop when the first call of the second epoch is about to begin."""

    def __init__(self) -> None:
        super().__init__()
        self.finished = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if self.finished == 1:
            stopping._ask()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.finished += 1


def fit(folder: Path, batch_size: int, loops: bool, **options: object) -> None:
    """Train the network from its first weights."""
    keras.utils.set_random_seed(3)
    data = {"batch_size": batch_size, "n_samples": N_SAMPLES}
    training, validation = CustomDataGen(n=11, **data), CustomDataGen(n=8, stream="validation", **data)
    with (
        mock.patch.object(networks.feeding, "in_loops", lambda: loops),
        mock.patch.object(baseML, "in_loops", lambda: loops),
    ):
        baseML.create_model(CONFIG, N_SAMPLES).fit_model(training, validation, 3, folder, "run", **options)


def main(folder: Path, batch_sizes: Sequence[int]) -> None:
    """All trainings; prints what became of the last one."""
    for size in batch_sizes:
        fit(folder / f"plain {size}", size, loops=False)
        fit(folder / f"loops {size}", size, loops=True)
    watch, interrupted = AskToStop(), False
    try:
        fit(folder / "interrupted", batch_sizes[0], loops=True, extra_callbacks=[watch])
    except KeyboardInterrupt:
        interrupted = True
    print(json.dumps({"interrupted": interrupted, "epochs before": watch.finished}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
