"""How a run is stopped: Ctrl-C, a polite kill, a terminal that was closed."""

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

LONGEST_REQUEST = 10.0  # s that Ctrl-C lets a request to a database have, which a server might never answer
INTERRUPT_INTERVAL = 2.0  # s, more than it takes to clean up after the first interrupt


# --- Being stopped


# Ctrl-C, a polite kill, a terminal that was closed
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _Signals:
    """Whether the process was asked to stop, and the thread that repeats the request."""

    asked = False
    busy_since: float | None = None  # on the monotonic clock; of what is ended first
    thread: threading.Thread | None = None


def stop_on_signals() -> None:
    """Make a KeyboardInterrupt of STOP_SIGNALS, one that cannot be lost.

    Python drops an exception that arrives while it runs a finalizer; so it is raised again until `ignore_signals`.
    """
    _Signals.asked = False
    for number in STOP_SIGNALS:
        under_nohup = number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
        signal.signal(number, signal.SIG_IGN if under_nohup else _interrupt)
    sys.unraisablehook = _tell_unraisable
    if _Signals.thread is None:
        _Signals.thread = threading.Thread(target=_repeat_interrupt, daemon=True)
        _Signals.thread.start()


def ignore_signals() -> None:
    """Let nothing interrupt what is left to be done."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Have what is in here ended before the process stops, unless it takes longer than LONGEST_REQUEST."""
    if threading.current_thread() is not threading.main_thread() or _Signals.busy_since is not None:
        yield
        return
    _Signals.busy_since = time.monotonic()
    try:
        yield
    finally:
        _Signals.busy_since = None
        if _Signals.asked:
            _interrupt_main()


def stop_with_parent() -> None:
    """Interrupt this process when its standard input ends: the process that started it is gone, or closed it."""
    threading.Thread(target=_await_end_of_input, daemon=True).start()


def _await_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through the file object, whose lock would be held at the exit
        pass
    _Signals.asked = True
    _interrupt_main()


def stop_was_asked() -> bool:
    """Whether an interrupt has come; libraries turn its KeyboardInterrupt into errors of their own."""
    return _Signals.asked


def _interrupt(number: int, frame: object) -> None:
    _Signals.asked = True  # no lock is taken here: a second signal may arrive at any point
    if _Signals.busy_since is None or time.monotonic() - _Signals.busy_since > LONGEST_REQUEST:
        raise KeyboardInterrupt


def _interrupt_main() -> None:
    """A Ctrl-C of our own, which does nothing while signals are ignored."""
    if hasattr(signal, "pthread_kill"):  # ends also what waits outside of Python
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _repeat_interrupt() -> None:
    while True:
        time.sleep(INTERRUPT_INTERVAL)
        if _Signals.asked:
            _interrupt_main()


def _tell_unraisable(lost: "sys.UnraisableHookArgs") -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
