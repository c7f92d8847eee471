"""A candidate that runs in the test's own process. For programs that the tests themselves wrote."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from evolve.problem import CandidateFailure, Floats, RecordType, Status, Table, Value

Row = Callable[[list[float]], object]
_make_row_type: Callable[..., Any] = namedtuple  # a plain alias, since the fields are known only at run time


class DirectCandidate:
    """`evolve.problem.Candidate` without a sandbox: no isolation, no limits, no copy of what crosses.

    Args:
        source: The program; it is executed at once. Exceptions of the program itself are left to propagate
            from here, and become `CandidateFailure` when they happen in a call.
    """

    def __init__(self, source: str) -> None:
        self._namespace: dict[str, Any] = {"__name__": "candidate"}
        exec(compile(source, "<candidate>", "exec"), self._namespace)
        self._object: Any = None
        self._row_types: dict[RecordType, Row] = {}
        self.calls = 0
        """Calls of functions and methods made so far; a lockstep call counts once for each row."""
        self.round_trips = 0
        """Uses of `call`, `create`, `step` and `lockstep` so far."""

    def call(self, function: str, *args: Value) -> object:
        return self._invoke(self._namespace[function], args)

    def create(self, cls: str, *args: Value) -> None:
        self._object = self._invoke(self._namespace[cls], args)

    def step(self, method: str, *args: Value) -> object:
        return self._invoke(getattr(self._object, method), args)

    def lockstep(self, function: str, *tables: Table) -> Floats:
        self.round_trips += 1
        target = self._namespace[function]
        values: list[object] = []
        arguments = zip(*(self._rows(table) for table in tables), strict=True)
        for row, call_arguments in enumerate(arguments):
            try:
                values.append(target(*call_arguments))
            except Exception as error:
                raise _crashed(error, row) from error
        self.calls += len(values)
        if not all(map(_is_real, values)):
            row = next(row for row, value in enumerate(values) if not _is_real(value))
            raise CandidateFailure(Status.INVALID, f"{function} returned {values[row]!r}, not a number", row)
        return np.array(values, dtype=np.float64)

    def _rows(self, table: Table) -> list[object]:
        make = self._row_types.get(table.record)
        if make is None:
            row_type = _make_row_type(table.record.name, table.record.fields)
            make = self._row_types[table.record] = row_type._make
        rows = [make(row) for row in table.rows.tolist()]
        return rows if table.index is None else [rows[i] for i in table.index.tolist()]

    def _invoke(self, target: Callable[..., object], args: tuple[Value, ...]) -> object:
        self.calls += 1
        self.round_trips += 1
        try:
            return target(*args)
        except Exception as error:
            raise _crashed(error) from error


def _is_real(value: object) -> bool:
    return isinstance(value, int | float)


def _crashed(error: Exception, row: int | None = None) -> CandidateFailure:
    return CandidateFailure(Status.CRASHED, f"{type(error).__name__}: {error}", row)
