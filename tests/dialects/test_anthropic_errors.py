"""Anthropic's errors to failures: its types and codes, words only where it has neither, its own reset headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

NOW = 1_754_667_600.0  # 2025-08-08T15:40:00Z


def failure(status: int, body: Any, headers: dict[str, str] | None = None, secrets: tuple[str, ...] = ()) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECTS["anthropic"].failure(status, headers or {}, raw, NOW, secrets)


def error(type: str, message: str = "Said so.", **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message, **more}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, error("rate_limit_error"), K.RATE_LIMITED),
        (429, error("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}), K.RATE_LIMITED),
        (429, error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), K.QUOTA_EXHAUSTED),
        (429, error("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}), K.QUOTA_EXHAUSTED),
        (429, error("rate_limit_error", details={"error_code": "brand_new"}), K.RATE_LIMITED),
        (402, error("billing_error"), K.QUOTA_EXHAUSTED),
        (400, error("invalid_request_error", "Your credit balance is too low to access the API"), K.QUOTA_EXHAUSTED),
        (400, error("invalid_request_error", "You have reached your specified API usage limits."), K.QUOTA_EXHAUSTED),
        (529, error("overloaded_error", "Overloaded"), K.OVERLOADED),
        (529, b"", K.OVERLOADED),
        (500, error("api_error", "Internal server error"), K.UNAVAILABLE),
        (504, error("timeout_error"), K.TIMEOUT_TTFT),
        (401, error("authentication_error", "invalid x-api-key"), K.AUTH),
        (403, error("permission_error"), K.AUTH),
        (404, error("not_found_error", "model: claude-none"), K.MODEL_NOT_FOUND),
        (413, error("request_too_large", "Request exceeds the maximum size"), K.CONTEXT_OVERFLOW),
        (400, error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), K.CONTEXT_OVERFLOW),
        (
            400,
            error(
                "invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"
            ),
            K.CONTEXT_OVERFLOW,
        ),
        (
            400,
            error("invalid_request_error", "Output blocked by content filtering policy"),
            K.CONTENT_FILTERED,
        ),
        (400, error("invalid_request_error", "max_tokens: 429 is too many"), K.INVALID_REQUEST),
        (
            400,
            error("invalid_request_error", "messages.0: Input does not match the expected shape."),
            K.INVALID_REQUEST,
        ),
    ],
)
def test_what_an_error_means(status: int, body: Any, expected: K) -> None:
    found = failure(status, body)
    assert found.kind is expected
    assert found.status == status
    assert found.message


def test_an_error_is_called_by_its_code_or_else_by_its_type() -> None:
    assert failure(404, error("not_found_error")).code == "not_found_error"
    coded = error("rate_limit_error", details={"error_code": "ramp_limit_exceeded"})
    assert failure(429, coded).code == "ramp_limit_exceeded"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "9",
                "anthropic-ratelimit-requests-reset": "2025-08-08T16:00:00Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2025-08-08T15:40:30Z",
            },
            30.0,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2025-08-08T17:40:05+02:00",
            },
            5.0,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2025-08-08T15:00:00Z",
            },
            0.0,
        ),
        ({"anthropic-ratelimit-tokens-reset": "2025-08-08T15:41:00"}, None),
        ({"anthropic-ratelimit-tokens-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert failure(429, error("rate_limit_error"), headers).retry_after == expected


def test_keys_never_show() -> None:
    key = "sk-ant-api03-Very-Secret"
    shown = failure(401, error("authentication_error", f"invalid x-api-key {key}"), secrets=(key,))
    assert "Secret" not in shown.message
    assert "[redacted]" in shown.message
