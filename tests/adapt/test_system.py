"""System text in the middle of a conversation, where the model takes it and where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aimed import sent

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "system", "content": "Now in French."},
    {"role": "assistant", "content": "Salut"},
    {"role": "user", "content": "Go on"},
]


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-fable-5", "claude-sonnet-5"])
def test_claude_is_given_it_as_the_system(model: str) -> None:
    result = sent("openai_chat", {"messages": MESSAGES}, "vendor: anthropic", model)
    assert result.body["system"] == "Be brief."
    assert [message["role"] for message in result.body["messages"]] == ["user", "system", "assistant", "user"]
    assert result.body["messages"][1]["content"] == [{"type": "text", "text": "Now in French."}]
    assert result.changes == {"max_tokens=added"}


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-7", "claude-sonnet-9"])
def test_a_model_that_does_not_take_it_has_it_in_its_place_as_the_users(model: str) -> None:
    result = sent("openai_chat", {"messages": MESSAGES}, "vendor: anthropic", model)
    assert [message["role"] for message in result.body["messages"]] == ["user", "assistant", "user"]
    assert result.body["messages"][0]["content"][1]["text"] == "<system>\nNow in French.\n</system>"
    assert "messages.system=rewritten" in result.changes


def test_nobody_whose_model_is_unknown_is_taken_to() -> None:
    provider = "dialect: anthropic, base_url: 'https://llm.example/v1'"
    assert [
        message["role"] for message in sent("openai_chat", {"messages": MESSAGES}, provider, "m").body["messages"]
    ] == ["user", "assistant", "user"]
