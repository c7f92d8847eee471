"""What a strategy costs for each proposal, however many there were before, and how far 10,000 proposals get.

CPU time, so that load on the machine does not count. A proposal is one `ask`, one `tell`, and a tenth of a
state, which is made for each commit.
"""

import json
import statistics
import time

import pytest

from evolve.benchmarking.driving import Drive
from evolve.benchmarking.suites import load_suite
from evolve.randomness import stream
from evolve.registry import STRATEGY, find, names
from evolve.search.base import Result, Selection, Setup

pytestmark = pytest.mark.benchmark
SETUP = Setup(("b" * 32, "c" * 32))
INSTANCES = 12
EARLY, LATE = 1_000, 100_000
WINDOW = 1_000
LIMIT = 1.2
"""The most that a proposal may cost late in a search, against early in it."""


@pytest.mark.parametrize("name", names(STRATEGY))
def test_cost_of_a_proposal_does_not_grow(name: str) -> None:
    strategy = find(STRATEGY, name).start(SETUP)
    strategy.tell(Result(number=0, selection=Selection(()), operator="seed", program="0" * 32, score=1.0))
    found: dict[int, tuple[float, int]] = {}
    draw = stream(1, "scores", 0)
    spent: list[float] = []
    for number in range(1, LATE + 1):
        trend = 1.0 + number / LATE
        scores = tuple(trend + draw.gauss(0.0, 0.3) for _ in range(INSTANCES))
        random = stream(1, "select", number)
        started = time.process_time()
        selection = strategy.ask(number, random)
        strategy.tell(
            Result(
                number=number,
                selection=selection,
                operator="anything",
                program=f"{number:032x}",
                score=sum(scores) / INSTANCES,
                scores=scores,
                size=500,
            )
        )
        if number % 10 == 0 or number in (EARLY, LATE):
            state = strategy.state()
        spent.append(time.process_time() - started)
        if number in (EARLY, LATE):
            found[number] = statistics.mean(spent[-WINDOW:]), len(json.dumps(state))
    (early, _), (late, size) = found[EARLY], found[LATE]
    print(
        f"\n{name:10} {1e6 * early:6.0f} us a proposal after {EARLY:,}, {1e6 * late:6.0f} us after {LATE:,}:"
        f" {late / early:.2f} times; state {size / 1024:.1f} KiB"
    )
    assert late <= LIMIT * early


def test_ten_thousand_proposals_take_seconds() -> None:
    space = load_suite("synthetic").spaces[1]
    for name in names(STRATEGY):
        drive = Drive(space, find(STRATEGY, name), 1, 12)
        started = time.process_time()
        curve = drive.run(10_000)
        seconds = time.process_time() - started
        print(f"\n{name:10} {seconds:5.2f} s of CPU time for {curve.evaluations:,} evaluations", end="")
        assert seconds < 60
