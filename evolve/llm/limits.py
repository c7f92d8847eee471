"""How hard a provider is pressed: attempts at a time, requests and tokens per minute."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evolve.llm.base import CallKey

_MINUTE = 60.0


class Rate:
    """So many units a minute, evenly: each take pushes the next one back by what it took.

    In no minute is more taken than the rate, but for the last take, which may be larger than what was left.
    What is not used is not saved up, so there are no bursts. This is a bucket of tokens that holds one take
    (the generic cell rate algorithm with no tolerance; ITU-T I.371).
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds_each = _MINUTE / per_minute
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may be taken."""
        return max(0.0, self._free_at - now)

    def take(self, amount: float, now: float) -> None:
        """Take it now, or when `wait` is over."""
        self._free_at = max(self._free_at, now) + amount * self._seconds_each

    def give_back(self, amount: float) -> None:
        """So much of what was taken was not needed after all; more is needed where it is negative."""
        self._free_at -= amount * self._seconds_each


class Turn:
    """The right to make one attempt; `tokens` are those it was let in for."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.used: int | None = None
        """How many tokens it took, where that is known."""


class Gate:
    """Lets attempts through to one provider, in the order of their calls."""

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self._free = concurrency
        self._requests = None if requests_per_minute is None else Rate(requests_per_minute)
        self._tokens = None if tokens_per_minute is None else Rate(tokens_per_minute)
        self._waiting: list[tuple[CallKey, int, int, asyncio.Future[None]]] = []
        self._arrivals = 0
        self._alarm: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, key: CallKey, tokens: int) -> AsyncIterator[Turn]:
        """Hold a place while the block runs; waits until there is one and the rates allow it."""
        await self._enter(key, tokens)
        turn = Turn(tokens)
        try:
            yield turn
        finally:
            if self._tokens is not None and turn.used is not None:
                self._tokens.give_back(tokens - turn.used)
            self._leave()

    async def _enter(self, key: CallKey, tokens: int) -> None:
        granted = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (key, self._arrivals, tokens, granted))
        self._serve()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._leave()
            else:
                granted.cancel()
            raise

    def _leave(self) -> None:
        self._free += 1
        self._serve()

    def _serve(self) -> None:
        """Let in whoever may go now; see to it that this is looked at again when the next one may."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._waiting and self._free:
            _, _, tokens, granted = self._waiting[0]
            if not granted.done():
                wait = self._wait()
                if wait > 0:
                    self._alarm = asyncio.get_running_loop().call_later(wait, self._serve)
                    return
                self._let_in(tokens)
                granted.set_result(None)
            heapq.heappop(self._waiting)

    def _wait(self) -> float:
        now = asyncio.get_running_loop().time()
        return max(
            (rate.wait(now) for rate in (self._requests, self._tokens) if rate is not None), default=0.0
        )

    def _let_in(self, tokens: int) -> None:
        now = asyncio.get_running_loop().time()
        self._free -= 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
