"""What a run on the published exercise leaves: its two files, its figure, its numbers, and what they are worth."""

import csv
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from dataPreProcessing import TraceProtocol
from evaluation.blind import Networks
from evaluation.task import Task
from networks.files import loss_history_path
from plots.arrivals import plot_published
from problems.arrivals.baselines import BASELINES, Method
from problems.arrivals.known import NetworkMethod, baseline_of, sequences_of, title_of
from problems.arrivals.published import distance_to, in_words, mean_move_out, published_facts, published_sequences
from problems.arrivals.published import VALIDATION_SHARE, fresh_sequences, published_text
from problems.arrivals.generator import Sequences
from support.files import replace_file

SHA256 = {  # of the published files
    "train": "ae659b6d9c68449ce6dbf84a74ad21654d422e2735e6a66e91f7d9cbfda98065",
    "test": "8f74c1ee814af29592d985fd2f0877eb0b25870663816bf7193f2f91f049574a",
}
LEARNED = ("random forest, raw times", "random forest, centred times")
MOVE_OUT = "distance to the mean move-out"


class MoveOutTest:
    """The distance to the mean move-out of the earthquakes, and the probability that it stands for in the training."""

    def fit(self, train: Sequences, validation: Sequences) -> "MoveOutTest":
        """Learn from the training part; the validation part plays no role."""
        self.move_out = mean_move_out(train)
        # The classes are far apart, so that the steepness of the curve is that of the regularisation.
        self.curve = LogisticRegression().fit(self._distance(train.times), train.labels)
        return self

    def score(self, times: np.ndarray) -> np.ndarray:
        """Return the probability (n,) of an earthquake for times (n, 6) in s."""
        return self.curve.predict_proba(self._distance(times))[:, 1]

    def _distance(self, times: np.ndarray) -> np.ndarray:
        return distance_to(self.move_out, times)[:, None]


METHODS: Mapping[str, Callable[[], Method]] = {name: BASELINES[name] for name in LEARNED} | {MOVE_OUT: MoveOutTest}


@functools.lru_cache(maxsize=1)
def known_of(names: tuple[str, ...] = tuple(METHODS)) -> Mapping[str, Method]:
    """Return methods of METHODS, fitted to the first part of the training file."""
    rows = published_sequences("train")
    train = rows.take(slice(round((1 - VALIDATION_SHARE) * len(rows.labels))))
    return {name: METHODS[name]().fit(train, train) for name in names}


def known(seed: int, protocol: TraceProtocol) -> Mapping[str, Method]:
    """Return all of them, as a `Task` asks for it."""
    return known_of()


PUBLISHED_BASELINES = {title_of(name): baseline_of(name) for name in METHODS}


def report(
    task: Task,
    networks: Networks,
    n_test: int,
    seed: int,
    protocol: TraceProtocol,
    folder: Path | None = None,
) -> str:
    """Return the accuracies on the published test file, and what they are worth; ``folder`` gets files and figure."""
    facts = published_facts(np.random.default_rng(seed))
    methods = {title_of(name): method for name, method in task.known(seed, protocol).items()}
    methods |= {name: NetworkMethod(network) for name, network in networks.items()}
    sets = _test_sets(seed, n_test)
    lines = ["", f"Accuracy on {', '.join(f'{name} ({len(one.labels)})' for name, one in sets.items())}:"]
    width = max(map(len, methods))
    for name, method in methods.items():
        shares = [f"{np.mean((method.score(one.times) > 0.5) == one.labels):7.3f}" for one in sets.values()]
        lines.append(f"  {name:{width}s} {'  '.join(shares)}")
    lines += ["", in_words(facts), ""]
    lines += _files(folder)
    for name, network in networks.items() if folder else ():
        test, history = sets["the published test"], _history(network.best_model_path)
        figure = folder / f"{network.best_model_path.stem}_published.png"
        plot_published(history, test.labels, NetworkMethod(network).score(test.times), save_path=figure, title=name)
        lines.append(f"Figure        {figure}")
    return "\n".join(lines)


def _test_sets(seed: int, n_new: int) -> dict[str, Sequences]:
    """Return the published test, its different rows that are not in the training file, and the blind sequences."""
    train, test = published_sequences("train"), published_sequences("test")
    _, first = np.unique(test.times, axis=0, return_index=True)
    seen = {tuple(row) for row in train.times}
    unseen = [row for row in np.sort(first) if tuple(test.times[row]) not in seen]
    new = sequences_of(fresh_sequences, "blind", n_new, seed)
    return {"the published test": test, "its new rows": test.take(unseen), "new sequences": new}


def _files(folder: Path | None) -> list[str]:
    """Return a line on each published file, which goes to ``folder``, if there is one."""
    lines = []
    for part, expected in SHA256.items():
        content = published_text(part).encode()
        found = hashlib.sha256(content).hexdigest()
        place = folder / f"published_{part}.txt" if folder else f"the {part} file"
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(place, content)
        agrees = "as published" if found == expected else f"NOT that of the published file, {expected}"
        lines.append(f"File          {place}: {len(content)} bytes, SHA-256 {found}, {agrees}")
    return lines


def _history(path: Path) -> dict[str, np.ndarray]:
    """Return the loss history beside a network by column, empty where there is none."""
    places = path.with_name(f"{path.stem}_log.csv"), loss_history_path(path.parent, path.stem)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return {}
    with found.open(newline="", encoding="utf-8") as file:
        rows: Sequence[Mapping[str, str]] = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in (rows[0] if rows else ())}
