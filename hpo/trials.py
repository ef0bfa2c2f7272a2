"""The trials of a study as a queue that any number of processes, on any number of machines, work off.

    planned: WAITING -> claimed: RUNNING -> result recorded: COMPLETE, PRUNED or FAIL

All trials are made before the first one runs, so that the study has neither more nor fewer than were asked for,
whoever runs them. A trial whose process has gone goes back into the queue, with its number and its parameters.
"""

import contextlib
import os
import platform
import re
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from baseML import RunResult
from dataPreProcessing import Loss
from hpo.storage import locked_on_server
from networks.files import BACKUP, RUN_NAME, loss_history_path, remove_run_files
from support.stopping import check_stop, ignore_signals, stop_was_asked

HEARTBEAT_INTERVAL = 30.0  # s
SILENCE = 600.0  # s without a heartbeat, after which a process on another machine is taken for dead
NOT_IN_NAMES = re.compile(r"[^\w.-]", re.ASCII)
LONGEST_TOKEN = 100  # characters; the last of them are random
ATTEMPTS = 2  # at a trial whose process ends without a word; one that runs out of memory would end every time
LEFT_BY_US = {TrialState.FAIL: "failed", TrialState.RUNNING: "worker"}  # attributes of our own trials in a state
KINDS = {TrialState.COMPLETE: "trained", TrialState.FAIL: "failed"}  # of trials; other states name theirs


# --- What trials say


def trial_kind(trial: FrozenTrial) -> str:
    """What became of a trial: waiting, running, trained, pruned, failed, or skipped as its network was too large."""
    if trial.state.is_finished() and "skipped" in trial.user_attrs:
        return "skipped"
    return KINDS.get(trial.state, trial.state.name.lower())


def scored_as_too_large(trial: FrozenTrial, skipped_score: float) -> bool:
    """Whether only its score marks the network of a trial as too large, as in a study of the published scripts."""
    return trial.value == skipped_score and "n_parameters" not in trial.user_attrs


def counted(trial: FrozenTrial) -> bool:
    """Whether a trial counts in the total: not one that other software, or an older version, left unfinished."""
    return trial.state not in LEFT_BY_US or LEFT_BY_US[trial.state] in trial.user_attrs


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that have their result: trained, skipped, pruned, or failed for a reason of their own."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished() and counted(trial)]


def trained_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials whose network was trained to the end, the best first."""
    trained = [trial for trial in study.get_trials(deepcopy=False) if trial_kind(trial) == "trained"]
    return sorted(trained, key=lambda trial: trial.value)


def in_memory(name: str, trials: Iterable[FrozenTrial], attributes: Mapping[str, object] | None = None) -> optuna.Study:
    """Return a study in memory with the finished ones of some trials, whatever other software left in them."""
    study = optuna.create_study(study_name=name, direction="minimize")
    for trial in trials:
        if trial.state.is_finished():
            # Study.add_trial refuses what published studies have: failed trials with values, trials without an end.
            study._storage.create_new_trial(study._study_id, trial)
    for key, value in (attributes or {}).items():
        study.set_user_attr(key, value)
    return study


def run_name_of(trial: FrozenTrial) -> str | None:
    """Name of the files of a trial's training; None for an invalid name: a storage may be anybody's."""
    name = trial.user_attrs.get("run_name")
    return name if isinstance(name, str) and RUN_NAME.fullmatch(name) else None


def attributes_of(result: RunResult, loss: Loss) -> dict[str, object]:
    """The result of a training as attributes of its trial; the plain loss has the name of the loss."""
    return {_attribute(name, loss): value for name, value in asdict(result).items()}


def result_of(trial: FrozenTrial, loss: Loss) -> RunResult | None:
    """The result of a trial's training; None where it was not recorded: a storage may be anybody's."""
    values = {field.name: trial.user_attrs.get(_attribute(field.name, loss)) for field in fields(RunResult)}
    recorded = all(isinstance(value, (int, float)) for name, value in values.items() if name != "run_name")
    return RunResult(**values) if recorded and run_name_of(trial) else None


def _attribute(name: str, loss: Loss) -> str:
    return f"validation_{loss.name}" if name == "validation_plain" else name


# --- The queue


@contextlib.contextmanager
def alone(study: optuna.Study, folder: Path) -> Iterator[None]:
    """Keep all other processes, on this machine and others, out of this block for a study."""
    with _mutex(folder), locked_on_server(study._storage, study._study_id):
        yield


def _mutex(folder: Path) -> FileLock:
    return FileLock(folder / ".lock")


class TrialQueue:
    """One process' hold on the trials of a study; used as a context manager, which ends the hold.

    In ``folder`` this machine's processes keep their locks and the files of unfinished trainings. A process holds a
    lock on a file of its own for as long as it lives, however it ends: another process on the machine that gets the
    lock knows for certain that the first one is dead. A process on another machine is taken for dead when its heartbeat
    has not changed for SILENCE by one's own clock; if it is alive after all, its result is dropped, and nothing else
    happens.
    """

    def __init__(self, study: optuna.Study, storage: optuna.storages.BaseStorage, folder: Path) -> None:
        self.study = study
        self.storage = storage
        self.folder = folder
        self.locks = folder / ".workers"
        self.locks.mkdir(parents=True, exist_ok=True)
        # The names of this study's locks begin with it, as the folder has the locks of all studies.
        self._mark = f"{zlib.crc32(study.study_name.encode()):08x}-"
        self.token = f"{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._own_lock = FileLock(self._lock_file(self.token))
        with self.mutex():
            self._own_lock.acquire(timeout=0)
            self._remove_locks_of_the_dead()
        self._seen: dict[int, tuple[object, float]] = {}  # trial: heartbeat, since when
        self._current: FrozenTrial | None = None  # the trial that this process works on, as it was before
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def __enter__(self) -> "TrialQueue":
        return self

    def __exit__(self, *exception: object) -> None:
        if stop_was_asked():  # A library may have turned the interrupt into another error.
            ignore_signals()
        with contextlib.suppress(Exception):  # If the storage does not answer, another process takes the trial back.
            self.give_back()
        self._stopped.set()
        self._heart.join()
        self._own_lock.release()
        if self._current is None:  # Otherwise the lock, which nobody holds, shows that the trial is nobody's.
            self._lock_file(self.token).unlink(missing_ok=True)

    def mutex(self) -> FileLock:
        """Lock of this machine's processes on the study: SQLite does not keep two from claiming one trial."""
        return _mutex(self.folder)

    def plan(self, n_trials: int, base: Mapping[str, object] | None = None) -> None:
        """Make the trials that the study lacks; the very first one gets the parameters ``base``, if there are any."""
        with alone(self.study, self.folder):
            trials = self.study.get_trials(deepcopy=False)
            for number in range(len(trials), len(trials) + n_trials - sum(map(counted, trials))):
                self.study.enqueue_trial(dict(base) if base and number == 0 else {})

    def claim(
        self, n_trials: int, may_begin: Callable[[Sequence[FrozenTrial]], bool] = lambda trials: True
    ) -> FrozenTrial | None:
        """Make the next waiting trial this process' own; None when no trial waits, or the budget is used up.

        Raises KeyboardInterrupt if the process was asked to stop.
        """
        check_stop()
        with alone(self.study, self.folder):
            while True:
                trials = [trial for trial in self.study.get_trials(deepcopy=False) if counted(trial)]
                waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
                if not waiting or len(trials) - len(waiting) >= n_trials or not may_begin(trials):
                    return None
                trial = self._current = min(waiting, key=lambda trial: trial.number)
                self.storage.set_trial_user_attr(trial._trial_id, "worker", self.token)
                if self.storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING) or self._is_own(trial):
                    attempt = trial.user_attrs.get("attempt", 0) + 1
                    for name, value in {"worker": self.token, "attempt": attempt, "heartbeat": 0}.items():
                        self.storage.set_trial_user_attr(trial._trial_id, name, value)
                    return self.storage.get_trial(trial._trial_id)

    def _is_own(self, trial: FrozenTrial) -> bool:
        """Whether a trial runs as this process' own: it was claimed after all, but the answer of a server got lost."""
        found = self.storage.get_trial(trial._trial_id)
        return found.state == TrialState.RUNNING and found.user_attrs.get("worker") == self.token

    def tell(self, trial: optuna.Trial, state: TrialState, value: float | None) -> bool:
        """Record the result of a claimed trial; False when another process took the trial over while it ran."""
        is_own = self.storage.get_trial(trial._trial_id).user_attrs.get("worker") == self.token
        try:
            if is_own:
                trial.study.tell(trial, value, state)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            if self.storage.get_trial(trial._trial_id).state == TrialState.RUNNING:
                raise
            is_own = False
        self._current = None
        return is_own

    def give_back(self) -> None:
        """Put this process' own unfinished trial, if it has one, back into the queue as if it had not been claimed."""
        before = self._current
        if before is not None and self._is_own(before):
            self._remove_training(self.storage.get_trial(before._trial_id), goes_on=True)
            self.storage.set_trial_user_attr(before._trial_id, "attempt", before.user_attrs.get("attempt", 0))
            self.storage.set_trial_state_values(before._trial_id, TrialState.WAITING)
        self._current = None

    def others_running(self) -> list[FrozenTrial]:
        """Trials that other processes have claimed; those of other software, which leave no name, are left alone."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [trial for trial in running if "worker" in trial.user_attrs]

    def recover(self) -> list[str]:
        """Put the trials of dead processes back into the queue, or fail them; returns a sentence about each."""
        sentences = []
        for trial in self.others_running():
            with self._proof_of_death(trial) as is_dead:
                if is_dead:
                    sentences.append(self._take_back(trial))
        return sentences

    @contextlib.contextmanager
    def _proof_of_death(self, trial: FrozenTrial):
        """Whether the process of a trial is dead; on the same machine, nobody else can find out at the same time."""
        path = self._lock_file(trial.user_attrs["worker"])
        if not path.is_file():
            yield self._is_silent(trial)
            return
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            unchanged = self.storage.get_trial(trial._trial_id)
            yield unchanged.state == TrialState.RUNNING and unchanged.user_attrs["worker"] == trial.user_attrs["worker"]
        finally:
            lock.release()
            path.unlink(missing_ok=True)

    def _lock_file(self, token: object) -> Path:
        """The lock of a process on this study, in the folder of locks whatever a storage has for its name."""
        return self.locks / f"{self._mark}{NOT_IN_NAMES.sub('_', str(token))[-LONGEST_TOKEN:]}.lock"

    def _remove_locks_of_the_dead(self) -> None:
        """Remove the locks that nobody holds, but not those that prove the death of the process of a running trial."""
        proofs = {self._lock_file(trial.user_attrs["worker"]) for trial in self.others_running()}
        for path in set(self.locks.glob(f"{self._mark}*.lock")) - proofs:
            with contextlib.suppress(Timeout):
                with FileLock(path, timeout=0):
                    pass  # Windows removes no file that is open.
                path.unlink(missing_ok=True)

    def _is_silent(self, trial: FrozenTrial) -> bool:
        sign = (trial.user_attrs["worker"], trial.user_attrs.get("heartbeat"))
        known, since = self._seen.get(trial._trial_id, (None, 0.0))
        if sign != known:
            self._seen[trial._trial_id] = (sign, time.monotonic())
            return False
        return time.monotonic() - since > SILENCE

    def _take_back(self, trial: FrozenTrial) -> str:
        self._seen.pop(trial._trial_id, None)
        goes_on = trial.user_attrs.get("attempt", 0) < ATTEMPTS
        self._remove_training(trial, goes_on)
        if goes_on:
            self.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
            return f"trial {trial.number:3d}  its process is gone; it is tried again"
        reason = f"its process ended without a word {ATTEMPTS} times (killed, or out of memory)"
        self.storage.set_trial_user_attr(trial._trial_id, "failed", reason)
        self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return f"trial {trial.number:3d}  failed: {reason}"

    def _remove_training(self, trial: FrozenTrial, goes_on: bool) -> None:
        """Remove the files of an interrupted training, unless it has a backup here after which it ``goes_on``."""
        run_name = run_name_of(trial)
        if run_name and not (goes_on and (self.folder / f"{run_name}{BACKUP}").is_dir()):
            remove_run_files(self.folder, run_name)
            loss_history_path(self.folder, run_name).unlink(missing_ok=True)

    def _beat(self) -> None:
        """Record from time to time that this process is alive; a storage that does not answer is asked again later."""
        count = 0
        while not self._stopped.wait(HEARTBEAT_INTERVAL):
            count += 1
            current = self._current
            if current is not None:
                with contextlib.suppress(Exception):
                    self.storage.set_trial_user_attr(current._trial_id, "heartbeat", count)
