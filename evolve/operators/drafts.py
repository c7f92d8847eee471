"""Makes sure of what a model made before anything is spent on it, so that it can be told what is wrong."""

import builtins
import symtable
import warnings

from evolve.operators.base import Draft, NoProposal, ParentProgram, Request
from evolve.operators.editing.apply import apply_edits
from evolve.operators.editing.blocks import EditError, has_blocks
from evolve.operators.replies import Reply
from evolve.operators.whole import child_of_answer
from evolve.program import (
    Program,
    ProgramError,
    check_entry_point,
    check_outside_unchanged,
    files,
    split_lines,
)

_KNOWN = frozenset(dir(builtins))
_UNCERTAIN = ("import *", "globals(", "from __future__ import annotations")
"""With one of these in it, a file may read names that nothing plainly binds."""


def draft_of_edits(request: Request, reply: Reply) -> Draft:
    """The first parent with the SEARCH/REPLACE blocks of an answer applied.

    Of a model that repeats the whole program instead, markers included, that is taken.

    Raises:
        NoProposal: They cannot be applied, or what they make is no child.
    """
    parent = request.parents[0]
    try:
        if has_blocks(reply.text):
            source = apply_edits(parent.source, reply.text)
            check_child(request, source)
        else:
            source = _whole(request, parent, reply, needs_markers=True)
    except (EditError, ProgramError) as error:
        raise NoProposal(str(error)) from error
    return Draft(source, reply.idea)


def draft_of_program(request: Request, reply: Reply) -> Draft:
    """The program of an answer, with the first parent's text outside the regions.

    Raises:
        NoProposal: There is none, or it is no child.
    """
    try:
        return Draft(_whole(request, request.parents[0], reply, needs_markers=False), reply.idea)
    except (EditError, ProgramError) as error:
        raise NoProposal(str(error)) from error


def draft_of_either(request: Request, reply: Reply) -> Draft:
    """What an answer makes, be it blocks or a program.

    Raises:
        NoProposal: It makes no child.
    """
    return (draft_of_edits if has_blocks(reply.text) else draft_of_program)(request, reply)


def _whole(request: Request, parent: ParentProgram, reply: Reply, *, needs_markers: bool) -> str:
    def check(source: str) -> None:
        check_child(request, source)

    try:
        return child_of_answer(parent.source, reply.text, check, needs_markers=needs_markers)
    except EditError as error:
        if not needs_markers:
            raise
        raise EditError(
            f"there is no SEARCH/REPLACE block in the answer, and no whole program to take instead: {error}"
        ) from error


def check_child(request: Request, source: str) -> None:
    """Check that a source is a new program that may take its parent's place.

    Raises:
        EditError: It is not; the message is for the model that wrote it.
    """
    parent = request.parents[0]
    try:
        program = Program.parse(source)
        check_entry_point(program, request.brief.entry_point)
        check_outside_unchanged(source, parent.source)
    except ProgramError as error:
        line = _line_at(source, error)
        raise EditError(
            f"the program that it makes is not valid: {error}{f' (the line is: {line})' if line else ''}"
        ) from error
    if program.id == parent.id:
        raise EditError(
            "nothing would change but comments, docstrings or layout; change what the program does"
        )
    for other in (*request.parents[1:], *request.inspirations):
        if program.id == other.id:
            raise EditError("the program is the same as another one that was shown; write one that is new")
    undefined = sorted(_undefined(source) - _undefined(parent.source))
    if undefined:
        names = ", ".join(f"'{name}'" for name in undefined[:5])
        raise EditError(f"the program uses {names}, which nothing in it defines")


def _line_at(source: str, error: ProgramError) -> str:
    if error.line is None:
        return ""
    texts = {file.name: file.source for file in files(source)} if error.file else {}
    lines = split_lines(texts.get(error.file, source))
    return lines[error.line - 1].strip()[:100] if 0 < error.line <= len(lines) else ""


def _undefined(source: str) -> frozenset[str]:
    """The names that a program reads as globals and nowhere binds, as far as that is certain."""
    found: frozenset[str] = frozenset()
    try:
        for file in files(source):
            if not any(sign in file.source for sign in _UNCERTAIN):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found |= _undefined_in(symtable.symtable(file.source, "<program>", "exec"))
    except (ProgramError, SyntaxError):
        return frozenset()
    return found


def _undefined_in(module: symtable.SymbolTable) -> frozenset[str]:
    bound: set[str] = set()
    read: set[str] = set()
    tables = [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            is_global = table is module or symbol.is_global()
            if is_global and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                bound.add(symbol.get_name())
            elif is_global and symbol.is_referenced():
                read.add(symbol.get_name())
    return frozenset(name for name in read - bound - _KNOWN if not name.startswith("__"))
