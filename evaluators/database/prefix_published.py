"""The scales on which the literature reports results of the table-reordering benchmark."""

from collections.abc import Sequence

from evolve.problem import Outcome

ORIGINAL_HIT_RATE = 0.0696325852726434
"""Mean prefix hit rate of the five published tables in their original order (ADRS leaderboard, llm_sql)."""


def leaderboard_quality(hit_rate: float) -> float:
    """What the prefix hit rate earns on the leaderboard, 0 to 95; a short running time adds up to 5."""
    share = (hit_rate - ORIGINAL_HIT_RATE) / (1.0 - ORIGINAL_HIT_RATE)
    return 95.0 * min(1.0, max(0.0, share))


def leaderboard_score(outcomes: Sequence[Outcome]) -> float:
    """The leaderboard's score of valid outcomes, 0 to 100; meant for the five published tables.

    The leaderboard takes wall time of a parallel run; this takes CPU time, so it is never kinder.
    """
    seconds = _mean([outcome.cpu_seconds for outcome in outcomes])
    return leaderboard_quality(_mean_hit_rate(outcomes)) + 0.5 * (10.0 - min(10.0, seconds))


def skydiscover_score(outcomes: Sequence[Outcome]) -> float:
    """SkyDiscover's combined score of valid outcomes, 0 to 1: hit rate, and 5 % for less than 12 s."""
    seconds = _mean([outcome.cpu_seconds for outcome in outcomes])
    return 0.95 * _mean_hit_rate(outcomes) + 0.05 * (12.0 - min(12.0, seconds)) / 12.0


def _mean_hit_rate(outcomes: Sequence[Outcome]) -> float:
    return _mean([outcome.metrics["prefix_hit_rate"] for outcome in outcomes])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
