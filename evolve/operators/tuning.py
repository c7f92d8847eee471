"""Tunes the real constants of a program by CMA-ES, from what its relatives scored.

CMA-ES: Hansen and Ostermeier, Evolutionary Computation 9(2), 2001; as implemented by the package `cma`.

An operator remembers nothing. The programs of a run that differ from the parent in real constants only, its
family, are the memory: whoever made them, in the order of their commits they are cut into generations, which
are told to a fresh CMA-ES one after another, and the child is drawn from the distribution that comes out. So
the same request gives the same child in every process; what was computed for the same generations before is
reused, and changes nothing. Programs of other operators count as solutions that were injected, whose steps
the package bounds (Hansen, INRIA research report 7748, 2011).

A rule with few constants has little to be tuned. Half of the time a linear combination of features is added
to it first (`evolve.operators.residual`), always the same one, so that all children are one family.

Proposals overlap, so a child is drawn from a distribution that lacks what is in flight. That is the
asynchrony of any parallel CMA-ES, and a lag as long as a generation costs about one generation.
"""

import math
import random
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from evolve.operators.base import (
    Background,
    Brief,
    Draft,
    NoProposal,
    Relative,
    Request,
    Role,
)
from evolve.operators.children import Change, first_child
from evolve.operators.constants import Literal, literals, may_flip
from evolve.operators.residual import extended
from evolve.operators.sites import Syntax, syntax_of
from evolve.operators.syntax import literal, number
from evolve.problem import Floats
from evolve.program import Program, ProgramError

MAX_CONSTANTS = 40
"""Of a program with more, the first so many are tuned."""
FIRST_STEPS = (0.4, 0.2)
"""The standard deviation of the first generation, in the coordinates of `_Constant`; 0.4 is a factor of 1.5.
Each family has one of them: a rule that was tuned under another form gains from small steps only."""
FEW_CONSTANTS = 8
"""With fewer, a rule is tuned with a linear combination of features added half of the time."""
EXTENDED_SHARE = 0.5
SMALLEST_STEP = 0.01
"""Where the distribution is narrower than this in all directions, the search starts again around the best."""
NEAR_ZERO = 0.1
"""Constants whose sign may change are logarithmic above this size, and linear below."""
MOST_GENERATIONS = 40
"""How many of the latest generations are told at most; at least half as many once there are more."""
_LARGEST = 1e9
_DIGITS = 3
_WORST = 1e300
_MOST_SEARCHES = 128
_MOST_POINTS = 16_384


@dataclass(frozen=True, slots=True)
class _Constant:
    """How one constant becomes a coordinate, and back."""

    keeps_sign: float
    """1.0 or -1.0 where the sign has to stay; the coordinate is then the logarithm of the size. 0.0 where it
    may change; the coordinate is then the inverse hyperbolic sine of the value over `NEAR_ZERO`."""

    def coordinate(self, value: float) -> float:
        if self.keeps_sign:
            return math.log(max(abs(value), 1.0 / _LARGEST))
        return math.asinh(value / NEAR_ZERO)

    def value(self, coordinate: float) -> float:
        if self.keeps_sign:
            size = math.exp(min(max(coordinate, -math.log(_LARGEST)), math.log(_LARGEST)))
            return self.keeps_sign * float(f"{size:.{_DIGITS}g}")
        bound = math.asinh(_LARGEST / NEAR_ZERO)
        exact = NEAR_ZERO * math.sinh(min(max(coordinate, -bound), bound))
        return float(f"{exact:.{_DIGITS}g}")


class TuningOperator:
    """Draws all real constants of a program anew, from where its relatives did well."""

    name = "tuning"
    role = Role.REFINEMENT
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child with other real constants.

        Raises:
            NoProposal: There are none in the regions, or what was drawn is not new.
        """
        return first_child(request, lambda syntax: _tuned(request, syntax))


operator = TuningOperator()


def _tuned(request: Request, syntax: Syntax) -> Change:
    source = request.parents[0].source
    found = tunable(source, request.brief)
    longer = extended(source, request.brief) if len(found) < FEW_CONSTANTS else None
    if longer is not None and (not found or request.random.random() < EXTENDED_SHARE):
        source, syntax = longer.source, syntax_of(longer.source, request.brief)
        found = tunable(source, request.brief)
    else:
        longer = None
    if not found:
        raise NoProposal("the parent has no real constant that may be tuned")
    distribution = _distribution(request, source, found)
    coordinates = distribution.draw(request.random)
    edits = []
    for item, constant, coordinate in zip(found, _constants(found), coordinates, strict=True):
        value = constant.value(coordinate)
        if value != literal(item.node):
            edits.append(syntax.text.expression_edit(item.node, item.parent, item.field, number(value)))
    changed = syntax.text.edited(*edits)
    if longer is None:
        return Change(changed, found[0].region, growth=0)
    return Change(changed, longer.region, longer.growth, longer.size, longer.growth)


def tunable(source: str, brief: Brief) -> tuple[Literal, ...]:
    """The real constants that are tuned, in the order of the text. Zeros are left alone: they start sums."""
    found = [item for item in literals(source, brief) if type(value := literal(item.node)) is float and value]
    return tuple(found[:MAX_CONSTANTS])


def _constants(found: Sequence[Literal]) -> list[_Constant]:
    return [
        _Constant(0.0 if may_flip(item) else math.copysign(1.0, literal(item.node) or 1.0)) for item in found
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Distribution:
    """A normal distribution: of shape (n,) and (n, n)."""

    mean: Floats
    root: Floats
    """What standard normal numbers are multiplied by."""

    def draw(self, rng: random.Random) -> list[float]:
        normal = np.array([rng.gauss(0.0, 1.0) for _ in self.mean])
        return [float(value) for value in self.mean + self.root @ normal]


def generation_size(dimension: int) -> int:
    """How many programs make a generation; the default of CMA-ES."""
    return 4 + int(3 * math.log(dimension))


def _distribution(request: Request, source: str, found: tuple[Literal, ...]) -> _Distribution:
    """Where the next constants are drawn from, as far as the parent's family tells."""
    size = generation_size(len(found))
    background = request.background
    skeleton = Program.parse(source).skeleton
    step = _first_step(skeleton)
    if background is not None:
        relatives = _generations(background, skeleton, size)
        points = [_point(one, background, request.brief) for one in relatives]
        if points and all(len(point) == len(found) for point in points):
            return _learnt(relatives, points, size, step)
    return _Distribution(np.array(_coordinates(source, request.brief)), step * np.eye(len(found)))


def _first_step(skeleton: str) -> float:
    """The same for all programs of a family; the skeleton is in hexadecimal digits."""
    return FIRST_STEPS[int(skeleton[:8], 16) % len(FIRST_STEPS)]


def _generations(background: Background, skeleton: str, size: int) -> tuple[Relative, ...]:
    """The latest whole generations of a family. Which is the first of them changes now and then only."""
    whole, rest = divmod(background.family_size(skeleton), size)
    half = MOST_GENERATIONS // 2
    first = max(0, math.ceil(whole / half) - 2) * half
    return background.family(skeleton, (whole - first) * size, rest) if whole > first else ()


class _Search:
    """A CMA-ES that has been told of the generations of a family. It draws nothing itself."""

    def __init__(self, start: Sequence[float], size: int, step: float) -> None:
        self._size = size
        self._step = step
        self._best: tuple[float, Sequence[float]] = (math.inf, start)
        self._strategy = self._started(start)

    def tell(self, points: Sequence[Sequence[float]], scores: Sequence[float | None]) -> None:
        """One generation; a program without a score is worse than any that has one."""
        losses = [_WORST if score is None else -score for score in scores]
        self._best = min(self._best, *zip(losses, points, strict=True), key=lambda pair: pair[0])
        self._strategy.ask()  # brings the axes of the distribution up to date; what it draws is not used
        self._strategy.tell([np.array(point) for point in points], losses, check_points=True)
        if self._strategy.sigma * max(self._strategy.D) < SMALLEST_STEP:
            self._strategy = self._started(self._best[1])

    def distribution(self) -> _Distribution:
        """Where the next generation comes from."""
        strategy = self._strategy
        strategy.sm.update_now()
        return _Distribution(np.array(strategy.mean), strategy.sigma * np.array(strategy.B) * strategy.D)

    def _started(self, point: Sequence[float]) -> Any:
        # Imported here because that takes half a second, and most runs do without.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses matplotlib, with which it could draw
            import cma  # type: ignore[import-untyped]  # it ships no types

        # Draws are thrown away, so a constant stream will do; without one the package uses a global one.
        # Nor are mirrored draws of any use, which the package makes, and misses, where generations are small.
        options = {
            "popsize": self._size,
            "randn": _same_numbers,
            "seed": math.nan,
            "verbose": -9,
            "CMA_mirrors": 0,
        }
        return cma.CMAEvolutionStrategy(np.array(point), self._step, options)


def _same_numbers(*shape: int) -> Floats:
    return np.random.default_rng(0).standard_normal(shape)


_searches: OrderedDict[tuple[str, ...], tuple[_Search, _Distribution]] = OrderedDict()
"""By the relatives told of. A search goes on where the generations before the last are known."""


def _learnt(
    relatives: Sequence[Relative], points: Sequence[Sequence[float]], size: int, step: float
) -> _Distribution:
    """What CMA-ES makes of whole generations. A cache saves most of the work, and changes nothing."""
    key = tuple(one.id for one in relatives)
    found = _searches.get(key)
    if found is None:
        before = _searches.pop(key[:-size], None)
        search, told = (_Search(points[0], size, step), 0) if before is None else (before[0], len(key) - size)
        for first in range(told, len(key), size):
            generation = slice(first, first + size)
            search.tell(points[generation], [one.score for one in relatives[generation]])
        found = search, search.distribution()
        _searches[key] = found
        if len(_searches) > _MOST_SEARCHES:
            _searches.popitem(last=False)
    return found[1]


@lru_cache(maxsize=4)
def _known_points(brief: Brief) -> OrderedDict[str, tuple[float, ...]]:
    """Coordinates by program; those of a program never change."""
    return OrderedDict()


def _point(relative: Relative, background: Background, brief: Brief) -> tuple[float, ...]:
    """The coordinates of a relative."""
    known = _known_points(brief)
    found = known.get(relative.id)
    if found is None:
        found = known[relative.id] = _coordinates(background.program(relative.id).source, brief)
        if len(known) > _MOST_POINTS:
            known.popitem(last=False)
    return found


def _coordinates(source: str, brief: Brief) -> tuple[float, ...]:
    try:
        found = tunable(source, brief)
    except ProgramError:
        return ()
    values = [literal(item.node) or 0.0 for item in found]
    return tuple(one.coordinate(value) for one, value in zip(_constants(found), values, strict=True))
