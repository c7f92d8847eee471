import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from evolve.archive.engine import Archive, open_archive
from evolve.archive.lease import RunLease
from evolve.archive.runs import get_run
from evolve.asking import hand_out
from evolve.config import Budget, Course, Resources, Settings
from evolve.errors import UserError
from evolve.outside import LiveOutside
from evolve.running import Surroundings, open_run, search_with
from evolve.standing import Standing, standing_of
from evolve.telling import Told, tell
from tests.support.searches import InProcessExecutor, Watcher, load_curve, source_of

RESOURCES = Resources(workers=1)
SETTINGS = Settings(Course(operators={"external": 1.0}), Budget(), RESOURCES)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """With a run that makes no programs itself, begun."""
    opened = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    begin(opened, SETTINGS)
    yield opened
    opened.close()


def begin(archive: Archive, settings: Settings) -> None:
    """Begin the run, or go on with it, in this process."""
    loaded = load_curve()
    run = open_run(archive, loaded, settings, "mine")
    lease = RunLease.take(archive, run.id, run.name)
    given = Surroundings(
        archive=archive,
        loaded=loaded,
        settings=settings,
        run=run,
        lease=lease,
        executor=InProcessExecutor(loaded),
        observer=Watcher(),
    )
    asyncio.run(search_with(given, LiveOutside, crowns=False))
    lease.give_back()


def standing(archive: Archive) -> Standing:
    with archive.reading() as connection:
        run = get_run(connection, "mine")
    return asyncio.run(standing_of(archive, run))


def ticket(archive: Archive, lifetime: float = 60.0) -> str:
    (handout,) = hand_out(standing(archive), 1, lifetime)
    return handout.ticket.token


def told(
    archive: Archive, token: str, source: str, settings: Settings = SETTINGS, patience: float = 0.0
) -> Told:
    return asyncio.run(tell(standing(archive), settings, token, source, Watcher(), patience))


def proposals(archive: Archive) -> int:
    with archive.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM proposal")).scalar_one())


def test_told_evaluated_and_committed(archive: Archive) -> None:
    found = told(archive, ticket(archive), source_of("x * x + 3.5"))
    assert (found.status, found.proposal, found.reason) == ("accepted", 1, None)
    assert found.evaluation is not None
    assert found.evaluation.score is not None
    assert found.evaluation.score > 1


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\n\n"])
def test_line_ends_at_the_end_are_no_change(archive: Archive, end: str) -> None:
    token, source = ticket(archive), source_of("x * x + 3.5").rstrip("\n")
    first = told(archive, token, source + end)
    assert first.status == "accepted", first.reason
    assert told(archive, token, source + "\n") == first, "nor are they to whoever tells again"
    assert proposals(archive) == 2


def test_refusals_leave_the_ticket_open_and_no_trace(archive: Archive) -> None:
    token = ticket(archive)
    for source, status in (("def answer(x:\n", "rejected"), (load_curve().seed, "duplicate")):
        found = told(archive, token, source)
        assert (found.status, found.proposal, found.evaluation) == (status, None, None)
        assert found.reason
    assert proposals(archive) == 1
    assert told(archive, token, source_of("x * 5.5")).proposal == 1


def test_while_somebody_holds_the_run_it_waits_and_says_so(archive: Archive) -> None:
    token = ticket(archive)
    with archive.reading() as connection:
        run = get_run(connection, "mine")
    lease = RunLease.take(archive, run.id, run.name)
    waiting = told(archive, token, source_of("x * 5.5"), patience=0.3)
    assert waiting.status == "waiting"
    assert "evolve resume mine" in (waiting.reason or "")
    with archive.reading() as connection:
        kept = connection.execute(text("SELECT source, proposal FROM ticket")).one()
    assert tuple(kept) == (source_of("x * 5.5"), None), "it is on record"
    lease.give_back()
    assert told(archive, token, source_of("x * 5.5")).proposal == 1


def test_nobody_is_waited_for_where_nobody_works_on_the_run(archive: Archive) -> None:
    mixed = Settings(Course(operators={"constants": 1.0, "external": 1.0}), Budget(), RESOURCES)
    token, begun = ticket(archive), time.monotonic()
    waiting = told(archive, token, source_of("x * 5.5"), mixed, patience=600.0)
    assert waiting.status == "waiting"
    assert "evolve resume mine" in (waiting.reason or "")
    assert time.monotonic() - begun < 300.0


def test_whoever_goes_on_with_the_run_takes_in_what_was_told(archive: Archive) -> None:
    token = ticket(archive)
    full = Settings(SETTINGS.course, Budget(max_evaluations=1), RESOURCES)
    waiting = told(archive, token, source_of("x * 5.5"), full)
    assert waiting.status == "waiting"
    assert "--max-evaluations" in (waiting.reason or "")
    begin(archive, SETTINGS)
    assert told(archive, token, source_of("x * 5.5"), full).proposal == 1
    assert proposals(archive) == 2


def test_the_same_program_for_two_tickets_at_once_is_evaluated_once(archive: Archive) -> None:
    first, second = ticket(archive), ticket(archive)
    full = Settings(SETTINGS.course, Budget(max_evaluations=1), RESOURCES)
    for token in (first, second):  # neither of which sees the other's program committed
        assert told(archive, token, source_of("x * 5.5"), full).status == "waiting"
    begin(archive, SETTINGS)
    found = [told(archive, token, source_of("x * 5.5")) for token in (first, second)]
    assert [one.proposal for one in found] == [1, 2]
    assert [one.status for one in found][1] == "duplicate"
    assert found[1].reason == "the same program as proposal 1's"


@pytest.mark.parametrize(
    ("lifetime", "token", "source", "complaint"),
    [
        (60.0, "another", "x * 5.5", "has no ticket another"),
        (-1.0, None, "x * 5.5", "was good until"),
    ],
)
def test_tickets_that_are_good_for_nothing(
    archive: Archive, lifetime: float, token: str | None, source: str, complaint: str
) -> None:
    issued = ticket(archive, lifetime)
    with pytest.raises(UserError, match=complaint):
        told(archive, token or issued, source_of(source))
    assert proposals(archive) == 1


def test_a_ticket_is_for_one_program(archive: Archive) -> None:
    token = ticket(archive)
    told(archive, token, source_of("x * 5.5"))
    with pytest.raises(UserError, match="has been used for another program"):
        told(archive, token, source_of("x * 6.5"))
    assert proposals(archive) == 2
