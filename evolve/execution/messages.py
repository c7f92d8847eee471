"""What a controller and its workers say to each other: length-prefixed msgpack over a socket pair.

Both ends are trusted. The candidate is on neither: a worker talks to it through its sandbox.
"""

import struct

import msgspec

from evolve.execution.isolation import IsolationLevel
from evolve.loading import ProblemReference
from evolve.problem import Outcome, Split

HEADER = struct.Struct("<I")


class Greeting(msgspec.Struct, frozen=True, tag="greeting"):
    """The first thing a worker is told."""

    reference: ProblemReference
    min_isolation: str | None
    core: int | None = None
    """The core to stay on, with sandbox and candidates; None leaves it to the system."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The problem is loaded and the sandbox has been probed."""

    isolation: IsolationLevel


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The worker cannot serve, and starting another one would not help."""

    kind: str
    """`isolation`, or `problem` where the plug-in does not load."""
    message: str


class Job(msgspec.Struct, frozen=True, tag="job"):
    """Evaluate a program on some instances of a split."""

    source: str
    split: Split
    instances: tuple[str, ...]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The outcomes of a job."""

    outcomes: tuple[Outcome, ...]


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The job could not be done, through no fault of the program."""

    message: str


class Defect(msgspec.Struct, frozen=True, tag="defect"):
    """The problem's own code raised; its author has to mend it."""

    message: str


ToWorker = Greeting | Job
FromWorker = Ready | Refusal | Done | Broken | Defect


def pack(message: ToWorker | FromWorker) -> bytes:
    """A message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(len(body)) + body
