"""Whatever arrives: a value or a typed refusal, never a traceback."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import BadRequest, ModelRequest, Operation
from policyroute.dialects import DIALECTS, Dialect
from policyroute.dialects.shapes import obj
from policyroute.events import Broken, Finished, Usage
from policyroute.policy.fields import BODY_FIELDS

NAMES = st.sampled_from(
    """model messages role content tool_calls function name arguments id index choices delta message finish_reason usage
    error code type status prompt_tokens completion_tokens prompt_tokens_details text thinking refusal reasoning audio
    system content_block partial_json input source data stop_reason input_tokens embedding output_config format
    tools tool_choice response_format json_schema schema max_tokens metadata x_groq detail innererror custom
    output summary variables prompt instructions arguments call_id incomplete_details response delta item output_index
    allowed_tools modalities function_call functions total_tokens contents parts systemInstruction system_instruction
    generationConfig functionCall function_response response candidates finishReason usageMetadata inlineData args
    promptFeedback blockReason functionDeclarations responseSchema properties items details retryDelay""".split()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "user", "stop", "function", "é", "429"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
OBJECTS = st.dictionaries(NAMES, ANYTHING, max_size=6)


def body(value: Any) -> bytes:
    return json.dumps(value, allow_nan=True).encode()


SPOKEN = [
    pytest.param(dialect, operation, id=f"{dialect.name} {operation}")
    for dialect in DIALECTS.values()
    for operation in dialect.requests
]


def asked(dialect: str, operation: Operation, value: Any) -> ModelRequest | None:
    try:
        return ModelRequest.read(dialect, body(value), operation=operation)
    except BadRequest as error:
        assert 400 <= error.status < 500
        return None


@pytest.mark.parametrize(("dialect", "operation"), SPOKEN)
@given(OBJECTS, OBJECTS, OBJECTS)
def test_requests(
    dialect: Dialect, operation: Operation, fields: dict[str, Any], message: dict[str, Any], tool: dict[str, Any]
) -> None:
    said = [{**message, "role": "user"}]
    whole = {"model": "m", "input": "i", "messages": said, "contents": said, "tools": [tool], **fields}
    for value in (
        fields,
        whole,
        {**whole, "input": [{"role": "user", **message}, {**message, "type": "function_call_output"}]},
    ):
        request = asked(dialect.name, operation, value)
        if request is None:
            continue
        for name in ("messages", "system", "last_user", "tools", "tool_choice", "response_format", "max_tokens"):
            getattr(request, name)
        for name in ("temperature", "params", "modalities", "metadata", "input_tokens"):
            getattr(request, name)


@pytest.mark.parametrize(("dialect", "operation"), SPOKEN)
@settings(max_examples=40)
@given(OBJECTS, OBJECTS)
def test_edits(dialect: Dialect, operation: Operation, fields: dict[str, Any], message: dict[str, Any]) -> None:
    """Whatever a request says, changing it gives a request, and leaves the one given alone."""
    said = [{**message, "role": "user"}]
    whole = {"model": "m", "input": "i", "messages": said, "contents": said, **fields}
    request = asked(dialect.name, operation, whole)
    if request is None:
        return
    editor, data = dialect.editors[operation], request.data
    before = copy.deepcopy(data)
    for name, value in VALUES.items():
        editor.has(data, name)
        editor.drop(data, name)
        assert editor.put(data, name, value)["model"] == data["model"]
    editor.system(data, prepend="a", append="b", replace=None)
    editor.system(data, prepend=None, append="b", replace="c")
    editor.rewrite(data, str.upper)
    assert data == before


VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "max_tokens": 5,
    "stop": ["x"],
    "seed": 1,
    "presence_penalty": 1.0,
    "frequency_penalty": 1.0,
    "tool_choice": "look",
    "parallel_tool_calls": False,
    "reasoning_effort": "none",
    "response_format": {"type": "json_schema", "schema": {"type": "object"}},
    "metadata": {"a": "b"},
    "user": "u",
}


def test_every_field_of_a_transform_is_tried() -> None:
    assert VALUES.keys() == BODY_FIELDS.keys()


KINDS = st.sampled_from(
    """message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping error
    text tool_use thinking text_delta thinking_delta input_json_delta server_tool_use tool_result document
    response.created response.completed response.failed response.output_item.added response.output_item.done
    response.output_text.delta response.function_call_arguments.delta function_call message""".split()
)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@given(st.lists(st.tuples(ANYTHING, KINDS, KINDS), max_size=4))
def test_streams(dialect: Dialect, chunks: list[tuple[Any, str, str]]) -> None:
    reader = dialect.stream()
    finished = broken = False
    for chunk, kind, inner in chunks:
        wrapped = {"choices": [{"index": 0, "delta": chunk, "finish_reason": None}]}
        nested: Any = {**obj(chunk), "type": inner} if obj(chunk) else chunk
        named: dict[str, Any] = {
            "type": kind,
            "index": chunk,
            "message": chunk,
            "content_block": nested,
            "delta": nested,
            "response": chunk,
            "item": nested,
            "output_index": chunk,
        }
        content: dict[str, Any] = {"candidates": [chunk, {"content": {"parts": [chunk, nested]}, "finishReason": kind}]}
        values: list[Any] = [chunk, wrapped, named, {**named, "index": 1}, content, [content]]
        for value in values:
            events, _ = reader.feed(b"event: x\ndata: " + body(value) + b"\n\n")
            finished = finished or any(isinstance(event, Finished) for event in events)
            broken = broken or any(isinstance(event, Broken) for event in events)
    last = reader.end()
    broken = broken or any(isinstance(event, Broken) for event in last)
    assert finished or broken


@pytest.mark.parametrize(("dialect", "operation"), SPOKEN)
@given(ANYTHING)
def test_answers(dialect: Dialect, operation: Operation, value: Any) -> None:
    said = [{"role": "user"}]
    request = asked(dialect.name, operation, {"model": "m", "input": "i", "messages": said, "contents": said})
    assert request is not None
    wrapped = [
        {"choices": [{"message": value, "finish_reason": value}], "usage": value},
        {"content": [value, {"type": "tool_use", "input": value}], "stop_reason": value, "usage": value},
        {"data": [value, {"embedding": value}], "usage": value},
        {"input_tokens": value, "error": value},
        {"output": [value, {"type": "message", "content": value}], "status": value, "usage": value},
        {"candidates": [value, {"content": {"parts": [value, {"functionCall": value}]}}], "promptFeedback": value},
    ]
    for found in (value, *wrapped):
        events = dialect.answer(body(found), (), request)
        assert isinstance(events[-1], Broken | Finished | Usage)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@given(
    st.integers(300, 599),
    ANYTHING,
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset"]
        ),
        st.text() | st.datetimes(timezones=st.timezones() | st.none()).map(str),
    ),
)
def test_errors(dialect: Dialect, status: int, value: Any, headers: dict[str, str]) -> None:
    named = {"details": [value, {"violations": [value], "retryDelay": value}], "status": "RESOURCE_EXHAUSTED"}
    typed = {"type": "error", "error": {"details": value, "type": value}}
    for found in (value, {"error": value}, [value], typed, {"error": named}):
        failure = dialect.failure(status, headers, body(found), 1e9)
        assert failure.message
        assert failure.retry_after is None or 0 <= failure.retry_after <= 86_400


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"data:\n\n", b"data: \xff\n\n", b"\n" * 1000, b"data: {}\n\n" * 100]
)
def test_bytes(dialect: Dialect, raw: bytes) -> None:
    reader = dialect.stream()
    reader.feed(raw)
    assert isinstance(reader.end()[-1], Broken)
    assert isinstance(dialect.answer(raw)[-1], Broken)
    assert dialect.failure(500, {}, raw, 0.0).message
