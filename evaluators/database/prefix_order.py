"""The decision: in which order rows are sent, and in which order each of them shows its cells."""

import numpy as np

from evaluators.checks import Integers, integer_array
from evaluators.database.prefix_table import RequestTable
from evolve.problem import InvalidDecision


def checked_requests(answer: object, table: RequestTable) -> list[str]:
    """The requests that a candidate's answer `(rows, columns)` makes of a table, in the order they are sent.

    `rows[i]` is the row that is sent as request i, and `columns[i]` the order of its cells. The texts come
    from the table, so a request can neither lose nor gain a character.

    Raises:
        InvalidDecision: A row or a cell is missing or stands twice, or the answer is no such pair.
    """
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise InvalidDecision("the answer has to be a pair (rows, columns)")
    count, width = len(table.rows), len(table.columns)
    rows = integer_array(answer[0], "rows", (count,), 0, count, ("request",))
    columns = integer_array(answer[1], "columns", (count, width), 0, width, ("request", "position"))
    _check_each_row_once(rows)
    _check_each_cell_once(columns)
    return [
        "".join([cells[column] for column in order])
        for cells, order in zip((table.rows[row] for row in rows.tolist()), columns.tolist(), strict=True)
    ]


def _check_each_row_once(rows: Integers) -> None:
    counts = np.bincount(rows, minlength=len(rows))
    if counts.max() > 1:
        twice, missing = int(counts.argmax()), int(counts.argmin())
        raise InvalidDecision(
            f"rows: row {twice} stands {counts[twice]} times and row {missing} not at all;"
            " each row is sent exactly once"
        )


def _check_each_cell_once(columns: Integers) -> None:
    wrong = np.flatnonzero((np.sort(columns, axis=1) != np.arange(columns.shape[1])).any(axis=1))
    if len(wrong):
        request = int(wrong[0])
        counts = np.bincount(columns[request], minlength=columns.shape[1])
        raise InvalidDecision(
            f"columns[{request}]: column {int(counts.argmax())} stands {int(counts.max())} times and column"
            f" {int(counts.argmin())} not at all; a request shows each cell of its row exactly once"
        )
