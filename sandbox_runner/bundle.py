"""Programs of several files: how one text holds them, and how their modules find one another.

Each file begins with a header line, the first of them with the text:

    # ==== FILE: main.py ====
    from lib.packing import first_fit
    ...
    # ==== FILE: lib/packing.py ====
    ...

The trusted side checks names and headers (`evolve.bundle`); here they are taken as they are.
"""

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NamedTuple

OPENING = "# ==== FILE:"
"""How a header begins. A text that begins so is a program of several files."""
_HEADER = re.compile(re.escape(OPENING) + r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_PACKAGE = "__init__"


class Part(NamedTuple):
    """One file as it stands in the text of a program."""

    header: str
    """Without its line end."""
    name: str
    source: str


def header(name: str) -> str:
    """The header line of a file, without its line end."""
    return f"{OPENING} {name} ===="


def split(text: str) -> list[Part]:
    """The files in a text that begins with a header."""
    headers = [one for one in _HEADER.finditer(text) if one.start() == 0 or text[one.start() - 1] in "\r\n"]
    ends = [one.start() for one in headers[1:]] + [len(text)]
    return [
        Part(OPENING + one[1], one[1].removesuffix("====").strip(), text[one.end() : end])
        for one, end in zip(headers, ends, strict=True)
    ]


def module_name(file: str) -> str:
    """The name that imports a file: `lib.packing` for `lib/packing.py`, `lib` for `lib/__init__.py`."""
    parts = file.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == _PACKAGE else parts)


def filename(file: str) -> str:
    """What a file is called in tracebacks: a name that is no path, so nobody looks for it on a disk."""
    return f"<{file}>"


class Importer:
    """Finds and loads the modules of one program; a finder and a loader, as Python's import system has them.

    What is no module of the program is left to the finders after this one.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._files = {module_name(part.name): part for part in parts}
        self._packages = {module_name(part.name) for part in parts if part.name.endswith(f"/{_PACKAGE}.py")}
        for module in self._files:
            above = module.rpartition(".")[0]
            while above:
                self._packages.add(above)
                above = above.rpartition(".")[0]

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """What is to be imported under a name; None if it is nothing of the program."""
        if name not in self._files and name not in self._packages:
            return None
        spec = ModuleSpec(name, self, is_package=name in self._packages)  # type: ignore[arg-type]  # duck-typed
        part = self._files.get(name)
        if part is not None:  # with a place, a failing import says more of what is wrong
            spec.origin, spec.has_location = filename(part.name), True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """A module as Python makes them."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a file. A folder without a file of its own has nothing to run."""
        part = self._files.get(module.__name__)
        if part is not None:
            code = compile(part.source, filename(part.name), "exec", dont_inherit=True)
            exec(code, module.__dict__)  # noqa: S102 - to run an untrusted program is what this process is for


def load(parts: Sequence[Part]) -> ModuleType:
    """The module of the first file, which has imported what it imports of the others."""
    sys.meta_path.insert(0, Importer(parts))
    return importlib.import_module(module_name(parts[0].name))
