"""`evolve bench`: strategies compared at equal evaluations."""

import asyncio
import csv
import io
import sys
from pathlib import Path
from typing import Any

import click

from evolve.benchmarking.analysis import LEVEL, Analysis, Row, analyse
from evolve.benchmarking.cells import Folder
from evolve.benchmarking.comparing import YARDSTICK, Comparison, compare, plan
from evolve.benchmarking.suites import load_suite, suite_names
from evolve.cli.options import format_option
from evolve.cli.output import print_csv, print_json, print_rows, print_table
from evolve.config import available_cores
from evolve.errors import UserError
from evolve.files import write_text
from results.pictures import check_drawable

_COLUMNS = ("strategy", "quality", "interval", "gain", "gain_interval", "better", "undecided", "worse")


@click.command("bench")
@click.argument("suite", required=False)
@click.option(
    "--strategies", metavar="NAME,...", help=f"Which to compare; {YARDSTICK} always is.  [default: all]"
)
@click.option(
    "--seeds", type=click.IntRange(min=1), metavar="N", help="Seeds 1 to N.  [default: the suite's]"
)
@click.option(
    "--evaluations",
    type=click.IntRange(min=1),
    metavar="N",
    help="Evaluated programs in each search.  [default: the suite's]",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Searches at the same time.  [default: all cores]",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: bench-SUITE]")
@format_option
def command(
    suite: str | None,
    strategies: str | None,
    seeds: int | None,
    evaluations: int | None,
    processes: int | None,
    output: Path | None,
    format_: str,
) -> None:
    """Compare strategies on SUITE: the name of a shipped one, or a TOML file. Without SUITE: list them.

    Every strategy does one search for each problem and seed, all with the same number of evaluations.
    Finished searches are kept in the folder, so the same command goes on after an interruption, and with
    more --seeds or --strategies. Tables come as CSV, and pictures beside them where matplotlib is installed.
    """
    if suite is None:
        rows = [{"suite": name, "summary": load_suite(name).summary} for name in suite_names()]
        print_rows(rows, format_, ("suite", "summary"))
        return
    comparison = plan(load_suite(suite), _names(strategies), seeds, evaluations)
    folder = Folder(output or Path(f"bench-{Path(suite).stem}"))
    finished = asyncio.run(compare(comparison, folder, processes or available_cores(), _progress))
    analysis = analyse(comparison, finished)
    _write(folder.path, analysis)
    _print(comparison, analysis, format_)
    click.echo(f"tables and curves are in {folder.path}", err=True)


def _names(given: str | None) -> list[str]:
    return [] if given is None else [name.strip() for name in given.split(",") if name.strip()]


def _progress(done: int, whole: int) -> None:
    """One line, which is written over where somebody is looking."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {whole} searches", err=True, nl=done == whole)
    elif done == whole or done % max(1, whole // 20) == 0:
        click.echo(f"{done} of {whole} searches", err=True)


def _write(folder: Path, analysis: Analysis) -> None:
    for name in analysis.__struct_fields__:
        write_text(folder / f"{name}.csv", _csv(getattr(analysis, name)), force=True)
    try:
        check_drawable()
    except UserError as error:
        click.echo(f"no pictures: {error}", err=True)
        return
    from evolve.benchmarking.pictures import pictures

    for name, content in pictures(analysis).items():
        (folder / name).write_bytes(content)


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(comparison: Comparison, analysis: Analysis, format_: str) -> None:
    if format_ == "json":
        effort = {"seeds": comparison.seeds, "evaluations": comparison.evaluations, "level": LEVEL}
        print_json({**effort, "strategies": analysis.strategies, "problems": analysis.problems})
    elif format_ == "csv":
        print_csv(analysis.strategies, list(analysis.strategies[0]))
    else:
        click.echo(
            f"{len(comparison.suite.names)} problems, seeds 1 to {comparison.seeds},"
            f" {comparison.evaluations} evaluations each; intervals of {LEVEL:g} % over seeds;"
            f" gain, better and worse are beside {YARDSTICK}"
        )
        print_table([_shown(row) for row in analysis.strategies], _COLUMNS)


def _shown(row: Row) -> dict[str, Any]:
    gain = None if row["gain"] is None else f"{row['gain_low']:.3f} to {row['gain_high']:.3f}"
    return row | {"interval": f"{row['low']:.3f} to {row['high']:.3f}", "gain_interval": gain}
