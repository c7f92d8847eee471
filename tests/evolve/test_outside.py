import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.records import now
from evolve.archive.tickets import issue_ticket, record_told
from evolve.assembly import brief_of
from evolve.config import Budget, Course
from evolve.operators.base import NoProposal, Request
from evolve.outside import LOOK_S, LiveOutside, RecordedOutside, ToldPrograms
from evolve.problem import Split
from evolve.randomness import stream
from tests.support.searches import Constants, InProcessExecutor, Search, load_curve, opened_search, source_of

COURSE = Course(operators={"constants": 1.0}, lag=4)


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as opened:
        asyncio.run(opened.judge.prepare(Split.TRAIN))
        asyncio.run(opened.controller([Constants()], COURSE, Budget(max_evaluations=3)).run())
        yield opened


def told(search: Search, token: str) -> None:
    with search.archive.writing() as connection:
        ticket = issue_ticket(
            connection,
            run_id=search.run.id,
            token=token,
            parents=[],
            inspirations=[],
            context={"island": 0},
            seen=2,
            expires_at=now() + datetime.timedelta(hours=1),
        )
        record_told(connection, ticket.id, source_of(f"'{token}'"))


def journal(search: Search) -> Journal:
    return Journal(search.archive, search.run.id, search.lease, {})


def test_the_archive_is_asked_now_and_then_and_all_that_is_there_is_taken(search: Search) -> None:
    clock = Clock()
    outside = LiveOutside(journal(search), clock)
    number = History(search.archive, search.run.id).progress().selected + 1
    assert outside.arrival(number, 2) is None
    told(search, "one")
    told(search, "two")
    clock.now += 0.9 * LOOK_S
    assert outside.arrival(number, 2) is None, "it has just been looked"
    clock.now += 0.2 * LOOK_S
    first, second = outside.arrival(number, 2), outside.arrival(number + 1, 2)
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (number, number + 1)
    assert (first.operator, first.seen, first.context) == ("external", 2, {"island": 0})
    assert outside.arrival(number + 2, 2) is None
    waiting = History(search.archive, search.run.id).progress().waiting
    assert waiting[-2:] == (first, second)
    assert outside.is_live


def test_what_was_told_is_handed_over_as_it_was(search: Search) -> None:
    told(search, "one")
    number = History(search.archive, search.run.id).progress().selected + 1
    assert LiveOutside(journal(search)).arrival(number, 2) is not None
    operator = ToldPrograms(search.archive, search.run.id)
    brief = brief_of(search.loaded, search.judge)
    request = Request(number, (), (), brief, stream(0, "test", 0))
    assert asyncio.run(operator.propose(request)).source == source_of("'one'")
    with pytest.raises(NoProposal, match="not in the archive any more"):
        asyncio.run(operator.propose(Request(number + 1, (), (), brief, stream(0, "test", 0))))


def test_a_record_gives_proposals_from_outside_the_numbers_that_they_had(
    search: Search, tmp_path: Path
) -> None:
    told(search, "one")
    number = History(search.archive, search.run.id).progress().selected + 1
    original = LiveOutside(journal(search)).arrival(number, 2)
    url = f"sqlite:///{tmp_path / 'again.db'}"
    with opened_search(url, InProcessExecutor(search.loaded), search.loaded, COURSE) as again:
        recorded = RecordedOutside(search.archive, search.run.id, journal(again))
        assert not recorded.is_live
        assert recorded.arrival(number - 1, 2) is None, "that one was ours"
        assert recorded.arrival(number + 1, 2) is None, "there is none"
        assert recorded.arrival(number, 2) == original
        assert History(again.archive, again.run.id).progress().waiting == (original,)
