"""How well choosers find out what pays, and what steering costs.

The world is made up: arms with known chances to improve on a parent and known prices, which change when half
of the budget is spent. What a proposal brings is told `lag` proposals later. The oracle knows all of it and
takes the arm with the most improvements for a dollar; what is printed is the share of its improvements.
"""

import math
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import pytest

from evolve.randomness import stream
from evolve.search.arms import Arm, Pull
from evolve.search.bandit import Bandit
from evolve.search.base import Meaning, Result, Selection, Setup, Verdict
from evolve.search.best_of_n import BestOfN
from evolve.search.steering import Choice, Steering
from evolve.search.weights import Weights
from tests.evolve.search.steered import MODELS, PLAN

pytestmark = pytest.mark.benchmark
SEEDS = 24
LAGS = (12, 24)
SEED_SCORE = 1.0
LIMIT_US = 50.0


class Nature(msgspec.Struct, frozen=True):
    """An arm as it really is."""

    operator: str
    model: str | None
    before: float
    """The chance that its child beats the parent, until half of the budget is spent."""
    after: float
    usd: float = 0.0
    """Mean price of a proposal."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Arms, and the budget that they share."""

    name: str
    natures: tuple[Nature, ...]
    budget_usd: float
    place_usd: float = 0.001
    """What a proposal costs beside its calls."""
    sigma: float = 0.5
    """Of the log-normal price."""

    def chance(self, arm: int, late: bool) -> float:
        """That a proposal is an improvement."""
        return self.natures[arm].after if late else self.natures[arm].before

    def cost(self, arm: int) -> float:
        """Of a proposal on average, US dollars."""
        return self.natures[arm].usd + self.place_usd


def _grid(models: dict[str, float], chances: dict[str, Sequence[tuple[float, float]]]) -> tuple[Nature, ...]:
    """For each operator the chances with each model, before and after."""
    return tuple(
        Nature(operator, model, before, after, models[model])
        for operator, pairs in chances.items()
        for model, (before, after) in zip(models, pairs, strict=True)
    )


WORLDS = (
    World(
        name="cheap model first, dear one later",
        natures=_grid(
            {"cheap": 0.002, "dear": 0.03},
            {
                "crossover": [(0.03, 0.003), (0.15, 0.10)],
                "edit": [(0.08, 0.004), (0.20, 0.15)],
                "rewrite": [(0.05, 0.002), (0.20, 0.20)],
            },
        ),
        budget_usd=6.0,
    ),
    World(
        name="offline operators run dry",
        natures=(
            Nature("constants", None, 0.10, 0.001),
            Nature("expressions", None, 0.06, 0.002),
            Nature("crossover", "model", 0.05, 0.03, 0.01),
            Nature("edit", "model", 0.12, 0.08, 0.01),
            Nature("rewrite", "model", 0.06, 0.10, 0.01),
        ),
        budget_usd=8.0,
    ),
    World(
        name="nine arms of one price, another best",
        natures=_grid(
            {"a": 0.01, "b": 0.01, "c": 0.01},
            {
                "crossover": [(0.02, 0.02), (0.02, 0.02), (0.02, 0.15)],
                "edit": [(0.02, 0.02), (0.15, 0.02), (0.02, 0.02)],
                "rewrite": [(0.02, 0.02), (0.04, 0.04), (0.02, 0.02)],
            },
        ),
        budget_usd=15.0,
    ),
    World(
        name="prices with a heavy tail",
        natures=_grid(
            {"cheap": 0.003, "dear": 0.03},
            {"edit": [(0.10, 0.02), (0.14, 0.25)], "rewrite": [(0.04, 0.02), (0.20, 0.20)]},
        ),
        budget_usd=8.0,
        sigma=1.5,
    ),
)


class Picker(Protocol):
    """The part of a chooser that is compared."""

    def choose(self, random: random.Random, among: Sequence[int]) -> int: ...

    def begin(self, arm: int) -> None: ...

    def tell(self, pull: Pull) -> None: ...


class Oracle:
    """Knows the world, and how much of the budget is spent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._spent = 0.0

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        world, late = self._world, self._spent >= self._world.budget_usd / 2
        return max(among, key=lambda arm: world.chance(arm, late) / world.cost(arm))

    def begin(self, arm: int) -> None:
        self._spent += self._world.cost(arm)

    def tell(self, pull: Pull) -> None:
        """Nothing is news."""


class AsymmetricUcb:
    """The bandit of ShinkaEvolve 0.0.7 (`shinka/llm/prioritization.py`) with the defaults of its runner.

    There its arms are models; here they are the same as everybody's.
    """

    def __init__(self, arms: Sequence[Arm]) -> None:
        count = len(arms)
        self._sums, self._weights = [0.0] * count, [0.0] * count
        self._submitted, self._completed = [0] * count, [0] * count
        self._usd = [0.0] * count
        self._paid: list[float] = []
        self._largest = 0.0

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        unseen = [arm for arm in among if not self._submitted[arm]]
        if unseen:
            return random.choice(unseen)
        scores = self._scores()
        best = max(scores)
        winners = [arm for arm in among if scores[arm] == best]
        losers = [arm for arm in among if scores[arm] < best]
        return random.choice(losers if losers and random.random() < 0.2 else winners)

    def _scores(self) -> list[float]:
        log = 2 * math.log(max(sum(self._submitted), 2))
        gains = [mean / self._largest if self._largest else 0.0 for mean in self._means()]
        scores = [gain + math.sqrt(log / pulls) for gain, pulls in zip(gains, self._submitted, strict=True)]
        if not self._paid:
            return scores
        done = [max(count, 1) for count in self._completed]
        costs = [usd / count for usd, count in zip(self._usd, done, strict=True)]
        usual = statistics.median(cost for cost, count in zip(costs, self._completed, strict=True) if count)
        width = 0.1 * (max(self._paid) - min(self._paid))
        cheapness = [
            max(usual, 1e-7) / max(cost - width * math.sqrt(log / count), 1e-7)
            for cost, count in zip(costs, done, strict=True)
        ]
        top = max(cheapness)
        return [0.5 * score + 0.5 * cheap / top for score, cheap in zip(scores, cheapness, strict=True)]

    def _means(self) -> list[float]:
        return [total / max(weight, 1e-7) for total, weight in zip(self._sums, self._weights, strict=True)]

    def begin(self, arm: int) -> None:
        self._submitted[arm] += 1

    def tell(self, pull: Pull) -> None:
        assert pull.arm is not None
        assert pull.parent_score is not None
        baseline = max(pull.parent_score, SEED_SCORE)
        gain = 0.0 if pull.score is None else math.expm1(max(0.0, pull.score - baseline))
        self._largest = max(self._largest, gain)
        self._sums[pull.arm] += gain
        self._weights[pull.arm] += 1.0
        self._completed[pull.arm] += 1
        self._usd[pull.arm] += pull.cost_usd
        self._paid = [min([pull.cost_usd, *self._paid]), max([pull.cost_usd, *self._paid])]
        self._weights = [0.95 * one for one in self._weights]
        self._sums = [0.95 * one / (1 + 0.05 * one) for one in self._sums]
        self._largest = max(0.95 * self._largest / (1 + 0.05 * self._largest), *self._means())


class Landscape:
    """Scores as a search sees them: parents by tournament from the best so far, leaps with a heavy tail."""

    def __init__(self, stream: random.Random) -> None:
        self._stream = stream
        self._members = [SEED_SCORE]

    def attempt(self, chance: float) -> tuple[float | None, float]:
        """The child's score, None where it failed, and the parent's."""
        stream, members = self._stream, self._members
        parent = members[min(stream.randrange(len(members)) for _ in range(3))]
        if stream.random() < chance:
            child = parent + 0.01 * math.exp(stream.gauss(0.0, 1.5))
        elif stream.random() < 0.3:
            return None, parent
        else:
            child = parent - 0.05 * math.exp(stream.gauss(0.0, 1.0))
        self._members = sorted([*members, child], reverse=True)[:24]
        return child, parent


def improvements(world: World, picker: Picker, lag: int, seed: int) -> float:
    """How many improvements are to be expected from what is chosen until the budget is spent."""
    nature = stream(seed, "nature", 0)
    landscape = Landscape(nature)
    flying: deque[Pull] = deque()
    arms = range(len(world.natures))
    spent = found = 0.0
    number = 0
    while spent < world.budget_usd:
        number += 1
        arm = picker.choose(stream(seed, "choose", number), arms)
        picker.begin(arm)
        chance = world.chance(arm, late=spent >= world.budget_usd / 2)
        score, parent = landscape.attempt(chance)
        usd = world.natures[arm].usd * math.exp(nature.gauss(0.0, world.sigma) - world.sigma**2 / 2)
        flying.append(Pull(arm=arm, score=score, parent_score=parent, cost_usd=usd))
        spent += world.cost(arm)
        found += chance
        if len(flying) == lag:
            picker.tell(flying.popleft())
    return found


CHOOSERS: dict[str, Callable[[Sequence[Arm]], Picker]] = {
    "uniform": Weights.start,
    "AsymmetricUCB": AsymmetricUcb,
    "bandit": Bandit.start,
}


def _share(world: World, make: Callable[[Sequence[Arm]], Picker], lag: int) -> float:
    arms = tuple(Arm(nature.operator, nature.model, 1.0) for nature in world.natures)
    best = improvements(world, Oracle(world), lag, 0)
    return statistics.fmean(improvements(world, make(arms), lag, seed) for seed in range(SEEDS)) / best


@pytest.mark.parametrize("lag", LAGS)
def test_share_of_what_an_oracle_would_have_found(lag: int) -> None:
    print(f"\nshare of the oracle's improvements, lag {lag}, mean of {SEEDS} seeds; regret is the rest")
    print(f"  {'':40s}" + "".join(f"{name:>15s}" for name in CHOOSERS))
    for world in WORLDS:
        shares = {name: _share(world, make, lag) for name, make in CHOOSERS.items()}
        print(f"  {world.name:40s}" + "".join(f"{share:15.2f}" for share in shares.values()))
        assert shares["bandit"] > 1.3 * shares["uniform"]
        assert shares["bandit"] > 1.15 * shares["AsymmetricUCB"]


class Still(BestOfN):
    """Costs next to nothing, so that what is measured is steering."""

    def ask(self, number: int, random: random.Random) -> Selection:
        return _SELECTION

    def tell(self, result: Result) -> Verdict:
        return _VERDICT


_SELECTION = Selection(("0" * 32,), ("1" * 32, "2" * 32))
_VERDICT = Verdict(Meaning.NOT_BETTER)


def _seconds(choice: str, proposals: int, lag: int) -> tuple[float, float]:
    """CPU time of all selects and of all tells."""
    plan = msgspec.structs.replace(PLAN, choice=choice)
    steering = Steering.start(Still, Setup(("1" * 32,)), plan)
    streams = [random.Random(number) for number in range(proposals + lag)]
    choices: deque[Choice] = deque()
    selecting = telling = 0.0
    for number in range(proposals + lag):
        start = time.process_time()
        choices.append(steering.select(number, streams[number]))
        selecting += time.process_time() - start
        if number < lag:
            continue
        choice_made = choices.popleft()
        crashed = number % 5 == 0
        result = Result(
            number=number - lag,
            selection=choice_made.selection,
            operator=choice_made.operator,
            model=choice_made.model,
            program=f"{number:032x}",
            score=None if crashed else 1.0 + number * 7919 % 1000 / 1000,
            status="crashed" if crashed else "ok",
            parent_score=1.5,
            cost_usd=0.01,
        )
        start = time.process_time()
        steering.tell(result)
        telling += time.process_time() - start
    return selecting, telling


@pytest.mark.parametrize("choice", ["weights", "bandit"])
def test_cost_of_steering(choice: str) -> None:
    proposals, lag = 3000, 12
    rounds = [_seconds(choice, proposals, lag) for _ in range(3)]
    select_us = 1e6 * min(select for select, _ in rounds) / (proposals + lag)
    tell_us = 1e6 * min(tell for _, tell in rounds) / proposals
    print(f"\n{choice}, {len(MODELS)} models: select {select_us:.0f} us, tell {tell_us:.0f} us")
    assert select_us <= LIMIT_US
    assert tell_us <= LIMIT_US
