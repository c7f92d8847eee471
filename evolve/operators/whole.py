"""Makes a child of a whole program that a model wrote, in one file or in several."""

import re
from collections.abc import Callable, Sequence

from evolve.operators.editing.blocks import EditError, named_file
from evolve.operators.replies import Fenced, fenced_blocks, is_python, without_idea
from evolve.operators.restoring import file_child, parts_of
from evolve.program import SourceFile, bundle, files, is_bundle, split_lines

_HEADER = re.compile(r"[ \t]*#[ \t]*={2,}[ \t]*FILE:[ \t]*([\w./-]+)[ \t]*=*[ \t]*")
_PYTHON = re.compile(r"(?:(?:python3?|py)\b.*)?|.*\.py\b.*", re.IGNORECASE)


def child_of_answer(
    parent: str, answer: str, check: Callable[[str], None], *, needs_markers: bool = False
) -> str:
    """The source of the child that the last usable program in an answer makes of a parent.

    Args:
        parent: The source whose text outside the regions holds.
        answer: What a model wrote.
        check: Raises an `EditError` where a source is no child.
        needs_markers: Whether only a program counts that repeats the markers, and so is meant to be whole.

    Raises:
        EditError: There is none; the message is about the longest one, and for the model.
        ProgramError: The parent is no program.
    """
    blocks = _python_blocks(answer)
    if not blocks:
        raise EditError(
            "there is no program in the answer; write all of it in one block between ```python and ```"
        )
    troubles: list[tuple[int, EditError]] = []
    for given in [blocks] if is_bundle(parent) else [[block] for block in reversed(blocks)]:
        try:
            if is_bundle(parent):
                child = _bundle_child(parent, given, needs_markers)
            else:
                child = file_child(parent, given[0].text, needs_markers=needs_markers)
            check(child)
        except EditError as error:
            troubles.append((len(given[0].text), error))
        else:
            return child
    raise max(troubles, key=lambda one: one[0])[1]


def _python_blocks(answer: str) -> list[Fenced]:
    """What may be a program in an answer: fenced blocks, or all of it where there is none."""
    blocks = [
        block for block in fenced_blocks(answer) if _PYTHON.fullmatch(block.info) or is_python(block.text)
    ]
    if blocks:
        return blocks
    text = without_idea(answer)
    return [Fenced("", text)] if text.strip() and is_python(text) else []


def _bundle_child(parent: str, blocks: Sequence[Fenced], needs_markers: bool) -> str:
    """The bundle with the files that an answer gives anew; the others stay as they are."""
    given = _named_texts(parent, blocks)
    old = files(parent)
    is_free = not any(parts_of(file.source).inside for file in old)
    made = []
    for file in old:
        if file.name in given:
            try:
                source = file_child(
                    file.source, given[file.name], is_free=is_free, needs_markers=needs_markers
                )
            except EditError as error:
                raise EditError(f"{file.name}: {error}") from error
            made.append(SourceFile(file.name, source))
        else:
            made.append(file)
    return bundle(made)


def _named_texts(parent: str, blocks: Sequence[Fenced]) -> dict[str, str]:
    """What an answer gives for each file of a bundle; of several texts for one, the last."""
    names = [file.name for file in files(parent)]
    found: dict[str, str] = {}
    for block in blocks:
        lines = split_lines(block.text)
        headers = [number for number, line in enumerate(lines) if _HEADER.fullmatch(line)]
        if headers:
            for start, end in zip(headers, [*headers[1:], len(lines)], strict=True):
                match = _HEADER.fullmatch(lines[start])
                assert match is not None
                found[_known(match[1], names)] = "\n".join(lines[start + 1 : end])
        else:
            name = named_file(block.info) or named_file(block.title)
            if name:
                found[_known(name, names)] = block.text
    if not found:
        raise EditError(
            f"the program has the files {', '.join(names)}; begin each that you write with its header line,"
            f" like '# ==== FILE: {names[0]} ===='"
        )
    return found


def _known(name: str, names: Sequence[str]) -> str:
    if name.removeprefix("./") in names:
        return name.removeprefix("./")
    raise EditError(f"the program has no file '{name}'; it has {', '.join(names)}, and no other can be added")
