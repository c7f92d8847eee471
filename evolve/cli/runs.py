"""`evolve runs`: the runs in an archive."""

import click

from evolve.archive.runs import count_proposals, list_runs
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_rows


@click.command("runs")
@archive_option
@format_option
def command(archive: str, format_: str) -> None:
    """List the runs in an archive, in the order in which they were made."""
    with opened(archive) as source, source.reading() as connection:
        rows = []
        for run in list_runs(connection):
            counts = count_proposals(connection, run.id)
            rows.append(
                {
                    "run": run.name,
                    "problem": run.problem,
                    "seed": run.seed,
                    "status": run.status,
                    "reason": run.reason,
                    "proposals": sum(counts.values()) - counts.get("selected", 0),
                    "seconds": round(run.seconds, 1),
                    "created_at": run.created_at.isoformat(timespec="seconds"),
                }
            )
    print_rows(rows, format_)
