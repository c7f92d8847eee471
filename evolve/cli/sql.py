"""`evolve sql`: ask the archive anything, read-only."""

from typing import Any

import click
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, ResourceClosedError

from evolve.archive.engine import open_archive
from evolve.cli.options import archive_option, format_option
from evolve.cli.output import print_rows
from evolve.errors import UserError


@click.command("sql")
@click.argument("query")
@archive_option
@format_option
def command(query: str, archive: str, format_: str) -> None:
    """Run QUERY on the archive and print the rows. Nothing can be changed by it.

    Tables: run, program, proposal, evaluation, outcome, instance, strategy_state.
    """
    source = open_archive(archive, create=False, read_only=True)
    try:
        with source.connect() as connection:
            result = connection.execute(text(query.replace(":", "\\:")))
            columns = list(result.keys())
            rows: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in result]
    except ResourceClosedError as error:
        raise UserError("the statement gives no rows; `evolve sql` only reads") from error
    except DatabaseError as error:
        raise UserError(f"the archive does not take this query: {error.orig}") from error
    finally:
        source.close()
    print_rows(rows, format_, columns)
