"""How good networks and classical methods are on traces that neither training nor validation ever saw.

python blindTest.py --traces 500              classical methods, all problems
python blindTest.py --model NETWORK.keras     beside a network, on traces such as it was trained on
python blindTest.py --by noise                at one noise level after the other; --by wavelet
pip install pylops                            for the total-variation inversion
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from baseML import BaseMLClass, labelled
from dataPreProcessing import TraceProtocol
from evaluation.blind import VARIANTS, blind_test, blind_tests
from evaluation.comparison import missing_packages, report, text_table_of_all, write_csv
from evaluation.given_wavelet import given_wavelet
from hpo.pairs import tested_on
from hpo.problem import Problem, known_problems
from support.command_line import LARGEST_SEED, OneSentenceParser, check_output, converter, whole_number
from support.errors import UserError
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, interval
from traces.earth_files import read_earth


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of each problem."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problem", choices=tuple(known_problems()), help="one problem (default: that of the networks, else all)")
    add("--model", type=Path, action="append", default=[], metavar="FILE", help="a saved network; may be repeated")
    add("--traces", type=whole_number(1, MOST_TRACES), default=200, metavar="N", help="blind traces (default 200)")
    samples = whole_number(SHORTEST_TRACE, LONGEST_TRACE)
    add("--samples", type=samples, metavar="N", help="samples of each trace (default: the networks', else 4096)")
    default = "(default: the networks', else the paper's)"
    add("--dt", type=converter(interval), metavar="S", help=f"sampling interval in s {default}")
    add("--earth", type=converter(read_earth), metavar="FILE", help=f"own earth, a TOML file {default}")
    add("--wavelet", type=Path, metavar="FILE", help=f"own wavelet, a text file or traces that show it {default}")
    add("--noisy-data", action="store_true", default=None, help="inversion from noisy traces with a gap")
    seed = whole_number(0, LARGEST_SEED)
    add("--seed", type=seed, default=0, metavar="N", help="seed of the traces and the intervals (default 0)")
    add("--by", choices=VARIANTS, help="one test of each wavelet, or of each noise level (default: one test of all)")
    add("--csv", type=Path, metavar="DIR", help="folder to which one CSV file is written for each test")
    options = parser.parse_args(arguments)
    try:
        if options.csv:
            check_output(options.csv, option="--csv")
        networks = _named([(path, BaseMLClass.load_model(path)) for path in options.model])
        for problem in _problems(options.problem, networks):
            _test(problem, networks, options)
    except (UserError, ValueError, OSError) as error:
        parser.error(str(error))


def _test(problem: Problem, networks: Mapping[str, BaseMLClass], options: argparse.Namespace) -> None:
    """Test one problem as the options say, print the table, and write it if that was asked for."""
    protocol = _protocol(options, networks)
    problem, pairs = tested_on(problem, networks.values())
    n_traces = min(options.traces, pairs.n_blind) if pairs else options.traces
    size = f"{protocol.n_samples} samples at {1000 * protocol.dt:g} ms"
    made = "" if protocol.is_of_paper else f"\nTraces: {protocol.words}"
    made = f"\nTraces: blind traces of {pairs.traces.path}. {pairs.meaning}" if pairs else made
    print(f"{problem.name.capitalize()}, {n_traces} blind traces of seed {options.seed}, {size}{made}", flush=True)
    if options.by:
        tests = blind_tests(problem, networks, n_traces, options.by, options.seed, protocol)
        text = "\n".join([text_table_of_all(problem, tests), *missing_packages(problem)])
    else:
        tests = {"": blind_test(problem, networks, n_traces, options.seed, protocol)}
        text = report(problem, tests[""], networks, options.seed)
    print(text, end="\n\n", flush=True)
    if options.csv:
        options.csv.mkdir(parents=True, exist_ok=True)
        for name, rows in tests.items():
            path = options.csv / f"blind_test_{'_'.join(f'{problem.name} {name}'.split())}.csv"
            write_csv(path, problem, rows)


def _named(networks: Sequence[tuple[Path, BaseMLClass]]) -> dict[str, BaseMLClass]:
    """The networks by their labels, or by their files' names where two have the same label."""
    labels = [labelled(network.config, network.transform["transform_type"]).rstrip("_") for _, network in networks]
    return {
        label if labels.count(label) == 1 else path.stem: network
        for label, (path, network) in zip(labels, networks, strict=True)
    }


def _problems(asked: str | None, networks: Mapping[str, BaseMLClass]) -> list[Problem]:
    """The problems to be tested. Raises ValueError when networks are of another problem, or of several."""
    known = known_problems()
    trained_for = {network.provenance.get("problem", asked) for network in networks.values()} - {None}
    if len(trained_for | ({asked} - {None})) > 1:
        found = ", ".join(sorted(trained_for))
        raise ValueError(f"the networks are for {found}{f', not {asked}' if asked else ''}; one problem is needed")
    if networks and not trained_for:
        raise ValueError("the networks do not say what problem they are for; --problem does")
    unknown = trained_for - known.keys()
    if unknown:
        raise ValueError(f"the networks are for {unknown.pop()!r}, which no run script has; valid: {', '.join(known)}")
    return [known[name] for name in (trained_for or ([asked] if asked else known))]


def _protocol(options: argparse.Namespace, networks: Mapping[str, BaseMLClass]) -> TraceProtocol:
    """The traces that the options ask for, else those of the networks. Raises ValueError when these differ."""
    protocols = {name: TraceProtocol.of(network) for name, network in networks.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError("the networks were trained on different traces: " + "; ".join(map(str, protocols.values())))
    asked = {"n_samples": options.samples}
    asked |= {name: getattr(options, name) for name in ("dt", "earth", "noisy_data")}
    asked["own_wavelet"] = options.wavelet and given_wavelet(options.wavelet, options.dt)
    start = next(iter(protocols.values()), TraceProtocol())
    return replace(start, **{name: value for name, value in asked.items() if value is not None})


if __name__ == "__main__":
    main()
