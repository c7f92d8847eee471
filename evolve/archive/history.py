"""The read side of one search run: its programs, and what had been tried up to some proposal."""

from sqlalchemy import ColumnElement, Connection, and_, func, select

from evolve.archive.engine import Archive
from evolve.archive.evaluations import load_evaluation
from evolve.archive.models import Evaluation, LlmCall, Program, Proposal, Run, StrategyState
from evolve.archive.records import Attempt, Progress, Relation, Selected, StoredProgram, selected_from
from evolve.problem import Split, Status

WAITING = "selected"
"""The status of a proposal that has not been committed."""
EXTERNAL = "external"
"""The operator of a proposal from outside."""
EVALUATED = ("accepted", "not_better", "failed", "stopped")
"""What becomes of a proposal whose program was evaluated."""
NOTE = "note"
"""The status of a proposal that made a note and no program."""

_ON_TRAIN = and_(Evaluation.program_id == Program.id, Evaluation.split == Split.TRAIN.value)


class History:
    """What a run has committed. What is asked for up to a number does not change with later commits."""

    def __init__(self, archive: Archive, run_id: int) -> None:
        self._archive = archive
        self._run_id = run_id

    def progress(self) -> Progress:
        """Where the run stands."""
        with self._archive.reading() as connection:
            state = connection.execute(
                select(StrategyState.number, StrategyState.state).where(StrategyState.run_id == self._run_id)
            ).one_or_none()
            return Progress(
                committed=-1 if state is None else state.number,
                state=None if state is None else state.state,
                evaluations=self._count_evaluated(connection),
                seconds=connection.execute(select(Run.seconds).where(Run.id == self._run_id)).scalar_one(),
                selected=self._last_selected(connection),
                waiting=self._waiting(connection),
                hashes=self._hashes(connection),
                best=self._best(connection),
            )

    def program(self, program_hash: str) -> StoredProgram:
        """A program of this run."""
        with self._archive.reading() as connection:
            row = connection.execute(
                select(Program.id, Program.source).where(
                    Program.run_id == self._run_id, Program.hash == program_hash
                )
            ).one()
            return StoredProgram(row.source, load_evaluation(connection, row.id, Split.TRAIN.value))

    def tried(self, until: int, limit: int, operator: str | None = None) -> list[Attempt]:
        """The latest proposals up to number `until` that had an idea, oldest first."""
        mine = [Proposal.run_id == self._run_id, Proposal.number <= until, Proposal.idea.is_not(None)]
        mine.append(Proposal.status != NOTE if operator is None else Proposal.operator == operator)
        with self._archive.reading() as connection:
            rows = connection.execute(
                select(
                    Proposal.number,
                    Proposal.operator,
                    Proposal.model,
                    Proposal.idea,
                    Proposal.status,
                    Proposal.parents,
                    Evaluation.status.label("outcome"),
                    Evaluation.score,
                )
                .outerjoin(Program, Program.id == Proposal.program_id)
                .outerjoin(Evaluation, _ON_TRAIN)
                .where(*mine)
                .order_by(Proposal.number.desc())
                .limit(limit)
            ).all()
        return [
            Attempt(
                number=row.number,
                operator=row.operator,
                model=row.model,
                idea=row.idea,
                status=row.status,
                parents=tuple(row.parents),
                score=row.score if row.outcome == Status.OK.value else None,
            )
            for row in reversed(rows)
        ]

    def best_until(self, until: int, limit: int) -> list[str]:
        """Hashes of the best programs on train that were committed up to number `until`, best first."""
        with self._archive.reading() as connection:
            rows = connection.execute(
                select(Program.hash)
                .join(Proposal, Proposal.program_id == Program.id)
                .join(Evaluation, _ON_TRAIN)
                .where(
                    Proposal.run_id == self._run_id,
                    Proposal.number <= until,
                    Evaluation.status == Status.OK.value,
                )
                .order_by(Evaluation.score.desc(), func.length(Program.source), Proposal.number)
                .limit(limit)
            )
            return [row.hash for row in rows]

    def family_size(self, until: int, skeleton: str) -> int:
        """How many programs with a skeleton were committed up to number `until`."""
        with self._archive.reading() as connection:
            return connection.execute(
                select(func.count()).select_from(Program).where(*self._of_family(connection, until, skeleton))
            ).scalar_one()

    def family(self, until: int, skeleton: str, count: int, skipped: int = 0) -> list[Relation]:
        """Of the programs with a skeleton committed up to number `until`: the latest `count`, oldest first.

        Less the very latest, of which so many are `skipped`.
        """
        with self._archive.reading() as connection:
            rows = connection.execute(
                select(Program.hash, Evaluation.status, Evaluation.score)
                .outerjoin(Evaluation, _ON_TRAIN)
                .where(*self._of_family(connection, until, skeleton))
                .order_by(Program.id.desc())
                .offset(skipped)
                .limit(count)
            ).all()
        return [
            Relation(row.hash, row.score if row.status == Status.OK.value else None) for row in reversed(rows)
        ]

    def _of_family(
        self, connection: Connection, until: int, skeleton: str
    ) -> tuple[ColumnElement[bool], ...]:
        """What holds of a family's programs. Their keys grow with the numbers of their proposals."""
        newest = connection.scalar(
            select(Proposal.program_id)
            .where(
                Proposal.run_id == self._run_id, Proposal.number <= until, Proposal.program_id.is_not(None)
            )
            .order_by(Proposal.number.desc())
            .limit(1)
        )
        return (
            Program.run_id == self._run_id,
            Program.skeleton == skeleton,
            Program.id <= (-1 if newest is None else newest),
        )

    def cost(self, proposal: int) -> float:
        """What a proposal's calls of models cost, US dollars.

        Of the attempts that ended a call alone: how many went before depends on the weather.
        """
        with self._archive.reading() as connection:
            costs = connection.scalars(
                select(LlmCall.cost_usd)
                .where(
                    LlmCall.run_id == self._run_id,
                    LlmCall.proposal == proposal,
                    LlmCall.is_final,
                    LlmCall.cost_usd.is_not(None),
                )
                .order_by(LlmCall.call)
            )
            return sum(cost for cost in costs if cost is not None)

    def note(self, until: int) -> str | None:
        """The latest note that was committed up to number `until`."""
        with self._archive.reading() as connection:
            return connection.scalar(
                select(Proposal.idea)
                .where(Proposal.run_id == self._run_id, Proposal.number <= until, Proposal.status == NOTE)
                .order_by(Proposal.number.desc())
                .limit(1)
            )

    def first_to_reach(self, score: float) -> int | None:
        """The number of the first proposal with at least that score on train, or None."""
        with self._archive.reading() as connection:
            return connection.scalar(
                select(func.min(Proposal.number))
                .join(Program, Program.id == Proposal.program_id)
                .join(Evaluation, _ON_TRAIN)
                .where(
                    Proposal.run_id == self._run_id,
                    Evaluation.status == Status.OK.value,
                    Evaluation.score >= score,
                )
            )

    def _count_evaluated(self, connection: Connection) -> int:
        return connection.execute(
            select(func.count())
            .select_from(Proposal)
            .where(Proposal.run_id == self._run_id, Proposal.status.in_(EVALUATED))
        ).scalar_one()

    def _waiting(self, connection: Connection) -> tuple[Selected, ...]:
        rows = connection.execute(
            select(*(getattr(Proposal, field) for field in Selected.__struct_fields__))
            .where(Proposal.run_id == self._run_id, Proposal.status == WAITING)
            .order_by(Proposal.number)
        )
        return tuple(selected_from(row) for row in rows)

    def _last_selected(self, connection: Connection) -> int:
        last = connection.scalar(select(func.max(Proposal.number)).where(Proposal.run_id == self._run_id))
        return -1 if last is None else last

    def _best(self, connection: Connection) -> float | None:
        return connection.execute(
            select(func.max(Evaluation.score))
            .join(Program, _ON_TRAIN)
            .where(Program.run_id == self._run_id, Evaluation.status == Status.OK.value)
        ).scalar_one()

    def _hashes(self, connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            select(Program.hash, Proposal.number)
            .join(Proposal, Proposal.program_id == Program.id)
            .where(Proposal.run_id == self._run_id)
            .order_by(Proposal.number)
        )
        return {row.hash: row.number for row in rows}
