"""OpenAI's responses."""

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
    event,
    flat_text,
    optional_count,
    pieces,
    required,
)
from tests.support.llm_server.openai import OpenAI

INCOMPLETE = {Ending.LENGTH: "max_output_tokens", Ending.FILTERED: "content_filter"}
CODES = {Kind.RATE_LIMITED: "rate_limit_exceeded"}


class OpenAIResponses(OpenAI):
    """The dialect."""

    name = "openai_responses"
    path = "/v1/responses"

    def read(self, body: Json, digest: str) -> Question:
        instructions = body.get("instructions")
        system = () if instructions is None else (Turn("system", flat_text(instructions)),)
        return Question(
            protocol=self.name,
            model=required(body, "model", str),
            turns=system + _turns(body.get("input")),
            digest=digest,
            max_output_tokens=optional_count(body, "max_output_tokens"),
            stream=bool(body.get("stream")),
        )

    def whole(self, answer: Answer) -> Json:
        return {
            **_frame(answer),
            "status": _status(answer),
            "incomplete_details": _incomplete(answer),
            "output": [*_reasoning(answer), *_message(answer)],
            "usage": _usage(answer.tokens),
        }

    def events(self, answer: Answer) -> list[bytes]:
        begun = {**_frame(answer), "status": "in_progress"}
        stream = _Stream()
        stream.add("response.created", response=begun)
        stream.add("response.in_progress", response=begun)
        for place, item in enumerate(_reasoning(answer)):
            stream.add("response.output_item.added", output_index=place, item=item)
            stream.add("response.output_item.done", output_index=place, item=item)
        for item in _message(answer):
            _stream_message(stream, len(_reasoning(answer)), item)
        stream.add(f"response.{_status(answer)}", response=self.whole(answer))
        return stream.events

    def error_event(self, denial: Denial, number: int) -> bytes:
        body = self.error(denial)["error"]
        failed = {
            "id": f"resp_{denial.request_id}",
            "object": "response",
            "created_at": 0,
            "model": denial.model,
            "status": "failed",
            "error": {"code": CODES.get(denial.kind, "server_error"), "message": body["message"]},
            "incomplete_details": None,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
        }
        kind = "response.failed"
        return event({"type": kind, "sequence_number": number, "response": failed}, kind)


class _Stream:
    """Numbers the events of a stream."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def add(self, kind: str, **fields: Any) -> None:
        """One more event."""
        number = len(self.events)
        self.events.append(event({"type": kind, "sequence_number": number, **fields}, kind))


def _stream_message(stream: _Stream, place: int, item: Json) -> None:
    """The events of a message item, from its being added to its being done."""
    where = {"item_id": item["id"], "output_index": place, "content_index": 0}
    part = item["content"][0]
    refused = part["type"] == "refusal"
    kind, field = ("response.refusal", "refusal") if refused else ("response.output_text", "text")
    more: Json = {} if refused else {"logprobs": []}
    stream.add(
        "response.output_item.added",
        output_index=place,
        item={**item, "status": "in_progress", "content": []},
    )
    stream.add("response.content_part.added", **where, part={**part, field: ""})
    for piece in pieces(part[field]):
        stream.add(f"{kind}.delta", **where, delta=piece, **more)
    stream.add(f"{kind}.done", **where, **{field: part[field]}, **more)
    stream.add("response.content_part.done", **where, part=part)
    stream.add("response.output_item.done", output_index=place, item=item)


def _turns(given: Any) -> tuple[Turn, ...]:
    if isinstance(given, str):
        return (Turn("user", given),)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise InvalidRequestError("input: a string or a list of items is required")
    return tuple(Turn(str(item.get("role")), flat_text(item.get("content"))) for item in given)


def _frame(answer: Answer) -> Json:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "model": answer.question.model,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": answer.question.max_output_tokens,
        "metadata": {},
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
    }


def _status(answer: Answer) -> str:
    return "incomplete" if answer.ending in INCOMPLETE else "completed"


def _incomplete(answer: Answer) -> Json | None:
    return {"reason": INCOMPLETE[answer.ending]} if answer.ending in INCOMPLETE else None


def _reasoning(answer: Answer) -> list[Json]:
    if answer.tokens.reasoning == 0:
        return []
    return [{"id": f"rs_{answer.id}", "type": "reasoning", "summary": []}]


def _message(answer: Answer) -> list[Json]:
    """The message item; none where there is nothing to say."""
    if not answer.text:
        return []
    if answer.ending is Ending.REFUSED:
        part: Json = {"type": "refusal", "refusal": answer.text}
    else:
        part = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
    item = {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "status": _status(answer),
        "content": [part],
    }
    return [item]


def _usage(tokens: Tokens) -> Json:
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_writes},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }
