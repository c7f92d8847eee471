"""Time that passes at once, a provider that does as it is told, and a record in memory."""

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from evolve.config import Budget, Endpoint, ModelSettings
from evolve.llm.base import (
    Answer,
    AttemptFailed,
    CallEnd,
    CallKey,
    CallStart,
    CallStatus,
    Message,
    Prompt,
    ProviderSettings,
    RecordedCall,
    Spending,
    Usage,
)
from evolve.llm.budget import Purse
from evolve.llm.calls import Desk, Route
from evolve.llm.client import Client
from evolve.llm.keys import Scrubber
from evolve.llm.limits import Gate
from evolve.llm.outages import Health
from evolve.llm.prices import CallPrice, Tier, exact
from evolve.llm.retries import Pacing

MODEL = "own/model"
DOLLAR_A_TOKEN = CallPrice(
    (
        Tier(
            input=exact(1.0),
            cached=exact(0.5),
            cache_write=exact(1.0),
            output=exact(2.0),
            reasoning=exact(2.0),
        ),
    )
)
"""$1 for a token of input, $2 for one of output."""
QUESTION = (Message("user", "why?"),)
T = TypeVar("T")


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing: what would be waited for is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits for somebody else")
        if not ready and timeout is not None and timeout > 0:
            self.skipped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.skipped


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


_USAGE = Usage(10, 5)


def ok(text: str = "because", usage: Usage = _USAGE) -> Answer:
    return Answer(text, CallStatus.OK, usage)


def trouble(status: CallStatus = CallStatus.SERVER_ERROR, after: float | None = None) -> AttemptFailed:
    return AttemptFailed(status, f"a {status.value}", after)


Reply = Callable[[Prompt, int], Awaitable[Answer]]


class ScriptedProvider:
    """Answers what a function says: it is given the prompt and how many attempts there were before."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.prompts: list[Prompt] = []
        self.times: list[float] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.closed = False

    @classmethod
    def start(cls, settings: ProviderSettings) -> "ScriptedProvider":
        raise AssertionError("it is handed over ready-made, never looked up by name")

    async def complete(self, model: str, prompt: Prompt) -> Answer:
        number = len(self.prompts)
        self.prompts.append(prompt)
        self.times.append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._reply(prompt, number)
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        self.closed = True


def replies(*script: Answer | Exception, latency: float = 1.0) -> Reply:
    """Each attempt gets the next of these after a while; the last one is for all further ones."""

    async def reply(_: Prompt, number: int) -> Answer:
        await asyncio.sleep(latency)
        what = script[min(number, len(script) - 1)]
        if isinstance(what, Exception):
            raise what
        return what

    return reply


class Attempt(msgspec.Struct):
    """A row of the record."""

    start: CallStart
    end: CallEnd | None = None
    final: bool = False
    reason: str | None = None


class MemoryRecord:
    """A record that is kept while a test lasts."""

    def __init__(self) -> None:
        self.rows: list[Attempt] = []

    def begin(self, start: CallStart) -> int:
        assert (start.key, start.attempt) not in {(row.start.key, row.start.attempt) for row in self.rows}
        self.rows.append(Attempt(start))
        return len(self.rows) - 1

    def end(self, key: int, end: CallEnd) -> None:
        assert self.rows[key].end is None, "an attempt ends once"
        assert end.status is not CallStatus.STARTED
        self.rows[key].end = end
        self.rows[key].final = end.status.is_answer

    def give_up(self, key: CallKey, reason: str) -> None:
        last = self.of(key)[-1]
        last.final, last.reason = True, reason

    def recorded(self, key: CallKey) -> RecordedCall | None:
        rows = self.of(key)
        final = [row for row in rows if row.final]
        if not final:
            return None
        (row,) = final
        assert row.end is not None
        return RecordedCall(
            key=key,
            model=row.start.model,
            prompt_hash=row.start.prompt_hash,
            status=row.end.status,
            text=row.end.text or "",
            usage=row.end.usage or Usage(),
            cost_usd=sum(one.end.cost_usd or 0.0 for one in rows if one.end is not None),
            error=row.reason or row.end.error,
        )

    def attempts(self, key: CallKey) -> int:
        return len(self.of(key))

    def spending(self) -> Spending:
        ends = [(row.start, row.end) for row in self.rows if row.end is not None]
        return Spending(
            sum(end.cost_usd or 0.0 for _, end in ends),
            sum(start.reserved_usd for start, end in ends if end.cost_usd is None),
            sum(end.usage.input + end.usage.output for _, end in ends if end.usage is not None),
            sum(start.reserved_tokens for start, end in ends if end.cost_usd is None and end.usage is None),
        )

    def of(self, key: CallKey) -> list[Attempt]:
        return [row for row in self.rows if row.start.key == key]

    def statuses(self) -> list[str]:
        return ["started" if row.end is None else row.end.status.value for row in self.rows]


def client_of(
    provider: ScriptedProvider,
    record: MemoryRecord | None = None,
    *,
    endpoint: Endpoint | None = None,
    budget: Budget | None = None,
    price: CallPrice = DOLLAR_A_TOKEN,
    pacing: Pacing | None = None,
    settings: ModelSettings | None = None,
    secrets: tuple[str, ...] = (),
    models: tuple[str, ...] = (MODEL,),
) -> Client:
    """A client whose models are all with one provider."""
    record = record or MemoryRecord()
    endpoint, budget, pacing = endpoint or Endpoint(), budget or Budget(), pacing or Pacing()
    settings = settings or ModelSettings(max_output_tokens=10)
    scrubber = Scrubber(secrets)
    purse = Purse(budget.max_cost, budget.max_tokens, record.spending())
    desk = Desk(record, purse, pacing, scrubber, scrubber, random.Random(1))
    gate = Gate(endpoint.concurrency, endpoint.requests_per_minute, endpoint.tokens_per_minute)
    routes = {name: Route(provider, name, endpoint, gate, Health(name, pacing), price) for name in models}
    return Client(dict.fromkeys(models, settings), desk, routes, None)
