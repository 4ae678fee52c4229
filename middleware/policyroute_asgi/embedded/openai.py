"""The embedded provider's answers in OpenAI's dialect: chat completions, embeddings, and its errors.

Rule of this module: values to bytes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Iterator
from typing import Any, Final

import orjson

from policyroute import ModelRequest, Operation
from policyroute.dialects.shapes import count, items, obj
from policyroute_asgi.embedded.answer import Answer, answer
from policyroute_asgi.embedded.behaviour import Behaviour
from policyroute_asgi.embedded.wire import CREATED, Speech

_DONE: Final = b"data: [DONE]\n\n"
_FAILED: Final = (500, "The server had an error while processing your request.", "server_error", None)
_ERRORS: Final[dict[str, tuple[int, str, str, str | None]]] = {
    "throttle": (429, "Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    "quota": (429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "overloaded": (503, "The engine is currently overloaded.", "server_error", "server_is_overloaded"),
    "500": _FAILED,
    "500-once": _FAILED,
    "auth": (401, "Incorrect API key provided: {key}.", "invalid_request_error", "invalid_api_key"),
    "not-found": (404, "The model does not exist.", "invalid_request_error", "model_not_found"),
    "context-overflow": (
        400,
        "Your input exceeds the context window of this model.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
}
_DIMENSIONS: Final = 16
_MOST_DIMENSIONS: Final = 4096


class OpenAIErrors:
    """How errors are put, whatever was asked for."""

    dialect: str = "openai_chat"

    def failure(self, name: str, request: ModelRequest, key: str) -> tuple[int, bytes]:
        status, message, kind, code = _ERRORS[name]
        return status, _error(message.format(key=f"{key[:8]}****{key[-4:]}"), kind, code)

    def complaint(self, message: str, code: str) -> bytes:
        return _error(message, "invalid_request_error", code)


class Chat(OpenAIErrors):
    """`POST /chat/completions`."""

    operation: Operation = Operation.CHAT

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        said = answer(request, behaviour)
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        if said.field == "arguments":
            message["tool_calls"] = [_call(said, number, said.said) for number in range(said.calls)]
        else:
            message[said.field] = said.said
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        return orjson.dumps(_frame(request, said, "chat.completion", [choice]) | {"usage": _usage(request, said)})

    def speech(self, request: ModelRequest, behaviour: Behaviour) -> Speech:
        said = answer(request, behaviour)
        opening = _chunk(request, said, {"role": "assistant", "content": None if said.tool else ""})
        closing = _chunk(request, said, {}, _finish(said))
        if obj(request.data.get("stream_options")).get("include_usage"):
            closing += _event(_frame(request, said, "chat.completion.chunk", []) | {"usage": _usage(request, said)})
        return Speech(opening, _words(request, said), closing, _DONE)


class Embeddings(OpenAIErrors):
    """`POST /embeddings`. The same text has the same vector, of length one, in every request for the same model."""

    operation: Operation = Operation.EMBEDDINGS

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        given = request.data["input"]
        inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else items(given)
        dropped = {"empty": len(inputs), "broken-schema": 1}.get(behaviour.name, 0)
        size = min(count(request.data.get("dimensions")) or _DIMENSIONS, _MOST_DIMENSIONS)
        rows = [
            {"object": "embedding", "index": index, "embedding": _vector(request, each, size)}
            for index, each in enumerate(inputs[: len(inputs) - dropped])
        ]
        usage = {"prompt_tokens": request.input_tokens, "total_tokens": request.input_tokens}
        return orjson.dumps({"object": "list", "data": rows, "model": request.model, "usage": usage})


def _vector(request: ModelRequest, given: Any, size: int) -> list[float] | str:
    seed = f"{request.model}\0{given}".encode("utf-8", "surrogatepass")
    raw = struct.unpack(f"<{size}h", hashlib.shake_128(seed).digest(2 * size))
    length = math.sqrt(sum(each * each for each in raw)) or 1.0
    numbers = [each / length for each in raw]
    if request.data.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode()
    return numbers


def _finish(said: Answer) -> str:
    if said.cut:
        return "length"
    return "tool_calls" if said.tool else "stop"


def _words(request: ModelRequest, said: Answer) -> Iterator[bytes]:
    if said.field != "arguments":
        yield from (_chunk(request, said, {said.field: piece}) for piece in said.pieces)
        return
    for index in range(said.calls):
        for number, piece in enumerate(said.pieces):
            call = {"function": {"arguments": piece}} if number else _call(said, index, piece)
            yield _chunk(request, said, {"tool_calls": [{"index": index, **call}]})


def _error(message: str, type: str, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type, "param": None, "code": code}})


def _chunk(request: ModelRequest, said: Answer, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event(_frame(request, said, "chat.completion.chunk", [choice]))


def _frame(request: ModelRequest, said: Answer, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{said.id}",
        "object": kind,
        "created": CREATED,
        "model": request.model,
        "choices": choices,
    }


def _call(said: Answer, number: int, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_{said.call_id(number)}",
        "type": "function",
        "function": {"name": said.tool, "arguments": arguments},
    }


def _usage(request: ModelRequest, said: Answer) -> dict[str, int]:
    prompt, completion = request.input_tokens, said.tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
