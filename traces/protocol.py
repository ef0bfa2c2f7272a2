"""What traces are like: their length, interval, noise, wavelet and earth, and how these are called."""

from dataclasses import dataclass, fields

from support.checks import check_choice, check_flag
from traces.checks import check_snr, check_time
from traces.earth import PAPER_EARTH, Earth
from traces.own_wavelet import OwnWavelet
from traces.variety import PAPER_VARIETY, VARIETIES, Variety, variety_of

# The options that a `TraceProtocol` and a `CustomDataGen` pass on to `dataGeneration.generate_block`.
BLOCK_OPTIONS = ("n_samples", "dt", "snr_db", "earth", "own_wavelet", "variety")
GENERATIONS = {  # how velocity and density are made, and what that is called
    "described": "fresh models for every trace, as the paper describes them",
    "published": "models in rows that are used again, as the published scripts made them",
}
VALIDATIONS = ("streaming", "fixed")  # fresh validation traces every epoch, or the same ones


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
    variety: str | Variety = "paper"  # what else differs from trace to trace: a key of VARIETIES, or one of its own
    background: bool = False  # for an inversion, x has a second channel: the velocity at low frequencies

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
            variety=check_choice("variety", described.get("variety", "paper"), VARIETIES),
            background=check_flag("background", described.get("background", False)),
        )

    @property
    def options(self) -> dict[str, object]:
        """The options of `CustomDataGen`."""
        return {option.name: getattr(self, option.name) for option in fields(self)}

    @property
    def is_of_paper(self) -> bool:
        """Whether earth, wavelets and variety are the paper's."""
        return self.earth == PAPER_EARTH and self.own_wavelet is None and self.variety in ("paper", PAPER_VARIETY)

    @property
    def words(self) -> str:
        """How the traces are made, in words."""
        return how_made("described", self.earth, self.own_wavelet, self.variety)

    def of_blocks(self, gen_type: str) -> dict[str, object]:
        """The options of `dataGeneration.generate_block` for pairs of a ``gen_type`` of `CustomDataGen`."""
        options = {name: getattr(self, name) for name in BLOCK_OPTIONS}
        return options | {"variety": variety_of(self.variety, gen_type)}


def earth_of(described: object) -> Earth:
    """The earth of a description that was stored, None for the paper's. Raises ValueError for an invalid one."""
    return PAPER_EARTH if described is None else Earth.from_dict(described)


def wavelet_of(described: object) -> OwnWavelet | None:
    """The wavelet of a description that was stored, None for random ones. Raises ValueError for an invalid one."""
    return None if described is None else OwnWavelet.from_dict(described)


def how_made(generation: str, earth: Earth, own_wavelet: OwnWavelet | None, variety: str | Variety = "paper") -> str:
    """How traces are made, in words; ``generation`` is a key of GENERATIONS.

    >>> how_made("described", Earth(noise_range=(0, 0)), None)
    "fresh models for every trace, of an earth that differs from the paper's in noise_range"
    """
    words = GENERATIONS[generation]
    if earth != PAPER_EARTH:
        words = f"fresh models for every trace, of {earth.words}"
    words = words if own_wavelet is None else f"{words}, with {own_wavelet.words}"
    return words if variety == "paper" else f"{words}, with {variety_words(variety)}"


def variety_words(variety: str | Variety) -> str:
    """What differs from trace to trace, in words.

    >>> from traces.variety import Draw
    >>> variety_words("field"), variety_words(Variety(phase=Draw(30.0)))
    ('the variety of field data', 'a variety of its own in phase')
    """
    if isinstance(variety, str):
        return f"the variety of {variety} data"
    names = [one.name for one in fields(variety) if getattr(variety, one.name) != getattr(PAPER_VARIETY, one.name)]
    return f"a variety of its own in {', '.join(names)}"
