import contextlib
from pathlib import Path

import pytest
from sqlalchemy import select

from evolve.archive.engine import Archive
from evolve.archive.lease import RunLease
from evolve.archive.llm_calls import RunLedger, final_calls, forget_answers, run_spending
from evolve.archive.models import LlmCall
from evolve.errors import ArchiveError, UserError
from evolve.llm.base import (
    CallEnd,
    CallKey,
    CallStart,
    CallStatus,
    Message,
    Prompt,
    RecordedCall,
    Spending,
    Usage,
)
from tests.evolve.archive.rows import Search, all_rows

PROMPT = Prompt(
    messages=(Message("system", "be brief"), Message("user", "why?")), max_output_tokens=10, cut=("note",)
)
KEY = CallKey(4, 1)
OK = CallEnd(
    status=CallStatus.OK,
    text="because",
    usage=Usage(10, 5, 4, 3, 2),
    cost_usd=0.1,
    latency=1.5,
    request_id="req_1",
)
FAILED = CallEnd(status=CallStatus.SERVER_ERROR, cost_usd=0.0, error="it fell over", latency=0.5)
UNKNOWN = CallEnd(status=CallStatus.TIMEOUT, error="no answer within 5 s", latency=5.0)


def ledger_of(archive: Archive, search: Search, *, prompt_text: bool = True) -> RunLedger:
    return RunLedger(archive, search.run.id, search.lease, prompt_text=prompt_text)


def start(attempt: int = 0, key: CallKey = KEY) -> CallStart:
    return CallStart(
        key=key,
        attempt=attempt,
        operator="edit",
        model="own/model",
        prompt=PROMPT,
        prompt_hash=PROMPT.hash("own/model"),
        reserved_usd=0.3,
        reserved_tokens=25,
    )


def test_an_attempt_is_a_row_with_everything_about_it(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    key = ledger.begin(start())
    with archive.reading() as connection:
        row = connection.execute(select(LlmCall.__table__)).one()
    assert (row.status, row.is_final, row.cost_usd, row.reserved_usd) == ("started", False, None, 0.3)
    assert row.prompt == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "why?"}]
    assert row.cut == ["note"]
    ledger.end(key, OK)
    with archive.reading() as connection:
        row = connection.execute(select(LlmCall.__table__)).one()
    assert (row.status, row.is_final, row.answer, row.cost_usd) == ("ok", True, "because", 0.1)
    assert (row.tokens_in, row.tokens_out, row.tokens_cached, row.tokens_reasoning) == (10, 5, 4, 3)
    assert (row.tokens_cache_write, row.reserved_tokens) == (2, 25)
    assert (row.latency_seconds, row.request_id, row.error) == (1.5, "req_1", None)
    assert (row.operator, row.model, row.prompt_hash) == ("edit", "own/model", PROMPT.hash("own/model"))


def test_a_call_is_recorded_when_it_has_ended(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    assert ledger.recorded(KEY) is None
    ledger.end(ledger.begin(start(0)), FAILED)
    assert ledger.recorded(KEY) is None
    ledger.end(ledger.begin(start(1)), OK)
    expected = RecordedCall(
        key=KEY,
        model="own/model",
        prompt_hash=PROMPT.hash("own/model"),
        status=CallStatus.OK,
        text="because",
        usage=Usage(10, 5, 4, 3, 2),
        cost_usd=0.1,
    )
    assert ledger.recorded(KEY) == expected
    assert ledger_of(archive, search).recorded(KEY) == expected
    assert ledger.attempts(KEY) == 2
    assert ledger.recorded(CallKey(4, 0)) is None


def test_a_call_that_is_given_up_has_ended(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    ledger.end(ledger.begin(start(0)), FAILED)
    ledger.end(ledger.begin(start(1)), FAILED)
    ledger.give_up(KEY, "asked twice")
    ended = ledger_of(archive, search).recorded(KEY)
    assert ended is not None
    assert (ended.status, ended.text, ended.error) == (CallStatus.SERVER_ERROR, "", "asked twice")


def test_an_attempt_ends_once(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    key = ledger.begin(start())
    ledger.end(key, OK)
    before = all_rows(archive)["llm_call"]
    with pytest.raises(ArchiveError):
        ledger.end(key, FAILED)
    assert all_rows(archive)["llm_call"] == before


def test_what_a_dead_process_left_is_lost_and_counts_in_full(archive: Archive, search: Search) -> None:
    dead = ledger_of(archive, search)
    key = dead.begin(start())
    again = ledger_of(archive, search)
    assert again.recorded(KEY) is None
    assert again.attempts(KEY) == 1
    assert again.spending() == Spending(0.0, 0.3, 0, 25)
    with pytest.raises(ArchiveError, match="another process"):
        dead.end(key, OK)
    again.end(again.begin(start(1)), OK)
    assert again.spending() == Spending(0.1, 0.3, 15, 25)


def test_nothing_is_sent_by_a_process_that_lost_its_lease(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    key = ledger.begin(start())
    search.lease.give_back()
    taken = RunLease.take(archive, search.run.id, search.run.name)
    with pytest.raises(ArchiveError, match="taken this run over"):
        ledger.begin(start(0, CallKey(4, 2)))
    ledger.end(key, OK)
    found = RunLedger(archive, search.run.id, taken).recorded(KEY)
    assert found is not None, "an answer that came before the other looked is not lost"


def test_the_same_attempt_twice_is_told(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    ledger.begin(start())
    with pytest.raises(ArchiveError, match="twice"):
        ledger.begin(start())


def test_sums_are_exact(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    for number in range(30):
        cost = None if number % 3 == 2 else 0.1
        end = CallEnd(status=CallStatus.OK if cost else CallStatus.TIMEOUT, text="x", cost_usd=cost)
        ledger.end(ledger.begin(start(0, CallKey(number, 0))), end)
    assert ledger.spending() == Spending(2.0, 3.0, 0, 250)
    with archive.reading() as connection:
        assert run_spending(connection, search.run.id) == ledger.spending()


def test_where_only_hashes_are_kept_an_answer_stays_until_its_proposal_is_committed(
    archive: Archive, search: Search
) -> None:
    ledger = ledger_of(archive, search, prompt_text=False)
    ledger.end(ledger.begin(start()), OK)
    ledger.end(ledger.begin(start(0, CallKey(5, 0))), OK)
    again = ledger_of(archive, search, prompt_text=False)
    ended = again.recorded(KEY)
    assert ended is not None
    assert ended.text == "because"
    with archive.writing() as connection:
        forget_answers(connection, search.run.id, 4)
    with archive.reading() as connection:
        rows = connection.execute(
            select(
                LlmCall.proposal, LlmCall.prompt, LlmCall.answer, LlmCall.prompt_hash, LlmCall.cost_usd
            ).order_by(LlmCall.proposal)
        ).all()
    hashed = PROMPT.hash("own/model")
    assert [tuple(row) for row in rows] == [(4, None, None, hashed, 0.1), (5, None, "because", hashed, 0.1)]
    with archive.reading() as connection, pytest.raises(UserError, match="--no-prompt-text"):
        final_calls(connection, search.run.id)


def test_a_refusal_that_was_not_kept_is_told_as_well(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search, prompt_text=False)
    refused = CallEnd(status=CallStatus.REFUSED, text="I will not", usage=Usage(10, 5), cost_usd=0.1)
    ledger.end(ledger.begin(start()), refused)
    with archive.writing() as connection:
        forget_answers(connection, search.run.id, 4)
    with archive.reading() as connection, pytest.raises(UserError, match="--no-prompt-text"):
        final_calls(connection, search.run.id)


def test_final_calls_are_in_order_with_their_prompts(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    for key in (CallKey(2, 0), CallKey(1, 1), CallKey(1, 0)):
        ledger.end(ledger.begin(start(0, key)), FAILED)
        ledger.end(ledger.begin(start(1, key)), OK)
    ledger.end(ledger.begin(start(0, CallKey(3, 0))), FAILED)
    with archive.reading() as connection:
        calls = final_calls(connection, search.run.id)
    assert [call.key for call, _ in calls] == [CallKey(1, 0), CallKey(1, 1), CallKey(2, 0)]
    assert all(messages == PROMPT.messages for _, messages in calls)


def test_text_that_no_database_takes_is_escaped(archive: Archive, search: Search) -> None:
    ledger = ledger_of(archive, search)
    ledger.end(ledger.begin(start()), CallEnd(status=CallStatus.OK, text="a\0b\ud800"))
    ended = ledger.recorded(KEY)
    assert ended is not None
    assert ended.text == "a\\x00b\\ud800"


def test_runs_do_not_see_each_other(archive: Archive, search: Search, tmp_path: Path) -> None:
    from tests.evolve.archive.rows import start_search

    other = start_search(archive, "other")
    ledger_of(archive, search).begin(start())
    beside = ledger_of(archive, other)
    assert beside.attempts(KEY) == 0
    beside.begin(start())
    with contextlib.suppress(ArchiveError), archive.reading() as connection:
        assert connection.execute(select(LlmCall.status)).scalars().all() == ["started", "started"]
