"""How a run is stopped: Ctrl-C, a polite kill or a terminal that closes asks it to end, and cuts off nothing.

Such a request only sets a flag. What may take long looks at the flag between two steps (`check_stop`): a training
between two batches, a search between two trials, whatever waits for other processes or for a server. A second Ctrl-C
raises KeyboardInterrupt wherever the process is, and so does an alarm when LONGEST_REQUEST has passed.
"""

import os
import signal
import sys
import threading

LONGEST_REQUEST = 10.0  # s that a process may take to look at the flag: a database server might never answer it
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM") if hasattr(signal, name)
)
# The command `timeout` and a terminal that closes send their signal twice, so a second one of theirs says nothing new.
INSISTENT = ("SIGINT", "SIGALRM")


class _Signals:
    """Whether the process was asked to stop; no lock guards the flag, as a second signal may come at any point."""

    asked = False


def stop_on_signals() -> None:
    """Let STOP_SIGNALS ask this process to stop; a hang-up that `nohup` ignores stays ignored.

    In another thread than the main one, as a notebook or a server may start it, Python allows no such change.
    """
    _Signals.asked = False
    for number in STOP_SIGNALS if _is_main_thread() else ():
        if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)


def ignore_signals() -> None:
    """Let nothing interrupt what is left to be done."""
    for number in STOP_SIGNALS if _is_main_thread() else ():
        signal.signal(number, signal.SIG_IGN)


def stop_with_parent() -> None:
    """Ask this process to stop when its standard input ends: the process that started it is gone, or closed it."""
    threading.Thread(target=_await_end_of_input, daemon=True).start()


def stop_was_asked() -> bool:
    """Whether the process was asked to stop; libraries turn a KeyboardInterrupt into errors of their own."""
    return _Signals.asked


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
