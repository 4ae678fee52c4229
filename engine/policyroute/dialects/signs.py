"""What providers call their failures: the tables of `errors`.

Rule of this module: data, plus one function that matches whole words. Keys are lower-case.
"""

from __future__ import annotations

import re

from policyroute.failures import FailureKind as K

CODES: dict[str, K] = {
    name: kind
    for kind, names in {
        K.RATE_LIMITED: """rate_limit_exceeded slow_down ratelimitreached rate_limited throttling resource_exhausted
            too_many_requests ramp_limit_exceeded throttling.ratequota throttling.allocationquota
            throttlingexception""",
        K.QUOTA_EXHAUSTED: """insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded
            project_spend_limit_exceeded organization_usage_limit_exceeded billing_hard_limit_reached billing_not_active
            billing_error insufficient_balance arrearage allocationquota.freetieronly quota_exceeded
            enforced_spend_limit_reached contract_spend_limit_reached servicequotaexceededexception""",
        K.OVERLOADED: """server_is_overloaded overloaded_error engine_overloaded capacity_exceeded
            service_unavailable_error modelnotreadyexception serviceunavailableexception""",
        K.CONTEXT_OVERFLOW: """context_length_exceeded exceed_context_size_error too_many_prompt_tokens too_many_tokens
            request_too_large context_window_exceeded""",
        K.AUTH: """invalid_api_key api_key_invalid authentication_error invalid_authentication permission_denied
            permission_error unauthenticated account_deactivated invalid_organization accessdeniedexception
            expiredtokenexception unrecognizedclientexception""",
        K.CONTENT_FILTERED: """content_filter content_policy_violation responsibleaipolicyviolation invalid_prompt
            data_inspection_failed datainspectionfailed bio_policy misalignment_policy_violation
            image_content_policy_violation""",
        K.MODEL_NOT_FOUND: """model_not_found deploymentnotfound model_decommissioned not_found_error invalid_model
            resourcenotfoundexception""",
        K.UNAVAILABLE: "modelerrorexception modelstreamerrorexception",
        K.TIMEOUT_TTFT: "timeout_error deadline_exceeded modeltimeoutexception",
        K.SCHEMA_INVALID: "tool_use_failed json_validate_failed",
        K.INVALID_REQUEST: """unsupported_parameter unsupported_value invalid_function_parameters
            string_above_max_length invalid_image_url invalid_image_format invalid_image invalid_base64_image
            image_too_large image_too_small image_parse_error image_file_too_large image_file_not_found empty_image_file
            unsupported_image_media_type failed_to_download_image previous_response_not_found invalid_value
            missing_required_parameter unknown_parameter""",
    }.items()
    for name in names.split()
}
"""Codes and types that mean one thing wherever they are seen."""

TYPES: dict[str, K] = {
    "rate_limit_error": K.RATE_LIMITED,
    "invalid_request_error": K.INVALID_REQUEST,
    "invalid_argument": K.INVALID_REQUEST,
    "server_error": K.UNAVAILABLE,
    "api_error": K.UNAVAILABLE,
    "internal": K.UNAVAILABLE,
    "unavailable": K.OVERLOADED,
}
"""Types so broad that the status is asked first."""

STATUSES: dict[int, K] = {
    401: K.AUTH,
    402: K.QUOTA_EXHAUSTED,
    403: K.AUTH,
    404: K.MODEL_NOT_FOUND,
    408: K.TIMEOUT_TTFT,
    410: K.MODEL_NOT_FOUND,
    413: K.CONTEXT_OVERFLOW,
    424: K.UNAVAILABLE,
    429: K.RATE_LIMITED,
    498: K.OVERLOADED,
    504: K.TIMEOUT_TTFT,
    522: K.TIMEOUT_CONNECT,
    524: K.TIMEOUT_TTFT,
    529: K.OVERLOADED,
}

BAD_REQUEST_STATUSES = frozenset({400, 403, 404, 413, 422, 429, 500, 503})
"""Statuses that mean several things, so that the words are asked before them."""

_WORDS: tuple[tuple[K, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            K.QUOTA_EXHAUSTED,
            r"\bcredit balance is too low\b|\binsufficient (?:balance|credits?|funds)\b|\bspend(?:ing)? limit\b"
            r"|\bdoesn.t have any credits\b|\bout of call volume quota\b"
            r"|\bspecified api usage limits\b|\bexceeded your current quota\b|\bbilling (?:hard )?limit\b",
        ),
        (
            K.CONTEXT_OVERFLOW,
            r"\bmaximum context length\b|\bcontext (?:window|length)\b.{0,40}\b(?:exceed|limit|large)"
            r"|\bexceed\w*\b.{0,40}\bcontext (?:window|length|limit)|\bmax(?:imum)? context\b"
            r"|\bprompt (?:is )?too long\b|\binput (?:is )?too long\b|\btotal length of all messages is too long\b"
            r"|\binput token count\b.{0,60}\bexceeds\b|\btoken limit reached\b|\brange of input length\b"
            r"|\brequest too large for\b|\bmaximum prompt length\b|\binput tokens exceeded\b"
            r"|\bcurrent length is \d+ while limit is \d+",
        ),
        (K.RATE_LIMITED, r"\bservice tier capacity exceeded\b"),
        (K.OVERLOADED, r"\boverloaded\b|\bat capacity\b|\bcapacity exceeded\b"),
        (K.AUTH, r"\bapi key not valid\b|\b(?:invalid|incorrect) api key\b|\bapi key\b.{0,40}\b(?:is )?invalid\b"),
        (K.MODEL_NOT_FOUND, r"\bmodel\b.{0,120}\b(?:does not exist|not found|deprecated|decommissioned|was removed)\b"),
        (
            K.CONTENT_FILTERED,
            r"\bcontent (?:management|filtering) polic|\bflagged\b.{0,60}\bmoderation\b"
            r"|\bmoderation\b.{0,60}\bflagged\b|\bblocked by\b.{0,40}\bguardrail",
        ),
    )
)
_LONGEST = 2000
_ASKED = re.compile(r"(?i)\blimit:? (\d{1,12}),.{0,80}\brequested:? (\d{1,12})\b")


def words_say(message: str) -> K | None:
    """What the provider's own words say, where structure and status did not."""
    start = message[:_LONGEST]
    return next((kind for kind, pattern in _WORDS if pattern.search(start)), None)


def never_fits(message: str) -> bool:
    """Whether the request alone is more than the limit lets through in a minute: no wait will help it."""
    start = message[:_LONGEST]
    asked = _ASKED.search(start)
    return (asked is not None and int(asked[2]) > int(asked[1])) or "request too large for" in start.lower()
