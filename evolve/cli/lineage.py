"""`evolve lineage`: the ancestors of a program, and what each step changed."""

from typing import Any

import click

from evolve.archive.reading import find_program
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_rows
from results.lineage import Step, lineage_of
from results.programs import program_by_key

COLUMNS = ("proposal", "program", "operator", "model", "train", "validation", "gain", "change", "idea")
CSV_COLUMNS = (*COLUMNS, "test", "baseline", "parents")


@click.command("lineage")
@click.argument("program")
@archive_option
@format_option
def command(program: str, archive: str, format_: str) -> None:
    """List the ancestors of PROGRAM (the start of its hash, or a baseline's name), the oldest first.

    Each program was made from the one before it. Where it has further parents, as after a crossover, these
    are in its `parents`, after the first.
    """
    with opened(archive) as source, source.reading() as connection:
        found = find_program(connection, program)
        steps = lineage_of(connection, program_by_key(connection, found.id))
    rows = [step_row(step) for step in steps]
    if format_ == "table":
        shown = [name for name in COLUMNS if any(row[name] not in (None, "") for row in rows)]
        print_rows([row | {"program": row["program"][:12]} for row in rows], format_, shown)
    elif format_ == "csv":
        print_rows([row | {"parents": " ".join(row["parents"])} for row in rows], format_, CSV_COLUMNS)
    else:
        details = [{"diff": step.diff, "source": step.program.source} for step in steps]
        print_rows([row | more for row, more in zip(rows, details, strict=True)], format_)


def step_row(step: Step) -> dict[str, Any]:
    """What a table shows of a step; `gain` is by how much its score on train exceeds its parent's."""
    program = step.program
    return {
        "proposal": program.number,
        "program": program.hash,
        "baseline": program.baseline,
        "operator": program.operator or "baseline",
        "model": program.model,
        "train": program.train,
        "validation": program.validation,
        "test": program.test,
        "gain": step.gain,
        "parents": program.parents,
        "change": step.change,
        "idea": program.idea,
    }
