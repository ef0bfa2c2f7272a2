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


# --- URLs


def _first_line(error: object, url: str) -> str:
    """Of what a library says about a URL, without the secrets in it."""
    return _without_secrets((str(error).splitlines() or [""])[0], url)


def _without_secrets(text: str, url: str) -> str:
    raw = {match["secret"] for pattern in PASSWORDS for match in pattern.finditer(url)}
    secrets = raw | {unquote(secret) for secret in raw} | {unquote_plus(secret) for secret in raw}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def check_url(url: str) -> URL:
    """The parts of a storage URL. Raises UserError when it has none; the library's message might show a password."""
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError(f"storage {public_url(url)!r} is not a URL that can be read; {VALID}") from None
    if parsed.password is not None and url.count("@") > 1:
        raise UserError(
            f"storage {public_url(url)!r} has more than one @; inside a name or a password it is written %40; {VALID}"
        )
    return parsed


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    name = url.database or ""
    if name.startswith("file:") and "uri" in url.query:
        name = url2pathname(urlsplit(name).path)
    in_memory = name in ("", ":memory:") or url.query.get("mode") == "memory"
    return None if in_memory else Path(name)


# --- What is refused


def _literal(url: str) -> str:
    """The URL for Optuna, which takes braces for a template."""
    return url.replace("{", "{{").replace("}", "}}")


PASSWORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<before>://[^:/@]*:)(?P<secret>.*)(?=@)",  # up to the last @: one in the password may not be encoded
        r"(?P<before>://[^:/@\[]+:)(?P<secret>(?!\d*(?:[/?]|$))[^@]+)(?!.*@)",  # the host was forgotten
        r"(?P<before>[?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)(?P<secret>[^&]*)",
    )
)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, plain where SQLAlchemy reads that back; with a question mark in it, it does not."""
    plain = f"sqlite:///{path.as_posix()}"
    if make_url(plain).database == path.as_posix():
        return plain
    return URL.create("sqlite", database=path.as_posix()).render_as_string()


# --- Options


def public_url(url: str) -> str:
    """A storage URL without its password."""
    for pattern in PASSWORDS:
        url = pattern.sub(r"\g<before>***", url)
    return url
