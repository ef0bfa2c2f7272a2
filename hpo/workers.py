"""Several processes of one run on one machine."""

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
from support.errors import StoppedError
from support.stopping import ignore_signals

POLL = 1.0  # s between two looks at what other processes do
TIME_TO_END = 60.0  # s that a process has to end after it was asked to
WORKER_STORAGE = "HPO_WORKER_STORAGE"  # in the environment, which other users cannot read, as they can a command line
ENDED_BY_ITSELF = (0, 1, 2, 130)  # statuses of a script; others are of a process that was killed, or crashed
SPARE_DEATHS = 2  # beside one of each process


# --- Several processes


def supervise(run: Run, study: optuna.Study, progress: Progress) -> None:
    """Start the run's processes, replace those that die, and wait for them.

    Raises StoppedError when all ended before the study was done.
    """
    logs = run.tree.search / ".workers"
    logs.mkdir(exist_ok=True)
    processes = {index: _start_worker(run, index, logs) for index in range(run.n_workers)}
    deaths = Deaths(run.n_workers, study)
    try:
        while processes:
            time.sleep(POLL)
            progress.update()
            for index, process in list(processes.items()):
                if process.poll() is None:
                    continue
                del processes[index]
                replaced = deaths.allow_another(process.returncode)
                if process.returncode:
                    progress.say(_why_it_ended(index, process.returncode, logs, replaced))
                if replaced:
                    processes[index] = _start_worker(run, index, logs)
    except KeyboardInterrupt:
        ignore_signals()
        raise
    finally:
        _stop_workers(processes.values())
    progress.update()
    done = len(finished_trials(study))
    if done < run.settings.n_trials and run.may_begin(study.get_trials(deepcopy=False)):
        raise StoppedError(f"all processes ended, with {done} of {run.settings.n_trials} trials done")


class Deaths:
    """How often processes died since a trial got its result; too often, and the next ones would die as well."""

    def __init__(self, n_workers: int, study: optuna.Study) -> None:
        self.most = n_workers + SPARE_DEATHS
        self.study = study
        self.n_deaths = self.n_results = 0

    def allow_another(self, status: int) -> bool:
        """Whether a process that ended with this status is to be replaced."""
        if status in ENDED_BY_ITSELF:
            return False
        results = (TrialState.COMPLETE, TrialState.PRUNED)
        n_results = len(self.study.get_trials(deepcopy=False, states=results))
        self.n_deaths = 1 if n_results > self.n_results else self.n_deaths + 1
        self.n_results = n_results
        return self.n_deaths < self.most


def _stop_workers(processes: Collection[subprocess.Popen]) -> None:
    """Have processes give back their trials and end; one that does not is killed."""
    for process in processes:
        process.stdin.close()
    for process in processes:
        try:
            process.wait(TIME_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()


def _start_worker(run: Run, index: int, logs: Path) -> subprocess.Popen:
    given = map(public_url, run.arguments)  # everybody on the machine sees them
    arguments = [*given, "--study-name", run.study_name, "--workers", "1", "--as-worker"]
    storage = {} if run.storage_url is None else {WORKER_STORAGE: run.storage_url}
    with (logs / f"{index}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, sys.argv[0], *arguments],
            env=os.environ | worker_environment(index, run.n_workers, gpus()) | storage,
            start_new_session=True,  # Ctrl-C reaches them once only, through `supervise`
            stdin=subprocess.PIPE,  # ends with this process, however that ends, and the worker then does
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def worker_environment(index: int, n_workers: int, devices: list[str]) -> dict[str, str]:
    """What one of several processes on a machine may use: its GPU, dealt out in turns, and its share of the CPU."""
    threads = str(max(1, (os.cpu_count() or 1) // n_workers))
    shares = {name: threads for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    return {**shares, **({"CUDA_VISIBLE_DEVICES": devices[index % len(devices)]} if devices else {})}


def gpus() -> list[str]:
    """Numbers of the NVIDIA GPUs that this process may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [device for device in allowed.split(",") if device.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU")]


def _why_it_ended(index: int, status: int, logs: Path, replaced: bool) -> str:
    lines = (logs / f"{index}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    told = [line for line in lines if line.startswith("error: ")] or lines  # after an error's stands the way to go on
    why = f": {told[-1].partition('; to go on:')[0]}" if told else ""
    then = "another one takes its place" if replaced else "the others go on"
    return f"process {index} of this run ended with status {status}{why}; {then}"
