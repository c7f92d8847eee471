"""`evolve export`: write a program to a file."""

from pathlib import Path

import click

from evolve.archive.reading import RankedProgram, find_program
from evolve.cli.options import archive_option, opened
from evolve.files import write_text


@click.command("export")
@click.argument("program")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@archive_option
def command(program: str, output: Path | None, force: bool, archive: str) -> None:
    """Write PROGRAM (the start of its hash, or a baseline's name) to a file, with a word on its origin."""
    with opened(archive) as source, source.reading() as connection:
        found = find_program(connection, program)
    text = f"{_origin(found)}{found.source.rstrip()}\n"
    if output is None:
        click.echo(text, nl=False)
        return
    write_text(output, text, force=force)
    click.echo(f"wrote {output}")


def _origin(program: RankedProgram) -> str:
    scores = {"train": program.train, "validation": program.validation, "test": program.test}
    known = ", ".join(f"{split} {score:.4f}" for split, score in scores.items() if score is not None)
    made = (
        f"baseline {program.baseline}"
        if program.baseline
        else f"run {program.run}, proposal {program.number}"
    )
    return f"# {program.problem}: program {program.hash[:12]}, {made}.\n# Scores: {known or 'none'}.\n"
