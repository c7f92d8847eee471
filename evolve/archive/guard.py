"""Keeps people's own SQL from changing an SQLite archive or anything beside it."""

import sqlite3

_READS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)
_PRAGMAS_WITH_A_NAME = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_info", "index_list", "foreign_key_list"}
)
"""Their argument says what to describe. The argument of any other pragma would set something."""


_EFFECTS = frozenset(
    {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "fsdir", "sqlite_log"}
)
"""Functions of SQLite and its extensions that do more than compute."""


def forbid_writing(connection: sqlite3.Connection) -> None:
    """From here on the connection takes statements that read, and no others: no ATTACH, no VACUUM INTO."""
    connection.set_authorizer(_decide)


def _decide(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        harmless = second is None or str(first).lower() in _PRAGMAS_WITH_A_NAME
        return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _EFFECTS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY
