"""To clients of OpenAI's two dialects, in the shapes the `openai` SDK expects.

Rule of this module: the SDK picks its exception by HTTP status and shows `message`, `type`, `code` and `param`. Inside
a stream it raises for any event with an `error`, whatever its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from policyroute.dialects.trouble import ClientError
from policyroute.dialects.voices.voice import extras, named

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    502: "upstream_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ChatVoice:
    """To clients of `openai_chat`. Has no state."""

    def error_body(self, error: ClientError) -> bytes:
        return orjson.dumps({"error": _error(error)})

    def error_event(self, error: ClientError) -> bytes:
        return b"data: " + self.error_body(error) + b"\n\n"

    def models(self, names: Iterable[str], created: int = 0) -> bytes:
        return orjson.dumps({"object": "list", "data": [_row(name, created) for name in names]})

    def model(self, name: str, created: int = 0) -> bytes:
        return orjson.dumps(_row(name, created))

    def token_count(self, tokens: int) -> bytes:
        return orjson.dumps({"object": "response.input_tokens", "input_tokens": tokens})


class ResponsesVoice(ChatVoice):
    """To clients of `openai_responses`: as to those of `openai_chat`, but for the events of a stream."""

    def error_event(self, error: ClientError) -> bytes:
        """By the API's own book what is wrong stands at the top; its SDK raises for what stands in `error`."""
        body = _error(error)
        told = {"type": "error", "sequence_number": 0, "error": body}
        told |= {name: body[name] for name in ("code", "message", "param")}
        return b"event: error\ndata: " + orjson.dumps(told) + b"\n\n"


def _row(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "policyroute"}


def _error(error: ClientError) -> dict[str, Any]:
    return {
        "message": error.message,
        "type": named(error.status, _TYPES, "invalid_request_error", "server_error"),
        "param": error.param,
        "code": error.code,
        "policyroute": extras(error),
    }
