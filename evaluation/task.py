"""What is predicted from what, and by which metrics and beside which classical methods a prediction is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.baselines import Baseline
from evaluation.scores import Metric
from plots.predictions import draw_actual_predicted


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted from what, and how good a prediction is."""

    name: str
    quantity: str  # what is predicted
    unit: str  # of the prediction; empty for a number without unit
    stream: Callable[..., CustomDataGen]  # makes the pairs (x, y) from the options of CustomDataGen
    metrics: Sequence[Metric]  # the first is the headline
    baselines: Mapping[str, Baseline]  # classical methods by name
    # What these methods know beforehand, from a seed and the traces: by default the sampling interval in s.
    known: Callable[[int, TraceProtocol], object] = lambda seed, protocol: protocol.dt
    variants: Sequence[
        str
    ] = ()  # keys of `traces.variants.VARIANTS` by which its traces can be tested one after the other
    always_noisy: bool = False  # x has noise, whose level can be chosen
    protocol: TraceProtocol | None = None  # what its traces are like; None: as they are asked for
    item: str = "trace"  # what a message calls one x
    size: str = "{n_samples} samples at {ms:g} ms"  # how it says how long one is
    n_blind: int | None = None  # blind traces of a test at the end of a run, or for a figure; None: the usual numbers
    # The picture of answers that are not traces; its arguments are those of the default.
    draw_answers: Callable[..., None] = draw_actual_predicted
    # What a report says after its table of a blind test, from (task, networks by name, number of traces, seed,
    # protocol); where the table goes to a folder, the folder is the last argument, for files beside it.
    appendix: Callable[..., str] | None = None

    @property
    def headline(self) -> Metric:
        """The metric that figures show, and tables with room for one."""
        return self.metrics[0]

    @property
    def usual_protocol(self) -> TraceProtocol:
        """What its traces are like where nothing else is asked for."""
        return self.protocol or TraceProtocol()

    def size_in_words(self, n_samples: int, dt: float) -> str:
        """The size of one x; ``dt`` is in s."""
        return self.size.format(n_samples=n_samples, ms=1000 * dt)

    @property
    def columns(self) -> list[Metric]:
        """The metrics in the order of tables, errors first; the first one decides which method is the best."""
        return sorted(self.metrics, key=lambda metric: metric.higher_is_better)
