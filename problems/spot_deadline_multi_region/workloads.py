"""The workloads of the problem: what is generated for each split."""

from functools import cache

import msgspec
import numpy as np

from evaluators.cloud.spot import HOUR, Job, Market, SpotWorkload
from evaluators.cloud.spot_generator import MARKETS, generate_availability, generate_prices
from evaluators.cloud.spot_published import MULTI_REGION_JOB, ON_DEMAND_PRICE
from evolve.problem import Instance, Split

_PRICE_STEP_H = 4
"""Hours between changes of a spot price, on average."""

_CENTS = {
    "us-east-1a": 155,
    "us-east-1c": 131,
    "us-east-1d": 126,
    "us-east-1f": 129,
    "us-east-2a": 94,
    "us-east-2b": 94,
    "us-west-2a": 100,
    "us-west-2b": 101,
    "us-west-2c": 100,
    "us-east-2b_x16": 94,
    "us-west-2a_x16": 100,
    "us-west-2c_x16": 100,
}
"""Typical spot prices of p3.2xlarge in 2023, in cents an hour."""


class _Case(msgspec.Struct, frozen=True):
    """The zones of a market, by their names in `MARKETS` and in the order of their indices, and a job."""

    name: str
    zones: tuple[str, ...]
    job: Job = MULTI_REGION_JOB


def _job(duration: int, deadline: int, overhead: int) -> Job:
    """A job from hours of work, hours to the deadline and seconds of overhead."""
    return Job(duration * HOUR, deadline * HOUR, overhead)


_SEARCH_CASES = (
    _Case("2-zones-a", ("us-east-1a", "us-east-1c")),
    _Case("3-regions", ("us-east-1a", "us-east-2b", "us-east-1d"), _job(48, 60, 720)),
    _Case("2-regions-a", ("us-east-1f", "us-east-2a"), _job(36, 44, 360)),
    _Case("5-zones", ("us-east-1a", "us-east-1c", "us-east-1d", "us-east-1f", "us-east-2b")),
    _Case("3-zones", ("us-east-1a", "us-east-1c", "us-east-1d"), _job(24, 28, 720)),
    _Case("2-zones-b", ("us-east-1d", "us-east-1f")),
    _Case("4-regions", ("us-east-1c", "us-east-2a", "us-east-1a", "us-west-2a"), _job(48, 56, 1080)),
    _Case("2-regions-b", ("us-east-2b", "us-east-1a"), _job(20, 28, 180)),
    _Case("3-zones-b", ("us-east-1f", "us-east-1d", "us-east-1a")),
    _Case("2-zones-c", ("us-east-1c", "us-east-1a"), _job(36, 40, 540)),
)
"""Cases of `train` and `validation`: a few zones, and the published job or another one, since what is found
on jobs that are all alike holds for no other. Any first few are a fair sample."""

_TEST_CASES = (
    _Case("2-zones", ("us-east-1a", "us-east-1c"), _job(48, 60, 720)),
    _Case("2-east-west", ("us-east-2a", "us-west-2a")),
    _Case("3-diverse", ("us-east-1a", "us-east-2b", "us-west-2c")),
    _Case("3-x16", ("us-east-2b_x16", "us-west-2a_x16", "us-west-2c_x16"), _job(48, 56, 600)),
    _Case("2-x16", ("us-west-2c_x16", "us-east-2b_x16"), _job(36, 48, 300)),
    _Case("6-east", ("us-east-1a", "us-east-1c", "us-east-1d", "us-east-1f", "us-east-2a", "us-east-2b")),
    _Case("3-zones", ("us-east-1a", "us-east-1c", "us-east-1d"), _job(40, 48, 1200)),
    _Case("2-short", ("us-east-1d", "us-east-1a"), _job(16, 24, 720)),
    _Case(
        "9-regions",
        (
            "us-east-1a",
            "us-east-1d",
            "us-east-1c",
            "us-east-1f",
            "us-east-2b",
            "us-east-2a",
            "us-west-2a",
            "us-west-2c",
            "us-west-2b",
        ),
    ),
)
"""Up to nine zones, scarcer markets, and other jobs."""

_FIRST_SEED = {Split.TRAIN: 31000, Split.VALIDATION: 32000, Split.TEST: 33000}


@cache
def generated_workloads(split: Split) -> tuple[Instance[SpotWorkload], ...]:
    """The generated workloads of a split, named after their number and zones."""
    cases = _TEST_CASES if split is Split.TEST else _SEARCH_CASES
    return tuple(
        Instance(f"{split.value}-{number:02d}-{case.name}", _generate(case, _FIRST_SEED[split] + number))
        for number, case in enumerate(cases, 1)
    )


def _generate(case: _Case, seed: int) -> SpotWorkload:
    """Zones are independent of each other; so are prices and availability."""
    stream = np.random.RandomState(seed)
    models = [MARKETS[zone] for zone in case.zones]
    (gap,) = {model.gap for model in models}
    ticks = case.job.ticks_left(0, gap) + 1
    available = np.array([generate_availability(model, ticks, stream) for model in models])
    step = _PRICE_STEP_H * HOUR // gap
    prices = np.array([generate_prices(_CENTS[zone], ticks, step, stream) for zone in case.zones])
    return SpotWorkload(Market(gap, available, prices, ON_DEMAND_PRICE), (case.job,))
