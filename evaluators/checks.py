"""Checks of what candidates answer: nothing about a value is known until it has been through one of these."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evolve.problem import InvalidDecision

Integers: TypeAlias = NDArray[np.int64]

_Leaf: TypeAlias = tuple[str, NDArray[Any]]
"""A run of elements that is not nested any further, and where it stands."""

_NUMBERS = (int, float, np.integer, np.floating)
_LONGEST_TEXT = 40


def integer_array(
    value: object, name: str, shape: tuple[int, ...], low: int, high: int, axes: Sequence[str] = ()
) -> Integers:
    """A candidate's value as an integer array of exactly this shape and range, newly allocated.

    Arrays of integers, nested lists or tuples of integers, and any mixture of the two are accepted, and so
    are floating-point numbers that are whole. Booleans are not numbers here.

    Args:
        value: What the candidate answered.
        name: What to call it in feedback.
        shape: The shape it must have, at least one axis.
        low: The smallest valid element.
        high: One more than the largest valid element; both within ±2**53, where doubles are exact.
        axes: For each axis, what one entry along it is ('layer', 'slot'), for feedback.

    Raises:
        InvalidDecision: The value is anything else; the feedback names the first element at fault.
    """
    if not (shape and -(2**53) <= low <= high <= 2**53):
        raise ValueError(f"no array of shape {shape} with elements in [{low}, {high}) can be checked")
    leaves: list[_Leaf] = []
    _collect(value, name, shape, axes, leaves)
    if not leaves:
        return np.empty(shape, dtype=np.int64)
    return np.concatenate([_whole(leaf, low, high) for leaf in leaves]).reshape(shape)


def _collect(
    value: object, name: str, shape: tuple[int, ...], axes: Sequence[str], leaves: list[_Leaf]
) -> None:
    """Check types and lengths, and append the leaves of a nested value in order."""
    if isinstance(value, np.ndarray):
        if value.shape != shape:
            raise InvalidDecision(
                f"{name} has shape {list(value.shape)}; must have {_described(shape, axes)}"
            )
        if value.dtype.kind not in "iuf":
            raise InvalidDecision(f"{name} holds elements of type {value.dtype}; must hold integers")
        leaves.append((name, value))
        return
    if not isinstance(value, (list, tuple)):
        raise InvalidDecision(f"{name} is {_told(value)}; must be an array of {_described(shape, axes)}")
    if len(value) != shape[0]:
        each = f", one for each {axes[0]}" if axes else ""
        raise InvalidDecision(f"{name} has {len(value)} entries; must have {shape[0]}{each}")
    if len(shape) == 1:
        leaves.append((name, _row(value, name)))
        return
    for position, entry in enumerate(value):
        _collect(entry, f"{name}[{position}]", shape[1:], axes[1:], leaves)


def _row(row: Sequence[object], name: str) -> NDArray[Any]:
    """A list of numbers as an array that holds each of them exactly, or near enough to judge its range."""
    kinds = set(map(type, row))
    if kinds <= {int}:
        try:
            return np.array(row, dtype=np.int64)
        except OverflowError:
            return np.array(row, dtype=object)
    for position, entry in enumerate(row):
        if isinstance(entry, (bool, np.bool_)) or not isinstance(entry, _NUMBERS):
            raise InvalidDecision(f"{name}[{position}] is {_told(entry)}; must be an integer")
    try:
        return np.array(row, dtype=np.float64)
    except OverflowError:
        return np.array(row, dtype=object)


def _whole(leaf: _Leaf, low: int, high: int) -> Integers:
    """The elements of a leaf as one axis of integers, once all are whole and in range."""
    name, elements = leaf
    # Compared before the cast, which would wrap an unsigned number of 2**63. NaN compares false.
    valid = (elements >= low) & (elements < high)
    if elements.dtype.kind == "f":
        valid &= elements == np.floor(elements)
    if not valid.all():
        at = tuple(int(index) for index in np.argwhere(~valid.astype(bool))[0])
        place = name + "".join(f"[{index}]" for index in at)
        raise InvalidDecision(f"{place} is {_told(elements[at])}; must be an integer in {low}..{high - 1}")
    return elements.astype(np.int64).reshape(-1)


def _described(shape: tuple[int, ...], axes: Sequence[str]) -> str:
    """A shape in words: '26 x 288 integers (layer x slot)'."""
    names = f" ({' x '.join(axes)})" if axes else ""
    return f"{' x '.join(map(str, shape))} integers{names}"


def _told(value: object) -> str:
    """A value as feedback shows it: short, whatever it is."""
    if value is None:
        return "None"
    if isinstance(value, (bool, np.bool_)):
        return f"the boolean {value}"
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 10**_LONGEST_TEXT else "an integer beyond all range"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
        return f"the text {short!r}"
    return f"of type {type(value).__name__}"
