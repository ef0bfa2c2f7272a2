"""Classical and simple learned methods on broadband motion: what a simulation to 1 Hz tells of the motion above.

    python -m benchmarks.bench_broadband                        all tables, about three minutes
    python -m benchmarks.bench_broadband --seed 2               on other earthquakes
    python -m benchmarks.bench_broadband --sizes 200 100 100    on few records, to see that it runs

The first table shows that x hides what it should hide, the second has the predicted response spectra, and the third has
whole records. The best spectral method is shown by period, and compared with each other one in pairs.
"""

import argparse

from problems.broadband.comparison import (
    SIZES,
    best_of,
    leaks,
    pairs_in_words,
    qualities,
    rows_of,
    table,
    table_of_leaks,
    table_of_periods,
    table_of_ways,
)
from problems.broadband.parts import make_parts
from support.command_line import LARGEST_SEED, OneSentenceParser, whole_number


def main() -> None:
    """Print the tables."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=whole_number(0, LARGEST_SEED), default=1, help="of the records (default: 1)")
    parser.add_argument(
        "--sizes",
        type=whole_number(50, 20_000),
        nargs=3,
        default=SIZES,
        metavar=("TRAINING", "VALIDATION", "TEST"),
        help="numbers of records (default: {} {} {})".format(*SIZES),
    )
    options = parser.parse_args()
    parts = make_parts(options.seed, tuple(options.sizes))
    print(table_of_leaks(leaks(parts)), end="\n\n", flush=True)
    rows = rows_of(parts)
    best = best_of(rows)
    for part in (table(rows), pairs_in_words(rows, best.name), table_of_periods(best, parts.test)):
        print(part, end="\n\n", flush=True)
    print(table_of_ways(qualities(parts, rows, options.seed)))


if __name__ == "__main__":
    main()
