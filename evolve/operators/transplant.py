"""Takes parts of other programs over into the one that is being changed."""

import ast
import copy
from collections.abc import Mapping

from evolve.operators.base import ParentProgram, Request
from evolve.operators.scope import BUILTINS, NUMERIC, Kind, Scope
from evolve.operators.sites import Site, Syntax, syntax_of
from evolve.operators.syntax import names_read
from evolve.program import ProgramError

_MAX_INLINING = 3
"""How many layers of local names an expression is freed of."""


def donors(request: Request) -> tuple[ParentProgram, ...]:
    """The programs that may lend parts."""
    return (*request.parents[1:], *request.inspirations)


def donor_syntax(request: Request) -> Syntax | None:
    """One of the programs that may lend parts, taken apart; None if there is none that parses."""
    lenders = donors(request)
    if not lenders:
        return None
    try:
        return syntax_of(request.random.choice(lenders).source, request.brief)
    except ProgramError:
        return None


def borrowed(request: Request, site: Site) -> ast.expr | None:
    """An expression of another program that can stand at a site, or None where what was drawn cannot.

    Names that it takes from its own program's assignments are replaced by what was assigned to them.
    """
    syntax = donor_syntax(request)
    if syntax is None or not syntax.places:
        return None
    places = syntax.places
    place = request.random.choices(places, [place.weight for place in places])[0]
    kinds = NUMERIC if site.kind is Kind.REAL else (site.kind,)
    found = [other for other in syntax.sites(place) if other.kind in kinds]
    if not found:
        return None
    chosen = request.random.choice(found)
    return freed(chosen.node, chosen.scope, frozenset(site.names()))


def freed(node: ast.expr, scope: Scope, names: frozenset[str]) -> ast.expr | None:
    """An expression of `scope` with only the given names in it, or None if that cannot be had."""
    for _ in range(_MAX_INLINING):
        foreign = [used for used in names_read(node) if used not in names and used not in BUILTINS]
        if not foreign:
            return node
        definitions: dict[str, ast.expr] = {}
        for identifier in foreign:
            values = scope.values.get(identifier, ())
            if len(values) != 1 or not isinstance(values[0], ast.expr):
                return None
            definitions[identifier] = values[0]
        inlined = _Inlining(definitions).visit(copy.deepcopy(node))
        assert isinstance(inlined, ast.expr)
        node = inlined
    return None


class _Inlining(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, definitions: Mapping[str, ast.expr]) -> None:
        self.definitions = definitions

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The definition of the name, where there is one."""
        return self.definitions.get(node.id, node)
