import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.cloud.spot import HOUR, Job, Kind, Market, SpotWorkload, single_market
from evaluators.cloud.spot_job import JobRun
from tests.evaluators.cloud import reference_spot
from tests.evaluators.cloud.spot_markets import GAP, jobs, markets

TICKS = 16


def run(market: Market, job: Job, policy: reference_spot.Policy, loses_tick: bool = False) -> JobRun:
    """Run a job under a policy of the reference simulation."""
    (job,) = SpotWorkload(market, (job,), loses_tick).jobs
    course = JobRun(job, market, loses_tick)
    for tick in range(market.ticks):
        running = course.observe(tick)
        visible: dict[str, float] = {
            "tick": tick,
            "elapsed": tick * market.gap,
            "remaining": course.remaining,
            "last": int(course.last),
            "running": int(running),
            "region": course.region,
            "pending": course.pending,
        }
        region, kind = policy(visible, market.available[:, tick].tolist())
        if not course.decide(tick, region, Kind(kind)):
            return course
    raise AssertionError("the market ended before the job")


def whims(seed: int, regions: int = 1) -> reference_spot.Policy:
    """A policy that does anything at any time, but idles when the job is complete.

    It does not move spot instances between regions, nor jobs that have just lost one.
    """

    def decide(visible: dict[str, float], spot: list[bool]) -> tuple[int, int]:
        stream = random.Random(f"{seed} {visible['remaining']:.0f} {visible['last']} {spot}")
        region = int(visible["region"]) if visible["last"] == 1 else stream.randrange(regions)
        return region, 0 if visible["remaining"] <= 0 else stream.choice([0, 1, 1, 2])

    return decide


@settings(max_examples=300, deadline=None)
@given(markets(TICKS), jobs(TICKS), st.integers(0, 99))
def test_one_region_costs_what_the_published_rules_say_and_nobody_is_late(
    market: Market, job: Job, seed: int
) -> None:
    mine = run(market, job, whims(seed))
    published = reference_spot.simulate(market, job, whims(seed))
    assert mine.cost == pytest.approx(published.cost, rel=1e-12)
    assert mine.cost == pytest.approx(mine.published_cost, rel=1e-12)
    assert mine.late == 0
    assert mine.end is not None
    assert mine.end * GAP <= published.end <= mine.end * GAP + GAP


@settings(max_examples=300, deadline=None)
@given(markets(TICKS, regions=3), jobs(TICKS), st.integers(0, 99))
def test_where_a_tick_may_be_lost_everything_is_as_published(market: Market, job: Job, seed: int) -> None:
    mine = run(market, job, whims(seed, 3), loses_tick=True)
    published = reference_spot.simulate(market, job, whims(seed, 3))
    assert mine.published_cost == pytest.approx(published.cost, rel=1e-12)
    assert mine.end is not None
    assert mine.end * GAP == published.end
    assert mine.late <= GAP
    assert mine.ticks[1:] == [published.kinds.count(1), published.kinds.count(2)]


def restless(visible: dict[str, float], spot: list[bool]) -> tuple[int, int]:
    """Moves to the next region with spot, in every tick."""
    if visible["remaining"] <= 0:
        return int(visible["region"]), 0
    ahead = [(int(visible["region"]) + step) % len(spot) for step in range(1, len(spot) + 1)]
    return next((region for region in ahead if spot[region]), int(visible["region"])), 1


@settings(max_examples=150, deadline=None)
@given(markets(TICKS, regions=3), jobs(TICKS), st.integers(0, 99), st.booleans())
def test_nobody_is_late_by_moving(market: Market, job: Job, seed: int, loses_tick: bool) -> None:
    assert run(market, job, restless, loses_tick).late <= GAP * loses_tick


def test_published_rules_let_a_job_be_late_by_moving() -> None:
    """There is spot in the two regions by turns, and the guarantee lets what runs on spot move."""
    available = np.array([[tick % 2 == 0 for tick in range(40)], [tick % 2 == 1 for tick in range(40)]])
    market = Market(GAP, available, np.ones((2, 40)), 3.0)
    job = Job(80, 130, 10)
    published = reference_spot.simulate(market, job, restless)
    assert published.end > job.deadline + GAP
    assert run(market, job, restless).late == 0


def test_a_start_costs_its_overhead_and_a_preemption_another_start() -> None:
    available = np.array([True, True, False, True, True, True, True, True])
    market = single_market(available, 600, 0.9, 3.0)
    job = Job(1800, 4200, 360)
    spot_only: reference_spot.Policy = lambda visible, spot: (0, int(visible["remaining"] > 0))  # noqa: E731
    course = run(market, job, spot_only)
    # Ticks 0 and 1: 240 s and 600 s; none in tick 2; from tick 3 on 240 s, 600 s, and 120 s of the last.
    assert course.ticks == [2, 5, 0]
    assert (course.end, course.restarts, course.preemptions) == (6, 2, 1)
    assert course.cost == pytest.approx(5 * 600 / HOUR * 0.9)


def test_moving_a_spot_instance_is_a_restart_and_moving_on_demand_is_not() -> None:
    market = Market(GAP, np.ones((2, 20), dtype=bool), np.ones((2, 20)), 3.0)
    job = Job(60, 150, 5)
    hop: reference_spot.Policy = lambda visible, spot: (int(visible["tick"]) % 2, 1)  # noqa: E731
    stay: reference_spot.Policy = lambda visible, spot: (0, 1)  # noqa: E731
    hop_on_demand: reference_spot.Policy = lambda visible, spot: (int(visible["tick"]) % 2, 2)  # noqa: E731
    assert run(market, job, hop).restarts > 5 > run(market, job, stay).restarts == 1
    assert run(market, job, hop_on_demand).restarts == 1


def test_each_tick_costs_what_it_costs_then_and_there() -> None:
    prices = np.array([[1.0, 2.0, 4.0, 8.0, 1.0, 1.0, 1.0], [0.1] * 7])
    market = Market(HOUR, np.ones((2, 7), dtype=bool), prices, 10.0)
    # In the last tick of its work the job is in region 0; then it looks at region 1, idle.
    policy: reference_spot.Policy = lambda visible, spot: (  # noqa: E731
        (0, 1) if visible["remaining"] > 0 else (1, 0)
    )
    course = run(market, Job(3 * HOUR, 5 * HOUR, 0), policy)
    assert course.cost == 1.0 + 2.0 + 4.0
    assert course.published_cost == pytest.approx(0.3)


def test_what_is_started_on_completion_is_billed() -> None:
    market = single_market(np.zeros(8, dtype=bool), HOUR, 1.0, 3.0)
    forever: reference_spot.Policy = lambda visible, spot: (0, 2)  # noqa: E731
    assert run(market, Job(2 * HOUR, 4 * HOUR, 0), forever).cost == 9.0


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (Job(50, 50, 1), "it cannot be done in time even on demand"),
        (Job(50, 60, 11), "it cannot be done in time even on demand"),
        (Job(0, 50, 0), "times have to be positive"),
        (Job(5, 80, 0), "availability is known for"),
    ],
)
def test_jobs_that_make_no_sense_are_refused(job: Job, message: str) -> None:
    market = single_market(np.ones(8, dtype=bool), GAP, 1.0, 3.0)
    with pytest.raises(ValueError, match=message):
        SpotWorkload(market, (job,))
