"""Every other provider, through the `litellm` package, which knows over a hundred of them.

The name before the slash is litellm's own name of the provider, and the whole name is what it is asked for.
A key is handed over where it is found as PROVIDER_API_KEY in the environment or in `.env`; what else some
providers need, litellm looks for in the environment by its own rules.

Answers are not streamed, for the reasons given in `evolve.llm.providers.openai`.
"""

import os
import sys
from typing import Any, NoReturn

from evolve.llm.base import Answer, AttemptFailed, CallStatus, Prompt, ProviderSettings, Usage
from evolve.llm.failures import Failures, Trouble, chain, missing_sdk

_TIMEOUTS = ("ReadTimeout", "SocketTimeoutError", "TimeoutError", "Timeout", "APITimeoutError")
_CUTS = (
    *("ConnectError", "ReadError", "WriteError", "CloseError", "RemoteProtocolError", "NetworkError"),
    *("ClientOSError", "ClientPayloadError", "ServerDisconnectedError", "ConnectionResetError"),
)
_NEVER_SENT = ("ClientConnectorError", "ClientConnectorDNSError", "ConnectTimeout", "ConnectionTimeoutError")


class LiteLLMProvider:
    """See the module."""

    def __init__(self, library: Any, settings: ProviderSettings) -> None:
        """Use `start`."""
        self._library = library
        self._settings = settings
        self._failures = Failures(settings, f"{settings.name.upper()}_API_KEY")

    @classmethod
    def start(cls, settings: ProviderSettings) -> "LiteLLMProvider":
        """litellm, told to be quiet and to make one attempt at a time.

        Raises:
            UserError: The package is not installed.
        """
        # Else importing it asks a server for a table of prices.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        try:
            import litellm
            from litellm.llms.custom_httpx import http_handler
        except ModuleNotFoundError:
            raise missing_sdk("litellm") from None
        library: Any = litellm
        library.suppress_debug_info = True
        library.telemetry = False
        handler: Any = http_handler.AsyncHTTPHandler
        handler.single_connection_post_request = _no_second_request
        return cls(library, settings)

    async def complete(self, model: str, prompt: Prompt) -> Answer:
        """One attempt; see `evolve.llm.base.Provider`."""
        problem: Answer | AttemptFailed
        try:
            response = await self._library.acompletion(**self._request(model, prompt))
        except self._library.ContentPolicyViolationError as error:
            problem = Answer(self._failures.hide(_told(error)), CallStatus.REFUSED, Usage())
        except Exception as error:  # noqa: BLE001 - litellm lets exceptions of a hundred providers pass
            problem = self._failure(error)
        else:
            problem = self._read(response)
        if isinstance(problem, AttemptFailed):
            raise problem
        return problem

    async def close(self) -> None:
        """Close all connections."""
        await self._library.close_litellm_async_clients()

    def _request(self, model: str, prompt: Prompt) -> dict[str, Any]:
        settings = self._settings
        request = {
            "model": model,
            "messages": _messages(prompt),
            "max_tokens": prompt.max_output_tokens,
            "temperature": prompt.temperature,
            "reasoning_effort": prompt.effort,
            "api_base": settings.api_base,
            "api_key": settings.api_key,
        }
        given = {name: value for name, value in request.items() if value is not None}
        return {**given, "timeout": settings.timeout, "max_retries": 0, "num_retries": 0}

    def _read(self, response: Any) -> Answer | AttemptFailed:
        try:
            choice, told = response.choices[0], response.usage
            usage = Usage(
                told.prompt_tokens,
                told.completion_tokens,
                _detail(told, "prompt_tokens_details", "cached_tokens"),
                _detail(told, "completion_tokens_details", "reasoning_tokens"),
                _detail(told, "prompt_tokens_details", "cache_write_tokens"),
            )
            message, reason = choice.message, choice.finish_reason
        except (AttributeError, IndexError, TypeError) as error:
            return self._failures.malformed(error)
        text = message.content or ""
        # Where it stands depends on litellm's version.
        fields = getattr(message, "provider_specific_fields", None) or {}
        refusal = getattr(message, "refusal", None) or fields.get("refusal") or ""
        if refusal or reason == "content_filter":
            return Answer(refusal or text, CallStatus.REFUSED, usage, response.id)
        if reason == "length":
            return Answer(text, CallStatus.CUT_OFF, usage, response.id)
        return Answer(text, CallStatus.OK if text.strip() else CallStatus.EMPTY, usage, response.id)

    def _failure(self, error: Exception) -> AttemptFailed:
        """What an exception means, from its causes: litellm may have made up its own class and status."""
        causes = list(chain(error))
        response = next((found for one in causes[1:] if (found := _response(one)) is not None), None)
        if response is not None:
            return self._failures.response(_trouble(error, response))
        kinds = {type(one).__name__ for one in causes}
        if not kinds.isdisjoint(_TIMEOUTS):
            return self._failures.timed_out()
        if not kinds.isdisjoint(_NEVER_SENT):
            return self._failures.disconnected(error, never_sent=True)
        if not kinds.isdisjoint(_CUTS):
            return self._failures.disconnected(error, never_sent=False)
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and 400 <= status < 500:
            return self._failures.response(Trouble(status, _told(error), {}))
        return self._failures.malformed(_told(error))


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The messages as litellm takes them; what is to be cached is what ends with the last system message."""
    system = [place for place, one in enumerate(prompt.messages) if one.role == "system"]
    to_mark = system[-1] if system and prompt.cache_system else None
    messages: list[dict[str, Any]] = []
    for place, one in enumerate(prompt.messages):
        content: Any = one.content
        if place == to_mark:
            content = [{"type": "text", "text": one.content, "cache_control": {"type": "ephemeral"}}]
        messages.append({"role": one.role, "content": content})
    return messages


def _response(error: BaseException) -> Any:
    """The response that an exception is about, where one has really come; else None."""
    kind = type(error)
    of_sdk = kind.__module__.startswith(("openai.", "anthropic."))
    return getattr(error, "response", None) if of_sdk or kind.__name__.endswith("HTTPStatusError") else None


def _trouble(error: Exception, response: Any) -> Trouble:
    message = _told(error)
    spent = next((code for code in ("insufficient_quota", "spend_limit_reached") if code in message), "")
    return Trouble(response.status_code, message, response.headers, spent)


def _told(error: Exception) -> str:
    return str(getattr(error, "message", None) or error)


def _detail(usage: Any, group: str, name: str) -> int:
    return getattr(getattr(usage, group, None), name, None) or 0


async def _no_second_request(*_: object, **__: object) -> NoReturn:
    """In place of litellm's second request when a connection breaks, which nobody would count.

    It is called where the exception is handled.
    """
    broken = sys.exc_info()[1]
    assert broken is not None
    raise broken


provider = LiteLLMProvider
