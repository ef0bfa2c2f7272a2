"""Earths as TOML files that can be edited."""

import json
import re
import tomllib
from pathlib import Path

from support.checks import check_path
from support.files import parsed_text
from traces.earth import LITHOLOGY_LIMITS, Earth

HEADING = """\
# An earth from which traces are made: python run_InversionML_HPO_Paper.py --earth THIS_FILE.toml
# Edit what you need. What you remove is the paper's again, but a table of lithologies or sequences counts as a whole.
# Ranges are [lowest, highest]; each model, layer, sample or trace draws a value between them, all as likely.
"""
COMMENTS = {
    "sequences_per_model": "sequences of a model at most; it has fewer where it is deep enough",
    "layers_per_sequence": "layers of a sequence",
    "layer_thickness": "ft",
    "stopping_depth": "ft; below it no further sequence begins, and the last layer goes on",
    "compaction_depth": "ft, where compaction ends; see v_low and v_high",
    "velocity_heterogeneity": "ft/s, the largest deviation of a sample from the velocity of its layer",
    "density_heterogeneity": "g/cm3, the same of density",
    "noise_range": "of u: noise is u x normal numbers with the mean and standard deviation of the clean trace",
    "gap_share": "of the samples of a trace; without this line a gap has none to all of them, as in the paper",
}
LITHOLOGY_HEADING = """
[lithologies]
# Density is a v^2 + b v + c in g/cm3, with the velocity v in km/s.
# v is drawn between v_low and v_high / high_divisor at the surface, and between v_low x low_factor and v_high from the
# compaction depth on; in between the factors change linearly with depth.
"""
SEQUENCE_HEADING = """
[sequences]
# The probability of each kind of sequence, and that of each lithology in it; each set of probabilities sums to 1.
"""


def read_earth(path: str | Path) -> Earth:
    """The earth of a TOML file; what the file lacks is the paper's.

    Raises ValueError, in one sentence with the file's name, for a file that cannot be read or that describes no earth.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "thin.toml").write_text("layer_thickness = [5, 20]  # ft")
    ...     read_earth(Path(folder, "thin.toml")).layer_thickness
    (5.0, 20.0)
    """
    return parsed_text("earth", check_path("an earth", path), lambda text: Earth.from_dict(tomllib.loads(text)))


def earth_text(earth: Earth) -> str:
    """An earth as a TOML file with comments and units, which `read_earth` reads back to the last bit.

    >>> Earth.from_dict(tomllib.loads(earth_text(Earth()))) == Earth()
    True
    """
    found = earth.as_dict()
    lines = [HEADING]
    for name, comment in COMMENTS.items():
        example = "# gap_share = [0.1, 0.4]" if found[name] is None else f"{name} = {found[name]}"
        lines.append(f"{example}  # {comment}")
    lines.append(LITHOLOGY_HEADING.rstrip("\n"))
    for name, row in found["lithologies"].items():
        lines.append(f"{_key(name)} = {{ {', '.join(f'{key} = {row[key]}' for key in LITHOLOGY_LIMITS)} }}")
    lines.append(SEQUENCE_HEADING.rstrip("\n"))
    for name, kind in found["sequences"].items():
        mix = ", ".join(f"{_key(lithology)} = {share}" for lithology, share in kind["mix"].items())
        lines.append(f"{_key(name)} = {{ probability = {kind['probability']}, mix = {{ {mix} }} }}")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    """A name as a key of TOML, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
