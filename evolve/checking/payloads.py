"""What a payload or an argument holds, whatever its type: its numbers and its texts, in a fixed order."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from evolve.problem import Floats

_DEEPEST = 60


class Contents(msgspec.Struct, frozen=True):
    """The leaves of a value."""

    numbers: Floats
    """All numbers, shape (count,), in order."""
    texts: tuple[str, ...]
    digest: str
    """Equal for values that hold the same numbers and texts in the same arrangement."""


def contents(value: object) -> Contents:
    """Take a value apart: structs, dataclasses, containers, arrays and plain objects."""
    numbers: list[Floats] = []
    texts: list[str] = []
    digest = hashlib.sha256()
    for leaf in _leaves(value, 0):
        if isinstance(leaf, np.ndarray):
            digest.update(f"#{leaf.shape}{leaf.dtype.str}".encode() + leaf.tobytes())
            numbers.append(leaf.astype(np.float64).ravel())
        else:
            digest.update(leaf.encode("utf-8", "surrogatepass") + b"\0")
            if leaf[:1] == "'":
                texts.append(leaf[1:])
    flat: Floats = np.concatenate(numbers) if numbers else np.empty(0)
    return Contents(flat, tuple(texts), digest.hexdigest())


def _leaves(value: Any, depth: int) -> Iterator["np.ndarray[Any, Any] | str"]:
    """Arrays of numbers, texts with a quote before them, and marks of structure."""
    if depth > _DEEPEST:
        raise ValueError(f"a payload is nested more than {_DEEPEST} levels deep, or holds itself")
    if isinstance(value, str):
        yield f"'{value}"
    elif isinstance(value, bytes):
        yield f"b{value.hex()}"
    elif value is None:
        yield "None"
    elif isinstance(value, bool | int | float | np.number | np.bool_):
        yield np.array([float(value)])
    elif isinstance(value, np.ndarray):
        yield from _leaves(value.tolist(), depth + 1) if value.dtype.kind not in "biuf" else (value,)
    elif (
        isinstance(value, list | tuple | range) and value and all(type(one) in (int, float) for one in value)
    ):
        yield np.array(value, dtype=np.float64)
    else:
        yield from _parts(value, depth)


def _parts(value: Any, depth: int) -> Iterator["np.ndarray[Any, Any] | str"]:
    if isinstance(value, Mapping):
        yield f"{{{len(value)}"
        for key, entry in value.items():
            yield from _leaves(key, depth + 1)
            yield from _leaves(entry, depth + 1)
    elif isinstance(value, list | tuple | range):
        yield f"[{len(value)}"
        for entry in value:
            yield from _leaves(entry, depth + 1)
    elif isinstance(value, set | frozenset):
        yield f"<{len(value)}"
        for text in sorted(map(repr, value)):
            yield f"'{text}"
    else:
        fields = _fields(value)
        yield f"({type(value).__name__} {len(fields)}"
        for entry in fields.values():
            yield from _leaves(entry, depth + 1)


def _fields(value: Any) -> dict[str, Any]:
    """The fields of an object; of one without any, what it says of itself is all there is."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(value, name) for name in slots if hasattr(value, name)}
