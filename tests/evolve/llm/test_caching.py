import pytest

from evolve.config import Price, Resources
from evolve.llm.base import Message, Prompt
from evolve.llm.caching import cacheable_from, marked
from evolve.llm.tokens import estimate_messages

SYSTEM = Message("system", "Be brief, and mind the seven instances. " * 100)
USER = Message("user", "why? " * 10_000)
PROMPT = Prompt(messages=(SYSTEM, USER), max_output_tokens=10)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("anthropic/claude-opus-4-5", 4096),
        ("anthropic/claude-sonnet-4-5", 1024),
        ("litellm/claude-sonnet-4-5", 1024),
        ("litellm/anthropic/claude-sonnet-4-5", 1024),
        ("bedrock/anthropic.claude-opus-4-5-20251101-v1:0", 4096),
        ("vertex_ai/claude-opus-4-5", 4096),
        ("openai/gpt-5.6", None),
        ("gemini/gemini-2.5-pro", None),
        ("github_copilot/claude-opus-5", None),
    ],
)
def test_the_minimum_is_the_models(model: str, least: int | None) -> None:
    assert cacheable_from(model, Resources()) == least


def test_nothing_is_marked_whose_price_is_not_known() -> None:
    def configured(model: str, cache_write: float | None) -> int | None:
        price = Price(input=3.0, output=15.0, cache_write=cache_write)
        return cacheable_from(model, Resources(prices={model: price}))

    assert configured("anthropic/claude-new", None) is None
    assert configured("anthropic/claude-new", 3.75) == 4096, "the largest minimum that there is"
    assert configured("anthropic/claude-sonnet-4-5", None) is None
    assert configured("anthropic/claude-sonnet-4-5", 3.75) == 1024
    assert configured("hosted_vllm/claude-new", 3.75) is None
    assert cacheable_from("anthropic/claude-new", Resources(allow_unpriced=True)) is None


def test_only_what_is_long_enough_is_marked() -> None:
    tokens = estimate_messages((SYSTEM,))
    assert marked(PROMPT, tokens).cache_system
    assert not marked(PROMPT, tokens + 1).cache_system, "what is not the system's does not count"
    assert not marked(PROMPT, None).cache_system
    assert not marked(Prompt(messages=(USER,), max_output_tokens=10), 1).cache_system


def test_a_mark_changes_no_hash() -> None:
    assert marked(PROMPT, 1).hash("own/model") == PROMPT.hash("own/model")
