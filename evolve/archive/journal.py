"""The write side of one search run: proposals are selected and committed here, and nowhere else.

What always holds:

- Proposals are committed in the order of their numbers, without a gap.
- One transaction holds a proposal's program, its evaluation, the strategy's state after it, and whatever
  could be selected because of it. After a crash it is there whole, or not at all.
- A proposal that was committed never changes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, add_program
from evolve.archive.lease import RunLease
from evolve.archive.models import (
    Evaluation,
    Instance,
    Outcome,
    Program,
    Proposal,
    Run,
    StrategyState,
    table_of,
)
from evolve.archive.records import Commit, Progress, Selected, now, storable
from evolve.errors import ArchiveError
from evolve.problem import Split, Status

WAITING = "selected"
EVALUATED = ("accepted", "not_better", "failed", "stopped")
"""What becomes of a proposal whose program was evaluated."""

_ON_TRAIN = and_(Evaluation.program_id == Program.id, Evaluation.split == Split.TRAIN.value)


_FINISH = (
    update(table_of(Proposal))
    .where(
        Proposal.run_id == bindparam("of_run"),
        Proposal.number == bindparam("of_number"),
        Proposal.status == WAITING,
    )
    .values(
        {
            name: bindparam(name)
            for name in ("status", "operator", "reason", "improvement", "program_id", "committed_at")
        }
    )
)
_SELECT = insert(table_of(Proposal))
_FOLLOW = (
    update(table_of(StrategyState))
    .where(StrategyState.run_id == bindparam("of_run"), StrategyState.number == bindparam("of_number"))
    .values(number=bindparam("number"), state=bindparam("state"))
)
_SPEND = update(table_of(Run)).where(Run.id == bindparam("of_run")).values(seconds=bindparam("seconds"))


class Journal:
    """The proposals of one run."""

    def __init__(self, archive: Archive, run_id: int, lease: RunLease, instances: Mapping[str, int]) -> None:
        self._archive = archive
        self._run_id = run_id
        self._lease = lease
        self._instances = instances

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
                waiting=self._waiting(connection),
                hashes=self._hashes(connection),
                best=self._best(connection),
            )

    def program(self, program_hash: str) -> tuple[str, float | None, dict[str, float]]:
        """A program of this run: its source, its score on train where that counts, and on each instance."""
        with self._archive.reading() as connection:
            row = connection.execute(
                select(Program.source, Evaluation.id, Evaluation.score, Evaluation.status)
                .outerjoin(Evaluation, _ON_TRAIN)
                .where(Program.run_id == self._run_id, Program.hash == program_hash)
            ).one()
            scores = connection.execute(
                select(Instance.name, Outcome.score)
                .join(Instance, Instance.id == Outcome.instance_id)
                .where(Outcome.evaluation_id == row.id, Outcome.score.is_not(None))
                .order_by(Instance.position)
            ).all()
        counts = row.status == Status.OK.value
        return row.source, row.score if counts else None, {one.name: one.score for one in scores}

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

    def select_first(self, selected: Selected) -> None:
        """Record proposal 0, which nothing goes before.

        Raises:
            ArchiveError: The database refuses, or somebody else has begun this run.
        """
        with self._alone(selected.number), self._archive.writing() as connection:
            self._lease.check(connection)
            self._add_selected(connection, (selected,))

    def commit(self, commit: Commit) -> None:
        """Write everything that one commit holds, in one transaction.

        Raises:
            ArchiveError: The database refuses, or this is not the proposal that is to be committed next,
                because somebody else has committed it.
        """
        with self._alone(commit.number), self._archive.writing() as connection:
            self._lease.check(connection)
            program_key = None
            if commit.program is not None:
                program_key = add_program(connection, self._run_id, commit.program)
                if commit.evaluation is not None:
                    add_evaluation(connection, program_key, commit.evaluation, self._instances)
            self._finish_proposal(connection, commit, program_key)
            self._add_selected(connection, commit.selected)
            self._keep_state(connection, commit)

    @contextmanager
    def _alone(self, number: int) -> Iterator[None]:
        """Rows that are there already were written by another process that works on the same run."""
        try:
            yield
        except IntegrityError as error:
            raise _not_alone(number) from error

    def _finish_proposal(self, connection: Connection, commit: Commit, program_key: int | None) -> None:
        changed = connection.execute(
            _FINISH,
            {
                "of_run": self._run_id,
                "of_number": commit.number,
                "status": commit.status,
                "operator": commit.operator,
                "reason": None if commit.reason is None else storable(commit.reason),
                "improvement": commit.improvement,
                "program_id": program_key,
                "committed_at": now(),
            },
        )
        if changed.rowcount != 1:
            raise _not_alone(commit.number)

    def _add_selected(self, connection: Connection, selected: tuple[Selected, ...]) -> None:
        rows = [
            {
                "run_id": self._run_id,
                "number": one.number,
                "status": WAITING,
                "operator": one.operator,
                "parents": list(one.parents),
                "inspirations": list(one.inspirations),
                "context": one.context,
            }
            for one in selected
        ]
        if rows:
            connection.execute(_SELECT, rows)

    def _keep_state(self, connection: Connection, commit: Commit) -> None:
        values = {"number": commit.number, "state": commit.state}
        if commit.number == 0:
            connection.execute(insert(StrategyState).values(run_id=self._run_id, **values))
        else:
            changed = connection.execute(
                _FOLLOW, {"of_run": self._run_id, "of_number": commit.number - 1, **values}
            )
            if changed.rowcount != 1:
                raise ArchiveError(
                    f"proposal {commit.number} cannot be committed before proposal {commit.number - 1}"
                )
        connection.execute(_SPEND, {"of_run": self._run_id, "seconds": commit.seconds})

    def _count_evaluated(self, connection: Connection) -> int:
        return connection.execute(
            select(func.count())
            .select_from(Proposal)
            .where(Proposal.run_id == self._run_id, Proposal.status.in_(EVALUATED))
        ).scalar_one()

    def _waiting(self, connection: Connection) -> tuple[Selected, ...]:
        rows = connection.execute(
            select(
                Proposal.number, Proposal.operator, Proposal.parents, Proposal.inspirations, Proposal.context
            )
            .where(Proposal.run_id == self._run_id, Proposal.status == WAITING)
            .order_by(Proposal.number)
        )
        return tuple(
            Selected(row.number, row.operator, tuple(row.parents), tuple(row.inspirations), row.context)
            for row in rows
        )

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


def _not_alone(number: int) -> ArchiveError:
    return ArchiveError(f"proposal {number} has been written by another process; is this run going on twice?")
