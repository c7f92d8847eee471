"""Arms by their weights, leaning to those whose programs were better than all before them.

A success is a program with a higher score than any that was told before it. Of an arm's successes it is asked
how many more they are than its share of the pulls would have brought; by that factor, at most `LEAN` up or
down, its weight counts more or less. `CAUTION` successes on both sides keep a few from deciding anything, and
all counts are discounted with each result, so that what worked at first need not be believed later.

Only comparisons of scores enter. Why not what improves on a parent, as `evolve.search.bandit` has it: small
steps from poor parents succeed all the time, and an operator that makes them would crowd out those whose rare
successes carry the search. Why within bounds: some operators, as tuning, succeed late and then for long, and
all of them make what others build upon.

Adaptive pursuit of operator rates keeps a floor under each rate, too (Thierens, GECCO 2005).
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from evolve.search.arms import Arm, Pull

LEAN = 1.5
"""By which factor a weight can count more, or less, at most."""
CAUTION = 2.0
"""Successes that are added to what an arm has and to what it should have."""
HORIZON = 400
"""Results after which an earlier one counts for 1/e."""

_KEPT = 1.0 - 1.0 / HORIZON


class _Memory(msgspec.Struct):
    """The state. The lists have a place for each arm; what was told is discounted."""

    pulls: list[float]
    successes: list[float]
    best: float | None = None
    """The highest score told."""


class Rates:
    """See the module."""

    def __init__(self, arms: Sequence[Arm], memory: _Memory) -> None:
        self._arms = arms
        self._memory = memory
        self._rates = _rates(arms, memory)

    @classmethod
    def start(cls, arms: Sequence[Arm]) -> Self:
        """Knows nothing but the weights."""
        return cls(arms, _Memory([0.0] * len(arms), [0.0] * len(arms)))

    @classmethod
    def restore(cls, arms: Sequence[Arm], state: Mapping[str, Any]) -> Self:
        """The one whose `state` this was."""
        return cls(arms, msgspec.convert(state, _Memory))

    def state(self) -> dict[str, Any]:
        """Two counts for each arm, and the best score."""
        state: dict[str, Any] = msgspec.to_builtins(self._memory)
        return state

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        """One of some arms, in proportion to their rates."""
        return random.choices(among, [self._rates[arm] for arm in among])[0]

    def begin(self, arm: int) -> None:
        """Means nothing here."""

    def tell(self, pull: Pull) -> None:
        """Discount what was told before, and add what came of a proposal."""
        memory = self._memory
        memory.pulls = [_KEPT * one for one in memory.pulls]
        memory.successes = [_KEPT * one for one in memory.successes]
        is_best = pull.score is not None and (memory.best is None or pull.score > memory.best)
        if is_best:
            memory.best = pull.score
        if pull.arm is not None:
            memory.pulls[pull.arm] += 1.0
            memory.successes[pull.arm] += is_best
        self._rates = _rates(self._arms, memory)


def _rates(arms: Sequence[Arm], memory: _Memory) -> list[float]:
    whole, pulls = sum(memory.successes), sum(memory.pulls) or 1.0
    rates = []
    for arm, own, successes in zip(arms, memory.pulls, memory.successes, strict=True):
        factor = (successes + CAUTION) / (whole * own / pulls + CAUTION)
        rates.append(arm.weight * min(max(factor, 1.0 / LEAN), LEAN))
    return rates
