"""To clients of Anthropic's dialect, in the shapes the `anthropic` SDK expects.

Rule of this module: the SDK picks its exception by HTTP status, and shows `error.type` and, as `error_code`, what
stands in `error.details`. Inside a stream it raises for an event named `error` and overlooks any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from policyroute.dialects.trouble import ClientError
from policyroute.dialects.voices.voice import extras, named

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicVoice:
    """To clients of `anthropic`. Has no state."""

    def error_body(self, error: ClientError) -> bytes:
        details = {"error_code": error.code} | ({"param": error.param} if error.param else {})
        told = {
            "type": named(error.status, _TYPES, "invalid_request_error", "api_error"),
            "message": error.message,
            "details": details,
            "policyroute": extras(error),
        }
        return orjson.dumps({"type": "error", "error": told, "request_id": error.decision_id or None})

    def error_event(self, error: ClientError) -> bytes:
        return b"event: error\ndata: " + self.error_body(error) + b"\n\n"

    def models(self, names: Iterable[str], created: int = 0) -> bytes:
        rows = [_row(name, created) for name in names]
        ends = {"first_id": rows[0]["id"] if rows else None, "last_id": rows[-1]["id"] if rows else None}
        return orjson.dumps({"data": rows, "has_more": False, **ends})

    def model(self, name: str, created: int = 0) -> bytes:
        return orjson.dumps(_row(name, created))

    def token_count(self, tokens: int) -> bytes:
        return orjson.dumps({"input_tokens": tokens})


def _row(name: str, created: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": at}
