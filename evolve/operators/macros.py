"""Changes a whole rule at once, with the help of another program or of all the features.

A rule is a function that makes a number: the entry point of a problem with features, or one annotated
`-> float`. Its new value is another program's, or one of the two by a condition, or both weighed; or its own
and a linear combination of features, which is little at first, and for tuning to make something of. Koza's
crossover joins subtrees; here the roots are joined, so that what both parents know stays whole. And now and
then a published design takes the place of the whole program, with one expression changed.
"""

import ast
import copy
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from evolve.operators.base import Brief, Draft, NoProposal, ParentProgram, Request, Role
from evolve.operators.children import Change, first_child
from evolve.operators.expressions import changed_expression
from evolve.operators.growth import NO_UNIT, Terminal, Vocabulary, reads, unit_of, vocabulary
from evolve.operators.scope import BUILTINS, Function
from evolve.operators.sites import Place, Syntax, syntax_of
from evolve.operators.syntax import as_divisor, literal, names_read, node_count, number
from evolve.operators.transplant import donors
from evolve.program import ProgramError, canonical, is_bundle, split_lines

LINEAR_SHARE = 0.5
"""How often a linear combination is added to a rule of a problem with features."""
FIRST_WEIGHT = 0.03
"""The standard deviation of the weights in a linear combination."""
ALL_FEATURES = 0.5
"""How often a linear combination has all features of a record."""
DESIGN_SHARE = 0.15
"""How often a rule's program gives way to a baseline, where one is at hand; another program always does."""
LARGEST_VALUE = 60
"""Nodes that another program's rule may have to be taken over as one expression."""
_FEWEST_TERMS = 3


class MacroOperator:
    """Replaces what a rule returns, or joins it with what another program's rule returns."""

    name = "macros"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child one of whose rules returns something else.

        Raises:
            NoProposal: There is no rule in the regions, or nothing that fits it.
        """
        return first_child(request, lambda syntax: _changed(request, syntax))


operator = MacroOperator()


def _changed(request: Request, syntax: Syntax) -> Change | None:
    rng = request.random
    places = [place for place in syntax.places if syntax.is_result(place)]
    designs = [program for program in donors(request) if program.baseline is not None]
    if designs and rng.random() < (DESIGN_SHARE if places else 1.0):
        return _grafted(request, syntax, rng.choice(designs))
    if not places:
        raise NoProposal("the parent has no rule, no function that makes a number, and there is no baseline")
    place = rng.choice(places)
    words = vocabulary(rng, syntax, request.brief, place.scope, place.statement)
    mine = Terminal(place.root, unit_of(place.root, request.brief.features))
    if words.features and rng.random() < LINEAR_SHARE:
        new = _with_linear(words, mine, _record_in_use(request, words))
    else:
        other = _other_rule(request, syntax, place)
        if other is None or canonical(other) == canonical(place.root):
            return None
        theirs = Terminal(other, unit_of(other, request.brief.features))
        ways: list[tuple[Callable[[], ast.expr | None], float]] = [
            (lambda: theirs.node, 1.0),
            (lambda: _either(words, mine, theirs), 1.5),
            (lambda: _both(words, mine, theirs), 2.0),
        ]
        new = rng.choices(ways, [weight for _, weight in ways])[0][0]()
    if new is None:
        return None
    growth = node_count(new) - node_count(place.root)
    edit = syntax.text.expression_edit(place.root, place.statement, place.field, new)
    return Change(syntax.text.edited(edit), place.region, growth, node_count(place.root), growth)


def _either(words: Vocabulary, mine: Terminal, theirs: Terminal) -> ast.expr | None:
    """One value or the other, by a condition."""
    condition = words.condition()
    if condition is None:
        return None
    values = [mine.node, theirs.node]
    words.rng.shuffle(values)
    return ast.IfExp(condition, *values)


def _both(words: Vocabulary, mine: Terminal, theirs: Terminal) -> ast.expr:
    """Both values, the other's brought to the unit of one's own and weighed."""
    if mine.unit and theirs.unit and mine.unit != theirs.unit:
        theirs = words.converted(theirs, mine.unit)
    weight = float(f"{10.0 ** words.rng.uniform(-1.5, 0.5):.2g}")
    term = theirs.node
    if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Mult) and literal(term.left) is not None:
        term = term.right  # one weight is enough
    weighed = ast.BinOp(number(weight), ast.Mult(), term)
    return ast.BinOp(mine.node, ast.Sub() if words.rng.random() < 0.25 else ast.Add(), weighed)


def _with_linear(words: Vocabulary, mine: Terminal, record: str) -> ast.expr | None:
    """A value and a linear combination of features, brought to its unit."""
    added = linear(words, record)
    if added is None:
        return None
    scales = [feature for feature in words.features if feature.unit == mine.unit != NO_UNIT]
    if scales:
        added = ast.BinOp(words.rng.choice(scales).node, ast.Mult(), added)
    return ast.BinOp(mine.node, ast.Add(), added)


def linear(words: Vocabulary, record: str) -> ast.expr | None:
    """A weighted sum of some features of a record: for each unit a sum, over a feature of that unit."""
    rng = words.rng
    found = [feature for feature in words.features if feature.record == record]
    if len(found) < _FEWEST_TERMS:
        return None
    count = len(found) if rng.random() < ALL_FEATURES else rng.randint(_FEWEST_TERMS, len(found))
    chosen = rng.sample(found, count)
    total: ast.expr | None = None
    for unit in dict.fromkeys(feature.unit for feature in found):
        terms = [feature for feature in found if feature in chosen and feature.unit == unit]
        if not terms:
            continue
        scales = [feature for feature in words.features if feature.unit == unit]
        scales = [feature for feature in scales if feature.record != record] or scales
        part = _weighted_sum(words, terms)
        if unit != NO_UNIT:
            part = ast.BinOp(part, ast.Div(), as_divisor(rng.choice(scales).node))
        total = part if total is None else ast.BinOp(total, ast.Add(), part)
    return total


def _record_in_use(request: Request, words: Vocabulary) -> str:
    """A record that features are read from, drawn by how many programs of the request read it.

    Often only one of the records tells alternatives apart; published rules know which.
    """
    records = list(dict.fromkeys(feature.record for feature in words.features))
    sources = [program.source for program in (*request.parents, *request.inspirations)]
    weights = [sum(reads(source, record) > 0 for source in sources) + 0.1 for record in records]
    return words.rng.choices(records, weights)[0]


def _weighted_sum(words: Vocabulary, terms: Sequence[Terminal]) -> ast.expr:
    total: ast.expr | None = None
    for term in terms:
        weight = float(f"{words.rng.gauss(0.0, FIRST_WEIGHT):.2g}") or FIRST_WEIGHT
        if total is None:
            total = ast.BinOp(number(weight), ast.Mult(), term.node)
        else:
            weighed = ast.BinOp(number(abs(weight)), ast.Mult(), term.node)
            total = ast.BinOp(total, ast.Add() if weight > 0 else ast.Sub(), weighed)
    assert total is not None
    return total


# A published design in the place of the program.


def _grafted(request: Request, syntax: Syntax, design: ParentProgram) -> Change | None:
    """A baseline with one expression changed, in the place of all that may be changed of the parent.

    That needs one region, at the top level, with the entry point in it. None where this is not so.
    """
    if len(syntax.regions) != 1 or is_bundle(design.source) or is_bundle(request.parents[0].source):
        return None
    region = syntax.regions[0]
    tops = [node for node in syntax.tree.body if region.holds(node.lineno, node.end_lineno or node.lineno)]
    if not any(isinstance(node, Function) and node.name == syntax.entry_function for node in tops):
        return None
    lines = split_lines(request.parents[0].source)
    kept = [line for line in split_lines(design.source) if "EVOLVE-BLOCK-" not in line]
    grafted = "\n".join([*lines[: region.start - 1], *kept, *lines[region.end - 1 :]])
    grafted = grafted.rstrip("\n") + "\n"
    try:
        stock = syntax_of(grafted, request.brief)
        parent = msgspec.structs.replace(request.parents[0], source=grafted)
        changed = changed_expression(msgspec.structs.replace(request, parents=(parent,)), stock)
    except ProgramError:
        return None
    if changed is None:
        return None
    growth = stock.block_size(changed.region) - syntax.block_size(region) + changed.growth
    return Change(changed.source, region, growth, changed.expression_size, changed.expression_growth)


# Another program's rule as one expression.


def _other_rule(request: Request, syntax: Syntax, place: Place) -> ast.expr | None:
    """What the rule of the same name returns in a program that may lend parts, in this one's names."""
    lenders = donors(request)
    function = place.scope.node
    if not lenders or not isinstance(function, Function):
        return None
    lender = request.random.choice(lenders)
    value = _lent_value(lender.source, request.brief, function.name, _parameters(function))
    if value is None:
        return None
    outer = frozenset(place.scope.names_before(place.statement)).difference(place.scope.values)
    allowed = outer.union(_parameters(function), BUILTINS)
    return value if all(used in allowed for used in names_read(value)) else None


@lru_cache(maxsize=256)
def _lent_value(source: str, brief: Brief, name: str, parameters: tuple[str, ...]) -> ast.expr | None:
    """What the function of that name and with these parameters returns in a program, if that can be lent."""
    try:
        scopes = syntax_of(source, brief).scopes
    except ProgramError:
        return None
    functions = (scope.node for scope in scopes if isinstance(scope.node, Function))
    function = next((one for one in functions if one.name == name), None)
    if function is None or _parameters(function) != parameters:
        return None
    value = value_of(function)
    return None if value is None or node_count(value) > LARGEST_VALUE else value


def _parameters(function: Function) -> tuple[str, ...]:
    arguments = function.args
    return tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))


def value_of(function: Function) -> ast.expr | None:
    """What a function returns as one expression of its parameters and of outer names.

    None where there is more to it than assignments to names, conditions and returns.
    """
    return _value(function.body, {})


def _value(body: Sequence[ast.stmt], known: dict[str, ast.expr]) -> ast.expr | None:
    for position, statement in enumerate(body):
        if isinstance(statement, ast.Return):
            return None if statement.value is None else _inlined(statement.value, known)
        if isinstance(statement, ast.If):
            rest = body[position + 1 :]
            test = _inlined(statement.test, known)
            yes = _value([*statement.body, *rest], dict(known))
            no = _value([*statement.orelse, *rest], dict(known))
            if test is None or yes is None or no is None:
                return None
            return yes if canonical(yes) == canonical(no) else ast.IfExp(test, yes, no)
        if not _follow(statement, known):
            return None
    return None


def _follow(statement: ast.stmt, known: dict[str, ast.expr]) -> bool:
    """Note what an assignment to a name makes of it; whether the statement was one, or a text."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):
        target, value = statement.targets[0], statement.value
        if len(statement.targets) > 1:
            return False
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        target = statement.target
        value = ast.BinOp(ast.Name(target.id, ast.Load()), statement.op, statement.value)
    else:
        return False
    inlined = _inlined(value, known)
    if not isinstance(target, ast.Name) or inlined is None:
        return False
    known[target.id] = inlined
    return True


class _Inlining(ast.NodeTransformer):
    """Puts what is known of names in their place."""

    def __init__(self, known: dict[str, ast.expr]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What the name stands for."""
        return self.known.get(node.id, node)


def _inlined(node: ast.expr, known: dict[str, ast.expr]) -> ast.expr | None:
    """An expression free of the known names; None where it binds names itself, or gets too large."""
    if any(isinstance(part, ast.comprehension | ast.Lambda | ast.NamedExpr) for part in ast.walk(node)):
        return None
    made = _Inlining(known).visit(copy.deepcopy(node))
    assert isinstance(made, ast.expr)
    return made if node_count(made) <= LARGEST_VALUE else None
