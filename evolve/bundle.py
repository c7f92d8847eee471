"""Programs of several files, which are one text everywhere: each file begins with a header line.

    # ==== FILE: main.py ====
    from lib.packing import first_fit
    ...
    # ==== FILE: lib/packing.py ====
    ...

The first header is the first line of the text; a text that begins otherwise is a program of one file. Each
file is a module that the others import by its dotted name. The first one defines the entry point.
"""

import keyword
import re
import sys
from collections.abc import Iterable, Sequence

import msgspec

from sandbox_runner.bundle import OPENING, header, module_name, split

MAX_NAME = 100
"""The longest name of a file."""
BYTE_ORDER_MARK = "\ufeff"
_OPENINGS = (OPENING, BYTE_ORDER_MARK + OPENING)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NAME = re.compile(r"(?:[a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py")
_TAKEN = frozenset(sys.stdlib_module_names) | {"numpy", "sandbox_runner"}


class ProgramError(ValueError):
    """A source is not a program, or not the child it should be. The message is for its author.

    `line` is the line at fault, from 1, where that is known; it counts from the beginning of `file` where
    that is given, else from the beginning of the text.
    """

    def __init__(self, message: str, line: int | None = None, file: str = "") -> None:
        places = [file] if file else []
        if line is not None:
            places.append(f"line {line}")
        super().__init__(f"{', '.join(places)}: {message}" if places else message)
        self.message = message
        self.line = line
        self.file = file

    def within(self, file: str) -> "ProgramError":
        """The same error, found in a file of a program; no other where `file` is empty."""
        return ProgramError(self.message, self.line, file) if file else self


class SourceFile(msgspec.Struct, frozen=True):
    """One file of a program. `name` is empty where a program of one file is that file."""

    name: str
    source: str


def split_lines(source: str) -> list[str]:
    """The lines of a source, without their ends, where Python sees line ends: CR LF, LF or CR."""
    return _LINE_BREAK.split(source)


def is_bundle(source: str) -> bool:
    """Whether a text is a program of several files, or was meant to be: it begins with a header."""
    return source.startswith(_OPENINGS)


def files(source: str) -> tuple[SourceFile, ...]:
    """The files of a program in their order, less a byte order mark.

    A program of one file is one file without a name.

    Raises:
        ProgramError: A header is not as it should be, or names a file that cannot be.
    """
    source = source.removeprefix(BYTE_ORDER_MARK)
    if not is_bundle(source):
        return (SourceFile("", source),)
    line = 1
    found = []
    for part in split(source):
        if part.header != header(part.name) or not part.name:
            raise ProgramError(f"a header has to read '{header('name.py')}', not '{part.header}'", line)
        found.append(SourceFile(part.name, part.source))
        line += len(split_lines(part.source))
    _check_names([file.name for file in found])
    return tuple(found)


def bundle(parts: Iterable[SourceFile]) -> str:
    """The text of a program with these files, the first of which defines the entry point.

    Every file but the last is made to end with a line end.

    Raises:
        ProgramError: There is no file, a name cannot be, or a file holds a line that begins like a header.
    """
    parts = tuple(parts)
    if len(parts) == 1 and not parts[0].name:
        return parts[0].source
    if not parts:
        raise ProgramError("a program has at least one file")
    _check_names([part.name for part in parts])
    texts: list[str] = []
    for part in parts:
        source = part.source.removeprefix(BYTE_ORDER_MARK)
        for number, line in enumerate(split_lines(source), 1):
            if line.startswith(OPENING):
                raise ProgramError(f"a line of a file may not begin with '{OPENING}'", number, part.name)
        is_cut_off = source != "" and part is not parts[-1] and not source.endswith(("\n", "\r"))
        texts.append(f"{header(part.name)}\n{source}" + ("\n" if is_cut_off else ""))
    return "".join(texts)


def _check_names(names: Sequence[str]) -> None:
    """Check that files of these names can be modules beside one another.

    Raises:
        ProgramError: They cannot.
    """
    modules: dict[str, str] = {}
    for name in names:
        _check_name(name)
        module = module_name(name)
        if module in modules:
            raise ProgramError(f"the files {modules[module]} and {name} would be the same module")
        modules[module] = name
    for module, name in modules.items():
        above = module.rpartition(".")[0]
        while above:
            file = modules.get(above, "")
            if file and not file.endswith("/__init__.py"):
                raise ProgramError(f"{file} hides the folder that {name} is in")
            above = above.rpartition(".")[0]


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise ProgramError(
            f"'{name[: MAX_NAME + 1]}' cannot be the name of a file: it has to be relative, of at most"
            f" {MAX_NAME} characters, and made of a-z, 0-9 and _, like lib/packing.py"
        )
    words = module_name(name).split(".")
    for word in words:
        if not word or word.startswith("__") or keyword.iskeyword(word):
            raise ProgramError(f"'{name}' cannot be the name of a file: no other file could import it")
    if words[0] in _TAKEN:
        raise ProgramError(
            f"'{name}' cannot be the name of a file: programs can already import another module '{words[0]}'"
        )
