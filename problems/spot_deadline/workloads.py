"""The workloads of the problem: what is generated for each split."""

from functools import cache

import msgspec
import numpy as np

from evaluators.cloud.spot import HOUR, Job, SpotWorkload, single_market
from evaluators.cloud.spot_generator import MARKETS, generate_availability
from evaluators.cloud.spot_published import ENVIRONMENTS, JOBS, ON_DEMAND_PRICE, SPOT_PRICE
from evolve.problem import Instance, Split

_HOURS = 72
"""Length of a market; longer than every deadline."""


class _Case(msgspec.Struct, frozen=True):
    """A market, by its name in `MARKETS`, and the jobs that meet it."""

    market: str
    jobs: tuple[Job, ...]
    spot_price: float = SPOT_PRICE


def _jobs(*hours: tuple[int, int, int]) -> tuple[Job, ...]:
    """Jobs from hours of work, hours to the deadline and seconds of overhead."""
    return tuple(Job(duration * HOUR, deadline * HOUR, overhead) for duration, deadline, overhead in hours)


_SEARCH_CASES = tuple(_Case(environment, JOBS) for _ in range(2) for environment in ENVIRONMENTS)
"""Cases of `train` and `validation`: the published markets and jobs."""

_LONG_OVERHEAD = _jobs((48, 52, 720), (48, 60, 720), (48, 70, 1080))
_MIXED = _jobs((48, 56, 180), (36, 60, 600), (20, 24, 300), (24, 48, 900))
_TEST_CASES = (
    _Case("us-west-2a_k80_1", JOBS),
    _Case("us-west-2b_v100_8", _LONG_OVERHEAD),
    _Case("us-east-1c", _MIXED),
    _Case("us-west-2a_x16", _LONG_OVERHEAD, 1.55),
    _Case("us-west-2a_v100_8", _MIXED),
    _Case("us-east-2a", _MIXED, 0.94),
    _Case("us-west-2b_k80_8", _LONG_OVERHEAD),
    _Case("us-east-1d", _MIXED, 1.26),
    _Case("us-east-2b_x16", _MIXED, 1.55),
    _Case("us-west-2a_v100_1", _LONG_OVERHEAD),
    _Case("us-west-2b", _MIXED, 1.01),
    _Case("us-west-2b_k80_1", _LONG_OVERHEAD),
)
"""Other markets, with ticks of 195 and 300 s beside those of 600 s; other prices, jobs and overheads."""

_FIRST_SEED = {Split.TRAIN: 21000, Split.VALIDATION: 22000, Split.TEST: 23000}


@cache
def generated_workloads(split: Split) -> tuple[Instance[SpotWorkload], ...]:
    """The generated workloads of a split, named after their number and market."""
    cases = _TEST_CASES if split is Split.TEST else _SEARCH_CASES
    return tuple(
        Instance(f"{split.value}-{number:02d}-{case.market}", _generate(case, _FIRST_SEED[split] + number))
        for number, case in enumerate(cases, 1)
    )


def _generate(case: _Case, seed: int) -> SpotWorkload:
    model = MARKETS[case.market]
    ticks = _HOURS * HOUR // model.gap
    available = generate_availability(model, ticks, np.random.RandomState(seed))
    return SpotWorkload(single_market(available, model.gap, case.spot_price, ON_DEMAND_PRICE), case.jobs)
