"""Replaces parts of a source by new text and leaves every other byte as it was.

Positions in Python's syntax trees are lines and offsets in bytes of UTF-8, so sources are cut as bytes.
"""

import ast
import re
from collections.abc import Sequence

from evolve.program import ProgramError

Edit = tuple[int, int, str]
"""A text to be put in the place of the bytes from the first position to before the second."""

_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_SPACE = b" \t\f\r\n"

# How tightly expressions bind, in the order of the language reference, section 6.17 "Operator precedence".
FREE, CONDITIONAL, OR, AND, NOT, COMPARE, ARITHMETIC, TERM, UNARY, POWER, ATOM = range(11)
_BINARY: dict[type[ast.operator], int] = {
    ast.Add: ARITHMETIC,
    ast.Sub: ARITHMETIC,
    ast.Mult: TERM,
    ast.Div: TERM,
    ast.FloorDiv: TERM,
    ast.Mod: TERM,
    ast.MatMult: TERM,
    ast.Pow: POWER,
}
_WITHOUT_PARTS = frozenset(
    {"ctx", "op", "ops", "id", "attr", "name", "names", "kind", "type_comment", "type_ignores", "asname"}
)
"""Fields in which there are no expressions or statements."""
_parts: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}
"""By type of node: the fields in which there may be."""
_GROUPING_PARENTS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Lambda,
    ast.Return,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.If,
)
"""Parents of which no bracket can stand directly before and after a child, save those that group it."""


class SourceText:
    """A source as bytes, with the places of its lines."""

    def __init__(self, source: str) -> None:
        self.data = source.encode()
        self._starts = [0, *(match.end() for match in _LINE_BREAK.finditer(self.data))]
        first_break = _LINE_BREAK.search(self.data)
        self.newline = first_break[0].decode() if first_break else "\n"

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        if node.end_lineno is None or node.end_col_offset is None:
            raise ProgramError("a syntax tree without positions")
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def line_start(self, line: int) -> int:
        """Where a line, counted from 1, begins; the end of the source for the line after the last."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.data)

    def edited(self, *edits: Edit) -> str:
        """The source with edits made that do not overlap; several at one place follow in their order."""
        parts: list[bytes] = []
        position = 0
        for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
            parts += (self.data[position:start], text.encode())
            position = end
        return b"".join((*parts, self.data[position:])).decode()

    def expression_edit(self, node: ast.expr, parent: ast.AST, field: str, new: ast.expr) -> Edit:
        """The edit that puts `new` in the place of `node`, which is `parent`'s `field`.

        Parentheses that only group the old expression go; the new one gets some where it needs them.
        """
        start, end = self.span(node)
        if isinstance(parent, _GROUPING_PARENTS):
            start, end = self._with_grouping(start, end)
        text = ast.unparse(new)
        if binding(new) < required_binding(parent, field):
            text = f"({text})"
        if start > 0 and _is_word(self.data[start - 1]) and _is_word(text.encode()[0]):
            text = f" {text}"
        if end < len(self.data) and _is_word(self.data[end]) and _is_word(text.encode()[-1]):
            text = f"{text} "
        return start, end, text

    def whole_lines(self, statement: ast.stmt) -> tuple[int, int] | None:
        """Where the lines of a statement begin and end, or None if it shares one, or is an `elif`."""
        start, end = self.span(statement)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return None
        first = self.line_start(statement.lineno)
        last = self.line_start((statement.end_lineno or statement.lineno) + 1)
        after = self.data[end:last].strip(_SPACE)
        if self.data[first:start].strip(_SPACE) or (after and not after.startswith(b"#")):
            return None
        return None if self.data[start : start + 4] == b"elif" else (first, last)

    def indentation(self, statement: ast.stmt) -> str:
        """What stands before a statement that begins its line."""
        return self.data[self.line_start(statement.lineno) : self.span(statement)[0]].decode()

    def insertion(self, position: int, statements: Sequence[ast.stmt], indentation: str) -> Edit:
        """The edit that puts new statements at the beginning of a line."""
        step = "\t" if indentation.startswith("\t") else "    "
        lines: list[str] = []
        for statement in statements:
            for line in _unparsed(statement):
                text = line.lstrip(" ")
                lines.append(indentation + step * ((len(line) - len(text)) // 4) + text + self.newline)
        ends_line = position == 0 or self.data[position - 1] in b"\r\n"
        return position, position, "".join(lines) if ends_line else self.newline + "".join(lines)

    def _with_grouping(self, start: int, end: int) -> tuple[int, int]:
        while True:
            left, right = start - 1, end
            while left >= 0 and self.data[left] in _SPACE:
                left -= 1
            while right < len(self.data) and self.data[right] in _SPACE:
                right += 1
            if left < 0 or right >= len(self.data):
                return start, end
            if self.data[left] != ord("(") or self.data[right] != ord(")"):
                return start, end
            start, end = left, right + 1


def binding(node: ast.expr) -> int:
    """How tightly an expression binds; `ATOM` if it needs no parentheses anywhere."""
    if isinstance(node, ast.BinOp):
        return _BINARY.get(type(node.op), FREE)
    if isinstance(node, ast.UnaryOp):
        return NOT if isinstance(node.op, ast.Not) else UNARY
    if isinstance(node, ast.BoolOp):
        return OR if isinstance(node.op, ast.Or) else AND
    if isinstance(node, ast.Compare):
        return COMPARE
    if isinstance(node, ast.IfExp | ast.Lambda):
        return CONDITIONAL
    if isinstance(node, ast.NamedExpr | ast.Starred | ast.Yield | ast.YieldFrom | ast.Await):
        return FREE
    return ATOM


def required_binding(parent: ast.AST, field: str) -> int:
    """How tightly an expression has to bind to stand in a field of `parent` without parentheses."""
    if isinstance(parent, ast.BinOp):
        level = _BINARY.get(type(parent.op))
        if level is None:
            return ATOM
        if level == POWER:
            return ATOM if field == "left" else UNARY
        return level if field == "left" else level + 1
    if isinstance(parent, ast.UnaryOp):
        return NOT if isinstance(parent.op, ast.Not) else UNARY
    if isinstance(parent, ast.BoolOp):
        return AND if isinstance(parent.op, ast.Or) else NOT
    if isinstance(parent, ast.Compare):
        return ARITHMETIC
    if isinstance(parent, ast.IfExp):
        return CONDITIONAL if field == "orelse" else OR
    if isinstance(parent, ast.comprehension):
        return OR
    if isinstance(parent, ast.Attribute | ast.Subscript | ast.Call) and field in ("value", "func"):
        return ATOM
    return CONDITIONAL


def descendants(node: ast.AST) -> list[ast.AST]:
    """A node and all below it, nearer ones first; without operators and contexts.

    A quarter of the time of `ast.walk`.
    """
    found = [node]
    for item in found:
        fields = _parts.get(type(item))
        if fields is None:
            fields = tuple(field for field in item._fields if field not in _WITHOUT_PARTS)
            _parts[type(item)] = fields
        for field in fields:
            value = getattr(item, field, None)
            if type(value) is list:
                found += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def node_count(node: ast.AST) -> int:
    """How many expressions and statements a tree is made of: the size that the operators bound."""
    return sum(isinstance(part, ast.expr | ast.stmt) for part in descendants(node))


def name(identifier: str) -> ast.Name:
    """The expression that reads a name."""
    return ast.Name(identifier, ast.Load())


def number(value: float) -> ast.expr:
    """The expression that writes a number, the way a person would: a minus and a literal."""
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def call(function: str, *arguments: ast.expr) -> ast.Call:
    """A call of a function by its name."""
    return ast.Call(name(function), list(arguments), [])


def literal(node: ast.expr) -> int | float | None:
    """The number that an expression writes literally, with its sign, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = literal(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        return node.value
    return None


def names_read(node: ast.AST) -> tuple[str, ...]:
    """The names that a tree reads and does not bind itself, each once, in order."""
    bound: dict[str, None] = {}
    read: dict[str, None] = {}
    for part in descendants(node):
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else bound)[part.id] = None
        elif isinstance(part, ast.arg):
            bound[part.arg] = None
    return tuple(identifier for identifier in read if identifier not in bound)


def as_divisor(node: ast.expr, one: float = 1.0) -> ast.expr:
    """An expression that can be divided by: itself if it is never zero, else the larger of it and one."""
    return node if is_safe_divisor(node) else call("max", node, number(one))


def is_safe_divisor(node: ast.expr) -> bool:
    """Whether an expression plainly differs from zero."""
    value = literal(node)
    if value is not None:
        return value != 0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "max":
        return any((literal(argument) or 0) > 0 for argument in node.args)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pairs = ((node.left, node.right), (node.right, node.left))
        return any(_is_positive(one) and _is_not_negative(other) for one, other in pairs)
    return False


def _is_positive(node: ast.expr) -> bool:
    return (literal(node) or 0) > 0


def _is_not_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "abs"


def _unparsed(statement: ast.stmt) -> list[str]:
    return ast.unparse(ast.fix_missing_locations(statement)).split("\n")


def _is_word(byte: int) -> bool:
    return byte >= 0x80 or byte == ord("_") or chr(byte).isalnum()
