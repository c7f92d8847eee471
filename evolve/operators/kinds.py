"""Infers what kind of value an expression has, as far as that needs no running."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.base import Brief
from evolve.operators.scope import NUMERIC, Kind, Scope
from evolve.operators.syntax import descendants
from evolve.problem import Feature
from evolve.program import canonical

MATH_MODULES = frozenset({"math"})
NUMBER_FUNCTIONS = frozenset({"abs", "float", "int", "max", "min", "round"})
"""Builtins that make a number of numbers."""
_CALLS = {
    **dict.fromkeys(("int", "len", "ord", "hash", "round"), Kind.INTEGER),
    **dict.fromkeys(("float",), Kind.REAL),
    **dict.fromkeys(("bool", "isinstance", "any", "all", "callable", "hasattr"), Kind.BOOLEAN),
    **dict.fromkeys(("list", "tuple", "dict", "set", "frozenset", "sorted", "reversed"), Kind.OPAQUE),
    **dict.fromkeys(("range", "zip", "enumerate", "map", "filter", "str", "repr", "bytes"), Kind.OPAQUE),
}
_INTEGER_MATH = frozenset({"ceil", "floor", "trunc", "gcd", "lcm", "isqrt", "comb", "perm", "factorial"})
_METHODS = {
    **dict.fromkeys(("index", "count", "bit_length"), Kind.INTEGER),
    **dict.fromkeys(("arange", "argsort", "argmax", "argmin", "argpartition", "argwhere"), Kind.OPAQUE),
    **dict.fromkeys(("searchsorted", "nonzero", "flatnonzero", "digitize", "unravel_index"), Kind.OPAQUE),
}
"""What methods and functions of modules return; arrays of indices are nothing to calculate with."""
COLLECTIONS = (
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_OPAQUE_NODES = (
    *COLLECTIONS,
    ast.JoinedStr,
    ast.Lambda,
    ast.Starred,
    ast.Slice,
    ast.Yield,
    ast.YieldFrom,
    ast.Await,
)


def joined(kinds: Iterable[Kind | None]) -> Kind:
    """The kind of a value that may be any of several; None stands for nothing known yet."""
    found = [kind for kind in kinds if kind is not None]
    if not found:
        return Kind.UNKNOWN
    if all(kind is found[0] for kind in found):
        return found[0]
    if Kind.OPAQUE in found:
        return Kind.OPAQUE
    return Kind.REAL if all(kind in NUMERIC for kind in found) else Kind.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Features:
    """The features of a problem, in the forms in which they are looked up."""

    roots: frozenset[str]
    """The names of the records that features are read from."""
    compound: frozenset[str]
    """Canonical forms of features that are more than an attribute of a name."""


@lru_cache(maxsize=64)
def _features(features: tuple[Feature, ...]) -> _Features:
    nodes = [ast.parse(feature.expression, mode="eval").body for feature in features]
    roots, compound = [], []
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            roots.append(node.value.id)
        else:
            compound.append(canonical(node))
    return _Features(frozenset(roots), frozenset(compound))


@dataclass(frozen=True, slots=True)
class _Uses:
    """How a scope uses its names."""

    limits: frozenset[str]
    """Arguments of `range`."""
    indices: frozenset[str]
    """Names in subscripts, and those that sequences are multiplied by."""
    whole: frozenset[str]
    """Names in subscripts and in arguments of `range` and of unknown functions, and those in what is
    assigned to such names, as far back as that goes."""


class Kinds:
    """Knows the kinds of expressions in one program, given the features of a problem."""

    def __init__(self, brief: Brief) -> None:
        self._features = _features(brief.features)
        self._names: dict[tuple[Scope, str], Kind | None] = {}
        self._uses: dict[Scope, _Uses] = {}

    def of(self, node: ast.expr, scope: Scope, bound: tuple[tuple[str, Kind], ...] = ()) -> Kind:
        """The kind of an expression in a scope, with the names that comprehensions and lambdas bind."""
        return self._of(node, scope, bound) or Kind.UNKNOWN

    def of_name(self, identifier: str, scope: Scope | None) -> Kind | None:
        """The kind of all that is ever assigned to a name; None while that is being found out."""
        while scope is not None and identifier not in scope.values:
            scope = scope.outer
        if scope is None:
            return Kind.OPAQUE
        key = (scope, identifier)
        if key not in self._names:
            self._names[key] = None
            kinds = [
                value if isinstance(value, Kind) else self._of(value, scope, ())
                for value in scope.values[identifier]
            ]
            kind = Kind.OPAQUE if identifier in self._features.roots else joined(kinds)
            if kind is Kind.UNKNOWN and identifier in self._uses_in(scope).limits:
                kind = Kind.INTEGER
            self._names[key] = kind
        return self._names[key]

    def needs_integer(self, identifier: str, scope: Scope) -> bool:
        """Whether a name is used as an index, as a count, or in what is assigned to such a name."""
        return identifier in self._uses_in(scope).whole

    def is_index(self, identifier: str, scope: Scope) -> bool:
        """Whether a name is used inside a subscript, or to repeat a sequence."""
        return identifier in self._uses_in(scope).indices

    def _uses_in(self, scope: Scope) -> _Uses:
        uses = self._uses.get(scope)
        if uses is None:
            uses = _uses_of_names(scope)
            self._uses[scope] = uses
        return uses

    def _of(self, node: ast.expr, scope: Scope, bound: tuple[tuple[str, Kind], ...]) -> Kind | None:
        if isinstance(node, ast.Constant):
            known = {bool: Kind.BOOLEAN, int: Kind.INTEGER, float: Kind.REAL}
            return known.get(type(node.value), Kind.OPAQUE)
        if isinstance(node, ast.Name):
            for identifier, kind in reversed(bound):
                if identifier == node.id:
                    return kind
            return self.of_name(node.id, scope)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in self._features.roots:
                return Kind.REAL
            return Kind.OPAQUE if node.attr == "shape" else Kind.UNKNOWN
        if self._is_compound_feature(node):
            return Kind.REAL
        if isinstance(node, ast.BinOp):
            return self._of_operation(node, scope, bound)
        if isinstance(node, ast.UnaryOp):
            return Kind.BOOLEAN if isinstance(node.op, ast.Not) else self._of(node.operand, scope, bound)
        if isinstance(node, ast.Compare | ast.BoolOp):
            return self._of_truth(node, scope, bound)
        if isinstance(node, ast.IfExp):
            return joined(self._of(branch, scope, bound) for branch in (node.body, node.orelse))
        if isinstance(node, ast.NamedExpr):
            return self._of(node.value, scope, bound)
        if isinstance(node, ast.Call):
            return self._of_call(node, scope, bound)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            return Kind.INTEGER if node.value.attr == "shape" else Kind.UNKNOWN
        return Kind.OPAQUE if isinstance(node, _OPAQUE_NODES) else Kind.UNKNOWN

    def _is_compound_feature(self, node: ast.expr) -> bool:
        if not self._features.compound or not isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
            return False
        return canonical(node) in self._features.compound

    def _of_operation(
        self, node: ast.BinOp, scope: Scope, bound: tuple[tuple[str, Kind], ...]
    ) -> Kind | None:
        left, right = self._of(node.left, scope, bound), self._of(node.right, scope, bound)
        if Kind.OPAQUE in (left, right):
            return Kind.OPAQUE
        if left is None or right is None:
            other = right if left is None else left
            return Kind.REAL if isinstance(node.op, ast.Div) and other in NUMERIC else other
        numeric = left in (*NUMERIC, Kind.BOOLEAN) and right in (*NUMERIC, Kind.BOOLEAN)
        if not numeric:
            return Kind.UNKNOWN
        if isinstance(node.op, ast.Div) or Kind.REAL in (left, right):
            return Kind.REAL
        return Kind.INTEGER

    def _of_truth(
        self, node: ast.Compare | ast.BoolOp, scope: Scope, bound: tuple[tuple[str, Kind], ...]
    ) -> Kind:
        if isinstance(node, ast.BoolOp):
            kinds = [self._of(value, scope, bound) for value in node.values]
            return Kind.BOOLEAN if Kind.BOOLEAN in kinds else Kind.UNKNOWN
        if any(isinstance(operator, ast.In | ast.NotIn | ast.Is | ast.IsNot) for operator in node.ops):
            return Kind.BOOLEAN
        kinds = [self._of(operand, scope, bound) for operand in (node.left, *node.comparators)]
        return Kind.UNKNOWN if all(kind is Kind.UNKNOWN for kind in kinds) else Kind.BOOLEAN

    def _of_call(self, node: ast.Call, scope: Scope, bound: tuple[tuple[str, Kind], ...]) -> Kind | None:
        function = node.func
        if isinstance(function, ast.Name):
            if function.id in ("min", "max", "abs", "sum") and node.args and not node.keywords:
                if function.id != "abs" and len(node.args) == 1:
                    return Kind.UNKNOWN
                return joined(self._of(argument, scope, bound) for argument in node.args)
            if function.id == "round" and len(node.args) > 1:
                return Kind.REAL
            return _CALLS.get(function.id, Kind.UNKNOWN)
        if isinstance(function, ast.Attribute):
            if isinstance(function.value, ast.Name) and function.value.id in MATH_MODULES:
                return Kind.INTEGER if function.attr in _INTEGER_MATH else Kind.REAL
            return _METHODS.get(function.attr, Kind.UNKNOWN)
        return Kind.UNKNOWN


def _uses_of_names(scope: Scope) -> _Uses:
    limits: dict[str, None] = {}
    indices: dict[str, None] = {}
    whole: dict[str, None] = {}
    for node in descendants(scope.node):
        if isinstance(node, ast.Subscript):
            _note_names(node.slice, indices)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, ast.List | ast.Tuple):
                    _note_names(other, indices)
        elif isinstance(node, ast.Call) and not calculates(node):
            is_range = isinstance(node.func, ast.Name) and node.func.id == "range"
            for argument in node.args:
                _note_names(argument, whole)
                if is_range and isinstance(argument, ast.Name):
                    limits[argument.id] = None
    whole.update(indices)
    waiting = list(whole)
    while waiting:
        for value in scope.values.get(waiting.pop(), ()):
            if isinstance(value, ast.expr):
                before = len(whole)
                _note_names(value, whole)
                waiting += list(whole)[before:]
    return _Uses(frozenset(limits), frozenset(indices), frozenset(whole))


def calculates(node: ast.Call) -> bool:
    """Whether a call makes a number of numbers."""
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in NUMBER_FUNCTIONS
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in MATH_MODULES


def _note_names(node: ast.expr, found: dict[str, None]) -> None:
    for part in descendants(node):
        if isinstance(part, ast.Name):
            found[part.id] = None
