"""Prints rows as a table for a person, or as JSON or CSV for a program."""

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

Row = Mapping[str, Any]

_UNFOLDED_WIDTH = 2000


def print_rows(rows: Sequence[Row], format_: str, columns: Sequence[str] | None = None) -> None:
    """Print rows; a table or CSV has the columns given, in their order, JSON has everything."""
    if format_ == "json":
        print_json(list(rows))
        return
    shown = list(columns or (rows[0] if rows else ()))
    if format_ == "csv":
        print_csv(rows, shown)
    else:
        print_table(rows, shown)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print rows as CSV with a header; None is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if row.get(name) is None else row.get(name) for name in columns] for row in rows])


def print_table(rows: Sequence[Row], columns: Sequence[str], title: str | None = None) -> None:
    """Print rows as a table; numbers are aligned to the right, None is an empty cell."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for name in columns:
        numeric = any(_is_numeric(row.get(name)) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    decimals = {name: _decimals([row.get(name) for row in rows]) for name in columns}
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name), decimals[name])) for name in columns))
    # A file or a pipe has no width, so nothing is folded for it.
    width = None if sys.stdout.isatty() else _UNFOLDED_WIDTH
    Console(width=width, highlight=False).print(table)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.endswith(" %"))


def _decimals(values: Sequence[Any]) -> int:
    """How many decimals the floats of a column are shown with: all the same, so that they line up."""
    floats = [value for value in values if isinstance(value, float)]
    if all(abs(value) < 100 for value in floats):
        return 4
    return 0 if all(value.is_integer() for value in floats) else 1


def _cell(value: Any, decimals: int) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.{decimals}f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return str(value)
