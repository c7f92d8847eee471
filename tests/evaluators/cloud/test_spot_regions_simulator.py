import numpy as np
import pytest
from hypothesis import given, settings

from evaluators.cloud.spot import Job, Market, SpotWorkload
from evaluators.cloud.spot_regions_simulator import FEATURES, simulate
from evolve.problem import InvalidDecision, Value
from tests.evaluators.cloud.spot_markets import jobs, markets
from tests.evaluators.cloud.test_spot_job import run
from tests.support.direct_candidate import DirectCandidate

TICKS = 16
ERRATIC = """
def decide(state, spot, prices):
    if not state["remaining"]:
        return state["region"], 0
    number = state["done"] * 7 + state["elapsed"] * 3 + state["last"]
    return number % len(spot), number % 3
"""


class RecordingCandidate(DirectCandidate):
    """Keeps the arguments of every call."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.seen: list[tuple[Value, ...]] = []

    def call(self, function: str, *args: Value) -> object:
        self.seen.append(args)
        return super().call(function, *args)


@settings(max_examples=150, deadline=None)
@given(markets(TICKS, regions=3), jobs(TICKS))
def test_what_a_policy_is_told(market: Market, job: Job) -> None:
    candidate = RecordingCandidate(ERRATIC)
    course = simulate(SpotWorkload(market, (job,)), candidate, "decide")
    told = iter(candidate.seen)

    def same(visible: dict[str, float], here: list[bool]) -> tuple[int, int]:
        """The decisions that were made, if what was told is what there was."""
        state, spot, prices = next(told)
        tick = int(visible["tick"])
        assert state == {
            "elapsed": tick * market.gap,
            "time_left": job.deadline - tick * market.gap,
            "remaining": visible["remaining"],
            "done": job.duration - visible["remaining"],
            "region": visible["region"],
            "last": visible["last"],
            "running": visible["running"],
            "overhead_left": visible["pending"],
            "gap": market.gap,
            "duration": job.duration,
            "deadline": job.deadline,
            "overhead": job.overhead,
            "on_demand_price": market.on_demand_price,
        }
        assert spot == here
        assert prices == market.spot_prices[:, tick].tolist()
        answer = DirectCandidate(ERRATIC).call("decide", state, spot, prices)
        assert isinstance(answer, tuple)
        return answer[0], answer[1]

    again = run(market, job, same)
    assert (again.cost, again.end, again.region) == (course.cost, course.end, course.region)
    assert next(told, None) is None


def workload() -> SpotWorkload:
    market = Market(10, np.ones((2, 20), dtype=bool), np.ones((2, 20)), 3.0)
    return SpotWorkload(market, (Job(60, 130, 5),))


@pytest.mark.parametrize(
    ("answer", "feedback"),
    [
        ("1", "tick 0: the decision is 1; must be an array of 2 integers"),
        ("[0]", "tick 0: the decision has 1 entries; must have 2"),
        ("(0, 3)", "tick 0: the decision[1] is 3; must be an integer in 0..2"),
        ("(2, 1)", "tick 0: region 2 does not exist; regions are 0 to 1"),
        ("(-1, 1)", "tick 0: the decision[0] is -1; must be an integer in 0..2"),
        ("(0, 'spot')", "tick 0: the decision[1] is the text 'spot'; must be an integer"),
    ],
)
def test_what_is_no_decision_is_refused_with_its_place(answer: str, feedback: str) -> None:
    candidate = DirectCandidate(f"def decide(state, spot, prices):\n    return {answer}\n")
    with pytest.raises(InvalidDecision) as error:
        simulate(workload(), candidate, "decide")
    assert error.value.feedback == feedback


def test_several_jobs_are_refused() -> None:
    one = workload()
    with pytest.raises(ValueError, match="2 jobs"):
        simulate(SpotWorkload(one.market, one.jobs * 2), DirectCandidate(ERRATIC), "decide")


def test_features_can_be_read() -> None:
    for feature in FEATURES:
        candidate = DirectCandidate(
            f"seen = []\ndef decide(state, spot, prices):\n    seen.append({feature.expression})\n"
            "    return 0, 1\ndef dump():\n    return seen\n"
        )
        simulate(workload(), candidate, "decide")
        seen = candidate.call("dump")
        assert isinstance(seen, list)
        assert all(isinstance(value, int | float) for value in seen)
