"""How good networks and classical methods are on traces that neither training nor validation ever saw.

    python blindTest.py --traces 500              classical methods, both problems
    python blindTest.py --model NETWORK.keras     beside a network, on traces such as it was trained on
    python blindTest.py --by noise                at one noise level after the other; --by wavelet
    pip install pylops                            for the total-variation inversion

Units: trace amplitudes have none, velocity is in ft/s, time in s. Arrays are (n_traces, n_samples).
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from baseML import BaseMLClass, labelled
from evaluation.blind import VARIANTS, TraceProtocol, blind_test, blind_tests
from evaluation.comparison import PROBLEMS, missing_packages, report, text_table_of_all, write_csv
from support.command_line import LARGEST_SEED, OneSentenceParser, whole_number
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE

# --- The script


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of each problem."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problem", choices=tuple(PROBLEMS), help="one problem (default: that of the networks, else both)")
    add("--model", type=Path, action="append", default=[], metavar="FILE", help="a saved network; may be repeated")
    add("--traces", type=whole_number(1, MOST_TRACES), default=200, metavar="N", help="blind traces (default 200)")
    add(
        "--samples",
        type=whole_number(SHORTEST_TRACE, LONGEST_TRACE),
        metavar="N",
        help="samples a trace (default: the networks', else 4096)",
    )
    add("--dt", type=float, help="time step in s (default: the networks', else 0.001)")
    add("--noisy-data", action="store_true", default=None, help="inversion from noisy traces with a gap")
    add(
        "--seed",
        type=whole_number(0, LARGEST_SEED),
        default=0,
        metavar="N",
        help="of the traces and the intervals (default 0)",
    )
    add("--by", choices=VARIANTS, help="a test of each wavelet, or of each noise level (default: one of all)")
    add("--csv", type=Path, metavar="DIR", help="folder to write a CSV file for each problem to")
    options = parser.parse_args(arguments)
    try:
        networks = _named([(path, BaseMLClass.load_model(path)) for path in options.model])
        for problem in _problems(options.problem, networks):
            protocol = _protocol(options, networks)
            size = f"{protocol.n_samples} samples at {1000 * protocol.dt:g} ms"
            print(f"{problem.capitalize()}, {options.traces} blind traces of seed {options.seed}, {size}", flush=True)
            if options.by:
                tests = blind_tests(problem, networks, options.traces, options.by, options.seed, protocol)
                print(
                    "\n".join([text_table_of_all(problem, tests), *missing_packages(problem)]), end="\n\n", flush=True
                )
            else:
                tests = {"": blind_test(problem, networks, options.traces, options.seed, protocol)}
                print(report(problem, tests[""], networks, options.seed), end="\n\n", flush=True)
            for name, rows in tests.items() if options.csv else ():
                options.csv.mkdir(parents=True, exist_ok=True)
                write_csv(options.csv / f"blind_test_{'_'.join(f'{problem} {name}'.split())}.csv", problem, rows)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _named(networks: Sequence[tuple[Path, BaseMLClass]]) -> dict[str, BaseMLClass]:
    """The networks by their labels, by their files' names where two have the same label."""
    labels = [labelled(network.config, network.transform["transform_type"]).rstrip("_") for _, network in networks]
    return {
        label if labels.count(label) == 1 else path.stem: network
        for label, (path, network) in zip(labels, networks, strict=True)
    }


def _problems(asked: str | None, networks: Mapping[str, BaseMLClass]) -> list[str]:
    """The problems to be tested. ValueError when networks are of another one, or of several."""
    trained_for = {network.provenance.get("problem", asked) for network in networks.values()} - {None}
    if len(trained_for | ({asked} - {None})) > 1:
        found = ", ".join(sorted(trained_for))
        raise ValueError(f"the networks are for {found}{f', not {asked}' if asked else ''}; one problem is needed")
    if networks and not trained_for:
        raise ValueError("the networks do not say what problem they are for; --problem does")
    return [*trained_for] or ([asked] if asked else [*PROBLEMS])


def _protocol(options: argparse.Namespace, networks: Mapping[str, BaseMLClass]) -> TraceProtocol:
    """The traces that the options ask for, else those of the networks. ValueError when these differ."""
    protocols = {name: TraceProtocol.of(network) for name, network in networks.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError("the networks were trained on different traces: " + "; ".join(map(str, protocols.values())))
    asked = {"n_samples": options.samples, "dt": options.dt, "noisy_data": options.noisy_data}
    start = next(iter(protocols.values()), TraceProtocol())
    return replace(start, **{name: value for name, value in asked.items() if value is not None})


if __name__ == "__main__":
    main()
