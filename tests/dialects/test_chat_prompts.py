"""OpenAI Chat bodies as prompts: what is read, and that writing it gives the body again."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.counted import counted

from policyroute import BadRequest, ModelRequest
from policyroute.dialects.openai_chat import OpenAIChat
from policyroute.dialects.shapes import compact, obj
from policyroute.dialects.turns import unsaid

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

CHAT = OpenAIChat()


def unstreamed(body: dict[str, Any]) -> None:
    if not body.get("stream"):
        body.pop("stream", None)
        body.pop("stream_options", None)


def stop_list(body: dict[str, Any]) -> None:
    if isinstance(body.get("stop"), str) and body["stop"]:
        body["stop"] = [body["stop"]]


def any_tool(body: dict[str, Any]) -> None:
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"


def linked(body: dict[str, Any]) -> None:
    for message in body["messages"]:
        for part in message["content"] if isinstance(message.get("content"), list) else ():
            kind = part.get("type")
            if kind in ("image_url", "video_url") and isinstance(part.get(kind), str) and part[kind]:
                part[kind] = {"url": part[kind]}


def arguments_text(body: dict[str, Any]) -> None:
    """Of calls that are read as such: of functions, with a name."""
    for message in body["messages"]:
        calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
        for call in calls if message["role"] == "assistant" else ():
            called = obj(call.get("function"))
            named = isinstance(called.get("name"), str) and called["name"]
            if (
                named
                and call.get("type", "function") == "function"
                and isinstance(called.get("arguments"), dict | list)
            ):
                called["arguments"] = compact(called["arguments"])


NORMAL: tuple[Callable[[dict[str, Any]], None], ...] = (unstreamed, stop_list, any_tool, linked, arguments_text)
"""What is written otherwise than it came, and says the same."""


def normal(body: dict[str, Any]) -> dict[str, Any]:
    body = copy.deepcopy(body)
    for normalise in NORMAL:
        normalise(body)
    return body


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = CHAT.write(CHAT.read(body), body["model"], bool(body.get("stream")))
    assert written.changes == ()
    return written.data


def test_every_recorded_body_is_written_as_it_was_read(recordings: list[Recording]) -> None:
    counts: Counter[str] = Counter()
    for recording in recordings:
        body = ModelRequest.read("openai_chat", json.dumps(recording.request).encode()).data
        found = again(body)
        assert found == normal(body), recording.name
        counts["exact"] += found == body
        for normalise in NORMAL:
            otherwise = copy.deepcopy(body)
            normalise(otherwise)
            counts[normalise.__name__] += otherwise != body
    counted("recorded Chat requests", {"tried": len(recordings), **counts})
    assert len(recordings) >= 597
    assert all(counts[name] >= least for name, least in COUNTS.items()), counts


COUNTS = {"exact": 341, "unstreamed": 254, "linked": 3, "stop_list": 1, "any_tool": 1}


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


@settings(max_examples=150)
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
