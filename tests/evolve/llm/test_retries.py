import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.retries import Pacing, delay

PACING = Pacing()


@given(st.integers(0, 10_000), st.integers(0, 1000))
def test_waits_are_bounded_and_grow(seed: int, retry: int) -> None:
    wait = delay(PACING, retry, None, random.Random(seed))
    assert 0.0 <= wait <= min(PACING.longest, 2.0 ** min(retry, 60))


def test_the_jitter_is_full() -> None:
    source = random.Random(1)
    waits = sorted(delay(PACING, 3, None, source) for _ in range(1000))
    assert waits[50] < 1.0
    assert waits[-50] > 7.0
    assert sum(waits) / 1000 == pytest.approx(4.0, abs=0.3)


@given(st.floats(0, 1e6), st.integers(0, 20))
def test_what_is_asked_for_is_waited_for_within_bounds(asked: float, retry: int) -> None:
    wait = delay(PACING, retry, asked, random.Random(1))
    assert wait >= min(asked, PACING.longest_asked)
    assert wait <= PACING.longest_asked + PACING.longest
