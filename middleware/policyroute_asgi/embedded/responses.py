"""The embedded provider's answers in OpenAI's newer dialect: responses.

Rule of this module: values to bytes. Nothing is kept, so nothing is looked up that a request refers to.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import orjson

from policyroute import ModelRequest, Operation
from policyroute_asgi.embedded.answer import Answer, answer
from policyroute_asgi.embedded.behaviour import Behaviour
from policyroute_asgi.embedded.openai import OpenAIErrors
from policyroute_asgi.embedded.wire import CREATED, Speech

_ECHOED: Final = (
    "instructions metadata temperature top_p max_output_tokens text reasoning store background truncation".split()
)


class Responses(OpenAIErrors):
    """`POST /responses`."""

    dialect: str = "openai_responses"
    operation: Operation = Operation.CHAT

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        said = answer(request, behaviour)
        return orjson.dumps(_ended(request, said))

    def speech(self, request: ModelRequest, behaviour: Behaviour) -> Speech:
        said = answer(request, behaviour)
        told = _Telling()
        begun = _response(request, said, "in_progress")
        opening = told.event("response.created", response=begun) + told.event("response.in_progress", response=begun)
        words: list[bytes] = []
        closing = b""
        for number in range(said.calls):
            begins, spoken, ends = _output(said, number, told)
            if number:
                spoken = [closing + begins + spoken[0], *spoken[1:]] if spoken else [closing + begins]
            else:
                opening += begins
            words += spoken
            closing = ends
        ended = _ended(request, said)
        return Speech(opening, words, closing, told.event(f"response.{ended['status']}", response=ended))


_NAMES: Final = {
    "content": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "arguments": ("function_call_arguments", "arguments"),
}
"""Where the text goes -> what its events are called, and where the last of them has it."""


class _Telling:
    """The events of one stream are numbered."""

    def __init__(self) -> None:
        self._numbers = count()

    def event(self, kind: str, **fields: Any) -> bytes:
        told = {"type": kind, "sequence_number": next(self._numbers), **fields}
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(told))


def _output(said: Answer, number: int, told: _Telling) -> tuple[bytes, list[bytes], bytes]:
    """The events of one item: how it begins, its words, how it ends."""
    place: dict[str, Any] = {"item_id": _id(said, number), "output_index": number}
    begins = told.event("response.output_item.added", output_index=number, item=_item(said, number, "", "in_progress"))
    if not said.tool:
        place["content_index"] = 0
        begins += told.event("response.content_part.added", **place, part=_part(said, ""))
    kind, field = _NAMES[said.field]
    more: dict[str, Any] = {"logprobs": []} if said.field == "content" else {}
    words = [told.event(f"response.{kind}.delta", **place, delta=piece, **more) for piece in said.pieces]
    ends = told.event(f"response.{kind}.done", **place, **{field: said.said}, **more)
    if not said.tool:
        ends += told.event("response.content_part.done", **place, part=_part(said, said.said))
    item = _item(said, number, said.said, _status(said))
    return begins, words, ends + told.event("response.output_item.done", output_index=number, item=item)


def _status(said: Answer) -> str:
    return "incomplete" if said.cut else "completed"


def _ended(request: ModelRequest, said: Answer) -> dict[str, Any]:
    usage = {
        "input_tokens": request.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": said.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": request.input_tokens + said.tokens,
    }
    status = _status(said)
    output = [_item(said, number, said.said, status) for number in range(said.calls)] if said.said else []
    more: dict[str, Any] = {"incomplete_details": {"reason": "max_output_tokens"}} if said.cut else {}
    return _response(request, said, status) | {"output": output, "usage": usage, **more}


def _response(request: ModelRequest, said: Answer, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{said.id}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": request.data.get("parallel_tool_calls", True),
        "tool_choice": request.data.get("tool_choice", "auto"),
        "tools": request.data.get("tools", []),
        "usage": None,
        **{name: request.data.get(name) for name in _ECHOED},
    }


def _id(said: Answer, number: int) -> str:
    return f"fc_{said.id}{number or ''}" if said.tool else f"msg_{said.id}"


def _item(said: Answer, number: int, text: str, status: str) -> dict[str, Any]:
    if said.tool:
        call = {"call_id": f"call_{said.call_id(number)}", "name": said.tool, "arguments": text}
        return {"type": "function_call", "id": _id(said, number), "status": status, **call}
    content = [_part(said, text)] if text else []
    return {"type": "message", "id": _id(said, number), "status": status, "role": "assistant", "content": content}


def _part(said: Answer, text: str) -> dict[str, Any]:
    if said.field == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
