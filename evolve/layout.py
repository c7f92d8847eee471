"""Breaks the long lines of generated code the way a person would.

Operators write an expression on one line, however long it is. Here a statement that does not fit gets
brackets around its expression, and the expression is broken at the operators that bind least, a line for each
operand with the operator in front, and arguments a line each. Everything else stays as it is, byte for byte.
"""

import ast
from collections.abc import Sequence

from evolve.operators.syntax import Edit, SourceText, binding, required_binding
from evolve.program import regions, syntax_tree

WIDTH = 100
"""How long a line may be, in characters."""
_STEP = 4
_FIELDS: dict[type[ast.stmt], str] = {
    ast.Return: "value",
    ast.Assign: "value",
    ast.AnnAssign: "value",
    ast.AugAssign: "value",
    ast.Expr: "value",
    ast.If: "test",
    ast.While: "test",
}
_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.MatMult: "@",
    ast.And: "and",
    ast.Or: "or",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


def laid_out(source: str) -> str:
    """The program with its long lines broken, in its regions; the same program otherwise.

    Raises:
        ProgramError: The source is not a program.
    """
    tree = syntax_tree(source)
    text = SourceText(source)
    inside = regions(source)
    edits: list[Edit] = []
    for node in ast.walk(tree):
        field = _FIELDS.get(type(node)) if isinstance(node, ast.stmt) else None
        if field is None or not isinstance(node, ast.stmt):
            continue
        root = getattr(node, field)
        first, last = node.lineno, root.end_lineno if isinstance(root, ast.expr) else None
        if last is None or not any(region.holds(first, last) for region in inside):
            continue
        edit = _broken(node, root, field, text)
        if edit is not None:
            edits.append(edit)
    return text.edited(*edits)


def _broken(node: ast.stmt, root: ast.expr, field: str, text: SourceText) -> Edit | None:
    """The edit that breaks the line on which an expression stands, or None if it fits or has a comment."""
    if root.end_lineno != node.lineno:
        return None
    start, end = text.line_start(node.lineno), text.line_start(node.lineno + 1)
    line = text.data[start:end].decode()
    if len(line.rstrip("\r\n")) <= WIDTH or isinstance(root, ast.Constant | ast.JoinedStr) or "#" in line:
        return None
    indentation = len(line) - len(line.lstrip(" "))
    if line[:indentation].strip(" ") or "\t" in line[:indentation]:
        return None
    first, last, _ = text.expression_edit(root, node, field, root)
    if text.data[last:end].strip() not in (b"", b":"):
        return None
    opening = len(text.data[start:first].decode())
    if _has_brackets(root):
        lines = _lines(root, indentation, opening)
    else:
        inner = _lines(root, indentation + _STEP, indentation + _STEP)
        lines = ["(", " " * (indentation + _STEP) + inner[0], *inner[1:], " " * indentation + ")"]
    return first, last, text.newline.join(lines)


def _has_brackets(node: ast.expr) -> bool:
    """Whether an expression has brackets of its own to be broken in."""
    return isinstance(node, ast.Call) and bool(node.args or node.keywords)


def _lines(node: ast.expr, indentation: int, column: int) -> list[str]:
    """An expression as lines. The first is to stand at `column`, and the others bring their indentation."""
    whole = ast.unparse(node)
    if column + len(whole) <= WIDTH:
        return [whole]
    if isinstance(node, ast.BinOp) and type(node.op) in _SYMBOLS:
        return _joined(_chain(node), indentation, column)
    if isinstance(node, ast.BoolOp):
        symbol = _SYMBOLS[type(node.op)]
        parts = [(symbol if position else "", value) for position, value in enumerate(node.values)]
        return _joined([(sign, value, node, "values") for sign, value in parts], indentation, column)
    if isinstance(node, ast.Compare):
        operands = [
            ("", node.left),
            *zip((_SYMBOLS[type(op)] for op in node.ops), node.comparators, strict=True),
        ]
        return _joined([(sign, value, node, "left") for sign, value in operands], indentation, column)
    if isinstance(node, ast.IfExp):
        parts_of = [("", node.body, "body"), ("if", node.test, "test"), ("else", node.orelse, "orelse")]
        return _joined([(sign, value, node, field) for sign, value, field in parts_of], indentation, column)
    if isinstance(node, ast.Call) and _has_brackets(node):
        return _call(node, indentation)
    return [whole]


def _call(node: ast.Call, indentation: int) -> list[str]:
    inner = indentation + _STEP
    lines = [f"{ast.unparse(node.func)}("]
    for argument in node.args:
        lines += _placed(_lines(argument, inner, inner), inner, ",")
    for keyword in node.keywords:
        name = "**" if keyword.arg is None else f"{keyword.arg}="
        lines += _placed(_prefixed(name, keyword.value, inner), inner, ",")
    return [*lines, " " * indentation + ")"]


def _prefixed(prefix: str, node: ast.expr, indentation: int) -> list[str]:
    first, *others = _lines(node, indentation, indentation + len(prefix))
    return [prefix + first, *others]


def _placed(lines: Sequence[str], indentation: int, end: str) -> list[str]:
    placed = [" " * indentation + lines[0], *lines[1:]]
    return [*placed[:-1], placed[-1] + end]


_Operand = tuple[str, ast.expr, ast.AST, str]
"""What stands in front, the operand, and its place, which says whether it needs brackets."""


def _chain(node: ast.BinOp) -> list[_Operand]:
    """The operands of operations that bind alike, from left to right."""
    level = binding(node)
    left: list[_Operand] = (
        _chain(node.left)
        if isinstance(node.left, ast.BinOp) and binding(node.left) == level and type(node.left.op) in _SYMBOLS
        else [("", node.left, node, "left")]
    )
    return [*left, (_SYMBOLS[type(node.op)], node.right, node, "right")]


def _joined(operands: Sequence[_Operand], indentation: int, column: int) -> list[str]:
    lines: list[str] = []
    for sign, node, parent, field in operands:
        prefix = f"{sign} " if sign else ""
        start = indentation + len(prefix) if lines else column
        if binding(node) < required_binding(parent, field):
            made = _bracketed(node, indentation, start)
        else:
            made = _lines(node, indentation, start)
        made = [prefix + made[0], *made[1:]]
        lines += [" " * indentation + made[0], *made[1:]] if lines else made
    return lines


def _bracketed(node: ast.expr, indentation: int, column: int) -> list[str]:
    whole = f"({ast.unparse(node)})"
    if column + len(whole) <= WIDTH:
        return [whole]
    inner = indentation + _STEP
    first, *others = _lines(node, inner, inner)
    return ["(", " " * inner + first, *others, " " * indentation + ")"]
