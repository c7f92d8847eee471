"""All that a server is started with; it can be sent to another process as JSON."""

import msgspec

from tests.support.llm_server.behaviour import Rules, Script, Seeded
from tests.support.llm_server.responders import Fixed, ProgramAuthor


class Metering(msgspec.Struct, frozen=True):
    """How the tokens of a request are counted, beyond those of its texts.

    The same body is always counted the same, however often and whenever it comes, but for what a client marks
    to be cached.
    """

    cached_share: float = 0.0
    """How much of a prompt is at most read from the cache; in steps of 128 tokens, from 1024 tokens on. Of
    prompts without marks."""
    cache_minimum: int = 1024
    """Tokens that a prompt's marked beginning must have to be cached."""
    cache_lifetime_s: float = 300.0
    """How long it is cached after its last use."""
    reasoning: int = 0
    """At most so many tokens of reasoning go before an answer."""


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Of one server."""

    seed: int = 0
    """Of what the metering draws, and of the ids."""
    plan: Script | Rules | Seeded = Script()
    responder: Fixed | ProgramAuthor = Fixed()
    metering: Metering = Metering()
    keys: tuple[str, ...] | None = None
    """The keys that are accepted; None accepts any and none."""
    models: tuple[str, ...] | None = None
    """The models that there are; None has all."""
    context_tokens: int = 200_000
    max_requests: int = 20_000
    """Further ones are denied; at twice as many the server stops."""
    max_connections: int = 512
    """Further ones are closed at once."""
    lifetime_s: float = 600.0
    """When the server stops by itself."""
