"""What another dialect asked, in the words of OpenAI Responses, and what those do not say."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from tests.support.prompts import HELLO, assistant, user

from policyroute.changes import Change
from policyroute.dialects.openai_responses import OpenAIResponses
from policyroute.dialects.translation import Written
from policyroute.request.prompt import (
    Call,
    Choice,
    Format,
    Function,
    Media,
    Other,
    Prompt,
    Refusal,
    Result,
    Text,
    Thought,
    Turn,
)

RESPONSES = OpenAIResponses()
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
LOOK = Function("look", "Looks.", SCHEMA, strict=True, extra={"cache_control": {}})
ADDED = Change("added", "store")


def written(*turns: Turn, stream: bool = False, **fields: Any) -> Written:
    return RESPONSES.write(Prompt("elsewhere", turns or (HELLO,), **fields), "m", stream)


def said(*turns: Turn) -> tuple[list[dict[str, Any]], list[str]]:
    data, changes = written(*turns)
    return data["input"], [str(change) for change in changes if change != ADDED]


def message(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def test_a_prompt_with_all_there_is_to_say() -> None:
    data, changes = written(
        Turn("system", (Text("be kind"), Text("and")), {"cache_control": {}}),
        Turn("system", (Text("short"),)),
        HELLO,
        stream=True,
        tools=(LOOK, Function("wait"), Other("web_search", {})),
        choice=Choice("required"),
        parallel=False,
        format=Format("json_schema", SCHEMA, "shape", "A shape.", True, {"odd": 1}),
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("a", "b"),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=3,
        n=2,
        effort="low",
        verbosity="high",
        modalities=("text", "audio"),
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        cache_key="k",
        safety={"hate": "none"},
        cache=True,
        extra={"odd": 1},
    )
    assert data == {
        "model": "m",
        "stream": True,
        "store": False,
        "instructions": "be kind\n\nand\n\nshort",
        "input": [message("user", "hello")],
        "tools": [
            {"type": "function", "name": "look", "description": "Looks.", "parameters": SCHEMA, "strict": True},
            {"type": "function", "name": "wait", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "text": {
            "format": {
                "type": "json_schema",
                "name": "shape",
                "description": "A shape.",
                "schema": SCHEMA,
                "strict": True,
            },
            "verbosity": "high",
        },
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 3,
        "reasoning": {"effort": "low"},
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
    }
    dropped = "top_k stop seed presence_penalty frequency_penalty n modalities safety".split()
    assert [str(change) for change in changes] == ["store=added", *(f"{name}=dropped" for name in dropped)]


def test_a_prompt_with_nothing_but_a_word() -> None:
    assert written() == ({"model": "m", "store": False, "input": [message("user", "hello")]}, (ADDED,))


@pytest.mark.parametrize(
    ("fields", "added", "changes"),
    [
        ({"choice": Choice("auto"), "tools": (LOOK,)}, {"tool_choice": "auto"}, []),
        ({"choice": Choice("none"), "tools": (LOOK,)}, {"tool_choice": "none"}, []),
        (
            {"choice": Choice("required", ("look",)), "tools": (LOOK,)},
            {"tool_choice": {"type": "function", "name": "look"}},
            [],
        ),
        (
            {"choice": Choice("auto", ("look",)), "tools": (LOOK,)},
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]}},
            [],
        ),
        ({"choice": Choice("required"), "parallel": True}, {}, ["tool_choice=dropped", "parallel_tool_calls=dropped"]),
        ({"format": Format("json_object")}, {"text": {"format": {"type": "json_object"}}}, []),
        (
            {"format": Format("json_schema", SCHEMA)},
            {"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": False}}},
            [],
        ),
        ({"thinking_tokens": 0}, {"reasoning": {"effort": "none"}}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": 1024}, {"reasoning": {"effort": "minimal"}}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": 10_000}, {"reasoning": {"effort": "medium"}}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": -1}, {}, ["thinking_tokens=dropped"]),
        ({"thinking_tokens": 5000, "effort": "high"}, {"reasoning": {"effort": "high"}}, ["thinking_tokens=dropped"]),
        ({"logprobs": 0}, {"include": ["message.output_text.logprobs"]}, []),
        ({"max_tokens": 1}, {"max_output_tokens": 16}, ["max_tokens=clamped"]),
        ({"max_tokens": 16}, {"max_output_tokens": 16}, []),
        ({"service_tier": "standard_only"}, {}, ["service_tier=dropped"]),
        ({"modalities": ("text",), "n": 1}, {}, []),
        ({"temperature": 0}, {"temperature": 0}, []),
        ({"seed": 0}, {}, ["seed=dropped"]),
    ],
)
def test_fields(fields: dict[str, Any], added: dict[str, Any], changes: list[str]) -> None:
    data, changed = written(**fields)
    rest = {name: value for name, value in data.items() if name not in ("model", "input", "store", "tools")}
    assert rest == added
    assert [str(change) for change in changed if change != ADDED] == changes


def test_parallel_calls_and_their_results() -> None:
    items, changes = said(
        HELLO,
        assistant(
            Thought("hm", {"signature": "s"}), Text("I look."), Call("a", "look", '{"x":1}'), Call("b", "look", "")
        ),
        user(
            Result("a", (Text("1"), Text("2"))),
            Text("and?"),
            Result("b", (Text("broke"), Media("image", mime="image/png", data="QUJD")), error=True),
        ),
    )
    assert items[1:] == [
        message("assistant", "I look."),
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": '{"x":1}'},
        {"type": "function_call", "call_id": "b", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1\n\n2"},
        {
            "type": "function_call_output",
            "call_id": "b",
            "output": [
                {"type": "input_text", "text": "broke"},
                {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
            ],
        },
        message("user", "and?"),
    ]
    assert changes == ["messages.thought=dropped", "messages.result.error=dropped"]


def test_what_is_said_between_calls_stays_there() -> None:
    items, _ = said(HELLO, assistant(Text("a"), Call("1", "f", "{}"), Text("b"), Text("c")))
    assert items[1] == message("assistant", "a")
    assert items[2]["type"] == "function_call"
    assert items[3] == message("assistant", "b", "c")


def test_calls_without_ids_get_them_by_their_place_and_results_by_name_and_order() -> None:
    items, _ = said(
        HELLO,
        assistant(Call("", "look", "{}"), Call("", "find", "{}"), Call("", "look", "not JSON")),
        user(Result("", (), name="find"), Result("", (), name="look"), Result("", (), name="look")),
        assistant(Call("", "look", "{}")),
        user(Result("", (), name="look")),
    )
    calls = [item for item in items if item["type"] == "function_call"]
    assert [call["call_id"] for call in calls] == ["call_0", "call_1", "call_2", "call_3"]
    assert calls[2]["arguments"] == "not JSON"
    answered = [item["call_id"] for item in items if item["type"] == "function_call_output"]
    assert answered == ["call_1", "call_0", "call_2", "call_3"]


def test_system_text_in_the_middle_is_the_developers() -> None:
    items, changes = said(Turn("system", (Text("a"),)), HELLO, Turn("system", (Text("b"), Text("c"))), HELLO)
    assert items == [message("user", "hello"), message("developer", "b\n\nc"), message("user", "hello")]
    assert changes == []


def test_what_is_refused_and_what_is_only_thought() -> None:
    items, changes = said(
        HELLO, assistant(Refusal("no")), HELLO, assistant(Thought("hm")), HELLO, assistant(Other("redacted", {}))
    )
    assert items[1]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert [item["role"] for item in items] == ["user", "assistant", "user", "user"]
    assert changes == ["messages.thought=dropped"]


def data_url(mime: str) -> str:
    return f"data:{mime};base64,QUJD"


MEDIA: list[tuple[Media, dict[str, Any] | None, list[str]]] = [
    (
        Media("image", mime="image/jpeg", data="QUJD", detail="low"),
        {"type": "input_image", "image_url": data_url("image/jpeg"), "detail": "low"},
        [],
    ),
    (Media("image", data="QUJD", detail="odd"), {"type": "input_image", "image_url": data_url("image/png")}, []),
    (
        Media("image", url="https://example.org/a.png"),
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        [],
    ),
    (Media("image", url="gs://bucket/a.png"), None, ["messages.image=dropped"]),
    (Media("image", file_id="file_1"), None, ["messages.image=dropped"]),
    (
        Media("file", mime="application/pdf", data="QUJD"),
        {"type": "input_file", "file_data": data_url("application/pdf"), "filename": "file.pdf"},
        [],
    ),
    (
        Media("file", data="QUJD", name="a.pdf"),
        {"type": "input_file", "file_data": data_url("application/pdf"), "filename": "a.pdf"},
        [],
    ),
    (
        Media("file", mime="application/pdf", url="https://example.org/a.pdf", name="a.pdf"),
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        [],
    ),
    (
        Media("file", mime="text/plain", data=b64encode(b"plain").decode()),
        {"type": "input_text", "text": "plain"},
        ["messages.file=rewritten"],
    ),
    (Media("file", file_id="file_1"), None, ["messages.file=dropped"]),
    (Media("audio", mime="audio/wav", data="QUJD"), None, ["messages.audio=dropped"]),
    (Media("video", url="https://example.org/a.mp4"), None, ["messages.video=dropped"]),
]


@pytest.mark.parametrize(("medium", "part", "changes"), MEDIA)
def test_media(medium: Media, part: dict[str, Any] | None, changes: list[str]) -> None:
    items, changed = said(user(Text("see"), medium))
    assert items[0]["content"][1:] == ([part] if part else [])
    assert changed == changes


def test_media_of_an_assistant_are_left_out() -> None:
    items, changes = said(HELLO, assistant(Text("see"), Media("image", data="QUJD")))
    assert items[1] == message("assistant", "see")
    assert changes == ["messages.image=dropped"]


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    turns = [
        Turn("system", (Text("be kind"),)),
        HELLO,
        assistant(Text("I look."), Call("", "look", "{}"), Call("", "look", "{}")),
        user(Result("", (Text("1"),), name="look"), Result("", (Text("2"),), name="look")),
        assistant(Text("So.")),
        Turn("system", (Text("be short"),)),
        user(Text("and?")),
        assistant(Call("", "find", "{}")),
        user(Result("", (Text("3"),), name="find")),
    ]
    bodies = [json.dumps(said(*turns[:most])[0]) for most in range(2, len(turns) + 1)]
    for shorter, longer in pairwise(bodies):
        assert longer.startswith(shorter[:-1])
