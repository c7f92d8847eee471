"""The scales on which results on the five published broadcasts are told. They hold for those five only."""

from collections.abc import Sequence

from evolve.problem import Outcome

COST_METRIC = "total_usd"
SKYDISCOVER_COST_METRIC = "skydiscover_total_usd"

_UPPER_USD = 1199.00
_LOWER_USD = 626.24
_BROADCASTS = 5


def leaderboard_cost(outcomes: Sequence[Outcome]) -> float:
    """The sum of the costs in USD, by the rule of the ADRS leaderboard."""
    return sum(outcome.metrics[COST_METRIC] for outcome in outcomes)


def leaderboard_score(outcomes: Sequence[Outcome]) -> float:
    """The leaderboard's score: 0 at 1,199.00 USD or more, 100 at 626.24 USD or less."""
    cost = min(max(leaderboard_cost(outcomes), _LOWER_USD), _UPPER_USD)
    return 100 * (_UPPER_USD - cost) / (_UPPER_USD - _LOWER_USD)


def published_score(cost: float) -> float:
    """The leaderboard's score, not clipped, if all five broadcasts together cost five times this, in USD.

    The mean over the five is the score of all, as it is linear in cost where it is not clipped.
    """
    return 100 * (_UPPER_USD - _BROADCASTS * cost) / (_UPPER_USD - _LOWER_USD)


def skydiscover_cost(outcomes: Sequence[Outcome]) -> float:
    """The sum of the costs in USD, by SkyDiscover's rule."""
    return sum(outcome.metrics[SKYDISCOVER_COST_METRIC] for outcome in outcomes)


def skydiscover_score(outcomes: Sequence[Outcome]) -> float:
    """SkyDiscover's `combined_score`: 1 / (1 + cost)."""
    return 1 / (1 + skydiscover_cost(outcomes))
