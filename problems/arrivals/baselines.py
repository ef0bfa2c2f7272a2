"""The methods that a recurrent network has to beat on phase arrivals, all of one shape.

    method = BASELINES[name]()  ->  method.fit(train, validation)  ->  method.score(times)  ->  probability (n,)

The learned methods are scikit-learn's and know what the training sequences show; the location test knows the velocity
and the stations, and takes from validation only how large a misfit may be. Each has a fixed seed. The probability above
which a method calls an earthquake is chosen on validation as well, by `problems.arrivals.scores.best_threshold`.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from problems.arrivals.generator import STATIONS, Sequences
from problems.arrivals.inputs import make_input
from problems.arrivals.location import MISFITS, grid_search
from problems.arrivals.scores import best_threshold

SEED = 0  # of the methods that draw
SMALLEST_MISFIT = 1e-4  # s


class Method(Protocol):
    """What tells earthquakes from other sequences."""

    def fit(self, train: Sequences, validation: Sequences) -> "Method":
        """Learn from both parts, and return the method itself."""

    def score(self, times: np.ndarray) -> np.ndarray:
        """Return the probability (n,) that each sequence of ``times`` (n, 6) in s is an earthquake.

        The methods of BASELINES also take ``stations`` (6, 2) in km, where these are not the STATIONS.
        """


class Learned:
    """A classifier of scikit-learn on one of the INPUTS, each station's time being one feature.

    >>> from problems.arrivals.generator import make_sequences
    >>> train = make_sequences(np.random.default_rng(0), 400)
    >>> method = Learned(LogisticRegression(), "centred").fit(train, validation=train)
    >>> method.score(train.times).shape
    (400,)
    """

    def __init__(self, classifier: ClassifierMixin, input_name: str) -> None:
        self.classifier = classifier
        self.input_name = input_name

    def fit(self, train: Sequences, validation: Sequences) -> "Learned":
        """Fit the classifier to the training part; the validation part plays no role."""
        self.classifier.fit(self._features(train.times), train.labels)
        return self

    def score(self, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
        """Return the probability (n,) float64 that the classifier gives an earthquake."""
        return self.classifier.predict_proba(self._features(times, stations))[:, 1].astype(np.float64)

    def _features(self, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
        made = make_input(self.input_name, times, stations)
        return made.reshape(len(made), -1)


class LocationTest:
    """The smallest misfit of a grid search, and what probability of an earthquake it stands for.

    Which of MISFITS it is, and the logistic curve that turns its logarithm into a probability, are found on validation.
    """

    def __init__(self) -> None:
        self.misfit = ""  # of MISFITS, known after `fit`
        self.curve = LogisticRegression()

    def fit(self, train: Sequences, validation: Sequences) -> "LocationTest":
        """Choose the misfit that has the highest accuracy on validation; the training part plays no role."""
        found = grid_search(validation.times, MISFITS)
        features = {name: _logarithm(name, smallest) for name, (smallest, _) in found.items()}
        curves = {name: LogisticRegression().fit(x, validation.labels) for name, x in features.items()}

        def accuracy(name: str) -> float:
            probability = curves[name].predict_proba(features[name])[:, 1]
            is_called = probability > best_threshold(validation.labels, probability)
            return float(np.mean(is_called == validation.labels))

        self.misfit = max(MISFITS, key=accuracy)
        self.curve = curves[self.misfit]
        return self

    def score(self, times: np.ndarray, stations: np.ndarray = STATIONS) -> np.ndarray:
        """Return the probability (n,) float64 that the misfit stands for."""
        ((smallest, _),) = grid_search(times, [self.misfit], stations).values()
        return self.curve.predict_proba(_logarithm(self.misfit, smallest))[:, 1]


def _logarithm(misfit: str, smallest: np.ndarray) -> np.ndarray:
    """Return one feature (n, 1): the logarithm of a misfit in s."""
    return np.log(np.maximum(smallest, SMALLEST_MISFIT))[:, None]


def _logistic(input_name: str) -> Learned:
    return Learned(make_pipeline(StandardScaler(), LogisticRegression()), input_name)


def _products() -> Learned:
    steps = (PolynomialFeatures(2, include_bias=False), StandardScaler(), LogisticRegression(max_iter=1000))
    return Learned(make_pipeline(*steps), "centred")


def _boosting() -> Learned:
    boosting = HistGradientBoostingClassifier(max_iter=400, early_stopping=False, random_state=SEED)
    return Learned(boosting, "centred")


def _forest(input_name: str) -> Learned:
    return Learned(RandomForestClassifier(300, random_state=SEED), input_name)


def _dense(input_name: str) -> Learned:
    network = MLPClassifier((64, 64), early_stopping=True, random_state=SEED)
    return Learned(make_pipeline(StandardScaler(), network), input_name)


BASELINES: Mapping[str, Callable[[], Method]] = {
    "logistic, raw times": lambda: _logistic("raw"),
    "logistic, centred times": lambda: _logistic("centred"),
    "logistic of all products, centred times": _products,
    "gradient boosting, centred times": _boosting,
    "random forest, raw times": lambda: _forest("raw"),
    "random forest, centred times": lambda: _forest("centred"),
    "dense network 64-64, raw times": lambda: _dense("raw"),
    "dense network 64-64, centred times": lambda: _dense("centred"),
    "location grid search": LocationTest,
}
CHEAP = ("logistic, raw times", "logistic, centred times", "logistic of all products, centred times")  # under 1 s
