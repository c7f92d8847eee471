"""A problem for tests: come close to a curve. Evaluates in microseconds."""

import math
from collections.abc import Sequence
from typing import ClassVar

from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    InvalidDecision,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)

_STARTS = {Split.TRAIN: 1, Split.VALIDATION: 5, Split.TEST: 9}


class Curve(Problem[float]):
    """The value is 1 + the distance between the program's answer and x² + 3."""

    name = "curve"
    summary = "Come close to a curve"
    entry_point = EntryPoint("answer", ("x",))
    objectives = (Objective("distance", "1", Direction.MINIMISE),)
    baselines: ClassVar[dict[str, str]] = {"line": "baselines/line.py", "zero": "baselines/zero.py"}
    features = (Feature("x", "1", "where to answer"),)
    limits = Limits(cpu_seconds=0.5, wall_seconds=5.0, memory_bytes=128 * 2**20)

    def instances(self, split: Split) -> Sequence[Instance[float]]:
        start = _STARTS[split]
        return [Instance(f"x{x}", float(x)) for x in range(start, start + 3)]

    def evaluate(self, instance: Instance[float], candidate: Candidate) -> Outcome:
        x = instance.payload
        answer = candidate.call("answer", x)
        if not isinstance(answer, int | float) or not math.isfinite(answer):
            raise InvalidDecision(f"answer({x}) is {answer!r} and not a finite number")
        distance = 1.0 + abs(answer - (x * x + 3.0))
        return Outcome(instance=instance.name, value=distance, metrics={"answer": float(answer)})

    def bound(self, instance: Instance[float]) -> float:
        return 1.0


problem = Curve()
