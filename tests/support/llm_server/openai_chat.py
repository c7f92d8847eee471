"""OpenAI's chat completions, which most other providers speak as well."""

from typing import Any

from tests.support.llm_server.exchange import (
    Answer,
    Denial,
    Ending,
    InvalidRequestError,
    Json,
    Question,
    Tokens,
    Turn,
    event,
    flat_text,
    optional_count,
    pieces,
    required,
)
from tests.support.llm_server.openai import OpenAI

ROLES = ("developer", "system", "user", "assistant")
REASONS = {
    Ending.STOP: "stop",
    Ending.LENGTH: "length",
    Ending.REFUSED: "stop",
    Ending.FILTERED: "content_filter",
}


class OpenAIChat(OpenAI):
    """The dialect."""

    name = "openai_chat"
    path = "/v1/chat/completions"

    def read(self, body: Json, digest: str) -> Question:
        if body.get("n", 1) != 1:
            raise InvalidRequestError("n: only one choice is served here")
        options = body.get("stream_options") or {}
        return Question(
            protocol=self.name,
            model=required(body, "model", str),
            turns=tuple(_turn(message) for message in required(body, "messages", list)),
            digest=digest,
            max_output_tokens=optional_count(body, "max_completion_tokens", "max_tokens"),
            stream=bool(body.get("stream")),
            tells_usage=bool(options.get("include_usage")),
        )

    def whole(self, answer: Answer) -> Json:
        refused = answer.ending is Ending.REFUSED
        message: Json = {
            "role": "assistant",
            "content": None if refused else answer.text,
            "refusal": answer.text if refused else None,
            "annotations": [],
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": REASONS[answer.ending],
        }
        return {
            **_frame(answer, "chat.completion"),
            "choices": [choice],
            "usage": _usage(answer.tokens),
        }

    def events(self, answer: Answer) -> list[bytes]:
        field = "refusal" if answer.ending is Ending.REFUSED else "content"
        deltas: list[Json] = [
            {"role": "assistant", "content": "", "refusal": None},
            *({field: piece} for piece in pieces(answer.text)),
        ]
        frame = _frame(answer, "chat.completion.chunk")
        if answer.question.tells_usage:
            frame["usage"] = None
        found = [event({**frame, "choices": [_choice(delta, None)]}) for delta in deltas]
        found.append(event({**frame, "choices": [_choice({}, REASONS[answer.ending])]}))
        if answer.question.tells_usage:
            found.append(event({**frame, "choices": [], "usage": _usage(answer.tokens)}))
        return [*found, b"data: [DONE]\n\n"]

    def error_event(self, denial: Denial, number: int) -> bytes:
        return event(self.error(denial))


def _turn(message: Any) -> Turn:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise InvalidRequestError(f"messages: each needs a role out of {', '.join(ROLES)}")
    return Turn(message["role"], flat_text(message.get("content")))


def _frame(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.id[:29]}",
        "object": kind,
        "created": answer.created,
        "model": answer.question.model,
        "service_tier": "default",
        "system_fingerprint": "fp_loopback",
    }


def _choice(delta: Json, reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _usage(tokens: Tokens) -> Json:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.cache_writes,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
