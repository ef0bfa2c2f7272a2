"""The command of a run script: from its options to one of the modes, and to an exit status."""

import contextlib
import gc
import random
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hpo.asked import run_from_options
from hpo.options import parse_options
from hpo.plans import run_final_model, run_manual
from hpo.problem import Problem
from hpo.quiet import quiet_optuna
from hpo.run import Run, check_places, resume_command
from hpo.search import run_search
from hpo.update import run_model_update
from networks.backends import make_deterministic, tidy_cache
from support.errors import StoppedError, UserError, machine_fault
from support.stopping import check_stop, ignore_signals, is_interactive, stop_on_signals, stop_was_asked
from support.stopping import stop_with_parent

WORK: dict[str, Callable[[Run], None]] = {  # of each of MODES
    "optuna": run_search,
    "optuna_resume": run_search,
    "manual": run_manual,
    "final_model": run_final_model,
    "model_update": run_model_update,
}


def main(problem: Problem, description: str, arguments: Sequence[str] | None = None) -> int:
    """Run a script with its command line (that of the process, when ``arguments`` is None).

    Returns the exit status: 0, 1 when the run could not go on, 2 for a mistake of the user, 130 for Ctrl-C. A process
    that goes on, such as a notebook's, is left as it was; ``--deterministic`` and ``--no-compilation-cache`` alone stay
    in force.
    """
    is_last = arguments is None and not is_interactive()
    with stop_on_signals(is_last), quiet_optuna(), contextlib.nullcontext() if is_last else _restored():
        return _exit_status(problem, description, sys.argv[1:] if arguments is None else list(arguments))


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Give a process that goes on its random state and its garbage back: trainings set the one, `gc.freeze` the other.

    What was frozen before stays frozen.
    """
    numbers, frozen = random.getstate(), gc.get_freeze_count()
    of_numpy = np.random.get_state()  # noqa: NPY002 - Keras seeds the global generator.
    try:
        yield
    finally:
        random.setstate(numbers)
        np.random.set_state(of_numpy)  # noqa: NPY002
        if not frozen:
            gc.unfreeze()


def _exit_status(problem: Problem, description: str, arguments: Sequence[str]) -> int:
    """Do what the arguments ask for; the exit status of `main`."""
    run = None
    try:
        run = run_from_options(problem, parse_options(description, arguments, problem.options), arguments)
        if run.is_worker:
            stop_with_parent()
        check_places(run)
        if run.deterministic:
            make_deterministic()
        tidy_cache(wanted=not run.compile_anew)
        gc.collect()
        gc.freeze()  # Otherwise every trial would look through all that the libraries have made.
        (run.problem.work or WORK[run.mode])(run)
        check_stop()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StoppedError as error:
        print(f"error: {error}; {_to_go_on(run)}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Exception) as error:
        if stop_was_asked():
            ignore_signals()
            with contextlib.suppress(OSError):  # The terminal may be closed.
                print(f"\nStopped; everything that was finished is kept; {_to_go_on(run)}", file=sys.stderr)
            return 130
        fault = machine_fault(error, run.tree.output) if run else None
        if fault is None:
            raise
        print(f"error: {fault}; everything that was finished is kept; {_to_go_on(run)}", file=sys.stderr)
        return 1
    return 0


def _to_go_on(run: Run) -> str:
    """How a message ends: with the command that goes on with the run."""
    command = resume_command(run)
    return f"to go on{', with the password for ***' if '***' in command else ''}:\n  {command}"
