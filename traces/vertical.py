"""Whether the traces of a SEG-Y file are in time or in depth, as its text header says.

The standard has no field for it before revision 2, and the interval of a file in depth stands where microseconds do.
"""

import re

CARD = 80  # characters of a line
_START = r"^(?:C\s?\d{1,2}\b)?[\s:*-]*"
_RANGE = r"\s*(?:min|max|range|step|interval|increment|axis|domain|survey|sampl\w+)\b"
_AXIS = (  # "SAMPLE INTERVAL 4", "Z axis:", "vertical unit is"
    r"\b(?:sampl\w+|vertical|z)[\s:=-]*(?:interval|rate|step|increment|spacing|axis|domain|units?)\b"
    r"(?:\W+(?:in|is|of|units?)\b)*[^\w.]*[\d.]*\W*"
)
_DATA = r"\b(?:data|stack|section|volume|cube|seismic|traces|image|output|velocit\w+)\s+in\s+"
_WORDS = {
    "depth": ("depth", r"depth|m|metres?|meters?|ft|feet"),
    "time": (r"(?:two[\s-]*way[\s-]*)?time|twt", r"time|twt|(?:milli|micro)?s(?:ec\w*)?|ms(?:ec\w*)?|us(?:ec\w*)?"),
}
# These phrases are about the vertical axis, which "water depth", "PSDM" and units of m/s are not. Files in depth have
# a line "Depth min: ... max: ..." from Petrel, and "Depth survey: 1 SEG-Y millisec = 1 m" from OpendTect.
PHRASES = {
    domain: re.compile(
        rf"{_START}(?:{name}){_RANGE}|{_AXIS}(?:{unit})\b(?!/)|\bdomain[\s:=(-]*(?:{name})\b|\b(?:{name})[\s-]*domain\b"
        rf"|{_DATA}(?:{name})\b",
        re.IGNORECASE,
    )
    for domain, (name, unit) in _WORDS.items()
}


def text_lines(text: bytes) -> list[str]:
    """The lines of text headers, which are EBCDIC or ASCII.

    >>> text_lines("C 1 LINE 31".ljust(80).encode("cp037"))
    ['C 1 LINE 31']
    """
    coding = max(("cp037", "latin-1"), key=lambda coding: text.count(" ".encode(coding)))
    characters = text.decode(coding)
    cards = (characters[first : first + CARD] for first in range(0, len(characters), CARD))
    # Some writers end lines with a line end before the 80 characters are full.
    return [line.strip() for card in cards for line in card.replace("\0", " ").splitlines() if line.strip()]


def text_domain(lines: list[str]) -> tuple[str, str]:
    """("time" or "depth", the line that says so): "time" and "" where no line does, "time" where lines disagree.

    >>> text_domain(["C 9 Depth min: -4502.00 max: -2.00", "C10 WATER DEPTH 100 M"])
    ('depth', 'C 9 Depth min: -4502.00 max: -2.00')
    """
    said = {name: next((line for line in lines if found.search(line)), "") for name, found in PHRASES.items()}
    domain = "depth" if said["depth"] and not said["time"] else "time"
    return domain, said[domain]
