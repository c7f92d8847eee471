"""Which system messages a provider is told to keep, so that later calls read them at a tenth of the price.

Anthropic's models keep the beginning of a prompt up to a mark, for five minutes after its last use; writing
it costs a quarter more than other input. The calls of a run begin with the same system message. One that is
shorter than the model's minimum is not kept, and costs the same with a mark and without. The minimum and the
prices are those of litellm's table (`prompt_cache_min_tokens`, `cache_creation_input_token_cost`); Anthropic
documents them under "Prompt caching", https://platform.claude.com/docs/en/build-with-claude/prompt-caching.
OpenAI and others cache unasked.

A prompt is marked only where the price of writing is known: else its cost would not be exact.
"""

import msgspec

from evolve.config import Resources
from evolve.llm import model_table
from evolve.llm.base import Prompt
from evolve.llm.prices import CACHE_WRITE
from evolve.llm.tokens import estimate_messages

_NATIVE = "anthropic"
_LARGEST_MINIMUM = 4096
"""Of all of Anthropic's models, for those that the table does not have."""
_PASSED_ON = ("anthropic", "azure_ai", "bedrock", "bedrock_converse", "vertex_ai-anthropic_models")
"""The table's names for providers that take the mark, and to which litellm passes it on."""


def cacheable_from(model: str, resources: Resources) -> int | None:
    """How many tokens a system message of `provider/model` needs to be marked; None where none is."""
    row = model_table.entry(model) or {}
    configured = resources.prices.get(model)
    is_priced = CACHE_WRITE in row if configured is None else configured.cache_write is not None
    minimum = row.get("prompt_cache_min_tokens")
    if not is_priced:
        return None
    if model.partition("/")[0] == _NATIVE:
        return minimum if isinstance(minimum, int) else _LARGEST_MINIMUM
    passed_on = row.get("litellm_provider") in _PASSED_ON and "claude" in model
    return minimum if passed_on and isinstance(minimum, int) else None


def marked(prompt: Prompt, least: int | None) -> Prompt:
    """`prompt`, to be kept where its system messages have at least so many tokens.

    They are estimated on the high side: some that are a little too short are marked in vain, none is missed.
    """
    system = [message for message in prompt.messages if message.role == "system"]
    if least is None or not system or estimate_messages(system) < least:
        return prompt
    return msgspec.structs.replace(prompt, cache_system=True)
