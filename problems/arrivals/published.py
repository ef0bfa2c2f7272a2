"""The published exercise on phase arrivals: its two files, made again from their seed, and what a result on them means.

    RandomState(1234) -> false picks -> stations -> hypocentres -> origin times -> rows drawn with replacement -> text

Seminar exercise CERI 7703/8703 (University of Memphis, 2021) with its repository tgoebel/phaseClass. Times are in s,
places in km, the velocity in km/s. All events are at the surface, and no pick has an error.
"""

import io
from typing import NamedTuple

import numpy as np

from problems.arrivals.generator import EARTHQUAKE, KINDS, Sequences
from support.checks import check_choice, check_whole

SEED = 1234  # of both files
N_STATIONS = 6
N_OF_CLASS = {"train": 100, "test": 50}  # events, and false picks, that the rows of a file are drawn from
VELOCITY = 6.0  # km/s
LATEST_FALSE_PICK = 1.5 * (200**0.5 + 15)  # s; the exercise adds a distance in km to a time in s
VALIDATION_SHARE = 0.2  # of the training file, its last rows
RULE_THRESHOLD = 4.9  # s, about 2 s for each of six stations


class _Law(NamedTuple):
    """What the sequences of one file are drawn from, and the draws themselves."""

    stations: np.ndarray  # km, (6, 2)
    sequences: Sequences  # earthquakes first, each once


def _law(draw: np.random.RandomState | np.random.Generator, n: int, stations: np.ndarray | None = None) -> _Law:
    """Draw n earthquakes and n sequences of false picks, in the exercise's order; and the stations, unless given."""
    false = draw.uniform(1, LATEST_FALSE_PICK, (n, N_STATIONS))
    if stations is None:
        stations = np.column_stack([draw.uniform(0, 10, N_STATIONS), draw.uniform(-100, 100, N_STATIONS)])
    x, y = draw.uniform(0, 10, n), draw.uniform(0, 10, n)
    origins = draw.uniform(1, 15, n)
    arrivals = np.hypot(x[:, None] - stations[:, 0], y[:, None] - stations[:, 1]) / VELOCITY + origins[:, None]
    labels, absent = np.repeat([1, 0], n), np.full((n, 3), np.nan)
    return _Law(
        stations,
        Sequences(
            times=np.concatenate([arrivals, false]),
            labels=labels,
            kinds=np.where(labels == 1, EARTHQUAKE, KINDS.index("random")),
            hypocentres=np.concatenate([np.column_stack([x, y, np.zeros(n)]), absent]),
            origins=np.concatenate([origins, absent[:, 0]]),
        ),
    )


def _file(part: str) -> _Law:
    """Return the stations of a file and its sequences, with all the digits that were drawn."""
    n = N_OF_CLASS[check_choice("part", part, N_OF_CLASS)]
    draw = np.random.RandomState(SEED)
    law = _law(draw, n)
    return _Law(law.stations, law.sequences.take(draw.randint(0, 2 * n, 2 * n)))


def published_text(part: str) -> str:
    """Return the published file of a part, "train" or "test", as it is to the last byte. Raises ValueError for another.

    >>> published_text("train").splitlines()[1]
    '  4.02  7.73  7.90 13.12 23.92 34.03   0'
    """
    made = _file(part).sequences
    header = "# " + "  AT_" * N_STATIONS + "   iEq\n"
    rows = zip(made.times, made.labels, strict=True)
    return header + "".join("".join(f"{time:6.2f}" for time in times) + f"{label:4d}\n" for times, label in rows)


def published_sequences(part: str) -> Sequences:
    """Return the rows of a published file, "train" (200) or "test" (100), with times to 0.01 s as the file has them.

    False picks have no hypocentre and no origin time: NaN. Raises ValueError for another part.

    >>> published_sequences("test").times[0].tolist()
    [34.01, 38.7, 16.59, 27.29, 4.22, 16.75]
    """
    times = np.loadtxt(io.StringIO(published_text(part)), usecols=range(N_STATIONS))
    return _file(part).sequences._replace(times=times)


def published_stations(part: str) -> np.ndarray:
    """Return the stations (6, 2) in km of a published file: those of "train" and of "test" differ.

    >>> published_stations("train")[:, 1].round(1).tolist()
    [-67.5, -48.5, -31.5, -98.8, -12.3, 59.4]
    """
    return _file(part).stations


def fresh_sequences(rng: np.random.Generator, n: int) -> Sequences:
    """Draw ``n`` new sequences by the published law at the stations of the training file, in a random order.

    Half of them are earthquakes, and times are rounded to 0.01 s, as in the files. Raises ValueError unless n is
    at least 1.

    >>> fresh_sequences(np.random.default_rng(0), 4).labels.sum()
    np.int64(2)
    """
    n = check_whole("n", n, 1)
    n_of_class = -(-n // 2)
    made = _law(rng, n_of_class, published_stations("train")).sequences
    made = made._replace(times=made.times.round(2))
    return made.take(rng.permutation(2 * n_of_class)[:n])


def mean_move_out(train: Sequences) -> np.ndarray:
    """Return the mean of the earthquakes' times (6,) in s, each sequence's own mean taken out before."""
    times = train.times[train.labels == 1]
    return (times - times.mean(axis=1, keepdims=True)).mean(axis=0)


def distance_to(move_out: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how far times (n, 6) are from a move-out (6,): the root of the sum of squared differences in s, (n,)."""
    return np.linalg.norm(times - times.mean(axis=1, keepdims=True) - move_out, axis=1)


# --- What a result on these files means


class Facts(NamedTuple):
    """What was counted in the published files, and how good the rule without any network is."""

    train_rows: int
    train_distinct: int
    test_rows: int
    test_distinct: int
    test_seen: int  # rows of the test file that are rows of the training file
    test_seen_earthquakes: int  # how many of these are earthquakes
    test_unseen_distinct: int
    validation_rows: int
    validation_seen: int  # rows that are in the part before the validation part, too
    rule_on_test: float  # accuracy of the rule on the published test file
    rule_on_fresh: float  # accuracy of the rule on new sequences of the training stations
    n_fresh: int


def published_facts(rng: np.random.Generator, n_fresh: int = 10_000) -> Facts:
    """Count what the published files have twice, and test the rule on ``n_fresh`` new sequences.

    The rule says earthquake where the distance to the mean move-out of the training file's earthquakes is below
    RULE_THRESHOLD.

    >>> facts = published_facts(np.random.default_rng(0))
    >>> facts.train_distinct, facts.test_distinct, facts.test_seen, facts.validation_seen
    (128, 63, 34, 24)
    """
    train, test, fresh = published_sequences("train"), published_sequences("test"), fresh_sequences(rng, n_fresh)
    rows, test_rows = _rows(train), _rows(test)
    first = round(len(rows) * (1 - VALIDATION_SHARE))
    move_out = mean_move_out(train)
    on_test, on_fresh = (
        float(np.mean((distance_to(move_out, part.times) < RULE_THRESHOLD) == part.labels)) for part in (test, fresh)
    )
    seen = [row for row in test_rows if row in set(rows)]
    return Facts(
        train_rows=len(rows),
        train_distinct=len(set(rows)),
        test_rows=len(test_rows),
        test_distinct=len(set(test_rows)),
        test_seen=len(seen),
        test_seen_earthquakes=sum(label for *_, label in seen),
        test_unseen_distinct=len(set(test_rows) - set(rows)),
        validation_rows=len(rows) - first,
        validation_seen=sum(row in set(rows[:first]) for row in rows[first:]),
        rule_on_test=on_test,
        rule_on_fresh=on_fresh,
        n_fresh=n_fresh,
    )


def _rows(sequences: Sequences) -> list[tuple]:
    """Return each row of a file, times and label, as what can be in a set."""
    return [(*times, label) for times, label in zip(sequences.times.tolist(), sequences.labels.tolist(), strict=True)]


def in_words(facts: Facts) -> str:
    """Say in a few sentences what an accuracy on the published files is worth.

    >>> print(in_words(published_facts(np.random.default_rng(0)))[:77])
    The rows of the published files were drawn with replacement: 128 of 200 train
    """
    return "\n".join(
        [
            f"The rows of the published files were drawn with replacement: {facts.train_distinct} of "
            f"{facts.train_rows} training rows and {facts.test_distinct} of {facts.test_rows} test rows differ.",
            f"{facts.validation_seen} of the {facts.validation_rows} validation rows, and {facts.test_seen} of the "
            f"{facts.test_rows} test rows, are rows that the network is trained on; {facts.test_seen_earthquakes} of "
            f"these test rows are earthquakes. {facts.test_unseen_distinct} different test rows are new.",
            "The two files have different stations, so that the published test asks whether six times lie close "
            "together, and not whether they fit the stations.",
            "The published problem needs no network: say that a sequence is an earthquake if its times, without their "
            f"mean, are closer than {RULE_THRESHOLD:g} s to those of the mean earthquake of the training file. This is "
            f"right for {facts.rule_on_fresh:.2%} of {facts.n_fresh:,} new sequences of the same stations, and for "
            f"{facts.rule_on_test:.0%} of the published test rows, whose stations are others.",
        ]
    )
