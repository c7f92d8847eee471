"""Suites: what strategies are compared on. Each is a file of data, in the folder `suites` or a user's."""

import tomllib
from pathlib import Path
from typing import TypeAlias

import msgspec

from evolve.benchmarking.rules import Rule
from evolve.benchmarking.spaces import Conflict, Plateau, Rugged, Trap
from evolve.errors import UserError, unknown
from evolve.files import read_text

AnySpace: TypeAlias = Rugged | Trap | Plateau | Conflict | Rule

_FOLDER = Path(__file__).parent / "suites"


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Problems, or made-up spaces, with the effort that a comparison on them takes."""

    summary: str
    evaluations: int
    """Of each search."""
    seeds: int
    problems: tuple[str, ...] = ()
    operators: dict[str, float] = {}
    """For the problems, names and weights; none are those of a run without a model."""
    spaces: tuple[AnySpace, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of problems and spaces."""
        return (*self.problems, *(space.name for space in self.spaces))

    def space(self, name: str) -> AnySpace | None:
        """The space of a name; None where it is a problem's."""
        return next((space for space in self.spaces if space.name == name), None)


def suite_names() -> list[str]:
    """The shipped suites, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or the one in a file.

    Raises:
        UserError: There is none, or it is not as a suite has to be.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if path.parent == _FOLDER and not path.exists():
        raise unknown("suite", name, suite_names())
    try:
        suite = msgspec.convert(tomllib.loads(read_text(path)), Suite)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UserError(f"{path} is no suite: {error}") from error
    if not suite.names:
        raise UserError(f"{path} is no suite: it has neither problems nor spaces")
    if len({name.rstrip("/").rpartition("/")[2] for name in suite.names}) < len(suite.names):
        raise UserError(f"{path} is no suite: two of its problems or spaces have the same name")
    if suite.evaluations < 1 or suite.seeds < 1:
        raise UserError(f"{path} is no suite: evaluations and seeds have to be at least 1")
    return suite
