import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.llm_server import (
    TRANSIENT,
    Behaviour,
    Kind,
    Latency,
    LLMServer,
    Metering,
    Price,
    ProgramAuthor,
    Question,
    Report,
    Script,
    Seeded,
    ServerConfig,
    ServerProcess,
    Tokens,
    evenly,
)
from tests.support.llm_server.http import HttpError, take_request
from tests.support.llm_server_tests.clients import chat, chat_request
from tests.support.processes import Process, processes, survivors
from tests.support.shared_data import ROOT

CHAT = "/v1/chat/completions"
PRICES = {"gpt-test": Price(Decimal("1.25"), Decimal(10), Decimal("0.125"))}


def process(pid: int) -> Process:
    return processes()[pid]


async def outcomes(server_url: str, count: int, at_once: int) -> list[int | str]:
    """The status of each request, or the name of its exception."""
    gate = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)

    async def one(client: httpx.AsyncClient, number: int) -> int | str:
        async with gate:
            try:
                answer = await client.post(server_url + CHAT, json=chat_request(f"Number {number}"))
            except httpx.HTTPError as error:
                return type(error).__name__
            return answer.status_code

    async with httpx.AsyncClient(limits=limits, timeout=30.0, verify=False) as client:
        return await asyncio.gather(*(one(client, number) for number in range(count)))


def test_the_same_requests_have_the_same_fate_in_any_order() -> None:
    plan = Seeded(3, evenly(0.4, *TRANSIENT), Latency(0.004, 0.6))
    config = ServerConfig(plan=plan, metering=Metering(reasoning=50))

    async def fates(at_once: int) -> tuple[list[int | str], list[tuple[object, ...]]]:
        async with LLMServer(config) as server:
            seen = await outcomes(server.url, 120, at_once)
            entries = server.report().entries
        return seen, sorted((one.digest, one.kind, one.billed, one.request_id) for one in entries)

    one_by_one, together = asyncio.run(fates(1)), asyncio.run(fates(24))
    assert one_by_one == together
    assert len(set(one_by_one[0])) > 4


def test_the_ledger_adds_up_and_prices_are_exact() -> None:
    plan = Script((Behaviour(Kind.SERVER_ERROR), Behaviour(Kind.CUT_IN_BODY), Behaviour(Kind.EMPTY)))

    async def asked() -> Report:
        async with LLMServer(ServerConfig(plan=plan, metering=Metering(1.0, 30))) as server:
            await outcomes(server.url, 1, 1)
            await outcomes(server.url, 3, 1)
            assert server.report().in_flight == 0
            async with httpx.AsyncClient(verify=False) as client:
                over_http = (await client.get(f"{server.url}/ledger")).content
            assert msgspec.json.decode(over_http, type=Report) == server.report()
            return server.report()

    report = asyncio.run(asked())
    assert [one.kind for one in report.entries] == ["server_error", "cut_in_body", "empty", "ok"]
    assert [one.seen for one in report.entries] == [0, 1, 0, 0]
    assert [one.told for one in report.entries] == [False, False, True, True]
    assert report.entries[0].billed == Tokens()
    assert report.kinds == {Kind.OK: 1, Kind.EMPTY: 1, Kind.SERVER_ERROR: 1, Kind.CUT_IN_BODY: 1}
    assert report.billed == report.billed_by_model["gpt-test"]
    assert report.billed.output == sum(one.billed.output for one in report.entries)
    fresh = report.billed.input - report.billed.cached
    micros = fresh * 1250 + report.billed.cached * 125 + report.billed.output * 10_000
    assert report.cost_usd(PRICES) == Decimal(micros) / 10**9
    assert report.cost_usd(PRICES, told=True) + report.cost_usd(PRICES, told=False) == report.cost_usd(PRICES)
    assert len({one.request_id for one in report.entries}) == 4


def test_a_client_that_goes_away_is_noticed_and_still_billed() -> None:
    plan = Script((Behaviour(Kind.HANG), Behaviour(Kind.OK, delay_s=30.0)))

    async def asked() -> Report:
        timeout = httpx.Timeout(30.0, read=0.1)
        async with (
            LLMServer(ServerConfig(plan=plan)) as server,
            httpx.AsyncClient(timeout=timeout, verify=False) as client,
        ):
            for _ in range(2):
                with pytest.raises(httpx.ReadTimeout):
                    await client.post(server.url + CHAT, json=chat_request("Say it"))
            async with asyncio.timeout(10.0):
                while server.report().in_flight:
                    await asyncio.sleep(0.01)
            return server.report()

    report = asyncio.run(asked())
    assert report.in_flight == 0
    assert [(one.abandoned, one.sent, one.told, one.status) for one in report.entries] == [
        (True, False, False, None)
    ] * 2
    assert all(one.billed.output > 0 for one in report.entries)


def test_many_requests_are_in_flight_at_the_same_time() -> None:
    config = ServerConfig(plan=Seeded(1, latency=Latency(1.0)))

    async def asked() -> Report:
        async with LLMServer(config) as server:
            assert await outcomes(server.url, 64, 64) == [200] * 64
            return server.report()

    report = asyncio.run(asked())
    assert report.max_in_flight == 64
    assert report.max_connections == 64


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def asked() -> Report:
        async with LLMServer(ServerConfig(plan=Script((Behaviour(Kind.BAD_KEY),)))) as server:
            assert await outcomes(server.url, 9, 1) == [401, *[200] * 8]
            return server.report()

    report = asyncio.run(asked())
    assert (report.max_connections, report.max_in_flight, len(report.entries)) == (1, 1, 9)


def test_more_than_it_was_made_for_is_denied_and_more_connections_are_closed() -> None:
    async def asked() -> tuple[list[int | str], list[int | str]]:
        async with LLMServer(ServerConfig(max_requests=3)) as server:
            few = await outcomes(server.url, 5, 1)
        crowded = ServerConfig(max_connections=2, plan=Script(then=Behaviour(delay_s=0.1)))
        async with LLMServer(crowded) as server:
            return few, await outcomes(server.url, 4, 4)

    few, crowded = asyncio.run(asked())
    assert few == [200, 200, 200, 403, 403]
    assert sorted(map(str, crowded))[:2] == ["200", "200"]
    assert 200 not in sorted(crowded, key=str)[2:]


def test_it_stops_by_itself_even_while_a_request_hangs() -> None:
    async def asked() -> float:
        start = time.monotonic()
        config = ServerConfig(lifetime_s=0.2, plan=Script(then=Behaviour(Kind.HANG)))
        async with LLMServer(config) as server:
            assert await outcomes(server.url, 2, 2) == ["RemoteProtocolError"] * 2
            await server.stopped()
        return time.monotonic() - start

    assert asyncio.run(asked()) < 2.0


def test_a_mistake_of_a_responder_is_not_overlooked() -> None:
    class Broken:
        def respond(self, question: Question) -> str:
            raise ZeroDivisionError(question.model)

    async def asked() -> None:
        async with LLMServer(responder=Broken()) as server:
            await outcomes(server.url, 1, 1)

    with pytest.raises(ZeroDivisionError, match="gpt-test"):
        asyncio.run(asked())


def test_what_is_no_request_is_told_so() -> None:
    whole = b"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET"
    for length in range(len(whole) - 3):
        assert take_request(bytearray(whole[:length])) is None
    buffer = bytearray(whole)
    request = take_request(buffer)
    assert request is not None
    assert (request.method, request.path, request.body) == ("POST", "/x", b"abc")
    assert bytes(buffer) == b"GET"
    for wrong, status in (
        (b"hello\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"x" * 70_000, 431),
    ):
        with pytest.raises(HttpError) as caught:
            take_request(bytearray(wrong))
        assert caught.value.status == status


def test_other_paths_methods_and_bodies_are_answered() -> None:
    async def asked() -> list[int]:
        async with LLMServer() as server, httpx.AsyncClient(base_url=server.url, verify=False) as client:
            answers = [
                await client.get("/nothing"),
                await client.get(CHAT),
                await client.post(CHAT, content=b"{"),
                await client.post(CHAT, content=b"[]"),
            ]
        return [answer.status_code for answer in answers]

    assert asyncio.run(asked()) == [404, 405, 400, 400]


def test_a_server_in_a_process_of_its_own_keeps_the_books_and_ends_with_its_client() -> None:
    config = ServerConfig(responder=ProgramAuthor(seed=4), plan=Script((Behaviour(Kind.OVERLOADED),)))
    with ServerProcess(config) as server:
        running = process(server.pid)
        assert asyncio.run(outcomes(server.url, 3, 1)) == [529, 200, 200]
        seen = asyncio.run(chat(server.url, "Which?"))
        report = server.report()
        assert [one.kind for one in report.entries] == ["overloaded", "ok", "ok", "ok"]
        assert seen.tokens is not None
        assert seen.tokens[1] == report.entries[-1].billed.output
    assert survivors([running]) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port)).close()


PARENT = """
import os, subprocess, sys, time
from tests.support.llm_server import ServerProcess
with ServerProcess() as server:
    if sys.argv[1] == "holder":  # a grandchild that keeps the pipe open
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("holder", ["holder", "alone"])
def test_a_server_ends_when_its_parent_is_killed(holder: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, holder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    try:
        server = process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        assert survivors([server], within_s=5.0) == []
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


def test_a_server_process_ends_with_its_lifetime() -> None:
    config: Any = msgspec.json.encode(ServerConfig(lifetime_s=0.2)).decode()
    command = [sys.executable, "-m", "tests.support.llm_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(config + "\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["port"] > 0
        assert server.wait(timeout=10) == 0
