"""Anthropic Messages as a prompt and back: nothing is lost, and what another dialect asked is asked in its words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from tests.dialects.test_anything import ANYTHING, OBJECTS

from policyroute import BadRequest, ModelRequest
from policyroute.dialects.anthropic import Anthropic

ANTHROPIC = Anthropic()
PDF = "JVBERi0xLjQK"
PNG = "iVBORw0KGgo="


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = ANTHROPIC.write(ANTHROPIC.read(body), body["model"], body.get("stream") is True)
    assert written.changes == ()
    return written.data


def test_every_recorded_request_is_written_as_it_was(messages: list[Recording]) -> None:
    equal = 0
    for recording in messages:
        try:
            ModelRequest.read("anthropic", json.dumps(recording.request).encode())
        except BadRequest:
            continue
        assert again(recording.request) == recording.request, recording.name
        equal += 1
    assert equal >= 214


KINDS = st.sampled_from(
    "text image document tool_use tool_result thinking redacted_thinking custom enabled disabled adaptive json_schema "
    "base64 url file any auto tool none web_search_20250305".split()
)


@st.composite
def nodes(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(OBJECTS), "type": draw(KINDS)}


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    inner = draw(st.lists(nodes(), max_size=2))
    return {**draw(nodes()), **({"content": inner} if inner else {})}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    said = st.lists(blocks(), max_size=3)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "tools": st.lists(nodes(), max_size=2),
        "tool_choice": nodes(),
        "thinking": nodes(),
        "output_config": OBJECTS,
        "output_format": nodes(),
        "metadata": OBJECTS,
        "system": said | st.text() | st.none(),
        "stream": st.booleans(),
        "stop_sequences": st.lists(st.text() | st.none(), max_size=2),
    }
    body = {**draw(OBJECTS), **{name: draw(value) for name, value in fields.items() if draw(st.booleans())}}
    if draw(st.booleans()):
        body["output_config"] = {"format": draw(nodes()), "effort": draw(ANYTHING | st.just("high"))}
    turn = {"role": draw(st.sampled_from(["user", "assistant", "system"])), "content": draw(said)}
    return {**body, "model": "m", "messages": [turn, {"role": "user"}]}


@given(bodies())
def test_whatever_is_asked_is_written_as_it_was(body: dict[str, Any]) -> None:
    try:
        data = ModelRequest.read("anthropic", json.dumps(body).encode()).data
    except BadRequest:
        return
    assert same(again(data), data)
    other = ANTHROPIC.write(replace(ANTHROPIC.read(data), dialect="openai_chat"), "m", False)
    assert other.data["messages"][0]["role"] == "user"


def same(one: Any, other: Any) -> bool:
    """As JSON, for which no two numbers are the one and the other of NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
