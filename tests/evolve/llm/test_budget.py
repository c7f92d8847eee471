import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.base import BudgetReached, CallEnd, CallKey, CallStatus, Spending, Usage
from evolve.llm.budget import Amount, Purse, Reservation
from evolve.llm.prices import exact
from tests.evolve.llm.scripted import run

CENT = Decimal("0.01")


def ended(cents: int | None, tokens: int | None = None) -> CallEnd:
    usage = None if tokens is None else Usage(tokens, 0)
    return CallEnd(status=CallStatus.OK, usage=usage, cost_usd=None if cents is None else float(cents * CENT))


ATTEMPTS = st.lists(
    st.tuples(
        st.integers(0, 100),  # when it arrives
        st.integers(1, 60),  # cents reserved
        st.integers(0, 100),  # the share of it that is spent, per cent
        st.sampled_from(["known", "unknown", "cancelled"]),
        st.integers(1, 30),  # how long it takes
    ),
    min_size=1,
    max_size=30,
)


@given(ATTEMPTS, st.integers(0, 300), st.integers(0, 50))
def test_spent_unknown_and_in_flight_never_exceed_the_limit(
    attempts: list[tuple[int, int, int, str, int]], limit: int, before: int
) -> None:
    spent = unknown = 0
    flying: dict[int, int] = {}
    reached: list[int] = []

    async def work() -> Spending:
        purse = Purse(float(limit * CENT), None, Spending(float(before * CENT)))

        async def one(number: int, arrival: int, most: int, share: int, fate: str, takes: int) -> None:
            nonlocal spent, unknown
            await asyncio.sleep(arrival)
            try:
                async with purse.reserve(CallKey(number, 0), Amount(most * CENT)) as reservation:
                    flying[number] = most
                    assert before + spent + unknown + sum(flying.values()) <= limit
                    try:
                        await asyncio.sleep(takes)
                    finally:
                        del flying[number]
                    cost = most * share // 100
                    if fate == "known":
                        spent += cost
                        reservation.settle(ended(cost))
                    else:
                        unknown += most
                        reservation.settle(ended(None))
                    if fate == "cancelled":
                        raise asyncio.CancelledError
            except BudgetReached:
                assert not flying, "somebody in flight could have made room"
                assert before + spent + unknown + most > limit
                reached.append(number)

        results = await asyncio.gather(
            *(one(number, *attempt) for number, attempt in enumerate(attempts)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, Exception):
                raise result
        return purse.spending

    found = run(work())
    assert found.usd == float((before + spent) * CENT)
    assert found.unknown_usd == float(unknown * CENT)


@given(ATTEMPTS, st.integers(60, 200))
def test_everybody_is_served_or_sent_away(attempts: list[tuple[int, int, int, str, int]], limit: int) -> None:
    """Also when those who wait are cancelled; the loop fails the test if all wait for each other."""

    async def work() -> None:
        purse = Purse(float(limit * CENT), None, Spending())

        async def one(number: int, arrival: int, most: int, takes: int) -> None:
            await asyncio.sleep(arrival)
            async with purse.reserve(CallKey(number, 0), Amount(most * CENT)):
                await asyncio.sleep(takes)

        tasks = []
        for number, (arrival, most, share, _, takes) in enumerate(attempts):
            task = asyncio.create_task(one(number, arrival, most, takes))
            if share < 50:
                asyncio.get_running_loop().call_later(arrival + share / 2, task.cancel)
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with purse.reserve(CallKey(0, 0), Amount(limit * CENT)):
            pass

    run(work())


def test_who_waits_is_served_in_the_order_of_calls() -> None:
    async def work() -> list[int]:
        purse = Purse(1.0, None, Spending())
        order: list[int] = []

        async def one(number: int) -> None:
            async with purse.reserve(CallKey(number, 0), Amount(Decimal("0.9"))):
                order.append(number)
                await asyncio.sleep(1)

        tasks = [asyncio.create_task(one(9))]
        await asyncio.sleep(0.5)
        tasks += [asyncio.create_task(one(number)) for number in (5, 1, 7)]
        await asyncio.gather(*tasks)
        return order

    assert run(work()) == [9, 1, 5, 7]


def test_what_does_not_fit_waits_for_what_is_in_flight() -> None:
    async def work() -> tuple[float, str]:
        purse = Purse(1.0, None, Spending())

        async def long() -> None:
            async with purse.reserve(CallKey(0, 0), Amount(Decimal("0.6"))) as reservation:
                await asyncio.sleep(5)
                reservation.settle(ended(10))

        task = asyncio.create_task(long())
        await asyncio.sleep(1)
        async with purse.reserve(CallKey(1, 0), Amount(Decimal("0.6"))) as reservation:
            at = asyncio.get_running_loop().time()
            reservation.settle(ended(60))
        await task
        with pytest.raises(BudgetReached) as caught:
            async with purse.reserve(CallKey(2, 0), Amount(Decimal("0.31"))):
                pass
        return at, caught.value.reason

    assert run(work()) == (5.0, "max_cost")


def test_a_budget_of_tokens() -> None:
    async def work() -> str:
        purse = Purse(None, 100, Spending(tokens=40))
        async with purse.reserve(CallKey(0, 0), Amount(tokens=60)) as reservation:
            reservation.settle(ended(0, 30))
        with pytest.raises(BudgetReached) as caught:
            async with purse.reserve(CallKey(1, 0), Amount(tokens=31)):
                pass
        return caught.value.reason

    assert run(work()) == "max_tokens"


def test_tokens_that_nobody_told_count_against_the_budget() -> None:
    async def work() -> Spending:
        purse = Purse(None, 100, Spending(tokens=20, unknown_tokens=30))
        async with purse.reserve(CallKey(0, 0), Amount(tokens=50)) as reservation:
            reservation.settle(ended(None))
        with pytest.raises(BudgetReached, match="max_tokens"):
            async with purse.reserve(CallKey(1, 0), Amount(tokens=1)):
                pass
        return purse.spending

    assert run(work()) == Spending(tokens=20, unknown_tokens=80)


def test_what_was_never_sent_costs_nothing() -> None:
    async def work() -> Spending:
        purse = Purse(1.0, None, Spending())
        with pytest.raises(RuntimeError):
            async with purse.reserve(CallKey(0, 0), Amount(Decimal("0.6"))):
                raise RuntimeError
        return purse.spending

    assert run(work()) == Spending()


def test_a_failure_that_tells_its_tokens_but_not_its_cost() -> None:
    reservation = Reservation(Amount(exact(0.5), 100))
    reservation.settle(ended(None, 30))
    assert reservation.spent == Amount(tokens=30)
    assert reservation.unknown == Amount(exact(0.5))
