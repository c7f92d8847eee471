"""How far a program is kept from everything but its inputs, in words that an outcome can carry."""

import ctypes
import sys
from enum import Enum
from functools import total_ordering

import msgspec


@total_ordering
class IsolationLevel(Enum):
    """What was proven by probing, from nothing to everything. See docs/isolation.md for the promises."""

    NONE = "none"
    LIMITS = "limits"
    COMPUTE_PRELOAD = "compute-preload"
    COMPUTE = "compute"
    FULL = "full"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, IsolationLevel):
            return NotImplemented
        order = list(IsolationLevel)
        return order.index(self) < order.index(other)


DEFAULT_MINIMUM = IsolationLevel.COMPUTE if sys.platform == "linux" else IsolationLevel.LIMITS
"""The level that is demanded where nothing else is configured."""


class IsolationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What probing inside the box found, and what the box is made of."""

    level: IsolationLevel
    allowed_probes: tuple[str, ...]
    """Attacks that succeeded."""
    landlock_abi: int
    seccomp: bool
    namespaces: str
    """"bubblewrap", "own" or "none"."""
    bubblewrap: str | None
    """Its version, where it is installed."""
    reasons: tuple[str, ...]
    """Why the level is not higher, and what was tried; empty at `FULL`."""


class IsolationError(Exception):
    """The level that can be had is below the one demanded; the message says how to get there."""


def harden_evaluator() -> None:
    """Keep processes of the same user from reading or tracing this one (PR_SET_DUMPABLE 0). Linux only.

    A sandbox calls this itself at every level below `FULL`: there the candidate shares the process namespace,
    and this is a second lock behind seccomp and Landlock, and at `LIMITS` the only one. At `FULL` the
    candidate cannot name this process at all, and debuggers, profilers and core dumps keep working.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
