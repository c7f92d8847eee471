"""Where evaluations run. One protocol, whatever is behind it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from evolve.execution.isolation import IsolationLevel
from evolve.loading import ProblemReference
from evolve.problem import Outcome, Split


class ExecutorSettings(msgspec.Struct, frozen=True):
    """What every executor is made with."""

    reference: ProblemReference
    workers: int
    min_isolation: str | None
    """The level below which nothing is run; None for the sandbox's own default."""


class Executor(Protocol):
    """Runs programs on instances. Used from one event loop; as many submissions at once as one likes."""

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> "Executor":
        """An executor whose workers are there and have probed their sandboxes.

        Raises:
            IsolationError: The sandbox is weaker than `min_isolation`.
        """
        ...

    @property
    def isolation(self) -> IsolationLevel:
        """The level that probing found."""
        ...

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        """The outcomes of a program on instances of a split, given by their names.

        The list ends early, with the failure, where the program fails. An outcome with the status
        `infrastructure` is only returned after retries.
        """
        ...

    async def close(self) -> None:
        """Stop all workers and whatever they were doing."""
        ...
