"""What each SDK makes of each thing that can go wrong, without retries.

The tables are what the SDKs do, not what one would wish: a provider has to deal with every line of them.
"""

import asyncio

import pytest

from tests.support.llm_server import STATUSES, Behaviour, Kind, LLMServer, Rule, Rules, ServerConfig
from tests.support.llm_server_tests.clients import (
    Ask,
    chat,
    chat_stream,
    in_a_word,
    lite,
    messages,
    messages_stream,
    responses,
    responses_stream,
)

LITE_CHAT, LITE_CHAT_STREAM = lite("openai/gpt-test", "/v1")
LITE_MESSAGES, LITE_MESSAGES_STREAM = lite("anthropic/claude-test", "")

OPENAI_ERRORS = {
    "rate_limited": "RateLimitError 429",
    "quota_exceeded": "RateLimitError 429",
    "server_error": "InternalServerError 500",
    "unavailable": "InternalServerError 503",
    "overloaded": "InternalServerError 529",
    "bad_key": "AuthenticationError 401",
    "unknown_model": "NotFoundError 404",
    "context_exceeded": "BadRequestError 400",
    "invalid_request": "BadRequestError 400",
    "over_limit": "PermissionDeniedError 403",
    "cut_before_head": "APIConnectionError",
    "cut_before_head, reset": "APIConnectionError",
    "hang": "APITimeoutError",
}
OPENAI_WHOLE = OPENAI_ERRORS | {
    "cut_in_body": "APIConnectionError",
    "cut_in_body, reset": "APIConnectionError",
    "truncated": "JSONDecodeError",
    "error_in_stream": "InternalServerError 529",
    "malformed": "JSONDecodeError",
    "web_page": "a string, nothing",
}
OPENAI_STREAM = OPENAI_ERRORS | {
    "cut_in_body": "RemoteProtocolError",
    "cut_in_body, reset": "ReadError",
    "malformed": "JSONDecodeError",
}
CHAT_ANSWERS = {
    "ok": "stop, whole",
    "drip": "stop, whole",
    "empty": "stop, nothing",
    "refused": "stop, refusal",
    "filtered": "content_filter, nothing",
    "length": "length, part",
}
RESPONSES_ANSWERS = {
    "ok": "completed, whole",
    "drip": "completed, whole",
    "empty": "completed, nothing",
    "refused": "completed, refusal",
    "filtered": "incomplete, content_filter, nothing",
    "length": "incomplete, max_output_tokens, part",
}
MESSAGES_ANSWERS = {
    "ok": "end_turn, whole",
    "drip": "end_turn, whole",
    "empty": "end_turn, nothing",
    "refused": "refusal, nothing",
    "filtered": "refusal, nothing",
    "length": "max_tokens, part",
}
ANTHROPIC_ERRORS = OPENAI_ERRORS | {
    "quota_exceeded": "EnforcedSpendLimitReachedError 429",
    "unavailable": "ServiceUnavailableError 503",
    "overloaded": "OverloadedError 529",
}
OR = " or "
"""Between what one version of an SDK says and what another one does."""
LITE_ERRORS = {
    "rate_limited": "RateLimitError 429",
    "quota_exceeded": "RateLimitError 429",
    "server_error": "InternalServerError 500",
    "unavailable": "ServiceUnavailableError 503",
    "bad_key": "AuthenticationError 401",
    "unknown_model": "NotFoundError 404",
    "context_exceeded": "ContextWindowExceededError 400",
    "invalid_request": "BadRequestError 400",
    "cut_before_head": "InternalServerError 500",
    "cut_before_head, reset": "InternalServerError 500",
    "hang": "Timeout 408",
}
LITE_WHOLE = LITE_ERRORS | {
    "cut_in_body": "InternalServerError 500",
    "cut_in_body, reset": "InternalServerError 500",
}
LITE_STREAM = LITE_ERRORS | {
    "cut_in_body": "MidStreamFallbackError 500",
    "cut_in_body, reset": "MidStreamFallbackError 500",
    "truncated": f"stop, part{OR}MidStreamFallbackError 500",  # older versions make up an end
    "error_in_stream": "MidStreamFallbackError 500",
    "wrong_shape": "stop, nothing",
    "web_page": "stop, nothing",
}
LITE_CHAT_ANSWERS = CHAT_ANSWERS | {
    "refused": "stop, nothing",
    "over_limit": "BadRequestError 403",
    "overloaded": "APIError 529",
}
LITE_MESSAGES_ANSWERS = LITE_CHAT_ANSWERS | {
    "refused": "content_filter, nothing",
    "over_limit": "PermissionDeniedError 403",
    "overloaded": "InternalServerError 500",
}

EXPECTED: dict[str, tuple[Ask, dict[str, str]]] = {
    "chat": (chat, CHAT_ANSWERS | OPENAI_WHOLE | {"wrong_shape": "no choices, nothing"}),
    "chat, stream": (
        chat_stream,
        CHAT_ANSWERS
        | OPENAI_STREAM
        | {
            "truncated": "None, part",
            "error_in_stream": "APIError",
            "wrong_shape": "None, nothing",
            "web_page": "None, nothing",
        },
    ),
    "responses": (responses, RESPONSES_ANSWERS | OPENAI_WHOLE | {"wrong_shape": "no output, nothing"}),
    "responses, stream": (
        responses_stream,
        RESPONSES_ANSWERS
        | OPENAI_STREAM
        | {
            "truncated": "response.output_text.delta, nothing",
            "error_in_stream": "failed, nothing",
            "wrong_shape": "AttributeError",  # no event at all
            "web_page": "AttributeError",
        },
    ),
    "messages": (
        messages,
        MESSAGES_ANSWERS
        | OPENAI_WHOLE
        | ANTHROPIC_ERRORS
        | {"wrong_shape": "no content, nothing", "error_in_stream": "OverloadedError 529"},
    ),
    "messages, stream": (
        messages_stream,
        MESSAGES_ANSWERS
        | OPENAI_STREAM
        | ANTHROPIC_ERRORS
        | {
            "truncated": "None, part",
            "error_in_stream": "APIStatusError 200",
            "wrong_shape": "AssertionError",  # no event at all
            "web_page": "AssertionError",
        },
    ),
    "litellm, chat": (
        LITE_CHAT,
        LITE_CHAT_ANSWERS
        | LITE_WHOLE
        | {
            "truncated": "InternalServerError 500",
            "error_in_stream": "APIError 529",
            "malformed": "InternalServerError 500",
            "wrong_shape": "BadGatewayError 502",
            "web_page": "InternalServerError 500",
        },
    ),
    "litellm, chat, stream": (
        LITE_CHAT_STREAM,
        LITE_CHAT_ANSWERS | LITE_STREAM | {"malformed": "MidStreamFallbackError 500"},
    ),
    "litellm, messages": (
        LITE_MESSAGES,
        LITE_MESSAGES_ANSWERS
        | LITE_WHOLE
        | {
            "truncated": "APIConnectionError 500",
            "error_in_stream": "InternalServerError 500",
            "malformed": "APIConnectionError 500",
            "wrong_shape": "APIConnectionError 500",
            "web_page": "APIConnectionError 500",
        },
    ),
    "litellm, messages, stream": (
        LITE_MESSAGES_STREAM,
        LITE_MESSAGES_ANSWERS
        | LITE_STREAM
        | {"malformed": f"stop, part{OR}MidStreamFallbackError 500"},  # as above
    ),
}

COSTS = (
    *("ok", "drip", "empty", "refused", "filtered", "length"),
    *("cut_before_head", "cut_in_body", "truncated", "malformed", "hang"),
)
"""The kinds with which a model has worked."""


def behaviours() -> dict[str, Behaviour]:
    """One of each kind; cuts both ways."""
    found = {kind.value: Behaviour(kind, pause_s=0.002) for kind in Kind}
    for kind in (Kind.CUT_BEFORE_HEAD, Kind.CUT_IN_BODY):
        found[f"{kind}, reset"] = Behaviour(kind, reset=True)
    return found


@pytest.mark.parametrize("client", EXPECTED)
def test_each_sdk_notices_each_fault_in_its_own_way(client: str) -> None:
    ask, expected = EXPECTED[client]
    rules = Rules(tuple(Rule(f"[{name}]", (one,) * 9) for name, one in behaviours().items()))

    async def found() -> dict[str, str]:
        async with LLMServer(ServerConfig(plan=rules)) as server:
            words = {name: await in_a_word(ask, server.url, f"Say it [{name}]") for name in behaviours()}
            entries = server.report().entries
        assert {entry.kind for entry in entries} >= set(Kind) - {Kind.ERROR_IN_STREAM}
        for entry in entries:
            assert entry.status in (STATUSES.get(entry.kind, 200), None)
            assert (entry.billed.output > 0) is (entry.kind in COSTS)
        return words

    words = asyncio.run(found())
    assert words.keys() == expected.keys()
    assert {name: word for name, word in words.items() if word not in expected[name].split(OR)} == {}
