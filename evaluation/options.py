"""The command lines of blindTest.py, applyModel.py and modelCard.py, which are read before Keras is loaded."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dataFiles import DOMAINS
from support.command_line import LARGEST_SEED, KerasParser, converter, whole_number
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, interval
from traces.earth_files import read_earth
from traces.units import VELOCITY_UNITS, length_in_feet
from traces.variants import VARIANTS
from traces.variety import VARIETIES

SNR_DB = 4.77  # the mean level of the paper's noise
AXES = ("last", "first")
TASKS = {"denoise": ("denoising", "denoised"), "invert": ("inversion", "velocity")}  # pretrained network, ending of OUT
BLIND, CHECKED = 1000, 300  # traces of a new card, and traces that a card is checked with


def blind_test_options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of blindTest.py; an option that is unknown or outside its range ends the script."""
    parser = KerasParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    text = "one problem that has a run script: denoising, inversion .. (default: that of the networks, else all)"
    add("--problem", metavar="NAME", help=text)
    add("--model", type=Path, action="append", default=[], metavar="FILE", help="a saved network; may be repeated")
    add("--traces", type=whole_number(1, MOST_TRACES), default=200, metavar="N", help="blind traces (default 200)")
    samples = whole_number(SHORTEST_TRACE, LONGEST_TRACE)
    add("--samples", type=samples, metavar="N", help="samples of each trace (default: the networks', else 4096)")
    default = "(default: the networks', else the paper's)"
    text = f"sampling interval in s {default}; with --section, of a file that does not say its own"
    add("--dt", type=converter(interval), metavar="S", help=text)
    add("--earth", type=converter(read_earth), metavar="FILE", help=f"own earth, a TOML file {default}")
    add("--wavelet", type=Path, metavar="FILE", help=f"own wavelet, a text file or traces that show it {default}")
    add("--variety", choices=VARIETIES, help=f"what differs from trace to trace {default}")
    add("--noisy-data", action="store_true", default=None, help="inversion from noisy traces with a gap")
    text = "inversion with a background, the velocity below 3 Hz"
    add("--background", action="store_true", default=None, help=text)
    seed = whole_number(0, LARGEST_SEED)
    add("--seed", type=seed, default=0, metavar="N", help="seed of the traces and the intervals (default 0)")
    add("--by", choices=VARIANTS, help="one test of each heterogeneity, wavelet, noise level .. (default: one test)")
    add("--csv", type=Path, metavar="DIR", help="folder to which one CSV file is written for each test")
    text = "file of a picture: the networks and the best classical method on the blind trace of median error"
    add("--picture", type=Path, metavar="PNG", help=text)
    _add_outside(parser)
    return parser.parse_args(arguments)


def _add_outside(parser: argparse.ArgumentParser) -> None:
    """Add the options of tests on traces that are not of the generator."""
    add = parser.add_argument_group("traces that nobody here generated").add_argument
    add("--section", type=Path, metavar="FILE", help="denoise a real section: .sgy, .segy, .su, .npy or .npz")
    text = f"levels of the noise that is added to the section, in dB (default {SNR_DB:g})"
    add("--snr-db", type=float, nargs="+", metavar="DB", help=text)
    add("--model-file", type=Path, metavar="FILE", help="invert traces of a velocity model in depth, such a file too")
    add("--cell-size", type=converter(length_in_feet), metavar="H", help="of the model along depth: 4m, 10ft")
    text = "of the model (default: the only one in which its values are velocities of rocks)"
    add("--velocity-unit", choices=VELOCITY_UNITS, help=text)
    text = "which axis of an array is depth; all others count columns (default last)"
    add("--depth-axis", choices=AXES, help=text)
    add("--array", metavar="NAME", help="which of several arrays in an .npz file")
    text = "density of the model's cells, g/cm3 or kg/m3 (default: from velocity, by Gardner's relation)"
    add("--density", type=Path, metavar="FILE", help=text)
    add("--density-array", metavar="NAME", help="which of several arrays in an .npz file of densities")


def apply_options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of applyModel.py; an option that is unknown or outside its range ends the script."""
    parser = KerasParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("input", type=Path, metavar="IN", help="file of traces, whose name ends with .sgy, .segy, .su, .npy or .npz")
    add("--task", choices=TASKS, help="what to do (default: what the network of --model does)")
    add("--model", type=Path, metavar="FILE", help="a saved network (.keras; default: the pretrained one of the task)")
    add("--output", type=Path, metavar="OUT", help="file of the answer (default: the name of IN with another ending)")
    add("--dt", type=float, metavar="S", help="sampling interval in s, in place of the file's")
    add("--domain", choices=DOMAINS, help="what the samples are in, in place of what the file says")
    add("--array", metavar="NAME", help="which of several arrays in an .npz file")
    text = "factor for amplitudes before an inversion (default: the one that makes their deviation the training's)"
    add("--scale", type=float, metavar="X", help=text)
    text = "reversed: for an inversion, a positive amplitude is a decrease of impedance"
    add("--polarity", choices=("normal", "reversed"), default="normal", help=text)
    add("--unit", choices=VELOCITY_UNITS, default="ft/s", help="unit of velocities (default ft/s)")
    text = (
        "velocities below 3 Hz for a network that was trained with them: a file with one log for each trace, or for all"
    )
    add("--background", type=Path, metavar="FILE", help=text)
    text = "unit of the --background (default ft/s)"
    add("--background-unit", choices=VELOCITY_UNITS, default="ft/s", help=text)
    add("--picture", type=Path, metavar="PNG", help="file of the picture (default: the name of OUT with .png)")
    add("--html", type=Path, metavar="HTML", help="file of a page with the report and the picture")
    return parser.parse_args(arguments)


def card_options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of modelCard.py; an option that is unknown or outside its range ends the script."""
    parser = KerasParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("model", type=Path, metavar="NETWORK", help="a saved network (.keras)")
    add("--output", type=Path, metavar="FILE", help="write the network to this file (.keras), with its card (.json)")
    traces = f"blind traces (default {BLIND}; {CHECKED} to check a card)"
    add("--traces", type=whole_number(1, MOST_TRACES), metavar="N", help=traces)
    add("--seed", type=whole_number(0, LARGEST_SEED), default=0, metavar="N", help="seed of the traces (default 0)")
    return parser.parse_args(arguments)
