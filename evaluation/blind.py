"""Blind tests: traces that neither training nor validation ever saw, and what methods and networks make of them."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from baseML import BaseMLClass
from dataGeneration import TRACES_PER_BLOCK, WAVELETS
from dataPreProcessing import TraceProtocol
from evaluation.baselines import pairs_of
from evaluation.baselines import traces_and_background
from evaluation.comparison import Row, compare
from evaluation.task import Task
from networks.prediction import TracesWarning
from support.checks import check_choice
from traces.checks import SNR_LIMITS
from traces.variety import Draw, Variety, decay_gain

Networks = Mapping[str, BaseMLClass]  # by name


class Variant(NamedTuple):
    """A kind of traces that is tested."""

    protocol: Callable[[TraceProtocol], TraceProtocol]  # what the traces are like, from what they would be without it
    # What of traces is compared, from the true ones and those that are compared with them, (n_traces, n_samples) each.
    judged: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None  # None: all of them, as they are
    by_predict: bool = False  # networks get the traces by `BaseMLClass.predict`, which mends what it can


def _with(**change: object) -> Callable[[TraceProtocol], TraceProtocol]:
    return lambda start: replace(start, **change)


def _at(dt: float) -> Callable[[TraceProtocol], TraceProtocol]:
    """Traces of the same time at another interval in s."""
    return lambda start: replace(start, dt=dt, n_samples=round(start.n_samples * start.dt / dt))


AS_TRAINED = Variant(lambda start: start)
HETEROGENEITIES = (0.0, 0.25, 0.5, 1.0, 2.0)  # times the paper's
NOISE_LEVELS = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB
INTERVALS = (0.0005, 0.001, 0.002, 0.004)  # s
DECADES = (0.0, 1.0, 2.0, 3.0, 4.0)  # powers of ten from end to end
LEVELS = (0.0, 0.1, 1.0, 10.0, 100.0)  # deviations of a trace
VARIANTS: dict[str, dict[str, Variant]] = {  # kinds of traces that are tested one after the other
    "wavelet": {wavelet.name: Variant(_with(wavelet=code)) for code, wavelet in WAVELETS.items()},
    "noise": {f"{level:g} dB": Variant(_with(snr_db=(level, level))) for level in NOISE_LEVELS}
    | {"no noise": Variant(_with(snr_db=(SNR_LIMITS[1], SNR_LIMITS[1])))},
    # In these, all else is as in the paper.
    "heterogeneity": {
        f"x {factor:g}": Variant(_with(variety=Variety(heterogeneity=Draw(factor)))) for factor in HETEROGENEITIES
    },
    "interval": {f"{1000 * dt:g} ms": Variant(_at(dt), by_predict=True) for dt in INTERVALS},
    "decay": {
        f"10^{decades:g}": Variant(
            _with(variety=Variety(decades=Draw(decades))),
            # Each part of a trace counts alike.
            lambda y, traces, decades=decades: traces / decay_gain(decades, traces.shape[1]),
            by_predict=True,
        )
        for decades in DECADES
    },
    "level": {
        f"{level:g}": Variant(
            _with(variety=Variety(level=Draw(level))), lambda y, traces: traces - y.mean(axis=1, keepdims=True), True
        )
        for level in LEVELS
    },
}


def blind_traces(
    task: Task, n_traces: int, seed: int = 0, protocol: TraceProtocol | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first traces of a seed's blind stream: x and y, (n_traces, n_samples) each, y in the data's unit.

    An x of several channels is (n_traces, n_samples, n_channels); a y that is not a trace is (n_traces, n_values). No
    training and no validation of any seed has these traces. Raises ValueError for a number or protocol that is invalid.
    """
    return stream_pairs(task, "blind", n_traces, seed, protocol or TraceProtocol())


def stream_pairs(
    task: Task, stream: str, n_traces: int, seed: int, protocol: TraceProtocol
) -> tuple[np.ndarray, np.ndarray]:
    """The same of another stream."""
    # In fixed validation, no trace of a second epoch is made ahead.
    stream = task.stream(
        batch_size=TRACES_PER_BLOCK, n=n_traces, seed=seed, stream=stream, validation="fixed", **protocol.options
    )
    return pairs_of(stream)


def blind_test(
    task: Task,
    networks: Networks,
    n_traces: int,
    seed: int = 0,
    protocol: TraceProtocol | None = None,
    variant: Variant = AS_TRAINED,
) -> list[Row]:
    """Classical methods and networks (by name) on the blind traces of a seed; rows as of `compare`.

    ``protocol`` is that of the networks, of whose traces the ``variant`` makes others. Raises ValueError when one of
    the networks takes other traces, and as `blind_traces`.
    """
    traces = variant.protocol(protocol or TraceProtocol())
    x, y = blind_traces(task, n_traces, seed, traces)
    predictions = {name: answer_of(network, x, traces.dt, variant) for name, network in networks.items()}
    rows = compare(task, x, y, predictions, task.known(seed, traces), seed, judged=variant.judged)
    # What is the best of all linear filters for the disturbed traces is not the best where the disturbance is undone.
    return [row for row in rows if row.kind != "ceiling" or variant.judged is None]


def answer_of(network: BaseMLClass, x: np.ndarray, dt: float, variant: Variant) -> np.ndarray:
    """What a network makes of blind traces x, (n_traces, n_values) in the data's unit."""
    if not variant.by_predict:
        return network.predict_result(x)
    with warnings.catch_warnings(action="ignore", category=TracesWarning):  # The test is to show what they say.
        traces, background = traces_and_background(x)
        return network.predict(traces, dt, background=background)


def variants_of(task: Task, protocol: TraceProtocol) -> list[str]:
    """Those of VARIANTS that the traces have; traces without noise have no noise levels."""
    of_paper = protocol.earth.noise_range[1] > 0 and (task.always_noisy or protocol.noisy_data)
    has_noise = of_paper or task.stream(**protocol.options).variety.has_noise
    return [by for by in task.variants if by != "noise" or has_noise]


def blind_tests(
    task: Task, networks: Networks, n_traces: int, by: str, seed: int = 0, protocol: TraceProtocol | None = None
) -> dict[str, list[Row]]:
    """A `blind_test` of each kind of traces of ``by`` (a key of VARIANTS), on the same earth models.

    Raises ValueError as `blind_test` does, for an unknown kind, and for one that the task's traces do not have.
    """
    check_choice("by", by, VARIANTS)
    start = protocol or TraceProtocol()
    if by not in variants_of(task, start):
        if by in task.variants:
            raise ValueError(f"{task.name} is from traces without noise, which has no levels; --noisy-data adds noise")
        raise ValueError(f"by {by!r} has no meaning for {task.name}; valid: {', '.join(task.variants) or 'none'}")
    return {name: blind_test(task, networks, n_traces, seed, start, variant) for name, variant in VARIANTS[by].items()}
