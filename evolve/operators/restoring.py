"""Puts what a model wrote for a file into the regions of that file, and nothing of it anywhere else.

The text outside the EVOLVE-BLOCK regions comes from the file as it was, character by character, provided that
the model's says the same but for white space, comments and docstrings, or is left out altogether. A model may
also leave out the markers, or all but what belongs into the only region, where that is plain to see.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Sequence

import msgspec

from evolve.operators.editing.blocks import EditError
from evolve.operators.editing.lines import Lines
from evolve.operators.replies import is_python
from evolve.program import canonical, split_lines, syntax_tree

_MARKER = re.compile(r"[ \t]*#[ \t]*EVOLVE-BLOCK-(START|END)\b")
_LAYOUT = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
)


class Statement(msgspec.Struct, frozen=True):
    """A logical line of a text, as far as it means something."""

    tokens: tuple[str, ...]
    line: int
    """Its first line, from 0."""
    end: int
    """One more than its last."""
    is_text: bool = False
    """Whether it is nothing but a text, such as a docstring."""


class Parts(msgspec.Struct, frozen=True):
    """The lines of a file: what stands outside its regions, and in them, in turns."""

    outside: tuple[tuple[int, int], ...]
    """From, and to before, without the markers; one more than there are regions."""
    inside: tuple[tuple[int, int], ...]


def file_child(parent: str, text: str, *, is_free: bool = True, needs_markers: bool = False) -> str:
    """The source of a file, with what a model wrote in the place of what may change of it.

    Args:
        parent: The file as it was.
        text: What the model wrote for it.
        is_free: Whether all of the file may change if it has no markers.
        needs_markers: Whether the model has to have repeated the markers.

    Raises:
        EditError: The text changes what it must not, or where it belongs is not clear.
    """
    old, new = parts_of(parent), parts_of(text)
    if not old.inside:
        return _unmarked_child(parent, text, is_free and not needs_markers)
    if len(new.inside) == len(old.inside):
        return _marked_child(parent, old, text, new)
    if new.inside:
        raise EditError(
            f"the program has {len(old.inside)} EVOLVE-BLOCK regions and yours has {len(new.inside)};"
            " repeat all lines with markers as they are"
        )
    if needs_markers:
        raise EditError("the program in the answer lacks the lines with EVOLVE-BLOCK markers")
    if len(old.inside) > 1:
        raise EditError(
            f"the program has {len(old.inside)} EVOLVE-BLOCK regions, and yours has no markers to tell"
            " them apart; repeat all lines with markers as they are"
        )
    return _replaced(parent, old, [_body(parent, old, text)])


def parts_of(text: str) -> Parts:
    """Where the regions of a file are.

    Raises:
        EditError: The markers do not pair up.
    """
    lines = split_lines(text)
    outside: list[tuple[int, int]] = []
    inside: list[tuple[int, int]] = []
    begin = 0
    opened = False
    for number, line in enumerate(lines):
        marker = _MARKER.match(line)
        if marker is None:
            continue
        if (marker[1] == "START") is opened:
            raise EditError(f"line {number + 1}, '{line.strip()}', has no counterpart; markers come in pairs")
        (inside if opened else outside).append((begin, number))
        opened = not opened
        begin = number + 1
    if opened:
        raise EditError("the last EVOLVE-BLOCK-START has no EVOLVE-BLOCK-END after it")
    return Parts((*outside, (begin, len(lines))), tuple(inside))


def statements(lines: Sequence[str]) -> tuple[Statement, ...]:
    """The logical lines of a text, less comments and layout.

    Where the text cannot be split into tokens, its lines stand for themselves.
    """
    found: list[Statement] = []
    current: list[tokenize.TokenInfo] = []

    def finish() -> None:
        if current:
            tokens = tuple(token.string for token in current)
            is_text = all(token.type == tokenize.STRING for token in current)
            found.append(Statement(tokens, current[0].start[0] - 1, current[-1].end[0], is_text))
        current.clear()

    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            if token.type == tokenize.NEWLINE:
                finish()
            elif token.type not in _LAYOUT:
                current.append(token)
    except (tokenize.TokenError, SyntaxError):
        filled = [(at, line.strip()) for at, line in enumerate(lines)]
        return tuple(
            Statement((line,), at, at + 1) for at, line in filled if line and not line.startswith("#")
        )
    finish()
    return tuple(found)


def _meaning(lines: Sequence[str]) -> list[Statement]:
    """The logical lines of a text that mean something: no docstrings."""
    return [one for one in statements(lines) if not one.is_text]


def _unmarked_child(parent: str, text: str, is_free: bool) -> str:
    lines = split_lines(text)
    if is_free:
        return "\n".join(line for line in lines if not _MARKER.match(line))
    _check_same(split_lines(parent), 0, lines, 0)
    return parent


def _marked_child(parent: str, old: Parts, text: str, new: Parts) -> str:
    before, after = split_lines(parent), split_lines(text)
    for (start, end), (first, last) in zip(old.outside, new.outside, strict=True):
        if _meaning(after[first:last]):
            _check_same(before[start:end], start, after[first:last], first)
    return _replaced(parent, old, [after[first:last] for first, last in new.inside])


def _check_same(before: Sequence[str], start: int, after: Sequence[str], first: int) -> None:
    """Check that two stretches say the same; they begin in the lines `start` and `first`, from 0."""
    old, new = _meaning(before), _meaning(after)
    if [one.tokens for one in old] == [one.tokens for one in new]:
        return
    where = "what is outside the EVOLVE-BLOCK regions must stay as it is; new imports and functions go inside"
    for one, other in zip(old, new, strict=False):
        if one.tokens != other.tokens:
            raise EditError(
                f"line {first + other.line + 1} of your program is '{_short(after[other.line])}', where"
                f" '{_short(before[one.line])}' was: {where}"
            )
    if len(new) > len(old):
        extra = new[len(old)]
        raise EditError(
            f"line {first + extra.line + 1} of your program, '{_short(after[extra.line])}', is new: {where}"
        )
    missing = old[len(new)]
    raise EditError(
        f"line {start + missing.line + 1} of the program, '{_short(before[missing.line])}', is left out:"
        f" {where}"
    )


def _body(parent: str, old: Parts, text: str) -> list[str]:
    """What a text without markers means for the only region of a file."""
    before, after = split_lines(parent), split_lines(text)
    above, below = (statements(before[start:end]) for start, end in old.outside)
    head, tail = ([one.tokens for one in part if not one.is_text] for part in (above, below))
    given = list(statements(after))
    tokens = [one.tokens for one in given if not one.is_text]
    if len(tokens) <= len(head) + len(tail) or tokens[: len(head)] != head:
        return _fragment(before, old, text)
    if tokens[len(tokens) - len(tail) :] != tail:
        return _fragment(before, old, text)
    first, last = 0, len(after)
    for _ in head:
        first = _next(given).end
    if above and above[-1].is_text and given[0].is_text:
        first = given.pop(0).end
    for _ in tail:
        last = _next(given, -1).line
    body = after[first:last]
    while body and not body[-1].strip():
        body.pop()
    return body


def _next(given: list[Statement], at: int = 0) -> Statement:
    """Take the first statement, or the last, that is no mere text off a list."""
    one = given.pop(at)
    while one.is_text:
        one = given.pop(at)
    return one


def _fragment(before: Sequence[str], old: Parts, text: str) -> list[str]:
    """The lines of a region of which a model wrote nothing but these, indented as the region is."""
    text = textwrap.dedent(text)
    if not is_python(text):
        syntax = "the program in the answer is not valid Python"
        raise EditError(f"{syntax}, and has no EVOLVE-BLOCK markers; write the whole program with them")
    tree = syntax_tree(text)
    fixed = _bound_outside("\n".join(before), old)
    for node in tree.body:
        for name in _bound_by(node):
            if name in fixed and canonical(node) != fixed[name]:
                raise EditError(
                    f"the program in the answer has no EVOLVE-BLOCK markers, but defines '{name}', which is"
                    " outside them; write the whole program with the markers as they are"
                )
    marker = before[old.inside[0][0] - 1]
    indent = marker[: len(marker) - len(marker.lstrip())]
    if indent and _has_long_text(tree):
        raise EditError("the program in the answer has no EVOLVE-BLOCK markers; write all of it, with them")
    return [indent + line if line.strip() else line for line in split_lines(text.rstrip("\n"))]


def _bound_outside(parent: str, old: Parts) -> dict[str, str]:
    """The names that the statements outside the regions bind, with what those statements are."""
    return {
        name: canonical(node)
        for node in ast.walk(syntax_tree(parent))
        if isinstance(node, ast.stmt) and any(start < node.lineno <= end for start, end in old.outside)
        for name in _bound_by(node)
    }


def _bound_by(node: ast.stmt) -> list[str]:
    """The names that a statement binds, without what is in its body."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.split(".")[0] for alias in node.names]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name()):
            return [node.target.id] if isinstance(node.target, ast.Name) else []
    return []


def _has_long_text(tree: ast.Module) -> bool:
    """Whether indenting a program would change a text in it that is no docstring."""
    nodes = list(ast.walk(tree))
    idle = [node.value for node in nodes if isinstance(node, ast.Expr)]
    texts = (ast.Constant, ast.JoinedStr)
    return any(
        isinstance(node, texts) and node.lineno != node.end_lineno and node not in idle for node in nodes
    )


def _replaced(parent: str, old: Parts, bodies: Sequence[Sequence[str]]) -> str:
    changes = [(start, end, body) for (start, end), body in zip(old.inside, bodies, strict=True)]
    return Lines(parent).edited(changes)


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= 80 else line[:79] + "…"
