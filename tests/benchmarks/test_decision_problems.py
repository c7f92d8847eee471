"""CPU seconds of an evaluation in the sandbox, trusted side and program: transactions and spot instances."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Instance, Problem, Split, Status
from problems.spot_deadline.problem import problem as spot_deadline
from problems.spot_deadline_multi_region.problem import problem as spot_deadline_multi_region
from problems.transaction_scheduling.problem import problem as transaction_scheduling
from tests.support.shared_data import ROOT, shared_data

pytestmark = pytest.mark.benchmark
PROBLEMS: dict[str, Problem[Any]] = {
    found.name: found for found in (transaction_scheduling, spot_deadline, spot_deadline_multi_region)
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """On one core with its programs, as in a worker."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    with Sandbox(needs_numpy=False) as opened:
        yield opened
    os.sched_setaffinity(0, cores)


def measured(
    problem: Problem[Any],
    instances: Sequence[Instance[Any]],
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> float:
    """The largest sum over the baselines, in CPU seconds; bounds are computed beforehand."""
    folder = Path(ROOT / "problems" / problem.name)
    begun = time.process_time()
    for instance in instances:
        problem.bound(instance)
    lines = [f"\n{problem.name}, {len(instances)} instances: bounds {time.process_time() - begun:.2f} s"]
    worst = 0.0
    for name, file in problem.baselines.items():
        begun = time.process_time()
        outcomes = evaluate_program(problem, sandbox, (folder / file).read_text(), instances)
        trusted = time.process_time() - begun
        assert [outcome.status for outcome in outcomes] == [Status.OK] * len(instances)
        program = sum(outcome.cpu_seconds for outcome in outcomes)
        lines.append(f"  {name:34} trusted {trusted:5.2f} s, program {program:5.2f} s")
        worst = max(worst, trusted + program)
    with capsys.disabled():
        print("\n".join(lines))
    return worst


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_baseline_on_train(name: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    problem = PROBLEMS[name]
    assert measured(problem, problem.instances(Split.TRAIN), sandbox, capsys) <= 2.0


def test_the_1080_simulations_of_the_benchmark(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    instances = spot_deadline.read_instances(shared_data("spot_adrs/single_real_traces.tar.gz"))
    assert sum(len(instance.payload.jobs) for instance in instances) == 1080
    assert measured(spot_deadline, instances, sandbox, capsys) <= 10.0


def test_the_34_simulations_of_the_benchmark(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    instances = spot_deadline_multi_region.read_instances(shared_data("spot_adrs/multi_real_traces.tar.gz"))
    assert len(instances) == 34
    assert measured(spot_deadline_multi_region, instances, sandbox, capsys) <= 10.0
