"""OpenAI Responses: a turn that was read from it as the items it was.

Rule of this module: the reverse of `said`, and nothing else. A turn that was put together of several is several items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.extras import changed
from policyroute.dialects.openai_responses import parts
from policyroute.dialects.openai_responses.parts import Item
from policyroute.dialects.openai_responses.said import CUSTOM_CALL, CUSTOM_RESULT
from policyroute.dialects.shapes import without
from policyroute.request.prompt import Call, Part, Result, Thought, Turn


def items(turn: Turn) -> Iterator[Any]:
    spoken: list[Part] = []
    for part in turn.parts:
        if isinstance(part, Item | Call | Result | Thought):
            if spoken:
                yield _message(turn, spoken)
            yield _item(part)
            spoken = []
        else:
            spoken.append(part)
    if spoken or not turn.parts:
        yield _message(turn, spoken)


def _message(turn: Turn, spoken: list[Part]) -> dict[str, Any]:
    """What was left of a content that said nothing gives way to one that does."""
    said = {"type": "message", "role": turn.role, "content": parts.again(spoken, parts.usual(turn.role))}
    return changed(said, without(turn.extra, "content") if turn.extra and spoken else turn.extra)


def _item(part: Item | Call | Result | Thought) -> Any:
    match part:
        case Call(call_id, name, arguments, extra):
            custom = extra is not None and extra.get(CUSTOM_CALL) is ABSENT
            kind, holder = (CUSTOM_CALL, "input") if custom else ("function_call", "arguments")
            return changed({"type": kind, "call_id": call_id, "name": name, holder: arguments}, extra)
        case Result(call_id, content):
            custom = part.extra is not None and part.extra.get(CUSTOM_RESULT) is ABSENT
            kind = CUSTOM_RESULT if custom else "function_call_output"
            said = parts.again(content, parts.usual("user"))
            return changed({"type": kind, "call_id": call_id, "output": said}, part.extra)
        case Thought(said, extra):
            return changed({"type": "reasoning", "summary": [{"type": "summary_text", "text": said}]}, extra)
        case Item(_, raw):
            return raw
