import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.base import CallKey
from evolve.llm.limits import Gate
from tests.evolve.llm.scripted import run

CALLS = st.lists(st.tuples(st.floats(0, 120), st.integers(1, 400), st.floats(0, 20)), min_size=1, max_size=40)
"""When each arrives, how many tokens it is let in for, and how long it takes."""


async def admissions(
    gate: Gate, calls: list[tuple[float, int, float]]
) -> tuple[list[tuple[float, int]], int]:
    """When each call was let in with how many tokens, in that order, and the most at a time."""
    admitted: list[tuple[float, int]] = []
    inside = most = 0

    async def one(number: int, arrival: float, tokens: int, takes: float) -> None:
        nonlocal inside, most
        await asyncio.sleep(arrival)
        async with gate.turn(CallKey(number, 0), tokens):
            admitted.append((asyncio.get_running_loop().time(), tokens))
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(takes)
            inside -= 1

    await asyncio.gather(*(one(number, *call) for number, call in enumerate(calls)))
    return admitted, most


@given(CALLS, st.integers(1, 5))
def test_never_more_than_the_concurrency(calls: list[tuple[float, int, float]], concurrency: int) -> None:
    admitted, most = run(admissions(Gate(concurrency), calls))
    assert len(admitted) == len(calls)
    assert most <= concurrency


@given(CALLS, st.integers(1, 30))
def test_never_more_requests_in_a_minute(calls: list[tuple[float, int, float]], rate: int) -> None:
    admitted, _ = run(admissions(Gate(50, requests_per_minute=rate), calls))
    assert len(admitted) == len(calls)
    for start, _ in admitted:
        assert sum(start <= time < start + 60.0 - 1e-6 for time, _ in admitted) <= rate


@given(CALLS, st.integers(100, 2000))
def test_never_more_tokens_in_a_minute_but_for_the_last_call(
    calls: list[tuple[float, int, float]], rate: int
) -> None:
    admitted, _ = run(admissions(Gate(50, tokens_per_minute=rate), calls))
    assert len(admitted) == len(calls)
    for start, _ in admitted:
        inside = [tokens for time, tokens in admitted if start <= time < start + 60.0 - 1e-6]
        assert sum(inside[:-1]) <= rate


def test_nobody_waits_who_need_not() -> None:
    calls = [(float(10 * number), 100, 1.0) for number in range(10)]
    admitted, _ = run(admissions(Gate(1, requests_per_minute=6, tokens_per_minute=600), calls))
    assert [time for time, _ in admitted] == [pytest.approx(arrival) for arrival, _, _ in calls]


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def work() -> float:
        gate = Gate(1, tokens_per_minute=600)
        for number in range(3):
            async with gate.turn(CallKey(number, 0), 600) as turn:
                turn.used = 60
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(12.0)


def test_tokens_that_were_used_beyond_are_waited_for() -> None:
    async def work() -> float:
        gate = Gate(1, tokens_per_minute=600)
        for number in range(2):
            async with gate.turn(CallKey(number, 0), 60) as turn:
                turn.used = 600
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(60.0)


def test_earlier_proposals_go_first() -> None:
    async def work() -> list[int]:
        gate = Gate(1)
        order: list[int] = []

        async def one(number: int) -> None:
            async with gate.turn(CallKey(number, 0), 1):
                order.append(number)
                await asyncio.sleep(1)

        tasks = [asyncio.create_task(one(9))]
        await asyncio.sleep(0.5)
        tasks += [asyncio.create_task(one(number)) for number in (5, 1, 7, 3)]
        await asyncio.gather(*tasks)
        return order

    assert run(work()) == [9, 1, 3, 5, 7]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=20), st.integers(1, 3))
def test_who_is_cancelled_leaves_no_place_taken(plans: list[tuple[float, float]], concurrency: int) -> None:
    async def work() -> None:
        gate = Gate(concurrency, requests_per_minute=120)

        async def one(number: int, arrival: float) -> None:
            await asyncio.sleep(arrival)
            async with gate.turn(CallKey(number, 0), 1):
                await asyncio.sleep(2)

        tasks = [asyncio.create_task(one(number, arrival)) for number, (arrival, _) in enumerate(plans)]
        for task, (arrival, patience) in zip(tasks, plans, strict=True):
            asyncio.get_running_loop().call_later(arrival + patience, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):
            await asyncio.gather(*(one(100 + number, 0.0) for number in range(concurrency)))

    run(work())
