"""`evolve problems`: what can be evolved, with baselines and their scores."""

import asyncio
from typing import Any

import click

from evolve.cli.options import format_option, loaded_problem, opened
from evolve.cli.output import print_json, print_rows, print_table
from evolve.config import make_settings
from evolve.errors import UserError
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem, ProblemReference, load_problem, problem_names
from evolve.problem import Split
from evolve.running import start_executor
from prompts.render import render_brief


@click.command("problems")
@click.argument("problem", required=False)
@click.option("--archive", metavar="URL", help="Where baselines' evaluations are kept.")
@click.option("--workers", type=int, metavar="N", help="Evaluations at the same time.  [default: all cores]")
@format_option
def command(problem: str | None, archive: str | None, workers: int | None, format_: str) -> None:
    """List what can be evolved; or, with PROBLEM, its statement, limits, and baselines with their scores."""
    if problem is None:
        rows = [_row(load_problem(ProblemReference(name))) for name in problem_names()]
        print_rows(rows, format_, ("problem", "summary", "baselines", "train", "validation", "test"))
        return
    loaded = loaded_problem(problem, ())
    given = {"archive": archive, "workers": workers}
    settings = make_settings({key: value for key, value in given.items() if value is not None})
    with opened(settings.resources.archive, create=True) as opened_archive:
        scores = asyncio.run(_baseline_scores(loaded, settings.resources, opened_archive))
    details = _row(loaded) | {
        "entry_point": loaded.problem.entry_point.signature(),
        "objectives": loaded.problem.objectives,
        "limits": loaded.problem.limits,
        "version": loaded.version,
        "folder": str(loaded.folder),
        "scores": scores,
    }
    if format_ == "json":
        print_json(details | {"statement": loaded.statement})
    elif format_ == "csv":
        print_rows(scores, format_)
    else:
        click.echo(render_brief(loaded.problem, loaded.statement))
        print_table(scores, list(scores[0]), title="scores of the baselines; 1.0 is the best of the split")


async def _baseline_scores(loaded: LoadedProblem, resources: Any, archive: Any) -> list[dict[str, Any]]:
    executor = await start_executor(loaded, resources)
    try:
        judge = Judge(archive, loaded, executor, reference_run(archive, loaded))
        for split in Split:
            await judge.prepare(split)
    finally:
        await executor.close()
    return [
        {"baseline": name} | {split.value: judge.baselines(split)[name].score for split in Split}
        for name in loaded.baselines
    ]


def _row(loaded: LoadedProblem) -> dict[str, Any]:
    try:
        sizes = {split.value: len(loaded.instances(split)) for split in Split}
    except OSError as error:
        raise UserError(f"{loaded.name}: {error}") from error
    summary = loaded.problem.summary
    return {"problem": loaded.name, "summary": summary, "baselines": list(loaded.baselines)} | sizes
