"""The scales on which the literature reports results of the expert-placement benchmark."""

from collections.abc import Sequence

from evolve.problem import Outcome


def leaderboard_quality(balancedness_gpu: float) -> float:
    """What balancedness over GPUs earns on the ADRS leaderboard (problem eplb), 0 to 90."""
    return 90.0 * balancedness_gpu


def leaderboard_score(outcomes: Sequence[Outcome]) -> float:
    """The leaderboard's score of valid outcomes: up to 10 for speed is added, up to 20 taken for slowness.

    The leaderboard times calls by the clock in the program's own process; this takes CPU time, measured from
    outside.
    """
    seconds = _seconds_of_a_call(outcomes)
    bonus = 5.0 * min(0.002 / seconds, 2.0) if seconds > 0.0 else 10.0
    penalty = min(20.0 * seconds, 20.0) if seconds > 0.01 else 0.0
    return leaderboard_quality(_mean(outcomes, "balancedness_gpu")) + bonus - penalty


def skydiscover_score(outcomes: Sequence[Outcome]) -> float:
    """SkyDiscover's combined score of valid outcomes: balancedness over experts, and speed.

    The speed of 2 ms a call counts as much as perfect balance. There the time of the scorer's own
    simulation is part of the call; here it is not, so that values of programs which take less than some 10
    ms come out higher.
    """
    seconds = max(_seconds_of_a_call(outcomes), 1e-9)
    return (_mean(outcomes, "balancedness_expert") + 0.002 / seconds) / 2.0


def _seconds_of_a_call(outcomes: Sequence[Outcome]) -> float:
    calls = sum(outcome.metrics["rebalances"] for outcome in outcomes)
    return sum(outcome.cpu_seconds for outcome in outcomes) / calls


def _mean(outcomes: Sequence[Outcome], metric: str) -> float:
    return sum(outcome.metrics[metric] for outcome in outcomes) / len(outcomes)
