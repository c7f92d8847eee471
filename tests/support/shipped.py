"""The programs that a problem ships, and what they earn in this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Problem, Split
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT


class Shipped:
    """The seed program and the baselines of a problem."""

    def __init__(self, problem: Problem[Any]) -> None:
        self._problem = problem
        folder = ROOT / "problems" / problem.name
        files = {"seed": "seed.py", **problem.baselines}
        self.sources = {name: (folder / file).read_text() for name, file in files.items()}
        self.outcomes = cache(self.evaluated)
        """Like `evaluated`, once for each program and split."""

    def evaluated(self, program: str, split: Split) -> list[Outcome]:
        """The outcomes of a program on a split."""
        return [
            self._problem.evaluate(instance, DirectCandidate(self.sources[program]))
            for instance in self._problem.instances(split)
        ]

    def values(self, program: str, split: Split) -> dict[str, float]:
        """By instance; 0 where it failed."""
        return {outcome.instance: outcome.value or 0.0 for outcome in self.outcomes(program, split)}


@contextmanager
def sandbox_on_one_core(*, needs_numpy: bool) -> Iterator[Sandbox]:
    """A sandbox on one core with its programs, as in a worker: there are many turns between the two."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with Sandbox(needs_numpy=needs_numpy) as opened:
            yield opened
    finally:
        os.sched_setaffinity(0, cores)
