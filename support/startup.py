"""The start of Keras: what has to be set before it is loaded, in the one place that loads it first."""

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Iterator
from types import ModuleType

PRECISIONS = ("float32", "mixed_bfloat16")  # of a network's arithmetic; parameters and losses are always float32
SETTINGS = {
    # TensorFlow would greet every run with its build flags. Errors still arrive as exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # A GPU's memory is taken as it is needed, so that several processes can share it.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
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


@functools.cache
def load_keras() -> ModuleType:
    """Load Keras without its backend's messages, with SETTINGS in the environment where it has no others."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with silent_stderr():  # some messages come before TensorFlow reads its log level
        import keras
    return keras
