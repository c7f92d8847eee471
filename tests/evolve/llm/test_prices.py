import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.config import ModelSettings, Price, Resources
from evolve.errors import UserError
from evolve.llm import model_table
from evolve.llm.base import Usage
from evolve.llm.prices import FREE, call_price, check_sizes, exact

OWN = Price(input=1.25, output=10.0, cached=0.125)
TOKENS = st.integers(0, 10_000_000)


def own(price: Price = OWN) -> Resources:
    return Resources(prices={"openai/own": price})


def test_the_configuration_comes_first() -> None:
    price = call_price("openai/own", own())
    assert price.cost(Usage(1000, 100, 400, 50)) == Decimal("0.0018")
    dear = Resources(prices={"openai/gpt-4o": OWN})
    assert call_price("openai/gpt-4o", dear) == price


def test_cached_input_costs_the_full_price_where_none_is_given() -> None:
    price = call_price("openai/own", own(Price(input=1.0, output=2.0)))
    assert price.cost(Usage(1_000_000, 0, 500_000)) == 1


def test_the_table_has_the_usual_models() -> None:
    price = call_price("openai/gpt-4o", Resources())
    assert price.cost(Usage(1_000_000, 1_000_000, 500_000)) == Decimal("1.25") + Decimal("0.625") + 10
    assert call_price("anthropic/claude-sonnet-4-5", Resources()).cost(Usage(0, 1_000_000)) == 15


def test_writing_into_a_cache_has_its_own_price() -> None:
    usage = Usage(10_000, 0, 3000, cache_writes=5000)
    fresh, read, written = Decimal("0.006"), Decimal("0.0009"), Decimal("0.01875")
    assert call_price("anthropic/claude-sonnet-4-5", Resources()).cost(usage) == fresh + read + written
    given = own(Price(input=3.0, output=15.0, cached=0.3, cache_write=3.75))
    assert call_price("openai/own", given).cost(usage) == fresh + read + written
    not_given = own(Price(input=3.0, output=15.0, cached=0.3))
    assert call_price("openai/own", not_given).cost(usage) == fresh + read + Decimal("0.015")


def test_long_input_has_its_own_price_of_writing() -> None:
    price = call_price("openai/gpt-5.6", Resources())
    assert price.cost(Usage(272_000, 0, 0, 0, 100_000)) == Decimal("0.688") + Decimal("0.5")
    assert price.cost(Usage(300_000, 0, 0, 0, 100_000)) == Decimal("1.6") + Decimal(1)


def test_what_is_reserved_covers_writing() -> None:
    price = call_price("anthropic/claude-opus-4-5", Resources())
    assert price.most(10_000, 100) == price.cost(Usage(10_000, 100, cache_writes=10_000))
    assert price.most(10_000, 100) > price.cost(Usage(10_000, 100))


def test_models_of_amazon_and_google_have_the_prices_of_their_bare_names() -> None:
    for name in ("bedrock/anthropic.claude-opus-4-5-20251101-v1:0", "litellm/anthropic/claude-opus-4-5"):
        assert (
            call_price(name, Resources()).tiers == call_price("anthropic/claude-opus-4-5", Resources()).tiers
        )


def test_long_input_has_its_own_price() -> None:
    price = call_price("gemini/gemini-2.5-pro", Resources())
    assert price.cost(Usage(200_000, 0)) == Decimal("0.25")
    assert price.cost(Usage(200_001, 0)) == Decimal("2.5e-6") * 200_001
    assert price.cost(Usage(300_000, 1000, 100_000)) == Decimal("0.5") + Decimal("0.025") + Decimal("0.015")


def test_a_bare_name_is_that_of_its_provider_only() -> None:
    assert model_table.entry("openai/claude-sonnet-4-5") is None
    assert model_table.entry("litellm/gpt-4o") == model_table.entry("openai/gpt-4o")


def test_an_unknown_price_is_refused_with_both_ways_out() -> None:
    with pytest.raises(UserError) as caught:
        call_price("openai/gpt-4oo", Resources())
    message = str(caught.value)
    assert "openai/gpt-4oo" in message
    assert "openai/gpt-4o," in message or "openai/gpt-4o)" in message
    assert 'prices."openai/gpt-4oo"' in message
    assert "--allow-unpriced" in message


def test_an_unknown_price_counts_as_nothing_where_that_is_allowed() -> None:
    assert call_price("openai/gpt-4oo", Resources(allow_unpriced=True)) == FREE
    assert FREE.cost(Usage(1000, 1000)) == 0


@given(
    TOKENS,
    TOKENS,
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["gemini/gemini-2.5-pro", "openai/o3", "openai/gpt-5.6", "anthropic/claude-opus-4-5"]),
)
def test_nothing_costs_more_than_the_most(
    input_tokens: int, output: int, cached: float, written: float, reasoning: float, model: str
) -> None:
    price = call_price(model, Resources())
    read = int(input_tokens * cached)
    usage = Usage(input_tokens, output, read, int(output * reasoning), int((input_tokens - read) * written))
    assert price.cost(usage) <= price.most(input_tokens, output)
    assert price.most(input_tokens, output) <= price.most(input_tokens + 1, output + 1)


def test_no_price_of_the_table_is_negative_or_unread() -> None:
    for name in model_table.model_names():
        row = model_table.entry(name)
        if row is None or "input_cost_per_token" not in row or "output_cost_per_token" not in row:
            continue
        price = call_price(name, Resources())
        for tier in price.tiers:
            assert min(tier.input, tier.cached, tier.cache_write, tier.output, tier.reasoning) >= 0, name
        assert price.most(10_000, 1000) >= price.cost(Usage(10_000, 1000, 5000, 500, 4000)), name


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_float_gives_back_the_amount(tokens_in: int, tokens_out: int) -> None:
    cost = call_price("openai/own", own()).cost(Usage(tokens_in % 10**6, tokens_out % 10**6))
    assert exact(float(cost)) == cost


def test_answers_longer_than_the_model_gives_are_refused() -> None:
    check_sizes("openai/gpt-4o", ModelSettings())
    with pytest.raises(UserError, match="max_output_tokens = 16384"):
        check_sizes("openai/gpt-4o", ModelSettings(max_output_tokens=20_000))
    with pytest.raises(UserError, match="context_tokens = 128000"):
        check_sizes("openai/gpt-4o", ModelSettings(context_tokens=200_000))
    check_sizes("openai/own", ModelSettings(max_output_tokens=10**6))


def test_reading_prices_imports_no_sdk() -> None:
    code = (
        "import sys\n"
        "from evolve.config import Resources\n"
        "from evolve.llm.prices import call_price\n"
        "call_price('openai/gpt-4o', Resources())\n"
        "import evolve.llm.client, evolve.archive.llm_calls\n"
        "from evolve.registry import PROVIDER, names\n"
        "assert {'anthropic', 'litellm', 'openai'} <= set(names(PROVIDER))\n"
        "heavy = {'openai', 'anthropic', 'litellm', 'httpx', 'httpx2', 'aiohttp', 'pydantic', 'dotenv'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
