"""What traces are like: their length, interval, noise, wavelet and earth, and how these are called."""

from dataclasses import dataclass, fields

from support.checks import check_flag
from traces.checks import check_snr, check_time
from traces.earth import PAPER_EARTH, Earth
from traces.own_wavelet import OwnWavelet

GENERATIONS = {  # how velocity and density are made, and what that is called
    "described": "fresh models for every trace, as the paper describes them",
    "published": "models in rows that are used again, as the published scripts made them",
}


@dataclass(frozen=True)
class TraceProtocol:
    """What the traces of a blind test are like: options of `CustomDataGen`."""

    n_samples: int = 4096
    dt: float = 0.001  # s
    noisy_data: bool = False  # for an inversion, noise and a gap
    snr_db: tuple[float, float] | None = None  # lowest and highest noise level in dB; None is the paper's
    wavelet: str = "random"  # a key of TRACE_FAMILIES
    earth: Earth = PAPER_EARTH
    own_wavelet: OwnWavelet | None = None  # in the place of "random" ones

    @classmethod
    def of(cls, network: object) -> "TraceProtocol":
        """The traces of a network, a `baseML.BaseMLClass`. Raises ValueError when their description is invalid."""
        described = network.provenance
        return cls(
            network.n_samples,
            check_time(network.transform.get("dt", cls.dt), 0.0)[0],
            check_flag("noisy_data", described.get("noisy_data", False)),
            check_snr(described.get("snr_db")),
            earth=earth_of(described.get("earth")),
            own_wavelet=wavelet_of(described.get("wavelet")),
        )

    @property
    def options(self) -> dict[str, object]:
        """The options of `CustomDataGen`."""
        return {option.name: getattr(self, option.name) for option in fields(self)}

    @property
    def is_of_paper(self) -> bool:
        """Whether earth and wavelets are the paper's."""
        return self.earth == PAPER_EARTH and self.own_wavelet is None

    @property
    def words(self) -> str:
        """How the traces are made, in words."""
        return how_made("described", self.earth, self.own_wavelet)

    @property
    def generated(self) -> dict[str, object]:
        """The options of `dataGeneration.generate_block`."""
        names = ("n_samples", "dt", "snr_db", "earth", "own_wavelet")
        return {name: getattr(self, name) for name in names}


def earth_of(described: object) -> Earth:
    """The earth of a description that was stored, None for the paper's. Raises ValueError for an invalid one."""
    return PAPER_EARTH if described is None else Earth.from_dict(described)


def wavelet_of(described: object) -> OwnWavelet | None:
    """The wavelet of a description that was stored, None for random ones. Raises ValueError for an invalid one."""
    return None if described is None else OwnWavelet.from_dict(described)


def how_made(generation: str, earth: Earth, own_wavelet: OwnWavelet | None) -> str:
    """How traces are made, in words; ``generation`` is a key of GENERATIONS.

    >>> how_made("described", Earth(noise_range=(0, 0)), None)
    "fresh models for every trace, of an earth that differs from the paper's in noise_range"
    """
    words = GENERATIONS[generation]
    if earth != PAPER_EARTH:
        words = f"fresh models for every trace, of {earth.words}"
    return words if own_wavelet is None else f"{words}, with {own_wavelet.words}"
