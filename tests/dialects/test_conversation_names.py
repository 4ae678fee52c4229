"""What a request's conversation is called, by what clients send, and what it opens with."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import BadRequest, ModelRequest, Operation

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
UUID = "57a121ec-f78c-48c3-a745-e3036a3ecc33"


def chat(headers: dict[str, str], **fields: Any) -> ModelRequest:
    return ModelRequest.read("openai_chat", orjson.dumps({**CHAT, **fields}), headers)


def claude(user: Any, headers: dict[str, str] | None = None) -> ModelRequest:
    body = {**CHAT, "max_tokens": 9, "metadata": {"user_id": user}}
    return ModelRequest.read("anthropic", orjson.dumps(body), headers or {})


@pytest.mark.parametrize(
    "header",
    [
        "X-Conversation-ID",
        "X-Claude-Code-Session-Id",
        "session-id",
        "session_id",
        "X-Session-Id",
        "x-session-affinity",
        "X-OpenCode-Session",
        "x-litellm-session-id",
        "Helicone-Session-Id",
    ],
)
def test_each_header_says_it_and_ours_comes_first(header: str) -> None:
    assert chat({header: "c1"}).conversation_id == "c1"
    assert chat({header: "c1", "X-Conversation-ID": "ours"}).conversation_id == "ours"
    assert (
        ModelRequest.read(
            "openai_chat", b'{"model": "m", "input": "Hi"}', {header: "c1"}, operation=Operation.EMBEDDINGS
        ).conversation_id
        == "c1"
    )


@pytest.mark.parametrize("name", ["", "x" * 257, "a\tb", "é\x00"])
def test_a_foreign_name_that_is_none_is_passed_over(name: str) -> None:
    assert chat({"X-Session-Id": name}).conversation_id == ""
    assert chat({"X-Claude-Code-Session-Id": name, "X-Session-Id": "c2"}).conversation_id == "c2"
    if name:
        with pytest.raises(BadRequest, match="X-Conversation-ID"):
            chat({"X-Conversation-ID": name, "X-Session-Id": "c2"})


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (f"user_0a1b_account__session_{UUID}", UUID),
        (f"user_0a1b_account_9f_session_{UUID}", UUID),
        (orjson.dumps({"device_id": "d", "account_uuid": "", "session_id": UUID}).decode(), UUID),
        ("user_0a1b", ""),
        ("session", ""),
        ('{"session_id": 4}', ""),
        ('{"session', ""),
        ("x_session_" + "y" * 300, ""),
        ("x_session_" + "y" * 3000, ""),
    ],
)
def test_claude_code_says_it_in_the_body(user: str, name: str) -> None:
    assert claude(user).conversation_id == name
    assert claude(user, {"x-claude-code-session-id": "h"}).conversation_id == "h"


@given(st.text())
def test_whatever_a_user_is_called_the_name_is_printable(user: str) -> None:
    name = claude(user).conversation_id
    assert name.isprintable() and len(name) <= 256


# What it opens with --------------------------------------------------------------------------------------------------

TURNS = [
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "More"},
    {"role": "system", "content": "Now"},
]


def test_what_it_opens_with_stays_while_it_grows() -> None:
    opening = [{"role": "system", "content": "Be good"}, {"role": "user", "content": "Hi"}]
    first = chat({}, messages=opening).opening
    assert len(first) == 64
    assert chat({}, messages=[*opening, *TURNS]).opening == first
    assert chat({}, messages=opening, temperature=1).opening == first
    for other in (
        [opening[1]],
        [{"role": "system", "content": "Be bad"}, opening[1]],
        [opening[0], {"role": "user", "content": "Hi!"}],
        [{"role": "system", "content": "Be goodHi"}, {"role": "user", "content": ""}],
    ):
        assert chat({}, messages=other).opening != first


def test_it_is_the_same_in_every_dialect() -> None:
    said: dict[str, dict[str, Any]] = {
        "openai_chat": {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}]},
        "openai_responses": {"instructions": "S", "input": "Hi"},
        "anthropic": {"system": "S", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
        "gemini": {"systemInstruction": {"parts": [{"text": "S"}]}, "contents": [{"parts": [{"text": "Hi"}]}]},
    }
    openings = {ModelRequest.read(name, orjson.dumps({"model": "m", **body})).opening for name, body in said.items()}
    assert len(openings) == 1


def test_nothing_opens_where_no_user_speaks() -> None:
    assert chat({}, messages=[{"role": "assistant", "content": "Hi"}]).opening == ""


# How far it is -------------------------------------------------------------------------------------------------------

SAID = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
CONTENTS = [{"role": "user", "parts": [{"text": "u"}]}, {"role": "model", "parts": [{"text": "a"}]}]
SPOKEN: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [*CHAT["messages"], *[{"role": "assistant", "content": "a"}] * 3]},
    "anthropic": {
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}] * 3,
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "u"}]}, {"role": "model", "parts": [{"text": "a"}]}] * 3
    },
    "openai_responses": {
        "input": [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a"},
            *[{"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": "{}"} for n in range(2)],
        ]
    },
}


@pytest.mark.parametrize("dialect", SPOKEN)
def test_a_glance_says_how_often_a_model_spoke(dialect: str) -> None:
    request = ModelRequest.read(dialect, orjson.dumps({"model": "m", **SPOKEN[dialect]}))
    assert [request.steps(most) for most in (1, 2, 3, 9)] == [1, 2, 3, 3]


def test_embeddings_have_no_steps() -> None:
    request = ModelRequest.read("openai_chat", b'{"model": "m", "input": "Hi"}', operation=Operation.EMBEDDINGS)
    assert request.steps(3) == 0
