"""What a training gave, and the tables of such results."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from networks.rows import NetworkConfig
from support.files import add_row, start_table

SUMMARY_COLUMNS = (
    "Model Name",
    "Type",
    "LYR",
    "DNN",
    "DIL",
    "FIL",
    "KRNL",
    "POL",
    "Epochs",
    "Min Epoch Loss",
    "Training Loss",
    "Validation Loss",
)


@dataclass(frozen=True)
class RunResult:
    """What a training gave. Losses include the penalties; ``validation_plain`` does not, and is in the data's unit."""

    run_name: str  # model label and date, unique
    n_parameters: int
    epochs: int
    best_epoch: int  # from 1
    training_loss: float  # in the best epoch
    validation_loss: float  # the lowest
    validation_plain: float  # in the best epoch
    seconds: float
    seed: int


def init_results_file(path: str | Path, columns: Sequence[str] = SUMMARY_COLUMNS) -> Path:
    """Start a table of results with its header row. Rows of an older table that were cut off are taken out.

    Raises ValueError for an older table with other columns.
    """
    path = Path(path)
    start_table(path, columns)
    return path


def append_results_to_file(path: str | Path, values: Sequence[object]) -> None:
    """Add one row to a table of results; it is on the disk when the call returns."""
    add_row(Path(path), values)


def labelled(config: NetworkConfig, transform_type: str, drawn: Collection[str] = ()) -> str:
    """A network's name in the tables: the model label (`label_with`), and the transform if there is one."""
    label = config.label_with(drawn)
    return label if transform_type == "NA" else f"{label}{transform_type}_"


def summary_row(
    config: NetworkConfig, result: RunResult, transform_type: str = "NA", drawn: Collection[str] = ()
) -> list[object]:
    """One training as a row under SUMMARY_COLUMNS; its label is that of `NetworkConfig.label_with`."""
    sizes = [config.num_layers, config.num_dnn, config.num_dil, config.num_filt, config.krnl_size, config.pool_val]
    losses = [result.epochs, result.best_epoch, result.training_loss, result.validation_loss]
    return [labelled(config, transform_type, drawn), config.arch_type, *sizes, *losses]
