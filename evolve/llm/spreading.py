"""Spreads requests over several clients of one service.

The connection pool behind the SDKs (httpcore) looks at all of its connections whenever a request begins and
whenever one ends. With 64 in one pool that takes longer than all the rest of a call; with eight in each of
eight pools it does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_T = TypeVar("_T")
_CONNECTIONS = 8
"""In one pool."""


class Spread(Generic[_T]):
    """As many clients as so many requests at a time need."""

    def __init__(self, concurrency: int, start: Callable[[], _T]) -> None:
        self.clients = [start() for _ in range(-(-concurrency // _CONNECTIONS))]
        self._busy = [0] * len(self.clients)

    @contextmanager
    def least_busy(self) -> Iterator[_T]:
        """The client with the fewest requests, for one more while the block runs."""
        index = self._busy.index(min(self._busy))
        self._busy[index] += 1
        try:
            yield self.clients[index]
        finally:
            self._busy[index] -= 1
