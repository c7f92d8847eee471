"""A bounded set of scored programs in which no two behave the same."""

import random
from collections.abc import Iterable

import msgspec


class Member(msgspec.Struct, frozen=True):
    """A program in a population."""

    program: str
    """Its hash."""
    score: float
    signature: str
    """The same for programs with the same score on every instance."""
    size: int

    @property
    def rank_key(self) -> tuple[float, int, str]:
        """Sorts the best first: the higher score, then the shorter program, then the hash."""
        return (-self.score, self.size, self.program)


class Population:
    """At most `capacity` members, best first, one for each signature.

    Of two programs that score the same on every instance the shorter one stays, so that neutral changes
    cannot fill a population, and programs do not grow for nothing.
    """

    def __init__(self, capacity: int, members: Iterable[Member] = ()) -> None:
        self._capacity = capacity
        self._members = sorted(members, key=lambda member: member.rank_key)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        """All members, best first."""
        return tuple(self._members)

    @property
    def best(self) -> Member | None:
        """The best member."""
        return self._members[0] if self._members else None

    def add(self, member: Member) -> bool:
        """Take a member in if there is a place for it, dropping its twin or the worst; whether it was."""
        twin = next((other for other in self._members if other.signature == member.signature), None)
        if twin is not None:
            if twin.rank_key <= member.rank_key:
                return False
            self._members.remove(twin)
        self._members.append(member)
        self._members.sort(key=lambda other: other.rank_key)
        return len(self._members) <= self._capacity or self._members.pop() is not member

    def pick(self, stream: random.Random, tournament: int) -> Member:
        """The best of `tournament` members drawn with replacement: by rank alone, whatever the scores are."""
        return self._members[min(stream.randrange(len(self._members)) for _ in range(tournament))]
