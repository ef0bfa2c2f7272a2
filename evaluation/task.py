"""What is predicted from what, and by which metrics and beside which classical methods a prediction is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.baselines import Baseline
from evaluation.scores import Metric


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

    @property
    def headline(self) -> Metric:
        """The metric that figures show, and tables with room for one."""
        return self.metrics[0]

    @property
    def columns(self) -> list[Metric]:
        """The metrics in the order of tables, errors first; the first one decides which method is the best."""
        return sorted(self.metrics, key=lambda metric: metric.higher_is_better)
