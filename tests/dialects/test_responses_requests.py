"""OpenAI Responses requests: what is read, what is refused, and that rules read the same as of other dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute import BadRequest, ModelRequest
from policyroute.absent import ABSENT
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

NOTHING: list[Any] = []


def read(**fields: Any) -> ModelRequest:
    body = {name: value for name, value in {"model": "m", "input": "hi", **fields}.items() if value is not ...}
    return ModelRequest.read("openai_responses", json.dumps(body).encode())


def call(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"c{number}", "name": "look", "arguments": "{}", **more}


def result(number: int, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"c{number}", "output": output}


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
LOOK = ToolCall("c1", "look", "{}")


def test_the_least_a_request_may_say() -> None:
    request = read()
    assert (request.dialect, request.operation, request.model, request.stream) == (
        "openai_responses",
        "chat",
        "m",
        False,
    )
    assert request.messages == (Message("user", "hi"),)
    assert (request.system, request.last_user, request.tools, request.params) == ("", "hi", (), {})
    assert (request.metadata, request.modalities, request.kept) == ({}, ("text",), "")
    optional = (request.tool_choice, request.response_format, request.max_tokens, request.temperature)
    assert all(value is ABSENT for value in optional)


def test_items_of_every_kind() -> None:
    request = read(
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "look"}, IMAGE]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
            {
                "type": "message",
                "role": "assistant",
                "id": "msg_1",
                "content": [{"type": "output_text", "text": "I look."}, {"type": "refusal", "refusal": "I do not."}],
            },
            call(1),
            {"type": "custom_tool_call", "call_id": "c2", "name": "see", "input": "SELECT 1"},
            result(1, "found"),
            {
                "type": "custom_tool_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "seen"}, IMAGE],
            },
            call(3),
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "brand_new", "id": "x"},
            {"type": "message", "role": "user", "content": "and now?"},
        ],
    )
    assert request.messages == (
        Message("system", "Be brief."),
        Message("system", "Be kind."),
        Message("user", "look", has_image=True),
        Message("assistant", "I look.\nI do not.", (LOOK, ToolCall("c2", "see", "SELECT 1"))),
        Message("tool", "found"),
        Message("tool", "seen", has_image=True),
        Message("assistant", "", (ToolCall("c3", "look", "{}"),)),
        Message("user", "and now?"),
    )
    assert request.system == "Be brief.\n\nBe kind."
    assert request.last_user == "and now?"
    assert request.modalities == ("image", "text")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": "secret"},
            [Message("assistant", "", (ToolCall("m", "f", "{}"),)), Message("tool", "secret")],
        ),
        ({"type": "local_shell_call_output", "id": "l", "output": "secret"}, [Message("tool", "secret")]),
        (
            {"type": "shell_call_output", "call_id": "s", "output": [{"stdout": "a", "stderr": "b"}]},
            [Message("tool", "a\nb")],
        ),
        (
            {"type": "computer_call_output", "call_id": "s", "output": {"type": "computer_screenshot"}},
            [Message("tool", "", has_image=True)],
        ),
        ({"type": "mcp_call", "id": "m", "name": "f", "arguments": {"a": 1}, "output": None},
         [Message("assistant", "", (ToolCall("m", "f", '{"a":1}'),)), Message("tool", "")]),
    ],
)  # fmt: skip
def test_text_wherever_it_stands(item: dict[str, Any], said: list[Message]) -> None:
    assert list(read(input=[item]).messages) == said


def test_what_is_filled_into_a_kept_prompt_is_said_by_the_user() -> None:
    variables = {"city": "Oslo", "more": {"type": "input_text", "text": "now"}, "photo": IMAGE}
    request = read(input=..., prompt={"id": "pmpt_1", "variables": variables})
    assert request.messages == (Message("user", "Oslo\nnow\n"),)
    assert request.kept == "prompt"


def test_parameters() -> None:
    request = read(
        stream=True,
        max_output_tokens=99,
        temperature=1,
        top_p=0.5,
        store=False,
        reasoning={"effort": "low"},
        metadata={"a": "b", "other": 3},
        modalities=["text", "audio"],
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": {}},
            {"type": "web_search"},
            {"type": "brand_new", "name": "n"},
        ],
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    )
    assert (request.stream, request.max_tokens, request.temperature) == (True, 99, 1.0)
    assert request.params["reasoning"] == {"effort": "low"}
    assert request.params["store"] is False
    assert request.metadata == {"a": "b"}
    assert request.modalities == ("audio", "text")
    assert request.tools == (Tool("f", "d"), Tool("web_search", ""), Tool("n", ""))
    assert request.response_format == ResponseFormat("json_schema", {"type": "object"})


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, "f"),
        ({"type": "file_search"}, "file_search"),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, "required"),
    ],
)
def test_tool_choice(choice: Any, expected: str) -> None:
    assert read(tool_choice=choice).tool_choice == expected


def test_the_estimate_sees_calls_thoughts_tools_and_schemas() -> None:
    plain = read(input=[{"role": "user", "content": "hi"}]).input_tokens
    assert read().input_tokens == plain
    for more in (
        {"instructions": "x" * 400},
        {"input": [{"role": "user", "content": "hi"}, call(1, arguments="x" * 400)]},
        {"input": [{"role": "user", "content": "hi"}, {"type": "reasoning", "summary": [{"text": "x" * 400}]}]},
        {"tools": [{"type": "function", "name": "f", "description": "x" * 400}]},
        {"text": {"format": {"type": "json_schema", "schema": {"description": "x" * 400}}}},
    ):
        assert read(**more).input_tokens >= 100


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": ..., "conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"background": False, "store": True}, ""),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id"),
        (
            {"input": [{"role": "user", "content": "x"}, {"type": "reasoning", "id": "rs_1", "summary": NOTHING}]},
            "input[1].id",
        ),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": NOTHING, "encrypted_content": "x"}]}, ""),
        ({"input": [{"type": "reasoning", "id": "rs_1", "content": [{"text": "x"}], "summary": NOTHING}]}, ""),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "f"}]}]}, ""),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0].vector_store_ids"),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "tools[0].container"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, ""),
    ],
)
def test_what_only_one_account_keeps_is_named(fields: dict[str, Any], expected: str) -> None:
    assert read(**fields).kept == expected


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"model": None}, "missing_model", "model"),
        ({"model": 5}, "invalid_type", "model"),
        ({"input": ...}, "missing_input", "input"),
        ({"input": []}, "invalid_type", "input"),
        ({"input": {"role": "user"}}, "invalid_type", "input"),
        ({"input": 5, "previous_response_id": "r"}, "invalid_type", "input"),
        ({"input": ["hi"]}, "invalid_type", "input[0]"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c1", "output": "x"}]},
            "result_without_call",
            "input[0].call_id",
        ),
        ({"input": [{"type": 5}]}, "invalid_type", "input[0].type"),
        ({"input": [{"content": "x"}]}, "invalid_role", "input[0].role"),
        ({"input": [{"role": "user", "content": "x"}, {"role": "boss"}]}, "invalid_role", "input[1].role"),
        ({"input": [{"role": "user", "content": 5}]}, "invalid_type", "input[0].content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "invalid_type", "input[0].content"),
        ({"input": [{"type": "function_call", "arguments": "{}"}]}, "invalid_type", "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "invalid_type", "input[0].call_id"),
        ({"input": [result(1, 5)]}, "invalid_type", "input[0].output"),
        ({"instructions": ["x"]}, "invalid_type", "instructions"),
        ({"max_output_tokens": "9"}, "invalid_type", "max_output_tokens"),
        ({"max_output_tokens": True}, "invalid_type", "max_output_tokens"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"background": 1}, "invalid_type", "background"),
        ({"previous_response_id": 5}, "invalid_type", "previous_response_id"),
        ({"temperature": "hot"}, "invalid_type", "temperature"),
        ({"text": "json"}, "invalid_type", "text"),
        ({"text": {"format": "json"}}, "invalid_type", "text.format"),
        ({"tools": {}}, "invalid_type", "tools"),
        ({"tools": ["f"]}, "invalid_type", "tools"),
        ({"tools": [{"name": "f"}]}, "invalid_tool", "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "invalid_tool", "tools[0]"),
    ],
)
def test_refusals_name_the_field(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)
    assert f"`{param}`" in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "", "brand_new": 1},
        {"input": None, "previous_response_id": "r"},
        {"input": NOTHING, "conversation": "c"},
        {"instructions": None, "tools": None, "temperature": None, "text": {"format": None}},
        {"input": [{"type": "additional_tools", "role": "developer", "tools": NOTHING}]},
    ],
)
def test_what_passes(fields: dict[str, Any]) -> None:
    assert read(**fields).model == "m"
