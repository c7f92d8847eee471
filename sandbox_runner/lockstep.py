"""Many independent calls in one round trip: rows of float64 in, one float64 for each call out."""

from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import partial
from struct import Struct, pack
from struct import error as struct_error
from typing import Any, NamedTuple

from sandbox_runner import wire
from sandbox_runner.failure import MistypedReply, RowFailure


class _Column(NamedTuple):
    """How the rows of one table become objects of its record type."""

    build: Callable[[Any], Any]
    row: Struct


class LockstepShape(NamedTuple):
    """A function, and the record types of its parameters."""

    function: str
    columns: list[_Column]

    @classmethod
    def declared(cls, function: str, records: list[tuple[str, list[str]]]) -> "LockstepShape":
        """The shape that a SHAPE frame describes."""
        columns = []
        for name, fields in records:
            record = namedtuple(name, fields)  # type: ignore[misc]  # the names arrive at run time
            columns.append(_Column(partial(tuple.__new__, record), Struct(f"<{len(fields)}d")))
        return cls(function, columns)

    def answer(self, function: Callable[..., Any], payload: memoryview) -> bytes:
        """Call the function once for each row.

        Raises:
            RowFailure: The function raised.
            MistypedReply: It returned something that is not a real number.
        """
        calls: list[Iterator[Any]] = []
        at = 0
        for build, row in self.columns:
            rows, indices = wire.TABLE.unpack_from(payload, at)
            at += wire.TABLE.size
            stop = at + rows * row.size
            objects = map(build, row.iter_unpack(payload[at:stop]))
            at = stop + 4 * max(0, indices)
            if indices >= 0:
                objects = map(list(objects).__getitem__, payload[stop:at].cast("i"))
            calls.append(objects)
        results: list[Any] = []
        try:
            # The results before the one that raises stay in the list.
            results.extend(map(function, *calls))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the row goes with it
            raise RowFailure(error, len(results)) from None
        try:
            return pack(f"<{len(results)}d", *results)
        except (struct_error, OverflowError, TypeError, ValueError):
            raise _first_mistyped(results) from None


def _first_mistyped(results: list[Any]) -> MistypedReply:
    for row, result in enumerate(results):
        try:
            pack("<d", result)
        except (struct_error, OverflowError, TypeError, ValueError):
            kind = type(result).__name__
            return MistypedReply(f"returned {kind} where a real number of double precision is wanted", row)
    return MistypedReply("returned something that changes when it is read")
