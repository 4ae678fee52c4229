"""The embedded provider's answers in Anthropic's dialect: messages, counts, and its errors.

Rule of this module: values to bytes. A refusal has no words here, only a reason to stop.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from policyroute import ModelRequest, Operation
from policyroute_asgi.embedded.answer import Answer, answer
from policyroute_asgi.embedded.behaviour import Behaviour
from policyroute_asgi.embedded.wire import Speech

_ERRORS: Final[dict[str, tuple[int, str, str]]] = {
    "throttle": (429, "rate_limit_error", "This request would exceed your rate limit. Please try again later."),
    "quota": (402, "billing_error", "Your credit balance is too low to access the API."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "500": (500, "api_error", "Internal server error"),
    "500-once": (500, "api_error", "Internal server error"),
    "auth": (401, "authentication_error", "invalid x-api-key"),
    "not-found": (404, "not_found_error", "model: {model}"),
    "context-overflow": (400, "invalid_request_error", "prompt is too long: {tokens} tokens"),
}


class AnthropicErrors:
    """How errors are put, whatever was asked for."""

    dialect: str = "anthropic"

    def failure(self, name: str, request: ModelRequest, key: str) -> tuple[int, bytes]:
        status, kind, message = _ERRORS[name]
        return status, _error(kind, message.format(model=request.model, tokens=request.input_tokens))

    def complaint(self, message: str, code: str) -> bytes:
        return _error("invalid_request_error", message)


class Messages(AnthropicErrors):
    """`POST /messages`."""

    operation: Operation = Operation.CHAT

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        said = answer(request, behaviour)
        content: list[dict[str, Any]] = []
        if said.tool:
            content = [_tool(said, number, _parsed(said.said)) for number in range(said.calls)]
        elif said.said and said.field != "refusal":
            content = [{"type": "text", "text": said.said}]
        return orjson.dumps(_message(request, said, content, said.tokens) | _ending(said))

    def speech(self, request: ModelRequest, behaviour: Behaviour) -> Speech:
        said = answer(request, behaviour)
        opening = _event("message_start", message=_message(request, said, [], 1))
        words: list[bytes] = []
        closing = b""
        if said.field != "refusal":
            opening += _opened(said, 0) + _event("ping")
            words = _deltas(said, 0)
            closing = _event("content_block_stop", index=0)
            for number in range(1, said.calls):
                words += [closing + _opened(said, number), *_deltas(said, number)]
                closing = _event("content_block_stop", index=number)
        closing += _event("message_delta", delta=_ending(said), usage={"output_tokens": said.tokens})
        return Speech(opening, words, closing, _event("message_stop"))


class CountTokens(AnthropicErrors):
    """`POST /messages/count_tokens`."""

    operation: Operation = Operation.COUNT_TOKENS

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        return orjson.dumps({} if behaviour.name == "empty" else {"input_tokens": request.input_tokens})


def _message(request: ModelRequest, said: Answer, content: list[dict[str, Any]], tokens: int) -> dict[str, Any]:
    usage = {
        "input_tokens": request.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens,
    }
    return {
        "id": f"msg_{said.id}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _ending(said: Answer) -> dict[str, Any]:
    if said.cut:
        return {"stop_reason": "max_tokens", "stop_sequence": None}
    reason = "refusal" if said.field == "refusal" else "tool_use" if said.tool else "end_turn"
    return {"stop_reason": reason, "stop_sequence": None}


def _opened(said: Answer, number: int) -> bytes:
    block = _tool(said, number, {}) if said.tool else {"type": "text", "text": ""}
    return _event("content_block_start", index=number, content_block=block)


def _deltas(said: Answer, number: int) -> list[bytes]:
    return [_event("content_block_delta", index=number, delta=_delta(said, piece)) for piece in said.pieces]


def _tool(said: Answer, number: int, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{said.call_id(number)}", "name": said.tool, "input": arguments}


def _delta(said: Answer, piece: str) -> dict[str, Any]:
    if said.tool:
        return {"type": "input_json_delta", "partial_json": piece}
    return {"type": "text_delta", "text": piece}


def _parsed(arguments: str) -> Any:
    """Arguments stand as JSON in a whole answer: those that broke off are none."""
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}


def _error(kind: str, message: str) -> bytes:
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_embedded"})


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))
