"""Arms by what they gain for what they cost, learnt on the way.

Gain. A program gains if it is valid and better than its parent: then between 0 and 1, by its rank among the
latest scores of the run. All else gains nothing. Only comparisons enter, so the scale, the shift and the
sign of scores mean nothing, and a huge leap counts no more than a clear one. Comparison-based credit for
operators: Fialho, Schoenauer and Sebag, GECCO 2010.

Price. What the calls of an arm have cost on average, in typical calls, and `PLACE` for what every proposal
costs besides. A typical call is the lower median over the arms that cost anything. So an arm that is free
is cheaper than a typical one by a fixed factor, (1 + PLACE) / PLACE = 11, and not infinitely, and the ratio
of two dear arms is nearly that of their costs.

Choice. Thompson sampling of gain per price, as Xia et al., IJCAI 2015, do for a budget: for each arm a rate
of gain is drawn from a Gamma posterior and divided by the price, and the greatest wins. That tolerates late
news (Chapelle and Li, NIPS 2011); besides, what is in flight counts as pulls that have gained nothing yet.
The prior is that all arms gain alike, as much as all together do, with a certainty of one gain. Pulls,
gains and costs of all arms are discounted with each result told (Garivier and Moulines, ALT 2011), so an
arm that has not been pulled for long is uncertain again, and what worked at first need not be believed
later.

Weights. Every arm is tried once, in an order drawn by weight. After that the weights are worth `TRIALS`
results for each arm: while fewer have been told most arms are drawn by weight, and later still a few in a
hundred.

How this differs from the AsymmetricUCB of ShinkaEvolve (`shinka/llm/prioritization.py`), and why: its
reward, exp(child - parent) - 1, is in units of the score and is divided by the largest of late, so that the
scale of a problem changes the search and one leap makes all other gains look like nothing. Its bonus for
exploring counts pulls that are never discounted, beside gains that are, so that an arm that was once out of
favour is seldom looked at again. Its term for the price is added: a cheap arm has it whether or not it
gains anything, and one that is free takes it away from all others. AdaEvolve's bandit over islands divides
improvements by the best score, which depends on where zero is, and its bonus counts undiscounted visits too.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from evolve.search.arms import Arm, Pull

HORIZON = 400
"""Results after which an earlier one counts for 1/e."""
WINDOW = 64
"""Scores that a new one is ranked among."""
TRIALS = 1.0
"""Results for each arm that the weights are worth."""
PLACE = 0.1
"""What a proposal costs beside its calls, in typical calls: its evaluation and its place in the row."""
CERTAINTY = 1.0
"""Gains that the prior of each arm is worth."""
EXPECTED_GAIN, EXPECTED_PULLS = 0.5, 5.0
"""What all arms together are taken to have gained, in so many pulls, before anything is told."""

_KEPT = 1.0 - 1.0 / HORIZON


class _Memory(msgspec.Struct):
    """The state. The lists have a place for each arm; what was told is discounted."""

    pulls: list[float]
    gains: list[float]
    costs: list[float]
    """US dollars."""
    flying: list[int]
    """Begun and not told."""
    scores: list[float] = []
    """The latest, oldest first."""


class Bandit:
    """See the module."""

    def __init__(self, arms: Sequence[Arm], memory: _Memory) -> None:
        self._arms = arms
        self._memory = memory
        self._prices = _prices(arms, memory)

    @classmethod
    def start(cls, arms: Sequence[Arm]) -> Self:
        """Knows nothing but the weights."""
        count = len(arms)
        return cls(arms, _Memory([0.0] * count, [0.0] * count, [0.0] * count, [0] * count))

    @classmethod
    def restore(cls, arms: Sequence[Arm], state: Mapping[str, Any]) -> Self:
        """The bandit whose `state` this was."""
        return cls(arms, msgspec.convert(state, _Memory))

    def state(self) -> dict[str, Any]:
        """Sums for each arm, and the latest scores."""
        state: dict[str, Any] = msgspec.to_builtins(self._memory)
        return state

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        """One of some arms: an untried one, else one by weight or by Thompson sampling."""
        memory = self._memory
        untried = [arm for arm in among if not memory.pulls[arm] and not memory.flying[arm]]
        if untried:
            return self._by_weight(random, untried)
        told = sum(memory.pulls)
        trials = TRIALS * len(among)
        if random.random() * (told + trials) < trials:
            return self._by_weight(random, among)
        prior = CERTAINTY * (told + EXPECTED_PULLS) / (sum(memory.gains) + EXPECTED_GAIN)
        values = [
            random.gammavariate(CERTAINTY + memory.gains[arm], 1.0)
            / ((prior + memory.pulls[arm] + memory.flying[arm]) * self._prices[arm])
            for arm in among
        ]
        return among[values.index(max(values))]

    def begin(self, arm: int) -> None:
        """Count an arm as in flight."""
        self._memory.flying[arm] += 1

    def tell(self, pull: Pull) -> None:
        """Discount what was told before, and add what came of a proposal."""
        memory = self._memory
        memory.pulls = [_KEPT * one for one in memory.pulls]
        memory.gains = [_KEPT * one for one in memory.gains]
        memory.costs = [_KEPT * one for one in memory.costs]
        arm = pull.arm
        if arm is not None:
            memory.flying[arm] -= 1
            memory.pulls[arm] += 1.0
            memory.gains[arm] += self._gain(pull)
            memory.costs[arm] += pull.cost_usd
        self._prices = _prices(self._arms, memory)
        if pull.score is not None:
            memory.scores.append(pull.score)
            del memory.scores[:-WINDOW]

    def _gain(self, pull: Pull) -> float:
        """The rank of an improvement among the latest scores, from 0 to 1; ties count half."""
        score = pull.score
        if score is None or (pull.parent_score is not None and score <= pull.parent_score):
            return 0.0
        scores = self._memory.scores
        halves = sum((other < score) + (other <= score) for other in scores)
        return (halves + 1) / (2 * len(scores) + 1)

    def _by_weight(self, random: random.Random, among: Sequence[int]) -> int:
        return random.choices(among, [self._arms[arm].weight for arm in among])[0]


def _prices(arms: Sequence[Arm], memory: _Memory) -> list[float]:
    """The price of each arm in typical calls.

    Of an arm that was not told of yet, it is the average of its model; of a model likewise, a typical one.
    """
    spent: dict[str | None, float] = {}
    pulled: dict[str | None, float] = {}
    for arm, pulls, cost in zip(arms, memory.pulls, memory.costs, strict=True):
        spent[arm.model] = spent.get(arm.model, 0.0) + cost
        pulled[arm.model] = pulled.get(arm.model, 0.0) + pulls
    averages: dict[str | None, float] = {None: 0.0}
    averages |= {model: spent[model] / pulls for model, pulls in pulled.items() if pulls}
    costs = [
        cost / pulls if pulls else averages.get(arm.model)
        for arm, pulls, cost in zip(arms, memory.pulls, memory.costs, strict=True)
    ]
    paid = sorted(cost for cost in costs if cost)
    typical = paid[(len(paid) - 1) // 2] if paid else 1.0
    return [PLACE + (1.0 if cost is None else cost / typical) for cost in costs]
