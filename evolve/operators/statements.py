"""Changes the statements of a program: repeats, deletes, exchanges, guards, inserts and borrows them.

Deleting, repeating and borrowing statements are the mutations of GenProg (Le Goues et al., IEEE TSE 38(1),
2012, section 3.3), there for repair. Here a repeated statement is varied, and no change may make the program
read a name that is not bound.
"""

import ast
from collections.abc import Callable, Iterable
from itertools import pairwise

from evolve.operators.base import Draft, Request, Role
from evolve.operators.children import Change, first_child
from evolve.operators.expressions import new_expression
from evolve.operators.growth import Vocabulary, operated, vocabulary
from evolve.operators.scope import BUILTINS, Kind, Scope, program_scopes, unbound_names
from evolve.operators.sites import RULE_WEIGHT, Place, Site, Syntax, targets_of
from evolve.operators.syntax import Edit, call, descendants, name, names_read, node_count
from evolve.operators.transplant import donor_syntax, donors, freed
from evolve.program import ProgramError, Region

CROWDED = 400
"""Nodes in a rule, some 40 lines, from which on deleting is more likely than adding."""
_REPEATABLE = (ast.AugAssign, ast.Assign, ast.Return)
_DELETABLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.For)
_MOVABLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.For)
_LOCAL_NAMES = ("term", "weight", "bonus", "penalty", "factor")


class StatementOperator:
    """Changes one statement, or inserts one."""

    name = "statements"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child with other statements.

        Raises:
            NoProposal: No change led to a new program within the limits.
        """
        return first_child(request, lambda syntax: changed_statements(request, syntax))


operator = StatementOperator()


def changed_statements(request: Request, syntax: Syntax) -> Change | None:
    """A change of statements, or None where what was drawn does not fit."""
    surgery = _Surgery(request, syntax)
    rules = [scope.node for scope in syntax.scopes if syntax.decides(scope)]
    crowding = min(1.0, max(map(node_count, rules), default=0) / CROWDED)
    adding = 1.0 - 0.7 * crowding
    options: list[tuple[Callable[[], Change | None], float]] = [
        (surgery.insert_local, 2.0 * adding),
        (surgery.repeat_varied, 1.5 * adding),
        (surgery.delete, 1.0 + 3.0 * crowding if rules else 0.5),
        (surgery.exchange, 0.6),
        (surgery.guard, 0.8 * adding),
        (surgery.borrow, 1.5 * adding if donors(request) else 0.0),
    ]
    draw = request.random.choices(options, [weight for _, weight in options])[0][0]
    change = draw()
    if change is None or draw in (surgery.insert_local, surgery.repeat_varied):
        return change
    return change if _binds_all_names(change, syntax) else None


def _binds_all_names(change: Change, syntax: Syntax) -> bool:
    """Whether a child reads no name unbound that its parent did not."""
    try:
        scopes = program_scopes(change.source)
    except ProgramError:
        return False
    unbound = unbound_names(scopes)
    return not unbound or unbound <= syntax.unbound


class _Surgery:
    """Draws a change to the statements of one program."""

    def __init__(self, request: Request, syntax: Syntax) -> None:
        self.request = request
        self.rng = request.random
        self.syntax = syntax
        self.text = syntax.text

    def insert_local(self) -> Change | None:
        """A new name for something grown, used in a statement after it."""
        chosen = self._numeric_site()
        if chosen is None:
            return None
        place, site = chosen
        words = self._words(place.scope, place.statement)
        if words.is_empty:
            return None
        identifier = self._new_name()
        definition = ast.Assign([ast.Name(identifier, ast.Store())], words.grown(2).node)
        return self._defined_and_used(place, site, definition, identifier)

    def repeat_varied(self) -> Change | None:
        """A statement once more, with one expression changed; under a condition if it would hide the first.

        An assignment is repeated after itself, a return before itself.
        """
        places = [place for place in self._places() if isinstance(place.statement, _REPEATABLE)]
        if not places:
            return None
        place = self._chosen(places)
        sites = self.syntax.sites(place)
        new = None
        if sites:
            site = self.rng.choices(sites, [item.weight for item in sites])[0]
            new = new_expression(self.request, self.syntax, site)
        lines = self.text.whole_lines(place.statement)
        if new is None or lines is None:
            return None
        edit = self.text.expression_edit(site.node, site.parent, site.field, new)
        growth = node_count(place.statement) + node_count(new) - node_count(site.node)
        varied = self._edited_statement(place.statement, edit)
        if varied is None:
            return None
        if not isinstance(place.statement, ast.AugAssign):
            condition = self._words(place.scope, place.statement).condition()
            if condition is None:
                return None
            varied = ast.If(condition, [varied], [])
            growth += node_count(condition) + 1
        position = lines[0] if isinstance(place.statement, ast.Return) else lines[1]
        indentation = self.text.indentation(place.statement)
        insertion = self.text.insertion(position, [varied], indentation)
        size = node_count(place.root)
        return Change(self.text.edited(insertion), place.region, growth, size, growth)

    def delete(self) -> Change | None:
        """A block without one of its statements."""
        found = [
            (statement, region, scope)
            for block, scope in self._blocks()
            if len(block) > 1
            for statement in block
            if isinstance(statement, _DELETABLE)
            and not _is_text(statement)
            and _was_bound(targets_of(statement), statement, scope)
            for region in (self.syntax.region_of(statement),)
            if region is not None
        ]
        if not found:
            return None
        weights = [self._deletion_weight(statement, scope) for statement, _, scope in found]
        statement, region, _ = self.rng.choices(found, weights)[0]
        lines = self.text.whole_lines(statement)
        if lines is None:
            return None
        return Change(self.text.edited((*lines, "")), region, -node_count(statement))

    def exchange(self) -> Change | None:
        """Two neighbours in the other order, where one depends on the other."""
        found: list[tuple[ast.stmt, ast.stmt, Region]] = []
        for block, scope in self._blocks():
            for first, second in pairwise(block):
                region = self.syntax.region_of(first)
                if (
                    region is not None
                    and region is self.syntax.region_of(second)
                    and isinstance(first, _MOVABLE)
                    and isinstance(second, _MOVABLE)
                    and not (_is_text(first) or _is_text(second))
                    and _may_be_exchanged(first, second, scope)
                ):
                    found.append((first, second, region))
        if not found:
            return None
        first, second, region = self.rng.choice(found)
        upper, lower = self.text.whole_lines(first), self.text.whole_lines(second)
        if upper is None or lower is None:
            return None
        data = self.text.data
        if not data[: lower[1]].endswith((b"\n", b"\r")):
            return None
        edits = (*upper, data[slice(*lower)].decode()), (*lower, data[slice(*upper)].decode())
        return Change(self.text.edited(*edits), region, 0)

    def guard(self) -> Change | None:
        """A statement that runs only under a condition."""
        places = [
            place
            for place in self._places()
            if isinstance(place.statement, ast.AugAssign | ast.Assign | ast.Expr)
            and not _is_text(place.statement)
            and _was_bound(targets_of(place.statement), place.statement, place.scope)
        ]
        if not places:
            return None
        place = self._chosen(places)
        lines = self.text.whole_lines(place.statement)
        condition = self._words(place.scope, place.statement).condition()
        if lines is None or condition is None:
            return None
        guarded = ast.If(condition, [place.statement], [])
        indentation = self.text.indentation(place.statement)
        _, _, text = self.text.insertion(lines[0], [guarded], indentation)
        growth = node_count(condition) + 1
        return Change(self.text.edited((*lines, text)), place.region, growth, 0, node_count(condition))

    def borrow(self) -> Change | None:
        """A statement of another program; what it assigns is used if nothing here has that name."""
        donor = donor_syntax(self.request)
        chosen = self._numeric_site()
        if donor is None or chosen is None:
            return None
        place, site = chosen
        lent = [
            (statement, scope)
            for scope in donor.scopes
            if not isinstance(scope.node, ast.Module)
            for statement in scope.before
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.If)
        ]
        if not lent:
            return None
        statement, scope = self.rng.choice(lent)
        names = frozenset(place.scope.names_before(place.statement))
        targets = targets_of(statement)
        if isinstance(statement, ast.Assign) and len(targets) == 1 and targets[0] not in names:
            value = freed(statement.value, scope, names)
            if value is None:
                return None
            definition = ast.Assign([ast.Name(targets[0], ast.Store())], value)
            return self._defined_and_used(place, site, definition, targets[0])
        lines = self.text.whole_lines(place.statement)
        if lines is None or any(used not in names and used not in BUILTINS for used in names_read(statement)):
            return None
        insertion = self.text.insertion(lines[0], [statement], self.text.indentation(place.statement))
        growth = node_count(statement)
        return Change(self.text.edited(insertion), place.region, growth)

    def _defined_and_used(
        self, place: Place, site: Site, definition: ast.Assign, identifier: str
    ) -> Change | None:
        """The change that inserts a definition before a statement and uses the name at one of its sites."""
        lines = self.text.whole_lines(place.statement)
        if lines is None:
            return None
        used = _combined(self.rng.choice(("+", "-", "*", "max", "min")), site.node, name(identifier))
        insertion = self.text.insertion(lines[0], [definition], self.text.indentation(place.statement))
        use = self.text.expression_edit(site.node, site.parent, site.field, used)
        use_growth = node_count(used) - node_count(site.node)
        growth = node_count(definition) + use_growth
        size = max(node_count(site.root) + use_growth, node_count(definition.value))
        return Change(self.text.edited(insertion, use), place.region, growth, size - use_growth, use_growth)

    def _deletion_weight(self, statement: ast.stmt, scope: Scope) -> float:
        """How likely a statement is deleted: hardly what builds a result, sooner in a rule than elsewhere."""
        builds = isinstance(statement, ast.For) or (
            isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript)
        )
        return (0.1 if builds else 1.0) * (RULE_WEIGHT if self.syntax.decides(scope) else 1.0)

    def _chosen(self, places: list[Place]) -> Place:
        return self.rng.choices(places, [place.weight for place in places])[0]

    def _numeric_site(self) -> tuple[Place, Site] | None:
        places = [
            place
            for place in self._places()
            if isinstance(place.statement, ast.Return | ast.Assign | ast.AugAssign)
        ]
        if not places:
            return None
        place = self._chosen(places)
        found = [
            site
            for site in self.syntax.sites(place)
            if site.kind is Kind.REAL and not site.divides and place.statement.lineno == site.statement.lineno
        ]
        return (place, self.rng.choice(found)) if found else None

    def _places(self) -> list[Place]:
        """The places inside functions whose whole statement may be changed."""
        return [
            place
            for place in self.syntax.places
            if not isinstance(place.scope.node, ast.Module)
            and self.syntax.region_of(place.statement) is not None
        ]

    def _blocks(self) -> list[tuple[list[ast.stmt], Scope]]:
        return [
            (block, scope)
            for scope in self.syntax.scopes
            if not isinstance(scope.node, ast.Module)
            for block in scope.blocks
        ]

    def _words(self, scope: Scope, statement: ast.stmt) -> Vocabulary:
        return vocabulary(self.rng, self.syntax, self.request.brief, scope, statement)

    def _new_name(self) -> str:
        known = {identifier for scope in self.syntax.scopes for identifier in scope.values}
        base = self.rng.choice(_LOCAL_NAMES)
        number = 1
        while (identifier := base if number == 1 else f"{base}_{number}") in known:
            number += 1
        return identifier

    def _edited_statement(self, statement: ast.stmt, edit: Edit) -> ast.stmt | None:
        """A statement with an edit inside it, as a tree of its own."""
        start, end = self.text.span(statement)
        data = self.text.data
        text = data[start : edit[0]].decode() + edit[2] + data[edit[1] : end].decode()
        try:
            function = ast.parse(f"def _():\n {text}").body[0]
        except SyntaxError:
            return None
        return function.body[0] if isinstance(function, ast.FunctionDef) else None


def _combined(operation: str, left: ast.expr, right: ast.expr) -> ast.expr:
    if operation in ("max", "min"):
        return call(operation, left, right)
    operations: dict[str, ast.operator] = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult()}
    return operated(operations[operation], left, right)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _was_bound(names: Iterable[str], statement: ast.stmt, scope: Scope) -> bool:
    """Whether names were bound before a statement that may bind them again."""
    bound = scope.before[statement]
    return all(identifier in bound for identifier in names)


def _may_be_exchanged(first: ast.stmt, second: ast.stmt, scope: Scope) -> bool:
    """Whether the order of two statements matters, as far as names tell, and both orders bind all names."""
    (first_written, first_read), (second_written, second_read) = _touched(first), _touched(second)
    if not (first_written & (second_read | second_written) or second_written & first_read):
        return False
    return _was_bound(sorted(first_written & second_read), first, scope)


def _touched(statement: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a statement writes to, and those that it reads."""
    written: set[str] = set()
    read: set[str] = set()
    for node in descendants(statement):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else written).add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            read.add(node.target.id)
    return frozenset(written), frozenset(read)
