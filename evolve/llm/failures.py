"""What providers have in common in failing: HTTP statuses, Retry-After, connections."""

import math
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from evolve.errors import UserError
from evolve.llm.base import AttemptFailed, CallStatus, ProviderSettings, Usage
from evolve.llm.keys import Scrubber

_T = TypeVar("_T")
_LONGEST_MESSAGE = 500
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")
"""Exceptions of httpx that come before anything has been sent."""
_CONTENT = ("content_filter", "content_policy_violation", "invalid_prompt")
"""Codes of requests that are refused for what they say."""
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


class Trouble(Exception):  # noqa: N818 - what an SDK raised, without the SDK
    """A response that is no answer."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str], code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.code = code

    @property
    def is_refusal(self) -> bool:
        """Whether the provider refuses this prompt, and would others accept."""
        return self.status == 400 and self.code in _CONTENT


class Failures:
    """Words the failures of one provider, without its key."""

    def __init__(self, settings: ProviderSettings, key_name: str) -> None:
        """`key_name` is the environment variable that the provider's key is looked for in."""
        self._provider = settings.name
        self._timeout = settings.timeout
        self._key_name = key_name
        self._scrubber = Scrubber(() if settings.api_key is None else (settings.api_key,))

    def hide(self, text: str) -> str:
        """`text` without the key."""
        return self._scrubber.scrub_error(text)

    def response(self, trouble: Trouble) -> AttemptFailed:
        """What a response that is no answer means."""
        status = _status(trouble)
        message = f"{self._provider} says (HTTP {trouble.status}): {self._shortened(trouble.message)}"
        if status is CallStatus.DENIED:
            message += f". {_advice(trouble, self._key_name)}"
        return AttemptFailed(status, message, retry_after(trouble.headers))

    def disconnected(self, error: BaseException, *, never_sent: bool | None = None) -> AttemptFailed:
        """What a connection that could not be made or was cut means.

        Where nobody says whether anything had been sent by then, the kinds of httpx's exceptions tell.
        """
        causes = list(chain(error))
        if never_sent is None:
            never_sent = any(type(one).__name__ in _NEVER_SENT for one in causes)
        what = "cannot be reached" if never_sent else "cut the connection before the answer was whole"
        why = self._shortened(str(causes[-1]) or type(causes[-1]).__name__)
        usage = Usage() if never_sent else None
        return AttemptFailed(CallStatus.DISCONNECTED, f"{self._provider} {what}: {why}", usage=usage)

    def malformed(self, what: object) -> AttemptFailed:
        """What an answer that cannot be read means."""
        message = f"{self._provider} sent no valid answer: {self._shortened(str(what))}"
        return AttemptFailed(CallStatus.MALFORMED, message)

    def timed_out(self) -> AttemptFailed:
        """What no answer in time means."""
        return AttemptFailed(
            CallStatus.TIMEOUT, f"{self._provider} did not answer within {self._timeout:g} s"
        )

    def in_answer(self, status: CallStatus, message: str) -> AttemptFailed:
        """A failure that a response of a success tells."""
        return AttemptFailed(status, f"{self._provider} failed: {self._shortened(message)}")

    def read_body(self, body: bytes, kind: type[_T]) -> _T:
        """The body of an answer, checked against its type.

        Raises:
            AttemptFailed: It is not of that type.
        """
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            complaint = str(error)
        raise self.malformed(complaint)

    def _shortened(self, message: str) -> str:
        """Without the key, and of a length that fits into a line of a report."""
        line = " ".join(self.hide(message).split())
        return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]} …"


def missing_sdk(name: str) -> UserError:
    """The error for a provider whose SDK is not installed."""
    return UserError(f"models of this provider need the package {name}: pip install 'evolve-adrs[llm]'")


def missing_key(provider: str, variable: str) -> UserError:
    """The error for a provider that there is no key for."""
    return UserError(
        f"there is no key for {provider}: set {variable} in the environment or in a file .env in this folder,"
        f" or give providers.{provider}.api_base for a server that needs none"
    )


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it comes from."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds a provider asks to wait, in `retry-after-ms` or `Retry-After`, or None."""
    seconds = _number(headers.get("retry-after-ms"))
    if seconds is not None:
        return seconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _status(trouble: Trouble) -> CallStatus:
    status = trouble.status
    if status == 402 or trouble.code in _SPENT or trouble.code.endswith("spend_limit_reached"):
        return CallStatus.DENIED
    if status == 429:
        return CallStatus.RATE_LIMITED
    if status in (408, 409, 425) or status >= 500:
        return CallStatus.SERVER_ERROR
    return CallStatus.DENIED if status >= 400 else CallStatus.MALFORMED


def _advice(trouble: Trouble, key_name: str) -> str:
    """What to do about a request that was denied."""
    if trouble.status == 401:
        return f"Check the key in {key_name}"
    if trouble.status == 403:
        return f"Check what the key in {key_name} may do"
    if trouble.status == 404:
        return "Check the model's name, and api_base if one is set"
    if trouble.status in (402, 429):
        return "Raise the limit of the account; `evolve resume` then goes on"
    if "context" in trouble.code or "context" in trouble.message or "too long" in trouble.message:
        return "Set context_tokens of this model to what it really takes"
    return "Check the settings of this model"
