"""What goes into the archive and comes out of it, as plain frozen data."""

import datetime
from typing import Any

import msgspec

from evolve.problem import Outcome, Status
from evolve.program import Program


def now() -> datetime.datetime:
    """The time for a column that people read; nothing is ever decided by it."""
    return datetime.datetime.now(datetime.UTC)


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
    model: str | None = None
    seen: int = -1
    """The last proposal that had been committed when this one was selected."""


def selected_from(row: Any) -> Selected:
    """The selection in a row of `proposal`."""
    fields = {**row._mapping, "parents": tuple(row.parents), "inspirations": tuple(row.inspirations)}
    return Selected(**fields)


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one commit writes, in one transaction."""

    number: int
    status: str
    operator: str
    program: Program | None
    """The new program, where there is one that the run did not have."""
    evaluation: ScoredEvaluation | None
    reason: str | None
    idea: str | None
    """What the operator says that it tried, or the note that it made."""
    improvement: float | None
    selected: tuple[Selected, ...]
    """The proposals that could be selected once this one was committed."""
    state: dict[str, Any]
    """The strategy's state after it was told of this proposal."""
    seconds: float
    """Wall time spent on the run so far."""


class StoredProgram(msgspec.Struct, frozen=True):
    """A program of a run, with its evaluation on train where it has one."""

    source: str
    evaluation: ScoredEvaluation | None


class Attempt(msgspec.Struct, frozen=True):
    """A committed proposal that had an idea."""

    number: int
    operator: str
    model: str | None
    idea: str
    status: str
    parents: tuple[str, ...]
    score: float | None
    """Its program's score on train, where it has one that counts."""


class Relation(msgspec.Struct, frozen=True):
    """A program that differs from others in real constants only."""

    program: str
    """Its hash."""
    score: float | None
    """On train; None where it has none that counts."""


class Progress(msgspec.Struct, frozen=True):
    """Where a run stands in the archive, as a continuation finds it."""

    committed: int
    """The number of the last committed proposal; -1 when there is none."""
    evaluations: int
    """How many proposals were evaluated."""
    seconds: float
    state: dict[str, Any] | None
    selected: int
    """The number of the last selected proposal; -1 when there is none."""
    waiting: tuple[Selected, ...]
    """Selected and not committed, in order."""
    hashes: dict[str, int]
    """The number of the proposal that made each program, by the program's hash, in order."""
    best: float | None
    """The best score on train."""
