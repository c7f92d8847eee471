"""Two programs timed in pairs."""

import asyncio
from collections.abc import Sequence

import pytest

from evolve.errors import UserError
from evolve.execution.base import ExecutorSettings
from evolve.execution.local import LocalExecutor
from evolve.loading import ProblemReference, load_problem
from evolve.problem import InfrastructureError, Outcome, Split, Status
from results.timing import (
    FEWEST_PAIRS,
    FEWEST_PAIRS_IF_SLOW,
    MOST_PAIRS,
    Evaluating,
    TimingSample,
    measure_pairs,
    time_ratio,
    time_sentence,
)
from tests.support import curve

CURVE = load_problem(ProblemReference(str(curve.FOLDER)))
NAMES = ("x1", "x2", "x3")
LOOP = "def answer(x):\n    for _ in range({count}):\n        x = x + 0.5\n    return x\n"


class Scripted:
    """An executor on which each program takes as long as is written down for it."""

    def __init__(self, times: dict[str, list[float]], status: Status = Status.OK) -> None:
        self.times = times
        self.status = status
        self.asked: list[str] = []

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        times = self.times[source]
        seconds = times[self.asked.count(source) % len(times)]
        self.asked.append(source)
        return [
            Outcome(instance=name, status=self.status, feedback="why", cpu_seconds=seconds / len(instances))
            for name in instances
        ]


def measure(executor: Evaluating, sources: tuple[str, str] = ("a", "b"), **options: float) -> TimingSample:
    return asyncio.run(
        measure_pairs(executor, sources, CURVE.problem, Split.TRAIN, 95.0, instances=NAMES, **options)
    )


def test_programs_take_turns_at_going_first() -> None:
    executor = Scripted({"a": [0.2], "b": [0.1]})
    sample = measure(executor)
    assert "".join(executor.asked[2:10]) == "abbaabba"
    assert len(sample.first) == len(sample.second) == FEWEST_PAIRS


def test_a_ratio_that_stays_uncertain_is_measured_more_often() -> None:
    executor = Scripted({"a": [0.1, 0.2, 0.15], "b": [0.1, 0.12]})
    assert len(measure(executor).first) == MOST_PAIRS


def test_slow_programs_are_measured_until_the_time_is_spent() -> None:
    executor = Scripted({"a": [0.1, 0.2, 0.15], "b": [0.1, 0.12]})
    assert len(measure(executor, seconds=0.0).first) == FEWEST_PAIRS_IF_SLOW


def test_drift_that_both_programs_share_goes_out_of_the_ratio() -> None:
    drift = [1.0 + 0.3 * (n % 10) / 10 for n in range(40)]
    sample = TimingSample(tuple(0.11 * d for d in drift), tuple(0.1 * d for d in drift), 3)
    found = time_ratio(sample, 95.0)
    assert found.ratio == pytest.approx(1.1)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(1.1)
    assert found.interval.high == pytest.approx(1.1)


def test_an_outlier_does_not_move_the_ratio() -> None:
    found = time_ratio(TimingSample((0.2,) * 15 + (9.0,), (0.1,) * 16, 3), 95.0)
    assert found.ratio == pytest.approx(2.0)
    assert "a takes 2.000 times the CPU time of b" in time_sentence(found, "a", "b", "train")
    assert "this machine" in time_sentence(found, "a", "b", "train")


def test_programs_too_short_to_measure_get_no_ratio() -> None:
    found = time_ratio(TimingSample((0.0,) * 10 + (1e-5,) * 6, (1e-5,) * 16, 3), 95.0)
    assert found.ratio is None
    assert found.interval is None
    assert (found.pairs, found.unmeasurable, found.negligible) == (16, 10, True)
    assert "too little CPU time" in time_sentence(found, "a", "b", "train")


def test_a_program_that_fails_while_it_is_timed_is_named_by_its_failure() -> None:
    with pytest.raises(UserError, match="timeout on x1: why"):
        measure(Scripted({"a": [0.1], "b": [0.1]}, Status.TIMEOUT))
    with pytest.raises(InfrastructureError, match="this machine"):
        measure(Scripted({"a": [0.1], "b": [0.1]}, Status.INFRASTRUCTURE))


def test_twice_the_work_takes_twice_the_cpu_time_in_a_real_sandbox() -> None:
    sources = LOOP.format(count=400_000), LOOP.format(count=200_000)

    async def timed() -> TimingSample:
        executor = await LocalExecutor.start(ExecutorSettings(CURVE.reference, 1, None))
        try:
            return await measure_pairs(
                executor, sources, CURVE.problem, Split.TRAIN, 95.0, instances=NAMES, seconds=4.0
            )
        finally:
            await executor.close()

    found = time_ratio(asyncio.run(timed()), 95.0)
    assert found.ratio is not None
    assert 1.6 < found.ratio < 2.4
    assert not found.negligible


def test_a_lockstep_problem_opens_one_program_for_an_evaluation() -> None:
    loaded = load_problem(ProblemReference("job_shop_dispatching"))
    names = tuple(instance.name for instance in loaded.instances(Split.TRAIN))[:3]
    executor = Scripted({"a": [0.2], "b": [0.1]})
    sample = asyncio.run(
        measure_pairs(executor, ("a", "b"), loaded.problem, Split.TRAIN, 95.0, instances=names)
    )
    assert sample.opened == 1
    assert measure(Scripted({"a": [0.2], "b": [0.1]})).opened == len(NAMES)
