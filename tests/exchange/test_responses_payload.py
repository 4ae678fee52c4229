"""What an attempt at a provider of OpenAI's Responses sends: its path and key, and what a `transform` changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from policyroute import ModelRequest
from policyroute.decide.decision import Candidate, Hop
from policyroute.exchange.payload import Outbound, build
from policyroute.policy.actions import Rewrite, Transform, Value

MakeCandidate = Callable[..., Candidate]
Send = Callable[..., tuple[dict[str, Any], Outbound]]
USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object"}


@pytest.fixture
def send(candidate: MakeCandidate) -> Send:
    def sent(fields: dict[str, Any], *transforms: Transform) -> tuple[dict[str, Any], Outbound]:
        asked = {"model": "asked", "input": "hi", **fields}
        request = ModelRequest.read("openai_responses", json.dumps(asked).encode())
        chosen = candidate("gpt", model="gpt-real")
        provider = replace(chosen.provider, dialect="openai_responses", base_url="https://api.openai.com/v1")
        named = tuple((f"r{number}", transform) for number, transform in enumerate(transforms))
        outbound = build(request, Hop(replace(chosen, provider=provider), None, named), "k").outbound
        assert request.data == asked
        return orjson.loads(outbound.body), outbound

    return sent


def test_a_plain_attempt_keeps_the_clients_own_bytes(candidate: MakeCandidate) -> None:
    raw = b'{ "model" : "asked", "store":false,\n"input":[{"role":"user","content":"hi"}], "new":{"x":1.50} }'
    chosen = candidate("gpt", model="gpt-real")
    chosen = replace(chosen, provider=replace(chosen.provider, dialect="openai_responses"))
    outbound = build(ModelRequest.read("openai_responses", raw), Hop(chosen, None), "k").outbound
    assert outbound.body == raw.replace(b'"asked"', b'"gpt-real"')


def test_path_and_key(send: Send) -> None:
    _, outbound = send({"stream": True})
    assert (outbound.method, outbound.url) == ("POST", "https://api.openai.com/v1/responses")
    assert dict(outbound.headers)["authorization"] == "Bearer k"


def values(**fields: Any) -> dict[str, Value]:
    return {name: Value(literal) for name, literal in fields.items()}


def set_(**fields: Any) -> Transform:
    return Transform(set=values(**fields))


FORM = {"type": "json_schema", "name": "answer", "schema": SCHEMA}


@pytest.mark.parametrize(
    ("fields", "transform", "expected"),
    [
        ({"temperature": 1}, set_(temperature=0.2), {"temperature": 0.2}),
        ({}, set_(max_tokens=50, top_p=0.5), {"max_output_tokens": 50, "top_p": 0.5}),
        ({"max_output_tokens": 90}, Transform(default=values(max_tokens=50)), {"max_output_tokens": 90}),
        ({"max_output_tokens": 90, "top_logprobs": 1}, Transform(remove=("max_tokens", "seed")), {"top_logprobs": 1}),
        # What the API has no words for is left out.
        ({}, set_(seed=1, stop=["x"], presence_penalty=1, frequency_penalty=1), {}),
        ({}, Transform(default=values(seed=1, stop=["x"])), {}),
        # Tools.
        ({}, set_(tool_choice="required", parallel_tool_calls=False),
         {"tool_choice": "required", "parallel_tool_calls": False}),
        ({}, set_(tool_choice="look"), {"tool_choice": {"type": "function", "name": "look"}}),
        # Reasoning, and the form of the answer, which stand beside others.
        ({"reasoning": {"summary": "auto"}}, set_(reasoning_effort="high"),
         {"reasoning": {"summary": "auto", "effort": "high"}}),
        ({"reasoning": {"effort": "low"}}, Transform(remove=("reasoning_effort",)), {}),
        ({"text": {"verbosity": "low"}}, set_(response_format={"type": "json_schema", "schema": SCHEMA}),
         {"text": {"verbosity": "low", "format": FORM}}),
        ({}, set_(response_format={"type": "json_schema", "json_schema": {"name": "n", "strict": 1, "schema": SCHEMA}}),
         {"text": {"format": {"type": "json_schema", "name": "n", "strict": 1, "schema": SCHEMA}}}),
        ({}, set_(response_format={"type": "json_object"}), {"text": {"format": {"type": "json_object"}}}),
        ({"text": {"verbosity": "low", "format": FORM}}, Transform(remove=("response_format",)),
         {"text": {"verbosity": "low"}}),
        # Who asks.
        ({"metadata": {"a": "b"}}, set_(user="u", metadata={"team": "t"}), {"user": "u", "metadata": {"team": "t"}}),
        # The API's own, but for what routing decides.
        ({"reasoning": {"summary": "auto", "effort": "low"}},
         Transform(raw={"openai_responses": {"reasoning": {"summary": None}, "store": False, "input": "x"}}),
         {"reasoning": {"effort": "low"}, "store": False}),
        ({}, Transform(raw={"openai_chat": {"store": False}}), {}),
    ],
)  # fmt: skip
def test_fields(send: Send, fields: dict[str, Any], transform: Transform, expected: dict[str, Any]) -> None:
    body, _ = send(fields, transform)
    assert (body.pop("model"), body.pop("input")) == ("gpt-real", "hi")
    assert body == expected


def system(said: Any, role: str = "developer") -> dict[str, Any]:
    return {"role": role, "content": said}


PARTS = [{"type": "input_text", "text": "a"}]


@pytest.mark.parametrize(
    ("given", "transform", "expected"),
    [
        ("hi", Transform(system_append="new"), ("new", "hi")),
        ("hi", Transform(system_prepend="x", system_append="y"), ("x\n\ny", "hi")),
        ([system("a"), USER], Transform(system_prepend="x"), ("x", [system("a"), USER])),
        ([system("a"), system("b"), USER], Transform(system_append="y"),
         (None, [system("a"), system("b\n\ny"), USER])),
        ([system(PARTS), USER], Transform(system_append="y"),
         (None, [system([*PARTS, {"type": "input_text", "text": "y"}]), USER])),
        # In the middle nothing moves: what a longer conversation begins with stays the same bytes.
        ([USER, system("m"), USER], Transform(system_append="y"), ("y", [USER, system("m"), USER])),
        ([system("a", "system"), USER, system("m")], Transform(system_replace="r", system_append="y"),
         ("r\n\ny", [USER])),
    ],
)  # fmt: skip
def test_system_text(send: Send, given: Any, transform: Transform, expected: Any) -> None:
    body, _ = send({"input": given}, transform)
    assert (body.get("instructions"), body["input"]) == expected


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Transform(system_append="y", system_prepend="x"), "x\n\na\n\ny"),
        (Transform(system_replace="r"), "r"),
        (Transform(system_replace=""), None),
    ],
)
def test_instructions(send: Send, transform: Transform, expected: str | None) -> None:
    body, _ = send({"instructions": "a"}, transform)
    assert (body.get("instructions"), body["input"]) == (expected, "hi")


def test_texts_are_rewritten_wherever_rules_read_them_and_nowhere_else(send: Send) -> None:
    rewrite = Transform(rewrite=(Rewrite("old", "new"),))
    thought = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "old"}]}
    call = {"type": "function_call", "call_id": "c", "name": "old", "arguments": '"old"'}
    result = {"type": "function_call_output", "call_id": "c"}
    given = [
        {"role": "user", "content": "old"},
        thought,
        {"role": "assistant", "content": [{"type": "output_text", "text": "old"}]},
        call,
        {**result, "output": "old"},
        {**result, "output": [{"type": "input_text", "text": "old"}]},
    ]
    prompt = {"id": "old", "variables": {"a": "old", "b": {"type": "input_text", "text": "old"}}}
    body, _ = send({"instructions": "old", "input": given, "prompt": prompt}, rewrite)
    assert body["instructions"] == "new"
    assert body["input"] == [
        {"role": "user", "content": "new"},
        thought,
        {"role": "assistant", "content": [{"type": "output_text", "text": "new"}]},
        call,
        {**result, "output": "new"},
        {**result, "output": [{"type": "input_text", "text": "new"}]},
    ]
    assert body["prompt"] == {"id": "old", "variables": {"a": "new", "b": {"type": "input_text", "text": "new"}}}
    assert send({"input": "old"}, rewrite)[0]["input"] == "new"
