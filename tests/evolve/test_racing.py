import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.racing import LEVEL, MARGIN, SMALLEST_SPLIT, clearly_worse, first_stage

RATIOS = st.lists(st.floats(0.25, 4.0), min_size=1, max_size=10)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"i{number}" for number in range(count))


def worse(ratios: list[float]) -> bool:
    """Whether a program with these ratios to its rival's scores is clearly worse."""
    rival = {name: 0.5 + position for position, name in enumerate(names(len(ratios)))}
    scores = {name: ratio * rival[name] for name, ratio in zip(rival, ratios, strict=True)}
    return clearly_worse(scores, rival)


def share_as_low(ratios: list[float]) -> float:
    """The p-value of the randomisation test, by counting subsets whose signs are flipped."""
    differences = [math.log(ratio) for ratio in ratios]
    total = math.fsum(differences)
    count = low = 0
    for size in range(len(differences) + 1):
        for flipped in itertools.combinations(differences, size):
            count += 1
            low += total - 2 * math.fsum(flipped) <= total + 1e-12 * math.fsum(map(abs, differences))
    return low / count


@given(RATIOS)
def test_test_is_the_exact_one(ratios: list[float]) -> None:
    mean = math.fsum(map(math.log, ratios)) / len(ratios)
    # Right at a threshold rounding decides, here as there.
    if abs(mean - math.log1p(-MARGIN)) < 1e-9:
        return
    assert worse(ratios) == (mean < math.log1p(-MARGIN) and share_as_low(ratios) <= LEVEL)


@pytest.mark.parametrize(("count", "expected"), [(4, False), (5, True), (6, True)])
def test_worse_everywhere_is_clear_from_five_instances_on(count: int, expected: bool) -> None:
    """Of the 2**n sign flips one is as low: 1/16 for four instances, 1/32 for five."""
    assert worse([0.9] * count) is expected


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        # Differences 1..5 with one gain of the smallest: {}, {1} flipped: 2 of 32 are as low.
        ([math.exp(-0.01 * d) for d in (-1, 2, 3, 4, 5)], False),
        # Differences 1..6 with that gain: 2 of 64, which is 0.031.
        ([math.exp(-0.01 * d) for d in (-1, 2, 3, 4, 5, 6)], True),
        # A gain of 2 among 1..6: sums as low are those that flip subsets of {1, 2} or less: 3 of 64.
        ([math.exp(-0.01 * d) for d in (1, -2, 3, 4, 5, 6)], True),
        # A gain of 3: the flips of sum at most 3 gained are {}, {1}, {2}, {3}, {1, 2}: 5 of 64.
        ([math.exp(-0.01 * d) for d in (1, 2, -3, 4, 5, 6)], False),
    ],
)
def test_known_values(ratios: list[float], expected: bool) -> None:
    """Wilcoxon's table for n = 5 and 6, whose ranks these differences are."""
    assert worse(ratios) is expected


@given(st.lists(st.floats(1.0, 4.0), min_size=1, max_size=10))
def test_better_is_never_stopped(ratios: list[float]) -> None:
    assert not worse(ratios)


@given(st.lists(st.floats(1.0 - MARGIN + 1e-9, 1.2), min_size=1, max_size=10))
def test_small_loss_is_never_stopped(ratios: list[float]) -> None:
    assert not worse(ratios)


@given(RATIOS, st.randoms(use_true_random=False))
def test_order_of_instances_does_not_matter(ratios: list[float], shuffled: random.Random) -> None:
    again = list(ratios)
    shuffled.shuffle(again)
    assert worse(again) == worse(ratios)


def test_only_instances_that_both_have_count() -> None:
    rival = dict.fromkeys(names(5), 1.0)
    scores = dict.fromkeys(names(5), 0.5) | {"other": 100.0}
    assert clearly_worse(scores, rival)
    assert not clearly_worse(scores, {"nothing": 1.0})
    assert not clearly_worse({}, rival)


def test_equal_programs_stop_at_most_as_often_as_the_level_says() -> None:
    """Of children that are as good as their parents on average, at most 5 % are stopped."""
    drawn = random.Random(4)
    count = 1000
    stopped = sum(worse([math.exp(drawn.gauss(0.0, 0.1)) for _ in range(8)]) for _ in range(count))
    assert stopped / count <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / count)
    assert stopped > 0


@given(st.integers(1, 400))
def test_first_stage_is_spread_over_the_split(count: int) -> None:
    split = names(count)
    first = first_stage(split)
    positions = [split.index(name) for name in first]
    assert positions == sorted(set(positions))
    if count < SMALLEST_SPLIT:
        assert first == split
        return
    assert 5 <= len(first) <= 10
    assert len(first) <= max(5, math.ceil(count / 3))
    gaps = [b - a for a, b in itertools.pairwise([*positions, count])]
    assert max(gaps) - min(gaps) <= 1
    assert positions[0] == 0
