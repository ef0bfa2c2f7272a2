"""The files of networks: their names, which of them are safe to load, and the best one of several."""

import json
import re
import shutil
import textwrap
import uuid
import zipfile
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from networks.layers import ActivityL1L2
from networks.rows import NetworkConfig
from networks.tcn import TCN
from support.files import note, remove_unfinished, replacing

LOSS_HISTORY_FOLDER = "loss_history_all"
BACKUP = "_backup"  # ending of the name of a folder with the state of an unfinished training
# Endings of the files beside a network. The description goes last when they are removed: `keep_best` finds them by it.
RUN_FILES = (".keras", ".png", "_log.csv", "_learning.png", BACKUP, ".json")
RUN_NAME = re.compile(
    r"\w+_LYR\d+_DNN\d+_DIL\d+_FIL\d+_KRNL\d+_POL\d+_LSTM\d+_[A-Z]+_\d{8}_\d{6}_[0-9a-f]{8}", re.ASCII
)
UPDATE = "_update"  # ending of the name of a network that was trained on
LIBRARY_OF_MODELS = "keras"  # A model file may name the classes of this library,
OWN_CLASSES = {  # and these; older files say that they are elsewhere,
    *((module, ActivityL1L2.__name__) for module in (ActivityL1L2.__module__, "baseML")),
    *((module, TCN.__name__) for module in (TCN.__module__, "tcn.tcn")),
}
RUN_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")  # but not these.
LONGEST_REASON = 200  # characters of a library's message
# The libraries raise these for a file that is damaged, or is something else.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


def check_model_file(path: Path) -> None:
    """Raise ValueError unless a file is a .keras archive that names known classes only. No part of it is loaded."""
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{str(path)!r} is not a Keras model that can be loaded: only whole .keras archives are valid, "
            "no pickles and no HDF5 files"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [json.loads(archive.read("config.json"))]
    except UNREADABLE as error:
        raise ValueError(f"{str(path)!r} is not a Keras model that can be loaded: {short_reason(error)}") from error
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and "class_name" in part:
            _check_class(path, part.get("module"), part["class_name"])
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _check_class(path: Path, module: object, name: object) -> None:
    known = module in (None, "builtins") or str(module).split(".")[0] == LIBRARY_OF_MODELS
    known = known or (str(module), str(name)) in OWN_CLASSES
    if not known or name in RUN_CODE:
        found = name if module is None else f"{module}.{name}"
        raise ValueError(
            f"{str(path)!r} is not loaded: it asks for {found!r}, which could run code; only the TCN and those parts "
            "of Keras that run no code are valid"
        )


def shape_of(model: object, path: Path) -> tuple[int, int, int]:
    """Samples, channels and output channels of a loaded model. Raises ValueError unless it is a network on traces."""
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not all(isinstance(shape, tuple) and list(map(type, shape[1:])) == [int, int] for shape in shapes):
        raise ValueError(
            f"{str(path)!r} is not a network on traces: it goes from {shapes[0]} to {shapes[1]}, "
            "and only (batch, n_samples, channels) is valid for both"
        )
    return *shapes[0][1:], shapes[1][2]


def short_reason(error: Exception) -> str:
    """The beginning of a library's message; those of Keras fill pages."""
    return textwrap.shorten(str(error), LONGEST_REASON, placeholder=" ...") or type(error).__name__


def new_run_name(config: NetworkConfig, transform_type: str = "NA", drawn: Collection[str] = ()) -> str:
    """Name of a training's files: model label (`label_with`), transform, date, and digits that make it unique."""
    return f"{config.label_with(drawn)}{transform_type}_{datetime.now():%Y%m%d_%H%M%S}_{uuid.uuid4().hex[:8]}"


def loss_history_path(folder: str | Path, run_name: str) -> Path:
    """The table of a training's losses."""
    return Path(folder, LOSS_HISTORY_FOLDER, f"{run_name}_log.csv")


def remove_run_files(folder: str | Path, run_name: str) -> None:
    """Remove the files that a training left in ``folder``, but not its loss history in the folder of loss histories."""
    names = [run_name + ending for ending in RUN_FILES]
    remove_unfinished(folder, names)
    for path in (Path(folder, name) for name in names):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def keep_best(folder: str | Path, destination: str | Path, run_name: str) -> bool:
    """Move a training's network, its configuration and a copy of its loss history to ``destination`` if it is the best.

    It is compared with the networks there that have the same "owner" in their provenance (a study, a mode); those that
    are worse are removed. All other files stay, also copies of a network under another name; a note names a file that
    describes no network. Returns whether the network was the best.
    """
    destination = Path(destination)
    destination.mkdir(parents=True, exist_ok=True)
    new = _provenance(Path(folder, f"{run_name}.json"))
    rivals = _losses(destination, new["owner"], but=run_name)
    if any(loss < new["validation_loss"] for loss in _whole(destination, rivals).values()):
        return False
    log_path = loss_history_path(folder, run_name)
    Path(folder, f"{run_name}.json").replace(destination / f"{run_name}.json")
    with replacing(destination / log_path.name) as unfinished:
        shutil.copyfile(log_path, unfinished)
    # The network comes last: where it is, its other files are too.
    Path(folder, f"{run_name}.keras").replace(destination / f"{run_name}.keras")
    for name in rivals:
        remove_run_files(destination, name)
    return True


def kept_best(destination: Path, owner: str) -> Path | None:
    """The network that `keep_best` has kept of an owner; None where there is none."""
    whole = _whole(destination, _losses(destination, owner))
    return destination / f"{min(whole, key=whole.get)}.keras" if whole else None


def _whole(folder: Path, losses: Mapping[str, float]) -> dict[str, float]:
    """Those of some networks that have their .keras file; others are the rest of a move that was interrupted."""
    return {name: loss for name, loss in losses.items() if (folder / f"{name}.keras").is_file()}


def _losses(folder: Path, owner: str, but: str = "") -> dict[str, float]:
    """The validation losses of an owner's networks in a folder, by the names of their trainings, ``but`` one."""
    described = {path.stem: _provenance(path) for path in folder.glob("*.json") if path.stem != but}
    return {
        name: run["validation_loss"]
        for name, run in described.items()
        if run is not None and run["owner"] == owner and RUN_NAME.fullmatch(name)
    }


def _provenance(path: Path) -> dict | None:
    """The provenance in a network's description, with "owner" and "validation_loss"; None for any other file."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))["run"]
        return {**run, "owner": run["owner"], "validation_loss": float(run["validation_loss"])}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        note(f"{str(path)!r} describes no network that was trained here ({short_reason(error)}); it stays as it is")
        return None
