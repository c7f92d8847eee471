"""Calls whose arguments arrive as numbers in a row, without a tree."""

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from sandbox_runner import wire

_Row = tuple[Any, ...]


class RowShape(NamedTuple):
    """What is called, and how its arguments come out of the row."""

    name: str
    unpack: Callable[[bytes], _Row]
    """The numbers of all arguments, from a whole frame."""
    arrange: Callable[[_Row], Any] | None
    """The arguments from the row; None where they are the row."""

    @classmethod
    def declared(cls, name: str, letters: str, spans: list[list[Any]] | None) -> "RowShape":
        """The shape that a SHAPE frame describes.

        `spans` is nil where every argument is one number. Else it has, for each argument, [place] for a
        number, [start, stop] for a list, or [start, stop, names] for a mapping of those names.
        """
        unpack = Struct(f"<{wire.HEADER_BYTES}x{letters}").unpack
        if spans is None:
            return cls(name, unpack, None)
        if len(spans) == 1 and len(spans[0]) == 2:
            return cls(name, unpack, lambda row: (list(row),))
        parts = [_part(*span) for span in spans]
        return cls(name, unpack, lambda row: [part(row) for part in parts])


def _part(start: int, stop: int = -1, names: list[str] | None = None) -> Callable[[_Row], Any]:
    """What takes one argument out of a row."""
    if stop < 0:
        return itemgetter(start)
    if names is None:
        return lambda row: list(row[start:stop])
    return lambda row: dict(zip(names, row[start:stop], strict=True))
