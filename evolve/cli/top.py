"""`evolve top`: the best programs of a run."""

from typing import Any

import click

from evolve.archive.reading import RankedProgram, top_programs
from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_rows

COLUMNS = ("program", "train", "validation", "test", "proposal", "operator", "lines")


@click.command("top")
@click.argument("run", required=False)
@click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@archive_option
@format_option
def command(run: str | None, count: int, archive: str, format_: str) -> None:
    """List the best programs of RUN (the latest, if none is named).

    Those that reached validation come first, in its order: a score on train alone may be luck.
    """
    with opened(archive) as source, source.reading() as connection:
        record = latest_run(connection) if run is None else get_run(connection, run)
        found = top_programs(connection, record.id, count)
    rows = [program_row(one) for one in found]
    if format_ == "json":
        rows = [row | {"source": one.source} for row, one in zip(rows, found, strict=True)]
    else:
        rows = [row | {"program": row["program"][:12]} for row in rows]
    print_rows(rows, format_, COLUMNS)


def program_row(program: RankedProgram) -> dict[str, Any]:
    """What the tables of programs show of one."""
    return {
        "program": program.hash,
        "score": program.score,
        "train": program.train,
        "validation": program.validation,
        "test": program.test,
        "run": program.run,
        "proposal": program.number,
        "operator": program.operator or "baseline",
        "parents": program.parents,
        "lines": program.source.count("\n"),
    }
