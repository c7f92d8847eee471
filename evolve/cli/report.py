"""`evolve report`: what a run found, and whether it beats the best baseline."""

from pathlib import Path
from typing import Any

import click
import msgspec

from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, opened, option_for
from evolve.cli.show import outcome_rows
from evolve.cli.top import program_row
from evolve.files import write_text
from results.report import ChampionReport, Report, gather
from results.report_markdown import markdown
from results.verdict import verdict_of


@click.command("report")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Markdown or JSON."
)
@archive_option
def command(run: str | None, output: Path | None, force: bool, format_: str, archive: str) -> None:
    """Report on RUN (the latest, if none is named): what it did, its champion, and how good that is.

    A run that has not ended can be reported on too; it has no champion yet.
    """
    with opened(archive) as source, source.reading() as connection:
        record = latest_run(connection) if run is None else get_run(connection, run)
        found = gather(connection, record, option_for(source))
    if format_ == "json":
        text = msgspec.json.format(msgspec.json.encode(_as_json(found)), indent=2).decode() + "\n"
    else:
        text = markdown(found)
    if output is None:
        click.echo(text, nl=False)
        return
    write_text(output, text, force=force)
    click.echo(f"wrote {output}")


def _as_json(report: Report) -> dict[str, Any]:
    run, test = report.run, report.test
    return {
        "run": run.name,
        "problem": run.problem,
        "problem_version": run.problem_version,
        "status": run.status,
        "reason": run.reason,
        "seed": run.seed,
        "settings": run.settings,
        "seconds": run.seconds,
        "isolation": report.isolation,
        "digest": report.digest,
        "proposals": report.proposals,
        "evaluations": report.evaluations,
        "scores": [{"program": one.name, "scores": one.scores, "gaps": one.gaps} for one in report.scores],
        "champion": None if report.champion is None else _champion_json(report.champion),
        "leader": None
        if report.leader is None
        else program_row(report.leader) | {"source": report.leader.source},
        "test": None
        if test is None
        else {
            "baseline": test.baseline,
            "verdict": None if test.difference is None else verdict_of(test.difference).value,
            "sentence": test.sentence,
            "difference": test.difference,
        },
        "commands": report.commands,
        "notes": report.notes,
    }


def _champion_json(champion: ChampionReport) -> dict[str, Any]:
    return {
        "program": champion.program,
        "proposal": champion.proposal,
        "operator": champion.operator,
        "parents": champion.parents,
        "source": champion.source,
        "diff": champion.diff,
        "scores": {split.value: one.score for split, one in champion.evaluations.items()},
        "outcomes": [row for one in champion.evaluations.values() for row in outcome_rows(one)],
    }
