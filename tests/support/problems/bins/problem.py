"""A problem for tests whose programs have several files: put items into bins."""

import random
from collections.abc import Sequence
from typing import ClassVar

from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Instance,
    InvalidDecision,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)

CAPACITY = 100
ITEMS = 40


class Bins(Problem[list[int]]):
    """The value is the mean over the bins of the square of how full they are.

    So in E. Falkenauer, A. Delchambre, "A genetic algorithm for bin packing and line balancing", ICRA 1992.
    """

    name = "bins"
    summary = "Fill few bins well"
    entry_point = EntryPoint("pack", ("sizes", "capacity"))
    objectives = (Objective("fill", "1", Direction.MAXIMISE),)
    baselines: ClassVar[dict[str, str]] = {
        "next fit": "baselines/next_fit.py",
        "best fit decreasing": "baselines/best_fit_decreasing",
    }
    limits = Limits(cpu_seconds=0.5, wall_seconds=5.0, memory_bytes=128 * 2**20)

    def instances(self, split: Split) -> Sequence[Instance[list[int]]]:
        found = []
        for number in range(3):
            rng = random.Random(f"{split.value} {number}")
            found.append(Instance(f"{split.value}{number}", [rng.randint(10, 70) for _ in range(ITEMS)]))
        return found

    def evaluate(self, instance: Instance[list[int]], candidate: Candidate) -> Outcome:
        sizes = instance.payload
        answer = candidate.call("pack", sizes, CAPACITY)
        if not isinstance(answer, list) or len(answer) != len(sizes):
            raise InvalidDecision(f"pack has to return a list of {len(sizes)} numbers of bins")
        fills: dict[int, int] = {}
        for item, (number, size) in enumerate(zip(answer, sizes, strict=True)):
            if type(number) is not int:
                raise InvalidDecision(f"item {item}: {number!r} is not the number of a bin")
            fills[number] = fills.get(number, 0) + size
            if fills[number] > CAPACITY:
                raise InvalidDecision(f"item {item} does not fit into bin {number} any more")
        value = sum((fill / CAPACITY) ** 2 for fill in fills.values()) / len(fills)
        return Outcome(instance=instance.name, value=value, metrics={"bins": float(len(fills))})

    def bound(self, instance: Instance[list[int]]) -> float:
        return 1.0


problem = Bins()
