import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.search.arms import Arm, Pull
from evolve.search.rates import HORIZON, LEAN, Rates

ARMS = tuple(Arm(name, None, weight) for name, weight in (("even", 1.0), ("rare", 1.0), ("heavy", 2.0)))
ALL = range(len(ARMS))
PULLS = st.lists(st.tuples(st.none() | st.sampled_from(ALL), st.none() | st.floats(-10.0, 10.0)), max_size=60)


def told(rates: Rates, results: Sequence[tuple[int | None, float | None]]) -> Rates:
    for arm, score in results:
        rates.tell(Pull(arm=arm, score=score, parent_score=None, cost_usd=0.0))
    return rates


def shares(rates: Rates, among: Sequence[int] = ALL, count: int = 8000) -> dict[int, float]:
    drawn = Counter(rates.choose(stream(1, "choose", number), among) for number in range(count))
    return {arm: drawn[arm] / count for arm in among}


def rising(*arms: int, count: int) -> list[tuple[int | None, float | None]]:
    """The arms in turn, each time with a better program than all before."""
    return [(arms[number % len(arms)], float(number)) for number in range(count)]


def test_weights_alone_decide_at_first_and_where_nothing_succeeds() -> None:
    expected = {0: 0.25, 1: 0.25, 2: 0.5}
    assert shares(Rates.start(ARMS)) == pytest.approx(expected, abs=0.02)
    nothing = told(Rates.start(ARMS), [(None, 5.0), *[(arm, 1.0) for arm in ALL] * 100])
    assert shares(nothing) == pytest.approx(expected, abs=0.02)


def test_what_succeeds_alone_counts_for_more_within_bounds() -> None:
    results = [(arm, float(turn) if arm == 1 else -1.0) for turn in range(200) for arm in ALL]
    whole = LEAN + 1 / LEAN + 2 / LEAN
    expected = {0: 1 / LEAN / whole, 1: LEAN / whole, 2: 2 / LEAN / whole}
    assert shares(told(Rates.start(ARMS), results)) == pytest.approx(expected, abs=0.02)


def test_success_is_measured_by_how_often_an_arm_was_pulled() -> None:
    """The first is pulled nine times as often and succeeds nine times as often."""
    turn = [0] * 9 + [1]
    assert shares(told(Rates.start(ARMS[:2]), rising(*turn, count=500)), (0, 1)) == pytest.approx(
        {0: 0.5, 1: 0.5}, abs=0.03
    )


def test_a_single_success_decides_little() -> None:
    few = told(Rates.start(ARMS), [(2, 0.0), (0, -1.0), (1, -1.0), (1, 1.0)])
    assert shares(few)[1] < 0.31


def test_what_was_long_ago_is_forgotten() -> None:
    results = [(arm, float(turn) if arm == 1 else -1.0) for turn in range(100) for arm in ALL]
    then = told(Rates.start(ARMS), results)
    assert shares(then)[1] > 0.35
    later = told(then, [(arm, -1.0) for arm in ALL] * (2 * HORIZON))
    assert shares(later)[1] == pytest.approx(0.25, abs=0.03)


@given(PULLS, st.sampled_from([lambda x: x, lambda x: 3.0 * x - 40.0, lambda x: x**3]))
def test_only_the_order_of_scores_matters(
    results: list[tuple[int | None, float | None]], scale: object
) -> None:
    assert callable(scale)
    changed = [(arm, None if score is None else scale(round(score, 1))) for arm, score in results]
    plain = [(arm, None if score is None else round(score, 1)) for arm, score in results]
    one, other = told(Rates.start(ARMS), plain), told(Rates.start(ARMS), changed)
    assert one.state()["successes"] == other.state()["successes"]
    assert shares(one, count=50) == shares(other, count=50)


@given(PULLS, PULLS)
def test_one_that_is_restored_goes_on_alike(
    before: list[tuple[int | None, float | None]], after: list[tuple[int | None, float | None]]
) -> None:
    one = told(Rates.start(ARMS), before)
    other = Rates.restore(ARMS, json.loads(json.dumps(one.state(), allow_nan=False)))
    assert told(one, after).state() == told(other, after).state()
    assert shares(one, count=50) == shares(other, count=50)
