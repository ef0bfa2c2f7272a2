"""Units of velocity, density and length, in the project's own: ft/s, g/cm3 and ft."""

import re

from traces.earth import FT_PER_KM

VELOCITY_UNITS = {"km/s": FT_PER_KM, "m/s": FT_PER_KM / 1000, "ft/s": 1.0}  # in ft/s
DENSITY_UNITS = {"g/cm3": 1.0, "kg/m3": 1e-3}  # in g/cm3
LENGTH_UNITS = {"m": FT_PER_KM / 1000, "ft": 1.0}  # in ft


def length_in_feet(text: str) -> float:
    """The length (ft) that a text says with its unit, m or ft. Raises ValueError for something else.

    >>> length_in_feet("10ft"), round(length_in_feet("4 m"), 3)
    (10.0, 13.123)
    """
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(m|ft)\s*", text)
    if not found or float(found[1]) == 0:
        raise ValueError(f"{text[:40]!r} is no length above 0 with its unit, such as 4m or 10ft")
    return float(found[1]) * LENGTH_UNITS[found[2]]
