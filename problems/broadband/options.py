"""The options of the run script of broadband motion that other problems have not; Keras is not needed for them."""

from problems.broadband.alice_design import BANDS
from support.command_line import path_from_here

ACTIONS = ("train", "generate", "compare")
OPTIONS = {  # by flag, as `hpo.options.parse_options` takes them
    "--band": {
        "choices": BANDS,
        "action": "append",
        "help": "adversarial networks: only those of this band are trained, bb (0 to 30 Hz), fl (0 to 1 Hz) or hb "
        "(from one to the other); it may be repeated (default: all) [new]",
    },
    "--action": {
        "choices": ACTIONS,
        "help": "train, as the mode says, or generate ensembles of records with the trained networks, or compare them "
        "with other ways (default: train; both others follow a final training) [new]",
    },
    "--records": {
        "type": path_from_here,
        "metavar": "PATH",
        "help": "own records for --action generate and compare: a folder or a file (.npz, STEAD's .hdf5, and .mseed or "
        "SAC with ObsPy) [new]",
    },
    "--unit": {"metavar": "UNIT", "help": "of --records that do not say it: cm/s^2, m/s^2 or g [new]"},
}
