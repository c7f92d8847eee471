"""Makespans on the scales on which the literature reports them.

ADRS leaderboard, problem txn_scheduling: over the three workloads together, 0 is the makespan of the order in
which the transactions are listed, and 100 is a tenth of the way from the longest transactions, which would
be the makespans without any conflict, to that. SkyDiscover: a million divided by one more than the makespan.
"""

from collections.abc import Sequence

from evolve.problem import Outcome

_SHIFT = 0.1


def leaderboard_score(makespan: float, sequential: float, longest: float) -> float:
    """The leaderboard's score, 0 to 100, from makespans that are summed over the workloads."""
    if makespan >= sequential:
        return 0.0
    best = longest + _SHIFT * (sequential - longest)
    return min(100.0, 100.0 * (sequential - makespan) / (sequential - best))


def skydiscover_score(makespan: float) -> float:
    """SkyDiscover's score, from the makespan summed over the workloads."""
    return 1e6 / (1.0 + makespan)


def published_scores(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Both scores of one program from all its outcomes; they are published for the benchmark's workloads."""
    makespan, sequential, longest = (
        sum(outcome.metrics[metric] for outcome in outcomes)
        for metric in ("makespan", "sequential_makespan", "longest_transaction")
    )
    return {
        "leaderboard": leaderboard_score(makespan, sequential, longest),
        "skydiscover": skydiscover_score(makespan),
    }
