"""`evolve tell`: answer a ticket with a program, and hear what became of it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from evolve.archive.runs import get_run
from evolve.cli.options import archive_option, opened
from evolve.cli.output import print_json, print_table
from evolve.cli.run import Duration
from evolve.cli.show import outcome_rows
from evolve.config import make_settings
from evolve.files import read_text
from evolve.folders import read_program
from evolve.loading import LoadedProblem
from evolve.observer import Committed, Started
from evolve.standing import standing_of
from evolve.telling import Told, tell

FROM_STDIN = Path("-")
NOT_TAKEN = ("rejected", "duplicate", "waiting")


class _Silent:
    """Nobody watches while a told program is evaluated."""

    def preparing(self, what: str) -> None:
        pass

    def started(self, event: Started) -> None:
        pass

    def committed(self, event: Committed) -> None:
        pass


@click.command("tell")
@click.argument("run")
@click.argument("ticket")
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--wait",
    type=Duration(),
    default="10m",
    show_default=True,
    help="How long to wait for whoever is working on the run.",
)
@click.option("--workers", type=int, metavar="N", help="Evaluations at the same time.  [default: all cores]")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the answer.",
)
@archive_option
def command(
    run: str, ticket: str, path: Path, wait: float, workers: int | None, format_: str, archive: str
) -> int:
    """Tell RUN the program that was written for TICKET; PATH is its file, its folder, or - for stdin.

    It is screened, evaluated and committed, and its outcome printed with the evaluator's feedback. A program
    that is refused leaves the ticket open; telling the same program again gives the same answer. The exit
    code is 0 when it is committed, and 1 when it is not.
    """
    with opened(archive, write=True) as opened_archive:
        with opened_archive.reading() as connection:
            record = get_run(connection, run)
        standing = asyncio.run(standing_of(opened_archive, record))
        source = _source(path, standing.loaded)
        stored = {**record.settings["course"], **record.settings["budget"], **record.settings["resources"]}
        settings = make_settings(stored, {"archive": archive, "workers": workers})
        told = asyncio.run(tell(standing, settings, ticket, source, _Silent(), wait))
    if format_ == "json":
        print_json(_as_json(record.name, told))
    else:
        _print(told)
    return 1 if told.status in NOT_TAKEN else 0


def _source(path: Path, loaded: LoadedProblem) -> str:
    if path == FROM_STDIN:
        return sys.stdin.read()
    if path.is_dir():
        return read_program(path, loaded.problem.entry_point)
    return read_text(path)


def _as_json(run: str, told: Told) -> dict[str, Any]:
    evaluation = told.evaluation
    return {
        "run": run,
        "ticket": told.ticket,
        "program": told.program,
        "proposal": told.proposal,
        "status": told.status,
        "reason": told.reason,
        "score": None if evaluation is None else evaluation.score,
        "improvement": told.improvement,
        "outcomes": [] if evaluation is None else outcome_rows(evaluation),
    }


def _print(told: Told) -> None:
    evaluation = told.evaluation
    score = "" if evaluation is None or evaluation.score is None else f", score {evaluation.score:.4f}"
    where = "" if told.proposal is None else f"proposal {told.proposal}: "
    click.echo(f"{where}{told.status.replace('_', ' ')}{score}{f': {told.reason}' if told.reason else ''}")
    if evaluation is not None:
        rows = outcome_rows(evaluation)
        print_table(rows, list(rows[0]))
