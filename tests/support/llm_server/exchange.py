"""A question and its answer as all protocols have them."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import msgspec

from tests.support.llm_server.behaviour import Kind

Json: TypeAlias = dict[str, Any]


class Turn(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    text: str
    marked: bool = False
    """Whether the conversation up to its end is to be cached."""


class Question(msgspec.Struct, frozen=True):
    """What a client asks, whichever protocol it speaks."""

    protocol: str
    model: str
    turns: tuple[Turn, ...]
    digest: str
    """Of the body: what makes two requests the same."""
    max_output_tokens: int | None
    stream: bool
    tells_usage: bool = True
    """Whether a stream ends with the usage; OpenAI's chat protocol has it only on demand."""

    @property
    def text(self) -> str:
        """All turns, one after the other."""
        return "\n\n".join(turn.text for turn in self.turns)


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of one request or of many. `input` includes the cached ones and those written into the cache,
    `output` those of reasoning.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_writes: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
            self.cache_writes + other.cache_writes,
        )


class Ending(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"
    FILTERED = "filtered"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answers. Of a refusal, `text` is the explanation."""

    question: Question
    id: str
    """32 hexadecimal digits; each protocol puts its own prefix before them."""
    created: int
    """Seconds since 1970."""
    text: str
    ending: Ending
    tokens: Tokens


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """An error, as the provider words it."""

    kind: Kind
    model: str
    request_id: str
    detail: str = ""
    """What the kind alone does not say: the masked key, the numbers of tokens, the mistake."""
    retry_after_s: float | None = None


class InvalidRequestError(Exception):
    """The request is not one that the provider would take."""


class Dialect(Protocol):
    """One provider's protocol: how questions are read, and answers and errors written."""

    name: str
    path: str

    def read(self, body: Json, digest: str) -> Question:
        """The question in a request.

        Raises:
            InvalidRequestError: It is none.
        """
        ...

    def whole(self, answer: Answer) -> Json:
        """The body of an answer that is not streamed."""
        ...

    def events(self, answer: Answer) -> list[bytes]:
        """The events of an answer that is streamed."""
        ...

    def error(self, denial: Denial) -> Json:
        """The body of an error."""
        ...

    def error_event(self, denial: Denial, number: int) -> bytes:
        """What a stream ends with when something fails after so many events."""
        ...

    def too_long(self, asked: int, context: int) -> str:
        """What to say of a prompt of so many tokens that does not fit."""
        ...

    def headers(self, request_id: str) -> Mapping[str, str]:
        """What all responses carry."""
        ...

    def limit_headers(self, wait_s: float) -> Mapping[str, str]:
        """What the provider tells about its limits with a 429."""
        ...

    def key(self, headers: Mapping[str, str]) -> str:
        """The key in the headers of a request, or ''."""
        ...


def digest_of(body: Json) -> str:
    """The digest of a request's body, whatever the order of its fields."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def token_count(text: str) -> int:
    """How many tokens this server bills for a text: one for every four bytes, rounded up."""
    return (len(text.encode("utf-8", "surrogatepass")) + 3) // 4


def input_tokens(turns: tuple[Turn, ...]) -> int:
    """How many tokens a conversation has: its texts, and four for each turn."""
    return sum(token_count(turn.text) + 4 for turn in turns)


def marked_tokens(turns: tuple[Turn, ...]) -> int:
    """How many tokens a conversation has up to the last turn that is marked to be cached."""
    places = [place for place, turn in enumerate(turns, start=1) if turn.marked]
    return input_tokens(turns[: places[-1]]) if places else 0


def first_tokens(text: str, count: int) -> str:
    """As much of a text as so many tokens hold."""
    return text.encode("utf-8", "surrogatepass")[: 4 * max(count, 0)].decode("utf-8", "ignore")


def pieces(text: str, length: int = 24) -> list[str]:
    """A text as it arrives in a stream."""
    return [text[start : start + length] for start in range(0, len(text), length)]


def event(data: Json, name: str | None = None) -> bytes:
    """A server-sent event."""
    line = b"data: " + msgspec.json.encode(data) + b"\n\n"
    return line if name is None else b"event: " + name.encode() + b"\n" + line


def flat_text(content: object) -> str:
    """The text of a turn's content, which is a string or a list of parts.

    Raises:
        InvalidRequestError: It is neither.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequestError("content is neither a string nor a list of parts")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            raise InvalidRequestError("a part of the content has no text")
        texts.append(text)
    return "".join(texts)


def bearer(headers: Mapping[str, str]) -> str:
    """The key in an Authorization header, or ''."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def required(body: Json, name: str, kind: type) -> Any:
    """A field that must be there.

    Raises:
        InvalidRequestError: It is not, or is of another type.
    """
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidRequestError(f"{name}: a {kind.__name__} is required")
    return value


def optional_count(body: Json, *names: str) -> int | None:
    """The first of some fields that is there; a positive integer.

    Raises:
        InvalidRequestError: It is not a positive integer.
    """
    for name in names:
        value = body.get(name)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidRequestError(f"{name}: a positive integer is required")
            return value
    return None
