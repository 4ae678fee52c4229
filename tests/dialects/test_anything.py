"""Whatever arrives: a value or a typed refusal, never a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import BadRequest, ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.events import Broken

CHAT = DIALECTS["openai_chat"]

NAMES = st.sampled_from(
    """model messages role content tool_calls function name arguments id index choices delta message finish_reason usage
    error code type status prompt_tokens completion_tokens prompt_tokens_details text thinking refusal reasoning audio
    tools tool_choice response_format json_schema schema max_tokens metadata x_groq detail innererror custom
    allowed_tools modalities function_call functions total_tokens""".split()
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


@given(OBJECTS, OBJECTS, OBJECTS)
def test_requests(fields: dict[str, Any], message: dict[str, Any], tool: dict[str, Any]) -> None:
    whole = {"model": "m", "messages": [{**message, "role": "user"}], "tools": [tool], **fields}
    for value in (fields, whole):
        try:
            request = ModelRequest.read("openai_chat", body(value))
        except BadRequest as error:
            assert 400 <= error.status < 500
            continue
        for name in ("messages", "system", "last_user", "tools", "tool_choice", "response_format", "max_tokens"):
            getattr(request, name)
        for name in ("temperature", "params", "modalities", "metadata", "input_tokens"):
            getattr(request, name)


@given(st.lists(ANYTHING, max_size=4))
def test_streams(chunks: list[Any]) -> None:
    reader = CHAT.stream()
    for chunk in chunks:
        wrapped = {"choices": [{"index": 0, "delta": chunk, "finish_reason": None}]}
        for value in (chunk, wrapped):
            reader.feed(b"data: " + body(value) + b"\n\n")
    last = reader.end()
    assert not last or isinstance(last[-1], Broken)


@given(ANYTHING)
def test_answers(value: Any) -> None:
    CHAT.answer(body(value))
    CHAT.answer(body({"choices": [{"message": value, "finish_reason": value}], "usage": value}))


@given(
    st.integers(300, 599),
    ANYTHING,
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"]), st.text()),
)
def test_errors(status: int, value: Any, headers: dict[str, str]) -> None:
    for found in (value, {"error": value}, [value]):
        failure = CHAT.failure(status, headers, body(found), 1e9)
        assert failure.message
        assert failure.retry_after is None or 0 <= failure.retry_after <= 86_400


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"data:\n\n", b"data: \xff\n\n", b"\n" * 1000, b"data: {}\n\n" * 100]
)
def test_bytes(raw: bytes) -> None:
    reader = CHAT.stream()
    reader.feed(raw)
    assert isinstance(reader.end()[-1], Broken)
    assert isinstance(CHAT.answer(raw)[-1], Broken)
    assert CHAT.failure(500, {}, raw, 0.0).message
