"""Provider errors to failures: structure before status before words, waits obeyed, keys never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute.dialects import DIALECTS, waits
from policyroute.dialects.scrub import MAX_MESSAGE, scrub
from policyroute.events import Broken
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

NOW = 1_754_667_600.0


def failure(status: int, body: Any, headers: dict[str, str] | None = None, secrets: tuple[str, ...] = ()) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECTS["openai_chat"].failure(status, headers or {}, raw, NOW, secrets)


def error(message: str = "", type: str | None = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "code": code, **more}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            429,
            error("Rate limit reached for gpt-4o on tokens per min", "tokens", "rate_limit_exceeded"),
            K.RATE_LIMITED,
        ),
        (429, error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), K.QUOTA_EXHAUSTED),
        (429, error("Allocated quota exceeded, please increase", None, "insufficient_quota"), K.RATE_LIMITED),
        (429, error("Billing hard limit", None, "billing_hard_limit_reached"), K.QUOTA_EXHAUSTED),
        (429, b"slow down", K.RATE_LIMITED),
        (402, error("Insufficient Balance", "unknown_error", "invalid_request_error"), K.QUOTA_EXHAUSTED),
        (400, error("Your credit balance is too low to access the API"), K.QUOTA_EXHAUSTED),
        (503, error("The engine is currently overloaded", "server_error"), K.OVERLOADED),
        (503, error("", "server_error", "server_is_overloaded"), K.OVERLOADED),
        (503, b"<html>Service Unavailable</html>", K.UNAVAILABLE),
        (529, b"", K.OVERLOADED),
        (500, error("Something went wrong", "server_error"), K.UNAVAILABLE),
        (502, b"<html>Bad Gateway 429</html>", K.UNAVAILABLE),
        (301, b"", K.UNAVAILABLE),
        (504, b"", K.TIMEOUT_TTFT),
        (408, error("timed out"), K.TIMEOUT_TTFT),
        (522, b"", K.TIMEOUT_CONNECT),
        (
            400,
            error("Your input exceeds the context window of this model.", "x", "context_length_exceeded"),
            K.CONTEXT_OVERFLOW,
        ),
        (400, error("This model's maximum context length is 128000 tokens, got 150429 tokens"), K.CONTEXT_OVERFLOW),
        (413, b"", K.CONTEXT_OVERFLOW),
        (400, error("n", "exceed_context_size_error", 400, n_ctx=512), K.CONTEXT_OVERFLOW),
        (400, error("max_tokens is too large: 429"), K.INVALID_REQUEST),
        (400, error("string too long", None, "string_above_max_length"), K.INVALID_REQUEST),
        (401, error("Incorrect API key provided: sk-ab", "invalid_request_error", "invalid_api_key"), K.AUTH),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided: xa***xx."}, K.AUTH),
        (403, error("You do not have access"), K.AUTH),
        (403, error("Input flagged by moderation"), K.CONTENT_FILTERED),
        (400, error("filtered", None, "content_filter"), K.CONTENT_FILTERED),
        (
            400,
            error("bad", None, "BadRequest", innererror={"code": "ResponsibleAIPolicyViolation"}),
            K.CONTENT_FILTERED,
        ),
        (404, error("The model `x` does not exist", "invalid_request_error", "model_not_found"), K.MODEL_NOT_FOUND),
        (400, error("model 'command-r' was removed on 2025-09-15"), K.MODEL_NOT_FOUND),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, K.INVALID_REQUEST),
        (400, [error("API key not valid. Please pass a valid API key.", None, 400, status="INVALID_ARGUMENT")], K.AUTH),
        (
            400,
            error("Unsupported parameter: 'stop'", "invalid_request_error", "unsupported_parameter"),
            K.INVALID_REQUEST,
        ),
        (418, b"null", K.INVALID_REQUEST),
    ],
)
def test_what_an_error_means(status: int, body: Any, expected: K) -> None:
    found = failure(status, body)
    assert found.kind is expected
    assert found.status == status
    assert found.message


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after": "Fri, 08 Aug 2025 15:40:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 08 Aug 2025 15:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999"}, waits.LONGEST),
        ({"x-ratelimit-reset-requests": "12ms", "x-ratelimit-remaining-requests": "0"}, 0.012),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "9",
                "x-ratelimit-reset-tokens": "6m0.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            360.5,
        ),
        ({"x-ratelimit-reset": "1754667660000", "x-ratelimit-remaining": "0"}, 60.0),
        ({"x-ratelimit-reset": "1754667660"}, 60.0),
        ({"x-ratelimit-reset": "30"}, 30.0),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert failure(429, error("busy"), headers).retry_after == expected


def test_waits_in_words_are_the_last_resort() -> None:
    said = error("Rate limit reached. Please try again in 6m0.5s. Visit our site.")
    assert failure(429, said).retry_after == 360.5
    assert failure(429, said, {"retry-after": "2"}).retry_after == 2.0


def test_limits_that_are_not_the_trouble_are_no_wait() -> None:
    headers = {"x-ratelimit-reset-requests": "12ms", "x-ratelimit-remaining-requests": "0"}
    assert failure(400, error("bad"), headers).retry_after is None


KEY = "pk9-Very.Secret/Key+value="


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-AbCdEfGhIjKl. See docs.",
        "Incorrect API key provided: sk-AbCd****wxyz.",
        "Your api key: ****wxyz is invalid",
        "Authorization: Bearer abc.def-ghi was refused",
        f"The key {KEY} is unknown",
        "key AIzaSyA1234567890abcdefghijklmnopqrstuv is unknown",
        "token 0123456789abcdef0123456789abcdef was revoked",
    ],
)
def test_keys_never_show(message: str) -> None:
    shown = failure(401, error(message, None, message), secrets=(KEY,))
    for part in ("AbCd", "wxyz", "abc.def", "Very.Secret", "A1234", "0123456789abcdef"):
        assert part not in shown.message + (shown.code or "")
    assert "[redacted]" in shown.message


def test_keys_never_show_in_errors_that_came_with_status_200() -> None:
    body = json.dumps(error(f"The key {KEY} is unknown")).encode()
    dialect = DIALECTS["openai_chat"]
    stream, plain = dialect.stream((KEY,)), dialect.stream((KEY,))
    inside, _ = stream.feed(b"data: " + body + b"\n\n")
    plain.feed(body)
    for events in (inside, plain.end(), dialect.answer(body, (KEY,))):
        last = events[-1]
        assert isinstance(last, Broken)
        assert last.failure.message == "The key [redacted] is unknown"


def test_what_is_no_key_stays() -> None:
    message = "The model `gpt-5.2-pro` does not exist, see https://platform.openai.com/account/api-keys"
    assert scrub(message) == message


def test_messages_are_kept_short() -> None:
    assert len(scrub("long " * 1000)) == MAX_MESSAGE
