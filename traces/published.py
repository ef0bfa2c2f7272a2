"""Velocity and density as the published scripts made them, in rows that are used again for trace after trace.

    a use of a row: model drawn -> its placed layers overwrite the row from the top -> heterogeneity added to all of it

The paper describes fresh logs for every trace; `traces.earth` makes those. docs/PUBLISHED.md says what the difference
does to the published numbers.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from traces.earth import DENSITY_HETEROGENEITY, VELOCITY_HETEROGENEITY, draw_layers, log_in_time

NEVER_PLACED = 4  # layers, the last ones of every model
HETEROGENEITY = {"VEL": VELOCITY_HETEROGENEITY, "DENS": DENSITY_HETEROGENEITY}  # what a use adds at most


class Placed(NamedTuple):
    """The models of one use of some rows."""

    values: dict[
        str, np.ndarray
    ]  # velocity (ft/s) and density (g/cm3) of the layers, "VEL" and "DENS": (n_traces, most layers)
    counts: np.ndarray  # samples per layer, (n_traces, most layers): the last layer of a model has all that are left
    covered: np.ndarray  # samples that placed layers cover, from the top of each row: (n_traces,)


def place_layers(rng: np.random.Generator, n_traces: int, n_samples: int, dt: float) -> Placed:
    """Random models, of which the layers before the last four are placed, but at least the first one.

    A layer whose base lies below the end of the trace is not placed either. A boundary stands at the sample nearest to
    its two-way time.

    >>> place_layers(np.random.default_rng(0), n_traces=3, n_samples=1000, dt=0.004).covered.tolist()
    [676, 493, 752]
    """
    layers = draw_layers(rng, n_traces)
    base = (2 * layers.thickness / layers.velocity).cumsum(axis=1) / dt  # samples
    number = np.arange(base.shape[1])
    n_placed = np.maximum(layers.n_layers - NEVER_PLACED, 1)[:, None]
    end = np.where((number < n_placed) & (base <= n_samples - 1), np.rint(base), 0).astype(np.int64)
    end = np.maximum.accumulate(end, axis=1)
    covered = end[:, -1].copy()
    end[number >= layers.n_layers[:, None] - 1] = n_samples
    return Placed({"VEL": layers.velocity, "DENS": layers.density}, np.diff(end, axis=1, prepend=0), covered)


class PublishedRows:
    """Velocity and density of a block of traces, in rows that keep what models of earlier uses left in them.

    ``generator_of`` gives the generator of a use by its age, the number of uses before it. The rows of an age follow
    from it alone, to the last bit, however many of the uses before were asked for. ``heterogeneity`` is what a use adds
    to "VEL" and "DENS" at most; with 0 for both, the rows are those of the layers alone.

    >>> rows, others = (PublishedRows(np.random.default_rng, n_traces=2, n_samples=500, dt=0.004) for _ in range(2))
    >>> young, old = rows.at(0), rows.at(7)
    >>> bool((others.at(7)["VEL"] == old["VEL"]).all()), bool((young["VEL"] == old["VEL"]).all())
    (True, False)
    """

    def __init__(
        self,
        generator_of: Callable[[int], np.random.Generator],
        n_traces: int,
        n_samples: int,
        dt: float,
        heterogeneity: Mapping[str, float] = HETEROGENEITY,
    ) -> None:
        self._generator_of = generator_of
        self._heterogeneity = heterogeneity
        self._size = (n_traces, n_samples, dt)
        self._age = -1
        self._logs: dict[str, np.ndarray] = {}

    def at(self, age: int) -> dict[str, np.ndarray]:
        """The rows in the use of this age: "VEL" in ft/s and "DENS" in g/cm3, (n_traces, n_samples) float32 each.

        A jump over many uses costs their models, and the heterogeneity of those samples that later models leave alone.
        """
        if age < self._age:
            self._age = -1
        steps = range(self._age + 1, age + 1)
        covered = {step: self.covered(step) for step in steps[1:]}
        hidden = [np.zeros(self._size[0], np.int64)]  # samples at the top of each row that later uses cover, backwards
        for step in reversed(steps[1:]):
            hidden.append(np.maximum(hidden[-1], covered[step]))
        for step, until in zip(steps, reversed(hidden), strict=True):
            self._use(step, int(until.min()), step not in covered or bool((covered[step] > until).any()))
        return {name: log.copy() for name, log in self._logs.items()}

    def covered(self, age: int) -> np.ndarray:
        """How many samples at the top of each row the model of a use covers, (n_traces,); the others are left over."""
        return self._placed(age).covered

    def _placed(self, age: int) -> Placed:
        return place_layers(self._generator_of(age).spawn(1)[0], *self._size)

    def _use(self, age: int, first: int, is_visible: bool) -> None:
        """Go on to the use of this age, from sample ``first`` on; its model is drawn only if it ``is_visible``."""
        n_traces, n_samples, _ = self._size
        if age == 0:
            self._logs = {name: np.zeros((n_traces, n_samples), np.float32) for name in self._heterogeneity}
        if is_visible:
            placed = self._placed(age)
            # A row that is used for the first time also gets the last layer's values, in all samples that are left.
            written = (np.arange(first, n_samples) < placed.covered[:, None]) | (age == 0)
            for name, log in self._logs.items():
                blocky = log_in_time(placed.values[name].astype(np.float32), placed.counts)
                np.copyto(log[:, first:], blocky[:, first:], where=written)
        _, *rngs = self._generator_of(age).spawn(1 + len(self._heterogeneity))
        for (name, amplitude), rng in zip(self._heterogeneity.items(), rngs, strict=True):
            # The draws go from the last sample upwards, so that the end of the rows needs the first draws only.
            drawn = rng.random((n_samples - first, n_traces), np.float32)
            drawn *= 2 * amplitude
            drawn -= amplitude
            self._logs[name][:, first:] += drawn[::-1].T
        self._age = age
