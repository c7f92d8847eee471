import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.editing.matching import (
    MARGIN,
    MAX_PAIRS,
    MIN_LINE,
    THRESHOLD,
    Way,
    find_equal,
    find_like,
    is_certain,
    normalised,
)

PROGRAM = [
    "def rule(load, count):",
    "    # spread what is heavy",
    "    share = load / max(count, 1)",
    "    penalty = 0.1 * share * share",
    "    return share + penalty",
    "",
    "",
    "def cost(load, filled, slots):",
    "    free = slots - filled",
    "    return load / max(free, 1)",
]


def like(*quoted: str) -> tuple[bool, list[tuple[int | None, ...]]]:
    ranked = find_like(quoted, PROGRAM, 0, len(PROGRAM))
    return is_certain(ranked), [place.pairs for place in ranked]


def test_exact_places_come_before_those_up_to_white_space() -> None:
    lines = ["a = 1", "a=1", "    a = 1"]
    assert [(place.way, place.first) for place in find_equal(["a = 1"], lines, 0, 3)] == [(Way.EXACT, 0)]
    assert [place.first for place in find_equal(["a  = 1"], lines, 0, 3)] == [0, 1, 2]
    assert [place.first for place in find_equal(["a  = 1"], lines, 1, 2)] == [1]


def test_blank_lines_are_passed_over_where_they_have_to_be() -> None:
    (place,) = find_equal(["", "a = 1", "b = 2", ""], ["x", "a = 1", "", "b = 2"], 0, 4)
    assert (place.way, place.pairs) == (Way.WHITESPACE, (None, 1, 3, None))


@pytest.mark.parametrize(
    ("line", "other"),
    [("x = 1", "x=1"), ("  f( a,b )", "f(a, b)"), ("return  x", "return x"), ("x [1]\t", "x[1]")],
)
def test_white_space_that_separates_nothing_is_no_difference(line: str, other: str) -> None:
    assert normalised(line) == normalised(other)


def test_white_space_between_words_is_a_difference() -> None:
    assert normalised("return x") != normalised("returnx")


def test_a_wrong_comment_is_forgiven() -> None:
    assert like(
        "def rule(load, count):", "    # spread out what is heavy", "    share = load / max(count, 1)"
    ) == (True, [(0, 1, 2)])


def test_a_missing_line_is_forgiven() -> None:
    certain, (pairs, *_) = like(*PROGRAM[0:3], *PROGRAM[4:5])
    assert (certain, pairs) == (True, (0, 1, 2, 4))
    certain, (pairs, *_) = like(*PROGRAM[0:1], *PROGRAM[2:5])
    assert (certain, pairs) == (True, (0, 2, 3, 4))


def test_lines_in_another_order_are_not_forgiven() -> None:
    assert not like(PROGRAM[4], PROGRAM[3], PROGRAM[2])[0]


def test_too_little_likeness_is_not_enough() -> None:
    ranked = find_like(["    total = load * count", "    return total"], PROGRAM, 0, len(PROGRAM))
    assert ranked == [] or ranked[0].likeness < THRESHOLD


def test_two_places_that_are_nearly_as_like_are_uncertain() -> None:
    lines = ["    best = totals.index(min(totals))", "x = 0", "    best = counts.index(min(counts))"]
    ranked = find_like(["    best = tallys.index(min(totals))"], lines, 0, 3)
    assert ranked[0].likeness > THRESHOLD
    assert ranked[0].likeness - ranked[1].likeness > MARGIN
    assert is_certain(ranked)
    ranked = find_like(["    best = totals.index(min(counts))"], lines, 0, 3)
    assert ranked[0].likeness - ranked[1].likeness < MARGIN
    assert not is_certain(ranked)


def test_the_threshold_is_where_it_is_said_to_be() -> None:
    """One line of a stretch is wrong altogether; whether it is found depends on the weight of that line."""
    lines = ["a" * 40, "b" * 40, "c" * 40, "d" * 40]
    for size in range(2, 30, 3):
        quoted = [lines[0], "z" * size, lines[1], lines[2], lines[3]]
        (best, *_) = find_like(quoted, lines, 0, 4)
        expected = 1 - size / (320 + size)
        assert best.likeness == pytest.approx(expected)
        assert is_certain([best]) is (expected >= THRESHOLD)
    heavy = [lines[0], "z" * 70, lines[1], lines[2], lines[3]]
    assert not is_certain(find_like(heavy, lines, 0, 4))


def test_lines_below_the_least_likeness_are_not_paired() -> None:
    lines = ["first = something(1)", "x = 1", "third = something(3)"]
    (best, *_) = find_like(["first = something(1)", "y = 2", "third = something(3)"], lines, 0, 3)
    assert best.pairs == (0, None, 2)
    assert 0.5 < MIN_LINE < 1.0


def test_very_long_programs_are_not_searched_by_likeness() -> None:
    lines = [f"value_{number} = other_{number % 7} + {number}" for number in range(2000)]
    quoted = [f"value_{number} = another_{number % 7} + {number}" for number in range(900, 924)]
    started = time.process_time()
    (best, *_) = find_like(quoted, lines, 0, len(lines))
    assert best.first == 900
    assert time.process_time() - started < 5.0
    assert find_like(quoted * 2, lines, 0, len(lines)) == []
    assert len(quoted) * len(lines) <= MAX_PAIRS < 2 * len(quoted) * len(lines)


LINE = st.text("ab=( )", max_size=8)


@given(st.lists(LINE, min_size=1, max_size=5), st.lists(LINE, max_size=12))
def test_places_are_where_the_lines_are(quoted: list[str], lines: list[str]) -> None:
    for place in find_equal(quoted, lines, 0, len(lines)):
        assert (
            place.pairs == tuple(sorted(place.pairs, key=lambda pair: -1 if pair is None else pair))
            or None in place.pairs
        )
        for line, pair in zip(quoted, place.pairs, strict=True):
            assert pair is None or normalised(line) == normalised(lines[pair])
    ranked = find_like(quoted, lines, 0, len(lines))
    assert ranked == find_like(quoted, lines, 0, len(lines))
    for place in ranked:
        known = [pair for pair in place.pairs if pair is not None]
        assert known == sorted(set(known))
        assert 0.0 <= place.likeness <= 1.0
    if len(ranked) == 2:
        assert ranked[0].last < ranked[1].first or ranked[1].last < ranked[0].first


@given(
    st.lists(st.text("abcdef=()", min_size=6, max_size=12), min_size=1, max_size=8, unique=True), st.data()
)
def test_what_is_there_is_entirely_like_itself(lines: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    (best, *_) = find_like(lines[start:end], lines, 0, len(lines))
    assert best.likeness == 1.0
    assert best.pairs == tuple(range(start, end))
