"""People's own SQL: one statement that reads, within a time limit, its rows handed out a few at a time.

SQLite: the file is opened for reading, and an authorizer lets statements through that read and nothing else.
PostgreSQL: a read-only transaction is not enough, since a superuser's functions reach the server's files and
other sessions. So the role is lowered to one that only reads, functions that do more than compute are
refused by name, and the statement is declared as a cursor, which nothing but one query can be.
"""

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from evolve.archive.calls import refused_call
from evolve.archive.engine import Archive
from evolve.archive.lexing import UnclosedError, bound, tokens
from evolve.errors import UserError

TIMEOUT_S = 60.0
"""How long the database may work on a statement, unless told otherwise; waiting for a reader not included."""
BATCH = 500
_STEPS = 20_000
"""After how many steps of its machine SQLite looks at the clock."""
_LONGEST = 256 * 2**20
"""Bytes of a single value that SQLite may make."""
_READER = "pg_read_all_data"
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?[0-9]{1,300}\.[0-9]+")


class Answer(msgspec.Struct, frozen=True):
    """The rows that a statement gives."""

    columns: tuple[str, ...]
    batches: Iterator[Sequence[Sequence[Any]]]
    """Rows, some at a time; they are not in memory before."""


class _Clock:
    """Counts the time that the database takes, and not that of the reader."""

    def __init__(self, seconds: float) -> None:
        self.limit = seconds
        self.left = seconds
        self.since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        if self.left <= 0.0:
            raise self.complaint()
        self.since = time.monotonic()
        try:
            yield
        finally:
            self.left -= time.monotonic() - self.since
            self.since = None

    def over(self) -> bool:
        return self.since is not None and time.monotonic() - self.since > self.left

    def complaint(self) -> UserError:
        return UserError(f"the query took longer than {self.limit:g} s; allow more with --timeout SECONDS")


@contextmanager
def asked(
    archive: Archive, query: str, values: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> Iterator[Answer]:
    """Run a statement on an archive that was opened for reading.

    Args:
        archive: Opened with `read_only`.
        query: One statement; `:name` is a parameter.
        values: Of the parameters, as a person types them.
        timeout_s: How many seconds the database may work.

    Raises:
        UserError: The statement is none that reads, is not understood, or takes too long.
    """
    sql, given = _bind(query, values or {}, archive.dialect)
    clock = _Clock(timeout_s)
    with archive.driver_connection() as connection:
        ask = _ask_postgres if archive.dialect == "postgresql" else _ask_sqlite
        with ask(connection, sql, given, clock) as answer:
            yield answer


def _bind(query: str, values: Mapping[str, str], dialect: str) -> tuple[str, dict[str, Any]]:
    try:
        found = [token for token in tokens(query) if token.kind != "space"]
        sql, names = bound(query, "pyformat" if dialect == "postgresql" else "named")
    except UnclosedError as error:
        raise UserError(f"the query opens {error} and does not close it") from error
    if not found:
        raise UserError("the query is empty")
    ends = [index for index, token in enumerate(found) if token.text == ";"]
    if ends and ends[0] < len(found) - len(ends):
        raise UserError("one statement at a time, please")
    absent = [name for name in names if name not in values]
    if absent:
        raise UserError(f"the query has the parameter :{absent[0]}; give it with -p {absent[0]}=VALUE")
    surplus = [name for name in values if name not in names]
    if surplus:
        raise UserError(f"the query has no parameter :{surplus[0]}")
    if dialect == "postgresql":
        call = refused_call(query)
        if call is not None:
            raise UserError(f"`evolve sql` only reads, and does not know the function {call} to do no more")
        return sql.rstrip().rstrip(";"), dict(values)
    return sql, {name: _number(value) for name, value in values.items()}


def _number(value: str) -> str | int | float:
    """A number where one was typed as numbers are written, since SQLite compares a text with none."""
    if _WHOLE.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else value


@contextmanager
def _ask_sqlite(
    connection: sqlite3.Connection, sql: str, values: Mapping[str, Any], clock: _Clock
) -> Iterator[Answer]:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.set_progress_handler(clock.over, _STEPS)

    def rows() -> Iterator[Sequence[Sequence[Any]]]:
        while True:
            with _complaints(sqlite3.Error, clock), clock.running():
                batch = cursor.fetchmany(BATCH)
            if not batch:
                return
            yield batch

    with _complaints((sqlite3.Error, sqlite3.Warning), clock), clock.running():
        cursor = connection.execute(sql, values)
    if cursor.description is None:
        raise UserError("the statement gives no rows; `evolve sql` only reads")
    try:
        yield Answer(tuple(column[0] for column in cursor.description), rows())
    finally:
        connection.set_progress_handler(None, 0)


@contextmanager
def _ask_postgres(connection: Any, sql: str, values: Mapping[str, Any], clock: _Clock) -> Iterator[Answer]:
    import psycopg

    def limit() -> None:
        connection.execute(f"SET LOCAL statement_timeout = {max(1, round(clock.left * 1000))}")

    def rows() -> Iterator[Sequence[Sequence[Any]]]:
        while True:
            with _complaints(psycopg.Error, clock), clock.running():
                limit()
                batch = cursor.fetchmany(BATCH)
            if not batch:
                return
            yield [[_plain(value) for value in row] for row in batch]

    connection.rollback()
    connection.read_only = True
    with _complaints(psycopg.Error, clock), clock.running():
        if connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]:
            connection.execute(f"SET LOCAL ROLE {_READER}")
        limit()
        cursor = connection.cursor("evolve")
        cursor.execute(sql, values or {})
    try:
        yield Answer(tuple(column.name for column in cursor.description), rows())
    finally:
        connection.rollback()


def _plain(value: Any) -> Any:
    """Sums of whole numbers come as decimals from PostgreSQL."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


@contextmanager
def _complaints(kinds: Any, clock: _Clock) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if said == "interrupted" or "statement timeout" in said:
            raise clock.complaint() from error
        raise UserError(f"the archive does not take this query: {said}") from error
