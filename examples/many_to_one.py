"""Ten numbers in, one number out: a recurrent network continues a sequence of constant step, beside the exact answer.

python -m examples.many_to_one                          400 epochs, with and without dropout, two minutes
python -m examples.many_to_one --target penultimate     the last number but one, which the network is given

The exact answer is the last number plus the last step, and for the penultimate one that number itself. A network whose
activations saturate (tanh) cannot give it for sequences that begin beyond those of its training.
"""

from collections.abc import Sequence

from examples.options import TARGETS, parse_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    parse_options(__doc__, epochs=400, target=TARGETS)

import numpy as np

from examples.regression import Pairs, error_table, keras, method_of, normality, plot_regression, train

LENGTH = 10
STEPS = (0.1, 0.5)  # of a sequence, uniform
STARTS, OTHER_STARTS = (1, 10), (11, 20)  # whole numbers, both ends included
N_TRAINING, N_TEST = 25, 200
DROPOUTS = (0.2, 0.0)  # after each LSTM layer
EXACT = {  # target: what gives it from sequences (n, 10, 1)
    "next": lambda x: 2 * x[:, -1, 0] - x[:, -2, 0],
    "penultimate": lambda x: x[:, -2, 0],
}


def create_data(
    rng: np.random.Generator, n: int = N_TRAINING, starts: tuple[int, int] = STARTS, target: str = "next"
) -> Pairs:
    """Return ``n`` sequences (n, 10, 1), each with a whole start and one step, and their target of TARGETS (n,)."""
    first, step = rng.integers(*starts, size=n, endpoint=True), rng.uniform(*STEPS, n)
    numbers = first[:, None] + step[:, None] * np.arange(LENGTH + 1)
    y = {"next": numbers[:, LENGTH], "penultimate": numbers[:, LENGTH - 2]}[target]
    return Pairs(numbers[:, :LENGTH, None], y)


def build_network(dropout: float) -> keras.Model:
    """Return three LSTM layers of 50 units, dropout after each, and a dense layer: 50,851 weights."""
    layers = [
        layer
        for more in (True, True, False)
        for layer in (keras.layers.LSTM(50, return_sequences=more), keras.layers.Dropout(dropout))
    ]
    return keras.Sequential([keras.Input((LENGTH, 1)), *layers, keras.layers.Dense(1)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with and without dropout, print the errors inside and outside of the training range, draw the figure."""
    options = parse_options(__doc__, 400, arguments, target=TARGETS)
    parts = {
        name: create_data(rng, n, starts, options.target)
        for rng, (name, n, starts) in zip(
            np.random.default_rng(options.seed).spawn(3),
            (
                ("training", N_TRAINING, STARTS),
                ("new, starts 1 to 10", N_TEST, STARTS),
                ("starts 11 to 20, outside", N_TEST, OTHER_STARTS),
            ),
            strict=True,
        )
    }
    methods, exact = {}, EXACT[options.target]
    for dropout in DROPOUTS:
        keras.utils.set_random_seed(options.seed)
        network = build_network(dropout)
        losses = train(network, parts["training"], options)
        methods[f"network, dropout {dropout:g}"] = predict = method_of(network)
    print(f"The target is the {options.target} number; the networks have {network.count_params():,} weights.\n")
    print(error_table({**methods, "exact rule": exact}, parts))
    training = parts["training"]
    print(f"\nWithout dropout: {normality(predict(training.x) - training.y)}")
    path = options.output / f"many_to_one_{options.target}.png"
    plot_regression(losses, parts, predict, "Last number of the sequence", save_path=path)
    print(f"Figure  {path}")


if __name__ == "__main__":
    main()
