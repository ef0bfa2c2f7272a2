"""Words that follow a number."""


def number_of(count: int, one: str, several: str = "", form: str = "") -> str:
    """A number with the words for one thing, or for ``several`` things; ``form`` is the format of the number.

    Without ``several``, an s makes one thing several, and es where it ends with s.

    >>> number_of(1, "epoch"), number_of(0, "process"), number_of(1500, "trace is", "traces are", ",")
    ('1 epoch', '0 processes', '1,500 traces are')
    """
    several = several or one + ("es" if one.endswith("s") else "s")
    return f"{count:{form}} {one if count == 1 else several}"
