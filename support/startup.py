"""The start of Keras: what has to be set before it is loaded, in the one place that loads it first."""

import contextlib
import ctypes
import functools
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import platformdirs

from support.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")  # of Keras; without a choice, the first one that is installed
PRECISIONS = ("float32", "mixed_bfloat16")  # of a network's arithmetic; parameters and losses are always float32
CACHE = "JAX_COMPILATION_CACHE_DIR"
SETTINGS = {
    # TensorFlow would greet every run with its build flags. Errors still arrive as exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # A GPU's memory is taken as it is needed, so that several processes can share it.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # JAX keeps all that it compiles, and looks there first: trials have many networks of the same shapes.
    CACHE: platformdirs.user_cache_dir("seismic-hpo", appauthor=False),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}

# Of glibc's mallopt, by its own names of them: the largest block that comes from the heap, how much that is free there
# stays with the process, by how much a heap grows, and the number of heaps. A thread would have a heap of its own, in
# which there is no room for the arrays of a large network.
MALLOC = {
    "M_MMAP_THRESHOLD": (-3, 2**30),
    "M_TRIM_THRESHOLD": (-1, 2**29),
    "M_TOP_PAD": (-2, 2**26),
    "M_ARENA_MAX": (-8, 1),
}


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Keep what compiled libraries write to the standard error stream off the screen; exceptions still pass."""
    sys.stderr.flush()
    screen = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)


def _installed() -> list[str]:
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def check_backend() -> None:
    """Raise UserError unless the backend that the environment asks for, or any one, is installed."""
    asked, installed = os.environ.get("KERAS_BACKEND"), _installed()
    if asked and asked not in BACKENDS:
        raise UserError(f"KERAS_BACKEND is {asked!r}; {', '.join(BACKENDS)} are valid")
    if asked and asked not in installed:
        others = f", or one of {', '.join(installed)} in KERAS_BACKEND" if installed else ""
        raise UserError(f"KERAS_BACKEND is {asked!r}, which is not installed; it needs pip install {asked}{others}")
    if not installed:
        raise UserError(f"none of {', '.join(BACKENDS)} is installed; the networks need pip install {BACKENDS[0]}")


def prepare_environment() -> None:
    """Put SETTINGS, and a backend that is installed, into the environment where it has no others."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    installed = _installed()
    if installed and BACKENDS[0] not in installed:  # Keras would look for TensorFlow.
        os.environ.setdefault("KERAS_BACKEND", installed[0])


def keep_memory() -> None:
    """Let the process keep memory that it has freed, where its C library is glibc.

    Blocks of traces and the arrays of each step are large, so that by default each goes back to the system, and comes
    again page by page, which the system has to clear: on some machines that takes as long as the work itself.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for number, value in MALLOC.values():
            library.mallopt(number, value)


@functools.cache
def load_keras() -> ModuleType:
    """Load Keras without its backend's messages, in the environment that `prepare_environment` makes."""
    prepare_environment()
    keep_memory()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with silent_stderr():  # some messages come before TensorFlow reads its log level
        import keras
    return keras
