"""Answers that another project keeps for its own tests: more vendors, and how they stream, without their requests."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from tests.dialects.conftest import corpus
from tests.support.counted import counted

from policyroute.dialects import DIALECTS
from policyroute.dialects.sse import Framer
from policyroute.dialects.translation import Frame
from policyroute.dialects.turns import arguments as arguments_of
from policyroute.events import Broken, Finished, StreamEvent, TextDelta, ToolCallDelta
from policyroute.request import ModelRequest


@dataclass(frozen=True)
class Kept:
    """`sse` is empty where the answer was whole."""

    name: str
    dialect: str
    body: bytes
    sse: bytes


def dialect_of(value: dict[str, Any]) -> str:
    """Empty where none of ours has this shape."""
    kind = str(value.get("type", ""))
    if kind.startswith("response.") or value.get("object") == "response":
        return "openai_responses"
    if kind in ("message", "message_start"):
        return "anthropic"
    if "candidates" in value:
        return "gemini"
    return "openai_chat" if "choices" in value else ""


def is_json(line: str) -> bool:
    """One of all lines is not: its fixture was edited."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def framed(dialect: str, lines: list[str]) -> bytes:
    named = dialect in ("anthropic", "openai_responses")
    said = [f"event: {json.loads(line)['type']}\ndata: {line}\n\n" if named else f"data: {line}\n\n" for line in lines]
    return "".join([*said, "data: [DONE]\n\n" if dialect == "openai_chat" else ""]).encode()


@pytest.fixture(scope="module")
def fixtures() -> list[Kept]:
    found: list[Kept] = []
    with gzip.open(corpus() / "recordings.jsonl.gz", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if row["api"] == "response_body" and (dialect := dialect_of(row)):
                found.append(Kept(row["path"], dialect, json.dumps(row).encode(), b""))
            elif row["api"] == "stream_events":
                lines = [line for line in row["text"].split("\n") if is_json(line)]
                if dialect := dialect_of(json.loads(lines[0])):
                    found.append(Kept(row["path"], dialect, b"", framed(dialect, lines)))
    return found


BROKEN = ("openai-error.1.chunks.txt", "parallel-tool-call-wrapper.1.chunks.txt")
"""One ends with the provider's own error; of the other one the line that says its end is no JSON."""


def read(one: Kept) -> list[StreamEvent]:
    if not one.sse:
        return DIALECTS[one.dialect].answer(one.body)
    reader = DIALECTS[one.dialect].stream()
    return reader.feed(one.sse)[0] + reader.end()


def test_all_are_read_to_their_end(fixtures: list[Kept]) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for one in fixtures:
        events = read(one)
        assert isinstance(events[-1], Broken) is one.name.endswith(BROKEN), one.name
        counts[one.dialect, "streams" if one.sse else "whole"] += 1
    counted("answers kept by others", {" ".join(kind): count for kind, count in counts.items()})
    assert counts == {
        ("openai_chat", "whole"): 20,
        ("openai_chat", "streams"): 14,
        ("openai_responses", "whole"): 26,
        ("openai_responses", "streams"): 26,
        ("anthropic", "whole"): 18,
        ("anthropic", "streams"): 18,
        ("gemini", "whole"): 4,
        ("gemini", "streams"): 5,
    }


def test_cut_at_any_event_a_stream_is_not_complete(fixtures: list[Kept]) -> None:
    cuts = 0
    for one in fixtures:
        reader = DIALECTS[one.dialect].stream()
        for block in Framer().feed(one.sse):
            events, _ = reader.feed(block)
            if any(isinstance(event, Finished | Broken) for event in events):
                break
            assert isinstance(copy.deepcopy(reader).end()[-1], Broken), one.name
            cuts += 1
    assert cuts > 2000


def test_wherever_a_stream_is_cut_into_reads_it_says_the_same(fixtures: list[Kept]) -> None:
    dice = random.Random(5)
    for one in fixtures:
        for sizes in ((1, 2, 7, 60, 500, 4000), *(((1,),) if 0 < len(one.sse) < 5000 else ())):
            reader = DIALECTS[one.dialect].stream()
            events: list[StreamEvent] = []
            at = 0
            while at < len(one.sse):
                size = dice.choice(sizes)
                events, at = events + reader.feed(one.sse[at : at + size])[0], at + size
            assert not one.sse or events + reader.end() == read(one), one.name


def said(events: list[StreamEvent]) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Text, and calls by name with their arguments, as the object that some dialects make of them."""
    calls: dict[tuple[int, int], tuple[str, str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            name, arguments = calls.get((event.choice, event.index), ("", ""))
            calls[event.choice, event.index] = (name or event.name or "", arguments + event.arguments)
    told = [(name, arguments_of(said)) for name, said in calls.values()]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), told


def test_every_other_dialect_tells_them(fixtures: list[Kept]) -> None:
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    frame = Frame("abc", "m", 1, ModelRequest.read("openai_chat", body))
    for one in fixtures:
        events = read(one)
        for dialect in DIALECTS.values():
            if dialect.name == one.dialect or isinstance(events[-1], Broken):
                continue
            writer, reader = dialect.writer(frame), dialect.stream()
            again = reader.feed(writer.write(events) + writer.end())[0] + reader.end()
            assert said(again) == said(events), (one.name, dialect.name)
            assert not isinstance(again[-1], Broken) or said(events) == ("", []), (one.name, dialect.name)
