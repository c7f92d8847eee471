"""`evolve transcript`: write down what models answered, so that a run can be repeated anywhere."""

from pathlib import Path

import click

from evolve.archive.llm_calls import final_calls
from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, opened
from evolve.errors import UserError
from evolve.files import write_text
from evolve.llm.transcripts import transcript_text


@click.command("transcript")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where to write it, as JSON lines.",
)
@click.option("--prompts/--no-prompts", default=False, help="Write the prompts too, not only their hashes.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@archive_option
def command(run: str | None, output: Path, prompts: bool, force: bool, archive: str) -> None:
    """Write the answers of all models to RUN (the latest, if none is named) to a file.

    `evolve run … --transcript FILE`, with the options of that run, does it again: no provider is asked, and
    no key is needed.
    """
    with opened(archive) as source, source.reading() as connection:
        record = latest_run(connection) if run is None else get_run(connection, run)
        calls = final_calls(connection, record.id)
    if not calls:
        raise UserError(f"no model has answered anything to '{record.name}'")
    text = transcript_text(
        record.name,
        record.problem,
        record.problem_version,
        [(call, messages if prompts else None) for call, messages in calls],
    )
    write_text(output, text, force=force)
    click.echo(f"{len(calls)} calls, {len(text.encode()) / 2**10:.0f} KiB: {output}", err=True)
