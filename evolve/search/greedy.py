"""Greedy: every proposal starts from the best program. A yardstick for what diversity is worth.

A few runners-up are kept, as inspirations only; when they are too many, the worst one is dropped. Scores are
compared and nothing else, so neither their sign nor their scale matters.
"""

import random
from collections.abc import Mapping
from typing import Any, Self

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_members, unpack_members
from evolve.search.population import Member, Population
from evolve.search.profiles import distinct, inspiration, profile_of, view

CAPACITY = 8
"""The best program and its runners-up."""
INSPIRATIONS = 2


class Greedy:
    """See the module."""

    def __init__(self, setup: Setup, population: Population) -> None:
        self._setup = setup
        self._population = population

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Knows nothing; is told of the seed program first."""
        return cls(setup, Population(CAPACITY))

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        return cls(setup, Population(CAPACITY, unpack_members(state["members"])))

    def state(self) -> dict[str, Any]:
        """The best programs, packed."""
        return {"members": pack_members(self._population.members)}

    def ask(self, number: int, random: random.Random) -> Selection:
        """The best program, or a baseline while there is none."""
        best = self._population.best
        parent = self._setup.a_baseline(random) if best is None else best.program
        others = distinct([member.program for member in self._population.members], but=parent)
        drawn = [one for _ in range(INSPIRATIONS) for one in inspiration(self._setup, others, random)]
        return Selection((parent,), distinct(drawn, but=parent))

    def tell(self, result: Result) -> Verdict:
        """Accepts what is among the best."""
        profile = profile_of(result)
        if profile is None:
            return Verdict(Meaning.FAILED)
        before = self._population.best
        if not self._population.add(Member(profile.program, profile.score, profile.signature, profile.size)):
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, 0.0 if before is None else max(0.0, profile.score - before.score))

    def elites(self) -> tuple[str, ...]:
        """The best program; there are no niches."""
        best = self._population.best
        return () if best is None else (best.program,)

    def populations(self) -> tuple[PopulationView, ...]:
        """The best program and its runners-up."""
        return (view("best", self._population.members),)


strategy: type[Strategy] = Greedy
