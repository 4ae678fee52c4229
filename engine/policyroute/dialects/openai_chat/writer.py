"""OpenAI Chat Completions: what we say ourselves, in the shapes the `openai` SDK expects.

Rule of this module: the SDK picks its exception by HTTP status and shows `message`, `type`, `code` and `param`; what we
add stands beside them under `policyroute`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from policyroute.dialects.trouble import ClientError

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
_SERVER = 500


def error_body(error: ClientError) -> bytes:
    """The body of an HTTP error."""
    return orjson.dumps({"error": _error(error)})


def error_event(error: ClientError) -> bytes:
    """An error inside a stream that has begun. No `[DONE]` may follow: the answer is not complete."""
    return b"data: " + error_body(error) + b"\n\n"


def models(names: Iterable[str], created: int = 0) -> bytes:
    """The body of `GET /models`: names that a client may ask for."""
    return orjson.dumps({"object": "list", "data": [_row(name, created) for name in names]})


def model(name: str, created: int = 0) -> bytes:
    """The body of `GET /models/{name}`."""
    return orjson.dumps(_row(name, created))


def _row(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "policyroute"}


def _error(error: ClientError) -> dict[str, Any]:
    ours: dict[str, Any] = {"retry": error.retry}
    if error.retry_after is not None:
        ours["retry_after"] = round(error.retry_after, 3)
    if error.decision_id:
        ours["decision_id"] = error.decision_id
    return {
        "message": error.message,
        "type": _type(error.status),
        "param": error.param,
        "code": error.code,
        "policyroute": ours,
    }


def _type(status: int) -> str:
    return _TYPES.get(status) or ("server_error" if status >= _SERVER else "invalid_request_error")
