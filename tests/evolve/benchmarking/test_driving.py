import pytest

from evolve.benchmarking.driving import Drive
from evolve.benchmarking.rules import Rule
from evolve.benchmarking.spaces import Rugged, Trap
from evolve.registry import STRATEGY, find, names
from evolve.search.best_of_n import BestOfN
from evolve.search.greedy import Greedy

SMOOTH = Rugged(name="smooth", genes=32)
LAG = 12


@pytest.mark.parametrize("name", names(STRATEGY))
@pytest.mark.parametrize("space", [SMOOTH, Rule(name="rule", depth=2)], ids=["genes", "rule"])
def test_same_seed_same_curve_other_seed_another(name: str, space: Rugged | Rule) -> None:
    kind = find(STRATEGY, name)
    one, again, other = (Drive(space, kind, seed, LAG).run(150) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_curve_rises_and_ends_with_the_budget() -> None:
    curve = Drive(SMOOTH, Greedy, 1, LAG).run(300)
    spent = [point[0] for point in curve.points]
    scores = [point[1] for point in curve.points]
    assert curve.evaluations == 300
    assert spent[0] == 1
    assert spent == sorted({*spent})
    assert scores == sorted({*scores})
    assert curve.at(0) is None
    assert curve.at(1) == scores[0]
    assert curve.at(spent[1]) == scores[1]
    assert curve.at(spent[1] - 1) == scores[0]
    assert curve.at(10**6) == curve.final == scores[-1]


def test_a_longer_search_begins_like_a_shorter_one() -> None:
    short, long = (Drive(SMOOTH, Greedy, 3, LAG).run(count) for count in (100, 200))
    assert long.points[: len(short.points)] == short.points


def test_learning_beats_starting_over_and_reaches_a_smooth_optimum() -> None:
    greedy, best_of_n = (Drive(SMOOTH, kind, 1, LAG).run(2000).final for kind in (Greedy, BestOfN))
    assert greedy is not None
    assert best_of_n is not None
    assert greedy > best_of_n


def test_search_ends_when_there_is_nothing_new() -> None:
    space = Trap(name="tiny", blocks=1, order=3)
    curve = Drive(space, Greedy, 1, LAG).run(1000)
    assert curve.evaluations == 2**3


def test_larger_lag_means_older_parents() -> None:
    fast, slow = (Drive(SMOOTH, Greedy, 1, lag).run(120).final for lag in (1, 100))
    assert fast is not None
    assert slow is not None
    assert fast > slow
