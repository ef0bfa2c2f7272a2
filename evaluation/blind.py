"""Blind tests: traces that neither training nor validation ever saw, and what methods and networks make of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from baseML import BaseMLClass
from dataPreProcessing import CustomDataGen
from evaluation.baselines import InversionReference, fit_inversion_reference, stream_traces
from evaluation.comparison import PROBLEMS, Row, compare, data_names
from support.checks import check_choice, check_flag
from traces.checks import SNR_LIMITS, check_snr, check_time
from traces.wavelets import WAVELETS, of_wavelet

NOISE_LEVELS = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB
VARIANTS = {  # kinds of traces to be tested one after the other: changes of a TraceProtocol
    "wavelet": {row.name: {"wavelet": code} for code, row in WAVELETS.items()},
    "noise": {
        **{f"{level:g} dB": {"snr_db": (level, level)} for level in NOISE_LEVELS},
        "no noise": {"snr_db": (SNR_LIMITS[1], SNR_LIMITS[1])},
    },
}


# --- Networks


@dataclass(frozen=True)
class TraceProtocol:
    """What traces are like: samples, time step in s, noise level in dB, and for an inversion noise and a gap."""

    n_samples: int = 4096
    dt: float = 0.001
    noisy_data: bool = False
    snr_db: tuple[float, float] | None = None  # None: the paper's
    wavelet: str = "random"  # of TRACE_FAMILIES

    @classmethod
    def of(cls, network: BaseMLClass) -> "TraceProtocol":
        """The traces that a network was trained on. Raises ValueError when what is told of them makes no sense."""
        told = network.provenance
        return cls(
            network.n_samples,
            check_time(network.transform.get("dt", cls.dt), 0.0)[0],
            check_flag("noisy_data", told.get("noisy_data", False)),
            check_snr(told.get("snr_db")),
        )


def blind_traces(
    problem: str, n_traces: int, seed: int = 0, protocol: TraceProtocol | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first traces of a seed's blind stream: x and y (n_traces, n_samples), y in the data's unit.

    No training and no validation of any seed has them. Raises ValueError for a problem, number or protocol that is not
    valid.
    """
    traces = protocol or TraceProtocol()
    names = [of_wavelet(name, traces.wavelet) for name in data_names(problem, traces.noisy_data)]
    size = {"n_samples": traces.n_samples, "dt": traces.dt, "snr_db": traces.snr_db}
    data = stream_traces(seed, "blind", n_traces, names, **size)
    return data[names[0]], data[names[1]]


def known_beforehand(problem: str, seed: int, protocol: TraceProtocol) -> InversionReference | None:
    """What the classical methods of a problem have from training traces: for denoising, nothing."""
    if problem != "inversion":
        return None
    return fit_inversion_reference(
        seed,
        n_samples=protocol.n_samples,
        dt=protocol.dt,
        noisy_data=protocol.noisy_data,
        snr_db=protocol.snr_db,
    )


def predict_in_data_units(problem: str, network: BaseMLClass, x: np.ndarray) -> np.ndarray:
    """What a network makes of raw traces, (n_traces, n_samples) in the data's unit.

    Raises ValueError when their length is not the network's.
    """
    scaled = network.provenance.get("scaling_flag", False)
    units = CustomDataGen(gen_type=PROBLEMS[problem].gen_type, scaling_flag=scaled)
    return units.in_data_units(network.predict_result(x))


def blind_test(
    problem: str,
    networks: Mapping[str, BaseMLClass],
    n_traces: int,
    seed: int = 0,
    protocol: TraceProtocol | None = None,
) -> list[Row]:
    """Classical methods and networks (by name) on the blind traces of a seed; rows as of `compare`.

    ``protocol``: that of the networks. Raises ValueError when one of them takes other traces, and as `blind_traces`.
    """
    traces = protocol or TraceProtocol()
    x, y = blind_traces(problem, n_traces, seed, traces)
    predictions = {name: predict_in_data_units(problem, network, x) for name, network in networks.items()}
    return compare(problem, x, y, predictions, traces.dt, seed, known_beforehand(problem, seed, traces))


def variants_of(problem: str, protocol: TraceProtocol) -> list[str]:
    """Those of VARIANTS that the traces have: all, but no noise levels where there is no noise."""
    is_noisy = problem != "inversion" or protocol.noisy_data
    return [by for by in VARIANTS if by != "noise" or is_noisy]


def blind_tests(
    problem: str,
    networks: Mapping[str, BaseMLClass],
    n_traces: int,
    by: str,
    seed: int = 0,
    protocol: TraceProtocol | None = None,
) -> dict[str, list[Row]]:
    """A `blind_test` of each kind of traces of ``by`` (VARIANTS), on the same earth models.

    Raises ValueError as `blind_test` does, and for what is not in VARIANTS, or noise levels of traces without noise.
    """
    check_choice("by", by, VARIANTS)
    start = protocol or TraceProtocol()
    if by not in variants_of(problem, start):
        raise ValueError("inversion is from traces without noise, which have no noise levels; --noisy-data adds noise")
    return {
        name: blind_test(problem, networks, n_traces, seed, replace(start, **change))
        for name, change in VARIANTS[by].items()
    }
