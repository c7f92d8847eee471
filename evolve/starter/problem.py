"""The problem `my_problem`: which machine runs which job."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

import msgspec

from evaluators.checks import integer_array
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)


class Workload(msgspec.Struct, frozen=True):
    """Jobs to be run, in the order in which they were submitted, and how many machines there are."""

    durations: tuple[float, ...]
    """In seconds."""
    machines: int


class MyProblem(Problem[Workload]):
    """Assign jobs to machines so that the last machine is done early (P||Cmax of the literature)."""

    name: ClassVar[str] = "my_problem"
    summary: ClassVar[str] = "which machine runs which job, so that the last one is done early"
    entry_point: ClassVar[EntryPoint] = EntryPoint("assign", ("durations", "machines"))
    objectives: ClassVar[tuple[Objective, ...]] = (Objective("makespan", "s", Direction.MINIMISE),)
    baselines: ClassVar[Mapping[str, str]] = {
        "round robin": "baselines/round_robin.py",
        "list scheduling": "baselines/list_scheduling.py",
        "LPT": "baselines/lpt.py",
    }
    bound_name: ClassVar[str] = "load bound"
    features: ClassVar[tuple[Feature, ...]] = (
        Feature("machines", "1", "machines, all alike"),
        Feature("len(durations)", "1", "jobs"),
        Feature("max(durations)", "s", "longest job"),
    )
    limits: ClassVar[Limits] = Limits(cpu_seconds=5.0)

    def instances(self, split: Split) -> Sequence[Instance[Workload]]:
        """Eight workloads; those of `test` have other seeds, more machines and heavier tails."""
        first_seed = {Split.TRAIN: 1000, Split.VALIDATION: 2000, Split.TEST: 3000}[split]
        make = _heavy_tailed if split is Split.TEST else _uniform
        return [Instance(f"{split.value}-{number}", make(Random(first_seed + number))) for number in range(8)]

    def evaluate(self, instance: Instance[Workload], candidate: Candidate) -> Outcome:
        """Ask for a machine for each job, check the answer, and add up."""
        workload = instance.payload
        answer = candidate.call("assign", list(workload.durations), workload.machines)
        jobs = len(workload.durations)
        machine_of = integer_array(answer, "assign", (jobs,), 0, workload.machines, ("job",)).tolist()
        loads = [0.0] * workload.machines
        for duration, machine in zip(workload.durations, machine_of, strict=True):
            loads[machine] += duration
        makespan = max(loads)
        last, first = loads.index(makespan), loads.index(min(loads))
        return Outcome(
            instance=instance.name,
            value=makespan,
            metrics={"makespan": makespan},
            feedback=f"machine {last} is the last, after {makespan:.1f} s; machine {first} is done after"
            f" {min(loads):.1f} s; the load bound is {self.bound(instance):.1f} s",
        )

    def bound(self, instance: Instance[Workload]) -> float:
        """A makespan in seconds that no assignment beats.

        The mean load; the longest job; and, since of the longest m + 1 jobs two share a machine, the two
        shortest of those together.
        """
        machines = instance.payload.machines
        longest = sorted(instance.payload.durations, reverse=True)
        together = sum(longest[machines - 1 : machines + 1]) if len(longest) > machines else 0.0
        return max(sum(longest) / machines, longest[0], together)


def _uniform(random: Random) -> Workload:
    machines = random.randint(4, 8)
    jobs = random.randint(3 * machines, 5 * machines)
    return Workload(tuple(float(random.randint(20, 200)) for _ in range(jobs)), machines)


def _heavy_tailed(random: Random) -> Workload:
    machines = random.randint(10, 20)
    jobs = random.randint(2 * machines, 4 * machines)
    return Workload(tuple(round(20.0 * random.paretovariate(3.0), 1) for _ in range(jobs)), machines)


problem = MyProblem()
