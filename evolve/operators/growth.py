"""Builds expressions at random out of what is in scope: features, names and constants.

What it builds neither divides by zero nor repeats itself, and reads as a person would have written it. It
keeps to units as far as they are known: what is added to a feature or compared with it is of its unit, or
becomes so by a ratio of features, or else is weighed by a constant.
"""

import ast
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.base import Brief
from evolve.operators.scope import BUILTINS, NUMERIC, Kind, Scope
from evolve.operators.sites import Syntax
from evolve.operators.syntax import as_divisor, call, is_safe_divisor, literal, name, names_read, number
from evolve.problem import Feature
from evolve.program import canonical

SAME_UNIT = 0.75
"""How often what is added to or compared with a feature is sought among the features of its unit."""
NO_UNIT = "1"
"""The unit of ratios and other pure numbers."""
_OPERATIONS = ("+", "-", "*", "/", "max", "min", "if", "abs")
_WEIGHTS = (4.0, 4.0, 3.0, 3.0, 1.0, 1.0, 1.0, 0.5)
_ADDITIVE = frozenset({"+", "-", "max", "min", "if"})
_BINARY: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult}
_FORMS_OF_FEATURES = (ast.Attribute, ast.Name, ast.Subscript, ast.Call)
_ROUND_NUMBERS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A leaf that an expression can be grown from, with its unit; the unit is empty where unknown."""

    node: ast.expr
    unit: str = ""

    @property
    def record(self) -> str:
        """The name that a feature is read from."""
        return next((one for one in names_read(self.node) if one not in BUILTINS), "")


class Vocabulary:
    """What an expression at one site can be made of, and how it is made."""

    def __init__(
        self,
        rng: random.Random,
        features: Sequence[Terminal],
        reals: Sequence[Terminal],
        integers: Sequence[Terminal],
    ) -> None:
        self.rng = rng
        self.features = features
        self.reals = reals
        """The local numbers, whole ones included."""
        self.integers = integers

    @property
    def is_empty(self) -> bool:
        """Whether there are only constants to make something of."""
        return not self.features and not self.reals

    def terminal(self, unit: str = "") -> Terminal:
        """A feature, a name or a constant; of the given unit where one is given and known."""
        if unit and self.rng.random() < SAME_UNIT:
            same = [feature for feature in self.features if feature.unit == unit]
            ratio = self.ratio() if unit == NO_UNIT and (not same or self.rng.random() < 0.5) else None
            if ratio is not None:
                return ratio
            if same:
                return self.rng.choice(same)
        draw = self.rng.random()
        if self.features and draw < 0.65:
            return self.rng.choice(self.features)
        if self.reals and draw < (0.85 if self.features else 0.7):
            return self.rng.choice(self.reals)
        return Terminal(number(self.constant()))

    def ratio(self) -> Terminal | None:
        """One feature over another of its unit, or None where there are no two."""
        if not self.features:
            return None
        upper = self.rng.choice(self.features)
        lower = self._scale(upper)
        return None if lower is None else Terminal(_over(upper.node, lower.node), NO_UNIT)

    def converted(self, term: Terminal, unit: str) -> Terminal:
        """A term made fit to be added to something of another unit: by a ratio of features, or a weight."""
        targets = [feature for feature in self.features if feature.unit == unit]
        scale = self._scale(term)
        if self.rng.random() < 0.5 and scale is not None and (targets or unit == NO_UNIT):
            pure = _over(term.node, scale.node)
            if unit == NO_UNIT:
                return Terminal(pure, unit)
            return Terminal(ast.BinOp(pure, ast.Mult(), self.rng.choice(targets).node), unit)
        return Terminal(ast.BinOp(number(self.constant()), ast.Mult(), term.node), unit)

    def _scale(self, term: Terminal) -> Terminal | None:
        """Another feature of a term's unit."""
        others = [
            feature
            for feature in self.features
            if feature.unit == term.unit and canonical(feature.node) != canonical(term.node)
        ]
        return self.rng.choice(others) if others else None

    def constant(self) -> float:
        """A positive constant: a round one, or one of two digits between 0.01 and 100."""
        if self.rng.random() < 0.5:
            return self.rng.choice(_ROUND_NUMBERS)
        return float(f"{10.0 ** self.rng.uniform(-2.0, 2.0):.2g}")

    def integer(self) -> ast.expr:
        """A whole number: a name, or a small constant."""
        if self.integers and self.rng.random() < 0.7:
            return self.rng.choice(self.integers).node
        return number(self.rng.choice((1, 1, 1, 2, 2, 3, 4)))

    def grown(self, depth: int, unit: str = "") -> Terminal:
        """An expression of at most `depth` operations on the way to any leaf."""
        if depth == 0 or self.rng.random() < 0.2:
            return self.terminal(unit)
        left = self.grown(depth - 1, unit)
        operation = self.rng.choices(_OPERATIONS, _WEIGHTS)[0]
        made = self.combined(operation, left, depth - 1)
        return left if made is None else made

    def partner(self, depth: int = 1, unit: str = "") -> Terminal:
        """Something small to combine with: a leaf, a leaf times a constant, or an operation on leaves."""
        draw = self.rng.random()
        if draw < 0.5 or depth == 0:
            return self.terminal(unit)
        leaf = self.terminal(unit)
        if draw < 0.75 and literal(leaf.node) is None:
            return Terminal(ast.BinOp(number(self.constant()), ast.Mult(), leaf.node), leaf.unit)
        return self.grown(depth, unit)

    def combined(self, operation: str, left: Terminal, depth: int = 1) -> Terminal | None:
        """`left` combined with a new partner, or None if what came out would say nothing new."""
        unit = left.unit if operation in _ADDITIVE else ""
        if operation == "abs":
            return Terminal(call("abs", left.node), left.unit)
        right = self.partner(depth, unit)
        if canonical(left.node) == canonical(right.node):
            right = self.partner(depth)
        if literal(left.node) is not None and literal(right.node) is not None:
            return None
        if unit and right.unit and right.unit != unit:
            right = self.converted(right, unit)
        if operation in _ADDITIVE:
            unit = unit or right.unit
        if operation == "if":
            condition = self.condition()
            made = None if condition is None else ast.IfExp(condition, left.node, right.node)
            return None if made is None else Terminal(made, left.unit)
        if operation != "*" and canonical(left.node) == canonical(right.node):
            return None
        if operation in ("+", "-", "*") and _changes_nothing(operation, right.node):
            return None
        if operation in ("*", "/"):
            if operation == "/" and self.rng.random() < 0.3:
                left, right = right, left
            unit = product_unit(operation, left, right)
        return Terminal(self._joined(operation, left.node, right.node), unit)

    def _joined(self, operation: str, left: ast.expr, right: ast.expr) -> ast.expr:
        if operation != "/" and self.rng.random() < 0.3:
            left, right = right, left
        if operation in ("max", "min"):
            return call(operation, left, right)
        if operation == "/":
            return self.divided(left, right)
        return operated(_BINARY[operation](), left, right)

    def divided(self, left: ast.expr, right: ast.expr) -> ast.expr:
        """A quotient that has a value whatever its divisor is."""
        quotient = ast.BinOp(left, ast.Div(), right)
        if is_safe_divisor(right):
            return quotient
        draw = self.rng.random()
        if draw < 0.2 and isinstance(right, ast.Name | ast.Attribute):
            return ast.IfExp(right, quotient, number(0.0))
        if draw < 0.35:
            magnitude = ast.BinOp(number(1.0), ast.Add(), call("abs", right))
            return ast.BinOp(left, ast.Div(), magnitude)
        return ast.BinOp(left, ast.Div(), as_divisor(right))

    def condition(self) -> ast.expr | None:
        """A comparison of two things of one unit, as far as units are known; None if there is nothing."""
        if self.is_empty:
            return None
        pool = [*self.features, *self.reals]
        left = self.rng.choice(pool)
        right = self.partner(0, left.unit) if self.rng.random() < 0.6 else self.partner(1, left.unit)
        if canonical(left.node) == canonical(right.node):
            right = Terminal(number(self.constant()))
        elif left.unit and right.unit and right.unit != left.unit:
            right = self.converted(right, left.unit)
        operator = self.rng.choice((ast.Lt(), ast.Gt(), ast.LtE(), ast.GtE()))
        return ast.Compare(left.node, [operator], [right.node])


def vocabulary(
    rng: random.Random,
    syntax: Syntax,
    brief: Brief,
    scope: Scope,
    statement: ast.stmt,
    bound: tuple[tuple[str, Kind], ...] = (),
) -> Vocabulary:
    """What there is in scope at a statement; `bound` are the names of comprehensions and lambdas.

    Features that take computing are not offered where they would be computed again and again.
    """
    names = dict.fromkeys((*scope.names_before(statement), *(identifier for identifier, _ in bound)))
    is_repeated = bool(bound) or statement in scope.repeated
    features = [
        terminal
        for terminal, roots in feature_terminals(brief.features)
        if all(root in names for root in roots) and not (is_repeated and _takes_computing(terminal.node))
    ]
    reals, integers = [], []
    for identifier in names:
        node = name(identifier)
        kind = syntax.kinds.of(node, scope, bound)
        if kind in NUMERIC:
            reals.append(Terminal(node, _unit_of_name(identifier, scope, brief.features)))
            if kind is Kind.INTEGER:
                integers.append(Terminal(node))
    return Vocabulary(rng, features, reals, integers)


def reads(source: str, record: str) -> int:
    """How often a program reads a field or an entry of a record."""
    return source.count(f"{record}.") + source.count(f"{record}[")


@lru_cache(maxsize=64)
def feature_terminals(features: tuple[Feature, ...]) -> tuple[tuple[Terminal, tuple[str, ...]], ...]:
    """The features of a problem as terminals, each with the names that it needs in scope."""
    found = []
    for feature in features:
        node = ast.parse(feature.expression, mode="eval").body
        roots = tuple(identifier for identifier in names_read(node) if identifier not in BUILTINS)
        found.append((Terminal(node, feature.unit), roots))
    return tuple(found)


def _takes_computing(node: ast.expr) -> bool:
    """Whether more than reading is to be done for a feature: `weight.mean()` goes through all of an array."""
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
    return any(not (isinstance(one.func, ast.Name) and one.func.id == "len") for one in calls)


@lru_cache(maxsize=64)
def _units(features: tuple[Feature, ...]) -> dict[str, str]:
    return {canonical(terminal.node): terminal.unit for terminal, _ in feature_terminals(features)}


def unit_of(node: ast.expr, features: tuple[Feature, ...]) -> str:
    """The unit of an expression as far as features tell; empty where unknown, as of products of units."""
    found = _units(features).get(canonical(node)) if isinstance(node, _FORMS_OF_FEATURES) else None
    if found is not None:
        return found
    if isinstance(node, ast.UnaryOp):
        return unit_of(node.operand, features)
    if isinstance(node, ast.IfExp):
        return unit_of(node.body, features)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            return _joint_unit((node.left, node.right), features)
        if isinstance(node.op, ast.Mult | ast.Div):
            left, right = (Terminal(side, unit_of(side, features)) for side in (node.left, node.right))
            return product_unit("*" if isinstance(node.op, ast.Mult) else "/", left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        keeps = node.func.id in ("min", "max", "abs")
        return _joint_unit(node.args, features) if keeps else ""
    return ""


def _joint_unit(operands: Sequence[ast.expr], features: tuple[Feature, ...]) -> str:
    """The unit of what stands side by side; a weight may have brought any other unit to it."""
    weighed = [
        isinstance(one, ast.BinOp) and any(literal(side) is not None for side in (one.left, one.right))
        for one in operands
    ]
    units = [unit_of(one, features) for one in operands]
    plain = [unit for unit, is_weighed in zip(units, weighed, strict=True) if unit and not is_weighed]
    return next(iter([*plain, *filter(None, units)]), "")


def product_unit(operation: str, left: Terminal, right: Terminal) -> str:
    """The unit of a product or a quotient; that of constants is whatever is needed."""
    if literal(right.node) is not None or right.unit == NO_UNIT:
        return left.unit
    if operation == "*":
        return right.unit if literal(left.node) is not None or left.unit == NO_UNIT else ""
    return NO_UNIT if left.unit and left.unit == right.unit else ""


def _unit_of_name(identifier: str, scope: Scope, features: tuple[Feature, ...]) -> str:
    """The unit of a local name that is assigned once, straight from features."""
    values = scope.values.get(identifier, ())
    value = values[0] if len(values) == 1 else None
    return unit_of(value, features) if isinstance(value, ast.expr) else ""


def _over(upper: ast.expr, lower: ast.expr) -> ast.expr:
    return ast.BinOp(upper, ast.Div(), as_divisor(lower))


def operated(operation: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr:
    """An operation, written the shorter way: a - b for a + -b, and a + b + c for a + (b + c)."""
    if isinstance(operation, ast.Add | ast.Sub) and _is_negation(right):
        assert isinstance(right, ast.UnaryOp)
        opposite = ast.Sub() if isinstance(operation, ast.Add) else ast.Add()
        return ast.BinOp(left, opposite, right.operand)
    if isinstance(operation, ast.Add | ast.Mult) and isinstance(right, ast.BinOp):
        associates = (ast.Add, ast.Sub) if isinstance(operation, ast.Add) else (ast.Mult, ast.Div)
        if isinstance(right.op, associates) and not isinstance(left, ast.BinOp):
            left, right = right, left
    return ast.BinOp(left, operation, right)


def _is_negation(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _changes_nothing(operation: str, right: ast.expr) -> bool:
    value = literal(right)
    return value == 1 if operation == "*" else value == 0
