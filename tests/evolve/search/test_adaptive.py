import random
from collections import Counter

import pytest

from evolve.search.adaptive import HIGH, ISLANDS, LOW, RESTART_LEAST, Adaptive, exploring
from evolve.search.base import Result, Selection
from tests.evolve.search.conformance import BASELINES, FAILED, SETUP, Drive, scored


def _result(number: int, island: int, score: float | None) -> Result:
    return Result(
        number=number,
        selection=Selection(BASELINES[:1], context={"island": island}),
        operator="anything",
        program=f"{number:032x}",
        score=score,
        scores=() if score is None else (score, score),
    )


def _founded() -> Adaptive:
    adaptive = Adaptive.start(SETUP)
    adaptive.tell(Result(number=0, selection=Selection(()), operator="seed", program="0" * 32, score=1.0))
    return adaptive


def test_seed_program_founds_all_islands() -> None:
    founders = [[one.program for one in island.members] for island in _founded().populations()]
    assert founders == [["0" * 32]] * ISLANDS


def test_exploring_spans_the_whole_interval() -> None:
    assert exploring(0.0) == LOW
    assert exploring(1.0) == pytest.approx((LOW + HIGH) / 2)
    assert HIGH - exploring(1e6) < 1e-5
    assert exploring(0.1) < exploring(1.0) < exploring(10.0)


def test_waiting_without_progress_is_seen_and_progress_ends_it() -> None:
    adaptive = _founded()
    for number in range(1, 51):
        adaptive.tell(_result(number, 0, 0.5))
    island = adaptive.state()["islands"][0]
    assert island["waited"] == 50
    adaptive.tell(_result(51, 0, 2.0))
    after = adaptive.state()["islands"][0]
    assert after["waited"] == 0
    assert after["usual"] > island["usual"]


def test_island_that_makes_progress_is_visited_more() -> None:
    adaptive = _founded()
    for number in range(1, 61):
        adaptive.tell(_result(number, number % ISLANDS, 1.0 + number / 100 if number % ISLANDS == 1 else 0.5))
    asked = [adaptive.ask(100 + number, random.Random(number)) for number in range(600)]
    visits = Counter(selection.context["island"] for selection in asked)
    assert visits[1] > 2 * max(visits[0], visits[2])


def test_catching_up_counts_less_than_leading() -> None:
    adaptive = _founded()
    for number in range(1, 40):
        adaptive.tell(_result(number, 1, 2.0 + number))
    before = adaptive.state()["islands"]
    adaptive.tell(_result(40, 0, 1.5))
    adaptive.tell(_result(41, 1, 99.0))
    after = adaptive.state()["islands"]
    assert after[0]["gains"] - before[0]["gains"] < 0.1
    assert after[1]["gains"] - 0.99 * before[1]["gains"] > 0.9


def test_overdue_island_starts_anew_from_its_best_and_the_leader() -> None:
    adaptive = _founded()
    adaptive.tell(_result(1, 1, 9.0))
    for number in range(2, 12):
        adaptive.tell(_result(number, 0, 1.0 - number / 100))
    for number in range(12, 12 + int(RESTART_LEAST) + 10):
        adaptive.tell(_result(number, 0, None))
    islands = adaptive.populations()
    assert [one.program for one in islands[0].members] == [f"{1:032x}", "0" * 32]
    assert [one.program for one in islands[1].members] == [f"{1:032x}", "0" * 32]
    assert len(islands[2].members) == 1


def test_leading_island_is_never_started_anew() -> None:
    drive = Drive(Adaptive.start(SETUP)).tell_all([scored(2.0), *[scored(1.0 + n / 999) for n in range(60)]])
    members = drive.strategy.populations()
    drive.tell_all([FAILED] * 600)
    assert drive.strategy.populations() == members, "all lead with the same program"
