import asyncio
import random

import pytest

from evolve.config import Budget, Endpoint
from evolve.errors import UserError
from evolve.llm.base import (
    Answer,
    AttemptFailed,
    BudgetReached,
    CallKey,
    CallStatus,
    Message,
    NoAnswer,
    Prompt,
    Usage,
)
from evolve.llm.client import Client
from evolve.llm.outages import ProviderDown
from evolve.llm.tokens import estimate_messages
from tests.evolve.llm.scripted import (
    MODEL,
    QUESTION,
    MemoryRecord,
    ScriptedProvider,
    client_of,
    ok,
    replies,
    run,
    trouble,
)


async def ask(client: Client, proposal: int = 0) -> Answer:
    return await client.session(proposal=proposal, operator="edit", model=MODEL).ask(QUESTION)


def test_an_answer_is_recorded_with_what_it_cost() -> None:
    record = MemoryRecord()
    provider = ScriptedProvider(replies(ok(usage=Usage(10, 5, cached=4)), latency=2.0))
    client = client_of(provider, record)
    answer = run(ask(client))
    assert answer.text == "because"
    (row,) = record.rows
    assert row.end is not None
    assert row.end.cost_usd == 6 + 2 + 10
    assert row.end.latency == pytest.approx(2.0)
    assert row.start.reserved_usd == estimate_messages(QUESTION) + 20
    assert client.spending.usd == 18
    assert client.spending.tokens == 15


def test_calls_of_a_session_are_counted_and_taken_from_the_record_when_they_come_again() -> None:
    record = MemoryRecord()

    async def twice(provider: ScriptedProvider) -> list[str]:
        session = client_of(provider, record).session(proposal=3, operator="edit", model=MODEL)
        return [(await session.ask(QUESTION)).text for _ in range(2)]

    first = ScriptedProvider(replies(ok("one"), ok("two")))
    assert run(twice(first)) == ["one", "two"]
    assert [row.start.key for row in record.rows] == [CallKey(3, 0), CallKey(3, 1)]
    again = ScriptedProvider(replies(trouble(CallStatus.DENIED)))
    assert run(twice(again)) == ["one", "two"]
    assert again.prompts == []


def test_an_answer_on_record_counts_though_the_prompt_is_another() -> None:
    record = MemoryRecord()
    run(ask(client_of(ScriptedProvider(replies(ok("one"))), record)))

    async def other() -> Answer:
        client = client_of(ScriptedProvider(replies(ok("two"))), record)
        session = client.session(proposal=0, operator="edit", model=MODEL)
        return await session.ask((Message("user", "something else"),))

    assert run(other()).text == "one"


def test_troubles_are_tried_again_each_with_its_row() -> None:
    record = MemoryRecord()
    script: list[Answer | Exception] = [
        trouble(CallStatus.RATE_LIMITED),
        trouble(CallStatus.SERVER_ERROR),
        trouble(CallStatus.DISCONNECTED),
        trouble(CallStatus.MALFORMED),
        ok(),
    ]
    client = client_of(ScriptedProvider(replies(*script)), record)
    assert run(ask(client)).text == "because"
    assert record.statuses() == ["rate_limited", "server_error", "disconnected", "malformed", "ok"]
    assert [row.start.attempt for row in record.rows] == [0, 1, 2, 3, 4]
    costs = [row.end.cost_usd for row in record.rows if row.end is not None]
    assert costs == [0.0, 0.0, None, None, 20.0], "what may have been billed is unknown, not free"
    assert client.spending.unknown_usd == 2 * record.rows[0].start.reserved_usd
    assert record.recorded(CallKey(0, 0)) is not None


def test_retry_after_is_honoured_by_all_calls_of_the_model() -> None:
    async def work() -> list[float]:
        provider = ScriptedProvider(replies(trouble(CallStatus.RATE_LIMITED, after=30.0), ok()))
        client = client_of(provider)
        first = asyncio.create_task(ask(client, 0))
        await asyncio.sleep(5)
        await asyncio.gather(first, ask(client, 1))
        return provider.times

    first, *later = run(work())
    assert first == 0.0
    assert all(31.0 <= time <= 33.0 for time in later), later


def test_who_waits_for_a_turn_leaves_the_model_alone_too() -> None:
    provider = ScriptedProvider(replies(trouble(CallStatus.RATE_LIMITED, after=30.0), ok()))

    async def work() -> None:
        client = client_of(provider, endpoint=Endpoint(concurrency=1))
        await asyncio.gather(*(ask(client, number) for number in range(5)))

    run(work())
    assert len(provider.times) == 6
    assert all(time >= 31.0 for time in provider.times[1:]), provider.times


def test_retry_after_has_a_bound() -> None:
    provider = ScriptedProvider(replies(trouble(CallStatus.RATE_LIMITED, after=86400.0), ok()))
    run(ask(client_of(provider)))
    assert provider.times[1] == pytest.approx(301, abs=2.5)


def test_an_attempt_has_its_time() -> None:
    record = MemoryRecord()

    async def forever(_: Prompt, number: int) -> Answer:
        if number == 0:
            while True:
                await asyncio.sleep(1.0)
        return ok()

    provider = ScriptedProvider(forever)
    run(ask(client_of(provider, record, endpoint=Endpoint(timeout=20.0))))
    assert record.statuses() == ["timeout", "ok"]
    assert record.rows[0].end is not None
    assert record.rows[0].end.latency == pytest.approx(20.0)
    assert provider.in_flight == 0


@pytest.mark.parametrize("status", [CallStatus.EMPTY, CallStatus.REFUSED])
def test_answers_that_are_none_are_final_and_paid_for(status: CallStatus) -> None:
    record = MemoryRecord()
    provider = ScriptedProvider(replies(Answer("I will not", status, Usage(10, 1))))
    messages = []
    for _ in range(2):
        with pytest.raises(NoAnswer) as caught:
            run(ask(client_of(provider, record)))
        messages.append(str(caught.value))
    assert messages[0] == messages[1], "a continuation tells the same story"
    assert len(record.rows) == 1
    assert client_of(provider, record).spending.usd == 12


def test_an_answer_that_was_cut_off_is_handed_on() -> None:
    provider = ScriptedProvider(replies(Answer("half", CallStatus.CUT_OFF, Usage(10, 10))))
    assert run(ask(client_of(provider))).status is CallStatus.CUT_OFF


def test_what_is_denied_ends_the_run_and_is_asked_again_by_a_continuation() -> None:
    record = MemoryRecord()
    with pytest.raises(UserError, match="a denied"):
        run(ask(client_of(ScriptedProvider(replies(trouble(CallStatus.DENIED))), record)))
    assert run(ask(client_of(ScriptedProvider(replies(ok())), record))).text == "because"
    assert record.statuses() == ["denied", "ok"]


def test_a_broken_plug_in_is_told_with_its_model_and_without_the_key() -> None:
    record = MemoryRecord()
    provider = ScriptedProvider(replies(RuntimeError("Authorization: Bearer abcdefgh-secret")))
    with pytest.raises(UserError, match="own/model") as caught:
        run(ask(client_of(provider, record, secrets=("abcdefgh-secret",))))
    assert "abcdefgh-secret" not in str(caught.value)
    assert caught.value.__context__ is None
    assert record.statuses() == ["lost"]


def test_a_call_that_is_interrupted_is_lost_and_counts_in_full() -> None:
    record = MemoryRecord()

    async def work() -> None:
        client = client_of(ScriptedProvider(replies(ok(), latency=60.0)), record)
        task = asyncio.create_task(ask(client))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.spending.unknown_usd == record.rows[0].start.reserved_usd

    run(work())
    assert record.statuses() == ["lost"]
    assert run(ask(client_of(ScriptedProvider(replies(ok())), record))).text == "because"
    assert [row.start.attempt for row in record.rows] == [0, 1]


def test_a_call_that_fails_while_others_are_answered_is_given_up_for_good() -> None:
    record = MemoryRecord()

    async def reply(prompt: Prompt, _: int) -> Answer:
        await asyncio.sleep(1.0)
        if "poison" in prompt.messages[0].content:
            raise trouble()
        return ok()

    async def work() -> str:
        client = client_of(ScriptedProvider(reply), record)

        async def others() -> None:
            for number in range(1, 200):
                await ask(client, number)

        other = asyncio.create_task(others())
        session = client.session(proposal=0, operator="edit", model=MODEL)
        with pytest.raises(NoAnswer) as caught:
            await session.ask((Message("user", "poison"),))
        await other
        return str(caught.value)

    message = run(work())
    assert "was asked 6 times" in message
    assert len(record.of(CallKey(0, 0))) == 6

    async def again() -> None:
        session = client_of(ScriptedProvider(reply), record).session(proposal=0, operator="e", model=MODEL)
        with pytest.raises(NoAnswer) as caught:
            await session.ask((Message("user", "poison"),))
        assert str(caught.value) == message

    run(again())


def outage(begins: float, ends: float) -> ScriptedProvider:
    async def reply(_: Prompt, __: int) -> Answer:
        await asyncio.sleep(1.0)
        if begins <= asyncio.get_running_loop().time() < ends:
            raise trouble(CallStatus.DISCONNECTED)
        return ok()

    return ScriptedProvider(reply)


def test_an_outage_is_sat_out_without_giving_anything_up() -> None:
    record = MemoryRecord()
    provider = outage(5.0, 300.0)

    async def work() -> list[Answer]:
        client = client_of(provider, record)
        one_after_the_other = []

        async def series(first: int) -> None:
            for number in range(first, first + 20):
                one_after_the_other.append(await ask(client, number))  # noqa: PERF401

        await asyncio.gather(*(series(100 * lane) for lane in range(8)))
        return one_after_the_other

    assert len(run(work())) == 160
    assert all(row.reason is None for row in record.rows)
    probes = [time for time in provider.times if 90.0 < time < 290.0]
    assert 5 <= len(probes) <= 8, "held calls try by turns, one every half minute"


def test_a_long_outage_ends_the_run_and_nothing_is_given_up() -> None:
    record = MemoryRecord()

    async def work() -> list[Answer | BaseException]:
        client = client_of(outage(2.0, 1e9), record)
        await ask(client, 100)
        return await asyncio.gather(*(ask(client, number) for number in range(16)), return_exceptions=True)

    results = run(work())
    assert all(isinstance(one, ProviderDown) for one in results)
    assert "own/model" in str(results[0])
    assert "evolve resume" in str(results[0])
    assert "10 minutes" in str(results[0])
    assert not any(row.final for row in record.rows if row.start.key.proposal != 100)
    healthy = client_of(ScriptedProvider(replies(ok())), record)

    async def resumed() -> list[Answer]:
        return await asyncio.gather(*(ask(healthy, number) for number in range(16)))

    assert len(run(resumed())) == 16


def test_a_call_that_alone_cannot_be_answered_does_not_stop_every_continuation() -> None:
    record = MemoryRecord()
    with pytest.raises(ProviderDown):
        run(ask(client_of(ScriptedProvider(replies(trouble())), record)))
    with pytest.raises(NoAnswer):
        run(ask(client_of(ScriptedProvider(replies(trouble())), record)))

    async def only_one() -> None:
        record.rows.clear()
        client = client_of(ScriptedProvider(replies(trouble())), record)
        results = await asyncio.gather(*(ask(client, number) for number in range(4)), return_exceptions=True)
        assert all(isinstance(one, ProviderDown) for one in results)

    run(only_one())


def test_no_retries_means_one_attempt() -> None:
    record = MemoryRecord()

    async def work() -> None:
        async def reply(prompt: Prompt, number: int) -> Answer:
            await asyncio.sleep(2.0 if number == 0 else 1.0)
            if number == 0:
                raise trouble()
            return ok()

        client = client_of(ScriptedProvider(reply), record, endpoint=Endpoint(retries=0))
        with pytest.raises(NoAnswer):
            await asyncio.gather(ask(client, 0), ask(client, 1))

    run(work())
    assert [len(record.of(CallKey(number, 0))) for number in range(2)] == [1, 1]


def test_the_budget_ends_a_run_before_it_is_exceeded() -> None:
    record = MemoryRecord()

    async def work() -> int:
        client = client_of(ScriptedProvider(replies(ok())), record, budget=Budget(max_cost=200.0))
        answers = 0
        while True:
            try:
                await ask(client, answers)
            except BudgetReached as reached:
                assert reached.reason == "max_cost"
                assert client.spending.usd <= 200.0
                return answers
            answers += 1

    assert run(work()) >= 7


def test_a_continuation_starts_from_what_was_spent_and_what_may_have_been() -> None:
    record = MemoryRecord()
    most = estimate_messages(QUESTION) + 20
    run(ask(client_of(ScriptedProvider(replies(trouble(CallStatus.TIMEOUT), ok())), record)))
    budget = Budget(max_cost=20.0 + most + most - 1)
    with pytest.raises(BudgetReached):
        run(ask(client_of(ScriptedProvider(replies(ok())), record, budget=budget), 1))
    assert len(record.rows) == 2, "nothing was sent"


def test_tokens_are_a_budget_too() -> None:
    with pytest.raises(BudgetReached) as caught:
        run(ask(client_of(ScriptedProvider(replies(ok())), budget=Budget(max_tokens=25))))
    assert caught.value.reason == "max_tokens"


def test_no_more_calls_at_a_time_than_the_provider_takes() -> None:
    provider = ScriptedProvider(replies(ok()))

    async def work() -> None:
        client = client_of(provider, endpoint=Endpoint(concurrency=3))
        await asyncio.gather(*(ask(client, number) for number in range(20)))

    run(work())
    assert provider.most_in_flight == 3
    assert len(provider.prompts) == 20


def test_what_is_used_is_what_is_stored() -> None:
    record = MemoryRecord()
    provider = ScriptedProvider(replies(ok("a\0b\ud800 key-12345678")))
    answer = run(ask(client_of(provider, record, secrets=("key-12345678",))))
    ended = record.recorded(CallKey(0, 0))
    assert ended is not None
    assert answer.text == ended.text == "a\\x00b\\ud800 [key]"


def test_a_key_reaches_neither_record_nor_error() -> None:
    record = MemoryRecord()
    script = AttemptFailed(CallStatus.DENIED, "wrong key sk-planted-0123456789 given")
    provider = ScriptedProvider(replies(script))
    with pytest.raises(UserError) as caught:
        run(ask(client_of(provider, record, secrets=("sk-planted-0123456789",))))
    assert "planted" not in f"{caught.value!r} {caught.value.__context__!r} {record.rows}"


def test_random_faults_leave_every_attempt_accounted_for() -> None:
    record = MemoryRecord()
    source = random.Random(7)
    billed = 0

    async def reply(_: Prompt, __: int) -> Answer:
        nonlocal billed
        await asyncio.sleep(source.lognormvariate(0, 0.6))
        if source.random() < 0.2:
            raise trouble(
                source.choice([CallStatus.RATE_LIMITED, CallStatus.SERVER_ERROR, CallStatus.TIMEOUT])
            )
        usage = Usage(source.randrange(5, 20), source.randrange(1, 10))
        billed += usage.input + 2 * usage.output
        return ok(usage=usage)

    async def work() -> float:
        client = client_of(ScriptedProvider(reply), record, endpoint=Endpoint(retries=20))
        await asyncio.gather(*(ask(client, number) for number in range(500)))
        return client.spending.usd

    assert run(work()) == billed
    assert record.spending().usd == billed
    assert "started" not in record.statuses()
    assert sum(row.final for row in record.rows) == 500


def test_an_attempt_that_reached_nobody_costs_nothing() -> None:
    record = MemoryRecord()
    nobody = AttemptFailed(CallStatus.DISCONNECTED, "cannot be reached", usage=Usage())
    client = client_of(ScriptedProvider(replies(nobody, ok())), record)
    run(ask(client))
    assert [row.end.cost_usd for row in record.rows if row.end is not None] == [0.0, 20.0]
    assert client.spending.unknown_usd == 0.0


def test_a_call_that_waited_for_an_answer_to_others_has_one_more_round() -> None:
    record = MemoryRecord()

    async def reply(prompt: Prompt, _: int) -> Answer:
        await asyncio.sleep(1.0)
        if "poison" in prompt.messages[0].content:
            raise trouble()
        return ok()

    async def work() -> None:
        client = client_of(ScriptedProvider(reply), record)
        session = client.session(proposal=0, operator="edit", model=MODEL)
        poison = asyncio.create_task(session.ask((Message("user", "poison"),)))
        await asyncio.sleep(150.0)
        assert not poison.done(), "nobody else was there to tell an outage from this"
        await ask(client, 1)
        with pytest.raises(NoAnswer):
            await poison
        assert asyncio.get_running_loop().time() < 300.0

    run(work())


def test_the_only_call_that_fails_is_given_up_though_the_others_are_done() -> None:
    record = MemoryRecord()

    async def reply(prompt: Prompt, _: int) -> Answer:
        await asyncio.sleep(1.0)
        if "poison" in prompt.messages[0].content:
            raise trouble()
        return ok()

    async def work() -> None:
        client = client_of(ScriptedProvider(reply), record)
        session = client.session(proposal=0, operator="edit", model=MODEL)
        poison = asyncio.create_task(session.ask((Message("user", "poison"),)))
        await asyncio.sleep(1.5)
        await ask(client, 1)
        with pytest.raises(NoAnswer, match="6 times"):
            await poison

    run(work())
