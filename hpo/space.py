"""The search space that a command line asks for, in the place of the preset's, and search spaces in words."""

import warnings
from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution, json_to_distribution

from hpo.run import Run, short_number
from support.errors import UserError

Space = Mapping[str, BaseDistribution]
TO = ".."  # between the ends of a range


def narrowed(space: Space, only: Sequence[str] = (), ranges: Sequence[str] = ()) -> dict[str, BaseDistribution]:
    """A search space with other values of some parameters, given as "arch_type=TCN", "num_filt=8..32" or the like.

    ``only`` may name a part of what is searched; ``ranges`` any values. Raises UserError for what is neither.

    >>> space = {"num_filt": IntDistribution(2, 128)}
    >>> narrowed(space, ["num_filt=8..32"])
    {'num_filt': IntDistribution(high=32, log=False, low=8, step=1)}
    """
    found = dict(space)
    for flag, texts in (("--only", only), ("--set", ranges)):
        for text in texts:
            name, values = _parted(f"{flag} {text}", text, space)
            asked = _distribution(found[name], values, f"{flag} {text}")
            if flag == "--only" and not all(contains(found[name], value) for value in _ends(asked)):
                raise UserError(
                    f"--only {text} is outside of what the preset searches, which is {in_words(found[name])}; "
                    "--set takes any values"
                )
            found[name] = asked
    return found


def _parted(option: str, text: str, space: Space) -> tuple[str, str]:
    """The parameter that an option names, and the values that it gives it."""
    name, _, values = (part.strip() for part in text.partition("="))
    if not values:
        raise UserError(f"{option} does not name values; arch_type=TCN and num_filt=8{TO}32 are valid")
    known = {_plain(known): known for known in space}
    if _plain(name) not in known:
        raise UserError(f"{option}: {name!r} is not searched; {', '.join(space)} are")
    return known[_plain(name)], values


def _plain(name: str) -> str:
    """A parameter's name, such as "Learning Rate", as it may also be typed: learning_rate."""
    return name.lower().replace(" ", "_")


def _distribution(kind: BaseDistribution, values: str, option: str) -> BaseDistribution:
    """The distribution of the same kind over these values."""
    if isinstance(kind, CategoricalDistribution):
        known = {str(choice): choice for choice in kind.choices}
        number = all(isinstance(choice, int) and not isinstance(choice, bool) for choice in kind.choices)
        texts = [text.strip() for text in values.split(",")]
        odd = [text for text in texts if text not in known and not (number and text.isdecimal())]
        if odd:
            raise UserError(f"{option}: {odd[0]!r} is not a choice; {in_words(kind)} are")
        return CategoricalDistribution([known[text] if text in known else int(text) for text in texts])
    low, _, high = values.partition(TO)
    number = int if isinstance(kind, IntDistribution) else float
    try:
        ends = number(low), number(high or low)
        with warnings.catch_warnings(action="error"):  # Optuna moves an end that is no multiple of the step.
            return type(kind)(*ends, log=kind.log, step=kind.step)
    except (ValueError, UserWarning) as error:
        raise UserError(f"{option} is not a range like that of the preset, {in_words(kind)}: {error}") from error


def _ends(kind: BaseDistribution) -> Sequence[object]:
    return kind.choices if isinstance(kind, CategoricalDistribution) else (kind.low, kind.high)


def contains(kind: BaseDistribution, value: object) -> bool:
    """Whether a distribution may draw a value."""
    if isinstance(kind, CategoricalDistribution):
        return value in kind.choices
    return kind.low <= value <= kind.high


def check_networks(run: Run) -> None:
    """UserError when the ends of the ranges of a run are of networks that cannot be built."""
    types = _ends(run.search_space["arch_type"]) if "arch_type" in run.search_space else [None]
    for name, kind in run.search_space.items():
        for value in _ends(kind):
            for arch_type in types:
                chosen = {"arch_type": arch_type} if arch_type else {}
                try:
                    run.network_config({**chosen, name: value})
                except ValueError as error:
                    raise UserError(f"the search would have networks that cannot be built: {error}") from error


def in_words(kind: BaseDistribution) -> str:
    """A search range in words.

    >>> in_words(IntDistribution(2, 128, log=True))
    '2 to 128 (log)'
    """
    if isinstance(kind, CategoricalDistribution):
        return ", ".join(map(short_number, kind.choices))
    scale = " (log)" if kind.log else ""
    return f"{short_number(kind.low)} to {short_number(kind.high)}{scale}"


def space_difference(found: object, asked: Mapping[str, str]) -> str:
    """How a message says that a study has another search space, as it is stored, than the one that is asked for."""
    try:
        spaces = [{name: json_to_distribution(text) for name, text in space.items()} for space in (found, asked)]
    except (ValueError, TypeError, LookupError, AttributeError):  # A storage may come from anybody.
        return "another search space"
    words = [
        f"{name} {' and not '.join(f'({in_words(space[name])})' if name in space else '(none)' for space in spaces)}"
        for name in dict.fromkeys([*spaces[0], *spaces[1]])
        if spaces[0].get(name) != spaces[1].get(name)
    ]
    return f"another search space: {', '.join(words)}"
