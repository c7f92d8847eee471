"""Finds the lines of a program that a model quoted, which it does not always do to the letter.

Three ways, the next only where the one before found nothing: exactly, but for white space at the ends of
lines; without regard to white space and blank lines; and by likeness, where one place is like what was quoted
and no other nearly as much. Likeness is the share of characters in lines that were aligned, in order, each
pair of lines weighing as much as the bigrams it has in common (Dice's coefficient over bigrams).
"""

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

THRESHOLD = 0.85
"""The least likeness of a place that is taken for what was quoted, from 0 to 1."""
MARGIN = 0.1
"""By how much the likeness of any other place has to be less."""
MIN_LINE = 0.6
"""The least likeness of two lines that are taken for the same one."""
LEFT_OUT = 0.5
"""How much a line that the quotation leaves out weighs, against one that it makes up."""
MAX_PAIRS = 50_000
"""How many pairs of lines are compared; above, nothing is looked for by likeness. Some 0.2 s."""

_SPACE = re.compile(r"\s+")
_IDLE_SPACE = re.compile(r"(?<!\w) | (?!\w)")


class Way(StrEnum):
    """How a place was found."""

    EXACT = "exact"
    WHITESPACE = "whitespace"
    LIKENESS = "likeness"


class Place(msgspec.Struct, frozen=True):
    """Where quoted lines stand in a program."""

    way: Way
    pairs: tuple[int | None, ...]
    """For each quoted line, the position of the program's, from 0; None where it has none."""
    likeness: float = 1.0

    @property
    def first(self) -> int:
        """The position of the first line."""
        return min(pair for pair in self.pairs if pair is not None)

    @property
    def last(self) -> int:
        """The position of the last line."""
        return max(pair for pair in self.pairs if pair is not None)


def find_equal(quoted: Sequence[str], lines: Sequence[str], start: int, end: int) -> list[Place]:
    """The places from `start` to before `end` that hold the quoted lines: exactly, else up to white space."""
    wanted = [line.rstrip() for line in quoted]
    here = [line.rstrip() for line in lines[start:end]]
    exact = _occurrences(wanted, here)
    if exact:
        return [Place(Way.EXACT, tuple(range(start + at, start + at + len(wanted)))) for at in exact]
    filled = _filled(lines, start, end)
    keys = [key for line in quoted if (key := normalised(line))]
    places = []
    for at in _occurrences(keys, [key for _, key in filled]):
        positions = iter(position for position, _ in filled[at : at + len(keys)])
        pairs = tuple(next(positions) if line.strip() else None for line in quoted)
        places.append(Place(Way.WHITESPACE, pairs))
    return places


def find_like(
    quoted: Sequence[str], lines: Sequence[str], start: int, end: int, least: float = MIN_LINE
) -> list[Place]:
    """The place that is most like the quoted lines, and the next one that has no line in common with it.

    There may be none, or one; where there are two, the better is first. `least` is the least likeness of two
    lines that are taken for the same one.
    """
    filled = _filled(lines, start, end)
    keys = [(position, key) for position, line in enumerate(quoted) if (key := normalised(line))]
    if not keys or not filled or len(keys) * len(filled) > MAX_PAIRS:
        return []
    aligner = _Aligner([key for _, key in keys], least)
    best = aligner.best(filled)
    if best is None:
        return []
    first, last = best.first, best.last
    others = [
        aligner.best([one for one in filled if one[0] < first]),
        aligner.best([one for one in filled if one[0] > last]),
    ]
    found = [other for other in others if other is not None]
    next_best = max(found, key=lambda other: other.likeness, default=None)
    ranked = [best] if next_best is None else sorted([best, next_best], key=lambda one: -one.likeness)
    return [_spread(place, [position for position, _ in keys], len(quoted)) for place in ranked]


def is_certain(ranked: Sequence[Place]) -> bool:
    """Whether the first of these places is like enough to what was quoted, and the second is not."""
    if not ranked or ranked[0].likeness < THRESHOLD:
        return False
    return len(ranked) == 1 or ranked[1].likeness <= ranked[0].likeness - MARGIN


def normalised(line: str) -> str:
    """A line without the white space that does not separate words."""
    return _IDLE_SPACE.sub("", _SPACE.sub(" ", line.strip()))


def _filled(lines: Sequence[str], start: int, end: int) -> list[tuple[int, str]]:
    return [(position, key) for position in range(start, end) if (key := normalised(lines[position]))]


def _occurrences(wanted: Sequence[str], here: Sequence[str]) -> list[int]:
    size = len(wanted)
    if not any(wanted):
        return []
    return [
        at for at in range(len(here) - size + 1) if here[at] == wanted[0] and here[at : at + size] == wanted
    ]


def _spread(place: Place, positions: Sequence[int], count: int) -> Place:
    """The same place, with the pairs of the lines that are not blank told for all `count` lines."""
    pairs: list[int | None] = [None] * count
    for position, pair in zip(positions, place.pairs, strict=True):
        pairs[position] = pair
    return msgspec.structs.replace(place, pairs=tuple(pairs))


class _Aligner:
    """Aligns some lines with stretches of a program so that as few characters as possible are left over."""

    def __init__(self, wanted: Sequence[str], least: float) -> None:
        self._wanted = wanted
        self._least = least
        self._weights = [len(key) for key in wanted]
        self._bigrams: dict[str, Counter[str]] = {}
        self._likeness: dict[tuple[str, str], float] = {}

    def best(self, filled: Sequence[tuple[int, str]]) -> Place | None:
        """The stretch that is most like the lines, None where no line is like one of theirs.

        The cost of an alignment is the number of characters that it leaves without counterpart on both
        sides, those of lines left out counting less; `costs[j]` is the least one of the lines so far with a
        stretch that ends before j.
        """
        count = len(filled)
        costs = [0.0] * (count + 1)
        steps: list[list[str]] = []
        for key, weight in zip(self._wanted, self._weights, strict=True):
            row, taken = [costs[0] + weight], ["drop"]
            for j in range(1, count + 1):
                other = filled[j - 1][1]
                likeness = self._like(key, other)
                both = weight + len(other)
                pair = costs[j - 1] + (1.0 - likeness) * both if likeness >= self._least else float("inf")
                drop = costs[j] + weight
                skip = row[j - 1] + LEFT_OUT * len(other)
                least = min(pair, drop, skip)
                row.append(least)
                taken.append("pair" if least == pair else "drop" if least == drop else "skip")
            costs = row
            steps.append(taken)
        end = min(range(count + 1), key=lambda j: costs[j])
        pairs = self._path(steps, end, filled)
        matched = [pair for pair in pairs if pair is not None]
        if not matched:
            return None
        stretch = sum(len(key) for position, key in filled if matched[0] <= position <= matched[-1])
        total = sum(self._weights) + stretch
        return Place(Way.LIKENESS, tuple(pairs), 1.0 - costs[end] / total)

    def _path(
        self, steps: Sequence[Sequence[str]], end: int, filled: Sequence[tuple[int, str]]
    ) -> list[int | None]:
        pairs: list[int | None] = [None] * len(steps)
        i, j = len(steps), end
        while i > 0:
            step = steps[i - 1][j]
            if step == "skip":
                j -= 1
                continue
            i -= 1
            if step == "pair":
                j -= 1
                pairs[i] = filled[j][0]
        return pairs

    def _like(self, key: str, other: str) -> float:
        if key == other:
            return 1.0
        known = self._likeness.get((key, other))
        if known is None:
            known = self._likeness[key, other] = self._dice(key, other)
        return known

    def _dice(self, key: str, other: str) -> float:
        shorter, longer = sorted((len(key), len(other)))
        if 2 * shorter < self._least * (shorter + longer):
            return 0.0
        one, two = self._counted(key), self._counted(other)
        common = sum(min(count, two[bigram]) for bigram, count in one.items() if bigram in two)
        return 2.0 * common / (one.total() + two.total())

    def _counted(self, key: str) -> Counter[str]:
        """The bigrams of a line, with its beginning and its end."""
        found = self._bigrams.get(key)
        if found is None:
            ends = f"\n{key}\n"
            found = self._bigrams[key] = Counter(ends[at : at + 2] for at in range(len(ends) - 1))
        return found
