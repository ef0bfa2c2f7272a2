"""The command line of the examples; it loads no Keras, so that a mistake is answered at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from support.command_line import LARGEST_SEED, KerasParser, check_output, whole_number
from support.errors import UserError

TARGETS = ("next", "penultimate")  # number of a sequence, in many_to_one


def parse_options(
    description: str, epochs: int, arguments: Sequence[str] | None = None, **choices: Sequence[str]
) -> argparse.Namespace:
    """Return epochs, batch_size, seed and output; and one of each of ``choices``, the first of which is the default."""
    parser = KerasParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = whole_number(1, 1_000_000)
    parser.add_argument("--epochs", type=number, default=epochs, help="epochs of training (default: %(default)s)")
    parser.add_argument("--batch-size", type=number, default=5, help="pairs per step (default: %(default)s)")
    parser.add_argument("--seed", type=whole_number(0, min(LARGEST_SEED, 2**32 - 1)), default=0, help="(default: 0)")
    parser.add_argument("--output", type=Path, default=Path("Figs"), help="folder of the figure (default: %(default)s)")
    for name, valid in choices.items():
        parser.add_argument(f"--{name}", choices=valid, default=valid[0], help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
    except UserError as error:
        parser.error(str(error))
    return options
