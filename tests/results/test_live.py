"""Following a run from its archive."""

import asyncio
import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, insert, update

from evolve.archive.engine import Archive, open_archive
from evolve.archive.lease import DEAD_AFTER_S
from evolve.archive.models import Lease, Run
from evolve.archive.records import RunRecord, now
from evolve.archive.runs import get_run
from evolve.config import Budget, Course
from evolve.observer import Committed
from results.live import Follower, Snapshot
from results.timeline import improvements, read_moments
from tests.results.llm_rows import add_call
from tests.support.searches import Constants, Watcher, searched


def look(archive: Archive, follower: Follower) -> Snapshot:
    with archive.reading() as connection:
        return follower.look(connection)


def hold(
    connection: Connection, run: RunRecord, token: str, silent: float = 0.0, process: str = "17@5"
) -> None:
    connection.execute(delete(Lease).where(Lease.run_id == run.id))
    connection.execute(
        insert(Lease).values(
            run_id=run.id,
            token=token,
            machine="host/boot/4",
            process=process,
            renewed_at=now() - datetime.timedelta(seconds=silent),
        )
    )


def test_a_look_sums_up_the_run(archive: Archive, connection: Connection, run: RunRecord) -> None:
    seen = look(archive, Follower("small"))
    moments = read_moments(connection, run.id)
    found = improvements(moments)
    assert (seen.committed, seen.evaluations) == (moments[-1].number, 50)
    assert sum(seen.statuses.values()) == len(moments)
    assert (seen.best, seen.best_number) == (found[-1].score, found[-1].moment.number)
    assert seen.evaluations_since == 50 - found[-1].moment.evaluations
    assert seen.reference == "line"
    assert [one.number for one in seen.improvements] == [one.moment.number for one in reversed(found[-3:])]
    assert seen.improvements[0].before == found[-2].score
    assert seen.improvements[0].diff.startswith("--- ")
    assert [(arm.operator, arm.improvements) for arm in seen.arms] == [
        (name, sum(one.moment.operator == name for one in found)) for name in ("constants", "others", "seed")
    ]
    assert len(seen.populations) == 3
    assert seen.over


def test_looks_at_a_run_that_goes_on_end_where_a_fresh_look_does(tmp_path: Path) -> None:
    """After every commit one look; each reads only what is new."""
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    follower = Follower("search")
    seen: list[Snapshot] = []

    def at_commit(event: Committed) -> None:
        archive = open_archive(url, create=False, read_only=True)
        seen.append(look(archive, follower))
        assert seen[-1].committed == event.number
        assert seen[-1].best == event.best
        assert seen[-1].evaluations == event.evaluations
        assert not seen[-1].over
        archive.close()

    watcher = Watcher(at_commit)
    course = Course(operators={"constants": 1.0}, lag=3)
    asyncio.run(searched(url, [Constants()], course, Budget(max_evaluations=25), observer=watcher))
    archive = open_archive(url, create=False, read_only=True)
    last, fresh = look(archive, follower), look(archive, Follower("search"))
    archive.close()
    assert len(seen) > 25
    assert seen[0].holder is not None
    assert msgspec.structs.replace(last, rate=None) == msgspec.structs.replace(fresh, rate=None)


def test_calls_are_summed_whether_they_are_committed_or_in_flight(changeable: Archive) -> None:
    follower = Follower("small")
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        add_call(connection, run.id, 3, cost_usd=0.5)
        add_call(connection, run.id, 4, cost_usd=None, status="timeout")
        add_call(connection, run.id, 900, cost_usd=None, status="started")
    first = look(changeable, follower)
    assert (first.cost_usd, first.at_most_beside_usd, first.calls_in_flight) == (0.5, 8.0, 1)
    with changeable.writing() as connection:
        connection.exec_driver_sql("UPDATE llm_call SET status = 'ok', cost_usd = 0.25 WHERE proposal = 900")
        add_call(connection, run.id, 901, cost_usd=0.125, operator="rewrite")
    second = look(changeable, follower)
    assert (second.cost_usd, second.at_most_beside_usd, second.calls_in_flight) == (0.875, 4.0, 0)
    calls = {(arm.operator, arm.model): (arm.calls, arm.cost_usd) for arm in second.arms if arm.calls}
    assert calls == {("edit", "openai/gpt-test"): (3, 0.75), ("rewrite", "openai/gpt-test"): (1, 0.125)}
    assert look(changeable, follower).arms == second.arms


def test_a_run_is_over_when_it_has_ended_and_nobody_holds_it(changeable: Archive) -> None:
    follower = Follower("small")
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        hold(connection, run, "first")
    held = look(changeable, follower)
    assert held.holder is not None
    assert (held.holder.process, held.holder.machine, held.holder.alive) == ("17", "host", True)
    assert not held.over, "somebody goes on with it"
    with changeable.writing() as connection:
        hold(connection, run, "first", silent=DEAD_AFTER_S + 1)
    assert look(changeable, follower).over
    with changeable.writing() as connection:
        connection.execute(update(Run).where(Run.id == run.id).values(status="running"))
    killed = look(changeable, follower)
    assert not killed.over, "it may be resumed"
    assert killed.holder is not None
    assert not killed.holder.alive


def test_a_run_that_has_not_begun_can_be_looked_at(changeable: Archive) -> None:
    with changeable.writing() as connection:
        row = connection.execute(Run.__table__.select().where(Run.name == "small")).one()._mapping
        fresh = {**row, "id": 99, "name": "fresh", "status": "running", "champion_id": None, "seconds": 0.0}
        connection.execute(insert(Run).values(**fresh))
    seen = look(changeable, Follower("fresh"))
    assert (seen.committed, seen.best, seen.improvements, seen.populations) == (-1, None, [], [])
    assert not seen.over
