import math

import pytest

from evolve.benchmarking.analysis import Row, analyse
from evolve.benchmarking.cells import Cell, Finished
from evolve.benchmarking.comparing import YARDSTICK, Comparison
from evolve.benchmarking.curves import Curve
from evolve.benchmarking.suites import Suite

E = math.e


def _comparison(seeds: int = 3, problems: tuple[str, ...] = ("p", "q")) -> Comparison:
    suite = Suite(summary="", evaluations=100, seeds=seeds, problems=problems)
    return Comparison(suite=suite, strategies=(YARDSTICK, "good"), seeds=seeds, evaluations=100)


def _finished(cell: Cell, *points: tuple[int, float], optimum: float | None = None) -> Finished:
    return Finished(cell, Curve(points, 100), optimum)


def _all(comparison: Comparison, good: float, plain: float, optimum: float | None = None) -> list[Finished]:
    return [
        _finished(cell, (1, 1.0), (50, good if cell.strategy == "good" else plain), optimum=optimum)
        for cell in comparison.cells
    ]


def _by_strategy(rows: list[Row]) -> dict[str, Row]:
    return {row["strategy"]: row for row in rows}


def test_quality_is_the_share_of_the_way_to_the_optimum_in_logarithms() -> None:
    comparison = _comparison()
    found = analyse(comparison, _all(comparison, E**2, E, optimum=E**4))
    rows = _by_strategy(found.strategies)
    assert rows["good"]["quality"] == pytest.approx(0.5)
    assert rows[YARDSTICK]["quality"] == pytest.approx(0.25)
    assert rows["good"]["gain"] == pytest.approx(0.25)
    assert [row["strategy"] for row in found.strategies] == ["good", YARDSTICK]


def test_without_an_optimum_the_best_that_was_found_takes_its_place() -> None:
    comparison = _comparison()
    rows = _by_strategy(analyse(comparison, _all(comparison, E**2, E)).strategies)
    assert rows["good"]["quality"] == pytest.approx(1.0)
    assert rows[YARDSTICK]["quality"] == pytest.approx(0.5)


def test_without_spread_intervals_are_points_and_verdicts_are_clear() -> None:
    comparison = _comparison()
    row = _by_strategy(analyse(comparison, _all(comparison, E**2, E)).strategies)["good"]
    assert (row["low"], row["high"]) == pytest.approx((1.0, 1.0))
    assert (row["better"], row["undecided"], row["worse"]) == (2, 0, 0)
    swapped = _by_strategy(analyse(comparison, _all(comparison, E, E**2)).strategies)["good"]
    assert (swapped["better"], swapped["undecided"], swapped["worse"]) == (0, 0, 2)


def test_differences_that_change_sign_with_the_seed_are_undecided() -> None:
    comparison = _comparison(seeds=4)
    finished = [
        _finished(cell, (1, 1.0), (9, E ** (1.0 + (cell.seed % 2 if cell.strategy == "good" else 0.5))))
        for cell in comparison.cells
    ]
    row = _by_strategy(analyse(comparison, finished).strategies)["good"]
    assert row["undecided"] == 2
    assert row["gain_low"] < row["gain"] < row["gain_high"]


def test_one_seed_decides_nothing() -> None:
    comparison = _comparison(seeds=1)
    row = _by_strategy(analyse(comparison, _all(comparison, E**2, E)).strategies)["good"]
    assert row["undecided"] == 2


def test_anytime_curve_steps_where_the_searches_do() -> None:
    comparison = _comparison()
    rows = [row for row in analyse(comparison, _all(comparison, E, 1.0)).anytime if row["strategy"] == "good"]
    assert rows[0]["evaluations"] == 1
    assert rows[-1]["evaluations"] == 100
    assert all(row["quality"] == pytest.approx(float(row["evaluations"] >= 50)) for row in rows)


def test_profile_falls_from_one_and_counts_searches() -> None:
    comparison = _comparison()
    finished = [_finished(cell, (1, 1.0), (2, E ** (cell.seed / 4)), optimum=E) for cell in comparison.cells]
    rows = [row for row in analyse(comparison, finished).profiles if row["strategy"] == "good"]
    shares = {round(row["quality"], 2): row["share"] for row in rows}
    assert shares[0.0] == 1.0
    assert shares[0.25] == 1.0
    assert shares[0.26] == pytest.approx(2 / 3)
    assert shares[0.75] == pytest.approx(1 / 3)
    assert shares[0.76] == 0.0
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_search_without_any_score_counts_as_nothing_gained() -> None:
    comparison = _comparison()
    finished = [
        _finished(cell) if cell.strategy == "good" and cell.seed == 1 else _finished(cell, (1, 1.0), (2, E))
        for cell in comparison.cells
    ]
    row = _by_strategy(analyse(comparison, finished).strategies)["good"]
    assert row["quality"] == pytest.approx(2 / 3)
    assert row["undecided"] == 2


def test_problem_on_which_nothing_is_gained_says_nothing() -> None:
    comparison = _comparison()
    rows = _by_strategy(analyse(comparison, _all(comparison, 1.0, 1.0)).strategies)
    assert rows["good"]["quality"] == rows[YARDSTICK]["quality"] == 0.0


def test_same_cells_same_figures() -> None:
    comparison = _comparison()
    finished = _all(comparison, E**2, E, optimum=E**3)
    assert analyse(comparison, finished) == analyse(comparison, finished)
