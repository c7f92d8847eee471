"""What goes into the archive and comes out of it, as plain frozen data."""

import datetime
from typing import Any

import msgspec

from evolve.problem import Outcome, Status
from evolve.program import Program


def now() -> datetime.datetime:
    """The time for a column that people read; nothing is ever decided by it."""
    return datetime.datetime.now(datetime.UTC)


def storable(text: str) -> str:
    """`text` as any database takes it: lone surrogates and NUL are written as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `run`; the model of that table says what each field means."""

    id: int
    name: str
    kind: str
    reference_id: int | None
    problem: str
    problem_version: str
    fingerprint: str
    seed: int
    settings: dict[str, Any]
    problem_reference: dict[str, Any]
    status: str
    reason: str
    champion_id: int | None
    seconds: float
    created_at: datetime.datetime


class ScoredEvaluation(msgspec.Struct, frozen=True):
    """An evaluation with its outcomes and what they add up to, before it has a key."""

    split: str
    status: Status
    score: float | None
    scores: dict[str, float]
    outcomes: tuple[Outcome, ...]

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the candidate over all outcomes, seconds."""
        return sum(outcome.cpu_seconds for outcome in self.outcomes)

    @property
    def isolation(self) -> str:
        """The isolation level that was in force."""
        return self.outcomes[0].isolation if self.outcomes else "none"


class Selected(msgspec.Struct, frozen=True):
    """A proposal that has been selected: what it is to be made from, and how."""

    number: int
    operator: str
    parents: tuple[str, ...]
    inspirations: tuple[str, ...]
    context: dict[str, Any]


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one commit writes, in one transaction."""

    number: int
    status: str
    operator: str
    program: Program | None
    """The new program, where there is one that the run did not have."""
    evaluation: ScoredEvaluation | None
    reason: str | None
    improvement: float | None
    selected: tuple[Selected, ...]
    """The proposals that could be selected once this one was committed."""
    state: dict[str, Any]
    """The strategy's state after it was told of this proposal."""
    seconds: float
    """Wall time spent on the run so far."""


class Progress(msgspec.Struct, frozen=True):
    """Where a run stands in the archive, as a continuation finds it."""

    committed: int
    """The number of the last committed proposal; -1 when there is none."""
    evaluations: int
    """How many proposals were evaluated."""
    seconds: float
    state: dict[str, Any] | None
    waiting: tuple[Selected, ...]
    """Selected and not committed, in order."""
    hashes: dict[str, int]
    """The number of the proposal that made each program, by the program's hash, in order."""
    best: float | None
    """The best score on train."""
