"""The client under random schedules: faults, latencies, cancellations, budgets, and processes that end."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from evolve.config import Budget, Endpoint
from evolve.errors import UserError
from evolve.llm.base import Answer, BudgetReached, CallKey, CallStatus, NoAnswer, Prompt, Usage
from evolve.llm.retries import Pacing
from tests.evolve.llm.scripted import (
    MODEL,
    QUESTION,
    MemoryRecord,
    ScriptedProvider,
    client_of,
    run,
    trouble,
)

PACING = Pacing(first=0.5, longest=4.0, probe_every=5.0, patience=60.0)
TROUBLES = [
    CallStatus.RATE_LIMITED,
    CallStatus.SERVER_ERROR,
    CallStatus.DISCONNECTED,
    CallStatus.TIMEOUT,
    CallStatus.MALFORMED,
]


class World:
    """A provider with a seed, and what it has billed."""

    def __init__(self, seed: int, faults: float) -> None:
        self._random = random.Random(seed)
        self._faults = faults
        self.billed = 0

    def provider(self) -> ScriptedProvider:
        async def reply(_: Prompt, __: int) -> Answer:
            await asyncio.sleep(self._random.lognormvariate(0, 0.8))
            if self._random.random() < self._faults:
                raise trouble(self._random.choice(TROUBLES), self._random.choice([None, 2.0]))
            usage = Usage(self._random.randrange(1, 20), self._random.randrange(0, 10))
            status = self._random.choice([CallStatus.OK] * 6 + [CallStatus.EMPTY, CallStatus.CUT_OFF])
            self.billed += usage.input + 2 * usage.output
            return Answer("text", status, usage)

        return ScriptedProvider(reply)


def check(record: MemoryRecord, *, limit: float | None = None) -> None:
    """What holds at any time when nothing is in flight."""
    by_call: dict[CallKey, list[tuple[int, bool]]] = {}
    for row in record.rows:
        assert row.end is not None, "every attempt has ended"
        by_call.setdefault(row.start.key, []).append((row.start.attempt, row.final))
        if row.end.cost_usd is not None:
            assert row.end.cost_usd <= row.start.reserved_usd
    for attempts in by_call.values():
        assert [number for number, _ in attempts] == list(range(len(attempts)))
        assert not any(final for _, final in attempts[:-1]), "nothing comes after the end"
    if limit is not None:
        spending = record.spending()
        assert spending.usd + spending.unknown_usd <= limit


@given(
    seed=st.integers(0, 10_000),
    faults=st.floats(0, 0.6),
    limit=st.none() | st.integers(50, 2000),
    concurrency=st.integers(1, 8),
    ends=st.lists(st.floats(0.5, 40), max_size=3),
)
def test_whatever_happens_the_record_is_right(
    seed: int, faults: float, limit: int | None, concurrency: int, ends: list[float]
) -> None:
    """Processes end one after the other in the middle of things; the last one goes on to the end."""
    record, world = MemoryRecord(), World(seed, faults)
    budget = Budget(max_cost=None if limit is None else float(limit))

    async def process(until: float | None) -> list[object]:
        client = client_of(
            world.provider(),
            record,
            endpoint=Endpoint(concurrency=concurrency, retries=4, requests_per_minute=600),
            budget=budget,
            pacing=PACING,
        )

        async def proposal(number: int) -> list[str]:
            session = client.session(proposal=number, operator="edit", model=MODEL)
            return [(await session.ask(QUESTION)).text for _ in range(2)]

        tasks = [asyncio.create_task(proposal(number)) for number in range(12)]
        if until is not None:
            asyncio.get_running_loop().call_later(until, lambda: [task.cancel() for task in tasks])
        results = await asyncio.gather(*tasks, return_exceptions=True)
        spending = client.spending
        again = record.spending()
        assert (spending.usd, spending.unknown_usd) == (again.usd, again.unknown_usd)
        return list(results)

    for until in ends:
        for result in run(process(until)):
            assert not isinstance(result, AssertionError), result
        check(record, limit=limit)
    answered = {row.start.key: row.end for row in record.rows if row.final}
    results = run(process(None))
    check(record, limit=limit)
    for result in results:
        assert isinstance(result, list | NoAnswer | BudgetReached | UserError), result
    for row in record.rows:
        if row.start.key in answered and row.final:
            assert row.end is answered[row.start.key], "what had ended was not asked again"
    if limit is None and faults < 0.2:
        assert all(isinstance(result, list | NoAnswer) for result in results)
    answers = [row.end for row in record.rows if row.end is not None and row.end.status.is_answer]
    assert sum(end.cost_usd or 0.0 for end in answers) <= world.billed
