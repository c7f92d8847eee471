"""What is sent, and the answers to it that are neither an answer nor a fault of the service."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from evolve.llm.base import AttemptFailed, CallStatus, Message, Prompt, Provider, ProviderSettings, Usage
from evolve.llm.providers.anthropic import AnthropicProvider
from evolve.llm.providers.litellm import LiteLLMProvider
from evolve.llm.providers.openai import OpenAIProvider

MESSAGES = (Message("system", "Be brief."), Message("user", "why?"))
PLAIN = Prompt(messages=MESSAGES, max_output_tokens=500)
KEPT = Prompt(messages=MESSAGES, max_output_tokens=500, cache_system=True)
FULL = Prompt(messages=MESSAGES, max_output_tokens=500, temperature=0.7, effort="high")
MARKED = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
SENT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "why?"}]


class OneShot:
    """A server for one request at a time that notes the body and answers what it is told."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self._answers = list(answers)
        self.bodies: list[Any] = []
        self.paths: list[str] = []

    async def __aenter__(self) -> "OneShot":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
        self.paths.append(head.split(" ")[1])
        self.bodies.append(json.loads(await reader.readexactly(size)))
        status, answer = self._answers.pop(0)
        body = json.dumps(answer).encode()
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
        writer.write(f"{lines}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


CHAT = {
    "choices": [{"message": {"content": "because"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}
MESSAGE = {
    "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "because"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 5,
        "output_tokens": 9,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 100,
        "output_tokens_details": {"thinking_tokens": 4},
    },
}
RESPONSE = {
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "because"}]},
    ],
    "usage": {
        "input_tokens": 7,
        "output_tokens": 30,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 20},
    },
}


def chat(url: str) -> Provider:
    return OpenAIProvider.start(ProviderSettings(name="openai", api_base=f"{url}/v1"))


def responses(url: str) -> Provider:
    started = OpenAIProvider.start(ProviderSettings(name="openai", api_base=f"{url}/v1"))
    return OpenAIProvider(started._clients, started._settings, responses=True)


def messages(url: str) -> Provider:
    return AnthropicProvider.start(ProviderSettings(name="anthropic", api_base=url))


@pytest.mark.parametrize(
    ("start", "model", "prompt", "answer", "path", "sent", "usage"),
    [
        (
            chat,
            "own",
            FULL,
            CHAT,
            "/v1/chat/completions",
            {"messages": SENT, "max_tokens": 500, "temperature": 0.7, "reasoning_effort": "high"},
            Usage(7, 3),
        ),
        (
            responses,
            "gpt-5",
            FULL,
            RESPONSE,
            "/v1/responses",
            {
                "input": SENT,
                "max_output_tokens": 500,
                "temperature": 0.7,
                "reasoning": {"effort": "high"},
                "store": False,
            },
            Usage(7, 30, 2, 20, 4),
        ),
        (
            responses,
            "gpt-5",
            PLAIN,
            RESPONSE,
            "/v1/responses",
            {"input": SENT, "max_output_tokens": 500, "store": False},
            Usage(7, 30, 2, 20, 4),
        ),
        (
            messages,
            "claude-opus-5",
            FULL,
            MESSAGE,
            "/v1/messages",
            {
                "system": "Be brief.",
                "messages": SENT[1:],
                "max_tokens": 500,
                "temperature": 0.7,
                "output_config": {"effort": "high"},
                "thinking": {"type": "adaptive"},
            },
            Usage(107, 9, 100, 4, 2),
        ),
        (
            messages,
            "claude-opus-4-5-20251101",
            Prompt(messages=MESSAGES[1:], max_output_tokens=500, effort="low"),
            MESSAGE,
            "/v1/messages",
            {"messages": SENT[1:], "max_tokens": 500, "output_config": {"effort": "low"}},
            Usage(107, 9, 100, 4, 2),
        ),
        (
            messages,
            "claude-opus-5",
            KEPT,
            MESSAGE,
            "/v1/messages",
            {"system": MARKED, "messages": SENT[1:], "max_tokens": 500},
            Usage(107, 9, 100, 4, 2),
        ),
        (
            chat,
            "own",
            KEPT,
            {
                **CHAT,
                "usage": {
                    "prompt_tokens": 7,
                    "completion_tokens": 3,
                    "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2},
                },
            },
            "/v1/chat/completions",
            {"messages": SENT, "max_tokens": 500},
            Usage(7, 3, 1, 0, 2),
        ),
    ],
)
def test_what_is_sent_and_read(
    start: Callable[[str], Provider],
    model: str,
    prompt: Prompt,
    answer: Any,
    path: str,
    sent: dict[str, Any],
    usage: Usage,
) -> None:
    async def work() -> None:
        async with OneShot((200, answer)) as server:
            provider = start(server.url)
            got = await provider.complete(model, prompt)
            await provider.close()
        assert server.paths == [path]
        assert server.bodies == [{"model": model, **sent}]
        assert (got.text, got.status, got.usage) == ("because", CallStatus.OK, usage)

    asyncio.run(work())


def test_a_server_that_wants_the_newer_limit_gets_it_from_the_next_attempt_on() -> None:
    said = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    )
    error = {"error": {"message": said, "type": "invalid_request_error", "code": "unsupported_parameter"}}

    async def work() -> None:
        async with OneShot((400, error), (200, CHAT)) as server:
            provider = chat(server.url)
            with pytest.raises(AttemptFailed) as caught:
                await provider.complete("o9", PLAIN)
            assert caught.value.status is CallStatus.SERVER_ERROR
            await provider.complete("o9", PLAIN)
            await provider.close()
        assert "max_tokens" not in server.bodies[1]
        assert server.bodies[1]["max_completion_tokens"] == 500

    asyncio.run(work())


@pytest.mark.parametrize("start", [chat, responses])
def test_a_prompt_that_is_refused_is_an_answer(start: Callable[[str], Provider]) -> None:
    error = {"error": {"message": "flagged", "type": "invalid_request_error", "code": "invalid_prompt"}}

    async def work() -> None:
        async with OneShot((400, error)) as server:
            provider = start(server.url)
            answer = await provider.complete("gpt-5", PLAIN)
            await provider.close()
        assert (answer.status, answer.text, answer.usage) == (CallStatus.REFUSED, "flagged", Usage())

    asyncio.run(work())


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (
            {"status": "failed", "output": [], "error": {"code": "server_error", "message": "oh"}},
            "server_error",
        ),
        ({"status": "failed", "output": [], "error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
        ({"status": "in_progress", "output": []}, "malformed"),
        ({**RESPONSE, "usage": None}, "malformed"),
        ({"status": "completed"}, "malformed"),
    ],
)
def test_a_response_that_failed(response: Any, status: str) -> None:
    async def work() -> None:
        async with OneShot((200, response)) as server:
            provider = responses(server.url)
            with pytest.raises(AttemptFailed) as caught:
                await provider.complete("gpt-5", PLAIN)
            await provider.close()
        assert caught.value.status.value == status

    asyncio.run(work())


def test_openai_itself_is_asked_through_its_responses_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    own = OpenAIProvider.start(ProviderSettings(name="openai", api_key="k" * 20))
    assert own._responses
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert not OpenAIProvider.start(ProviderSettings(name="openai", api_key="k" * 20))._responses


BEDROCK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "because"}]}},
    "stopReason": "end_turn",
    "usage": {
        "inputTokens": 5,
        "outputTokens": 9,
        "totalTokens": 116,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 2,
    },
}


@pytest.mark.parametrize(
    ("name", "model", "answer", "system", "usage"),
    [
        ("anthropic", "anthropic/claude-opus-5", MESSAGE, MARKED, Usage(107, 9, 100, 4, 2)),
        (
            "bedrock",
            "bedrock/anthropic.claude-opus-4-5-20251101-v1:0",
            BEDROCK,
            [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
            Usage(107, 9, 100, 0, 2),
        ),
    ],
)
def test_litellm_passes_on_what_is_to_be_kept(
    name: str, model: str, answer: Any, system: Any, usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    frame = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}

    async def work() -> None:
        async with OneShot((200, {**frame, **answer})) as server:
            settings = ProviderSettings(name=name, api_base=server.url, api_key="k" * 20)
            provider = LiteLLMProvider.start(settings)
            got = await provider.complete(model, KEPT)
            await provider.close()
        assert server.bodies[0]["system"] == system
        assert (got.text, got.usage) == ("because", usage)

    asyncio.run(work())
