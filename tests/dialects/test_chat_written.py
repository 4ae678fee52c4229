"""What another dialect asked, in the words of OpenAI Chat, and what those do not say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.prompts import HELLO, assistant, user

from policyroute.dialects.openai_chat import OpenAIChat
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

CHAT = OpenAIChat()
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
LOOK = Function("look", "Looks.", SCHEMA, strict=True, extra={"cache_control": {}})


def written(*turns: Turn, stream: bool = False, **fields: Any) -> Written:
    return CHAT.write(Prompt("elsewhere", turns or (HELLO,), **fields), "m", stream)


def messages(*turns: Turn) -> tuple[list[dict[str, Any]], list[str]]:
    data, changes = written(*turns)
    return data["messages"], [str(change) for change in changes]


def test_a_prompt_with_all_there_is_to_say() -> None:
    data, changes = written(
        Turn("system", (Text("be kind"),), {"cache_control": {}}),
        HELLO,
        stream=True,
        tools=(LOOK, Other("web_search", {})),
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
        modalities=("text",),
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
        "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA, "strict": True},
            }
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "shape", "description": "A shape.", "schema": SCHEMA, "strict": True},
        },
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "n": 2,
        "reasoning_effort": "low",
        "verbosity": "high",
        "user": "u",
        "service_tier": "flex",
        "prompt_cache_key": "k",
    }
    assert [str(change) for change in changes] == ["top_k=dropped", "metadata=dropped", "safety=dropped"]


def test_a_prompt_with_nothing_but_a_word() -> None:
    assert written() == ({"model": "m", "messages": [{"role": "user", "content": "hello"}]}, ())


@pytest.mark.parametrize(
    ("fields", "said", "changes"),
    [
        ({"choice": Choice("auto"), "tools": (LOOK,)}, {"tool_choice": "auto"}, []),
        ({"choice": Choice("none"), "tools": (LOOK,)}, {"tool_choice": "none"}, []),
        (
            {"choice": Choice("required", ("look",)), "tools": (LOOK,)},
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
            [],
        ),
        (
            {"choice": Choice("auto", ("look",)), "tools": (LOOK,)},
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
                }
            },
            [],
        ),
        ({"choice": Choice("required"), "parallel": True}, {}, ["tool_choice=dropped", "parallel_tool_calls=dropped"]),
        ({"format": Format("json_object")}, {"response_format": {"type": "json_object"}}, []),
        (
            {"format": Format("json_schema", SCHEMA)},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}},
            [],
        ),
        ({"thinking_tokens": 0}, {"reasoning_effort": "none"}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": 1024}, {"reasoning_effort": "minimal"}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": 10_000}, {"reasoning_effort": "medium"}, ["thinking_tokens=rewritten"]),
        ({"thinking_tokens": -1}, {}, ["thinking_tokens=dropped"]),
        (
            {"thinking_tokens": 5000, "effort": "high"},
            {"reasoning_effort": "high"},
            ["thinking_tokens=dropped"],
        ),
        ({"logprobs": 0}, {"logprobs": True}, []),
        ({"service_tier": "standard_only"}, {}, ["service_tier=dropped"]),
        ({"modalities": ("text", "image")}, {}, ["modalities=dropped"]),
        ({"temperature": 0, "seed": 0}, {"temperature": 0, "seed": 0}, []),
    ],
)
def test_fields(fields: dict[str, Any], said: dict[str, Any], changes: list[str]) -> None:
    data, changed = written(**fields)
    rest = {name: value for name, value in data.items() if name not in ("model", "messages", "tools")}
    assert rest == said
    assert [str(change) for change in changed] == changes


def test_parallel_calls_and_their_results() -> None:
    said, changes = messages(
        HELLO,
        assistant(
            Thought("hm", {"signature": "s"}), Text("I look."), Call("a", "look", '{"x":1}'), Call("b", "look", "")
        ),
        user(Result("a", (Text("1"), Text("2"))), Text("and?"), Result("b", (Text("broke"),), error=True)),
    )
    assert said[1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"x":1}'}},
                {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1\n\n2"},
        {"role": "tool", "tool_call_id": "b", "content": "broke"},
        {"role": "user", "content": "and?"},
    ]
    assert changes == ["messages.thought=dropped", "messages.result.error=dropped"]


def test_calls_without_ids_get_them_by_their_place_and_results_by_name_and_order() -> None:
    said, _ = messages(
        HELLO,
        assistant(Call("", "look", "{}"), Call("", "find", "{}"), Call("", "look", "not JSON")),
        user(Result("", (), name="find"), Result("", (), name="look"), Result("", (), name="look")),
        assistant(Call("", "look", "{}")),
        user(Result("", (), name="look")),
    )
    calls = [call for message in said for call in message.get("tool_calls", [])]
    assert [call["id"] for call in calls] == ["call_0", "call_1", "call_2", "call_3"]
    assert calls[2]["function"]["arguments"] == "not JSON"
    answered = [message["tool_call_id"] for message in said if message["role"] == "tool"]
    assert answered == ["call_1", "call_0", "call_2", "call_3"]


def test_system_text_stays_where_it_was_said() -> None:
    said, changes = messages(
        Turn("system", (Text("a"), Text("b"))), Turn("system", (Text("c"),)), HELLO, Turn("system", (Text("d"),)), HELLO
    )
    assert [(message["role"], message["content"]) for message in said] == [
        ("system", "a\n\nb"),
        ("system", "c"),
        ("user", "hello"),
        ("system", "d"),
        ("user", "hello"),
    ]
    assert changes == []


def test_turns_of_one_role_are_one_message() -> None:
    said, _ = messages(HELLO, HELLO, assistant(Text("x")), assistant(Call("a", "look", "{}")))
    assert [message["role"] for message in said] == ["user", "assistant"]
    assert said[0]["content"] == "hello\n\nhello"
    assert said[1]["content"] == "x"
    assert said[1]["tool_calls"][0]["id"] == "a"


def test_what_is_refused_and_what_is_only_thought() -> None:
    said, changes = messages(
        HELLO, assistant(Refusal("no")), HELLO, assistant(Thought("hm")), HELLO, assistant(Other("redacted", {}))
    )
    assert said[1] == {"role": "assistant", "content": None, "refusal": "no"}
    assert [message["role"] for message in said] == ["user", "assistant", "user", "user"]
    assert changes == ["messages.thought=dropped"]


MEDIA: list[tuple[Media, dict[str, Any] | None, list[str]]] = [
    (
        Media("image", mime="image/jpeg", data="QUJD", detail="low"),
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}},
        [],
    ),
    (
        Media("image", url="https://example.org/a.png"),
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        [],
    ),
    (Media("image", file_id="f"), None, ["messages.image=dropped"]),
    (
        Media("file", mime="application/pdf", data="QUJD"),
        {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        [],
    ),
    (
        Media("file", mime="application/pdf", data="QUJD", name="a.pdf"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        [],
    ),
    (Media("file", mime="text/plain", data="w6k="), {"type": "text", "text": "é"}, ["messages.file=rewritten"]),
    (Media("file", url="https://example.org/a.pdf"), None, ["messages.file=dropped"]),
    (
        Media("audio", mime="audio/mpeg", data="QUJD"),
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        [],
    ),
    (Media("audio", mime="audio/flac", data="QUJD"), None, ["messages.audio=dropped"]),
    (Media("video", mime="video/mp4", data="QUJD"), None, ["messages.video=dropped"]),
]


@pytest.mark.parametrize(("medium", "part", "changes"), MEDIA)
def test_media(medium: Media, part: dict[str, Any] | None, changes: list[str]) -> None:
    image = Media("image", url="https://example.org/b.png")
    said, changed = messages(user(image, medium))
    assert said[0]["content"][1:] == ([part] if part else [])
    assert changed == changes


def test_an_image_that_a_tool_gave_follows_its_results() -> None:
    image = Media("image", mime="image/png", data="QUJD")
    said, changes = messages(
        HELLO,
        assistant(Call("a", "look", "{}"), Call("b", "look", "{}")),
        user(Result("a", (Text("seen"), image)), Result("b", (Text("too"),)), Text("well?")),
    )
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "tool", "user"]
    assert said[2]["content"] == "seen"
    assert [part["type"] for part in said[4]["content"]] == ["image_url", "text"]
    assert changes == ["messages.result.image=moved"]


def test_an_answer_shows_no_media() -> None:
    said, changes = messages(HELLO, assistant(Text("x"), Media("image", mime="image/png", data="QUJD")))
    assert said[1] == {"role": "assistant", "content": "x"}
    assert changes == ["messages.image=dropped"]


TURNS = [
    Turn("system", (Text("s"),)),
    HELLO,
    assistant(Thought("t"), Call("", "look", "{}"), Call("x", "look", "{}")),
    user(Result("x", (Media("image", data="QUJD"),)), Result("", (Text("r"),), name="look")),
    assistant(Text("a")),
    HELLO,
    assistant(Call("", "look", "{}")),
    user(Result("", (Text("r"),), name="look")),
]


def test_a_longer_conversation_begins_as_the_shorter_one_did() -> None:
    whole = json.dumps(written(*TURNS).data["messages"])
    for count in range(1, len(TURNS)):
        part = json.dumps(written(*TURNS[:count]).data["messages"])
        assert whole.startswith(part.removesuffix("]"))


def test_the_prompt_given_stays() -> None:
    prompt = Prompt("elsewhere", tuple(TURNS), tools=(LOOK,), format=Format("json_schema", SCHEMA))
    before = replace(prompt)
    CHAT.write(prompt, "m", stream=True)
    assert prompt == before


READ: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"max_tokens": 5, "max_completion_tokens": 9}, {"max_tokens": 9}),
    ({"max_tokens": 5}, {"max_tokens": 5}),
    ({"stop": "x"}, {"stop": ("x",)}),
    ({"random_seed": 3}, {"seed": 3}),
    ({"reasoning": {"effort": "high", "exclude": True}}, {"effort": "high"}),
    ({"reasoning_effort": "default"}, {"effort": None}),
    ({"tool_choice": "any"}, {"choice": Choice("required")}),
    ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, {"choice": Choice("required", ("f",))}),
    ({"logprobs": True, "top_logprobs": 4}, {"logprobs": 4}),
    ({"logprobs": False}, {"logprobs": None}),
    ({"metadata": {"a": 1}}, {"metadata": {}}),
    ({"prompt_cache_key": "k", "user": "u"}, {"cache_key": "k", "user": "u"}),
]


@pytest.mark.parametrize(("fields", "said"), READ)
def test_what_is_read(fields: dict[str, Any], said: dict[str, Any]) -> None:
    prompt = CHAT.read({"model": "m", "messages": [{"role": "user", "content": "x"}], **fields})
    assert {name: getattr(prompt, name) for name in said} == said


def test_messages_of_its_relatives_are_read() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    turns = CHAT.read(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "d"},
                {"role": "assistant", "content": [thinking, {"type": "text", "text": "x"}]},
                {"role": "assistant", "reasoning": "r", "content": "x"},
                legacy,
                {"role": "function", "name": "f", "content": "1"},
                {"role": "user", "content": [{"type": "document_url", "document_url": "https://example.org/a.pdf"}]},
            ],
        }
    ).turns
    assert [turn.role for turn in turns] == ["system", "assistant", "assistant", "assistant", "user", "user"]
    assert [[type(part) for part in turn.parts] for turn in turns] == [
        [Text],
        [Thought, Text],
        [Thought, Text],
        [Call],
        [Result],
        [Media],
    ]
    said, changes = messages(*turns)
    assert said[2]["tool_call_id"] == said[1]["tool_calls"][0]["id"]
    assert changes == ["messages.thought=dropped", "messages.file=dropped"]
