"""Islands: several populations that search apart and now and then pass on their best.

Parents are chosen by rank in a tournament, so neither the sign nor the scale of scores matters. Migration
copies the best program of an island to the next one in a ring, a fixed number of commits apart, and never
removes anything: a copy is dropped like any other member, when the island is full and it is the worst.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_members, unpack_members
from evolve.search.population import Member, Population
from evolve.search.profiles import signature_of, view

ISLANDS = 3
CAPACITY = 24
TOURNAMENT = 3
MIGRATION_INTERVAL = 150
"""Proposals between two migrations."""
INSPIRATIONS = 2
BASELINE_SHARE = 0.2
"""How often an inspiration is a published baseline and not a member of the population."""


class Islands:
    """See the module."""

    def __init__(self, setup: Setup, populations: Sequence[Population]) -> None:
        self._setup = setup
        self._populations = list(populations)

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Empty islands; the seed program will found them all."""
        return cls(setup, [Population(CAPACITY) for _ in range(ISLANDS)])

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The islands that `state` describes."""
        return cls(setup, [Population(CAPACITY, unpack_members(members)) for members in state["islands"]])

    def state(self) -> dict[str, Any]:
        """The members of each island, packed."""
        return {"islands": [pack_members(population.members) for population in self._populations]}

    def ask(self, number: int, random: random.Random) -> Selection:
        """A parent by tournament from the island whose turn it is, and inspirations beside it.

        While the island is empty, because the seed program failed, parents are the baselines.
        """
        island = number % ISLANDS
        population = self._populations[island]
        parent = population.pick(random, TOURNAMENT).program if population else self._setup.a_baseline(random)
        return Selection(
            parents=(parent,),
            inspirations=tuple(self._inspiration(population, random) for _ in range(INSPIRATIONS)),
            context={"island": island},
        )

    def tell(self, result: Result) -> Verdict:
        """Offer a scored program to its island; the seed program, told first, founds every island."""
        verdict = Verdict(Meaning.FAILED)
        if result.program is not None and result.score is not None:
            signature = signature_of(result.scores or (result.score,))
            member = Member(result.program, result.score, signature, result.size)
            verdict = self._admit(member, result.selection.context.get("island"))
        if result.number > 0 and result.number % MIGRATION_INTERVAL == 0:
            self._migrate()
        return verdict

    def elites(self) -> tuple[str, ...]:
        """The best program of each island, best first; islands that share theirs give one."""
        champions = [population.best for population in self._populations]
        found = sorted((one for one in champions if one is not None), key=lambda one: one.rank_key)
        return tuple(dict.fromkeys(one.program for one in found))

    def populations(self) -> tuple[PopulationView, ...]:
        """The islands."""
        return tuple(
            view(f"island {place}", population.members) for place, population in enumerate(self._populations)
        )

    def _admit(self, member: Member, island: int | None) -> Verdict:
        targets = self._populations if island is None else [self._populations[island]]
        best = max((target.best.score for target in targets if target.best is not None), default=None)
        added = [target.add(member) for target in targets]
        if not any(added):
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, 0.0 if best is None else max(0.0, member.score - best))

    def _inspiration(self, population: Population, random: random.Random) -> str:
        prefers_baseline = bool(self._setup.baselines) and random.random() < BASELINE_SHARE
        if prefers_baseline or not population:
            return self._setup.a_baseline(random)
        return population.pick(random, 1).program

    def _migrate(self) -> None:
        champions = [population.best for population in self._populations]
        for island, champion in enumerate(champions):
            if champion is not None:
                self._populations[(island + 1) % ISLANDS].add(champion)


strategy: type[Strategy] = Islands
