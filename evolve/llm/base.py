"""What crosses between operators, the client, providers and the record: prompts, answers, and what they cost.

A provider makes one attempt at a call and nothing more. Everything else, which is to say retries, limits,
reservations, prices and the record, is the client's (`evolve.llm.client`), and so the same for all providers.
"""

import hashlib
from enum import StrEnum
from typing import Literal, Protocol, Self

import msgspec


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked. Its hash is over all that decides the answer, and the model's name."""

    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float | None = None
    """None leaves it to the provider; models that reason take no temperature."""
    effort: str | None = None
    """How much a model is to reason: `low`, `medium`, `high`; None leaves it to the provider."""
    cut: tuple[str, ...] = ()
    """Names of the parts that were left out so that the prompt fits; no part of what is asked."""
    cache_system: bool = False
    """Whether the provider is to keep the system messages for later calls, where it has to be told so. That
    changes what a call costs and nothing else, so it is no part of what is asked either."""

    def hash(self, model: str) -> str:
        """What makes two calls the same: 32 hexadecimal digits."""
        asked = [model, self.messages, self.max_output_tokens, self.temperature, self.effort]
        encoded = msgspec.json.encode(asked, order="deterministic")
        return hashlib.sha256(encoded).hexdigest()[:32]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one attempt, as the provider counts them.

    `input` includes those that were read from the provider's cache and those that were written into it,
    which no token is both; `output` includes those spent on reasoning.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_writes: int = 0


class CallStatus(StrEnum):
    """How an attempt stands.

    `OK` to `REFUSED` are answers of the model: final, and paid for. `RATE_LIMITED` to `MALFORMED` are
    troubles on the way: tried again, within bounds. `DENIED` is a mistake of the user's, such as a wrong
    key or an unknown model, and ends the run. `STARTED` is in flight, or was when its process died;
    whoever goes on with the run makes it `LOST`.
    """

    OK = "ok"
    EMPTY = "empty"
    CUT_OFF = "cut_off"
    """The model ran into the limit of output tokens."""
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    MALFORMED = "malformed"
    DENIED = "denied"
    STARTED = "started"
    LOST = "lost"

    @property
    def is_answer(self) -> bool:
        """Whether the model answered, well or badly; such a call is never made again."""
        return self in ANSWERS


ANSWERS = (CallStatus.OK, CallStatus.EMPTY, CallStatus.CUT_OFF, CallStatus.REFUSED)


class Answer(msgspec.Struct, frozen=True):
    """What a model answered; `status` is one of `ANSWERS`. `text` is '' where there is none."""

    text: str
    status: CallStatus
    usage: Usage
    request_id: str | None = None
    """The provider's own name for the attempt, for its support desk."""


class AttemptFailed(Exception):  # noqa: N818 - an event that is expected and handled
    """An attempt came to no answer. `message` is for people and holds no secret.

    `retry_after` is how many seconds the provider asks to wait; `usage` is what it says that it counted.
    """

    def __init__(
        self, status: CallStatus, message: str, retry_after: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.usage = usage


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is started with."""

    name: str
    """The part of a model's name before its first slash."""
    api_base: str | None = None
    api_key: str | None = None
    """From the environment or `.env`; never stored, never printed."""
    timeout: float = 600.0
    """Seconds that one attempt may take."""
    concurrency: int = 16
    """How many attempts there will be at the same time; connections are kept for so many."""


class Provider(Protocol):
    """A service that answers prompts. A module of `evolve.llm.providers` defines one as `provider`."""

    @classmethod
    def start(cls, settings: ProviderSettings) -> Self:
        """A client of the service.

        Raises:
            UserError: Its SDK is not installed, or there is no key.
        """
        ...

    async def complete(self, model: str, prompt: Prompt) -> Answer:
        """One attempt, without retries. `model` is the name as the service knows it.

        Raises:
            AttemptFailed: There is no answer; never with an `ANSWERS` status.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class CallKey(msgspec.Struct, frozen=True, order=True):
    """Which call of a run: the proposal it is made for, and its place among that proposal's calls, from 0."""

    proposal: int
    call: int


class CallStart(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded before an attempt is sent."""

    key: CallKey
    attempt: int
    """From 0; further ones are retries of the same call."""
    operator: str
    model: str
    prompt: Prompt
    prompt_hash: str
    reserved_usd: float
    """The most that it can cost."""
    reserved_tokens: int
    """The most tokens, input and output, that it is taken to have."""


class CallEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded the moment an attempt is over."""

    status: CallStatus
    text: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    """None where nobody knows: the attempt may have been billed, at most with what was reserved."""
    latency: float = 0.0
    """Seconds."""
    error: str | None = None
    request_id: str | None = None


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended, from the record: with an answer, or without one after the last attempt."""

    key: CallKey
    model: str
    prompt_hash: str
    status: CallStatus
    text: str
    usage: Usage
    cost_usd: float
    """Of all its attempts together, as far as known."""
    error: str | None = None


class Spending(msgspec.Struct, frozen=True):
    """What a run has spent on models so far."""

    usd: float = 0.0
    """Known costs."""
    unknown_usd: float = 0.0
    """The most that attempts of unknown cost can have been billed."""
    tokens: int = 0
    """Input and output."""
    unknown_tokens: int = 0
    """The most that attempts of unknown cost and usage can have had."""


class Ledger(Protocol):
    """The record of a run's calls. What it returns from has been written for good."""

    def begin(self, start: CallStart) -> int:
        """Record that an attempt is about to be sent; its key for `end`."""
        ...

    def end(self, key: int, end: CallEnd) -> None:
        """Record how an attempt ended. Once, and never changed afterwards."""
        ...

    def give_up(self, key: CallKey, reason: str) -> None:
        """Record that a call will not be tried again, so that a replay does not try it either."""
        ...

    def recorded(self, key: CallKey) -> RecordedCall | None:
        """How a call ended, where it has; None where it has to be made."""
        ...

    def attempts(self, key: CallKey) -> int:
        """How many attempts at a call there have been so far, those of earlier processes included."""
        ...

    def spending(self) -> Spending:
        """What has been spent, over all continuations of the run; attempts in flight not included."""
        ...


class NoAnswer(Exception):  # noqa: N818 - an event that operators handle
    """A call ended without an answer that an operator could use, for good; the message says why."""


class BudgetReached(Exception):  # noqa: N818 - the orderly end of a run
    """A call cannot be paid for any more; `reason` is the budget's name, such as `max_cost`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Model(Protocol):
    """A model as an operator has it: for one proposal, with everything else taken care of."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        ...

    @property
    def max_output_tokens(self) -> int:
        """How long an answer may be, reasoning included."""
        ...

    async def ask(self, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Answer:
        """The model's answer, which is `OK` or `CUT_OFF`, from the record where it has been given before.

        Raises:
            NoAnswer: Refused, empty, or not to be had after all retries.
            BudgetReached: It cannot be paid for. Operators let this pass.
            UserError: The provider denies the call: a wrong key, no such model.
        """
        ...
