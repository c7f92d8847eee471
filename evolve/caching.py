"""An executor that remembers what was expensive.

Failures are not remembered: on which instance a program that runs on many of them side by side fails first
depends on the others.
"""

import time
from collections.abc import Sequence
from typing import Self

from evolve.archive.cache import cache_outcomes, cached_outcomes, cached_programs
from evolve.archive.engine import Archive
from evolve.errors import UserError
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.problem import Outcome, Split, Status
from evolve.program import Program, ProgramError

EXPENSIVE_S = 0.5
"""Evaluations that took so many seconds of wall time are remembered; cheaper ones are just done again."""


class CachingExecutor:
    """Looks outcomes up in the archive before it has another executor produce them."""

    def __init__(self, inner: Executor, archive: Archive, reference_id: int) -> None:
        self._inner = inner
        self._archive = archive
        self._reference_id = reference_id
        with archive.reading() as connection:
            self._known = cached_programs(connection, reference_id)

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> Self:
        """Not a plug-in: it needs another executor and an archive."""
        raise UserError("the cache is no executor of its own")

    @property
    def isolation(self) -> IsolationLevel:
        """That of the executor behind."""
        return self._inner.isolation

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        """The outcomes from the archive if it has all that the evaluation would have given, else new ones."""
        program = _hash(source)
        if program in self._known:
            found = self._look_up(program, instances)
            if found is not None:
                return found
        started = time.monotonic()
        outcomes = await self._inner.submit(source, split, instances)
        valid = all(one.status in (Status.OK, Status.SUSPECT) for one in outcomes)
        if program and valid and time.monotonic() - started >= EXPENSIVE_S:
            with self._archive.writing() as connection:
                cache_outcomes(connection, self._reference_id, program, outcomes)
            self._known[program] = None
        return outcomes

    async def close(self) -> None:
        """Close the executor behind."""
        await self._inner.close()

    def _look_up(self, program: str, instances: Sequence[str]) -> list[Outcome] | None:
        with self._archive.reading() as connection:
            known = cached_outcomes(connection, self._reference_id, program)
        return [known[name] for name in instances] if all(name in known for name in instances) else None


def _hash(source: str) -> str:
    """The program's hash; none for what does not parse, which fails fast anyway."""
    try:
        return Program.parse(source).id
    except ProgramError:
        return ""
