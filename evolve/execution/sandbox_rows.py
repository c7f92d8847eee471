"""Arguments that are numbers, lists of numbers and mappings of names to numbers: they travel in a row.

A row is the numbers of all arguments one after another, without a tree. How they make up the arguments is
told to the runner once, as a shape; see `sandbox_runner.rows`.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, NamedTuple

from evolve.problem import Value
from sandbox_runner import wire

LONGEST_ROW = 4096
_LETTER_OF: dict[type, str] = {float: "d", int: "q", bool: "?"}
_ALONE = frozenset(_LETTER_OF)
_LISTS = frozenset((list, tuple))
_GROUPS = _LISTS | {dict}


class RowShape(NamedTuple):
    """A shape that the runner knows."""

    number: int
    length: int
    """Of the payload, in bytes."""
    pack: Callable[..., bytes]
    """Makes a whole frame of the five fields of the header and the numbers."""


def may_be_row(args: Sequence[Value]) -> bool:
    """Whether arguments look like a row from outside; `flattened` and `described` look closer."""
    for argument in args:
        kind = type(argument)
        if kind not in _ALONE and (kind not in _GROUPS or len(argument) > LONGEST_ROW):  # type: ignore[arg-type]
            return False
    return True


def flattened(name: str, args: Sequence[Any]) -> tuple[object, Sequence[Value]]:
    """The key of the shape of a call of `name`, and its numbers in a row.

    Equal keys mean equal shapes, and arguments that are rows or are not.
    """
    if len(args) == 1 and type(args[0]) in _LISTS:
        return (name, None, (*map(type, args[0]),)), args[0]
    key: list[object] = [name]
    flat: list[Value] = []
    for argument in args:
        kind = type(argument)
        if kind in _LISTS:
            key.append((*map(type, argument),))
            flat.extend(argument)
        elif kind is dict:
            key.append(("names", *argument, *map(type, argument.values())))
            flat.extend(argument.values())
        else:
            key.append(kind)
            flat.append(argument)
    return tuple(key), flat


def described(args: Sequence[Any]) -> tuple[str, Value] | None:
    """The letters of a row and its spans, as a SHAPE frame carries them; None where it cannot be a row."""
    letters: list[str] = []
    spans: list[Value] = []
    alone = True
    for argument in args:
        start = len(letters)
        items = [argument]
        kind = type(argument)
        if kind in _LISTS:
            items = list(argument)
            spans.append([start, start + len(items)])
        elif kind is dict:
            items = list(argument.values())
            spans.append([start, start + len(items), list(argument)])
            if not all(type(name) is str for name in argument):
                return None
        else:
            spans.append([start])
        alone = alone and len(spans[-1]) == 1  # type: ignore[arg-type]
        try:
            letters += [_LETTER_OF[type(item)] for item in items]
        except KeyError:
            return None
    return None if len(letters) > LONGEST_ROW else ("".join(letters), None if alone else spans)


def row_shape(number: int, letters: str) -> RowShape:
    """The shape of that number whose row has these letters."""
    form = Struct(wire.HEADER.format + letters)
    return RowShape(number, form.size - wire.HEADER_BYTES, form.pack)
