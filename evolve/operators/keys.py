"""Finds what a program orders things by: keys of `sorted`, `min` and their kind, and what `argsort` sorts."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.scope import Function, Scope
from evolve.operators.sites import Syntax
from evolve.program import Region

_ORDERING = frozenset({"sorted", "min", "max", "sort", "nlargest", "nsmallest", "groupby"})
_ARGUMENT_SORTS = frozenset({"argsort", "lexsort", "argmax", "argmin", "argpartition"})


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """An expression by which things are ordered."""

    root: ast.expr
    parent: ast.AST
    field: str
    region: Region
    scope: Scope
    statement: ast.stmt
    items: tuple[str, ...]
    """The names that stand for the thing whose key it is; empty where none does, as in `argsort`."""

    @property
    def criteria(self) -> list[ast.expr]:
        """What decides, first things first."""
        return list(self.root.elts) if isinstance(self.root, ast.Tuple) else [self.root]


def keys_in(syntax: Syntax) -> Iterator[Key]:
    """The keys in the regions of a program, in the order of its scopes."""
    functions = {
        scope.node.name: scope for scope in reversed(syntax.scopes) if isinstance(scope.node, Function)
    }
    named: dict[str, Scope] = {}
    for scope, statement, call in calls_in(syntax):
        function = called(call)
        region = syntax.region_of(call)
        if function in _ARGUMENT_SORTS and call.args and region is not None:
            yield Key(call.args[0], call, "args", region, scope, statement, ())
        if function not in _ORDERING:
            continue
        for keyword in call.keywords:
            if keyword.arg != "key":
                continue
            value = keyword.value
            if isinstance(value, ast.Lambda) and region is not None:
                items = tuple(argument.arg for argument in value.args.args)
                yield Key(value.body, value, "body", region, scope, statement, items)
            elif isinstance(value, ast.Name) and value.id in functions:
                named[value.id] = functions[value.id]
    for scope in named.values():
        yield from _returned_keys(syntax, scope)


def _returned_keys(syntax: Syntax, scope: Scope) -> Iterator[Key]:
    """What a function returns that is named as a key."""
    function = scope.node
    assert isinstance(function, Function)
    items = tuple(argument.arg for argument in function.args.args)
    for statement in scope.before:
        region = syntax.region_of(statement)
        if isinstance(statement, ast.Return) and statement.value is not None and region is not None:
            yield Key(statement.value, statement, "value", region, scope, statement, items)


def calls_in(syntax: Syntax) -> Iterator[tuple[Scope, ast.stmt, ast.Call]]:
    """Every call, with its scope and statement."""
    for scope in syntax.scopes:
        for statement in scope.before:
            for node in _expressions_of(statement):
                if isinstance(node, ast.Call):
                    yield scope, statement, node


def _expressions_of(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, less those of the statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if node is not statement and isinstance(node, ast.stmt):
            continue
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def called(call: ast.Call) -> str:
    """The name of what is called; empty where it has none."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
