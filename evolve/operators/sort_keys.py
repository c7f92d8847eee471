"""Changes what things are ordered by: keys of `sorted`, `min`, `max` and their kind, and comparators.

A key is a list of criteria, which a tuple spells out: earlier ones decide, later ones break ties. Criteria
are exchanged, dropped, reversed, scaled and added; new ones are what the program, another program or the
problem's features know of the things that are ordered. So are the arguments of `argsort`, and `reverse=True`
comes and goes. A comparator, a function of two things that are compared field by field, has its steps
exchanged, dropped or reversed. The form of a key stays what it was: numbers where there were numbers.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from evolve.operators.base import Brief, Draft, NoProposal, Request, Role
from evolve.operators.children import Change, first_child
from evolve.operators.growth import feature_terminals
from evolve.operators.keys import Key, called, calls_in, keys_in
from evolve.operators.scope import Function, Scope
from evolve.operators.sites import Syntax, syntax_of
from evolve.operators.syntax import literal, names_read, node_count, number
from evolve.operators.transplant import donor_syntax
from evolve.program import Region, canonical

_REVERSIBLE = frozenset({"sorted", "sort"})
_NO_NUMBERS = (ast.List, ast.ListComp, ast.Tuple, ast.JoinedStr)
MAX_CRITERIA = 5
"""How many criteria a key may come to have."""


class SortKeyOperator:
    """Changes one key, one direction of sorting, or one comparator."""

    name = "sort_keys"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child that orders things differently.

        Raises:
            NoProposal: The parent orders nothing by a key, or no change led to a new program.
        """
        return first_child(request, lambda syntax: _changed(request, syntax))


operator = SortKeyOperator()


def _changed(request: Request, syntax: Syntax) -> Change | None:
    rng = request.random
    keys, calls, comparators = _orders(request.parents[0].source, request.brief)
    options: list[tuple[Callable[[], Change | None], float]] = [
        (lambda: _changed_key(request, syntax, rng.choice(keys)), 4.0 * bool(keys)),
        (lambda: _reversed_call(syntax, *rng.choice(calls)), 0.5 * bool(calls)),
        (lambda: _changed_comparator(request, syntax, rng.choice(comparators)), 3.0 * bool(comparators)),
    ]
    if not any(weight for _, weight in options):
        raise NoProposal("the parent orders nothing by a key or a comparator")
    return rng.choices(options, [weight for _, weight in options])[0][0]()


_Comparator = tuple[Scope, list[ast.stmt], Region]


@lru_cache(maxsize=64)
def _orders(
    source: str, brief: Brief
) -> tuple[tuple[Key, ...], tuple[tuple[ast.Call, Region], ...], tuple[_Comparator, ...]]:
    """Where a program orders things: by keys, by calls that can be reversed, by comparators."""
    syntax = syntax_of(source, brief)
    return tuple(keys_in(syntax)), tuple(_reversible_calls(syntax)), tuple(_comparators(syntax))


# Keys.


def _changed_key(request: Request, syntax: Syntax, key: Key) -> Change | None:
    rng = request.random
    criteria = key.criteria
    several = len(criteria) > 1
    room = len(criteria) < MAX_CRITERIA and bool(key.items)
    options: list[tuple[Callable[[], list[ast.expr] | None], float]] = [
        (lambda: _one(criteria, rng.randrange(len(criteria)), reverse), 1.5),
        (lambda: _exchanged(request, criteria), 2.0 * several),
        (lambda: _dropped(request, criteria), 1.5 * several),
        (lambda: _merged(request, criteria), 1.0 * several),
        (lambda: _added(request, syntax, key), 2.5 * room),
        (lambda: _replaced(request, syntax, key), 1.5 * bool(key.items)),
        (lambda: _weighed(request, syntax, key), 2.0 * bool(key.items)),
    ]
    made = rng.choices(options, [weight for _, weight in options])[0][0]()
    if made is None:
        return None
    new = made[0] if len(made) == 1 else ast.Tuple(made, ast.Load())
    growth = node_count(new) - node_count(key.root)
    edit = syntax.text.expression_edit(key.root, key.parent, key.field, new)
    return Change(syntax.text.edited(edit), key.region, growth, node_count(key.root), growth)


def reverse(criterion: ast.expr) -> ast.expr | None:
    """The criterion the other way round; None where it is no number, as far as that shows."""
    if isinstance(criterion, ast.UnaryOp) and isinstance(criterion.op, ast.USub):
        return criterion.operand
    if isinstance(criterion, ast.Compare | ast.BoolOp):
        return ast.UnaryOp(ast.Not(), criterion)
    if isinstance(criterion, ast.UnaryOp) and isinstance(criterion.op, ast.Not):
        return criterion.operand
    if isinstance(criterion, _NO_NUMBERS):
        return None
    return ast.UnaryOp(ast.USub(), criterion)


def _one(
    criteria: Sequence[ast.expr], position: int, change: Callable[[ast.expr], ast.expr | None]
) -> list[ast.expr] | None:
    new = change(criteria[position])
    return None if new is None else [*criteria[:position], new, *criteria[position + 1 :]]


def _exchanged(request: Request, criteria: Sequence[ast.expr]) -> list[ast.expr]:
    first, second = request.random.sample(range(len(criteria)), 2)
    made = list(criteria)
    made[first], made[second] = made[second], made[first]
    return made


def _dropped(request: Request, criteria: Sequence[ast.expr]) -> list[ast.expr]:
    position = request.random.randrange(len(criteria))
    return [*criteria[:position], *criteria[position + 1 :]]


def _merged(request: Request, criteria: Sequence[ast.expr]) -> list[ast.expr] | None:
    """Two neighbours as one criterion: the first, and a little of the second."""
    position = request.random.randrange(len(criteria) - 1)
    first, second = criteria[position : position + 2]
    joined = _sum(request, first, second)
    return None if joined is None else [*criteria[:position], joined, *criteria[position + 2 :]]


def _added(request: Request, syntax: Syntax, key: Key) -> list[ast.expr] | None:
    """A further criterion, mostly at the end, where it breaks ties."""
    criteria = key.criteria
    criterion = _new_criterion(request, syntax, key)
    if criterion is None:
        return None
    position = len(criteria) if request.random.random() < 0.7 else request.random.randrange(len(criteria))
    return [*criteria[:position], criterion, *criteria[position:]]


def _replaced(request: Request, syntax: Syntax, key: Key) -> list[ast.expr] | None:
    criterion = _new_criterion(request, syntax, key)
    if criterion is None:
        return None
    position = request.random.randrange(len(key.criteria))
    return _one(key.criteria, position, lambda _: criterion)


def _weighed(request: Request, syntax: Syntax, key: Key) -> list[ast.expr] | None:
    """A criterion and a little of another one, or a ratio of the two."""
    criterion = _new_criterion(request, syntax, key)
    if criterion is None:
        return None
    position = request.random.randrange(len(key.criteria))
    return _one(key.criteria, position, lambda old: _sum(request, old, criterion))


def _sum(request: Request, first: ast.expr, second: ast.expr) -> ast.expr | None:
    """The first and a little of the second; None where one of them is plainly no number."""
    if isinstance(first, _NO_NUMBERS) or isinstance(second, _NO_NUMBERS):
        return None
    weight = number(float(f"{10.0 ** request.random.uniform(-2.0, 0.5):.2g}"))
    if isinstance(second, ast.UnaryOp) and isinstance(second.op, ast.USub):
        return ast.BinOp(first, ast.Sub(), ast.BinOp(weight, ast.Mult(), second.operand))
    return ast.BinOp(first, ast.Add(), ast.BinOp(weight, ast.Mult(), second))


def _new_criterion(request: Request, syntax: Syntax, key: Key) -> ast.expr | None:
    """Something known of the thing that is ordered, in either direction."""
    known = {canonical(reverse(one) or one) for one in key.criteria} | {
        canonical(one) for one in key.criteria
    }
    found = [one for one in _known_of_items(request, syntax, key) if canonical(one) not in known]
    if not found:
        return None
    chosen = request.random.choice(found)
    return chosen if request.random.random() < 0.5 else ast.UnaryOp(ast.USub(), chosen)


def _known_of_items(request: Request, syntax: Syntax, key: Key) -> list[ast.expr]:
    """Expressions of one item: the keys of this program and of another one, features, and the item's parts.

    Parts are attributes and entries by name that the program reads of anything, if this key reads some of
    its item; and whatever the function indexes by a name, if this key indexes something by its item.
    """
    names = frozenset((*key.scope.names_before(key.statement), *key.items))
    found: list[ast.expr] = []
    donor = donor_syntax(request)
    for other in (*keys_in(syntax), *(() if donor is None else keys_in(donor))):
        if other is not key and len(other.items) == len(key.items) and _uses(other) <= (_uses(key) or _ANY):
            renaming = dict(zip(other.items, key.items, strict=True))
            found += [_renamed(criterion, renaming) for criterion in other.criteria]
    found += [terminal.node for terminal, _ in feature_terminals(request.brief.features)]
    found += _parts_of(syntax, key)
    fitting = [
        node
        for node in found
        if set(names_read(node)) <= names | syntax.names_around(key.scope)
        and set(names_read(node)) & set(key.items)
        and literal(node) is None
    ]
    return list({canonical(node): node for node in fitting}.values())


_ANY = frozenset({"parts", "indexes"})


def _uses(key: Key) -> frozenset[str]:
    """What a key's item plainly is: a record whose parts are read, a number that sequences are indexed by."""
    inside = list(ast.walk(key.root))
    found = []
    for item in key.items:
        found += ["parts"] * any(_reads_part(node, item) for node in inside)
        found += ["indexes"] * any(_is_indexed_by(node, item) for node in inside)
    return frozenset(found)


def _parts_of(syntax: Syntax, key: Key) -> list[ast.expr]:
    found: list[ast.expr] = []
    inside = list(ast.walk(key.root))
    called = {id(node.func) for node in ast.walk(syntax.tree) if isinstance(node, ast.Call)}
    for item in key.items:
        if any(_reads_part(node, item) for node in inside):
            found += [
                _with_owner(node, item)
                for node in ast.walk(syntax.tree)
                if isinstance(node, ast.Attribute | ast.Subscript)
                and isinstance(node.ctx, ast.Load)
                and type(node) in {type(part) for part in inside if _reads_part(part, item)}
                and isinstance(node.value, ast.Name)
                and _is_part(node)
                and id(node) not in called
            ]
        if any(_is_indexed_by(node, item) for node in inside):
            found += [
                ast.Subscript(node.value, ast.Name(item, ast.Load()), ast.Load())
                for node in ast.walk(key.scope.node)
                if isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Name)
                and isinstance(node.slice, ast.Name)
            ]
    return found


def _is_part(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node, ast.Attribute) or isinstance(node.slice, ast.Constant)


def _reads_part(node: ast.AST, item: str) -> bool:
    return (
        isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == item
        and _is_part(node)
    )


def _is_indexed_by(node: ast.AST, item: str) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == item


def _with_owner(node: ast.Attribute | ast.Subscript, item: str) -> ast.expr:
    owner = ast.Name(item, ast.Load())
    if isinstance(node, ast.Attribute):
        return ast.Attribute(owner, node.attr, ast.Load())
    return ast.Subscript(owner, node.slice, ast.Load())


class _Renaming(ast.NodeTransformer):
    def __init__(self, renaming: dict[str, str]) -> None:
        self.renaming = renaming

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The name under its new name."""
        return ast.Name(self.renaming.get(node.id, node.id), node.ctx)


def _renamed(node: ast.expr, renaming: dict[str, str]) -> ast.expr:
    made = _Renaming(renaming).visit(copy.deepcopy(node))
    assert isinstance(made, ast.expr)
    return made


# Directions of sorting.


def _reversible_calls(syntax: Syntax) -> Iterator[tuple[ast.Call, Region]]:
    for _, _, call in calls_in(syntax):
        region = syntax.region_of(call)
        function = called(call)
        if region is not None and (function in _REVERSIBLE or (function in ("min", "max") and call.keywords)):
            yield call, region


def _reversed_call(syntax: Syntax, call: ast.Call, region: Region) -> Change | None:
    """The call with its order the other way round."""
    if isinstance(call.func, ast.Name) and call.func.id in ("min", "max"):
        start, end = syntax.text.span(call.func)
        edit = start, end, "min" if call.func.id == "max" else "max"
        return Change(syntax.text.edited(edit), region, 0)
    given = next((keyword for keyword in call.keywords if keyword.arg == "reverse"), None)
    if given is not None:
        if not (isinstance(given.value, ast.Constant) and isinstance(given.value.value, bool)):
            return None
        new = ast.Constant(not given.value.value)
        edit = syntax.text.expression_edit(given.value, given, "value", new)
        return Change(syntax.text.edited(edit), region, 0)
    parts: list[ast.expr] = [*call.args, *(keyword.value for keyword in call.keywords)]
    _, end = syntax.text.span(call)
    if not parts:
        return Change(syntax.text.edited((end - 1, end - 1, "reverse=True")), region, 1)
    if isinstance(parts[-1], ast.GeneratorExp) and len(parts) == 1:
        return None  # it would need parentheses of its own
    last = max(syntax.text.span(part)[1] for part in parts)
    if syntax.text.data[last : end - 1].strip(b" \t\r\n,)"):
        return None  # a comment
    closing = syntax.text.data.rfind(b")", 0, end)
    edit = closing, closing, ", reverse=True"
    if syntax.text.data[last:closing].strip().startswith(b","):
        edit = closing, closing, "reverse=True"
    return Change(syntax.text.edited(edit), region, 1)


# Comparators.


def _comparators(syntax: Syntax) -> Iterator[_Comparator]:
    """Functions of two things whose body compares them step by step: conditions that return, in a row."""
    for scope in syntax.scopes:
        function = scope.node
        if not isinstance(function, Function) or len(function.args.args) != 2:
            continue
        steps = [statement for statement in function.body if _is_step(statement)]
        region = syntax.region_of(steps[0]) if steps else None
        one, other = (argument.arg for argument in function.args.args)
        compares = steps and all({one, other} <= set(names_read(_test(step))) for step in steps)
        if compares and region is not None and region is syntax.region_of(steps[-1]):
            yield scope, steps, region


def _is_step(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and not statement.orelse
        and len(statement.body) == 1
        and isinstance(statement.body[0], ast.Return)
        and isinstance(statement.test, ast.Compare)
    )


def _test(statement: ast.stmt) -> ast.expr:
    assert isinstance(statement, ast.If)
    return statement.test


def _changed_comparator(request: Request, syntax: Syntax, comparator: _Comparator) -> Change | None:
    scope, steps, region = comparator
    rng = request.random
    lines = [syntax.text.whole_lines(step) for step in steps]
    position = rng.randrange(len(steps))
    here = lines[position]
    draw = rng.random()
    if draw < 0.4 and len(steps) > 1:
        other = rng.choice([index for index in range(len(steps)) if index != position])
        there = lines[other]
        if here is None or there is None:
            return None
        data = syntax.text.data
        edits = (*here, data[slice(*there)].decode()), (*there, data[slice(*here)].decode())
        return Change(syntax.text.edited(*edits), region, 0)
    if draw < 0.6 and len(scope.blocks[0]) > 1:
        return (
            None
            if here is None
            else Change(syntax.text.edited((*here, "")), region, -node_count(steps[position]))
        )
    returned = steps[position]
    assert isinstance(returned, ast.If) and isinstance(returned.body[0], ast.Return)
    value = returned.body[0].value
    turned = None if value is None else reverse(value)
    if value is None or turned is None:
        return None
    edit = syntax.text.expression_edit(value, returned.body[0], "value", turned)
    return Change(syntax.text.edited(edit), region, node_count(turned) - node_count(value))
