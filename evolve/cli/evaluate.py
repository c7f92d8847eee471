"""`evolve evaluate`: score any program."""

import asyncio
from pathlib import Path
from typing import Any

import click

from evolve.archive.engine import Archive
from evolve.archive.records import ScoredEvaluation
from evolve.cli.options import format_option, instances_option, loaded_problem, opened, split_option
from evolve.cli.output import print_json, print_rows, print_table
from evolve.cli.show import outcome_rows
from evolve.config import Resources, make_settings
from evolve.folders import read_program
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem
from evolve.problem import Split, Status
from evolve.program import Program, ProgramError, check_entry_point
from evolve.running import start_executor

COLUMNS = ("instance", "status", "value", "score", "cpu_seconds", "isolation", "feedback")


@click.command("evaluate")
@click.argument("problem")
@click.argument("path", type=click.Path(path_type=Path))
@split_option
@instances_option
@click.option("--archive", metavar="URL", help="Where baselines' evaluations are kept.")
@click.option("--min-isolation", metavar="LEVEL", help="Refuse to run the program in a weaker sandbox.")
@format_option
def command(
    problem: str,
    path: Path,
    split: str,
    instance_files: tuple[str, ...],
    archive: str | None,
    min_isolation: str | None,
    format_: str,
) -> None:
    """Score a program on PROBLEM: every instance of a split, beside the best baseline of that split.

    PATH is its file, or the folder of a program of several files. The program is evaluated at every call;
    the baselines are evaluated once and kept in the archive.
    """
    loaded = loaded_problem(problem, instance_files, split)
    source = read_program(path, loaded.problem.entry_point)
    given = {"archive": archive, "min_isolation": min_isolation, "workers": 1}
    resources = make_settings(given).resources
    with opened(resources.archive, create=True) as opened_archive:
        program, evaluation, reference = asyncio.run(
            _evaluate(loaded, source, Split(split), resources, opened_archive)
        )
    answer = _answer(loaded, program, evaluation, reference)
    if format_ == "json":
        print_json(answer)
    elif format_ == "csv":
        print_rows(answer["outcomes"], format_, COLUMNS)
    else:
        score = "none" if evaluation.score is None else f"{evaluation.score:.4f} (1.0 is {reference})"
        click.echo(f"{loaded.name}, {split}: {evaluation.status.value}, score {score}")
        print_table(answer["outcomes"], COLUMNS)


async def _evaluate(
    loaded: LoadedProblem, source: str, split: Split, resources: Resources, archive: Archive
) -> tuple[str | None, ScoredEvaluation, str]:
    """The program's hash, where it parses; its evaluation; and the name of the reference."""
    executor = await start_executor(loaded, resources)
    try:
        judge = Judge(archive, loaded, executor, reference_run(archive, loaded))
        await judge.prepare(split)
        reference = judge.reference(split).baseline
        try:
            program = Program.parse(source)
            check_entry_point(program, loaded.problem.entry_point)
        except ProgramError as error:
            click.echo(f"rejected before evaluation: {error}", err=True)
            return None, ScoredEvaluation(split.value, Status.REJECTED, None, {}, ()), reference
        return program.id, await judge.evaluate(program.source, split), reference
    finally:
        await executor.close()


def _answer(
    loaded: LoadedProblem, program: str | None, evaluation: ScoredEvaluation, reference: str
) -> dict[str, Any]:
    return {
        "problem": loaded.name,
        "program": program,
        "split": evaluation.split,
        "status": evaluation.status.value,
        "score": evaluation.score,
        "reference": reference,
        "outcomes": outcome_rows(evaluation),
    }
