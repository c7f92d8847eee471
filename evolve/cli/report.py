"""`evolve report`: what a run found, and whether it beats the best baseline."""

from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy import Connection

from evolve.archive.runs import get_run, latest_run
from evolve.cli.lineage import step_row
from evolve.cli.options import archive_option, opened, option_for
from evolve.cli.plot import write_bytes
from evolve.cli.show import outcome_rows
from evolve.cli.top import program_row
from evolve.errors import UserError
from evolve.files import write_text
from results.pictures import check_drawable
from results.report import ChampionReport, Report, gather
from results.report_folder import REPORT_FILE, report_files
from results.report_markdown import markdown
from results.verdict import verdict_of


@click.command("report")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER|FILE",
    help="Where to; a name with an ending, such as report.md, is a file.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Markdown or JSON."
)
@archive_option
def command(run: str | None, output: str | None, force: bool, format_: str, archive: str) -> None:
    """Report on RUN (the latest, if none is named): what it did, its champion, and how good that is.

    A folder gets the report with its pictures, the champion's source and the settings. A run that has not
    ended can be reported on too; it has no champion yet.
    """
    is_folder = output is not None and _is_folder(output)
    if is_folder:
        if format_ == "json":
            raise UserError("a folder holds Markdown; give --format json a file, as in -o report.json")
        check_drawable()
    with opened(archive) as source, source.reading() as connection:
        record = latest_run(connection) if run is None else get_run(connection, run)
        found = gather(connection, record, option_for(source), output if is_folder else None)
        if is_folder:
            _write_folder(connection, found, Path(str(output)), force=force)
            return
    if format_ == "json":
        text = msgspec.json.format(msgspec.json.encode(_as_json(found)), indent=2).decode() + "\n"
    else:
        text = markdown(found)
    if output is None:
        click.echo(text, nl=False)
        return
    write_text(Path(output), text, force=force)
    click.echo(f"wrote {output}")


def _is_folder(output: str) -> bool:
    path = Path(output)
    return path.is_dir() or output.endswith("/") or not (path.suffix or path.is_file())


def _write_folder(connection: Connection, report: Report, folder: Path, *, force: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UserError(f"{folder} is not empty; --force replaces the files of a report in it")
    for name, content in report_files(connection, report):
        write_bytes(folder / name, content)
    click.echo(f"wrote {folder / REPORT_FILE}")


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
        "rivals": report.rivals,
        "lineage": [step_row(step) for step in report.lineage],
        "reflections": report.reflections,
        "spending": report.spending,
        "commands": report.commands,
        "versions": report.versions,
        "software": [
            {"proposal": one.proposal, "started_at": one.started_at, **msgspec.structs.asdict(one.versions)}
            for one in report.software
        ],
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
