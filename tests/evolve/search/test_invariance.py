"""No strategy may see the scale, the shift or the sign of scores: only which of two is greater."""

import math
from collections import deque
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.registry import STRATEGY, find, names
from evolve.search.base import Result, Selection, Strategy
from tests.evolve.search.conformance import FATES, LAG, SETUP, Fate

NAMES = names(STRATEGY)
INCREASING: dict[str, Callable[[float], float]] = {
    "tiny": lambda score: score * 2.0**-30,
    "huge": lambda score: score * 1e9,
    "negative": lambda score: score - 5.0,
    "around zero": lambda score: 3.0 * score - 4.0,
    "convex": lambda score: math.exp(3.0 * score),
    "concave": lambda score: -1.0 / score,
}


def selections(
    kind: type[Strategy], fates: Sequence[Fate], seed: int, bend: Callable[[float], float]
) -> list[Selection]:
    """What a strategy selects when each score that it is told has gone through `bend`."""
    strategy = kind.start(SETUP)
    found: list[Selection] = []
    waiting = deque([Selection(())])
    for number, fate in enumerate(fates):
        strategy.tell(_result(number, waiting.popleft(), fate, bend))
        for asked in range(1, LAG + 1) if number == 0 else (number + LAG,):
            found.append(strategy.ask(asked, stream(seed, "select", asked)))
            waiting.append(found[-1])
    return found


def _result(number: int, selection: Selection, fate: Fate, bend: Callable[[float], float]) -> Result:
    scores = fate.scores or ()
    return Result(
        number=number,
        selection=selection,
        operator="anything",
        program=f"{number:032x}" if fate.new else None,
        score=bend(sum(scores) / len(scores)) if scores else None,
        scores=tuple(bend(score) for score in scores),
        size=fate.size,
    )


@pytest.mark.parametrize("bend", INCREASING)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(fates=FATES, seed=st.integers())
def test_increasing_transformations_change_no_choice(
    name: str, bend: str, fates: list[Fate], seed: int
) -> None:
    kind = find(STRATEGY, name)
    assert selections(kind, fates, seed, INCREASING[bend]) == selections(kind, fates, seed, lambda one: one)


@pytest.mark.parametrize("bend", INCREASING)
@pytest.mark.parametrize("name", NAMES)
def test_long_searches_too(name: str, bend: str) -> None:
    """Long enough for migrations, re-binnings, restarts and changes of turn."""
    draw = stream(7, "scores", 0)
    fates = [
        Fate(scores=(draw.randrange(512, 2048) / 1024, draw.randrange(512, 2048) / 1024), size=number % 7)
        for number in range(700)
    ]
    kind = find(STRATEGY, name)
    assert selections(kind, fates, 3, INCREASING[bend]) == selections(kind, fates, 3, lambda one: one)
