"""The statistics behind `compare` and `report`."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.statistics import (
    Method,
    mean_interval,
    median_interval,
    paired_difference,
    sign_test,
    student_quantile,
)

scores = st.floats(1e-3, 1e3)
pairs = st.lists(st.tuples(scores, scores), min_size=1, max_size=30)
few = settings(max_examples=40, deadline=None)
PINNED = (1.0025031276057952, 1.0153668746067999)


def sides(found: list[tuple[float, float]]) -> tuple[dict[str, float], dict[str, float]]:
    return {f"i{n}": one for n, (one, _) in enumerate(found)}, {
        f"i{n}": two for n, (_, two) in enumerate(found)
    }


@few
@given(pairs)
def test_swapping_the_programs_inverts_the_ratio_and_mirrors_the_interval(
    found: list[tuple[float, float]],
) -> None:
    first, second = sides(found)
    forth, back = paired_difference(first, second), paired_difference(second, first)
    assert back.ratio == pytest.approx(1.0 / forth.ratio, rel=1e-12)
    assert (back.won, back.lost, back.tied) == (forth.lost, forth.won, forth.tied)
    assert back.p_value == forth.p_value
    if len(found) == 1:
        assert forth.interval is None
        assert back.interval is None
    else:
        assert forth.interval is not None
        assert back.interval is not None
        assert back.interval.low == pytest.approx(1.0 / forth.interval.high, rel=1e-12)
        assert back.interval.high == pytest.approx(1.0 / forth.interval.low, rel=1e-12)


@few
@given(pairs, st.data())
def test_a_common_factor_on_an_instance_changes_nothing(
    found: list[tuple[float, float]], data: st.DataObject
) -> None:
    factors = data.draw(st.lists(scores, min_size=len(found), max_size=len(found)))
    scaled = [(one * factor, two * factor) for (one, two), factor in zip(found, factors, strict=True)]
    plain, other = paired_difference(*sides(found)), paired_difference(*sides(scaled))
    assert other.ratio == pytest.approx(plain.ratio, rel=1e-8)
    if plain.interval is not None and other.interval is not None:
        assert other.interval.low == pytest.approx(plain.interval.low, rel=1e-6)
        assert other.interval.high == pytest.approx(plain.interval.high, rel=1e-6)


@few
@given(st.lists(scores, min_size=2, max_size=100))
def test_a_program_is_exactly_as_good_as_itself(found: list[float]) -> None:
    same = {f"i{n}": score for n, score in enumerate(found)}
    difference = paired_difference(same, same)
    assert difference.ratio == 1.0
    assert difference.interval is not None
    assert (difference.interval.low, difference.interval.high) == (1.0, 1.0)
    assert (difference.won, difference.lost, difference.tied) == (0, 0, len(found))
    assert difference.p_value == 1.0


@few
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_the_instances_changes_nothing(found: list[tuple[float, float]], random: object) -> None:
    first, second = sides(found)
    names = sorted(first, reverse=True)
    again = paired_difference({name: first[name] for name in names}, {name: second[name] for name in names})
    assert again == paired_difference(first, second)


@few
@given(pairs)
def test_the_interval_holds_the_ratio_and_widens_with_the_level(found: list[tuple[float, float]]) -> None:
    wide, narrow = (paired_difference(*sides(found), level) for level in (99.0, 80.0))
    if wide.interval is None or narrow.interval is None:
        assert len(found) == 1
        return
    margin = 1.0 + 1e-9
    assert wide.interval.low <= wide.ratio * margin
    assert wide.ratio <= wide.interval.high * margin
    if wide.interval.method is narrow.interval.method:
        assert wide.interval.low <= narrow.interval.low * margin
        assert narrow.interval.high <= wide.interval.high * margin


def draw(random: np.random.Generator, shape: str, count: int) -> list[float]:
    """Logarithms of ratios of the given shape."""
    values = random.exponential(0.05, count) if shape == "skewed" else random.normal(0.03, 0.05, count)
    if shape == "with ties":
        values[random.random(count) < 0.3] = 0.0
    return [float(value) for value in values]


@pytest.mark.parametrize(
    ("count", "method"), [(4, Method.STUDENT_T), (8, Method.BOOTSTRAP), (25, Method.BOOTSTRAP)]
)
@pytest.mark.parametrize(("shape", "truth"), [("normal", 0.03), ("skewed", 0.05), ("with ties", 0.021)])
def test_the_interval_of_the_mean_covers_about_as_often_as_it_says(
    count: int, method: Method, shape: str, truth: float
) -> None:
    random = np.random.default_rng(count)
    covered, trials = 0, 300
    for _ in range(trials):
        interval = mean_interval(draw(random, shape, count))
        assert interval is not None
        assert interval.method is method or interval.low == interval.high
        covered += math.log(interval.low) <= truth <= math.log(interval.high)
    # A share of 300 trials is known to within 2.5 points, twice its standard error. Skewed data and few
    # instances cost any interval of a mean some coverage.
    floor = 0.92 if shape == "normal" else 0.82
    assert floor <= covered / trials <= 0.99


def test_the_interval_of_the_median_covers_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered, trials = 0, 300
    for _ in range(trials):
        interval = median_interval([float(one) for one in random.standard_cauchy(16)])
        assert interval is not None
        covered += interval.low <= 1.0 <= interval.high
    assert 0.90 <= covered / trials <= 0.99


def test_too_few_pairs_give_no_interval_of_the_median() -> None:
    assert median_interval([0.1] * 5) is None
    assert median_interval([0.1] * 6) is not None
    assert median_interval([0.1] * 5, 90.0) is not None


def test_one_instance_has_a_ratio_and_no_interval() -> None:
    difference = paired_difference({"only": 2.0}, {"only": 1.0})
    assert difference.ratio == pytest.approx(2.0)
    assert difference.interval is None
    assert difference.instances == 1


def test_the_same_ratio_everywhere_is_an_interval_without_width() -> None:
    names = [f"i{n}" for n in range(7)]
    difference = paired_difference(dict.fromkeys(names, 1.1), dict.fromkeys(names, 1.0))
    assert difference.interval is not None
    assert difference.interval.low == difference.interval.high == pytest.approx(1.1)


def test_two_programs_that_share_no_instances_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same instances"):
        paired_difference({"a": 1.0}, {"b": 1.0})
    with pytest.raises(ValueError, match="at least one"):
        paired_difference({}, {})
    with pytest.raises(ValueError, match="no ratio"):
        paired_difference({"a": 0.0}, {"a": 1.0})


def test_the_interval_is_the_same_in_every_process() -> None:
    logs = [0.01 * (n % 7) - 0.02 for n in range(40)]
    interval = mean_interval(logs)
    assert interval is not None
    assert interval.low == pytest.approx(PINNED[0], rel=1e-12)
    assert interval.high == pytest.approx(PINNED[1], rel=1e-12)


def test_the_interval_agrees_with_students_on_many_normal_values() -> None:
    logs = np.random.default_rng(3).normal(0.0, 1.0, 400)
    interval = mean_interval([float(one) for one in logs])
    assert interval is not None
    margin = student_quantile(0.975, 399) * float(logs.std(ddof=1)) / 20.0
    assert math.log(interval.low) == pytest.approx(float(logs.mean()) - margin, abs=0.01)
    assert math.log(interval.high) == pytest.approx(float(logs.mean()) + margin, abs=0.01)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_students_quantiles_are_those_of_the_printed_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(quantile, abs=6e-4)


def test_students_quantiles_go_on_smoothly_where_the_expansion_takes_over() -> None:
    assert student_quantile(0.975, 1001) == pytest.approx(student_quantile(0.975, 1000), abs=1e-5)


@pytest.mark.parametrize(
    ("won", "lost", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (8, 2, 112 / 1024)]
)
def test_sign_test_counts_coin_tosses(won: int, lost: int, p: float) -> None:
    assert sign_test(won, lost) == pytest.approx(p)
    assert sign_test(lost, won) == sign_test(won, lost)
