"""`evolve export`: write a program to a file or a folder."""

from pathlib import Path

import click

from evolve.archive.reading import RankedProgram, find_program
from evolve.cli.options import archive_option, opened
from evolve.folders import write_program
from evolve.program import SourceFile, bundle, files


@click.command("export")
@click.argument("program")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file or folder.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@archive_option
def command(program: str, output: Path | None, force: bool, archive: str) -> None:
    """Write PROGRAM (the start of its hash, or a baseline's name) to a file, with a word on its origin.

    A program of several files becomes a folder; where the output's name ends in .py, or there is none, one
    text with a header before each file.
    """
    with opened(archive) as source, source.reading() as connection:
        found = find_program(connection, program)
    text = _with_origin(found)
    if output is None:
        click.echo(text, nl=False)
        return
    write_program(output, text, force=force)
    click.echo(f"wrote {output}")


def _with_origin(program: RankedProgram) -> str:
    """The program's text with comments at the beginning of its first file."""
    first, *others = files(program.source.rstrip())
    return bundle([SourceFile(first.name, _origin(program) + first.source), *others]).rstrip() + "\n"


def _origin(program: RankedProgram) -> str:
    scores = {"train": program.train, "validation": program.validation, "test": program.test}
    known = ", ".join(f"{split} {score:.4f}" for split, score in scores.items() if score is not None)
    made = (
        f"baseline {program.baseline}"
        if program.baseline
        else f"run {program.run}, proposal {program.number}"
    )
    return f"# {program.problem}: program {program.hash[:12]}, {made}.\n# Scores: {known or 'none'}.\n"
