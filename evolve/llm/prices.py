"""What a call costs, exactly.

Amounts of money are decimal. An archive holds the nearest float, which gives back the decimal: no call's cost
has more than 15 digits.
"""

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from evolve.config import ModelSettings, Price, Resources
from evolve.errors import UserError
from evolve.llm import model_table
from evolve.llm.base import Usage

_CACHED = "cache_read_input_token_cost"
CACHE_WRITE = "cache_creation_input_token_cost"
"""The table's column; other times to live than the usual ones have columns of their own, and are not used."""
_MILLION = Decimal(1_000_000)
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


def exact(usd: float) -> Decimal:
    """The amount that was meant: the shortest decimal that is nearest to this float."""
    return Decimal(repr(usd))


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for one token, in calls whose input is longer than `above` tokens."""

    above: int = -1
    input: Decimal
    cached: Decimal
    cache_write: Decimal
    output: Decimal
    reasoning: Decimal


class CallPrice(msgspec.Struct, frozen=True):
    """What calls of one model cost. The tiers go up in `above`; the first holds for any input."""

    tiers: tuple[Tier, ...]

    def cost(self, usage: Usage) -> Decimal:
        """What a call with this usage costs, US dollars."""
        tier = [tier for tier in self.tiers if tier.above < usage.input][-1]
        cached = min(usage.cached, usage.input)
        written = min(usage.cache_writes, usage.input - cached)
        reasoning = min(usage.reasoning, usage.output)
        return (
            tier.input * (usage.input - cached - written)
            + tier.cached * cached
            + tier.cache_write * written
            + tier.output * (usage.output - reasoning)
            + tier.reasoning * reasoning
        )

    def most(self, input_tokens: int, output_tokens: int) -> Decimal:
        """The most that a call can cost that has at most so many tokens, US dollars."""
        tiers = [tier for tier in self.tiers if tier.above < input_tokens]
        dearest_input = max(max(tier.input, tier.cached, tier.cache_write) for tier in tiers)
        dearest_output = max(max(tier.output, tier.reasoning) for tier in tiers)
        return dearest_input * input_tokens + dearest_output * output_tokens


_ZERO = Decimal(0)
FREE = CallPrice((Tier(input=_ZERO, cached=_ZERO, cache_write=_ZERO, output=_ZERO, reasoning=_ZERO),))
"""For models whose price nobody knows, where the user allows that."""


def call_price(model: str, resources: Resources) -> CallPrice:
    """The price of a model: the configuration's, else that of litellm's table.

    Raises:
        UserError: Nobody says what it costs, and the user has not allowed that.
    """
    configured = resources.prices.get(model)
    if configured is not None:
        return _configured(configured)
    row = model_table.entry(model)
    priced = None if row is None else _from_table(row)
    if priced is not None:
        return priced
    if resources.allow_unpriced:
        return FREE
    raise UserError(
        f"nobody says what '{model}' costs{_suggestion(model)}; give its price in the configuration, as in"
        f' prices."{model}" = {{input = 1.25, output = 10.0}} (US dollars for a million tokens),'
        " or use it uncounted with --allow-unpriced"
    )


def check_sizes(model: str, settings: ModelSettings) -> None:
    """Refuse sizes that the model does not have, as far as litellm's table knows it.

    Nothing is made smaller silently: what a model is asked would then depend on the table that is installed.

    Raises:
        UserError: The answer may be longer than the model's, or the prompt longer than it takes.
    """
    row = model_table.entry(model) or {}
    output, whole = row.get("max_output_tokens"), row.get("max_input_tokens")
    if isinstance(output, int) and settings.max_output_tokens > output:
        raise UserError(
            f"answers of '{model}' have at most {output} tokens, not {settings.max_output_tokens}; set"
            f' models."{model}".max_output_tokens = {output}'
        )
    room = settings.context_tokens - settings.max_output_tokens
    if isinstance(whole, int) and room > whole:
        raise UserError(
            f"prompts of '{model}' have at most {whole} tokens, not the {room} that context_tokens leaves to"
            f' them; set models."{model}".context_tokens = {whole}'
        )


def _configured(price: Price) -> CallPrice:
    dollars, output = exact(price.input) / _MILLION, exact(price.output) / _MILLION
    cached = dollars if price.cached is None else exact(price.cached) / _MILLION
    written = dollars if price.cache_write is None else exact(price.cache_write) / _MILLION
    return CallPrice(
        (Tier(input=dollars, cached=cached, cache_write=written, output=output, reasoning=output),)
    )


def _from_table(row: Mapping[str, Any]) -> CallPrice | None:
    """The row's prices; None where it has none for input or output.

    A price that a row lacks is, for reasoning, and for input read from a cache or written into it, that of
    other output and input; in a tier, that of the tier below.
    """
    price_in, price_out = _price(row, "input_cost_per_token"), _price(row, "output_cost_per_token")
    if price_in is None or price_out is None:
        return None
    cached, written = _price(row, _CACHED), _price(row, CACHE_WRITE)
    reasoning = _price(row, "output_cost_per_reasoning_token")
    first = Tier(
        input=price_in,
        cached=price_in if cached is None else cached,
        cache_write=price_in if written is None else written,
        output=price_out,
        reasoning=price_out if reasoning is None else reasoning,
    )
    tiers = [first]
    for size in sorted(int(found[1]) for name in row if (found := _ABOVE.fullmatch(name))):
        tiers.append(_tier(row, size, tiers[-1]))
    return CallPrice(tuple(tiers))


def _tier(row: Mapping[str, Any], thousands: int, below: Tier) -> Tier:
    suffix = f"_above_{thousands}k_tokens"
    price_in, price_out = (_price(row, f"{kind}_cost_per_token{suffix}") for kind in ("input", "output"))
    cached, written = _price(row, f"{_CACHED}{suffix}"), _price(row, f"{CACHE_WRITE}{suffix}")
    # A tier says nothing of reasoning; where that has a price of its own, it is taken to stay above output's.
    output = below.output if price_out is None else price_out
    reasoning = output if below.reasoning == below.output else max(output, below.reasoning)
    return Tier(
        above=thousands * 1000,
        input=below.input if price_in is None else price_in,
        cached=(below.cached if price_in is None else price_in) if cached is None else cached,
        cache_write=(below.cache_write if price_in is None else price_in) if written is None else written,
        output=output,
        reasoning=reasoning,
    )


def _price(row: Mapping[str, Any], column: str) -> Decimal | None:
    value = row.get(column)
    return Decimal(value) if isinstance(value, (Decimal, int)) else None


def _suggestion(model: str) -> str:
    near = difflib.get_close_matches(model, model_table.model_names(), n=3, cutoff=0.6)
    return f" (known are {', '.join(near)})" if near else ""
