"""What a run tells those who watch it."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from evolve.config import Budget
from evolve.execution.isolation import IsolationLevel
from evolve.llm.base import Spending


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A run has begun, or goes on."""

    run: str
    problem: str
    archive: str
    isolation: IsolationLevel
    workers: int
    operators: tuple[str, ...]
    models: tuple[str, ...] = ()
    reference: str
    """The best baseline on train, whose score is 1.0."""
    committed: int
    """How many proposals the archive has already."""
    budget: Budget
    stop: Callable[[str], None]
    """Ends the run for the reason given, once what is in flight has been committed."""


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal was committed."""

    number: int
    status: str
    operator: str
    model: str | None = None
    idea: str = ""
    reason: str | None
    program: str | None
    score: float | None
    best: float | None
    evaluations: int
    seconds: float
    spending: Spending | None = None
    """On models, up to now; None where there are none."""


class Observer(Protocol):
    """Whoever watches a run."""

    def preparing(self, what: str) -> None:
        """Something other than the search is being done, such as evaluating baselines."""
        ...

    def started(self, event: Started) -> None:
        """The search begins."""
        ...

    def committed(self, event: Committed) -> None:
        """A proposal was committed."""
        ...
