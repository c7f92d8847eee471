"""Takes people's SQL apart, as far as that is needed to bind parameters and to see what is called."""

import re
from collections.abc import Iterator

import msgspec

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | --[^\n\r]*)
    | (?P<comment> /\*)
    | (?P<dollar>  \$(?P<tag>[A-Za-z_\x80-\U0010ffff][\w]*|)\$)
    | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>  (?:[uU]&|[bBxXnN])?'(?:[^']|'')*')
    | (?P<quoted>  (?:[uU]&)?"(?:[^"]|"")*" | `(?:[^`]|``)*` )
    | (?P<cast>    ::)
    | (?P<parameter> :[A-Za-z_]\w*)
    | (?P<number>  (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>    [A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<other>   .)
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(msgspec.Struct, frozen=True):
    """A piece of SQL; `kind` is that of the grammar above."""

    kind: str
    text: str

    @property
    def name(self) -> str:
        """An identifier as the database compares it; empty for what is none."""
        if self.kind == "name":
            return self.text.lower()
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" and self.text[0] == '"' else ""


class UnclosedError(ValueError):
    """A comment or string has no end."""


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of `sql`, which they add up to.

    Raises:
        UnclosedError: Something has no end.
    """
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        assert found is not None, "the last alternative matches anything"
        kind = str(found.lastgroup if found.lastgroup != "tag" else "dollar")
        end = found.end()
        if kind == "comment":
            end = _end_of_comment(sql, position)
            kind = "space"
        elif kind == "dollar":
            closing = sql.find(found[0], end)
            if closing < 0:
                raise UnclosedError(found[0])
            end, kind = closing + len(found[0]), "string"
        elif kind == "escaped":
            kind = "string"
        elif kind == "other" and found[0] in "'\"`":
            raise UnclosedError(found[0])
        yield Token(kind, sql[position:end])
        position = end


def bound(sql: str, style: str) -> tuple[str, list[str]]:
    """`sql` with its parameters `:name` as a driver takes them, and their names in order.

    Args:
        sql: A statement.
        style: `named` leaves them as they are; `pyformat` writes `%(name)s`, and `%%` for a percent sign.
    """
    parts: list[str] = []
    names: dict[str, None] = {}
    for token in tokens(sql):
        text = token.text.replace("%", "%%") if style == "pyformat" else token.text
        if token.kind == "parameter":
            name = token.text[1:]
            names[name] = None
            text = f"%({name})s" if style == "pyformat" else token.text
        parts.append(text)
    return "".join(parts), [*names]


def _end_of_comment(sql: str, start: int) -> int:
    """Comments nest, as in PostgreSQL; SQLite's do not, and there the shorter one ends earlier."""
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    raise UnclosedError("/*")
