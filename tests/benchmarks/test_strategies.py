"""What a strategy costs for each proposal, however many there were before, and how far 10,000 proposals get.

CPU time, so that load on the machine does not count. A proposal is one `ask`, one `tell`, and a tenth of a
state, which is made for each commit.
"""

import json
import statistics
import time

import msgspec
import pytest

from evolve.benchmarking.driving import Drive
from evolve.benchmarking.suites import load_suite
from evolve.randomness import stream
from evolve.registry import STRATEGY, find, names
from evolve.search.base import Result, Selection, Setup, Strategy

pytestmark = pytest.mark.benchmark
SETUP = Setup(("b" * 32, "c" * 32))
INSTANCES = 12
EARLY, LATE = 1_000, 100_000
WINDOW, TURNS = 200, 15
LIMIT = 1.2
"""The most that a proposal may cost late in a search, against early in it."""
STATE_LIMIT = 9 * 1024
"""Characters of a strategy's state, which is stored with every commit; `meta` stores those of five."""


class Told:
    """A strategy that is told one result after another, all of which have a score."""

    def __init__(self, name: str) -> None:
        self.strategy: Strategy = find(STRATEGY, name).start(SETUP)
        self.strategy.tell(
            Result(number=0, selection=Selection(()), operator="seed", program="0" * 32, score=1.0)
        )
        self.number = 0
        self._draw = stream(1, "scores", 0)

    def go_on(self, count: int) -> float:
        """Make so many proposals; CPU seconds for each."""
        spent = 0.0
        for _ in range(count):
            self.number += 1
            result = self._result(self.number)
            random = stream(1, "select", self.number)
            started = time.process_time()
            selection = self.strategy.ask(self.number, random)
            self.strategy.tell(msgspec.structs.replace(result, selection=selection))
            if self.number % 10 == 0:
                self.strategy.state()
            spent += time.process_time() - started
        return spent / count

    def _result(self, number: int) -> Result:
        scores = tuple(1.0 + number / LATE + self._draw.gauss(0.0, 0.3) for _ in range(INSTANCES))
        score = sum(scores) / INSTANCES
        return Result(
            number=number,
            selection=Selection(()),
            operator="anything",
            program=f"{number:032x}",
            score=score,
            scores=scores,
            merits=(score, self._draw.gauss(0.0, 1.0)),
            size=500,
        )


@pytest.mark.parametrize("name", names(STRATEGY))
def test_cost_of_a_proposal_does_not_grow(name: str) -> None:
    """Both are measured in turns, so that what else the machine does is the same for both."""
    early, late = Told(name), Told(name)
    early.go_on(EARLY)
    late.go_on(LATE)
    turns = [(early.go_on(WINDOW), late.go_on(WINDOW)) for _ in range(TURNS)]
    first, second = (statistics.median(turn[place] for turn in turns) for place in range(2))
    ratio = statistics.median(after / before for before, after in turns)
    size = len(json.dumps(late.strategy.state()))
    print(
        f"\n{name:12} {1e6 * first:5.0f} us after {EARLY:,} proposals, {1e6 * second:5.0f} us after"
        f" {LATE:,}: {ratio:.2f} times; state {size / 1024:.1f} KiB"
    )
    assert ratio <= LIMIT
    assert size <= (STATE_LIMIT if name != "meta" else 2.5 * STATE_LIMIT)


def test_ten_thousand_proposals_take_seconds() -> None:
    space = load_suite("synthetic").spaces[1]
    for name in names(STRATEGY):
        drive = Drive(space, find(STRATEGY, name), 1, 12)
        started = time.process_time()
        curve = drive.run(10_000)
        seconds = time.process_time() - started
        print(f"\n{name:10} {seconds:5.2f} s of CPU time for {curve.evaluations:,} evaluations", end="")
        assert seconds < 60
