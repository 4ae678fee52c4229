"""OpenAI Chat Completions, the answer side: what is left of a whole answer, beside what its events say.

Rule of this module: events and what is left make the answer again, by `told`. What is left is what would be told
otherwise without it, so that nothing an answer has is missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.openai_chat.told import Telling
from policyroute.dialects.shapes import items, obj
from policyroute.events import Finished, OtherContent, ReasoningDelta, Started, StreamEvent, ToolCallDelta, Usage


def keep(answer: dict[str, Any], events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """The events, each with what is left of what it says."""
    found = [event for event in events if not isinstance(event, Started)]
    given = {_index(choice): choice for choice in map(obj, items(answer.get("choices")))}
    for event in found:
        _mark(event, obj(given.get(getattr(event, "choice", 0), {}).get("message")))
    telling = Telling()
    for event in found:
        telling.add(event)
    told = telling.body()
    choices = {choice["index"]: choice for choice in told["choices"]}
    alike = list(given) == list(choices) and len(given) == len(items(answer.get("choices")))
    for event in found:
        if isinstance(event, Finished) and alike:
            event.extra = _of_choice(given[event.choice], choices[event.choice], _calls(found, event.choice))
        elif isinstance(event, Usage) and isinstance(answer.get("usage"), dict):
            event.extra = _left(answer["usage"], told["usage"])
    started = Started(str(answer.get("id")), str(answer.get("model")))
    plain = {"id": started.id, "model": started.model, "object": "chat.completion"}
    mapped = (["choices"] if alike else []) + (["usage"] if isinstance(answer.get("usage"), dict) else [])
    same = {name: answer[name] for name in mapped if name in told}
    # When it was made is told by the frame, where the answer does not say.
    started.extra = _left(answer, told | same | plain | {"created": ABSENT})
    return [started, *found]


def _index(choice: dict[str, Any]) -> int:
    index: Any = choice.get("index")
    return index if index.__class__ is int else 0


def _mark(event: StreamEvent, message: dict[str, Any]) -> None:
    """What makes `told` tell it as this dialect's own."""
    if isinstance(event, ToolCallDelta):
        event.extra = {}
    elif isinstance(event, OtherContent):
        event.raw = message.get(event.kind)
    elif isinstance(event, ReasoningDelta) and message.get("reasoning") == event.text:
        event.extra = {"reasoning_content": ABSENT}


def _calls(events: Iterable[StreamEvent], choice: int) -> list[ToolCallDelta]:
    """The first event of each call."""
    found: dict[int, ToolCallDelta] = {}
    for event in events:
        if isinstance(event, ToolCallDelta) and event.choice == choice:
            found.setdefault(event.index, event)
    return list(found.values())


def _of_choice(given: dict[str, Any], told: dict[str, Any], calls: list[ToolCallDelta]) -> dict[str, Any]:
    """What is left of a choice; what is left of its calls is given to them."""
    message, said = given.get("message"), told["message"]
    if not isinstance(message, dict):
        return _left(given, told)
    raw = items(obj(message).get("tool_calls"))
    if len(raw) == len(calls) > 0 and all(isinstance(call, dict) for call in raw):
        for event, call, spoken in zip(calls, raw, said["tool_calls"], strict=True):
            event.extra = _left(call, spoken, "function")
        said = said | {"tool_calls": raw}
    return _left(given, told | {"message": said}, "message")


def _left(given: dict[str, Any], told: dict[str, Any], holder: str = "") -> dict[str, Any]:
    """What makes `given` of what is told; of the object under the name `holder` only what makes that."""
    found: dict[str, Any] = {name: ABSENT for name in told if name not in given}
    for name, value in given.items():
        if name == holder and isinstance(value, dict) and isinstance(told.get(name), dict):
            inner = _left(obj(value), told[name])
            if inner:
                found[name] = inner
        elif not (name in told and _same(told[name], value)):
            found[name] = value
    return found


def _same(one: Any, other: Any) -> bool:
    """As JSON: `1` is neither `true` nor `1.0`."""
    return one == other and type(one) is type(other)
