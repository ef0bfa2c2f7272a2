"""What depends on the Keras backend and its device: compilation, precision, determinism, memory, versions."""

import contextlib
import math
import os
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from networks.rows import NetworkConfig
from networks.size import estimate
from support.startup import load_keras

keras = load_keras()

XLA_COSTS = {"deconv"}  # kinds of layers that XLA makes slower
XLA_STEPS = {"lstm": 1, "tcn": 500}  # steps of the shortest training that XLA makes faster, by kind of layer
XLA_STEPS_OF_OTHERS = 1000
STEPS_A_CALL = 25  # steps of a small network that TensorFlow does before it returns to Python
CACHE_BYTES = 2.0**30
LARGE_STEP = 6e9  # operations, about 50 ms on two cores


class Compilation(NamedTuple):
    """How TensorFlow is to run the steps of a training."""

    jit_compile: bool | None  # whether XLA compiles training steps; None leaves the choice to Keras
    steps_per_execution: int  # steps from one return to Python to the next
    jit_validation: bool | None = None  # whether XLA compiles validation steps


def choose_compilation(config: NetworkConfig, n_steps: int, n_samples: int = 4096, batch_size: int = 1) -> Compilation:
    """How to run ``n_steps`` training steps on batches of traces of ``n_samples``; the losses are the same within 1e-4.

    On a CPU, XLA is for networks without XLA_COSTS whose training is long enough to gain what compiling takes (measured
    in docs/PERFORMANCE.md); on a GPU, the choice is Keras' own. A return to Python costs 1 ms, so small networks do
    several steps at once; large ones return after every step, as Ctrl-C would have to wait otherwise.
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
def gradients_forgotten() -> Iterator[None]:
    """Afterwards, TensorFlow's registry of gradients is what it was before.

    A training adds the gradient of every swish in its graphs. TensorFlow itself never removes them, and each of them
    keeps the graphs and the data of its training in memory, about 5 MB for a small network.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import ops

    # The registry is not public, so that another version of TensorFlow may have none.
    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    known = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - known:
            if name.startswith("CustomGradient-"):  # modules that are imported inside the block add other names
                del registry[name]


@contextlib.contextmanager
def computing_in(name: str) -> Iterator[None]:
    """Layers that are made inside this context calculate in one of PRECISIONS."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def make_deterministic() -> None:
    """Make a GPU repeat a training to the last bit, which takes longer; a CPU always does.

    This function must be called before the first network is built.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch demands this setting
        torch.use_deterministic_algorithms(True)
    else:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()


def tidy_cache(wanted: bool = True, most_bytes: float = CACHE_BYTES) -> None:
    """Make room in the folder where JAX keeps what it has compiled; unless it is ``wanted``, JAX goes on without it.

    The oldest files are removed until the others take no more than ``most_bytes``. JAX could do this itself, but would
    write nothing more once a process was killed while it wrote there.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    if not wanted:
        jax.config.update("jax_enable_compilation_cache", False)
    folder = jax.config.jax_compilation_cache_dir
    if not folder or not jax.config.jax_enable_compilation_cache:
        return
    with contextlib.suppress(OSError):  # Another process may tidy it, too.
        files = [(path.stat(), path) for path in Path(folder).glob("*-cache")]
        too_much = sum(found.st_size for found, _ in files) - most_bytes
        for found, path in sorted(files, key=lambda file: file[0].st_mtime):
            if too_much <= 0:
                break
            path.unlink(missing_ok=True)
            too_much -= found.st_size


CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # bytes
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")  # a folder for each one, on Linux
LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy", "scipy", "optuna")


def memory_limit() -> float:
    """The most bytes that networks may take; infinite on a GPU, whose libraries raise an error for too much."""
    if device_name() != "cpu" or not hasattr(os, "sysconf"):
        return math.inf
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CONTAINER_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return float(min(limits))


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a result depends on."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name() -> str:
    """Kind of the device that networks run on: cpu, gpu or cuda."""
    if keras.backend.backend() == "torch":  # Keras has no list of PyTorch's devices
        return keras.ops.zeros(1).device.type
    return keras.distribution.list_devices()[0].split(":")[0]


def unused_gpu() -> str:
    """A sentence on an NVIDIA GPU of this machine that the networks do not run on; empty where there is none."""
    if device_name() != "cpu" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ""
    there = any(NVIDIA_GPUS.iterdir()) if NVIDIA_GPUS.is_dir() else shutil.which("nvidia-smi")
    words = (
        f"this machine has an NVIDIA GPU that {keras.backend.backend()} does not use; README.md says what to install"
    )
    return words if there else ""


def hardware() -> str:
    """The library and the device that run the networks, in words."""
    unused = f"; {sentence}" if (sentence := unused_gpu()) else ""
    backend = f"Keras {keras.__version__} with {keras.backend.backend()}"
    return f"{backend}, {device_name()} ({os.cpu_count()} CPU cores){unused}"
