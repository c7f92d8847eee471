"""Arms by their weights, whatever came of them before."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

from evolve.search.arms import Arm, Pull


class Weights:
    """Draws each arm in proportion to its weight; remembers nothing."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self._weights = [arm.weight for arm in arms]

    @classmethod
    def start(cls, arms: Sequence[Arm]) -> Self:
        """The same from first to last."""
        return cls(arms)

    @classmethod
    def restore(cls, arms: Sequence[Arm], state: Mapping[str, Any]) -> Self:
        """The same as at the start."""
        return cls(arms)

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        """One of some arms, by weight."""
        return random.choices(among, [self._weights[arm] for arm in among])[0]

    def begin(self, arm: int) -> None:
        """Means nothing here."""

    def tell(self, pull: Pull) -> None:
        """Means nothing here."""
