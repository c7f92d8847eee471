"""What a run comes to, whatever its keys are here: the same in every archive that holds a copy of it."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import aliased

from evolve.archive.models import (
    Evaluation,
    Instance,
    LlmCall,
    Outcome,
    Program,
    Proposal,
    Run,
    Software,
    StrategyState,
    Ticket,
    table_of,
)

_CHUNK = 1000
_CHAMPION = aliased(Program)
_REFERENCE = aliased(Run)


def contents_digest(connection: Connection, run_id: int) -> str:
    """A hash over every row that belongs to a run, times and texts of prompts included.

    Keys of rows, the run's name, and outcomes that are cached for its problem are left out.
    """
    digest = hashlib.sha256()
    for fact in _facts(connection, run_id):
        digest.update(msgspec.json.encode(fact, order="deterministic"))
        digest.update(b"\n")
    return digest.hexdigest()


def _facts(connection: Connection, run_id: int) -> Iterator[list[Any]]:
    for name, query in _queries(run_id):
        result = connection.execution_options(yield_per=_CHUNK).execute(query)
        for row in result:
            yield [name, *row]


def _queries(run_id: int) -> list[tuple[str, Select[Any]]]:
    def without(model: type[Any], *names: str) -> list[Any]:
        return [column for column in table_of(model).columns if column.name not in names]

    run = without(Run, "id", "name", "reference_id", "champion_id", "status")
    calls = table_of(LlmCall)
    return [
        (
            "run",
            select(*run, _CHAMPION.hash, _REFERENCE.name)
            .outerjoin(_CHAMPION, _CHAMPION.id == Run.champion_id)
            .outerjoin(_REFERENCE, _REFERENCE.id == Run.reference_id)
            .where(Run.id == run_id),
        ),
        (
            "program",
            select(*without(Program, "id", "run_id")).where(Program.run_id == run_id).order_by(Program.hash),
        ),
        (
            "proposal",
            select(*without(Proposal, "run_id", "program_id"), Program.hash)
            .outerjoin(Program, Program.id == Proposal.program_id)
            .where(Proposal.run_id == run_id)
            .order_by(Proposal.number),
        ),
        (
            "evaluation",
            select(Program.hash, *without(Evaluation, "id", "program_id"))
            .join(Program, Program.id == Evaluation.program_id)
            .where(Program.run_id == run_id)
            .order_by(Program.hash, Evaluation.split),
        ),
        (
            "outcome",
            select(
                Program.hash,
                Evaluation.split,
                Instance.name,
                *without(Outcome, "evaluation_id", "instance_id"),
            )
            .join(Evaluation, Evaluation.id == Outcome.evaluation_id)
            .join(Program, Program.id == Evaluation.program_id)
            .join(Instance, Instance.id == Outcome.instance_id)
            .where(Program.run_id == run_id)
            .order_by(Program.hash, Evaluation.split, Instance.position, Instance.name),
        ),
        (
            "llm_call",
            select(*without(LlmCall, "id", "run_id"))
            .where(LlmCall.run_id == run_id)
            .order_by(calls.c.proposal, calls.c.call, calls.c.attempt),
        ),
        (
            "ticket",
            select(*without(Ticket, "id", "run_id")).where(Ticket.run_id == run_id).order_by(Ticket.token),
        ),
        (
            "software",
            select(*without(Software, "run_id")).where(Software.run_id == run_id).order_by(Software.number),
        ),
        (
            "strategy_state",
            select(*without(StrategyState, "run_id")).where(StrategyState.run_id == run_id),
        ),
    ]
