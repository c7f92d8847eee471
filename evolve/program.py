"""Programs as text: their identity, their EVOLVE-BLOCK regions and what a child must keep of its parent.

A program's identity is the hash of its syntax tree without docstrings, so comments, layout and docstrings do
not make a new program.

A program of several files is one text too (`evolve.bundle`). Its files are parsed, compiled and compared each
by itself; it is known by their names and the hashes of their trees.
"""

import ast
import difflib
import hashlib
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from evolve.bundle import (
    BYTE_ORDER_MARK,
    ProgramError,
    SourceFile,
    bundle,
    files,
    is_bundle,
    split_lines,
)
from evolve.identity import MAX_DEPTH, canonical, skeleton
from evolve.problem import EntryPoint
from sandbox_runner.bundle import filename, header

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Program",
    "ProgramError",
    "Region",
    "SourceFile",
    "bundle",
    "canonical",
    "check_entry_point",
    "check_outside_unchanged",
    "diff",
    "files",
    "is_bundle",
    "regions",
    "split_lines",
    "syntax_tree",
]

MAX_BYTES = 256 * 2**10
"""The longest source that is a program, in bytes of UTF-8."""

_MARK = "EVOLVE-BLOCK-"
_MARKER = re.compile(r"[ \t]*#[ \t]*EVOLVE-BLOCK-(START|END)\b")
_CACHED_CHARACTERS = 32 * 2**10


class Program(msgspec.Struct, frozen=True):
    """Source code that parses and compiles, each file of it by itself.

    `id` is the first 32 hexadecimal digits of the SHA-256 of the normalised source. `skeleton` is the same of
    the source without the values of its real constants: programs share it that differ in nothing else.
    """

    id: str
    source: str
    skeleton: str = ""

    @classmethod
    def parse(cls, source: str) -> "Program":
        """The program with this source, less a byte order mark at its start.

        Raises:
            ProgramError: The source is too long, is not Python, or is nested too deeply; or its headers are
                not as they should be.
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

    Of a program of several files, it is the tree of the whole text, in which the headers are comments.

    Raises:
        ProgramError: The source is too long or is not Python. Unlike `Program.parse`, this does not find
            what only the compiler refuses, nor that the tree is too deep.
    """
    return _small_tree(source) if len(source) <= _CACHED_CHARACTERS else _tree(source)


def regions(source: str) -> tuple[Region, ...]:
    """The EVOLVE-BLOCK regions of a source, in order; all of it where there are no markers.

    A marker is a line of its own, `# EVOLVE-BLOCK-START` or `# EVOLVE-BLOCK-END`, at any indentation. The
    lines are counted from the beginning of the text, also in a program of several files, whose headers are
    in no region and of which a file without markers is in none either if another has some.

    Raises:
        ProgramError: The markers do not pair up, in each file.
    """
    if not is_bundle(source):
        return _marked(source) or (Region(1, len(split_lines(source)) + 1),)
    parts = files(source)
    marked: list[Region] = []
    free: list[Region] = []
    line = 2
    for part in parts:
        count = len(split_lines(part.source))
        end = line + count - (part is not parts[-1])
        free.append(Region(line, end))
        marked += (Region(one.start + line - 1, one.end + line - 1) for one in _marked_in(part))
        line = end + 1
    return tuple(marked or free)


def check_entry_point(program: Program, entry_point: EntryPoint) -> None:
    """Check that a program defines the entry point, at top level, with its positional parameters.

    Of several files, it is the first that has to. Further parameters are fine if they have defaults.

    Raises:
        ProgramError: It does not; the message says what was found in its place.
    """
    part = files(program.source)[0]
    try:
        _check_entry_point(part.source, entry_point)
    except ProgramError as error:
        raise error.within(part.name) from error


def _check_entry_point(source: str, entry_point: EntryPoint) -> None:
    wanted = entry_point.signature()
    functions = {node.name: node for node in syntax_tree(source).body if isinstance(node, ast.FunctionDef)}
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

    Of several files, a child has the same as its parent, in the same order.

    Raises:
        ProgramError: A line outside the regions differs, or the child's markers do not pair up, or it has
            other files. File and line are the child's.
    """
    child, parent = files(child_source), files(parent_source)
    if [part.name for part in child] != [part.name for part in parent]:
        raise ProgramError(f"the program has to be {_described(parent)}, not {_described(child)}")
    for part, lines, original in zip(child, _outside(child), _outside(parent), strict=True):
        try:
            _check_same_lines(lines, original)
        except ProgramError as error:
            raise error.within(part.name) from error


def diff(a: str, b: str, names: tuple[str, str] = ("a", "b")) -> str:
    """The unified diff from source `a` to source `b`, under the given names; empty where they are equal.

    Of programs of several files, the diffs of the files one after another, each under its name. A program
    of one file is compared with the file that defines the entry point.
    """
    before, after = files(a), files(b)
    if len(before) == 1 and not before[0].name:
        before = (SourceFile(after[0].name, before[0].source),)
    elif len(after) == 1 and not after[0].name:
        after = (SourceFile(before[0].name, after[0].source),)
    old, new = ({part.name: split_lines(part.source) for part in parts} for parts in (before, after))
    lines: list[str] = []
    for name in {**old, **new}:
        first, second = (
            "/dev/null" if name not in side else f"{label}/{name}" if name else label
            for label, side in zip(names, (old, new), strict=True)
        )
        lines += difflib.unified_diff(old.get(name, []), new.get(name, []), first, second, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _tree(source: str) -> ast.Module:
    source = source.removeprefix(BYTE_ORDER_MARK)
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
    if not is_bundle(source):
        digest, outline = _digests(source)
        return Program(digest[:32], source.removeprefix(BYTE_ORDER_MARK), outline[:32])
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise ProgramError(f"the files have {size} bytes together; a program has at most {MAX_BYTES}")
    found: list[tuple[str, str]] = []
    for part in files(source):
        digests = _small_digests if len(part.source) <= _CACHED_CHARACTERS else _digests
        try:
            digest, outline = digests(part.source, filename(part.name))
        except ProgramError as error:
            raise error.within(part.name) from error
        found.append((f"{part.name} {digest}", f"{part.name} {outline}"))
    # The order of the files is no part of what they do, but that the first one has the entry point.
    identity, outlines = (
        _digest("\n".join([first, *sorted(others)])) for first, *others in zip(*found, strict=True)
    )
    return Program(identity[:32], source.removeprefix(BYTE_ORDER_MARK), outlines[:32])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digests(source: str, name: str = "<program>") -> tuple[str, str]:
    """The hashes of the normalised tree of a source that compiles, and of its skeleton."""
    tree = syntax_tree(source)
    text = canonical(tree)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ProgramError(error.msg, error.lineno) from error
    except (RecursionError, MemoryError) as error:
        raise ProgramError("the source is nested too deeply") from error
    return _digest(text), _digest(skeleton(text))


_small_tree = lru_cache(maxsize=64)(_tree)
_small_program = lru_cache(maxsize=256)(_program)
_small_digests = lru_cache(maxsize=256)(_digests)
"""Of files: a child shares most of them with its parent."""


def _marked(source: str) -> tuple[Region, ...]:
    """The regions of a source that markers make."""
    if _MARK not in source:
        return ()
    found: list[Region] = []
    start: int | None = None
    for number, line in enumerate(split_lines(source), 1):
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
    return tuple(found)


def _marked_in(part: SourceFile) -> tuple[Region, ...]:
    try:
        return _marked(part.source)
    except ProgramError as error:
        raise error.within(part.name) from error


def _outside(parts: Sequence[SourceFile]) -> list[list[tuple[int, str]]]:
    """Of each file, the lines outside the regions, with their numbers; a region leaves a gap and no line."""
    marked = [_marked_in(part) for part in parts]
    return [
        _between(part.source, inside) if any(marked) else []
        for part, inside in zip(parts, marked, strict=True)
    ]


def _between(source: str, inside: Sequence[Region]) -> list[tuple[int, str]]:
    outside: list[tuple[int, str]] = []
    line = 1
    lines = split_lines(source)
    for region in inside:
        outside += ((number, lines[number - 1]) for number in range(line, region.start))
        line = region.end
    outside += ((number, lines[number - 1]) for number in range(line, len(lines) + 1))
    return outside


def _check_same_lines(child: Sequence[tuple[int, str]], parent: Sequence[tuple[int, str]]) -> None:
    """Check that the numbered lines of a child have the text of its parent's."""
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


def _described(parts: Sequence[SourceFile]) -> str:
    names = [part.name for part in parts]
    if not names[0]:
        return "one file without a header"
    return f"the files {', '.join(names)}, each after a header like '{header(names[0])}'"
