"""What each provider makes of each thing that can go wrong, through the real SDKs over HTTP."""

import asyncio
import logging
import time
import traceback

import pytest

from evolve.llm.base import AttemptFailed, Message, Prompt, Provider, ProviderSettings, Usage
from evolve.llm.providers.anthropic import AnthropicProvider
from evolve.llm.providers.litellm import LiteLLMProvider
from evolve.llm.providers.openai import OpenAIProvider
from tests.support.llm_server import (
    BILLED,
    Behaviour,
    Kind,
    LLMServer,
    Metering,
    Rule,
    Rules,
    Script,
    ServerConfig,
)

KEY = "sk-planted-0123456789abcdef"
TEXT = "The quick brown fox jumps over the lazy dog. Ünïcödé: 漢字."
ANSWERS = {
    "ok": "ok",
    "drip": "ok",
    "empty": "empty",
    "refused": "refused",
    "filtered": "refused",
    "length": "cut_off",
}
FAILURES = {
    "rate_limited": "rate_limited after 2",
    "quota_exceeded": "denied after 2",
    "server_error": "server_error after 2",
    "unavailable": "server_error after 2",
    "overloaded": "server_error after 2",
    "bad_key": "denied after 2",
    "unknown_model": "denied after 2",
    "context_exceeded": "denied after 2",
    "invalid_request": "denied after 2",
    "over_limit": "denied after 2",
    "cut_before_head": "disconnected",
    "cut_before_head, reset": "disconnected",
    "cut_in_body": "disconnected",
    "cut_in_body, reset": "disconnected",
    "truncated": "malformed",
    "error_in_stream": "server_error after 2",
    "malformed": "malformed",
    "wrong_shape": "malformed",
    "web_page": "malformed",
    "hang": "timeout",
}
EXPECTED = ANSWERS | FAILURES


def settings(name: str, api_base: str, timeout: float = 30.0) -> ProviderSettings:
    return ProviderSettings(name=name, api_base=api_base, api_key=KEY, timeout=timeout)


def chat(url: str, timeout: float) -> Provider:
    return OpenAIProvider.start(settings("openai", f"{url}/v1", timeout))


def responses(url: str, timeout: float) -> Provider:
    started = OpenAIProvider.start(settings("openai", f"{url}/v1", timeout))
    return OpenAIProvider(started._clients, started._settings, responses=True)


def messages(url: str, timeout: float) -> Provider:
    return AnthropicProvider.start(settings("anthropic", url, timeout))


def lite_chat(url: str, timeout: float) -> Provider:
    return LiteLLMProvider.start(settings("hosted_vllm", f"{url}/v1", timeout))


def lite_messages(url: str, timeout: float) -> Provider:
    return LiteLLMProvider.start(settings("anthropic", url, timeout))


PROVIDERS = {
    "chat": (chat, "gpt-test"),
    "responses": (responses, "gpt-test"),
    "messages": (messages, "claude-test"),
    "litellm, chat": (lite_chat, "hosted_vllm/gpt-test"),
    "litellm, messages": (lite_messages, "anthropic/claude-test"),
}


def behaviours() -> dict[str, Behaviour]:
    found = {kind.value: Behaviour(kind, pause_s=0.002, retry_after_s=2.0, echo_key=True) for kind in Kind}
    for kind in (Kind.CUT_BEFORE_HEAD, Kind.CUT_IN_BODY):
        found[f"{kind}, reset"] = Behaviour(kind, reset=True)
    return found


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message("system", "Be brief."), Message("user", text)), max_output_tokens=500)


async def in_a_word(provider: Provider, model: str, text: str) -> str:
    try:
        answer = await provider.complete(model, prompt(text))
    except AttemptFailed as failed:
        shown = "".join(traceback.format_exception(failed))
        assert failed.__context__ is None, "what an SDK raised does not leave the module"
        assert str(failed) in shown
        assert len(str(failed)) < 700
        assert KEY not in shown + repr(failed)
        after = "" if failed.retry_after is None else f" after {failed.retry_after:g}"
        return f"{failed.status.value}{after}"
    if answer.status.value == "ok":
        assert answer.text == TEXT
    return answer.status.value


@pytest.mark.parametrize("which", PROVIDERS)
def test_each_fault_has_its_status_and_costs_one_request(which: str) -> None:
    start, model = PROVIDERS[which]
    rules = Rules(tuple(Rule(f"[{name}]", (one,) * 9) for name, one in behaviours().items()))

    async def found() -> dict[str, str]:
        async with LLMServer(ServerConfig(plan=rules)) as server:
            patient, hurried = start(server.url, 30.0), start(server.url, 0.3)
            words = {
                name: await in_a_word(hurried if name == "hang" else patient, model, f"Say it [{name}]")
                for name in behaviours()
            }
            assert len(server.report().entries) == len(behaviours()), "nobody asks twice"
            await patient.close()
            return words

    assert asyncio.run(found()) == EXPECTED


@pytest.mark.parametrize("which", PROVIDERS)
def test_usage_is_what_was_billed(which: str) -> None:
    start, model = PROVIDERS[which]
    metering = Metering(cached_share=0.7, reasoning=200)

    async def asked() -> None:
        async with LLMServer(ServerConfig(metering=metering)) as server:
            provider = start(server.url, 30.0)
            told = [(await provider.complete(model, prompt(f"{i} {'long ' * 2000}"))).usage for i in range(8)]
            billed = [entry.billed for entry in server.report().entries]
            await provider.close()
        assert told == [Usage(one.input, one.output, one.cached, one.reasoning) for one in billed]
        assert any(one.cached for one in told)
        assert any(one.reasoning for one in told)

    asyncio.run(asked())


@pytest.mark.parametrize("which", PROVIDERS)
def test_a_server_that_is_not_there_bills_nothing(which: str) -> None:
    start, model = PROVIDERS[which]

    async def asked() -> AttemptFailed:
        provider = start("http://127.0.0.1:1", 5.0)
        with pytest.raises(AttemptFailed) as caught:
            await provider.complete(model, prompt("anybody there?"))
        await provider.close()
        return caught.value

    failed = asyncio.run(asked())
    assert failed.status.value == "disconnected"
    assert failed.usage == Usage()


@pytest.mark.parametrize("which", PROVIDERS)
def test_an_attempt_can_be_cancelled(which: str) -> None:
    start, model = PROVIDERS[which]
    plan = Rules((), then=Behaviour(Kind.DRIP, pause_s=0.2, pieces=100))

    async def asked() -> float:
        async with LLMServer(ServerConfig(plan=plan)) as server:
            provider = start(server.url, 60.0)
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await provider.complete(model, prompt("slowly"))
            took = time.monotonic() - started
            await provider.close()
            return took

    assert asyncio.run(asked()) < 3.0


def test_billed_kinds_are_the_ones_whose_cost_may_be_unknown() -> None:
    unknown = {"disconnected", "timeout", "malformed"}
    for kind in BILLED:
        assert EXPECTED[kind.value] in {*ANSWERS.values(), *unknown}, kind


@pytest.mark.parametrize("which", PROVIDERS)
def test_no_key_in_logs_or_output(
    which: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    start, model = PROVIDERS[which]
    plan = Script((Behaviour(), Behaviour(Kind.BAD_KEY, echo_key=True), Behaviour(Kind.CUT_IN_BODY)))

    async def asked() -> list[str]:
        async with LLMServer(ServerConfig(plan=plan)) as server:
            provider = start(server.url, 30.0)
            words = [await in_a_word(provider, model, f"{n}") for n in range(3)]
            await provider.close()
            return words

    assert asyncio.run(asked()) == ["ok", "denied", "disconnected"]
    out, error = capfd.readouterr()
    assert KEY not in caplog.text + out + error
