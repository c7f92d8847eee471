"""Reads SEARCH/REPLACE blocks out of what a model wrote.

    lib/packing.py
    <<<<<<< SEARCH
    lines of the program
    =======
    lines to put in their place
    >>>>>>> REPLACE

The file's name is optional. Around blocks, and around the two parts of one, there may be Markdown fences; all
else outside the blocks is prose.
"""

import re
from collections.abc import Sequence

import msgspec

MAX_NAMING = 200
"""The longest line in which the name of a file is looked for."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_OPENING = re.compile(r"[ \t>]*<{5,10}[ \t]*(?:SEARCH|ORIGINAL|HEAD)\b[ \t:]*(.*)", re.IGNORECASE)
_DIVIDER = re.compile(r"[ \t]*={5,10}[ \t]*")
_EXACT_DIVIDER = re.compile(r"[ \t]*={7}[ \t]*")
_CLOSING = re.compile(r"[ \t]*>{5,10}(?:[ \t]*(?:REPLACE|UPDATED)\b.*|[ \t]*)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^`]*")
_BARE_NAME = re.compile(
    r"[\s#>*_`=\-]*(?:in\s+)?(?:the\s+)?(?:python[\s:]+)?(?:file|path)?[\s:*]*[`\"'*]*([\w./-]+\.py)[`\"':*\s=]*",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w./-]+\.py\b")


class EditError(ValueError):
    """An edit cannot be applied; the message is for the model that wrote it."""


class Block(msgspec.Struct, frozen=True):
    """One edit: lines of the program, and what is to stand in their place. Lines have no ends."""

    number: int
    """Among the blocks of the answer, from 1."""
    search: tuple[str, ...]
    replace: tuple[str, ...]
    file: str = ""
    """Which file of the program it is for; empty where that is not said."""


def has_blocks(text: str) -> bool:
    """Whether a text holds at least the first line of a block."""
    return any(_OPENING.fullmatch(line) for line in _LINE_END.split(text))


def named_file(line: str) -> str:
    """The file's name that a line consists of, but for decoration, or ''."""
    named = _BARE_NAME.fullmatch(line) if len(line) <= MAX_NAMING else None
    return named[1] if named is not None else ""


def read_blocks(text: str, files: Sequence[str] = ("",)) -> tuple[Block, ...]:
    """The blocks in a text, in order.

    Args:
        text: What a model wrote.
        files: The names of the program's files; a program of one file has the name ''.

    Raises:
        EditError: There is none, or one is not complete, or names a file that there is not.
    """
    lines = _LINE_END.split(text)
    openings = [number for number, line in enumerate(lines) if _OPENING.fullmatch(line)]
    if not openings:
        raise EditError("there is no SEARCH/REPLACE block in the answer")
    blocks = []
    for number, (start, end) in enumerate(zip(openings, [*openings[1:], len(lines)], strict=True), 1):
        body = _body(lines[start + 1 : end], number)
        search, replace = _parts(body, number)
        name = _name(lines, start)
        blocks.append(Block(number, search, replace, _file(name, files, number)))
    return tuple(blocks)


def _body(lines: list[str], number: int) -> list[str]:
    """The lines of a block between its first and its last."""
    for position, line in enumerate(lines):
        if _CLOSING.fullmatch(line):
            return lines[:position]
    raise EditError(f"block {number} has no line '>>>>>>> REPLACE' at its end")


def _parts(body: list[str], number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    dividers = [position for position, line in enumerate(body) if _EXACT_DIVIDER.fullmatch(line)]
    if not dividers:
        dividers = [position for position, line in enumerate(body) if _DIVIDER.fullmatch(line)]
    if not dividers:
        raise EditError(f"block {number} has no line '=======' between SEARCH and REPLACE")
    if len(dividers) > 1:
        raise EditError(
            f"block {number} has {len(dividers)} lines '=======', so where SEARCH ends is not clear;"
            " quote fewer lines"
        )
    return _unfenced(body[: dividers[0]]), _unfenced(body[dividers[0] + 1 :])


def _unfenced(part: list[str]) -> tuple[str, ...]:
    """A part without the fence around it, or the half of one that began or ended outside the part."""
    filled = [position for position, line in enumerate(part) if line.strip()]
    fences = [position for position, line in enumerate(part) if _FENCE.fullmatch(line)]
    if not fences:
        return tuple(part)
    first, last = filled[0], filled[-1]
    if first != last and first in fences and last in fences:
        return tuple(part[first + 1 : last])
    if len(fences) % 2 and first in fences:
        return tuple(part[first + 1 :])
    if len(fences) % 2 and last in fences:
        return tuple(part[:last])
    return tuple(part)


def _name(lines: list[str], opening: int) -> str:
    """The file's name on the first line of a block or on a line of its own before it, or ''."""
    match = _OPENING.fullmatch(lines[opening])
    inline = _NAME.search(match[1][:MAX_NAMING]) if match is not None else None
    if inline is not None:
        return inline[0]
    before = [line for line in lines[:opening] if line.strip()]
    if before and _FENCE.fullmatch(before[-1]):
        info = _NAME.search(before[-1][:MAX_NAMING])
        if info is not None:
            return info[0]
        before.pop()
    return named_file(before[-1]) if before else ""


def _file(name: str, files: Sequence[str], number: int) -> str:
    """The file of the program that a name means; a program of one file needs none."""
    if not name or not any(files):
        return ""
    path = name.removeprefix("./")
    found = [file for file in files if file == path] or [file for file in files if file.endswith(f"/{path}")]
    if len(found) == 1:
        return found[0]
    what = "is the end of several files' names" if found else "is none of them"
    raise EditError(
        f"block {number} names the file '{name}'; the files are {', '.join(files)}, and it {what}"
    )
