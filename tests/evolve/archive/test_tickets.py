import datetime
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.records import Selected, now
from evolve.archive.tickets import (
    TicketRecord,
    assign_proposal,
    count_tickets,
    find_ticket,
    first_told,
    issue_ticket,
    record_told,
    told_source,
)
from tests.evolve.archive.rows import Search, go_on, start_search

HOUR = datetime.timedelta(hours=1)


def issued(archive: Archive, search: Search, token: str, **changes: Any) -> TicketRecord:
    fields = {
        "parents": ["a" * 32],
        "inspirations": ["b" * 32],
        "context": {"island": 1},
        "seen": 4,
        "expires_at": now() + HOUR,
    }
    with archive.writing() as connection:
        return issue_ticket(connection, run_id=search.run.id, token=token, **(fields | changes))


def found(archive: Archive, search: Search, token: str) -> TicketRecord:
    with archive.reading() as connection:
        ticket = find_ticket(connection, search.run.id, token)
    assert ticket is not None
    return ticket


def told(archive: Archive, ticket: TicketRecord, source: str) -> bool:
    with archive.writing() as connection:
        return record_told(connection, ticket.id, source)


def test_a_ticket_says_all_that_it_was_issued_with(archive: Archive, search: Search) -> None:
    ticket = issued(archive, search, "one")
    assert ticket == found(archive, search, "one")
    assert (ticket.parents, ticket.inspirations) == (("a" * 32,), ("b" * 32,))
    assert (ticket.context, ticket.seen, ticket.source, ticket.proposal) == ({"island": 1}, 4, None, None)
    with archive.reading() as connection:
        assert count_tickets(connection, search.run.id) == 1


def test_tickets_belong_to_their_run_and_tokens_to_one_ticket(archive: Archive, search: Search) -> None:
    other = start_search(archive, "other")
    issued(archive, search, "one")
    with archive.reading() as connection:
        assert find_ticket(connection, other.run.id, "one") is None
        assert count_tickets(connection, other.run.id) == 0
    with pytest.raises(IntegrityError):
        issued(archive, other, "one")


def test_a_ticket_is_told_once(archive: Archive, search: Search) -> None:
    ticket = issued(archive, search, "one")
    assert told(archive, ticket, "first\0")
    assert not told(archive, ticket, "second")
    assert (found(archive, search, "one").source or "").startswith("first")


def test_what_was_told_in_time_does_not_expire(archive: Archive, search: Search) -> None:
    early = issued(archive, search, "early", expires_at=now() - HOUR)
    late = issued(archive, search, "late", expires_at=now() - HOUR)
    assert early.expired
    told(archive, early, "program")
    assert not found(archive, search, "early").expired
    assert found(archive, search, late.token).expired
    assert not issued(archive, search, "open").expired


def test_told_programs_are_taken_in_by_the_order_of_their_tickets(archive: Archive, search: Search) -> None:
    tickets = [issued(archive, search, name) for name in ("one", "two", "three")]
    with archive.reading() as connection:
        assert first_told(connection, search.run.id) is None
    for ticket in (tickets[2], tickets[1]):
        told(archive, ticket, f"program of {ticket.token}")
    for expected, number in (("two", 5), ("three", 6)):
        with archive.writing() as connection:
            first = first_told(connection, search.run.id)
            assert first is not None
            assert first.token == expected
            assign_proposal(connection, first.id, number)
    with archive.reading() as connection:
        assert first_told(connection, search.run.id) is None
        assert told_source(connection, search.run.id, 5) == "program of two"
        assert told_source(connection, search.run.id, 7) is None


def test_what_was_told_becomes_a_proposal_in_one_step(archive: Archive, search: Search) -> None:
    go_on(search, 2)
    number = search.history.progress().selected + 1
    assert search.journal.select_told(number) is None
    told(archive, issued(archive, search, "one"), "program")
    expected = Selected(number, "external", ("a" * 32,), ("b" * 32,), {"island": 1}, seen=4)
    assert search.journal.select_told(number) == expected
    assert found(archive, search, "one").proposal == number
    assert search.history.progress().waiting[-1] == expected
    assert search.journal.select_told(number + 1) is None
