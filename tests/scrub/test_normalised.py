"""What only the provider that it came from has a use for does not cross."""

from __future__ import annotations

from typing import Any

import pytest

from policyroute.absent import ABSENT
from policyroute.changes import Change
from policyroute.dialects import DIALECTS
from policyroute.request.prompt import Call, Format, Function, Media, Other, Prompt, Result, Text, Thought, Turn
from policyroute.scrub import normalised
from policyroute.scrub.canonical import canonical

HELLO = Turn("user", (Text("Hello"),))


def prompt(*turns: Turn, **fields: Any) -> Prompt:
    return Prompt("anthropic", turns or (HELLO,), **fields)


def test_ids_are_the_same_through_the_whole_conversation() -> None:
    said = prompt(
        HELLO,
        Turn("assistant", (Call("toolu_9", "a", "{}"), Call("toolu_7", "b", "{}"))),
        Turn("user", (Result("toolu_7", (Text("7"),)), Result("toolu_9", (Text("9"),)))),
        Turn("assistant", (Call("toolu_5", "a", "{}"),)),
        Turn("user", (Result("toolu_5", (Text("5"),)),)),
    )
    told, changes = normalised(said)
    parts = [part for turn in told.turns for part in turn.parts]
    assert [part.id for part in parts if isinstance(part, Call)] == ["call_1", "call_2", "call_3"]
    assert [part.call_id for part in parts if isinstance(part, Result)] == ["call_2", "call_1", "call_3"]
    assert changes == (Change("rewritten", "messages.call.id"),)
    shorter, _ = normalised(prompt(*said.turns[:3]))
    assert told.turns[:3] == shorter.turns


def test_an_id_that_comes_again_is_the_last_calls() -> None:
    one = (Turn("assistant", (Call("x", "a", "{}"),)), Turn("user", (Result("x", (Text("1"),)),)))
    told, _ = normalised(prompt(HELLO, *one, *one))
    ids = [part.call_id for turn in told.turns for part in turn.parts if isinstance(part, Result)]
    assert ids == ["call_1", "call_2"]


def test_a_result_that_answers_nothing_has_an_id_of_its_own() -> None:
    told, _ = normalised(prompt(Turn("user", (Result("toolu_1", ()), Result("toolu_2", ()), Result("", ())))))
    ids = [part.call_id for part in told.turns[0].parts if isinstance(part, Result)]
    assert len(set(ids)) == 3
    assert not any("toolu" in each for each in ids)


def test_thoughts_signatures_and_what_is_kept_elsewhere() -> None:
    told, changes = normalised(
        prompt(
            HELLO,
            Turn("assistant", (Thought("hm", {"signature": "s"}), Text("Yes", {"cache_control": {}}))),
            Turn("assistant", (Thought("hm"),)),
            Turn("user", (Other("container_upload", {"file_id": "f"}), Text("So?"), Media("file", file_id="f"))),
            Turn("user", (Media("image", data="aaaa", mime="image/png", file_id="f"),)),
            extra={"container": "c", "previous_response_id": "resp_1", "system": ABSENT},
            user="u",
            metadata={"a": "b"},
            cache_key="k",
        )
    )
    assert [turn.parts for turn in told.turns[1:3]] == [(Text("Yes", {}),), (Text("So?"),)]
    assert told.turns[3].parts == (Media("image", data="aaaa", mime="image/png"),)
    assert told.extra == {"system": ABSENT}
    assert (told.user, told.metadata, told.cache_key) == ("", {}, "")
    assert {str(change) for change in changes} == {
        "messages.thought=dropped",
        "messages.text.cache_control=dropped",
        "messages.container_upload=dropped",
        "messages.file=dropped",
        "container=dropped",
        "previous_response_id=dropped",
        "user=dropped",
        "metadata=dropped",
        "cache_key=dropped",
    }


def test_tools_in_one_form() -> None:
    schema = {
        "title": "Args",
        "$id": "urn:x",
        "$comment": "ours",
        "properties": {
            "title": {"description": "A title", "title": "Title", "type": "string", "x-order": 1},
            "x-ray": {"type": "boolean"},
            "id": {"default": {"title": "kept", "x-y": 1}, "type": "object"},
        },
        "required": ["title"],
        "type": "object",
    }
    tools = (Function("a", "A", schema, True, {"defer_loading": True}), Other("web_search", {"type": "web_search"}))
    told, changes = normalised(prompt(tools=tools))
    (kept,) = told.tools
    assert isinstance(kept, Function)
    assert (kept.strict, kept.extra) == (None, {})
    expected = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "description": "A title"},
            "x-ray": {"type": "boolean"},
            "id": {"type": "object", "default": {"title": "kept", "x-y": 1}},
        },
        "required": ["title"],
    }
    assert kept.parameters == expected
    assert str(kept.parameters) == str(expected), "the order of keywords is one"
    assert {str(change) for change in changes} == {
        "tools.parameters=rewritten",
        "tools.strict=dropped",
        "tools.defer_loading=dropped",
        "tools.web_search=dropped",
    }


def test_ids_stay_in_schemas_that_refer_to_them() -> None:
    schema = {"$id": "urn:x", "$ref": "#/$defs/a", "$defs": {"a": {"$id": "urn:a"}, "b": {"$ref": "urn:a"}}}
    assert canonical(schema) == schema
    del schema["$defs"]
    assert canonical(schema) == {"$ref": "#/$defs/a"}


def test_the_form_of_an_answer_stays_as_strict_as_it_was() -> None:
    form = Format("json_schema", {"type": "object", "title": "T"}, "answer", strict=True)
    told, _ = normalised(prompt(format=form))
    assert told.format == Format("json_schema", {"type": "object"}, "answer", strict=True)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", {"messages": [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "x"}]}),
        ("openai_responses", {"input": "Hello", "instructions": "Be kind."}),
        ("anthropic", {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}),
    ],
)
def test_a_plain_prompt_is_the_very_prompt(dialect: str, body: dict[str, Any]) -> None:
    tool = Function("a", "A", {"type": "object", "properties": {"b": {"type": "string", "description": "c"}}})
    read = DIALECTS[dialect].read({"model": "m", **body})
    assert normalised(read) == (read, ())
    assert normalised(read)[0] is read
    own = prompt(HELLO, Turn("assistant", (Call("call_1", "a", "{}"),)), tools=(tool,))
    assert normalised(own)[0] is own
