"""What a run did, commit by commit: scores, evaluations, working time and money."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, and_, func, select

from evolve.archive.history import EVALUATED, WAITING
from evolve.archive.models import Evaluation, LlmCall, Program, Proposal
from evolve.llm.prices import exact
from evolve.problem import Split, Status

ON_TRAIN = and_(Evaluation.program_id == Program.id, Evaluation.split == Split.TRAIN.value)


class Moment(msgspec.Struct, frozen=True):
    """A committed proposal, and what the run had used up when it was committed."""

    number: int
    operator: str
    model: str | None
    status: str
    program: str | None
    """The hash of its program, where it made a new one."""
    score: float | None
    """Of that program on train; None where it has none that counts."""
    cpu_seconds: float
    """Of that program's evaluation on train; 0 where there was none."""
    evaluations: int
    """Evaluated proposals up to this one."""
    seconds: float
    """Wall time spent on the run up to this commit, over all its continuations."""
    usd: float
    """What the models' answers to this and earlier proposals are known to have cost."""


class Improvement(msgspec.Struct, frozen=True):
    """A commit that raised the best score on train."""

    moment: Moment
    score: float
    before: float | None
    """The best score until then."""


def read_moments(connection: Connection, run_id: int) -> list[Moment]:
    """All commits of a run, in order."""
    rows = connection.execute(
        select(
            Proposal.number,
            Proposal.operator,
            Proposal.model,
            Proposal.status,
            Proposal.seconds,
            Program.hash,
            Evaluation.status.label("ended"),
            Evaluation.score,
            Evaluation.cpu_seconds,
        )
        .outerjoin(Program, Program.id == Proposal.program_id)
        .outerjoin(Evaluation, ON_TRAIN)
        .where(Proposal.run_id == run_id, Proposal.status != WAITING)
        .order_by(Proposal.number)
    ).all()
    costs = _costs(connection, run_id)
    moments: list[Moment] = []
    evaluations, spent = 0, Decimal(0)
    for row in rows:
        evaluations += row.status in EVALUATED
        spent += costs.get(row.number, Decimal(0))
        moments.append(
            Moment(
                number=row.number,
                operator=row.operator,
                model=row.model,
                status=row.status,
                program=row.hash,
                score=row.score if row.ended == Status.OK.value else None,
                cpu_seconds=row.cpu_seconds or 0.0,
                evaluations=evaluations,
                seconds=row.seconds,
                usd=float(spent),
            )
        )
    return moments


def improvements(moments: Sequence[Moment]) -> list[Improvement]:
    """The commits that raised the best score on train, in order; the first one with a score is the first."""
    found: list[Improvement] = []
    best: float | None = None
    for moment in moments:
        if moment.score is not None and (best is None or moment.score > best):
            found.append(Improvement(moment, moment.score, best))
            best = moment.score
    return found


def _costs(connection: Connection, run_id: int) -> dict[int, Decimal]:
    rows = connection.execute(
        select(LlmCall.proposal, func.sum(LlmCall.cost_usd))
        .where(LlmCall.run_id == run_id, LlmCall.cost_usd.is_not(None))
        .group_by(LlmCall.proposal)
    )
    return {proposal: exact(cost) for proposal, cost in rows if cost is not None}
