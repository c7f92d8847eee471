"""What two syntax trees have in common that differ in positions, comments and docstrings at most.

The serialisation is our own: it takes a third of the time of `ast.unparse` or `ast.dump`, and skips empty
fields, which differ between versions of Python.
"""

import ast
import re

from evolve.bundle import ProgramError

MAX_DEPTH = 100
"""The deepest syntax tree that is a program; far below where Python's own recursion limit would depend on
how deep the caller is."""

_NOT_IDENTITY = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def canonical(node: ast.AST) -> str:
    """A text that two syntax trees share exactly if they differ in positions and docstrings at most.

    Raises:
        ProgramError: The tree is deeper than `MAX_DEPTH`.
    """
    parts: list[str] = []
    _serialise(node, parts, MAX_DEPTH)
    return "\0".join(parts)


_REAL = "Constant\0value\0(?:[0-9][0-9.]*(?:e[+-]?[0-9]+)?|inf)\0\\)"
_SIGNED = re.compile(f"UnaryOp\0op\0USub\0operand\0{_REAL}\0\\)|{_REAL}")


def skeleton(text: str) -> str:
    """What is left of a canonical text without the values of its real constants, and their signs.

    Whole numbers stay: they are indices and counts as often as quantities. They are written in hexadecimal,
    and texts in quotes, so neither is mistaken for a real number.
    """
    return _SIGNED.sub("number", text)


_shapes: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {}
"""By type of node: its name, and the fields that make its identity."""


def _shape(kind: type[ast.AST]) -> tuple[str, tuple[str, ...]]:
    shape = kind.__name__, tuple(field for field in kind._fields if field not in _NOT_IDENTITY)
    _shapes[kind] = shape
    return shape


def _serialise(node: ast.AST, parts: list[str], depth: int) -> None:
    """Append the type of a node and its fields, less the empty ones, to `parts`."""
    if depth <= 0:
        line = getattr(node, "lineno", None)
        raise ProgramError(f"the source is nested more than {MAX_DEPTH} levels deep", line)
    label, fields = _shapes.get(type(node)) or _shape(type(node))
    parts.append(label)
    values = node.__dict__
    for field in fields:
        value = values.get(field)
        if value is None:
            continue
        kind = type(value)
        if kind is list:
            if field == "body" and isinstance(node, _WITH_DOCSTRING):
                value = _without_docstring(value)
            if not value:
                continue
            parts += (field, "[")
            for item in value:
                if isinstance(item, ast.AST):
                    _serialise(item, parts, depth - 1)
                else:
                    parts.append(repr(item))
            parts.append("]")
        elif kind is str:
            parts += (field, repr(value))
        elif isinstance(value, ast.AST):
            parts.append(field)
            _serialise(value, parts, depth - 1)
        else:
            parts += (field, hex(value) if kind is int else repr(value))
    if fields:
        parts.append(")")


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body
