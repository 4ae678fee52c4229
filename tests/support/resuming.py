"""Streams that are cut after any event and told on by whoever took over, and whether what came of it is one answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from tests.support.telling import Said, said

from policyroute import ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.dialects.sent import events_of
from policyroute.dialects.sent import resumed as going_on
from policyroute.dialects.shapes import items, obj
from policyroute.dialects.sse import Framer
from policyroute.dialects.translation import Frame
from policyroute.events import Broken, StreamEvent, ToolCallDelta

Json = dict[str, Any]

_ASKED: Final[dict[str, tuple[Json, str]]] = {
    "openai_chat": ({"model": "m", "messages": [{"role": "user"}], "stream_options": {"include_usage": True}}, ""),
    "openai_responses": ({"model": "m", "input": "hi"}, ""),
    "anthropic": ({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}, ""),
    "gemini": ({"contents": [{"parts": [{"text": "hi"}]}]}, "/v1beta/models/m:streamGenerateContent"),
}


def frame(dialect: str, id: str = "f1", **more: Any) -> Frame:
    body, path = _ASKED[dialect]
    asked = ModelRequest.read(dialect, json.dumps({**body, **more}).encode(), path=path)
    return Frame(id, "asked-for", 1_700_000_000, asked)


FRAMES: Final = {dialect: frame(dialect) for dialect in DIALECTS}
_OTHERS: Final = {dialect: frame(dialect, "f2") for dialect in DIALECTS}
"""Of whoever takes over."""


@dataclass(frozen=True)
class Cut:
    """`sent` is what the client has of a stream, `rest` what is missing of it."""

    sent: bytes
    rest: Sequence[StreamEvent]


def heard(dialect: str, sse: bytes) -> list[StreamEvent]:
    """What an answer says. It has to be complete."""
    reader = DIALECTS[dialect].stream()
    events, _ = reader.feed(sse)
    events += reader.end()
    assert not any(isinstance(event, Broken) for event in events)
    assert reader.malformed == 0
    return events


def cuts(dialect: str, sse: bytes) -> Iterator[Cut]:
    """After each event that somebody else could go on from: not in the middle of a call, nor while the provider is at
    work with a tool of its own."""
    reader, whole = DIALECTS[dialect].stream(), heard(dialect, sse)
    calls: dict[tuple[int, int], list[int]] = {}
    for number, event in enumerate(whole):
        if isinstance(event, ToolCallDelta):
            calls.setdefault((event.choice, event.index), []).append(number)
    sent, seen, works = b"", 0, set[str]()
    for block in Framer().feed(sse):
        events, raw = reader.feed(block)
        sent, seen = sent + raw, seen + len(events)
        for told in events_of(block):
            _note(told, works)
        if not works and not any(each[0] < seen <= each[-1] for each in calls.values()):
            yield Cut(sent, whole[seen:])


def _note(told: Json, works: set[str]) -> None:
    item = obj(told.get("item"))
    if item.get("type", "message") not in {"message", "reasoning", "function_call"}:
        (works.discard if told["type"].endswith(".done") else works.add)(item["id"])


def resumed(dialect: str, cut: Cut, seam: bytes = b"") -> bytes:
    """What a client got in all, which is one answer. `seam` is between what was sent and what came then."""
    writer = going_on(DIALECTS[dialect].writer(_OTHERS[dialect]), cut.sent)
    told = writer.write(cut.rest) + writer.end()
    _ONE[dialect](list(events_of(cut.sent)), list(events_of(told)))
    return cut.sent + seam + told


def same(dialect: str, one: bytes, other: bytes) -> bool:
    return _said(dialect, one) == _said(dialect, other)


def _said(dialect: str, sse: bytes) -> tuple[Said, Any]:
    """Some do not say at first which model they are."""
    found = said(heard(dialect, sse))
    return replace(found, calls={}, model=""), found.called()


# What of an answer has to be one, in each dialect: of what was `sent` and what was `told` after it. -------------------


def _one_chat(sent: Sequence[Json], told: Sequence[Json]) -> None:
    for name in ("id", "model", "created"):
        known = next((chunk[name] for chunk in sent if chunk.get(name)), None)
        assert {chunk[name] for chunk in told} <= ({known} if known else {chunk[name] for chunk in told[:1]}), name
    before, after = _choices(sent), _choices(told)
    begun, ended = {one["index"] for one in before}, {one["index"] for one in before if one["finish_reason"]}
    assert not [one for one in after if one["index"] in begun and "role" in one["delta"]]
    assert sorted(one["index"] for one in after if one["finish_reason"]) == sorted(
        ({one["index"] for one in after} | begun) - ended
    )
    assert sum(bool(chunk.get("usage")) for chunk in told) <= 1


def _choices(chunks: Sequence[Json]) -> list[Json]:
    return [{"finish_reason": None, **obj(choice)} for chunk in chunks for choice in items(chunk.get("choices"))]


def _one_message(sent: Sequence[Json], told: Sequence[Json]) -> None:
    every = [event for event in [*sent, *told] if event["type"] != "ping"]
    kinds = [event["type"] for event in every]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")] == [1, 1, 1]
    known, is_open = 0, False
    for event in every:
        if event["type"] == "content_block_start":
            assert (event["index"], is_open) == (known, False)
            is_open = True
        elif "index" in event:
            assert (event["index"], is_open) == (known, True)
        if event["type"] == "content_block_stop":
            known, is_open = known + 1, False
    assert not is_open


def _one_response(sent: Sequence[Json], told: Sequence[Json]) -> None:
    every = [*sent, *told]
    numbers = [event["sequence_number"] for event in every if "sequence_number" in event]
    assert all(one < other for one, other in pairwise(numbers))
    responses = [event["response"] for event in every if "response" in event]
    assert len({one["id"] for one in responses}) == len({one["model"] for one in responses}) == 1
    assert [one["status"] != "in_progress" for one in responses] == [False] * (len(responses) - 1) + [True]
    added = {event["output_index"]: event["item"] for event in _of(every, "response.output_item.added")}
    done = {event["output_index"]: event["item"] for event in _of(every, "response.output_item.done")}
    for kind in ("added", "done"):
        assert len(_of(every, f"response.output_item.{kind}")) == len(added)
    for place, item in added.items():
        assert done[place]["id"] == item["id"]
        _one_item([event for event in every if event.get("output_index") == place], item["id"])
    if _of(told, f"response.{responses[-1]['status']}"):
        final = [{**item, "id": item["id"].removeprefix("rs_policyroute_")} for item in responses[-1]["output"]]
        assert final == [done[place] for place in sorted(done)]


def _of(events: Sequence[Json], kind: str) -> list[Json]:
    return [event for event in events if event["type"] == kind]


def _one_item(events: Sequence[Json], item_id: str) -> None:
    """Each part of it is begun, filled and told whole, once and in this order."""
    assert [events[0]["type"], events[-1]["type"]] == ["response.output_item.added", "response.output_item.done"]
    parts: dict[tuple[str, int], list[Json]] = {}
    for event in events[1:-1]:
        assert event["item_id"] == item_id
        for name in {"content_index", "summary_index"} & event.keys():
            parts.setdefault((name, event[name]), []).append(event)
    for told in parts.values():
        steps = [event["type"].rpartition(".")[2] for event in told if "annotation" not in event]
        assert steps == ["added", *["delta"] * (len(steps) - 3), "done", "done"]
        words = "".join(event["delta"] for event in told if "delta" in event)
        assert words == _words(told[-2]) == _words(told[-1]["part"])


def _words(told: Json) -> str:
    return str(told["refusal"] if "refusal" in told else told["text"])


def _one_content(sent: Sequence[Json], told: Sequence[Json]) -> None:
    for name in ("responseId", "modelVersion"):
        assert len({event[name] for event in [*sent, *told] if event.get(name)}) == 1, name
    ends = [one.get("finishReason") for event in [*sent, *told] for one in items(event.get("candidates"))]
    assert sum(map(bool, ends)) == 1


_ONE: dict[str, Callable[[Sequence[Json], Sequence[Json]], None]] = {
    "openai_chat": _one_chat,
    "anthropic": _one_message,
    "openai_responses": _one_response,
    "gemini": _one_content,
}
