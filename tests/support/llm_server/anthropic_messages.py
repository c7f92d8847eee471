"""Anthropic's messages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.llm_server.behaviour import Kind
from tests.support.llm_server.exchange import (
    Answer,
    Denial,
    Ending,
    InvalidRequestError,
    Json,
    Question,
    Tokens,
    Turn,
    bearer,
    event,
    flat_text,
    optional_count,
    pieces,
    required,
)

ROLES = ("user", "assistant")
REASONS = {
    Ending.STOP: "end_turn",
    Ending.LENGTH: "max_tokens",
    Ending.REFUSED: "refusal",
    Ending.FILTERED: "refusal",
}
ERROR_TYPES = {
    Kind.RATE_LIMITED: "rate_limit_error",
    Kind.QUOTA_EXCEEDED: "rate_limit_error",
    Kind.OVERLOADED: "overloaded_error",
    Kind.BAD_KEY: "authentication_error",
    Kind.UNKNOWN_MODEL: "not_found_error",
    Kind.CONTEXT_EXCEEDED: "invalid_request_error",
    Kind.INVALID_REQUEST: "invalid_request_error",
    Kind.OVER_LIMIT: "permission_error",
}
MESSAGES = {
    Kind.RATE_LIMITED: "This request would exceed your organization's rate limit of 50 requests per minute.",
    Kind.QUOTA_EXCEEDED: "You have reached the spend limit of your organization.",
    Kind.OVERLOADED: "Overloaded",
}


class AnthropicMessages:
    """The dialect."""

    name = "anthropic_messages"
    path = "/v1/messages"

    def read(self, body: Json, digest: str) -> Question:
        system = body.get("system")
        turns = () if system is None else (Turn("system", flat_text(system), _marked(system)),)
        limit = optional_count(body, "max_tokens")
        if limit is None:
            raise InvalidRequestError("max_tokens: Field required")
        return Question(
            protocol=self.name,
            model=required(body, "model", str),
            turns=turns + tuple(_turn(message) for message in required(body, "messages", list)),
            digest=digest,
            max_output_tokens=limit,
            stream=bool(body.get("stream")),
        )

    def whole(self, answer: Answer) -> Json:
        return {
            **_frame(answer),
            "content": _blocks(answer),
            **_stopped(answer),
            "usage": {**_input_usage(answer.tokens), **_output_usage(answer.tokens)},
        }

    def events(self, answer: Answer) -> list[bytes]:
        begun = {
            **_frame(answer),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_input_usage(answer.tokens), "output_tokens": 1},
        }
        found = [_named({"type": "message_start", "message": begun})]
        for place, block in enumerate(_blocks(answer)):
            found += _block_events(place, block)
        found.insert(min(2, len(found)), _named({"type": "ping"}))
        found.append(
            _named(
                {
                    "type": "message_delta",
                    "delta": _stopped(answer),
                    "usage": {**_input_usage(answer.tokens), **_output_usage(answer.tokens)},
                }
            )
        )
        return [*found, _named({"type": "message_stop"})]

    def error(self, denial: Denial) -> Json:
        found: Json = {
            "type": ERROR_TYPES.get(denial.kind, "api_error"),
            "message": _message(denial),
        }
        if denial.kind is Kind.QUOTA_EXCEEDED:
            found["details"] = {"error_code": "enforced_spend_limit_reached"}
        return {"type": "error", "error": found, "request_id": f"req_{denial.request_id}"}

    def error_event(self, denial: Denial, number: int) -> bytes:
        return event(self.error(denial), "error")

    def headers(self, request_id: str) -> Mapping[str, str]:
        return {"request-id": f"req_{request_id}", "anthropic-organization-id": "loopback"}

    def limit_headers(self, wait_s: float) -> Mapping[str, str]:
        reset = datetime.now(UTC) + timedelta(seconds=wait_s)
        return {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": reset.isoformat(timespec="seconds"),
        }

    def too_long(self, asked: int, context: int) -> str:
        return f"prompt is too long: {asked} tokens > {context} maximum"

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key") or bearer(headers)


def _named(data: Json) -> bytes:
    return event(data, data["type"])


def _turn(message: Any) -> Turn:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise InvalidRequestError(f"messages: each needs a role out of {', '.join(ROLES)}")
    content = message.get("content")
    return Turn(message["role"], flat_text(content), _marked(content))


def _marked(content: object) -> bool:
    """Whether a turn's last part is marked to be cached; marks on other parts are not served here."""
    marks = [part.get("cache_control") for part in content] if isinstance(content, list) else []
    if any(mark is not None and mark != {"type": "ephemeral"} for mark in marks):
        raise InvalidRequestError("cache_control: only type 'ephemeral' is served here, for five minutes")
    if any(mark is not None for mark in marks[:-1]):
        raise InvalidRequestError("cache_control: only the last part of a turn can be marked here")
    return bool(marks) and marks[-1] is not None


def _frame(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.question.model,
    }


def _stopped(answer: Answer) -> Json:
    found: Json = {"stop_reason": REASONS[answer.ending], "stop_sequence": None}
    if found["stop_reason"] == "refusal":
        found["stop_details"] = {"type": "refusal", "category": None, "explanation": answer.text or None}
    return found


def _blocks(answer: Answer) -> list[Json]:
    """The blocks of the content. Of a refusal there are none: the explanation has a place of its own."""
    found: list[Json] = []
    if answer.tokens.reasoning:
        found.append({"type": "thinking", "thinking": "Let me see.", "signature": answer.id})
    if answer.text and REASONS[answer.ending] != "refusal":
        found.append({"type": "text", "text": answer.text})
    return found


def _block_events(place: int, block: Json) -> list[bytes]:
    if block["type"] == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        empty = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    return [
        _named({"type": "content_block_start", "index": place, "content_block": empty}),
        *(_named({"type": "content_block_delta", "index": place, "delta": delta}) for delta in deltas),
        _named({"type": "content_block_stop", "index": place}),
    ]


def _input_usage(tokens: Tokens) -> Json:
    """Here, what was read from the cache or written into it is not part of the input tokens."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_writes,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.cache_writes,
    }


def _output_usage(tokens: Tokens) -> Json:
    return {
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
    }


def _message(denial: Denial) -> str:
    match denial.kind:
        case Kind.UNKNOWN_MODEL:
            return f"model: {denial.model}"
        case Kind.BAD_KEY:
            return f"invalid x-api-key {denial.detail}".strip()
        case Kind.CONTEXT_EXCEEDED | Kind.INVALID_REQUEST | Kind.OVER_LIMIT:
            return denial.detail
        case kind:
            return MESSAGES.get(kind, "Internal server error")
