"""OpenAI Chat bodies as prompts: what is read, and that writing it gives the body again."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import BadRequest, ModelRequest
from policyroute.dialects.openai_chat import OpenAIChat
from policyroute.dialects.shapes import compact
from policyroute.dialects.turns import unsaid

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

CHAT = OpenAIChat()


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """What is written otherwise than it came, and says the same: a stream that is not wanted is not mentioned, one stop
    sequence is a list of one, a URL that stands alone is that of an object, arguments that are an object are the text
    of one, `any` tool is `required`."""
    body = copy.deepcopy(body)
    if not body.get("stream"):
        body.pop("stream", None)
        body.pop("stream_options", None)
    if isinstance(body.get("stop"), str) and body["stop"]:
        body["stop"] = [body["stop"]]
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"
    for message in body["messages"]:
        for part in message["content"] if isinstance(message.get("content"), list) else ():
            kind = part.get("type")
            if kind in ("image_url", "video_url") and isinstance(part.get(kind), str) and part[kind]:
                part[kind] = {"url": part[kind]}
        calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
        for called in (call["function"] for call in calls if message["role"] == "assistant"):
            if called and isinstance(called["arguments"], dict | list):
                called["arguments"] = compact(called["arguments"])
    return body


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = CHAT.write(CHAT.read(body), body["model"], bool(body.get("stream")))
    assert written.changes == ()
    return written.data


def test_every_recorded_body_is_written_as_it_was_read(recordings: list[Recording]) -> None:
    tried = exact = 0
    for recording in recordings:
        try:
            body = ModelRequest.read("openai_chat", json.dumps(recording.request).encode()).data
        except BadRequest:
            continue
        found = again(body)
        assert found == normal(body), recording.name
        tried, exact = tried + 1, exact + (found == body)
    assert tried >= 590
    assert exact >= 340


ODD = st.sampled_from(
    """type text thinking reasoning reasoning_content refusal image_url url detail file file_data file_id filename
    document_url document_name input_audio data format tool_calls function_call function name arguments id content
    video_url custom tool_call_id effort description parameters strict schema json_schema allowed_tools mode tools
    function image required auto json_object developer cache_control""".split()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | ODD
    | st.sampled_from(["", "data:image/png;base64,QUJD", "data:,x", "https://x.example/a.png", "QUJD", "mp3", "mpeg"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=5),
    max_leaves=20,
)


def typed(kind: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {**rest, "type": kind, kind: rest.get(kind, rest)}


def message(role: str, rest: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
    return {**rest, "role": role} | ({"content": parts} if parts else {})


TYPED = st.builds(typed, ODD, st.dictionaries(ODD, VALUES, max_size=4))
MESSAGES = st.builds(
    message,
    st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]),
    st.dictionaries(ODD, VALUES | st.lists(TYPED, max_size=2), max_size=5),
    st.lists(TYPED, max_size=3),
)
TOPS = st.dictionaries(
    st.sampled_from(
        """stream max_tokens max_completion_tokens temperature top_p top_k n seed random_seed stop logprobs top_logprobs
        reasoning reasoning_effort verbosity tools functions tool_choice function_call response_format metadata user
        service_tier parallel_tool_calls modalities prompt_cache_key stream_options presence_penalty provider""".split()
    ),
    VALUES | TYPED | st.lists(TYPED, max_size=2),
    max_size=6,
)


@settings(max_examples=300)
@given(st.lists(MESSAGES, min_size=1, max_size=3), TOPS)
def test_whatever_it_holds_a_body_is_written_as_it_was_read(messages: list[Any], top: dict[str, Any]) -> None:
    body: dict[str, Any] = {**top, "model": "m", "messages": messages}
    try:
        ModelRequest.read("openai_chat", json.dumps(body).encode())
    except BadRequest:
        return
    assert again(body) == normal(body)
    for dialect in ("anthropic", "gemini"):
        CHAT.write(replace(CHAT.read(body), dialect=dialect), "m", stream=True)
    unsaid(CHAT.read(body))
