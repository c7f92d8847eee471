from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.prompting.cutting import TooLongError, fit

Parts = tuple[str, ...]


def without(letter: str) -> tuple[str, Callable[[Parts], Parts]]:
    return letter, lambda parts: tuple(one for one in parts if one[0] != letter)


CUTS = [without("c"), without("d"), without("b")]


TWO: Parts = ("aa", "bb")
THREE: Parts = ("aa", "bb", "cc")


def test_what_fits_is_not_cut() -> None:
    fitted = fit(TWO, CUTS, " ".join, len, 5)
    assert (fitted.text, fitted.tokens, fitted.cut) == ("aa bb", 5, ())


def test_the_least_valuable_goes_first_and_what_is_not_there_does_not_count() -> None:
    fitted = fit(THREE, CUTS, " ".join, len, 5)
    assert (fitted.text, fitted.cut) == ("aa bb", ("c",))
    fitted = fit(THREE, CUTS, " ".join, len, 2)
    assert (fitted.text, fitted.cut) == ("aa", ("c", "b"))


def test_what_never_fits_is_told() -> None:
    with pytest.raises(TooLongError, match="2 tokens do not fit into 1") as error:
        fit(TWO, CUTS, " ".join, len, 1)
    assert (error.value.tokens, error.value.limit) == (2, 1)


@given(st.lists(st.text("abcd", min_size=1, max_size=5)), st.integers(0, 60))
def test_nothing_is_cut_without_need(parts: list[str], limit: int) -> None:
    try:
        fitted = fit(tuple(parts), CUTS, " ".join, len, limit)
    except TooLongError:
        assert len(" ".join(one for one in parts if one[0] == "a")) > limit
        return
    assert len(fitted.text) == fitted.tokens <= limit
    kept = tuple(parts)
    for name, cut in CUTS:
        if name in fitted.cut:
            assert len(" ".join(kept)) > limit
            kept = cut(kept)
    assert fitted.text == " ".join(kept)
