"""What OpenAI's two protocols have in common: keys, headers and errors.

The bodies follow what the openai SDK's types say and what the provider is known to send.
"""

from collections.abc import Mapping

from tests.support.llm_server.behaviour import Kind
from tests.support.llm_server.exchange import Denial, Json, bearer

_LIMIT = 500


class OpenAI:
    """The common part."""

    def error(self, denial: Denial) -> Json:
        message, kind, code = _wording(denial)
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def headers(self, request_id: str) -> Mapping[str, str]:
        return {
            "x-request-id": f"req_{request_id}",
            "openai-version": "2020-10-01",
            "openai-organization": "org-loopback",
            "openai-processing-ms": "1",
        }

    def limit_headers(self, wait_s: float) -> Mapping[str, str]:
        return {
            "x-ratelimit-limit-requests": str(_LIMIT),
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": f"{round(wait_s * 1000)}ms",
        }

    def too_long(self, asked: int, context: int) -> str:
        return (
            f"This model's maximum context length is {context} tokens. However, your messages resulted in "
            f"{asked} tokens. Please reduce the length of the messages."
        )

    def key(self, headers: Mapping[str, str]) -> str:
        return bearer(headers)


def _wording(denial: Denial) -> tuple[str, str, str | None]:
    match denial.kind:
        case Kind.RATE_LIMITED:
            wait = f"{round((denial.retry_after_s or 0.0) * 1000)}ms"
            message = (
                f"Rate limit reached for {denial.model} in organization org-loopback on requests per min "
                f"(RPM): Limit {_LIMIT}, Used {_LIMIT}, Requested 1. Please try again in {wait}."
            )
            return message, "requests", "rate_limit_exceeded"
        case Kind.QUOTA_EXCEEDED:
            message = "You exceeded your current quota, please check your plan and billing details."
            return message, "insufficient_quota", "insufficient_quota"
        case Kind.OVERLOADED:
            return "The engine is currently overloaded, please try again later", "server_error", "overloaded"
        case Kind.BAD_KEY:
            message = f"Incorrect API key provided: {denial.detail}."
            return message, "invalid_request_error", "invalid_api_key"
        case Kind.UNKNOWN_MODEL:
            message = f"The model `{denial.model}` does not exist or you do not have access to it."
            return message, "invalid_request_error", "model_not_found"
        case Kind.CONTEXT_EXCEEDED:
            return denial.detail, "invalid_request_error", "context_length_exceeded"
        case Kind.INVALID_REQUEST:
            return denial.detail, "invalid_request_error", None
        case Kind.OVER_LIMIT:
            return denial.detail, "invalid_request_error", "over_limit"
        case _:
            message = (
                f"The server had an error while processing your request (request ID req_{denial.request_id})"
            )
            return message, "server_error", None
