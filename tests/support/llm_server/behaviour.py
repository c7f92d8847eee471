"""What the server does with a request, and the plans that decide it."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from evolve.randomness import stream


class Kind(StrEnum):
    """A way to deal with a request."""

    OK = "ok"
    DRIP = "drip"
    """The whole answer, in small pieces with pauses."""
    EMPTY = "empty"
    REFUSED = "refused"
    FILTERED = "filtered"
    """Stopped by the provider's filter of contents."""
    LENGTH = "length"
    """Stopped in the middle, as by the limit of output tokens."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    """A 429 too, but one that does not go away by waiting."""
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    """A 503 of the gateway, in plain text."""
    OVERLOADED = "overloaded"
    BAD_KEY = "bad_key"
    UNKNOWN_MODEL = "unknown_model"
    CONTEXT_EXCEEDED = "context_exceeded"
    INVALID_REQUEST = "invalid_request"
    OVER_LIMIT = "over_limit"
    """More requests than this server was made for."""

    CUT_BEFORE_HEAD = "cut_before_head"
    CUT_IN_BODY = "cut_in_body"
    TRUNCATED = "truncated"
    """Half of the body, as if it were whole: only its contents tell that something is missing."""
    ERROR_IN_STREAM = "error_in_stream"
    """Half of a stream, then an error; `OVERLOADED` where the answer is not streamed."""
    MALFORMED = "malformed"
    """JSON with a mistake in it."""
    WRONG_SHAPE = "wrong_shape"
    """JSON of a success, with an error inside, as some gateways send it."""
    WEB_PAGE = "web_page"
    """HTML of a success, as other gateways send it."""
    HANG = "hang"
    """No answer, ever."""


STATUSES: Mapping[Kind, int] = {
    Kind.RATE_LIMITED: 429,
    Kind.QUOTA_EXCEEDED: 429,
    Kind.SERVER_ERROR: 500,
    Kind.UNAVAILABLE: 503,
    Kind.OVERLOADED: 529,
    Kind.BAD_KEY: 401,
    Kind.UNKNOWN_MODEL: 404,
    Kind.CONTEXT_EXCEEDED: 400,
    Kind.INVALID_REQUEST: 400,
    Kind.OVER_LIMIT: 403,
}
"""Of the kinds that are errors of HTTP; all others have 200, or nothing."""

TELLING = (Kind.OK, Kind.DRIP, Kind.EMPTY, Kind.REFUSED, Kind.FILTERED, Kind.LENGTH)
"""The kinds after which a client knows what it is billed."""

BILLED = (*TELLING, Kind.CUT_BEFORE_HEAD, Kind.CUT_IN_BODY, Kind.TRUNCATED, Kind.MALFORMED, Kind.HANG)
"""The kinds that cost something: the model has answered, whether or not the client gets to see it."""

TRANSIENT = (
    Kind.RATE_LIMITED,
    Kind.SERVER_ERROR,
    Kind.UNAVAILABLE,
    Kind.OVERLOADED,
    Kind.CUT_BEFORE_HEAD,
    Kind.CUT_IN_BODY,
    Kind.TRUNCATED,
    Kind.ERROR_IN_STREAM,
    Kind.MALFORMED,
    Kind.WRONG_SHAPE,
    Kind.WEB_PAGE,
)
"""The kinds that go away when the request is made again, and need no time-out to be noticed."""


class Behaviour(msgspec.Struct, frozen=True):
    """What to do with one request."""

    kind: Kind = Kind.OK
    delay_s: float = 0.0
    """Before the first byte."""
    pause_s: float = 0.02
    """Between the pieces of a drip."""
    pieces: int = 10
    """Of a drip."""
    retry_after_s: float | None = None
    """What a header of an error asks for."""
    retry_after_as: Literal["seconds", "milliseconds", "date"] = "seconds"
    """How it is written: `Retry-After` with a number or a date, or `retry-after-ms`."""
    reset: bool = False
    """Whether a connection is cut with a reset, which is an error, rather than closed."""
    echo_key: bool = False
    """Whether the error of a wrong key quotes the whole key, as careless servers do."""


class Latency(msgspec.Struct, frozen=True):
    """Log-normal time before the first byte; always the median where sigma is 0."""

    median_s: float
    sigma: float = 0.0


class Plan(Protocol):
    """Decides what happens to each request."""

    def decide(self, digest: str, text: str, seen: int, index: int) -> Behaviour:
        """What to do.

        Args:
            digest: Of the request's body.
            text: All of the conversation.
            seen: How often this body has been seen before.
            index: How many requests have arrived before, of any body.
        """
        ...


class Script(msgspec.Struct, frozen=True, tag="script"):
    """One behaviour for each request, in the order in which they arrive; then the same for all."""

    steps: tuple[Behaviour, ...] = ()
    then: Behaviour = Behaviour()

    def decide(self, digest: str, text: str, seen: int, index: int) -> Behaviour:
        return self.steps[index] if index < len(self.steps) else self.then


class Rule(msgspec.Struct, frozen=True):
    """What happens to requests that contain a text: the first time, the second time, and so on."""

    contains: str
    steps: tuple[Behaviour, ...]


class Rules(msgspec.Struct, frozen=True, tag="rules"):
    """The first rule that fits; when it has no more steps, or none fits, `then`."""

    rules: tuple[Rule, ...]
    then: Behaviour = Behaviour()

    def decide(self, digest: str, text: str, seen: int, index: int) -> Behaviour:
        for rule in self.rules:
            if rule.contains in text:
                return rule.steps[seen] if seen < len(rule.steps) else self.then
        return self.then


class Share(msgspec.Struct, frozen=True):
    """A behaviour and how many of all requests meet it, from 0 to 1."""

    share: float
    behaviour: Behaviour


class Seeded(msgspec.Struct, frozen=True, tag="seeded"):
    """Faults by chance, in a way that depends on nothing but the seed, the body, and how often it was seen.

    So what happens to a request does not depend on what else is in flight. All other requests are answered
    after `latency`, which faults have too, on top of their own delay.
    """

    seed: int
    faults: tuple[Share, ...] = ()
    latency: Latency = Latency(0.0)

    def decide(self, digest: str, text: str, seen: int, index: int) -> Behaviour:
        random = stream(self.seed, f"fault {digest}", seen)
        draw = random.random()
        delay = self.latency.median_s * math.exp(self.latency.sigma * random.gauss(0.0, 1.0))
        for fault in self.faults:
            if draw < fault.share:
                behaviour = fault.behaviour
                return msgspec.structs.replace(behaviour, delay_s=behaviour.delay_s + delay)
            draw -= fault.share
        return Behaviour(delay_s=delay)


def evenly(share: float, *kinds: Kind, retry_after_s: float = 0.05) -> tuple[Share, ...]:
    """Faults that together make up a share of all requests, each kind the same."""
    return tuple(
        Share(
            share / len(kinds),
            Behaviour(kind, retry_after_s=retry_after_s, retry_after_as="milliseconds"),
        )
        for kind in kinds
    )
