import itertools
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.search.base import Meaning, Result, Selection, Verdict
from evolve.search.hypervolume import CAPACITY, Hypervolume, contributions
from tests.evolve.search.conformance import SETUP, Drive, scored

_POINTS = st.integers(1, 4).flatmap(
    lambda count: st.lists(st.tuples(*[st.integers(1, 4)] * count), min_size=1, max_size=7)
)


def result(number: int, *merits: float, size: int = 100) -> Result:
    return Result(
        number=number,
        selection=Selection(()),
        operator="anything",
        program=f"{number:032x}",
        score=merits[0],
        scores=(merits[0],),
        merits=merits,
        size=size,
        status="ok",
    )


def told(*merits: Sequence[float]) -> tuple[Hypervolume, list[Verdict]]:
    strategy = Hypervolume.start(SETUP)
    return strategy, [strategy.tell(result(number, *one)) for number, one in enumerate(merits)]


def members(strategy: Hypervolume) -> list[int]:
    return sorted(int(one.program, 16) for view in strategy.populations() for one in view.members)


@given(points=_POINTS)
def test_contributions_are_the_cells_that_nobody_else_covers(points: list[tuple[int, ...]]) -> None:
    def covers(point: tuple[int, ...], cell: tuple[int, ...]) -> bool:
        return all(low < high for low, high in zip(cell, point, strict=True))

    cells = list(itertools.product(range(4), repeat=len(points[0])))
    for place, point in enumerate(points):
        others = points[:place] + points[place + 1 :]
        alone = [c for c in cells if covers(point, c) and not any(covers(other, c) for other in others)]
        assert contributions(points)[place] == len(alone)


def test_what_is_best_in_any_objective_is_kept_and_what_is_dominated_by_many_goes() -> None:
    front = [(1.0 + place, 100.0 - place) for place in range(CAPACITY)]
    strategy, _ = told(*front)
    assert strategy.tell(result(50, 1.0, 1.0)).meaning is Meaning.NOT_BETTER
    assert strategy.tell(result(51, 0.5, 200.0)).meaning is Meaning.ACCEPTED
    assert 51 in members(strategy)
    assert len(members(strategy)) == CAPACITY
    assert CAPACITY - 1 in members(strategy), "the best by score"


def test_of_neighbours_on_the_front_one_gives_way_to_a_program_in_a_gap() -> None:
    near = [(10.0 + place / 100, 90.0 - place / 100) for place in range(CAPACITY - 1)]
    strategy, _ = told(*near, (99.0, 1.0))
    assert strategy.tell(result(70, 50.0, 50.0)).meaning is Meaning.ACCEPTED
    assert {70, CAPACITY - 1} <= {*members(strategy)}


def test_with_one_objective_the_best_few_are_kept() -> None:
    drive = Drive(Hypervolume.start(SETUP)).tell_all([scored(1.0 + n % 37 / 8) for n in range(80)])
    (front, others) = drive.strategy.populations()
    kept = sorted({one.score for view in (front, others) for one in view.members}, reverse=True)
    assert kept == sorted({1.0 + n % 37 / 8 for n in range(80)}, reverse=True)[: len(kept)]
    assert len(kept) == CAPACITY


def test_the_best_by_score_survives_any_number_of_others() -> None:
    strategy, _ = told((9.0, 1.0))
    for number in range(1, 200):
        strategy.tell(result(number, 1.0 + number % 13 / 20, float(number * 7919 % 1000), float(number)))
    assert strategy.elites()[0] == f"{0:032x}"
    assert len(members(strategy)) == CAPACITY


def test_equal_by_score_but_shorter_and_dominated_does_not_stop_it() -> None:
    strategy = Hypervolume.start(SETUP)
    for number in range(3 * CAPACITY):
        strategy.tell(result(number, 1.0, float(number), size=1000 + number))
    strategy.tell(result(500, 1.0, -5.0, size=1))
    strategy.tell(result(501, 0.9, 9e9, size=1))
    assert strategy.elites()[0] == f"{3 * CAPACITY - 1:032x}"


def test_programs_with_the_same_scores_may_differ_in_another_objective() -> None:
    strategy, verdicts = told((1.0, 5.0), (1.0, 6.0), (1.0, 6.0))
    assert [one.meaning for one in verdicts] == [Meaning.ACCEPTED, Meaning.ACCEPTED, Meaning.NOT_BETTER]
    assert members(strategy) == [0, 1]


def test_what_was_not_measured_is_the_worst() -> None:
    strategy, _ = told((1.0, 5.0), (1.0,))
    assert strategy.elites() == (f"{0:032x}",)


def test_lone_programs_on_the_front_are_parents_most_often() -> None:
    crowd = [(10.0 + place / 100, 10.0 - place / 100, 5.0) for place in range(6)]
    strategy, _ = told(*crowd, (1.0, 1.0, 9.0))
    asked = [strategy.ask(number, random.Random(number)).parents[0] for number in range(2000)]
    counts = {number: asked.count(f"{number:032x}") for number in range(7)}
    assert counts[6] > 2 * min(counts.values())


BENDS: dict[str, Callable[[float], float]] = {
    "scaled": lambda value: value * 1e6,
    "small": lambda value: value * 1e-7,
    "negative": lambda value: value - 500.0,
}


@pytest.mark.parametrize("bend", BENDS)
@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.tuples(*[st.integers(1, 40)] * 3), min_size=1, max_size=60))
def test_unit_and_zero_of_an_objective_change_no_choice(
    bend: str, values: list[tuple[int, int, int]]
) -> None:
    plain, bent = Hypervolume.start(SETUP), Hypervolume.start(SETUP)
    for number, one in enumerate(values):
        merits = [float(value) for value in one]
        first = plain.tell(result(number, *merits))
        second = bent.tell(result(number, merits[0], BENDS[bend](merits[1]), merits[2]))
        assert first == second
        asked = [one.ask(number, stream(0, "select", number)) for one in (plain, bent)]
        assert asked[0] == asked[1]
    again = Hypervolume.restore(SETUP, plain.state())
    assert again.state() == plain.state()
    assert again.ask(7, stream(0, "select", 7)) == plain.ask(7, stream(0, "select", 7))
