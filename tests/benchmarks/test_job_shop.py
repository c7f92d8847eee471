"""Figures of the job-shop simulator with a candidate in the same process."""

import time

import pytest

from evolve.problem import Floats, Split, Table
from problems.job_shop_dispatching.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT


class TimedCandidate(DirectCandidate):
    """Adds up the CPU seconds that the candidate itself takes."""

    seconds = 0.0

    def lockstep(self, function: str, *tables: Table) -> Floats:
        started = time.process_time()
        try:
            return super().lockstep(function, *tables)
        finally:
            self.seconds += time.process_time() - started


def cpu_seconds(split: Split, candidate: TimedCandidate) -> float:
    """Of one evaluation, the candidate's share included."""
    started = time.process_time()
    problem.evaluate_together(problem.instances(split), candidate)
    return time.process_time() - started


def fdd_mwkr() -> TimedCandidate:
    path = ROOT / "problems" / "job_shop_dispatching" / problem.baselines["FDD/MWKR"]
    return TimedCandidate(path.read_text())


@pytest.mark.benchmark
def test_trusted_cpu_of_an_evaluation_of_train() -> None:
    instances = problem.instances(Split.TRAIN)
    cpu_seconds(Split.TRAIN, fdd_mwkr())
    trusted = []
    for _ in range(20):
        candidate = fdd_mwkr()
        total = cpu_seconds(Split.TRAIN, candidate)
        trusted.append(1000 * (total - candidate.seconds))
    print(
        f"\ntrain: {len(instances)} instances, {candidate.calls} calls, {candidate.round_trips} round trips, "
        f"trusted CPU {min(trusted):.1f} ms (candidate {1000 * candidate.seconds:.1f} ms)"
    )
    assert min(trusted) <= 25.0


@pytest.mark.benchmark
def test_cpu_of_a_rule_over_the_benchmark() -> None:
    instances = problem.instances(Split.TEST)
    candidate = fdd_mwkr()
    seconds = cpu_seconds(Split.TEST, candidate)
    print(f"\ntest: {len(instances)} instances, {candidate.calls} calls, {seconds:.2f} s CPU")
    assert seconds <= 3.0
