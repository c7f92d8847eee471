"""Smaller programs that may behave differently: each is the program with one part less.

A term of a sum, a factor, a bound, a branch or a statement goes, or a constant is written with fewer digits.
Whether what is left is as good, an evaluation has to tell.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from evolve.operators.base import Brief
from evolve.operators.cleaning import lines_of, replaced
from evolve.operators.constants import literals
from evolve.operators.scope import Function, program_scopes, unbound_names
from evolve.operators.sites import Syntax
from evolve.operators.syntax import Edit, is_safe_divisor, literal, node_count, number
from evolve.program import Program, ProgramError, check_entry_point, syntax_tree

_PARTS = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.BoolOp, ast.Call, ast.Compare)
_REMOVABLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.For, ast.While)


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """One part less; `saved` is the number of nodes that go."""

    make: Callable[[], Edit]
    saved: int

    @property
    def edit(self) -> Edit:
        """The edit that leaves the part out."""
        return self.make()


def reductions(syntax: Syntax) -> list[Reduction]:
    """All ways to leave out one part of a program, expressions before statements."""
    return [*_expressions(syntax), *_statements(syntax)]


def reduced(syntax: Syntax, reduction: Reduction, brief: Brief) -> str | None:
    """The program with one part less; None where it should not be tried.

    That is where it is no program, reads a name that nothing binds, or no longer keeps a divisor from being
    zero: of that, the instances at hand may have no need, and others may.
    """
    source = syntax.text.edited(reduction.edit)
    try:
        program = Program.parse(source)
        check_entry_point(program, brief.entry_point)
        tree = syntax_tree(program.source)
    except ProgramError:
        return None
    unbound = unbound_names(program_scopes(program.source))
    return source if unbound <= syntax.unbound and _unguarded(tree) <= _unguarded(syntax.tree) else None


def _expressions(syntax: Syntax) -> Iterator[Reduction]:
    waiting: list[tuple[ast.AST, ast.AST, str]] = [(syntax.tree, syntax.tree, "")]
    while waiting:
        node, parent, field = waiting.pop()
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, _PARTS) and syntax.region_of(node) is not None:
            size = node_count(node)
            for part in _parts(node):
                make = partial(syntax.text.expression_edit, node, parent, field, part)
                yield Reduction(make, size - node_count(part))
        for name in node._fields:
            if name in ("annotation", "returns", "decorator_list"):
                continue
            value = getattr(node, name, None)
            below = value if isinstance(value, list) else (value,)
            waiting += [(part, node, name) for part in below if isinstance(part, ast.AST)]


def _unguarded(tree: ast.AST) -> int:
    """How many divisors may be zero, for all that can be seen."""
    return sum(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
        and not is_safe_divisor(node.right)
        for node in ast.walk(tree)
    )


def _parts(node: ast.AST) -> list[ast.expr]:
    """What an operation can be reduced to: one of its operands, in short."""
    if isinstance(node, ast.BinOp):
        if any(isinstance(side, ast.List | ast.Tuple | ast.JoinedStr) for side in (node.left, node.right)):
            return []  # a sequence repeated or joined
        if isinstance(node.op, ast.Sub):
            return [node.left, ast.UnaryOp(ast.USub(), node.right)]
        if isinstance(node.op, ast.Add | ast.Mult):
            return [node.left, node.right]
        return [node.left]
    if isinstance(node, ast.UnaryOp):
        return [] if literal(node) is not None else [node.operand]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        shorter = [
            [*node.values[:position], *node.values[position + 1 :]] for position in range(len(node.values))
        ]
        return [values[0] if len(values) == 1 else ast.BoolOp(node.op, values) for values in shorter]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in ("abs", "round", "float") and len(node.args) == 1:
            return [node.args[0]]
        if node.func.id in ("min", "max") and len(node.args) > 1:
            return list(node.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        is_math = isinstance(node.func.value, ast.Name) and node.func.value.id == "math"
        return [node.args[0]] if is_math and len(node.args) == 1 else []
    return []


def _statements(syntax: Syntax) -> Iterator[Reduction]:
    for scope in syntax.scopes:
        if not isinstance(scope.node, Function):
            continue
        for block in scope.blocks:
            for statement in block:
                if not isinstance(statement, _REMOVABLE) or _is_text(statement):
                    continue
                if syntax.region_of(statement) is None:
                    continue
                lines = lines_of(statement, syntax)
                size = node_count(statement)
                if lines is not None and len(block) > 1:
                    yield Reduction(partial(_removal, *lines), size)
                if isinstance(statement, ast.If):
                    for branch in (statement.body, statement.orelse):
                        edit = replaced(statement, branch, syntax) if branch else None
                        if edit is not None:
                            yield Reduction(partial(_same, edit), size - sum(map(node_count, branch)))


def _removal(start: int, end: int) -> Edit:
    return start, end, ""


def _same(edit: Edit) -> Edit:
    return edit


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def roundings(syntax: Syntax, source: str, brief: Brief, digits: int) -> list[Reduction]:
    """The real constants that can be written with that many significant digits, and are not yet."""
    found = []
    for item in literals(source, brief):
        value = literal(item.node)
        if type(value) is not float:
            continue
        shorter = float(f"{value:.{digits}g}")
        if shorter != value and (shorter or not value):
            place = item.node, item.parent, item.field
            found.append(Reduction(partial(syntax.text.expression_edit, *place, number(shorter)), 0))
    return found
