"""The write side of one search run: proposals are selected and committed here, and nowhere else.

What always holds:

- Proposals are committed in the order of their numbers, without a gap.
- One transaction holds a proposal's program, its evaluation, the strategy's state after it, and whatever
  could be selected because of it. After a crash it is there whole, or not at all.
- A proposal that was committed never changes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, add_program
from evolve.archive.history import EXTERNAL, WAITING
from evolve.archive.lease import RunLease
from evolve.archive.llm_calls import forget_answers
from evolve.archive.models import (
    Proposal,
    Run,
    StrategyState,
    table_of,
)
from evolve.archive.records import Commit, Selected, now
from evolve.archive.tickets import assign_proposal, first_told
from evolve.errors import ArchiveError
from evolve.texts import storable

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
            for name in (
                "status",
                "operator",
                "reason",
                "idea",
                "improvement",
                "program_id",
                "committed_at",
                "seconds",
            )
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

    def __init__(
        self,
        archive: Archive,
        run_id: int,
        lease: RunLease,
        instances: Mapping[str, int],
        *,
        prompt_text: bool = True,
    ) -> None:
        self._archive = archive
        self._run_id = run_id
        self._lease = lease
        self._instances = instances
        self._prompt_text = prompt_text

    def select_first(self, selected: Selected) -> None:
        """Record proposal 0, which nothing goes before.

        Raises:
            ArchiveError: The database refuses, or somebody else has begun this run.
        """
        with self._alone(selected.number), self._archive.writing() as connection:
            self._lease.check(connection)
            self._add_selected(connection, (selected,))

    def select_told(self, number: int) -> Selected | None:
        """Record the first program that was told and is no proposal yet as proposal `number`.

        Raises:
            ArchiveError: The database refuses, or the run is somebody else's now.
        """
        with self._archive.reading() as connection:
            if first_told(connection, self._run_id) is None:
                return None
        with self._alone(number), self._archive.writing() as connection:
            self._lease.check(connection)
            ticket = first_told(connection, self._run_id)
            if ticket is None:
                return None
            selected = Selected(
                number=number,
                operator=EXTERNAL,
                parents=ticket.parents,
                inspirations=ticket.inspirations,
                context=ticket.context,
                seen=ticket.seen,
            )
            self._add_selected(connection, (selected,))
            assign_proposal(connection, ticket.id, number)
            return selected

    def select_again(self, selected: Selected) -> None:
        """Record a selection that was made before, in the run that is being repeated."""
        with self._alone(selected.number), self._archive.writing() as connection:
            self._lease.check(connection)
            self._add_selected(connection, (selected,))

    def commit(self, commit: Commit) -> None:
        """Write everything that one commit holds, in one transaction.

        Raises:
            ArchiveError: The database refuses, or this is not the proposal that is to be committed next,
                because somebody else has committed it.
        """
        with self._alone(commit.number), self._archive.writing(beside_others=True) as connection:
            self._lease.check(connection)
            program_key = None
            if commit.program is not None:
                program_key = add_program(connection, self._run_id, commit.program)
                if commit.evaluation is not None:
                    add_evaluation(connection, program_key, commit.evaluation, self._instances)
            self._finish_proposal(connection, commit, program_key)
            self._add_selected(connection, commit.selected)
            self._keep_state(connection, commit)
            if not self._prompt_text:
                forget_answers(connection, self._run_id, commit.number)

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
                "idea": None if commit.idea is None else storable(commit.idea),
                "improvement": commit.improvement,
                "program_id": program_key,
                "committed_at": now(),
                "seconds": commit.seconds,
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
                "model": one.model,
                "seen": one.seen,
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


def _not_alone(number: int) -> ArchiveError:
    return ArchiveError(f"proposal {number} has been written by another process; is this run going on twice?")
