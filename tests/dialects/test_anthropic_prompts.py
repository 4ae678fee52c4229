"""Anthropic Messages as a prompt and back: nothing is lost, and what another dialect asked is asked in its words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from tests.dialects.test_anything import ANYTHING, OBJECTS
from tests.support.counted import counted

from policyroute import BadRequest, ModelRequest
from policyroute.absent import ABSENT
from policyroute.changes import Change
from policyroute.dialects.anthropic import Anthropic, foreign
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

ANTHROPIC = Anthropic()
PDF = "JVBERi0xLjQK"
PNG = "iVBORw0KGgo="


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = ANTHROPIC.write(ANTHROPIC.read(body), body["model"], body.get("stream") is True)
    assert written.changes == ()
    return written.data


def test_every_recorded_request_is_written_as_it_was(messages: list[Recording]) -> None:
    equal = 0
    for recording in messages:
        try:
            ModelRequest.read("anthropic", json.dumps(recording.request).encode())
        except BadRequest:
            continue
        assert again(recording.request) == recording.request, recording.name
        equal += 1
    counted("recorded Anthropic requests", {"tried": len(messages), "exact": equal})
    assert equal >= 214


KINDS = st.sampled_from(
    "text image document tool_use tool_result thinking redacted_thinking custom enabled disabled adaptive json_schema "
    "base64 url file any auto tool none web_search_20250305".split()
)


@st.composite
def nodes(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(OBJECTS), "type": draw(KINDS)}


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    inner = draw(st.lists(nodes(), max_size=2))
    return {**draw(nodes()), **({"content": inner} if inner else {})}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    said = st.lists(blocks(), max_size=3)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "tools": st.lists(nodes(), max_size=2),
        "tool_choice": nodes(),
        "thinking": nodes(),
        "output_config": OBJECTS,
        "output_format": nodes(),
        "metadata": OBJECTS,
        "system": said | st.text() | st.none(),
        "stream": st.booleans(),
        "stop_sequences": st.lists(st.text() | st.none(), max_size=2),
    }
    body = {**draw(OBJECTS), **{name: draw(value) for name, value in fields.items() if draw(st.booleans())}}
    if draw(st.booleans()):
        body["output_config"] = {"format": draw(nodes()), "effort": draw(ANYTHING | st.just("high"))}
    turn = {"role": draw(st.sampled_from(["user", "assistant", "system"])), "content": draw(said)}
    return {**body, "model": "m", "messages": [turn, {"role": "user"}]}


@given(bodies())
def test_whatever_is_asked_is_written_as_it_was(body: dict[str, Any]) -> None:
    try:
        data = ModelRequest.read("anthropic", json.dumps(body).encode()).data
    except BadRequest:
        return
    assert same(again(data), data)
    other = ANTHROPIC.write(replace(ANTHROPIC.read(data), dialect="openai_chat"), "m", False)
    assert other.data["messages"][0]["role"] == "user"


def same(one: Any, other: Any) -> bool:
    """As JSON, for which no two numbers are the one and the other of NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


USER = Turn("user", (Text("hi"),))
LOOK = Function("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}}, strict=True)
FIND = Function("find")


def told(prompt: Prompt) -> tuple[dict[str, Any], list[str]]:
    """The body, and the changes as `action field detail`."""
    data, changes = ANTHROPIC.write(prompt, "m", False)
    return data, [f"{change.action} {change.field} {change.detail}".strip() for change in changes]


def asked(*turns: Turn, max_tokens: int | None = 100, **fields: Any) -> Prompt:
    return Prompt("openai_chat", turns or (USER,), max_tokens=max_tokens, **fields)


def test_a_prompt_with_everything() -> None:
    data, changes = told(
        asked(
            Turn("system", (Text("Be kind."),), {"name": "x"}),
            Turn("system", (Text("Be "), Text("brief."))),
            Turn("user", (Text("What is it?"), Media("image", "image/png", PNG, detail="low"))),
            Turn("assistant", (Thought("hm"), Text(" "), Call("a", "look", '{"at":"it"}'), Call("b", "find", "it"))),
            Turn("user", (Result("b", (Text("none"),), error=True),)),
            Turn("user", (Result("a", (Text("a cat"), Media("image", url="https://x.example/cat"))),)),
            Turn("system", (Text("Hurry."),)),
            Turn("user", (Text("So?"), Text(""))),
            Turn("assistant", (Refusal("No."),)),
            Turn("user", (Media("audio", "audio/wav", "AAAA"), Other("odd", {}))),
            tools=(LOOK, FIND, Other("web_search", {})),
            choice=Choice("required", ("look",)),
            parallel=False,
            format=Format("json_schema", {"type": "object"}, "answer", "An answer.", strict=True),
            temperature=1.5,
            top_p=0.5,
            top_k=3,
            stop=("END",),
            seed=0,
            presence_penalty=0.5,
            frequency_penalty=0,
            logprobs=0,
            n=1,
            effort="minimal",
            verbosity="low",
            modalities=("text",),
            user="u",
            metadata={"a": "b"},
            service_tier="flex",
            cache_key="k",
            safety={"x": "y"},
        )
    )
    assert data == {
        "model": "m",
        "max_tokens": 100,
        "temperature": 1.0,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "metadata": {"user_id": "u"},
        "tools": [
            {"name": "look", "description": "Looks.", "input_schema": LOOK.parameters, "strict": True},
            {"name": "find", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
        "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be \nbrief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "a", "name": "look", "input": {"at": "it"}},
                    {"type": "tool_use", "id": "b", "name": "find", "input": {"input": "it"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [
                            {"type": "text", "text": "a cat"},
                            {"type": "image", "source": {"type": "url", "url": "https://x.example/cat"}},
                        ],
                    },
                    {"type": "tool_result", "tool_use_id": "b", "content": "none", "is_error": True},
                    {"type": "text", "text": "<system>\nHurry.\n</system>"},
                    {"type": "text", "text": "So?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "No."}]},
            {"role": "user", "content": [{"type": "text", "text": "."}]},
        ],
    }
    assert changes == [
        "rewritten effort low",
        "dropped response_format.description",
        "clamped temperature 1",
        "dropped seed",
        "dropped presence_penalty",
        "dropped logprobs",
        "dropped verbosity",
        "dropped cache_key",
        "dropped safety",
        "dropped metadata",
        "dropped service_tier",
        "dropped messages.detail",
        "dropped messages.thought",
        "rewritten messages.refusal",
        "dropped messages.audio",
        "rewritten messages.system",
    ]


WORDS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"max_tokens": None}, {"max_tokens": 4096}, ["added max_tokens 4096"]),
    ({"effort": "none"}, {"thinking": {"type": "disabled"}}, []),
    ({"effort": "max"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, []),
    ({"thinking_tokens": 0}, {"thinking": {"type": "disabled"}}, []),
    ({"thinking_tokens": -1}, {"thinking": {"type": "adaptive"}}, []),
    (
        {"thinking_tokens": 10, "max_tokens": 1024},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048},
        ["clamped thinking_tokens 1024", "rewritten max_tokens 2048"],
    ),
    (
        {"thinking_tokens": 2000, "max_tokens": 3000},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 3000},
        [],
    ),
    ({"format": Format("text")}, {"output_config": None}, []),
    ({"format": Format("json_object")}, {"output_config": None}, ["dropped response_format"]),
    ({"service_tier": "default"}, {"service_tier": "standard_only"}, []),
    ({"n": 2, "modalities": ("text", "audio")}, {}, ["dropped n", "dropped modalities"]),
    ({"choice": Choice("required")}, {"tools": None, "tool_choice": None}, ["dropped tool_choice"]),
    ({"tools": (LOOK,), "parallel": True}, {"tool_choice": None}, []),
    (
        {"tools": (LOOK,), "parallel": False},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        [],
    ),
    ({"tools": (LOOK,), "parallel": False, "choice": Choice("none")}, {"tool_choice": {"type": "none"}}, []),
    ({"tools": (LOOK,), "choice": Choice("required")}, {"tool_choice": {"type": "any"}}, []),
    (
        {"tools": (LOOK, FIND), "choice": Choice("auto", ("find",))},
        {
            "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {}}}],
            "tool_choice": {"type": "auto"},
        },
        ["emulated tool_choice"],
    ),
]


@pytest.mark.parametrize(("fields", "said", "changes"), WORDS)
def test_fields_in_its_words(fields: dict[str, Any], said: dict[str, Any], changes: list[str]) -> None:
    data, found = told(asked(**fields))
    assert ({name: data.get(name) for name in said}, found) == (said, changes)


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (
            Media("file", data=PDF, name="a.pdf"),
            document({"type": "base64", "media_type": "application/pdf", "data": PDF}, title="a.pdf"),
        ),
        (
            Media("file", "text/csv", "YSxi"),
            document({"type": "text", "media_type": "text/plain", "data": "a,b"}),
        ),
        (Media("file", url="https://x.example/a.pdf"), document({"type": "url", "url": "https://x.example/a.pdf"})),
        (
            Media("file", "image/png", PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            Media("image", data=PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (Media("image", "image/tiff", "AAAA"), None),
        (Media("image", file_id="file_1"), None),
        (Media("image", url="gs://bucket/a.png"), None),
        (Media("file", "text/plain", "no base64!"), None),
        (Media("file", "application/zip", "AAAA"), None),
        (Media("video", "video/mp4", url="https://x.example/a.mp4"), None),
    ],
)
def test_media(media: Media, block: dict[str, Any] | None) -> None:
    data, changes = told(asked(Turn("user", (Text("see"), media))))
    assert data["messages"][0]["content"][1:] == ([block] if block else [])
    assert changes == ([] if block else [f"dropped messages.{media.kind}"])


def test_calls_without_ids_keep_those_they_are_given() -> None:
    turns = (
        USER,
        Turn("assistant", (Call("", "look", "{}"), Call("", "find", "{}"), Call("", "look", "{}"))),
        Turn("user", (Result("", (Text("1"),), name="look"), Result("", (Text("2"),), name="look"))),
        Turn("user", (Result("", (Text("3"),), name="find"), Result("", (Text("4"),), name="find"))),
        Turn("assistant", (Text("so"),)),
        USER,
    )
    data, changes = told(asked(*turns, tools=(LOOK, FIND)))
    results = [(block["tool_use_id"], block["content"]) for block in data["messages"][2]["content"]]
    assert results == [("call_0", "1"), ("call_1", "3"), ("call_2", "2")]
    assert changes == ["dropped messages.result"]
    whole = json.dumps(data)
    for number in (1, 2, 4, 5, 6):
        shorter = json.dumps(told(asked(*turns[:number], tools=(LOOK, FIND)))[0])
        assert whole.startswith(shorter.removesuffix("]}")), number


def test_tools_that_were_called_are_declared() -> None:
    """The API refuses a conversation with calls of which it knows no tool."""
    data, changes = told(asked(USER, Turn("assistant", (Call("a", "look", ""),)), Turn("user", (Result("a", ()),))))
    assert data["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    assert (data["tool_choice"], changes) == ({"type": "none"}, ["added tools"])
    assert data["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


@pytest.mark.parametrize(
    "turns", [(Turn("system", (Text("Say hi."),)),), (Turn("assistant", (Text("Welcome."),)), USER)]
)
def test_a_conversation_begins_with_the_user(turns: tuple[Turn, ...]) -> None:
    data, changes = told(asked(*turns))
    assert data["messages"][0] == {"role": "user", "content": [{"type": "text", "text": "."}]}
    assert changes == ["added messages"]


def test_one_system_text_is_a_string() -> None:
    data, changes = told(asked(Turn("system", (Text("Be kind."),)), USER))
    assert (data["system"], changes) == ("Be kind.", [])


HURRY = Turn("system", (Text("Hurry."),))
ANSWER = Turn("assistant", (Text("Yes."),))


@pytest.mark.parametrize(
    ("turns", "roles"),
    [
        ((USER, HURRY), ["user", "system"]),
        ((USER, HURRY, ANSWER, USER), ["user", "system", "assistant", "user"]),
        ((USER, HURRY, HURRY, ANSWER), ["user", "system", "assistant"]),
        ((USER, ANSWER, HURRY), ["user", "assistant", "user"]),
        ((USER, ANSWER, HURRY, USER), ["user", "assistant", "user"]),
        ((USER, HURRY, USER), ["user"]),
        ((USER, HURRY, Turn("assistant", (Thought("Hm."),)), USER), ["user"]),
    ],
)
def test_system_text_stands_between_the_user_and_the_answer_or_is_the_users(
    turns: tuple[Turn, ...], roles: list[str]
) -> None:
    data, changes = foreign.conversation(turns)
    assert [message["role"] for message in data["messages"]] == roles
    told = [block["text"] for message in data["messages"] for block in message["content"]]
    tagged = "<system>\nHurry.\n</system>"
    assert ("Hurry." in told, tagged in told) == ("system" in roles, "system" not in roles)
    assert (Change("rewritten", "messages.system") in changes) is ("system" not in roles)


BREAK = {"cache_control": {"type": "ephemeral"}}


def test_breakpoints_of_a_cache() -> None:
    body = {
        "model": "m",
        "system": "Be kind.",
        "tools": [{"name": "a"}, {"name": "b"}],
        "messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
    }
    prompt = replace(ANTHROPIC.read(body), cache=True)
    data, changes = ANTHROPIC.write(prompt, "m", False)
    assert data["system"] == [{"type": "text", "text": "Be kind.", **BREAK}]
    assert data["tools"] == [{"name": "a"}, {"name": "b", **BREAK}]
    assert data["messages"][0]["content"] == [{"type": "text", "text": "one", **BREAK}]
    assert (changes, again(body)) == ((), body)


@pytest.mark.parametrize(
    "own",
    [
        BREAK,
        {"tools": [{"name": "a", **BREAK}]},
        {"system": [{"type": "text", "text": "x", **BREAK}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", **BREAK}]}]},
    ],
)
def test_breakpoints_of_the_client_are_all_there_are(own: dict[str, Any]) -> None:
    body = {"model": "m", "system": "s", "messages": [{"role": "user", "content": "hi"}], **own}
    assert ANTHROPIC.write(replace(ANTHROPIC.read(body), cache=True), "m", False).data == body


def test_what_is_read_of_a_body() -> None:
    prompt = ANTHROPIC.read(
        {
            "model": "m",
            "max_tokens": 9,
            "system": [{"type": "text", "text": "s", **BREAK}],
            "messages": [
                {"role": "user", "content": [document({"type": "text", "media_type": "text/plain", "data": "a,b"})]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {"at": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
            ],
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "high"},
            "output_format": {"type": "json_schema", "schema": {"type": "object"}},
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
            "metadata": {"user_id": "u"},
            "service_tier": "standard_only",
            "container": "c",
        }
    )
    assert [turn.role for turn in prompt.turns] == ["system", "user", "assistant", "user"]
    assert prompt.turns[1].parts == (Media("file", "text/plain", "YSxi"),)
    assert prompt.turns[2].parts == (Call("a", "look", '{"at":1}'),)
    assert prompt.format == Format("json_schema", {"type": "object"}, extra={"output_config": ABSENT})
    assert (prompt.choice, prompt.parallel) == (Choice("required", ("look",)), False)
    assert (prompt.effort, prompt.thinking_tokens, prompt.service_tier) == ("high", -1, "default")
    assert (prompt.user, prompt.max_tokens) == ("u", 9)
    assert prompt.extra == {"stream": ABSENT, "thinking": {"display": "omitted"}, "container": "c"}
