"""The embedded provider's answers in Gemini's dialect: contents, streamed and whole, and its errors.

Rule of this module: values to bytes. A refusal has no words here, only a reason to stop; a call that broke off in the
middle is one that the API calls malformed.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from policyroute import ModelRequest, Operation
from policyroute_asgi.embedded.answer import Answer, answer
from policyroute_asgi.embedded.behaviour import Behaviour
from policyroute_asgi.embedded.wire import Speech

_RPC: Final = "type.googleapis.com/google.rpc."
_QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."
_ERRORS: Final[dict[str, tuple[int, str, str]]] = {
    "throttle": (429, "RESOURCE_EXHAUSTED", _QUOTA),
    "quota": (429, "RESOURCE_EXHAUSTED", _QUOTA),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "500": (500, "INTERNAL", "An internal error has occurred."),
    "500-once": (500, "INTERNAL", "An internal error has occurred."),
    "auth": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "not-found": (404, "NOT_FOUND", "models/{model} is not found for API version v1beta."),
    "context-overflow": (
        400,
        "INVALID_ARGUMENT",
        "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({most}).",
    ),
}


class Contents:
    """`POST /models/{model}:generateContent` and `:streamGenerateContent`."""

    dialect: str = "gemini"
    operation: Operation = Operation.CHAT

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        said = answer(request, behaviour)
        parts = _calls(said) if said.tool else [{"text": said.said}] if _has_words(said) else []
        return orjson.dumps(_response(request, said, parts, _finish(said)))

    def speech(self, request: ModelRequest, behaviour: Behaviour) -> Speech:
        said = answer(request, behaviour)
        opening = _event(_response(request, said, [{"text": ""}]))
        words: list[bytes] = []
        if said.tool and _calls(said):
            words = [_event(_response(request, said, [part])) for part in _calls(said)]
        elif _has_words(said):
            words = [_event(_response(request, said, [{"text": piece}])) for piece in said.pieces]
        return Speech(opening, words, _event(_response(request, said, [{"text": ""}], _finish(said))), b"")

    def failure(self, name: str, request: ModelRequest, key: str) -> tuple[int, bytes]:
        status, kind, message = _ERRORS[name]
        most = Behaviour.of(request.model).number
        told = message.format(model=request.model, tokens=request.input_tokens, most=int(most))
        return status, _error(status, kind, told, _details(name, most))

    def complaint(self, message: str, code: str) -> bytes:
        return _error(400, "INVALID_ARGUMENT", message, [])


class Counts(Contents):
    """`POST /models/{model}:countTokens`."""

    operation: Operation = Operation.COUNT_TOKENS

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        return orjson.dumps({} if behaviour.name == "empty" else {"totalTokens": request.input_tokens})


def _details(name: str, number: float) -> list[dict[str, Any]]:
    if name == "auth":
        return [{"@type": f"{_RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]
    if name not in {"throttle", "quota"}:
        return []
    limit = "GenerateRequestsPerDayPerProjectPerModel" if name == "quota" else "GenerateRequestsPerMinutePerProject"
    delay = "36000s" if name == "quota" else f"{number:g}s"
    return [
        {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": limit}]},
        {"@type": f"{_RPC}RetryInfo", "retryDelay": delay},
    ]


def _has_words(said: Answer) -> bool:
    return bool(said.said) and said.field == "content"


def _finish(said: Answer) -> str:
    if said.field == "refusal":
        return "SAFETY"
    if said.cut:
        return "MAX_TOKENS"
    return "MALFORMED_FUNCTION_CALL" if said.tool and not _calls(said) else "STOP"


def _calls(said: Answer) -> list[dict[str, Any]]:
    """Calls stand there whole, or not at all."""
    try:
        arguments = orjson.loads(said.said)
    except orjson.JSONDecodeError:
        return []
    calls = (f"call_{said.call_id(number)}" for number in range(said.calls))
    return [{"functionCall": {"id": id, "name": said.tool, "args": arguments}} for id in calls]


def _response(
    request: ModelRequest, said: Answer, parts: list[dict[str, Any]], finish: str | None = None
) -> dict[str, Any]:
    """A stream's count of the answer is right at its end."""
    tokens = said.tokens if finish else 1
    candidate: dict[str, Any] = {"content": {"role": "model", **({"parts": parts} if parts else {})}, "index": 0}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": {
            "promptTokenCount": request.input_tokens,
            "candidatesTokenCount": tokens,
            "totalTokenCount": request.input_tokens + tokens,
        },
        "modelVersion": request.model,
        "responseId": said.id,
    }


def _error(status: int, kind: str, message: str, details: list[dict[str, Any]]) -> bytes:
    told = {"code": status, "message": message, "status": kind, "details": details}
    return orjson.dumps({"error": {name: value for name, value in told.items() if value != []}})


def _event(response: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(response) + b"\r\n\r\n"
