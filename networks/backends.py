"""What depends on the Keras backend and its device: compilation, precision, determinism, memory, versions."""

import contextlib
import math
import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from networks.rows import NetworkConfig
from networks.size import estimate
from support.startup import load_keras

keras = load_keras()

PRECISIONS = ("float32", "mixed_bfloat16")  # of a network's arithmetic; parameters and losses are always float32
XLA_COSTS = {"dropout", "deconv"}  # kinds of layers
XLA_STEPS = {"lstm": 1, "tcn": 500}  # of a training, from which on compiling a network with such layers pays
XLA_STEPS_OF_OTHERS = 1000
STEPS_A_CALL = 25  # of TensorFlow, for small networks
LARGE_STEP = 6e9  # operations: some 50 ms on a core or two


class Compilation(NamedTuple):
    """How TensorFlow is to run the steps of a training."""

    jit_compile: bool | None  # with XLA; None is Keras' choice
    steps_per_execution: int  # steps from one return to Python to the next
    jit_validation: bool | None = None  # the steps of validation


def choose_compilation(config: NetworkConfig, n_steps: int, n_samples: int = 4096, batch_size: int = 1) -> Compilation:
    """How to run ``n_steps`` training steps on batches of traces of ``n_samples``; the losses are the same within 1e-4.

    XLA, measured on two CPU cores at batch 1 and 4096 samples: a step of the best inversion networks takes 0.5 and 0.8
    of the time without, of a CNN_LSTM 0.13, of a CNN 0.2 and of a CNN_VAR 0.5 (both with the grid's base values); but
    of a DNN, whose dropout it draws slowly, 30 times as long, and of the CNN autoencoders, with their transposed
    convolutions, 1.0 to 2.2 times. Compiling takes 1 to 2 s more than without, which a short training of small layers
    does not win back; for a TCN 3 to 8 s more, which 150 to 500 steps do. On a GPU, the choice is Keras' own.
    Validation steps, of several traces, are faster without, by 2 to 25 %, and sooner compiled; not those of an LSTM.

    A return to Python costs 1 ms, a fifth of a step of the smallest autoencoder, and is saved for small networks. Large
    ones return after every step, or else Ctrl-C would have to wait.
    """
    if keras.backend.backend() != "tensorflow":
        return Compilation(None, 1)
    kinds = {layer.kind for layer in config.layers}
    on_cpu = all(device.startswith("cpu") for device in keras.distribution.list_devices())
    enough = min([XLA_STEPS_OF_OTHERS, *(XLA_STEPS[kind] for kind in kinds & XLA_STEPS.keys())])
    xla = not kinds & XLA_COSTS and n_steps >= enough
    large = "lstm" in kinds or estimate(config, n_samples, batch_size=batch_size).operations > LARGE_STEP
    in_steps = 1 if large else STEPS_A_CALL
    return Compilation(xla, in_steps, xla and "lstm" in kinds) if on_cpu else Compilation(None, in_steps)


# --- Training


@contextlib.contextmanager
def _gradients_forgotten() -> Iterator[None]:
    """On TensorFlow, take out of its registry what a training puts there: the gradient of every swish in its graphs.

    TensorFlow never does, and each of them keeps alive the graphs and the data of its training, some 5 MB of a small
    network.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import ops

    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})  # not public: it may go
    known = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - known:
            if name.startswith("CustomGradient-"):  # others come with modules that are imported meanwhile
                del registry[name]


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """Layers that are made meanwhile calculate in one of PRECISIONS."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def make_deterministic() -> None:
    """From now on, have a GPU repeat a training to the last bit, which takes longer; a CPU does so by itself.

    To be called before the first network is built.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, PyTorch refuses
        torch.use_deterministic_algorithms(True)
    else:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()


CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # bytes
LIBRARIES = ("keras", "tensorflow", "jax", "torch", "keras-tcn", "numpy", "scipy", "optuna")


def memory_limit() -> float:
    """Bytes that networks may take, at most; infinite for a GPU, whose libraries say by themselves what is too much."""
    if device_name() != "cpu" or not hasattr(os, "sysconf"):
        return math.inf
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CONTAINER_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return float(min(limits))


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name() -> str:
    """Kind of the device that networks run on: cpu, gpu, cuda."""
    if keras.backend.backend() == "torch":  # has no list of devices in Keras
        return keras.ops.zeros(1).device.type
    return keras.distribution.list_devices()[0].split(":")[0]


def hardware() -> str:
    """What runs the networks, in words."""
    return f"Keras {keras.__version__} with {keras.backend.backend()}, {device_name()} ({os.cpu_count()} CPU cores)"
