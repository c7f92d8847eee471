"""Programs as text: their identity, their EVOLVE-BLOCK regions and what a child must keep of its parent.

A program's identity is the hash of its syntax tree without docstrings, so comments, layout and docstrings do
not make a new program. The tree is hashed through a serialisation of our own: it takes a third of the time of
`ast.unparse` or `ast.dump`, and skips empty fields, which differ between versions of Python.
"""

import ast
import difflib
import hashlib
import re
import warnings
from functools import lru_cache

import msgspec

from evolve.problem import EntryPoint

MAX_BYTES = 256 * 2**10
"""The longest source that is a program, in bytes of UTF-8."""
MAX_DEPTH = 100
"""The deepest syntax tree that is a program; far below where Python's own recursion limit would depend on
how deep the caller is."""

_MARK = "EVOLVE-BLOCK-"
_MARKER = re.compile(r"[ \t]*#[ \t]*EVOLVE-BLOCK-(START|END)\b")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NOT_IDENTITY = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CACHED_CHARACTERS = 32 * 2**10
_BYTE_ORDER_MARK = "\ufeff"


class ProgramError(ValueError):
    """A source is not a program, or not the child it should be. The message is for its author.

    `line` is the line at fault, from 1, where that is known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line


class Program(msgspec.Struct, frozen=True):
    """Source code that parses and compiles.

    `id` is the first 32 hexadecimal digits of the SHA-256 of the normalised source.
    """

    id: str
    source: str

    @classmethod
    def parse(cls, source: str) -> "Program":
        """The program with this source, less a byte order mark at its start.

        Raises:
            ProgramError: The source is too long, is not Python, or is nested too deeply.
        """
        return _small_program(source) if len(source) <= _CACHED_CHARACTERS else _program(source)


class Region(msgspec.Struct, frozen=True):
    """The lines that may be changed: from `start` to before `end`, counted from 1, without the markers."""

    start: int
    end: int

    def holds(self, first: int, last: int) -> bool:
        """Whether the lines `first` to `last`, both included, lie in the region."""
        return self.start <= first and last < self.end


def syntax_tree(source: str) -> ast.Module:
    """The syntax tree of a source; shared between callers, so never to be changed.

    Raises:
        ProgramError: The source is too long or is not Python. Unlike `Program.parse`, this does not find
            what only the compiler refuses, nor that the tree is too deep.
    """
    return _small_tree(source) if len(source) <= _CACHED_CHARACTERS else _tree(source)


def split_lines(source: str) -> list[str]:
    """The lines of a source, without their ends, where Python sees line ends: CR LF, LF or CR."""
    return _LINE_BREAK.split(source)


def regions(source: str) -> tuple[Region, ...]:
    """The EVOLVE-BLOCK regions of a source, in order; all of it where there are no markers.

    A marker is a line of its own, `# EVOLVE-BLOCK-START` or `# EVOLVE-BLOCK-END`, at any indentation.

    Raises:
        ProgramError: The markers do not pair up.
    """
    found: list[Region] = []
    start: int | None = None
    lines = split_lines(source)
    if _MARK not in source:
        return (Region(1, len(lines) + 1),)
    for number, line in enumerate(lines, 1):
        marker = _MARKER.match(line) if _MARK in line else None
        if marker is None:
            continue
        if marker[1] == "START":
            if start is not None:
                raise ProgramError(f"EVOLVE-BLOCK-START inside the block that starts in line {start}", number)
            start = number
        elif start is None:
            raise ProgramError("EVOLVE-BLOCK-END without an EVOLVE-BLOCK-START before it", number)
        else:
            found.append(Region(start + 1, number))
            start = None
    if start is not None:
        raise ProgramError("EVOLVE-BLOCK-START without an EVOLVE-BLOCK-END after it", start)
    return tuple(found) or (Region(1, len(lines) + 1),)


def check_entry_point(program: Program, entry_point: EntryPoint) -> None:
    """Check that a program defines the entry point, at top level, with its positional parameters.

    Further parameters are fine if they have defaults.

    Raises:
        ProgramError: It does not; the message says what was found in its place.
    """
    wanted = entry_point.signature()
    functions = {
        node.name: node for node in syntax_tree(program.source).body if isinstance(node, ast.FunctionDef)
    }
    function = functions.get(entry_point.function)
    if function is None:
        near = difflib.get_close_matches(entry_point.function, functions, n=1, cutoff=0.5)
        hint = f"; did you misspell it as '{near[0]}'?" if near else ""
        line = functions[near[0]].lineno if near else None
        raise ProgramError(f"the program defines no function '{wanted}' at top level{hint}", line)
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    count = len(entry_point.parameters)
    required = len(names) - len(arguments.defaults)
    optional_keywords = all(default is not None for default in arguments.kw_defaults)
    if (
        tuple(names[:count]) != entry_point.parameters
        or required > count
        or arguments.vararg
        or not optional_keywords
    ):
        found = f"{function.name}({ast.unparse(arguments)})"
        raise ProgramError(f"the entry point is '{found}'; it has to be '{wanted}'", function.lineno)


def check_outside_unchanged(child_source: str, parent_source: str) -> None:
    """Check that a child has its parent's text outside the EVOLVE-BLOCK regions, markers included.

    Raises:
        ProgramError: A line outside the regions differs, or the child's markers do not pair up. The line
            is the child's.
    """
    child = _outside(child_source)
    parent = _outside(parent_source)
    if [text for _, text in child] == [text for _, text in parent]:
        return
    for (number, text), (_, original) in zip(child, parent, strict=False):
        if text != original:
            raise ProgramError(
                f"outside the EVOLVE-BLOCK regions the text must stay as it was: '{original.strip()}', "
                f"not '{text.strip()}'",
                number,
            )
    if len(child) > len(parent):
        number, text = child[len(parent)]
        raise ProgramError(f"'{text.strip()}' was added outside the EVOLVE-BLOCK regions", number)
    missing = parent[len(child)][1].strip()
    raise ProgramError(f"'{missing}' is missing at the end, outside the EVOLVE-BLOCK regions")


def diff(a: str, b: str, names: tuple[str, str] = ("a", "b")) -> str:
    """The unified diff from source `a` to source `b`, under the given names; empty where they are equal."""
    lines = difflib.unified_diff(split_lines(a), split_lines(b), *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def canonical(node: ast.AST) -> str:
    """A text that two syntax trees share exactly if they differ in positions and docstrings at most.

    Raises:
        ProgramError: The tree is deeper than `MAX_DEPTH`.
    """
    parts: list[str] = []
    _serialise(node, parts, MAX_DEPTH)
    return "\0".join(parts)


def _tree(source: str) -> ast.Module:
    source = source.removeprefix(_BYTE_ORDER_MARK)
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        line = len(split_lines(source[: error.start]))
        raise ProgramError("the source holds a lone surrogate, which is no character", line) from error
    if size > MAX_BYTES:
        raise ProgramError(f"the source has {size} bytes; a program has at most {MAX_BYTES}")
    if "\0" in source:
        line = len(split_lines(source[: source.index("\0")]))
        raise ProgramError("the source holds a null byte", line)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise ProgramError(error.msg, error.lineno) from error
    except (RecursionError, MemoryError) as error:
        raise ProgramError("the source is nested too deeply") from error


def _program(source: str) -> Program:
    tree = syntax_tree(source)
    digest = hashlib.sha256(canonical(tree).encode()).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<program>", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ProgramError(error.msg, error.lineno) from error
    except (RecursionError, MemoryError) as error:
        raise ProgramError("the source is nested too deeply") from error
    return Program(digest[:32], source.removeprefix(_BYTE_ORDER_MARK))


_small_tree = lru_cache(maxsize=64)(_tree)
_small_program = lru_cache(maxsize=256)(_program)


def _outside(source: str) -> list[tuple[int, str]]:
    """The lines outside the regions, with their numbers; a region leaves a gap and no line."""
    inside = regions(source)
    outside: list[tuple[int, str]] = []
    line = 1
    lines = split_lines(source)
    for region in inside:
        outside += ((number, lines[number - 1]) for number in range(line, region.start))
        line = region.end
    outside += ((number, lines[number - 1]) for number in range(line, len(lines) + 1))
    return outside


_shapes: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {}
"""By type of node: its name, and the fields that make its identity."""


def _shape(kind: type[ast.AST]) -> tuple[str, tuple[str, ...]]:
    shape = kind.__name__, tuple(field for field in kind._fields if field not in _NOT_IDENTITY)
    _shapes[kind] = shape
    return shape


def _serialise(node: ast.AST, parts: list[str], depth: int) -> None:
    """Append the type of a node and its fields, less the empty ones, to `parts`."""
    if depth <= 0:
        line = getattr(node, "lineno", None)
        raise ProgramError(f"the source is nested more than {MAX_DEPTH} levels deep", line)
    label, fields = _shapes.get(type(node)) or _shape(type(node))
    parts.append(label)
    values = node.__dict__
    for field in fields:
        value = values.get(field)
        if value is None:
            continue
        kind = type(value)
        if kind is list:
            if field == "body" and isinstance(node, _WITH_DOCSTRING):
                value = _without_docstring(value)
            if not value:
                continue
            parts += (field, "[")
            for item in value:
                if isinstance(item, ast.AST):
                    _serialise(item, parts, depth - 1)
                else:
                    parts.append(repr(item))
            parts.append("]")
        elif kind is str:
            parts += (field, repr(value))
        elif isinstance(value, ast.AST):
            parts.append(field)
            _serialise(value, parts, depth - 1)
        else:
            parts += (field, hex(value) if kind is int else repr(value))
    if fields:
        parts.append(")")


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body
