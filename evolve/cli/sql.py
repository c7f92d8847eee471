"""`evolve sql`: ask the archive anything, read-only."""

import csv
import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec

from evolve.archive.asked import TIMEOUT_S, Answer, asked
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_table
from evolve.errors import UserError

PAGE = 1000
"""Rows of a table; a longer answer is several tables, so that it need not be in memory."""

parameter_option = click.option(
    "-p", "--parameter", "given", metavar="NAME=VALUE", multiple=True, help="For :NAME in the query."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0.0, 86_400.0, min_open=True),
    metavar="SECONDS",
    default=TIMEOUT_S,
    show_default=True,
    help="How long the database may work on it.",
)


@click.command("sql")
@click.argument("query", required=False)
@click.option(
    "--file",
    "file",
    type=click.File(encoding="utf-8"),
    metavar="QUERY.sql",
    help="Read it from a file; - is stdin.",
)
@parameter_option
@timeout_option
@archive_option
@format_option
def command(
    query: str | None, file: Any, given: tuple[str, ...], timeout: float, archive: str, format_: str
) -> None:
    """Run QUERY on the archive and print the rows. Nothing can be changed by it.

    `evolve schema` describes tables and views. Parameters are written `:name` and given with -p name=value.
    A table of more than 1000 rows is printed in pages; JSON and CSV are printed as the rows come.
    """
    if (query is None) == (file is None):
        raise UserError("give either a query or --file QUERY.sql")
    text = query if query is not None else _read(file)
    with opened(archive) as source, asked(source, text, typed_values(given), timeout) as answer:
        print_answer(answer, format_)


def typed_values(given: Iterable[str]) -> dict[str, str]:
    """The values of `-p name=value`.

    Raises:
        UserError: One is not written like that.
    """
    values = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name.isidentifier():
            raise UserError(f"-p {one}: a parameter is given as NAME=VALUE")
        values[name] = value
    return values


def print_answer(answer: Answer, format_: str) -> None:
    """Print rows as they come; what has been printed is not kept."""
    rows = itertools.chain.from_iterable(answer.batches)
    columns = _distinct(answer.columns)
    if format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if value is None else _text(value) for value in row] for row in rows)
    elif format_ == "json":
        _print_json(dict(zip(columns, row, strict=True)) for row in rows)
    else:
        _print_tables(columns, rows)


def _distinct(columns: Sequence[str]) -> list[str]:
    """Names under which no column hides another: the second `n` is `n_2`."""
    names: list[str] = []
    for name in columns:
        count = 2
        free = name
        while free in names:
            free, count = f"{name}_{count}", count + 1
        names.append(free)
    return names


def _print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    before = "[\n  "
    for row in rows:
        sys.stdout.write(before + msgspec.json.encode({name: _text(x) for name, x in row.items()}).decode())
        before = ",\n  "
    sys.stdout.write("[]\n" if before.startswith("[") else "\n]\n")


def _print_tables(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    waiting = iter(rows)
    page = list(itertools.islice(waiting, PAGE))
    while True:
        print_table([dict(zip(columns, map(_text, row), strict=True)) for row in page], columns)
        page = list(itertools.islice(waiting, PAGE))
        if not page:
            return


def _text(value: Any) -> Any:
    """What JSON has no word for, as text."""
    if isinstance(value, bytes | memoryview):
        return f"\\x{bytes(value).hex()}"
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def _read(file: Any) -> str:
    try:
        text: str = file.read()
    except UnicodeDecodeError as error:
        raise UserError(f"{file.name} is not text in UTF-8") from error
    return text
