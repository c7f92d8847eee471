"""Cells of a comparison, one for each problem, strategy and seed, and the folder that keeps finished ones.

A folder belongs to one comparison: suite, evaluations and code. A cell is a file that appears whole when
the cell is finished, and is never written again; so a comparison that was killed goes on with the cells
that are missing.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

import evolve
from evolve.benchmarking.curves import Curve
from evolve.benchmarking.suites import Suite
from evolve.errors import UserError

MANIFEST = "comparison.json"
CELLS = "cells"
ARCHIVE = "runs.db"
_CODE = ("search", "operators", "benchmarking")


class Cell(msgspec.Struct, frozen=True, order=True):
    """One search."""

    problem: str
    strategy: str
    seed: int

    @property
    def name(self) -> str:
        """Of its run, and of its file; of a problem that is a folder, the folder's."""
        return f"{self.problem.rstrip('/').rpartition('/')[2]}.{self.strategy}.{self.seed}"


class Finished(msgspec.Struct, frozen=True):
    """A cell with what came of it."""

    cell: Cell
    curve: Curve
    optimum: float | None
    """The best score there is, where it is known."""


class Manifest(msgspec.Struct, frozen=True):
    """What a folder's comparison is."""

    suite: Suite
    evaluations: int
    code: str
    """Of strategies, operators and spaces, a hash."""


class Folder:
    """The folder of one comparison."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def archive(self) -> str:
        """The URL of the archive that holds the runs."""
        return f"sqlite:///{self.path / ARCHIVE}"

    def open(self, manifest: Manifest) -> None:
        """Make the folder, or make sure that it is this comparison's.

        Raises:
            UserError: It is another one's, or cannot be made.
        """
        try:
            (self.path / CELLS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make {self.path}: {error.strerror}") from error
        path = self.path / MANIFEST
        wanted = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        if not path.exists():
            _write_whole(path, wanted)
        elif path.read_bytes() != wanted:
            raise UserError(
                f"{self.path} holds a comparison of another suite, with other evaluations or other code;"
                " choose another folder with -o"
            )

    def finished(self, cells: Iterable[Cell]) -> list[Finished]:
        """Those of some cells that are finished."""
        paths = [self._path(cell) for cell in cells]
        return [msgspec.json.decode(path.read_bytes(), type=Finished) for path in paths if path.exists()]

    def keep(self, finished: Finished) -> None:
        """Keep a cell for good."""
        _write_whole(self._path(finished.cell), msgspec.json.encode(finished))

    def _path(self, cell: Cell) -> Path:
        return self.path / CELLS / f"{cell.name}.json"


def code_version() -> str:
    """A hash over the code that decides how a search goes, beside the problems', which have versions."""
    digest = hashlib.sha256()
    root = Path(evolve.__path__[0])
    for package in _CODE:
        for path in sorted((root / package).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file such that it is there whole or not at all."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
