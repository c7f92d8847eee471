"""Errors that are for people: what is wrong, where, and what to do."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user asked for cannot be done as asked. Shown as one line; exit code 2."""


class ArchiveError(Exception):
    """The archive cannot be read or written. Nothing that was committed is lost; exit code 1."""


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest one that does."""
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return UserError(f"unknown {kind} '{name}'; did you mean '{near[0]}'?")
    return UserError(f"unknown {kind} '{name}'; there is {', '.join(known) or 'none'}")
