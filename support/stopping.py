"""How a run is stopped: Ctrl-C, a polite kill or a terminal that closes asks it to end, and cuts off nothing.

Such a request only sets a flag. What may take long looks at the flag between two steps (`check_stop`): a training
between two batches, a search between two trials, whatever waits for other processes or for a server. A second Ctrl-C
raises KeyboardInterrupt wherever the process is, and so does an alarm when LONGEST_REQUEST has passed.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

LONGEST_REQUEST = 10.0  # s that a process may take to look at the flag: a database server might never answer it
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM") if hasattr(signal, name)
)
# The command `timeout` and a terminal that closes send their signal twice, so a second one of theirs says nothing new.
INSISTENT = ("SIGINT", "SIGALRM")


class _Signals:
    """Whether the process was asked to stop; no lock guards the flag, as a second signal may come at any point."""

    asked = False


@contextlib.contextmanager
def stop_on_signals(is_last: bool = False) -> Iterator[None]:
    """Let STOP_SIGNALS ask this process to stop, in the block; a hang-up that `nohup` ignores stays ignored.

    After the block, signals do what they did before it. If the block ``is_last``, so that the process then ends, those
    that were ignored in it stay ignored: nothing interrupts the end. In another thread than the main one, as a
    notebook or a server may start it, Python allows no such change.
    """
    _Signals.asked = False
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS if _is_main_thread()}
    for number, handler in before.items():
        if number.name != "SIGHUP" or handler != signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        _Signals.asked = False
        if before and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            if handler is not None and not (is_last and signal.getsignal(number) == signal.SIG_IGN):
                signal.signal(number, handler)


def ignore_signals() -> None:
    """Let nothing interrupt what is left to be done, in a block of `stop_on_signals`."""
    for number in STOP_SIGNALS if _is_main_thread() else ():
        signal.signal(number, signal.SIG_IGN)


def stop_with_parent() -> None:
    """Ask this process to stop when its standard input ends: the process that started it is gone, or closed it."""
    threading.Thread(target=_await_end_of_input, daemon=True).start()


def stop_was_asked() -> bool:
    """Whether the process was asked to stop; libraries turn a KeyboardInterrupt into errors of their own."""
    return _Signals.asked


def is_interactive() -> bool:
    """Whether somebody types into this process, so that it goes on after a command: a prompt or a notebook."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)


def check_stop() -> None:
    """Raise KeyboardInterrupt if the process was asked to stop."""
    if _Signals.asked:
        raise KeyboardInterrupt


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _on_signal(number: int, frame: object) -> None:
    if signal.Signals(number).name in INSISTENT:
        check_stop()
    _ask()


def _await_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1):  # The file object is not used: its lock would be held at the exit.
        pass
    _ask()


def _ask() -> None:
    """Set the flag, and an alarm that is repeated, as Python drops an exception that arrives in a finalizer."""
    if not _Signals.asked:
        _Signals.asked = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, LONGEST_REQUEST, LONGEST_REQUEST)
