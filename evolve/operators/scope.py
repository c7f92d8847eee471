"""Which names a statement can rely on, and what is known of the values behind them."""

import ast
import bisect
import builtins
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from evolve.operators.syntax import literal, names_read
from evolve.program import files, is_bundle, split_lines, syntax_tree

Function = ast.FunctionDef | ast.AsyncFunctionDef
BUILTINS = frozenset(dir(builtins))


class Kind(Enum):
    """What is known of an expression's value without running it."""

    REAL = "real"
    """A number."""
    INTEGER = "integer"
    """A whole number, which may be an index or a count."""
    BOOLEAN = "boolean"
    UNKNOWN = "unknown"
    """Perhaps a number, perhaps an array."""
    OPAQUE = "opaque"
    """Nothing to calculate with: a list, a string, a record, a function."""


NUMERIC = (Kind.REAL, Kind.INTEGER)


@dataclass(eq=False, slots=True)
class Scope:
    """A function, or the module: what its names hold and which are bound before each of its statements."""

    node: Function | ast.Module
    outer: "Scope | None" = None
    outer_names: tuple[str, ...] = ()
    values: dict[str, list["ast.expr | Kind"]] = field(default_factory=dict)
    """By local name: the expressions that are assigned to it, or what is known where there is none."""
    before: dict[ast.stmt, tuple[str, ...]] = field(default_factory=dict)
    """By statement: the local names that are certainly bound before it, in order of binding."""
    blocks: list[list[ast.stmt]] = field(default_factory=list)
    repeated: set[ast.stmt] = field(default_factory=set)
    """The statements in the bodies of loops."""
    reads: list[tuple[list[ast.expr], tuple[str, ...]]] = field(default_factory=list)
    """The expressions that are evaluated, with the local names that are certainly bound before."""

    def names_before(self, statement: ast.stmt) -> tuple[str, ...]:
        """All names that `statement` can rely on: those of the enclosing scopes, then the local ones."""
        outer = (identifier for identifier in self.outer_names if identifier not in self.values)
        return (*outer, *self.before.get(statement, ()))


def scopes_of(tree: ast.Module) -> list[Scope]:
    """The scopes of a module: its own first, each before those inside it."""
    module = Scope(tree)
    found = [module]
    _Flow(module).run((), tree.body)
    for scope in found:
        for statement, names in list(scope.before.items()):
            for function in _functions_in(statement):
                inner = Scope(function, scope, _outer_names(scope, names))
                _Flow(inner).run(_parameters(function, inner), function.body)
                found.append(inner)
    return found


def program_scopes(source: str) -> list[Scope]:
    """The scopes of a program, those of each of its files in turn: a file sees of others what it imports.

    Their nodes are those of `syntax_tree`.

    Raises:
        ProgramError: The source is not a program.
    """
    tree = syntax_tree(source)
    if not is_bundle(source):
        return scopes_of(tree)
    # A file has its header before it and, unless it is the last, nothing behind its last line end.
    ends = [*itertools.accumulate(len(split_lines(part.source)) for part in files(source))]
    bodies: list[list[ast.stmt]] = [[] for _ in ends]
    for statement in tree.body:
        bodies[min(bisect.bisect_left(ends, statement.lineno), len(ends) - 1)].append(statement)
    return [scope for body in bodies for scope in scopes_of(ast.Module(body, []))]


def unbound_names(scopes: Iterable[Scope]) -> frozenset[str]:
    """The names that a program may read without having bound them."""
    unbound: list[str] = []
    for scope in scopes:
        known = BUILTINS.union(scope.outer_names)
        if not isinstance(scope.node, ast.Module):
            known = known.difference(scope.values)
        for expressions, bound in scope.reads:
            for expression in expressions:
                unbound += (
                    name for name in names_read(expression) if name not in bound and name not in known
                )
    return frozenset(unbound)


def _functions_in(statement: ast.stmt) -> list[Function]:
    if isinstance(statement, Function):
        return [statement]
    if isinstance(statement, ast.ClassDef):
        return [member for member in statement.body if isinstance(member, Function)]
    return []


def bound_by(target: ast.expr) -> list[str]:
    """The names that assigning to a target binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple | ast.List):
        return [identifier for item in target.elts for identifier in bound_by(item)]
    if isinstance(target, ast.Starred):
        return bound_by(target.value)
    return []


def loop_kinds(target: ast.expr, iterable: ast.expr) -> list[tuple[str, Kind]]:
    """The names that a loop binds, with what is known of them."""
    called = iterable.func if isinstance(iterable, ast.Call) else None
    function = called.id if isinstance(called, ast.Name) else ""
    if function == "range" and isinstance(target, ast.Name):
        return [(target.id, Kind.INTEGER)]
    if function == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        index, item = target.elts
        return [
            *((identifier, Kind.INTEGER) for identifier in bound_by(index)),
            *((identifier, Kind.UNKNOWN) for identifier in bound_by(item)),
        ]
    return [(identifier, Kind.UNKNOWN) for identifier in bound_by(target)]


def _outer_names(scope: Scope, names: tuple[str, ...]) -> tuple[str, ...]:
    """What a function sees of the scopes around it; of the module, everything that it ever binds."""
    local = tuple(scope.values) if isinstance(scope.node, ast.Module) else names
    return (*(identifier for identifier in scope.outer_names if identifier not in scope.values), *local)


def _parameters(function: Function, scope: Scope) -> tuple[str, ...]:
    arguments = function.args
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in found:
        scope.values[argument.arg] = [_annotated(argument.annotation)]
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    defaults = [*zip(with_default, arguments.defaults, strict=True)]
    for argument, default in defaults:
        if argument.annotation is None and literal(default) is not None:
            scope.values[argument.arg] = [default]
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            found.append(extra)
            scope.values[extra.arg] = [Kind.OPAQUE]
    return tuple(argument.arg for argument in found)


def _annotated(annotation: ast.expr | None) -> Kind:
    if isinstance(annotation, ast.Name):
        known = {"float": Kind.REAL, "int": Kind.INTEGER, "bool": Kind.BOOLEAN}
        return known.get(annotation.id, Kind.UNKNOWN)
    return Kind.UNKNOWN


class _Flow:
    """Follows the statements of one scope in the order in which they run.

    A name is certainly bound after a branch if every way through it binds the name; a loop's body may
    not run at all. What leaves a block (return, raise, continue, break) does not reach its end.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.in_loop = False

    def run(self, parameters: Sequence[str], body: list[ast.stmt]) -> None:
        self.block(body, dict.fromkeys(parameters))

    def block(self, body: list[ast.stmt], names: dict[str, None]) -> dict[str, None] | None:
        """Follow a block; the names bound at its end, or None if the end is never reached."""
        self.scope.blocks.append(body)
        reached: dict[str, None] | None = names
        for statement in body:
            current = dict(names) if reached is None else reached
            self.scope.before[statement] = tuple(current)
            if self.in_loop:
                self.scope.repeated.add(statement)
            after = self.statement(statement, current)
            reached = None if reached is None else after
        return reached

    def bind(self, names: dict[str, None], identifier: str, value: "ast.expr | Kind") -> None:
        names[identifier] = None
        self.scope.values.setdefault(identifier, []).append(value)

    def read(self, names: dict[str, None], *expressions: ast.expr | None) -> None:
        """Note the expressions that are evaluated where `names` are bound."""
        present = [expression for expression in expressions if expression is not None]
        self.scope.reads.append((present, tuple(names)))

    def statement(self, node: ast.stmt, names: dict[str, None]) -> dict[str, None] | None:
        """Follow one statement; the names bound after it, or None if what follows is never reached."""
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self.assignment(node, names)
        elif isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break):
            self.read(names, *(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))
            return None
        elif isinstance(node, ast.If):
            self.read(names, node.test)
            return _joined(self.block(node.body, dict(names)), self.block(node.orelse, dict(names)))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self.loop(node, names)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self.read(names, item.context_expr)
                for identifier in bound_by(item.optional_vars) if item.optional_vars else ():
                    self.bind(names, identifier, Kind.UNKNOWN)
            return self.block(node.body, names)
        elif isinstance(node, ast.Try | ast.TryStar):
            return self.attempt(node, names)
        elif isinstance(node, ast.Match):
            self.read(names, node.subject)
            for case in node.cases:
                inside = dict(names)
                for part in ast.walk(case.pattern):
                    captured = getattr(part, "name", None) or getattr(part, "rest", None)
                    if isinstance(captured, str):
                        self.bind(inside, captured, Kind.UNKNOWN)
                self.block(case.body, inside)
        elif isinstance(node, Function | ast.ClassDef):
            self.bind(names, node.name, Kind.OPAQUE)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                self.bind(names, alias.asname or alias.name.partition(".")[0], Kind.OPAQUE)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                for identifier in bound_by(target):
                    names.pop(identifier, None)
        else:
            self.read(names, *(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))
        return names

    def assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, names: dict[str, None]) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        self.read(names, node.value, *(target for target in targets if not isinstance(target, ast.Name)))
        for target in targets:
            if isinstance(node, ast.AugAssign) and isinstance(target, ast.Name):
                read = ast.Name(target.id, ast.Load())
                self.read(names, read)
                self.bind(names, target.id, ast.BinOp(read, node.op, node.value))
            elif isinstance(target, ast.Name) and node.value is not None:
                self.bind(names, target.id, node.value)
            elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
                self.unpacking(target, node.value, names)

    def unpacking(self, target: ast.expr, value: ast.expr | None, names: dict[str, None]) -> None:
        if (
            isinstance(target, ast.Tuple)
            and isinstance(value, ast.Tuple)
            and len(target.elts) == len(value.elts)
        ):
            for part, part_value in zip(target.elts, value.elts, strict=True):
                for identifier in bound_by(part):
                    self.bind(names, identifier, part_value if isinstance(part, ast.Name) else Kind.UNKNOWN)
            return
        is_shape = isinstance(value, ast.Attribute) and value.attr == "shape"
        for identifier in bound_by(target):
            self.bind(names, identifier, Kind.INTEGER if is_shape else Kind.UNKNOWN)

    def loop(self, node: ast.For | ast.AsyncFor | ast.While, names: dict[str, None]) -> None:
        inside = dict(names)
        if isinstance(node, ast.While):
            self.read(names, node.test)
        else:
            self.read(names, node.iter)
            for identifier, kind in loop_kinds(node.target, node.iter):
                self.bind(inside, identifier, kind)
        outside, self.in_loop = self.in_loop, True
        self.block(node.body, inside)
        self.in_loop = outside
        self.block(node.orelse, dict(names))

    def attempt(self, node: ast.Try | ast.TryStar, names: dict[str, None]) -> dict[str, None] | None:
        end = self.block(node.body, dict(names))
        if node.orelse:
            end = self.block(node.orelse, dict(names) if end is None else end)
        for handler in node.handlers:
            inside = dict(names)
            if handler.name:
                self.bind(inside, handler.name, Kind.OPAQUE)
            end = _joined(end, self.block(handler.body, inside))
        if node.finalbody:
            end = self.block(node.finalbody, dict(names) if end is None else end)
        return end


def _joined(one: dict[str, None] | None, other: dict[str, None] | None) -> dict[str, None] | None:
    if one is None or other is None:
        return other if one is None else one
    return {identifier: None for identifier in one if identifier in other}
