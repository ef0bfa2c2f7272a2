"""Streams of arrival times and labels, for training, validation and blind tests.

    (seed, stream, epoch, block) -> sequences -> x: times (n, 6) in s, y: 1 for an earthquake, else 0

The published sequences are in files of a fixed number of rows: the training has the first 160 of the 200, in another
order in every epoch, and the validation the last 40. Blind sequences are new ones of the same law and stations.
"""

import numpy as np

from dataGeneration import TRACES_PER_BLOCK, stream_generator
from dataPreProcessing import CustomDataGen, TraceProtocol
from problems.arrivals.generator import STATIONS, Sequences, make_sequences
from problems.arrivals.published import VALIDATION_SHARE, fresh_sequences, published_sequences

N_STATIONS = len(STATIONS)
PROTOCOL = TraceProtocol(n_samples=N_STATIONS)
SHUFFLE = 10**9  # the number of the block that stands for the order of the published rows in an epoch


class Arrivals(CustomDataGen):
    """Times x (n, 6) in s, one per station, and labels y (n, 1), of which half are 1.

    Options are those of `CustomDataGen`. Raises ValueError for another number of samples than there are stations.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, gen_type=None, **options)
        if self.n_samples != N_STATIONS:
            raise ValueError(f"a sequence has {N_STATIONS} times, one per station, not {self.n_samples}")

    def sequences(self, rng: np.random.Generator, n: int) -> Sequences:
        """Draw n sequences, with all that is known of them."""
        return make_sequences(rng, n)

    def make_block(self, rng: np.random.Generator, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and labels, float32."""
        return pairs_of_sequences(self.sequences(rng, n_traces))


def pairs_of_sequences(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Return x (n, 6) and y (n, 1) of sequences, float32, as networks are trained on them."""
    return sequences.times.astype(np.float32), sequences.labels.astype(np.float32)[:, None]


class PublishedArrivals(Arrivals):
    """The rows of the published training file, and as blind sequences new ones of its stations.

    Raises ValueError for more rows than the file has for a stream.
    """

    def __init__(self, *arguments: object, generation: str = "published", **options: object) -> None:
        super().__init__(*arguments, **options)
        rows = published_sequences("train")
        first = round((1 - VALIDATION_SHARE) * len(rows.labels))
        parts = {"training": slice(first), "validation": slice(first, None)}
        self.rows = rows.take(parts[self.stream]) if self.stream in parts else None
        if self.rows and self.n > len(self.rows.labels):
            raise ValueError(f"the published file has {len(self.rows.labels)} rows for {self.stream}, not {self.n}")

    def sequences(self, rng: np.random.Generator, n: int) -> Sequences:
        """New sequences, or rows of the file at random."""
        if self.rows is None:
            return fresh_sequences(rng, n)
        return self.rows.take(rng.choice(len(self.rows.labels), n, n > len(self.rows.labels)))

    def _make(self, age: int, block: int, n_traces: int) -> tuple[np.ndarray, np.ndarray]:
        if self.rows is None:
            return super()._make(age, block, n_traces)
        order = np.arange(len(self.rows.labels))
        if self.stream == "training":
            order = stream_generator(self.seed, self.stream, age, SHUFFLE).permutation(order)
        first = block * TRACES_PER_BLOCK
        return pairs_of_sequences(self.rows.take(order[first : first + n_traces]))
