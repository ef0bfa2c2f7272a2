"""Kinds of traces that are tested one after the other: what networks must not rely on, and what they must stand."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from traces.checks import SNR_LIMITS
from traces.protocol import TraceProtocol
from traces.variety import Draw, Variety, decay_gain
from traces.wavelets import WAVELETS


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
