"""`evolve check`: prove that a problem plug-in is sound, or say what is wrong with it."""

import asyncio
import sys

import click
import msgspec

from evolve.checking import Check, Report, check_problem
from evolve.cli.options import format_option, instances_option, loaded_problem
from evolve.cli.output import print_json, print_rows, print_table
from evolve.running import check_isolation_level

COLUMNS = ("check", "where", "what", "fix")
FINDINGS = 1


@click.command("check")
@click.argument("problem")
@instances_option
@click.option("--min-isolation", metavar="LEVEL", help="Refuse to run programs in a weaker sandbox.")
@format_option
def command(problem: str, instance_files: tuple[str, ...], min_isolation: str | None, format_: str) -> int:
    """Check PROBLEM, a name or a folder: one line for each thing that is wrong, and how to put it right.

    Shipped programs, trivial ones and hostile ones are evaluated. The exit code is 0 if the problem is
    sound, and 1 if there are findings.
    """
    loaded = loaded_problem(problem, instance_files)
    check_isolation_level(min_isolation)
    report = asyncio.run(check_problem(loaded, min_isolation, _tell if sys.stderr.isatty() else None))
    rows = [msgspec.to_builtins(finding) for finding in report.findings]
    if format_ == "json":
        print_json({**msgspec.to_builtins(report), "sound": report.sound})
    elif format_ == "csv":
        print_rows(rows, format_, COLUMNS)
    else:
        _print_table(report, rows)
    return 0 if report.sound else FINDINGS


def _tell(check: Check) -> None:
    click.echo(f"checking: {check.value}", err=True)


def _print_table(report: Report, rows: list[dict[str, str]]) -> None:
    figures = report.figures
    if rows:
        print_table(rows, COLUMNS)
    if report.unchecked:
        click.echo(f"not checked yet, because of that: {', '.join(report.unchecked)}")
    for name, seconds in figures.cpu_seconds.items():
        click.echo(f"{name}: {seconds:.3f} s of CPU for train")
    if figures.evaluation_seconds is not None and figures.proposals_per_hour is not None:
        click.echo(
            f"an evaluation of train takes {figures.evaluation_seconds:.2f} s:"
            f" some {figures.proposals_per_hour:,.0f} proposals an hour on a core"
        )
    if report.sound:
        sizes = ", ".join(f"{split} {size}" for split, size in figures.instances.items())
        click.echo(f"{report.problem} is sound: {len(Check)} checks, isolation {report.isolation}; {sizes}")
    else:
        count = len(report.findings)
        click.echo(f"{report.problem} is not sound: {count} finding{'s' if count > 1 else ''}")
