"""What becomes of a prompt for a target that takes less than it says."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest

from policyroute.adapt import Fitted, Room, asked_for, fit
from policyroute.catalogue import Traits, traits
from policyroute.dialects import DIALECTS
from policyroute.request import ModelRequest
from policyroute.request.prompt import Call, Prompt, Result

FUNCTION: dict[str, Any] = {"name": "look", "parameters": {"type": "object", "properties": {}}}
TOOL: dict[str, Any] = {"type": "function", "function": FUNCTION}


def chat(*messages: dict[str, Any], **fields: Any) -> Prompt:
    body = {"model": "m", "messages": list(messages) or [{"role": "user", "content": "Hi"}], **fields}
    return ModelRequest.read("openai_chat", orjson.dumps(body)).prompt


def takes(dialect: str = "openai_chat", **changed: Any) -> Traits:
    return replace(traits(dialect, "", "m", None, {}), **changed)


def fitted(said: Prompt, wanted: Traits, dialect: str = "openai_chat", **room: Any) -> Fitted:
    return fit(said, DIALECTS[dialect], "m", wanted, Room(**room), stream=False, interactive=True)


def said(result: Fitted) -> set[str]:
    return {str(change) for change in result.changes}


def body(result: Fitted) -> dict[str, Any]:
    assert result.data is not None
    return result.data


SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hi"}


def test_what_the_target_takes_as_it_is_is_not_written_anew() -> None:
    assert fitted(chat(SYSTEM, USER, temperature=0.5), takes()).data is None


def test_without_a_role_for_it_the_system_goes_into_the_first_turn_of_the_user() -> None:
    result = fitted(chat(SYSTEM, USER), takes(system=False))
    assert [message["role"] for message in body(result)["messages"]] == ["user"]
    text = str(body(result)["messages"][0]["content"])
    assert text.index("<system>") < text.index("precedence") < text.index("Be brief.") < text.index("</system>")
    assert text.index("</system>") < text.index("Hi")
    assert said(result) == {"system=moved"}


DEMANDED = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "required": ["q"]}}}


@pytest.mark.parametrize("opening", [[SYSTEM], []], ids=["a system prompt", "none"])
def test_nor_is_the_role_there_for_what_is_asked_for_in_words(opening: list[dict[str, Any]]) -> None:
    asks = {"tools": [TOOL], "tool_choice": "required", "response_format": DEMANDED}
    less = takes(system=False, json_schema=False, json_object=False, tool_choice=False)
    result = fitted(chat(*opening, USER, **asks), less)
    assert [message["role"] for message in body(result)["messages"]] == ["user"]
    text = str(body(result)["messages"][0]["content"])
    assert text.index("<system>") < text.index("JSON Schema") < text.index("</system>") < text.index("Hi")
    assert said(result) == {"system=moved", "tool_choice=emulated", "response_format=emulated"}


def test_a_conversation_without_a_user_still_has_its_system() -> None:
    result = fitted(chat(SYSTEM, {"role": "assistant", "content": "Hello"}), takes(system=False))
    assert [message["role"] for message in body(result)["messages"]] == ["user", "assistant"]


def test_system_text_in_mid_conversation_keeps_its_place() -> None:
    later = {"role": "system", "content": "Now in French."}
    answer = {"role": "assistant", "content": "Hello"}
    result = fitted(chat(SYSTEM, USER, answer, later, USER), takes(mid_system=False))
    messages = body(result)["messages"]
    assert [message["role"] for message in messages][:4] == ["system", "user", "assistant", "user"]
    assert "<system>\nNow in French.\n</system>" in str(messages[3]["content"])
    assert said(result) == {"messages.system=rewritten"}


CALLS: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": f"toolu_{n}", "type": "function", "function": {"name": "look", "arguments": "{}"}} for n in (1, 2)
    ],
}
RESULTS = [{"role": "tool", "tool_call_id": f"toolu_{n}", "content": "a cat"} for n in (1, 2)]


def test_a_system_turn_without_words_says_nothing_elsewhere() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "input": [USER, {"type": "additional_tools", "role": "developer", "tools": []}, USER],
    }
    prompt = ModelRequest.read("openai_responses", orjson.dumps(body)).prompt
    for dialect in ("openai_chat", "anthropic", "gemini"):
        result = fitted(prompt, takes(dialect, mid_system=False), dialect)
        assert "system" not in orjson.dumps(result.data).decode()
        assert "messages.additional_tools=dropped" in said(result)


def test_roles_alternate_where_they_have_to() -> None:
    result = fitted(chat(USER, CALLS, *RESULTS, USER, USER), takes(alternate=True))
    roles = [message["role"] for message in body(result)["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert said(result) == {"messages=merged", "messages=added"}


def test_roles_alternate_where_as_many_turns_are_added_as_joined() -> None:
    call = {**CALLS, "tool_calls": CALLS["tool_calls"][:1]}
    result = fitted(chat(USER, call, RESULTS[0], USER, USER), takes(alternate=True))
    roles = [message["role"] for message in body(result)["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize("rule", ["nine", "short", "word"])
def test_a_call_and_its_result_get_the_same_id_that_fits(rule: str) -> None:
    odd = "x" * 70 if rule != "word" else "a.b"
    calls = {**CALLS, "tool_calls": [{**CALLS["tool_calls"][0], "id": odd}]}
    answered = {"role": "tool", "tool_call_id": odd, "content": "a cat"}
    first = body(fitted(chat(USER, calls, answered), takes(call_id=rule)))["messages"]
    given = first[1]["tool_calls"][0]["id"]
    assert given == first[2]["tool_call_id"] != odd
    assert len(given) == 9 if rule == "nine" else len(given) <= 40
    later = body(fitted(chat(USER, calls, answered, USER), takes(call_id=rule)))["messages"]
    assert later[:3] == first


def test_a_result_goes_with_the_call_that_no_other_dialect_has_words_for() -> None:
    asked = {"id": "c 1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    told = ({"role": "assistant", "tool_calls": [asked]}, {"role": "tool", "tool_call_id": "c 1", "content": "a.pdf"})
    for dialect in ("openai_responses", "anthropic", "gemini"):
        result = fitted(chat(USER, *told, USER), takes(dialect), dialect)
        assert "a.pdf" not in orjson.dumps(result.data).decode()
        assert {"messages.tool_calls=dropped", "messages.result=dropped"} <= said(result)
    kept = fitted(chat(USER, *told, USER, temperature=2), takes(call_id="nine", temperature_max=1))
    assert body(kept)["messages"][1:3] == list(told)


def test_a_result_that_does_not_say_whose_it_is_is_that_of_the_first_call_that_has_none() -> None:
    calls: list[dict[str, Any]] = [
        {"id": f"c{number}", "type": "function", "function": FUNCTION | {"arguments": "{}"}} for number in (1, 2)
    ]
    told: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "a"},
        {"role": "tool", "content": "b"},
    ]
    result = body(fitted(chat(USER, *told), takes("gemini"), "gemini"))
    answers = [part["functionResponse"] for part in result["contents"][2]["parts"]]
    assert [(each["id"], each["name"]) for each in answers] == [("c1", "look"), ("c2", "look")]


@pytest.mark.parametrize("dialect", ["openai_responses", "anthropic", "gemini"])
def test_of_ids_that_a_client_uses_again_each_is_one_calls_alone(dialect: str) -> None:
    """Anthropic refuses ids that are not, and Gemini wants the name of the very tool that answers."""
    turns: list[dict[str, Any]] = [USER]
    for name in ("look", "edit", "look"):
        call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": "{}"}}
        turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
        turns.append({"role": "tool", "tool_call_id": "call_0", "content": f"from {name}"})
    result = fitted(chat(*turns), takes(dialect), dialect)
    path = "/v1beta/models/m:generateContent"
    told = ModelRequest.read(dialect, orjson.dumps(result.data), path=path).prompt.turns
    made = [part for turn in told for part in turn.parts if isinstance(part, Call)]
    gave = [part for turn in told for part in turn.parts if isinstance(part, Result)]
    assert len({call.id for call in made}) == 3
    assert [call.id for call in made] == [each.call_id for each in gave]
    assert all(each.name in {"", call.name} for call, each in zip(made, gave, strict=True))
    assert "messages.call.id=renamed" in said(result)
    longer = body(fitted(chat(*turns, USER), takes(dialect), dialect))
    turns_at = {"openai_responses": "input", "anthropic": "messages", "gemini": "contents"}[dialect]
    assert longer[turns_at][: len(body(result)[turns_at]) - 1] == body(result)[turns_at][:-1]


def test_thousands_of_results_in_any_order_hold_nobody_up() -> None:
    turns: list[dict[str, Any]] = [
        USER,
        {**CALLS, "tool_calls": [{**CALLS["tool_calls"][0], "id": f"c{at}"} for at in range(8000)]},
    ]
    turns += [{**RESULTS[0], "tool_call_id": f"c{at}"} for at in reversed(range(8000))]
    prompt = chat(*turns)
    began = time.process_time()
    assert len(body(fitted(prompt, takes("anthropic"), "anthropic"))["messages"][2]["content"]) == 8000
    assert time.process_time() - began < 3


def test_ids_that_fit_stay() -> None:
    assert fitted(chat(USER, CALLS, *RESULTS), takes(call_id="word")).data is None


def test_a_tool_with_a_name_too_long_goes_by_another_everywhere() -> None:
    name = "look_at_everything_" * 6
    tool: dict[str, Any] = {"type": "function", "function": {**FUNCTION, "name": name}}
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    prompt = chat(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": name}},
    )
    result = fitted(prompt, takes(tool_name_max=64))
    other = body(result)["tools"][0]["function"]["name"]
    assert len(other) <= 64
    assert body(result)["messages"][1]["tool_calls"][0]["function"]["name"] == other
    assert body(result)["tool_choice"]["function"]["name"] == other
    assert dict(result.ours.names) == {other: name}
    assert said(result) == {"tools=renamed"}


def test_numbers_out_of_range_are_taken_to_its_end_and_unknown_knobs_left_out() -> None:
    result = fitted(chat(temperature=1.7, seed=7), takes(temperature_max=1.0, seed=False))
    assert body(result)["temperature"] == 1.0
    assert "seed" not in body(result)
    assert said(result) == {"temperature=clamped", "seed=dropped"}


def test_a_model_that_samples_by_itself_is_told_nothing_of_it() -> None:
    result = fitted(chat(temperature=0.2, top_p=0.9), takes(sampling=False))
    assert not {"temperature", "top_p"} & body(result).keys()


def test_stop_sequences_beyond_the_targets_number_are_left_to_us() -> None:
    result = fitted(chat(stop=["a", "b", "c"]), takes(stop_max=2))
    assert body(result)["stop"] == ["a", "b"]
    assert result.ours.stop == ("c",)
    assert said(result) == {"stop=moved"}


def test_a_tier_that_answers_later_is_for_those_who_wait() -> None:
    prompt, wanted = chat(service_tier="flex"), takes(service_tier=("auto", "default", "flex", "priority"))
    assert said(fitted(prompt, wanted)) == {"service_tier=dropped"}
    later = fit(prompt, DIALECTS["openai_chat"], "m", wanted, Room(), stream=False, interactive=False)
    assert later.data is None


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
WANTED = {"type": "json_schema", "json_schema": {"name": "found", "schema": SCHEMA}}


def test_where_no_schema_is_enforced_it_is_asked_for_in_words() -> None:
    result = fitted(chat(SYSTEM, USER, response_format=WANTED), takes(json_schema=False))
    assert body(result)["response_format"] == {"type": "json_object"}
    told = [message["content"] for message in body(result)["messages"] if message["role"] == "system"]
    assert told[0] == "Be brief." and '"a"' in told[1]
    assert said(result) == {"response_format=emulated"}
    neither = fitted(chat(USER, response_format=WANTED), takes(json_schema=False, json_object=False))
    assert "response_format" not in body(neither)


def test_nobody_is_answered_null_who_did_not_ask_for_it() -> None:
    """OpenAI demands every field of whoever is to be held strictly: what may be left out would be null."""
    loose = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "found", "schema": loose, "strict": True}}
    tool = {"type": "function", "function": {**FUNCTION, "parameters": loose, "strict": True}}
    result = fitted(chat(response_format=wanted, tools=[tool]), takes(schema="openai_strict"))
    assert body(result)["response_format"]["json_schema"] == {"name": "found", "schema": loose, "strict": False}
    assert body(result)["tools"][0]["function"] == {**FUNCTION, "parameters": loose, "strict": False}
    assert said(result) == {"response_format.strict=dropped", "tools.strict=dropped"}
    assert asked_for(result.changes) == ["response_format.strict"]


def test_a_tool_that_cannot_be_forced_is_asked_for() -> None:
    result = fitted(chat(USER, tools=[TOOL], tool_choice="required"), takes(tool_choice=False))
    assert body(result)["tool_choice"] == "auto"
    assert "tool" in body(result)["messages"][0]["content"]
    assert said(result) == {"tool_choice=emulated"}


def test_the_answer_is_no_longer_than_there_is_room() -> None:
    result = fitted(chat(max_tokens=5000), takes(), window=8192, max_output=4096, prompt=100)
    assert body(result)["max_tokens"] == 4096
    tight = fitted(chat(max_tokens=5000), takes(), window=8192, prompt=8000)
    assert body(tight)["max_tokens"] == 192
    assert said(tight) == {"max_tokens=clamped"}


def test_a_target_that_must_be_told_how_long_is_told() -> None:
    result = fitted(chat(), takes("anthropic"), "anthropic", window=200_000, max_output=64_000, prompt=10)
    assert body(result)["max_tokens"] == 64_000
    assert "max_tokens=added" in said(result)


def conversation(exchanges: int) -> Prompt:
    turns = [{"role": role, "content": f"{n} " + "x" * 396} for n in range(exchanges) for role in ("user", "assistant")]
    return chat(SYSTEM, *turns, {"role": "user", "content": "Last"})


def test_a_prompt_that_is_too_long_goes_without_its_oldest_exchanges() -> None:
    result = fitted(conversation(40), takes(), window=4096, prompt=8050, trim=True)
    messages = body(result)["messages"]
    assert messages[0] == SYSTEM
    assert messages[1]["role"] == "user"
    assert messages[-1]["content"] == "Last"
    assert sum(len(message["content"]) for message in messages) <= (4096 - 1024) * 4
    assert said(result) == {"messages=dropped"}
    assert f"of {82}" in result.changes[0].detail


def test_a_longer_conversation_keeps_the_beginning_of_the_shorter() -> None:
    """But for one in several: what goes, goes in steps."""
    starts = [
        body(fitted(conversation(n), takes(), window=4096, prompt=201 * n + 5, trim=True))["messages"][1]
        for n in range(16, 40)
    ]
    changes = sum(one != other for one, other in pairwise(starts))
    assert changes <= len(starts) // 3


def test_calls_go_with_their_results() -> None:
    prompt = chat(USER, CALLS, *RESULTS, {"role": "assistant", "content": "A cat. " * 200}, USER)
    messages = body(fitted(prompt, takes(), window=600, prompt=900, trim=True))["messages"]
    assert [message["role"] for message in messages] == ["user"]


def test_what_was_asked_for_is_told_from_hints() -> None:
    prompt = chat(USER, seed=7, user="u1", n=2)
    result = fitted(prompt, takes("anthropic"), "anthropic")
    assert set(asked_for(result.changes)) == {"seed", "n"}
