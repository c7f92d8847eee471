"""URLs of archives: which there are, and what may be shown of them."""

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from evolve.errors import ArchiveError, UserError

_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
"""What a URL may begin with. Others cannot: some statements are given to these drivers themselves."""


def parse_url(url: str) -> URL:
    """The URL of an archive.

    Raises:
        UserError: It is none.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(f"'{shown(url)}' is not the URL of an archive; {_expected(url)}") from error
    if parsed.drivername not in _DRIVERS:
        raise UserError(_no_driver(parsed))
    if parsed.get_backend_name() == "sqlite" and "?" in url:
        raise UserError(
            f"the archive {shown(url)} has options, which a file does not take; write a '?' as %3F"
        )
    return parsed


def _no_driver(url: URL) -> str:
    instead = {"postgres": "postgresql", "sqlite3": "sqlite"}.get(url.drivername, url.get_backend_name())
    if instead in _DRIVERS:
        return f"no driver for '{url.drivername}'; begin the URL with {instead}://"
    return f"no driver for '{url.drivername}'; sqlite and postgresql are known"


def _expected(url: str) -> str:
    if url.lower().startswith("postgres"):
        return "a server is given as postgresql://user@host/database"
    return f"a file is given as sqlite:///{shown(url) or 'evolve.db'}"


def check_file(url: URL, *, create: bool) -> None:
    """Make sure that an SQLite archive's file is there, or may be made.

    Raises:
        UserError: It cannot be an archive, or is not there.
        ArchiveError: It cannot be looked at.
    """
    if url.database in (None, "", ":memory:"):
        raise UserError("an archive in memory would be lost; give a file, as in sqlite:///evolve.db")
    path = Path(str(url.database))
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise ArchiveError(f"archive {path}: it cannot be opened: {error.strerror}") from error
    if "\0" in str(path):
        raise UserError(f"the path of an archive cannot hold a NUL character: {str(path)!r}")
    if not exists and not create:
        raise UserError(f"there is no archive {path}; `evolve run` makes one, or say which with --archive")
    if is_folder:
        raise UserError(f"the archive {path} is a folder; give a file, as in sqlite:///{path}/evolve.db")


def shown(url: str) -> str:
    """What was meant for a URL, without whatever in it may be a password."""
    masked = re.sub(r"^([a-z0-9+]*:?/*)?.*@", r"\1***@", url, flags=re.IGNORECASE)
    return _without_secrets(masked)


def shown_url(url: URL) -> str:
    """A URL without its password."""
    text = url.render_as_string(hide_password=True)
    return text if url.get_backend_name() == "sqlite" else _without_secrets(text)


def _without_secrets(text: str) -> str:
    return re.sub(r"((?:password|sslpassword|options)=)[^&]*", r"\1***", text, flags=re.IGNORECASE)
