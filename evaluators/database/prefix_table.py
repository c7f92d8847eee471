"""Tables whose rows are put to a language model, one request for each row."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from evolve.problem import InstanceFileError

Merges: TypeAlias = tuple[tuple[str, ...], ...]
"""Groups of columns; those of a group are to stand together, in this order."""

PUBLISHED_MERGES: dict[str, Merges] = {
    "movies": (("movieinfo", "movietitle", "rottentomatoeslink"),),
    "beer": (("beer/beerId", "beer/name"),),
    "BIRD": (("PostId", "Body"),),
    "PDMX": (
        ("path", "metadata"),
        ("hasmetadata", "isofficial", "isuserpublisher", "isdraft", "hasannotations", "subsetall"),
    ),
    "products": (("product_title", "parent_asin"),),
}
"""What the published benchmark merges, by the name of the table's file (ADRS leaderboard, llm_sql)."""


class RequestTable(msgspec.Struct, frozen=True):
    """A table of texts. `rows[i][c]` is the cell of row i in column c; a missing value is the empty text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def characters(self) -> int:
        """The characters of all cells, which is what all requests hold together."""
        return sum(len(cell) for row in self.rows for cell in row)

    def merged(self, merges: Merges) -> "RequestTable":
        """The table with each group of columns made one, at the end; groups that it does not have are left.

        A merged column is called after its parts, with "_" between them, and its cells are theirs, one after
        the other.
        """
        table = self
        for group in merges:
            if all(name in table.columns for name in group):
                table = table._with_one_merged(group)
        return table

    def _with_one_merged(self, group: Sequence[str]) -> "RequestTable":
        parts = [self.columns.index(name) for name in group]
        kept = [position for position in range(len(self.columns)) if position not in parts]
        columns = (*(self.columns[position] for position in kept), "_".join(group))
        rows = tuple(
            (*(row[position] for position in kept), "".join(row[position] for position in parts))
            for row in self.rows
        )
        return RequestTable(columns, rows)


def read_table(path: Path) -> RequestTable:
    """Read a CSV file with a header, every cell as it is written.

    Raises:
        InstanceFileError: It is not such a file, or holds fewer than two rows; the message says where.
        OSError: It cannot be opened.
    """
    limit = csv.field_size_limit(2**24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            columns = tuple(next(lines, ()))
            rows = []
            for row in lines:
                if len(row) != len(columns):
                    raise InstanceFileError(
                        f"{path}, line {lines.line_num}: {len(row)} cells, but {len(columns)} columns"
                    )
                rows.append(tuple(row))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InstanceFileError(f"{path}: not a CSV file in UTF-8: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if len(rows) < 2 or len(set(columns)) != len(columns):
        raise InstanceFileError(
            f"{path}: {len(columns)} columns and {len(rows)} rows; there have to be a header of names that"
            " differ and at least two rows"
        )
    table = RequestTable(columns, tuple(rows))
    if not table.characters:
        raise InstanceFileError(f"{path}: all cells are empty")
    return table
