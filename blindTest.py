"""How good networks and classical methods are on traces that neither training nor validation ever saw.

python blindTest.py --traces 500              classical methods, all problems
python blindTest.py --model NETWORK.keras     beside a network, on traces such as it was trained on
python blindTest.py --model NETWORK.keras --picture TRACE.png    and a picture of one of them
python blindTest.py --by noise                at one noise level after the other; --by heterogeneity, wavelet ..
python blindTest.py --section LINE.sgy        a real section with noise that is added
python blindTest.py --model-file MODEL.npy --cell-size 4m    traces of a velocity model in depth
pip install pylops                            for the strongest classical inversions
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.options import AXES, SNR_DB, blind_test_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    blind_test_options(__doc__)

from baseML import BaseMLClass, labelled
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_test, blind_tests, variants_of
from evaluation.comparison import Row, missing_packages, report, text_table_of_all, write_csv
from evaluation.given_wavelet import given_wavelet
from evaluation.outside import (
    ModelFile,
    OutsidePairs,
    model_pairs,
    outside_test,
    read_section,
    with_noise,
)
from evaluation.pictures import plot_median_trace
from hpo.pairs import tested_on
from hpo.problem import Problem, known_problems
from problems.own_pairs import OwnTraces, OwnVelocities
from support.checks import check_choice
from support.command_line import check_output, refuse
from support.errors import UserError
from support.words import number_of

OUTSIDE = {"section": OwnTraces, "model_file": OwnVelocities}  # the pairs of the problems that these tests are for
MEANING = {  # options that have a meaning in some tests only; None stands for generated traces
    **dict.fromkeys(("samples", "earth", "variety", "noisy_data", "by", "picture"), (None,)),
    **dict.fromkeys(("wavelet", "background"), (None, "model_file")),
    "snr_db": ("section",),
    "array": ("section", "model_file"),
    **dict.fromkeys(("cell_size", "velocity_unit", "depth_axis", "density", "density_array"), ("model_file",)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of each problem."""
    options = blind_test_options(__doc__, arguments)
    try:
        kind = _kind(options)
        if options.csv:
            check_output(options.csv, option="--csv")
        if options.picture:
            check_output(options.picture.parent, option="--picture")
        known_problems()  # Their modules may bring networks of their own, which the files may be of.
        networks = _named([(path, BaseMLClass.load_model(path)) for path in options.model])
        for problem in _testable(_problems(options.problem, networks, kind), options, networks):
            (_test_outside if kind else _test)(problem, networks, options)
    except (UserError, ValueError, OSError) as error:
        refuse(error)


def _option(name: str | None) -> str:
    """The option of a key of OUTSIDE or MEANING, in words."""
    return "--" + name.replace("_", "-") if name else "generated traces"


def _kind(options: argparse.Namespace) -> str | None:
    """The key of OUTSIDE that is asked for, None for generated traces. UserError for options that do not fit it."""
    kinds = [name for name in OUTSIDE if getattr(options, name) is not None]
    if len(kinds) > 1:
        raise UserError("--section and --model-file are two tests; one of them is needed")
    kind = kinds[0] if kinds else None
    for name, tests in MEANING.items():
        if getattr(options, name) is not None and kind not in tests:
            raise UserError(f"{_option(name)} is for {' and '.join(map(_option, tests))}, not for {_option(kind)}")
    if kind == "model_file" and options.cell_size is None:
        raise UserError("--model-file needs --cell-size, such as 4m or 10ft")
    if options.picture and (options.by or not options.model):
        raise UserError("--picture needs --model FILE, and no --by")
    if options.density_array and not options.density:
        raise UserError("--density-array needs --density")
    return kind


def _test(problem: Problem, networks: Mapping[str, BaseMLClass], options: argparse.Namespace) -> None:
    """Test one problem as the options say, print the table, and write it if that was asked for."""
    protocol = _protocol(problem, options, networks)
    problem, pairs = tested_on(problem, networks.values())
    n_traces = min(options.traces, pairs.n_blind) if pairs else options.traces
    size = problem.size_in_words(protocol.n_samples, protocol.dt)
    made = "" if protocol.is_of_paper else f"\nTraces: {protocol.words}"
    made = f"\nTraces: blind traces of {pairs.traces.path}. {pairs.meaning}" if pairs else made
    traces = number_of(n_traces, f"blind {problem.item}")
    print(f"{problem.name.capitalize()}, {traces} of seed {options.seed}, {size}{made}", flush=True)
    if options.by:
        tests = blind_tests(problem, networks, n_traces, options.by, options.seed, protocol)
        text = "\n".join([text_table_of_all(problem, tests), *missing_packages(problem, next(iter(tests.values())))])
    else:
        tests = {"": blind_test(problem, networks, n_traces, options.seed, protocol)}
        text = report(problem, tests[""], networks, options.seed)
        if problem.appendix:
            folder = [options.csv] if options.csv else []
            text += "\n" + problem.appendix(problem, networks, n_traces, options.seed, protocol, *folder)
    print(text, end="\n\n", flush=True)
    _write(options.csv, problem, tests)
    if options.picture:
        plot_median_trace(problem, networks, tests[""], options.seed, protocol, save_path=options.picture)
        print(f"Picture  {options.picture}")


def _test_outside(problem: Problem, networks: Mapping[str, BaseMLClass], options: argparse.Namespace) -> None:
    """The same on traces that are not of the generator."""
    protocol = _protocol(problem, options, networks)
    every = _outside_pairs(options, protocol)
    first = next(iter(every.values()))
    size = f"{number_of(len(first.y), 'trace')} of {first.y.shape[1]} samples at {1000 * first.dt:g} ms"
    levels = f", with noise of {' and '.join(every)}" if options.section else ""
    print("\n".join([f"{problem.name.capitalize()}, {size}{levels}", *first.words]), flush=True)
    tests, warnings = {}, []
    for name, pairs in every.items():
        tests[name], found = outside_test(problem, networks, pairs, options.seed, protocol)
        warnings += found
    if len(tests) > 1:
        sentences = [text_table_of_all(problem, tests), *missing_packages(problem, next(iter(tests.values())))]
    else:
        sentences = [report(problem, *tests.values(), networks, options.seed)]
    print("\n".join([*sentences, *dict.fromkeys(warnings)]), end="\n\n", flush=True)
    _write(options.csv, problem, tests, (options.section or options.model_file).stem)


def _outside_pairs(options: argparse.Namespace, protocol: TraceProtocol) -> dict[str, OutsidePairs]:
    """The pairs of each test, by the heading of its column in a table of several tests."""
    if options.section:
        section = read_section(options.section, protocol.dt, options.traces, options.dt, options.array)
        return {f"{level:g} dB": with_noise(section, level, options.seed) for level in options.snr_db or [SNR_DB]}
    model = ModelFile(
        options.model_file,
        options.cell_size,
        options.velocity_unit,
        options.array,
        options.depth_axis or AXES[0],
        options.density,
        options.density_array,
    )
    seed = options.seed if protocol.background else None
    return {"": model_pairs(model, protocol.dt, options.traces, protocol.own_wavelet, seed)}


def _write(folder: Path | None, problem: Problem, tests: Mapping[str, Sequence[Row]], source: str = "") -> None:
    """Write one CSV file for each test, if that was asked for; ``source`` is what the traces are from."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tests.items():
            path = folder / f"blind_test_{'_'.join(f'{problem.name} {source} {name}'.split())}.csv"
            write_csv(path, problem, rows)


def _named(networks: Sequence[tuple[Path, BaseMLClass]]) -> dict[str, BaseMLClass]:
    """The networks by their labels, or by their files' names where two have the same label."""
    labels = [labelled(network.config, network.transform["transform_type"]).rstrip("_") for _, network in networks]
    return {
        label if labels.count(label) == 1 else path.stem: network
        for label, (path, network) in zip(labels, networks, strict=True)
    }


def _problems(asked: str | None, networks: Mapping[str, BaseMLClass], kind: str | None) -> list[Problem]:
    """The problems to be tested, with a ``kind`` those that this key of OUTSIDE is for.

    Raises ValueError when networks are of another problem, or of several, and where no problem is left.
    """
    known = known_problems()
    if asked is not None:
        check_choice("problem", asked, known)
    trained_for = {network.provenance.get("problem", asked) for network in networks.values()} - {None}
    if len(trained_for | ({asked} - {None})) > 1:
        found = ", ".join(sorted(trained_for))
        raise ValueError(f"the networks are for {found}{f', not {asked}' if asked else ''}; one problem is needed")
    if networks and not trained_for:
        raise ValueError("the networks do not say what problem they are for; --problem does")
    unknown = trained_for - known.keys()
    if unknown:
        raise ValueError(f"the networks are for {unknown.pop()!r}, which no run script has; valid: {', '.join(known)}")
    problems = [known[name] for name in (trained_for or ([asked] if asked else known))]
    if kind is None:
        return problems
    fitting = [name for name, one in known.items() if one.own_stream and issubclass(one.own_stream, OUTSIDE[kind])]
    if not any(one.name in fitting for one in problems):
        raise ValueError(f"{_option(kind)} is not for {problems[0].name}; it is for {' and '.join(fitting)}")
    return [one for one in problems if one.name in fitting]


def _testable(
    problems: Sequence[Problem], options: argparse.Namespace, networks: Mapping[str, BaseMLClass]
) -> Sequence[Problem]:
    """Those of several problems whose traces can be such as the options ask for; the others are named, and left out.

    Raises ValueError where the traces of a single problem cannot.
    """
    asked = [_option(name) for name in ("samples", "dt", "earth", "wavelet", "variety") if getattr(options, name)]
    for one in problems if asked else ():
        if one.protocol and len(problems) == 1:
            raise ValueError(f"{asked[0]} has no meaning for {one.name}, whose {one.item}s are always alike")
        if one.protocol:
            print(f"{one.name.capitalize()} is left out, as {asked[0]} has no meaning for it.", flush=True)
    problems = [one for one in problems if not (asked and one.protocol)]
    if options.by is None or len(problems) == 1:
        return problems
    fitting = [one for one in problems if options.by in variants_of(one, _protocol(one, options, networks))]
    for one in problems:
        if fitting and one not in fitting:
            print(f"{one.name.capitalize()} is left out, as its traces do not differ by {options.by}.", flush=True)
    return fitting or problems


def _protocol(problem: Problem, options: argparse.Namespace, networks: Mapping[str, BaseMLClass]) -> TraceProtocol:
    """The traces that the options ask for, else those of the networks. Raises ValueError when these differ."""
    protocols = {name: TraceProtocol.of(network) for name, network in networks.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError("the networks were trained on different traces: " + "; ".join(map(str, protocols.values())))
    asked = {"n_samples": options.samples}
    asked |= {name: getattr(options, name) for name in ("earth", "noisy_data", "variety", "background")}
    asked["dt"] = None if options.section else options.dt  # else it is the interval of the section
    asked["own_wavelet"] = options.wavelet and given_wavelet(options.wavelet, options.dt)
    start = next(iter(protocols.values()), problem.usual_protocol)
    return replace(start, **{name: value for name, value in asked.items() if value is not None})


if __name__ == "__main__":
    main()
