"""The classical and simple learned predictions of log10 PSA at short periods, all of one shape.

    method = METHODS[name]()  ->  method.fit(training, validation)  ->  method.predict(part)  ->  median and band

A method has one or more candidates, of which validation chooses one; how far validation's errors reach from their 16th
to their 84th percentile, at each period, is the band. The learned ones are scikit-learn's, with fixed seeds. The
network of Paolucci and others (2018, BSSA 108) is a committee: equal networks from different starts, the best is kept.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from problems.broadband.parts import INPUTS, Part, Seen, true_source
from support.checks import check_choice

SEED = 0
BAND = (16, 84)  # %
N_COMMITTEE = 10  # networks
N_TREES = 200
N_PUBLISHED = 467  # records, as many as the published networks had
SPECTRUM, BOTH = "spectrum of x", "spectrum of x and its energy in time"


class Prediction(NamedTuple):
    """Predicted log10 PSA at SHORT_PERIODS, each (n, 9)."""

    median: np.ndarray
    low: np.ndarray  # 16th percentile
    high: np.ndarray  # 84th percentile


class Method(Protocol):
    """What is fitted already: a `Learned` method or a network."""

    def predict(self, part: Part | Seen) -> Prediction: ...


class ScaledShape(RegressorMixin, BaseEstimator):
    """The mean spectrum, scaled so that it fits the first feature, the PSA of x at the shortest long period.

    >>> x, y = np.array([[1.0], [2.0]]), np.array([[1.5, 1.0], [2.5, 2.0]])
    >>> ScaledShape().fit(x, y).predict(np.array([[5.0]])).tolist()
    [[5.5, 5.0]]
    """

    def fit(self, x: np.ndarray, y: np.ndarray) -> "ScaledShape":
        self.shape_ = np.mean(y - x[:, :1], axis=0)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x[:, :1] + self.shape_


class Learned:
    """The best candidate of scikit-learn on one of INPUTS, and the band of its errors on validation.

    ``n`` limits how many training records there are. ``target`` is what is learned, (n, n_values).

    >>> from problems.broadband.parts import make_part
    >>> part = make_part(0, "training", 8)
    >>> found = Learned([DummyRegressor()], "spectrum of x").fit(part, part).predict(part)
    >>> found.median.shape, bool((found.low <= found.high).all())
    ((8, 9), True)
    """

    def __init__(
        self,
        candidates: Sequence[RegressorMixin],
        input_name: str,
        n: int | None = None,
        target: Callable[[Part], np.ndarray] = lambda part: part.target,
    ) -> None:
        self.candidates = candidates
        self.features = INPUTS[check_choice("input", input_name, INPUTS)]
        self.n = n
        self.target = target
        self.chosen = candidates[0]  # by `fit`
        self.band = np.zeros((2, 1))  # of the errors on validation, (2, n_values), found by `fit`

    def fit(self, training: Part, validation: Part) -> "Learned":
        """Fit every candidate to the training part, and keep the one with the least rms error on validation."""
        x, y = self.features(training)[: self.n], self.target(training)[: self.n]
        held_out = self.features(validation)
        errors = [self.target(validation) - candidate.fit(x, y).predict(held_out) for candidate in self.candidates]
        best = int(np.argmin([np.mean(each**2) for each in errors]))
        self.chosen = self.candidates[best]
        self.band = np.percentile(errors[best], BAND, axis=0)
        return self

    def predict(self, part: Part | Seen) -> Prediction:
        """Return what is expected of a part, with its band, from the input alone."""
        median = self.chosen.predict(self.features(part))
        return Prediction(median, *(median + end for end in self.band))


def _ridges() -> list[Pipeline]:
    return [make_pipeline(StandardScaler(), Ridge(alpha)) for alpha in (0.01, 0.1, 1.0, 10.0, 100.0)]


def _committee() -> list[Pipeline]:
    """The published network: 30 neurons with tanh, linear outputs, and a fit of second order."""
    return [_dense((30,), 0.01, seed, n_steps=500) for seed in range(N_COMMITTEE)]


def _dense(hidden: tuple[int, ...], alpha: float, seed: int, n_steps: int) -> Pipeline:
    options = {"activation": "tanh", "solver": "lbfgs", "max_iter": n_steps, "max_fun": 10 * n_steps}
    return make_pipeline(StandardScaler(), _Quiet(hidden_layer_sizes=hidden, alpha=alpha, random_state=seed, **options))


class _Quiet(MLPRegressor):
    """A dense network that ends after its steps, without a warning that more steps would fit the training closer."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> "_Quiet":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(x, y)


def _forests() -> list[RandomForestRegressor]:
    options = {"max_features": 0.5, "random_state": SEED}
    return [RandomForestRegressor(N_TREES, min_samples_leaf=least, **options) for least in (2, 5)]


def _extra_trees() -> list[ExtraTreesRegressor]:
    return [
        ExtraTreesRegressor(N_TREES, min_samples_leaf=least, max_features=share, random_state=SEED)
        for least in (2, 4)
        for share in (0.3, 1.0)
    ]


def _wide() -> list[Pipeline]:
    return [_dense((64, 32), alpha, SEED, n_steps=150) for alpha in (1.0, 10.0, 100.0)]


def _quadratic() -> Pipeline:
    return make_pipeline(PolynomialFeatures(2), StandardScaler(), Ridge(0.01))


def source_estimator() -> Learned:
    """Return what estimates the magnitude and log10 of the distance in km from x, (n, 2)."""
    return Learned(_ridges(), BOTH, target=true_source)


METHODS: Mapping[str, Callable[[], Learned]] = {
    "mean spectrum": lambda: Learned([DummyRegressor()], SPECTRUM),
    "its shape scaled at 0.75 s": lambda: Learned([ScaledShape()], SPECTRUM),
    "ridge, spectrum of x": lambda: Learned(_ridges(), SPECTRUM),
    f"published network, {N_PUBLISHED} records": lambda: Learned(_committee(), SPECTRUM, n=N_PUBLISHED),
    "published network": lambda: Learned(_committee(), SPECTRUM),
    "forest, spectrum of x": lambda: Learned(_forests(), SPECTRUM),
    "ridge, spectrum and energy": lambda: Learned(_ridges(), BOTH),
    "dense network 64-32, spectrum and energy": lambda: Learned(_wide(), BOTH),
    "extra trees, spectrum and energy": lambda: Learned(_extra_trees(), BOTH),
    "quadratic in true M and log R": lambda: Learned([_quadratic()], "true M and R"),
    "ridge, spectrum of y": lambda: Learned(_ridges(), "spectrum of y"),
    "ridge, spectrum of y and energy of x": lambda: Learned(_ridges(), "spectrum of y and energy of x in time"),
    "extra trees, spectrum of y and energy of x": lambda: Learned(
        _extra_trees(), "spectrum of y and energy of x in time"
    ),
    "ridge, spectrum of x, true M and R": lambda: Learned(_ridges(), "spectrum of x, true M and R"),
    "ridge, x restored to 1.33 Hz": lambda: Learned(_ridges(), "x restored to 1.33 Hz"),
    "ridge, x restored to 1.78 Hz": lambda: Learned(_ridges(), "x restored to 1.78 Hz"),
}
CHEAP = ("mean spectrum", "its shape scaled at 0.75 s", "ridge, spectrum of x", "ridge, spectrum and energy")
INFORMED = (  # methods that know more than x
    "quadratic in true M and log R",
    "ridge, spectrum of y",
    "ridge, spectrum of y and energy of x",
    "extra trees, spectrum of y and energy of x",
    "ridge, spectrum of x, true M and R",
    "ridge, x restored to 1.33 Hz",
    "ridge, x restored to 1.78 Hz",
)
