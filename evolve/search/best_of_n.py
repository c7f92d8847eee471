"""Best of n: every proposal starts from the seed program. An honest yardstick, for nothing is learnt."""

import random
from collections.abc import Mapping
from typing import Any, Self

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict


class BestOfN:
    """Remembers the seed program and the best one."""

    def __init__(self, setup: Setup, seed: str | None, champion: str | None, best: float | None) -> None:
        self._setup = setup
        self._seed = seed
        self._champion = champion
        self._best = best

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Knows nothing; is told of the seed program first."""
        return cls(setup, None, None, None)

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        return cls(setup, state["seed"], state["champion"], state["best"])

    def state(self) -> dict[str, Any]:
        """Hashes of the seed program and of the best one, and the best score."""
        return {"seed": self._seed, "champion": self._champion, "best": self._best}

    def ask(self, number: int, random: random.Random) -> Selection:
        """The seed program, or a baseline where that one failed, and a baseline to take parts of."""
        parent = self._setup.a_baseline(random) if self._seed is None else self._seed
        inspirations = (self._setup.a_baseline(random),) if self._setup.baselines else ()
        return Selection((parent,), inspirations)

    def tell(self, result: Result) -> Verdict:
        """Accepts what is better than everything before."""
        if result.score is None:
            return Verdict(Meaning.FAILED)
        if result.number == 0:
            self._seed = result.program
        if self._best is not None and result.score <= self._best:
            return Verdict(Meaning.NOT_BETTER)
        improvement = 0.0 if self._best is None else result.score - self._best
        self._best = result.score
        self._champion = result.program
        return Verdict(Meaning.ACCEPTED, improvement)

    def elites(self) -> tuple[str, ...]:
        """The best program; there are no niches."""
        return () if self._champion is None else (self._champion,)

    def populations(self) -> tuple[PopulationView, ...]:
        """None."""
        return ()


strategy: type[Strategy] = BestOfN
