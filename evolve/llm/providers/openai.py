"""OpenAI, and every server that speaks its protocol, through the `openai` package.

OpenAI itself is asked through its Responses API: all its models have it, and some have nothing else. Other
servers (`api_base`, or OPENAI_BASE_URL) are asked for chat completions, which they all have in common.

Answers are not streamed. Only a whole answer is of use; one that is not streamed says how long it is, so that
a cut is always noticed; its usage is part of it; and the package takes 0.1 ms of CPU time for each event of a
stream, which is half a core for 64 of them at 80 tokens a second. The time-out over the whole attempt is the
client's.

Prompts are cached by OpenAI itself, from their beginnings on; nothing has to be marked for that.

Requests are handed to the package as they are to be sent, and the bodies of answers are read here, strictly.
The package would make an object without fields of any body, and its way from arguments to JSON takes
milliseconds.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from evolve.llm.base import Answer, AttemptFailed, CallStatus, Prompt, ProviderSettings, Usage
from evolve.llm.failures import Failures, Trouble, missing_key, missing_sdk
from evolve.llm.spreading import Spread

_KEY = "OPENAI_API_KEY"
_NO_KEY = "none"
"""What servers that need no key are sent; the package insists on one."""
_NEWER_LIMIT = "max_completion_tokens"


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class _ReasoningTokens(msgspec.Struct):
    reasoning_tokens: int | None = 0


class _ChatUsage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _CachedTokens | None = None
    completion_tokens_details: _ReasoningTokens | None = None


class _ChatMessage(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _ChatMessage
    finish_reason: str


class _Chat(msgspec.Struct):
    choices: list[_Choice]
    usage: _ChatUsage


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    refusal: str = ""


class _Item(msgspec.Struct):
    type: str
    content: list[_Part] | None = None


class _ResponseUsage(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _CachedTokens | None = None
    output_tokens_details: _ReasoningTokens | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Response(msgspec.Struct):
    status: str
    output: list[_Item]
    usage: _ResponseUsage | None = None
    incomplete_details: _Incomplete | None = None
    error: _Error | None = None


class OpenAIProvider:
    """See the module."""

    def __init__(self, clients: Spread[Any], settings: ProviderSettings, *, responses: bool) -> None:
        """Use `start`; `responses` says which API is asked."""
        self._clients = clients
        self._settings = settings
        self._failures = Failures(settings, _KEY)
        self._responses = responses
        self._limit = "max_tokens"

    @classmethod
    def start(cls, settings: ProviderSettings) -> "OpenAIProvider":
        """A client of OpenAI, or of the server at `settings.api_base`.

        Raises:
            UserError: The package is not installed, or there is no key.
        """
        try:
            import httpx
            import openai
        except ModuleNotFoundError:
            raise missing_sdk("openai") from None
        key = settings.api_key or (None if settings.api_base is None else _NO_KEY)
        if key is None:
            raise missing_key(settings.name, _KEY)
        context = httpx.create_ssl_context()

        def client() -> openai.AsyncOpenAI:
            return openai.AsyncOpenAI(
                api_key=key,
                base_url=settings.api_base,
                max_retries=0,
                timeout=settings.timeout,
                http_client=openai.DefaultAsyncHttpxClient(verify=context, timeout=settings.timeout),
            )

        clients = Spread(settings.concurrency, client)
        host = urlsplit(str(clients.clients[0].base_url)).hostname or ""
        return cls(clients, settings, responses=host == "openai.com" or host.endswith(".openai.com"))

    async def complete(self, model: str, prompt: Prompt) -> Answer:
        """One attempt; see `evolve.llm.base.Provider`."""
        import httpx
        import openai

        problem: Answer | AttemptFailed | None = None
        if self._responses:
            path, request, read = "/responses", _response_request(model, prompt), _read_response
        else:
            path, request, read = "/chat/completions", _chat_request(model, prompt, self._limit), _read_chat
        try:
            with self._clients.least_busy() as client:
                response = await client.post(path, cast_to=httpx.Response, body=request)
        except openai.APITimeoutError:
            problem = self._failures.timed_out()
        except openai.APIConnectionError as error:
            problem = self._failures.disconnected(error)
        except openai.APIStatusError as error:
            problem = self._of_status(error)
        if isinstance(problem, Answer):
            return problem
        if problem is not None:
            raise problem
        return read(self._failures, response.content, response.headers.get("x-request-id"))

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.clients:
            await client.close()

    def _of_status(self, error: Any) -> Answer | AttemptFailed:
        trouble = Trouble(
            error.status_code, _told(error), error.response.headers, error.code or error.type or ""
        )
        if trouble.is_refusal:
            return Answer(self._failures.hide(trouble.message), CallStatus.REFUSED, Usage(), error.request_id)
        if trouble.status == 400 and self._limit != _NEWER_LIMIT and _NEWER_LIMIT in trouble.message:
            self._limit = _NEWER_LIMIT
            return AttemptFailed(
                CallStatus.SERVER_ERROR,
                f"{self._settings.name} wants {_NEWER_LIMIT}, and gets it from now on",
            )
        return self._failures.response(trouble)


def _told(error: Any) -> str:
    """What the provider itself says, where it says it in the usual place."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else error.message


def _chat_request(model: str, prompt: Prompt, limit: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "messages": msgspec.to_builtins(prompt.messages),
        limit: prompt.max_output_tokens,
    }
    if prompt.temperature is not None:
        request["temperature"] = prompt.temperature
    if prompt.effort is not None:
        request["reasoning_effort"] = prompt.effort
    return request


def _response_request(model: str, prompt: Prompt) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "input": msgspec.to_builtins(prompt.messages),
        "max_output_tokens": prompt.max_output_tokens,
        "store": False,
    }
    if prompt.temperature is not None:
        request["temperature"] = prompt.temperature
    if prompt.effort is not None:
        request["reasoning"] = {"effort": prompt.effort}
    return request


def _read_chat(failures: Failures, body: bytes, request_id: str | None) -> Answer:
    chat = failures.read_body(body, _Chat)
    if not chat.choices:
        raise failures.malformed("no choices")
    told, choice = chat.usage, chat.choices[0]
    usage = Usage(
        told.prompt_tokens,
        told.completion_tokens,
        _cached(told.prompt_tokens_details),
        _reasoning(told.completion_tokens_details),
        _written(told.prompt_tokens_details),
    )
    text, refusal = choice.message.content or "", choice.message.refusal or ""
    if refusal or choice.finish_reason == "content_filter":
        return Answer(refusal or text, CallStatus.REFUSED, usage, request_id)
    return Answer(text, _fate(text, cut_off=choice.finish_reason == "length"), usage, request_id)


def _read_response(failures: Failures, body: bytes, request_id: str | None) -> Answer:
    response = failures.read_body(body, _Response)
    if response.error is not None and response.status == "failed":
        limited = response.error.code == "rate_limit_exceeded"
        status = CallStatus.RATE_LIMITED if limited else CallStatus.SERVER_ERROR
        raise failures.in_answer(status, response.error.message or "")
    told = response.usage
    if told is None or response.status not in ("completed", "incomplete"):
        raise failures.malformed(f"a response with status '{response.status}'")
    usage = Usage(
        told.input_tokens,
        told.output_tokens,
        _cached(told.input_tokens_details),
        _reasoning(told.output_tokens_details),
        _written(told.input_tokens_details),
    )
    parts = [part for item in response.output if item.type == "message" for part in item.content or []]
    text = "".join(part.text for part in parts if part.type == "output_text")
    refusal = "".join(part.refusal for part in parts if part.type == "refusal")
    reason = response.incomplete_details.reason if response.incomplete_details is not None else None
    if refusal or reason == "content_filter":
        return Answer(refusal or text, CallStatus.REFUSED, usage, request_id)
    return Answer(text, _fate(text, cut_off=response.status == "incomplete"), usage, request_id)


def _fate(text: str, *, cut_off: bool) -> CallStatus:
    if cut_off:
        return CallStatus.CUT_OFF
    return CallStatus.OK if text.strip() else CallStatus.EMPTY


def _cached(details: _CachedTokens | None) -> int:
    return 0 if details is None else details.cached_tokens or 0


def _written(details: _CachedTokens | None) -> int:
    return 0 if details is None else details.cache_write_tokens or 0


def _reasoning(details: _ReasoningTokens | None) -> int:
    return 0 if details is None else details.reasoning_tokens or 0


provider = OpenAIProvider
