"""Reads the loss histories of a results tree, of our own runs or of the published archive, with what was trained."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hpo.results.grid import MissingError, read_history
from hpo.tree import ResultsTree
from networks.files import LOSS_HISTORY_FOLDER
from networks.rows import NetworkConfig

RUN_LABEL = re.compile(
    r"(?P<arch_type>[A-Z_]+)_(?P<net_type>SEQ|AE)_LYR(?P<num_layers>\d+)_DNN(?P<num_dnn>\d+)_DIL(?P<num_dil>\d+)"
    r"_FIL(?P<num_filt>\d+)_KRNL(?P<krnl_size>\d+)_POL(?P<pool_val>\d+)_LSTM(?P<num_lstm>\d+)_NA_.*_log\.csv"
)


@dataclass(frozen=True)
class History:
    """One training's losses: ``losses`` has the columns epoch (from 0), loss, lr and val_loss, a row per epoch."""

    path: Path
    config: NetworkConfig
    losses: pd.DataFrame

    @property
    def key(self) -> tuple[str, str]:
        """The model label and the learning rate to three digits, alike for all trainings of one configuration.

        A label of the published study also has values that the network does not use; here they do not count.
        """
        return self.config.label, f"{self.config.learning_rate:.3g}"


def history_of(path: Path) -> History | None:
    """One loss history on raw traces; None for a file that is something else."""
    found, losses = RUN_LABEL.fullmatch(path.name), read_history(path)
    if found is None or losses is None or "lr" not in losses:
        return None
    words = found.groupdict()
    # The label has 0 where the network does not use a value; the configuration then keeps its default.
    sizes = {name: int(text) for name, text in words.items() if text.isdigit() and int(text)}
    kind = {name: words[name] for name in ("arch_type", "net_type")}
    try:
        return History(path, NetworkConfig(**kind, **sizes, learning_rate=float(losses["lr"].iloc[0])), losses)
    except ValueError:
        return None


def read_histories(tree: ResultsTree) -> list[History]:
    """All loss histories of a tree, of searches and of repeated trainings, in the order of their names.

    Raises MissingError when there is none.
    """
    folders = (tree.search, tree.grid, tree.repeatability)
    paths = sorted(path for folder in folders for path in (folder / LOSS_HISTORY_FOLDER).glob("*_log.csv"))
    found = [history for path in paths if (history := history_of(path)) is not None]
    if not found:
        raise MissingError(f"loss curves: there is none in {tree.root}", "optuna")
    return found
