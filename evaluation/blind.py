"""Blind tests: traces that neither training nor validation ever saw, and what methods and networks make of them."""

import warnings
from collections.abc import Mapping

import numpy as np

from baseML import BaseMLClass
from dataGeneration import TRACES_PER_BLOCK
from dataPreProcessing import TraceProtocol
from evaluation.baselines import pairs_of
from evaluation.baselines import traces_and_background
from evaluation.comparison import KNOWING, Row, compare
from evaluation.task import Task
from networks.prediction import TracesWarning
from support.checks import check_choice
from traces.variants import AS_TRAINED, VARIANTS, Variant

Networks = Mapping[str, BaseMLClass]  # by name


def blind_traces(
    task: Task, n_traces: int, seed: int = 0, protocol: TraceProtocol | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first traces of a seed's blind stream: x and y, (n_traces, n_samples) each, y in the data's unit.

    An x of several channels is (n_traces, n_samples, n_channels); a y that is not a trace is (n_traces, n_values). No
    training and no validation of any seed has these traces. Raises ValueError for a number or protocol that is invalid.
    """
    return stream_pairs(task, "blind", n_traces, seed, protocol or task.usual_protocol)


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
    traces = variant.protocol(protocol or task.usual_protocol)
    x, y = blind_traces(task, n_traces, seed, traces)
    predictions = {name: answer_of(network, x, traces.dt, variant) for name, network in networks.items()}
    rows = compare(task, x, y, predictions, task.known(seed, traces), seed, judged=variant.judged)
    # What is the best of all linear filters for the disturbed traces is not the best where the disturbance is undone.
    return [row for row in rows if row.kind != KNOWING or variant.judged is None]


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
    start = protocol or task.usual_protocol
    if by not in variants_of(task, start):
        if by in task.variants:
            raise ValueError(f"{task.name} is from traces without noise, which has no levels; --noisy-data adds noise")
        raise ValueError(f"by {by!r} has no meaning for {task.name}; valid: {', '.join(task.variants) or 'none'}")
    return {name: blind_test(task, networks, n_traces, seed, start, variant) for name, variant in VARIANTS[by].items()}
