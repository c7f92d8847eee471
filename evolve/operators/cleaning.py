"""Removes from a program what does nothing: operations without effect, dead code, names that nobody reads.

What the program computes stays the same (`evolve.operators.algebra` says what that means), so this needs no
evaluation to be allowed, only to be sure.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.algebra import simplified
from evolve.operators.base import Brief
from evolve.operators.kinds import calculates
from evolve.operators.scope import Function, Scope
from evolve.operators.sites import Syntax
from evolve.operators.syntax import Edit, descendants
from evolve.program import is_bundle

MAX_ROUNDS = 100
"""How many times a program is gone through at most; each round makes it shorter or simpler."""
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def cleaned(source: str, brief: Brief) -> str:
    """The program without what does nothing, in its regions.

    Raises:
        ProgramError: The source is not a program.
    """
    for _ in range(MAX_ROUNDS):
        syntax = Syntax(source, brief)
        edits = _first(_dead_statements(syntax), syntax) or _simplifications(syntax)
        if not edits:
            break
        source = syntax.text.edited(*edits)
    return source


def _first(found: Iterator[ast.stmt], syntax: Syntax) -> list[Edit]:
    """The removal of the first of some statements that stands on lines of its own."""
    for statement in found:
        lines = lines_of(statement, syntax)
        if lines is not None:
            start, end = lines
            rest = syntax.text.data[end:]
            gap = len(rest) - len(rest.lstrip(b"\r\n")) if start == 0 else 0
            return [(start, end + gap, "")]
    return []


def lines_of(statement: ast.stmt, syntax: Syntax) -> tuple[int, int] | None:
    """Where the lines of a statement begin and end; of a function, with its decorators and the gap after."""
    if not isinstance(statement, Function):
        return syntax.text.whole_lines(statement)
    line = min([statement.lineno, *(decorator.lineno for decorator in statement.decorator_list)])
    end = syntax.text.line_start((statement.end_lineno or statement.lineno) + 1)
    data = syntax.text.data
    while end < len(data) and data[end : end + 1] in (b"\n", b"\r"):
        end += 1
    return syntax.text.line_start(line), end


# Statements.


def _dead_statements(syntax: Syntax) -> Iterator[ast.stmt]:
    uses = _uses(syntax.tree)
    for scope in syntax.scopes:
        for block in scope.blocks:
            for statement in _unreachable(block):
                if syntax.region_of(statement) is not None:
                    yield statement
            if len(block) > 1:
                yield from (
                    statement
                    for statement in block
                    if syntax.region_of(statement) is not None
                    and (_does_nothing(statement) or _is_unread(statement, scope, uses, syntax))
                )


def _unreachable(block: list[ast.stmt]) -> list[ast.stmt]:
    """What stands behind a statement that always leaves its block, last things first."""
    for position, statement in enumerate(block):
        if _always_leaves(statement):
            return block[:position:-1]
    return []


def _always_leaves(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If) and statement.orelse:
        return any(map(_always_leaves, statement.body)) and any(map(_always_leaves, statement.orelse))
    return isinstance(statement, _LEAVES)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant) and is_pure(statement.value)
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return names == [statement.value.id]
    return False


@dataclass(frozen=True, slots=True)
class _Uses:
    """How names are used anywhere in a program."""

    read: Counter[str]
    """How often they are read, or spelt in a text."""
    updated: Counter[str]
    """How often they are the target of an augmented assignment, which needs what was assigned before."""


def _uses(tree: ast.AST) -> _Uses:
    found: Counter[str] = Counter()
    updates: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            found[node.id] += 1
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            updates[node.target.id] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found[node.value] += 1
    return _Uses(found, updates)


def _is_unread(statement: ast.stmt, scope: Scope, uses: _Uses, syntax: Syntax) -> bool:
    """Whether a statement binds only names that nobody reads, and does nothing else."""
    at_top = isinstance(scope.node, ast.Module)
    if at_top and is_bundle(syntax.text.data.decode()):
        return False  # another file may read it
    if isinstance(statement, Function):
        return statement.name != syntax.entry_function and uses.read[statement.name] == _own(statement)
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
        return getattr(statement, "module", "") != "__future__" and not any(uses.read[one] for one in names)
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return False
    needed = uses.read if isinstance(statement, ast.AugAssign) else uses.read + uses.updated
    plain = all(isinstance(target, ast.Name) and not needed[target.id] for target in targets)
    return plain and is_pure(value)


def _own(function: Function) -> int:
    """How often a function reads its own name."""
    return sum(isinstance(node, ast.Name) and node.id == function.name for node in ast.walk(function))


def is_pure(node: ast.expr) -> bool:
    """Whether evaluating an expression plainly does nothing but make a value."""
    return all(
        not isinstance(part, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
        and (not isinstance(part, ast.Call) or calculates(part))
        for part in descendants(node)
    )


# Expressions.


def _simplifications(syntax: Syntax) -> list[Edit]:
    """Simpler forms of expressions that do not overlap, the outermost first."""
    edits: list[Edit] = []
    for statement in syntax.tree.body:
        _collect(statement, statement, "", syntax, edits)
    return edits


def _collect(node: ast.AST, parent: ast.AST, field: str, syntax: Syntax, edits: list[Edit]) -> None:
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.expr):
        new = simplified(node) if isinstance(node, _REDUCIBLE) else None
        if new is not None and syntax.region_of(node) is not None:
            edits.append(syntax.text.expression_edit(node, parent, field, new))
            return
    if isinstance(node, ast.If):
        edit = _decided(node, syntax)
        if edit is not None:
            edits.append(edit)
            return
    for name in node._fields:
        value = getattr(node, name, None)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, ast.AST):
                _collect(part, node, name, syntax, edits)


_REDUCIBLE = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.BoolOp, ast.Compare, ast.Call)


def _decided(node: ast.If, syntax: Syntax) -> Edit | None:
    """The edit that puts the branch of a constant condition in the place of the statement."""
    if not isinstance(node.test, ast.Constant) or not isinstance(node.test.value, bool | int | float):
        return None
    branch = node.body if node.test.value else node.orelse
    return replaced(node, branch, syntax)


def replaced(node: ast.stmt, body: list[ast.stmt], syntax: Syntax) -> Edit | None:
    """The edit that puts other statements in the place of one; `pass` for none."""
    lines = syntax.text.whole_lines(node)
    if lines is None or syntax.region_of(node) is None:
        return None
    _, _, text = syntax.text.insertion(lines[0], body or [ast.Pass()], syntax.text.indentation(node))
    return (*lines, text.lstrip("\r\n") if lines[0] else text)
