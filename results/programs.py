"""Single programs of a run, with where they come from and what they earned."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, select
from sqlalchemy.orm import aliased

from evolve.archive.models import Evaluation, Program, Proposal, Run
from evolve.archive.reading import top_programs
from evolve.archive.records import RunRecord
from evolve.archive.simplified import origin_id
from evolve.problem import Split

_BY_SPLIT = {split: aliased(Evaluation, name=split.value) for split in Split}


class ProgramRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A program with the proposal that made it; what belongs to a proposal is None for a baseline."""

    id: int
    run_id: int
    hash: str
    baseline: str | None
    source: str
    number: int | None
    operator: str | None
    model: str | None
    idea: str | None
    parents: tuple[str, ...]
    """Hashes; the first is the program that it descends from."""
    status: str | None
    """Of its evaluation on train."""
    train: float | None
    validation: float | None
    test: float | None

    @property
    def label(self) -> str:
        """What a person calls it: the baseline's name, or the start of the hash."""
        return self.baseline or self.hash[:12]


def program_by_key(connection: Connection, key: int) -> ProgramRecord:
    """The program with this key."""
    return _record(connection.execute(_query().where(Program.id == key)).one())


def program_by_hash(connection: Connection, run_id: int, program_hash: str) -> ProgramRecord | None:
    """A program of a run or, as parents may be, one of the baselines that the run is scored against.

    Of a run of simpler forms, also a program of the run that they were made from.
    """
    reference = select(Run.reference_id).where(Run.id == run_id).scalar_subquery()
    for found_in in (run_id, reference, origin_id(connection, run_id)):
        row = connection.execute(
            _query().where(Program.run_id == found_in, Program.hash == program_hash)
        ).one_or_none()
        if row is not None:
            return _record(row)
    return None


def leader_of(connection: Connection, run: RunRecord) -> ProgramRecord | None:
    """The champion of a run; where it has none yet, the best program so far; None if none has a score."""
    if run.champion_id is not None:
        return program_by_key(connection, run.champion_id)
    best = top_programs(connection, run.id, 1)
    return program_by_key(connection, best[0].id) if best else None


def _query() -> Select[Any]:
    query = select(
        Program.id,
        Program.run_id,
        Program.hash,
        Program.baseline,
        Program.source,
        Proposal.number,
        Proposal.operator,
        Proposal.model,
        Proposal.idea,
        Proposal.parents,
        _BY_SPLIT[Split.TRAIN].status,
        *(evaluation.score.label(split.value) for split, evaluation in _BY_SPLIT.items()),
    ).outerjoin(Proposal, Proposal.program_id == Program.id)
    for split, evaluation in _BY_SPLIT.items():
        query = query.outerjoin(
            evaluation, and_(evaluation.program_id == Program.id, evaluation.split == split.value)
        )
    return query


def _record(row: Any) -> ProgramRecord:
    fields = dict(row._mapping)
    return ProgramRecord(**{**fields, "parents": tuple(fields["parents"] or ())})
