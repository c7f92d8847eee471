"""How long to wait until an attempt is made again."""

import random

import msgspec


class Pacing(msgspec.Struct, frozen=True, kw_only=True):
    """Waits between attempts, seconds. Exponential with full jitter, so that many callers spread out.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    first: float = 1.0
    """The longest wait before the first retry; each further one may take twice as long."""
    longest: float = 60.0
    longest_asked: float = 300.0
    """No provider is granted a longer wait than this, whatever its Retry-After says."""
    probe_every: float = 30.0
    """How often a model that answers nobody is tried by one of those who wait for it."""
    patience: float = 600.0
    """How long a model may answer nobody until the run ends."""


def delay(pacing: Pacing, retry: int, asked: float | None, source: random.Random) -> float:
    """Seconds to wait before retry number `retry`, from 0; `asked` is what the provider asks for.

    What is asked for is a lower bound, up to `longest_asked`; the jitter comes on top.
    """
    jitter = source.uniform(0.0, min(pacing.longest, pacing.first * 2.0 ** min(retry, 32)))
    return jitter if asked is None else min(asked, pacing.longest_asked) + jitter
