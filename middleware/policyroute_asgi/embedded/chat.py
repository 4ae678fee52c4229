"""The embedded provider's answers in the OpenAI Chat shape: a JSON body, or the events of a stream.

Rule of this module: values to bytes. What goes wrong, and when, is decided in `provider`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from policyroute import ModelRequest
from policyroute.dialects.shapes import obj
from policyroute_asgi.embedded.answer import Answer

CREATED: Final = 1_767_225_600
"""Epoch seconds of every answer: the same request gets the same bytes."""
DONE: Final = b"data: [DONE]\n\n"


def body(request: ModelRequest, answer: Answer) -> bytes:
    """A whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if answer.field == "arguments":
        message["tool_calls"] = [_call(answer, answer.said)]
    else:
        message[answer.field] = answer.said
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
    return orjson.dumps(_frame(request, answer, "chat.completion", [choice]) | {"usage": _usage(request, answer)})


def opening(request: ModelRequest, answer: Answer) -> bytes:
    """The first event of a stream: who speaks, and no word yet."""
    return _chunk(request, answer, {"role": "assistant", "content": None if answer.tool else ""})


def words(request: ModelRequest, answer: Answer) -> Iterator[bytes]:
    """One event for each word."""
    for number, piece in enumerate(answer.pieces):
        if answer.field != "arguments":
            yield _chunk(request, answer, {answer.field: piece})
        elif number == 0:
            yield _chunk(request, answer, {"tool_calls": [{"index": 0, **_call(answer, piece)}]})
        else:
            yield _chunk(request, answer, {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})


def closing(request: ModelRequest, answer: Answer) -> bytes:
    """The finish, and the usage if it was asked for."""
    finish = _chunk(request, answer, {}, answer.finish)
    if not obj(request.data.get("stream_options")).get("include_usage"):
        return finish
    return finish + _event(_frame(request, answer, "chat.completion.chunk", []) | {"usage": _usage(request, answer)})


def error(message: str, type: str, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type, "param": None, "code": code}})


def _chunk(request: ModelRequest, answer: Answer, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event(_frame(request, answer, "chat.completion.chunk", [choice]))


def _frame(request: ModelRequest, answer: Answer, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": CREATED,
        "model": request.model,
        "choices": choices,
    }


def _call(answer: Answer, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_{answer.id[:16]}",
        "type": "function",
        "function": {"name": answer.tool, "arguments": arguments},
    }


def _usage(request: ModelRequest, answer: Answer) -> dict[str, int]:
    prompt, completion = request.input_tokens, max(1, len(answer.pieces))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
