"""Hypervolume: for problems with several objectives, programs that together reach far in all of them.

A program is a point: its score, and beside it what it reached in each further objective, higher is better.
Members stand in layers: those that no other one dominates, then those that only these dominate, and so on.
There are `CAPACITY` places. When they are full, of the last layer the program goes that adds the least
hypervolume to it; never the best by score. A parent is drawn in a tournament of the order of layers and,
within a layer, of contributions, the largest first. Of two programs with the same point and the same scores
on every instance the shorter stays. With one objective the layers are ranks by score, and the members are
the best few.

After SMS-EMOA (Beume, Naujoks, Emmerich, European Journal of Operational Research 181(3), 2007), which drops
by contributions to hypervolume, and chooses parents evenly. What differs, and why. There the reference point
stands one unit beyond the worst values, so a change of unit changes who is dropped. Here it stands beyond
the worst of the layer by the mean gap between its members. So the scale and the sign of an objective mean
nothing: another unit, or another zero, changes no choice. Ranks would go further, but on a front of two
objectives ranks are an even staircase on which all contributions are equal; they erase just the gaps that are
to be filled. Contributions themselves are compared only. And whoever stands alone on the front becomes a
parent sooner, since the children of neighbours end up beside each other.

Objectives that are measured times do not get here (`evolve.scoring.merits`), for they do not repeat.

What is dropped: the member of the last layer that contributes least, when there are too many, and the longer
of two that behave the same.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.packing import pack_members, pack_numbers, unpack_members, unpack_numbers
from evolve.search.population import Member
from evolve.search.profiles import distinct, inspiration, signature_of, view

CAPACITY = 16
TOURNAMENT = 3
"""Places drawn for a parent, in the order of layers and contributions."""
INSPIRATIONS = 2

Cells = tuple[int, ...]
"""A point on the grid of its layer: in each objective the distance from the reference point, in cells."""
_GRID = 2**16
"""Cells from the worst of a layer to the best. On a grid sums are exact, whatever the unit was."""


class Point(msgspec.Struct, frozen=True):
    """A member with what it reached."""

    member: Member
    merits: tuple[float, ...]
    """In each objective, the score first; higher is better."""

    @property
    def rank_key(self) -> tuple[float, int, str]:
        """Sorts the best by score first."""
        return self.member.rank_key


class Hypervolume:
    """See the module."""

    def __init__(self, setup: Setup, points: Sequence[Point]) -> None:
        self._setup = setup
        self._layers: list[list[Point]] = []
        """Each with the largest contribution first."""
        self._arrange(points)

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """Knows nothing; is told of the seed program first."""
        return cls(setup, [])

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        members = unpack_members(state["members"])
        merits = [tuple(unpack_numbers(one)) for one in state["merits"]]
        return cls(setup, [Point(*pair) for pair in zip(members, merits, strict=True)])

    def state(self) -> dict[str, Any]:
        """All members and their points, packed."""
        points = self._points()
        return {
            "members": pack_members(one.member for one in points),
            "merits": [pack_numbers(one.merits) for one in points],
        }

    def ask(self, number: int, random: random.Random) -> Selection:
        """A parent by layer and contribution; beside it others of the first layer."""
        points = self._points()
        if not points:
            return Selection((self._setup.a_baseline(random),))
        parent = points[min(random.randrange(len(points)) for _ in range(TOURNAMENT))].member.program
        front = distinct([one.member.program for one in self._layers[0]], but=parent)
        drawn = [one for _ in range(INSPIRATIONS) for one in inspiration(self._setup, front, random)]
        return Selection((parent,), distinct(drawn, but=parent))

    def tell(self, result: Result) -> Verdict:
        """Accepts what finds a place."""
        fresh = _point(result)
        if fresh is None:
            return Verdict(Meaning.FAILED)
        points = self._points()
        best = self._best() or fresh
        twin = next((one for one in points if one.member.signature == fresh.member.signature), None)
        if twin is not None:
            if twin.rank_key <= fresh.rank_key:
                return Verdict(Meaning.NOT_BETTER)
            points.remove(twin)
        elif len(points) == CAPACITY and any(_dominates(one, fresh) for one in self._layers[-1]):
            return Verdict(Meaning.NOT_BETTER)
        self._arrange([*points, fresh])
        if len(points) == CAPACITY and self._drop_one() is fresh:
            return Verdict(Meaning.NOT_BETTER)
        return Verdict(Meaning.ACCEPTED, max(0.0, fresh.member.score - best.member.score))

    def elites(self) -> tuple[str, ...]:
        """Those that nobody dominates, the best by score first."""
        front = sorted(self._layers[0], key=lambda one: one.rank_key) if self._layers else []
        return tuple(one.member.program for one in front)

    def populations(self) -> tuple[PopulationView, ...]:
        """The first layer, and all others."""
        front = self._layers[0] if self._layers else []
        others = [one.member for layer in self._layers[1:] for one in layer]
        return view("front", [one.member for one in front]), view("dominated", others)

    def _points(self) -> list[Point]:
        return [one for layer in self._layers for one in layer]

    def _best(self) -> Point | None:
        """The best by score of those that nobody dominates: of equals by score the shortest of these."""
        return min(self._layers[0], key=lambda one: one.rank_key) if self._layers else None

    def _arrange(self, points: Sequence[Point]) -> None:
        """Put points in layers. A layer with the members that it had keeps its order, which takes time."""
        known = {frozenset(one.member.program for one in layer): layer for layer in self._layers}
        self._layers = []
        left = sorted(points, key=lambda one: one.rank_key)
        while left:
            layer = [one for one in left if not any(_dominates(other, one) for other in left)]
            names = frozenset(one.member.program for one in layer)
            self._layers.append(known.get(names) or _by_contribution(layer))
            left = [one for one in left if one.member.program not in names]

    def _drop_one(self) -> Point:
        """Drop the least of the last layer. What it leaves is arranged by the ranks that are left."""
        best = self._best()
        dropped = next(one for one in reversed(self._layers[-1]) if one is not best)
        self._arrange([one for one in self._points() if one is not dropped])
        return dropped


def contributions(points: Sequence[Cells]) -> list[int]:
    """The hypervolume that each point dominates alone, above 0 in every coordinate."""
    return [_exclusive(point, [*points[:place], *points[place + 1 :]]) for place, point in enumerate(points)]


def _point(result: Result) -> Point | None:
    if result.program is None or result.score is None:
        return None
    merits = result.merits or (result.score,)
    signature = signature_of((*(result.scores or (result.score,)), *merits))
    return Point(Member(result.program, result.score, signature, result.size), merits)


def _dominates(one: Point, other: Point) -> bool:
    """Whether a point is as good in all objectives and better in one; what is not known is the worst."""
    if one.merits == other.merits:
        return False
    count = max(len(one.merits), len(other.merits))
    return all(_merit(one, place) >= _merit(other, place) for place in range(count))


def _merit(one: Point, place: int) -> float:
    return one.merits[place] if place < len(one.merits) else -math.inf


def _by_contribution(layer: list[Point]) -> list[Point]:
    if len(layer) == 1:
        return layer
    added = contributions(_on_grid(layer))
    order = sorted(range(len(layer)), key=lambda place: (-added[place], layer[place].rank_key))
    return [layer[place] for place in order]


def _on_grid(layer: Sequence[Point]) -> list[Cells]:
    """The points of a layer as distances from its reference point."""
    margin = _GRID // (len(layer) - 1)
    columns = []
    for place in range(max(len(one.merits) for one in layer)):
        values = [_merit(one, place) for one in layer]
        finite = [value for value in values if math.isfinite(value)]
        low, span = min(finite), max(finite) - min(finite)
        shares = [max(0.0, value - low) / span if 0.0 < span < math.inf else 0.0 for value in values]
        columns.append([margin + round(_GRID * share) for share in shares])
    return list(zip(*columns, strict=True))


def _exclusive(point: Cells, others: Sequence[Cells]) -> int:
    """What a point dominates and the others do not (While, Bradstreet, Barone, IEEE TEC 16(1), 2012)."""
    shared = [tuple(map(min, point, other)) for other in others]
    return math.prod(point) - _volume(_not_dominated(shared))


def _volume(points: list[Cells]) -> int:
    """The hypervolume of points none of which dominates another, in falling order."""
    if not points:
        return 0
    if len(points[0]) <= 2:
        return _area(points)
    return sum(_exclusive(point, points[place + 1 :]) for place, point in enumerate(points))


def _area(points: list[Cells]) -> int:
    if len(points[0]) == 1:
        return points[0][0]
    area = height = 0
    for first, second in points:
        area += first * (second - height)
        height = second
    return area


def _not_dominated(points: Sequence[Cells]) -> list[Cells]:
    """The points that no other one dominates, without repetition, in falling order."""
    found: list[Cells] = []
    for point in sorted(set(points), reverse=True):
        if not any(all(map(int.__ge__, other, point)) for other in found):
            found.append(point)
    return found


strategy: type[Strategy] = Hypervolume
