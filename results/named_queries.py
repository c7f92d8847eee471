"""Named queries: questions that people have of an archive, each a file of `results/queries`.

A file begins with comments: what it answers, then a line for each parameter, `-- :name=default: what it is`.
The parameter `:run` is the key of a run, which people give by its name.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from evolve.archive.asked import TIMEOUT_S, Answer, asked
from evolve.archive.dialects import for_dialect
from evolve.archive.engine import Archive
from evolve.errors import UserError, unknown

FOLDER = Path(__file__).parent / "queries"
RUN = "run"
_PARAMETER = re.compile(r"-- :(\w+)(?:=([^:]*))?: (.+)")


class Parameter(msgspec.Struct, frozen=True):
    """What a named query wants to know."""

    name: str
    default: str | None
    """None where it has to be given."""
    help: str


class NamedQuery(msgspec.Struct, frozen=True):
    """A question with a name."""

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def of_run(self) -> bool:
        """Whether it is about one run."""
        return any(one.name == RUN for one in self.parameters)


def query_names() -> list[str]:
    """All names, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.sql"))


def named_query(name: str) -> NamedQuery:
    """The query of a name.

    Raises:
        UserError: There is none.
    """
    if name not in query_names():
        raise unknown("query", name, query_names())
    lines = (FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("--"))
    found = [_PARAMETER.fullmatch(line) for line in lines[1:first]]
    parameters = tuple(Parameter(one[1], one[2], one[3]) for one in found if one is not None)
    assert len(parameters) == first - 1, f"{name}.sql: a comment is no parameter"
    return NamedQuery(name, lines[0].removeprefix("-- "), parameters, "\n".join(lines[first:]))


@contextmanager
def answered(
    archive: Archive,
    query: NamedQuery,
    values: Mapping[str, str | int] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Answer]:
    """Ask a named query of an archive that was opened for reading.

    Args:
        archive: Opened with `read_only`.
        query: Which.
        values: Of its parameters; `run` is a run's key.
        timeout_s: How many seconds the database may work.

    Raises:
        UserError: A parameter is missing, or is none of this query's, or it takes too long.
    """
    given = {name: str(value) for name, value in (values or {}).items()}
    for name in given:
        if name not in [one.name for one in query.parameters]:
            raise unknown(
                f"parameter of the query {query.name}", name, [one.name for one in query.parameters]
            )
    for one in query.parameters:
        if one.default is not None:
            given.setdefault(one.name, one.default)
        elif one.name not in given:
            raise UserError(f"the query {query.name} needs -p {one.name}=VALUE ({one.help.rstrip('.')})")
    with asked(archive, for_dialect(query.sql, archive.dialect), given, timeout_s) as answer:
        yield answer


def rows_of(archive: Archive, name: str, **values: str | int) -> list[dict[str, object]]:
    """All rows that a named query gives, for code that wants them at once."""
    with answered(archive, named_query(name), values) as answer:
        return [dict(zip(answer.columns, row, strict=True)) for batch in answer.batches for row in batch]
