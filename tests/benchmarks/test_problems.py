"""CPU seconds of evaluating every shipped program in the sandbox, trusted side and program together."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.loading import LoadedProblem, ProblemReference, load_problem, problem_names
from evolve.problem import Instance, Split, Status
from tests.support.shared_data import shared_data

pytestmark = pytest.mark.benchmark

LIMIT_S = 2.0
"""For a baseline on a full train split, so that thousands of proposals are practical."""
LIMIT_OF_1080_SIMULATIONS_S = 10.0


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds of one program on a set of instances."""

    program: str
    trusted: float
    sandboxed: float

    @property
    def total(self) -> float:
        return self.trusted + self.sandboxed


@contextmanager
def on_one_core() -> Iterator[None]:
    """Evaluator and program share a core, as in a worker."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def measured(loaded: LoadedProblem, instances: Sequence[Instance[Any]]) -> tuple[float, list[Cost]]:
    """Of the bounds, which are computed once for all programs; and of each shipped program."""
    problem = loaded.problem
    begun = time.process_time()
    for instance in instances:
        problem.bound(instance)
    bounds = time.process_time() - begun
    costs = []
    with on_one_core(), Sandbox(needs_numpy=problem.needs_numpy) as sandbox:
        for name, source in {"seed": loaded.seed, **loaded.baselines}.items():
            begun = time.process_time()
            outcomes = evaluate_program(problem, sandbox, source, instances)
            trusted = time.process_time() - begun
            assert [outcome.status for outcome in outcomes] == [Status.OK] * len(instances)
            costs.append(Cost(name, trusted, sum(outcome.cpu_seconds for outcome in outcomes)))
    return bounds, costs


def table(title: str, count: int, bounds: float, costs: Sequence[Cost]) -> str:
    lines = [f"{title}, {count} instances; bounds {bounds:.2f} s once", *map(row, costs)]
    return "\n".join(["", *lines])


def row(cost: Cost) -> str:
    return (
        f"  {cost.program:34} evaluator {cost.trusted:6.3f} s, program {cost.sandboxed:6.3f} s,"
        f" together {cost.total:6.3f} s"
    )


@pytest.mark.parametrize("name", problem_names())
def test_every_program_on_train(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load_problem(ProblemReference(name))
    instances = loaded.instances(Split.TRAIN)
    bounds, costs = measured(loaded, instances)
    with capsys.disabled():
        print(table(f"{name} train", len(instances), bounds, costs))
    baselines = [cost.total for cost in costs if cost.program != "seed"]
    assert max(baselines) <= LIMIT_S


@pytest.mark.parametrize(
    ("name", "archive", "simulations", "limit"),
    [
        ("spot_deadline", "spot_adrs/single_real_traces.tar.gz", 1080, LIMIT_OF_1080_SIMULATIONS_S),
        ("spot_deadline_multi_region", "spot_adrs/multi_real_traces.tar.gz", 34, LIMIT_OF_1080_SIMULATIONS_S),
    ],
)
def test_the_published_simulations(
    name: str, archive: str, simulations: int, limit: float, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_problem(ProblemReference(name))
    instances = loaded.problem.read_instances(shared_data(archive))
    assert sum(len(instance.payload.jobs) for instance in instances) == simulations
    bounds, costs = measured(loaded, instances)
    with capsys.disabled():
        print(table(f"{name} published, {simulations} simulations", len(instances), bounds, costs))
    assert max(cost.total for cost in costs) <= limit
