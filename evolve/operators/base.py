"""What an operator is: it is handed parents and writes the source of a child."""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from evolve.llm.base import Model
from evolve.problem import EntryPoint, Feature, Objective, Outcome
from evolve.prompting.templates import PROJECT_TEMPLATES, Templates


class ParentProgram(msgspec.Struct, frozen=True):
    """A program of the archive, as an operator sees it. `score` is None where it failed."""

    id: str
    source: str
    score: float | None
    scores: Mapping[str, float] = {}
    """On each train instance that it has a score on, by name."""
    outcomes: tuple[Outcome, ...] = ()
    """What it did on train, as far as it was evaluated."""
    baseline: str | None = None
    """Its published name, if it is one."""


class InstanceBrief(msgspec.Struct, frozen=True):
    """What operators may know of a train instance: what can be and what has been reached on it."""

    name: str
    reference: float
    """The value of the best baseline, in the objective's unit; a score of 1.0."""
    bound: float | None


class Brief(msgspec.Struct, frozen=True):
    """All that an operator may know of a problem."""

    problem: str
    statement: str
    """The problem in full, as it is put to whoever writes programs."""
    entry_point: EntryPoint
    features: tuple[Feature, ...]
    objective: Objective
    reference: str = ""
    """The published name of the baseline whose score is 1.0."""
    bound_name: str = "bound"
    instances: tuple[InstanceBrief, ...] = ()
    """Train only."""


class Tried(msgspec.Struct, frozen=True):
    """What was tried in an earlier proposal, and what came of it."""

    number: int
    operator: str
    model: str | None
    idea: str
    status: str
    score: float | None
    parent_score: float | None


class Relative(msgspec.Struct, frozen=True):
    """A program that differs from another in the values of real constants only (`Program.skeleton`)."""

    id: str
    score: float | None
    """On train; None where it failed, or was stopped for being clearly worse than its parent."""


class Background(Protocol):
    """What a run had learnt when a proposal was selected: the same however far it has come since."""

    def tried(self, limit: int, operator: str | None = None) -> tuple[Tried, ...]:
        """The latest proposals that had an idea, oldest first; of one operator, if it is given."""
        ...

    def best(self, limit: int) -> tuple[ParentProgram, ...]:
        """The best programs on train, best first."""
        ...

    def note(self) -> str | None:
        """The latest note of what works and what does not, or None."""
        ...

    def family_size(self, skeleton: str) -> int:
        """How many programs of the run have this skeleton."""
        ...

    def family(self, skeleton: str, count: int, skipped: int = 0) -> tuple[Relative, ...]:
        """The latest programs with this skeleton, oldest first, less the very latest ones `skipped`."""
        ...

    def program(self, program_id: str) -> ParentProgram:
        """A program of the run, by its hash."""
        ...


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
    model: Model | None = None
    """The model that was chosen for this proposal; None for operators that need none."""
    background: Background | None = None
    """None where nothing has been committed, as in tests of an operator alone."""
    templates: Templates = PROJECT_TEMPLATES
    """What prompts are rendered from."""


class Draft(msgspec.Struct, frozen=True):
    """A child as its operator made it."""

    source: str
    idea: str = ""
    """In a line: what was changed, and why that should help. Kept with the proposal."""


class Note(msgspec.Struct, frozen=True):
    """No child, but something learnt, which later prompts will carry."""

    text: str


class NoProposal(Exception):  # noqa: N818 - an answer of the operator, not an error
    """An operator has nothing to propose; `reason` says why, for a person.

    Where it was the answer of a model, the reason goes back to it in the next attempt.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Role(StrEnum):
    """When an operator is chosen."""

    ORDINARY = "ordinary"
    """Again and again, by its weight or by what it earns."""
    CROSSOVER = "crossover"
    """Like an ordinary one, with two parents where there are two."""
    REFINEMENT = "refinement"
    """Like an ordinary one, but mostly on the best program: it learns from one proposal for the next."""
    REPAIR = "repair"
    """Once for a program that failed."""
    DIRECTION = "direction"
    """When nothing has become better for a while."""
    REFLECTION = "reflection"
    """Now and then; makes a note."""
    EXTERNAL = "external"
    """Never: somebody outside makes the programs."""


class Operator(Protocol):
    """Makes new programs from parents. A module of this package defines one as its attribute `operator`."""

    name: str

    @property
    def role(self) -> Role:
        """When it is chosen."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether it can work only with a model."""
        ...

    async def propose(self, request: Request) -> Draft | Note:
        """A child, or a note.

        Raises:
            NoProposal: There is no child to propose.
        """
        ...
