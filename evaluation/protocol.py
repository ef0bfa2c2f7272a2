"""What the traces of a blind test are like."""

from dataclasses import dataclass

from baseML import BaseMLClass
from support.checks import check_flag
from traces.checks import check_snr, check_time


@dataclass(frozen=True)
class TraceProtocol:
    """What the traces of a test are like: options of `dataPreProcessing.CustomDataGen`."""

    n_samples: int = 4096
    dt: float = 0.001  # s
    noisy_data: bool = False  # for an inversion, noise and a gap
    snr_db: tuple[float, float] | None = None  # lowest and highest noise level in dB; None is the paper's
    wavelet: str = "random"  # a key of TRACE_FAMILIES

    @classmethod
    def of(cls, network: BaseMLClass) -> "TraceProtocol":
        """The traces that a network was trained on. Raises ValueError when its description of them is invalid."""
        described = network.provenance
        return cls(
            network.n_samples,
            check_time(network.transform.get("dt", cls.dt), 0.0)[0],
            check_flag("noisy_data", described.get("noisy_data", False)),
            check_snr(described.get("snr_db")),
        )
