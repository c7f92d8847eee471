"""What a run may spend on models: the most that a call can cost is reserved before it is sent."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec

from evolve.llm.base import BudgetReached, CallEnd, CallKey, Spending
from evolve.llm.prices import exact


class Amount(msgspec.Struct, frozen=True):
    """Dollars and tokens."""

    usd: Decimal = Decimal(0)
    tokens: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.usd + other.usd, self.tokens + other.tokens)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.usd - other.usd, self.tokens - other.tokens)


class Reservation:
    """What one attempt may spend. In flight it counts in full; if it is never settled, it was not sent."""

    def __init__(self, most: Amount) -> None:
        self.most = most
        self.spent = Amount()
        self.unknown = Amount()

    def settle(self, end: CallEnd) -> None:
        """The attempt was sent, and is over. Where nobody knows its cost, that counts as the most."""
        tokens = None if end.usage is None else end.usage.input + end.usage.output
        if end.cost_usd is None:
            self.unknown = Amount(self.most.usd, self.most.tokens if tokens is None else 0)
            self.spent = Amount(tokens=tokens or 0)
        else:
            self.spent = Amount(exact(end.cost_usd), tokens or 0)


class Purse:
    """The money and the tokens of one run.

    What is spent, what may have been spent by attempts of unknown cost, and what is reserved for attempts in
    flight never exceed the limits together, as long as no attempt costs more than was reserved for it.
    Who comes when it does not fit waits until something in flight is settled; they are served in the order of
    their calls. When nothing is in flight, waiting would not help, and the budget is reached.
    """

    def __init__(self, max_usd: float | None, max_tokens: int | None, before: Spending) -> None:
        self._max_usd = None if max_usd is None else exact(max_usd)
        self._max_tokens = max_tokens
        self._spent = Amount(exact(before.usd), before.tokens)
        self._unknown = Amount(exact(before.unknown_usd), before.unknown_tokens)
        self._in_flight = Amount()
        self._flying = 0
        self._waiting: list[tuple[CallKey, int, Amount, asyncio.Future[None]]] = []
        self._arrivals = 0

    @property
    def spending(self) -> Spending:
        """What has been spent; attempts in flight not included."""
        spent, unknown = self._spent, self._unknown
        return Spending(float(spent.usd), float(unknown.usd), spent.tokens, unknown.tokens)

    def add(self, spent: Amount) -> None:
        """Count what was spent without a reservation."""
        self._spent += spent

    @asynccontextmanager
    async def reserve(self, key: CallKey, most: Amount) -> AsyncIterator[Reservation]:
        """Hold `most` for an attempt at a call while the block runs; waits until it fits.

        Raises:
            BudgetReached: It does not fit, and nothing is in flight that could make room.
        """
        await self._enter(key, most)
        reservation = Reservation(most)
        try:
            yield reservation
        finally:
            self._spent += reservation.spent
            self._unknown += reservation.unknown
            self._release(most)

    async def _enter(self, key: CallKey, most: Amount) -> None:
        granted = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (key, self._arrivals, most, granted))
        self._serve()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._release(most)
            else:
                granted.cancel()
                self._serve()
            raise

    def _release(self, most: Amount) -> None:
        self._in_flight -= most
        self._flying -= 1
        self._serve()

    def _serve(self) -> None:
        """Let in whoever is first and fits; send away who is first and never will."""
        while self._waiting:
            _, _, most, granted = self._waiting[0]
            if not granted.done():
                reached = self._exceeded(most)
                if reached and self._flying:
                    return
                if reached:
                    granted.set_exception(BudgetReached(reached))
                else:
                    self._in_flight += most
                    self._flying += 1
                    granted.set_result(None)
            heapq.heappop(self._waiting)

    def _exceeded(self, most: Amount) -> str | None:
        """The name of the limit that `most` more would break."""
        total = self._spent + self._unknown + self._in_flight + most
        if self._max_usd is not None and total.usd > self._max_usd:
            return "max_cost"
        if self._max_tokens is not None and total.tokens > self._max_tokens:
            return "max_tokens"
        return None
