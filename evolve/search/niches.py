"""Quality-diversity: niches for programs that are good at different things.

A program's behaviour is its row of scores on the watched instances. Each score is read as a quantile, its
rank among the scores of a frozen reference on that instance. The niche of a program is the instance on
which its quantile is furthest above its mean quantile; a program that stands out nowhere by more than
`EVEN` belongs to the even niche. In a niche the best over all live, at most `CAPACITY`, no two of the same
behaviour. A parent is the better of two niches' member, by a tournament of ranks.

The reference is frozen. It is drawn anew from the programs accepted last at known moments only: after
`FIRST` scored programs and every `INTERVAL` from then on. Such a re-binning is an event: the number of the
result that brought it is in the state, all members are placed again at once, and those for whom their new
niche has no room are dropped. Nothing else drops a program but a better one in a full niche, or a shorter
one that behaves the same.

How this differs from the MAP-Elites grids of OpenEvolve and others (Mouret and Clune, arXiv:1504.04909, for
the method): theirs span what has been seen so far, so that every sample moves the bins and owners stand in
cells that they would no longer be put in. And cells along the score itself keep bad programs for being bad;
here niches are trade-offs, and quality decides within each. Since quantiles are ranks, no scale or sign
matters, and one instance's scores need not be comparable with another's.
"""

import bisect
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_profiles, pack_rows, unpack_profiles, unpack_rows
from evolve.search.profiles import Profile, distinct, inspiration, profile_of, view

CAPACITY = 4
"""Members of a niche."""
EVEN = 0.1
"""By how much a quantile has to stand out from the mean."""
REFERENCE = 16
"""Rows in the reference, and of accepted programs that the next one is made of."""
FIRST, INTERVAL = 32, 128
"""Scored programs before the first re-binning, and between two."""
EVENTS = 32
"""Re-binnings that are remembered; their numbers."""
TOURNAMENT = 3
"""Ranks drawn for a parent within its niche."""
INSPIRATIONS = 2
EVEN_NICHE = -1


class _Memory(msgspec.Struct):
    """The state."""

    members: list[Profile] = []
    """Of all niches."""
    recent: list[Sequence[float]] = []
    """Rows of the programs accepted last, oldest first."""
    reference: list[list[float]] = []
    """For each watched instance the scores of the reference, sorted; empty before the first re-binning."""
    scored: int = 0
    """Programs with a score that were told."""
    events: list[int] = []
    """Numbers of the results that brought the latest re-binnings."""


class Niches:
    """See the module."""

    def __init__(self, setup: Setup, memory: _Memory) -> None:
        self._setup = setup
        self._memory = memory
        self._niches: dict[int, list[Profile]] = {}
        self._place_all()

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """One niche, until there is a reference."""
        return cls(setup, _Memory())

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        memory = _Memory(
            members=unpack_profiles(state["members"]),
            recent=[*unpack_rows(state["recent"])],
            reference=unpack_rows(state["reference"]),
            scored=state["scored"],
            events=list(state["events"]),
        )
        return cls(setup, memory)

    def state(self) -> dict[str, Any]:
        """Members, the reference, the rows for the next one, and when it was drawn anew; scores packed."""
        memory = self._memory
        return {
            "members": pack_profiles(memory.members),
            "recent": pack_rows(memory.recent),
            "reference": pack_rows(memory.reference),
            "scored": memory.scored,
            "events": list(memory.events),
        }

    def ask(self, number: int, random: random.Random) -> Selection:
        """A member of the better of two niches; others' best beside it."""
        niches = [self._niches[key] for key in sorted(self._niches)]
        if not niches:
            return Selection((self._setup.a_baseline(random),))
        niche = min(random.choice(niches), random.choice(niches), key=lambda one: one[0].rank_key)
        parent = niche[min(random.randrange(len(niche)) for _ in range(TOURNAMENT))].program
        others = distinct([*self.elites(), *(one.program for one in niche)], but=parent)
        drawn = [one for _ in range(INSPIRATIONS) for one in inspiration(self._setup, others, random)]
        return Selection((parent,), distinct(drawn, but=parent))

    def tell(self, result: Result) -> Verdict:
        """Offer a scored program to its niche; now and then draw the reference anew."""
        fresh = profile_of(result)
        if fresh is None:
            return Verdict(Meaning.FAILED)
        memory = self._memory
        best = min(memory.members, key=lambda one: one.rank_key, default=fresh).score
        accepted = self._admit(fresh)
        if accepted:
            memory.recent = [*memory.recent, fresh.scores][-REFERENCE:]
        memory.scored += 1
        self._remember_members()
        if memory.scored >= FIRST and (memory.scored - FIRST) % INTERVAL == 0:
            self._rebin(result.number)
        if not accepted:
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, max(0.0, fresh.score - best))

    def elites(self) -> tuple[str, ...]:
        """The best of each niche, best first."""
        best = sorted((niche[0] for niche in self._niches.values()), key=lambda one: one.rank_key)
        return tuple(one.program for one in best)

    def populations(self) -> tuple[PopulationView, ...]:
        """The niches that have a member, each under the number of its watched instance, from 0."""
        return tuple(
            view("even niche" if key == EVEN_NICHE else f"niche {key}", self._niches[key])
            for key in sorted(self._niches)
        )

    def _admit(self, fresh: Profile) -> bool:
        niche = self._niches.setdefault(self._niche_of(fresh), [])
        twin = next((one for one in niche if one.signature == fresh.signature), None)
        if twin is not None:
            if twin.rank_key <= fresh.rank_key:
                return False
            niche.remove(twin)
        bisect.insort(niche, fresh, key=lambda one: one.rank_key)
        return len(niche) <= CAPACITY or niche.pop() is not fresh

    def _niche_of(self, one: Profile) -> int:
        reference = self._memory.reference
        if len(reference) < 2:
            return EVEN_NICHE
        quantiles = [_quantile(column, one.on(place)) for place, column in enumerate(reference)]
        strongest = max(quantiles)
        stands_out = strongest - sum(quantiles) / len(quantiles) > EVEN
        return quantiles.index(strongest) if stands_out else EVEN_NICHE

    def _rebin(self, number: int) -> None:
        rows = [row for row in self._memory.recent if row]
        if not rows:
            return
        width = min(len(row) for row in rows)
        self._memory.reference = [sorted(row[place] for row in rows) for place in range(width)]
        self._memory.events = [*self._memory.events, number][-EVENTS:]
        self._place_all()
        self._remember_members()

    def _remember_members(self) -> None:
        self._memory.members = [one for key in sorted(self._niches) for one in self._niches[key]]

    def _place_all(self) -> None:
        """Place all members by the reference as it is now, the best first, so that the worst give way."""
        self._niches = {}
        for one in _best_first(self._memory.members):
            self._admit(one)


def _best_first(members: Iterable[Profile]) -> list[Profile]:
    return sorted(members, key=lambda one: one.rank_key)


def _quantile(column: Sequence[float], score: float) -> float:
    """The rank of a score among others, from 0 to 1; ties count half."""
    below, above = bisect.bisect_left(column, score), bisect.bisect_right(column, score)
    return (below + above) / (2 * len(column))


strategy: type[Strategy] = Niches
