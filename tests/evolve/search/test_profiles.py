from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.search.base import Result, Selection, Setup
from evolve.search.profiles import (
    BASELINE_SHARE,
    WATCHED,
    coarse,
    inspiration,
    profile_of,
    signature_of,
    watched,
)


def test_short_rows_are_watched_whole_and_long_ones_evenly() -> None:
    assert watched([3.0, 1.0]) == (3.0, 1.0)
    assert watched([]) == ()
    row = [float(place) for place in range(5 * WATCHED)]
    assert watched(row) == tuple(row[::5])


@given(scores=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_coarse_scores_keep_their_order_and_six_digits(scores: list[float]) -> None:
    rough = coarse(scores)
    assert coarse(rough) == rough
    for one, other in pairwise(sorted(scores)):
        assert coarse([one]) <= coarse([other])
    for before, after in zip(scores, rough, strict=True):
        assert abs(before - after) <= abs(before) * 1e-6 or abs(before) < 1e-300


def test_signature_tells_rows_apart_whatever_their_scale() -> None:
    assert signature_of([1.0, 2.0]) != signature_of([2.0, 1.0])
    assert signature_of([1e-12, 2e-12]) != signature_of([1e-12, 2.1e-12])
    assert signature_of([1.0]) == signature_of([1.0 + 1e-13])


def test_only_programs_with_a_score_have_a_profile() -> None:
    failed = Result(number=1, selection=Selection(()), operator="any", program="a" * 32)
    assert profile_of(failed) is None
    assert profile_of(Result(number=1, selection=Selection(()), operator="any")) is None


def test_score_on_all_stands_in_for_instances_that_nothing_is_known_of() -> None:
    told = Result(number=1, selection=Selection(()), operator="any", program="a" * 32, score=2.0)
    profile = profile_of(told)
    assert profile is not None
    assert profile.on(5) == 2.0


def test_inspirations_are_now_and_then_baselines() -> None:
    setup = Setup(("b" * 32,))
    drawn = [inspiration(setup, ["a" * 32], stream(0, "", number))[0] for number in range(2000)]
    assert drawn.count("b" * 32) / 2000 == pytest.approx(BASELINE_SHARE, abs=0.03)
    assert inspiration(setup, [], stream(0, "", 0)) == ("b" * 32,)
    assert inspiration(Setup(()), [], stream(0, "", 0)) == ()
