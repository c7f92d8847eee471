import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.engine import Archive, open_archive
from evolve.archive.history import History
from evolve.archive.records import Selected, now
from evolve.archive.tickets import count_tickets
from evolve.asking import Handout, as_selected, hand_out
from evolve.operators.external import outside_prompt
from evolve.standing import Standing, standing_of
from tests.evolve.test_standing import go_on


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    yield opened
    opened.close()


@pytest.fixture
def standing(archive: Archive) -> Standing:
    return asyncio.run(standing_of(archive, go_on(archive, 12)))


def chosen(handouts: list[Handout]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(one.ticket.parents, one.ticket.inspirations) for one in handouts]


def test_each_ticket_has_parents_of_the_run_and_a_prompt(standing: Standing) -> None:
    before = now()
    handouts = hand_out(standing, 8, 60.0)
    known = {*standing.progress.hashes, *standing.setup.baselines}
    assert len({one.ticket.token for one in handouts}) == 8
    for one in handouts:
        ticket = one.ticket
        assert ticket.parents
        assert {*ticket.parents, *ticket.inspirations} <= known
        assert [parent.id for parent in one.request.parents] == list(ticket.parents)
        assert before + datetime.timedelta(seconds=59) < ticket.expires_at
        assert ticket.expires_at <= now() + datetime.timedelta(seconds=60)
        assert (ticket.seen, ticket.source, ticket.proposal) == (standing.progress.committed, None, None)
        assert one.request.parents[0].source.strip() in outside_prompt(one.request)
    assert len({*chosen(handouts)}) > 1, "many askers need not all do the same"


def test_tickets_are_numbered_through_so_that_later_askers_get_others(
    standing: Standing, archive: Archive
) -> None:
    first, second = hand_out(standing, 6, 60.0), hand_out(standing, 6, 60.0)
    assert chosen(first) != chosen(second)
    with archive.reading() as connection:
        assert count_tickets(connection, standing.run.id) == 12


def test_asking_leaves_the_search_as_it_was(standing: Standing, archive: Archive) -> None:
    before = History(archive, standing.run.id).progress()
    hand_out(standing, 3, 60.0)
    assert History(archive, standing.run.id).progress() == before


def test_a_ticket_stands_for_the_next_proposal_until_it_has_a_number(standing: Standing) -> None:
    (handout,) = hand_out(standing, 1, 60.0)
    ticket = handout.ticket
    selected = as_selected(ticket)
    assert selected == Selected(
        number=standing.progress.committed + 1,
        operator="external",
        parents=ticket.parents,
        inspirations=ticket.inspirations,
        context=ticket.context,
        seen=ticket.seen,
    )
