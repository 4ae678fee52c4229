"""What an attempt at an Anthropic provider sends: its own headers and paths, and what a `transform` changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from policyroute import ModelRequest, Operation
from policyroute.decide.decision import Candidate, Hop
from policyroute.exchange.payload import Outbound, build
from policyroute.policy.actions import Rewrite, Transform, Value

MakeCandidate = Callable[..., Candidate]
Send = Callable[..., tuple[dict[str, Any], Outbound]]
HI: list[Any] = [{"role": "user", "content": "hi"}]
TOOLS: list[Any] = [{"name": "look", "input_schema": {"type": "object"}}]


@pytest.fixture
def send(candidate: MakeCandidate) -> Send:
    def sent(
        fields: dict[str, Any] | None = None,
        *transforms: Transform,
        headers: dict[str, str] | None = None,
        operation: Operation = Operation.CHAT,
        **hop: Any,
    ) -> tuple[dict[str, Any], Outbound]:
        asked = {"model": "asked", "messages": HI, **(fields or {})}
        request = ModelRequest.read("anthropic", json.dumps(asked).encode(), headers or {}, operation=operation)
        chosen = candidate("claude", model="claude-real")
        provider = replace(chosen.provider, dialect="anthropic", base_url="https://api.anthropic.com/v1")
        named = tuple((f"r{number}", transform) for number, transform in enumerate(transforms))
        outbound = build(request, Hop(replace(chosen, provider=provider), None, named, **hop), "k").outbound
        assert request.data == asked
        return orjson.loads(outbound.body), outbound

    return sent


def test_a_plain_attempt_keeps_the_clients_own_bytes(candidate: MakeCandidate) -> None:
    raw = b'{ "model" : "asked", "max_tokens":100,\n"messages":[{"role":"user","content":"hi"}], "new":{"x":1.50} }'
    chosen = candidate("claude", model="claude-real")
    chosen = replace(chosen, provider=replace(chosen.provider, dialect="anthropic"))
    request = ModelRequest.read("anthropic", raw)
    outbound = build(request, Hop(chosen, None), "k").outbound
    assert outbound.body == raw.replace(b'"asked"', b'"claude-real"')


def test_headers_and_urls(send: Send) -> None:
    _, outbound = send({"stream": True})
    assert (outbound.method, outbound.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert dict(outbound.headers) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "user-agent": "policyroute",
        "anthropic-version": "2023-06-01",
        "x-api-key": "k",
    }
    _, counted = send(operation=Operation.COUNT_TOKENS)
    assert counted.url == "https://api.anthropic.com/v1/messages/count_tokens"


def test_the_clients_version_and_betas_are_passed_on_and_rules_have_the_last_word(send: Send) -> None:
    given = {"Anthropic-Version": "2099-01-01", "Anthropic-Beta": "a,b", "x-api-key": "client", "x-stainless-os": "z"}
    headers = dict(send(headers=given)[1].headers)
    assert (headers["anthropic-version"], headers["anthropic-beta"], headers["x-api-key"]) == ("2099-01-01", "a,b", "k")
    assert "x-stainless-os" not in headers
    changed = send(headers=given, remove_request_headers=frozenset({"anthropic-beta"}))[1]
    assert "anthropic-beta" not in dict(changed.headers)


def values(**fields: Any) -> dict[str, Value]:
    return {name: Value(literal) for name, literal in fields.items()}


def set_(**fields: Any) -> Transform:
    return Transform(set=values(**fields))


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("fields", "transform", "expected"),
    [
        ({"temperature": 1}, set_(temperature=0.2), {"temperature": 0.2}),
        ({}, set_(temperature=1.7), {"temperature": 1.0}),
        ({}, set_(max_tokens=5, top_p=0.5, stop=["x"]), {"max_tokens": 5, "top_p": 0.5, "stop_sequences": ["x"]}),
        ({"max_tokens": 9}, Transform(default=values(max_tokens=5)), {"max_tokens": 9}),
        ({}, Transform(default=values(max_tokens=5)), {"max_tokens": 5}),
        ({"stop_sequences": ["x"], "top_k": 1}, Transform(remove=("stop", "seed")), {"top_k": 1}),
        # What the API has no words for is left out.
        ({}, set_(seed=1, presence_penalty=1, frequency_penalty=1), {}),
        # Tools.
        ({"tools": TOOLS}, set_(tool_choice="required"), {"tools": TOOLS, "tool_choice": {"type": "any"}}),
        ({"tools": TOOLS}, set_(tool_choice="look"), {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "look"}}),
        (
            {"tools": TOOLS, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            set_(tool_choice="auto"),
            {"tools": TOOLS, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": TOOLS, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            set_(tool_choice="none"),
            {"tools": TOOLS, "tool_choice": {"type": "none"}},
        ),
        ({}, set_(tool_choice="required", parallel_tool_calls=False), {}),
        (
            {"tools": TOOLS},
            set_(parallel_tool_calls=False),
            {"tools": TOOLS, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": TOOLS, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            Transform(default=values(parallel_tool_calls=True)),
            {"tools": TOOLS, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        ),
        # Reasoning.
        ({}, set_(reasoning_effort="high"), {"output_config": {"effort": "high"}}),
        ({}, set_(reasoning_effort="minimal"), {"output_config": {"effort": "low"}}),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max", "format": {}}},
            set_(reasoning_effort="none"),
            {"thinking": {"type": "disabled"}, "output_config": {"format": {}}},
        ),
        (
            {"thinking": {"type": "adaptive"}},
            Transform(default=values(reasoning_effort="low")),
            {"thinking": {"type": "adaptive"}},
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Transform(remove=("reasoning_effort",)),
            {},
        ),
        # The form of the answer.
        (
            {"output_format": {"type": "json_schema", "schema": {}}},
            set_(response_format={"type": "json_schema", "name": "x", "strict": True, "schema": SCHEMA}),
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        (
            {},
            set_(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}),
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        ({}, set_(response_format={"type": "json_object"}), {}),
        (
            {"output_config": {"format": {}, "effort": "low"}},
            set_(response_format={"type": "text"}),
            {"output_config": {"effort": "low"}},
        ),
        # Who asks.
        ({}, set_(user="u"), {"metadata": {"user_id": "u"}}),
        ({"metadata": {"user_id": "u"}}, Transform(remove=("user",)), {}),
        ({"metadata": {"user_id": "u"}}, set_(metadata={"team": "t"}), {}),
        ({}, set_(metadata={"team": "t", "user_id": "v"}), {"metadata": {"user_id": "v"}}),
        # A vendor's own.
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            Transform(raw={"anthropic": {"thinking": {"type": "adaptive", "budget_tokens": None}, "messages": []}}),
            {"thinking": {"type": "adaptive"}},
        ),
    ],
)
def test_fields(send: Send, fields: dict[str, Any], transform: Transform, expected: dict[str, Any]) -> None:
    body, _ = send(fields, transform)
    assert (body.pop("model"), body.pop("messages")) == ("claude-real", HI)
    assert body == expected


def test_a_count_has_only_the_fields_that_it_may_have(send: Send) -> None:
    transform = Transform(
        set=values(temperature=0.2, max_tokens=5, user="u", stop=["x"], reasoning_effort="low"),
        system_append="new",
    )
    body, _ = send({}, transform, operation=Operation.COUNT_TOKENS)
    assert body == {"model": "claude-real", "messages": HI, "system": "new", "output_config": {"effort": "low"}}


CACHED = {"type": "text", "text": "old", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("system", "transform", "expected"),
    [
        (None, Transform(system_append="new"), "new"),
        ("a", Transform(system_append="y", system_prepend="x"), "x\n\na\n\ny"),
        ([CACHED], Transform(system_append="new"), [CACHED, {"type": "text", "text": "new"}]),
        ([CACHED], Transform(system_prepend="new"), [{"type": "text", "text": "new"}, CACHED]),
        ([CACHED], Transform(system_replace="new", system_append="y"), "new\n\ny"),
        ("a", Transform(system_replace=""), None),
    ],
)
def test_system_text(send: Send, system: Any, transform: Transform, expected: Any) -> None:
    body, _ = send({"system": system} if system else {}, transform)
    assert body.get("system") == expected


def test_what_replaces_the_system_text_replaces_all_of_it(send: Send) -> None:
    said = [*HI, {"role": "system", "content": "Be rude."}]
    body, _ = send({"system": "a", "messages": said}, Transform(system_replace="b"))
    assert (body["system"], body["messages"]) == ("b", HI)


def test_texts_are_rewritten_wherever_rules_read_them_and_nowhere_else(send: Send) -> None:
    thought = {"type": "thinking", "thinking": "old", "signature": "s"}
    call = {"type": "tool_use", "id": "t", "name": "old", "input": {"a": "old"}}
    result = {"type": "tool_result", "tool_use_id": "t"}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "old"}}
    messages = [
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "old"}, call]},
        {"role": "user", "content": [{**result, "content": "old"}, {**result, "content": [document]}]},
    ]
    body, _ = send({"system": [CACHED], "messages": messages}, Transform(rewrite=(Rewrite("old", "new"),)))
    new = {**document, "source": {**document["source"], "data": "new"}}  # type: ignore[dict-item]
    assert body["system"] == [{**CACHED, "text": "new"}]
    assert [message["content"] for message in body["messages"]] == [
        "new",
        [thought, {"type": "text", "text": "new"}, call],
        [{**result, "content": "new"}, {**result, "content": [new]}],
    ]
