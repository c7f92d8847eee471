"""What to do about what a database says, in a person's words."""

import re

from sqlalchemy.exc import DBAPIError, OperationalError

_LOGIN = "give it in the URL, in PGPASSWORD or in ~/.pgpass"
_ADVICE = (
    ("database or disk is full", "the disk is full; free some space and run the same command again"),
    ("database is locked", "another process holds it locked; wait for that process, or stop it"),
    ("not authorized", "it was opened read-only, and this would do more than read"),
    ("readonly database", "it is read-only; check the permissions of the file and of its folder"),
    ("unable to open database file", "it cannot be opened; check that its folder exists and is writable"),
    ("disk i/o error", "the disk reports an error; check that it has space and is healthy"),
    ("malformed", "the file is damaged; restore it from a copy, or use another --archive"),
    ("file is not a database", "the file is not an SQLite database; use another --archive"),
    ("password authentication failed", f"the server refuses the user name or the password; {_LOGIN}"),
    ("no password supplied", f"the server asks for a password; {_LOGIN}"),
    ("no pg_hba.conf entry", "the server admits nobody from here by that name; its pg_hba.conf decides"),
    ("connection refused", "no server answers there; check that it runs, and the URL's host and port"),
    ("no such file or directory", "no server answers there; check that it runs, and the URL's host and port"),
    (
        "terminating connection",
        "the server ended the connection; when it is back, run the same command again",
    ),
    ("server closed the connection", "the server is gone; when it is back, run the same command again"),
    ("timeout expired", "the server does not answer; check the URL's host and port, and the network"),
    ("connection timeout", "the server does not answer; check the URL's host and port, and the network"),
    ("failed to resolve host", "the URL's host is not known; check its name, and the network"),
    ("could not translate host name", "the URL's host is not known; check its name, and the network"),
    ("name or service not known", "the URL's host is not known; check its name, and the network"),
    ("too many clients", "the server has no connection left; try again later, or raise its max_connections"),
    (
        "remaining connection slots",
        "the server has no connection left; try again later, or raise its max_connections",
    ),
    ("lock timeout", "another process holds it locked; wait for that process, or stop it"),
    ("read-only transaction", "it was opened read-only, and this would do more than read"),
    ("permission denied", "the server does not let this user do that; its owner can grant the rights"),
)


def advice(error: DBAPIError) -> str:
    """What to do about an error of a database."""
    said = str(error.orig or error).strip() or type(error).__name__
    return advice_on(said, "cannot be reached" if isinstance(error, OperationalError) else "refuses")


def advice_on(said: str, kind: str = "refuses") -> str:
    """What to do about what a database said; where nobody knows, that it did so, and its first line."""
    lowered = said.lower()
    for sign, known in _ADVICE:
        if sign in lowered:
            return known
    missing = re.search(r'database "(.*)" does not exist', said)
    if missing is not None:
        return f"the server has no database of that name; make one with `createdb {missing[1]}`"
    return f"{kind}: {said.splitlines()[0]}"
