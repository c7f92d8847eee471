"""Adaptive: shifts between exploring and exploiting, and between islands, by what progress is made.

Exploring. Each island knows how long it has been waiting for a better best program, in results, and how
long it usually waits: a decayed mean of the waits that ended. With s the one over the other, a parent is
drawn uniformly among the members with probability LOW + (HIGH - LOW) * s / (1 + s), and else by rank in a
tournament. So an island exploits right after it has become better, explores evenly once it is overdue, and
wherever it is between the two the whole interval is in reach. Time is measured in the island's own waits
and scores are only compared, so there is no scale, of scores or of time, to be tuned.

Islands. The next proposal goes to an island by Thompson sampling of its gain per proposal, from a Gamma
posterior. A child gains if it beats the best program of its island, and then as much as its rank among the
latest scores of all islands: an island that catches up counts little, one that leads counts fully. Gains
and proposals are discounted with every result, both alike.

Restart. An island that is overdue by `RESTART` of its usual waits, and does not lead, keeps its best
program, is given the leader's best, and drops the rest. Besides that a member is dropped when its island is
full and it is the worst, or for a shorter one that behaves the same.

How this differs from AdaEvolve (SkyDiscover, `search/adaevolve/`), whose idea it is to set the intensity of
the search by accumulated progress, and why. There, progress is squared relative improvement, which depends
on where zero is and vanishes for small steps, is updated on improvements only, so that stagnation does not
show, and is put through a function that leaves half of the interval out of reach: intensity hardly moves.
Here the signal falls with each result that brings nothing and recovers with one that does. There, an
island's bonus for being visited seldom counts visits that are never discounted, beside rewards that are;
here both are.
"""

import random
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_members, pack_numbers, unpack_members, unpack_numbers
from evolve.search.population import Member, Population
from evolve.search.profiles import distinct, inspiration, profile_of, view

ISLANDS = 3
CAPACITY = 20
TOURNAMENT = 4
LOW, HIGH = 0.05, 0.95
"""Between these the probability of exploring moves."""
FIRST_WAIT = 10.0
"""What an island is taken to wait for an improvement before it has waited for any, results."""
WAIT_DECAY = 0.7
"""What a usual wait keeps of itself when another one ends."""
HORIZON = 300.0
"""Results after which an earlier one counts for 1/e."""
EXPECTED_GAIN, EXPECTED_PULLS = 1.0, 10.0
"""What an island is taken to have gained, in so many proposals, before it is known."""
WINDOW = 64
"""Scores that a new one is ranked among."""
RESTART = 8.0
"""Usual waits after which an island starts anew."""
RESTART_LEAST = 80.0
"""Results that a wait has to last before that."""
INSPIRATIONS = 2

_KEPT = 1.0 - 1.0 / HORIZON


class _Island(msgspec.Struct):
    """What is remembered of an island; pulls and gains are discounted."""

    members: list[Member] = []
    waited: float = 0.0
    usual: float = FIRST_WAIT
    pulls: float = 0.0
    gains: float = 0.0


class _Memory(msgspec.Struct):
    """The state."""

    islands: list[_Island]
    scores: list[float] = []
    """The latest, oldest first."""


class Adaptive:
    """See the module."""

    def __init__(self, setup: Setup, memory: _Memory) -> None:
        self._setup = setup
        self._memory = memory
        self._populations = [Population(CAPACITY, island.members) for island in memory.islands]

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Empty islands; the seed program will found them all."""
        return cls(setup, _Memory([_Island() for _ in range(ISLANDS)]))

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        islands = [{**one, "members": unpack_members(one["members"])} for one in state["islands"]]
        scores = unpack_numbers(state["scores"])
        return cls(setup, msgspec.convert({"islands": islands, "scores": scores}, _Memory))

    def state(self) -> dict[str, Any]:
        """The islands with their waits and gains, and the latest scores; members and scores packed."""
        islands = [
            {
                "members": pack_members(population.members),
                "waited": island.waited,
                "usual": island.usual,
                "pulls": island.pulls,
                "gains": island.gains,
            }
            for island, population in zip(self._memory.islands, self._populations, strict=True)
        ]
        return {"islands": islands, "scores": pack_numbers(self._memory.scores)}

    def ask(self, number: int, random: random.Random) -> Selection:
        """A member of an island that is worth it, by rank or by chance; others' best beside it."""
        place = self._island(random)
        island, population = self._memory.islands[place], self._populations[place]
        context = {"island": place}
        if not population:
            return Selection((self._setup.a_baseline(random),), context=context)
        explores = random.random() < exploring(island.waited / island.usual)
        parent = population.pick(random, 1 if explores else TOURNAMENT).program
        near = self.elites() if explores else [member.program for member in population.members]
        others = distinct(near, but=parent)
        drawn = [one for _ in range(INSPIRATIONS) for one in inspiration(self._setup, others, random)]
        return Selection((parent,), distinct(drawn, but=parent), context)

    def tell(self, result: Result) -> Verdict:
        """Offer a scored program to its island, and take note of what its proposal brought."""
        place = result.selection.context.get("island")
        for island in self._memory.islands:
            island.pulls *= _KEPT
            island.gains *= _KEPT
        profile = profile_of(result)
        member = None
        if profile is not None:
            member = Member(profile.program, profile.score, profile.signature, profile.size)
        verdict = Verdict(Meaning.FAILED) if member is None else self._admit(member, place)
        if place is not None:
            self._restart_if_overdue(place)
        if member is not None:
            self._memory.scores = [*self._memory.scores, member.score][-WINDOW:]
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

    # Islands.

    def _island(self, random: random.Random) -> int:
        values = [
            random.gammavariate(EXPECTED_GAIN + island.gains, 1.0) / (EXPECTED_PULLS + island.pulls)
            for island in self._memory.islands
        ]
        return values.index(max(values))

    def _admit(self, member: Member, place: int | None) -> Verdict:
        best = self._best()
        added = [self._offer(member, target) for target in self._targets(place)]
        if not any(added):
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, 0.0 if best is None else max(0.0, member.score - best.score))

    def _targets(self, place: int | None) -> list[int]:
        """The island that a program was made for; else all without a program, or the one that lags behind."""
        if place is not None:
            return [place]
        empty = [index for index, population in enumerate(self._populations) if not population]
        return empty or [max(range(ISLANDS), key=self._rank_of)]

    def _offer(self, member: Member, place: int) -> bool:
        """Add a member, and learn from whether it is the best there."""
        island, population = self._memory.islands[place], self._populations[place]
        best = population.best
        if best is not None and member.score > best.score:
            island.gains += self._rank(member.score)
            island.usual = WAIT_DECAY * island.usual + (1.0 - WAIT_DECAY) * (island.waited + 1.0)
            island.waited = -1.0  # this result is counted below, or was not asked for here
        return population.add(member)

    def _restart_if_overdue(self, place: int) -> None:
        island, population = self._memory.islands[place], self._populations[place]
        island.pulls += 1.0
        island.waited = max(0.0, island.waited + 1.0)
        overdue = island.waited >= max(RESTART_LEAST, RESTART * island.usual)
        best, leader = population.best, self._best()
        if overdue and best is not None and leader is not None and best.program != leader.program:
            self._populations[place] = Population(CAPACITY, [best, leader])
            self._memory.islands[place] = _Island(pulls=island.pulls, gains=island.gains)

    def _best(self) -> Member | None:
        found = [one.best for one in self._populations if one.best is not None]
        return min(found, key=lambda one: one.rank_key, default=None)

    def _rank_of(self, place: int) -> tuple[float, int, str]:
        best = self._populations[place].best
        assert best is not None, "asked only where all islands have a program"
        return best.rank_key

    def _rank(self, score: float) -> float:
        """The rank of a score among the latest, from 0 to 1; ties count half."""
        scores = self._memory.scores
        halves = sum((other < score) + (other <= score) for other in scores)
        return (halves + 1) / (2 * len(scores) + 1)


def exploring(overdue: float) -> float:
    """The probability of exploring for a wait in units of the usual one; grows from `LOW` towards `HIGH`."""
    return LOW + (HIGH - LOW) * overdue / (1.0 + overdue)


strategy: type[Strategy] = Adaptive
