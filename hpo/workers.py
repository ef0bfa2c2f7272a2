"""Several processes of one run on one machine: started, watched, replaced when they die, and stopped."""

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

import optuna
from optuna.trial import TrialState

from hpo.report import Progress
from hpo.run import Run
from hpo.trials import finished_trials
from hpo.urls import public_url
from networks.backends import device_name
from support.errors import StoppedError
from support.startup import load_keras
from support.stopping import check_stop, ignore_signals, stop_was_asked
from support.words import number_of

keras = load_keras()

POLL = 1.0  # s between two looks at what other processes do
TIME_TO_END = 60.0  # s that a process has to end after it was asked to
WORKER_STORAGE = "HPO_WORKER_STORAGE"  # in the environment, which other users cannot read, as they can a command line
ENDED_BY_ITSELF = (0, 1, 2, 130)  # statuses of a script; others are those of a process that was killed, or crashed
# Beside one death of each process, without a new result: after these, the next process would die as well.
SPARE_DEATHS = 2
GPU_MEMORY = 0.9  # of a GPU's memory, for the processes that share it
PROCESSES_ON_GPU, PROCESS_MEMORY = 4, 4000.0  # at most; MiB
RESULTS = (TrialState.COMPLETE, TrialState.PRUNED)


def supervise(run: Run, study: optuna.Study, progress: Progress) -> None:
    """Start the run's processes, replace those that die, and wait for them.

    Raises StoppedError when all of them ended before the study was done, and KeyboardInterrupt if the process was asked
    to stop.
    """
    logs = run.tree.search / ".workers" / run.study_name  # Another study may run in this tree at the same time.
    logs.mkdir(parents=True, exist_ok=True)
    processes = {index: _start_worker(run, index, logs) for index in range(run.n_workers)}
    n_deaths = n_results = 0
    try:
        while processes:
            time.sleep(POLL)
            check_stop()
            progress.update()
            for index, process in list(processes.items()):
                if process.poll() is None:
                    continue
                del processes[index]
                replaced = False
                if process.returncode not in ENDED_BY_ITSELF:
                    n_before, n_results = n_results, len(study.get_trials(deepcopy=False, states=RESULTS))
                    n_deaths = 1 if n_results > n_before else n_deaths + 1
                    replaced = n_deaths < run.n_workers + SPARE_DEATHS
                if process.returncode:
                    progress.say(_why_it_ended(index, process.returncode, logs, replaced))
                if replaced:
                    processes[index] = _start_worker(run, index, logs)
    finally:
        if stop_was_asked():
            ignore_signals()
        _stop_workers(processes.values())
    progress.update()
    done = len(finished_trials(study))
    if done < run.settings.n_trials and run.may_begin(study.get_trials(deepcopy=False)):
        raise StoppedError(f"all processes ended, with {done} of {number_of(run.settings.n_trials, 'trial')} done")


def _stop_workers(processes: Collection[subprocess.Popen]) -> None:
    """Have processes give back their trials and end; a process that does not is killed."""
    for process in processes:
        process.stdin.close()
    for process in processes:
        try:
            process.wait(TIME_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()


def _start_worker(run: Run, index: int, logs: Path) -> subprocess.Popen:
    given = map(public_url, run.arguments)  # Everybody on the machine sees them.
    arguments = [*given, "--study-name", run.study_name, "--workers", "1", "--as-worker"]
    storage = {} if run.storage_url is None else {WORKER_STORAGE: run.storage_url}
    with (logs / f"{index}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, sys.argv[0], *arguments],
            env=os.environ | worker_environment(index, run.n_workers, gpus()) | storage,
            # Ctrl-C reaches the workers only once, through `supervise`.
            start_new_session=True,
            # This pipe ends with this process, however that ends, and the worker with the pipe.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def worker_environment(index: int, n_workers: int, devices: list[str]) -> dict[str, str]:
    """What one of several processes on a machine may use: a GPU, dealt out in turns, and its share of the CPU.

    Of the memory of a GPU that they share, each process has a part on JAX; TensorFlow and PyTorch take what they need.
    """
    threads = str(max(1, (os.cpu_count() or 1) // n_workers))
    shares = {name: threads for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    if not devices:
        return shares
    on_one_device = math.ceil(n_workers / len(devices))
    if on_one_device > 1:
        shares["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{GPU_MEMORY / on_one_device:.3f}"
    return {**shares, "CUDA_VISIBLE_DEVICES": devices[index % len(devices)]}


def gpus() -> list[str]:
    """Numbers of the NVIDIA GPUs that this process may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [device for device in allowed.split(",") if device.strip()]
    return [str(number) for number, line in enumerate(_nvidia_smi("--list-gpus")) if line.startswith("GPU")]


def _nvidia_smi(*options: str) -> list[str]:
    """What NVIDIA's program prints, by lines; none without the program."""
    if shutil.which("nvidia-smi") is None:
        return []
    return subprocess.run(["nvidia-smi", *options], capture_output=True, text=True).stdout.splitlines()


def usual_workers() -> int:
    """How many processes a search has where none are asked for: several on a GPU with JAX, else one.

    A quick study leaves a GPU idle for most of the time, while Python builds the networks. Four processes took 0.63 of
    the time of one (H100, docs/PERFORMANCE.md). Each needs PROCESS_MEMORY of the GPU, and two cores.
    """
    if keras.backend.backend() != "jax" or device_name() == "cpu":
        return 1
    memory = _nvidia_smi("--query-gpu=memory.total", "--format=csv,noheader,nounits")
    on_each = min([PROCESSES_ON_GPU, *(int(float(mebibytes) / PROCESS_MEMORY) for mebibytes in memory)])
    return max(1, min(on_each * len(gpus()), (os.cpu_count() or 1) // 2))


def _why_it_ended(index: int, status: int, logs: Path, replaced: bool) -> str:
    lines = (logs / f"{index}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")] or lines  # The way to go on stands after an error.
    why = f": {errors[-1].partition('; to go on:')[0]}" if errors else ""
    then = "another one takes its place" if replaced else "the others go on"
    return f"process {index} of this run ended with status {status}{why}; {then}"
