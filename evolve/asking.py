"""What somebody outside is given to work on: parents, what is known of them, and a ticket to answer with."""

import datetime
import secrets

import msgspec

from evolve.archive.history import EXTERNAL
from evolve.archive.records import Selected, now
from evolve.archive.tickets import TicketRecord, count_tickets, issue_ticket
from evolve.operators.base import Request
from evolve.randomness import stream
from evolve.standing import Standing


class Handout(msgspec.Struct, frozen=True):
    """A ticket, and all that its holder may use."""

    ticket: TicketRecord
    request: Request


def hand_out(standing: Standing, count: int, lifetime: float) -> list[Handout]:
    """Hand out so many proposals, each with a ticket that is good for `lifetime` seconds.

    Parents are chosen as they are for the run's own operators. Nothing waits for what is handed out.
    """
    steering = standing.steering()
    with standing.archive.writing() as connection:
        first = count_tickets(connection, standing.run.id)
        tickets = []
        for number in range(first, first + count):
            selection = steering.outside(stream(standing.course.seed, "ask", number))
            tickets.append(
                issue_ticket(
                    connection,
                    run_id=standing.run.id,
                    token=secrets.token_hex(8),
                    parents=list(selection.parents),
                    inspirations=list(selection.inspirations),
                    context=dict(selection.context),
                    seen=standing.progress.committed,
                    expires_at=now() + datetime.timedelta(seconds=lifetime),
                )
            )
    return [Handout(ticket, standing.request(as_selected(ticket), None)) for ticket in tickets]


def as_selected(ticket: TicketRecord) -> Selected:
    """A ticket as a proposal; as long as it has no number yet, with that of the next one."""
    return Selected(
        number=ticket.seen + 1 if ticket.proposal is None else ticket.proposal,
        operator=EXTERNAL,
        parents=ticket.parents,
        inspirations=ticket.inspirations,
        context=ticket.context,
        seen=ticket.seen,
    )
