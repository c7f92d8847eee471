"""`evolve digest`: one hash over everything a run decided."""

import click

from evolve.archive.digest import run_digest
from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, opened
from evolve.cli.output import print_json


@click.command("digest")
@click.argument("run", required=False)
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Text or JSON."
)
@archive_option
def command(run: str | None, archive: str, format_: str) -> None:
    """Print one hash over the programs, lineage, selections, scores and strategy state of RUN.

    Two runs with the same digest made the same decisions. Measured times are not part of it.
    """
    with opened(archive) as source, source.reading() as connection:
        record = latest_run(connection) if run is None else get_run(connection, run)
        digest = run_digest(connection, record.id)
    if format_ == "json":
        print_json({"run": record.name, "digest": digest})
    else:
        click.echo(digest)
