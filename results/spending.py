"""What a run spent, and on what: proposals, CPU time and money by operator and model."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from evolve.archive.history import EVALUATED, WAITING
from evolve.archive.models import Evaluation, LlmCall, Program, Proposal
from evolve.problem import Status
from results.timeline import ON_TRAIN


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator with a model made of how much."""

    operator: str
    model: str | None
    proposals: int = 0
    evaluated: int = 0
    accepted: int = 0
    best: float | None = None
    """The best score on train among its programs."""
    cpu_seconds: float = 0.0
    """Of its programs on train."""
    calls: int = 0
    """Attempts at calls of the model, those included that failed."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    at_most_beside_usd: float = 0.0
    """The most that attempts may have cost whose cost nobody knows."""


def read_spending(connection: Connection, run_id: int) -> list[Spent]:
    """What each operator used and made, by operator and model; calls in flight are counted too."""
    found: dict[tuple[str, str], Spent] = {}
    for row in connection.execute(_proposals(run_id)):
        found[row.operator, row.model or ""] = Spent(**row._mapping)
    for row in connection.execute(_calls(run_id)):
        key = (row.operator, row.model)
        before = found.get(key) or Spent(operator=row.operator, model=row.model)
        found[key] = msgspec.structs.replace(before, **row._mapping)
    return [found[key] for key in sorted(found)]


def _proposals(run_id: int) -> Select[Any]:
    return (
        select(
            Proposal.operator,
            Proposal.model,
            func.count().label("proposals"),
            _count(Proposal.status.in_(EVALUATED)).label("evaluated"),
            _count(Proposal.status == "accepted").label("accepted"),
            func.max(case((Evaluation.status == Status.OK.value, Evaluation.score))).label("best"),
            func.coalesce(func.sum(Evaluation.cpu_seconds), 0.0).label("cpu_seconds"),
        )
        .outerjoin(Program, Program.id == Proposal.program_id)
        .outerjoin(Evaluation, ON_TRAIN)
        .where(Proposal.run_id == run_id, Proposal.status != WAITING)
        .group_by(Proposal.operator, Proposal.model)
    )


def _calls(run_id: int) -> Select[Any]:
    return (
        select(
            LlmCall.operator,
            LlmCall.model,
            func.count().label("calls"),
            func.coalesce(func.sum(LlmCall.tokens_in), 0).label("tokens_in"),
            func.coalesce(func.sum(LlmCall.tokens_out), 0).label("tokens_out"),
            func.coalesce(func.sum(LlmCall.cost_usd), 0.0).label("cost_usd"),
            func.coalesce(
                func.sum(case((LlmCall.cost_usd.is_(None), LlmCall.reserved_usd), else_=0.0)), 0.0
            ).label("at_most_beside_usd"),
        )
        .where(LlmCall.run_id == run_id)
        .group_by(LlmCall.operator, LlmCall.model)
    )


def _count(condition: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
