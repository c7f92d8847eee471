import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.cloud.spot import Job, Market, SpotWorkload, single_market
from evaluators.cloud.spot_simulator import FEATURES, STATE, simulate
from evolve.problem import CandidateFailure, Floats, InvalidDecision, Status, Table
from tests.evaluators.cloud.spot_markets import jobs, markets
from tests.evaluators.cloud.test_spot_job import run
from tests.support.direct_candidate import DirectCandidate

TICKS = 16
POLICIES = {
    "spot or idle": "1 if state.remaining else 0",
    "erratic": "0 if not state.remaining else int((state.done * 7 + state.elapsed * 3 + state.last) % 3)",
    "on demand after a loss": "0 if not state.remaining else 2 if state.running != state.last else 1",
}


class RecordingCandidate(DirectCandidate):
    """Keeps what every call was told, by the names of the fields."""

    def __init__(self, expression: str) -> None:
        super().__init__(f"def decide(state):\n    return {expression}\n")
        self.seen: list[dict[str, float]] = []

    def lockstep(self, function: str, *tables: Table) -> Floats:
        for row in tables[0].rows.tolist():
            self.seen.append(dict(zip(tables[0].record.fields, row, strict=True)))
        return super().lockstep(function, *tables)


@settings(max_examples=100, deadline=None)
@given(markets(TICKS), st.lists(jobs(TICKS), min_size=1, max_size=4), st.sampled_from(sorted(POLICIES)))
def test_jobs_side_by_side_run_as_each_by_itself(market: Market, some: list[Job], policy: str) -> None:
    expression = POLICIES[policy]
    together = simulate(SpotWorkload(market, tuple(some)), RecordingCandidate(expression), "decide")
    for job, course in zip(some, together, strict=True):
        alone = simulate(SpotWorkload(market, (job,)), RecordingCandidate(expression), "decide")[0]
        assert (course.cost, course.end, course.ticks) == (alone.cost, alone.end, alone.ticks)


@settings(max_examples=100, deadline=None)
@given(markets(TICKS), jobs(TICKS))
def test_what_a_policy_is_told(market: Market, job: Job) -> None:
    candidate = RecordingCandidate(POLICIES["erratic"])
    (course,) = simulate(SpotWorkload(market, (job,)), candidate, "decide")
    told = iter(candidate.seen)
    spot = market.available[0].tolist()

    def same(visible: dict[str, float], here: list[bool]) -> tuple[int, int]:
        """The decisions that were made, if what was told is what there was."""
        state = next(told)
        tick = int(visible["tick"])
        streak = 1
        while streak <= tick and spot[tick - streak] == spot[tick]:
            streak += 1
        for name in ("elapsed", "remaining", "last", "running"):
            assert state[name] == visible[name]
        assert state["overhead_left"] == visible["pending"]
        assert state["has_spot"] == here[0]
        assert state["done"] == job.duration - state["remaining"]
        assert state["time_left"] == job.deadline - state["elapsed"]
        assert state["spot_streak"] == streak
        assert state["spot_share"] == pytest.approx(sum(spot[: tick + 1]) / (tick + 1))
        assert (state["gap"], state["overhead"]) == (market.gap, job.overhead)
        assert (state["duration"], state["deadline"]) == (job.duration, job.deadline)
        assert (state["spot_price"], state["on_demand_price"]) == (market.spot_prices[0, 0], 3.0)
        decision = (
            0
            if not state["remaining"]
            else int((state["done"] * 7 + state["elapsed"] * 3 + state["last"]) % 3)
        )
        return 0, decision

    assert run(market, job, same).cost == course.cost
    assert next(told, None) is None


def test_nothing_of_the_future_is_told() -> None:
    """Two markets that differ from tick 5 on look the same until then."""
    first = np.array([True, False, True, True, False] + [True] * 10)
    second = np.array([True, False, True, True, False] + [False] * 10)
    job = Job(60, 130, 5)
    seen = []
    for available in (first, second):
        candidate = RecordingCandidate(POLICIES["spot or idle"])
        simulate(SpotWorkload(single_market(available, 10, 1.0, 3.0), (job,)), candidate, "decide")
        seen.append([state for state in candidate.seen if state["elapsed"] < 50])
    assert len(seen[0]) == 5
    assert seen[0] == seen[1]


def workload() -> SpotWorkload:
    market = single_market(np.ones(20, dtype=bool), 10, 1.0, 3.0)
    return SpotWorkload(market, (Job(60, 130, 5), Job(50, 130, 5)))


@pytest.mark.parametrize(
    ("answer", "told"), [("3", "3"), ("-1", "-1"), ("0.5", "0.5"), ("float('nan')", "nan")]
)
def test_what_is_no_kind_is_refused_with_its_place(answer: str, told: str) -> None:
    candidate = DirectCandidate(
        f"def decide(state):\n    return {answer} if state.job and state.elapsed == 20 else 1\n"
    )
    with pytest.raises(InvalidDecision) as error:
        simulate(workload(), candidate, "decide")
    assert error.value.feedback == (
        "job 1 (0.0138889 h of work in 0.0361111 h, overhead 5 s), tick 2: the decision is"
        f" {told}; it has to be 0 (idle), 1 (spot) or 2 (on-demand)"
    )


def test_a_crash_is_the_candidates() -> None:
    with pytest.raises(CandidateFailure) as error:
        simulate(workload(), DirectCandidate("def decide(state):\n    return 1 / 0\n"), "decide")
    assert error.value.status is Status.CRASHED


def test_several_regions_are_refused() -> None:
    market = Market(10, np.ones((2, 20), dtype=bool), np.ones((2, 20)), 3.0)
    with pytest.raises(ValueError, match="2 regions"):
        simulate(
            SpotWorkload(market, (Job(60, 130, 5),)),
            DirectCandidate("def decide(s):\n    return 1\n"),
            "decide",
        )


def test_features_are_the_fields() -> None:
    assert [feature.expression for feature in FEATURES] == [f"state.{field}" for field in STATE.fields]
