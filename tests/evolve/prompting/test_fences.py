import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from evolve.prompting.fences import clean, fenced, in_fence, one_line, shortened, tidied

HOSTILE = st.text(st.sampled_from("`~#>- \n\r\t\vabc\x1b[31m\u2028\u202e\ud800"), max_size=80) | st.text(
    max_size=80
)


@given(HOSTILE)
def test_nothing_ends_its_fence(text: str) -> None:
    first, *_, last = in_fence(text, "data").split("\n")
    marks = first.removesuffix("data")
    assert set(marks) == {"`"}
    assert last == marks
    assert max(map(len, re.findall("`+", text)), default=0) < len(marks) >= 3
    assert in_fence(text, "data").removeprefix(f"{first}\n").startswith(text)


@given(HOSTILE)
def test_cleaned_text_shows_all_that_it_is(text: str) -> None:
    cleaned = clean(text)
    assert all(one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co") for one in cleaned)
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_terminal_commands_are_left_out() -> None:
    assert clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07done\r\nnext\rlast\x00") == "red done\nnext\nlast"


def test_plain_text_stays() -> None:
    assert clean("über 5 µs, naïve\n\tok") == "über 5 µs, naïve\n\tok"


@given(HOSTILE, st.integers(1, 40))
def test_a_line_is_one_and_short(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.split() == line.split(" ") or line == ""


@given(HOSTILE, st.integers(2, 40))
def test_long_text_keeps_its_beginning_and_its_end(text: str, limit: int) -> None:
    short = shortened(text, limit)
    whole = clean(text).strip("\n")
    if len(whole) <= limit:
        assert short == whole
    else:
        assert len(short) < limit + 50
        assert short.startswith(whole[: limit // 2])
        assert short.endswith(whole[len(whole) - (limit - limit // 2) :])
        assert f"{len(whole) - limit} characters left out" in short


def test_blank_lines_are_few_outside_fences_and_kept_inside() -> None:
    code = "a\n\n\n\n```\n\n\nb   \n"
    text = f"\n\none  \n\n \n\n{fenced(code, 'python')}\n\n\n\nend\n\n"
    assert tidied(text) == f"one\n\n{in_fence(code, 'python')}\n\nend\n"


def test_a_fence_gets_a_line_of_its_own() -> None:
    assert tidied(f"Mend {fenced('x', 'python')}\n") == "Mend \n\n```python\nx\n```\n"


@given(HOSTILE, HOSTILE)
def test_what_is_fenced_is_never_tidied(first: str, second: str) -> None:
    first = f"\x005\0{first}"
    tidy = tidied(f"a\n\n\n{fenced(first, 'data')}\n\n\n{fenced(second)}\n\n\n\nb")
    assert tidy == f"a\n\n{in_fence(first, 'data')}\n\n{in_fence(second)}\n\nb\n"
