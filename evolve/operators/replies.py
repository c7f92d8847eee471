"""Reads what models answer: the idea in a line, and programs in fences."""

import itertools
import re

import msgspec

from evolve.program import ProgramError, syntax_tree
from evolve.prompting.fences import one_line

MAX_IDEA = 200
"""Characters of an idea."""
MAX_BLOCKS = 40
"""How many fenced blocks of an answer are looked at, from the last."""
MAX_CLOSINGS = 8
"""At how many fences a block is tried to end."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_IDEA = re.compile(r"[\s#>*_`\-]*IDEA[\s*_`]*[:\-–—][\s*_`]*(.*)", re.IGNORECASE)  # noqa: RUF001 - models write these
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)")
_THOUGHT_END = "</think>"


class Reply(msgspec.Struct, frozen=True):
    """An answer taken apart."""

    text: str
    """Without what a model thought aloud before it."""
    idea: str
    """In a line, or ''."""


class Fenced(msgspec.Struct, frozen=True):
    """What stands in a fence."""

    info: str
    """What is written behind the opening fence."""
    text: str
    title: str = ""
    """The last line before the fence that is not blank."""


def read_reply(answer: str) -> Reply:
    """An answer with its idea; both may be empty."""
    text = answer.rpartition(_THOUGHT_END)[2] if _THOUGHT_END in answer else answer
    return Reply(text, _idea(text))


def _idea(text: str) -> str:
    lines = _LINE_END.split(text)
    for number, line in enumerate(lines):
        found = _IDEA.fullmatch(line)
        if found is None:
            continue
        told = found[1] or next((other for other in lines[number + 1 :] if other.strip()), "")
        if _FENCE.fullmatch(told) is None:
            return one_line(told, MAX_IDEA).strip("*_` ")
    return ""


def without_idea(text: str) -> str:
    """A text without the line of its idea."""
    return "\n".join(line for line in _LINE_END.split(text) if not _IDEA.fullmatch(line))


def fenced_blocks(text: str) -> tuple[Fenced, ...]:
    """What stands in Markdown fences, in order; of many, the last.

    A program may itself hold fences, in its docstrings. So a block goes on to the first closing fence at
    which it is Python, and only if it never is to the first one. A fence that is never closed reaches to the
    end.
    """
    lines = _LINE_END.split(text)
    fences = [(number, match) for number, line in enumerate(lines) if (match := _FENCE.fullmatch(line))]
    found: list[Fenced] = []
    end = 0
    for position, (start, opening) in enumerate(fences):
        if start < end:
            continue
        later = (fences[at] for at in range(position + 1, len(fences)))
        closing = (number for number, match in later if _closes(match, opening))
        closings = list(itertools.islice(closing, MAX_CLOSINGS))
        bodies = ["\n".join(lines[start + 1 : number]) + "\n" for number in closings]
        if not bodies:
            bodies, closings = ["\n".join(lines[start + 1 :]) + "\n"], [len(lines)]
        chosen = next((at for at, body in enumerate(bodies) if is_python(body)), 0)
        title = next((line.strip() for line in reversed(lines[end:start]) if line.strip()), "")
        found.append(Fenced(opening[2].strip(), bodies[chosen], title))
        end = closings[chosen] + 1
    return tuple(found[-MAX_BLOCKS:])


def is_python(text: str) -> bool:
    """Whether a text can be parsed."""
    try:
        syntax_tree(text)
    except ProgramError:
        return False
    return True


def _closes(fence: re.Match[str], opening: re.Match[str]) -> bool:
    marks = fence[1]
    return not fence[2].strip() and marks[0] == opening[1][0] and len(marks) >= len(opening[1])
