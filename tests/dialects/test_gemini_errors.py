"""Gemini's errors to failures: by the details of google.rpc.Status, then its status, and words last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
from policyroute.events import Broken
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

GEMINI = DIALECTS["gemini"]
RPC = "type.googleapis.com/google.rpc."


def failure(status: int, body: Any, headers: dict[str, str] | None = None) -> Failure:
    return GEMINI.failure(status, headers or {}, json.dumps(body).encode(), 0.0)


def error(status: str, message: str = "Said so.", *details: dict[str, Any], code: int = 400) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def info(reason: str) -> dict[str, Any]:
    return {"@type": f"{RPC}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(id: str, **more: Any) -> dict[str, Any]:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": id, **more}]}


def retry(delay: str) -> dict[str, Any]:
    return {"@type": f"{RPC}RetryInfo", "retryDelay": delay}


EXHAUSTED = "RESOURCE_EXHAUSTED"
WORDS = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, error(EXHAUSTED), K.RATE_LIMITED),
        (429, error(EXHAUSTED, WORDS, quota("GenerateRequestsPerMinutePerProjectPerModel")), K.RATE_LIMITED),
        (429, error(EXHAUSTED, WORDS, quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")), K.QUOTA_EXHAUSTED),
        (429, error(EXHAUSTED, WORDS, quota("InputTokensPerMinute", quotaValue="0")), K.QUOTA_EXHAUSTED),
        (429, error(EXHAUSTED, f"{WORDS}\n* Quota exceeded for metric: x, limit: 0, model: y"), K.QUOTA_EXHAUSTED),
        (429, error(EXHAUSTED, f"{WORDS}\n* Quota exceeded for metric: x, limit: 0.5"), K.RATE_LIMITED),
        (429, error(EXHAUSTED, f"{WORDS}\n* Quota exceeded for metric: x, limit: 1000000"), K.RATE_LIMITED),
        (429, error(EXHAUSTED, WORDS, info("RATE_LIMIT_EXCEEDED")), K.RATE_LIMITED),
        (429, error(EXHAUSTED, WORDS, info("RATE_LIMIT_EXCEEDED"), quota("RequestsPerDay")), K.QUOTA_EXHAUSTED),
        (400, error("INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")), K.AUTH),
        (400, error("INVALID_ARGUMENT", "Said in other words.", info("API_KEY_INVALID")), K.AUTH),
        (403, error("PERMISSION_DENIED", "Not enabled.", info("SERVICE_DISABLED")), K.AUTH),
        (403, error("PERMISSION_DENIED", "Enable billing.", info("BILLING_DISABLED")), K.QUOTA_EXHAUSTED),
        (403, error("PERMISSION_DENIED"), K.AUTH),
        (401, error("UNAUTHENTICATED"), K.AUTH),
        (402, error("FAILED_PRECONDITION"), K.QUOTA_EXHAUSTED),
        (404, error("NOT_FOUND", "models/x is not found for API version v1beta"), K.MODEL_NOT_FOUND),
        (
            400,
            error("INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
            K.CONTEXT_OVERFLOW,
        ),
        (400, error("INVALID_ARGUMENT", "Please use a valid role: user, model."), K.INVALID_REQUEST),
        (400, error("FAILED_PRECONDITION", "The File x is not in an ACTIVE state."), K.INVALID_REQUEST),
        (500, error("INTERNAL"), K.UNAVAILABLE),
        (503, error("UNAVAILABLE", "The model is overloaded. Please try again later."), K.OVERLOADED),
        (503, error("UNAVAILABLE"), K.OVERLOADED),
        (504, error("DEADLINE_EXCEEDED"), K.TIMEOUT_TTFT),
        (502, "<html>", K.UNAVAILABLE),
    ],
)
def test_kinds(status: int, body: Any, expected: K) -> None:
    assert failure(status, body).kind is expected
    assert failure(status, [body]).kind is expected
    assert failure(status, body).status == status


def test_the_wait_is_in_the_details_or_in_words() -> None:
    assert failure(429, error(EXHAUSTED, WORDS, retry("48.5s"))).retry_after == 48.5
    assert failure(429, error(EXHAUSTED, f"{WORDS} Please retry in 10h17m5.5s.")).retry_after == 37025.5
    assert failure(429, error(EXHAUSTED, WORDS, retry("36000s"), quota("PerDay"))).retry_after == 36000.0
    assert failure(429, error(EXHAUSTED, WORDS, retry("9s")), {"retry-after": "7"}).retry_after == 7.0
    assert failure(429, error(EXHAUSTED, WORDS, retry("soon"))).retry_after is None
    assert failure(404, error("NOT_FOUND", "No.", retry("9s"))).retry_after is None
    events = GEMINI.answer(json.dumps(error(EXHAUSTED, WORDS, retry("9s"), code=429)).encode())
    assert [event.failure.retry_after for event in events if isinstance(event, Broken)] == [9.0]


def test_the_code_is_the_reason_where_there_is_one() -> None:
    assert failure(400, error("INVALID_ARGUMENT", "No.", info("API_KEY_INVALID"))).code == "API_KEY_INVALID"


def test_no_key_is_shown() -> None:
    shown = GEMINI.failure(
        400, {}, json.dumps(error("INVALID_ARGUMENT", "key AIzaSecret and other")).encode(), 0, ("other",)
    )
    assert "AIza" not in shown.message and "other" not in shown.message
