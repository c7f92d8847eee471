"""Asks through the real SDKs, without retries, and says in a word what came of it."""

import importlib
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anthropic
import msgspec
import openai

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it downloads a table of prices

TEXT = "The quick brown fox jumps over the lazy dog. Ünïcödé: 漢字."
KEY = "sk-loopback-0123456789abcdef"
SYSTEM = "Be brief."
LIMIT = 500


class Seen(msgspec.Struct, frozen=True):
    """An answer as its client has it. Tokens: input, output, cached, reasoning, as the SDK tells them."""

    finish: str | None
    text: str = ""
    refusal: str = ""
    tokens: tuple[int, int, int, int] | None = None

    def in_a_word(self) -> str:
        """The finish, and what there is of the text."""
        if self.refusal:
            return f"{self.finish}, refusal"
        if self.text == TEXT:
            return f"{self.finish}, whole"
        if self.text and TEXT.startswith(self.text):
            return f"{self.finish}, part"
        return f"{self.finish}, {self.text or 'nothing'}"


Ask: TypeAlias = Callable[[str, str], Awaitable[Seen]]
"""Asks the server at a URL, with a prompt."""


def patience_s(prompt: str) -> float:
    """How long to wait: for long, unless the server is known to hang."""
    return 0.3 if "[hang]" in prompt else 30.0


def openai_client(url: str, prompt: str = "") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{url}/v1",
        api_key=KEY,
        max_retries=0,
        timeout=patience_s(prompt),
        http_client=openai.DefaultAsyncHttpxClient(verify=False),  # reading certificates takes 20 ms
    )


def anthropic_client(url: str, prompt: str = "") -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=url,
        api_key=KEY,
        max_retries=0,
        timeout=patience_s(prompt),
        http_client=anthropic.DefaultAsyncHttpxClient(verify=False),
    )


def chat_request(prompt: str) -> dict[str, Any]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    return {"model": "gpt-test", "messages": messages, "max_completion_tokens": LIMIT}


def responses_request(prompt: str) -> dict[str, Any]:
    return {"model": "gpt-test", "instructions": SYSTEM, "input": prompt, "max_output_tokens": LIMIT}


def messages_request(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "claude-test", "system": SYSTEM, "messages": messages, "max_tokens": LIMIT}


async def chat(url: str, prompt: str) -> Seen:
    async with openai_client(url, prompt) as client:
        answer = await client.chat.completions.create(**chat_request(prompt))
    if isinstance(answer, str):
        return Seen("a string")
    if not answer.choices:
        return Seen("no choices")
    choice = answer.choices[0]
    message = choice.message
    return Seen(
        choice.finish_reason, message.content or "", message.refusal or "", _chat_tokens(answer.usage)
    )


async def chat_stream(url: str, prompt: str) -> Seen:
    finish, text, refusal, tokens = None, "", "", None
    request = {**chat_request(prompt), "stream_options": {"include_usage": True}}
    async with openai_client(url, prompt) as client:
        async for part in await client.chat.completions.create(**request, stream=True):
            tokens = _chat_tokens(part.usage) or tokens
            for choice in part.choices:
                finish = choice.finish_reason or finish
                text += choice.delta.content or ""
                refusal += choice.delta.refusal or ""
    return Seen(finish, text, refusal, tokens)


def _chat_tokens(usage: Any) -> tuple[int, int, int, int] | None:
    if usage is None:
        return None
    cached = usage.prompt_tokens_details.cached_tokens
    reasoning = usage.completion_tokens_details.reasoning_tokens
    return usage.prompt_tokens, usage.completion_tokens, cached, reasoning


async def responses(url: str, prompt: str) -> Seen:
    async with openai_client(url, prompt) as client:
        answer = await client.responses.create(**responses_request(prompt))
    if isinstance(answer, str):
        return Seen("a string")
    return Seen("no output") if answer.output is None else _response(answer)


async def responses_stream(url: str, prompt: str) -> Seen:
    last: Any = None
    async with openai_client(url, prompt) as client:
        async for event in await client.responses.create(**responses_request(prompt), stream=True):
            last = event
    return _response(last.response) if hasattr(last, "response") else Seen(last.type)


def _response(answer: Any) -> Seen:
    finish = answer.status
    if answer.incomplete_details is not None:
        finish = f"{finish}, {answer.incomplete_details.reason}"
    parts = [part for item in answer.output if item.type == "message" for part in item.content]
    refusal = "".join(part.refusal for part in parts if part.type == "refusal")
    usage = answer.usage
    if usage is None:
        return Seen(finish, answer.output_text, refusal)
    cached, reasoning = usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens
    tokens = (usage.input_tokens, usage.output_tokens, cached, reasoning)
    return Seen(finish, answer.output_text, refusal, tokens)


async def messages(url: str, prompt: str) -> Seen:
    async with anthropic_client(url, prompt) as client:
        answer = await client.messages.create(**messages_request(prompt))
    if isinstance(answer, str):
        return Seen("a string")
    return Seen("no content") if answer.content is None else _message(answer)


async def messages_stream(url: str, prompt: str) -> Seen:
    async with (
        anthropic_client(url, prompt) as client,
        client.messages.stream(**messages_request(prompt)) as stream,
    ):
        return _message(await stream.get_final_message())


def _message(answer: Any) -> Seen:
    text = "".join(block.text for block in answer.content if block.type == "text")
    usage = answer.usage
    details = usage.output_tokens_details
    thinking = 0 if details is None else details.thinking_tokens
    tokens = (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens, thinking)
    return Seen(answer.stop_reason, text, tokens=tokens)


def lite(model: str, path: str) -> tuple[Ask, Ask]:
    """Through litellm: whole, and as a stream."""

    def request(url: str, prompt: str) -> dict[str, Any]:
        asked = {**chat_request(prompt), "model": model, "api_base": url + path, "api_key": KEY}
        return {**asked, "max_retries": 0, "num_retries": 0, "timeout": patience_s(prompt)}

    async def whole(url: str, prompt: str) -> Seen:
        answer = await _litellm().acompletion(**request(url, prompt))
        choice = answer.choices[0]
        return Seen(choice.finish_reason, choice.message.content or "", tokens=_lite_tokens(answer.usage))

    async def stream(url: str, prompt: str) -> Seen:
        finish, text, tokens = None, "", None
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async for part in await _litellm().acompletion(**request(url, prompt), **options):
            tokens = _lite_tokens(getattr(part, "usage", None)) or tokens
            for choice in part.choices:
                finish = choice.finish_reason or finish
                text += choice.delta.content or ""
        return Seen(finish, text, tokens=tokens)

    return whole, stream


def _litellm() -> Any:
    """Imported when it is used, since that takes seconds; untyped, since to check its types does too."""
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    return litellm


def _lite_tokens(usage: Any) -> tuple[int, int, int, int] | None:
    if usage is None:
        return None
    details, spent = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = 0 if details is None else details.cached_tokens or 0
    reasoning = 0 if spent is None else spent.reasoning_tokens or 0
    return usage.prompt_tokens, usage.completion_tokens, cached, reasoning


async def in_a_word(ask: Ask, url: str, prompt: str) -> str:
    """What came of asking: the answer in a word, or the name of the exception."""
    try:
        return (await ask(url, prompt)).in_a_word()
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        status = getattr(error, "status_code", None)
        name = type(error).__name__
        return name if status is None else f"{name} {status}"
