"""Finds the expressions that an operator may change, and what may stand in their place."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evolve.operators.base import Brief
from evolve.operators.kinds import COLLECTIONS, Kinds, calculates
from evolve.operators.scope import (
    BUILTINS,
    NUMERIC,
    Function,
    Kind,
    Scope,
    bound_by,
    loop_kinds,
    program_scopes,
    unbound_names,
)
from evolve.operators.syntax import SourceText, is_safe_divisor, literal, node_count
from evolve.program import Region, canonical, regions, syntax_tree

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
WHOLE_NUMBER_WEIGHT = 0.3
"""How likely a whole number is chosen, against one for any other site: most are indices and counts."""
RULE_WEIGHT = 4.0
"""How likely an expression is chosen in a function that decides, against one elsewhere."""
ORDERING = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """An expression that may be replaced."""

    node: ast.expr
    parent: ast.AST
    field: str
    """The field of `parent` that holds `node`."""
    kind: Kind
    """What may stand here."""
    root: ast.expr
    """The outermost expression around it: the one whose size is bounded."""
    statement: ast.stmt
    scope: Scope
    bound: tuple[tuple[str, Kind], ...] = ()
    """Names that comprehensions and lambdas around the site bind."""
    weight: float = 1.0
    """How likely it is chosen."""

    @property
    def divides(self) -> bool:
        """Whether the site is a divisor."""
        return (
            self.field == "right"
            and isinstance(self.parent, ast.BinOp)
            and isinstance(self.parent.op, ast.Div | ast.FloorDiv | ast.Mod)
        )

    def names(self) -> tuple[str, ...]:
        """The names in scope."""
        return (*self.scope.names_before(self.statement), *(identifier for identifier, _ in self.bound))


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A statement whose expression operators may change, with the region that it lies in."""

    statement: ast.stmt
    root: ast.expr
    field: str
    scope: Scope
    region: Region
    weight: float
    """How likely it is chosen."""


class Syntax:
    """A program taken apart for the operators."""

    def __init__(self, source: str, brief: Brief) -> None:
        self.tree = syntax_tree(source)
        self.text = SourceText(source)
        self.regions = regions(source)
        self.scopes = program_scopes(source)
        self.kinds = Kinds(brief)
        self.entry_function = brief.entry_point.function
        self.has_features = bool(brief.features)
        self._rules: dict[Scope, bool] = {}
        self.places = [place for scope in self.scopes for place in self._places(scope)]
        self._sites: dict[ast.stmt, list[Site]] = {}
        self._block_sizes: dict[Region, int] = {}

    def region_of(self, node: ast.expr | ast.stmt) -> Region | None:
        """The region that a node lies in, or None."""
        first, last = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, Function | ast.ClassDef) and node.decorator_list:
            first = node.decorator_list[0].lineno
        for region in self.regions:
            if region.holds(first, last):
                return region
        return None

    def is_result(self, place: Place) -> bool:
        """Whether it is what a rule, a function that makes a number, returns."""
        return isinstance(place.statement, ast.Return) and self.makes_a_number(place.scope)

    def decides(self, scope: Scope) -> bool:
        """Whether a scope is the entry point of a problem with features, or annotated `-> float`."""
        function = scope.node
        if not isinstance(function, Function):
            return False
        if self.has_features and function.name == self.entry_function:
            return True
        return isinstance(function.returns, ast.Name) and function.returns.id == "float"

    def makes_a_number(self, scope: Scope) -> bool:
        """Whether a scope is a rule: one that decides, and does so by a number that may be any other."""
        found = self._rules.get(scope)
        if found is None:
            found = self._rules[scope] = self.decides(scope) and not self._picks_one_of_several(scope)
        return found

    def _picks_one_of_several(self, scope: Scope) -> bool:
        """Whether what a function returns is a tuple or the like, or one of several whole numbers."""
        if not isinstance(scope.node, Function) or scope.node.returns is not None:
            return False
        returned = [
            value
            for node in scope.before
            if isinstance(node, ast.Return) and node.value
            for value in _alternatives(node.value)
        ]
        if returned and all(isinstance(value, COLLECTIONS) for value in returned):
            return True
        whole = all(self.kinds.of(value, scope) is Kind.INTEGER for value in returned)
        return whole and len({canonical(value) for value in returned}) > 1

    def block_size(self, region: Region) -> int:
        """How many nodes a region holds."""
        size = self._block_sizes.get(region)
        if size is None:
            size = sum(self._size_within(statement, region) for statement in self.tree.body)
            self._block_sizes[region] = size
        return size

    def sites(self, place: Place) -> list[Site]:
        """The sites in the expression of a place, outermost first."""
        sites = self._sites.get(place.statement)
        if sites is None:
            sites = list(_Walk(self, place).run())
            self._sites[place.statement] = sites
        return sites

    def all_sites(self, scope: Scope) -> list[Site]:
        """The sites of a scope."""
        return [site for place in self.places if place.scope is scope for site in self.sites(place)]

    @cached_property
    def unbound(self) -> frozenset[str]:
        """The names that the program may read without having bound them."""
        return unbound_names(self.scopes)

    def names_around(self, scope: Scope) -> frozenset[str]:
        """Names that hold what a function can always reach: builtins and whatever the module binds."""
        return BUILTINS.union(scope.outer_names)

    def _size_within(self, statement: ast.stmt, region: Region) -> int:
        if region.holds(statement.lineno, statement.end_lineno or statement.lineno):
            return node_count(statement)
        inner = (child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt))
        return sum(self._size_within(child, region) for child in inner)

    def _places(self, scope: Scope) -> Iterator[Place]:
        for statement in scope.before:
            field = _FIELDS.get(type(statement))
            root = getattr(statement, field) if field else None
            if field is None or not isinstance(root, ast.expr):
                continue
            region = self.region_of(root)
            if region is not None:
                start, end = self.text.span(root)
                weight = (end - start) ** 0.5 * (RULE_WEIGHT if self.decides(scope) else 1.0)
                yield Place(statement, root, field, scope, region, weight)


_FIELDS: dict[type[ast.stmt], str] = {
    ast.Return: "value",
    ast.Assign: "value",
    ast.AnnAssign: "value",
    ast.AugAssign: "value",
    ast.Expr: "value",
    ast.If: "test",
    ast.For: "iter",
}
"""By type of statement, the field with the expression that may be changed. The test of `while` is left
alone: changed ones hardly ever end."""


@lru_cache(maxsize=64)
def syntax_of(source: str, brief: Brief) -> Syntax:
    """A program taken apart; shared between callers, so never to be changed.

    Raises:
        ProgramError: The source is not a program.
    """
    return Syntax(source, brief)


class _Walk:
    """Goes down one expression and finds the sites in it.

    `wanted` says what the parent could take: a number of any kind (`REAL`), a truth value (`BOOLEAN`), or
    only what it has now (None). So an index stays a whole number, and what may be an array is only ever
    combined with numbers.
    """

    def __init__(self, syntax: Syntax, place: Place) -> None:
        self.syntax = syntax
        self.place = place

    def run(self) -> Iterator[Site]:
        statement = self.place.statement
        if isinstance(self.place.root, ast.Constant) and isinstance(self.place.root.value, str):
            return
        operand = isinstance(statement, ast.AugAssign)
        yield from self.visit(self.place.root, statement, self.place.field, (), self._wanted(), operand)

    def _wanted(self) -> Kind | None:
        statement, scope = self.place.statement, self.place.scope
        if isinstance(statement, ast.If):
            return Kind.BOOLEAN
        if isinstance(statement, ast.Return):
            return Kind.REAL if self.syntax.makes_a_number(scope) else None
        if not self.syntax.has_features and not self.syntax.makes_a_number(scope):
            return None
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        target = getattr(statement, "target", None) or (targets[0] if targets else None)
        if isinstance(target, ast.Name) and not self.syntax.kinds.needs_integer(target.id, scope):
            return Kind.REAL
        return None

    def visit(
        self,
        node: ast.expr,
        parent: ast.AST,
        field: str,
        bound: tuple[tuple[str, Kind], ...],
        wanted: Kind | None,
        operand: bool = False,
    ) -> Iterator[Site]:
        """The sites at and below `node`; `operand` says that the parent calculates with it."""
        kind = self.syntax.kinds.of(node, self.place.scope, bound)
        if kind is Kind.INTEGER and wanted is Kind.REAL:
            kind = Kind.REAL
        if kind is not Kind.OPAQUE and (
            kind is not Kind.UNKNOWN or operand or isinstance(node, ast.BinOp | ast.UnaryOp)
        ):
            site_kind = Kind.BOOLEAN if wanted is Kind.BOOLEAN and kind is not Kind.UNKNOWN else kind
            place = self.place
            weight = WHOLE_NUMBER_WEIGHT if kind is Kind.INTEGER else 1.0
            if not (kind is Kind.UNKNOWN and self._is_of_indices(node, parent)):
                yield Site(
                    node, parent, field, site_kind, place.root, place.statement, place.scope, bound, weight
                )
        yield from self.children(node, kind, bound)

    def children(self, node: ast.expr, kind: Kind, bound: tuple[tuple[str, Kind], ...]) -> Iterator[Site]:
        """The sites below `node`, which itself is of the given kind."""
        below = Kind.REAL if kind is Kind.REAL else None
        if isinstance(node, ast.BinOp):
            if kind is not Kind.OPAQUE and isinstance(node.op, ARITHMETIC):
                yield from self.visit(node.left, node, "left", bound, below, operand=True)
                yield from self.visit(node.right, node, "right", bound, below, operand=True)
        elif isinstance(node, ast.UnaryOp):
            inverts = isinstance(node.op, ast.Not)
            below = Kind.BOOLEAN if inverts else below
            yield from self.visit(node.operand, node, "operand", bound, below, operand=not inverts)
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                yield from self.visit(value, node, "values", bound, Kind.BOOLEAN)
        elif isinstance(node, ast.Compare):
            yield from self.comparison(node, bound)
        elif isinstance(node, ast.IfExp):
            yield from self.visit(node.body, node, "body", bound, below)
            yield from self.visit(node.test, node, "test", bound, Kind.BOOLEAN)
            yield from self.visit(node.orelse, node, "orelse", bound, below)
        elif isinstance(node, ast.Call):
            yield from self.call(node, kind, bound)
        elif isinstance(node, ast.Lambda):
            inside = (*bound, *((argument.arg, Kind.UNKNOWN) for argument in node.args.args))
            is_key = isinstance(node.body, ast.Subscript | ast.Name | ast.Attribute | ast.Call)
            yield from self.visit(node.body, node, "body", inside, None, operand=is_key)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            yield from self.comprehension(node, bound)
        elif isinstance(node, ast.Subscript):
            yield from self.subscript(node, bound)
        elif isinstance(node, ast.Tuple | ast.List):
            for item in node.elts:
                yield from self.visit(item, node, "elts", bound, None)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
            yield from self.children(node.value, Kind.UNKNOWN, bound)

    def comparison(self, node: ast.Compare, bound: tuple[tuple[str, Kind], ...]) -> Iterator[Site]:
        if not all(isinstance(operator, ORDERING) for operator in node.ops):
            return
        operands = [node.left, *node.comparators]
        kinds = [self.syntax.kinds.of(operand, self.place.scope, bound) for operand in operands]
        below = Kind.REAL if all(kind in NUMERIC for kind in kinds) else None
        yield from self.visit(node.left, node, "left", bound, below, operand=True)
        for comparator in node.comparators:
            yield from self.visit(comparator, node, "comparators", bound, below, operand=True)

    def call(self, node: ast.Call, kind: Kind, bound: tuple[tuple[str, Kind], ...]) -> Iterator[Site]:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(owner, ast.Call | ast.BinOp):
            yield from self.children(owner, Kind.UNKNOWN, bound)
        guards = is_safe_divisor(node)
        for argument in node.args:
            if guards and literal(argument) is not None:
                continue  # it keeps a divisor from being zero
            if calculates(node):
                wanted = Kind.REAL if kind is Kind.REAL or function in ("int", "round", "float") else None
                yield from self.visit(argument, node, "args", bound, wanted, operand=len(node.args) > 1)
            elif function == "range":
                yield from self.visit(argument, node, "args", bound, None)
            elif self._is_structural(argument, bound):
                continue
            else:
                yield from self.visit(argument, node, "args", bound, None)
        for keyword in node.keywords:
            if keyword.arg == "key":
                yield from self.visit(keyword.value, keyword, "value", bound, None)

    def _is_of_indices(self, node: ast.expr, parent: ast.AST) -> bool:
        """Whether something may be an array of indices, which are left alone."""
        if _makes_an_index(node, parent):
            return True
        kinds, place = self.syntax.kinds, self.place
        return any(kinds.is_index(target, place.scope) for target in targets_of(place.statement))

    def _is_structural(self, argument: ast.expr, bound: tuple[tuple[str, Kind], ...]) -> bool:
        """Whether an argument is a shape, an axis or a count: other ones hardly ever fit."""
        parts = argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]
        return any(self.syntax.kinds.of(part, self.place.scope, bound) is Kind.INTEGER for part in parts)

    def comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp,
        bound: tuple[tuple[str, Kind], ...],
    ) -> Iterator[Site]:
        for generator in node.generators:
            yield from self.visit(generator.iter, generator, "iter", bound, None)
            bound = (*bound, *loop_kinds(generator.target, generator.iter))
            for condition in generator.ifs:
                yield from self.visit(condition, generator, "ifs", bound, Kind.BOOLEAN)
        if isinstance(node, ast.DictComp):
            yield from self.visit(node.value, node, "value", bound, None)
        else:
            yield from self.visit(node.elt, node, "elt", bound, None)

    def subscript(self, node: ast.Subscript, bound: tuple[tuple[str, Kind], ...]) -> Iterator[Site]:
        if isinstance(node.value, ast.Call):
            yield from self.children(node.value, Kind.UNKNOWN, bound)
        index = node.slice
        if isinstance(index, ast.Slice):
            for field in ("lower", "upper"):
                part = getattr(index, field)
                if isinstance(part, ast.expr):
                    yield from self.visit(part, index, field, bound, None)
        elif not isinstance(index, ast.Constant | ast.UnaryOp | ast.Tuple):
            yield from self.visit(index, node, "slice", bound, None)


def _makes_an_index(node: ast.expr, parent: ast.AST) -> bool:
    """Whether a whole number plainly comes out: of a remainder, or of a division without one."""
    return any(
        isinstance(operation, ast.BinOp) and isinstance(operation.op, ast.Mod | ast.FloorDiv)
        for operation in (node, parent)
    )


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """What a conditional expression may come to."""
    if isinstance(node, ast.IfExp):
        yield from _alternatives(node.body)
        yield from _alternatives(node.orelse)
    else:
        yield node


def targets_of(statement: ast.stmt) -> list[str]:
    """The names that a simple assignment binds."""
    if isinstance(statement, ast.Assign):
        return [identifier for target in statement.targets for identifier in bound_by(target)]
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        return bound_by(statement.target)
    return []
