import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluators.checks import integer_array
from evolve.problem import InvalidDecision, Status


def _check(value: object) -> list[list[int]]:
    checked: list[list[int]] = integer_array(value, "plan", (2, 3), 0, 10, ("layer", "slot")).tolist()
    return checked


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2, 3], [4, 5, 6]],
        ((1, 2, 3), [4, 5, 6]),
        [[1.0, 2, 3], [4, 5.0, 6]],
        np.array([[1, 2, 3], [4, 5, 6]]),
        np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8),
        np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float16),
        np.array([[1, 4], [2, 5], [3, 6]]).T,
        [np.array([1, 2, 3]), [np.int32(4), np.float64(5.0), 6]],
    ],
)
def test_accepts_integers_in_every_form(value: object) -> None:
    assert _check(value) == [[1, 2, 3], [4, 5, 6]]


_MALFORMED: list[tuple[object, str]] = [
    (None, "plan is None; must be an array of 2 x 3 integers (layer x slot)"),
    ("forget it", "plan is the text 'forget it'; must be an array"),
    ("x" * 1000, "x" * 40 + "…'"),
    (7, "plan is 7; must be an array"),
    ({"plan": []}, "plan is of type dict"),
    ([], "plan has 0 entries; must have 2, one for each layer"),
    ([[1, 2, 3]], "plan has 1 entries; must have 2, one for each layer"),
    ([[1, 2, 3], [4, 5]], "plan[1] has 2 entries; must have 3, one for each slot"),
    ([[1, 2, 3], None], "plan[1] is None"),
    ([[1, 2, 3], [4, None, 6]], "plan[1][1] is None; must be an integer"),
    ([[1, 2, 3], [4, "5", 6]], "plan[1][1] is the text '5'; must be an integer"),
    ([[1, 2, 3], [4, [5], 6]], "plan[1][1] is of type list"),
    ([[1, 2, 3], [True, 5, 6]], "plan[1][0] is the boolean True; must be an integer"),
    ([[1, 2, 3], [4, 5, np.bool_(False)]], "plan[1][2] is the boolean False"),
    ([[1, 2, 3], [4, 5, 1j]], "plan[1][2] is of type complex"),
    ([[1, 2, 3], [4, 5, math.nan]], "plan[1][2] is nan; must be an integer in 0..9"),
    ([[1, 2, 3], [4, math.inf, 6]], "plan[1][1] is inf; must be an integer in 0..9"),
    ([[1, 2, 3], [4, -math.inf, 6]], "plan[1][1] is -inf"),
    ([[1, 2, 3], [4, 5.5, 6]], "plan[1][1] is 5.5; must be an integer in 0..9"),
    ([[1, 2, 3], [4, -1, 6]], "plan[1][1] is -1; must be an integer in 0..9"),
    ([[1, 10, 3], [4, 5, 6]], "plan[0][1] is 10; must be an integer in 0..9"),
    ([[1, 2**70, 3], [4, 5, 6]], f"plan[0][1] is {2**70}"),
    ([[1, 10**4000, 3], [4, 5, 6]], "plan[0][1] is an integer beyond all range"),
    ([[0.0, 10**4000, 3], [4, 5, 6]], "plan[0][1] is an integer beyond all range"),
    (np.zeros((3, 2), dtype=int), "plan has shape [3, 2]; must have 2 x 3 integers (layer x slot)"),
    (np.zeros(6, dtype=int), "plan has shape [6]"),
    (np.zeros((2, 3), dtype=bool), "plan holds elements of type bool; must hold integers"),
    (np.zeros((2, 3), dtype=complex), "plan holds elements of type complex128"),
    (np.full((2, 3), "1"), "plan holds elements of type <U1"),
    (np.full((2, 3), 2**64 - 1, dtype=np.uint64), f"plan[0][0] is {2**64 - 1}"),
    (np.array([[1, 2, 3], [4, np.nan, 6]]), "plan[1][1] is nan"),
    (np.array([[1, 2, 3], [4, 2.5, 6]]), "plan[1][1] is 2.5"),
    (np.full((2, 3), -1), "plan[0][0] is -1"),
    ([[1, 2, 3], np.array([1, 2])], "plan[1] has shape [2]; must have 3 integers (slot)"),
]


@pytest.mark.parametrize(("value", "message"), _MALFORMED)
def test_refuses_what_is_malformed_and_says_where(value: object, message: str) -> None:
    with pytest.raises(InvalidDecision) as failure:
        _check(value)
    assert message in failure.value.feedback
    assert len(failure.value.feedback) < 200
    assert failure.value.status is Status.INVALID


def test_result_is_a_copy() -> None:
    value = np.array([[1, 2, 3], [4, 5, 6]])
    checked = integer_array(value, "plan", (2, 3), 0, 10)
    value[0, 0] = 9
    assert checked[0, 0] == 1


def test_range_beyond_exact_doubles_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="can be checked"):
        integer_array([1], "plan", (1,), 0, 2**60)


@settings(deadline=None)
@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.integers(-50, 50)))
def test_lists_and_arrays_are_judged_alike(value: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    def outcome(form: object) -> object:
        try:
            return integer_array(form, "x", value.shape, -20, 40).tolist()
        except InvalidDecision as failure:
            return failure.feedback

    assert outcome(value.tolist()) == outcome(value)
    valid = bool(((value >= -20) & (value < 40)).all())
    assert (outcome(value) == value.tolist()) is valid


_ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=12,
)


@settings(deadline=None)
@given(_ANYTHING)
def test_anything_else_is_refused_and_never_crashes(value: object) -> None:
    try:
        checked = _check(value)
    except InvalidDecision:
        return
    assert isinstance(value, list)
    assert checked == value
