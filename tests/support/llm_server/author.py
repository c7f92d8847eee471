"""A model that writes programs: small valid changes of the one it is shown, and bad answers on purpose."""

import ast
import random
import re
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from evolve.randomness import stream
from tests.support.llm_server.exchange import Question

BLOCK = re.compile(r"^(`{3,})(?:python|py)\b[^\n]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"[ \t]*#[ \t]*EVOLVE-BLOCK-(START|END)\b")
SEARCH = "<<<<<<< SEARCH"
NOTE = "Larger weights have helped more often than smaller ones; the form of the rule has not mattered yet."


class Fault(StrEnum):
    """A way to answer badly."""

    UNMATCHED = "unmatched"
    """An edit of lines that the program does not have."""
    NO_OP = "no_op"
    """The program as it is."""
    PROSE = "prose"
    """No program at all."""
    SYNTAX = "syntax"
    """A program that does not compile."""


class ProgramAuthor(msgspec.Struct, frozen=True, tag="program_author"):
    """Changes one number of the parent, which is the last fenced block of Python in the prompt.

    It answers with an edit where the prompt shows how edits are written, else with a whole program; where
    there is no program in the prompt, with a note. All of it depends on nothing but the seed and the prompt.
    """

    seed: int = 0
    bad_share: float = 0.0
    """How many of its answers are bad, from 0 to 1; each kind of `Fault` the same."""

    def respond(self, question: Question) -> str:
        blocks = BLOCK.findall(question.text)
        if not blocks:
            return NOTE
        numbers = stream(self.seed, question.text, 0)
        fault = numbers.choice(list(Fault)) if numbers.random() < self.bad_share else None
        return answer(blocks[-1][1], SEARCH in question.text, numbers, fault)


def answer(parent: str, as_edit: bool, numbers: random.Random, fault: Fault | None = None) -> str:
    """An answer that changes the parent, or fails to."""
    if fault is Fault.PROSE:
        return "I would weigh the operations by how long they have been waiting."
    child = changed(parent, numbers)
    if fault is Fault.SYNTAX:
        child = _broken(parent, child)
    if not as_edit:
        program = parent if fault is Fault.NO_OP else child
        return f"One number changes.\n\n```python\n{program}```\n"
    before, after = _difference(parent, child)
    if fault is Fault.NO_OP:
        after = before
    if fault is Fault.UNMATCHED:
        before = f"{before}    no_such_line = {numbers.randrange(10**6)}\n"
    return f"One number changes.\n\n{SEARCH}\n{before}=======\n{after}>>>>>>> REPLACE\n"


def changed(parent: str, numbers: random.Random) -> str:
    """The parent with another number in it; with a statement more in its first function where it has none.

    Raises:
        ValueError: There is neither a number nor a function that may be changed.
    """
    lines = parent.encode().splitlines(keepends=True)
    tree = ast.parse(parent)
    editable = editable_lines(parent)
    sites = [node for node in _numbers(tree) if node.lineno in editable]
    floats = [node for node in sites if isinstance(node.value, float)]
    if sites:
        node = numbers.choice(floats or sites)
        line = lines[node.lineno - 1]
        text = _other(node.value, numbers).encode()
        lines[node.lineno - 1] = line[: node.col_offset] + text + line[node.end_col_offset :]
    else:
        place, indent = _first_body(tree, editable)
        lines.insert(place - 1, b" " * indent + f"weight = {numbers.random():.6f}\n".encode())
    return b"".join(lines).decode()


def editable_lines(source: str) -> frozenset[int]:
    """The lines between EVOLVE-BLOCK markers, counted from 1; all where there are none."""
    inside, marked, found = False, False, set()
    lines = source.split("\n")
    for number, line in enumerate(lines, start=1):
        mark = MARK.match(line)
        if mark is not None:
            marked, inside = True, mark[1] == "START"
        elif inside:
            found.add(number)
    return frozenset(found) if marked else frozenset(range(1, len(lines) + 1))


def _numbers(node: ast.AST) -> Iterator[ast.Constant]:
    """The numbers of a tree; not those in f-strings, whose places are not told exactly."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield node
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _numbers(child)


def _other(value: object, numbers: random.Random) -> str:
    assert isinstance(value, int | float)
    if isinstance(value, int):
        return str(value + numbers.randint(1, 3))
    return f"{(value or 1.0) * numbers.uniform(0.5, 1.5):.6g}"


def _first_body(tree: ast.Module, editable: frozenset[int]) -> tuple[int, int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno in editable:
            return node.body[0].lineno, node.body[0].col_offset
    raise ValueError("the program has neither a number nor a function that may be changed")


def _first_difference(old: list[str], new: list[str]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next(place for place, (before, after) in pairs if before != after)


def _broken(parent: str, child: str) -> str:
    """The child with one bracket too many in the line that differs."""
    lines = child.splitlines(keepends=True)
    place = _first_difference(parent.splitlines(keepends=True), lines)
    return "".join([*lines[:place], f"){lines[place]}", *lines[place + 1 :]])


def _difference(parent: str, child: str) -> tuple[str, str]:
    """The line that differs, with as many lines before it as it takes to be unique in the parent."""
    old, new = parent.splitlines(keepends=True), child.splitlines(keepends=True)
    start = _first_difference(old, new)
    end = start + 1
    added = len(new) - len(old)
    while start > 0 and parent.count("".join(old[start:end])) > 1:
        start -= 1
    return "".join(old[start:end]), "".join(new[start : end + added])
