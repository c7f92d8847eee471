"""Tickets: proposals handed out to somebody outside, and what they told."""

import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from evolve.archive.models import Ticket
from evolve.archive.records import now
from evolve.texts import storable


class TicketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `ticket`; the model of that table says what each field means."""

    id: int
    run_id: int
    token: str
    parents: tuple[str, ...]
    inspirations: tuple[str, ...]
    context: dict[str, Any]
    seen: int
    expires_at: datetime.datetime
    source: str | None
    proposal: int | None

    @property
    def expired(self) -> bool:
        """Whether its time is over; what was told in time stays told."""
        return self.source is None and self.expires_at <= now()


_COLUMNS = [getattr(Ticket, field) for field in TicketRecord.__struct_fields__]


def issue_ticket(connection: Connection, **fields: Any) -> TicketRecord:
    """Hand out a proposal."""
    connection.execute(insert(Ticket).values(**fields))
    found = find_ticket(connection, fields["run_id"], fields["token"])
    assert found is not None
    return found


def count_tickets(connection: Connection, run_id: int) -> int:
    """How many tickets a run has handed out."""
    return connection.execute(
        select(func.count()).select_from(Ticket).where(Ticket.run_id == run_id)
    ).scalar_one()


def find_ticket(connection: Connection, run_id: int, token: str) -> TicketRecord | None:
    """The ticket that somebody shows, or None."""
    row = connection.execute(
        select(*_COLUMNS).where(Ticket.run_id == run_id, Ticket.token == token)
    ).one_or_none()
    return None if row is None else _record(row)


def record_told(connection: Connection, ticket_id: int, source: str) -> bool:
    """Keep the program that was told; False where the ticket had been used before."""
    changed = connection.execute(
        update(Ticket).where(Ticket.id == ticket_id, Ticket.source.is_(None)).values(source=storable(source))
    )
    return changed.rowcount == 1


def first_told(connection: Connection, run_id: int) -> TicketRecord | None:
    """The first ticket that was told and is no proposal yet, or None."""
    row = connection.execute(
        select(*_COLUMNS)
        .where(Ticket.run_id == run_id, Ticket.source.is_not(None), Ticket.proposal.is_(None))
        .order_by(Ticket.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else _record(row)


def assign_proposal(connection: Connection, ticket_id: int, number: int) -> None:
    """Say under which number what was told is committed."""
    connection.execute(update(Ticket).where(Ticket.id == ticket_id).values(proposal=number))


def told_source(connection: Connection, run_id: int, number: int) -> str | None:
    """The program that was told for a proposal, or None."""
    return connection.scalar(select(Ticket.source).where(Ticket.run_id == run_id, Ticket.proposal == number))


def _record(row: Any) -> TicketRecord:
    fields = {
        **row._mapping,
        "parents": tuple(row.parents),
        "inspirations": tuple(row.inspirations),
    }
    return TicketRecord(**fields)
