"""Changes one expression of a program, as genetic programming does.

Subtree mutation, hoisting, shrinking, point mutation and subtree crossover are those of Koza, "Genetic
Programming" (1992), and of Poli, Langdon and McPhee, "A Field Guide to Genetic Programming" (2008), sections
2.4 and 5.2. What differs: an operator is applied only where the kind of the expression allows it, so that
indices stay whole numbers and arrays are only scaled and shifted; and growing gets rarer the closer an
expression comes to its limit.
"""

import ast
import random
from collections.abc import Callable

from evolve.operators.base import Draft, Request, Role
from evolve.operators.children import MAX_EXPRESSION_NODES, Change, first_child
from evolve.operators.growth import (
    Terminal,
    Vocabulary,
    operated,
    unit_of,
    vocabulary,
)
from evolve.operators.scope import NUMERIC, Kind
from evolve.operators.sites import ARITHMETIC, ORDERING, Place, Site, Syntax
from evolve.operators.syntax import as_divisor, call, literal, names_read, node_count, number
from evolve.operators.transplant import borrowed

_WRAPS = ("+", "-", "*", "/", "max", "min", "if", "abs", "negate")
_WRAP_WEIGHTS = (4.0, 4.0, 3.0, 3.0, 1.0, 1.0, 1.5, 0.3, 0.7)
_INVERSE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class ExpressionOperator:
    """Changes one expression: grows, shrinks, replaces, hoists, swaps, or takes one from another program."""

    name = "expressions"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child in which one expression is another.

        Raises:
            NoProposal: No change led to a new program within the limits.
        """
        return first_child(request, lambda syntax: changed_expression(request, syntax))


operator = ExpressionOperator()


def changed_expression(request: Request, syntax: Syntax) -> Change | None:
    """A change of one expression, or None where what was drawn does not fit."""
    if not syntax.places:
        return None
    rng = request.random
    place = rng.choices(syntax.places, [place.weight for place in syntax.places])[0]
    sites = syntax.sites(place)
    if not sites:
        return None
    site = rng.choices(sites, [site.weight for site in sites])[0]
    new = new_expression(request, syntax, site)
    if new is None:
        return None
    growth = node_count(new) - node_count(site.node)
    source = syntax.text.edited(syntax.text.expression_edit(site.node, site.parent, site.field, new))
    return Change(source, place.region, growth, node_count(site.root), growth)


def new_expression(request: Request, syntax: Syntax, site: Site) -> ast.expr | None:
    """What may come to stand at a site, drawn at random, or None where what was drawn does not fit."""
    words = vocabulary(request.random, syntax, request.brief, site.scope, site.statement, site.bound)
    new = _Mutation(request, syntax, site, words).draw()
    if new is None or (literal(new) is not None and _is_all_there_is(site)):
        return None
    if not site.divides or site.kind not in NUMERIC:
        return new
    return as_divisor(new, 1 if site.kind is Kind.INTEGER else 1.0)


def _is_all_there_is(site: Site) -> bool:
    """Whether a constant at the site would leave nothing of an expression that was none."""
    root = site.root.operand if isinstance(site.root, ast.UnaryOp) else site.root
    return site.node in (site.root, root) and literal(root) is None


class _Mutation:
    """Draws what comes to stand at one site."""

    def __init__(self, request: Request, syntax: Syntax, site: Site, words: Vocabulary) -> None:
        self.request = request
        self.rng: random.Random = request.random
        self.syntax = syntax
        self.site = site
        self.words = words
        self.node = site.node

    def draw(self) -> ast.expr | None:
        """A new expression for the site, or None where what was drawn does not fit."""
        room = max(0.0, 1.0 - node_count(self.site.root) / MAX_EXPRESSION_NODES)
        options = self._options(room)
        return self.rng.choices(options, [weight for _, weight in options])[0][0]()

    def _options(self, room: float) -> list[tuple[Callable[[], ast.expr | None], float]]:
        """What can be done to an expression of the site's kind, with how likely each is.

        `room` is the share of the largest size that is still free.
        """
        if self.site.kind is Kind.REAL:
            return [
                (self.wrap, 0.1 + 3.0 * room),
                (self.replace, 1.5),
                (self.point, 1.5),
                (self.swap, 1.2),
                (self.shrink, 0.8),
                (self.hoist, 1.0 + 2.0 * (1.0 - room)),
                (self.cross, 2.0),
            ]
        if self.site.kind is Kind.INTEGER:
            return [
                (self.wrap_integer, 1.5),
                (self.replace_integer, 0.7),
                (self.swap, 0.8),
                (self.hoist, 0.8),
            ]
        if self.site.kind is Kind.BOOLEAN:
            return [
                (self.recompare, 1.5),
                (self.replace_condition, 1.0),
                (self.extend_condition, 0.8 * room),
                (self.hoist_condition, 0.6),
                (self.invert, 0.6),
                (self.cross, 0.8),
            ]
        return [
            (self.wrap_unknown, 2.0),
            (self.swap, 1.0),
            (self.hoist, 1.0),
            (self.cross, 0.7),
            (self.recompare, 0.5),
            (self.replace_unknown, 1.0),
        ]

    def _terminal(self) -> Terminal:
        return Terminal(self.node, unit_of(self.node, self.request.brief.features))

    def _descendants(self, kinds: tuple[Kind, ...]) -> list[ast.expr]:
        """The expressions of sites below this one that need no name that the site has not."""
        inside = {id(part) for part in ast.walk(self.node)}
        return [
            other.node
            for other in self.syntax.sites(self._place())
            if id(other.node) in inside
            and other.node is not self.node
            and other.kind in kinds
            and other.bound == self.site.bound
        ]

    def _place(self) -> Place:
        return next(place for place in self.syntax.places if place.statement is self.site.statement)

    # What can be done to numbers.

    def wrap(self) -> ast.expr | None:
        operation = self.rng.choices(_WRAPS, _WRAP_WEIGHTS)[0]
        if operation == "negate":
            return _negated(self.node)
        made = self.words.combined(operation, self._terminal())
        return None if made is None else made.node

    def replace(self) -> ast.expr | None:
        unit = unit_of(self.node, self.request.brief.features)
        return self.words.grown(self.rng.choice((1, 2, 2)), unit).node

    def point(self) -> ast.expr | None:
        """A leaf for a leaf; a constant is drawn anew on a logarithmic scale half of the time."""
        value = literal(self.node)
        if value and self.rng.random() < 0.5:
            return number(float(f"{abs(value) * 2.0 ** self.rng.gauss(0.0, 1.0):.2g}"))
        if isinstance(self.node, ast.Constant | ast.Name | ast.Attribute):
            return self.words.terminal(self._terminal().unit).node
        return self.swap()

    def shrink(self) -> ast.expr | None:
        if isinstance(self.node, ast.Constant | ast.Name | ast.Attribute):
            return self.point()
        return self.words.terminal(self._terminal().unit).node

    def hoist(self) -> ast.expr | None:
        kinds = NUMERIC if self.site.kind is Kind.REAL else (self.site.kind,)
        below = self._descendants(kinds)
        return self.rng.choice(below) if below else None

    def swap(self) -> ast.expr | None:
        """Another operation on the same operands, or the same with its operands exchanged."""
        node = self.node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC):
            return self._swapped_operation(node)
        if isinstance(node, ast.IfExp):
            return ast.IfExp(node.test, node.orelse, node.body)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
            return call("min" if node.func.id == "max" else "max", *node.args) if not node.keywords else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return node.operand
        return None

    def _swapped_operation(self, node: ast.BinOp) -> ast.expr | None:
        if not isinstance(node.op, ast.Add | ast.Mult) and self.rng.random() < 0.3:
            return self._binary(type(node.op), node.right, node.left)
        choices: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult)
        if self.site.kind is not Kind.INTEGER:
            choices = (*choices, ast.Div)
        other = self.rng.choice([choice for choice in choices if not isinstance(node.op, choice)])
        return self._binary(other, node.left, node.right)

    def _binary(self, operation: type[ast.operator], left: ast.expr, right: ast.expr) -> ast.expr | None:
        divides = operation in (ast.Div, ast.FloorDiv, ast.Mod)
        if divides and self.site.kind in NUMERIC:
            right = as_divisor(right)
        elif divides and literal(right) == 0:
            return None
        return operated(operation(), left, right)

    def cross(self) -> ast.expr | None:
        """An expression of the same kind from another program of the request, made fit by its unit."""
        node = borrowed(self.request, self.site)
        unit = self._terminal().unit
        if node is None or not unit:
            return node
        found = unit_of(node, self.request.brief.features)
        return self.words.converted(Terminal(node, found), unit).node if found not in ("", unit) else node

    # What can be done to whole numbers, so that they stay whole.

    def wrap_integer(self) -> ast.expr | None:
        draw = self.rng.random()
        if draw < 0.6:
            operation: ast.operator = ast.Add() if self.rng.random() < 0.5 else ast.Sub()
            return ast.BinOp(self.node, operation, self.words.integer())
        if draw < 0.7:
            return ast.BinOp(self.node, ast.FloorDiv(), number(2))
        if draw < 0.8:
            return ast.BinOp(number(2), ast.Mult(), self.node)
        return call(self.rng.choice(("min", "max")), self.node, self.words.integer())

    def replace_integer(self) -> ast.expr | None:
        value = literal(self.node)
        if isinstance(value, int) and self.rng.random() < 0.7:
            return number(value + self.rng.choice((-1, 1)) if value > 0 else value + 1)
        return self.words.integer()

    # What can be done to what may be an array: it is combined with numbers, or with what it already meets.

    def wrap_unknown(self) -> ast.expr | None:
        draw = self.rng.random()
        if draw < 0.35:
            return ast.BinOp(self.node, ast.Mult(), number(self.words.constant()))
        operation: ast.operator = ast.Add() if self.rng.random() < 0.5 else ast.Sub()
        if draw < 0.6 or (self.words.is_empty and draw < 0.7):
            return ast.BinOp(self.node, operation, number(self.words.constant()))
        if draw < 0.7:
            return ast.BinOp(self.node, operation, self.words.terminal().node)
        if draw < 0.8:
            return _negated(self.node)
        operand = self._other_unknown()
        if operand is None:
            return None
        scaled = ast.BinOp(number(self.words.constant()), ast.Mult(), operand)
        return ast.BinOp(self.node, operation, scaled if self.rng.random() < 0.6 else operand)

    def replace_unknown(self) -> ast.expr | None:
        return self._other_unknown()

    def _other_unknown(self) -> ast.expr | None:
        """An operand from elsewhere in the function, of which likewise nothing is known.

        It has the same form, since an element goes with an element and an array with an array.
        """
        like = isinstance(self.node, ast.Name | ast.Subscript | ast.Attribute)
        scope = self.site.scope
        names = frozenset(self.site.names())
        around = self.syntax.names_around(scope)
        found = [
            other.node
            for other in self.syntax.all_sites(scope)
            if other.kind is Kind.UNKNOWN
            and other.node is not self.node
            and type(other.node) is (type(self.node) if like else ast.Subscript)
            and all(used in names or used in around for used in names_read(other.node))
        ]
        return self.rng.choice(found) if found else None

    # What can be done to conditions.

    def recompare(self) -> ast.expr | None:
        node = self.node
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            return None
        operator = node.ops[0]
        if not isinstance(operator, ORDERING):
            return ast.Compare(node.left, [_INVERSE[type(operator)]()], node.comparators)
        others = [choice() for choice in ORDERING if not isinstance(operator, choice)]
        return ast.Compare(node.left, [self.rng.choice(others)], node.comparators)

    def replace_condition(self) -> ast.expr | None:
        return self.words.condition()

    def extend_condition(self) -> ast.expr | None:
        condition = self.words.condition()
        if condition is None:
            return None
        return ast.BoolOp(self.rng.choice((ast.And(), ast.Or())), [self.node, condition])

    def hoist_condition(self) -> ast.expr | None:
        if isinstance(self.node, ast.BoolOp):
            return self.rng.choice(self.node.values)
        return None

    def invert(self) -> ast.expr | None:
        if isinstance(self.node, ast.UnaryOp) and isinstance(self.node.op, ast.Not):
            return self.node.operand
        if isinstance(self.node, ast.Compare):
            return self.recompare()
        return ast.UnaryOp(ast.Not(), self.node)


def _negated(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    return ast.UnaryOp(ast.USub(), node)
