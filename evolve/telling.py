"""What somebody outside tells: screened at once, on record before anything else, committed like any other."""

import asyncio
import time

import msgspec

from evolve.archive.evaluations import load_evaluation
from evolve.archive.history import WAITING
from evolve.archive.lease import RunHeldError, refuse_if_held
from evolve.archive.records import ScoredEvaluation, now
from evolve.archive.runs import CommittedProposal, load_proposal
from evolve.archive.tickets import TicketRecord, find_ticket, record_told
from evolve.config import Settings
from evolve.errors import UserError
from evolve.observer import Observer
from evolve.outside import LiveOutside
from evolve.problem import Split
from evolve.program import ProgramError
from evolve.proposing import same_as, screened
from evolve.running import makes_none, search_with, surroundings
from evolve.standing import Standing

LOOK_S = 0.2
"""How often it is looked whether a program that was told has been committed, seconds."""
NOBODY_S = 3.0
"""Where nobody works on the run for so long, nobody is waited for, seconds."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a program from outside."""

    ticket: str
    program: str | None
    """Its hash; None where it is no program."""
    status: str
    """That of its proposal; before there is one `rejected` or `duplicate`, which leave the ticket open, or
    `waiting`."""
    reason: str | None = None
    proposal: int | None = None
    improvement: float | None = None
    evaluation: ScoredEvaluation | None = None


async def tell(
    standing: Standing, settings: Settings, token: str, source: str, observer: Observer, patience: float
) -> Told:
    """Screen a program, keep it, have it evaluated and committed, and say what became of it.

    Telling the same again changes nothing and gives the same answer. Where a process works on the run, that
    one commits, and is waited for at most `patience` seconds; where none does, and the run makes no programs
    itself, this one. Else the program is committed when somebody goes on with the run.

    Raises:
        UserError: There is no such ticket, its time is over, or it was used for another program.
    """
    ticket = _ticket(standing, token)
    try:
        parent = standing.shelf.program(ticket.parents[0]).source if ticket.parents else None
        source = _ended_like(source, parent)
        program = screened(source, parent, standing.brief)
    except ProgramError as error:
        return Told(ticket=token, program=None, status="rejected", reason=str(error))
    if ticket.source is None:
        maker = standing.progress.hashes.get(program.id)
        if maker is not None:
            return Told(ticket=token, program=program.id, status="duplicate", reason=same_as(maker))
        with standing.archive.writing() as connection:
            record_told(connection, ticket.id, source)
        ticket = _ticket(standing, token)
    if ticket.source != source:
        raise UserError(f"the ticket {token} has been used for another program; `evolve ask` gives a new one")
    await _have_it_committed(standing, settings, ticket, observer, patience)
    return _outcome(standing, settings, token, program.id)


def _ended_like(source: str, parent: str | None) -> str:
    """The source with the line ends at its end that its parent has: editors and shells add and drop some."""
    if parent is None:
        return source
    return source.rstrip("\r\n") + parent[len(parent.rstrip("\r\n")) :]


def _ticket(standing: Standing, token: str) -> TicketRecord:
    with standing.archive.reading() as connection:
        ticket = find_ticket(connection, standing.run.id, token)
    if ticket is None:
        raise UserError(f"the run '{standing.run.name}' has no ticket {token}; `evolve ask` gives one")
    if ticket.expired:
        raise UserError(
            f"the ticket {token} was good until {ticket.expires_at:%Y-%m-%d %H:%M} UTC, and it is"
            f" {now():%Y-%m-%d %H:%M}; `evolve ask` gives a new one, for which the same program can be told"
        )
    return ticket


async def _have_it_committed(
    standing: Standing, settings: Settings, ticket: TicketRecord, observer: Observer, patience: float
) -> None:
    """Return when the proposal is committed, or when there is nobody who would do it."""
    until = time.monotonic() + patience
    seen = time.monotonic()
    while _committed(standing, ticket.token) is None:
        try:
            if makes_none(settings):
                await _commit_what_was_told(standing, settings, observer)
                return
        except RunHeldError:
            pass  # whoever works on the run takes the program in
        if _is_worked_on(standing):
            seen = time.monotonic()
        if time.monotonic() > min(until, seen + NOBODY_S):
            return
        await asyncio.sleep(LOOK_S)


async def _commit_what_was_told(standing: Standing, settings: Settings, observer: Observer) -> None:
    async with surroundings(
        standing.archive, standing.loaded, settings, standing.run, observer
    ) as surrounded:
        await search_with(surrounded, LiveOutside, crowns=False)


def _is_worked_on(standing: Standing) -> bool:
    try:
        with standing.archive.reading() as connection:
            refuse_if_held(connection, standing.run.id, standing.run.name)
    except RunHeldError:
        return True
    return False


def _committed(standing: Standing, token: str) -> CommittedProposal | None:
    """The proposal of a ticket, once it has been committed."""
    number = _ticket(standing, token).proposal
    if number is None:
        return None
    with standing.archive.reading() as connection:
        found = load_proposal(connection, standing.run.id, number)
    return None if found is None or found.status == WAITING else found


def _outcome(standing: Standing, settings: Settings, token: str, program: str) -> Told:
    committed = _committed(standing, token)
    if committed is None:
        return Told(ticket=token, program=program, status="waiting", reason=_why_waiting(standing, settings))
    evaluation = None
    if committed.program_id is not None:
        with standing.archive.reading() as connection:
            evaluation = load_evaluation(connection, committed.program_id, Split.TRAIN.value)
    return Told(
        ticket=token,
        program=program,
        status=committed.status,
        reason=committed.reason,
        proposal=committed.number,
        improvement=committed.improvement,
        evaluation=evaluation,
    )


def _why_waiting(standing: Standing, settings: Settings) -> str:
    limit = settings.budget.max_evaluations
    if makes_none(settings) and limit is not None and standing.progress.evaluations >= limit:
        spent = f"the run's budget of {limit} evaluations is used up; with a larger --max-evaluations"
    else:
        spent = "when somebody goes on with the run,"
    return f"it is on record, and {spent} `evolve resume {standing.run.name}` commits it"
