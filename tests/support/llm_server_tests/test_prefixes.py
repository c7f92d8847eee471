"""What clients mark to be cached: written once, read afterwards, told and billed."""

import asyncio
from typing import Any

from tests.support.llm_server import Behaviour, Kind, LLMServer, Metering, Rule, Rules, ServerConfig, Tokens

SYSTEM = "Be brief. " * 500
MARKED = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
LENGTH = 1254
"""Tokens of the system message, as the server counts them."""


async def post(server: LLMServer, text: str, system: object = MARKED, model: str = "claude-test") -> Any:
    import httpx

    body = {
        "model": model,
        "max_tokens": 100,
        "system": system,
        "messages": [{"role": "user", "content": text}],
    }
    async with httpx.AsyncClient() as client:
        return (await client.post(f"{server.url}/v1/messages", json=body)).json()


def billed(server: LLMServer) -> list[tuple[int, int]]:
    return [(entry.billed.cache_writes, entry.billed.cached) for entry in server.report().entries]


def test_the_first_writes_and_later_ones_read() -> None:
    async def work() -> None:
        async with LLMServer() as server:
            usages = [(await post(server, f"{n}"))["usage"] for n in range(3)]
            await post(server, "another model", model="claude-other")
            await post(server, "no mark", system=SYSTEM)
            await post(server, "too short", system=[{**MARKED[0], "text": "Be brief."}])
            assert billed(server) == [(LENGTH, 0), (0, LENGTH), (0, LENGTH), (LENGTH, 0), (0, 0), (0, 0)]
            told = [
                (one["input_tokens"], one["cache_creation_input_tokens"], one["cache_read_input_tokens"])
                for one in usages
            ]
            assert told == [(5, LENGTH, 0), (5, 0, LENGTH), (5, 0, LENGTH)]
            assert server.report().billed == Tokens(
                *(sum(getattr(one.billed, name) for one in server.report().entries) for name in FIELDS)
            )

    asyncio.run(work())


FIELDS = Tokens.__struct_fields__


def test_nobody_reads_before_an_answer_has_begun() -> None:
    plan = Rules((Rule("slow", (Behaviour(delay_s=0.3),)), Rule("down", (Behaviour(Kind.SERVER_ERROR),))))

    async def work() -> None:
        async with LLMServer(ServerConfig(plan=plan)) as server:
            await post(server, "down")
            await asyncio.gather(post(server, "slow 1"), post(server, "slow 2"))
            await post(server, "later")
            assert billed(server) == [(0, 0), (LENGTH, 0), (LENGTH, 0), (0, LENGTH)]

    asyncio.run(work())


def test_what_is_not_used_for_long_is_forgotten() -> None:
    async def work() -> None:
        async with LLMServer(ServerConfig(metering=Metering(cache_lifetime_s=1.5))) as server:
            await post(server, "1")
            await post(server, "2")
            await asyncio.sleep(1.7)
            await post(server, "3")
            assert billed(server) == [(LENGTH, 0), (0, LENGTH), (LENGTH, 0)]

    asyncio.run(work())


def test_other_marks_are_refused() -> None:
    async def work() -> None:
        async with LLMServer() as server:
            other = [{**MARKED[0], "cache_control": {"type": "forever"}}]
            assert (await post(server, "x", system=other))["error"]["type"] == "invalid_request_error"

    asyncio.run(work())
