"""Conversations of which another dialect can say nothing: they go nowhere, or as what they are."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aimed import asked, policy, sent

from policyroute import RoutingState

DIALECTS = ("openai_chat", "openai_responses", "anthropic", "gemini")
FILMED: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
    "anthropic": {
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}]}]},
    "openai_responses": {"input": [{"role": "user", "content": [{"type": "input_text", "text": ""}]}]},
}


def server(dialect: str) -> str:
    return f"dialect: {dialect}, base_url: 'https://llm.example/v1'"


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("client", FILMED)
def test_nobody_is_sent_an_empty_conversation(client: str, provider: str) -> None:
    takes = "supports: {images: true, files: true, audio: true, video: true}"
    rules = policy(f"{{{server(provider)}}}", f"{{provider: p, model: m, {takes}}}")
    decision = rules.decide(asked(client, FILMED[client]), RoutingState.empty(), 0.0)
    if client == provider:
        assert decision.candidates
        return
    denied = decision.denied
    assert denied is not None and (denied.status, denied.code) == (400, "unsupported")
    assert [each.code for each in decision.excluded] == ["unsupported"]


SYSTEM: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "system", "content": "Say hi."}]},
    "openai_responses": {"input": [{"role": "developer", "content": "Say hi."}]},
}


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("client", SYSTEM)
def test_where_only_the_system_speaks_another_dialect_hears_the_user(client: str, provider: str) -> None:
    result = sent(client, SYSTEM[client], server(provider), "m")
    turns: list[dict[str, Any]] = next(
        result.body[name] for name in ("messages", "input", "contents") if name in result.body
    )
    assert len(turns) == 1
    assert ("system=moved" in result.changes) is (client != provider)
    assert (turns[0]["role"] == "user") is (client != provider)
    assert "Say hi." in str(turns)


def test_so_does_a_model_that_must_hear_the_user_last() -> None:
    result = sent("openai_chat", SYSTEM["openai_chat"], "vendor: mistral", "mistral-small-latest")
    assert result.body["messages"] == [{"role": "user", "content": "Say hi."}]


def test_what_can_be_said_of_it_is_sent() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    body = {"messages": [{"role": "user", "content": [image]}]}
    result = sent("openai_chat", body, server("anthropic"), "m")
    assert [block["type"] for block in result.body["messages"][0]["content"]] == ["image"]


@pytest.mark.parametrize("provider", ["openai_responses", "anthropic", "gemini"])
@pytest.mark.parametrize("wish", ["adapt", "error"])
def test_nor_a_conversation_without_what_was_said_last(provider: str, wish: str) -> None:
    file = {"type": "file", "file": {"file_id": "f"}}
    turns = [("user", "Look at this."), ("assistant", "At what?"), ("user", [file])]
    body = {"messages": [{"role": role, "content": content} for role, content in turns]}
    rules = policy(
        f"{{{server(provider)}}}", "{provider: p, model: m}", f"{{route: [t], fallback: {{on_unsupported: {wish}}}}}"
    )
    decision = rules.decide(asked("openai_chat", body), RoutingState.empty(), 0.0)
    assert decision.denied is not None and decision.denied.code == "unsupported"
    body["messages"].append({"role": "user", "content": "Well?"})
    again = rules.decide(asked("openai_chat", body), RoutingState.empty(), 0.0)
    assert bool(again.candidates) is (wish == "adapt")


def test_an_empty_verbosity_is_left_out() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "verbosity": ""}
    assert "text" not in sent("openai_chat", body, server("openai_responses"), "m").body
