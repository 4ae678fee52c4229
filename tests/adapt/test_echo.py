"""Thoughts that must come back with what was said after them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.support.aimed import asked, sent

from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame

DEEPSEEK = ("vendor: deepseek", "deepseek-v4-pro")
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "a cat"}
SAID: dict[str, Any] = {"role": "assistant", "content": "A cat."}


def thoughts(body: dict[str, Any]) -> list[Any]:
    return [each.get("reasoning_content") for each in body["messages"] if each["role"] == "assistant"]


def test_a_chat_clients_thoughts_go_back_as_they_came() -> None:
    messages = [USER, {**CALLED, "reasoning_content": "Look."}, RESULT]
    result = sent("openai_chat", {"messages": messages}, *DEEPSEEK)
    assert result.body == {"model": DEEPSEEK[1], "messages": messages}
    assert result.changes == set()


@pytest.mark.parametrize("lacking", [{}, {"reasoning_content": ""}, {"reasoning_content": None}])
def test_what_another_vendor_thought_is_stood_in_for(lacking: dict[str, Any]) -> None:
    messages = [USER, {**CALLED, **lacking}, RESULT, {**SAID, **lacking}, USER]
    result = sent("openai_chat", {"messages": messages}, *DEEPSEEK)
    assert result.body["messages"] == [
        USER,
        {**CALLED, "reasoning_content": " "},
        RESULT,
        {**SAID, "reasoning_content": " "},
        USER,
    ]
    assert result.changes == {"messages.thought=added"}


def test_thoughts_by_another_name_go_by_this_one() -> None:
    messages = [USER, {**CALLED, "reasoning": "Look."}, RESULT]
    assert thoughts(sent("openai_chat", {"messages": messages}, *DEEPSEEK).body) == ["Look."]


@pytest.mark.parametrize("off", [{"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}])
def test_who_is_told_not_to_think_wants_no_thoughts(off: dict[str, Any]) -> None:
    body = sent("openai_chat", {"messages": [USER, CALLED, RESULT], **off}, *DEEPSEEK).body
    assert body == {"model": DEEPSEEK[1], "messages": [USER, CALLED, RESULT], "thinking": {"type": "disabled"}}


def test_not_to_think_is_said_by_deepseeks_own_field_whoever_asks() -> None:
    claude = {"max_tokens": 9, "thinking": {"type": "disabled"}, "messages": [USER, SAID, USER]}
    body = sent("anthropic", claude, *DEEPSEEK).body
    assert body["thinking"] == {"type": "disabled"} and "reasoning_effort" not in body
    assert thoughts(body) == [None]


def test_nobody_else_is_sent_any() -> None:
    messages = [USER, CALLED, RESULT]
    assert thoughts(sent("openai_chat", {"messages": messages}, "vendor: openai", "gpt-5.5").body) == [None]


@pytest.mark.parametrize("client", ["anthropic", "openai_responses"])
def test_what_a_client_of_another_dialect_was_told_goes_back(client: str) -> None:
    """From DeepSeek's answer, as the client hears it and sends it back, to DeepSeek again."""
    message = {**CALLED, "reasoning_content": "Look."}
    answer = {"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}
    first: dict[str, Any] = {"input": "Hi"} if client == "openai_responses" else {"messages": [USER], "max_tokens": 9}
    events = DIALECTS["openai_chat"].answer(orjson.dumps(answer))
    told = orjson.loads(DIALECTS[client].whole(events, Frame("1", "m", 0, asked(client, first)))[0])
    if client == "anthropic":
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}
        turns = [USER, {"role": "assistant", "content": told["content"]}, {"role": "user", "content": [result]}]
        body = sent(client, {"messages": turns, "max_tokens": 9}, *DEEPSEEK).body
    else:
        output = {"type": "function_call_output", "call_id": "c1", "output": "a cat"}
        body = sent(client, {"input": [USER, *told["output"], output]}, *DEEPSEEK).body
    assert thoughts(body) == ["Look."]
    assert [each["role"] for each in body["messages"]] == ["user", "assistant", "tool"]


def test_what_another_provider_signed_does_not() -> None:
    thought = {"type": "thinking", "thinking": "Mine.", "signature": "EqQB"}
    call: dict[str, Any] = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
    turns: list[dict[str, Any]] = [USER, {"role": "assistant", "content": [thought, call]}, USER]
    assert thoughts(sent("anthropic", {"messages": turns, "max_tokens": 9}, *DEEPSEEK).body) == [" "]
