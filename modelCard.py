"""Write a trained network as a file small enough for a repository, with a card that says what it is and how good.

    python modelCard.py NETWORK.keras --output pretrained/denoising_paper.keras
    python modelCard.py pretrained/denoising_paper.keras          is it as good here as its card says?

The file has the weights in half precision and nothing that only a training needs, so that Keras loads it without this
project; every command that loads networks loads it too.
The card stands beside it as JSON. It begins with the kinds of traces for which the network is better than every
classical method, and has hyperparameters, data and training, seed, versions, and the metrics over blind traces with
their intervals: for all traces, and for each kind of wavelet, noise, heterogeneity and so on.
"""

import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.options import BLIND, CHECKED, card_options

if __name__ == "__main__":  # A mistake is answered before Keras is loaded, which takes seconds.
    card_options(__doc__)

import numpy as np

from baseML import BaseMLClass
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_test, blind_tests, variants_of
from evaluation.comparison import lead
from hpo.problem import Problem, known_problems
from support.bootstrap import Interval
from support.checks import check_choice
from support.command_line import check_output, refuse
from support.errors import UserError
from support.files import replace_file, replacing
from support.words import number_of
from traces.variants import AS_TRAINED, VARIANTS, Variant

COMPARED = 40  # traces of a new card that classical methods get, too


def publish(network: BaseMLClass, path: Path) -> BaseMLClass:
    """Write a network with its weights in half precision, as a file that Keras loads without this project.

    The file has no optimiser, no loss and no penalties, which only a training needs. Returns the network that was
    written. Raises ValueError for a network that does not name its problem, or for weights that half precision cannot
    hold.
    """
    if "problem" not in network.provenance:
        raise ValueError("the network does not say what it was trained for: there is no description beside it")
    size = (network.n_samples, network.n_channels, network.n_outputs)
    config = replace(network.config, penalties=False)
    published = BaseMLClass(config, *size, network.transform, network.precision, network.loss)
    with np.errstate(over="ignore"):
        weights = [weight.astype(np.float16).astype(np.float32) for weight in network.get_model().get_weights()]
    if not all(np.isfinite(weight).all() for weight in weights):
        raise ValueError(f"half precision holds no weights above {np.finfo(np.float16).max:g}, which the network has")
    published.model = published.connect(network.n_samples)
    published.model.set_weights(weights)
    published.provenance, published.trained_on = network.provenance, network.training_data()
    published.save_model(path)
    _compress(path)
    return BaseMLClass.load_model(path, network.loss)


def _compress(path: Path) -> None:
    """Compress the parts of a .keras archive, which Keras itself only stores, and leave its empty compile section out.

    Rounded weights take half of the size.
    """
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    model = json.loads(parts["config.json"])
    model.pop("compile_config", None)
    parts["config.json"] = json.dumps(model).encode()
    with replacing(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, content in parts.items():
            new.writestr(name, content)


def blind_metrics(network: BaseMLClass, n_traces: int, seed: int = 0) -> dict[str, dict[str, dict[str, Interval]]]:
    """Compute every metric over blind traces: over all of them, and for each of the kinds in `evaluation.blind`.

    Raises ValueError when the network does not name its problem.
    """
    problem, protocol = problem_of(network), TraceProtocol.of(network)
    kinds = {"all": {"all": AS_TRAINED}, **{by: VARIANTS[by] for by in variants_of(problem, protocol)}}
    return {
        by: {name: _metrics(network, n_traces, seed, variant) for name, variant in variants.items()}
        for by, variants in kinds.items()
    }


def valid_for(network: BaseMLClass, n_traces: int, seed: int = 0) -> list[str]:
    """Say at which kinds of traces a network is better than every classical method, more than chance gives.

    Raises ValueError as `blind_metrics` does.
    """
    problem, protocol, name = problem_of(network), TraceProtocol.of(network), "network"
    sentences = []
    for by in variants_of(problem, protocol):
        tests = blind_tests(problem, {name: network}, min(n_traces, COMPARED), by, seed, protocol)
        found = {kind: lead(problem, rows, name, seed) for kind, rows in tests.items()}
        better = [kind for kind, (_, _, ahead) in found.items() if ahead.low > 0]
        others = [f"{kind} ({best.name})" for kind, (_, best, ahead) in found.items() if ahead.low <= 0]
        words = f"better than every classical method for {' / '.join(better)}" if better else "never better"
        sentences.append(f"{by}: {words}" + (f"; not for {' / '.join(others)}" if others else ""))
    return sentences


def problem_of(network: BaseMLClass) -> Problem:
    """Return the problem that a network was trained for. Raises ValueError unless a run script has that problem."""
    name = network.provenance.get("problem")
    check_choice("problem", name, known_problems())
    if network.provenance.get("traces") is not None:
        raise ValueError("the network was trained on own traces, and a card is about traces that everybody can make")
    return known_problems()[name]


def _metrics(network: BaseMLClass, n_traces: int, seed: int, variant: Variant = AS_TRAINED) -> dict[str, Interval]:
    # The classical methods are left out, and so is what they know.
    alone = replace(problem_of(network), baselines={}, known=lambda seed, protocol: None)
    (row,) = blind_test(alone, {"network": network}, n_traces, seed, TraceProtocol.of(network), variant)
    return row.scores


def write_card(network: BaseMLClass, n_traces: int = BLIND, seed: int = 0) -> Path:
    """Add a network's size, traces and `blind_metrics` to the description beside it, a card then; return its path."""
    path = card_path(network)
    description = json.loads(path.read_text(encoding="utf-8"))
    blind = {"traces": n_traces, "seed": seed, "metrics": blind_metrics(network, n_traces, seed)}
    size = {"weights": "float16", "parameters": network.get_model().count_params()}
    first = {"valid_for": valid_for(network, n_traces, seed)}
    card = {**first, **description, **size, "made_of": TraceProtocol.of(network).words, "blind_test": blind}
    replace_file(path, json.dumps(card, indent=2) + "\n")
    return path


def check_card(network: BaseMLClass, n_traces: int = CHECKED) -> dict[str, tuple[float, Interval]]:
    """Every metric that the card has, over all traces, and as the network gets it here over the first of them.

    Raises ValueError when there is no card beside the network, or when the file there is not a card.
    """
    path = card_path(network)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))["blind_test"]
        on_card = {name: float(value) for name, (value, _, _) in card["metrics"]["all"]["all"].items()}
        n_traces = min(n_traces, card["traces"])
        found = _metrics(network, n_traces, card["seed"])
        # A card may be older than a metric of its problem, but one without any says nothing.
        compared = {name: (on_card[name], interval) for name, interval in found.items() if name in on_card}
        if not compared:
            raise ValueError("it has none of the metrics of its problem")
        return compared
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is not the card of a network ({error}); --output writes one") from error


def card_path(network: BaseMLClass) -> Path:
    """Path of a network's card, which is beside the file that the network was loaded from."""
    return network.best_model_path.with_suffix(".json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish a network, or check a card. Returns the exit status, which is 1 when a card is not true here."""
    options = card_options(__doc__, arguments)
    try:
        if options.output:
            check_output(options.output, options.output.parent)
        known_problems()  # Their modules may bring networks of their own, which the file may be of.
        network = BaseMLClass.load_model(options.model)
        if options.output and options.output.resolve() == options.model.resolve():
            raise ValueError(
                f"--output {str(options.output)!r} is the network itself, which would be lost; give another file"
            )
        if options.output:
            network = publish(network, options.output)
            write_card(network, options.traces or BLIND, options.seed)
            size = options.output.stat().st_size
            print(f"{options.output}: {size / 1e6:.2f} MB, {network.get_model().count_params():,} parameters")
        checked = check_card(network, options.traces or CHECKED)
    except (UserError, ValueError, OSError) as error:
        refuse(error)
    card = json.loads(card_path(network).read_text(encoding="utf-8"))
    for sentence in card.get("valid_for", []):
        print(f"By {sentence}")
    titles = {metric.name: metric.title for metric in problem_of(network).columns}
    agrees = {name: found.low <= on_card <= found.high for name, (on_card, found) in checked.items()}
    for name, (on_card, found) in checked.items():
        here = f"{found.value:.5g} [{found.low:.5g}, {found.high:.5g}]"
        print(f"{titles[name]}: the card has {on_card:.5g}, here {here}{'' if agrees[name] else ': not so'}")
    others = [titles[name] for name, agreed in agrees.items() if not agreed]
    print(_verdict(card_path(network), others, min(options.traces or CHECKED, card["blind_test"]["traces"])))
    return 1 if others else 0


def _verdict(card: Path, others: Sequence[str], n_traces: int) -> str:
    """Say whether a card is true here; ``others`` are the metrics that it has other values of."""
    here = f"the 95 % intervals of {number_of(n_traces, 'blind trace')} here"
    if not others:
        return f"{card} agrees: every number of it lies within {here}."
    what = number_of(len(others), "number of it lies", "numbers of it lie")
    return f"{card} does not agree: {what} outside of {here} ({', '.join(others)})."


if __name__ == "__main__":
    sys.exit(main())
