import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.base import Message
from evolve.llm.tokens import MESSAGE_OVERHEAD, estimate, estimate_messages

ROOT = Path(__file__).resolve().parents[3]
LINES = st.lists(st.text(), max_size=8)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("two words", 2),
        ("implementation", 4),
        ("snake_case", 3),
        ("x = 1.5\n", 7),
        ("    return", 3),
        ("é", 1),
        ("漢字", 4),
        ("🙂", 3),
    ],
)
def test_some_texts(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(LINES)
def test_parts_cut_at_lines_have_at_least_as_many_as_the_whole(lines: list[str]) -> None:
    ended = [f"{line}\n" for line in lines]
    assert estimate("".join(ended)) <= sum(estimate(line) for line in ended)


@given(st.text(), st.text())
def test_more_lines_have_no_fewer(first: str, second: str) -> None:
    assert estimate(f"{first}\n") <= estimate(f"{first}\n{second}")


@given(st.text())
def test_every_text_has_tokens_and_no_more_than_bytes(text: str) -> None:
    assert (estimate(text) > 0) or not text.strip(" ")
    assert estimate(text) <= len(text.encode("utf-8", "surrogatepass"))


def test_messages_have_an_overhead() -> None:
    messages = (Message("system", "be brief"), Message("user", "why?"))
    assert estimate_messages(messages) == 2 + 2 + 3 * MESSAGE_OVERHEAD


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
@pytest.mark.parametrize(("pattern", "least", "most"), [("**/*.py", 1.3, 1.6), ("**/*.md", 1.1, 1.5)])
def test_the_error_on_this_tree(
    encoding: str, pattern: str, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the sum over all files; and no larger file is underestimated."""
    import tiktoken

    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    encode = tiktoken.get_encoding(encoding)
    folders = ("evolve", "problems", "evaluators", "docs")
    texts = [path.read_text() for folder in folders for path in sorted((ROOT / folder).glob(pattern))]
    counts = [(estimate(text), len(encode.encode(text, disallowed_special=()))) for text in texts]
    ratio = sum(ours for ours, _ in counts) / sum(theirs for _, theirs in counts)
    assert least < ratio < most
    assert all(ours >= theirs for ours, theirs in counts if theirs > 1000)
