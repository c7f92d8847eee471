from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from evolve.llm.base import CallStatus, ProviderSettings
from evolve.llm.failures import Failures, Trouble, retry_after

SETTINGS = ProviderSettings(name="openai", api_key="sk-planted-0123456789")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": at}) == pytest.approx(90, abs=2)


@pytest.mark.parametrize(
    ("status", "code", "expected", "advice"),
    [
        (400, "", CallStatus.DENIED, "settings of this model"),
        (400, "context_length_exceeded", CallStatus.DENIED, "context_tokens"),
        (401, "invalid_api_key", CallStatus.DENIED, "OPENAI_API_KEY"),
        (402, "", CallStatus.DENIED, "evolve resume"),
        (403, "", CallStatus.DENIED, "OPENAI_API_KEY"),
        (404, "", CallStatus.DENIED, "model's name"),
        (408, "", CallStatus.SERVER_ERROR, ""),
        (409, "", CallStatus.SERVER_ERROR, ""),
        (422, "", CallStatus.DENIED, ""),
        (429, "rate_limit_exceeded", CallStatus.RATE_LIMITED, ""),
        (429, "insufficient_quota", CallStatus.DENIED, "limit of the account"),
        (429, "enforced_spend_limit_reached", CallStatus.DENIED, "limit of the account"),
        (500, "", CallStatus.SERVER_ERROR, ""),
        (503, "", CallStatus.SERVER_ERROR, ""),
        (529, "overloaded_error", CallStatus.SERVER_ERROR, ""),
        (302, "", CallStatus.MALFORMED, ""),
    ],
)
def test_what_a_response_means(status: int, code: str, expected: CallStatus, advice: str) -> None:
    failed = Failures(SETTINGS, "OPENAI_API_KEY").response(Trouble(status, "so it is", {}, code))
    assert failed.status is expected
    assert "so it is" in str(failed)
    assert str(status) in str(failed)
    assert advice in str(failed)


def test_messages_are_short_and_without_keys() -> None:
    failures = Failures(SETTINGS, "OPENAI_API_KEY")
    said = f"Incorrect key {SETTINGS.api_key}, or Authorization: Bearer abcdefghijklmnop\n" + "x" * 5000
    message = str(failures.response(Trouble(401, said, {})))
    assert "planted" not in message
    assert "abcdefgh" not in message
    assert "\n" not in message
    assert len(message) < 700


def test_a_prompt_that_is_refused_is_not_a_mistake_of_the_user() -> None:
    assert Trouble(400, "flagged", {}, "content_policy_violation").is_refusal
    assert not Trouble(400, "flagged", {}, "invalid_request_error").is_refusal
