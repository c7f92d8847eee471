"""When a run ends of itself, so that it ends the same way on any machine and after any interruption.

An end comes with a commit: the one that reaches the target, or the last of a long row that brought nothing.
What had been selected before that commit is still made, and nothing after it. So the last proposal follows
from the commits alone, and a run that was left on its way to the end finds it again in the archive.
"""

from collections.abc import Callable
from itertools import pairwise

import msgspec

from evolve.archive.records import Progress
from evolve.config import Budget

PATIENCE = 500
"""Proposals in a row without anything to evaluate after which a run is over."""


class _End(msgspec.Struct, frozen=True, order=True):
    """The last proposal that is made, and why it is the last."""

    last: int
    reason: str


class Ending:
    """Decides which proposals may still be started. Time is not its business: it is no part of the record."""

    def __init__(self, budget: Budget, lag: int) -> None:
        self._budget = budget
        self._lag = lag
        self._end: _End | None = None

    @property
    def reason(self) -> str | None:
        """Why the run ends of itself, once that is known; `target` or `exhausted`."""
        return None if self._end is None else self._end.reason

    def allows(self, number: int, evaluations: int, in_flight: int) -> bool:
        """Whether proposal `number` may start, with so many evaluated and so many under way."""
        if self._end is not None and number > self._end.last:
            return False
        limit = self._budget.max_evaluations
        return limit is None or evaluations + in_flight < limit

    def see(self, number: int, best: float | None, last_new: int) -> None:
        """Take note of a commit: the best score so far, and the last proposal that brought a new program."""
        target = self._budget.target
        if self._end is not None:
            return
        if target is not None and best is not None and best >= target:
            self._end = self._at(number, "target")
        elif number - last_new >= PATIENCE:
            self._end = self._at(number, "exhausted")

    def recall(self, progress: Progress, first_to_reach: Callable[[float], int | None]) -> None:
        """Find the end that the commits so far have brought, if they have."""
        ends = []
        target = self._budget.target
        reached = None if target is None else first_to_reach(target)
        if reached is not None:
            ends.append(self._at(reached, "target"))
        makers = [0, *progress.hashes.values(), progress.committed]
        barren = [maker for maker, later in pairwise(makers) if later - maker >= PATIENCE]
        if barren:
            ends.append(self._at(barren[0] + PATIENCE, "exhausted"))
        self._end = min(ends, default=None)

    def _at(self, number: int, reason: str) -> _End:
        """The end that the commit of `number` brings; before the seed program nothing had been selected."""
        return _End(number + self._lag - 1 if number else 0, reason)
