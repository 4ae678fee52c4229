"""What each vendor's own errors mean, by the shapes and texts they answer with: one row for each way of saying it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
from policyroute.events import Broken
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

NOW = 1_754_667_600.0  # 2025-08-08T15:40:00Z


def failure(status: int, body: Any, headers: dict[str, str] | None = None) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECTS["openai_chat"].failure(status, headers or {}, raw, NOW)


def error(message: str, type: str | None = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


def claude(type: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message, **more}}


AWS = "x-amzn-errortype"
DOC = "http://internal.amazon.com/coral/com.amazon.bedrock/"

Row = tuple[int, Any, K]

OPENAI: list[Row] = [
    (429, error("Slow down", "rate_limit_error", "slow_down"), K.RATE_LIMITED),
    (429, error("x", "insufficient_quota", "credit_balance_exhausted"), K.QUOTA_EXHAUSTED),
    (429, error("x", "insufficient_quota", "organization_spend_limit_exceeded"), K.QUOTA_EXHAUSTED),
    (429, error("x", "insufficient_quota", "project_spend_limit_exceeded"), K.QUOTA_EXHAUSTED),
    (429, error("x", "insufficient_quota", "organization_usage_limit_exceeded"), K.QUOTA_EXHAUSTED),
    (429, error("x", "insufficient_quota", "billing_not_active"), K.QUOTA_EXHAUSTED),
    (429, error("x", "insufficient_quota", "an_unknown_code"), K.QUOTA_EXHAUSTED),
    (503, error("That model is currently overloaded with other requests.", "server_error"), K.OVERLOADED),
    (400, error("x", "invalid_request_error", "content_policy_violation"), K.CONTENT_FILTERED),
    (400, error("x", "invalid_request_error", "bio_policy"), K.CONTENT_FILTERED),
    (400, error("x", "invalid_request_error", "misalignment_policy_violation"), K.CONTENT_FILTERED),
    (400, error("x", "invalid_request_error", "unsupported_value"), K.INVALID_REQUEST),
    (400, error("x", "invalid_request_error", "invalid_function_parameters"), K.INVALID_REQUEST),
    (400, error("The requested model 'x' does not exist.", "invalid_request_error"), K.MODEL_NOT_FOUND),
    (404, error("The model `x` has been deprecated", "invalid_request_error"), K.MODEL_NOT_FOUND),
    (
        429,
        error("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 66000.", "tokens"),
        K.CONTEXT_OVERFLOW,
    ),
    (
        429,
        error("Request too large for gpt-4o: Limit 30000, Requested 66000.", "tokens", "rate_limit_exceeded"),
        K.CONTEXT_OVERFLOW,
    ),
    (
        429,
        error("Rate limit reached: Limit 30000, Used 29000, Requested 2000.", "tokens", "rate_limit_exceeded"),
        K.RATE_LIMITED,
    ),
]

AZURE: list[Row] = [
    (401, error("Access denied due to invalid subscription key", code="401"), K.AUTH),
    (401, {"statusCode": 401, "message": "Access denied due to missing subscription key."}, K.AUTH),
    (429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 20 seconds."}, K.RATE_LIMITED),
    (403, {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished."}, K.QUOTA_EXHAUSTED),
    (429, error("Exceeded token rate limit", code="RateLimitReached"), K.RATE_LIMITED),
    (429, error("Requests have exceeded the limit", code="429"), K.RATE_LIMITED),
    (404, error("The API deployment for this resource does not exist.", code="DeploymentNotFound"), K.MODEL_NOT_FOUND),
    (
        400,
        error(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            code="content_filter",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        K.CONTENT_FILTERED,
    ),
    (400, error("triggering Azure OpenAI's content management policy", code="400"), K.CONTENT_FILTERED),
]

MISTRAL: list[Row] = [
    (401, {"detail": "Invalid API Key"}, K.AUTH),
    (401, {"message": "Unauthorized", "request_id": "r"}, K.AUTH),
    (
        422,
        {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs are not permitted", "type": "x"}]},
        K.INVALID_REQUEST,
    ),
    (
        429,
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "param": None,
            "code": "3505",
            "raw_status_code": 429,
        },
        K.RATE_LIMITED,
    ),
    (
        400,
        {
            "object": "error",
            "message": "Prompt contains 70000 tokens and 0 draft tokens, too large for model with 32768 maximum"
            " context length",
            "type": "invalid_request_prompt",
            "param": None,
            "code": "3051",
        },
        K.CONTEXT_OVERFLOW,
    ),
    (
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "param": None, "code": "1500"},
        K.MODEL_NOT_FOUND,
    ),
    (
        400,
        {"object": "error", "message": "Unexpected role", "type": "invalid_request_message_order", "code": "3230"},
        K.INVALID_REQUEST,
    ),
    (402, {"detail": "Payment required"}, K.QUOTA_EXHAUSTED),
    (403, {"message": "The request was blocked by a guardrail."}, K.CONTENT_FILTERED),
]

COHERE: list[Row] = [
    (400, {"id": "1", "message": "too many tokens: 9 > 8", "error_type": "TOO_MANY_TOKENS"}, K.CONTEXT_OVERFLOW),
    (404, {"id": "1", "message": "model 'command-r' was removed on September 15, 2025."}, K.MODEL_NOT_FOUND),
    (401, {"id": "1", "message": "invalid api token"}, K.AUTH),
    (402, {"message": "Please add a payment method"}, K.QUOTA_EXHAUSTED),
    (429, {"message": "You are using a Trial key, which is limited to 20 API calls / minute."}, K.RATE_LIMITED),
]

XAI: list[Row] = [
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***x"}, K.AUTH),
    (404, {"code": "not-found", "error": "The model x does not exist or your team has no access."}, K.MODEL_NOT_FOUND),
    (400, {"code": "invalid-argument", "error": "Argument not supported on this model: stop"}, K.INVALID_REQUEST),
    (
        403,
        {"code": "permission-denied", "error": "Your newly created team doesn't have any credits or licenses yet."},
        K.QUOTA_EXHAUSTED,
    ),
    (
        429,
        {
            "code": "resource-exhausted",
            "error": "Your team has either used all available credits or reached its monthly spending limit.",
        },
        K.QUOTA_EXHAUSTED,
    ),
    (
        400,
        {
            "code": "invalid-argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
        },
        K.CONTEXT_OVERFLOW,
    ),
]

QWEN: list[Row] = [
    (
        429,
        error("Allocated quota exceeded, please increase your quota limit.", code="insufficient_quota"),
        K.RATE_LIMITED,
    ),
    (
        429,
        error("You exceeded your current quota, please check your plan", code="Throttling.AllocationQuota"),
        K.RATE_LIMITED,
    ),
    (429, error("Requests rate limit exceeded", code="Throttling.RateQuota"), K.RATE_LIMITED),
    (429, error("Request rate increased too quickly", code="limit_burst_rate"), K.RATE_LIMITED),
    (400, error("Access denied, account is not in good standing.", code="Arrearage"), K.QUOTA_EXHAUSTED),
    (
        403,
        error("The free tier of the model has been exhausted.", code="AllocationQuota.FreeTierOnly"),
        K.QUOTA_EXHAUSTED,
    ),
    (400, error("Range of input length should be [1, 129024]", code="invalid_parameter_error"), K.CONTEXT_OVERFLOW),
    (400, error("may contain inappropriate content", code="data_inspection_failed"), K.CONTENT_FILTERED),
    (400, {"code": "DataInspectionFailed", "message": "Input data may be bad", "request_id": "r"}, K.CONTENT_FILTERED),
]

BEDROCK: list[Row] = [
    (400, {"message": "Input is too long for requested model."}, K.CONTEXT_OVERFLOW),
    (
        400,
        {"message": "Input Tokens Exceeded: Number of input tokens exceeds maximum length"},
        K.CONTEXT_OVERFLOW,
    ),
    (429, {"message": "Too many requests, please wait before trying again."}, K.RATE_LIMITED),
    (403, {"message": "The security token included in the request is invalid."}, K.AUTH),
    (503, {"message": "Bedrock is unable to process your request."}, K.UNAVAILABLE),
    (424, {"message": "The model could not process it."}, K.UNAVAILABLE),
]

HOSTS: list[Row] = [
    # DeepSeek
    (402, error("Insufficient Balance", "unknown_error", "invalid_request_error"), K.QUOTA_EXHAUSTED),
    (
        400,
        error(
            "This model's maximum context length is 131072 tokens. However, you requested 900000 tokens (899000 in"
            " the messages, 1000 in the completion).",
            "invalid_request_error",
            "invalid_request_error",
        ),
        K.CONTEXT_OVERFLOW,
    ),
    (503, error("Service is too busy.", "service_unavailable_error"), K.OVERLOADED),
    (401, error("Authentication Fails (no such user)", "authentication_error", "invalid_request_error"), K.AUTH),
    # vLLM
    (400, {"object": "error", "message": "maximum context length is 4096 tokens", "code": 400}, K.CONTEXT_OVERFLOW),
    (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError"}, K.MODEL_NOT_FOUND),
    # OpenRouter
    (402, error("Insufficient credits", code=402), K.QUOTA_EXHAUSTED),
    (
        403,
        error("x requires moderation on y. Your input was flagged", code=403, metadata={"reasons": ["violence"]}),
        K.CONTENT_FILTERED,
    ),
    (503, error("No instances available for this model", code=503), K.UNAVAILABLE),
    (408, error("Timeout", code=408), K.TIMEOUT_TTFT),
    (400, error("This endpoint's maximum context length is 8192 tokens.", code=400), K.CONTEXT_OVERFLOW),
    (502, error("Provider returned error", code=502, metadata={"provider_name": "x"}), K.UNAVAILABLE),
    # Perplexity, Groq, Cerebras
    (400, error("x", "too_many_prompt_tokens", 400), K.CONTEXT_OVERFLOW),
    (
        413,
        error("Request too large for model `x` on tokens per minute (TPM)", "tokens", "rate_limit_exceeded"),
        K.CONTEXT_OVERFLOW,
    ),
    (400, error("Failed to call a function.", code="tool_use_failed", failed_generation="<f>"), K.SCHEMA_INVALID),
    (400, error("The model `x` has been decommissioned", code="model_decommissioned"), K.MODEL_NOT_FOUND),
    (498, error("Flex tier capacity exceeded", code="capacity_exceeded"), K.OVERLOADED),
    (
        400,
        {
            "message": "Please reduce the length of the messages or completion. Current length is 9000 while limit is"
            " 8192",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        K.CONTEXT_OVERFLOW,
    ),
    (400, {"message": "Current length is 9000 while limit is 8192"}, K.CONTEXT_OVERFLOW),
    # Ollama, llama.cpp
    (400, {"error": "prompt too long; exceeded max context length by 12 tokens"}, K.CONTEXT_OVERFLOW),
    (404, {"error": "model 'x' not found"}, K.MODEL_NOT_FOUND),
    (
        400,
        error(
            "the request exceeds the available context size",
            "exceed_context_size_error",
            400,
            n_prompt_tokens=9,
            n_ctx=8,
        ),
        K.CONTEXT_OVERFLOW,
    ),
    (503, error("Loading model", "unavailable_error", 503), K.UNAVAILABLE),
]

VENDORS = {
    "openai": OPENAI,
    "azure": AZURE,
    "mistral": MISTRAL,
    "cohere": COHERE,
    "xai": XAI,
    "qwen": QWEN,
    "bedrock": BEDROCK,
    "hosts": HOSTS,
}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(*row, id=f"{vendor}-{number}-{row[2].value}")
        for vendor, rows in VENDORS.items()
        for number, row in enumerate(rows)
    ],
)
def test_what_a_vendor_means(status: int, body: Any, expected: K) -> None:
    found = failure(status, body)
    assert found.kind is expected
    assert found.status == status


@pytest.mark.parametrize(
    ("status", "named", "expected"),
    [
        (429, "ThrottlingException", K.RATE_LIMITED),
        (400, "ThrottlingException", K.RATE_LIMITED),
        (400, "ServiceQuotaExceededException", K.QUOTA_EXHAUSTED),
        (429, "ModelNotReadyException", K.OVERLOADED),
        (503, "ServiceUnavailableException", K.OVERLOADED),
        (408, "ModelTimeoutException", K.TIMEOUT_TTFT),
        (424, "ModelErrorException", K.UNAVAILABLE),
        (424, "ModelStreamErrorException", K.UNAVAILABLE),
        (403, "UnrecognizedClientException", K.AUTH),
        (403, "ExpiredTokenException", K.AUTH),
        (403, "AccessDeniedException", K.AUTH),
        (404, "ResourceNotFoundException", K.MODEL_NOT_FOUND),
        (400, "ValidationException", K.INVALID_REQUEST),
    ],
)
def test_bedrock_names_its_errors_in_a_header(status: int, named: str, expected: K) -> None:
    for told in (named, f"{named}:{DOC}"):
        found = failure(status, {"message": "Said so."}, {AWS: told})
        assert (found.kind, found.code) == (expected, named)


def test_a_header_does_not_outweigh_the_words_of_what_is_only_invalid() -> None:
    body = {"message": "Input is too long for requested model."}
    assert failure(400, body, {AWS: f"ValidationException:{DOC}"}).kind is K.CONTEXT_OVERFLOW


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "42"}, 42.0),
        ({"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "3600.5"}, 3600.5),
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "12.5"}, 12.5),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "17"}, 17.0),
        ({"ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "44"}, 44.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1754667660000"}, 60.0),
        ({"retry-after": "20", "retry-after-ms": "20500"}, 20.5),
        ({"retry-after": "Fri, 08 Aug 2025 15:41:00 GMT"}, 60.0),
    ],
)
def test_how_long_a_vendor_asks_to_wait(headers: dict[str, str], expected: float) -> None:
    assert failure(429, error("busy"), headers).retry_after == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Please retry in 48.9s.", 48.9),
        ("Please retry in 10h17m5.5s.", 37025.5),
        ("Please try again in 350ms. Visit our site.", 0.35),
        ("Rate limit is exceeded. Try again in 20 seconds.", 20.0),
        ("Please retry after 6 seconds.", 6.0),
        ("Please retry after 1 minute.", 60.0),
        ("Please retry in 2 hours 3 mins.", 7380.0),
        ("Please retry in 500 milliseconds.", 0.5),
        ("Please retry in 3 moons.", None),
        ("Please retry after 429.", None),
    ],
)
def test_how_long_a_vendor_says_says_in_words(message: str, expected: float | None) -> None:
    wait = failure(429, error(message)).retry_after
    assert wait == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error("Provider returned error", code=429), K.RATE_LIMITED),
        (error("Overloaded", "overloaded_error"), K.OVERLOADED),
        (error("boom", "server_error", 500), K.UNAVAILABLE),
        (claude("overloaded_error", "Overloaded"), K.OVERLOADED),
    ],
)
def test_an_error_that_comes_with_status_200(body: dict[str, Any], expected: K) -> None:
    for dialect in ("openai_chat", "anthropic"):
        last = DIALECTS[dialect].answer(json.dumps(body).encode())[-1]
        assert isinstance(last, Broken)
        assert last.failure.kind is expected
