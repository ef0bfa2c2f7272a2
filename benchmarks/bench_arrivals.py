"""Classical and simple learned methods on phase arrivals: how good they are, on what, and whether they really differ.

    python -m benchmarks.bench_arrivals                  all methods, about a minute
    python -m benchmarks.bench_arrivals --seed 2         on other sequences

The best of the table is compared with each other method in pairs, and all of them are tested under conditions that they
have not been fitted to.
"""

import argparse

from problems.arrivals.comparison import fit_baselines, make_parts, pairs_in_words, rows_of, table, table_of_conditions
from support.command_line import LARGEST_SEED, OneSentenceParser, whole_number


def main() -> None:
    """Print the tables."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=whole_number(0, LARGEST_SEED), default=1, help="of the sequences (default: 1)")
    seed = parser.parse_args().seed
    parts = make_parts(seed)
    fitted = fit_baselines(parts)
    rows = rows_of(fitted, parts)
    best = max(rows, key=lambda row: row.scores.accuracy)
    print("\n\n".join([table(rows), pairs_in_words(rows, best.name), table_of_conditions(fitted, seed)]))


if __name__ == "__main__":
    main()
