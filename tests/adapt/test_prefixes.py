"""A conversation that goes on begins with the same bytes, whoever speaks to whom: providers' prompt caches survive."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.aimed import sent

from policyroute.dialects import DIALECTS
from policyroute.request.prompt import Call, Choice, Format, Function, Media, Prompt, Result, Text, Turn

TARGETS = {
    "chat": ("dialect: openai_chat, base_url: 'https://llm.example/v1'", "m"),
    "o1": ("vendor: openai", "o1-mini"),
    "gpt": ("vendor: openai", "gpt-5.5"),
    "mistral": ("vendor: mistral", "mistral-small-latest"),
    "deepseek": ("vendor: deepseek", "deepseek-v4-flash"),
    "responses": ("vendor: openai, dialect: openai_responses", "gpt-5.5"),
    "haiku": ("vendor: anthropic", "claude-haiku-4-5"),
    "opus": ("vendor: anthropic", "claude-opus-4-8"),
    "gemini-2": ("vendor: gemini", "gemini-2.5-flash"),
    "gemini-3": ("vendor: gemini", "gemini-3.5-flash"),
}
TURNS = ("messages", "input", "contents")

SAID = st.sampled_from(["Hi", "Was ist das?", "x" * 300, "<system>", "{}", "."])
IDS = st.sampled_from(["c1", "toolu_01AbCdEf", "call.with.dots", "x" * 70, "a b", "ü"])
NAMES = st.sampled_from(["look", "look_at_everything_" * 5])
IMAGE = Media("image", mime="image/png", data="AAAA")


@st.composite
def asking(draw: st.DrawFn) -> list[Turn]:
    """What the user says, and maybe the application after it."""
    parts: list[Text | Media] = [Text(draw(SAID))]
    if draw(st.booleans()):
        parts.append(IMAGE)
    turns = [Turn("user", tuple(parts))]
    if draw(st.integers(0, 3)) == 0:
        turns.append(Turn("system", (Text(draw(SAID)),)))
    return turns


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Turn], list[int]]:
    """Turns, and how many there are each time that the model is asked."""
    turns = [Turn("system", (Text("Be brief."),))] * draw(st.integers(0, 2))
    turns += draw(asking())
    asked = [len(turns)]
    for exchange in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            ids = draw(st.lists(IDS, min_size=1, max_size=2, unique=True))
            ids = [f"{exchange}{each}" for each in ids]
            name = draw(NAMES)
            calls = tuple(Call(each, name, '{"a":1}') for each in ids)
            said = (Text(draw(SAID)),) if draw(st.booleans()) else ()
            turns.append(Turn("assistant", (*said, *calls)))
            turns.append(Turn("user", tuple(Result(each, (Text(draw(SAID)),), name=name) for each in ids)))
        else:
            turns.append(Turn("assistant", (Text(draw(SAID)),)))
            turns += draw(asking())
        asked.append(len(turns))
    return turns, asked


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
TOOLS = tuple(Function(name, "looks", SCHEMA) for name in ("look", "look_at_everything_" * 5))


def body(client: str, turns: list[Turn], knobs: dict[str, Any]) -> dict[str, Any]:
    """What a client of this dialect says."""
    said = Prompt("none", tuple(turns), TOOLS, max_tokens=500, **knobs)
    data = dict(DIALECTS[client].write(said, "asked", False).data)
    if client == "gemini":
        data.pop("model", None)
    return data


KNOBS: list[dict[str, Any]] = [
    {},
    {"temperature": 1.9, "seed": 3, "stop": ("a", "b", "c", "d", "e", "f")},
    {"choice": Choice("required"), "effort": "high"},
    {"format": Format("json_schema", SCHEMA, name="x")},
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("client", DIALECTS)
@settings(max_examples=12)
@given(conversation=conversations(), knobs=st.sampled_from(KNOBS))
def test_a_longer_conversation_begins_as_the_shorter(
    client: str,
    target: str,
    conversation: tuple[list[Turn], list[int]],
    knobs: dict[str, Any],
) -> None:
    turns, asked = conversation
    before: list[bytes] = []
    beside = b""
    for count in asked:
        data = sent(client, body(client, turns[:count], knobs), *TARGETS[target]).body
        told = next(name for name in TURNS if name in data)
        now = [orjson.dumps(turn) for turn in data.pop(told)]
        assert now[: len(before)] == before
        assert beside in (b"", orjson.dumps(data))
        before, beside = now, orjson.dumps(data)
