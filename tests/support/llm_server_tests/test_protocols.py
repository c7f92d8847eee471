"""Bodies, streams, headers and errors against the types that the SDKs come with."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.shared import ErrorObject
from pydantic import TypeAdapter

from tests.support.llm_server import (
    STATUSES,
    Behaviour,
    Fixed,
    Kind,
    LLMServer,
    Metering,
    Script,
    ServerConfig,
    Tokens,
    token_count,
)
from tests.support.llm_server_tests.clients import (
    KEY,
    LIMIT,
    SYSTEM,
    TEXT,
    Ask,
    anthropic_client,
    chat,
    chat_request,
    chat_stream,
    lite,
    messages,
    messages_request,
    messages_stream,
    openai_client,
    responses,
    responses_request,
    responses_stream,
)

PATHS: dict[str, tuple[Callable[[str], dict[str, Any]], Any, Any]] = {
    "/v1/chat/completions": (chat_request, ChatCompletion, ChatCompletionChunk),
    "/v1/responses": (responses_request, Response, ResponseStreamEvent),
    "/v1/messages": (messages_request, Message, RawMessageStreamEvent),
}
ANSWERING = (Kind.OK, Kind.EMPTY, Kind.REFUSED, Kind.FILTERED, Kind.LENGTH)
METERING = Metering(cached_share=1.0, reasoning=40)
PROMPT = "What now? " * 600
CLIENTS: dict[str, Ask] = {
    "chat": chat,
    "chat, stream": chat_stream,
    "responses": responses,
    "responses, stream": responses_stream,
    "messages": messages,
    "messages, stream": messages_stream,
    "litellm, chat": lite("openai/gpt-test", "/v1")[0],
    "litellm, chat, stream": lite("openai/gpt-test", "/v1")[1],
    "litellm, messages": lite("anthropic/claude-test", "")[0],
    "litellm, messages, stream": lite("anthropic/claude-test", "")[1],
}


async def post(config: ServerConfig, path: str, body: dict[str, Any], key: str = KEY) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    async with LLMServer(config) as server, httpx.AsyncClient(verify=False) as client:
        return await client.post(server.url + path, json=body, headers=headers)


def posted(config: ServerConfig, path: str, body: dict[str, Any], key: str = KEY) -> httpx.Response:
    return asyncio.run(post(config, path, body, key))


@pytest.mark.parametrize("kind", ANSWERING)
@pytest.mark.parametrize("path", PATHS)
def test_answers_are_what_the_types_of_the_sdk_say(path: str, kind: Kind) -> None:
    request, whole, event = PATHS[path]
    config = ServerConfig(plan=Script(then=Behaviour(kind)), metering=METERING)
    TypeAdapter[Any](whole).validate_json(posted(config, path, request(PROMPT)).content, strict=False)
    body = {**request(PROMPT), "stream": True}
    stream = posted(config, path, body)
    assert stream.headers["content-type"].startswith("text/event-stream")
    adapter = TypeAdapter[Any](event)
    events = [one for one in events_of(stream.text) if one.get("type") != "ping"]
    for one in events:
        adapter.validate_python(one)
    assert len(events) >= 2


def events_of(stream: str) -> list[dict[str, Any]]:
    """The data of a stream's events."""
    lines = [line.removeprefix("data: ") for line in stream.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize("path", PATHS)
def test_errors_are_what_the_types_of_the_sdk_say(path: str) -> None:
    request, _, event = PATHS[path]
    in_stream = ServerConfig(plan=Script(then=Behaviour(Kind.ERROR_IN_STREAM)))
    *_, last = events_of(posted(in_stream, path, {**request("Say it"), "stream": True}).text)
    if path == "/v1/responses":
        assert TypeAdapter[Any](event).validate_python(last).type == "response.failed"
    else:
        check_error(path, last)
    for kind, status in STATUSES.items():
        answer = posted(denied(kind, retry_after_s=1.0), path, request("Say it"))
        assert answer.status_code == status
        if kind is not Kind.UNAVAILABLE:
            check_error(path, answer.json())


def check_error(path: str, body: dict[str, Any]) -> None:
    """An error's body has the type that the SDK has for it."""
    if path == "/v1/messages":
        ErrorResponse.model_validate(body)
    else:
        ErrorObject.model_validate(body["error"])


@pytest.mark.parametrize("name", CLIENTS)
def test_what_the_client_is_told_is_what_the_ledger_has(name: str) -> None:
    ask = CLIENTS[name]

    async def asked() -> None:
        async with LLMServer(ServerConfig(metering=METERING, seed=3)) as server:
            seen = await ask(server.url, PROMPT)
            (entry,) = server.report().entries
        assert (entry.billed.cached > 0, entry.billed.reasoning > 0) == (True, True)
        assert entry.billed.input == token_count(PROMPT) + token_count(SYSTEM) + 8
        assert entry.billed.output == entry.billed.reasoning + token_count(TEXT)
        assert seen.tokens == told(name, entry.billed)
        assert (seen.text, entry.sent, entry.told, entry.abandoned) == (TEXT, True, True, False)

    asyncio.run(asked())


def told(client: str, billed: Tokens) -> tuple[int, int, int, int]:
    """The tokens as that client should tell them: Anthropic's own SDK has those of the cache apart."""
    apart = billed.cached if client.startswith("messages") else 0
    return billed.input - apart, billed.output, billed.cached, billed.reasoning


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_stops_at_the_limit_of_output_tokens(path: str) -> None:
    request, _, _ = PATHS[path]
    config = ServerConfig(responder=Fixed("word " * LIMIT), metering=Metering(reasoning=2 * LIMIT))

    async def asked() -> None:
        async with LLMServer(config) as server, httpx.AsyncClient(verify=False) as client:
            for number in range(20):
                body = (await client.post(server.url + path, json=request(f"Number {number}"))).json()
                assert "length" in str(body) or "max_" in str(body)
            entries = server.report().entries
        assert all(entry.billed.output == LIMIT for entry in entries)
        assert len({entry.billed.reasoning for entry in entries}) > 3

    asyncio.run(asked())


def raised(coroutine: Coroutine[Any, Any, object]) -> Any:
    """The exception that a coroutine ends with."""
    with pytest.raises(Exception) as caught:
        asyncio.run(coroutine)
    return caught.value


async def ask_chat(config: ServerConfig) -> None:
    async with LLMServer(config) as server, openai_client(server.url) as client:
        await client.chat.completions.create(**chat_request("Say it"))


async def ask_messages(config: ServerConfig) -> None:
    async with LLMServer(config) as server, anthropic_client(server.url) as client:
        await client.messages.create(**messages_request("Say it"))


def denied(kind: Kind, **more: Any) -> ServerConfig:
    return ServerConfig(plan=Script(then=Behaviour(kind, **more)))


def test_errors_of_openai_have_their_code_their_headers_and_a_request_id() -> None:
    limited = raised(ask_chat(denied(Kind.RATE_LIMITED, retry_after_s=7.0)))
    assert isinstance(limited, openai.RateLimitError)
    assert (limited.code, limited.type) == ("rate_limit_exceeded", "requests")
    assert limited.response.headers["retry-after"] == "7"
    assert limited.response.headers["x-ratelimit-reset-requests"] == "7000ms"
    assert limited.request_id is not None
    assert limited.request_id.startswith("req_")
    assert raised(ask_chat(denied(Kind.QUOTA_EXCEEDED))).code == "insufficient_quota"
    assert raised(ask_chat(denied(Kind.UNKNOWN_MODEL))).code == "model_not_found"
    assert raised(ask_chat(denied(Kind.CONTEXT_EXCEEDED))).code == "context_length_exceeded"
    assert raised(ask_chat(denied(Kind.BAD_KEY))).code == "invalid_api_key"


def test_errors_of_anthropic_have_their_type_their_headers_and_a_request_id() -> None:
    limited = raised(ask_messages(denied(Kind.RATE_LIMITED, retry_after_s=7.0)))
    assert isinstance(limited, anthropic.RateLimitError)
    assert limited.type == "rate_limit_error"
    assert limited.response.headers["retry-after"] == "7"
    assert limited.response.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert limited.request_id is not None
    assert limited.request_id.startswith("req_")
    spent = raised(ask_messages(denied(Kind.QUOTA_EXCEEDED)))
    assert (spent.type, spent.error_code) == ("rate_limit_error", "enforced_spend_limit_reached")
    assert raised(ask_messages(denied(Kind.OVERLOADED))).type == "overloaded_error"
    assert raised(ask_messages(denied(Kind.UNKNOWN_MODEL))).api_message == "model: claude-test"


def test_how_long_to_wait_is_said_in_three_ways() -> None:
    def headers(way: str) -> httpx.Headers:
        error = raised(ask_chat(denied(Kind.UNAVAILABLE, retry_after_s=1.5, retry_after_as=way)))
        found: httpx.Headers = error.response.headers
        return found

    assert headers("seconds")["retry-after"] == "1.5"
    assert headers("milliseconds")["retry-after-ms"] == "1500"
    assert headers("date")["retry-after"].endswith(" GMT")


def test_a_wrong_key_is_quoted_as_the_provider_does_or_whole() -> None:
    config = ServerConfig(keys=("sk-the-right-one",))
    assert isinstance(raised(ask_chat(config)), openai.AuthenticationError)
    assert isinstance(raised(ask_messages(config)), anthropic.AuthenticationError)
    assert "sk-loopb****************cdef" in str(raised(ask_chat(config)))
    assert KEY not in str(raised(ask_chat(config)))
    assert KEY in str(raised(ask_chat(denied(Kind.BAD_KEY, echo_key=True))))
    assert posted(config, "/v1/responses", responses_request("x"), "sk-the-right-one").status_code == 200


def test_a_model_that_there_is_not_and_a_prompt_that_is_too_long() -> None:
    models = ServerConfig(models=("gpt-other",))
    assert isinstance(raised(ask_chat(models)), openai.NotFoundError)
    short = ServerConfig(context_tokens=LIMIT + 5)
    assert raised(ask_chat(short)).code == "context_length_exceeded"
    assert "prompt is too long" in str(raised(ask_messages(short)))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
        ("/v1/messages", {**messages_request("x"), "messages": [{"role": "system", "content": "x"}]}),
        ("/v1/chat/completions", {"messages": []}),
        ("/v1/chat/completions", {**chat_request("x"), "messages": [{"role": "user", "content": 3}]}),
        ("/v1/chat/completions", {**chat_request("x"), "max_tokens": 0, "max_completion_tokens": None}),
        ("/v1/responses", {"model": "m"}),
    ],
)
def test_a_request_that_no_provider_would_take_is_not_taken(path: str, body: dict[str, Any]) -> None:
    answer = posted(ServerConfig(), path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
