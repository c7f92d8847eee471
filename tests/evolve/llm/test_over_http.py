"""The client with everything real: SDKs, HTTP, an archive in a file, processes that are killed."""

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from evolve.archive.engine import open_archive
from evolve.archive.llm_calls import RunLedger, final_calls
from evolve.config import Budget, Endpoint, ModelSettings, Resources
from evolve.config import Price as ConfiguredPrice
from evolve.errors import UserError
from evolve.llm.base import BudgetReached, CallKey, Message, Spending
from evolve.llm.client import Client
from evolve.llm.keys import Keys
from evolve.llm.prices import exact
from evolve.llm.tokens import estimate_messages
from evolve.llm.transcripts import Transcript, transcript_text
from tests.evolve.archive.rows import start_search
from tests.evolve.llm.asking import CALLS, MODEL, PACING, ask_all, question, resources
from tests.support.llm_server import (
    TRANSIENT,
    Behaviour,
    Kind,
    Latency,
    LLMServer,
    Metering,
    Price,
    Report,
    Rule,
    Rules,
    Seeded,
    ServerConfig,
    ServerProcess,
    evenly,
    token_count,
)

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-planted-0123456789abcdef"
PRICES = {"gpt-test": Price(Decimal("1.25"), Decimal(10), Decimal("0.125"))}
SONNET = Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))
MODELS = {MODEL: ModelSettings(max_output_tokens=200)}


def rows(file: Path) -> list[sqlite3.Row]:
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    found = connection.execute("SELECT * FROM llm_call ORDER BY proposal, call, attempt").fetchall()
    connection.close()
    return found


def test_every_attempt_is_accounted_for_to_the_last_digit(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    metering = Metering(cached_share=0.5, reasoning=40)
    config = ServerConfig(plan=Seeded(3, evenly(0.2, *TRANSIENT)), metering=metering)
    with ServerProcess(config) as server:
        archive = open_archive(f"sqlite:///{file}")
        search = start_search(archive)
        record = RunLedger(archive, search.run.id, search.lease)

        async def work() -> list[str]:
            client = Client.start(MODELS, resources(server.url, 16), Budget(), record, pacing=PACING)
            answers = await ask_all(client, 100, 16)
            assert client.spending == record.spending()
            await client.close()
            return answers

        answers = asyncio.run(work())
        report = server.report()
    assert len(answers) == 100 * CALLS
    assert all(answers)
    found = rows(file)
    assert len(found) == len(report.entries), "a row for each request, a request for each row"
    known = sum((exact(row["cost_usd"]) for row in found if row["cost_usd"] is not None), Decimal(0))
    told = [entry for entry in report.entries if entry.told]
    assert known == sum((PRICES[entry.model].of(entry.billed) for entry in told), Decimal(0))
    assert record.spending().usd == float(known)
    untold = sum((PRICES[one.model].of(one.billed) for one in report.entries if not one.told), Decimal(0))
    assert untold <= exact(record.spending().unknown_usd), "what nobody told is covered by what was reserved"
    by_id = {row["request_id"]: row for row in found}
    assert all(by_id[f"req_{entry.request_id}"]["tokens_out"] == entry.billed.output for entry in told)
    assert Counter(row["is_final"] for row in found if row["status"] == "ok") == {1: 100 * CALLS}


def test_nothing_is_lost_or_bought_twice_when_a_process_is_killed(tmp_path: Path) -> None:
    file, proposals = tmp_path / "archive.db", 50
    config = ServerConfig(plan=Seeded(4, evenly(0.2, *TRANSIENT), Latency(0.05, 0.6)))
    with ServerProcess(config) as server:
        words = (sys.executable, "-m", "tests.evolve.llm.asking", str(file), server.url, str(proposals), "12")
        environment = {**os.environ, "OPENAI_API_KEY": KEY}
        for _ in range(2):
            process = subprocess.Popen(words, cwd=ROOT, env=environment)
            time.sleep(0.1)
            before = len(server.report().entries)
            while process.poll() is None and len(server.report().entries) < before + 35:
                time.sleep(0.01)
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(words, cwd=ROOT, env=environment, check=True, timeout=60)
        report = server.report()
    found = rows(file)
    assert {row["status"] for row in found} & {"started"} == set()
    finals = Counter((row["proposal"], row["call"]) for row in found if row["is_final"])
    assert len(finals) == proposals * CALLS
    assert set(finals.values()) == {1}
    for one in finals:
        attempts = [row for row in found if (row["proposal"], row["call"]) == one]
        assert [row["attempt"] for row in attempts] == list(range(len(attempts)))
        assert [row["is_final"] for row in attempts] == [0] * (len(attempts) - 1) + [1], (
            "none after the answer"
        )
    lost = [row for row in found if row["status"] == "lost"]
    assert lost, "the kills came in the middle"
    assert all(row["cost_usd"] is None for row in lost)
    assert len(found) >= len(report.entries)
    assert all(KEY not in str(tuple(row)) for row in found)
    assert KEY.encode() not in file.read_bytes()


def test_tokens_of_attempts_that_were_lost_count_when_the_run_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    config = ServerConfig(plan=Rules((), then=Behaviour(Kind.HANG)))
    with ServerProcess(config) as server:
        words = (sys.executable, "-m", "tests.evolve.llm.asking", str(file), server.url, "9", "6")
        process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "OPENAI_API_KEY": KEY})
        while process.poll() is None and len(server.report().entries) < 6:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked = len(server.report().entries)
    archive = open_archive(f"sqlite:///{file}")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    lost = rows(file)
    assert {row["status"] for row in lost} == {"lost"}
    assert len(lost) == asked == 6
    messages = question(0, 0)
    most = estimate_messages(messages) + 200
    assert {row["reserved_tokens"] for row in lost} == {most}
    before = record.spending()
    assert (before.tokens, before.unknown_tokens) == (0, 6 * most)

    async def go_on(max_tokens: int) -> Spending:
        async with LLMServer() as server:
            budget = Budget(max_tokens=max_tokens)
            client = Client.start(MODELS, resources(server.url, 4), budget, record, keys=Keys({}, tmp_path))
            session = client.session(proposal=0, operator="edit", model=MODEL)
            try:
                await session.ask(messages)
            finally:
                await client.close()
            (entry,) = server.report().entries
            assert record.spending().tokens == entry.billed.input + entry.billed.output
            return client.spending

    with pytest.raises(BudgetReached, match="max_tokens"):
        asyncio.run(go_on(7 * most - 1))
    assert len(rows(file)) == 6, "nothing was sent"
    assert asyncio.run(go_on(7 * most)) == record.spending()
    assert record.spending().unknown_tokens == 6 * most


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "litellm/anthropic/claude-sonnet-4-5"])
def test_a_system_message_is_paid_for_once_and_read_afterwards(model: str, tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    archive = open_archive(f"sqlite:///{file}")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    system = Message("system", "Of two programs the better one is kept. " * 400)
    models = {model: ModelSettings(max_output_tokens=200)}

    async def work() -> Report:
        async with LLMServer(ServerConfig(keys=(KEY,))) as server:
            provider = model.partition("/")[0]
            settings = Resources(providers={provider: Endpoint(api_base=server.url)})
            keys = Keys({"ANTHROPIC_API_KEY": KEY, "LITELLM_API_KEY": KEY}, tmp_path)
            client = Client.start(models, settings, Budget(), record, keys=keys, pacing=PACING)
            for proposal in range(10):
                session = client.session(proposal=proposal, operator="edit", model=model)
                await session.ask((system, Message("user", f"Proposal {proposal}: why?")))
            session = client.session(proposal=10, operator="edit", model=model)
            await session.ask((Message("system", "Be brief."), Message("user", "why?")))
            assert client.spending == record.spending()
            await client.close()
            return server.report()

    report = asyncio.run(work())
    length = token_count(system.content) + 4
    found = rows(file)
    assert [(row["tokens_cache_write"], row["tokens_cached"]) for row in found] == [
        (length, 0),
        *([(0, length)] * 9),
        (0, 0),
    ]
    for row, entry in zip(found, report.entries, strict=True):
        assert exact(row["cost_usd"]) == SONNET.of(entry.billed)
        assert row["cost_usd"] <= row["reserved_usd"]
    assert exact(record.spending().usd) == report.cost_usd({"claude-sonnet-4-5": SONNET})
    of_system = (length * Decimal("3.75") + 9 * length * Decimal("0.3")) / 10**6
    uncached = 10 * length * Decimal(3) / 10**6
    assert of_system / uncached == Decimal("0.215"), "a fifth of what it costs without"


def test_a_replay_asks_nobody_and_costs_the_same(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    archive = open_archive(f"sqlite:///{file}")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    rules = Rules(
        (
            Rule("Proposal 3, call 1", (Behaviour(Kind.REFUSED),)),
            Rule("Proposal 4, call 0", (Behaviour(Kind.SERVER_ERROR),) * 40),
            Rule("Proposal 5, call 0", (Behaviour(Kind.MALFORMED), Behaviour(Kind.LENGTH))),
        ),
        then=Behaviour(delay_s=0.1),
    )

    async def original(url: str) -> list[str]:
        client = Client.start(MODELS, resources(url, 4), Budget(), record, pacing=PACING)
        answers = await ask_all(client, 12, 4)
        await client.close()
        return answers

    async def in_process() -> list[str]:
        async with LLMServer(ServerConfig(plan=rules)) as server:
            return await original(server.url)

    answers = asyncio.run(in_process())
    assert answers.count("") == 2
    with archive.reading() as connection:
        calls = final_calls(connection, search.run.id)
    text = tmp_path / "transcript.jsonl"
    text.write_text(transcript_text("search", "sums", "1", calls))

    repeated = start_search(archive, "repeated")
    again = RunLedger(archive, repeated.run.id, repeated.lease)

    async def replayed() -> list[str]:
        client = Client.start(MODELS, Resources(transcript=str(text)), Budget(), again)
        found = await ask_all(client, 12, 3)
        with pytest.raises(UserError, match="no answer to call 0 of proposal 12"):
            await ask_all(client, 13, 1)
        await client.close()
        return found

    assert asyncio.run(replayed()) == answers
    known = sum(call.cost_usd for call, _ in calls)
    assert again.spending().usd == pytest.approx(known, abs=1e-12)
    with archive.reading() as connection:
        copies = final_calls(connection, repeated.run.id)
    assert [call.text for call, _ in copies] == [call.text for call, _ in calls]
    assert [call.cost_usd for call, _ in copies] == [call.cost_usd for call, _ in calls]
    from_rows = Transcript("run search", [call for call, _ in calls])
    assert from_rows.answer(CallKey(0, 0), MODEL, calls[0][0].prompt_hash) == calls[0][0]


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_key_is_found_nowhere(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"OPENAI_API_KEY": KEY} if place == "environment" else {}
    if place == "file":
        (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    file = tmp_path / "archive.db"
    archive = open_archive(f"sqlite:///{file}")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    plan = Rules(
        (
            Rule("[wrong]", (Behaviour(Kind.BAD_KEY, echo_key=True),)),
            Rule("[cut]", (Behaviour(Kind.CUT_IN_BODY),)),
            Rule("[bad]", (Behaviour(Kind.MALFORMED), Behaviour(Kind.WEB_PAGE))),
        )
    )
    problems = []

    async def work() -> None:
        async with LLMServer(ServerConfig(plan=plan, keys=(KEY,))) as server:
            keys = Keys(environment, tmp_path)
            client = Client.start(
                MODELS, resources(server.url, 4), Budget(), record, keys=keys, pacing=PACING
            )
            session = client.session(proposal=0, operator="edit", model=MODEL)
            for text in ("[cut]", "[bad]", f"my key is {KEY}"):
                await session.ask((Message("user", text),))
            with pytest.raises(UserError) as caught:
                await session.ask((Message("user", "[wrong]"),))
            problems.append(caught)
            await client.close()

    asyncio.run(work())
    archive.close()
    shown = "".join(str(one.getrepr(style="long", showlocals=False)) for one in problems)
    assert "OPENAI_API_KEY" in str(problems[0].value), "it says where to look"
    assert KEY not in shown
    assert KEY not in caplog.text
    out, error = capfd.readouterr()
    assert KEY not in out + error
    assert KEY not in str([tuple(row) for row in rows(file)])
    assert KEY.encode() not in file.read_bytes()
    assert "OPENAI_API_KEY" not in os.environ, "what is in .env stays out of the environment"


def test_other_providers_are_reached_through_litellm(tmp_path: Path) -> None:
    archive = open_archive(f"sqlite:///{tmp_path}/archive.db")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    model = "hosted_vllm/some/model"

    async def work() -> list[str]:
        async with LLMServer(ServerConfig(keys=(KEY,))) as server:
            endpoint = Endpoint(api_base=f"{server.url}/v1")
            settings = Resources(
                providers={"hosted_vllm": endpoint}, prices={model: ConfiguredPrice(input=1.0, output=2.0)}
            )
            keys = Keys({"HOSTED_VLLM_API_KEY": KEY}, tmp_path)
            client = Client.start({model: ModelSettings()}, settings, Budget(), record, keys=keys)
            session = client.session(proposal=0, operator="edit", model=model)
            await session.ask((Message("user", "why?"),))
            await client.close()
            return [entry.model for entry in server.report().entries]

    assert asyncio.run(work()) == ["some/model"]
    assert record.spending().usd > 0


def test_two_models_of_one_provider_share_its_limits(tmp_path: Path) -> None:
    archive = open_archive(f"sqlite:///{tmp_path}/archive.db")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    models = {"anthropic/a": ModelSettings(max_output_tokens=200), "anthropic/b": ModelSettings()}

    async def work() -> int:
        plan = Seeded(1, latency=Latency(0.02))
        async with LLMServer(ServerConfig(plan=plan)) as server:
            endpoint = Endpoint(api_base=server.url, concurrency=3)
            settings = Resources(providers={"anthropic": endpoint}, allow_unpriced=True)
            client = Client.start(models, settings, Budget(), record, keys=Keys({}, tmp_path))
            await asyncio.gather(
                *(
                    client.session(proposal=n, operator="edit", model=list(models)[n % 2]).ask(
                        (Message("user", f"{n}"),)
                    )
                    for n in range(20)
                )
            )
            await client.close()
            return server.report().max_in_flight

    assert asyncio.run(work()) == 3
    assert record.spending().usd == 0.0
    assert record.spending().tokens > 0
