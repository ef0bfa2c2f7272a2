"""URLs of storages: parsed, and shown without their passwords."""

import re
from pathlib import Path
from urllib.parse import unquote, unquote_plus, urlsplit
from urllib.request import url2pathname

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from support.errors import UserError

SQLITE_TIMEOUT = 60  # s, so that a dashboard that reads the file does not stop the study
VALID = "valid is an Optuna storage URL such as sqlite:///file.db or postgresql+psycopg://user@host/database"
# SQLAlchemy hides the password of a URL too, but not one in the query, in a URL with a mistake, or in a longer text.
PASSWORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<before>://[^:/@]*:)(?P<secret>.*)(?=@)",  # up to the last @: one in the password may not be encoded
        r"(?P<before>://[^:/@\[]+:)(?P<secret>(?!\d*(?:[/?]|$))[^@]+)(?!.*@)",  # the host was forgotten
        r"(?P<before>[?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)(?P<secret>[^&]*)",
    )
)


def public_url(text: str) -> str:
    """A storage URL, or a text with one, without its password."""
    for pattern in PASSWORDS:
        text = pattern.sub(r"\g<before>***", text)
    return text


def first_line(error: object, url: str) -> str:
    """The first line of a library's message about a URL, without the secrets of the URL."""
    line = str(error).partition("\n")[0]
    raw = {match["secret"] for pattern in PASSWORDS for match in pattern.finditer(url)}
    secrets = raw | {unquote(secret) for secret in raw} | {unquote_plus(secret) for secret in raw}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        line = line.replace(secret, "***")
    return line


def check_url(url: str) -> URL:
    """The parts of a storage URL. Raises UserError when it has none; SQLAlchemy's message might show a password."""
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError(f"storage {public_url(url)!r} is not a URL that can be read; {VALID}") from None
    if parsed.password is not None and url.count("@") > 1:
        raise UserError(
            f"storage {public_url(url)!r} has more than one @; inside a name or a password it is written %40; {VALID}"
        )
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    name = url.database or ""
    if name.startswith("file:") and "uri" in url.query:
        name = url2pathname(urlsplit(name).path)
    in_memory = name in ("", ":memory:") or url.query.get("mode") == "memory"
    return None if in_memory else Path(name)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file: the plain one, unless SQLAlchemy reads another path from it, as behind a "?"."""
    plain = f"sqlite:///{path.as_posix()}"
    if make_url(plain).database == path.as_posix():
        return plain
    return URL.create("sqlite", database=path.as_posix()).render_as_string()


def literal_url(url: str) -> str:
    """A URL as Optuna takes it literally: braces would make a template of it."""
    return url.replace("{", "{{").replace("}", "}}")
