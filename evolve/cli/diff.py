"""`evolve diff`: what differs between two programs."""

from pathlib import Path

import click
from sqlalchemy import Connection

from evolve.archive.reading import find_program
from evolve.cli.options import archive_option, opened
from evolve.cli.output import print_json
from evolve.errors import UserError
from evolve.folders import read_program
from evolve.program import diff


@click.command("diff")
@click.argument("first")
@click.argument("second", required=False)
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Text or JSON."
)
@archive_option
def command(first: str, second: str | None, archive: str, format_: str) -> None:
    """Show what differs between two programs: hashes, baselines' names, files, or folders.

    With one program, show what it changed in the one that it was made from.
    """
    with opened(archive) as source, source.reading() as connection:
        before = _parent(connection, first) if second is None else _text(connection, first)
        after = _text(connection, first if second is None else second)
    text = diff(before[1], after[1], (before[0], after[0]))
    if format_ == "json":
        print_json({"first": before[0], "second": after[0], "diff": text})
    else:
        click.echo(text or f"{before[0]} and {after[0]} are the same", nl=not text)


def _text(connection: Connection, name: str) -> tuple[str, str]:
    """A label and a source."""
    path = Path(name)
    if path.is_file():
        return name, read_program(path)
    try:
        found = find_program(connection, name)
    except UserError:
        if path.is_dir():
            return name.rstrip("/"), read_program(path)
        raise
    return found.baseline or found.hash[:12], found.source


def _parent(connection: Connection, name: str) -> tuple[str, str]:
    program = find_program(connection, name)
    if not program.parents:
        raise UserError(f"{name} was not made from another program; name two programs")
    return _text(connection, program.parents[0])
