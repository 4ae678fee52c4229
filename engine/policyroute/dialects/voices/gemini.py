"""To clients of Gemini's dialect, in the shapes the `google-genai` SDK expects.

Rule of this module: the SDK picks its exception by HTTP status and shows `status` and `message`; `code` is the HTTP
status there, so the stable code is the `reason` of an `ErrorInfo`, as google.rpc has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from policyroute.dialects.trouble import ClientError
from policyroute.dialects.voices.voice import extras, named

_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RPC = "type.googleapis.com/google.rpc."


class GeminiVoice:
    """To clients of `gemini`. Has no state."""

    def error_body(self, error: ClientError) -> bytes:
        details: list[dict[str, Any]] = [
            {"@type": f"{_RPC}ErrorInfo", "reason": error.code, "domain": "policyroute"},
        ]
        if error.retry_after is not None:
            details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{error.retry_after:.3f}s"})
        if error.param:
            at = {"field": error.param, "description": error.message}
            details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [at]})
        told = {
            "code": error.status,
            "message": error.message,
            "status": named(error.status, _STATUSES, "INVALID_ARGUMENT", "INTERNAL"),
            "details": details,
            "policyroute": extras(error),
        }
        return orjson.dumps({"error": told})

    def error_event(self, error: ClientError) -> bytes:
        return b"data: " + self.error_body(error) + b"\n\n"

    def models(self, names: Iterable[str], created: int = 0) -> bytes:
        return orjson.dumps({"models": [_row(name) for name in names]})

    def model(self, name: str, created: int = 0) -> bytes:
        return orjson.dumps(_row(name))

    def token_count(self, tokens: int) -> bytes:
        return orjson.dumps({"totalTokens": tokens})


def _row(name: str) -> dict[str, Any]:
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": ["generateContent"]}
