"""Simpler forms of expressions that have the same value, in floating point too.

What is exact by IEEE 754 is done: folding operations on constants as Python itself would, leaving out a
factor or divisor of one and what adds nothing, joining signs, `a - b` for `a + -b`. What would change
rounding, such as collecting terms, is not. Three liberties are taken, which matter to nothing that is ordered
by the values: the sign of a zero may change, a whole number times 1.0 stays one, and an operand that is not
needed for the value is not evaluated.
"""

import ast
import math
from collections.abc import Callable

from evolve.operators.syntax import literal, number
from evolve.program import canonical

_FOLDED: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_MOST_DIGITS = 12
"""A folded constant that takes more digits than its parts reads worse than they do, and stays."""


def simplified(node: ast.expr) -> ast.expr | None:
    """A simpler form of the outermost operation of an expression, or None if none is known here."""
    if isinstance(node, ast.BinOp):
        return _folded(node) or _of_operation(node)
    if isinstance(node, ast.UnaryOp):
        return _of_sign(node)
    if isinstance(node, ast.IfExp):
        if canonical(node.body) == canonical(node.orelse):
            return node.body
        truth = _truth(node.test)
        return None if truth is None else node.body if truth else node.orelse
    if isinstance(node, ast.BoolOp):
        return _of_truths(node)
    if isinstance(node, ast.Compare):
        return _of_comparison(node)
    if isinstance(node, ast.Call):
        return _of_call(node)
    return None


def _folded(node: ast.BinOp) -> ast.expr | None:
    left, right = literal(node.left), literal(node.right)
    operation = _FOLDED.get(type(node.op))
    if left is None or right is None or operation is None:
        return None
    try:
        value = operation(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    if not math.isfinite(value) or len(repr(abs(value))) > _MOST_DIGITS:
        return None
    return number(value)


def _of_operation(node: ast.BinOp) -> ast.expr | None:
    left, right = literal(node.left), literal(node.right)
    additive = isinstance(node.op, ast.Add | ast.Sub)
    if additive and right == 0:
        return node.left
    if isinstance(node.op, ast.Add) and left == 0:
        return node.right
    if isinstance(node.op, ast.Sub) and left == 0:
        return ast.UnaryOp(ast.USub(), node.right)
    if isinstance(node.op, ast.Mult | ast.Div) and right == 1:
        return node.left
    if isinstance(node.op, ast.Mult) and left == 1:
        return node.right
    if isinstance(node.op, ast.Mult | ast.Div) and right == -1:
        return ast.UnaryOp(ast.USub(), node.left)
    if isinstance(node.op, ast.Mult) and left == -1:
        return ast.UnaryOp(ast.USub(), node.right)
    if additive:
        opposite = without_sign(node.right)
        if opposite is not None:
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            return ast.BinOp(node.left, other, opposite)
        opposite = without_sign(node.left)
        if opposite is not None and isinstance(node.op, ast.Add) and without_sign(node.right) is None:
            return ast.BinOp(node.right, ast.Sub(), opposite)
    return _without_two_signs(node)


def _without_two_signs(node: ast.BinOp) -> ast.expr | None:
    if not isinstance(node.op, ast.Mult | ast.Div):
        return None
    left, right = without_sign(node.left), without_sign(node.right)
    return None if left is None or right is None else ast.BinOp(left, node.op, right)


def without_sign(node: ast.expr) -> ast.expr | None:
    """The expression whose negative this is, if it begins with a minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left = without_sign(node.left)
        return None if left is None else ast.BinOp(left, node.op, node.right)
    return None


def _of_sign(node: ast.UnaryOp) -> ast.expr | None:
    inner = node.operand
    if isinstance(node.op, ast.UAdd) and literal(inner) is not None:
        return inner
    if isinstance(node.op, ast.Not):
        truth = _truth(inner)
        return None if truth is None else ast.Constant(not truth)
    if not isinstance(node.op, ast.USub):
        return None
    if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub):
        return inner.operand
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
        return ast.BinOp(inner.right, ast.Sub(), inner.left)
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult | ast.Div):
        value = literal(inner.left)
        if value is not None:
            return ast.BinOp(number(-value), inner.op, inner.right)
    return None


def _truth(node: ast.expr) -> bool | None:
    """Whether a constant counts as true; None for what is no constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return bool(node.value)
    return None


def _of_truths(node: ast.BoolOp) -> ast.expr | None:
    """`and` and `or` without what decides nothing."""
    is_and = isinstance(node.op, ast.And)
    kept: list[ast.expr] = []
    for value in node.values:
        truth = _truth(value) if isinstance(value, ast.Constant) and isinstance(value.value, bool) else None
        if truth is is_and and value is not node.values[-1]:
            continue
        if any(canonical(value) == canonical(other) for other in kept):
            continue
        kept.append(value)
        if truth is (not is_and):
            break
    if len(kept) == len(node.values):
        return None
    return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)


def _of_comparison(node: ast.Compare) -> ast.expr | None:
    """The truth of a comparison of constants."""
    if len(node.ops) != 1:
        return None
    left, right = literal(node.left), literal(node.comparators[0])
    if left is None or right is None:
        return None
    truths: dict[type[ast.cmpop], bool] = {
        ast.Lt: left < right,
        ast.LtE: left <= right,
        ast.Gt: left > right,
        ast.GtE: left >= right,
        ast.Eq: left == right,
        ast.NotEq: left != right,
    }
    truth = truths.get(type(node.ops[0]))
    return None if truth is None else ast.Constant(truth)


def _of_call(node: ast.Call) -> ast.expr | None:
    """`min` and `max` of things of which some are the same, and `abs` of what has a sign to lose."""
    function = node.func.id if isinstance(node.func, ast.Name) else ""
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    if function == "abs" and len(node.args) == 1:
        inner = without_sign(node.args[0])
        value = literal(node.args[0])
        if value is not None:
            return number(abs(value))
        return None if inner is None else ast.Call(node.func, [inner], [])
    if function not in ("min", "max") or len(node.args) < 2:
        return None
    kept: list[ast.expr] = []
    for argument in node.args:
        if all(canonical(argument) != canonical(other) for other in kept):
            kept.append(argument)
    nested = [part for argument in kept for part in _same_call(argument, function)]
    constants = [value for part in nested if (value := literal(part)) is not None]
    if len(constants) > 1:
        best = min(constants) if function == "min" else max(constants)
        nested = [*(part for part in nested if literal(part) is None), number(best)]
    if len(nested) == len(node.args) and all(a is b for a, b in zip(nested, node.args, strict=True)):
        return None
    return nested[0] if len(nested) == 1 else ast.Call(node.func, nested, [])


def _same_call(node: ast.expr, function: str) -> list[ast.expr]:
    """The arguments of a call of the same function, which may be joined with those around it."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function):
        return [node]
    return node.args if len(node.args) > 1 and not node.keywords else [node]
