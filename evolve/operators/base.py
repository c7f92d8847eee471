"""What an operator is: it is handed parents and writes the source of a child."""

import random
from typing import Protocol

import msgspec

from evolve.problem import EntryPoint, Feature, Objective


class ParentProgram(msgspec.Struct, frozen=True):
    """A program of the archive, as an operator sees it. `score` is None where it failed."""

    id: str
    source: str
    score: float | None


class Brief(msgspec.Struct, frozen=True):
    """All that an operator may know of a problem."""

    problem: str
    statement: str
    entry_point: EntryPoint
    features: tuple[Feature, ...]
    objective: Objective


class Request(msgspec.Struct, frozen=True):
    """All that an operator may use for one proposal; the child depends on nothing else.

    `parents[0]` is the program to be changed; further parents and the inspirations may lend parts.
    `random` is the proposal's own stream.
    """

    number: int
    parents: tuple[ParentProgram, ...]
    inspirations: tuple[ParentProgram, ...]
    brief: Brief
    random: random.Random
    rejections: tuple[str, ...] = ()
    """Why earlier attempts at this proposal came to nothing, in order."""


class NoProposal(Exception):  # noqa: N818 - an answer of the operator, not an error
    """An operator has nothing to propose; `reason` says why, for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Operator(Protocol):
    """Makes new programs from parents. A module of this package defines one as its attribute `operator`."""

    name: str

    async def propose(self, request: Request) -> str:
        """The source of a child.

        Raises:
            NoProposal: There is no child to propose.
        """
        ...
