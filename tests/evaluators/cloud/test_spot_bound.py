from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.cloud.spot import HOUR, Job, Kind, Market, single_market
from evaluators.cloud.spot_bound import offline_optimum
from evaluators.cloud.spot_generator import MARKETS, generate_availability
from evaluators.cloud.spot_job import JobRun
from tests.evaluators.cloud.spot_markets import jobs, markets
from tests.evaluators.cloud.test_spot_job import run, whims


def cheapest(market: Market, job: Job, loses_tick: bool = False) -> float:
    """By trying all sequences of decisions."""
    choices = [(0, Kind.IDLE), (0, Kind.ON_DEMAND), *((r, Kind.SPOT) for r in range(market.regions))]
    best = np.inf
    ticks = job.ticks_left(0, market.gap)
    for decisions in product(choices, repeat=ticks):
        course = JobRun(job, market, loses_tick)
        for tick in range(market.ticks):
            course.observe(tick)
            decision = decisions[tick] if course.remaining and tick < ticks else (0, Kind.IDLE)
            if not course.decide(tick, *decision):
                break
        best = min(best, course.cost)
    return float(best)


@settings(max_examples=60, deadline=None)
@given(markets(7), jobs(7))
def test_it_is_the_least_cost_of_all_courses(market: Market, job: Job) -> None:
    assert offline_optimum(market, job) == pytest.approx(cheapest(market, job), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(markets(7, regions=2), jobs(7), st.booleans())
def test_it_is_the_least_cost_over_regions(market: Market, job: Job, loses_tick: bool) -> None:
    assert offline_optimum(market, job) == pytest.approx(cheapest(market, job, loses_tick), rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(markets(16, regions=3), jobs(16), st.integers(0, 99))
def test_no_policy_costs_less(market: Market, job: Job, seed: int) -> None:
    assert run(market, job, whims(seed, 3)).cost >= offline_optimum(market, job) * (1 - 1e-12)


def test_a_market_that_always_has_spot_costs_spot() -> None:
    market = single_market(np.ones(400, dtype=bool), 600, 0.9731, 3.06)
    assert offline_optimum(market, Job(48 * HOUR, 52 * HOUR, 72)) == pytest.approx(289 / 6 * 0.9731)
    assert offline_optimum(market, Job(48 * HOUR, 52 * HOUR, 0)) == pytest.approx(46.7088)


def test_a_market_without_spot_costs_on_demand() -> None:
    market = single_market(np.zeros(400, dtype=bool), 600, 0.9731, 3.06)
    assert offline_optimum(market, Job(48 * HOUR, 52 * HOUR, 0)) == pytest.approx(146.88)
    assert offline_optimum(market, Job(48 * HOUR, 52 * HOUR, 72)) == pytest.approx(147.39)


def test_the_smallest_unit_may_be_a_second() -> None:
    available = generate_availability(MARKETS["us-west-2a_v100_8"], 40, np.random.RandomState(3))
    market = single_market(available, 600, 0.9, 3.0)
    costs = [offline_optimum(market, Job(4 * HOUR + 1, 6 * HOUR, overhead)) for overhead in (0, 7, 359, 601)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
