"""`evolve ask`: hand out proposals to a person, a coding agent or a script."""

import asyncio
from typing import Any

import click

from evolve.archive.engine import Archive
from evolve.archive.runs import get_run
from evolve.asking import Handout, hand_out
from evolve.cli.options import archive_option, opened, option_for, program_name
from evolve.cli.output import print_json
from evolve.cli.run import Duration
from evolve.errors import UserError
from evolve.operators.base import ParentProgram
from evolve.operators.external import outside_prompt
from evolve.standing import standing_of

MAX_COUNT = 100


@click.command("ask")
@click.argument("run")
@click.option("-n", "count", type=int, default=1, show_default=True, help="How many proposals to hand out.")
@click.option(
    "--expires", type=Duration(), default="24h", show_default=True, help="How long the tickets are good for."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The prompts, or everything as JSON.",
)
@archive_option
def command(run: str, count: int, expires: float, format_: str, archive: str) -> None:
    """Hand out proposals of RUN: a prompt, the parents, and a ticket to `evolve tell` the answer with.

    Whoever asks may take as long as the ticket is good for; nothing waits for the answer, and many may be
    at work at once. It makes no difference whether somebody is running RUN meanwhile.
    """
    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"-n {count}: between 1 and {MAX_COUNT} proposals can be handed out at once")
    if expires <= 0:
        raise UserError("--expires has to be more than 0 seconds")
    with opened(archive, write=True) as opened_archive:
        with opened_archive.reading() as connection:
            record = get_run(connection, run)
        standing = asyncio.run(standing_of(opened_archive, record))
        handouts = hand_out(standing, count, expires)
        if format_ == "json":
            print_json([_as_json(record.name, one) for one in handouts])
            return
        for one in handouts:
            click.echo(outside_prompt(one.request))
            _say_how_to_tell(record.name, one, opened_archive)


def _say_how_to_tell(run: str, handout: Handout, archive: Archive) -> None:
    ticket = handout.ticket
    click.echo(
        f"ticket {ticket.token}, good until {ticket.expires_at:%Y-%m-%d %H:%M} UTC; answer with:\n"
        f"  {program_name()} tell {run} {ticket.token} FILE{option_for(archive)}\n",
        err=True,
    )


def _as_json(run: str, handout: Handout) -> dict[str, Any]:
    request = handout.request
    return {
        "run": run,
        "ticket": handout.ticket.token,
        "expires_at": handout.ticket.expires_at.isoformat(),
        "problem": request.brief.problem,
        "entry_point": request.brief.entry_point.signature(),
        "parents": [_program(one) for one in request.parents],
        "inspirations": [_program(one) for one in request.inspirations],
        "prompt": outside_prompt(request),
    }


def _program(program: ParentProgram) -> dict[str, Any]:
    return {
        "program": program.id,
        "baseline": program.baseline,
        "score": program.score,
        "scores": dict(program.scores),
        "source": program.source,
    }
