"""`evolve show`: one program, where it comes from and what it did."""

from typing import Any

import click
from sqlalchemy import Connection

from evolve.archive.evaluations import load_evaluation
from evolve.archive.reading import RankedProgram, find_program
from evolve.archive.records import ScoredEvaluation
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_json, print_rows, print_table
from evolve.cli.top import program_row
from evolve.problem import Split
from evolve.program import files

COLUMNS = ("split", "instance", "status", "value", "score", "cpu_seconds", "feedback")


@click.command("show")
@click.argument("program")
@archive_option
@format_option
def command(program: str, archive: str, format_: str) -> None:
    """Show PROGRAM (the start of its hash, or a baseline's name): source, origin, outcomes."""
    with opened(archive) as source, source.reading() as connection:
        found = find_program(connection, program)
        evaluations = _evaluations(connection, found)
    outcomes = [row for evaluation in evaluations for row in outcome_rows(evaluation)]
    if format_ == "json":
        details = {
            "source": found.source,
            "files": _file_names(found),
            "baseline": found.baseline,
            "outcomes": outcomes,
        }
        print_json(program_row(found) | details)
    elif format_ == "csv":
        print_rows(outcomes, format_, COLUMNS)
    else:
        click.echo(_origin(found))
        names = _file_names(found)
        if names:
            click.echo(f"files: {', '.join(names)}")
        click.echo(f"\n{found.source.rstrip()}\n")
        print_table([_summary_row(one) for one in evaluations], ("split", "status", "score", "cpu_seconds"))
        print_table(outcomes, COLUMNS)


def outcome_rows(evaluation: ScoredEvaluation) -> list[dict[str, Any]]:
    """The outcomes of an evaluation, as rows."""
    return [
        {
            "split": evaluation.split,
            "instance": outcome.instance,
            "status": outcome.status.value,
            "value": outcome.value,
            "score": evaluation.scores.get(outcome.instance),
            "metrics": outcome.metrics,
            "cpu_seconds": outcome.cpu_seconds,
            "isolation": outcome.isolation,
            "feedback": outcome.feedback,
        }
        for outcome in evaluation.outcomes
    ]


def _evaluations(connection: Connection, program: RankedProgram) -> list[ScoredEvaluation]:
    found = [load_evaluation(connection, program.id, split.value) for split in Split]
    return [one for one in found if one is not None]


def _file_names(program: RankedProgram) -> list[str]:
    """The names of its files; none for a program of one file."""
    return [part.name for part in files(program.source) if part.name]


def _summary_row(evaluation: ScoredEvaluation) -> dict[str, Any]:
    return {
        "split": evaluation.split,
        "status": evaluation.status.value,
        "score": evaluation.score,
        "cpu_seconds": evaluation.cpu_seconds,
    }


def _origin(program: RankedProgram) -> str:
    if program.baseline is not None:
        return f"program {program.hash}: the baseline {program.baseline} of {program.problem}"
    parents = f" from {', '.join(parent[:12] for parent in program.parents)}" if program.parents else ""
    return (
        f"program {program.hash}: proposal {program.number} of run {program.run},"
        f" made by '{program.operator}'{parents}"
    )
