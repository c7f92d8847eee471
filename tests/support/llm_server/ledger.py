"""What the server has been asked and what it has billed: exact integers, one entry for each request."""

import time
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tests.support.llm_server.behaviour import BILLED, TELLING, Kind
from tests.support.llm_server.exchange import Question, Tokens


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    index: int
    """In the order in which they arrived, from 0."""
    request_id: str
    """As in the header of the response: `x-request-id` or `request-id`."""
    answer_id: str
    """As in the body of the answer."""
    protocol: str
    model: str
    digest: str
    """Of the request's body."""
    seen: int
    """How often the same body had come before."""
    stream: bool
    kind: Kind
    billed: Tokens
    """What it costs; nothing where the model has not answered."""
    started_s: float
    """Since the server was started."""
    ended_s: float | None = None
    status: int | None = None
    """Of the HTTP response; None where none has been sent."""
    sent: bool = False
    """Whether all that was to be sent has been sent."""
    abandoned: bool = False
    """Whether the client went away before the end."""

    @property
    def told(self) -> bool:
        """Whether a client that has read all of it knows what it was billed."""
        return self.sent and self.kind in TELLING


class Price(msgspec.Struct, frozen=True):
    """US dollars for a million tokens, as exact decimals.

    Tokens from the cache cost `cached` instead, and those written into it `cache_write` where that is given.
    """

    input: Decimal
    output: Decimal
    cached: Decimal
    cache_write: Decimal | None = None

    def of(self, tokens: Tokens) -> Decimal:
        """What so many tokens cost."""
        fresh = tokens.input - tokens.cached - tokens.cache_writes
        write = self.input if self.cache_write is None else self.cache_write
        read_or_written = tokens.cached * self.cached + tokens.cache_writes * write
        return (fresh * self.input + read_or_written + tokens.output * self.output) / 1_000_000


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as it stands."""

    entries: tuple[Entry, ...]
    in_flight: int
    max_in_flight: int
    """The most requests that there have been at the same time."""
    max_connections: int

    @property
    def kinds(self) -> dict[Kind, int]:
        """How many requests of each kind, in the order of `Kind`."""
        counts = {kind: sum(entry.kind is kind for entry in self.entries) for kind in Kind}
        return {kind: count for kind, count in counts.items() if count}

    @property
    def billed(self) -> Tokens:
        """All together."""
        return sum((entry.billed for entry in self.entries), Tokens())

    @property
    def billed_by_model(self) -> dict[str, Tokens]:
        """By name of the model, in alphabetical order."""
        found: dict[str, Tokens] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.model):
            found[entry.model] = found.get(entry.model, Tokens()) + entry.billed
        return found

    def cost_usd(self, prices: Mapping[str, Price], told: bool | None = None) -> Decimal:
        """What was billed, exactly; with `told`, only where clients know it, or only where they do not."""
        chosen = (entry for entry in self.entries if told is None or entry.told is told)
        return sum((prices[entry.model].of(entry.billed) for entry in chosen), Decimal(0))


class Ledger:
    """Writes the entries."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._seen: dict[str, int] = {}
        self._started = time.monotonic()
        self._in_flight = 0
        self._max_in_flight = 0
        self._connections = 0
        self._max_connections = 0

    @property
    def requests(self) -> int:
        """So far."""
        return len(self._entries)

    @property
    def connections(self) -> int:
        """Open now."""
        return self._connections

    def connected(self, change: int) -> None:
        """A connection more, or one less."""
        self._connections += change
        self._max_connections = max(self._max_connections, self._connections)

    def seen(self, digest: str) -> int:
        """How often a body has come; counts this time for the next."""
        count = self._seen.get(digest, 0)
        self._seen[digest] = count + 1
        return count

    def open(
        self, question: Question, kind: Kind, seen: int, request_id: str, answer_id: str, tokens: Tokens
    ) -> int:
        """A request has arrived; its index."""
        entry = Entry(
            index=len(self._entries),
            request_id=request_id,
            answer_id=answer_id,
            protocol=question.protocol,
            model=question.model,
            digest=question.digest,
            seen=seen,
            stream=question.stream,
            kind=kind,
            billed=tokens if kind in BILLED else Tokens(),
            started_s=self._now(),
        )
        self._entries.append(entry)
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return entry.index

    def answering(self, index: int, status: int) -> None:
        """The head of its response is about to be sent."""
        self._change(index, status=status)

    def close(self, index: int, sent: bool) -> None:
        """A request is over: all has been sent, or the client or the server has gone away."""
        self._in_flight -= 1
        self._change(index, sent=sent, abandoned=not sent, ended_s=self._now())

    def report(self) -> Report:
        """As it stands."""
        return Report(
            entries=tuple(self._entries),
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            max_connections=self._max_connections,
        )

    def _now(self) -> float:
        return round(time.monotonic() - self._started, 6)

    def _change(self, index: int, **changes: object) -> None:
        self._entries[index] = msgspec.structs.replace(self._entries[index], **changes)
