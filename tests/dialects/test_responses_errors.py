"""OpenAI's errors in the Responses API to failures: as the answer, and inside of a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
from policyroute.events import Broken
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

RESPONSES = DIALECTS["openai_responses"]


def error(code: str | None, message: str = "Said so.", type: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, error("model_not_found"), K.MODEL_NOT_FOUND),
        (400, error("previous_response_not_found"), K.INVALID_REQUEST),
        (404, error("previous_response_not_found"), K.INVALID_REQUEST),
        (400, error("decimal_below_min_value"), K.INVALID_REQUEST),
        (400, error("context_length_exceeded"), K.CONTEXT_OVERFLOW),
        (400, error("invalid_prompt"), K.CONTENT_FILTERED),
        (401, error("invalid_api_key"), K.AUTH),
        (429, error("rate_limit_exceeded"), K.RATE_LIMITED),
        (429, error("insufficient_quota"), K.QUOTA_EXHAUSTED),
        (500, error(None, type="server_error"), K.UNAVAILABLE),
        (503, error("server_is_overloaded"), K.OVERLOADED),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided."}, K.AUTH),
    ],
)
def test_errors(status: int, body: dict[str, Any], expected: K) -> None:
    assert RESPONSES.failure(status, {}, json.dumps(body).encode(), 0.0).kind is expected


def broken(kind: str, **fields: Any) -> Failure:
    reader = RESPONSES.stream(("s3cret-value",))
    reader.feed(b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","model":"m"}}\n\n')
    told = json.dumps({"type": kind, "sequence_number": 1, **fields}).encode()
    events, raw = reader.feed(b"event: %b\ndata: %b\n\n" % (kind.encode(), told))
    assert raw == b""
    last = events[-1]
    assert isinstance(last, Broken)
    return last.failure


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("server_is_overloaded", K.OVERLOADED),
        ("insufficient_quota", K.QUOTA_EXHAUSTED),
        ("rate_limit_exceeded", K.RATE_LIMITED),
        ("server_error", K.UNAVAILABLE),
        ("invalid_prompt", K.CONTENT_FILTERED),
        ("image_content_policy_violation", K.CONTENT_FILTERED),
        ("image_too_large", K.INVALID_REQUEST),
        ("brand_new", K.UNAVAILABLE),
    ],
)
def test_errors_inside_a_stream(code: str, expected: K) -> None:
    told = {"code": code, "message": "Not s3cret-value."}
    for failure in (
        broken("error", param=None, **told),
        broken("error", error={"type": "server_error", **told}),
        broken("response.failed", response={"id": "r", "status": "failed", "error": told}),
    ):
        assert (failure.kind, failure.code) == (expected, code)
        assert failure.message == "Not [redacted]."


def test_a_failure_without_a_reason_is_one() -> None:
    assert broken("response.failed", response={"status": "failed", "error": None}).kind is K.UNAVAILABLE
    assert broken("response.failed").kind is K.UNAVAILABLE
