"""Per-instance Pareto front: a program that nobody beats on some instance is worth a child.

After GEPA (Agrawal et al., arXiv:2507.19457, section 3.3): for each watched instance the programs with the
best score on it lead; a program that leads nowhere is dropped; parents are drawn in proportion to the
number of instances on which they lead.

What differs, and why. With continuous scores a front holds a specialist for nearly every instance, and most
of them are worse over all than a program that leads nowhere. So `RESERVE` programs that are best over all
are kept besides, and every second parent is drawn among all by rank over all, in a tournament. Of two
programs that behave the same one is kept, the shorter, so that copies do not multiply a lead; and of those
with equal scores on most of the watched instances the reserve holds the best alone, or it would fill up with
variants of one program. GEPA accepts a child when its sum on a few instances beats the parent's; here it has
to lead somewhere or be among the best over all. Only comparisons on one instance, or of scores over all, are
made: sign and scale mean nothing, and instances need no common scale.

What is dropped: a program that leads nowhere and is not among the `RESERVE` best of those that differ.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_profiles, unpack_profiles
from evolve.search.profiles import Profile, distinct, inspiration, profile_of, view

RESERVE = 16
TOURNAMENT = 3
FRONT_SHARE = 0.5
"""How often a parent is drawn by its leads and not by its rank over all."""
INSPIRATIONS = 2


class Pareto:
    """See the module."""

    def __init__(self, setup: Setup, members: Sequence[Profile]) -> None:
        self._setup = setup
        self._members = sorted(members, key=lambda one: one.rank_key)
        self._leads = _leads(self._members)

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Knows nothing; is told of the seed program first."""
        return cls(setup, [])

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        return cls(setup, unpack_profiles(state["members"]))

    def state(self) -> dict[str, Any]:
        """All members, packed; at most `RESERVE` and one for each watched instance."""
        return {"members": pack_profiles(self._members)}

    def ask(self, number: int, random: random.Random) -> Selection:
        """A parent by its leads or by its rank; beside it others of the front, which may know better."""
        members = self._members
        if not members:
            return Selection((self._setup.a_baseline(random),))
        if random.random() < FRONT_SHARE:
            parent = random.choices(members, self._leads)[0].program
        else:
            parent = members[min(random.randrange(len(members)) for _ in range(TOURNAMENT))].program
        front = distinct(self.elites(), but=parent)
        drawn = [one for _ in range(INSPIRATIONS) for one in inspiration(self._setup, front, random)]
        return Selection((parent,), distinct(drawn, but=parent))

    def tell(self, result: Result) -> Verdict:
        """Accepts what leads on an instance, or is among the best over all."""
        fresh = profile_of(result)
        if fresh is None:
            return Verdict(Meaning.FAILED)
        twin = next((one for one in self._members if one.signature == fresh.signature), None)
        if twin is not None and twin.rank_key <= fresh.rank_key:
            return Verdict(Meaning.NOT_BETTER)
        best = self._members[0].score if self._members else fresh.score
        kept = sorted(
            [*(one for one in self._members if one is not twin), fresh], key=lambda one: one.rank_key
        )
        leads = _leads(kept)
        reserve = _reserve(kept)
        self._members = [one for one, lead in zip(kept, leads, strict=True) if lead or one in reserve]
        self._leads = [lead for one, lead in zip(kept, leads, strict=True) if lead or one in reserve]
        if fresh not in self._members:
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, max(0.0, fresh.score - best))

    def elites(self) -> tuple[str, ...]:
        """The programs that lead somewhere, and the best over all; best first."""
        leading = [one.program for one, lead in zip(self._members, self._leads, strict=True) if lead]
        return tuple(dict.fromkeys([one.program for one in self._members[:1]] + leading))

    def populations(self) -> tuple[PopulationView, ...]:
        """Those that lead somewhere, and the reserve of the others."""
        pairs = list(zip(self._members, self._leads, strict=True))
        return (
            view("front", [one for one, lead in pairs if lead]),
            view("reserve", [one for one, lead in pairs if not lead]),
        )


def _reserve(members: Sequence[Profile]) -> list[Profile]:
    """The best over all, but none that is like a better one of them; `members` are best first."""
    found: list[Profile] = []
    for one in members:
        if len(found) == RESERVE:
            break
        if not any(_is_like(one, better) for better in found):
            found.append(one)
    return found


def _is_like(one: Profile, other: Profile) -> bool:
    """Whether two have the same scores on most of the watched instances."""
    same = sum(mine == theirs for mine, theirs in zip(one.scores, other.scores, strict=False))
    return 2 * same > max(len(one.scores), len(other.scores), 1)


def _leads(members: Sequence[Profile]) -> list[int]:
    """On how many watched instances each member leads.

    Of equals on an instance the one that is best over all leads, so that there is one leader for each and
    the front is no longer than the row; `members` are best first.
    """
    leads = [0] * len(members)
    for instance in range(max((len(one.scores) for one in members), default=0) or 1):
        scores = [one.on(instance) for one in members]
        if scores:
            leads[scores.index(max(scores))] += 1
    return leads


strategy: type[Strategy] = Pareto
