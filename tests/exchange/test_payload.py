"""What an attempt sends: the client's own bytes where they can stay, and of its headers only those that may go."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import ModelRequest
from policyroute.decide.decision import Candidate, Hop
from policyroute.dialects import DIALECTS
from policyroute.exchange.payload import Outbound, build
from policyroute.policy.actions import Rewrite, Transform, Value

CHAT = DIALECTS["openai_chat"]
MakeCandidate = Callable[..., Candidate]

NAMES = st.sampled_from(["model", "mod\\el", 'a"model', "", "modelx", "messages"]) | st.text(max_size=4)
TEXTS = st.sampled_from(["model", '"model"', '"model":"x"', '\\"model\\": ', "m"]) | st.text(max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers(-9, 9) | st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Objects with a top-level model among adversarial others: keys twice, escaped anywhere, spaced at will."""
    pairs = [(name, draw(VALUES)) for name in draw(st.lists(NAMES, max_size=4))]
    for name in draw(st.sampled_from([["model"], ["model", "model"]])):
        pairs.insert(draw(st.integers(0, len(pairs))), (name, draw(TEXTS)))
    gap = draw(st.sampled_from(["", " ", "\n\t "]))
    return (
        "{" + ",".join(f"{gap}{key(draw, name)}{gap}:{gap}{dump(draw, value)}" for name, value in pairs) + "}"
    ).encode()


def key(draw: st.DrawFn, name: str) -> str:
    written = json.dumps(name)
    return written.replace("o", "\\u006f", 1) if draw(st.integers(0, 4)) == 0 else written


def dump(draw: st.DrawFn, value: Any) -> str:
    return json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace").decode()


@given(bodies(), TEXTS)
def test_the_spliced_body_says_what_the_body_said_but_for_the_model(body: bytes, model: str) -> None:
    data = orjson.loads(body)
    if not isinstance(data["model"], str):
        return
    spliced = CHAT.with_model(body, data, model)
    assert orjson.loads(spliced) == {**data, "model": model}


@given(st.text(), st.text(), TEXTS)
def test_every_byte_around_the_model_stays(before: str, after: str, model: str) -> None:
    head, tail = f'{{ "a" : {json.dumps(before)}, "model":\n', f' , "b":[1.50, {json.dumps(after)}, 1e2]}}'
    body = f'{head}"old"{tail}'.encode()
    spliced = CHAT.with_model(body, orjson.loads(body), model)
    # A text that begins with a colon looks like a key's end: then the body is written anew.
    if b"\\u00" not in body and not any(text.lstrip(" ").startswith(":") for text in (before, after)):
        assert spliced == head.encode() + orjson.dumps(model) + tail.encode()
    assert orjson.loads(spliced)["model"] == model


def test_a_model_given_twice_is_given_once() -> None:
    body = b'{"model":"cheap","messages":[],"model":"dear"}'
    assert CHAT.with_model(body, orjson.loads(body), "m").count(b'"model"') == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","messages":[{"role":"user","content":"IBAN"}],"messages":[{"role":"user","content":"ok"}]}',
        b'{"model":"a","messages":[{"role":"user","content":"IBAN","content":"ok"}]}',
        b'{"model":"a","mess\\u0061ges":["IBAN"],"messages":["ok"]}',
        b'{"model":"a","x":{"y\\\\":1,"z":"IBAN" ,\n"z" :2}}',
        b'{"model":"a","x":"\\"k\\":","y\\\\":1,"z":"IBAN","z":2}',
    ],
)
def test_what_a_rule_cannot_see_is_not_sent(body: bytes) -> None:
    """Of a key given twice, the rules read the last value; no provider gets to read another."""
    sent = CHAT.with_model(body, orjson.loads(body), "m")
    assert b"IBAN" not in sent
    assert orjson.loads(sent) == {**orjson.loads(body), "model": "m"}


@given(bodies(), TEXTS)
def test_no_key_is_sent_twice(body: bytes, model: str) -> None:
    data = orjson.loads(body)
    if isinstance(data["model"], str):
        json.loads(CHAT.with_model(body, data, model), object_pairs_hook=once)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_raw_is_a_merge_patch(send: Send) -> None:
    raw = {"openai_chat": {"n": None, "absent": None, "nested": {"a": None, "b": 1}, "list": [1], "new": {"x": None}}}
    body, _ = send({"n": 1, "nested": {"a": 0, "c": 2}, "list": [2, 3]}, Transform(raw=raw))
    assert "n" not in body and "absent" not in body
    assert (body["nested"], body["list"], body["new"]) == ({"c": 2, "b": 1}, [1], {})


@pytest.fixture
def send(candidate: MakeCandidate) -> Callable[..., tuple[dict[str, Any], Outbound]]:
    def sent(
        fields: dict[str, Any] | None = None,
        *transforms: Transform,
        headers: dict[str, str] | None = None,
        base_url: str = "https://a.example/v1",
        key: str | None = "k",
        **hop: Any,
    ) -> tuple[dict[str, Any], Outbound]:
        asked = {"model": "asked", "messages": [{"role": "user", "content": "hi"}], **(fields or {})}
        request = ModelRequest.read("openai_chat", json.dumps(asked).encode(), headers or {})
        chosen = candidate("gpt", model="gpt-real")
        chosen = replace(chosen, provider=replace(chosen.provider, base_url=base_url))
        named = tuple((f"r{number}", transform) for number, transform in enumerate(transforms))
        outbound = build(request, Hop(chosen, None, named, **hop), key).outbound
        assert request.data == asked
        return orjson.loads(outbound.body), outbound

    return sent


Send = Callable[..., tuple[dict[str, Any], Outbound]]


def test_a_plain_attempt(send: Send) -> None:
    body, outbound = send({"stream": True, "vendor": {"x": 1}}, headers={"Accept-Encoding": "br", "X-Team": "t"})
    assert body == {
        "model": "gpt-real",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "vendor": {"x": 1},
    }
    assert (outbound.method, outbound.url) == ("POST", "https://a.example/v1/chat/completions")
    assert dict(outbound.headers) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "user-agent": "policyroute",
        "authorization": "Bearer k",
    }


def test_only_listed_headers_go_upstream_and_rules_have_the_last_word(send: Send) -> None:
    _, outbound = send(
        headers={
            "Authorization": "Bearer client",
            "X-Request-ID": "r",
            "traceparent": "t",
            "Cookie": "c",
            "User-Agent": "u",
        },
        set_request_headers={"x-team": "red", "user-agent": "house", "content-length": "1", "host": "evil"},
        remove_request_headers=frozenset({"traceparent"}),
    )
    headers = dict(outbound.headers)
    assert headers["authorization"] == "Bearer k"
    assert (headers["x-request-id"], headers["x-team"], headers["user-agent"]) == ("r", "red", "house")
    assert headers.keys().isdisjoint({"traceparent", "cookie", "content-length", "host"})


def test_a_provider_without_a_key_gets_none(send: Send) -> None:
    _, outbound = send(key=None, headers={"authorization": "Bearer client"})
    assert "authorization" not in dict(outbound.headers)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://a.example/v1/", "https://a.example/v1/chat/completions"),
        ("https://a.example/d/x?api-version=1", "https://a.example/d/x/chat/completions?api-version=1"),
        ("embedded:", "embedded:/chat/completions"),
    ],
)
def test_urls(send: Send, base_url: str, url: str) -> None:
    assert send(base_url=base_url)[1].url == url


def test_neither_key_nor_prompt_shows(send: Send) -> None:
    shown = repr(send({"messages": [{"role": "user", "content": "hidden"}]}, key="hidden")[1])
    assert "hidden" not in shown


def values(**fields: Any) -> dict[str, Value]:
    return {name: Value(literal) for name, literal in fields.items()}


@pytest.mark.parametrize(
    ("fields", "transform", "expected"),
    [
        ({"temperature": 1}, Transform(set=values(temperature=0.2)), {"temperature": 0.2}),
        ({"temperature": 1}, Transform(default=values(temperature=0.2, seed=4)), {"temperature": 1, "seed": 4}),
        ({"seed": None}, Transform(default=values(seed=4)), {"seed": 4}),
        ({"seed": 4, "user": "u"}, Transform(remove=("seed", "stop")), {"user": "u"}),
        ({}, Transform(set=values(max_tokens=5)), {"max_tokens": 5}),
        ({"max_completion_tokens": 9}, Transform(set=values(max_tokens=5)), {"max_completion_tokens": 5}),
        (
            {"max_completion_tokens": 9, "max_tokens": 8},
            Transform(set=values(max_tokens=5)),
            {"max_completion_tokens": 5},
        ),
        ({"max_completion_tokens": 9, "max_tokens": 8}, Transform(remove=("max_tokens",)), {}),
        ({}, Transform(set=values(tool_choice="required")), {"tool_choice": "required"}),
        (
            {},
            Transform(set=values(tool_choice="look")),
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
        (
            {},
            Transform(set=values(response_format={"type": "json_schema", "schema": {"type": "object"}})),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
        ),
        (
            {},
            Transform(set=values(response_format={"type": "json_object"})),
            {"response_format": {"type": "json_object"}},
        ),
        (
            {},
            Transform(
                raw={
                    "openai_chat": {"logit_bias": {"1": 2}, "model": "other", "stream": True, "messages": []},
                    "gemini": {"x": 1},
                }
            ),
            {"logit_bias": {"1": 2}},
        ),
    ],
)
def test_fields(send: Send, fields: dict[str, Any], transform: Transform, expected: dict[str, Any]) -> None:
    body, _ = send(fields, transform)
    assert (body.pop("model"), body.pop("messages")) == ("gpt-real", [{"role": "user", "content": "hi"}])
    assert body == expected


PARTS = [{"type": "text", "text": "old"}, {"type": "image_url", "image_url": {"url": "data:,"}}]


@pytest.mark.parametrize(
    ("messages", "transform", "expected"),
    [
        ([("user", "u")], Transform(system_append="new"), [("system", "new"), ("user", "u")]),
        ([("user", "u")], Transform(system_prepend="new"), [("system", "new"), ("user", "u")]),
        ([("system", "a"), ("user", "u")], Transform(system_append="new"), [("system", "a\n\nnew"), ("user", "u")]),
        (
            [("developer", "a"), ("user", "u"), ("system", "b")],
            Transform(system_prepend="x", system_append="y"),
            [("developer", "x\n\na"), ("user", "u"), ("system", "b\n\ny")],
        ),
        (
            [("system", "a"), ("user", "u"), ("developer", "b")],
            Transform(system_replace="new", system_append="y"),
            [("system", "new\n\ny"), ("user", "u")],
        ),
        ([("system", "a"), ("user", "u")], Transform(system_replace=""), [("system", ""), ("user", "u")]),
        (
            [("system", PARTS)],
            Transform(system_append="new"),
            [("system", [*PARTS, {"type": "text", "text": "new"}])],
        ),
        (
            [("system", "old é"), ("assistant", None), ("user", PARTS)],
            Transform(rewrite=(Rewrite("(o)(ld)", r"\2-\1\\\9"),)),
            [("system", "ld-o\\ é"), ("assistant", None), ("user", [{"type": "text", "text": "ld-o\\"}, PARTS[1]])],
        ),
    ],
)
def test_texts(send: Send, messages: Any, transform: Transform, expected: Any) -> None:
    body, _ = send({"messages": [{"role": role, "content": content} for role, content in messages]}, transform)
    assert [(message["role"], message["content"]) for message in body["messages"]] == expected


def test_transforms_apply_in_order(send: Send) -> None:
    body, _ = send({}, Transform(set=values(seed=1)), Transform(default=values(seed=2)), Transform(remove=("seed",)))
    assert "seed" not in body


def test_a_rewrite_takes_time_linear_in_the_text(send: Send) -> None:
    text = "a" * 200_000
    body, _ = send({"messages": [{"role": "user", "content": text}]}, Transform(rewrite=(Rewrite("(a+)+$", "b"),)))
    assert body["messages"][0]["content"] == "b"
