"""What strategies keep of a program: its score, and what tells its behaviour from that of others.

Behaviour is the row of scores on the train instances. Two programs with the same row are taken to be the same
in behaviour. Of a long row only `WATCHED` places, spread evenly over the split, are kept beside the score, so
that a strategy's state stays small however many instances a problem has.
"""

import hashlib
import random
import struct
from collections.abc import Iterable, Sequence

import msgspec

from evolve.search.base import Place, PopulationView, Result, Setup
from evolve.search.population import Member

WATCHED = 12
"""Instances on which behaviour is watched."""
BASELINE_SHARE = 0.2
"""How often an inspiration is a published baseline and not a program of the search."""


class Profile(msgspec.Struct, frozen=True, array_like=True):
    """A scored program with its behaviour."""

    program: str
    """Its hash."""
    score: float
    signature: str
    """The same for programs with the same score on every instance."""
    size: int
    scores: tuple[float, ...]
    """On the watched instances, coarse; all of them have as many, but for programs told without any."""

    @property
    def rank_key(self) -> tuple[float, int, str]:
        """Sorts the best first: the higher score, then the shorter program, then the hash."""
        return (-self.score, self.size, self.program)

    def on(self, instance: int) -> float:
        """The score on a watched instance; the score on all where nothing is known of the instance."""
        return self.scores[instance] if instance < len(self.scores) else self.score


def profile_of(result: Result) -> Profile | None:
    """What is kept of the program of a result; None where there is none with a score."""
    if result.program is None or result.score is None:
        return None
    row = result.scores or (result.score,)
    return Profile(result.program, result.score, signature_of(row), result.size, watched(result.scores))


def watched(row: Sequence[float]) -> tuple[float, ...]:
    """The places of a row that are watched, as coarse scores."""
    count = min(len(row), WATCHED)
    return coarse([row[place * len(row) // count] for place in range(count)])


def coarse(scores: Sequence[float]) -> tuple[float, ...]:
    """Scores without the second half of their bits as doubles: six significant digits are left.

    The order of two scores stays, or they become equal; so ranks hardly change, and a state is half as long.
    """
    data = bytearray(struct.pack(f">{len(scores)}d", *scores))
    for place in range(len(scores)):
        data[8 * place + 4 : 8 * place + 8] = bytes(4)
    return struct.unpack(f">{len(scores)}d", data)


def signature_of(scores: Sequence[float]) -> str:
    """Ten significant digits of each score, wherever the point is: the scale of scores means nothing."""
    text = ",".join(f"{score:.9e}" for score in scores)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def view(name: str, members: Iterable[Profile | Member]) -> PopulationView:
    """A population as people are shown it."""
    best_first = sorted(members, key=lambda one: one.rank_key)
    return PopulationView(name, tuple(Place(one.program, one.score) for one in best_first))


def inspiration(setup: Setup, programs: Sequence[str], random: random.Random) -> tuple[str, ...]:
    """One of some programs or a baseline; nothing where there is neither."""
    if setup.baselines and (not programs or random.random() < BASELINE_SHARE):
        return (setup.a_baseline(random),)
    return (random.choice(programs),) if programs else ()


def distinct(programs: Sequence[str], but: str) -> tuple[str, ...]:
    """The programs without one of them, and without repetition."""
    return tuple(one for one in dict.fromkeys(programs) if one != but)
