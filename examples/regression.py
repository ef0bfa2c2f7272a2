"""What the examples of regression share: training, errors beside an exact answer, residuals, and the figure.

Inputs are (n, steps, 1) and targets (n,), float64. A method is a function from inputs to predictions (n,).
"""

import argparse
from collections.abc import Callable, Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import shapiro
from sklearn.metrics import r2_score, root_mean_squared_error
from tabulate import tabulate

from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, picture
from support.startup import load_keras

keras = load_keras()

VALIDATION_SHARE = 0.2  # the last pairs of the training set
SIGNIFICANT = 0.05
LOSS_COLOURS = (COLOURS["black"], COLOURS["sky blue"])  # of training and validation
Method = Callable[[np.ndarray], np.ndarray]


class Pairs(NamedTuple):
    """Inputs with their targets."""

    x: np.ndarray  # (n, steps, 1)
    y: np.ndarray  # (n,)


def train(network: keras.Model, pairs: Pairs, options: argparse.Namespace) -> dict[str, list[float]]:
    """Train with Adam on the mean squared error, and return the losses of the epochs, "loss" and "val_loss"."""
    network.compile(optimizer="adam", loss="mse")
    return network.fit(
        pairs.x,
        pairs.y[:, None],
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_split=VALIDATION_SHARE,
        verbose=0,
    ).history


def method_of(network: keras.Model) -> Method:
    """Return the network as a method."""
    return lambda x: keras.ops.convert_to_numpy(network(x))[:, 0].astype(np.float64)


def error_table(methods: Mapping[str, Method], parts: Mapping[str, Pairs]) -> str:
    """Return the root mean squared error and R2 of each method on each part, one row for each of both."""
    rows = []
    for part, (x, y) in parts.items():
        for name, method in methods.items():
            predicted = method(x)
            rows.append(
                [part, len(y), name, f"{root_mean_squared_error(y, predicted):.3g}", f"{r2_score(y, predicted):.5f}"]
            )
    return tabulate(rows, ["Data", "n", "Method", "RMSE", "R2"], disable_numparse=True)


def normality(residuals: np.ndarray) -> str:
    """Say in a sentence whether residuals (n,) may be normally distributed, by the test of Shapiro and Wilk.

    >>> normality(np.array([0.1, -0.2, 0.05, 0.0, -0.1, 0.15, -0.05]))
    'The 7 residuals have the mean -0.0071 and may be normally distributed (Shapiro and Wilk, p = 0.94).'
    """
    if np.ptp(residuals) == 0:
        return f"The {len(residuals)} residuals are all {residuals[0]:.2g}."
    p = shapiro(residuals).pvalue
    verdict = "are not" if p < SIGNIFICANT else "may be"
    return (
        f"The {len(residuals)} residuals have the mean {residuals.mean():.2g} and {verdict} normally distributed "
        f"(Shapiro and Wilk, p = {p:.2g})."
    )


@picture
def plot_regression(
    losses: Mapping[str, list[float]], parts: Mapping[str, Pairs], network: Method, feature: str
) -> Figure:
    """Draw the losses, targets and predictions against the last input value, and the histogram of residuals.

    The last of the parts lies outside of the training range, so that its residuals would leave no room for the others:
    the middle panel shows them.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 2.8), layout="constrained")
    for name, values, colour in zip(("training", "validation"), losses.values(), LOSS_COLOURS, strict=False):
        left.semilogy(np.arange(1, len(values) + 1), values, color=colour, linewidth=1, label=f"Loss, {name}")
    left.set(xlabel="Epoch", ylabel="Mean squared error")
    outside = list(parts)[-1]
    for (name, (x, y)), colour in zip(parts.items(), PREDICTION_COLOURS, strict=False):
        predicted = network(x)
        label = "Target" if name == outside else None
        middle.plot(x[:, -1, 0], y, ".", color=COLOURS["black"], markersize=3, zorder=1, label=label)
        middle.plot(x[:, -1, 0], predicted, "o", color=colour, markersize=3, fillstyle="none", label=f"Network, {name}")
        if name != outside:
            right.hist(predicted - y, bins=12, weights=np.full(len(y), 1 / len(y)), color=colour, alpha=0.5)
    middle.set(xlabel=feature, ylabel="Target and prediction")
    right.set(xlabel="Prediction - target", ylabel="Share of the pairs")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
