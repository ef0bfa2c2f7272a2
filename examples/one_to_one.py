"""One number in, one number out: a recurrent network learns y = 15 (x - 1), beside a straight line that is exact.

python -m examples.one_to_one                   300 epochs, half a minute
python -m examples.one_to_one --epochs 1000     until the network is as good as it gets

A network interpolates: beyond the numbers of its training its answer bends away from the line.
"""

from collections.abc import Sequence

from examples.options import parse_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__, epochs=300)

import numpy as np

from examples.regression import Pairs, error_table, keras, method_of, normality, plot_regression, train

SLOPE, LARGEST = 15.0, 20
SHOWN = 30.0  # where the extrapolation is printed
N_OUTSIDE, FIRST_OUTSIDE = 20, 3  # numbers beyond the training set, and how far beyond its end they begin


def create_data() -> Pairs:
    """Return the numbers 2 to 20 (19, 1, 1), each with the target of the number before it, 15 times that one (19,)."""
    numbers = np.arange(1.0, LARGEST + 1)
    return Pairs(numbers[1:, None, None], SLOPE * numbers[:-1])


def data_outside() -> Pairs:
    """Return the numbers 23 to 42 (20, 1, 1) with their targets by the same rule."""
    numbers = LARGEST + FIRST_OUTSIDE + np.arange(float(N_OUTSIDE))
    return Pairs(numbers[:, None, None], SLOPE * (numbers - 1))


def fit_line(pairs: Pairs) -> np.polynomial.Polynomial:
    """Return the straight line of least squares through the pairs."""
    return np.polynomial.Polynomial.fit(pairs.x[:, 0, 0], pairs.y, 1).convert()


def build_network() -> keras.Model:
    """Return two LSTM layers of 50 units with ReLU and a dense layer: 30,651 weights."""
    return keras.Sequential(
        [
            keras.Input((1, 1)),
            keras.layers.LSTM(50, activation="relu", return_sequences=True),
            keras.layers.LSTM(50, activation="relu"),
            keras.layers.Dense(1),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the errors inside and outside of the training range, and draw the figure."""
    options = parse_options(__doc__, 300, arguments)
    keras.utils.set_random_seed(options.seed)
    pairs, outside = create_data(), data_outside()
    line, network = fit_line(pairs), build_network()
    losses = train(network, pairs, options)
    predict, exact = method_of(network), lambda x: line(x[:, -1, 0])
    parts = {"2 to 20": pairs, "23 to 42, outside": outside}
    print(error_table({f"network, {network.count_params():,} weights": predict, "linear regression": exact}, parts))
    intercept, slope = line.coef
    print(f"\nThe line is y = {slope:.3f} x {intercept:+.3f}.")
    there = np.full((1, 1, 1), SHOWN)
    print(f"At {SHOWN:g} the network gives {predict(there)[0]:.1f}, and the rule {SLOPE * (SHOWN - 1):g}.")
    print(normality(predict(pairs.x) - pairs.y))
    path = options.output / "one_to_one.png"
    plot_regression(losses, parts, predict, "x", save_path=path)
    print(f"Figure  {path}")


if __name__ == "__main__":
    main()
