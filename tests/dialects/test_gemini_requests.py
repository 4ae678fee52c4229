"""Gemini requests: what is read, what is refused, and that rules read the same as of other dialects."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from policyroute import BadRequest, ModelRequest
from policyroute.absent import ABSENT
from policyroute.dialects.shapes import items, obj
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

EMPTY: dict[str, Any] = {}
HI: list[Any] = [{"role": "user", "parts": [{"text": "hi"}]}]
PATH = "/v1beta/models/m:generateContent"


def read(path: str = PATH, **fields: Any) -> ModelRequest:
    return ModelRequest.read("gemini", json.dumps({"contents": HI, **fields}).encode(), path=path)


def test_the_least_a_request_may_say() -> None:
    request = read()
    assert (request.dialect, request.operation, request.model, request.stream) == ("gemini", "chat", "m", False)
    assert (request.system, request.last_user, request.tools, request.params) == ("", "hi", (), {})
    assert (request.metadata, request.modalities) == ({}, ("text",))
    optional = (request.tool_choice, request.response_format, request.max_tokens, request.temperature)
    assert all(value is ABSENT for value in optional)


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        (PATH, "m", False),
        ("/v1beta/models/m:streamGenerateContent", "m", True),
        ("/llm/v1beta/models/m:generateContent", "m", False),
        ("/models/llm/v1beta/models/m:generateContent", "m", False),
        ("/v1beta/models/vendor/m:8b:generateContent", "vendor/m:8b", False),
        ("/v1beta/models/models/m:generateContent", "models/m", False),
        ("/v1beta/tunedModels/mine:streamGenerateContent", "tunedModels/mine", True),
        ("/v1beta/models/two\nlines:generateContent", "two\nlines", False),
    ],
)
def test_the_path_says_which_model_and_whether_to_stream(path: str, model: str, stream: bool) -> None:
    request = read(path, model="models/another")
    assert (request.model, request.stream) == (model, stream)


def test_without_a_path_the_body_may_name_the_model() -> None:
    assert read("", model="models/m").model == "m"
    with pytest.raises(BadRequest) as refused:
        read("")
    assert refused.value.code == "missing_model"


UPLOADED = "https://generativelanguage.googleapis.com/v1beta/files/abc"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"cachedContent": "cachedContents/abc"}, "cachedContent"),
        ({"cached_content": "cachedContents/abc"}, "cached_content"),
        ({"contents": [{"role": "user", "parts": [{"text": "x"}, {"fileData": {"fileUri": UPLOADED}}]}]}, "fileUri"),
        ({"contents": [{"role": "user", "parts": {"file_data": {"file_uri": UPLOADED}}}]}, "file_uri"),
        ({"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "gs://bucket/files/abc/a.png"}}]}]}, ""),
    ],
)
def test_what_only_one_account_keeps_is_named(fields: dict[str, Any], expected: str) -> None:
    assert read(**fields).kept == expected


IMAGE = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
CONVERSATION: list[Any] = [
    {"parts": [{"text": "look"}, IMAGE]},
    {
        "role": "model",
        "parts": [
            {"text": "hm", "thought": True},
            {"text": "I look.", "thoughtSignature": "s"},
            {"functionCall": {"id": "t1", "name": "look", "args": {"q": 1}}, "thoughtSignature": "s"},
            {"functionCall": {"name": "see"}},
        ],
    },
    {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "t1", "name": "look", "response": {"output": ["found", {"more": "there"}]}}},
            {"functionResponse": {"name": "see", "response": {"n": 1}, "parts": [IMAGE]}},
            {"text": "and now?"},
        ],
    },
]


def as_it_is(value: Any) -> Any:
    return value


def snaked(value: Any) -> Any:
    """The same in the other spelling; what a tool was told or answered is nobody's spelling."""
    if isinstance(value, list):
        return [snaked(inner) for inner in items(value)]
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): inner
        if name in {"response", "args"}
        else snaked(inner)
        for name, inner in obj(value).items()
    } or value


@pytest.mark.parametrize("spelled", [as_it_is, snaked])
def test_messages_of_every_kind_in_either_spelling(spelled: Any) -> None:
    system = {"parts": [{"text": "Be"}, {"text": "brief."}]}
    request = read(**spelled({"systemInstruction": system, "contents": CONVERSATION}))
    assert request.messages == (
        Message("system", "Be\nbrief."),
        Message("user", "look", has_image=True),
        Message("assistant", "I look.", (ToolCall("t1", "look", '{"q":1}'), ToolCall("", "see", "{}"))),
        Message("tool", "found\nthere"),
        Message("tool", "", has_image=True),
        Message("user", "and now?"),
    )
    assert (request.system, request.last_user, request.modalities) == ("Be\nbrief.", "and now?", ("image", "text"))


def test_one_thing_may_stand_where_there_may_be_several() -> None:
    request = read(
        contents={"parts": {"text": "hi"}},
        system_instruction={"parts": {"text": "Be brief."}},
        tools={"functionDeclarations": {"name": "look", "description": "d"}},
    )
    assert (request.system, request.last_user, request.tools) == ("Be brief.", "hi", (Tool("look", "d"),))


@pytest.mark.parametrize("spelled", [as_it_is, snaked])
def test_parameters_in_either_spelling(spelled: Any) -> None:
    config: dict[str, Any] = {
        "maxOutputTokens": 5,
        "temperature": 1,
        "topP": 0.5,
        "thinkingConfig": EMPTY,
        "responseMimeType": "application/json",
        "responseModalities": ["TEXT", "IMAGE"],
    }
    request = read(**spelled({"generationConfig": config, "cachedContent": "c"}), labels={"team": "a", "n": 1})
    assert (request.max_tokens, request.temperature) == (5, 1.0)
    assert request.params == {
        "topP": 0.5,
        "thinkingConfig": EMPTY,
        "responseModalities": ["TEXT", "IMAGE"],
        "cachedContent": "c",
    }
    assert (request.modalities, request.metadata) == (("image", "text"), {"team": "a"})
    assert request.response_format == ResponseFormat("json_object", {})


def test_a_schema_in_geminis_own_words_reads_as_json_schema() -> None:
    own = {
        "type": "OBJECT",
        "properties": {
            "q": {"type": "STRING", "nullable": True},
            "many": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1"},
            "either": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
        },
        "propertyOrdering": ["q"],
    }
    asked = {"responseMimeType": "application/json", "responseSchema": own}
    form: Any = read(generationConfig=asked).response_format
    assert form.type == "json_schema"
    assert form.schema == {
        "type": "object",
        "properties": {
            "q": {"type": ["string", "null"]},
            "many": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
        },
    }
    standard = {"type": "object", "properties": {"type": {"type": "string"}}}
    asked = {"responseMimeType": "application/json", "responseJsonSchema": standard}
    assert read(generationConfig=asked).response_format == ResponseFormat("json_schema", standard)
    assert read(generationConfig={"responseMimeType": "text/plain"}).response_format == ResponseFormat("text", {})


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "VALIDATED"}, "auto"),
        ({"mode": "NONE"}, "none"),
        ({"mode": "ANY"}, "required"),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, "f"),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, "required"),
        ({}, ABSENT),
    ],
)
def test_tool_choice(choice: dict[str, Any], read_as: Any) -> None:
    assert read(toolConfig={"functionCallingConfig": choice}).tool_choice == read_as


def test_tools_are_functions_and_what_the_provider_runs() -> None:
    tools: list[Any] = [
        {"functionDeclarations": [{"name": "a"}, {"name": "b", "description": "d"}]},
        {"google_search": {}},
    ]
    assert read(tools=tools).tools == (Tool("a", ""), Tool("b", "d"), Tool("googleSearch", ""))


def test_the_estimate_counts_everything_that_is_said() -> None:
    less = read().input_tokens
    thought = {"role": "model", "parts": [{"text": "x" * 400, "thought": True}]}
    called = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": "x" * 400}}}]}
    tools = [{"functionDeclarations": [{"name": "f", "description": "x" * 400}]}]
    more: dict[str, Any]
    for more in ({"contents": [*HI, thought]}, {"contents": [*HI, called]}, {"tools": tools}):
        assert read(**more).input_tokens >= less + 100


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"contents": []}, "missing_contents", "contents"),
        ({"contents": "hi"}, "invalid_type", "contents"),
        ({"contents": ["hi"]}, "invalid_type", "contents"),
        ({"contents": [{"role": "assistant"}]}, "invalid_role", "contents[0].role"),
        ({"contents": [{"role": ["user"]}]}, "invalid_role", "contents[0].role"),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]}]},
            "result_without_call",
            "contents[0].parts[0].functionResponse.name",
        ),
        ({"contents": [*HI, {"parts": "hi"}]}, "invalid_type", "contents[1].parts"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "invalid_type", "contents[0].parts[0].text"),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"functionCall": {"name": "f"}}]},
                    {"role": "user", "parts": [{"functionResponse": {"name": "f"}}]},
                ]
            },
            "result_without_call",
            "contents[1].parts[0].functionResponse.name",
        ),
        ({"contents": {"parts": {"text": 1}}}, "invalid_type", "contents.parts.text"),
        (
            {"contents": [*HI, {"parts": {"function_response": {"name": "f"}}}]},
            "result_without_call",
            "contents[1].parts.function_response.name",
        ),
        ({"tools": {"functionDeclarations": {}}}, "invalid_tool", "tools.functionDeclarations"),
        (
            {"contents": [{"parts": [{"function_call": {"name": 1}}]}]},
            "invalid_type",
            "contents[0].parts[0].function_call.name",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": EMPTY, "function_response": EMPTY}]}]},
            "duplicate_field",
            "contents[0].parts[0].function_response",
        ),
        ({"system_instruction": "Be brief."}, "invalid_type", "system_instruction"),
        ({"systemInstruction": EMPTY, "system_instruction": EMPTY}, "duplicate_field", "system_instruction"),
        ({"generationConfig": []}, "invalid_type", "generationConfig"),
        ({"generationConfig": {"temperature": "hot"}}, "invalid_type", "generationConfig.temperature"),
        ({"generation_config": {"max_output_tokens": 1.5}}, "invalid_type", "generation_config.max_output_tokens"),
        ({"generationConfig": {"topP": 1, "top_p": 1}}, "duplicate_field", "generationConfig.top_p"),
        ({"toolConfig": "ANY"}, "invalid_type", "toolConfig"),
        (
            {"tool_config": {"functionCallingConfig": {"allowedFunctionNames": [], "allowed_function_names": ["f"]}}},
            "duplicate_field",
            "tool_config.functionCallingConfig.allowed_function_names",
        ),
        ({"tools": ["search"]}, "invalid_type", "tools"),
        ({"tools": [{"functionDeclarations": [EMPTY]}]}, "invalid_tool", "tools[0].functionDeclarations[0]"),
        ({"safetySettings": "none"}, "invalid_type", "safetySettings"),
    ],
)
def test_what_cannot_be_served_is_refused_by_its_path(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)
    assert (refused.value.code, refused.value.param, refused.value.status) == (code, param, 400)
