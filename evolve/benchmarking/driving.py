"""One search in a made-up space, in memory: what the controller does, less the sandbox and the archive.

Proposal n is selected once proposal n - lag has been told, duplicates are told as such and cost no
evaluation, and every result goes through `evolve.search.steering`, as in any run. Programs are data and
nothing is executed, so there is no sandbox that could be left out, and nothing here takes a problem or a
program of anybody else's.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable

import msgspec

from evolve.benchmarking.curves import Curve
from evolve.benchmarking.spaces import Genome, Space
from evolve.randomness import stream
from evolve.search.arms import Plan, PlannedOperator
from evolve.search.base import Result, Selection, Setup, Strategy
from evolve.search.steering import Choice, Steering

ATTEMPTS = 3
"""How often a child may be a duplicate before its proposal is given up."""
CROSSES = 0.25
"""How often a child has a part of an inspiration."""
PATIENCE = 500
"""Proposals in a row without anything to evaluate after which a search is over, as in a run."""
VARIATION = "variation"


class Drive:
    """See the module."""

    def __init__(self, space: Space, kind: type[Strategy], seed: int, lag: int) -> None:
        self._space = space
        self._seed = seed
        self._lag = lag
        baseline = space.baseline()
        self._genomes: dict[str, Genome] = {key_of(baseline): baseline}
        self._scores: dict[str, float] = {}
        self._made: set[str] = set()  # asked for membership only
        plan = Plan(operators=(PlannedOperator(name=VARIATION),))
        self.steering = Steering.start(kind, Setup((key_of(baseline),)), plan)

    def run(self, evaluations: int, watch: Callable[[int], None] | None = None) -> Curve:
        """Search until so many programs have been evaluated, or nothing new is found any more.

        `watch` is called after each result with its number.
        """
        points: list[tuple[int, float]] = []
        waiting: deque[Choice] = deque([Choice(VARIATION, None, Selection(()))])
        spent = number = last_new = 0
        while spent < evaluations and number - last_new < PATIENCE:
            choice = waiting.popleft()
            genome = self._space.first() if number == 0 else self._child(choice, number)
            key = key_of(genome)
            result = self._result(number, choice)
            if key not in self._made:
                result = self._evaluated(result, key, genome)
                spent, last_new = spent + 1, number
                if not points or self._scores[key] > points[-1][1]:
                    points.append((spent, self._scores[key]))
            self.steering.tell(result)
            for ahead in range(1, self._lag + 1) if number == 0 else (number + self._lag,):
                waiting.append(self.steering.select(ahead, stream(self._seed, "select", ahead)))
            if watch is not None:
                watch(number)
            number += 1
        return Curve(tuple(points), spent)

    def _child(self, choice: Choice, number: int) -> Genome:
        """The first of some children that was not made before, or else the last of them."""
        parent = self._genomes[choice.selection.parents[0]]
        others = choice.selection.inspirations
        genome = parent
        for attempt in range(ATTEMPTS):
            random = stream(self._seed, f"propose/{attempt}", number)
            if others and random.random() < CROSSES:
                genome = self._space.crossed(parent, self._genomes[random.choice(others)], random)
                if random.random() < 0.5:
                    genome = self._space.mutated(genome, random)
            else:
                genome = self._space.mutated(parent, random)
            if key_of(genome) not in self._made:
                break
        return genome

    def _result(self, number: int, choice: Choice) -> Result:
        """What is told where there is nothing new."""
        parents = choice.selection.parents
        return Result(
            number=number,
            selection=choice.selection,
            operator=choice.operator,
            status="duplicate",
            parent_score=self._scores.get(parents[0]) if parents else None,
        )

    def _evaluated(self, result: Result, key: str, genome: Genome) -> Result:
        """What is told of a new program."""
        fitness = self._space.fitness(genome)
        score = math.exp(math.fsum(fitness) / len(fitness))
        self._made.add(key)
        self._genomes[key] = genome
        self._scores[key] = score
        return msgspec.structs.replace(
            result,
            program=key,
            score=score,
            scores=tuple(math.exp(one) for one in fitness),
            size=len(repr(genome)),
            status="ok",
        )


def key_of(genome: Genome) -> str:
    """What a genome is known by, as a program is by its hash."""
    return hashlib.sha256(repr(genome).encode()).hexdigest()[:32]
