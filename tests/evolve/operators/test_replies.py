import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.replies import MAX_IDEA, fenced_blocks, read_reply, without_idea
from evolve.prompting.fences import in_fence


@pytest.mark.parametrize(
    "answer",
    [
        "IDEA: weigh the queue, because it starves\n```python\n```",
        "**IDEA:** weigh the queue, because it starves",
        "# Idea: weigh the queue, because it starves",
        "Here it is.\n\nIDEA - weigh  the queue, because it starves\n",
        "IDEA:\n\n**weigh the queue, because it starves**\n",
        "<think>IDEA: something else</think>\nIDEA: weigh the queue, because it starves",
        "IDEA: weigh the \x1b[31mqueue\x1b[0m, because it\u202e starves\r\n",
    ],
)
def test_the_idea_is_found_however_it_is_written(answer: str) -> None:
    assert read_reply(answer).idea == "weigh the queue, because it starves"


@pytest.mark.parametrize(
    "answer", ["", "no such line", "Ideas: many", "IDEA:\n```python\nx = 1\n```", "IDEA:"]
)
def test_an_answer_without_an_idea_has_none(answer: str) -> None:
    assert read_reply(answer).idea == ""


@given(st.text())
def test_ideas_are_one_short_line_of_visible_text(text: str) -> None:
    idea = read_reply(f"IDEA: {text}").idea
    assert len(idea) <= MAX_IDEA
    assert not any(unicodedata.category(one) in ("Cc", "Cs", "Cf") for one in idea)
    idea.encode()


def test_thoughts_before_an_answer_are_left_out() -> None:
    assert read_reply("let me see ```python\nx\n``` </think> done").text == " done"


def test_blocks_are_told_in_order_with_what_stands_before_them() -> None:
    blocks = fenced_blocks("main.py\n\n```python\na = 1\n```\nthen\n~~~\nb = 2\n~~~\n")
    assert [(one.info, one.text, one.title) for one in blocks] == [
        ("python", "a = 1\n", "main.py"),
        ("", "b = 2\n", "then"),
    ]


def test_fences_in_a_docstring_do_not_end_a_program() -> None:
    program = '"""Use it so:\n\n```\nplan([1])\n```\n"""\n\n\ndef plan(x):\n    return x\n'
    (block,) = fenced_blocks(f"```python\n{program}```\n\nThat was it.\n")
    assert block.text == program


def test_a_broken_program_ends_at_its_first_fence() -> None:
    first, second = fenced_blocks("```python\ndef (:\n```\nor rather\n```python\nx = 1\n```\n")
    assert (first.text, second.text) == ("def (:\n", "x = 1\n")


def test_a_fence_that_is_never_closed_reaches_to_the_end() -> None:
    (block,) = fenced_blocks("```python\r\nx = 1\r\ny = 2")
    assert block.text == "x = 1\ny = 2\n"


@given(st.text("`~ab\n", max_size=60))
def test_what_is_fenced_comes_back(text: str) -> None:
    (block, *others) = fenced_blocks(in_fence(f"x = 1\n# {text!r}", "python"))
    assert block.text == f"x = 1\n# {text!r}\n"
    assert others == []


@pytest.mark.parametrize(
    "answer", ["```\n" * 20_000, "_" * 200_000, "IDEA" * 50_000, "`" * 100_000, " " * 200_000 + "x"]
)
def test_monstrous_answers_take_no_time(answer: str) -> None:
    started = time.process_time()
    fenced_blocks(answer)
    read_reply(answer)
    without_idea(answer)
    assert time.process_time() - started < 3.0


def test_the_line_of_the_idea_can_be_left_out() -> None:
    assert without_idea("IDEA: a\nx = 1\n") == "x = 1\n"
