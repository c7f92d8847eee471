"""Programs on disk: one file, or a folder with the files of a program of several."""

import ast
from pathlib import Path

from evolve.bundle import BYTE_ORDER_MARK
from evolve.errors import UserError
from evolve.files import read_text, write_text
from evolve.problem import EntryPoint
from evolve.program import ProgramError, SourceFile, bundle, files, is_bundle, syntax_tree

MAIN = "main.py"


def read_program(path: Path, entry_point: EntryPoint | None = None) -> str:
    """The text of the program in a file or a folder, less a byte order mark.

    Of a folder, all Python files are read. The first is the one that defines the entry point (`main.py`, if
    several do), the others follow in the order of their names.

    Raises:
        UserError: It cannot be read, or a folder's files cannot be those of a program.
    """
    if not path.is_dir():
        return read_text(path).removeprefix(BYTE_ORDER_MARK)
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py"))
    if not names:
        raise UserError(f"{path} holds no program: there is no Python file in it")
    try:
        bundle(SourceFile(name, "") for name in names)  # before anything is read that is no program
        parts = [SourceFile(name, read_text(path / name)) for name in names]
        first = _first(path, parts, entry_point)
        return bundle([first, *(part for part in parts if part is not first)])
    except ProgramError as error:
        raise UserError(f"{path} holds no program: {error}") from error


def write_program(path: Path, source: str, *, force: bool) -> None:
    """Write a program to a file; one of several files to a folder, unless `path` ends in `.py`.

    What is there is replaced only if `force` says so, and nothing is ever removed.

    Raises:
        UserError: Something is there already, or cannot be written.
    """
    check_target(path, source, force=force)
    if _is_one_file(path, source):
        write_text(path, source, force=force)
        return
    for part in files(source):
        target = path / part.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error
        write_text(target, part.source, force=force)


def check_target(path: Path, source: str, *, force: bool) -> None:
    """Check that a program, or another one with files of the same names, can be written to `path`.

    Raises:
        UserError: Something is there already, or would become part of the program.
    """
    if not _is_one_file(path, source):
        _check_folder(path, {part.name for part in files(source)}, force=force)
    elif path.is_dir():
        raise UserError(f"{path} is a folder; the program is one file")
    elif path.exists() and not force:
        raise UserError(f"{path} is there already; --force replaces it")
    elif not path.parent.is_dir():
        raise UserError(f"cannot write {path}: there is no folder {path.parent}")


def _is_one_file(path: Path, source: str) -> bool:
    return path.suffix == ".py" or not is_bundle(source)


def _first(path: Path, parts: list[SourceFile], entry_point: EntryPoint | None) -> SourceFile:
    if entry_point is None:
        return parts[0]
    found = [part for part in parts if _defines(part.source, entry_point.function)]
    if len(found) > 1:
        found = [part for part in found if part.name == MAIN] or found
    if len(found) > 1:
        raise UserError(
            f"{path}: {' and '.join(part.name for part in found)} define {entry_point.function};"
            f" call the file with the entry point {MAIN}"
        )
    return found[0] if found else parts[0]


def _defines(source: str, function: str) -> bool:
    try:
        body = syntax_tree(source).body
    except ProgramError:  # will be told when the whole program is parsed
        return False
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in body)


def _check_folder(path: Path, names: set[str], *, force: bool) -> None:
    """Check that a program of these files can be written to a folder, and that nothing else would join it."""
    if path.exists() and not path.is_dir():
        raise UserError(
            f"{path} is a file; a program of several files is written to a folder, or to a .py file"
        )
    if not path.is_dir():
        return
    if any(path.iterdir()) and not force:
        raise UserError(f"{path} is not empty; --force replaces the files of the same names")
    others = sorted({file.relative_to(path).as_posix() for file in path.rglob("*.py")} - names)
    if others:
        raise UserError(f"{path / others[0]} would become a file of the program; choose another folder")
