"""OpenAI Chat requests: what is read, what is refused, and what never shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute import BadRequest, ModelRequest
from policyroute.absent import ABSENT
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

HI = [{"role": "user", "content": "hi"}]


def read(**fields: Any) -> ModelRequest:
    return ModelRequest.read("openai_chat", json.dumps({"model": "m", "messages": HI, **fields}).encode())


def refused(body: bytes | dict[str, Any]) -> BadRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequest) as caught:
        ModelRequest.read("openai_chat", raw)
    return caught.value


def test_the_facts_around_the_body() -> None:
    body = b'{"model": "gpt", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
    request = ModelRequest.read(
        "openai_chat",
        body,
        [
            ("X-Team", "a"),
            ("x-team", "b"),
            ("Authorization", "Bearer k"),
            ("X-Router-Profile", "AGENT"),
            ("Cookie", "c"),
        ],
        "/v1/chat/completions",
        query=b"a=1&b=&key=secret&c=%C3%A9",
        id="r1",
        received_at=12.5,
    )
    assert request.headers == {"x-team": "a, b", "x-router-profile": "AGENT"}
    assert request.query == {"a": "1", "b": "", "c": "é"}
    assert (request.id, request.time, request.method, request.path) == ("r1", 12.5, "POST", "/v1/chat/completions")
    assert (request.dialect, request.model, request.profile, request.stream) == ("openai_chat", "gpt", "AGENT", True)
    assert (request.body, request.size, request.conversation_id) == (body, len(body), "")


def test_the_least_a_request_may_say() -> None:
    request = read()
    assert (request.profile, request.stream, request.system, request.last_user) == ("CHAT", False, "", "hi")
    assert (request.tools, request.params, request.metadata, request.modalities) == ((), {}, {}, ("text",))
    optional = (request.tool_choice, request.response_format, request.max_tokens, request.temperature)
    assert all(value is ABSENT for value in optional)


def test_messages_of_every_kind() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q": 1}'}}
    request = read(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "system", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
            },
            {"role": "assistant", "refusal": "No."},
        ]
    )
    assert request.messages == (
        Message("system", "Be brief."),
        Message("system", "Be\nkind."),
        Message("user", "first"),
        Message("assistant", "", (ToolCall("c1", "look", '{"q": 1}'),)),
        Message("tool", "found"),
        Message("user", "see", (), has_image=True),
        Message("assistant", "No."),
    )
    assert request.system == "Be brief.\n\nBe\nkind."
    assert request.last_user == "see"
    assert request.modalities == ("image", "text")


def test_tools_of_every_kind() -> None:
    request = read(
        tools=[
            {"type": "function", "function": {"name": "f", "description": "does"}},
            {"type": "custom", "custom": {"name": "c"}},
            {"type": "web_search"},
        ],
        functions=[{"name": "old"}],
    )
    assert request.tools == (Tool("f", "does"), Tool("c", ""), Tool("web_search", ""), Tool("old", ""))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, "f"),
        ({"type": "custom", "custom": {"name": "c"}}, "c"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, "required"),
        ({"type": "odd"}, ABSENT),
    ],
)
def test_tool_choice(choice: Any, expected: Any) -> None:
    assert read(tool_choice=choice).tool_choice == expected


def test_parameters() -> None:
    schema = {"type": "object"}
    request = read(
        max_tokens=5,
        max_completion_tokens=7,
        temperature=1,
        seed=3,
        top_p=None,
        stop=["x"],
        metadata={"a": "b"},
        modalities=["text", "audio"],
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    )
    assert (request.max_tokens, request.temperature, request.params) == (7, 1.0, {"seed": 3, "stop": ["x"]})
    assert (request.metadata, request.modalities) == ({"a": "b"}, ("audio", "text"))
    assert request.response_format == ResponseFormat("json_schema", schema)
    assert read(max_tokens=5, max_completion_tokens=None).max_tokens == 5


def test_a_part_of_no_kind_there_could_be_is_of_none() -> None:
    request = read(messages=[{"role": "user", "content": [{"type": ["image_url"]}, {"type": {}}, {"type": None}]}])
    assert (request.modalities, request.last_user) == (("text",), "")


def test_the_estimate_grows_with_everything_a_model_reads() -> None:
    assert read(messages=[{"role": "user", "content": "x" * 400}]).input_tokens == 100
    assert read(messages=[{"role": "user", "content": "é" * 200}]).input_tokens == 100
    tools = [{"type": "function", "function": {"name": "f", "description": "d" * 400}}]
    assert read(tools=tools).input_tokens > 100


BAD: list[tuple[bytes | dict[str, Any], str, str | None]] = [
    (b"", "invalid_json", None),
    (b"{", "invalid_json", None),
    (b"[]", "invalid_json", None),
    (b'{"model": "m\xff"}', "invalid_json", None),
    (b'{"model": NaN}', "invalid_json", None),
    (b'{"a":' * 70 + b"1" + b"}" * 70, "too_deep", None),
    (b"[" * 100_000, "invalid_json", None),
    ({}, "missing_model", "model"),
    ({"model": 3, "messages": HI}, "invalid_type", "model"),
    ({"model": "", "messages": HI}, "invalid_type", "model"),
    ({"model": "m"}, "missing_messages", "messages"),
    ({"model": "m", "messages": []}, "invalid_type", "messages"),
    ({"model": "m", "messages": ["hi"]}, "invalid_type", "messages[0]"),
    ({"model": "m", "messages": [{"content": "hi"}]}, "invalid_role", "messages[0].role"),
    ({"model": "m", "messages": [*HI, {"role": "root", "content": ""}]}, "invalid_role", "messages[1].role"),
    ({"model": "m", "messages": [{"role": ["user"]}]}, "invalid_role", "messages[0].role"),
    (
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "x", "tool_calls": [{"id": "c1", "function": {"name": "f"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "x"},
            ],
        },
        "result_without_call",
        "messages[1].tool_call_id",
    ),
    (
        {"model": "m", "messages": [*HI, {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
        "result_without_call",
        "messages[1].tool_call_id",
    ),
    ({"model": "m", "messages": [{"role": "user", "content": 3}]}, "invalid_type", "messages[0].content"),
    ({"model": "m", "messages": [{"role": "user", "content": ["hi"]}]}, "invalid_type", "messages[0].content"),
    (
        {"model": "m", "messages": [{"role": "assistant", "tool_calls": {}}]},
        "invalid_type",
        "messages[0].tool_calls",
    ),
    ({"model": "m", "messages": HI, "stream": "yes"}, "invalid_type", "stream"),
    ({"model": "m", "messages": HI, "stream": 1}, "invalid_type", "stream"),
    ({"model": "m", "messages": HI, "max_tokens": "5000"}, "invalid_type", "max_tokens"),
    ({"model": "m", "messages": HI, "max_tokens": True}, "invalid_type", "max_tokens"),
    ({"model": "m", "messages": HI, "temperature": "hot"}, "invalid_type", "temperature"),
    ({"model": "m", "messages": HI, "tools": {}}, "invalid_type", "tools"),
    ({"model": "m", "messages": HI, "tools": [3]}, "invalid_type", "tools"),
    ({"model": "m", "messages": HI, "tools": [{"type": "function"}]}, "invalid_tool", "tools[0]"),
    ({"model": "m", "messages": HI, "tools": [{"type": "function", "function": 3}]}, "invalid_tool", "tools[0]"),
    ({"model": "m", "messages": HI, "functions": [{}]}, "invalid_tool", "functions[0]"),
    ({"model": "m", "messages": HI, "metadata": []}, "invalid_type", "metadata"),
    ({"model": "m", "messages": HI, "response_format": "json"}, "invalid_type", "response_format"),
]


@pytest.mark.parametrize(("body", "code", "param"), BAD)
def test_bad_bodies_say_what_is_wrong_and_where(body: bytes | dict[str, Any], code: str, param: str | None) -> None:
    error = refused(body)
    assert (error.status, error.code, error.param) == (400, code, param)


def test_a_body_may_nest_as_deep_as_the_limit() -> None:
    def nested(levels: int) -> bytes:
        return b'{"model": "m", "messages": [{"role": "user"}], "x": ' + b"[" * levels + b"]" * levels + b"}"

    assert ModelRequest.read("openai_chat", nested(63)).model == "m"
    assert refused(nested(64)).code == "too_deep"


@pytest.mark.parametrize("filling", [b"[],", b'{"a":1},', b"1.5,", b'"ab",', b"[[[[[]]]]],"], ids=bytes.decode)
def test_a_body_of_too_many_values_is_refused_before_it_is_taken_apart(filling: bytes) -> None:
    body = b'{"model": "m", "messages": [{"role": "user"}], "x": ' + b"[" + filling * 1_000_001 + b"1"
    assert refused(body).code == "too_many_values"  # it is no JSON, which nobody has looked at


def test_a_long_text_is_no_crowd_of_values() -> None:
    text = "x = [f(a, {b: 1}), '\\\\'];  # and so on, for as long as a prompt may be\n" * 60_000
    assert read(messages=[{"role": "user", "content": text}]).input_tokens > 1_000_000


def test_bad_headers() -> None:
    body = json.dumps({"model": "m", "messages": HI}).encode()
    with pytest.raises(BadRequest, match="CHAT, AGENT, BATCH, SAVINGS"):
        ModelRequest.read("openai_chat", body, {"X-Router-Profile": "agent"})
    for name in ("x" * 257, "a\tb"):
        with pytest.raises(BadRequest, match="X-Conversation-ID"):
            ModelRequest.read("openai_chat", body, {"X-Conversation-ID": name})


def test_an_unknown_dialect_is_a_bug_not_a_bad_request() -> None:
    with pytest.raises(ValueError, match=r"for chat: there is anthropic, .*openai_chat"):
        ModelRequest.read("esperanto", b"{}")


def test_a_request_never_changes() -> None:
    request = read()
    with pytest.raises(AttributeError, match="never changes"):
        request.model = "other"


def test_no_repr_shows_the_prompt() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"q": "hidden"}'}}
    request = read(
        messages=[{"role": "user", "content": "hidden"}, {"role": "assistant", "tool_calls": [call]}],
        tools=[{"type": "function", "function": {"name": "f", "description": "hidden"}}],
        response_format={"type": "json_schema", "json_schema": {"schema": {"title": "hidden"}}},
    )
    shown = repr((request, request.messages, request.tools, request.response_format))
    assert "hidden" not in shown
    assert "'m'" in shown
    assert "hidden" not in str(refused(b'{"model": "hidden'))
