"""The settings of a run, the presets, and how a field becomes an option of the command line."""

import argparse
import os
from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.given_wavelet import given_wavelet
from hpo.budget import Budget
from hpo.tree import check_study_name
from support.command_line import LARGEST_SEED, converter, path_from_here, whole_number
from support.errors import UserError
from support.startup import PRECISIONS
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, check_snr, interval
from traces.earth_files import read_earth
from traces.protocol import VALIDATIONS, TraceProtocol, earth_of, wavelet_of
from traces.variety import VARIETIES

SEARCH = "search"  # stands for all modes that are searches, where the modes of an option are listed
VALIDATION_SHARE = 0.3  # validation traces for each training trace: 75 for the paper's 250
MOST_TRIALS, MOST_EPOCHS, MOST_WORKERS = 100_000, 1_000_000, 1000
QUICK_SETTINGS = {
    "n_trials": 12,  # enough for a search to be seen, few enough for a coffee break
    "num_epochs": 6,
    "num_datasets": 200,
    "n_samples": 1024,  # a quarter of the work of a step
    "batch_size": 4,  # fewer, larger steps: at this length a step is mostly overhead
    "validation": "fixed",  # with so few traces, fresh ones would make a low loss a matter of luck
}
EXTENDED_SETTINGS = {
    "variety": "field",  # what only the generator does is nothing that a network may rely on
    "n_trials": 100,  # the budget ends the search before the last one
    "num_epochs": 20,
    "validation": "fixed",
    "pruner": "median",
    "enqueue_base": True,
    "one_by_one": True,
}


class Preset(NamedTuple):
    """What a preset is for, its settings where they are not the paper's, and those of mode final_model on top."""

    what: str
    settings: dict[str, object]
    final: dict[str, object]  # n_trials are the repeats of each configuration
    is_paper_search: bool = False  # whether the sampler and the scores are the paper's, and trials go on after a kill


PAPER_FINAL = {"n_trials": 25, "num_epochs": 100}
PRESETS = {
    "quick": Preset("minutes on a laptop CPU (default)", QUICK_SETTINGS, {"n_trials": 3}),
    "paper": Preset("the paper's search, on traces as it describes them", {}, PAPER_FINAL, True),
    "published": Preset(
        "the same on traces as the published scripts made them", {"generation": "published"}, PAPER_FINAL, True
    ),
    "extended": Preset("beyond the paper, hours on a CPU", EXTENDED_SETTINGS, {"n_trials": 1, "num_epochs": 100}),
}


def option(
    default: object,
    help: str | None,
    type: Callable[[str], object] | None = None,
    metavar: str = "N",
    *,
    modes: Collection[str] = (),
    paper: str | None = None,
    flag: str | None = None,
    before: str | None = None,
    **argument: object,
) -> object:
    """Field of a dataclass that an option of the command line fills in.

    ``help`` is its meaning, with {} for the default; None leaves the option out of the help text. It is valid in
    ``modes`` only, where these are given. ``paper`` is its name in the published scripts, ``flag`` its name where that
    is not the field's, and ``before`` an earlier field that it precedes in the help text. Other keywords are those of
    `argparse.ArgumentParser.add_argument`.
    """
    argument |= {"action": "store_true"} if isinstance(default, bool) else {"type": type, "metavar": type and metavar}
    where = f"{', '.join(modes)}: " if modes and SEARCH not in modes else ""
    text = help and f"{where}{help.format(default)} [{f'paper: {paper}' if paper else 'new'}]"
    argument["help"] = text or argparse.SUPPRESS
    return field(default=default, metadata={"flag": flag, "modes": modes, "before": before, "argument": argument})


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """Converter of an option that is kept as it was written, if ``check`` raises no error."""

    def convert(text: str) -> str:
        try:
            check(text)
        except (UserError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return convert


@dataclass(frozen=True)
class RunSettings:
    """All that decides the result of a study, and is stored with it; the defaults are the paper's."""

    preset: str = option(MISSING, "; ".join(f"{name}: {row.what}" for name, row in PRESETS.items()), choices=PRESETS)
    n_trials: int = option(
        MISSING, "trials of the whole study", whole_number(1, MOST_TRIALS), modes=[SEARCH], paper="n_trials"
    )
    num_epochs: int = option(30, "epochs of a training", whole_number(1, MOST_EPOCHS), paper="num_epochs")
    num_datasets: int = option(250, "training traces per epoch", whole_number(1, MOST_TRACES), paper="num_datasets")
    n_samples: int = option(
        4096,
        "samples per trace",
        whole_number(SHORTEST_TRACE, LONGEST_TRACE),
        paper="constant_data_length",
        flag="--samples",
    )
    batch_size: int = 1  # traces
    scaling_flag: bool = False  # whether velocities are scaled to [0, 1] for the network
    noisy_data: bool = option(
        False, "the inversion is of noisy traces with a gap, as in blindTest.py --noisy-data", before="transform"
    )
    transform: str = option("NA", "transform of the traces (default {})", modes=[SEARCH, "manual", "final_model"])
    snr_db: list[float] | None = option(
        None, "noise level in dB, or lowest and highest (default 4.8)", float, "DB", nargs="+", before="transform"
    )
    validation: str = option(
        "streaming", "fresh validation traces every epoch, or fixed ones (default: the preset's)", choices=VALIDATIONS
    )
    precision: str = option("float32", "number format of the networks' arithmetic (default {})", choices=PRECISIONS)
    seed: int = option(0, "seed of every draw and of the sampler (default {})", whole_number(0, LARGEST_SEED))
    sampler: str = option("tpe", "method that draws the parameters (default {}, the paper's)", modes=[SEARCH])
    pruner: str = option("none", "method that stops poor trials (default {}; extended: median)", modes=[SEARCH])
    enqueue_base: bool = option(False, "trial 0 is the grid's base configuration", modes=[SEARCH])
    one_by_one: bool = False  # the loss is that of each trace, so that studies of several batch sizes compare them
    budget: str | None = option(
        None,
        "limit for all trials, as 780epochs or 90min (default none; extended: a tenth of the published epochs)",
        checked(Budget.of),
        modes=[SEARCH],
    )
    generation: str = "described"  # how velocity and density are made: a key of `traces.protocol.GENERATIONS`
    # What files hold is stored instead of their names, so that nothing later needs the files.
    wavelet: dict[str, object] | None = option(
        None,
        "own wavelet instead of random ones: a text file of times in s and amplitudes, or of amplitudes and # dt = .., "
        "or traces from which it is estimated (.sgy, .su, .npy, .npz)",
        Path,
        "FILE",
        before="transform",
    )
    earth: dict[str, object] | None = option(
        None,
        "own earth, a TOML file (default: the paper's, which dataGeneration.py --print-earth prints)",
        Path,
        "FILE",
        before="transform",
    )
    dt: float = option(
        0.001, "sampling interval in s (default {}, or that of --traces)", converter(interval), "S", before="transform"
    )
    variety: str = option(
        "paper",
        "what differs from trace to trace: as in the paper, or also what does in field data (default {}; extended: "
        "field)",
        choices=VARIETIES,
        before="transform",
    )
    background: bool = option(
        False,
        "the network gets the velocity below 3 Hz beside the trace, as an inversion of field data does; for --preset "
        "extended",
        before="transform",
    )
    # The content of files of pairs is too large to be stored; their digests tell whether it is still the same.
    targets: str | None = option(
        None,
        "what a network is to make of --traces, trace by trace: clean traces, or velocity in ft/s",
        os.path.abspath,
        "FILE",
        modes=[SEARCH, "model_update"],
        before="transform",
    )
    traces: str | None = option(
        None,
        "own traces (.sgy, .segy, .su, .npy, .npz) in the place of made ones; without --targets these are clean ones "
        "to which noise is added",
        os.path.abspath,
        "FILE",
        modes=[SEARCH, "model_update"],
        before="transform",
    )
    pairs: dict[str, object] | None = None  # what both files hold, as `problems.own_pairs.Pairs.content` says it
    validation_share: float = VALIDATION_SHARE  # validation traces for each training trace

    @property
    def is_paper_search(self) -> bool:
        return PRESETS[self.preset].is_paper_search

    @property
    def protocol(self) -> TraceProtocol:
        """What the traces are like. Raises ValueError for settings that no traces can have."""
        own = {"earth": earth_of(self.earth), "own_wavelet": wavelet_of(self.wavelet)}
        own |= {"variety": self.variety, "background": self.background}
        return TraceProtocol(self.n_samples, self.dt, self.noisy_data, check_snr(self.snr_db), **own)

    @property
    def repeats(self) -> int:
        """Number of trainings of each configuration in mode final_model."""
        return self.n_trials

    @property
    def n_validation(self) -> int:
        """Number of validation traces per epoch."""
        return max(1, round(self.validation_share * self.num_datasets))


study_name_option = checked(check_study_name)


@dataclass(kw_only=True)
class RunOptions:
    """What else is asked of one call of a run script, which decides no result of a study."""

    search_transform: bool = option(False, "the study searches the transform too", modes=[SEARCH], before="validation")
    only: list[str] | None = option(
        None,
        "values of a parameter that are searched alone, as arch_type=TCN or arch_type=CNN,TCN; it may be repeated",
        str,
        "NAME=VALUE",
        modes=["optuna"],
        before="validation",
        action="append",
    )
    ranges: list[str] | None = option(
        None,
        "another range of a parameter than the preset's, as num_filt=8..32; it may be repeated",
        str,
        "NAME=LOW..HIGH",
        modes=["optuna"],
        before="validation",
        flag="--set",
        action="append",
    )
    deterministic: bool = option(False, "repeated runs give the same bits on a GPU too, more slowly", before="seed")
    compile_anew: bool = option(
        False,
        "JAX takes no compiled network from the user's cache folder, and keeps none there",
        before="seed",
        flag="--no-compilation-cache",
    )
    log_lr: bool = option(False, "learning rates are drawn on a log scale", modes=[SEARCH], before="enqueue_base")
    n_workers: int = option(
        1,
        "processes on this machine (default {}; up to 4 share a GPU on JAX)",
        whole_number(1, MOST_WORKERS),
        modes=[SEARCH],
        flag="--workers",
    )
    storage_url: str | None = option(
        None,
        "URL of an Optuna storage (default: a SQLite file among the results, which must not be on a network file "
        "system such as NFS, SMB or Lustre; several machines need postgresql+psycopg://user@host/database)",
        str,
        "URL",
        modes=[SEARCH, "final_model"],
        paper="storage",
        flag="--storage",
    )
    study_name: str | None = option(  # None: it is still to be found
        None, "study, which is continued if it exists", study_name_option, "NAME", modes=[SEARCH], paper="study_name"
    )
    # The settings keep this number as n_trials.
    repeats: int | None = option(None, "trainings of a network", whole_number(1, MOST_TRIALS), modes=["final_model"])
    from_study: str | None = option(None, "study with the network", study_name_option, "NAME", modes=["final_model"])
    model: Path | None = option(
        None, "saved network (.keras)", path_from_here, "FILE", modes=["model_update"], paper="model"
    )
    dry_run: bool = option(False, "the trainings are only listed", modes=["manual", "final_model"])
    output: Path = option(Path("Results"), "root folder of the results (default {})", path_from_here, "DIR")
    is_worker: bool = option(False, None, flag="--as-worker")  # one of several processes that another one started


# Settings that later runs take from a study or a network.
OF_TRACES = ("wavelet", "earth", "dt", "variety", "background")
OF_PRESET = {"n_samples", "snr_db", "noisy_data"}  # and these, unless another preset is asked for
OF_PAIRS = ("traces", "targets", "pairs")  # and those of own pairs
PATHS = OF_PAIRS[:2]  # settings that may differ, as files may be moved
# Settings that are stored as what a file holds: how it is read, beside the interval that the command line gives.
FROM_FILES = {
    "earth": lambda path, dt: read_earth(path).as_dict(),
    "wavelet": lambda path, dt: given_wavelet(path, dt).as_dict(),
}
LONG_VALUES = {name: f"another {name.replace('_', ' ')}" for name in FROM_FILES}
LONG_VALUES["pairs"] = "other --traces or --targets"
DEFAULTS = {field.name: field.default for field in fields(RunSettings)}


def difference(name: str, found: object, asked: object) -> str:
    """How a message says that a setting was stored with another value than the one that is asked for."""
    return LONG_VALUES.get(name) or f"{name} {found!r}, not {asked!r}"


def derived_seed(seed: int, *key: int) -> int:
    """A 32-bit seed that belongs to (seed, key) alone."""
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
