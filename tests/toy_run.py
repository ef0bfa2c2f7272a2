"""A run script with networks that a test has time for; which problem stands in the environment, for its workers too."""

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from test_study import SCRIPTS, toy  # noqa: E402

import hpo.command  # noqa: E402

if __name__ == "__main__":
    if "TOY_EAGER" in os.environ:
        import tensorflow

        tensorflow.config.run_functions_eagerly(True)
    problem = {Path(script).stem: toy(sys.modules[Path(script).stem].PROBLEM) for script in SCRIPTS.values()}
    sys.exit(hpo.command.main(problem[os.environ["TOY_PROBLEM"]], "toy"))
