"""SQL that is written once for both databases, in the words of each.

Views and named queries are in the SQL that SQLite and PostgreSQL share, with three exceptions, written as
PostgreSQL's `x ->> 'key'` and `strpos(x, y)`, and `hour_of(x)`, the hour of a time as text.
"""

import re

_PATH = re.compile(r"([a-z_]+(?:\.[a-z_]+)?) ->> (?:'(\w+)'|(\d+))")
_HOUR = re.compile(r"hour_of\(([a-z_.]+)\)")


def for_dialect(sql: str, dialect: str) -> str:
    """`sql` as the database called `dialect` (`sqlite` or `postgresql`) takes it."""
    if dialect == "sqlite":
        sql = _PATH.sub(_extract, sql).replace("strpos(", "instr(")
        return _HOUR.sub(r"(substr(\1, 1, 13) || ':00')", sql)
    return _HOUR.sub(r"to_char(\1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:00')", sql)


def _extract(found: re.Match[str]) -> str:
    """In SQLite's older words, since `->>` came with 3.38 only."""
    column, key, position = found.groups()
    path = f"$[{position}]" if key is None else f"$.{key}"
    return f"json_extract({column}, '{path}')"
