"""The published benchmarks of spot scheduling: their jobs, prices, scenarios and scores.

ADRS leaderboard, problems cant_be_late and cant_be_late_multi. Scores are linear in cost: 0 is the job's
duration on demand, 100 is its duration on spot instances, both without any overhead.
"""

from collections.abc import Mapping, Sequence

from evaluators.cloud.spot import HOUR, Job
from evolve.problem import Outcome

SPOT_PRICE = 0.9731
"""USD/h; p3.2xlarge, which has one V100."""
ON_DEMAND_PRICE = 3.06
GAP = 600
"""Seconds in a tick of the single-region benchmark."""
DURATION_H = 48
ON_DEMAND_COST = DURATION_H * ON_DEMAND_PRICE
SPOT_COST = DURATION_H * SPOT_PRICE

ENVIRONMENTS = (
    "us-west-2a_k80_8",
    "us-west-2b_k80_1",
    "us-west-2b_k80_8",
    "us-west-2a_v100_1",
    "us-west-2a_v100_8",
    "us-west-2b_v100_1",
)
OVERHEADS_H = ("0.02", "0.05", "0.10")
"""As the folders of the benchmark's archive write them."""
TRACES = 30
"""Traces for each environment, evenly spaced over the sorted names of the files."""
JOBS = tuple(
    Job(DURATION_H * HOUR, deadline * HOUR, overhead) for deadline in (52, 70) for overhead in (72, 180, 360)
)
"""Deadlines of 52 and 70 h, overheads of 0.02, 0.05 and 0.1 h."""

MULTI_REGION_JOB = Job(DURATION_H * HOUR, 52 * HOUR, 720)
SCENARIOS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "2_zones_same_region": (("us-east-1a", "us-east-1c"), 8),
    "2_regions_east_west": (("us-east-2a", "us-west-2a"), 8),
    "3_regions_diverse": (("us-east-1a", "us-east-2b", "us-west-2c"), 6),
    "3_zones_same_region": (("us-east-1a", "us-east-1c", "us-east-1d"), 6),
    "5_regions_high_diversity": (("us-east-1a", "us-east-1f", "us-west-2a", "us-west-2b", "us-east-2b"), 4),
    "all_9_regions": (
        (
            "us-east-2a",
            "us-west-2c",
            "us-east-1d",
            "us-east-2b",
            "us-west-2a",
            "us-east-1f",
            "us-east-1a",
            "us-west-2b",
            "us-east-1c",
        ),
        2,
    ),
}
"""Zones in the order of their indices, the first one where a job begins, and how many traces of each."""

COST_METRIC = "cost"
PUBLISHED_COST_METRIC = "published_cost"


def score(cost: float) -> float:
    """The score of a mean cost in USD, not clipped; it is published for jobs of 48 h at these prices."""
    return 100.0 * (ON_DEMAND_COST - cost) / (ON_DEMAND_COST - SPOT_COST)


def single_region_score(outcomes: Sequence[Outcome]) -> float:
    """The leaderboard's score of a program from its outcomes on all 180 traces, before it is rounded."""
    return _clipped(score(_mean([outcome.metrics[COST_METRIC] for outcome in outcomes])))


def multi_region_score(outcomes: Sequence[Outcome], metric: str = PUBLISHED_COST_METRIC) -> float:
    """The leaderboard's score of a program from its outcomes on all 34 traces, before it is rounded.

    Every scenario counts the same. The name of an instance is that of its scenario and, after the last
    hyphen, the number of the trace.
    """
    costs: dict[str, list[float]] = {}
    for outcome in outcomes:
        costs.setdefault(outcome.instance.rpartition("-")[0], []).append(outcome.metrics[metric])
    return _clipped(score(_mean([_mean(of_scenario) for of_scenario in costs.values()])))


def _clipped(value: float) -> float:
    return max(0.0, min(100.0, value))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
