"""Anthropic's Messages API, through the `anthropic` package.

Answers are not streamed, and requests and bodies are written and read here, for the reasons given in
`evolve.llm.providers.openai`. The package asks for streaming where an answer may take more than ten minutes,
since idle connections may be cut on the way; but it keeps them alive by TCP's own means, and an attempt that
takes so long runs into its time-out first, unless the user gives it more.
"""

from typing import Any

import msgspec

from evolve.llm.base import Answer, AttemptFailed, CallStatus, Prompt, ProviderSettings, Usage
from evolve.llm.failures import Failures, Trouble, missing_key, missing_sdk
from evolve.llm.spreading import Spread

_PATH = "/v1/messages"
_KEY = "ANTHROPIC_API_KEY"
_NO_KEY = "none"
"""What servers that need no key are sent; the package insists on one."""
_EFFORT_WITHOUT_THINKING = "claude-opus-4-5"
"""Takes an effort, but decides for itself neither whether to think nor for how long; later models do."""
_CUT_OFF = ("max_tokens", "model_context_window_exceeded")


class _Details(msgspec.Struct):
    thinking_tokens: int | None = 0


class _Usage(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    output_tokens_details: _Details | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Stop(msgspec.Struct):
    explanation: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block]
    stop_reason: str
    usage: _Usage
    stop_details: _Stop | None = None


class AnthropicProvider:
    """See the module."""

    def __init__(self, clients: Spread[Any], settings: ProviderSettings) -> None:
        """Use `start`."""
        self._clients = clients
        self._failures = Failures(settings, _KEY)

    @classmethod
    def start(cls, settings: ProviderSettings) -> "AnthropicProvider":
        """A client of Anthropic, or of the server at `settings.api_base`.

        Without a key the package looks for one by its own rules, such as a profile of its command line.

        Raises:
            UserError: The package is not installed, or there is no key.
        """
        try:
            import anthropic
            import httpx2
        except ModuleNotFoundError:
            raise missing_sdk("anthropic") from None
        context = httpx2.create_ssl_context()

        def client() -> anthropic.AsyncAnthropic:
            return anthropic.AsyncAnthropic(
                api_key=settings.api_key or (None if settings.api_base is None else _NO_KEY),
                base_url=settings.api_base,
                max_retries=0,
                timeout=settings.timeout,
                open_telemetry=False,  # prompts are nobody else's
                http_client=anthropic.DefaultAsyncHttpxClient(verify=context, timeout=settings.timeout),
            )

        clients = Spread(settings.concurrency, client)
        found = clients.clients[0]
        if found.api_key is None and found.auth_token is None and found.credentials is None:
            raise missing_key(settings.name, _KEY)
        return cls(clients, settings)

    async def complete(self, model: str, prompt: Prompt) -> Answer:
        """One attempt; see `evolve.llm.base.Provider`."""
        import anthropic
        import httpx2

        problem: AttemptFailed | None = None
        try:
            with self._clients.least_busy() as client:
                response = await client.post(_PATH, cast_to=httpx2.Response, body=_request(model, prompt))
        except anthropic.APITimeoutError:
            problem = self._failures.timed_out()
        except anthropic.APIConnectionError as error:
            problem = self._failures.disconnected(error)
        except anthropic.APIStatusError as error:
            message = error.api_message or error.message
            trouble = Trouble(
                error.status_code, message, error.response.headers, error.error_code or error.type or ""
            )
            problem = self._failures.response(trouble)
        if problem is not None:
            raise problem
        return _read(self._failures, response.content, response.headers.get("request-id"))

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.clients:
            await client.close()


def _request(model: str, prompt: Prompt) -> dict[str, Any]:
    system = "\n\n".join(message.content for message in prompt.messages if message.role == "system")
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": prompt.max_output_tokens,
        "messages": [msgspec.to_builtins(one) for one in prompt.messages if one.role != "system"],
    }
    if system and prompt.cache_system:
        request["system"] = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
    elif system:
        request["system"] = system
    if prompt.temperature is not None:
        request["temperature"] = prompt.temperature
    if prompt.effort is not None:
        request["output_config"] = {"effort": prompt.effort}
        if not model.startswith(_EFFORT_WITHOUT_THINKING):
            request["thinking"] = {"type": "adaptive"}
    return request


def _read(failures: Failures, body: bytes, request_id: str | None) -> Answer:
    message = failures.read_body(body, _Message)
    told = message.usage
    cached, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    usage = Usage(
        input=told.input_tokens + cached + written,
        output=told.output_tokens,
        cached=cached,
        reasoning=(told.output_tokens_details.thinking_tokens or 0) if told.output_tokens_details else 0,
        cache_writes=written,
    )
    text = "".join(block.text for block in message.content if block.type == "text")
    if message.stop_reason == "refusal":
        said = message.stop_details.explanation if message.stop_details is not None else None
        return Answer(said or text, CallStatus.REFUSED, usage, request_id)
    if message.stop_reason in _CUT_OFF:
        return Answer(text, CallStatus.CUT_OFF, usage, request_id)
    return Answer(text, CallStatus.OK if text.strip() else CallStatus.EMPTY, usage, request_id)


provider = AnthropicProvider
