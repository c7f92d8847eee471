"""One hash over everything a run decided, and over nothing else: no times, no keys of rows."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select

from evolve.archive.models import Evaluation, Instance, Outcome, Program, Proposal, StrategyState
from evolve.problem import Split


def run_digest(connection: Connection, run_id: int) -> str:
    """The digest of a run: 64 hexadecimal digits.

    Over the proposals in order (selection, fate, program), each program's evaluation on train with its
    outcomes (status, values and scores), and the strategy's state. What was measured as time is left out,
    and so are proposals that were selected only. Validation and test are left out too: they follow from
    the rest, and which programs were evaluated there also depends on how often the run was continued.
    """
    digest = hashlib.sha256()
    for fact in _facts(connection, run_id):
        digest.update(msgspec.json.encode(fact, order="deterministic"))
        digest.update(b"\n")
    return digest.hexdigest()


def _facts(connection: Connection, run_id: int) -> Iterator[list[Any]]:
    proposals = connection.execute(
        select(
            Proposal.number,
            Proposal.status,
            Proposal.operator,
            Proposal.model,
            Proposal.idea,
            Proposal.seen,
            Proposal.parents,
            Proposal.inspirations,
            Proposal.context,
            Proposal.improvement,
            Program.hash,
            Program.source,
        )
        .outerjoin(Program, Program.id == Proposal.program_id)
        .where(Proposal.run_id == run_id, Proposal.status != "selected")
        .order_by(Proposal.number)
    )
    for row in proposals:
        yield ["proposal", *row]
    outcomes = connection.execute(
        select(
            Program.hash,
            Evaluation.status,
            Evaluation.score,
            Instance.name,
            Outcome.status,
            Outcome.value,
            Outcome.score,
        )
        .join(Evaluation, and_(Evaluation.program_id == Program.id, Evaluation.split == Split.TRAIN.value))
        .outerjoin(Outcome, Outcome.evaluation_id == Evaluation.id)
        .outerjoin(Instance, Instance.id == Outcome.instance_id)
        .where(Program.run_id == run_id)
        .order_by(Program.hash, Instance.position)
    )
    for row in outcomes:
        yield ["outcome", *row]
    state = connection.scalar(select(StrategyState.state).where(StrategyState.run_id == run_id))
    yield ["strategy", state]
