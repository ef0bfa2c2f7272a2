"""Run a long study on PostgreSQL, whose processes are killed now and then: nothing may be lost, no process may grow.

    python -m benchmarks.soak --trials 500 --workers 4 --kill-every 20 --minutes 60

Several processes run hundreds of tiny trials of one study; each process is started again when it was killed. The first
one is never killed, because its growth over all its trials is measured. The exit status is 1 when anything is wrong;
every fault is printed in one line. This needs PostgreSQL, whose server it starts itself, and psutil.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import psutil
import psycopg
from optuna.trial import FrozenTrial, TrialState

import baseML
import networks.files
from hpo.tree import ResultsTree
from hpo.workers import worker_environment
from run_DenoisingML_HPO_Paper import PROBLEM
from support.words import number_of
from tests import postgresql
from tests.toys import TOY, pid_of

ROOT = Path(__file__).parents[1]
STUDY = "soak"
OWN_NAME = "application_name=soak"  # sets the connections of this script apart from those that are counted
SAMPLING, CHECKING = 2.0, 15.0  # s between two samples of the processes, and between two readings of all trials
GROWTH = 0.3  # MB per trial: 90 MB over the paper's 300 trials, less than one network of that study takes
SLACK = 2  # open files and threads that happen to be there at the moment of a sample
CONNECTIONS = 3  # per process: its main thread's, its heartbeat's, and one while it starts
FEWEST_TRIALS = 12  # of the first process, to fit its growth
KILLED_TWICE = "its process ended without a word"


@dataclass
class Sample:
    """The state of one process at one moment."""

    seconds: float  # since the start
    index: int  # of the process
    megabytes: float
    files: int
    threads: int
    connections: float  # to the database, per living process


@dataclass
class Soak:
    """One soak: its processes, the samples of them, and the faults."""

    url: str
    output: Path
    n_trials: int
    n_workers: int
    kill_every: float
    seed: int
    started: float = field(default_factory=time.time)
    processes: dict[int, subprocess.Popen] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    kills: list[int] = field(default_factory=list)  # pids
    samples: list[Sample] = field(default_factory=list)
    finished: dict[int, FrozenTrial] = field(default_factory=dict)  # as first seen, by number
    faults: list[str] = field(default_factory=list)

    @property
    def tree(self) -> ResultsTree:
        return ResultsTree(self.output / "Results", PROBLEM.folder)

    def start(self, index: int) -> None:
        """Start a process, or another one in its place."""
        options = ("--n-trials", str(self.n_trials), "--study-name", STUDY, "--storage", self.url)
        script = [sys.executable, ROOT / "tests" / "toys.py", *TOY, *options, "--output", self.tree.output]
        toy = {"TOY_PROBLEM": PROBLEM.name, "MPLBACKEND": "agg"}
        environment = os.environ | worker_environment(index, self.n_workers, []) | toy
        with (self.output / f"{index}.log").open("a") as log:
            self.processes[index] = subprocess.Popen(
                script, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def work(self, deadline: float) -> None:
        """Keep the processes going, kill and sample them, until the study is done or the time is over."""
        draw = random.Random(self.seed)
        for index in range(self.n_workers):
            self.start(index)
        next_kill, next_check = time.time() + draw.expovariate(1 / self.kill_every), time.time() + CHECKING
        with psycopg.connect(self.url.replace("+psycopg", "") + f"?{OWN_NAME}", autocommit=True) as database:
            while len(self.done) < self.n_workers:
                time.sleep(SAMPLING)
                self.look_after()
                self.sample(database)
                if time.time() > next_kill:
                    next_kill += draw.expovariate(1 / self.kill_every)
                    self.kill(draw)
                if time.time() > next_check:
                    next_check = time.time() + CHECKING
                    self.check_finished(self.trials())
                if time.time() > deadline:
                    self.faults.append("the study was not done in time")
                    break

    def look_after(self) -> None:
        """Start processes again that ended before the study was done."""
        for index, process in self.processes.items():
            status = process.poll()
            if index in self.done or status is None:
                continue
            if status == 0:
                self.done.add(index)
                continue
            if process.pid not in self.kills:
                last = (self.output / f"{index}.log").read_text(errors="replace").strip().splitlines()[-1:]
                self.faults.append(f"process {index} ended by itself with status {status}: {''.join(last)}")
            self.start(index)

    def kill(self, draw: random.Random) -> None:
        """Kill any process but the first."""
        living = [index for index in self.processes if index and index not in self.done]
        if living:
            process = self.processes[draw.choice(living)]
            process.kill()
            process.wait()
            self.kills.append(process.pid)

    def sample(self, database: psycopg.Connection) -> None:
        """Record memory, open files, threads and connections of every living process."""
        condition = "datname = current_database() AND application_name <> 'soak'"
        connections = database.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {condition}").fetchone()[0]
        living = {index: process for index, process in self.processes.items() if process.poll() is None}
        for index, process in living.items():
            try:
                seen = psutil.Process(process.pid)
                files = seen.num_fds() if hasattr(seen, "num_fds") else seen.num_handles()
                resources = seen.memory_info().rss / 1e6, files, seen.num_threads()
            except psutil.Error:  # it has just ended
                continue
            self.samples.append(Sample(time.time() - self.started, index, *resources, connections / len(living)))

    def trials(self) -> list[FrozenTrial]:
        """Read all trials from the database itself, not from Optuna's memory of finished trials."""
        storage = optuna.storages.RDBStorage(f"{self.url}?{OWN_NAME}")
        try:
            return storage.get_all_trials(storage.get_study_id_from_name(STUDY))
        except KeyError:  # the study does not exist yet
            return []
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def check_finished(self, trials: list[FrozenTrial]) -> None:
        """Record the trials that have finished since the last call; the trials known before must be unchanged."""
        now = {trial.number: trial for trial in trials if trial.state.is_finished()}
        for number, trial in self.finished.items():
            if number not in now:
                self.faults.append(f"trial {number} was finished and is lost")
            elif now[number] != trial:
                self.faults.append(f"trial {number} was finished and has changed")
        self.finished.update({number: trial for number, trial in now.items() if number not in self.finished})

    def check_study(self) -> Counter:
        """Check that exactly the requested trials exist, each finished, none twice; return their states."""
        trials = self.trials()
        self.check_finished(trials)
        whole = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        reasons = [trial.user_attrs.get("failed", "") for trial in trials if trial.state == TrialState.FAIL]
        twice = sum(reason.startswith(KILLED_TWICE) for reason in reasons)
        drawn = {tuple(trial.params.items()) for trial in whole}
        self.expect(
            [trial.number for trial in trials] == list(range(self.n_trials)),
            f"the study has {number_of(len(trials), 'trial')}",
        )
        self.expect(len(whole) + twice == len(trials), "not every trial is complete, or failed for being killed twice")
        self.expect(2 * twice <= len(self.kills), f"{number_of(twice, 'trial')} failed, with {len(self.kills)} kills")
        self.expect(
            len(drawn) == len(whole), f"{len(whole) - len(drawn)} times a trial has the parameters of another one"
        )
        self.check_files(whole)
        return Counter(trial.state.name for trial in trials)

    def check_files(self, whole: list[FrozenTrial]) -> None:
        """Check for one row and one loss history per complete trial, one network, and nothing from killed processes."""
        search = self.tree.search
        with self.tree.summary.open(newline="") as file:
            found = Counter(row["Validation Loss"] for row in csv.DictReader(file))
        losses = Counter(str(trial.value) for trial in whole)
        self.expect(found == losses, f"{found.total()} rows for {len(whole)} complete trials")
        histories = {path.name for path in (search / networks.files.LOSS_HISTORY_FOLDER).iterdir()}
        names = {f"{trial.user_attrs['run_name']}_log.csv" for trial in whole}
        self.expect(histories == names, f"{len(histories)} loss histories, {len(histories ^ names)} of them amiss")
        best = min(whole, key=lambda trial: trial.value).user_attrs["run_name"]
        kept = list(self.tree.final_model("Optuna").glob("*.keras"))
        self.expect([path.stem for path in kept] == [best], f"the networks kept are {kept}, not {best}")
        baseML.BaseMLClass.load_model(kept[0])
        left = [*search.glob("*.keras"), *search.glob("*_backup"), *self.tree.output.rglob(".unfinished*")]
        left += (search / ".workers").glob("*.lock")
        self.expect(not left, f"left behind: {', '.join(path.name for path in left)}")

    def expect(self, holds: bool, otherwise: str) -> None:
        """Record a fault unless a condition holds."""
        if not holds:
            self.faults.append(otherwise)

    def growth(self) -> float:
        """Fit the MB per trial by which the first process grows, without the first third of its trials."""
        ends = sorted(
            trial.datetime_complete.timestamp() - self.started
            for trial in self.finished.values()
            if pid_of(trial) == self.processes[0].pid
        )
        if len(ends) < FEWEST_TRIALS:
            self.faults.append(
                f"the first process ended only {number_of(len(ends), 'trial')}, too few to measure its growth"
            )
            return np.nan
        samples = [one for one in self.samples if one.index == 0 and ends[len(ends) // 3] < one.seconds < ends[-1]]
        done = np.searchsorted(ends, [one.seconds for one in samples])
        slope = float(np.polyfit(done, [one.megabytes for one in samples], 1)[0])
        self.expect(slope <= GROWTH, f"the first process grew by {slope:.2f} MB per trial")
        return slope

    def thirds(self, name: str, first_only: bool = True) -> tuple[float, float]:
        """Return the medians of a quantity over the first and the last third of the time of the study."""
        end = max(trial.datetime_complete.timestamp() for trial in self.finished.values()) - self.started
        known = [one for one in self.samples if (one.index == 0 or not first_only) and one.seconds < end]
        parts = [one for one in known if one.seconds < end / 3], [one for one in known if one.seconds > 2 * end / 3]
        return tuple(float(np.median([getattr(one, name) for one in part])) for part in parts)

    def report(self) -> None:
        """Print the table of the samples, and record what has grown."""
        print(f"{'median':36s}{'first third':>12s}{'last third':>12s}   limit")
        for title, name, first_only, limit in (
            ("memory of the first process (MB)", "megabytes", True, None),
            ("memory of any process (MB)", "megabytes", False, None),
            ("open files of the first process", "files", True, SLACK),
            ("threads of the first process", "threads", True, SLACK),
            ("connections, a process", "connections", False, None),
        ):
            before, after = self.thirds(name, first_only)
            print(f"{title:36s}{before:12.1f}{after:12.1f}{f'   + {limit}' if limit else ''}")
            self.expect(limit is None or after <= before + limit, f"{title}: {before:g} became {after:g}")
        print(f"{'growth of the first process':36s}{self.growth():16.3f} MB a trial   {GROWTH}")
        most = max(one.connections for one in self.samples)
        print(f"{'most connections, a process':36s}{most:24.1f}   {CONNECTIONS}")
        self.expect(most <= CONNECTIONS, f"up to {most:.1f} connections a process")


def main() -> int:
    """Run the soak, and print its table and its faults. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--trials", type=int, default=500, help="trials of the study (default 500)")
    add("--workers", type=int, default=4, help="processes (default 4)")
    add("--kill-every", type=float, default=20.0, metavar="S", help="seconds between kills, on average (default 20)")
    add("--minutes", type=float, default=60.0, help="longest time that it may take (default 60)")
    add("--seed", type=int, default=0, help="seed of the kills (default 0)")
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the server, too
    with postgresql.serving() as url, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        soak = Soak(url, Path(folder), asked.trials, asked.workers, asked.kill_every, asked.seed)
        try:
            soak.work(soak.started + 60 * asked.minutes)
        finally:
            for process in soak.processes.values():
                process.kill()
                process.wait()
        states = soak.check_study()
        minutes = (time.time() - soak.started) / 60
        found = ", ".join(f"{n} {state}" for state, n in states.items())
        print(f"{asked.trials} trials by {asked.workers} processes in {minutes:.1f} minutes, {len(soak.kills)} kills")
        print(f"trials at the end: {found}\n")
        soak.report()
    print("\n" + "\n".join(soak.faults or ["Nothing was lost, changed or doubled, and nothing grew."]))
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
