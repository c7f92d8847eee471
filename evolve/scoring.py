"""From values to scores: what a program earned, beside the best published human design.

Per instance, the ratio of the program's value to the reference baseline's, oriented so that higher is better;
over instances, the geometric mean. The reference is the shipped baseline that is best on the split. So 1.00
is the best human design, and 1.25 is 25 % better, on every problem.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from evolve.problem import Direction, Objective, Outcome, Status

Values = Mapping[str, float]
"""The value of the first objective on each instance, by the instance's name."""

CPU_SECONDS = "cpu_seconds"
"""The metric that the executor measures."""
_SCORED = frozenset({Status.OK, Status.SUSPECT})


class ScoreError(ValueError):
    """A problem measured a value of which no ratio can be formed."""


class Reference(msgspec.Struct, frozen=True):
    """The yardstick of a split: the baseline that is best on it, and its value on each instance."""

    baseline: str
    direction: Direction
    values: dict[str, float]

    def score(self, instance: str, value: float) -> float:
        """The score of `value` on `instance`; 1.0 is the reference's own.

        Raises:
            ScoreError: One of the two values, or their ratio, is not a positive finite number.
        """
        return _ratio(value, self.values[instance], self.direction, instance)


class Judgement(msgspec.Struct, frozen=True):
    """What the outcomes of a program on a split add up to."""

    status: Status
    score: float | None
    scores: dict[str, float]
    """The score on each instance that has one, by the instance's name."""


def choose_reference(baselines: Mapping[str, Values], direction: Direction) -> Reference:
    """The best of `baselines`, which all have a value on every instance; the first of equals.

    Raises:
        ScoreError: There is no baseline, or a value is not a positive finite number.
    """
    if not baselines:
        raise ScoreError("no baseline is valid on every instance, so there is nothing to score against")
    yardstick = next(iter(baselines.values()))

    def merit(values: Values) -> float:
        return geometric_mean([_ratio(values[name], yardstick[name], direction, name) for name in yardstick])

    best = max(baselines, key=lambda name: merit(baselines[name]))
    return Reference(baseline=best, direction=direction, values=dict(baselines[best]))


def judge(outcomes: Sequence[Outcome], expected: int, reference: Reference) -> Judgement:
    """Add up the outcomes of one program on one split of `expected` instances.

    The status is the first failure's, else `suspect` if any outcome is, else `ok`. A failure leaves no
    score, and so does an outcome that is missing.
    """
    scores = {
        outcome.instance: reference.score(outcome.instance, outcome.value)
        for outcome in outcomes
        if outcome.status in _SCORED and outcome.value is not None
    }
    failed = next((outcome.status for outcome in outcomes if outcome.status not in _SCORED), None)
    if failed is not None or len(scores) < expected:
        return Judgement(status=failed or Status.INFRASTRUCTURE, score=None, scores=scores)
    suspect = any(outcome.status is Status.SUSPECT for outcome in outcomes)
    status = Status.SUSPECT if suspect else Status.OK
    return Judgement(status=status, score=geometric_mean(list(scores.values())), scores=scores)


def merits(score: float, outcomes: Sequence[Outcome], objectives: Sequence[Objective]) -> tuple[float, ...]:
    """What a program reached in each objective, oriented so that higher is better.

    The first is the score. Each further one is the mean of its metric over the instances, in its unit, and
    with the other sign where less is better. CPU time is left out: it is measured anew each time, and what a
    strategy selects by has to be the same at any number of workers. Empty where a metric was not measured on
    every instance.
    """
    found = [score]
    for objective in objectives[1:]:
        if objective.metric == CPU_SECONDS:
            continue
        values = [one.metrics.get(objective.metric, math.nan) for one in outcomes]
        if not values or not all(map(math.isfinite, values)):
            return ()
        mean = math.fsum(values) / len(values)
        found.append(-mean if objective.direction is Direction.MINIMISE else mean)
    return tuple(found)


def beats(value: float, bound: float, direction: Direction) -> bool:
    """Whether `value` is better than a bound that nothing valid can beat, beyond rounding."""
    margin = 1e-9 * abs(bound)
    return value < bound - margin if direction is Direction.MINIMISE else value > bound + margin


def gap(value: float, bound: float, direction: Direction) -> float:
    """How far `value` is from `bound`, as a share of the bound; 0.0 is on it, 0.2 is 20 % worse.

    Of a bound of 0 there are no shares: whatever is not on it is infinitely far.
    """
    if bound == 0.0:
        return 0.0 if value == 0.0 else math.inf
    return value / bound - 1.0 if direction is Direction.MINIMISE else 1.0 - value / bound


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers, summed exactly so that their order does not matter."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def _ratio(value: float, reference: float, direction: Direction, instance: str) -> float:
    if not (0.0 < value < math.inf and 0.0 < reference < math.inf):
        raise ScoreError(
            f"{instance}: no ratio can be formed of the value {value:g} and the reference {reference:g};"
            " values have to be positive and finite"
        )
    ratio = reference / value if direction is Direction.MINIMISE else value / reference
    if not 0.0 < ratio < math.inf:
        raise ScoreError(f"{instance}: the value {value:g} is too far from the reference {reference:g}")
    return ratio
