"""Runs that a test has time for: the two problems with tiny networks, in this process or in one of its own.

TOY_PROBLEM=denoising python tests/toys.py ..    one of them as a script, with the options of the run scripts
"""

import contextlib
import dataclasses
import os
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import optuna  # noqa: E402
from optuna.distributions import CategoricalDistribution, IntDistribution  # noqa: E402
from optuna.importance import FanovaImportanceEvaluator  # noqa: E402

import hpo.command  # noqa: E402
import run_DenoisingML_HPO_Paper  # noqa: E402
import run_InversionML_HPO_Paper  # noqa: E402
from baseML import NETWORKS, NetworkConfig  # noqa: E402
from hpo.tree import ResultsTree  # noqa: E402
from support.startup import load_keras  # noqa: E402

keras = load_keras()

# A further problem adds networks of its own to those of traces, once it is imported.
NETWORKS_OF_TRACES = [network for network in NETWORKS if network[1] in ("AE", "SEQ")]
DENOISING, INVERSION = run_DenoisingML_HPO_Paper.PROBLEM, run_InversionML_HPO_Paper.PROBLEM
SCRIPTS = {"denoising": run_DenoisingML_HPO_Paper.__file__, "inversion": run_InversionML_HPO_Paper.__file__}
TOY = ["--samples", "48", "--num-datasets", "4", "--num-epochs", "2"]
TINY_SPACE = {  # the quick space with networks that a test has time for: a TCN takes seconds to build
    "arch_type": CategoricalDistribution(["CNN"]),
    **{name: IntDistribution(2, 4) for name in ("num_dnn", "num_filt", "krnl_size", "num_dil")},
    "num_layers": IntDistribution(1, 1),
}
NETWORK = NetworkConfig("CNN", "AE", 1, 2, num_filt=2, krnl_size=3, pool_val=2, learning_rate=1e-3)
LISTED = dataclasses.replace(  # a grid of four trainings, and a final training of each approach
    DENOISING,
    quick_space={
        "arch_type": CategoricalDistribution(["CNN"]),
        "num_filt": IntDistribution(2, 2),
        "krnl_size": IntDistribution(4, 8),
    },
    final_configs={"Grid Search": NETWORK, "Optuna": dataclasses.replace(NETWORK, krnl_size=5)},
)


def toy(problem, **changes):
    """The problem with tiny networks."""
    return dataclasses.replace(problem, quick_space={**problem.quick_space, **TINY_SPACE, **changes})


# --- Runs


def run_here(problem, output, *options):
    """Run a command in this process; returns its exit status."""
    return hpo.command.main(problem, "toy", [*TOY, "--output", str(output), *options])


def load(output, problem, name=None):
    """The newest study below ``output``, or the one of that name."""
    tree = ResultsTree(output, problem.folder)
    name = name or tree.newest_study()
    return optuna.load_study(study_name=name, storage=tree.storage_url(name))


def pid_of(trial):
    """Of the process that works on a trial."""
    return int(trial.user_attrs["worker"].rsplit("-", 2)[1])


# --- Less of what takes most of a toy run's time


@contextlib.contextmanager
def eagerly(chosen=True):
    """Have networks run operation by operation, or not: tiny ones are trained before their graphs would be made.

    Other backends than TensorFlow are left as they are: JAX takes longer without compiling.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow

    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(chosen)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(before)


def on_one_thread():
    """Have TensorFlow calculate with one thread: sums by several differ in their last digit between two processes."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def with_few_forests():
    """Have importances computed by two forests of few trees, as those of all trials of a test take half a minute."""
    small = partial(FanovaImportanceEvaluator, n_trees=8)
    return patch.multiple("hpo.importance", FORESTS=2, FanovaImportanceEvaluator=small)


@contextlib.contextmanager
def hastily():
    """Have runs train `eagerly`, test networks with a few traces, guess how long that takes, and draw coarsely."""
    few = patch.multiple("hpo.report", BLIND_TRACES=4, NETWORKS_DRAWN=4, _operations_per_second=lambda: 1e9)
    with eagerly(), few, patch("hpo.dashboard.BLIND_TRACES", 4), patch("plots.style.DPI", 30):
        yield


if __name__ == "__main__":
    problems = {problem.name: toy(problem) for problem in (DENOISING, INVERSION)}
    with hastily():
        sys.exit(hpo.command.main(problems[os.environ["TOY_PROBLEM"]], "toy"))
