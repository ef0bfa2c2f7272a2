"""Blind tests: traces that neither training nor validation ever saw, and what methods and networks make of them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from baseML import BaseMLClass
from dataGeneration import TRACES_PER_BLOCK, WAVELETS
from dataPreProcessing import TraceProtocol
from evaluation.baselines import pairs_of
from evaluation.comparison import Row, compare
from evaluation.task import Task
from support.checks import check_choice
from traces.checks import SNR_LIMITS

Networks = Mapping[str, BaseMLClass]  # by name
NOISE_LEVELS = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB
VARIANTS = {  # kinds of traces that are tested one after the other, as changes of a TraceProtocol
    "wavelet": {wavelet.name: {"wavelet": code} for code, wavelet in WAVELETS.items()},
    "noise": {f"{level:g} dB": {"snr_db": (level, level)} for level in NOISE_LEVELS}
    | {"no noise": {"snr_db": (SNR_LIMITS[1], SNR_LIMITS[1])}},
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
    task: Task, networks: Networks, n_traces: int, seed: int = 0, protocol: TraceProtocol | None = None
) -> list[Row]:
    """Classical methods and networks (by name) on the blind traces of a seed; rows as of `compare`.

    ``protocol`` is that of the networks. Raises ValueError when one of them takes other traces, and as `blind_traces`.
    """
    traces = protocol or TraceProtocol()
    x, y = blind_traces(task, n_traces, seed, traces)
    predictions = {name: network.predict_result(x) for name, network in networks.items()}
    return compare(task, x, y, predictions, task.known(seed, traces), seed)


def variants_of(task: Task, protocol: TraceProtocol) -> list[str]:
    """Those of VARIANTS that the traces have; traces without noise have no noise levels."""
    is_noisy = (task.always_noisy or protocol.noisy_data) and protocol.earth.noise_range[1] > 0
    return [by for by in task.variants if by != "noise" or is_noisy]


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
    return {
        name: blind_test(task, networks, n_traces, seed, replace(start, **change))
        for name, change in VARIANTS[by].items()
    }
