"""`evolve replay`: do a run again from its record, and compare."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from evolve.archive.engine import Archive
from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, opened
from evolve.cli.output import print_json
from evolve.cli.progress import make_progress
from evolve.replaying import Replay, replay


@click.command("replay")
@click.argument("run", required=False)
@click.option("--into", metavar="URL", help="Keep the replay in this archive.  [default: thrown away]")
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Text or JSON."
)
@archive_option
def command(run: str | None, into: str | None, format_: str, archive: str) -> int:
    """Do RUN (the latest, if none is named) again from the archive: no model, no sandbox, no workload.

    Every decision is made again; outcomes are taken from the record. The exit code is 0 if the digests
    are the same, and 1 if they are not.
    """
    with opened(archive) as source, _target(into) as target, make_progress() as progress:
        with source.reading() as connection:
            record = latest_run(connection) if run is None else get_run(connection, run)
        found = asyncio.run(replay(source, record, target, progress))
    if format_ == "json":
        print_json(
            {
                "run": found.run,
                "proposals": found.proposals,
                "identical": found.identical,
                "recorded": found.recorded,
                "replayed": found.replayed,
            }
        )
    else:
        click.echo(_in_words(found))
    return 0 if found.identical else 1


@contextmanager
def _target(url: str | None) -> Iterator[Archive]:
    if url is not None:
        with opened(url, create=True) as archive:
            yield archive
        return
    with (
        tempfile.TemporaryDirectory(prefix="evolve-replay-") as folder,
        opened(f"sqlite:///{Path(folder) / 'replay.db'}", create=True) as archive,
    ):
        yield archive


def _in_words(found: Replay) -> str:
    if found.identical:
        return f"{found.proposals} proposals of {found.run} made again, digest the same: {found.recorded}"
    return (
        f"{found.run} came out differently: the record's digest is {found.recorded},"
        f" the replay's {found.replayed}"
    )
